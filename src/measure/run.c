// SPDX-License-Identifier: Apache-2.0
// Runs a question: compiles it, scans with one lane per thread, lets the analysis write its rows.
//
//   query_run: run_open → snapshot_scan (lane_new, lane_add, lane_merge, lane_free) → finish → rows_sort
//              → (limit: fold, finish again, rows_sort) → rows_finish
#include "measure/internal.h"

#include "base/mem.h"
#include "base/pool.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#define RESULT_BYTES_MAX ((size_t)4 << 30)
#define SCRATCH_BYTES_MAX ((size_t)2 << 30)

// --- opening ---

static enum rc unknown_analysis(struct sv name, struct err *e)
{
	struct suggestion s = suggestion_new(name);
	for (const struct analysis *const *a = analysis_list(); *a; a++)
		suggestion_add(&s, sv_from((*a)->name));
	err_set(e, RC_USAGE, "unknown analysis “%.*s”", SV_ARG(name));
	suggestion_remedy(&s, e, "`corridor query --list` shows the analyses");
	return RC_USAGE;
}

static enum rc result_new(struct run *run, struct err *e)
{
	struct arena *a = arena_new(RESULT_BYTES_MAX);
	struct result *r = a ? arena_alloc(a, sizeof(*r)) : NULL;
	if (!r) {
		arena_free(&a);
		return err_set(e, RC_NOMEM, "out of memory for a result");
	}
	r->arena = run->arena = a;
	r->analysis = run->analysis;
	r->definition = sv_from(run->analysis->definition);
	r->timezone = arena_copy(a, run->design->timezone);
	r->currency = arena_copy(a, run->design->currency);
	run->result = r;
	return RC_OK;
}

enum rc query_bound(
	const struct tz *tz, const char *option, struct sv text, bool is_end, int64_t *out, struct err *e)
{
	struct err why = ERR_NONE;
	*out = TIME_NONE;
	if (!text.len || time_parse_bound(tz, text, is_end, out, &why) == RC_OK)
		return RC_OK;
	err_set(e, RC_USAGE, "--%s: %s", option, why.message);
	err_remedy(e, "%s", why.remedy);
	return RC_USAGE;
}

static enum rc open_period(struct run *run, struct err *e)
{
	enum rc rc = query_bound(run->design->tz, "from", run->query->from, false, &run->from_ms, e);
	if (rc == RC_OK)
		rc = query_bound(run->design->tz, "to", run->query->to, true, &run->to_ms, e);
	if (rc != RC_OK)
		return rc;
	struct result *r = run->result;
	r->from_ms = run->from_ms;
	r->to_ms = run->to_ms;
	r->from = run->from_ms == TIME_NONE ? SV_NONE : run_time_text(run, run->from_ms);
	r->to = run->to_ms == TIME_NONE ? SV_NONE : run_time_text(run, run->to_ms);
	if (run->from_ms == TIME_NONE && run->to_ms == TIME_NONE)
		return RC_OK;
	if (run->from_ms != TIME_NONE && run->to_ms != TIME_NONE && run->from_ms >= run->to_ms) {
		err_set(e, RC_USAGE, "the period from %.*s until %.*s is empty", SV_ARG(r->from),
			SV_ARG(r->to));
		err_remedy(
			e, "give a --to that is not before --from; it includes the month or day that it names");
		return RC_USAGE;
	}
	run->predicates[run->request.n_predicates++] = (struct predicate){.kind = PREDICATE_TIME,
		.from_ms = run->from_ms == TIME_NONE ? INT64_MIN : run->from_ms,
		.to_ms = run->to_ms == TIME_NONE ? INT64_MAX : run->to_ms};
	return RC_OK;
}

static enum rc open_filters(struct run *run, struct err *e)
{
	const struct query *q = run->query;
	run->result->where = arena_array(run->arena, q->n_where + 1, sizeof(struct sv));
	if (!run->result->where)
		return err_set(e, RC_NOMEM, "out of memory for filters");
	for (uint32_t i = 0; i < q->n_where; i++) {
		struct filter_node *node;
		struct err local = ERR_NONE;
		enum rc rc = filter_parse(run, q->where[i], &node, &local);
		if (rc == RC_OK)
			rc = filter_add(run, node, &local);
		if (rc != RC_OK) {
			err_set(e, rc, "--where “%.*s”: %s", SV_ARG(q->where[i]), local.message);
			if (local.remedy[0])
				err_remedy(e, "%s", local.remedy);
			return rc;
		}
		run->result->where[run->result->n_where++] = arena_copy(run->arena, q->where[i]);
	}
	for (uint32_t i = 0; i < run->request.n_predicates; i++)
		run->result->of_person |= run->predicates[i].kind == PREDICATE_PERSON;
	return RC_OK;
}

enum rc run_open(struct snapshot *sn, const struct query *q, struct run **out, struct err *e)
{
	*out = NULL;
	const struct analysis *analysis = analysis_find(q->analysis);
	return analysis ? run_open_as(sn, q, analysis, out, e) : unknown_analysis(q->analysis, e);
}

enum rc run_open_as(struct snapshot *sn, const struct query *q, const struct analysis *analysis,
	struct run **out, struct err *e)
{
	*out = NULL;
	struct arena *scratch = arena_new(SCRATCH_BYTES_MAX);
	struct run *run = scratch ? arena_alloc(scratch, sizeof(*run)) : NULL;
	if (!run) {
		arena_free(&scratch);
		return err_set(e, RC_NOMEM, "out of memory for a question");
	}
	run->scratch = scratch;
	run->analysis = analysis;
	run->columns = analysis->columns;
	run->n_columns = analysis->n_columns;
	run->query = q;
	run->snapshot = sn;
	run->design = snapshot_design(sn);
	run->names = snapshot_names(sn);
	snapshot_stats(sn, &run->stats);
	run->request.ordered = analysis->ordered;
	run->request.all_rows = analysis->all_rows;
	run->request.predicates = run->predicates;
	struct err local = ERR_NONE;
	enum rc rc = result_new(run, &local);
	if (rc == RC_OK)
		rc = open_period(run, &local); // first: what persons are is as of its end
	if (rc == RC_OK)
		rc = params_parse(run, &local);
	if (rc == RC_OK)
		rc = open_filters(run, &local);
	if (rc == RC_OK)
		rc = grouping_open(run, &local);
	if (rc == RC_OK)
		rc = rows_open(run, &local);
	if (rc == RC_OK && analysis->prepare)
		rc = analysis->prepare(run, &local);
	if (run->person_fields)
		run->request.ordered = run->request.all_rows = true;
	if (rc != RC_OK) {
		run_close(&run);
		return err_take(e, &local);
	}
	*out = run;
	return RC_OK;
}

void run_close(struct run **p)
{
	struct run *run = *p;
	if (!run)
		return;
	grouping_close(run);
	rows_close(run);
	result_free(&run->result);
	struct arena *scratch = run->scratch;
	arena_free(&scratch);
	*p = NULL;
}

void run_want_code(struct run *run, enum code_column column)
{
	struct scan_columns *want = &run->request.columns;
	if (column >= CODE_DIMENSION0 && column < CODE_COLUMNS) {
		want->dimensions |= 1u << (column - CODE_DIMENSION0);
		return;
	}
	want->touchpoint |= column == CODE_TOUCHPOINT;
	want->channel |= column == CODE_CHANNEL;
	want->event |= column == CODE_EVENT;
	want->source |= column == CODE_SOURCE;
	want->agent |= column == CODE_AGENT;
	want->location |= column == CODE_LOCATION;
}

bool run_want_measure(struct run *run, uint32_t measure)
{
	uint32_t slot = names_measure_slot(run->names, run->design, measure);
	if (slot >= DESIGN_MEASURES_MAX)
		return false;
	run->request.columns.measures |= UINT64_C(1) << slot;
	return true;
}

bool run_can_narrow(const struct run *run)
{
	return !run->residual && !run->person_fields;
}

void run_narrow_to_measures(struct run *run)
{
	uint64_t slots = run->request.columns.measures;
	uint32_t n = (uint32_t)__builtin_popcountll(slots);
	struct predicate *interest = run_can_narrow(run) && n > 0 && n <= INTEREST_MAX
					     ? arena_array(run->scratch, n, sizeof(*interest))
					     : NULL;
	if (!interest)
		return; // what follows is right without, only slower
	n = 0;
	for (; slots; slots &= slots - 1)
		interest[n++] = (struct predicate){.kind = PREDICATE_MEASURE,
			.measure_slot = (uint32_t)__builtin_ctzll(slots),
			.min = (double)-INFINITY,
			.max = (double)INFINITY};
	run->request.interest = interest;
	run->request.n_interest = n;
}

const struct sparse_values *run_measure(const struct run *run, const struct span *span, uint32_t measure)
{
	static const struct sparse_values none;
	uint32_t slot = names_measure_slot(run->names, run->design, measure);
	return slot < DESIGN_MEASURES_MAX && span->measures ? &span->measures[slot] : &none;
}

void run_note(struct run *run, const char *format, ...)
{
	struct result *r = run->result;
	char text[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	// Few notes, so the array is copied at each doubling within the arena.
	if (r->n_notes == run->n_notes_capacity) {
		size_t capacity = run->n_notes_capacity ? 2 * run->n_notes_capacity : 8;
		struct sv *notes = arena_array(run->arena, capacity, sizeof(*notes));
		if (!notes) {
			err_set(&run->note_error, RC_NOMEM, "out of memory for notes");
			return;
		}
		if (r->n_notes)
			memcpy(notes, r->notes, r->n_notes * sizeof(*notes));
		r->notes = notes;
		run->n_notes_capacity = capacity;
	}
	struct sv copy = arena_copy(run->arena, sv_from(text));
	if (!copy.ptr) {
		err_set(&run->note_error, RC_NOMEM, "out of memory for notes");
		return;
	}
	for (uint32_t i = 0; i < r->n_notes; i++)
		if (sv_equal(r->notes[i], copy))
			return; // a second finish says the same again
	r->notes[r->n_notes++] = copy;
}

struct sv run_time_text(struct run *run, int64_t at_ms)
{
	char text[64];
	return arena_copy(run->arena, sv_from(tz_format(run->design->tz, at_ms, text)));
}

// --- lanes ---

void lane_masks_free(struct lane *lane)
{
	for (uint32_t i = 0; i < lane->n_masks; i++)
		mem_free(lane->masks[i]);
	mem_free(lane->masks);
	lane->masks = NULL;
	lane->n_masks = 0;
	person_values_free(&lane->persons);
}

static void lane_free(void *context, void *state)
{
	struct run *run = context;
	struct lane *lane = state;
	if (!lane)
		return;
	if (lane->state)
		run->analysis->state_free(run, lane->state);
	lane_masks_free(lane);
	mem_free(lane->keep_scratch);
	mem_free(lane->group);
	mem_free(lane->group_rows);
	group_cache_free(&lane->cache);
	mem_free(lane);
}

static void *lane_new(void *context)
{
	struct run *run = context;
	struct lane *lane = mem_calloc(1, sizeof(*lane));
	if (!lane)
		return NULL;
	lane->run = run;
	lane->cache = group_cache_new(run);
	lane->state = run->analysis->state_new(run);
	if (lane->cache && lane->state)
		return lane;
	lane_free(run, lane);
	return NULL;
}

uint8_t *lane_mask(struct lane *lane, uint32_t slot, struct err *e)
{
	uint32_t n = lane->span->n ? lane->span->n : 1;
	if (n > lane->mask_rows_capacity) { // a larger span than before: all masks anew
		for (uint32_t i = 0; i < lane->n_masks; i++) {
			mem_free(lane->masks[i]);
			lane->masks[i] = NULL;
		}
		lane->mask_rows_capacity = n;
	}
	if (slot >= lane->n_masks) {
		uint8_t **masks = mem_realloc(lane->masks, (slot + 1) * sizeof(*masks));
		if (masks) {
			memset(masks + lane->n_masks, 0, (slot + 1 - lane->n_masks) * sizeof(*masks));
			lane->masks = masks;
			lane->n_masks = slot + 1;
		}
	}
	if (slot < lane->n_masks && !lane->masks[slot])
		lane->masks[slot] = mem_alloc(lane->mask_rows_capacity);
	if (slot >= lane->n_masks || !lane->masks[slot]) {
		err_set(e, RC_NOMEM, "out of memory for a filter");
		return NULL;
	}
	return lane->masks[slot];
}

static uint32_t count_kept(const uint8_t *keep, uint32_t n)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < n; i++)
		kept += keep[i];
	return kept;
}

// Slot 7 belongs to the lane: the filters' own mask has to outlive those that an analysis evaluates.
#define KEEP_MASK 7u

enum rc lane_filter(struct lane *lane, struct err *e)
{
	const struct span *span = lane->span;
	person_values_forget(lane->persons);
	lane->keep = span->keep;
	lane->n_keep = span->keep ? span->n_keep : span->n;
	if (!lane->run->residual)
		return RC_OK;
	uint8_t *mask = lane_mask(lane, KEEP_MASK, e);
	if (!mask)
		return RC_NOMEM;
	enum rc rc = filter_mask(lane, lane->run->residual, mask, e);
	if (rc != RC_OK)
		return rc;
	for (uint32_t i = 0; span->keep && i < span->n; i++)
		mask[i] &= span->keep[i];
	lane->keep = mask;
	lane->n_keep = count_kept(mask, span->n);
	return RC_OK;
}

static enum rc lane_add(void *context, void *state, const struct span *span, struct err *e)
{
	struct run *run = context;
	struct lane *lane = state;
	lane->span = span;
	lane->group_ready = false;
	lane->n += span->n_left_out;
	if (span->n == 0)
		return RC_OK;
	enum rc rc = lane_filter(lane, e);
	if (rc != RC_OK)
		return rc;
	lane->n += lane->n_keep;
	if (lane->n_keep == 0 && !run->analysis->all_rows)
		return RC_OK;
	return run->analysis->add(lane, lane->state, span, e);
}

static enum rc lane_merge(void *context, void *into, void *from, struct err *e)
{
	struct run *run = context;
	struct lane *a = into, *b = from;
	a->n += b->n;
	return run->analysis->merge(run, a->state, b->state, e);
}

// --- running ---

static enum rc fold_to_limit(struct run *run, void *state, struct err *e)
{
	uint32_t limit = run->query->limit, n = run_groups(run);
	if (!limit || rows_count(run) <= limit || !run->analysis->fold)
		return RC_OK;
	uint32_t *to = arena_array(run->scratch, n, sizeof(*to));
	if (!to)
		return err_set(e, RC_NOMEM, "out of memory for groups");
	bool cut;
	enum rc rc = rows_cut(run, limit, to, n, &cut, e);
	if (rc != RC_OK || !cut)
		return rc;
	rc = run->analysis->fold(run, state, to, n, e);
	if (rc != RC_OK)
		return rc;
	rows_clear(run);
	rc = run->analysis->finish(run, state, e);
	return rc == RC_OK ? rows_sort(run, e) : rc;
}

static enum rc run_rows(struct run *run, void *state, struct err *e)
{
	enum rc rc = run->analysis->finish(run, state, e);
	if (rc == RC_OK)
		rc = rows_sort(run, e);
	if (rc == RC_OK)
		rc = fold_to_limit(run, state, e);
	if (rc == RC_OK)
		rc = rows_finish(run, run->analysis->fold ? 0 : run->query->limit, e);
	return rc == RC_OK ? err_take(e, &run->note_error) : rc;
}

enum rc query_run(struct snapshot *sn, const struct query *q, struct result **out, struct err *e)
{
	static const struct kernel lanes = {
		.state_new = lane_new, .add = lane_add, .merge = lane_merge, .state_free = lane_free};
	struct err local = ERR_NONE;
	struct run *run;
	*out = NULL;
	if (run_open(sn, q, &run, &local) != RC_OK)
		return err_take(e, &local);
	struct kernel kernel = lanes;
	kernel.context = run;
	kernel.large_state = run->analysis->large_state;
	void *state = NULL;
	enum rc rc = snapshot_scan(
		sn, &run->request, &kernel, q->threads ? q->threads : pool_cpus(), &state, &local);
	if (rc == RC_OK) {
		struct lane *lane = state;
		run->n = run->result->n = lane->n;
		rc = run_rows(run, lane->state, &local);
	}
	// A text that did not fit would be an absent one in the answer.
	if (rc == RC_OK && (arena_refused(run->arena) || arena_refused(run->scratch)))
		rc = err_set(&local, RC_NOMEM, "out of memory for the answer");
	lane_free(run, state);
	if (rc == RC_OK) {
		*out = run->result;
		run->result = NULL;
	}
	run_close(&run);
	return rc == RC_OK ? RC_OK : err_take(e, &local);
}

void result_free(struct result **r)
{
	if (!*r)
		return;
	struct arena *a = (*r)->arena;
	*r = NULL;
	arena_free(&a);
}
