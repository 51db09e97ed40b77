// SPDX-License-Identifier: Apache-2.0
// Snowplow's tracker protocol: flat events of short names whose values are all texts. Events that describe themselves
// carry JSON in a text (ue_pr), or in Base64 (ue_px).
#include "listen/wire_decoder.h"

#include <openssl/evp.h>

enum field {
	FIELD_NONE,
	FIELD_EVENT,
	FIELD_ID,
	FIELD_USER,
	FIELD_DOMAIN_USER,
	FIELD_NETWORK_USER,
	FIELD_TRUE_TIME,
	FIELD_DEVICE_TIME,
	FIELD_SENT_TIME,
	FIELD_PLATFORM,
	FIELD_CATEGORY,
	FIELD_ACTION,
	FIELD_LABEL,
	FIELD_PROPERTY,
	FIELD_VALUE,
	FIELD_URL,
	FIELD_TITLE,
	FIELD_REFERRER,
	FIELD_JSON,
	FIELD_BASE64,
	FIELD_APP,
	FIELD_ORDER,
	FIELD_TOTAL,
	FIELD_CURRENCY,
	FIELDS
};

static const struct wire_name names[] = {
	{"e", FIELD_EVENT}, {"eid", FIELD_ID}, {"uid", FIELD_USER}, {"duid", FIELD_DOMAIN_USER},
	{"nuid", FIELD_NETWORK_USER}, {"ttm", FIELD_TRUE_TIME}, {"dtm", FIELD_DEVICE_TIME},
	{"stm", FIELD_SENT_TIME}, {"p", FIELD_PLATFORM}, {"se_ca", FIELD_CATEGORY}, {"se_ac", FIELD_ACTION},
	{"se_la", FIELD_LABEL}, {"se_pr", FIELD_PROPERTY}, {"se_va", FIELD_VALUE}, {"url", FIELD_URL},
	{"page", FIELD_TITLE}, {"refr", FIELD_REFERRER}, {"ue_pr", FIELD_JSON}, {"ue_px", FIELD_BASE64},
	{"aid", FIELD_APP}, {"tr_id", FIELD_ORDER}, {"tr_tt", FIELD_TOTAL}, {"tr_cu", FIELD_CURRENCY},
	{"tnuid", FIELD_NETWORK_USER}, // last: the others stand in the order of their codes
};

// What becomes a property, and its name there.
static const struct {
	enum field field;
	const char *name;
} properties[] = {
	{FIELD_CATEGORY, "category"},
	{FIELD_ACTION, "action"},
	{FIELD_LABEL, "label"},
	{FIELD_PROPERTY, "property"},
	{FIELD_VALUE, "value"},
	{FIELD_URL, "url"},
	{FIELD_TITLE, "title"},
	{FIELD_REFERRER, "referrer"},
	{FIELD_APP, "app"},
	{FIELD_ORDER, "order_id"},
	{FIELD_TOTAL, "total"},
	{FIELD_CURRENCY, "currency"},
};

static const struct {
	const char *platform, *channel;
} platforms[] = {{"web", "web"}, {"mob", "app"}};

// Events of Snowplow's own that have a name in all protocols.
static const struct {
	const char *name, *event;
} events[] = {{"pv", "Page Viewed"}, {"pp", "Page Pinged"}, {"tr", "Order Completed"},
	{"screen_view", "Screen Viewed"}};

struct message {
	struct sv text[FIELDS];
	struct json_node node[FIELDS];
};

void wire_snowplow_keys(struct wire_decoder *d)
{
	wire_keys_fill(&d->snowplow, names, sizeof(names) / sizeof(names[0]));
}

static struct sv known_event(struct sv name)
{
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (sv_equal(name, sv_from(events[i].name)))
			return sv_from(events[i].event);
	}
	return name;
}

// --- events that describe themselves ---

// Base64 for URLs without padding, to the ordinary one, which the library reads.
static struct sv base64_decode(struct wire_decoder *d, struct sv text)
{
	size_t padded = (text.len + 3) / 4 * 4;
	unsigned char *in = arena_alloc(d->scratch, padded + 1), *out = arena_alloc(d->scratch, padded + 1);
	if (!in || !out)
		return SV_NONE;
	size_t n = 0;
	for (size_t i = 0; i < text.len && text.ptr[i] != '='; i++, n++) {
		char c = text.ptr[i];
		in[n] = (unsigned char)(c == '-' ? '+' : c == '_' ? '/' : c);
	}
	size_t missing = (4 - n % 4) % 4;
	memset(in + n, '=', missing);
	int got = missing == 3 ? -1 : EVP_DecodeBlock(out, in, (int)(n + missing));
	return got < (int)missing ? SV_NONE : (struct sv){(const char *)out, (size_t)got - missing};
}

// "iglu:com.example/order/jsonschema/1-0-0" → order
static struct sv schema_name(struct sv schema)
{
	struct sv rest, name;
	if (!sv_starts(schema, SV("iglu:")))
		return schema;
	sv_cut(schema, '/', &rest);
	name = sv_cut(rest, '/', &rest);
	return name.len ? name : schema;
}

static bool member_of(struct json_member *object, struct sv name)
{
	struct json_member m;
	struct json_walk w = json_walk(object->value);
	while (object->value.type == JSON_OBJECT && json_walk_next(&w, &m, 1)) {
		if (sv_equal(m.key, name)) {
			*object = m;
			return true;
		}
	}
	return false;
}

static enum rc self_describing(struct wire_decoder *d, const struct message *s)
{
	char digits[32];
	struct sv text =
		s->text[FIELD_JSON].len ? s->text[FIELD_JSON] : base64_decode(d, s->text[FIELD_BASE64]);
	struct json_member root = {.raw = text}, schema;
	if (!text.len)
		return wire_wrong(d, "ue_pr", "and ue_px are missing or no Base64", "send the event's data");
	enum rc rc = json_parse_to_walk(d->inner, text, &root.value, &d->why);
	if (rc != RC_OK) {
		err_remedy(&d->why, "ue_pr must hold valid JSON");
		return rc;
	}
	if (!member_of(&root, SV("data")) || root.value.type != JSON_OBJECT)
		return wire_wrong(
			d, "ue_pr", "holds no data", "send {\"schema\":…,\"data\":{\"schema\":…,\"data\":…}}");
	schema = root;
	if (!member_of(&schema, SV("schema")) || schema.value.type != JSON_STRING ||
		!json_text(schema.value, digits).len)
		return wire_wrong(d, "ue_pr", "holds no schema",
			"send {\"schema\":…,\"data\":{\"schema\":…,\"data\":…}}");
	d->x.event = known_event(schema_name(json_text(schema.value, digits)));
	if (d->x.event.len && memchr(d->x.event.ptr, 0, d->x.event.len))
		return wire_wrong(d, "schema", "holds a NUL character", "leave it out");
	if (!member_of(&root, SV("data")) || root.value.type != JSON_OBJECT)
		return RC_OK;
	return wire_properties(d, &root);
}

// --- all events ---

static enum rc event_of(struct wire_decoder *d, const struct message *s)
{
	struct sv e = s->text[FIELD_EVENT];
	if (sv_equal(e, SV("ue")))
		return self_describing(d, s);
	if (sv_equal(e, SV("se"))) {
		d->x.event = s->text[FIELD_ACTION];
		return d->x.event.len
			       ? RC_OK
			       : wire_wrong(d, "se_ac", "is missing", "send the action of a structured event");
	}
	d->x.event = known_event(e);
	return e.len ? RC_OK : wire_wrong(d, "e", "is missing", "send the type of the event");
}

static enum rc properties_of(struct wire_decoder *d, const struct message *s)
{
	enum rc rc = RC_OK;
	uint32_t from_data = d->found.n_written; // an event that describes itself brings names of its own
	for (size_t i = 0; rc == RC_OK && !from_data && i < sizeof(properties) / sizeof(properties[0]); i++) {
		enum field f = properties[i].field;
		if (!s->text[f].len)
			continue;
		wire_property_put_text(d, properties[i].name, s->text[f]);
		rc = wire_property(d, sv_from(properties[i].name), s->node[f]);
	}
	return rc;
}

static enum rc time_of(
	struct wire_decoder *d, const struct message *s, enum field f, const char *what, int64_t *ms)
{
	*ms = TIME_NONE;
	return s->text[f].len ? wire_time_text(d, what, s->text[f], ms) : RC_OK;
}

// The true time is the sender's word for it; the device's is corrected by when it was sent.
static enum rc when(struct wire_decoder *d, const struct message *s)
{
	int64_t truth, device, sent;
	enum rc rc = time_of(d, s, FIELD_TRUE_TIME, "ttm", &truth);
	if (rc == RC_OK)
		rc = time_of(d, s, FIELD_DEVICE_TIME, "dtm", &device);
	if (rc == RC_OK)
		rc = time_of(d, s, FIELD_SENT_TIME, "stm", &sent);
	if (rc != RC_OK)
		return rc;
	return truth != TIME_NONE ? wire_at(d, truth, TIME_NONE) : wire_at(d, device, sent);
}

// Trackers on servers may know of nobody: then each event is somebody of whom nothing else is known.
static enum rc who(struct wire_decoder *d, const struct message *s)
{
	struct sv anonymous =
		s->text[FIELD_DOMAIN_USER].len ? s->text[FIELD_DOMAIN_USER] : s->text[FIELD_NETWORK_USER];
	enum rc rc = wire_identity(d, "user", s->text[FIELD_USER]);
	if (rc == RC_OK)
		rc = wire_identity(d, "anonymous", anonymous);
	if (rc == RC_OK && !d->x.n_identities)
		rc = wire_identity(d, "anonymous", s->text[FIELD_ID]);
	if (rc == RC_OK && !d->x.n_identities)
		rc = wire_wrong(d, "uid", "and duid and eid are missing", "send one of them");
	wire_link_add(d, "anonymous", anonymous, "user", s->text[FIELD_USER]);
	return rc;
}

static enum rc event_take(struct wire_decoder *d, const struct message *s)
{
	const char *hint = "api";
	enum rc rc = event_of(d, s);
	for (size_t i = 0; i < sizeof(platforms) / sizeof(platforms[0]); i++) {
		if (sv_equal(s->text[FIELD_PLATFORM], sv_from(platforms[i].platform)))
			hint = platforms[i].channel;
	}
	d->x.id = s->text[FIELD_ID];
	if (rc == RC_OK)
		rc = properties_of(d, s);
	if (rc == RC_OK)
		rc = who(d, s);
	if (rc == RC_OK)
		rc = wire_channel(d, (struct json_node){0}, hint);
	return rc == RC_OK ? when(d, s) : rc;
}

enum rc wire_snowplow(struct wire_decoder *d, const struct json_member *message)
{
	struct message s = {0};
	struct json_member m[WIRE_MEMBERS];
	if (message->value.type != JSON_OBJECT)
		return wire_wrong(d, "event", "is no object", "send an object with e, eid, dtm …");
	struct json_walk w = json_walk(message->value);
	enum rc rc = RC_OK;
	for (uint32_t n; rc == RC_OK && (n = json_walk_next(&w, m, WIRE_MEMBERS)) > 0;) {
		for (uint32_t i = 0; rc == RC_OK && i < n; i++) {
			uint32_t code = wire_keys_find(&d->snowplow, m[i].key);
			if (!code)
				continue;
			s.node[code] = m[i].value;
			rc = wire_name(d, names[code - 1].name, m[i].value, &s.text[code]);
		}
	}
	return rc == RC_OK ? event_take(d, &s) : rc;
}

// --- GET ---

// The fields of a query, once more as a JSON object, so that there is one way on from here.
enum rc wire_snowplow_get(struct wire_decoder *d, struct sv query)
{
	struct json_member m = {.key = SV_NONE};
	struct sv rest = query;
	buf_clear(&d->mended);
	struct json j = json_new(&d->mended);
	json_object(&j);
	while (rest.ptr) {
		struct sv value, name = sv_cut(sv_cut(rest, '&', &rest), '=', &value);
		name = wire_unescape(d, name, true);
		value = wire_unescape(d, value, true);
		if (!name.len || !value.len)
			continue;
		if (!sv_utf8_valid(name, NULL) || !sv_utf8_valid(value, NULL))
			return wire_wrong(
				d, "query", "is not UTF-8", "encode texts as UTF-8 before %-encoding them");
		json_key_sv(&j, name);
		json_string(&j, value);
	}
	json_object_end(&j);
	enum rc rc = buf_check(&d->mended, &d->why, "a query string");
	if (rc == RC_OK)
		rc = json_parse_to_walk(d->parser, buf_view(&d->mended), &m.value, &d->why);
	m.raw = buf_view(&d->mended);
	return rc == RC_OK ? wire_snowplow(d, &m) : rc;
}
