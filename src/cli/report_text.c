// SPDX-License-Identifier: Apache-2.0
// The report on one screen of a terminal, 80 to 140 columns: the stages across, then the touch points of each, the worst
// first.
#include "cli/report.h"

#include <math.h>
#include <stdio.h>

#define REPAIR_SHOWN_MOST 6u
#define SPARK_WIDTH 12u
#define SPARK_RANGE_LEAST 0.15 // smaller ups and downs are drawn small

#define PAGE_MOST 140u
#define PAGE_UNLIMITED 120u // where nobody says how wide it may be
#define STAGE_MOST 16u      // columns of a stage's name in the overview
#define GAP_ALONE 5u        // "-0.08"

// Columns of the corridor's table. 0 = left out, when the screen is too narrow.
struct widths {
	unsigned page, title, demand, answer, gap, bullet, kept, trend, volume, owner;
};

static unsigned total(const struct widths *w)
{
	const unsigned all[] = {
		w->title, w->demand, w->answer, w->gap, w->bullet, w->kept, w->trend, w->volume, w->owner};
	unsigned sum = 0;
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		sum += all[i] ? all[i] + 2 : 0;
	return sum;
}

static unsigned at_least(unsigned w, struct sv text, unsigned most)
{
	unsigned t = text_width(text);
	t = t > most ? most : t;
	return t > w ? t : w;
}

// What every column would like to have.
static struct widths widths_wanted(const struct report *r, const struct look *look)
{
	struct widths w = {.page = look->width ? look->width : PAGE_UNLIMITED,
		.title = 10,
		.demand = 11,
		.answer = 7,
		.gap = GAP_ALONE + (look->unicode ? 14 : 15), // " (-0.11–-0.05)"
		.bullet = 17,
		.kept = 12,
		.trend = SPARK_WIDTH,
		.volume = 7,
		.owner = 5};
	w.page = w.page > PAGE_MOST ? PAGE_MOST : w.page;
	for (uint32_t t = 0; t < r->n_touchpoints; t++) {
		const struct report_touchpoint *touchpoint = &r->touchpoints[t];
		char answer[HUMAN_TEXT_MAX], n[HUMAN_TEXT_MAX];
		w.title = at_least(w.title, touchpoint->title, 22);
		w.owner = at_least(w.owner, touchpoint->owner, 12);
		w.volume = at_least(w.volume, sv_from(human_number((double)touchpoint->n, 0, n)), 16);
		if (!touchpoint->worst)
			continue;
		w.demand = at_least(w.demand, report_demand_short(r, look, touchpoint->worst->declared), 30);
		report_value(r->design, touchpoint->worst->declared->measure, touchpoint->worst->all.experience,
			answer);
		w.answer = at_least(w.answer, sv_from(answer), 14);
	}
	w.title += 2; // the mark
	return w;
}

static void grow(unsigned *width, unsigned wanted, unsigned *spare)
{
	unsigned more = wanted > *width ? wanted - *width : 0;
	more = more < *spare ? more : *spare;
	*width += more;
	*spare -= more;
}

static struct widths widths_make(const struct report *r, const struct look *look)
{
	const struct widths wanted = widths_wanted(r, look);
	struct widths w = wanted;
	// What goes first when it does not fit, down to the narrowest that can still be read.
	struct {
		unsigned *width, least;
	} const steps[] = {{&w.demand, 17}, {&w.title, 16}, {&w.bullet, 11}, {&w.answer, 0}, {&w.owner, 0},
		{&w.bullet, 0}, {&w.demand, 15}, {&w.gap, GAP_ALONE}, {&w.title, 12}, {&w.demand, 13},
		{&w.volume, 0}, {&w.demand, 0}, {&w.gap, 0}};
	for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]) && total(&w) > w.page; i++) {
		unsigned over = total(&w) - w.page, can = *steps[i].width - steps[i].least;
		if (*steps[i].width <= steps[i].least)
			continue;
		bool whole = steps[i].least == 0 || steps[i].width == &w.gap; // there, or not
		*steps[i].width = whole ? steps[i].least : *steps[i].width - (over < can ? over : can);
	}
	unsigned spare = w.page > total(&w) ? w.page - total(&w) : 0;
	grow(&w.title, wanted.title, &spare);
	if (w.demand)
		grow(&w.demand, wanted.demand, &spare);
	if (w.bullet)
		grow(&w.bullet, wanted.bullet, &spare);
	return w;
}

static enum ink verdict_ink(enum verdict v)
{
	return v == VERDICT_BROKEN ? INK_BAD : v == VERDICT_KEPT ? INK_GOOD : INK_PLAIN;
}

static const char *verdict_mark(const struct look *look, enum verdict v)
{
	static const char *const marks[] = {"\xC2\xB7", "\xE2\x9C\x93", "\xE2\x89\x88", "\xE2\x9C\x97"};
	static const char *const plain[] = {".", "+", "=", "x"};
	return glyph(look, marks[v], plain[v]);
}

// Expectation in the middle, the experience as a bar to its side, the interval's ends as its tip.
static void put_bullet(const struct report *r, const struct look *look, const struct report_expectation *x,
	unsigned width, struct buf *out)
{
	unsigned half = (width - 1) / 2;
	struct report_margin m = report_margin_of(x->declared, &x->all);
	const double cells[3] = {m.value, m.low, m.high};
	int at[3];
	for (int i = 0; i < 3; i++)
		at[i] = isfinite(cells[i]) ? (int)lround(cells[i] / r->scale * half) : 0;
	buf_str(out, ink_on(look, verdict_ink(x->all.verdict)));
	for (int c = -(int)half; c <= (int)half; c++) {
		bool bar = (c < 0 && c >= at[0]) || (c > 0 && c <= at[0]);
		bool interval = c >= at[1] && c <= at[2];
		const char *cell = glyph(look, " ", " ");
		if (c == 0)
			cell = glyph(look, "\xE2\x94\x82", "|");
		else if (bar)
			cell = glyph(look, "\xE2\x96\xA0", "#");
		else if (interval)
			cell = glyph(look, "\xE2\x94\x80", "-");
		buf_str(out, cell);
	}
	buf_str(out, ink_off(look));
	text_blanks(out, width - 2 * half - 1);
}

// The last SPARK_WIDTH buckets, or fewer.
static void put_trend(
	const struct report *r, const struct look *look, const struct report_expectation *x, struct buf *out)
{
	double values[SPARK_WIDTH];
	uint32_t n = r->n_buckets < SPARK_WIDTH ? r->n_buckets : SPARK_WIDTH;
	for (uint32_t i = 0; i < n; i++)
		values[i] = report_margin_of(x->declared, &x->series[r->n_buckets - n + i]).value;
	spark_put(out, look, values, n, SPARK_RANGE_LEAST);
	text_blanks(out, SPARK_WIDTH - n);
}

static void put_right(struct buf *out, const struct look *look, struct sv text, unsigned width)
{
	unsigned w = text_width(text);
	if (w < width)
		text_blanks(out, width - w);
	text_put(out, look, text, width, false);
}

static void gap_after(struct buf *out)
{
	text_blanks(out, 2);
}

// "92.8 / 95 %": kept, of what is expected; "75.4 %" where no share is expected.
static char *kept_text(const struct report_expectation *x, char *out)
{
	char expected[HUMAN_TEXT_MAX];
	if (isnan(x->declared->share))
		snprintf(out, HUMAN_TEXT_MAX, "%5.1f %%", 100 * x->all.share);
	else
		snprintf(out, HUMAN_TEXT_MAX, "%5.1f / %.40s", 100 * x->all.share,
			report_trim(human_ratio(x->declared->share, 1, expected)));
	return out;
}

// "-0.08 (-0.11–-0.05)", or the gap alone.
static void put_gap(const struct look *look, unsigned width, const struct report_score *s, struct buf *out)
{
	char value[HUMAN_TEXT_MAX], low[HUMAN_TEXT_MAX], high[HUMAN_TEXT_MAX], text[3 * HUMAN_TEXT_MAX];
	put_right(out, look, sv_from(human_number(s->gap, 2, value)), GAP_ALONE);
	if (width == GAP_ALONE)
		return;
	human_number(s->gap_low, 2, low);
	human_number(s->gap_high, 2, high);
	snprintf(text, sizeof(text), "(%s%s%s)", low, glyph(look, "\xE2\x80\x93", ".."), high);
	bool told = isfinite(s->gap_low) && isfinite(s->gap_high);
	unsigned before = 1 + GAP_ALONE - at_least(0, sv_from(low), GAP_ALONE);
	text_blanks(out, before);
	text_put(out, look, told ? sv_from(text) : SV(""), width - GAP_ALONE - before, true);
}

static void put_scores(const struct report *r, const struct look *look, const struct widths *w,
	const struct report_expectation *x, struct buf *out)
{
	char text[HUMAN_TEXT_MAX];
	if (w->demand) {
		text_put(out, look, report_demand_short(r, look, x->declared), w->demand, true);
		gap_after(out);
	}
	if (w->answer) {
		report_value(r->design, x->declared->measure, x->all.experience, text);
		put_right(out, look, sv_from(text), w->answer);
		gap_after(out);
	}
	if (w->gap) {
		put_gap(look, w->gap, &x->all, out);
		gap_after(out);
	}
	if (w->bullet) {
		put_bullet(r, look, x, w->bullet, out);
		gap_after(out);
	}
	buf_str(out, ink_on(look, verdict_ink(x->all.verdict)));
	text_put(out, look, sv_from(kept_text(x, text)), w->kept, true);
	buf_str(out, ink_off(look));
	gap_after(out);
	put_trend(r, look, x, out);
}

static void put_touchpoint(const struct report *r, const struct look *look, const struct widths *w,
	const struct report_touchpoint *t, struct buf *out)
{
	char n[HUMAN_TEXT_MAX];
	enum verdict v = t->worst ? t->worst->all.verdict : VERDICT_NONE;
	buf_str(out, ink_on(look, verdict_ink(v)));
	buf_str(out, verdict_mark(look, v));
	buf_str(out, ink_off(look));
	buf_char(out, ' ');
	text_put(out, look, t->title, w->title - 2, true);
	gap_after(out);
	if (t->worst) {
		put_scores(r, look, w, t->worst, out);
	} else {
		unsigned blank = total(w) - (w->title + 2) - (w->volume ? w->volume + 2 : 0) -
				 (w->owner ? w->owner + 2 : 0) - 2;
		text_put(out, look, t->n_expectations ? SV("not measured") : SV("no expectation"), blank, true);
	}
	if (w->volume) {
		gap_after(out);
		put_right(out, look, sv_from(human_number((double)t->n, 0, n)), w->volume);
	}
	if (w->owner) {
		gap_after(out);
		text_put(out, look, t->owner, w->owner, false);
	}
	while (out->len && out->data[out->len - 1] == ' ')
		out->len--;
	buf_char(out, '\n');
}

static void put_headings(
	const struct report *r, const struct look *look, const struct widths *w, struct buf *out)
{
	char scale[HUMAN_TEXT_MAX];
	snprintf(scale, sizeof(scale), "margin %s%.2f", glyph(look, "\xC2\xB1", "+-"), r->scale);
	buf_str(out, ink_on(look, INK_DIM));
	text_put(out, look, SV("touch point"), w->title, true);
	gap_after(out);
	if (w->demand) {
		text_put(out, look, SV("expectation"), w->demand, true);
		gap_after(out);
	}
	if (w->answer) {
		put_right(out, look, SV("mean"), w->answer);
		gap_after(out);
	}
	if (w->gap) {
		text_put(
			out, look, w->gap == GAP_ALONE ? SV("  gap") : SV("gap (95 % interval)"), w->gap, true);
		gap_after(out);
	}
	if (w->bullet) {
		struct sv title = text_width(sv_from(scale)) <= w->bullet ? sv_from(scale) : SV("margin");
		unsigned left = (w->bullet - text_width(title)) / 2;
		text_blanks(out, left);
		text_put(out, look, title, w->bullet - left, true);
		gap_after(out);
	}
	text_put(out, look, SV("share kept"), w->kept, true);
	gap_after(out);
	struct sv trend = arena_printf(r->arena, "by %.*s", SV_ARG(r->bucket));
	text_put(out, look, trend, w->trend, true);
	if (w->volume) {
		gap_after(out);
		put_right(out, look, SV("volume"), w->volume);
	}
	if (w->owner) {
		gap_after(out);
		text_put(out, look, SV("owner"), w->owner, false);
	}
	while (out->len && out->data[out->len - 1] == ' ')
		out->len--;
	buf_str(out, ink_off(look));
	buf_char(out, '\n');
}

// What is designed for or was met; the rest is not worth a line.
static bool is_shown(const struct report_touchpoint *t)
{
	return t->n > 0 || t->n_expectations > 0;
}

static void put_corridor(
	const struct report *r, const struct look *look, const struct widths *w, struct buf *out)
{
	put_headings(r, look, w, out);
	for (uint32_t s = 0; s < r->design->n_stages; s++) {
		const struct report_stage *stage = &r->stages[s];
		bool first = true;
		for (uint32_t t = 0; t < stage->n_touchpoints; t++) {
			if (!is_shown(stage->touchpoints[t]))
				continue;
			if (first) {
				ink_put(out, look, INK_TITLE, stage->name);
				buf_char(out, '\n');
			}
			first = false;
			put_touchpoint(r, look, w, stage->touchpoints[t], out);
		}
	}
}

// "✗ 78.7": the worst mark and the share kept in percent.
static char *stage_text(const struct look *look, const struct report_stage *s, char *out)
{
	char share[HUMAN_TEXT_MAX];
	snprintf(share, sizeof(share), "%s", glyph(look, "\xE2\x80\x93", "-"));
	if (s->n)
		human_number(100 * s->share, 1, share);
	snprintf(out, HUMAN_TEXT_MAX, "%s %.40s", verdict_mark(look, s->worst), share);
	return out;
}

static unsigned stage_width(const struct look *look, const struct report_stage *s)
{
	char text[HUMAN_TEXT_MAX];
	return at_least(text_width(sv_from(stage_text(look, s, text))), s->name, STAGE_MOST);
}

// Names of the stages from `first` to `end`, and below them their shares.
static void put_stages_row(
	const struct report *r, const struct look *look, uint32_t first, uint32_t end, struct buf *out)
{
	char text[HUMAN_TEXT_MAX];
	for (int line = 0; line < 2; line++) {
		for (uint32_t i = first; i < end; i++) {
			const struct report_stage *s = &r->stages[i];
			buf_str(out, ink_on(look, line ? verdict_ink(s->worst) : INK_TITLE));
			text_put(out, look, line ? sv_from(stage_text(look, s, text)) : s->name,
				stage_width(look, s), i + 1 < end);
			buf_str(out, ink_off(look));
			if (i + 1 < end)
				gap_after(out);
		}
		buf_char(out, '\n');
	}
}

static bool stages_fit(const struct report *r, const struct look *look, uint32_t per_row, unsigned page)
{
	for (uint32_t first = 0; first < r->design->n_stages; first += per_row) {
		unsigned sum = 0;
		for (uint32_t i = first; i < r->design->n_stages && i < first + per_row; i++)
			sum += stage_width(look, &r->stages[i]) + (i > first ? 2 : 0);
		if (sum > page)
			return false;
	}
	return true;
}

// All stages across, in as few rows as the width allows, as long as each other.
static void put_stages(const struct report *r, const struct look *look, unsigned page, struct buf *out)
{
	uint32_t n = r->design->n_stages, per_row = n;
	if (n == 0)
		return;
	for (uint32_t rows = 2; per_row > 1 && !stages_fit(r, look, per_row, page); rows++)
		per_row = (n + rows - 1) / rows;
	ink_put(out, look, INK_DIM, SV("share kept by stage, %"));
	buf_char(out, '\n');
	for (uint32_t first = 0; first < n; first += per_row)
		put_stages_row(r, look, first, first + per_row < n ? first + per_row : n, out);
	buf_char(out, '\n');
}

static void put_list(const struct look *look, const struct widths *w, const char *title,
	const struct report_finding *list, uint32_t n, uint32_t most, struct buf *out)
{
	if (n == 0)
		return;
	buf_char(out, '\n');
	ink_put(out, look, INK_BOLD, sv_from(title));
	buf_char(out, '\n');
	for (uint32_t i = 0; i < n && i < most; i++) {
		struct buf block = buf_new(65536);
		char number[16];
		int digits = snprintf(number, sizeof(number), "%2u. ", i + 1);
		text_wrap(&block, list[i].sentence, 4, w->page);
		struct sv lines = buf_view(&block);
		buf_str(out, number);
		if (lines.len > (size_t)digits)
			buf_sv(out, (struct sv){lines.ptr + digits, lines.len - (size_t)digits});
		buf_free(&block);
	}
	if (n > most)
		buf_printf(out, "    and %u more: corridor query gap --by %s\n", n - most, "touchpoint,month");
}

static void put_agents(const struct report *r, const struct look *look, const struct widths *w, struct buf *out)
{
	struct report_finding list[REPORT_AGENTS_MOST];
	for (uint32_t i = 0; i < r->n_agents; i++)
		list[i] = (struct report_finding){.sentence = r->agents[i].sentence};
	put_list(look, w, "Who does worse than the others", list, r->n_agents, REPORT_AGENTS_MOST, out);
}

static void put_promises(const struct report *r, const struct look *look, struct buf *out)
{
	const struct report_promises *p = &r->promises;
	if (p->made == 0)
		return;
	static const char *const names[] = {"kept", "broken", "overdue", "open", "answered"};
	const uint64_t counts[] = {p->kept, p->broken, p->overdue, p->open, p->answered};
	char n[HUMAN_TEXT_MAX], share[HUMAN_TEXT_MAX], low[HUMAN_TEXT_MAX], high[HUMAN_TEXT_MAX];
	buf_char(out, '\n');
	ink_put(out, look, INK_BOLD, SV("Promises"));
	buf_printf(out, "  %s made", human_number((double)p->made, 0, n));
	for (int i = 0; i < 5; i++)
		if (counts[i] || i < 4)
			buf_printf(out, "%s %s %s", i ? "," : ":", human_number((double)counts[i], 0, n),
				names[i]);
	if (isfinite(p->share)) {
		human_number(100 * p->share_low, 1, low);
		human_number(100 * p->share_high, 1, high);
		buf_printf(out, "\n          %s of those due were kept in time (%s%s%s)  ",
			human_ratio(p->share, 1, share), low, glyph(look, "\xE2\x80\x93", ".."), high);
		uint32_t shown = r->n_buckets < SPARK_WIDTH ? r->n_buckets : SPARK_WIDTH;
		spark_put(out, look, p->series + (r->n_buckets - shown), shown, SPARK_RANGE_LEAST);
	}
	while (out->len && out->data[out->len - 1] == ' ')
		out->len--;
	buf_char(out, '\n');
	if (p->as_of.len)
		buf_printf(out, "          %.*s\n", SV_ARG(p->as_of));
}

static void put_findings(
	const struct report *r, const struct look *look, const struct widths *w, struct buf *out)
{
	if (r->n_findings == 0)
		return;
	buf_char(out, '\n');
	ink_put(out, look, INK_BOLD, SV("The data itself"));
	buf_char(out, '\n');
	for (uint32_t i = 0; i < r->n_findings; i++)
		text_wrap(out, r->findings[i], 2, w->page);
}

static void put_left_out(const struct widths *w, struct buf *out)
{
	const struct {
		unsigned width;
		const char *name;
	} columns[] = {{w->demand, "expectation"}, {w->answer, "mean"}, {w->gap, "gap"},
		{w->gap == GAP_ALONE ? 0 : 1, "the gap's interval"}, {w->bullet, "margin"},
		{w->volume, "volume"}, {w->owner, "owner"}};
	struct buf list = buf_new(1024);
	for (unsigned i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		if (columns[i].width == 0)
			buf_printf(&list, "%s %s",
				list.len ? "," : "Not shown for want of width:", columns[i].name);
	if (list.len) {
		buf_char(&list, '.');
		text_wrap(out, buf_view(&list), 0, w->page);
	}
	buf_free(&list);
}

void report_text(const struct report *r, const struct look *look, struct buf *out)
{
	char n[HUMAN_TEXT_MAX], customers[HUMAN_TEXT_MAX];
	struct widths w = widths_make(r, look);
	ink_put(out, look, INK_TITLE, r->design->brand);
	buf_printf(out, "  %.*s (%.*s)\n", SV_ARG(r->period), SV_ARG(r->design->timezone));
	if (r->filters.len)
		buf_printf(out, "only %.*s\n", SV_ARG(r->filters));
	buf_printf(out, "%s interaction%s of %s customer%s", human_number((double)r->n, 0, n),
		r->n == 1 ? "" : "s", human_number((double)r->n_customers, 0, customers),
		r->n_customers == 1 ? "" : "s");
	buf_printf(out,
		"\n%u expectation%s: %u kept, %u broken, %u without a detectable difference, %u not "
		"measured\n\n",
		r->n_scored + r->n_unmeasured, r->n_scored + r->n_unmeasured == 1 ? "" : "s", r->n_kept,
		r->n_broken, r->n_unclear, r->n_unmeasured);
	put_stages(r, look, w.page, out);
	put_corridor(r, look, &w, out);
	put_list(look, &w, "Repair first", r->repair, r->n_repair, REPAIR_SHOWN_MOST, out);
	put_list(look, &w, "Repaired", r->repaired, r->n_repaired, REPAIR_SHOWN_MOST, out);
	put_agents(r, look, &w, out);
	put_promises(r, look, out);
	put_findings(r, look, &w, out);
	buf_char(out, '\n');
	buf_str(out, ink_on(look, INK_DIM));
	struct sv margin = SV("");
	if (w.bullet)
		margin = arena_printf(r->arena,
			" Margin: the share kept minus the expected share, or the mean minus the target over "
			"its "
			"scale; %s is the expectation, right is better, the line is the interval.",
			glyph(look, "\xE2\x94\x82", "|"));
	struct sv legend = arena_printf(r->arena,
		"%s kept  %s broken  %s no detectable difference: the 95 %% interval of the share kept against "
		"the "
		"expected share, or of the mean against the target. Gap: mean distance from the target, -1 to "
		"1, "
		"above 0 is better than expected.%.*s A stage's share kept is of all that its expectations "
		"score; "
		"it shows its worst touch point first, a touch point its worst expectation; corridor query gap "
		"has them all.",
		verdict_mark(look, VERDICT_KEPT), verdict_mark(look, VERDICT_BROKEN),
		verdict_mark(look, VERDICT_UNCLEAR), SV_ARG(margin));
	text_wrap(out, legend, 0, w.page);
	put_left_out(&w, out);
	buf_str(out, ink_off(look));
}
