// SPDX-License-Identifier: Apache-2.0
// The command line against the declarations: options may stand anywhere after their command, "--" ends them,
// "--name value", "--name=value", "-n value" and "-nvalue" are the same.
#include "cli/internal.h"

// Half of the word may be wrong, three letters at most.
const char *nearest_name(const char *word, const char *const *names, uint32_t n)
{
	struct sv w = sv_from(word);
	unsigned best = (unsigned)(w.len / 2 < 3 ? w.len / 2 : 3) + 1;
	const char *name = NULL;
	for (uint32_t i = 0; i < n; i++) {
		struct sv candidate = sv_from(names[i]);
		unsigned distance = sv_distance(w, candidate);
		if (w.len >= 3 && sv_starts(candidate, w) && distance > 1)
			distance = 1;
		if (distance < best) {
			best = distance;
			name = names[i];
		}
	}
	return name;
}

const struct command *const *command_children(const struct command *command, struct arena *arena)
{
	return command->subcommands_make ? command->subcommands_make(arena) : command->subcommands;
}

static bool same(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

struct parse {
	struct args *args;
	struct arena *arena;
	int argc, at;
	const char *const *argv;
	bool only_operands;
};

static const struct option *option_find(const struct args *args, struct sv name, char letter)
{
	uint32_t n_global;
	const struct option *global = global_options(&n_global);
	for (uint32_t i = 0; i < args->command->n_options + n_global; i++) {
		const struct option *o = i < args->command->n_options ? &args->command->options[i]
								      : &global[i - args->command->n_options];
		if (letter ? o->letter == letter : sv_equal(sv_from(o->name), name))
			return o;
	}
	return NULL;
}

static void help_remedy(const struct args *args, const char *what, struct err *e)
{
	struct buf path = buf_new(1024);
	help_path(args, &path);
	buf_char(&path, 0);
	err_remedy(e, "%s --help %s", path.rc == RC_OK ? (const char *)path.data : "corridor", what);
	buf_free(&path);
}

static enum rc option_unknown(const struct parse *p, const char *text, struct sv name, struct err *e)
{
	const char *names[160];
	uint32_t n = 0, n_global;
	const struct command *c = p->args->command;
	const struct option *global = global_options(&n_global);
	for (uint32_t i = 0; i < c->n_options && n < 160; i++)
		names[n++] = c->options[i].name;
	for (uint32_t i = 0; i < n_global && n < 160; i++)
		names[n++] = global[i].name;
	struct sv word = arena_copy(p->arena, name);
	const char *near = word.ptr && word.len ? nearest_name(word.ptr, names, n) : NULL;
	err_set(e, RC_USAGE, "unknown option %s", text);
	if (near)
		err_remedy(e, "did you mean --%s?", near);
	else
		help_remedy(p->args, "lists the options", e);
	return RC_USAGE;
}

static bool choice_has(const char *choices, struct sv value)
{
	struct sv rest = sv_from(choices);
	while (rest.ptr) {
		struct sv one = sv_cut(rest, '|', &rest);
		if (sv_equal(one, value))
			return true;
	}
	return false;
}

static enum rc value_check(const struct option *o, const char *value, struct err *e)
{
	if (o->type == OPTION_INTEGER) {
		int64_t v;
		if (!sv_to_i64(sv_from(value), &v) || v < o->min || v > o->max) {
			err_set(e, RC_USAGE, "--%s: %s is not a whole number from %lld to %lld", o->name, value,
				(long long)o->min, (long long)o->max);
			return RC_USAGE;
		}
	}
	if (o->type == OPTION_CHOICE && !choice_has(o->choices, sv_from(value))) {
		err_set(e, RC_USAGE, "--%s: unknown value %s", o->name, value);
		err_remedy(e, "one of %s", o->choices);
		return RC_USAGE;
	}
	return RC_OK;
}

static enum rc option_take(struct parse *p, const struct option *o, const char *attached, struct err *e)
{
	const char *value = "";
	if (o->type == OPTION_FLAG) {
		if (attached)
			return err_set(e, RC_USAGE, "--%s takes no value", o->name);
	} else if (attached) {
		value = attached;
	} else if (p->at + 1 < p->argc) {
		value = p->argv[++p->at];
	} else {
		err_set(e, RC_USAGE, "--%s needs a value", o->name);
		err_remedy(e, "write --%s %s", o->name, o->value ? o->value : "VALUE");
		return RC_USAGE;
	}
	if (same(o->name, "help")) {
		p->args->help = true;
		return RC_OK;
	}
	enum rc rc = value_check(o, value, e);
	if (rc != RC_OK)
		return rc;
	p->args->given[p->args->n_given++] = (struct given){o, value};
	return RC_OK;
}

static enum rc take_long(struct parse *p, const char *text, struct err *e)
{
	const char *equals = strchr(text, '=');
	struct sv name = {text + 2, equals ? (size_t)(equals - text - 2) : strlen(text + 2)};
	const struct option *o = option_find(p->args, name, 0);
	if (!o)
		return option_unknown(p, text, name, e);
	return option_take(p, o, equals ? equals + 1 : NULL, e);
}

// "-abc": flags a, b, c; a letter that takes a value takes the rest of the word.
static enum rc take_short(struct parse *p, const char *text, struct err *e)
{
	for (const char *c = text + 1; *c; c++) {
		const struct option *o = option_find(p->args, SV_NONE, *c);
		if (!o) {
			char name[3] = {'-', *c, '\0'};
			return option_unknown(p, name, SV_NONE, e);
		}
		bool flag = o->type == OPTION_FLAG;
		enum rc rc = option_take(p, o, flag || !c[1] ? NULL : c + 1, e);
		if (rc != RC_OK || !flag)
			return rc;
	}
	return RC_OK;
}

static enum rc command_unknown(
	const struct parse *p, const struct command *const *children, const char *word, struct err *e)
{
	const char *names[128];
	uint32_t n = 0;
	for (; children[n] && n < 128; n++)
		names[n] = children[n]->name;
	const char *near = nearest_name(word, names, n);
	bool root = p->args->depth == 1;
	const char *kind = p->args->command->child;
	if (kind)
		err_set(e, RC_USAGE, "unknown %s %s", kind, word);
	else
		err_set(e, RC_USAGE, "unknown command %s%s%s", root ? "" : p->args->command->name,
			root ? "" : " ", word);
	if (near)
		err_remedy(e, "did you mean %s?", near);
	else
		err_remedy(e, "corridor %s%s--help lists what there is", root ? "" : p->args->command->name,
			root ? "" : " ");
	return RC_USAGE;
}

static enum rc take_word(struct parse *p, const char *word, struct err *e)
{
	struct args *args = p->args;
	const struct command *const *children = args->n_operands == 0 && args->depth < COMMAND_DEPTH_MAX
							? command_children(args->command, p->arena)
							: NULL;
	for (uint32_t i = 0; children && children[i]; i++)
		if (same(children[i]->name, word)) {
			args->command = children[i];
			args->path[args->depth++] = children[i];
			return RC_OK;
		}
	if (children && args->command->max_operands == 0)
		return command_unknown(p, children, word, e);
	if (args->n_operands >= args->command->max_operands) {
		err_set(e, RC_USAGE, "%s: too many arguments: %s", args->command->name, word);
		help_remedy(args, "shows what it takes", e);
		return RC_USAGE;
	}
	args->operands[args->n_operands++] = word;
	return RC_OK;
}

static enum rc parse_check(const struct args *args, struct err *e)
{
	const struct command *c = args->command;
	if (args->n_operands < c->min_operands) {
		err_set(e, RC_USAGE, "%s needs %s", c->name, c->operands);
		help_remedy(args, "shows an example", e);
		return RC_USAGE;
	}
	for (uint32_t i = 0; i < c->n_options; i++)
		if (c->options[i].required && !args_given(args, c->options[i].name)) {
			err_set(e, RC_USAGE, "%s needs --%s %s", c->name, c->options[i].name,
				c->options[i].value);
			err_remedy(e, "%s", c->options[i].help);
			return RC_USAGE;
		}
	return RC_OK;
}

enum rc args_parse(const struct command *root, int argc, const char *const *argv, struct arena *arena,
	struct args *out, struct err *e)
{
	size_t room = argc > 0 ? (size_t)argc : 1;
	size_t letters = 1;
	for (int i = 1; i < argc; i++)
		letters += strlen(argv[i]); // "-abc" gives several
	*out = (struct args){.command = root, .depth = 1};
	out->path[0] = root;
	out->given = arena_array(arena, room + letters, sizeof(*out->given));
	out->operands = arena_array(arena, room, sizeof(*out->operands));
	if (!out->given || !out->operands)
		return err_set(e, RC_NOMEM, "out of memory for the command line");
	struct parse p = {.args = out, .arena = arena, .argc = argc, .argv = argv};
	enum rc rc = RC_OK;
	for (p.at = 1; p.at < argc && rc == RC_OK; p.at++) {
		const char *word = argv[p.at];
		if (!p.only_operands && same(word, "--"))
			p.only_operands = true;
		else if (!p.only_operands && word[0] == '-' && word[1] == '-')
			rc = take_long(&p, word, e);
		else if (!p.only_operands && word[0] == '-' && word[1])
			rc = take_short(&p, word, e);
		else
			rc = take_word(&p, word, e);
	}
	if (rc == RC_OK && !out->help && !args_given(out, "version"))
		rc = parse_check(out, e);
	return rc;
}

bool args_given(const struct args *args, const char *name)
{
	for (uint32_t i = 0; i < args->n_given; i++)
		if (same(args->given[i].option->name, name))
			return true;
	return false;
}

bool args_flag(const struct args *args, const char *name)
{
	return args_given(args, name);
}

const char *args_text(const struct args *args, const char *name)
{
	for (uint32_t i = args->n_given; i-- > 0;)
		if (same(args->given[i].option->name, name))
			return args->given[i].value;
	const struct option *o = option_find(args, sv_from(name), 0);
	return o ? o->fallback : NULL;
}

struct sv args_sv(const struct args *args, const char *name)
{
	const char *text = args_text(args, name);
	return sv_from(text ? text : "");
}

bool args_is(const struct args *args, const char *name, const char *value)
{
	return same(args_text(args, name), value);
}

int64_t args_integer(const struct args *args, const char *name)
{
	int64_t v = 0;
	const char *text = args_text(args, name);
	return text && sv_to_i64(sv_from(text), &v) ? v : 0;
}

uint32_t args_list(const struct args *args, const char *name, struct sv *out, uint32_t max)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < args->n_given && n < max; i++)
		if (same(args->given[i].option->name, name))
			out[n++] = sv_from(args->given[i].value);
	return n;
}
