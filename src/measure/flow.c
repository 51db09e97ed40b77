// SPDX-License-Identifier: Apache-2.0
// Analysis: what follows what, directly (the directly-follows graph of process mining), and what comes again.
//
// Invariants: cells are a dense matrix by (group, from, to) per lane while it fits FLOW_CELLS_MAX, else numbered as they
// are met. Code n_codes is the boundary: (start) as from, (end) as to; it is counted always, so that shares of from have
// every interaction in their denominator, and shown with --ends.
#include "measure/flow_cells.h"
#include "measure/paths_census.h"
#include "measure/paths_steps.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_LINE 64u

static const struct param params[] = {
	{.name = "of", .type = PARAM_STRING, .value = "touchpoint", .help = STEP_OF_HELP},
	{.name = "show",
		.type = PARAM_CHOICE,
		.value = "transitions",
		.choices = "transitions|loops|rework",
		.help = "transitions: what follows what; loops: the same again at once; rework: again later, "
			"after "
			"something else"},
	{.name = "gap",
		.type = PARAM_STRING,
		.value = "none",
		.help = "a longer pause ends what belongs together; none: whole journeys"},
	{.name = "ends", .type = PARAM_FLAG, .help = "transitions: also from (start) and to (end)"},
	{.name = "quantiles",
		.type = PARAM_FLAG,
		.help = "median and 90th percentile of the times too, exact (12 bytes of memory per "
			"transition)"},
	{.name = "top",
		.type = PARAM_INTEGER,
		.value = "50",
		.min = 0,
		.max = 1000000,
		.help = "the most frequent of each group, the rest summed as (other); 0: all"},
};

enum { FROM, TO, N, SHARE, PERSONS, MEAN, MEAN_LOW, MEAN_HIGH, P50, P90, N_COLUMNS };
static const struct result_column columns[N_COLUMNS] = {
	[FROM] = {"from", "from", CELL_TEXT, "", 0, "what came first"},
	[TO] = {"to", "to", CELL_TEXT, "", 0, "what followed; loops and rework: the same"},
	[N] = {"n", "n", CELL_COUNT, "transitions", 0, "how often"},
	[SHARE] = {"share", "share", CELL_RATIO, "1", 3,
		"transitions, loops: of the interactions at from; rework: of the visits there"},
	[PERSONS] = {"persons", "persons", CELL_COUNT, "persons", 0, "how many persons did so at least once"},
	[MEAN] = {"mean", "mean", CELL_SECONDS, "s", 0, "mean time between the two"},
	[MEAN_LOW] = {"mean_low", "mean ≥", CELL_SECONDS, "s", 0, "lower end of its 95 % t interval"},
	[MEAN_HIGH] = {"mean_high", "mean ≤", CELL_SECONDS, "s", 0, "upper end of its 95 % t interval"},
	[P50] = {"p50", "median", CELL_SECONDS, "s", 0, "median time (--quantiles)"},
	[P90] = {"p90", "p90", CELL_SECONDS, "s", 0, "90th percentile of the times (--quantiles)"},
};

enum show { SHOW_TRANSITIONS, SHOW_LOOPS, SHOW_REWORK };

struct plan {
	struct step_key key;
	int64_t gap_ms;
	uint32_t width; // n_codes + 1
	uint32_t top;
	enum show show;
	bool ends, quantiles, dense;
};

// What is known of a code within the journey at hand, for loops and rework.
struct visit {
	uint64_t at; // the case in which it was last met; 0: never
	int64_t last_ms;
};

struct state {
	struct steps steps;
	struct flow_cell *cells; // in cells_memory
	void *cells_memory;
	size_t cells_capacity;
	uint32_t n_cells;
	struct census number; // sparse: key of a cell → its number + 1
	uint64_t *keys;       // sparse: of a cell
	size_t keys_capacity;
	struct samples times; // by cell
	struct visit *visits; // by code
	uint64_t n_cases;
	uint32_t n_persons;
	uint32_t *all, *group_rows; // scratch: the steps themselves, their rows
	size_t all_capacity, group_rows_capacity;
};

static enum rc prepare(struct run *run, struct err *e)
{
	struct plan *plan = arena_alloc(run->scratch, sizeof(*plan));
	if (!plan)
		return err_set(e, RC_NOMEM, "out of memory for transitions");
	run->plan = plan;
	plan->show = (enum show)run_param(run, "show")->choice;
	plan->ends = run_param(run, "ends")->flag;
	plan->quantiles = run_param(run, "quantiles")->flag;
	plan->top = (uint32_t)run_param(run, "top")->number;
	if (plan->ends && plan->show != SHOW_TRANSITIONS) {
		err_set(e, RC_USAGE, "--ends is for transitions");
		err_remedy(e, "leave --ends or --show away");
		return RC_USAGE;
	}
	enum rc rc = step_gap_open(run, "gap", &plan->gap_ms, e);
	if (rc == RC_OK)
		rc = step_key_open(run, run_param(run, "of")->text, &plan->key, e);
	if (rc != RC_OK)
		return rc;
	plan->width = plan->key.n_codes + 1;
	run->columns = columns;
	run->n_columns = plan->quantiles ? N_COLUMNS : P50;
	// Groups that are numbered as they are met are not known yet.
	uint64_t n_groups = run->query->n_by ? run_groups(run) : 1;
	uint64_t n_cells = (uint64_t)plan->width * plan->width;
	plan->dense = n_groups && plan->width < 65536 && n_cells * (n_groups + 1) <= FLOW_CELLS_MAX;
	return RC_OK;
}

static void state_free(struct run *run, void *p)
{
	(void)run;
	struct state *s = p;
	if (!s)
		return;
	steps_free(&s->steps);
	samples_free(&s->times);
	census_free(&s->number);
	mem_free(s->cells_memory);
	mem_free(s->keys);
	mem_free(s->visits);
	mem_free(s->all);
	mem_free(s->group_rows);
	mem_free(s);
}

// Cells are 32 bytes and begin on a cache line, so that none is on two.
static enum rc fit_cells(struct state *s, uint32_t n, struct err *e)
{
	if (n <= s->n_cells)
		return RC_OK;
	if (n > s->cells_capacity) {
		size_t capacity = 2 * s->cells_capacity > n ? 2 * s->cells_capacity : n;
		void *memory = mem_calloc(capacity + 2, sizeof(*s->cells));
		if (!memory)
			return err_set(e, RC_NOMEM, "out of memory for %u transitions", n);
		struct flow_cell *cells = (struct flow_cell *)(((uintptr_t)memory + CACHE_LINE - 1) &
							       ~(uintptr_t)(CACHE_LINE - 1));
		if (s->n_cells)
			memcpy(cells, s->cells, s->n_cells * sizeof(*cells));
		mem_free(s->cells_memory);
		s->cells_memory = memory;
		s->cells = cells;
		s->cells_capacity = capacity;
	}
	s->n_cells = n;
	return RC_OK;
}

static void *state_new(struct run *run)
{
	const struct plan *plan = run->plan;
	struct state *s = mem_calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->number = CENSUS_PLAIN;
	s->visits = mem_calloc(plan->width, sizeof(*s->visits));
	uint32_t n_groups = run->query->n_by ? run_groups(run) : 1;
	if (!s->visits || (plan->dense && fit_cells(s, plan->width * plan->width * n_groups, NULL) != RC_OK)) {
		state_free(run, s);
		return NULL;
	}
	return s;
}

static uint64_t cell_key(const struct plan *plan, uint32_t group, uint32_t from, uint32_t to)
{
	return ((uint64_t)group * plan->width + from) * plan->width + to;
}

// The number of a cell; makes it where it is new. UINT32_MAX: see e.
static uint32_t cell_of(const struct plan *plan, struct state *s, uint64_t key, struct err *e)
{
	if (plan->dense)
		return fit_cells(s, (uint32_t)key + 1, e) == RC_OK ? (uint32_t)key : UINT32_MAX;
	uint64_t number = census_get(&s->number, key + 1);
	if (number)
		return (uint32_t)number - 1;
	uint32_t cell = s->n_cells;
	if (mem_grow((void **)&s->keys, &s->keys_capacity, (size_t)cell + 1, sizeof(*s->keys)) != 0) {
		err_set(e, RC_NOMEM, "out of memory for %u transitions", cell + 1);
		return UINT32_MAX;
	}
	if (census_count(&s->number, key + 1, (uint64_t)cell + 1, e) != RC_OK ||
		fit_cells(s, cell + 1, e) != RC_OK)
		return UINT32_MAX;
	s->keys[cell] = key;
	return cell;
}

static enum rc add_any(const struct plan *plan, struct state *s, uint32_t group, uint32_t from, uint32_t to,
	int64_t ms, struct err *e)
{
	uint32_t cell = cell_of(plan, s, cell_key(plan, group, from, to), e);
	if (cell == UINT32_MAX)
		return e ? e->rc : RC_NOMEM;
	flow_cell_add(&s->cells[cell], ms, s->n_persons);
	bool is_time = plan->quantiles && from != plan->key.n_codes && to != plan->key.n_codes;
	return is_time ? samples_add(&s->times, cell, ms, e) : RC_OK;
}

// The matrix has room for all groups of the span.
static inline enum rc add_one(const struct plan *plan, struct state *s, uint32_t group, uint32_t from,
	uint32_t to, int64_t ms, struct err *e)
{
	if (!plan->dense || plan->quantiles)
		return add_any(plan, s, group, from, to, ms, e);
	flow_cell_add(&s->cells[(group * plan->width + from) * plan->width + to], ms, s->n_persons);
	return RC_OK;
}

static enum rc add_transitions(const struct plan *plan, struct state *s, uint32_t first, uint32_t end,
	const uint32_t *group, struct err *e)
{
	const uint32_t *code = s->steps.code, boundary = plan->key.n_codes;
	const int64_t *at = s->steps.at;
	enum rc rc = add_one(plan, s, group ? group[first] : 0, boundary, code[first], 0, e);
	for (uint32_t i = first + 1; rc == RC_OK && i < end; i++) {
		uint32_t g = group ? group[i - 1] : 0;
		if (at[i] - at[i - 1] <= plan->gap_ms) {
			rc = add_one(plan, s, g, code[i - 1], code[i], at[i] - at[i - 1], e);
			continue;
		}
		rc = add_one(plan, s, g, code[i - 1], boundary, 0, e);
		if (rc == RC_OK)
			rc = add_one(plan, s, group ? group[i] : 0, boundary, code[i], 0, e);
	}
	return rc == RC_OK ? add_one(plan, s, group ? group[end - 1] : 0, code[end - 1], boundary, 0, e) : rc;
}

// Loops and rework. Cell (x, x) holds what is asked for, cell (x, boundary) what shares are of: interactions or visits.
static enum rc add_again(const struct plan *plan, struct state *s, uint32_t first, uint32_t end,
	const uint32_t *group, struct err *e)
{
	const uint32_t *code = s->steps.code, boundary = plan->key.n_codes;
	const int64_t *at = s->steps.at;
	bool loops = plan->show == SHOW_LOOPS;
	enum rc rc = RC_OK;
	for (uint32_t i = first; rc == RC_OK && i < end; i++) {
		bool begins = i == first || at[i] - at[i - 1] > plan->gap_ms;
		s->n_cases += begins;
		struct visit *v = &s->visits[code[i]];
		bool seen = v->at == s->n_cases, same = !begins && code[i] == code[i - 1];
		uint32_t g = group ? group[i] : 0;
		if (loops || !same)
			rc = add_one(plan, s, g, code[i], boundary, 0, e);
		if (rc == RC_OK && seen && same == loops)
			rc = add_one(plan, s, g, code[i], code[i], at[i] - v->last_ms, e);
		*v = (struct visit){.at = s->n_cases, .last_ms = at[i]};
	}
	return rc;
}

// The group of every step, and room for its cells.
static enum rc read_groups(struct lane *lane, struct state *s, const uint32_t **out, struct err *e)
{
	const struct plan *plan = lane->run->plan;
	*out = NULL;
	if (lane->run->query->n_by == 0)
		return RC_OK;
	if (!s->steps.row) {
		*out = lane_group(lane, e);
	} else {
		uint32_t n = s->steps.n;
		if (mem_grow((void **)&s->all, &s->all_capacity, (size_t)n + 1, sizeof(*s->all)) != 0)
			return err_set(e, RC_NOMEM, "out of memory for groups");
		for (uint32_t i = 0; i < n; i++)
			s->all[i] = i;
		*out = steps_groups(lane, &s->steps, s->all, n, &s->group_rows, &s->group_rows_capacity, e);
	}
	if (!*out)
		return e->rc;
	return plan->dense ? fit_cells(s, plan->width * plan->width * lane->n_groups, e) : RC_OK;
}

static enum rc add(struct lane *lane, void *p, const struct span *span, struct err *e)
{
	(void)span;
	struct state *s = p;
	const struct plan *plan = lane->run->plan;
	const uint32_t *group;
	enum rc rc = steps_read(lane, &plan->key, &s->steps, e);
	if (rc == RC_OK)
		rc = read_groups(lane, s, &group, e);
	if (rc != RC_OK)
		return rc;
	if (plan->dense && plan->show == SHOW_TRANSITIONS && plan->gap_ms == INT64_MAX && !plan->quantiles) {
		struct flow_journeys j = {.n = s->steps.n_journeys,
			.start = s->steps.start,
			.code = s->steps.code,
			.at = s->steps.at,
			.group = group,
			.width = plan->width};
		s->n_persons = flow_cells_add(s->cells, &j, s->n_persons);
		return RC_OK;
	}
	for (uint32_t k = 0; rc == RC_OK && k < s->steps.n_journeys; k++) {
		uint32_t first = s->steps.start[k], end = s->steps.start[k + 1];
		s->n_persons++;
		if (plan->show == SHOW_TRANSITIONS)
			rc = add_transitions(plan, s, first, end, group, e);
		else
			rc = add_again(plan, s, first, end, group, e);
	}
	return rc;
}

static uint64_t key_at(const struct plan *plan, const struct state *s, uint32_t cell)
{
	return plan->dense ? cell : s->keys[cell];
}

// Adds one cell to another; persons are different ones (other lanes), or not known any more (folded groups).
static void join(struct flow_cell *into, const struct flow_cell *from)
{
	into->n += from->n;
	into->sum_ms += from->sum_ms;
	into->squares += from->squares;
	into->minus_persons += from->minus_persons;
}

static enum rc merge(struct run *run, void *into, void *from, struct err *e)
{
	const struct plan *plan = run->plan;
	struct state *a = into, *b = from;
	uint32_t *to = mem_alloc(((size_t)b->n_cells + 1) * sizeof(*to));
	enum rc rc = to ? RC_OK : err_set(e, RC_NOMEM, "out of memory for transitions");
	for (uint32_t i = 0; rc == RC_OK && i < b->n_cells; i++) {
		to[i] = UINT32_MAX;
		if (!b->cells[i].n)
			continue;
		to[i] = cell_of(plan, a, key_at(plan, b, i), e);
		if (to[i] == UINT32_MAX)
			rc = RC_NOMEM;
		else
			join(&a->cells[to[i]], &b->cells[i]);
	}
	for (size_t i = 0; rc == RC_OK && i < b->times.n; i++)
		b->times.group[i] = to[b->times.group[i]];
	if (rc == RC_OK)
		rc = samples_merge(&a->times, &b->times, e);
	mem_free(to);
	return rc;
}

static enum rc fold(struct run *run, void *p, const uint32_t *to, uint32_t n, struct err *e)
{
	const struct plan *plan = run->plan;
	struct state *s = p;
	uint64_t area = (uint64_t)plan->width * plan->width;
	uint32_t n_cells = s->n_cells;
	uint32_t *target = mem_alloc(((size_t)n_cells + 1) * sizeof(*target));
	enum rc rc = target ? RC_OK : err_set(e, RC_NOMEM, "out of memory for transitions");
	for (uint32_t i = 0; rc == RC_OK && i < n_cells; i++) {
		uint64_t key = key_at(plan, s, i);
		uint32_t group = (uint32_t)(key / area);
		target[i] = i;
		if (group >= n || to[group] == group || !s->cells[i].n)
			continue;
		target[i] = cell_of(plan, s, to[group] * area + key % area, e);
		if (target[i] == UINT32_MAX) {
			rc = RC_NOMEM;
			continue;
		}
		join(&s->cells[target[i]], &s->cells[i]);
		s->cells[i] = (struct flow_cell){0};
	}
	if (rc == RC_OK)
		samples_fold(&s->times, target, n_cells);
	mem_free(target);
	return rc;
}

// --- rows ---

struct row {
	uint64_t n;
	uint32_t cell, group, from, to;
};

static int compare_labels(const struct run *run, uint32_t a, uint32_t b)
{
	const struct plan *plan = run->plan;
	if (a == b)
		return 0;
	if (a == plan->key.n_codes || b == plan->key.n_codes) // the boundary first
		return a == plan->key.n_codes ? -1 : 1;
	return step_before(run, &plan->key, a, b) ? -1 : 1;
}

static int compare_rows(const void *x, const void *y, void *context)
{
	const struct row *a = x, *b = y;
	if (a->group != b->group)
		return a->group < b->group ? -1 : 1;
	if (a->n != b->n)
		return a->n > b->n ? -1 : 1;
	int c = compare_labels(context, a->from, b->from);
	return c ? c : compare_labels(context, a->to, b->to);
}

static bool row_shown(const struct plan *plan, const struct row *r)
{
	if (plan->show != SHOW_TRANSITIONS)
		return r->from == r->to;
	return plan->ends || (r->from != plan->key.n_codes && r->to != plan->key.n_codes);
}

static struct estimate mean_of(const struct flow_cell *c)
{
	struct estimate mean = stats_mean((double)c->n, (double)c->sum_ms / 1000.0, c->squares, 0.0);
	return stats_within(mean, 0.0, (double)INFINITY);
}

// `of`: what the share is of. Quantiles of `times`, sorted.
static enum rc write_row(struct run *run, const struct state *s, const struct row *r, const struct flow_cell *c,
	uint64_t of, bool other, struct err *e)
{
	const struct plan *plan = run->plan;
	struct cell *out = result_row(run, r->group, (double)c->n, e);
	if (!out)
		return e->rc;
	uint32_t boundary = plan->key.n_codes;
	struct sv from = r->from == boundary ? SV("(start)") : SV("(other)"), to = SV("(other)");
	if (!other && r->from != boundary)
		from = step_label(run, &plan->key, r->from);
	if (!other)
		to = r->to == boundary ? SV("(end)") : step_label(run, &plan->key, r->to);
	from = arena_copy(run->arena, other ? SV("(other)") : from);
	to = arena_copy(run->arena, to);
	if (!from.ptr || !to.ptr)
		return err_set(e, RC_NOMEM, "out of memory for transitions");
	cell_text(&out[FROM], from);
	cell_text(&out[TO], to);
	cell_number(&out[N], (double)c->n);
	if (of)
		cell_number(&out[SHARE], (double)c->n / (double)of);
	// A person can be in several of the cells that were summed, so their number is not a sum.
	if (!other && !run_group_is_other(run, r->group))
		cell_number(&out[PERSONS], flow_cell_persons(c));
	if (other || r->from == boundary || r->to == boundary)
		return RC_OK;
	cell_estimate(&out[MEAN], &out[MEAN_LOW], &out[MEAN_HIGH], mean_of(c));
	if (plan->quantiles) {
		size_t n;
		const int64_t *ms = samples_of(&s->times, r->cell, &n);
		cell_number(&out[P50], stats_quantile_i64(ms, n, 0.5) / 1000.0);
		cell_number(&out[P90], stats_quantile_i64(ms, n, 0.9) / 1000.0);
	}
	return RC_OK;
}

// What shares are of, by (group, from).
static enum rc count_from(
	const struct plan *plan, const struct row *all, size_t n, struct census *out, struct err *e)
{
	enum rc rc = RC_OK;
	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		bool counts = plan->show == SHOW_TRANSITIONS || all[i].from != all[i].to;
		if (counts)
			rc = census_count(out, cell_key(plan, all[i].group, all[i].from, 0) + 1, all[i].n, e);
	}
	return rc;
}

static enum rc write_rows(struct run *run, const struct state *s, struct row *all, size_t n,
	const struct census *from, struct err *e)
{
	const struct plan *plan = run->plan;
	size_t shown = 0, in_group = 0;
	enum rc rc = RC_OK;
	for (size_t i = 0; i < n; i++)
		if (row_shown(plan, &all[i]))
			all[shown++] = all[i];
	if (shown)
		qsort_r(all, shown, sizeof(*all), compare_rows, run);
	struct flow_cell rest = {0};
	for (size_t i = 0; rc == RC_OK && i < shown; i++) {
		const struct flow_cell *c = &s->cells[all[i].cell];
		if (!plan->top || in_group < plan->top) {
			uint64_t of = census_get(from, cell_key(plan, all[i].group, all[i].from, 0) + 1);
			rc = write_row(run, s, &all[i], c, of, false, e);
			in_group++;
		} else {
			join(&rest, c);
		}
		if (i + 1 < shown && all[i + 1].group == all[i].group)
			continue;
		if (rc == RC_OK && rest.n)
			rc = write_row(run, s, &all[i], &rest, 0, true, e);
		rest = (struct flow_cell){0};
		in_group = 0;
	}
	return rc;
}

static enum rc finish(struct run *run, void *p, struct err *e)
{
	const struct plan *plan = run->plan;
	struct state *s = p;
	uint64_t area = (uint64_t)plan->width * plan->width;
	struct census from = CENSUS_PLAIN;
	struct row *all = mem_alloc(((size_t)s->n_cells + 1) * sizeof(*all));
	enum rc rc = all ? RC_OK : err_set(e, RC_NOMEM, "out of memory for transitions");
	size_t n = 0;
	for (uint32_t i = 0; rc == RC_OK && i < s->n_cells; i++) {
		uint64_t key = key_at(plan, s, i);
		if (s->cells[i].n)
			all[n++] = (struct row){.n = s->cells[i].n,
				.cell = i,
				.group = (uint32_t)(key / area),
				.from = (uint32_t)(key % area / plan->width),
				.to = (uint32_t)(key % plan->width)};
	}
	if (rc == RC_OK && plan->quantiles)
		rc = samples_sort(&s->times, s->n_cells, e);
	if (rc == RC_OK)
		rc = count_from(plan, all, n, &from, e);
	if (rc == RC_OK)
		rc = write_rows(run, s, all, n, &from, e);
	census_free(&from);
	mem_free(all);
	return rc;
}

static const char clickhouse[] =
	"SELECT {by}multiIf(_rest, '(other)', _from = '\\x00', '(start)', {label:of|_from}) AS from,\n"
	"multiIf(_rest, '(other)', _to = '\\x00', '(end)', {label:of|_to}) AS to, _n AS n, if(_rest, NULL, "
	"_part) AS share,\n"
	"if(_rest, NULL, _persons) AS persons, {mean:mean|_timed|_sum / 1000|_squares|0.|0.}{if:quantiles},\n"
	"{quantile:p50|_v|0.5}, {quantile:p90|_v|0.9}{end}\n"
	"FROM (SELECT {keys}_place, any(_f) AS _from, any(_g) AS _to, sum(_number) AS _n, any(_share) AS "
	"_part,\n"
	"any(_people) AS _persons, {param:top} > 0 AND _place > {param:top} AS _rest,\n"
	"if(_rest OR _from = '\\x00' OR _to = '\\x00', 0, toInt64(_n)) AS _timed, sum(_seconds) AS _sum,\n"
	"sum(_seconds2) AS _squares{if:quantiles}, if(_timed = 0, emptyArrayInt64(), any(_times)) AS _v{end}\n"
	"FROM (SELECT *, if({param:top} = 0, _rank, least(_rank, {param:top} + 1)) AS _place\n"
	"FROM (SELECT *, row_number() OVER (PARTITION BY (0{,keys}) ORDER BY _number DESC, _f != '\\x00', "
	"{rank:of|_f},\n"
	"_g != '\\x00', {rank:of|_g}) AS _rank\n"
	"FROM ({if:show=transitions}\n"
	"SELECT *, _number / sum(_number) OVER (PARTITION BY {keys}_f) AS _share\n"
	"FROM (SELECT {keys}_f, _g, count() AS _number, uniqExact(person) AS _people, sum(_ms) AS _seconds,\n"
	"sum(pow(_ms / 1000, 2)) AS _seconds2{if:quantiles}, arraySort(groupArray(_ms)) AS _times{end}\n"
	"FROM (SELECT person, {unpack:_x|4}_x.3 AS _f, _i < _l AND _y.1 - _x.1 <= {gap:gap} AS _near,\n"
	"if(_near, _y.3, '\\x00') AS _g, if(_near, _y.1 - _x.1, 0) AS _ms\n"
	"FROM (SELECT person, arraySort(groupArray((at, arrival, {field:of}{,keys}))) AS _j, length(_j) AS _l\n"
	"FROM {rows} GROUP BY person)\n"
	"ARRAY JOIN _j AS _x, arrayPushBack(arrayPopFront(_j), _j[1]) AS _y, arrayEnumerate(_j) AS "
	"_i{if:ends}\n"
	"UNION ALL SELECT person, {unpack:_y|4}'\\x00' AS _f, 1 AS _near, _y.3 AS _g, toInt64(0) AS _ms\n"
	"FROM (SELECT person, arraySort(groupArray((at, arrival, {field:of}{,keys}))) AS _j FROM {rows} GROUP "
	"BY person)\n"
	"ARRAY JOIN arrayPushFront(arrayPopBack(_j), _j[1]) AS _x, _j AS _y, arrayEnumerate(_j) AS _i\n"
	"WHERE _i = 1 OR _y.1 - _x.1 > {gap:gap}{end})\n"
	"GROUP BY {keys}_f, _g){else}\n"
	"SELECT {keys}_f, _f AS _g, countIf(_again) AS _number, _number / "
	"{if:show=loops}count(){else}countIf(NOT _same){end} AS\n"
	"_share, uniqExactIf(person, _again) AS _people, sumIf(_ms, _again) AS _seconds,\n"
	"sumIf(pow(_ms / 1000, 2), _again) AS _seconds2{if:quantiles}, arraySort(groupArrayIf(_ms, _again)) AS "
	"_times{end}\n"
	"FROM (SELECT *, at - lagInFrame(at) OVER _place AS _ms,\n"
	"row_number() OVER _place > 1 AND {if:show=loops}_same{else}NOT _same{end} AS _again\n"
	"FROM (SELECT *, sum(_begins) OVER _journey AS _case, NOT _begins AND _f = lagInFrame(_f) OVER "
	"_journey AS _same\n"
	"FROM (SELECT {keys}person, at, arrival, {field:of} AS _f,\n"
	"row_number() OVER _journey = 1 OR at - lagInFrame(at) OVER _journey > {gap:gap} AS _begins\n"
	"FROM {rows} WINDOW _journey AS (PARTITION BY person ORDER BY at, arrival ROWS BETWEEN UNBOUNDED "
	"PRECEDING AND CURRENT ROW))\n"
	"WINDOW _journey AS (PARTITION BY person ORDER BY at, arrival ROWS BETWEEN UNBOUNDED PRECEDING AND "
	"CURRENT ROW))\n"
	"WINDOW _place AS (PARTITION BY person, _case, _f ORDER BY at, arrival\n"
	"ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW))\n"
	"GROUP BY {keys}_f HAVING _number > 0{end})\n"
	"{if:show=transitions}{if:ends}{else}WHERE _g != '\\x00'{end}{end}))\n"
	"{group:_place})\n"
	"{order:_place}";

const struct analysis analysis_flow = {
	.name = "flow",
	.summary = "What customers do next: which touch point follows which, how often and how long after",
	.definition = "The directly-follows graph (van der Aalst 2016, Process Mining, 2nd ed., section 6.2): "
		      "within each "
		      "customer's interactions that pass the filters, in order of time (ties in order of "
		      "arrival), every two "
		      "in succession are a transition; with --gap only when no more than that lies between. "
		      "share: of all "
		      "interactions at from, also those that nothing follows, so shares of a from add up to 1 "
		      "with --ends. "
		      "loops: an interaction directly after one at the same place, share of the interactions "
		      "there. rework: a "
		      "visit (equal steps in a row are one) to a place that the same journey (with --gap: "
		      "session) was at "
		      "before, with something else between; share of the visits, time since it was left. "
		      "persons: different "
		      "ones, exact. mean with Student's t interval, quantiles of type 7 (Hyndman & Fan 1996). "
		      "Groups are "
		      "those of the interaction at from (of (start), loops and rework: at to).",
	.chart = "matrix",
	.params = params,
	.n_params = sizeof(params) / sizeof(params[0]),
	.columns = columns,
	.n_columns = N_COLUMNS,
	.ordered = true,
	.prepare = prepare,
	.state_new = state_new,
	.add = add,
	.merge = merge,
	.state_free = state_free,
	.fold = fold,
	.finish = finish,
	.clickhouse = clickhouse,
};
