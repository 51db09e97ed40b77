// SPDX-License-Identifier: Apache-2.0
// How tracking messages are kept and made into bodies again. The times that a batch as a whole carried (sentAt) are not
// part of its messages: when they are decoded again, the sender's clock is taken for right.
#include "listen/wire_keep.h"

#include "base/json.h"

#include <stdbool.h>

// What a kept message is put between to be a body, and what that body is.
static const struct kept_form {
	const char *name, *before, *after;
	enum wire_kind again;
} forms[WIRE_KINDS] = {
	[WIRE_SEGMENT_TRACK] = {"segment-track", "", "", WIRE_SEGMENT_TRACK},
	[WIRE_SEGMENT_IDENTIFY] = {"segment-identify", "", "", WIRE_SEGMENT_IDENTIFY},
	[WIRE_SEGMENT_PAGE] = {"segment-page", "", "", WIRE_SEGMENT_PAGE},
	[WIRE_SEGMENT_SCREEN] = {"segment-screen", "", "", WIRE_SEGMENT_SCREEN},
	[WIRE_SEGMENT_GROUP] = {"segment-group", "", "", WIRE_SEGMENT_GROUP},
	[WIRE_SEGMENT_ALIAS] = {"segment-alias", "", "", WIRE_SEGMENT_ALIAS},
	[WIRE_SEGMENT_BATCH] = {"segment-batch", "{\"batch\":[", "]}", WIRE_SEGMENT_BATCH},
	[WIRE_POSTHOG] = {"posthog", "{\"batch\":[", "]}", WIRE_POSTHOG},
	[WIRE_SNOWPLOW] = {"snowplow",
		"{\"schema\":\"iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4\",\"data\":[",
		"]}", WIRE_SNOWPLOW},
	[WIRE_SNOWPLOW_GET] = {"snowplow-get", "", "", WIRE_SNOWPLOW_GET},
	[WIRE_CLOUDEVENT] = {"cloudevent", "", "", WIRE_CLOUDEVENT},
	[WIRE_CLOUDEVENT_BATCH] = {"cloudevent-batch", "[", "]", WIRE_CLOUDEVENT_BATCH},
	[WIRE_CLOUDEVENT_BINARY] = {"cloudevent-binary", "", "", WIRE_CLOUDEVENT},
	[WIRE_NATIVE] = {"native", "", "", WIRE_NATIVE},
};

void wire_origin_write(struct buf *out, enum wire_kind kind, const struct wire_context *c)
{
	struct json j = json_new(out);
	json_object(&j);
	json_key_text(&j, "wire", forms[kind].name);
	json_key_string(&j, "source", c->source);
	json_key_string(&j, "channel", c->channel);
	if (c->links_email)
		json_key_bool(&j, "links_email", true);
	json_object_end(&j);
}

bool wire_origin_is(struct sv map_text)
{
	return sv_starts(map_text, SV("{\"wire\":"));
}

static enum rc member(struct json_node root, const char *name, struct arena *a, struct sv *out, struct err *e)
{
	char scratch[32];
	struct sv text = json_text(json_get(root, sv_from(name)), scratch);
	*out = text.ptr ? arena_copy(a, text) : SV_NONE;
	return text.ptr && !out->ptr ? err_set(e, RC_NOMEM, "out of memory for replaying") : RC_OK;
}

enum rc wire_origin_read(struct sv map_text, struct arena *a, struct wire_origin *out, struct err *e)
{
	struct json_parser *parser = json_parser_new(1 << 16);
	struct json_node root;
	struct sv name = SV_NONE;
	struct err why = ERR_NONE;
	*out = (struct wire_origin){.kind = WIRE_KINDS};
	if (!parser)
		return err_set(e, RC_NOMEM, "out of memory for replaying");
	enum rc rc = json_parse(parser, map_text, &root, &why);
	if (rc != RC_OK)
		rc = err_set(
			e, RC_CORRUPT, "the quarantine does not say how a message came in: %s", why.message);
	if (rc == RC_OK)
		rc = member(root, "wire", a, &name, e);
	if (rc == RC_OK)
		rc = member(root, "source", a, &out->source, e);
	if (rc == RC_OK)
		rc = member(root, "channel", a, &out->channel, e);
	out->links_email = rc == RC_OK && json_get(root, SV("links_email")).type == JSON_BOOL;
	for (unsigned k = 0; k < WIRE_KINDS; k++)
		if (sv_equal(name, sv_from(forms[k].name)))
			out->kind = (enum wire_kind)k;
	if (rc == RC_OK && out->kind == WIRE_KINDS)
		rc = err_set(e, RC_CORRUPT, "the quarantine names an unknown protocol “%.*s”", SV_ARG(name));
	json_parser_free(&parser);
	return rc;
}

static bool is_json(struct sv text)
{
	struct json_parser *parser = json_parser_new(text.len + 1);
	struct json_node root;
	struct err why = ERR_NONE;
	bool valid = parser && text.len && json_parse(parser, text, &root, &why) == RC_OK;
	json_parser_free(&parser);
	return valid;
}

// The attributes are what follows "ce-" in the headers' names.
static void keep_binary(struct buf *out, struct sv raw, const struct wire_context *c)
{
	struct json j = json_new(out);
	json_object(&j);
	for (uint32_t i = 0; i < c->n_headers; i++) {
		struct sv name = c->headers[i].name;
		if (sv_equal_nocase(name, SV("content-type")))
			name = SV("datacontenttype");
		else if (name.len > 3)
			name = (struct sv){name.ptr + 3, name.len - 3};
		else
			continue;
		json_key_sv(&j, name);
		json_string(&j, c->headers[i].value);
	}
	json_key(&j, "data");
	if (is_json(raw))
		json_raw(&j, sv_trim(raw));
	else
		json_string(&j, raw);
	json_object_end(&j);
}

void wire_kept_write(struct buf *out, enum wire_kind kind, struct sv raw, const struct wire_context *c)
{
	if (kind == WIRE_CLOUDEVENT_BINARY)
		keep_binary(out, raw, c);
	else
		buf_sv(out, raw);
}

void wire_again(struct buf *out, const struct wire_origin *origin, struct sv kept, enum wire_kind *kind)
{
	const struct kept_form *form = &forms[origin->kind];
	buf_str(out, form->before);
	buf_sv(out, kept);
	buf_str(out, form->after);
	*kind = form->again;
}
