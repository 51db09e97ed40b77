// SPDX-License-Identifier: Apache-2.0
// Reads filter expressions (--where). Grammar, also in docs/queries.md:
//
//   expression = term { "or" term }
//   term       = factor { "and" factor }
//   factor     = "not" factor | "(" expression ")" | condition
//   condition  = FIELD ( "=" | "!=" ) VALUE { "," VALUE }        any of them; none of them
//              | FIELD ( "<" | "<=" | ">" | ">=" ) VALUE
//              | FIELD [ "not" ] "in" "(" VALUE { "," VALUE } ")"
//              | FIELD "exists" | FIELD "missing"
//
// A VALUE is quoted with ' or " (doubled to mean itself), or runs bare to the next `,`, `)`, `and`, `or` or the end
// (parentheses within it pair).
// In a bare value of a name, `*` stands for any characters.
#include "measure/filter.h"

#include <math.h>

enum compare { COMPARE_EQ, COMPARE_NE, COMPARE_LT, COMPARE_LE, COMPARE_GT, COMPARE_GE };

struct parser {
	struct run *run;
	struct sv text;
	size_t at;
	unsigned depth;
	uint32_t n_nodes;
	struct err *e;
};

struct value {
	struct sv text;
	bool quoted;
};

static enum rc mistake(struct parser *p, const char *what)
{
	err_set(p->e, RC_USAGE, "filter “%.*s”: %s at character %zu", SV_ARG(p->text), what, p->at + 1);
	err_remedy(p->e, "write FIELD OP VALUE with OP one of = != < <= > >= in exists missing, joined by and, "
			 "or, not and "
			 "parentheses");
	return RC_USAGE;
}

// --- lexing ---

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool ends_word(char c)
{
	return is_space(c) || c == '(' || c == ')' || c == ',' || c == '=' || c == '!' || c == '<' ||
	       c == '>' || c == '"' || c == '\'';
}

static void skip_space(struct parser *p)
{
	while (p->at < p->text.len && is_space(p->text.ptr[p->at]))
		p->at++;
}

// The bare word at `at`, without moving.
static struct sv peek_word(const struct parser *p, size_t at)
{
	size_t end = at;
	while (end < p->text.len && !ends_word(p->text.ptr[end]))
		end++;
	return (struct sv){p->text.ptr + at, end - at};
}

static bool take_word(struct parser *p, struct sv word)
{
	skip_space(p);
	if (!sv_equal_nocase(peek_word(p, p->at), word))
		return false;
	p->at += word.len;
	return true;
}

static bool take_char(struct parser *p, char c)
{
	skip_space(p);
	if (p->at >= p->text.len || p->text.ptr[p->at] != c)
		return false;
	p->at++;
	return true;
}

static enum rc take_quoted(struct parser *p, struct sv *out)
{
	char quote = p->text.ptr[p->at++];
	char *copy = arena_alloc(p->run->scratch, p->text.len + 1);
	if (!copy)
		return err_set(p->e, RC_NOMEM, "out of memory for a filter");
	size_t n = 0;
	while (p->at < p->text.len) {
		char c = p->text.ptr[p->at++];
		if (c == quote) {
			if (p->at >= p->text.len || p->text.ptr[p->at] != quote) {
				*out = (struct sv){copy, n};
				return RC_OK;
			}
			p->at++;
		}
		copy[n++] = c;
	}
	return mistake(p, "a quoted value does not end");
}

static bool ends_bare_value(const struct parser *p, size_t at)
{
	char c = p->text.ptr[at];
	if (c == ',' || c == ')')
		return true;
	if (at == 0 || !is_space(p->text.ptr[at - 1]))
		return false;
	struct sv word = peek_word(p, at);
	return sv_equal_nocase(word, SV("and")) || sv_equal_nocase(word, SV("or"));
}

static enum rc take_value(struct parser *p, struct value *out)
{
	skip_space(p);
	if (p->at >= p->text.len)
		return mistake(p, "a value is missing");
	char c = p->text.ptr[p->at];
	out->quoted = c == '"' || c == '\'';
	if (out->quoted)
		return take_quoted(p, &out->text);
	size_t start = p->at, parentheses = 0;
	while (p->at < p->text.len && (parentheses || !ends_bare_value(p, p->at))) {
		parentheses += p->text.ptr[p->at] == '(';
		parentheses -= p->text.ptr[p->at] == ')';
		p->at++;
	}
	if (parentheses)
		return mistake(p, "a closing parenthesis is missing");
	out->text = sv_trim((struct sv){p->text.ptr + start, p->at - start});
	return out->text.len ? RC_OK : mistake(p, "a value is missing");
}

static enum rc take_field(struct parser *p, struct sv *out)
{
	skip_space(p);
	if (p->at < p->text.len && (p->text.ptr[p->at] == '"' || p->text.ptr[p->at] == '\''))
		return take_quoted(p, out);
	*out = peek_word(p, p->at);
	if (!out->len)
		return mistake(
			p, p->at < p->text.len ? "a field's name is expected" : "an expression is missing");
	p->at += out->len;
	return RC_OK;
}

static const struct {
	struct sv text;
	enum compare compare;
} compares[] = {{{"==", 2}, COMPARE_EQ}, {{"!=", 2}, COMPARE_NE}, {{"<>", 2}, COMPARE_NE},
	{{"<=", 2}, COMPARE_LE}, {{">=", 2}, COMPARE_GE}, {{"=", 1}, COMPARE_EQ}, {{"<", 1}, COMPARE_LT},
	{{">", 1}, COMPARE_GT}};

static bool take_compare(struct parser *p, enum compare *out)
{
	skip_space(p);
	struct sv rest = {p->text.ptr + p->at, p->text.len - p->at};
	for (size_t i = 0; i < sizeof(compares) / sizeof(compares[0]); i++)
		if (sv_starts(rest, compares[i].text)) {
			*out = compares[i].compare;
			p->at += compares[i].text.len;
			return true;
		}
	return false;
}

// --- values of names ---

// Glob with `*` only; linear, because only the last star is ever taken back.
static bool glob_matches(struct sv pattern, struct sv s)
{
	size_t i = 0, j = 0, star = SIZE_MAX, back = 0;
	while (j < s.len) {
		if (i < pattern.len && pattern.ptr[i] == '*') {
			star = i++;
			back = j;
		} else if (i < pattern.len && pattern.ptr[i] == s.ptr[j]) {
			i++;
			j++;
		} else if (star != SIZE_MAX) {
			i = star + 1;
			j = ++back;
		} else {
			return false;
		}
	}
	while (i < pattern.len && pattern.ptr[i] == '*')
		i++;
	return i == pattern.len;
}

static bool has_star(const struct value *v)
{
	return !v->quoted && v->text.len && memchr(v->text.ptr, '*', v->text.len) != NULL;
}

static enum rc unknown_value(struct parser *p, const struct attribute *a, struct sv value)
{
	if (!a->closed) {
		run_note(p->run, "no interaction has %.*s “%.*s”", SV_ARG(a->name), SV_ARG(value));
		return RC_OK;
	}
	struct suggestion s = suggestion_new(value);
	for (uint32_t i = 1; i < a->n_values; i++)
		suggestion_add(&s, attribute_label(p->run, a, i));
	err_set(p->e, RC_USAGE, "unknown %.*s “%.*s”", SV_ARG(a->name), SV_ARG(value));
	suggestion_remedy(&s, p->e, "the names are those of the corridor file; see `corridor check`");
	return RC_USAGE;
}

// Marks the values of the attribute that v means.
static enum rc mark_values(
	struct parser *p, const struct attribute *a, const struct value *v, uint8_t *value_wanted)
{
	bool star = has_star(v), any = false;
	for (uint32_t i = star ? 1 : 0; i < a->n_values; i++) {
		struct sv label = attribute_label(p->run, a, i);
		bool same = label.ptr && (star ? glob_matches(v->text, label) : sv_equal(v->text, label));
		value_wanted[i] |= same;
		any |= same;
	}
	return any ? RC_OK : unknown_value(p, a, v->text);
}

static enum rc codes_node(
	struct parser *p, const struct attribute *a, uint8_t *value_wanted, struct filter_node **out)
{
	if (a->kind == ATTRIBUTE_PERSON) {
		*out = filter_person(p->run, a, value_wanted, 0.0, 0.0, false, false, p->e);
		return *out ? RC_OK : RC_NOMEM;
	}
	struct filter_node *node = filter_codes(p->run, a->column, a->n_codes, p->e);
	if (!node)
		return RC_NOMEM;
	for (uint32_t code = 0; code < a->n_codes; code++)
		node->wanted[code] = value_wanted[a->map ? a->map[code] : code];
	*out = node;
	return RC_OK;
}

// A name without codes: nothing is stored, so all rows are "absent"; that is a table with the one code 0.
static enum rc codes_condition(struct parser *p, const struct attribute *a, enum compare compare,
	const struct value *values, uint32_t n_values, struct filter_node **out)
{
	if (compare != COMPARE_EQ && compare != COMPARE_NE)
		return mistake(p, "names can be compared with = and != only");
	uint8_t *wanted = arena_alloc(p->run->scratch, a->n_values);
	if (!wanted)
		return err_set(p->e, RC_NOMEM, "out of memory for a filter");
	for (uint32_t i = 0; i < n_values; i++) {
		enum rc rc = mark_values(p, a, &values[i], wanted);
		if (rc != RC_OK)
			return rc;
	}
	if (compare == COMPARE_NE)
		for (uint32_t i = 0; i < a->n_values; i++)
			wanted[i] = !wanted[i];
	return codes_node(p, a, wanted, out);
}

// --- numbers: measures, and those of persons ---

static enum rc number_leaf(struct parser *p, const struct attribute *a, double min, double max, bool min_open,
	bool max_open, struct filter_node **out)
{
	if (a->kind == ATTRIBUTE_PERSON_NUMBER) {
		*out = filter_person(p->run, a, NULL, min, max, min_open, max_open, p->e);
		return *out ? RC_OK : RC_NOMEM;
	}
	struct predicate predicate = {
		.kind = PREDICATE_MEASURE, .min = min, .max = max, .min_open = min_open, .max_open = max_open};
	bool stored = run_want_measure(p->run, a->measure);
	predicate.measure_slot = names_measure_slot(p->run->names, p->run->design, a->measure);
	*out = filter_condition(p->run, &predicate, p->e);
	if (!*out)
		return RC_NOMEM;
	(*out)->never = !stored;
	return RC_OK;
}

static enum rc number_compare(struct parser *p, const struct attribute *a, enum compare compare, struct sv text,
	struct filter_node **out)
{
	const double inf = (double)INFINITY;
	double x;
	if (sv_equal(text, SV("(none)"))) {
		err_set(p->e, RC_USAGE, "%.*s is a number: there is no value %.*s", SV_ARG(a->name),
			SV_ARG(text));
		err_remedy(p->e, "write `%.*s missing` or `%.*s exists`", SV_ARG(a->name), SV_ARG(a->name));
		return RC_USAGE;
	}
	struct sv unit = a->kind == ATTRIBUTE_MEASURE ? p->run->design->measures[a->measure].unit : a->unit;
	enum rc rc = design_quantity_parse(p->run->design, text, unit, &x, p->e);
	if (rc != RC_OK)
		return rc;
	switch (compare) {
	case COMPARE_EQ:
		return number_leaf(p, a, x, x, false, false, out);
	case COMPARE_LT:
		return number_leaf(p, a, -inf, x, false, true, out);
	case COMPARE_LE:
		return number_leaf(p, a, -inf, x, false, false, out);
	case COMPARE_GT:
		return number_leaf(p, a, x, inf, true, false, out);
	case COMPARE_GE:
		return number_leaf(p, a, x, inf, false, false, out);
	case COMPARE_NE:
		break;
	}
	// Present and different.
	struct filter_node *below, *above;
	rc = number_leaf(p, a, -inf, x, false, true, &below);
	if (rc == RC_OK)
		rc = number_leaf(p, a, x, inf, true, false, &above);
	if (rc != RC_OK)
		return rc;
	*out = filter_join(p->run, FILTER_OR, below, above, p->e);
	return *out ? RC_OK : RC_NOMEM;
}

// --- time and customer ---

static enum rc time_compare(struct parser *p, enum compare compare, struct sv text, struct filter_node **out)
{
	int64_t start, end;
	enum rc rc = time_parse_bound(p->run->design->tz, text, false, &start, p->e);
	if (rc == RC_OK)
		rc = time_parse_bound(p->run->design->tz, text, true, &end, p->e);
	if (rc != RC_OK)
		return rc;
	if (end <= start)
		end = start + 1; // an instant, not a day or a month
	struct predicate predicate = {.kind = PREDICATE_TIME, .from_ms = INT64_MIN, .to_ms = INT64_MAX};
	if (compare == COMPARE_GT || compare == COMPARE_GE || compare == COMPARE_EQ || compare == COMPARE_NE)
		predicate.from_ms = compare == COMPARE_GT ? end : start;
	if (compare == COMPARE_LT || compare == COMPARE_LE || compare == COMPARE_EQ || compare == COMPARE_NE)
		predicate.to_ms = compare == COMPARE_LT ? start : end;
	*out = filter_condition(p->run, &predicate, p->e);
	if (*out && compare == COMPARE_NE)
		*out = filter_not(p->run, *out, p->e);
	return *out ? RC_OK : RC_NOMEM;
}

static enum rc customer_compare(
	struct parser *p, enum compare compare, struct sv text, struct filter_node **out)
{
	struct sv value, type = sv_cut(text, ':', &value);
	if (compare != COMPARE_EQ || !value.len || !type.len) {
		err_set(p->e, RC_USAGE, "a customer is compared with = and an identity, not “%.*s”",
			SV_ARG(text));
		err_remedy(p->e, "write customer = TYPE:VALUE, for example customer = user:u-17");
		return RC_USAGE;
	}
	struct predicate predicate = {.kind = PREDICATE_PERSON, .person = person_of(type, value)};
	struct sv *identities;
	uint32_t n; // whoever has interactions has identities
	enum rc rc =
		snapshot_identities(p->run->snapshot, predicate.person, p->run->scratch, &identities, &n, p->e);
	if (rc != RC_OK)
		return rc;
	if (n == 0)
		run_note(p->run, "no interaction has customer “%.*s”", SV_ARG(text));
	*out = filter_condition(p->run, &predicate, p->e);
	return *out ? RC_OK : RC_NOMEM;
}

// --- texts ---

static enum rc text_compare(struct parser *p)
{
	err_set(p->e, RC_USAGE, "filter “%.*s”: a text cannot be compared", SV_ARG(p->text));
	err_remedy(p->e, "write `text exists` or `text missing`");
	return RC_USAGE;
}

static enum rc text_presence(struct parser *p, bool wanted, struct filter_node **out)
{
	const struct predicate predicate = {.kind = PREDICATE_TEXT, .wanted_absent = !wanted};
	*out = filter_condition(p->run, &predicate, p->e);
	return *out ? RC_OK : RC_NOMEM;
}

// --- conditions ---

static enum rc compare_one(struct parser *p, const struct attribute *a, enum compare compare,
	const struct value *v, struct filter_node **out)
{
	switch (a->kind) {
	case ATTRIBUTE_CODES:
		return codes_condition(p, a, compare, v, 1, out);
	case ATTRIBUTE_MEASURE:
	case ATTRIBUTE_PERSON_NUMBER:
		return number_compare(p, a, compare, v->text, out);
	case ATTRIBUTE_PERSON:
		return codes_condition(p, a, compare, v, 1, out);
	case ATTRIBUTE_TIME:
		return time_compare(p, compare, v->text, out);
	case ATTRIBUTE_TEXT:
		return text_compare(p);
	case ATTRIBUTE_CUSTOMER:
		break;
	}
	return customer_compare(p, compare, v->text, out);
}

// One value, or several with commas between: any of them for =, none of them for !=.
static enum rc parse_values(
	struct parser *p, const struct attribute *a, enum compare compare, struct filter_node **out)
{
	struct filter_node *all = NULL;
	do {
		struct value v;
		struct filter_node *one;
		enum rc rc = take_value(p, &v);
		if (rc == RC_OK && all && compare != COMPARE_EQ && compare != COMPARE_NE)
			return mistake(p, "only = and != take several values");
		if (rc == RC_OK)
			rc = compare_one(p, a, compare, &v, &one);
		if (rc != RC_OK)
			return rc;
		if (++p->n_nodes > FILTER_NODES_MAX)
			return mistake(p, "too many conditions");
		enum filter_kind join = compare == COMPARE_NE ? FILTER_AND : FILTER_OR;
		all = all ? filter_join(p->run, join, all, one, p->e) : one;
		if (!all)
			return RC_NOMEM;
	} while (take_char(p, ','));
	*out = all;
	return RC_OK;
}

static enum rc parse_in(struct parser *p, const struct attribute *a, bool negated, struct filter_node **out)
{
	if (!take_char(p, '('))
		return mistake(p, "“in” wants values in parentheses");
	enum rc rc = parse_values(p, a, COMPARE_EQ, out);
	if (rc != RC_OK)
		return rc;
	if (!take_char(p, ')'))
		return mistake(p, "a closing parenthesis is missing");
	if (negated)
		*out = filter_not(p->run, *out, p->e);
	return *out ? RC_OK : RC_NOMEM;
}

static enum rc parse_presence(
	struct parser *p, const struct attribute *a, bool wanted, struct filter_node **out)
{
	const double inf = (double)INFINITY;
	enum rc rc = RC_OK;
	if (a->kind == ATTRIBUTE_TEXT)
		return text_presence(p, wanted, out);
	if (a->kind == ATTRIBUTE_MEASURE || a->kind == ATTRIBUTE_PERSON_NUMBER) {
		rc = number_leaf(p, a, -inf, inf, false, false, out);
	} else if (a->kind == ATTRIBUTE_CODES || a->kind == ATTRIBUTE_PERSON) {
		uint8_t *values = arena_alloc(p->run->scratch, a->n_values);
		if (!values)
			return err_set(p->e, RC_NOMEM, "out of memory for a filter");
		for (uint32_t i = 1; i < a->n_values; i++)
			values[i] = 1;
		rc = codes_node(p, a, values, out);
	} else {
		return mistake(p,
			"every interaction has a time and a customer, so “exists” and “missing” do not apply");
	}
	if (rc == RC_OK && !wanted)
		*out = filter_not(p->run, *out, p->e);
	return rc != RC_OK ? rc : *out ? RC_OK : RC_NOMEM;
}

static enum rc parse_condition(struct parser *p, struct filter_node **out)
{
	struct sv field;
	struct attribute a;
	enum rc rc = take_field(p, &field);
	if (rc == RC_OK)
		rc = attribute_open(p->run, field, &a, p->e);
	if (rc != RC_OK)
		return rc;
	if (++p->n_nodes > FILTER_NODES_MAX)
		return mistake(p, "too many conditions");
	enum compare compare;
	if (take_compare(p, &compare)) {
		return parse_values(p, &a, compare, out);
	}
	if (take_word(p, SV("exists")))
		return parse_presence(p, &a, true, out);
	if (take_word(p, SV("missing")))
		return parse_presence(p, &a, false, out);
	bool negated = take_word(p, SV("not"));
	if (take_word(p, SV("in")))
		return parse_in(p, &a, negated, out);
	return mistake(p, "an operator is expected");
}

static enum rc parse_or(struct parser *p, struct filter_node **out);

static enum rc parse_factor(struct parser *p, struct filter_node **out)
{
	if (p->depth >= FILTER_DEPTH_MAX)
		return mistake(p, "nested too deeply");
	p->depth++;
	enum rc rc;
	if (take_word(p, SV("not"))) {
		rc = parse_factor(p, out);
		if (rc == RC_OK && !(*out = filter_not(p->run, *out, p->e)))
			rc = RC_NOMEM;
	} else if (take_char(p, '(')) {
		rc = parse_or(p, out);
		if (rc == RC_OK && !take_char(p, ')'))
			rc = mistake(p, "a closing parenthesis is missing");
	} else {
		rc = parse_condition(p, out);
	}
	p->depth--;
	return rc;
}

static enum rc parse_and(struct parser *p, struct filter_node **out)
{
	enum rc rc = parse_factor(p, out);
	while (rc == RC_OK && take_word(p, SV("and"))) {
		struct filter_node *right;
		rc = parse_factor(p, &right);
		if (rc == RC_OK && !(*out = filter_join(p->run, FILTER_AND, *out, right, p->e)))
			rc = RC_NOMEM;
	}
	return rc;
}

static enum rc parse_or(struct parser *p, struct filter_node **out)
{
	enum rc rc = parse_and(p, out);
	while (rc == RC_OK && take_word(p, SV("or"))) {
		struct filter_node *right;
		rc = parse_and(p, &right);
		if (rc == RC_OK && !(*out = filter_join(p->run, FILTER_OR, *out, right, p->e)))
			rc = RC_NOMEM;
	}
	return rc;
}

enum rc filter_parse(struct run *run, struct sv text, struct filter_node **out, struct err *e)
{
	struct err local = ERR_NONE;
	struct parser p = {.run = run, .text = text.ptr ? text : SV(""), .e = &local};
	if (text.len > FILTER_TEXT_MAX)
		return err_set(e, RC_USAGE, "a filter is longer than %d bytes", FILTER_TEXT_MAX);
	enum rc rc = parse_or(&p, out);
	skip_space(&p);
	if (rc == RC_OK && p.at < text.len)
		rc = mistake(&p, "more text than expected");
	if (rc == RC_OK)
		return RC_OK;
	// Whatever is wrong inside a filter is the asker's.
	if (rc == RC_INPUT)
		local.rc = RC_USAGE;
	return err_take(e, &local);
}

// --- a filter as a parameter ---

static bool is_word(struct sv text)
{
	for (size_t i = 0; i < text.len; i++)
		if (ends_word(text.ptr[i]))
			return false;
	return text.len > 0;
}

// One word can only be meant as a touch point.
static enum rc unknown_touchpoint(const struct run *run, const char *what, struct sv name, struct err *e)
{
	struct suggestion s = suggestion_new(name);
	for (uint32_t i = 0; i < run->design->n_touchpoints; i++)
		suggestion_add(&s, run->design->touchpoints[i].name);
	err_set(e, RC_USAGE, "%s: there is no touch point “%.*s”", what, SV_ARG(name));
	suggestion_remedy(&s, e, "give the key of a touch point of the corridor file, or a filter");
	return RC_USAGE;
}

enum rc filter_open(struct run *run, const char *what, struct sv text, struct filter_node **out, struct err *e)
{
	text = sv_trim(text);
	uint32_t touchpoint = design_touchpoint_find(run->design, text);
	if (touchpoint != DESIGN_NONE)
		text = arena_printf(run->scratch, "touchpoint = \"%.*s\"", SV_ARG(text));
	if (!text.ptr)
		return err_set(e, RC_NOMEM, "out of memory for a filter");
	if (touchpoint == DESIGN_NONE && is_word(text))
		return unknown_touchpoint(run, what, text, e);
	struct err local = ERR_NONE;
	if (filter_parse(run, text, out, &local) == RC_OK)
		return filter_want(run, *out, e);
	enum rc rc = err_set(e, local.rc, "%s: %s", what, local.message);
	err_remedy(e, "%s", local.remedy[0] ? local.remedy : "give the name of a touch point, or a filter");
	return rc;
}
