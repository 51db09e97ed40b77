// SPDX-License-Identifier: Apache-2.0
// The tracking protocol of the Segment specification, as its own SDKs, RudderStack's and Jitsu's speak it. What they
// really send differs from the specification in small ways; docs/tracking.md lists them.
#include "listen/wire_decoder.h"

enum field {
	FIELD_NONE,
	FIELD_TYPE,
	FIELD_EVENT,
	FIELD_NAME,
	FIELD_CATEGORY,
	FIELD_USER,
	FIELD_ANONYMOUS,
	FIELD_PREVIOUS,
	FIELD_GROUP,
	FIELD_ID,
	FIELD_TIMESTAMP,
	FIELD_ORIGINAL,
	FIELD_SENT,
	FIELD_CHANNEL,
	FIELD_PROPERTIES,
	FIELD_TRAITS,
	FIELD_CONTEXT,
	FIELDS
};

static const struct wire_name field_names[] = {
	{"type", FIELD_TYPE},
	{"action", FIELD_TYPE}, // of old SDKs
	{"event", FIELD_EVENT},
	{"name", FIELD_NAME},
	{"category", FIELD_CATEGORY},
	{"userId", FIELD_USER},
	{"anonymousId", FIELD_ANONYMOUS},
	{"previousId", FIELD_PREVIOUS},
	{"groupId", FIELD_GROUP},
	{"messageId", FIELD_ID},
	{"timestamp", FIELD_TIMESTAMP},
	{"originalTimestamp", FIELD_ORIGINAL},
	{"sentAt", FIELD_SENT},
	{"channel", FIELD_CHANNEL},
	{"properties", FIELD_PROPERTIES},
	{"traits", FIELD_TRAITS},
	{"context", FIELD_CONTEXT},
};

// Members of the context. Those that are kept say where somebody was and what with; addresses, user agents and the
// like say nothing about an experience and much about a person.
enum part {
	PART_NONE,
	PART_KEPT,
	PART_PAGE,
	PART_APP,
	PART_DEVICE,
	PART_LIBRARY,
	PART_TRAITS,
	PART_CHANNEL,
	PART_AGENT,
	PARTS
};

static const struct wire_name part_names[] = {
	{"page", PART_PAGE},
	{"app", PART_APP},
	{"device", PART_DEVICE},
	{"library", PART_LIBRARY},
	{"traits", PART_TRAITS},
	{"channel", PART_CHANNEL},
	{"userAgent", PART_AGENT},
	{"campaign", PART_KEPT},
	{"os", PART_KEPT},
	{"locale", PART_KEPT},
	{"timezone", PART_KEPT},
	{"referrer", PART_KEPT},
	{"location", PART_KEPT},
	{"screen", PART_KEPT},
	{"groupId", PART_KEPT},
	{"sessionId", PART_KEPT},
	{"sessionStart", PART_KEPT},
};

enum type { TYPE_NONE, TYPE_TRACK, TYPE_IDENTIFY, TYPE_PAGE, TYPE_SCREEN, TYPE_GROUP, TYPE_ALIAS };

static const struct {
	const char *name, *event;
} types[] = {
	[TYPE_NONE] = {"", ""},
	[TYPE_TRACK] = {"track", NULL},
	[TYPE_IDENTIFY] = {"identify", "User Identified"},
	[TYPE_PAGE] = {"page", "Page Viewed"},
	[TYPE_SCREEN] = {"screen", "Screen Viewed"},
	[TYPE_GROUP] = {"group", "Group Identified"},
	[TYPE_ALIAS] = {"alias", "Alias Made"},
};
#define TYPES (sizeof(types) / sizeof(types[0]))

// The start of a library's name and the channel that speaks through it; the first that fits.
static const struct {
	const char *start, *channel;
} libraries[] = {
	{"analytics.js", "web"},
	{"@segment/analytics-next", "web"},
	{"@segment/analytics-react-native", "app"},
	{"@segment/analytics-node", "api"},
	{"RudderLabs JavaScript", "web"},
	{"analytics-ios", "app"},
	{"analytics-swift", "app"},
	{"analytics-android", "app"},
	{"analytics-kotlin", "app"},
	{"analytics-react-native", "app"},
	{"analytics-flutter", "app"},
	{"analytics_flutter", "app"},
	{"com.rudderstack", "app"},
	{"rudder-ios", "app"},
	{"rudder-android", "app"},
	{"analytics-", "api"},
	{"analytics_", "api"},
	{"rudder-", "api"},
};

struct message {
	enum type type;
	struct json_member field[FIELDS];
	struct json_member part[PARTS];
	struct sv user, anonymous, previous;
};

void wire_segment_keys(struct wire_decoder *d)
{
	wire_keys_fill(&d->segment, field_names, sizeof(field_names) / sizeof(field_names[0]));
	wire_keys_fill(&d->context, part_names, sizeof(part_names) / sizeof(part_names[0]));
}

static void fields_read(struct wire_decoder *d, struct message *s, const struct json_member *message)
{
	struct json_member m[WIRE_MEMBERS];
	struct json_walk w = json_walk(message->value);
	for (uint32_t n; (n = json_walk_next(&w, m, WIRE_MEMBERS)) > 0;) {
		for (uint32_t i = 0; i < n; i++) {
			uint32_t code = wire_keys_find(&d->segment, m[i].key);
			if (code)
				s->field[code] = m[i];
		}
	}
}

static enum rc type_of(struct wire_decoder *d, struct message *s)
{
	char digits[32];
	if (d->kind != WIRE_SEGMENT_BATCH) {
		s->type = (enum type)(d->kind - WIRE_SEGMENT_TRACK + TYPE_TRACK);
		return RC_OK;
	}
	struct json_node n = s->field[FIELD_TYPE].value;
	struct sv name = n.type == JSON_STRING ? json_text(n, digits) : SV_NONE;
	for (size_t i = 1; i < TYPES && name.len; i++) {
		if (sv_equal(name, sv_from(types[i].name))) {
			s->type = (enum type)i;
			return RC_OK;
		}
	}
	err_set(&d->why, RC_INPUT, name.len ? "type is not known: \"%.*s\"" : "type is missing%.*s",
		SV_ARG(name.len ? wire_shown(d, name) : SV_NONE));
	err_remedy(&d->why, "send track, identify, page, screen, group or alias");
	return d->why.rc;
}

static enum rc event_of(struct wire_decoder *d, const struct message *s)
{
	if (types[s->type].event) {
		d->x.event = sv_from(types[s->type].event);
		return RC_OK;
	}
	enum rc rc = wire_name(d, "event", s->field[FIELD_EVENT].value, &d->x.event);
	if (rc == RC_OK && !d->x.event.len)
		rc = wire_wrong(
			d, "event", "is missing", "send the name of what happened with every track call");
	return rc;
}

// --- who ---

static enum rc who(struct wire_decoder *d, struct message *s)
{
	enum rc rc = wire_name(d, "userId", s->field[FIELD_USER].value, &s->user);
	if (rc == RC_OK)
		rc = wire_name(d, "anonymousId", s->field[FIELD_ANONYMOUS].value, &s->anonymous);
	if (rc == RC_OK && s->type == TYPE_ALIAS)
		rc = wire_name(d, "previousId", s->field[FIELD_PREVIOUS].value, &s->previous);
	if (rc == RC_OK)
		rc = wire_identity(d, "user", s->user);
	if (rc == RC_OK)
		rc = wire_identity(d, "anonymous", s->anonymous);
	if (rc != RC_OK)
		return rc;
	if (!d->x.n_identities)
		return wire_wrong(d, "userId", "and anonymousId are missing", "send one of them");
	if (s->type == TYPE_ALIAS && (!s->user.len || !s->previous.len))
		return wire_wrong(d, "alias", "needs previousId and userId", "send both");
	// Of a group, the traits are the group's.
	if (s->type == TYPE_IDENTIFY)
		rc = wire_identity_traits(d, s->field[FIELD_TRAITS].value);
	if (rc == RC_OK)
		rc = wire_identity_traits(d, s->part[PART_TRAITS].value);
	if (s->type == TYPE_ALIAS)
		wire_link_alias(d, s->previous, s->anonymous, s->user);
	else
		wire_link_add(d, "anonymous", s->anonymous, "user", s->user);
	return rc;
}

// --- the context ---

static bool is_kept(const struct wire_decoder *d, const struct message *s, uint32_t part)
{
	// A page call says the same in its properties.
	if (part == PART_PAGE)
		return s->type != TYPE_PAGE || !(d->found.seen & 1u << ROLE_URL);
	return part == PART_KEPT || part == PART_APP || part == PART_DEVICE;
}

static bool is_empty(const struct json_member *m)
{
	return m->value.type == JSON_NULL || (m->value.type == JSON_OBJECT && m->raw.len == 2);
}

// Reads the context, and writes what is kept of it.
static enum rc context_read(struct wire_decoder *d, struct message *s)
{
	struct json_node context = s->field[FIELD_CONTEXT].value;
	struct json_member m[WIRE_MEMBERS];
	bool write = !(d->found.seen & 1u << ROLE_CONTEXT), any = false;
	enum rc rc = RC_OK;
	if (context.type != JSON_OBJECT)
		context = d->context_of;
	struct json_walk w = json_walk(context);
	for (uint32_t n; rc == RC_OK && (n = json_walk_next(&w, m, WIRE_MEMBERS)) > 0;) {
		for (uint32_t i = 0; rc == RC_OK && i < n; i++) {
			uint32_t part = wire_keys_find(&d->context, m[i].key);
			s->part[part] = m[i];
			if (!write || !is_kept(d, s, part) || is_empty(&m[i]))
				continue;
			if (!any)
				wire_property_put(d, "context", SV("{"));
			else
				buf_char(&d->properties, ',');
			buf_sv(&d->properties, m[i].member);
			rc = wire_property_inside(d, SV("context"), m[i].key, m[i].value);
			any = true;
		}
	}
	if (any)
		buf_char(&d->properties, '}');
	return rc;
}

static const char *hint_of(const struct message *s)
{
	char digits[32];
	struct json_node library = s->part[PART_LIBRARY].value;
	struct sv name = json_text(json_get(library, SV("name")), digits);
	if (sv_equal(name, SV("@jitsu/js")))
		return sv_equal(json_text(json_get(library, SV("env")), digits), SV("node")) ? "api" : "web";
	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]) && name.len; i++) {
		if (sv_starts(name, sv_from(libraries[i].start)))
			return libraries[i].channel;
	}
	if (s->type == TYPE_SCREEN || s->part[PART_DEVICE].value.type == JSON_OBJECT)
		return "app";
	return s->type == TYPE_PAGE || s->part[PART_AGENT].value.type == JSON_STRING ? "web" : "api";
}

// RudderStack's SDKs set `channel` themselves, to web, mobile or server: a hint, unless the corridor has such a one.
static enum rc channel_of(struct wire_decoder *d, const struct message *s)
{
	char digits[32];
	struct json_node named = s->part[PART_CHANNEL].value;
	struct json_node own = s->field[FIELD_CHANNEL].value;
	const char *hint = NULL;
	if (named.type == JSON_NONE && own.type == JSON_STRING) {
		struct sv name = json_text(own, digits);
		if (design_channel_find(d->c->design, name) != DESIGN_NONE && !d->c->channel.len)
			named = own;
		hint = sv_equal(name, SV("mobile")) ? "app" : sv_equal(name, SV("server")) ? "api" : NULL;
	}
	return wire_channel(d, named, hint ? hint : hint_of(s));
}

// --- properties ---

static void put_unless_seen(struct wire_decoder *d, enum wire_role_kind role, const char *name,
	const struct json_member *m, enum rc *rc)
{
	if (*rc != RC_OK || d->found.seen & 1u << role || m->value.type == JSON_NONE ||
		m->value.type == JSON_NULL)
		return;
	wire_property_put(d, name, m->raw);
	*rc = wire_property(d, sv_from(name), m->value);
}

static enum rc properties_of(struct wire_decoder *d, struct message *s)
{
	const struct json_member *properties = &s->field[FIELD_PROPERTIES], *traits = &s->field[FIELD_TRAITS];
	enum rc rc = RC_OK;
	if (properties->value.type == JSON_OBJECT)
		rc = wire_properties(d, properties);
	else if (properties->value.type != JSON_NONE && properties->value.type != JSON_NULL)
		return wire_wrong(d, "properties", "is no object", "send {} or leave it out");
	if (traits->value.type != JSON_OBJECT && traits->value.type != JSON_NONE &&
		traits->value.type != JSON_NULL)
		return wire_wrong(d, "traits", "is no object", "send {} or leave it out");
	if (s->type == TYPE_PAGE || s->type == TYPE_SCREEN) {
		put_unless_seen(d, ROLE_NAME, "name", &s->field[FIELD_NAME], &rc);
		put_unless_seen(d, ROLE_CATEGORY, "category", &s->field[FIELD_CATEGORY], &rc);
	}
	if (s->type == TYPE_GROUP)
		put_unless_seen(d, ROLE_KINDS, "groupId", &s->field[FIELD_GROUP], &rc);
	if (s->type == TYPE_ALIAS)
		put_unless_seen(d, ROLE_KINDS, "previousId", &s->field[FIELD_PREVIOUS], &rc);
	put_unless_seen(d, ROLE_TRAITS, "traits", is_empty(traits) ? &s->field[FIELD_NONE] : traits, &rc);
	return rc;
}

enum rc wire_segment(struct wire_decoder *d, const struct json_member *message)
{
	struct message s = {.type = TYPE_NONE};
	int64_t original, explicit_ms;
	if (message->value.type != JSON_OBJECT)
		return wire_wrong(d, "message", "is no object", "send an object with type, event, userId …");
	fields_read(d, &s, message);
	enum rc rc = type_of(d, &s);
	if (rc == RC_OK)
		rc = event_of(d, &s);
	if (rc == RC_OK)
		rc = properties_of(d, &s);
	if (rc == RC_OK)
		rc = context_read(d, &s);
	if (rc == RC_OK)
		rc = who(d, &s);
	if (rc == RC_OK)
		rc = channel_of(d, &s);
	if (rc == RC_OK)
		rc = wire_name(d, "messageId", s.field[FIELD_ID].value, &d->x.id);
	if (rc == RC_OK)
		rc = wire_time(d, "timestamp", s.field[FIELD_TIMESTAMP].value, &explicit_ms);
	if (rc == RC_OK)
		rc = wire_time(d, "originalTimestamp", s.field[FIELD_ORIGINAL].value, &original);
	if (rc != RC_OK)
		return rc;
	int64_t sent = d->sent_ms != TIME_NONE ? d->sent_ms : wire_time_or_none(d, s.field[FIELD_SENT].value);
	return wire_at(d, explicit_ms != TIME_NONE ? explicit_ms : original, sent);
}
