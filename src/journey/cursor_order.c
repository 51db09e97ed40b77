// SPDX-License-Identifier: Apache-2.0
// Ordered scans. Every segment is a lane that yields its persons in ascending order; a batch takes persons, lowest
// first, from all lanes that have them, until it has about SPAN_ROWS rows. Within one lane the rows of a batch are
// consecutive, so the stage decodes long runs. If one lane contributed, the stage is the answer as it is; otherwise
// rows are gathered into order through a permutation.
//
// Invariants: a person is never split over batches; rows of equal time stay in order of segment, then position.
#include "base/mem.h"
#include "journey/cursor.h"
#include "journey/overlay.h"

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
		if (!c->request.all_rows && !filter_chunk_possible(&c->request, chunk)) {
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

static enum rc lane_load(struct cursor *c, struct lane *l, struct err *e)
{
	enum rc rc = lane_seek(c, l, e);
	return rc || !l->any_hidden ? rc : lane_pass(c, l, e);
}

enum rc order_open(struct cursor *c, struct err *e)
{
	struct order *o = &c->order;
	o->lanes = mem_calloc(c->segments->n, sizeof *o->lanes);
	if (!o->lanes)
		return err_set(e, RC_NOMEM, "out of memory for a scan");
	for (uint32_t i = 0; i < c->segments->n; i++) {
		struct lane *l = &o->lanes[o->n_lanes];
		*l = (struct lane){.segment = i, .chunk = segment_chunk_find(c->segments->items[i], c->lo)};
		l->any_hidden = c->segments->view && c->segments->view->plan.n_hidden > 0;
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
	mem_free(o->entries);
	mem_free(o->entry_start);
	mem_free(o->person);
	mem_free(o->person_start);
	mem_free(o->perm);
	mem_free(o->inverse);
	mem_free(o->merged);
	mem_free(o->bits);
	mem_free(o->placed);
	stage_free(&o->out);
}

static enum rc scan_nomem(struct err *e)
{
	return err_set(e, RC_NOMEM, "out of memory for a scan");
}

// Begins a person at row n of the batch.
static int person_begin(struct order *o, uint64_t key, uint32_t n)
{
	if (mem_grow((void **)&o->person, &o->person_capacity, o->n_persons + 1u, sizeof *o->person) ||
		mem_grow((void **)&o->person_start, &o->person_start_capacity, o->n_persons + 2u,
			sizeof *o->person_start) ||
		mem_grow((void **)&o->entry_start, &o->entry_start_capacity, o->n_persons + 2u,
			sizeof *o->entry_start))
		return -1;
	o->person[o->n_persons] = key;
	o->person_start[o->n_persons] = n;
	o->entry_start[o->n_persons++] = o->n_entries;
	return 0;
}

// Adds rows of the lane's chunk to its last piece in the batch, or a piece of their own.
static enum rc piece_extend(struct cursor *c, struct lane *l, uint32_t first, uint32_t rows, struct err *e)
{
	struct piece *last = l->piece == UINT32_MAX ? NULL : &c->pieces[l->piece];
	if (last && last->chunk == l->chunk && last->first + last->n == first) {
		last->n += rows;
		return RC_OK;
	}
	if (mem_grow((void **)&c->pieces, &c->pieces_capacity, c->n_pieces + 1u, sizeof *c->pieces))
		return scan_nomem(e);
	l->piece = c->n_pieces++;
	c->pieces[l->piece] = (struct piece){l->segment, l->chunk, first, rows, l->n_staged};
	return RC_OK;
}

// Takes the lane's current person (over chunk ends too, if it goes on) into the batch and advances.
static enum rc lane_take(struct cursor *c, struct lane *l, uint32_t *n, struct err *e)
{
	struct order *o = &c->order;
	if (mem_grow((void **)&o->entries, &o->entries_capacity, o->n_entries + 1u, sizeof *o->entries))
		return scan_nomem(e);
	struct entry *entry = &o->entries[o->n_entries++];
	*entry = (struct entry){.lane = (uint32_t)(l - o->lanes), .from = l->n_staged};
	uint64_t key = l->key;
	while (!l->done && l->key == key) {
		uint32_t first = l->starts[l->person], rows = l->starts[l->person + 1] - first;
		if (rows > UINT32_MAX - *n)
			return err_set(e, RC_LIMIT, "a person has more than %u interactions", UINT32_MAX);
		enum rc rc = piece_extend(c, l, first, rows, e);
		if (rc)
			return rc;
		entry->n += rows;
		l->n_staged += rows;
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

// Index of the first of the persons [lo, hi) of a lane whose key is above `key`.
static uint32_t first_above(const struct lane *l, uint32_t lo, uint32_t hi, uint64_t key)
{
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (l->persons[mid] <= key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

// Takes many persons of the lane's chunk at once, those with keys up to `bound` that the batch has room for; never the
// chunk's last one, who may go on in the next. May take none.
static enum rc lane_take_run(struct cursor *c, struct lane *l, uint64_t bound, uint32_t *n, struct err *e)
{
	struct order *o = &c->order;
	bound = bound < c->hi ? bound : c->hi;
	if (l->any_hidden && l->next_hidden <= bound)
		bound = l->next_hidden - 1; // the lane stands before it
	uint32_t first = l->person, base = l->starts[first];
	uint32_t end = first_not_below(l->starts, first, l->n_persons - 1, (uint64_t)base + SPAN_ROWS - *n);
	if (end > first && l->persons[end - 1] > bound)
		end = first_above(l, first, end, bound);
	uint32_t m = end - first, rows = l->starts[end] - base;
	if (m == 0)
		return RC_OK;
	if (mem_grow((void **)&o->person, &o->person_capacity, o->n_persons + m, sizeof *o->person) ||
		mem_grow((void **)&o->person_start, &o->person_start_capacity, o->n_persons + m + 1u,
			sizeof *o->person_start) ||
		mem_grow((void **)&o->entry_start, &o->entry_start_capacity, o->n_persons + m + 1u,
			sizeof *o->entry_start) ||
		mem_grow((void **)&o->entries, &o->entries_capacity, o->n_entries + m, sizeof *o->entries))
		return scan_nomem(e);
	enum rc rc = piece_extend(c, l, base, rows, e);
	if (rc)
		return rc;
	memcpy(o->person + o->n_persons, l->persons + first, m * sizeof *o->person);
	uint32_t *start = o->person_start + o->n_persons;
	const uint32_t *starts = l->starts + first;
	for (uint32_t i = 0; i < m; i++)
		start[i] = starts[i] - base + *n;
	if (o->n_lanes > 1) { // entries serve to put the rows of several lanes in order
		struct entry *entry = o->entries + o->n_entries;
		for (uint32_t i = 0; i < m; i++) {
			entry[i] = (struct entry){(uint32_t)(l - o->lanes), l->n_staged + starts[i] - base,
				starts[i + 1] - starts[i]};
			o->entry_start[o->n_persons + i] = o->n_entries + i;
		}
	}
	o->n_entries += m;
	o->n_persons += m;
	l->n_staged += rows;
	*n += rows;
	l->person = end;
	l->key = l->persons[end];
	l->done = l->key > c->hi;
	return l->any_hidden ? lane_pass(c, l, e) : RC_OK;
}

// The lane with the lowest key (NULL: none left), and the lowest key of the others (*alone: there is no other).
static struct lane *lane_lowest(struct order *o, uint64_t *other, bool *alone)
{
	struct lane *lowest = NULL;
	*alone = true;
	*other = UINT64_MAX;
	for (uint32_t i = 0; i < o->n_lanes; i++) {
		struct lane *l = &o->lanes[i];
		if (l->done)
			continue;
		if (!lowest) {
			lowest = l;
			continue;
		}
		*alone = false;
		if (l->key < lowest->key) {
			*other = lowest->key;
			lowest = l;
		} else if (l->key < *other) {
			*other = l->key;
		}
	}
	return lowest;
}

// All lanes' rows of the lowest person, in order of segment.
static enum rc person_take(struct cursor *c, uint64_t key, uint32_t *n, struct err *e)
{
	struct order *o = &c->order;
	if (person_begin(o, key, *n))
		return scan_nomem(e);
	for (uint32_t i = 0; i < o->n_lanes; i++)
		if (!o->lanes[i].done && o->lanes[i].key == key) {
			enum rc rc = lane_take(c, &o->lanes[i], n, e);
			if (rc)
				return rc;
		}
	return RC_OK;
}

// Pieces' places in the stage, lane after lane; pieces are then in the order of the stage's rows.
static enum rc pieces_place(struct cursor *c, struct err *e)
{
	struct order *o = &c->order;
	uint32_t base = 0, placed = 0;
	if (mem_grow((void **)&o->placed, &o->placed_capacity, c->n_pieces, sizeof *o->placed))
		return scan_nomem(e);
	for (uint32_t i = 0; i < o->n_lanes; i++) {
		struct lane *l = &o->lanes[i];
		for (uint32_t k = 0; l->n_staged && k < c->n_pieces; k++)
			if (c->pieces[k].segment == l->segment) {
				o->placed[placed] = c->pieces[k];
				o->placed[placed++].to += base;
			}
		uint32_t n = l->n_staged;
		l->n_staged = base; // from now on: where its rows begin
		base += n;
	}
	struct piece *pieces = c->pieces;
	size_t capacity = c->pieces_capacity;
	c->pieces = o->placed;
	c->pieces_capacity = o->placed_capacity;
	o->placed = pieces;
	o->placed_capacity = capacity;
	return RC_OK;
}

enum rc order_collect(struct cursor *c, struct err *e)
{
	struct order *o = &c->order;
	uint32_t n = 0;
	o->n_entries = o->n_persons = 0;
	c->n_pieces = 0;
	for (uint32_t i = 0; i < o->n_lanes; i++) {
		o->lanes[i].n_staged = 0;
		o->lanes[i].piece = UINT32_MAX;
	}
	while (n < SPAN_ROWS) {
		uint64_t other;
		bool alone;
		struct lane *l = lane_lowest(o, &other, &alone);
		if (!l)
			break;
		enum rc rc = RC_OK;
		if (!alone && l->key == other)
			rc = person_take(c, other, &n, e);
		while (!rc && n < SPAN_ROWS && !l->done && (alone || l->key < other)) {
			uint32_t before = n;
			rc = lane_take_run(c, l, alone ? UINT64_MAX : other - 1, &n, e);
			if (rc || n > before)
				continue;
			if (person_begin(o, l->key, n))
				return scan_nomem(e);
			rc = lane_take(c, l, &n, e);
		}
		if (rc)
			return rc;
	}
	if (o->n_persons > 0) {
		o->person_start[o->n_persons] = n;
		o->entry_start[o->n_persons] = o->n_entries;
	}
	enum rc rc = pieces_place(c, e);
	return rc ? rc : stage_reserve(&c->stage, n, e);
}

bool order_is_mixed(const struct cursor *c)
{
	for (uint32_t i = 1; i < c->n_pieces; i++)
		if (c->pieces[i].segment != c->pieces[0].segment)
			return true;
	return false;
}

// Merges two neighbouring runs of perm, [a, b) and [b, end), by time; the left one wins ties.
static void runs_merge(
	const int64_t *at, uint32_t *perm, uint32_t *merged, uint32_t a, uint32_t b, uint32_t end)
{
	if (a == b || b == end || at[perm[b - 1]] <= at[perm[b]])
		return;
	uint32_t i = a, k = b, n = 0;
	while (i < b && k < end)
		merged[n++] = at[perm[k]] < at[perm[i]] ? perm[k++] : perm[i++];
	while (i < b)
		merged[n++] = perm[i++];
	memcpy(perm + a, merged, n * sizeof *perm); // what is left of the right run is in place
}

static void permutation_build(struct cursor *c)
{
	struct order *o = &c->order;
	const int64_t *at = c->stage.data[COLUMN_AT];
	for (uint32_t p = 0; p < o->n_persons; p++) {
		uint32_t start = o->person_start[p], to = start;
		for (uint32_t k = o->entry_start[p]; k < o->entry_start[p + 1]; k++) {
			const struct entry *entry = &o->entries[k];
			uint32_t from = o->lanes[entry->lane].n_staged + entry->from, run = to;
			for (uint32_t i = 0; i < entry->n; i++)
				o->perm[to++] = from + i;
			runs_merge(at, o->perm, o->merged, start, run, to);
		}
	}
	for (uint32_t i = 0; i < c->stage.n; i++)
		o->inverse[o->perm[i]] = i;
}

static enum rc permutation_reserve(struct order *o, uint32_t n, struct err *e)
{
	if (n <= o->perm_capacity)
		return RC_OK;
	size_t rows = n + (size_t)n / 4;
	mem_free(o->perm);
	mem_free(o->inverse);
	mem_free(o->merged);
	mem_free(o->bits);
	o->perm = mem_alloc(rows * sizeof *o->perm);
	o->inverse = mem_alloc(rows * sizeof *o->inverse);
	o->merged = mem_alloc(rows * sizeof *o->merged);
	o->bits = mem_alloc((rows / 64 + 1) * sizeof *o->bits);
	o->perm_capacity = o->perm && o->inverse && o->merged && o->bits ? rows : 0;
	return o->perm_capacity ? RC_OK : scan_nomem(e);
}

static void gather_u64(const uint64_t *from, const uint32_t *perm, uint32_t n, uint64_t *restrict to)
{
	for (uint32_t i = 0; i < n; i++)
		to[i] = from[perm[i]];
}

static void gather_u32(const uint32_t *from, const uint32_t *perm, uint32_t n, uint32_t *restrict to)
{
	for (uint32_t i = 0; i < n; i++)
		to[i] = from[perm[i]];
}

// Values scatter to their new rows; a bitmap of these brings them back in ascending order.
static void gather_measure(struct cursor *c, unsigned slot)
{
	struct order *o = &c->order;
	const struct stage *st = &c->stage;
	const double *value = st->data[COLUMN_MEASURE0 + slot];
	double *out = o->out.data[COLUMN_MEASURE0 + slot];
	uint32_t *row = o->out.measure_row[slot], n_values = st->measure_n[slot], m = 0;
	memset(o->bits, 0, (st->n / 64 + 1) * sizeof *o->bits);
	uint32_t *index = o->merged; // of the value, by its new row
	for (uint32_t i = 0; i < n_values; i++) {
		uint32_t to = o->inverse[st->measure_row[slot][i]];
		index[to] = i;
		o->bits[to / 64] |= 1ull << (to % 64);
	}
	for (uint32_t w = 0; w <= st->n / 64; w++)
		for (uint64_t word = o->bits[w]; word; word &= word - 1) {
			row[m] = w * 64 + (uint32_t)__builtin_ctzll(word);
			out[m] = value[index[row[m]]];
			m++;
		}
	o->out.measure_n[slot] = m;
}

enum rc order_gather(struct cursor *c, bool use_keep, struct err *e)
{
	struct order *o = &c->order;
	struct stage *st = &c->stage;
	enum rc rc = permutation_reserve(o, st->n, e);
	if (!rc)
		rc = stage_reserve(&o->out, st->n, e);
	if (rc)
		return rc;
	permutation_build(c);
	for (uint32_t i = 0; i < st->n_wanted; i++) {
		unsigned number = st->wanted[i];
		if (!st->loaded[number])
			continue;
		if (number >= COLUMN_MEASURE0)
			gather_measure(c, number - COLUMN_MEASURE0);
		else if (number >= COLUMN_CODE0)
			gather_u32(st->data[number], o->perm, st->n, o->out.data[number]);
		else
			gather_u64(st->data[number], o->perm, st->n, o->out.data[number]);
		o->out.loaded[number] = true;
	}
	if (st->want_rows) {
		gather_u64(st->row_person, o->perm, st->n, o->out.row_person);
		gather_u64(st->locator, o->perm, st->n, o->out.locator);
	}
	for (uint32_t i = 0; use_keep && i < st->n; i++)
		o->out.keep[i] = st->keep[o->perm[i]];
	return RC_OK;
}
