// SPDX-License-Identifier: Apache-2.0
// Random numbers of the simulation. Only integer arithmetic and the functions of <math.h>, so that a seed gives the
// same year on every machine of the same C library.
#include "simulate/internal.h"

uint64_t rng_next(struct rng *r)
{
	uint64_t z = (r->state += UINT64_C(0x9e3779b97f4a7c15));
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

double rng_unit(struct rng *r)
{
	return ((double)(rng_next(r) >> 11) + 0.5) * 0x1.0p-53;
}

bool rng_chance(struct rng *r, double probability)
{
	return rng_unit(r) < probability;
}

uint32_t rng_below(struct rng *r, uint32_t n)
{
	return (uint32_t)((rng_next(r) >> 32) * n >> 32);
}

double rng_exponential(struct rng *r, double mean)
{
	return -mean * log(rng_unit(r));
}

double rng_normal(struct rng *r) // Box & Muller 1958
{
	double radius = sqrt(-2 * log(rng_unit(r)));
	return radius * cos(6.283185307179586 * rng_unit(r));
}

uint32_t rng_poisson(struct rng *r, double mean) // Knuth's product; means here are small
{
	double limit = exp(-mean), product = 1;
	uint32_t n = 0;
	while ((product *= rng_unit(r)) > limit && n < 10000)
		n++;
	return n;
}
