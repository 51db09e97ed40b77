// SPDX-License-Identifier: Apache-2.0
// Opening and closing the server; who may call what; answers.
//
// Each request: admit (before the body is read: who asks, and may he?) → handler, on the loop or on a worker →
// api_finish. A call lives in its exchange's arena.
#include "api/internal.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "listen/stream.h"

#include <sodium.h>
#include <stdio.h>

enum { SWEEP_TICKS = 36000 }; // an hour
enum { HOOK_THREADS = 4 };

// --- answers ---

void api_retry_after(struct http_exchange *x, unsigned seconds)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", seconds);
	http_header_add(x, "Retry-After", (struct sv){text, (size_t)len});
}

void api_finish(struct api_call *c, enum rc rc, struct err *e)
{
	if (rc == API_ANSWERED)
		return;
	if (rc == RC_OK && http_out(c->x)->rc != RC_OK)
		rc = err_set(e, RC_LIMIT, "the answer is too large: ask for less");
	if (rc == RC_OK) {
		http_security_headers(c->x, NULL);
		http_header_add(c->x, "Cache-Control", SV("no-store"));
		etag_answer_bytes(c);
		if (c->fresh) {
			http_reply_empty(c->x, 304);
			return;
		}
		// Answers that tell the session's second token belong to rows that are open to all.
		if (c->row->auth == AUTH_USER)
			http_pack(c->x);
		http_reply_json(c->x);
		return;
	}
	if (rc == RC_CANCELLED && atomic_load(&c->api->stopping)) // by us: to be asked again when we are back
		rc = e->rc = RC_BUSY;
	if (rc != RC_USAGE && rc != RC_INPUT && rc != RC_NOT_FOUND && rc != RC_EXISTS && rc != RC_LIMIT &&
		rc != RC_DENIED && rc != RC_BUSY)
		log_err("api", e);
	if (c->stale) {
		char text[sizeof(e->message) + sizeof(e->remedy) + 64];
		http_problem(c->x, 412, NULL, NULL, err_format(e, text, sizeof(text)));
		return;
	}
	http_problem_list(c->x, e, "errors", c->mistakes);
}

enum rc api_act_begin(struct api *a, const char *what, struct err *e)
{
	pthread_mutex_lock(&a->mu);
	const char *running = a->acting;
	if (!running)
		a->acting = what;
	pthread_mutex_unlock(&a->mu);
	return running ? err_set(e, RC_BUSY, "%s; try again when that is done", running) : RC_OK;
}

void api_act_end(struct api *a)
{
	pthread_mutex_lock(&a->mu);
	a->acting = NULL;
	pthread_mutex_unlock(&a->mu);
}

enum rc api_run(struct api_call *c, struct err *e)
{
	enum rc rc = c->share_token.ptr ? share_check(c, e) : RC_OK;
	if (rc == RC_OK)
		rc = params_check(c, e);
	if (rc == RC_OK)
		rc = body_check(c, e);
	if (rc == RC_OK)
		rc = c->row->handle(c, e);
	if (rc != API_ANSWERED) // else the call may be gone; a handler that answers has taken the body
		json_parser_free(&c->parser);
	return rc;
}

// --- who asks ---

static bool refuse(struct http_exchange *x, unsigned status, const char *detail)
{
	http_problem(x, status, NULL, NULL, detail);
	return false;
}

// Pages of other sites may not act with our user's cookie, whatever the browser lets through.
static bool from_elsewhere(struct http_exchange *x)
{
	struct sv site = http_header(x, "Sec-Fetch-Site"), origin = http_header(x, "Origin"),
		  host = http_host(x);
	if (site.ptr && !sv_equal(site, SV("same-origin")) && !sv_equal(site, SV("none")))
		return true;
	if (!origin.ptr)
		return false;
	const struct sv schemes[] = {SV("https://"), SV("http://")};
	for (unsigned i = 0; i < 2; i++)
		if (sv_starts(origin, schemes[i]) &&
			sv_equal((struct sv){origin.ptr + schemes[i].len, origin.len - schemes[i].len}, host))
			return false;
	return true;
}

static bool refuse_elsewhere(struct http_exchange *x)
{
	return refuse(x, 403,
		"the request comes from another site's page: only this server's own may ask this (a proxy in "
		"front of it must pass Host on as it comes)");
}

static bool writes(const struct api_row *row)
{
	return row->method != HTTP_GET && row->method != HTTP_HEAD;
}

// What anybody may send has no token of a session. A form of another site would sign a browser in as somebody else; it
// cannot send JSON.
static bool admit_anybody(struct api_call *c)
{
	struct sv parameters, type = sv_cut(http_header(c->x, "Content-Type"), ';', &parameters);
	if (!writes(c->row))
		return true;
	if (from_elsewhere(c->x))
		return refuse_elsewhere(c->x);
	return sv_equal_nocase(sv_trim(type), SV("application/json")) ||
	       refuse(c->x, 415,
		       "the body must be JSON: send it with the header Content-Type: application/json");
}

static bool may(struct api_call *c, uint32_t rights)
{
	if (rights & RIGHT_BIT(c->row->right))
		return true;
	char detail[160];
	snprintf(detail, sizeof(detail), "this needs the right “%s” (%s)", right_info(c->row->right)->name,
		right_info(c->row->right)->summary);
	return refuse(c->x, 403, detail);
}

struct sv bearer_of(struct http_exchange *x)
{
	struct sv bearer = http_header(x, "Authorization");
	return sv_starts(bearer, SV("Bearer ")) ? sv_trim((struct sv){bearer.ptr + 7, bearer.len - 7})
						: SV_NONE;
}

static bool admit_program(struct api_call *c, const struct access_view *view, struct sv key_text)
{
	const struct access_key *key = access_view_key(view, key_text, http_received_ms(c->x));
	if (!key || key->kind != KEY_API) {
		http_header_add(c->x, "WWW-Authenticate", SV("Bearer error=\"invalid_token\""));
		return refuse(c->x, 401, "the API key is unknown, revoked or expired");
	}
	c->actor =
		(struct access_actor){0, arena_copy(http_arena(c->x), key->name), http_peer(c->x), key->rights};
	return may(c, key->rights);
}

static bool refuse_stranger(struct api_call *c)
{
	http_header_add(c->x, "WWW-Authenticate", SV("Bearer"));
	return refuse(c->x, 401, "sign in first");
}

// What a share may see is looked at by the worker, since it waits for the disk. Its page may stand in a frame of any
// site, so whoever is signed in in the same browser does not count.
static bool admit_share(struct api_call *c, struct sv token)
{
	if (!c->row->slow || writes(c->row))
		return refuse_stranger(c);
	const uint32_t rights = RIGHT_BIT(RIGHT_LOOK) | RIGHT_BIT(RIGHT_ASK);
	c->share_token = arena_copy(http_arena(c->x), token);
	c->actor = (struct access_actor){0, SV("a share"), http_peer(c->x), rights};
	return c->share_token.ptr ? may(c, rights) : refuse(c->x, 503, "out of memory");
}

// What whoever has yet to choose a password may do: that, and leave.
static bool needs_no_password(const struct api_row *row)
{
	return row->handle == password_set || row->handle == session_end || row->handle == sessions_get ||
	       row->handle == sessions_end || row->handle == sessions_end_others;
}

static bool keep_departments(struct api_call *c, const struct access_user *user)
{
	struct sv *list = arena_array(http_arena(c->x), (size_t)user->n_departments + 1, sizeof(*list));
	bool kept = list != NULL;
	for (uint32_t i = 0; kept && i < user->n_departments; i++) {
		list[i] = arena_copy(http_arena(c->x), user->departments[i]);
		kept = list[i].ptr != NULL;
	}
	c->departments = list;
	c->n_departments = kept ? user->n_departments : 0;
	return kept;
}

static bool admit_user(struct api_call *c, const struct access_view *view, struct sv token)
{
	struct access_session session;
	struct err e = ERR_NONE;
	enum rc rc = token.ptr ? access_session_find(c->api->access, view, token, &session, &e) : RC_DENIED;
	const struct access_user *user = rc == RC_OK ? access_view_user(view, session.user) : NULL;
	if (!user) {
		if (rc != RC_OK && rc != RC_DENIED)
			log_err("api", &e);
		return refuse_stranger(c);
	}
	if (writes(c->row) && from_elsewhere(c->x))
		return refuse_elsewhere(c->x);
	if (writes(c->row) && !c->row->no_csrf &&
		!access_session_csrf(&session, http_header(c->x, "X-CSRF-Token")))
		return refuse(
			c->x, 403, "the header X-CSRF-Token is missing or wrong: read /api/session again");
	if (session_wants_password(c->api, user) && !needs_no_password(c->row))
		return refuse(c->x, 403,
			"choose a password first: on the page that the sign-in link leads to, or with POST "
			"/api/password {\"password\"}");
	struct arena *a = http_arena(c->x);
	c->user = user->id;
	c->session = session.id;
	c->role = user->role;
	c->password_ms = user->password_ms;
	c->by_link = session_by_link(&session, user);
	c->csrf = arena_copy(a, sv_from(session.csrf)).ptr;
	if (!keep_departments(c, user))
		return refuse(c->x, 503, "out of memory");
	c->actor = (struct access_actor){
		user->id, arena_copy(a, user->email), http_peer(c->x), role_info(user->role)->rights};
	return may(c, c->actor.rights);
}

static bool admit(struct http_exchange *x, const struct http_route *route, void *context)
{
	struct api_call *c = arena_alloc(http_arena(x), sizeof(*c));
	if (!c)
		return refuse(x, 503, "out of memory");
	*c = (struct api_call){.api = context, .x = x, .row = route->data};
	http_user_set(x, c);
	if (c->row->auth == AUTH_WRITE)
		track_cors(x); // first, so that a page can read refusals, too
	if (c->row->auth != AUTH_USER)
		return c->row->auth != AUTH_OPEN || admit_anybody(c);
	const struct access_view *view = access_view_get(c->api->access);
	struct sv bearer = bearer_of(x), share = http_header(x, SHARE_HEADER);
	bool goes_on = bearer.ptr  ? admit_program(c, view, bearer)
		       : share.ptr ? admit_share(c, share)
				   : admit_user(c, view, http_cookie(x, "corridor"));
	access_view_release(c->api->access, &view);
	return goes_on && (c->row->handle != import_upload || upload_begin(c));
}

static void handle(struct http_exchange *x, void *context)
{
	struct api *a = context;
	struct api_call *c = http_user(x);
	struct err e = ERR_NONE;
	bool hook = c->row->auth == AUTH_SIGNED;
	if (c->row->slow) {
		if (!workers_take(hook ? a->hook_workers : a->workers, c)) {
			err_set(&e, RC_BUSY, "too many %s wait; try again in a moment",
				hook ? "webhooks" : "questions");
			if (hook)
				api_intake_problem(x, &e);
			else
				api_finish(c, RC_BUSY, &e);
		}
		return;
	}
	enum rc rc = api_run(c, &e);
	api_finish(c, rc, &e);
}

static void preflight(struct http_exchange *x, const struct http_route *route, void *context)
{
	(void)context;
	const struct api_row *row = route->data;
	if (row->auth == AUTH_WRITE)
		track_cors(x);
}

static void turned(void *context)
{
	struct api *a = context;
	if (atomic_load(&a->gathered) && atomic_exchange(&a->gathered, false))
		intake_go(a->intake);
}

// --- what has to be done from time to time ---

enum { TICK_MS = 40, TICKS_A_SECOND = 1000 / TICK_MS, TICKS_A_MINUTE = 60 * TICKS_A_SECOND };

// With every tick. After a change of the corridor file the feed begins anew.
static void feed(struct api *a)
{
	struct err e = ERR_NONE;
	const struct design *d = store_design(a->store);
	if (a->o.simulated_per_minute == 0)
		return;
	if (a->feed_design != d) {
		simulate_feed_close(&a->feed);
		a->feed_design = d;
		if (simulate_feed_open(d, (uint64_t)a->clock->now_ms(a->clock), &a->feed, &e) != RC_OK)
			log_err("api", &e);
	}
	a->feed_owed += a->o.simulated_per_minute;
	for (; a->feed && a->feed_owed >= TICKS_A_MINUTE; a->feed_owed -= TICKS_A_MINUTE) {
		const struct interaction *x = simulate_feed_next(a->feed, a->clock->now_ms(a->clock));
		if (!x || intake_add(a->intake, x, &e) != RC_OK)
			return;
	}
}

static void tend(void *context)
{
	struct api *a = context;
	struct err e = ERR_NONE;
	unsigned ticks = 0;
	pthread_mutex_lock(&a->mu);
	while (!a->closing) {
		const struct timespec until = thread_deadline(TICK_MS);
		thread_wait_until(&a->wake, &a->mu, &until);
		pthread_mutex_unlock(&a->mu);
		feed(a);
		live_tick(a->live);
		if (++ticks % TICKS_A_SECOND == 0 && access_tend(a->access, &e) != RC_OK) {
			log_err("api", &e);
			e = ERR_NONE;
		}
		if (ticks % SWEEP_TICKS == 0)
			uploads_sweep(a, false);
		pthread_mutex_lock(&a->mu);
	}
	pthread_mutex_unlock(&a->mu);
}

// --- opening ---

// Ways in take a batch of the greatest size that is allowed, and so do those for files.
static size_t body_max_of(const struct api_row *row, const struct api_limits *l)
{
	if (row->handle == import_upload)
		return l->upload_bytes;
	return row->auth == AUTH_WRITE && l->batch_bytes > row->body_max ? l->batch_bytes : row->body_max;
}

static enum rc open_server(struct api *a, struct err *e)
{
	a->routes = mem_calloc(api_n_rows, sizeof(*a->routes));
	if (!a->routes)
		return err_set(e, RC_NOMEM, "out of memory for the server");
	for (size_t i = 0; i < api_n_rows; i++)
		a->routes[i] = (struct http_route){api_rows[i].method, api_rows[i].path,
			body_max_of(&api_rows[i], &a->o.limits), handle, &api_rows[i]};
	const struct api_limits *l = &a->o.limits;
	const struct http_options o = {
		.addresses = a->o.addresses,
		.n_addresses = a->o.n_addresses,
		.tls_certificate = a->o.tls_certificate,
		.tls_key = a->o.tls_key,
		.trusted_proxies = a->o.trusted_proxies,
		.n_trusted_proxies = a->o.n_trusted_proxies,
		.routes = a->routes,
		.n_routes = api_n_rows,
		.fallback = &a->routes[api_n_rows - 1], // the pages
		.context = a,
		.admit = admit,
		.preflight = preflight,
		.turned = turned,
		.log = a->o.access_log ? access_log : NULL,
		.header_bytes = l->header_bytes,
		.unpacked_bytes = l->unpacked_bytes,
		.connections = (uint32_t)l->connections,
		.connections_per_address = (uint32_t)l->connections_per_address,
		.header_ms = (uint32_t)l->header_ms,
		.body_ms = (uint32_t)l->body_ms,
		.idle_ms = (uint32_t)l->idle_ms,
		.write_ms = (uint32_t)l->write_ms,
		.rate_bytes = (uint32_t)l->rate_bytes,
	};
	return http_open(&o, &a->server, e);
}

// Without a server nobody waits for an answer.
static void telling(void *context, bool begins)
{
	struct api *a = context;
	if (!a->server)
		return;
	if (begins)
		http_hold(a->server);
	else
		http_release(a->server);
}

enum rc api_open(const struct api_options *options, struct api **out, struct err *e)
{
	struct api *a = *out = mem_calloc(1, sizeof(*a));
	if (!a)
		return err_set(e, RC_NOMEM, "out of memory for the server");
	a->o = *options;
	a->o.limits.upload_bytes =
		options->limits.upload_bytes ? options->limits.upload_bytes : API_UPLOAD_BYTES;
	a->store = options->store;
	a->access = options->access;
	a->clock = options->clock ? options->clock : clock_system();
	randombytes_buf(a->cursor_key, sizeof(a->cursor_key));
	a->started_ms = a->clock->now_ms(a->clock);
	pthread_mutex_init(&a->edits, NULL);
	pthread_mutex_init(&a->mu, NULL);
	pthread_cond_init(&a->wake, NULL);
	enum rc rc = live_open(a, &a->live, e);
	const struct intake_options io = {
		.store = a->store,
		.clock = a->clock,
		.waiting_bytes_max = a->o.limits.waiting_bytes,
		.committed = live_committed,
		.telling = telling,
		.sample = live_sample,
		.context = a,
	};
	if (rc == RC_OK)
		rc = intake_open(&io, &a->intake, e);
	if (rc == RC_OK)
		rc = import_open(a, e);
	if (rc == RC_OK)
		rc = workers_open(options->threads, &a->workers, e);
	if (rc == RC_OK)
		rc = workers_open(HOOK_THREADS, &a->hook_workers, e);
	if (rc == RC_OK)
		rc = sandbox_open(NULL, &a->sandbox, e);
	if (rc == RC_OK && !(a->hook_lines = hook_lines_new()))
		rc = err_set(e, RC_NOMEM, "out of memory for the webhooks");
	if (rc == RC_OK)
		rc = open_server(a, e);
	if (rc == RC_OK && !(a->tender = thread_start(tend, a)))
		rc = err_set(e, RC_NOMEM, "no thread could be started for the server");
	if (rc != RC_OK)
		api_close(out, 0);
	return rc;
}

uint16_t api_port(const struct api *a, size_t address)
{
	return http_port(a->server, address);
}

enum rc api_reload(struct api *a, struct err *e)
{
	return a->o.tls_certificate ? http_reload_tls(a->server, e) : RC_OK;
}

void api_close(struct api **api, uint32_t timeout_ms)
{
	struct api *a = *api;
	*api = NULL;
	if (!a)
		return;
	atomic_store(&a->stopping, true);
	stop_set(&a->ending, true);
	if (a->server)
		http_quiesce(a->server, timeout_ms);
	pthread_mutex_lock(&a->mu);
	a->closing = true;
	pthread_cond_signal(&a->wake);
	pthread_mutex_unlock(&a->mu);
	if (a->tender) // before the intake, which it feeds
		thread_join(&a->tender);
	workers_close(&a->workers);
	import_close(a);
	workers_close(&a->hook_workers);
	intake_close(&a->intake); // answers what waits for the disk
	hook_lines_free(&a->hook_lines);
	sandbox_close(&a->sandbox);
	http_close(&a->server);
	live_close(&a->live); // after its streams
	simulate_feed_close(&a->feed);
	mem_free(a->routes);
	pthread_cond_destroy(&a->wake);
	pthread_mutex_destroy(&a->mu);
	pthread_mutex_destroy(&a->edits);
	mem_free(a);
}
