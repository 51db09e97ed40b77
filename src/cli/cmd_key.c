// SPDX-License-Identifier: Apache-2.0
// corridor key add|list|revoke: keys of programs.
#include "cli/commands.h"
#include "cli/secret.h"
#include "cli/table.h"

#include "base/json.h"

enum { DAY_MS = 86400000 };

// --- add ---

static enum rc put_key(struct cli *cli, const char *text, int64_t id, struct err *e)
{
	struct buf out = buf_new(8192);
	if (args_is(&cli->args, "format", "json")) {
		struct json j = json_new(&out);
		json_object(&j);
		json_key_i64(&j, "id", id);
		json_key_text(&j, "key", text);
		json_object_end(&j);
		buf_char(&out, '\n');
	} else {
		buf_printf(&out, "%s\n", text);
	}
	enum rc rc = cli_write_buf(cli, &out, e);
	buf_free(&out);
	if (rc == RC_OK && !cli->quiet && cli->err_look.terminal)
		fputs("It is not shown again.\n", cli->env->err);
	return rc;
}

static enum rc run_add(struct cli *cli, struct err *e)
{
	struct access *access = NULL;
	struct access_actor by;
	char text[ACCESS_KEY_BYTES] = "", given[ACCESS_KEY_BYTES] = "";
	struct sv origins[ACCESS_ORIGINS_MAX];
	int64_t id = 0;
	struct access_key_change k = {.name = sv_from(cli->args.operands[0]),
		.source = sv_from(args_text(&cli->args, "source")),
		.has_rights = args_given(&cli->args, "rights"),
		.has_origins = args_given(&cli->args, "origin"),
		.has_expires = args_given(&cli->args, "days"),
		.has_links_email = args_flag(&cli->args, "links-email"),
		.links_email = args_flag(&cli->args, "links-email"),
		.origins = origins};
	k.n_origins = args_list(&cli->args, "origin", origins, ACCESS_ORIGINS_MAX);
	if (!k.source.ptr == !k.has_rights) {
		err_set(e, RC_USAGE, "say what the key is for");
		err_remedy(e, "--source NAME makes a write key, --rights look,ask an API key");
		return RC_USAGE;
	}
	const struct clock *clock = clock_system();
	if (k.has_expires)
		k.expires_ms = clock->now_ms(clock) + args_integer(&cli->args, "days") * DAY_MS;
	enum rc rc = rights_parse(args_sv(&cli->args, "rights"), &k.rights, e);
	if (rc == RC_OK && args_given(&cli->args, "given-file")) {
		rc = cli_read_secret(cli, args_text(&cli->args, "given-file"), "Key", given, sizeof(given), e);
		k.given = sv_from(given);
	}
	if (rc == RC_OK)
		rc = cli_access_open(cli, &access, &by, e);
	if (rc == RC_OK)
		rc = access_key_add(access, &by, k.has_rights ? KEY_API : KEY_WRITE, &k, text, &id, e);
	access_close(&access);
	return rc == RC_OK ? put_key(cli, text, id, e) : rc;
}

// --- list ---

static struct sv scope_of(struct cli *cli, const struct access_key *k)
{
	struct buf text = buf_new(1u << 20);
	if (k->kind == KEY_WRITE) {
		buf_str(&text, "writes ");
		buf_sv(&text, k->source);
		for (uint32_t i = 0; i < k->n_origins; i++) {
			buf_str(&text, i ? ", " : " from ");
			buf_sv(&text, k->origins[i]);
		}
		if (k->links_email)
			buf_str(&text, ", links e-mail addresses");
	} else {
		buf_sv(&text, rights_text(k->rights, cli->arena));
	}
	struct sv copy = arena_copy(cli->arena, buf_view(&text));
	buf_free(&text);
	return copy;
}

static struct sv time_text(struct cli *cli, int64_t ms, struct sv without)
{
	return ms ? cli_time_utc(cli, ms) : without;
}

static void list_json(struct cli *cli, const struct access_key *keys, uint32_t n, struct buf *out)
{
	struct json j = json_new(out);
	json_object(&j);
	json_key(&j, "keys");
	json_array(&j);
	for (uint32_t i = 0; i < n; i++) {
		const struct access_key *k = &keys[i];
		json_object(&j);
		json_key_i64(&j, "id", k->id);
		json_key_text(&j, "kind", k->kind == KEY_WRITE ? "write" : "api");
		json_key_string(&j, "prefix", k->prefix);
		json_key_string(&j, "name", k->name);
		json_key_string(&j, "source", k->source);
		json_key(&j, "origins");
		json_array(&j);
		for (uint32_t o = 0; o < k->n_origins; o++)
			json_string(&j, k->origins[o]);
		json_array_end(&j);
		json_key_bool(&j, "links_email", k->links_email);
		json_key_string(&j, "rights", rights_text(k->rights, cli->arena));
		json_key_string(&j, "made_by", k->made_by);
		json_key_string(&j, "made", cli_time_utc(cli, k->made_ms));
		json_key_string(&j, "used", cli_time_utc(cli, k->used_ms));
		json_key_string(&j, "expires", cli_time_utc(cli, k->expires_ms));
		json_key_string(&j, "revoked", cli_time_utc(cli, k->revoked_ms));
		json_object_end(&j);
	}
	json_array_end(&j);
	json_object_end(&j);
	buf_char(out, '\n');
}

static enum rc list_table(
	struct cli *cli, const struct access_key *keys, uint32_t n, struct buf *out, struct err *e)
{
	static const char *const titles[] = {"number", "key", "name", "may", "used", "until"};
	struct table t = table_new(cli->arena, 6);
	for (uint32_t c = 0; c < 6; c++)
		table_column_set(&t, c, titles[c], c ? TABLE_LEFT : TABLE_RIGHT);
	for (uint32_t i = 0; i < n; i++) {
		const struct access_key *k = &keys[i];
		uint32_t row = table_row(&t);
		table_printf(&t, row, 0, "%lld", (long long)k->id);
		table_printf(&t, row, 1, "%.*s%s", SV_ARG(k->prefix), glyph(&cli->look, "\xE2\x80\xA6", "..."));
		table_text(&t, row, 2, k->name, INK_PLAIN);
		table_text(&t, row, 3, scope_of(cli, k), INK_PLAIN);
		table_text(&t, row, 4, time_text(cli, k->used_ms, SV("never")), INK_PLAIN);
		table_text(&t, row, 5,
			k->revoked_ms ? SV("revoked") : time_text(cli, k->expires_ms, SV("revoked by hand")),
			k->revoked_ms ? INK_WARN : INK_PLAIN);
	}
	return table_finish(&t, &cli->look, "There are no keys.\n", out, e);
}

static enum rc run_list(struct cli *cli, struct err *e)
{
	struct access *access = NULL;
	struct access_actor by;
	struct access_key *keys;
	uint32_t n = 0;
	struct buf out = buf_new(64u << 20);
	enum rc rc = cli_access_open(cli, &access, &by, e);
	if (rc == RC_OK)
		rc = access_key_list(access, args_flag(&cli->args, "all"), cli->arena, &keys, &n, e);
	if (rc == RC_OK && args_is(&cli->args, "format", "json"))
		list_json(cli, keys, n, &out);
	else if (rc == RC_OK)
		rc = list_table(cli, keys, n, &out, e);
	if (rc == RC_OK)
		rc = cli_write_buf(cli, &out, e);
	buf_free(&out);
	access_close(&access);
	return rc;
}

// --- revoke ---

static enum rc run_revoke(struct cli *cli, struct err *e)
{
	struct access *access = NULL;
	struct access_actor by;
	int64_t id;
	if (!sv_to_i64(sv_from(cli->args.operands[0]), &id)) {
		err_set(e, RC_USAGE, "'%s' is not the number of a key", cli->args.operands[0]);
		err_remedy(e, "corridor key list shows the numbers");
		return RC_USAGE;
	}
	enum rc rc = cli_access_open(cli, &access, &by, e);
	if (rc == RC_OK)
		rc = access_key_revoke(access, &by, id, e);
	access_close(&access);
	if (rc != RC_OK || cli->quiet)
		return rc;
	return cli_write(cli, SV("Revoked.\n"), e);
}

// --- declarations ---

#define OPTION_FORM(forms, first)                                                                              \
	{                                                                                                      \
		.name = "format", .type = OPTION_CHOICE, .value = "FORMAT", .choices = forms,                  \
		.fallback = first, .help = "form of the answer"                                                \
	}

static const struct option add_options[] = {
	{.name = "source",
		.type = OPTION_TEXT,
		.value = "NAME",
		.help = "a write key: the source under which its interactions are stored"},
	{.name = "origin",
		.type = OPTION_TEXT,
		.repeated = true,
		.value = "ORIGIN",
		.help = "a write key: only for pages of this web origin (https://shop.example, "
			"https://*.example.com)"},
	{.name = "links-email",
		.type = OPTION_FLAG,
		.help = "a write key for your own servers, kept secret: a message with user and e-mail address "
			"makes both one person"},
	{.name = "given-file",
		.type = OPTION_FILE,
		.value = "FILE",
		.help = "a write key: keep the key in this file, which SDKs use already"},
	{.name = "rights",
		.type = OPTION_TEXT,
		.value = "LIST",
		.help = "an API key: what it may, separated by commas (docs/access.md)"},
	{.name = "days",
		.type = OPTION_INTEGER,
		.value = "N",
		.min = 1,
		.max = 36500,
		.help = "expires after so many"},
	OPTION_FORM("text|json", "text"),
};
static const struct option list_options[] = {
	{.name = "all", .type = OPTION_FLAG, .help = "also those that are revoked"},
	OPTION_FORM("table|json", "table"),
};

static const struct command add_command = {
	.name = "add",
	.summary = "make a key and show it, this once",
	.operands = "NAME",
	.min_operands = 1,
	.max_operands = 1,
	.options = add_options,
	.n_options = sizeof(add_options) / sizeof(add_options[0]),
	.run = run_add,
};
static const struct command list_command = {
	.name = "list", .summary = "list the keys", .options = list_options, .n_options = 2, .run = run_list};
static const struct command revoke_command = {
	.name = "revoke",
	.summary = "make a key unknown, for good",
	.operands = "NUMBER",
	.min_operands = 1,
	.max_operands = 1,
	.run = run_revoke,
};
static const struct command *const subcommands[] = {&add_command, &list_command, &revoke_command, NULL};

const struct command command_key = {
	.name = "key",
	.group = "Access",
	.summary = "keys of programs: write keys for tracking, API keys with rights",
	.subcommands = subcommands,
	.examples =
		"corridor key add 'Shop, web' --source shop --origin https://shop.example --data tidewater\n"
		"corridor key add 'Nightly figures' --rights look,ask --days 365 --data tidewater\n"
		"corridor key list --data tidewater\n"
		"corridor key revoke 3 --data tidewater",
};
