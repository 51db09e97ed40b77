// SPDX-License-Identifier: Apache-2.0
// What host and worker of the sandbox say to each other: an answer as the host takes it from a worker that may be anybody,
// and a request as the worker takes it. However the bytes come: no more is asked for than a frame may have, a whole one is
// what the bytes say, and what was there before an answer stays.
#include "sandbox/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEFORE "[before]"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "frames: %s\n", what);
	abort();
}

struct source {
	const uint8_t *bytes;
	size_t size, at, at_once;
};

// Up to n of the next bytes; 0: there are no more.
static size_t give(struct source *s, void *room, size_t n)
{
	size_t left = s->size - s->at;
	n = n < s->at_once ? n : s->at_once;
	n = n < left ? n : left;
	if (n)
		memcpy(room, s->bytes + s->at, n);
	s->at += n;
	return n;
}

// What an answer is to be taken for, found in another way: from all of its bytes at once.
static enum frame answer_expected(const struct source *s, struct answer head, uint32_t number, size_t room)
{
	uint32_t most = 0;
	if (s->size < sizeof(head))
		return FRAME_MORE;
	if (head.kind == ANSWER_LIST)
		most = SANDBOX_OUTPUT_MAX;
	else if (head.kind == ANSWER_REASON)
		most = REASON_MAX;
	if (head.number != number || head.kind < 1 || head.kind > 3 || head.bytes > most)
		return FRAME_WRONG;
	if (head.kind == ANSWER_LIST && head.bytes > room)
		return FRAME_FULL;
	return s->size - sizeof(head) >= head.bytes ? FRAME_WHOLE : FRAME_MORE;
}

static void check_whole(const struct answer_in *a, const uint8_t *body)
{
	const struct answer *h = &a->head;
	if (h->kind == ANSWER_LIST)
		check(a->out->len == strlen(BEFORE) + h->bytes &&
				(h->bytes == 0 || memcmp(a->out->data + strlen(BEFORE), body, h->bytes) == 0),
			"a list");
	else if (h->kind == ANSWER_REASON)
		check(memcmp(a->reason, body, h->bytes) == 0 && a->reason[h->bytes] == 0, "a reason");
}

static void take_answer(struct source s, uint32_t number, size_t bytes_max)
{
	struct buf out = buf_new(bytes_max);
	buf_str(&out, BEFORE);
	struct answer_in a = {.number = number, .out = &out};
	struct answer head = {0};
	void *room = NULL;
	size_t n = 0, got = 1;
	enum frame f = FRAME_MORE;
	while (got && (f = answer_next(&a, &room, &n)) == FRAME_MORE) {
		check(n > 0 && n <= SANDBOX_OUTPUT_MAX, "room for an answer");
		answer_got(&a, got = give(&s, room, n));
	}
	memcpy(&head, s.bytes, s.size < sizeof(head) ? s.size : sizeof(head));
	enum frame expected = answer_expected(&s, head, number, bytes_max - strlen(BEFORE));
	check(f == expected, "what an answer is taken for");
	check(s.at <= sizeof(head) + (f == FRAME_WRONG ? 0 : head.bytes),
		"more was taken than belongs to the answer");
	check(out.len >= strlen(BEFORE) && memcmp(out.data, BEFORE, strlen(BEFORE)) == 0,
		"what was there before");
	check(head.kind == ANSWER_LIST || out.len == strlen(BEFORE), "a list out of nothing");
	if (f == FRAME_WHOLE)
		check_whole(&a, s.bytes + sizeof(head));
	buf_free(&out);
}

// One request after the other, in the same memory.
static void take_requests(struct source s)
{
	static struct request_in r = {.bytes = {.max = (size_t)SANDBOX_PROGRAM_MAX + SANDBOX_BODY_MAX}};
	for (enum frame f = FRAME_WHOLE; f == FRAME_WHOLE && s.at < s.size;) {
		void *room = NULL;
		size_t n = 0, got = 1, begin = s.at;
		request_begin(&r);
		while (got && (f = request_next(&r, &room, &n)) == FRAME_MORE) {
			check(n > 0 && n <= SANDBOX_PROGRAM_MAX + SANDBOX_BODY_MAX, "room for a request");
			request_got(&r, got = give(&s, room, n));
		}
		struct request head = {0};
		size_t left = s.size - begin;
		memcpy(&head, s.bytes + begin, left < sizeof(head) ? left : sizeof(head));
		bool fits = head.program_bytes <= SANDBOX_PROGRAM_MAX && head.body_bytes <= SANDBOX_BODY_MAX;
		size_t needed = sizeof(head) + (size_t)head.program_bytes + head.body_bytes;
		check(f == (left < sizeof(head)     ? FRAME_MORE
				   : !fits          ? FRAME_WRONG
				   : left >= needed ? FRAME_WHOLE
						    : FRAME_MORE),
			"what a request is taken for");
		if (f != FRAME_WHOLE)
			return;
		const char *bytes = (const char *)s.bytes + begin + sizeof(head);
		check(s.at == begin + needed, "the bytes of a request");
		check(sv_equal(request_program(&r), (struct sv){bytes, head.program_bytes}), "a program");
		check(sv_equal(request_body(&r), (struct sv){bytes + head.program_bytes, head.body_bytes}),
			"a body");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	uint8_t *exact = malloc(size - 1);
	if (!exact)
		return 0;
	memcpy(exact, data + 1, size - 1);
	for (int whole = 0; whole < 2; whole++) {
		struct source s = {exact, size - 1, 0, whole ? SIZE_MAX : 1 + data[0] % 16u};
		take_requests(s);
		take_answer(s, 1, SANDBOX_OUTPUT_MAX + 100);
		take_answer(s, 1, 100);
	}
	free(exact);
	return 0;
}
