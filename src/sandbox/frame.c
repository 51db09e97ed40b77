// SPDX-License-Identifier: Apache-2.0
// What host and worker say to each other, as its bytes become frames: nothing here reads or writes.
#include "sandbox/internal.h"

// --- requests ---

enum frame request_next(struct request_in *r, void **room, size_t *n)
{
	const size_t head = sizeof(r->head);
	if (r->have < head) {
		*room = (char *)&r->head + r->have;
		*n = head - r->have;
		return FRAME_MORE;
	}
	if (r->head.program_bytes > SANDBOX_PROGRAM_MAX || r->head.body_bytes > SANDBOX_BODY_MAX)
		return FRAME_WRONG;
	*n = head + r->head.program_bytes + r->head.body_bytes - r->have;
	if (*n == 0)
		return FRAME_WHOLE;
	*room = buf_reserve(&r->bytes, *n);
	return *room ? FRAME_MORE : FRAME_FULL;
}

void request_got(struct request_in *r, size_t n)
{
	if (r->have >= sizeof(r->head))
		r->bytes.len += n;
	r->have += n;
}

struct sv request_program(const struct request_in *r)
{
	return r->bytes.len ? (struct sv){(const char *)r->bytes.data, r->head.program_bytes} : SV("");
}

struct sv request_body(const struct request_in *r)
{
	return r->bytes.len
		       ? (struct sv){(const char *)r->bytes.data + r->head.program_bytes, r->head.body_bytes}
		       : SV("");
}

void request_begin(struct request_in *r)
{
	buf_clear(&r->bytes);
	r->head = (struct request){0};
	r->have = 0;
}

// --- answers ---

// A worker is not believed: what it announces is checked before it is waited for.
static bool answer_fits(const struct answer_in *a)
{
	static const uint32_t bytes_max[] = {
		[ANSWER_LIST] = SANDBOX_OUTPUT_MAX, [ANSWER_REASON] = REASON_MAX, [ANSWER_NOMEM] = 0};
	const struct answer *h = &a->head;
	return h->number == a->number && h->kind >= ANSWER_LIST && h->kind <= ANSWER_NOMEM &&
	       h->bytes <= bytes_max[h->kind];
}

enum frame answer_next(struct answer_in *a, void **room, size_t *n)
{
	const size_t head = sizeof(a->head);
	if (a->have < head) {
		*room = (char *)&a->head + a->have;
		*n = head - a->have;
		return FRAME_MORE;
	}
	if (!answer_fits(a))
		return FRAME_WRONG;
	*n = head + a->head.bytes - a->have;
	if (*n == 0)
		return FRAME_WHOLE;
	*room = a->head.kind == ANSWER_LIST ? (void *)buf_reserve(a->out, *n) : a->reason + (a->have - head);
	return *room ? FRAME_MORE : FRAME_FULL;
}

void answer_got(struct answer_in *a, size_t n)
{
	if (a->have >= sizeof(a->head) && a->head.kind == ANSWER_LIST)
		a->out->len += n;
	a->have += n;
}
