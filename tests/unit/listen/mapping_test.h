// SPDX-License-Identifier: Apache-2.0
// What the mapping tests share: a small corridor, rows given as text, and what came out of them.
#ifndef CORRIDOR_TESTS_MAPPING_TEST_H
#define CORRIDOR_TESTS_MAPPING_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "listen/internal.h"

#define SEEN_MAX 16

// Copies of what was emitted, as far as the tests look at it.
struct seen {
	uint32_t n;
	struct interaction x[SEEN_MAX];
	char text[65536]; // where the copies' texts live
	size_t used;
};

struct bench {
	struct design *design;
	struct mapping *mapping;
	struct mapping_bound *bound;
	struct json_parser *parser;
	struct err err;
	struct seen seen;
	struct map_counts counts;
	uint32_t n_emitted;
};

static inline struct sv seen_copy(struct seen *s, struct sv v)
{
	if (!v.ptr)
		return SV_NONE;
	assert_true(s->used + v.len <= sizeof(s->text));
	char *to = s->text + s->used;
	memcpy(to, v.ptr, v.len);
	s->used += v.len;
	return (struct sv){to, v.len};
}

static inline enum rc seen_emit(void *context, const struct interaction *x, struct err *e)
{
	struct seen *s = context;
	(void)e;
	assert_true(s->n < SEEN_MAX);
	struct interaction *c = &s->x[s->n++];
	*c = *x;
	struct sv *all[] = {&c->id, &c->source, &c->event, &c->channel, &c->agent, &c->location, &c->promise,
		&c->keeps, &c->text, &c->properties};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		*all[i] = seen_copy(s, *all[i]);
	for (uint32_t i = 0; i < c->n_identities; i++)
		c->identities[i].value = seen_copy(s, c->identities[i].value);
	for (uint32_t i = 0; i < DESIGN_DIMENSIONS_MAX; i++)
		c->dimensions[i] = seen_copy(s, c->dimensions[i]);
	return RC_OK;
}

static inline const char *bench_error(struct bench *b)
{
	static char out[1400];
	return err_format(&b->err, out, sizeof(out));
}

static inline void bench_close(struct bench *b)
{
	mapping_bound_free(&b->bound);
	mapping_free(&b->mapping);
	design_free(&b->design);
	json_parser_free(&b->parser);
}

// Parses both texts and binds to a header "a,b,c" (NULL for NDJSON); fails the test when that does not work.
static inline void bench_open(struct bench *b, const char *corridor, const char *mapping, const char *header)
{
	struct sv columns[64], rest = sv_from(header);
	uint32_t n = 0;
	memset(b, 0, sizeof(*b));
	while (rest.ptr)
		columns[n++] = sv_cut(rest, ',', &rest);
	if (design_parse(sv_from(corridor), "corridor.yaml", &b->design, NULL, &b->err) != RC_OK ||
		mapping_parse(sv_from(mapping), "mapping.yaml", b->design, &b->mapping, &b->err) != RC_OK ||
		mapping_bind(b->mapping, header ? columns : NULL, n, &b->bound, &b->err) != RC_OK)
		fail_msg("%s", bench_error(b));
	b->parser = json_parser_new(1u << 20);
	assert_non_null(b->parser);
}

static inline enum rc bench_record(struct bench *b, const struct record *r)
{
	b->err = ERR_NONE;
	b->seen.n = 0;
	b->seen.used = 0;
	return mapping_map(b->bound, r, 1000, seen_emit, &b->seen, &b->n_emitted, &b->counts, &b->err);
}

// Maps a row "a|b|c" (no quoting).
static inline enum rc bench_row(struct bench *b, const char *row)
{
	struct sv fields[64], rest = sv_from(row);
	struct record r = {
		.line = 7, .number = 6, .file = SV("rows.csv"), .raw = sv_from(row), .fields = fields};
	while (rest.ptr)
		fields[r.n_fields++] = sv_cut(rest, '|', &rest);
	return bench_record(b, &r);
}

static inline enum rc bench_json(struct bench *b, const char *text)
{
	struct record r = {.line = 3, .number = 3, .file = SV("rows.ndjson"), .raw = sv_from(text)};
	assert_int_equal(json_parse(b->parser, r.raw, &r.json, NULL), RC_OK);
	return bench_record(b, &r);
}

static inline void assert_text(struct sv got, const char *want)
{
	if (!want) {
		assert_null(got.ptr);
		return;
	}
	if (!sv_equal(got, sv_from(want)) || !got.ptr)
		fail_msg("got \"%.*s\", wanted \"%s\"", SV_ARG(got), want);
}

// Value of a measure; NAN when it is not there.
static inline double measure_of(const struct bench *b, uint32_t i, const char *name)
{
	uint32_t measure = design_measure_find(b->design, sv_from(name));
	const struct interaction *x = &b->seen.x[i];
	for (uint32_t m = 0; m < x->n_measures; m++) {
		if (x->measures[m].measure == measure)
			return x->measures[m].value;
	}
	return __builtin_nan("");
}

static inline void assert_mapped(struct bench *b, enum rc rc, uint32_t n)
{
	if (rc != RC_OK)
		fail_msg("%s", bench_error(b));
	assert_int_equal(b->n_emitted, n);
	assert_int_equal(b->seen.n, n);
}

static inline void assert_rejected(struct bench *b, enum rc rc, const char *message)
{
	assert_int_equal(rc, RC_INPUT);
	assert_int_equal(b->n_emitted, 0);
	assert_int_equal(b->seen.n, 0);
	assert_string_equal(b->err.message, message);
}

#endif
