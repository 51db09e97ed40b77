// SPDX-License-Identifier: Apache-2.0
// What commands share: the data directory, input files, standard output, who is asking.
#include "base/mem.h"
#include "cli/look.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

enum rc cli_data_dir(const struct cli *cli, const char **out, struct err *e)
{
	const char *dir = args_text(&cli->args, "data");
	if (!dir)
		dir = getenv("CORRIDOR_DATA");
	if (!dir || !*dir) {
		err_set(e, RC_USAGE, "no data directory is given");
		err_remedy(e, "add --data DIR or set CORRIDOR_DATA; corridor init --data DIR makes a new one");
		return RC_USAGE;
	}
	*out = dir;
	return RC_OK;
}

enum rc cli_store_open(const struct cli *cli, bool read_only, struct store **out, struct err *e)
{
	const char *dir;
	enum rc rc = cli_data_dir(cli, &dir, e);
	if (rc != RC_OK)
		return rc;
	struct store_options options = {.read_only = read_only, .compact_in_background = !read_only};
	return store_open(dir, &options, out, e);
}

enum rc cli_snapshot_open(
	const struct cli *cli, struct store **store, struct snapshot **snapshot, struct err *e)
{
	enum rc rc = cli_store_open(cli, true, store, e);
	return rc == RC_OK ? snapshot_open(*store, snapshot, e) : rc;
}

void cli_snapshot_close(struct store **store, struct snapshot **snapshot)
{
	snapshot_close(snapshot);
	store_close(store);
}

static enum rc read_stream(struct cli *cli, FILE *in, struct sv *out, struct err *e)
{
	struct buf b = buf_new(INPUT_FILE_MAX);
	uint8_t *room;
	while ((room = buf_reserve(&b, 65536)) != NULL) {
		size_t n = fread(room, 1, 65536, in);
		b.len += n;
		if (n == 0)
			break;
	}
	enum rc rc = buf_check(&b, e, "standard input");
	if (rc == RC_OK && ferror(in))
		rc = err_set(e, RC_IO, "cannot read standard input");
	if (rc == RC_OK) {
		struct sv text = buf_view(&b);
		*out = arena_copy(cli->arena, text.ptr ? text : SV(""));
		if (!out->ptr)
			rc = err_set(e, RC_NOMEM, "out of memory for standard input");
	}
	buf_free(&b);
	return rc;
}

enum rc cli_read_file(struct cli *cli, const char *path, struct sv *out, struct err *e)
{
	if (strcmp(path, "-") == 0)
		return read_stream(cli, cli->env->in, out, e);
	char *text = NULL;
	size_t len = 0;
	enum rc rc = io_read_file(io_system(), path, INPUT_FILE_MAX, &text, &len, e);
	if (rc == RC_NOT_FOUND)
		err_remedy(e, "give the path of a file that is there, or - for standard input");
	if (rc != RC_OK)
		return rc;
	*out = arena_copy(cli->arena, (struct sv){text, len});
	mem_free(text);
	return out->ptr ? RC_OK : err_set(e, RC_NOMEM, "out of memory for %s", path);
}

enum rc cli_write(const struct cli *cli, struct sv bytes, struct err *e)
{
	errno = 0;
	if (bytes.len && fwrite(bytes.ptr, 1, bytes.len, cli->env->out) != bytes.len && errno != EPIPE)
		return err_errno(e, RC_IO, errno, "cannot write to standard output");
	if (fflush(cli->env->out) != 0 && errno != EPIPE)
		return err_errno(e, RC_IO, errno, "cannot write to standard output");
	return RC_OK;
}

enum rc cli_write_buf(const struct cli *cli, const struct buf *b, struct err *e)
{
	enum rc rc = buf_check(b, e, "the answer");
	return rc == RC_OK ? cli_write(cli, buf_view(b), e) : rc;
}

struct sv cli_who(struct cli *cli)
{
	struct passwd entry, *found = NULL;
	char names[4096], host[256] = "";
	const char *user = getenv("USER");
	if (getpwuid_r(getuid(), &entry, names, sizeof(names), &found) == 0 && found)
		user = found->pw_name;
	if (gethostname(host, sizeof(host) - 1) != 0)
		host[0] = '\0';
	return arena_printf(cli->arena, "%s@%s", user && *user ? user : "unknown", host);
}

bool cli_interrupted(const struct cli *cli)
{
	return cli->env->interrupted && *cli->env->interrupted;
}

enum rc cli_write_size(const struct cli *cli, struct store *store, struct err *e)
{
	struct snapshot *snapshot = NULL;
	enum rc rc = snapshot_open(store, &snapshot, e);
	if (rc != RC_OK)
		return rc;
	struct snapshot_stats stats;
	snapshot_stats(snapshot, &stats);
	snapshot_close(&snapshot);
	char n[HUMAN_TEXT_MAX], bytes[HUMAN_TEXT_MAX];
	struct buf out = buf_new(4096);
	buf_printf(&out, "%s interaction%s in %llu segment%s, %s on disk.\n",
		human_number((double)stats.n_interactions, 0, n), stats.n_interactions == 1 ? "" : "s",
		(unsigned long long)stats.n_segments, stats.n_segments == 1 ? "" : "s",
		human_bytes(stats.bytes_on_disk, bytes));
	rc = cli_write_buf(cli, &out, e);
	buf_free(&out);
	return rc;
}
