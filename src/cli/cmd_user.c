// SPDX-License-Identifier: Apache-2.0
// corridor user add|list|role|password|disable|enable|link|remove: people who may sign in.
#include "cli/commands.h"
#include "cli/secret.h"
#include "cli/table.h"

#include "base/json.h"

enum { SECRET_BYTES = ACCESS_PASSWORD_MAX + 2, MINUTE_MS = 60000 };

// What the subcommands begin with: the database, who runs the command, and the user of the first operand.
struct user_command {
	struct access *access;
	struct access_actor by;
	struct access_user user;
};

static enum rc open_for(struct cli *cli, bool with_user, struct user_command *c, struct err *e)
{
	*c = (struct user_command){.access = NULL};
	enum rc rc = cli_access_open(cli, &c->access, &c->by, e);
	if (rc == RC_OK && with_user)
		rc = access_user_find(c->access, sv_from(cli->args.operands[0]), cli->arena, &c->user, e);
	return rc;
}

static enum rc say(struct cli *cli, const char *what, struct sv who, struct err *e)
{
	struct buf out = buf_new(8192);
	buf_printf(&out, "%s ", what);
	text_clean(&out, who);
	buf_str(&out, ".\n");
	enum rc rc = cli->quiet ? RC_OK : cli_write_buf(cli, &out, e);
	buf_free(&out);
	return rc;
}

// They are those of the corridor file, which is only looked at.
static enum rc take_departments(struct cli *cli, struct access_user_change *u, struct sv *list, struct err *e)
{
	struct store *store = NULL;
	u->n_departments = args_list(&cli->args, "department", list, ACCESS_DEPARTMENTS_MAX);
	u->departments = list;
	u->has_departments = args_given(&cli->args, "department");
	if (!u->has_departments)
		return RC_OK;
	enum rc rc = cli_store_open(cli, true, &store, e);
	if (rc == RC_OK)
		rc = design_departments_check(store_design(store), u->departments, u->n_departments, e);
	store_close(&store);
	return rc;
}

// --- add, password ---

static enum rc run_add(struct cli *cli, struct err *e)
{
	char password[SECRET_BYTES] = "";
	struct user_command c;
	struct sv list[ACCESS_DEPARTMENTS_MAX], email = sv_from(cli->args.operands[0]);
	int64_t id;
	struct access_user_change u = {.email = email, .name = args_sv(&cli->args, "name"), .has_role = true};
	bool without = args_flag(&cli->args, "no-password");
	enum rc rc = role_find(args_sv(&cli->args, "role"), &u.role, e);
	if (rc == RC_OK)
		rc = take_departments(cli, &u, list, e);
	if (rc == RC_OK)
		rc = open_for(cli, false, &c, e);
	else
		return rc;
	if (rc == RC_OK && !without)
		rc = cli_read_secret(cli, args_text(&cli->args, "password-file"), "Password of the new user",
			password, sizeof(password), e);
	if (rc == RC_OK)
		rc = access_user_add(c.access, &c.by, &u, without ? SV_NONE : sv_from(password), &id, e);
	explicit_bzero(password, sizeof(password));
	access_close(&c.access);
	return rc == RC_OK ? say(cli, "Added", email, e) : rc;
}

static enum rc run_password(struct cli *cli, struct err *e)
{
	char password[SECRET_BYTES] = "";
	struct user_command c;
	enum rc rc = open_for(cli, true, &c, e);
	if (rc == RC_OK)
		rc = cli_read_secret(cli, args_text(&cli->args, "password-file"), "New password", password,
			sizeof(password), e);
	if (rc == RC_OK)
		rc = access_user_password(c.access, &c.by, c.user.id, sv_from(password), 0, e);
	explicit_bzero(password, sizeof(password));
	access_close(&c.access);
	return rc == RC_OK ? say(cli, "New password and no session for", c.user.email, e) : rc;
}

// --- list ---

static void list_json(struct cli *cli, const struct access_user *users, uint32_t n, struct buf *out)
{
	struct json j = json_new(out);
	json_object(&j);
	json_key(&j, "users");
	json_array(&j);
	for (uint32_t i = 0; i < n; i++) {
		const struct access_user *u = &users[i];
		json_object(&j);
		json_key_i64(&j, "id", u->id);
		json_key_string(&j, "email", u->email);
		json_key_string(&j, "name", u->name);
		json_key_text(&j, "role", role_info(u->role)->name);
		json_key(&j, "departments");
		json_array(&j);
		for (uint32_t d = 0; d < u->n_departments; d++)
			json_string(&j, u->departments[d]);
		json_array_end(&j);
		json_key_bool(&j, "disabled", u->disabled);
		json_key_bool(&j, "has_password", u->has_password);
		json_key_string(&j, "made", cli_time_utc(cli, u->made_ms));
		json_key_string(&j, "signed_in", cli_time_utc(cli, u->signed_in_ms));
		json_object_end(&j);
	}
	json_array_end(&j);
	json_object_end(&j);
	buf_char(out, '\n');
}

static enum rc list_table(
	struct cli *cli, const struct access_user *users, uint32_t n, struct buf *out, struct err *e)
{
	static const char *const titles[] = {"e-mail", "name", "role", "departments", "state", "signed in"};
	struct table t = table_new(cli->arena, 6);
	for (uint32_t c = 0; c < 6; c++)
		table_column_set(&t, c, titles[c], TABLE_LEFT);
	for (uint32_t i = 0; i < n; i++) {
		const struct access_user *u = &users[i];
		struct buf departments = buf_new(ACCESS_DEPARTMENTS_MAX * (ACCESS_NAME_MAX + 2));
		for (uint32_t d = 0; d < u->n_departments; d++) {
			buf_str(&departments, d ? ", " : "");
			buf_sv(&departments, u->departments[d]);
		}
		uint32_t row = table_row(&t);
		table_text(&t, row, 0, u->email, INK_PLAIN);
		table_text(&t, row, 1, u->name, INK_PLAIN);
		table_text(&t, row, 2, sv_from(role_info(u->role)->name), INK_PLAIN);
		table_text(&t, row, 3, arena_copy(cli->arena, buf_view(&departments)), INK_PLAIN);
		table_text(&t, row, 4,
			u->disabled       ? SV("disabled")
			: u->has_password ? SV("enabled")
					  : SV("no password yet"),
			u->disabled ? INK_WARN : INK_PLAIN);
		table_text(&t, row, 5, u->signed_in_ms ? cli_time_utc(cli, u->signed_in_ms) : SV("never"),
			INK_PLAIN);
		buf_free(&departments);
	}
	return table_finish(&t, &cli->look,
		"There are no users yet; the first one is set up in the browser, or with corridor user "
		"add.\n",
		out, e);
}

static enum rc run_list(struct cli *cli, struct err *e)
{
	struct user_command c;
	struct access_user *users;
	uint32_t n = 0;
	struct buf out = buf_new(64u << 20);
	enum rc rc = open_for(cli, false, &c, e);
	if (rc == RC_OK)
		rc = access_user_list(c.access, cli->arena, &users, &n, e);
	if (rc == RC_OK && args_is(&cli->args, "format", "json"))
		list_json(cli, users, n, &out);
	else if (rc == RC_OK)
		rc = list_table(cli, users, n, &out, e);
	if (rc == RC_OK)
		rc = cli_write_buf(cli, &out, e);
	buf_free(&out);
	access_close(&c.access);
	return rc;
}

// --- changes ---

static enum rc change(struct cli *cli, const struct access_user_change *u, const char *what, struct err *e)
{
	struct user_command c;
	enum rc rc = open_for(cli, true, &c, e);
	if (rc == RC_OK)
		rc = access_user_set(c.access, &c.by, c.user.id, u, e);
	access_close(&c.access);
	return rc == RC_OK ? say(cli, what, c.user.email, e) : rc;
}

static enum rc run_role(struct cli *cli, struct err *e)
{
	struct sv list[ACCESS_DEPARTMENTS_MAX];
	struct access_user_change u = {.has_role = true};
	enum rc rc = role_find(sv_from(cli->args.operands[1]), &u.role, e);
	if (rc == RC_OK)
		rc = take_departments(cli, &u, list, e);
	return rc == RC_OK ? change(cli, &u, "Another role for", e) : rc;
}

static enum rc run_disable(struct cli *cli, struct err *e)
{
	const struct access_user_change u = {.has_disabled = true, .disabled = true};
	return change(cli, &u, "Disabled", e);
}

static enum rc run_enable(struct cli *cli, struct err *e)
{
	const struct access_user_change u = {.has_disabled = true, .disabled = false};
	return change(cli, &u, "Enabled", e);
}

static enum rc run_remove(struct cli *cli, struct err *e)
{
	struct user_command c;
	enum rc rc = open_for(cli, true, &c, e);
	if (rc == RC_OK)
		rc = access_user_remove(c.access, &c.by, c.user.id, e);
	access_close(&c.access);
	return rc == RC_OK ? say(cli, "Removed", c.user.email, e) : rc;
}

static enum rc run_link(struct cli *cli, struct err *e)
{
	struct user_command c;
	char token[ACCESS_TOKEN_BYTES];
	struct sv url = args_sv(&cli->args, "url");
	struct buf out = buf_new(65536);
	enum rc rc = open_for(cli, true, &c, e);
	if (rc == RC_OK)
		rc = access_link_new(
			c.access, &c.by, c.user.id, args_integer(&cli->args, "minutes") * MINUTE_MS, token, e);
	access_close(&c.access);
	while (url.len && url.ptr[url.len - 1] == '/')
		url.len--;
	if (rc == RC_OK) {
		buf_sv(&out, url);
		buf_printf(&out, "/sign-in/%s\n", token);
		rc = cli_write_buf(cli, &out, e);
	}
	explicit_bzero(token, sizeof(token));
	buf_free(&out);
	return rc;
}

// --- declarations ---

#define ROLES "viewer|agent|owner|manager|administrator"
#define OPTION_PASSWORD_FILE                                                                                   \
	{                                                                                                      \
		.name = "password-file", .type = OPTION_FILE, .value = "FILE",                                 \
		.help = "take the password from the first line of this file (- is standard input); without "   \
			"it "                                                                                  \
			"the terminal asks"                                                                    \
	}
#define OPTION_DEPARTMENT                                                                                      \
	{                                                                                                      \
		.name = "department", .type = OPTION_TEXT, .repeated = true, .value = "NAME",                  \
		.help = "a department that the user owns"                                                      \
	}
#define ONE_USER .operands = "EMAIL", .min_operands = 1, .max_operands = 1

static const struct option add_options[] = {
	{.name = "name", .type = OPTION_TEXT, .required = true, .value = "NAME", .help = "the user's name"},
	{.name = "role",
		.type = OPTION_CHOICE,
		.required = true,
		.value = "ROLE",
		.choices = ROLES,
		.help = "what the user may do"},
	OPTION_DEPARTMENT,
	OPTION_PASSWORD_FILE,
	{.name = "no-password", .type = OPTION_FLAG, .help = "the user comes in with corridor user link first"},
};
static const struct option list_options[] = {
	{.name = "format",
		.type = OPTION_CHOICE,
		.value = "FORMAT",
		.choices = "table|json",
		.fallback = "table",
		.help = "form of the answer"},
};
static const struct option password_options[] = {OPTION_PASSWORD_FILE};
static const struct option role_options[] = {OPTION_DEPARTMENT};
static const struct option link_options[] = {
	{.name = "minutes",
		.type = OPTION_INTEGER,
		.value = "N",
		.fallback = "15",
		.min = 1,
		.max = 10080,
		.help = "how long the link holds"},
	{.name = "url",
		.type = OPTION_TEXT,
		.value = "URL",
		.fallback = "http://localhost:8080",
		.help = "where the server is reached"},
};

static const struct command add_command = {
	.name = "add",
	.summary = "add a user",
	.options = add_options,
	.n_options = sizeof(add_options) / sizeof(add_options[0]),
	ONE_USER,
	.run = run_add,
};
static const struct command list_command = {
	.name = "list", .summary = "list all users", .options = list_options, .n_options = 1, .run = run_list};
static const struct command role_command = {
	.name = "role",
	.summary = "give a user another role",
	.operands = "EMAIL ROLE",
	.min_operands = 2,
	.max_operands = 2,
	.options = role_options,
	.n_options = 1,
	.run = run_role,
};
static const struct command password_command = {
	.name = "password",
	.summary = "set a user's password and end its sessions",
	.options = password_options,
	.n_options = 1,
	ONE_USER,
	.run = run_password,
};
static const struct command disable_command = {
	.name = "disable", .summary = "keep a user out", ONE_USER, .run = run_disable};
static const struct command enable_command = {
	.name = "enable", .summary = "let a disabled user in again", ONE_USER, .run = run_enable};
static const struct command link_command = {
	.name = "link",
	.summary = "print a link that signs in as the user, once",
	.options = link_options,
	.n_options = 2,
	ONE_USER,
	.run = run_link,
};
static const struct command remove_command = {
	.name = "remove", .summary = "remove a user with its sessions", ONE_USER, .run = run_remove};
static const struct command *const subcommands[] = {&add_command, &list_command, &role_command,
	&password_command, &disable_command, &enable_command, &link_command, &remove_command, NULL};

const struct command command_user = {
	.name = "user",
	.group = "Access",
	.summary = "people who may sign in: add, list, change, remove",
	.about = "Works beside a running server, which honours it within a second or two. Passwords are asked "
		 "for at "
		 "the terminal, or read from a file or standard input; they are never an argument.",
	.subcommands = subcommands,
	.examples =
		"corridor user add boss@example.com --name 'Erika Boss' --role administrator --data tidewater\n"
		"corridor user role kim@example.com owner --department billing --data tidewater\n"
		"corridor user link kim@example.com --url https://cx.example.com --data tidewater\n"
		"corridor user list --data tidewater",
};
