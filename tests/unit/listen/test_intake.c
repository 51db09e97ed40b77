// SPDX-License-Identifier: Apache-2.0
// Group commit: many threads deliver at once, every acknowledged message is there once; what is not understood is in
// quarantine; visitors who sign in are linked; pausing lets everything through first; a disk that fails is told.
#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "import_support.h"

#include "base/mem.h"
#include "base/pool.h"
#include "listen/intake.h"
#include "people/people.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

static struct store *open_new(const struct work *w, const struct io *io)
{
	struct err e = ERR_NONE;
	struct store *s = NULL;
	char dir[200];
	snprintf(dir, sizeof(dir), "%s/data", w->dir);
	store_create(dir, sv_from(corridor), "corridor.yaml", SV("test"), &e);
	const struct store_options o = {.io = io, .seal_rows = 700, .compact_in_background = true};
	e = ERR_NONE;
	assert_int_equal(store_open(dir, &o, &s, &e), RC_OK);
	return s;
}

static uint64_t stored(struct store *s)
{
	struct err e = ERR_NONE;
	struct snapshot *sn;
	struct snapshot_stats stats;
	assert_int_equal(snapshot_open(s, &sn, &e), RC_OK);
	snapshot_stats(sn, &stats);
	snapshot_close(&sn);
	return stats.n_interactions;
}

static int64_t count(struct store *s, const char *sql)
{
	struct err e = ERR_NONE;
	struct db_stmt *q;
	bool row;
	assert_int_equal(db_prepare(store_db(s), sql, &q, &e), RC_OK);
	assert_int_equal(db_step(q, &row, &e), RC_OK);
	int64_t n = db_i64(q, 0);
	db_reset(q);
	return n;
}

struct sender {
	struct intake *intake;
	unsigned number;
	atomic_uint *told, *durable;
	atomic_uint busy;
	struct telling *telling;
};

// What the intake's hook hears.
struct telling {
	atomic_int now, times;
};

static void telling(void *context, bool begins)
{
	struct telling *t = context;
	atomic_fetch_add(&t->now, begins ? 1 : -1);
	atomic_fetch_add(&t->times, 1);
}

enum { SENDERS = 4, BODIES = 120, PER_BODY = 5 };

static void told(void *context, const struct intake_result *r)
{
	struct sender *s = context;
	assert(atomic_load(&s->telling->now) == 1);
	atomic_fetch_add(s->told, 1);
	atomic_fetch_add(s->durable, r->rc == RC_OK);
}

static enum rc deliver_some(struct intake *i, const char *body, bool gathered, intake_done *done, void *context,
	struct wire_result *result, struct err *e)
{
	const struct intake_delivery d = {
		.gathered = gathered,
		.kind = WIRE_SEGMENT_BATCH,
		.body = sv_from(body),
		.context = {.source = SV("shop"), .received_ms = INT64_C(1795000000000)},
		.file = "tracking/test",
		.done = done,
		.done_context = context,
	};
	return intake_deliver(i, &d, result, e);
}

static enum rc deliver(struct intake *i, const char *body, intake_done *done, void *context,
	struct wire_result *result, struct err *e)
{
	return deliver_some(i, body, false, done, context, result, e);
}

// Half of the messages come from two senders. Some senders gather what they bring.
static void send_all(void *context)
{
	struct sender *s = context;
	for (unsigned b = 0; b < BODIES; b++) {
		char body[2000];
		int n = snprintf(body, sizeof(body), "{\"batch\":[");
		for (unsigned m = 0; m < PER_BODY; m++)
			n += snprintf(body + n, sizeof(body) - (size_t)n,
				"%s{\"type\":\"track\",\"event\":\"Call\",\"userId\":\"u-%u\",\"messageId\":"
				"\"m-%u-%u-%u\","
				"\"timestamp\":\"2026-11-01T10:00:%02u.%03uZ\"}",
				m ? "," : "", b % 17, m % 2 ? s->number / 2 : s->number + 10, b, m, b % 60, m);
		snprintf(body + n, sizeof(body) - (size_t)n, "]}");
		struct wire_result result;
		struct err e = ERR_NONE;
		enum rc rc;
		while ((rc = deliver_some(s->intake, body, s->number > 1, told, s, &result, &e)) == RC_BUSY) {
			e = ERR_NONE;
			intake_go(s->intake);
			atomic_fetch_add(&s->busy, 1);
			usleep(200);
		}
		assert(rc == RC_OK);
		if (b % 3 == 0)
			intake_go(s->intake);
	}
	intake_go(s->intake);
}

static void many_senders(void **state)
{
	struct store *s = open_new(*state, NULL);
	struct intake *i;
	struct err e = ERR_NONE;
	atomic_uint n_told = 0, n_durable = 0;
	struct sender senders[SENDERS];
	struct thread *threads[SENDERS];
	struct telling hears = {0};
	const struct intake_options o = {
		.store = s, .lanes = 2, .waiting_bytes_max = 20000, .telling = telling, .context = &hears};
	assert_int_equal(intake_open(&o, &i, &e), RC_OK);
	for (unsigned t = 0; t < SENDERS; t++) {
		senders[t] = (struct sender){
			.intake = i, .number = t, .told = &n_told, .durable = &n_durable, .telling = &hears};
		threads[t] = thread_start(send_all, &senders[t]);
	}
	for (unsigned t = 0; t < SENDERS; t++)
		thread_join(&threads[t]);
	struct intake_stats stats;
	intake_pause(i); // all that was taken is durable and told after this
	assert_int_equal(atomic_load(&n_told), SENDERS * BODIES);
	assert_int_equal(atomic_load(&n_durable), SENDERS * BODIES);
	intake_resume(i);
	intake_stats(i, &stats);
	// Odd messages of senders 0 and 1 are the same, and those of 2 and 3.
	const uint64_t odd = PER_BODY / 2, even = PER_BODY - odd;
	const uint64_t expected = (uint64_t)BODIES * (SENDERS * even + SENDERS / 2 * odd);
	assert_int_equal(stats.interactions, expected);
	assert_int_equal(stats.duplicates, (uint64_t)SENDERS * BODIES * PER_BODY - expected);
	assert_int_equal(stats.deliveries, SENDERS * BODIES);
	assert_true(stats.commits <= stats.deliveries);
	assert_int_equal(atomic_load(&hears.now), 0);
	assert_true((uint64_t)atomic_load(&hears.times) >= 2 * stats.commits);
	assert_int_equal(stats.waiting_bytes, 0);
	intake_close(&i);
	assert_int_equal(stored(s), expected);
	store_close(&s);
}

static void note(void *context, const struct intake_result *r)
{
	*(enum rc *)context = r->rc;
}

static void refused_and_linked(void **state)
{
	struct store *s = open_new(*state, NULL);
	struct intake *i;
	struct err e = ERR_NONE;
	struct wire_result result;
	enum rc rc = RC_COUNT;
	struct clock clock = clock_fixed(INT64_C(1795000000000));
	const struct intake_options o = {.store = s, .clock = &clock, .lanes = 1, .quarantine_max = 2};
	assert_int_equal(intake_open(&o, &i, &e), RC_OK);
	assert_int_equal(
		deliver(i,
			"{\"batch\":[{\"type\":\"page\",\"anonymousId\":\"a\",\"messageId\":\"1\"},"
			"{\"type\":\"identify\",\"anonymousId\":\"a\",\"userId\":\"u\",\"messageId\":\"2\"},"
			"{\"type\":\"track\",\"messageId\":\"3\"}]}",
			note, &rc, &result, &e),
		RC_OK);
	intake_pause(i);
	assert_int_equal(rc, RC_OK);
	assert_int_equal(result.n_rejected, 1);
	assert_int_equal(count(s, "SELECT count(*) FROM quarantine"), 1);
	assert_int_equal(stored(s), 2);
	intake_resume(i);

	// Not JSON: refused as a whole, nobody is told.
	rc = RC_COUNT;
	assert_int_equal(deliver(i, "no JSON", note, &rc, &result, &e), RC_INPUT);
	e = ERR_NONE;
	// The same bad message again is in quarantine once; then it is full.
	for (unsigned k = 0; k < 2; k++) {
		assert_int_equal(deliver(i, "{\"batch\":[{\"type\":\"track\",\"messageId\":\"4\"}]}", note, &rc,
					 &result, &e),
			k ? RC_LIMIT : RC_OK);
		intake_pause(i);
		intake_resume(i);
	}
	intake_close(&i);
	assert_int_equal(count(s, "SELECT count(*) FROM quarantine"), 2);

	// The pair becomes a link when it is due, a second later; undone, it is not made again by the same pair.
	e = ERR_NONE;
	struct people *p;
	struct people_linked linked;
	assert_int_equal(people_open(s, &clock, &p, &e), RC_OK);
	assert_true(people_waiting(p) <= 1); // the intake may have made it already
	assert_int_equal(people_link(p, 100, &linked, &e), RC_OK);
	assert_int_equal(count(s, "SELECT count(*) FROM overlay WHERE kind = 2"), 1);
	struct arena *a = arena_new(0);
	struct overlay_receipt receipt;
	assert_int_equal(store_unlink(s, SV("anonymous:a"), SV("tester"), a, &receipt, &e), RC_OK);
	assert_int_equal(people_pair(p, store_db(s), SV("anonymous:a"), SV("user:u"), 0, &e), RC_OK);
	assert_int_equal(people_waiting(p), 0);
	people_close(&p);
	arena_free(&a);
	store_close(&s);
}

static enum rc deny(void *context, struct sv key, struct wire_context *c, struct err *e)
{
	(void)context;
	c->source = SV("by-key");
	return sv_equal(key, SV("right")) ? RC_OK : err_set(e, RC_DENIED, "wrong key");
}

static void key_in_the_body(void **state)
{
	struct store *s = open_new(*state, NULL);
	struct intake *i;
	struct err e = ERR_NONE;
	struct wire_result result;
	enum rc rc = RC_COUNT;
	const struct intake_options o = {.store = s, .lanes = 1};
	assert_int_equal(intake_open(&o, &i, &e), RC_OK);
	const char *const bodies[] = {
		"{\"writeKey\":\"wrong\",\"batch\":[{\"type\":\"page\",\"userId\":\"u\"}]}",
		"{\"batch\":[{\"type\":\"page\",\"userId\":\"u\"}]}",
		"{\"writeKey\":\"right\",\"batch\":[{\"type\":\"page\",\"userId\":\"u\"}]}"};
	for (unsigned k = 0; k < 3; k++) {
		const struct intake_delivery d = {.kind = WIRE_SEGMENT_BATCH,
			.body = sv_from(bodies[k]),
			.context = {.source = SV("none"), .received_ms = INT64_C(1795000000000)},
			.authorize = deny,
			.file = "tracking/test",
			.done = note,
			.done_context = &rc};
		e = ERR_NONE;
		assert_int_equal(intake_deliver(i, &d, &result, &e), k < 2 ? RC_DENIED : RC_OK);
	}
	intake_close(&i);
	assert_int_equal(rc, RC_OK);
	assert_int_equal(stored(s), 1);
	store_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(many_senders, work_open, work_close),
		cmocka_unit_test_setup_teardown(refused_and_linked, work_open, work_close),
		cmocka_unit_test_setup_teardown(key_in_the_body, work_open, work_close),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
