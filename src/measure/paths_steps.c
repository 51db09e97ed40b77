// SPDX-License-Identifier: Apache-2.0
// See paths_steps.h.
#include "measure/paths_steps.h"

#include "base/mem.h"
#include "base/vectors.h"

#include <assert.h>

// A map that gives every code a value of its own need not be looked up row by row.
static enum rc is_injective(const struct run *run, const struct attribute *a, bool *out, struct err *e)
{
	uint8_t *seen = arena_array(run->scratch, a->n_values, 1);
	if (!seen)
		return err_set(e, RC_NOMEM, "out of memory for the names of a field");
	*out = true;
	for (uint32_t code = 0; code < a->n_codes; code++) {
		*out = *out && !seen[a->map[code]];
		seen[a->map[code]] = 1;
	}
	return RC_OK;
}

enum rc step_key_open(struct run *run, struct sv name, struct step_key *out, struct err *e)
{
	*out = (struct step_key){0};
	struct attribute *a = &out->attribute;
	enum rc rc = attribute_open(run, name, a, e);
	if (rc != RC_OK)
		return rc;
	if (a->kind != ATTRIBUTE_CODES) {
		err_set(e, RC_USAGE, "--of “%.*s” is not a name", SV_ARG(name));
		err_remedy(
			e, "steps are names: touchpoint, stage, owner, channel, event, agent, a dimension …");
		return RC_USAGE;
	}
	bool own = true;
	if (a->map && (rc = is_injective(run, a, &own, e)) != RC_OK)
		return rc;
	out->mapped = !own;
	out->n_codes = out->mapped ? a->n_values : a->n_codes;
	run_want_code(run, a->column);
	return RC_OK;
}

static uint32_t value_of(const struct step_key *k, uint32_t code)
{
	return k->attribute.map && !k->mapped ? k->attribute.map[code] : code;
}

struct sv step_label(const struct run *run, const struct step_key *k, uint32_t code)
{
	return attribute_label(run, &k->attribute, value_of(k, code));
}

bool step_before(const struct run *run, const struct step_key *k, uint32_t a, uint32_t b)
{
	const struct attribute *f = &k->attribute;
	uint32_t x = value_of(k, a), y = value_of(k, b);
	if (f->rank)
		return f->rank[x] < f->rank[y];
	if (x == 0 || y == 0)
		return y == 0 && x != 0;
	return sv_compare(attribute_label(run, f, x), attribute_label(run, f, y)) < 0;
}

enum rc step_gap_open(struct run *run, const char *param, int64_t *gap_ms, struct err *e)
{
	struct sv text = run_param(run, param)->text;
	double seconds;
	*gap_ms = INT64_MAX;
	if (sv_equal(text, SV("none")))
		return RC_OK;
	if (design_quantity_parse(run->design, text, SV("s"), &seconds, NULL) != RC_OK ||
		!(seconds >= 0.0 && seconds <= 1e12)) {
		err_set(e, RC_USAGE, "--%s “%.*s” is not a duration", param, SV_ARG(text));
		err_remedy(e, "write for example 30min, 2h or 7d, or none for whole journeys");
		return RC_USAGE;
	}
	*gap_ms = (int64_t)(seconds * 1000.0 + 0.5);
	return RC_OK;
}

static enum rc fit(struct steps *s, uint32_t n, uint32_t n_persons, struct err *e)
{
	if (mem_grow((void **)&s->code_scratch, &s->code_capacity, (size_t)n + 1, sizeof(*s->code_scratch)) !=
			0 ||
		mem_grow((void **)&s->row_scratch, &s->row_capacity, (size_t)n + 1, sizeof(*s->row_scratch)) !=
			0 ||
		mem_grow((void **)&s->at_scratch, &s->at_capacity, (size_t)n + 1, sizeof(*s->at_scratch)) !=
			0 ||
		mem_grow((void **)&s->start_scratch, &s->start_capacity, (size_t)n_persons + 1,
			sizeof(*s->start_scratch)) != 0 ||
		mem_grow((void **)&s->person_scratch, &s->person_capacity, (size_t)n_persons + 1,
			sizeof(*s->person_scratch)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for journeys");
	return RC_OK;
}

// Only the rows that pass, and only the journeys that have some.
static void compact(const struct lane *lane, struct steps *s)
{
	const struct span *span = lane->span;
	uint32_t n = 0, n_journeys = 0;
	for (uint32_t k = 0; k < span->n_persons; k++) {
		uint32_t first = n;
		for (uint32_t i = span->person_start[k]; i < span->person_start[k + 1]; i++) {
			s->row_scratch[n] = i;
			s->at_scratch[n] = span->at[i];
			n += lane->keep[i] != 0;
		}
		s->start_scratch[n_journeys] = first;
		s->person_scratch[n_journeys] = span->person[k];
		n_journeys += n > first;
	}
	s->start_scratch[n_journeys] = n;
	s->n = n;
	s->n_journeys = n_journeys;
	s->row = s->row_scratch;
	s->at = s->at_scratch;
	s->start = s->start_scratch;
	s->person = s->person_scratch;
}

static void as_it_is(const struct span *span, struct steps *s)
{
	s->n = span->n;
	s->n_journeys = span->n_persons;
	s->row = NULL;
	s->at = span->at;
	s->start = span->person_start;
	s->person = span->person;
}

// Are all codes below n_codes (at most 2^31)? Their distances from it are or-ed, so that a sign tells.
static inline bool codes_fit_any(const uint32_t *code, uint32_t n, uint32_t n_codes)
{
	uint32_t last = n_codes - 1, beyond = 0;
	for (uint32_t i = 0; i < n; i++)
		beyond |= (last - code[i]) | code[i];
	return !(beyond >> 31);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static bool codes_fit_avx2(const uint32_t *code, uint32_t n, uint32_t n_codes)
{
	return codes_fit_any(code, n, n_codes);
}

static bool codes_fit(const uint32_t *code, uint32_t n, uint32_t n_codes)
{
	return vectors_have() != VECTORS_NONE ? codes_fit_avx2(code, n, n_codes)
					      : codes_fit_any(code, n, n_codes);
}
#else
static bool codes_fit(const uint32_t *code, uint32_t n, uint32_t n_codes)
{
	return codes_fit_any(code, n, n_codes);
}
#endif

enum rc steps_read(struct lane *lane, const struct step_key *k, struct steps *s, struct err *e)
{
	const struct span *span = lane->span;
	const struct attribute *a = &k->attribute;
	const uint32_t *code = a->column < CODE_COLUMNS ? span->code[a->column] : NULL;
	if (fit(s, span->n, span->n_persons, e) != RC_OK)
		return RC_NOMEM;
	if (lane->keep)
		compact(lane, s);
	else
		as_it_is(span, s);
	if (code && !k->mapped && !s->row && codes_fit(code, s->n, k->n_codes)) {
		s->code = code;
		return RC_OK;
	}
	for (uint32_t i = 0; i < s->n; i++) {
		uint32_t c = code ? code[step_row(s, i)] : 0;
		c = c < a->n_codes ? c : 0;
		s->code_scratch[i] = k->mapped ? a->map[c] : c;
	}
	s->code = s->code_scratch;
	return RC_OK;
}

const uint32_t *steps_groups(struct lane *lane, const struct steps *s, const uint32_t *step, uint32_t n,
	uint32_t **scratch, size_t *capacity, struct err *e)
{
	if (!s->row)
		return lane_group_rows(lane, step, n, e);
	if (mem_grow((void **)scratch, capacity, (size_t)n + 1, sizeof(**scratch)) != 0) {
		err_set(e, RC_NOMEM, "out of memory for groups");
		return NULL;
	}
	for (uint32_t i = 0; i < n; i++)
		(*scratch)[i] = s->row[step[i]];
	return lane_group_rows(lane, *scratch, n, e);
}

void steps_free(struct steps *s)
{
	mem_free(s->code_scratch);
	mem_free(s->row_scratch);
	mem_free(s->start_scratch);
	mem_free(s->at_scratch);
	mem_free(s->person_scratch);
	*s = (struct steps){0};
}
