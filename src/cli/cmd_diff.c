// SPDX-License-Identifier: Apache-2.0
// corridor diff: what a new corridor file changes for which touch point, and how much of the past it touches.
#include "base/json.h"
#include "cli/commands.h"
#include "cli/look.h"

struct diff {
	struct design *before, *after;
	struct store *store;
	struct design_changes changes;
	bool counted;
	struct restate_count count;
};

static enum rc parse_file(struct cli *cli, const char *file, struct design **out, struct err *e)
{
	struct sv text;
	enum rc rc = cli_read_file(cli, file, &text, e);
	return rc == RC_OK ? design_parse(text, file, out, NULL, e) : rc;
}

static enum rc load(struct cli *cli, struct diff *d, struct err *e)
{
	const struct args *args = &cli->args;
	bool two = args->n_operands == 2;
	enum rc rc = RC_OK;
	if (!two || args_given(args, "data"))
		rc = cli_store_open(cli, true, &d->store, e);
	if (rc == RC_OK && two)
		rc = parse_file(cli, args->operands[0], &d->before, e);
	if (rc == RC_OK)
		rc = parse_file(cli, args->operands[two ? 1 : 0], &d->after, e);
	if (rc != RC_OK)
		return rc;
	const struct design *before = two ? d->before : store_design(d->store);
	rc = design_diff(before, d->after, cli->arena, &d->changes, e);
	if (rc == RC_OK && d->store) {
		rc = store_design_dry_run(d->store, before, d->after, cli->arena, &d->count, e);
		d->counted = rc == RC_OK;
	}
	return rc;
}

static void put_change(const struct look *look, struct buf *out, const struct design_change *c)
{
	static const char *const marks[] = {
		[CHANGE_ADDED] = "+", [CHANGE_REMOVED] = "-", [CHANGE_CHANGED] = "~"};
	static const enum ink ink[] = {
		[CHANGE_ADDED] = INK_GOOD, [CHANGE_REMOVED] = INK_BAD, [CHANGE_CHANGED] = INK_WARN};
	buf_str(out, "  ");
	ink_put(out, look, ink[c->kind], sv_from(marks[c->kind]));
	buf_printf(out, " %.*s", SV_ARG(c->what));
	if (c->before.len || c->after.len)
		buf_str(out, ": ");
	buf_sv(out, c->before);
	if (c->before.len && c->after.len)
		buf_printf(out, " %s ", glyph(look, "\xE2\x86\x92", "->"));
	buf_sv(out, c->after);
	buf_char(out, '\n');
}

static void put_effect(const struct restate_count *count, const struct design_change *c, struct buf *out)
{
	char number[HUMAN_TEXT_MAX];
	uint64_t n = 0;
	enum restate_effect effect = restate_effect_of(count, c, &n);
	human_number((double)n, 0, number);
	const char *s = n == 1 ? "" : "s";
	if (effect == RESTATE_RESCORED)
		buf_printf(out, "      scores %s past interaction%s anew\n", number, s);
	else if (effect == RESTATE_UNSCORED)
		buf_printf(out, "      no longer scores %s past interaction%s\n", number, s);
	else if (effect == RESTATE_CARRIED)
		buf_printf(out, "      %s past interaction%s %s it\n", number, s, n == 1 ? "carries" : "carry");
}

static void put_text(const struct cli *cli, const struct diff *d, struct buf *out)
{
	char number[HUMAN_TEXT_MAX], all[HUMAN_TEXT_MAX];
	const struct design_changes *changes = &d->changes;
	if (changes->n == 0)
		buf_str(out, "No difference in meaning.\n");
	for (uint32_t i = 0; i < changes->n; i++) {
		const struct design_change *c = &changes->items[i];
		bool first = i == 0 || !sv_equal(c->touchpoint, changes->items[i - 1].touchpoint);
		if (first) {
			buf_str(out, i ? "\n" : "");
			ink_put(out, &cli->look, INK_BOLD,
				c->touchpoint.len ? c->touchpoint : SV("the corridor"));
			buf_char(out, '\n');
		}
		put_change(&cli->look, out, c);
		if (d->counted)
			put_effect(&d->count, c, out);
	}
	if (d->counted)
		buf_printf(out,
			"\n%s of %s past interactions would move to another touch point or dimension.\n",
			human_number((double)d->count.n_moved, 0, number),
			human_number((double)d->count.n_interactions, 0, all));
	else if (changes->matching_changed || changes->lifting_changed)
		buf_str(out, "\nPast interactions may move: add --data DIR to count them.\n");
}

static void put_json(const struct diff *d, struct buf *out)
{
	static const char *const kinds[] = {
		[CHANGE_ADDED] = "added", [CHANGE_REMOVED] = "removed", [CHANGE_CHANGED] = "changed"};
	struct json j = json_new(out);
	json_object(&j);
	json_key(&j, "changes");
	json_array(&j);
	for (uint32_t i = 0; i < d->changes.n; i++) {
		const struct design_change *c = &d->changes.items[i];
		json_object(&j);
		json_key_text(&j, "kind", kinds[c->kind]);
		json_key_string(&j, "touchpoint", c->touchpoint.len ? c->touchpoint : SV_NONE);
		json_key_string(&j, "what", c->what);
		json_key_string(&j, "before", c->before);
		json_key_string(&j, "after", c->after);
		uint64_t n = 0;
		enum restate_effect effect = d->counted ? restate_effect_of(&d->count, c, &n) : RESTATE_NONE;
		if (effect != RESTATE_NONE)
			json_key_u64(&j, restate_effect_name(effect), n);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_key_bool(&j, "matching_changed", d->changes.matching_changed);
	if (d->counted) {
		json_key_u64(&j, "interactions", d->count.n_interactions);
		json_key_u64(&j, "moved", d->count.n_moved);
	}
	json_object_end(&j);
	buf_char(out, '\n');
}

static enum rc run(struct cli *cli, struct err *e)
{
	struct diff d = {0};
	struct buf out = buf_new(16u << 20);
	enum rc rc = load(cli, &d, e);
	if (rc == RC_OK && args_is(&cli->args, "format", "json"))
		put_json(&d, &out);
	else if (rc == RC_OK)
		put_text(cli, &d, &out);
	if (rc == RC_OK)
		rc = cli_write_buf(cli, &out, e);
	buf_free(&out);
	design_free(&d.before);
	design_free(&d.after);
	store_close(&d.store);
	return rc;
}

static const struct option options[] = {
	{.name = "format",
		.type = OPTION_CHOICE,
		.value = "FORMAT",
		.choices = "text|json",
		.fallback = "text",
		.help = "form of the answer"},
};

const struct command command_diff = {
	.name = "diff",
	.group = "Design",
	.summary = "say what a new corridor file changes, and for how much of the past",
	.about = "Compares two corridor files by meaning, or one with the version in force in the data "
		 "directory. "
		 "With --data it also counts the past interactions that would move to another touch point and "
		 "those that changed expectations would score anew. Nothing is stored.",
	.operands = "[OLD] NEW",
	.operand_type = OPTION_FILE,
	.min_operands = 1,
	.max_operands = 2,
	.options = options,
	.n_options = 1,
	.examples = "corridor diff old.yaml new.yaml\ncorridor diff new.yaml --data tidewater",
	.run = run,
};
