// SPDX-License-Identifier: Apache-2.0
// All routes: the one table that the server, the checks of rights and the OpenAPI document are made of.
#include "api/internal.h"

#define TRACK_BODY_MAX ((size_t)1 << 20)
#define DESIGN_BODY_MAX ((size_t)9 << 20) // a corridor file as a JSON text

// --- parameters ---

static const char *bucket_at(size_t i)
{
	static const char *const names[] = {"day", "week", "month", "quarter", "year"};
	return i < sizeof(names) / sizeof(names[0]) ? names[i] : NULL;
}

static const char *format_at(size_t i)
{
	static const char *const names[] = {"json", "csv"};
	return i < 2 ? names[i] : NULL;
}

#define FROM                                                                                                   \
	{                                                                                                      \
		.name = "from", .what = API_STRING,                                                            \
		.help = "from this time on: a year, month, day or instant, in the brand's zone unless it has " \
			"an offset",                                                                           \
		.example = "2026-03-29"                                                                        \
	}
#define TO                                                                                                     \
	{                                                                                                      \
		.name = "to", .what = API_STRING,                                                              \
		.help = "to the end of this year, month or day, or to this instant", .example = "2026-03"      \
	}
#define WHERE                                                                                                  \
	{                                                                                                      \
		.name = "where", .what = API_STRING | API_LIST, .help = "filters; all must hold",              \
		.example = "touchpoint = invoice"                                                              \
	}
#define LIMIT(most)                                                                                            \
	{                                                                                                      \
		.name = "limit", .what = API_INTEGER, .help = "at most so many", .min = 1, .max = most         \
	}
#define BEFORE(kind) API_FIELD("before", kind, "“next” of the page before")
#define OF_ROWS                                                                                                \
	API_FIELD("source", API_STRING, "of this source, as the groups name it"),                              \
		API_FIELD("read_with", API_STRING, "read with this mapping, as the groups name it"),           \
		API_FIELD("reason", API_STRING, "for this reason, as the groups name it"),                     \
		API_FIELD("file", API_STRING, "of this file, by its path or its name")

static const struct api_field period_params[] = {FROM, TO, WHERE,
	{.name = "bucket",
		.what = API_STRING,
		.help = "by the length of the period when left out",
		.choices = bucket_at},
	API_END};
static const struct api_field story_params[] = {FROM, TO, WHERE, API_END};
static const struct api_field page_params[] = {FROM, TO, WHERE, LIMIT(500), BEFORE(API_STRING), API_END};
static const struct api_field quarantine_params[] = {LIMIT(500), BEFORE(API_INTEGER), OF_ROWS, API_END};
static const struct api_field chosen_params[] = {
	API_FIELD("id", API_INTEGER, "of this row; or of those that the following tell"), OF_ROWS, API_END};
static const struct api_field upload_params[] = {{.name = "name",
							 .what = API_STRING | API_REQUIRED,
							 .help = "the file's name",
							 .example = "calls.csv.gz"},
	API_END};
static const struct api_field jobs_params[] = {LIMIT(500), BEFORE(API_INTEGER), API_END};
static const struct api_field journal_params[] = {
	{.name = "customer",
		.what = API_STRING,
		.help = "those of a customer, by an identity or the person's key",
		.example = "user:u-17"},
	LIMIT(500), BEFORE(API_INTEGER), API_END};
static const struct api_field audit_params[] = {
	{.name = "what", .what = API_STRING, .help = "acts that begin like this", .example = "user."},
	API_FIELD("who", API_STRING, "by whom"), LIMIT(1000), BEFORE(API_INTEGER), API_END};
static const struct api_field search_params[] = {
	API_FIELD("q", API_STRING | API_REQUIRED, "part of an identity, at least 2 characters, or all of it"),
	LIMIT(100), API_FIELD("after", API_STRING, "“next” of the page before"), API_END};
static const struct api_field version_params[] = {{.name = "version",
							  .what = API_INTEGER,
							  .help = "its number; the one in force when left out",
							  .min = 1,
							  .max = UINT32_MAX},
	API_END};
static const struct api_field query_params[] = {
	API_FIELD("by", API_STRING | API_LIST,
		"group by these names, separated by commas or given several times"),
	FROM, TO, WHERE,
	{.name = "limit",
		.what = API_INTEGER,
		.help = "at most so many rows, the rest summed as other; 0: all",
		.min = 0,
		.max = UINT32_MAX},
	{.name = "format", .what = API_STRING, .help = "json when left out", .choices = format_at}, API_END};

const struct api_field api_path_params[] = {
	API_FIELD("type", API_STRING, "of the message: track, identify, page …"),
	API_FIELD("write_key", API_STRING, "a write key"), API_FIELD("name", API_STRING, "of the webhook"),
	API_FIELD("hook", API_STRING, "its name"),
	{.name = "person",
		.what = API_STRING,
		.help = "an identity, or the person's key of 16 digits",
		.example = "user:u-17"},
	API_FIELD("job", API_INTEGER, "the number of the import"),
	API_FIELD("dashboard", API_INTEGER, "its id"), API_FIELD("share", API_INTEGER, "its id"),
	API_FIELD("user", API_INTEGER, "the user's id"), API_FIELD("session", API_INTEGER, "its id"),
	API_FIELD("key", API_INTEGER, "its id"), API_END};

// --- routes ---

// A row of Segment's specification, with its short form.
#define SEGMENT(long_path, short_path, wire, body)                                                             \
	{HTTP_POST, long_path, AUTH_WRITE, RIGHT_LOOK, TRACK_BODY_MAX, false, false, wire, "tracking",         \
		"a message of the tracking protocol", track, NULL, body, &reply_segment},                      \
	{                                                                                                      \
		HTTP_POST, short_path, AUTH_WRITE, RIGHT_LOOK, TRACK_BODY_MAX, false, false, wire, "tracking", \
			"the same, short", track, NULL, body, &reply_segment                                   \
	}

#define TRACK(verb, route, wire, handler, body, answer, what)                                                  \
	{                                                                                                      \
		verb, route, AUTH_WRITE, RIGHT_LOOK, TRACK_BODY_MAX, false, false, wire, "tracking", what,     \
			handler, NULL, body, answer                                                            \
	}

const struct api_row api_rows[] = {
	// Ways in.
	SEGMENT("/v1/track", "/v1/t", WIRE_SEGMENT_TRACK, &body_segment),
	SEGMENT("/v1/identify", "/v1/i", WIRE_SEGMENT_IDENTIFY, &body_segment),
	SEGMENT("/v1/page", "/v1/p", WIRE_SEGMENT_PAGE, &body_segment),
	SEGMENT("/v1/screen", "/v1/s", WIRE_SEGMENT_SCREEN, &body_segment),
	SEGMENT("/v1/group", "/v1/g", WIRE_SEGMENT_GROUP, &body_segment),
	SEGMENT("/v1/alias", "/v1/a", WIRE_SEGMENT_ALIAS, &body_segment),
	SEGMENT("/v1/batch", "/v1/b", WIRE_SEGMENT_BATCH, &body_segment_batch),
	TRACK(HTTP_POST, "/v1/import", WIRE_SEGMENT_BATCH, track, &body_segment_batch, &reply_segment,
		"messages of the past"),
	TRACK(HTTP_POST, "/beacon/v1/batch", WIRE_SEGMENT_BATCH, track, &body_segment_batch, &reply_segment,
		"messages that a page sends while it is left"),
	TRACK(HTTP_GET, "/v1/projects/{write_key}/settings", 0, track_settings, NULL, &reply_settings,
		"what Segment's browser SDK loads first"),
	TRACK(HTTP_GET, "/sourceConfig", 0, track_source_config, NULL, &reply_settings,
		"what RudderStack's browser SDK loads first"),
	TRACK(HTTP_GET, "/sourceConfig/", 0, track_source_config, NULL, &reply_settings, "the same"),
	TRACK(HTTP_POST, "/api/s/{type}", 0, track_jitsu, &body_segment, &reply_tracked, "Jitsu's browser SDK"),
	TRACK(HTTP_POST, "/api/s/s2s/{type}", 0, track_jitsu, &body_segment, &reply_tracked,
		"Jitsu's server SDK"),
	TRACK(HTTP_POST, "/batch", WIRE_POSTHOG, track, &body_tracked, &reply_tracked, "PostHog's SDKs"),
	TRACK(HTTP_POST, "/batch/", WIRE_POSTHOG, track, &body_tracked, &reply_tracked, "the same"),
	TRACK(HTTP_POST, "/com.snowplowanalytics.snowplow/tp2", WIRE_SNOWPLOW, track, &body_tracked,
		&reply_tracked, "Snowplow's trackers"),
	TRACK(HTTP_GET, "/i", WIRE_SNOWPLOW_GET, track_pixel, NULL, &reply_tracked,
		"Snowplow's trackers, one event in the query"),
	TRACK(HTTP_POST, "/events", 0, track_cloudevent, &body_cloudevent, &reply_tracked,
		"CloudEvents 1.0: binary, structured, batch"),
	TRACK(HTTP_POST, "/api/interactions", WIRE_NATIVE, track_native, &body_native, &reply_native,
		"interactions as they are; every one that is not understood is named with its reason"),

	{HTTP_POST, "/hooks/{name}", AUTH_SIGNED, RIGHT_LOOK, HOOK_BODY_MAX, true, false, 0, "webhooks",
		"the body of a webhook, signed as it was set up", hook_receive, NULL, &body_hook_received,
		&reply_hook_received},
	{HTTP_GET, "/hooks/{name}", AUTH_OPEN, RIGHT_LOOK, 0, false, false, 0, "webhooks",
		"the handshake of WebSub and Meta: hub.mode, hub.challenge, hub.verify_token", hook_verify,
		NULL, NULL, &reply_plain},

	// For those who run it.
	{HTTP_GET, "/healthz", AUTH_OPEN, RIGHT_LOOK, 0, false, false, 0, "operation", "is the process alive",
		health, NULL, NULL, &reply_plain},
	{HTTP_GET, "/readyz", AUTH_OPEN, RIGHT_LOOK, 0, true, false, 0, "operation", "can it answer questions",
		ready, NULL, NULL, &reply_plain},
	{HTTP_GET, "/metrics", AUTH_USER, RIGHT_SETTINGS, 0, true, false, 0, "operation",
		"metrics in Prometheus' text format", metrics, NULL, NULL, &reply_plain},
	{HTTP_GET, "/api/openapi.json", AUTH_OPEN, RIGHT_LOOK, 0, false, false, 0, "operation", "this document",
		openapi, NULL, NULL, &reply_document},

	// Signing in.
	{HTTP_GET, "/api/session", AUTH_OPEN, RIGHT_LOOK, 0, true, false, 0, "access",
		"who is signed in, and where", session_get, NULL, NULL, &reply_session},
	{HTTP_POST, "/api/session", AUTH_OPEN, RIGHT_LOOK, 0, true, false, 0, "access", "sign in",
		session_begin, NULL, &body_session, &reply_signed_in},
	{HTTP_DELETE, "/api/session", AUTH_USER, RIGHT_LOOK, 0, true, false, 0, "access", "sign out",
		session_end, NULL, NULL, &reply_nothing},
	{HTTP_POST, "/api/setup", AUTH_OPEN, RIGHT_LOOK, 0, true, false, 0, "access",
		"make the first administrator", session_setup, NULL, &body_setup, &reply_signed_in},
	{HTTP_POST, "/api/setup/check", AUTH_OPEN, RIGHT_LOOK, 0, true, false, 0, "access",
		"is this set-up token good still", session_setup_check, NULL, &body_token, &reply_nothing},
	{HTTP_POST, "/api/sign-in-link", AUTH_OPEN, RIGHT_LOOK, 0, true, false, 0, "access",
		"sign in with a one-time link", session_link, NULL, &body_token, &reply_signed_in},

	// Questions.
	{HTTP_GET, "/api/design", AUTH_USER, RIGHT_LOOK, 0, true, false, 0, "design",
		"the corridor as designed", design_get, NULL, NULL, &reply_design},
	{HTTP_GET, "/api/analyses", AUTH_USER, RIGHT_LOOK, 0, true, false, 0, "questions",
		"all analyses with their parameters", analyses_get, NULL, NULL, &reply_analyses},
	{HTTP_GET, "/api/query/{analysis}", AUTH_USER, RIGHT_ASK, 0, true, false, 0, "questions",
		"ask: the parameters are those of the analysis", query_get, query_params, NULL, &reply_query},
	{HTTP_GET, "/api/overview", AUTH_USER, RIGHT_LOOK, 0, true, false, 0, "questions",
		"the corridor map: every touch point's experience, volume and promises, with their course",
		overview_get, period_params, NULL, &reply_overview},
	{HTTP_GET, "/api/interactions", AUTH_USER, RIGHT_LOOK, 0, true, false, 0, "questions",
		"interactions, newest first; who it was and what was said only for those who may see persons",
		interactions_get, page_params, NULL, &reply_interactions},
	{HTTP_GET, "/api/persons/{person}", AUTH_USER, RIGHT_PERSONS, 0, true, false, 0, "questions",
		"a customer's story, by an identity (user:u-17) or the person's key", person_get, story_params,
		NULL, &reply_person},
	{HTTP_GET, "/api/search", AUTH_USER, RIGHT_PERSONS, 0, true, false, 0, "questions",
		"customers with such an identity, 20 unless told; a page may have fewer and yet a next one, as "
		"looking ends after 1.5 s",
		search_get, search_params, NULL, &reply_search},
	{HTTP_POST, "/api/sql", AUTH_USER, RIGHT_SQL, 0, true, false, 0, "questions",
		"one SQL statement, reading only: interactions, promises, people", sql_post, NULL, &body_sql,
		&reply_sql},
	{HTTP_GET, "/api/live", AUTH_USER, RIGHT_LOOK, 0, false, false, 0, "live",
		"counts and new interactions as they come", live_stream, NULL, NULL, &reply_stream},

	// Erasing and linking.
	{HTTP_POST, "/api/erase", AUTH_USER, RIGHT_ERASE, 0, true, false, 0, "identities",
		"erase persons, and all who are linked to them, or single interactions", persons_remove, NULL,
		&body_erase, &reply_receipt},
	{HTTP_POST, "/api/link", AUTH_USER, RIGHT_ERASE, 0, true, false, 0, "identities",
		"two identities are one person: the first's interactions belong to the second", persons_link,
		NULL, &body_link, &reply_receipt},
	{HTTP_POST, "/api/unlink", AUTH_USER, RIGHT_ERASE, 0, true, false, 0, "identities",
		"undo a link: the identity is a person of its own again", persons_unlink, NULL, &body_unlink,
		&reply_receipt},
	{HTTP_GET, "/api/journal", AUTH_USER, RIGHT_ERASE, 0, true, false, 0, "identities",
		"erasures and links, newest first: what, when, by whom, whether it is in the bytes and, of a "
		"link, "
		"in force",
		journal_get, journal_params, NULL, &reply_journal},

	// The corridor file.
	{HTTP_GET, "/api/design/text", AUTH_USER, RIGHT_LOOK, 0, true, false, 0, "design", "the corridor file",
		design_text_get, version_params, NULL, &reply_design_text},
	{HTTP_GET, "/api/design/versions", AUTH_USER, RIGHT_LOOK, 0, true, false, 0, "design",
		"its versions, newest first", design_versions_get, NULL, NULL, &reply_design_versions},
	{HTTP_POST, "/api/design/check", AUTH_USER, RIGHT_LOOK, DESIGN_BODY_MAX, true, true, 0, "design",
		"every mistake in a corridor file", design_check, NULL, &body_design, &reply_design_check},
	{HTTP_POST, "/api/design/diff", AUTH_USER, RIGHT_DESIGN, DESIGN_BODY_MAX, true, true, 0, "design",
		"what a corridor file would change", design_compare, NULL, &body_design, &reply_design_diff},
	{HTTP_POST, "/api/design", AUTH_USER, RIGHT_DESIGN, DESIGN_BODY_MAX, true, false, 0, "design",
		"put a corridor file in force and restate the past with it", design_publish, NULL, &body_design,
		&reply_published},

	// Files.
	{HTTP_POST, "/api/import/files", AUTH_USER, RIGHT_IMPORT, API_UPLOAD_BYTES, true, false, 0, "import",
		"send a file to be imported; the answer has its columns and a guessed mapping", import_upload,
		upload_params, &body_upload, &reply_upload},
	{HTTP_POST, "/api/import/preview", AUTH_USER, RIGHT_IMPORT, DESIGN_BODY_MAX, true, true, 0, "import",
		"what a mapping makes of the first rows of a file that was sent", import_preview_post, NULL,
		&body_import_preview, &reply_import_preview},
	{HTTP_POST, "/api/import", AUTH_USER, RIGHT_IMPORT, DESIGN_BODY_MAX, true, false, 0, "import",
		"take in a file that was sent; one import runs, others wait", import_start, NULL, &body_import,
		&reply_job_begun},
	{HTTP_GET, "/api/import/jobs", AUTH_USER, RIGHT_IMPORT, 0, true, false, 0, "import",
		"imports, newest first; the last thousand that are over are kept", import_jobs_get, jobs_params,
		NULL, &reply_jobs},
	{HTTP_GET, "/api/import/jobs/{job}", AUTH_USER, RIGHT_IMPORT, 0, true, false, 0, "import",
		"how far an import has come, and what became of the rows", import_job_get, NULL, NULL,
		&reply_job},
	{HTTP_DELETE, "/api/import/jobs/{job}", AUTH_USER, RIGHT_IMPORT, 0, true, false, 0, "import",
		"cancel an import that waits or runs; what was taken in stays", import_job_cancel, NULL, NULL,
		&reply_job},

	// What could not be understood.
	{HTTP_GET, "/api/quarantine", AUTH_USER, RIGHT_QUARANTINE, 0, true, false, 0, "quarantine",
		"what could not be understood, newest first", quarantine_get, quarantine_params, NULL,
		&reply_quarantine},
	{HTTP_GET, "/api/quarantine/groups", AUTH_USER, RIGHT_QUARANTINE, 0, true, false, 0, "quarantine",
		"how many rows there are of each source, mapping and reason, newest first",
		quarantine_groups_get, NULL, NULL, &reply_quarantine_groups},
	{HTTP_GET, "/api/quarantine/mapping", AUTH_USER, RIGHT_IMPORT, 0, true, false, 0, "quarantine",
		"the mapping that the newest of the chosen rows was read with; of a webhook its present one, "
		"or a guess when it is gone",
		quarantine_mapping_get, chosen_params, NULL, &reply_quarantine_mapping},
	{HTTP_POST, "/api/quarantine/preview", AUTH_USER, RIGHT_IMPORT, DESIGN_BODY_MAX, true, true, 0,
		"quarantine", "what a mapping makes of the first of the chosen rows; nothing is stored",
		quarantine_preview_post, NULL, &body_rows_preview, &reply_quarantine_preview},
	{HTTP_POST, "/api/quarantine/replay", AUTH_USER, RIGHT_QUARANTINE, DESIGN_BODY_MAX, true, false, 0,
		"quarantine", "try again: with the mapping that the rows were read with, or another",
		quarantine_again, NULL, &body_rows_replay, &reply_outcome},
	{HTTP_POST, "/api/quarantine/drop", AUTH_USER, RIGHT_IMPORT, 0, true, false, 0, "quarantine", "drop it",
		quarantine_remove, NULL, &body_rows, &reply_dropped},

	// Dashboards and shares.
	{HTTP_GET, "/api/dashboards", AUTH_USER, RIGHT_LOOK, 0, true, false, 0, "dashboards", "all dashboards",
		boards_get, NULL, NULL, &reply_boards},
	{HTTP_POST, "/api/dashboards", AUTH_USER, RIGHT_SHARE, 0, true, false, 0, "dashboards",
		"a new dashboard", boards_add, NULL, &body_board, &reply_board},
	{HTTP_PUT, "/api/dashboards/{dashboard}", AUTH_USER, RIGHT_SHARE, 0, true, false, 0, "dashboards",
		"its title and tiles anew", boards_set, NULL, &body_board, &reply_board},
	{HTTP_DELETE, "/api/dashboards/{dashboard}", AUTH_USER, RIGHT_SHARE, 0, true, false, 0, "dashboards",
		"remove a dashboard", boards_remove, NULL, NULL, &reply_nothing},
	{HTTP_GET, "/api/shares", AUTH_USER, RIGHT_SHARE, 0, true, false, 0, "dashboards",
		"links for people without an account", shares_get, NULL, NULL, &reply_shares},
	{HTTP_POST, "/api/shares", AUTH_USER, RIGHT_SHARE, 0, true, false, 0, "dashboards",
		"a link to one page, to be read only, until it expires", shares_add, NULL, &body_share,
		&reply_share_made},
	{HTTP_DELETE, "/api/shares/{share}", AUTH_USER, RIGHT_SHARE, 0, true, false, 0, "dashboards",
		"end a link", shares_end, NULL, NULL, &reply_nothing},
	{HTTP_POST, "/api/shares/open", AUTH_OPEN, RIGHT_LOOK, 0, true, false, 0, "dashboards",
		"open a link: what its page asks can be read with the header X-Share: TOKEN", shares_open, NULL,
		&body_token, &reply_share_opened},

	// Who may do what.
	{HTTP_GET, "/api/users", AUTH_USER, RIGHT_USERS, 0, true, false, 0, "access", "all users", users_get,
		NULL, NULL, &reply_users},
	{HTTP_POST, "/api/users", AUTH_USER, RIGHT_USERS, 0, true, false, 0, "access", "a new user", users_add,
		NULL, &body_user, &reply_user_made},
	{HTTP_PATCH, "/api/users/{user}", AUTH_USER, RIGHT_USERS, 0, true, false, 0, "access", "change a user",
		users_set, NULL, &body_user_change, &reply_user},
	{HTTP_DELETE, "/api/users/{user}", AUTH_USER, RIGHT_USERS, 0, true, false, 0, "access", "remove a user",
		users_remove, NULL, NULL, &reply_nothing},
	{HTTP_POST, "/api/users/{user}/link", AUTH_USER, RIGHT_USERS, 0, true, false, 0, "access",
		"a one-time sign-in link, for a day", users_link, NULL, NULL, &reply_user_link},
	{HTTP_POST, "/api/password", AUTH_USER, RIGHT_LOOK, 0, true, false, 0, "access",
		"set one's own password; the present one is needed unless one came with a link", password_set,
		NULL, &body_password, &reply_nothing},
	{HTTP_GET, "/api/sessions", AUTH_USER, RIGHT_LOOK, 0, true, false, 0, "access",
		"one's own sessions, newest first", sessions_get, NULL, NULL, &reply_sessions},
	{HTTP_DELETE, "/api/sessions", AUTH_USER, RIGHT_LOOK, 0, true, false, 0, "access",
		"end all of one's own sessions but this one", sessions_end_others, NULL, NULL, &reply_nothing},
	{HTTP_DELETE, "/api/sessions/{session}", AUTH_USER, RIGHT_LOOK, 0, true, false, 0, "access",
		"end one of one's own sessions", sessions_end, NULL, NULL, &reply_nothing},
	{HTTP_GET, "/api/keys", AUTH_USER, RIGHT_KEYS, 0, true, false, 0, "access", "all keys", keys_get, NULL,
		NULL, &reply_keys},
	{HTTP_POST, "/api/keys", AUTH_USER, RIGHT_KEYS, 0, true, false, 0, "access",
		"a new key; its text is told once", keys_add, NULL, &body_key, &reply_key_made},
	{HTTP_DELETE, "/api/keys/{key}", AUTH_USER, RIGHT_KEYS, 0, true, false, 0, "access", "revoke a key",
		keys_revoke, NULL, NULL, &reply_nothing},
	{HTTP_GET, "/api/hooks", AUTH_USER, RIGHT_SETTINGS, 0, true, false, 0, "webhooks",
		"all webhooks, without their secrets; the styles of signatures", hooks_get, NULL, NULL,
		&reply_hooks},
	{HTTP_POST, "/api/hooks", AUTH_USER, RIGHT_SETTINGS, 0, true, false, 0, "webhooks",
		"a new webhook; a secret that is made for it is told once", hooks_add, NULL, &body_hook,
		&reply_hook},
	{HTTP_PATCH, "/api/hooks/{hook}", AUTH_USER, RIGHT_SETTINGS, 0, true, false, 0, "webhooks",
		"change a webhook; with a new secret the one before counts too until it is forgotten",
		hooks_set, NULL, &body_hook_change, &reply_hook},
	{HTTP_DELETE, "/api/hooks/{hook}", AUTH_USER, RIGHT_SETTINGS, 0, true, false, 0, "webhooks",
		"remove a webhook", hooks_remove, NULL, NULL, &reply_nothing},
	{HTTP_POST, "/api/hooks/{hook}/test", AUTH_USER, RIGHT_SETTINGS, 4 * HOOK_BODY_MAX, true, false, 0,
		"webhooks", "what a body would become; nothing is stored", hooks_test, NULL, &body_hook_test,
		&reply_hook_tried},
	{HTTP_GET, "/api/sources", AUTH_USER, RIGHT_LOOK, 0, true, false, 0, "access",
		"where interactions come from", sources_get, NULL, NULL, &reply_sources},
	{HTTP_GET, "/api/audit", AUTH_USER, RIGHT_AUDIT, 0, true, false, 0, "access",
		"who did what, newest first", audit_get, audit_params, NULL, &reply_audit},

	// Everything else is a page.
	{HTTP_GET, "/*", AUTH_OPEN, RIGHT_LOOK, 0, false, false, 0, "pages", "the web pages", page, NULL, NULL,
		&reply_page},
};
const size_t api_n_rows = sizeof(api_rows) / sizeof(api_rows[0]);
