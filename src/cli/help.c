// SPDX-License-Identifier: Apache-2.0
// Help pages, made from the declarations.
#include "cli/look.h"

#include <ctype.h>

void help_path(const struct args *args, struct buf *out)
{
	for (uint32_t i = 0; i < args->depth; i++)
		buf_printf(out, "%s%s", i ? " " : "", args->path[i]->name);
}

static unsigned page_width(const struct cli *cli)
{
	unsigned w = cli->look.width ? cli->look.width : 100;
	return w > 100 ? 100 : w;
}

static void heading(struct cli *cli, struct buf *out, const char *text)
{
	buf_char(out, '\n');
	ink_put(out, &cli->look, INK_BOLD, sv_from(text));
	buf_char(out, '\n');
}

// A term of at most `column` wide, then its explanation wrapped beside it.
static void entry(struct cli *cli, struct buf *out, struct sv term, struct sv text, unsigned column)
{
	unsigned w = text_width(term) + 2;
	struct buf block = buf_new(65536);
	buf_str(out, "  ");
	ink_put(out, &cli->look, INK_GOOD, term);
	if (w + 2 > column) {
		buf_char(out, '\n');
		w = 0;
	}
	text_wrap(&block, text, column, page_width(cli));
	struct sv lines = buf_view(&block);
	if (w && lines.len >= w)
		lines = (struct sv){lines.ptr + w, lines.len - w};
	buf_sv(out, lines);
	buf_free(&block);
}

static struct sv option_term(struct cli *cli, const struct option *o)
{
	struct sv letter = o->letter ? arena_printf(cli->arena, "-%c, ", o->letter) : SV("    ");
	return arena_printf(cli->arena, "%.*s--%s%s%s", SV_ARG(letter), o->name, o->value ? " " : "",
		o->value ? o->value : "");
}

static struct sv option_text(struct cli *cli, const struct option *o)
{
	struct sv s = sv_from(o->help);
	if (o->choices)
		s = arena_printf(cli->arena, "%.*s; one of %s", SV_ARG(s), o->choices);
	if (o->fallback)
		s = arena_printf(cli->arena, "%.*s [default: %s]", SV_ARG(s), o->fallback);
	if (o->required)
		s = arena_printf(cli->arena, "%.*s [required]", SV_ARG(s));
	if (o->repeated)
		s = arena_printf(cli->arena, "%.*s [may be repeated]", SV_ARG(s));
	return s;
}

static void options(struct cli *cli, struct buf *out, const char *title, const struct option *list, uint32_t n)
{
	unsigned column = 0;
	for (uint32_t i = 0; i < n; i++) {
		unsigned w = text_width(option_term(cli, &list[i])) + 4;
		column = w > column ? w : column;
	}
	column = column > 34 ? 34 : column;
	if (n)
		heading(cli, out, title);
	for (uint32_t i = 0; i < n; i++)
		entry(cli, out, option_term(cli, &list[i]), option_text(cli, &list[i]), column);
}

static void children(struct cli *cli, struct buf *out, const struct command *const *list)
{
	unsigned column = 0;
	for (uint32_t i = 0; list[i]; i++) {
		unsigned w = (unsigned)strlen(list[i]->name) + 4;
		column = w > column ? w : column;
	}
	const char *group = NULL;
	for (uint32_t i = 0; list[i]; i++) {
		const char *g = list[i]->group ? list[i]->group : "Commands";
		if (!group || strcmp(g, group) != 0)
			heading(cli, out, g);
		group = g;
		entry(cli, out, sv_from(list[i]->name), sv_from(list[i]->summary), column);
	}
}

static void usage(struct cli *cli, const struct args *args, struct buf *out, bool has_children)
{
	const struct command *c = args->command;
	ink_put(out, &cli->look, INK_BOLD, SV("Usage: "));
	help_path(args, out);
	if (has_children) {
		bool optional = c->run || c->max_operands;
		buf_str(out, optional ? " [" : " ");
		for (const char *k = c->child ? c->child : "command"; *k; k++)
			buf_char(out, (char)toupper((unsigned char)*k));
		buf_str(out, optional ? "]" : "");
	}
	for (uint32_t i = 0; i < c->n_options; i++)
		if (c->options[i].required)
			buf_printf(out, " --%s %s", c->options[i].name, c->options[i].value);
	buf_str(out, " [OPTION...]");
	if (c->operands)
		buf_printf(out, c->min_operands ? " %s" : " [%s]", c->operands);
	buf_char(out, '\n');
}

void help_command(struct cli *cli, const struct args *args, struct buf *out)
{
	const struct command *c = args->command;
	const struct command *const *list = command_children(c, cli->arena);
	uint32_t n_global;
	const struct option *global = global_options(&n_global);
	ink_put(out, &cli->look, INK_TITLE, SV("corridor"));
	for (uint32_t i = 1; i < args->depth; i++)
		buf_printf(out, " %s", args->path[i]->name);
	buf_printf(out, "%s%s\n\n", ": ", c->summary);
	usage(cli, args, out, list && list[0]);
	if (c->about) {
		buf_char(out, '\n');
		text_wrap(out, sv_from(c->about), 0, page_width(cli));
	}
	if (list && list[0])
		children(cli, out, list);
	options(cli, out, "Options", c->options, c->n_options);
	options(cli, out, "Options of every command", global, n_global);
	if (c->help_more)
		c->help_more(cli, c, out);
	if (c->examples) {
		heading(cli, out, "Examples");
		struct sv rest = sv_from(c->examples);
		while (rest.ptr) {
			struct sv line = sv_cut(rest, '\n', &rest);
			buf_printf(out, "  %.*s\n", SV_ARG(line));
		}
	}
	if (c == &command_root)
		buf_str(out, "\ncorridor COMMAND --help explains a command; corridor help exit-codes lists the "
			     "exit codes.\n");
}

void help_exit_codes(struct buf *out)
{
	buf_str(out, "code  name       meaning\n");
	for (int rc = 0; rc < RC_COUNT; rc++) {
		const struct rc_info *info = rc_info((enum rc)rc);
		buf_printf(out, "%4d  %-9s  %s\n", info->exit_code, info->name, info->meaning);
	}
}
