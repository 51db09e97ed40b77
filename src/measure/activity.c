// SPDX-License-Identifier: Apache-2.0
// See activity.h.
#include "measure/activity.h"

#include "base/mem.h"

#include <assert.h>

#define SUMS_MAX (UINT64_C(1) << 27)

enum tz_unit activity_unit(uint32_t choice)
{
	static const enum tz_unit units[] = {TZ_DAY, TZ_WEEK, TZ_MONTH, TZ_QUARTER, TZ_YEAR};
	assert(choice < sizeof(units) / sizeof(units[0]));
	return units[choice];
}

enum rc activity_open(struct run *run, enum tz_unit unit, struct tz_buckets *out, struct err *e)
{
	int64_t from = run->stats.first_ms, to = run->stats.last_ms;
	if (from == TIME_NONE || to == TIME_NONE)
		from = to = 0;
	enum rc rc = tz_buckets_make(run->design->tz, unit, from, to + 1, run->scratch, out, e);
	if (rc != RC_OK || out->n <= ACTIVITY_BUCKETS_MAX)
		return rc;
	err_set(e, RC_LIMIT,
		"from the first interaction to the last there are %u buckets; at most %u are possible", out->n,
		ACTIVITY_BUCKETS_MAX);
	err_remedy(e, "choose a larger --bucket; `corridor query quality` shows times that are far off");
	return RC_LIMIT;
}

void activity_period(const struct run *run, const struct tz_buckets *b, uint32_t *first, uint32_t *end)
{
	*first = 0;
	*end = run->stats.n_interactions ? b->n : 0;
	while (*first < *end && run->from_ms != TIME_NONE && b->start[*first + 1] <= run->from_ms)
		(*first)++;
	while (*end > *first && run->to_ms != TIME_NONE && b->start[*end - 1] >= run->to_ms)
		(*end)--;
}

// open_period makes the period the first predicate of all.
enum rc activity_whole_history(struct run *run, struct err *e)
{
	for (uint32_t i = 0; i < grouping_keys(run); i++)
		if (grouping_is_time(run, i)) {
			struct sv name = grouping_key_name(run, i);
			err_set(e, RC_USAGE, "%s cannot be grouped by %.*s", run->analysis->name, SV_ARG(name));
			err_remedy(e, "it is by time already: give --bucket or --period");
			return RC_USAGE;
		}
	if (run->from_ms == TIME_NONE && run->to_ms == TIME_NONE)
		return RC_OK;
	assert(run->request.n_predicates > 0 && run->predicates[0].kind == PREDICATE_TIME);
	run->request.n_predicates--;
	memmove(run->predicates, run->predicates + 1, run->request.n_predicates * sizeof(run->predicates[0]));
	return RC_OK;
}

uint64_t activity_in_period(const struct lane *lane, const struct span *span)
{
	int64_t from = lane->run->from_ms, to = lane->run->to_ms == TIME_NONE ? INT64_MAX : lane->run->to_ms;
	if (from == TIME_NONE && to == INT64_MAX)
		return lane->n_keep;
	uint64_t n = 0;
	for (uint32_t i = 0; i < span->n; i++)
		n += (span->at[i] >= from) & (span->at[i] < to) & (!lane->keep || lane->keep[i] != 0);
	return n;
}

enum rc activity_fit(uint32_t **out, size_t *capacity, const struct span *span, struct err *e)
{
	if (mem_grow((void **)out, capacity, (size_t)span->n + 1, sizeof(**out)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for journeys");
	return RC_OK;
}

// A look-up for each bucket, one comparison for every other row.
static uint32_t buckets_of_all(
	const struct tz_buckets *b, const int64_t *at, uint32_t first, uint32_t last, uint32_t *restrict out)
{
	uint32_t n = 0;
	for (uint32_t i = first; i < last;) {
		uint32_t k = activity_bucket(b, at[i]);
		int64_t end = b->start[k + 1];
		out[n++] = k;
		for (i++; i < last && at[i] < end;)
			i++;
	}
	return n;
}

uint32_t activity_buckets(const struct tz_buckets *b, const int64_t *at, const uint8_t *keep, uint32_t first,
	uint32_t last, uint32_t *restrict out)
{
	if (!keep)
		return buckets_of_all(b, at, first, last, out);
	uint32_t n = 0, before = UINT32_MAX;
	for (uint32_t i = first; i < last; i++) {
		if (!keep[i])
			continue;
		uint32_t k = activity_bucket(b, at[i]);
		out[n] = k;
		n += k != before;
		before = k;
	}
	return n;
}

enum rc activity_groups(struct lane *lane, const uint32_t *row, uint32_t n, const uint32_t **group,
	uint32_t *n_groups, struct err *e)
{
	*group = NULL;
	*n_groups = 1;
	if (lane->run->query->n_by == 0)
		return RC_OK;
	*group = lane_group_rows(lane, row, n, e);
	*n_groups = lane->n_groups;
	return *group ? RC_OK : e->rc;
}

enum rc activity_sums_fit(struct sums *s, uint32_t n_groups, struct err *e)
{
	if ((uint64_t)n_groups * s->width <= SUMS_MAX)
		return sums_fit(s, n_groups, e);
	err_set(e, RC_LIMIT, "%u groups of %u cells each are too many", n_groups, s->width);
	err_remedy(e, "group by fewer fields, filter, or choose larger buckets");
	return RC_LIMIT;
}

// --- persons by their buckets ---

void activity_state_free(struct activity_state *s)
{
	sums_free(&s->sums);
	mem_free(s->buckets);
	mem_free(s->first_rows);
}

enum rc activity_state_span(struct activity_state *s, struct lane *lane, const struct span *span,
	const uint32_t **group, struct err *e)
{
	uint32_t n_groups;
	enum rc rc = activity_fit(&s->buckets, &s->buckets_capacity, span, e);
	if (rc == RC_OK)
		rc = activity_fit(&s->first_rows, &s->rows_capacity, span, e);
	if (rc != RC_OK)
		return rc;
	for (uint32_t k = 0; k < span->n_persons; k++) {
		uint32_t row = span->person_start[k];
		while (row + 1 < span->person_start[k + 1] && !lane_keeps(lane, row))
			row++;
		s->first_rows[k] = row;
	}
	rc = activity_groups(lane, s->first_rows, span->n_persons, group, &n_groups, e);
	if (rc == RC_OK)
		rc = activity_sums_fit(&s->sums, n_groups, e);
	if (rc == RC_OK)
		s->n += activity_in_period(lane, span);
	return rc;
}

double *activity_state_person(struct activity_state *s, const struct lane *lane, const struct tz_buckets *b,
	const uint32_t *group, uint32_t k, uint32_t *n)
{
	const struct span *span = lane->span;
	*n = activity_buckets(b, span->at, lane->keep, s->first_rows[k], span->person_start[k + 1], s->buckets);
	return s->sums.v + (size_t)(group ? group[k] : 0) * s->sums.width;
}

enum rc activity_state_merge(struct activity_state *into, struct activity_state *from, struct err *e)
{
	into->n += from->n;
	return sums_merge(&into->sums, &from->sums, e);
}
