// SPDX-License-Identifier: Apache-2.0
// Every call to the operating system of every operation fails once, and once for good from there on: of our own files
// and of SQLite's, in every way that fits the call. Each time the outcome is success or an error that says what
// happened; nothing acknowledged is lost, nothing is there twice, the directory verifies, and the same operation then
// succeeds, in the same process as well as in the next.
//
// A failed fsync means that what was written since the last one may never reach the disk, whatever later ones say: the
// operation fails. What is durable after that is the business of test_fault_power.c.
#include "fault_os.h"
#include "world.h"

#include "../unit/journey/store_kit.h"

#include <sys/stat.h>

struct trial {
	struct world *w;
	const struct operation *o;
	char base[160];
	struct world_state before, after, partly;
	uint64_t nth;
	enum os_fault fault;
	bool forever;
	uint64_t n_points, n_failed;
};

static void describe(const struct trial *t, const char *what)
{
	fail_msg("%s, %s of call %llu (%s)%s: %s", t->o->name, os_fault_names[t->fault],
		(unsigned long long)t->nth, os_call_names[os_fired_call()],
		t->forever ? " and all later ones" : "", what);
}

// Exactly the state before or the one after; which one, it must say that succeeded.
static void settle(const struct trial *t, bool succeeded, const char *when)
{
	char text[600];
	const char *wrong = world_compare(t->w, t->w->dir, &t->after);
	if (!wrong)
		return;
	snprintf(text, sizeof(text), "%s: %s", when, wrong);
	if (!succeeded && t->o->partly && !world_compare(t->w, t->w->dir, &t->partly))
		return;
	if (succeeded || world_compare(t->w, t->w->dir, &t->before))
		describe(t, text);
}

static void check_beside(const struct trial *t, bool succeeded)
{
	char part[200];
	const char *wrong = t->o->check ? t->o->check(t->w, succeeded) : NULL;
	if (wrong)
		describe(t, wrong);
	snprintf(part, sizeof(part), "%s.part", t->w->file);
	if (!t->forever && access(part, F_OK) == 0)
		describe(t, "half an export is left");
}

static void check_error(const struct trial *t, enum rc rc, const struct err *e)
{
	if (rc != RC_OK && (e->rc != rc || e->message[0] == '\0'))
		describe(t, "an error without a message");
	if (rc != RC_OK && !os_fired())
		describe(t, e->message);
}

static void check_copy(const struct trial *t, enum rc rc)
{
	struct err e = ERR_NONE;
	struct verify_report report;
	if (!strstr(t->o->name, "backup"))
		return;
	const char *wrong = rc == RC_OK ? world_compare(t->w, t->w->copy, &t->after) : NULL;
	if (wrong)
		describe(t, wrong);
	// What is left of one that failed is no data directory, or a whole one.
	enum rc verified = rc == RC_OK ? RC_OK : store_verify(t->w->copy, &report, NULL, &e);
	if (verified != RC_OK && verified != RC_NOT_FOUND)
		describe(t, "a failed backup left half a data directory");
	world_remove_tree(t->w->copy);
}

// The operation once more, undisturbed.
static void redo(const struct trial *t)
{
	struct err e = ERR_NONE;
	enum rc rc = world_run(t->w, t->o, &e);
	if (rc != RC_OK && rc != t->o->again)
		describe(t, e.message);
	if (t->o->check)
		check_beside(t, true);
	world_clear(t->w);
	settle(t, true, "done again");
}

static void check_closed(const struct trial *t)
{
	if (os_open_files() != 0)
		describe(t, "files are left open");
}

// The whole command under faults. False when the fault lies beyond its last call.
static bool try_whole(struct trial *t)
{
	struct err e = ERR_NONE;
	world_copy_tree(t->base, t->w->dir);
	world_clear(t->w);
	if (t->o->from_nothing)
		world_remove_tree(t->w->dir);
	os_watch(t->w->root);
	os_fault_at(t->nth, t->fault, t->forever);
	enum rc rc = world_run(t->w, t->o, &e);
	bool reached = os_calls() >= t->nth, fired = os_fired() > 0;
	check_error(t, rc, &e);
	check_closed(t);
	os_fault_at(0, t->fault, false);
	os_watch(NULL);
	if (fired) {
		t->n_points++;
		t->n_failed += rc != RC_OK;
		settle(t, rc == RC_OK, "afterwards");
		check_copy(t, rc);
		check_beside(t, rc == RC_OK);
		redo(t);
	}
	return reached;
}

// Faults in the midst of a store that goes on.
static bool try_open(struct trial *t)
{
	struct err e = ERR_NONE, second = ERR_NONE;
	world_copy_tree(t->base, t->w->dir);
	world_clear(t->w);
	os_watch(t->w->root);
	os_fault_at(0, t->fault, false);
	struct store *s = world_open(t->w, &e);
	assert_non_null(s);
	os_fault_at(t->nth, t->fault, t->forever);
	enum rc rc = t->o->act(t->w, s, &e);
	bool reached = os_calls() >= t->nth, fired = os_fired() > 0;
	check_error(t, rc, &e);
	os_fault_at(0, t->fault, false);
	if (fired) {
		t->n_points++;
		t->n_failed += rc != RC_OK;
		check_copy(t, rc);
		rc = t->o->act(t->w, s, &second);
		if (rc != RC_OK && rc != t->o->again)
			describe(t, second.message);
		world_clear(t->w);
	}
	store_close(&s);
	check_closed(t);
	os_watch(NULL);
	if (fired)
		settle(t, true, "done again by the same store");
	return reached;
}

static void each_call(struct trial *t, bool (*attempt)(struct trial *t))
{
	// A part of the calls for each kind of fault, together all of them.
	const uint64_t step = world_step(13);
	for (int forever = 0; forever < 2; forever++)
		for (int fault = 0; fault < FAULTS; fault++) {
			t->forever = forever;
			t->fault = (enum os_fault)fault;
			if (forever && t->fault != FAULT_EIO && t->fault != FAULT_ENOSPC)
				continue;
			for (t->nth = 1 + (uint64_t)(fault + 2 * forever) % step; attempt(t); t->nth += step)
				;
		}
}

static void every_call_fails(void **state)
{
	struct trial t = {.w = *state};
	const char *only = getenv("CORRIDOR_FAULT_ONLY");
	snprintf(t.base, sizeof(t.base), "%s-base", t.w->root);
	for (uint32_t i = 0; i < n_world_operations; i++) {
		t.o = &world_operations[i];
		if (only && strcmp(only, t.o->name) != 0)
			continue;
		t.n_points = t.n_failed = 0;
		world_prepare(t.w, t.o, &t.before);
		t.after = t.before;
		if (t.o->expect)
			t.o->expect(&t.after);
		t.partly = t.before;
		if (t.o->partly)
			t.o->partly(&t.partly);
		if (t.o->from_nothing)
			assert_int_equal(mkdir(t.w->dir, 0750), 0);
		world_copy_tree(t.w->dir, t.base);
		world_expect(t.w, t.o, t.base);
		each_call(&t, try_whole);
		if (t.o->act)
			each_call(&t, try_open);
		print_message("%s: %llu faults, %llu errors\n", t.o->name, (unsigned long long)t.n_points,
			(unsigned long long)t.n_failed);
		assert_true(t.n_failed > 0);
	}
	world_remove_tree(t.base);
}

static void try_full(const struct trial *t, const char *name, bool reads)
{
	struct err failed = ERR_NONE;
	const char *wrong = NULL;
	const struct operation *o = world_find(name);
	world_copy_tree(t->base, t->w->dir);
	world_clear(t->w);
	os_watch(t->w->root);
	os_shm_full(true);
	enum rc rc = world_run(t->w, o, &failed);
	if (reads)
		wrong = world_compare(t->w, t->w->dir, &t->before);
	os_shm_full(false);
	check_closed(t);
	os_watch(NULL);
	if (reads && rc != RC_OK)
		fail_msg("%s: %s", name, failed.message);
	if (!reads && (rc != RC_IO || !strstr(failed.message, "full") || !strstr(failed.remedy, "space")))
		fail_msg("%s: %s; %s", name, failed.message, failed.remedy);
	if (!wrong)
		wrong = world_compare(t->w, t->w->dir, &t->before);
	if (wrong)
		fail_msg("%s: %s", name, wrong);
}

// A data directory as a process leaves it that dies: with a -wal file that holds something.
static void let_die(struct trial *t)
{
	struct err e = ERR_NONE;
	struct stat st;
	char died[200], wal[200];
	snprintf(died, sizeof(died), "%s-died", t->w->root);
	struct store *s = world_open(t->w, &e);
	assert_non_null(s);
	kit_ok(world_append(t->w, s, 250, 12, &e), &e);
	for (int i = 0; i < 12; i++)
		t->before.there[250 + i] = true;
	world_copy_tree(t->w->dir, died);
	store_close(&s);
	world_copy_tree(died, t->w->dir);
	world_remove_tree(died);
	snprintf(wal, sizeof(wal), "%s/corridor.db-wal", t->w->dir);
	assert_true(stat(wal, &st) == 0 && st.st_size > 0);
}

// Without room for SQLite's -shm file all that reads goes on, also over what a process left that died, and sees all that
// is there; what writes says why it cannot, and changes nothing.
static void a_full_disk_can_be_read(void **state)
{
	static const char *const readers[] = {
		"read", "verify", "list quarantine", "show quarantine", "export file", "export"};
	static const char *const writers[] = {"open", "append", "compact", "erase", "link"};
	struct trial t = {.w = *state};
	snprintf(t.base, sizeof(t.base), "%s-base", t.w->root);
	t.o = world_find("list quarantine");
	for (int died = 0; died < 2; died++) {
		world_prepare(t.w, t.o, &t.before);
		if (died)
			let_die(&t);
		world_copy_tree(t.w->dir, t.base);
		for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
			try_full(&t, readers[i], true);
		for (size_t i = 0; i < sizeof(writers) / sizeof(writers[0]); i++)
			try_full(&t, writers[i], false);
	}
	world_remove_tree(t.base);
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
		cmocka_unit_test_setup_teardown(a_full_disk_can_be_read, setup, teardown),
		cmocka_unit_test_setup_teardown(every_call_fails, setup, teardown)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
