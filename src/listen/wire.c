// SPDX-License-Identifier: Apache-2.0
// Bodies: finding the messages in them, and what happens to each.
//
// A body is parsed once. Where that fails, because of one bad message perhaps, it is split by brackets and quotes and
// each message is parsed alone, so that only those which are bad go to quarantine. Where brackets and quotes do not
// balance either, there is nothing to find and the body is refused.
#include "listen/wire_decoder.h"

#include "base/hash.h"
#include "base/mem.h"

#include <assert.h>

#define SCRATCH_MAX ((size_t)4 << 20)     // of one message
#define PROPERTIES_MAX ((size_t)16 << 20) // of one message
#define BODY_MAX ((size_t)64 << 20)       // whatever the settings say

// How a protocol packs its messages.
struct form {
	const char *list; // member of the body that holds them
	bool root_list;   // the body may be the list
	bool single;      // the body may be one message
	const char *sent; // member of the body: time of sending
	const char *key;  // member of the body: write key
	wire_message *message;
	enum rc (*text)(struct wire_decoder *d, struct sv body); // of bodies that are no JSON
	const char *wanted;
};

static const struct form segment_message = {
	NULL, false, true, "sentAt", "writeKey", wire_segment, NULL, "one JSON object"};
static const struct form segment_batch = {
	"batch", false, false, "sentAt", "writeKey", wire_segment, NULL, "{\"batch\": [messages]}"};
static const struct form posthog = {"batch", true, true, "sent_at", "api_key", wire_posthog, NULL,
	"{\"batch\": [events]}, a list of events or one event"};
static const struct form snowplow = {
	"data", false, false, NULL, NULL, wire_snowplow, NULL, "{\"data\": [events]}"};
static const struct form snowplow_get = {
	NULL, false, false, NULL, NULL, NULL, wire_snowplow_get, "a query string"};
static const struct form cloudevent = {NULL, false, true, NULL, NULL, wire_cloudevent, NULL, "one JSON object"};
static const struct form cloudevent_batch = {
	NULL, true, false, NULL, NULL, wire_cloudevent, NULL, "a list of events"};
static const struct form cloudevent_binary = {
	NULL, false, false, NULL, NULL, NULL, wire_cloudevent_binary, "the data of an event"};
static const struct form native = {"interactions", false, true, NULL, NULL, wire_native, NULL,
	"one JSON object or {\"interactions\": [objects]}"};

static const struct form *const forms[WIRE_KINDS] = {
	[WIRE_SEGMENT_TRACK] = &segment_message,
	[WIRE_SEGMENT_IDENTIFY] = &segment_message,
	[WIRE_SEGMENT_PAGE] = &segment_message,
	[WIRE_SEGMENT_SCREEN] = &segment_message,
	[WIRE_SEGMENT_GROUP] = &segment_message,
	[WIRE_SEGMENT_ALIAS] = &segment_message,
	[WIRE_SEGMENT_BATCH] = &segment_batch,
	[WIRE_POSTHOG] = &posthog,
	[WIRE_SNOWPLOW] = &snowplow,
	[WIRE_SNOWPLOW_GET] = &snowplow_get,
	[WIRE_CLOUDEVENT] = &cloudevent,
	[WIRE_CLOUDEVENT_BATCH] = &cloudevent_batch,
	[WIRE_CLOUDEVENT_BINARY] = &cloudevent_binary,
	[WIRE_NATIVE] = &native,
};

// --- the decoder ---

struct wire_decoder *wire_decoder_new(void)
{
	struct err e = ERR_NONE;
	struct wire_decoder *d = mem_calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->magic = WIRE_MAGIC;
	d->properties = buf_new(PROPERTIES_MAX);
	d->mended = buf_new(BODY_MAX);
	d->parser = json_parser_new(BODY_MAX);
	d->inner = json_parser_new(BODY_MAX);
	d->scratch = arena_new(SCRATCH_MAX);
	if (!d->parser || !d->inner || !d->scratch || time_format_compile(SV("ISO"), &d->iso, &e) != RC_OK) {
		wire_decoder_free(&d);
		return NULL;
	}
	wire_segment_keys(d);
	wire_posthog_keys(d);
	wire_snowplow_keys(d);
	wire_cloudevent_keys(d);
	wire_native_keys(d);
	return d;
}

void wire_decoder_free(struct wire_decoder **decoder)
{
	struct wire_decoder *d = *decoder;
	if (!d)
		return;
	assert(d->magic == WIRE_MAGIC);
	json_parser_free(&d->parser);
	json_parser_free(&d->inner);
	time_format_free(&d->iso);
	arena_free(&d->scratch);
	buf_free(&d->properties);
	buf_free(&d->mended);
	d->magic = 0;
	mem_free(d);
	*decoder = NULL;
}

// --- one message ---

static void message_clear(struct wire_decoder *d)
{
	struct interaction *x = &d->x;
	x->id = x->event = x->channel = x->agent = x->location = SV_NONE;
	x->promise = x->keeps = x->text = x->properties = SV_NONE;
	x->source = d->c->source;
	x->n_identities = x->n_measures = 0;
	x->at_ms = x->due_ms = TIME_NONE;
	x->received_ms = d->c->received_ms;
	x->touchpoint = TOUCHPOINT_NONE;
	memset(x->paths, 0, d->c->design->n_paths * sizeof(x->paths[0]));
	d->found = (struct wire_found){0};
	d->n_links = 0;
	buf_clear(&d->properties);
	if (arena_used(d->scratch))
		arena_reset(d->scratch);
	d->why.rc = RC_OK;
}

// What is wrong with a message is in d->why. Anything but the message's own fault stops all.
static enum rc message_reject(struct wire_decoder *d, uint32_t index, struct sv raw, struct err *e)
{
	char reason[1400];
	enum rc rc = d->why.rc;
	if (rc != RC_INPUT && rc != RC_LIMIT)
		return err_take(e, &d->why);
	d->why.line = d->why.column = 0;
	d->why.file[0] = '\0';
	err_format(&d->why, reason, sizeof(reason));
	d->why = ERR_NONE;
	d->result->n_rejected++;
	return d->sink->reject(d->sink->context, index, raw, sv_from(reason), e);
}

static enum rc links_give(struct wire_decoder *d, struct err *e)
{
	enum rc rc = RC_OK;
	for (uint32_t i = 0; i < d->n_links && rc == RC_OK; i++) {
		struct wire_link *l = &d->links[i];
		uint64_t h = hash64_seed(l->to.value.ptr, l->to.value.len,
			hash64_seed(l->from.value.ptr, l->from.value.len, (unsigned char)l->from.type.ptr[0]));
		uint64_t *seen = &d->links_seen[h % WIRE_LINKS_SEEN];
		if (*seen == h)
			continue;
		*seen = h;
		l->at_ms = d->x.at_ms;
		d->result->n_links++;
		rc = d->sink->link(d->sink->context, l, e);
	}
	return rc;
}

// A message of a trusted sender that carries both.
static void link_email(struct wire_decoder *d)
{
	const struct identity *user = NULL, *email = NULL;
	for (uint32_t i = 0; i < d->x.n_identities; i++) {
		const struct identity *id = &d->x.identities[i];
		if (!user && sv_equal(id->type, SV("user")))
			user = id;
		else if (!email && sv_equal(id->type, SV("email")))
			email = id;
	}
	if (user && email)
		wire_link_add(d, "email", email->value, "user", user->value);
}

// Gives on what the protocol has made of a message, or its rejection.
static enum rc message_give(struct wire_decoder *d, uint32_t index, struct sv raw, enum rc rc, struct err *e)
{
	if (rc == RC_OK)
		rc = wire_properties_end(d);
	if (rc != RC_OK)
		return message_reject(d, index, raw, e);
	design_resolve(d->c->design, &d->x);
	rc = d->sink->interaction(d->sink->context, index, &d->x, &d->why);
	if (rc != RC_OK)
		return rc == RC_INPUT ? message_reject(d, index, raw, e) : err_take(e, &d->why);
	d->result->n_interactions++;
	if (d->c->links_email)
		link_email(d);
	return d->n_links ? links_give(d, e) : RC_OK;
}

static bool too_large(struct wire_decoder *d, struct sv raw)
{
	size_t max = d->c->message_bytes_max ? d->c->message_bytes_max : WIRE_MESSAGE_BYTES_MAX;
	if (raw.len <= max)
		return false;
	err_set(&d->why, RC_INPUT, "message is larger than the allowed %zu bytes", max);
	err_remedy(&d->why, "send less with it, or allow more");
	return true;
}

static enum rc message_take(struct wire_decoder *d, uint32_t index, const struct json_member *m, struct err *e)
{
	message_clear(d);
	d->result->n_messages++;
	enum rc rc = too_large(d, m->raw) ? RC_INPUT : forms[d->kind]->message(d, m);
	return message_give(d, index, m->raw, rc, e);
}

static enum rc no_room(struct err *e)
{
	err_set(e, RC_LIMIT, "the body holds more than %u messages", WIRE_MESSAGES_MAX);
	err_remedy(e, "send them in several requests");
	return RC_LIMIT;
}

// --- a body that is valid JSON ---

static enum rc not_understood(const struct form *f, struct err *e)
{
	err_set(e, RC_INPUT, "the body holds no messages");
	err_remedy(e, "send %s", f->wanted);
	return RC_INPUT;
}

static enum rc list_take(struct wire_decoder *d, struct json_node list, struct err *e)
{
	struct json_member m[WIRE_MEMBERS];
	struct json_walk w = json_walk(list);
	enum rc rc = RC_OK;
	uint32_t index = 0, n;
	while (rc == RC_OK && (n = json_walk_next(&w, m, WIRE_MEMBERS)) > 0) {
		for (uint32_t i = 0; i < n && rc == RC_OK; i++)
			rc = index == WIRE_MESSAGES_MAX ? no_room(e) : message_take(d, index++, &m[i], e);
	}
	return rc;
}

// Reads the members of the body that concern all messages. Returns the list of these; type JSON_NONE: there is none.
static struct json_node root_read(struct wire_decoder *d, const struct form *f, struct json_node root)
{
	struct json_node list = {0};
	struct json_member m;
	struct json_walk w = json_walk(root);
	d->sent_ms = TIME_NONE;
	d->context_of = list;
	if (root.type == JSON_ARRAY)
		return f->root_list ? root : list;
	while (json_walk_next(&w, &m, 1)) {
		if (f->list && m.value.type == JSON_ARRAY && sv_equal(m.key, sv_from(f->list)))
			list = m.value;
		else if (f->sent && sv_equal(m.key, sv_from(f->sent)))
			d->sent_ms = wire_time_or_none(d, m.value);
		else if (d->kind == WIRE_SEGMENT_BATCH && sv_equal(m.key, SV("context")))
			d->context_of = m.value;
	}
	return list;
}

static enum rc body_take(struct wire_decoder *d, struct json_node root, struct sv body, struct err *e)
{
	const struct form *f = forms[d->kind];
	struct json_node list = root_read(d, f, root);
	bool single = list.type == JSON_NONE && f->single && root.type == JSON_OBJECT;
	if (list.type == JSON_NONE && !single)
		return not_understood(f, e);
	if (!single)
		return list_take(d, list, e);
	struct json_member m = {.value = root, .raw = sv_trim(body), .member = body};
	return message_take(d, 0, &m, e);
}

// --- a body that is none ---

static enum rc json_wrong(struct wire_decoder *d)
{
	err_remedy(&d->why,
		"texts must be UTF-8, numbers fit in 64 bits, and no nesting be deeper than %d levels",
		JSON_DEPTH_MAX);
	return d->why.rc;
}

// A message of a body that was split.
static enum rc piece_take(struct wire_decoder *d, uint32_t index, struct sv raw, struct err *e)
{
	struct json_member m = {.raw = raw, .member = raw};
	message_clear(d);
	d->result->n_messages++;
	enum rc rc = too_large(d, raw) ? RC_INPUT : json_parse_to_walk(d->parser, raw, &m.value, &d->why);
	if (rc == RC_INPUT && d->why.rc == RC_INPUT && wire_mend_surrogates(raw, &d->mended)) {
		struct err again = ERR_NONE;
		if (json_parse_to_walk(d->parser, buf_view(&d->mended), &m.value, &again) == RC_OK) {
			d->why = ERR_NONE;
			m.raw = m.member = buf_view(&d->mended);
			rc = RC_OK;
		}
	}
	if (rc == RC_OK)
		rc = forms[d->kind]->message(d, &m);
	else
		json_wrong(d);
	return message_give(d, index, raw, rc, e);
}

static bool is_key(struct sv quoted, const char *name)
{
	return name && quoted.len == strlen(name) + 2 && memcmp(quoted.ptr + 1, name, quoted.len - 2) == 0;
}

// The parts of a body that concern all messages, and the list, before any message is given on.
struct pieces {
	struct sv list, sent, key;
	bool single;
};

static bool balances(struct sv list)
{
	struct sv key, raw;
	struct wire_split s = wire_split(list);
	while (wire_split_next(&s, &key, &raw))
		;
	return !s.bad && !s.rest.len;
}

static bool pieces_find(const struct form *f, struct sv body, struct pieces *p)
{
	struct sv key, raw;
	struct wire_split s = wire_split(body);
	*p = (struct pieces){0};
	if (s.bad)
		return false;
	if (!s.is_object) {
		p->list = body;
		return f->root_list && balances(body);
	}
	while (wire_split_next(&s, &key, &raw)) {
		if (is_key(key, f->list) && raw.ptr[0] == '[')
			p->list = raw;
		else if (is_key(key, f->sent))
			p->sent = raw;
		else if (is_key(key, f->key))
			p->key = raw;
	}
	p->single = !p->list.ptr;
	return !s.bad && !s.rest.len && (p->single ? f->single : balances(p->list));
}

static enum rc pieces_take(struct wire_decoder *d, struct sv body, const struct err *wrong, struct err *e)
{
	struct pieces p;
	struct json_node sent;
	struct sv key, raw;
	struct err ignored = ERR_NONE;
	if (!pieces_find(forms[d->kind], body, &p))
		return err_take(e, wrong);
	d->sent_ms = TIME_NONE;
	d->context_of = (struct json_node){0};
	if (p.sent.ptr && json_parse(d->inner, p.sent, &sent, &ignored) == RC_OK)
		d->sent_ms = wire_time_or_none(d, sent);
	if (p.single)
		return piece_take(d, 0, sv_trim(body), e);
	enum rc rc = RC_OK;
	struct wire_split s = wire_split(p.list);
	for (uint32_t index = 0; rc == RC_OK && wire_split_next(&s, &key, &raw);)
		rc = index == WIRE_MESSAGES_MAX ? no_room(e) : piece_take(d, index++, raw, e);
	return rc;
}

// --- bodies ---

// The body without the mark that some writers put before UTF-8.
static struct sv without_mark(struct sv body)
{
	return sv_starts(body, SV("\xEF\xBB\xBF")) ? (struct sv){body.ptr + 3, body.len - 3} : body;
}

static enum rc body_check(enum wire_kind kind, struct sv body, size_t max, struct err *e)
{
	max = max ? max : WIRE_BATCH_BYTES_MAX;
	max = max < BODY_MAX ? max : BODY_MAX;
	if (body.len > max) {
		err_set(e, RC_LIMIT, "the body of %zu bytes is larger than the allowed %zu", body.len, max);
		err_remedy(e, "send smaller batches");
		return RC_LIMIT;
	}
	if (body.len || kind == WIRE_CLOUDEVENT_BINARY)
		return RC_OK;
	err_set(e, RC_INPUT, "the body is empty");
	err_remedy(e, "send %s", forms[kind]->wanted);
	return RC_INPUT;
}

static enum rc text_take(struct wire_decoder *d, struct sv body, struct err *e)
{
	message_clear(d);
	d->result->n_messages++;
	enum rc rc = too_large(d, body) ? RC_INPUT : forms[d->kind]->text(d, body);
	return message_give(d, 0, body, rc, e);
}

enum rc wire_decode(struct wire_decoder *d, enum wire_kind kind, struct sv body, const struct wire_context *c,
	const struct wire_sink *sink, struct wire_result *result, struct err *e)
{
	assert(d->magic == WIRE_MAGIC);
	struct json_node root = d->parsed_root;
	bool parsed = d->parsed.ptr && d->parsed.ptr == body.ptr && d->parsed.len == body.len;
	d->parsed = SV_NONE;
	*result = (struct wire_result){0};
	d->c = c;
	d->sink = sink;
	d->result = result;
	d->kind = kind;
	d->why = ERR_NONE;
	memset(d->links_seen, 0, sizeof(d->links_seen));
	enum rc rc = body_check(kind, body, c->batch_bytes_max, e);
	if (rc == RC_OK)
		rc = wire_roles_make(&d->roles, c->design, e);
	if (rc != RC_OK)
		return rc;
	if (forms[kind]->text)
		return text_take(d, body, e);
	struct err wrong = ERR_NONE;
	body = without_mark(body);
	rc = parsed ? RC_OK : json_parse_to_walk(d->parser, body, &root, &wrong);
	if (rc == RC_OK)
		return body_take(d, root, body, e);
	err_remedy(&wrong, "send %s", forms[kind]->wanted);
	return rc == RC_NOMEM ? err_take(e, &wrong) : pieces_take(d, body, &wrong, e);
}

// --- the write key ---

// Jitsu's SDK sends its key in a header and a mask of it in the body.
static struct sv key_copy(struct wire_decoder *d, struct json_node n)
{
	char digits[32];
	struct sv text = n.type == JSON_STRING ? json_text(n, digits) : SV_NONE;
	if (!text.len || text.len > sizeof(d->key) || sv_ends(text, SV("***")))
		return SV_NONE;
	memcpy(d->key, text.ptr, text.len);
	return (struct sv){d->key, text.len};
}

enum rc wire_key(struct wire_decoder *d, enum wire_kind kind, struct sv body, size_t bytes_max, struct sv *key,
	struct err *e)
{
	const struct form *f = forms[kind];
	struct err wrong = ERR_NONE;
	struct pieces p;
	struct json_node root;
	assert(d->magic == WIRE_MAGIC);
	*key = d->parsed = SV_NONE;
	enum rc rc = body_check(kind, body, bytes_max, e);
	if (rc != RC_OK || !f->key)
		return rc;
	rc = json_parse_to_walk(d->parser, without_mark(body), &root, &wrong);
	if (rc == RC_OK) {
		d->parsed = body;
		d->parsed_root = root;
		*key = key_copy(d, json_get(root, sv_from(f->key)));
		return RC_OK;
	}
	if (rc == RC_NOMEM || !pieces_find(f, without_mark(body), &p)) {
		err_remedy(&wrong, "send %s", f->wanted);
		return err_take(e, &wrong);
	}
	if (p.key.ptr && json_parse(d->inner, p.key, &root, &wrong) == RC_OK)
		*key = key_copy(d, root);
	return RC_OK;
}
