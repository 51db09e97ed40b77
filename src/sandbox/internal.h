// SPDX-License-Identifier: Apache-2.0
// What the files of sandbox/ share: what host and worker say to each other, and the jail.
//
// A request: struct request, the program, the body. The answer: struct answer, its bytes: a JSON list, or the reason.
// Both ends are the same program on the same machine, so that the structs go as they are.
#ifndef CORRIDOR_SANDBOX_INTERNAL_H
#define CORRIDOR_SANDBOX_INTERNAL_H

#include "sandbox/sandbox.h"

#include <stdbool.h>
#include <stdint.h>

#define WORKER_FD 3          // the worker's end of the socket
#define WORKER_CPU_S 30u     // of processor time, after which the kernel ends a worker
#define WORKER_BUSY_MS 20000 // of work, after which the host takes a new one
#define REASON_MAX 1000u

struct request {
	uint32_t number; // of the requests to this worker, from 1
	uint32_t program_bytes, body_bytes;
	uint32_t only_check; // whether it is a program
};

enum answer_kind { ANSWER_LIST = 1, ANSWER_REASON, ANSWER_NOMEM };

struct answer {
	uint32_t number; // of the request
	uint32_t kind, bytes;
};

// --- frame.c: requests and answers on their way in ---

enum frame {
	FRAME_MORE,  // more bytes belong to it
	FRAME_WHOLE, // it is all there
	FRAME_WRONG, // it is none
	FRAME_FULL   // there is no memory for it
};

struct request_in {
	struct request head;
	struct buf bytes; // of the program and the body
	size_t have;      // bytes of the frame
};

struct answer_in {
	uint32_t number; // of the request
	struct buf *out; // the list is appended
	struct answer head;
	char reason[REASON_MAX + 1]; // NUL-terminated
	size_t have;                 // bytes of the frame
};

// FRAME_MORE: the next bytes, at most *n, are to be put to *room, and request_got to be told how many there were.
enum frame request_next(struct request_in *r, void **room, size_t *n);
void request_got(struct request_in *r, size_t n);
// Of a whole one; valid until request_begin.
struct sv request_program(const struct request_in *r);
struct sv request_body(const struct request_in *r);
// The next one; what `bytes` may hold stays.
void request_begin(struct request_in *r);
// The same for an answer, which begins as {.number, .out} and zeroes. FRAME_FULL: `out` tells why.
enum frame answer_next(struct answer_in *a, void **room, size_t *n);
void answer_got(struct answer_in *a, size_t n);

// Shuts the process in for good: limits, no new privileges, and a filter that lets it read from and write to `fd`, get
// and give back memory, and exit. Whatever would open, stat or ask for something fails with an error; everything else
// ends the process. False: it is not shut in.
bool jail_enter(int fd, size_t memory_bytes);

// --- program.c: jq ---

struct programs; // compiled ones, the latest few
// For as long as the process lives. NULL: out of memory.
struct programs *programs_new(void);
// Runs it and writes the list, or the reason, to out (which is empty before).
enum answer_kind programs_run(
	struct programs *p, struct sv program, struct sv body, bool only_check, struct buf *out);

#endif
