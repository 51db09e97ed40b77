// SPDX-License-Identifier: Apache-2.0
// Analysis: which touches lead to conversions: first, last, linear, time decay, position, Markov removal effect.
//
// A journey is cut at its conversions: the touches before each one and after the previous one are a path that
// converts, those after the last one a path that does not. Every path gives credits (sums by group and key) and
// transitions (attribution_markov.c).
//
// Sums per group: N_CREDITS for each key, then for direct conversions (no touch in the window) as if they were a key,
// then the group's count of paths without conversion.
#include "measure/attribution.h"
#include "measure/activity.h"

#include "base/mem.h"

#include <stdlib.h>

#define HALF_LIFE_DEFAULT_S (7 * 86400.0) // `half-life` below
#define MODELS "all|first|last|linear|time-decay|position|markov"

static const struct param params[] = {
	{.name = "conversion",
		.type = PARAM_FILTER,
		.required = true,
		.help = "what is to be explained: a touch point, or a filter as for --where"},
	{.name = "of",
		.type = PARAM_STRING,
		.value = "channel",
		.help = "what gets the credit: touchpoint, channel, event, source, agent, a dimension, …"},
	{.name = "touch",
		.type = PARAM_FILTER,
		.help = "which interactions are touches (default: all that are no conversion)"},
	{.name = "window",
		.type = PARAM_DURATION,
		.value = "30d",
		.min = 0,
		.max = 3.2e9,
		.help = "touches longer before the conversion get nothing"},
	{.name = "model",
		.type = PARAM_CHOICE,
		.value = "all",
		.choices = MODELS,
		.help = "one model, or all side by side"},
	{.name = "half-life",
		.type = PARAM_DURATION,
		.value = "7d",
		.min = 1,
		.max = 3.2e9,
		.help = "time decay: a touch this much earlier gets half as much"},
	{.name = "order",
		.type = PARAM_INTEGER,
		.value = "1",
		.min = 1,
		.max = 3,
		.help = "Markov: how many touches a state remembers"},
	{.name = "value",
		.type = PARAM_STRING,
		.help = "a measure of the conversion to be shared out as well: amount"},
	{.name = "reuse",
		.type = PARAM_FLAG,
		.help = "touches before an earlier conversion count again for later ones (not for Markov)"},
};

enum {
	KEY,
	TOUCHES,
	ASSISTED,
	FIRST,
	LAST,
	LINEAR,
	DECAY,
	POSITION,
	MARKOV,
	REMOVAL,
	VALUE_FIRST,
	VALUE_LAST,
	VALUE_LINEAR,
	VALUE_DECAY,
	VALUE_POSITION,
	VALUE_MARKOV,
	N_COLUMNS
};
static const struct result_column columns[N_COLUMNS] = {
	[KEY] = {"key", "touch", CELL_TEXT, "", 0,
		"value of --of; (direct): conversions without a touch in the window"},
	[TOUCHES] = {"touches", "touches", CELL_COUNT, "interactions", 0, "touches on paths that converted"},
	[ASSISTED] = {"assisted", "assisted", CELL_COUNT, "conversions", 0, "conversions with such a touch"},
	[FIRST] = {"first", "first", CELL_NUMBER, "conversions", 2, "all credit to the first touch"},
	[LAST] = {"last", "last", CELL_NUMBER, "conversions", 2, "all credit to the last touch"},
	[LINEAR] = {"linear", "linear", CELL_NUMBER, "conversions", 2, "the same to every touch"},
	[DECAY] = {"time_decay", "decay", CELL_NUMBER, "conversions", 2, "halved for every half-life before"},
	[POSITION] = {"position", "position", CELL_NUMBER, "conversions", 2,
		"40 % first, 40 % last, 20 % between"},
	[MARKOV] = {"markov", "Markov", CELL_NUMBER, "conversions", 2, "by removal effect"},
	[REMOVAL] = {"removal_effect", "removal", CELL_RATIO, "1", 3,
		"share of the conversions with a touch that is lost if every step to it led nowhere"},
	[VALUE_FIRST] = {"value_first", "first", CELL_NUMBER, "", 0, "the same for --value"},
	[VALUE_LAST] = {"value_last", "last", CELL_NUMBER, "", 0, ""},
	[VALUE_LINEAR] = {"value_linear", "linear", CELL_NUMBER, "", 0, ""},
	[VALUE_DECAY] = {"value_time_decay", "decay", CELL_NUMBER, "", 0, ""},
	[VALUE_POSITION] = {"value_position", "position", CELL_NUMBER, "", 0, ""},
	[VALUE_MARKOV] = {"value_markov", "Markov", CELL_NUMBER, "", 0, ""},
};

// Models in the order of --model after `all`, of the columns from FIRST on and of the credits.
enum { MODEL_FIRST, MODEL_LAST, MODEL_LINEAR, MODEL_DECAY, MODEL_POSITION, MODEL_MARKOV, N_MODELS };
#define N_SHARED MODEL_MARKOV // those that share each conversion out at once
enum { CREDIT_TOUCHES, CREDIT_ASSISTED, CREDIT_TOTAL, CREDIT_TOTAL_VALUE, CREDIT_MODELS };
#define N_CREDITS (CREDIT_MODELS + 2u * N_SHARED)

struct plan {
	struct attribute key;
	struct classes *classes;
	struct markov_shape shape;
	bool models[N_MODELS];
	bool any_touch, reuse, valued;
	uint32_t measure; // of --value
	int64_t window_ms;
	double half_life_ms;
};

struct touch {
	uint32_t row, key;
};

// Touches [lo, hi) of the span lead to a conversion or to nothing; `row` decides filters and group.
struct path {
	uint32_t lo, hi, row;
	bool converts;
};

struct state {
	struct sums sums;
	struct markov_counts counts;
	struct class_rows rows;
	struct touch *touches;
	struct path *paths;
	uint32_t *path_rows, *keys;
	double *weights;
	uint64_t *seen, n_seen; // by key: the last path that touched it
	size_t touches_capacity, paths_capacity, rows_capacity, keys_capacity, weights_capacity;
	uint32_t n_touches, n_paths;
};

static enum rc open_value(struct run *run, struct plan *plan, struct err *e)
{
	const struct param_value *value = run_param(run, "value");
	if (!value->present)
		return RC_OK;
	plan->measure = design_measure_find(run->design, value->text);
	if (plan->measure == DESIGN_NONE) {
		struct suggestion s = suggestion_new(value->text);
		for (uint32_t i = 0; i < run->design->n_measures; i++)
			suggestion_add(&s, run->design->measures[i].name);
		err_set(e, RC_USAGE, "--value: there is no measure “%.*s”", SV_ARG(value->text));
		suggestion_remedy(&s, e, "give a measure of the corridor file, or amount");
		return RC_USAGE;
	}
	plan->valued = true;
	run_want_measure(run, plan->measure);
	return RC_OK;
}

static enum rc open_key(struct run *run, struct plan *plan, struct err *e)
{
	enum rc rc = attribute_open(run, run_param(run, "of")->text, &plan->key, e);
	if (rc != RC_OK)
		return rc;
	if (plan->key.kind != ATTRIBUTE_CODES) {
		err_set(e, RC_USAGE, "--of: “%.*s” is not a name", SV_ARG(plan->key.name));
		err_remedy(e, "give touchpoint, channel, event, source, agent, location, or a dimension");
		return RC_USAGE;
	}
	run_want_code(run, plan->key.column);
	return RC_OK;
}

// What only one model reads says nothing when another one is asked for.
static enum rc refuse_idle(struct run *run, uint32_t model, struct err *e)
{
	bool decay = model == MODEL_DECAY + 1, markov = model == MODEL_MARKOV + 1;
	if (model == 0)
		return RC_OK;
	if (!decay && run_param(run, "half-life")->number != HALF_LIFE_DEFAULT_S) {
		err_set(e, RC_USAGE, "--half-life is of time decay, not of the model asked for");
		err_remedy(e, "ask for --model time-decay, or leave --half-life away");
		return RC_USAGE;
	}
	if (!markov && run_param(run, "order")->number != 1) {
		err_set(e, RC_USAGE, "--order is of the Markov model, not of the model asked for");
		err_remedy(e, "ask for --model markov, or leave --order away");
		return RC_USAGE;
	}
	return RC_OK;
}

static enum rc prepare(struct run *run, struct err *e)
{
	struct plan *plan = arena_alloc(run->scratch, sizeof(*plan));
	if (!plan)
		return err_set(e, RC_NOMEM, "out of memory for attribution");
	run->plan = plan;
	uint32_t model = run_param(run, "model")->choice;
	for (uint32_t i = 0; i < N_MODELS; i++)
		plan->models[i] = model == 0 || model == i + 1;
	plan->reuse = run_param(run, "reuse")->flag;
	if (plan->reuse)
		plan->models[MODEL_MARKOV] = false;
	if (plan->reuse && model == MODEL_MARKOV + 1) {
		err_set(e, RC_USAGE, "--reuse has no meaning with --model markov");
		err_remedy(e, "a path of the chain ends with its conversion: leave --reuse out");
		return RC_USAGE;
	}
	plan->window_ms = (int64_t)llround(run_param(run, "window")->number * 1000.0);
	plan->half_life_ms = run_param(run, "half-life")->number * 1000.0;
	enum rc rc = refuse_idle(run, model, e);
	if (rc == RC_OK)
		rc = open_key(run, plan, e);
	if (rc == RC_OK)
		rc = open_value(run, plan, e);
	if (rc == RC_OK && plan->models[MODEL_MARKOV])
		rc = markov_shape_of(
			plan->key.n_values, (uint32_t)run_param(run, "order")->number, &plan->shape, e);
	struct filter_node *filters[2] = {
		run_param(run, "conversion")->filter, run_param(run, "touch")->filter};
	plan->any_touch = filters[1] == NULL;
	return rc == RC_OK ? classes_open(run, filters, plan->any_touch ? 1 : 2, &plan->classes, e) : rc;
}

static void state_free(struct run *run, void *p)
{
	(void)run;
	struct state *s = p;
	sums_free(&s->sums);
	markov_counts_free(&s->counts);
	class_rows_free(&s->rows);
	mem_free(s->touches);
	mem_free(s->paths);
	mem_free(s->path_rows);
	mem_free(s->keys);
	mem_free(s->weights);
	mem_free(s->seen);
	mem_free(s);
}

static void *state_new(struct run *run)
{
	const struct plan *plan = run->plan;
	struct state *s = mem_calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->sums.width = N_CREDITS * (plan->key.n_values + 1) + 1;
	markov_counts_open(&s->counts, &plan->shape, run->query->n_by == 0);
	s->seen = mem_calloc(plan->key.n_values, sizeof(*s->seen));
	if (s->seen)
		return s;
	state_free(run, s);
	return NULL;
}

// --- paths ---

enum { BIT_CONVERSION = 1, BIT_TOUCH = 2 };

static uint32_t key_of(const struct attribute *a, const struct span *span, uint32_t row)
{
	const uint32_t *code = a->column < CODE_COLUMNS ? span->code[a->column] : NULL;
	uint32_t c = code ? code[row] : 0;
	c = c < a->n_codes ? c : 0;
	return a->map ? a->map[c] : c;
}

static void add_touches(
	struct state *s, const struct plan *plan, const struct span *span, uint32_t from, uint32_t to)
{
	for (uint32_t row = from; row < to; row++)
		s->touches[s->n_touches++] = (struct touch){row, key_of(&plan->key, span, row)};
}

// A journey's rows [first, last) with class rows [lo, hi): its touches and paths.
static void find_paths(
	struct lane *lane, struct state *s, uint32_t first, uint32_t last, uint32_t lo, uint32_t hi)
{
	const struct plan *plan = lane->run->plan;
	const struct span *span = lane->span;
	uint32_t from = s->n_touches, row = first;
	for (uint32_t i = lo; i < hi; i++) {
		uint32_t at = s->rows.row[i];
		if (plan->any_touch)
			add_touches(s, plan, span, row, at);
		else if (!(s->rows.bits[i] & BIT_CONVERSION))
			add_touches(s, plan, span, at, at + 1);
		row = at + 1;
		if (!(s->rows.bits[i] & BIT_CONVERSION))
			continue;
		while (from < s->n_touches && span->at[s->touches[from].row] < span->at[at] - plan->window_ms)
			from++;
		if (lane_keeps(lane, at))
			s->paths[s->n_paths++] = (struct path){from, s->n_touches, at, true};
		if (!plan->reuse)
			from = s->n_touches;
	}
	if (plan->any_touch)
		add_touches(s, plan, span, row, last);
	if (plan->reuse || from == s->n_touches || !lane_keeps(lane, s->touches[s->n_touches - 1].row))
		return;
	s->paths[s->n_paths++] = (struct path){from, s->n_touches, s->touches[s->n_touches - 1].row, false};
}

static enum rc fit(struct state *s, const struct span *span, struct err *e)
{
	size_t n = (size_t)span->n + 1;
	s->n_touches = s->n_paths = 0;
	if (mem_grow((void **)&s->touches, &s->touches_capacity, n, sizeof(*s->touches)) != 0 ||
		mem_grow((void **)&s->paths, &s->paths_capacity, n + span->n_persons, sizeof(*s->paths)) != 0 ||
		mem_grow((void **)&s->path_rows, &s->rows_capacity, n + span->n_persons,
			sizeof(*s->path_rows)) != 0 ||
		mem_grow((void **)&s->keys, &s->keys_capacity, n, sizeof(*s->keys)) != 0 ||
		mem_grow((void **)&s->weights, &s->weights_capacity, n, sizeof(*s->weights)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for journeys");
	return RC_OK;
}

// --- credits ---

static void give(double *sums, uint32_t key, uint32_t model, double credit, double value)
{
	double *c = sums + (size_t)key * N_CREDITS + CREDIT_MODELS;
	c[model] += credit;
	c[N_SHARED + model] += credit * value;
}

static void give_decayed(const struct plan *plan, struct state *s, const struct span *span,
	const struct path *p, double *sums, double value)
{
	double all = 0.0;
	for (uint32_t i = p->lo; i < p->hi; i++) {
		double before = (double)(span->at[p->row] - span->at[s->touches[i].row]);
		s->weights[i - p->lo] = exp2(-before / plan->half_life_ms);
		all += s->weights[i - p->lo];
	}
	// So far back that nothing is left of any of them: all alike.
	for (uint32_t i = p->lo; i < p->hi; i++)
		give(sums, s->touches[i].key, MODEL_DECAY,
			all > 0.0 ? s->weights[i - p->lo] / all : 1.0 / (p->hi - p->lo), value);
}

static void give_by_position(const struct state *s, const struct path *p, double *sums, double value)
{
	uint32_t n = p->hi - p->lo;
	double end = n == 1 ? 1.0 : n == 2 ? 0.5 : 0.4;
	give(sums, s->touches[p->lo].key, MODEL_POSITION, end, value);
	if (n > 1)
		give(sums, s->touches[p->hi - 1].key, MODEL_POSITION, end, value);
	for (uint32_t i = p->lo + 1; i + 1 < p->hi; i++)
		give(sums, s->touches[i].key, MODEL_POSITION, 0.2 / (n - 2), value);
}

static void give_total(double *sums, uint32_t key, double value)
{
	double *c = sums + (size_t)key * N_CREDITS;
	c[CREDIT_TOTAL] += 1.0;
	c[CREDIT_TOTAL_VALUE] += value;
}

// The total of all paths with a touch is kept with key 0.
static void add_conversion(const struct plan *plan, struct state *s, const struct span *span,
	const struct path *p, double *sums, double value)
{
	if (p->lo == p->hi) {
		give_total(sums, plan->key.n_values, value);
		return;
	}
	give_total(sums, 0, value);
	s->n_seen++;
	double each = 1.0 / (p->hi - p->lo);
	for (uint32_t i = p->lo; i < p->hi; i++) {
		uint32_t key = s->touches[i].key;
		double *c = sums + (size_t)key * N_CREDITS;
		c[CREDIT_TOUCHES] += 1.0;
		c[CREDIT_ASSISTED] += s->seen[key] != s->n_seen;
		s->seen[key] = s->n_seen;
		if (plan->models[MODEL_LINEAR])
			give(sums, key, MODEL_LINEAR, each, value);
	}
	give(sums, s->touches[p->lo].key, MODEL_FIRST, 1.0, value);
	give(sums, s->touches[p->hi - 1].key, MODEL_LAST, 1.0, value);
	if (plan->models[MODEL_DECAY])
		give_decayed(plan, s, span, p, sums, value);
	if (plan->models[MODEL_POSITION])
		give_by_position(s, p, sums, value);
}

static enum rc add_transitions(
	const struct plan *plan, struct state *s, const struct path *p, uint32_t group, struct err *e)
{
	if (!plan->models[MODEL_MARKOV] || p->lo == p->hi)
		return RC_OK;
	for (uint32_t i = p->lo; i < p->hi; i++)
		s->keys[i - p->lo] = s->touches[i].key;
	return markov_path(&s->counts, &plan->shape, group, s->keys, p->hi - p->lo, p->converts, e);
}

static enum rc add_paths(struct lane *lane, struct state *s, const uint32_t *group, struct err *e)
{
	const struct plan *plan = lane->run->plan;
	const struct sparse_values *values =
		plan->valued ? run_measure(lane->run, lane->span, plan->measure) : &(struct sparse_values){0};
	uint32_t v = 0;
	enum rc rc = RC_OK;
	for (uint32_t i = 0; rc == RC_OK && i < s->n_paths; i++) {
		const struct path *p = &s->paths[i];
		uint32_t g = group ? group[i] : 0;
		double *sums = s->sums.v + (size_t)g * s->sums.width;
		while (v < values->n && values->row[v] < p->row)
			v++;
		double value = v < values->n && values->row[v] == p->row ? values->value[v] : 0.0;
		if (p->converts)
			add_conversion(plan, s, lane->span, p, sums, value);
		else
			sums[s->sums.width - 1] += 1.0;
		rc = add_transitions(plan, s, p, g, e);
	}
	return rc;
}

static enum rc add(struct lane *lane, void *p, const struct span *span, struct err *e)
{
	struct state *s = p;
	const struct plan *plan = lane->run->plan;
	enum rc rc = fit(s, span, e);
	if (rc == RC_OK)
		rc = classes_find(lane, plan->classes, false, &s->rows, e);
	if (rc != RC_OK)
		return rc;
	uint32_t lo = 0, hi = 0;
	for (uint32_t k = 0; k < span->n_persons; k++, lo = hi) {
		uint32_t last = span->person_start[k + 1];
		while (hi < s->rows.n && s->rows.row[hi] < last)
			hi++;
		find_paths(lane, s, span->person_start[k], last, lo, hi);
	}
	for (uint32_t i = 0; i < s->n_paths; i++)
		s->path_rows[i] = s->paths[i].row;
	const uint32_t *group;
	uint32_t n_groups;
	rc = activity_groups(lane, s->path_rows, s->n_paths, &group, &n_groups, e);
	if (rc == RC_OK)
		rc = activity_sums_fit(&s->sums, n_groups, e);
	return rc == RC_OK ? add_paths(lane, s, group, e) : rc;
}

static enum rc merge(struct run *run, void *into, void *from, struct err *e)
{
	(void)run;
	struct state *a = into, *b = from;
	enum rc rc = sums_merge(&a->sums, &b->sums, e);
	return rc == RC_OK ? markov_merge(&a->counts, &b->counts, e) : rc;
}

static enum rc fold(struct run *run, void *p, const uint32_t *to, uint32_t n, struct err *e)
{
	struct state *s = p;
	const struct plan *plan = run->plan;
	enum rc rc = plan->models[MODEL_MARKOV] ? markov_fold(&s->counts, &plan->shape, to, n, e) : RC_OK;
	return rc == RC_OK ? sums_fold(&s->sums, to, n, run_groups(run), e) : rc;
}

// --- rows ---

// One key of a group, ready to be written.
struct line {
	struct sv label;
	uint32_t key, rank;
	double touches, assisted, removal;
	double credit[N_MODELS], value[N_MODELS];
};

static int line_compare(const void *x, const void *y)
{
	const struct line *a = x, *b = y;
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	if (a->touches != b->touches)
		return a->touches > b->touches ? -1 : 1;
	return sv_compare(a->label, b->label);
}

#define RANK_ABSENT (UINT32_MAX - 1)
#define RANK_DIRECT UINT32_MAX

static struct line line_of(
	const struct run *run, const double *sums, uint32_t key, double removal, double share)
{
	const struct plan *plan = run->plan;
	const double *c = sums + (size_t)key * N_CREDITS;
	bool direct = key == plan->key.n_values;
	struct line x = {
		.key = key, .touches = c[CREDIT_TOUCHES], .assisted = c[CREDIT_ASSISTED], .removal = removal};
	x.label = direct ? SV("(direct)") : attribute_label(run, &plan->key, key);
	x.rank = direct ? RANK_DIRECT : key == 0 ? RANK_ABSENT : plan->key.rank ? plan->key.rank[key] : 0;
	for (uint32_t m = 0; m < N_SHARED; m++) {
		x.credit[m] = direct ? c[CREDIT_TOTAL] : c[CREDIT_MODELS + m];
		x.value[m] = direct ? c[CREDIT_TOTAL_VALUE] : c[CREDIT_MODELS + N_SHARED + m];
	}
	x.credit[MODEL_MARKOV] = direct ? c[CREDIT_TOTAL] : sums[CREDIT_TOTAL] * share;
	x.value[MODEL_MARKOV] = direct ? c[CREDIT_TOTAL_VALUE] : sums[CREDIT_TOTAL_VALUE] * share;
	return x;
}

static void line_join(struct line *into, const struct line *from)
{
	into->touches += from->touches;
	into->assisted = (double)NAN; // a conversion can have several of them
	into->removal = (double)NAN;
	for (uint32_t m = 0; m < N_MODELS; m++) {
		into->credit[m] += from->credit[m];
		into->value[m] += from->value[m];
	}
}

static enum rc write_line(struct run *run, uint32_t group, double weight, const struct line *x, struct err *e)
{
	const struct plan *plan = run->plan;
	struct cell *c = result_row(run, group, weight, e);
	struct sv label = arena_copy(run->arena, x->label);
	if (!c || !label.ptr)
		return err_set(e, RC_NOMEM, "out of memory for rows");
	cell_text(&c[KEY], label);
	if (x->rank != RANK_DIRECT) {
		cell_number(&c[TOUCHES], x->touches);
		cell_number(&c[ASSISTED], x->assisted);
		if (plan->models[MODEL_MARKOV])
			cell_number(&c[REMOVAL], x->removal);
	}
	for (uint32_t m = 0; m < N_MODELS; m++) {
		if (!plan->models[m])
			continue;
		cell_number(&c[FIRST + m], x->credit[m]);
		if (plan->valued)
			cell_number(&c[VALUE_FIRST + m], x->value[m]);
	}
	return RC_OK;
}

// Keys beyond --limit become one line; `(direct)` stays apart.
static uint32_t cut_lines(const struct run *run, struct line *lines, uint32_t n)
{
	uint32_t limit = run->query->limit;
	bool direct = n && lines[n - 1].rank == RANK_DIRECT;
	uint32_t n_keys = n - direct;
	if (!limit || n_keys <= limit)
		return n;
	struct line other = lines[limit];
	for (uint32_t i = limit + 1; i < n_keys; i++)
		line_join(&other, &lines[i]);
	if (n_keys - limit > 1)
		other.label = SV("(other)");
	lines[limit] = other;
	if (direct)
		lines[limit + 1] = lines[n - 1];
	return limit + 1 + direct;
}

static enum rc write_lines(struct run *run, const double *sums, uint32_t group, double weight,
	const double *removal, struct line *lines, struct err *e)
{
	const struct plan *plan = run->plan;
	double all = 0.0;
	uint32_t n = 0;
	for (uint32_t k = 0; k < plan->key.n_values; k++)
		all += removal[k];
	for (uint32_t k = 0; k <= plan->key.n_values; k++) {
		bool direct = k == plan->key.n_values;
		double effect = direct ? 0.0 : removal[k];
		if (sums[(size_t)k * N_CREDITS + (direct ? CREDIT_TOTAL : CREDIT_TOUCHES)] > 0.0 ||
			effect > 0.0)
			lines[n++] = line_of(run, sums, k, effect, all > 0.0 ? effect / all : 0.0);
	}
	qsort(lines, n, sizeof(*lines), line_compare);
	n = cut_lines(run, lines, n);
	enum rc rc = RC_OK;
	for (uint32_t i = 0; rc == RC_OK && i < n; i++)
		rc = write_line(run, group, weight, &lines[i], e);
	return rc;
}

struct totals {
	double conversions, direct, value, without;
	bool untouched; // Markov credits a key that the path of no conversion has
};

static enum rc write_group(struct run *run, struct state *s, uint32_t group, double *removal,
	struct line *lines, struct totals *t, struct err *e)
{
	const struct plan *plan = run->plan;
	const double *sums = s->sums.v + (size_t)group * s->sums.width;
	const double *direct = sums + (size_t)plan->key.n_values * N_CREDITS;
	double conversion = 0.0, n = sums[CREDIT_TOTAL] + direct[CREDIT_TOTAL];
	t->conversions += n;
	t->direct += direct[CREDIT_TOTAL];
	t->value += sums[CREDIT_TOTAL_VALUE] + direct[CREDIT_TOTAL_VALUE];
	t->without += sums[s->sums.width - 1];
	if (n == 0.0)
		return RC_OK;
	enum rc rc = RC_OK;
	if (plan->models[MODEL_MARKOV])
		rc = markov_removal(&s->counts, &plan->shape, group, removal, &conversion, e);
	for (uint32_t k = 0; rc == RC_OK && k < plan->key.n_values; k++)
		t->untouched |= removal[k] > 0.0 && sums[(size_t)k * N_CREDITS + CREDIT_TOUCHES] == 0.0;
	return rc == RC_OK ? write_lines(run, sums, group, n, removal, lines, e) : rc;
}

static enum rc finish(struct run *run, void *p, struct err *e)
{
	struct state *s = p;
	const struct plan *plan = run->plan;
	uint32_t n_groups = run_groups(run), n_keys = plan->key.n_values;
	double *removal = mem_calloc(n_keys, sizeof(*removal));
	struct line *lines = mem_calloc((size_t)n_keys + 1, sizeof(*lines));
	struct totals t = {0};
	enum rc rc = removal && lines ? activity_sums_fit(&s->sums, n_groups, e)
				      : err_set(e, RC_NOMEM, "out of memory for attribution");
	for (uint32_t g = 0; rc == RC_OK && g < n_groups; g++)
		rc = write_group(run, s, g, removal, lines, &t, e);
	mem_free(removal);
	mem_free(lines);
	run_note(run, "%.0f conversions, %.0f of them without a touch in the window (direct)", t.conversions,
		t.direct);
	if (plan->valued)
		run_note(run, "their %.*s adds up to %.15g", SV_ARG(run_param(run, "value")->text), t.value);
	if (plan->models[MODEL_MARKOV])
		run_note(run, "%.0f paths without a conversion count in the Markov model", t.without);
	if (t.untouched)
		run_note(run,
			"the Markov model credits also what led to no conversion itself: its chain does not "
			"remember how a path came to a touch; --order 2 and 3 remember more");
	return rc;
}

static const char clickhouse[] =
	"{if:model=markov}{refuse:model|with another model}{end}\n"
	"{if:model=all}{if:reuse}{else}{refuse:model|give --model first, last, linear, time-decay or "
	"position}{end}{end}\n"
	"SELECT {by}if(_key = '\\x00', '(direct)', {label:of|_key}) AS key, if(_key = '\\x00', NULL, _touches) "
	"AS touches,\n"
	"if(_key = '\\x00', NULL, _with) AS assisted,\n"
	"if({param:model} IN ('all', 'first'), _c1, NULL) AS first, if({param:model} IN ('all', 'last'), _c2, "
	"NULL) AS last,\n"
	"if({param:model} IN ('all', 'linear'), _c3, NULL) AS linear,\n"
	"if({param:model} IN ('all', 'time-decay'), _c4, NULL) AS time_decay,\n"
	"if({param:model} IN ('all', 'position'), _c5, NULL) AS position, NULL AS markov, NULL AS "
	"removal_effect,\n"
	"{if:value}\n"
	"if({param:model} IN ('all', 'first'), _v1, NULL) AS value_first,\n"
	"if({param:model} IN ('all', 'last'), _v2, NULL) AS value_last,\n"
	"if({param:model} IN ('all', 'linear'), _v3, NULL) AS value_linear,\n"
	"if({param:model} IN ('all', 'time-decay'), _v4, NULL) AS value_time_decay,\n"
	"if({param:model} IN ('all', 'position'), _v5, NULL) AS value_position{else}\n"
	"NULL AS value_first, NULL AS value_last, NULL AS value_linear, NULL AS value_time_decay, NULL AS "
	"value_position{end},\n"
	"NULL AS value_markov\n"
	"FROM (SELECT {keys}_key, count() AS _touches, sum(_new) AS _with, sum(_w.1) AS _c1, sum(_w.2) AS _c2, "
	"sum(_w.3) AS _c3,\n"
	"sum(_w.4) AS _c4, sum(_w.5) AS _c5, sum(_w.1 * _worth) AS _v1, sum(_w.2 * _worth) AS _v2, sum(_w.3 * "
	"_worth) AS _v3,\n"
	"sum(_w.4 * _worth) AS _v4, sum(_w.5 * _worth) AS _v5\n"
	"FROM (SELECT {keys}_worth, _key, _u = 1 AS _new, if(_n = 0, (1., 1., 1., 1., 1.), (toFloat64(_i = 1), "
	"toFloat64(_i = _n),\n"
	"1 / _n, if(_sum > 0, _weight / _sum, 1 / _n),\n"
	"multiIf(_n = 1, 1., _n = 2, 0.5, _i = 1 OR _i = _n, 0.4, 0.2 / (_n - 2)))) AS _w\n"
	"FROM (SELECT {unpack:_end|7}_end.6 AS _worth, length(_touched) AS _n, arrayMap(x -> x.5, _touched) AS "
	"_names,\n"
	"arrayMap(x -> exp2(-(_end.1 - x.1) / {ms:half-life}), _touched) AS _weights, arraySum(_weights) AS "
	"_sum\n"
	"FROM (SELECT _part[-1] AS _end,\n"
	"arrayFilter(x -> NOT x.4 AND x.1 >= _end.1 - {ms:window}, _part) AS _touched\n"
	"FROM (SELECT arraySort(groupArray((at, arrival, _keep, _converts, {field:of}, {if:value}\n"
	"toFloat64(ifNull({measure:value}, 0)){else}0.{end}{,keys}))) AS _j\n"
	"FROM (SELECT *, {filter:conversion} AS _converts FROM {all})\n"
	"WHERE _converts OR {filter:touch} GROUP BY person)\n"
	"ARRAY JOIN {if:reuse}arrayMap(i -> arraySlice(_j, 1, i), arrayEnumerate(_j)){else}\n"
	"arraySplit((x, cut) -> cut, _j, arrayPushFront(arrayPopBack(arrayMap(x -> x.4, _j)), 0)){end} AS "
	"_part\n"
	"WHERE _end.3 AND _end.4))\n"
	"ARRAY JOIN if(_n = 0, ['\\x00'], _names) AS _key, if(_n = 0, [0], arrayEnumerate(_names)) AS _i,\n"
	"if(_n = 0, [0], arrayEnumerateUniq(_names)) AS _u, if(_n = 0, [0.], _weights) AS _weight)\n"
	"GROUP BY {keys}_key)\n"
	"{order:_key = '\\x00', _touches DESC}";

const struct analysis analysis_attribution = {
	.name = "attribution",
	.example = "--conversion purchase",
	.summary = "Which channels or touch points lead to conversions, by six models side by side",
	.definition = "The path of a conversion: the touches before it in the same journey (ties in time in "
		      "order of arrival), "
		      "after the previous conversion and at most --window before this one; with --reuse also "
		      "those before "
		      "earlier conversions. Conversions are no touches. Credit of a conversion: first, last: "
		      "all to that touch; "
		      "linear: the same to each; time_decay: in proportion to 2^(-t/half-life), t the time to "
		      "the conversion; "
		      "position: 40 % first, 40 % last, 20 % to those between (two: half each). markov: a "
		      "chain of the given "
		      "order over start, touches, conversion and null is counted from all paths, also those "
		      "that end without "
		      "conversion (the touches after a journey's last conversion); the removal effect of a key "
		      "is the share of "
		      "the probability of conversion that is lost when every step to it leads to null, and the "
		      "conversions with "
		      "a touch are shared out in proportion (Anderl, Becker, von Wangenheim & Schumann 2016); "
		      "absorption "
		      "probabilities by Gauss-Seidel with aggregation, to within 1e-11 of that probability; a "
		      "smaller "
		      "effect is none. Every model shares "
		      "out every conversion once: "
		      "the rows of each "
		      "column add up to all conversions, (direct) being those without a touch. Filters, period "
		      "and groups are "
		      "those of the conversion, or of the last touch of a path without one.",
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
	.clickhouse = clickhouse,
};
