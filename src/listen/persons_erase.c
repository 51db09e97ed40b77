// SPDX-License-Identifier: Apache-2.0
// Erasing persons by their identities, wherever they are named: in the store, in quarantine, among the pairs of
// identities that are or will be links.
//
//  1. Everybody is looked for before anything goes: a name that is mistyped erases nobody.
//  2. All of it goes in one transaction. What was left after a part of it could not be found again: an identity that
//     stands in quarantine only leads nowhere once its row is gone.
#include "listen/listen.h"

#include "base/mem.h"
#include "people/people.h"

struct list {
	void *items; // struct sv
	size_t n, capacity;
};

struct eraser {
	struct store *store;
	const struct persons_erasing *x;
	struct arena *arena;
	struct snapshot *snapshot;
	uint64_t *persons;
	struct list identities; // all that are known, those that were given among them
	struct quarantine_found rows;
	struct quarantine_named *named;
};

static enum rc nomem(struct err *e)
{
	return err_set(e, RC_NOMEM, "out of memory for the identities");
}

static enum rc add(struct list *l, struct sv identity, struct err *e)
{
	if (mem_grow(&l->items, &l->capacity, l->n + 1, sizeof(struct sv)) != 0)
		return nomem(e);
	((struct sv *)l->items)[l->n++] = identity;
	return RC_OK;
}

struct asked {
	struct sv identity;
	bool known;
};

static enum rc ask_pairs(void *context, struct db *db, struct err *e)
{
	struct asked *a = context;
	return people_knows(db, a->identity, &a->known, e);
}

// Somebody without interactions.
static enum rc named_elsewhere(struct eraser *w, struct sv identity, uint64_t person, bool *out, struct err *e)
{
	struct asked pairs = {.identity = identity};
	struct quarantine_found rows = {0};
	struct sv value;
	sv_cut(identity, ':', &value);
	enum rc rc = store_journal_names(w->store, person, out, e);
	if (rc == RC_OK && !*out)
		rc = store_alone(w->store, ask_pairs, &pairs, e);
	if (rc == RC_OK && !*out && !pairs.known && !w->x->keep_quarantine)
		rc = quarantine_find(w->store, &value, 1, &rows, e);
	*out |= pairs.known || rows.n > 0;
	mem_free(rows.ids);
	return rc;
}

static enum rc look_for(struct eraser *w, uint32_t i, struct err *e)
{
	struct sv identity = w->x->identities[i], value, type = sv_cut(identity, ':', &value);
	struct sv *list = NULL;
	uint32_t n = 0;
	bool named = false;
	if (type.len == 0 || value.len == 0) {
		err_set(e, RC_USAGE, "“%.*s” is not an identity", SV_ARG(identity));
		err_remedy(e, "write it as type:value, for example user:4711");
		return RC_USAGE;
	}
	w->persons[i] = person_of(type, value);
	enum rc rc = snapshot_identities(w->snapshot, w->persons[i], w->arena, &list, &n, e);
	if (rc == RC_OK && n == 0)
		rc = named_elsewhere(w, identity, w->persons[i], &named, e);
	if (rc == RC_OK && n == 0 && !named) {
		err_set(e, RC_NOT_FOUND, "nobody is known as %.*s; nothing was erased", SV_ARG(identity));
		err_remedy(e,
			"a customer is named by the identity that comes first in the story: look for it on the "
			"page Customers, or with corridor sql \"SELECT identities FROM people WHERE identities "
			"LIKE '%%…%%'\"");
		return RC_NOT_FOUND;
	}
	if (rc == RC_OK)
		rc = add(&w->identities, identity, e);
	for (uint32_t k = 0; rc == RC_OK && k < n; k++)
		rc = add(&w->identities, list[k], e);
	return rc;
}

static enum rc look_for_all(struct eraser *w, struct err *e)
{
	w->persons = arena_array(w->arena, (size_t)w->x->n + 1, sizeof(*w->persons));
	if (!w->persons)
		return nomem(e);
	enum rc rc = snapshot_open(w->store, &w->snapshot, e);
	for (uint32_t i = 0; rc == RC_OK && i < w->x->n; i++)
		rc = look_for(w, i, e);
	snapshot_close(&w->snapshot);
	return rc;
}

static enum rc find_rows(struct eraser *w, struct err *e)
{
	struct sv *values = arena_array(w->arena, w->identities.n + 1, sizeof(*values));
	if (!values)
		return nomem(e);
	for (size_t i = 0; i < w->identities.n; i++)
		sv_cut(((const struct sv *)w->identities.items)[i], ':', &values[i]);
	return quarantine_find(w->store, values, (uint32_t)w->identities.n, &w->rows, e);
}

// Inside the transaction of the store's erasure.
static enum rc erase_the_rest(void *context, struct db *db, struct err *e)
{
	struct eraser *w = context;
	enum rc rc = quarantine_found_remove(db, &w->rows, &w->named->n_removed, e);
	if (rc == RC_OK)
		rc = people_forget(db, w->identities.items, (uint32_t)w->identities.n, e);
	return rc;
}

enum rc persons_erase(struct store *s, const struct persons_erasing *x, struct arena *a,
	struct overlay_receipt *out, struct quarantine_named *named, struct err *e)
{
	struct eraser w = {.store = s, .x = x, .arena = a, .named = named};
	*out = (struct overlay_receipt){0};
	*named = (struct quarantine_named){0};
	enum rc rc = look_for_all(&w, e);
	if (rc == RC_OK && !x->keep_quarantine)
		rc = find_rows(&w, e);
	if (rc == RC_OK)
		rc = store_erase_persons_beside(
			s, w.persons, x->n, x->who, &(struct erase_beside){erase_the_rest, &w}, a, out, e);
	named->n_unsure = w.rows.n_unsure;
	mem_free(w.rows.ids);
	mem_free(w.identities.items);
	return rc;
}
