// SPDX-License-Identifier: Apache-2.0
// One process, one command: parse, run, tell what went wrong, give the exit code.
#include "cli/cli.h"

#include "base/version.h"
#include "cli/look.h"

static void look_make(struct cli *cli)
{
	const char *colour = args_text(&cli->args, "color");
	bool ascii = args_flag(&cli->args, "ascii");
	unsigned width = (unsigned)args_integer(&cli->args, "width");
	cli->look = look_of(cli->env->out, colour ? colour : "auto", ascii, width);
	cli->err_look = look_of(cli->env->err, colour ? colour : "auto", ascii, width);
	cli->quiet = args_flag(&cli->args, "quiet");
}

static enum rc print_help(struct cli *cli, struct err *e)
{
	struct buf out = buf_new(4u << 20);
	help_command(cli, &cli->args, &out);
	enum rc rc = cli_write_buf(cli, &out, e);
	buf_free(&out);
	return rc;
}

static enum rc print_version(struct cli *cli, struct err *e)
{
	struct buf out = buf_new(256);
	buf_printf(&out, "corridor %s\n", corridor_version());
	enum rc rc = cli_write_buf(cli, &out, e);
	buf_free(&out);
	return rc;
}

static enum rc dispatch(struct cli *cli, struct err *e)
{
	const struct command *c = cli->args.command;
	if (args_flag(&cli->args, "version"))
		return print_version(cli, e);
	if (cli->args.help || (c == &command_root && cli->args.n_operands == 0))
		return print_help(cli, e);
	if (!c->run) {
		err_set(e, RC_USAGE, "%s needs a command", c->name);
		err_remedy(e, "corridor %s --help lists them", c->name);
		return RC_USAGE;
	}
	if (!c->stops_by_itself) {
		signal(SIGINT, SIG_DFL);
		signal(SIGTERM, SIG_DFL);
	}
	return c->run(cli, e);
}

int cli_run(const struct cli_env *env, int argc, const char *const *argv)
{
	struct err e = ERR_NONE;
	struct cli cli = {.env = env, .arena = arena_new(0)};
	if (!cli.arena) {
		fprintf(env->err, "corridor: error: out of memory\n");
		return rc_info(RC_NOMEM)->exit_code;
	}
	enum rc rc = args_parse(&command_root, argc, argv, cli.arena, &cli.args, &e);
	look_make(&cli);
	if (rc == RC_OK)
		rc = dispatch(&cli, &e);
	// An error without a message has been told already (corridor check lists its findings itself).
	if (rc != RC_OK && e.message[0])
		message_error(&cli, &e);
	arena_free(&cli.arena);
	return rc_info(rc)->exit_code;
}
