// SPDX-License-Identifier: Apache-2.0
// Where a customer stands: the experience index and the rung of the loyalty ladder (DESIGN section 7), from one
// journey. Kernels over spans of whole journeys; a plan is compiled once for a design and a snapshot's names and may
// be shared by threads, the work is one thread's.
//
// Experience index as of T:
//   S = Σ w · v(g) · 2^−((T − t)/h)     over the gaps g of all interactions before T, t their times
//   index = 100 / (1 + e^−S)
// with v(g) = g for g ≥ 0 and λ·g below (prospect theory: Kahneman & Tversky 1979; λ = 2), h the half-life (90 days),
// w the touch point's importance relative to the mean of all touch points that have expectations. 50 = as expected.
#ifndef CORRIDOR_MEASURE_STANDING_H
#define CORRIDOR_MEASURE_STANDING_H

#include "base/arena.h"
#include "base/err.h"
#include "journey/journey.h"

#include <stddef.h>
#include <stdint.h>

struct standing_plan;

struct standing {
	double sum;      // S
	double index;    // 0 … 100
	uint32_t rung;   // from 1, as in the corridor file; 0 = none
	double tenure_s; // time since the first interaction
	uint32_t n_interactions, n_purchases, n_referrals;
};

// One thread's scratch; zero at first, standing_work_free at the end.
struct standing_work {
	double *gain; // per row of the span: Σ w · v(g)
	double *gap;  // … and Σ g over n_gaps expectations, when asked for
	uint8_t *n_gaps;
	size_t gain_capacity, gap_capacity, n_gaps_capacity;
	bool want_gaps;
};

// Compiles the design's expectations and ladder, in the arena. RC_NOMEM.
enum rc standing_plan_open(const struct design *d, const struct names *names, struct arena *a,
	struct standing_plan **out, struct err *e);
// Adds the columns that the kernels read.
void standing_plan_want(const struct standing_plan *p, struct scan_columns *columns);
// Holds the span's values against the expectations: fills work->gain for all its rows. Before any standing_at of it.
enum rc standing_gains(
	const struct standing_plan *p, const struct span *span, struct standing_work *w, struct err *e);
// The standing of the person with rows [first, end) as of until_ms: what happened at or after it has not happened.
void standing_at(const struct standing_plan *p, const struct span *span, const struct standing_work *w,
	uint32_t first, uint32_t end, int64_t until_ms, struct standing *out);
// S after one more experience: decays `sum` over elapsed_ms and adds gain.
double standing_step(const struct standing_plan *p, double sum, int64_t elapsed_ms, double gain);
// The index that belongs to S.
double standing_index(double sum);
void standing_work_free(struct standing_work *w);

#endif
