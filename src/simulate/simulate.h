// SPDX-License-Identifier: Apache-2.0
// A synthetic telecom, Tidewater, over twelve months on all channels and stages, with planted truths that the
// analyses must find: a billing defect, a weak dealer, a complaint storm, a coordinated attack and a repair.
// Deterministic: the same seed and size give the same interactions, whatever the number of threads.
#ifndef CORRIDOR_SIMULATE_SIMULATE_H
#define CORRIDOR_SIMULATE_SIMULATE_H

#include "base/buf.h"
#include "base/err.h"
#include "journey/journey.h"

#include <stdbool.h>
#include <stdint.h>

struct simulate_options {
	uint64_t n_persons;
	uint64_t seed;
	struct sv
		start; // first day, "2025-10-01" (or "2025-10"), at most the 28th: all twelve months begin on that day
	unsigned threads; // 0 = all processors
	bool quiet;       // no progress bar
};

// What was planted and how often it came out, for the file beside the data.
struct simulate_counts {
	uint64_t n_interactions;
	uint64_t invoice_asked[3], invoice_satisfied[3],
		invoice_score_sum[3]; // before, during, after the defect
	uint64_t invoices_wrong;
	uint64_t answers[3], answers_late[3];    // complaints about bills answered: before, during, after
	uint64_t dealer_deliveries, dealer_late; // of the weak dealer
	uint64_t other_deliveries, other_late;   // of all other dealers
	uint64_t storm_complaints, attack_reviews;
};

struct simulate_report {
	struct simulate_counts counts;
	uint64_t n_persons;
	int64_t elapsed_ms;
};

// Persons that give about n_interactions of them.
uint64_t simulate_persons_for(uint64_t n_interactions);

// Fills an empty store whose design is the built-in corridor file (design_template) with a simulated year, in sealed
// segments. RC_EXISTS when the store holds interactions, RC_INPUT when the design lacks a measure or channel that the simulation needs, RC_USAGE for a bad start.
enum rc simulate_run(
	struct store *s, const struct simulate_options *o, struct simulate_report *report, struct err *e);

// The planted truths as a JSON document: what, when, with which parameters, and how often it came out.
enum rc simulate_truths_write(const struct design *d, const struct simulate_options *o,
	const struct simulate_report *report, struct buf *out, struct err *e);

// --- new interactions, one by one, for a server to be looked at ---

struct simulate_feed;
// Customers that the simulated year does not have, each living through a year of the same kind. Deterministic. Errors as
// simulate_run. The design must outlive the feed.
enum rc simulate_feed_open(const struct design *d, uint64_t seed, struct simulate_feed **out, struct err *e);
void simulate_feed_close(struct simulate_feed **f); // NULL is allowed
// The next interaction, as if it happened at now_ms, resolved; valid until the next call. NULL when out of memory.
const struct interaction *simulate_feed_next(struct simulate_feed *f, int64_t now_ms);

#endif
