// SPDX-License-Identifier: Apache-2.0
// The analyses over HTTP: what there is, and questions to it, both from the analyses' declarations.
#include "access/boards.h"
#include "api/internal.h"

static const char *param_type(enum param_type type)
{
	static const char *const names[] = {[PARAM_STRING] = "text",
		[PARAM_NUMBER] = "number",
		[PARAM_INTEGER] = "integer",
		[PARAM_FLAG] = "flag",
		[PARAM_CHOICE] = "choice",
		[PARAM_DURATION] = "duration",
		[PARAM_TIME] = "time",
		[PARAM_FILTER] = "filter"};
	return names[type];
}

static const char *cell_type(enum cell_type type)
{
	static const char *const names[] = {[CELL_TEXT] = "text",
		[CELL_COUNT] = "count",
		[CELL_NUMBER] = "number",
		[CELL_RATIO] = "ratio",
		[CELL_TIME] = "time",
		[CELL_SECONDS] = "seconds"};
	return names[type];
}

static void write_params(struct json *j, const struct analysis *a)
{
	json_key(j, "params");
	json_array(j);
	for (uint32_t i = 0; i < a->n_params; i++) {
		const struct param *p = &a->params[i];
		json_object(j);
		json_key_text(j, "name", p->name);
		json_key_text(j, "type", param_type(p->type));
		json_key_text(j, "default", p->value);
		json_key(j, "choices");
		json_array(j);
		for (struct sv rest = sv_from(p->choices); rest.ptr;)
			json_string(j, sv_cut(rest, '|', &rest));
		json_array_end(j);
		json_key_double(j, "min", p->min);
		json_key_double(j, "max", p->max);
		json_key_text(j, "help", p->help);
		json_key_bool(j, "required", p->required);
		json_key_bool(j, "repeated", p->repeated);
		json_object_end(j);
	}
	json_array_end(j);
}

static void write_columns(struct json *j, const struct analysis *a)
{
	json_key(j, "columns");
	json_array(j);
	for (uint32_t i = 0; i < a->n_columns; i++) {
		const struct result_column *col = &a->columns[i];
		json_object(j);
		json_key_text(j, "name", col->name);
		json_key_text(j, "title", col->title);
		json_key_text(j, "type", cell_type(col->type));
		json_key_text(j, "unit", col->unit);
		json_key_i64(j, "decimals", col->decimals);
		json_key_text(j, "help", col->help);
		json_object_end(j);
	}
	json_array_end(j);
}

enum rc analyses_get(struct api_call *c, struct err *e)
{
	(void)e;
	struct json j = json_new(http_out(c->x));
	json_array(&j);
	for (const struct analysis *const *a = analysis_list(); *a; a++) {
		json_object(&j);
		json_key_text(&j, "name", (*a)->name);
		json_key_text(&j, "summary", (*a)->summary);
		json_key_text(&j, "definition", (*a)->definition);
		json_key_text(&j, "chart", (*a)->chart);
		json_key_text(&j, "example", (*a)->example);
		json_key_bool(&j, "by_touchpoint", (*a)->by_touchpoint);
		write_params(&j, *a);
		write_columns(&j, *a);
		json_object_end(&j);
	}
	json_array_end(&j);
	return RC_OK;
}

// Is it about single customers?
static bool tells_persons(const struct result *r)
{
	bool persons = r->of_person || strcmp(r->analysis->name, "journey") == 0;
	for (uint32_t i = 0; i < r->n_columns; i++)
		persons = persons || strcmp(r->columns[i].name, "customer") == 0;
	return persons;
}

// Stories and lists of customers are for those who may see persons. The head of departments gets them of interactions
// at the own touch points: the question is asked again with that filter.
static enum rc ask(struct api_call *c, struct snapshot *sn, struct query *q, struct result **r, struct err *e)
{
	enum rc rc = query_run(sn, q, r, e);
	enum told told = persons_told(c);
	if (rc != RC_OK || told == TOLD_ALL || !tells_persons(*r))
		return rc;
	result_free(r);
	if (told == TOLD_NONE)
		return persons_denied(e);
	rc = own_narrow(c, snapshot_design(sn), q, e);
	return rc == RC_OK ? query_run(sn, q, r, e) : rc;
}

// To a share of one touch point only the ways to it and from it are told.
static void keep_shared(const struct api_call *c, const struct design *d, struct result *r)
{
	uint32_t t = share_touchpoint(c, d), n = 0;
	if (t == DESIGN_NONE || strcmp(r->analysis->name, "flow") != 0)
		return;
	for (uint32_t i = 0; i < r->n_rows; i++)
		if (sv_equal(answer_text(r, i, "from"), d->touchpoints[t].name) ||
			sv_equal(answer_text(r, i, "to"), d->touchpoints[t].name))
			memmove(&r->cells[(size_t)n++ * r->n_columns], &r->cells[(size_t)i * r->n_columns],
				r->n_columns * sizeof(*r->cells));
	r->n_rows = n;
}

// All that an answer depends on: the stored data of this run of the server, the question, who asks.
static struct etag answer_tag(const struct api_call *c, const struct snapshot *sn)
{
	const struct api *a = c->api;
	struct etag t = etag_begin("question");
	etag_add(&t, (struct sv){(const char *)a->cursor_key, sizeof(a->cursor_key)});
	etag_add_number(&t, snapshot_version(sn));
	etag_add(&t, http_target(c->x));
	etag_add(&t, c->share ? c->share->path : SV(""));
	etag_add_number(&t, persons_told(c));
	for (uint32_t i = 0; i < c->n_departments; i++)
		etag_add(&t, c->departments[i]);
	return t;
}

enum rc query_get(struct api_call *c, struct err *e)
{
	static const char *const known[] = {"format", NULL};
	struct query q = {.analysis = http_param(c->x, "analysis"), .threads = 0};
	struct sv format = http_query(c->x, "format", 0);
	struct snapshot *sn = NULL;
	struct result *r = NULL;
	bool csv = sv_equal(format, SV("csv"));
	if (format.len > 0 && !csv && !sv_equal(format, SV("json")))
		return err_set(e, RC_USAGE, "format=%.*s: json or csv is expected", SV_ARG(format));
	const struct analysis *analysis = analysis_find(q.analysis);
	if (!analysis)
		return err_set(e, RC_NOT_FOUND, "there is no analysis “%.*s”; /api/analyses lists them",
			SV_ARG(q.analysis));
	enum rc rc = call_query(c, &q, known, e);
	if (rc == RC_OK)
		rc = snapshot_open(c->api->store, &sn, e);
	if (rc == RC_OK) {
		struct etag now = answer_tag(c, sn);
		if (etag_answer(c, &now)) {
			snapshot_close(&sn);
			return RC_OK;
		}
		rc = ask(c, sn, &q, &r, e);
	}
	if (rc == RC_OK)
		keep_shared(c, snapshot_design(sn), r);
	if (rc == RC_OK)
		rc = csv ? result_write_csv(r, http_out(c->x), e) : result_write_json(r, http_out(c->x), e);
	result_free(&r);
	snapshot_close(&sn);
	if (rc != RC_OK || !csv)
		return rc;
	http_security_headers(c->x, NULL);
	http_header_add(c->x, "Content-Type", SV("text/csv; charset=utf-8"));
	http_pack(c->x);
	http_reply(c->x);
	return API_ANSWERED;
}
