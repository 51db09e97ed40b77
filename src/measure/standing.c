// SPDX-License-Identifier: Apache-2.0
// The experience index and the loyalty ladder, journey by journey. Gaps are found measure by measure over the sparse
// values of a span (as the analysis `gap` does) and summed up by row; a person's standing then takes one pass over
// the rows that have any.
#include "measure/standing.h"

#include "base/mem.h"

#include <math.h>

struct standing_yardstick {
	double target, inverse_scale; // the sign is the direction's
	double weight;
};

struct standing_measure {
	uint32_t slot;
	struct {
		uint32_t first, n;
	} * at; // yardsticks by touch point code
};

struct standing_plan {
	const struct design *design;
	uint32_t n_codes; // of touch points
	struct standing_measure *measures;
	uint32_t n_measures;
	struct standing_yardstick *yardsticks;
	double loss_weight, decay_per_ms; // log2 of what is left after one ms, below 0
	uint8_t *counts;                  // by touch point code: COUNTS_…
	uint32_t *slots;                  // of measures that rules look at: [rung][rule], in order
};

enum { COUNTS_PURCHASE = 1, COUNTS_REFERRAL = 2 };

// The mean importance of touch points that have expectations; 1 when none has.
static double mean_importance(const struct design *d)
{
	double sum = 0.0;
	uint32_t n = 0;
	for (uint32_t t = 0; t < d->n_touchpoints; t++)
		if (d->touchpoints[t].n_expectations) {
			sum += d->touchpoints[t].importance;
			n++;
		}
	return sum > 0.0 ? sum / n : 1.0;
}

static enum rc plan_measure(struct standing_plan *p, const struct names *names, struct arena *a,
	uint32_t measure, double mean, uint32_t *n_yardsticks)
{
	const struct design *d = p->design;
	uint32_t slot = names_measure_slot(names, d, measure), before = *n_yardsticks;
	if (slot == UINT32_MAX)
		return RC_OK;
	struct standing_measure *m = &p->measures[p->n_measures];
	if (!m->at)
		m->at = arena_array(a, p->n_codes + (size_t)1, sizeof(*m->at));
	if (!m->at)
		return RC_NOMEM;
	for (uint32_t t = 0; t < d->n_touchpoints; t++) {
		const struct design_touchpoint *touchpoint = &d->touchpoints[t];
		uint32_t code = names_find(names, NAME_TOUCHPOINT, touchpoint->name), first = *n_yardsticks;
		if (code == NAME_NONE || code >= p->n_codes)
			continue;
		for (uint32_t i = 0; i < touchpoint->n_expectations; i++) {
			const struct expectation *x = &d->expectations[touchpoint->first_expectation + i];
			if (x->measure != measure)
				continue;
			double sign = x->direction == EXPECT_AT_LEAST ? 1.0 : -1.0;
			p->yardsticks[(*n_yardsticks)++] = (struct standing_yardstick){
				x->target, sign / x->scale, touchpoint->importance / mean};
		}
		m->at[code].first = first;
		m->at[code].n = *n_yardsticks - first;
	}
	if (*n_yardsticks == before)
		return RC_OK;
	m->slot = slot;
	p->n_measures++;
	return RC_OK;
}

static enum rc plan_ladder(struct standing_plan *p, const struct names *names, struct arena *a)
{
	const struct design *d = p->design;
	const struct design_loyalty *l = &d->loyalty;
	uint32_t n = 0, k = 0;
	for (uint32_t i = 0; i < l->n_rungs; i++)
		n += l->rungs[i].n_rules;
	p->slots = arena_array(a, n + (size_t)1, sizeof(*p->slots));
	p->counts = arena_array(a, p->n_codes + (size_t)1, 1);
	if (!p->slots || !p->counts)
		return RC_NOMEM;
	for (uint32_t i = 0; i < l->n_rungs; i++)
		for (uint32_t j = 0; j < l->rungs[i].n_rules; j++) {
			const struct ladder_rule *rule = &l->rungs[i].rules[j];
			p->slots[k++] = rule->fact == FACT_MEASURE ? names_measure_slot(names, d, rule->measure)
								   : UINT32_MAX;
		}
	for (uint32_t t = 0; t < d->n_touchpoints; t++) {
		uint32_t code = names_find(names, NAME_TOUCHPOINT, d->touchpoints[t].name);
		if (code != NAME_NONE && code < p->n_codes)
			p->counts[code] = (uint8_t)((l->is_purchase[t] ? COUNTS_PURCHASE : 0) |
						    (l->is_referral[t] ? COUNTS_REFERRAL : 0));
	}
	return RC_OK;
}

enum rc standing_plan_open(const struct design *d, const struct names *names, struct arena *a,
	struct standing_plan **out, struct err *e)
{
	struct standing_plan *p = arena_alloc(a, sizeof(*p));
	*out = p;
	if (!p)
		return err_set(e, RC_NOMEM, "out of memory for expectations");
	p->design = d;
	p->n_codes = names_count(names, NAME_TOUCHPOINT);
	p->loss_weight = d->loyalty.loss_weight;
	p->decay_per_ms = -1.0 / (d->loyalty.half_life_s * 1000.0);
	p->measures = arena_array(a, d->n_measures + (size_t)1, sizeof(*p->measures));
	p->yardsticks = arena_array(a, d->n_expectations + (size_t)1, sizeof(*p->yardsticks));
	enum rc rc = p->measures && p->yardsticks ? plan_ladder(p, names, a) : RC_NOMEM;
	double mean = mean_importance(d);
	uint32_t n_yardsticks = 0;
	for (uint32_t m = 0; rc == RC_OK && m < d->n_measures; m++)
		rc = plan_measure(p, names, a, m, mean, &n_yardsticks);
	return rc == RC_OK ? RC_OK : err_set(e, RC_NOMEM, "out of memory for expectations");
}

void standing_plan_want(const struct standing_plan *p, struct scan_columns *columns)
{
	const struct design_loyalty *l = &p->design->loyalty;
	uint32_t n = 0;
	columns->touchpoint = true;
	for (uint32_t i = 0; i < p->n_measures; i++)
		columns->measures |= UINT64_C(1) << p->measures[i].slot;
	for (uint32_t i = 0; i < l->n_rungs; i++)
		n += l->rungs[i].n_rules;
	for (uint32_t i = 0; i < n; i++)
		if (p->slots[i] != UINT32_MAX)
			columns->measures |= UINT64_C(1) << p->slots[i];
}

// --- gaps of rows ---

static enum rc work_fit(struct standing_work *w, uint32_t n, struct err *e)
{
	size_t rows = n ? n : 1;
	bool fits = mem_grow((void **)&w->gain, &w->gain_capacity, rows, sizeof(*w->gain)) == 0;
	if (fits && w->want_gaps)
		fits = mem_grow((void **)&w->gap, &w->gap_capacity, rows, sizeof(*w->gap)) == 0 &&
		       mem_grow((void **)&w->n_gaps, &w->n_gaps_capacity, rows, sizeof(*w->n_gaps)) == 0;
	return fits ? RC_OK : err_set(e, RC_NOMEM, "out of memory for gaps");
}

static void add_measure(const struct standing_plan *p, const struct standing_measure *m,
	const struct span *span, struct standing_work *w)
{
	const struct sparse_values *v = &span->measures[m->slot];
	const uint32_t *touchpoint = span->code[CODE_TOUCHPOINT];
	for (uint32_t i = 0; i < v->n; i++) {
		uint32_t row = v->row[i], code = touchpoint[row];
		code = code < p->n_codes ? code : 0;
		for (uint32_t k = 0; k < m->at[code].n; k++) {
			const struct standing_yardstick *y = &p->yardsticks[m->at[code].first + k];
			double g = (v->value[i] - y->target) * y->inverse_scale;
			g = g < -1.0 ? -1.0 : g > 1.0 ? 1.0 : g;
			w->gain[row] += y->weight * (g < 0.0 ? p->loss_weight * g : g);
			if (w->want_gaps) {
				w->gap[row] += g;
				w->n_gaps[row]++;
			}
		}
	}
}

enum rc standing_gains(
	const struct standing_plan *p, const struct span *span, struct standing_work *w, struct err *e)
{
	enum rc rc = work_fit(w, span->n, e);
	if (rc != RC_OK)
		return rc;
	memset(w->gain, 0, span->n * sizeof(*w->gain));
	if (w->want_gaps) {
		memset(w->gap, 0, span->n * sizeof(*w->gap));
		memset(w->n_gaps, 0, span->n);
	}
	for (uint32_t i = 0; i < p->n_measures; i++)
		add_measure(p, &p->measures[i], span, w);
	return RC_OK;
}

// --- standing of persons ---

double standing_step(const struct standing_plan *p, double sum, int64_t elapsed_ms, double gain)
{
	return sum * exp2(p->decay_per_ms * (double)elapsed_ms) + gain;
}

double standing_index(double sum)
{
	return 100.0 / (1.0 + exp(-sum));
}

// The last value of a measure in rows [first, end). False: there is none.
static bool last_value(const struct sparse_values *v, uint32_t first, uint32_t end, double *out)
{
	uint32_t lo = 0, hi = v->n; // the first value at or after `end`
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (v->row[mid] < end)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == 0 || v->row[lo - 1] < first)
		return false;
	*out = v->value[lo - 1];
	return true;
}

static bool rule_holds(const struct standing *s, const struct ladder_rule *rule, uint32_t slot,
	const struct span *span, uint32_t first, uint32_t end)
{
	const double facts[] = {[FACT_INDEX] = s->index,
		[FACT_TENURE] = s->tenure_s,
		[FACT_INTERACTIONS] = s->n_interactions,
		[FACT_PURCHASES] = s->n_purchases,
		[FACT_REFERRALS] = s->n_referrals};
	double x = 0.0;
	if (rule->fact != FACT_MEASURE)
		x = facts[rule->fact];
	else if (slot == UINT32_MAX || !last_value(&span->measures[slot], first, end, &x))
		return false;
	return x >= rule->min && x <= rule->max;
}

// The highest rung whose rules all hold.
static uint32_t rung_of(const struct standing_plan *p, const struct standing *s, const struct span *span,
	uint32_t first, uint32_t end)
{
	const struct design_loyalty *l = &p->design->loyalty;
	const uint32_t *slot = p->slots;
	uint32_t rung = 0;
	for (uint32_t i = 0; i < l->n_rungs; i++) {
		bool holds = true;
		for (uint32_t k = 0; k < l->rungs[i].n_rules; k++)
			holds = holds && rule_holds(s, &l->rungs[i].rules[k], slot[k], span, first, end);
		slot += l->rungs[i].n_rules;
		rung = holds ? i + 1 : rung;
	}
	return rung;
}

void standing_at(const struct standing_plan *p, const struct span *span, const struct standing_work *w,
	uint32_t first, uint32_t end, int64_t until_ms, struct standing *out)
{
	*out = (struct standing){.index = 50.0};
	while (end > first && span->at[end - 1] >= until_ms)
		end--;
	if (end == first)
		return;
	const uint32_t *touchpoint = span->code[CODE_TOUCHPOINT];
	double sum = 0.0;
	uint32_t purchases = 0, referrals = 0;
	for (uint32_t i = first; i < end; i++) {
		uint32_t code = touchpoint[i] < p->n_codes ? touchpoint[i] : 0;
		purchases += (p->counts[code] & COUNTS_PURCHASE) != 0;
		referrals += (p->counts[code] & COUNTS_REFERRAL) != 0;
		if (w->gain[i] != 0.0)
			sum += w->gain[i] * exp2(p->decay_per_ms * (double)(until_ms - span->at[i]));
	}
	out->sum = sum;
	out->index = standing_index(sum);
	out->n_interactions = end - first;
	out->n_purchases = purchases;
	out->n_referrals = referrals;
	out->tenure_s = (double)(until_ms - span->at[first]) / 1000.0;
	out->rung = rung_of(p, out, span, first, end);
}

void standing_work_free(struct standing_work *w)
{
	mem_free(w->gain);
	mem_free(w->gap);
	mem_free(w->n_gaps);
	*w = (struct standing_work){0};
}
