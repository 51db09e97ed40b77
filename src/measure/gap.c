// SPDX-License-Identifier: Apache-2.0
// Analysis: experience against every designed expectation, per touch point.
//
// Only the sparse values of measures that some expectation needs are looked at. A table (measure, touch point code)
// gives the expectation to hold a value against; the touch point is therefore no part of the group, and sums
// are an array [group][expectation]. Values that come as integers are summed as integers (gap_exact.c) where the targets
// are such, others as doubles.
#include "measure/gap_exact.h"

#include "base/mem.h"

#include <assert.h>
#include <math.h>

enum {
	EXPECTATION,
	N,
	GAP,
	GAP_LOW,
	GAP_HIGH,
	EXPERIENCE,
	EXPERIENCE_LOW,
	EXPERIENCE_HIGH,
	TARGET,
	DIRECTION,
	UNIT,
	SHARE,
	SHARE_LOW,
	SHARE_HIGH,
	SHARE_TARGET,
	VERDICT,
	N_COLUMNS
};
static const struct result_column columns[N_COLUMNS] = {
	[EXPECTATION] = {"expectation", "expectation", CELL_TEXT, "", 0, "its name in the corridor file"},
	[N] = {"n", "n", CELL_COUNT, "interactions", 0, "interactions that carry the measure"},
	[GAP] = {"gap", "gap", CELL_NUMBER, "1", 3, "mean gap, -1 … 1; above 0 is better than expected"},
	[GAP_LOW] = {"gap_low", "gap ≥", CELL_NUMBER, "1", 3, "lower end of its 95 % t interval"},
	[GAP_HIGH] = {"gap_high", "gap ≤", CELL_NUMBER, "1", 3, "upper end of its 95 % t interval"},
	[EXPERIENCE] = {"experience", "experience", CELL_NUMBER, "unit", 2, "mean of the measure, in `unit`"},
	[EXPERIENCE_LOW] = {"experience_low", "experience ≥", CELL_NUMBER, "unit", 2,
		"lower end of its 95 % t interval"},
	[EXPERIENCE_HIGH] = {"experience_high", "experience ≤", CELL_NUMBER, "unit", 2,
		"upper end of its 95 % t interval"},
	[TARGET] = {"target", "target", CELL_NUMBER, "unit", 2, "what is expected, in `unit`"},
	[DIRECTION] = {"direction", "", CELL_TEXT, "", 0, "at least or at most the target"},
	[UNIT] = {"unit", "unit", CELL_TEXT, "", 0, "of experience and target"},
	[SHARE] = {"share_kept", "kept", CELL_RATIO, "1", 3, "share of interactions that meet the target"},
	[SHARE_LOW] = {"share_kept_low", "kept ≥", CELL_RATIO, "1", 3, "lower end of its 95 % Wilson interval"},
	[SHARE_HIGH] = {"share_kept_high", "kept ≤", CELL_RATIO, "1", 3,
		"upper end of its 95 % Wilson interval"},
	[SHARE_TARGET] = {"share_target", "for", CELL_RATIO, "1", 3,
		"share that is to meet it; empty: the mean is to"},
	[VERDICT] = {"verdict", "verdict", CELL_TEXT, "", 0,
		"kept or broken when the interval is on one side of what is expected, else no detectable "
		"difference"},
};

// Expectations on one measure, at most one per touch point; several on one make several layers. They are numbered by
// slots. Touch points without one have sums of their own, the last of each group, which nobody looks at.
struct layer {
	uint32_t measure;
	uint32_t *slot; // by touch point code, 0: no expectation; NULL: most have one, so the code is the slot
	struct yardstick *at; // by slot
	uint32_t n_slots;
};

struct plan {
	struct layer *layers;
	uint32_t n_layers, n_codes;
};

#define BLOCK EXACT_BLOCK // values at a time: all that is made of them stays in the first cache

// The sums of a layer that are kept as integers, by the decimals of the values.
struct layer_sums {
	struct exact *exact[SCALED_DECIMALS_MAX + 1]; // NULL: no such values were met
};

struct state {
	struct sums sums;
	struct layer_sums *layers;
	uint32_t n_layers;
	uint32_t which[BLOCK]; // values that stand at a touch point with an expectation on them,
	uint32_t row[BLOCK];   // their rows and slots
	uint32_t slot[BLOCK];
	double value[BLOCK];
	int32_t scaled[BLOCK];
};

static size_t nowhere(const struct design *d)
{
	return (size_t)d->n_expectations * N_SUMS;
}

static struct yardstick yardstick_of(const struct expectation *x, uint32_t index)
{
	double sign = x->direction == EXPECT_AT_LEAST ? 1.0 : -1.0;
	return (struct yardstick){x->target, x->scale, sign / x->scale, (size_t)index * N_SUMS};
}

// Puts the `skip`-th expectation on a measure of each touch point into a layer; false: there is none. RC_NOMEM in *rc.
static bool plan_layer(struct run *run, struct plan *plan, uint32_t measure, uint32_t skip, enum rc *rc)
{
	const struct design *d = run->design;
	struct layer *l = &plan->layers[plan->n_layers];
	uint32_t covered = 0;
	if (!l->at)
		l->at = arena_array(run->scratch, plan->n_codes + 1, sizeof(*l->at));
	*rc = l->at ? RC_OK : RC_NOMEM;
	if (!l->at)
		return false;
	for (uint32_t code = 0; code < plan->n_codes; code++)
		l->at[code] = (struct yardstick){.sums = nowhere(d)};
	for (uint32_t t = 0; t < d->n_touchpoints; t++) {
		const struct design_touchpoint *touchpoint = &d->touchpoints[t];
		uint32_t code = names_find(run->names, NAME_TOUCHPOINT, touchpoint->name), left = skip;
		for (uint32_t i = 0; code != NAME_NONE && i < touchpoint->n_expectations; i++) {
			uint32_t index = touchpoint->first_expectation + i;
			if (d->expectations[index].measure != measure || left-- > 0)
				continue;
			l->at[code] = yardstick_of(&d->expectations[index], index);
			covered++;
			break;
		}
	}
	l->measure = measure;
	l->n_slots = plan->n_codes;
	if (2 * covered >= plan->n_codes || covered == 0)
		return covered > 0;
	l->slot = arena_array(run->scratch, plan->n_codes, sizeof(*l->slot));
	*rc = l->slot ? RC_OK : RC_NOMEM;
	if (!l->slot)
		return false;
	l->n_slots = 1;
	for (uint32_t code = 1; code < plan->n_codes; code++) // code 0 is no touch point
		if (l->at[code].sums != nowhere(d)) {
			l->slot[code] = l->n_slots;
			l->at[l->n_slots++] = l->at[code];
		}
	return true;
}

static enum rc prepare(struct run *run, struct err *e)
{
	const struct design *d = run->design;
	struct plan *plan = arena_alloc(run->scratch, sizeof(*plan));
	if (!plan)
		return err_set(e, RC_NOMEM, "out of memory for expectations");
	run->plan = plan;
	run->request.columns.touchpoint = true;
	plan->n_codes = names_count(run->names, NAME_TOUCHPOINT);
	plan->n_codes = plan->n_codes ? plan->n_codes : 1;
	plan->layers = arena_array(run->scratch, (size_t)d->n_expectations + 1, sizeof(*plan->layers));
	if (!plan->layers)
		return err_set(e, RC_NOMEM, "out of memory for expectations");
	for (uint32_t m = 0; m < d->n_measures; m++) {
		enum rc rc;
		for (uint32_t skip = 0; plan_layer(run, plan, m, skip, &rc); skip++)
			plan->n_layers++;
		if (rc != RC_OK)
			return err_set(e, rc, "out of memory for expectations");
	}
	for (uint32_t i = 0; i < plan->n_layers; i++)
		run_want_measure(run, plan->layers[i].measure);
	if (run_can_narrow(run)) // nobody else looks at values
		run->request.columns.scaled = run->request.columns.measures;
	run_narrow_to_measures(run);
	if (d->n_expectations == 0)
		run_note(run, "the corridor file has no expectations");
	return RC_OK;
}

static void *state_new(struct run *run)
{
	const struct plan *plan = run->plan;
	struct state *s = mem_calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->sums.width = (uint32_t)nowhere(run->design) + N_SUMS;
	s->n_layers = plan->n_layers;
	s->layers = mem_calloc(plan->n_layers + 1u, sizeof(*s->layers));
	if (!s->layers) {
		mem_free(s);
		return NULL;
	}
	return s;
}

static void state_free(struct run *run, void *p)
{
	(void)run;
	struct state *s = p;
	for (uint32_t i = 0; i < s->n_layers; i++)
		for (uint32_t k = 0; k <= SCALED_DECIMALS_MAX; k++)
			if (s->layers[i].exact[k]) {
				exact_free(s->layers[i].exact[k]);
				mem_free(s->layers[i].exact[k]);
			}
	mem_free(s->layers);
	sums_free(&s->sums);
	mem_free(s);
}

// The integer sums for a layer's values with so many decimals. NULL: out of memory.
static struct exact *layer_exact(
	const struct run *run, struct state *s, uint32_t layer, uint32_t decimals, struct err *e)
{
	const struct layer *l = &((const struct plan *)run->plan)->layers[layer];
	struct exact **x = &s->layers[layer].exact[decimals];
	if (*x)
		return *x;
	*x = mem_calloc(1, sizeof(**x));
	if (!*x)
		err_set(e, RC_NOMEM, "out of memory for expectations");
	else if (exact_open(*x, l->at, l->n_slots, nowhere(run->design), decimals, e) == RC_OK)
		return *x;
	return NULL; // state_free frees what there is
}

// Values first … end - 1 that pass the filters and stand at a touch point that expects something of this measure,
// without a branch.
static uint32_t select_values(const struct lane *lane, const struct layer *l, const struct sparse_values *v,
	uint32_t first, uint32_t end, struct state *s)
{
	const uint32_t *restrict touchpoint = lane->span->code[CODE_TOUCHPOINT];
	const uint8_t *restrict keep = lane->keep;
	const uint32_t *restrict from = v->row, *restrict slot_of = l->slot;
	const struct yardstick *restrict at = l->at;
	uint32_t *restrict rows = s->row, *restrict slots = s->slot, *restrict which = s->which;
	uint32_t n = 0, n_codes = ((const struct plan *)lane->run->plan)->n_codes;
	size_t none = nowhere(lane->run->design);
	for (uint32_t i = first; i < end; i++) {
		uint32_t row = from[i], code = touchpoint[row];
		code = code < n_codes ? code : 0;
		code = slot_of ? slot_of[code] : code;
		rows[n] = row;
		slots[n] = code;
		which[n] = i;
		n += (at[code].sums != none) & (!keep || keep[row]);
	}
	return n;
}

// Two numbers side by side in a register, and the same as it stands in memory. Choosing by masks keeps the compiler from
// branches, which the data would decide like a coin.
typedef double pair __attribute__((vector_size(16)));
typedef int64_t pair_bits __attribute__((vector_size(16)));
typedef double pair_stored __attribute__((vector_size(16), aligned(8), may_alias));

static inline pair pair_min(pair a, pair b)
{
	pair_bits m = a < b;
	return (pair)((m & (pair_bits)a) | (~m & (pair_bits)b));
}

static inline pair pair_max(pair a, pair b)
{
	pair_bits m = a > b;
	return (pair)((m & (pair_bits)a) | (~m & (pair_bits)b));
}

static inline void sums_add(double *sums, pair n_kept, pair gap, pair x)
{
	pair_stored *a = (pair_stored *)(void *)sums;
	a[SUM_N / 2] += n_kept;
	a[SUM_GAP / 2] += gap;
	a[SUM_X / 2] += x;
}

static inline const struct yardstick *yardstick_at(const struct layer *l, uint32_t slot)
{
	return &l->at[slot < l->n_slots ? slot : 0];
}

// Adds n values to the sums of their groups and touch points, two at a time.
static void hold_values(const struct layer *l, struct sums *sums, const uint32_t *restrict slot,
	const double *restrict value, const uint32_t *restrict group, uint32_t n)
{
	const pair one = {1.0, 1.0}, zero = {0.0, 0.0};
	double *v = sums->v;
	size_t width = sums->width;
	for (uint32_t i = 0; i < n; i += 2) {
		uint32_t k = i + 1 < n ? i + 1 : i;
		const struct yardstick *y = yardstick_at(l, slot[i]), *z = yardstick_at(l, slot[k]);
		pair above = (pair){value[i], value[k]} - (pair){y->target, z->target};
		pair g = above * (pair){y->inverse_scale, z->inverse_scale};
		pair kept = (pair)((pair_bits)one & (g >= zero));
		g = pair_max(pair_min(g, one), -one);
		pair squares = g * g, above_squares = above * above;
		sums_add(v + group[i] * width + y->sums, (pair){1.0, kept[0]}, (pair){g[0], squares[0]},
			(pair){above[0], above_squares[0]});
		if (k > i)
			sums_add(v + group[k] * width + z->sums, (pair){1.0, kept[1]}, (pair){g[1], squares[1]},
				(pair){above[1], above_squares[1]});
	}
}
static_assert(SUM_KEPT == SUM_N + 1 && SUM_GAP2 == SUM_GAP + 1 && SUM_X2 == SUM_X + 1 && N_SUMS % 2 == 0,
	"sums stand in pairs");

// A block of values and where they stand.
struct block {
	const struct sparse_values *values; // where they come from
	const double *value;                // NULL: scaled
	const int32_t *scaled;
	const uint32_t *slot, *group;
	uint32_t n;
};

static enum rc add_block(
	struct lane *lane, struct state *s, uint32_t layer, const struct block *b, struct err *e)
{
	const struct layer *l = &((const struct plan *)lane->run->plan)->layers[layer];
	const double *value = b->value;
	if (!value) {
		struct exact *x = layer_exact(lane->run, s, layer, b->values->decimals, e);
		if (!x || (x->usable && exact_fit(x, lane->n_groups, e) != RC_OK))
			return e->rc;
		if (x->usable) {
			exact_add(x, b->slot, b->scaled, b->group, b->n, b->values->scaled_max);
			return RC_OK;
		}
		for (uint32_t i = 0; i < b->n; i++)
			s->value[i] = (double)b->scaled[i] / x->unit;
		value = s->value;
	}
	enum rc rc = sums_fit(&s->sums, lane->n_groups, e);
	if (rc == RC_OK)
		hold_values(l, &s->sums, b->slot, value, b->group, b->n);
	return rc;
}

static enum rc add_selected(struct lane *lane, struct state *s, uint32_t layer, const struct sparse_values *v,
	uint32_t first, uint32_t end, struct err *e)
{
	const struct plan *plan = lane->run->plan;
	uint32_t n = select_values(lane, &plan->layers[layer], v, first, end, s);
	const uint32_t *group = lane_group_rows(lane, s->row, n, e);
	if (!group)
		return e->rc;
	for (uint32_t i = 0; v->scaled && i < n; i++)
		s->scaled[i] = v->scaled[s->which[i]];
	for (uint32_t i = 0; v->value && i < n; i++)
		s->value[i] = v->value[s->which[i]];
	struct block b = {.values = v,
		.value = v->value ? s->value : NULL,
		.scaled = s->scaled,
		.slot = s->slot,
		.group = group,
		.n = n};
	return add_block(lane, s, layer, &b, e);
}

// Does every row have a value, and do all count?
static bool is_dense(const struct lane *lane, const struct layer *l)
{
	return !l->slot && !lane->keep && run_measure(lane->run, lane->span, l->measure)->n == lane->span->n;
}

// Of a dense layer values are taken as they stand: codes are slots.
static enum rc add_layer(struct lane *lane, struct state *s, uint32_t layer, struct err *e)
{
	const struct layer *l = &((const struct plan *)lane->run->plan)->layers[layer];
	const struct sparse_values *v = run_measure(lane->run, lane->span, l->measure);
	const uint32_t *code = lane->span->code[CODE_TOUCHPOINT];
	bool dense = is_dense(lane, l);
	const uint32_t *group = dense ? lane_group(lane, e) : NULL;
	enum rc rc = dense && !group ? e->rc : RC_OK;
	for (uint32_t first = 0; rc == RC_OK && first < v->n; first += BLOCK) {
		uint32_t n = v->n - first < BLOCK ? v->n - first : BLOCK;
		struct block b = {.values = v,
			.value = v->value ? v->value + first : NULL,
			.scaled = v->scaled ? v->scaled + first : NULL,
			.slot = code + first,
			.group = dense ? group + first : NULL,
			.n = n};
		if (dense)
			rc = add_block(lane, s, layer, &b, e);
		else
			rc = add_selected(lane, s, layer, v, first, first + n, e);
	}
	return rc;
}

static enum rc add(struct lane *lane, void *p, const struct span *span, struct err *e)
{
	(void)span;
	const struct plan *plan = lane->run->plan;
	enum rc rc = RC_OK;
	// Groups of all rows, once they are needed, tell those of chosen rows.
	for (uint32_t i = 0; rc == RC_OK && i < plan->n_layers; i++)
		if (is_dense(lane, &plan->layers[i]) && !lane_group(lane, e))
			rc = e->rc;
	for (uint32_t i = 0; rc == RC_OK && i < plan->n_layers; i++)
		rc = add_layer(lane, p, i, e);
	return rc;
}

static enum rc merge(struct run *run, void *into, void *from, struct err *e)
{
	(void)run;
	struct state *a = into, *b = from;
	enum rc rc = sums_merge(&a->sums, &b->sums, e);
	for (uint32_t i = 0; i < a->n_layers; i++)
		for (uint32_t k = 0; rc == RC_OK && k <= SCALED_DECIMALS_MAX; k++) {
			struct exact **x = &a->layers[i].exact[k], **y = &b->layers[i].exact[k];
			if (*x && *y) {
				rc = exact_merge(*x, *y, e);
			} else if (*y) {
				*x = *y;
				*y = NULL;
			}
		}
	return rc;
}

// All sums as doubles.
static enum rc sums_round(struct state *s, struct err *e)
{
	enum rc rc = RC_OK;
	for (uint32_t i = 0; i < s->n_layers; i++)
		for (uint32_t k = 0; rc == RC_OK && k <= SCALED_DECIMALS_MAX; k++)
			if (s->layers[i].exact[k])
				rc = exact_round(s->layers[i].exact[k], &s->sums, e);
	return rc;
}

// Fewer values detect nothing: Wilson's interval of a single one excludes 80 %, and two that are equal have a t
// interval without width.
#define VERDICT_N_LEAST 10

// The interval against what is expected: the share against `for`, else the mean against the target.
static struct sv verdict_of(
	const struct expectation *x, double n, struct estimate share, struct estimate experience)
{
	if (n == 0.0)
		return SV("no data");
	if (n < VERDICT_N_LEAST)
		return SV("no detectable difference");
	double low = share.low, high = share.high, target = x->share;
	if (isnan(x->share)) {
		bool at_least = x->direction == EXPECT_AT_LEAST;
		low = at_least ? experience.low : -experience.high;
		high = at_least ? experience.high : -experience.low;
		target = at_least ? x->target : -x->target;
	}
	if (low >= target)
		return SV("kept");
	if (high < target)
		return SV("broken");
	return SV("no detectable difference");
}

static enum rc write_row(
	struct run *run, uint32_t group, const struct expectation *x, const double *a, struct err *e)
{
	const struct design_measure *measure = &run->design->measures[x->measure];
	double n = a[SUM_N];
	struct cell *c = result_row(run, group, n, e);
	if (!c)
		return e->rc;
	row_touchpoint(run, x->touchpoint);
	struct estimate gap = stats_within(stats_mean(n, a[SUM_GAP], a[SUM_GAP2], 0.0), -1.0, 1.0);
	struct estimate experience =
		stats_within(stats_mean(n, a[SUM_X], a[SUM_X2], x->target), measure->min, measure->max);
	struct estimate share = stats_wilson(a[SUM_KEPT], n);
	struct sv name = arena_copy(run->arena, x->name), unit = arena_copy(run->arena, measure->unit);
	if (!name.ptr || !unit.ptr)
		return err_set(e, RC_NOMEM, "out of memory for rows");
	cell_text(&c[EXPECTATION], name);
	cell_number(&c[N], n);
	cell_estimate(&c[GAP], &c[GAP_LOW], &c[GAP_HIGH], gap);
	cell_estimate(&c[EXPERIENCE], &c[EXPERIENCE_LOW], &c[EXPERIENCE_HIGH], experience);
	cell_number(&c[TARGET], x->target);
	cell_text(&c[DIRECTION], x->direction == EXPECT_AT_LEAST ? SV("at least") : SV("at most"));
	cell_text(&c[UNIT], unit);
	cell_estimate(&c[SHARE], &c[SHARE_LOW], &c[SHARE_HIGH], share);
	cell_number(&c[SHARE_TARGET], x->share);
	cell_text(&c[VERDICT], verdict_of(x, n, share, experience));
	return RC_OK;
}

static enum rc finish(struct run *run, void *p, struct err *e)
{
	struct state *s = p;
	const struct design *d = run->design;
	// Expectations that nothing was measured for are shown where they cannot be mistaken for filtered ones.
	bool show_unmeasured = grouping_keys(run) == 1 && run->query->n_where == 0;
	enum rc rounded = sums_round(s, e);
	if (rounded != RC_OK)
		return rounded;
	for (uint32_t g = 0; g < run_groups(run); g++) {
		for (uint32_t i = 0; i < d->n_expectations; i++) {
			const double *a = sums_at(&s->sums, g, i * N_SUMS);
			if (a[SUM_N] == 0.0 && !show_unmeasured)
				continue;
			enum rc rc = write_row(run, g, &d->expectations[i], a, e);
			if (rc != RC_OK)
				return rc;
		}
	}
	return RC_OK;
}

static const char clickhouse[] =
	"SELECT {by}_x.1 AS expectation, _n AS n, gap, gap_low, gap_high, experience, experience_low, "
	"experience_high,\n"
	"_x.2 AS target, _x.3 AS direction, _x.4 AS unit, share_kept, share_kept_low, share_kept_high,\n"
	"nullIf(_x.5, -1) AS share_target,\n"
	"multiIf(_n = 0, 'no data', _n >= 10 AND _low >= _wanted, 'kept', _n >= 10 AND _high < _wanted, "
	"'broken',\n"
	"'no detectable difference') AS verdict\n"
	"FROM (SELECT *, multiIf(_x.5 >= 0, share_kept_low, _x.3 = 'at least', experience_low, "
	"-experience_high) AS _low,\n"
	"multiIf(_x.5 >= 0, share_kept_high, _x.3 = 'at least', experience_high, -experience_low) AS _high,\n"
	"multiIf(_x.5 >= 0, _x.5, _x.3 = 'at least', _x.2, -_x.2) AS _wanted\n"
	"FROM (SELECT {keys}_i, _n, _x, {mean:gap|_n|_g|_gg|0.|-1.|1.}, "
	"{mean:experience|_n|_d|_dd|_x.2|_x.6|_x.7}, "
	"{share:share_kept|_kept|_n}\n"
	"FROM (SELECT {keys}_s.1 AS _i, {design:expectations}[_i] AS _x, toInt64(sum(_s.2)) AS _n, "
	"toInt64(sum(_s.3)) AS _kept,\n"
	"sum(_s.4) AS _g, sum(_s.5) AS _gg, sum(_s.6) AS _d, sum(_s.7) AS _dd\n"
	"FROM (SELECT {keys}arrayJoin(_sums) AS _s FROM (SELECT {keys}{design:expectation-sums} AS _sums FROM "
	"{rows} {group}\n"
	"{design:unmeasured})) WHERE _s.1 > 0 {group:_i})))\n"
	"WHERE {design:measured}\n"
	"{order:_i}";

const struct analysis analysis_gap = {
	.name = "gap",
	.summary = "Experience against every expectation of the corridor file, per touch point",
	.definition = "Gap of a value x against target τ with scale σ: clamp(d·(x − τ)/σ, −1, 1), d = 1 for at "
		      "least, −1 for at most; σ is the "
		      "target for ratios, half the range for bounded measures, or given in the corridor file. "
		      "gap: mean with 95 % t interval "
		      "(Student 1908), cut to the range that values can have, as is that of the experience. "
		      "share_kept: share with d·(x − τ) ≥ 0, 95 % Wilson interval (Wilson "
		      "1927). verdict: for expectations with "
		      "`for`, the Wilson interval against that share; else the t interval of the mean of x "
		      "against τ; an interval that "
		      "contains what is expected, or one of fewer than 10 values, is no detectable difference. "
		      "Expectation minus experience "
		      "after Parasuraman, Zeithaml & "
		      "Berry (1985), with designed expectations.",
	.chart = "bars",
	.columns = columns,
	.n_columns = N_COLUMNS,
	.by_touchpoint = true,
	.prepare = prepare,
	.state_new = state_new,
	.add = add,
	.merge = merge,
	.state_free = state_free,
	.finish = finish,
	.clickhouse = clickhouse,
};
