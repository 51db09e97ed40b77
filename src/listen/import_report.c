// SPDX-License-Identifier: Apache-2.0
// Counting what happened to rows, and why rows were rejected.
#include "listen/import.h"

#include "base/mem.h"

#include <assert.h>
#include <stdio.h>

#define KINDS_MAX 1024u

// counts[KINDS_MAX] is for kinds beyond those that fit.
struct tally {
	struct dict *kinds;
	struct {
		uint64_t n, first_line;
	} counts[KINDS_MAX + 1];
};

struct tally *tally_new(void)
{
	struct tally *t = mem_calloc(1, sizeof(*t));
	if (t)
		t->kinds = dict_new(KINDS_MAX);
	if (t && !t->kinds)
		tally_free(&t);
	return t;
}

void tally_free(struct tally **t)
{
	if (!*t)
		return;
	dict_free(&(*t)->kinds);
	mem_free(*t);
	*t = NULL;
}

struct sv reason_kind(struct sv reason)
{
	for (size_t i = 0; i + 1 < reason.len; i++) {
		if (reason.ptr[i] == ':' && reason.ptr[i + 1] == ' ')
			return (struct sv){reason.ptr, i};
	}
	return reason;
}

void tally_add(struct tally *t, struct sv reason, uint64_t line)
{
	uint32_t k = dict_add(t->kinds, reason_kind(reason));
	if (k == DICT_NONE)
		k = KINDS_MAX;
	if (t->counts[k].n++ == 0)
		t->counts[k].first_line = line;
}

// The most frequent kind that is not in `taken`; DICT_NONE when there is none. Not those beyond: they are the rest.
static uint32_t most_frequent(const struct tally *t, const bool *taken)
{
	uint32_t best = DICT_NONE;
	for (uint32_t k = 0; k < KINDS_MAX; k++) {
		if (!taken[k] && t->counts[k].n && (best == DICT_NONE || t->counts[k].n > t->counts[best].n))
			best = k;
	}
	return best;
}

static struct import_reason reason_of(const struct tally *t, uint32_t k)
{
	struct import_reason r = {.n = t->counts[k].n, .first_line = t->counts[k].first_line};
	struct sv kind = dict_at(t->kinds, k);
	snprintf(r.reason, sizeof(r.reason), "%.*s", SV_ARG(kind));
	return r;
}

// What is left when the report has room for one more: that kind, or all that are left as one.
static struct import_reason rest_of(const struct tally *t, const bool *taken)
{
	struct import_reason rest = {.reason = IMPORT_REASON_OTHER};
	uint32_t n_kinds = 0, last = KINDS_MAX;
	for (uint32_t k = 0; k <= KINDS_MAX; k++) {
		if (taken[k] || !t->counts[k].n)
			continue;
		if (rest.n == 0 || t->counts[k].first_line < rest.first_line)
			rest.first_line = t->counts[k].first_line;
		rest.n += t->counts[k].n;
		n_kinds++;
		last = k;
	}
	return n_kinds == 1 && last < KINDS_MAX ? reason_of(t, last) : rest;
}

void tally_report(const struct tally *t, struct import_report *r)
{
	bool taken[KINDS_MAX + 1] = {false};
	uint32_t k;
	r->n_reasons = 0;
	while (r->n_reasons < IMPORT_REASONS_MAX - 1 && (k = most_frequent(t, taken)) != DICT_NONE) {
		r->reasons[r->n_reasons++] = reason_of(t, k);
		taken[k] = true;
	}
	struct import_reason rest = rest_of(t, taken);
	if (rest.n)
		r->reasons[r->n_reasons++] = rest;
}

void report_add_rows(struct import_report *r, const struct import_block *b)
{
	r->n_rows += b->n_rows;
	r->n_mapped_rows += b->n_mapped_rows;
	r->n_empty_rows += b->n_empty_rows;
	r->n_quarantined += b->n_rejects;
	r->n_ambiguous_times += b->times.n_ambiguous_times;
	r->n_skipped_times += b->times.n_skipped_times;
}

void report_check(const struct import_report *r, uint64_t n_emitted)
{
	assert(r->n_rows == r->n_mapped_rows + r->n_empty_rows + r->n_quarantined);
	assert(n_emitted == r->n_interactions + r->n_duplicates);
	(void)r;
	(void)n_emitted;
}
