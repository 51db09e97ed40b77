// SPDX-License-Identifier: Apache-2.0
// Erasing persons and single interactions, linking identities, and the journal of all that.
//
// The audit trail can never be changed, so it gets persons' keys, not their names: an erasure would not reach these.
#include "api/internal.h"

#include <stdio.h>

enum { ITEMS_MAX = ERASED_MAX, PAGE = 50, KEY_BYTES = 17 };

static void key_of(uint64_t person, char out[KEY_BYTES])
{
	snprintf(out, KEY_BYTES, "%016llx", (unsigned long long)person);
}

static uint64_t person_named(struct sv identity)
{
	struct sv value, type = sv_cut(identity, ':', &value);
	return person_of(type, value);
}

static struct json receipt(struct api_call *c, const char *verb, const struct overlay_receipt *r)
{
	struct json j = json_new(http_out(c->x));
	json_object(&j);
	overlay_receipt_json(&j, verb, r, false);
	return j;
}

static enum rc note(struct api_call *c, const char *act, struct sv object, const struct overlay_receipt *r,
	struct sv more, struct err *e)
{
	struct sv detail = arena_printf(http_arena(c->x),
		"journal entry %lld: %llu interactions of %llu persons%.*s", (long long)r->entry,
		(unsigned long long)r->n_interactions, (unsigned long long)r->n_persons, SV_ARG(more));
	return access_audit_add(c->api->access, &c->actor, sv_from(act), object, detail, e);
}

// --- erasing ---

enum { NOTED_TOGETHER = 50 };

// One of the two has items. Texts live as long as the parser.
struct erasure {
	struct sv *identities;
	struct interaction_name *interactions;
	uint32_t n_identities, n_interactions;
	bool keep_quarantine;
};

static enum rc read_identities(struct json_node root, struct erasure *x, struct err *e)
{
	struct json_node list = json_get(root, SV("customers"));
	struct sv one;
	char scratch[32];
	enum rc rc = call_string(root, "customer", false, &one, e);
	if (rc == RC_OK && one.ptr)
		x->identities[x->n_identities++] = one;
	for (struct json_iter it = json_iter(list); rc == RC_OK && json_next(&it);) {
		if (x->n_identities == ITEMS_MAX)
			rc = err_set(e, RC_INPUT, "“customers” has more than %d items", ITEMS_MAX);
		else
			x->identities[x->n_identities++] = json_text(it.value, scratch);
	}
	return rc;
}

static enum rc read_interactions(struct json_node root, struct erasure *x, struct err *e)
{
	struct json_node list = json_get(root, SV("interactions"));
	enum rc rc = RC_OK;
	for (struct json_iter it = json_iter(list); rc == RC_OK && json_next(&it);) {
		if (x->n_interactions == ITEMS_MAX)
			return err_set(e, RC_INPUT, "“interactions” has more than %d items", ITEMS_MAX);
		struct interaction_name *name = &x->interactions[x->n_interactions++];
		rc = call_string(it.value, "source", true, &name->source, e);
		if (rc == RC_OK)
			rc = call_string(it.value, "id", true, &name->id, e);
	}
	return rc;
}

static enum rc read_erasure(struct api_call *c, struct json_node root, struct erasure *x, struct err *e)
{
	struct json_node keep = json_get(root, SV("keep_quarantine"));
	char scratch[32];
	*x = (struct erasure){.identities = arena_array(http_arena(c->x), ITEMS_MAX, sizeof(*x->identities)),
		.interactions = arena_array(http_arena(c->x), ITEMS_MAX, sizeof(*x->interactions))};
	if (!x->identities || !x->interactions)
		return err_set(e, RC_NOMEM, "out of memory for a request");
	if (keep.type != JSON_NONE && keep.type != JSON_NULL && keep.type != JSON_BOOL)
		return err_set(e, RC_INPUT, "“keep_quarantine” must be true or false");
	x->keep_quarantine = keep.type == JSON_BOOL && sv_equal(json_text(keep, scratch), SV("true"));
	enum rc rc = read_identities(root, x, e);
	if (rc == RC_OK)
		rc = read_interactions(root, x, e);
	if (rc == RC_OK && (x->n_identities > 0) == (x->n_interactions > 0)) {
		err_set(e, RC_INPUT, "either persons or single interactions are expected");
		err_remedy(e,
			"{\"customer\": \"user:4711\"}, or {\"interactions\": [{\"source\": \"shop\", \"id\": "
			"\"order-4711\"}]}");
		return RC_INPUT;
	}
	return rc;
}

// As many entries as it takes to name everybody: what is too long for one would be cut.
static enum rc note_persons(
	struct api_call *c, const struct erasure *x, const struct overlay_receipt *r, struct err *e)
{
	char keys[NOTED_TOGETHER * KEY_BYTES + 1];
	enum rc rc = RC_OK;
	for (uint32_t i = 0, n = 0; rc == RC_OK && i < x->n_identities; i++) {
		key_of(person_named(x->identities[i]), keys + n);
		n += KEY_BYTES;
		keys[n - 1] = ' ';
		if (n < NOTED_TOGETHER * KEY_BYTES && i + 1 < x->n_identities)
			continue;
		rc = note(c, "person.erase", (struct sv){keys, n - 1}, r, SV(""), e);
		n = 0;
	}
	return rc;
}

static enum rc erase_persons(
	struct api_call *c, const struct erasure *x, struct overlay_receipt *r, struct err *e)
{
	struct quarantine_named named;
	const struct persons_erasing erasing = {
		x->identities, x->n_identities, x->keep_quarantine, c->actor.who};
	enum rc rc = persons_erase(c->api->store, &erasing, http_arena(c->x), r, &named, e);
	intake_quarantine_left(c->api->intake, named.n_removed);
	if (rc != RC_OK)
		return rc;
	rc = note_persons(c, x, r, e);
	struct json j = receipt(c, "erased", r);
	quarantine_named_json(&j, &named);
	json_object_end(&j);
	return rc;
}

static enum rc erase_interactions(
	struct api_call *c, const struct erasure *x, struct overlay_receipt *r, struct err *e)
{
	enum rc rc = store_erase_interactions(
		c->api->store, x->interactions, x->n_interactions, c->actor.who, http_arena(c->x), r, e);
	if (rc == RC_OK)
		rc = note(c, "interaction.erase", SV("interactions"), r, SV(""), e);
	struct json j = receipt(c, "erased", r);
	json_object_end(&j);
	return rc;
}

enum rc persons_remove(struct api_call *c, struct err *e)
{
	struct json_parser *parser;
	struct json_node root;
	struct erasure x;
	struct overlay_receipt r = {0};
	enum rc rc = call_json(c, &parser, &root, e);
	if (rc != RC_OK)
		return rc;
	rc = read_erasure(c, root, &x, e);
	if (rc == RC_OK)
		rc = x.n_interactions ? erase_interactions(c, &x, &r, e) : erase_persons(c, &x, &r, e);
	json_parser_free(&parser);
	live_erased(c->api, r.n_interactions);
	return rc;
}

// --- links ---

enum rc persons_link(struct api_call *c, struct err *e)
{
	struct json_parser *parser;
	struct json_node root;
	struct sv from, to = SV_NONE;
	struct overlay_receipt r = {0};
	char key[KEY_BYTES], target[KEY_BYTES];
	enum rc rc = call_json(c, &parser, &root, e);
	if (rc != RC_OK)
		return rc;
	rc = call_string(root, "from", true, &from, e);
	if (rc == RC_OK)
		rc = call_string(root, "to", true, &to, e);
	if (rc == RC_OK)
		rc = store_link(c->api->store, from, to, c->actor.who, http_arena(c->x), &r, e);
	if (rc == RC_OK && r.entry) {
		key_of(person_named(from), key);
		key_of(person_named(to), target);
		rc = note(c, "person.link", sv_from(key), &r, arena_printf(http_arena(c->x), ", to %s", target),
			e);
	}
	json_parser_free(&parser);
	struct json j = receipt(c, "linked", &r);
	json_object_end(&j);
	return rc;
}

enum rc persons_unlink(struct api_call *c, struct err *e)
{
	struct json_parser *parser;
	struct json_node root;
	struct sv identity;
	struct overlay_receipt r = {0};
	char key[KEY_BYTES];
	enum rc rc = call_json(c, &parser, &root, e);
	if (rc != RC_OK)
		return rc;
	rc = call_string(root, "customer", true, &identity, e);
	if (rc == RC_OK)
		rc = store_unlink(c->api->store, identity, c->actor.who, http_arena(c->x), &r, e);
	if (rc == RC_OK) {
		key_of(person_named(identity), key);
		rc = note(c, "person.unlink", sv_from(key), &r, SV(""), e);
	}
	json_parser_free(&parser);
	struct json j = receipt(c, "unlinked", &r);
	json_object_end(&j);
	return rc;
}

// --- the journal ---

static void write_person(struct json *j, const char *name, struct sv identity, uint64_t person, bool named)
{
	char key[KEY_BYTES];
	key_of(person, key);
	json_key_string(j, name, named && identity.ptr ? identity : sv_from(key));
}

static void write_entry(struct json *j, const struct tz *tz, const struct journal_entry *x, bool named)
{
	char owner[KEY_BYTES];
	key_of(x->owner, owner);
	json_object(j);
	json_key_i64(j, "entry", x->id);
	tz_key(j, "at", tz, x->at_ms);
	json_key_string(j, "act", x->kind);
	json_key_string(j, "who", x->who);
	write_person(j, "person", x->from, x->person, named);
	if (x->target)
		write_person(j, "target", x->to, x->target, named);
	json_key_text(j, "belongs_to", owner);
	json_key(j, "interactions");
	if (x->n_interactions == JOURNAL_NOT_COUNTED)
		json_null(j);
	else
		json_u64(j, x->n_interactions);
	json_key_bool(j, "physical", x->applied);
	json_key_bool(j, "in_force", x->in_force);
	json_object_end(j);
}

enum rc journal_get(struct api_call *c, struct err *e)
{
	int64_t before, limit;
	uint64_t person;
	struct journal_entry *items = NULL;
	uint32_t n = 0;
	struct sv customer = http_query(c->x, "customer", 0);
	enum rc rc = call_integer(c, "before", 0, INT64_MAX, 0, &before, e);
	if (rc == RC_OK)
		rc = call_integer(c, "limit", 1, 500, PAGE, &limit, e);
	if (rc == RC_OK && customer.len)
		rc = person_parse(customer, &person, e);
	if (rc == RC_OK)
		rc = store_journal_page(c->api->store, customer.len ? &person : NULL, before, (uint32_t)limit,
			http_arena(c->x), &items, &n, e);
	if (rc != RC_OK)
		return rc;
	bool named = persons_told(c) == TOLD_ALL;
	struct json j = call_items(c);
	for (uint32_t i = 0; i < n; i++)
		write_entry(&j, store_design(c->api->store)->tz, &items[i], named);
	json_array_end(&j);
	call_next(c, &j, n == limit && items[n - 1].id > 1, n ? items[n - 1].id : 0);
	json_object_end(&j);
	return RC_OK;
}
