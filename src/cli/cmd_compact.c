// SPDX-License-Identifier: Apache-2.0
// corridor compact: merges segments.
#include "cli/commands.h"

static enum rc run(struct cli *cli, struct err *e)
{
	struct store *store = NULL;
	enum rc rc = cli_store_open(cli, false, &store, e);
	struct progress *progress = rc == RC_OK ? progress_new("compact", 0, "rows", cli->quiet) : NULL;
	if (rc == RC_OK)
		rc = store_seal(store, e);
	if (rc == RC_OK)
		rc = store_compact(store, (uint32_t)args_integer(&cli->args, "segments"), progress, e);
	progress_finish(&progress);
	if (rc == RC_OK && !cli->quiet)
		rc = cli_write_size(cli, store, e);
	store_close(&store);
	return rc;
}

static const struct option options[] = {
	{.name = "segments",
		.letter = 'n',
		.type = OPTION_INTEGER,
		.value = "N",
		.fallback = "1",
		.min = 0,
		.max = 1000000,
		.help = "merge until at most this many segments are left; 0 = by the store's own policy"},
};

const struct command command_compact = {
	.name = "compact",
	.group = "Care",
	.summary = "merge segments, so that queries read less",
	.about = "Seals the inbox, then merges segments. Small ones are merged by themselves while a writer is "
		 "open; "
		 "this does it now and further.",
	.options = options,
	.n_options = 1,
	.examples = "corridor compact --data tidewater",
	.run = run,
};
