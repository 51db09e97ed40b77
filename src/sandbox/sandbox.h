// SPDX-License-Identifier: Apache-2.0
// jq programs that users have written, run on bodies that strangers have sent, in processes that can do nothing but
// compute: no files, no network, no other processes, an empty environment, little memory, little time
// (docs/decisions/jq-sandbox.md). A process that breaks or takes too long is ended and another one takes its place.
#ifndef CORRIDOR_SANDBOX_SANDBOX_H
#define CORRIDOR_SANDBOX_SANDBOX_H

#include "base/buf.h"
#include "base/err.h"
#include "base/sv.h"

#include <stddef.h>

// The argument with which the program becomes a worker: main looks for it before it does anything else.
#define SANDBOX_ARGUMENT "--sandbox-worker"
#define SANDBOX_PROGRAM_MAX (64u << 10) // bytes
#define SANDBOX_BODY_MAX (8u << 20)     // bytes
#define SANDBOX_OUTPUT_MAX (4u << 20)   // bytes
#define SANDBOX_OBJECTS_MAX 10000u
#define SANDBOX_TIME_MS 1000u

struct sandbox;

struct sandbox_options {
	const char *executable; // that becomes a worker with SANDBOX_ARGUMENT; NULL: this one
	unsigned workers;       // at the same time; 0: 2
	unsigned time_ms;       // for one body; 0: SANDBOX_TIME_MS
	size_t memory_bytes;    // address space of a worker; 0: 512 MiB
};

// Starts no process yet. Any thread may use it. RC_NOMEM.
enum rc sandbox_open(const struct sandbox_options *options, struct sandbox **out, struct err *e);
// Ends the processes; nobody uses it any more. NULL is allowed.
void sandbox_close(struct sandbox **s);

// Runs a jq program on a JSON text and appends the objects that it makes as one JSON list. RC_INPUT: the program's fault
// or the body's: a mistake, an error that was raised, something that is no object, too much time, memory or output; e
// says which. RC_BUSY: all workers are taken and stay so for long. RC_IO: no worker can be started. RC_LIMIT: program or
// body are too large.
enum rc sandbox_run(struct sandbox *s, struct sv program, struct sv body, struct buf *out, struct err *e);
// Is it a program? Errors as above.
enum rc sandbox_check(struct sandbox *s, struct sv program, struct err *e);

struct sandbox_stats {
	uint64_t runs, failures; // failures: those that were the program's or the body's fault
	uint64_t started, ended; // processes; ended: because of what a program did
};
// Sums since sandbox_open. Any thread.
void sandbox_stats(struct sandbox *s, struct sandbox_stats *out);

// What a worker does from its first line on; the exit code. arguments: what follows SANDBOX_ARGUMENT.
int sandbox_worker(int n_arguments, char **arguments);

#endif
