// SPDX-License-Identifier: Apache-2.0
// XES: rows of hand-written logs as the rules of docs/mapping.md say, whatever the size of the reads; attacks are
// refused; an import keeps what stands before a mistake and adds nothing twice.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "import_support.h"
#include "listen/xes.h"

#define EVENT(name, transition, at)                                                                            \
	"<event><string key='concept:name' value='" name                                                       \
	"'/><string key='lifecycle:transition' value='" transition "'/><date key='time:timestamp' value='" at  \
	"'/></event>"
#define TRACE(name, events) "<trace><string key='concept:name' value='" name "'/>" events "</trace>"
#define LOG(body) "<log xes.version='1.0' xmlns='http://www.xes-standard.org/'>" body "</log>"

static struct tz *berlin;

static void put(const struct work *w, const char *name, const char *text, size_t n)
{
	FILE *f = work_file(w, name);
	assert_int_equal(fwrite(text, 1, n, f), n);
	fclose(f);
}

// All rows of a log, read `step` bytes at a time; to be freed.
static char *read_log(
	const struct work *w, const char *xml, size_t n, size_t step, struct xes_counts *counts, struct err *e)
{
	char path[300], *all = calloc(1, 1 << 20);
	size_t len = 0, got = 0;
	struct stream *s = NULL;
	struct xes *x = NULL;
	put(w, "log.xes", xml, n);
	assert_non_null(all);
	assert_int_equal(stream_open(NULL, work_path(w, "log.xes", path), NULL, &s, e), RC_OK);
	if (xes_open(s, "log.xes", berlin, &x, e) == RC_OK) {
		enum rc rc;
		do {
			rc = xes_read(x, all + len, step, &got, e);
			len += got;
			assert_true(len + step < 1 << 20);
		} while (rc == RC_OK && got == step);
		if (counts)
			*counts = *xes_counts(x);
	}
	xes_close(&x);
	stream_close(&s);
	return all;
}

static void check_counted(const struct work *w, const char *xml, const char *rows, struct xes_counts *counts)
{
	static const size_t steps[] = {1, 7, 65536};
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct err e = ERR_NONE;
		char *got = read_log(w, xml, strlen(xml), steps[i], counts, &e);
		assert_string_equal(e.message, "");
		assert_string_equal(got, rows);
		free(got);
	}
}

static void check_rows(const struct work *w, const char *xml, const char *rows)
{
	check_counted(w, xml, rows, NULL);
}

static void check_refused(const struct work *w, const char *xml, size_t n, enum rc rc, const char *what)
{
	struct err e = ERR_NONE;
	free(read_log(w, xml, n, 65536, NULL, &e));
	assert_int_equal(e.rc, rc);
	if (!strstr(e.message, what))
		fail_msg("“%s” is not in “%s”", what, e.message);
}

static void attributes(void **state)
{
	check_rows(*state,
		LOG("<extension name='Concept' prefix='concept' uri='u'/>\n<classifier name='c' "
		    "keys='concept:name'/>"
		    "<string key='of the log' value='x'/>"
		    "<trace>\n<string key='concept:name' value='t&lt;1&#10;'><int key='sub' "
		    "value='7'/></string>"
		    "\n<event><string key='s' value='&quot;q&quot; \\ ü'/><int key='i' value='-5'/>"
		    "<int key='long' value='123456789012345678901'/><int key='odd' value='007'/>"
		    "<float key='f' value='1.5E2'/><float key='inf' value='INF'/><boolean key='b' "
		    "value='true'/>"
		    "<boolean key='B' value='yes'/><id key='u' value='a-b'/>"
		    "<container key='c'><string key='x' value='1'/><container key='y'><float key='z' "
		    "value='.5'/>"
		    "</container></container>"
		    "<list key='l'><values><string key='k' value='a'/><string key='k' "
		    "value='b'/></values></list>"
		    "<list key='m'><string key='k' value='a'/></list>"
		    "<string key='s' value='doubled'/><what ever='1'><string key='no' "
		    "value='no'/></what></event></trace>"),
		"4\t{\"_position\":1,\"s\":\"\\\"q\\\" \\\\ "
		"ü\",\"i\":-5,\"long\":\"123456789012345678901\",\"odd\":\"007\","
		"\"f\":1.5E2,\"inf\":\"INF\",\"b\":true,\"B\":\"yes\",\"u\":\"a-b\",\"c.x\":\"1\",\"c.y.z\":\"."
		"5\","
		"\"l.1\":\"a\",\"l.2\":\"b\",\"m.1\":\"a\",\"trace.concept:name\":\"t<1\\n\",\"trace.concept:"
		"name.sub\":7}\n");
}

// What is global stands in where an event has none; names and times are never made up.
static void globals(void **state)
{
	check_rows(*state,
		LOG("<global scope='trace'><string key='kind' value='k'/><string key='concept:name' "
		    "value='?'/></global>"
		    "<global scope='event'><string key='concept:name' value='?'/><string key='org:role' "
		    "value='clerk'/>"
		    "<date key='time:timestamp' value='1970-01-01T00:00:00Z'/></global>"
		    "<trace><event><string key='a' value='1'/></event>"
		    "<event><string key='org:role' value='boss'/></event><string key='late' value='y'/></trace>"
		    "<event><string key='concept:name' value='alone'/></event>"),
		"1\t{\"_position\":1,\"a\":\"1\",\"org:role\":\"clerk\",\"trace.late\":\"y\",\"trace.kind\":"
		"\"k\"}\n"
		"1\t{\"_position\":2,\"org:role\":\"boss\",\"trace.late\":\"y\",\"trace.kind\":\"k\"}\n"
		"1\t{\"_position\":1,\"_event\":\"alone\",\"concept:name\":\"alone\",\"org:role\":\"clerk\","
		"\"trace.kind\":\"k\"}\n");
}

static const char *row_of(const char *rows, unsigned position, char out[600])
{
	char what[40];
	snprintf(what, sizeof(what), "{\"_position\":%u,", position);
	const char *at = strstr(rows, what);
	if (!at)
		return NULL;
	snprintf(out, 600, "%.*s", (int)strcspn(at, "\n"), at);
	return out;
}

// A B A start, A A complete; an aborted start; a complete before its start; other transitions.
static void pairs(void **state)
{
	static const char xml[] = LOG(TRACE("t",
		EVENT("A", "start", "2026-01-01T10:00:00Z") EVENT("B", "START", "2026-01-01T10:00:01Z") EVENT(
			"A", "start", "2026-01-01T10:00:02Z") EVENT("A", "complete", "2026-01-01T10:00:10Z")
			EVENT("A", "Complete", "2026-01-01T12:00:20.5+01:00") EVENT("C", "complete",
				"2026-01-01T10:00:30Z") EVENT("D", "start", "2026-01-01T10:01:00Z")
				EVENT("D", "ate_abort", "2026-01-01T10:02:00Z") EVENT("D", "complete",
					"2026-01-01T10:03:00Z") EVENT("E", "start", "2026-01-01T10:05:00Z")
					EVENT("E", "complete", "2026-01-01T10:04:00Z")
						EVENT("F", "schedule", "2026-01-01T10:05:00Z")));
	struct xes_counts c;
	struct err e = ERR_NONE;
	char *rows = read_log(*state, xml, strlen(xml), 65536, &c, &e), row[600];
	assert_int_equal(e.rc, RC_OK);
	assert_int_equal(c.n_traces, 1);
	assert_int_equal(c.n_events, 12);
	assert_int_equal(c.n_pairs, 2);
	assert_int_equal(c.n_lone_starts, 3); // B, D, E
	assert_int_equal(c.n_lone_ends, 3);   // C, D, E
	// The first A takes the first complete one, the second the second.
	assert_string_equal(row_of(rows, 1, row), "{\"_position\":1,\"_event\":\"A\",\"time:timestamp\":\"2026-"
						  "01-01T10:00:00Z\",\"concept:name\":\"A\","
						  "\"lifecycle:transition\":\"complete\",\"_duration\":10,\"_"
						  "completed\":\"2026-01-01T10:00:10Z\","
						  "\"trace.concept:name\":\"t\"}");
	assert_non_null(strstr(row_of(rows, 3, row), "\"_duration\":3618.5,"));
	assert_non_null(strstr(row_of(rows, 2, row), "\"_event\":\"B+START\","));
	assert_non_null(strstr(row_of(rows, 6, row), "\"_event\":\"C\","));
	assert_non_null(strstr(row_of(rows, 7, row), "\"_event\":\"D+start\","));
	assert_non_null(strstr(row_of(rows, 8, row), "\"_event\":\"D+ate_abort\","));
	assert_non_null(strstr(row_of(rows, 9, row), "\"_event\":\"D\","));
	assert_non_null(strstr(row_of(rows, 10, row), "\"_event\":\"E+start\","));
	assert_non_null(strstr(row_of(rows, 12, row), "\"_event\":\"F+schedule\","));
	assert_null(row_of(rows, 4, row));
	assert_null(row_of(rows, 5, row));
	free(rows);
}

// Instances keep repetitions apart; a time without an offset is of the mapping's zone, over the change of clocks.
static void instances_and_zones(void **state)
{
#define INSTANCE(i, transition, at)                                                                            \
	"<event><string key='concept:name' value='A'/><string key='concept:instance' value='" i "'/>"          \
	"<string key='lifecycle:transition' value='" transition "'/><date key='time:timestamp' value='" at     \
	"'/></event>"
	static const char xml[] = LOG("<trace>" INSTANCE("1", "start", "2026-03-29T01:00:00") INSTANCE(
		"2", "start", "2026-03-29T01:30:00") INSTANCE("2", "complete", "2026-03-29T03:00:00")
			INSTANCE("1", "complete", "2026-03-29T04:00:00") "</trace>");
	struct err e = ERR_NONE;
	char *rows = read_log(*state, xml, strlen(xml), 65536, NULL, &e), row[600];
	assert_non_null(strstr(row_of(rows, 1, row), "\"_duration\":7200,"));
	assert_non_null(strstr(row_of(rows, 2, row), "\"_duration\":1800,"));
	free(rows);
}

// The exporter's way to carry what XML cannot.
static void json_child(void **state)
{
	check_rows(*state,
		LOG("<trace><event><string key='a' value='x?'><string key='corridor:json' "
		    "value='&quot;x\\u0001&quot;'/>"
		    "</string><string key='b' value='y'><string key='corridor:json' value='no "
		    "text'/></string></event>"
		    "</trace>"),
		"1\t{\"_position\":1,\"a\":\"x\\u0001\",\"b\":\"y\"}\n");
}

static void encodings(void **state)
{
	check_rows(*state,
		"<?xml version='1.0' encoding='ISO-8859-1'?>" LOG(
			"<trace><event><string key='a' value='\xe4'/></event></trace>"),
		"1\t{\"_position\":1,\"a\":\"ä\"}\n");
	check_rows(*state, "\xef\xbb\xbf<x:log xmlns:x='u'><x:trace><x:event/></x:trace></x:log>",
		"1\t{\"_position\":1}\n");
	check_rows(*state, "{\"a\":1}\n{\"a\":2}\n", "{\"a\":1}\n{\"a\":2}\n");
	check_rows(*state, "<!DOCTYPE log SYSTEM 'file:///etc/passwd'><log>&x;</log>", ""); // nothing is loaded
	static const char odd[] = "<?xml version='1.0' encoding='windows-1252'?><log/>";
	check_refused(*state, odd, strlen(odd), RC_INPUT, "encoding");
}

static void mistakes(void **state)
{
	static const struct {
		const char *xml, *what;
	} rows[] = {{"", "no element found"}, {"no xml", "well-formed"}, {"<html/>", "no XES log"},
		{"<log><trace>", "no element found"}, {"<log><trace></log>", "mismatched tag"},
		{"<log><trace><event><string value='x'/></event></trace></log>", "has no key"},

		{"<!DOCTYPE log [<!ENTITY a 'aaaa'>]><log/>", "entities"},
		{"<!DOCTYPE log [<!ENTITY % a 'aaaa'>]><log/>", "entities"},
		{"<!DOCTYPE lolz [<!ENTITY lol 'lol'><!ENTITY lol2 '&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;'>"
		 "<!ENTITY lol3 '&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;'>]><log><string key='a' "
		 "value='&lol3;'/></log>",
			"entities"}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_refused(*state, rows[i].xml, strlen(rows[i].xml), RC_INPUT, rows[i].what);
	struct err e = ERR_NONE;
	static const char xml[] = "<log>\n<trace>\n  <event></x></trace></log>";
	free(read_log(*state, xml, strlen(xml), 100, NULL, &e));
	assert_string_equal(e.file, "log.xes");
	assert_int_equal(e.line, 3);
	assert_int_equal(e.column, 12);
}

// Tags, depth and attributes without end are refused before they cost much.
static void limits(void **state)
{
	size_t n = 6u << 20, len = 0;
	char *xml = malloc(n + 100);
	assert_non_null(xml);
	memcpy(xml, "<log><trace><event><string key='", 32);
	memset(xml + 32, 'k', n);
	check_refused(*state, xml, n, RC_LIMIT, "larger than 4 MiB");
	memcpy(xml, "<log><!--", 9);
	check_refused(*state, xml, n, RC_LIMIT, "larger than 4 MiB");
	memcpy(xml, "<log>", 5);
	for (len = 5; len < 100000; len += 3)
		memcpy(xml + len, "<a>", 3);
	check_refused(*state, xml, len, RC_LIMIT, "nested too deeply");
	static const char head[] = "<log><trace><event>";
	memcpy(xml, head, sizeof(head) - 1);
	len = sizeof(head) - 1;
	for (unsigned i = 0; i <= 1024; i++)
		len += (size_t)snprintf(xml + len, 100, "<int key='%u' value='1'/>", i);
	check_refused(*state, xml, len, RC_LIMIT, "1,024 attributes");
	free(xml);
}

// --- through the import ---

static void import_log(
	const struct work *w, const char *xml, enum rc rc, struct import_report *r, struct err *e)
{
	char dir[300], file[300];
	const char *paths[] = {file};
	struct store_options so = {0};
	struct import_options o = {.map_name = "m.yaml",
		.map_text = SV("mapping: 1\nsource: test\nformat: xes\n"),
		.quiet = true,
		.threads = 1};
	struct store *s;
	struct err own = ERR_NONE;
	work_path(w, "data", dir);
	work_path(w, "log.xes", file);
	put(w, "log.xes", xml, strlen(xml));
	if (access(dir, F_OK) != 0)
		assert_int_equal(store_create(dir, sv_from(corridor), "c.yaml", SV("me"), &own), RC_OK);
	assert_int_equal(store_open(dir, &so, &s, &own), RC_OK);
	assert_int_equal(import_files(s, &o, paths, 1, r, e), rc);
	store_close(&s);
}

#define GOOD                                                                                                   \
	TRACE("t1", EVENT("Call", "start", "2026-01-01T10:00:00Z")                                             \
			    EVENT("Call", "complete", "2026-01-01T10:01:00Z"))
#define GOOD2 TRACE("t2", EVENT("Call", "complete", "2026-01-02T10:00:00Z"))

// What stands before the mistake is stored; the mended file adds the rest.
static void malformed(void **state)
{
	struct import_report r;
	struct err e = ERR_NONE;
	work_clear(*state);
	import_log(*state, LOG(GOOD "<trace><event><oops></trace>"), RC_INPUT, &r, &e);
	assert_non_null(strstr(e.message, "mismatched tag"));
	assert_int_equal(e.line, 1);
	assert_int_equal(r.n_interactions, 1);
	e = ERR_NONE;
	import_log(*state, LOG(GOOD GOOD2), RC_OK, &r, &e);
	assert_int_equal(r.n_interactions, 1);
	assert_int_equal(r.n_duplicates, 1);
	assert_int_equal(r.n_events, 3);
	assert_int_equal(r.n_pairs, 1);
	import_log(*state, LOG(GOOD GOOD2), RC_OK, &r, &e);
	assert_int_equal(r.n_interactions, 0);
	assert_int_equal(r.n_duplicates, 2);
}

// An event without a time is kept aside with its line and its row, and comes in with a mapping that knows better.
static void quarantine(void **state)
{
	struct import_report r;
	struct err e = ERR_NONE;
	struct arena *a = arena_new(0);
	struct quarantine_item *items;
	char dir[300];
	uint32_t n;
	struct store *s;
	struct store_options so = {0};
	work_clear(*state);
	import_log(*state,
		LOG("\n" GOOD "\n<trace><string key='concept:name' value='t9'/>\n"
		    "<event>\n<string key='concept:name' value='Call'/><string key='when' "
		    "value='2026-02-03'/></event></trace>"),
		RC_OK, &r, &e);
	assert_int_equal(r.n_quarantined, 1);
	assert_int_equal(r.n_interactions, 1);
	assert_string_equal(r.reasons[0].reason, "at is required but column \"time:timestamp\" is empty");
	assert_int_equal(store_open(work_path(*state, "data", dir), &so, &s, &e), RC_OK);
	assert_int_equal(quarantine_items(s, SV(""), 0, 10, a, &items, &n, &e), RC_OK);
	assert_int_equal(n, 1);
	assert_int_equal(items[0].line, 4);
	assert_true(sv_equal(items[0].raw, SV("{\"_position\":1,\"_event\":\"Call\",\"concept:name\":\"Call\","
					      "\"when\":\"2026-02-03\",\"trace.concept:name\":\"t9\"}")));
	struct import_options o = {.map_name = "m2.yaml",
		.map_text = SV("mapping: 1\nsource: test\nformat: xes\ninteractions: {at: \"{when}\"}\n"),
		.quiet = true};
	assert_int_equal(quarantine_replay(s, SV(""), &o, &r, &e), RC_OK);
	assert_int_equal(r.n_interactions, 1);
	assert_int_equal(r.n_quarantined, 0);
	store_close(&s);
	arena_free(&a);
}

static int open_all(void **state)
{
	struct err e = ERR_NONE;
	return tz_open(SV("Europe/Berlin"), &berlin, &e) == RC_OK ? work_open(state) : -1;
}

static int close_all(void **state)
{
	tz_free(&berlin);
	return work_close(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attributes),
		cmocka_unit_test(globals),
		cmocka_unit_test(pairs),
		cmocka_unit_test(instances_and_zones),
		cmocka_unit_test(json_child),
		cmocka_unit_test(encodings),
		cmocka_unit_test(mistakes),
		cmocka_unit_test(limits),
		cmocka_unit_test(malformed),
		cmocka_unit_test(quarantine),
	};
	return cmocka_run_group_tests(tests, open_all, close_all);
}
