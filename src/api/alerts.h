// SPDX-License-Identifier: Apache-2.0
// Alerts of the corridor map: what somebody should look at now. Nothing is stored: an alert is open as long as the
// numbers of the period that is asked for say so. docs/web.md defines the kinds.
#ifndef CORRIDOR_API_ALERTS_H
#define CORRIDOR_API_ALERTS_H

#include "api/internal.h"

// Rows of answers, -1: none. `before` may be NULL: there is nothing to compare with.
struct alert_facts {
	struct arena *arena;
	const struct design *design;
	const struct result *gap, *before,
		*promises;                   // `gap` of the period and of as much time before it; `promises`
	const int64_t *gap_row, *before_row; // by expectation
	const int64_t *promise_row;          // by touch point
	double widen; // of intervals of differences, for the number of comparisons (alerts_widening)
};

// By how much to widen 95 % intervals of differences, so that of all n of them together at most 5 % of the maps without
// any change show one: z(1 − 0.025/n) / z(0.975) (Bonferroni).
double alerts_widening(const struct alert_facts *f);
// The list of a touch point's alerts, the gravest first, as an array.
void alerts_write(struct json *j, const struct alert_facts *f, uint32_t touchpoint);

#endif
