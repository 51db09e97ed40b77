// SPDX-License-Identifier: Apache-2.0
// Where interactions come from: the sources that are stored, those that only have a key or a webhook so far, and what of
// them could not be understood.
#include "access/hooks.h"
#include "api/internal.h"

struct sources {
	struct result *r; // the analysis volume by source
	struct access_key *keys;
	uint32_t n_keys;
	struct access_hook *hooks;
	struct sv *hook_sources; // of the hooks: what their interactions come from
	uint32_t n_hooks;
	struct quarantine_source *rejected; // by name of the source, also those of webhooks
	uint32_t n_rejected;
	struct sv *others; // those that nothing is stored of
	uint32_t n_others;
};

// --- of webhooks ---

// A webhook that is gone has left what the quarantine shows as hooks/NAME.
static struct sv hook_source(const struct sources *s, struct sv name, struct arena *a)
{
	for (uint32_t i = 0; i < s->n_hooks; i++)
		if (sv_equal(s->hooks[i].name, name))
			return s->hook_sources[i];
	return arena_printf(a, "hooks/%.*s", SV_ARG(name));
}

// Sources in the place of webhooks.
static enum rc resolve_hooks(struct sources *s, struct arena *a, struct err *e)
{
	s->hook_sources = arena_array(a, s->n_hooks ? s->n_hooks : 1, sizeof(*s->hook_sources));
	for (uint32_t i = 0; s->hook_sources && i < s->n_hooks; i++) {
		s->hook_sources[i] = mapping_source(s->hooks[i].mapping, a);
		if (!s->hook_sources[i].ptr)
			s->hook_sources[i] = s->hooks[i].name;
	}
	for (uint32_t i = 0; s->hook_sources && i < s->n_rejected; i++)
		if (s->rejected[i].is_hook)
			s->rejected[i].name = hook_source(s, s->rejected[i].name, a);
	return arena_refused(a) ? err_set(e, RC_NOMEM, "out of memory for the sources") : RC_OK;
}

// --- one source ---

// Of what comes with the key; SV_NONE: nothing can.
static struct sv source_of(const struct access_key *key)
{
	if (key->kind == KEY_WRITE)
		return key->source;
	return key->rights & RIGHT_BIT(RIGHT_SEND) ? key->name : SV_NONE;
}

static bool has_key(const struct sources *s, struct sv name)
{
	for (uint32_t i = 0; i < s->n_keys; i++)
		if (source_of(&s->keys[i]).ptr && sv_equal(source_of(&s->keys[i]), name))
			return true;
	return false;
}

static bool has_hook(const struct sources *s, struct sv name)
{
	for (uint32_t i = 0; i < s->n_hooks; i++)
		if (sv_equal(s->hook_sources[i], name))
			return true;
	for (uint32_t i = 0; i < s->n_rejected; i++)
		if (s->rejected[i].is_hook && sv_equal(s->rejected[i].name, name))
			return true;
	return false;
}

// What has no name is rejected, and what is kept of its origin cannot be read.
static void write_source(struct json *j, const struct sources *s, struct sv name, uint32_t row)
{
	const struct cell *n = row < s->r->n_rows ? answer_cell(s->r, row, "interactions") : NULL;
	uint64_t rejected = 0;
	for (uint32_t i = 0; i < s->n_rejected; i++)
		if (sv_equal(s->rejected[i].name, name))
			rejected += s->rejected[i].n;
	json_object(j);
	json_key_string(j, "name", name);
	json_key_text(j, "kind",
		name.len == 0       ? "unknown"
		: has_key(s, name)  ? "tracking"
		: has_hook(s, name) ? "webhook"
				    : "file");
	json_key_u64(j, "n", n ? (uint64_t)n->number : 0);
	json_key_u64(j, "rejected", rejected);
	json_key_string(j, "first", n ? answer_text(s->r, row, "first") : SV_NONE);
	json_key_string(j, "last", n ? answer_text(s->r, row, "last") : SV_NONE);
	json_object_end(j);
}

// --- all of them ---

// Once, and only when nothing of it is stored.
static void add_other(struct sources *s, struct sv name)
{
	for (uint32_t i = 0; i < s->r->n_rows; i++)
		if (sv_equal(answer_text(s->r, i, "source"), name))
			return;
	for (uint32_t i = 0; i < s->n_others; i++)
		if (sv_equal(s->others[i], name))
			return;
	s->others[s->n_others++] = name;
}

static enum rc find_others(struct sources *s, struct arena *a, struct err *e)
{
	s->others = arena_array(a, (size_t)s->n_keys + s->n_hooks + s->n_rejected + 1, sizeof(*s->others));
	if (!s->others)
		return err_set(e, RC_NOMEM, "out of memory for the sources");
	for (uint32_t i = 0; i < s->n_keys; i++)
		if (source_of(&s->keys[i]).ptr && s->keys[i].revoked_ms == 0)
			add_other(s, source_of(&s->keys[i]));
	for (uint32_t i = 0; i < s->n_hooks; i++)
		add_other(s, s->hook_sources[i]);
	for (uint32_t i = 0; i < s->n_rejected; i++)
		add_other(s, s->rejected[i].name);
	return RC_OK;
}

static void write_sources(struct json *j, const struct sources *s)
{
	json_object(j);
	json_key(j, "items");
	json_array(j);
	for (uint32_t i = 0; i < s->r->n_rows; i++)
		write_source(j, s, answer_text(s->r, i, "source"), i);
	for (uint32_t i = 0; i < s->n_others; i++)
		write_source(j, s, s->others[i], UINT32_MAX);
	json_array_end(j);
	json_object_end(j);
}

enum rc sources_get(struct api_call *c, struct err *e)
{
	struct sources s = {.r = NULL};
	struct arena *a = http_arena(c->x);
	struct snapshot *sn;
	const struct query q = {.analysis = SV("volume"), .by = {SV("source")}, .n_by = 1};
	enum rc rc = snapshot_open(c->api->store, &sn, e);
	if (rc == RC_OK)
		rc = query_run(sn, &q, &s.r, e);
	if (rc == RC_OK)
		rc = access_key_list(c->api->access, true, a, &s.keys, &s.n_keys, e);
	if (rc == RC_OK)
		rc = access_hook_list(c->api->access, a, &s.hooks, &s.n_hooks, e);
	if (rc == RC_OK)
		rc = quarantine_sources(c->api->store, a, &s.rejected, &s.n_rejected, e);
	if (rc == RC_OK)
		rc = resolve_hooks(&s, a, e);
	if (rc == RC_OK)
		rc = find_others(&s, a, e);
	if (rc == RC_OK) {
		struct json j = json_new(http_out(c->x));
		write_sources(&j, &s);
	}
	result_free(&s.r);
	snapshot_close(&sn);
	return rc;
}
