// SPDX-License-Identifier: Apache-2.0
// A trace: its events are held until it ends, then paired and given out row by row.
//
// Pairing, in the order of the log: a complete event belongs to the earliest start before it that is still open, of
// the same concept:name and concept:instance, and not later in time. One that aborts or withdraws an activity closes
// the earliest start, and both stay rows of their own. Everything else stays what it is.
//
// Invariants:
//  1. Texts are named by their offset, since t->text moves while it grows; it holds less than 4 GiB.
//  2. An event's attributes are attributes[first, first + n), the trace's own are listed in own[].
#include "listen/xes_trace.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/number.h"
#include "listen/csv.h"

#define NO_EVENT UINT32_MAX
#define STARTS_MAX 4096u // open starts that are looked at for one complete event, so that time stays linear

struct xes_trace xes_trace_new(void)
{
	return (struct xes_trace){.text = buf_new(XES_TRACE_BYTES_MAX), .shared = buf_new(XES_TRACE_BYTES_MAX)};
}

void xes_trace_free(struct xes_trace *t)
{
	buf_free(&t->text);
	buf_free(&t->shared);
	mem_free(t->attributes);
	mem_free(t->events);
	mem_free(t->own);
	*t = (struct xes_trace){0};
}

void xes_trace_clear(struct xes_trace *t)
{
	buf_clear(&t->text);
	buf_clear(&t->shared);
	t->n_attributes = t->n_events = t->n_own = t->next = 0;
}

struct sv xes_view(const struct xes_trace *t, struct xes_text x)
{
	return x.len ? (struct sv){(const char *)t->text.data + x.at, x.len} : SV("");
}

static enum rc no_memory(struct err *e)
{
	return err_set(e, RC_NOMEM, "out of memory for a trace");
}

static enum rc check_size(const struct xes_trace *t, struct err *e)
{
	size_t bytes =
		t->text.len + t->n_attributes * sizeof(*t->attributes) + t->n_events * sizeof(*t->events);
	if (t->text.rc == RC_NOMEM)
		return no_memory(e);
	if (t->text.rc == RC_OK && bytes <= XES_TRACE_BYTES_MAX)
		return RC_OK;
	err_set(e, RC_LIMIT, "a trace needs more than %zu MiB of memory", XES_TRACE_BYTES_MAX >> 20);
	err_remedy(e, "split the trace, or leave attributes out that are not needed");
	return RC_LIMIT;
}

enum rc xes_trace_add(struct xes_trace *t, struct xes_attribute a, struct err *e)
{
	void *p = t->attributes;
	enum rc rc = check_size(t, e);
	if (rc != RC_OK)
		return rc;
	if (mem_grow(&p, &t->attributes_capacity, t->n_attributes + 1, sizeof(*t->attributes)) != 0)
		return no_memory(e);
	t->attributes = p;
	t->attributes[t->n_attributes++] = a;
	return RC_OK;
}

enum rc xes_trace_own(struct xes_trace *t, struct err *e)
{
	void *p = t->own;
	if (mem_grow(&p, &t->own_capacity, t->n_own + 1, sizeof(*t->own)) != 0)
		return no_memory(e);
	t->own = p;
	t->own[t->n_own++] = (uint32_t)t->n_attributes - 1;
	return RC_OK;
}

enum rc xes_trace_event(struct xes_trace *t, uint64_t line, struct err *e)
{
	void *p = t->events;
	if (mem_grow(&p, &t->events_capacity, t->n_events + 1, sizeof(*t->events)) != 0)
		return no_memory(e);
	t->events = p;
	t->events[t->n_events++] = (struct xes_event){
		.first = (uint32_t)t->n_attributes, .line = line, .at_ms = TIME_NONE, .partner = NO_EVENT};
	return check_size(t, e);
}

const struct xes_attribute *xes_event_find(const struct xes_trace *t, const struct xes_event *ev, struct sv key)
{
	for (uint32_t i = 0; i < ev->n; i++) {
		const struct xes_attribute *a = &t->attributes[ev->first + i];
		if (a->key.len == key.len && memcmp(xes_view(t, a->key).ptr, key.ptr, key.len) == 0)
			return a;
	}
	return NULL;
}

static struct xes_text value_of(const struct xes_trace *t, const struct xes_event *ev, struct sv key)
{
	const struct xes_attribute *a = xes_event_find(t, ev, key);
	return a ? a->value : (struct xes_text){0, 0};
}

// The text inside a JSON string without escapes; anything else is empty.
static struct sv inside(struct sv json)
{
	if (json.len < 2 || json.ptr[0] != '"' || memchr(json.ptr, '\\', json.len))
		return SV_NONE;
	return (struct sv){json.ptr + 1, json.len - 2};
}

static enum xes_step step_of(struct sv transition)
{
	static const struct {
		struct sv name;
		enum xes_step step;
	} steps[] = {{{"complete", 8}, XES_COMPLETE}, {{"start", 5}, XES_START}, {{"ate_abort", 9}, XES_END},
		{{"pi_abort", 8}, XES_END}, {{"withdraw", 8}, XES_END}};
	if (!transition.len)
		return XES_COMPLETE;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (sv_equal_nocase(transition, steps[i].name))
			return steps[i].step;
	return XES_OTHER;
}

void xes_trace_event_end(struct xes_trace *t, const struct time_format *iso, const struct tz *zone)
{
	struct xes_event *ev = &t->events[t->n_events - 1];
	int64_t at_ms;
	ev->n = (uint32_t)t->n_attributes - ev->first;
	ev->name = value_of(t, ev, SV("\"concept:name\":"));
	ev->instance = value_of(t, ev, SV("\"concept:instance\":"));
	ev->transition = value_of(t, ev, SV("\"lifecycle:transition\":"));
	ev->time = value_of(t, ev, SV("\"time:timestamp\":"));
	ev->step = step_of(inside(xes_view(t, ev->transition)));
	struct sv time = inside(xes_view(t, ev->time));
	if (time.len && time_parse(iso, zone, time, &at_ms, NULL))
		ev->at_ms = at_ms;
}

// --- pairs ---

// Open starts, by activity: a chain per slot of a hash table, in the order of the log.
struct open_starts {
	uint32_t *head, *tail; // by slot
	uint32_t *next;        // by event
	uint32_t mask;
};

static uint64_t activity_hash(const struct xes_trace *t, const struct xes_event *ev)
{
	struct sv name = xes_view(t, ev->name), instance = xes_view(t, ev->instance);
	return hash64(name.ptr, name.len) * 31 + hash64(instance.ptr, instance.len);
}

static bool same_activity(const struct xes_trace *t, const struct xes_event *a, const struct xes_event *b)
{
	return sv_equal(xes_view(t, a->name), xes_view(t, b->name)) &&
	       sv_equal(xes_view(t, a->instance), xes_view(t, b->instance));
}

// Takes the earliest open start of b's activity out of its chain; NO_EVENT when there is none.
static uint32_t take_start(struct xes_trace *t, struct open_starts *o, const struct xes_event *b)
{
	uint32_t slot = (uint32_t)activity_hash(t, b) & o->mask, before = NO_EVENT;
	uint32_t n_looked_at = 0;
	for (uint32_t i = o->head[slot]; i != NO_EVENT && n_looked_at < STARTS_MAX;
		before = i, i = o->next[i]) {
		n_looked_at++;
		const struct xes_event *a = &t->events[i];
		bool in_time = b->step == XES_END || (a->at_ms != TIME_NONE && a->at_ms <= b->at_ms);
		if (!in_time || !same_activity(t, a, b))
			continue;
		if (before == NO_EVENT)
			o->head[slot] = o->next[i];
		else
			o->next[before] = o->next[i];
		if (o->tail[slot] == i)
			o->tail[slot] = before;
		return i;
	}
	return NO_EVENT;
}

static void put_start(struct xes_trace *t, struct open_starts *o, uint32_t i)
{
	uint32_t slot = (uint32_t)activity_hash(t, &t->events[i]) & o->mask;
	o->next[i] = NO_EVENT;
	if (o->head[slot] == NO_EVENT)
		o->head[slot] = i;
	else
		o->next[o->tail[slot]] = i;
	o->tail[slot] = i;
}

static uint64_t pair_all(struct xes_trace *t, struct open_starts *o)
{
	uint64_t n_pairs = 0;
	for (uint32_t i = 0; i < t->n_events; i++) {
		struct xes_event *ev = &t->events[i];
		if (!ev->name.len)
			continue;
		if (ev->step == XES_START)
			put_start(t, o, i);
		if (ev->step != XES_END && (ev->step != XES_COMPLETE || ev->at_ms == TIME_NONE))
			continue;
		uint32_t start = take_start(t, o, ev);
		if (start == NO_EVENT || ev->step == XES_END)
			continue;
		t->events[start].partner = i;
		ev->taken = true;
		n_pairs++;
	}
	return n_pairs;
}

static enum rc pair(struct xes_trace *t, struct xes_counts *counts, struct err *e)
{
	uint64_t n_starts = 0, n_completes = 0;
	for (size_t i = 0; i < t->n_events; i++) {
		n_starts += t->events[i].step == XES_START;
		n_completes += t->events[i].step == XES_COMPLETE;
	}
	if (!n_starts)
		return RC_OK;
	uint32_t n_slots = 16;
	while (n_slots < n_starts && n_slots < 1u << 20)
		n_slots *= 2;
	struct open_starts o = {.mask = n_slots - 1};
	o.head = mem_alloc(n_slots * sizeof(*o.head));
	o.tail = mem_calloc(n_slots, sizeof(*o.tail));
	o.next = mem_calloc(t->n_events, sizeof(*o.next));
	enum rc rc = o.head && o.tail && o.next ? RC_OK : no_memory(e);
	if (rc == RC_OK) {
		memset(o.head, 0xff, n_slots * sizeof(*o.head));
		uint64_t n = pair_all(t, &o);
		counts->n_pairs += n;
		counts->n_lone_starts += n_starts - n;
		counts->n_lone_ends += n_completes - n;
	}
	mem_free(o.head);
	mem_free(o.tail);
	mem_free(o.next);
	return rc;
}

enum rc xes_trace_end(struct xes_trace *t, struct xes_counts *counts, struct err *e)
{
	counts->n_traces++;
	counts->n_events += t->n_events;
	for (size_t i = 0; i < t->n_own; i++) {
		const struct xes_attribute *a = &t->attributes[t->own[i]];
		buf_char(&t->shared, ',');
		buf_sv(&t->shared, xes_view(t, a->key));
		buf_sv(&t->shared, xes_view(t, a->value));
	}
	if (t->shared.len > RECORD_BYTES_MAX + 64) // no row can hold it; no more is needed to reject them
		t->shared.len = RECORD_BYTES_MAX + 64;
	enum rc rc = buf_check(&t->shared, e, "the attributes of a trace");
	return rc == RC_OK ? pair(t, counts, e) : rc;
}

// --- rows ---

static void put_members(
	const struct xes_trace *t, const struct xes_event *ev, const struct xes_event *over, struct buf *out)
{
	for (uint32_t i = 0; i < ev->n; i++) {
		const struct xes_attribute *a = &t->attributes[ev->first + i];
		if (over && xes_event_find(t, over, xes_view(t, a->key)))
			continue;
		buf_char(out, ',');
		buf_sv(out, xes_view(t, a->key));
		buf_sv(out, xes_view(t, a->value));
	}
}

// The complete event's attributes, the start's where it has none of that name, and the start's time.
static void put_pair(
	const struct xes_trace *t, const struct xes_event *start, const struct xes_event *end, struct buf *out)
{
	char digits[NUMBER_TEXT_MAX];
	number_from_double((double)(end->at_ms - start->at_ms) / 1000, digits);
	buf_str(out, ",\"time:timestamp\":");
	buf_sv(out, xes_view(t, start->time));
	for (uint32_t i = 0; i < end->n; i++) {
		const struct xes_attribute *a = &t->attributes[end->first + i];
		if (a->value.at == end->time.at)
			continue;
		buf_char(out, ',');
		buf_sv(out, xes_view(t, a->key));
		buf_sv(out, xes_view(t, a->value));
	}
	put_members(t, start, end, out);
	buf_str(out, ",\"_duration\":");
	buf_str(out, digits);
	buf_str(out, ",\"_completed\":");
	buf_sv(out, xes_view(t, end->time));
}

// The activity, with the transition behind a plus where that is neither complete nor part of a pair.
static void put_event_name(const struct xes_trace *t, const struct xes_event *ev, struct buf *out)
{
	struct sv name = xes_view(t, ev->name), transition = inside(xes_view(t, ev->transition));
	bool text = name.len >= 2 && name.ptr[0] == '"';
	buf_str(out, ",\"_event\":");
	if (ev->step == XES_COMPLETE || ev->partner != NO_EVENT || !text || !transition.len) {
		buf_sv(out, name);
		return;
	}
	buf_put(out, name.ptr, name.len - 1);
	buf_char(out, '+');
	buf_sv(out, transition);
	buf_char(out, '"');
}

void xes_trace_row(struct xes_trace *t, struct buf *out, bool *more)
{
	while (t->next < t->n_events && t->events[t->next].taken)
		t->next++;
	*more = t->next < t->n_events;
	if (!*more)
		return;
	const struct xes_event *ev = &t->events[t->next++];
	char digits[NUMBER_TEXT_MAX];
	number_from_u64(ev->line, digits);
	buf_str(out, digits);
	number_from_u64(t->next, digits);
	buf_str(out, "\t{\"_position\":");
	buf_str(out, digits);
	if (ev->name.len)
		put_event_name(t, ev, out);
	if (ev->partner == NO_EVENT)
		put_members(t, ev, NULL, out);
	else
		put_pair(t, ev, &t->events[ev->partner], out);
	buf_sv(out, buf_view(&t->shared));
	buf_str(out, "}\n");
}
