// SPDX-License-Identifier: Apache-2.0
// What the decoders of wire protocols share: the decoder's memory, tables of keys, and the parts that all protocols
// have in common (identities, times, properties).
//
// The path of a message: wire.c finds it in the body and hands it to the protocol's function, which fills d->x; the
// properties' text is put together once in d->properties; what match rules, dimensions and measures read is looked up
// in one table while the members are walked. Texts that are not views into the parsed body live in d->scratch until
// the message is done.
#ifndef CORRIDOR_LISTEN_WIRE_DECODER_H
#define CORRIDOR_LISTEN_WIRE_DECODER_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "listen/wire.h"

#define WIRE_MAGIC 0x77697265u
#define WIRE_MEMBERS 32u         // walked at a time
#define WIRE_LINKS_MAX 4u        // of one message
#define WIRE_LINKS_SEEN 64u      // remembered of a body
#define WIRE_MESSAGES_MAX 65536u // of a body
#define WIRE_KEY_MAX 256u

// --- wire_keys.c: names to small numbers ---

#define WIRE_KEYS_SLOTS 512u

struct wire_keys {
	struct sv names[WIRE_KEYS_SLOTS]; // ptr NULL = free
	uint16_t codes[WIRE_KEYS_SLOTS];
	uint32_t n;
};
struct wire_name {
	const char *name;
	uint16_t code; // from 1
};

// The code of a name, 0 when it has none.
uint32_t wire_keys_find(const struct wire_keys *k, struct sv name);
// False when the table is full. A name that is there already keeps its code.
bool wire_keys_add(struct wire_keys *k, struct sv name, uint32_t code);
void wire_keys_fill(struct wire_keys *k, const struct wire_name *names, size_t n);

// What a property feeds.
enum wire_role_kind {
	ROLE_PATH,    // index into design->paths, rest = path inside the property
	ROLE_MEASURE, // index into design->measures
	ROLE_AMOUNT,  // index = rank: a lower one wins
	ROLE_CURRENCY,
	ROLE_AGENT,
	ROLE_LOCATION,
	ROLE_TEXT, // index = rank
	ROLE_PROMISE,
	ROLE_KEEPS,
	ROLE_TRAITS,  // the property stands where ours would go
	ROLE_CONTEXT, // the same
	ROLE_NAME,
	ROLE_CATEGORY,
	ROLE_URL,
	ROLE_KINDS
};
struct wire_role {
	enum wire_role_kind kind;
	uint32_t index;
	struct sv rest;
	uint32_t next; // further role of the same name, 0 = none
};

#define WIRE_ROLES_MAX 256u

struct wire_roles {
	const struct design *design;
	uint64_t design_hash;
	struct wire_keys keys; // name → number of its first role
	struct wire_role roles[WIRE_ROLES_MAX];
	uint32_t n;      // role 0 is not used
	uint32_t amount; // the measure of that name
};

// Makes the table of a design, unless it is made.
enum rc wire_roles_make(struct wire_roles *r, const struct design *d, struct err *e);

// --- the decoder ---

#define WIRE_AMOUNTS 4u

// What the properties of the message in hand have given so far.
struct wire_found {
	double amounts[WIRE_AMOUNTS];
	uint32_t has_amount; // bits
	struct sv currency;
	uint32_t text_rank; // of x.text
	uint64_t measures;  // bits: given
	uint64_t exact;     // bits: paths that a property of the whole name has given
	uint32_t seen;      // bits of enum wire_role_kind
	uint32_t n_written; // members in d->properties
};

struct wire_decoder {
	uint32_t magic;
	struct json_parser *parser, *inner; // of the body, of JSON in texts
	struct time_format *iso;
	struct arena *scratch; // of a message
	struct buf properties;
	struct buf mended; // a message with its lone surrogates replaced
	struct wire_keys segment, context, library, posthog, snowplow, cloudevent, native;
	struct wire_roles roles;
	// The body in hand:
	const struct wire_context *c;
	const struct wire_sink *sink;
	struct wire_result *result;
	enum wire_kind kind;
	int64_t sent_ms;             // TIME_NONE: not said
	struct json_node context_of; // that messages without one have (batch)
	struct sv parsed;            // the body that wire_key has parsed, SV_NONE = none
	struct json_node parsed_root;
	char key[WIRE_KEY_MAX];
	uint64_t links_seen[WIRE_LINKS_SEEN];
	// The message in hand:
	struct interaction x;
	struct wire_found found;
	struct wire_link links[WIRE_LINKS_MAX];
	uint32_t n_links;
	char digits[DESIGN_PATHS_MAX][32];
	struct err why;
};

// A protocol: fills d->x from one message. RC_INPUT: rejected, d->why says why.
typedef enum rc wire_message(struct wire_decoder *d, const struct json_member *message);

// The protocols: a wire_message each.
enum rc wire_segment(struct wire_decoder *d, const struct json_member *message);
enum rc wire_posthog(struct wire_decoder *d, const struct json_member *message);
enum rc wire_snowplow(struct wire_decoder *d, const struct json_member *message);
enum rc wire_cloudevent(struct wire_decoder *d, const struct json_member *message);
enum rc wire_native(struct wire_decoder *d, const struct json_member *message);
// The same for what is no JSON as a whole.
enum rc wire_snowplow_get(struct wire_decoder *d, struct sv query);
enum rc wire_cloudevent_binary(struct wire_decoder *d, struct sv body);

// Fill the protocols' tables of a new decoder.
void wire_segment_keys(struct wire_decoder *d);
void wire_posthog_keys(struct wire_decoder *d);
void wire_snowplow_keys(struct wire_decoder *d);
void wire_cloudevent_keys(struct wire_decoder *d);
void wire_native_keys(struct wire_decoder *d);

// --- wire_parts.c ---

// RC_INPUT with what is wrong with `what` and what to do.
enum rc wire_wrong(struct wire_decoder *d, const char *what, const char *is, const char *remedy);
// A text of at most 80 bytes for messages, without line ends.
struct sv wire_shown(struct wire_decoder *d, struct sv s);
// A copy that lives as long as the message. SV_NONE when out of memory.
struct sv wire_keep(struct wire_decoder *d, struct sv s);
// A name: a text, or a number as its text; absent for null and the empty text. RC_INPUT for anything else and for
// NUL characters.
enum rc wire_name(struct wire_decoder *d, const char *what, struct json_node n, struct sv *out);
// wire_percent_decode into memory that lives as long as the message. SV_NONE when out of memory.
struct sv wire_unescape(struct wire_decoder *d, struct sv s, bool plus);
// An instant: ISO 8601 (without an offset: UTC), or a number of Unix seconds or ms. TIME_NONE when absent.
enum rc wire_time(struct wire_decoder *d, const char *what, struct json_node n, int64_t *ms);
enum rc wire_time_text(struct wire_decoder *d, const char *what, struct sv text, int64_t *ms);
// Like wire_time, but what is no time is absent.
int64_t wire_time_or_none(struct wire_decoder *d, struct json_node n);
// x.at_ms from the time by the sender's clock (TIME_NONE: not said) and the time that it was sent at by that clock.
enum rc wire_at(struct wire_decoder *d, int64_t original_ms, int64_t sent_ms);
// Adds an identity unless it is empty or there.
enum rc wire_identity(struct wire_decoder *d, const char *type, struct sv value);
// email and phone of a JSON object, where they are texts.
enum rc wire_identity_traits(struct wire_decoder *d, struct json_node traits);
// Remembers that `from` is `to`.
void wire_link_add(
	struct wire_decoder *d, const char *from_type, struct sv from, const char *to_type, struct sv to);
// previous may be the name of an anonymous visitor or of a user.
void wire_link_alias(struct wire_decoder *d, struct sv previous, struct sv anonymous, struct sv user);
// The channel: named (RC_INPUT when the design has none of that name), else the source's, else the hint if the design
// declares it.
enum rc wire_channel(struct wire_decoder *d, struct json_node named, const char *hint);
// Looks `name` and its value up among what properties feed.
enum rc wire_property(struct wire_decoder *d, struct sv name, struct json_node value);
// The same for the member `name` of a property `outer` that holds only what is put into it one by one.
enum rc wire_property_inside(struct wire_decoder *d, struct sv outer, struct sv name, struct json_node value);
// Appends `"name":raw` to the properties' text, or the member as received.
void wire_property_put(struct wire_decoder *d, const char *name, struct sv raw);
void wire_property_put_member(struct wire_decoder *d, struct sv member);
void wire_property_put_text(struct wire_decoder *d, const char *name, struct sv text);
// Appends all members of an object as received, "{…}".
void wire_property_put_members(struct wire_decoder *d, struct sv object);
// Only what match rules and dimensions read.
enum rc wire_property_paths(struct wire_decoder *d, struct sv name, struct json_node value);
// All members of an object become properties.
enum rc wire_properties(struct wire_decoder *d, const struct json_member *object);
// Closes the text, and settles what depends on several properties (amount and currency).
enum rc wire_properties_end(struct wire_decoder *d);
// Adds a measure; out of range or twice: ignored.
void wire_measure(struct wire_decoder *d, uint32_t measure, double value);

// --- wire_split.c: bodies that are no valid JSON as a whole ---

// The members of the object or elements of the array that starts at text[0], by brackets and quotes alone.
struct wire_split {
	struct sv rest;
	bool is_object, bad, done;
};
struct wire_split wire_split(struct sv text);
// False at the end, and when the brackets do not balance (bad). key: quoted, as it stands.
bool wire_split_next(struct wire_split *s, struct sv *key, struct sv *raw);
// %XX decoded (and with `plus` + as a blank) into out, which has room for s.len bytes; bad escapes stay as they are.
struct sv wire_percent_decode(struct sv s, bool plus, char *out);
// Replaces escaped surrogates that stand alone by U+FFFD. False when there are none.
bool wire_mend_surrogates(struct sv text, struct buf *out);

#endif
