// SPDX-License-Identifier: Apache-2.0
// Lines are counted by those who use them; the table holds one of each webhook, the newest revision that was asked for.
// A line that is replaced there goes when its last user gives it back.
#include "listen/hook_line.h"

#include "base/json.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdio.h>

#define TEXT_MAX ((size_t)1 << 20)
#define ORIGIN_BEGINS "{\"hook\":\""

struct hook_line {
	int64_t id, revision;
	struct arena *arena;
	struct sv name, mapping, program;
	unsigned n_users; // with the table; under its lock
	pthread_mutex_t mu;
	// Under mu, made for this version of the corridor file (0: not yet):
	uint32_t design_version;
	struct mapping *compiled;
	struct hook *hook;
	struct err wrong; // with the mapping, when hook is NULL
};

struct hook_lines {
	pthread_mutex_t mu;
	struct hook_line **items;
	size_t n, capacity;
};

static void line_free(struct hook_line *line)
{
	hook_close(&line->hook);
	mapping_free(&line->compiled);
	arena_free(&line->arena);
	pthread_mutex_destroy(&line->mu);
	mem_free(line);
}

static struct hook_line *line_new(const struct hook_settings *s)
{
	struct hook_line *line = mem_calloc(1, sizeof(*line));
	if (!line)
		return NULL;
	pthread_mutex_init(&line->mu, NULL);
	line->id = s->id;
	line->revision = s->revision;
	line->arena = arena_new(TEXT_MAX);
	line->name = line->arena ? arena_copy(line->arena, s->name) : SV_NONE;
	line->mapping = line->arena ? arena_copy(line->arena, s->mapping) : SV_NONE;
	line->program = line->arena ? arena_copy(line->arena, s->program.ptr ? s->program : SV("")) : SV_NONE;
	if (line->name.ptr && line->mapping.ptr && line->program.ptr)
		return line;
	line_free(line);
	return NULL;
}

struct hook_lines *hook_lines_new(void)
{
	struct hook_lines *l = mem_calloc(1, sizeof(*l));
	if (l)
		pthread_mutex_init(&l->mu, NULL);
	return l;
}

void hook_lines_free(struct hook_lines **lines)
{
	struct hook_lines *l = *lines;
	*lines = NULL;
	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++)
		line_free(l->items[i]);
	mem_free(l->items);
	pthread_mutex_destroy(&l->mu);
	mem_free(l);
}

// Under the table's lock. False: it has users still, of whom the last will free it.
static bool let_go(struct hook_line *line)
{
	if (--line->n_users > 0)
		return false;
	line_free(line);
	return true;
}

// Puts a new line in the place of the one before. Under the table's lock.
static struct hook_line *line_put(struct hook_lines *l, const struct hook_settings *s, size_t place)
{
	if (place == l->n && mem_grow((void **)&l->items, &l->capacity, l->n + 1, sizeof(struct hook_line *)))
		return NULL;
	struct hook_line *line = line_new(s);
	if (!line)
		return NULL;
	line->n_users = 1;
	if (place < l->n)
		let_go(l->items[place]);
	else
		l->n++;
	l->items[place] = line;
	return line;
}

enum rc hook_lines_take(
	struct hook_lines *l, const struct hook_settings *s, struct hook_line **out, struct err *e)
{
	size_t i = 0;
	pthread_mutex_lock(&l->mu);
	while (i < l->n && !sv_equal(l->items[i]->name, s->name))
		i++;
	struct hook_line *line = i < l->n ? l->items[i] : NULL;
	if (!line || line->id != s->id || line->revision != s->revision)
		line = line_put(l, s, i);
	if (line)
		line->n_users++;
	pthread_mutex_unlock(&l->mu);
	*out = line;
	return line ? RC_OK : err_set(e, RC_NOMEM, "out of memory for a webhook");
}

void hook_line_release(struct hook_lines *l, struct hook_line **line)
{
	if (!*line)
		return;
	pthread_mutex_lock(&l->mu);
	let_go(*line);
	pthread_mutex_unlock(&l->mu);
	*line = NULL;
}

struct sv hook_line_name(const struct hook_line *line)
{
	return line->name;
}

struct sv hook_line_program(const struct hook_line *line)
{
	return line->program;
}

// --- bodies ---

static enum rc compile(struct sv text, struct sv name, const struct design *d, struct mapping **m,
	struct hook **hook, struct err *e)
{
	*hook = NULL;
	enum rc rc = mapping_parse(text, "mapping", d, m, e);
	if (rc == RC_OK)
		rc = hook_open(*m, d, name, hook, e);
	if (rc != RC_OK)
		mapping_free(m);
	return rc;
}

// What belongs to an older design is freed before that is looked at again.
static enum rc line_compile(struct hook_line *line, const struct design *d, uint32_t version, struct err *e)
{
	struct err why = ERR_NONE;
	if (line->design_version == version)
		return RC_OK;
	hook_close(&line->hook);
	mapping_free(&line->compiled);
	line->design_version = 0;
	enum rc rc = compile(line->mapping, line->name, d, &line->compiled, &line->hook, &why);
	if (rc == RC_NOMEM)
		return err_take(e, &why);
	line->wrong = why;
	line->design_version = version;
	return RC_OK;
}

static enum rc reject_all(struct sv received, struct sv reason, const struct wire_sink *sink,
	struct hook_result *result, struct err *e)
{
	*result = (struct hook_result){.n_messages = 1, .n_rejected = 1};
	return sink->reject(sink->context, 0, received, reason, e);
}

static enum rc body_decode(struct hook *hook, const struct hook_body *b, const struct wire_sink *sink,
	struct hook_result *result, struct err *e)
{
	return b->made.ptr ? hook_decode_whole(hook, b->made, b->received, 0, SANDBOX_OUTPUT_MAX,
				     b->received_ms, sink, result, e)
			   : hook_decode(hook, b->received, b->bytes_max, b->received_ms, sink, result, e);
}

enum rc hook_line_decode(struct hook_line *line, const struct design *d, uint32_t design_version,
	const struct hook_body *b, const struct wire_sink *sink, struct hook_result *result, struct err *e)
{
	char place[1400], reason[1500];
	if (b->refused)
		return reject_all(b->received, sv_from(b->refused), sink, result, e);
	pthread_mutex_lock(&line->mu);
	enum rc rc = line_compile(line, d, design_version, e);
	if (rc == RC_OK && line->hook) {
		rc = body_decode(line->hook, b, sink, result, e);
	} else if (rc == RC_OK) {
		err_format(&line->wrong, place, sizeof(place));
		int n = snprintf(
			reason, sizeof(reason), "the mapping does not fit the corridor file: %s", place);
		rc = reject_all(b->received, (struct sv){reason, (size_t)n}, sink, result, e);
	}
	pthread_mutex_unlock(&line->mu);
	return rc;
}

enum rc hook_program_run(struct sandbox *s, struct sv program, struct sv body, struct buf *made, struct err *e)
{
	struct buf form = buf_new(SANDBOX_BODY_MAX);
	bool is_form = hook_form_read(body, &form);
	enum rc rc = is_form ? buf_check(&form, e, "a form") : RC_OK;
	if (rc == RC_OK)
		rc = sandbox_run(s, program, is_form ? buf_view(&form) : body, made, e);
	buf_free(&form);
	return rc;
}

// --- setting up ---

enum rc hook_check(struct sv mapping, struct sv name, const struct design *d, struct err *e)
{
	struct mapping *m = NULL;
	struct hook *hook = NULL;
	enum rc rc = compile(mapping, name, d, &m, &hook, e);
	hook_close(&hook);
	mapping_free(&m);
	return rc;
}

struct trial {
	const struct design *design;
	struct json j;
	struct json rejects;
};

static void write_some(struct json *j, const char *key, struct sv text)
{
	if (text.len)
		json_key_string(j, key, text);
}

static enum rc tried_interaction(void *context, uint32_t index, const struct interaction *x, struct err *e)
{
	struct trial *t = context;
	struct json *j = &t->j;
	const struct design *d = t->design;
	(void)e;
	json_object(j);
	json_key_u64(j, "index", index);
	write_some(j, "id", x->id);
	json_key_string(j, "source", x->source);
	json_key(j, "customer");
	json_array(j);
	for (uint32_t i = 0; i < x->n_identities; i++) {
		json_object(j);
		json_key_string(j, "type", x->identities[i].type);
		json_key_string(j, "value", x->identities[i].value);
		json_object_end(j);
	}
	json_array_end(j);
	tz_key(j, "at", d->tz, x->at_ms);
	json_key_string(j, "event", x->event);
	json_key_string(j, "touchpoint",
		x->touchpoint == TOUCHPOINT_NONE ? SV_NONE : d->touchpoints[x->touchpoint].name);
	write_some(j, "channel", x->channel);
	write_some(j, "agent", x->agent);
	write_some(j, "location", x->location);
	interaction_measures_put(j, d, x);
	write_some(j, "promise", x->promise);
	if (x->promise.len && x->due_ms != TIME_NONE)
		tz_key(j, "due", d->tz, x->due_ms);
	write_some(j, "keeps", x->keeps);
	write_some(j, "text", x->text);
	if (x->properties.len) {
		json_key(j, "properties");
		json_raw(j, x->properties);
	}
	json_object_end(j);
	return RC_OK;
}

static enum rc tried_link(void *context, const struct wire_link *link, struct err *e)
{
	(void)context;
	(void)link;
	(void)e;
	return RC_OK;
}

static enum rc tried_reject(void *context, uint32_t index, struct sv raw, struct sv reason, struct err *e)
{
	struct trial *t = context;
	(void)raw;
	(void)e;
	json_object(&t->rejects);
	json_key_u64(&t->rejects, "index", index);
	json_key_string(&t->rejects, "reason", reason);
	json_object_end(&t->rejects);
	return RC_OK;
}

// The program's part; its fault becomes b->refused, with *why as its place.
static enum rc try_program(const struct hook_settings *s, struct sandbox *sandbox, struct hook_body *b,
	struct buf *made, struct err *why)
{
	if (s->program.len == 0)
		return RC_OK;
	enum rc rc = hook_program_run(sandbox, s->program, b->received, made, why);
	if (rc == RC_INPUT)
		b->refused = why->message;
	else
		b->made = buf_view(made);
	return rc == RC_INPUT ? RC_OK : rc;
}

enum rc hook_try(const struct hook_settings *s, struct sandbox *sandbox, const struct design *d, struct sv body,
	size_t bytes_max, int64_t received_ms, struct buf *out, struct err *e)
{
	struct mapping *m = NULL;
	struct hook *hook = NULL;
	struct hook_result result = {0};
	struct hook_body b = {.received = body, .bytes_max = bytes_max, .received_ms = received_ms};
	struct err why = ERR_NONE;
	struct buf rejects = buf_new(out->max), made = buf_new(SANDBOX_OUTPUT_MAX);
	struct trial t = {d, json_new(out), json_new(&rejects)};
	const struct wire_sink sink = {&t, tried_interaction, tried_link, tried_reject};
	enum rc rc = compile(s->mapping, s->name, d, &m, &hook, e);
	if (rc == RC_OK && try_program(s, sandbox, &b, &made, &why) != RC_OK)
		rc = err_take(e, &why);
	json_object(&t.j);
	json_key(&t.j, "interactions");
	json_array(&t.j);
	json_array(&t.rejects);
	if (rc == RC_OK)
		rc = b.refused ? tried_reject(&t, 0, body, sv_from(b.refused), e)
			       : body_decode(hook, &b, &sink, &result, e);
	json_array_end(&t.j);
	json_array_end(&t.rejects);
	if (rc == RC_OK) {
		json_key(&t.j, "rejected");
		json_raw(&t.j, buf_view(&rejects));
		json_key_u64(&t.j, "empty", result.n_empty);
		rc = buf_check(&rejects, e, "the answer");
	}
	json_object_end(&t.j);
	buf_free(&rejects);
	buf_free(&made);
	hook_close(&hook);
	mapping_free(&m);
	return rc == RC_OK ? buf_check(out, e, "the answer") : rc;
}

// --- in the quarantine ---

void hook_origin_write(struct buf *out, struct sv name)
{
	struct json j = json_new(out);
	json_object(&j);
	json_key_string(&j, "hook", name);
	json_object_end(&j);
}

bool hook_origin_read(struct sv map_text, struct arena *a, struct sv *name)
{
	struct sv begins = SV(ORIGIN_BEGINS);
	*name = SV_NONE;
	if (!sv_starts(map_text, begins) || !sv_ends(map_text, SV("\"}")))
		return false;
	// Names of webhooks have nothing in them that JSON escapes.
	*name = arena_copy(a, (struct sv){map_text.ptr + begins.len, map_text.len - begins.len - 2});
	return true;
}
