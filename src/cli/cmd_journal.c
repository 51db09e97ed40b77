// SPDX-License-Identifier: Apache-2.0
// corridor journal: who was erased and linked, when and by whom.
#include "base/json.h"
#include "base/tz.h"
#include "cli/commands.h"
#include "cli/look.h"
#include "cli/table.h"

enum { PAGE = 1000 };

static struct sv time_text(struct cli *cli, const struct tz *tz, int64_t ms)
{
	char text[40];
	return arena_copy(cli->arena, sv_from(tz_format(tz, ms, text)));
}

static struct sv person_text(struct cli *cli, struct sv identity, uint64_t person)
{
	return identity.ptr ? identity : arena_printf(cli->arena, "%016llx", (unsigned long long)person);
}

static void put_json(struct cli *cli, const struct tz *tz, const struct journal_entry *x, struct buf *out)
{
	struct json j = json_new(out);
	json_object(&j);
	json_key_i64(&j, "entry", x->id);
	json_key_string(&j, "at", time_text(cli, tz, x->at_ms));
	json_key_string(&j, "act", x->kind);
	json_key_string(&j, "who", x->who);
	json_key_string(&j, "person", person_text(cli, x->from, x->person));
	if (x->target)
		json_key_string(&j, "target", person_text(cli, x->to, x->target));
	json_key(&j, "interactions");
	if (x->n_interactions == JOURNAL_NOT_COUNTED)
		json_null(&j);
	else
		json_u64(&j, x->n_interactions);
	json_key_bool(&j, "physical", x->applied);
	json_object_end(&j);
	buf_char(out, '\n');
}

static void put_row(struct cli *cli, const struct tz *tz, struct table *t, const struct journal_entry *x)
{
	uint32_t row = table_row(t);
	table_printf(t, row, 0, "%lld", (long long)x->id);
	table_text(t, row, 1, time_text(cli, tz, x->at_ms), INK_PLAIN);
	table_text(t, row, 2, x->kind, INK_PLAIN);
	table_text(t, row, 3, person_text(cli, x->from, x->person), INK_PLAIN);
	table_text(t, row, 4, x->target ? person_text(cli, x->to, x->target) : SV_NONE, INK_PLAIN);
	if (x->n_interactions == JOURNAL_NOT_COUNTED)
		table_text(t, row, 5, SV("–"), INK_DIM);
	else
		table_printf(t, row, 5, "%llu", (unsigned long long)x->n_interactions);
	table_text(t, row, 6, x->applied ? SV("yes") : SV("pending"), INK_PLAIN);
	table_text(t, row, 7, x->who, INK_PLAIN);
}

static enum rc put_all(struct cli *cli, struct store *store, struct table *t, struct buf *out, struct err *e)
{
	enum rc rc = RC_OK;
	int64_t after = 0;
	for (uint32_t n = PAGE; rc == RC_OK && n == PAGE;) {
		struct journal_entry *entries = NULL;
		rc = store_journal(store, after, PAGE, cli->arena, &entries, &n, e);
		for (uint32_t i = 0; rc == RC_OK && i < n; i++) {
			if (t)
				put_row(cli, store_design(store)->tz, t, &entries[i]);
			else
				put_json(cli, store_design(store)->tz, &entries[i], out);
			after = entries[i].id;
		}
	}
	return rc;
}

static enum rc run(struct cli *cli, struct err *e)
{
	static const char *const titles[] = {
		"Entry", "At", "Act", "Person", "Linked to", "Interactions", "Physical", "Who"};
	struct store *store = NULL;
	bool as_json = args_is(&cli->args, "format", "json");
	struct buf out = buf_new(1u << 30);
	struct table t = table_new(cli->arena, 8);
	for (uint32_t i = 0; i < 8; i++)
		table_column_set(&t, i, titles[i], i == 0 || i == 5 ? TABLE_RIGHT : TABLE_LEFT);
	enum rc rc = cli_store_open(cli, true, &store, e);
	if (rc == RC_OK)
		rc = put_all(cli, store, as_json ? NULL : &t, &out, e);
	if (rc == RC_OK && !as_json && t.n_rows == 0)
		buf_str(&out, "Nobody was erased or linked.\n");
	else if (rc == RC_OK && !as_json)
		rc = table_put(&t, &cli->look, &out, e);
	if (rc == RC_OK)
		rc = cli_write_buf(cli, &out, e);
	table_free(&t);
	buf_free(&out);
	store_close(&store);
	return rc;
}

static const struct option options[] = {
	{.name = "format",
		.type = OPTION_CHOICE,
		.value = "FORMAT",
		.choices = "table|json",
		.fallback = "table",
		.help = "json: one line an entry"},
};

const struct command command_journal = {
	.name = "journal",
	.group = "Persons",
	.summary = "list erasures and links: what, when, by whom, and whether the bytes are changed already",
	.options = options,
	.n_options = 1,
	.examples = "corridor journal --data tidewater",
	.run = run,
};
