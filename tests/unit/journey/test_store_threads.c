// SPDX-License-Identifier: Apache-2.0
// Everything that a store can do at once: appending, sealing, merging, adopting designs, erasing, linking and unlinking
// persons, and scans by several threads, in the writer's process and beside it. What holds whatever the order: a scan
// sees whole batches; persons that nobody erased or linked have exactly the rows of those batches; a pair that is linked
// and unlinked keeps its sum; who was erased before the snapshot has no row. Made for the thread sanitizer (./dev tsan).
#include "store_kit.h"

#include "base/pool.h"

#include <sched.h>
#include <stdatomic.h>

enum {
	STEPS = 60,
	BATCH = 60,
	ERASED = 20, // persons from here on are erased; nothing of them comes after the first third
	LINKED = 28, // from here on they are linked in pairs: 28 to 29, 30 to 31, …
	ALONE = 36,  // the last one has no partner
	LAST_OF_ERASED = STEPS / 3,
	SCAN_THREADS = 2
};

struct counts {
	uint64_t rows[KIT_PERSONS];
};

struct race {
	struct kit *kit;
	struct store *store;
	uint64_t person[KIT_PERSONS];
	char name[KIT_PERSONS][16];
	struct counts after[STEPS + 1]; // of the batches appended, nothing erased
	uint32_t numbers[STEPS][BATCH];
	atomic_size_t done; // steps
	atomic_bool erased[KIT_PERSONS];
	atomic_bool stop;
};

static uint32_t person_of_number(uint32_t number)
{
	return (uint32_t)(kit_mix(number) % KIT_PERSONS);
}

static bool can_be_erased(uint32_t person)
{
	return person >= ERASED && person < LINKED;
}

static void make_plan(struct race *r)
{
	uint32_t number = 0;
	for (uint32_t p = 0; p < KIT_PERSONS; p++) {
		snprintf(r->name[p], sizeof(r->name[p]), "user:u%u", p);
		r->person[p] = person_of(SV("user"), sv_from(r->name[p] + 5));
	}
	for (size_t i = 0; i < STEPS; i++) {
		r->after[i + 1] = r->after[i];
		for (size_t j = 0; j < BATCH; number++) {
			uint32_t p = person_of_number(number);
			if (i >= LAST_OF_ERASED && can_be_erased(p))
				continue;
			r->numbers[i][j++] = number;
			r->after[i + 1].rows[p]++;
		}
	}
}

// --- the kernel: rows per person ---

static void *counts_new(void *context)
{
	(void)context;
	return mem_calloc(1, sizeof(struct counts));
}

static enum rc counts_add(void *context, void *state, const struct span *span, struct err *e)
{
	const struct race *r = context;
	struct counts *c = state;
	(void)e;
	for (uint32_t i = 0; i < span->n_persons; i++) {
		uint32_t p = 0, first = span->person_start[i], end = span->person_start[i + 1];
		while (p < KIT_PERSONS && r->person[p] != span->person[i])
			p++;
		assert_true(p < KIT_PERSONS);
		assert_int_equal(c->rows[p], 0); // journeys come whole
		c->rows[p] = end - first;
		for (uint32_t k = first + 1; k < end; k++)
			assert_true(span->at[k - 1] <= span->at[k]);
	}
	return RC_OK;
}

static enum rc counts_merge(void *context, void *into, void *from, struct err *e)
{
	struct counts *a = into;
	const struct counts *b = from;
	(void)context;
	(void)e;
	for (int p = 0; p < (int)KIT_PERSONS; p++)
		a->rows[p] += b->rows[p];
	return RC_OK;
}

static void counts_free(void *context, void *state)
{
	(void)context;
	mem_free(state);
}

// --- looking ---

static bool fits(const struct counts *seen, const struct counts *expected)
{
	bool good = seen->rows[ALONE] == expected->rows[ALONE];
	for (int p = 0; p < ERASED; p++)
		good = good && seen->rows[p] == expected->rows[p];
	for (int p = LINKED; p < ALONE; p += 2)
		good = good && seen->rows[p] + seen->rows[p + 1] == expected->rows[p] + expected->rows[p + 1] &&
		       (seen->rows[p] == 0 || seen->rows[p] == expected->rows[p]);
	return good;
}

static void look(struct race *r, struct store *s)
{
	struct err e = ERR_NONE;
	struct snapshot *sn;
	bool gone[KIT_PERSONS];
	for (int p = 0; p < (int)KIT_PERSONS; p++)
		gone[p] = atomic_load(&r->erased[p]);
	size_t i = atomic_load(&r->done);
	kit_ok(snapshot_open(s, &sn, &e), &e);
	const struct scan_request request = {.ordered = true, .columns = {.touchpoint = true, .measures = 1}};
	const struct kernel kernel = {r, counts_new, counts_add, counts_merge, counts_free, false};
	void *state;
	kit_ok(snapshot_scan(sn, &request, &kernel, SCAN_THREADS, &state, &e), &e);
	const struct counts *seen = state;
	while (i <= STEPS && !fits(seen, &r->after[i]))
		i++;
	assert_true(i <= STEPS);
	for (int p = ERASED; p < LINKED; p++)
		assert_true(gone[p] ? seen->rows[p] == 0 : seen->rows[p] <= r->after[i].rows[p]);
	counts_free(NULL, state);
	snapshot_close(&sn);
}

// --- the threads ---

static void append_all(void *context)
{
	struct race *r = context;
	for (size_t i = 0; i < STEPS; i++) {
		enum rc rc = RC_USAGE;
		while (rc == RC_USAGE) { // a design was adopted since the batch was made
			struct err e = ERR_NONE;
			struct append_result result;
			struct batch *b = kit_batch(store_design(r->store), r->numbers[i], BATCH);
			rc = store_append(r->store, &b, 1, &result, NULL, NULL, &e);
			batch_free(&b);
			if (rc != RC_USAGE)
				kit_ok(rc, &e);
		}
		atomic_store(&r->done, i + 1);
		usleep(3000);
	}
}

static void erase_all(void *context)
{
	struct race *r = context;
	while (atomic_load(&r->done) < LAST_OF_ERASED)
		usleep(500);
	for (uint32_t p = ERASED; p < LINKED; p++) {
		struct err e = ERR_NONE;
		struct arena *a = arena_new(1 << 20);
		struct overlay_receipt receipt;
		kit_ok(store_erase_persons(r->store, &r->person[p], 1, SV("race"), a, &receipt, &e), &e);
		assert_int_equal(receipt.n_interactions, r->after[STEPS].rows[p]);
		atomic_store(&r->erased[p], true);
		arena_free(&a);
		usleep(4000);
	}
}

static void link_all(void *context)
{
	struct race *r = context;
	for (uint32_t i = 0; !atomic_load(&r->stop); i++) {
		uint32_t p = LINKED + 2 * (i % ((ALONE - LINKED) / 2));
		struct err e = ERR_NONE;
		struct arena *a = arena_new(1 << 20);
		struct overlay_receipt receipt;
		struct sv from = sv_from(r->name[p]), to = sv_from(r->name[p + 1]);
		bool join = i / ((ALONE - LINKED) / 2) % 2 == 0;
		kit_ok(join ? store_link(r->store, from, to, SV("race"), a, &receipt, &e)
			    : store_unlink(r->store, from, SV("race"), a, &receipt, &e),
			&e);
		arena_free(&a);
		usleep(4000);
	}
}

static void compact_all(void *context)
{
	struct race *r = context;
	for (uint32_t i = 0; !atomic_load(&r->stop); i++) {
		struct err e = ERR_NONE;
		kit_ok(store_compact(r->store, i % 4, NULL, &e), &e);
		usleep(2000);
	}
}

static void seal_all(void *context)
{
	struct race *r = context;
	while (!atomic_load(&r->stop)) {
		struct err e = ERR_NONE;
		kit_ok(store_seal(r->store, &e), &e);
		usleep(9000);
	}
}

static void adopt_all(void *context)
{
	struct race *r = context;
	static const char other[] = "corridor: 1\nbrand: Test\ntimezone: Europe/Berlin\ncurrency: EUR\n"
				    "stages: [purchase, use]\nchannels: {web: digital, phone: contact-centre}\n"
				    "dimensions: [product]\ntouchpoints:\n"
				    "  delivery: {stage: purchase, match: [{event: Delivered}]}\n"
				    "  support: {stage: use, match: [{event: Call}]}\n";
	for (unsigned i = 0; !atomic_load(&r->stop); i++) {
		struct err e = ERR_NONE;
		uint64_t n_changed;
		kit_ok(store_design_adopt(r->store, sv_from(i % 2 ? kit_design_text : other), "test.yaml",
			       SV("race"), &n_changed, NULL, &e),
			&e);
		usleep(25000);
	}
}

static void look_all(void *context)
{
	struct race *r = context;
	while (!atomic_load(&r->stop))
		look(r, r->store);
}

static void all_at_once(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	const struct store_options options = {.seal_rows = 300, .compact_in_background = true};
	const struct store_options reading = {.read_only = true};
	static void (*const until_stopped[])(void *context) = {
		compact_all, seal_all, adopt_all, link_all, look_all, look_all};
	enum { OTHERS = sizeof(until_stopped) / sizeof(until_stopped[0]) };
	struct thread *others[OTHERS], *append, *erase;
	struct race *r = mem_calloc(1, sizeof(*r));
	kit_ids_always = true;
	r->kit = k;
	make_plan(r);
	r->store = kit_open(k, &options, false);
	struct store *reader = kit_open(k, &reading, true);
	for (int i = 0; i < OTHERS; i++)
		assert_non_null(others[i] = thread_start(until_stopped[i], r));
	assert_non_null(append = thread_start(append_all, r));
	assert_non_null(erase = thread_start(erase_all, r));
	while (atomic_load(&r->done) < STEPS || !atomic_load(&r->erased[LINKED - 1]))
		look(r, reader);
	thread_join(&append);
	thread_join(&erase);
	atomic_store(&r->stop, true);
	for (int i = 0; i < OTHERS; i++)
		thread_join(&others[i]);
	look(r, reader);
	store_close(&reader);
	kit_ok(store_compact(r->store, 1, NULL, &e), &e);
	look(r, r->store);
	store_close(&r->store);
	kit_verify(k->dir);
	r->store = kit_open(k, &reading, true);
	look(r, r->store);
	store_close(&r->store);
	mem_free(r);
}

// --- more segments than merging keeps up with ---

enum { HEADS = 3 * SEGMENTS_MOST };

struct flood {
	struct kit *kit;
	struct store *store;
	size_t most;
	atomic_bool done;
};

static size_t count_segments(struct store *s)
{
	pthread_mutex_lock(&s->mu);
	size_t n = s->catalogue.n;
	pthread_mutex_unlock(&s->mu);
	return n;
}

static void append_heads(void *context)
{
	struct flood *f = context;
	for (uint32_t i = 0; i < HEADS; i++) {
		kit_append_range(f->kit, f->store, i * 20, 20);
		size_t n = count_segments(f->store);
		f->most = n > f->most ? n : f->most;
	}
	atomic_store(&f->done, true);
}

// While nothing can be merged, the writer waits; then it goes on.
static void the_writer_waits_for_merging(void **state)
{
	struct err e = ERR_NONE;
	struct flood f = {.kit = *state};
	const struct store_options options = {.seal_rows = 10, .compact_in_background = true};
	f.store = kit_open(f.kit, &options, false);
	pthread_mutex_lock(&f.store->compact_mu);
	struct thread *writer = thread_start(append_heads, &f);
	assert_non_null(writer);
	while (!atomic_load(&f.done) && count_segments(f.store) < SEGMENTS_MOST)
		usleep(1000);
	usleep(50000); // a writer that does not wait gets further
	assert_int_equal(count_segments(f.store), SEGMENTS_MOST);
	pthread_mutex_unlock(&f.store->compact_mu);
	thread_join(&writer);
	assert_true(f.most <= SEGMENTS_MOST);
	kit_ok(store_seal(f.store, &e), &e);
	kit_check(f.kit, f.store);
	store_close(&f.store);
	kit_verify(f.kit->dir);
	// Without the thread nothing waits.
	const struct store_options alone = {.seal_rows = 10};
	f = (struct flood){.kit = *state};
	kit_create(f.kit);
	f.store = kit_open(f.kit, &alone, false);
	append_heads(&f);
	assert_true(f.most > SEGMENTS_MOST);
	kit_check(f.kit, f.store);
	store_close(&f.store);
}

static void lock_compact(void *context)
{
	struct store *s = context;
	compact_lock(s);
	pthread_mutex_unlock(&s->compact_mu);
}

// A merge that somebody waits for does not pause: who waits is counted while waiting, and no longer.
static void waiting_is_told(void **state)
{
	struct kit *k = *state;
	struct store *s = kit_open(k, NULL, true);
	assert_false(store_waits(s));
	pthread_mutex_lock(&s->compact_mu);
	struct thread *t = thread_start(lock_compact, s);
	assert_non_null(t);
	while (!store_waits(s))
		sched_yield();
	pthread_mutex_unlock(&s->compact_mu);
	thread_join(&t);
	assert_false(store_waits(s));
	atomic_store(&s->late, true);
	assert_true(store_waits(s));
	store_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_at_once, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(the_writer_waits_for_merging, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(waiting_is_told, kit_setup, kit_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
