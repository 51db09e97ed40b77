// SPDX-License-Identifier: Apache-2.0
// Ordered scans. Every segment is a lane that yields its persons in ascending order; a batch takes persons, lowest
// first, from all lanes that have them, until it has about SPAN_ROWS rows:
//   section  all lanes' persons up to a key, chosen so that their rows fit; each lane's are consecutive rows, one piece
//   entries  a person in a lane of the section; the lanes' lists are merged by (person, lane)
//   runs     what follows one another in the answer and in the stage too: neighbours of one lane are one run
// A person whom a section cannot take (the last of a chunk, who may go on in the next; one with more rows than fit)
// is taken alone. If one lane contributed, the stage is the answer as it is; otherwise cursor_gather.c copies the runs.
//
// Invariants: a person is never split over batches; rows of equal time stay in order of segment, then position; pieces
// are in the order of the stage's rows.
#include "base/mem.h"
#include "journey/cursor.h"
#include "journey/overlay.h"

#define CROWD 4u // a lane with all but one in so many of a section's persons is not merged person by person

// Finds the lane's next person at or after its position, going on to the next chunks.
static enum rc lane_seek(struct cursor *c, struct lane *l, struct err *e)
{
	const struct segment *s = c->segments->items[l->segment];
	for (;; l->chunk++, l->person = 0) {
		if (l->chunk == s->info.n_chunks || s->chunks[l->chunk].first_person > c->hi) {
			l->done = true;
			return RC_OK;
		}
		const struct segment_chunk *chunk = &s->chunks[l->chunk];
		if (!c->request.all_rows && !filter_chunk_possible(c, l->segment, l->chunk)) {
			c->stats.chunks_skipped++;
			continue;
		}
		enum rc rc = segment_touch(s, l->chunk, segment_column_always(chunk, COLUMN_PERSON), e);
		if (!rc)
			rc = segment_touch(s, l->chunk, segment_column_always(chunk, COLUMN_START), e);
		if (rc)
			return rc;
		c->stats.chunks_read++;
		l->persons = chunk_persons(s, chunk);
		l->starts = chunk_starts(s, chunk);
		l->n_persons = chunk->n_persons;
		if (chunk->first_person < c->lo)
			l->person = chunk_person_find(s, chunk, c->lo);
		if (l->person == l->n_persons)
			continue;
		l->key = l->persons[l->person];
		l->done = l->key > c->hi;
		return RC_OK;
	}
}

// Goes to the first hidden person ≥ the lane's key that is hidden in its segment.
static void hidden_advance(const struct cursor *c, struct lane *l)
{
	const struct overlay_plan *p = &c->segments->view->plan;
	int64_t epoch = c->segments->epochs[l->segment];
	l->hidden = hidden_find(p->hidden, p->n_hidden, l->hidden, l->key);
	while (l->hidden < p->n_hidden && epoch >= p->hidden[l->hidden].before)
		l->hidden++;
	l->any_hidden = l->hidden < p->n_hidden;
	l->next_hidden = l->any_hidden ? p->hidden[l->hidden].person : 0;
}

// Passes over hidden persons at the lane's position.
static enum rc lane_pass(struct cursor *c, struct lane *l, struct err *e)
{
	while (!l->done && l->any_hidden && l->key >= l->next_hidden) {
		if (l->key > l->next_hidden) {
			hidden_advance(c, l);
			continue;
		}
		if (++l->person < l->n_persons) {
			l->key = l->persons[l->person];
			l->done = l->key > c->hi;
			continue;
		}
		l->chunk++;
		l->person = 0;
		enum rc rc = lane_seek(c, l, e);
		if (rc)
			return rc;
	}
	return RC_OK;
}

// Places the lane on its first person.
static enum rc lane_load(struct cursor *c, struct lane *l, struct err *e)
{
	enum rc rc = lane_seek(c, l, e);
	if (rc || l->done || !c->segments->view)
		return rc;
	hidden_advance(c, l);
	return lane_pass(c, l, e);
}

enum rc order_open(struct cursor *c, struct err *e)
{
	struct order *o = &c->order;
	o->lanes = mem_calloc(c->segments->n, sizeof *o->lanes);
	o->cut = mem_calloc(c->segments->n + 1u, sizeof *o->cut);
	if (!o->lanes || !o->cut)
		return err_set(e, RC_NOMEM, "out of memory for a scan");
	for (uint32_t i = 0; i < c->segments->n; i++) {
		struct lane *l = &o->lanes[o->n_lanes];
		*l = (struct lane){.segment = i, .chunk = segment_chunk_find(c->segments->items[i], c->lo)};
		enum rc rc = lane_load(c, l, e);
		if (rc)
			return rc;
		o->n_lanes += !l->done;
	}
	return RC_OK;
}

void order_free(struct order *o)
{
	mem_free(o->lanes);
	mem_free(o->cut);
	mem_free(o->entries);
	mem_free(o->person);
	mem_free(o->person_start);
	mem_free(o->runs);
	mem_free(o->shared);
	mem_free(o->merged);
	mem_free(o->parts);
	mem_free(o->next);
	stage_free(&o->out);
}

static enum rc scan_nomem(struct err *e)
{
	return err_set(e, RC_NOMEM, "out of memory for a scan");
}

// Room for m more persons, runs and what they share.
static int batch_grow(struct order *o, uint32_t m)
{
	return mem_grow(
		       (void **)&o->person, &o->person_capacity, o->n_persons + (size_t)m, sizeof *o->person) ||
			       mem_grow((void **)&o->person_start, &o->person_start_capacity,
				       o->n_persons + (size_t)m + 1u, sizeof *o->person_start) ||
			       mem_grow((void **)&o->runs, &o->runs_capacity, o->n_runs + (size_t)m,
				       sizeof *o->runs) ||
			       mem_grow((void **)&o->shared, &o->shared_capacity, o->n_shared + (size_t)m + 1u,
				       sizeof *o->shared)
		       ? -1
		       : 0;
}

// Adds rows of the lane's chunk, n of the stage, as a piece; they may continue the last one.
static enum rc piece_add(
	struct cursor *c, const struct lane *l, uint32_t first, uint32_t rows, uint32_t n, struct err *e)
{
	struct piece *last = c->n_pieces ? &c->pieces[c->n_pieces - 1] : NULL;
	if (last && last->segment == l->segment && last->chunk == l->chunk && last->first + last->n == first) {
		last->n += rows;
		return RC_OK;
	}
	if (mem_grow((void **)&c->pieces, &c->pieces_capacity, c->n_pieces + 1u, sizeof *c->pieces))
		return scan_nomem(e);
	c->pieces[c->n_pieces++] = (struct piece){l->segment, l->chunk, first, rows, n};
	return RC_OK;
}

// The last piece's last rows are next in the answer. There is room.
static void run_add(struct order *o, uint32_t piece, uint32_t from, uint32_t n)
{
	struct run *last = o->n_runs ? &o->runs[o->n_runs - 1] : NULL;
	if (last && last->piece == piece && last->from + last->n == from)
		last->n += n;
	else
		o->runs[o->n_runs++] = (struct run){from, n, piece};
}

// --- one person ---

// Takes the lane's current person (over chunk ends too, if it goes on) into the batch and advances.
static enum rc lane_take(struct cursor *c, struct lane *l, uint32_t *n, struct err *e)
{
	uint64_t key = l->key;
	while (!l->done && l->key == key) {
		uint32_t first = l->starts[l->person], rows = l->starts[l->person + 1] - first;
		if (rows > UINT32_MAX - *n)
			return err_set(e, RC_LIMIT, "a person has more than %u interactions", UINT32_MAX);
		enum rc rc = piece_add(c, l, first, rows, *n, e);
		if (!rc && batch_grow(&c->order, 1))
			rc = scan_nomem(e);
		if (rc)
			return rc;
		run_add(&c->order, c->n_pieces - 1, *n, rows);
		*n += rows;
		if (++l->person < l->n_persons) {
			l->key = l->persons[l->person];
			l->done = l->key > c->hi;
			continue;
		}
		l->chunk++;
		l->person = 0;
		rc = lane_seek(c, l, e);
		if (rc)
			return rc;
	}
	return l->any_hidden ? lane_pass(c, l, e) : RC_OK;
}

// All lanes' rows of the lowest person, in order of segment.
static enum rc person_take(struct cursor *c, uint32_t *n, struct err *e)
{
	struct order *o = &c->order;
	uint64_t key = UINT64_MAX;
	for (uint32_t i = 0; i < o->n_lanes; i++)
		key = o->lanes[i].key < key ? o->lanes[i].key : key;
	if (batch_grow(o, 1))
		return scan_nomem(e);
	o->person[o->n_persons] = key;
	o->person_start[o->n_persons++] = *n;
	bool any = false;
	for (uint32_t i = 0; i < o->n_lanes; i++) {
		if (o->lanes[i].key != key)
			continue;
		if (batch_grow(o, 1))
			return scan_nomem(e);
		if (any)
			o->shared[o->n_shared++] = (struct shared){o->n_runs, o->n_persons - 1};
		any = true;
		enum rc rc = lane_take(c, &o->lanes[i], n, e);
		if (rc)
			return rc;
	}
	return RC_OK;
}

// --- many persons of one lane ---

// Index of the first of [lo, hi) ascending numbers that is ≥ value.
static uint32_t first_not_below(const uint32_t *v, uint32_t lo, uint32_t hi, uint64_t value)
{
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (v[mid] < value)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

// Index of the first of the persons [lo, hi) that is above `key`. No branch depends on the keys.
static uint32_t first_above(const uint64_t *persons, uint32_t lo, uint32_t hi, uint64_t key)
{
	uint32_t n = hi - lo;
	while (n > 1) {
		uint32_t half = n / 2;
		lo = persons[lo + half - 1] <= key ? lo + half : lo;
		n -= half;
	}
	return lo + (n == 1 && persons[lo] <= key);
}

// The highest key up to which persons may be taken many at a time: the chunk's last one may go on in the next, and
// hidden ones are passed over. False: not even the lane's next.
static bool lane_limit(const struct cursor *c, const struct lane *l, uint64_t *limit)
{
	uint64_t last = l->persons[l->n_persons - 1];
	if (l->person == l->n_persons - 1 && last == 0)
		return false;
	uint64_t bound = last - 1 < c->hi ? last - 1 : c->hi;
	if (l->any_hidden && l->next_hidden <= bound)
		bound = l->next_hidden - 1; // the lane stands before it
	*limit = bound < *limit ? bound : *limit;
	return true;
}

static void lane_goto(const struct cursor *c, struct lane *l, uint32_t person)
{
	l->person = person;
	l->key = l->persons[person];
	l->done = l->key > c->hi;
}

// The only lane's persons that the batch has room for. May take none.
static enum rc lane_take_run(struct cursor *c, struct lane *l, uint32_t *n, struct err *e)
{
	struct order *o = &c->order;
	uint64_t bound = UINT64_MAX;
	if (!lane_limit(c, l, &bound))
		return RC_OK;
	uint32_t first = l->person, base = l->starts[first];
	uint32_t end = first_not_below(l->starts, first, l->n_persons - 1, (uint64_t)base + SPAN_ROWS - *n);
	if (end > first && l->persons[end - 1] > bound)
		end = first_above(l->persons, first, end, bound);
	uint32_t m = end - first, rows = l->starts[end] - base;
	if (m == 0)
		return RC_OK;
	enum rc rc = piece_add(c, l, base, rows, *n, e);
	if (!rc && batch_grow(o, m))
		rc = scan_nomem(e);
	if (rc)
		return rc;
	memcpy(o->person + o->n_persons, l->persons + first, m * sizeof *o->person);
	uint32_t *start = o->person_start + o->n_persons;
	const uint32_t *starts = l->starts + first;
	for (uint32_t i = 0; i < m; i++)
		start[i] = starts[i] - base + *n;
	run_add(o, c->n_pieces - 1, *n, rows);
	o->n_persons += m;
	*n += rows;
	lane_goto(c, l, end);
	return l->any_hidden ? lane_pass(c, l, e) : RC_OK;
}

// --- many persons of many lanes ---

// The same, where keys are mostly spread evenly between the lane's next and the chunk's last.
static uint32_t lane_above(const struct lane *l, uint32_t hi, uint64_t key)
{
	uint32_t lo = l->person, last = l->n_persons - 1;
	if (key < l->key || hi == lo)
		return lo;
	double part = (double)(key - l->key) / ((double)(l->persons[last] - l->key) + 1);
	double guess = part < 1 ? lo + part * (last - lo) : last;
	uint32_t at = guess < hi ? (uint32_t)guess : hi;
	for (uint32_t step = 32;; step *= 4) {
		uint32_t from = at - lo > step ? at - step : lo, to = hi - at > step ? at + step : hi;
		if ((from == lo || l->persons[from - 1] <= key) && (to == hi || l->persons[to] > key))
			return first_above(l->persons, from, to, key);
	}
}

// Sets the lanes' ends for a section up to `key`, and returns its rows.
static uint64_t section_rows(struct order *o, uint64_t key)
{
	uint64_t rows = 0;
	for (uint32_t i = 0; i < o->n_lanes; i++) {
		struct lane *l = &o->lanes[i];
		uint32_t most = l->n_persons - 1 - l->person;
		if (most > SECTION_ROWS_MAX + 1) // a person has a row at least
			most = SECTION_ROWS_MAX + 1;
		l->end = lane_above(l, l->person + most, key);
		rows += l->starts[l->end] - l->starts[l->person];
	}
	return rows;
}

// Chooses the section's last key, so that it has about as many rows as are wanted, and sets the lanes' ends. Keys are
// mostly spread evenly, so the chunks' densities tell nearly; else the guess is doubled or bisected. Returns the rows,
// 0 when a section would take nobody or too much.
static uint64_t section_choose(struct cursor *c, uint32_t wanted)
{
	struct order *o = &c->order;
	uint64_t lowest = UINT64_MAX, bound = UINT64_MAX;
	double density = 0; // rows for each key
	for (uint32_t i = 0; i < o->n_lanes; i++) {
		const struct lane *l = &o->lanes[i];
		const struct segment_chunk *chunk = &c->segments->items[l->segment]->chunks[l->chunk];
		if (!lane_limit(c, l, &bound))
			return 0;
		lowest = l->key < lowest ? l->key : lowest;
		density += chunk->n_rows / ((double)(chunk->last_person - chunk->first_person) + 1);
	}
	if (bound < lowest)
		return 0;
	uint64_t width = bound - lowest,
		 low = 0; // keys above the lowest: at most, and known not to be too many
	double guess = wanted / density;
	uint64_t above = guess < (double)width ? (uint64_t)guess : width;
	for (;;) {
		uint64_t rows = section_rows(o, lowest + above);
		if (rows > SECTION_ROWS_MAX) {
			if (above <= low)
				return 0;
			width = above - 1;
			above = low + (width - low) / 2;
		} else if (rows >= wanted / 2 || above == width) {
			return rows;
		} else {
			low = above;
			above = above < width / 2 ? 2 * above + 1 : width;
		}
	}
}

// One or the other, without a branch: which of two lists has the next person cannot be foreseen.
static uint32_t either(uint32_t a, uint32_t b, uint32_t second)
{
	return a ^ ((a ^ b) & (0 - second));
}

// Merges the sorted lists v[0, na) and v[na, na + nb) in place; of equal persons the first list's come first. v[spare]…
// has room for the shorter one.
static void entries_merge(struct entry *v, uint32_t na, uint32_t nb, uint32_t spare)
{
	if (na == 0 || nb == 0 || v[na - 1].key <= v[na].key)
		return;
	if (na <= nb) {
		memcpy(v + spare, v, na * sizeof *v);
		uint32_t a = spare, b = na, to = 0;
		while (a < spare + na && b < na + nb) {
			uint32_t second = v[b].key < v[a].key;
			v[to++] = v[either(a, b, second)];
			b += second;
			a += 1 - second;
		}
		memcpy(v + to, v + a, (spare + na - a) * sizeof *v); // what is left of b is in place
		return;
	}
	memcpy(v + spare, v + na, nb * sizeof *v);
	uint32_t a = na, b = spare + nb, to = na + nb; // behind what is left
	while (a > 0 && b > spare) {
		uint32_t first = v[b - 1].key < v[a - 1].key;
		v[--to] = v[either(b, a, first) - 1];
		a -= first;
		b -= 1 - first;
	}
	memcpy(v + a, v + spare, (b - spare) * sizeof *v);
}

// Merges the lanes' lists, which o->cut separates: neighbours, the shortest first.
static void section_merge(struct order *o, uint32_t n_lists)
{
	uint32_t *cut = o->cut, n_entries = cut[n_lists];
	for (; n_lists > 1; n_lists--) {
		uint32_t at = 0;
		for (uint32_t i = 1; i + 1 < n_lists; i++)
			if (cut[i + 2] - cut[i] < cut[at + 2] - cut[at])
				at = i;
		entries_merge(o->entries + cut[at], cut[at + 1] - cut[at], cut[at + 2] - cut[at + 1],
			n_entries - cut[at]);
		memmove(cut + at + 1, cut + at + 2, (n_lists - at - 1) * sizeof *cut);
	}
}

// The merged entries become persons and runs. There is room.
static void section_emit(struct order *o, uint32_t n_entries, uint32_t first_piece, uint32_t n)
{
	const struct entry *restrict entries = o->entries;
	uint64_t *restrict person = o->person;
	uint32_t *restrict person_start = o->person_start;
	struct run *restrict runs = o->runs;
	struct shared *restrict shared = o->shared;
	uint32_t n_persons = o->n_persons, n_shared = o->n_shared, row = n, start = n, piece = UINT32_MAX;
	uint32_t from = 0, end = 0,
		 at = o->n_runs - 1; // of the run that grows; before the first entry there is none
	uint64_t last = ~entries[0].key;
	for (uint32_t i = 0; i < n_entries; i++) { // no branch that depends on the data
		uint64_t key = entries[i].key;
		uint32_t is_new = key != last, first = n + entries[i].from;
		uint32_t begins = (first != end) | (entries[i].piece != piece);
		last = key;
		n_persons += is_new;
		start = either(start, row, is_new);
		person[n_persons - 1] = key;
		person_start[n_persons - 1] = start;
		at += begins;
		from = either(from, first, begins);
		end = first + entries[i].n;
		piece = entries[i].piece;
		runs[at] = (struct run){from, end - from, first_piece + piece};
		shared[n_shared] = (struct shared){at, n_persons - 1};
		n_shared += 1 - is_new;
		row += entries[i].n;
	}
	o->n_persons = n_persons;
	o->n_shared = n_shared;
	o->n_runs = at + 1;
}

// Rows of one lane of the person begun last: they continue the person unless they are the first.
static void part_add(struct order *o, bool continues, uint32_t piece, uint32_t from, uint32_t n)
{
	if (continues)
		o->shared[o->n_shared++] = (struct shared){o->n_runs, o->n_persons - 1};
	run_add(o, piece, from, n);
}

// Index of the first of the persons [lo, hi) that is not below `key`; mostly near lo.
static uint32_t next_person(const uint64_t *persons, uint32_t lo, uint32_t hi, uint64_t key)
{
	if (key == 0)
		return lo;
	for (uint32_t step = 16; hi - lo > step; lo += step, step *= 2)
		if (persons[lo + step - 1] >= key)
			return first_above(persons, lo, lo + step, key - 1);
	return first_above(persons, lo, hi, key - 1);
}

// A section in which one lane has most persons: the few others' entries are spliced into its list. There is room.
struct crowd {
	const uint64_t *persons;
	const uint32_t *starts;
	uint32_t n, piece, from; // piece of the section; from: its first row's place, less starts[0]
};

// The crowd's persons [i, end) become persons and a run.
static void crowd_emit(
	struct order *o, const struct crowd *x, uint32_t i, uint32_t end, uint32_t first_piece, uint32_t *row)
{
	if (i == end)
		return;
	uint64_t *person = o->person + o->n_persons;
	uint32_t *start = o->person_start + o->n_persons, shift = *row - x->starts[i];
	memcpy(person, x->persons + i, (end - i) * sizeof *person);
	for (uint32_t k = 0; k < end - i; k++)
		start[k] = x->starts[i + k] + shift;
	uint32_t rows = x->starts[end] - x->starts[i];
	run_add(o, first_piece + x->piece, x->from + x->starts[i], rows);
	o->n_persons += end - i;
	*row += rows;
}

static void section_splice(
	struct order *o, const struct crowd *x, uint32_t n_entries, uint32_t first_piece, uint32_t n)
{
	uint32_t i = 0, row = n;
	for (uint32_t k = 0; k < n_entries;) {
		uint64_t key = o->entries[k].key;
		uint32_t at = next_person(x->persons, i, x->n, key);
		crowd_emit(o, x, i, at, first_piece, &row);
		i = at;
		bool in_crowd = i < x->n && x->persons[i] == key, continues = false;
		o->person[o->n_persons] = key;
		o->person_start[o->n_persons++] = row;
		while (in_crowd || (k < n_entries && o->entries[k].key == key)) {
			const struct entry *e = &o->entries[k];
			bool theirs = k < n_entries && e->key == key && (!in_crowd || e->piece < x->piece);
			uint32_t rows = theirs ? e->n : x->starts[i + 1] - x->starts[i];
			if (theirs)
				part_add(o, continues, first_piece + e->piece, n + e->from, rows);
			else
				part_add(o, continues, first_piece + x->piece, x->from + x->starts[i], rows);
			row += rows;
			k += theirs;
			i += !theirs;
			in_crowd &= theirs;
			continues = true;
		}
	}
	crowd_emit(o, x, i, x->n, first_piece, &row);
}

// The lane's persons as entries at the end of the list. There is room.
static void entries_add(
	struct order *o, const struct lane *l, uint32_t piece, uint32_t from, uint32_t *n_entries)
{
	const uint64_t *persons = l->persons;
	const uint32_t *starts = l->starts;
	uint32_t base = starts[l->person];
	struct entry *to = o->entries + *n_entries;
	for (uint32_t i = l->person; i < l->end; i++)
		*to++ = (struct entry){persons[i], (uint16_t)(from + starts[i] - base),
			(uint16_t)(starts[i + 1] - starts[i]), piece};
	*n_entries += l->end - l->person;
}

// The lane's rows of the section as a piece; the lane goes on.
static enum rc section_piece(struct cursor *c, struct lane *l, uint32_t n, uint32_t *rows, struct err *e)
{
	uint32_t base = l->starts[l->person];
	*rows = l->starts[l->end] - base;
	if (mem_grow((void **)&c->pieces, &c->pieces_capacity, c->n_pieces + 1u, sizeof *c->pieces))
		return scan_nomem(e);
	c->pieces[c->n_pieces++] = (struct piece){l->segment, l->chunk, base, *rows, n};
	lane_goto(c, l, l->end);
	return l->any_hidden ? lane_pass(c, l, e) : RC_OK;
}

// The lane that has most of the section's persons, or NULL.
static const struct lane *section_crowd(const struct order *o, uint32_t n_entries)
{
	for (uint32_t i = 0; i < o->n_lanes; i++)
		if (o->lanes[i].end - o->lanes[i].person > n_entries - n_entries / CROWD)
			return &o->lanes[i];
	return NULL;
}

// The lanes' persons that the batch has room for. May take none.
static enum rc section_take(struct cursor *c, uint32_t *n, struct err *e)
{
	struct order *o = &c->order;
	if (section_choose(c, SPAN_ROWS - *n) == 0)
		return RC_OK;
	uint32_t n_persons = 0, n_entries = 0, n_lists = 0, rows = 0, first_piece = c->n_pieces;
	for (uint32_t i = 0; i < o->n_lanes; i++)
		n_persons += o->lanes[i].end - o->lanes[i].person;
	const struct lane *crowded = section_crowd(o, n_persons);
	struct crowd crowd = {0};
	if (mem_grow((void **)&o->entries, &o->entries_capacity, 2u * n_persons, sizeof *o->entries) ||
		batch_grow(o, n_persons))
		return scan_nomem(e);
	for (uint32_t i = 0; i < o->n_lanes; i++) {
		struct lane *l = &o->lanes[i];
		uint32_t lane_rows = 0, piece = c->n_pieces - first_piece;
		if (l->end == l->person)
			continue;
		if (l == crowded) {
			crowd = (struct crowd){l->persons + l->person, l->starts + l->person,
				l->end - l->person, piece, *n + rows - l->starts[l->person]};
		} else {
			entries_add(o, l, piece, rows, &n_entries);
			o->cut[++n_lists] = n_entries;
		}
		enum rc rc = section_piece(c, l, *n + rows, &lane_rows, e);
		if (rc)
			return rc;
		rows += lane_rows;
	}
	section_merge(o, n_lists);
	if (crowded)
		section_splice(o, &crowd, n_entries, first_piece, *n);
	else
		section_emit(o, n_entries, first_piece, *n);
	*n += rows;
	return RC_OK;
}

// --- batches ---

static void lanes_drop_done(struct order *o)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < o->n_lanes; i++) {
		if (!o->lanes[i].done && n < i)
			o->lanes[n] = o->lanes[i];
		n += !o->lanes[i].done;
	}
	o->n_lanes = n;
}

enum rc order_collect(struct cursor *c, struct err *e)
{
	struct order *o = &c->order;
	uint32_t n = 0;
	o->n_persons = o->n_runs = o->n_shared = 0;
	c->n_pieces = 0;
	while (n < SPAN_ROWS - SPAN_ROWS / 8) {
		lanes_drop_done(o);
		if (o->n_lanes == 0)
			break;
		uint32_t before = n;
		enum rc rc = o->n_lanes == 1 ? lane_take_run(c, o->lanes, &n, e) : section_take(c, &n, e);
		if (!rc && n == before)
			rc = person_take(c, &n, e);
		if (rc)
			return rc;
	}
	if (o->n_persons > 0)
		o->person_start[o->n_persons] = n;
	return stage_reserve(&c->stage, n, e);
}

bool order_is_mixed(const struct cursor *c)
{
	for (uint32_t i = 1; i < c->n_pieces; i++)
		if (c->pieces[i].segment != c->pieces[0].segment)
			return true;
	return false;
}
