// SPDX-License-Identifier: Apache-2.0
// Statistics; see stats.h for what is what and from where. Accuracy: distribution functions to about 1e-14,
// quantiles to about 1e-12 relative.
#include "measure/stats.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

#define MEDIAN_EXACT_MAX 10000u
#define T_SERIES_DF 200.0 // from here on the Cornish-Fisher series is exact to about 1e-12

double stats_normal_cdf(double x)
{
	return 0.5 * erfc(-x / sqrt(2.0));
}

// Starts from Abramowitz & Stegun 26.2.23 (error < 4.5e-4), then Halley steps on the distribution function, on
// the side of the smaller tail so that no precision is lost.
double stats_normal_quantile(double p)
{
	if (!(p > 0.0 && p < 1.0))
		return p == 0.0 ? (double)-INFINITY : p == 1.0 ? (double)INFINITY : (double)NAN;
	double tail = p < 0.5 ? p : 1.0 - p;
	double t = sqrt(-2.0 * log(tail));
	double x = -(t - (2.515517 + t * (0.802853 + t * 0.010328)) /
				 (1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308))));
	for (int i = 0; i < 3; i++) {
		double density = exp(-0.5 * x * x) / sqrt(2.0 * M_PI);
		double step = (stats_normal_cdf(x) - tail) / density;
		x -= step / (1.0 + 0.5 * x * step);
	}
	return p < 0.5 ? x : -x;
}

// The continued fraction of the incomplete beta function by Lentz's method (Lentz 1976; Thompson & Barnett 1986).
static double beta_fraction(double a, double b, double x)
{
	const double tiny = 1e-300;
	double c = 1.0;
	double d = 1.0 - (a + b) * x / (a + 1.0);
	d = 1.0 / (fabs(d) < tiny ? tiny : d);
	double h = d;
	for (int m = 1; m < 10000; m++) {
		double m2 = 2.0 * m;
		double even = m * (b - m) * x / ((a + m2 - 1.0) * (a + m2));
		d = 1.0 + even * d;
		d = 1.0 / (fabs(d) < tiny ? tiny : d);
		c = 1.0 + even / c;
		c = fabs(c) < tiny ? tiny : c;
		h *= d * c;
		double odd = -(a + m) * (a + b + m) * x / ((a + m2) * (a + m2 + 1.0));
		d = 1.0 + odd * d;
		d = 1.0 / (fabs(d) < tiny ? tiny : d);
		c = 1.0 + odd / c;
		c = fabs(c) < tiny ? tiny : c;
		h *= d * c;
		if (fabs(d * c - 1.0) < 1e-16)
			break;
	}
	return h;
}

double stats_beta_inc(double a, double b, double x)
{
	assert(a > 0.0 && b > 0.0);
	if (x <= 0.0)
		return 0.0;
	if (x >= 1.0)
		return 1.0;
	double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
	if (x < (a + 1.0) / (a + b + 2.0))
		return front * beta_fraction(a, b, x) / a;
	return 1.0 - front * beta_fraction(b, a, 1.0 - x) / b;
}

// Probability of being further out than |t| on one side. Small tails keep their relative precision.
static double t_tail(double t, double df)
{
	double square = t * t;
	if (square < df)
		return 0.5 * (1.0 - stats_beta_inc(0.5, 0.5 * df, square / (df + square)));
	return 0.5 * stats_beta_inc(0.5 * df, 0.5, df / (df + square));
}

double stats_t_cdf(double t, double df)
{
	double tail = t_tail(t, df);
	return t > 0.0 ? 1.0 - tail : tail;
}

// Abramowitz & Stegun 26.7.5.
static double t_series(double x, double df)
{
	double s = x * x;
	double g1 = x * (s + 1.0) / 4.0;
	double g2 = x * ((5.0 * s + 16.0) * s + 3.0) / 96.0;
	double g3 = x * (((3.0 * s + 19.0) * s + 17.0) * s - 15.0) / 384.0;
	double g4 = x * ((((79.0 * s + 776.0) * s + 1482.0) * s - 1920.0) * s - 945.0) / 92160.0;
	return x + (g1 + (g2 + (g3 + g4 / df) / df) / df) / df;
}

// Newton on the upper tail from a first guess, held within a bracket that shrinks at each step.
static double t_search(double tail, double df, double guess)
{
	double low = 0.0, high = (double)INFINITY, t = guess;
	double constant = exp(lgamma(0.5 * (df + 1.0)) - lgamma(0.5 * df)) / sqrt(df * M_PI);
	for (int i = 0; i < 200; i++) {
		double excess = t_tail(t, df) - tail;
		if (excess > 0.0)
			low = t;
		else
			high = t;
		double density = constant * exp(-0.5 * (df + 1.0) * log1p(t * t / df));
		double next = t + excess / density;
		if (!(next > low && next < high))
			next = isinf(high) ? 2.0 * t + 1.0 : 0.5 * (low + high);
		if (fabs(next - t) <= 1e-13 * fabs(next)) // Newton squares the error: next is exact to rounding
			return next;
		t = next;
	}
	return t;
}

double stats_t_quantile(double p, double df)
{
	assert(df > 0.0);
	if (!(p > 0.0 && p < 1.0))
		return stats_normal_quantile(p);
	if (p == 0.5)
		return 0.0;
	if (p == 0.975 && df >= T_SERIES_DF)
		return t_series(STATS_Z95, df);
	double tail = p < 0.5 ? p : 1.0 - p;
	double t = t_series(-stats_normal_quantile(tail), df);
	if (df < T_SERIES_DF)
		t = t_search(tail, df, t);
	return p < 0.5 ? -t : t;
}

struct estimate stats_wilson(double k, double n)
{
	if (!(n > 0.0))
		return (struct estimate){(double)NAN, (double)NAN, (double)NAN};
	double p = k / n, z2 = STATS_Z95 * STATS_Z95;
	double centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
	double half = STATS_Z95 * sqrt(p * (1.0 - p) / n + z2 / (4.0 * n * n)) / (1.0 + z2 / n);
	double low = k <= 0.0 ? 0.0 : centre - half;
	double high = k >= n ? 1.0 : centre + half;
	return (struct estimate){p, low, high};
}

struct estimate stats_mean(double n, double sum, double sum_squares, double shift)
{
	struct estimate r = {(double)NAN, (double)NAN, (double)NAN};
	if (!(n > 0.0))
		return r;
	double mean = sum / n;
	r.value = shift + mean;
	if (n < 2.0)
		return r;
	double squares = sum_squares - sum * mean;
	if (squares <= 8.0 * DBL_EPSILON * sum_squares)
		squares = 0.0; // equal values: what is left is rounding
	double error = sqrt(squares / (n - 1.0) / n);
	double half = stats_t_975(n - 1.0) * error;
	r.low = r.value - half;
	r.high = r.value + half;
	return r;
}

struct estimate stats_mean_i64(const int64_t *values, size_t n)
{
	int64_t whole = 0; // sum of values / n without overflow: quotient and remainder apart
	double rest = 0.0;
	for (size_t i = 0; i < n; i++) {
		whole += values[i] / (int64_t)n;
		rest += (double)(values[i] % (int64_t)n);
	}
	double mean = n ? (double)whole + rest / (double)n : 0.0, squares = 0.0;
	for (size_t i = 0; i < n; i++)
		squares += ((double)values[i] - mean) * ((double)values[i] - mean);
	return stats_mean((double)n, 0.0, squares, mean);
}

struct estimate stats_mean_seconds(const int64_t *ms, size_t n, double min)
{
	struct estimate e = stats_mean_i64(ms, n);
	return stats_within(
		(struct estimate){e.value / 1000.0, e.low / 1000.0, e.high / 1000.0}, min, (double)INFINITY);
}

struct estimate stats_within(struct estimate e, double min, double max)
{
	if (e.low < min)
		e.low = fmin(min, e.value);
	if (e.high > max)
		e.high = fmax(max, e.value);
	return e;
}

struct estimate stats_nps(double promoters, double detractors, double n)
{
	struct estimate r = {(double)NAN, (double)NAN, (double)NAN};
	if (!(n > 0.0))
		return r;
	double p = promoters / n, d = detractors / n;
	r.value = 100.0 * (p - d);
	if (n < 2.0)
		return r;
	double variance = p + d - (p - d) * (p - d);
	double half = STATS_Z95 * 100.0 * sqrt((variance > 0.0 ? variance : 0.0) / n);
	r.low = fmax(-100.0, r.value - half);
	r.high = fmin(100.0, r.value + half);
	return r;
}

static int i64_compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

// Least significant digit radix sort would need scratch; an introsort with insertion at the leaves does not.
static void insertion_sort(int64_t *v, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		int64_t x = v[i];
		size_t j = i;
		for (; j > 0 && v[j - 1] > x; j--)
			v[j] = v[j - 1];
		v[j] = x;
	}
}

static int64_t median_of_three(int64_t a, int64_t b, int64_t c)
{
	int64_t low = a < b ? a : b, high = a < b ? b : a;
	return c < low ? low : c > high ? high : c;
}

static void quick_sort(int64_t *v, size_t n, unsigned depth)
{
	while (n > 24) {
		if (depth-- == 0) {
			qsort(v, n, sizeof(*v), i64_compare);
			return;
		}
		int64_t pivot = median_of_three(v[0], v[n / 2], v[n - 1]);
		size_t i = 0, j = n - 1;
		for (;;) {
			while (v[i] < pivot)
				i++;
			while (v[j] > pivot)
				j--;
			if (i >= j)
				break;
			int64_t swap = v[i];
			v[i++] = v[j];
			v[j--] = swap;
		}
		size_t left = j + 1;
		if (left < n - left) {
			quick_sort(v, left, depth);
			v += left;
			n -= left;
		} else {
			quick_sort(v + left, n - left, depth);
			n = left;
		}
	}
	insertion_sort(v, n);
}

void stats_sort_i64(int64_t *values, size_t n)
{
	unsigned depth = 0;
	for (size_t m = n; m > 0; m >>= 1)
		depth += 2;
	quick_sort(values, n, depth);
}

double stats_quantile_i64(const int64_t *sorted, size_t n, double p)
{
	if (n == 0)
		return (double)NAN;
	double h = (double)(n - 1) * p;
	size_t i = (size_t)h;
	if (i + 1 >= n)
		return (double)sorted[n - 1];
	return (double)sorted[i] + (h - (double)i) * ((double)sorted[i + 1] - (double)sorted[i]);
}

bool stats_median_ranks(size_t n, size_t *low, size_t *high)
{
	if (n < 6)
		return false;
	size_t below; // how many order statistics may be left out at each end
	if (n <= MEDIAN_EXACT_MAX) {
		double term = exp(-(double)n * M_LN2), sum = 0.0;
		double log_term = -(double)n * M_LN2;
		below = 0;
		for (size_t k = 0; k < n / 2; k++) {
			sum += term;
			if (sum > 0.025)
				break;
			below = k + 1;
			log_term += log((double)(n - k) / (double)(k + 1));
			term = exp(log_term);
		}
	} else {
		below = (size_t)floor(0.5 * ((double)n + 1.0 - STATS_Z95 * sqrt((double)n)));
	}
	// P(B < below) ≤ 0.025 with B binomial: the limits are the below-th from each end (1-based).
	*low = below == 0 ? 0 : below - 1;
	*high = n - 1 - *low;
	return true;
}
