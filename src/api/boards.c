// SPDX-License-Identifier: Apache-2.0
// Dashboards over HTTP, and shares: links that let somebody without an account read one page.
//
// A share stands for a path of the pages ("/dashboards/3", "/journeys/funnel?where=…"). Whoever has its token may ask what
// that page asks and nothing else: the analysis of the path, those of the dashboard's tiles, or those of the touch point's
// page about this touch point; with at least the filters that stand in it, and within its period. Persons and texts are
// never in it, because a share has only the rights to look and to ask.
#include "api/internal.h"

#include "access/boards.h"

#include <ctype.h>
#include <stdio.h>

#define DAY_MS INT64_C(86400000)

// --- dashboards ---

static struct etag board_tag(const struct access_board *b)
{
	struct etag t = etag_begin("dashboard");
	etag_add_number(&t, b->id);
	etag_add(&t, b->title);
	etag_add(&t, b->tiles);
	return t;
}

static void write_board(struct json *j, const struct access_board *b)
{
	char id[24], tag[ETAG_BYTES];
	struct etag t = board_tag(b);
	snprintf(id, sizeof(id), "%lld", (long long)b->id);
	json_object(j);
	json_key_text(j, "id", id);
	json_key_string(j, "title", b->title);
	json_key(j, "tiles");
	json_raw(j, b->tiles);
	json_key_string(j, "who", b->who);
	json_key_string(j, "etag", etag_end(&t, tag));
	json_object_end(j);
}

// A share sees the dashboard that it is for.
static bool is_shown(const struct api_call *c, int64_t id)
{
	char path[48];
	if (!c->share)
		return true;
	int len = snprintf(path, sizeof(path), "/dashboards/%lld", (long long)id);
	struct sv rest, page = sv_cut(c->share->path, '?', &rest);
	return sv_equal(page, (struct sv){path, (size_t)len});
}

enum rc boards_get(struct api_call *c, struct err *e)
{
	struct access_board *boards;
	uint32_t n;
	enum rc rc = access_board_list(c->api->access, http_arena(c->x), &boards, &n, e);
	if (rc != RC_OK)
		return rc;
	struct json j = call_items(c);
	for (uint32_t i = 0; i < n; i++)
		if (is_shown(c, boards[i].id))
			write_board(&j, &boards[i]);
	json_array_end(&j);
	json_object_end(&j);
	return RC_OK;
}

// The tiles of a body as they are kept: title and view of each, nothing else.
static enum rc read_tiles(struct json_node root, struct buf *out, struct err *e)
{
	struct json_node list = json_get(root, SV("tiles"));
	struct json j = json_new(out);
	enum rc rc = RC_OK;
	json_array(&j);
	for (struct json_iter it = json_iter(list); rc == RC_OK && json_next(&it);) {
		struct sv title, view;
		rc = call_string(it.value, "title", true, &title, e);
		if (rc == RC_OK)
			rc = call_string(it.value, "view", true, &view, e);
		if (rc == RC_OK && (view.len == 0 || view.ptr[0] != '/'))
			rc = err_set(e, RC_INPUT, "“view” must be a path that begins with /");
		if (rc != RC_OK)
			break;
		json_object(&j);
		json_key_string(&j, "title", title);
		json_key_string(&j, "view", view);
		json_object_end(&j);
	}
	json_array_end(&j);
	return rc == RC_OK ? buf_check(out, e, "a dashboard") : rc;
}

// id 0: a new one. *out: as it is stored then.
static enum rc put_after_look(struct api_call *c, int64_t id, struct sv title, struct sv tiles,
	struct access_board *out, struct err *e)
{
	struct access *a = c->api->access;
	enum rc rc = id ? access_board_get(a, id, http_arena(c->x), out, e) : RC_OK;
	if (rc == RC_OK && id) {
		struct etag now = board_tag(out);
		rc = etag_match(c, &now, "the dashboard", e);
	}
	if (rc == RC_OK)
		rc = access_board_put(a, &c->actor, &id, title, tiles, e);
	return rc == RC_OK ? access_board_get(a, id, http_arena(c->x), out, e) : rc;
}

static enum rc put_board(struct api_call *c, int64_t id, struct err *e)
{
	struct json_parser *parser;
	struct json_node root;
	struct access_board b;
	struct sv title;
	struct buf tiles = buf_new(BOARD_TILES_BYTES_MAX);
	enum rc rc = call_json(c, &parser, &root, e);
	if (rc != RC_OK)
		return rc;
	rc = call_string(root, "title", true, &title, e);
	if (rc == RC_OK)
		rc = read_tiles(root, &tiles, e);
	pthread_mutex_lock(&c->api->edits);
	if (rc == RC_OK)
		rc = put_after_look(c, id, title, buf_view(&tiles), &b, e);
	pthread_mutex_unlock(&c->api->edits);
	if (rc == RC_OK) {
		struct json j = json_new(http_out(c->x));
		write_board(&j, &b);
	}
	buf_free(&tiles);
	json_parser_free(&parser);
	return rc;
}

enum rc boards_add(struct api_call *c, struct err *e)
{
	enum rc rc = put_board(c, 0, e);
	if (rc == RC_OK)
		http_status_set(c->x, 201);
	return rc;
}

enum rc boards_set(struct api_call *c, struct err *e)
{
	int64_t id;
	enum rc rc = call_id(c, "dashboard", &id, e);
	return rc == RC_OK ? put_board(c, id, e) : rc;
}

enum rc boards_remove(struct api_call *c, struct err *e)
{
	return call_act(c, "dashboard", access_board_remove, e);
}

// --- what a share may ask ---

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

struct sv query_unescape(struct arena *a, struct sv text)
{
	char *out = arena_alloc(a, text.len + 1);
	size_t n = 0;
	if (!out)
		return SV_NONE;
	for (size_t i = 0; i < text.len; i++) {
		char ch = text.ptr[i];
		if (ch == '%' && i + 2 < text.len && hex(text.ptr[i + 1]) >= 0 && hex(text.ptr[i + 2]) >= 0) {
			ch = (char)(hex(text.ptr[i + 1]) * 16 + hex(text.ptr[i + 2]));
			i += 2;
		} else if (ch == '+') {
			ch = ' ';
		}
		out[n++] = ch;
	}
	return (struct sv){out, n};
}

static bool asks_where(struct api_call *c, struct sv wanted)
{
	struct sv where;
	for (size_t i = 0; (where = http_query(c->x, "where", i)).ptr; i++)
		if (sv_equal(where, wanted))
			return true;
	return false;
}

// The field that a filter begins with; empty: none.
static struct sv leading(struct sv filter)
{
	struct sv text = sv_trim(filter);
	size_t n = 0;
	while (n < text.len && (isalnum((unsigned char)text.ptr[n]) || strchr("_.-", text.ptr[n])))
		n++;
	return (struct sv){text.ptr, n};
}

static bool is_place(struct sv field)
{
	static const char *const places[] = {"channel", "channel-kind", "owner", "stage", "touchpoint"};
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (sv_equal(field, sv_from(places[i])))
			return true;
	return false;
}

// Does the segment that the page is compared with stand instead of this filter? As web/src/base/filter.ts (beside) has it.
static bool gives_way(struct sv filter, struct sv segment)
{
	struct sv field = leading(filter), own = leading(segment);
	return sv_equal(field, own) || (!is_place(own) && !is_place(field));
}

// What follows “vs=where:”; SV_NONE: the page compares no segments.
static struct sv segment_of(struct api_call *c, struct sv query)
{
	for (struct sv rest = query; rest.ptr;) {
		struct sv value, pair = sv_cut(rest, '&', &rest), name = sv_cut(pair, '=', &value);
		struct sv text = query_unescape(http_arena(c->x), value);
		if (sv_equal(name, SV("vs")) && sv_starts(text, SV("where:")))
			return (struct sv){text.ptr + 6, text.len - 6};
	}
	return SV_NONE;
}

// The question has all filters of the page, or those that hold for the segment beside it.
static bool has_filters(struct api_call *c, struct sv query)
{
	struct sv segment = segment_of(c, query);
	bool compared = segment.len > 0 && asks_where(c, segment);
	for (struct sv rest = query; rest.ptr;) {
		struct sv value, pair = sv_cut(rest, '&', &rest), name = sv_cut(pair, '=', &value);
		if (!sv_equal(name, SV("where")) || value.len == 0)
			continue;
		struct sv where = query_unescape(http_arena(c->x), value);
		if (!where.ptr || (!asks_where(c, where) && !(compared && gives_way(where, segment))))
			return false;
	}
	return true;
}

// --- what the page of a touch point asks (web/src/page/touchpoint.tsx) ---

#define TOUCHPOINT_PATH SV("/touchpoint/")

uint32_t share_touchpoint(const struct api_call *c, const struct design *d)
{
	struct sv rest;
	if (!c->share || !sv_starts(c->share->path, TOUCHPOINT_PATH))
		return DESIGN_NONE;
	struct sv path = sv_cut(c->share->path, '?', &rest);
	return design_touchpoint_find(
		d, (struct sv){path.ptr + TOUCHPOINT_PATH.len, path.len - TOUCHPOINT_PATH.len});
}

// What it splits by.
static bool is_split(const struct design *d, uint32_t touchpoint, struct sv value)
{
	(void)touchpoint;
	bool is = sv_equal(value, SV("channel")) || sv_equal(value, SV("agent"));
	for (uint32_t i = 0; i < d->n_dimensions && !is; i++)
		is = sv_equal(value, d->dimensions[i]);
	return is;
}

static bool is_expected(const struct design *d, uint32_t touchpoint, struct sv value)
{
	const struct design_touchpoint *t = &d->touchpoints[touchpoint];
	for (uint32_t i = 0; i < t->n_expectations; i++)
		if (sv_equal(value, d->measures[d->expectations[t->first_expectation + i].measure].name))
			return true;
	return false;
}

// These parameters with these values, and no others; the filters are told by is_filter.
struct touchpoint_question {
	const char *path;
	bool here; // with the filter “touchpoint = KEY”; else the answer leaves others out (share_touchpoint)
	bool before; // of as much time before the period: what customers were used to
	struct {
		const char *name, *value; // NULL: any value that fits
	} params[2];
	bool (*fits)(const struct design *d, uint32_t touchpoint, struct sv value); // NULL: all do
};

// A filter of the page or of what it is compared with (“vs=where:”), or the one on its touch point. With any other the
// sums of an answer would tell of what the page does not show.
static bool is_filter(struct api_call *c, struct sv query, struct sv here, struct sv where)
{
	struct sv segment = segment_of(c, query);
	bool is = sv_equal(where, here) || (segment.len > 0 && sv_equal(where, segment));
	for (struct sv rest = query; rest.ptr && !is;) {
		struct sv value, pair = sv_cut(rest, '&', &rest), name = sv_cut(pair, '=', &value);
		struct sv text = query_unescape(http_arena(c->x), value);
		if (sv_equal(name, SV("where")))
			is = text.ptr && sv_equal(text, where);
	}
	return is;
}

static bool is_asked(const struct touchpoint_question *q, const struct design *d, uint32_t touchpoint,
	struct sv name, struct sv value)
{
	if (sv_equal(name, SV("from")) || sv_equal(name, SV("to")))
		return true;
	for (size_t i = 0; i < 2 && q->params[i].name; i++)
		if (sv_equal(name, sv_from(q->params[i].name)))
			return q->params[i].value ? sv_equal(value, sv_from(q->params[i].value))
						  : !q->fits || q->fits(d, touchpoint, value);
	return false;
}

static bool touchpoint_asks(struct api_call *c, struct sv query)
{
	static const struct touchpoint_question questions[] = {
		{"/api/overview", false, false, {{"bucket", NULL}}, NULL},
		{"/api/query/gap", true, false, {{"by", NULL}}, is_split},
		{"/api/query/spread", true, true, {{"measure", NULL}}, is_expected},
		{"/api/query/scores", true, false, {{"score", "servqual"}}, NULL},
		{"/api/query/flow", false, false, {{"ends", "true"}, {"top", "0"}}, NULL},
	};
	const struct design *d = store_design(c->api->store);
	const struct touchpoint_question *q = questions, *end = q + sizeof(questions) / sizeof(questions[0]);
	uint32_t t = share_touchpoint(c, d);
	struct sv name, value;
	while (q < end && !sv_equal(http_path(c->x), sv_from(q->path)))
		q++;
	if (t == DESIGN_NONE || q == end || !period_kept(c, query, q->before))
		return false;
	struct sv here = arena_printf(http_arena(c->x), "touchpoint = %.*s", SV_ARG(d->touchpoints[t].name));
	if (!here.ptr || (q->here && !asks_where(c, here)))
		return false;
	for (size_t k = 0; http_query_at(c->x, k, &name, &value); k++)
		if (sv_equal(name, SV("where")) ? !is_filter(c, query, here, value)
						: !is_asked(q, d, t, name, value))
			return false;
	return true;
}

// --- what a share may ask, whatever its page ---

// Does a page of the UI ask this?
static bool page_asks(struct api_call *c, struct sv page)
{
	struct sv query, path = sv_cut(page, '?', &query), asked = http_path(c->x);
	if (!has_filters(c, query))
		return false;
	if (sv_starts(path, TOUCHPOINT_PATH))
		return touchpoint_asks(c, query);
	if (!period_kept(c, query, false))
		return false;
	if (sv_equal(path, SV("/")))
		return sv_equal(asked, SV("/api/overview"));
	if (sv_starts(path, SV("/journeys/")))
		return sv_starts(asked, SV("/api/query/")) &&
		       sv_equal((struct sv){asked.ptr + 11, asked.len - 11},
			       (struct sv){path.ptr + 10, path.len - 10});
	return sv_equal(path, SV("/interactions")) && sv_equal(asked, SV("/api/interactions"));
}

static bool tiles_ask(struct api_call *c, struct sv tiles)
{
	struct json_parser *parser = json_parser_new(BOARD_TILES_BYTES_MAX + 1);
	struct json_node root;
	struct err why = ERR_NONE;
	char scratch[32];
	bool asks = false;
	if (parser && json_parse(parser, tiles, &root, &why) == RC_OK)
		for (struct json_iter it = json_iter(root); !asks && json_next(&it);) {
			struct sv view = json_text(json_get(it.value, SV("view")), scratch);
			asks = sv_starts(view, SV("/journeys/")) &&
			       page_asks(c, view); // a board shows no others
		}
	json_parser_free(&parser);
	return asks;
}

static bool board_asks(struct api_call *c)
{
	struct access_board *boards;
	uint32_t n;
	struct err why = ERR_NONE;
	if (access_board_list(c->api->access, http_arena(c->x), &boards, &n, &why) != RC_OK)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (is_shown(c, boards[i].id) && tiles_ask(c, boards[i].tiles))
			return true;
	return false;
}

enum rc share_check(struct api_call *c, struct err *e)
{
	static const char *const always[] = {"/api/design", "/api/analyses", "/api/dashboards"};
	struct access_share *s = arena_alloc(http_arena(c->x), sizeof(*s));
	if (!s)
		return err_set(e, RC_NOMEM, "out of memory for a request");
	enum rc rc = access_share_find(c->api->access, c->share_token, http_arena(c->x), s, e);
	if (rc != RC_OK)
		return rc;
	c->share = s;
	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		if (sv_equal(http_path(c->x), sv_from(always[i])))
			return RC_OK;
	if (page_asks(c, s->path) || (sv_starts(s->path, SV("/dashboards/")) && board_asks(c)))
		return RC_OK;
	return err_set(e, RC_DENIED, "this is not part of the page that the link is for");
}

// --- shares ---

enum rc shares_get(struct api_call *c, struct err *e)
{
	struct access_share *shares;
	uint32_t n;
	enum rc rc = access_share_list(c->api->access, http_arena(c->x), &shares, &n, e);
	if (rc != RC_OK)
		return rc;
	struct json j = call_items(c);
	for (uint32_t i = 0; i < n; i++) {
		char id[24];
		snprintf(id, sizeof(id), "%lld", (long long)shares[i].id);
		json_object(&j);
		json_key_text(&j, "id", id);
		json_key_string(&j, "path", shares[i].path);
		json_key_string(&j, "title", shares[i].title);
		tz_key(&j, "expires", store_design(c->api->store)->tz, shares[i].expires_ms);
		json_key_string(&j, "who", shares[i].who);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_object_end(&j);
	return RC_OK;
}

enum rc shares_add(struct api_call *c, struct err *e)
{
	struct json_parser *parser;
	struct json_node root;
	struct sv path, title;
	double days = 0;
	char token[ACCESS_TOKEN_BYTES];
	int64_t expires_ms;
	enum rc rc = call_json(c, &parser, &root, e);
	if (rc != RC_OK)
		return rc;
	rc = call_string(root, "path", true, &path, e);
	if (rc == RC_OK)
		rc = call_string(root, "title", true, &title, e);
	json_number(json_get(root, SV("days")), &days);
	if (rc == RC_OK)
		rc = access_share_add(c->api->access, &c->actor, path, title, (int64_t)(days * (double)DAY_MS),
			token, &expires_ms, e);
	json_parser_free(&parser);
	if (rc != RC_OK)
		return rc;
	struct json j = json_new(http_out(c->x));
	json_object(&j);
	json_key_string(&j, "url", arena_printf(http_arena(c->x), "/shared/%s", token));
	tz_key(&j, "expires", store_design(c->api->store)->tz, expires_ms);
	json_object_end(&j);
	http_status_set(c->x, 201);
	return RC_OK;
}

enum rc shares_end(struct api_call *c, struct err *e)
{
	return call_act(c, "share", access_share_end, e);
}

// What the page needs to know of its share. It sends the token with every question itself (SHARE_HEADER): in a frame of another
// site there are no cookies of ours.
enum rc shares_open(struct api_call *c, struct err *e)
{
	struct json_parser *parser;
	struct json_node root;
	struct sv token;
	struct access_share s;
	enum rc rc = call_json(c, &parser, &root, e);
	if (rc != RC_OK)
		return rc;
	rc = call_string(root, "token", true, &token, e);
	token = arena_copy(http_arena(c->x), token.ptr ? token : SV(""));
	json_parser_free(&parser);
	if (rc == RC_OK)
		rc = access_share_find(c->api->access, token, http_arena(c->x), &s, e);
	if (rc != RC_OK)
		return rc;
	struct json j = json_new(http_out(c->x));
	json_object(&j);
	json_key_string(&j, "path", s.path);
	json_key_string(&j, "title", s.title);
	tz_key(&j, "last", store_design(c->api->store)->tz,
		session_newest_ms(c->api)); // what relative periods count back from
	tz_key(&j, "expires", store_design(c->api->store)->tz, s.expires_ms);
	json_object_end(&j);
	return RC_OK;
}
