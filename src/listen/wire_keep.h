// SPDX-License-Identifier: Apache-2.0
// Tracking messages in the quarantine: kept so that they can be decoded again when the corridor file has changed.
//
// What a mapping is to a row of a file is an origin to a message: a JSON object that stands in the place of the mapping's
// text, {"wire":"segment-batch","source":"shop","channel":"web"}.
#ifndef CORRIDOR_LISTEN_WIRE_KEEP_H
#define CORRIDOR_LISTEN_WIRE_KEEP_H

#include "base/arena.h"
#include "base/buf.h"
#include "listen/wire.h"

// Where a message came in.
struct wire_origin {
	enum wire_kind kind;
	struct sv source, channel;
	bool links_email;
};

// Appends the text of an origin.
void wire_origin_write(struct buf *out, enum wire_kind kind, const struct wire_context *c);
// Is the text of a mapping that of an origin?
bool wire_origin_is(struct sv map_text);
// Its texts are in the arena. RC_CORRUPT: not what wire_origin_write wrote; RC_NOMEM.
enum rc wire_origin_read(struct sv map_text, struct arena *a, struct wire_origin *out, struct err *e);

// Appends what is to be kept of a message that was rejected: raw, and for a binary CloudEvent, whose attributes are in
// headers, the same as a structured one.
void wire_kept_write(struct buf *out, enum wire_kind kind, struct sv raw, const struct wire_context *c);
// Appends a body that holds only this kept message, to be decoded as *kind.
void wire_again(struct buf *out, const struct wire_origin *origin, struct sv kept, enum wire_kind *kind);

#endif
