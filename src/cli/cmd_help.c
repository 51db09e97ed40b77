// SPDX-License-Identifier: Apache-2.0
// corridor help: pages about commands and the exit codes.
#include "cli/commands.h"

static enum rc find(struct cli *cli, struct args *page, struct err *e)
{
	for (uint32_t i = 0; i < cli->args.n_operands; i++) {
		const struct command *const *list = command_children(page->command, cli->arena);
		const struct command *found = NULL;
		const char *names[128];
		uint32_t n = 0;
		for (; list && list[n] && n < 128; n++) {
			names[n] = list[n]->name;
			if (strcmp(list[n]->name, cli->args.operands[i]) == 0)
				found = list[n];
		}
		if (!found || page->depth == COMMAND_DEPTH_MAX) {
			const char *near = nearest_name(cli->args.operands[i], names, n);
			err_set(e, RC_USAGE, "there is no help on %s", cli->args.operands[i]);
			if (near)
				err_remedy(e, "did you mean %s?", near);
			else
				err_remedy(e, "corridor help lists the commands");
			return RC_USAGE;
		}
		page->command = found;
		page->path[page->depth++] = found;
	}
	return RC_OK;
}

static enum rc run(struct cli *cli, struct err *e)
{
	struct buf out = buf_new(4u << 20);
	struct args page = {.command = &command_root, .depth = 1};
	page.path[0] = &command_root;
	enum rc rc = RC_OK;
	if (cli->args.n_operands == 1 && strcmp(cli->args.operands[0], "exit-codes") == 0)
		help_exit_codes(&out);
	else if ((rc = find(cli, &page, e)) == RC_OK)
		help_command(cli, &page, &out);
	if (rc == RC_OK)
		rc = cli_write_buf(cli, &out, e);
	buf_free(&out);
	return rc;
}

const struct command command_help = {
	.name = "help",
	.group = "Help",
	.summary = "explain a command, or the exit codes",
	.operands = "COMMAND | exit-codes",
	.max_operands = 3,
	.examples = "corridor help query gap\ncorridor help exit-codes",
	.run = run,
};
