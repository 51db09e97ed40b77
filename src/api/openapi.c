// SPDX-License-Identifier: Apache-2.0
// OpenAPI 3.1 of the route table and of the analyses' declarations.
#include "api/internal.h"

#include "base/version.h"

#include <ctype.h>
#include <stdio.h>

// "/hooks/{name}" as an operation's id: "post-hooks-name".
static void write_id(struct json *j, enum http_method method, struct sv path, struct sv more)
{
	char id[160];
	size_t n = 0;
	for (const char *p = http_method_name(method); *p && n < 8; p++)
		id[n++] = (char)tolower((unsigned char)*p);
	const struct sv parts[] = {path, more};
	for (unsigned k = 0; k < 2; k++)
		for (size_t i = 0; i < parts[k].len && n + 1 < sizeof(id); i++) {
			unsigned char ch = (unsigned char)parts[k].ptr[i];
			if (isalnum(ch))
				id[n++] = (char)ch;
			else if (id[n - 1] != '-')
				id[n++] = '-';
		}
	while (n > 0 && id[n - 1] == '-')
		n--;
	const struct sv again = SV("-slash"); // a path of its own
	if (path.len > 1 && sv_ends(path, SV("/")) && n + again.len < sizeof(id)) {
		memcpy(id + n, again.ptr, again.len);
		n += again.len;
	}
	json_key_string(j, "operationId", (struct sv){id, n});
}

static void write_parameter(struct json *j, const struct api_field *f, const char *in, bool required)
{
	struct api_field value = *f;
	value.help = NULL; // stands beside the schema
	json_object(j);
	json_key_text(j, "name", f->name);
	json_key_text(j, "in", in);
	json_key_bool(j, "required", required);
	json_key_text(j, "description", f->help);
	json_key(j, "schema");
	schema_write_field(j, &value, false);
	json_object_end(j);
}

static void write_path_parameters(struct json *j, struct sv path)
{
	for (struct sv rest = path; rest.ptr;) {
		struct sv part = sv_cut(rest, '/', &rest);
		if (part.len <= 2 || part.ptr[0] != '{')
			continue;
		const struct sv name = {part.ptr + 1, part.len - 2};
		const struct api_field *f = api_path_params;
		while (f->name && !sv_equal(sv_from(f->name), name))
			f++;
		if (f->name)
			write_parameter(j, f, "path", true);
	}
}

static void write_header(struct json *j, const char *name, const char *help)
{
	const struct api_field f = {.name = name, .what = API_STRING, .help = help};
	write_parameter(j, &f, "header", false);
}

static const char *schema_type(const struct param *p)
{
	switch (p->type) {
	case PARAM_NUMBER:
		return "number";
	case PARAM_INTEGER:
		return "integer";
	case PARAM_FLAG:
		return "boolean";
	case PARAM_STRING:
	case PARAM_CHOICE:
	case PARAM_DURATION:
	case PARAM_TIME:
	case PARAM_FILTER:
		break;
	}
	return "string";
}

// In the type that the schema has.
static void write_default(struct json *j, const struct param *p)
{
	json_key(j, "default");
	if (p->type == PARAM_INTEGER || p->type == PARAM_NUMBER || p->type == PARAM_FLAG)
		json_raw(j, sv_from(p->value));
	else
		json_string(j, sv_from(p->value));
}

static void write_example(struct json *j, enum param_type type)
{
	const char *example = type == PARAM_DURATION ? "30min"
			      : type == PARAM_TIME   ? "2026-03-29"
			      : type == PARAM_FILTER ? "touchpoint = invoice"
						     : NULL;
	if (!example)
		return;
	json_key(j, "examples");
	json_array(j);
	json_string(j, sv_from(example));
	json_array_end(j);
}

static void write_analysis_parameter(struct json *j, const struct param *p)
{
	json_object(j);
	json_key_text(j, "name", p->name);
	json_key_text(j, "in", "query");
	json_key_bool(j, "required", p->required);
	json_key_text(j, "description", p->help);
	json_key(j, "schema");
	json_object(j);
	if (p->repeated) {
		json_key_text(j, "type", "array");
		json_key(j, "items");
		json_object(j);
	}
	json_key_text(j, "type", schema_type(p));
	if (p->type == PARAM_CHOICE) {
		json_key(j, "enum");
		json_array(j);
		for (struct sv rest = sv_from(p->choices); rest.ptr;)
			json_string(j, sv_cut(rest, '|', &rest));
		json_array_end(j);
	}
	if (p->type == PARAM_INTEGER || p->type == PARAM_NUMBER)
		schema_write_range(j, p->min, p->max, false);
	if (p->value && !p->repeated)
		write_default(j, p);
	write_example(j, p->type);
	if (p->repeated)
		json_object_end(j);
	json_object_end(j);
	json_object_end(j);
}

static void write_content(struct json *j, const struct api_schema *s, const char *otherwise)
{
	json_key(j, "content");
	json_object(j);
	for (struct sv rest = sv_from(s->content ? s->content : otherwise); rest.ptr;) {
		struct sv type = sv_cut(rest, ' ', &rest);
		json_key_sv(j, type);
		json_object(j);
		json_key(j, "schema");
		if (sv_ends(type, SV("json")))
			schema_write(j, s);
		else if (sv_starts(type, SV("text/")))
			json_raw(j, SV("{\"type\":\"string\"}"));
		else
			json_raw(j, SV("{}"));
		json_object_end(j);
	}
	json_object_end(j);
}

// --- answers ---

static bool says_something(const struct api_schema *s)
{
	return s->content || s->fields || s->either;
}

// s NULL: nothing more than that is answered.
static void write_status(
	struct json *j, const char *status, const char *description, const struct api_schema *s, bool tagged)
{
	json_key(j, status);
	json_object(j);
	json_key_text(j, "description", description);
	if (tagged) {
		json_key(j, "headers");
		json_raw(j, SV("{\"ETag\":{\"$ref\":\"#/components/headers/ETag\"}}"));
	}
	if (s && says_something(s))
		write_content(j, s, "application/json");
	json_object_end(j);
}

static const char *status_of(const struct api_row *row)
{
	static api_handler *const makers[] = {
		boards_add, hooks_add, import_upload, keys_add, shares_add, users_add};
	for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++)
		if (row->handle == makers[i])
			return "201";
	return row->handle == import_start ? "202" : "200";
}

static bool takes_parameters(const struct api_row *row)
{
	return row->params || row->body || strchr(row->path, '{');
}

static bool is_checked(const struct api_row *row)
{
	return row->auth != AUTH_OPEN;
}

static bool is_for_users(const struct api_row *row)
{
	return row->auth == AUTH_USER;
}

static bool names_something(const struct api_row *row)
{
	return strchr(row->path, '{') || row->handle == query_get;
}

static bool changes_something(const struct api_row *row)
{
	return row->auth == AUTH_USER && row->method != HTTP_GET && !row->no_csrf;
}

static bool has_body(const struct api_row *row)
{
	return row->body != NULL;
}

static bool has_to_be_slow(const struct api_row *row)
{
	return row->auth == AUTH_WRITE || row->auth == AUTH_SIGNED || row->handle == session_begin ||
	       row->handle == password_set;
}

static bool uses_the_store(const struct api_row *row)
{
	return row->slow || row->auth == AUTH_WRITE || row->auth == AUTH_SIGNED;
}

// Refusals, each a problem, and the routes that know them.
static const struct {
	const char *status, *help;
	bool (*of)(const struct api_row *row);
	bool later; // with Retry-After
} refusals[] = {
	{"400", "a parameter or the body is wrong; “errors” name each place", takes_parameters, false},
	{"401", "who asks is not known", is_checked, false},
	{"403", "who asks lacks the right, or the request came from another site", is_for_users, false},
	{"404", "there is no such thing", names_something, false},
	{"409", "it exists already, or is no longer as it was", changes_something, false},
	{"413", "it is larger than what is taken, or unpacks to more", has_body, false},
	{"415", "the body is of another kind than what is taken", has_body, false},
	{"429", "too much at once: to be sent again after Retry-After seconds", has_to_be_slow, true},
	{"503", "it cannot be done now: to be tried again after Retry-After seconds", uses_the_store, true},
};
#define REFUSALS (sizeof(refusals) / sizeof(refusals[0]))

static void write_refusals(struct json *j, const struct api_row *row)
{
	for (size_t i = 0; i < REFUSALS; i++) {
		char ref[48];
		if (!refusals[i].of(row) || row->handle == ready)
			continue;
		snprintf(ref, sizeof(ref), "#/components/responses/Refused%s", refusals[i].status);
		json_key(j, refusals[i].status);
		json_object(j);
		json_key_text(j, "$ref", ref);
		json_object_end(j);
	}
}

static void write_refusal_components(struct json *j)
{
	json_key(j, "responses");
	json_object(j);
	for (size_t i = 0; i < REFUSALS; i++) {
		char name[16];
		snprintf(name, sizeof(name), "Refused%s", refusals[i].status);
		json_key(j, name);
		json_object(j);
		json_key_text(j, "description", refusals[i].help);
		if (refusals[i].later) {
			json_key(j, "headers");
			json_raw(j, SV("{\"Retry-After\":{\"$ref\":\"#/components/headers/RetryAfter\"}}"));
		}
		write_content(j, &reply_problem, "application/json");
		json_object_end(j);
	}
	json_object_end(j);
}

static void write_answers(struct json *j, const struct api_row *row)
{
	const struct api_schema *s = row->answer;
	bool tagged = etag_is_told(row);
	json_key(j, "responses");
	json_object(j);
	write_status(j, status_of(row), s->help ? s->help : "all of them", s, tagged);
	if (row->handle == track_native) {
		write_status(j, "207", "some were refused", s, false);
		write_status(j, "422", "all were refused", &reply_native_refused, false);
	}
	if (row->handle == ready)
		write_status(j, "503", "it cannot", s, false);
	if (tagged)
		write_status(j, "304", "it is still what If-None-Match names", NULL, tagged);
	if (etag_is_asked(row))
		write_status(j, "412", "it is no longer what If-Match names", &reply_problem, false);
	write_refusals(j, row);
	write_status(j, "default", reply_problem.help, &reply_problem, false);
	json_object_end(j);
}

static void write_security(struct json *j, const struct api_row *row)
{
	static const char *const user[] = {"session", "key"}, *const writer[] = {"writeKey", "key"};
	const char *const *names = row->auth == AUTH_USER ? user : writer;
	unsigned n = row->auth == AUTH_USER || row->handle == track_native ? 2
		     : row->auth == AUTH_WRITE                             ? 1
									   : 0;
	json_key(j, "security");
	json_array(j);
	for (unsigned i = 0; i < n; i++) {
		json_object(j);
		json_key(j, names[i]);
		json_array(j);
		json_array_end(j);
		json_object_end(j);
	}
	json_array_end(j);
}

static void write_body(struct json *j, const struct api_row *row)
{
	const struct api_schema *body = row->body;
	if (!body)
		return;
	json_key(j, "requestBody");
	json_object(j);
	json_key_u64(j, "x-body-bytes", row->body_max ? row->body_max : (size_t)1 << 20);
	if (body == &body_upload)
		json_key_bool(j, "x-bytes", true);
	if (body->help)
		json_key_text(j, "description", body->help);
	json_key_bool(j, "required", true);
	write_content(j, body, "application/json");
	json_object_end(j);
}

static void write_operation(struct json *j, const struct api_row *row, const struct analysis *analysis)
{
	struct sv path = sv_from(row->path);
	char method[8] = "";
	const char *name = http_method_name(row->method);
	for (size_t i = 0; i + 1 < sizeof(method) && name[i]; i++)
		method[i] = (char)tolower((unsigned char)name[i]);
	json_key(j, method);
	json_object(j);
	write_id(j, row->method, path, analysis ? sv_from(analysis->name) : SV(""));
	json_key_text(j, "summary", analysis ? analysis->summary : row->summary);
	if (analysis)
		json_key_text(j, "description", analysis->definition);
	json_key(j, "tags");
	json_array(j);
	json_string(j, sv_from(row->tag));
	json_array_end(j);
	if (row->auth == AUTH_USER)
		json_key_text(j, "x-right", right_info(row->right)->name);
	json_key(j, "parameters");
	json_array(j);
	if (!analysis)
		write_path_parameters(j, path);
	for (const struct api_field *p = row->params; p && p->name; p++)
		write_parameter(j, p, "query", (p->what & API_REQUIRED) != 0);
	for (uint32_t i = 0; analysis && i < analysis->n_params; i++)
		write_analysis_parameter(j, &analysis->params[i]);
	if (etag_is_told(row))
		write_header(
			j, "If-None-Match", "the ETag of the answer that one has: 304 if it is still that");
	if (etag_is_asked(row))
		write_header(j, "If-Match", "“etag” as it was read: 412 if it has been changed since");
	json_array_end(j);
	write_body(j, row);
	write_answers(j, row);
	write_security(j, row);
	json_object_end(j);
}

static bool first_of_path(size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (sv_equal(sv_from(api_rows[k].path), sv_from(api_rows[i].path)))
			return false;
	return true;
}

static void write_paths(struct json *j, struct arena *arena)
{
	json_key(j, "paths");
	json_object(j);
	for (size_t i = 0; i < api_n_rows; i++) {
		struct sv path = sv_from(api_rows[i].path);
		if (!first_of_path(i) || sv_ends(path, SV("*")) || api_rows[i].handle == query_get)
			continue;
		json_key_sv(j, path);
		json_object(j);
		for (size_t k = i; k < api_n_rows; k++)
			if (sv_equal(sv_from(api_rows[k].path), path))
				write_operation(j, &api_rows[k], NULL);
		json_object_end(j);
	}
	for (size_t i = 0; i < api_n_rows; i++)
		for (const struct analysis *const *a = analysis_list(); api_rows[i].handle == query_get && *a;
			a++) {
			json_key_sv(j, arena_printf(arena, "/api/query/%s", (*a)->name));
			json_object(j);
			write_operation(j, &api_rows[i], *a);
			json_object_end(j);
		}
	json_object_end(j);
}

static void write_scheme(struct json *j, const char *name, const char *members)
{
	json_key(j, name);
	json_raw(j, sv_from(members));
}

static void write_components(struct json *j)
{
	json_key(j, "components");
	json_object(j);
	json_key(j, "securitySchemes");
	json_object(j);
	write_scheme(j, "session",
		"{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"corridor\",\"description\":\"what signing "
		"in sets; with the "
		"header X-CSRF-Token for everything that writes\"}");
	write_scheme(j, "key",
		"{\"type\":\"http\",\"scheme\":\"bearer\",\"description\":\"an API key: corridor key add\"}");
	write_scheme(j, "writeKey",
		"{\"type\":\"http\",\"scheme\":\"basic\",\"description\":\"a write key as user name; also as "
		"X-Write-Key, "
		"?writeKey= or in the body\"}");
	json_object_end(j);
	json_key(j, "headers");
	json_object(j);
	write_scheme(j, "ETag",
		"{\"description\":\"what the answer is, for If-None-Match\",\"schema\":{\"type\":\"string\"}}");
	write_scheme(j, "RetryAfter",
		"{\"description\":\"seconds to wait\",\"schema\":{\"type\":\"integer\",\"minimum\":1}}");
	json_object_end(j);
	write_refusal_components(j);
	json_key(j, "schemas");
	json_object(j);
	schema_write_components(j);
	json_object_end(j);
	json_object_end(j);
}

enum rc api_openapi_write(struct buf *out, struct err *e)
{
	struct arena *arena = arena_new(0);
	if (!arena)
		return err_set(e, RC_NOMEM, "out of memory for the document");
	struct json j = json_new(out);
	json_object(&j);
	json_key_text(&j, "openapi", "3.1.0");
	json_key(&j, "info");
	json_object(&j);
	json_key_text(&j, "title", "Corridor");
	json_key_text(&j, "summary", "Customer experience management: interactions in, answers out.");
	json_key_text(&j, "version", corridor_version());
	json_key(&j, "license");
	json_raw(&j, SV("{\"name\":\"Apache-2.0\",\"identifier\":\"Apache-2.0\"}"));
	json_object_end(&j);
	write_paths(&j, arena);
	write_components(&j);
	json_object_end(&j);
	arena_free(&arena);
	return buf_check(out, e, "the document");
}

enum rc openapi(struct api_call *c, struct err *e)
{
	return api_openapi_write(http_out(c->x), e);
}
