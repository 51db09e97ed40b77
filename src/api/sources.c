// SPDX-License-Identifier: Apache-2.0
// Where interactions come from: the sources that are stored, those that only have a key so far, and what of them could not
// be understood.
#include "api/internal.h"

struct sources {
	struct result *r; // the analysis volume by source
	struct access_key *keys;
	uint32_t n_keys;
	struct quarantine_source *rejected;
	uint32_t n_rejected;
};

static bool has_key(const struct sources *s, struct sv name)
{
	for (uint32_t i = 0; i < s->n_keys; i++)
		if (s->keys[i].kind == KEY_WRITE && sv_equal(s->keys[i].source, name))
			return true;
	return false;
}

static void write_source(struct json *j, const struct sources *s, struct sv name, uint32_t row)
{
	const struct cell *n = row < s->r->n_rows ? answer_cell(s->r, row, "interactions") : NULL;
	uint64_t rejected = 0;
	for (uint32_t i = 0; i < s->n_rejected; i++)
		if (sv_equal(s->rejected[i].name, name))
			rejected = s->rejected[i].n;
	json_object(j);
	json_key_string(j, "name", name);
	json_key_text(j, "kind", has_key(s, name) ? "tracking" : "file");
	json_key_u64(j, "n", n ? (uint64_t)n->number : 0);
	json_key_u64(j, "rejected", rejected);
	json_key_string(j, "first", n ? answer_text(s->r, row, "first") : SV_NONE);
	json_key_string(j, "last", n ? answer_text(s->r, row, "last") : SV_NONE);
	json_object_end(j);
}

static bool is_stored(const struct sources *s, struct sv name)
{
	for (uint32_t i = 0; i < s->r->n_rows; i++)
		if (sv_equal(answer_text(s->r, i, "source"), name))
			return true;
	return false;
}

static bool is_first(const struct sources *s, uint32_t key)
{
	for (uint32_t i = 0; i < key; i++)
		if (s->keys[i].kind == KEY_WRITE && sv_equal(s->keys[i].source, s->keys[key].source))
			return false;
	return true;
}

static void write_sources(struct json *j, const struct sources *s)
{
	json_object(j);
	json_key(j, "items");
	json_array(j);
	for (uint32_t i = 0; i < s->r->n_rows; i++)
		write_source(j, s, answer_text(s->r, i, "source"), i);
	for (uint32_t i = 0; i < s->n_keys; i++)
		if (s->keys[i].kind == KEY_WRITE && !is_stored(s, s->keys[i].source) && is_first(s, i))
			write_source(j, s, s->keys[i].source, UINT32_MAX);
	json_array_end(j);
	json_object_end(j);
}

enum rc sources_get(struct api_call *c, struct err *e)
{
	struct sources s = {.r = NULL};
	struct snapshot *sn;
	const struct query q = {.analysis = SV("volume"), .by = {SV("source")}, .n_by = 1};
	enum rc rc = snapshot_open(c->api->store, &sn, e);
	if (rc == RC_OK)
		rc = query_run(sn, &q, &s.r, e);
	if (rc == RC_OK)
		rc = access_key_list(c->api->access, false, http_arena(c->x), &s.keys, &s.n_keys, e);
	if (rc == RC_OK)
		rc = quarantine_sources(c->api->store, http_arena(c->x), &s.rejected, &s.n_rejected, e);
	if (rc == RC_OK) {
		struct json j = json_new(http_out(c->x));
		write_sources(&j, &s);
	}
	result_free(&s.r);
	snapshot_close(&sn);
	return rc;
}
