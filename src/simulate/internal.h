// SPDX-License-Identifier: Apache-2.0
// The simulated world and one person's life in it.
#ifndef CORRIDOR_SIMULATE_INTERNAL_H
#define CORRIDOR_SIMULATE_INTERNAL_H

#include "simulate/simulate.h"

#include <math.h>

#define MONTHS 12
#define DEALERS 24
#define WEAK_DEALER 7
#define COURIERS 5
#define AGENTS 120
#define DEFECT_FIRST_MONTH 4 // month 5, from 0
#define REPAIR_MONTH 9       // month 10
#define STORM_MONTH 7        // month 8
#define STORM_DAY 11
#define ATTACK_MONTH 8 // month 9
#define ATTACK_DAY 16
#define STORM_REGION 0
#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)

// A small fast generator with a stream per person (SplitMix64: Steele, Lea & Flood 2014).
struct rng {
	uint64_t state;
};
uint64_t rng_next(struct rng *r);
double rng_unit(struct rng *r); // in (0, 1)
bool rng_chance(struct rng *r, double probability);
uint32_t rng_below(struct rng *r, uint32_t n);
double rng_exponential(struct rng *r, double mean);
double rng_normal(struct rng *r);
uint32_t rng_poisson(struct rng *r, double mean);

enum sim_kind {
	SIM_AD,
	SIM_PAGE,
	SIM_STORE,
	SIM_ORDER,
	SIM_DELIVERED,
	SIM_ACTIVATED,
	SIM_FIRST_USE,
	SIM_SESSION,
	SIM_OUTAGE,
	SIM_INVOICE,
	SIM_PAYMENT,
	SIM_CALL,
	SIM_CHAT,
	SIM_COMPLAINT,
	SIM_ANSWER,
	SIM_VISIT,
	SIM_SURVEY,
	SIM_RENEWAL,
	SIM_REVIEW,
	SIM_REFERRAL,
	SIM_KINDS
};

enum sim_measure {
	SIM_NPS,
	SIM_CSAT,
	SIM_CES,
	SIM_RATING,
	SIM_WAIT,
	SIM_DURATION,
	SIM_DELAY,
	SIM_AMOUNT,
	SIM_RESOLVED,
	SIM_SPEED,
	SIM_OVERCHARGE,
	SIM_RELIABILITY_EXPECTED,
	SIM_RELIABILITY_PERCEIVED,
	SIM_RESPONSIVENESS_EXPECTED,
	SIM_RESPONSIVENESS_PERCEIVED,
	SIM_ACSI_SATISFACTION,
	SIM_ACSI_EXPECTANCY,
	SIM_ACSI_IDEAL,
	SIM_MEASURES
};

enum sim_topic { TOPIC_NONE, TOPIC_BILL, TOPIC_OUTAGE, TOPIC_DELIVERY, TOPIC_PRAISE, TOPIC_ATTACK };

// Who represented the brand.
enum sim_role { ROLE_NONE, ROLE_DEALER, ROLE_COURIER, ROLE_AGENT };

struct sim_event {
	int64_t at_ms, due_ms;
	uint32_t order;          // of making; decides ties
	uint32_t promise, keeps; // number within the person from 1, 0 = none
	uint8_t kind, channel, role, topic;
	uint16_t agent;
	float measure[SIM_MEASURES]; // NAN = absent
};

enum sim_channel {
	CH_WEB,
	CH_APP,
	CH_PHONE,
	CH_CHAT,
	CH_EMAIL,
	CH_SOCIAL,
	CH_REVIEWS,
	CH_STORE,
	CH_DEALER,
	CH_COURIER,
	CH_FIELD,
	SIM_CHANNELS
};

// What all persons share; immutable while the simulation runs.
struct world {
	const struct design *design;
	uint64_t seed, n_persons;
	int64_t month_ms[MONTHS + 1];
	uint32_t measure[SIM_MEASURES]; // index in the design
	struct sv event[SIM_KINDS], channel[SIM_CHANNELS], agent[3][AGENTS];
	struct sv region[5], product[4];
	uint32_t path_region, path_product; // DESIGN_NONE when the design does not lift them
	char agent_text[3][AGENTS][16];
};
enum rc world_init(struct world *w, const struct design *d, const struct simulate_options *o, struct err *e);

// One person's events, made in any order, then sorted by time.
struct life {
	const struct world *world;
	struct rng rng;
	struct simulate_counts *counts;
	struct sim_event *events;
	size_t n, capacity;
	bool out_of_memory;
	uint64_t person;
	uint32_t region, product, dealer; // dealer 0: bought without one
	uint32_t n_promises;
	double activity; // heavy-tailed factor on how often things happen, mean 1
	double trouble;  // grows with bad experience, drives complaints and churn
};

// Adds an event without measures; NULL when out of memory (sticky).
struct sim_event *life_event(struct life *l, enum sim_kind kind, enum sim_channel channel, int64_t at_ms);
// Fills l->events with the whole year of person number `person` (0 ≤ person < world->n_persons).
void life_make(struct life *l, uint64_t person);
// The same for fake reviewer number i of the coordinated attack.
void life_make_attacker(struct life *l, uint64_t i);
// Reviewers in the attack.
uint64_t attack_size(const struct world *w);
// A verbatim on a topic, varied by rng; the attack's are near-duplicates of one text.
void text_write(struct rng *r, enum sim_topic topic, struct buf *out);

// --- interaction.c ---

// What the views of an interaction point to.
struct sim_texts {
	char customer[32], promise[48], keeps[48], properties[96];
	struct buf verbatim;
};
// "c0000018".
struct sv customer_name(uint64_t person, char out[32]);
// What all interactions of a life share: who it is, region, product.
void interaction_begin(const struct life *l, struct sim_texts *t, struct interaction *x);
// One of its events. words: of verbatims; when t->verbatim is out of memory (buf_check), the text is missing.
void interaction_fill(const struct life *l, const struct sim_event *x, struct rng *words, struct sim_texts *t,
	struct interaction *out);

#endif
