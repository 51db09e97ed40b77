// SPDX-License-Identifier: Apache-2.0
// A webhook's body through the mapping language.
//
// An object is all or nothing. Mapping promises that for what it makes; what the store would refuse (a name that is too
// long) is found out by adding everything to a batch on trial first. Webhooks are few, so that costs nothing that
// matters.
#include "listen/hook.h"

#include "base/mem.h"
#include "listen/internal.h"
#include "listen/wire_decoder.h" // wire_percent_decode

#include <assert.h>

#define HOOK_MAGIC 0x686f6f6bu
#define BODY_MAX ((size_t)64 << 20)

// Each object tried and given on; or all of them tried, and then all given on.
enum pass { PASS_EACH, PASS_TRY, PASS_GIVE };

struct hook {
	uint32_t magic;
	struct mapping_bound *bound;
	struct json_parser *parser;
	struct batch *trial;
	struct arena *arena; // lives as long as the hook
	struct sv name;
	struct buf form; // a form as JSON
	// The call in hand:
	const struct wire_sink *sink;
	struct hook_result *result;
	int64_t received_ms;
	uint32_t index;
	enum pass pass;
	struct err why; // PASS_TRY: what was wrong with the object that stopped it
};

enum rc hook_open(
	const struct mapping *m, const struct design *d, struct sv name, struct hook **out, struct err *e)
{
	const struct reader_options *o = mapping_reader_options(m);
	*out = NULL;
	if (o->format != RECORD_NDJSON || o->xes) {
		err_set(e, RC_INPUT, "the mapping of a webhook must be of format ndjson");
		err_remedy(e, "write format: ndjson");
		return RC_INPUT;
	}
	struct hook *h = mem_calloc(1, sizeof(*h));
	if (!h)
		return err_set(e, RC_NOMEM, "out of memory for a webhook");
	h->magic = HOOK_MAGIC;
	h->form = buf_new(BODY_MAX);
	h->parser = json_parser_new(BODY_MAX);
	h->trial = batch_new(d);
	h->arena = arena_new(1u << 16);
	h->name = h->arena ? arena_copy(h->arena, name) : SV_NONE;
	enum rc rc = h->parser && h->trial && h->name.ptr ? mapping_bind(m, NULL, 0, &h->bound, e)
							  : err_set(e, RC_NOMEM, "out of memory for a webhook");
	if (rc == RC_OK)
		*out = h;
	else
		hook_close(&h);
	return rc;
}

void hook_close(struct hook **hook)
{
	struct hook *h = *hook;
	if (!h)
		return;
	assert(h->magic == HOOK_MAGIC);
	mapping_bound_free(&h->bound);
	json_parser_free(&h->parser);
	batch_free(&h->trial);
	arena_free(&h->arena);
	buf_free(&h->form);
	h->magic = 0;
	mem_free(h);
	*hook = NULL;
}

static enum rc reject(struct hook *h, struct sv raw, const struct err *why, struct err *e)
{
	char reason[1400];
	struct err told = *why;
	told.line = told.column = 0;
	told.file[0] = '\0';
	h->result->n_rejected++;
	err_format(&told, reason, sizeof(reason));
	return h->sink->reject(h->sink->context, h->index, raw, sv_from(reason), e);
}

static enum rc emit_trial(void *context, const struct interaction *x, struct err *e)
{
	struct hook *h = context;
	enum rc rc = batch_add(h->trial, x, e);
	if (rc == RC_LIMIT && batch_count(h->trial)) {
		*e = ERR_NONE;
		batch_clear(h->trial);
		rc = batch_add(h->trial, x, e);
	}
	return rc;
}

static enum rc emit(void *context, const struct interaction *x, struct err *e)
{
	struct hook *h = context;
	h->result->n_interactions++;
	return h->sink->interaction(h->sink->context, h->index, x, e);
}

static enum rc object_try(struct hook *h, const struct record *r, uint32_t *n, struct err *why)
{
	struct map_counts counts = {0};
	if (r->json.type != JSON_OBJECT)
		return err_set(why, RC_INPUT, "the body is JSON but no object");
	batch_clear(h->trial);
	return mapping_map(h->bound, r, h->received_ms, emit_trial, h, n, &counts, why);
}

// RC_INPUT only in PASS_TRY, with the reason in h->why.
static enum rc object_take(struct hook *h, struct json_node object, struct sv raw, struct err *e)
{
	struct record r = {.line = 1, .number = h->index + 1, .file = h->name, .raw = raw, .json = object};
	struct map_counts counts = {0};
	struct err why = ERR_NONE;
	uint32_t n = 0;
	if (h->pass != PASS_GIVE) {
		h->result->n_messages++;
		enum rc rc = object_try(h, &r, &n, &why);
		if ((rc == RC_INPUT || rc == RC_LIMIT) && h->pass == PASS_EACH)
			return reject(h, raw, &why, e);
		if (rc == RC_INPUT || rc == RC_LIMIT) {
			h->why = why;
			return RC_INPUT;
		}
		if (rc != RC_OK)
			return err_take(e, &why);
		h->result->n_empty += n == 0;
		if (n == 0 || h->pass == PASS_TRY)
			return RC_OK;
	}
	return mapping_map(h->bound, &r, h->received_ms, emit, h, &n, &counts, e);
}

// --- forms ---

static bool is_form(struct sv body)
{
	return body.len && body.ptr[0] != '{' && body.ptr[0] != '[' && memchr(body.ptr, '=', body.len) &&
	       !memchr(body.ptr, ' ', body.len) && !memchr(body.ptr, '\n', body.len);
}

// "a=1&b=2" as {"a":"1","b":"2"}.
bool hook_form_read(struct sv body, struct buf *out)
{
	struct sv text = sv_trim(body), rest = text;
	size_t before = out->len;
	char *scratch = is_form(text) ? mem_alloc(text.len + 1) : NULL;
	if (!is_form(text))
		return false;
	if (!scratch) {
		out->rc = RC_NOMEM;
		return true;
	}
	struct json j = json_new(out);
	json_object(&j);
	bool any = false;
	while (rest.ptr) {
		struct sv value, name = sv_cut(sv_cut(rest, '&', &rest), '=', &value);
		if (!name.len || !value.ptr)
			continue;
		json_key_sv(&j, wire_percent_decode(name, true, scratch));
		json_string(&j, wire_percent_decode(value, true, scratch));
		any = true;
	}
	json_object_end(&j);
	mem_free(scratch);
	if (!any && out->rc == RC_OK)
		out->len = before;
	return any || out->rc != RC_OK;
}

// --- bodies ---

static enum rc list_take(struct hook *h, struct json_node list, struct err *e)
{
	struct json_member m[16];
	struct json_walk w = json_walk(list);
	enum rc rc = RC_OK;
	for (uint32_t n; rc == RC_OK && (n = json_walk_next(&w, m, 16)) > 0;) {
		for (uint32_t i = 0; rc == RC_OK && i < n; i++, h->index++)
			rc = object_take(h, m[i].value, m[i].raw, e);
	}
	return rc;
}

static enum rc root_take(
	struct hook *h, enum pass pass, uint32_t first, struct json_node root, struct sv body, struct err *e)
{
	h->pass = pass;
	h->index = first;
	return root.type == JSON_ARRAY ? list_take(h, root, e) : object_take(h, root, body, e);
}

// RC_INPUT with *why: the body is nothing that can be read.
static enum rc body_read(struct hook *h, struct sv body, struct json_node *root, struct err *why)
{
	struct sv text = sv_trim(body);
	buf_clear(&h->form);
	enum rc rc = RC_OK;
	if (hook_form_read(text, &h->form)) {
		rc = buf_check(&h->form, why, "a form");
		text = buf_view(&h->form);
	}
	if (rc == RC_OK)
		rc = json_parse_to_walk(h->parser, text, root, why);
	if (rc == RC_INPUT || rc == RC_LIMIT) {
		err_remedy(why, "webhooks carry JSON in UTF-8, or a form");
		return RC_INPUT;
	}
	return rc;
}

static enum rc decode_begin(struct hook *h, struct sv body, size_t bytes_max, int64_t received_ms,
	const struct wire_sink *sink, struct hook_result *result, struct err *e)
{
	assert(h->magic == HOOK_MAGIC);
	size_t max = bytes_max ? bytes_max : WIRE_BATCH_BYTES_MAX;
	*result = (struct hook_result){0};
	h->sink = sink;
	h->result = result;
	h->received_ms = received_ms;
	h->index = 0;
	h->why = ERR_NONE;
	if (body.len <= max && body.len <= BODY_MAX)
		return RC_OK;
	err_set(e, RC_LIMIT, "the body of %zu bytes is larger than the allowed %zu", body.len, max);
	err_remedy(e, "allow more, or let the sender send less");
	return RC_LIMIT;
}

static enum rc reject_whole(struct hook *h, struct sv received, const struct err *why, struct err *e)
{
	*h->result = (struct hook_result){.n_messages = 1};
	h->index = 0;
	return reject(h, received, why, e);
}

enum rc hook_decode(struct hook *h, struct sv body, size_t bytes_max, int64_t received_ms,
	const struct wire_sink *sink, struct hook_result *result, struct err *e)
{
	struct json_node root;
	struct err why = ERR_NONE;
	enum rc rc = decode_begin(h, body, bytes_max, received_ms, sink, result, e);
	if (rc != RC_OK)
		return rc;
	rc = body_read(h, body, &root, &why);
	if (rc == RC_INPUT)
		return reject_whole(h, body, &why, e);
	return rc == RC_OK ? root_take(h, PASS_EACH, 0, root, body, e) : err_take(e, &why);
}

enum rc hook_decode_whole(struct hook *h, struct sv body, struct sv received, uint32_t first, size_t bytes_max,
	int64_t received_ms, const struct wire_sink *sink, struct hook_result *result, struct err *e)
{
	struct json_node root;
	struct err why = ERR_NONE;
	enum rc rc = decode_begin(h, body, bytes_max, received_ms, sink, result, e);
	if (rc != RC_OK)
		return rc;
	rc = body_read(h, body, &root, &why);
	if (rc == RC_INPUT)
		return reject_whole(h, received, &why, e);
	if (rc != RC_OK)
		return err_take(e, &why);
	rc = root_take(h, PASS_TRY, first, root, body, e);
	if (rc == RC_INPUT && h->why.rc != RC_OK)
		return reject_whole(h, received, &h->why, e);
	return rc == RC_OK ? root_take(h, PASS_GIVE, first, root, body, e) : rc;
}
