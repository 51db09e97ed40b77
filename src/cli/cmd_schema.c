// SPDX-License-Identifier: Apache-2.0
// corridor schema corridor|mapping: JSON Schemas for editors.
#include "cli/commands.h"
#include "listen/listen.h"

static enum rc write_schema(struct cli *cli, void (*write)(struct buf *), struct err *e)
{
	struct buf out = buf_new(4u << 20);
	write(&out);
	if (out.len && out.data[out.len - 1] != '\n')
		buf_char(&out, '\n');
	enum rc rc = cli_write_buf(cli, &out, e);
	buf_free(&out);
	return rc;
}

static enum rc run_corridor(struct cli *cli, struct err *e)
{
	return write_schema(cli, design_schema_write, e);
}

static enum rc run_mapping(struct cli *cli, struct err *e)
{
	return write_schema(cli, mapping_schema_write, e);
}

static const struct command corridor_command = {
	.name = "corridor", .summary = "the JSON Schema of corridor files", .run = run_corridor};
static const struct command mapping_command = {
	.name = "mapping", .summary = "the JSON Schema of mapping files", .run = run_mapping};
static const struct command *const subcommands[] = {&corridor_command, &mapping_command, NULL};

const struct command command_schema = {
	.name = "schema",
	.group = "Design",
	.summary = "print the JSON Schema of corridor or mapping files, for editors",
	.about = "Editors with a YAML language server complete and check the files with it: put\n"
		 "# yaml-language-server: $schema=corridor.schema.json\n"
		 "on top of the file.",
	.subcommands = subcommands,
	.examples = "corridor schema corridor > corridor.schema.json",
};
