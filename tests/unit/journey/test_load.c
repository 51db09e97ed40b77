// SPDX-License-Identifier: Apache-2.0
// Loading in bulk gives what appending gives, row by row; what is out of order, twice or not alone is refused.
#include "store_kit.h"

static int by_person(const void *a, const void *b)
{
	return kit_compare(a, b);
}

// The numbers below n in the order in which they must be loaded.
static struct kit_expected *sorted(uint32_t n)
{
	struct kit_expected *order = mem_calloc(n, sizeof(*order));
	struct interaction *x = mem_calloc(1, sizeof(*x));
	assert_true(order && x);
	for (uint32_t i = 0; i < n; i++) {
		struct kit_texts t;
		kit_interaction(i, x, &t);
		order[i] = (struct kit_expected){
			person_of(x->identities[0].type, x->identities[0].value), x->at_ms, i, i};
	}
	qsort(order, n, sizeof(*order), by_person);
	mem_free(x);
	return order;
}

static enum rc add(struct load_run *r, uint32_t number, bool *added, struct err *e)
{
	struct kit_texts t;
	struct interaction *x = mem_calloc(1, sizeof(*x));
	assert_non_null(x);
	kit_interaction(number, x, &t);
	enum rc rc = load_run_add(r, x, added, e);
	mem_free(x);
	return rc;
}

static void what_is_loaded_is_there(void **state)
{
	enum { N = 3000 };
	struct kit *k = *state;
	struct err e = ERR_NONE;
	struct store *s = kit_open(k, NULL, true);
	struct store_load *l;
	struct load_run *runs[2];
	struct kit_expected *order = sorted(N);
	uint64_t middle = order[N / 2].person;
	bool added;
	kit_ok(store_load_begin(s, &l, &e), &e);
	kit_ok(load_run_new(l, 0, &runs[0], &e), &e);
	kit_ok(load_run_new(l, 1, &runs[1], &e), &e);
	for (uint32_t i = 0; i < N; i++) { // both runs grow side by side
		kit_ok(add(runs[order[i].person >= middle], order[i].number, &added, &e), &e);
		assert_true(added);
	}
	kit_ok(load_run_finish(&runs[1], &e), &e); // in any order
	kit_ok(load_run_finish(&runs[0], &e), &e);
	assert_null(runs[0]);
	store_load_end(&l);
	struct err again = ERR_NONE;
	assert_int_equal(store_load_begin(s, &l, &again), RC_EXISTS); // at once, and it says so
	assert_null(l);
	for (uint32_t i = 0; i < N; i++)
		kit_push(k, i);
	kit_check(k, s);
	kit_append_range(k, s, N - 500, 1000); // half of them known
	kit_check(k, s);
	struct err refused = ERR_NONE;
	assert_int_equal(store_load_begin(s, &l, &refused), RC_EXISTS);
	assert_null(l);
	store_close(&s);
	kit_verify(k->dir);
	mem_free(order);
}

static void what_does_not_fit_is_refused(void **state)
{
	enum { N = 200 };
	struct kit *k = *state;
	struct err e = ERR_NONE;
	struct store *s = kit_open(k, NULL, true);
	struct store_load *l;
	struct load_run *r;
	struct kit_expected *order = sorted(N);
	bool added;
	kit_ok(store_load_begin(s, &l, &e), &e);
	kit_ok(load_run_new(l, 0, &r, &e), &e);
	kit_ok(add(r, order[1].number, &added, &e), &e);
	assert_int_equal(add(r, order[0].number, &added, &e), RC_USAGE); // back
	load_run_free(&r);
	e = ERR_NONE;
	kit_ok(load_run_new(l, 1, &r, &e), &e);
	uint32_t n = 0, n_ids = 0;
	for (uint32_t i = 0; i < N; i++) { // each twice: contents are known again, ids are not allowed twice
		struct kit_texts t;
		struct interaction x;
		kit_interaction(order[i].number, &x, &t);
		n_ids += x.id.len > 0;
		kit_ok(add(r, order[i].number, &added, &e), &e);
		n += added;
		if (x.id.len == 0) {
			kit_ok(add(r, order[i].number, &added, &e), &e);
			assert_false(added);
		}
	}
	assert_true(n == N && n_ids > 0 && n_ids < N);
	kit_ok(load_run_finish(&r, &e), &e);
	kit_ok(load_run_new(l, 2, &r, &e), &e);
	kit_ok(add(r, order[0].number, &added, &e), &e);
	assert_int_equal(load_run_finish(&r, &e), RC_USAGE); // the person is in the first run
	assert_null(r);
	e = ERR_NONE;
	store_load_end(&l);
	for (uint32_t i = 0; i < N; i++)
		kit_push(k, i);
	kit_check(k, s);
	store_close(&s);
	kit_verify(k->dir);
	mem_free(order);
}

static void check_identities(struct store *s, const struct interaction *x)
{
	struct err e = ERR_NONE;
	struct snapshot *sn;
	struct sv *found;
	uint32_t n;
	struct arena *a = arena_new(1u << 16);
	kit_ok(snapshot_open(s, &sn, &e), &e);
	kit_ok(snapshot_identities(
		       sn, person_of(x->identities[0].type, x->identities[0].value), a, &found, &n, &e),
		&e);
	assert_int_equal(n, x->n_identities);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(found[i].len, x->identities[i].type.len + 1 + x->identities[i].value.len);
	snapshot_close(&sn);
	arena_free(&a);
}

// An identity that there is no memory for is an error, also when the next one fits.
static void every_allocation_may_fail(void **state)
{
	struct kit *k = *state;
	struct kit_texts t;
	struct interaction *x = mem_calloc(1, sizeof(*x));
	bool fired = true;
	assert_non_null(x);
	kit_interaction(1, x, &t);
	x->identities[1] = (struct identity){SV("card"), SV("4711")};
	x->identities[2] = (struct identity){SV("email"), SV("somebody@example.org")};
	x->n_identities = 3;
	for (uint64_t n = 1; fired; n++) {
		struct err e = ERR_NONE, failed = ERR_NONE;
		struct store_load *l;
		struct load_run *r;
		bool added;
		kit_create(k);
		struct store *s = kit_open(k, NULL, true);
		kit_ok(store_load_begin(s, &l, &e), &e);
		kit_ok(load_run_new(l, 0, &r, &e), &e);
		uint64_t before = mem_count();
		mem_fail_at(n);
		enum rc rc = load_run_add(r, x, &added, &failed);
		mem_fail_at(0);
		fired = mem_count() - before >= n;
		assert_true(rc == RC_OK || (fired && rc == RC_NOMEM));
		if (rc == RC_OK)
			kit_ok(load_run_finish(&r, &e), &e);
		load_run_free(&r);
		store_load_end(&l);
		if (rc == RC_OK)
			check_identities(s, x);
		store_close(&s);
	}
	mem_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_loaded_is_there, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(what_does_not_fit_is_refused, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(every_allocation_may_fail, kit_setup, kit_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
