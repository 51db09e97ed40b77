// SPDX-License-Identifier: Apache-2.0
// corridor link, corridor unlink: two identities that are one person.
#include "cli/commands.h"
#include "cli/overlay_receipt.h"

static enum rc run(struct cli *cli, bool undo, struct err *e)
{
	struct store *store = NULL;
	struct overlay_receipt receipt = {0};
	struct sv from = sv_from(cli->args.operands[0]);
	enum rc rc = cli_store_open(cli, false, &store, e);
	if (rc == RC_OK)
		rc = undo ? store_unlink(store, from, cli_who(cli), cli->arena, &receipt, e)
			  : store_link(store, from, sv_from(cli->args.operands[1]), cli_who(cli), cli->arena,
				    &receipt, e);
	store_close(&store);
	return rc == RC_OK ? overlay_receipt_put(cli, undo ? "unlinked" : "linked", &receipt, false, e) : rc;
}

static enum rc run_link(struct cli *cli, struct err *e)
{
	return run(cli, false, e);
}

static enum rc run_unlink(struct cli *cli, struct err *e)
{
	return run(cli, true, e);
}

static const struct option options[] = {
	OPTION_RECEIPT_FORMAT,
};

const struct command command_link = {
	.name = "link",
	.group = "Persons",
	.summary = "two identities are one person: the first's interactions belong to the second",
	.about = "From now on all interactions of FROM, those that are stored and those that arrive later, are "
		 "part of the journey of TO. Links make chains. Nothing is lost by it: corridor unlink gives "
		 "both their own history back.",
	.operands = "FROM TO",
	.min_operands = 2,
	.max_operands = 2,
	.options = options,
	.n_options = 1,
	.examples = "corridor link anonymous:8f3a user:4711 --data tidewater",
	.run = run_link,
};

const struct command command_unlink = {
	.name = "unlink",
	.group = "Persons",
	.summary = "undo a link: the identity is a person of its own again",
	.about = "The interactions of the identity, and of those who were linked to it, are its own again, as "
		 "if "
		 "it had never been linked.",
	.operands = "IDENTITY",
	.min_operands = 1,
	.max_operands = 1,
	.options = options,
	.n_options = 1,
	.examples = "corridor unlink anonymous:8f3a --data tidewater",
	.run = run_unlink,
};
