// SPDX-License-Identifier: Apache-2.0
// corridor hook add|list|show|set|remove|test: webhooks of systems without an SDK.
#include "api/hook_settings.h"
#include "cli/commands.h"
#include "cli/secret.h"
#include "cli/table.h"

#include "base/clock.h"
#include "base/json.h"
#include "listen/hook_line.h"

enum { BODY_MAX = 1 << 20 };

// The store is only looked at, for the corridor file; it works beside a server.
static enum rc open_both(
	struct cli *cli, struct store **store, struct access **access, struct access_actor *by, struct err *e)
{
	enum rc rc = cli_store_open(cli, true, store, e);
	return rc == RC_OK ? cli_access_open(cli, access, by, e) : rc;
}

static void close_both(struct store **store, struct access **access)
{
	access_close(access);
	store_close(store);
}

// --- add, set ---

static enum rc read_change(
	struct cli *cli, struct hook_settings_change *h, char secret[HOOK_SECRET_MAX + 2], struct err *e)
{
	const struct args *args = &cli->args;
	const char *map = args_text(args, "map"), *file = args_text(args, "secret-file"),
		   *program = args_text(args, "program");
	struct access_hook_change *set = &h->set;
	*h = (struct hook_settings_change){.new_secret = args_flag(args, "new-secret")};
	set->style = sv_from(args_text(args, "style"));
	set->header = sv_from(args_text(args, "header"));
	set->forget_secret = args_flag(args, "forget-secret");
	set->has_window = args_given(args, "window");
	set->window_s = (uint32_t)args_integer(args, "window");
	set->has_enabled = args_flag(args, "enable") || args_flag(args, "disable");
	set->enabled = args_flag(args, "enable");
	if (args_flag(args, "enable") && args_flag(args, "disable"))
		return err_set(e, RC_USAGE, "--enable and --disable exclude each other");
	enum rc rc = map ? cli_read_file(cli, map, &set->mapping, e) : RC_OK;
	if (rc == RC_OK && args_flag(args, "no-program"))
		set->program = SV("");
	else if (rc == RC_OK && program)
		rc = cli_read_file(cli, program, &set->program, e);
	if (rc == RC_OK && file) {
		rc = cli_read_secret(cli, file, "Secret", secret, HOOK_SECRET_MAX + 2, e);
		set->secret = sv_from(secret);
	}
	return rc;
}

static enum rc put_made(struct cli *cli, const char *name, const char *made, struct err *e)
{
	struct buf out = buf_new(8192);
	if (args_is(&cli->args, "format", "json")) {
		struct json j = json_new(&out);
		json_object(&j);
		json_key_text(&j, "name", name);
		json_key_string(&j, "path", arena_printf(cli->arena, "/hooks/%s", name));
		json_key_text(&j, "secret", made[0] ? made : NULL);
		json_object_end(&j);
		buf_char(&out, '\n');
	} else if (made[0]) {
		buf_printf(&out, "%s\n", made);
	}
	enum rc rc = cli_write_buf(cli, &out, e);
	buf_free(&out);
	if (rc == RC_OK && !cli->quiet && cli->err_look.terminal)
		fprintf(cli->env->err, "The address is /hooks/%s of the server.%s\n", name,
			made[0] ? " The secret is not shown again." : "");
	return rc;
}

static enum rc change(struct cli *cli, bool is_new, struct err *e)
{
	struct store *store = NULL;
	struct access *access = NULL;
	struct access_actor by;
	struct hook_settings_change h;
	struct sandbox *sandbox = NULL;
	const char *name = cli->args.operands[0];
	char secret[HOOK_SECRET_MAX + 2] = "", made[SIGNATURE_SECRET_BYTES] = "";
	enum rc rc = read_change(cli, &h, secret, e);
	if (rc == RC_OK)
		rc = open_both(cli, &store, &access, &by, e);
	if (rc == RC_OK)
		rc = sandbox_open(NULL, &sandbox, e);
	if (rc == RC_OK)
		rc = (is_new ? hook_settings_add : hook_settings_set)(
			access, &by, store_design(store), sandbox, sv_from(name), &h, made, e);
	sandbox_close(&sandbox);
	close_both(&store, &access);
	explicit_bzero(secret, sizeof(secret));
	return rc == RC_OK ? put_made(cli, name, made, e) : rc;
}

static enum rc run_add(struct cli *cli, struct err *e)
{
	return change(cli, true, e);
}

static enum rc run_set(struct cli *cli, struct err *e)
{
	return change(cli, false, e);
}

// --- list, show ---

static void put_json(struct cli *cli, struct json *j, const struct access_hook *h, bool whole)
{
	json_object(j);
	json_key_string(j, "name", h->name);
	json_key_string(j, "path", arena_printf(cli->arena, "/hooks/%.*s", SV_ARG(h->name)));
	json_key_string(j, "style", h->style);
	json_key_string(j, "header", h->header);
	json_key_u64(j, "window", h->window_s ? h->window_s : SIGNATURE_WINDOW_S);
	json_key_u64(j, "secrets", h->n_secrets);
	json_key_bool(j, "enabled", h->enabled);
	json_key_string(j, "made", cli_time_utc(cli, h->made_ms));
	json_key_string(j, "changed", cli_time_utc(cli, h->changed_ms));
	json_key_string(j, "made_by", h->made_by);
	if (whole) {
		json_key_string(j, "mapping", h->mapping);
		json_key_string(j, "program", h->program);
	}
	json_object_end(j);
}

static enum rc list_table(
	struct cli *cli, const struct access_hook *hooks, uint32_t n, struct buf *out, struct err *e)
{
	static const char *const titles[] = {"name", "style", "secrets", "changed", "made by", ""};
	struct table t = table_new(cli->arena, 6);
	for (uint32_t c = 0; c < 6; c++)
		table_column_set(&t, c, titles[c], c == 2 ? TABLE_RIGHT : TABLE_LEFT);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t row = table_row(&t);
		table_text(&t, row, 0, hooks[i].name, INK_PLAIN);
		table_text(&t, row, 1, hooks[i].style, INK_PLAIN);
		table_printf(&t, row, 2, "%u", hooks[i].n_secrets);
		table_text(&t, row, 3, cli_time_utc(cli, hooks[i].changed_ms), INK_PLAIN);
		table_text(&t, row, 4, hooks[i].made_by, INK_PLAIN);
		table_text(&t, row, 5, hooks[i].enabled ? SV("") : SV("disabled"), INK_WARN);
	}
	return table_finish(&t, &cli->look, "There are no webhooks.\n", out, e);
}

static enum rc run_list(struct cli *cli, struct err *e)
{
	struct access *access = NULL;
	struct access_actor by;
	struct access_hook *hooks;
	uint32_t n = 0;
	struct buf out = buf_new(64u << 20);
	enum rc rc = cli_access_open(cli, &access, &by, e);
	if (rc == RC_OK)
		rc = access_hook_list(access, cli->arena, &hooks, &n, e);
	if (rc == RC_OK && args_is(&cli->args, "format", "json")) {
		struct json j = json_new(&out);
		json_object(&j);
		json_key(&j, "hooks");
		json_array(&j);
		for (uint32_t i = 0; i < n; i++)
			put_json(cli, &j, &hooks[i], false);
		json_array_end(&j);
		json_object_end(&j);
		buf_char(&out, '\n');
	} else if (rc == RC_OK) {
		rc = list_table(cli, hooks, n, &out, e);
	}
	if (rc == RC_OK)
		rc = cli_write_buf(cli, &out, e);
	buf_free(&out);
	access_close(&access);
	return rc;
}

static enum rc show_text(const struct access_hook *h, struct buf *out, struct err *e)
{
	const struct signature_style *style = signature_style_find(h->style);
	char token[SIGNATURE_SECRET_BYTES];
	buf_printf(out, "address       /hooks/%.*s%s\n", SV_ARG(h->name), h->enabled ? "" : " (disabled)");
	buf_printf(out, "signatures    %.*s, header %s, %u secret%s\n", SV_ARG(h->style),
		h->header.len ? h->header.ptr
		: style       ? style->header
			      : "",
		h->n_secrets, h->n_secrets == 1 ? "" : "s");
	if (style && style->handshake == HANDSHAKE_HUB && h->n_secrets) {
		enum rc rc = signature_verify_token(h->secrets[0], token, e);
		if (rc != RC_OK)
			return rc;
		buf_printf(out, "verify token  %s\n", token);
	}
	buf_char(out, '\n');
	if (h->program.len) {
		buf_str(out, "# the program (jq), whose objects the mapping sees:\n");
		buf_sv(out, h->program);
		buf_str(out, "\n\n");
	}
	buf_sv(out, h->mapping);
	return RC_OK;
}

static enum rc run_show(struct cli *cli, struct err *e)
{
	struct access *access = NULL;
	struct access_actor by;
	struct access_hook h;
	struct buf out = buf_new(4u << 20);
	enum rc rc = cli_access_open(cli, &access, &by, e);
	if (rc == RC_OK)
		rc = access_hook_get(access, sv_from(cli->args.operands[0]), cli->arena, &h, e);
	if (rc == RC_OK && args_is(&cli->args, "format", "json")) {
		struct json j = json_new(&out);
		put_json(cli, &j, &h, true);
		buf_char(&out, '\n');
	} else if (rc == RC_OK) {
		rc = show_text(&h, &out, e);
	}
	if (rc == RC_OK)
		rc = cli_write_buf(cli, &out, e);
	buf_free(&out);
	access_close(&access);
	return rc;
}

// --- remove, test ---

static enum rc run_remove(struct cli *cli, struct err *e)
{
	struct access *access = NULL;
	struct access_actor by;
	enum rc rc = cli_access_open(cli, &access, &by, e);
	if (rc == RC_OK)
		rc = access_hook_remove(access, &by, sv_from(cli->args.operands[0]), e);
	access_close(&access);
	if (rc != RC_OK || cli->quiet)
		return rc;
	return cli_write(cli, SV("Removed.\n"), e);
}

static enum rc run_test(struct cli *cli, struct err *e)
{
	struct store *store = NULL;
	struct access *access = NULL;
	struct access_actor by;
	struct access_hook h;
	struct sandbox *sandbox = NULL;
	struct hook_settings s = {.name = sv_from(cli->args.operands[0])};
	struct sv body;
	const char *map = args_text(&cli->args, "map"), *program = args_text(&cli->args, "program");
	const struct clock *clock = clock_system();
	struct buf out = buf_new(64u << 20);
	enum rc rc = cli_read_file(cli, cli->args.operands[1], &body, e);
	if (rc == RC_OK && map)
		rc = cli_read_file(cli, map, &s.mapping, e);
	if (rc == RC_OK && program)
		rc = cli_read_file(cli, program, &s.program, e);
	if (rc == RC_OK)
		rc = open_both(cli, &store, &access, &by, e);
	if (rc == RC_OK && !map) {
		rc = access_hook_get(access, s.name, cli->arena, &h, e);
		s.mapping = rc == RC_OK ? h.mapping : SV_NONE;
		s.program = rc == RC_OK && !program ? h.program : s.program;
	}
	if (rc == RC_OK)
		rc = sandbox_open(NULL, &sandbox, e);
	if (rc == RC_OK)
		rc = hook_try(&s, sandbox, store_design(store), body, BODY_MAX, clock->now_ms(clock), &out, e);
	if (rc == RC_OK) {
		buf_char(&out, '\n');
		rc = cli_write_buf(cli, &out, e);
	}
	buf_free(&out);
	sandbox_close(&sandbox);
	close_both(&store, &access);
	return rc;
}

// --- declarations ---

#define OPTION_FORM(forms, first)                                                                              \
	{                                                                                                      \
		.name = "format", .type = OPTION_CHOICE, .value = "FORMAT", .choices = forms,                  \
		.fallback = first, .help = "form of the answer"                                                \
	}
#define OPTION_MAP(must, text)                                                                                 \
	{                                                                                                      \
		.name = "map", .letter = 'm', .type = OPTION_FILE, .required = must, .value = "MAP",           \
		.help = text                                                                                   \
	}
#define OPTION_PROGRAM                                                                                         \
	{                                                                                                      \
		.name = "program", .type = OPTION_FILE, .value = "FILE",                                       \
		.help = "a jq program that makes the objects of a body, before the mapping"                    \
	}
#define OPTION_STYLE(must)                                                                                     \
	{                                                                                                      \
		.name = "style", .type = OPTION_TEXT, .required = must, .value = "STYLE",                      \
		.help = "how the service signs: github, stripe, shopify, slack, zendesk, standard, "           \
			"hmac-sha256, token, … (docs/webhooks.md)"                                           \
	}
#define OPTIONS_OF_SIGNATURE                                                                                   \
	{.name = "header",                                                                                     \
		.type = OPTION_TEXT,                                                                           \
		.value = "NAME",                                                                               \
		.help = "the header with the signature, where the service calls it otherwise"},                \
		{.name = "secret-file",                                                                        \
			.type = OPTION_FILE,                                                                   \
			.value = "FILE",                                                                       \
			.help = "the secret that the service has, the first line of this file (- is standard " \
				"input)"},                                                                     \
	{                                                                                                      \
		.name = "window", .type = OPTION_INTEGER, .value = "SECONDS", .min = 0,                        \
		.max = HOOK_WINDOW_MAX_S, .help = "a signed time may be that far off; 0 = 300"                 \
	}

static const struct option add_options[] = {
	OPTION_MAP(true, "the mapping of its bodies, of format ndjson"),
	OPTION_PROGRAM,
	OPTION_STYLE(true),
	OPTIONS_OF_SIGNATURE,
	{.name = "disable", .type = OPTION_FLAG, .help = "make it, but let nothing in yet"},
	OPTION_FORM("text|json", "text"),
};
static const struct option set_options[] = {
	OPTION_MAP(false, "another mapping"),
	OPTION_PROGRAM,
	{.name = "no-program", .type = OPTION_FLAG, .help = "bodies go to the mapping as they are"},
	OPTION_STYLE(false),
	OPTIONS_OF_SIGNATURE,
	{.name = "new-secret",
		.type = OPTION_FLAG,
		.help = "make another secret and show it; the one before counts too until --forget-secret"},
	{.name = "forget-secret", .type = OPTION_FLAG, .help = "the secret before the newest counts no more"},
	{.name = "enable", .type = OPTION_FLAG, .help = "let bodies in"},
	{.name = "disable", .type = OPTION_FLAG, .help = "refuse them"},
	OPTION_FORM("text|json", "text"),
};
static const struct option list_options[] = {OPTION_FORM("table|json", "table")};
static const struct option show_options[] = {OPTION_FORM("text|json", "text")};
static const struct option test_options[] = {
	OPTION_MAP(false, "with this mapping instead of the webhook's (and without its program)"),
	OPTION_PROGRAM};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct command add_command = {
	.name = "add",
	.summary = "make a webhook; without --secret-file a secret is made and shown, this once",
	.operands = "NAME",
	.min_operands = 1,
	.max_operands = 1,
	.options = add_options,
	.n_options = COUNT(add_options),
	.run = run_add,
};
static const struct command list_command = {.name = "list",
	.summary = "list the webhooks",
	.options = list_options,
	.n_options = COUNT(list_options),
	.run = run_list};
static const struct command show_command = {
	.name = "show",
	.summary = "print a webhook's settings and its mapping, never its secrets",
	.operands = "NAME",
	.min_operands = 1,
	.max_operands = 1,
	.options = show_options,
	.n_options = COUNT(show_options),
	.run = run_show,
};
static const struct command set_command = {
	.name = "set",
	.summary = "change a webhook",
	.operands = "NAME",
	.min_operands = 1,
	.max_operands = 1,
	.options = set_options,
	.n_options = COUNT(set_options),
	.run = run_set,
};
static const struct command remove_command = {
	.name = "remove",
	.summary = "remove a webhook; what it brought stays",
	.operands = "NAME",
	.min_operands = 1,
	.max_operands = 1,
	.run = run_remove,
};
static const struct command test_command = {
	.name = "test",
	.summary = "print as JSON what a body would become; nothing is stored",
	.operands = "NAME BODY",
	.min_operands = 2,
	.max_operands = 2,
	.operand_type = OPTION_FILE,
	.options = test_options,
	.n_options = COUNT(test_options),
	.run = run_test,
};
static const struct command *const subcommands[] = {
	&add_command, &list_command, &show_command, &set_command, &remove_command, &test_command, NULL};

const struct command command_hook = {
	.name = "hook",
	.group = "Access",
	.summary = "webhooks: systems without an SDK send to /hooks/NAME, signed, through a mapping",
	.subcommands = subcommands,
	.examples = "corridor hook add shop --map shop.yaml --style shopify --secret-file shop.secret --data "
		    "tidewater\n"
		    "corridor hook test shop order.json --data tidewater\n"
		    "corridor hook set shop --new-secret --data tidewater\n"
		    "corridor hook list --data tidewater",
};
