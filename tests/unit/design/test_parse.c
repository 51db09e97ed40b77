// SPDX-License-Identifier: Apache-2.0
// What comes out of a corridor file: the example of the design, defaults, all keys, and the embedded example.
#include "support.h"

#include <math.h>

static const char example[] =
	"corridor: 1                      # format version\n"
	"brand: Tidewater Telecom\n"
	"timezone: Europe/Berlin\n"
	"currency: EUR\n"
	"stages: [awareness, discovery, purchase, fulfilment, onboarding, use, billing, support, renewal, "
	"advocacy]\n"
	"departments: {logistics: {hours: weekdays}, billing: {hours: weekdays}, support: {hours: extended}}\n"
	"systems: [crm, billing-system, warehouse]\n"
	"channels: {web: digital, app: digital, phone: contact-centre, store: in-person, dealer: partner, "
	"courier: partner, reviews: public}\n"
	"measures: {speed: {unit: Mbit/s}}\n"
	"dimensions: [product, region]\n"
	"hours:\n"
	"  weekdays: {mon-fri: [[08:00, 12:00], [13:00, 18:00]], holidays: [2026-12-25]}\n"
	"  extended: {mon-sun: [[06:00, 24:00]]}\n"
	"touchpoints:\n"
	"  delivery:\n"
	"    name: Delivery of the order\n"
	"    stage: fulfilment\n"
	"    owner: logistics\n"
	"    systems: [warehouse]\n"
	"    channels: [courier, store]\n"
	"    importance: 3                # weight, relative\n"
	"    match:\n"
	"      - {event: Order Delivered}\n"
	"      - {event: Shipment, properties.status: delivered}\n"
	"    expect:\n"
	"      on-time:  {measure: delay, at most: 0, for: 95%}\n"
	"      happy:    {measure: csat, at least: 4.2}\n"
	"  support-call:\n"
	"    stage: support\n"
	"    owner: support\n"
	"    channels: [phone]\n"
	"    match: [{event: Call Ended}]\n"
	"    expect:\n"
	"      answered-fast: {measure: wait, at most: 2min, for: 80%}\n"
	"      solved-once:   {measure: resolved, at least: 75%}\n";

static void test_example(void **state)
{
	(void)state;
	struct design *d = parse_ok(SV(example));
	assert_sv(d->brand, "Tidewater Telecom");
	assert_sv(d->timezone, "Europe/Berlin");
	assert_sv(d->currency, "EUR");
	assert_int_equal(d->n_stages, 10);
	assert_sv(d->stages[3], "fulfilment");
	assert_int_equal(d->n_departments, 3);
	assert_int_equal(d->department_hours[2], 1);
	assert_int_equal(d->n_channels, 7);
	assert_int_equal(d->channels[design_channel_find(d, SV("dealer"))].kind, CHANNEL_PARTNER);
	assert_int_equal(d->n_measures, 14);
	assert_sv(d->measures[13].unit, "Mbit/s");
	assert_false(d->measures[13].bounded);
	assert_int_equal(d->n_dimensions, 2);
	assert_sv(d->paths[d->dimension_path[1]], "properties.region");
	assert_int_equal(d->n_hours, 2);
	assert_int_equal(d->hours[0].n_spans, 10);
	assert_int_equal(d->hours[0].spans[1].from_min, 780);
	assert_int_equal(d->hours[0].holidays[0], civil_to_days(2026, 12, 25));
	assert_int_equal(d->hours[1].spans[6].to_min, 1440);
	assert_int_equal(d->n_touchpoints, 2);

	const struct design_touchpoint *t = &d->touchpoints[design_touchpoint_find(d, SV("delivery"))];
	assert_sv(t->title, "Delivery of the order");
	assert_int_equal(t->stage, 3);
	assert_int_equal(t->owner, 0);
	assert_near(t->importance, 3, 0);
	assert_int_equal(t->n_channels, 2);
	assert_sv(t->systems[0], "warehouse");
	assert_int_equal(t->line, 15);
	assert_sv(t->match_text, "{event: Order Delivered}; {event: Shipment, properties.status: delivered}");
	assert_int_equal(t->n_expectations, 2);
	const struct expectation *x = &d->expectations[t->first_expectation];
	assert_sv(x->name, "on-time");
	assert_int_equal(x->direction, EXPECT_AT_MOST);
	assert_near(x->target, 0, 0);
	assert_near(x->scale, 86400, 0); // a target of 0 gives no scale: one day
	assert_near(x->share, 0.95, 0);
	assert_int_equal(x->line, 26);
	assert_near(x[1].scale, 2, 0); // csat 1-5: half the range
	assert_true(isnan(x[1].share));

	t = &d->touchpoints[1];
	assert_sv(t->title, "support-call");
	assert_near(t->importance, 1, 0);
	x = &d->expectations[t->first_expectation];
	assert_near(x->target, 120, 0);
	assert_near(x->scale, 120, 0); // ratio measure: the target
	assert_near(x[1].target, 0.75, 0);
	assert_near(x[1].scale, 0.5, 0);
	design_free(&d);
	assert_null(d);
}

static void test_defaults(void **state)
{
	(void)state;
	static const char *const builtin[] = {"nps", "csat", "ces", "rating", "wait", "duration", "delay",
		"amount", "resolved", "sentiment", "acsi-satisfaction", "acsi-expectancy", "acsi-ideal"};
	struct design *d = parse_ok(SV(
		"corridor: 1\nbrand: B\ntimezone: UTC\ntouchpoints: {t: {stage: use, match: [{event: x}]}}"));
	assert_int_equal(d->n_stages, 10);
	assert_int_equal(d->n_channels, 15);
	assert_int_equal(d->channels[design_channel_find(d, SV("review-site"))].kind, CHANNEL_PUBLIC);
	assert_int_equal(d->n_measures, 13);
	for (uint32_t i = 0; i < 13; i++)
		assert_true(sv_equal(d->measures[i].name, sv_from(builtin[i])));
	assert_near(d->acsi_weights[0], 1.0 / 3, 1e-15);
	assert_near(d->rating_max, 5, 0);
	assert_int_equal(design_touchpoint_find(d, SV("u")), DESIGN_NONE);
	assert_int_equal(design_stage_find(d, SV("use")), 5);
	design_free(&d);
}

static void test_all_keys(void **state)
{
	(void)state;
	struct design *d = parse_ok(
		SV(HEAD "channels: [web, phone]\n"
			"departments: [a, b]\n"
			"hours: {night: {fri: [22:00, 06:00], sat-mon: [[10:00, 12:00]]}}\n"
			"measures: {fee: {unit: EUR, min: 0}, age: {unit: d, max: 2w}, q: {min: 1, max: 7}, p: "
			"{min: 1, max: 7}}\n"
			"rating: {min: 0, max: 10}\n"
			"acsi: {satisfaction: 2, expectancy: 1, ideal: 1}\n"
			"servqual: {assurance: {expected: q, perceived: p}}\n"
			"dimensions: {region: {from: properties.order.region}, product: }\n"
			"touchpoints:\n"
			"  a: {stage: use, owner: b, match: [{event: [x, y*], source: '*z'}], after: [b, c],\n"
			"      expect: {e: {measure: fee, at most: 0}, f: {measure: age, at most: 36h}, "
			"g: {measure: rating, at least: 8, scale: 3}}}\n"
			"  b: {stage: use, match: [{channel: web, properties.x: 1}]}\n"
			"  c: {stage: use, match: [{agent: '*'}, {location: L}]}\n"));
	assert_int_equal(d->n_channels, 2);
	assert_int_equal(d->channels[1].kind, CHANNEL_CONTACT_CENTRE);
	assert_int_equal(d->department_hours[0], DESIGN_NONE);
	assert_int_equal(d->hours[0].n_spans, 4);
	assert_int_equal(d->hours[0].spans[0].weekday, 0); // sat-mon goes around the week
	assert_int_equal(d->hours[0].spans[1].weekday, 4);
	assert_int_equal(d->hours[0].spans[1].to_min, 1440 + 360);
	const struct design_measure *m = &d->measures[13];
	assert_sv(m[0].unit, "minor");
	assert_near(m[1].max, 14, 1e-12); // in the measure's own unit, days
	assert_true(m[2].bounded);
	assert_near(d->measures[3].max, 10, 0);
	assert_near(d->acsi_weights[0], 0.5, 0);
	assert_int_equal(d->servqual[0].expected, 15);
	assert_int_equal(d->servqual[0].perceived, 16);
	assert_sv(d->paths[d->dimension_path[0]], "properties.order.region");
	assert_sv(d->paths[d->dimension_path[1]], "properties.product");
	assert_int_equal(d->touchpoints[0].n_after, 2);
	assert_int_equal(d->touchpoints[0].after[1], 2);
	assert_near(d->expectations[0].scale, 100, 0); // one euro in cents
	assert_near(d->expectations[1].target, 1.5, 1e-12);
	assert_near(d->expectations[2].scale, 3, 0);
	assert_sv(d->touchpoints[0].match_text, "{event: [x, y*], source: *z}");
	design_free(&d);
}

static void test_template(void **state)
{
	(void)state;
	struct design *d = NULL;
	struct err e = ERR_NONE;
	struct design_problems problems = {0};
	assert_int_equal(design_parse(design_template(), "template", &d, &problems, &e), RC_OK);
	assert_int_equal(problems.n, 0);
	bool staged[16] = {false};
	for (uint32_t i = 0; i < d->n_touchpoints; i++) {
		assert_in_range(d->touchpoints[i].n_expectations, 1, 3);
		staged[d->touchpoints[i].stage] = true;
	}
	for (uint32_t i = 0; i < d->n_stages; i++)
		assert_true(staged[i]);
	design_problems_free(&problems);
	design_free(&d);
}

static void test_loyalty(void **state)
{
	(void)state;
	static const char head[] = "corridor: 1\nbrand: B\ntimezone: UTC\nstages: [purchase, use, advocacy]\n"
				   "touchpoints:\n"
				   "  order: {stage: purchase, match: [{event: o}]}\n"
				   "  call: {stage: use, match: [{event: c}]}\n"
				   "  invite: {stage: advocacy, match: [{event: i}]}\n";
	struct design *d;
	struct err e = ERR_NONE;
	assert_int_equal(design_parse(sv_from(head), "c.yaml", &d, NULL, &e), RC_OK);
	const struct design_loyalty *l = &d->loyalty;
	assert_true(l->half_life_s == 90 * 86400.0 && l->loss_weight == 2);
	assert_true(l->is_purchase[0] && !l->is_purchase[1] && !l->is_purchase[2]);
	assert_true(!l->is_referral[0] && !l->is_referral[1] && l->is_referral[2]);
	assert_int_equal(l->n_rungs, 4);
	assert_true(sv_equal(l->rungs[0].name, SV("at-risk")) && sv_equal(l->rungs[3].name, SV("advocate")));
	assert_int_equal(l->rungs[2].n_rules, 3);
	assert_true(sv_equal(design_fact_name(d, &l->rungs[3].rules[1]), SV("nps")));
	design_free(&d);

	char text[2048];
	snprintf(text, sizeof(text),
		"%sloyalty:\n  half-life: 30d\n  loss-weight: 1.5\n  purchases: [call]\n  referrals: [order]\n"
		"  rungs:\n    low: {}\n    high: {when: [{measure: tenure, at least: 2d, at most: 3d}, "
		"{measure: csat, "
		"at least: 4}]}\n",
		head);
	assert_int_equal(design_parse(sv_from(text), "c.yaml", &d, NULL, &e), RC_OK);
	l = &d->loyalty;
	assert_true(l->half_life_s == 30 * 86400.0 && l->loss_weight == 1.5);
	assert_true(!l->is_purchase[0] && l->is_purchase[1] && l->is_referral[0] && !l->is_referral[2]);
	assert_int_equal(l->n_rungs, 2);
	const struct ladder_rule *rules = l->rungs[1].rules;
	assert_int_equal(l->rungs[1].n_rules, 2);
	assert_true(rules[0].fact == FACT_TENURE && rules[0].min == 2 * 86400.0 && rules[0].max == 3 * 86400.0);
	assert_true(rules[1].fact == FACT_MEASURE && rules[1].min == 4 && isinf(rules[1].max));
	assert_true(sv_equal(d->measures[rules[1].measure].name, SV("csat")));
	design_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_example),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_all_keys),
		cmocka_unit_test(test_loyalty),
		cmocka_unit_test(test_template),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
