// SPDX-License-Identifier: Apache-2.0
// corridor verify: checks every checksum and invariant of a data directory.
#include "cli/commands.h"
#include "cli/look.h"
#include "cli/repair_report.h"

static enum rc run(struct cli *cli, struct err *e)
{
	const char *dir;
	struct verify_report report = {0};
	enum rc rc = cli_data_dir(cli, &dir, e);
	if (rc != RC_OK)
		return rc;
	if (args_flag(&cli->args, "repair"))
		return repair_run(cli, dir, e);
	struct progress *progress = progress_new("verify", 0, "bytes", cli->quiet);
	struct err found = ERR_NONE;
	rc = store_verify(dir, &report, progress, &found);
	progress_finish(&progress);
	if (rc != RC_OK && (rc != RC_CORRUPT || report.n_problems == 0))
		return err_take(e, &found);
	struct buf out = buf_new(1u << 20);
	char a[HUMAN_TEXT_MAX], b[HUMAN_TEXT_MAX], c[HUMAN_TEXT_MAX], d[HUMAN_TEXT_MAX];
	for (uint32_t i = 0; i < report.n_problems && i < 16; i++) {
		ink_put(&out, &cli->look, INK_BAD, SV("problem:"));
		buf_printf(&out, " %s\n", report.problems[i]);
	}
	for (uint32_t i = 0; i < report.n_notes && i < sizeof(report.notes) / sizeof(report.notes[0]); i++)
		buf_printf(&out, "note: %s\n", report.notes[i]);
	buf_printf(&out, "%s: %s. %s interactions (%s of them in the inbox), %llu segments, %llu chunks, %s.\n",
		dir, rc == RC_OK ? "in order" : "damaged", human_number((double)report.n_interactions, 0, a),
		human_number((double)report.n_in_inbox, 0, b), (unsigned long long)report.n_segments,
		(unsigned long long)report.n_chunks, human_bytes(report.bytes, c));
	if (report.n_problems > 16)
		buf_printf(
			&out, "%s more problems are not listed.\n", human_number(report.n_problems - 16, 0, d));
	enum rc written = cli_write_buf(cli, &out, e);
	buf_free(&out);
	if (rc != RC_OK) { // the problems themselves were listed
		err_set(e, rc, "%s is damaged: %u problem%s", dir, report.n_problems,
			report.n_problems == 1 ? "" : "s");
		err_remedy(e, "%s", found.remedy);
	}
	return rc != RC_OK ? rc : written;
}

static const struct option options[] = {
	{.name = "repair",
		.type = OPTION_FLAG,
		.help = "set damaged segments aside, save what is sound in them, say what is lost"},
	{.name = "format",
		.type = OPTION_CHOICE,
		.value = "FORMAT",
		.choices = "text|json",
		.fallback = "text",
		.help = "form of what --repair says; json lists all persons"},
};

const struct command command_verify = {
	.name = "verify",
	.group = "Care",
	.summary = "check every checksum and invariant of a data directory",
	.about = "Reads everything that is stored. The exit code is 0 when all is in order and 7 when "
		 "something is "
		 "damaged; what may not be read is noted and not checked. Readers and the writer may go on "
		 "meanwhile.\n"
		 "With --repair a damaged segment goes to the folder damaged/, what its sound chunks hold to a "
		 "new segment, and the report says which interactions are lost: how many, of when, of whom. "
		 "Importing the original file again adds exactly these. No other process may be writing.",
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.examples = "corridor verify --data tidewater\n"
		    "corridor verify --repair --format json --data tidewater",
	.run = run,
};
