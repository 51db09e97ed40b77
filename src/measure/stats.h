// SPDX-License-Identifier: Apache-2.0
// Statistics that every analysis reports with: quantiles of the normal and Student's t, intervals for shares,
// means and medians, exact sample quantiles. Pure functions; nothing here knows of interactions.
#ifndef CORRIDOR_MEASURE_STATS_H
#define CORRIDOR_MEASURE_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATS_Z95 1.959963984540054 // normal quantile at 0.975

// A value with its 95 % interval; NAN = undefined (n too small).
struct estimate {
	double value, low, high;
};

// Standard normal distribution function, and its inverse for 0 < p < 1 (±INFINITY at the ends).
double stats_normal_cdf(double x);
double stats_normal_quantile(double p);
// Regularised incomplete beta function I_x(a, b), a and b > 0, 0 ≤ x ≤ 1 (continued fraction, DLMF 8.17.22).
double stats_beta_inc(double a, double b, double x);
// Student's t with df > 0 degrees of freedom (need not be whole).
double stats_t_cdf(double t, double df);
double stats_t_quantile(double p, double df);
// stats_t_quantile(0.975, df), fast.
double stats_t_975(double df);

// Share k of n with Wilson's score interval (Wilson 1927, J. Am. Stat. Assoc. 22:209-212), z = 1.96.
// All NAN when n = 0.
struct estimate stats_wilson(double k, double n);
// Mean of n values from their sum and sum of squares, both of (x - shift); t interval (Student 1908).
// n = 0: all NAN; n = 1: limits NAN.
struct estimate stats_mean(double n, double sum, double sum_squares, double shift);
// Mean of whole numbers with t interval, in two passes: the mean from quotients and remainders, then the spread about it.
struct estimate stats_mean_i64(const int64_t *values, size_t n);
// Mean of times in milliseconds, in seconds, the interval cut at min seconds, below which none is (stats_within).
struct estimate stats_mean_seconds(const int64_t *ms, size_t n, double min);
// The interval of a mean of values that are from min to max (±INFINITY: open): the mean is there too, so limits beyond say
// no more than min or max. The value stays inside; NAN stays.
struct estimate stats_within(struct estimate e, double min, double max);
// Net promoter score in points from counts, ± 1.96 standard errors, s.e. 100·√((p+d−(p−d)²)/n); limits are cut
// at ±100. n = 0: all NAN; n = 1: limits NAN.
struct estimate stats_nps(double promoters, double detractors, double n);

// Sorts ascending.
void stats_sort_i64(int64_t *values, size_t n);
// Quantile 0 ≤ p ≤ 1 of sorted values, linear interpolation between order statistics (type 7 of Hyndman & Fan
// 1996, the default of R, NumPy and pandas). NAN when n = 0.
double stats_quantile_i64(const int64_t *sorted, size_t n, double p);
// Distribution-free 95 % interval of the median by order statistics (binomial with p = 1/2; Conover 1999,
// section 3.2): sorted[*low] and sorted[*high] are the limits. Exact up to n = 10,000, beyond by the normal
// approximation with continuity correction. False when n < 6: no such interval reaches 95 %.
bool stats_median_ranks(size_t n, size_t *low, size_t *high);

#endif
