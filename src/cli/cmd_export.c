// SPDX-License-Identifier: Apache-2.0
// corridor export: interactions, journey by journey, as XES, CSV or NDJSON, in bounded memory.
#include "cli/commands.h"
#include "cli/export.h"

#include "base/progress.h"

#define OUT_BYTES_MAX ((size_t)64 << 20)
#define FLUSH_BYTES ((size_t)256 << 10)
#define LOOK_ROWS 4096u // between looks at interruption and progress

static const struct export_format *const formats[] = {&export_xes, &export_csv, &export_ndjson};
#define N_FORMATS (sizeof(formats) / sizeof(formats[0]))

static bool has_ending(const struct export_format *f, struct sv name)
{
	struct sv rest = sv_from(f->endings);
	for (struct sv one = sv_cut(rest, ' ', &rest); one.len; one = sv_cut(rest, ' ', &rest))
		if (sv_ends(name, one))
			return true;
	return false;
}

// As --format says, else by the name of the file, else CSV.
static const struct export_format *format_of(const struct args *args)
{
	const char *format = args_text(args, "format");
	struct sv name = args_sv(args, "output");
	if (sv_ends(name, SV(".gz")))
		name.len -= 3;
	for (size_t i = 0; i < N_FORMATS; i++)
		if (format ? strcmp(format, formats[i]->name) == 0 : has_ending(formats[i], name))
			return formats[i];
	return &export_csv;
}

static enum rc shape_open(struct snapshot *sn, struct export_shape *s, struct err *e)
{
	const struct design *d = snapshot_design(sn);
	const struct names *names = snapshot_names(sn);
	*s = (struct export_shape){.design = d};
	for (uint32_t i = 0; i < d->n_measures; i++)
		s->measures[i] = names_measure_slot(names, d, i) != UINT32_MAX;
	for (uint32_t i = 0; i < d->n_dimensions; i++)
		s->dimensions[i] = names_dimension_slot(names, d, i) != UINT32_MAX;
	return tz_open(SV("UTC"), &s->utc, e);
}

static enum rc flush(struct export_out *to, struct buf *out, size_t least, struct err *e)
{
	enum rc rc = buf_check(out, e, "the export");
	if (rc != RC_OK || out->len < least)
		return rc;
	rc = export_out_write(to, buf_view(out), e);
	buf_clear(out);
	return rc;
}

static enum rc write_rows(struct cli *cli, struct snapshot *sn, const struct query *q,
	const struct export_shape *s, const struct export_format *f, struct export_out *to, uint64_t *n,
	struct err *e)
{
	struct export_rows *rows = NULL;
	const struct export_row *row = NULL;
	struct buf out = buf_new(OUT_BYTES_MAX);
	struct snapshot_stats stats;
	snapshot_stats(sn, &stats);
	bool bar = !cli->quiet && args_given(&cli->args, "output");
	struct progress *progress = progress_new("export", stats.n_interactions, "interactions", !bar);
	enum rc rc = export_rows_open(sn, q, &rows, e);
	if (rc == RC_OK)
		f->begin(s, &out);
	*n = 0;
	while (rc == RC_OK && (rc = export_rows_next(rows, &row, e)) == RC_OK && row) {
		if (row->first && *n && f == &export_xes)
			buf_str(&out, "</trace>\n");
		f->row(s, row, &out);
		rc = flush(to, &out, FLUSH_BYTES, e);
		if (++*n % LOOK_ROWS == 0)
			progress_update(progress, *n, *n);
		if (*n % LOOK_ROWS == 0 && rc == RC_OK && cli_interrupted(cli))
			rc = err_set(e, RC_CANCELLED, "interrupted; nothing is exported");
	}
	if (rc == RC_OK) {
		f->end(s, *n > 0, &out);
		rc = flush(to, &out, 1, e);
	}
	progress_finish(&progress);
	export_rows_close(&rows);
	buf_free(&out);
	return rc;
}

static enum rc export_all(struct cli *cli, struct snapshot *sn, const struct export_shape *s, struct err *e)
{
	const struct args *args = &cli->args;
	const struct export_format *f = format_of(args);
	struct export_out *to = NULL;
	struct sv where[WHERE_MAX];
	struct query q = {.from = args_sv(args, "from"), .to = args_sv(args, "to"), .where = where};
	uint64_t n = 0;
	q.n_where = args_list(args, "where", where, WHERE_MAX);
	enum rc rc = export_out_open(cli, args_text(args, "output"), &to, e);
	if (rc == RC_OK && args_flag(args, "mapping")) {
		struct buf out = buf_new(16u << 20);
		export_mapping(s, f, &out);
		rc = flush(to, &out, 1, e);
		buf_free(&out);
	} else if (rc == RC_OK) {
		rc = write_rows(cli, sn, &q, s, f, to, &n, e);
	}
	enum rc closed = export_out_close(&to, rc == RC_OK, rc == RC_OK ? e : NULL);
	return rc != RC_OK ? rc : closed;
}

static enum rc run(struct cli *cli, struct err *e)
{
	struct store *store = NULL;
	struct snapshot *snapshot = NULL;
	struct export_shape shape = {0};
	enum rc rc = cli_snapshot_open(cli, &store, &snapshot, e);
	if (rc == RC_OK)
		rc = shape_open(snapshot, &shape, e);
	if (rc == RC_OK)
		rc = export_all(cli, snapshot, &shape, e);
	tz_free(&shape.utc);
	cli_snapshot_close(&store, &snapshot);
	return rc;
}

static const struct option options[] = {
	{.name = "format",
		.letter = 'o',
		.type = OPTION_CHOICE,
		.value = "FORMAT",
		.choices = "xes|csv|ndjson",
		.help = "form of the export; otherwise by the name of the file, else csv"},
	{.name = "output",
		.type = OPTION_FILE,
		.value = "FILE",
		.help = "write this file, gzip when its name ends in .gz; otherwise standard output"},
	{.name = "from",
		.type = OPTION_TEXT,
		.value = "TIME",
		.help = "from this time on: 2026-03, 2026-03-29 or 2026-03-29T14:00, in the brand's zone"},
	{.name = "to",
		.type = OPTION_TEXT,
		.value = "TIME",
		.help = "to the end of this month, day or instant"},
	{.name = "where",
		.letter = 'w',
		.type = OPTION_TEXT,
		.repeated = true,
		.value = "FILTER",
		.help = "only interactions for which this holds, as in query; all filters must hold"},
	{.name = "mapping",
		.type = OPTION_FLAG,
		.help = "print the mapping that reads such an export back, instead of the export"},
};

const struct command command_export = {
	.name = "export",
	.group = "Data",
	.summary = "write interactions as XES, CSV or NDJSON",
	.about = "Journey by journey, each in the order of time. XES (IEEE 1849) is what process-mining tools "
		 "read: a "
		 "trace for each customer, an event for each interaction. With the mapping that --mapping "
		 "prints, an "
		 "import of the export gives the same interactions.",
	.options = options,
	.n_options = sizeof options / sizeof options[0],
	.examples = "corridor export --data tidewater --output journeys.xes.gz\n"
		    "corridor export --data tidewater --from 2026-03 --where channel=phone --format ndjson\n"
		    "corridor export --data tidewater --format csv --mapping > export.map.yaml",
	.run = run,
	.stops_by_itself = true,
};
