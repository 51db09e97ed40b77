// SPDX-License-Identifier: Apache-2.0
// Tables of values: `Yes` → `1`. A look-up is one hash of the value.
#include "base/mem.h"
#include "listen/mapping_compile.h"

#define TABLE_ENTRIES_MAX 100000u
#define TABLES_MAX 1000u

// Appends a table from a map of texts.
static enum rc table_add(struct compiler *c, struct sv name, const struct yaml_node *node, uint32_t *out)
{
	struct mapping *m = c->m;
	if (node->kind != YAML_IS_MAP || !node->n) {
		compile_fail(c, node, "a table must be a map of texts, not %s", yaml_kind_name(node));
		err_remedy(c->e, "write it like {Yes: 1, No: 0}");
		return RC_INPUT;
	}
	if (node->n > TABLE_ENTRIES_MAX || m->n_tables == TABLES_MAX)
		return compile_fail(
			c, node, "more than %u tables or %u entries of one", TABLES_MAX, TABLE_ENTRIES_MAX);
	struct table *t = &m->tables[m->n_tables];
	t->name = name;
	t->keys = dict_new(node->n);
	t->texts = arena_array(m->arena, node->n, sizeof(*t->texts));
	*out = m->n_tables++;
	if (!t->keys || !t->texts)
		return compile_no_memory(c);
	for (uint32_t i = 0; i < node->n; i++) {
		if (node->items[i]->kind != YAML_IS_SCALAR)
			return compile_fail(c, node->items[i], "a table gives texts, not %s",
				yaml_kind_name(node->items[i]));
		uint32_t code = dict_add(t->keys, node->keys[i]->scalar);
		if (code == DICT_NONE)
			return compile_no_memory(c);
		// A null makes the value absent, as the empty text does.
		t->texts[code] = yaml_is_null(node->items[i]) ? SV("") : node->items[i]->scalar;
	}
	return RC_OK;
}

enum rc compile_tables(struct compiler *c, const struct yaml_node *node)
{
	struct mapping *m = c->m;
	m->tables = arena_array(m->arena, TABLES_MAX, sizeof(*m->tables));
	if (!m->tables)
		return compile_no_memory(c);
	if (!node)
		return RC_OK;
	if (node->kind != YAML_IS_MAP)
		return compile_fail(
			c, node, "tables must be a map of name → table, not %s", yaml_kind_name(node));
	enum rc rc = RC_OK;
	uint32_t at;
	for (uint32_t i = 0; i < node->n && rc == RC_OK; i++)
		rc = table_add(c, node->keys[i]->scalar, node->items[i], &at);
	return rc;
}

static struct sv table_name(const void *tables, uint32_t i)
{
	const struct table *t = tables;
	return t[i].name;
}

enum rc compile_table(struct compiler *c, const struct yaml_node *node, uint32_t *out)
{
	if (node->kind == YAML_IS_MAP)
		return table_add(c, SV(""), node, out);
	struct sv name;
	enum rc rc = compile_text(c, node, "map", &name);
	if (rc != RC_OK)
		return rc;
	for (uint32_t i = 0; i < c->m->n_tables; i++) {
		if (c->m->tables[i].name.len && sv_equal(c->m->tables[i].name, name)) {
			*out = i;
			return RC_OK;
		}
	}
	compile_fail(c, node, "there is no table \"%.*s\"", SV_ARG(name));
	uint32_t n_named = 0;
	while (n_named < c->m->n_tables && c->m->tables[n_named].name.len)
		n_named++;
	if (n_named)
		compile_remedy_names(c, name, table_name, c->m->tables, n_named);
	else
		err_remedy(c->e, "write it under tables:, or in place: map: {Yes: 1, No: 0}");
	return RC_INPUT;
}

void mapping_tables_free(struct mapping *m)
{
	for (uint32_t i = 0; i < m->n_tables; i++)
		dict_free(&m->tables[i].keys);
}
