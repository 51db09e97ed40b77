// SPDX-License-Identifier: Apache-2.0
// The report as one HTML file: the values for the template assets/report.html.
#include "base/version.h"
#include "cli/assets.h"
#include "cli/report.h"
#include "cli/report_chart.h"
#include "cli/template.h"

#include <math.h>
#include <stdio.h>

#define REPAIR_SHOWN_MOST 6u
#define REPAIRED_SHOWN_MOST 4u
#define CARDS_DOWN 4u

static struct sv asset(struct sv name)
{
	for (unsigned i = 0; i < n_assets; i++)
		if (sv_equal(sv_from(assets[i].name), name))
			return (struct sv){(const char *)assets[i].bytes, assets[i].n_bytes};
	return SV("");
}

static const char *const states[] = {[VERDICT_NONE] = "none",
	[VERDICT_KEPT] = "kept",
	[VERDICT_UNCLEAR] = "unclear",
	[VERDICT_BROKEN] = "broken"};
static const char *const verdicts[] = {[VERDICT_NONE] = "no data",
	[VERDICT_KEPT] = "kept",
	[VERDICT_UNCLEAR] = "no detectable difference",
	[VERDICT_BROKEN] = "broken"};

static void fill_count(struct fill *f, const char *name, uint64_t n)
{
	char text[HUMAN_TEXT_MAX];
	fill_printf(f, name, "%s", human_number((double)n, 0, text));
}

static void fill_interval(
	struct fill *f, const char *name, double low, double high, double factor, int decimals)
{
	char a[HUMAN_TEXT_MAX], b[HUMAN_TEXT_MAX];
	if (isfinite(low) && isfinite(high))
		fill_printf(f, name, "%s \xE2\x80\x93 %s", human_number(factor * low, decimals, a),
			human_number(factor * high, decimals, b));
}

static double along(const struct report *r, double margin)
{
	double x = 60 + margin / r->scale * 56;
	return isfinite(x) ? fmin(fmax(x, 2), 118) : 60;
}

static void fill_bullet(const struct report *r, struct fill *f, const struct report_expectation *x)
{
	char value[HUMAN_TEXT_MAX], low[HUMAN_TEXT_MAX], high[HUMAN_TEXT_MAX];
	struct report_margin m = report_margin_of(x->declared, &x->all);
	double to = along(r, m.value);
	fill_printf(f, "bar_x", "%.1f", fmin(60, to));
	fill_printf(f, "bar_w", "%.1f", fabs(to - 60));
	fill_printf(f, "low_x", "%.1f", along(r, m.low));
	fill_printf(f, "high_x", "%.1f", along(r, m.high));
	fill_printf(f, "gap_words", "margin %s, 95 %% interval %s to %s: %s", human_number(m.value, 3, value),
		human_number(m.low, 3, low), human_number(m.high, 3, high), verdicts[x->all.verdict]);
}

// "92.8 %" with a blank where no line is broken.
static struct sv unbroken(struct arena *a, struct sv text)
{
	struct buf b = buf_new(65536);
	for (size_t i = 0; i < text.len; i++) {
		bool blank = text.ptr[i] == ' ' && i + 1 < text.len && text.ptr[i + 1] == '%';
		buf_sv(&b, blank ? SV("\xC2\xA0") : (struct sv){text.ptr + i, 1});
	}
	struct sv copy = b.rc == RC_OK && b.len > 0 ? arena_copy(a, buf_view(&b)) : text;
	buf_free(&b);
	return copy.ptr ? copy : text;
}

static void fill_card(const struct report *r, struct fill *f, const struct report_touchpoint *t)
{
	const struct report_expectation *x = t->worst;
	enum verdict v = x ? x->all.verdict : VERDICT_NONE;
	char n[HUMAN_TEXT_MAX], answer[HUMAN_TEXT_MAX];
	fill_text(f, "card_title", t->title);
	fill_text(f, "card_owner", t->owner);
	fill_text(f, "state", sv_from(states[v]));
	fill_text(f, "verdict", sv_from(verdicts[v]));
	fill_printf(f, "card_n", "n = %s", human_number((double)t->n, 0, n));
	if (!x)
		return;
	fill_text(f, "demand", unbroken(r->arena, report_demand(r, x->declared)));
	fill_text(f, "answer", unbroken(r->arena, sv_from(report_answer(r, x->declared, &x->all, answer))));
	fill_bullet(r, f, x);
	chart_spark(r, x, f);
}

// A stage is as wide as its cards need to stand at most CARDS_DOWN high.
static void fill_stages(const struct report *r, struct fill *page)
{
	struct buf columns = buf_new(65536);
	for (uint32_t s = 0; s < r->design->n_stages; s++) {
		struct fill *stage = NULL;
		uint32_t n_cards = 0;
		for (uint32_t t = 0; t < r->n_touchpoints; t++) {
			if (r->touchpoints[t].declared->stage != s)
				continue;
			if (!stage) {
				stage = fill_item(page, "stages");
				fill_text(stage, "stage", r->design->stages[s]);
			}
			n_cards++;
			fill_card(r, fill_item(stage, "cards"), &r->touchpoints[t]);
		}
		if (n_cards)
			buf_printf(&columns, "minmax(0, %ufr) ", (n_cards + CARDS_DOWN - 1) / CARDS_DOWN);
	}
	struct sv text = columns.len ? arena_copy(r->arena, buf_view(&columns)) : SV("1fr");
	fill_text(page, "columns", text);
	buf_free(&columns);
}

static void fill_finding(
	const struct report *r, struct fill *f, const struct report_finding *from, uint32_t rank)
{
	fill_printf(f, "rank", "%u", rank);
	fill_text(f, "finding_title", from->touchpoint->title);
	fill_text(f, "finding_owner", from->touchpoint->owner);
	fill_text(f, "finding_demand", report_demand(r, from->expectation->declared));
	// The title stands above: the sentence goes on after "title: ".
	size_t skip = from->touchpoint->title.len + 2;
	fill_text(f, "sentence",
		from->sentence.len > skip ? (struct sv){from->sentence.ptr + skip, from->sentence.len - skip}
					  : from->sentence);
	chart_trend(r, from->expectation, f);
}

static void fill_findings(const struct report *r, struct fill *page)
{
	for (uint32_t i = 0; i < r->n_repair && i < REPAIR_SHOWN_MOST; i++)
		fill_finding(r, fill_item(page, "repair"), &r->repair[i], i + 1);
	if (r->n_repair > REPAIR_SHOWN_MOST)
		fill_printf(page, "more", "%u", r->n_repair - REPAIR_SHOWN_MOST);
	fill_flag(page, "has_repaired", r->n_repaired > 0);
	for (uint32_t i = 0; i < r->n_repaired && i < REPAIRED_SHOWN_MOST; i++)
		fill_finding(r, fill_item(page, "repaired"), &r->repaired[i], i + 1);
	fill_flag(page, "has_agents", r->n_agents > 0);
	for (uint32_t i = 0; i < r->n_agents; i++) {
		struct fill *agent = fill_item(page, "agents");
		fill_text(agent, "agent", r->agents[i].name);
		// What follows the name in the sentence.
		struct sv words = r->agents[i].sentence;
		size_t skip = r->agents[i].name.len + 2;
		fill_text(agent, "agent_words",
			words.len > skip ? (struct sv){words.ptr + skip, words.len - skip} : words);
	}
	fill_flag(page, "has_quality", r->n_findings > 0);
	for (uint32_t i = 0; i < r->n_findings; i++)
		fill_text(fill_item(page, "quality"), "finding", r->findings[i]);
}

static void fill_promises(const struct report *r, struct fill *page)
{
	const struct report_promises *p = &r->promises;
	const struct {
		const char *name;
		uint64_t n;
	} parts[] = {{"kept", p->kept}, {"broken", p->broken}, {"overdue", p->overdue}, {"open", p->open},
		{"answered", p->answered}};
	char text[HUMAN_TEXT_MAX];
	if (p->made == 0)
		return;
	fill_flag(page, "has_promises", true);
	fill_count(page, "promises_made", p->made);
	fill_text(page, "as_of", p->as_of);
	if (isfinite(p->share)) {
		fill_printf(page, "promise_share", "%s", human_ratio(p->share, 1, text));
		fill_interval(page, "promise_interval", p->share_low, p->share_high, 100, 1);
	}
	double x = 0;
	struct buf words = buf_new(1024);
	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (parts[i].n == 0)
			continue;
		double share = (double)parts[i].n / (double)p->made;
		struct fill *f = fill_item(page, "parts");
		fill_text(f, "part", sv_from(parts[i].name));
		fill_count(f, "part_n", parts[i].n);
		fill_printf(f, "part_share", "%s", human_ratio(share, 1, text));
		fill_printf(f, "part_x", "%.2f", x);
		fill_printf(f, "part_w", "%.2f", 300 * share);
		x += 300 * share;
		buf_printf(&words, "%s%s %s", words.len ? ", " : "", parts[i].name, text);
	}
	fill_printf(page, "promises_words", "%.*s", SV_ARG(buf_view(&words)));
	buf_free(&words);
}

static void fill_row(const struct report *r, struct fill *f, const struct report_touchpoint *t,
	const struct report_expectation *x)
{
	char text[HUMAN_TEXT_MAX];
	const struct report_score *s = &x->all;
	fill_text(f, "row_title", t->title);
	fill_text(f, "row_stage", t->stage);
	fill_text(f, "row_owner", t->owner);
	fill_text(f, "row_demand", report_demand(r, x->declared));
	fill_text(f, "row_state", sv_from(states[s->verdict]));
	fill_text(f, "row_verdict", sv_from(verdicts[s->verdict]));
	fill_count(f, "row_n", s->n);
	if (s->n == 0)
		return;
	fill_printf(f, "row_mean", "%s", report_value(r->design, x->declared->measure, s->experience, text));
	fill_printf(f, "row_gap", "%s", human_number(s->gap, 3, text));
	fill_interval(f, "row_gap_interval", s->gap_low, s->gap_high, 1, 3);
	fill_printf(f, "row_kept", "%s", human_ratio(s->share, 1, text));
	fill_interval(f, "row_kept_interval", s->share_low, s->share_high, 100, 1);
}

static void fill_head(const struct report *r, struct fill *page, int64_t made_at_ms)
{
	char made[HUMAN_TEXT_MAX];
	fill_text(page, "version", sv_from(corridor_version()));
	fill_text(page, "brand", r->design->brand);
	fill_text(page, "period", r->period);
	fill_text(page, "timezone", r->design->timezone);
	fill_text(page, "filters", r->filters);
	fill_count(page, "interactions", r->n);
	fill_count(page, "customers", r->n_customers);
	fill_count(page, "n_scored", r->n_scored);
	fill_count(page, "n_unmeasured", r->n_unmeasured);
	fill_count(page, "n_kept", r->n_kept);
	fill_count(page, "n_broken", r->n_broken);
	fill_count(page, "n_unclear", r->n_unclear);
	fill_count(page, "n_repair", r->n_repair);
	fill_count(page, "n_repaired", r->n_repaired);
	fill_printf(page, "made", "%s", human_time(r->design->tz, made_at_ms, made));
}

enum rc report_html(const struct report *r, int64_t made_at_ms, struct buf *out, struct err *e)
{
	struct fill *page = fill_new(r->arena);
	fill_head(r, page, made_at_ms);
	fill_stages(r, page);
	fill_findings(r, page);
	fill_promises(r, page);
	for (uint32_t t = 0; t < r->n_touchpoints; t++)
		for (uint32_t i = 0; i < r->touchpoints[t].n_expectations; i++)
			fill_row(r, fill_item(page, "rows"), &r->touchpoints[t],
				&r->touchpoints[t].expectations[i]);
	return template_fill(asset(SV("report.html")), page, asset, out, e);
}
