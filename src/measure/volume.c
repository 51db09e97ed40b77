// SPDX-License-Identifier: Apache-2.0
// Analysis: how many interactions, from how many customers, and when.
#include "measure/internal.h"

#include "base/mem.h"

static const struct param params[] = {
	{.name = "customers",
		.type = PARAM_FLAG,
		.help = "also count the different customers of each group, exactly"},
};

enum { INTERACTIONS, SHARE, CUSTOMERS, FIRST, LAST, N_COLUMNS };
static const struct result_column columns[N_COLUMNS] = {
	[INTERACTIONS] = {"interactions", "interactions", CELL_COUNT, "interactions", 0,
		"interactions in the group"},
	[SHARE] = {"share", "share", CELL_RATIO, "1", 3, "of all interactions that passed the filters"},
	[CUSTOMERS] = {"customers", "customers", CELL_COUNT, "customers", 0,
		"different customers, with --customers; a customer may be in several groups, so these do not "
		"add up"},
	[FIRST] = {"first", "first", CELL_TIME, "", 0, "time of the earliest interaction"},
	[LAST] = {"last", "last", CELL_TIME, "", 0, "time of the latest interaction"},
};

struct extent {
	uint64_t n, n_customers, last_customer;
	int64_t first_ms, last_ms;
};

struct state {
	struct extent *groups;
	size_t capacity;
	uint32_t n_groups;
	uint64_t customer; // running number of the customer at hand, from 1
};

static enum rc prepare(struct run *run, struct err *e)
{
	(void)e;
	run->request.ordered = run_param(run, "customers")->flag;
	return RC_OK;
}

static void *state_new(struct run *run)
{
	(void)run;
	return mem_calloc(1, sizeof(struct state));
}

static void state_free(struct run *run, void *p)
{
	(void)run;
	struct state *s = p;
	mem_free(s->groups);
	mem_free(s);
}

static enum rc fit(struct state *s, uint32_t n_groups, struct err *e)
{
	if (n_groups <= s->n_groups)
		return RC_OK;
	if (mem_grow((void **)&s->groups, &s->capacity, n_groups, sizeof(*s->groups)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for %u groups", n_groups);
	for (uint32_t g = s->n_groups; g < n_groups; g++)
		s->groups[g] = (struct extent){.first_ms = INT64_MAX, .last_ms = INT64_MIN};
	s->n_groups = n_groups;
	return RC_OK;
}

static void add_row(struct extent *x, int64_t at)
{
	x->n++;
	x->first_ms = at < x->first_ms ? at : x->first_ms;
	x->last_ms = at > x->last_ms ? at : x->last_ms;
}

// All rows of a span in one group. Times ascend within a journey, so its ends say it all.
static void add_all(struct extent *x, const struct span *span, bool ordered)
{
	const int64_t *at = span->at;
	int64_t first = x->first_ms, last = x->last_ms;
	for (uint32_t k = 0; ordered && k < span->n_persons; k++) {
		int64_t begin = at[span->person_start[k]], end = at[span->person_start[k + 1] - 1];
		first = begin < first ? begin : first;
		last = end > last ? end : last;
	}
	for (uint32_t i = 0; !ordered && i < span->n; i++) {
		first = at[i] < first ? at[i] : first;
		last = at[i] > last ? at[i] : last;
	}
	x->n += span->n;
	x->n_customers += span->n_persons;
	x->first_ms = first;
	x->last_ms = last;
}

static enum rc add(struct lane *lane, void *p, const struct span *span, struct err *e)
{
	struct state *s = p;
	bool ordered = lane->run->request.ordered;
	if (lane->run->query->n_by == 0 && !lane->keep) {
		enum rc rc = fit(s, 1, e);
		if (rc == RC_OK)
			add_all(&s->groups[0], span, ordered);
		s->customer += span->n_persons;
		return rc;
	}
	const uint32_t *group = lane_group(lane, e);
	if (!group)
		return e->rc;
	enum rc rc = fit(s, lane->n_groups, e);
	if (rc != RC_OK)
		return rc;
	for (uint32_t i = 0; i < span->n; i++)
		if (lane_keeps(lane, i))
			add_row(&s->groups[group[i]], span->at[i]);
	for (uint32_t k = 0; ordered && k < span->n_persons; k++) {
		s->customer++;
		for (uint32_t i = span->person_start[k]; i < span->person_start[k + 1]; i++) {
			struct extent *x = &s->groups[group[i]];
			if (lane_keeps(lane, i) && x->last_customer != s->customer) {
				x->last_customer = s->customer;
				x->n_customers++;
			}
		}
	}
	return RC_OK;
}

static void join(struct extent *into, const struct extent *from)
{
	into->n += from->n;
	into->n_customers += from->n_customers;
	into->first_ms = from->first_ms < into->first_ms ? from->first_ms : into->first_ms;
	into->last_ms = from->last_ms > into->last_ms ? from->last_ms : into->last_ms;
}

static enum rc merge(struct run *run, void *into, void *from, struct err *e)
{
	(void)run;
	struct state *a = into, *b = from;
	enum rc rc = fit(a, b->n_groups, e);
	for (uint32_t g = 0; rc == RC_OK && g < b->n_groups; g++)
		join(&a->groups[g], &b->groups[g]);
	return rc;
}

static enum rc fold(struct run *run, void *p, const uint32_t *to, uint32_t n, struct err *e)
{
	struct state *s = p;
	enum rc rc = fit(s, run_groups(run), e);
	for (uint32_t g = 0; rc == RC_OK && g < n; g++)
		if (to[g] != g) {
			join(&s->groups[to[g]], &s->groups[g]);
			s->groups[g] = (struct extent){.first_ms = INT64_MAX, .last_ms = INT64_MIN};
		}
	return rc;
}

static enum rc finish(struct run *run, void *p, struct err *e)
{
	struct state *s = p;
	bool customers = run_param(run, "customers")->flag;
	uint32_t n_groups = run_groups(run);
	enum rc rc = fit(s, n_groups, e);
	for (uint32_t g = 0; rc == RC_OK && g < n_groups; g++) {
		const struct extent *x = &s->groups[g];
		if (!run_group_shown(run, g, (double)x->n))
			continue;
		struct cell *c = result_row(run, g, (double)x->n, e);
		if (!c)
			return e->rc;
		cell_number(&c[INTERACTIONS], (double)x->n);
		cell_number(&c[SHARE], run->n ? (double)x->n / (double)run->n : (double)NAN);
		// A customer can be in several of the groups that were folded, so their number is not a sum.
		if (customers && !run_group_is_other(run, g))
			cell_number(&c[CUSTOMERS], (double)x->n_customers);
		cell_time(run, &c[FIRST], x->n ? x->first_ms : TIME_NONE);
		cell_time(run, &c[LAST], x->n ? x->last_ms : TIME_NONE);
	}
	return rc;
}

static const char clickhouse[] =
	"SELECT {by}_n AS interactions, _n / nullIf(sum(_n) OVER (), 0) AS share,\n"
	"{if:customers}_customers{else}NULL{end} AS customers,\n"
	"if(_n > 0, {time:_first}, NULL) AS first, if(_n > 0, {time:_last}, NULL) AS last\n"
	"FROM (SELECT {keys}count() AS _n, {if:customers}uniqExact(person) AS _customers, {end}\n"
	"min(at) AS _first, max(at) AS _last FROM {rows} {group})\n"
	"{order}";

const struct analysis analysis_volume = {
	.name = "volume",
	.summary = "How many interactions there are, from how many customers, and when",
	.definition =
		"interactions: those that pass the filters. share: of all interactions that pass. customers "
		"(with --customers): different "
		"persons among them, counted exactly (not estimated); one person can be in several groups.",
	.chart = "bars",
	.params = params,
	.n_params = sizeof(params) / sizeof(params[0]),
	.columns = columns,
	.n_columns = N_COLUMNS,
	.on_request = "customers",
	.prepare = prepare,
	.state_new = state_new,
	.add = add,
	.merge = merge,
	.state_free = state_free,
	.fold = fold,
	.finish = finish,
	.clickhouse = clickhouse,
};
