// SPDX-License-Identifier: Apache-2.0
// What all wire protocols have in common: names, times and the sender's clock, identities and links, channels.
#include "listen/wire_decoder.h"

#include <stdio.h>

// --- what is wrong ---

enum rc wire_wrong(struct wire_decoder *d, const char *what, const char *is, const char *remedy)
{
	err_set(&d->why, RC_INPUT, "%s %s", what, is);
	err_remedy(&d->why, "%s", remedy);
	return d->why.rc;
}

struct sv wire_shown(struct wire_decoder *d, struct sv s)
{
	size_t n = s.len < 80 ? s.len : 80, bad;
	char text[80];
	for (size_t i = 0; i < n; i++)
		text[i] = (unsigned char)s.ptr[i] < 0x20 ? ' ' : s.ptr[i];
	if (!sv_utf8_valid((struct sv){text, n}, &bad))
		n = bad;
	return wire_keep(d, (struct sv){text, n});
}

static enum rc no_memory(struct wire_decoder *d)
{
	return err_set(&d->why, RC_NOMEM, "out of memory for a message");
}

struct sv wire_keep(struct wire_decoder *d, struct sv s)
{
	return arena_copy(d->scratch, s);
}

// --- names ---

enum rc wire_name(struct wire_decoder *d, const char *what, struct json_node n, struct sv *out)
{
	char digits[32];
	*out = SV_NONE;
	if (n.type == JSON_NONE || n.type == JSON_NULL)
		return RC_OK;
	if (n.type == JSON_OBJECT || n.type == JSON_ARRAY || n.type == JSON_BOOL)
		return wire_wrong(d, what, "is neither a text nor a number", "send it as a text");
	struct sv text = json_text(n, digits);
	if (text.ptr == digits) {
		text = wire_keep(d, text);
		if (!text.ptr)
			return no_memory(d);
	}
	if (text.len && memchr(text.ptr, 0, text.len))
		return wire_wrong(d, what, "holds a NUL character", "leave it out");
	*out = text.len ? text : SV_NONE;
	return RC_OK;
}

struct sv wire_unescape(struct wire_decoder *d, struct sv s, bool plus)
{
	char *out = arena_alloc(d->scratch, s.len + 1);
	return out ? wire_percent_decode(s, plus, out) : SV_NONE;
}

// --- times ---

static bool has_offset(struct sv s)
{
	for (size_t i = 10; i < s.len; i++) {
		char c = s.ptr[i];
		if (c == 'Z' || c == 'z' || c == '+' || c == '-')
			return true;
	}
	return false;
}

static bool iso_time(struct wire_decoder *d, struct sv text, int64_t *ms)
{
	char utc[64];
	if (text.len < 10 || text.len > 40)
		return false;
	if (text.ptr[text.len - 1] != 'Z' && !has_offset(text)) {
		const char *tail = text.len == 10 ? "T00:00Z" : "Z";
		int n = snprintf(utc, sizeof(utc), "%.*s%s", SV_ARG(text), tail);
		text = (struct sv){utc, (size_t)n};
	}
	return time_parse(d->iso, NULL, text, ms, NULL);
}

// Seconds until the year 5138, ms from 1973 on.
static bool unix_time(double v, int64_t *ms)
{
	if (!(v > -1e11 && v < 1e14))
		return false;
	*ms = (int64_t)(v < 1e11 ? v * 1000 : v);
	return true;
}

enum rc wire_time_text(struct wire_decoder *d, const char *what, struct sv text, int64_t *ms)
{
	double number;
	if (iso_time(d, text, ms) || (sv_to_double(text, &number) && unix_time(number, ms)))
		return RC_OK;
	err_set(&d->why, RC_INPUT, "%s is no time: \"%.*s\"", what, SV_ARG(wire_shown(d, text)));
	err_remedy(&d->why, "send it as 2026-03-29T14:30:00.000Z, or as Unix milliseconds");
	return d->why.rc;
}

enum rc wire_time(struct wire_decoder *d, const char *what, struct json_node n, int64_t *ms)
{
	char digits[32];
	double number;
	*ms = TIME_NONE;
	if (n.type == JSON_STRING) {
		struct sv text = json_text(n, digits);
		return text.len ? wire_time_text(d, what, text, ms) : RC_OK;
	}
	if (n.type == JSON_NONE || n.type == JSON_NULL || (json_number(n, &number) && unix_time(number, ms)))
		return RC_OK;
	return wire_wrong(
		d, what, "is no time", "send it as 2026-03-29T14:30:00.000Z, or as Unix milliseconds");
}

int64_t wire_time_or_none(struct wire_decoder *d, struct json_node n)
{
	char digits[32];
	struct sv text = json_text(n, digits);
	double number;
	int64_t ms;
	if (n.type == JSON_STRING && iso_time(d, text, &ms))
		return ms;
	return text.len && sv_to_double(text, &number) && unix_time(number, &ms) ? ms : TIME_NONE;
}

// The sender's clock is off by received − sent, less the way of the request: a small difference is only that, and
// taking it for a wrong clock would turn the order of messages that went different ways.
enum rc wire_at(struct wire_decoder *d, int64_t original_ms, int64_t sent_ms)
{
	int64_t received = d->c->received_ms, at = original_ms == TIME_NONE ? received : original_ms;
	int64_t skew = sent_ms == TIME_NONE || original_ms == TIME_NONE ? 0 : received - sent_ms;
	if (skew > WIRE_SKEW_IGNORED_MS || skew < -WIRE_SKEW_IGNORED_MS)
		at += skew;
	if (at > received + WIRE_FUTURE_MAX_MS)
		return wire_wrong(d, "timestamp", "is more than a day ahead of the time of receipt",
			"send the time that it happened at, and sentAt by the same clock");
	if (at < WIRE_PAST_MIN_MS)
		return wire_wrong(d, "timestamp", "is before 1980",
			"send it as 2026-03-29T14:30:00.000Z, or as Unix milliseconds");
	d->x.at_ms = at < received ? at : received;
	return RC_OK;
}

// --- identities ---

enum rc wire_identity(struct wire_decoder *d, const char *type, struct sv value)
{
	struct interaction *x = &d->x;
	struct sv t = sv_from(type);
	if (!value.len)
		return RC_OK;
	for (uint32_t i = 0; i < x->n_identities; i++) {
		if (sv_equal(x->identities[i].type, t) && sv_equal(x->identities[i].value, value))
			return RC_OK;
	}
	if (x->n_identities == INTERACTION_IDENTITIES_MAX)
		return wire_wrong(d, "customer", "has more than 8 identities", "send fewer");
	x->identities[x->n_identities++] = (struct identity){t, value};
	return RC_OK;
}

// An address is the same whatever the case of its letters.
static enum rc identity_email(struct wire_decoder *d, struct sv text)
{
	text = sv_trim(text);
	if (text.len < 3 || !memchr(text.ptr, '@', text.len) || memchr(text.ptr, 0, text.len))
		return RC_OK;
	bool upper = false;
	for (size_t i = 0; i < text.len; i++)
		upper |= text.ptr[i] >= 'A' && text.ptr[i] <= 'Z';
	if (upper) {
		char *to = arena_alloc(d->scratch, text.len);
		if (!to)
			return no_memory(d);
		for (size_t i = 0; i < text.len; i++) {
			bool letter = text.ptr[i] >= 'A' && text.ptr[i] <= 'Z';
			to[i] = (char)(letter ? text.ptr[i] + ('a' - 'A') : text.ptr[i]);
		}
		text.ptr = to;
	}
	return wire_identity(d, "email", text);
}

enum rc wire_identity_traits(struct wire_decoder *d, struct json_node traits)
{
	char digits[32];
	if (traits.type != JSON_OBJECT)
		return RC_OK;
	struct json_node email = json_get(traits, SV("email")), phone = json_get(traits, SV("phone"));
	enum rc rc = RC_OK;
	if (email.type == JSON_STRING)
		rc = identity_email(d, json_text(email, digits));
	if (rc != RC_OK || (phone.type != JSON_STRING && phone.type != JSON_INT))
		return rc;
	struct sv text;
	rc = wire_name(d, "phone", phone, &text);
	return rc == RC_OK ? wire_identity(d, "phone", sv_trim(text)) : rc;
}

void wire_link_add(
	struct wire_decoder *d, const char *from_type, struct sv from, const char *to_type, struct sv to)
{
	bool same = sv_equal(sv_from(from_type), sv_from(to_type)) && sv_equal(from, to);
	if (!from.len || !to.len || same || d->n_links == WIRE_LINKS_MAX)
		return;
	d->links[d->n_links++] =
		(struct wire_link){{sv_from(from_type), from}, {sv_from(to_type), to}, TIME_NONE};
}

// Where it cannot be told, both are linked: the one of them that nobody has does no harm.
void wire_link_alias(struct wire_decoder *d, struct sv previous, struct sv anonymous, struct sv user)
{
	wire_link_add(d, "anonymous", previous, "user", user);
	if (!sv_equal(previous, anonymous))
		wire_link_add(d, "user", previous, "user", user);
}

// --- channel ---

enum rc wire_channel(struct wire_decoder *d, struct json_node named, const char *hint)
{
	struct sv name;
	enum rc rc = wire_name(d, "channel", named, &name);
	if (rc != RC_OK)
		return rc;
	if (name.ptr && design_channel_find(d->c->design, name) == DESIGN_NONE) {
		err_set(&d->why, RC_INPUT, "channel is not declared in the corridor file: \"%.*s\"",
			SV_ARG(wire_shown(d, name)));
		err_remedy(&d->why, "declare it under channels:, or send one that is");
		return d->why.rc;
	}
	if (!name.ptr)
		name = d->c->channel;
	if (!name.len && hint && design_channel_find(d->c->design, sv_from(hint)) != DESIGN_NONE)
		name = sv_from(hint);
	d->x.channel = name;
	return RC_OK;
}
