// SPDX-License-Identifier: Apache-2.0
// Questions as SQL: every template renders, names cannot break out of their quotes, filters, groups and parameters
// say what they should. That ClickHouse gives the same numbers is tested by tests/real/clickhouse.py.
#include "fixture.h"

#include "base/buf.h"
#include "base/mem.h"
#include "measure/clickhouse.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
// cmocka wants these above first
#include <cmocka.h>

static struct fixture *fixture;

static int setup(void **state)
{
	(void)state;
	fixture = fixture_random(5, 300, 30);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_free(&fixture);
	return 0;
}

// The SQL as a string in a static buffer; "" and *rc when it fails.
static char sql[1 << 20];

static enum rc render(const struct query *q)
{
	struct err e = ERR_NONE;
	struct buf out = buf_new(sizeof(sql) - 1);
	enum rc rc = query_clickhouse_sql(fixture->snapshot, q, &out, &e);
	snprintf(sql, sizeof(sql), "%.*s", rc == RC_OK ? (int)out.len : 0, (const char *)out.data);
	buf_free(&out);
	return rc;
}

static enum rc render_where(const char *where)
{
	struct sv filter = sv_from(where);
	struct query q = {.analysis = SV("volume"), .where = &filter, .n_where = 1};
	return render(&q);
}

// Outside of quotes and comments: parentheses and brackets pair, and no slot is left.
static void assert_whole(const char *text)
{
	int depth = 0;
	for (const char *p = text; *p; p++) {
		if (p[0] == '-' && p[1] == '-' && (p == text || p[-1] == '\n')) {
			while (*p && *p != '\n')
				p++;
			continue;
		}
		if (*p == '\'' || *p == '`') {
			char quote = *p++;
			for (; *p && *p != quote; p++)
				if (*p == '\\' && p[1])
					p++;
			assert_true(*p == quote);
			continue;
		}
		depth += (*p == '(') + (*p == '[');
		depth -= (*p == ')') + (*p == ']');
		assert_true(depth >= 0);
		assert_true(*p != '{' && *p != '}');
	}
	assert_int_equal(depth, 0);
}

// What an analysis cannot do without.
static uint32_t words_of(const struct analysis *a, struct query_param *params)
{
	static const struct {
		const char *analysis, *name, *value;
	} words[] = {
		{"interval", "start", "channel = web"},
		{"interval", "end", "channel != web"},
		{"funnel", "step", "channel = web"},
		{"funnel", "step", "csat <= 2"},
		{"effect", "after", "channel = web"},
		{"effect", "then", "csat <= 2"},
		{"attribution", "conversion", "channel = web"},
		{"attribution", "model", "linear"},
	};
	uint32_t n = 0;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].analysis, a->name) == 0)
			params[n++] = (struct query_param){sv_from(words[i].name), sv_from(words[i].value)};
	return n;
}

static void every_template_renders(void **state)
{
	(void)state;
	static const char *const groups[] = {
		NULL, "channel", "month", "hour", "day", "week", "quarter", "year", "stage"};
	uint32_t n_rendered = 0;
	for (const struct analysis *const *a = analysis_list(); *a; a++) {
		if (!(*a)->clickhouse)
			continue;
		struct query_param params[16];
		struct query q = {.analysis = sv_from((*a)->name), .params = params};
		q.n_params = words_of(*a, params);
		for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
			q.n_by = groups[i] ? 1 : 0;
			q.by[0] = groups[i] ? sv_from(groups[i]) : SV_NONE;
			enum rc rc = render(&q);
			bool by_time = groups[i] && strcmp(groups[i], "channel") != 0 &&
				       strcmp(groups[i], "stage") != 0;
			assert_true(rc == RC_OK || (rc == RC_USAGE && by_time)); // some are by time already
			assert_whole(sql);
			n_rendered += rc == RC_OK;
		}
		// Each choice, and each flag, once.
		for (uint32_t p = 0; p < (*a)->n_params; p++) {
			const struct param *param = &(*a)->params[p];
			struct sv rest = param->type == PARAM_CHOICE ? sv_from(param->choices)
					 : param->type == PARAM_FLAG ? SV("true")
								     : SV_NONE;
			while (rest.ptr) {
				q.n_params = words_of(*a, params);
				params[q.n_params++] =
					(struct query_param){sv_from(param->name), sv_cut(rest, '|', &rest)};
				enum rc rc = render(&q);
				assert_true(rc == RC_OK || rc == RC_USAGE); // a choice may need another
				assert_whole(sql);
			}
		}
	}
	assert_true(n_rendered >= 14 * 3);
}

static void filters_become_conditions(void **state)
{
	(void)state;
	assert_int_equal(render_where("channel = web"), RC_OK);
	assert_non_null(strstr(sql, "WHERE (`channel` IN ('web'))"));
	assert_int_equal(render_where("channel != web"), RC_OK);
	assert_non_null(strstr(sql, "WHERE (`channel` NOT IN ('web'))"));
	assert_int_equal(render_where("channel = (none)"), RC_OK);
	assert_non_null(strstr(sql, "WHERE (`channel` = '')"));
	assert_int_equal(render_where("csat >= 4"), RC_OK);
	assert_non_null(strstr(sql, "ifNull(`csat` >= 4., 0)"));
	assert_int_equal(render_where("not csat exists"), RC_OK);
	assert_non_null(strstr(sql, "(NOT (ifNull(`csat` IS NOT NULL, 0)))"));
	assert_int_equal(render_where("sentiment > 0 or channel = web"), RC_OK); // never stored
	assert_non_null(strstr(sql, "((0) OR (`channel` IN ('web')))"));
	assert_int_equal(
		render_where("at = 2026-03"), RC_OK); // New York: both ends at midnight, winter and summer
	assert_non_null(strstr(sql, "at >= 1772341200000 AND at < 1775016000000"));
	assert_int_equal(render_where("channel = nowhere"), RC_USAGE);
}

static void groups_and_periods(void **state)
{
	(void)state;
	struct query q = {.analysis = SV("volume"),
		.by = {SV("product"), SV("month")},
		.n_by = 2,
		.from = SV("2026-03-08"),
		.to = SV("2026-03-08")};
	assert_int_equal(render(&q), RC_OK);
	assert_non_null(strstr(
		sql, "`product` AS _k1, toYYYYMM(fromUnixTimestamp64Milli(at, 'America/New_York')) AS _k2"));
	assert_non_null(strstr(sql, "GROUP BY _k1, _k2"));
	// A day of 23 hours.
	assert_non_null(strstr(sql, "at >= 1772946000000 AND at < 1773028800000"));
}

// What SQL cannot say is refused by its parameter's name, never left out.
static void what_has_no_sql_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *analysis, *first, *value;
		const char *name, *word;
		enum rc rc;
	} cases[] = {
		{"attribution", "conversion", "channel = web", "model", "markov", RC_USAGE},
		{"attribution", "conversion", "channel = web", "model", "all", RC_USAGE},
		{"attribution", "conversion", "channel = web", "model", "linear", RC_OK},
		{"funnel", "step", "channel = web", "order", "any", RC_USAGE},
		{"funnel", "step", "channel = web", "ties", "later", RC_USAGE},
		{"funnel", "step", "channel = web", "count", "attempts", RC_USAGE},
		{"funnel", "step", "channel = web", "exclude", "channel = phone", RC_USAGE},
		{"funnel", "step", "channel = web", "repeats", "end", RC_USAGE},
		{"funnel", "step", "channel = web", "without", "channel = phone", RC_OK},
		{"conformance", "unmatched", "count", "show", "scores", RC_USAGE},
		{"conformance", "unmatched", "count", "persons", "any", RC_USAGE},
		{"funnel", "step", "channel = web", "count", "entries", RC_OK},
		{"funnel", "step", "channel = web", "persons", "reached:1", RC_USAGE},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct query_param params[] = {{sv_from(cases[i].first), sv_from(cases[i].value)},
			{sv_from(cases[i].name), sv_from(cases[i].word)}};
		struct query q = {.analysis = sv_from(cases[i].analysis), .params = params, .n_params = 2};
		struct err e = ERR_NONE;
		struct buf out = buf_new(1u << 20);
		assert_int_equal(query_clickhouse_sql(fixture->snapshot, &q, &out, &e), cases[i].rc);
		if (cases[i].rc != RC_OK) {
			assert_non_null(strstr(e.message, cases[i].name));
			assert_non_null(strstr(e.remedy, "--sql"));
		}
		buf_free(&out);
	}
}

// A corridor file and a log whose every name tries to end its literal.
static const char hostile_corridor[] =
	"corridor: 1\nbrand: B\ntimezone: UTC\ncurrency: EUR\nstages: [\"s'); DROP TABLE interactions; --\"]\n"
	"channels: {\"`web\\\\'\": digital}\nmeasures: {\"m` FROM x; --\": {unit: \"u'\"}, arrival: {unit: "
	"u}}\n"
	"dimensions: [\"_k1\", \"d`')\"]\n"
	"touchpoints:\n  \"t\\\\'); --\":\n    stage: \"s'); DROP TABLE interactions; --\"\n    channels: "
	"[\"`web\\\\'\"]\n"
	"    match: [{event: E}]\n    expect: {\"x'{rows}\": {measure: \"m` FROM x; --\", at least: 1, scale: "
	"1}}\n";

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status;
	(void)type;
	(void)where;
	return remove(path);
}

static void hostile_names_stay_in_their_quotes(void **state)
{
	(void)state;
	struct err e = ERR_NONE;
	struct store *store = NULL;
	struct snapshot *sn = NULL;
	char dir[] = "/tmp/corridor-clickhouse-XXXXXX", data[64];
	assert_non_null(mkdtemp(dir));
	snprintf(data, sizeof(data), "%s/data", dir);
	assert_int_equal(store_create(data, sv_from(hostile_corridor), "hostile", SV("test"), &e), RC_OK);
	assert_int_equal(store_open(data, &(struct store_options){0}, &store, &e), RC_OK);
	struct batch *batch = batch_new(store_design(store));
	struct interaction x = {.source = SV("'\\"),
		.event = SV("E"),
		.agent = SV("\n'; --\\"),
		.identities = {{SV("user"), SV("u'")}},
		.n_identities = 1,
		.at_ms = 1,
		.received_ms = 1,
		.due_ms = TIME_NONE};
	design_resolve(store_design(store), &x);
	assert_int_equal(batch_add(batch, &x, &e), RC_OK);
	struct append_result result;
	assert_int_equal(store_append(store, &batch, 1, &result, NULL, NULL, &e), RC_OK);
	batch_free(&batch);
	assert_int_equal(snapshot_open(store, &sn, &e), RC_OK);
	struct snapshot *before = fixture->snapshot;
	fixture->snapshot = sn;
	struct sv where[] = {SV("agent = \"\n'; --\\\""), SV("source = \"'\\\""), SV("arrival missing")};
	struct query q = {.where = where, .n_where = 3, .by = {SV("_k1"), SV("d`')"), SV("stage")}, .n_by = 3};
	uint32_t n_rendered = 0;
	for (const struct analysis *const *a = analysis_list(); *a; a++) {
		struct query_param pair = {SV("pair"), SV("promise")};
		q.analysis = sv_from((*a)->name);
		q.params = &pair;
		q.n_params = sv_equal(q.analysis, SV("interval"));
		if (!(*a)->clickhouse || render(&q) == RC_USAGE)
			continue; // needs parameters
		assert_whole(sql);
		assert_non_null(strstr(sql, "'\\x0A\\'; --\\\\'"));
		assert_non_null(strstr(sql, "`dimension__k1` AS _k"));
		assert_non_null(strstr(sql, "`d\\`')`"));
		n_rendered++;
	}
	assert_true(n_rendered >= 6);
	struct buf schema = buf_new(65536);
	clickhouse_schema_write(store_design(store), &schema);
	buf_char(&schema, '\0');
	assert_whole((const char *)schema.data);
	assert_non_null(strstr((const char *)schema.data, "`measure_arrival` Nullable(Float64)"));
	assert_non_null(strstr((const char *)schema.data, "`m\\` FROM x; --` Nullable(Float64)"));
	buf_free(&schema);
	fixture->snapshot = before;
	snapshot_close(&sn);
	store_close(&store);
	assert_int_equal(nftw(dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}

// The file is read back by hand: header, number of rows, sum of times.
static void export_holds_every_row(void **state)
{
	(void)state;
	struct err e = ERR_NONE;
	char path[128];
	uint64_t n = 0;
	snprintf(path, sizeof(path), "%s/rows", fixture->dir);
	assert_int_equal(clickhouse_export(fixture->snapshot, io_system(), path, NULL, &n, &e), RC_OK);
	assert_int_equal(n, fixture->n);
	assert_int_equal(clickhouse_export(fixture->snapshot, io_system(), path, NULL, &n, &e), RC_EXISTS);
	char *bytes = NULL;
	size_t len = 0;
	e = ERR_NONE;
	assert_int_equal(io_read_file(io_system(), path, 1 << 26, &bytes, &len, &e), RC_OK);
	struct rd r = rd_new((struct sv){bytes, len});
	uint64_t n_columns = rd_varint(&r), rows = 0;
	int64_t sum = 0;
	struct sv types[128];
	assert_true(n_columns < 128);
	for (uint64_t i = 0; i < n_columns; i++)
		rd_blob(&r);
	for (uint64_t i = 0; i < n_columns; i++)
		types[i] = rd_blob(&r);
	for (; r.p < r.end && !r.bad; rows++)
		for (uint64_t i = 0; i < n_columns; i++) {
			if (sv_starts(types[i], SV("LowCardinality"))) {
				rd_blob(&r);
			} else if (!sv_starts(types[i], SV("Nullable")) || rd_u8(&r) == 0) {
				uint64_t value = rd_u64(&r);
				if (i == 1)
					sum += (int64_t)value;
				if (i == 2)
					assert_int_equal(value, rows);
			}
		}
	assert_false(r.bad);
	assert_int_equal(rows, fixture->n);
	for (uint32_t i = 0; i < fixture->n; i++)
		sum -= fixture->rows[i].at_ms;
	assert_int_equal(sum, 0);
	mem_free(bytes);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_template_renders),
		cmocka_unit_test(filters_become_conditions),
		cmocka_unit_test(groups_and_periods),
		cmocka_unit_test(what_has_no_sql_is_refused),
		cmocka_unit_test(hostile_names_stay_in_their_quotes),
		cmocka_unit_test(export_holds_every_row),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
