// SPDX-License-Identifier: Apache-2.0
// corridor export-clickhouse: the table of interactions and a file that fills it.
#include "cli/commands.h"
#include "cli/look.h"
#include "measure/clickhouse.h"

static enum rc write_schema(struct cli *cli, const struct design *d, const char *dir, struct err *e)
{
	struct buf text = buf_new(1u << 20);
	struct sv path = arena_printf(cli->arena, "%s/schema.sql", dir);
	clickhouse_schema_write(d, &text);
	enum rc rc = path.ptr ? buf_check(&text, e, "the table") : err_set(e, RC_NOMEM, "out of memory");
	if (rc == RC_OK)
		rc = io_write_file(io_system(), path.ptr, buf_view(&text), e);
	buf_free(&text);
	return rc;
}

static enum rc write_rows(struct cli *cli, struct snapshot *sn, const char *dir, uint64_t *n, struct err *e)
{
	struct snapshot_stats stats;
	snapshot_stats(sn, &stats);
	struct sv path = arena_printf(cli->arena, "%s/interactions.rowbinary", dir);
	if (!path.ptr)
		return err_set(e, RC_NOMEM, "out of memory");
	struct progress *progress = progress_new("export", stats.n_interactions, "interactions", cli->quiet);
	enum rc rc = clickhouse_export(sn, io_system(), path.ptr, progress, n, e);
	progress_finish(&progress);
	return rc;
}

static enum rc run(struct cli *cli, struct err *e)
{
	const char *dir = cli->args.operands[0];
	struct store *store = NULL;
	struct snapshot *sn = NULL;
	uint64_t n = 0;
	enum rc rc = cli_snapshot_open(cli, &store, &sn, e);
	if (rc == RC_OK)
		rc = io_make_dir(io_system(), dir, e);
	if (rc == RC_OK)
		rc = write_rows(cli, sn, dir, &n, e);
	if (rc == RC_OK)
		rc = write_schema(cli, snapshot_design(sn), dir, e);
	cli_snapshot_close(&store, &sn);
	if (rc != RC_OK || cli->quiet)
		return rc;
	char text[HUMAN_TEXT_MAX];
	struct buf out = buf_new(8192);
	buf_printf(&out,
		"%s interaction%s written. To load them:\n"
		"  clickhouse-client --multiquery < %s/schema.sql\n"
		"  clickhouse-client --query 'INSERT INTO interactions FORMAT RowBinaryWithNamesAndTypes' < "
		"%s/interactions.rowbinary\n",
		human_number((double)n, 0, text), n == 1 ? "" : "s", dir, dir);
	rc = cli_write_buf(cli, &out, e);
	buf_free(&out);
	return rc;
}

const struct command command_export_clickhouse = {
	.name = "export-clickhouse",
	.group = "Answers",
	.summary = "write all interactions as a table for ClickHouse",
	.about =
		"Writes schema.sql and interactions.rowbinary into a directory, journey by journey, in bounded "
		"memory. Questions as SQL on that table: corridor query ANALYSIS --sql. Verbatims and "
		"properties stay here.",
	.operands = "TO-DIR",
	.operand_type = OPTION_DIR,
	.min_operands = 1,
	.max_operands = 1,
	.examples = "corridor export-clickhouse out --data tidewater\n"
		    "clickhouse-client --multiquery < out/schema.sql",
	.run = run,
};
