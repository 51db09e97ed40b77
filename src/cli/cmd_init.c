// SPDX-License-Identifier: Apache-2.0
// corridor init: makes a data directory with its first corridor file.
#include "cli/commands.h"
#include "cli/look.h"

static enum rc run(struct cli *cli, struct err *e)
{
	const char *dir, *file = args_text(&cli->args, "design");
	struct sv text = design_template();
	enum rc rc = RC_OK;
	if (args_flag(&cli->args, "template"))
		return cli_write(cli, text, e);
	rc = cli_data_dir(cli, &dir, e);
	if (rc == RC_OK && file)
		rc = cli_read_file(cli, file, &text, e);
	if (rc == RC_OK)
		rc = store_create(dir, text, file ? file : "template", cli_who(cli), e);
	if (rc == RC_EXISTS)
		err_remedy(
			e, "choose another directory, or adopt a new version with corridor design adopt FILE");
	if (rc != RC_OK || cli->quiet)
		return rc;
	struct buf out = buf_new(4096);
	buf_printf(&out, "Made %s with %s.\nNext: corridor import --data %s --map MAP FILE\n", dir,
		file ? file : "the template of a corridor file", dir);
	rc = cli_write_buf(cli, &out, e);
	buf_free(&out);
	return rc;
}

static const struct option options[] = {
	{.name = "design",
		.letter = 'f',
		.type = OPTION_FILE,
		.value = "FILE",
		.help = "the corridor file; without it the commented template is taken"},
	{.name = "template", .type = OPTION_FLAG, .help = "print the template and make nothing"},
};

const struct command command_init = {
	.name = "init",
	.group = "Design",
	.summary = "make a data directory from a corridor file",
	.about = "Makes a new data directory and records the corridor file as its first version, with who and "
		 "when. An existing data directory is never overwritten.",
	.options = options,
	.n_options = 2,
	.examples = "corridor init --template > corridor.yaml\n"
		    "corridor init --data tidewater --design corridor.yaml",
	.run = run,
};
