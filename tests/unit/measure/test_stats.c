// SPDX-License-Identifier: Apache-2.0
// Statistics against published tables and worked examples.
#include "measure/stats.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
// cmocka wants the four above first
#include <cmocka.h>

static void assert_near(double got, double wanted, double tolerance)
{
	if (!(fabs(got - wanted) <= tolerance))
		fail_msg("%.17g is not %.17g ± %g", got, wanted, tolerance);
}

// Quantiles to 6 and more digits: NIST/SEMATECH e-Handbook 1.3.6.7.1 and R's qnorm.
static void normal_quantiles(void **state)
{
	(void)state;
	assert_near(stats_normal_quantile(0.975), 1.959963984540054, 1e-13);
	assert_near(stats_normal_quantile(0.995), 2.5758293035489004, 1e-13);
	assert_near(stats_normal_quantile(0.5), 0.0, 1e-15);
	assert_near(stats_normal_quantile(0.9), 1.2815515655446004, 1e-13);
	assert_near(stats_normal_quantile(1e-10), -6.361340902404056, 1e-11);
	assert_near(stats_normal_cdf(1.0), 0.8413447460685429, 1e-15);
	assert_near(stats_normal_cdf(-3.0), 0.0013498980316300933, 1e-17);
	for (double p = 0.001; p < 1.0; p += 0.001)
		assert_near(stats_normal_cdf(stats_normal_quantile(p)), p, 1e-14);
}

// Student's t, two-sided 95 % and 99 %: NIST/SEMATECH e-Handbook 1.3.6.7.2; the digits after the third from the closed
// form of the distribution function for whole degrees of freedom (Abramowitz & Stegun 26.7.3-4); df = 1 is
// tan(π(p − 1/2)), df = 2 is (2p − 1)·√(2/(4p(1 − p))) in closed form.
static void t_quantiles(void **state)
{
	(void)state;
	assert_near(stats_t_quantile(0.975, 1), tan(M_PI * 0.475), 1e-10);
	assert_near(stats_t_quantile(0.975, 2), 0.95 * sqrt(2.0 / (4.0 * 0.975 * 0.025)), 1e-11);
	assert_near(stats_t_quantile(0.975, 3), 3.182446305284263, 1e-9);
	assert_near(stats_t_quantile(0.975, 4), 2.776445105197791, 1e-9);
	assert_near(stats_t_quantile(0.975, 5), 2.5705818366147395, 1e-9);
	assert_near(stats_t_quantile(0.975, 10), 2.228138851986274, 1e-9);
	assert_near(stats_t_quantile(0.975, 30), 2.0422724563012373, 1e-9);
	assert_near(stats_t_quantile(0.975, 100), 1.983971518523546, 1e-9);
	assert_near(stats_t_quantile(0.995, 10), 3.169272672616948, 1e-9);
	assert_near(stats_t_quantile(0.9, 7), 1.414923927651, 1e-9);
	assert_near(stats_t_quantile(0.025, 10), -2.228138851986274, 1e-9);
	assert_near(stats_t_quantile(0.975, 1e9), STATS_Z95, 1e-8);
	for (double df = 0.5; df < 300.0; df += 0.5)
		assert_near(stats_t_975(df), stats_t_quantile(0.975, df), 1e-12);
	// The series and the search meet.
	assert_near(stats_t_quantile(0.975, 999.999), stats_t_quantile(0.975, 1000.0), 1e-8);
	for (double df = 1.0; df < 3000.0; df *= 1.7)
		for (double p = 0.001; p < 1.0; p += 0.0097)
			assert_near(stats_t_cdf(stats_t_quantile(p, df), df), p, 1e-11);
}

static void t_distribution(void **state)
{
	(void)state;
	for (double t = -30.0; t < 30.0; t += 0.37) {
		assert_near(stats_t_cdf(t, 1.0), 0.5 + atan(t) / M_PI, 1e-13);
		assert_near(stats_t_cdf(t, 2.0), 0.5 + t / (2.0 * sqrt(2.0 + t * t)), 1e-13);
	}
	assert_near(stats_beta_inc(2.0, 3.0, 0.5), 0.6875, 1e-14); // 1 − P(Binomial(4, 1/2) ≤ 1)
	assert_near(stats_beta_inc(1.0, 1.0, 0.3), 0.3, 1e-14);
}

// Newcombe (1998), Statistics in Medicine 17:857-872, table I, method 3 (score): the four examples there.
static void wilson(void **state)
{
	(void)state;
	static const struct {
		double k, n, low, high;
	} published[] = {{81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0.0000, 0.1611},
		{1, 29, 0.0061, 0.1718}};
	for (size_t i = 0; i < sizeof(published) / sizeof(published[0]); i++) {
		struct estimate e = stats_wilson(published[i].k, published[i].n);
		assert_near(e.value, published[i].k / published[i].n, 1e-15);
		assert_near(e.low, published[i].low, 5e-5);
		assert_near(e.high, published[i].high, 5e-5);
	}
	struct estimate all = stats_wilson(20, 20);
	assert_near(all.low, 1.0 - 0.1611, 5e-5);
	assert_true(all.high == 1.0);
	assert_true(isnan(stats_wilson(0, 0).value));
}

// p = .5, d = .2, n = 100: variance .7 − .09 = .61, 1.96·100·√(.61/100) = 15.3.
static void net_promoter_score(void **state)
{
	(void)state;
	struct estimate e = stats_nps(50, 20, 100);
	assert_near(e.value, 30.0, 1e-12);
	assert_near(e.high - e.value, 15.3, 0.05);
	assert_near(e.value - e.low, STATS_Z95 * 10.0 * sqrt(0.61), 1e-12);
	assert_true(isnan(stats_nps(0, 0, 0).value));
	e = stats_nps(1, 0, 1);
	assert_near(e.value, 100.0, 0.0);
	assert_true(isnan(e.low) && isnan(e.high));
	e = stats_nps(5, 5, 10); // limits beyond the scale are cut
	assert_true(e.low >= -100.0 && e.high <= 100.0);
}

// Student's own sleep data (1908), differences of the two drugs: mean 1.58, 95 % interval 0.7001 to 2.4599.
static void mean_interval(void **state)
{
	(void)state;
	static const double d[] = {1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4};
	double sum = 0.0, squares = 0.0;
	for (size_t i = 0; i < 10; i++) {
		sum += d[i] - 2.0;
		squares += (d[i] - 2.0) * (d[i] - 2.0);
	}
	struct estimate e = stats_mean(10, sum, squares, 2.0);
	assert_near(e.value, 1.58, 1e-12);
	assert_near(e.low, 0.7001142, 1e-6);
	assert_near(e.high, 2.4598858, 1e-6);
	assert_true(isnan(stats_mean(1, 3.0, 9.0, 0.0).low));
	assert_true(isnan(stats_mean(0, 0.0, 0.0, 0.0).value));
}

// Two of four customers had their matter resolved: by t from -0.42 to 1.42, by what can be from 0 to 1.
static void means_stay_in_range(void **state)
{
	(void)state;
	struct estimate e = stats_mean(4, 2.0, 2.0, 0.0);
	assert_true(e.low < -0.4 && e.high > 1.4);
	struct estimate cut = stats_within(e, 0.0, 1.0), open = stats_within(e, 0.0, (double)INFINITY);
	assert_near(cut.value, 0.5, 0.0);
	assert_near(cut.low, 0.0, 0.0);
	assert_near(cut.high, 1.0, 0.0);
	assert_near(open.low, 0.0, 0.0);
	assert_near(open.high, e.high, 0.0);
	assert_true(isnan(stats_within(stats_mean(1, 3.0, 9.0, 0.0), 0.0, 1.0).low));
	cut = stats_within(
		(struct estimate){1.5, 1.2, 1.8}, 0.0, 1.0); // values from before the range was narrowed
	assert_near(cut.low, 1.2, 0.0);
	assert_near(cut.high, 1.5, 0.0);
}

static void durations(void **state)
{
	(void)state;
	static const int64_t ms[] = {0, 1000, 8000}; // mean 3 s, sd 4.36 s
	struct estimate e = stats_mean_seconds(ms, 3, 0.0), whole = stats_mean_i64(ms, 3);
	assert_near(e.value, 3.0, 0.0);
	assert_true(whole.low < 0.0);
	assert_near(e.low, 0.0, 0.0);
	assert_near(e.high, whole.high / 1000.0, 1e-12);
	assert_true(isnan(stats_mean_seconds(ms, 0, 0.0).value) && isnan(stats_mean_seconds(ms, 1, 0.0).low));
}

static void quantiles(void **state)
{
	(void)state;
	static const int64_t v[] = {1, 2, 3, 4}; // NumPy: quantile([1,2,3,4], [.1,.25,.5,.9,1])
	assert_near(stats_quantile_i64(v, 4, 0.10), 1.3, 1e-12);
	assert_near(stats_quantile_i64(v, 4, 0.25), 1.75, 1e-12);
	assert_near(stats_quantile_i64(v, 4, 0.50), 2.5, 1e-12);
	assert_near(stats_quantile_i64(v, 4, 0.90), 3.7, 1e-12);
	assert_near(stats_quantile_i64(v, 4, 1.00), 4.0, 1e-12);
	assert_near(stats_quantile_i64(v, 1, 0.99), 1.0, 0.0);
	assert_true(isnan(stats_quantile_i64(v, 0, 0.5)));
}

// Ranks for the 95 % interval of a median: Conover (1999), table A3 logic; n = 6: the extremes (coverage 96.9 %),
// 10: 2nd and 9th (97.9 %), 20: 6th and 15th (95.9 %), 50: 18th and 33rd (96.7 %).
static void median_ranks(void **state)
{
	(void)state;
	static const struct {
		size_t n, low, high;
	} known[] = {{6, 0, 5}, {10, 1, 8}, {20, 5, 14}, {50, 17, 32}, {100, 39, 60}};
	size_t low, high;
	assert_false(stats_median_ranks(5, &low, &high));
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		assert_true(stats_median_ranks(known[i].n, &low, &high));
		assert_int_equal(low, known[i].low);
		assert_int_equal(high, known[i].high);
	}
	size_t low_exact, high_exact;
	assert_true(stats_median_ranks(10000, &low_exact, &high_exact));
	assert_true(stats_median_ranks(10001, &low, &high));
	assert_in_range(low, low_exact - 1, low_exact + 1);
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void sorts(void **state)
{
	(void)state;
	static int64_t v[5000], w[5000];
	uint64_t seed = 1;
	for (size_t round = 0; round < 200; round++) {
		size_t n = round * 25;
		for (size_t i = 0; i < n; i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			int64_t range = (int64_t)1 << (round % 40);
			v[i] = round % 5 == 0   ? (int64_t)i
			       : round % 5 == 1 ? (int64_t)(n - i)
						: (int64_t)(seed >> 20) % range;
			w[i] = v[i];
		}
		qsort(w, n, sizeof(*w), compare);
		stats_sort_i64(v, n);
		assert_memory_equal(v, w, n * sizeof(*v));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(normal_quantiles),
		cmocka_unit_test(t_quantiles),
		cmocka_unit_test(t_distribution),
		cmocka_unit_test(wilson),
		cmocka_unit_test(net_promoter_score),
		cmocka_unit_test(mean_interval),
		cmocka_unit_test(means_stay_in_range),
		cmocka_unit_test(durations),
		cmocka_unit_test(quantiles),
		cmocka_unit_test(median_ranks),
		cmocka_unit_test(sorts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
