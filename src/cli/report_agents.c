// SPDX-License-Identifier: Apache-2.0
// Who represents the brand worse than the others do: agents below the control limits of their touch point (funnel
// plots: Spiegelhalter 2005), on the expectation, or the promises made there, that shows it most. The limit is that of one chance in twenty that
// anybody at all is named by accident (Bonferroni). Not adjusted for case mix.
#include "cli/report.h"
#include "measure/stats.h"

#include <math.h>
#include <stdlib.h>

#define N_LEAST 20u
#define CHANCE 0.05

static bool comparable(const struct report_score *all, const struct report_score *s)
{
	return s->n >= N_LEAST && s->n * 2 <= all->n;
}

static struct report_margin margin_of(const struct report_expectation *x, const struct report_score *s)
{
	return x ? report_margin_of(x->declared, s)
		 : (struct report_margin){s->share, s->share_low, s->share_high};
}

static const struct report_score *all_of(const struct report_touchpoint *t, const struct report_expectation *x)
{
	return x ? &x->all : &t->promises;
}

// How far the agent is below all; 0 when within the limits.
static double shortfall(const struct report *r, const struct report_expectation *x,
	const struct report_score *all, const struct report_score *s)
{
	struct report_margin of_all = margin_of(x, all), of_agent = margin_of(x, s);
	double below = of_all.value - of_agent.value;
	double standard_error = (of_agent.high - of_agent.value) / STATS_Z95;
	return comparable(all, s) && below > r->agent_limit * standard_error ? below : 0;
}

static int by_urgency(const void *a, const void *b)
{
	const struct report_agent *x = a, *y = b;
	if (x->urgency > y->urgency)
		return -1;
	return x->urgency < y->urgency;
}

static struct sv promises_sentence(const struct report *r, const struct report_agent *g)
{
	char share[HUMAN_TEXT_MAX], all[HUMAN_TEXT_MAX], n[HUMAN_TEXT_MAX];
	return arena_printf(r->arena, "%.*s, %.*s: %s of %s promises kept in time where all have %s",
		SV_ARG(g->name), SV_ARG(g->touchpoint->title), human_ratio(g->score.share, 1, share),
		human_number((double)g->score.n, 0, n), human_ratio(g->touchpoint->promises.share, 1, all));
}

static struct sv sentence(const struct report *r, const struct report_agent *g)
{
	char answer[HUMAN_TEXT_MAX], all[HUMAN_TEXT_MAX], n[HUMAN_TEXT_MAX];
	if (!g->expectation)
		return promises_sentence(r, g);
	const struct expectation *x = g->expectation->declared;
	return arena_printf(r->arena, "%.*s, %.*s: %s%s where all have %s (%.*s), n = %s", SV_ARG(g->name),
		SV_ARG(g->touchpoint->title), report_answer(r, x, &g->score, answer),
		isnan(x->share) ? " on average" : " of the cases",
		report_answer(r, x, &g->expectation->all, all), SV_ARG(report_demand(r, x)),
		human_number((double)g->score.n, 0, n));
}

void report_agents_count(struct report *r, const struct report_score *all, const struct report_score *score)
{
	r->n_agents_compared += comparable(all, score);
	r->agent_limit = -stats_normal_quantile(CHANCE / (r->n_agents_compared ? r->n_agents_compared : 1));
}

void report_agents_add(struct report *r, const struct report_touchpoint *t, const struct report_expectation *x,
	struct sv agent, const struct report_score *score)
{
	double below = shortfall(r, x, all_of(t, x), score);
	if (!(below > 0))
		return;
	struct report_agent g = {.name = agent,
		.touchpoint = t,
		.expectation = x,
		.score = *score,
		.urgency = t->declared->importance * (double)score->n * below};
	// One line an agent: what shows it most.
	for (uint32_t i = 0; i < r->n_agents; i++)
		if (sv_equal(r->agents[i].name, agent)) {
			if (g.urgency > r->agents[i].urgency)
				r->agents[i] = g;
			return;
		}
	if (r->n_agents < REPORT_AGENTS_MOST)
		r->agents[r->n_agents++] = g;
	else if (qsort(r->agents, r->n_agents, sizeof(g), by_urgency),
		g.urgency > r->agents[r->n_agents - 1].urgency)
		r->agents[r->n_agents - 1] = g;
}

void report_agents_judge(struct report *r)
{
	qsort(r->agents, r->n_agents, sizeof(*r->agents), by_urgency);
	for (uint32_t i = 0; i < r->n_agents; i++) {
		r->agents[i].name = arena_copy(r->arena, r->agents[i].name);
		r->agents[i].sentence = sentence(r, &r->agents[i]);
	}
}
