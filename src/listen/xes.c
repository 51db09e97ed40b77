// SPDX-License-Identifier: Apache-2.0
// Reads XES with expat, trace by trace.
//
// The parser is suspended at the end of each trace until its rows are given out, so that one trace at a time is in
// memory. What a hostile file can cost is bounded: entities are not accepted, nor are tags, traces, names and nesting
// beyond the limits of xes.h.
//
// Invariants:
//  1. place[depth] says what the open elements are; an element below one that is not understood has no place and is
//     passed over with all that is in it.
//  2. While `giving`, expat is suspended and the trace holds a whole trace; otherwise the trace under way.
#include "listen/xes.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/number.h"
#include "listen/csv.h"
#include "listen/xes_trace.h"

#include <expat.h>
#include <stdio.h>

#define CHUNK_BYTES (128 * 1024)
#define ATTRIBUTES_MAX 1024u // of one event or trace
#define GLOBALS_MAX 1024u
#define GLOBAL_BYTES_MAX ((size_t)4 << 20)

enum place { PLACE_NONE, PLACE_LOG, PLACE_TRACE, PLACE_EVENT, PLACE_GLOBAL, PLACE_ATTRIBUTE, PLACE_LIST };
enum owner { OWNER_TRACE, OWNER_EVENT, OWNER_GLOBAL_TRACE, OWNER_GLOBAL_EVENT };
enum kind { KIND_TEXT, KIND_INTEGER, KIND_FLOAT, KIND_BOOLEAN, KIND_LIST, KIND_CONTAINER };

struct level {
	enum place place;
	size_t path_len;    // of the attribute's dotted name
	uint32_t n_items;   // of a list, so far
	uint32_t attribute; // its number in the trace; UINT32_MAX = it has none
};

// A default from a `global` element, as JSON.
struct global {
	bool of_trace;
	struct sv key, value;
};

struct xes {
	XML_Parser parser;
	struct stream *stream;
	char name[256]; // of the file, for messages
	const struct tz *zone;
	struct time_format *iso;
	struct level levels[XES_DEPTH_MAX + 1];
	uint32_t depth, passed_over; // passed_over: elements open below one that is not understood
	enum owner owner;
	bool lone_event; // an event outside of any trace is a trace of its own
	char path[XES_PATH_MAX];
	struct arena *arena; // of globals
	struct global *globals;
	uint32_t n_globals;
	struct xes_trace trace;
	struct xes_counts counts;
	struct buf row, scratch;
	size_t row_at;
	uint64_t n_fed, n_parsed;  // bytes; n_parsed: up to the tag at hand
	bool giving, at_end, rows; // rows: the file holds rows already (mended ones of the quarantine)
	char *head;
	size_t head_at, n_head;
	struct err failure;
};

// --- mistakes ---

static void place_failure(struct xes *x)
{
	err_place(&x->failure, x->name, (uint32_t)XML_GetCurrentLineNumber(x->parser),
		(uint32_t)XML_GetCurrentColumnNumber(x->parser) + 1);
}

static void stop(struct xes *x)
{
	place_failure(x);
	XML_StopParser(x->parser, XML_FALSE);
}

static void fail(struct xes *x, enum rc rc, const char *message, const char *remedy)
{
	if (x->failure.rc == RC_OK) {
		err_set(&x->failure, rc, "%s", message);
		err_remedy(&x->failure, "%s", remedy);
	}
	stop(x);
}

static void check(struct xes *x, enum rc rc)
{
	if (rc != RC_OK)
		stop(x);
}

// --- values as JSON ---

static void put_string(struct buf *out, const char *s)
{
	size_t n = 0;
	for (; s[n]; n++) {
		unsigned char c = (unsigned char)s[n];
		if (c < 0x20 || c == '"' || c == '\\') {
			struct json j = json_new(out);
			json_string(&j, sv_from(s));
			return;
		}
	}
	buf_char(out, '"');
	buf_put(out, s, n);
	buf_char(out, '"');
}

static size_t digits(const char *s)
{
	return strspn(s, "0123456789");
}

// Is it a number as JSON has it? Integers that could be beyond 64 bits are not.
static bool is_json_number(const char *s, bool fraction)
{
	s += *s == '-';
	size_t n = digits(s);
	if (n == 0 || n > 18 || (s[0] == '0' && n > 1))
		return false;
	s += n;
	if (fraction && *s == '.') {
		n = digits(s + 1);
		if (n == 0 || n > 200)
			return false;
		s += n + 1;
	}
	if (fraction && (*s == 'e' || *s == 'E')) {
		s += s[1] == '+' || s[1] == '-' ? 2 : 1;
		n = digits(s);
		if (n == 0 || n > 2) // what is beyond a double's range stays text
			return false;
		s += n;
	}
	return *s == '\0';
}

static void put_value(struct buf *out, enum kind kind, const char *value)
{
	bool plain = (kind == KIND_INTEGER && is_json_number(value, false)) ||
		     (kind == KIND_FLOAT && is_json_number(value, true)) ||
		     (kind == KIND_BOOLEAN && (strcmp(value, "true") == 0 || strcmp(value, "false") == 0));
	if (plain)
		buf_str(out, value);
	else
		put_string(out, value);
}

// --- attributes ---

static struct xes_event *last_event(struct xes *x)
{
	struct xes_event *ev = &x->trace.events[x->trace.n_events - 1];
	ev->n = (uint32_t)x->trace.n_attributes - ev->first;
	return ev;
}

// The attribute of the owner under that JSON key.
static bool is_known(struct xes *x, struct sv key, uint32_t *n)
{
	const struct xes_trace *t = &x->trace;
	if (x->owner == OWNER_EVENT) {
		const struct xes_event *ev = last_event(x);
		*n = ev->n;
		return xes_event_find(t, ev, key) != NULL;
	}
	*n = (uint32_t)t->n_own;
	for (size_t i = 0; i < t->n_own; i++)
		if (sv_equal(xes_view(t, t->attributes[t->own[i]].key), key))
			return true;
	return false;
}

// Adds `key` with `value`, both JSON, to the trace or the event at hand, unless it is there.
static void add(struct xes *x, struct sv key, struct sv value)
{
	struct xes_trace *t = &x->trace;
	uint32_t n;
	if (is_known(x, key, &n))
		return;
	if (n >= ATTRIBUTES_MAX) {
		fail(x, RC_LIMIT, "an event or trace has more than 1,024 attributes",
			"leave out those that are not needed");
		return;
	}
	struct xes_attribute a = {.key = {(uint32_t)t->text.len, (uint32_t)key.len}};
	buf_sv(&t->text, key);
	a.value = (struct xes_text){(uint32_t)t->text.len, (uint32_t)value.len};
	buf_sv(&t->text, value);
	enum rc rc = xes_trace_add(t, a, &x->failure);
	if (rc == RC_OK && x->owner == OWNER_TRACE)
		rc = xes_trace_own(t, &x->failure);
	check(x, rc);
	if (rc == RC_OK && x->passed_over == 0 && x->levels[x->depth].place >= PLACE_ATTRIBUTE)
		x->levels[x->depth].attribute = (uint32_t)t->n_attributes - 1;
}

// Time, name and identity of an event are facts: none is made up where the log says nothing.
static bool may_default(struct sv key)
{
	return !sv_equal(key, SV("\"time:timestamp\":")) && !sv_equal(key, SV("\"concept:name\":")) &&
	       !sv_equal(key, SV("\"identity:id\":")) && !sv_equal(key, SV("\"trace.concept:name\":"));
}

static void add_global(struct xes *x, struct sv key, struct sv value)
{
	if (!may_default(key))
		return;
	if (x->n_globals == GLOBALS_MAX) {
		fail(x, RC_LIMIT, "more than 1,024 global attributes", "leave out those that are not needed");
		return;
	}
	if (!x->globals)
		x->globals = mem_calloc(GLOBALS_MAX, sizeof(*x->globals));
	struct global g = {
		x->owner == OWNER_GLOBAL_TRACE, arena_copy(x->arena, key), arena_copy(x->arena, value)};
	if (x->globals && g.key.ptr && g.value.ptr)
		x->globals[x->n_globals++] = g;
	else
		fail(x, RC_NOMEM, "out of memory for global attributes", "leave out those that are not needed");
}

static void add_defaults(struct xes *x, bool of_trace)
{
	for (uint32_t i = 0; i < x->n_globals && x->failure.rc == RC_OK; i++)
		if (x->globals[i].of_trace == of_trace)
			add(x, x->globals[i].key, x->globals[i].value);
}

// What the exporter writes below a text with characters that XML cannot hold: the text as JSON.
static void replace_value(struct xes *x, const char *json)
{
	const struct level *parent = &x->levels[x->depth - 1];
	size_t n = strlen(json);
	if (parent->place != PLACE_ATTRIBUTE || parent->attribute == UINT32_MAX || n < 2 || json[0] != '"')
		return;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)json[i] < 0x20)
			return;
	struct xes_trace *t = &x->trace;
	t->attributes[parent->attribute].value = (struct xes_text){(uint32_t)t->text.len, (uint32_t)n};
	buf_put(&t->text, json, n);
	if (t->text.rc != RC_OK)
		fail(x, RC_LIMIT, "a trace needs too much memory", "split the trace");
}

static const char *attribute_of(const char **atts, const char *name)
{
	for (; *atts; atts += 2)
		if (strcmp(atts[0], name) == 0)
			return atts[1];
	return NULL;
}

// Puts the attribute's dotted name into x->path. False when it is too long.
static bool path_push(struct xes *x, struct level *parent, const char *key)
{
	bool nested = parent->place == PLACE_ATTRIBUTE || parent->place == PLACE_LIST;
	size_t at = nested ? parent->path_len : 0;
	char number[NUMBER_TEXT_MAX];
	if (parent->place == PLACE_LIST) {
		number_from_u64(++parent->n_items, number);
		key = number;
	}
	size_t n = strlen(key), dot = nested ? 1 : 0;
	if (n + dot >= sizeof(x->path) - at)
		return false;
	if (nested)
		x->path[at] = '.';
	memcpy(x->path + at + dot, key, n + 1);
	x->levels[x->depth].path_len = at + dot + n;
	return true;
}

static void start_attribute(struct xes *x, struct level *parent, enum kind kind, const char **atts)
{
	const char *key = attribute_of(atts, "key"), *value = attribute_of(atts, "value");
	x->levels[x->depth].place = kind == KIND_LIST ? PLACE_LIST : PLACE_ATTRIBUTE;
	if (!key) {
		fail(x, RC_INPUT, "an attribute has no key", "give it one");
		return;
	}
	if (value && strcmp(key, "corridor:json") == 0 && x->owner <= OWNER_EVENT) {
		replace_value(x, value);
		return;
	}
	if (!path_push(x, parent, key)) {
		fail(x, RC_LIMIT, "the name of an attribute is too long", "shorten it");
		return;
	}
	if (!value)
		return; // a list or a container
	struct buf *b = &x->scratch;
	buf_clear(b);
	put_string(b, x->path);
	if (x->owner == OWNER_TRACE || x->owner == OWNER_GLOBAL_TRACE) {
		buf_clear(b);
		buf_str(b, "\"trace.");
		size_t at = b->len;
		put_string(b, x->path);
		memmove(b->data + at, b->data + at + 1, b->len - at - 1);
		b->len--;
	}
	buf_char(b, ':');
	size_t key_len = b->len;
	put_value(b, kind, value);
	if (b->rc != RC_OK) {
		fail(x, b->rc, "an attribute is too long", "shorten it");
		return;
	}
	struct sv k = {(const char *)b->data, key_len}, v = {(const char *)b->data + key_len, b->len - key_len};
	if (x->owner <= OWNER_EVENT)
		add(x, k, v);
	else
		add_global(x, k, v);
}

// --- elements ---

static const char *local_name(const char *name)
{
	const char *colon = strchr(name, ':');
	return colon ? colon + 1 : name;
}

static bool attribute_kind(const char *name, enum kind *out)
{
	static const struct {
		const char *name;
		enum kind kind;
	} kinds[] = {{"string", KIND_TEXT}, {"date", KIND_TEXT}, {"int", KIND_INTEGER}, {"float", KIND_FLOAT},
		{"boolean", KIND_BOOLEAN}, {"id", KIND_TEXT}, {"list", KIND_LIST},
		{"container", KIND_CONTAINER}};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0) {
			*out = kinds[i].kind;
			return true;
		}
	return false;
}

static void start_event(struct xes *x, bool alone)
{
	x->levels[x->depth].place = PLACE_EVENT;
	x->owner = OWNER_EVENT;
	x->lone_event = alone;
	if (alone)
		xes_trace_clear(&x->trace);
	check(x, xes_trace_event(&x->trace, XML_GetCurrentLineNumber(x->parser), &x->failure));
}

static void start_in_log(struct xes *x, const char *name, const char **atts)
{
	struct level *l = &x->levels[x->depth];
	if (strcmp(name, "trace") == 0) {
		l->place = PLACE_TRACE;
		x->owner = OWNER_TRACE;
		xes_trace_clear(&x->trace);
	} else if (strcmp(name, "event") == 0) {
		start_event(x, true);
	} else if (strcmp(name, "global") == 0) {
		const char *scope = attribute_of(atts, "scope");
		l->place = PLACE_GLOBAL;
		x->owner = scope && strcmp(scope, "trace") == 0 ? OWNER_GLOBAL_TRACE : OWNER_GLOBAL_EVENT;
	}
}

// Gives the element its place; it stays without when it is not understood here.
static void start_below(struct xes *x, struct level *parent, const char *name, const char **atts)
{
	enum kind kind;
	if (parent->place == PLACE_LOG)
		start_in_log(x, name, atts);
	else if (parent->place == PLACE_TRACE && strcmp(name, "event") == 0)
		start_event(x, false);
	else if (parent->place == PLACE_LIST && strcmp(name, "values") == 0) {
		// The elements of a list may be wrapped; they are numbered on.
		struct level *l = &x->levels[x->depth];
		l->place = PLACE_LIST;
		l->path_len = parent->path_len;
	} else if (attribute_kind(name, &kind)) {
		start_attribute(x, parent, kind, atts);
	}
}

static void XMLCALL on_start(void *context, const char *qualified, const char **atts)
{
	struct xes *x = context;
	const char *name = local_name(qualified);
	if (x->failure.rc != RC_OK)
		return;
	if (x->passed_over) {
		if (++x->passed_over > XES_DEPTH_MAX)
			fail(x, RC_LIMIT, "elements are nested too deeply",
				"no XES log needs more than 64 levels");
		return;
	}
	if (x->depth == XES_DEPTH_MAX) {
		fail(x, RC_LIMIT, "elements are nested too deeply", "no XES log needs more than 64 levels");
		return;
	}
	struct level *parent = &x->levels[x->depth];
	x->levels[++x->depth] = (struct level){.place = PLACE_NONE, .attribute = UINT32_MAX};
	if (x->depth > 1) {
		start_below(x, parent, name, atts);
	} else if (strcmp(name, "log") == 0) {
		x->levels[x->depth].place = PLACE_LOG;
	} else {
		fail(x, RC_INPUT, "this is XML but no XES log: its root element is not <log>",
			"export the log as XES (IEEE 1849)");
		return;
	}
	if (x->levels[x->depth].place == PLACE_NONE) {
		x->depth--;
		x->passed_over = 1;
	}
}

static void end_trace(struct xes *x)
{
	x->owner = OWNER_TRACE;
	add_defaults(x, true);
	if (x->failure.rc != RC_OK)
		return;
	if (xes_trace_end(&x->trace, &x->counts, &x->failure) != RC_OK) {
		stop(x);
		return;
	}
	x->giving = true;
	XML_StopParser(x->parser, XML_TRUE);
}

static void XMLCALL on_end(void *context, const char *name)
{
	struct xes *x = context;
	(void)name;
	if (x->failure.rc != RC_OK)
		return;
	if (x->passed_over) {
		x->passed_over--;
		return;
	}
	enum place place = x->levels[x->depth--].place;
	if (place == PLACE_EVENT) {
		add_defaults(x, false);
		if (x->failure.rc == RC_OK)
			xes_trace_event_end(&x->trace, x->iso, x->zone);
		x->owner = OWNER_TRACE;
	}
	if (place == PLACE_TRACE || (place == PLACE_EVENT && x->lone_event))
		end_trace(x);
}

static void XMLCALL on_entity(void *context, const char *name, int is_parameter, const char *value, int length,
	const char *base, const char *system_id, const char *public_id, const char *notation)
{
	(void)name;
	(void)is_parameter;
	(void)value;
	(void)length;
	(void)base;
	(void)system_id;
	(void)public_id;
	(void)notation;
	fail(context, RC_INPUT, "the file declares XML entities, which are not accepted",
		"take the DOCTYPE out: XES needs none");
}

// --- driving ---

static enum rc parse_failure(struct xes *x, struct err *e)
{
	if (x->failure.rc == RC_OK) {
		enum XML_Error code = XML_GetErrorCode(x->parser);
		if (code == XML_ERROR_NO_MEMORY)
			return err_set(e, RC_NOMEM, "out of memory for parsing XML");
		err_set(&x->failure, RC_INPUT, "no well-formed XML: %s", XML_ErrorString(code));
		err_remedy(&x->failure, "%s",
			code == XML_ERROR_UNKNOWN_ENCODING
				? "convert it: iconv -f ENCODING -t UTF-8 FILE, and change the first line"
				: "the traces before it are not lost; mend the file and import it again, "
				  "which adds only what is missing");
		place_failure(x);
	}
	return err_take(e, &x->failure);
}

static enum rc feed(struct xes *x, enum XML_Status *status, struct err *e)
{
	size_t n = 0;
	char *room = XML_GetBuffer(x->parser, CHUNK_BYTES);
	if (!room)
		return err_set(e, RC_NOMEM, "out of memory for parsing XML");
	if (x->head_at < x->n_head) {
		n = x->n_head - x->head_at;
		memcpy(room, x->head + x->head_at, n);
		x->head_at = x->n_head;
		x->at_end = n < CHUNK_BYTES;
	} else {
		enum rc rc = stream_read(x->stream, room, CHUNK_BYTES, &n, e);
		if (rc != RC_OK)
			return rc;
		x->at_end = n < CHUNK_BYTES;
	}
	x->n_fed += n;
	*status = XML_ParseBuffer(x->parser, (int)n, x->at_end);
	return RC_OK;
}

// Parses on until a trace has ended, input is used up, or something is wrong.
static enum rc advance(struct xes *x, bool *more, struct err *e)
{
	enum XML_Status status = XML_STATUS_OK;
	XML_ParsingStatus now;
	enum rc rc = RC_OK;
	XML_GetParsingStatus(x->parser, &now);
	*more = true;
	if (now.parsing == XML_SUSPENDED)
		status = XML_ResumeParser(x->parser);
	else if (x->at_end) {
		*more = false;
		return RC_OK;
	} else {
		rc = feed(x, &status, e);
	}
	if (rc != RC_OK)
		return rc;
	if (status == XML_STATUS_ERROR)
		return parse_failure(x, e);
	int64_t at = XML_GetCurrentByteIndex(x->parser);
	if (at >= 0) // expat knows no place while it waits for the rest of a tag
		x->n_parsed = (uint64_t)at;
	if (status == XML_STATUS_OK && x->n_fed - x->n_parsed > XES_TAG_BYTES_MAX) {
		err_set(&x->failure, RC_LIMIT, "a tag or comment is larger than %zu MiB",
			XES_TAG_BYTES_MAX >> 20);
		place_failure(x);
		return err_take(e, &x->failure);
	}
	return RC_OK;
}

static enum rc next_row(struct xes *x, struct err *e)
{
	bool more;
	buf_clear(&x->row);
	x->row_at = 0;
	xes_trace_row(&x->trace, &x->row, &more);
	if (!more) {
		x->giving = false;
		xes_trace_clear(&x->trace);
	}
	if (x->row.len > RECORD_BYTES_MAX + 64) { // to be rejected as too long; no more of it is needed
		x->row.len = RECORD_BYTES_MAX + 64;
		x->row.data[x->row.len - 1] = '\n';
	}
	return buf_check(&x->row, e, "a row of an XES log");
}

// The file's rows as they are.
static enum rc read_rows(struct xes *x, char *buf, size_t n, size_t *got, struct err *e)
{
	size_t n_head = x->n_head - x->head_at < n ? x->n_head - x->head_at : n, more = 0;
	memcpy(buf, x->head + x->head_at, n_head);
	x->head_at += n_head;
	enum rc rc = n_head < n ? stream_read(x->stream, buf + n_head, n - n_head, &more, e) : RC_OK;
	*got = n_head + more;
	return rc;
}

enum rc xes_read(struct xes *x, char *buf, size_t n, size_t *got, struct err *e)
{
	if (x->rows)
		return read_rows(x, buf, n, got, e);
	*got = 0;
	for (bool more = true; more && *got < n;) {
		enum rc rc = RC_OK;
		if (x->row_at < x->row.len) {
			size_t some = x->row.len - x->row_at < n - *got ? x->row.len - x->row_at : n - *got;
			memcpy(buf + *got, x->row.data + x->row_at, some);
			x->row_at += some;
			*got += some;
		} else if (x->giving) {
			rc = next_row(x, e);
		} else {
			rc = advance(x, &more, e);
		}
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

static bool begins_with_brace(const char *p, size_t n)
{
	size_t i = 0;
	while (i < n && (p[i] == ' ' || p[i] == '\n' || p[i] == '\r' || p[i] == '\t'))
		i++;
	return i < n && p[i] == '{';
}

enum rc xes_open(struct stream *s, const char *name, const struct tz *zone, struct xes **out, struct err *e)
{
	struct xes *x = mem_calloc(1, sizeof(*x));
	enum rc rc = RC_OK;
	*out = x;
	if (!x)
		return err_set(e, RC_NOMEM, "out of memory for reading %s", name);
	x->stream = s;
	x->zone = zone;
	snprintf(x->name, sizeof(x->name), "%s", name);
	x->trace = xes_trace_new();
	x->row = buf_new(2 * XES_TRACE_BYTES_MAX);
	x->scratch = buf_new(8 * XES_TAG_BYTES_MAX);
	x->arena = arena_new(GLOBAL_BYTES_MAX);
	x->parser = XML_ParserCreate(NULL);
	x->head = mem_alloc(CHUNK_BYTES);
	if (!x->arena || !x->parser || !x->head)
		rc = err_set(e, RC_NOMEM, "out of memory for reading %s", name);
	if (rc == RC_OK)
		rc = time_format_compile(SV("ISO"), &x->iso, e);
	if (rc == RC_OK)
		rc = stream_read(s, x->head, CHUNK_BYTES, &x->n_head, e);
	if (rc != RC_OK) {
		xes_close(out);
		return rc;
	}
	x->rows = begins_with_brace(x->head, x->n_head);
	XML_SetUserData(x->parser, x);
	XML_SetElementHandler(x->parser, on_start, on_end);
	XML_SetEntityDeclHandler(x->parser, on_entity);
	return RC_OK;
}

void xes_close(struct xes **xp)
{
	struct xes *x = *xp;
	if (!x)
		return;
	if (x->parser)
		XML_ParserFree(x->parser);
	time_format_free(&x->iso);
	xes_trace_free(&x->trace);
	buf_free(&x->row);
	buf_free(&x->scratch);
	arena_free(&x->arena);
	mem_free(x->globals);
	mem_free(x->head);
	mem_free(x);
	*xp = NULL;
}

const struct xes_counts *xes_counts(const struct xes *x)
{
	return &x->counts;
}
