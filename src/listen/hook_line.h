// SPDX-License-Identifier: Apache-2.0
// Webhooks in use: each is compiled when it is first needed, and again when it or the corridor file has changed.
//
// Webhooks are few and their bodies come one by one, so the threads take turns at a line instead of each having its own.
#ifndef CORRIDOR_LISTEN_HOOK_LINE_H
#define CORRIDOR_LISTEN_HOOK_LINE_H

#include "base/arena.h"
#include "listen/hook.h"
#include "sandbox/sandbox.h"

struct hook_lines; // all of them
struct hook_line;  // one, as it was at a revision

struct hook_settings {
	int64_t id, revision; // the same pair: the same settings
	struct sv name, mapping;
	struct sv program; // jq; empty: there is none
};

// A body on its way.
struct hook_body {
	struct sv received;  // as it came
	struct sv made;      // the list that the webhook's program made of it; ptr NULL: there is none
	const char *refused; // not NULL: why the program made nothing; the body is rejected
	size_t bytes_max;    // of received; 0: WIRE_BATCH_BYTES_MAX
	int64_t received_ms;
};

// NULL: out of memory.
struct hook_lines *hook_lines_new(void);
// Nobody has a line any more. NULL is allowed.
void hook_lines_free(struct hook_lines **l);
// The line with these settings; give it back with hook_line_release. RC_NOMEM.
enum rc hook_lines_take(
	struct hook_lines *l, const struct hook_settings *s, struct hook_line **out, struct err *e);
// NULL in *line is allowed.
void hook_line_release(struct hook_lines *l, struct hook_line **line);
struct sv hook_line_name(const struct hook_line *line);
struct sv hook_line_program(const struct hook_line *line);

// hook_decode with the line's mapping, made for design d, which is of that version of the corridor file; of what a program
// made, hook_decode_whole. A mapping that does not fit the design (any more) rejects the body. Any thread.
enum rc hook_line_decode(struct hook_line *line, const struct design *d, uint32_t design_version,
	const struct hook_body *body, const struct wire_sink *sink, struct hook_result *result, struct err *e);

// Runs a webhook's program on a body, JSON or a form, and appends the list that it makes. Errors of sandbox_run.
enum rc hook_program_run(struct sandbox *s, struct sv program, struct sv body, struct buf *made, struct err *e);

// --- setting up ---

// Does the mapping fit the design, and a webhook? RC_INPUT with the place in the mapping.
enum rc hook_check(struct sv mapping, struct sv name, const struct design *d, struct err *e);
// What a body would become, as JSON: {"interactions": [as in the native form, with touchpoint], "rejected": [{"index",
// "reason"}], "empty"}. Errors as hook_check and sandbox_run, but for what is the program's fault, which is a rejection;
// RC_LIMIT: the body is larger than bytes_max.
enum rc hook_try(const struct hook_settings *s, struct sandbox *sandbox, const struct design *d, struct sv body,
	size_t bytes_max, int64_t received_ms, struct buf *out, struct err *e);

// --- in the quarantine ---
//
// What a mapping is to a row of a file is an origin to a webhook's body: {"hook":"shop"} in the place of the mapping's
// text. When it is replayed, the mapping is the one that the webhook has then.

// Appends the text of an origin.
void hook_origin_write(struct buf *out, struct sv name);
// Is the text of a mapping that of an origin? If it is, *name is the webhook's, in the arena (ptr NULL: out of memory).
bool hook_origin_read(struct sv map_text, struct arena *a, struct sv *name);

#endif
