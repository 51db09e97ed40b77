// SPDX-License-Identifier: Apache-2.0
// corridor quarantine list|show|replay|drop: the rows that could not be understood.
#include "cli/commands.h"
#include "cli/import_report.h"
#include "cli/table.h"

#include "base/json.h"

static void groups_json(const struct quarantine_group *groups, uint32_t n, struct buf *out)
{
	struct json j = json_new(out);
	json_object(&j);
	json_key(&j, "groups");
	json_array(&j);
	for (uint32_t i = 0; i < n; i++) {
		const struct quarantine_group *g = &groups[i];
		json_object(&j);
		json_key_u64(&j, "n", g->n);
		json_key_string(&j, "file", g->file);
		json_key_string(&j, "mapping", g->map_name);
		json_key_string(&j, "reason", g->reason);
		json_key_u64(&j, "first_id", g->first_id);
		json_key_u64(&j, "last_id", g->last_id);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_object_end(&j);
	buf_char(out, '\n');
}

static enum rc groups_table(struct cli *cli, const struct store *store, const struct quarantine_group *groups,
	uint32_t n, struct buf *out, struct err *e)
{
	struct table t = table_new(cli->arena, 6);
	static const char *const titles[] = {"rows", "file", "mapping", "reason", "last", "ids"};
	for (uint32_t c = 0; c < 6; c++)
		table_column_set(&t, c, titles[c], c == 0 ? TABLE_RIGHT : TABLE_LEFT);
	for (uint32_t i = 0; i < n; i++) {
		char text[HUMAN_TEXT_MAX];
		uint32_t row = table_row(&t);
		table_printf(&t, row, 0, "%s", human_number((double)groups[i].n, 0, text));
		table_text(&t, row, 1, groups[i].file, INK_PLAIN);
		table_text(&t, row, 2, groups[i].map_name, INK_PLAIN);
		table_text(&t, row, 3, groups[i].reason, INK_WARN);
		table_printf(&t, row, 4, "%s", human_time(store_design(store)->tz, groups[i].last_at_ms, text));
		table_printf(&t, row, 5, "%llu-%llu", (unsigned long long)groups[i].first_id,
			(unsigned long long)groups[i].last_id);
	}
	enum rc rc = RC_OK;
	if (n == 0)
		buf_str(out, "The quarantine is empty.\n");
	else
		rc = table_put(&t, &cli->look, out, e);
	table_free(&t);
	return rc;
}

static enum rc run_list(struct cli *cli, struct err *e)
{
	struct store *store = NULL;
	struct quarantine_group *groups = NULL;
	uint32_t n = 0;
	struct buf out = buf_new(16u << 20);
	enum rc rc = cli_store_open(cli, true, &store, e);
	if (rc == RC_OK)
		rc = quarantine_groups(store, cli->arena, &groups, &n, e);
	if (rc == RC_OK && args_is(&cli->args, "format", "json"))
		groups_json(groups, n, &out);
	else if (rc == RC_OK)
		rc = groups_table(cli, store, groups, n, &out, e);
	if (rc == RC_OK)
		rc = cli_write_buf(cli, &out, e);
	buf_free(&out);
	store_close(&store);
	return rc;
}

static void put_item(const struct cli *cli, const struct quarantine_item *item, struct buf *out)
{
	buf_printf(out, "%llu  ", (unsigned long long)item->id);
	text_clean(out, item->file);
	buf_printf(out, ":%llu  ", (unsigned long long)item->line);
	ink_put(out, &cli->look, INK_WARN, item->reason);
	buf_str(out, "\n    ");
	text_clean(out, sv_trim(item->raw));
	buf_char(out, '\n');
}

static enum rc run_show(struct cli *cli, struct err *e)
{
	struct store *store = NULL;
	struct quarantine_item *items = NULL;
	uint32_t n = 0, limit = (uint32_t)args_integer(&cli->args, "limit");
	uint64_t after = (uint64_t)args_integer(&cli->args, "after");
	struct buf out = buf_new(256u << 20);
	enum rc rc = cli_store_open(cli, true, &store, e);
	if (rc == RC_OK)
		rc = quarantine_items(
			store, args_sv(&cli->args, "file"), after, limit, cli->arena, &items, &n, e);
	for (uint32_t i = 0; rc == RC_OK && i < n; i++)
		put_item(cli, &items[i], &out);
	if (rc == RC_OK && n == 0)
		buf_str(&out, "Nothing is there.\n");
	else if (rc == RC_OK && n == limit)
		buf_printf(&out, "At most %u are shown; --after %llu shows the next.\n", limit,
			(unsigned long long)items[n - 1].id);
	if (rc == RC_OK)
		rc = cli_write_buf(cli, &out, e);
	buf_free(&out);
	store_close(&store);
	return rc;
}

static enum rc run_replay(struct cli *cli, struct err *e)
{
	struct store *store = NULL;
	struct import_report report = {0};
	struct import_options o = {.quiet = cli->quiet, .map_name = args_text(&cli->args, "map")};
	enum rc rc = o.map_name ? cli_read_file(cli, o.map_name, &o.map_text, e) : RC_OK;
	if (rc == RC_OK)
		rc = cli_store_open(cli, false, &store, e);
	if (rc == RC_OK)
		rc = quarantine_replay(store, args_sv(&cli->args, "file"), &o, &report, e);
	store_close(&store);
	if (rc != RC_OK)
		return rc;
	struct buf out = buf_new(1u << 20);
	if (args_is(&cli->args, "format", "json"))
		import_report_json(&report, 1, false, &out);
	else if (report.n_rows == 0)
		buf_str(&out, "Nothing is there to be replayed.\n");
	else
		import_report_text(&report, 1, false, &cli->look, &out);
	rc = cli_write_buf(cli, &out, e);
	buf_free(&out);
	return rc;
}

static enum rc run_drop(struct cli *cli, struct err *e)
{
	struct store *store = NULL;
	uint64_t dropped = 0, id = (uint64_t)args_integer(&cli->args, "id");
	struct sv file = args_sv(&cli->args, "file");
	if (id == 0 && file.len == 0 && !args_flag(&cli->args, "all")) {
		err_set(e, RC_USAGE, "say what to drop");
		err_remedy(e, "one of --id ID, --file FILE, --all");
		return RC_USAGE;
	}
	enum rc rc = cli_store_open(cli, false, &store, e);
	if (rc == RC_OK)
		rc = quarantine_drop(store, file, id, &dropped, e);
	store_close(&store);
	if (rc != RC_OK)
		return rc;
	char number[HUMAN_TEXT_MAX];
	struct buf out = buf_new(4096);
	buf_printf(&out, "Dropped %s.\n", human_number((double)dropped, 0, number));
	rc = cli_write_buf(cli, &out, e);
	buf_free(&out);
	return rc;
}

// For the commands that take a part of the quarantine.
#define OPTION_OF_FILE                                                                                         \
	{                                                                                                      \
		.name = "file", .letter = 'f', .type = OPTION_TEXT, .value = "FILE",                           \
		.help = "only rows of this file"                                                               \
	}

static const struct option list_options[] = {
	{.name = "format",
		.type = OPTION_CHOICE,
		.value = "FORMAT",
		.choices = "table|json",
		.fallback = "table",
		.help = "form of the answer"},
};
static const struct option show_options[] = {
	OPTION_OF_FILE,
	{.name = "after",
		.type = OPTION_INTEGER,
		.value = "ID",
		.fallback = "0",
		.min = 0,
		.max = INT64_MAX,
		.help = "start behind this id"},
	{.name = "limit",
		.letter = 'n',
		.type = OPTION_INTEGER,
		.value = "N",
		.fallback = "20",
		.min = 1,
		.max = 1000000,
		.help = "show at most so many"},
};
static const struct option replay_options[] = {
	OPTION_OF_FILE,
	{.name = "map",
		.letter = 'm',
		.type = OPTION_FILE,
		.value = "MAP",
		.help = "the mended mapping; without it the mapping they were read with"},
	OPTION_REPORT_FORMAT,
};
static const struct option drop_options[] = {
	OPTION_OF_FILE,
	{.name = "id",
		.type = OPTION_INTEGER,
		.value = "ID",
		.min = 1,
		.max = INT64_MAX,
		.help = "only this row"},
	{.name = "all", .type = OPTION_FLAG, .help = "everything"},
};

static const struct command list_command = {.name = "list",
	.summary = "count the rows by file, mapping and reason",
	.options = list_options,
	.n_options = 1,
	.run = run_list};
static const struct command show_command = {
	.name = "show",
	.summary = "print the rows as received with their reasons",
	.options = show_options,
	.n_options = 3,
	.run = run_show,
};
static const struct command replay_command = {
	.name = "replay",
	.summary = "map the rows again; what is understood now is stored",
	.options = replay_options,
	.n_options = 3,
	.run = run_replay,
};
static const struct command drop_command = {
	.name = "drop",
	.summary = "remove rows for good",
	.options = drop_options,
	.n_options = 3,
	.run = run_drop,
};
static const struct command *const subcommands[] = {
	&list_command, &show_command, &replay_command, &drop_command, NULL};

const struct command command_quarantine = {
	.name = "quarantine",
	.group = "Data",
	.summary = "look at rows that could not be understood, replay or drop them",
	.subcommands = subcommands,
	.examples = "corridor quarantine list --data tidewater\n"
		    "corridor quarantine show --data tidewater --file calls.csv\n"
		    "corridor quarantine replay --data tidewater --map calls.map.yaml",
};
