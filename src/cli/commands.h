// SPDX-License-Identifier: Apache-2.0
// The commands, one file each (cmd_NAME.c), for the list in commands.c.
#ifndef CORRIDOR_CLI_COMMANDS_H
#define CORRIDOR_CLI_COMMANDS_H

#include "cli/internal.h"

extern const struct command command_init, command_check, command_diff, command_design, command_schema,
	command_import, command_export, command_quarantine, command_query, command_report, command_simulate,
	command_sql, command_verify, command_backup, command_export_clickhouse, command_seal, command_compact,
	command_erase, command_link, command_unlink, command_journal, command_completion, command_help,
	command_user, command_key, command_hook, command_audit, command_serve;

// Rows of option tables that several commands have.
#define OPTION_THREADS                                                                                         \
	{                                                                                                      \
		.name = "threads", .letter = 'j', .type = OPTION_INTEGER, .value = "N", .fallback = "0",       \
		.min = 0, .max = 256, .help = "threads to use; 0 = all processors"                             \
	}
// Of an import (import_report.h).
#define OPTION_REPORT_FORMAT                                                                                   \
	{                                                                                                      \
		.name = "format", .type = OPTION_CHOICE, .value = "FORMAT", .choices = "text|json",            \
		.fallback = "text", .help = "form of the report"                                               \
	}
#define WHERE_MAX 64 // conditions of --where

#endif
