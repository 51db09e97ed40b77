// SPDX-License-Identifier: Apache-2.0
// jq 1.6 in the worker. Compiling takes tens of milliseconds, because jq compiles its own library each time, so the
// latest programs are kept compiled; each run begins anew (jq_start resets the machine).
#include "sandbox/internal.h"

#include "base/mem.h"

#include <jq.h>
#include <stdio.h>
#include <string.h>

enum { KEPT = 8 };

struct compiled {
	char *text;
	size_t len;
	jq_state *jq;
	uint64_t used; // the turn in which it was used last
};

struct programs {
	struct compiled kept[KEPT];
	uint64_t turn;
	char reason[REASON_MAX]; // the first message of jq
};

struct programs *programs_new(void)
{
	return mem_calloc(1, sizeof(struct programs));
}

// jq tells mistakes while it compiles; those that follow the first one follow from it.
static void told(void *context, jv message)
{
	struct programs *p = context;
	if (jv_get_kind(message) == JV_KIND_STRING && p->reason[0] == '\0')
		snprintf(p->reason, sizeof(p->reason), "%s", jv_string_value(message));
	jv_free(message);
}

// There is no next body, and nobody listens to what programs say.
static jv no_input(jq_state *jq, void *context)
{
	(void)jq;
	(void)context;
	return jv_invalid();
}

static void not_heard(void *context, jv message)
{
	(void)context;
	jv_free(message);
}

static void forget(struct compiled *c)
{
	if (c->jq)
		jq_teardown(&c->jq);
	mem_free(c->text);
	*c = (struct compiled){0};
}

static struct compiled *find(struct programs *p, struct sv program)
{
	struct compiled *oldest = &p->kept[0];
	for (unsigned i = 0; i < KEPT; i++) {
		struct compiled *c = &p->kept[i];
		if (c->jq && sv_equal((struct sv){c->text, c->len}, program))
			return c;
		if (c->used < oldest->used)
			oldest = c;
	}
	forget(oldest);
	return oldest;
}

static enum answer_kind reason(struct buf *out, const char *before, const char *text)
{
	struct sv line = sv_from(text), rest;
	line = sv_trim(sv_cut(line, '\n', &rest));
	if (sv_starts(line, SV("jq: error: ")))
		line = (struct sv){line.ptr + 11, line.len - 11};
	buf_clear(out);
	buf_str(out, before);
	buf_put(out, line.ptr, line.len < REASON_MAX / 2 ? line.len : REASON_MAX / 2);
	return ANSWER_REASON;
}

static enum answer_kind compile(struct programs *p, struct sv program, struct compiled *c, struct buf *out)
{
	c->text = mem_alloc(program.len + 1);
	c->jq = c->text ? jq_init() : NULL;
	if (!c->jq)
		return ANSWER_NOMEM;
	memcpy(c->text, program.ptr, program.len);
	c->text[program.len] = '\0';
	c->len = program.len;
	p->reason[0] = '\0';
	jq_set_error_cb(c->jq, told, p);
	jq_set_input_cb(c->jq, no_input, NULL); // jq 1.6 leaves these two as the memory was
	jq_set_debug_cb(c->jq, not_heard, NULL);
	// Modules are looked for, and not found.
	jq_set_attr(c->jq, jv_string("JQ_ORIGIN"), jv_string("/"));
	jq_set_attr(c->jq, jv_string("PROGRAM_ORIGIN"), jv_string("/"));
	jq_set_attr(c->jq, jv_string("JQ_LIBRARY_PATH"), jv_array());
	if (jq_compile(c->jq, c->text))
		return ANSWER_LIST;
	forget(c);
	return reason(out, "the program is wrong: ", p->reason);
}

static enum answer_kind raised(jv error, struct buf *out)
{
	jv text = jv_get_kind(error) == JV_KIND_STRING ? error : jv_dump_string(error, 0);
	enum answer_kind kind = reason(out, "the program raised an error: ", jv_string_value(text));
	jv_free(text);
	return kind;
}

// Takes over `value`.
static bool append(jv value, unsigned n, struct buf *out)
{
	jv text = jv_dump_string(value, 0);
	if (n)
		buf_char(out, ',');
	buf_put(out, jv_string_value(text), (size_t)jv_string_length_bytes(jv_copy(text)));
	jv_free(text);
	return out->rc == RC_OK;
}

// How it ended: an error, or halt and halt_error.
static enum answer_kind end(jq_state *jq, jv last, struct buf *out)
{
	if (jq_halted(jq)) {
		jv code = jq_get_exit_code(jq);
		bool bad = jv_get_kind(code) == JV_KIND_NUMBER && jv_number_value(code) != 0;
		jv_free(code);
		jv_free(last);
		return bad ? raised(jq_get_error_message(jq), out) : ANSWER_LIST;
	}
	if (jv_invalid_has_msg(jv_copy(last)))
		return raised(jv_invalid_get_msg(last), out);
	jv_free(last);
	return ANSWER_LIST;
}

static enum answer_kind run(jq_state *jq, struct sv body, struct buf *out)
{
	static const char *const kinds[] = {[JV_KIND_INVALID] = "nothing",
		[JV_KIND_NULL] = "null",
		[JV_KIND_FALSE] = "false",
		[JV_KIND_TRUE] = "true",
		[JV_KIND_NUMBER] = "a number",
		[JV_KIND_STRING] = "a text",
		[JV_KIND_ARRAY] = "a list",
		[JV_KIND_OBJECT] = "an object"};
	jv input = jv_parse_sized(body.ptr, (int)body.len), value;
	if (!jv_is_valid(input)) {
		jv_free(input);
		return reason(out, "the body is no JSON", "");
	}
	jq_start(jq, input, 0);
	buf_char(out, '[');
	unsigned n = 0;
	while (jv_is_valid(value = jq_next(jq))) {
		if (jv_get_kind(value) != JV_KIND_OBJECT) {
			enum answer_kind kind = reason(
				out, "the program may make objects only; it made ", kinds[jv_get_kind(value)]);
			jv_free(value);
			return kind;
		}
		if (n == SANDBOX_OBJECTS_MAX) {
			jv_free(value);
			return reason(out, "the program makes too many objects", "");
		}
		if (!append(value, n++, out))
			return out->rc == RC_NOMEM
				       ? ANSWER_NOMEM
				       : reason(out, "the program makes more bytes than are allowed", "");
	}
	enum answer_kind kind = end(jq, value, out);
	if (kind == ANSWER_LIST)
		buf_char(out, ']');
	return out->rc == RC_OK ? kind : ANSWER_NOMEM;
}

enum answer_kind programs_run(
	struct programs *p, struct sv program, struct sv body, bool only_check, struct buf *out)
{
	struct compiled *c = find(p, program);
	enum answer_kind kind = c->jq ? ANSWER_LIST : compile(p, program, c, out);
	c->used = ++p->turn;
	return kind == ANSWER_LIST && !only_check ? run(c->jq, body, out) : kind;
}
