// SPDX-License-Identifier: Apache-2.0
// corridor sql: read-only SQLite over the journey store.
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/sql_print.h"
#include "cli/vtab.h"

struct session {
	const struct cli *cli;
	int64_t deadline_ns; // 0 = none
	bool timed_out;
};

// Reading only, and nothing that reaches outside the connection.
static int authorize(
	void *context, int action, const char *a, const char *b, const char *database, const char *inner)
{
	(void)context;
	(void)database;
	(void)inner;
	static const char *const pragmas[] = {"table_info", "table_xinfo", "table_list", "function_list"};
	switch (action) {
	case SQLITE_CREATE_TABLE: // how a virtual table declares its columns; query_only keeps out all others
		return a && strcmp(a, "x") == 0 ? SQLITE_OK : SQLITE_DENY;
	case SQLITE_INSERT:
	case SQLITE_UPDATE:
		return a && strcmp(a, "sqlite_master") == 0 ? SQLITE_OK : SQLITE_DENY;
	case SQLITE_SELECT:
	case SQLITE_READ:
	case SQLITE_RECURSIVE:
		return SQLITE_OK;
	case SQLITE_FUNCTION:
		return b && sqlite3_stricmp(b, "load_extension") == 0 ? SQLITE_DENY : SQLITE_OK;
	case SQLITE_PRAGMA:
		for (unsigned i = 0; i < sizeof(pragmas) / sizeof(pragmas[0]); i++)
			if (a && sqlite3_stricmp(a, pragmas[i]) == 0)
				return SQLITE_OK;
		return SQLITE_DENY;
	default:
		return SQLITE_DENY;
	}
}

static int tick(void *context)
{
	struct session *s = context;
	if (cli_interrupted(s->cli))
		return 1;
	const struct clock *clock = clock_system();
	if (s->deadline_ns && clock->monotonic_ns(clock) > s->deadline_ns)
		s->timed_out = true;
	return s->timed_out;
}

static enum rc connect(struct session *s, struct vtab_source *source, sqlite3 **db, struct err *e)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX;
	if (sqlite3_open_v2(":memory:", db, flags, NULL) != SQLITE_OK)
		return err_set(e, RC_DB, "cannot open SQLite: %s", *db ? sqlite3_errmsg(*db) : "out of memory");
	sqlite3_limit(*db, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_limit(*db, SQLITE_LIMIT_LENGTH, 256 << 20);
	enum rc rc = vtab_register(*db, source, e);
	// Sorting may need more than memory holds.
	if (rc == RC_OK &&
		sqlite3_exec(*db, "PRAGMA temp_store = FILE; PRAGMA query_only = ON", NULL, NULL, NULL))
		rc = err_set(e, RC_DB, "cannot make the connection read-only: %s", sqlite3_errmsg(*db));
	sqlite3_set_authorizer(*db, authorize, NULL);
	sqlite3_progress_handler(*db, 2000, tick, s);
	return rc;
}

static enum rc prepare_error(sqlite3 *db, struct sv sql, struct err *e)
{
	enum rc kind = sqlite3_errcode(db) == SQLITE_NOMEM ? RC_NOMEM : RC_USAGE;
	int offset = sqlite3_error_offset(db);
	err_set(e, kind, "%s", sqlite3_errmsg(db));
	if (sqlite3_errcode(db) == SQLITE_AUTH) {
		err_remedy(e, "corridor sql only reads: SELECT, WITH, VALUES, EXPLAIN");
	} else if (offset >= 0 && (size_t)offset <= sql.len) {
		uint32_t line = 1, column = 1;
		for (int i = 0; i < offset; i++) {
			column = sql.ptr[i] == '\n' ? 1 : column + 1;
			line += sql.ptr[i] == '\n';
		}
		err_place(e, "sql", line, column);
	}
	err_remedy(e, "corridor sql --tables lists tables and columns");
	return kind;
}

static enum rc run_statements(struct session *s, sqlite3 *db, struct sv sql, struct err *e)
{
	static const char *const names[] = {"table", "json", "csv", "markdown"};
	const struct args *args = &s->cli->args;
	const char *wanted = args_text(args, "format"), *tail = sql.ptr;
	enum sql_format format = SQL_TABLE;
	for (int i = 0; i < 4; i++)
		if (strcmp(names[i], wanted) == 0)
			format = (enum sql_format)i;
	uint64_t limit = (uint64_t)args_integer(args, "limit");
	if (!args_given(args, "limit") && format != SQL_TABLE)
		limit = 0;
	enum rc rc = RC_OK;
	while (rc == RC_OK && *tail) {
		sqlite3_stmt *statement = NULL;
		if (sqlite3_prepare_v2(db, tail, -1, &statement, &tail) != SQLITE_OK)
			rc = prepare_error(db, sql, e);
		else if (statement)
			rc = sql_print(s->cli, statement, format, limit, e);
		sqlite3_finalize(statement);
	}
	if (rc == RC_CANCELLED && s->timed_out) {
		*e = ERR_NONE;
		rc = err_set(e, RC_LIMIT, "the statement took longer than %lld s",
			(long long)args_integer(args, "timeout"));
		err_remedy(e, "give it more time with --timeout SECONDS, or narrow it with WHERE at >= ...");
	}
	return rc;
}

static const char tables_sql[] =
	"SELECT 'interactions' AS \"table\", name AS \"column\", type FROM pragma_table_info('interactions') "
	"UNION ALL SELECT 'promises', name, type FROM pragma_table_info('promises') "
	"UNION ALL SELECT 'people', name, type FROM pragma_table_info('people')";

static enum rc statement_text(struct cli *cli, struct sv *out, struct err *e)
{
	if (args_flag(&cli->args, "tables"))
		*out = sv_from(tables_sql);
	else if (cli->args.n_operands && strcmp(cli->args.operands[0], "-") != 0)
		*out = sv_from(cli->args.operands[0]);
	else
		return cli_read_file(cli, "-", out, e);
	return RC_OK;
}

static enum rc run(struct cli *cli, struct err *e)
{
	struct session s = {.cli = cli};
	const struct clock *clock = clock_system();
	int64_t timeout = args_integer(&cli->args, "timeout");
	if (timeout)
		s.deadline_ns = clock->monotonic_ns(clock) + timeout * INT64_C(1000000000);
	struct sv sql = SV_NONE;
	struct store *store = NULL;
	struct snapshot *snapshot = NULL;
	sqlite3 *db = NULL;
	struct vtab_source source = {.snapshot = NULL};
	enum rc rc = statement_text(cli, &sql, e);
	if (rc == RC_OK)
		rc = cli_snapshot_open(cli, &store, &snapshot, e);
	source.snapshot = snapshot;
	if (rc == RC_OK) {
		struct snapshot_stats stats;
		snapshot_stats(snapshot, &stats);
		source.now_ms = stats.last_ms; // as the analysis of promises has it
	}
	if (rc == RC_OK)
		rc = connect(&s, &source, &db, e);
	if (rc == RC_OK)
		rc = run_statements(&s, db, sql, e);
	if (rc != RC_OK && rc != RC_LIMIT && source.failed.rc != RC_OK) {
		*e = source.failed;
		rc = e->rc;
	}
	sqlite3_close(db);
	cli_snapshot_close(&store, &snapshot);
	return rc;
}

static const struct option options[] = {
	{.name = "format",
		.letter = 'o',
		.type = OPTION_CHOICE,
		.value = "FORMAT",
		.choices = "table|json|csv|markdown",
		.fallback = "table",
		.help = "form of the answer"},
	{.name = "limit",
		.letter = 'n',
		.type = OPTION_INTEGER,
		.value = "N",
		.fallback = "1000",
		.min = 0,
		.max = INT64_MAX,
		.help = "print at most so many rows and say so; 0 = all; only tables have a limit unless it is "
			"given"},
	{.name = "timeout",
		.letter = 't',
		.type = OPTION_INTEGER,
		.value = "SECONDS",
		.fallback = "0",
		.min = 0,
		.max = 1000000,
		.help = "stop after so many seconds; 0 = never"},
	{.name = "tables", .type = OPTION_FLAG, .help = "list the tables and their columns"},
};

const struct command command_sql = {
	.name = "sql",
	.group = "Answers",
	.summary = "ask in SQL: SQLite over interactions, promises and people",
	.about = "Runs SQL statements, from the argument or from standard input, on a read-only snapshot. "
		 "Tables: "
		 "interactions, promises, people. Times are UTC texts (2026-03-29T01:59:59.123Z) that compare "
		 "and "
		 "work with SQLite's date functions; a promise is overdue as of the newest interaction; local "
		 "is the brand's wall clock. Conditions on at, at_ms, "
		 "person, names, dimensions and measures, and the choice of columns, are pushed down into the "
		 "scan; "
		 "id, promise, keeps, text and properties are read only for rows that show them.",
	.operands = "SQL",
	.max_operands = 1,
	.options = options,
	.n_options = 4,
	.examples = "corridor sql --data tidewater \"SELECT channel, count(*), avg(csat) FROM interactions\n"
		    "    WHERE at >= '2026-03' AND touchpoint = 'support-call' GROUP BY channel\"\n"
		    "corridor sql --data tidewater --format csv < monthly.sql > monthly.csv\n"
		    "corridor sql --data tidewater --tables",
	.run = run,
	.stops_by_itself = true,
};
