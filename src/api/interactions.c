// SPDX-License-Identifier: Apache-2.0
// Interactions one by one, newest first, a page at a time.
//
// A page is found in two looks at one snapshot: the first reads only times (and what the filters need) and keeps the
// newest rows that fit on the page; the second, narrowed to the time that these span, reads the rest of them. Segments
// hold customers side by side and not time, so the first look goes over windows of time that start at the newest end
// and grow until the page is full: whole segments and the inbox are skipped by their times.
//
// Order: time (newest first), person (greatest first), arrival. A page begins behind a cursor "TIME.PERSON.N": behind the
// first N rows of that person at that time. So a page is the same whatever was sealed or merged meanwhile.
//
// A person's key can be guessed back to the identity and puts rows of one customer together. So in the cursors of those
// who may not see all persons it is hidden behind a number that follows from the time and a secret of the process: of
// two processes it only differs which rows of the same millisecond come next.
#include "api/internal.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

enum { PAGE = 50, PAGE_MAX = 500, SKIP_MAX = 10000, WINDOWS = 4 };

// A row's place in the order.
struct place {
	int64_t at_ms;
	uint64_t person, locator;
};

struct page_cursor {
	bool given;
	int64_t at_ms;
	uint64_t person;
	uint32_t skip; // rows of that person at that time that were told already
};

struct listing {
	struct api_call *c;
	struct snapshot *snapshot;
	const struct design *design;
	const struct names *names;
	struct query q;
	int64_t from_ms, to_ms; // asked for; TIME_NONE: open
	uint32_t limit;
	struct page_cursor cursor;
	struct place *heap; // the oldest on top; after find_page in order
	uint32_t n, capacity;
	uint32_t measure_slot[DESIGN_MEASURES_MAX];
	enum told told; // of persons
	bool is_own;    // q leaves the caller's own touch points only
};

// < 0: a comes before b.
static int place_compare(const void *x, const void *y)
{
	const struct place *a = x, *b = y;
	if (a->at_ms != b->at_ms)
		return a->at_ms > b->at_ms ? -1 : 1;
	if (a->person != b->person)
		return a->person > b->person ? -1 : 1;
	return (a->locator > b->locator) - (a->locator < b->locator);
}

// --- the newest rows: a heap with the last one on top ---

static void sift_down(struct place *heap, uint32_t n, uint32_t i)
{
	for (;;) {
		uint32_t last = i;
		for (uint32_t child = 2 * i + 1; child <= 2 * i + 2 && child < n; child++)
			if (place_compare(&heap[child], &heap[last]) > 0)
				last = child;
		if (last == i)
			return;
		struct place swap = heap[i];
		heap[i] = heap[last];
		heap[last] = swap;
		i = last;
	}
}

static void keep_place(struct listing *l, const struct place *p)
{
	if (l->n == l->capacity) {
		if (place_compare(p, &l->heap[0]) >= 0)
			return;
		l->heap[0] = *p;
		sift_down(l->heap, l->n, 0);
		return;
	}
	uint32_t i = l->n++;
	l->heap[i] = *p;
	while (i > 0 && place_compare(&l->heap[i], &l->heap[(i - 1) / 2]) > 0) {
		struct place swap = l->heap[i];
		l->heap[i] = l->heap[(i - 1) / 2];
		l->heap[(i - 1) / 2] = swap;
		i = (i - 1) / 2;
	}
}

static bool behind_cursor(const struct page_cursor *c, int64_t at_ms, uint64_t person)
{
	return !c->given || at_ms < c->at_ms || (at_ms == c->at_ms && person <= c->person);
}

// --- scanning a window ---

struct window {
	struct selection *selection;
	const struct span *span;
	const uint8_t *keep;
	uint32_t row, person; // of the span
	char from[40], to[40];
};

static enum rc window_open(struct listing *l, struct window *w, int64_t from_ms, int64_t to_ms,
	const struct scan_columns *columns, struct err *e)
{
	struct query q = l->q;
	q.from = from_ms == TIME_NONE ? SV_NONE : sv_from(tz_format(l->design->tz, from_ms, w->from));
	q.to = to_ms == TIME_NONE ? SV_NONE : sv_from(tz_format(l->design->tz, to_ms, w->to));
	enum rc rc = selection_open_rows(l->snapshot, &q, columns, &w->selection, e);
	if (rc != RC_OK || l->told == TOLD_ALL || l->is_own || !selection_of_person(w->selection))
		return rc;
	// It is about one customer, even where nobody is named.
	selection_close(&w->selection);
	l->is_own = true;
	rc = l->told == TOLD_NONE ? persons_denied(e) : own_narrow(l->c, l->design, &l->q, e);
	return rc == RC_OK ? window_open(l, w, from_ms, to_ms, columns, e) : rc;
}

// The first row of the span from w->row on that is selected and not older; span->n: none.
static uint32_t row_from(const struct window *w, int64_t oldest_ms)
{
	const int64_t *at = w->span->at;
	uint32_t row = w->row, n = w->span->n;
	while (row < n && (at[row] < oldest_ms || (w->keep && !w->keep[row])))
		row++;
	return row;
}

// The next selected row that is not older; w->span NULL at the end.
static enum rc window_next(
	struct listing *l, struct window *w, int64_t oldest_ms, struct place *out, struct err *e)
{
	enum rc rc = RC_OK;
	w->row++;
	for (;;) {
		if (w->span)
			w->row = row_from(w, oldest_ms);
		if (w->span && w->row < w->span->n)
			break;
		rc = selection_next(w->selection, &w->span, &w->keep, e);
		if (rc != RC_OK || !w->span)
			return rc;
		w->row = w->person = 0;
	}
	const struct span *span = w->span;
	uint64_t person;
	if (span->row_person) {
		person = span->row_person[w->row];
	} else {
		while (w->row >= span->person_start[w->person + 1])
			w->person++;
		person = span->person[w->person];
	}
	*out = (struct place){
		span->at[w->row], snapshot_person_resolve(l->snapshot, person), span->locator[w->row]};
	return RC_OK;
}

static enum rc look_through(struct listing *l, int64_t from_ms, int64_t to_ms, struct err *e)
{
	struct window w = {.selection = NULL};
	struct scan_columns nothing = {.no_at = false};
	struct place p;
	l->n = 0;
	enum rc rc = window_open(l, &w, from_ms, to_ms, &nothing, e);
	// Of many rows few are among the newest: what is older than these is not looked at any further.
	int64_t oldest_ms = INT64_MIN;
	while (rc == RC_OK && (rc = window_next(l, &w, oldest_ms, &p, e)) == RC_OK && w.span) {
		if (behind_cursor(&l->cursor, p.at_ms, p.person))
			keep_place(l, &p);
		if (l->n == l->capacity)
			oldest_ms = l->heap[0].at_ms;
	}
	selection_close(&w.selection);
	return rc;
}

// The page's rows in order, and the first of the next page if there is one.
static enum rc find_page(struct listing *l, struct err *e)
{
	struct snapshot_stats stats;
	snapshot_stats(l->snapshot, &stats);
	int64_t end = l->to_ms;
	if (l->cursor.given && (end == TIME_NONE || l->cursor.at_ms < end))
		end = l->cursor.at_ms + 1;
	int64_t newest = end != TIME_NONE && end <= stats.last_ms ? end - 1 : stats.last_ms;
	if (stats.n_interactions == 0)
		return RC_OK;
	// Were they spread evenly over time, the first window would hold 16 pages.
	double per_row = (double)(stats.last_ms - stats.first_ms) / (double)stats.n_interactions;
	double width = per_row * 16 * l->capacity + 1000;
	enum rc rc = RC_OK;
	for (unsigned i = 0; rc == RC_OK; i++, width *= 32) {
		bool all = i + 1 == WINDOWS || width >= (double)(newest - stats.first_ms);
		int64_t from = all ? l->from_ms : newest - (int64_t)width;
		if (l->from_ms != TIME_NONE && from < l->from_ms) {
			from = l->from_ms;
			all = true;
		}
		rc = look_through(l, from, end, e);
		if (all || l->n == l->capacity)
			break;
	}
	qsort(l->heap, l->n, sizeof(*l->heap), place_compare);
	// Those that the page before ended with.
	uint32_t skip = 0;
	while (skip < l->n && skip < l->cursor.skip && l->heap[skip].at_ms == l->cursor.at_ms &&
		l->heap[skip].person == l->cursor.person)
		skip++;
	l->heap += skip;
	l->n -= skip;
	return rc;
}

// --- writing ---

static struct sv name_of(
	const struct listing *l, const struct window *w, enum code_column column, enum name_kind kind)
{
	const uint32_t *codes = w->span->code[column];
	struct sv name = codes ? names_at(l->names, kind, codes[w->row]) : SV_NONE;
	return name.len ? name : SV_NONE;
}

static void write_number(struct json *j, struct sv key, double value)
{
	json_key_sv(j, key);
	json_double(j, value);
}

static void write_measures(struct json *j, const struct listing *l, const struct window *w)
{
	json_key(j, "measures");
	json_object(j);
	for (uint32_t m = 0; m < l->design->n_measures; m++) {
		uint32_t slot = l->measure_slot[m];
		if (slot >= DESIGN_MEASURES_MAX || !w->span->measures)
			continue;
		const struct sparse_values *v = &w->span->measures[slot];
		uint32_t low = 0, high = v->n;
		while (low < high) {
			uint32_t middle = low + (high - low) / 2;
			low = v->row[middle] < w->row ? middle + 1 : low;
			high = v->row[middle] < w->row ? high : middle;
		}
		if (low < v->n && v->row[low] == w->row)
			write_number(j, l->design->measures[m].name, v->value[low]);
	}
	json_object_end(j);
}

static enum rc cold_of(struct listing *l, const struct window *w, enum cold what, struct sv *out, struct err *e)
{
	return snapshot_cold(l->snapshot, w->span->locator[w->row], what, http_arena(l->c->x), out, e);
}

// Who it was and what was said: for those who may see persons.
static enum rc write_person(
	struct json *j, struct listing *l, const struct window *w, const struct place *p, struct err *e)
{
	struct arena *a = http_arena(l->c->x);
	struct sv *identities, text, properties;
	uint32_t n;
	char key[17];
	enum rc rc = snapshot_identities(l->snapshot, p->person, a, &identities, &n, e);
	if (rc == RC_OK)
		rc = cold_of(l, w, COLD_TEXT, &text, e);
	if (rc == RC_OK)
		rc = cold_of(l, w, COLD_PROPERTIES, &properties, e);
	if (rc != RC_OK)
		return rc;
	snprintf(key, sizeof(key), "%016llx", (unsigned long long)p->person);
	json_key_text(j, "person", key);
	json_key_string(j, "customer", n ? identities[0] : SV_NONE);
	json_key_string(j, "text", text.len ? text : SV_NONE);
	if (properties.len > 2) {
		json_key(j, "properties");
		json_raw(j, properties);
	}
	return RC_OK;
}

static enum rc write_item(
	struct buf *out, struct listing *l, const struct window *w, const struct place *p, struct err *e)
{
	struct json j = json_new(out);
	struct sv id = SV_NONE, touchpoint = name_of(l, w, CODE_TOUCHPOINT, NAME_TOUCHPOINT);
	uint32_t t = touchpoint.len ? design_touchpoint_find(l->design, touchpoint) : DESIGN_NONE;
	json_object(&j);
	tz_key(&j, "at", l->design->tz, p->at_ms);
	bool told = l->told == TOLD_ALL || (l->told == TOLD_OWN && owns_touchpoint(l->c, l->design, t));
	enum rc rc = told ? write_person(&j, l, w, p, e) : RC_OK;
	if (rc == RC_OK)
		rc = cold_of(l, w, COLD_ID, &id, e);
	json_key_string(&j, "touchpoint", touchpoint);
	json_key_string(
		&j, "stage", t == DESIGN_NONE ? SV_NONE : l->design->stages[l->design->touchpoints[t].stage]);
	json_key_string(&j, "channel", name_of(l, w, CODE_CHANNEL, NAME_CHANNEL));
	json_key_string(&j, "event", name_of(l, w, CODE_EVENT, NAME_EVENT));
	json_key_string(&j, "source", name_of(l, w, CODE_SOURCE, NAME_SOURCE));
	json_key_string(&j, "agent", name_of(l, w, CODE_AGENT, NAME_AGENT));
	json_key_string(&j, "location", name_of(l, w, CODE_LOCATION, NAME_LOCATION));
	write_measures(&j, l, w);
	json_key_string(&j, "id", id);
	json_object_end(&j);
	return rc;
}

static struct scan_columns columns_of(struct listing *l)
{
	struct scan_columns c = {.touchpoint = true,
		.channel = true,
		.event = true,
		.source = true,
		.agent = true,
		.location = true};
	for (uint32_t i = 0; i < l->design->n_measures; i++) {
		l->measure_slot[i] = names_measure_slot(l->names, l->design, i);
		if (l->measure_slot[i] < DESIGN_MEASURES_MAX)
			c.measures |= UINT64_C(1) << l->measure_slot[i];
	}
	return c;
}

// The second look. items[i]: JSON of the i-th row of the page.
static enum rc read_items(struct listing *l, uint32_t n, struct sv *items, struct err *e)
{
	struct window w = {.selection = NULL};
	struct scan_columns columns = columns_of(l);
	struct buf out = buf_new((size_t)16 << 20);
	struct place p;
	enum rc rc = window_open(l, &w, l->heap[n - 1].at_ms, l->heap[0].at_ms + 1, &columns, e);
	while (rc == RC_OK && (rc = window_next(l, &w, INT64_MIN, &p, e)) == RC_OK && w.span) {
		const struct place *found = bsearch(&p, l->heap, n, sizeof(p), place_compare);
		if (!found)
			continue;
		buf_clear(&out);
		rc = write_item(&out, l, &w, &p, e);
		if (rc == RC_OK)
			rc = buf_check(&out, e, "an interaction");
		if (rc != RC_OK)
			break;
		struct sv *item = &items[found - l->heap];
		*item = arena_copy(http_arena(l->c->x), buf_view(&out));
		if (!item->ptr)
			rc = err_set(e, RC_LIMIT, "the page is too large: ask for fewer at a time");
	}
	buf_free(&out);
	selection_close(&w.selection);
	return rc;
}

// What the person is hidden with.
static uint64_t veil_of(const struct listing *l, int64_t at_ms)
{
	_Static_assert(sizeof(l->c->api->cursor_key) == crypto_shorthash_KEYBYTES, "key of the veil");
	uint64_t veil = 0;
	if (l->told != TOLD_ALL)
		crypto_shorthash(
			(uint8_t *)&veil, (const uint8_t *)&at_ms, sizeof(at_ms), l->c->api->cursor_key);
	return veil;
}

static void write_next(struct json *j, const struct listing *l, uint32_t n)
{
	json_key(j, "next");
	if (n == l->n) {
		json_null(j);
		return;
	}
	const struct place *next = &l->heap[n];
	uint32_t skip = 0;
	for (uint32_t i = 0; i < n; i++)
		skip += l->heap[i].at_ms == next->at_ms && l->heap[i].person == next->person;
	if (l->cursor.given && skip == n && l->cursor.at_ms == next->at_ms && l->cursor.person == next->person)
		skip += l->cursor.skip;
	char text[64];
	snprintf(text, sizeof(text), "%lld.%016llx.%u", (long long)next->at_ms,
		(unsigned long long)(next->person ^ veil_of(l, next->at_ms)), skip);
	json_string(j, sv_from(text));
}

static enum rc write_page(struct listing *l, struct err *e)
{
	uint32_t n = l->n < l->limit ? l->n : l->limit;
	struct sv *items = arena_array(http_arena(l->c->x), (size_t)n + 1, sizeof(*items));
	if (!items)
		return err_set(e, RC_NOMEM, "out of memory for a page");
	enum rc rc = n ? read_items(l, n, items, e) : RC_OK;
	if (rc != RC_OK)
		return rc;
	struct json j = call_items(l->c);
	for (uint32_t i = 0; i < n; i++)
		if (items[i].ptr)
			json_raw(&j, items[i]);
	json_array_end(&j);
	write_next(&j, l, n);
	json_object_end(&j);
	return RC_OK;
}

// --- asking ---

bool person_key_parse(struct sv text, uint64_t *out)
{
	*out = 0;
	if (text.len != 16)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
				 : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
							: 16;
		if (digit == 16)
			return false;
		*out = *out << 4 | digit;
	}
	return true;
}

static enum rc read_cursor(struct listing *l, struct err *e)
{
	struct sv text = http_query(l->c->x, "before", 0), rest;
	struct page_cursor *c = &l->cursor;
	int64_t skip;
	if (text.len == 0)
		return RC_OK;
	struct sv at = sv_cut(text, '.', &rest), person = sv_cut(rest, '.', &rest);
	if (!sv_to_i64(at, &c->at_ms) || !person_key_parse(person, &c->person) || !sv_to_i64(rest, &skip) ||
		skip < 0 || skip > SKIP_MAX)
		return err_set(e, RC_USAGE, "before=%.*s is no cursor: take it from “next” of the page before",
			SV_ARG(text));
	c->given = true;
	c->person ^= veil_of(l, c->at_ms);
	c->skip = (uint32_t)skip;
	return RC_OK;
}

static enum rc read_bound(
	struct listing *l, const char *name, struct sv text, bool is_end, int64_t *out, struct err *e)
{
	struct err local = ERR_NONE;
	*out = TIME_NONE;
	if (text.len == 0 || time_parse_bound(l->design->tz, text, is_end, out, &local) == RC_OK)
		return RC_OK;
	return err_set(e, RC_USAGE, "%s: %s", name, local.message);
}

static enum rc read_question(struct listing *l, struct err *e)
{
	static const char *const known[] = {"before", "limit", NULL};
	int64_t limit;
	enum rc rc = call_query(l->c, &l->q, known, e);
	if (rc == RC_OK)
		rc = call_integer(l->c, "limit", 1, PAGE_MAX, PAGE, &limit, e);
	if (rc == RC_OK)
		rc = read_cursor(l, e);
	if (rc == RC_OK)
		rc = read_bound(l, "from", l->q.from, false, &l->from_ms, e);
	if (rc == RC_OK)
		rc = read_bound(l, "to", l->q.to, true, &l->to_ms, e);
	if (rc != RC_OK)
		return rc;
	l->limit = (uint32_t)limit;
	l->capacity = l->limit + 1 + l->cursor.skip;
	l->heap = arena_array(http_arena(l->c->x), l->capacity, sizeof(*l->heap));
	return l->heap ? RC_OK : err_set(e, RC_NOMEM, "out of memory for a page");
}

enum rc interactions_get(struct api_call *c, struct err *e)
{
	struct listing l = {.c = c, .told = persons_told(c)};
	enum rc rc = snapshot_open(c->api->store, &l.snapshot, e);
	if (rc != RC_OK)
		return rc;
	l.design = snapshot_design(l.snapshot);
	l.names = snapshot_names(l.snapshot);
	rc = read_question(&l, e);
	if (rc == RC_OK)
		rc = find_page(&l, e);
	if (rc == RC_OK)
		rc = write_page(&l, e);
	snapshot_close(&l.snapshot);
	return rc;
}
