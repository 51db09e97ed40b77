// SPDX-License-Identifier: Apache-2.0
// See effect.h. Pure functions.
#include "measure/effect.h"

static struct estimate nothing(void)
{
	return (struct estimate){(double)NAN, (double)NAN, (double)NAN};
}

struct estimate rates_difference(const struct stratum *s)
{
	if (!(s->n1 > 0.0) || !(s->n0 > 0.0))
		return nothing();
	struct estimate a = stats_wilson(s->k1, s->n1), b = stats_wilson(s->k0, s->n0);
	double d = a.value - b.value;
	return (struct estimate){
		d, d - hypot(a.value - a.low, b.high - b.value), d + hypot(a.high - a.value, b.value - b.low)};
}

static struct estimate log_interval(double value, double variance)
{
	double factor = exp(STATS_Z95 * sqrt(variance));
	return (struct estimate){value, value / factor, value * factor};
}

struct estimate rates_ratio(const struct stratum *s)
{
	if (!(s->n1 > 0.0) || !(s->n0 > 0.0) || s->k0 == 0.0)
		return nothing();
	double ratio = s->k1 / s->n1 / (s->k0 / s->n0);
	if (s->k1 == 0.0)
		return (struct estimate){ratio, (double)NAN, (double)NAN};
	return log_interval(ratio, 1.0 / s->k1 - 1.0 / s->n1 + 1.0 / s->k0 - 1.0 / s->n0);
}

void pooled_add(struct pooled *p, const struct stratum *s)
{
	double n1 = s->n1, n0 = s->n0, k1 = s->k1, k0 = s->k0, n = n1 + n0;
	if (n1 == 0.0 || n0 == 0.0)
		return;
	p->n_strata += 1.0;
	p->used.n1 += n1;
	p->used.k1 += k1;
	p->used.n0 += n0;
	p->used.k0 += k0;
	p->weight += n1 * n0 / n;
	p->rate1 += k1 * n0 / n;
	p->rate0 += k0 * n1 / n;
	p->sato_p += (n1 * n1 * k0 - n0 * n0 * k1 + n1 * n0 * (n0 - n1) / 2.0) / (n * n);
	p->sato_q += (k1 * (n0 - k0) + k0 * (n1 - k1)) / (2.0 * n);
	p->ratio_r += k1 * n0 / n;
	p->ratio_s += k0 * n1 / n;
	p->ratio_v += (n1 * n0 * (k1 + k0) - k1 * k0 * n) / (n * n);
}

void pooled_rates(const struct pooled *p, double *rate1, double *rate0)
{
	*rate1 = p->weight > 0.0 ? p->rate1 / p->weight : (double)NAN;
	*rate0 = p->weight > 0.0 ? p->rate0 / p->weight : (double)NAN;
}

struct estimate pooled_difference(const struct pooled *p)
{
	if (!(p->weight > 0.0))
		return nothing();
	double d = (p->rate1 - p->rate0) / p->weight;
	double variance = (d * p->sato_p + p->sato_q) / (p->weight * p->weight);
	double half = STATS_Z95 * sqrt(variance > 0.0 ? variance : 0.0);
	return (struct estimate){d, fmax(d - half, -1.0), fmin(d + half, 1.0)};
}

struct estimate pooled_ratio(const struct pooled *p)
{
	if (!(p->ratio_s > 0.0))
		return nothing();
	double ratio = p->ratio_r / p->ratio_s;
	if (p->ratio_r == 0.0)
		return (struct estimate){ratio, (double)NAN, (double)NAN};
	return log_interval(ratio, p->ratio_v / (p->ratio_r * p->ratio_s));
}
