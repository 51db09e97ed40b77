// SPDX-License-Identifier: Apache-2.0
// corridor seal: turns the inbox into a segment now.
#include "cli/commands.h"

static enum rc run(struct cli *cli, struct err *e)
{
	struct store *store = NULL;
	enum rc rc = cli_store_open(cli, false, &store, e);
	if (rc == RC_OK)
		rc = store_seal(store, e);
	if (rc == RC_OK && !cli->quiet)
		rc = cli_write_size(cli, store, e);
	store_close(&store);
	return rc;
}

const struct command command_seal = {
	.name = "seal",
	.group = "Care",
	.summary = "turn the inbox into a segment now",
	.about = "Sealing happens by itself when the inbox is full. Doing it now makes the next queries faster "
		 "and "
		 "the files smaller.",
	.examples = "corridor seal --data tidewater",
	.run = run,
};
