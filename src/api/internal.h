// SPDX-License-Identifier: Apache-2.0
// What the files of api/ share: a route and its row of the table, a call, the server's state.
//
// A file per resource exports the handlers named here; routes.c is the one table of them. A handler returns RC_OK when
// it has written JSON into http_out(c->x), which is sent for it; API_ANSWERED when it has answered or will (the call may
// be gone by then); any other code becomes a problem document.
#ifndef CORRIDOR_API_INTERNAL_H
#define CORRIDOR_API_INTERNAL_H

#include "api/api.h"
#include "api/schema.h"
#include "base/json.h"
#include "listen/drop.h"
#include "listen/hook_line.h"
#include "listen/intake.h"
#include "listen/jobs.h"
#include "listen/listen.h"
#include "listen/mailbox.h"
#include "measure/measure.h"
#include "simulate/simulate.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>

#define API_ANSWERED RC_COUNT
#define API_PATH_BYTES 4096
#define HOOK_BODY_MAX ((size_t)1 << 20)
#define SHARE_HEADER "X-Share" // with the token of a share

enum api_auth {
	AUTH_OPEN,   // anybody
	AUTH_WRITE,  // a write key, checked by the handler
	AUTH_SIGNED, // a signature of the body, checked by the handler
	AUTH_USER,   // a user's session, or an API key, with the right
};

struct api_call;
typedef enum rc api_handler(struct api_call *c, struct err *e);

struct api_row {
	enum http_method method;
	const char *path;
	enum api_auth auth;
	enum right right; // of AUTH_USER
	size_t body_max;  // 0: the server's default
	bool slow;        // runs on a worker, not on the server's loop
	bool no_csrf; // AUTH_USER without the session's token: does not change anything, whatever the method
	int subject;  // for the handler: several rows may have the same
	const char *tag, *summary;
	api_handler *handle;
	const struct api_field
		*params;               // of the query; up to a name that is NULL; a list is given several times
	const struct api_schema *body; // NULL: none
	const struct api_schema *answer;
};
extern const struct api_row api_rows[];
extern const size_t api_n_rows;
// What stands in braces in paths; up to a name that is NULL.
extern const struct api_field api_path_params[];

struct live;
struct workers;
struct upload;

struct api {
	struct api_options o;
	const struct clock *clock;
	struct store *store;
	struct access *access;
	struct intake *intake;
	struct http_server *server;
	struct http_route *routes; // of api_rows
	struct workers *workers;
	struct workers *hook_workers; // so that webhooks and questions do not wait for each other
	struct hook_lines *hook_lines;
	struct sandbox *sandbox; // for the programs of webhooks
	struct live *live;
	struct jobs *jobs; // imports
	struct drop *drop; // NULL: no folder is watched
	struct mailbox_config *mailbox_config;
	struct mailbox *mailbox;    // NULL: none
	uint8_t cursor_key[16];     // hides persons in cursors, see interactions.c
	struct simulate_feed *feed; // NULL: nothing comes in by itself
	const struct design *feed_design;
	uint64_t feed_owed; // in parts of an interaction: TICKS_A_MINUTE make one
	struct thread *tender;
	pthread_mutex_t edits; // from looking what a thing is to changing it
	pthread_mutex_t mu;    // with wake: the tender's
	pthread_cond_t wake;
	bool closing;
	atomic_bool stopping;         // what takes long gives up
	volatile sig_atomic_t ending; // the same, for imports
	atomic_bool gathered;         // a handler of this turn delivered something: turned() passes it on
	atomic_uint n_sql;            // statements that run
	atomic_uint_fast64_t n_hooks_taken, n_hooks_refused;
	const char *acting; // under mu; what api_act_begin began
	int64_t started_ms;
};

struct api_call {
	struct api *api;
	struct http_exchange *x;
	const struct api_row *row;
	// AUTH_USER; user 0: a program with an API key.
	int64_t user, session, password_ms;
	const char *csrf;             // of the session
	bool by_link;                 // the session began with a link, and no password was set since
	enum role role;               // of the user
	const struct sv *departments; // that the user owns
	uint32_t n_departments;
	// Somebody without an account, with the token of a share; share: it, once share_check has found it. Else NULL.
	struct sv share_token;
	const struct access_share *share;
	struct access_actor actor;
	struct upload *upload; // of import_upload: where its body went
	bool tagged, fresh;    // the answer has its ETag; the asker has the answer
	bool stale;            // what was to be changed is not what If-Match names
	// The body, once body_check has found nothing wrong; for call_json, which takes the parser.
	struct json_parser *parser;
	struct json_node root;
	struct sv mistakes; // what body_check found, as JSON; SV_NONE: nothing
};

// --- api.c ---

// Answers for a handler that was called outside of it (workers, `done` of an intake).
// No-op for API_ANSWERED.
void api_finish(struct api_call *c, enum rc rc, struct err *e);
// Runs the call's handler, after a look at what its share allows.
enum rc api_run(struct api_call *c, struct err *e);
// Seconds of Retry-After with 429 or 503.
void api_retry_after(struct http_exchange *x, unsigned seconds);

// Acts that need the store for longer and only one of which may run: publishing, importing, replaying. RC_BUSY with what
// is running; `what` is told to others meanwhile and must outlive the act.
enum rc api_act_begin(struct api *a, const char *what, struct err *e);
void api_act_end(struct api *a);

// --- workers.c: threads for what takes long ---

// Starts the threads (0: as many as processors). RC_NOMEM: *out is NULL.
enum rc workers_open(unsigned threads, struct workers **out, struct err *e);
// Ends when all calls that were taken are answered. NULL is allowed.
void workers_close(struct workers **w);
// The call's handler is run by a worker, and answered. False: too many wait.
bool workers_take(struct workers *w, struct api_call *c);

// --- track.c ---

// Answers with what the intake said: 429 or 503 with Retry-After when sending it again may help.
void api_intake_problem(struct http_exchange *x, struct err *e);

// --- live.c: server-sent events ---

// Counts what is stored already. Errors of snapshot_open; *out is to be closed then, too.
enum rc live_open(struct api *a, struct live **out, struct err *e);
// After the intake and the server: nobody calls it any more. NULL is allowed.
void live_close(struct live **l);
// Hooks of the intake.
void live_committed(void *api, uint32_t n_added);
void live_sample(void *api, const struct interaction *x, const struct design *d);
// So many interactions are no longer in the store.
void live_erased(struct api *a, uint64_t n);
// To be called every tick: what came in is told then, the counts once a second.
void live_tick(struct live *l);
// Nothing more is told to whoever listens with that session.
void live_session_ended(struct live *l, int64_t session);
// Nor to the user in any session but that one.
void live_others_ended(struct live *l, int64_t user, int64_t keep_session);
// What is told of an interaction to everybody, as members of an object.
void live_members(struct json *j, const struct interaction *x, const struct design *d);

// --- uploads.c: files on their way to an import ---

// In admit: where the body goes. False: it has answered.
bool upload_begin(struct api_call *c);
// The path of an uploaded file. RC_NOT_FOUND.
enum rc upload_find(struct api *a, struct sv token, char path[API_PATH_BYTES], struct err *e);
// The file is no longer needed; paths elsewhere are left alone.
void upload_done(struct api *a, struct sv path);
// Removes what nobody wanted for days, and at the start what was never received to its end.
void uploads_sweep(struct api *a, bool starting);
// An error tells people the file's name, not the place where we keep it.
void upload_name_error(struct sv path, struct sv name, struct err *e);

// --- import.c ---

// Opens a->jobs, and what brings files by itself.
enum rc import_open(struct api *a, struct err *e);
// NULL members are allowed.
void import_close(struct api *a);

// --- etag.c ---

enum { ETAG_HASH_BYTES = 16, ETAG_BYTES = 2 * ETAG_HASH_BYTES + 3 };
// What an ETag is made of, part by part; `what`: of which kind of thing.
struct etag {
	crypto_generichash_state state;
};
struct etag etag_begin(const char *what);
void etag_add(struct etag *t, struct sv part);
void etag_add_number(struct etag *t, int64_t number);
// With its quotes; t is used up.
struct sv etag_end(struct etag *t, char out[ETAG_BYTES]);
// Has the answer of this route an ETag; does it take If-Match?
bool etag_is_told(const struct api_row *row);
bool etag_is_asked(const struct api_row *row);
// The answer's ETag, t being all that the answer depends on. True: the asker has it, and the handler returns RC_OK at once.
bool etag_answer(struct api_call *c, struct etag *t);
// The same of http_out, if the handler has not said otherwise. For api_finish.
void etag_answer_bytes(struct api_call *c);
// May a thing that is now at t be changed? RC_EXISTS: If-Match names another state; becomes 412. `what` is told, “the dashboard”.
// Ask and change under api.edits.
enum rc etag_match(struct api_call *c, struct etag *t, const char *what, struct err *e);
// Of a version of the corridor file: as text, as JSON and to publish another after it.
struct etag etag_of_design(int64_t version);

// --- helpers for handlers (call.c) ---

// The body as a JSON object, checked if the route has a table for it; free the parser with json_parser_free after use.
enum rc call_json(struct api_call *c, struct json_parser **parser, struct json_node *root, struct err *e);
// Begins the answer {"items": […: json_array_end ends the items, json_object_end the answer.
struct json call_items(struct api_call *c);
// Its member “next”, behind the items: the id before which the next page begins, as text; null if there is none.
void call_next(struct api_call *c, struct json *j, bool more, int64_t id);
// A member that must be a string (optional: SV_NONE when absent).
enum rc call_string(struct json_node object, const char *name, bool required, struct sv *out, struct err *e);
// A member that may be true or false; false when absent. given: is it there? May be NULL.
bool call_flag(struct json_node object, const char *name, bool *given);
// A number in the query; fallback when absent. RC_USAGE: not a whole number within min … max.
enum rc call_integer(struct api_call *c, const char *name, int64_t min, int64_t max, int64_t fallback,
	int64_t *out, struct err *e);
// A parameter of the path as a number. RC_NOT_FOUND when it is none.
enum rc call_id(struct api_call *c, const char *name, int64_t *out, struct err *e);
// Does `act` to the thing with the id that stands in the path under `name`, and answers with {}.
enum rc call_act(struct api_call *c, const char *name,
	enum rc (*act)(struct access *a, const struct access_actor *by, int64_t id, struct err *e),
	struct err *e);
// RC_DENIED: it is a program with a key who asks.
enum rc call_user(const struct api_call *c, struct err *e);
// from, to, where, by, limit of the query string as a question; other names become parameters of the analysis, those in
// `known` (up to NULL) are left alone. Lives in the call's arena.
enum rc call_query(struct api_call *c, struct query *q, const char *const *known, struct err *e);

// --- answer.c: cells of an answer, by the names of their columns ---

// NULL: there is no such row (-1) or column, or the cell is empty.
const struct cell *answer_cell(const struct result *r, int64_t row, const char *name);
struct sv answer_text(const struct result *r, int64_t row, const char *name);
double answer_number(const struct result *r, int64_t row, const char *name, double otherwise);

// The key of a program in the request; SV_NONE: there is none. (api.c)
struct sv bearer_of(struct http_exchange *x);

// --- body.c, bodies.c: what is sent ---

// Bounds that bodies are declared with, and handlers rely on.
enum {
	SQL_ROWS_MAX = 10000,
	ERASED_MAX = 1000, // persons, or interactions, of one request
	QUARANTINE_IDS_MAX = 10000,
	BOARD_TILES_MAX = 200,
	SHARE_DAYS_MAX = 366,
	KEY_DAYS_MAX = 36500
};
// Reads and checks the call's body by the table of its route, if there is one; call_json then gives what was read. RC_INPUT: the
// first mistake; c->mistakes has all.
enum rc body_check(struct api_call *c, struct err *e);
// Is every parameter of the query one of the route's, and given once unless it is a list? Analyses and routes without a user
// are left to their handlers. RC_USAGE.
enum rc params_check(struct api_call *c, struct err *e);
extern const struct api_schema body_session, body_setup, body_token, body_password, body_sql, body_erase,
	body_link, body_unlink, body_design, body_import_preview, body_import, body_rows, body_rows_preview,
	body_rows_replay, body_board, body_share, body_user, body_user_change, body_key, body_hook,
	body_hook_change, body_hook_test;
// Choices that answers have, too.
api_choices api_role_at, api_key_kind_at;
// Not checked: whoever takes them decides what they mean.
extern const struct api_schema body_segment, body_segment_batch, body_tracked, body_cloudevent, body_native,
	body_hook_received, body_upload;

// --- replies.c: what is answered ---

extern const struct api_schema reply_analyses, reply_audit, reply_board, reply_boards, reply_design,
	reply_design_check, reply_design_diff, reply_design_text, reply_design_versions, reply_document,
	reply_dropped, reply_hook, reply_hook_received, reply_hook_tried, reply_hooks, reply_import_preview,
	reply_interactions, reply_job, reply_job_begun, reply_jobs, reply_journal, reply_key_made, reply_keys,
	reply_native, reply_native_refused, reply_nothing, reply_outcome, reply_overview, reply_page,
	reply_person, reply_problem, reply_published, reply_quarantine, reply_quarantine_groups,
	reply_quarantine_mapping, reply_quarantine_preview, reply_query, reply_receipt, reply_search,
	reply_segment, reply_session, reply_sessions, reply_settings, reply_share_made, reply_share_opened,
	reply_shares, reply_signed_in, reply_sources, reply_sql, reply_stream, reply_plain, reply_tracked,
	reply_upload, reply_user, reply_user_link, reply_user_made, reply_users;

// --- own.c: whose customers ---

enum told { TOLD_NONE, TOLD_OWN, TOLD_ALL };
// What may be told of single customers: nothing, what is of the caller's departments, everything.
enum told persons_told(const struct api_call *c);
// Is the name among them?
bool owns_department(const struct sv *departments, uint32_t n, struct sv name);
// Is the touch point (index in the design, or DESIGN_NONE) one of the caller's departments?
bool owns_touchpoint(const struct api_call *c, const struct design *d, uint32_t touchpoint);
// Adds the filter that leaves only these touch points.
enum rc own_narrow(struct api_call *c, const struct design *d, struct query *q, struct err *e);
// The same as a condition of a scan; it lives as long as the call.
enum rc own_predicate(struct api_call *c, const struct snapshot *sn, struct predicate *out, struct err *e);
// RC_DENIED: nothing may be told.
enum rc persons_denied(struct err *e);

// --- period.c ---

// Does the question keep to the periods that a page with this query (of its address) asks about? before: to as much time
// before its own.
bool period_kept(struct api_call *c, struct sv query, bool before);

// Did the session begin with a link, and was no password set since? Then a new one may be set without the present one, which
// may be forgotten. (session.c)
bool session_by_link(const struct access_session *session, const struct access_user *user);
// Has the user to choose a password before anything else? Without one the way in ends with the session. (session.c)
bool session_wants_password(const struct api *a, const struct access_user *user);
// Answers an attempt with a password that has to be made later: 429 after too many (RC_LIMIT), else 503. (session.c)
enum rc session_wait(struct api_call *c, int64_t retry_ms, const struct err *e);
// When the newest interaction was that is not in the future; now, if there is none. (session.c)
int64_t session_newest_ms(struct api *a);
// Undoes %-escapes and “+” of a query. SV_NONE: out of memory. (boards.c)
struct sv query_unescape(struct arena *a, struct sv text);

// May a share ask this? RC_DENIED: no, or it has expired. Sets c->share. (boards.c)
enum rc share_check(struct api_call *c, struct err *e);
// The touch point (index in the design) that the share is for, of which alone it is told; DESIGN_NONE: it is not for one, or
// the call is no share's. (boards.c)
uint32_t share_touchpoint(const struct api_call *c, const struct design *d);
// A person's key: 16 hexadecimal digits. False: it is none.
bool person_key_parse(struct sv text, uint64_t *out);
// A person's key, or an identity as "type:value". RC_NOT_FOUND: neither. (persons.c)
enum rc person_parse(struct sv text, uint64_t *person, struct err *e);

// Writes a line of the access log. (access_log.c)
void access_log(const struct http_log_line *line, void *context);

// --- resources ---

// subject: enum wire_kind.
api_handler track, track_cloudevent, track_jitsu, track_native, track_pixel, track_settings,
	track_source_config;
api_handler session_get, session_begin, session_end, session_setup, session_setup_check, session_link;
api_handler sessions_get, sessions_end, sessions_end_others;
api_handler health, ready, metrics, openapi, page, asset;
api_handler live_stream;
api_handler design_get, analyses_get, query_get, overview_get, interactions_get, person_get, search_get;
api_handler design_text_get, design_versions_get, design_check, design_compare, design_publish;
// The body of this one goes to a file.
api_handler import_upload;
api_handler import_preview_post, import_start, import_jobs_get, import_job_get, import_job_cancel;
api_handler quarantine_get, quarantine_groups_get, quarantine_mapping_get, quarantine_preview_post;
api_handler quarantine_again, quarantine_remove;
api_handler persons_remove, persons_link, persons_unlink, journal_get;
api_handler sql_post, sources_get;
api_handler boards_get, boards_add, boards_set, boards_remove, shares_get, shares_add, shares_end, shares_open;
api_handler hook_receive, hook_verify, hooks_get, hooks_add, hooks_set, hooks_remove, hooks_test;
api_handler users_get, users_add, users_set, users_remove, users_link, password_set, keys_get, keys_add,
	keys_revoke, audit_get;
// Any site's pages may call: the headers that say so, for a tracking route's answers and preflights.
void track_cors(struct http_exchange *x);

#endif
