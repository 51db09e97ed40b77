// SPDX-License-Identifier: Apache-2.0
// The variants of paths: whole sequences, the most frequent ones of each group, the rest summed.
#include "measure/paths.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SCRATCH_STEPS 64u // more than fit a packed key

struct variant {
	uint64_t slot;
	uint32_t group;
	bool other;
	uint64_t n;
	int64_t ms;
};

// All rows, group by group.
struct variants {
	struct run *run;
	const struct census *t;
	struct variant *v;
	size_t n, capacity;
};

// A heap by group would do as well; cutting a sorted list now and then is simpler and costs the same.
struct best {
	struct variant *v;
	size_t n, capacity;
	uint64_t least; // counts below it cannot make it into the list
	uint64_t total, n_paths;
	int64_t ms;
};

static int compare_variants(const void *x, const void *y, void *context)
{
	const struct variant *a = x, *b = y;
	const struct variants *all = context;
	const struct paths_plan *plan = all->run->plan;
	if (a->n != b->n)
		return a->n > b->n ? -1 : 1;
	uint32_t scratch[2][SCRATCH_STEPS], group, n[2];
	const uint32_t *p = census_path(all->t, a->slot, scratch[0], &group, &n[0]);
	const uint32_t *q = census_path(all->t, b->slot, scratch[1], &group, &n[1]);
	for (uint32_t i = 0; i < n[0] && i < n[1]; i++) {
		// Paths that are read backwards compare in order of time.
		uint32_t c = p[plan->backwards ? n[0] - 1 - i : i], d = q[plan->backwards ? n[1] - 1 - i : i];
		if (c != d)
			return step_before(all->run, &plan->key, c, d) ? -1 : 1;
	}
	return (n[0] > n[1]) - (n[0] < n[1]);
}

static enum rc best_add(struct variants *all, struct best *b, struct variant x, uint32_t top, struct err *e)
{
	if (x.n < b->least)
		return RC_OK;
	if (mem_grow((void **)&b->v, &b->capacity, b->n + 1, sizeof(*b->v)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for variants");
	b->v[b->n++] = x;
	if (top && b->n >= 2 * (size_t)top + 1024) {
		qsort_r(b->v, b->n, sizeof(*b->v), compare_variants, all);
		b->n = top;
		b->least = b->v[top - 1].n;
	}
	return RC_OK;
}

static void best_count(struct best *b, uint64_t n, int64_t ms)
{
	b->total += n;
	b->ms += ms;
	b->n_paths += n != 0;
}

// Passes over the paths of a table from slot i on that are not frequent enough and over free slots (of 0 paths), which
// come in no order that could be foreseen. Returns the next that is.
static uint64_t table_pass(const struct census *t, struct best *b, uint64_t i)
{
	struct best passed = {.least = b->least ? b->least : 1};
	for (uint64_t n; i < t->n_slots && (n = census_n(t, i)) < passed.least; i++)
		best_count(&passed, n, census_ms(t, i));
	b->total += passed.total;
	b->n_paths += passed.n_paths;
	b->ms += passed.ms;
	return i;
}

// The same for a list, whose sums are known: pages without a frequent path are not looked at.
static uint64_t list_pass(const struct census *t, const struct best *b, uint64_t i)
{
	uint64_t least = b->least ? b->least : 1;
	while (i < t->n_slots) {
		if (i % CENSUS_PAGE == 0 && t->page[i / CENSUS_PAGE].most < least)
			i += CENSUS_PAGE;
		else if (census_n(t, i) < least)
			i++;
		else
			break;
	}
	return i;
}

static enum rc best_take(struct variants *all, struct best *b, uint32_t group, uint32_t top, struct err *e)
{
	if (b->n == 0)
		return RC_OK;
	qsort_r(b->v, b->n, sizeof(*b->v), compare_variants, all);
	size_t shown = top && top < b->n ? top : b->n;
	if (mem_grow((void **)&all->v, &all->capacity, all->n + shown + 1, sizeof(*all->v)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for variants");
	struct variant other = {.group = group, .other = true, .n = b->total, .ms = b->ms};
	for (size_t i = 0; i < shown; i++) {
		all->v[all->n++] = b->v[i];
		other.n -= b->v[i].n;
		other.ms -= b->v[i].ms;
	}
	if (other.n) {
		all->v[all->n++] = other;
		run_note(all->run, "(other): %" PRIu64 " of %" PRIu64 " different paths", b->n_paths - shown,
			b->n_paths);
	}
	return RC_OK;
}

// The only group's most frequent paths.
static enum rc choose_best(struct variants *all, struct best *b, uint32_t top, struct err *e)
{
	const struct census *t = all->t;
	enum rc rc = RC_OK;
	if (t->page)
		*b = (struct best){.total = t->list_n, .ms = t->list_ms, .n_paths = t->n_used};
	for (uint64_t i = 0; rc == RC_OK; i++) {
		i = t->page ? list_pass(t, b, i) : table_pass(t, b, i);
		if (i >= t->n_slots)
			break;
		struct variant x = {.slot = i, .n = census_n(t, i), .ms = census_ms(t, i)};
		if (!t->page)
			best_count(b, x.n, x.ms);
		rc = best_add(all, b, x, top, e);
	}
	return rc;
}

// Those of all groups at once, as the table is not in their order.
static enum rc choose_each(struct variants *all, struct best *best, uint32_t top, struct err *e)
{
	uint32_t scratch[SCRATCH_STEPS], n_steps;
	enum rc rc = RC_OK;
	for (uint64_t i = 0; rc == RC_OK && i < census_slots(all->t); i++) {
		if (!census_key(all->t, i))
			continue;
		struct variant x = {.slot = i, .n = census_n(all->t, i), .ms = census_ms(all->t, i)};
		census_path(all->t, i, scratch, &x.group, &n_steps);
		best_count(&best[x.group], x.n, x.ms);
		rc = best_add(all, &best[x.group], x, top, e);
	}
	return rc;
}

static enum rc choose(struct variants *all, struct err *e)
{
	const struct paths_plan *plan = all->run->plan;
	uint32_t n_groups = run_groups(all->run);
	struct best *best = mem_calloc(n_groups ? n_groups : 1, sizeof(*best));
	if (!best)
		return err_set(e, RC_NOMEM, "out of memory for variants");
	enum rc rc =
		n_groups == 1 ? choose_best(all, best, plan->top, e) : choose_each(all, best, plan->top, e);
	for (uint32_t g = 0; rc == RC_OK && g < n_groups; g++)
		rc = best_take(all, &best[g], g, plan->top, e);
	for (uint32_t g = 0; g < n_groups; g++)
		mem_free(best[g].v);
	mem_free(best);
	return rc;
}

// --- durations ---

// Stands for a path and its group. Of paths too long for a key it is made of a 64-bit hash: were two of a million
// different paths to share one (a chance of 3 in 10^8), their durations would be taken together; counts would not.
static uint64_t time_key(uint64_t key, uint32_t group)
{
	uint64_t z = (key ^ (uint64_t)group << 40) + UINT64_C(0x9e3779b97f4a7c15) * (group + UINT64_C(1));
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	return z ? z : 1;
}

static enum rc sort_times(struct variants *all, const struct paths_state *s, struct samples *out, struct err *e)
{
	const struct paths_plan *plan = all->run->plan;
	struct census row = CENSUS_PLAIN;
	uint32_t n_groups = run_groups(all->run), scratch[SCRATCH_STEPS], group, n;
	uint32_t *other = mem_calloc((size_t)n_groups + 1, sizeof(*other));
	enum rc rc = other ? RC_OK : err_set(e, RC_NOMEM, "out of memory for durations");
	for (size_t i = 0; rc == RC_OK && i < all->n; i++) {
		if (all->v[i].other) {
			other[all->v[i].group] = (uint32_t)i;
			continue;
		}
		const uint32_t *code = census_path(all->t, all->v[i].slot, scratch, &group, &n);
		rc = census_count(&row, time_key(paths_key(&plan->shape, code, n), group), i + 1, e);
	}
	for (size_t i = 0; rc == RC_OK && i < s->n_times; i++) {
		const struct paths_time *x = &s->times[i];
		uint64_t at = census_get(&row, time_key(x->key, x->group));
		rc = samples_add(out, at ? (uint32_t)at - 1 : other[x->group], x->ms, e);
	}
	if (rc == RC_OK)
		rc = samples_sort(out, (uint32_t)all->n, e);
	census_free(&row);
	mem_free(other);
	return rc;
}

// --- rows ---

static enum rc variant_text(struct variants *all, const struct variant *v, struct cell *c, struct err *e)
{
	const struct paths_plan *plan = all->run->plan;
	if (v->other) {
		cell_text(&c[VARIANT_PATH], SV("(other)"));
		return RC_OK;
	}
	uint32_t scratch[SCRATCH_STEPS], group, n;
	const uint32_t *code = census_path(all->t, v->slot, scratch, &group, &n);
	cell_number(&c[VARIANT_STEPS], n);
	return paths_text(all->run, code, n, plan->backwards, "", "", &c[VARIANT_PATH], e);
}

static enum rc write_rows(struct variants *all, const struct samples *times, struct err *e)
{
	const struct paths_plan *plan = all->run->plan;
	enum rc rc = RC_OK;
	for (size_t first = 0, end; rc == RC_OK && first < all->n; first = end) {
		uint64_t total = 0, sum = 0;
		for (end = first; end < all->n && all->v[end].group == all->v[first].group; end++)
			total += all->v[end].n;
		for (size_t i = first; rc == RC_OK && i < end; i++) {
			const struct variant *v = &all->v[i];
			struct cell *c = result_row(all->run, v->group, (double)v->n, e);
			if (!c)
				return e->rc;
			sum += v->n;
			rc = variant_text(all, v, c, e);
			cell_number(&c[VARIANT_N], (double)v->n);
			cell_number(&c[VARIANT_SHARE], (double)v->n / (double)total);
			cell_number(&c[VARIANT_CUMULATIVE], (double)sum / (double)total);
			cell_number(&c[VARIANT_MEAN], (double)v->ms / (double)v->n / 1000.0);
			if (!plan->quantiles)
				continue;
			size_t n;
			const int64_t *ms = samples_of(times, (uint32_t)i, &n);
			cell_number(&c[VARIANT_P50], stats_quantile_i64(ms, n, 0.5) / 1000.0);
			cell_number(&c[VARIANT_P90], stats_quantile_i64(ms, n, 0.9) / 1000.0);
		}
	}
	return rc;
}

enum rc paths_write_variants(struct run *run, struct paths_state *s, struct err *e)
{
	const struct paths_plan *plan = run->plan;
	struct variants all = {.run = run, .t = &s->paths};
	struct samples times = {0};
	enum rc rc = choose(&all, e);
	if (rc == RC_OK && plan->quantiles)
		rc = sort_times(&all, s, &times, e);
	if (rc == RC_OK)
		rc = write_rows(&all, &times, e);
	samples_free(&times);
	mem_free(all.v);
	return rc;
}
