// SPDX-License-Identifier: Apache-2.0
// Links between persons and what comes in beside them: an interaction is known whatever links did to its person, and
// many links at once are what one by one gives.
#include "../seeds.h"
#include "journey/overlay.h"
#include "store_kit.h"

enum { NUMBERS = 160 };

static uint32_t below(uint64_t *random, uint32_t n)
{
	*random += UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(kit_mix(*random) % n);
}

static struct sv user(char text[32], uint32_t who)
{
	snprintf(text, 32, "user:u%u", who);
	return sv_from(text);
}

// --- what is known stays known ---

static void expect_known(struct kit *k, struct store *s)
{
	struct err e = ERR_NONE;
	struct append_result r;
	struct batch *b = kit_range(k->design, 0, NUMBERS);
	kit_ok(store_append(s, &b, 1, &r, NULL, NULL, &e), &e);
	assert_int_equal(r.n_added, 0);
	batch_free(&b);
}

// Half of the interactions have no message id: they are looked for under whichever person links have put them.
static void links_hide_no_duplicate(void **state)
{
	struct kit *k = *state;
	for (uint64_t seed = 1; seed <= 40; seed += seeds_step()) {
		struct err e = ERR_NONE;
		uint64_t random = seed;
		struct overlay_receipt receipt;
		kit_create(k);
		struct store *s = kit_open(k, NULL, true);
		struct arena *a = arena_new(0);
		kit_append_range(k, s, 0, NUMBERS);
		kit_ok(store_seal(s, &e), &e);
		for (int step = 0; step < 30; step++) {
			char from[32], to[32];
			struct err ignored = ERR_NONE;
			uint32_t what = below(&random, 8), x = below(&random, 6), y = below(&random, 6);
			if (what < 4)
				store_link(s, user(from, x), user(to, y), SV("t"), a, &receipt, &ignored);
			else if (what < 6)
				store_unlink(s, user(from, x), SV("t"), a, &receipt, &ignored);
			else if (what == 6)
				kit_ok(store_compact(s, 1, NULL, &e), &e);
			else
				expect_known(k, s);
		}
		expect_known(k, s);
		arena_free(&a);
		store_close(&s);
		kit_verify(k->dir);
	}
}

// --- many at once ---

// What the persons look like: each one's number of interactions, in order of person.
static size_t census(struct store *s, uint64_t persons[KIT_PERSONS + 1], uint32_t rows[KIT_PERSONS + 1])
{
	struct err e = ERR_NONE;
	struct snapshot *sn;
	struct cursor *c;
	const struct span *span;
	const struct scan_request r = {.ordered = true};
	size_t n = 0;
	kit_ok(snapshot_open(s, &sn, &e), &e);
	kit_ok(cursor_open(sn, &r, 0, UINT64_MAX, &c, &e), &e);
	while (cursor_next(c, &span, &e) == RC_OK && span)
		for (uint32_t i = 0; i < span->n_persons; i++) {
			assert_true(n <= KIT_PERSONS);
			persons[n] = span->person[i];
			rows[n++] = span->person_start[i + 1] - span->person_start[i];
		}
	cursor_close(&c);
	snapshot_close(&sn);
	return n;
}

static void expect_same(struct store *a, struct store *b)
{
	uint64_t persons[2][KIT_PERSONS + 1];
	uint32_t rows[2][KIT_PERSONS + 1];
	size_t n = census(a, persons[0], rows[0]);
	assert_int_equal(census(b, persons[1], rows[1]), n);
	assert_memory_equal(persons[0], persons[1], n * sizeof(persons[0][0]));
	assert_memory_equal(rows[0], rows[1], n * sizeof(rows[0][0]));
}

enum { PAIRS = 24 };

struct pairs {
	char text[PAIRS][2][32];
	struct person_link links[PAIRS];
	enum link_outcome outcomes[PAIRS];
};

static void pairs_make(struct pairs *p, uint64_t *random, uint32_t n_persons)
{
	for (uint32_t i = 0; i < PAIRS; i++)
		p->links[i] = (struct person_link){user(p->text[i][0], below(random, n_persons)),
			user(p->text[i][1], below(random, n_persons))};
	p->links[5].to = SV("nobody");
}

static enum link_outcome outcome_of(enum rc rc, const struct overlay_receipt *r, const struct err *e)
{
	if (rc == RC_OK)
		return r->entry ? LINK_MADE : LINK_KNOWN;
	if (rc == RC_EXISTS)
		return LINK_TAKEN;
	assert_int_equal(rc, RC_USAGE);
	return strstr(e->message, "not an identity") ? LINK_MALFORMED : LINK_CIRCLE;
}

static void expect_journal(struct store *a, struct store *b, bool counted)
{
	struct err e = ERR_NONE;
	struct arena *arena = arena_new(0);
	struct journal_entry *x, *y;
	uint32_t n, m;
	kit_ok(store_journal(a, 0, 10000, arena, &x, &n, &e), &e);
	kit_ok(store_journal(b, 0, 10000, arena, &y, &m, &e), &e);
	assert_int_equal(n, m);
	for (uint32_t i = 0; i < n; i++) {
		assert_true(x[i].person == y[i].person && x[i].target == y[i].target);
		assert_true(sv_equal(x[i].from, y[i].from) && sv_equal(x[i].to, y[i].to));
		assert_true(sv_equal(x[i].kind, y[i].kind) && sv_equal(x[i].who, y[i].who));
		assert_true(y[i].n_interactions == (counted ? x[i].n_interactions : JOURNAL_NOT_COUNTED));
	}
	arena_free(&arena);
}

// What the writer has in memory is what its journal says.
static void expect_overlays(const struct store *s)
{
	struct err e = ERR_NONE;
	struct overlays *want;
	const struct overlays *got = s->overlays;
	kit_ok(overlays_load(s->db, INT64_MAX, &want, &e), &e);
	assert_true(got->epoch == want->epoch && got->n_erased == want->n_erased);
	assert_int_equal(got->n_linked, want->n_linked);
	for (size_t i = 0; i < want->n_linked; i++) {
		const struct linked_person *a = &got->linked[i], *b = &want->linked[i];
		const struct person_group *x = &got->groups[a->group], *y = &want->groups[b->group];
		assert_true(a->person == b->person && a->parent == b->parent && a->root == b->root);
		assert_true(x->n == y->n && x->last_entry == y->last_entry);
		assert_memory_equal(
			&got->group_persons[x->first], &want->group_persons[y->first], x->n * sizeof(uint64_t));
		assert_ptr_equal(overlays_find(got, a->person), a);
		assert_null(overlays_find(got, a->person + 1));
	}
	assert_null(overlays_find(got, 0));
	assert_null(overlays_find(got, UINT64_MAX));
	overlays_unref(&want);
}

// Two stores with the same interactions, in segments and in the inbox.
struct twins {
	struct kit *one, *other;
	struct store *single, *bulk;
	struct arena *arena;
};

static void twins_open(struct twins *t, struct kit *k, void **other)
{
	struct err e = ERR_NONE;
	kit_setup(other);
	*t = (struct twins){.one = k, .other = *other, .arena = arena_new(0)};
	kit_create(k);
	t->single = kit_open(t->one, NULL, true);
	t->bulk = kit_open(t->other, NULL, true);
	for (int i = 0; i < 2; i++) {
		struct store *s = i ? t->bulk : t->single;
		struct kit *of = i ? t->other : t->one;
		kit_append_range(of, s, 0, 100);
		kit_ok(store_seal(s, &e), &e);
		kit_append_range(of, s, 100, 60);
	}
}

static void twins_close(struct twins *t, void **other)
{
	arena_free(&t->arena);
	store_close(&t->single);
	store_close(&t->bulk);
	kit_verify(t->other->dir);
	kit_teardown(other);
}

static uint64_t link_singly(struct twins *t, const struct pairs *p, enum link_outcome *outcomes)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < PAIRS; i++) {
		struct err e = ERR_NONE;
		struct overlay_receipt r;
		enum rc rc = store_link(t->single, p->links[i].from, p->links[i].to, SV("t"), t->arena, &r, &e);
		outcomes[i] = outcome_of(rc, &r, &e);
		n += outcomes[i] == LINK_MADE;
	}
	return n;
}

static void many_links_are_as_one_by_one(void **state)
{
	for (uint64_t seed = 1; seed <= 60; seed += seeds_step()) {
		struct err e = ERR_NONE;
		struct twins t;
		void *other;
		uint64_t random = seed;
		twins_open(&t, *state, &other);
		for (int round = 0; round < 3; round++) {
			struct pairs p;
			enum link_outcome want[PAIRS];
			struct overlay_receipt r;
			pairs_make(&p, &random, seed % 2 ? 9 : KIT_PERSONS);
			uint64_t n = link_singly(&t, &p, want);
			const struct linking l = {p.links, PAIRS, SV("t"), p.outcomes};
			kit_ok(store_link_all(t.bulk, &l, t.arena, &r, &e), &e);
			assert_memory_equal(p.outcomes, want, sizeof(want));
			assert_int_equal(r.n_persons, n);
			assert_int_equal(r.entry != 0, n != 0);
			expect_journal(t.single, t.bulk, true);
			expect_overlays(t.single);
			expect_overlays(t.bulk);
			expect_same(t.single, t.bulk);
			for (uint32_t i = 0; i < PAIRS; i += 3) { // each can be undone alone
				struct err a = ERR_NONE, b = ERR_NONE;
				struct overlay_receipt x;
				struct sv from = p.links[i].from;
				assert_int_equal(store_unlink(t.single, from, SV("t"), t.arena, &x, &a),
					store_unlink(t.bulk, from, SV("t"), t.arena, &x, &b));
			}
			expect_same(t.single, t.bulk);
		}
		twins_close(&t, &other);
	}
}

static enum rc refuse(void *context, struct db *db, const struct append_result *results, struct err *e)
{
	(void)context, (void)db, (void)results;
	return err_set(e, RC_INPUT, "no");
}

// The last range comes with the links: in one transaction, all of it or nothing, and known if it comes again.
static void links_come_with_interactions(void **state)
{
	for (uint64_t seed = 1; seed <= 30; seed += seeds_step()) {
		struct err e = ERR_NONE, refused = ERR_NONE;
		struct twins t;
		void *other;
		uint64_t random = seed;
		twins_open(&t, *state, &other);
		struct pairs p;
		enum link_outcome want[PAIRS];
		struct append_result r;
		pairs_make(&p, &random, 12);
		const struct linking l = {p.links, PAIRS, SV("t"), p.outcomes};
		struct batch *b = kit_range(t.other->design, 140, 60);
		assert_int_equal(store_append_linking(t.bulk, &b, 1, &r, &l, refuse, NULL, &refused), RC_INPUT);
		expect_same(t.single, t.bulk); // neither
		kit_ok(store_append_linking(t.bulk, &b, 1, &r, &l, NULL, NULL, &e), &e);
		assert_int_equal(r.n_added, 40);
		expect_overlays(t.bulk);
		kit_append_range(t.one, t.single, 140, 60);
		link_singly(&t, &p, want);
		assert_memory_equal(p.outcomes, want, sizeof(want));
		expect_journal(t.single, t.bulk, false);
		expect_same(t.single, t.bulk);
		kit_ok(store_append_linking(t.bulk, &b, 1, &r, &l, NULL, NULL, &e), &e);
		assert_int_equal(r.n_added, 0);
		expect_journal(t.single, t.bulk, false); // the same links again are no entries
		kit_ok(store_compact(t.bulk, 1, NULL, &e), &e);
		expect_same(t.single, t.bulk);
		store_close(&t.bulk);
		t.bulk = kit_open(t.other, NULL, true);
		expect_same(t.single, t.bulk);
		batch_free(&b);
		twins_close(&t, &other);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(links_hide_no_duplicate, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(many_links_are_as_one_by_one, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(links_come_with_interactions, kit_setup, kit_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
