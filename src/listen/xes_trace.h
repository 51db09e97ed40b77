// SPDX-License-Identifier: Apache-2.0
// One trace of an XES log in memory, and the rows that it gives; between xes.c and xes_trace.c.
#ifndef CORRIDOR_LISTEN_XES_TRACE_H
#define CORRIDOR_LISTEN_XES_TRACE_H

#include "listen/xes.h"

// Text in xes_trace.text.
struct xes_text {
	uint32_t at, len;
};

// key: as JSON with its colon (`"concept:name":`); value: as JSON.
struct xes_attribute {
	struct xes_text key, value;
};

enum xes_step { XES_COMPLETE, XES_START, XES_END, XES_OTHER };

struct xes_event {
	uint32_t first, n; // attributes
	uint64_t line;
	// Values that pairing looks at, as JSON; len 0 = absent.
	struct xes_text name, instance, transition, time;
	enum xes_step step;
	int64_t at_ms;    // TIME_NONE = none
	uint32_t partner; // of a start: its complete event; UINT32_MAX = none
	bool taken;       // a complete event that its start's row tells of
};

struct xes_trace {
	struct buf text;
	struct xes_attribute *attributes;
	size_t n_attributes, attributes_capacity;
	struct xes_event *events;
	size_t n_events, events_capacity;
	uint32_t *own; // numbers of the trace's own attributes
	size_t n_own, own_capacity;
	size_t next;       // event whose row comes next
	struct buf shared; // the trace's own attributes as members of JSON, made once
};

// Empty, with its limits.
struct xes_trace xes_trace_new(void);
void xes_trace_free(struct xes_trace *t);
void xes_trace_clear(struct xes_trace *t);
// Adds an attribute (its texts are in t->text already) and gives its number. RC_NOMEM, RC_LIMIT.
enum rc xes_trace_add(struct xes_trace *t, struct xes_attribute a, struct err *e);
// Adds to the trace's own attributes the last one added. RC_NOMEM.
enum rc xes_trace_own(struct xes_trace *t, struct err *e);
// A new event without attributes; they follow by xes_trace_add. RC_NOMEM.
enum rc xes_trace_event(struct xes_trace *t, uint64_t line, struct err *e);
// After the last attribute of the last event: what pairing needs. iso, zone: to read times.
void xes_trace_event_end(struct xes_trace *t, const struct time_format *iso, const struct tz *zone);
// After the last event: pairs, counts, gets ready for rows. RC_NOMEM, RC_LIMIT.
enum rc xes_trace_end(struct xes_trace *t, struct xes_counts *counts, struct err *e);
// Appends the next row to out; *more false when there is none left.
void xes_trace_row(struct xes_trace *t, struct buf *out, bool *more);
// The attribute of the last event under that JSON key, or NULL.
const struct xes_attribute *xes_event_find(
	const struct xes_trace *t, const struct xes_event *ev, struct sv key);
struct sv xes_view(const struct xes_trace *t, struct xes_text x);

#endif
