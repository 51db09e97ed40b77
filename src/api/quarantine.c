// SPDX-License-Identifier: Apache-2.0
// What could not be understood, over HTTP: to be seen, tried again, dropped.
#include "api/hook_settings.h"
#include "api/internal.h"

enum { PAGE = 50, IDS_MAX = 10000 };

// Bytes as text: what is no UTF-8 is replaced, and long rows are cut where they are shown.
enum rc quarantine_get(struct api_call *c, struct err *e)
{
	int64_t before, limit;
	struct quarantine_item *items;
	uint32_t n;
	uint64_t total;
	enum rc rc = call_integer(c, "before", 0, INT64_MAX, 0, &before, e);
	if (rc == RC_OK)
		rc = call_integer(c, "limit", 1, 500, PAGE, &limit, e);
	if (rc == RC_OK)
		rc = quarantine_page(c->api->store, (uint64_t)before, (uint32_t)limit, http_arena(c->x), &items,
			&n, &total, e);
	if (rc != RC_OK)
		return rc;
	struct json j = call_items(c);
	for (uint32_t i = 0; i < n; i++) {
		json_object(&j);
		json_key_u64(&j, "id", items[i].id);
		tz_key(&j, "at", store_design(c->api->store)->tz, items[i].at_ms);
		json_key_string(&j, "source", items[i].file);
		json_key_string(&j, "mapping", items[i].map_name);
		json_key_u64(&j, "line", items[i].line);
		json_key_string(&j, "reason", items[i].reason);
		// It has no touch point, so it is nobody's own.
		json_key_string(&j, "raw", persons_told(c) == TOLD_ALL ? items[i].raw : SV_NONE);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_key(&j, "next");
	if (n == limit && items[n - 1].id > 1)
		json_string(&j, arena_printf(http_arena(c->x), "%llu", (unsigned long long)items[n - 1].id));
	else
		json_null(&j);
	json_key_u64(&j, "total", total);
	json_object_end(&j);
	return RC_OK;
}

// {"ids": […]} or {"all": true}. *ids NULL: all.
static enum rc read_ids(struct api_call *c, const int64_t **ids, uint32_t *n, struct err *e)
{
	struct json_parser *parser;
	struct json_node root;
	char scratch[32];
	*n = 0;
	*ids = NULL;
	enum rc rc = call_json(c, &parser, &root, e);
	if (rc != RC_OK)
		return rc;
	struct json_node list = json_get(root, SV("ids")), all = json_get(root, SV("all"));
	int64_t *out = arena_array(http_arena(c->x), IDS_MAX, sizeof(*out));
	bool every = all.type == JSON_BOOL && sv_equal(json_text(all, scratch), SV("true"));
	if (!out)
		rc = err_set(e, RC_NOMEM, "out of memory for a request");
	else if (every == (list.type == JSON_ARRAY))
		rc = err_set(e, RC_INPUT, "either “ids”, a list of numbers, or “all”: true is expected");
	for (struct json_iter it = json_iter(list); rc == RC_OK && !every && json_next(&it);) {
		if (*n == IDS_MAX)
			rc = err_set(e, RC_INPUT, "“ids” has more than %d items", IDS_MAX);
		else if (!sv_to_i64(json_text(it.value, scratch), &out[(*n)++]))
			rc = err_set(e, RC_INPUT, "“ids” must be a list of whole numbers");
	}
	json_parser_free(&parser);
	*ids = every ? NULL : out;
	return rc;
}

static enum rc note(struct api_call *c, const char *act, const char *what, uint64_t n, struct err *e)
{
	return access_audit_add(c->api->access, &c->actor, sv_from(act), SV("quarantine"),
		arena_printf(http_arena(c->x), "%llu %s", (unsigned long long)n, what), e);
}

enum rc quarantine_again(struct api_call *c, struct err *e)
{
	const int64_t *ids;
	uint32_t n;
	struct import_report report;
	const struct import_options o = {.quiet = true,
		.threads = 1,
		.hook_find = hook_settings_find,
		.hook_context = c->api->access,
		.sandbox = c->api->sandbox};
	enum rc rc = read_ids(c, &ids, &n, e);
	if (rc != RC_OK)
		return rc;
	rc = api_act_begin(c->api, "the quarantine is being replayed", e);
	if (rc != RC_OK)
		return rc;
	rc = ids ? quarantine_replay_items(c->api->store, ids, n, &o, &report, e)
		 : quarantine_replay(c->api->store, SV_NONE, &o, &report, e);
	api_act_end(c->api);
	intake_quarantine_left(c->api->intake, report.n_rows - report.n_quarantined);
	if (rc == RC_OK)
		rc = note(c, "quarantine.replay", "were understood", report.n_mapped_rows, e);
	if (rc != RC_OK)
		return rc;
	struct json j = json_new(http_out(c->x));
	json_object(&j);
	json_key_u64(&j, "taken", report.n_mapped_rows + report.n_empty_rows);
	json_key_u64(&j, "rejected", report.n_quarantined);
	json_key_u64(&j, "interactions", report.n_interactions);
	json_key_u64(&j, "repeated", report.n_duplicates);
	json_object_end(&j);
	return RC_OK;
}

enum rc quarantine_remove(struct api_call *c, struct err *e)
{
	const int64_t *ids;
	uint32_t n;
	uint64_t dropped = 0;
	enum rc rc = read_ids(c, &ids, &n, e);
	if (rc != RC_OK)
		return rc;
	rc = quarantine_drop_items(c->api->store, ids, n, &dropped, e);
	intake_quarantine_left(c->api->intake, dropped);
	if (rc == RC_OK)
		rc = note(c, "quarantine.drop", "were dropped", dropped, e);
	if (rc != RC_OK)
		return rc;
	struct json j = json_new(http_out(c->x));
	json_object(&j);
	json_key_u64(&j, "dropped", dropped);
	json_object_end(&j);
	return RC_OK;
}
