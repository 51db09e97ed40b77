// SPDX-License-Identifier: Apache-2.0
// Accumulators by group: sums that grow with the groups, and logs of samples for exact quantiles.
#include "measure/internal.h"

#include "base/mem.h"

#include <assert.h>

// --- sums ---

static const double zeros[SUMS_BLOCK_MAX]; // what an empty group holds

enum rc sums_fit(struct sums *s, uint32_t n_groups, struct err *e)
{
	if (n_groups <= s->n_groups)
		return RC_OK;
	size_t need = (size_t)n_groups * s->width, have = (size_t)s->n_groups * s->width;
	if (!s->v) {
		s->v = mem_calloc(need ? need : 1, sizeof(*s->v)); // untouched pages cost nothing
		s->capacity = need;
		if (!s->v)
			return err_set(e, RC_NOMEM, "out of memory for %u groups", n_groups);
	} else {
		if (mem_grow((void **)&s->v, &s->capacity, need, sizeof(*s->v)) != 0)
			return err_set(e, RC_NOMEM, "out of memory for %u groups", n_groups);
		memset(s->v + have, 0, (need - have) * sizeof(*s->v));
	}
	s->n_groups = n_groups;
	return RC_OK;
}

void sums_free(struct sums *s)
{
	mem_free(s->v);
	s->v = NULL;
	s->n_groups = 0;
	s->capacity = 0;
}

enum rc sums_merge(struct sums *into, const struct sums *from, struct err *e)
{
	enum rc rc = sums_fit(into, from->n_groups, e);
	size_t n = (size_t)from->n_groups * from->width;
	for (size_t i = 0; rc == RC_OK && i < n; i++)
		into->v[i] += from->v[i];
	return rc;
}

enum rc sums_fold(struct sums *s, const uint32_t *to, uint32_t n, uint32_t n_groups, struct err *e)
{
	enum rc rc = sums_fit(s, n_groups, e);
	for (uint32_t g = 0; rc == RC_OK && g < n; g++) {
		if (to[g] == g)
			continue;
		double *from = s->v + (size_t)g * s->width, *into = s->v + (size_t)to[g] * s->width;
		for (uint32_t i = 0; i < s->width; i++)
			into[i] += from[i];
		memset(from, 0, s->width * sizeof(*from));
	}
	return rc;
}

const double *sums_at(const struct sums *s, uint32_t group, uint32_t first)
{
	return group < s->n_groups ? s->v + (size_t)group * s->width + first : zeros;
}

// --- samples ---

static enum rc samples_reserve(struct samples *s, size_t extra, struct err *e)
{
	if (mem_grow((void **)&s->group, &s->group_capacity, s->n + extra, sizeof(*s->group)) != 0 ||
		mem_grow((void **)&s->value, &s->value_capacity, s->n + extra, sizeof(*s->value)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for %zu values", s->n + extra);
	return RC_OK;
}

enum rc samples_add(struct samples *s, uint32_t group, int64_t value, struct err *e)
{
	if (s->n >= s->group_capacity || s->n >= s->value_capacity) {
		enum rc rc = samples_reserve(s, 1, e);
		if (rc != RC_OK)
			return rc;
	}
	s->group[s->n] = group;
	s->value[s->n++] = value;
	return RC_OK;
}

void samples_free(struct samples *s)
{
	mem_free(s->group);
	mem_free(s->value);
	mem_free(s->start);
	*s = (struct samples){0};
}

enum rc samples_merge(struct samples *into, const struct samples *from, struct err *e)
{
	if (from->n == 0)
		return RC_OK;
	enum rc rc = samples_reserve(into, from->n, e);
	if (rc != RC_OK)
		return rc;
	memcpy(into->group + into->n, from->group, from->n * sizeof(*from->group));
	memcpy(into->value + into->n, from->value, from->n * sizeof(*from->value));
	into->n += from->n;
	into->sorted = false;
	return RC_OK;
}

void samples_fold(struct samples *s, const uint32_t *to, uint32_t n)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->group[i] < n)
			s->group[i] = to[s->group[i]];
	s->sorted = false;
}

// Counting sort by group, then each group by value. The groups' column is rebuilt to match, so that samples can be
// folded and sorted again.
enum rc samples_sort(struct samples *s, uint32_t n_groups, struct err *e)
{
	if (s->sorted && s->n_groups == n_groups)
		return RC_OK;
	mem_free(s->start);
	s->start = mem_calloc((size_t)n_groups + 2, sizeof(*s->start));
	int64_t *sorted = mem_calloc(s->n ? s->n : 1, sizeof(*sorted));
	if (!s->start || !sorted) {
		mem_free(sorted);
		return err_set(e, RC_NOMEM, "out of memory for %zu values", s->n);
	}
	for (size_t i = 0; i < s->n; i++)
		s->start[s->group[i] + 2]++;
	for (uint32_t g = 2; g < n_groups + 2; g++)
		s->start[g] += s->start[g - 1];
	for (size_t i = 0; i < s->n; i++)
		sorted[s->start[s->group[i] + 1]++] = s->value[i];
	mem_free(s->value);
	s->value = sorted;
	s->value_capacity = s->n ? s->n : 1;
	for (uint32_t g = 0; g < n_groups; g++) {
		size_t first = s->start[g], end = s->start[g + 1];
		stats_sort_i64(sorted + first, end - first);
		for (size_t i = first; i < end; i++)
			s->group[i] = g;
	}
	s->n_groups = n_groups;
	s->sorted = true;
	return RC_OK;
}

const int64_t *samples_of(const struct samples *s, uint32_t group, size_t *n)
{
	assert(s->sorted);
	*n = 0;
	if (group >= s->n_groups)
		return s->value;
	*n = s->start[group + 1] - s->start[group];
	return s->value + s->start[group];
}
