// SPDX-License-Identifier: Apache-2.0
// jq programs in the sandbox: what they make, what is said to mistakes, and that nothing they try does harm: after each
// of them the next one is answered.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/pool.h"
#include "sandbox/internal.h"

#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BODY "{\"a\":1,\"list\":[{\"x\":1},{\"x\":2}]}"

static struct sandbox *open_box(unsigned time_ms, size_t memory_bytes)
{
	struct sandbox *s;
	struct err e = ERR_NONE;
	const struct sandbox_options o = {.time_ms = time_ms, .memory_bytes = memory_bytes};
	assert_int_equal(sandbox_open(&o, &s, &e), RC_OK);
	return s;
}

static enum rc run(struct sandbox *s, const char *program, const char *body, struct buf *out, struct err *e)
{
	*e = ERR_NONE;
	buf_clear(out);
	return sandbox_run(s, sv_from(program), sv_from(body), out, e);
}

static void assert_made(struct sandbox *s, const char *program, const char *body, const char *made)
{
	struct buf out = buf_new(SANDBOX_OUTPUT_MAX);
	struct err e;
	if (run(s, program, body, &out, &e) != RC_OK)
		fail_msg("%s: %s", program, e.message);
	if (!sv_equal(buf_view(&out), sv_from(made)))
		fail_msg("%s: %.*s", program, SV_ARG(buf_view(&out)));
	buf_free(&out);
}

static void assert_refused(struct sandbox *s, const char *program, const char *body, const char *begins)
{
	struct buf out = buf_new(SANDBOX_OUTPUT_MAX);
	struct err e;
	enum rc rc = run(s, program, body, &out, &e);
	if (rc != RC_INPUT || !sv_starts(sv_from(e.message), sv_from(begins)))
		fail_msg("%s: %d %s", program, (int)rc, e.message);
	assert_int_equal(out.len, 0);
	buf_free(&out);
}

static void makes(void **state)
{
	(void)state;
	struct sandbox *s = open_box(20000, 0);
	assert_made(s, ".", BODY, "[" BODY "]");
	assert_made(s, ".list[] | {y: .x}", BODY, "[{\"y\":1},{\"y\":2}]");
	assert_made(s, "empty", BODY, "[]");
	assert_made(s, "select(.a > 1)", BODY, "[]");
	assert_made(
		s, ".[] | {v: .}", "[1,\"\xC3\xA4\",null]", "[{\"v\":1},{\"v\":\"\xC3\xA4\"},{\"v\":null}]");
	assert_made(s, "{t: (\"2015-03-05T23:51:47Z\" | fromdate)}", BODY, "[{\"t\":1425599507}]");
	assert_made(s, "{m: (\"ab12\" | capture(\"(?<n>[0-9]+)\") | .n)}", BODY, "[{\"m\":\"12\"}]");
	assert_made(s, "def f(x): x + 1; {n: f(.a)}", BODY, "[{\"n\":2}]");
	// More programs than are kept compiled, and the first one again.
	for (unsigned i = 0; i < 12; i++) {
		char program[40], made[40];
		snprintf(program, sizeof(program), "{n: (.a + %u)}", i % 11);
		snprintf(made, sizeof(made), "[{\"n\":%u}]", i % 11 + 1);
		assert_made(s, program, BODY, made);
	}
	struct err e = ERR_NONE;
	assert_int_equal(sandbox_check(s, SV(".a | {a: .}"), &e), RC_OK);
	assert_int_equal(sandbox_check(s, SV(".a |"), &e), RC_INPUT);
	struct sandbox_stats stats;
	sandbox_stats(s, &stats);
	assert_int_equal(stats.started, 1); // one thread needs one
	assert_int_equal(stats.ended, 0);
	assert_int_equal(stats.failures, 1);
	sandbox_close(&s);
}

static void mistakes(void **state)
{
	(void)state;
	struct sandbox *s = open_box(20000, 0);
	struct err e = ERR_NONE;
	struct buf out = buf_new(SANDBOX_OUTPUT_MAX);
	static char long_program[SANDBOX_PROGRAM_MAX + 1];
	assert_refused(s, ".a |", BODY, "the program is wrong: syntax error");
	assert_refused(s, "nothing", BODY, "the program is wrong: nothing/0 is not defined");
	assert_refused(s, ".a.b", BODY, "the program raised an error: Cannot index number with string");
	assert_refused(s, "error(\"so\")", BODY, "the program raised an error: so");
	assert_refused(s, "{a: 1}, error({b: 1})", BODY, "the program raised an error: {\"b\":1}");
	assert_refused(s, ".a", BODY, "the program may make objects only; it made a number");
	assert_refused(s, "{a: 1}, [1]", BODY, "the program may make objects only; it made a list");
	assert_refused(s, ".", "{\"a\":", "the body is no JSON");
	assert_refused(s, ".", "", "the body is no JSON");
	assert_refused(s, "range(20000) | {a: .}", BODY, "the program makes too many objects");
	assert_refused(s, "(\"x\" * 20000) as $s | range(300) | {a: $s}", BODY,
		"the program makes more bytes than are allowed");
	memset(long_program, ' ', sizeof(long_program));
	assert_int_equal(
		sandbox_run(s, (struct sv){long_program, sizeof(long_program)}, SV("{}"), &out, &e), RC_LIMIT);
	e = ERR_NONE;
	assert_int_equal(sandbox_run(s, SV(""), SV("{}"), &out, &e), RC_LIMIT);
	e = ERR_NONE;
	assert_int_equal(sandbox_run(s, (struct sv){".\0.", 3}, SV("{}"), &out, &e), RC_INPUT);
	assert_made(s, ".", "{}", "[{}]");
	buf_free(&out);
	sandbox_close(&s);
}

// What programs know and can reach.
static void reaches_nothing(void **state)
{
	(void)state;
	struct sandbox *s = open_box(20000, 0);
	setenv("CORRIDOR_SECRET", "do not tell", 1);
	assert_made(s, "{e: env}", "{}", "[{\"e\":{}}]");
	assert_made(s, "{e: $ENV}", "{}", "[{\"e\":{}}]");
	assert_made(s, "{e: env.CORRIDOR_SECRET, p: $ENV.PATH}", "{}", "[{\"e\":null,\"p\":null}]");
	assert_refused(s, "import \"a\" as a; {}", "{}", "the program is wrong: ");
	assert_refused(s, "include \"a\"; {}", "{}", "the program is wrong: ");
	assert_refused(s, "import \"/etc/passwd\" as $d; {d: $d}", "{}", "the program is wrong: ");
	assert_refused(
		s, "import \"passwd\" as $d {search: \"/etc\"}; {d: $d}", "{}", "the program is wrong: ");
	assert_refused(s, "{m: (\"passwd\" | modulemeta)}", "{}", "the program ");
	assert_made(s, "{s: get_search_list}", "{}", "[{\"s\":[]}]");
	assert_refused(s, "input", "{}", "the program raised an error: ");
	assert_made(s, "{i: [inputs]}", "{}", "[{\"i\":[]}]");
	assert_made(s, "debug", "{}", "[{}]");
	assert_made(s, "stderr", "{}", "[{}]");
	assert_made(s, "halt", "{}", "[]");
	assert_made(s, "{a: 1}, halt, {b: 2}", "{}", "[{\"a\":1}]");
	assert_refused(s, "\"so\" | halt_error", "{}", "the program raised an error: so");
	assert_refused(s, "{} | halt_error(1)", "{}", "the program raised an error: {}");
	struct buf out = buf_new(SANDBOX_OUTPUT_MAX);
	struct err e;
	// Unknown here, however it is said.
	enum rc rc = run(s, "{f: input_filename}", "{}", &out, &e);
	assert_true(rc == RC_INPUT || sv_equal(buf_view(&out), SV("[{\"f\":null}]")));
	// The time zone is none that a file would have to be opened for.
	assert_made(s, "{t: (0 | localtime | mktime)}", "{}", "[{\"t\":0}]");
	assert_made(s, ".", "{}", "[{}]");
	struct sandbox_stats stats;
	sandbox_stats(s, &stats);
	assert_int_equal(stats.ended, 0); // none of it had to be ended
	buf_free(&out);
	sandbox_close(&s);
}

// Programs that do not end, or take all there is; after each the next body is answered.
static void does_no_harm(void **state)
{
	(void)state;
	struct sandbox *fast = open_box(400, (size_t)256 << 20);
	static const char *const programs[] = {
		"def f: f; f",
		"def f: 1 + f; {a: f}",
		"range(1; infinite) | empty",
		"[range(1e9)] | {a: length}",
		"[limit(1e9; repeat(\"aaaaaaaaaaaaaaaa\"))] | {a: .}",
		"reduce range(1e9) as $i (\"x\"; . + .) | {a: .}",
		"def f: [f]; {a: f}",
		"last(range(1e12)) | {a: .}",
		"[recurse(if . < 1e9 then . + 1 else empty end)] | {a: length}",
		"until(false; .)",
	};
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		assert_refused(fast, programs[i], "1", "the program ");
		struct sandbox *s = open_box(20000, 0); // patient: the machine may be busy
		assert_made(s, ".", "{}", "[{}]");
		sandbox_close(&s);
	}
	struct sandbox_stats stats;
	sandbox_stats(fast, &stats);
	assert_int_equal(stats.runs, sizeof(programs) / sizeof(programs[0]));
	assert_int_equal(stats.failures, stats.runs);
	assert_true(stats.ended > 0 && stats.started >= stats.ended);
	sandbox_close(&fast);
}

// The same box goes on after a program had to be ended.
static void goes_on(void **state)
{
	(void)state;
	struct sandbox *s = open_box(5000, (size_t)256 << 20);
	for (unsigned i = 0; i < 3; i++) {
		assert_refused(s, "[range(1e9)] | {a: length}", "{}", "the program ");
		assert_made(s, "{a: 1}", "{}", "[{\"a\":1}]");
	}
	sandbox_close(&s);
}

struct caller {
	struct sandbox *s;
	unsigned number;
	atomic_uint *wrong;
};

static void call_often(void *context)
{
	struct caller *c = context;
	char program[60], body[60], made[60];
	for (unsigned i = 0; i < 60; i++) {
		struct buf out = buf_new(1 << 16);
		struct err e = ERR_NONE;
		snprintf(program, sizeof(program), "{n: (.n * %u)}", i % 5);
		snprintf(body, sizeof(body), "{\"n\":%u}", c->number * 100 + i);
		snprintf(made, sizeof(made), "[{\"n\":%u}]", (c->number * 100 + i) * (i % 5));
		enum rc rc = sandbox_run(c->s, sv_from(program), sv_from(body), &out, &e);
		if (rc != RC_OK || !sv_equal(buf_view(&out), sv_from(made)))
			atomic_fetch_add(c->wrong, 1);
		buf_free(&out);
	}
}

static void many_at_once(void **state)
{
	enum { CALLERS = 5 };
	(void)state;
	struct sandbox *s = open_box(20000, 0);
	struct caller callers[CALLERS];
	struct thread *threads[CALLERS];
	atomic_uint wrong = 0;
	for (unsigned i = 0; i < CALLERS; i++) {
		callers[i] = (struct caller){s, i, &wrong};
		threads[i] = thread_start(call_often, &callers[i]);
		assert_non_null(threads[i]);
	}
	for (unsigned i = 0; i < CALLERS; i++)
		thread_join(&threads[i]);
	assert_int_equal(atomic_load(&wrong), 0);
	struct sandbox_stats stats;
	sandbox_stats(s, &stats);
	assert_int_equal(stats.runs, CALLERS * 60);
	assert_true(stats.started <= 2);
	sandbox_close(&s);
}

static void no_executable(void **state)
{
	(void)state;
	const struct sandbox_options o = {.executable = "/nothing/there"}, wrong = {.executable = "/bin/false"};
	struct sandbox *s;
	struct err e = ERR_NONE;
	struct buf out = buf_new(1000);
	assert_int_equal(sandbox_open(&o, &s, &e), RC_OK);
	assert_int_equal(sandbox_run(s, SV("."), SV("{}"), &out, &e), RC_IO);
	sandbox_close(&s);
	assert_int_equal(sandbox_open(&wrong, &s, &e), RC_OK);
	e = ERR_NONE;
	assert_int_equal(sandbox_run(s, SV("."), SV("{}"), &out, &e), RC_IO);
	sandbox_close(&s);
	buf_free(&out);
}

// --- workers that somebody has got hold of ---

#define ROGUE_BYTES ((size_t)123456789) // the worker with so much memory is one

static void say(struct answer a, const char *text, size_t n)
{
	if (write(WORKER_FD, &a, sizeof(a)) != (ssize_t)sizeof(a) || write(WORKER_FD, text, n) != (ssize_t)n)
		_exit(1);
}

// What the program says is what it does wrong.
static int rogue_worker(void)
{
	struct request r;
	char program[100], many[REASON_MAX + 1] = {0};
	while (read(WORKER_FD, &r, sizeof(r)) == (ssize_t)sizeof(r)) {
		struct answer a = {r.number, ANSWER_LIST, 2}, more = {r.number, ANSWER_LIST, 14};
		const char *text = "[]";
		size_t n = 2;
		if (r.program_bytes >= sizeof(program) || r.body_bytes > 2 ||
			read(WORKER_FD, program, r.program_bytes) != (ssize_t)r.program_bytes ||
			read(WORKER_FD, many, r.body_bytes) != (ssize_t)r.body_bytes)
			_exit(1);
		struct sv what = {program, r.program_bytes};
		if (sv_equal(what, SV("kind")))
			a.kind = 9;
		if (sv_equal(what, SV("no kind")))
			a.kind = 0;
		if (sv_equal(what, SV("number")))
			a.number++;
		if (sv_equal(what, SV("huge")))
			a.bytes = UINT32_MAX;
		if (sv_equal(what, SV("reason")))
			a = (struct answer){r.number, ANSWER_REASON, sizeof(many)};
		if (sv_equal(what, SV("nomem")))
			a.kind = ANSWER_NOMEM;
		if (sv_equal(what, SV("surplus")) || (sv_equal(what, SV("used")) && r.number > 1)) {
			text = "[],{\"a\":1}]";
			n = 11;
		}
		if (sv_equal(what, SV("half")))
			a.bytes = 10;
		char frame[sizeof(a) + 16];
		memcpy(frame, &a, sizeof(a));
		memcpy(frame + sizeof(a), text, n);
		if (write(WORKER_FD, frame, sizeof(a) + n) != (ssize_t)(sizeof(a) + n) ||
			sv_equal(what, SV("half")))
			_exit(0);
		if (sv_equal(what, SV("late")))
			say(more, "[{\"forged\":1}]", 14);
	}
	_exit(0);
}

static uint64_t ended(struct sandbox *s)
{
	struct sandbox_stats stats;
	sandbox_stats(s, &stats);
	return stats.ended;
}

static void rogues(void **state)
{
	(void)state;
	static const char *const wrong[] = {"kind", "no kind", "number", "huge", "reason", "nomem", "surplus"};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct sandbox *s = open_box(20000, ROGUE_BYTES);
		assert_refused(s, wrong[i], "{}", "the process for the program said what is no answer");
		assert_int_equal(ended(s), 1);
		assert_made(s, ".", "{}", "[]"); // by another one
		// After good ones it is tried once more.
		assert_refused(s, wrong[i], "{}", "the process for the program said what is no answer");
		assert_made(s, ".", "{}", "[]");
		assert_made(s, "used", "{}", "[]");
		struct sandbox_stats stats;
		sandbox_stats(s, &stats);
		assert_int_equal(stats.started, 5);
		sandbox_close(&s);
	}
	struct sandbox *s = open_box(20000, ROGUE_BYTES);
	assert_refused(s, "half", "{}", "the program broke off");
	assert_made(s, ".", "{}", "[]");
	sandbox_close(&s);
}

// What comes behind an answer is taken for the answer to nothing that follows, whenever it comes.
static void nothing_is_left_behind(void **state)
{
	(void)state;
	struct sandbox *s = open_box(20000, ROGUE_BYTES);
	for (unsigned i = 0; i < 30; i++) {
		struct buf out = buf_new(1000);
		struct err e;
		const struct timespec a_while = {0, 100000 * (i % 5)};
		enum rc rc = run(s, "late", "{}", &out, &e);
		assert_true(rc == RC_INPUT || (rc == RC_OK && sv_equal(buf_view(&out), SV("[]"))));
		buf_free(&out);
		nanosleep(&a_while, NULL);
		assert_made(s, ".", "{}", "[]");
	}
	sandbox_close(&s);
}

// --- ends ---

static unsigned open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;
	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static int leaves_nothing(void **state)
{
	(void)state;
	static unsigned before;
	if (before == 0) {
		before = open_files();
		return 0;
	}
	assert_int_equal(open_files(), before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); // no process is left
	assert_int_equal(errno, ECHILD);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], SANDBOX_ARGUMENT) == 0 && strtoul(argv[2], NULL, 10) == ROGUE_BYTES)
		return rogue_worker();
	if (argc > 1 && strcmp(argv[1], SANDBOX_ARGUMENT) == 0)
		return sandbox_worker(argc - 2, argv + 2);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes),
		cmocka_unit_test(mistakes),
		cmocka_unit_test(reaches_nothing),
		cmocka_unit_test(does_no_harm),
		cmocka_unit_test(goes_on),
		cmocka_unit_test(rogues),
		cmocka_unit_test(nothing_is_left_behind),
		cmocka_unit_test(many_at_once),
		cmocka_unit_test(no_executable),
	};
	return cmocka_run_group_tests(tests, leaves_nothing, leaves_nothing);
}
