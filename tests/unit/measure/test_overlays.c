// SPDX-License-Identifier: Apache-2.0
// Links and erasures under every analysis: a store in which persons came as two and were linked, and in which others were
// erased, answers like one in which they were one from the start, and the others never there. Before and after merging.
#include "fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// cmocka wants these above first
#include <cmocka.h>

#define ROUNDS 5

static const char *const questions[][7] = {
	{"volume", "by=touchpoint,month", "customers=true"},
	{"volume", "by=ladder", "customers=true"},
	{"volume", "by=index", "where=tenure > 5d"},
	{"volume", "by=first.channel", "where=touchpoint = order"},
	{"scores", "by=channel"},
	{"scores", "by=product", "where=csat >= 3"},
	{"gap", "by=channel,month"},
	{"gap", "by=ladder"},
	{"promises", "by=product"},
	{"promises", "by=month", "where=channel = web"},
	{"interval", "start=order", "end=delivery", "by=product"},
	{"interval", "pair=promise"},
	{"interval", "start=order", "end=call", "hours=office"},
	{"quality"},
	{"funnel", "step=order", "step=delivery", "step=call", "window=30d"},
	{"funnel", "step=visit", "step=order", "without=call", "count=entries", "by=channel"},
	{"funnel", "step=visit", "step=order", "step=delivery", "order=any"},
	{"paths", "gap=7d", "form=variants", "depth=4"},
	{"paths", "start=order", "form=edges", "by=product"},
	{"paths", "around=call", "form=tree"},
	{"flow", "top=0", "ends=true", "quantiles=true"},
	{"flow", "show=rework", "by=channel"},
	{"flow", "show=loops", "gap=10d"},
	{"conformance", "show=touchpoints"},
	{"conformance", "show=scores"},
	{"retention", "bucket=week", "start=order"},
	{"retention", "bucket=day", "periods=9"},
	{"retention", "bucket=month", "mode=rolling", "clock=elapsed", "return=call"},
	{"frequency", "by=product"},
	{"lifecycle", "bucket=week"},
	{"stickiness"},
	{"sequence", "pattern=order .* delivery not call", "by=product"},
	{"sequence", "pattern=visit (order)+ within 20d"},
	{"effect", "after=wait > 100s", "then=delivery", "within=20d"},
	{"effect", "after=csat <= 2", "then=call", "match=touchpoint", "each=person"},
	{"attribution", "conversion=delivery", "of=channel"},
	{"attribution", "conversion=order", "of=touchpoint", "model=markov", "order=2"},
	{"spread", "measure=wait", "by=touchpoint"},
	{"volume", "where=text exists", "by=product"},
	{"volume", "where=text missing", "where=csat >= 3", "by=touchpoint"},
	{"flow", "where=text exists", "top=0"},
};

static void must(enum rc rc, const struct err *e)
{
	char text[1024];
	if (rc != RC_OK)
		fail_msg("%s", err_format(e, text, sizeof(text)));
}

static bool is_near(double x, double y)
{
	return (isnan(x) && isnan(y)) || fabs(x - y) <= 1e-9 * fmax(1.0, fmax(fabs(x), fabs(y)));
}

static void assert_same(const char *const *question, const struct result *a, const struct result *b)
{
	const char *what = question[1] ? question[1] : "";
	if (a->n_rows != b->n_rows)
		fail_msg("%s %s: %u rows, not %u", question[0], what, b->n_rows, a->n_rows);
	assert_int_equal(a->n_columns, b->n_columns);
	for (uint32_t i = 0; i < a->n_rows; i++)
		for (uint32_t c = 0; c < a->n_columns; c++) {
			const char *name = a->columns[c].name;
			bool same = a->columns[c].type == CELL_TEXT
					    ? sv_equal(text_at(a, i, name), text_at(b, i, name))
					    : is_near(number_at(a, i, name), number_at(b, i, name));
			if (!same)
				fail_msg("%s %s, row %u: %s differs", question[0], what, i, name);
		}
}

static void compare(const struct fixture *plain, const struct fixture *laid_over)
{
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		const char *const *words = questions[i] + 1;
		struct result *a = ask(plain, questions[i][0], words),
			      *b = ask(laid_over, questions[i][0], words);
		assert_same(questions[i], a, b);
		result_free(&a);
		result_free(&b);
	}
}

static void look_again(struct fixture *f)
{
	struct err e = ERR_NONE;
	snapshot_close(&f->snapshot);
	must(snapshot_open(f->store, &f->snapshot, &e), &e);
}

static void link_and_erase(struct fixture *f, uint32_t n_customers, uint32_t n_erased)
{
	struct err e = ERR_NONE;
	struct arena *a = arena_new(1 << 26);
	struct overlay_receipt receipt;
	char from[64], to[64];
	assert_non_null(a);
	for (uint32_t c = 1; c <= n_customers; c++) {
		snprintf(from, sizeof(from), "user:c-%u", n_customers + c);
		snprintf(to, sizeof(to), "user:c-%u", c);
		must(store_link(f->store, c % 3 ? sv_from(from) : sv_from(to),
			     c % 3 ? sv_from(to) : sv_from(from), SV("test"), a, &receipt, &e),
			&e);
	}
	for (uint32_t c = 1; c <= n_erased; c++) {
		snprintf(from, sizeof(from), "c-%u", 2 * n_customers + c);
		uint64_t person = person_of(SV("user"), sv_from(from));
		must(store_erase_persons(f->store, &person, 1, SV("test"), a, &receipt, &e), &e);
	}
	arena_free(&a);
	look_again(f);
}

// Each customer came as two, at random; some others are there who will be erased.
static uint32_t split(const struct log_row *plain, uint32_t n, uint32_t n_customers, uint32_t n_erased,
	uint64_t *seed, struct log_row *out)
{
	uint32_t n_out = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct log_row *r = &out[n_out++];
		*r = plain[i];
		r->promises_of = r->customer;
		r->customer += random_next(seed) % 2 ? n_customers : 0;
		if (n_erased && random_next(seed) % 4 == 0) {
			out[n_out] = log_row_random(seed, n_erased);
			if (n_out % 9 == 0) // before and after all others
				out[n_out].at_ms += (n_out % 2 ? INT64_C(1) : INT64_C(-1)) * 90 * 86400000;
			out[n_out++].customer += 2 * n_customers;
		}
	}
	return n_out;
}

static void test_overlays(void **state)
{
	(void)state;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint64_t seed = 3100 + round;
		uint32_t n = 150 + 200 * round, n_customers = 12 + 9 * round, n_erased = round % 2 ? 7 : 0;
		struct log_row *rows = calloc(n, sizeof(*rows)), *parts = calloc(2 * n, sizeof(*parts));
		assert_true(rows && parts);
		for (uint32_t i = 0; i < n; i++) {
			rows[i] = log_row_random(&seed, n_customers);
			rows[i].at_ms += i; // of one moment, the order of arrival is not known across persons
		}
		struct fixture *plain = fixture_of(rows, n),
			       *laid_over =
				       fixture_of(parts, split(rows, n, n_customers, n_erased, &seed, parts));
		link_and_erase(laid_over, n_customers, n_erased);
		compare(plain, laid_over);
		struct err e = ERR_NONE;
		must(store_compact(laid_over->store, 1, NULL, &e), &e);
		look_again(laid_over);
		compare(plain, laid_over);
		fixture_free(&plain);
		fixture_free(&laid_over);
		free(rows);
		free(parts);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_overlays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
