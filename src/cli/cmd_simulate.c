// SPDX-License-Identifier: Apache-2.0
// corridor simulate: a year of Tidewater Telecom with planted truths, into a new data directory.
#include "cli/commands.h"
#include "cli/look.h"
#include "simulate/simulate.h"

static enum rc truths_save(struct cli *cli, const struct store *store, const struct simulate_options *o,
	const struct simulate_report *report, struct err *e)
{
	struct buf text = buf_new(1u << 20);
	struct sv path = arena_printf(cli->arena, "%s/truths.json", store_dir(store));
	enum rc rc = path.ptr ? simulate_truths_write(store_design(store), o, report, &text, e)
			      : err_set(e, RC_NOMEM, "out of memory");
	if (rc == RC_OK)
		rc = io_write_file(io_system(), path.ptr, buf_view(&text), e);
	buf_free(&text);
	return rc;
}

static enum rc run(struct cli *cli, struct err *e)
{
	const struct args *args = &cli->args;
	struct simulate_options o = {
		.n_persons = (uint64_t)args_integer(args, "persons"),
		.seed = (uint64_t)args_integer(args, "seed"),
		.start = sv_from(args_text(args, "start")),
		.threads = (unsigned)args_integer(args, "threads"),
		.quiet = cli->quiet,
	};
	if (args_given(args, "interactions"))
		o.n_persons = simulate_persons_for((uint64_t)args_integer(args, "interactions"));
	struct store *store = NULL;
	struct simulate_report report;
	const char *dir;
	enum rc rc = cli_data_dir(cli, &dir, e);
	if (rc == RC_OK)
		rc = store_create(
			dir, design_template(), "the built-in corridor file", SV("corridor simulate"), e);
	if (rc == RC_OK)
		rc = store_open(dir, NULL, &store, e); // nothing to merge: each customer is in one segment
	if (rc == RC_OK)
		rc = simulate_run(store, &o, &report, e);
	if (rc == RC_OK)
		rc = truths_save(cli, store, &o, &report, e);
	store_close(&store);
	if (rc != RC_OK || cli->quiet)
		return rc;
	char n[HUMAN_TEXT_MAX], persons[HUMAN_TEXT_MAX];
	struct buf out = buf_new(4096);
	buf_printf(&out, "%s interactions of %s person%s in %.1f s. What was planted: %s/truths.json\n",
		human_number((double)report.counts.n_interactions, 0, n),
		human_number((double)report.n_persons, 0, persons), report.n_persons == 1 ? "" : "s",
		(double)report.elapsed_ms / 1000, dir);
	rc = cli_write_buf(cli, &out, e);
	buf_free(&out);
	return rc;
}

static const struct option options[] = {
	{.name = "persons",
		.letter = 'n',
		.type = OPTION_INTEGER,
		.value = "N",
		.fallback = "20000",
		.min = 1,
		.max = 1000000000,
		.help = "how many customers live through the year"},
	{.name = "interactions",
		.type = OPTION_INTEGER,
		.value = "N",
		.min = 1,
		.max = 40000000000,
		.help = "size by interactions, roughly, instead of persons"},
	{.name = "seed",
		.letter = 's',
		.type = OPTION_INTEGER,
		.value = "N",
		.fallback = "7",
		.min = 0,
		.max = INT64_MAX,
		.help = "the same seed and size give the same year"},
	{.name = "start",
		.type = OPTION_TEXT,
		.value = "DATE",
		.fallback = "2025-10",
		.help = "where the year begins: a month, or a day up to the 28th, on which all its months then "
			"begin"},
	{.name = "threads",
		.type = OPTION_INTEGER,
		.value = "N",
		.fallback = "0",
		.min = 0,
		.max = 64,
		.help = "threads that make lives; 0 = all processors"},
};

const struct command command_simulate = {
	.name = "simulate",
	.group = "Data",
	.summary = "make a data directory with a simulated year, to try things on",
	.about = "Tidewater Telecom over twelve months on all channels and stages, with planted truths: a "
		 "billing "
		 "defect from month 5, a weak dealer, a complaint storm in month 8, a coordinated attack in "
		 "month "
		 "9, and the repair of the billing defect in month 10. What was planted and how often it came "
		 "out is "
		 "written to truths.json beside the data.",
	.options = options,
	.n_options = sizeof options / sizeof options[0],
	.examples = "corridor simulate --data tidewater\n"
		    "corridor simulate --data big --interactions 50000000",
	.run = run,
};
