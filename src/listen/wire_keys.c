// SPDX-License-Identifier: Apache-2.0
// Tables of names: open addressing over a hash of the first and last bytes and the length, at most half full. Names
// are few and short, so that one probe and one comparison settle almost every look-up.
//
// Invariant of the roles: what is lifted out of a message is also found again in the properties that are stored,
// because a new corridor file lifts it from there (restate). So a path into the context must begin with a member of
// it that is kept.
#include "listen/wire_decoder.h"

#include <stdlib.h>

static uint32_t slot_of(struct sv name)
{
	uint32_t first = 0, last = 0;
	if (name.len >= 4) {
		memcpy(&first, name.ptr, 4);
		memcpy(&last, name.ptr + name.len - 4, 4);
	} else {
		memcpy(&first, name.ptr, name.len);
	}
	uint64_t h = (((uint64_t)first << 32 | last) ^ name.len) * UINT64_C(0x9E3779B97F4A7C15);
	return (uint32_t)(h >> 40) % WIRE_KEYS_SLOTS;
}

uint32_t wire_keys_find(const struct wire_keys *k, struct sv name)
{
	if (!name.len)
		return 0;
	for (uint32_t at = slot_of(name); k->names[at].ptr; at = (at + 1) % WIRE_KEYS_SLOTS) {
		if (sv_equal(k->names[at], name))
			return k->codes[at];
	}
	return 0;
}

bool wire_keys_add(struct wire_keys *k, struct sv name, uint32_t code)
{
	if (k->n == WIRE_KEYS_SLOTS / 2)
		return false;
	if (!name.len || wire_keys_find(k, name))
		return true;
	uint32_t at = slot_of(name);
	while (k->names[at].ptr)
		at = (at + 1) % WIRE_KEYS_SLOTS;
	k->names[at] = name;
	k->codes[at] = (uint16_t)code;
	k->n++;
	return true;
}

void wire_keys_fill(struct wire_keys *k, const struct wire_name *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		wire_keys_add(k, sv_from(names[i].name), names[i].code);
}

// --- roles ---

// Properties with a meaning of their own. Amounts: what was earned before what was asked for before what it is worth.
static const struct {
	const char *name;
	enum wire_role_kind kind;
	uint32_t index;
} known[] = {
	{"revenue", ROLE_AMOUNT, 0},
	{"total", ROLE_AMOUNT, 1},
	{"amount", ROLE_AMOUNT, 2},
	{"value", ROLE_AMOUNT, 3}, // the last one: counts only with a currency
	{"currency", ROLE_CURRENCY, 0},
	{"agent", ROLE_AGENT, 0},
	{"location", ROLE_LOCATION, 0},
	{"text", ROLE_TEXT, 0},
	{"comment", ROLE_TEXT, 1},
	{"feedback", ROLE_TEXT, 2},
	{"review_body", ROLE_TEXT, 3},
	{"promise", ROLE_PROMISE, 0},
	{"keeps", ROLE_KEEPS, 0},
	{"traits", ROLE_TRAITS, 0},
	{"context", ROLE_CONTEXT, 0},
	{"name", ROLE_NAME, 0},
	{"category", ROLE_CATEGORY, 0},
	{"url", ROLE_URL, 0},
};

static enum rc role_add(struct wire_roles *r, struct sv name, struct wire_role role, struct err *e)
{
	uint32_t first = wire_keys_find(&r->keys, name);
	if (r->n == WIRE_ROLES_MAX || (!first && !wire_keys_add(&r->keys, name, r->n)))
		return err_set(e, RC_LIMIT, "the corridor file reads more than %u properties", WIRE_ROLES_MAX);
	if (first) {
		role.next = r->roles[first].next;
		r->roles[first].next = r->n;
	}
	r->roles[r->n++] = role;
	return RC_OK;
}

// "a.b" is the property of that name, or b in the property a.
static enum rc path_add(struct wire_roles *r, uint32_t path, struct err *e)
{
	static const struct sv prefix = {"properties.", 11};
	struct sv name = r->design->paths[path], rest;
	if (!sv_starts(name, prefix))
		return RC_OK;
	name = (struct sv){name.ptr + prefix.len, name.len - prefix.len};
	enum rc rc = role_add(r, name, (struct wire_role){ROLE_PATH, path, SV_NONE, 0}, e);
	struct sv head = sv_cut(name, '.', &rest);
	if (rc == RC_OK && rest.ptr)
		rc = role_add(r, head, (struct wire_role){ROLE_PATH, path, rest, 0}, e);
	return rc;
}

enum rc wire_roles_make(struct wire_roles *r, const struct design *d, struct err *e)
{
	if (r->design == d && r->design_hash == d->hash)
		return RC_OK;
	*r = (struct wire_roles){.design = d, .design_hash = d->hash, .n = 1};
	enum rc rc = RC_OK;
	for (size_t i = 0; rc == RC_OK && i < sizeof(known) / sizeof(known[0]); i++)
		rc = role_add(r, sv_from(known[i].name),
			(struct wire_role){known[i].kind, known[i].index, SV_NONE, 0}, e);
	r->amount = design_measure_find(d, SV("amount"));
	for (uint32_t i = 0; rc == RC_OK && i < d->n_measures; i++) {
		if (i != r->amount)
			rc = role_add(
				r, d->measures[i].name, (struct wire_role){ROLE_MEASURE, i, SV_NONE, 0}, e);
	}
	for (uint32_t i = 0; rc == RC_OK && i < d->n_paths; i++)
		rc = path_add(r, i, e);
	if (rc != RC_OK)
		r->design = NULL;
	return rc;
}
