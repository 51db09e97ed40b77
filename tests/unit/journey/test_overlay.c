// SPDX-License-Identifier: Apache-2.0
// Erasures and links against a slow model: rows in an array with the person that they came from, who is linked to
// whom, what is erased. Random acts, then every way of reading must show what the model says.
#include "../seeds.h"
#include "store_kit.h"

#include "base/hash.h"
#include "journey/overlay.h"

#define NUMBERS 900u

struct model_row {
	uint32_t number, who; // who: u<who>
	int64_t at_ms;
	bool erased;
};

struct model {
	struct kit *kit;
	struct store *store;
	struct model_row rows[NUMBERS];
	size_t n;
	uint32_t parent[KIT_PERSONS]; // = itself: not linked
	bool known[NUMBERS];          // once taken in, never again
	uint64_t random;
	bool foreground;
};

static uint32_t below(struct model *m, uint32_t n)
{
	m->random += UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(kit_mix(m->random) % n);
}

static uint64_t person_key(uint32_t who)
{
	char text[32];
	snprintf(text, sizeof(text), "user:u%u", who);
	return hash64(text, strlen(text));
}

static uint32_t root_of(const struct model *m, uint32_t who)
{
	while (m->parent[who] != who)
		who = m->parent[who];
	return who;
}

static struct store_options options_of(const struct model *m)
{
	return (struct store_options){.seal_rows = 120, .compact_in_background = !m->foreground};
}

static void reopen(struct model *m)
{
	struct store_options o = options_of(m);
	store_close(&m->store);
	m->store = kit_open(m->kit, &o, m->foreground);
}

static void append_some(struct model *m)
{
	struct err e = ERR_NONE;
	uint32_t numbers[60], n = 1 + below(m, 60), added = 0;
	for (uint32_t i = 0; i < n; i++)
		do // what was erased and has no message id may come in again
			numbers[i] = below(m, NUMBERS);
		while (kit_mix(numbers[i]) >> 56 & 1);
	struct batch *b = kit_batch(m->kit->design, numbers, n);
	struct append_result r;
	kit_ok(store_append(m->store, &b, 1, &r, NULL, NULL, &e), &e);
	for (uint32_t i = 0; i < n; i++) {
		if (m->known[numbers[i]])
			continue;
		struct interaction *x = mem_calloc(1, sizeof(*x));
		struct kit_texts t;
		kit_interaction(numbers[i], x, &t);
		m->known[numbers[i]] = true;
		m->rows[m->n++] = (struct model_row){
			numbers[i], (uint32_t)(kit_mix(numbers[i]) % KIT_PERSONS), x->at_ms, false};
		mem_free(x);
		added++;
	}
	assert_int_equal(r.n_added, added);
	batch_free(&b);
}

// --- what must be shown ---

struct shown {
	uint64_t person;
	int64_t at_ms;
	uint32_t number, who;
	size_t arrival;
};

static int shown_compare(const void *left, const void *right)
{
	const struct shown *a = left, *b = right;
	if (a->person != b->person)
		return a->person < b->person ? -1 : 1;
	if (a->at_ms != b->at_ms)
		return a->at_ms < b->at_ms ? -1 : 1;
	return (a->number > b->number) - (a->number < b->number);
}

static size_t expected(const struct model *m, struct shown *out)
{
	size_t n = 0;
	for (size_t i = 0; i < m->n; i++) {
		const struct model_row *r = &m->rows[i];
		if (!r->erased)
			out[n++] =
				(struct shown){person_key(root_of(m, r->who)), r->at_ms, r->number, r->who, i};
	}
	return n;
}

static uint32_t number_of(struct sv id)
{
	int64_t n = -1;
	assert_true(id.len > 2 && sv_to_i64((struct sv){id.ptr + 2, id.len - 2}, &n));
	return (uint32_t)n;
}

static uint32_t number_at(struct snapshot *sn, uint64_t locator, struct arena *a)
{
	struct err e = ERR_NONE;
	struct sv id;
	kit_ok(snapshot_cold(sn, locator, COLD_ID, a, &id, &e), &e);
	return number_of(id);
}

static size_t arrival_of(const struct model *m, uint32_t number)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->rows[i].number == number)
			return i;
	fail_msg("m-%u was never taken in", number);
	return 0;
}

static size_t read_all(struct model *m, struct snapshot *sn, bool ordered, uint64_t lo, uint64_t hi,
	const struct predicate *predicate, struct shown *out)
{
	struct err e = ERR_NONE;
	struct arena *a = arena_new(0);
	struct cursor *c;
	const struct span *span;
	const struct scan_request r = {.ordered = ordered,
		.columns = {.event = true},
		.predicates = predicate,
		.n_predicates = predicate != NULL};
	size_t n = 0;
	kit_ok(cursor_open(sn, &r, lo, hi, &c, &e), &e);
	cursor_want_rows(c);
	while (cursor_next(c, &span, &e) == RC_OK && span)
		for (uint32_t i = 0; i < span->n; i++) {
			if (span->keep && !span->keep[i])
				continue;
			uint32_t number = number_at(sn, span->locator[i], a);
			assert_true(n < NUMBERS);
			out[n] = (struct shown){span->row_person[i], span->at[i], number,
				(uint32_t)(kit_mix(number) % KIT_PERSONS), arrival_of(m, number)};
			n++;
		}
	kit_ok(e.rc, &e);
	cursor_close(&c);
	arena_free(&a);
	return n;
}

static void check_order(const struct shown *got, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		assert_true(got[i - 1].person <= got[i].person);
		if (got[i - 1].person == got[i].person)
			assert_true(got[i - 1].at_ms <= got[i].at_ms);
		for (size_t k = i; k-- > 0 && got[k].person == got[i].person && got[k].at_ms == got[i].at_ms;)
			if (got[k].who == got[i].who)
				assert_true(got[k].arrival < got[i].arrival);
	}
}

static void check_same(const char *what, struct shown *got, size_t n_got, const struct shown *want, size_t n)
{
	qsort(got, n_got, sizeof(*got), shown_compare);
	for (size_t i = 0; i < n && i < n_got; i++)
		if (got[i].number != want[i].number || got[i].person != want[i].person)
			fail_msg("%s: row %zu is m-%u of %llx, not m-%u of %llx", what, i, got[i].number,
				(unsigned long long)got[i].person, want[i].number,
				(unsigned long long)want[i].person);
	if (n != n_got)
		fail_msg("%s: %zu rows, not %zu", what, n_got, n);
}

// The identities of a person: those of everyone who belongs to it and has shown a row that is not erased.
static void check_identities(struct model *m, struct snapshot *sn, uint32_t who)
{
	struct err e = ERR_NONE;
	struct arena *a = arena_new(0);
	struct sv *list;
	uint32_t n;
	kit_ok(snapshot_identities(sn, person_key(who), a, &list, &n, &e), &e);
	for (uint32_t w = 0; w < KIT_PERSONS; w++) {
		bool there = false, listed = false;
		char text[32];
		snprintf(text, sizeof(text), "user:u%u", w);
		for (size_t i = 0; i < m->n; i++)
			there |= m->rows[i].who == w && !m->rows[i].erased && root_of(m, w) == root_of(m, who);
		for (uint32_t i = 0; i < n; i++)
			listed |= sv_equal(list[i], sv_from(text));
		if (there && !listed)
			fail_msg("%s is not among the identities of u%u", text, who);
		bool belongs = root_of(m, w) == root_of(m, who);
		if (listed && !belongs)
			fail_msg("%s is among the identities of u%u", text, who);
	}
	arena_free(&a);
}

static void check_ends(const struct snapshot_stats *stats, const struct shown *rows, size_t n)
{
	int64_t first = TIME_NONE, last = TIME_NONE;
	for (size_t i = 0; i < n; i++) {
		first = i == 0 || rows[i].at_ms < first ? rows[i].at_ms : first;
		last = i == 0 || rows[i].at_ms > last ? rows[i].at_ms : last;
	}
	assert_true(stats->first_ms == first && stats->last_ms == last);
}

static void check_texts(struct model *m, struct snapshot *sn, const struct shown *rows, size_t n)
{
	struct shown want[NUMBERS], got[NUMBERS];
	struct interaction *x = mem_calloc(1, sizeof(*x));
	struct kit_texts t;
	struct predicate p = {.kind = PREDICATE_TEXT, .wanted_absent = below(m, 2)};
	bool ordered = below(m, 2);
	size_t n_want = 0;
	for (size_t i = 0; i < n; i++) {
		kit_interaction(rows[i].number, x, &t);
		if ((x->text.len == 0) == p.wanted_absent)
			want[n_want++] = rows[i];
	}
	mem_free(x);
	size_t k = read_all(m, sn, ordered, 0, UINT64_MAX, &p, got);
	check_same(p.wanted_absent ? "without a text" : "with a text", got, k, want, n_want);
}

static void check_snapshot(struct model *m, struct snapshot *sn)
{
	struct shown want[NUMBERS], got[NUMBERS];
	struct snapshot_stats stats;
	size_t n = expected(m, want), k = read_all(m, sn, true, 0, UINT64_MAX, NULL, got);
	qsort(want, n, sizeof(*want), shown_compare);
	check_order(got, k);
	check_same("ordered", got, k, want, n);
	k = read_all(m, sn, false, 0, UINT64_MAX, NULL, got);
	check_same("unordered", got, k, want, n);
	snapshot_stats(sn, &stats);
	assert_int_equal(stats.n_interactions, n);
	check_ends(&stats, want, n);
	check_texts(m, sn, want, n);
	uint64_t middle = person_key(below(m, KIT_PERSONS)); // two ranges share nothing and miss nothing
	k = middle ? read_all(m, sn, true, 0, middle - 1, NULL, got) : 0;
	k += read_all(m, sn, false, middle, UINT64_MAX, NULL, got + k);
	if (middle != UINT64_MAX)
		check_same("two ranges", got, k, want, n);
	for (int i = 0; i < 4; i++) {
		uint32_t who = below(m, KIT_PERSONS);
		uint64_t root = person_key(root_of(m, who));
		const struct predicate p = {.kind = PREDICATE_PERSON, .person = person_key(who)};
		size_t first = 0, n_one = 0;
		while (first < n && want[first].person != root)
			first++;
		while (first + n_one < n && want[first + n_one].person == root)
			n_one++;
		assert_true(snapshot_person_resolve(sn, person_key(who)) == root);
		k = read_all(m, sn, true, person_key(who), person_key(who), NULL, got);
		check_same("one person", got, k, want + first, n_one);
		k = read_all(m, sn, i % 2, 0, UINT64_MAX, &p, got);
		check_same("a person's predicate", got, k, want + first, n_one);
		check_identities(m, sn, who);
	}
}

static void check(struct model *m)
{
	struct err e = ERR_NONE;
	struct snapshot *sn;
	kit_ok(snapshot_open(m->store, &sn, &e), &e);
	check_snapshot(m, sn);
	snapshot_close(&sn);
}

// --- acts ---

static void erase_person(struct model *m)
{
	struct err e = ERR_NONE;
	struct arena *a = arena_new(0);
	struct overlay_receipt receipt;
	uint32_t who = below(m, KIT_PERSONS), n = 0;
	uint64_t person = person_key(who);
	kit_ok(store_erase_persons(m->store, &person, 1, SV("tester"), a, &receipt, &e), &e);
	for (size_t i = 0; i < m->n; i++)
		if (root_of(m, m->rows[i].who) == root_of(m, who)) {
			n += !m->rows[i].erased;
			m->rows[i].erased = true;
		}
	assert_int_equal(receipt.n_interactions, n);
	arena_free(&a);
}

static void erase_interaction(struct model *m)
{
	struct err e = ERR_NONE;
	struct arena *a = arena_new(0);
	struct overlay_receipt receipt;
	char id[32];
	if (m->n) {
		struct model_row *r = &m->rows[below(m, (uint32_t)m->n)];
		snprintf(id, sizeof(id), "m-%u", r->number);
		const struct interaction_name name = {SV("shop"), sv_from(id)};
		enum rc rc = store_erase_interactions(m->store, &name, 1, SV("tester"), a, &receipt, &e);
		assert_int_equal(rc, r->erased ? RC_NOT_FOUND : RC_OK);
		assert_int_equal(receipt.n_interactions, !r->erased);
		r->erased = true;
	}
	arena_free(&a);
}

static void erase_rows(struct model *m)
{
	struct err e = ERR_NONE;
	struct arena *a = arena_new(0);
	struct snapshot *sn;
	struct cursor *c;
	const struct span *span;
	struct overlay_receipt receipt;
	uint64_t locators[3] = {0}, n = 0;
	const struct scan_request r = {.ordered = true};
	kit_ok(snapshot_open(m->store, &sn, &e), &e);
	kit_ok(cursor_open(sn, &r, 0, UINT64_MAX, &c, &e), &e);
	cursor_want_rows(c);
	while (cursor_next(c, &span, &e) == RC_OK && span)
		for (uint32_t i = below(m, 40); n < 3 && i < span->n; i += 1 + below(m, 40))
			locators[n++] = span->locator[i];
	cursor_close(&c);
	for (uint64_t i = 0; i < n; i++)
		m->rows[arrival_of(m, number_at(sn, locators[i], a))].erased = true;
	kit_ok(store_erase_rows(m->store, sn, locators, n, SV("tester"), a, &receipt, &e), &e);
	assert_int_equal(receipt.n_interactions, n);
	snapshot_close(&sn);
	arena_free(&a);
}

static void link_some(struct model *m)
{
	struct err e = ERR_NONE;
	struct arena *a = arena_new(0);
	struct overlay_receipt receipt;
	char from[32], to[32];
	uint32_t x = below(m, KIT_PERSONS), y = below(m, KIT_PERSONS), n = 0;
	snprintf(from, sizeof(from), "user:u%u", x);
	snprintf(to, sizeof(to), "user:u%u", y);
	enum rc want = RC_OK;
	if (m->parent[x] != x && m->parent[x] != y)
		want = RC_EXISTS;
	else if (root_of(m, y) == x)
		want = RC_USAGE;
	bool same = m->parent[x] == y && x != y;
	for (size_t i = 0; i < m->n; i++)
		n += !m->rows[i].erased && root_of(m, m->rows[i].who) == x;
	enum rc rc = store_link(m->store, sv_from(from), sv_from(to), SV("tester"), a, &receipt, &e);
	assert_int_equal(rc, want);
	if (rc == RC_OK) {
		assert_int_equal(receipt.entry == 0, same);
		if (!same)
			assert_int_equal(receipt.n_interactions, n);
		m->parent[x] = y;
	}
	arena_free(&a);
}

static void unlink_some(struct model *m)
{
	struct err e = ERR_NONE;
	struct arena *a = arena_new(0);
	struct overlay_receipt receipt;
	char from[32];
	uint32_t x = below(m, KIT_PERSONS);
	for (uint32_t i = 0; i < KIT_PERSONS && m->parent[x] == x; i++)
		x = (x + 1) % KIT_PERSONS;
	snprintf(from, sizeof(from), "user:u%u", x);
	enum rc rc = store_unlink(m->store, sv_from(from), SV("tester"), a, &receipt, &e);
	assert_int_equal(rc, m->parent[x] == x ? RC_NOT_FOUND : RC_OK);
	m->parent[x] = x;
	arena_free(&a);
}

static void act(struct model *m)
{
	struct err e = ERR_NONE;
	switch (below(m, 16)) {
	case 0:
		kit_ok(store_seal(m->store, &e), &e);
		break;
	case 1:
		kit_ok(store_compact(m->store, 0, NULL, &e), &e);
		break;
	case 2:
		kit_ok(store_compact(m->store, 1 + below(m, 3), NULL, &e), &e);
		break;
	case 3:
		reopen(m);
		break;
	case 4:
		erase_person(m);
		break;
	case 5:
		erase_interaction(m);
		break;
	case 6:
		erase_rows(m);
		break;
	case 7:
	case 8:
	case 9:
		link_some(m);
		break;
	case 10:
		unlink_some(m);
		break;
	default:
		append_some(m);
	}
}

static struct model *model_new(struct kit *k, uint64_t seed)
{
	struct model *m = mem_calloc(1, sizeof(*m));
	assert_non_null(m);
	m->kit = k;
	m->random = seed;
	m->foreground = seed % 4 != 0;
	for (uint32_t i = 0; i < KIT_PERSONS; i++)
		m->parent[i] = i;
	kit_create(k);
	struct store_options o = options_of(m);
	m->store = kit_open(k, &o, m->foreground);
	return m;
}

// No row of the files is of a person or an interaction that was erased.
static void check_physical(struct model *m)
{
	struct err e = ERR_NONE;
	struct segment_list list;
	size_t n = 0, want = 0;
	kit_ok(store_seal(m->store, &e), &e);
	kit_ok(store_compact(m->store, 1, NULL, &e), &e);
	kit_ok(catalogue_copy(m->store, &list, &e), &e);
	for (size_t i = 0; i < list.n; i++) {
		struct segment_rows *rows;
		const struct row *row;
		kit_ok(segment_rows_open(list.items[i]->segment, &rows, &e), &e);
		while (segment_rows_next(rows, &row, &e) == RC_OK && row) {
			uint32_t number = number_of(row->cold[COLD_ID]);
			const struct model_row *r = &m->rows[arrival_of(m, number)];
			assert_false(r->erased);
			assert_true(row->person == person_key(root_of(m, r->who)));
			assert_true((row->origin ? row->origin : row->person) == person_key(r->who));
			n++;
		}
		segment_rows_close(&rows);
		assert_true(list.items[i]->entry.epoch == m->store->overlays->epoch);
	}
	segment_list_release(m->store, &list);
	for (size_t i = 0; i < m->n; i++)
		want += !m->rows[i].erased;
	assert_int_equal(n, want);
}

static uint64_t runs(void)
{
	const char *text = getenv("CORRIDOR_OVERLAY_RUNS");
	return text ? strtoull(text, NULL, 10) : 150;
}

static void random_acts_agree_with_the_model(void **state)
{
	for (uint64_t seed = 1; seed <= runs(); seed += seeds_step()) {
		struct model *m = model_new(*state, seed);
		for (int step = 0; step < 40; step++) {
			act(m);
			if (step % 4 == 3)
				check(m);
		}
		check_physical(m);
		check(m);
		reopen(m);
		check(m);
		store_close(&m->store);
		kit_verify(m->kit->dir);
		mem_free(m);
	}
}

static void a_snapshot_keeps_what_was_erased_after_it(void **state)
{
	struct err e = ERR_NONE;
	struct model *m = model_new(*state, 1);
	struct snapshot *before;
	for (int i = 0; i < 20; i++)
		append_some(m);
	kit_ok(snapshot_open(m->store, &before, &e), &e);
	struct model *then = mem_alloc(sizeof(*then));
	*then = *m;
	erase_person(m);
	link_some(m);
	erase_interaction(m);
	kit_ok(store_compact(m->store, 1, NULL, &e), &e);
	check_snapshot(then, before);
	check(m);
	snapshot_close(&before);
	store_close(&m->store);
	mem_free(then);
	mem_free(m);
}

// Between the commit of a merge and its end the segments before it are still in memory, where they lack what the merged one
// has: it is read for them.
static void erasures_for_segments_in_memory(void **state)
{
	struct err e = ERR_NONE;
	struct model *m = model_new(*state, 1);
	struct overlays *o;
	for (int i = 0; i < 5; i++)
		append_some(m);
	erase_interaction(m);
	kit_ok(store_compact(m->store, 1, NULL, &e), &e);
	kit_ok(overlays_load(m->store->db, INT64_MAX, &o, &e), &e);
	assert_int_equal(o->n_interactions, 0);
	overlays_unref(&o);
	kit_ok(overlays_load(m->store->db, 0, &o, &e), &e);
	assert_int_equal(o->n_interactions, 1);
	overlays_unref(&o);
	// A catalogue in memory that has not been told of the merge.
	int64_t epoch = m->store->catalogue.items[0]->entry.epoch;
	m->store->catalogue.items[0]->entry.epoch = 0;
	kit_ok(store_overlays_reload(m->store, &e), &e);
	assert_int_equal(m->store->overlays->n_interactions, 1);
	m->store->catalogue.items[0]->entry.epoch = epoch;
	store_close(&m->store);
	mem_free(m);
}

// The text of an erased person is nowhere in the data directory, once compacted.
static bool found_in(const char *path, const char *text)
{
	char *bytes = NULL;
	size_t n = 0;
	struct err e = ERR_NONE;
	kit_ok(io_read_file(io_system(), path, 1u << 30, &bytes, &n, &e), &e);
	bool found = memmem(bytes, n, text, strlen(text)) != NULL;
	mem_free(bytes);
	return found;
}

static void erased_means_gone(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	kit_create(k);
	struct store *s = kit_open(k, NULL, true);
	struct arena *a = arena_new(0);
	struct overlay_receipt receipt;
	struct interaction *x = mem_calloc(1, sizeof(*x));
	struct kit_texts t;
	struct batch *b = batch_new(k->design);
	struct append_result r;
	kit_interaction(1, x, &t);
	x->identities[0] = (struct identity){SV("email"), SV("quetzalcoatl@example.org")};
	kit_ok(batch_add(b, x, &e), &e);
	kit_ok(store_append(s, &b, 1, &r, NULL, NULL, &e), &e);
	kit_ok(store_link(
		       s, SV("email:quetzalcoatl@example.org"), SV("user:u99"), SV("tester"), a, &receipt, &e),
		&e);
	assert_int_equal(receipt.n_interactions, 1);
	assert_true(receipt.n_segments == 1 && receipt.segments[0].was_inbox);
	uint64_t person = hash64("user:u99", 8), stranger = hash64("user:u98", 8);
	struct journal_entry *entries;
	uint32_t n;
	bool named;
	kit_ok(store_journal_names(s, person, &named, &e), &e);
	assert_true(named);
	kit_ok(store_journal_names(s, stranger, &named, &e), &e);
	assert_false(named);
	kit_ok(store_journal_page(s, &person, 0, 100, a, &entries, &n, &e), &e);
	assert_true(n == 1 && entries[0].in_force && entries[0].owner == person);
	kit_ok(store_journal_page(s, &stranger, 0, 100, a, &entries, &n, &e), &e);
	assert_int_equal(n, 0);
	kit_ok(store_erase_persons(s, &person, 1, SV("tester"), a, &receipt, &e), &e);
	assert_int_equal(receipt.n_interactions, 1);
	assert_int_equal(receipt.n_persons, 2);
	kit_ok(store_journal_names(s, person, &named, &e), &e);
	assert_false(named);
	kit_ok(store_journal_page(s, NULL, 0, 2, a, &entries, &n, &e), &e);
	assert_true(n == 2 && entries[0].id == 3 && sv_equal(entries[0].kind, SV("erase")));
	kit_ok(store_journal_page(s, NULL, entries[1].id, 2, a, &entries, &n, &e), &e);
	assert_true(n == 1 && entries[0].id == 1);
	kit_ok(store_compact(s, 1, NULL, &e), &e);
	kit_ok(store_journal(s, 0, 100, a, &entries, &n, &e), &e);
	assert_int_equal(n, 3);
	assert_true(sv_equal(entries[0].kind, SV("link")) && !entries[0].from.ptr && entries[2].applied);
	store_close(&s);
	char path[128];
	snprintf(path, sizeof(path), "%s/corridor.db", k->dir);
	assert_false(found_in(path, "quetzalcoatl"));
	mem_free(x);
	batch_free(&b);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(random_acts_agree_with_the_model, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(
			a_snapshot_keeps_what_was_erased_after_it, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(erasures_for_segments_in_memory, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(erased_means_gone, kit_setup, kit_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
