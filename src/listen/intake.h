// SPDX-License-Identifier: Apache-2.0
// Group commit: what many senders bring at the same time becomes durable together, and each is told when its part is.
//
//   lane (one per receiving thread, or a few)  →  one writer thread  →  store_append, one transaction  →  `done` of each
//
// A lane's messages go straight into the batch that is next to be committed; while the writer commits one group the
// next one fills. So the number of commits follows from how long a commit takes, and there is no timer.
#ifndef CORRIDOR_LISTEN_INTAKE_H
#define CORRIDOR_LISTEN_INTAKE_H

#include "base/clock.h"
#include "journey/journey.h"
#include "listen/hook_line.h"
#include "listen/wire.h"

struct intake;

struct intake_options {
	struct store *store;
	const struct clock *clock; // NULL: the system's
	unsigned lanes;            // 0: the number of processors
	size_t waiting_bytes_max;  // of messages that wait for the writer; 0: 64 MiB
	uint64_t quarantine_max;   // rows that intake adds to the quarantine until it is emptied; 0: 1,000,000
	// Told by the writer after each commit; may be NULL.
	void (*committed)(void *context, uint32_t n_added);
	// Called by the writer before it tells the first delivery of a group (begins) and after the last; may be NULL.
	void (*telling)(void *context, bool begins);
	// At most ten times a second, while it is received: to be copied. May be NULL.
	void (*sample)(void *context, const struct interaction *x, const struct design *d);
	void *context;
};

// What became of one delivery. rc RC_OK: durable.
struct intake_result {
	enum rc rc;
	const struct err *err; // of rc != RC_OK; valid during the call
};
// Called once by the writer's thread; must not block.
typedef void intake_done(void *context, const struct intake_result *result);

struct intake_stats {
	uint64_t commits, deliveries, interactions, duplicates, rejects, refused, failed;
	uint64_t links_made, links_refused;
	uint64_t waiting_bytes;
	uint64_t commit_us, links_waiting; // commit_us: sum of the time that commits took
};

// Opens the tables and starts the writer. The store must outlive it. Others may append meanwhile (imports, replays); for
// acts that need the store for themselves there is intake_pause.
enum rc intake_open(const struct intake_options *options, struct intake **out, struct err *e);
// Takes nothing more, makes durable what is there, tells all, and frees. NULL is allowed.
void intake_close(struct intake **i);

// One body, and whom to tell.
struct intake_delivery {
	enum wire_kind kind;
	struct sv body;
	struct wire_context context; // the design is set by the intake
	// Not NULL: the body of this webhook, mapped by it; of the rest only context.received_ms and batch_bytes_max count,
	// and what its program made of the body (hook_line.h).
	struct hook_line *hook;
	struct sv made;
	const char *refused;
	// Not NULL: the key that the body carries (SV_NONE: none) decides, before anything is taken in; it may change the
	// context. What it returns but RC_OK is returned.
	enum rc (*authorize)(void *context, struct sv key, struct wire_context *c, struct err *e);
	bool gathered;    // more follow, and then intake_go: this one wakes the writer only if much is waiting
	const char *file; // what the quarantine calls it: "tracking/shop"
	// Told of each message that is not understood, instead of the quarantine; valid during the call. NULL: quarantine.
	void (*reject)(void *context, uint32_t index, struct sv reason);
	intake_done *done;
	void *done_context; // of authorize and reject as well
};
// Decodes a body into the group that is next. RC_OK: `done` will be called, perhaps before this returns; with any other
// code it will not. RC_INPUT: the body is not understood. RC_BUSY: too much is waiting for the disk, or the intake is
// paused: to be sent again in a moment. RC_LIMIT: the body is too large, or (result->n_rejected is not 0) the
// quarantine is full.
enum rc intake_deliver(
	struct intake *i, const struct intake_delivery *d, struct wire_result *result, struct err *e);

// Wakes the writer for what was delivered as gathered. Any thread.
void intake_go(struct intake *i);

// One interaction, resolved with the store's design, without anybody being told when it is durable. RC_BUSY as above.
enum rc intake_add(struct intake *i, const struct interaction *x, struct err *e);

// Waits until all that was taken is committed and lets nobody in until intake_resume: for acts that need the store for
// themselves (adopting a corridor file). One at a time.
void intake_pause(struct intake *i);
void intake_resume(struct intake *i);

// So many rows have left the quarantine: there is room for others.
void intake_quarantine_left(struct intake *i, uint64_t n);

// Sums since intake_open. Any thread.
void intake_stats(struct intake *i, struct intake_stats *out);

#endif
