// SPDX-License-Identifier: Apache-2.0
// Webhooks of systems without an SDK: a body, mapped by a mapping file of format ndjson as if it were a row of a file.
#ifndef CORRIDOR_LISTEN_HOOK_H
#define CORRIDOR_LISTEN_HOOK_H

#include "listen/listen.h"
#include "listen/wire.h" // struct wire_sink

struct hook; // a mapping and the memory of one thread

struct hook_result {
	uint32_t n_messages;     // the objects of a list, else 1
	uint32_t n_empty;        // of which the mapping's conditions made nothing
	uint32_t n_rejected;     // that could not be understood
	uint32_t n_interactions; // of the others
};

// m and d (the design it was compiled with) must outlive the hook. name: of the webhook, what mappings see as {_file}.
// RC_INPUT: the mapping is not of format ndjson.
enum rc hook_open(
	const struct mapping *m, const struct design *d, struct sv name, struct hook **out, struct err *e);
void hook_close(struct hook **h);

// Is the body a form? Appends it as a JSON object of texts then; errors are out's.
bool hook_form_read(struct sv body, struct buf *out);

// Maps a body: a JSON object, a list of them, or a form (a=1&b=2, an object of texts). What cannot be understood, be it
// the whole body, goes to sink->reject; each object is all or nothing. sink->link is not called. bytes_max 0:
// WIRE_BATCH_BYTES_MAX. RC_LIMIT: the body is larger; else errors of the sink and RC_NOMEM, after which what has reached
// the sink is to be forgotten.
enum rc hook_decode(struct hook *h, struct sv body, size_t bytes_max, int64_t received_ms,
	const struct wire_sink *sink, struct hook_result *result, struct err *e);
// The same, but the body as a whole is all or nothing: if one of its objects cannot be understood, nothing of it
// counts and `received` (what the body was made from, or the body itself) is rejected, once. first: what the first object
// is counted as, from 0, for one that was part of a list.
enum rc hook_decode_whole(struct hook *h, struct sv body, struct sv received, uint32_t first, size_t bytes_max,
	int64_t received_ms, const struct wire_sink *sink, struct hook_result *result, struct err *e);

#endif
