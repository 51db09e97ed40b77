// SPDX-License-Identifier: Apache-2.0
// Rows of interest: of a batch only those go on for which one of a request's conditions holds (scan_request.interest),
// and only at these rows are the other columns decoded. Conditions on codes become bits in one table per column;
// those on measures cost as much as there are values.
#include "base/mem.h"
#include "journey/cursor.h"

#include <math.h>

#define ROWS_SLACK 8u // written after the last row found
#define FEW_KEPT 4u   // if fewer than every 4th row passes the predicates, all others are left out

static enum rc interest_nomem(struct err *e)
{
	return err_set(e, RC_NOMEM, "out of memory for a scan");
}

static struct interest_table *table_of(struct interest *in, enum code_column column)
{
	for (uint32_t i = 0; i < in->n_tables; i++)
		if (in->tables[i].column == column)
			return &in->tables[i];
	struct interest_table *t = &in->tables[in->n_tables++];
	*t = (struct interest_table){.column = column};
	return t;
}

// Lists the codes that have bits, if they are few.
static void table_few(struct interest_table *t)
{
	uint32_t n = 0;
	for (uint32_t code = 0; code < t->n_codes; code++)
		n += t->bits[code] != 0;
	t->n_few = n;
	for (uint32_t code = 0, k = 0; n <= INTEREST_FEW && code < t->n_codes; code++)
		if (t->bits[code])
			t->few[k++] = code;
}

enum rc interest_open(struct cursor *c, struct err *e)
{
	const struct scan_request *r = &c->request;
	struct interest *in = &c->interest;
	if (r->n_interest > INTEREST_MAX)
		return err_set(e, RC_USAGE, "a scan has more than %u conditions of interest", INTEREST_MAX);
	for (uint32_t i = 0; i < r->n_interest; i++) {
		const struct predicate *p = &r->interest[i];
		assert(p->kind != PREDICATE_PERSON && p->kind != PREDICATE_TEXT);
		if (p->kind != PREDICATE_CODES)
			continue;
		struct interest_table *t = table_of(in, p->column);
		if (p->n_codes >= t->n_codes) {
			uint32_t *bits = mem_realloc(t->bits, (p->n_codes + 1u) * sizeof *bits);
			if (!bits)
				return interest_nomem(e);
			memset(bits + t->n_codes, 0, (p->n_codes + 1u - t->n_codes) * sizeof *bits);
			t->bits = bits;
			t->n_codes = p->n_codes; // and one more for codes beyond, which has no bits
		}
		for (uint32_t code = 0; code < p->n_codes; code++)
			t->bits[code] |= p->code_wanted[code] ? 1u << i : 0;
		t->of |= 1u << i;
	}
	for (uint32_t i = 0; i < in->n_tables; i++)
		table_few(&in->tables[i]);
	return RC_OK;
}

static void arrays_free(struct interest *in)
{
	mem_free(in->row);
	mem_free(in->bits);
	mem_free(in->any);
	mem_free(in->measured);
	mem_free(in->before);
	in->row = in->bits = in->before = in->measured = NULL;
	in->any = NULL;
	in->capacity = 0;
}

void interest_free(struct interest *in)
{
	for (uint32_t i = 0; i < in->n_tables; i++)
		mem_free(in->tables[i].bits);
	arrays_free(in);
	mem_free(in->ordered);
	*in = (struct interest){0};
}

uint32_t interest_span_rows(const struct scan_request *r, const struct segment_chunk *chunk)
{
	uint64_t n_values = 0;
	for (uint32_t i = 0; i < r->n_interest; i++) {
		const struct predicate *p = &r->interest[i];
		if (p->kind != PREDICATE_MEASURE || p->wanted_absent)
			return SPAN_ROWS;
		const struct segment_column *x = segment_column_get(chunk, COLUMN_MEASURE0 + p->measure_slot);
		n_values += x ? x->n_present : 0;
	}
	return r->n_interest && n_values * 8 <= chunk->n_rows ? CHUNK_ROWS : SPAN_ROWS;
}

// --- which rows ---

static enum rc interest_fit(struct interest *in, uint32_t n, struct err *e)
{
	if (n <= in->capacity)
		return RC_OK;
	arrays_free(in);
	size_t rows = n + (size_t)n / 4 + 64, words = rows / 64 + 1;
	in->row = mem_alloc((rows + ROWS_SLACK) * sizeof *in->row);
	in->bits = mem_alloc(rows * sizeof *in->bits);
	in->any = mem_alloc(words * sizeof *in->any);
	in->measured = mem_calloc(rows, sizeof *in->measured);
	in->before = mem_alloc(words * sizeof *in->before);
	bool good = in->row && in->bits && in->any && in->measured && in->before;
	in->capacity = good ? rows - 1 : 0;
	return good ? RC_OK : interest_nomem(e);
}

// Sets the bits of rows whose code is in the table, row by row.
static void mark_codes(const struct interest_table *t, const uint32_t *code, uint32_t n, uint64_t *any)
{
	const uint32_t *table = t->bits;
	uint32_t n_codes = t->n_codes;
	for (uint32_t first = 0; first < n; first += 64) {
		uint32_t m = n - first < 64 ? n - first : 64;
		uint64_t word = 0;
		for (uint32_t i = 0; i < m; i++) {
			uint32_t x = code[first + i];
			word |= (uint64_t)(table[x < n_codes ? x : n_codes] != 0) << i;
		}
		any[first / 64] |= word;
	}
}

#if defined(__SSE2__)
#include <emmintrin.h>

// Which of 16 codes are x.
static inline uint64_t equal_16(const uint32_t *code, __m128i x)
{
	const __m128i *p = (const __m128i *)(const void *)code;
	__m128i a = _mm_cmpeq_epi32(_mm_loadu_si128(p), x), b = _mm_cmpeq_epi32(_mm_loadu_si128(p + 1), x);
	__m128i c = _mm_cmpeq_epi32(_mm_loadu_si128(p + 2), x), d = _mm_cmpeq_epi32(_mm_loadu_si128(p + 3), x);
	return (uint64_t)_mm_movemask_epi8(_mm_packs_epi16(_mm_packs_epi32(a, b), _mm_packs_epi32(c, d)));
}

// The same as mark_codes for few codes; returns how many rows it did.
static uint32_t mark_few(const struct interest_table *t, const uint32_t *code, uint32_t n, uint64_t *any)
{
	__m128i few[INTEREST_FEW];
	for (uint32_t k = 0; k < t->n_few; k++)
		few[k] = _mm_set1_epi32((int)t->few[k]);
	for (uint32_t first = 0; first + 64 <= n; first += 64) {
		uint64_t word = 0;
		for (uint32_t k = 0; k < t->n_few; k++)
			for (uint32_t i = 0; i < 64; i += 16)
				word |= equal_16(code + first + i, few[k]) << i;
		any[first / 64] |= word;
	}
	return n / 64 * 64;
}

// Sets the bits of rows whose number is not 0; returns how many rows it did.
static uint32_t mark_set(const uint32_t *v, uint32_t n, uint64_t *any)
{
	for (uint32_t first = 0; first + 64 <= n; first += 64) {
		uint64_t word = 0;
		for (uint32_t i = 0; i < 64; i += 16)
			word |= equal_16(v + first + i, _mm_setzero_si128()) << i;
		any[first / 64] |= ~word;
	}
	return n / 64 * 64;
}
#else
static uint32_t mark_few(const struct interest_table *t, const uint32_t *code, uint32_t n, uint64_t *any)
{
	(void)t, (void)code, (void)n, (void)any;
	return 0;
}

static uint32_t mark_set(const uint32_t *v, uint32_t n, uint64_t *any)
{
	(void)v, (void)n, (void)any;
	return 0;
}
#endif

static void mark_times(const struct predicate *p, const int64_t *at, uint32_t n, uint64_t *any)
{
	for (uint32_t first = 0; first < n; first += 64) {
		uint32_t m = n - first < 64 ? n - first : 64;
		uint64_t word = 0;
		for (uint32_t i = 0; i < m; i++)
			word |= (uint64_t)((at[first + i] >= p->from_ms) & (at[first + i] < p->to_ms)) << i;
		any[first / 64] |= word;
	}
}

// The conditions on measures among `some` that hold where there is no value.
static uint32_t measures_absent(const struct scan_request *r, uint32_t some)
{
	uint32_t absent = 0;
	for (uint32_t k = 0; k < r->n_interest; k++)
		absent |= (uint32_t)(r->interest[k].kind == PREDICATE_MEASURE && r->interest[k].wanted_absent)
			  << k;
	return absent & some;
}

// Which conditions on measures hold, by row: `measured`, all 0 before. Where they ask for values, as nearly always, this
// costs as much as there are values; those that want absence hold where there is none.
static void mark_measures(struct cursor *c, uint32_t some)
{
	const struct stage *st = &c->stage;
	struct interest *in = &c->interest;
	uint32_t absent = measures_absent(&c->request, some), n_rows = st->n, *restrict measured = in->measured;
	uint64_t *restrict any = in->any;
	for (uint32_t i = 0; absent && i < n_rows; i++)
		measured[i] = absent;
	for (uint32_t k = 0; k < c->request.n_interest; k++) {
		const struct predicate p = c->request.interest[k];
		if (p.kind != PREDICATE_MEASURE || !(some >> k & 1))
			continue;
		const uint32_t *row = st->measure_row[p.measure_slot], n = st->measure_n[p.measure_slot];
		const double *value = st->data[COLUMN_MEASURE0 + p.measure_slot];
		bool all_pass = st->scaled >> p.measure_slot & 1; // else values are as they are
		for (uint32_t i = 0; i < n; i++) {
			uint32_t passes = all_pass || predicate_value_passes(&p, value[i]), r = row[i];
			measured[r] = (measured[r] & ~(1u << k)) | passes << k;
			any[r / 64] |= (uint64_t)passes << r % 64;
		}
	}
	if (!absent)
		return;
	uint32_t done = mark_set(measured, n_rows, any);
	for (uint32_t i = done; i < n_rows; i++)
		any[i / 64] |= (uint64_t)(measured[i] != 0) << (i % 64);
}

// All 0 again.
static void forget_measures(struct cursor *c, uint32_t some)
{
	const struct stage *st = &c->stage;
	uint32_t *restrict measured = c->interest.measured;
	if (measures_absent(&c->request, some)) {
		memset(measured, 0, st->n * sizeof(*measured));
		return;
	}
	for (uint32_t k = 0; k < c->request.n_interest; k++) {
		const struct predicate *p = &c->request.interest[k];
		if (p->kind != PREDICATE_MEASURE || !(some >> k & 1))
			continue;
		const uint32_t *row = st->measure_row[p->measure_slot], n = st->measure_n[p->measure_slot];
		for (uint32_t i = 0; i < n; i++)
			measured[row[i]] = 0;
	}
}

// The rows of a word's bits; up to ROWS_SLACK more are written. Eight at a time, whether there are as many or not: how
// many there are is as good as random.
static inline uint32_t word_rows(uint64_t word, uint32_t first, uint32_t *row)
{
	uint32_t n = interest_ones(word);
	for (uint32_t done = 0; done < n; done += 8)
		for (uint32_t k = 0; k < 8; k++) {
			row[done + k] = first + (uint32_t)__builtin_ctzll(word | 1ull << 63);
			word &= word - 1;
		}
	return n;
}

// The rows that are marked; those that the predicates left out only if keep is NULL. The marks become theirs, and
// `before` the number of them before each word.
static uint32_t rows_collect(struct interest *in, const uint8_t *keep, uint32_t n)
{
	uint32_t found = 0, words = (n + 63) / 64;
	if (n % 64)
		in->any[words - 1] &= (1ull << (n % 64)) - 1;
	for (uint32_t w = 0; w < words; w++) {
		uint64_t left = in->any[w], kept = left;
		in->before[w] = found;
		if (!keep) {
			found += word_rows(left, w * 64, in->row + found);
			continue;
		}
		for (; left; left &= left - 1) {
			uint32_t row = w * 64 + (uint32_t)__builtin_ctzll(left);
			bool passes = keep[row];
			in->row[found] = row;
			found += passes;
			kept &= passes ? UINT64_MAX : ~(left & -left);
		}
		in->any[w] = kept;
	}
	return found;
}

// --- which conditions hold for them ---

static void bits_of_codes(const struct interest_table *t, const uint32_t *code, const struct interest *in)
{
	const uint32_t *table = t->bits, *row = in->row;
	uint32_t n_codes = t->n_codes, n = in->n, *restrict bits = in->bits;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t x = code[row[i]];
		bits[i] |= table[x < n_codes ? x : n_codes];
	}
}

static void bits_fill(struct cursor *c, uint32_t some, bool measures)
{
	struct interest *in = &c->interest;
	const struct stage *st = &c->stage;
	const uint32_t n = in->n, *row = in->row, *measured = in->measured;
	uint32_t *restrict bits = in->bits;
	if (!measures)
		memset(bits, 0, n * sizeof(*bits));
	for (uint32_t i = 0; measures && i < n; i++)
		bits[i] = measured[row[i]];
	for (uint32_t i = 0; i < in->n_tables; i++)
		if (in->tables[i].of & some)
			bits_of_codes(&in->tables[i], st->data[COLUMN_CODE0 + in->tables[i].column], in);
	for (uint32_t i = 0; i < c->request.n_interest; i++) {
		const struct predicate *p = &c->request.interest[i];
		const int64_t *at = st->data[COLUMN_AT];
		if (!(some >> i & 1) || p->kind != PREDICATE_TIME)
			continue;
		for (uint32_t k = 0; k < in->n; k++)
			if (at[in->row[k]] >= p->from_ms && at[in->row[k]] < p->to_ms)
				in->bits[k] |= 1u << i;
	}
}

static bool is_measure_asked(const struct scan_request *r, const struct predicate *p)
{
	return predicate_asks_presence(p) && !(r->columns.measures & ~(1ull << p->measure_slot));
}

// A single condition, which holds for all values of the only measure asked for: these tell the rows.
static enum rc rows_of_measure(struct cursor *c, uint32_t k, struct err *e)
{
	struct interest *in = &c->interest;
	const struct stage *st = &c->stage;
	unsigned slot = c->request.interest[k].measure_slot;
	enum rc rc = cursor_load(c, COLUMN_MEASURE0 + slot, e);
	if (rc)
		return rc;
	in->n = st->measure_n[slot];
	in->of_measure = slot;
	memcpy(in->row, st->measure_row[slot], in->n * sizeof *in->row);
	for (uint32_t i = 0; c->request.interest_bits && i < in->n; i++)
		in->bits[i] = 1u << k;
	return RC_OK;
}

// `some`: the conditions that statistics do not exclude.
static enum rc rows_find(struct cursor *c, uint32_t some, const uint8_t *keep, struct err *e)
{
	struct interest *in = &c->interest;
	struct stage *st = &c->stage;
	memset(in->any, 0, (st->n / 64 + 1u) * sizeof *in->any);
	for (uint32_t i = 0; i < in->n_tables; i++) {
		const struct interest_table *t = &in->tables[i];
		if (!(t->of & some))
			continue;
		enum rc rc = cursor_load(c, COLUMN_CODE0 + t->column, e);
		if (rc)
			return rc;
		const uint32_t *code = st->data[COLUMN_CODE0 + t->column];
		uint32_t done = t->n_few <= INTEREST_FEW ? mark_few(t, code, st->n, in->any) : 0;
		mark_codes(t, code + done, st->n - done, in->any + done / 64);
	}
	bool measures = false;
	for (uint32_t i = 0; i < c->request.n_interest; i++) {
		const struct predicate *p = &c->request.interest[i];
		if (p->kind == PREDICATE_CODES || !(some >> i & 1))
			continue;
		enum rc rc = cursor_load(c, predicate_column(p), e);
		if (rc)
			return rc;
		if (p->kind == PREDICATE_TIME)
			mark_times(p, st->data[COLUMN_AT], st->n, in->any);
		measures |= p->kind == PREDICATE_MEASURE;
	}
	if (measures)
		mark_measures(c, some);
	in->n = rows_collect(in, keep, st->n);
	if (c->request.interest_bits)
		bits_fill(c, some, measures);
	if (measures)
		forget_measures(c, some);
	return RC_OK;
}

enum rc interest_find(struct cursor *c, uint32_t n_keep, struct err *e)
{
	const struct scan_request *r = &c->request;
	struct interest *in = &c->interest;
	uint32_t some = 0, all = 0;
	in->n = 0;
	for (uint32_t i = 0; i < r->n_interest; i++) {
		enum verdict v = filter_stage_verdict(c, &r->interest[i]);
		some |= v != PASS_NONE ? 1u << i : 0;
		all |= v == PASS_ALL ? 1u << i : 0;
	}
	bool few = !r->all_rows && n_keep < c->stage.n / FEW_KEPT;
	in->everything = all && !r->interest_bits && !few;
	if (in->everything || !some)
		return RC_OK;
	enum rc rc = interest_fit(in, c->stage.n, e);
	if (rc)
		return rc;
	const uint8_t *keep = n_keep < c->stage.n && !r->all_rows ? c->stage.keep : NULL;
	uint32_t k = (uint32_t)__builtin_ctz(some);
	in->of_measure = UINT32_MAX;
	if (!keep && !r->ordered && some == 1u << k && is_measure_asked(r, &r->interest[k]))
		return rows_of_measure(c, k, e);
	return rows_find(c, some, keep, e);
}

enum rc interest_order(struct cursor *c, struct err *e)
{
	struct interest *in = &c->interest;
	if (mem_grow((void **)&in->ordered, &in->ordered_capacity, in->n + 1u, sizeof *in->ordered))
		return interest_nomem(e);
	uint32_t *to = in->ordered;
	for (uint32_t r = 0; r < c->order.n_runs; r++) {
		const struct run *run = &c->order.runs[r];
		memcpy(to, in->bits + run->from, run->n * sizeof *to);
		to += run->n;
	}
	return RC_OK;
}
