// SPDX-License-Identifier: Apache-2.0
// What could not be understood, over HTTP: to be seen, tried again, also with a mended mapping, dropped.
#include "api/hook_settings.h"
#include "api/internal.h"
#include "api/preview.h"

#include "base/io.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	PAGE = 50,
	IDS_MAX = QUARANTINE_IDS_MAX,
	GROUPS_MAX = 500,
	PREVIEW_ROWS = 200,
	PREVIEW_SHOWN = 30,
	PEEK_ROWS = 50
};
static const char map_name[] = "the mapping";

static struct quarantine_choice chosen_by_query(struct api_call *c)
{
	return (struct quarantine_choice){.file = http_query(c->x, "file", 0),
		.source = http_query(c->x, "source", 0),
		.map_name = http_query(c->x, "read_with", 0),
		.reason = http_query(c->x, "reason", 0)};
}

// Bytes as text: what is no UTF-8 is replaced, and long rows are cut where they are shown.
enum rc quarantine_get(struct api_call *c, struct err *e)
{
	const struct quarantine_choice choice = chosen_by_query(c);
	int64_t before, limit;
	struct quarantine_item *items;
	uint32_t n;
	uint64_t total;
	enum rc rc = call_integer(c, "before", 0, INT64_MAX, 0, &before, e);
	if (rc == RC_OK)
		rc = call_integer(c, "limit", 1, 500, PAGE, &limit, e);
	if (rc == RC_OK)
		rc = quarantine_page(c->api->store, &choice, (uint64_t)before, (uint32_t)limit,
			http_arena(c->x), &items, &n, &total, e);
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
		// It has no touch point, so it is nobody's own; reasons may quote it.
		bool whole = persons_told(c) == TOLD_ALL;
		json_key_string(&j, "reason", whole ? items[i].reason : reason_kind(items[i].reason));
		json_key_string(&j, "raw", whole ? items[i].raw : SV_NONE);
		json_object_end(&j);
	}
	json_array_end(&j);
	call_next(c, &j, n == limit && items[n - 1].id > 1, n ? (int64_t)items[n - 1].id : 0);
	json_key_u64(&j, "total", total);
	json_object_end(&j);
	return RC_OK;
}

enum rc quarantine_groups_get(struct api_call *c, struct err *e)
{
	struct quarantine_group *groups;
	uint32_t n;
	uint64_t total = 0;
	enum rc rc = quarantine_groups(c->api->store, http_arena(c->x), &groups, &n, e);
	if (rc != RC_OK)
		return rc;
	struct json j = call_items(c);
	for (uint32_t i = 0; i < n; i++) {
		const struct quarantine_group *g = &groups[i];
		total += g->n;
		if (i >= GROUPS_MAX)
			continue;
		json_object(&j);
		json_key_string(&j, "source", g->file);
		json_key_string(&j, "mapping", g->map_name);
		json_key_string(&j, "reason", g->reason);
		json_key_u64(&j, "n", g->n);
		json_key_u64(&j, "first_id", g->first_id);
		json_key_u64(&j, "last_id", g->last_id);
		tz_key(&j, "at", store_design(c->api->store)->tz, g->last_at_ms);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_key_u64(&j, "groups", n);
	json_key_u64(&j, "total", total);
	json_object_end(&j);
	return RC_OK;
}

// --- what is asked for ---

struct request {
	struct quarantine_choice choice;
	struct sv mapping, hook; // ptr NULL: not given
	bool dry_run;
};

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static enum rc read_ids(struct api_call *c, struct json_node list, struct quarantine_choice *out, struct err *e)
{
	char scratch[32];
	int64_t *ids = arena_array(http_arena(c->x), IDS_MAX, sizeof(*ids));
	enum rc rc = ids ? RC_OK : err_set(e, RC_NOMEM, "out of memory for a request");
	for (struct json_iter it = json_iter(list); rc == RC_OK && json_next(&it);) {
		if (out->n_ids == IDS_MAX)
			rc = err_set(e, RC_INPUT, "“ids” has more than %d items", IDS_MAX);
		else if (!sv_to_i64(json_text(it.value, scratch), &ids[out->n_ids++]))
			rc = err_set(e, RC_INPUT, "“ids” must be a list of whole numbers");
	}
	if (rc == RC_OK)
		qsort(ids, out->n_ids, sizeof(*ids), by_value);
	out->ids = ids;
	return rc;
}

// A text that is kept; an empty one is as none.
static enum rc read_text(
	struct api_call *c, struct json_node root, const char *name, struct sv *out, struct err *e)
{
	enum rc rc = call_string(root, name, false, out, e);
	if (rc != RC_OK || !out->ptr)
		return rc;
	*out = arena_copy(http_arena(c->x), *out);
	return out->ptr ? RC_OK : err_set(e, RC_NOMEM, "out of memory for a request");
}

static enum rc read_truth(struct json_node root, const char *name, bool *out, struct err *e)
{
	struct json_node node = json_get(root, sv_from(name));
	char scratch[32];
	*out = node.type == JSON_BOOL && sv_equal(json_text(node, scratch), SV("true"));
	return node.type == JSON_NONE || node.type == JSON_NULL || node.type == JSON_BOOL
		       ? RC_OK
		       : err_set(e, RC_INPUT, "“%s” must be true or false", name);
}

// Rows by ids, by what they have in common, or all of them: exactly one of these.
static enum rc read_choice(
	struct api_call *c, struct json_node root, struct quarantine_choice *out, struct err *e)
{
	struct json_node list = json_get(root, SV("ids"));
	bool every = false;
	enum rc rc = read_truth(root, "all", &every, e);
	if (rc == RC_OK)
		rc = read_text(c, root, "source", &out->source, e);
	if (rc == RC_OK)
		rc = read_text(c, root, "read_with", &out->map_name, e);
	if (rc == RC_OK)
		rc = read_text(c, root, "reason", &out->reason, e);
	if (rc == RC_OK)
		rc = read_text(c, root, "file", &out->file, e);
	if (rc != RC_OK)
		return rc;
	bool by_ids = list.type == JSON_ARRAY;
	bool by_text = out->source.len || out->map_name.len || out->reason.len || out->file.len;
	if (every + by_ids + by_text != 1) {
		err_set(e, RC_INPUT, "it is not said which rows are meant");
		err_remedy(e,
			"exactly one of: “ids”, a list of numbers; any of “source”, “read_with”, “reason” "
			"and “file”; “all”: true");
		return RC_INPUT;
	}
	return by_ids ? read_ids(c, list, out, e) : RC_OK;
}

static enum rc needs(const struct api_call *c, enum right right, struct err *e)
{
	if (c->actor.rights & RIGHT_BIT(right))
		return RC_OK;
	return err_set(e, RC_DENIED, "this needs the right “%s” (%s)", right_info(right)->name,
		right_info(right)->summary);
}

// The mapping of a webhook is as good as one that is sent.
static enum rc mapping_of_hook(struct api_call *c, struct request *r, struct err *e)
{
	struct hook_settings settings;
	if (!r->hook.len)
		return RC_OK;
	if (r->mapping.ptr)
		return err_set(e, RC_INPUT, "either “mapping” or “hook” is taken, not both");
	enum rc rc = hook_settings_find(c->api->access, r->hook, http_arena(c->x), &settings, e);
	if (rc == RC_OK)
		r->mapping = settings.mapping;
	return rc;
}

static enum rc read_request(struct api_call *c, struct request *r, struct err *e)
{
	struct json_parser *parser;
	struct json_node root;
	*r = (struct request){0};
	enum rc rc = call_json(c, &parser, &root, e);
	if (rc != RC_OK)
		return rc;
	rc = read_choice(c, root, &r->choice, e);
	if (rc == RC_OK)
		rc = read_text(c, root, "mapping", &r->mapping, e);
	if (rc == RC_OK)
		rc = read_text(c, root, "hook", &r->hook, e);
	if (rc == RC_OK)
		rc = read_truth(root, "dry_run", &r->dry_run, e);
	json_parser_free(&parser);
	if (rc == RC_OK && (r->mapping.ptr || r->hook.len))
		rc = needs(c, RIGHT_IMPORT, e);
	if (rc == RC_OK)
		rc = mapping_of_hook(c, r, e);
	if (rc == RC_OK && r->mapping.ptr && sv_trim(r->mapping).len == 0)
		rc = err_set(e, RC_INPUT, "“mapping” is empty");
	return rc;
}

static enum rc note(struct api_call *c, const char *act, const char *what, uint64_t n, struct err *e)
{
	return access_audit_add(c->api->access, &c->actor, sv_from(act), SV("quarantine"),
		arena_printf(http_arena(c->x), "%llu %s", (unsigned long long)n, what), e);
}

// --- reading the rows again ---

// With the mapping of another webhook goes its program.
struct hook_source {
	struct access *access;
	struct sv instead;
};

static enum rc hook_find(
	void *context, struct sv name, struct arena *a, struct hook_settings *out, struct err *e)
{
	const struct hook_source *s = context;
	return hook_settings_find(s->access, s->instead.len ? s->instead : name, a, out, e);
}

static struct import_options options_of(
	const struct api_call *c, const struct request *r, struct hook_source *source)
{
	*source = (struct hook_source){c->api->access, r->hook};
	return (struct import_options){.quiet = true,
		.threads = 1,
		.cancel = &c->api->ending,
		.map_name = map_name,
		.map_text = r->mapping,
		.dry_run = r->dry_run,
		.hook_find = hook_find,
		.hook_context = source,
		.sandbox = c->api->sandbox};
}

// Rows as lines of a file in memory: what is no JSON object is left out. Line breaks within one only separate.
static enum rc write_lines(int fd, const struct quarantine_item *items, uint32_t n, struct err *e)
{
	struct buf lines = buf_new((size_t)16 << 20);
	for (uint32_t i = 0; i < n; i++) {
		struct sv raw = sv_trim(items[i].raw);
		if (!sv_starts(raw, SV("{")) || !sv_ends(raw, SV("}")))
			continue;
		for (size_t k = 0; k < raw.len; k++)
			buf_char(&lines, raw.ptr[k] == '\n' || raw.ptr[k] == '\r' ? ' ' : raw.ptr[k]);
		buf_char(&lines, '\n');
	}
	enum rc rc = buf_check(&lines, e, "the rows");
	if (rc == RC_OK)
		rc = io_write_all(io_system(), fd, lines.data, lines.len, 0, "the rows", e);
	buf_free(&lines);
	return rc;
}

// What the mapping of a webhook's bodies may be, when the webhook is gone. SV_NONE: nothing can be guessed.
static struct sv guess_mapping(struct api_call *c, const struct quarantine_choice *choice, struct sv name)
{
	struct arena *a = http_arena(c->x);
	struct quarantine_item *items;
	struct import_peek peek = {0};
	struct err e = ERR_NONE;
	uint64_t total;
	uint32_t n;
	char path[64];
	if (quarantine_page(c->api->store, choice, 0, PEEK_ROWS, a, &items, &n, &total, &e) != RC_OK)
		return SV_NONE;
	int fd = memfd_create("quarantine", MFD_CLOEXEC);
	if (fd < 0)
		return SV_NONE;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	enum rc rc = write_lines(fd, items, n, &e);
	if (rc == RC_OK)
		rc = import_peek(path, name, store_design(c->api->store), a, &peek, &e);
	close(fd);
	return rc == RC_OK ? peek.mapping : SV_NONE;
}

enum rc quarantine_mapping_get(struct api_call *c, struct err *e)
{
	static const char *const kinds[] = {"file", "webhook", "tracking"};
	struct quarantine_choice choice = chosen_by_query(c);
	struct quarantine_reading reading;
	struct hook_settings settings;
	bool guessed = false;
	int64_t id;
	enum rc rc = call_integer(c, "id", 0, INT64_MAX, 0, &id, e);
	if (rc == RC_OK)
		rc = needs(c, RIGHT_QUARANTINE, e);
	if (rc == RC_OK && id)
		choice = (struct quarantine_choice){.ids = &id, .n_ids = 1};
	if (rc == RC_OK)
		rc = quarantine_reading(c->api->store, &choice, http_arena(c->x), &reading, e);
	if (rc == RC_OK && reading.kind == QUARANTINE_WEBHOOK) {
		rc = hook_settings_find(c->api->access, reading.name, http_arena(c->x), &settings, NULL);
		reading.mapping = rc == RC_OK ? settings.mapping : SV_NONE;
		rc = rc == RC_NOT_FOUND ? RC_OK : rc;
		guessed = rc == RC_OK && reading.mapping.len == 0;
	}
	if (guessed)
		reading.mapping = guess_mapping(c, &choice, reading.name);
	if (rc != RC_OK)
		return rc;
	struct json j = json_new(http_out(c->x));
	json_object(&j);
	json_key_text(&j, "kind", kinds[reading.kind]);
	json_key_string(&j, "name", reading.name);
	json_key_string(&j, "mapping", reading.mapping.len ? reading.mapping : SV_NONE);
	json_key_bool(&j, "guessed", guessed);
	json_key_string(&j, "header", reading.header.len ? reading.header : SV_NONE);
	json_object_end(&j);
	return RC_OK;
}

enum rc quarantine_preview_post(struct api_call *c, struct err *e)
{
	struct request r;
	struct preview p;
	struct import_report report;
	struct hook_source source;
	struct err why = ERR_NONE;
	enum rc rc = needs(c, RIGHT_QUARANTINE, e);
	// The rows have no touch point, so they are nobody's own.
	if (rc == RC_OK && persons_told(c) != TOLD_ALL)
		rc = persons_denied(e);
	if (rc == RC_OK)
		rc = read_request(c, &r, e);
	if (rc != RC_OK)
		return rc;
	const struct import_options o = options_of(c, &r, &source);
	const struct preview_sink sink = preview_begin(&p, store_design(c->api->store), PREVIEW_SHOWN, "id");
	rc = quarantine_preview(c->api->store, &r.choice, PREVIEW_ROWS, &o, &sink, &report, &why);
	if (rc == RC_OK || rc == RC_INPUT) {
		rc = RC_OK;
		struct json j = json_new(http_out(c->x));
		json_object(&j);
		json_key_u64(&j, "rows", report.n_rows);
		json_key_u64(&j, "understood", report.n_mapped_rows + report.n_empty_rows);
		json_key_u64(&j, "empty", report.n_empty_rows);
		json_key_u64(&j, "interactions", p.n_interactions);
		preview_write(&j, &p, &why);
		json_object_end(&j);
	} else {
		rc = err_take(e, &why);
	}
	preview_end(&p);
	return rc;
}

static void write_outcome(struct api_call *c, const struct import_report *r)
{
	struct json j = json_new(http_out(c->x));
	json_object(&j);
	json_key_u64(&j, "taken", r->n_mapped_rows + r->n_empty_rows);
	json_key_u64(&j, "empty", r->n_empty_rows);
	json_key_u64(&j, "rejected", r->n_quarantined);
	json_key_u64(&j, "interactions", r->n_interactions);
	json_key_u64(&j, "repeated", r->n_duplicates);
	json_key(&j, "reasons");
	json_array(&j);
	for (uint32_t i = 0; i < r->n_reasons; i++) {
		json_object(&j);
		json_key_text(&j, "reason", r->reasons[i].reason);
		json_key_u64(&j, "n", r->reasons[i].n);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_object_end(&j);
}

enum rc quarantine_again(struct api_call *c, struct err *e)
{
	struct request r;
	struct hook_source source;
	struct import_report report = {0};
	enum rc rc = read_request(c, &r, e);
	if (rc != RC_OK)
		return rc;
	const struct import_options o = options_of(c, &r, &source);
	rc = api_act_begin(c->api, "the quarantine is being replayed", e);
	if (rc != RC_OK)
		return rc;
	rc = quarantine_replay_chosen(c->api->store, &r.choice, &o, &report, e);
	api_act_end(c->api);
	if (!r.dry_run) {
		intake_quarantine_left(c->api->intake, report.n_rows - report.n_quarantined);
		const char *what = r.mapping.ptr ? "were understood with another mapping" : "were understood";
		if (rc == RC_OK)
			rc = note(c, "quarantine.replay", what, report.n_mapped_rows, e);
		else if (report.n_mapped_rows)
			note(c, "quarantine.replay", "were understood before it failed", report.n_mapped_rows,
				NULL);
	}
	if (rc == RC_OK)
		write_outcome(c, &report);
	return rc;
}

enum rc quarantine_remove(struct api_call *c, struct err *e)
{
	struct request r;
	uint64_t dropped = 0;
	enum rc rc = read_request(c, &r, e);
	if (rc != RC_OK)
		return rc;
	rc = quarantine_drop_chosen(c->api->store, &r.choice, &dropped, e);
	intake_quarantine_left(c->api->intake, dropped);
	if (rc == RC_OK)
		rc = note(c, "quarantine.drop", "were dropped", dropped, e);
	else if (dropped)
		note(c, "quarantine.drop", "were dropped before it failed", dropped, NULL);
	if (rc != RC_OK)
		return rc;
	struct json j = json_new(http_out(c->x));
	json_object(&j);
	json_key_u64(&j, "dropped", dropped);
	json_object_end(&j);
	return RC_OK;
}
