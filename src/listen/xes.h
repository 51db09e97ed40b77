// SPDX-License-Identifier: Apache-2.0
// XES event logs (IEEE 1849-2016) as rows of NDJSON: one line per event, or per pair of a start and a complete event
// of the same activity, so that mapping, quarantine and replay need not know of XML.
//
// A row is `LINE<tab>{…}` with the line of the XML where the event starts. Its columns are the attributes of the
// event by their keys, those of the trace as `trace.KEY`, nested ones as `PARENT.KEY` (elements of a list are numbered
// from 1), and what is worked out here: `_event`, `_position`, `_duration`, `_completed`. docs/mapping.md has the rules.
// A row that is longer than RECORD_BYTES_MAX is left to be rejected as such.
#ifndef CORRIDOR_LISTEN_XES_H
#define CORRIDOR_LISTEN_XES_H

#include "base/buf.h"
#include "base/tz.h"
#include "listen/stream.h"

#define XES_TRACE_BYTES_MAX ((size_t)256 << 20) // of one trace, encoded
#define XES_TAG_BYTES_MAX ((size_t)4 << 20)     // of one tag with its attributes
#define XES_DEPTH_MAX 64u                       // of elements
#define XES_PATH_MAX 4096u                      // bytes of the dotted name of a nested attribute

// What was seen so far.
struct xes_counts {
	uint64_t n_traces, n_events;
	uint64_t n_pairs;       // a start and a complete event made one row
	uint64_t n_lone_starts; // no complete event followed
	uint64_t n_lone_ends;   // complete events without a start, in traces that have starts
};

struct xes;

// Reads the log from the stream, which must outlive it and is not closed. name: of the file, for messages. zone: of
// times without an offset, for durations. A file that begins with a brace holds such rows already (mended ones of the
// quarantine) and is handed on as it is. RC_NOMEM, and what stream_read says.
enum rc xes_open(struct stream *s, const char *name, const struct tz *zone, struct xes **out, struct err *e);
void xes_close(struct xes **x);
// Like stream_read, with whole rows: on failure the *got bytes are good and hold whole traces only. RC_INPUT: no XML, no
// XES, an entity declaration; RC_LIMIT: a trace or a tag is too large; each with line and column.
enum rc xes_read(struct xes *x, char *buf, size_t n, size_t *got, struct err *e);
const struct xes_counts *xes_counts(const struct xes *x);

#endif
