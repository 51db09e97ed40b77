// SPDX-License-Identifier: Apache-2.0
// Batches being filled: one interaction after the other becomes a compact record.
//
// Invariants:
//  1. keys[i] belongs to the i-th record; the sum of record_bytes is records.len.
//  2. A row that is refused leaves keys and records as they were (a name that it brought first may stay listed).
//  3. The identity of an interaction is id_key: hash64 of source, NUL, id; without an id a hash of the content
//     without the time of receipt, so that the same content is the same interaction however often it comes.
#include "base/dict.h"
#include "base/hash.h"
#include "base/mem.h"
#include "journey/batch_internal.h"

#include <math.h>
#include <string.h>

enum { BATCH_MAGIC = 0x62617431, RECORD_FIXED_MAX = 1500 };
static_assert(RECORD_FIXED_MAX > 3 + 2 * 10 + 6 * 5 + DESIGN_DIMENSIONS_MAX * 6 + DESIGN_MEASURES_MAX * 11 +
					 (INTERACTION_IDENTITIES_MAX + 6) * 5 + 10,
	"room for all that has a bounded size");

struct batch *batch_new(const struct design *design)
{
	struct batch *b = mem_calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	b->magic = BATCH_MAGIC;
	b->design = design;
	b->records = buf_new(BATCH_BYTES_MAX);
	b->packed = buf_new(BATCH_IMAGE_MAX);
	b->touchpoint_code = mem_calloc(design->n_touchpoints, sizeof(uint32_t));
	b->touchpoint_used = mem_calloc(design->n_touchpoints, sizeof(uint32_t));
	bool ok = b->touchpoint_code && b->touchpoint_used;
	for (uint32_t k = NAME_CHANNEL; ok && k < BATCH_PLAIN_KINDS; k++) {
		b->names[k] = dict_new(BATCH_ROWS_MAX);
		ok = b->names[k] != NULL;
	}
	if (!ok)
		batch_free(&b);
	return b;
}

void batch_free(struct batch **batch)
{
	struct batch *b = *batch;
	if (!b)
		return;
	assert(b->magic == BATCH_MAGIC);
	for (uint32_t k = 0; k < BATCH_PLAIN_KINDS; k++)
		dict_free(&b->names[k]);
	for (uint32_t d = 0; d < DESIGN_DIMENSIONS_MAX; d++)
		dict_free(&b->values[d]);
	mem_free(b->touchpoint_code);
	mem_free(b->touchpoint_used);
	mem_free(b->keys);
	buf_free(&b->records);
	buf_free(&b->packed);
	mem_free(b->image);
	b->magic = 0;
	mem_free(b);
	*batch = NULL;
}

uint32_t batch_count(const struct batch *b)
{
	return b->n;
}

size_t batch_bytes(const struct batch *b)
{
	return b->records.len + b->n * (sizeof(struct batch_key) + 4);
}

void batch_clear(struct batch *b)
{
	b->n = 0;
	buf_clear(&b->records);
	buf_clear(&b->packed);
	b->is_packed = false;
	for (uint32_t k = NAME_CHANNEL; k < BATCH_PLAIN_KINDS; k++)
		dict_clear(b->names[k]);
	memset(b->last, 0, sizeof(b->last));
	for (uint32_t d = 0; d < b->n_dimensions_used; d++)
		dict_clear(b->values[d]);
	memset(b->touchpoint_code, 0, b->design->n_touchpoints * sizeof(uint32_t));
	memset(b->measure_code, 0, sizeof(b->measure_code));
	memset(b->dimension_code, 0, sizeof(b->dimension_code));
	b->n_touchpoints_used = b->n_measures_used = b->n_dimensions_used = 0;
}

// --- checking ---

static enum rc too_long(struct err *e, const char *what, size_t len, size_t max)
{
	enum rc rc = err_set(e, RC_INPUT, "%s is longer than the %zu bytes allowed: %zu", what, max, len);
	err_remedy(e, "shorten it in the mapping or at the source");
	return rc;
}

static enum rc check_lengths(const struct interaction *x, struct err *e)
{
	const struct {
		const char *what;
		size_t len, max;
	} limits[] = {
		{"source", x->source.len, NAME_BYTES_MAX},
		{"event", x->event.len, NAME_BYTES_MAX},
		{"channel", x->channel.len, NAME_BYTES_MAX},
		{"agent", x->agent.len, NAME_BYTES_MAX},
		{"location", x->location.len, NAME_BYTES_MAX},
		{"id", x->id.len, NAME_BYTES_MAX},
		{"promise", x->promise.len, NAME_BYTES_MAX},
		{"keeps", x->keeps.len, NAME_BYTES_MAX},
		{"text", x->text.len, TEXT_BYTES_MAX},
		{"properties", x->properties.len, TEXT_BYTES_MAX},
	};
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (limits[i].len > limits[i].max)
			return too_long(e, limits[i].what, limits[i].len, limits[i].max);
	return RC_OK;
}

static enum rc check_customer(const struct interaction *x, struct err *e)
{
	if (x->n_identities == 0 || x->identities[0].value.len == 0) {
		enum rc rc = err_set(e, RC_INPUT, "no customer: the interaction has no identity");
		err_remedy(e, "map a column to customer");
		return rc;
	}
	if (x->n_identities > INTERACTION_IDENTITIES_MAX)
		return err_set(e, RC_INPUT, "more than the %d identities allowed: %u",
			INTERACTION_IDENTITIES_MAX, x->n_identities);
	for (uint32_t i = 0; i < x->n_identities; i++) {
		const struct identity *id = &x->identities[i];
		if (id->type.len > NAME_BYTES_MAX)
			return too_long(e, "type of an identity", id->type.len, NAME_BYTES_MAX);
		if (id->value.len > NAME_BYTES_MAX)
			return too_long(e, "value of an identity", id->value.len, NAME_BYTES_MAX);
	}
	return RC_OK;
}

static enum rc check_time(int64_t ms, const char *what, struct err *e)
{
	if (ms >= AT_MIN_MS && ms < AT_MAX_MS)
		return RC_OK;
	enum rc rc = err_set(e, RC_INPUT, "%s is outside the years 1900 to 2199: %lld ms", what, (long long)ms);
	err_remedy(e, "check the time format in the mapping");
	return rc;
}

static enum rc check_numbers(const struct design *d, const struct interaction *x, struct err *e)
{
	if (x->n_measures > DESIGN_MEASURES_MAX)
		return err_set(e, RC_INPUT, "more than the %d measures allowed: %u", DESIGN_MEASURES_MAX,
			x->n_measures);
	uint64_t seen = 0;
	static_assert(DESIGN_MEASURES_MAX <= 64, "one bit each");
	for (uint32_t i = 0; i < x->n_measures; i++) {
		assert(x->measures[i].measure < d->n_measures);
		uint64_t bit = UINT64_C(1) << x->measures[i].measure;
		if (seen & bit)
			return err_set(e, RC_INPUT, "measure %.*s is given twice",
				SV_ARG(d->measures[x->measures[i].measure].name));
		seen |= bit;
		if (isnan(x->measures[i].value))
			return err_set(e, RC_INPUT, "measure %.*s is not a number",
				SV_ARG(d->measures[x->measures[i].measure].name));
	}
	for (uint32_t i = 0; i < d->n_dimensions; i++)
		if (x->dimensions[i].len > NAME_BYTES_MAX)
			return too_long(e, "value of a dimension", x->dimensions[i].len, NAME_BYTES_MAX);
	return RC_OK;
}

enum rc interaction_check(const struct design *d, const struct interaction *x, struct err *e)
{
	enum rc rc = check_customer(x, e);
	if (rc == RC_OK)
		rc = check_time(x->at_ms, "at", e);
	if (rc == RC_OK && x->received_ms != TIME_NONE)
		rc = check_time(x->received_ms, "received", e);
	if (rc == RC_OK && x->due_ms != TIME_NONE)
		rc = check_time(x->due_ms, "due", e);
	if (rc == RC_OK)
		rc = check_lengths(x, e);
	if (rc == RC_OK)
		rc = check_numbers(d, x, e);
	return rc;
}

// --- identity ---

static uint64_t chain(uint64_t h, struct sv s)
{
	return hash64_seed(s.len ? s.ptr : "", s.len, h);
}

// Measures and paths are summed, because their order is the design's and not the content's.
static uint64_t content_key(const struct design *d, const struct interaction *x)
{
	uint64_t h = chain(0, SV("content"));
	const struct sv parts[] = {x->source, x->event, x->channel, x->agent, x->location, x->promise, x->keeps,
		x->text, x->properties};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		h = chain(h, parts[i]);
	for (uint32_t i = 0; i < x->n_identities; i++)
		h = chain(chain(h, x->identities[i].type), x->identities[i].value);
	const int64_t times[2] = {x->at_ms, x->promise.len ? x->due_ms : 0};
	h = hash64_seed(times, sizeof(times), h);
	uint64_t sum = 0;
	for (uint32_t i = 0; i < x->n_measures; i++) {
		double value = x->measures[i].value;
		sum += hash64_seed(&value, sizeof(value), chain(1, d->measures[x->measures[i].measure].name));
	}
	// What properties do not hold can still tell two rows apart.
	for (uint32_t i = 0; x->properties.len == 0 && i < d->n_paths; i++)
		if (x->paths[i].ptr)
			sum += chain(chain(2, d->paths[i]), x->paths[i]);
	return hash64_seed(&sum, sizeof(sum), h);
}

uint64_t batch_id_key(const struct design *d, const struct interaction *x)
{
	if (x->id.len == 0)
		return content_key(d, x);
	char bytes[2 * NAME_BYTES_MAX + 1];
	size_t n = x->source.len;
	if (n)
		memcpy(bytes, x->source.ptr, n);
	bytes[n++] = '\0';
	memcpy(bytes + n, x->id.ptr, x->id.len);
	return hash64(bytes, n + x->id.len);
}

// --- names ---

// The code of a name in a dictionary of the batch, from 1. A new name must be UTF-8.
static enum rc dict_code(struct dict *d, struct sv name, uint32_t *code, struct err *e)
{
	uint32_t found = dict_find(d, name);
	if (found == DICT_NONE) {
		size_t bad;
		if (!sv_utf8_valid(name, &bad))
			return err_set(e, RC_INPUT, "a name is not UTF-8: byte %zu of %zu", bad + 1, name.len);
		found = dict_add(d, name);
		if (found == DICT_NONE)
			return err_set(e, RC_NOMEM, "out of memory for the names of a batch");
	}
	*code = found + 1;
	return RC_OK;
}

static enum rc plain_code(struct batch *b, enum name_kind kind, struct sv name, uint32_t *code, struct err *e)
{
	struct batch_name_cache *last = &b->last[kind];
	if (name.len == 0) {
		*code = NAME_NONE;
		return RC_OK;
	}
	if (last->code && sv_equal(last->last, name)) {
		*code = last->code;
		return RC_OK;
	}
	enum rc rc = dict_code(b->names[kind], name, code, e);
	if (rc == RC_OK) {
		last->code = *code;
		last->last = dict_at(b->names[kind], *code - 1);
	}
	return rc;
}

// The batch's code of an index into the design, given out on first use.
static uint32_t index_code(uint32_t *code, uint32_t *used, uint32_t *n_used, uint32_t index)
{
	if (code[index] == 0) {
		used[*n_used] = index;
		code[index] = ++*n_used;
	}
	return code[index];
}

static enum rc dimension_value_code(
	struct batch *b, uint32_t dimension, struct sv value, uint32_t *slot, uint32_t *code, struct err *e)
{
	*slot = index_code(b->dimension_code, b->dimension_used, &b->n_dimensions_used, dimension);
	struct dict **d = &b->values[*slot - 1];
	if (!*d)
		*d = dict_new(BATCH_ROWS_MAX);
	if (!*d)
		return err_set(e, RC_NOMEM, "out of memory for the names of a batch");
	return dict_code(*d, value, code, e);
}

// --- encoding ---

static uint8_t *put_varint(uint8_t *p, uint64_t v)
{
	while (v >= 0x80) {
		*p++ = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	*p++ = (uint8_t)v;
	return p;
}

static uint8_t *put_zigzag(uint8_t *p, int64_t v)
{
	return put_varint(p, ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0));
}

static uint8_t *put_bytes(uint8_t *p, struct sv s)
{
	if (s.len)
		memcpy(p, s.ptr, s.len);
	return p + s.len;
}

static uint8_t *put_blob(uint8_t *p, struct sv s)
{
	return put_bytes(put_varint(p, s.len), s);
}

static size_t varint_bytes(uint64_t v)
{
	size_t n = 1;
	while (v >= 0x80) {
		n++;
		v >>= 7;
	}
	return n;
}

// Whole numbers, which most measures are, take a few bytes; the rest (and −0) the 8 of the double.
static uint8_t *put_measure(uint8_t *p, uint32_t code, double value)
{
	int64_t whole = value >= -9e15 && value <= 9e15 ? (int64_t)value : INT64_MIN;
	double back = (double)whole;
	if (memcmp(&back, &value, sizeof(value)) == 0)
		return put_zigzag(put_varint(p, (uint64_t)code << 1 | 1), whole);
	p = put_varint(p, (uint64_t)code << 1);
	memcpy(p, &value, sizeof(value));
	return p + sizeof(value);
}

static uint8_t *put_identities(uint8_t *p, const struct interaction *x)
{
	size_t total = 0;
	for (uint32_t i = 0; i < x->n_identities; i++) {
		size_t n = x->identities[i].type.len + 1 + x->identities[i].value.len;
		total += varint_bytes(n) + n;
	}
	p = put_varint(p, total);
	for (uint32_t i = 0; i < x->n_identities; i++) {
		const struct identity *id = &x->identities[i];
		p = put_varint(p, id->type.len + 1 + id->value.len);
		p = put_bytes(p, id->type);
		*p++ = ':';
		p = put_bytes(p, id->value);
	}
	return p;
}

// The codes of a row, found before anything is written.
struct row_codes {
	uint32_t plain[BATCH_PLAIN_KINDS];
	uint32_t n_dimensions;
	uint32_t slot[DESIGN_DIMENSIONS_MAX], value[DESIGN_DIMENSIONS_MAX];
};

static enum rc find_codes(struct batch *b, const struct interaction *x, struct row_codes *c, struct err *e)
{
	const struct sv plain[BATCH_PLAIN_KINDS] = {
		[NAME_CHANNEL] = x->channel,
		[NAME_EVENT] = x->event,
		[NAME_SOURCE] = x->source,
		[NAME_AGENT] = x->agent,
		[NAME_LOCATION] = x->location,
	};
	enum rc rc = RC_OK;
	for (uint32_t k = NAME_CHANNEL; rc == RC_OK && k < BATCH_PLAIN_KINDS; k++)
		rc = plain_code(b, (enum name_kind)k, plain[k], &c->plain[k], e);
	c->n_dimensions = 0;
	for (uint32_t i = 0; rc == RC_OK && i < b->design->n_dimensions; i++) {
		if (x->dimensions[i].len == 0)
			continue;
		uint32_t at = c->n_dimensions++;
		rc = dimension_value_code(b, i, x->dimensions[i], &c->slot[at], &c->value[at], e);
	}
	c->plain[NAME_TOUCHPOINT] = NAME_NONE;
	if (rc == RC_OK && x->touchpoint != TOUCHPOINT_NONE) {
		assert(x->touchpoint < b->design->n_touchpoints);
		c->plain[NAME_TOUCHPOINT] = index_code(
			b->touchpoint_code, b->touchpoint_used, &b->n_touchpoints_used, x->touchpoint);
	}
	return rc;
}

static uint32_t flags_of(const struct interaction *x, const struct row_codes *c)
{
	uint32_t flags = 0;
	if (x->received_ms != TIME_NONE && x->received_ms != x->at_ms)
		flags |= RECORD_RECEIVED;
	if (x->promise.len && x->due_ms != TIME_NONE)
		flags |= RECORD_DUE;
	flags |= (c->n_dimensions ? RECORD_DIMENSIONS : 0u) | (x->n_measures ? RECORD_MEASURES : 0u) |
		 (x->promise.len ? RECORD_PROMISE : 0u) | (x->keeps.len ? RECORD_KEEPS : 0u) |
		 (x->id.len ? RECORD_ID : 0u) | (x->text.len ? RECORD_TEXT : 0u) |
		 (x->properties.len ? RECORD_PROPERTIES : 0u);
	return flags;
}

static uint8_t *put_record(struct batch *b, uint8_t *p, const struct interaction *x, const struct row_codes *c)
{
	uint32_t flags = flags_of(x, c);
	p = put_varint(p, flags);
	for (uint32_t k = 0; k < BATCH_PLAIN_KINDS; k++)
		p = put_varint(p, c->plain[k]);
	p = put_identities(p, x);
	if (flags & RECORD_RECEIVED)
		p = put_zigzag(p, x->received_ms - x->at_ms);
	if (flags & RECORD_DUE)
		p = put_zigzag(p, x->due_ms - x->at_ms);
	if (flags & RECORD_DIMENSIONS)
		p = put_varint(p, c->n_dimensions);
	for (uint32_t i = 0; i < c->n_dimensions; i++)
		p = put_varint(put_varint(p, c->slot[i]), c->value[i]);
	if (flags & RECORD_MEASURES)
		p = put_varint(p, x->n_measures);
	for (uint32_t i = 0; i < x->n_measures; i++)
		p = put_measure(p,
			index_code(
				b->measure_code, b->measure_used, &b->n_measures_used, x->measures[i].measure),
			x->measures[i].value);
	const struct sv blobs[] = {x->promise, x->keeps, x->id, x->text, x->properties};
	for (size_t i = 0; i < sizeof(blobs) / sizeof(blobs[0]); i++)
		if (blobs[i].len)
			p = put_blob(p, blobs[i]);
	return p;
}

enum rc batch_add(struct batch *b, const struct interaction *x, struct err *e)
{
	assert(b->magic == BATCH_MAGIC);
	enum rc rc = interaction_check(b->design, x, e);
	if (rc != RC_OK)
		return rc;
	size_t most =
		RECORD_FIXED_MAX + x->promise.len + x->keeps.len + x->id.len + x->text.len + x->properties.len;
	for (uint32_t i = 0; i < x->n_identities; i++)
		most += x->identities[i].type.len + x->identities[i].value.len + 1;
	if (b->n >= BATCH_ROWS_MAX || most > BATCH_BYTES_MAX - b->records.len)
		return err_set(e, RC_LIMIT, "the batch is full (%u interactions)", b->n);
	if (mem_grow((void **)&b->keys, &b->keys_capacity, b->n + 1, sizeof(struct batch_key)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for a batch");
	struct row_codes codes;
	rc = find_codes(b, x, &codes, e);
	if (rc != RC_OK)
		return rc;
	uint8_t *start = buf_reserve(&b->records, most);
	if (!start) {
		b->records.rc = RC_OK;
		return err_set(e, RC_NOMEM, "out of memory for a batch");
	}
	uint8_t *end = put_record(b, start, x, &codes);
	assert((size_t)(end - start) <= most);
	b->records.len += (size_t)(end - start);
	b->keys[b->n++] = (struct batch_key){
		.person = person_of(x->identities[0].type, x->identities[0].value),
		.id_key = batch_id_key(b->design, x),
		.at_ms = x->at_ms,
		.record_bytes = (uint32_t)(end - start),
	};
	b->is_packed = false;
	return RC_OK;
}
