// SPDX-License-Identifier: Apache-2.0
// In which calendar buckets was a person active? Shared by the analyses of coming back: retention, lifecycle,
// stickiness, frequency. Times ascend within a person, so the buckets of a journey come out ascending and repeats
// are neighbours.
#ifndef CORRIDOR_MEASURE_ACTIVITY_H
#define CORRIDOR_MEASURE_ACTIVITY_H

#include "measure/internal.h"

#define ACTIVITY_BUCKETS_MAX 8192u
// The parameter --bucket; its choices in the order of activity_unit.
#define ACTIVITY_UNITS "day|week|month|quarter|year"
enum tz_unit activity_unit(uint32_t choice);

// Calendar buckets in the brand's zone over everything that is stored. RC_LIMIT: more than ACTIVITY_BUCKETS_MAX;
// RC_NOMEM.
enum rc activity_open(struct run *run, enum tz_unit unit, struct tz_buckets *out, struct err *e);
// The buckets [*first, *end) that touch the question's period; none when nothing is stored.
void activity_period(const struct run *run, const struct tz_buckets *b, uint32_t *first, uint32_t *end);
// For analyses that need the history before the period: filters go on to select interactions, the period does not;
// the analysis shows only the buckets of the period. Groups by time would have no meaning then: RC_USAGE. Call it in
// `prepare`.
enum rc activity_whole_history(struct run *run, struct err *e);
// run->n, when the period does not select: the interactions among the n kept ones that lie in it are counted here.
uint64_t activity_in_period(const struct lane *lane, const struct span *span);
// A buffer for the buckets of the longest journey of a span.
enum rc activity_fit(uint32_t **out, size_t *capacity, const struct span *span, struct err *e);

// The bucket of a time that is stored. A slot of the guess is narrower than a bucket, so one step is enough; what the
// loop is for are days that a zone left out.
static inline uint32_t activity_bucket(const struct tz_buckets *b, int64_t t)
{
	uint32_t i = b->guess[(uint64_t)(t - b->start[0]) >> b->shift];
	i += t >= b->start[i + 1];
	while (__builtin_expect(t >= b->start[i + 1], 0))
		i++;
	return i;
}

// The different buckets of rows [first, last) of one journey, ascending, to out (room for last - first). keep: NULL or
// 1/0 per row. Returns how many.
uint32_t activity_buckets(const struct tz_buckets *b, const int64_t *at, const uint8_t *keep, uint32_t first,
	uint32_t last, uint32_t *out);

// The group of each of n rows: NULL with RC_OK when the question has no groups (all are group 0). *n_groups: how many
// groups are known.
enum rc activity_groups(struct lane *lane, const uint32_t *row, uint32_t n, const uint32_t **group,
	uint32_t *n_groups, struct err *e);
// Grows sums like sums_fit, RC_LIMIT beyond 2^27 of them.
enum rc activity_sums_fit(struct sums *s, uint32_t n_groups, struct err *e);

// The state of an analysis that looks at each person's different buckets, ascending, and puts the person into the group
// of its first interaction that passes the filters.
struct activity_state {
	struct sums sums;
	uint32_t *buckets,
		*first_rows; // of the person at hand; of each person, the first row that is kept (if any)
	size_t buckets_capacity, rows_capacity;
	uint64_t n; // interactions in the period
};
// What is in s, not s itself.
void activity_state_free(struct activity_state *s);
// Makes a span ready: its persons' first rows and groups (as activity_groups), sums for all groups, n.
enum rc activity_state_span(struct activity_state *s, struct lane *lane, const struct span *span,
	const uint32_t **group, struct err *e);
// The sums of the group of the span's k-th person; its buckets are in s->buckets, *n of them.
double *activity_state_person(struct activity_state *s, const struct lane *lane, const struct tz_buckets *b,
	const uint32_t *group, uint32_t k, uint32_t *n);
enum rc activity_state_merge(struct activity_state *into, struct activity_state *from, struct err *e);

#endif
