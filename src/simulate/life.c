// SPDX-License-Identifier: Apache-2.0
// One customer's year: how they come, what they use, what goes wrong, what they say, whether they stay.
// Everything a person does is drawn from that person's own stream of random numbers, so lives can be made in any
// order and on any thread.
#include "base/mem.h"
#include "simulate/internal.h"

#include <stdlib.h>

// Satisfaction 1-5: cumulative chances of 5, 4, 3, 2 (the rest is 1).
static const double csat_good[4] = {.52, .88, .96, .99};
static const double csat_usual[4] = {.42, .79, .92, .97};
static const double csat_bad[4] = {.12, .34, .58, .80};

static const double product_price[4] = {2490, 3990, 1490, 5990}; // minor units a month: mobile fibre tv bundle
static const double region_share[5] = {.28, .24, .18, .16, .14};
static const double product_share[4] = {.40, .30, .10, .20};

struct sim_event *life_event(struct life *l, enum sim_kind kind, enum sim_channel channel, int64_t at_ms)
{
	const struct world *w = l->world;
	if (at_ms < w->month_ms[0] || at_ms >= w->month_ms[MONTHS])
		return NULL; // outside the year: it happens, but nobody records it
	if (mem_grow((void **)&l->events, &l->capacity, l->n + 1, sizeof *l->events) != 0) {
		l->out_of_memory = true;
		return NULL;
	}
	struct sim_event *x = &l->events[l->n];
	*x = (struct sim_event){
		.at_ms = at_ms, .due_ms = TIME_NONE, .order = (uint32_t)l->n, .kind = kind, .channel = channel};
	for (int i = 0; i < SIM_MEASURES; i++)
		x->measure[i] = NAN;
	l->n++;
	return x;
}

static double csat_draw(struct rng *r, const double table[4])
{
	double u = rng_unit(r);
	for (int i = 0; i < 4; i++)
		if (u < table[i])
			return 5 - i;
	return 1;
}

static uint32_t draw_share(struct rng *r, const double *share, uint32_t n)
{
	double u = rng_unit(r);
	for (uint32_t i = 0; i + 1 < n; i++) {
		if (u < share[i])
			return i;
		u -= share[i];
	}
	return n - 1;
}

// Sets a measure of an event that may be NULL (outside the year).
static void set(struct sim_event *x, enum sim_measure m, double value)
{
	if (x)
		x->measure[m] = (float)value;
}

static double tenths(double x)
{
	return floor(x * 10) / 10;
}

static int month_of(const struct world *w, int64_t at_ms)
{
	for (int m = 0; m < MONTHS; m++)
		if (at_ms < w->month_ms[m + 1])
			return m;
	return MONTHS - 1;
}

// 0 before the defect, 1 while it lasts, 2 after the repair.
static int phase_of(const struct world *w, int64_t at_ms)
{
	int m = month_of(w, at_ms);
	return m < DEFECT_FIRST_MONTH ? 0 : m < REPAIR_MONTH ? 1 : 2;
}

static bool bills_affected(const struct life *l, int64_t at_ms)
{
	return phase_of(l->world, at_ms) == 1 && (l->product == 1 || l->product == 3); // fibre and bundle
}

static int64_t day_time(struct life *l, int64_t day_ms) // some time of that day, mostly between 8 and 21
{
	double hour = 14 + 3.2 * rng_normal(&l->rng);
	hour = hour < 0.1 ? 0.1 : hour > 23.8 ? 23.8 : hour;
	return day_ms + (int64_t)(hour * (double)HOUR_MS);
}

static uint32_t random_agent(struct life *l)
{
	return rng_below(&l->rng, AGENTS);
}

static void complaint(struct life *l, int64_t at_ms, enum sim_topic topic, enum sim_channel channel)
{
	struct sim_event *x = life_event(l, SIM_COMPLAINT, channel, at_ms);
	if (!x)
		return;
	uint32_t promise = ++l->n_promises;
	int phase = phase_of(l->world, at_ms);
	bool slow = topic == TOPIC_BILL && phase == 1;
	double late = slow ? .45 : .03;
	x->topic = topic;
	x->promise = promise;
	x->due_ms = at_ms + 5 * DAY_MS;
	l->trouble += .25;
	bool is_late = rng_chance(&l->rng, late);
	double days = is_late ? 5.05 + rng_exponential(&l->rng, 3) : .2 + 4.6 * rng_unit(&l->rng);
	struct sim_event *a = life_event(l, SIM_ANSWER, rng_chance(&l->rng, .7) ? CH_EMAIL : CH_PHONE,
		at_ms + (int64_t)(days * (double)DAY_MS));
	if (!a)
		return;
	a->keeps = promise;
	a->role = ROLE_AGENT;
	a->agent = (uint16_t)random_agent(l);
	set(a, SIM_DELAY, (days - 5) * 86400);
	set(a, SIM_RESOLVED, rng_chance(&l->rng, slow ? .45 : .82));
	if (rng_chance(&l->rng, .3))
		set(a, SIM_CSAT, csat_draw(&l->rng, is_late ? csat_bad : csat_usual));
	if (topic == TOPIC_BILL) {
		l->counts->answers[phase_of(l->world, a->at_ms)]++;
		l->counts->answers_late[phase_of(l->world, a->at_ms)] += is_late;
	}
}

// A call or a chat about something, perhaps followed by a complaint.
static void contact(struct life *l, int64_t at_ms, enum sim_topic topic)
{
	struct rng *r = &l->rng;
	bool chat = rng_chance(r, .3);
	struct sim_event *x = life_event(l, chat ? SIM_CHAT : SIM_CALL, chat ? CH_CHAT : CH_PHONE, at_ms);
	bool solved = rng_chance(r, topic == TOPIC_BILL && phase_of(l->world, at_ms) == 1 ? .48 : .81);
	if (x) {
		x->role = ROLE_AGENT;
		x->agent = (uint16_t)random_agent(l);
	}
	double wait = rng_exponential(r, chat ? 25 : 70);
	set(x, SIM_WAIT, floor(wait));
	set(x, SIM_DURATION, floor(90 + rng_exponential(r, 240)));
	set(x, SIM_RESOLVED, solved);
	if (rng_chance(r, .25))
		set(x, SIM_CSAT, csat_draw(r, solved ? csat_good : csat_bad));
	if (rng_chance(r, .12))
		set(x, SIM_CES, solved ? 7 - rng_below(r, 3) : 1 + rng_below(r, 5));
	if (!solved)
		l->trouble += .15;
	if (rng_chance(r, solved ? .02 : .22))
		complaint(l, at_ms + (int64_t)(rng_exponential(r, 1.5) * (double)DAY_MS), topic,
			rng_chance(r, .6) ? CH_EMAIL : CH_WEB);
	else if (!solved && rng_chance(r, .45))
		contact(l, at_ms + HOUR_MS + (int64_t)(rng_exponential(r, 2) * (double)DAY_MS), topic);
}

// The technician's appointment that an activation or an outage leads to: promised, then kept within minutes.
static void visit(struct life *l, struct sim_event *booked)
{
	struct rng *r = &l->rng;
	uint32_t promise = booked->promise = ++l->n_promises;
	int64_t due = booked->due_ms = booked->at_ms + 2 * DAY_MS;
	double delay = floor(900 * rng_normal(r) - 1500);
	struct sim_event *v = life_event(l, SIM_VISIT, CH_FIELD, due + (int64_t)delay * 1000);
	if (!v)
		return;
	v->keeps = promise;
	v->role = ROLE_AGENT;
	v->agent = (uint16_t)random_agent(l);
	set(v, SIM_DELAY, delay);
	set(v, SIM_DURATION, floor(1800 + rng_exponential(r, 1800)));
	set(v, SIM_RESOLVED, rng_chance(r, .92));
	if (rng_chance(r, .3))
		set(v, SIM_CSAT, csat_draw(r, csat_good));
}

static void activation(struct life *l, int64_t delivered_ms)
{
	struct rng *r = &l->rng;
	int64_t at = delivered_ms + (int64_t)(rng_exponential(r, 1) * (double)DAY_MS);
	struct sim_event *a = life_event(l, SIM_ACTIVATED, rng_chance(r, .8) ? CH_APP : CH_FIELD, at);
	bool worked = rng_chance(r, .94);
	set(a, SIM_DELAY,
		rng_chance(r, .98) ? -floor(rng_exponential(r, 20000)) : floor(rng_exponential(r, 40000)));
	set(a, SIM_DURATION, floor(120 + rng_exponential(r, 500)));
	set(a, SIM_RESOLVED, worked);
	if (a && (!worked || (l->product != 0 && rng_chance(r, .4)))) {
		visit(l, a);
		at += 2 * DAY_MS;
	}
	struct sim_event *f = life_event(l, SIM_FIRST_USE, l->product == 2 ? CH_WEB : CH_APP,
		at + (int64_t)(rng_exponential(r, .5) * (double)DAY_MS) + HOUR_MS);
	set(f, SIM_SPEED, floor(10 * (130 + 30 * rng_normal(r))) / 10);
	if (rng_chance(r, .3))
		set(f, SIM_CES, worked ? 7 - rng_below(r, 3) : 1 + rng_below(r, 5));
}

static void delivery(struct life *l, int64_t order_ms, struct sim_event *order)
{
	struct rng *r = &l->rng;
	bool weak = l->dealer == WEAK_DEALER;
	bool late = rng_chance(r, weak ? .34 : .03);
	double promised_days = 3 + rng_below(r, 3);
	double days = late ? promised_days + .1 + rng_exponential(r, 2.5)
			   : promised_days - .1 - rng_unit(r) * (promised_days - 1);
	if (order) {
		order->promise = ++l->n_promises;
		order->due_ms = order_ms + (int64_t)(promised_days * (double)DAY_MS);
	}
	uint32_t promise = order ? order->promise : 0;
	int64_t at = order_ms + (int64_t)(days * (double)DAY_MS);
	bool pick_up = l->dealer == 0 && rng_chance(r, .15);
	struct sim_event *x = life_event(l, SIM_DELIVERED, pick_up ? CH_STORE : CH_COURIER, at);
	if (x) {
		x->keeps = promise;
		x->role = pick_up ? ROLE_NONE : ROLE_COURIER;
		x->agent = (uint16_t)rng_below(r, COURIERS);
		set(x, SIM_DELAY, floor((days - promised_days) * 86400));
		if (rng_chance(r, .25))
			set(x, SIM_CSAT, csat_draw(r, late ? csat_bad : csat_good));
		if (l->dealer && promise) {
			uint64_t *n = weak ? &l->counts->dealer_deliveries : &l->counts->other_deliveries;
			uint64_t *n_late = weak ? &l->counts->dealer_late : &l->counts->other_late;
			(*n)++;
			*n_late += late;
		}
	}
	if (late) {
		l->trouble += .2;
		if (rng_chance(r, .4))
			contact(l, at - (int64_t)(rng_unit(r) * .5 * (double)DAY_MS), TOPIC_DELIVERY);
	}
	activation(l, at);
}

// From the first advertisement to first use. Returns when they became a customer.
static int64_t arrival(struct life *l)
{
	struct rng *r = &l->rng;
	const struct world *w = l->world;
	int64_t span = w->month_ms[MONTHS] - w->month_ms[0];
	int64_t at = w->month_ms[0] + (int64_t)(rng_unit(r) * (double)(span - 10 * DAY_MS));
	static const uint8_t ad_channels[3] = {CH_WEB, CH_SOCIAL, CH_APP};
	set(life_event(l, SIM_AD, ad_channels[rng_below(r, 3)], at), SIM_DURATION,
		tenths(rng_exponential(r, 1.2)));
	uint32_t pages = 1 + rng_poisson(r, 2.5);
	for (uint32_t i = 0; i < pages; i++) {
		at += (int64_t)(rng_exponential(r, 600) * 1000) + 2000;
		struct sim_event *p = life_event(l, SIM_PAGE, CH_WEB, at);
		set(p, SIM_DURATION, tenths(rng_exponential(r, .8)));
		if (rng_chance(r, .03))
			set(p, SIM_CES, 7 - rng_below(r, 4));
	}
	enum sim_channel how = l->dealer ? CH_DEALER : rng_chance(r, .35) ? CH_STORE : CH_WEB;
	if (how != CH_WEB) {
		at += (int64_t)((.2 + rng_exponential(r, 2)) * (double)DAY_MS);
		struct sim_event *s = life_event(l, SIM_STORE, how, at);
		set(s, SIM_WAIT, floor(rng_exponential(r, 240)));
		if (s && how == CH_DEALER) {
			s->role = ROLE_DEALER;
			s->agent = (uint16_t)(l->dealer - 1);
		}
		if (rng_chance(r, .15))
			set(s, SIM_CSAT, csat_draw(r, l->dealer == WEAK_DEALER ? csat_bad : csat_good));
	}
	at += (int64_t)(rng_exponential(r, .04) * (double)DAY_MS) + 60000;
	struct sim_event *o = life_event(l, SIM_ORDER, how, at);
	if (o && how == CH_DEALER) {
		o->role = ROLE_DEALER;
		o->agent = (uint16_t)(l->dealer - 1);
	}
	set(o, SIM_AMOUNT, product_price[l->product] * 12);
	set(o, SIM_DURATION, floor(120 + rng_exponential(r, 300)));
	if (rng_chance(r, .2))
		set(o, SIM_CES, l->dealer == WEAK_DEALER ? 2 + rng_below(r, 5) : 7 - rng_below(r, 3));
	delivery(l, at, o);
	return at + 6 * DAY_MS;
}

static void invoice(struct life *l, int64_t day_ms)
{
	struct rng *r = &l->rng;
	bool wrong = bills_affected(l, day_ms);
	double price = product_price[l->product] + floor(rng_exponential(r, 300));
	int64_t at = day_ms + 6 * HOUR_MS + (int64_t)(rng_unit(r) * 3e6);
	struct sim_event *x = life_event(l, SIM_INVOICE, rng_chance(r, .75) ? CH_EMAIL : CH_APP, at);
	if (!x)
		return;
	int phase = phase_of(l->world, at);
	double overcharge = wrong ? floor(price * .35) : 0;
	set(x, SIM_AMOUNT, price + overcharge);
	set(x, SIM_OVERCHARGE, overcharge);
	set(x, SIM_DELAY, rng_chance(r, .99) ? 0 : floor(rng_exponential(r, 86400)));
	if (rng_chance(r, .12)) {
		double score = csat_draw(r, wrong ? csat_bad : csat_usual);
		set(x, SIM_CSAT, score);
		l->counts->invoice_asked[phase]++;
		l->counts->invoice_satisfied[phase] += score >= 4;
		l->counts->invoice_score_sum[phase] += (uint64_t)score;
	}
	l->counts->invoices_wrong += wrong;
	if (rng_chance(r, wrong ? .24 : .03))
		contact(l, at + (int64_t)((.3 + rng_exponential(r, 3)) * (double)DAY_MS), TOPIC_BILL);
	double days = 2 + rng_exponential(r, wrong ? 9 : 4);
	struct sim_event *p = life_event(
		l, SIM_PAYMENT, rng_chance(r, .8) ? CH_WEB : CH_APP, at + (int64_t)(days * (double)DAY_MS));
	set(p, SIM_AMOUNT, price);
	set(p, SIM_RESOLVED, rng_chance(r, .986));
}

static void month_of_use(struct life *l, int m)
{
	struct rng *r = &l->rng;
	const struct world *w = l->world;
	int64_t start = w->month_ms[m], length = w->month_ms[m + 1] - start;
	uint32_t sessions = rng_poisson(r, 1.1 * l->activity);
	for (uint32_t i = 0; i < sessions; i++) {
		struct sim_event *s = life_event(l, SIM_SESSION, CH_APP,
			day_time(l, start + (int64_t)(rng_unit(r) * (double)length) / DAY_MS * DAY_MS));
		set(s, SIM_DURATION, floor(10 + rng_exponential(r, 160)));
		set(s, SIM_RESOLVED, rng_chance(r, .92));
		if (rng_chance(r, .04))
			set(s, SIM_CES, 7 - rng_below(r, 4));
	}
	invoice(l, start + (int64_t)(l->person % 9) * DAY_MS);
	if (rng_chance(r, .02)) {
		int64_t at = start + (int64_t)(rng_unit(r) * (double)length);
		struct sim_event *o = life_event(l, SIM_OUTAGE, CH_APP, at);
		set(o, SIM_DURATION, floor(600 + rng_exponential(r, 5000)));
		l->trouble += .1;
		if (rng_chance(r, .5))
			contact(l, at + (int64_t)(rng_unit(r) * 2 * (double)HOUR_MS), TOPIC_OUTAGE);
	}
	if (rng_chance(r, .05 * l->activity))
		contact(l, day_time(l, start + (int64_t)(rng_unit(r) * (double)length) / DAY_MS * DAY_MS),
			TOPIC_NONE);
}

static void storm(struct life *l)
{
	struct rng *r = &l->rng;
	if (l->region != STORM_REGION || !rng_chance(r, .45))
		return;
	int64_t start = l->world->month_ms[STORM_MONTH] + STORM_DAY * DAY_MS + 7 * HOUR_MS;
	struct sim_event *o =
		life_event(l, SIM_OUTAGE, CH_APP, start + (int64_t)(rng_unit(r) * .3 * (double)HOUR_MS));
	set(o, SIM_DURATION, floor(4 * 3600 + rng_exponential(r, 4 * 3600)));
	l->trouble += .15;
	static const uint8_t channels[4] = {CH_SOCIAL, CH_PHONE, CH_WEB, CH_EMAIL};
	if (rng_chance(r, .25)) {
		l->counts->storm_complaints++;
		complaint(l, start + (int64_t)((.3 + rng_exponential(r, 7)) * (double)HOUR_MS), TOPIC_OUTAGE,
			channels[rng_below(r, 4)]);
	}
}

// An answer on a scale from 1 to `top` around `level`.
static double item(struct rng *r, double level, double top)
{
	double x = floor(level + .9 * rng_normal(r) + .5);
	return x < 1 ? 1 : x > top ? top : x;
}

static void opinion(struct life *l, int64_t at_ms)
{
	struct rng *r = &l->rng;
	double mood = 9 - 4 * l->trouble + 1.6 * rng_normal(r);
	double nps = mood < 0 ? 0 : mood > 10 ? 10 : floor(mood + .5);
	struct sim_event *x = life_event(l, SIM_SURVEY, rng_chance(r, .6) ? CH_EMAIL : CH_APP, at_ms);
	set(x, SIM_NPS, nps);
	if (rng_chance(r, .5)) {
		set(x, SIM_CSAT, nps >= 9 ? 5 : nps >= 7 ? 4 : nps >= 5 ? 3 : nps >= 3 ? 2 : 1);
		double level = mood * .7 < 1 ? 1 : mood * .7;
		set(x, SIM_RELIABILITY_EXPECTED, 7 - rng_below(r, 2));
		set(x, SIM_RELIABILITY_PERCEIVED, item(r, level, 7));
		set(x, SIM_RESPONSIVENESS_EXPECTED, 7 - rng_below(r, 3));
		set(x, SIM_RESPONSIVENESS_PERCEIVED, item(r, level, 7));
		set(x, SIM_ACSI_SATISFACTION, item(r, mood, 10));
		set(x, SIM_ACSI_EXPECTANCY, item(r, mood - .5, 10));
		set(x, SIM_ACSI_IDEAL, item(r, mood - 1, 10));
	}
	if (rng_chance(r, .08)) {
		struct sim_event *v = life_event(l, SIM_REVIEW, CH_REVIEWS, at_ms + DAY_MS);
		set(v, SIM_RATING, nps >= 9 ? 5 : nps >= 7 ? 4 : nps >= 5 ? 3 : nps >= 3 ? 2 : 1);
		if (v)
			v->topic = nps >= 7 ? TOPIC_PRAISE : TOPIC_NONE;
	}
	if (nps >= 9 && rng_chance(r, .08))
		life_event(l, SIM_REFERRAL, CH_WEB, at_ms + 2 * DAY_MS);
}

static int event_compare(const void *a, const void *b)
{
	const struct sim_event *x = a, *y = b;
	if (x->at_ms != y->at_ms)
		return x->at_ms < y->at_ms ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static void life_start(struct life *l, uint64_t person)
{
	l->n = 0;
	l->person = person;
	l->rng = (struct rng){l->world->seed * UINT64_C(0xd1342543de82ef95) + person};
	rng_next(&l->rng);
	l->rng.state ^= rng_next(&l->rng);
	l->n_promises = 0;
	l->trouble = 0;
}

void life_make(struct life *l, uint64_t person)
{
	const struct world *w = l->world;
	struct rng *r = &l->rng;
	life_start(l, person);
	l->region = draw_share(r, region_share, 5);
	l->product = draw_share(r, product_share, 4);
	l->dealer = rng_chance(r, .4) ? 1 + rng_below(r, DEALERS) : 0;
	l->activity = exp(.7 * rng_normal(r) - .245); // log-normal with mean 1
	int64_t since = rng_chance(r, .62) ? w->month_ms[0] - DAY_MS : arrival(l);
	int renewal_month = since < w->month_ms[0] ? (int)rng_below(r, 12) : MONTHS;
	for (int m = 0; m < MONTHS; m++) {
		if (w->month_ms[m] < since)
			continue;
		month_of_use(l, m);
		if (m == STORM_MONTH)
			storm(l);
		int64_t mid = w->month_ms[m] + 14 * DAY_MS;
		if ((m + (int)(person % 3)) % 3 == 0 && rng_chance(r, .22))
			opinion(l, day_time(l, mid));
		if (m == renewal_month) {
			bool stays = rng_chance(r, .93 - (l->trouble > 1.2 ? .6 : .5 * l->trouble));
			struct sim_event *x =
				life_event(l, SIM_RENEWAL, rng_chance(r, .5) ? CH_WEB : CH_PHONE, mid);
			set(x, SIM_RESOLVED, stays);
			set(x, SIM_AMOUNT, stays ? product_price[l->product] * 12 : 0);
			if (!stays)
				break;
		}
		l->trouble *= .8; // people forget, slowly
	}
	qsort(l->events, l->n, sizeof *l->events, event_compare);
}

uint64_t attack_size(const struct world *w)
{
	return w->n_persons / 100 > 30 ? w->n_persons / 100 : 30;
}

void life_make_attacker(struct life *l, uint64_t i)
{
	struct rng *r = &l->rng;
	life_start(l, l->world->n_persons + i);
	l->region = rng_below(r, 5);
	l->product = rng_below(r, 4);
	int64_t at = l->world->month_ms[ATTACK_MONTH] + ATTACK_DAY * DAY_MS + 20 * HOUR_MS +
		     (int64_t)(rng_exponential(r, 3) * (double)HOUR_MS);
	struct sim_event *x = life_event(l, SIM_REVIEW, CH_REVIEWS, at);
	set(x, SIM_RATING, 1);
	if (x) {
		x->topic = TOPIC_ATTACK;
		l->counts->attack_reviews++;
	}
}
