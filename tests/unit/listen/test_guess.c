// SPDX-License-Identifier: Apache-2.0
// Guessed mappings: each compiles, and makes of the first rows what a person would.
// cmocka wants these before it
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "import_support.h"

#include "base/mem.h"

static const char house[] = "corridor: 1\n"
			    "brand: Test\n"
			    "timezone: Europe/Berlin\n"
			    "currency: EUR\n"
			    "stages: [support]\n"
			    "channels: {phone: contact-centre, web: digital}\n"
			    "measures: {speed: {unit: Mbit/s, min: 0}}\n"
			    "touchpoints:\n"
			    "  call: {stage: support, match: [{event: Call}]}\n"
			    "  order: {stage: support, match: [{event: orders}]}\n";

struct seen {
	const struct design *d;
	uint32_t n, n_rejected;
	char last[2000]; // of the interactions, one after another
	char reason[400];
};

static void add(char *out, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void add(char *out, size_t size, const char *format, ...)
{
	va_list args;
	size_t len = strlen(out);
	va_start(args, format);
	vsnprintf(out + len, size - len, format, args);
	va_end(args);
}

static enum rc see(void *context, uint64_t line, const struct interaction *x, struct err *e)
{
	struct seen *s = context;
	char at[40];
	(void)line;
	(void)e;
	s->n++;
	add(s->last, sizeof(s->last), "%.*s %s", SV_ARG(x->event), tz_format(s->d->tz, x->at_ms, at));
	for (uint32_t i = 0; i < x->n_identities; i++)
		add(s->last, sizeof(s->last), " %.*s:%.*s", SV_ARG(x->identities[i].type),
			SV_ARG(x->identities[i].value));
	if (x->channel.len)
		add(s->last, sizeof(s->last), " on %.*s", SV_ARG(x->channel));
	if (x->id.len)
		add(s->last, sizeof(s->last), " id %.*s", SV_ARG(x->id));
	for (uint32_t i = 0; i < x->n_measures; i++)
		add(s->last, sizeof(s->last), " %.*s=%g", SV_ARG(s->d->measures[x->measures[i].measure].name),
			x->measures[i].value);
	add(s->last, sizeof(s->last), "\n");
	return RC_OK;
}

static enum rc see_reject(void *context, uint64_t line, struct sv reason, struct err *e)
{
	struct seen *s = context;
	(void)line;
	(void)e;
	s->n_rejected++;
	snprintf(s->reason, sizeof(s->reason), "%.*s", SV_ARG(reason));
	return RC_OK;
}

static void test_guesses(void **state)
{
	const struct work *w = *state;
	static const struct {
		const char *name, *text, *made, *says;
	} cases[] = {
		// Names as words in any spelling; a unit in a name; ids that are unique.
		{"calls.csv",
			"id,customerId,startedAt,type,wait_min,Channel,csat\n"
			"1,k1,2026-03-01T10:00:00+01:00,Call,2.5,Phone,4\n2,k2,2026-03-01T11:00:00+01:00,Call,"
			"0,WEB,5\n",
			"Call 2026-03-01T10:00:00+01:00 user:k1 on phone id 1 csat=4 wait=150\n"
			"Call 2026-03-01T11:00:00+01:00 user:k2 on web id 2 csat=5 wait=0\n",
			"case: lower"},
		// An id that comes twice is none, since rows with the same id count once.
		{"orders-2026.csv",
			"id;kunde;datum;uhrzeit;betrag\n7;k1;01.03.2026;09:15;1.234,50\n7;k1;02.03.2026;10:00;"
			"2,00\n",
			"orders 2026-03-01T09:15:00+01:00 user:k1 amount=123450\n"
			"orders 2026-03-02T10:00:00+01:00 user:k1 amount=200\n",
			"decimal: \",\", thousands: \".\""},
		// Day and month could be the other way round: said.
		{"a.csv", "mail,date,activity\nA@b.example,02/03/2026,Call\n",
			"Call 2026-03-02T00:00:00+01:00 email:a@b.example\n", "Month first would fit"},
		{"b.csv", "mail,date,activity\na@b.example,12/31/2026,Call\n",
			"Call 2026-12-31T00:00:00+01:00 email:a@b.example\n", "MM/dd/yyyy"},
		// By values alone: an address, events that the corridor file knows, Unix time under a fitting name.
		{"c.csv", "x,y,time\nq@b.example,Call,1772360000\n",
			"Call 2026-03-01T11:13:20+01:00 email:q@b.example\n", "unix"},
		// A number is no time when nothing says so.
		{"d.csv", "user,n,when\nu,1772360000,2026-03-01\n", "d 2026-03-01T00:00:00+01:00 user:u\n",
			"match rules"},
		{"e.ndjson",
			"{\"user\":{\"id\":\"u-1\"},\"at\":\"2026-03-01T10:00:00Z\",\"event\":\"Call\","
			"\"speed\":3}\n",
			"Call 2026-03-01T11:00:00+01:00 user:u-1 speed=3\n", "format: ndjson"},
		{"f.csv", "customer,event,at\nuser:u-9,Call,2026-03-01T10:00:00Z\n",
			"Call 2026-03-01T11:00:00+01:00 user:u-9\n", "customer: \"{customer}\""},
		{"g.csv", "u,2026-03-01 10:00,Call\nv,2026-03-02 10:00,Call\n", NULL, "header: false"},
		// Out of its range it is another thing with that name.
		{"h.csv", "user,at,csat\nu,2026-03-01,87\n", "h 2026-03-01T00:00:00+01:00 user:u\n",
			"properties"},
		{"i.csv", "user,at,resolved\nu,2026-03-01,Yes\nu,2026-03-02,no\n",
			"i 2026-03-01T00:00:00+01:00 user:u resolved=1\ni 2026-03-02T00:00:00+01:00 user:u "
			"resolved=0\n",
			"\"Yes\": 1"},
		// A bad row hides nothing.
		{"k.csv",
			"user;am;dauer\nu;01.03.2026 10:00;1,5\nu;02.03.2026 "
			"10:00;2\nu;gestern;3\nu;04.03.2026 10:00;4\n"
			"u;05.03.2026 10:00;n/a\n",
			NULL,
			"at: {column: \"am\", format: \"dd.MM.yyyy HH:mm\"}\n  measures:\n    \"duration\": "
			"{column: "
			"\"dauer\", decimal: \",\"}"},
		{"j.csv", "user {id},at\nu,2026-03-01\n", "j 2026-03-01T00:00:00+01:00 user:u\n",
			"\"user {id}\""},
	};
	struct design *d = NULL;
	assert_int_equal(design_parse(sv_from(house), "house", &d, NULL, NULL), RC_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char path[300], said[1600];
		FILE *f = work_file(w, cases[i].name);
		fputs(cases[i].text, f);
		fclose(f);
		work_path(w, cases[i].name, path);
		struct arena *a = arena_new(0);
		struct import_peek peek;
		struct err e = ERR_NONE;
		struct seen seen = {.d = d};
		const struct preview_sink sink = {&seen, see, see_reject};
		uint32_t n_rows;
		bool about;
		if (import_peek(path, sv_from(cases[i].name), d, a, &peek, &e) != RC_OK)
			fail_msg("%s: %s", cases[i].name, err_format(&e, said, sizeof(said)));
		const struct import_options o = {.map_name = "guess", .map_text = peek.mapping};
		if (!strstr(peek.mapping.ptr, cases[i].says))
			fail_msg("'%s' is not in:\n%s", cases[i].says, peek.mapping.ptr);
		if (cases[i].made) {
			if (import_preview(d, &o, path, 10, &sink, &n_rows, &about, &e) != RC_OK)
				fail_msg("%s\n%s", err_format(&e, said, sizeof(said)), peek.mapping.ptr);
			if (strcmp(seen.last, cases[i].made) != 0 || seen.n_rejected)
				fail_msg("%s gives\n%s%s, not\n%s, by\n%s", cases[i].name, seen.last,
					seen.reason, cases[i].made, peek.mapping.ptr);
		}
		arena_free(&a);
	}
	design_free(&d);
}

// Where nothing can be guessed the mapping says what is missing, and is not taken as it is.
static void test_incomplete(void **state)
{
	const struct work *w = *state;
	struct design *d = NULL;
	struct arena *a = arena_new(0);
	struct import_peek peek;
	struct err e = ERR_NONE;
	struct mapping *m = NULL;
	char path[300];
	assert_int_equal(design_parse(sv_from(house), "house", &d, NULL, NULL), RC_OK);
	FILE *f = work_file(w, "odd.csv");
	fputs("a,b\n1,2\n3,4\n", f);
	fclose(f);
	assert_int_equal(import_peek(work_path(w, "odd.csv", path), SV("odd.csv"), d, a, &peek, &e), RC_OK);
	assert_int_equal(peek.n_columns, 2);
	assert_int_equal(peek.columns[0].n_samples, 2);
	assert_non_null(strstr(peek.mapping.ptr, "# customer:"));
	assert_non_null(strstr(peek.mapping.ptr, "# at:"));
	assert_int_equal(mapping_parse(peek.mapping, "guess", d, &m, &e), RC_INPUT);
	arena_free(&a);
	design_free(&d);
}

// Wide files and long values stay within bounds.
static void test_large(void **state)
{
	const struct work *w = *state;
	struct design *d = NULL;
	struct arena *a = arena_new(0);
	struct import_peek peek;
	struct err e = ERR_NONE;
	char path[300];
	assert_int_equal(design_parse(sv_from(house), "house", &d, NULL, NULL), RC_OK);
	FILE *f = work_file(w, "wide.csv");
	for (int row = 0; row < 100; row++) {
		for (int i = 0; i < 1000; i++) {
			if (row)
				fprintf(f, "%s%d-%0400d", i ? "," : "", i, row);
			else
				fprintf(f, "%sc%d", i ? "," : "", i);
		}
		fputc('\n', f);
	}
	fclose(f);
	assert_int_equal(import_peek(work_path(w, "wide.csv", path), SV("wide.csv"), d, a, &peek, &e), RC_OK);
	assert_int_equal(peek.n_columns, 1000);
	for (uint32_t k = 0; k < peek.columns[999].n_samples; k++)
		assert_true(peek.columns[999].samples[k].len <= 300);
	arena_free(&a);
	design_free(&d);
}

static enum rc pass_interaction(void *context, uint64_t line, const struct interaction *x, struct err *e)
{
	(void)line;
	(void)x;
	(void)e;
	++*(int *)context;
	return RC_OK;
}

static enum rc pass_reject(void *context, uint64_t line, struct sv reason, struct err *e)
{
	(void)context;
	(void)line;
	(void)reason;
	(void)e;
	return RC_OK;
}

// Each allocation fails once: that is told, and nothing is lost sight of.
static void test_no_memory(void **state)
{
	const struct work *w = *state;
	static const char *const names[] = {"m.csv", "m.ndjson"};
	static const char *const texts[] = {"user,at,csat\nu,2026-03-01,4\nv,2026-03-02,\n",
		"{\"user\":\"u\",\"at\":\"2026-03-01\"}\n{\"user\":\"v\",\"at\":\"2026-03-02\"}\n{\"at\":\n"};
	struct design *d = NULL;
	assert_int_equal(design_parse(sv_from(house), "house", &d, NULL, NULL), RC_OK);
	for (int i = 0; i < 2; i++) {
		char path[300];
		FILE *f = work_file(w, names[i]);
		fputs(texts[i], f);
		fclose(f);
		work_path(w, names[i], path);
		bool done = false;
		for (uint64_t n = 1; !done; n++) {
			struct arena *a = arena_new(0);
			struct import_peek peek;
			struct err e = ERR_NONE;
			int n_made = 0;
			uint32_t n_rows;
			bool about;
			const struct preview_sink sink = {&n_made, pass_interaction, pass_reject};
			mem_fail_at(n);
			enum rc rc = import_peek(path, sv_from(names[i]), d, a, &peek, &e);
			if (rc == RC_OK) {
				const struct import_options o = {.map_name = "guess", .map_text = peek.mapping};
				rc = import_preview(d, &o, path, 10, &sink, &n_rows, &about, &e);
			}
			mem_fail_at(0);
			assert_true(n < 10000);
			if (rc != RC_OK && rc != RC_NOMEM)
				fail_msg("allocation %d: %s\n%s", (int)n, e.message,
					peek.mapping.ptr ? peek.mapping.ptr : "");
			done = rc == RC_OK && n_made > 0;
			arena_free(&a);
		}
	}
	design_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_guesses, work_open, work_close),
		cmocka_unit_test_setup_teardown(test_incomplete, work_open, work_close),
		cmocka_unit_test_setup_teardown(test_large, work_open, work_close),
		cmocka_unit_test_setup_teardown(test_no_memory, work_open, work_close)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
