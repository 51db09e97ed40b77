// SPDX-License-Identifier: Apache-2.0
// corridor import: files through a mapping into the store, and what became of every row.
#include "cli/commands.h"
#include "cli/import_report.h"

#include "base/json.h"

// One line for each commit: what the line says is durable.
static void acknowledge(void *context, const struct import_report *so_far)
{
	struct cli *cli = context;
	struct buf line = buf_new(4096);
	struct json j = json_new(&line);
	struct err e = ERR_NONE;
	json_object(&j);
	json_key_u64(&j, "acknowledged_rows", so_far->n_rows);
	json_key_u64(&j, "interactions", so_far->n_interactions);
	json_key_text(&j, "file", so_far->file);
	json_object_end(&j);
	buf_char(&line, '\n');
	cli_write_buf(cli, &line, &e);
	fflush(cli->env->out);
	buf_free(&line);
}

// The command as a whole takes longer than reading: opening, sealing and closing count with the last file.
static void count_whole_time(struct import_report *reports, uint32_t n, int64_t whole_ms)
{
	struct import_report *last = NULL;
	for (uint32_t i = 0; i < n; i++) {
		whole_ms -= reports[i].elapsed_ms;
		if (reports[i].was_read)
			last = &reports[i];
	}
	if (last && whole_ms > 0)
		last->elapsed_ms += whole_ms;
}

static enum rc import(
	struct cli *cli, const struct import_options *o, struct import_report *reports, struct err *e)
{
	struct store *store = NULL;
	const char *dir;
	struct store_options how = {
		.seal_rows = (uint32_t)args_integer(&cli->args, "seal-rows"), .compact_in_background = true};
	const struct clock *clock = clock_system();
	int64_t started_ns = clock->monotonic_ns(clock);
	enum rc rc = cli_data_dir(cli, &dir, e);
	if (rc == RC_OK)
		rc = store_open(dir, &how, &store, e);
	if (rc == RC_OK)
		rc = import_files(store, o, cli->args.operands, cli->args.n_operands, reports, e);
	store_close(&store);
	count_whole_time(reports, cli->args.n_operands, (clock->monotonic_ns(clock) - started_ns) / 1000000);
	return rc;
}

// Adds to the error which of the files behind the one that it is about were not read for it.
static void name_unread(const struct import_report *reports, uint32_t n, struct err *e)
{
	enum { NAMES_MAX = 3 };
	char names[300] = "";
	uint32_t i = 0, n_unread = 0;
	size_t len = 0;
	while (i < n && reports[i].is_whole)
		i++;
	for (i++; i < n; i++) {
		if (reports[i].was_read)
			continue;
		if (++n_unread <= NAMES_MAX && len < sizeof(names))
			len += (size_t)snprintf(
				names + len, sizeof(names) - len, "%s%s", len ? ", " : "", reports[i].file);
	}
	if (n_unread == 0)
		return;
	const struct err was = *e;
	char more[40] = "";
	if (n_unread > NAMES_MAX)
		snprintf(more, sizeof(more), " and %u more", n_unread - NAMES_MAX);
	e->remedy[0] = '\0';
	err_remedy(e, "%s%snot read either: %s%s", was.remedy, was.remedy[0] ? "; " : "", names, more);
}

// An XES log says by itself what is what; all else needs a mapping.
static enum rc mapping_of(struct cli *cli, struct import_options *o, struct err *e)
{
	static const struct sv endings[] = {{".xes", 4}, {".xes.gz", 7}, {".xes.zst", 8}};
	if (o->map_name)
		return cli_read_file(cli, o->map_name, &o->map_text, e);
	for (uint32_t i = 0; i < cli->args.n_operands; i++) {
		struct sv name = sv_from(cli->args.operands[i]);
		bool xes = false;
		for (size_t k = 0; k < sizeof(endings) / sizeof(endings[0]); k++)
			xes |= sv_ends(name, endings[k]);
		if (xes)
			continue;
		err_set(e, RC_USAGE, "import needs --map MAP: %.*s is no .xes file", SV_ARG(name));
		err_remedy(e, "the mapping file: how a row becomes interactions; XES logs do without");
		return RC_USAGE;
	}
	o->map_name = "the defaults for XES";
	o->map_text = SV("mapping: 1\nsource: xes\nformat: xes\n");
	return RC_OK;
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
		.cancel = cli->env->interrupted,
		.acknowledged = args_flag(args, "acknowledge") ? acknowledge : NULL,
		.acknowledged_context = cli,
	};
	if (!reports)
		return err_set(e, RC_NOMEM, "out of memory for the reports");
	enum rc rc = mapping_of(cli, &o, e);
	if (rc != RC_OK)
		return rc;
	rc = import(cli, &o, reports, e);
	if (rc == RC_IO && reports[0].was_read)
		err_remedy(e, "what the report counts is stored; put it right and run the same import again");
	if (rc != RC_OK && reports[0].file[0])
		name_unread(reports, args->n_operands, e);
	// What was acknowledged before a failure is told all the same.
	struct buf out = buf_new(16u << 20);
	bool any = rc == RC_OK || (rc == RC_IO && reports[0].was_read);
	for (uint32_t i = 0; i < args->n_operands; i++)
		any |= reports[i].n_rows > 0;
	if (any && args_is(args, "format", "json"))
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
		.help = "the mapping file: how a row becomes interactions; XES logs do without"},
	{.name = "dry-run", .letter = 'n', .type = OPTION_FLAG, .help = "map and report only, store nothing"},
	{.name = "max-quarantined",
		.type = OPTION_INTEGER,
		.value = "N",
		.fallback = "0",
		.min = 0,
		.max = INT64_MAX,
		.help = "stop after so many rows that cannot be understood; 0 = never"},
	OPTION_THREADS,
	{.name = "acknowledge",
		.type = OPTION_FLAG,
		.help = "print a JSON line after every commit: so many rows of the file are durable"},
	{.name = "seal-rows",
		.type = OPTION_INTEGER,
		.value = "N",
		.fallback = "0",
		.min = 0,
		.max = 16777216,
		.help = "interactions that wait in the inbox before they become a segment; 0 = 1,048,576"},
	OPTION_REPORT_FORMAT,
};

const struct command command_import = {
	.name = "import",
	.group = "Data",
	.summary = "take in CSV, NDJSON or XES files through a mapping",
	.about =
		"Reads CSV, NDJSON or XES files, plain, gzip or zstd (\"-\" is standard input), and stores the "
		"interactions that the mapping makes of their rows. A packed file is checked whole before its "
		"first row is taken, but not standard input. Rows that cannot be understood go to the "
		"quarantine with their reason. The same row twice is one interaction, so an interrupted "
		"import is "
		"simply run again. The report accounts for every row.",
	.operands = "FILE...",
	.operand_type = OPTION_FILE,
	.min_operands = 1,
	.max_operands = UINT32_MAX,
	.options = options,
	.n_options = sizeof options / sizeof options[0],
	.examples = "corridor import --data tidewater --map calls.map.yaml calls-2026-0*.csv.gz\n"
		    "zcat calls.gz | corridor import --data tidewater --map calls.map.yaml -\n"
		    "corridor import --data tidewater --map calls.map.yaml --dry-run calls.csv\n"
		    "corridor import --data tidewater tickets.xes.gz",
	.run = run,
	.stops_by_itself = true,
};
