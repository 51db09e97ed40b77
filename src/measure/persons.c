// SPDX-License-Identifier: Apache-2.0
// Rows that are persons: any analysis can list whom its numbers are made of. One row per person and group, in order
// of the person's key, at most --limit of them; how many there are is counted whatever the limit.
//
// Invariants: all adds of a person are made by one lane, one after the other (a scan hands over whole journeys); only
// the `limit` smallest (person, group) are sure to be kept, and nothing is dropped while its person is at hand.
#include "measure/internal.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdlib.h>

static const struct result_column columns[] = {
	{"customer", "customer", CELL_TEXT, "", 0, "the person: type:value of the deciding identity"},
	{"at", "at", CELL_TIME, "", 0, "time of the first interaction that counts"},
	{"times", "times", CELL_COUNT, "times", 0, "how many times the person counts"},
};

void persons_open(struct run *run)
{
	run->columns = columns;
	run->n_columns = sizeof(columns) / sizeof(columns[0]);
}

static int compare(const void *x, const void *y)
{
	const struct person_row *a = x, *b = y;
	if (a->person != b->person)
		return a->person < b->person ? -1 : 1;
	return (a->group > b->group) - (a->group < b->group);
}

static void sort(struct persons *p)
{
	if (p->n)
		qsort(p->rows, p->n, sizeof(*p->rows), compare);
}

// Sorting now and then keeps memory in proportion to the limit at constant cost per row.
static void cut(struct persons *p, uint32_t limit)
{
	if (!limit || p->n < 2 * (size_t)limit + 1024)
		return;
	sort(p);
	p->n = limit;
}

enum rc persons_add(
	struct persons *p, const struct run *run, uint64_t person, uint32_t group, int64_t at_ms, struct err *e)
{
	bool same = p->n_persons && p->last == person;
	for (size_t i = p->n; same && i-- > 0 && p->rows[i].person == person;)
		if (p->rows[i].group == group) {
			p->rows[i].times++;
			p->rows[i].at_ms = at_ms < p->rows[i].at_ms ? at_ms : p->rows[i].at_ms;
			return RC_OK;
		}
	if (!same) {
		cut(p, run->query->limit);
		p->n_persons++;
		p->last = person;
	}
	if (mem_grow((void **)&p->rows, &p->capacity, p->n + 1, sizeof(*p->rows)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for a list of %zu customers", p->n);
	p->rows[p->n++] = (struct person_row){.person = person, .at_ms = at_ms, .group = group, .times = 1};
	return RC_OK;
}

enum rc persons_merge(struct persons *into, const struct persons *from, struct err *e)
{
	into->n_persons += from->n_persons;
	if (!from->n)
		return RC_OK;
	if (mem_grow((void **)&into->rows, &into->capacity, into->n + from->n, sizeof(*into->rows)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for a list of %zu customers", into->n + from->n);
	memcpy(into->rows + into->n, from->rows, from->n * sizeof(*from->rows));
	into->n += from->n;
	return RC_OK;
}

void persons_free(struct persons *p)
{
	mem_free(p->rows);
	*p = (struct persons){0};
}

enum rc persons_rows(struct run *run, struct persons *p, struct err *e)
{
	uint32_t limit = run->query->limit;
	sort(p);
	size_t n = limit && limit < p->n ? limit : p->n;
	enum rc rc = RC_OK;
	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		const struct person_row *x = &p->rows[i];
		struct cell *c = result_row(run, x->group, 1.0, e);
		if (!c)
			return RC_NOMEM;
		struct sv *identities;
		uint32_t n_identities;
		rc = snapshot_identities(run->snapshot, x->person, run->arena, &identities, &n_identities, e);
		if (rc != RC_OK)
			return rc;
		struct sv label = n_identities ? identities[0]
					       : arena_printf(run->arena, "person:%016" PRIx64, x->person);
		if (!label.ptr)
			return err_set(e, RC_NOMEM, "out of memory for a list of customers");
		cell_text(&c[0], label);
		cell_time(run, &c[1], x->at_ms);
		cell_number(&c[2], x->times);
	}
	if (n < p->n)
		run_note(run, "%" PRIu64 " customers in all; the limit cut the list after %zu rows",
			p->n_persons, n);
	else
		run_note(run, "%" PRIu64 " customers in all", p->n_persons);
	return rc;
}
