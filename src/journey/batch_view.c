// SPDX-License-Identifier: Apache-2.0
// Packed batches read back: the image in memory, with the batch's own codes mapped to those of the data directory.
//
// Invariants of an open view:
//  1. The record of row i is bytes start[i] … start[i + 1] of `records`; start[n] is their length.
//  2. map[list][code] is the data directory's code for every code that the list has; code 0 maps to 0.
// A record may still be wrong inside (the checksum says only that it is as it was written): batch_view_row checks.
#include "base/hash.h"
#include "base/mem.h"
#include "journey/batch_internal.h"

#include <zstd.h>

struct batch_view {
	struct batch_header header;
	uint8_t *image;
	size_t image_bytes;
	const uint64_t *persons, *id_keys;
	const int64_t *times;
	const uint8_t *records;
	uint32_t *start;
	uint32_t *codes; // all maps, one after the other
	size_t n_codes, codes_capacity;
	uint32_t list_first[BATCH_LISTS_MAX]; // in codes
	uint32_t list_n[BATCH_LISTS_MAX];     // codes of the list, 0 included
};

enum { LIST_MEASURES = BATCH_PLAIN_KINDS, LIST_DIMENSIONS, LIST_VALUES };

static enum rc damaged(struct err *e, const char *what)
{
	enum rc rc = err_set(e, RC_CORRUPT, "a batch in the inbox is damaged: %s", what);
	err_remedy(e, "restore the data directory from a backup");
	return rc;
}

static enum rc unpack(struct batch_view *v, struct sv packed, struct err *e)
{
	if (packed.len < 2)
		return damaged(e, "too short");
	if ((uint8_t)packed.ptr[0] != BATCH_VERSION)
		return err_set(e, RC_VERSION, "a batch in the inbox is of format %u; this program knows %u",
			(unsigned)(uint8_t)packed.ptr[0], BATCH_VERSION);
	unsigned long long n = ZSTD_getFrameContentSize(packed.ptr + 1, packed.len - 1);
	if (n == ZSTD_CONTENTSIZE_ERROR || n == ZSTD_CONTENTSIZE_UNKNOWN || n > BATCH_IMAGE_MAX ||
		n < sizeof(struct batch_header))
		return damaged(e, "its size");
	v->image_bytes = (size_t)n;
	v->image = mem_alloc(v->image_bytes);
	if (!v->image)
		return err_set(e, RC_NOMEM, "out of memory for a batch of %zu bytes", v->image_bytes);
	size_t got = ZSTD_decompress(v->image, v->image_bytes, packed.ptr + 1, packed.len - 1);
	if (ZSTD_isError(got))
		return damaged(e, ZSTD_getErrorName(got));
	if (got != v->image_bytes)
		return damaged(e, "its length");
	return RC_OK;
}

// Finds the parts of the image and the starts of the records.
static enum rc lay_out(struct batch_view *v, struct sv *names, struct err *e)
{
	memcpy(&v->header, v->image, sizeof(v->header));
	size_t n = v->header.n;
	if (n > BATCH_ROWS_MAX || v->header.records_bytes > BATCH_BYTES_MAX ||
		sizeof(v->header) + 28 * n + v->header.names_bytes + v->header.records_bytes != v->image_bytes)
		return damaged(e, "its parts do not add up");
	const uint8_t *keys = v->image + sizeof(v->header);
	v->persons = (const uint64_t *)(const void *)keys;
	v->times = (const int64_t *)(const void *)(keys + 8 * n);
	v->id_keys = (const uint64_t *)(const void *)(keys + 16 * n);
	const uint8_t *lengths = keys + 24 * n;
	*names = (struct sv){(const char *)keys + 28 * n, v->header.names_bytes};
	v->records = keys + 28 * n + v->header.names_bytes;
	v->start = mem_alloc((n + 1) * sizeof(uint32_t));
	if (!v->start)
		return err_set(e, RC_NOMEM, "out of memory for a batch");
	uint64_t at = 0;
	for (size_t i = 0; i < n; i++) {
		uint32_t length;
		memcpy(&length, lengths + 4 * i, 4);
		v->start[i] = (uint32_t)at;
		at += length;
		if (at > v->header.records_bytes)
			return damaged(e, "its records do not add up");
	}
	v->start[n] = (uint32_t)at;
	return at == v->header.records_bytes ? RC_OK : damaged(e, "its records do not add up");
}

struct name_source {
	uint32_t (*code_of)(void *context, enum name_kind kind, struct sv name);
	void *context;
};

static enum rc read_list(struct batch_view *v, struct rd *r, uint32_t list, enum name_kind kind,
	const struct name_source *source, struct err *e)
{
	uint64_t n = rd_varint(r);
	if (r->bad || n > BATCH_ROWS_MAX + 1u || n > (size_t)(r->end - r->p))
		return damaged(e, "its list of names");
	if (mem_grow((void **)&v->codes, &v->codes_capacity, v->n_codes + n + 1, sizeof(uint32_t)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for the names of a batch");
	v->list_first[list] = (uint32_t)v->n_codes;
	v->list_n[list] = (uint32_t)n + 1;
	v->codes[v->n_codes++] = NAME_NONE;
	for (uint64_t i = 0; i < n; i++) {
		struct sv name = rd_blob(r);
		if (r->bad || name.len == 0 || name.len > NAME_BYTES_MAX)
			return damaged(e, "a name");
		uint32_t code = source->code_of(source->context, kind, name);
		if (code == NAME_NONE) {
			return err_set(e, RC_CORRUPT,
				"a batch in the inbox has a name that the store does not know: %.*s",
				SV_ARG(name));
		}
		v->codes[v->n_codes++] = code;
	}
	return RC_OK;
}

static enum rc read_names(
	struct batch_view *v, struct sv names, const struct name_source *source, struct err *e)
{
	struct rd r = rd_new(names);
	enum rc rc = RC_OK;
	for (uint32_t k = 0; rc == RC_OK && k < BATCH_PLAIN_KINDS; k++)
		rc = read_list(v, &r, k, (enum name_kind)k, source, e);
	if (rc == RC_OK)
		rc = read_list(v, &r, LIST_MEASURES, NAME_MEASURE, source, e);
	if (rc == RC_OK)
		rc = read_list(v, &r, LIST_DIMENSIONS, NAME_DIMENSION, source, e);
	if (rc != RC_OK)
		return rc;
	uint32_t n_dimensions = v->list_n[LIST_DIMENSIONS] - 1;
	if (n_dimensions > DESIGN_DIMENSIONS_MAX || v->list_n[LIST_MEASURES] - 1 > DESIGN_MEASURES_MAX)
		return damaged(e, "its list of names");
	for (uint32_t i = 0; rc == RC_OK && i < n_dimensions; i++) {
		uint32_t slot = v->codes[v->list_first[LIST_DIMENSIONS] + 1 + i] - 1;
		if (slot >= DESIGN_DIMENSIONS_MAX)
			return damaged(e, "a dimension");
		rc = read_list(v, &r, LIST_VALUES + i, (enum name_kind)(NAME_DIMENSION0 + slot), source, e);
	}
	if (rc == RC_OK && r.p != r.end)
		rc = damaged(e, "its list of names");
	return rc;
}

// Makes a view of an image; what fails closes it.
static enum rc finish_open(
	struct batch_view *v, const struct name_source *source, struct batch_view **out, struct err *e)
{
	struct sv names = SV_NONE;
	enum rc rc = lay_out(v, &names, e);
	if (rc == RC_OK)
		rc = read_names(v, names, source, e);
	if (rc != RC_OK)
		batch_view_close(&v);
	*out = v;
	return rc;
}

enum rc batch_view_open(struct sv packed,
	uint32_t (*code_of)(void *context, enum name_kind kind, struct sv name), void *context,
	struct batch_view **out, struct err *e)
{
	*out = NULL;
	struct batch_view *v = mem_calloc(1, sizeof(*v));
	if (!v)
		return err_set(e, RC_NOMEM, "out of memory for a batch");
	const struct name_source source = {code_of, context};
	enum rc rc = unpack(v, packed, e);
	if (rc == RC_OK)
		return finish_open(v, &source, out, e);
	batch_view_close(&v);
	return rc;
}

enum rc batch_view_adopt(uint8_t *image, size_t bytes,
	uint32_t (*code_of)(void *context, enum name_kind kind, struct sv name), void *context,
	struct batch_view **out, struct err *e)
{
	*out = NULL;
	struct batch_view *v = mem_calloc(1, sizeof(*v));
	if (!v) {
		mem_free(image);
		return err_set(e, RC_NOMEM, "out of memory for a batch");
	}
	const struct name_source source = {code_of, context};
	v->image = image;
	v->image_bytes = bytes;
	return finish_open(v, &source, out, e);
}

void batch_view_close(struct batch_view **view)
{
	struct batch_view *v = *view;
	if (!v)
		return;
	mem_free(v->image);
	mem_free(v->start);
	mem_free(v->codes);
	mem_free(v);
	*view = NULL;
}

uint32_t batch_view_count(const struct batch_view *v)
{
	return v->header.n;
}

const uint64_t *batch_view_persons(const struct batch_view *v)
{
	return v->persons;
}

const int64_t *batch_view_times(const struct batch_view *v)
{
	return v->times;
}

const uint64_t *batch_view_id_keys(const struct batch_view *v)
{
	return v->id_keys;
}

size_t batch_view_bytes(const struct batch_view *v)
{
	return v->image_bytes + v->header.n * sizeof(uint32_t) + v->codes_capacity * sizeof(uint32_t);
}

uint64_t batch_view_design(const struct batch_view *v)
{
	return v->header.design_hash;
}

bool batch_view_has_id(const struct batch_view *v, uint32_t i)
{
	struct rd r = {v->records + v->start[i], v->records + v->start[i + 1], false};
	return rd_varint(&r) & RECORD_ID;
}

void batch_view_prefetch_start(const struct batch_view *v, uint32_t i)
{
	__builtin_prefetch(&v->start[i]);
}

void batch_view_prefetch(const struct batch_view *v, uint32_t i)
{
	__builtin_prefetch(v->records + v->start[i]);
	__builtin_prefetch(v->records + v->start[i] + 64);
}

// --- one row ---

static uint32_t map(const struct batch_view *v, uint32_t list, uint64_t code, struct rd *r)
{
	if (code >= v->list_n[list]) {
		r->bad = true;
		return NAME_NONE;
	}
	return v->codes[v->list_first[list] + code];
}

static void read_dimensions(const struct batch_view *v, struct rd *r, struct row *out)
{
	uint64_t n = rd_varint(r);
	if (n > DESIGN_DIMENSIONS_MAX)
		r->bad = true;
	for (uint64_t i = 0; !r->bad && i < n; i++) {
		uint64_t local = rd_varint(r), value = rd_varint(r);
		uint32_t slot = map(v, LIST_DIMENSIONS, local, r);
		if (local == 0 || slot == 0)
			r->bad = true;
		if (!r->bad)
			out->code[CODE_DIMENSION0 + slot - 1] =
				map(v, LIST_VALUES + (uint32_t)local - 1, value, r);
	}
}

static void read_measures(const struct batch_view *v, struct rd *r, struct row *out)
{
	uint64_t n = rd_varint(r);
	if (n > DESIGN_MEASURES_MAX)
		r->bad = true;
	for (uint64_t i = 0; !r->bad && i < n; i++) {
		uint64_t head = rd_varint(r);
		double value = head & 1 ? (double)rd_zigzag(r) : rd_double(r);
		uint32_t code = map(v, LIST_MEASURES, head >> 1, r);
		if (code == 0 || code > DESIGN_MEASURES_MAX)
			r->bad = true;
		if (!r->bad)
			out->measures[out->n_measures++] = (struct row_measure){code - 1, value};
	}
}

// 0 means none, so a promise that hashes to 0 is moved to 1.
uint64_t batch_promise_hash(struct sv id)
{
	uint64_t h = hash64(id.ptr, id.len);
	return h ? h : 1;
}

static void read_cold(struct rd *r, uint64_t flags, struct row *out)
{
	static const struct {
		uint32_t flag;
		enum cold cold;
	} parts[] = {{RECORD_PROMISE, COLD_PROMISE}, {RECORD_KEEPS, COLD_KEEPS}, {RECORD_ID, COLD_ID},
		{RECORD_TEXT, COLD_TEXT}, {RECORD_PROPERTIES, COLD_PROPERTIES}};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		out->cold[parts[i].cold] = flags & parts[i].flag ? rd_blob(r) : SV_NONE;
}

enum rc batch_view_row(const struct batch_view *v, uint32_t i, struct row *out, struct err *e)
{
	assert(i < v->header.n);
	struct rd r = {v->records + v->start[i], v->records + v->start[i + 1], false};
	out->person = v->persons[i];
	out->origin = 0;
	out->id_key = v->id_keys[i];
	out->at_ms = v->times[i];
	out->n_measures = 0;
	uint64_t flags = rd_varint(&r);
	memset(out->code, 0, sizeof(out->code));
	static_assert(
		CODE_LOCATION == (int)NAME_LOCATION && CODE_TOUCHPOINT == (int)NAME_TOUCHPOINT, "same order");
	for (uint32_t k = 0; k < BATCH_PLAIN_KINDS; k++)
		out->code[k] = map(v, k, rd_varint(&r), &r);
	out->identities = rd_blob(&r);
	out->received_ms = out->at_ms + (flags & RECORD_RECEIVED ? rd_zigzag(&r) : 0);
	out->due_ms = flags & RECORD_DUE ? out->at_ms + rd_zigzag(&r) : TIME_NONE;
	if (flags & RECORD_DIMENSIONS)
		read_dimensions(v, &r, out);
	if (flags & RECORD_MEASURES)
		read_measures(v, &r, out);
	read_cold(&r, flags, out);
	out->promise = flags & RECORD_PROMISE ? batch_promise_hash(out->cold[COLD_PROMISE]) : 0;
	out->keeps = flags & RECORD_KEEPS ? batch_promise_hash(out->cold[COLD_KEEPS]) : 0;
	return !r.bad && r.p == r.end ? RC_OK : damaged(e, "a record");
}
