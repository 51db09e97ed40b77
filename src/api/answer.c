// SPDX-License-Identifier: Apache-2.0
// Reading the answers of analyses: cells by the names of their columns, as the declarations give them.
#include "api/internal.h"

const struct cell *answer_cell(const struct result *r, int64_t row, const char *name)
{
	uint32_t column = 0;
	while (column < r->n_columns && strcmp(r->columns[column].name, name) != 0)
		column++;
	if (row < 0 || column == r->n_columns)
		return NULL;
	const struct cell *c = &r->cells[(size_t)row * r->n_columns + column];
	return c->null ? NULL : c;
}

struct sv answer_text(const struct result *r, int64_t row, const char *name)
{
	const struct cell *c = answer_cell(r, row, name);
	return c ? c->text : SV_NONE;
}

double answer_number(const struct result *r, int64_t row, const char *name, double otherwise)
{
	const struct cell *c = answer_cell(r, row, name);
	return c ? c->number : otherwise;
}
