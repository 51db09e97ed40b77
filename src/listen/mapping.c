// SPDX-License-Identifier: Apache-2.0
// The mapping file as a whole: its top-level keys, and the life of struct mapping.
#include "listen/mapping.h"

#include "base/mem.h"
#include "listen/mapping_compile.h"

#include <assert.h>
#include <stdio.h>

// --- how files are written ---

static enum rc one_byte(struct compiler *c, const struct yaml_node *node, const char *what, char *out)
{
	struct sv text;
	if (!node)
		return RC_OK;
	enum rc rc = compile_text(c, node, what, &text);
	if (rc != RC_OK)
		return rc;
	if (sv_equal(text, SV("tab")))
		text = SV("\t");
	if (text.len != 1 || (unsigned char)text.ptr[0] >= 0x80 || text.ptr[0] == '\n' || text.ptr[0] == '\r')
		return compile_fail(c, node, "%s must be one ASCII character", what);
	*out = text.ptr[0];
	return RC_OK;
}

static enum rc compile_encoding(struct compiler *c, const struct yaml_node *node)
{
	struct sv text;
	if (!node)
		return RC_OK;
	enum rc rc = compile_text(c, node, "encoding", &text);
	if (rc != RC_OK)
		return rc;
	bool utf8 = sv_equal_nocase(text, SV("utf-8"));
	c->m->reader.latin1 =
		sv_equal_nocase(text, SV("windows-1252")) || sv_equal_nocase(text, SV("iso-8859-1"));
	if (utf8 || c->m->reader.latin1)
		return RC_OK;
	compile_fail(c, node, "encoding \"%.*s\" is not known", SV_ARG(text));
	err_remedy(c->e, "utf-8, windows-1252 and iso-8859-1 are; convert other files with iconv first");
	return RC_INPUT;
}

static enum rc compile_csv(struct compiler *c, const struct yaml_node *node)
{
	struct reader_options *r = &c->m->reader;
	struct keys k = {0};
	struct sv *columns;
	int32_t skip = 0;
	enum rc rc = compile_keys(c, IN_CSV, node, &k);
	if (rc == RC_OK)
		rc = one_byte(c, k.of[KEY_DELIMITER], "delimiter", &r->delimiter);
	if (rc == RC_OK)
		rc = one_byte(c, k.of[KEY_QUOTE], "quote", &r->quote);
	if (rc == RC_OK)
		rc = compile_bool(c, k.of[KEY_HEADER], "header", &r->has_header);
	if (rc == RC_OK)
		rc = compile_bool(c, k.of[KEY_CSV_TRIM], "trim", &r->trim);
	if (rc == RC_OK)
		rc = compile_whole(c, k.of[KEY_SKIP_LINES], "skip lines", 0, INT32_MAX, &skip);
	if (rc == RC_OK)
		rc = compile_encoding(c, k.of[KEY_ENCODING]);
	r->skip_lines = (uint32_t)skip;
	if (rc != RC_OK || !k.of[KEY_COLUMNS])
		return rc;
	if (r->has_header) {
		compile_fail(c, k.of[KEY_COLUMNS], "columns are named here and by the header");
		err_remedy(c->e, "say header: false if the files have none, else leave columns out");
		return RC_INPUT;
	}
	rc = compile_texts(c, k.of[KEY_COLUMNS], "columns", &columns, &r->n_columns);
	r->columns = columns;
	if (rc == RC_OK && r->n_columns > RECORD_FIELDS_MAX)
		rc = compile_fail(c, k.of[KEY_COLUMNS], "more than %d columns", RECORD_FIELDS_MAX);
	return rc;
}

static enum rc compile_format(struct compiler *c, const struct keys *k)
{
	const struct yaml_node *node = k->of[KEY_FORMAT];
	struct sv text = SV("csv");
	enum rc rc = node ? compile_text(c, node, "format", &text) : RC_OK;
	if (rc != RC_OK)
		return rc;
	c->m->reader.has_header = true;
	c->m->reader.xes = sv_equal(text, SV("xes"));
	c->m->reader.format = c->m->reader.xes || sv_equal(text, SV("ndjson")) ? RECORD_NDJSON : RECORD_CSV;
	if (c->m->reader.format == RECORD_CSV && !sv_equal(text, SV("csv"))) {
		compile_fail(c, node, "format \"%.*s\" is not known", SV_ARG(text));
		err_remedy(c->e, "write csv, ndjson or xes (compressed or not makes no difference)");
		return RC_INPUT;
	}
	if (!k->of[KEY_CSV])
		return RC_OK;
	if (c->m->reader.format == RECORD_NDJSON)
		return compile_fail(c, k->of[KEY_CSV], "csv: is given but the format is %.*s", SV_ARG(text));
	return compile_csv(c, k->of[KEY_CSV]);
}

static enum rc compile_empty(struct compiler *c, const struct yaml_node *node)
{
	struct mapping *m = c->m;
	enum rc rc = node ? compile_texts(c, node, "empty", &m->empty, &m->n_empty) : RC_OK;
	for (uint32_t i = 0; i < m->n_empty && rc == RC_OK; i++)
		m->empty_lengths |= UINT64_C(1) << (m->empty[i].len > 63 ? 63 : m->empty[i].len);
	return rc;
}

// --- the whole ---

static enum rc compile_head(struct compiler *c, const struct keys *k)
{
	struct mapping *m = c->m;
	if (k->of[KEY_MAPPING]->kind != YAML_IS_SCALAR || !sv_equal(k->of[KEY_MAPPING]->scalar, SV("1"))) {
		compile_fail(c, k->of[KEY_MAPPING], "this is no mapping file of format 1");
		err_remedy(c->e, "write mapping: 1");
		return RC_INPUT;
	}
	enum rc rc = compile_text(c, k->of[KEY_SOURCE], "source", &m->source);
	if (rc == RC_OK && !m->source.len)
		rc = compile_fail(c, k->of[KEY_SOURCE], "source is empty");
	if (rc == RC_OK)
		rc = compile_format(c, k);
	if (rc == RC_OK && k->of[KEY_TIMEZONE])
		rc = compile_zone(c, k->of[KEY_TIMEZONE], &m->zone);
	m->reader.zone = m->zone == NONE32 ? c->d->tz : m->zones[m->zone];
	if (rc == RC_OK)
		rc = compile_formats(c, k->of[KEY_TIMES], &c->default_formats);
	if (rc == RC_OK)
		rc = compile_empty(c, k->of[KEY_EMPTY]);
	return rc == RC_OK ? compile_tables(c, k->of[KEY_TABLES]) : rc;
}

// What an event of an XES log becomes, where the mapping does not say otherwise.
static const char xes_text[] =
	"event: \"{_event}\"\n"
	"id: {first: [\"{identity:id}\", \"{trace.concept:name}/{_position}\"]}\n"
	"customer: {case: \"{trace.concept:name}\"}\n"
	"at: \"{time:timestamp}\"\n"
	"agent: \"{org:resource}\"\n"
	"measures: {duration: \"{_duration}\"}\n"
	"properties: all\n"
	"properties except: [_event, _position, _duration, _completed, identity:id, concept:name,\n"
	"  trace.concept:name, time:timestamp, org:resource, lifecycle:transition]\n";

static enum rc xes_defaults(struct compiler *c, struct keys *out)
{
	struct yaml_node *root;
	enum rc rc = yaml_parse(sv_from(xes_text), "the defaults for XES", c->m->arena, NULL, &root, c->e);
	return rc == RC_OK ? compile_keys(c, IN_COMMON, root, out) : rc;
}

static enum rc compile_rules(struct compiler *c, const struct keys *k)
{
	const struct yaml_node *node = k->of[KEY_INTERACTIONS];
	struct keys common = {0};
	struct yaml_node whole = {.kind = YAML_IS_MAP, .line = 1, .column = 1};
	enum rc rc = c->m->reader.xes ? xes_defaults(c, &common) : RC_OK;
	c->defaults = common;
	if (rc == RC_OK && k->of[KEY_COMMON])
		rc = compile_keys(c, IN_COMMON, k->of[KEY_COMMON], &common);
	if (rc != RC_OK)
		return rc;
	if (!node && !c->m->reader.xes) {
		compile_fail(c, &whole, "the key \"%s\" is missing", mapping_keys[KEY_INTERACTIONS].name);
		err_remedy(c->e, "%s: %s", mapping_keys[KEY_INTERACTIONS].name,
			mapping_keys[KEY_INTERACTIONS].about);
		return RC_INPUT;
	}
	if (!node)
		return compile_rule(c, &whole, &common);
	if (node->kind == YAML_IS_MAP)
		return compile_rule(c, node, &common);
	if (node->kind != YAML_IS_LIST || !node->n || node->n > COMPILE_ITEMS_MAX)
		return compile_fail(c, node, "interactions must be a list of 1 to %u maps", COMPILE_ITEMS_MAX);
	for (uint32_t i = 0; i < node->n && rc == RC_OK; i++)
		rc = compile_rule(c, node->items[i], &common);
	return rc;
}

// Columns that must be in the file, for finding its header. Columns named here are checked at once.
static enum rc compile_required(struct compiler *c)
{
	struct mapping *m = c->m;
	m->required = arena_array(m->arena, m->n_refs + 1, sizeof(*m->required));
	if (!m->required)
		return compile_no_memory(c);
	for (uint32_t i = 0; i < m->n_refs; i++) {
		const struct ref *r = &m->refs[i];
		if (r->kind != REF_COLUMN || !r->required)
			continue;
		m->required[m->n_required++] = r->name;
		bool named = !m->reader.columns;
		for (uint32_t at = 0; at < m->reader.n_columns && !named; at++)
			named = sv_equal(m->reader.columns[at], r->name);
		if (!named) {
			struct yaml_node at = {.line = r->line, .column = r->column};
			compile_fail(c, &at, "there is no column \"%.*s\" among those of csv: columns",
				SV_ARG(r->name));
			return RC_INPUT;
		}
	}
	return RC_OK;
}

static const uint32_t list_sizes[LIST_COUNT] = {
	[LIST_REFS] = sizeof(struct ref),
	[LIST_OPS] = sizeof(struct op),
	[LIST_PARTS] = sizeof(struct part),
	[LIST_ITEMS] = sizeof(struct value),
	[LIST_TIMES] = sizeof(struct time_spec),
	[LIST_NUMBERS] = sizeof(struct number_spec),
	[LIST_CONDS] = sizeof(struct cond),
	[LIST_COND_ITEMS] = sizeof(uint32_t),
	[LIST_TEXTS] = sizeof(struct sv),
	[LIST_SETS] = sizeof(struct property_set),
	[LIST_RULES] = sizeof(struct rule),
};

// The list's bytes, moved to the mapping's arena. NULL when out of memory.
static void *list_take(struct compiler *c, enum list_id id, uint32_t *n)
{
	const struct list *l = &c->lists[id];
	void *to = arena_array(c->m->arena, (size_t)l->n + 1, l->size);
	if (to && l->n)
		memcpy(to, l->items, (size_t)l->n * l->size);
	*n = l->n;
	return to;
}

static enum rc take_lists(struct compiler *c)
{
	struct mapping *m = c->m;
	m->refs = list_take(c, LIST_REFS, &m->n_refs);
	m->ops = list_take(c, LIST_OPS, &m->n_ops);
	m->parts = list_take(c, LIST_PARTS, &m->n_parts);
	m->items = list_take(c, LIST_ITEMS, &m->n_items);
	m->times = list_take(c, LIST_TIMES, &m->n_times);
	m->numbers = list_take(c, LIST_NUMBERS, &m->n_numbers);
	m->conds = list_take(c, LIST_CONDS, &m->n_conds);
	m->cond_items = list_take(c, LIST_COND_ITEMS, &m->n_cond_items);
	m->texts = list_take(c, LIST_TEXTS, &m->n_texts);
	m->sets = list_take(c, LIST_SETS, &m->n_sets);
	m->rules = list_take(c, LIST_RULES, &m->n_rules);
	bool all = m->refs && m->ops && m->parts && m->items && m->times && m->numbers && m->conds &&
		   m->cond_items && m->texts && m->sets && m->rules;
	return all ? RC_OK : compile_no_memory(c);
}

static enum rc compile_file(struct compiler *c, struct sv text)
{
	struct yaml_node *root;
	struct keys k = {0};
	c->m->file_name = arena_copy(c->m->arena, sv_from(c->file_name));
	if (!c->m->file_name.ptr)
		return compile_no_memory(c);
	enum rc rc = yaml_parse(text, c->file_name, c->m->arena, NULL, &root, c->e);
	if (rc != RC_OK)
		return rc;
	rc = compile_keys(c, IN_FILE, root, &k);
	if (rc == RC_OK)
		rc = compile_head(c, &k);
	if (rc == RC_OK)
		rc = compile_rules(c, &k);
	if (rc == RC_OK)
		rc = take_lists(c);
	return rc == RC_OK ? compile_required(c) : rc;
}

enum rc mapping_parse(
	struct sv text, const char *file_name, const struct design *d, struct mapping **out, struct err *e)
{
	struct err own = ERR_NONE;
	struct compiler c = {.d = d, .e = e ? e : &own, .file_name = file_name ? file_name : "mapping"};
	*out = NULL;
	struct mapping *m = mem_calloc(1, sizeof(*m));
	if (!m)
		return err_set(e, RC_NOMEM, "out of memory for the mapping");
	m->magic = MAPPING_MAGIC;
	m->design = d;
	m->zone = NONE32;
	m->arena = arena_new(YAML_ARENA_BYTES);
	c.m = m;
	for (int i = 0; i < LIST_COUNT; i++)
		c.lists[i].size = list_sizes[i];
	enum rc rc = m->arena ? compile_file(&c, text) : compile_no_memory(&c);
	for (int i = 0; i < LIST_COUNT; i++)
		mem_free(c.lists[i].items);
	if (rc == RC_OK)
		*out = m;
	else
		mapping_free(&m);
	return rc;
}

void mapping_free(struct mapping **m)
{
	struct mapping *x = *m;
	if (!x)
		return;
	assert(x->magic == MAPPING_MAGIC);
	mapping_tables_free(x);
	for (uint32_t i = 0; i < x->n_formats; i++) {
		for (uint32_t at = 0; at < x->formats[i].n; at++)
			time_format_free(&x->formats[i].items[at]);
	}
	for (uint32_t i = 0; i < x->n_zones; i++)
		tz_free(&x->zones[i]);
	arena_free(&x->arena);
	mem_free(x);
	*m = NULL;
}

struct sv mapping_source(struct sv text, struct arena *a)
{
	struct arena *tree = arena_new(YAML_ARENA_BYTES);
	struct yaml_node *root = NULL;
	struct sv source = SV_NONE;
	if (tree)
		yaml_parse(text, "mapping", tree, NULL, &root, NULL);
	const struct yaml_node *node = yaml_get(root, sv_from(mapping_keys[KEY_SOURCE].name));
	if (node && node->kind == YAML_IS_SCALAR && node->scalar.len)
		source = arena_copy(a, node->scalar);
	arena_free(&tree);
	return source;
}

const struct reader_options *mapping_reader_options(const struct mapping *m)
{
	assert(m->magic == MAPPING_MAGIC);
	return &m->reader;
}

const struct sv *mapping_required_columns(const struct mapping *m, uint32_t *n)
{
	assert(m->magic == MAPPING_MAGIC);
	*n = m->n_required;
	return m->required;
}
