// SPDX-License-Identifier: Apache-2.0
// The corridor on one page: what the report knows, before it is drawn as text or as HTML.
//
// Every number comes from an analysis (gap, volume, promises, quality); nothing is computed here but the choice
// of what to show first, and the share kept of a stage from those of its expectations. The worst expectation of a touch point stands for it on a single line.
#ifndef CORRIDOR_CLI_REPORT_H
#define CORRIDOR_CLI_REPORT_H

#include "base/arena.h"
#include "cli/look.h"
#include "measure/measure.h"

#include <math.h>

#define REPORT_NONE ((double)NAN) // no value

enum verdict { VERDICT_NONE, VERDICT_KEPT, VERDICT_UNCLEAR, VERDICT_BROKEN };

// Experience against one expectation in one period. NAN where there is no data.
struct report_score {
	uint64_t n;
	double gap, gap_low, gap_high;
	double experience, experience_low, experience_high;
	double share, share_low, share_high;
	enum verdict verdict;
};

// What the periods say about an expectation.
enum story { STORY_NONE, STORY_BROKEN, STORY_REPAIRED };

struct report_expectation {
	const struct expectation *declared;
	struct report_score all;     // the whole period
	struct report_score *series; // report->n_buckets
	enum story story;
	bool whole;                // broken over the whole period, no bucket alone tells it
	uint32_t from, to;         // the run of buckets that it is about; to = the first after it
	struct report_score since; // those buckets together (no intervals)
	double urgency;            // importance × n × shortfall of the run
};

struct report_touchpoint {
	const struct design_touchpoint *declared;
	struct sv title, stage, owner; // owner may be empty
	uint64_t n;                    // interactions
	struct report_expectation *expectations;
	uint32_t n_expectations;
	const struct report_expectation *worst; // of those with data; NULL: nothing is measured
	struct report_score promises;           // made here: n = those due, share = kept in time; no gap
};

struct report_stage {
	struct sv name;
	const struct report_touchpoint *
		*touchpoints; // the worst first, those that nothing was measured at last
	uint32_t n_touchpoints;
	uint64_t n;         // values that its expectations score
	double share;       // of them that meet their target; NAN: there is none
	enum verdict worst; // of the touch points
};

// One line of "repair first" or "repaired".
struct report_finding {
	const struct report_touchpoint *touchpoint;
	const struct report_expectation *expectation;
	struct sv sentence; // the evidence
};

// Somebody who represents the brand worse than the others at that touch point.
struct report_agent {
	struct sv name, sentence;
	const struct report_touchpoint *touchpoint;
	const struct report_expectation *expectation; // NULL: the promises made there
	struct report_score score;
	double urgency;
};

#define REPORT_AGENTS_MOST 5u

struct report_promises {
	uint64_t made, kept, broken, overdue, open, answered;
	double share, share_low, share_high; // NAN: none was due
	double *series;                      // share kept by bucket of the making; NAN: none
	struct sv as_of;
};

struct report {
	struct arena *arena;
	const struct design *design;
	struct sv period;  // "2025-01-01 to 2025-12-31"
	struct sv filters; // "channel=phone and …"; empty = all
	struct sv bucket;  // "month": width of the series
	const struct sv *labels;
	uint32_t n_buckets;
	uint64_t n, n_customers, n_unmatched;
	struct report_touchpoint *touchpoints; // in the order of the corridor
	uint32_t n_touchpoints;
	struct report_stage *stages;                    // in the order of the corridor, design->n_stages
	uint32_t n_scored, n_kept, n_broken, n_unclear; // expectations with data, by verdict of the period
	uint32_t n_unmeasured;                          // expectations without data
	struct report_finding *repair, *repaired;
	uint32_t n_repair, n_repaired;
	struct report_agent agents[REPORT_AGENTS_MOST]; // by urgency
	uint32_t n_agents_compared; // agents × (expectations and promises) with enough data
	double agent_limit;         // standard errors below all that are beyond chance
	uint32_t n_agents;
	struct report_promises promises;
	struct sv *findings; // data quality
	uint32_t n_findings;
	double scale; // largest distance of a margin's interval from 0, at least 0.05
};

struct report_question {
	struct sv from, to;
	const struct sv *where;
	uint32_t n_where;
	unsigned threads;
};

// Asks the analyses and chooses. Everything is in the arena; the snapshot must stay open.
enum rc report_make(struct snapshot *sn, const struct report_question *q, struct arena *arena,
	struct report **out, struct err *e);
// Fills in the stories, the worst expectations, the stages and the lists from the scores.
enum rc report_judge(struct report *r, struct err *e);

// First all scores of agents are counted, then added: the more comparisons, the wider the limits.
void report_agents_count(struct report *r, const struct report_score *all, const struct report_score *score);
// Keeps an agent that is beyond the limits of the touch point in the expectation, or in the promises made there
// when x is NULL; the name is kept as a view until report_agents_judge.
void report_agents_add(struct report *r, const struct report_touchpoint *t, const struct report_expectation *x,
	struct sv agent, const struct report_score *score);
// Orders them and writes their sentences.
void report_agents_judge(struct report *r);

// How far a score is from what is expected, above 0 better, with its interval: the share kept minus the expected
// share where a share is expected, else the mean minus the target in units of the expectation's scale (not clamped, as
// the gap is). This is what the verdict is about.
struct report_margin {
	double value, low, high;
};
struct report_margin report_margin_of(const struct expectation *x, const struct report_score *s);

// A value of a measure in words: "2 min", "3.1", "14.20 EUR", "88.1 %"; out[HUMAN_TEXT_MAX].
char *report_value(const struct design *d, uint32_t measure, double v, char *out);
// "4.20" becomes "4.2", "95.0 %" becomes "95 %"; in place.
char *report_trim(char *text);
// "csat at least 4.2", "wait at most 2 min for 80 %"; in the arena.
struct sv report_demand(const struct report *r, const struct expectation *x);
// The same in signs and without the share: "wait <= 2 min"; "≤" when the look has Unicode.
struct sv report_demand_short(const struct report *r, const struct look *look, const struct expectation *x);
// "3.1" or "68.2 %": what stands against the demand; out[HUMAN_TEXT_MAX].
char *report_answer(
	const struct report *r, const struct expectation *x, const struct report_score *s, char *out);

// The report for a terminal, as wide as the look. Errors (RC_NOMEM, RC_LIMIT) are sticky in `out`.
void report_text(const struct report *r, const struct look *look, struct buf *out);
// made_at_ms is printed as the time of making.
enum rc report_html(const struct report *r, int64_t made_at_ms, struct buf *out, struct err *e);

#endif
