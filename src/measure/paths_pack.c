// SPDX-License-Identifier: Apache-2.0
// Paths that fit a key, of all sessions from their beginnings: the fast way of paths.c. No branch depends on the data
// but for the ends of journeys.
#include "measure/paths.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first step is the lowest byte of a key");

// A session's end is written at every step and counted only where it is one. `pos` is where the next step goes; at the
// limit, steps are left out.
static inline void pack_journey(
	const struct paths_plan *plan, struct paths_state *s, uint32_t first, uint32_t end, bool collapse)
{
	const uint32_t *code = s->steps.code;
	const int64_t *at = s->steps.at;
	const uint32_t bits = plan->shape.code_bits, limit = bits * plan->depth;
	const int64_t gap = plan->gap_ms;
	uint64_t *keys = s->keys;
	uint32_t *anchors = s->anchors;
	uint32_t n = s->n_sessions, pos = bits, previous = code[first];
	uint64_t key = (uint64_t)previous + 1;
	anchors[n] = first;
	for (uint32_t i = first + 1; i < end; i++) {
		uint32_t c = code[i];
		bool cut = at[i] - at[i - 1] > gap;
		keys[n] = key;
		anchors[n + 1] = i;
		n += cut;
		key = cut ? 0 : key;
		pos = cut ? 0 : pos;
		bool new_step = collapse ? (c != previous) | cut : true;
		bool taken = new_step & (pos < limit);
		key |= ((uint64_t)(c + 1) << pos) & (0 - (uint64_t)taken);
		pos += taken ? bits : 0;
		previous = c;
	}
	keys[n] = key;
	s->n_sessions = n + 1;
}

// Where a step is a byte of the key, a key is the eight bytes from a session's first step on, cut off at its end.
static enum rc pack_bytes(const struct paths_plan *plan, struct paths_state *s, struct err *e)
{
	const struct steps *steps = &s->steps;
	size_t room = (size_t)steps->n + SESSIONS_SLACK;
	if (!s->tables && (s->tables = mem_alloc(sizeof(*s->tables))) != NULL)
		session_tables_make(s->tables);
	if (!s->tables || mem_grow((void **)&s->bytes, &s->bytes_capacity, room, 1) != 0 ||
		mem_grow((void **)&s->bits, &s->bits_capacity, room, 1) != 0 ||
		mem_grow((void **)&s->places, &s->places_capacity, room, sizeof(*s->places)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for paths");
	struct session_steps out = {.first_row = s->anchors, .first_step = s->places, .step = s->bytes};
	sessions_mark(steps->at, steps->n, steps->start, steps->n_journeys, plan->gap_ms, s->bits, NULL);
	sessions_squeeze(s->tables, steps->code, steps->n, s->bits, plan->collapse, &out);
	const uint32_t *restrict places = s->places, depth = plan->depth;
	const uint8_t *restrict bytes = s->bytes;
	uint64_t *restrict keys = s->keys;
	for (uint32_t i = 0; i < out.n_sessions; i++) {
		uint64_t key;
		uint32_t n_steps = places[i + 1] - places[i];
		n_steps = n_steps < depth ? n_steps : depth;
		memcpy(&key, bytes + places[i], sizeof(key));
		keys[i] = key & UINT64_MAX >> (64 - 8 * n_steps);
	}
	s->n_sessions = out.n_sessions;
	return RC_OK;
}

enum rc paths_pack(const struct paths_plan *plan, struct paths_state *s, struct err *e)
{
	const struct steps *steps = &s->steps;
	s->n_sessions = 0;
	if (plan->shape.code_bits == 8) {
		enum rc rc = pack_bytes(plan, s, e);
		if (rc != RC_OK)
			return rc;
	} else {
		for (uint32_t k = 0; k < steps->n_journeys; k++) {
			uint32_t first = steps->start[k], end = steps->start[k + 1];
			if (plan->collapse)
				pack_journey(plan, s, first, end, true);
			else
				pack_journey(plan, s, first, end, false);
		}
		s->anchors[s->n_sessions] = steps->n;
	}
	if (plan->shape.timed || plan->quantiles) {
		const uint32_t *restrict anchors = s->anchors;
		const int64_t *restrict at = steps->at;
		int64_t *restrict ms = s->ms;
		for (uint32_t i = 0, n = s->n_sessions; i < n; i++)
			ms[i] = at[anchors[i + 1] - 1] - at[anchors[i]];
	}
	return RC_OK;
}
