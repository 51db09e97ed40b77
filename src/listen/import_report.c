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

// The most frequent kind that is not in `taken`; DICT_NONE when there is none.
static uint32_t most_frequent(const struct tally *t, const bool *taken)
{
	uint32_t best = DICT_NONE;
	for (uint32_t k = 0; k <= KINDS_MAX; k++) {
		if (!taken[k] && t->counts[k].n && (best == DICT_NONE || t->counts[k].n > t->counts[best].n))
			best = k;
	}
	return best;
}

void tally_report(const struct tally *t, struct import_report *r)
{
	const uint32_t room = sizeof(r->reasons) / sizeof(r->reasons[0]);
	bool taken[KINDS_MAX + 1] = {false};
	uint32_t k;
	for (r->n_reasons = 0; r->n_reasons < room && (k = most_frequent(t, taken)) != DICT_NONE;
		r->n_reasons++) {
		struct import_reason *to = &r->reasons[r->n_reasons];
		struct sv kind = k == KINDS_MAX ? SV("other reasons") : dict_at(t->kinds, k);
		snprintf(to->reason, sizeof(to->reason), "%.*s", SV_ARG(kind));
		to->n = t->counts[k].n;
		to->first_line = t->counts[k].first_line;
		taken[k] = true;
	}
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
