// SPDX-License-Identifier: Apache-2.0
// corridor audit: who did what.
#include "cli/commands.h"
#include "cli/secret.h"
#include "cli/table.h"

#include "base/json.h"

enum { PAGE_ROWS = 1000 };

static void put_json(struct cli *cli, const struct access_audit *rows, uint32_t n, struct buf *out)
{
	for (uint32_t i = 0; i < n; i++) {
		struct json j = json_new(out);
		json_object(&j);
		json_key_i64(&j, "id", rows[i].id);
		json_key_string(&j, "at", cli_time_utc(cli, rows[i].at_ms));
		json_key_string(&j, "who", rows[i].who);
		json_key_string(&j, "address", rows[i].address);
		json_key_string(&j, "act", rows[i].act);
		json_key_string(&j, "object", rows[i].object);
		json_key_string(&j, "detail", rows[i].detail);
		json_object_end(&j);
		buf_char(out, '\n');
	}
}

static enum rc put_table(
	struct cli *cli, const struct access_audit *rows, uint32_t n, struct buf *out, struct err *e)
{
	static const char *const titles[] = {"at", "who", "address", "act", "object", "detail"};
	struct table t = table_new(cli->arena, 6);
	for (uint32_t c = 0; c < 6; c++)
		table_column_set(&t, c, titles[c], TABLE_LEFT);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t row = table_row(&t);
		table_text(&t, row, 0, cli_time_utc(cli, rows[i].at_ms), INK_PLAIN);
		table_text(&t, row, 1, rows[i].who, INK_PLAIN);
		table_text(&t, row, 2, rows[i].address, INK_PLAIN);
		table_text(&t, row, 3, rows[i].act, INK_PLAIN);
		table_text(&t, row, 4, rows[i].object, INK_PLAIN);
		table_text(&t, row, 5, rows[i].detail, INK_PLAIN);
	}
	enum rc rc = RC_OK;
	if (n == 0)
		buf_str(out, "Nothing is there.\n");
	else
		rc = table_put(&t, &cli->look, out, e);
	table_free(&t);
	return rc;
}

static enum rc run(struct cli *cli, struct err *e)
{
	struct access *access = NULL;
	struct access_actor by;
	struct access_audit *rows;
	uint32_t n = 0;
	int64_t next;
	struct access_audit_filter filter = {
		.act = sv_from(args_text(&cli->args, "act")), .who = sv_from(args_text(&cli->args, "who"))};
	struct buf out = buf_new(64u << 20);
	enum rc rc = cli_access_open(cli, &access, &by, e);
	if (rc == RC_OK)
		rc = access_audit_page(access, &filter, args_integer(&cli->args, "before"),
			(uint32_t)args_integer(&cli->args, "limit"), cli->arena, &rows, &n, &next, e);
	if (rc == RC_OK && args_is(&cli->args, "format", "json"))
		put_json(cli, rows, n, &out);
	else if (rc == RC_OK)
		rc = put_table(cli, rows, n, &out, e);
	if (rc == RC_OK && next && args_is(&cli->args, "format", "table"))
		buf_printf(&out, "There are more: --before %lld\n", (long long)next);
	if (rc == RC_OK)
		rc = cli_write_buf(cli, &out, e);
	buf_free(&out);
	access_close(&access);
	return rc;
}

static const struct option options[] = {
	{.name = "act",
		.type = OPTION_TEXT,
		.value = "ACT",
		.help = "only this act (user.add), or all of a kind (user.)"},
	{.name = "who", .type = OPTION_TEXT, .value = "WHO", .help = "only what this one did"},
	{.name = "before",
		.type = OPTION_INTEGER,
		.value = "ID",
		.fallback = "0",
		.min = 0,
		.max = INT64_MAX,
		.help = "only older entries than this one"},
	{.name = "limit",
		.letter = 'n',
		.type = OPTION_INTEGER,
		.value = "N",
		.fallback = "50",
		.min = 1,
		.max = PAGE_ROWS,
		.help = "at most so many"},
	{.name = "format",
		.type = OPTION_CHOICE,
		.value = "FORMAT",
		.choices = "table|json",
		.fallback = "table",
		.help = "form of the answer; json: a line for each entry"},
};

const struct command command_audit = {
	.name = "audit",
	.group = "Access",
	.summary = "who did what, newest first",
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.examples = "corridor audit --data tidewater\n"
		    "corridor audit --act session. --who kim@example.com --data tidewater",
	.run = run,
};
