// SPDX-License-Identifier: Apache-2.0
// The worker's side: shut in before the first byte is read, then one request after the other until the host is gone.
#include "sandbox/internal.h"

#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static bool read_all(void *bytes, size_t n)
{
	char *p = bytes;
	while (n > 0) {
		ssize_t got = read(WORKER_FD, p, n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		p += got;
		n -= (size_t)got;
	}
	return true;
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

static bool take_one(struct programs *programs, struct buf *in, struct buf *out)
{
	struct request r;
	if (!read_all(&r, sizeof(r)) || r.program_bytes > SANDBOX_PROGRAM_MAX ||
		r.body_bytes > SANDBOX_BODY_MAX)
		return false;
	size_t n = (size_t)r.program_bytes + r.body_bytes;
	buf_clear(in);
	buf_clear(out);
	uint8_t *room = buf_reserve(in, n + 1);
	if (!room || !read_all(room, n))
		return false;
	const struct sv program = {(const char *)room, r.program_bytes},
			body = {(const char *)room + r.program_bytes, r.body_bytes};
	enum answer_kind kind = programs_run(programs, program, body, r.only_check != 0, out);
	const struct answer a = {kind, kind == ANSWER_NOMEM ? 0 : (uint32_t)out->len};
	return write_all(&a, sizeof(a)) && write_all(out->data, a.bytes);
}

int sandbox_worker(int n_arguments, char **arguments)
{
	int64_t memory_bytes;
	if (n_arguments != 1 || !sv_to_i64(sv_from(arguments[0]), &memory_bytes) || memory_bytes <= 0)
		_exit(2);
	struct programs *programs = programs_new();
	struct buf in = buf_new((size_t)SANDBOX_PROGRAM_MAX + SANDBOX_BODY_MAX + 1);
	struct buf out = buf_new(SANDBOX_OUTPUT_MAX);
	if (!programs || !jail_enter(WORKER_FD, (size_t)memory_bytes))
		_exit(3);
	while (take_one(programs, &in, &out))
		continue;
	_exit(0); // without what runs at exit
}
