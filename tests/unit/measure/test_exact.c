// SPDX-License-Identifier: Apache-2.0
// What is done for many rows at a time, against one row after another: exact sums of gaps and composites of groups.
#include "measure/gap_exact.h"
#include "measure/group_vector.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
// cmocka wants the four above first
#include <cmocka.h>

static uint64_t seed = 1;

static uint32_t draw(uint32_t below)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)((seed >> 33) % below);
}

static void assert_near(double got, double wanted, double tolerance)
{
	if (!(fabs(got - wanted) <= tolerance * fmax(1.0, fabs(wanted))))
		fail_msg("%.17g is not %.17g ± %g", got, wanted, tolerance);
}

enum { SLOTS = 5, GROUPS = 3, ROUNDS = 2000 };
static const struct yardstick yardsticks[SLOTS] = {
	{.sums = SLOTS * N_SUMS}, // no expectation
	{.target = 30.5, .scale = 10.0, .inverse_scale = 0.1, .sums = 1 * N_SUMS},
	{.target = 30.5, .scale = 10.0, .inverse_scale = -0.1, .sums = 2 * N_SUMS},
	{.target = -7.0, .scale = 1e5, .inverse_scale = 1e-5, .sums = 3 * N_SUMS},
	{.target = 160000.0, .scale = 0.5, .inverse_scale = -2.0, .sums = 4 * N_SUMS},
};

static struct exact exact_make(uint32_t decimals)
{
	struct exact x;
	struct err e = ERR_NONE;
	assert_int_equal(exact_open(&x, yardsticks, SLOTS, SLOTS * N_SUMS, decimals, &e), RC_OK);
	return x;
}

// Sums in long double, whose 64 bits hold all that is added here or lose less than is asked for.
struct slow {
	long double v[N_SUMS];
};

static void slow_add(struct slow *s, const struct yardstick *y, double value)
{
	double d = value - y->target, g = d * y->inverse_scale;
	s->v[SUM_N] += 1;
	s->v[SUM_KEPT] += g >= 0;
	g = fmax(-1, fmin(1, g));
	s->v[SUM_GAP] += (long double)g;
	s->v[SUM_GAP2] += (long double)g * (long double)g;
	s->v[SUM_X] += (long double)d;
	s->v[SUM_X2] += (long double)d * (long double)d;
}

static void expect_sums(struct exact *x, struct slow slow[GROUPS][SLOTS])
{
	struct err e = ERR_NONE;
	struct sums out = {.width = (SLOTS + 1) * N_SUMS};
	assert_int_equal(exact_round(x, &out, &e), RC_OK);
	for (uint32_t g = 0; g < GROUPS; g++)
		for (uint32_t slot = 1; slot < SLOTS; slot++) {
			const double *got = sums_at(&out, g, slot * N_SUMS);
			for (uint32_t k = 0; k < N_SUMS; k++)
				assert_near(got[k], (double)slow[g][slot].v[k], k < SUM_GAP ? 0.0 : 1e-11);
		}
	sums_free(&out);
}

// Small values, and the greatest there may be, of which sums have to be settled often.
static void sums_agree(void **state)
{
	(void)state;
	static uint32_t slot[EXACT_BLOCK], group[EXACT_BLOCK];
	static int32_t value[EXACT_BLOCK];
	for (uint32_t large = 0; large < 2; large++) {
		struct exact fast = exact_make(1), plain = exact_make(1), other = exact_make(1);
		struct slow slow[GROUPS][SLOTS] = {0};
		struct err e = ERR_NONE;
		uint32_t max = large ? SCALED_MAX : 700;
		for (uint32_t round = 0; round < ROUNDS; round++) {
			uint32_t n = draw(EXACT_BLOCK + 1);
			uint32_t n_groups = round < ROUNDS / 2 ? 1 : GROUPS;
			for (uint32_t i = 0; i < n; i++) {
				uint32_t v = draw(4) ? draw(2 * max + 1) : 2 * max; // often the greatest
				value[i] = (int32_t)v - (int32_t)max;
				slot[i] = draw(100) ? draw(SLOTS) : (uint32_t)SLOTS + draw(UINT32_MAX - SLOTS);
				group[i] = draw(n_groups);
				if (slot[i] > 0 && slot[i] < SLOTS)
					slow_add(&slow[group[i]][slot[i]], &yardsticks[slot[i]],
						value[i] / 10.0);
			}
			struct exact *half = round % 2 ? &fast : &other;
			assert_int_equal(exact_fit(half, n_groups, &e), RC_OK);
			assert_int_equal(exact_fit(&plain, n_groups, &e), RC_OK);
			exact_add(half, slot, value, group, n, max);
			exact_add_plain(&plain, slot, value, group, n, max);
		}
		assert_true(fast.usable && fast.reach == 1600000);
		assert_int_equal(exact_merge(&fast, &other, &e), RC_OK);
		expect_sums(&plain, slow);
		expect_sums(&fast, slow);
		exact_free(&fast);
		exact_free(&plain);
		exact_free(&other);
	}
}

// Targets and scales that are not whole in the unit, or too large.
static void unusable(void **state)
{
	(void)state;
	struct exact x = exact_make(0);
	assert_false(x.usable); // 30.5
	exact_free(&x);
	x = exact_make(1);
	assert_true(x.usable);
	exact_free(&x);
	x = exact_make(3);
	assert_false(x.usable); // 160000.000 is more than 2^24 thousandths
	exact_free(&x);
}

static void lookups_agree(void **state)
{
	(void)state;
	enum { N = 100 };
	uint32_t code[N], out[N], before[N];
	for (uint32_t n_codes = 1; n_codes <= GROUP_LOOKUP_CODES; n_codes++) {
		struct group_lookup l = {.n_codes = n_codes};
		for (uint32_t i = 0; i < n_codes; i++)
			l.value[i] = draw(1000);
		for (uint32_t first = 0; first < 2; first++) {
			uint32_t n = draw(N + 1);
			for (uint32_t i = 0; i < n; i++) {
				code[i] = draw(10) ? draw(n_codes + 2) : draw(UINT32_MAX);
				out[i] = before[i] = draw(1000);
			}
			uint32_t done = group_lookup_add(&l, code, n, first, out);
			assert_true(done <= n);
			for (uint32_t i = 0; i < done; i++)
				assert_int_equal(out[i],
					(first ? 0 : before[i]) + l.value[code[i] < n_codes ? code[i] : 0]);
			for (uint32_t i = done; i < n; i++)
				assert_int_equal(out[i], before[i]);
		}
	}
}

static void steps_agree(void **state)
{
	(void)state;
	enum { N = 333 };
	static const enum tz_unit units[] = {TZ_DAY, TZ_WEEK, TZ_MONTH, TZ_QUARTER, TZ_YEAR};
	static const int64_t day = 86400000;
	const char *const zones[] = {"UTC", "Europe/Berlin", "Asia/Kolkata"};
	int64_t at[N], from = 1700000000123;
	uint32_t out[N], before[N], n_made = 0;
	for (uint32_t round = 0; round < 300; round++) {
		struct err e = ERR_NONE;
		struct arena *a = arena_new(1 << 24);
		struct tz *tz;
		struct tz_buckets b;
		struct group_steps s;
		uint32_t days = 1 + draw(1u << draw(13)), n = draw(N + 1), stride = 1 + draw(50);
		assert_int_equal(tz_open(sv_from(zones[round % 3]), &tz, &e), RC_OK);
		assert_int_equal(
			tz_buckets_make(tz, units[round % 5], from, from + days * day, a, &b, &e), RC_OK);
		bool made = group_steps_make(&b, &s);
		n_made += made;
		assert_true(made || b.n > GROUP_STEPS_MAX);
		for (uint32_t i = 0; i < n; i++) {
			uint32_t k = draw(b.n);
			at[i] = b.start[k] + (draw(2) ? 0 : (int64_t)draw((uint32_t)day)); // often a boundary
			at[i] -= draw(2) && k > 0;
			at[i] = at[i] < b.start[b.n] ? at[i] : b.start[b.n] - 1;
			out[i] = before[i] = draw(1000);
		}
		bool first = draw(2);
		uint32_t done = made ? group_steps_add(&s, at, n, stride, first, out) : 0;
		for (uint32_t i = 0; i < done; i++)
			assert_int_equal(out[i], (first ? 0 : before[i]) + tz_bucket_of(&b, at[i]) * stride);
		for (uint32_t i = done; i < n; i++)
			assert_int_equal(out[i], before[i]);
		tz_free(&tz);
		arena_free(&a);
	}
	assert_true(n_made > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_agree),
		cmocka_unit_test(unusable),
		cmocka_unit_test(lookups_agree),
		cmocka_unit_test(steps_agree),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
