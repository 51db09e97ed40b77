// SPDX-License-Identifier: Apache-2.0
// corridor check: every mistake in a corridor file (or in a mapping against it), where it is and what would be
// right.
#include "base/json.h"
#include "cli/commands.h"
#include "cli/look.h"
#include "listen/listen.h"

static void put_problem(const struct cli *cli, struct buf *out, const char *file, struct sv text,
	const struct design_problem *p)
{
	const struct look *look = &cli->look;
	text_clean(out, sv_from(file));
	buf_printf(out, ":%u:%u: ", p->line, p->column);
	ink_put(out, look, p->warning ? INK_WARN : INK_BAD, p->warning ? SV("warning:") : SV("error:"));
	buf_char(out, ' ');
	text_clean(out, sv_from(p->message));
	buf_char(out, '\n');
	message_caret(out, look, text, p->line, p->column);
	if (p->remedy[0]) {
		buf_str(out, "  ");
		ink_put(out, look, INK_GOOD, SV("remedy:"));
		buf_char(out, ' ');
		text_clean(out, sv_from(p->remedy));
		buf_char(out, '\n');
	}
}

static const char *plural(uint32_t n)
{
	return n == 1 ? "" : "s";
}

static void put_text(const struct cli *cli, struct buf *out, const char *file, struct sv text,
	const struct design_problems *problems, const struct design *d)
{
	uint32_t n_warnings = problems->n - problems->n_errors;
	for (uint32_t i = 0; i < problems->n; i++)
		put_problem(cli, out, file, text, &problems->items[i]);
	if (d)
		buf_printf(out, "%s: in order: %u stage%s, %u touch point%s, %u expectation%s, %u warning%s\n",
			file, d->n_stages, plural(d->n_stages), d->n_touchpoints, plural(d->n_touchpoints),
			d->n_expectations, plural(d->n_expectations), n_warnings, plural(n_warnings));
	else
		buf_printf(out, "%s: %u error%s, %u warning%s\n", file, problems->n_errors,
			plural(problems->n_errors), n_warnings, plural(n_warnings));
}

static void put_json(struct buf *out, const char *file, const struct design_problems *problems, bool valid)
{
	struct json j = json_new(out);
	json_object(&j);
	json_key_text(&j, "file", file);
	json_key_bool(&j, "valid", valid);
	json_key(&j, "problems");
	json_array(&j);
	for (uint32_t i = 0; i < problems->n; i++) {
		const struct design_problem *p = &problems->items[i];
		json_object(&j);
		json_key_string(&j, "severity", p->warning ? SV("warning") : SV("error"));
		json_key_u64(&j, "line", p->line);
		json_key_u64(&j, "column", p->column);
		json_key_text(&j, "message", p->message);
		json_key_text(&j, "remedy", p->remedy);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_object_end(&j);
	buf_char(out, '\n');
}

static enum rc check_map(
	struct cli *cli, const struct design *d, const char *file, struct buf *out, struct err *e)
{
	struct sv text;
	struct mapping *m = NULL;
	enum rc rc = cli_read_file(cli, file, &text, e);
	if (rc == RC_OK)
		rc = mapping_parse(text, file, d, &m, e);
	if (rc == RC_OK)
		buf_printf(out, "%s: in order, and fits the corridor\n", file);
	mapping_free(&m);
	return rc;
}

static enum rc run(struct cli *cli, struct err *e)
{
	const char *file = cli->args.operands[0], *map = args_text(&cli->args, "map");
	bool json = args_is(&cli->args, "format", "json");
	struct sv text = SV_NONE;
	enum rc rc = cli_read_file(cli, file, &text, e);
	if (rc != RC_OK)
		return rc;
	struct design *d = NULL;
	struct design_problems problems = {0};
	struct err parse = ERR_NONE;
	struct buf out = buf_new(8u << 20);
	rc = design_parse(text, file, &d, &problems, &parse);
	if (rc != RC_OK && problems.n == 0)
		err_take(e, &parse); // not a mistake in the file: nothing is listed
	else if (json)
		put_json(&out, file, &problems, rc == RC_OK);
	else
		put_text(cli, &out, file, text, &problems, d);
	if (rc == RC_OK && map)
		rc = check_map(cli, d, map, &out, e);
	enum rc written = cli_write_buf(cli, &out, e);
	buf_free(&out);
	design_problems_free(&problems);
	design_free(&d);
	return rc != RC_OK ? rc : written;
}

static const struct option options[] = {
	{.name = "map",
		.letter = 'm',
		.type = OPTION_FILE,
		.value = "MAP",
		.help = "check this mapping file against the corridor too"},
	{.name = "format",
		.type = OPTION_CHOICE,
		.value = "FORMAT",
		.choices = "text|json",
		.fallback = "text",
		.help = "form of the answer"},
};

const struct command command_check = {
	.name = "check",
	.group = "Design",
	.summary = "explain every mistake in a corridor file",
	.about =
		"Lists all mistakes and warnings of a corridor file with line, column and what would be right. "
		"The exit code is 0 when the file is in order (warnings are allowed) and 3 when it is not.",
	.operands = "FILE",
	.operand_type = OPTION_FILE,
	.min_operands = 1,
	.max_operands = 1,
	.options = options,
	.n_options = 2,
	.examples = "corridor check corridor.yaml\ncorridor check corridor.yaml --map calls.map.yaml",
	.run = run,
};
