// SPDX-License-Identifier: Apache-2.0
// CloudEvents 1.0 over HTTP: structured (one object), batch (a list), binary (attributes in headers, data in the
// body). The identity of an event is its source and id together, so where the interactions' source is named otherwise,
// the event's is part of the id.
#include "listen/wire_decoder.h"

enum field {
	FIELD_NONE,
	FIELD_VERSION,
	FIELD_ID,
	FIELD_SOURCE,
	FIELD_TYPE,
	FIELD_SUBJECT,
	FIELD_TIME,
	FIELD_CHANNEL,
	FIELD_CONTENT_TYPE,
	FIELD_DATA,
	FIELD_BASE64,
	FIELDS
};

static const struct wire_name names[] = {
	{"specversion", FIELD_VERSION},
	{"id", FIELD_ID},
	{"source", FIELD_SOURCE},
	{"type", FIELD_TYPE},
	{"subject", FIELD_SUBJECT},
	{"time", FIELD_TIME},
	{"channel", FIELD_CHANNEL},
	{"datacontenttype", FIELD_CONTENT_TYPE},
	{"data", FIELD_DATA},
	{"data_base64", FIELD_BASE64},
};

// Types of identities that a subject may name: "email:ann@example.com". Any other subject is a user.
static const char *const subject_types[] = {"user", "anonymous", "email", "phone", "card"};

// Members of the data that say who it was.
static const struct {
	const char *name, *type;
} data_identities[] = {
	{"userId", "user"}, {"user_id", "user"}, {"anonymousId", "anonymous"}, {"anonymous_id", "anonymous"}};

struct event {
	struct sv text[FIELDS]; // attributes
	struct json_member data;
};

void wire_cloudevent_keys(struct wire_decoder *d)
{
	wire_keys_fill(&d->cloudevent, names, sizeof(names) / sizeof(names[0]));
}

static enum rc subject_identity(struct wire_decoder *d, struct sv subject)
{
	struct sv rest, type = sv_cut(subject, ':', &rest);
	for (size_t i = 0; rest.len && i < sizeof(subject_types) / sizeof(subject_types[0]); i++) {
		if (sv_equal(type, sv_from(subject_types[i])))
			return wire_identity(d, subject_types[i], rest);
	}
	return wire_identity(d, "user", subject);
}

static enum rc who(struct wire_decoder *d, const struct event *s)
{
	enum rc rc = subject_identity(d, s->text[FIELD_SUBJECT]);
	struct sv value;
	for (size_t i = 0; rc == RC_OK && i < sizeof(data_identities) / sizeof(data_identities[0]); i++) {
		rc = wire_name(d, data_identities[i].name,
			json_get(s->data.value, sv_from(data_identities[i].name)), &value);
		if (rc == RC_OK)
			rc = wire_identity(d, data_identities[i].type, value);
	}
	if (rc == RC_OK)
		rc = wire_identity_traits(d, s->data.value);
	if (rc == RC_OK && !d->x.n_identities)
		rc = wire_wrong(d, "subject", "is missing", "send it, or userId or email in the data");
	return rc;
}

static enum rc data_read(struct wire_decoder *d, const struct event *s)
{
	if (s->data.value.type == JSON_OBJECT)
		return wire_properties(d, &s->data);
	if (s->data.value.type == JSON_NONE || s->data.value.type == JSON_NULL)
		return RC_OK;
	wire_property_put(d, "data", s->data.raw);
	return wire_property(d, SV("data"), s->data.value);
}

static enum rc required(struct wire_decoder *d, const struct event *s)
{
	static const enum field needed[] = {FIELD_ID, FIELD_SOURCE, FIELD_TYPE};
	struct sv version = s->text[FIELD_VERSION];
	if (!sv_starts(version, SV("1.")) && !sv_equal(version, SV("1")))
		return wire_wrong(
			d, "specversion", version.len ? "is not 1.0" : "is missing", "send CloudEvents 1.0");
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (!s->text[needed[i]].len)
			return wire_wrong(d, names[needed[i] - 1].name, "is missing",
				"every CloudEvent has id, source and type");
	}
	return RC_OK;
}

static enum rc identify(struct wire_decoder *d, const struct event *s)
{
	d->x.id = s->text[FIELD_ID];
	if (!d->c->source.len) {
		d->x.source = s->text[FIELD_SOURCE];
		return RC_OK;
	}
	d->x.id =
		arena_printf(d->scratch, "%.*s#%.*s", SV_ARG(s->text[FIELD_SOURCE]), SV_ARG(s->text[FIELD_ID]));
	return d->x.id.ptr ? RC_OK : err_set(&d->why, RC_NOMEM, "out of memory for a message");
}

static enum rc event_take(struct wire_decoder *d, const struct event *s)
{
	int64_t at = TIME_NONE;
	enum rc rc = required(d, s);
	if (rc == RC_OK)
		rc = identify(d, s);
	d->x.event = s->text[FIELD_TYPE];
	if (rc == RC_OK)
		rc = data_read(d, s);
	if (rc == RC_OK)
		rc = who(d, s);
	if (rc == RC_OK && s->text[FIELD_CHANNEL].len &&
		design_channel_find(d->c->design, s->text[FIELD_CHANNEL]) == DESIGN_NONE)
		rc = wire_wrong(d, "channel", "is not declared in the corridor file",
			"declare it under channels:, or send one that is");
	if (rc == RC_OK)
		rc = wire_channel(d, (struct json_node){0}, "api");
	if (rc == RC_OK && s->text[FIELD_CHANNEL].len)
		d->x.channel = s->text[FIELD_CHANNEL];
	if (rc == RC_OK && s->text[FIELD_TIME].len)
		rc = wire_time_text(d, "time", s->text[FIELD_TIME], &at);
	return rc == RC_OK ? wire_at(d, at, TIME_NONE) : rc;
}

enum rc wire_cloudevent(struct wire_decoder *d, const struct json_member *message)
{
	struct event s = {0};
	struct json_member m[WIRE_MEMBERS];
	if (message->value.type != JSON_OBJECT)
		return wire_wrong(d, "event", "is no object", "send a CloudEvent in the JSON format");
	struct json_walk w = json_walk(message->value);
	enum rc rc = RC_OK;
	for (uint32_t n; rc == RC_OK && (n = json_walk_next(&w, m, WIRE_MEMBERS)) > 0;) {
		for (uint32_t i = 0; rc == RC_OK && i < n; i++) {
			uint32_t code = wire_keys_find(&d->cloudevent, m[i].key);
			if (code == FIELD_DATA)
				s.data = m[i];
			else if (code == FIELD_BASE64)
				wire_property_put_member(d, m[i].member);
			else if (code)
				rc = wire_name(d, names[code - 1].name, m[i].value, &s.text[code]);
		}
	}
	return rc == RC_OK ? event_take(d, &s) : rc;
}

// --- binary ---

// Header values are percent-encoded where they are not plain ASCII (HTTP binding 3.1.3.2). Bad escapes stay.
static struct sv header_value(struct wire_decoder *d, struct sv text)
{
	struct sv value = sv_trim(text);
	if (!value.len || !memchr(value.ptr, '%', value.len))
		return value;
	value = wire_unescape(d, value, false);
	return value.ptr && sv_utf8_valid(value, NULL) ? value : text;
}

static bool is_json(struct sv type)
{
	struct sv rest;
	type = sv_trim(sv_cut(type, ';', &rest));
	return !type.len || sv_equal_nocase(type, SV("application/json")) ||
	       sv_equal_nocase(type, SV("text/json")) ||
	       (type.len > 5 && sv_equal_nocase((struct sv){type.ptr + type.len - 5, 5}, SV("+json")));
}

static enum rc headers_read(struct wire_decoder *d, struct event *s)
{
	for (uint32_t i = 0; i < d->c->n_headers; i++) {
		const struct wire_header *h = &d->c->headers[i];
		char lower[32];
		if (sv_equal_nocase(h->name, SV("content-type")))
			s->text[FIELD_CONTENT_TYPE] = h->value;
		if (h->name.len < 4 || h->name.len >= sizeof(lower) ||
			!sv_equal_nocase((struct sv){h->name.ptr, 3}, SV("ce-")))
			continue;
		for (size_t k = 3; k < h->name.len; k++)
			lower[k - 3] =
				(char)(h->name.ptr[k] >= 'A' && h->name.ptr[k] <= 'Z' ? h->name.ptr[k] + 32
										      : h->name.ptr[k]);
		uint32_t code = wire_keys_find(&d->cloudevent, (struct sv){lower, h->name.len - 3});
		if (!code || code >= FIELD_CONTENT_TYPE)
			continue;
		s->text[code] = header_value(d, h->value);
		if (!sv_utf8_valid(s->text[code], NULL) ||
			(s->text[code].len && memchr(s->text[code].ptr, 0, s->text[code].len)))
			return wire_wrong(
				d, names[code - 1].name, "is no valid text", "encode it as UTF-8 and percent");
	}
	return RC_OK;
}

enum rc wire_cloudevent_binary(struct wire_decoder *d, struct sv body)
{
	struct event s = {0};
	enum rc rc = headers_read(d, &s);
	struct sv type = s.text[FIELD_CONTENT_TYPE];
	if (rc == RC_OK && body.len && is_json(type)) {
		s.data.raw = s.data.member = sv_trim(body);
		rc = json_parse_to_walk(d->inner, body, &s.data.value, &d->why);
		if (rc != RC_OK)
			err_remedy(&d->why, "send valid JSON, or another content-type");
	} else if (rc == RC_OK && body.len && sv_starts(type, SV("text/")) && sv_utf8_valid(body, NULL) &&
		   !memchr(body.ptr, 0, body.len)) {
		d->x.text = body;
	}
	return rc == RC_OK ? event_take(d, &s) : rc;
}
