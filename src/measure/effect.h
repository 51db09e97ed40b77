// SPDX-License-Identifier: Apache-2.0
// What the files of the analysis `effect` share: comparisons of two rates, plain and stratified, and strata.
#ifndef CORRIDOR_MEASURE_EFFECT_H
#define CORRIDOR_MEASURE_EFFECT_H

#include "measure/internal.h"

// --- two rates (effect_rates.c) ---

// One stratum: k1 of n1 exposed, k0 of n0 not exposed.
struct stratum {
	double n1, k1, n0, k0;
};

// Difference k1/n1 - k0/n0 with the 95 % interval of Newcombe 1998 (Stat. Med. 17:873-890), method 10: Wilson's limits of
// both rates, combined. Chosen over the score interval of Miettinen & Nurminen 1985, with which it agrees closely, because
// it has a closed form. NAN when a group is empty.
struct estimate rates_difference(const struct stratum *s);
// Ratio (k1/n1) / (k0/n0) with the 95 % interval of Katz et al. 1978 (Biometrics 34:469-474), on the log scale. Limits are
// NAN when k1 or k0 is 0, all when the ratio is undefined.
struct estimate rates_ratio(const struct stratum *s);

// Mantel & Haenszel 1959 over strata: a sum of each stratum's share, made with pooled_add; strata in which one of the
// groups is empty have no weight.
struct pooled {
	double weight, rate1, rate0;      // Σ w, Σ w·p1, Σ w·p0 with w = n1·n0/(n1+n0)
	double sato_p, sato_q;            // for the variance of the difference
	double ratio_r, ratio_s, ratio_v; // for the ratio and its variance
	struct stratum used;              // totals of the strata with both groups
	double n_strata;                  // how many these are
};
void pooled_add(struct pooled *p, const struct stratum *s);
// Rates with the same weights, so that their difference is the pooled one. NAN when nothing could be compared.
void pooled_rates(const struct pooled *p, double *rate1, double *rate0);
// Difference with the 95 % interval of Sato 1989 (Biometrics 45:1323-1324), valid with few large as with many small strata.
struct estimate pooled_difference(const struct pooled *p);
// Ratio with the 95 % interval of Greenland & Robins 1985 (Biometrics 41:55-68).
struct estimate pooled_ratio(const struct pooled *p);

// --- strata (effect_match.c) ---

#define STRATA_MAX (1u << 20)

struct match;

// Reads "touchpoint,channel,month", "tenure", "prior", or "none", and asks for the columns. RC_USAGE, RC_LIMIT (more than
// STRATA_MAX combinations), RC_NOMEM.
enum rc match_open(struct run *run, struct sv text, struct match **out, struct err *e);
// Does a field look at other rows of the journey than the interaction's own?
bool match_by_journey(const struct match *m);
uint32_t match_strata(const struct match *m);
// The stratum of a row of the span, in a journey that begins with row `first`.
uint32_t match_stratum(const struct match *m, const struct span *span, uint32_t first, uint32_t row);

#endif
