// SPDX-License-Identifier: Apache-2.0
// The designed corridor as conformance needs it: tables by code and by touch point.
#include "measure/conformance.h"

static enum rc read_channels(struct run *run, struct model *m, uint32_t i, struct err *e)
{
	const struct design_touchpoint *t = &run->design->touchpoints[i];
	if (!t->n_channels)
		return RC_OK;
	uint8_t *ok = arena_array(run->scratch, m->n_channel_codes, 1);
	if (!ok)
		return err_set(e, RC_NOMEM, "out of memory for the corridor");
	for (uint32_t k = 0; k < t->n_channels; k++) {
		uint32_t code =
			names_find(run->names, NAME_CHANNEL, run->design->channels[t->channels[k]].name);
		if (code != NAME_NONE)
			ok[code] = 1;
	}
	ok[NAME_NONE] = 1; // no channel is no deviation
	m->touchpoints[i].channel = ok;
	return RC_OK;
}

// `before` is `after` the other way round.
static enum rc read_order(struct run *run, struct model *m, struct err *e)
{
	const struct design *d = run->design;
	for (uint32_t i = 0; i < d->n_touchpoints; i++) {
		m->touchpoints[i].after = d->touchpoints[i].after;
		m->touchpoints[i].n_after = d->touchpoints[i].n_after;
		m->looks_ahead |= d->touchpoints[i].n_after > 0;
	}
	for (uint32_t i = 0; i < d->n_touchpoints; i++) {
		uint32_t n = 0;
		for (uint32_t k = 0; k < d->n_touchpoints; k++)
			for (uint32_t j = 0; j < d->touchpoints[k].n_after; j++)
				n += d->touchpoints[k].after[j] == i;
		uint32_t *before = arena_array(run->scratch, (size_t)n + 1, sizeof(*before));
		if (!before)
			return err_set(e, RC_NOMEM, "out of memory for the corridor");
		m->touchpoints[i].before = before;
		for (uint32_t k = 0; k < d->n_touchpoints; k++)
			for (uint32_t j = 0; j < d->touchpoints[k].n_after; j++)
				if (d->touchpoints[k].after[j] == i)
					before[m->touchpoints[i].n_before++] = k;
	}
	return RC_OK;
}

enum rc model_open(struct run *run, const struct step_key *key, struct model *m, struct err *e)
{
	const struct design *d = run->design;
	uint32_t n = d->n_touchpoints;
	*m = (struct model){.n_touchpoints = n, .n_codes = key->n_codes};
	m->n_channel_codes = names_count(run->names, NAME_CHANNEL);
	m->n_channel_codes = m->n_channel_codes ? m->n_channel_codes : 1;
	m->touchpoints = arena_array(run->scratch, (size_t)n + 1, sizeof(*m->touchpoints));
	m->touchpoint_of = arena_array(run->scratch, m->n_codes, sizeof(*m->touchpoint_of));
	m->required = arena_array(run->scratch, (size_t)n + 1, sizeof(*m->required));
	if (!m->touchpoints || !m->touchpoint_of || !m->required)
		return err_set(e, RC_NOMEM, "out of memory for the corridor");
	for (uint32_t code = 0; code < m->n_codes; code++) {
		uint32_t i = code ? design_touchpoint_find(d, names_at(run->names, NAME_TOUCHPOINT, code))
				  : DESIGN_NONE;
		m->touchpoint_of[code] = i == DESIGN_NONE ? n : i;
	}
	enum rc rc = RC_OK;
	for (uint32_t i = 0; rc == RC_OK && i < n; i++) {
		m->touchpoints[i].stage = d->touchpoints[i].stage;
		m->touchpoints[i].once = d->touchpoints[i].once;
		m->looks_ahead |= d->touchpoints[i].once || d->touchpoints[i].required;
		if (d->touchpoints[i].required)
			m->required[m->n_required++] = i;
		rc = read_channels(run, m, i, e);
	}
	return rc == RC_OK ? read_order(run, m, e) : rc;
}
