// SPDX-License-Identifier: Apache-2.0
// Reads patterns, by recursive descent, to a tree. Every mistake tells its position and a remedy.
#include "measure/sequence.h"

#include <math.h>

struct parser {
	struct run *run;
	struct sv text;
	size_t at;
	struct sequence_names *names;
	uint32_t n_slots, depth;
	struct err *e;
};

static void *fail(struct parser *p, size_t at, const char *what, const char *remedy)
{
	err_set(p->e, RC_USAGE, "--pattern, position %zu: %s", at + 1, what);
	err_remedy(p->e, "%s", remedy);
	return NULL;
}

static struct sequence_node *node_new(struct parser *p, struct sequence_node from)
{
	struct sequence_node *n = arena_alloc(p->run->scratch, sizeof(*n));
	if (!n) {
		err_set(p->e, RC_NOMEM, "out of memory for a pattern");
		return NULL;
	}
	bool a = from.a && from.a->takes, b = from.b && from.b->takes;
	*n = from;
	n->takes = from.kind == SEQUENCE_ROW || (from.kind == SEQUENCE_TIMED && a) ||
		   (from.kind == SEQUENCE_CHAIN && (a || b)) || (from.kind == SEQUENCE_EITHER && a && b) ||
		   (from.kind == SEQUENCE_REPEAT && a && from.min > 0);
	return n;
}

static struct sequence_node *chain(struct parser *p, struct sequence_node *a, struct sequence_node *b)
{
	if (!a || !b)
		return NULL;
	if (a->kind == SEQUENCE_EMPTY)
		return b;
	return node_new(p, (struct sequence_node){.kind = SEQUENCE_CHAIN, .a = a, .b = b});
}

// --- characters and words ---

static char peek(struct parser *p)
{
	return p->at < p->text.len ? p->text.ptr[p->at] : 0;
}

static void skip_blanks(struct parser *p)
{
	while (peek(p) == ' ' || peek(p) == '\t' || peek(p) == '\n' || peek(p) == '\r')
		p->at++;
}

static bool take(struct parser *p, const char *sign)
{
	struct sv rest = {p->text.ptr + p->at, p->text.len - p->at};
	if (!sv_starts(rest, sv_from(sign)))
		return false;
	p->at += strlen(sign);
	return true;
}

static bool is_word_sign(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
	       c == '-' || (unsigned char)c >= 0x80;
}

static struct sv word_at(const struct parser *p)
{
	size_t end = p->at;
	while (end < p->text.len && is_word_sign(p->text.ptr[end]))
		end++;
	return (struct sv){p->text.ptr + p->at, end - p->at};
}

static bool take_word(struct parser *p, const char *word)
{
	skip_blanks(p);
	struct sv w = word_at(p);
	if (!sv_equal(w, sv_from(word)))
		return false;
	p->at += w.len;
	return true;
}

static bool take_number(struct parser *p, uint32_t *out)
{
	uint64_t v = 0;
	size_t first = p->at;
	for (; peek(p) >= '0' && peek(p) <= '9'; p->at++) // what is too large stays so
		v = v <= UINT32_MAX ? v * 10 + (uint64_t)(peek(p) - '0') : v;
	*out = v < UINT32_MAX ? (uint32_t)v : UINT32_MAX - 1;
	return p->at > first;
}

static bool take_duration(struct parser *p, int64_t *out_ms)
{
	skip_blanks(p);
	size_t end = p->at;
	while (end < p->text.len && (is_word_sign(p->text.ptr[end]) || p->text.ptr[end] == '.'))
		end++;
	double seconds;
	struct sv text = {p->text.ptr + p->at, end - p->at};
	if (design_quantity_parse(p->run->design, text, SV("s"), &seconds, NULL) != RC_OK ||
		!(seconds >= 0.0 && seconds <= 1e11)) {
		fail(p, p->at, "here should be a duration", "give one such as 90s, 5min, 2h or 7d");
		return false;
	}
	p->at = end;
	*out_ms = llround(seconds * 1000.0);
	return true;
}

// --- elements ---

// The bit of a filter; the same text is the same filter.
static bool name_bit(struct parser *p, size_t at, struct sv text, uint32_t *mask)
{
	struct sequence_names *names = p->names;
	text = sv_trim(text);
	if (names->fixed) {
		fail(p, at, "names and --event do not go together",
			"write (?1) for the first --event, or leave --event out");
		return false;
	}
	for (uint32_t i = 0; i < names->n; i++)
		if (sv_equal(names->text[i], text)) {
			*mask = 1u << i;
			return true;
		}
	if (names->n == CLASSES_MAX) {
		fail(p, at, "more than 32 different elements",
			"use fewer, or join them in one filter: {channel = web, app}");
		return false;
	}
	struct sv what = arena_printf(p->run->scratch, "--pattern, position %zu", at + 1);
	if (!what.ptr) {
		err_set(p->e, RC_NOMEM, "out of memory for a pattern");
		return false;
	}
	if (filter_open(p->run, what.ptr, text, &names->filter[names->n], p->e) != RC_OK)
		return false;
	*mask = 1u << names->n;
	names->text[names->n++] = text;
	return true;
}

// From an opening sign to the closing one: the text between. Quotes inside of braces hide braces.
static bool take_until(struct parser *p, char close, struct sv *out)
{
	size_t open = p->at++;
	char quote = 0;
	for (; p->at < p->text.len; p->at++) {
		char c = p->text.ptr[p->at];
		if (quote) {
			quote = c == quote ? 0 : quote;
		} else if (c == close) {
			*out = (struct sv){p->text.ptr + open + 1, p->at - open - 1};
			p->at++;
			return true;
		} else if (close == '}' && (c == '"' || c == '\'')) {
			quote = c;
		}
	}
	fail(p, open, "this is not closed",
		close == '}' ? "close the filter with }" : "close the name with the same quote");
	return false;
}

// The mask of one element: a name, a quoted name, a {filter}, . or any.
static bool take_mask(struct parser *p, uint32_t *mask)
{
	skip_blanks(p);
	size_t at = p->at;
	char c = peek(p);
	struct sv text = SV_NONE;
	if (c == '.') {
		p->at++;
		*mask = SEQUENCE_ANY;
		return true;
	}
	if (c == '{' || c == '"' || c == '\'')
		return take_until(p, c == '{' ? '}' : c, &text) && name_bit(p, at, text, mask);
	text = word_at(p);
	if (text.len == 0) {
		fail(p, at, c ? "a sign that means nothing here" : "the pattern ends too early",
			"an element is a touch point, a filter in braces {channel = phone}, or . for any "
			"interaction");
		return false;
	}
	p->at += text.len;
	*mask = SEQUENCE_ANY;
	return sv_equal(text, SV("any")) || name_bit(p, at, text, mask);
}

static struct sequence_node *read_either(struct parser *p);

static struct sequence_node *read_not(struct parser *p)
{
	struct sequence_node n = {.kind = SEQUENCE_NOT, .max_ms = SEQUENCE_NO_TIME};
	if (!take_mask(p, &n.mask))
		return NULL;
	if (take_word(p, "within") && !take_duration(p, &n.max_ms))
		return NULL;
	return node_new(p, n);
}

static struct sequence_node *read_atom(struct parser *p)
{
	skip_blanks(p);
	size_t at = p->at;
	if (take(p, "...") || take(p, "…"))
		return node_new(p, (struct sequence_node){.kind = SEQUENCE_GAP, .skip = true});
	if (take(p, "~"))
		return node_new(p, (struct sequence_node){.kind = SEQUENCE_GAP});
	if (take(p, "^"))
		return node_new(p, (struct sequence_node){.kind = SEQUENCE_FIRST, .at = at});
	if (take(p, "$"))
		return node_new(p, (struct sequence_node){.kind = SEQUENCE_LAST, .at = at});
	if (take(p, "(")) {
		if (++p->depth > SEQUENCE_DEPTH_MAX)
			return fail(p, at, "too many parentheses within each other", "32 levels are possible");
		struct sequence_node *inner = read_either(p);
		p->depth--;
		skip_blanks(p);
		if (inner && !take(p, ")"))
			return fail(p, at, "this parenthesis is not closed", "close it with )");
		return inner;
	}
	if (take_word(p, "not"))
		return read_not(p);
	struct sequence_node n = {.kind = SEQUENCE_ROW};
	return take_mask(p, &n.mask) ? node_new(p, n) : NULL;
}

// {m}, {m,}, {m,n}; false without e: it is no count but a filter.
static bool take_count(struct parser *p, uint32_t *min, uint32_t *max)
{
	size_t at = p->at;
	if (!take(p, "{"))
		return false;
	bool ok = take_number(p, min);
	*max = *min;
	if (ok && take(p, ",") && !take_number(p, max))
		*max = UINT32_MAX;
	if (ok && take(p, "}"))
		return true;
	p->at = at;
	return false;
}

static struct sequence_node *read_repeats(struct parser *p, struct sequence_node *a)
{
	while (a) {
		size_t at = p->at;
		uint32_t min = 0, max = UINT32_MAX;
		if (take(p, "?"))
			max = 1;
		else if (take(p, "+"))
			min = 1;
		else if (!take(p, "*") && !take_count(p, &min, &max))
			return a;
		if (min > max || min > SEQUENCE_REPEAT_MAX || (max != UINT32_MAX && max > SEQUENCE_REPEAT_MAX))
			return fail(p, at, "not a number of times",
				"write {2,5} with the smaller first, up to 1000");
		if (++p->depth > SEQUENCE_DEPTH_MAX)
			return fail(p, at, "too many repetitions of repetitions", "32 levels are possible");
		a = node_new(
			p, (struct sequence_node){.kind = SEQUENCE_REPEAT, .a = a, .min = min, .max = max});
	}
	return NULL;
}

static struct sequence_node *read_times(struct parser *p, struct sequence_node *a)
{
	for (uint32_t n = 0; a; n++) {
		struct sequence_node t = {.kind = SEQUENCE_TIMED, .a = a, .max_ms = SEQUENCE_NO_TIME};
		skip_blanks(p);
		size_t at = p->at;
		bool within = take_word(p, "within");
		if (!within && !take_word(p, "after"))
			return a;
		if (!take_duration(p, within ? &t.max_ms : &t.min_ms))
			return NULL;
		bool of = take_word(p, "of");
		if (of && !take_word(p, "start"))
			return fail(p, p->at, "“of” what?", "write “within 7d of start”, or leave “of” out");
		t.slot = of ? SEQUENCE_SLOT_START : p->n_slots++;
		if (p->n_slots > SEQUENCE_SLOTS_MAX || n == SEQUENCE_CONDITIONS_MAX)
			return fail(p, at, "too many time conditions",
				"a pattern has at most 7, an element at most 4");
		a = node_new(p, t);
	}
	return NULL;
}

static struct sequence_node *read_chain(struct parser *p)
{
	struct sequence_node *all = node_new(p, (struct sequence_node){.kind = SEQUENCE_EMPTY});
	for (;;) {
		skip_blanks(p);
		char c = peek(p);
		if (!all || c == 0 || c == ')' || c == '|')
			return all;
		if (c == '*' || c == '+' || c == '?')
			return fail(p, p->at, "nothing here to repeat", "put it behind an element: call+");
		uint32_t depth = p->depth;
		struct sequence_node *item = read_times(p, read_repeats(p, read_atom(p)));
		p->depth = depth;
		all = chain(p, all, item);
	}
}

static struct sequence_node *read_either(struct parser *p)
{
	struct sequence_node *all = read_chain(p);
	while (all && take(p, "|")) {
		struct sequence_node *b = read_chain(p);
		all = b ? node_new(p, (struct sequence_node){.kind = SEQUENCE_EITHER, .a = all, .b = b}) : NULL;
	}
	return all;
}

// No ^ that always has an interaction before it, no $ that always has one after it: neither could ever hold. before,
// after: is there one outside of the node?
static bool check_ends(struct parser *p, const struct sequence_node *n, bool before, bool after)
{
	bool again = n->kind == SEQUENCE_REPEAT && n->min > 1 && n->takes;
	switch (n->kind) {
	case SEQUENCE_FIRST:
		if (before)
			fail(p, n->at, "^ is the beginning of the journey, and here something comes before it",
				"put ^ at the beginning of the pattern, or of each side of a |");
		return !before;
	case SEQUENCE_LAST:
		if (after)
			fail(p, n->at, "$ is the end of the journey, and here something comes after it",
				"put $ at the end of the pattern, or of each side of a |");
		return !after;
	case SEQUENCE_CHAIN:
		return check_ends(p, n->a, before, after || n->b->takes) &&
		       check_ends(p, n->b, before || n->a->takes, after);
	case SEQUENCE_EITHER:
		return check_ends(p, n->a, before, after) && check_ends(p, n->b, before, after);
	case SEQUENCE_REPEAT:
	case SEQUENCE_TIMED:
		return check_ends(p, n->a, before || again, after || again);
	case SEQUENCE_EMPTY:
	case SEQUENCE_ROW:
	case SEQUENCE_NOT:
	case SEQUENCE_GAP:
	default:
		return true;
	}
}

// --- ClickHouse's form: (?1).*(?t<=60)(?2) ---

struct pending {
	bool any; // a condition was read
	int64_t min_ms, max_ms;
};

static bool read_numbered_time(struct parser *p, size_t at, struct pending *t)
{
	static const struct {
		const char *sign;
		int64_t low, high; // how much is added to the seconds; NO_TIME: not bounded
	} signs[] = {{"<=", SEQUENCE_NO_TIME, 0}, {">=", 0, SEQUENCE_NO_TIME}, {"==", 0, 0},
		{"<", SEQUENCE_NO_TIME, -1}, {">", 1, SEQUENCE_NO_TIME}};
	const char *remedy = "write (?t<3600), with < <= > >= or == and seconds";
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		uint32_t seconds;
		if (!take(p, signs[i].sign))
			continue;
		if (!take_number(p, &seconds) || !take(p, ")"))
			break;
		int64_t ms = (int64_t)seconds * 1000;
		if (signs[i].low != SEQUENCE_NO_TIME && ms + signs[i].low > t->min_ms)
			t->min_ms = ms + signs[i].low;
		if (signs[i].high != SEQUENCE_NO_TIME && ms + signs[i].high < t->max_ms)
			t->max_ms = ms + signs[i].high;
		t->any = true;
		return true;
	}
	fail(p, at, "not a time condition", remedy);
	return false;
}

static struct sequence_node *read_numbered_event(struct parser *p, size_t at)
{
	uint32_t number;
	if (!take_number(p, &number) || !take(p, ")"))
		return fail(p, at, "not an event", "write (?1) for the first --event");
	if (number < 1 || number > p->names->n)
		return fail(
			p, at, "there is no such --event", "give --event once for each number, in their order");
	return node_new(p, (struct sequence_node){.kind = SEQUENCE_ROW, .mask = 1u << (number - 1)});
}

static struct sequence_node *read_numbered_item(struct parser *p, struct pending *t)
{
	size_t at = p->at;
	if (take(p, ".*"))
		return node_new(p, (struct sequence_node){.kind = SEQUENCE_GAP, .skip = true});
	if (take(p, "(?t")) {
		return read_numbered_time(p, at, t)
			       ? node_new(p, (struct sequence_node){.kind = SEQUENCE_GAP, .skip = true})
			       : NULL;
	}
	struct sequence_node *row = NULL;
	if (take(p, "(?"))
		row = read_numbered_event(p, at);
	else if (take(p, "."))
		row = node_new(p, (struct sequence_node){.kind = SEQUENCE_ROW, .mask = SEQUENCE_ANY});
	else
		return fail(p, at, "a sign that means nothing here",
			"with (?1) the pattern consists of (?N), (?t<seconds), . and .*");
	if (!row || !t->any)
		return row;
	if (p->n_slots == SEQUENCE_SLOTS_MAX)
		return fail(p, at, "too many time conditions", "a pattern has at most 7");
	struct sequence_node timed = {.kind = SEQUENCE_TIMED,
		.a = row,
		.slot = p->n_slots++,
		.min_ms = t->min_ms,
		.max_ms = t->max_ms};
	*t = (struct pending){.max_ms = SEQUENCE_NO_TIME};
	return node_new(p, timed);
}

static struct sequence_node *read_numbered(struct parser *p)
{
	struct sequence_node *all = node_new(p, (struct sequence_node){.kind = SEQUENCE_EMPTY});
	struct pending t = {.max_ms = SEQUENCE_NO_TIME};
	for (skip_blanks(p); all && p->at < p->text.len; skip_blanks(p))
		all = chain(p, all, read_numbered_item(p, &t));
	if (all && t.any)
		return fail(p, p->at, "a time condition at the end", "an event has to come after it");
	return all;
}

enum rc sequence_parse(struct run *run, struct sv text, struct sequence_names *names, uint32_t *n_slots,
	struct sequence_node **out, struct err *e)
{
	struct err local = ERR_NONE;
	struct parser p = {
		.run = run, .text = text, .names = names, .n_slots = SEQUENCE_SLOT_START + 1, .e = &local};
	*out = NULL;
	if (text.len > SEQUENCE_TEXT_MAX) {
		err_set(e, RC_USAGE, "--pattern is longer than %u bytes", SEQUENCE_TEXT_MAX);
		return RC_USAGE;
	}
	if (names->fixed) {
		*out = read_numbered(&p);
	} else {
		*out = read_either(&p);
		if (*out && p.at < text.len)
			*out = fail(&p, p.at, "this closes nothing", "open it with (, or leave it out");
		if (*out && !check_ends(&p, *out, false, false))
			*out = NULL;
	}
	*n_slots = p.n_slots;
	return *out ? RC_OK : err_take(e, &local);
}
