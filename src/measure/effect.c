// SPDX-License-Identifier: Apache-2.0
// Analysis: after an interaction of one kind, does another follow within a time, compared with interactions that were
// not of that kind?
//
// One walk backwards over the rows of interest, so that the nearest follower is at hand. Exposed are interactions that
// pass --after; the comparison are those that pass --against or, without it, all interactions of journeys in which
// --after has not happened so far (or never happens), in the same stratum (--match). Exact stratification rather than random pairs: every
// comparable interaction is used, and the same question has the same answer.
//
// Sums per group: [0] censored exposed, [1] censored comparison, then n1, k1, n0, k0 of each stratum.
#include "measure/effect.h"
#include "measure/activity.h"

#include "base/mem.h"

static const struct param params[] = {
	{.name = "after",
		.type = PARAM_FILTER,
		.required = true,
		.help = "what happened: a touch point, or a filter such as: nps <= 3"},
	{.name = "then",
		.type = PARAM_FILTER,
		.required = true,
		.help = "what may follow: a touch point, or a filter"},
	{.name = "within",
		.type = PARAM_DURATION,
		.value = "30d",
		.min = 0,
		.max = 3.2e9,
		.help = "how soon it must follow; exactly as late still counts"},
	{.name = "against",
		.type = PARAM_FILTER,
		.help = "compare with these interactions (default: those of journeys without --after, see "
			"--control)"},
	{.name = "match",
		.type = PARAM_STRING,
		.help = "compare only interactions that agree in these: names, hour to year, tenure (time "
			"since the "
			"first interaction), prior (interactions before); or none. Default "
			"touchpoint,channel,month,prior; "
			"with --against none"},
	{.name = "control",
		.type = PARAM_CHOICE,
		.value = "not-yet",
		.choices = "not-yet|never",
		.help = "without --against: interactions of journeys in which --after has not happened so far, "
			"or in "
			"which it never happens"},
	{.name = "censor",
		.type = PARAM_CHOICE,
		.value = "drop",
		.choices = "drop|keep",
		.help = "interactions whose time to follow is not over when the data end: left out, or "
			"counted"},
	{.name = "each",
		.type = PARAM_CHOICE,
		.value = "interaction",
		.choices = "interaction|person",
		.help = "count every interaction, or each person's first on either side"},
	{.name = "persons",
		.type = PARAM_CHOICE,
		.choices = "after-followed|after-not|against-followed|against-not",
		.help = "list the customers of this side whose interactions were followed by --then, or not, "
			"instead; those without a comparison too"},
};

enum {
	N1,
	MATCHED1,
	K1,
	RATE1,
	RATE1_LOW,
	RATE1_HIGH,
	N0,
	MATCHED0,
	K0,
	RATE0,
	RATE0_LOW,
	RATE0_HIGH,
	DIFFERENCE,
	DIFFERENCE_LOW,
	DIFFERENCE_HIGH,
	RATIO,
	RATIO_LOW,
	RATIO_HIGH,
	VERDICT,
	STRATA,
	CENSORED1,
	CENSORED0,
	N_COLUMNS
};
static const struct result_column columns[N_COLUMNS] = {
	[N1] = {"after", "after", CELL_COUNT, "interactions", 0, "interactions that pass --after"},
	[MATCHED1] = {"after_matched", "matched", CELL_COUNT, "interactions", 0,
		"of these, with a comparison in their stratum"},
	[K1] = {"after_followed", "followed", CELL_COUNT, "interactions", 0,
		"of the matched, followed by --then"},
	[RATE1] = {"after_rate", "rate", CELL_RATIO, "1", 3,
		"their rate; with --match weighted over the strata"},
	[RATE1_LOW] = {"after_rate_low", "≥", CELL_RATIO, "1", 3,
		"lower end of its 95 % Wilson interval; none with --match"},
	[RATE1_HIGH] = {"after_rate_high", "≤", CELL_RATIO, "1", 3, "upper end of its 95 % Wilson interval"},
	[N0] = {"against", "against", CELL_COUNT, "interactions", 0, "interactions to compare with"},
	[MATCHED0] = {"against_matched", "matched", CELL_COUNT, "interactions", 0,
		"of these, in a stratum with one that passes --after"},
	[K0] = {"against_followed", "followed", CELL_COUNT, "interactions", 0,
		"of the matched, followed by --then"},
	[RATE0] = {"against_rate", "rate", CELL_RATIO, "1", 3, "their rate, weighted likewise"},
	[RATE0_LOW] = {"against_rate_low", "≥", CELL_RATIO, "1", 3,
		"lower end of its 95 % Wilson interval; none with --match"},
	[RATE0_HIGH] = {"against_rate_high", "≤", CELL_RATIO, "1", 3, "upper end of its 95 % Wilson interval"},
	[DIFFERENCE] = {"difference", "difference", CELL_RATIO, "1", 4, "after_rate - against_rate"},
	[DIFFERENCE_LOW] = {"difference_low", "≥", CELL_RATIO, "1", 4, "lower end of its 95 % interval"},
	[DIFFERENCE_HIGH] = {"difference_high", "≤", CELL_RATIO, "1", 4, "upper end of its 95 % interval"},
	[RATIO] = {"ratio", "ratio", CELL_NUMBER, "1", 3, "of the two rates"},
	[RATIO_LOW] = {"ratio_low", "≥", CELL_NUMBER, "1", 3, "lower end of its 95 % interval"},
	[RATIO_HIGH] = {"ratio_high", "≤", CELL_NUMBER, "1", 3, "upper end of its 95 % interval"},
	[VERDICT] = {"verdict", "verdict", CELL_TEXT, "", 0,
		"more, less, or no detectable difference (the interval holds 0)"},
	[STRATA] = {"strata", "strata", CELL_COUNT, "", 0, "strata with both sides"},
	[CENSORED1] = {"after_censored", "left out", CELL_COUNT, "interactions", 0,
		"further ones that pass --after, left out: the data end before their time to follow is over"},
	[CENSORED0] = {"against_censored", "left out", CELL_COUNT, "interactions", 0,
		"further ones to compare with"},
};

enum { BIT_AFTER = 1, BIT_THEN = 2, BIT_AGAINST = 4 };
enum { SUM_CENSORED1, SUM_CENSORED0, SUM_STRATA };
#define STRATUM_SUMS 4u

struct plan {
	struct classes *classes;
	struct match *match;
	bool explicit, never, drop, persons;
	bool matched; // there are strata
	bool list, list_after, list_followed;
	int64_t within_ms, end_ms;
};

// An interaction that is compared.
struct entry {
	uint32_t row, first;
	bool after, followed, censored;
};

struct state {
	struct sums sums;
	struct persons persons;
	struct class_rows rows;
	struct entry *entries;
	uint32_t *entry_rows;
	size_t entries_capacity, rows_capacity;
	uint32_t n;
};

static enum rc prepare(struct run *run, struct err *e)
{
	struct plan *plan = arena_alloc(run->scratch, sizeof(*plan));
	if (!plan)
		return err_set(e, RC_NOMEM, "out of memory for effects");
	run->plan = plan;
	struct filter_node *filters[3] = {run_param(run, "after")->filter, run_param(run, "then")->filter,
		run_param(run, "against")->filter};
	plan->explicit = filters[2] != NULL;
	plan->never = run_param(run, "control")->choice == 1;
	if (plan->never && plan->explicit) {
		err_set(e, RC_USAGE, "--control never says what to compare with, and --against does too");
		err_remedy(e, "leave one of the two away");
		return RC_USAGE;
	}
	plan->drop = run_param(run, "censor")->choice == 0;
	plan->persons = run_param(run, "each")->choice == 1;
	plan->within_ms = (int64_t)llround(run_param(run, "within")->number * 1000.0);
	plan->end_ms = run->stats.last_ms;
	struct sv match = run_param(run, "match")->present ? run_param(run, "match")->text
			  : plan->explicit                 ? SV("none")
							   : SV("touchpoint,channel,month,prior");
	enum rc rc = match_open(run, match, &plan->match, e);
	plan->matched = rc == RC_OK && !sv_equal(sv_trim(match), SV("none"));
	if (rc == RC_OK)
		rc = classes_open(run, filters, plan->explicit ? 3 : 2, &plan->classes, e);
	if (rc == RC_OK && plan->explicit && !match_by_journey(plan->match))
		classes_narrow(run, plan->classes);
	const struct param_value *list = run_param(run, "persons");
	plan->list = list->present;
	plan->list_after = list->choice < 2;
	plan->list_followed = list->choice % 2 == 0;
	if (plan->list)
		persons_open(run);
	return rc;
}

static void *state_new(struct run *run)
{
	const struct plan *plan = run->plan;
	struct state *s = mem_calloc(1, sizeof(*s));
	if (s)
		s->sums.width = SUM_STRATA + STRATUM_SUMS * match_strata(plan->match);
	return s;
}

static void state_free(struct run *run, void *p)
{
	(void)run;
	struct state *s = p;
	sums_free(&s->sums);
	persons_free(&s->persons);
	class_rows_free(&s->rows);
	mem_free(s->entries);
	mem_free(s->entry_rows);
	mem_free(s);
}

// --- entries ---

// The nearest follower behind the row at hand.
struct walk {
	const struct plan *plan;
	const int64_t *at;
	uint32_t first; // of the journey
	int64_t follower_ms;
	bool follows;
};

static void entry_add(struct state *s, const struct walk *w, uint32_t row, bool after)
{
	int64_t at = w->at[row], over = w->plan->end_ms - at;
	s->entries[s->n++] = (struct entry){.row = row,
		.first = w->first,
		.after = after,
		.followed = w->follows && w->follower_ms - at <= w->plan->within_ms,
		.censored = w->plan->drop && over < w->plan->within_ms};
}

static void walk_pass(struct walk *w, uint32_t row, uint32_t bits)
{
	if (bits & BIT_THEN) {
		w->follower_ms = w->at[row];
		w->follows = true;
	}
}

// Class rows [lo, hi) of one journey, backwards. What passes both --after and --against counts as after.
static void walk_explicit(struct lane *lane, struct state *s, struct walk *w, uint32_t lo, uint32_t hi)
{
	for (uint32_t i = hi; i-- > lo;) {
		uint32_t row = s->rows.row[i], bits = s->rows.bits[i];
		if ((bits & (BIT_AFTER | BIT_AGAINST)) && lane_keeps(lane, row))
			entry_add(s, w, row, bits & BIT_AFTER);
		walk_pass(w, row, bits);
	}
}

// Rows before `last` of a journey in which --after has not happened so far, backwards, with their class rows [lo, hi).
static void walk_unexposed(
	struct lane *lane, struct state *s, struct walk *w, uint32_t last, uint32_t lo, uint32_t hi)
{
	uint32_t i = hi;
	for (uint32_t row = last; row-- > w->first;) {
		if (lane_keeps(lane, row))
			entry_add(s, w, row, false);
		if (i > lo && s->rows.row[i - 1] == row)
			walk_pass(w, row, s->rows.bits[--i]);
	}
}

// Keeps the earliest entry of each side; entries [from, n) are one person's, the latest first.
static void keep_first(struct state *s, uint32_t from)
{
	struct entry earliest[2];
	bool found[2] = {false, false};
	for (uint32_t i = from; i < s->n; i++) {
		earliest[s->entries[i].after] = s->entries[i];
		found[s->entries[i].after] = true;
	}
	s->n = from;
	for (uint32_t side = 0; side < 2; side++)
		if (found[side])
			s->entries[s->n++] = earliest[side];
}

// The first of class rows [lo, hi) that passes --after; hi: none does.
static uint32_t first_after(const struct class_rows *rows, uint32_t lo, uint32_t hi)
{
	while (lo < hi && !(rows->bits[lo] & BIT_AFTER))
		lo++;
	return lo;
}

// A journey whose rows end at `last`, without --against.
static void walk_implicit(
	struct lane *lane, struct state *s, struct walk *w, uint32_t last, uint32_t lo, uint32_t hi)
{
	uint32_t after = first_after(&s->rows, lo, hi);
	walk_explicit(lane, s, w, after, hi);
	if (after == hi)
		walk_unexposed(lane, s, w, last, lo, hi);
	else if (!w->plan->never)
		walk_unexposed(lane, s, w, s->rows.row[after], lo, after);
}

static void find_entries(struct lane *lane, struct state *s)
{
	const struct plan *plan = lane->run->plan;
	const struct span *span = lane->span;
	uint32_t lo = 0;
	for (uint32_t k = 0; k < span->n_persons; k++) {
		uint32_t last = span->person_start[k + 1], hi = lo, from = s->n;
		while (hi < s->rows.n && s->rows.row[hi] < last)
			hi++;
		struct walk w = {.plan = plan, .at = span->at, .first = span->person_start[k]};
		if (plan->explicit)
			walk_explicit(lane, s, &w, lo, hi);
		else
			walk_implicit(lane, s, &w, last, lo, hi);
		if (plan->persons)
			keep_first(s, from);
		lo = hi;
	}
}

// --- a span ---

static enum rc fit(struct state *s, const struct span *span, struct err *e)
{
	s->n = 0;
	if (mem_grow((void **)&s->entries, &s->entries_capacity, (size_t)span->n + 2, sizeof(*s->entries)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for journeys");
	return activity_fit(&s->entry_rows, &s->rows_capacity, span, e);
}

static void add_entries(
	const struct plan *plan, struct state *s, const struct span *span, const uint32_t *group)
{
	for (uint32_t i = 0; i < s->n; i++) {
		const struct entry *x = &s->entries[i];
		double *sums = s->sums.v + (size_t)(group ? group[i] : 0) * s->sums.width;
		if (x->censored) {
			sums[x->after ? SUM_CENSORED1 : SUM_CENSORED0] += 1.0;
			continue;
		}
		uint32_t stratum = plan->matched ? match_stratum(plan->match, span, x->first, x->row) : 0;
		double *v = sums + SUM_STRATA + (size_t)stratum * STRATUM_SUMS + (x->after ? 0 : 2);
		v[0] += 1.0;
		v[1] += x->followed;
	}
}

// Entries are in order of person.
static enum rc list_entries(
	struct lane *lane, struct state *s, const struct span *span, const uint32_t *group, struct err *e)
{
	const struct plan *plan = lane->run->plan;
	enum rc rc = RC_OK;
	for (uint32_t i = 0, k = 0; rc == RC_OK && i < s->n; i++) {
		const struct entry *x = &s->entries[i];
		while (x->row >= span->person_start[k + 1])
			k++;
		if (!x->censored && x->after == plan->list_after && x->followed == plan->list_followed)
			rc = persons_add(&s->persons, lane->run, span->person[k], group ? group[i] : 0,
				span->at[x->row], e);
	}
	return rc;
}

// --- the usual question: sides told by the scan, nothing to match or to group by, every interaction counts ---

#define NO_FOLLOWER (INT64_MAX / 2) // later than any time by more than any --within

static bool is_simple(const struct lane *lane)
{
	const struct plan *plan = lane->run->plan;
	return plan->explicit && !plan->matched && !plan->persons && !plan->list &&
	       lane->run->query->n_by == 0 && lane->span->interest;
}

// All journeys in one loop, backwards. No branch depends on the data: which row is of which side, and where journeys
// end, is as good as random. Both sides are counted in halves of one number.
static void add_simple(const struct lane *lane, struct state *s, bool filtered)
{
	static const uint64_t sides[] = {[BIT_AFTER] = 1,
		[BIT_AFTER | BIT_THEN] = 1,
		[BIT_AFTER | BIT_AGAINST] = 1,
		[BIT_AFTER | BIT_THEN | BIT_AGAINST] = 1,
		[BIT_AGAINST] = UINT64_C(1) << 32,
		[BIT_AGAINST | BIT_THEN] = UINT64_C(1) << 32};
	const struct plan *plan = lane->run->plan;
	const struct span *span = lane->span;
	const uint32_t *start = span->person_start;
	int64_t follower = NO_FOLLOWER, newest = plan->drop ? plan->end_ms - plan->within_ms : NO_FOLLOWER;
	uint64_t all = 0, followers = 0, late = 0;
	uint32_t k = span->n_persons;
	for (uint32_t row = span->n; row-- > 0;) {
		uint32_t bits = span->interest[row];
		int64_t at = span->at[row];
		bool last = row + 1 == start[k]; // of the journey before the k-th
		k -= last;
		follower = last ? NO_FOLLOWER : follower;
		uint64_t side = sides[bits & (BIT_AFTER | BIT_THEN | BIT_AGAINST)];
		side = !filtered || lane->keep[row] ? side : 0;
		late += at > newest ? side : 0;
		side = at > newest ? 0 : side;
		all += side;
		followers += follower - at <= plan->within_ms ? side : 0;
		follower = bits & BIT_THEN ? at : follower;
	}
	const uint32_t n[] = {(uint32_t)all, (uint32_t)(all >> 32)};
	const uint32_t followed[] = {(uint32_t)followers, (uint32_t)(followers >> 32)};
	const uint32_t censored[] = {(uint32_t)late, (uint32_t)(late >> 32)};
	for (uint32_t side = 0; side < 2; side++) {
		double *v = s->sums.v + SUM_STRATA + (size_t)2 * side;
		s->sums.v[side == 0 ? SUM_CENSORED1 : SUM_CENSORED0] += censored[side];
		v[0] += n[side];
		v[1] += followed[side];
	}
}

static enum rc add(struct lane *lane, void *p, const struct span *span, struct err *e)
{
	struct state *s = p;
	const struct plan *plan = lane->run->plan;
	if (is_simple(lane)) {
		if (activity_sums_fit(&s->sums, 1, e) != RC_OK)
			return e->rc;
		if (lane->keep)
			add_simple(lane, s, true);
		else
			add_simple(lane, s, false);
		return RC_OK;
	}
	enum rc rc = fit(s, span, e);
	if (rc == RC_OK)
		rc = classes_find(lane, plan->classes, false, &s->rows, e);
	if (rc != RC_OK)
		return rc;
	find_entries(lane, s);
	for (uint32_t i = 0; lane->run->query->n_by && i < s->n; i++)
		s->entry_rows[i] = s->entries[i].row;
	const uint32_t *group;
	uint32_t n_groups;
	rc = activity_groups(lane, s->entry_rows, s->n, &group, &n_groups, e);
	if (rc == RC_OK)
		rc = activity_sums_fit(&s->sums, n_groups, e);
	if (rc == RC_OK)
		add_entries(plan, s, span, group);
	return rc == RC_OK && plan->list ? list_entries(lane, s, span, group, e) : rc;
}

static enum rc merge(struct run *run, void *into, void *from, struct err *e)
{
	(void)run;
	struct state *a = into, *b = from;
	enum rc rc = sums_merge(&a->sums, &b->sums, e);
	return rc == RC_OK ? persons_merge(&a->persons, &b->persons, e) : rc;
}

static enum rc fold(struct run *run, void *p, const uint32_t *to, uint32_t n, struct err *e)
{
	return sums_fold(&((struct state *)p)->sums, to, n, run_groups(run), e);
}

// --- rows ---

static void write_comparison(const struct plan *plan, const struct pooled *p, struct cell *c)
{
	struct estimate d = plan->matched ? pooled_difference(p) : rates_difference(&p->used);
	struct estimate r = plan->matched ? pooled_ratio(p) : rates_ratio(&p->used);
	double rate1, rate0;
	pooled_rates(p, &rate1, &rate0);
	if (plan->matched) {
		cell_number(&c[RATE1], rate1);
		cell_number(&c[RATE0], rate0);
	}
	cell_estimate(&c[DIFFERENCE], &c[DIFFERENCE_LOW], &c[DIFFERENCE_HIGH], d);
	cell_estimate(&c[RATIO], &c[RATIO_LOW], &c[RATIO_HIGH], r);
	if (!isnan(d.value))
		cell_text(&c[VERDICT], d.low > 0.0    ? SV("more")
				       : d.high < 0.0 ? SV("less")
						      : SV("no detectable difference"));
}

static enum rc write_group(struct run *run, const double *sums, uint32_t group, struct err *e)
{
	const struct plan *plan = run->plan;
	struct pooled p = {0};
	struct stratum all = {0};
	for (uint32_t i = 0; i < match_strata(plan->match); i++) {
		const double *v = sums + SUM_STRATA + (size_t)i * STRATUM_SUMS;
		struct stratum s = {v[0], v[1], v[2], v[3]};
		all.n1 += s.n1;
		all.k1 += s.k1;
		all.n0 += s.n0;
		all.k0 += s.k0;
		pooled_add(&p, &s);
	}
	double n = all.n1 + all.n0 + sums[SUM_CENSORED1] + sums[SUM_CENSORED0];
	if (!run_group_shown(run, group, n))
		return RC_OK;
	struct cell *c = result_row(run, group, n, e);
	if (!c)
		return e->rc;
	const struct stratum *used = plan->matched ? &p.used : &all;
	cell_number(&c[N1], all.n1);
	cell_number(&c[MATCHED1], used->n1);
	cell_number(&c[K1], used->k1);
	cell_number(&c[N0], all.n0);
	cell_number(&c[MATCHED0], used->n0);
	cell_number(&c[K0], used->k0);
	cell_number(&c[STRATA], p.n_strata);
	cell_number(&c[CENSORED1], sums[SUM_CENSORED1]);
	cell_number(&c[CENSORED0], sums[SUM_CENSORED0]);
	if (!plan->matched) {
		cell_estimate(&c[RATE1], &c[RATE1_LOW], &c[RATE1_HIGH], stats_wilson(all.k1, all.n1));
		cell_estimate(&c[RATE0], &c[RATE0_LOW], &c[RATE0_HIGH], stats_wilson(all.k0, all.n0));
	}
	write_comparison(plan, &p, c);
	if (plan->matched && all.n1 > 0.0 && p.n_strata == 0.0)
		run_note(run,
			"nothing to compare with: no stratum holds both sides. Where --after is about a field, "
			"do not --match by it: try --match channel,month,tenure,prior");
	return RC_OK;
}

static enum rc finish(struct run *run, void *p, struct err *e)
{
	struct state *s = p;
	const struct plan *plan = run->plan;
	uint32_t n_groups = run_groups(run);
	if (plan->list)
		return persons_rows(run, &s->persons, e);
	enum rc rc = activity_sums_fit(&s->sums, n_groups, e);
	for (uint32_t g = 0; rc == RC_OK && g < n_groups; g++)
		rc = write_group(run, s->sums.v + (size_t)g * s->sums.width, g, e);
	if (!plan->persons)
		run_note(run, "a person can count several times; --each person makes the intervals independent "
			      "of that");
	if (plan->end_ms != TIME_NONE && plan->drop) {
		struct sv end = run_time_text(run, plan->end_ms);
		run_note(run, "the data end at %.*s; --censor keep counts also what was left out", SV_ARG(end));
	}
	return rc;
}

static const char clickhouse[] =
	"{if:persons}{refuse:persons}{end}\n"
	"WITH (SELECT max(at) FROM interactions) AS _newest, 1.959963984540054 AS _z,\n"
	"trim(ifNull({param:match}, {if:against}'none'{else}''{end})) != 'none' AS _matched\n"
	"SELECT {by}_n1 AS after, if(_matched, _u1, _n1) AS after_matched, if(_matched, _j1, _i1) AS "
	"after_followed,\n"
	"if(_matched, _rate1, _w1) AS after_rate, if(_matched, NULL, _w1_low) AS after_rate_low,\n"
	"if(_matched, NULL, _w1_high) AS after_rate_high,\n"
	"_n0 AS against, if(_matched, _u0, _n0) AS against_matched, if(_matched, _j0, _i0) AS "
	"against_followed,\n"
	"if(_matched, _rate0, _w0) AS against_rate, if(_matched, NULL, _w0_low) AS against_rate_low,\n"
	"if(_matched, NULL, _w0_high) AS against_rate_high,\n"
	"if(_matched, _dm, _d) AS difference, if(_matched, if(_weight > 0, greatest(_dm - _half, -1), NULL), "
	"_d - _below) AS difference_low,\n"
	"if(_matched, if(_weight > 0, least(_dm + _half, 1), NULL), _d + _above) AS difference_high,\n"
	"if(_matched, _rm, _r) AS ratio,\n"
	"if(ratio = 0, NULL, ratio / _factor) AS ratio_low,\n"
	"if(ratio = 0, NULL, ratio * _factor) AS ratio_high,\n"
	"multiIf(difference IS NULL, NULL, difference_low > 0, 'more', difference_high < 0, 'less', 'no "
	"detectable difference')\n"
	"AS verdict, _strata AS strata, _c1 AS after_censored, _c0 AS against_censored\n"
	"FROM (SELECT *, if(_weight > 0, _a1 / _weight, NULL) AS _rate1, if(_weight > 0, _a0 / _weight, NULL) "
	"AS _rate0,\n"
	"_rate1 - _rate0 AS _dm,\n"
	"_z * sqrt(greatest(_dm * _p + _q, 0) / (_weight * _weight)) AS _half,\n"
	"if(_a0 > 0, _a1 / _a0, NULL) AS _rm, _x / (_a1 * _a0) AS _vm,\n"
	"_w1 - _w0 AS _d, hypot(_w1 - _w1_low, _w0_high - _w0) AS _below, hypot(_w1_high - _w1, _w0 - _w0_low) "
	"AS _above,\n"
	"if(_n1 > 0 AND _n0 > 0 AND _i0 > 0, _i1 / _n1 / (_i0 / _n0), NULL) AS _r,\n"
	"exp(_z * sqrt(if(_matched, _vm, 1 / _i1 - 1 / _n1 + 1 / _i0 - 1 / _n0))) AS _factor\n"
	"FROM (SELECT *, {share:_w1|_i1|_n1}, {share:_w0|_i0|_n0}\n"
	"FROM (SELECT {keys}sum(n1) AS _n1, sum(k1) AS _i1, sum(n0) AS _n0, sum(k0) AS _i0, sum(c1) AS _c1, "
	"sum(c0) AS _c0,\n"
	"countIf(_both) AS _strata, sumIf(n1, _both) AS _u1, sumIf(k1, _both) AS _j1, sumIf(n0, _both) AS "
	"_u0,\n"
	"sumIf(k0, _both) AS _j0, sumIf(n1 * n0 / _n, _both) AS _weight, sumIf(k1 * n0 / _n, _both) AS _a1,\n"
	"sumIf(k0 * n1 / _n, _both) AS _a0,\n"
	"sumIf((n1 * n1 * k0 - n0 * n0 * k1 + n1 * n0 * (n0 - n1) / 2) / (_n * _n), _both) AS _p,\n"
	"sumIf((k1 * (n0 - k0) + k0 * (n1 - k1)) / (2 * _n), _both) AS _q,\n"
	"sumIf((n1 * n0 * (k1 + k0) - k1 * k0 * _n) / (_n * _n), _both) AS _x\n"
	"FROM (SELECT {keys}toFloat64(countIf(_side AND NOT _early)) AS n1,\n"
	"toFloat64(countIf(_side AND NOT _early AND _follows)) AS k1,\n"
	"toFloat64(countIf(NOT _side AND NOT _early)) AS n0, toFloat64(countIf(NOT _side AND NOT _early AND "
	"_follows)) AS k0,\n"
	"countIf(_side AND _early) AS c1, countIf(NOT _side AND _early) AS c0, n1 > 0 AND n0 > 0 AS _both, n1 "
	"+ n0 AS _n\n"
	"FROM ({if:each=person}SELECT {unpack:_e|5}_e.1 AS _side, _e.2 AS _early, _e.3 AS _follows, _e.4 AS "
	"_stratum\n"
	"FROM (SELECT argMin(tuple(_side, _early, _follows, _stratum{,keys}), (at, arrival)) AS _e FROM "
	"({end}\n"
	"SELECT {keys}person, at, arrival, _after AS _side,\n"
	"({strata:match|{if:against}none{else}touchpoint,channel,month,prior{end}|\n"
	"arrayCount(x -> at - _began >= x * 86400000, [1, 7, 30, 90, 180, 365, 730])|\n"
	"arrayCount(x -> _prior > x, [0, 1, 3, 7, 15, 31, 63, 127])}) AS _stratum,\n"
	"{if:censor=drop}_newest - at < {ms:within}{else}0{end} AS _early,\n"
	"ifNull(_next - at <= {ms:within}, 0) AS _follows\n"
	"FROM (SELECT *, minOrNullIf(at, _then) OVER _behind AS _next,\n"
	"min(at) OVER _so_far AS _began, row_number() OVER _so_far - 1 AS _prior,\n"
	"{if:control=never}max(_after) OVER (PARTITION BY person){else}max(_after) OVER _so_far{end} AS "
	"_exposed\n"
	"FROM (SELECT *, {filter:after} AS _after, {filter:then} AS _then, {filter:against} AS _other FROM "
	"{all})\n"
	"WINDOW _behind AS (PARTITION BY person ORDER BY at DESC, arrival DESC ROWS BETWEEN UNBOUNDED "
	"PRECEDING AND 1 PRECEDING),\n"
	"_so_far AS (PARTITION BY person ORDER BY at, arrival))\n"
	"WHERE _keep AND (_after OR {if:against}_other{else}NOT _exposed{end}){if:each=person})\n"
	"GROUP BY person, _side){end})\n"
	"GROUP BY {keys}_stratum) {group}))\n"
	"WHERE {shown:_n1 + _n0 + _c1 + _c0 > 0})\n"
	"{order}";

const struct analysis analysis_effect = {
	.name = "effect",
	.example = "--after \"nps <= 3\" --then purchase --within 30d --against \"nps >= 9\"",
	.summary = "After one kind of interaction, does another follow? Against comparable ones without it",
	.definition = "Exposed: interactions that pass --after; followed: an interaction that passes --then "
		      "comes later in the "
		      "same journey (ties in time in order of arrival), at most --within after. Compared with: "
		      "interactions that "
		      "pass --against (and not --after) or, without it, interactions of journeys in which "
		      "nothing passed --after "
		      "so far (--control not-yet), or ever (never: this selects by the future, and journeys "
		      "with many "
		      "interactions seldom stay without any --after). --match: only interactions that agree in "
		      "all the fields "
		      "named are compared (strata); rates are weighted by Mantel & Haenszel (1959), the "
		      "difference has Sato's "
		      "(1989) interval, the ratio that of Greenland & Robins (1985). Strata are used whole: "
		      "nothing is drawn at "
		      "random, nothing comparable is thrown away. Without strata: Newcombe's (1998) method 10, "
		      "and Katz et al. "
		      "(1978) for the ratio. --censor drop (default) leaves out interactions that are nearer "
		      "to the last "
		      "interaction of all than --within; keep counts them with what is known. Filters, period "
		      "and groups are "
		      "those of the compared interactions; the follower may be anywhere later. All intervals "
		      "95 %. A difference "
		      "is no proof of a cause: journeys may differ in what is not matched.",
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
