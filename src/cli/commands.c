// SPDX-License-Identifier: Apache-2.0
// The list of all commands, in the order of the help. A new command is one file and one row in the table here.
#include "cli/commands.h"

static const struct command *const commands[] = {
	&command_init,
	&command_check,
	&command_diff,
	&command_design,
	&command_schema,
	&command_simulate,
	&command_import,
	&command_export,
	&command_quarantine,
	&command_query,
	&command_report,
	&command_sql,
	&command_export_clickhouse,
	&command_erase,
	&command_link,
	&command_unlink,
	&command_journal,
	&command_user,
	&command_key,
	&command_hook,
	&command_audit,
	&command_serve,
	&command_verify,
	&command_backup,
	&command_seal,
	&command_compact,
	&command_completion,
	&command_help,
	NULL,
};

static const struct option globals[] = {
	{.name = "data",
		.letter = 'd',
		.type = OPTION_DIR,
		.value = "DIR",
		.help = "the data directory; otherwise the environment's CORRIDOR_DATA"},
	{.name = "quiet", .letter = 'q', .type = OPTION_FLAG, .help = "no progress bars and no notes"},
	{.name = "color",
		.type = OPTION_CHOICE,
		.value = "WHEN",
		.choices = "auto|always|never",
		.fallback = "auto",
		.help = "colours; auto means on a terminal unless NO_COLOR is set"},
	{.name = "ascii", .type = OPTION_FLAG, .help = "no characters beyond ASCII in tables and bars"},
	{.name = "width",
		.type = OPTION_INTEGER,
		.value = "COLUMNS",
		.min = 40,
		.max = 10000,
		.help = "lay out for this width; otherwise the terminal's, without one unlimited"},
	{.name = "help", .letter = 'h', .type = OPTION_FLAG, .help = "explain the command and leave"},
	{.name = "version", .letter = 'V', .type = OPTION_FLAG, .help = "print the version and leave"},
};

const struct option *global_options(uint32_t *n)
{
	*n = sizeof(globals) / sizeof(globals[0]);
	return globals;
}

const struct command command_root = {
	.name = "corridor",
	.summary = "customer experience management: where the brand breaks its promises, and to whom",
	.subcommands = commands,
	.examples = "corridor init --data tidewater --design corridor.yaml\n"
		    "corridor import --data tidewater --map calls.map.yaml calls.csv.gz\n"
		    "corridor report --data tidewater\n"
		    "corridor query gap --data tidewater --by touchpoint,month --from 2026-01",
};
