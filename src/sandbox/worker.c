// SPDX-License-Identifier: Apache-2.0
// The worker's side: shut in before the first byte is read, then one request after the other until the host is gone.
#include "sandbox/internal.h"

#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static bool read_one(struct request_in *r)
{
	request_begin(r);
	for (;;) {
		void *room;
		size_t n;
		enum frame f = request_next(r, &room, &n);
		if (f != FRAME_MORE)
			return f == FRAME_WHOLE;
		ssize_t got = read(WORKER_FD, room, n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		request_got(r, (size_t)got);
	}
}

static bool write_all(const void *bytes, size_t n)
{
	const char *p = bytes;
	while (n > 0) {
		ssize_t put = write(WORKER_FD, p, n);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return false;
		p += put;
		n -= (size_t)put;
	}
	return true;
}

static bool take_one(struct programs *programs, struct request_in *in, struct buf *out)
{
	if (!read_one(in))
		return false;
	buf_clear(out);
	enum answer_kind kind =
		programs_run(programs, request_program(in), request_body(in), in->head.only_check != 0, out);
	const struct answer a = {in->head.number, kind, kind == ANSWER_NOMEM ? 0 : (uint32_t)out->len};
	return write_all(&a, sizeof(a)) && write_all(out->data, a.bytes);
}

int sandbox_worker(int n_arguments, char **arguments)
{
	int64_t memory_bytes;
	if (n_arguments != 1 || !sv_to_i64(sv_from(arguments[0]), &memory_bytes) || memory_bytes <= 0)
		_exit(2);
	struct programs *programs = programs_new();
	struct request_in in = {.bytes = buf_new((size_t)SANDBOX_PROGRAM_MAX + SANDBOX_BODY_MAX)};
	struct buf out = buf_new(SANDBOX_OUTPUT_MAX);
	if (!programs || !jail_enter(WORKER_FD, (size_t)memory_bytes))
		_exit(3);
	while (take_one(programs, &in, &out))
		continue;
	_exit(0); // without what runs at exit
}
