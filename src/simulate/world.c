// SPDX-License-Identifier: Apache-2.0
// The simulated world: names, the calendar of the year, and where they are in the design.
#include "simulate/internal.h"

#include <stdio.h>

static const char *const event_names[SIM_KINDS] = {
	[SIM_AD] = "Ad Clicked",
	[SIM_PAGE] = "Page Viewed",
	[SIM_STORE] = "Store Visited",
	[SIM_ORDER] = "Order Placed",
	[SIM_DELIVERED] = "Order Delivered",
	[SIM_ACTIVATED] = "Service Activated",
	[SIM_FIRST_USE] = "Service First Used",
	[SIM_SESSION] = "App Session Ended",
	[SIM_OUTAGE] = "Outage Ended",
	[SIM_INVOICE] = "Invoice Sent",
	[SIM_PAYMENT] = "Payment Made",
	[SIM_CALL] = "Call Ended",
	[SIM_CHAT] = "Chat Ended",
	[SIM_COMPLAINT] = "Complaint Filed",
	[SIM_ANSWER] = "Complaint Answered",
	[SIM_VISIT] = "Technician Visit",
	[SIM_SURVEY] = "Survey Answered",
	[SIM_RENEWAL] = "Contract Renewed",
	[SIM_REVIEW] = "Review Posted",
	[SIM_REFERRAL] = "Friend Referred",
};

static const char *const measure_names[SIM_MEASURES] = {
	[SIM_NPS] = "nps",
	[SIM_CSAT] = "csat",
	[SIM_CES] = "ces",
	[SIM_RATING] = "rating",
	[SIM_WAIT] = "wait",
	[SIM_DURATION] = "duration",
	[SIM_DELAY] = "delay",
	[SIM_AMOUNT] = "amount",
	[SIM_RESOLVED] = "resolved",
	[SIM_SPEED] = "speed",
	[SIM_OVERCHARGE] = "overcharge",
	[SIM_RELIABILITY_EXPECTED] = "reliability-expected",
	[SIM_RELIABILITY_PERCEIVED] = "reliability-perceived",
	[SIM_RESPONSIVENESS_EXPECTED] = "responsiveness-expected",
	[SIM_RESPONSIVENESS_PERCEIVED] = "responsiveness-perceived",
	[SIM_ACSI_SATISFACTION] = "acsi-satisfaction",
	[SIM_ACSI_EXPECTANCY] = "acsi-expectancy",
	[SIM_ACSI_IDEAL] = "acsi-ideal",
};

static const char *const channel_names[SIM_CHANNELS] = {
	[CH_WEB] = "web",
	[CH_APP] = "app",
	[CH_PHONE] = "phone",
	[CH_CHAT] = "chat",
	[CH_EMAIL] = "email",
	[CH_SOCIAL] = "social",
	[CH_REVIEWS] = "reviews",
	[CH_STORE] = "store",
	[CH_DEALER] = "dealer",
	[CH_COURIER] = "courier",
	[CH_FIELD] = "field",
};

static const char *const region_names[5] = {"north", "south", "east", "west", "coast"};
static const char *const product_names[4] = {"mobile", "fibre", "tv", "bundle"};
static const char *const role_names[3] = {"dealer", "courier", "agent"};

static enum rc year_init(struct world *w, const struct simulate_options *o, struct err *e)
{
	int64_t start, year, day;
	unsigned month, day_of_month;
	struct err why = ERR_NONE;
	if (time_parse_bound(w->design->tz, o->start, false, &start, &why) != RC_OK) {
		err_set(e, RC_USAGE, "--start: %s", why.message);
		err_remedy(e, "%s", why.remedy);
		return RC_USAGE;
	}
	day = tz_to_local(w->design->tz, start) / DAY_MS;
	civil_from_days(day, &year, &month, &day_of_month);
	day_of_month = day_of_month < 28 ? day_of_month : 28; // there is one in every month
	for (int m = 0; m <= MONTHS; m++) {
		int64_t y = year + (month - 1 + (unsigned)m) / 12;
		unsigned mm = (month - 1 + (unsigned)m) % 12 + 1;
		enum tz_kind kind;
		w->month_ms[m] = tz_to_utc(w->design->tz, civil_to_days(y, mm, day_of_month) * DAY_MS, &kind);
	}
	return RC_OK;
}

enum rc world_init(struct world *w, const struct design *d, const struct simulate_options *o, struct err *e)
{
	*w = (struct world){.design = d, .seed = o->seed, .n_persons = o->n_persons};
	for (int i = 0; i < SIM_MEASURES; i++) {
		w->measure[i] = design_measure_find(d, sv_from(measure_names[i]));
		if (w->measure[i] == DESIGN_NONE) {
			err_set(e, RC_INPUT, "the corridor file declares no measure '%s'", measure_names[i]);
			err_remedy(
				e, "simulate needs the built-in corridor file: corridor init without --design");
			return RC_INPUT;
		}
	}
	for (int i = 0; i < SIM_CHANNELS; i++) {
		w->channel[i] = sv_from(channel_names[i]);
		if (design_channel_find(d, w->channel[i]) == DESIGN_NONE) {
			err_set(e, RC_INPUT, "the corridor file declares no channel '%s'", channel_names[i]);
			err_remedy(
				e, "simulate needs the built-in corridor file: corridor init without --design");
			return RC_INPUT;
		}
	}
	for (int i = 0; i < SIM_KINDS; i++)
		w->event[i] = sv_from(event_names[i]);
	for (int i = 0; i < 5; i++)
		w->region[i] = sv_from(region_names[i]);
	for (int i = 0; i < 4; i++)
		w->product[i] = sv_from(product_names[i]);
	for (int role = 0; role < 3; role++)
		for (int i = 0; i < AGENTS; i++) {
			snprintf(w->agent_text[role][i], sizeof w->agent_text[role][i], "%s-%03d",
				role_names[role], i + 1);
			w->agent[role][i] = sv_from(w->agent_text[role][i]);
		}
	w->path_region = design_path_find(d, SV("properties.region"));
	w->path_product = design_path_find(d, SV("properties.product"));
	return year_init(w, o, e);
}
