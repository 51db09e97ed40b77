// SPDX-License-Identifier: Apache-2.0
// All routes: the one table that the server, the checks of rights and the OpenAPI document are made of.
#include "api/internal.h"

#define TRACK_BODY_MAX ((size_t)1 << 20)
#define DESIGN_BODY_MAX ((size_t)9 << 20) // a corridor file as a JSON text

static const struct api_param period_params[] = {
	{"from", "from this time on: 2026-03, 2026-03-29, or with a time of day, in the brand's zone", false,
		false},
	{"to", "to the end of this month, day or instant", false, false},
	{"where", "a filter; all must hold", false, true},
	{"bucket", "day, week, month, quarter or year; by the length of the period when left out", false,
		false},
	{NULL, NULL, false, false},
};
static const struct api_param page_params[] = {
	{"from", "from this time on", false, false},
	{"to", "to the end of this month, day or instant", false, false},
	{"where", "a filter; all must hold", false, true},
	{"limit", "at most so many, 500 at most", false, false},
	{"before", "“next” of the page before", false, false},
	{NULL, NULL, false, false},
};
static const struct api_param quarantine_params[] = {
	{"limit", "at most so many, 500 at most", false, false},
	{"before", "“next” of the page before", false, false},
	{"source", "of this source, as the groups name it", false, false},
	{"read_with", "read with this mapping, as the groups name it", false, false},
	{"reason", "for this reason, as the groups name it", false, false},
	{"file", "of this file, by its path or its name", false, false},
	{NULL, NULL, false, false},
};
static const struct api_param chosen_params[] = {
	{"id", "of this row; or of those that the following tell", false, false},
	{"source", "of this source, as the groups name it", false, false},
	{"read_with", "read with this mapping, as the groups name it", false, false},
	{"reason", "for this reason, as the groups name it", false, false},
	{"file", "of this file, by its path or its name", false, false},
	{NULL, NULL, false, false},
};
#define CHOSEN_ROWS                                                                                            \
	"which rows: {\"ids\": […]}, or any of “source”, “read_with”, “reason” and “file”, or {\"all\": true}"
static const struct api_param upload_params[] = {
	{"name", "the file's name: calls.csv, calls.csv.gz, log.xes", true, false},
	{NULL, NULL, false, false},
};
static const struct api_param limit_params[] = {
	{"limit", "at most so many, 500 at most", false, false},
	{NULL, NULL, false, false},
};
static const struct api_param journal_params[] = {
	{"customer", "those of a customer, by an identity (user:u-17) or the person's key", false, false},
	{"limit", "at most so many, 500 at most", false, false},
	{"before", "“next” of the page before", false, false},
	{NULL, NULL, false, false},
};
static const struct api_param search_params[] = {
	{"q", "part of an identity, or all of it", true, false},
	{NULL, NULL, false, false},
};
static const struct api_param version_params[] = {
	{"version", "its number; the one in force when left out", false, false},
	{NULL, NULL, false, false},
};

static const struct api_param query_params[] = {
	{"by", "group by these names, separated by commas; may be repeated", false, true},
	{"from", "from this time on: 2026-03, 2026-03-29, or with a time of day, in the brand's zone", false,
		false},
	{"to", "to the end of this month, day or instant", false, false},
	{"where", "a filter; all must hold", false, true},
	{"limit", "at most so many rows, the rest summed as other", false, false},
	{"format", "json or csv", false, false},
	{NULL, NULL, false, false},
};

// A row of Segment's specification, with its short form.
#define SEGMENT(long_path, short_path, wire)                                                                   \
	{HTTP_POST, long_path, AUTH_WRITE, RIGHT_LOOK, TRACK_BODY_MAX, false, false, wire, "tracking",         \
		"a message of the tracking protocol", track, NULL, "a message, see docs/tracking.md",          \
		"{\"success\":true} when it is durable"},                                                      \
	{                                                                                                      \
		HTTP_POST, short_path, AUTH_WRITE, RIGHT_LOOK, TRACK_BODY_MAX, false, false, wire, "tracking", \
			"the same, short", track, NULL, "a message", "{\"success\":true}"                      \
	}

#define TRACK(verb, route, wire, handler, what)                                                                \
	{                                                                                                      \
		verb, route, AUTH_WRITE, RIGHT_LOOK, TRACK_BODY_MAX, false, false, wire, "tracking", what,     \
			handler, NULL, "see docs/tracking.md", "200 when it is durable"                        \
	}

const struct api_row api_rows[] = {
	// Ways in.
	SEGMENT("/v1/track", "/v1/t", WIRE_SEGMENT_TRACK),
	SEGMENT("/v1/identify", "/v1/i", WIRE_SEGMENT_IDENTIFY),
	SEGMENT("/v1/page", "/v1/p", WIRE_SEGMENT_PAGE),
	SEGMENT("/v1/screen", "/v1/s", WIRE_SEGMENT_SCREEN),
	SEGMENT("/v1/group", "/v1/g", WIRE_SEGMENT_GROUP),
	SEGMENT("/v1/alias", "/v1/a", WIRE_SEGMENT_ALIAS),
	SEGMENT("/v1/batch", "/v1/b", WIRE_SEGMENT_BATCH),
	TRACK(HTTP_POST, "/v1/import", WIRE_SEGMENT_BATCH, track, "messages of the past"),
	TRACK(HTTP_POST, "/beacon/v1/batch", WIRE_SEGMENT_BATCH, track,
		"messages that a page sends while it is left"),
	TRACK(HTTP_GET, "/v1/projects/{key}/settings", 0, track_settings,
		"what Segment's browser SDK loads first"),
	TRACK(HTTP_GET, "/sourceConfig", 0, track_source_config, "what RudderStack's browser SDK loads first"),
	TRACK(HTTP_GET, "/sourceConfig/", 0, track_source_config, "the same"),
	TRACK(HTTP_POST, "/api/s/{type}", 0, track_jitsu, "Jitsu's browser SDK"),
	TRACK(HTTP_POST, "/api/s/s2s/{type}", 0, track_jitsu, "Jitsu's server SDK"),
	TRACK(HTTP_POST, "/batch", WIRE_POSTHOG, track, "PostHog's SDKs"),
	TRACK(HTTP_POST, "/batch/", WIRE_POSTHOG, track, "the same"),
	TRACK(HTTP_POST, "/com.snowplowanalytics.snowplow/tp2", WIRE_SNOWPLOW, track, "Snowplow's trackers"),
	TRACK(HTTP_GET, "/i", WIRE_SNOWPLOW_GET, track_pixel, "Snowplow's trackers, one event in the query"),
	TRACK(HTTP_POST, "/events", 0, track_cloudevent, "CloudEvents 1.0: binary, structured, batch"),
	TRACK(HTTP_POST, "/api/interactions", WIRE_NATIVE, track_native,
		"interactions as they are; every one that is not understood is named with its reason"),

	{HTTP_POST, "/hooks/{name}", AUTH_SIGNED, RIGHT_LOOK, HOOK_BODY_MAX, true, false, 0, "webhooks",
		"the body of a webhook, signed as it was set up", hook_receive, NULL, "JSON or a form",
		"{\"interactions\", \"rejected\"} when it is durable"},
	{HTTP_GET, "/hooks/{name}", AUTH_OPEN, RIGHT_LOOK, 0, false, false, 0, "webhooks",
		"the handshake of WebSub and Meta: hub.mode, hub.challenge, hub.verify_token", hook_verify,
		NULL, NULL, "the challenge"},

	// For those who run it.
	{HTTP_GET, "/healthz", AUTH_OPEN, RIGHT_LOOK, 0, false, false, 0, "operation", "is the process alive",
		health, NULL, NULL, "ok"},
	{HTTP_GET, "/readyz", AUTH_OPEN, RIGHT_LOOK, 0, true, false, 0, "operation", "can it answer questions",
		ready, NULL, NULL, "ready, or 503"},
	{HTTP_GET, "/metrics", AUTH_USER, RIGHT_SETTINGS, 0, true, false, 0, "operation",
		"metrics in Prometheus' text format", metrics, NULL, NULL, "text"},
	{HTTP_GET, "/api/openapi.json", AUTH_OPEN, RIGHT_LOOK, 0, false, false, 0, "operation", "this document",
		openapi, NULL, NULL, "OpenAPI 3.1"},

	// Signing in.
	{HTTP_GET, "/api/session", AUTH_OPEN, RIGHT_LOOK, 0, true, false, 0, "access",
		"who is signed in, and where", session_get, NULL, NULL, "user, rights, csrf"},
	{HTTP_POST, "/api/session", AUTH_OPEN, RIGHT_LOOK, 0, true, false, 0, "access", "sign in",
		session_begin, NULL, "{\"email\", \"password\"}", "{\"csrf\"} and a cookie"},
	{HTTP_DELETE, "/api/session", AUTH_USER, RIGHT_LOOK, 0, true, false, 0, "access", "sign out",
		session_end, NULL, NULL, "{}"},
	{HTTP_POST, "/api/setup", AUTH_OPEN, RIGHT_LOOK, 0, true, false, 0, "access",
		"make the first administrator", session_setup, NULL,
		"{\"token\", \"name\", \"email\", \"password\"}", "{\"csrf\"} and a cookie"},
	{HTTP_POST, "/api/setup/check", AUTH_OPEN, RIGHT_LOOK, 0, true, false, 0, "access",
		"is this set-up token good still", session_setup_check, NULL, "{\"token\"}", "{}"},
	{HTTP_POST, "/api/sign-in-link", AUTH_OPEN, RIGHT_LOOK, 0, true, false, 0, "access",
		"sign in with a one-time link", session_link, NULL, "{\"token\"}", "{\"csrf\"} and a cookie"},

	// Questions.
	{HTTP_GET, "/api/design", AUTH_USER, RIGHT_LOOK, 0, true, false, 0, "design",
		"the corridor as designed", design_get, NULL, NULL, "stages, touch points, expectations"},
	{HTTP_GET, "/api/analyses", AUTH_USER, RIGHT_LOOK, 0, true, false, 0, "questions",
		"all analyses with their parameters", analyses_get, NULL, NULL, "a list"},
	{HTTP_GET, "/api/query/{analysis}", AUTH_USER, RIGHT_ASK, 0, true, false, 0, "questions",
		"ask: the parameters are those of the analysis", query_get, query_params, NULL,
		"columns, rows, n, definition, period, notes"},
	{HTTP_GET, "/api/overview", AUTH_USER, RIGHT_LOOK, 0, true, false, 0, "questions",
		"the corridor map: every touch point's experience, volume and promises, with their course",
		overview_get, period_params, NULL, "touch points with expectations and trends"},
	{HTTP_GET, "/api/interactions", AUTH_USER, RIGHT_LOOK, 0, true, false, 0, "questions",
		"interactions, newest first; who it was and what was said only for those who may see persons",
		interactions_get, page_params, NULL, "items, next"},
	{HTTP_GET, "/api/persons/{person}", AUTH_USER, RIGHT_PERSONS, 0, true, false, 0, "questions",
		"a customer's story, by an identity (user:u-17) or the person's key", person_get, period_params,
		NULL, "identities and the answer of the analysis journey"},
	{HTTP_GET, "/api/search", AUTH_USER, RIGHT_PERSONS, 0, true, false, 0, "questions",
		"customers with such an identity, at most 20", search_get, search_params, NULL, "items"},
	{HTTP_POST, "/api/sql", AUTH_USER, RIGHT_SQL, 0, true, false, 0, "questions",
		"one SQL statement, reading only: interactions, promises, people", sql_post, NULL,
		"{\"sql\", \"limit\"}", "{\"columns\", \"rows\", \"truncated\", \"elapsed_ms\"}"},
	{HTTP_GET, "/api/live", AUTH_USER, RIGHT_LOOK, 0, false, false, 0, "live",
		"counts and new interactions as they come", live_stream, NULL, NULL, "server-sent events"},

	// Erasing and linking.
	{HTTP_POST, "/api/erase", AUTH_USER, RIGHT_ERASE, 0, true, false, 0, "identities",
		"erase persons, and all who are linked to them, or single interactions", persons_remove, NULL,
		"{\"customer\": \"user:4711\"} or {\"customers\": […]}, \"keep_quarantine\"; or "
		"{\"interactions\": "
		"[{\"source\", \"id\"}]}",
		"the receipt: {\"act\", \"entry\", \"persons\", \"interactions\", \"segments\", \"physical\", "
		"\"quarantine\"}"},
	{HTTP_POST, "/api/link", AUTH_USER, RIGHT_ERASE, 0, true, false, 0, "identities",
		"two identities are one person: the first's interactions belong to the second", persons_link,
		NULL, "{\"from\", \"to\"}", "the receipt; entry 0: they are linked already"},
	{HTTP_POST, "/api/unlink", AUTH_USER, RIGHT_ERASE, 0, true, false, 0, "identities",
		"undo a link: the identity is a person of its own again", persons_unlink, NULL,
		"{\"customer\"}: the identity that was linked", "the receipt"},
	{HTTP_GET, "/api/journal", AUTH_USER, RIGHT_ERASE, 0, true, false, 0, "identities",
		"erasures and links, newest first: what, when, by whom, whether it is in the bytes and, of a "
		"link, "
		"in force",
		journal_get, journal_params, NULL, "items, next"},

	// The corridor file.
	{HTTP_GET, "/api/design/text", AUTH_USER, RIGHT_LOOK, 0, true, false, 0, "design", "the corridor file",
		design_text_get, version_params, NULL, "{\"version\", \"text\"}"},
	{HTTP_GET, "/api/design/versions", AUTH_USER, RIGHT_LOOK, 0, true, false, 0, "design",
		"its versions, newest first", design_versions_get, NULL, NULL, "items"},
	{HTTP_POST, "/api/design/check", AUTH_USER, RIGHT_LOOK, DESIGN_BODY_MAX, true, true, 0, "design",
		"every mistake in a corridor file", design_check, NULL, "{\"text\"}", "problems"},
	{HTTP_POST, "/api/design/diff", AUTH_USER, RIGHT_DESIGN, DESIGN_BODY_MAX, true, true, 0, "design",
		"what a corridor file would change", design_compare, NULL, "{\"text\"}", "lines, changes"},
	{HTTP_POST, "/api/design", AUTH_USER, RIGHT_DESIGN, DESIGN_BODY_MAX, true, false, 0, "design",
		"put a corridor file in force and restate the past with it", design_publish, NULL, "{\"text\"}",
		"{\"version\", \"moved\"}"},

	// Files.
	{HTTP_POST, "/api/import/files", AUTH_USER, RIGHT_IMPORT, API_UPLOAD_BYTES, true, false, 0, "import",
		"send a file to be imported; the answer has its columns and a guessed mapping", import_upload,
		upload_params, "the file, as it is: CSV, NDJSON or XES, plain, gzip or zstd",
		"{\"file\", \"name\", \"bytes\", \"format\", \"mapping\", \"columns\"}"},
	{HTTP_POST, "/api/import/preview", AUTH_USER, RIGHT_IMPORT, DESIGN_BODY_MAX, true, true, 0, "import",
		"what a mapping makes of the first rows of a file that was sent", import_preview_post, NULL,
		"{\"file\", \"mapping\"}", "{\"problems\", \"rows\", \"items\", \"rejected\"}"},
	{HTTP_POST, "/api/import", AUTH_USER, RIGHT_IMPORT, DESIGN_BODY_MAX, true, false, 0, "import",
		"take in a file that was sent; one import runs, others wait", import_start, NULL,
		"{\"file\", \"mapping\", \"dry_run\"}", "{\"job\"}"},
	{HTTP_GET, "/api/import/jobs", AUTH_USER, RIGHT_IMPORT, 0, true, false, 0, "import",
		"imports, newest first", import_jobs_get, limit_params, NULL, "items"},
	{HTTP_GET, "/api/import/jobs/{job}", AUTH_USER, RIGHT_IMPORT, 0, true, false, 0, "import",
		"how far an import has come, and what became of the rows", import_job_get, NULL, NULL,
		"{\"state\", \"rows\", \"taken\", \"repeated\", \"rejected\", \"bytes_read\", \"bytes\", "
		"\"message\"}"},
	{HTTP_DELETE, "/api/import/jobs/{job}", AUTH_USER, RIGHT_IMPORT, 0, true, false, 0, "import",
		"cancel an import that waits or runs; what was taken in stays", import_job_cancel, NULL, NULL,
		"the import as it is now"},

	// What could not be understood.
	{HTTP_GET, "/api/quarantine", AUTH_USER, RIGHT_QUARANTINE, 0, true, false, 0, "quarantine",
		"what could not be understood, newest first", quarantine_get, quarantine_params, NULL,
		"items, next, total"},
	{HTTP_GET, "/api/quarantine/groups", AUTH_USER, RIGHT_QUARANTINE, 0, true, false, 0, "quarantine",
		"how many rows there are of each source, mapping and reason, newest first",
		quarantine_groups_get, NULL, NULL, "items, groups, total"},
	{HTTP_GET, "/api/quarantine/mapping", AUTH_USER, RIGHT_IMPORT, 0, true, false, 0, "quarantine",
		"the mapping that the newest of the chosen rows was read with; of a webhook its present one, "
		"or a guess when it is gone",
		quarantine_mapping_get, chosen_params, NULL,
		"{\"kind\": \"file\", \"webhook\" or \"tracking\", \"name\", \"mapping\", "
		"\"guessed\", \"header\"}"},
	{HTTP_POST, "/api/quarantine/preview", AUTH_USER, RIGHT_IMPORT, DESIGN_BODY_MAX, true, true, 0,
		"quarantine", "what a mapping makes of the first of the chosen rows; nothing is stored",
		quarantine_preview_post, NULL, CHOSEN_ROWS ", with “mapping” or “hook” as of a replay",
		"{\"rows\", \"understood\", \"empty\", \"interactions\", \"problems\", \"items\", "
		"\"rejected\"}"},
	{HTTP_POST, "/api/quarantine/replay", AUTH_USER, RIGHT_QUARANTINE, DESIGN_BODY_MAX, true, false, 0,
		"quarantine", "try again: with the mapping that the rows were read with, or another",
		quarantine_again, NULL,
		CHOSEN_ROWS "; “mapping”: the text of another mapping, or “hook”: the webhook whose mapping is "
			    "taken (both need the right “import”); “dry_run”: true to store nothing",
		"{\"taken\", \"empty\", \"rejected\", \"interactions\", \"repeated\", \"reasons\"}"},
	{HTTP_POST, "/api/quarantine/drop", AUTH_USER, RIGHT_QUARANTINE, 0, true, false, 0, "quarantine",
		"drop it", quarantine_remove, NULL, CHOSEN_ROWS, "{\"dropped\"}"},

	// Dashboards and shares.
	{HTTP_GET, "/api/dashboards", AUTH_USER, RIGHT_LOOK, 0, true, false, 0, "dashboards", "all dashboards",
		boards_get, NULL, NULL, "items"},
	{HTTP_POST, "/api/dashboards", AUTH_USER, RIGHT_SHARE, 0, true, false, 0, "dashboards",
		"a new dashboard", boards_add, NULL, "{\"title\", \"tiles\": [{\"title\", \"view\"}]}",
		"the dashboard"},
	{HTTP_PUT, "/api/dashboards/{dashboard}", AUTH_USER, RIGHT_SHARE, 0, true, false, 0, "dashboards",
		"its title and tiles anew", boards_set, NULL, "{\"title\", \"tiles\"}", "the dashboard"},
	{HTTP_DELETE, "/api/dashboards/{dashboard}", AUTH_USER, RIGHT_SHARE, 0, true, false, 0, "dashboards",
		"remove a dashboard", boards_remove, NULL, NULL, "{}"},
	{HTTP_GET, "/api/shares", AUTH_USER, RIGHT_SHARE, 0, true, false, 0, "dashboards",
		"links for people without an account", shares_get, NULL, NULL, "items"},
	{HTTP_POST, "/api/shares", AUTH_USER, RIGHT_SHARE, 0, true, false, 0, "dashboards",
		"a link to one page, to be read only, until it expires", shares_add, NULL,
		"{\"path\", \"title\", \"days\"}", "{\"url\", \"expires\"}"},
	{HTTP_DELETE, "/api/shares/{share}", AUTH_USER, RIGHT_SHARE, 0, true, false, 0, "dashboards",
		"end a link", shares_end, NULL, NULL, "{}"},
	{HTTP_POST, "/api/shares/open", AUTH_OPEN, RIGHT_LOOK, 0, true, false, 0, "dashboards",
		"open a link: what its page asks can be read with the header X-Share: TOKEN", shares_open, NULL,
		"{\"token\"}", "{\"path\", \"title\", \"last\", \"expires\"}"},

	// Who may do what.
	{HTTP_GET, "/api/users", AUTH_USER, RIGHT_USERS, 0, true, false, 0, "access", "all users", users_get,
		NULL, NULL, "items"},
	{HTTP_POST, "/api/users", AUTH_USER, RIGHT_USERS, 0, true, false, 0, "access", "a new user", users_add,
		NULL, "{\"name\", \"email\", \"role\", \"departments\"}",
		"{\"id\", \"link\"}: a one-time sign-in link"},
	{HTTP_PATCH, "/api/users/{user}", AUTH_USER, RIGHT_USERS, 0, true, false, 0, "access", "change a user",
		users_set, NULL, "what is to change", "the user"},
	{HTTP_DELETE, "/api/users/{user}", AUTH_USER, RIGHT_USERS, 0, true, false, 0, "access", "remove a user",
		users_remove, NULL, NULL, "{}"},
	{HTTP_POST, "/api/users/{user}/link", AUTH_USER, RIGHT_USERS, 0, true, false, 0, "access",
		"a one-time sign-in link, for a day", users_link, NULL, NULL, "{\"link\"}"},
	{HTTP_POST, "/api/password", AUTH_USER, RIGHT_LOOK, 0, true, false, 0, "access",
		"set one's own password; the present one is needed unless one came with a link", password_set,
		NULL, "{\"old\", \"password\"}", "{}"},
	{HTTP_GET, "/api/sessions", AUTH_USER, RIGHT_LOOK, 0, true, false, 0, "access",
		"one's own sessions, newest first", sessions_get, NULL, NULL, "items"},
	{HTTP_DELETE, "/api/sessions", AUTH_USER, RIGHT_LOOK, 0, true, false, 0, "access",
		"end all of one's own sessions but this one", sessions_end_others, NULL, NULL, "{}"},
	{HTTP_DELETE, "/api/sessions/{session}", AUTH_USER, RIGHT_LOOK, 0, true, false, 0, "access",
		"end one of one's own sessions", sessions_end, NULL, NULL, "{}"},
	{HTTP_GET, "/api/keys", AUTH_USER, RIGHT_KEYS, 0, true, false, 0, "access", "all keys", keys_get, NULL,
		NULL, "items"},
	{HTTP_POST, "/api/keys", AUTH_USER, RIGHT_KEYS, 0, true, false, 0, "access",
		"a new key; its text is told once", keys_add, NULL,
		"{\"kind\", \"name\", \"source\", \"origins\", \"links_email\", \"rights\", \"days\"}",
		"{\"id\", \"key\"}"},
	{HTTP_DELETE, "/api/keys/{key}", AUTH_USER, RIGHT_KEYS, 0, true, false, 0, "access", "revoke a key",
		keys_revoke, NULL, NULL, "{}"},
	{HTTP_GET, "/api/hooks", AUTH_USER, RIGHT_SETTINGS, 0, true, false, 0, "webhooks",
		"all webhooks, without their secrets; the styles of signatures", hooks_get, NULL, NULL,
		"items, styles"},
	{HTTP_POST, "/api/hooks", AUTH_USER, RIGHT_SETTINGS, 0, true, false, 0, "webhooks",
		"a new webhook; a secret that is made for it is told once", hooks_add, NULL,
		"{\"name\", \"mapping\", \"program\", \"style\", \"header\", \"secret\", \"window\", "
		"\"enabled\"}",
		"the webhook, \"secret\""},
	{HTTP_PATCH, "/api/hooks/{hook}", AUTH_USER, RIGHT_SETTINGS, 0, true, false, 0, "webhooks",
		"change a webhook; with a new secret the one before counts too until it is forgotten",
		hooks_set, NULL,
		"what is to change; \"new_secret\": make one; \"forget_secret\": the one before counts no more",
		"the webhook, \"secret\""},
	{HTTP_DELETE, "/api/hooks/{hook}", AUTH_USER, RIGHT_SETTINGS, 0, true, false, 0, "webhooks",
		"remove a webhook", hooks_remove, NULL, NULL, "{}"},
	{HTTP_POST, "/api/hooks/{hook}/test", AUTH_USER, RIGHT_SETTINGS, 4 * HOOK_BODY_MAX, true, false, 0,
		"webhooks", "what a body would become; nothing is stored", hooks_test, NULL,
		"{\"body\", \"mapping\", \"program\"}: the webhook's own when left out",
		"interactions, rejected, empty"},
	{HTTP_GET, "/api/sources", AUTH_USER, RIGHT_LOOK, 0, true, false, 0, "access",
		"where interactions come from", sources_get, NULL, NULL, "items"},
	{HTTP_GET, "/api/audit", AUTH_USER, RIGHT_AUDIT, 0, true, false, 0, "access",
		"who did what, newest first", audit_get, NULL, NULL, "items, next"},

	// Everything else is a page.
	{HTTP_GET, "/*", AUTH_OPEN, RIGHT_LOOK, 0, false, false, 0, "pages", "the web pages", page, NULL, NULL,
		"HTML"},
};
const size_t api_n_rows = sizeof(api_rows) / sizeof(api_rows[0]);
