// SPDX-License-Identifier: Apache-2.0
// Analysis: per calendar bucket, who is new, who stayed, who came back and who fell silent.
//
// A journey's different buckets ascend, so each is compared with the one before it alone; a gap makes the bucket after
// the earlier one dormant. Sums per group: N_STATES for each bucket.
#include "measure/activity.h"

#include "base/mem.h"

static const struct param params[] = {
	{.name = "bucket",
		.type = PARAM_CHOICE,
		.value = "week",
		.choices = ACTIVITY_UNITS,
		.help = "calendar buckets in the brand's time zone"},
	{.name = "persons",
		.type = PARAM_CHOICE,
		.choices = "new|returning|resurrecting|dormant",
		.help = "list the customers in this state in a bucket of the period instead; times: in how "
			"many "
			"buckets; at: their first interaction in such a bucket (dormant: the last one before)"},
};

enum {
	BUCKET,
	BUCKET_START,
	ACTIVE,
	NEW,
	RETURNING,
	RESURRECTING,
	DORMANT,
	STAYED,
	STAYED_LOW,
	STAYED_HIGH,
	N_COLUMNS
};
static const struct result_column columns[N_COLUMNS] = {
	[BUCKET] = {"bucket", "bucket", CELL_TEXT, "", 0, "calendar bucket"},
	[BUCKET_START] = {"bucket_start", "from", CELL_TIME, "", 0, "its beginning"},
	[ACTIVE] = {"active", "active", CELL_COUNT, "persons", 0, "new + returning + resurrecting"},
	[NEW] = {"new", "new", CELL_COUNT, "persons", 0, "active for the first time ever"},
	[RETURNING] = {"returning", "returning", CELL_COUNT, "persons", 0, "active in the bucket before, too"},
	[RESURRECTING] = {"resurrecting", "resurrecting", CELL_COUNT, "persons", 0,
		"not active in the bucket before, but earlier"},
	[DORMANT] = {"dormant", "dormant", CELL_COUNT, "persons", 0,
		"active in the bucket before, and not in this one"},
	[STAYED] = {"share_stayed", "stayed", CELL_RATIO, "1", 3,
		"returning of those active in the bucket before (returning + dormant)"},
	[STAYED_LOW] = {"share_stayed_low", "≥", CELL_RATIO, "1", 3, "lower end of its 95 % Wilson interval"},
	[STAYED_HIGH] = {"share_stayed_high", "≤", CELL_RATIO, "1", 3, "upper end of its 95 % Wilson interval"},
};

enum { IS_NEW, IS_RETURNING, IS_RESURRECTING, IS_DORMANT, N_STATES };

struct plan {
	struct tz_buckets buckets;
	uint32_t first, end;
	bool list; // customers in the state `listed`
	uint32_t listed;
};

struct state {
	struct activity_state active;
	struct persons persons;
};

static enum rc prepare(struct run *run, struct err *e)
{
	struct plan *plan = arena_alloc(run->scratch, sizeof(*plan));
	if (!plan)
		return err_set(e, RC_NOMEM, "out of memory for the lifecycle");
	run->plan = plan;
	enum rc rc = activity_whole_history(run, e);
	if (rc == RC_OK)
		rc = activity_open(run, activity_unit(run_param(run, "bucket")->choice), &plan->buckets, e);
	if (rc == RC_OK)
		activity_period(run, &plan->buckets, &plan->first, &plan->end);
	plan->list = run_param(run, "persons")->present;
	plan->listed = run_param(run, "persons")->choice;
	if (plan->list)
		persons_open(run);
	return rc;
}

static void *state_new(struct run *run)
{
	const struct plan *plan = run->plan;
	struct state *s = mem_calloc(1, sizeof(*s));
	if (s)
		s->active.sums.width =
			N_STATES * (plan->buckets.n + 1); // dormant after the last bucket falls in the spare
	return s;
}

static void state_free(struct run *run, void *p)
{
	(void)run;
	struct state *s = p;
	activity_state_free(&s->active);
	persons_free(&s->persons);
	mem_free(s);
}

static void add_journey(const uint32_t *bucket, uint32_t n, double *sums)
{
	if (n == 0)
		return;
	sums[bucket[0] * N_STATES + IS_NEW] += 1.0;
	for (uint32_t i = 1; i < n; i++) {
		uint32_t before = bucket[i - 1], b = bucket[i];
		bool gap = b != before + 1;
		sums[b * N_STATES + (gap ? IS_RESURRECTING : IS_RETURNING)] += 1.0;
		sums[(before + 1) * N_STATES + IS_DORMANT] += gap;
	}
	sums[(bucket[n - 1] + 1) * N_STATES + IS_DORMANT] += 1.0;
}

// One journey, rows [first, last), for the list. In every bucket that it is active in it has one state; the bucket after
// is one of dormancy if the next row lies later still.
struct listing {
	const struct plan *plan;
	struct persons *persons;
	const struct run *run;
	uint64_t person;
	uint32_t group;
};

static enum rc list_state(
	const struct listing *l, uint32_t bucket, uint32_t state, int64_t at_ms, struct err *e)
{
	if (state != l->plan->listed || bucket < l->plan->first || bucket >= l->plan->end)
		return RC_OK;
	return persons_add(l->persons, l->run, l->person, l->group, at_ms, e);
}

static enum rc list_journey(const struct listing *l, const struct lane *lane, const int64_t *at, uint32_t first,
	uint32_t last, struct err *e)
{
	uint32_t before = UINT32_MAX, last_row = first;
	enum rc rc = RC_OK;
	for (uint32_t i = first; rc == RC_OK && i < last; i++) {
		if (!lane_keeps(lane, i))
			continue;
		uint32_t b = activity_bucket(&l->plan->buckets, at[i]);
		if (before == UINT32_MAX) {
			rc = list_state(l, b, IS_NEW, at[i], e);
		} else if (b != before) {
			bool gap = b != before + 1;
			if (gap)
				rc = list_state(l, before + 1, IS_DORMANT, at[last_row], e);
			if (rc == RC_OK)
				rc = list_state(l, b, gap ? IS_RESURRECTING : IS_RETURNING, at[i], e);
		}
		before = b;
		last_row = i;
	}
	if (rc == RC_OK && before != UINT32_MAX)
		rc = list_state(l, before + 1, IS_DORMANT, at[last_row], e);
	return rc;
}

static enum rc add(struct lane *lane, void *p, const struct span *span, struct err *e)
{
	struct state *s = p;
	const struct plan *plan = lane->run->plan;
	const uint32_t *group;
	enum rc rc = activity_state_span(&s->active, lane, span, &group, e);
	for (uint32_t k = 0, n; rc == RC_OK && k < span->n_persons; k++) {
		double *sums = activity_state_person(&s->active, lane, &plan->buckets, group, k, &n);
		add_journey(s->active.buckets, n, sums);
		const struct listing l = {plan, &s->persons, lane->run, span->person[k], group ? group[k] : 0};
		if (plan->list)
			rc = list_journey(
				&l, lane, span->at, s->active.first_rows[k], span->person_start[k + 1], e);
	}
	return rc;
}

static enum rc merge(struct run *run, void *into, void *from, struct err *e)
{
	(void)run;
	struct state *a = into, *b = from;
	enum rc rc = activity_state_merge(&a->active, &b->active, e);
	return rc == RC_OK ? persons_merge(&a->persons, &b->persons, e) : rc;
}

static enum rc fold(struct run *run, void *p, const uint32_t *to, uint32_t n, struct err *e)
{
	return sums_fold(&((struct state *)p)->active.sums, to, n, run_groups(run), e);
}

static enum rc write_bucket(
	struct run *run, uint32_t group, double weight, uint32_t bucket, const double *v, struct err *e)
{
	const struct plan *plan = run->plan;
	struct cell *c = result_row(run, group, weight, e);
	if (!c)
		return e->rc;
	struct sv label = arena_copy(run->arena, plan->buckets.label[bucket]);
	if (!label.ptr)
		return err_set(e, RC_NOMEM, "out of memory for rows");
	cell_text(&c[BUCKET], label);
	cell_time(run, &c[BUCKET_START], plan->buckets.start[bucket]);
	cell_number(&c[ACTIVE], v[IS_NEW] + v[IS_RETURNING] + v[IS_RESURRECTING]);
	cell_number(&c[NEW], v[IS_NEW]);
	cell_number(&c[RETURNING], v[IS_RETURNING]);
	cell_number(&c[RESURRECTING], v[IS_RESURRECTING]);
	cell_number(&c[DORMANT], v[IS_DORMANT]);
	cell_estimate(&c[STAYED], &c[STAYED_LOW], &c[STAYED_HIGH],
		stats_wilson(v[IS_RETURNING], v[IS_RETURNING] + v[IS_DORMANT]));
	return RC_OK;
}

static enum rc finish(struct run *run, void *p, struct err *e)
{
	struct state *s = p;
	const struct plan *plan = run->plan;
	uint32_t n_groups = run_groups(run);
	run->n = run->result->n = s->active.n;
	if (plan->list)
		return persons_rows(run, &s->persons, e);
	enum rc rc = activity_sums_fit(&s->active.sums, n_groups, e);
	for (uint32_t g = 0; rc == RC_OK && g < n_groups; g++) {
		const double *v = s->active.sums.v + (size_t)g * s->active.sums.width;
		double weight = 0.0;
		for (uint32_t i = plan->first * N_STATES; i < plan->end * N_STATES; i++)
			weight += v[i];
		if (!run_group_shown(run, g, weight))
			continue;
		for (uint32_t b = plan->first; rc == RC_OK && b < plan->end; b++)
			rc = write_bucket(run, g, weight, b, v + (size_t)b * N_STATES, e);
	}
	return rc;
}

static const char clickhouse[] =
	"{if:persons}{refuse:persons}{end}\n"
	"WITH (SELECT (min(at), max(at)) FROM interactions) AS _ends,\n"
	"{bucket:bucket|greatest({from}, _ends.1)} AS _first,\n"
	"{bucket:bucket|least({to} - 1, _ends.2)} AS _last\n"
	"SELECT {by}{bucket-label:bucket|_c} AS bucket, {bucket-start:bucket|_c} AS bucket_start,\n"
	"_cell.2 + _cell.3 + _cell.4 AS active, _cell.2 AS new, _cell.3 AS returning, _cell.4 AS "
	"resurrecting,\n"
	"_cell.5 AS dormant, {share:share_stayed|_cell.3|_cell.3 + _cell.5}\n"
	"FROM (SELECT {keys}_c, arrayFirst(x -> x.1 = _c, _cells) AS _cell\n"
	"FROM (SELECT {keys}groupArray((_b, _new, _returning, _resurrecting, _dormant)) AS _cells, count() AS "
	"_n\n"
	"FROM (SELECT {keys}_e.1 AS _b, countIf(_e.2 = 0) AS _new, countIf(_e.2 = 1) AS _returning,\n"
	"countIf(_e.2 = 2) AS _resurrecting, countIf(_e.2 = 3) AS _dormant\n"
	"FROM (SELECT {unpack:_f|2}arrayJoin(arrayConcat(\n"
	"arrayMap((b, d, i) -> (b, multiIf(i = 1, 0, d = 1, 1, 2)), _u, arrayDifference(_u), "
	"arrayEnumerate(_u)),\n"
	"arrayMap(b -> (b + 1, 3), arrayFilter((b, next) -> next != b + 1, _u,\n"
	"arrayPushBack(arrayPopFront(_u), -9223372036854775808))))) AS _e\n"
	"FROM (SELECT argMin(tuple(at{,keys}), (at, arrival)) AS _f, "
	"arraySort(groupUniqArray({bucket:bucket|at})) AS _u\n"
	"FROM {rows} GROUP BY person))\n"
	"WHERE _e.1 BETWEEN _first AND _last GROUP BY {keys}_e.1) {group})\n"
	"ARRAY JOIN range(_first, greatest(_first, _last + 1)) AS _c\n"
	"WHERE {shown:_n > 0})\n"
	"{order:_c}";

const struct analysis analysis_lifecycle = {
	.name = "lifecycle",
	.summary = "Per calendar bucket: new, returning, resurrecting and dormant persons",
	.definition = "Active: at least one interaction that passes the filters in the calendar bucket "
		      "(brand's zone). new: its "
		      "first such interaction ever is in this bucket; returning: active in this bucket and the "
		      "one before; "
		      "resurrecting: active in this one and earlier, but not in the one before; dormant: "
		      "active in the one "
		      "before and not in this one (PostHog's lifecycle, which draws dormant below zero). "
		      "active = new + "
		      "returning + resurrecting. --from and --to choose the buckets that are shown; what came "
		      "before them is "
		      "known. Groups are those of the person's first interaction that passes the filters.",
	.chart = "bars",
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
