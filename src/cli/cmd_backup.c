// SPDX-License-Identifier: Apache-2.0
// corridor backup: a consistent copy of a data directory.
#include "cli/commands.h"

static enum rc run(struct cli *cli, struct err *e)
{
	struct store *store = NULL;
	const char *to = cli->args.operands[0];
	enum rc rc = cli_store_open(cli, true, &store, e);
	struct progress *progress = rc == RC_OK ? progress_new("backup", 0, "bytes", cli->quiet) : NULL;
	if (rc == RC_OK)
		rc = store_backup(store, to, args_flag(&cli->args, "link"), progress, e);
	progress_finish(&progress);
	store_close(&store);
	if (rc != RC_OK || cli->quiet)
		return rc;
	struct buf out = buf_new(8192);
	buf_printf(&out, "Copied to %s and verified.\n", to);
	rc = cli_write_buf(cli, &out, e);
	buf_free(&out);
	return rc;
}

static const struct option options[] = {
	{.name = "link",
		.type = OPTION_FLAG,
		.help = "hard links instead of copies of the segments, which never change: quick and without "
			"space, but damage to the disk then reaches both"},
};

const struct command command_backup = {
	.name = "backup",
	.group = "Care",
	.summary = "make a consistent, verified copy of the data directory",
	.about = "Others may go on writing meanwhile; the copy is the state of one moment. It is a data "
		 "directory of "
		 "its own: use it with --data.",
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.operands = "TO-DIR",
	.operand_type = OPTION_DIR,
	.min_operands = 1,
	.max_operands = 1,
	.examples = "corridor backup /backup/tidewater-2026-03-29 --data tidewater",
	.run = run,
};
