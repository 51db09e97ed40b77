// SPDX-License-Identifier: Apache-2.0
// The scan behind a table's cursor: of everybody, or of the persons that `person =` and `person IN` name, one after
// the other. A person is asked for by its own key or by the key of anyone who is linked to it, so SQLite must not
// compare the keys again, and a person that is named twice comes once.
#include "sql/vtab.h"

#include "base/mem.h"

#include <stdlib.h>

bool vtab_scan_choose(sqlite3_index_info *info, int i, int argument)
{
	bool in = sqlite3_vtab_in(info, i, 1) != 0;
	info->aConstraintUsage[i].argvIndex = argument;
	info->aConstraintUsage[i].omit = 1;
	return in;
}

int vtab_scan_find(const sqlite3_index_info *info, int column)
{
	for (int i = 0; i < info->nConstraint; i++) {
		const struct sqlite3_index_constraint *c = &info->aConstraint[i];
		if (c->usable && c->iColumn == column && c->op == SQLITE_INDEX_CONSTRAINT_EQ)
			return i;
	}
	return -1;
}

int vtab_scan_best_index(
	sqlite3_vtab *table, sqlite3_index_info *info, int column, double rows, double rows_of_one)
{
	struct snapshot_stats stats;
	snapshot_stats(((const struct vtab *)table)->source->snapshot, &stats);
	int i = vtab_scan_find(info, column);
	info->estimatedCost = i >= 0 ? 1000 : (double)stats.n_interactions + 1000;
	info->estimatedRows = (sqlite3_int64)(i >= 0 ? rows_of_one : rows) + 1;
	if (i >= 0)
		info->idxNum = vtab_scan_choose(info, i, 1) ? SCAN_PERSONS : SCAN_PERSON;
	return SQLITE_OK;
}

static int compare(const void *left, const void *right)
{
	uint64_t a, b;
	memcpy(&a, left, sizeof(a));
	memcpy(&b, right, sizeof(b));
	return (a > b) - (a < b);
}

// Text that is no person is nobody.
static int add_person(struct vtab_scan *s, sqlite3_value *value)
{
	const char *text = (const char *)sqlite3_value_text(value);
	uint64_t person;
	if (!text || !vtab_person_of(text, &person))
		return SQLITE_OK;
	if (mem_grow((void **)&s->persons, &s->capacity, s->n_persons + 1, sizeof(person)) != 0)
		return SQLITE_NOMEM;
	s->persons[s->n_persons++] = snapshot_person_resolve(s->snapshot, person);
	return SQLITE_OK;
}

static int take_persons(struct vtab_scan *s, sqlite3_value *value, bool in)
{
	sqlite3_value *one = NULL;
	if (!in)
		return add_person(s, value);
	int rc = sqlite3_vtab_in_first(value, &one);
	while (rc == SQLITE_OK && one) {
		rc = add_person(s, one);
		if (rc == SQLITE_OK)
			rc = sqlite3_vtab_in_next(value, &one);
	}
	size_t n = 0;
	if (s->n_persons)
		qsort(s->persons, s->n_persons, sizeof(*s->persons), compare);
	for (size_t i = 0; i < s->n_persons; i++)
		if (n == 0 || s->persons[n - 1] != s->persons[i])
			s->persons[n++] = s->persons[i];
	s->n_persons = n;
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int open_one(struct vtab_scan *s, sqlite3_vtab *table, uint64_t lo, uint64_t hi)
{
	struct err e = ERR_NONE;
	cursor_close(&s->cursor);
	if (cursor_open(s->snapshot, &s->request, lo, hi, &s->cursor, &e) != RC_OK)
		return vtab_fail(table, &e);
	if (s->want_rows)
		cursor_want_rows(s->cursor);
	return SQLITE_OK;
}

int vtab_scan_start(struct vtab_scan *s, sqlite3_vtab *table, const struct scan_request *request,
	bool want_rows, sqlite3_value *persons, bool in)
{
	cursor_close(&s->cursor);
	s->snapshot = ((const struct vtab *)table)->source->snapshot;
	s->request = *request;
	s->want_rows = want_rows;
	s->n_persons = s->at = 0;
	return persons ? take_persons(s, persons, in) : open_one(s, table, 0, UINT64_MAX);
}

int vtab_scan_next(struct vtab_scan *s, sqlite3_vtab *table, const struct span **span)
{
	struct err e = ERR_NONE;
	*span = NULL;
	for (;;) {
		if (s->cursor && cursor_next(s->cursor, span, &e) != RC_OK)
			return vtab_fail(table, &e);
		if (*span || s->at == s->n_persons)
			return SQLITE_OK;
		uint64_t person = s->persons[s->at++];
		int rc = open_one(s, table, person, person);
		if (rc != SQLITE_OK)
			return rc;
	}
}

void vtab_scan_end(struct vtab_scan *s)
{
	cursor_close(&s->cursor);
	mem_free(s->persons);
	*s = (struct vtab_scan){0};
}
