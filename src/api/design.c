// SPDX-License-Identifier: Apache-2.0
// The corridor file over HTTP.
#include "api/internal.h"

// "first-bill" as people read it: "First bill".
static void write_name(struct json *j, struct sv key)
{
	char text[128];
	size_t n = key.len < sizeof(text) ? key.len : sizeof(text);
	for (size_t i = 0; i < n; i++)
		text[i] = key.ptr[i] == '-' ? ' ' : key.ptr[i];
	if (n > 0 && text[0] >= 'a' && text[0] <= 'z')
		text[0] = (char)(text[0] - 'a' + 'A');
	json_key_string(j, "name", (struct sv){text, n});
}

static void write_names(struct json *j, const char *key, const struct sv *names, uint32_t n)
{
	json_key(j, key);
	json_array(j);
	for (uint32_t i = 0; i < n; i++)
		json_string(j, names[i]);
	json_array_end(j);
}

static void write_expectation(struct json *j, const struct design *d, const struct expectation *x)
{
	json_object(j);
	json_key_string(j, "key", x->name);
	json_key_string(j, "measure", d->measures[x->measure].name);
	json_key_string(j, "unit", d->measures[x->measure].unit);
	json_key_text(j, "direction", x->direction == EXPECT_AT_LEAST ? "at least" : "at most");
	json_key_double(j, "target", x->target);
	json_key_double(j, "share", x->share);
	json_key_double(j, "scale", x->scale);
	json_object_end(j);
}

static void write_touchpoint(struct json *j, const struct design *d, const struct design_touchpoint *t)
{
	json_object(j);
	json_key_string(j, "key", t->name);
	if (sv_equal(t->name, t->title))
		write_name(j, t->name);
	else
		json_key_string(j, "name", t->title);
	json_key_string(j, "stage", d->stages[t->stage]);
	json_key_string(j, "owner", t->owner == DESIGN_NONE ? SV("") : d->departments[t->owner]);
	write_names(j, "systems", t->systems, t->n_systems);
	json_key(j, "channels");
	json_array(j);
	for (uint32_t i = 0; i < t->n_channels; i++)
		json_string(j, d->channels[t->channels[i]].name);
	json_array_end(j);
	json_key_double(j, "importance", t->importance);
	json_key_bool(j, "required", t->required);
	json_key(j, "after");
	json_array(j);
	for (uint32_t i = 0; i < t->n_after; i++)
		json_string(j, d->touchpoints[t->after[i]].name);
	json_array_end(j);
	json_key(j, "expect");
	json_array(j);
	for (uint32_t i = 0; i < t->n_expectations; i++)
		write_expectation(j, d, &d->expectations[t->first_expectation + i]);
	json_array_end(j);
	json_object_end(j);
}

static void write_channels(struct json *j, const struct design *d)
{
	static const char *const kinds[] = {[CHANNEL_DIGITAL] = "digital",
		[CHANNEL_CONTACT_CENTRE] = "contact-centre",
		[CHANNEL_IN_PERSON] = "in-person",
		[CHANNEL_PARTNER] = "partner",
		[CHANNEL_PUBLIC] = "public"};
	json_key(j, "channels");
	json_array(j);
	for (uint32_t i = 0; i < d->n_channels; i++) {
		json_object(j);
		json_key_string(j, "key", d->channels[i].name);
		json_key_text(j, "kind", kinds[d->channels[i].kind]);
		json_object_end(j);
	}
	json_array_end(j);
}

static void write_measures(struct json *j, const struct design *d)
{
	json_key(j, "measures");
	json_array(j);
	for (uint32_t i = 0; i < d->n_measures; i++) {
		const struct design_measure *m = &d->measures[i];
		json_object(j);
		json_key_string(j, "key", m->name);
		json_key_string(j, "unit", m->unit);
		json_key_double(j, "min", m->min); // open ends are null
		json_key_double(j, "max", m->max);
		json_object_end(j);
	}
	json_array_end(j);
}

enum rc design_get(struct api_call *c, struct err *e)
{
	struct snapshot *sn;
	uint32_t version = store_design_version(c->api->store);
	struct etag now = etag_of_design(version);
	if (etag_answer(c, &now))
		return RC_OK;
	enum rc rc = snapshot_open(c->api->store, &sn, e);
	if (rc != RC_OK)
		return rc;
	const struct design *d = snapshot_design(sn);
	struct json j = json_new(http_out(c->x));
	json_object(&j);
	json_key_u64(&j, "version", version);
	json_key_string(&j, "brand", d->brand);
	json_key_string(&j, "timezone", d->timezone);
	json_key_string(&j, "currency", d->currency);
	json_key(&j, "stages");
	json_array(&j);
	for (uint32_t i = 0; i < d->n_stages; i++) {
		json_object(&j);
		json_key_string(&j, "key", d->stages[i]);
		write_name(&j, d->stages[i]);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_key(&j, "touchpoints");
	json_array(&j);
	for (uint32_t i = 0; i < d->n_touchpoints; i++)
		write_touchpoint(&j, d, &d->touchpoints[i]);
	json_array_end(&j);
	write_channels(&j, d);
	write_names(&j, "departments", d->departments, d->n_departments);
	write_measures(&j, d);
	write_names(&j, "dimensions", d->dimensions, d->n_dimensions);
	json_object_end(&j);
	snapshot_close(&sn);
	return RC_OK;
}

// --- the corridor file as text: versions, checking, comparing, publishing ---

static enum rc read_text(struct api_call *c, struct json_parser **parser, struct sv *text, struct err *e)
{
	struct json_node root;
	enum rc rc = call_json(c, parser, &root, e);
	if (rc == RC_OK && (rc = call_string(root, "text", true, text, e)) != RC_OK)
		json_parser_free(parser);
	return rc;
}

enum rc design_text_get(struct api_call *c, struct err *e)
{
	int64_t wanted;
	struct design_version *versions, *found = NULL;
	uint32_t n = 0;
	struct arena *a = arena_new(0);
	enum rc rc = a ? call_integer(c, "version", 1, UINT32_MAX, 0, &wanted, e)
		       : err_set(e, RC_NOMEM, "out of memory for the corridor file");
	if (rc == RC_OK)
		rc = store_design_versions(c->api->store, a, &versions, &n, e);
	for (uint32_t i = 0; rc == RC_OK && i < n; i++)
		if (!wanted || versions[i].version == wanted)
			found = &versions[i];
	if (rc == RC_OK && !found)
		rc = err_set(
			e, RC_NOT_FOUND, "there is no version %lld of the corridor file", (long long)wanted);
	if (rc == RC_OK) {
		char tag[ETAG_BYTES];
		struct etag answer = etag_of_design(found->version), member = answer;
		struct json j = json_new(http_out(c->x));
		json_object(&j);
		json_key_u64(&j, "version", found->version);
		json_key_string(&j, "text", found->text);
		json_key_string(&j, "etag", etag_end(&member, tag));
		json_object_end(&j);
		etag_answer(c, &answer);
	}
	arena_free(&a);
	return rc;
}

enum rc design_versions_get(struct api_call *c, struct err *e)
{
	struct design_version *versions;
	uint32_t n = 0;
	struct arena *a = arena_new(0);
	enum rc rc = a ? store_design_versions(c->api->store, a, &versions, &n, e)
		       : err_set(e, RC_NOMEM, "out of memory for the corridor file");
	if (rc == RC_OK) {
		struct json j = call_items(c);
		for (uint32_t i = n; i-- > 0;) {
			const struct design_version *v = &versions[i];
			json_object(&j);
			json_key_u64(&j, "version", v->version);
			tz_key(&j, "at", store_design(c->api->store)->tz, v->at_ms);
			json_key_string(&j, "who", v->who);
			json_key_string(&j, "hash", arena_printf(a, "%016llx", (unsigned long long)v->hash));
			json_object_end(&j);
		}
		json_array_end(&j);
		json_object_end(&j);
	}
	arena_free(&a);
	return rc;
}

enum rc design_check(struct api_call *c, struct err *e)
{
	struct json_parser *parser;
	struct sv text;
	struct design *d = NULL;
	struct design_problems problems = {0};
	struct err why = ERR_NONE;
	enum rc rc = read_text(c, &parser, &text, e);
	if (rc != RC_OK)
		return rc;
	rc = design_parse(text, "corridor.yaml", &d, &problems, &why);
	if (rc != RC_OK && problems.n == 0) { // not a mistake in the file
		design_problems_free(&problems);
		json_parser_free(&parser);
		return err_take(e, &why);
	}
	struct json j = json_new(http_out(c->x));
	json_object(&j);
	json_key_bool(&j, "valid", rc == RC_OK);
	json_key(&j, "problems");
	json_array(&j);
	for (uint32_t i = 0; i < problems.n; i++) {
		const struct design_problem *p = &problems.items[i];
		json_object(&j);
		json_key_u64(&j, "line", p->line);
		json_key_u64(&j, "column", p->column);
		json_key_text(&j, "message", p->message);
		json_key_text(&j, "remedy", p->remedy);
		json_key_bool(&j, "warning", p->warning);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_object_end(&j);
	design_free(&d);
	design_problems_free(&problems);
	json_parser_free(&parser);
	return RC_OK;
}

static struct sv change_text(struct arena *a, const struct design_change *c)
{
	struct sv where = c->touchpoint.len ? c->touchpoint : SV("the corridor");
	bool values = c->before.len || c->after.len, both = c->before.len && c->after.len;
	return arena_printf(a, "%.*s: %.*s%s%.*s%s%.*s", SV_ARG(where), SV_ARG(c->what), values ? ": " : "",
		SV_ARG(c->before), both ? " → " : "", SV_ARG(c->after));
}

static void write_changes(struct json *j, struct arena *a, const struct design_changes *changes,
	const struct restate_count *count)
{
	static const char *const signs[] = {
		[CHANGE_ADDED] = "+", [CHANGE_REMOVED] = "-", [CHANGE_CHANGED] = "~"};
	json_key(j, "changes");
	json_array(j);
	for (uint32_t i = 0; i < changes->n; i++) {
		json_object(j);
		json_key_text(j, "sign", signs[changes->items[i].kind]);
		json_key_string(j, "text", change_text(a, &changes->items[i]));
		uint64_t n = 0;
		enum restate_effect effect = restate_effect_of(count, &changes->items[i], &n);
		if (effect != RESTATE_NONE)
			json_key_u64(j, restate_effect_name(effect), n);
		json_object_end(j);
	}
	json_array_end(j);
}

// What publishing would change, and how much of the past would move or be scored by other expectations.
enum rc design_compare(struct api_call *c, struct err *e)
{
	struct arena *a = http_arena(c->x);
	struct json_parser *parser;
	struct sv text;
	struct design *after = NULL;
	struct design_changes changes;
	struct restate_count count = {0};
	enum rc rc = read_text(c, &parser, &text, e);
	if (rc != RC_OK)
		return rc;
	rc = design_parse(text, "corridor.yaml", &after, NULL, e);
	const struct design *before = store_design(c->api->store);
	if (rc == RC_OK)
		rc = design_diff(before, after, a, &changes, e);
	if (rc == RC_OK)
		rc = store_design_dry_run(c->api->store, before, after, a, &count, e);
	if (rc == RC_OK) {
		struct json j = json_new(http_out(c->x));
		json_object(&j);
		json_key(&j, "lines");
		json_array(&j);
		if (changes.n == 0)
			json_string(&j, SV("No difference in meaning."));
		json_string(&j,
			arena_printf(a,
				"%llu of %llu past interactions would move to another touch point or "
				"dimension.",
				(unsigned long long)count.n_moved, (unsigned long long)count.n_interactions));
		json_array_end(&j);
		write_changes(&j, a, &changes, &count);
		json_key_u64(&j, "moved", count.n_moved);
		json_key_u64(&j, "interactions", count.n_interactions);
		json_object_end(&j);
	}
	design_free(&after);
	json_parser_free(&parser);
	return rc;
}

// The text is looked at before anything stops. What comes in meanwhile is told to come again.
static enum rc publish(struct api_call *c, struct sv text, uint64_t *n_changed, struct err *e)
{
	struct design *d = NULL;
	enum rc rc = design_parse(text, "corridor.yaml", &d, NULL, e);
	design_free(&d);
	if (rc != RC_OK)
		return rc;
	rc = api_act_begin(c->api, "a corridor file is being published", e);
	if (rc != RC_OK)
		return rc;
	struct etag now = etag_of_design(store_design_version(c->api->store));
	rc = etag_match(c, &now, "the corridor file", e);
	if (rc == RC_OK) {
		intake_pause(c->api->intake);
		rc = store_design_adopt(c->api->store, text, "corridor.yaml", c->actor.who, n_changed, NULL, e);
		intake_resume(c->api->intake);
	}
	api_act_end(c->api);
	return rc;
}

enum rc design_publish(struct api_call *c, struct err *e)
{
	struct json_parser *parser;
	struct sv text;
	uint64_t n_changed = 0;
	enum rc rc = read_text(c, &parser, &text, e);
	if (rc != RC_OK)
		return rc;
	rc = publish(c, text, &n_changed, e);
	json_parser_free(&parser);
	if (rc != RC_OK)
		return rc;
	uint32_t version = store_design_version(c->api->store);
	rc = access_audit_add(c->api->access, &c->actor, SV("design.publish"),
		arena_printf(http_arena(c->x), "version %u", version),
		arena_printf(http_arena(c->x), "%llu past interactions moved", (unsigned long long)n_changed),
		e);
	if (rc != RC_OK)
		return rc;
	struct json j = json_new(http_out(c->x));
	json_object(&j);
	json_key_u64(&j, "version", version);
	json_key_u64(&j, "moved", n_changed);
	json_object_end(&j);
	return RC_OK;
}
