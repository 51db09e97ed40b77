// SPDX-License-Identifier: Apache-2.0
// Single customers: a story, and looking for somebody.
#include "api/internal.h"

#include <stdio.h>

enum { FOUND_SHOWN = 20, FOUND_MAX = 100, EXACTLY_MAX = 8, SEARCH_MS = 1500, QUERY_MIN = 2 };

struct extent {
	int64_t first_ms, last_ms;
	uint64_t n;
};

static void extent_add(struct extent *x, const struct span *span)
{
	for (uint32_t i = 0; i < span->n; i++) {
		if (span->keep && !span->keep[i])
			continue;
		if (x->n++ == 0)
			x->first_ms = span->at[i];
		x->last_ms = span->at[i];
	}
}

// When a person was there, over all of the store; for the head of departments at their touch points.
static enum rc extent_of(
	struct api_call *c, struct snapshot *sn, uint64_t person, struct extent *out, struct err *e)
{
	struct predicate only[2] = {{.kind = PREDICATE_PERSON, .person = person}};
	struct scan_request request = {.ordered = true, .predicates = only, .n_predicates = 1};
	struct cursor *cursor = NULL;
	const struct span *span;
	enum rc rc = RC_OK;
	*out = (struct extent){TIME_NONE, TIME_NONE, 0};
	if (persons_told(c) == TOLD_OWN)
		rc = own_predicate(c, sn, &only[request.n_predicates++], e);
	if (rc == RC_OK)
		rc = cursor_open(sn, &request, 0, UINT64_MAX, &cursor, e);
	while (rc == RC_OK && (rc = cursor_next(cursor, &span, e)) == RC_OK && span)
		extent_add(out, span);
	cursor_close(&cursor);
	return rc;
}

static void write_person(struct json *j, const struct tz *tz, uint64_t person, const struct sv *identities,
	uint32_t n, const struct extent *x)
{
	char key[17];
	snprintf(key, sizeof(key), "%016llx", (unsigned long long)person);
	json_key_text(j, "key", key);
	json_key(j, "identities");
	json_array(j);
	for (uint32_t i = 0; i < n; i++)
		json_string(j, identities[i]);
	json_array_end(j);
	tz_key(j, "first", tz, x->first_ms);
	tz_key(j, "last", tz, x->last_ms);
	json_key_u64(j, "n", x->n);
}

// --- a story ---

enum rc person_parse(struct sv text, uint64_t *person, struct err *e)
{
	struct sv value, type = sv_cut(text, ':', &value);
	if (person_key_parse(text, person))
		return RC_OK;
	if (!type.len || !value.len)
		return err_set(e, RC_NOT_FOUND,
			"“%.*s” is neither an identity (user:u-17) nor a person's key of 16 digits",
			SV_ARG(text));
	*person = person_of(type, value);
	return RC_OK;
}

static enum rc tell_story(
	struct api_call *c, struct snapshot *sn, struct sv text, struct buf *out, struct err *e)
{
	uint64_t person;
	struct sv *identities = NULL;
	uint32_t n = 0;
	struct extent x;
	struct result *r = NULL;
	struct query q = {.threads = 1};
	enum rc rc = person_parse(text, &person, e);
	if (rc == RC_OK)
		rc = call_query(c, &q, NULL, e);
	if (rc != RC_OK)
		return rc;
	person = snapshot_person_resolve(sn, person);
	rc = snapshot_identities(sn, person, http_arena(c->x), &identities, &n, e);
	bool is_own = persons_told(c) == TOLD_OWN;
	if (rc == RC_OK)
		rc = extent_of(c, sn, person, &x, e);
	if (rc == RC_OK && (n == 0 || (is_own && x.n == 0)))
		rc = err_set(e, RC_NOT_FOUND, "nobody is known as “%.*s”%s", SV_ARG(text),
			is_own ? " at the touch points of your departments" : "");
	if (rc == RC_OK && is_own)
		rc = own_narrow(c, snapshot_design(sn), &q, e);
	if (rc != RC_OK)
		return rc;
	const struct query_param customer = {SV("customer"), identities[0]};
	q.analysis = SV("journey");
	q.params = &customer;
	q.n_params = 1;
	rc = query_run(sn, &q, &r, e);
	if (rc == RC_OK) {
		struct json j = json_new(http_out(c->x));
		json_object(&j);
		write_person(&j, snapshot_design(sn)->tz, person, identities, n, &x);
		json_key_string(&j, "definition", r->definition);
		json_key(&j, "story");
		rc = result_write_json(r, out, e);
		json_raw(&j, sv_trim(buf_view(out)));
		json_object_end(&j);
	}
	result_free(&r);
	return rc;
}

enum rc person_get(struct api_call *c, struct err *e)
{
	struct snapshot *sn;
	struct buf story = buf_new((size_t)64 << 20);
	enum rc rc = snapshot_open(c->api->store, &sn, e);
	if (rc == RC_OK)
		rc = tell_story(c, sn, http_param(c->x, "person"), &story, e);
	snapshot_close(&sn);
	buf_free(&story);
	return rc;
}

// --- looking for somebody ---

struct search {
	struct api_call *c;
	struct snapshot *snapshot;
	struct sv wanted;
	struct json json;
	uint64_t found[FOUND_MAX + EXACTLY_MAX];
	uint32_t n, n_shown, limit;
	bool silent;         // what is found was told on an earlier page
	bool truncated;      // there may be more, from `next` on
	uint64_t from, next; // persons' keys
	struct arena *arena;
};

static enum rc found_person(struct search *s, uint64_t person, struct err *e)
{
	struct sv *identities;
	uint32_t n;
	struct extent x;
	person = snapshot_person_resolve(s->snapshot, person);
	for (uint32_t i = 0; i < s->n; i++)
		if (s->found[i] == person)
			return RC_OK;
	enum rc rc = snapshot_identities(s->snapshot, person, s->arena, &identities, &n, e);
	if (rc != RC_OK || n == 0)
		return rc;
	rc = extent_of(s->c, s->snapshot, person, &x, e);
	if (rc != RC_OK || x.n == 0)
		return rc;
	s->found[s->n++] = person;
	if (s->silent)
		return RC_OK;
	s->n_shown++;
	json_object(&s->json);
	write_person(&s->json, snapshot_design(s->snapshot)->tz, person, identities, n, &x);
	json_object_end(&s->json);
	return RC_OK;
}

// What is typed may be all of an identity: these are found at once.
static enum rc found_exactly(struct search *s, struct err *e)
{
	static const char *const types[] = {"user", "email", "phone", "anonymous", "customer", "account"};
	struct sv value, type = sv_cut(s->wanted, ':', &value);
	uint64_t person;
	if (person_key_parse(s->wanted, &person))
		return found_person(s, person, e);
	if (type.len && value.len)
		return found_person(s, person_of(type, value), e);
	enum rc rc = RC_OK;
	for (size_t i = 0; rc == RC_OK && i < sizeof(types) / sizeof(types[0]); i++)
		rc = found_person(s, person_of(sv_from(types[i]), s->wanted), e);
	return rc;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

// ASCII case is ignored. wanted is in lower case.
static bool holds(struct sv text, struct sv wanted)
{
	for (size_t i = 0; i + wanted.len <= text.len; i++) {
		size_t k = 0;
		while (k < wanted.len && lower(text.ptr[i + k]) == wanted.ptr[k])
			k++;
		if (k == wanted.len)
			return true;
	}
	return false;
}

static enum rc look_at(struct search *s, uint64_t person, struct arena *scratch, struct err *e)
{
	struct sv *identities;
	uint32_t n;
	arena_reset(scratch);
	enum rc rc = snapshot_identities(s->snapshot, person, scratch, &identities, &n, e);
	for (uint32_t i = 0; rc == RC_OK && i < n; i++)
		if (holds(identities[i], s->wanted))
			return found_person(s, person, e);
	return rc;
}

// Identities of everybody from a person's key on, as long as it takes, but no longer than SEARCH_MS.
static enum rc found_by_looking(struct search *s, struct err *e)
{
	const struct clock *clock = clock_system();
	int64_t until = clock->monotonic_ns(clock) + SEARCH_MS * INT64_C(1000000);
	const struct scan_request request = {.ordered = true, .columns = {.no_at = true}};
	struct arena *scratch = arena_new(0);
	struct cursor *cursor = NULL;
	const struct span *span;
	enum rc rc = scratch ? cursor_open(s->snapshot, &request, s->from, UINT64_MAX, &cursor, e)
			     : err_set(e, RC_NOMEM, "out of memory for looking");
	while (rc == RC_OK && !s->truncated && (rc = cursor_next(cursor, &span, e)) == RC_OK && span)
		for (uint32_t i = 0; rc == RC_OK && i < span->n_persons && !s->truncated; i++) {
			s->next = span->person[i];
			s->truncated =
				s->n_shown >= s->limit || (i % 64 == 63 && clock->monotonic_ns(clock) > until);
			if (!s->truncated)
				rc = look_at(s, span->person[i], scratch, e);
		}
	cursor_close(&cursor);
	arena_free(&scratch);
	return rc;
}

enum rc search_get(struct api_call *c, struct err *e)
{
	struct sv q = sv_trim(http_query(c->x, "q", 0));
	struct search s = {.c = c, .arena = http_arena(c->x), .json = json_new(http_out(c->x))};
	if (q.len < QUERY_MIN || q.len > 1024)
		return err_set(e, RC_USAGE, "q: at least %d characters are needed", QUERY_MIN);
	struct sv after = http_query(c->x, "after", 0);
	if (after.ptr && !person_key_parse(after, &s.from))
		return err_set(e, RC_USAGE, "after=%.*s is no cursor: take it from “next” of the page before",
			SV_ARG(after));
	int64_t limit;
	enum rc rc = call_integer(c, "limit", 1, FOUND_MAX, FOUND_SHOWN, &limit, e);
	if (rc == RC_OK)
		rc = snapshot_open(c->api->store, &s.snapshot, e);
	if (rc != RC_OK)
		return rc;
	s.wanted = q;
	s.limit = (uint32_t)limit;
	s.silent = after.ptr != NULL;
	json_object(&s.json);
	json_key(&s.json, "items");
	json_array(&s.json);
	rc = found_exactly(&s, e);
	if (rc == RC_OK) {
		char *text = arena_alloc(s.arena, q.len + 1);
		for (size_t i = 0; text && i < q.len; i++)
			text[i] = lower(q.ptr[i]);
		s.wanted = (struct sv){text, q.len};
		rc = text ? RC_OK : err_set(e, RC_NOMEM, "out of memory for looking");
	}
	bool whole = s.n > 0 && memchr(q.ptr, ':', q.len);
	s.silent = false;
	if (rc == RC_OK && !whole)
		rc = found_by_looking(&s, e);
	json_array_end(&s.json);
	json_key_bool(&s.json, "truncated", s.truncated);
	char next[17];
	snprintf(next, sizeof(next), "%016llx", (unsigned long long)s.next);
	json_key_text(&s.json, "next", s.truncated ? next : NULL);
	json_object_end(&s.json);
	snapshot_close(&s.snapshot);
	return rc;
}
