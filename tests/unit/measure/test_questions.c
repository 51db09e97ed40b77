// SPDX-License-Identifier: Apache-2.0
// Questions in words: filters against functions on the log, groups that reconcile, limits, mistakes and their
// remedies, results as JSON, CSV and Markdown.
#include "fixture.h"

#include "base/json.h"
#include "base/mem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
// cmocka wants these above first
#include <cmocka.h>

static struct fixture *fixture;

static int setup(void **state)
{
	(void)state;
	fixture = fixture_random(77, 1500, 120);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_free(&fixture);
	return 0;
}

// --- filters ---

static bool is(const struct log_row *x, const char *field, const char *value)
{
	char text[64];
	return strcmp(row_label(fixture, x, field, text), value) == 0;
}

static bool f_order(const struct log_row *x)
{
	return is(x, "touchpoint", "order");
}
static bool f_unmatched(const struct log_row *x)
{
	return is(x, "touchpoint", "(unmatched)");
}
static bool f_not_web(const struct log_row *x)
{
	return !is(x, "channel", "web");
}
static bool f_partner_before(const struct log_row *x)
{
	return is(x, "channel-kind", "partner") && is(x, "stage", "before");
}
static bool f_sales_or_call(const struct log_row *x)
{
	return is(x, "owner", "sales") || is(x, "touchpoint", "call");
}
static bool f_mobile(const struct log_row *x)
{
	return is(x, "product", "mobile") || is(x, "product", "mobile plus");
}
static bool f_mobile_plus(const struct log_row *x)
{
	return is(x, "product", "mobile plus");
}
static bool f_no_agent(const struct log_row *x)
{
	return is(x, "agent", "(none)");
}
static bool f_waited(const struct log_row *x)
{
	return x->measure[M_WAIT] > 120.0;
}
static bool f_not_waited(const struct log_row *x)
{
	return !f_waited(x);
}
static bool f_wait_other(const struct log_row *x)
{
	return !isnan(x->measure[M_WAIT]) && x->measure[M_WAIT] != 0.0;
}
static bool f_wait_missing(const struct log_row *x)
{
	return isnan(x->measure[M_WAIT]);
}
static bool f_ces_in(const struct log_row *x)
{
	return x->measure[M_CES] == 1.0 || x->measure[M_CES] == 6.0;
}
static bool f_mixed(const struct log_row *x)
{
	return (f_waited(x) || is(x, "channel", "web")) &&
	       !(is(x, "event", "Called") && x->measure[M_NPS] >= 9.0);
}
static bool f_said(const struct log_row *x)
{
	return log_row_said(x);
}
static bool f_silent_web(const struct log_row *x)
{
	return !log_row_said(x) && is(x, "channel", "web");
}
static bool f_none(const struct log_row *x)
{
	(void)x;
	return false;
}
static bool f_all(const struct log_row *x)
{
	(void)x;
	return true;
}
static bool f_customer(const struct log_row *x)
{
	return x->customer == 7 && !is(x, "channel", "web");
}
static bool f_april(const struct log_row *x)
{
	return is(x, "month", "2026-04");
}
static bool f_not_april(const struct log_row *x)
{
	return !f_april(x);
}
static bool f_change_day(const struct log_row *x) // 23 hours long in New York
{
	return is(x, "day", "2026-03-08");
}

static const struct {
	const char *where;
	bool (*holds)(const struct log_row *x);
} filters[] = {
	{"touchpoint = order", f_order},
	{"text exists", f_said},
	{"not text missing", f_said},
	{"channel = web and text missing", f_silent_web},
	{"not text exists and channel = web", f_silent_web},
	{"touchpoint=order", f_order},
	{"  touchpoint  ==  'order'  ", f_order},
	{"(touchpoint = \"order\")", f_order},
	{"not not touchpoint = order", f_order},
	{"touchpoint = (unmatched)", f_unmatched},
	{"touchpoint missing", f_unmatched},
	{"not touchpoint exists", f_unmatched},
	{"touchpoint not in (order, delivery, call, visit)", f_unmatched},
	{"channel != web", f_not_web},
	{"not channel = web", f_not_web},
	{"channel not in (web)", f_not_web},
	{"channel-kind = partner and stage = before", f_partner_before},
	{"owner = sales or touchpoint = call", f_sales_or_call},
	{"not (owner != sales and touchpoint != call)", f_sales_or_call},
	{"product = mobile*", f_mobile},
	{"product in (mobile, mobile plus)", f_mobile},
	{"product = mobile, mobile plus", f_mobile},
	{"product=mobile,mobile plus", f_mobile},
	{"product != (none), fibre", f_mobile},
	{"ces = 1, 6", f_ces_in},
	{"ces exists and not ces != 1, 6", f_ces_in},
	{"product = *o*il*", f_mobile},
	{"product = mobile plus", f_mobile_plus},
	{"product = *plus and product exists", f_mobile_plus},
	{"product = 'mobile*'", f_none},
	{"agent missing", f_no_agent},
	{"agent = (none)", f_no_agent},
	{"agent = nobody", f_none},
	{"wait > 2min", f_waited},
	{"wait > 120s", f_waited},
	{"wait>2min and wait > 1min 59s", f_waited},
	{"not wait > 2min", f_not_waited},
	{"wait != 0", f_wait_other},
	{"wait exists and wait > 0s", f_wait_other},
	{"wait missing", f_wait_missing},
	{"not wait exists", f_wait_missing},
	{"wait missing or wait = 7s and wait = 8s", f_wait_missing}, // and binds tighter
	{"ces in (1, 6)", f_ces_in},
	{"(wait > 2min or channel = web) and not (event = Called and nps >= 9)", f_mixed},
	{"amount exists", f_none}, // declared, none stored
	{"amount missing", f_all},
	{"amount > 3 EUR or amount missing", f_all},
	{"customer = user:c-7 and channel != web", f_customer},
	{"at = 2026-04", f_april},
	{"at >= 2026-04 and at <= 2026-04", f_april},
	{"at > 2026-03 and at < 2026-05", f_april},
	{"at != 2026-04", f_not_april},
	{"at < 2026-04-01 or at > 2026-04-30", f_not_april},
	{"at = 2026-03-08", f_change_day},
};

static double count_where(const char *where, const char *more)
{
	char word[256], word2[256];
	snprintf(word, sizeof(word), "where=%s", where);
	snprintf(word2, sizeof(word2), "where=%s", more ? more : "");
	struct result *r = ask(fixture, "volume", WORDS(word, more ? word2 : NULL));
	assert_int_equal(r->n_rows, 1);
	double n = number_at(r, 0, "interactions");
	assert_near((double)r->n, n, 0.0);
	result_free(&r);
	return n;
}

static void filters_hold(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		double wanted = 0, both = 0;
		for (uint32_t j = 0; j < fixture->n; j++) {
			wanted += filters[i].holds(&fixture->rows[j]);
			both += filters[i].holds(&fixture->rows[j]) && f_mixed(&fixture->rows[j]);
		}
		if (count_where(filters[i].where, NULL) != wanted)
			fail_msg("%s: %g instead of %g", filters[i].where, count_where(filters[i].where, NULL),
				wanted);
		assert_near(count_where(filters[i].where,
				    "(wait > 2min or channel = web) and not (event = Called and nps >= 9)"),
			both, 0.0);
	}
}

static void period(void **state)
{
	(void)state;
	double wanted = 0;
	for (uint32_t j = 0; j < fixture->n; j++)
		wanted += f_april(&fixture->rows[j]);
	struct result *r = ask(fixture, "volume", WORDS("from=2026-04", "to=2026-04", "by=month"));
	assert_int_equal(r->n_rows, 1);
	assert_near(number_at(r, 0, "interactions"), wanted, 0.0);
	assert_true(sv_equal(text_at(r, 0, "month"), SV("2026-04")));
	assert_true(sv_starts(r->from, SV("2026-04-01T00:00")));
	result_free(&r);
	r = ask(fixture, "volume", WORDS("from=2031", "by=day")); // nothing is there
	assert_int_equal(r->n_rows, 0);
	result_free(&r);
}

// --- order, limits ---

static void order_of_rows(void **state)
{
	(void)state;
	struct result *r = ask(fixture, "volume", WORDS("by=touchpoint"));
	static const char *const in_file_order[] = {"order", "delivery", "call", "visit", "(unmatched)"};
	assert_int_equal(r->n_rows, 5);
	for (uint32_t i = 0; i < 5; i++)
		assert_true(sv_equal(text_at(r, i, "touchpoint"), sv_from(in_file_order[i])));
	result_free(&r);
	r = ask(fixture, "volume", WORDS("by=agent"));
	for (uint32_t i = 1; i + 1 < r->n_rows; i++)
		assert_true(number_at(r, i - 1, "interactions") >= number_at(r, i, "interactions"));
	assert_true(sv_equal(text_at(r, r->n_rows - 1, "agent"), SV("(none)")));
	result_free(&r);
	r = ask(fixture, "volume", WORDS("by=day"));
	for (uint32_t i = 1; i < r->n_rows; i++)
		assert_true(sv_compare(text_at(r, i - 1, "day"), text_at(r, i, "day")) < 0);
	result_free(&r);
}

static void limit_makes_other(void **state)
{
	(void)state;
	static const struct {
		const char *analysis, *by, *sum, *extra;
	} cases[] = {{"volume", "by=agent", "interactions", NULL},
		{"volume", "by=day,agent,channel,product", "interactions", NULL},
		{"promises", "by=channel,product", "made", NULL},
		{"interval", "by=product", "started", "pair=promise"},
		{"scores", "by=product,channel", "n", "score=nps"}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct result *all = ask(fixture, cases[i].analysis, WORDS(cases[i].by, cases[i].extra));
		const char *words[] = {cases[i].by, "limit=3", cases[i].extra, NULL};
		struct result *cut = ask(fixture, cases[i].analysis, words);
		assert_true(all->n_rows >= 4);
		assert_int_equal(cut->n_rows, 4);
		assert_true(sv_equal(cut->cells[(size_t)3 * cut->n_columns].text, SV("(other)")));
		assert_near(column_sum(cut, cases[i].sum), column_sum(all, cases[i].sum), 0.0);
		for (uint32_t row = 0; row < 3; row++)
			assert_near(number_at(cut, row, cases[i].sum), number_at(all, row, cases[i].sum), 0.0);
		result_free(&all);
		result_free(&cut);
	}
	struct result *r = ask(fixture, "gap", WORDS("limit=2"));
	assert_int_equal(r->n_rows, 2);
	assert_int_equal(r->n_notes, 1);
	assert_true(sv_starts(r->notes[0], SV("2 of 6 rows")));
	result_free(&r);
}

// The same with one thread and with several.
static void threads_agree(void **state)
{
	(void)state;
	static const char *const analyses[] = {"volume", "scores", "gap", "promises", "quality"};
	for (size_t i = 0; i < 5; i++) {
		struct result *a = ask(fixture, analyses[i], WORDS("by=agent,month", "threads=1"));
		struct result *b = ask(fixture, analyses[i], WORDS("by=agent,month", "threads=7"));
		assert_int_equal(a->n_rows, b->n_rows);
		for (size_t c = 0; c < (size_t)a->n_rows * a->n_columns; c++) {
			assert_int_equal(a->cells[c].null, b->cells[c].null);
			assert_near(a->cells[c].number, b->cells[c].number,
				1e-12 * fmax(1.0, fabs(b->cells[c].number)));
			assert_true(sv_equal(a->cells[c].text, b->cells[c].text));
		}
		result_free(&a);
		result_free(&b);
	}
}

// --- mistakes ---

static void mistakes(void **state)
{
	(void)state;
	const struct fixture *f = fixture;
	ask_wrong(f, "volumes", WORDS(NULL), "did you mean “volume”");
	ask_wrong(f, "volume", WORDS("by=chanel"), "did you mean “channel”");
	ask_wrong(f, "volume", WORDS("by=mnth"), "did you mean “month”");
	ask_wrong(f, "volume", WORDS("by=wait"), "not a name");
	ask_wrong(f, "volume", WORDS("by=channel,channel"), "twice");
	ask_wrong(f, "volume", WORDS("by=day,month"), "two times");
	ask_wrong(f, "scores", WORDS("scor=nps"), "did you mean “score”");
	ask_wrong(f, "scores", WORDS("score=npz"), "did you mean “nps”");
	ask_wrong(f, "scores", WORDS("score=nps", "score=csat"), "given twice");
	ask_wrong(f, "volume", WORDS("customers=perhaps"), "true or false");
	ask_wrong(f, "promises", WORDS("as-of=yesterdayish"), "yesterdayish");
	ask_wrong(f, "interval", WORDS("start=order"), "--end is missing");
	ask_wrong(f, "interval", WORDS("start=order", "end=call", "hours=ofice"), "did you mean “office”?");
	ask_wrong(f, "interval", WORDS("start=order", "end=call", "hours=office", "clock=wall"), "leave one");
	ask_wrong(f, "interval", WORDS("start=ordr", "end=call"), "--start");
	ask_wrong(f, "volume", WORDS("from=2026-05", "to=2026-04"), "is empty");
	ask_wrong(f, "volume", WORDS("from=never"), "never");
	ask_wrong(f, "volume", WORDS("where=touchpoint = ordr"), "did you mean “order”");
	ask_wrong(f, "volume", WORDS("where=stage = befor"), "did you mean “before”");
	ask_wrong(f, "volume", WORDS("where=owner = sale"), "did you mean “sales”");
	ask_wrong(f, "volume", WORDS("where=channel in (web, phne)"), "did you mean “phone”");
	ask_wrong(f, "volume", WORDS("where=touchpoint = x*"), "unknown touchpoint");
	ask_wrong(f, "volume", WORDS("where=tochpoint = order"), "did you mean “touchpoint”");
	ask_wrong(f, "volume", WORDS("where=wait > long"), "long");
	ask_wrong(f, "volume", WORDS("where=channel > web"), "= and !=");
	ask_wrong(f, "volume", WORDS("where=channel"), "operator is expected");
	ask_wrong(f, "volume", WORDS("where="), "expression is missing");
	ask_wrong(f, "volume", WORDS("where=channel ="), "value is missing");
	ask_wrong(f, "volume", WORDS("where=(channel = web"), "parenthesis");
	ask_wrong(f, "volume", WORDS("where=channel = web)"), "more text");
	ask_wrong(f, "volume", WORDS("where=channel = 'web"), "does not end");
	ask_wrong(f, "volume", WORDS("where=wait > 1s, 2s"), "several values");
	ask_wrong(f, "volume", WORDS("where=channel in web"), "parentheses");
	ask_wrong(f, "volume", WORDS("where=at exists"), "every interaction has");
	ask_wrong(f, "volume", WORDS("where=customer = c-7"), "TYPE:VALUE");
	ask_wrong(f, "volume", WORDS("where=customer = user:c-7 or channel = web"), "cannot stand under");
	ask_wrong(f, "volume", WORDS("where=text exists or channel = web"), "condition on the text cannot");
	ask_wrong(f, "funnel", WORDS("step=text exists", "step=order"), "condition on the text cannot");
	ask_wrong(f, "volume", WORDS("where=text = broken"), "text exists");
	ask_wrong(f, "volume", WORDS("by=text"), "text");
	char deep[512] = "where=";
	for (int i = 0; i < 100; i++)
		strncat(deep, "(", sizeof(deep) - strlen(deep) - 1);
	ask_wrong(f, "volume", WORDS(deep), "nested too deeply");
}

static void notes(void **state)
{
	(void)state;
	struct result *r = ask(fixture, "volume", WORDS("where=agent = nobody"));
	assert_int_equal(r->n_notes, 1);
	assert_true(sv_equal(r->notes[0], SV("no interaction has agent “nobody”")));
	assert_int_equal(r->n_where, 1);
	result_free(&r);
}

static void empty_store(void **state)
{
	(void)state;
	struct fixture *f = fixture_of(NULL, 0);
	static const char *const analyses[] = {"volume", "scores", "gap", "promises", "quality"};
	for (size_t i = 0; i < 5; i++) {
		struct result *r = ask(f, analyses[i], WORDS("by=month,channel,agent"));
		assert_int_equal(r->n, 0);
		result_free(&r);
		r = ask(f, analyses[i], WORDS(NULL));
		result_free(&r);
	}
	struct result *r = ask(f, "gap", WORDS(NULL));
	assert_int_equal(r->n_rows, 6);
	assert_true(sv_equal(text_at(r, 0, "verdict"), SV("no data")));
	result_free(&r);
	fixture_free(&f);
}

// --- results as text ---

static void json_reads_back(void **state)
{
	(void)state;
	struct err e = ERR_NONE;
	struct result *r = ask(fixture, "gap", WORDS("by=channel", "where=channel != web"));
	struct buf out = buf_new(1 << 24);
	assert_int_equal(result_write_json(r, &out, &e), RC_OK);
	struct json_parser *p = json_parser_new(1 << 24);
	struct json_node root;
	assert_int_equal(json_parse(p, buf_view(&out), &root, &e), RC_OK);
	uint32_t rows = 0, columns = 0;
	double number;
	char scratch[32];
	for (struct json_iter it = json_iter(json_get(root, SV("rows"))); json_next(&it); rows++) {
		assert_true(sv_equal(json_text(json_get(it.value, SV("touchpoint")), scratch),
			text_at(r, rows, "touchpoint")));
		struct json_node gap = json_get(it.value, SV("gap_low"));
		bool has = json_number(gap, &number);
		assert_near(has ? number : (double)NAN, number_at(r, rows, "gap_low"), 0.0);
	}
	for (struct json_iter it = json_iter(json_get(root, SV("columns"))); json_next(&it); columns++)
		assert_true(sv_equal(
			json_text(json_get(it.value, SV("name")), scratch), sv_from(r->columns[columns].name)));
	assert_int_equal(rows, r->n_rows);
	assert_int_equal(columns, r->n_columns);
	assert_true(json_number(json_get(root, SV("n")), &number) && number == (double)r->n);
	assert_true(json_get(root, SV("definition")).type == JSON_STRING);
	json_parser_free(&p);
	buf_free(&out);
	struct buf small = buf_new(100);
	assert_int_equal(result_write_json(r, &small, &e), RC_LIMIT);
	buf_free(&small);
	result_free(&r);
}

static void csv_and_markdown(void **state)
{
	(void)state;
	static const char product[] = "he said \"hi\", twice";
	struct err e = ERR_NONE;
	struct result_column columns[] = {{"product", "product", CELL_TEXT, "", 0, ""},
		{"n", "n", CELL_COUNT, "", 0, ""}, {"share", "share", CELL_RATIO, "1", 3, ""},
		{"mean", "me|an", CELL_NUMBER, "", 2, ""}};
	struct cell cells[] = {{.text = sv_from(product)}, {.number = 3}, {.number = 0.1},
		{.number = 1.0 / 3.0}, {.text = SV("b")}, {.number = 0}, {.null = true}, {.null = true}};
	struct result r = {.columns = columns, .n_columns = 4, .cells = cells, .n_rows = 2};
	struct buf out = buf_new(1 << 16);
	assert_int_equal(result_write_csv(&r, &out, &e), RC_OK);
	assert_true(sv_equal(buf_view(&out),
		SV("product,n,share,mean\r\n\"he said \"\"hi\"\", twice\",3,0.1,0.3333333333333333\r\n"
		   "b,0,,\r\n")));
	buf_clear(&out);
	assert_int_equal(result_write_markdown(&r, &out, &e), RC_OK);
	assert_true(sv_equal(
		buf_view(&out), SV("| product | n | share | me\\|an |\n|---|---:|---:|---:|\n"
				   "| he said \"hi\", twice | 3 | 10.0 % | 0.33 |\n| b | 0 |  |  |\n")));
	buf_free(&out);
}

// Every analysis under every failing allocation: an error or a result, never a crash or a leak.
static void allocations_fail(void **state)
{
	(void)state;
	static const char *const analyses[] = {"volume", "scores", "gap", "promises", "quality"};
	struct sv by[] = {SV("agent"), SV("month")}, where = SV("wait > 2min or channel = web");
	for (size_t i = 0; i < 5; i++) {
		bool done = false;
		for (uint64_t nth = 1; !done; nth++) {
			struct err e = ERR_NONE;
			struct result *r = NULL;
			struct query q = {.analysis = sv_from(analyses[i]),
				.by = {by[0], by[1]},
				.n_by = 2,
				.where = &where,
				.n_where = 1,
				.threads = 1,
				.limit = 5};
			mem_fail_at(nth);
			enum rc rc = query_run(fixture->snapshot, &q, &r, &e);
			mem_fail_at(0);
			assert_true(rc == RC_OK ? r != NULL : rc == RC_NOMEM && r == NULL);
			done = rc == RC_OK;
			result_free(&r);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filters_hold),
		cmocka_unit_test(period),
		cmocka_unit_test(order_of_rows),
		cmocka_unit_test(limit_makes_other),
		cmocka_unit_test(threads_agree),
		cmocka_unit_test(mistakes),
		cmocka_unit_test(notes),
		cmocka_unit_test(empty_store),
		cmocka_unit_test(json_reads_back),
		cmocka_unit_test(csv_and_markdown),
		cmocka_unit_test(allocations_fail),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
