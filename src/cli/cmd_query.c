// SPDX-License-Identifier: Apache-2.0
// corridor query ANALYSIS: one subcommand for each analysis, made from its declaration.
#include "cli/commands.h"
#include "cli/table.h"
#include "measure/clickhouse.h"
#include "measure/measure.h"

static const struct option common_options[] = {
	{.name = "by",
		.letter = 'b',
		.type = OPTION_TEXT,
		.repeated = true,
		.value = "NAME,...",
		.help = "group by touchpoint, stage, owner, channel, channel-kind, event, source, agent, "
			"location, a dimension of the corridor file, or hour, day, week, month, quarter, "
			"year; up to four, separated by commas"},
	{.name = "from",
		.type = OPTION_TEXT,
		.value = "TIME",
		.help = "from this time on: 2026-03, 2026-03-29 or 2026-03-29T14:00, in the brand's zone"},
	{.name = "to",
		.type = OPTION_TEXT,
		.value = "TIME",
		.help = "to the end of this month, day or instant"},
	{.name = "where",
		.letter = 'w',
		.type = OPTION_TEXT,
		.repeated = true,
		.value = "FILTER",
		.help = "only interactions for which this holds, for example channel=phone,chat or csat<3; all "
			"filters "
			"must hold"},
	{.name = "limit",
		.letter = 'n',
		.type = OPTION_INTEGER,
		.value = "N",
		.fallback = "0",
		.min = 0,
		.max = UINT32_MAX,
		.help = "at most so many rows, the rest summed as other; 0 = all"},
	OPTION_THREADS,
	{.name = "format",
		.letter = 'o',
		.type = OPTION_CHOICE,
		.value = "FORMAT",
		.choices = "table|json|csv|markdown",
		.fallback = "table",
		.help = "form of the answer"},
	{.name = "sql",
		.type = OPTION_FLAG,
		.help = "print the question as SQL for ClickHouse instead of asking it (docs/clickhouse.md)"},
};
#define N_COMMON (sizeof(common_options) / sizeof(common_options[0]))

static uint32_t by_split(const struct args *args, struct sv *by, uint32_t max)
{
	struct sv given[BY_MAX];
	uint32_t n_given = args_list(args, "by", given, BY_MAX), n = 0;
	for (uint32_t i = 0; i < n_given; i++)
		for (struct sv rest = given[i]; rest.ptr && n < max;)
			by[n++] = sv_trim(sv_cut(rest, ',', &rest));
	return n;
}

#define PARAM_VALUES_MAX 64u // of one repeated parameter

static enum rc params_make(const struct args *args, const struct analysis *analysis, struct query_param *out,
	uint32_t *n, struct err *e)
{
	for (uint32_t i = 0; i < analysis->n_params; i++) {
		const struct param *p = &analysis->params[i];
		struct sv values[PARAM_VALUES_MAX + 1];
		if (!args_given(args, p->name))
			continue;
		uint32_t n_values = 1;
		values[0] = p->type == PARAM_FLAG ? SV("true") : sv_from(args_text(args, p->name));
		if (p->repeated)
			n_values = args_list(args, p->name, values, PARAM_VALUES_MAX + 1);
		if (n_values > PARAM_VALUES_MAX)
			return err_set(
				e, RC_USAGE, "--%s is given more than %u times", p->name, PARAM_VALUES_MAX);
		for (uint32_t k = 0; k < n_values; k++)
			out[(*n)++] = (struct query_param){sv_from(p->name), values[k]};
	}
	return RC_OK;
}

static enum rc write_result(const struct cli *cli, const struct result *r, struct err *e)
{
	struct buf out = buf_new(1u << 30);
	const char *format = args_text(&cli->args, "format");
	enum rc rc;
	if (strcmp(format, "json") == 0)
		rc = result_write_json(r, &out, e);
	else if (strcmp(format, "csv") == 0)
		rc = result_write_csv(r, &out, e);
	else if (strcmp(format, "markdown") == 0)
		rc = result_write_markdown(r, &out, e);
	else
		rc = result_put(r, &cli->look, &out, e);
	if (out.len && out.data[out.len - 1] != '\n')
		buf_char(&out, '\n');
	if (rc == RC_OK)
		rc = cli_write_buf(cli, &out, e);
	buf_free(&out);
	return rc;
}

static enum rc write_sql(const struct cli *cli, struct snapshot *sn, const struct query *q, struct err *e)
{
	struct buf out = buf_new(1u << 26);
	enum rc rc = query_clickhouse_sql(sn, q, &out, e);
	if (rc == RC_OK)
		rc = cli_write_buf(cli, &out, e);
	buf_free(&out);
	return rc;
}

static enum rc run_analysis(struct cli *cli, struct err *e)
{
	const struct args *args = &cli->args;
	const struct analysis *analysis = args->command->subject;
	struct sv where[WHERE_MAX];
	struct query q = {.analysis = sv_from(analysis->name), .where = where};
	struct query_param *params =
		arena_array(cli->arena, (size_t)analysis->n_params * PARAM_VALUES_MAX + 1, sizeof(*params));
	if (!params)
		return err_set(e, RC_NOMEM, "out of memory for the question");
	struct sv by[BY_MAX + 1];
	q.n_by = by_split(args, by, BY_MAX + 1);
	if (q.n_by > BY_MAX) {
		err_set(e, RC_USAGE, "--by takes at most %d names", BY_MAX);
		err_remedy(e, "leave names out, or turn one into a filter with --where");
		return RC_USAGE;
	}
	memcpy(q.by, by, q.n_by * sizeof(by[0]));
	q.n_where = args_list(args, "where", where, WHERE_MAX);
	q.params = params;
	q.from = args_sv(args, "from");
	q.to = args_sv(args, "to");
	q.limit = (uint32_t)args_integer(args, "limit");
	q.threads = (unsigned)args_integer(args, "threads");

	struct store *store = NULL;
	struct snapshot *snapshot = NULL;
	struct result *result = NULL;
	enum rc rc = params_make(args, analysis, params, &q.n_params, e);
	if (rc == RC_OK)
		rc = cli_snapshot_open(cli, &store, &snapshot, e);
	bool sql = args_flag(args, "sql");
	if (rc == RC_OK)
		rc = sql ? write_sql(cli, snapshot, &q, e) : query_run(snapshot, &q, &result, e);
	if (rc == RC_OK && !sql)
		rc = write_result(cli, result, e);
	result_free(&result);
	cli_snapshot_close(&store, &snapshot);
	return rc;
}

static enum rc run_list(struct cli *cli, struct err *e)
{
	if (!args_flag(&cli->args, "list")) {
		err_set(e, RC_USAGE, "query needs the name of an analysis");
		err_remedy(e, "corridor query --list shows them");
		return RC_USAGE;
	}
	struct buf out = buf_new(1u << 20);
	for (const struct analysis *const *a = analysis_list(); *a; a++)
		buf_printf(&out, "%-12s %s\n", (*a)->name, (*a)->summary);
	enum rc rc = cli_write_buf(cli, &out, e);
	buf_free(&out);
	return rc;
}

static const char *const type_names[] = {[CELL_TEXT] = "text",
	[CELL_COUNT] = "count",
	[CELL_NUMBER] = "number",
	[CELL_RATIO] = "ratio",
	[CELL_TIME] = "time",
	[CELL_SECONDS] = "seconds"};

static void help_columns(struct cli *cli, const struct command *self, struct buf *out)
{
	const struct analysis *a = self->subject;
	unsigned width = cli->look.width && cli->look.width < 100 ? cli->look.width : 100;
	buf_char(out, '\n');
	ink_put(out, &cli->look, INK_BOLD, SV("Columns of the answer, after those of --by"));
	buf_char(out, '\n');
	for (uint32_t i = 0; i < a->n_columns; i++) {
		const struct result_column *c = &a->columns[i];
		buf_str(out, "  ");
		ink_put(out, &cli->look, INK_GOOD, sv_from(c->name));
		buf_printf(out, " (%s%s%s)\n", type_names[c->type], c->unit && c->unit[0] ? ", " : "",
			c->unit ? c->unit : "");
		text_wrap(out, sv_from(c->help), 6, width);
	}
	buf_char(out, '\n');
	ink_put(out, &cli->look, INK_BOLD, SV("Definition"));
	buf_char(out, '\n');
	text_wrap(out, sv_from(a->definition), 2, width);
}

// A flag of the command line for a declared parameter. Numbers are checked by the analysis itself.
static struct option option_of(const struct param *p)
{
	static const char *const placeholders[] = {[PARAM_STRING] = "TEXT",
		[PARAM_NUMBER] = "NUMBER",
		[PARAM_INTEGER] = "N",
		[PARAM_FLAG] = NULL,
		[PARAM_CHOICE] = "CHOICE",
		[PARAM_DURATION] = "DURATION",
		[PARAM_TIME] = "TIME",
		[PARAM_FILTER] = "FILTER"};
	struct option o = {.name = p->name,
		.type = OPTION_TEXT,
		.value = placeholders[p->type],
		.fallback = p->value,
		.required = p->required,
		.repeated = p->repeated,
		.help = p->help};
	if (p->type == PARAM_FLAG)
		o.type = OPTION_FLAG;
	if (p->type == PARAM_CHOICE) {
		o.type = OPTION_CHOICE;
		o.choices = p->choices;
	}
	return o;
}

static bool command_make(struct arena *arena, const struct analysis *a, struct command *out)
{
	struct option *options = arena_array(arena, a->n_params + N_COMMON, sizeof(*options));
	if (!options)
		return false;
	uint32_t n = 0;
	for (uint32_t i = 0; i < a->n_params; i++)
		options[n++] = option_of(&a->params[i]);
	for (uint32_t i = 0; i < N_COMMON; i++)
		options[n++] = common_options[i];
	const char *blank = a->example ? " " : "", *needed = a->example ? a->example : "";
	struct sv example = arena_printf(arena,
		"corridor query %s --data tidewater%s%s --by touchpoint,month --from 2026-01 --to 2026-06\n"
		"corridor query %s --data tidewater%s%s --where channel=phone --format json",
		a->name, blank, needed, a->name, blank, needed);
	*out = (struct command){.name = a->name,
		.summary = a->summary,
		.group = "Analyses",
		.options = options,
		.n_options = n,
		.examples = example.ptr,
		.help_more = help_columns,
		.run = run_analysis,
		.subject = a};
	return true;
}

static const struct command *const *analyses_make(struct arena *arena)
{
	uint32_t n = 0;
	const struct analysis *const *list = analysis_list();
	while (list[n])
		n++;
	struct command *commands = arena_array(arena, n + 1, sizeof(*commands));
	const struct command **out = arena_array(arena, n + 1, sizeof(*out));
	if (!commands || !out)
		return NULL;
	for (uint32_t i = 0; i < n; i++) {
		if (!command_make(arena, list[i], &commands[i]))
			return NULL;
		out[i] = &commands[i];
	}
	return out;
}

static const struct option query_options[] = {
	{.name = "list", .letter = 'l', .type = OPTION_FLAG, .help = "list the analyses"},
};

const struct command command_query = {
	.name = "query",
	.group = "Answers",
	.summary = "ask one question of the journeys: gaps, scores, promises, volume, intervals",
	.about = "Runs an analysis over all journeys and prints its table, with n, intervals, period and "
		 "definition. "
		 "corridor query ANALYSIS --help tells its parameters, columns and formula.",
	.subcommands_make = analyses_make,
	.child = "analysis",
	.options = query_options,
	.n_options = 1,
	.examples = "corridor query --list\n"
		    "corridor query gap --data tidewater --by touchpoint\n"
		    "corridor query promises --data tidewater --by channel --format csv",
	.run = run_list,
};
