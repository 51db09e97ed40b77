// SPDX-License-Identifier: Apache-2.0
// Values: a short form (a template) and a long one (a map), compiled to a run of ops. The order of the steps is
// fixed: source, trim, split, replace, case, map, default, required.
#include "listen/mapping_compile.h"

#define OPS_MAX 64u
#define PARTS_MAX 64u

struct building {
	struct op ops[OPS_MAX];
	uint32_t n;
	uint32_t ref; // first ref
};

const struct op *compile_op(const struct compiler *c, uint32_t i)
{
	return (const struct op *)c->lists[LIST_OPS].items + i;
}

// --- refs ---

static enum rc ref_kind_of(struct compiler *c, const struct yaml_node *at, struct sv *name, enum ref_kind *kind)
{
	static const struct {
		struct sv name;
		enum ref_kind kind;
	} special[] = {{{"_file", 5}, REF_FILE}, {{"_line", 5}, REF_LINE}, {{"_row", 4}, REF_ROW},
		{{"_index", 6}, REF_INDEX}};
	*kind = REF_COLUMN;
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
		if (sv_equal(special[i].name, *name))
			*kind = special[i].kind;
	}
	if (c->m->reader.format == RECORD_NDJSON && name->ptr[0] == '.') {
		*kind = REF_ELEMENT;
		*name = (struct sv){name->ptr + 1, name->len - 1};
	}
	if ((*kind == REF_ELEMENT || *kind == REF_INDEX) && !c->in_each) {
		compile_fail(c, at, "%s only means something with `each`",
			*kind == REF_INDEX ? "_index" : "a path that starts with a dot");
		err_remedy(c->e, "say each: path.of.the.list in this interaction");
		return RC_INPUT;
	}
	c->row_only &= *kind != REF_ELEMENT && *kind != REF_INDEX;
	return RC_OK;
}

enum rc compile_ref(
	struct compiler *c, const struct yaml_node *at, struct sv name, bool optional, uint32_t *out)
{
	struct list *l = &c->lists[LIST_REFS];
	enum ref_kind kind;
	if (!name.len)
		return compile_fail(c, at, "the name of a column is empty");
	enum rc rc = ref_kind_of(c, at, &name, &kind);
	if (rc != RC_OK)
		return rc;
	for (uint32_t i = 0; i < l->n; i++) {
		struct ref *r = (struct ref *)l->items + i;
		if (r->kind == kind && sv_equal(r->name, name)) {
			r->required |= !optional;
			*out = i;
			return RC_OK;
		}
	}
	if (l->n == COMPILE_ITEMS_MAX)
		return compile_fail(c, at, "the mapping reads more than %u columns", COMPILE_ITEMS_MAX);
	struct ref r = {kind, name, !optional, at->line, at->column};
	return compile_add(c, LIST_REFS, &r, 1, out);
}

// --- templates ---

static enum rc template_bad(struct compiler *c, const struct yaml_node *at, const char *what)
{
	compile_fail(c, at, "bad template: %s", what);
	err_remedy(c->e, "columns are written {Column}; a brace itself is written {{ or }}");
	return RC_INPUT;
}

// Literal text up to the next column: unescaped into `to`. False on a lone }.
static bool literal(struct sv *rest, char *to, size_t *n)
{
	*n = 0;
	while (rest->len) {
		char ch = rest->ptr[0];
		bool twice = rest->len > 1 && rest->ptr[1] == ch;
		if (ch == '{' && !twice)
			return true;
		if (ch == '}' && !twice)
			return false;
		size_t step = ch == '{' || ch == '}' ? 2 : 1;
		to[(*n)++] = ch;
		rest->ptr += step;
		rest->len -= step;
	}
	return true;
}

static enum rc template_parts(struct compiler *c, const struct yaml_node *at, struct sv text, bool optional,
	struct part *parts, uint32_t *n)
{
	char *to = arena_alloc(c->m->arena, text.len + 1);
	if (!to)
		return compile_no_memory(c);
	*n = 0;
	while (text.len) {
		size_t n_literal;
		if (*n + 2 > PARTS_MAX)
			return template_bad(c, at, "too many columns in it");
		if (!literal(&text, to, &n_literal))
			return template_bad(c, at, "a } that closes nothing");
		if (n_literal)
			parts[(*n)++] = (struct part){{to, n_literal}, NONE32};
		to += n_literal;
		if (!text.len)
			break;
		const char *end = memchr(text.ptr, '}', text.len);
		if (!end)
			return template_bad(c, at, "a { that is not closed");
		struct sv name = {text.ptr + 1, (size_t)(end - text.ptr) - 1};
		struct part *p = &parts[(*n)++];
		*p = (struct part){SV_NONE, NONE32};
		enum rc rc = compile_ref(c, at, name, optional, &p->index);
		if (rc != RC_OK)
			return rc;
		text = (struct sv){end + 1, text.len - name.len - 2};
	}
	return RC_OK;
}

static enum rc template_op(
	struct compiler *c, const struct yaml_node *at, struct sv text, bool optional, struct building *b)
{
	struct part parts[PARTS_MAX];
	uint32_t n = 0;
	enum rc rc = template_parts(c, at, text, optional, parts, &n);
	if (rc != RC_OK)
		return rc;
	for (uint32_t i = n; i-- > 0;)
		b->ref = parts[i].index != NONE32 ? parts[i].index : b->ref;
	struct op *op = &b->ops[b->n++];
	*op = (struct op){.kind = OP_CONSTANT, .text = SV("")};
	if (n == 1 && parts[0].index != NONE32)
		*op = (struct op){.kind = OP_REF, .index = parts[0].index};
	else if (n == 1)
		op->text = parts[0].text;
	if (n < 2)
		return RC_OK;
	*op = (struct op){.kind = OP_TEMPLATE, .range = {0, n}};
	return compile_add(c, LIST_PARTS, parts, n, &op->range.first);
}

// --- the long form ---

static enum rc items_op(struct compiler *c, const struct yaml_node *node, enum op_kind kind, struct building *b)
{
	const char *what = kind == OP_JOIN ? "join" : "first";
	if (node->kind != YAML_IS_LIST || !node->n || node->n > COMPILE_ITEMS_MAX) {
		compile_fail(c, node, "%s must be a list of values", what);
		err_remedy(c->e, "write it like [\"{A}\", \"{B}\"]");
		return RC_INPUT;
	}
	struct value *items = arena_array(c->m->arena, node->n, sizeof(*items));
	if (!items)
		return compile_no_memory(c);
	for (uint32_t i = 0; i < node->n; i++) {
		enum rc rc = compile_value(c, node->items[i], what, &items[i]);
		if (rc != RC_OK)
			return rc;
		if (b->ref == NONE32)
			b->ref = items[i].ref;
	}
	struct op *op = &b->ops[b->n++];
	*op = (struct op){.kind = kind, .range = {0, node->n}, .text = SV(" ")};
	return compile_add(c, LIST_ITEMS, items, node->n, &op->range.first);
}

static enum rc source_op(struct compiler *c, const struct yaml_node *node, const struct keys *k,
	const char *what, struct building *b)
{
	static const enum key sources[] = {KEY_COLUMN, KEY_TEMPLATE, KEY_JOIN, KEY_FIRST};
	uint32_t n = 0;
	bool optional = false;
	struct sv text;
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
		n += k->of[sources[i]] != NULL;
	if (n != 1) {
		compile_fail(c, node, n ? "%s has more than one source" : "%s has no source", what);
		err_remedy(c->e, "give exactly one of column:, template:, join: or first:");
		return RC_INPUT;
	}
	enum rc rc = compile_bool(c, k->of[KEY_OPTIONAL], "optional", &optional);
	if (rc != RC_OK)
		return rc;
	if (k->of[KEY_JOIN] || k->of[KEY_FIRST]) {
		bool join = k->of[KEY_JOIN];
		rc = items_op(c, k->of[join ? KEY_JOIN : KEY_FIRST], join ? OP_JOIN : OP_FIRST, b);
		const struct yaml_node *separator = k->of[KEY_SEPARATOR];
		if (rc == RC_OK && separator && !(join && separator->kind == YAML_IS_SCALAR))
			return compile_fail(c, separator, "separator must be a text and belongs to join");
		if (rc == RC_OK && separator)
			b->ops[b->n - 1].text = separator->scalar;
		return rc;
	}
	const struct yaml_node *at = k->of[k->of[KEY_COLUMN] ? KEY_COLUMN : KEY_TEMPLATE];
	rc = compile_text(c, at, k->of[KEY_COLUMN] ? "column" : "template", &text);
	if (rc != RC_OK)
		return rc;
	if (k->of[KEY_TEMPLATE])
		return template_op(c, at, text, optional, b);
	struct op *op = &b->ops[b->n++];
	*op = (struct op){.kind = OP_REF};
	rc = compile_ref(c, at, text, optional, &op->index);
	b->ref = op->index;
	return rc;
}

static enum rc split_op(struct compiler *c, const struct yaml_node *node, struct building *b)
{
	struct keys k = {0};
	struct op *op = &b->ops[b->n++];
	*op = (struct op){.kind = OP_SPLIT, .number = 1};
	enum rc rc = compile_keys(c, IN_SPLIT, node, &k);
	if (rc == RC_OK)
		rc = compile_text(c, k.of[KEY_BY], "by", &op->text);
	if (rc == RC_OK && !op->text.len)
		rc = compile_fail(c, k.of[KEY_BY], "the separator of split is empty");
	if (rc == RC_OK)
		rc = compile_whole(c, k.of[KEY_PART], "part", -1000, 1000, &op->number);
	if (rc == RC_OK && !op->number)
		rc = compile_fail(c, k.of[KEY_PART], "parts are counted from 1, or from -1 at the end");
	return rc;
}

static enum rc replace_ops(struct compiler *c, const struct yaml_node *node, struct building *b)
{
	if (node->kind != YAML_IS_MAP || node->n > OPS_MAX / 2) {
		compile_fail(c, node, "replace must be a map of at most %u texts", OPS_MAX / 2);
		err_remedy(c->e, "write it like {\"$\": \"\"}");
		return RC_INPUT;
	}
	for (uint32_t i = 0; i < node->n; i++) {
		if (!node->keys[i]->scalar.len || node->items[i]->kind != YAML_IS_SCALAR)
			return compile_fail(
				c, node->keys[i], "replace gives a text for a text that is not empty");
		b->ops[b->n++] = (struct op){.kind = OP_REPLACE,
			.text = node->keys[i]->scalar,
			.text2 = yaml_is_null(node->items[i]) ? SV("") : node->items[i]->scalar};
	}
	return RC_OK;
}

static enum rc case_op(struct compiler *c, const struct yaml_node *node, struct building *b)
{
	struct sv text;
	enum rc rc = compile_text(c, node, "case", &text);
	if (rc != RC_OK)
		return rc;
	bool upper = sv_equal(text, SV("upper"));
	if (!upper && !sv_equal(text, SV("lower")))
		return compile_fail(c, node, "case is lower or upper, not \"%.*s\"", SV_ARG(text));
	b->ops[b->n++] = (struct op){.kind = upper ? OP_UPPER : OP_LOWER};
	return RC_OK;
}

static enum rc map_op(struct compiler *c, const struct keys *k, struct building *b)
{
	static const struct sv names[] = {
		{"reject", 6}, {"keep", 4}, {"absent", 6}}; // in order of enum unlisted
	struct op *op = &b->ops[b->n++];
	*op = (struct op){.kind = OP_MAP, .number = k->of[KEY_DEFAULT] ? UNLISTED_ABSENT : UNLISTED_REJECT};
	enum rc rc = compile_table(c, k->of[KEY_MAP], &op->index);
	const struct yaml_node *unlisted = k->of[KEY_UNLISTED];
	if (rc != RC_OK || !unlisted)
		return rc;
	struct sv text;
	rc = compile_text(c, unlisted, "unlisted", &text);
	for (int32_t i = 0; i < 3 && rc == RC_OK; i++) {
		if (sv_equal(names[i], text)) {
			op->number = i;
			return RC_OK;
		}
	}
	return rc == RC_OK ? compile_fail(c, unlisted, "unlisted is reject, keep or absent") : rc;
}

// All steps after the source, in their order.
static enum rc change_ops(struct compiler *c, const struct keys *k, const char *what, struct building *b)
{
	bool trim = false, required = false;
	enum rc rc = compile_bool(c, k->of[KEY_TRIM], "trim", &trim);
	if (trim)
		b->ops[b->n++] = (struct op){.kind = OP_TRIM};
	if (rc == RC_OK && k->of[KEY_SPLIT])
		rc = split_op(c, k->of[KEY_SPLIT], b);
	if (rc == RC_OK && k->of[KEY_REPLACE])
		rc = replace_ops(c, k->of[KEY_REPLACE], b);
	if (rc == RC_OK && k->of[KEY_CASE])
		rc = case_op(c, k->of[KEY_CASE], b);
	if (rc == RC_OK && k->of[KEY_MAP])
		rc = map_op(c, k, b);
	else if (rc == RC_OK && k->of[KEY_UNLISTED])
		rc = compile_fail(c, k->of[KEY_UNLISTED], "unlisted belongs to map");
	if (rc == RC_OK && k->of[KEY_DEFAULT]) {
		struct op *op = &b->ops[b->n++];
		*op = (struct op){.kind = OP_DEFAULT};
		rc = compile_text(c, k->of[KEY_DEFAULT], "default", &op->text);
	}
	if (rc == RC_OK)
		rc = compile_bool(c, k->of[KEY_REQUIRED], "required", &required);
	if (rc == RC_OK && required) {
		struct sv name = arena_copy(c->m->arena, sv_from(what));
		b->ops[b->n++] = (struct op){.kind = OP_REQUIRED, .text = name};
		rc = name.ptr ? RC_OK : compile_no_memory(c);
	}
	return rc;
}

static enum rc finish(struct compiler *c, const struct building *b, struct value *out)
{
	out->ref = b->ref;
	out->ops.n = b->n;
	return compile_add(c, LIST_OPS, b->ops, b->n, &out->ops.first);
}

enum rc compile_value_keys(struct compiler *c, const struct yaml_node *node, const struct keys *k,
	const char *what, struct value *out)
{
	struct building b = {.ref = NONE32};
	if (c->depth == COMPILE_DEPTH_MAX)
		return compile_fail(c, node, "values are nested more than %u deep", COMPILE_DEPTH_MAX);
	c->depth++;
	enum rc rc = source_op(c, node, k, what, &b);
	c->depth--;
	if (rc == RC_OK)
		rc = change_ops(c, k, what, &b);
	return rc == RC_OK ? finish(c, &b, out) : rc;
}

enum rc compile_value(struct compiler *c, const struct yaml_node *node, const char *what, struct value *out)
{
	struct building b = {.ref = NONE32};
	struct keys k = {0};
	struct sv text;
	if (node->kind == YAML_IS_MAP) {
		enum rc rc = compile_keys(c, IN_VALUE, node, &k);
		return rc == RC_OK ? compile_value_keys(c, node, &k, what, out) : rc;
	}
	enum rc rc = compile_text(c, node, what, &text);
	if (rc == RC_OK)
		rc = template_op(c, node, text, false, &b);
	return rc == RC_OK ? finish(c, &b, out) : rc;
}

bool compile_is_constant(const struct compiler *c, const struct value *v)
{
	return v->ops.n && v->ref == NONE32 && compile_op(c, v->ops.first)->kind == OP_CONSTANT;
}

enum rc compile_varying(
	struct compiler *c, const struct yaml_node *node, const char *what, const char *why, struct value *out)
{
	enum rc rc = compile_value(c, node, what, out);
	if (rc != RC_OK || !compile_is_constant(c, out))
		return rc;
	struct sv text = compile_op(c, out->ops.first)->text;
	compile_fail(c, node, "%s is the text \"%.*s\" in every row%s", what, SV_ARG(text), why);
	err_remedy(c->e, "a column is written in braces: \"{%.*s}\"", SV_ARG(text));
	return RC_INPUT;
}
