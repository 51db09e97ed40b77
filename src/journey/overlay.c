// SPDX-License-Identifier: Apache-2.0
// The journal of erasures and links: reading the table, and what follows from it for a person.
#include "journey/overlay.h"
#include "base/hash.h"
#include "base/mem.h"

#include <stdlib.h>

// An entry as in the table.
struct entry_row {
	int64_t id;
	enum overlay_kind kind;
	uint64_t person, target, print;
	int64_t at_ms;
};

struct entries {
	struct entry_row *items;
	size_t n, capacity;
};

static enum rc journal_nomem(struct err *e)
{
	return err_set(e, RC_NOMEM, "out of memory for the journal of erasures and links");
}

enum rc overlays_state(struct db *db, int64_t *last, int64_t *least_epoch, struct err *e)
{
	struct db_stmt *s;
	bool row;
	enum rc rc = db_prepare(db,
		"SELECT coalesce((SELECT max(id) FROM overlay), 0),"
		" coalesce((SELECT min(epoch) FROM segment), 9223372036854775807)",
		&s, e);
	if (rc == RC_OK)
		rc = db_step(s, &row, e);
	if (rc != RC_OK)
		return rc;
	*last = db_i64(s, 0);
	*least_epoch = db_i64(s, 1);
	db_reset(s);
	return RC_OK;
}

static enum rc entries_read(struct db *db, int64_t since, struct entries *out, struct err *e)
{
	struct db_stmt *s;
	bool row = false;
	enum rc rc = db_prepare(db,
		"SELECT id, kind, person, target, interaction_ms, print FROM overlay"
		" WHERE kind IN (2, 3) OR id > ?1 ORDER BY id",
		&s, e);
	if (rc != RC_OK)
		return rc;
	db_bind_i64(s, 1, since);
	while ((rc = db_step(s, &row, e)) == RC_OK && row) {
		if (mem_grow((void **)&out->items, &out->capacity, out->n + 1, sizeof(*out->items)) != 0) {
			rc = journal_nomem(e);
			break;
		}
		int64_t kind = db_i64(s, 1);
		if (kind < OVERLAY_ERASE || kind > OVERLAY_ERASE_INTERACTION) {
			rc = err_set(e, RC_CORRUPT, "the journal has an entry of an unknown kind, %lld",
				(long long)kind);
			break;
		}
		out->items[out->n++] = (struct entry_row){db_i64(s, 0), (enum overlay_kind)kind,
			(uint64_t)db_i64(s, 2), (uint64_t)db_i64(s, 3), (uint64_t)db_i64(s, 5), db_i64(s, 4)};
	}
	db_reset(s);
	return rc;
}

// --- erasures ---

static int erased_compare(const void *a, const void *b)
{
	const struct erased_person *x = a, *y = b;
	if (x->person != y->person)
		return x->person < y->person ? -1 : 1;
	return (x->entry > y->entry) - (x->entry < y->entry);
}

static int interaction_compare(const void *a, const void *b)
{
	const struct erased_interaction *x = a, *y = b;
	if (x->person != y->person)
		return x->person < y->person ? -1 : 1;
	return (x->at_ms > y->at_ms) - (x->at_ms < y->at_ms);
}

static enum rc take_erasures(struct overlays *o, const struct entries *all, struct err *e)
{
	o->erased = mem_calloc(all->n, sizeof(*o->erased));
	o->interactions = mem_calloc(all->n, sizeof(*o->interactions));
	if (!o->erased || !o->interactions)
		return journal_nomem(e);
	for (size_t i = 0; i < all->n; i++) {
		const struct entry_row *x = &all->items[i];
		if (x->kind == OVERLAY_ERASE)
			o->erased[o->n_erased++] = (struct erased_person){x->person, x->id};
		else if (x->kind == OVERLAY_ERASE_INTERACTION)
			o->interactions[o->n_interactions++] =
				(struct erased_interaction){x->person, x->at_ms, x->print, x->id};
	}
	qsort(o->erased, o->n_erased, sizeof(*o->erased), erased_compare);
	qsort(o->interactions, o->n_interactions, sizeof(*o->interactions), interaction_compare);
	size_t n = 0;
	for (size_t i = 0; i < o->n_erased; i++) // the last entry of each person
		if (i + 1 == o->n_erased || o->erased[i].person != o->erased[i + 1].person)
			o->erased[n++] = o->erased[i];
	o->n_erased = n;
	return RC_OK;
}

// --- links ---

static int u64_compare(const void *a, const void *b)
{
	uint64_t x, y;
	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

static bool groups_persons(const struct entry_row *x)
{
	return x->kind != OVERLAY_ERASE;
}

// All persons that links or erased interactions name, each once, not linked.
static enum rc take_persons(struct overlays *o, const struct entries *all, struct err *e)
{
	uint64_t *persons = mem_calloc(2 * all->n, sizeof(*persons));
	size_t n = 0, m = 0;
	if (!persons)
		return journal_nomem(e);
	for (size_t i = 0; i < all->n; i++)
		if (groups_persons(&all->items[i])) {
			persons[n++] = all->items[i].person;
			if (all->items[i].kind != OVERLAY_ERASE_INTERACTION)
				persons[n++] = all->items[i].target;
		}
	qsort(persons, n, sizeof(*persons), u64_compare);
	for (size_t i = 0; i < n; i++)
		if (m == 0 || persons[m - 1] != persons[i])
			persons[m++] = persons[i];
	o->linked = mem_calloc(m, sizeof(*o->linked));
	o->n_linked = o->linked ? m : 0;
	for (size_t i = 0; i < o->n_linked; i++)
		o->linked[i] = (struct linked_person){persons[i], persons[i], persons[i], (uint32_t)i};
	mem_free(persons);
	return o->linked ? RC_OK : journal_nomem(e);
}

// Persons are hashes: where one stands among the others is known to a few places.
const struct linked_person *overlays_find(const struct overlays *o, uint64_t person)
{
	const struct linked_person *all = o->linked;
	size_t n = o->n_linked, at = (size_t)((person >> 32) * (uint64_t)n >> 32), step = 1, lo, hi;
	if (n == 0)
		return NULL;
	if (all[at].person >= person) { // the first ≥ person is in [lo, at]
		for (hi = at; step <= hi && all[hi - step].person >= person; step *= 2)
			hi -= step;
		lo = step <= hi ? hi - step + 1 : 0;
	} else { // … in (at, hi]
		for (lo = at + 1; lo + step < n && all[lo + step].person < person; step *= 2)
			lo += step + 1;
		hi = lo + step < n ? lo + step : n;
	}
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (all[mid].person < person)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < n && all[lo].person == person ? &all[lo] : NULL;
}

static uint32_t index_of(const struct overlays *o, uint64_t person)
{
	return (uint32_t)(overlays_find(o, person) - o->linked);
}

// While groups are made, linked[i].group is the index of another person of the group, or i.
static uint32_t group_top(struct overlays *o, uint32_t i)
{
	while (o->linked[i].group != i) {
		o->linked[i].group = o->linked[o->linked[i].group].group;
		i = o->linked[i].group;
	}
	return i;
}

// Replays the journal: who is linked to whom now, and who ever was.
static enum rc replay(struct overlays *o, const struct entries *all, struct err *e)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct entry_row *x = &all->items[i];
		if (x->kind != OVERLAY_LINK && x->kind != OVERLAY_UNLINK)
			continue;
		uint32_t from = index_of(o, x->person), to = index_of(o, x->target);
		o->linked[from].parent = x->kind == OVERLAY_LINK ? x->target : x->person;
		uint32_t a = group_top(o, from), b = group_top(o, to);
		o->linked[a > b ? a : b].group = a > b ? b : a;
	}
	for (size_t i = 0; i < o->n_linked; i++) {
		uint64_t root = o->linked[i].person;
		size_t steps = 0;
		for (const struct linked_person *l = &o->linked[i]; l->parent != l->person; steps++) {
			l = overlays_find(o, l->parent);
			if (!l || steps > o->n_linked)
				return err_set(e, RC_CORRUPT, "the journal links persons in a circle");
			root = l->person;
		}
		o->linked[i].root = root;
	}
	return RC_OK;
}

static enum rc number_groups(struct overlays *o, const struct entries *all, struct err *e)
{
	uint32_t *number = mem_calloc(o->n_linked, sizeof(*number));
	o->groups = mem_calloc(o->n_linked, sizeof(*o->groups));
	o->group_persons = mem_calloc(o->n_linked, sizeof(*o->group_persons));
	if (!number || !o->groups || !o->group_persons) {
		mem_free(number);
		return journal_nomem(e);
	}
	for (uint32_t i = 0; i < o->n_linked; i++) { // a group's first person is its top
		uint32_t top = group_top(o, i);
		number[i] = top == i ? o->n_groups++ : number[top];
		o->groups[number[i]].n++;
	}
	for (uint32_t g = 1; g < o->n_groups; g++)
		o->groups[g].first = o->groups[g - 1].first + o->groups[g - 1].n;
	for (uint32_t g = 0; g < o->n_groups; g++)
		o->groups[g].n = 0;
	for (uint32_t i = 0; i < o->n_linked; i++) {
		struct person_group *g = &o->groups[number[i]];
		o->group_persons[g->first + g->n++] = o->linked[i].person;
		o->linked[i].group = number[i];
	}
	for (size_t i = 0; i < all->n; i++)
		if (groups_persons(&all->items[i]))
			o->groups[overlays_find(o, all->items[i].person)->group].last_entry = all->items[i].id;
	mem_free(number);
	return RC_OK;
}

enum rc overlays_load(struct db *db, int64_t least, struct overlays **out, struct err *e)
{
	*out = NULL;
	struct overlays *o = mem_calloc(1, sizeof(*o));
	if (!o)
		return journal_nomem(e);
	o->refs = 1;
	struct entries all = {0};
	enum rc rc = db_sums_check(db, "overlay", e);
	if (rc == RC_OK)
		rc = overlays_state(db, &o->epoch, &o->since, e);
	if (least < o->since)
		o->since = least;
	if (rc == RC_OK)
		rc = entries_read(db, o->since, &all, e);
	if (rc == RC_OK)
		rc = take_erasures(o, &all, e);
	if (rc == RC_OK)
		rc = take_persons(o, &all, e);
	if (rc == RC_OK)
		rc = replay(o, &all, e);
	if (rc == RC_OK)
		rc = number_groups(o, &all, e);
	mem_free(all.items);
	if (rc != RC_OK)
		overlays_unref(&o);
	*out = o;
	return rc;
}

// --- adding links ---

static void *copy_of(const void *items, size_t n, size_t size)
{
	void *copy = mem_calloc(n, size);
	if (copy && n)
		memcpy(copy, items, n * size);
	return copy;
}

// Persons that o does not know are put in their places, each a group of its own.
static enum rc extend_persons(struct overlays *x, const struct overlays *o, const struct overlay_entry *entries,
	size_t n, struct err *e)
{
	uint64_t *fresh = mem_calloc(2 * n, sizeof(*fresh));
	size_t n_fresh = 0, m = 0, at = 0;
	for (size_t i = 0; fresh && i < n; i++) {
		if (!overlays_find(o, entries[i].person))
			fresh[n_fresh++] = entries[i].person;
		if (!overlays_find(o, entries[i].target))
			fresh[n_fresh++] = entries[i].target;
	}
	if (fresh)
		qsort(fresh, n_fresh, sizeof(*fresh), u64_compare);
	for (size_t i = 0; i < n_fresh; i++)
		if (m == 0 || fresh[m - 1] != fresh[i])
			fresh[m++] = fresh[i];
	x->linked = mem_calloc(o->n_linked + m, sizeof(*x->linked));
	x->groups = mem_calloc(o->n_groups + m, sizeof(*x->groups));
	x->group_persons = mem_calloc(o->n_linked + m, sizeof(*x->group_persons));
	if (!fresh || !x->linked || !x->groups || !x->group_persons) {
		mem_free(fresh);
		return journal_nomem(e);
	}
	for (size_t i = 0; i < m; i++) {
		while (at < o->n_linked && o->linked[at].person < fresh[i])
			x->linked[x->n_linked++] = o->linked[at++];
		x->linked[x->n_linked++] =
			(struct linked_person){fresh[i], fresh[i], fresh[i], o->n_groups + (uint32_t)i};
	}
	while (at < o->n_linked)
		x->linked[x->n_linked++] = o->linked[at++];
	x->n_groups = o->n_groups + (uint32_t)m;
	for (uint32_t g = 0; g < o->n_groups; g++)
		x->groups[g].last_entry = o->groups[g].last_entry;
	mem_free(fresh);
	return RC_OK;
}

static uint32_t united(uint32_t *into, uint32_t g)
{
	while (into[g] != g) {
		into[g] = into[into[g]];
		g = into[g];
	}
	return g;
}

static struct linked_person *person_of_key(struct overlays *x, uint64_t person)
{
	return &x->linked[index_of(x, person)];
}

// Unites the groups that the links bring together. into: a number for each group; touched: those with a link.
static void unite_groups(
	struct overlays *x, const struct overlay_entry *entries, size_t n, uint32_t *into, bool *touched)
{
	for (uint32_t g = 0; g < x->n_groups; g++)
		into[g] = g;
	for (size_t i = 0; i < n; i++) {
		struct linked_person *from = person_of_key(x, entries[i].person);
		from->parent = entries[i].target;
		uint32_t a = united(into, from->group),
			 b = united(into, person_of_key(x, entries[i].target)->group);
		uint32_t least = a < b ? a : b, other = a < b ? b : a;
		into[other] = least;
		if (x->groups[other].last_entry > x->groups[least].last_entry)
			x->groups[least].last_entry = x->groups[other].last_entry;
		if (entries[i].id > x->groups[least].last_entry)
			x->groups[least].last_entry = entries[i].id;
		if (other != least)
			x->groups[other].last_entry = 0;
		touched[least] = true;
	}
}

static void regroup(struct overlays *x, uint32_t *into, const bool *touched)
{
	for (size_t i = 0; i < x->n_linked; i++) {
		struct linked_person *l = &x->linked[i];
		l->group = united(into, l->group);
		x->groups[l->group].n++;
		if (!touched[l->group])
			continue;
		const struct linked_person *root = l;
		while (root->parent != root->person)
			root = overlays_find(x, root->parent);
		l->root = root->person;
	}
	for (uint32_t g = 1; g < x->n_groups; g++)
		x->groups[g].first = x->groups[g - 1].first + x->groups[g - 1].n;
	for (uint32_t g = 0; g < x->n_groups; g++)
		x->groups[g].n = 0;
	for (size_t i = 0; i < x->n_linked; i++) {
		struct person_group *g = &x->groups[x->linked[i].group];
		x->group_persons[g->first + g->n++] = x->linked[i].person;
	}
}

enum rc overlays_extend(const struct overlays *o, const struct overlay_entry *entries, size_t n,
	struct overlays **out, struct err *e)
{
	*out = NULL;
	struct overlays *x = mem_calloc(1, sizeof(*x));
	if (!x)
		return journal_nomem(e);
	*x = (struct overlays){.refs = 1, .epoch = n ? entries[n - 1].id : o->epoch, .since = o->since};
	x->erased = copy_of(o->erased, o->n_erased, sizeof(*o->erased));
	x->interactions = copy_of(o->interactions, o->n_interactions, sizeof(*o->interactions));
	x->n_erased = o->n_erased;
	x->n_interactions = o->n_interactions;
	enum rc rc = x->erased && x->interactions ? extend_persons(x, o, entries, n, e) : journal_nomem(e);
	uint32_t *into = rc == RC_OK ? mem_calloc(x->n_groups, sizeof(*into)) : NULL;
	bool *touched = rc == RC_OK ? mem_calloc(x->n_groups, sizeof(*touched)) : NULL;
	if (rc == RC_OK && (!into || !touched))
		rc = journal_nomem(e);
	if (rc == RC_OK) {
		unite_groups(x, entries, n, into, touched);
		for (uint32_t g = 0; g < x->n_groups; g++) // what united a touched group is touched
			touched[united(into, g)] |= touched[g];
		regroup(x, into, touched);
	}
	mem_free(into);
	mem_free(touched);
	if (rc != RC_OK)
		overlays_unref(&x);
	*out = x;
	return rc;
}

struct overlays *overlays_ref(struct overlays *o)
{
	if (o)
		atomic_fetch_add(&o->refs, 1);
	return o;
}

void overlays_unref(struct overlays **overlays)
{
	struct overlays *o = *overlays;
	*overlays = NULL;
	if (!o || atomic_fetch_sub(&o->refs, 1) > 1)
		return;
	mem_free(o->linked);
	mem_free(o->erased);
	mem_free(o->interactions);
	mem_free(o->groups);
	mem_free(o->group_persons);
	mem_free(o);
}

// --- questions ---

bool overlays_person_erased(const struct overlays *o, uint64_t origin, int64_t epoch)
{
	size_t lo = 0, hi = o->n_erased;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (o->erased[mid].person < origin)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < o->n_erased && o->erased[lo].person == origin && o->erased[lo].entry > epoch;
}

// The first erased interaction of that person and time.
static size_t interaction_first(const struct overlays *o, uint64_t origin, int64_t at_ms)
{
	const struct erased_interaction key = {.person = origin, .at_ms = at_ms};
	size_t lo = 0, hi = o->n_interactions;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (interaction_compare(&o->interactions[mid], &key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool interaction_matches(
	const struct overlays *o, uint64_t origin, int64_t at_ms, int64_t epoch, const uint64_t *print)
{
	for (size_t i = interaction_first(o, origin, at_ms); i < o->n_interactions; i++) {
		const struct erased_interaction *x = &o->interactions[i];
		if (x->person != origin || x->at_ms != at_ms)
			break;
		if (x->entry > epoch && (!print || x->print == *print))
			return true;
	}
	return false;
}

bool overlays_interaction_suspect(const struct overlays *o, uint64_t origin, int64_t at_ms, int64_t epoch)
{
	return o->n_interactions && interaction_matches(o, origin, at_ms, epoch, NULL);
}

bool overlays_interaction_erased(
	const struct overlays *o, uint64_t origin, int64_t at_ms, int64_t epoch, uint64_t print)
{
	return interaction_matches(o, origin, at_ms, epoch, &print);
}

bool overlays_row_there(const struct overlays *o, const struct row *row, int64_t epoch)
{
	uint64_t origin = row->origin ? row->origin : row->person;
	if (!o || epoch >= o->epoch)
		return true;
	if (overlays_person_erased(o, origin, epoch))
		return false;
	return !overlays_interaction_suspect(o, origin, row->at_ms, epoch) ||
	       !overlays_interaction_erased(o, origin, row->at_ms, epoch, overlay_print(row, row->cold));
}

uint64_t overlay_print(const struct row *row, const struct sv *cold)
{
	const int64_t numbers[] = {row->at_ms, row->received_ms, row->due_ms, (int64_t)row->promise,
		(int64_t)row->keeps, row->code[CODE_CHANNEL], row->code[CODE_EVENT], row->code[CODE_SOURCE],
		row->code[CODE_AGENT], row->code[CODE_LOCATION], row->n_measures};
	uint64_t h = hash64(numbers, sizeof(numbers));
	for (uint32_t i = 0; i < row->n_measures; i++) {
		uint64_t measure[2] = {row->measures[i].slot, 0};
		memcpy(&measure[1], &row->measures[i].value, sizeof(measure[1]));
		h = hash64_seed(measure, sizeof(measure), h);
	}
	for (unsigned i = 0; i < COLD_COLUMNS; i++) {
		uint64_t len = cold[i].ptr ? cold[i].len : UINT64_MAX;
		h = hash64_seed(&len, sizeof(len), h);
		h = hash64_seed(cold[i].ptr ? cold[i].ptr : "", cold[i].ptr ? cold[i].len : 0, h);
	}
	return h;
}

// --- writing ---

enum rc overlay_insert(struct db *db, struct overlay_entry *x, struct err *e)
{
	struct db_stmt *s;
	enum rc rc = db_prepare(db,
		"INSERT INTO overlay(kind, at_ms, who, person, target, interaction_ms, print, from_identity, "
		"to_identity, n_rows) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
		&s, e);
	if (rc != RC_OK)
		return rc;
	db_bind_i64(s, 1, (int64_t)x->kind);
	db_bind_i64(s, 2, x->at_ms);
	db_bind_text(s, 3, x->who.ptr ? x->who : SV(""));
	db_bind_i64(s, 4, (int64_t)x->person);
	db_bind_i64(s, 5, (int64_t)x->target);
	db_bind_i64(s, 6, x->interaction_ms);
	db_bind_i64(s, 7, (int64_t)x->print);
	db_bind_text(s, 8, x->from);
	db_bind_text(s, 9, x->to);
	db_bind_i64(s, 10, (int64_t)x->n_rows);
	rc = db_run(s, e);
	x->id = db_last_id(db);
	return rc;
}
