// SPDX-License-Identifier: Apache-2.0
// Analysis: which ways customers take, from a beginning, to an end or around a moment, counted exactly.
//
// The kernel cuts journeys into sessions and counts each session's path (paths_census.h); tree, edges and variants are
// made of the different paths and their counts at the end (paths_forms.c).
#include "measure/paths.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/pool.h"

#include <math.h>

static const struct param params[] = {
	{.name = "of", .type = PARAM_STRING, .value = "touchpoint", .help = STEP_OF_HELP},
	{.name = "form",
		.type = PARAM_CHOICE,
		.value = "tree",
		.choices = "tree|edges|variants",
		.help = "tree: how paths branch; edges: from step to step, for a Sankey diagram; variants: "
			"whole "
			"sequences"},
	{.name = "start",
		.type = PARAM_FILTER,
		.help = "paths begin at the first of these in a session: a touch point or a filter"},
	{.name = "end",
		.type = PARAM_FILTER,
		.help = "paths end at the first of these: the steps before it, or those from --start to it"},
	{.name = "around",
		.type = PARAM_FILTER,
		.help = "the steps before and after the first of these in a session"},
	{.name = "gap",
		.type = PARAM_STRING,
		.value = "30min",
		.help = "a longer pause begins a new session; none: whole journeys"},
	{.name = "repeats",
		.type = PARAM_CHOICE,
		.value = "collapse",
		.choices = "collapse|keep",
		.help = "the same step again and again: one step, or each of them"},
	{.name = "depth",
		.type = PARAM_INTEGER,
		.min = 1,
		.max = PATHS_DEPTH_MAX,
		.help = "at most so many steps (1 to 20); 5 when left out, in variants all"},
	{.name = "top",
		.type = PARAM_INTEGER,
		.value = "20",
		.min = 0,
		.max = 100000,
		.help = "the most frequent of each group, the rest summed as (other); 0: all"},
	{.name = "quantiles",
		.type = PARAM_FLAG,
		.help = "variants: median and 90th percentile of durations too (24 bytes of memory per "
			"session)"},
};

// All that any form has, for the manual; a result has those of its form.
enum { STEP, PATH, FROM, TO, STEPS, N, SHARE, CUMULATIVE, ENDED, MEAN, P50, P90, N_COLUMNS };
static const struct result_column columns[N_COLUMNS] = {
	[STEP] = {"step", "step", CELL_NUMBER, "1", 0,
		"tree, edges: number of the step; 0 is --end or --around"},
	[PATH] = {"path", "path", CELL_TEXT, "", 0, "tree, variants: the steps"},
	[FROM] = {"from", "from", CELL_TEXT, "", 0, "edges: the step"},
	[TO] = {"to", "to", CELL_TEXT, "", 0, "edges: the next one"},
	[STEPS] = {"steps", "steps", CELL_COUNT, "steps", 0, "variants: how many"},
	[N] = {"n", "n", CELL_COUNT, "sessions", 0, "sessions that took it"},
	[SHARE] = {"share", "share", CELL_RATIO, "1", 3,
		"tree: of the sessions at the step before; edges: of those at from (read backwards: at to); "
		"variants: "
		"of all"},
	[CUMULATIVE] = {"cumulative_share", "cumulative", CELL_RATIO, "1", 3,
		"variants: share of this row and those above"},
	[ENDED] = {"ended", "ended", CELL_COUNT, "sessions", 0,
		"tree: sessions that end (read backwards: begin) here"},
	[MEAN] = {"mean_duration", "mean duration", CELL_SECONDS, "s", 0,
		"variants: from first to last interaction"},
	[P50] = {"p50_duration", "median", CELL_SECONDS, "s", 0, "variants: median duration (--quantiles)"},
	[P90] = {"p90_duration", "p90", CELL_SECONDS, "s", 0, "variants: its 90th percentile (--quantiles)"},
};

static const uint32_t form_columns[][N_VARIANT] = {
	[PATHS_TREE] = {STEP, PATH, N, SHARE, ENDED},
	[PATHS_EDGES] = {STEP, FROM, TO, N, SHARE},
	[PATHS_VARIANTS] = {PATH, STEPS, N, SHARE, CUMULATIVE, MEAN, P50, P90},
};

static enum rc set_columns(struct run *run, const struct paths_plan *plan, struct err *e)
{
	static const uint32_t widths[] = {N_TREE, N_EDGE, N_VARIANT};
	// The last two of variants are there with --quantiles only.
	uint32_t n = widths[plan->form] - (plan->form == PATHS_VARIANTS && !plan->quantiles ? 2 : 0);
	struct result_column *c = arena_array(run->scratch, n, sizeof(*c));
	if (!c)
		return err_set(e, RC_NOMEM, "out of memory for columns");
	for (uint32_t i = 0; i < n; i++)
		c[i] = columns[form_columns[plan->form][i]];
	run->columns = c;
	run->n_columns = n;
	return RC_OK;
}

static enum rc check_filters(const struct paths_plan *plan, struct err *e)
{
	if (plan->around && (plan->start || plan->end)) {
		err_set(e, RC_USAGE, "--around goes with neither --start nor --end");
		err_remedy(e, "ask two questions, or leave --around away");
		return RC_USAGE;
	}
	if (plan->quantiles && plan->form != PATHS_VARIANTS) {
		err_set(e, RC_USAGE, "--quantiles are of the durations of variants");
		err_remedy(e, "add --form variants, or leave --quantiles away");
		return RC_USAGE;
	}
	return RC_OK;
}

static enum rc prepare(struct run *run, struct err *e)
{
	struct paths_plan *plan = arena_alloc(run->scratch, sizeof(*plan));
	if (!plan)
		return err_set(e, RC_NOMEM, "out of memory for paths");
	run->plan = plan;
	plan->form = (enum paths_form)run_param(run, "form")->choice;
	plan->start = run_param(run, "start")->filter;
	plan->end = run_param(run, "end")->filter;
	plan->around = run_param(run, "around")->filter;
	plan->collapse = run_param(run, "repeats")->choice == 0;
	plan->quantiles = run_param(run, "quantiles")->flag;
	plan->top = (uint32_t)run_param(run, "top")->number;
	plan->backwards = plan->end && !plan->start;
	const struct param_value *depth = run_param(run, "depth");
	plan->depth = depth->present ? (uint32_t)depth->number : plan->form == PATHS_VARIANTS ? 0 : 5;
	enum rc rc = check_filters(plan, e);
	if (rc == RC_OK)
		rc = step_gap_open(run, "gap", &plan->gap_ms, e);
	if (rc == RC_OK)
		rc = step_key_open(run, run_param(run, "of")->text, &plan->key, e);
	if (rc != RC_OK)
		return rc;
	rc = set_columns(run, plan, e);
	if (rc != RC_OK)
		return rc;
	bool variants = plan->form == PATHS_VARIANTS;
	// With the group that others are folded to; groups that are numbered as they are met are not known yet.
	uint64_t n_groups = run->query->n_by == 0 ? 1
			    : run_groups(run)     ? (uint64_t)run_groups(run) + 1
						  : (uint64_t)GROUPS_MAX + 1;
	uint32_t longest = plan->around && variants && plan->depth ? 2 * plan->depth - 1 : plan->depth;
	plan->shape = census_shape_for(plan->key.n_codes, longest, n_groups, variants);
	return RC_OK;
}

static unsigned threads_of(const struct run *run)
{
	return run->query->threads ? run->query->threads : pool_cpus();
}

static void *state_new(struct run *run)
{
	const struct paths_plan *plan = run->plan;
	struct paths_state *s = mem_calloc(1, sizeof(*s));
	if (s) {
		s->paths.shape = s->before.shape = plan->shape;
		path_log_init(&s->log, &plan->shape, PATH_LOG_RECORDS_MAX / threads_of(run));
	}
	return s;
}

static void state_free(struct run *run, void *p)
{
	(void)run;
	struct paths_state *s = p;
	steps_free(&s->steps);
	path_log_free(&s->log);
	census_free(&s->paths);
	census_free(&s->before);
	mem_free(s->times);
	mem_free(s->sessions);
	mem_free(s->keys);
	mem_free(s->ms);
	mem_free(s->anchors);
	mem_free(s->group_rows);
	mem_free(s->codes);
	mem_free(s->bytes);
	mem_free(s->bits);
	mem_free(s->places);
	mem_free(s->tables);
	mem_free(s);
}

static enum rc fit(struct paths_state *s, struct err *e)
{
	size_t n = (size_t)s->steps.n + SESSIONS_SLACK;
	if (mem_grow((void **)&s->sessions, &s->sessions_capacity, n, sizeof(*s->sessions)) != 0 ||
		mem_grow((void **)&s->keys, &s->keys_capacity, n, sizeof(*s->keys)) != 0 ||
		mem_grow((void **)&s->ms, &s->ms_capacity, n, sizeof(*s->ms)) != 0 ||
		mem_grow((void **)&s->anchors, &s->anchors_capacity, n, sizeof(*s->anchors)) != 0 ||
		mem_grow((void **)&s->codes, &s->codes_capacity, n, sizeof(*s->codes)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for paths");
	return RC_OK;
}

uint64_t paths_key(const struct census_shape *shape, const uint32_t *code, uint32_t n)
{
	return shape->packed ? census_pack(shape, 0, code, n) : hash64(code, n * sizeof(*code));
}

static enum rc log_time(struct paths_state *s, uint64_t key, int64_t ms, uint32_t group, struct err *e)
{
	if (mem_grow((void **)&s->times, &s->times_capacity, s->n_times + 1, sizeof(*s->times)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for %zu durations", s->n_times + 1);
	s->times[s->n_times++] = (struct paths_time){.key = key, .ms = ms, .group = group};
	return RC_OK;
}

// --- all sessions from their beginnings, paths that fit a key: the fast way ---

static enum rc add_groups(struct lane *lane, struct paths_state *s, struct err *e)
{
	const struct paths_plan *plan = lane->run->plan;
	const uint32_t *group = steps_groups(
		lane, &s->steps, s->anchors, s->n_sessions, &s->group_rows, &s->group_rows_capacity, e);
	if (!group)
		return e->rc;
	uint32_t shift = plan->shape.code_bits * plan->depth;
	for (uint32_t i = 0; i < s->n_sessions; i++) {
		if (plan->quantiles && log_time(s, s->keys[i], s->ms[i], group[i], e) != RC_OK)
			return e->rc;
		s->keys[i] |= (uint64_t)group[i] << shift;
	}
	return RC_OK;
}

static enum rc add_packed(struct lane *lane, struct paths_state *s, struct err *e)
{
	const struct paths_plan *plan = lane->run->plan;
	enum rc rc = paths_pack(plan, s, e);
	if (rc == RC_OK && (lane->run->query->n_by > 0 || plan->quantiles))
		rc = add_groups(lane, s, e);
	for (uint32_t i = 0; rc == RC_OK && i < s->n_sessions; i += CENSUS_BATCH) {
		uint32_t n = s->n_sessions - i < CENSUS_BATCH ? s->n_sessions - i : CENSUS_BATCH;
		rc = path_log_add(&s->log, s->keys + i, s->ms + i, n, e);
	}
	return rc;
}

// --- everything else ---

static uint32_t find(const struct steps *s, const uint8_t *mask, uint32_t from, uint32_t end)
{
	while (from < end && !mask[step_row(s, from)])
		from++;
	return from;
}

// Where a session's path begins, ends and is read from; false: it has none.
static bool place_path(const struct paths_plan *plan, const struct steps *s, const uint8_t *a, const uint8_t *b,
	uint32_t first, uint32_t end, struct paths_session *out)
{
	*out = (struct paths_session){first, end - 1, first};
	if (plan->around) {
		out->anchor = find(s, a, first, end);
		return out->anchor < end;
	}
	if (plan->start) {
		out->first = out->anchor = find(s, a, first, end);
		if (out->first == end)
			return false;
	}
	if (plan->end) {
		out->last = find(s, b, plan->start ? out->first + 1 : first, end);
		out->anchor = plan->start ? out->anchor : out->last;
	}
	return out->last < end;
}

static void find_sessions(
	const struct paths_plan *plan, struct paths_state *s, const uint8_t *a, const uint8_t *b)
{
	const struct steps *steps = &s->steps;
	s->n_sessions = 0;
	for (uint32_t k = 0; k < steps->n_journeys; k++)
		for (uint32_t first = steps->start[k], end; first < steps->start[k + 1]; first = end) {
			end = first + 1;
			while (end < steps->start[k + 1] && steps->at[end] - steps->at[end - 1] <= plan->gap_ms)
				end++;
			s->n_sessions += place_path(plan, steps, a, b, first, end, &s->sessions[s->n_sessions]);
		}
}

// Writes the codes from `from` to `to` (either may be the larger) to out, at most `most` of them (0: all).
static uint32_t walk(const struct paths_plan *plan, const struct steps *s, uint32_t from, uint32_t to,
	uint32_t most, uint32_t *out)
{
	uint32_t n = 0, i = from;
	most = most ? most : UINT32_MAX;
	for (;;) {
		if (n == 0 || !plan->collapse || s->code[i] != out[n - 1]) {
			if (n == most)
				break;
			out[n++] = s->code[i];
		}
		if (i == to)
			break;
		i += from < to ? 1u : UINT32_MAX;
	}
	return n;
}

static void reverse(uint32_t *code, uint32_t n)
{
	for (uint32_t i = 0; i < n / 2; i++) {
		uint32_t c = code[i];
		code[i] = code[n - 1 - i];
		code[n - 1 - i] = c;
	}
}

// What led to the anchor, the anchor, and what followed, in order of time. A run of equal steps across the anchor is
// one step.
static uint32_t walk_around(
	const struct paths_plan *plan, const struct steps *s, const struct paths_session *x, uint32_t *out)
{
	uint32_t n = walk(plan, s, x->anchor, x->first, plan->depth, out);
	reverse(out, n);
	return n - 1 + walk(plan, s, x->anchor, x->last, plan->depth, out + n - 1);
}

static enum rc add_session(const struct paths_plan *plan, struct paths_state *s, const struct paths_session *x,
	uint32_t group, struct err *e)
{
	const struct steps *steps = &s->steps;
	int64_t ms = steps->at[x->last] - steps->at[x->first];
	bool both = plan->around && plan->form != PATHS_VARIANTS;
	uint32_t n;
	if (plan->around && !both)
		n = walk_around(plan, steps, x, s->codes);
	else
		n = walk(plan, steps, x->anchor, plan->backwards ? x->first : x->last, plan->depth, s->codes);
	enum rc rc = census_add_path(&s->paths, group, s->codes, n, 1, ms, e);
	if (rc == RC_OK && plan->quantiles)
		rc = log_time(s, paths_key(&plan->shape, s->codes, n), ms, group, e);
	if (rc == RC_OK && both) {
		n = walk(plan, steps, x->anchor, x->first, plan->depth, s->codes);
		rc = census_add_path(&s->before, group, s->codes, n, 1, ms, e);
	}
	return rc;
}

static enum rc mask_of(
	struct lane *lane, const struct filter_node *node, uint32_t slot, const uint8_t **out, struct err *e)
{
	*out = NULL;
	if (!node)
		return RC_OK;
	uint8_t *mask = lane_mask(lane, slot, e);
	*out = mask;
	return mask ? filter_mask(lane, node, mask, e) : RC_NOMEM;
}

static enum rc add_any(struct lane *lane, struct paths_state *s, struct err *e)
{
	const struct paths_plan *plan = lane->run->plan;
	const uint8_t *a, *b;
	enum rc rc = mask_of(lane, plan->around ? plan->around : plan->start, 0, &a, e);
	if (rc == RC_OK)
		rc = mask_of(lane, plan->end, 1, &b, e);
	if (rc != RC_OK)
		return rc;
	find_sessions(plan, s, a, b);
	const uint32_t *group = NULL;
	if (lane->run->query->n_by > 0) {
		for (uint32_t i = 0; i < s->n_sessions; i++)
			s->anchors[i] = s->sessions[i].anchor;
		group = steps_groups(
			lane, &s->steps, s->anchors, s->n_sessions, &s->group_rows, &s->group_rows_capacity, e);
		if (!group)
			return e->rc;
	}
	for (uint32_t i = 0; rc == RC_OK && i < s->n_sessions; i++)
		rc = add_session(plan, s, &s->sessions[i], group ? group[i] : 0, e);
	return rc;
}

static enum rc add(struct lane *lane, void *p, const struct span *span, struct err *e)
{
	(void)span;
	struct paths_state *s = p;
	const struct paths_plan *plan = lane->run->plan;
	enum rc rc = steps_read(lane, &plan->key, &s->steps, e);
	if (rc == RC_OK)
		rc = fit(s, e);
	if (rc != RC_OK)
		return rc;
	bool any = plan->start || plan->end || plan->around || !plan->shape.packed;
	return any ? add_any(lane, s, e) : add_packed(lane, s, e);
}

static enum rc merge(struct run *run, void *into, void *from, struct err *e)
{
	(void)run;
	struct paths_state *a = into, *b = from;
	path_log_merge(&a->log, &b->log);
	enum rc rc = census_merge(&a->paths, &b->paths, e);
	if (rc == RC_OK)
		rc = census_merge(&a->before, &b->before, e);
	if (rc != RC_OK || !b->n_times)
		return rc;
	if (mem_grow((void **)&a->times, &a->times_capacity, a->n_times + b->n_times, sizeof(*a->times)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for %zu durations", a->n_times + b->n_times);
	memcpy(a->times + a->n_times, b->times, b->n_times * sizeof(*b->times));
	a->n_times += b->n_times;
	return RC_OK;
}

static enum rc fold(struct run *run, void *p, const uint32_t *to, uint32_t n, struct err *e)
{
	(void)run;
	struct paths_state *s = p;
	for (size_t i = 0; i < s->n_times; i++)
		s->times[i].group = s->times[i].group < n ? to[s->times[i].group] : s->times[i].group;
	enum rc rc = census_fold(&s->paths, to, n, e);
	return rc == RC_OK ? census_fold(&s->before, to, n, e) : rc;
}

static enum rc finish(struct run *run, void *p, struct err *e)
{
	const struct paths_plan *plan = run->plan;
	static enum rc (*const write[])(struct run * run, struct paths_state * s, struct err * e) = {
		paths_write_tree, paths_write_edges, paths_write_variants};
	struct paths_state *s = p;
	enum rc rc = path_log_count(
		&s->log, threads_of(run), &s->paths, e); // once: groups that are folded are counted
	return rc == RC_OK ? write[plan->form](run, s, e) : rc;
}

// --- as SQL ---

static const char clickhouse_sessions[] =
	"(SELECT {unpack:_s[_anchor]|6}_back, _ms, _p\n"
	"FROM (SELECT _s, _anchor, _s[_last].1 - _s[_first].1 AS _ms,\n"
	"arraySlice({if:repeats=collapse}arrayCompact(arrayMap(x -> x.3, arraySlice(_s, _anchor, _last - "
	"_anchor + 1))){else}\n"
	"arrayMap(x -> x.3, arraySlice(_s, _anchor, _last - _anchor + 1)){end}, 1, {part:4}) AS _on,\n"
	"arraySlice({if:repeats=collapse}arrayCompact(arrayReverse(arrayMap(x -> x.3, arraySlice(_s, _first, "
	"_anchor - _first + 1)))){else}\n"
	"arrayReverse(arrayMap(x -> x.3, arraySlice(_s, _first, _anchor - _first + 1))){end}, 1, {part:4}) AS "
	"_from_here\n"
	"FROM (SELECT _s, {if:around}1{else}arrayFirstIndex(x -> x.4, _s){end} AS _first,\n"
	"{if:end}arrayFirstIndex((x, i) -> x.5{if:start} AND i > _first{end}, _s, "
	"arrayEnumerate(_s)){else}length(_s){end} AS _last,\n"
	"{if:around}arrayFirstIndex(x -> x.4, "
	"_s){else}{if:start}_first{else}{if:end}_last{else}1{end}{end}{end} AS _anchor\n"
	"FROM (SELECT arraySort(groupArray((at, arrival, {field:of}, "
	"{if:around}{filter:around}{else}{filter:start}{end},\n"
	"{filter:end}{,keys}))) AS _j FROM {rows} GROUP BY person)\n"
	"ARRAY JOIN arraySplit((x, d) -> d > {gap:gap}, _j, arrayDifference(arrayMap(x -> x.1, _j))) AS _s)\n"
	"WHERE _first > 0 AND _last > 0 AND _anchor > 0)\n"
	"ARRAY JOIN {if:form=variants}\n"
	"[{if:around}arrayConcat(arrayPopBack(arrayReverse(_from_here)), "
	"_on){else}{if:start}_on{else}{if:end}\n"
	"arrayReverse(_from_here){else}_on{end}{end}{end}] AS _p, [0] AS _back{else}{if:around}\n"
	"[_on, _from_here] AS _p, [0, 1] AS _back{else}{if:start}[_on] AS _p, [0] AS _back{else}{if:end}\n"
	"[_from_here] AS _p, [1] AS _back{else}[_on] AS _p, [0] AS _back{end}{end}{end}{end})";

static const char clickhouse_tree[] =
	"SELECT {by}if(_back, 1 - _depth, _depth{if:around} - 1{end}) AS step,\n"
	"arrayStringConcat(if(_back, arrayReverse(_words), _words), ' → ') AS path, _row.2 AS n, _row.2 / _of "
	"AS share,\n"
	"if(_row.4 OR _depth >= {part:4}, NULL, _row.3) AS ended\n"
	"FROM (SELECT {keys}_back, _row, _of, length(_row.1) + _row.4 AS _depth,\n"
	"arrayConcat(arrayMap(x -> {label:of|x}, _row.1), if(_row.4, ['(other)'], [])) AS _words\n"
	"FROM (SELECT {keys}_back, _key, if(empty(_key), any(_all), sumIf(_n, _own)) AS _of, sumIf(_n, NOT "
	"_own) AS _shown,\n"
	"toInt64(_of) - sumIf(_done, _own) - _shown AS _left,\n"
	"arrayConcat(groupArrayIf((_path, toInt64(_n), toInt64(_done), toUInt8(0)), NOT _own),\n"
	"if(_shown > 0 AND _left > 0, [(_key, toInt64(_left), toInt64(0), toUInt8(1))], [])) AS _rows\n"
	"FROM (SELECT *, arrayJoin([1, 0]) AS _own, if(_own, _path, arrayPopBack(_path)) AS _key\n"
	"FROM (SELECT *, sumIf(_n, length(_path) = 1) OVER (PARTITION BY (_back{,keys})) AS _all,\n"
	"row_number() OVER (PARTITION BY (_back{,keys}) ORDER BY _n DESC, length(_path),\n"
	"arrayMap(x -> ({rank:of|x}), _path)) AS _rank\n"
	"FROM (SELECT {keys}_back, arraySlice(_p, 1, _d) AS _path, count() AS _n, countIf(_d = length(_p)) AS "
	"_done\n"
	"FROM {part:0} ARRAY JOIN range(1, length(_p) + 1) AS _d GROUP BY {keys}_back, _path))\n"
	"WHERE {param:top} = 0 OR _rank <= {param:top})\n"
	"GROUP BY {keys}_back, _key)\n"
	"ARRAY JOIN _rows AS _row\n"
	"WHERE NOT (_back AND {if:around}empty(_key){else}0{end}))\n"
	"{order:_back, _depth, n DESC}";

static const char clickhouse_edges[] =
	"SELECT {by}_step AS step, multiIf(_rest, '(other)', _from = '\\x00', '(start)', {label:of|_from}) AS "
	"from,\n"
	"multiIf(_rest, '(other)', _to = '\\x00', '(end)', {label:of|_to}) AS to, _n AS n, if(_rest, NULL, _n "
	"/ _of) AS share\n"
	"FROM (SELECT {keys}_step, _place = 0 AS _rest, any(_f) AS _from, any(_g) AS _to, sum(_count) AS _n, "
	"any(_near) AS _of\n"
	"FROM (SELECT *, if({param:top} = 0 OR _rank <= {param:top}, _rank, 0) AS _place\n"
	"FROM (SELECT *, sum(_count) OVER (PARTITION BY {keys}_back, _step, if(_back, _g, _f)) AS _near,\n"
	"row_number() OVER (PARTITION BY (0{,keys}) ORDER BY _count DESC, _step, _f = '\\x00', {rank:of|_f},\n"
	"_g = '\\x00', {rank:of|_g}) AS _rank\n"
	"FROM (SELECT {keys}_back, if(_back, -_i, _i{if:around} - 1{end}) AS _step, if(_i < length(_p), _p[_i "
	"+ 1], '\\x00') AS _next,\n"
	"if(_back, _next, _p[_i]) AS _f, if(_back, _p[_i], _next) AS _g, count() AS _count\n"
	"FROM {part:0} ARRAY JOIN arrayMap(i -> toInt64(i), range(1, least(toInt64(length(_p)), {part:4} - 1) "
	"+ 1)) AS _i\n"
	"GROUP BY {keys}_back, _step, _next, _f, _g)))\n"
	"{group:_step, _place})\n"
	"{order:_step, n DESC}";

static const char clickhouse_variants[] =
	"SELECT {by}if(_rest, '(other)', concat(arrayStringConcat(arrayMap(x -> {label:of|x}, "
	"arraySlice(_path, 1, 100)), ' → '),\n"
	"if(length(_path) > 100, concat(' → … (', toString(length(_path) - 100), ' more)'), ''))) AS path,\n"
	"if(_rest, NULL, length(_path)) AS steps, _n AS n, _n / _total AS share, _sum / _total AS "
	"cumulative_share,\n"
	"_time / _n / 1000 AS mean_duration{if:quantiles},\n"
	"{quantile:p50_duration|_v|0.5}, {quantile:p90_duration|_v|0.9}{end}\n"
	"FROM (SELECT *, sum(_n) OVER (PARTITION BY (0{,keys})) AS _total,\n"
	"sum(_n) OVER (PARTITION BY (0{,keys}) ORDER BY _place) AS _sum\n"
	"FROM (SELECT {keys}_place, {param:top} > 0 AND _place > {param:top} AS _rest, any(_p) AS _path, "
	"sum(_count) AS _n,\n"
	"sum(_t) AS _time{if:quantiles}, arraySort(arrayFlatten(groupArray(_times))) AS _v{end}\n"
	"FROM (SELECT *, if({param:top} = 0, _rank, least(_rank, {param:top} + 1)) AS _place\n"
	"FROM (SELECT *, row_number() OVER (PARTITION BY (0{,keys}) ORDER BY _count DESC,\n"
	"arrayMap(x -> ({rank:of|x}), _p)) AS _rank\n"
	"FROM (SELECT {keys}_p, count() AS _count, sum(_ms) AS _t{if:quantiles}, groupArray(_ms) AS "
	"_times{end}\n"
	"FROM {part:0} GROUP BY {keys}_p)))\n"
	"{group:_place}))\n"
	"{order:_place}";

static const char clickhouse_depth[] =
	"{if:depth}{param:depth}{else}{if:form=variants}4294967295{else}5{end}{end}";

static const char *const clickhouse_parts[] = {
	clickhouse_sessions, clickhouse_tree, clickhouse_edges, clickhouse_variants, clickhouse_depth};

static const char clickhouse[] =
	"{if:form=tree}{part:1}{end}{if:form=edges}{part:2}{end}{if:form=variants}{part:3}{end}";

const struct analysis analysis_paths = {
	.name = "paths",
	.summary = "Which ways customers take: from a beginning, to an end, or around a moment",
	.definition = "A session is a journey's interactions that pass the filters, cut where the pause is "
		      "longer than --gap. "
		      "Its path is the sequence of its steps in order of time (ties in order of arrival), "
		      "equal steps in a "
		      "row being one (--repeats keep: each). Every session counts once. --start: from the "
		      "session's first "
		      "such interaction on; --end: the steps up to and with the first such one, read backwards "
		      "from it as "
		      "step 0; both: from the first start to the first end after it; --around: both directions "
		      "from the "
		      "first such one, step 0. Sessions without them do not count. tree: share is of the "
		      "sessions that "
		      "reached the step before; (other) is what --top leaves out, ended counts sessions that "
		      "ended there, and "
		      "together they make the whole. edges: (end) for sessions that end (or begin: (start)) "
		      "there within "
		      "--depth. variants: different sequences as in process mining (van der Aalst 2016); "
		      "duration from the "
		      "first to the last interaction of the path, whatever --depth shows. Groups are those of "
		      "the interaction "
		      "that the path is read from. Counts are exact: no sampling.",
	.chart = "sankey",
	.params = params,
	.n_params = sizeof(params) / sizeof(params[0]),
	.columns = columns,
	.n_columns = N_COLUMNS,
	.ordered = true,
	.large_state = true,
	.prepare = prepare,
	.state_new = state_new,
	.add = add,
	.merge = merge,
	.state_free = state_free,
	.fold = fold,
	.finish = finish,
	.clickhouse = clickhouse,
	.clickhouse_parts = clickhouse_parts,
	.n_clickhouse_parts = sizeof(clickhouse_parts) / sizeof(clickhouse_parts[0]),
};
