// SPDX-License-Identifier: Apache-2.0
// The store under threads that append, seal, merge, adopt designs, make backups and read at the same time, against a
// model: whatever the order, a snapshot has whole batches, each interaction once, and touch points by its own design.
// Worth running under the thread sanitizer by hand as well.
#include "../seeds.h"
#include "store_kit.h"

enum { STEPS = 160, NUMBERS = 9000, BATCH_MAX = 250 };

// The first design with a touch point renamed: the same rules, so the same numbers hold.
static const char renamed_design[] = "corridor: 1\n"
				     "brand: Test\n"
				     "timezone: Europe/Berlin\n"
				     "currency: EUR\n"
				     "stages: [purchase, use]\n"
				     "channels: {web: digital, phone: contact-centre}\n"
				     "dimensions: [product]\n"
				     "touchpoints:\n"
				     "  delivery:\n"
				     "    stage: purchase\n"
				     "    match: [{event: Delivered}]\n"
				     "  support:\n"
				     "    stage: use\n"
				     "    match: [{event: Call}]\n";

static void check_renamed(const struct names *names, const struct row *row, uint32_t number)
{
	struct interaction *x = mem_calloc(1, sizeof(*x));
	struct kit_texts t;
	static const char *const touchpoints[] = {"delivery", "support"};
	kit_interaction(number, x, &t);
	struct sv expected = x->touchpoint == TOUCHPOINT_NONE ? SV_NONE : sv_from(touchpoints[x->touchpoint]);
	assert_true(sv_equal(kit_touchpoint(names, row), expected));
	assert_true(sv_equal(kit_dimension(names, row, "product"), x->dimensions[0]));
	mem_free(x);
}

static uint64_t next(uint64_t *random)
{
	*random += UINT64_C(0x9e3779b97f4a7c15);
	return kit_mix(*random);
}

struct plan {
	uint32_t numbers[BATCH_MAX], n;
	bool refused; // the caller's part of the transaction fails
	size_t after; // rows of the model when the step is done
};

struct race {
	struct kit *kit;
	struct store *store;
	struct plan *plans;
	atomic_size_t done; // steps
	atomic_bool stop;
	uint64_t seed;
};

static void make_plans(struct race *r)
{
	struct kit *k = r->kit;
	bool *known = mem_calloc(NUMBERS, sizeof(*known));
	uint64_t random = r->seed;
	for (size_t i = 0; i < STEPS; i++) {
		struct plan *p = &r->plans[i];
		p->n = 1 + (uint32_t)(next(&random) % BATCH_MAX);
		p->refused = next(&random) % 4 == 0;
		for (uint32_t j = 0; j < p->n; j++) {
			p->numbers[j] = (uint32_t)(next(&random) % NUMBERS);
			if (!p->refused && !known[p->numbers[j]]) {
				known[p->numbers[j]] = true;
				kit_push(k, p->numbers[j]);
			}
		}
		p->after = k->n_model;
	}
	mem_free(known);
}

static enum rc refuse(void *context, struct db *db, const struct append_result *results, struct err *e)
{
	(void)context;
	(void)db;
	(void)results;
	return err_set(e, RC_INPUT, "refused");
}

// A design may be adopted between making the batch and appending it: then the batch is made again.
static void append_step(struct race *r, const struct plan *p, size_t before)
{
	for (;;) {
		struct err e = ERR_NONE;
		struct append_result result;
		struct batch *b = kit_batch(store_design(r->store), p->numbers, p->n);
		enum rc rc = store_append(r->store, &b, 1, &result, p->refused ? refuse : NULL, NULL, &e);
		batch_free(&b);
		if (rc == RC_USAGE)
			continue;
		if (p->refused)
			assert_int_equal(rc, RC_INPUT);
		else
			kit_ok(rc, &e);
		if (!p->refused)
			assert_int_equal(result.n_added, p->after - before);
		return;
	}
}

static void append_all(void *context)
{
	struct race *r = context;
	for (size_t i = 0; i < STEPS; i++) {
		append_step(r, &r->plans[i], i ? r->plans[i - 1].after : 0);
		atomic_store(&r->done, i + 1);
	}
	atomic_store(&r->stop, true);
}

static void compact_all(void *context)
{
	struct race *r = context;
	uint64_t random = r->seed + 1;
	while (!atomic_load(&r->stop)) {
		struct err e = ERR_NONE;
		kit_ok(store_compact(r->store, (uint32_t)(next(&random) % 4), NULL, &e), &e);
		usleep(300);
	}
}

static void seal_all(void *context)
{
	struct race *r = context;
	while (!atomic_load(&r->stop)) {
		struct err e = ERR_NONE;
		kit_ok(store_seal(r->store, &e), &e);
		usleep(5000);
	}
}

static void adopt_all(void *context)
{
	struct race *r = context;
	for (unsigned i = 0; !atomic_load(&r->stop); i++) {
		struct err e = ERR_NONE;
		uint64_t n_changed;
		const char *text = i % 2 ? kit_design_text : renamed_design;
		kit_ok(store_design_adopt(
			       r->store, sv_from(text), "test.yaml", SV("race"), &n_changed, NULL, &e),
			&e);
		usleep(20000);
	}
}

static void look(struct race *r, struct store *s)
{
	struct err e = ERR_NONE;
	struct snapshot *sn;
	struct snapshot_stats stats;
	size_t done = atomic_load(&r->done), i = done ? done - 1 : 0;
	kit_ok(snapshot_open(s, &sn, &e), &e);
	snapshot_stats(sn, &stats);
	while (i < STEPS && r->plans[i].after < stats.n_interactions)
		i++;
	if (stats.n_interactions != 0 || done != 0)
		assert_true(i < STEPS && r->plans[i].after == stats.n_interactions);
	bool first = snapshot_design(sn)->hash == r->kit->design->hash;
	kit_check_snapshot(r->kit, sn, stats.n_interactions, first ? kit_check_resolved : check_renamed);
	snapshot_close(&sn);
}

static void look_all(void *context)
{
	struct race *r = context;
	while (!atomic_load(&r->stop))
		look(r, r->store);
}

static void one_race(struct kit *k, uint64_t seed)
{
	struct err e = ERR_NONE;
	const struct store_options options = {.seal_rows = 500, .compact_in_background = true};
	const struct store_options reading = {.read_only = true};
	kit_create(k);
	struct race r = {.kit = k, .store = kit_open(k, &options, false), .seed = seed};
	r.plans = mem_calloc(STEPS, sizeof(*r.plans));
	make_plans(&r);
	struct store *reader = kit_open(k, &reading, true);
	static void (*const jobs[])(void *context) = {append_all, compact_all, seal_all, adopt_all, look_all};
	struct thread *threads[5];
	for (int i = 0; i < 5; i++)
		assert_non_null(threads[i] = thread_start(jobs[i], &r));
	while (!atomic_load(&r.stop))
		look(&r, reader);
	for (int i = 0; i < 5; i++)
		thread_join(&threads[i]);
	look(&r, reader);
	store_close(&reader);
	look(&r, r.store);
	kit_ok(store_compact(r.store, 1, NULL, &e), &e);
	store_close(&r.store);
	kit_verify(k->dir);
	r.store = kit_open(k, &reading, true);
	look(&r, r.store);
	store_close(&r.store);
	mem_free(r.plans);
}

static void threads_agree_with_the_model(void **state)
{
	for (uint64_t seed = 1; seed <= 3; seed += seeds_step())
		one_race(*state, seed);
}

// A failed append makes the next one read the catalogue again, just when merges change it.
static void reloading_beside_merges_loses_nothing(void **state)
{
	struct kit *k = *state;
	const struct store_options options = {.seal_rows = 10};
	struct race r = {.kit = k, .store = kit_open(k, &options, true), .seed = 7};
	struct thread *t = thread_start(compact_all, &r);
	assert_non_null(t);
	for (uint32_t i = 0; i < 400; i++) {
		struct err refused = ERR_NONE;
		struct append_result result;
		struct batch *b = kit_range(k->design, 10 * i, 10);
		assert_int_equal(store_append(r.store, &b, 1, &result, refuse, NULL, &refused), RC_INPUT);
		batch_free(&b);
		kit_append_range(k, r.store, 10 * i, 10);
	}
	atomic_store(&r.stop, true);
	thread_join(&t);
	kit_check(k, r.store);
	store_close(&r.store);
	kit_verify(k->dir);
}

// More batches than 16 bits can name: many senders with one interaction each.
static void an_inbox_of_very_many_batches_is_whole(void **state)
{
	enum { NAMES = 500, BATCHES = 66500 };
	struct kit *k = *state;
	struct err e = ERR_NONE;
	struct store *s = kit_open(k, NULL, true);
	kit_append_range(k, s, 0, NAMES);
	struct batch *b = batch_new(k->design);
	struct interaction *x = mem_calloc(1, sizeof(*x));
	assert_true(b && x);
	kit_ok(db_begin(store_db(s), &e), &e);
	for (uint32_t i = NAMES; i < NAMES + BATCHES; i++) {
		struct kit_texts t;
		struct sv packed;
		int64_t seq;
		batch_clear(b);
		kit_interaction(i, x, &t);
		kit_ok(batch_add(b, x, &e), &e);
		kit_ok(batch_packed(b, &packed, &e), &e);
		kit_ok(inbox_insert(store_db(s), 1, packed, NULL, 0, &seq, &e), &e);
		kit_push(k, i);
	}
	kit_ok(db_commit(store_db(s), &e), &e);
	mem_free(x);
	batch_free(&b);
	store_close(&s);
	s = kit_open(k, NULL, true);
	kit_check(k, s);
	kit_ok(store_seal(s, &e), &e);
	kit_check(k, s);
	store_close(&s);
	kit_verify(k->dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			an_inbox_of_very_many_batches_is_whole, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(reloading_beside_merges_loses_nothing, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(threads_agree_with_the_model, kit_setup, kit_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
