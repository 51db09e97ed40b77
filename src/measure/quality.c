// SPDX-License-Identifier: Apache-2.0
// Analysis: what is wrong with the data itself. Long format: one row per group and finding.
// A finding is a row of `findings`; its population (`of`) is what it could have struck.
#include "measure/internal.h"

#include "base/mem.h"

#include <math.h>

#define CLOCK_TOLERANCE_MS (5 * 60 * 1000) // clocks of devices and servers differ by less than this

static const struct param params[] = {
	{.name = "all", .type = PARAM_FLAG, .help = "also list what was looked for and not found"},
};

enum { FINDING, N, OF, SHARE, SHARE_LOW, SHARE_HIGH, ADVICE, N_COLUMNS };
static const struct result_column columns[N_COLUMNS] = {
	[FINDING] = {"finding", "finding", CELL_TEXT, "", 0, "what is wrong"},
	[N] = {"n", "n", CELL_COUNT, "", 0, "how many times"},
	[OF] = {"of", "of", CELL_COUNT, "", 0, "out of how many that it could have struck"},
	[SHARE] = {"share", "share", CELL_RATIO, "1", 3, "n of `of`"},
	[SHARE_LOW] = {"share_low", "≥", CELL_RATIO, "1", 3, "lower end of its 95 % Wilson interval"},
	[SHARE_HIGH] = {"share_high", "≤", CELL_RATIO, "1", 3, "upper end of its 95 % Wilson interval"},
	[ADVICE] = {"advice", "what to do", CELL_TEXT, "", 0, "what to do about it"},
};

enum population {
	OF_INTERACTIONS,
	OF_MATCHED,
	OF_PARTNER,
	OF_EXPECTED,
	OF_PROMISES,
	OF_ANSWERED,
	OF_KEEPS,
	N_POPULATIONS
};
enum {
	UNMATCHED,
	NO_CHANNEL,
	CHANNEL_NOT_DESIGNED,
	NO_AGENT,
	NOT_MEASURED,
	FUTURE,
	REPEATED_INTERACTION,
	NO_DUE,
	MADE_TWICE,
	KEPT_TWICE,
	KEPT_BEFORE_MADE,
	KEPT_WITHOUT_PROMISE,
	N_FINDINGS
};

static const struct finding {
	const char *name;
	enum population of;
	const char *advice;
} findings[N_FINDINGS] = {
	[UNMATCHED] = {"unmatched", OF_INTERACTIONS,
		"no touch point matches: add match rules (group by event and source to see which)"},
	[NO_CHANNEL] = {"no channel", OF_INTERACTIONS,
		"map the channel when importing, or give the source a constant one"},
	[CHANNEL_NOT_DESIGNED] = {"channel not designed", OF_MATCHED,
		"the touch point happens on a channel that the corridor file does not list for it: list it, or "
		"mend the match rules"},
	[NO_AGENT] = {"no agent", OF_PARTNER,
		"a partner's interaction without agent cannot be held against anybody: map the agent"},
	[NOT_MEASURED] = {"not measured", OF_EXPECTED,
		"the touch point has expectations and the interaction carries none of their measures: map "
		"them, or ask the customer"},
	[FUTURE] = {"in the future", OF_INTERACTIONS,
		"happened more than 5 minutes after it was received: check clocks, time zone and day-first "
		"dates"},
	[REPEATED_INTERACTION] = {"repeated", OF_INTERACTIONS,
		"same customer, time, touch point, event, source and channel as another: give messages ids, so "
		"that they count once"},
	[NO_DUE] = {"promise without due time", OF_PROMISES, "it can never be late: give promises a due time"},
	[MADE_TWICE] = {"promise made twice", OF_PROMISES,
		"the first counts: promise ids should be unique per customer"},
	[KEPT_TWICE] = {"promise kept twice", OF_ANSWERED, "the first counts: check what closes the promise"},
	[KEPT_BEFORE_MADE] = {"kept before made", OF_ANSWERED,
		"check clocks and which times are mapped to the promise and its keeping"},
	[KEPT_WITHOUT_PROMISE] = {"kept without promise", OF_KEEPS,
		"import the interactions that made these promises, with the same customer and promise id"},
};

#define N_SUMS ((uint32_t)N_FINDINGS + (uint32_t)N_POPULATIONS)

struct plan {
	uint8_t *expects;                   // by touch point code: has expectations
	const uint8_t **designed;           // by touch point code: table by channel code, NULL = any channel
	uint8_t *partner;                   // by channel code
	uint32_t n_touchpoints, n_channels; // codes
	uint64_t *expected;                 // by touch point code: bits of measure slots
};

struct state {
	struct sums sums;
	struct ledger ledger;
	uint64_t *carries; // per row: bits of measure slots it carries
	size_t capacity;
};

static enum rc plan_touchpoint(
	struct run *run, struct plan *plan, uint32_t code, const struct design_touchpoint *t, struct err *e)
{
	for (uint32_t i = 0; i < t->n_expectations; i++) {
		uint32_t measure = run->design->expectations[t->first_expectation + i].measure;
		plan->expects[code] = 1;
		if (run_want_measure(run, measure))
			plan->expected[code] |= UINT64_C(1)
						<< names_measure_slot(run->names, run->design, measure);
	}
	if (t->n_channels == 0)
		return RC_OK;
	uint8_t *designed = arena_alloc(run->scratch, plan->n_channels);
	if (!designed)
		return err_set(e, RC_NOMEM, "out of memory for channels");
	designed[NAME_NONE] = 1; // absence is a finding of its own
	for (uint32_t i = 0; i < t->n_channels; i++) {
		struct sv name = run->design->channels[t->channels[i]].name;
		uint32_t channel = names_find(run->names, NAME_CHANNEL, name);
		if (channel < plan->n_channels)
			designed[channel] = 1;
	}
	plan->designed[code] = designed;
	return RC_OK;
}

static uint32_t at_least_one(uint32_t n)
{
	return n ? n : 1;
}

static enum rc prepare(struct run *run, struct err *e)
{
	const struct design *d = run->design;
	struct plan *plan = arena_alloc(run->scratch, sizeof(*plan));
	if (!plan)
		return err_set(e, RC_NOMEM, "out of memory for findings");
	run->plan = plan;
	plan->n_touchpoints = at_least_one(names_count(run->names, NAME_TOUCHPOINT));
	plan->n_channels = at_least_one(names_count(run->names, NAME_CHANNEL));
	plan->expects = arena_alloc(run->scratch, plan->n_touchpoints);
	plan->expected = arena_array(run->scratch, plan->n_touchpoints, sizeof(*plan->expected));
	plan->designed = arena_array(run->scratch, plan->n_touchpoints, sizeof(*plan->designed));
	plan->partner = arena_alloc(run->scratch, plan->n_channels);
	if (!plan->expects || !plan->expected || !plan->designed || !plan->partner)
		return err_set(e, RC_NOMEM, "out of memory for findings");
	for (uint32_t i = 0; i < d->n_touchpoints; i++) {
		uint32_t code = names_find(run->names, NAME_TOUCHPOINT, d->touchpoints[i].name);
		if (code == NAME_NONE || code >= plan->n_touchpoints)
			continue;
		enum rc rc = plan_touchpoint(run, plan, code, &d->touchpoints[i], e);
		if (rc != RC_OK)
			return rc;
	}
	for (uint32_t i = 0; i < d->n_channels; i++) {
		uint32_t code = names_find(run->names, NAME_CHANNEL, d->channels[i].name);
		if (code != NAME_NONE && code < plan->n_channels)
			plan->partner[code] = d->channels[i].kind == CHANNEL_PARTNER;
	}
	struct scan_columns *want = &run->request.columns;
	want->touchpoint = want->channel = want->event = want->source = want->agent = want->received = true;
	want->promise = want->due = want->keeps = true;
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
	sums_free(&s->sums);
	ledger_free(&s->ledger);
	mem_free(s->carries);
	mem_free(s);
}

static uint32_t code_at(const struct span *span, enum code_column column, uint32_t row, uint32_t n_codes)
{
	uint32_t code = span->code[column] ? span->code[column][row] : 0;
	return code < n_codes ? code : 0;
}

static enum rc find_carried(struct lane *lane, struct state *s, struct err *e)
{
	const struct span *span = lane->span;
	if (mem_grow((void **)&s->carries, &s->capacity, span->n, sizeof(*s->carries)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for findings");
	memset(s->carries, 0, span->n * sizeof(*s->carries));
	for (uint32_t slot = 0; slot < DESIGN_MEASURES_MAX && span->measures; slot++) {
		if (!(lane->run->request.columns.measures >> slot & 1))
			continue;
		const struct sparse_values *v = &span->measures[slot];
		for (uint32_t i = 0; i < v->n; i++)
			s->carries[v->row[i]] |= UINT64_C(1) << slot;
	}
	return RC_OK;
}

static void add_row(const struct plan *plan, const struct span *span, uint32_t row, uint64_t carries, double *a)
{
	double *of = a + N_FINDINGS;
	uint32_t touchpoint = code_at(span, CODE_TOUCHPOINT, row, plan->n_touchpoints);
	uint32_t channel = code_at(span, CODE_CHANNEL, row, plan->n_channels);
	of[OF_INTERACTIONS] += 1.0;
	of[OF_MATCHED] += touchpoint != NAME_NONE;
	of[OF_PARTNER] += plan->partner[channel];
	of[OF_EXPECTED] += plan->expects[touchpoint];
	a[UNMATCHED] += touchpoint == NAME_NONE;
	a[NO_CHANNEL] += channel == NAME_NONE;
	a[CHANNEL_NOT_DESIGNED] += plan->designed[touchpoint] && !plan->designed[touchpoint][channel];
	a[NO_AGENT] += plan->partner[channel] && code_at(span, CODE_AGENT, row, UINT32_MAX) == NAME_NONE;
	a[NOT_MEASURED] += plan->expects[touchpoint] && (carries & plan->expected[touchpoint]) == 0;
	a[FUTURE] += span->received && span->received[row] != TIME_NONE &&
		     span->at[row] > span->received[row] + CLOCK_TOLERANCE_MS;
}

static bool same_interaction(const struct span *span, uint32_t a, uint32_t b)
{
	static const enum code_column columns_compared[] = {
		CODE_TOUCHPOINT, CODE_CHANNEL, CODE_EVENT, CODE_SOURCE};
	for (size_t i = 0; i < sizeof(columns_compared) / sizeof(columns_compared[0]); i++) {
		const uint32_t *code = span->code[columns_compared[i]];
		if (code && code[a] != code[b])
			return false;
	}
	return true;
}

// Looks back over the interactions at the same time; few, but a flood of them must not cost its square.
#define TIES_LOOKED_AT 64u

static bool is_repeated(const struct span *span, uint32_t first, uint32_t row)
{
	uint32_t looked = 0;
	for (uint32_t i = row; i-- > first && span->at[i] == span->at[row] && looked < TIES_LOOKED_AT; looked++)
		if (same_interaction(span, i, row))
			return true;
	return false;
}

static void add_entry(
	const struct lane *lane, struct state *s, const struct ledger_entry *x, const uint32_t *group)
{
	const struct span *span = lane->span;
	uint32_t decides = x->made != LEDGER_NONE ? x->made : x->kept;
	if (!lane_keeps(lane, decides))
		return;
	double *a = s->sums.v + (size_t)group[decides] * N_SUMS, *of = a + N_FINDINGS;
	bool answered = x->kept != LEDGER_NONE;
	of[OF_KEEPS] += answered;
	if (x->made == LEDGER_NONE) {
		a[KEPT_WITHOUT_PROMISE] += 1.0;
		return;
	}
	of[OF_PROMISES] += 1.0;
	of[OF_ANSWERED] += answered;
	a[NO_DUE] += span->due[x->made] == TIME_NONE;
	a[MADE_TWICE] += x->n_made > 1;
	a[KEPT_TWICE] += x->n_kept > 1;
	a[KEPT_BEFORE_MADE] += answered && span->at[x->kept] < span->at[x->made];
}

static enum rc add(struct lane *lane, void *p, const struct span *span, struct err *e)
{
	struct state *s = p;
	const struct plan *plan = lane->run->plan;
	const uint32_t *group = lane_group(lane, e);
	enum rc rc = group ? sums_fit(&s->sums, lane->n_groups, e) : e->rc;
	if (rc == RC_OK)
		rc = find_carried(lane, s, e);
	for (uint32_t k = 0; rc == RC_OK && k < span->n_persons; k++) {
		uint32_t first = span->person_start[k], end = span->person_start[k + 1];
		for (uint32_t i = first; i < end; i++) {
			if (!lane_keeps(lane, i))
				continue;
			double *a = s->sums.v + (size_t)group[i] * N_SUMS;
			add_row(plan, span, i, s->carries[i], a);
			a[REPEATED_INTERACTION] += is_repeated(span, first, i);
		}
		rc = ledger_read(&s->ledger, span, first, end, TIME_NONE, e);
		for (uint32_t i = 0; rc == RC_OK && i < s->ledger.n; i++)
			add_entry(lane, s, &s->ledger.entries[i], group);
	}
	return rc;
}

static enum rc merge(struct run *run, void *into, void *from, struct err *e)
{
	(void)run;
	struct state *a = into, *b = from;
	return sums_merge(&a->sums, &b->sums, e);
}

static enum rc fold(struct run *run, void *p, const uint32_t *to, uint32_t n, struct err *e)
{
	struct state *s = p;
	return sums_fold(&s->sums, to, n, run_groups(run), e);
}

static enum rc finish(struct run *run, void *p, struct err *e)
{
	struct state *s = p;
	bool all = run_param(run, "all")->flag;
	for (uint32_t g = 0; g < run_groups(run); g++) {
		const double *a = sums_at(&s->sums, g, 0), *of = a + N_FINDINGS;
		for (uint32_t i = 0; i < N_FINDINGS; i++) {
			if (a[i] == 0.0 && !(all && run_group_shown(run, g, of[OF_INTERACTIONS])))
				continue;
			struct cell *c = result_row(run, g, of[OF_INTERACTIONS], e);
			if (!c)
				return e->rc;
			double population = of[findings[i].of];
			cell_text(&c[FINDING], sv_from(findings[i].name));
			cell_number(&c[N], a[i]);
			cell_number(&c[OF], population);
			cell_estimate(&c[SHARE], &c[SHARE_LOW], &c[SHARE_HIGH], stats_wilson(a[i], population));
			cell_text(&c[ADVICE], sv_from(findings[i].advice));
		}
	}
	return RC_OK;
}

static const char clickhouse[] =
	"SELECT {by}_f.1 AS finding, _c[_i] AS n, _c[12 + _f.2] AS of, {share:share|_c[_i]|_c[12 + _f.2]}\n"
	"FROM (SELECT {keys}sumForEach(_counts) AS _c FROM (\n"
	"SELECT {keys}[countIf(touchpoint = ''), countIf(channel = ''), countIf({design:not-designed}),\n"
	"countIf(`channel-kind` = 'partner' AND agent = ''), countIf({design:not-measured}),\n"
	"countIf(ifNull(at > received + 300000, 0)), 0, 0, 0, 0, 0, 0, count(), countIf(touchpoint != ''),\n"
	"countIf(`channel-kind` = 'partner'), countIf({design:expects}), 0, 0, 0] AS _counts\n"
	"FROM {rows} {group}\n"
	"UNION ALL SELECT {keys}arrayMap(i -> if(i = 7, count(), 0), range(1, 20)) AS _counts\n"
	"FROM (SELECT {unpack:_d|3}_d.2 AS _kept\n"
	"FROM (SELECT arrayJoin(arrayPopFront(arraySort(x -> x.1, groupArray((arrival, _keep{,keys}))))) AS "
	"_d\n"
	"FROM {all} WHERE (person, at) IN (SELECT person, at FROM interactions GROUP BY person, at HAVING "
	"count() > 1)\n"
	"GROUP BY person, at, touchpoint, channel, event, source HAVING count() > 1)) WHERE _kept "
	"{group}\n"
	"UNION ALL SELECT {keys}[0, 0, 0, 0, 0, 0, 0, countIf(_n_made > 0 AND _made.2 IS NULL), "
	"countIf(_n_made > 1),\n"
	"countIf(_n_made > 0 AND _n_kept > 1), countIf(_n_made > 0 AND _n_kept > 0 AND _kept.1 < _made.1), "
	"countIf(_n_made = 0),\n"
	"0, 0, 0, 0, countIf(_n_made > 0), countIf(_n_made > 0 AND _n_kept > 0), countIf(_n_kept > 0)] AS "
	"_counts\n"
	"FROM (SELECT {unpack:_d|4}*, if(_n_made = 0, _kept, _made) AS _d FROM {ledger:9223372036854775807} "
	"WHERE _d.3) {group})\n"
	"{group})\n"
	"ARRAY JOIN [('unmatched', 1), ('no channel', 1), ('channel not designed', 2), ('no agent', 3), ('not "
	"measured', 4),\n"
	"('in the future', 1), ('repeated', 1), ('promise without due time', 5), ('promise made twice', 5), "
	"('promise kept twice', 6),\n"
	"('kept before made', 6), ('kept without promise', 7)] AS _f, range(1, 13) AS _i\n"
	"WHERE _c[_i] > 0{if:all} OR {shown:_c[13] > 0}{end}\n"
	"{order:_i}";

const struct analysis analysis_quality = {
	.name = "quality",
	.summary =
		"What is wrong with the data: unmatched, repeated, impossible times, promises that do not pair",
	.definition = "Each finding is counted against what it could have struck: interactions; interactions "
		      "at a touch point; on partner "
		      "channels; at touch points with expectations; promises; answered promises; keepings. "
		      "Promises count where the interaction "
		      "that made them passes the filters. share with 95 % Wilson interval (Wilson 1927).",
	.chart = "table",
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
