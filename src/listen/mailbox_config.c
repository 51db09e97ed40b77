// SPDX-License-Identifier: Apache-2.0
// Reading a mailbox file. The keys are one table; everything that is wrong is told with its line.
#include "listen/mailbox_internal.h"

#include "base/io.h"
#include "base/mem.h"
#include "design/yaml.h"

#include <stdio.h>

enum { TEXT_BYTES_MAX = 4 << 20, PASSWORD_BYTES_MAX = 1024, EVERY_DEFAULT_S = 60, EVERY_MAX_S = 86400 };

struct loading {
	struct mailbox_config *c;
	const char *path;
	struct err *e;
};

static enum rc wrong(
	const struct loading *l, const struct yaml_node *node, const char *message, const char *remedy)
{
	err_set(l->e, RC_INPUT, "%s", message);
	err_place(l->e, l->path, node ? node->line : 1, node ? node->column : 1);
	if (*remedy)
		err_remedy(l->e, "%s", remedy);
	return RC_INPUT;
}

static enum rc no_memory(const struct loading *l)
{
	return err_set(l->e, RC_NOMEM, "out of memory for %s", l->path);
}

// A path that is relative is so to the folder of the mailbox file.
static const char *path_of(const struct loading *l, struct sv given)
{
	const char *slash = strrchr(l->path, '/');
	if (given.len > 0 && given.ptr[0] == '/')
		return given.ptr;
	return slash ? arena_printf(l->c->arena, "%.*s/%.*s", (int)(slash - l->path), l->path, SV_ARG(given))
			       .ptr
		     : given.ptr;
}

static enum rc read_file(
	const struct loading *l, const struct yaml_node *node, const char *path, size_t max, struct sv *out)
{
	char *bytes;
	size_t len;
	if (!path)
		return no_memory(l);
	enum rc rc = io_read_file(io_system(), path, max, &bytes, &len, l->e);
	if (rc != RC_OK) {
		err_place(l->e, l->path, node->line, node->column);
		return rc;
	}
	*out = arena_copy(l->c->arena, (struct sv){bytes, len});
	mem_free(bytes);
	return out->ptr ? RC_OK : no_memory(l);
}

// --- the keys ---

static enum rc take_server(struct loading *l, const struct yaml_node *v)
{
	if (!sv_starts(v->scalar, SV("imaps://")) && !sv_starts(v->scalar, SV("imap://")))
		return wrong(l, v, "the server is not given as imaps://HOST or imap://HOST",
			"imaps:// is TLS from the start, imap:// begins it with STARTTLS");
	for (size_t i = 0; i < v->scalar.len; i++)
		if (v->scalar.ptr[i] == '@' || v->scalar.ptr[i] == '?' || v->scalar.ptr[i] == ';')
			return wrong(l, v, "the server is more than scheme, host and port",
				"user, password and folder have keys of their own");
	l->c->server = v->scalar.ptr;
	return RC_OK;
}

static enum rc take_user(struct loading *l, const struct yaml_node *v)
{
	l->c->user = v->scalar.ptr;
	return RC_OK;
}

static enum rc take_password(struct loading *l, const struct yaml_node *v)
{
	struct sv text;
	enum rc rc = read_file(l, v, path_of(l, v->scalar), PASSWORD_BYTES_MAX, &text);
	if (rc != RC_OK)
		return rc;
	while (text.len > 0 && (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == '\r'))
		text.len--;
	if (text.len == 0)
		return wrong(l, v, "the password file is empty", "write the password into its first line");
	l->c->password = arena_copy(l->c->arena, text).ptr;
	return l->c->password ? RC_OK : no_memory(l);
}

static enum rc take_ca(struct loading *l, const struct yaml_node *v)
{
	l->c->ca_file = path_of(l, v->scalar);
	return l->c->ca_file ? RC_OK : no_memory(l);
}

static enum rc take_folder(struct loading *l, const struct yaml_node *v)
{
	l->c->folder = v->scalar;
	return RC_OK;
}

static enum rc take_move_to(struct loading *l, const struct yaml_node *v)
{
	l->c->move_to = v->scalar;
	return RC_OK;
}

static enum rc take_tls(struct loading *l, const struct yaml_node *v)
{
	if (!sv_equal(v->scalar, SV("none")) && !sv_equal(v->scalar, SV("required")))
		return wrong(l, v, "tls is neither required nor none", "leave it out: TLS is required then");
	l->c->plain = sv_equal(v->scalar, SV("none"));
	return RC_OK;
}

static enum rc take_every(struct loading *l, const struct yaml_node *v)
{
	static const struct {
		struct sv unit;
		int64_t seconds;
	} units[] = {{{"s", 1}, 1}, {{"min", 3}, 60}, {{"h", 1}, 3600}};
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		struct sv number = v->scalar;
		int64_t n;
		if (!sv_ends(number, units[i].unit))
			continue;
		number.len -= units[i].unit.len;
		if (sv_to_i64(sv_trim(number), &n) && n > 0 && n <= EVERY_MAX_S &&
			n * units[i].seconds <= EVERY_MAX_S) {
			l->c->every_ms = n * units[i].seconds * 1000;
			return RC_OK;
		}
	}
	return wrong(l, v, "every is no span like 30s, 5min or 1h, a day at most", "");
}

static enum rc take_from(struct loading *l, const struct yaml_node *v)
{
	for (uint32_t i = 0; i < (v->kind == YAML_IS_LIST ? v->n : 1); i++) {
		const struct yaml_node *one = v->kind == YAML_IS_LIST ? v->items[i] : v;
		if (one->kind != YAML_IS_SCALAR || one->scalar.len == 0 || l->c->n_from == MAILBOX_RULES_MAX)
			return wrong(l, one,
				"from is a sender, or a list of at most 64, like \"*@partner.example\"", "");
		l->c->from[l->c->n_from++] = one->scalar.ptr;
	}
	return RC_OK;
}

static enum rc take_rule(struct loading *l, const struct yaml_node *node)
{
	static const struct sv known[] = {{"name", 4}, {"map", 3}};
	const struct yaml_node *name = yaml_get(node, known[0]), *map = yaml_get(node, known[1]);
	if (node->kind != YAML_IS_MAP || !name || name->kind != YAML_IS_SCALAR || name->scalar.len == 0)
		return wrong(l, node, "an attachment is described by {name: PATTERN, map: FILE}", "");
	for (uint32_t i = 0; i < node->n; i++)
		if (!sv_equal(node->keys[i]->scalar, known[0]) && !sv_equal(node->keys[i]->scalar, known[1]))
			return wrong(l, node->keys[i], "an attachment has only name and map", "");
	if (l->c->n_rules == MAILBOX_RULES_MAX)
		return wrong(l, node, "there are more than 64 kinds of attachments", "");
	struct mailbox_rule *r = &l->c->rules[l->c->n_rules++];
	r->pattern = name->scalar.ptr;
	if (!map) {
		if (!sv_ends(name->scalar, SV(".xes")) && !sv_ends(name->scalar, SV(".xes.gz")) &&
			!sv_ends(name->scalar, SV(".xes.zst")))
			return wrong(l, node, "the attachment has no map",
				"only .xes logs do without (docs/mapping.md)");
		r->map_name = SV("the defaults for XES");
		r->map_text = SV("mapping: 1\nsource: xes\nformat: xes\n");
		return RC_OK;
	}
	const char *path = map->kind == YAML_IS_SCALAR ? path_of(l, map->scalar) : NULL;
	r->map_name = sv_from(path);
	return read_file(l, map, path, TEXT_BYTES_MAX, &r->map_text);
}

static enum rc take_attachments(struct loading *l, const struct yaml_node *v)
{
	enum rc rc =
		v->kind == YAML_IS_LIST && v->n > 0
			? RC_OK
			: wrong(l, v, "attachments is a list: - {name: \"calls-*.csv\", map: calls.yaml}", "");
	for (uint32_t i = 0; rc == RC_OK && i < v->n; i++)
		rc = take_rule(l, v->items[i]);
	return rc;
}

static enum rc take_version(struct loading *l, const struct yaml_node *v)
{
	return sv_equal(v->scalar, SV("1")) ? RC_OK : wrong(l, v, "the version of mailbox files is 1", "");
}

static const struct {
	const char *name;
	bool required, is_list;
	enum rc (*take)(struct loading *l, const struct yaml_node *v);
} keys[] = {
	{"mailbox", true, false, take_version},
	{"server", true, false, take_server},
	{"user", true, false, take_user},
	{"password file", true, false, take_password},
	{"certificate authority", false, false, take_ca},
	{"tls", false, false, take_tls},
	{"folder", false, false, take_folder},
	{"every", false, false, take_every},
	{"from", false, true, take_from},
	{"attachments", true, true, take_attachments},
	{"move to", false, false, take_move_to},
};
#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

static enum rc take_unknown(const struct loading *l, const struct yaml_node *key)
{
	char remedy[128] = "";
	unsigned best = 4;
	for (size_t i = 0; i < N_KEYS; i++) {
		unsigned distance = sv_distance(key->scalar, sv_from(keys[i].name));
		if (distance < best) {
			best = distance;
			snprintf(remedy, sizeof(remedy), "did you mean %s?", keys[i].name);
		}
	}
	return wrong(l, key, "a mailbox file has no such key", remedy);
}

static enum rc take_map(struct loading *l, const struct yaml_node *root)
{
	if (!root || root->kind != YAML_IS_MAP)
		return wrong(l, root, "a mailbox file is a map of keys (docs/serve.md)", "");
	for (uint32_t i = 0; i < root->n; i++) {
		size_t k = 0;
		while (k < N_KEYS && !sv_equal(root->keys[i]->scalar, sv_from(keys[k].name)))
			k++;
		if (k == N_KEYS)
			return take_unknown(l, root->keys[i]);
	}
	for (size_t k = 0; k < N_KEYS; k++) {
		const struct yaml_node *v = yaml_get(root, sv_from(keys[k].name));
		char message[128];
		snprintf(message, sizeof(message), v ? "%s must be a text" : "%s is missing", keys[k].name);
		if (!v && !keys[k].required)
			continue;
		if (!v || (!keys[k].is_list && (v->kind != YAML_IS_SCALAR || v->scalar.len == 0)))
			return wrong(l, v ? v : root, message, "");
		enum rc rc = keys[k].take(l, v);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

// Without TLS the password is readable on the way, so only on the same machine.
static enum rc check(struct loading *l)
{
	const char *host = l->c->server ? strstr(l->c->server, "://") + 3 : "";
	bool here = strncmp(host, "127.", 4) == 0 || strncmp(host, "[::1]", 5) == 0 ||
		    strncmp(host, "localhost", 9) == 0;
	if (l->c->plain && (!here || strncmp(l->c->server, "imaps", 5) == 0))
		return wrong(l, NULL, "tls: none is for imap:// on the same machine",
			"leave it out: the password would be readable on the way");
	return RC_OK;
}

enum rc mailbox_config_read(const char *path, struct mailbox_config **out, struct err *e)
{
	struct mailbox_config *c = *out = mem_calloc(1, sizeof(*c));
	struct loading l = {c, path, e};
	char *bytes = NULL;
	size_t len;
	struct yaml_node *root = NULL;
	if (c)
		c->arena = arena_new(YAML_ARENA_BYTES);
	if (!c || !c->arena) {
		mailbox_config_free(out);
		return err_set(e, RC_NOMEM, "out of memory for %s", path);
	}
	c->folder = SV("INBOX");
	c->every_ms = EVERY_DEFAULT_S * 1000;
	enum rc rc = io_read_file(io_system(), path, TEXT_BYTES_MAX, &bytes, &len, e);
	if (rc != RC_OK)
		err_remedy(e, "give a file that says which mailbox it is and how to get in: docs/serve.md");
	if (rc == RC_OK)
		rc = yaml_parse((struct sv){bytes, len}, path, c->arena, NULL, &root, e);
	if (rc == RC_OK)
		rc = take_map(&l, root);
	if (rc == RC_OK)
		rc = check(&l);
	mem_free(bytes);
	if (rc != RC_OK)
		mailbox_config_free(out);
	return rc;
}

void mailbox_config_free(struct mailbox_config **c)
{
	if (*c)
		arena_free(&(*c)->arena);
	mem_free(*c);
	*c = NULL;
}
