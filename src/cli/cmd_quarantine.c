// SPDX-License-Identifier: Apache-2.0
// corridor quarantine list|show|replay|drop: the rows that could not be understood.
#include "api/hook_settings.h"
#include "cli/commands.h"
#include "cli/import_report.h"
#include "cli/secret.h"
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

enum { PAGE_ROWS = 1000, TEXT_ROWS = 20 };

// One line. A row that is no UTF-8 is given in hexadecimal too, since JSON text cannot hold it.
static void put_json(const struct quarantine_item *item, struct buf *out)
{
	struct json j = json_new(out);
	json_object(&j);
	json_key_u64(&j, "id", item->id);
	json_key_string(&j, "file", item->file);
	json_key_u64(&j, "line", item->line);
	json_key_string(&j, "reason", item->reason);
	json_key_string(&j, "raw", item->raw);
	if (!sv_utf8_valid(item->raw, NULL)) {
		struct buf hex = buf_new(256u << 20);
		for (size_t i = 0; i < item->raw.len; i++)
			buf_printf(&hex, "%02x", (unsigned char)item->raw.ptr[i]);
		json_key_string(&j, "raw_hex", buf_view(&hex));
		out->rc = out->rc == RC_OK ? hex.rc : out->rc;
		buf_free(&hex);
	}
	json_object_end(&j);
	buf_char(out, '\n');
}

static void put_line(struct sv bytes, struct buf *out)
{
	buf_put(out, bytes.ptr, bytes.len);
	if (bytes.len == 0 || bytes.ptr[bytes.len - 1] != '\n')
		buf_char(out, '\n');
}

// Rows below a header that is not theirs would be read wrongly. *header: of the rows before.
static enum rc put_raw(
	struct cli *cli, const struct quarantine_item *item, struct sv *header, struct buf *out, struct err *e)
{
	if (!header->ptr) {
		*header = arena_copy(cli->arena, item->header.ptr ? item->header : SV(""));
		if (!header->ptr)
			return err_set(e, RC_NOMEM, "out of memory for the header");
		if (header->len)
			put_line(*header, out);
	} else if (!sv_equal(*header, item->header.ptr ? item->header : SV(""))) {
		err_set(e, RC_USAGE, "the rows are of files with different headers");
		err_remedy(
			e, "take the rows of one file with --file; corridor quarantine list names the files");
		return RC_USAGE;
	}
	put_line(item->raw, out);
	return RC_OK;
}

// Page by page, so that memory is bounded. *last: the id of the last row.
static enum rc show_rows(
	struct cli *cli, struct store *store, uint64_t limit, uint64_t *last, uint64_t *n_shown, struct err *e)
{
	bool as_json = args_is(&cli->args, "format", "json"), raw = args_is(&cli->args, "format", "raw");
	struct sv header = SV_NONE;
	struct arena *page = arena_new(1u << 30);
	enum rc rc = page ? RC_OK : err_set(e, RC_NOMEM, "out of memory for the rows");
	for (bool more = true; rc == RC_OK && more && *n_shown < limit;) {
		struct quarantine_item *items = NULL;
		uint32_t n = 0, most = limit - *n_shown < PAGE_ROWS ? (uint32_t)(limit - *n_shown) : PAGE_ROWS;
		struct buf out = buf_new(1u << 30);
		arena_reset(page);
		rc = quarantine_items(store, args_sv(&cli->args, "file"), *last, most, page, &items, &n, e);
		for (uint32_t i = 0; rc == RC_OK && i < n; i++) {
			if (raw)
				rc = put_raw(cli, &items[i], &header, &out, e);
			else if (as_json)
				put_json(&items[i], &out);
			else
				put_item(cli, &items[i], &out);
			*last = items[i].id;
		}
		*n_shown += n;
		more = n == most;
		if (rc == RC_OK)
			rc = cli_write_buf(cli, &out, e);
		buf_free(&out);
	}
	arena_free(&page);
	return rc;
}

static enum rc run_show(struct cli *cli, struct err *e)
{
	struct store *store = NULL;
	bool text = args_is(&cli->args, "format", "text");
	uint64_t last = (uint64_t)args_integer(&cli->args, "after"), n = 0;
	uint64_t limit = (uint64_t)args_integer(&cli->args, "limit");
	if (limit == 0)
		limit = text ? TEXT_ROWS : UINT64_MAX;
	enum rc rc = cli_store_open(cli, true, &store, e);
	if (rc == RC_OK)
		rc = show_rows(cli, store, limit, &last, &n, e);
	store_close(&store);
	if (rc != RC_OK || !text)
		return rc;
	struct buf out = buf_new(4096);
	if (n == 0)
		buf_str(&out, "Nothing is there.\n");
	else if (n == limit)
		buf_printf(&out, "At most %llu are shown; --after %llu shows the next.\n",
			(unsigned long long)limit, (unsigned long long)last);
	rc = cli_write_buf(cli, &out, e);
	buf_free(&out);
	return rc;
}

// Opened when the first body of a webhook is met.
struct hook_source {
	struct cli *cli;
	struct access *access;
};

static enum rc hook_find(
	void *context, struct sv name, struct arena *a, struct hook_settings *out, struct err *e)
{
	struct hook_source *s = context;
	struct access_actor by;
	enum rc rc = s->access ? RC_OK : cli_access_open(s->cli, &s->access, &by, e);
	return rc == RC_OK ? hook_settings_find(s->access, name, a, out, e) : rc;
}

// When it is a server that writes, it does the same itself: a better remedy than waiting for its end.
static enum rc open_to_write(struct cli *cli, struct store **store, struct err *e)
{
	enum rc rc = cli_store_open(cli, false, store, e);
	if (rc == RC_BUSY) {
		e->remedy[0] = '\0';
		err_remedy(
			e, "wait until it is done; a server's page Import replays, mends and drops meanwhile");
	}
	return rc;
}

static enum rc run_replay(struct cli *cli, struct err *e)
{
	struct store *store = NULL;
	struct import_report report = {0};
	struct hook_source hooks = {.cli = cli};
	struct sandbox *sandbox = NULL;
	struct import_options o = {.quiet = cli->quiet,
		.map_name = args_text(&cli->args, "map"),
		.hook_find = hook_find,
		.hook_context = &hooks};
	enum rc rc = o.map_name ? cli_read_file(cli, o.map_name, &o.map_text, e) : RC_OK;
	if (rc == RC_OK)
		rc = sandbox_open(NULL, &sandbox, e);
	o.sandbox = sandbox;
	if (rc == RC_OK)
		rc = open_to_write(cli, &store, e);
	if (rc == RC_OK)
		rc = quarantine_replay(store, args_sv(&cli->args, "file"), &o, &report, e);
	access_close(&hooks.access);
	sandbox_close(&sandbox);
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
	enum rc rc = open_to_write(cli, &store, e);
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
		.fallback = "0",
		.min = 0,
		.max = 1000000,
		.help = "show at most so many; 0 = 20 as text, all as json and raw"},
	{.name = "format",
		.type = OPTION_CHOICE,
		.value = "FORMAT",
		.choices = "text|json|raw",
		.fallback = "text",
		.help = "json: a line for each row; raw: only the rows as received, to be mended and imported "
			"again "
			"(for CSV the header comes first if it is stored)"},
};
static const struct option replay_options[] = {
	OPTION_OF_FILE,
	{.name = "map",
		.letter = 'm',
		.type = OPTION_FILE,
		.value = "MAP",
		.help = "the mended mapping; without it the mapping they were read with, or the webhook's as "
			"it "
			"is now"},
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
	.n_options = sizeof(show_options) / sizeof(show_options[0]),
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
		    "corridor quarantine show --data tidewater --file calls.csv --format raw > mend.csv\n"
		    "corridor quarantine replay --data tidewater --map calls.map.yaml",
};
