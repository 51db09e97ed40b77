// SPDX-License-Identifier: Apache-2.0
// The planted truths as a document beside the data, so that anybody can hold the analyses against them.
#include "base/json.h"
#include "simulate/internal.h"

static void key_time(struct json *j, const char *key, const struct design *d, int64_t ms)
{
	char text[40];
	json_key_text(j, key, tz_format(d->tz, ms, text));
}

static void truth(struct json *j, const char *name, const char *what)
{
	json_object(j);
	json_key_text(j, "truth", name);
	json_key_text(j, "what", what);
}

static void phases(struct json *j, const char *prefix, const uint64_t *n, const uint64_t *part)
{
	static const char *const names[3] = {"before", "during", "after"};
	json_key(j, prefix);
	json_object(j);
	for (int i = 0; i < 3; i++) {
		json_key(j, names[i]);
		json_object(j);
		json_key_u64(j, "n", n[i]);
		json_key_u64(j, "of_them", part[i]);
		json_object_end(j);
	}
	json_object_end(j);
}

enum rc simulate_truths_write(const struct design *d, const struct simulate_options *o,
	const struct simulate_report *report, struct buf *out, struct err *e)
{
	struct world w;
	enum rc rc = world_init(&w, d, o, e);
	if (rc)
		return rc;
	const struct simulate_counts *c = &report->counts;
	struct json j = json_new(out);
	json_object(&j);
	json_key_u64(&j, "seed", o->seed);
	json_key_u64(&j, "persons", report->n_persons);
	json_key_u64(&j, "interactions", c->n_interactions);
	key_time(&j, "from", d, w.month_ms[0]);
	key_time(&j, "to", d, w.month_ms[MONTHS]);
	json_key(&j, "truths");
	json_array(&j);

	truth(&j, "billing defect",
		"from month 5 until the repair, invoices of fibre and bundle are 35 % too high; csat at "
		"`invoice` "
		"falls, bill complaints rise and 45 % instead of 3 % of their answers are late");
	json_key_text(&j, "touchpoint", "invoice");
	key_time(&j, "from", d, w.month_ms[DEFECT_FIRST_MONTH]);
	key_time(&j, "to", d, w.month_ms[REPAIR_MONTH]);
	json_key_u64(&j, "invoices_wrong", c->invoices_wrong);
	phases(&j, "invoice_csat_4_or_5", c->invoice_asked, c->invoice_satisfied);
	phases(&j, "invoice_csat_sum", c->invoice_asked, c->invoice_score_sum);
	phases(&j, "bill_complaint_answers_late", c->answers, c->answers_late);
	json_object_end(&j);

	truth(&j, "repair",
		"at the start of month 10 the billing defect is repaired: gap and promises recover");
	key_time(&j, "at", d, w.month_ms[REPAIR_MONTH]);
	json_object_end(&j);

	truth(&j, "weak dealer", "34 % of this dealer's deliveries are late, 3 % of the others'");
	json_key_text(&j, "agent", w.agent_text[0][WEAK_DEALER - 1]);
	json_key_u64(&j, "deliveries", c->dealer_deliveries);
	json_key_u64(&j, "late", c->dealer_late);
	json_key_u64(&j, "other_dealers_deliveries", c->other_deliveries);
	json_key_u64(&j, "other_dealers_late", c->other_late);
	json_object_end(&j);

	int64_t storm = w.month_ms[STORM_MONTH] + STORM_DAY * DAY_MS;
	truth(&j, "complaint storm",
		"a long outage in one region: customers with a history complain within hours, each in their "
		"own words");
	json_key_text(&j, "region", "north");
	key_time(&j, "from", d, storm + 7 * HOUR_MS);
	key_time(&j, "to", d, storm + 3 * DAY_MS);
	json_key_u64(&j, "complaints", c->storm_complaints);
	json_object_end(&j);

	int64_t attack = w.month_ms[ATTACK_MONTH] + ATTACK_DAY * DAY_MS;
	truth(&j, "coordinated attack",
		"reviewers without any history post one star within hours, nearly the same text each");
	key_time(&j, "from", d, attack + 20 * HOUR_MS);
	key_time(&j, "to", d, attack + 3 * DAY_MS);
	json_key_u64(&j, "reviews", c->attack_reviews);
	json_object_end(&j);

	json_array_end(&j);
	json_object_end(&j);
	buf_char(out, '\n');
	return buf_check(out, e, "truths");
}
