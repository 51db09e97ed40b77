// SPDX-License-Identifier: Apache-2.0
// The native form: interactions field by field. Strict, so that a mistake is told at once instead of being found in
// the numbers later: what is not known is refused, and nothing is converted or guessed.
#include "listen/wire_decoder.h"

#include <math.h>

enum field {
	FIELD_NONE,
	FIELD_ID,
	FIELD_CUSTOMER,
	FIELD_AT,
	FIELD_EVENT,
	FIELD_CHANNEL,
	FIELD_SOURCE,
	FIELD_AGENT,
	FIELD_LOCATION,
	FIELD_MEASURES,
	FIELD_PROMISE,
	FIELD_KEEPS,
	FIELD_TEXT,
	FIELD_PROPERTIES,
	FIELDS
};

static const struct wire_name names[] = {
	{"id", FIELD_ID},
	{"customer", FIELD_CUSTOMER},
	{"at", FIELD_AT},
	{"event", FIELD_EVENT},
	{"channel", FIELD_CHANNEL},
	{"source", FIELD_SOURCE},
	{"agent", FIELD_AGENT},
	{"location", FIELD_LOCATION},
	{"measures", FIELD_MEASURES},
	{"promise", FIELD_PROMISE},
	{"keeps", FIELD_KEEPS},
	{"text", FIELD_TEXT},
	{"properties", FIELD_PROPERTIES},
};
#define NAMES (sizeof(names) / sizeof(names[0]))

// Fields of an interaction that nobody sends.
static const struct {
	const char *name, *remedy;
} found[] = {
	{"touchpoint", "leave it out: the match rules of the corridor file find it"},
	{"stage", "leave it out: it follows from the touch point"},
	{"owner", "leave it out: it follows from the touch point"},
	{"received", "leave it out: it is the time of the request"},
};

void wire_native_keys(struct wire_decoder *d)
{
	wire_keys_fill(&d->native, names, NAMES);
}

static enum rc unknown_field(struct wire_decoder *d, struct sv key)
{
	unsigned best = 3;
	const char *near = NULL;
	if (sv_equal(key, SV("interactions")))
		return wire_wrong(d, "interactions", "is no list, or stands beside others",
			"send {\"interactions\": [{…}, {…}]}, or one interaction");
	for (size_t i = 0; i < sizeof(found) / sizeof(found[0]); i++) {
		if (sv_equal(key, sv_from(found[i].name)))
			return wire_wrong(d, found[i].name, "cannot be sent", found[i].remedy);
	}
	for (size_t i = 0; i < NAMES && key.len < 40; i++) {
		unsigned distance = sv_distance(key, sv_from(names[i].name));
		if (distance < best) {
			best = distance;
			near = names[i].name;
		}
	}
	err_set(&d->why, RC_INPUT, "an interaction has no such field: \"%.*s\"", SV_ARG(wire_shown(d, key)));
	if (near)
		err_remedy(&d->why, "did you mean \"%s\"?", near);
	else
		err_remedy(&d->why, "put it into \"properties\"");
	return d->why.rc;
}

static bool is_given(struct json_node n)
{
	return n.type != JSON_NONE && n.type != JSON_NULL;
}

// A field that is a text; numbers are not, so that 007 and 7 stay apart.
static enum rc text_field(struct wire_decoder *d, const char *what, struct json_node n, struct sv *out)
{
	*out = SV_NONE;
	if (is_given(n) && n.type != JSON_STRING)
		return wire_wrong(d, what, "is no text", "send it as a JSON string");
	return wire_name(d, what, n, out);
}

static enum rc required_text(struct wire_decoder *d, const char *what, struct json_node n, struct sv *out)
{
	enum rc rc = text_field(d, what, n, out);
	if (rc == RC_OK && !out->len)
		rc = wire_wrong(
			d, what, "is missing", "every interaction has id or content, customer, at and event");
	return rc;
}

// --- customer ---

static enum rc bad_customer(struct wire_decoder *d)
{
	return wire_wrong(d, "customer", "is no list of identities",
		"send {\"user\": \"u-17\", \"email\": \"ann@example.com\"}, or [{\"type\": \"user\", "
		"\"value\": \"u-17\"}]");
}

static enum rc identity_add(struct wire_decoder *d, struct sv type, struct json_node value)
{
	struct sv text;
	struct interaction *x = &d->x;
	enum rc rc = required_text(d, "value of an identity", value, &text);
	if (rc != RC_OK)
		return rc;
	if (!type.len || memchr(type.ptr, ':', type.len) || memchr(type.ptr, 0, type.len))
		return wire_wrong(
			d, "type of an identity", "is empty or holds a colon", "name it like user or email");
	if (x->n_identities == INTERACTION_IDENTITIES_MAX)
		return wire_wrong(d, "customer", "has more than 8 identities", "send fewer");
	x->identities[x->n_identities++] = (struct identity){type, text};
	return RC_OK;
}

static enum rc customer_of(struct wire_decoder *d, struct json_node n)
{
	enum rc rc = RC_OK;
	if (!is_given(n))
		return wire_wrong(d, "customer", "is missing", "send {\"user\": \"u-17\"} or another identity");
	if (n.type != JSON_OBJECT && n.type != JSON_ARRAY)
		return bad_customer(d);
	for (struct json_iter it = json_iter(n); rc == RC_OK && json_next(&it);) {
		if (n.type == JSON_OBJECT) {
			rc = identity_add(d, it.key, it.value);
			continue;
		}
		struct sv type;
		if (it.value.type != JSON_OBJECT)
			return bad_customer(d);
		rc = required_text(d, "type of an identity", json_get(it.value, SV("type")), &type);
		if (rc == RC_OK)
			rc = identity_add(d, type, json_get(it.value, SV("value")));
	}
	return rc == RC_OK && !d->x.n_identities ? bad_customer(d) : rc;
}

// --- time ---

static enum rc time_field(struct wire_decoder *d, const char *what, struct json_node n, int64_t *ms)
{
	char digits[32];
	struct sv text = json_text(n, digits);
	if (n.type == JSON_STRING && (text.len < 12 || (!memchr(text.ptr + 10, 'Z', text.len - 10) &&
							       !memchr(text.ptr + 10, '+', text.len - 10) &&
							       !memchr(text.ptr + 10, '-', text.len - 10)))) {
		err_set(&d->why, RC_INPUT, "%s has no time of day or no offset from UTC: \"%.*s\"", what,
			SV_ARG(wire_shown(d, text)));
		err_remedy(&d->why, "send it as 2026-03-29T14:30:00+02:00, or as Unix milliseconds");
		return d->why.rc;
	}
	return wire_time(d, what, n, ms);
}

// --- measures ---

static enum rc measure_add(struct wire_decoder *d, struct sv name, struct json_node n)
{
	const struct design *design = d->c->design;
	uint32_t measure = design_measure_find(design, name);
	double value;
	if (n.type == JSON_NULL)
		return RC_OK;
	if (measure == DESIGN_NONE) {
		err_set(&d->why, RC_INPUT, "measure is not declared in the corridor file: \"%.*s\"",
			SV_ARG(wire_shown(d, name)));
		err_remedy(&d->why, "declare it under measures:, or put it into \"properties\"");
		return d->why.rc;
	}
	const struct design_measure *m = &design->measures[measure];
	if (!json_number(n, &value)) {
		err_set(&d->why, RC_INPUT, "measure %.*s is no number", SV_ARG(m->name));
		err_remedy(&d->why, "send a JSON number in the measure's unit (%.*s)", SV_ARG(m->unit));
		return d->why.rc;
	}
	if (d->found.measures >> measure & 1) {
		err_set(&d->why, RC_INPUT, "measure %.*s is given twice", SV_ARG(m->name));
		err_remedy(&d->why, "send it once");
		return d->why.rc;
	}
	if (value >= m->min && value <= m->max) {
		wire_measure(d, measure, value);
		return RC_OK;
	}
	err_set(&d->why, RC_INPUT, "measure %.*s is %g, outside its range of %g to %g", SV_ARG(m->name), value,
		m->min, m->max);
	err_remedy(&d->why, "correct the value, or the range in the corridor file");
	return d->why.rc;
}

static enum rc measures_of(struct wire_decoder *d, struct json_node n)
{
	enum rc rc = RC_OK;
	if (is_given(n) && n.type != JSON_OBJECT)
		return wire_wrong(d, "measures", "is no object", "send {\"nps\": 9}");
	for (struct json_iter it = json_iter(n); rc == RC_OK && json_next(&it);)
		rc = measure_add(d, it.key, it.value);
	return rc;
}

// --- promise ---

static enum rc promise_of(struct wire_decoder *d, struct json_node n)
{
	if (!is_given(n))
		return RC_OK;
	struct json_node id = json_get(n, SV("id")), keeps = json_get(n, SV("keeps")),
			 due = json_get(n, SV("due"));
	if (n.type != JSON_OBJECT || is_given(id) == is_given(keeps))
		return wire_wrong(d, "promise", "is neither made nor kept",
			"send {\"id\": \"p-1\", \"due\": \"2026-03-29T18:00:00Z\"}, or {\"keeps\": \"p-1\"}");
	for (struct json_iter it = json_iter(n); json_next(&it);) {
		if (!sv_equal(it.key, SV("id")) && !sv_equal(it.key, SV("keeps")) &&
			!sv_equal(it.key, SV("due")))
			return wire_wrong(
				d, "promise", "has a field that is not known", "it has id and due, or keeps");
	}
	if (is_given(keeps))
		return required_text(d, "promise.keeps", keeps, &d->x.keeps);
	enum rc rc = required_text(d, "promise.id", id, &d->x.promise);
	return rc == RC_OK && is_given(due) ? time_field(d, "promise.due", due, &d->x.due_ms) : rc;
}

// --- the whole ---

static enum rc texts_of(struct wire_decoder *d, const struct json_member *field)
{
	const struct {
		enum field field;
		struct sv *out;
	} texts[] = {{FIELD_ID, &d->x.id}, {FIELD_AGENT, &d->x.agent}, {FIELD_LOCATION, &d->x.location},
		{FIELD_KEEPS, &d->x.keeps}, {FIELD_TEXT, &d->x.text}};
	enum rc rc = required_text(d, "event", field[FIELD_EVENT].value, &d->x.event);
	for (size_t i = 0; rc == RC_OK && i < sizeof(texts) / sizeof(texts[0]); i++)
		rc = text_field(d, names[texts[i].field - 1].name, field[texts[i].field].value, texts[i].out);
	struct sv source;
	if (rc == RC_OK)
		rc = text_field(d, "source", field[FIELD_SOURCE].value, &source);
	if (rc != RC_OK || !source.len)
		return rc;
	if (d->c->source.len && !sv_equal(source, d->c->source))
		return wire_wrong(
			d, "source", "is not that of the key", "leave it out, or use the key of that source");
	d->x.source = source;
	return RC_OK;
}

static enum rc properties_of(struct wire_decoder *d, const struct json_member *m)
{
	enum rc rc = RC_OK;
	if (is_given(m->value) && m->value.type != JSON_OBJECT)
		return wire_wrong(d, "properties", "is no object", "send {} or leave it out");
	// Only paths are read here: measures and the like have fields of their own.
	for (struct json_iter it = json_iter(m->value); rc == RC_OK && json_next(&it);)
		rc = wire_property_paths(d, it.key, it.value);
	if (m->value.type == JSON_OBJECT && m->raw.len > 2)
		wire_property_put_members(d, m->raw);
	return rc;
}

enum rc wire_native(struct wire_decoder *d, const struct json_member *message)
{
	struct json_member m[WIRE_MEMBERS], field[FIELDS] = {0};
	int64_t at = TIME_NONE;
	if (message->value.type != JSON_OBJECT)
		return wire_wrong(
			d, "interaction", "is no object", "send an object with event, customer, at …");
	struct json_walk w = json_walk(message->value);
	for (uint32_t n; (n = json_walk_next(&w, m, WIRE_MEMBERS)) > 0;) {
		for (uint32_t i = 0; i < n; i++) {
			uint32_t code = wire_keys_find(&d->native, m[i].key);
			if (!code)
				return unknown_field(d, m[i].key);
			if (field[code].raw.ptr)
				return wire_wrong(d, names[code - 1].name, "is given twice", "send it once");
			field[code] = m[i];
		}
	}
	enum rc rc = texts_of(d, field);
	if (rc == RC_OK)
		rc = customer_of(d, field[FIELD_CUSTOMER].value);
	if (rc == RC_OK && !is_given(field[FIELD_AT].value))
		rc = wire_wrong(d, "at", "is missing", "send when it happened, as 2026-03-29T14:30:00+02:00");
	if (rc == RC_OK)
		rc = time_field(d, "at", field[FIELD_AT].value, &at);
	if (rc == RC_OK)
		rc = wire_at(d, at, TIME_NONE);
	if (rc == RC_OK)
		rc = text_field(d, "channel", field[FIELD_CHANNEL].value, &d->x.channel);
	if (rc == RC_OK)
		rc = wire_channel(d, field[FIELD_CHANNEL].value, NULL);
	if (rc == RC_OK)
		rc = measures_of(d, field[FIELD_MEASURES].value);
	if (rc == RC_OK)
		rc = promise_of(d, field[FIELD_PROMISE].value);
	return rc == RC_OK ? properties_of(d, &field[FIELD_PROPERTIES]) : rc;
}
