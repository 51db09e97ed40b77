// SPDX-License-Identifier: Apache-2.0
// Links: one or many at once, alone or in the transaction of an append, and undoing one. What is allowed is decided
// in the order given, against the journal in memory and the links before in the same call; nothing is written before
// all of it is decided.
#include "base/hash.h"
#include "base/mem.h"
#include "journey/overlay_act.h"

// --- deciding ---

// A person that a call names, or the root of one.
struct tie {
	uint64_t parent; // made: whom this call linked it to
	size_t next;     // towards its root as far as this call goes; itself: a root
	uint64_t n_rows; // of it and of whom this call linked to it
	bool made;
};

struct ties {
	uint64_t *persons; // sorted
	struct tie *items; // one for each
	size_t n;
};

static bool is_identity(struct sv text)
{
	const char *colon = text.len ? memchr(text.ptr, ':', text.len) : NULL;
	return colon && colon > text.ptr && colon + 1 < text.ptr + text.len;
}

static uint64_t key_of(struct sv identity)
{
	return hash64(identity.ptr, identity.len);
}

static enum rc ties_new(
	const struct overlays *o, const struct person_link *links, size_t n, struct ties *t, struct err *e)
{
	t->persons = mem_calloc(2 * n, sizeof(*t->persons));
	t->items = mem_calloc(2 * n, sizeof(*t->items));
	if (!t->persons || !t->items)
		return act_nomem(e);
	for (size_t i = 0; i < n; i++) {
		if (!is_identity(links[i].from) || !is_identity(links[i].to))
			continue;
		t->persons[t->n++] = key_of(links[i].from);
		t->persons[t->n++] = overlays_resolve(o, key_of(links[i].to));
	}
	t->n = persons_sort(t->persons, t->n);
	for (size_t i = 0; i < t->n; i++)
		t->items[i].next = i;
	return RC_OK;
}

static void ties_free(struct ties *t)
{
	mem_free(t->persons);
	mem_free(t->items);
}

static size_t root_of(struct ties *t, size_t i)
{
	while (t->items[i].next != i) {
		t->items[i].next = t->items[t->items[i].next].next;
		i = t->items[i].next;
	}
	return i;
}

static enum link_outcome decide(const struct overlays *o, struct ties *t, const struct person_link *link)
{
	if (!is_identity(link->from) || !is_identity(link->to))
		return LINK_MALFORMED;
	uint64_t a = key_of(link->from), b = key_of(link->to);
	const struct linked_person *l = overlays_find(o, a);
	size_t from = persons_find(t->persons, t->n, a);
	struct tie *tie = &t->items[from];
	uint64_t parent = tie->made ? tie->parent : l ? l->parent : a;
	if (parent != a)
		return parent == b ? LINK_KNOWN : LINK_TAKEN;
	size_t root = root_of(t, persons_find(t->persons, t->n, overlays_resolve(o, b)));
	if (root == from)
		return LINK_CIRCLE;
	*tie = (struct tie){.parent = b, .next = root, .n_rows = tie->n_rows, .made = true};
	return LINK_MADE;
}

enum rc links_decide(const struct overlays *o, const struct linking *l, int64_t now_ms,
	struct overlay_entry **entries, size_t *n_entries, struct err *e)
{
	struct ties t = {0};
	*n_entries = 0;
	*entries = mem_calloc(l->n, sizeof(**entries));
	enum rc rc = *entries ? ties_new(o, l->links, l->n, &t, e) : act_nomem(e);
	for (uint32_t i = 0; rc == RC_OK && i < l->n; i++) {
		l->outcomes[i] = decide(o, &t, &l->links[i]);
		if (l->outcomes[i] == LINK_MADE)
			(*entries)[(*n_entries)++] = (struct overlay_entry){.kind = OVERLAY_LINK,
				.at_ms = now_ms,
				.who = l->who,
				.person = key_of(l->links[i].from),
				.target = key_of(l->links[i].to),
				.from = l->links[i].from,
				.to = l->links[i].to,
				.n_rows = JOURNAL_NOT_COUNTED};
	}
	ties_free(&t);
	return rc;
}

enum rc link_outcome_rc(enum link_outcome outcome, const struct person_link *link, struct err *e)
{
	struct sv from = link->from, to = link->to;
	switch (outcome) {
	case LINK_TAKEN:
		err_set(e, RC_EXISTS, "%.*s is linked to another person already", SV_ARG(from));
		err_remedy(e, "undo that first with: corridor unlink %.*s", SV_ARG(from));
		return RC_EXISTS;
	case LINK_CIRCLE:
		err_set(e, RC_USAGE, "%.*s is %.*s already", SV_ARG(to), SV_ARG(from));
		err_remedy(e, "a person cannot be linked to itself or to somebody who is linked to it");
		return RC_USAGE;
	case LINK_MALFORMED:
		err_set(e, RC_USAGE, "\"%.*s\" is not an identity", SV_ARG(is_identity(from) ? to : from));
		err_remedy(e, "write it as type:value, for example user:4711");
		return RC_USAGE;
	case LINK_MADE:
	case LINK_KNOWN:
		break;
	}
	return RC_OK;
}

// --- counting ---

// What each entry moves: the interactions of its person, and of whom entries before linked to it.
static enum rc count_entries(const struct act *a, struct overlay_entry *entries, size_t n, struct arena *arena,
	struct overlay_receipt *out, struct err *e)
{
	struct family f = {0};
	struct ties t = {0};
	uint64_t *persons = mem_calloc(n, sizeof(*persons)), *by_root = mem_calloc(n, sizeof(*by_root));
	struct person_link *links = mem_calloc(n, sizeof(*links));
	enum rc rc = persons && by_root && links ? RC_OK : act_nomem(e);
	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		persons[i] = entries[i].person;
		links[i] = (struct person_link){entries[i].from, entries[i].to};
	}
	if (rc == RC_OK)
		rc = family_find(a->overlays, persons, n, &f, e);
	if (rc == RC_OK)
		rc = act_count(a, &f, by_root, arena, out, e);
	if (rc == RC_OK)
		rc = ties_new(a->overlays, links, n, &t, e);
	for (size_t i = 0; rc == RC_OK && i < f.n_roots; i++)
		t.items[persons_find(t.persons, t.n, f.roots[i])].n_rows = by_root[i];
	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		decide(a->overlays, &t, &links[i]);
		size_t from = persons_find(t.persons, t.n, entries[i].person);
		entries[i].n_rows = t.items[from].n_rows;
		t.items[root_of(&t, from)].n_rows += entries[i].n_rows;
	}
	ties_free(&t);
	family_free(&f);
	mem_free(persons);
	mem_free(by_root);
	mem_free(links);
	return rc;
}

// --- doing ---

enum rc store_link_all(struct store *s, const struct linking *l, struct arena *arena,
	struct overlay_receipt *out, struct err *e)
{
	struct act a;
	struct overlay_entry *entries = NULL;
	size_t n = 0;
	*out = (struct overlay_receipt){0};
	enum rc rc = store_must_write(s, e);
	if (rc != RC_OK)
		return rc;
	rc = act_begin(s, false, &a, e);
	if (rc == RC_OK)
		rc = links_decide(a.overlays, l, s->clock->now_ms(s->clock), &entries, &n, e);
	if (rc == RC_OK && n)
		rc = count_entries(&a, entries, n, arena, out, e);
	if (rc == RC_OK && n)
		rc = act_commit(&a, entries, n, NULL, e);
	if (rc == RC_OK && n) {
		out->entry = entries[n - 1].id;
		out->n_persons = n;
	}
	mem_free(entries);
	act_end(&a);
	return rc;
}

enum rc store_link(struct store *s, struct sv from, struct sv to, struct sv who, struct arena *arena,
	struct overlay_receipt *out, struct err *e)
{
	const struct person_link link = {from, to};
	enum link_outcome outcome;
	const struct linking l = {&link, 1, who, &outcome};
	enum rc rc = store_link_all(s, &l, arena, out, e);
	return rc == RC_OK ? link_outcome_rc(outcome, &link, e) : rc;
}

// Of an unlinked person: what is its own and of those who were linked to it, counted after the fact.
static enum rc unlink_entry(struct act *a, struct overlay_entry *entry, struct arena *arena,
	struct overlay_receipt *out, struct err *e)
{
	struct family before = {0};
	uint64_t person = entry->person;
	enum rc rc = family_find(a->overlays, &person, 1, &before, e);
	if (rc == RC_OK)
		rc = act_commit(a, entry, 1, NULL, e);
	if (rc == RC_OK) {
		const struct family own = {
			.roots = &person, .n_roots = 1, .stored = before.stored, .n_stored = before.n_stored};
		overlays_unref(&a->overlays);
		a->overlays = store_overlays(a->store);
		rc = act_count(a, &own, NULL, arena, out, e);
	}
	family_free(&before);
	out->entry = entry->id;
	out->n_persons = 1;
	return rc;
}

enum rc store_unlink(struct store *s, struct sv from, struct sv who, struct arena *arena,
	struct overlay_receipt *out, struct err *e)
{
	struct act a;
	*out = (struct overlay_receipt){0};
	enum rc rc = store_must_write(s, e);
	if (rc == RC_OK && !is_identity(from))
		return link_outcome_rc(LINK_MALFORMED, &(struct person_link){from, from}, e);
	if (rc != RC_OK)
		return rc;
	rc = act_begin(s, false, &a, e);
	uint64_t person = key_of(from);
	const struct linked_person *l = rc == RC_OK ? overlays_find(a.overlays, person) : NULL;
	if (rc == RC_OK && (!l || l->parent == person)) {
		rc = err_set(e, RC_NOT_FOUND, "%.*s is not linked to anybody", SV_ARG(from));
		err_remedy(e,
			"name the identity that was linked, not the one that it was linked to: the journal "
			"lists all links (corridor journal)");
	}
	struct overlay_entry entry = {.kind = OVERLAY_UNLINK,
		.at_ms = s->clock->now_ms(s->clock),
		.who = who,
		.person = person,
		.target = l ? l->parent : 0,
		.from = from};
	if (rc == RC_OK)
		rc = unlink_entry(&a, &entry, arena, out, e);
	act_end(&a);
	return rc;
}
