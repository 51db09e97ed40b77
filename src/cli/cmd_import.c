// SPDX-License-Identifier: Apache-2.0
// corridor import: files through a mapping into the store, and what became of every row.
#include "cli/commands.h"
#include "cli/import_report.h"

static enum rc import(
	struct cli *cli, const struct import_options *o, struct import_report *reports, struct err *e)
{
	struct store *store = NULL;
	enum rc rc = cli_store_open(cli, false, &store, e);
	if (rc == RC_OK)
		rc = import_files(store, o, cli->args.operands, cli->args.n_operands, reports, e);
	store_close(&store);
	return rc;
}

static enum rc run(struct cli *cli, struct err *e)
{
	const struct args *args = &cli->args;
	struct import_report *reports = arena_array(cli->arena, args->n_operands, sizeof(*reports));
	struct import_options o = {
		.map_name = args_text(args, "map"),
		.quiet = cli->quiet,
		.threads = (unsigned)args_integer(args, "threads"),
		.max_quarantined = (uint64_t)args_integer(args, "max-quarantined"),
		.dry_run = args_flag(args, "dry-run"),
	};
	if (!reports)
		return err_set(e, RC_NOMEM, "out of memory for the reports");
	enum rc rc = cli_read_file(cli, o.map_name, &o.map_text, e);
	if (rc != RC_OK)
		return rc;
	rc = import(cli, &o, reports, e);
	// What was acknowledged before a failure is told all the same.
	struct buf out = buf_new(16u << 20);
	bool any = rc == RC_OK;
	for (uint32_t i = 0; i < args->n_operands; i++)
		any |= reports[i].n_rows > 0;
	if (any && strcmp(args_text(args, "format"), "json") == 0)
		import_report_json(reports, args->n_operands, o.dry_run, &out);
	else if (any)
		import_report_text(reports, args->n_operands, o.dry_run, &cli->look, &out);
	enum rc written = cli_write_buf(cli, &out, e);
	buf_free(&out);
	return rc != RC_OK ? rc : written;
}

static const struct option options[] = {
	{.name = "map",
		.letter = 'm',
		.type = OPTION_FILE,
		.value = "MAP",
		.required = true,
		.help = "the mapping file: how a row becomes interactions"},
	{.name = "dry-run", .letter = 'n', .type = OPTION_FLAG, .help = "map and report only, store nothing"},
	{.name = "max-quarantined",
		.type = OPTION_INTEGER,
		.value = "N",
		.fallback = "0",
		.min = 0,
		.max = INT64_MAX,
		.help = "stop after so many rows that cannot be understood; 0 = never"},
	{.name = "threads",
		.letter = 'j',
		.type = OPTION_INTEGER,
		.value = "N",
		.fallback = "0",
		.min = 0,
		.max = 256,
		.help = "threads to use; 0 = all processors"},
	{.name = "format",
		.type = OPTION_CHOICE,
		.value = "FORMAT",
		.choices = "text|json",
		.fallback = "text",
		.help = "form of the report"},
};

const struct command command_import = {
	.name = "import",
	.group = "Data",
	.summary = "take in CSV or NDJSON files through a mapping",
	.about = "Reads CSV or NDJSON files, plain, gzip or zstd (\"-\" is standard input), and stores the "
		 "interactions that the mapping makes of their rows. Rows that cannot be understood go to the "
		 "quarantine with their reason. The same row twice is one interaction, so an interrupted "
		 "import is "
		 "simply run again. The report accounts for every row.",
	.operands = "FILE...",
	.operand_type = OPTION_FILE,
	.min_operands = 1,
	.max_operands = UINT32_MAX,
	.options = options,
	.n_options = 5,
	.examples = "corridor import --data tidewater --map calls.map.yaml calls-2026-0*.csv.gz\n"
		    "zcat calls.gz | corridor import --data tidewater --map calls.map.yaml -\n"
		    "corridor import --data tidewater --map calls.map.yaml --dry-run calls.csv",
	.run = run,
};
