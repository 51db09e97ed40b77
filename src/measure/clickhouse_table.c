// SPDX-License-Identifier: Apache-2.0
// The table of interactions in ClickHouse: its columns, the statement that makes it, and the file that fills it
// (RowBinaryWithNamesAndTypes: exact, nothing to escape, and ClickHouse checks names and types when it reads).
//
// One list of columns serves all three. Rows come from the ordered scan, so `arrival` is their running number.
#include "measure/clickhouse_internal.h"

#include "base/mem.h"

#include <errno.h>

#define PART_BYTES ((size_t)1 << 20)

enum column_kind {
	COLUMN_PERSON,
	COLUMN_AT,
	COLUMN_ARRIVAL,
	COLUMN_RECEIVED,
	COLUMN_NAME,  // of a code column
	COLUMN_STAGE, // these follow from the touch point
	COLUMN_OWNER,
	COLUMN_CHANNEL_KIND, // and this from the channel
	COLUMN_PROMISE,
	COLUMN_KEEPS,
	COLUMN_DUE,
	COLUMN_DIMENSION,
	COLUMN_MEASURE
};

static const char *const types[] = {[COLUMN_PERSON] = "UInt64",
	[COLUMN_AT] = "Int64",
	[COLUMN_ARRIVAL] = "UInt64",
	[COLUMN_RECEIVED] = "Nullable(Int64)",
	[COLUMN_NAME] = "LowCardinality(String)",
	[COLUMN_STAGE] = "LowCardinality(String)",
	[COLUMN_OWNER] = "LowCardinality(String)",
	[COLUMN_CHANNEL_KIND] = "LowCardinality(String)",
	[COLUMN_PROMISE] = "UInt64",
	[COLUMN_KEEPS] = "UInt64",
	[COLUMN_DUE] = "Nullable(Int64)",
	[COLUMN_DIMENSION] = "LowCardinality(String)",
	[COLUMN_MEASURE] = "Nullable(Float64)"};

static const struct column {
	const char *name;
	enum column_kind kind;
	enum code_column code; // whose code it is or follows from
	enum name_kind names;
} fixed[] = {
	{"person", COLUMN_PERSON, CODE_COLUMNS, NAME_KINDS},
	{"at", COLUMN_AT, CODE_COLUMNS, NAME_KINDS},
	{"arrival", COLUMN_ARRIVAL, CODE_COLUMNS, NAME_KINDS},
	{"received", COLUMN_RECEIVED, CODE_COLUMNS, NAME_KINDS},
	{"touchpoint", COLUMN_NAME, CODE_TOUCHPOINT, NAME_TOUCHPOINT},
	{"stage", COLUMN_STAGE, CODE_TOUCHPOINT, NAME_TOUCHPOINT},
	{"owner", COLUMN_OWNER, CODE_TOUCHPOINT, NAME_TOUCHPOINT},
	{"channel", COLUMN_NAME, CODE_CHANNEL, NAME_CHANNEL},
	{"channel-kind", COLUMN_CHANNEL_KIND, CODE_CHANNEL, NAME_CHANNEL},
	{"event", COLUMN_NAME, CODE_EVENT, NAME_EVENT},
	{"source", COLUMN_NAME, CODE_SOURCE, NAME_SOURCE},
	{"agent", COLUMN_NAME, CODE_AGENT, NAME_AGENT},
	{"location", COLUMN_NAME, CODE_LOCATION, NAME_LOCATION},
	{"promise", COLUMN_PROMISE, CODE_COLUMNS, NAME_KINDS},
	{"keeps", COLUMN_KEEPS, CODE_COLUMNS, NAME_KINDS},
	{"due", COLUMN_DUE, CODE_COLUMNS, NAME_KINDS},
};
#define N_FIXED (sizeof(fixed) / sizeof(fixed[0]))

void clickhouse_schema_write(const struct design *d, struct buf *out)
{
	buf_str(out, "CREATE TABLE interactions (\n");
	for (size_t i = 0; i < N_FIXED; i++) {
		enum column_kind kind = fixed[i].kind;
		buf_str(out, "    ");
		sql_name(out, sv_from(fixed[i].name));
		buf_printf(out, " %s%s,\n", types[kind],
			kind == COLUMN_AT || kind == COLUMN_ARRIVAL ? " CODEC(Delta, ZSTD(1))" : "");
	}
	for (uint32_t i = 0; i < d->n_dimensions; i++) {
		buf_str(out, "    ");
		sql_dimension(out, d, i);
		buf_printf(out, " %s,\n", types[COLUMN_DIMENSION]);
	}
	for (uint32_t i = 0; i < d->n_measures; i++) {
		buf_str(out, "    ");
		sql_measure(out, d, i);
		buf_printf(out, " %s%s\n", types[COLUMN_MEASURE], i + 1 < d->n_measures ? "," : "");
	}
	buf_str(out, ") ENGINE = MergeTree ORDER BY (person, at, arrival);\n");
}

// --- the file ---

// What a row of the scan becomes. Names are looked up once: labels[column][code].
struct exporter {
	const struct design *design;
	const struct names *names;
	struct arena *arena;
	struct sv *labels[N_FIXED];
	uint32_t n_labels[N_FIXED];
	uint32_t dimension_slot[DESIGN_DIMENSIONS_MAX], measure_slot[DESIGN_MEASURES_MAX];
	struct buf out;
	const struct io *io;
	const char *path;
	int fd;
	uint64_t offset, arrival;
};

static struct sv derived_label(const struct exporter *x, enum column_kind kind, struct sv name)
{
	static const char *const kinds[] = {"digital", "contact-centre", "in-person", "partner", "public"};
	const struct design *d = x->design;
	if (kind == COLUMN_CHANNEL_KIND) {
		uint32_t channel = design_channel_find(d, name);
		return channel == DESIGN_NONE ? SV("") : sv_from(kinds[d->channels[channel].kind]);
	}
	uint32_t touchpoint = design_touchpoint_find(d, name);
	if (touchpoint == DESIGN_NONE)
		return SV("");
	const struct design_touchpoint *t = &d->touchpoints[touchpoint];
	if (kind == COLUMN_STAGE)
		return t->stage < d->n_stages ? d->stages[t->stage] : SV("");
	return t->owner < d->n_departments ? d->departments[t->owner] : SV("");
}

static enum rc look_up_names(struct exporter *x, struct err *e)
{
	for (size_t i = 0; i < N_FIXED; i++) {
		if (fixed[i].code == CODE_COLUMNS)
			continue;
		uint32_t n = names_count(x->names, fixed[i].names);
		x->labels[i] = arena_array(x->arena, (size_t)n + 1, sizeof(struct sv));
		if (!x->labels[i])
			return err_set(e, RC_NOMEM, "out of memory for names");
		for (uint32_t code = 1; code < n; code++) {
			struct sv name = names_at(x->names, fixed[i].names, code);
			x->labels[i][code] =
				fixed[i].kind == COLUMN_NAME ? name : derived_label(x, fixed[i].kind, name);
		}
		x->n_labels[i] = n;
	}
	for (uint32_t i = 0; i < x->design->n_dimensions; i++)
		x->dimension_slot[i] = names_dimension_slot(x->names, x->design, i);
	for (uint32_t i = 0; i < x->design->n_measures; i++)
		x->measure_slot[i] = names_measure_slot(x->names, x->design, i);
	return RC_OK;
}

static void put_string(struct buf *out, const char *text)
{
	buf_blob(out, sv_from(text));
}

static void put_declared(struct buf *out, struct sv name, const char *kind)
{
	const char *prefix = sql_prefix(name, kind);
	buf_varint(out, strlen(prefix) + name.len);
	buf_str(out, prefix);
	buf_sv(out, name);
}

static void put_header(struct exporter *x)
{
	const struct design *d = x->design;
	buf_varint(&x->out, N_FIXED + d->n_dimensions + d->n_measures);
	for (size_t i = 0; i < N_FIXED; i++)
		put_string(&x->out, fixed[i].name);
	for (uint32_t i = 0; i < d->n_dimensions; i++)
		put_declared(&x->out, d->dimensions[i], SQL_DIMENSION);
	for (uint32_t i = 0; i < d->n_measures; i++)
		put_declared(&x->out, d->measures[i].name, SQL_MEASURE);
	for (size_t i = 0; i < N_FIXED; i++)
		put_string(&x->out, types[fixed[i].kind]);
	for (uint32_t i = 0; i < d->n_dimensions; i++)
		put_string(&x->out, types[COLUMN_DIMENSION]);
	for (uint32_t i = 0; i < d->n_measures; i++)
		put_string(&x->out, types[COLUMN_MEASURE]);
}

static enum rc flush(struct exporter *x, struct err *e)
{
	enum rc rc = buf_check(&x->out, e, "a part of the file");
	if (rc == RC_OK)
		rc = io_write_all(x->io, x->fd, x->out.data, x->out.len, x->offset, x->path, e);
	x->offset += x->out.len;
	buf_clear(&x->out);
	return rc;
}

static void put_time(struct buf *out, int64_t at_ms)
{
	buf_u8(out, at_ms == TIME_NONE);
	if (at_ms != TIME_NONE)
		buf_u64(out, (uint64_t)at_ms);
}

static void put_fixed(struct exporter *x, size_t i, const struct span *span, uint32_t row, uint64_t person)
{
	struct buf *out = &x->out;
	switch (fixed[i].kind) {
	case COLUMN_PERSON:
		buf_u64(out, person);
		return;
	case COLUMN_AT:
		buf_u64(out, (uint64_t)span->at[row]);
		return;
	case COLUMN_ARRIVAL:
		buf_u64(out, x->arrival++);
		return;
	case COLUMN_RECEIVED:
		put_time(out, span->received ? span->received[row] : TIME_NONE);
		return;
	case COLUMN_DUE:
		put_time(out, span->due ? span->due[row] : TIME_NONE);
		return;
	case COLUMN_PROMISE:
		buf_u64(out, span->promise ? span->promise[row] : 0);
		return;
	case COLUMN_KEEPS:
		buf_u64(out, span->keeps ? span->keeps[row] : 0);
		return;
	case COLUMN_NAME:
	case COLUMN_STAGE:
	case COLUMN_OWNER:
	case COLUMN_CHANNEL_KIND:
	case COLUMN_DIMENSION:
	case COLUMN_MEASURE:
		break;
	}
	uint32_t code = span->code[fixed[i].code] ? span->code[fixed[i].code][row] : 0;
	buf_blob(out, code && code < x->n_labels[i] ? x->labels[i][code] : SV(""));
}

static void put_dimension(struct exporter *x, uint32_t i, const struct span *span, uint32_t row)
{
	uint32_t slot = x->dimension_slot[i];
	const uint32_t *codes = slot < DESIGN_DIMENSIONS_MAX ? span->code[CODE_DIMENSION0 + slot] : NULL;
	struct sv name = codes && codes[row]
				 ? names_at(x->names, (enum name_kind)(NAME_DIMENSION0 + (int)slot), codes[row])
				 : SV("");
	buf_blob(&x->out, name);
}

// next[i]: where measure i's values go on; they ascend by row.
static void put_measure(struct exporter *x, uint32_t i, const struct span *span, uint32_t row, uint32_t *next)
{
	uint32_t slot = x->measure_slot[i];
	const struct sparse_values *v =
		slot < DESIGN_MEASURES_MAX && span->measures ? &span->measures[slot] : NULL;
	bool here = v && next[i] < v->n && v->row[next[i]] == row;
	buf_u8(&x->out, !here);
	if (here)
		buf_double(&x->out, v->value[next[i]++]);
}

static enum rc put_span(struct exporter *x, const struct span *span, struct err *e)
{
	uint32_t next[DESIGN_MEASURES_MAX] = {0};
	for (uint32_t k = 0; k < span->n_persons; k++)
		for (uint32_t row = span->person_start[k]; row < span->person_start[k + 1]; row++) {
			for (size_t i = 0; i < N_FIXED; i++)
				put_fixed(x, i, span, row, span->person[k]);
			for (uint32_t i = 0; i < x->design->n_dimensions; i++)
				put_dimension(x, i, span, row);
			for (uint32_t i = 0; i < x->design->n_measures; i++)
				put_measure(x, i, span, row, next);
			if (x->out.len >= PART_BYTES && flush(x, e) != RC_OK)
				return e->rc;
		}
	return RC_OK;
}

static enum rc put_rows(struct exporter *x, struct snapshot *sn, struct progress *progress, struct err *e)
{
	struct scan_request request = {.ordered = true,
		.columns = {.received = true,
			.touchpoint = true,
			.channel = true,
			.event = true,
			.source = true,
			.agent = true,
			.location = true,
			.promise = true,
			.due = true,
			.keeps = true}};
	for (uint32_t i = 0; i < x->design->n_dimensions; i++)
		if (x->dimension_slot[i] < DESIGN_DIMENSIONS_MAX)
			request.columns.dimensions |= 1u << x->dimension_slot[i];
	for (uint32_t i = 0; i < x->design->n_measures; i++)
		if (x->measure_slot[i] < DESIGN_MEASURES_MAX)
			request.columns.measures |= UINT64_C(1) << x->measure_slot[i];
	struct cursor *cursor = NULL;
	enum rc rc = cursor_open(sn, &request, 0, UINT64_MAX, &cursor, e);
	const struct span *span = NULL;
	while (rc == RC_OK && (rc = cursor_next(cursor, &span, e)) == RC_OK && span) {
		rc = put_span(x, span, e);
		progress_update(progress, x->arrival, x->arrival);
	}
	cursor_close(&cursor);
	return rc == RC_OK ? flush(x, e) : rc;
}

static enum rc write_file(struct exporter *x, struct snapshot *sn, struct progress *progress, struct err *e)
{
	x->fd = x->io->open(x->io, x->path, IO_CREATE_NEW);
	if (x->fd < 0)
		return err_set(e, errno == EEXIST ? RC_EXISTS : RC_IO, "cannot make %s: %s", x->path,
			errno == EEXIST ? "it is there already" : strerror(errno));
	put_header(x);
	enum rc rc = put_rows(x, sn, progress, e);
	if (rc == RC_OK && x->io->fsync(x->io, x->fd) != 0)
		rc = err_errno(e, RC_IO, errno, "cannot write %s", x->path);
	if (x->io->close(x->io, x->fd) != 0 && rc == RC_OK)
		rc = err_errno(e, RC_IO, errno, "cannot write %s", x->path);
	if (rc != RC_OK)
		x->io->unlink(x->io, x->path);
	return rc;
}

enum rc clickhouse_export(struct snapshot *sn, const struct io *io, const char *path, struct progress *progress,
	uint64_t *n, struct err *e)
{
	struct exporter *x = mem_calloc(1, sizeof(*x));
	if (!x)
		return err_set(e, RC_NOMEM, "out of memory for an export");
	x->design = snapshot_design(sn);
	x->names = snapshot_names(sn);
	x->io = io;
	x->path = path;
	x->out = buf_new(PART_BYTES + ((size_t)1 << 24));
	x->arena = arena_new(0);
	enum rc rc = x->arena ? look_up_names(x, e) : err_set(e, RC_NOMEM, "out of memory for an export");
	if (rc == RC_OK)
		rc = write_file(x, sn, progress, e);
	*n = x->arrival;
	arena_free(&x->arena);
	buf_free(&x->out);
	mem_free(x);
	return rc;
}
