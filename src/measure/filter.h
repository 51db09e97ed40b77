// SPDX-License-Identifier: Apache-2.0
// The tree of a filter, between its parser (filter.c) and its evaluation (filter_eval.c). Nobody else includes this.
//
// Logic is two-valued: a condition on a field that an interaction does not have is false, and `not` is the exact
// complement. Conditions on the same code column are merged to one table while the tree is built, so most filters
// end as one table lookup per column.
#ifndef CORRIDOR_MEASURE_FILTER_H
#define CORRIDOR_MEASURE_FILTER_H

#include "measure/internal.h"

#define FILTER_DEPTH_MAX 32
#define FILTER_NODES_MAX 4096
#define FILTER_TEXT_MAX 16384

enum filter_kind { FILTER_AND, FILTER_OR, FILTER_NOT, FILTER_CONDITION, FILTER_PERSON };

struct filter_node {
	enum filter_kind kind;
	struct filter_node *a, *b;  // b NULL for NOT
	struct predicate predicate; // of a condition; of PERSON only min, max and whether they are open
	uint8_t *
		wanted; // CODES: the table behind predicate.code_wanted, still open to merging; PERSON: by value
	struct attribute person; // PERSON: the field; a number when wanted is NULL
	bool never;              // condition: holds for no row (a measure of which no value is stored)
};

// Makes nodes; children must not be used again. NULL: out of memory, e is set.
struct filter_node *filter_condition(struct run *run, const struct predicate *p, struct err *e);
struct filter_node *filter_codes(struct run *run, enum code_column column, uint32_t n_codes, struct err *e);
// A condition on a field of the person: on its values (wanted, n_values of them), or on its number when wanted is NULL.
struct filter_node *filter_person(struct run *run, const struct attribute *a, uint8_t *wanted, double min,
	double max, bool min_open, bool max_open, struct err *e);
struct filter_node *filter_not(struct run *run, struct filter_node *a, struct err *e);
struct filter_node *filter_join(
	struct run *run, enum filter_kind kind, struct filter_node *a, struct filter_node *b, struct err *e);

#endif
