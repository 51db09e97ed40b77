// SPDX-License-Identifier: Apache-2.0
// What the corridor file says, as expressions for ClickHouse: one row of `expressions` each.
//
// Sums that are kept per score or expectation are arrays of tuples, one per group, whose first element is a number in
// the list of the same order; the first of each array stands for nothing (number 0), so that none is empty.
#include "measure/clickhouse_internal.h"

#include <math.h>
#include <stdio.h>

// --- scores ---

// Goes through the scores that are asked for: `sums` writes what is summed of each, else what it is called.
struct score_list {
	struct buf *out;
	const struct run *run;
	bool sums;
	uint32_t number;
	struct buf value; // scratch: the answer's expression, NULL where there is none
};

// As in scores.c: values are shifted by the middle of their scale; from top on they are good, up to bottom bad; none is
// beyond min and max.
struct score {
	const char *chosen_by, *kind;
	struct sv name, unit;
	double shift, top, bottom, min, max;
};

// The expression of the answers is in l->value.
static void put_score(struct score_list *l, const struct score *s)
{
	struct sv x = buf_view(&l->value);
	struct buf *out = l->out;
	if (!l->sums) {
		buf_str(out, ", (");
		sql_text(out, s->name);
		buf_printf(out, ", '%s', ", s->kind);
		sql_text(out, s->unit);
		buf_str(out, ", ");
		const double numbers[] = {s->shift, s->min, s->max};
		for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
			buf_str(out, i ? ", " : "");
			sql_number(out, numbers[i]);
		}
		buf_char(out, ')');
		return;
	}
	buf_printf(out, ", (%u, count(%.*s), ifNull(sum(%.*s - ", ++l->number, SV_ARG(x), SV_ARG(x));
	sql_number(out, s->shift);
	buf_str(out, "), 0.), ifNull(sum(");
	for (int i = 0; i < 2; i++) { // pow() is several times slower than a product
		buf_printf(out, "%s(%.*s - ", i ? " * " : "", SV_ARG(x));
		sql_number(out, s->shift);
		buf_char(out, ')');
	}
	buf_printf(out, "), 0.), countIf(%.*s >= ", SV_ARG(x));
	sql_number(out, s->top);
	buf_printf(out, "), countIf(%.*s <= ", SV_ARG(x));
	sql_number(out, s->bottom);
	buf_str(out, "))");
}

static bool score_chosen(struct score_list *l, const char *name)
{
	const struct param_value *v = run_param(l->run, "score");
	if (l->value.rc != RC_OK)
		return false; // nothing more: the error stays
	buf_clear(&l->value);
	return sv_equal(v->text, SV("all")) || sv_equal(v->text, sv_from(name));
}

static void put_single_scores(struct score_list *l)
{
	const struct design *d = l->run->design;
	const double none = (double)-INFINITY;
	char scale[64];
	snprintf(scale, sizeof(scale), "%g-%g", d->rating_min, d->rating_max);
	struct score singles[] = {
		// their scales are those of their measures
		{"nps", "nps", SV("nps"), SV("points"), 5.0, 9.0, 6.0, 0.0, 0.0},
		{"csat", "share", SV("csat"), SV("share"), 3.0, 4.0, none, 0.0, 0.0},
		{"ces", "mean", SV("ces"), SV("1-7"), 4.0, 5.0, none, 0.0, 0.0},
		{"rating", "mean", SV("rating"), sv_from(scale), 0.5 * (d->rating_min + d->rating_max),
			d->rating_max, none, 0.0, 0.0},
	};
	for (size_t i = 0; i < sizeof(singles) / sizeof(singles[0]); i++) {
		if (!score_chosen(l, singles[i].chosen_by))
			continue;
		uint32_t measure = design_measure_find(d, singles[i].name);
		sql_measure(&l->value, d, measure);
		singles[i].min = d->measures[measure].min;
		singles[i].max = d->measures[measure].max;
		put_score(l, &singles[i]);
	}
}

// ACSI of one respondent (Fornell et al. 1996): NULL unless all three were answered.
static void put_acsi(struct score_list *l)
{
	static const char *const items[] = {"acsi-satisfaction", "acsi-expectancy", "acsi-ideal"};
	const struct design *d = l->run->design;
	if (!score_chosen(l, "acsi"))
		return;
	for (uint32_t i = 0; i < 3; i++) {
		buf_str(&l->value, i ? " + " : "((");
		sql_number(&l->value, d->acsi_weights[i]);
		buf_str(&l->value, " * ");
		sql_measure(&l->value, d, design_measure_find(d, sv_from(items[i])));
	}
	buf_str(&l->value, " - 1.) / 9. * 100.)");
	put_score(l, &(struct score){"acsi", "acsi", SV("acsi"), SV("points"), 50.0, 100.0, (double)-INFINITY,
			     0.0, 100.0});
}

// Perceived minus expected, per pair.
static void put_servqual(struct score_list *l)
{
	const struct design *d = l->run->design;
	for (uint32_t i = 0; i < d->n_servqual && score_chosen(l, "servqual"); i++) {
		const struct design_servqual *q = &d->servqual[i];
		char name[512];
		snprintf(name, sizeof(name), "servqual:%.*s", SV_ARG(q->dimension));
		buf_char(&l->value, '(');
		sql_measure(&l->value, d, q->perceived);
		buf_str(&l->value, " - ");
		sql_measure(&l->value, d, q->expected);
		buf_char(&l->value, ')');
		const struct design_measure *p = &d->measures[q->perceived], *x = &d->measures[q->expected];
		put_score(l, &(struct score){"servqual", "mean", sv_from(name), SV("perceived - expected"), 0.0,
				     0.0, (double)-INFINITY, p->min - x->max, p->max - x->min});
	}
}

static void put_scores(struct buf *out, const struct run *run, bool sums)
{
	struct score_list l = {.out = out, .run = run, .sums = sums, .value = buf_new(1u << 20)};
	buf_str(out,
		sums ? "[(0, toUInt64(0), 0., 0., toUInt64(0), toUInt64(0))" : "[('', '', '', 0., 0., 0.)");
	put_single_scores(&l);
	put_acsi(&l);
	put_servqual(&l);
	buf_char(out, ']');
	if (l.value.rc != RC_OK)
		out->rc = l.value.rc;
	buf_free(&l.value);
}

static void put_score_list(struct buf *out, const struct run *run)
{
	put_scores(out, run, false);
}

static void put_scores_summed(struct buf *out, const struct run *run)
{
	put_scores(out, run, true);
}

// --- expectations ---

// A touch point has at most one expectation in each yardstick: the r-th on a measure. What differs from touch point
// to touch point is looked up by its name.
enum looked_up { TARGET, SCALE, NUMBER };

// The r-th expectation of a touch point on a measure, or NULL.
static const struct expectation *expectation_of(
	const struct design *d, const struct design_touchpoint *t, uint32_t measure, uint32_t r)
{
	for (uint32_t i = 0; i < t->n_expectations; i++) {
		const struct expectation *x = &d->expectations[t->first_expectation + i];
		if (x->measure == measure && r-- == 0)
			return x;
	}
	return NULL;
}

static void put_looked_up(struct buf *out, const struct design *d, const char *key, uint32_t measure,
	uint32_t r, enum looked_up what)
{
	const char *comma = "";
	buf_printf(out, "transform(%s, [", key);
	for (uint32_t t = 0; t < d->n_touchpoints; t++)
		if (expectation_of(d, &d->touchpoints[t], measure, r)) {
			buf_str(out, comma);
			sql_text(out, d->touchpoints[t].name);
			comma = ", ";
		}
	buf_str(out, "], [");
	comma = "";
	for (uint32_t t = 0; t < d->n_touchpoints; t++) {
		const struct expectation *x = expectation_of(d, &d->touchpoints[t], measure, r);
		if (!x)
			continue;
		buf_str(out, comma);
		double sign = x->direction == EXPECT_AT_LEAST ? 1.0 : -1.0;
		if (what == NUMBER)
			buf_printf(out, "%u", (unsigned)(x - d->expectations) + 1);
		else
			sql_number(out, what == TARGET ? x->target : sign / x->scale);
		comma = ", ";
	}
	buf_str(out, what == NUMBER ? "], 0)" : "], nan)");
}

// (number, n, kept, Σg, Σg², Σx, Σx²), x measured from its target.
static void put_expectation_sums(struct buf *out, const struct design *d, uint32_t measure, uint32_t r)
{
	struct buf text = buf_new(1u << 24);
	buf_char(&text, '(');
	sql_measure(&text, d, measure);
	buf_str(&text, " - ");
	put_looked_up(&text, d, "touchpoint", measure, r, TARGET);
	buf_char(&text, ')');
	struct buf gap = buf_new(1u << 24), clamped = buf_new(1u << 26);
	buf_printf(&gap, "(%.*s * ", SV_ARG(buf_view(&text)));
	put_looked_up(&gap, d, "touchpoint", measure, r, SCALE);
	buf_char(&gap, ')');
	struct sv x = buf_view(&text), g = buf_view(&gap);
	buf_str(out, ", (");
	put_looked_up(out, d, "_k1", measure, r, NUMBER);
	buf_printf(&clamped, "multiIf(%.*s > 1, 1., %.*s < -1, -1., %.*s)", SV_ARG(g), SV_ARG(g), SV_ARG(g));
	struct sv c = buf_view(&clamped);
	buf_printf(out,
		", count(%.*s), countIf(%.*s >= 0), ifNull(sum(%.*s), 0.), ifNull(sum(%.*s * %.*s), 0.), "
		"ifNull(sum(%.*s), 0.), ifNull(sum(%.*s * %.*s), 0.))",
		SV_ARG(x), SV_ARG(g), SV_ARG(c), SV_ARG(c), SV_ARG(c), SV_ARG(x), SV_ARG(x), SV_ARG(x));
	const struct buf *parts[] = {&text, &gap, &clamped};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (parts[i]->rc != RC_OK)
			out->rc = parts[i]->rc;
	buf_free(&text);
	buf_free(&gap);
	buf_free(&clamped);
}

static bool any_expectation(const struct design *d, uint32_t measure, uint32_t r)
{
	for (uint32_t t = 0; t < d->n_touchpoints; t++)
		if (expectation_of(d, &d->touchpoints[t], measure, r))
			return true;
	return false;
}

static void put_expectations_summed(struct buf *out, const struct run *run)
{
	const struct design *d = run->design;
	buf_str(out, "[(0, toUInt64(0), toUInt64(0), 0., 0., 0., 0.)");
	for (uint32_t m = 0; m < d->n_measures; m++)
		for (uint32_t r = 0; any_expectation(d, m, r); r++)
			put_expectation_sums(out, d, m, r);
	buf_char(out, ']');
}

// (name, target, direction, unit, share or -1, least and greatest value), numbered as in the design from 1.
static void put_expectation_list(struct buf *out, const struct run *run)
{
	const struct design *d = run->design;
	buf_char(out, '[');
	for (uint32_t i = 0; i < d->n_expectations; i++) {
		const struct expectation *x = &d->expectations[i];
		buf_str(out, i ? ", (" : "(");
		sql_text(out, x->name);
		buf_str(out, ", ");
		sql_number(out, x->target);
		buf_str(out, x->direction == EXPECT_AT_LEAST ? ", 'at least', " : ", 'at most', ");
		sql_text(out, d->measures[x->measure].unit);
		buf_str(out, ", ");
		sql_number(out, isnan(x->share) ? -1.0 : x->share);
		buf_str(out, ", ");
		sql_number(out, d->measures[x->measure].min);
		buf_str(out, ", ");
		sql_number(out, d->measures[x->measure].max);
		buf_char(out, ')');
	}
	buf_str(out, d->n_expectations ? "]" : "('', 0., '', '', -1., 0., 0.)]");
}

// Expectations that nothing was measured for are shown where they cannot be mistaken for filtered ones.
static bool shows_unmeasured(const struct run *run)
{
	return grouping_keys(run) == 1 && run->query->n_where == 0 && run->design->n_expectations;
}

static void put_measured(struct buf *out, const struct run *run)
{
	buf_str(out, shows_unmeasured(run) ? "1" : "_n > 0");
}

// Rows of zeros for all expectations.
static void put_unmeasured(struct buf *out, const struct run *run)
{
	const struct design *d = run->design;
	if (!shows_unmeasured(run))
		return;
	buf_str(out,
		"UNION ALL SELECT _z.1 AS _k1, [(_z.2, toUInt64(0), toUInt64(0), 0., 0., 0., 0.)] AS _sums "
		"FROM (SELECT arrayJoin([");
	for (uint32_t i = 0; i < d->n_expectations; i++) {
		buf_str(out, i ? ", (" : "(");
		sql_text(out, d->touchpoints[d->expectations[i].touchpoint].name);
		buf_printf(out, ", %u)", i + 1);
	}
	buf_str(out, "]) AS _z)");
}

// --- data quality ---

static void put_expects(struct buf *out, const struct run *run)
{
	const struct design *d = run->design;
	buf_str(out, "touchpoint IN ('\\x00'");
	for (uint32_t t = 0; t < d->n_touchpoints; t++)
		if (d->touchpoints[t].n_expectations) {
			buf_str(out, ", ");
			sql_text(out, d->touchpoints[t].name);
		}
	buf_char(out, ')');
}

// The touch point has expectations and the interaction none of their measures.
static void put_not_measured(struct buf *out, const struct run *run)
{
	const struct design *d = run->design;
	buf_char(out, '0');
	for (uint32_t t = 0; t < d->n_touchpoints; t++) {
		const struct design_touchpoint *touchpoint = &d->touchpoints[t];
		if (!touchpoint->n_expectations)
			continue;
		buf_str(out, " OR (touchpoint = ");
		sql_text(out, touchpoint->name);
		for (uint32_t i = 0; i < touchpoint->n_expectations; i++) {
			buf_str(out, " AND ");
			sql_measure(out, d, d->expectations[touchpoint->first_expectation + i].measure);
			buf_str(out, " IS NULL");
		}
		buf_char(out, ')');
	}
}

static void put_not_designed(struct buf *out, const struct run *run)
{
	const struct design *d = run->design;
	buf_char(out, '0');
	for (uint32_t t = 0; t < d->n_touchpoints; t++) {
		const struct design_touchpoint *touchpoint = &d->touchpoints[t];
		if (!touchpoint->n_channels)
			continue;
		buf_str(out, " OR (touchpoint = ");
		sql_text(out, touchpoint->name);
		buf_str(out, " AND channel NOT IN (''");
		for (uint32_t i = 0; i < touchpoint->n_channels; i++) {
			buf_str(out, ", ");
			sql_text(out, d->channels[touchpoint->channels[i]].name);
		}
		buf_str(out, "))");
	}
}

// --- the designed corridor, for conformance ---

static void put_after(struct buf *out, const struct design_touchpoint *t)
{
	buf_char(out, '[');
	for (uint32_t i = 0; i < t->n_after; i++)
		buf_printf(out, "%s%u", i ? ", " : "", t->after[i] + 1);
	buf_char(out, ']');
}

// Those that have touch point number i among the ones they come after.
static void put_before(struct buf *out, const struct design *d, uint32_t i)
{
	const char *comma = "";
	buf_char(out, '[');
	for (uint32_t t = 0; t < d->n_touchpoints; t++)
		for (uint32_t k = 0; k < d->touchpoints[t].n_after; k++)
			if (d->touchpoints[t].after[k] == i) {
				buf_printf(out, "%s%u", comma, t + 1);
				comma = ", ";
			}
	buf_char(out, ']');
}

// (name, stage from 1, once, required, channels, after, before), touch points numbered from 1.
static void put_model(struct buf *out, const struct run *run)
{
	const struct design *d = run->design;
	buf_str(out, "CAST([");
	for (uint32_t i = 0; i < d->n_touchpoints; i++) {
		const struct design_touchpoint *t = &d->touchpoints[i];
		buf_str(out, i ? ", (" : "(");
		sql_text(out, t->name);
		buf_printf(out, ", %u, %d, %d, [", t->stage + 1, t->once, t->required);
		for (uint32_t k = 0; k < t->n_channels; k++) {
			buf_str(out, k ? ", " : "");
			sql_text(out, d->channels[t->channels[k]].name);
		}
		buf_str(out, "], ");
		put_after(out, t);
		buf_str(out, ", ");
		put_before(out, d, i);
		buf_char(out, ')');
	}
	buf_str(out,
		"] AS Array(Tuple(String, Int64, UInt8, UInt8, Array(String), Array(Int64), Array(Int64))))");
}

static const struct {
	const char *name;
	void (*put)(struct buf *out, const struct run *run);
} expressions[] = {
	{"scores", put_score_list},
	{"score-sums", put_scores_summed},
	{"expectations", put_expectation_list},
	{"expectation-sums", put_expectations_summed},
	{"unmeasured", put_unmeasured},
	{"measured", put_measured},
	{"expects", put_expects},
	{"not-measured", put_not_measured},
	{"not-designed", put_not_designed},
	{"model", put_model},
};

bool sql_design(struct buf *out, const struct run *run, struct sv name)
{
	for (size_t i = 0; i < sizeof(expressions) / sizeof(expressions[0]); i++)
		if (sv_equal(name, sv_from(expressions[i].name))) {
			expressions[i].put(out, run);
			return true;
		}
	return false;
}
