// SPDX-License-Identifier: Apache-2.0
// Files that are sent to be imported: DATA/uploads/TOKEN/NAME, one to a folder, so that each keeps its name.
//
// The bytes go from the socket into the file (http_divert), under the name ".part"; the name is given when the file is
// durable. A folder goes when its file is imported, when nobody wants it for KEPT_MS, or when sending it broke off.
// The token is random: whoever has the right to import can use what he sent, and what others told him of.
#include "api/internal.h"

#include "base/log.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TOKEN_BYTES = 16, TOKEN_LETTERS = 2 * TOKEN_BYTES, NAME_MAX_BYTES = 200, PUSH_BYTES = 8 << 20 };
#define KEPT_MS ((int64_t)3 * 24 * 3600 * 1000)
#define SPACE_LEFT ((uint64_t)64 << 20)
static const char part_name[] = ".part";

// One that is being received; in its exchange's arena.
struct upload {
	struct api *api;
	char token[TOKEN_LETTERS + 1];
	struct sv name;
	int fd; // -1: closed
	bool kept;
	uint64_t bytes, pushed;
	char folder[API_PATH_BYTES], part[API_PATH_BYTES], error[600];
};

// --- places ---

static bool path_of(const struct api *a, const char *token, const char *name, char out[API_PATH_BYTES])
{
	int n = snprintf(out, API_PATH_BYTES, "%s/uploads%s%s%s%s", store_dir(a->store), *token ? "/" : "",
		token, *name ? "/" : "", name);
	return n > 0 && n < API_PATH_BYTES;
}

static bool is_token(struct sv s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!((s.ptr[i] >= '0' && s.ptr[i] <= '9') || (s.ptr[i] >= 'a' && s.ptr[i] <= 'f')))
			return false;
	return s.len == TOKEN_LETTERS;
}

// The name without folders of the sender's machine. SV_NONE: it cannot be one.
static struct sv name_of(struct sv given)
{
	struct sv name = given;
	for (size_t i = 0; i < given.len; i++) {
		if (given.ptr[i] == '/' || given.ptr[i] == '\\')
			name = (struct sv){given.ptr + i + 1, given.len - i - 1};
		if ((unsigned char)given.ptr[i] < ' ' || given.ptr[i] == 127)
			return SV_NONE;
	}
	bool fits =
		name.len > 0 && name.len <= NAME_MAX_BYTES && name.ptr[0] != '.' && sv_utf8_valid(name, NULL);
	return fits ? name : SV_NONE;
}

// Removes a folder and the one file in it.
static void folder_remove(const char *folder)
{
	char path[API_PATH_BYTES + NAME_MAX_BYTES + 2];
	DIR *d = opendir(folder);
	for (const struct dirent *entry; d && (entry = readdir(d));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
			snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) < (int)sizeof(path))
			unlink(path);
	if (d)
		closedir(d);
	if (rmdir(folder) != 0 && errno != ENOENT)
		log_write(LOG_WARN, "api", "%s cannot be removed: %s", folder, strerror(errno));
}

// --- receiving ---

static unsigned take(void *context, struct sv bytes, const char **why)
{
	struct upload *u = context;
	const struct io *io = io_system();
	struct err e = ERR_NONE;
	if (io_write_all(io, u->fd, bytes.ptr, bytes.len, u->bytes, u->part, &e) != RC_OK) {
		log_err("api", &e);
		*why = "the server's disk does not take the file: it is full, or fails; its log says more";
		return 507;
	}
	u->bytes += bytes.len;
	if (u->bytes - u->pushed >= PUSH_BYTES) { // so that making it durable at the end does not take long
		sync_file_range(u->fd, (off_t)u->pushed, (off_t)(u->bytes - u->pushed), SYNC_FILE_RANGE_WRITE);
		u->pushed = u->bytes;
		// Again and again: others upload as well, and who sends in pieces does not say how much.
		if (io_need_space(io, store_dir(u->api->store), SPACE_LEFT, "the upload", &e) != RC_OK) {
			log_err("api", &e);
			*why = "the server's disk is nearly full: what is left is for what is being tracked";
			return 507;
		}
	}
	return 0;
}

static void over(void *context)
{
	struct upload *u = context;
	if (u->fd >= 0)
		close(u->fd);
	if (!u->kept)
		folder_remove(u->folder);
}

static bool refuse(struct api_call *c, unsigned status, const char *detail)
{
	http_problem(c->x, status, NULL, NULL, detail);
	return false;
}

static bool too_large(struct api_call *c, int64_t length)
{
	struct sv detail = arena_printf(http_arena(c->x),
		"the file has %lld MiB, uploads take %llu: put it on the server and run `corridor import`, or "
		"into "
		"the folder of `corridor serve --drop`; `--limit upload-bytes=NUMBER` of corridor serve sets "
		"the bound",
		(long long)(length >> 20), (unsigned long long)(c->api->o.limits.upload_bytes >> 20));
	return refuse(c, 413, detail.ptr);
}

static bool folder_make(struct upload *u, struct err *e)
{
	const struct io *io = io_system();
	char root[API_PATH_BYTES];
	uint8_t random[TOKEN_BYTES];
	randombytes_buf(random, sizeof(random));
	sodium_bin2hex(u->token, sizeof(u->token), random, sizeof(random));
	if (!path_of(u->api, "", "", root) || !path_of(u->api, u->token, "", u->folder) ||
		!path_of(u->api, u->token, part_name, u->part)) {
		err_set(e, RC_IO, "the path of the data directory is too long");
		return false;
	}
	if (io->mkdir(io, root) != 0 && errno != EEXIST)
		err_errno(e, RC_IO, errno, "cannot make %s", root);
	else if (io->mkdir(io, u->folder) != 0)
		err_errno(e, RC_IO, errno, "cannot make %s", u->folder);
	else if ((u->fd = io->open(io, u->part, IO_CREATE_NEW)) < 0)
		err_errno(e, RC_IO, errno, "cannot make %s", u->part);
	return u->fd >= 0;
}

bool upload_begin(struct api_call *c)
{
	static const struct http_sink sink = {take, over};
	struct err e = ERR_NONE;
	struct upload *u = arena_alloc(http_arena(c->x), sizeof(*u));
	int64_t length = 0;
	struct sv name = name_of(http_query(c->x, "name", 0));
	if (!u)
		return refuse(c, 503, "out of memory");
	if (!sv_to_i64(http_header(c->x, "content-length"), &length))
		length = 0; // in chunks: take counts
	if (length > (int64_t)c->api->o.limits.upload_bytes)
		return too_large(c, length);
	if (!name.ptr)
		return refuse(c, 400, "name= must be the name of the file, for example calls.csv");
	*u = (struct upload){.api = c->api, .fd = -1, .name = arena_copy(http_arena(c->x), name)};
	uint64_t needed = (uint64_t)length + SPACE_LEFT;
	if (io_need_space(io_system(), store_dir(c->api->store), needed, "the upload", &e) != RC_OK)
		return refuse(c, 507, arena_printf(http_arena(c->x), "%s; %s", e.message, e.remedy).ptr);
	if (!u->name.ptr || !folder_make(u, &e)) {
		log_err("api", &e);
		return refuse(c, 500, "the file cannot be stored; the server's log says why");
	}
	c->upload = u;
	http_divert(c->x, &sink, u);
	return true;
}

// --- when it is there ---

// Durable under its name.
static enum rc finish(struct upload *u, char path[API_PATH_BYTES], struct err *e)
{
	const struct io *io = io_system();
	char name[NAME_MAX_BYTES + 1];
	snprintf(name, sizeof(name), "%.*s", SV_ARG(u->name));
	if (u->bytes == 0)
		return err_set(e, RC_INPUT, "the file is empty");
	if (!path_of(u->api, u->token, name, path))
		return err_set(e, RC_IO, "the path of the data directory is too long");
	int failed = io->fsync(io, u->fd);
	if (failed != 0)
		err_errno(e, RC_IO, errno, "cannot sync %s", u->part);
	io->close(io, u->fd);
	u->fd = -1;
	if (failed == 0 && io->rename(io, u->part, path) != 0)
		err_errno(e, RC_IO, errno, "cannot rename %s", u->part);
	if (e->rc == RC_OK && io_sync_dir(io, u->folder, e) == RC_OK)
		io_sync_parent(io, u->folder, e);
	return e->rc;
}

static void write_peek(struct json *j, const struct upload *u, const struct import_peek *peek)
{
	json_object(j);
	json_key_text(j, "file", u->token);
	json_key_string(j, "name", u->name);
	json_key_u64(j, "bytes", u->bytes);
	json_key_text(j, "format", peek->format);
	json_key_string(j, "mapping", peek->mapping);
	json_key(j, "columns");
	json_array(j);
	for (uint32_t i = 0; i < peek->n_columns; i++) {
		json_object(j);
		json_key_string(j, "name", peek->columns[i].name);
		json_key(j, "samples");
		json_array(j);
		for (uint32_t k = 0; k < peek->columns[i].n_samples; k++)
			json_string(j, peek->columns[i].samples[k]);
		json_array_end(j);
		json_object_end(j);
	}
	json_array_end(j);
	json_object_end(j);
}

enum rc import_upload(struct api_call *c, struct err *e)
{
	struct upload *u = c->upload;
	struct arena *a = http_arena(c->x);
	struct import_peek peek;
	char path[API_PATH_BYTES] = "";
	enum rc rc = finish(u, path, e);
	if (rc == RC_OK)
		rc = import_peek(path, u->name, store_design(c->api->store), a, &peek, e);
	if (rc == RC_OK)
		rc = access_audit_add(c->api->access, &c->actor, SV("import.upload"), u->name,
			arena_printf(a, "%llu bytes", (unsigned long long)u->bytes), e);
	if (rc != RC_OK) {
		upload_name_error(sv_from(path), u->name, e);
		return rc;
	}
	u->kept = true;
	struct json j = json_new(http_out(c->x));
	write_peek(&j, u, &peek);
	http_status_set(c->x, 201);
	return RC_OK;
}

void upload_name_error(struct sv path, struct sv name, struct err *e)
{
	if (path.len > 0)
		job_name_instead(e->message, path, name);
	snprintf(e->file, sizeof(e->file), "%.*s", SV_ARG(name));
}

enum rc upload_find(struct api *a, struct sv token, char path[API_PATH_BYTES], struct err *e)
{
	char folder[API_PATH_BYTES], copy[TOKEN_LETTERS + 1] = "";
	bool found = false;
	if (is_token(token)) {
		memcpy(copy, token.ptr, token.len);
		copy[token.len] = 0;
	}
	DIR *d = copy[0] && path_of(a, copy, "", folder) ? opendir(folder) : NULL;
	for (const struct dirent *entry; d && !found && (entry = readdir(d));)
		found = entry->d_name[0] != '.' && path_of(a, copy, entry->d_name, path);
	if (d)
		closedir(d);
	if (found)
		return RC_OK;
	err_set(e, RC_NOT_FOUND, "the uploaded file is no longer here");
	err_remedy(e, "send it again; files are kept until they are imported, for three days at most");
	return RC_NOT_FOUND;
}

void upload_done(struct api *a, struct sv path)
{
	char root[API_PATH_BYTES], folder[API_PATH_BYTES];
	const char *slash = path.ptr ? strrchr(path.ptr, '/') : NULL;
	if (!slash || !path_of(a, "", "", root) || !sv_starts(path, sv_from(root)))
		return;
	snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path.ptr), path.ptr);
	folder_remove(folder);
}

// --- what nobody wants any more ---

static bool is_stale(const char *folder, bool starting, int64_t now_ms)
{
	char part[API_PATH_BYTES + sizeof(part_name) + 1];
	struct stat st;
	snprintf(part, sizeof(part), "%s/%s", folder, part_name);
	if (starting && stat(part, &st) == 0)
		return true;
	return stat(folder, &st) == 0 && (int64_t)st.st_mtime * 1000 < now_ms - KEPT_MS;
}

void uploads_sweep(struct api *a, bool starting)
{
	char root[API_PATH_BYTES], folder[API_PATH_BYTES];
	DIR *d = path_of(a, "", "", root) ? opendir(root) : NULL;
	for (const struct dirent *entry; d && (entry = readdir(d));)
		if (is_token(sv_from(entry->d_name)) && path_of(a, entry->d_name, "", folder) &&
			is_stale(folder, starting, a->clock->now_ms(a->clock)))
			folder_remove(folder);
	if (d)
		closedir(d);
}
