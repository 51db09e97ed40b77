// SPDX-License-Identifier: Apache-2.0
// Every call to the operating system and every allocation of append, seal, compact, snapshot and restating fails
// once, one after the other. After each failure the store holds what it held, and the same call then succeeds.
#include "../seeds.h"
#include "store_kit.h"

#include <errno.h>
#include <sys/mman.h>

// A vtable over the system's in which the nth call fails.
struct faulty {
	struct io io;
	uint64_t n_calls, fail_at; // 0 = never
};

static bool fires(const struct io *self, int errnum)
{
	struct faulty *f = self->context;
	f->n_calls++;
	if (f->n_calls != f->fail_at)
		return false;
	errno = errnum;
	return true;
}

static int faulty_open(const struct io *self, const char *path, enum io_mode mode)
{
	return fires(self, EIO) ? -1 : io_system()->open(io_system(), path, mode);
}

// A failing write leaves half of it behind.
static int64_t faulty_pwrite(const struct io *self, int fd, const void *bytes, size_t n, uint64_t offset)
{
	if (!fires(self, ENOSPC))
		return io_system()->pwrite(io_system(), fd, bytes, n, offset);
	io_system()->pwrite(io_system(), fd, bytes, n / 2, offset);
	errno = ENOSPC;
	return -1;
}

static int faulty_fsync(const struct io *self, int fd)
{
	return fires(self, EIO) ? -1 : io_system()->fsync(io_system(), fd);
}

static int faulty_rename(const struct io *self, const char *from, const char *to)
{
	return fires(self, EIO) ? -1 : io_system()->rename(io_system(), from, to);
}

static int faulty_unlink(const struct io *self, const char *path)
{
	return fires(self, EIO) ? -1 : io_system()->unlink(io_system(), path);
}

static void *faulty_map(const struct io *self, int fd, size_t bytes)
{
	return fires(self, ENOMEM) ? MAP_FAILED : io_system()->map(io_system(), fd, bytes);
}

static int64_t faulty_size(const struct io *self, int fd)
{
	return fires(self, EIO) ? -1 : io_system()->size(io_system(), fd);
}

static struct faulty faulty_new(void)
{
	struct faulty f = {.io = *io_system()};
	f.io.open = faulty_open;
	f.io.pwrite = faulty_pwrite;
	f.io.fsync = faulty_fsync;
	f.io.rename = faulty_rename;
	f.io.unlink = faulty_unlink;
	f.io.map = faulty_map;
	f.io.size = faulty_size;
	return f;
}

typedef enum rc operation(struct kit *k, struct store *s, struct err *e);

static enum rc do_seal(struct kit *k, struct store *s, struct err *e)
{
	(void)k;
	return store_seal(s, e);
}

static enum rc do_compact(struct kit *k, struct store *s, struct err *e)
{
	(void)k;
	return store_compact(s, 1, NULL, e);
}

static enum rc do_snapshot(struct kit *k, struct store *s, struct err *e)
{
	(void)k;
	struct snapshot *sn = NULL;
	enum rc rc = snapshot_open(s, &sn, e);
	assert_true((rc == RC_OK) == (sn != NULL));
	snapshot_close(&sn);
	return rc;
}

static enum rc do_dry_run(struct kit *k, struct store *s, struct err *e)
{
	struct arena *a = arena_new(0);
	struct restate_count count;
	if (!a)
		return err_set(e, RC_NOMEM, "out of memory for the comparison");
	enum rc rc = store_design_dry_run(s, store_design(s), k->design, a, &count, e);
	if (rc == RC_OK)
		assert_int_equal(count.n_moved, 0);
	arena_free(&a);
	return rc;
}

// Appends what the model has as its last 200 rows already.
static enum rc do_append(struct kit *k, struct store *s, struct err *e)
{
	struct append_result r;
	struct batch *b = batch_new(k->design);
	struct interaction *x = mem_calloc(1, sizeof(*x));
	enum rc rc = b && x ? RC_OK : RC_NOMEM;
	for (size_t i = k->n_model - 200; rc == RC_OK && i < k->n_model; i++) {
		struct kit_texts t;
		kit_interaction(k->model[i], x, &t);
		rc = batch_add(b, x, e);
	}
	if (rc == RC_OK)
		rc = store_append(s, &b, 1, &r, NULL, NULL, e);
	if (rc == RC_OK)
		assert_int_equal(r.n_added, 200);
	mem_free(x);
	batch_free(&b);
	return rc;
}

// Two segments and an inbox; for do_append the model is 200 rows ahead.
static struct store *prepare(struct kit *k, const struct io *io, operation *operate)
{
	struct err e = ERR_NONE;
	const struct store_options options = {.io = io};
	kit_create(k);
	struct store *s = kit_open(k, &options, true);
	for (uint32_t i = 0; i < 3; i++) {
		kit_append_range(k, s, i * 400, 400);
		if (i < 2)
			kit_ok(store_seal(s, &e), &e);
	}
	for (uint32_t i = 0; operate == do_append && i < 200; i++)
		kit_push(k, 5000 + i);
	return s;
}

static void check_before(struct kit *k, struct store *s, operation *operate)
{
	size_t n = k->n_model;
	if (operate == do_append)
		k->n_model -= 200;
	kit_check(k, s);
	k->n_model = n;
}

static void finish(struct kit *k, struct store *s, operation *operate)
{
	struct err e = ERR_NONE;
	struct snapshot *sn;
	struct snapshot_stats stats;
	kit_ok(operate(k, s, &e), &e);
	kit_ok(snapshot_open(s, &sn, &e), &e);
	snapshot_stats(sn, &stats);
	snapshot_close(&sn);
	assert_true(operate != do_seal || stats.n_in_inbox == 0);
	assert_true(operate != do_compact || stats.n_segments == 1);
	kit_append_range(k, s, 0, 1200); // all known
	kit_check(k, s);
	store_close(&s);
	kit_verify(k->dir);
	s = kit_open(k, NULL, true); // sweeps what a failure may have left
	kit_check(k, s);
	store_close(&s);
}

static void fail_each_call(struct kit *k, operation *operate)
{
	bool fired = true;
	uint32_t n_failed = 0;
	for (uint64_t n = 1; fired; n++) {
		struct faulty f = faulty_new();
		f.io.context = &f;
		struct store *s = prepare(k, &f.io, operate);
		struct err e = ERR_NONE;
		f.n_calls = 0;
		f.fail_at = n;
		enum rc rc = operate(k, s, &e);
		fired = f.n_calls >= n;
		f.fail_at = 0;
		if (rc != RC_OK) {
			n_failed++;
			assert_true(fired && e.rc == rc && e.message[0] != '\0');
			check_before(k, s, operate);
			finish(k, s, operate);
		} else {
			kit_check(k, s);
			store_close(&s);
			kit_verify(k->dir);
		}
	}
	assert_true(n_failed >= 3);
}

static void io_failures_leave_the_old_state(void **state)
{
	fail_each_call(*state, do_seal);
	fail_each_call(*state, do_compact);
}

// The first allocations one by one, later ones in growing steps: there are many alike.
static void fail_each_allocation(struct kit *k, operation *operate)
{
	bool fired = true;
	for (uint64_t n = 1; fired; n += (1 + n / 12) * seeds_step()) {
		struct store *s = prepare(k, NULL, operate);
		struct err e = ERR_NONE;
		uint64_t before = mem_count();
		mem_fail_at(n);
		enum rc rc = operate(k, s, &e);
		mem_fail_at(0);
		fired = mem_count() - before >= n;
		if (rc != RC_OK) {
			assert_int_equal(rc, RC_NOMEM);
			assert_true(fired);
			check_before(k, s, operate);
			finish(k, s, operate);
		} else {
			kit_check(k, s);
			store_close(&s);
		}
	}
}

static void append_survives_every_failed_allocation(void **state)
{
	fail_each_allocation(*state, do_append);
}

static void sealing_survives_every_failed_allocation(void **state)
{
	fail_each_allocation(*state, do_seal);
}

static void merging_survives_every_failed_allocation(void **state)
{
	fail_each_allocation(*state, do_compact);
}

static void reading_survives_every_failed_allocation(void **state)
{
	fail_each_allocation(*state, do_snapshot);
	fail_each_allocation(*state, do_dry_run);
}

static void opening_survives_every_failed_allocation(void **state)
{
	struct kit *k = *state;
	struct store *s = prepare(k, NULL, do_seal);
	store_close(&s);
	bool fired = true;
	for (uint64_t n = 1; fired; n += 1 + n / 20) {
		struct err e = ERR_NONE;
		uint64_t before = mem_count();
		mem_fail_at(n);
		enum rc rc = store_open(k->dir, NULL, &s, &e);
		mem_fail_at(0);
		fired = mem_count() - before >= n;
		if (rc != RC_OK)
			assert_true(fired && !s);
		store_close(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(io_failures_leave_the_old_state, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(
			append_survives_every_failed_allocation, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(
			sealing_survives_every_failed_allocation, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(
			merging_survives_every_failed_allocation, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(
			reading_survives_every_failed_allocation, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(
			opening_survives_every_failed_allocation, kit_setup, kit_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
