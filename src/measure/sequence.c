// SPDX-License-Identifier: Apache-2.0
// Analysis: journeys that contain a pattern of interactions: how many, how long it takes, and whose.
#include "measure/sequence.h"

#include "base/mem.h"

#include <math.h>

static const struct param params[] = {
	{.name = "pattern",
		.type = PARAM_STRING,
		.required = true,
		.help = "for example: delivery (support-call)+ within 7d not {csat > 3}; its signs are in the "
			"manual"},
	{.name = "event",
		.type = PARAM_FILTER,
		.repeated = true,
		.help = "what (?1), (?2), … stand for, in this order, when the pattern is written as for "
			"ClickHouse"},
	{.name = "between",
		.type = PARAM_CHOICE,
		.choices = "any|none",
		.help = "what may lie between elements: anything, or nothing; default: any, with --event none"},
	{.name = "among",
		.type = PARAM_CHOICE,
		.value = "all",
		.choices = "all|pattern",
		.help = "what counts as lying between: every interaction, or only those that some element "
			"names"},
	{.name = "extent",
		.type = PARAM_CHOICE,
		.value = "shortest",
		.choices = "shortest|longest",
		.help = "a match ends as early as it can, or as late as it can"},
	{.name = "count",
		.type = PARAM_CHOICE,
		.value = "persons",
		.choices = "persons|matches",
		.help = "each person's first match, or all matches that do not overlap"},
	{.name = "persons", .type = PARAM_FLAG, .help = "list the customers who have a match instead"},
};

enum {
	PERSONS,
	MATCHES,
	SHARE,
	SHARE_LOW,
	SHARE_HIGH,
	P10,
	P25,
	P50,
	P75,
	P90,
	MEAN,
	MEAN_LOW,
	MEAN_HIGH,
	N_COLUMNS
};
static const struct result_column columns[N_COLUMNS] = {
	[PERSONS] = {"persons", "persons", CELL_COUNT, "customers", 0,
		"customers with a match in the group; with --count matches one can be in several groups"},
	[MATCHES] = {"matches", "matches", CELL_COUNT, "matches", 0, "matches"},
	[SHARE] = {"share", "share", CELL_RATIO, "1", 3,
		"persons, of all customers with an interaction that passes the filters"},
	[SHARE_LOW] = {"share_low", "≥", CELL_RATIO, "1", 3, "lower end of its 95 % Wilson interval"},
	[SHARE_HIGH] = {"share_high", "≤", CELL_RATIO, "1", 3, "upper end of its 95 % Wilson interval"},
	[P10] = {"p10", "p10", CELL_SECONDS, "s", 0,
		"time from the first to the last matched interaction, 10th percentile"},
	[P25] = {"p25", "p25", CELL_SECONDS, "s", 0, "the same, 25th percentile"},
	[P50] = {"p50", "median", CELL_SECONDS, "s", 0, "the same, median"},
	[P75] = {"p75", "p75", CELL_SECONDS, "s", 0, "the same, 75th percentile"},
	[P90] = {"p90", "p90", CELL_SECONDS, "s", 0, "the same, 90th percentile"},
	[MEAN] = {"mean", "mean", CELL_SECONDS, "s", 0, "the same, mean"},
	[MEAN_LOW] = {"mean_low", "mean ≥", CELL_SECONDS, "s", 0, "lower end of its 95 % t interval"},
	[MEAN_HIGH] = {"mean_high", "mean ≤", CELL_SECONDS, "s", 0, "upper end of its 95 % t interval"},
};

enum { SUM_PERSONS, SUM_MATCHES, SUM_OPEN, N_SUMS };

struct plan {
	struct sequence_names names;
	struct sequence_program *program;
	struct classes *classes; // NULL: the pattern names nothing
	bool all_rows;           // interactions that no element names count too
	bool longest, matches, list;
};

// Matches of a span, before their groups are known.
struct found {
	uint64_t person;
	int64_t start_ms, duration_ms;
	bool open;
};

struct state {
	struct class_rows rows;
	uint32_t *all_row, *all_bits; // of a span, when all rows count
	size_t all_row_capacity, all_bits_capacity;
	struct sequence_runner runner;
	struct found *found;
	uint32_t *found_row;
	size_t found_capacity, row_capacity, n_found;
	struct sums sums;
	uint64_t *last_person; // by group, 1 + its number: who matched there last
	size_t last_capacity;
	uint32_t n_last;
	struct samples durations;
	struct persons persons;
	uint64_t n_persons; // with an interaction that passes the filters
	uint64_t number;    // of the last person with a match
	uint64_t numbered;  // its key
};

// --- the question ---

static enum rc prepare(struct run *run, struct err *e)
{
	struct plan *plan = arena_alloc(run->scratch, sizeof(*plan));
	if (!plan)
		return err_set(e, RC_NOMEM, "out of memory for a pattern");
	run->plan = plan;
	const struct param_value *between = run_param(run, "between");
	struct sequence_names *names = &plan->names;
	uint32_t n_events = run_param_count(run, "event"), n_slots;
	if (n_events > CLASSES_MAX)
		return err_set(e, RC_USAGE, "--event is given %u times; at most %u are possible", n_events,
			CLASSES_MAX);
	for (const struct param_value *v = run_param(run, "event"); n_events && v; v = v->next)
		names->filter[names->n++] = v->filter;
	names->fixed = n_events > 0;
	struct sequence_node *tree;
	enum rc rc = sequence_parse(run, run_param(run, "pattern")->text, names, &n_slots, &tree, e);
	bool skip = between->present ? between->choice == 0 : !names->fixed;
	if (rc == RC_OK)
		rc = sequence_emit(run, tree, n_slots, skip, &plan->program, e);
	if (rc == RC_OK && names->n)
		rc = classes_open(run, names->filter, names->n, &plan->classes, e);
	plan->longest = run_param(run, "extent")->choice == 1;
	plan->matches = run_param(run, "count")->choice == 1;
	plan->list = run_param(run, "persons")->flag;
	if (rc == RC_OK && plan->list)
		persons_open(run);
	if (rc != RC_OK)
		return rc;
	plan->all_rows = !names->n || (plan->program->needs_all && run_param(run, "among")->choice == 0) ||
			 plan->program->nullable;
	if (plan->program->nullable)
		run_note(run, "the pattern matches no interaction at all, too: every customer has a match");
	return RC_OK;
}

static void *state_new(struct run *run)
{
	(void)run;
	struct state *s = mem_calloc(1, sizeof(*s));
	if (s)
		s->sums.width = N_SUMS;
	return s;
}

static void state_free(struct run *run, void *p)
{
	(void)run;
	struct state *s = p;
	class_rows_free(&s->rows);
	sequence_runner_free(&s->runner);
	mem_free(s->all_row);
	mem_free(s->all_bits);
	mem_free(s->found);
	mem_free(s->found_row);
	mem_free(s->last_person);
	sums_free(&s->sums);
	samples_free(&s->durations);
	persons_free(&s->persons);
	mem_free(s);
}

// --- journeys ---

static enum rc keep_match(struct state *s, uint64_t person, const struct sequence_journey *j,
	const struct sequence_match *m, struct err *e)
{
	if (mem_grow((void **)&s->found, &s->found_capacity, s->n_found + 1, sizeof(*s->found)) != 0 ||
		mem_grow((void **)&s->found_row, &s->row_capacity, s->n_found + 1, sizeof(*s->found_row)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for matches");
	int64_t start = j->at[j->row[m->start]], end = j->at[j->row[m->end]];
	s->found_row[s->n_found] = j->row[m->start];
	s->found[s->n_found++] = (struct found){person, start, end - start, m->open};
	return RC_OK;
}

static enum rc add_journey(struct lane *lane, struct state *s, const struct plan *plan, uint64_t person,
	const struct sequence_journey *j, struct err *e)
{
	const struct sequence_program *p = plan->program;
	uint64_t work = 0;
	bool all = p->nullable || p->starts == SEQUENCE_ANY;
	uint32_t first = 0;
	while (first < j->n && !all && !(j->bits[first] & p->starts))
		first++;
	enum rc rc = first < j->n ? sequence_prepare(&s->runner, j, e) : RC_OK;
	for (uint32_t i = first; rc == RC_OK && i < j->n; i++) {
		struct sequence_match m;
		bool found;
		if ((!all && !(j->bits[i] & p->starts)) || !lane_keeps(lane, j->row[i]))
			continue;
		if (!sequence_can_match(&s->runner, p, i))
			break;
		rc = sequence_match_at(&s->runner, p, j, i, plan->longest, &work, &m, &found, e);
		if (rc != RC_OK || !found)
			continue;
		rc = keep_match(s, person, j, &m, e);
		if (!plan->matches)
			break;
		i = m.end;
	}
	return rc;
}

static enum rc groups_fit(struct state *s, uint32_t n, struct err *e)
{
	if (n > s->n_last) {
		if (mem_grow((void **)&s->last_person, &s->last_capacity, n, sizeof(*s->last_person)) != 0)
			return err_set(e, RC_NOMEM, "out of memory for %u groups", n);
		memset(s->last_person + s->n_last, 0, (n - s->n_last) * sizeof(*s->last_person));
		s->n_last = n;
	}
	return sums_fit(&s->sums, n, e);
}

static enum rc add_found(struct lane *lane, struct state *s, const struct plan *plan, struct err *e)
{
	const uint32_t *group = lane_group_rows(lane, s->found_row, (uint32_t)s->n_found, e);
	enum rc rc = group ? groups_fit(s, lane->n_groups, e) : e->rc;
	for (size_t i = 0; rc == RC_OK && i < s->n_found; i++) {
		const struct found *x = &s->found[i];
		double *a = s->sums.v + (size_t)group[i] * N_SUMS;
		if (!s->number || s->numbered != x->person) {
			s->number++;
			s->numbered = x->person;
		}
		a[SUM_PERSONS] += s->last_person[group[i]] != s->number;
		s->last_person[group[i]] = s->number;
		a[SUM_MATCHES] += 1.0;
		a[SUM_OPEN] += x->open;
		rc = plan->list ? persons_add(&s->persons, lane->run, x->person, group[i], x->start_ms, e)
				: samples_add(&s->durations, group[i], x->duration_ms, e);
	}
	return rc;
}

// How many persons of the span have an interaction that passes the filters.
static uint32_t count_persons(const struct lane *lane, const struct span *span)
{
	uint32_t n = 0;
	if (!lane->keep)
		return span->n_persons;
	for (uint32_t k = 0; k < span->n_persons; k++) {
		uint32_t i = span->person_start[k], end = span->person_start[k + 1];
		while (i < end && !lane->keep[i])
			i++;
		n += i < end;
	}
	return n;
}

// The rows that count, with their classes.
static enum rc find_rows(
	struct lane *lane, struct state *s, const struct plan *plan, struct sequence_journey *j, struct err *e)
{
	uint32_t n = lane->span->n;
	enum rc rc = plan->classes ? classes_find(lane, plan->classes, false, &s->rows, e) : RC_OK;
	*j = (struct sequence_journey){
		s->rows.n, s->rows.row, s->rows.bits, lane->span->at, 0, 0, lane->run->stats.last_ms};
	if (rc != RC_OK || !plan->all_rows)
		return rc;
	if (mem_grow((void **)&s->all_row, &s->all_row_capacity, (size_t)n + 1, sizeof(*s->all_row)) != 0 ||
		mem_grow((void **)&s->all_bits, &s->all_bits_capacity, (size_t)n + 1, sizeof(*s->all_bits)) !=
			0)
		return err_set(e, RC_NOMEM, "out of memory for %u interactions", n);
	for (uint32_t i = 0; i < n; i++) {
		s->all_row[i] = i;
		s->all_bits[i] = 0;
	}
	for (uint32_t k = 0; plan->classes && k < s->rows.n; k++)
		s->all_bits[s->rows.row[k]] = s->rows.bits[k];
	j->n = n;
	j->row = s->all_row;
	j->bits = s->all_bits;
	return RC_OK;
}

static enum rc add(struct lane *lane, void *p, const struct span *span, struct err *e)
{
	struct state *s = p;
	const struct plan *plan = lane->run->plan;
	struct sequence_journey all;
	enum rc rc = find_rows(lane, s, plan, &all, e);
	s->n_persons += count_persons(lane, span);
	s->n_found = 0;
	for (uint32_t k = 0, i = 0; rc == RC_OK && k < span->n_persons && i < all.n; k++) {
		uint32_t first = i, end = span->person_start[k + 1];
		while (i < all.n && all.row[i] < end)
			i++;
		if (i == first)
			continue;
		struct sequence_journey j = {i - first, all.row + first, all.bits + first, span->at,
			span->person_start[k], end - 1, all.newest_ms};
		rc = add_journey(lane, s, plan, span->person[k], &j, e);
	}
	return rc == RC_OK ? add_found(lane, s, plan, e) : rc;
}

static enum rc merge(struct run *run, void *into, void *from, struct err *e)
{
	(void)run;
	struct state *a = into, *b = from;
	a->n_persons += b->n_persons;
	enum rc rc = sums_merge(&a->sums, &b->sums, e);
	if (rc == RC_OK)
		rc = samples_merge(&a->durations, &b->durations, e);
	return rc == RC_OK ? persons_merge(&a->persons, &b->persons, e) : rc;
}

static enum rc fold(struct run *run, void *p, const uint32_t *to, uint32_t n, struct err *e)
{
	struct state *s = p;
	samples_fold(&s->durations, to, n);
	return sums_fold(&s->sums, to, n, run_groups(run), e);
}

// --- the answer ---

static void write_durations(const struct samples *samples, uint32_t group, struct cell *c)
{
	static const double quantiles[] = {0.10, 0.25, 0.50, 0.75, 0.90};
	size_t n;
	const int64_t *v = samples_of(samples, group, &n);
	for (uint32_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
		cell_number(&c[P10 + i], stats_quantile_i64(v, n, quantiles[i]) / 1000.0);
	cell_estimate(&c[MEAN], &c[MEAN_LOW], &c[MEAN_HIGH], stats_mean_seconds(v, n, 0.0));
}

static enum rc finish(struct run *run, void *p, struct err *e)
{
	struct state *s = p;
	const struct plan *plan = run->plan;
	if (plan->list)
		return persons_rows(run, &s->persons, e);
	uint32_t n_groups = run_groups(run);
	enum rc rc = samples_sort(&s->durations, n_groups, e);
	double open = 0.0;
	for (uint32_t g = 0; rc == RC_OK && g < n_groups; g++) {
		const double *a = sums_at(&s->sums, g, 0);
		open += a[SUM_OPEN];
		if (!run_group_shown(run, g, a[SUM_MATCHES]))
			continue;
		struct cell *c = result_row(run, g, a[SUM_MATCHES], e);
		if (!c)
			return RC_NOMEM;
		cell_number(&c[MATCHES], a[SUM_MATCHES]);
		write_durations(&s->durations, g, c);
		// A customer can have matches in several of the groups that were folded.
		if (plan->matches && run_group_is_other(run, g))
			continue;
		cell_number(&c[PERSONS], a[SUM_PERSONS]);
		cell_estimate(&c[SHARE], &c[SHARE_LOW], &c[SHARE_HIGH],
			stats_wilson(a[SUM_PERSONS], (double)s->n_persons));
	}
	run_note(run, "of %llu customers with interactions that pass the filters",
		(unsigned long long)s->n_persons);
	if (open > 0.0)
		run_note(run,
			"for %.0f matches what must not follow could still do so at the newest interaction",
			open);
	return rc;
}

const struct analysis analysis_sequence = {
	.name = "sequence",
	.example = "--pattern \"order delivery within 7d\"",
	.summary = "Journeys that contain a pattern of interactions: how many, how long it takes, and whose",
	.definition =
		"A pattern is a regular expression over the interactions of a customer's journey (ties "
		"in time in order of "
		"arrival): elements one after the other, each a touch point, a {filter}, or . for any; ( "
		") | * + ? {m,n}; "
		"^ and $ at the first and last interaction of the journey. Between elements anything may "
		"lie (--between "
		"none: nothing; ... and ~ say so for one place). X within T: each interaction of X at "
		"most T after the one "
		"matched before X (before a first X: after its own first), after T: at least; of start: "
		"after the match's "
		"first. not X: no X until the next element, at the end of the pattern until the "
		"journey's end, with within "
		"only for so long. A match starts at the first interaction that passes the filters from "
		"which there is one, "
		"and ends as early as it can (--extent). All ways are followed at once (Thompson 1968; "
		"Pike), and what led nowhere from one start is not followed from the next, so time is "
		"bounded by interactions times parts of the pattern, and the reach of its times. share: of "
		"all "
		"customers with an "
		"interaction that passes the filters, Wilson's interval (1927). Quantiles of type 7 of "
		"Hyndman & Fan "
		"(1996), mean with Student's t, all 95 %.",
	.chart = "bars",
	.params = params,
	.n_params = sizeof(params) / sizeof(params[0]),
	.columns = columns,
	.n_columns = N_COLUMNS,
	.ordered = true,
	.all_rows = true,
	.prepare = prepare,
	.state_new = state_new,
	.add = add,
	.merge = merge,
	.state_free = state_free,
	.fold = fold,
	.finish = finish,
};
