// SPDX-License-Identifier: Apache-2.0
// corridor sql: read-only SQLite over the journey store.
#include "cli/commands.h"
#include "cli/sql_print.h"

static bool interrupted(void *cli)
{
	return cli_interrupted(cli);
}

static enum rc run_statements(const struct cli *cli, struct sql *db, struct sv sql, struct err *e)
{
	static const char *const names[] = {"table", "json", "csv", "markdown"};
	const struct args *args = &cli->args;
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
		rc = sql_prepare(db, sql, &tail, &statement, e);
		if (rc == RC_USAGE)
			err_remedy(e, "corridor sql --tables lists tables and columns");
		if (rc == RC_OK && statement)
			rc = sql_print(cli, db, statement, format, limit, e);
		sqlite3_finalize(statement);
	}
	if (rc == RC_LIMIT)
		err_remedy(e, "give it more time with --timeout SECONDS, or narrow it with WHERE at >= ...");
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
	struct sv text = SV_NONE;
	struct store *store = NULL;
	struct snapshot *snapshot = NULL;
	struct sql *sql = NULL;
	enum rc rc = statement_text(cli, &text, e);
	if (rc == RC_OK)
		rc = cli_snapshot_open(cli, &store, &snapshot, e);
	const struct sql_options o = {.snapshot = snapshot,
		.timeout_ms = args_integer(&cli->args, "timeout") * 1000,
		.cancelled = interrupted,
		.context = cli};
	if (rc == RC_OK)
		rc = sql_open(&o, &sql, e);
	if (rc == RC_OK)
		rc = run_statements(cli, sql, text, e);
	sql_close(&sql);
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
