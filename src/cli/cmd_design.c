// SPDX-License-Identifier: Apache-2.0
// corridor design list|show|adopt: the versions of the corridor file in a data directory.
#include "cli/commands.h"
#include "cli/table.h"

static enum rc versions(
	struct cli *cli, struct store **store, struct design_version **list, uint32_t *n, struct err *e)
{
	enum rc rc = cli_store_open(cli, true, store, e);
	return rc == RC_OK ? store_design_versions(*store, cli->arena, list, n, e) : rc;
}

static enum rc run_list(struct cli *cli, struct err *e)
{
	struct store *store = NULL;
	struct design_version *list = NULL;
	uint32_t n = 0;
	enum rc rc = versions(cli, &store, &list, &n, e);
	struct buf out = buf_new(16u << 20);
	struct table t = table_new(cli->arena, 4);
	table_column_set(&t, 0, "version", TABLE_RIGHT);
	table_column_set(&t, 1, "adopted", TABLE_LEFT);
	table_column_set(&t, 2, "by", TABLE_LEFT);
	table_column_set(&t, 3, "hash", TABLE_LEFT);
	for (uint32_t i = 0; rc == RC_OK && i < n; i++) {
		char when[HUMAN_TEXT_MAX];
		uint32_t row = table_row(&t);
		table_printf(&t, row, 0, "%u", list[i].version);
		table_printf(&t, row, 1, "%s", human_time(store_design(store)->tz, list[i].at_ms, when));
		table_text(&t, row, 2, list[i].who, INK_PLAIN);
		table_printf(&t, row, 3, "%016llx", (unsigned long long)list[i].hash);
	}
	if (rc == RC_OK)
		rc = table_put(&t, &cli->look, &out, e);
	if (rc == RC_OK)
		rc = cli_write_buf(cli, &out, e);
	table_free(&t);
	buf_free(&out);
	store_close(&store);
	return rc;
}

static enum rc run_show(struct cli *cli, struct err *e)
{
	struct store *store = NULL;
	struct design_version *list = NULL;
	uint32_t n = 0;
	int64_t wanted = 0;
	if (cli->args.n_operands && !sv_to_i64(sv_from(cli->args.operands[0]), &wanted))
		return err_set(e, RC_USAGE, "%s is not a version number", cli->args.operands[0]);
	enum rc rc = versions(cli, &store, &list, &n, e);
	const struct design_version *found = NULL;
	for (uint32_t i = 0; rc == RC_OK && i < n; i++)
		if (wanted ? list[i].version == wanted : !found || list[i].version > found->version)
			found = &list[i];
	if (rc == RC_OK && !found) {
		rc = err_set(e, RC_NOT_FOUND, "there is no version %lld", (long long)wanted);
		err_remedy(e, "corridor design list shows the versions");
	}
	if (rc == RC_OK)
		rc = cli_write(cli, found->text, e);
	store_close(&store);
	return rc;
}

static enum rc run_adopt(struct cli *cli, struct err *e)
{
	const char *file = cli->args.operands[0];
	struct sv text;
	struct store *store = NULL;
	uint64_t n_changed = 0;
	enum rc rc = cli_read_file(cli, file, &text, e);
	if (rc == RC_OK)
		rc = cli_store_open(cli, false, &store, e);
	struct progress *progress = rc == RC_OK ? progress_new("restating", 0, "rows", cli->quiet) : NULL;
	if (rc == RC_OK)
		rc = store_design_adopt(store, text, file, cli_who(cli), &n_changed, progress, e);
	progress_finish(&progress);
	store_close(&store);
	if (rc != RC_OK)
		return rc;
	char number[HUMAN_TEXT_MAX];
	struct buf out = buf_new(4096);
	buf_printf(&out, "%s is in force; %s past interactions moved to another touch point or dimension.\n",
		file, human_number((double)n_changed, 0, number));
	rc = cli_write_buf(cli, &out, e);
	buf_free(&out);
	return rc;
}

static const struct command list_command = {
	.name = "list",
	.summary = "list the versions with who and when",
	.run = run_list,
};
static const struct command show_command = {
	.name = "show",
	.summary = "print a version of the corridor file, the newest without a number",
	.operands = "VERSION",
	.max_operands = 1,
	.run = run_show,
};
static const struct command adopt_command = {
	.name = "adopt",
	.summary = "put a new corridor file in force and restate the past with it",
	.about = "Records the file as a new version and matches every stored interaction anew. The same text "
		 "again "
		 "changes nothing. corridor diff FILE --data DIR says beforehand what it would do.",
	.operands = "FILE",
	.operand_type = OPTION_FILE,
	.min_operands = 1,
	.max_operands = 1,
	.run = run_adopt,
};
static const struct command *const subcommands[] = {&list_command, &show_command, &adopt_command, NULL};

const struct command command_design = {
	.name = "design",
	.group = "Design",
	.summary = "list, show and adopt versions of the corridor file",
	.subcommands = subcommands,
	.examples = "corridor design list --data tidewater\n"
		    "corridor design show 1 --data tidewater > corridor-v1.yaml\n"
		    "corridor design adopt corridor.yaml --data tidewater",
};
