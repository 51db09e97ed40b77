// SPDX-License-Identifier: Apache-2.0
// corridor report: the corridor on one screen, or as one HTML file.
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/report.h"

static enum rc write_html(struct cli *cli, const struct report *r, const char *file, struct err *e)
{
	struct buf out = buf_new(64u << 20);
	const struct clock *clock = clock_system();
	enum rc rc = report_html(r, clock->now_ms(clock), &out, e);
	if (rc == RC_OK && strcmp(file, "-") == 0)
		rc = cli_write_buf(cli, &out, e);
	else if (rc == RC_OK)
		rc = io_write_file(io_system(), file, buf_view(&out), e);
	buf_free(&out);
	return rc;
}

static enum rc write_text(struct cli *cli, const struct report *r, struct err *e)
{
	struct buf out = buf_new(16u << 20);
	report_text(r, &cli->look, &out);
	enum rc rc = cli_write_buf(cli, &out, e);
	buf_free(&out);
	return rc;
}

static enum rc run(struct cli *cli, struct err *e)
{
	const struct args *args = &cli->args;
	const char *html = args_text(args, "html");
	struct sv where[WHERE_MAX];
	struct report_question q = {.from = args_sv(args, "from"),
		.to = args_sv(args, "to"),
		.where = where,
		.threads = (unsigned)args_integer(args, "threads")};
	q.n_where = args_list(args, "where", where, WHERE_MAX);
	struct store *store = NULL;
	struct snapshot *snapshot = NULL;
	struct report *report = NULL;
	enum rc rc = cli_snapshot_open(cli, &store, &snapshot, e);
	if (rc == RC_OK)
		rc = report_make(snapshot, &q, cli->arena, &report, e);
	if (rc == RC_OK)
		rc = html ? write_html(cli, report, html, e) : write_text(cli, report, e);
	cli_snapshot_close(&store, &snapshot);
	return rc;
}

static const struct option options[] = {
	{.name = "html",
		.letter = 'o',
		.type = OPTION_FILE,
		.value = "FILE",
		.help = "write a self-contained HTML page with pictures instead; - is standard output"},
	{.name = "from", .type = OPTION_TEXT, .value = "TIME", .help = "from this month, day or time on"},
	{.name = "to", .type = OPTION_TEXT, .value = "TIME", .help = "to the end of this month, day or time"},
	{.name = "where",
		.letter = 'w',
		.type = OPTION_TEXT,
		.repeated = true,
		.value = "FILTER",
		.help = "only interactions for which this holds, for example channel=phone; all filters must "
			"hold"},
	OPTION_THREADS,
};

const struct command command_report = {
	.name = "report",
	.group = "Answers",
	.summary = "the corridor on one page: every gap, what to repair first, what was repaired",
	.about = "Shows all stages across with the share kept and the worst mark, then, the worst first, each "
		 "touch point "
		 "with its worst expectation: what is demanded, the gap with its interval, the share that was "
		 "kept, the "
		 "trend and the volume; where the terminal is wide enough, the margin, the owner and the mean, "
		 "too. Then "
		 "what to repair first (importance times interactions times shortfall), what was repaired, the "
		 "promises "
		 "and what is wrong with the data.",
	.options = options,
	.n_options = 5,
	.examples = "corridor report --data tidewater\n"
		    "corridor report --data tidewater --html report.html --from 2026-01\n"
		    "corridor report --data tidewater --where agent=dealer-07",
	.run = run,
};
