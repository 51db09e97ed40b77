// SPDX-License-Identifier: Apache-2.0
// What tracking SDKs and other senders put into HTTP bodies, as interactions: pure functions from bytes to calls of
// a sink. They know nothing of HTTP, keys or the store. docs/tracking.md says what becomes what.
//
// A body that cannot be understood as a whole is RC_INPUT. Everything else is decided message by message: what is
// wrong with one of them goes to the sink with the reason, and the others count, because SDKs throw a batch away when
// it is answered with 400.
#ifndef CORRIDOR_LISTEN_WIRE_H
#define CORRIDOR_LISTEN_WIRE_H

#include "base/err.h"
#include "base/sv.h"
#include "design/design.h"

#include <stdint.h>

#define WIRE_MESSAGE_BYTES_MAX (32u << 10)
#define WIRE_BATCH_BYTES_MAX (500u << 10)
#define WIRE_SKEW_IGNORED_MS 2000              // less is the way of the request, not a wrong clock
#define WIRE_FUTURE_MAX_MS INT64_C(86400000)   // further ahead of the time of receipt is a mistake
#define WIRE_PAST_MIN_MS INT64_C(315532800000) // 1980: before it, seconds were taken for milliseconds

enum wire_kind {
	WIRE_SEGMENT_TRACK,
	WIRE_SEGMENT_IDENTIFY,
	WIRE_SEGMENT_PAGE,
	WIRE_SEGMENT_SCREEN,
	WIRE_SEGMENT_GROUP,
	WIRE_SEGMENT_ALIAS,
	WIRE_SEGMENT_BATCH, // also import
	WIRE_POSTHOG,       // one event, a list, or {"batch": […]}
	WIRE_SNOWPLOW,      // body of the tracker's POST
	WIRE_SNOWPLOW_GET,  // query string of the tracker's GET, without the question mark
	WIRE_CLOUDEVENT,    // structured
	WIRE_CLOUDEVENT_BATCH,
	WIRE_CLOUDEVENT_BINARY, // attributes in wire_context.headers
	WIRE_NATIVE,            // one interaction, or {"interactions": […]}
	WIRE_KINDS
};

struct wire_header {
	struct sv name, value;
};

struct wire_context {
	const struct design *design;
	struct sv source;         // name that the interactions get
	struct sv channel;        // of the source, where a message names none; empty: by the kind of library
	bool links_email;         // the sender is trusted to know whose e-mail addresses are
	int64_t received_ms;      // when the body came
	size_t message_bytes_max; // 0: WIRE_MESSAGE_BYTES_MAX
	size_t batch_bytes_max;   // of the body; 0: WIRE_BATCH_BYTES_MAX
	const struct wire_header *headers; // WIRE_CLOUDEVENT_BINARY: content-type and those that start with ce-
	uint32_t n_headers;
};

// The message tells that both are one person: "anonymous:X" → "user:Y", and of trusted senders "email:X" → "user:Y".
struct wire_link {
	struct identity from, to;
	int64_t at_ms;
};

// Views are valid during the call only. index: of the message in the body, from 0. What a callback returns stops the
// decoding, but for RC_INPUT of `interaction`, which rejects the message with the reason in e.
struct wire_sink {
	void *context;
	// x is resolved by design_resolve.
	enum rc (*interaction)(void *context, uint32_t index, const struct interaction *x, struct err *e);
	// After the interaction; each link once per body.
	enum rc (*link)(void *context, const struct wire_link *link, struct err *e);
	// raw: the message as received.
	enum rc (*reject)(void *context, uint32_t index, struct sv raw, struct sv reason, struct err *e);
};

struct wire_result {
	uint32_t n_messages, n_interactions, n_rejected, n_links;
	uint32_t n_ignored; // values with the name of a measure that are none, or outside its range
};

struct wire_decoder; // memory of one thread

// NULL when out of memory.
struct wire_decoder *wire_decoder_new(void);
void wire_decoder_free(struct wire_decoder **d);

// Decodes one body. RC_INPUT: it is not understood as a whole (answer 400), RC_LIMIT: it is too large (413); else
// errors of the sink and RC_NOMEM. After an error, what has reached the sink is to be forgotten.
// n_interactions + n_rejected = n_messages.
enum rc wire_decode(struct wire_decoder *d, enum wire_kind kind, struct sv body, const struct wire_context *c,
	const struct wire_sink *sink, struct wire_result *result, struct err *e);

// The write key that the body carries (writeKey, api_key), SV_NONE when it has none or a masked one; valid until the
// next call with d. Errors as wire_decode. The next wire_decode of the same body with d does not parse it again.
enum rc wire_key(struct wire_decoder *d, enum wire_kind kind, struct sv body, size_t bytes_max, struct sv *key,
	struct err *e);

#endif
