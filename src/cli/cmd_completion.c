// SPDX-License-Identifier: Apache-2.0
// corridor completion bash|zsh|fish: completion scripts made from the declared commands and options.
#include "cli/commands.h"

// What may be completed at one place of the command tree.
typedef void page_fn(struct buf *out, const char *path, const struct command *c, struct arena *arena);

static void walk(struct buf *out, const char *path, const struct command *c, struct arena *arena, page_fn *page)
{
	page(out, path, c, arena);
	const struct command *const *list = command_children(c, arena);
	for (uint32_t i = 0; list && list[i]; i++) {
		struct sv child = arena_printf(arena, "%s%s%s", path, *path ? " " : "", list[i]->name);
		if (child.ptr)
			walk(out, child.ptr, list[i], arena, page);
	}
}

static const struct option *option_at(const struct command *c, uint32_t i)
{
	uint32_t n;
	const struct option *global = global_options(&n);
	if (i < c->n_options)
		return &c->options[i];
	return i - c->n_options < n ? &global[i - c->n_options] : NULL;
}

// Text between single quotes of a shell.
static void put_quoted(struct buf *out, const char *text)
{
	buf_char(out, '\'');
	for (; *text; text++) {
		if (*text == '\'')
			buf_str(out, "'\\''");
		else
			buf_char(out, *text);
	}
	buf_char(out, '\'');
}

static void put_choices(struct buf *out, const char *choices)
{
	for (; *choices; choices++)
		buf_char(out, *choices == '|' ? ' ' : *choices);
}

// --- bash ---

static void bash_page(struct buf *out, const char *path, const struct command *c, struct arena *arena)
{
	buf_printf(out, "\t'%s')\n\t\twords='", path);
	const struct command *const *list = command_children(c, arena);
	for (uint32_t i = 0; list && list[i]; i++)
		buf_printf(out, "%s ", list[i]->name);
	buf_str(out, "'\n\t\toptions='");
	const struct option *o;
	for (uint32_t i = 0; (o = option_at(c, i)) != NULL; i++)
		buf_printf(out, "--%s ", o->name);
	buf_str(out, "'\n");
	if (c->operand_type == OPTION_FILE || c->operand_type == OPTION_DIR)
		buf_printf(out, "\t\toperand=%s\n", c->operand_type == OPTION_DIR ? "dir" : "file");
	buf_str(out, "\t\tcase \"$before\" in\n");
	for (uint32_t i = 0; (o = option_at(c, i)) != NULL; i++) {
		if (o->type == OPTION_FLAG)
			continue;
		buf_printf(out, "\t\t--%s", o->name);
		if (o->letter)
			buf_printf(out, " | -%c", o->letter);
		buf_str(out, ") value=");
		if (o->type == OPTION_CHOICE) {
			buf_char(out, '\'');
			put_choices(out, o->choices);
			buf_char(out, '\'');
		} else {
			buf_str(out, o->type == OPTION_FILE  ? "@file"
				     : o->type == OPTION_DIR ? "@dir"
							     : "@none");
		}
		buf_str(out, " ;;\n");
	}
	buf_str(out, "\t\tesac\n\t\t;;\n");
}

static void path_arms(struct buf *out, const char *path, const struct command *c, struct arena *arena)
{
	(void)c;
	(void)arena;
	if (*path)
		buf_printf(out, "%s'%s'", out->len && out->data[out->len - 1] == '\'' ? " | " : "", path);
}

static void bash_script(struct buf *out, struct arena *arena)
{
	buf_str(out, "# bash completion of corridor; put it into /etc/bash_completion.d/corridor\n"
		     "_corridor() {\n"
		     "\tlocal current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
		     "\tlocal place='' words='' options='' operand='' value='' i\n"
		     "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
		     "\t\tcase \"${place:+$place }${COMP_WORDS[i]}\" in\n\t\t");
	walk(out, "", &command_root, arena, path_arms);
	buf_str(out, ")\n\t\t\tplace=\"${place:+$place }${COMP_WORDS[i]}\" ;;\n\t\tesac\n\tdone\n"
		     "\tcase \"$place\" in\n");
	walk(out, "", &command_root, arena, bash_page);
	buf_str(out, "\tesac\n"
		     "\tCOMPREPLY=()\n"
		     "\tcase \"$value\" in\n"
		     "\t'@none') return ;;\n"
		     "\t'@file') operand=file ;;\n"
		     "\t'@dir') operand=dir ;;\n"
		     "\t?*) mapfile -t COMPREPLY < <(compgen -W \"$value\" -- \"$current\"); return ;;\n"
		     "\tesac\n"
		     "\tif [[ -z $value && $current == -* ]]; then\n"
		     "\t\tmapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$current\")\n"
		     "\telif [[ -z $value && -n $words ]]; then\n"
		     "\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
		     "\telif [[ $operand == file ]]; then\n"
		     "\t\tcompopt -o filenames\n"
		     "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
		     "\telif [[ $operand == dir ]]; then\n"
		     "\t\tcompopt -o filenames\n"
		     "\t\tmapfile -t COMPREPLY < <(compgen -d -- \"$current\")\n"
		     "\tfi\n"
		     "}\n"
		     "complete -F _corridor corridor\n");
}

// --- zsh ---

static void zsh_text(struct buf *out, const char *name, const char *help)
{
	struct buf text = buf_new(4096);
	buf_printf(&text, "%s:%s", name, help);
	buf_char(&text, '\0');
	buf_str(out, " ");
	put_quoted(out, text.len ? (const char *)text.data : "");
	buf_free(&text);
}

static void zsh_page(struct buf *out, const char *path, const struct command *c, struct arena *arena)
{
	buf_printf(out, "\t'%s')\n\t\twords_here=(", path);
	const struct command *const *list = command_children(c, arena);
	for (uint32_t i = 0; list && list[i]; i++)
		zsh_text(out, list[i]->name, list[i]->summary);
	buf_str(out, ")\n\t\toptions_here=(");
	const struct option *o;
	for (uint32_t i = 0; (o = option_at(c, i)) != NULL; i++) {
		char name[80];
		snprintf(name, sizeof(name), "--%s", o->name);
		zsh_text(out, name, o->help);
	}
	buf_str(out, ")\n");
	if (c->operand_type == OPTION_FILE || c->operand_type == OPTION_DIR)
		buf_printf(out, "\t\toperand=%s\n", c->operand_type == OPTION_DIR ? "dir" : "file");
	buf_str(out, "\t\tcase $before in\n");
	for (uint32_t i = 0; (o = option_at(c, i)) != NULL; i++) {
		if (o->type == OPTION_FLAG)
			continue;
		buf_printf(out, "\t\t--%s", o->name);
		if (o->letter)
			buf_printf(out, "|-%c", o->letter);
		if (o->type == OPTION_CHOICE) {
			buf_str(out, ") compadd -- ");
			put_choices(out, o->choices);
			buf_str(out, "; return ;;\n");
		} else {
			buf_printf(out, ") %s; return ;;\n",
				o->type == OPTION_FILE  ? "_files"
				: o->type == OPTION_DIR ? "_files -/"
							: "_message value");
		}
	}
	buf_str(out, "\t\tesac\n\t\t;;\n");
}

static void zsh_script(struct buf *out, struct arena *arena)
{
	buf_str(out, "#compdef corridor\n"
		     "# zsh completion of corridor; put it into a folder of $fpath as _corridor\n"
		     "_corridor() {\n"
		     "\tlocal before=${words[CURRENT-1]} place='' operand='' i\n"
		     "\tlocal -a words_here options_here\n"
		     "\tfor ((i = 2; i < CURRENT; i++)); do\n"
		     "\t\tcase \"${place:+$place }${words[i]}\" in\n\t\t");
	walk(out, "", &command_root, arena, path_arms);
	buf_str(out,
		")\n\t\t\tplace=\"${place:+$place }${words[i]}\" ;;\n\t\tesac\n\tdone\n\tcase $place in\n");
	walk(out, "", &command_root, arena, zsh_page);
	buf_str(out, "\tesac\n"
		     "\tif [[ ${words[CURRENT]} == -* ]]; then\n"
		     "\t\t_describe -o option options_here\n"
		     "\telif (( ${#words_here} )); then\n"
		     "\t\t_describe command words_here\n"
		     "\telif [[ $operand == file ]]; then\n"
		     "\t\t_files\n"
		     "\telif [[ $operand == dir ]]; then\n"
		     "\t\t_files -/\n"
		     "\tfi\n"
		     "}\n"
		     "compdef _corridor corridor\n");
}

// --- fish ---

static void fish_page(struct buf *out, const char *path, const struct command *c, struct arena *arena)
{
	const struct command *const *list = command_children(c, arena);
	for (uint32_t i = 0; list && list[i]; i++) {
		buf_printf(out, "complete -c corridor -f -n '__corridor_at \"%s\"' -a %s -d ", path,
			list[i]->name);
		put_quoted(out, list[i]->summary);
		buf_char(out, '\n');
	}
	const struct option *o;
	for (uint32_t i = 0; (o = option_at(c, i)) != NULL; i++) {
		buf_printf(out, "complete -c corridor -n '__corridor_at \"%s\"' -l %s", path, o->name);
		if (o->letter)
			buf_printf(out, " -s %c", o->letter);
		if (o->type == OPTION_CHOICE) {
			buf_str(out, " -x -a '");
			put_choices(out, o->choices);
			buf_char(out, '\'');
		} else if (o->type == OPTION_DIR) {
			buf_str(out, " -x -a '(__fish_complete_directories)'");
		} else if (o->type != OPTION_FLAG) {
			buf_str(out, o->type == OPTION_FILE ? " -r -F" : " -x");
		}
		buf_str(out, " -d ");
		put_quoted(out, o->help);
		buf_char(out, '\n');
	}
}

static void fish_paths(struct buf *out, const char *path, const struct command *c, struct arena *arena)
{
	(void)c;
	(void)arena;
	if (*path)
		buf_printf(out, " '%s'", path);
}

static void fish_script(struct buf *out, struct arena *arena)
{
	buf_str(out, "# fish completion of corridor; put it into ~/.config/fish/completions/corridor.fish\n"
		     "function __corridor_at\n"
		     "    set -l place ''\n"
		     "    for word in (commandline -opc)[2..-1]\n"
		     "        set -l next (string trim -- \"$place $word\")\n"
		     "        if contains -- \"$next\"");
	walk(out, "", &command_root, arena, fish_paths);
	buf_str(out, "\n            set place \"$next\"\n        end\n    end\n    test \"$place\" = "
		     "\"$argv[1]\"\nend\n");
	walk(out, "", &command_root, arena, fish_page);
}

static enum rc write_script(struct cli *cli, void (*script)(struct buf *, struct arena *), struct err *e)
{
	struct buf out = buf_new(8u << 20);
	script(&out, cli->arena);
	enum rc rc = cli_write_buf(cli, &out, e);
	buf_free(&out);
	return rc;
}

static enum rc run_bash(struct cli *cli, struct err *e)
{
	return write_script(cli, bash_script, e);
}

static enum rc run_zsh(struct cli *cli, struct err *e)
{
	return write_script(cli, zsh_script, e);
}

static enum rc run_fish(struct cli *cli, struct err *e)
{
	return write_script(cli, fish_script, e);
}

static const struct command bash_command = {.name = "bash", .summary = "a script for bash", .run = run_bash};
static const struct command zsh_command = {.name = "zsh", .summary = "a script for zsh", .run = run_zsh};
static const struct command fish_command = {.name = "fish", .summary = "a script for fish", .run = run_fish};
static const struct command *const subcommands[] = {&bash_command, &zsh_command, &fish_command, NULL};

const struct command command_completion = {
	.name = "completion",
	.group = "Help",
	.summary = "print a completion script for bash, zsh or fish",
	.subcommands = subcommands,
	.examples = "source <(corridor completion bash)\n"
		    "corridor completion fish > ~/.config/fish/completions/corridor.fish",
};
