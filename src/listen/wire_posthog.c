// SPDX-License-Identifier: Apache-2.0
// PostHog's capture protocol, as its SDKs for servers (a batch) and browsers (one event or a list) speak it. What
// PostHog itself adds to an event starts with "$"; of that, only what says where somebody was is kept.
#include "listen/wire_decoder.h"

enum field {
	FIELD_NONE,
	FIELD_EVENT,
	FIELD_USER,
	FIELD_ID,
	FIELD_TIMESTAMP,
	FIELD_OFFSET,
	FIELD_PROPERTIES,
	// Of the properties:
	FIELD_KEPT,
	FIELD_DEVICE,
	FIELD_STATE,
	FIELD_IDENTIFIED,
	FIELD_ANONYMOUS,
	FIELD_ALIAS,
	FIELD_SET,
	FIELD_LIBRARY,
	FIELD_GROUP_TYPE,
	FIELD_GROUP_KEY,
	FIELDS
};

static const struct wire_name names[] = {
	{"event", FIELD_EVENT},
	{"distinct_id", FIELD_USER},
	{"$distinct_id", FIELD_USER},
	{"uuid", FIELD_ID},
	{"$insert_id", FIELD_ID},
	{"timestamp", FIELD_TIMESTAMP},
	{"offset", FIELD_OFFSET},
	{"properties", FIELD_PROPERTIES},
	{"$set", FIELD_SET},
	{"$device_id", FIELD_DEVICE},
	{"$user_state", FIELD_STATE},
	{"$is_identified", FIELD_IDENTIFIED},
	{"$anon_distinct_id", FIELD_ANONYMOUS},
	{"alias", FIELD_ALIAS},
	{"$lib", FIELD_LIBRARY},
	{"$group_type", FIELD_GROUP_TYPE},
	{"$group_key", FIELD_GROUP_KEY},
	{"$current_url", FIELD_KEPT},
	{"$host", FIELD_KEPT},
	{"$pathname", FIELD_KEPT},
	{"$referrer", FIELD_KEPT},
	{"$referring_domain", FIELD_KEPT},
	{"$screen_name", FIELD_KEPT},
	{"$session_id", FIELD_KEPT},
	{"$device_type", FIELD_KEPT},
	{"$os", FIELD_KEPT},
	{"$browser", FIELD_KEPT},
	{"$groups", FIELD_KEPT},
	{"$group_set", FIELD_KEPT},
};

static const struct {
	const char *name, *event;
} events[] = {
	{"$pageview", "Page Viewed"},
	{"$pageleave", "Page Left"},
	{"$screen", "Screen Viewed"},
	{"$identify", "User Identified"},
	{"$set", "User Identified"},
	{"$groupidentify", "Group Identified"},
	{"$create_alias", "Alias Made"},
};

struct message {
	struct json_member field[FIELDS];
};

void wire_posthog_keys(struct wire_decoder *d)
{
	wire_keys_fill(&d->posthog, names, sizeof(names) / sizeof(names[0]));
}

static void fields_read(struct wire_decoder *d, struct message *s, const struct json_member *message)
{
	struct json_member m[WIRE_MEMBERS];
	struct json_walk w = json_walk(message->value);
	for (uint32_t n; (n = json_walk_next(&w, m, WIRE_MEMBERS)) > 0;) {
		for (uint32_t i = 0; i < n; i++) {
			uint32_t code = wire_keys_find(&d->posthog, m[i].key);
			if (code && (code <= FIELD_PROPERTIES || code == FIELD_SET))
				s->field[code] = m[i];
		}
	}
}

static bool is_protocol(uint32_t code, struct sv key)
{
	return (code && code != FIELD_KEPT) || (key.len && key.ptr[0] == '$' && !code);
}

static enum rc properties_read(struct wire_decoder *d, struct message *s)
{
	struct json_member m[WIRE_MEMBERS];
	struct json_node properties = s->field[FIELD_PROPERTIES].value;
	if (properties.type != JSON_OBJECT && properties.type != JSON_NONE && properties.type != JSON_NULL)
		return wire_wrong(d, "properties", "is no object", "send {} or leave it out");
	struct json_walk w = json_walk(properties);
	enum rc rc = RC_OK;
	for (uint32_t n; rc == RC_OK && (n = json_walk_next(&w, m, WIRE_MEMBERS)) > 0;) {
		for (uint32_t i = 0; rc == RC_OK && i < n; i++) {
			uint32_t code = wire_keys_find(&d->posthog, m[i].key);
			// "event", "offset" … mean something beside the properties only
			bool outside =
				code && code <= FIELD_PROPERTIES && code != FIELD_USER && code != FIELD_ID;
			code = outside ? FIELD_NONE : code;
			if (code && s->field[code].value.type == JSON_NONE)
				s->field[code] = m[i];
			if (is_protocol(code, m[i].key))
				continue;
			wire_property_put_member(d, m[i].member);
			rc = wire_property(d, m[i].key, m[i].value);
		}
	}
	const struct json_member *set = &s->field[FIELD_SET];
	if (rc == RC_OK && set->value.type == JSON_OBJECT && set->raw.len > 2 &&
		!(d->found.seen & 1u << ROLE_TRAITS)) {
		wire_property_put(d, "traits", set->raw);
		rc = wire_property(d, SV("traits"), set->value);
	}
	return rc;
}

static enum rc event_of(struct wire_decoder *d, const struct message *s)
{
	enum rc rc = wire_name(d, "event", s->field[FIELD_EVENT].value, &d->x.event);
	if (rc == RC_OK && !d->x.event.len)
		rc = wire_wrong(d, "event", "is missing", "send the name of what happened with every event");
	for (size_t i = 0; rc == RC_OK && i < sizeof(events) / sizeof(events[0]); i++) {
		if (sv_equal(d->x.event, sv_from(events[i].name))) {
			d->x.event = sv_from(events[i].event);
			break;
		}
	}
	return rc;
}

static struct sv text_of(const struct json_member *m)
{
	char digits[32];
	return m->value.type == JSON_STRING ? json_text(m->value, digits) : SV_NONE;
}

// Browsers use the number of the device as a name until somebody logs in.
static bool is_anonymous(const struct message *s, struct sv name)
{
	char digits[32];
	struct json_node identified = s->field[FIELD_IDENTIFIED].value;
	if (sv_equal(text_of(&s->field[FIELD_STATE]), SV("anonymous")))
		return true;
	if (identified.type == JSON_BOOL)
		return json_text(identified, digits).len != 4;
	return name.len && sv_equal(text_of(&s->field[FIELD_DEVICE]), name);
}

static enum rc who(struct wire_decoder *d, const struct message *s)
{
	struct sv name;
	enum rc rc = wire_name(d, "distinct_id", s->field[FIELD_USER].value, &name);
	if (rc == RC_OK && !name.len)
		rc = wire_wrong(d, "distinct_id", "is missing", "send it with every event");
	if (rc != RC_OK)
		return rc;
	struct sv type = text_of(&s->field[FIELD_GROUP_TYPE]), key = text_of(&s->field[FIELD_GROUP_KEY]);
	bool synthetic = type.len && key.len && name.len == type.len + key.len + 2 && name.ptr[0] == '$' &&
			 sv_starts((struct sv){name.ptr + 1, name.len - 1}, type) && sv_ends(name, key);
	if (synthetic) // what happens to a group happens to no person
		return wire_identity(d, "group", (struct sv){name.ptr + 1, name.len - 1});
	bool anonymous = is_anonymous(s, name);
	rc = wire_identity(d, anonymous ? "anonymous" : "user", name);
	if (rc == RC_OK && sv_equal(d->x.event, SV("User Identified"))) {
		rc = wire_identity_traits(d, s->field[FIELD_SET].value);
		if (!anonymous)
			wire_link_add(d, "anonymous", text_of(&s->field[FIELD_ANONYMOUS]), "user", name);
	} else if (sv_equal(d->x.event, SV("Alias Made"))) {
		wire_link_alias(d, text_of(&s->field[FIELD_ALIAS]), SV_NONE, name);
	}
	return rc;
}

static const char *hint_of(const struct message *s)
{
	struct sv library = text_of(&s->field[FIELD_LIBRARY]);
	if (sv_equal(library, SV("web")) || sv_equal(library, SV("js")))
		return "web";
	bool mobile = sv_equal(library, SV("posthog-ios")) || sv_equal(library, SV("posthog-android")) ||
		      sv_equal(library, SV("posthog-flutter")) || sv_equal(library, SV("posthog-react-native"));
	return mobile ? "app" : "api";
}

enum rc wire_posthog(struct wire_decoder *d, const struct json_member *message)
{
	struct message s = {0};
	double offset;
	int64_t at;
	if (message->value.type != JSON_OBJECT)
		return wire_wrong(d, "event", "is no object", "send an object with event, distinct_id …");
	fields_read(d, &s, message);
	enum rc rc = event_of(d, &s);
	if (rc == RC_OK)
		rc = properties_read(d, &s);
	if (rc == RC_OK)
		rc = who(d, &s);
	if (rc == RC_OK)
		rc = wire_channel(d, (struct json_node){0}, hint_of(&s));
	if (rc == RC_OK)
		rc = wire_name(d, "uuid", s.field[FIELD_ID].value, &d->x.id);
	if (rc == RC_OK)
		rc = wire_time(d, "timestamp", s.field[FIELD_TIMESTAMP].value, &at);
	if (rc != RC_OK)
		return rc;
	// Browsers may send how many milliseconds ago it was instead.
	if (at == TIME_NONE && json_number(s.field[FIELD_OFFSET].value, &offset) && offset >= 0 &&
		offset < 1e12)
		return wire_at(d, d->c->received_ms - (int64_t)offset, TIME_NONE);
	return wire_at(d, at, d->sent_ms);
}
