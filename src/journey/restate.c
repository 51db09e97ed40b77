// SPDX-License-Identifier: Apache-2.0
// Adopting a new design: the past is matched and its dimensions are lifted anew, from what is stored.
//
//   seal the inbox → rewrite every segment in which something changes → one transaction: new names, segments swapped,
//   the new version of the design
//
// Readers see the old design with the old touch points or the new with the new. A crash before the commit leaves
// files that nobody names. Order, ids and everything but codes of touch point and dimensions stay as they are.
//
// A path (properties.x) is read from the properties as they were received. Where an interaction came without
// properties, a dimension of the old design that was lifted from the same path stands in for them.
#include "base/json.h"
#include "base/mem.h"
#include "journey/merge.h"
#include "journey/overlay.h"

enum { REPORT_ROWS = 16384 };

struct restater {
	const struct design *old, *new;
	const struct names *names;
	struct json_parser *json;
	uint32_t path_slot[DESIGN_PATHS_MAX]; // dimension slot that held this path so far; UINT32_MAX: none
	uint32_t dimension_slot[DESIGN_DIMENSIONS_MAX]; // of the new design's dimensions; UINT32_MAX: none yet
	char (*scratch)[32];                            // of numbers, per path
	struct interaction x;
};

static void restater_free(struct restater **restater)
{
	struct restater *r = *restater;
	if (!r)
		return;
	json_parser_free(&r->json);
	mem_free(r->scratch);
	mem_free(r);
	*restater = NULL;
}

// Slots are looked up again when a name was given out (restate_codes).
static void find_slots(struct restater *r)
{
	for (uint32_t i = 0; i < r->new->n_dimensions; i++)
		r->dimension_slot[i] = names_dimension_slot(r->names, r->new, i);
}

static struct restater *restater_new(
	const struct design *old, const struct design *new, const struct names *names, struct err *e)
{
	struct restater *r = mem_calloc(1, sizeof(*r));
	if (r) {
		r->json = json_parser_new(TEXT_BYTES_MAX + 64);
		r->scratch = mem_calloc(DESIGN_PATHS_MAX, sizeof(*r->scratch));
	}
	if (!r || !r->json || !r->scratch) {
		restater_free(&r);
		err_set(e, RC_NOMEM, "out of memory restating the past");
		return NULL;
	}
	r->old = old;
	r->new = new;
	r->names = names;
	for (uint32_t i = 0; i < new->n_paths; i++) {
		r->path_slot[i] = UINT32_MAX;
		for (uint32_t k = 0; k < old->n_dimensions; k++)
			if (sv_equal(old->paths[old->dimension_path[k]], new->paths[i]))
				r->path_slot[i] = names_dimension_slot(names, old, k);
	}
	find_slots(r);
	return r;
}

// "properties.a.b": the member of that very name, else a look inside.
static struct json_node property(struct json_node root, struct sv path)
{
	static const struct sv prefix = {"properties.", 11};
	struct sv name =
		sv_starts(path, prefix) ? (struct sv){path.ptr + prefix.len, path.len - prefix.len} : path;
	struct json_node node = json_get(root, name);
	return node.type == JSON_NONE ? json_path(root, name) : node;
}

static enum rc find_paths(struct restater *r, const struct row *row, struct err *e)
{
	struct json_node root = {.type = JSON_NONE};
	bool received = row->cold[COLD_PROPERTIES].ptr != NULL;
	enum rc rc = RC_OK;
	if (received && r->new->n_paths > 0)
		rc = json_parse(r->json, row->cold[COLD_PROPERTIES], &root, e);
	if (rc != RC_OK)
		return rc;
	for (uint32_t i = 0; i < r->new->n_paths; i++) {
		uint32_t slot = r->path_slot[i];
		r->x.paths[i] = SV_NONE;
		if (received)
			r->x.paths[i] = json_text(property(root, r->new->paths[i]), r->scratch[i]);
		else if (slot != UINT32_MAX)
			r->x.paths[i] = names_at(r->names, (enum name_kind)(NAME_DIMENSION0 + slot),
				row->code[CODE_DIMENSION0 + slot]);
	}
	return RC_OK;
}

// Touch point and dimensions of a row under the new design, in r->x.
static enum rc resolve_row(struct restater *r, const struct row *row, struct err *e)
{
	struct interaction *x = &r->x;
	x->event = names_at(r->names, NAME_EVENT, row->code[CODE_EVENT]);
	x->source = names_at(r->names, NAME_SOURCE, row->code[CODE_SOURCE]);
	x->channel = names_at(r->names, NAME_CHANNEL, row->code[CODE_CHANNEL]);
	x->agent = names_at(r->names, NAME_AGENT, row->code[CODE_AGENT]);
	x->location = names_at(r->names, NAME_LOCATION, row->code[CODE_LOCATION]);
	enum rc rc = find_paths(r, row, e);
	if (rc != RC_OK)
		return rc;
	design_resolve(r->new, x);
	// What no batch would have taken stays absent.
	for (uint32_t i = 0; i < r->new->n_dimensions; i++)
		if (x->dimensions[i].len > NAME_BYTES_MAX)
			x->dimensions[i] = SV_NONE;
	return RC_OK;
}

static struct sv new_touchpoint(const struct restater *r)
{
	return r->x.touchpoint == TOUCHPOINT_NONE ? SV_NONE : r->new->touchpoints[r->x.touchpoint].name;
}

static bool row_changes(const struct restater *r, const struct row *row)
{
	if (!sv_equal(names_at(r->names, NAME_TOUCHPOINT, row->code[CODE_TOUCHPOINT]), new_touchpoint(r)))
		return true;
	for (uint32_t i = 0; i < r->new->n_dimensions; i++) {
		uint32_t slot = r->dimension_slot[i];
		struct sv before = SV_NONE;
		if (slot != UINT32_MAX)
			before = names_at(r->names, (enum name_kind)(NAME_DIMENSION0 + slot),
				row->code[CODE_DIMENSION0 + slot]);
		if (!sv_equal(before, r->x.dimensions[i]))
			return true;
	}
	return false;
}

// The codes of the changed row, with names given out as needed.
static enum rc restate_codes(struct restater *r, struct names *names, struct row *row, struct err *e)
{
	enum rc rc = RC_OK;
	row->code[CODE_TOUCHPOINT] = NAME_NONE;
	if (r->x.touchpoint != TOUCHPOINT_NONE)
		rc = names_code(names, NAME_TOUCHPOINT, new_touchpoint(r), &row->code[CODE_TOUCHPOINT], e);
	for (uint32_t i = 0; rc == RC_OK && i < r->new->n_dimensions; i++) {
		struct sv value = r->x.dimensions[i];
		uint32_t code;
		if (value.len > 0 && r->dimension_slot[i] == UINT32_MAX) {
			rc = names_code(names, NAME_DIMENSION, r->new->dimensions[i], &code, e);
			find_slots(r);
		}
		uint32_t slot = r->dimension_slot[i];
		if (rc != RC_OK || slot == UINT32_MAX)
			continue;
		row->code[CODE_DIMENSION0 + slot] = NAME_NONE;
		if (value.len > 0)
			rc = names_code(names, (enum name_kind)(NAME_DIMENSION0 + slot), value,
				&row->code[CODE_DIMENSION0 + slot], e);
	}
	return rc;
}

// --- rewriting ---

struct adoption {
	struct store *store;
	struct restater *restater;
	struct segment_list segments; // the catalogue as it was
	struct segment_draft *drafts; // one per segment; ref NULL: nothing changes in it
	uint64_t n_changed, n_rows_done;
	struct progress *progress;
};

static enum rc rewrite_rows(struct adoption *a, const struct segment *from, struct segment_writer *w,
	uint64_t *n_changed, struct err *e)
{
	struct segment_rows *rows = NULL;
	const struct row *row = NULL;
	enum rc rc = segment_rows_open(from, &rows, e);
	while (rc == RC_OK && (rc = segment_rows_next(rows, &row, e)) == RC_OK && row) {
		struct row changed;
		rc = resolve_row(a->restater, row, e);
		if (rc == RC_OK && row_changes(a->restater, row)) {
			(*n_changed)++;
			changed = *row;
			rc = restate_codes(a->restater, a->store->names, &changed, e);
			row = &changed;
		}
		if (rc == RC_OK)
			rc = segment_writer_add(w, row, e);
		if (++a->n_rows_done % REPORT_ROWS == 0)
			progress_update(a->progress, a->n_rows_done, a->n_rows_done);
	}
	segment_rows_close(&rows);
	return rc;
}

static enum rc rewrite_segment(struct adoption *a, size_t i, struct err *e)
{
	struct segment_ref *old = a->segments.items[i];
	struct segment_draft *d = &a->drafts[i];
	uint64_t n_changed = 0;
	enum rc rc = draft_new(a->store, d, e);
	d->epoch = old->entry.epoch; // what is pending stays so
	if (rc == RC_OK)
		rc = rewrite_rows(a, old->segment, d->writer, &n_changed, e);
	if (rc != RC_OK)
		return rc;
	if (n_changed == 0) {
		draft_drop(a->store, d, true);
		return RC_OK;
	}
	a->n_changed += n_changed;
	rc = segment_ids_copy(old->segment, d->writer, e);
	return rc == RC_OK ? draft_finish(a->store, d, old->entry.ordinal, e) : rc;
}

static enum rc rewrite_all(struct adoption *a, struct err *e)
{
	enum rc rc = catalogue_copy(a->store, &a->segments, e);
	if (rc != RC_OK)
		return rc;
	a->drafts = mem_calloc(a->segments.n, sizeof(*a->drafts));
	if (!a->drafts)
		return err_set(e, RC_NOMEM, "out of memory restating the past");
	uint64_t bytes = 0;
	for (size_t i = 0; i < a->segments.n; i++)
		bytes += a->segments.items[i]->entry.info.bytes;
	rc = space_for_rewrite(a->store, bytes, "restating the past", e);
	for (size_t i = 0; rc == RC_OK && i < a->segments.n; i++)
		rc = rewrite_segment(a, i, e);
	return rc == RC_OK ? catalogue_reserve(a->store, e) : rc;
}

static enum rc swap_rows(struct adoption *a, struct err *e)
{
	enum rc rc = RC_OK;
	for (size_t i = 0; rc == RC_OK && i < a->segments.n; i++) {
		if (!a->drafts[i].ref)
			continue;
		rc = catalogue_delete(a->store->db, a->segments.items[i]->entry.id, e);
		if (rc == RC_OK)
			rc = catalogue_insert(a->store->db, &a->drafts[i].ref->entry, e);
	}
	return rc;
}

static enum rc commit_adoption(
	struct adoption *a, const struct design_entry *entry, struct sv who, struct sv text, struct err *e)
{
	struct store *s = a->store;
	enum rc rc = db_begin(s->db, e);
	if (rc == RC_OK)
		rc = names_save(s->db, s->names, s->names_saved, e);
	if (rc == RC_OK)
		rc = swap_rows(a, e);
	if (rc == RC_OK)
		rc = designs_insert(
			s->db, entry->version, s->clock->now_ms(s->clock), who, entry->design->hash, text, e);
	if (rc == RC_OK)
		rc = db_commit(s->db, e);
	if (rc != RC_OK)
		db_rollback(s->db);
	return rc;
}

static void take_over(struct adoption *a)
{
	for (size_t i = 0; i < a->segments.n; i++) {
		struct segment_draft *d = &a->drafts[i];
		if (!d->ref)
			continue;
		int64_t old = a->segments.items[i]->entry.id;
		catalogue_swap(a->store, old, 1, d->ref);
		d->ref = NULL;
		catalogue_unlink(a->store, old);
	}
	names_counts(a->store->names, a->store->names_saved);
}

static enum rc restate_and_commit(struct adoption *a, struct design_entry *entry, bool restate, struct sv who,
	struct sv text, struct err *e)
{
	struct store *s = a->store;
	bool committing = false;
	enum rc rc = RC_OK;
	if (restate) {
		a->restater = restater_new(s->current->design, entry->design, s->names, e);
		rc = a->restater ? seal_rotate(s, true, e) : RC_NOMEM;
		if (rc == RC_OK)
			rc = rewrite_all(a, e);
	}
	if (rc == RC_OK) {
		committing = true;
		rc = commit_adoption(a, entry, who, text, e);
	}
	if (rc == RC_OK)
		take_over(a);
	else
		s->stale = true;
	for (size_t i = 0; a->drafts && i < a->segments.n; i++)
		if (rc != RC_OK)
			draft_drop(s, &a->drafts[i], !committing);
	mem_free(a->drafts);
	segment_list_release(s, &a->segments);
	restater_free(&a->restater);
	return rc;
}

static enum rc adopt(struct store *s, struct design_entry *entry, struct sv text, struct sv who,
	uint64_t *n_changed, struct progress *progress, struct err *e)
{
	struct arena *arena = arena_new(64u << 20);
	if (!arena)
		return err_set(e, RC_NOMEM, "out of memory comparing designs");
	struct design_changes changes = {0};
	struct adoption a = {.store = s, .progress = progress};
	enum rc rc = design_diff(s->current->design, entry->design, arena, &changes, e);
	if (rc == RC_OK)
		rc = restate_and_commit(
			&a, entry, changes.matching_changed || changes.lifting_changed, who, text, e);
	arena_free(&arena);
	*n_changed = rc == RC_OK ? a.n_changed : 0;
	return rc;
}

enum rc store_design_adopt(struct store *s, struct sv text, const char *file_name, struct sv who,
	uint64_t *n_changed, struct progress *progress, struct err *e)
{
	*n_changed = 0;
	enum rc rc = store_must_write(s, e);
	if (rc != RC_OK)
		return rc;
	struct design_entry *entry = mem_calloc(1, sizeof(*entry));
	if (!entry)
		return err_set(e, RC_NOMEM, "out of memory for a design");
	rc = design_parse(text, file_name, &entry->design, NULL, e);
	pthread_mutex_lock(&s->append_mu);
	bool same = rc == RC_OK && entry->design->hash == s->current->design->hash;
	if (rc == RC_OK)
		rc = store_reload(s, e);
	if (rc == RC_OK)
		rc = seal_wait(s, e);
	compact_lock(s);
	if (rc == RC_OK && !same) {
		entry->version = s->current->version + 1;
		rc = adopt(s, entry, text, who, n_changed, progress, e);
	}
	if (rc == RC_OK && !same) {
		designs_adopt(s, entry);
	} else {
		design_free(&entry->design);
		mem_free(entry);
	}
	pthread_mutex_unlock(&s->compact_mu);
	pthread_mutex_unlock(&s->append_mu);
	return rc;
}

// --- dry run ---

// The expectations of a design and how many interactions each of them scores.
struct scoring {
	const struct design *design;
	uint64_t bit[DESIGN_MEASURES_MAX]; // of the slot that holds a measure; 0: no value of it is stored
	uint64_t *n;                       // by expectation
};

struct dry_run {
	struct restater *restater;
	struct scoring before, after;
	uint64_t n_carrying[DESIGN_MEASURES_MAX]; // by slot
	struct restate_count *out;
};

static enum rc scoring_open(struct scoring *s, const struct design *d, const struct names *names,
	struct arena *a, uint64_t **n, struct err *e)
{
	s->design = d;
	s->n = *n = arena_array(a, (size_t)d->n_expectations + 1, sizeof(*s->n));
	if (!s->n)
		return err_set(e, RC_NOMEM, "out of memory for the comparison");
	for (uint32_t i = 0; i < d->n_measures; i++) {
		uint32_t slot = names_measure_slot(names, d, i);
		s->bit[i] = slot < DESIGN_MEASURES_MAX ? UINT64_C(1) << slot : 0;
	}
	return RC_OK;
}

static void scoring_add(struct scoring *s, uint32_t touchpoint, uint64_t carried)
{
	if (touchpoint == DESIGN_NONE)
		return;
	const struct design_touchpoint *t = &s->design->touchpoints[touchpoint];
	for (uint32_t i = t->first_expectation; i < t->first_expectation + t->n_expectations; i++)
		s->n[i] += (carried & s->bit[s->design->expectations[i].measure]) != 0;
}

static enum rc count_row(struct dry_run *d, const struct row *row, struct err *e)
{
	const struct restater *r = d->restater;
	enum rc rc = resolve_row(d->restater, row, e);
	if (rc != RC_OK)
		return rc;
	uint64_t carried = 0;
	for (uint32_t i = 0; i < row->n_measures; i++) {
		carried |= UINT64_C(1) << row->measures[i].slot;
		d->n_carrying[row->measures[i].slot]++;
	}
	d->out->n_interactions++;
	d->out->n_moved += row_changes(r, row);
	struct sv now = names_at(r->names, NAME_TOUCHPOINT, row->code[CODE_TOUCHPOINT]);
	if (carried && now.len > 0)
		scoring_add(&d->before, design_touchpoint_find(d->before.design, now), carried);
	if (carried && r->x.touchpoint != TOUCHPOINT_NONE)
		scoring_add(&d->after, r->x.touchpoint, carried);
	return RC_OK;
}

static enum rc count_segment(
	struct dry_run *d, const struct overlays *o, int64_t epoch, const struct segment *from, struct err *e)
{
	struct segment_rows *rows = NULL;
	const struct row *row = NULL;
	enum rc rc = segment_rows_open(from, &rows, e);
	while (rc == RC_OK && (rc = segment_rows_next(rows, &row, e)) == RC_OK && row)
		if (overlays_row_there(o, row, epoch))
			rc = count_row(d, row, e);
	segment_rows_close(&rows);
	return rc;
}

static enum rc count_segments(struct dry_run *d, const struct snapshot *sn, struct err *e)
{
	const struct snapshot_segments *segments = snapshot_segments(sn);
	enum rc rc = RC_OK;
	for (uint32_t i = 0; rc == RC_OK && i < segments->n; i++) {
		if (segments->view && segments->view->segment && i == segments->view_at)
			continue; // the rows are in the others, too
		rc = count_segment(d, segments->overlays, segments->epochs[i], segments->items[i], e);
	}
	return rc;
}

enum rc store_design_dry_run(struct store *s, const struct design *before, const struct design *after,
	struct arena *a, struct restate_count *out, struct err *e)
{
	struct snapshot *sn = NULL;
	struct dry_run d = {.out = out};
	*out = (struct restate_count){.before = before, .after = after};
	out->n_carrying = arena_array(a, (size_t)after->n_measures + 1, sizeof(*out->n_carrying));
	if (!out->n_carrying)
		return err_set(e, RC_NOMEM, "out of memory for the comparison");
	enum rc rc = snapshot_open(s, &sn, e);
	if (rc != RC_OK)
		return rc;
	const struct names *names = snapshot_names(sn);
	rc = scoring_open(&d.before, before, names, a, &out->n_scored_before, e);
	if (rc == RC_OK)
		rc = scoring_open(&d.after, after, names, a, &out->n_scored_after, e);
	if (rc == RC_OK) {
		d.restater = restater_new(snapshot_design(sn), after, names, e);
		rc = d.restater ? count_segments(&d, sn, e) : RC_NOMEM;
	}
	for (uint32_t i = 0; rc == RC_OK && i < after->n_measures; i++)
		if (d.after.bit[i])
			out->n_carrying[i] = d.n_carrying[__builtin_ctzll(d.after.bit[i])];
	restater_free(&d.restater);
	snapshot_close(&sn);
	return rc;
}

// "expectation on-time" → "on-time"; SV_NONE when it is about something else.
static struct sv name_after(struct sv what, struct sv kind)
{
	return sv_starts(what, kind) ? (struct sv){what.ptr + kind.len, what.len - kind.len} : SV_NONE;
}

static uint32_t expectation_find(const struct design *d, struct sv touchpoint, struct sv name)
{
	uint32_t at = design_touchpoint_find(d, touchpoint);
	const struct design_touchpoint *t = at == DESIGN_NONE ? NULL : &d->touchpoints[at];
	for (uint32_t i = 0; t && i < t->n_expectations; i++)
		if (sv_equal(d->expectations[t->first_expectation + i].name, name))
			return t->first_expectation + i;
	return DESIGN_NONE;
}

enum restate_effect restate_effect_of(
	const struct restate_count *count, const struct design_change *change, uint64_t *n)
{
	bool removed = change->kind == CHANGE_REMOVED;
	struct sv name = name_after(change->what, SV("expectation "));
	if (name.ptr && change->touchpoint.len > 0) {
		const struct design *d = removed ? count->before : count->after;
		uint32_t i = expectation_find(d, change->touchpoint, name);
		if (i == DESIGN_NONE)
			return RESTATE_NONE;
		*n = removed ? count->n_scored_before[i] : count->n_scored_after[i];
		return removed ? RESTATE_UNSCORED : RESTATE_RESCORED;
	}
	name = name_after(change->what, SV("measure "));
	uint32_t i = name.ptr && change->kind == CHANGE_CHANGED && change->touchpoint.len == 0
			     ? design_measure_find(count->after, name)
			     : DESIGN_NONE;
	if (i == DESIGN_NONE)
		return RESTATE_NONE;
	*n = count->n_carrying[i];
	return RESTATE_CARRIED;
}

const char *restate_effect_name(enum restate_effect effect)
{
	static const char *const names[] = {[RESTATE_RESCORED] = "rescored",
		[RESTATE_UNSCORED] = "unscored",
		[RESTATE_CARRIED] = "carried"};
	return names[effect];
}
