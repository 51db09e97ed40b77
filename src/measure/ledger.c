// SPDX-License-Identifier: Apache-2.0
// The promise ledger of one journey: pairs interactions that make a promise with those that keep it, by the hash of
// the promise's id. A promise may be kept before it was made (clocks, corrections), so all events of the journey are
// collected first and then paired, whatever their order.
#include "measure/internal.h"

#include "base/mem.h"

#include <stdlib.h>

struct ledger_event {
	uint64_t promise;
	uint32_t row;
	bool keeps;
};

static int event_compare(const void *x, const void *y)
{
	const struct ledger_event *a = x, *b = y;
	if (a->promise != b->promise)
		return a->promise < b->promise ? -1 : 1;
	return (a->row > b->row) - (a->row < b->row);
}

static int entry_compare(const void *x, const void *y)
{
	const struct ledger_entry *a = x, *b = y;
	uint32_t first_a = a->made < a->kept ? a->made : a->kept,
		 first_b = b->made < b->kept ? b->made : b->kept;
	if (first_a != first_b)
		return first_a < first_b ? -1 : 1;
	return (a->made > b->made) - (a->made < b->made);
}

static enum rc collect(struct ledger *l, const struct span *span, uint32_t first, uint32_t end,
	int64_t as_of_ms, uint32_t *n_events, struct err *e)
{
	uint32_t n = 0;
	for (uint32_t i = first; i < end; i++) {
		uint64_t made = span->promise ? span->promise[i] : 0, kept = span->keeps ? span->keeps[i] : 0;
		if ((made | kept) == 0 || (as_of_ms != TIME_NONE && span->at[i] > as_of_ms))
			continue;
		if (mem_grow((void **)&l->events, &l->capacity, (size_t)n + 2, sizeof(*l->events)) != 0)
			return err_set(e, RC_NOMEM, "out of memory for the promises of a customer");
		if (made)
			l->events[n++] = (struct ledger_event){made, i, false};
		if (kept)
			l->events[n++] = (struct ledger_event){kept, i, true};
	}
	*n_events = n;
	return RC_OK;
}

static void pair(struct ledger_entry *entry, const struct ledger_event *event)
{
	uint32_t *row = event->keeps ? &entry->kept : &entry->made;
	uint32_t *n = event->keeps ? &entry->n_kept : &entry->n_made;
	if (*row == LEDGER_NONE)
		*row = event->row;
	++*n;
}

enum rc ledger_read(struct ledger *l, const struct span *span, uint32_t first, uint32_t end, int64_t as_of_ms,
	struct err *e)
{
	uint32_t n_events = 0;
	l->n = 0;
	enum rc rc = collect(l, span, first, end, as_of_ms, &n_events, e);
	if (rc != RC_OK || n_events == 0)
		return rc;
	if (mem_grow((void **)&l->entries, &l->entries_capacity, n_events, sizeof(*l->entries)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for the promises of a customer");
	if (n_events > 1)
		qsort(l->events, n_events, sizeof(*l->events), event_compare);
	for (uint32_t i = 0; i < n_events; i++) {
		if (i == 0 || l->events[i].promise != l->events[i - 1].promise)
			l->entries[l->n++] = (struct ledger_entry){.made = LEDGER_NONE, .kept = LEDGER_NONE};
		pair(&l->entries[l->n - 1], &l->events[i]);
	}
	if (l->n > 1)
		qsort(l->entries, l->n, sizeof(*l->entries), entry_compare);
	return RC_OK;
}

void ledger_free(struct ledger *l)
{
	mem_free(l->events);
	mem_free(l->entries);
	*l = (struct ledger){0};
}

enum ledger_outcome ledger_outcome_of(const struct span *span, const struct ledger_entry *x, int64_t as_of_ms)
{
	int64_t due = span->due[x->made];
	if (x->kept == LEDGER_NONE)
		return due != TIME_NONE && due < as_of_ms ? LEDGER_OVERDUE : LEDGER_OPEN;
	if (due == TIME_NONE)
		return LEDGER_ANSWERED;
	return span->at[x->kept] <= due ? LEDGER_KEPT : LEDGER_BROKEN;
}
