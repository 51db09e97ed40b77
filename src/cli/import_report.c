// SPDX-License-Identifier: Apache-2.0
// Row accounting: rows = mapped + empty + quarantined; interactions made = stored + duplicates.
#include "cli/import_report.h"

#include "base/json.h"

#include <stdlib.h>

// The counters of a report, declared once for text, JSON and the sum.
static const struct {
	const char *name;
	size_t offset;
} counters[] = {
	{"bytes", offsetof(struct import_report, bytes)},
	{"skipped_lines", offsetof(struct import_report, n_skipped_lines)},
	{"rows", offsetof(struct import_report, n_rows)},
	{"mapped_rows", offsetof(struct import_report, n_mapped_rows)},
	{"empty_rows", offsetof(struct import_report, n_empty_rows)},
	{"quarantined", offsetof(struct import_report, n_quarantined)},
	{"interactions", offsetof(struct import_report, n_interactions)},
	{"duplicates", offsetof(struct import_report, n_duplicates)},
	{"ambiguous_times", offsetof(struct import_report, n_ambiguous_times)},
	{"skipped_times", offsetof(struct import_report, n_skipped_times)},
	{"unmatched", offsetof(struct import_report, n_unmatched)},
	{"traces", offsetof(struct import_report, n_traces)},
	{"events", offsetof(struct import_report, n_events)},
	{"pairs", offsetof(struct import_report, n_pairs)},
	{"lone_starts", offsetof(struct import_report, n_lone_starts)},
	{"lone_ends", offsetof(struct import_report, n_lone_ends)},
};
#define N_COUNTERS (sizeof(counters) / sizeof(counters[0]))

static uint64_t counter(const struct import_report *r, size_t i)
{
	uint64_t v;
	memcpy(&v, (const char *)r + counters[i].offset, sizeof(v));
	return v;
}

// The same reasons of all files together, as many as there is room for and the rest as one. Lines are of one file: none here.
static void sum_reason(struct import_report *total, const struct import_reason *reason)
{
	uint32_t i = 0;
	bool other = strcmp(reason->reason, IMPORT_REASON_OTHER) == 0;
	while (i < total->n_reasons && strcmp(total->reasons[i].reason, reason->reason) != 0)
		i++;
	if (i == total->n_reasons && !other && i < IMPORT_REASONS_MAX - 1) {
		total->reasons[total->n_reasons++] = *reason;
		total->reasons[i].n = total->reasons[i].first_line = 0;
	} else if (i == total->n_reasons) {
		// The last place is kept for the rest until all are in.
		i = IMPORT_REASONS_MAX - 1;
	}
	total->reasons[i].n += reason->n;
}

static int more_first(const void *a, const void *b)
{
	const struct import_reason *x = a, *y = b;
	return (x->n < y->n) - (x->n > y->n);
}

static void sum_reasons(struct import_report *total, const struct import_report *reports, uint32_t n)
{
	struct import_reason *rest = &total->reasons[IMPORT_REASONS_MAX - 1];
	for (uint32_t k = 0; k < n; k++)
		for (uint32_t i = 0; i < reports[k].n_reasons; i++)
			sum_reason(total, &reports[k].reasons[i]);
	qsort(total->reasons, total->n_reasons, sizeof(total->reasons[0]), more_first);
	if (rest->n == 0)
		return;
	struct import_reason *to = &total->reasons[total->n_reasons++];
	*to = (struct import_reason){.reason = IMPORT_REASON_OTHER, .n = rest->n};
}

static struct import_report sum(const struct import_report *reports, uint32_t n)
{
	struct import_report total = {.file = "all files"};
	for (uint32_t k = 0; k < n; k++) {
		for (size_t i = 0; i < N_COUNTERS; i++) {
			uint64_t v = counter(&total, i) + counter(&reports[k], i);
			memcpy((char *)&total + counters[i].offset, &v, sizeof(v));
		}
		total.elapsed_ms += reports[k].elapsed_ms;
		total.is_xes |= reports[k].is_xes;
	}
	sum_reasons(&total, reports, n);
	return total;
}

static void count_line(struct buf *out, uint64_t n, const char *sign, const char *what)
{
	char number[HUMAN_TEXT_MAX];
	buf_printf(out, "  %s %13s  %s\n", sign, human_number((double)n, 0, number), what);
}

static void put_reasons(const struct import_report *r, const struct look *look, struct buf *out)
{
	char number[HUMAN_TEXT_MAX];
	if (r->n_reasons)
		buf_str(out, "  why rows were quarantined\n");
	for (uint32_t i = 0; i < r->n_reasons; i++) {
		const struct import_reason *reason = &r->reasons[i];
		buf_printf(out, "    %13s  ", human_number((double)reason->n, 0, number));
		ink_put(out, look, INK_WARN, sv_from(reason->reason));
		if (reason->first_line)
			buf_printf(out, " (first in line %llu)", (unsigned long long)reason->first_line);
		buf_char(out, '\n');
	}
}

static void put_times(const struct import_report *r, struct buf *out)
{
	if (r->n_ambiguous_times)
		count_line(out, r->n_ambiguous_times, " ",
			"times that the clock showed twice in autumn; the first, daylight-saving one is taken");
	if (r->n_skipped_times)
		count_line(out, r->n_skipped_times, " ",
			"times that the clock never showed in spring; moved forward by the gap");
}

// Before the rows: what the log held.
static void put_events(const struct import_report *r, struct buf *out)
{
	if (!r->is_xes)
		return;
	count_line(out, r->n_traces, " ", r->n_traces == 1 ? "trace" : "traces");
	count_line(out, r->n_events, " ", "events");
	if (r->n_pairs)
		count_line(out, r->n_pairs, "-", "that complete another: start and complete are one row");
	if (r->n_lone_starts)
		count_line(out, r->n_lone_starts, " ", "of them starts that are never completed");
	if (r->n_lone_ends && r->n_pairs + r->n_lone_starts)
		count_line(
			out, r->n_lone_ends, " ", "of them completed without a start, where others have one");
}

static void put_one(const struct import_report *r, bool dry_run, const struct look *look, struct buf *out)
{
	char bytes[HUMAN_TEXT_MAX], elapsed[HUMAN_TEXT_MAX], rate[HUMAN_TEXT_MAX];
	ink_put(out, look, INK_BOLD, sv_from(r->file));
	double seconds = (double)r->elapsed_ms / 1000;
	buf_printf(out, ": %s read in %s", human_bytes(r->bytes, bytes), human_seconds(seconds, elapsed));
	if (seconds >= 0.5)
		buf_printf(out, ", %s rows/s", human_number((double)r->n_rows / seconds, 0, rate));
	buf_char(out, '\n');
	put_events(r, out);
	count_line(out, r->n_rows, " ", "rows read");
	count_line(out, r->n_mapped_rows, "=", "made into interactions");
	count_line(out, r->n_empty_rows, "+", "left out by the mapping's conditions");
	count_line(out, r->n_quarantined, "+", "quarantined, because they cannot be understood");
	count_line(out, r->n_interactions + r->n_duplicates, " ", "interactions made");
	count_line(out, r->n_interactions, "=", dry_run ? "new (nothing is stored in a dry run)" : "stored");
	count_line(out, r->n_duplicates, "+", "known before (duplicates)");
	if (r->n_unmatched)
		count_line(out, r->n_unmatched, " ", "without a touch point: no match rule fits");
	if (r->n_skipped_lines)
		count_line(out, r->n_skipped_lines, " ", "lines skipped before the header");
	if (r->n_skipped_lines && r->skipped_sample[0]) {
		buf_str(out, "                     the first: ");
		text_clean(out, sv_from(r->skipped_sample));
		buf_char(out, '\n');
	}
	put_times(r, out);
	put_reasons(r, look, out);
}

static void put_unread(
	const struct import_report *reports, uint32_t n, const struct look *look, struct buf *out)
{
	for (uint32_t i = 0; i < n; i++) {
		if (reports[i].was_read)
			continue;
		ink_put(out, look, INK_BOLD, sv_from(reports[i].file));
		buf_str(out, ": ");
		ink_put(out, look, INK_WARN, SV("not read"));
		buf_char(out, '\n');
	}
}

void import_report_text(
	const struct import_report *reports, uint32_t n, bool dry_run, const struct look *look, struct buf *out)
{
	for (uint32_t i = 0; i < n; i++)
		if (reports[i].was_read)
			put_one(&reports[i], dry_run, look, out);
	struct import_report total = sum(reports, n);
	if (n > 1)
		put_one(&total, dry_run, look, out);
	put_unread(reports, n, look, out);
	if (total.n_quarantined && !dry_run)
		buf_str(out,
			"corridor quarantine list shows what was not understood; replay it after mending the "
			"mapping.\n");
}

static void json_one(struct json *j, const struct import_report *r)
{
	json_object(j);
	json_key_text(j, "file", r->file);
	for (size_t i = 0; i < N_COUNTERS; i++) {
		json_key_u64(j, counters[i].name, counter(r, i));
	}
	json_key_i64(j, "elapsed_ms", r->elapsed_ms);
	json_key(j, "reasons");
	json_array(j);
	for (uint32_t i = 0; i < r->n_reasons; i++) {
		json_object(j);
		json_key_text(j, "reason", r->reasons[i].reason);
		json_key_u64(j, "n", r->reasons[i].n);
		if (r->reasons[i].first_line)
			json_key_u64(j, "first_line", r->reasons[i].first_line);
		json_object_end(j);
	}
	json_array_end(j);
	json_object_end(j);
}

void import_report_json(const struct import_report *reports, uint32_t n, bool dry_run, struct buf *out)
{
	struct json j = json_new(out);
	struct import_report total = sum(reports, n);
	json_object(&j);
	json_key_bool(&j, "dry_run", dry_run);
	json_key(&j, "files");
	json_array(&j);
	for (uint32_t i = 0; i < n; i++)
		if (reports[i].was_read)
			json_one(&j, &reports[i]);
	json_array_end(&j);
	json_key(&j, "not_read");
	json_array(&j);
	for (uint32_t i = 0; i < n; i++)
		if (!reports[i].was_read)
			json_string(&j, sv_from(reports[i].file));
	json_array_end(&j);
	json_key(&j, "total");
	json_one(&j, &total);
	json_object_end(&j);
	buf_char(out, '\n');
}
