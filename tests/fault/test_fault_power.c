// SPDX-License-Identifier: Apache-2.0
// Power failures: whole lives of a data directory are recorded, and at every moment of them the power fails (power.h).
// The program opens what is left: all that was acknowledged before is there exactly once; what was under way is there
// wholly or not at all; the directory verifies; and life goes on from there.
#include "fault_os.h"
#include "power.h"
#include "world.h"

#include "../unit/journey/store_kit.h"

#include <sys/stat.h>

// A life: operations one after the other, each a command of its own or all in one open store.
struct life {
	const char *name;
	const char *operations[6];
	bool one_store;
};

static const struct life lives[] = {
	{"create", {"create"}, false},
	{"append", {"append"}, false},
	{"seal", {"seal"}, false},
	{"seal and go on", {"seal", "append", "seal", "compact"}, true},
	{"adopt", {"adopt"}, false},
	{"erase and merge", {"erase", "compact"}, false},
	{"link, erase, adopt", {"link", "erase", "adopt"}, true},
	{"append with links", {"append with links", "seal"}, true},
	{"append, backup", {"append", "backup"}, false},
	{"backup by links", {"backup by links"}, false},
	{"unlink", {"unlink"}, false},
	{"replay, erase person", {"replay", "erase person", "compact"}, true},
	{"erase single and merge", {"erase single", "compact"}, true},
	{"overlays", {"compact overlays"}, false},
	{"adopt over overlays", {"adopt over overlays"}, false},
	{"import", {"import", "replay", "drop"}, true},
	{"replay", {"replay", "drop"}, false},
	{"load", {"load", "append"}, true},
	{"repair keys", {"repair keys"}, false},
	{"repair chunk", {"repair chunk", "append"}, false},
	{"repair footer", {"repair footer"}, false},
	{"export", {"append", "export file"}, false},
};
enum { LIVES = sizeof(lives) / sizeof(lives[0]), STEPS = 6 };

struct replay {
	struct world *w;
	const struct life *life;
	struct power *p;
	struct world_state states[STEPS + 1]; // before the first step, after each
	struct world_state partly[STEPS + 1]; // what a step under way may leave besides those
	size_t n_steps;
	uint64_t n_crashes;
	bool fired;    // the fault was reached
	char left[80]; // where crashes are built
};

// Mark 2i + 1: step i was begun; 2i + 2: it was acknowledged.
static void record(struct replay *r, uint64_t fault_at)
{
	struct err e = ERR_NONE;
	const struct operation *first = world_find(r->life->operations[0]);
	world_prepare(r->w, first, &r->states[0]);
	r->p = power_record(r->w->root);
	struct store *s = r->life->one_store ? world_open(r->w, &e) : NULL;
	assert_true(s || !r->life->one_store);
	os_fault_at(fault_at, FAULT_EIO, false);
	r->n_steps = 0;
	for (size_t i = 0; i < STEPS && r->life->operations[i]; i++) {
		const struct operation *o = world_find(r->life->operations[i]);
		r->states[i + 1] = r->states[i];
		if (o->expect)
			o->expect(&r->states[i + 1]);
		r->partly[i] = r->states[i];
		if (o->partly)
			o->partly(&r->partly[i]);
		os_mark(2 * i + 1);
		enum rc rc = s ? o->act(r->w, s, &e) : world_run(r->w, o, &e);
		for (int again = 0; rc != RC_OK && rc != o->again && fault_at && again < 2; again++) {
			e = ERR_NONE;
			rc = s ? o->act(r->w, s, &e) : world_run(r->w, o, &e);
		}
		if (rc != o->again)
			kit_ok(rc, &e);
		os_mark(2 * i + 2);
		world_remember(r->w);
		r->n_steps++;
	}
	store_close(&s);
	power_stop(r->p);
	r->fired = os_fired() > 0;
	os_fault_at(0, FAULT_EIO, false);
}

// The last step that was acknowledged left all that belongs to it, the one under way nothing half.
static const char *check_beside(struct replay *r, const struct world *at, uint64_t mark)
{
	size_t done = mark / 2;
	const struct operation *last = done ? world_find(r->life->operations[done - 1]) : NULL;
	const struct operation *next = mark % 2 ? world_find(r->life->operations[done]) : NULL;
	const char *wrong = last && last->check ? last->check(at, true) : NULL;
	if (!wrong && next && next->check)
		wrong = next->check(at, false);
	return wrong;
}

static const char *check_backup(struct replay *r, const struct world *at, uint64_t mark)
{
	size_t done = mark / 2;
	bool copied = done > 0 && strncmp(r->life->operations[done - 1], "backup", 6) == 0;
	struct verify_report report;
	struct err e = ERR_NONE;
	enum rc rc = store_verify(at->copy, &report, NULL, &e);
	return rc != RC_OK && (copied || rc != RC_NOT_FOUND) ? "the backup is not whole" : NULL;
}

// Compares with the state after what was acknowledged, or also with what may be there of the step under way.
static const char *check_data(struct replay *r, const struct world *at, uint64_t mark)
{
	static char first[600];
	size_t done = mark / 2;
	struct err e = ERR_NONE;
	struct store *s = NULL;
	// By the writer first, which is how it goes: recovery, sweeping.
	enum rc rc = store_open(at->dir, NULL, &s, &e);
	store_close(&s);
	bool refused = rc != RC_OK && rc != RC_NOT_FOUND && !(rc == RC_CORRUPT && r->states[done].damaged);
	snprintf(first, sizeof(first), "%s", e.message);
	const char *wrong = refused ? first : world_compare(at, at->dir, &r->states[done]);
	if (!wrong || mark % 2 == 0)
		return wrong;
	snprintf(first, sizeof(first), "%s", wrong);
	if (!world_compare(at, at->dir, &r->states[done + 1]) || !world_compare(at, at->dir, &r->partly[done]))
		return NULL;
	return first;
}

// The same directory tree somewhere else.
static struct world moved(const struct replay *r)
{
	struct world at = *r->w;
	snprintf(at.dir, sizeof(at.dir), "%s/data", r->left);
	snprintf(at.copy, sizeof(at.copy), "%s/copy", r->left);
	snprintf(at.file, sizeof(at.file), "%s/export.csv", r->left);
	return at;
}

static void check(struct replay *r, size_t crash, enum power_luck luck, uint64_t seed)
{
	static const char *const lucks[] = {"all dropped", "all kept", "random"};
	struct world at = moved(r);
	uint64_t mark = power_mark_at(r->p, crash);
	world_remove_tree(r->left);
	assert_int_equal(mkdir(r->left, 0750), 0);
	power_build(r->p, crash, luck, seed, r->left);
	r->n_crashes++;
	const char *wrong = check_data(r, &at, mark);
	if (!wrong)
		wrong = check_backup(r, &at, mark);
	if (!wrong)
		wrong = check_beside(r, &at, mark);
	if (wrong)
		fail_msg("%s: power fails after change %zu of %zu (mark %llu), %s, seed %llu: %s",
			r->life->name, crash, power_changes(r->p), (unsigned long long)mark, lucks[luck],
			(unsigned long long)seed, wrong);
}

// Life goes on: what was under way is done again, in the directory that the crash left.
static void go_on(struct replay *r, size_t crash)
{
	struct world at = moved(r);
	uint64_t mark = power_mark_at(r->p, crash);
	size_t next = mark / 2;
	struct err e = ERR_NONE;
	if (next >= r->n_steps || (next == 0 && !r->states[0].made && mark == 0))
		return;
	snprintf(at.copy, sizeof(at.copy), "%s/copy-again", r->left);
	const struct operation *o = world_find(r->life->operations[next]);
	enum rc rc = world_run(&at, o, &e);
	if (rc != RC_OK && rc != o->again)
		fail_msg("%s: done again after a crash at %zu: %s", r->life->name, crash, e.message);
	const char *wrong = world_compare(&at, at.dir, &r->states[next + 1]);
	if (wrong)
		fail_msg("%s: done again after a crash at %zu: %s", r->life->name, crash, wrong);
}

static void each_crash(struct replay *r, size_t step, uint64_t seeds)
{
	for (size_t crash = 0; crash <= power_changes(r->p); crash += step) {
		if (!power_matters(r->p, crash) && crash < power_changes(r->p))
			continue;
		check(r, crash, POWER_ALL_DROPPED, 0);
		check(r, crash, POWER_ALL_KEPT, 0);
		for (uint64_t i = 0; i < seeds; i++)
			check(r, crash, POWER_RANDOM, crash * 1000 + i);
		go_on(r, crash);
	}
	power_free(&r->p);
}

static void nothing_acknowledged_is_lost(void **state)
{
	const char *only = getenv("CORRIDOR_FAULT_ONLY");
	uint64_t seeds = world_setting("CORRIDOR_POWER_SEEDS", 2);
	for (size_t i = 0; i < LIVES; i++) {
		struct replay r = {.w = *state, .life = &lives[i]};
		if (only && strcmp(only, lives[i].name) != 0)
			continue;
		snprintf(r.left, sizeof(r.left), "%s-left", r.w->root);
		record(&r, 0);
		size_t n = power_changes(r.p);
		each_crash(&r, (size_t)world_step(1), seeds);
		print_message(
			"%s: %zu changes, %llu crashes\n", r.life->name, n, (unsigned long long)r.n_crashes);
		world_remove_tree(r.left);
	}
}

// A call fails once, the operation is done again at once and succeeds: then the power fails. What a failed fsync did
// not write must have been written again.
static void a_failed_fsync_is_not_forgotten(void **state)
{
	uint64_t step = world_step(7);
	for (size_t i = 0; i < LIVES; i++) {
		struct replay r = {.w = *state, .life = &lives[i]};
		uint64_t n_syncs = 0;
		if (!lives[i].one_store)
			continue;
		snprintf(r.left, sizeof(r.left), "%s-left", r.w->root);
		r.fired = true;
		for (uint64_t nth = 1; r.fired; nth += step) {
			record(&r, nth);
			size_t n = power_changes(r.p);
			for (size_t back = 0; back < 3 && back < n; back++) {
				check(&r, n - back * (n / 3), POWER_ALL_DROPPED, 0);
				check(&r, n - back * (n / 3), POWER_RANDOM, nth);
			}
			n_syncs++;
			power_free(&r.p);
		}
		print_message("%s: %llu failures, then a crash\n", r.life->name, (unsigned long long)n_syncs);
		world_remove_tree(r.left);
	}
}

static int setup(void **state)
{
	static struct world w;
	world_new(&w);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	world_free(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_acknowledged_is_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(a_failed_fsync_is_not_forgotten, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
