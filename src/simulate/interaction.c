// SPDX-License-Identifier: Apache-2.0
// Events of a life as interactions.
#include "simulate/internal.h"

#include <stdio.h>

struct sv customer_name(uint64_t person, char out[32])
{
	int n = snprintf(out, 32, "c%07llu", (unsigned long long)person + 1);
	return (struct sv){out, (size_t)n};
}

static void measures_fill(const struct world *w, const struct sim_event *x, struct interaction *out)
{
	out->n_measures = 0;
	for (uint32_t i = 0; i < SIM_MEASURES; i++) {
		if (isnan(x->measure[i]))
			continue;
		// Tenths come back exactly: floats are only the store of small decimals here.
		double v = round((double)x->measure[i] * 1000) / 1000;
		out->measures[out->n_measures++] = (struct measure_value){w->measure[i], v};
	}
}

void interaction_fill(const struct life *l, const struct sim_event *x, struct rng *words, struct sim_texts *t,
	struct interaction *out)
{
	const struct world *w = l->world;
	out->event = w->event[x->kind];
	if (x->kind == SIM_RENEWAL && x->measure[SIM_RESOLVED] < .5F)
		out->event = SV("Contract Cancelled");
	out->channel = w->channel[x->channel];
	out->agent = x->role == ROLE_NONE ? SV_NONE : w->agent[x->role - 1][x->agent];
	out->at_ms = x->at_ms;
	out->received_ms = x->at_ms + 1500;
	measures_fill(w, x, out);
	out->promise = out->keeps = SV_NONE;
	out->due_ms = x->due_ms;
	if (x->promise)
		out->promise = (struct sv){t->promise,
			(size_t)snprintf(t->promise, sizeof t->promise, "%s-%u", t->customer, x->promise)};
	if (x->keeps)
		out->keeps = (struct sv){
			t->keeps, (size_t)snprintf(t->keeps, sizeof t->keeps, "%s-%u", t->customer, x->keeps)};
	out->text = SV_NONE;
	if (x->kind == SIM_COMPLAINT || x->kind == SIM_REVIEW) {
		buf_clear(&t->verbatim);
		text_write(words, x->topic, &t->verbatim);
		out->text = buf_view(&t->verbatim);
	}
}

void interaction_begin(const struct life *l, struct sim_texts *t, struct interaction *x)
{
	const struct world *w = l->world;
	x->identities[0] = (struct identity){SV("customer"), customer_name(l->person, t->customer)};
	x->n_identities = 1;
	int n = snprintf(t->properties, sizeof t->properties, "{\"product\":\"%s\",\"region\":\"%s\"}",
		w->product[l->product].ptr, w->region[l->region].ptr);
	x->properties = (struct sv){t->properties, (size_t)n};
	if (w->path_region != DESIGN_NONE)
		x->paths[w->path_region] = w->region[l->region];
	if (w->path_product != DESIGN_NONE)
		x->paths[w->path_product] = w->product[l->product];
}
