// SPDX-License-Identifier: Apache-2.0
// What can be sent: the fields of every body of the management API, which is checked by them, and what the ways in take.
#include "api/internal.h"

#include "access/hooks.h"
#include "listen/signature.h"

#define TEXT API_STRING
#define NEEDED (API_STRING | API_REQUIRED)
#define TEXTS (API_STRING | API_LIST)

// --- choices ---

const char *api_role_at(size_t i)
{
	return i < ROLE_COUNT ? role_info((enum role)i)->name : NULL;
}

const char *api_key_kind_at(size_t i)
{
	static const char *const names[] = {"write", "api"};
	return i < 2 ? names[i] : NULL;
}

static const char *style_at(size_t i)
{
	uint32_t n;
	const struct signature_style *styles = signature_styles(&n);
	return i < n ? styles[i].name : NULL;
}

// --- signing in ---

const struct api_schema body_session = {.name = "SignIn",
	.checked = true,
	.fields = (const struct api_field[]){API_FIELD("email", NEEDED, "the address of one's account"),
		API_FIELD("password", NEEDED, "one's password"), API_END}};

const struct api_schema body_setup = {.name = "SetUp",
	.checked = true,
	.fields = (const struct api_field[]){
		API_FIELD("token", NEEDED, "what `corridor serve` printed when it started"),
		API_FIELD("name", NEEDED, "the administrator's name"),
		API_FIELD("email", NEEDED, "the address to sign in with"),
		API_FIELD("password", NEEDED, "at least 10 characters"), API_END}};

const struct api_schema body_token = {.name = "Token",
	.checked = true,
	.fields = (const struct api_field[]){
		API_FIELD("token", NEEDED, "the end of the link's address"), API_END}};

const struct api_schema body_password = {.name = "PasswordChange",
	.checked = true,
	.fields = (const struct api_field[]){
		API_FIELD("old", TEXT, "the present one; not needed after a one-time link"),
		API_FIELD("password", NEEDED, "the new one, at least 10 characters"), API_END}};

// --- questions ---

const struct api_schema body_sql = {.name = "Statement",
	.checked = true,
	.fields = (const struct api_field[]){
		API_FIELD("sql", NEEDED, "one statement that reads, in SQLite's SQL"),
		{.name = "limit",
			.what = API_INTEGER,
			.help = "at most so many rows; 1000 when left out",
			.min = 1,
			.max = SQL_ROWS_MAX},
		API_END}};

// --- erasing and linking ---

static const struct api_schema interaction_name = {.name = "InteractionName",
	.checked = true,
	.fields = (const struct api_field[]){API_FIELD("source", NEEDED, "where it came from"),
		API_FIELD("id", NEEDED, "its id, unique within the source"), API_END}};

const struct api_schema body_erase = {.name = "Erasure",
	.help = "either persons or single interactions",
	.checked = true,
	.fields = (const struct api_field[]){
		{.name = "customer", .what = TEXT, .help = "an identity", .example = "user:4711"},
		{.name = "customers", .what = TEXTS, .help = "several identities", .items_max = ERASED_MAX},
		API_FIELD("keep_quarantine", API_BOOLEAN, "leave what names them in the quarantine"),
		{.name = "interactions",
			.what = API_OBJECT | API_LIST,
			.help = "single interactions, by {\"source\", \"id\"}",
			.of = &interaction_name,
			.items_max = ERASED_MAX},
		API_END}};

const struct api_schema body_link = {.name = "Link",
	.checked = true,
	.fields = (const struct api_field[]){
		{.name = "from", .what = NEEDED, .help = "an identity", .example = "anonymous:a-1"},
		{.name = "to",
			.what = NEEDED,
			.help = "the identity that its interactions shall belong to",
			.example = "user:4711"},
		API_END}};

const struct api_schema body_unlink = {.name = "Unlink",
	.checked = true,
	.fields = (const struct api_field[]){
		API_FIELD("customer", NEEDED, "the identity that was linked"), API_END}};

// --- the corridor file ---

const struct api_schema body_design = {.name = "CorridorFile",
	.checked = true,
	.fields = (const struct api_field[]){API_FIELD("text", NEEDED, "a corridor file (YAML)"), API_END}};

// --- files ---

#define FILE_TOKEN API_FIELD("file", NEEDED, "“file” of the answer to the upload")
#define FILE_MAPPING API_FIELD("mapping", NEEDED, "the text of a mapping (YAML)")

const struct api_schema body_import_preview = {.name = "ImportPreview",
	.checked = true,
	.fields = (const struct api_field[]){FILE_TOKEN, FILE_MAPPING, API_END}};

const struct api_schema body_import = {.name = "Import",
	.checked = true,
	.fields = (const struct api_field[]){
		FILE_TOKEN, FILE_MAPPING, API_FIELD("dry_run", API_BOOLEAN, "true to store nothing"), API_END}};

// --- the quarantine ---

#define CHOSEN_ROWS                                                                                            \
	{.name = "ids",                                                                                        \
		.what = API_INTEGER | API_LIST,                                                                \
		.help = "these rows",                                                                          \
		.items_max = QUARANTINE_IDS_MAX},                                                              \
		API_FIELD("source", TEXT, "rows of this source, as the groups name it"),                       \
		API_FIELD("read_with", TEXT, "rows read with this mapping, as the groups name it"),            \
		API_FIELD("reason", TEXT, "rows with this reason, as the groups name it"),                     \
		API_FIELD("file", TEXT, "rows of this file, by its path or its name"),                         \
		API_FIELD("all", API_BOOLEAN, "true: all rows")
#define WHICH "which rows: exactly one of “ids”; any of “source”, “read_with”, “reason” and “file”; “all”: true"
#define OTHER_MAPPING                                                                                          \
	API_FIELD("mapping", TEXT, "the text of another mapping to read them with"),                           \
		API_FIELD("hook", TEXT, "the webhook whose mapping they are read with instead")

const struct api_schema body_rows = {.name = "QuarantineChoice",
	.help = WHICH,
	.checked = true,
	.fields = (const struct api_field[]){CHOSEN_ROWS, API_END}};

const struct api_schema body_rows_preview = {.name = "QuarantinePreview",
	.help = WHICH "; “mapping” or “hook” as of a replay",
	.checked = true,
	.fields = (const struct api_field[]){CHOSEN_ROWS, OTHER_MAPPING, API_END}};

const struct api_schema body_rows_replay = {.name = "QuarantineReplay",
	.help = WHICH "; at most one of “mapping” and “hook”, which need the right “import”",
	.checked = true,
	.fields = (const struct api_field[]){CHOSEN_ROWS, OTHER_MAPPING,
		API_FIELD("dry_run", API_BOOLEAN, "true to store nothing"), API_END}};

// --- dashboards and shares ---

static const struct api_schema tile = {.name = "NewTile",
	.checked = true,
	.fields = (const struct api_field[]){API_FIELD("title", NEEDED, "what stands above it"),
		{.name = "view",
			.what = NEEDED,
			.help = "the path of a page, beginning with /",
			.example = "/journeys/funnel?step=order"},
		API_END}};

const struct api_schema body_board = {.name = "NewDashboard",
	.help = "as it was read it can be sent back with a change",
	.checked = true,
	.fields = (const struct api_field[]){API_FIELD("title", NEEDED, "its name"),
		{.name = "tiles",
			.what = API_OBJECT | API_LIST,
			.help = "its tiles in order; none when left out",
			.of = &tile,
			.items_max = BOARD_TILES_MAX},
		{.name = "id", .what = API_STRING | API_READ_ONLY},
		{.name = "who", .what = API_STRING | API_READ_ONLY},
		{.name = "etag", .what = API_STRING | API_READ_ONLY}, API_END}};

const struct api_schema body_share = {.name = "NewShare",
	.checked = true,
	.fields = (const struct api_field[]){{.name = "path",
						     .what = NEEDED,
						     .help = "the page, as its address has it",
						     .example = "/dashboards/3"},
		API_FIELD("title", NEEDED, "what it is called"),
		{.name = "days",
			.what = API_NUMBER | API_REQUIRED,
			.help = "it ends after so many",
			.min = 0,
			.max = SHARE_DAYS_MAX,
			.above_min = true},
		API_END}};

// --- users and keys ---

#define USER_FIELDS(needed)                                                                                    \
	API_FIELD("email", TEXT | needed, "the address that the user signs in with"),                          \
		API_FIELD("name", TEXT | needed, "how others see the user"),                                   \
		{.name = "role",                                                                               \
			.what = TEXT | needed,                                                                 \
			.help = "what the user may do",                                                        \
			.choices = api_role_at},                                                               \
	{                                                                                                      \
		.name = "departments", .what = TEXTS, .help = "of the corridor file, that the user owns",      \
		.items_max = ACCESS_DEPARTMENTS_MAX                                                            \
	}

const struct api_schema body_user = {.name = "NewUser",
	.checked = true,
	.fields = (const struct api_field[]){USER_FIELDS(API_REQUIRED),
		API_FIELD("password", TEXT, "at least 10 characters; chosen with the link when left out"),
		API_END}};

const struct api_schema body_user_change = {.name = "UserChange",
	.help = "what is to change",
	.checked = true,
	.fields = (const struct api_field[]){
		USER_FIELDS(0), API_FIELD("disabled", API_BOOLEAN, "true: cannot sign in"), API_END}};

const struct api_schema body_key = {.name = "NewKey",
	.checked = true,
	.fields = (const struct api_field[]){
		{.name = "kind",
			.what = TEXT,
			.help = "write: sends interactions (when left out); api: asks and manages",
			.choices = api_key_kind_at},
		API_FIELD("name", NEEDED, "what it is for"),
		API_FIELD("source", TEXT, "of a write key: where its interactions come from"),
		API_FIELD("key", TEXT, "of a write key: its text, instead of one that is made"),
		{.name = "origins",
			.what = TEXTS,
			.help = "of a write key: the sites whose pages may use it; none: all",
			.items_max = ACCESS_ORIGINS_MAX},
		API_FIELD("links_email", API_BOOLEAN,
			"of a write key: it is believed whose an e-mail address is"),
		{.name = "rights",
			.what = TEXT,
			.help = "of an API key: what it may do, separated by commas",
			.example = "look,ask"},
		{.name = "days",
			.what = API_NUMBER,
			.help = "it ends after so many; leave it out for a key that ends when it is revoked",
			.min = 0,
			.max = KEY_DAYS_MAX,
			.above_min = true},
		API_END}};

// --- webhooks ---

#define HOOK_FIELDS(needed)                                                                                    \
	API_FIELD("mapping", TEXT | needed, "the text of a mapping (YAML)"),                                   \
		API_FIELD("program", TEXT, "a jq program that bodies go through first"),                       \
		{.name = "style",                                                                              \
			.what = TEXT | needed,                                                                 \
			.help = "how the service signs",                                                       \
			.choices = style_at},                                                                  \
		API_FIELD("header", TEXT, "that holds the signature, if not the style's own"),                 \
		API_FIELD("secret", TEXT, "what the service signs with; one is made when left out"),           \
		{.name = "window",                                                                             \
			.what = API_INTEGER,                                                                   \
			.help = "seconds that a signature is good for",                                        \
			.min = 0,                                                                              \
			.max = HOOK_WINDOW_MAX_S},                                                             \
		API_FIELD("enabled", API_BOOLEAN, "false: everything is refused")

const struct api_schema body_hook = {.name = "NewHook",
	.checked = true,
	.fields = (const struct api_field[]){API_FIELD("name", NEEDED, "the end of its address, /hooks/NAME"),
		HOOK_FIELDS(API_REQUIRED), API_END}};

const struct api_schema body_hook_change = {.name = "HookChange",
	.help = "what is to change",
	.checked = true,
	.fields = (const struct api_field[]){HOOK_FIELDS(0),
		API_FIELD("new_secret", API_BOOLEAN, "true: make a new secret"),
		API_FIELD("forget_secret", API_BOOLEAN, "true: the secret before counts no more"), API_END}};

const struct api_schema body_hook_test = {.name = "HookTest",
	.checked = true,
	.fields = (const struct api_field[]){API_FIELD("body", NEEDED, "what the service would send"),
		API_FIELD("mapping", TEXT, "the webhook's own when left out"),
		API_FIELD("program", TEXT, "the webhook's own when both are left out"), API_END}};

// --- ways in: whoever takes them decides message by message ---

const struct api_schema body_segment = {.name = "SegmentMessage",
	.help = "a message of Segment's specification; docs/tracking.md says what becomes of it",
	.fields = (const struct api_field[]){
		API_FIELD("type", TEXT, "track, identify, page, screen, group or alias; in batches"),
		API_FIELD("event", TEXT, "of track: what happened"),
		API_FIELD("name", TEXT, "of page and screen"),
		API_FIELD("userId", API_STRING | API_INTEGER | API_NULL, "who it was"),
		API_FIELD("anonymousId", API_STRING | API_INTEGER | API_NULL, "or the visitor"),
		API_FIELD("previousId", API_STRING | API_INTEGER | API_NULL, "of alias"),
		API_FIELD("groupId", API_STRING | API_INTEGER | API_NULL, "of group"),
		API_FIELD("messageId", TEXT, "makes it count once, however often it is sent"),
		{.name = "timestamp",
			.what = API_STRING | API_INTEGER,
			.help = "when it happened: ISO 8601, or Unix seconds or milliseconds",
			.example = "2026-03-29T14:30:00+02:00"},
		API_FIELD("originalTimestamp", API_STRING | API_INTEGER, "when the call was made"),
		API_FIELD("sentAt", API_STRING | API_INTEGER,
			"when it was sent, by the same clock: its error is taken out"),
		API_FIELD("properties", API_OBJECT | API_NULL, "of track, page and screen"),
		API_FIELD("traits", API_OBJECT | API_NULL, "of identify and group"),
		API_FIELD("context", API_OBJECT | API_NULL, "page, campaign, device, locale …"),
		API_FIELD("writeKey", TEXT, "unless the Basic header has it"), API_END}};

const struct api_schema body_segment_batch = {.name = "SegmentBatch",
	.fields = (const struct api_field[]){{.name = "batch",
						     .what = API_OBJECT | API_LIST | API_REQUIRED,
						     .help = "messages, each with its “type”",
						     .of = &body_segment},
		API_FIELD("sentAt", API_STRING | API_INTEGER, "of all of them"),
		API_FIELD("context", API_OBJECT | API_NULL, "of all of them"),
		API_FIELD("writeKey", TEXT, "unless the Basic header has it"), API_END}};

const struct api_schema body_tracked = {
	.help = "as the SDK sends it; docs/tracking.md says what becomes of it"};

const struct api_schema body_cloudevent = {
	.help = "a CloudEvent 1.0: structured, a batch of them, or binary with its attributes in ce-… headers",
	.content = "application/cloudevents+json application/cloudevents-batch+json application/json"};

#define MAYBE (API_STRING | API_NULL)

static const struct api_schema native_identities = {.map = API_STRING};

static const struct api_schema native_identity_list = {.array = true,
	.fields = (const struct api_field[]){API_FIELD("type", NEEDED, "user, email, phone, card …"),
		API_FIELD("value", NEEDED, "who it was"), API_END}};

static const struct api_schema native_customer = {.name = "NewCustomer",
	.help = "identities by type, {\"user\": \"u-17\"}, or a list of them; the first decides who it was",
	.either = (const struct api_schema *const[]){&native_identities, &native_identity_list, NULL}};

static const struct api_schema native_measures = {.map = API_NUMBER | API_NULL};

static const struct api_schema native_made = {.closed = true,
	.fields = (const struct api_field[]){API_FIELD("id", NEEDED, "of a promise that is made"),
		API_FIELD("due", API_STRING | API_INTEGER | API_NULL, "a time, as “at”"), API_END}};

static const struct api_schema native_kept = {.closed = true,
	.fields = (const struct api_field[]){
		API_FIELD("keeps", NEEDED, "the id of the promise that is kept"), API_END}};

static const struct api_schema native_promise = {
	.name = "NewPromise", .either = (const struct api_schema *const[]){&native_made, &native_kept, NULL}};

static const struct api_schema native_item = {.name = "NewInteraction",
	.help = "strict: what is not known, or not of its kind, is refused with the reason",
	.closed = true,
	.fields = (const struct api_field[]){
		API_FIELD_OF("customer", API_OBJECT | API_REQUIRED, NULL, &native_customer),
		{.name = "at",
			.what = API_STRING | API_INTEGER | API_REQUIRED,
			.help = "a time with an offset, or Unix milliseconds",
			.example = "2026-03-29T14:30:00+02:00"},
		API_FIELD("event", NEEDED, "what happened"),
		API_FIELD("id", MAYBE, "unique within the source; made from the content when left out"),
		API_FIELD("channel", MAYBE, "one that the corridor file declares"),
		API_FIELD("source", MAYBE, "only as the key has it"),
		API_FIELD("agent", MAYBE, "who represented the brand"), API_FIELD("location", MAYBE, "where"),
		API_FIELD_OF("measures", API_OBJECT | API_NULL,
			"in the measure's unit: amounts in minor units, times in seconds", &native_measures),
		API_FIELD_OF("promise", API_OBJECT | API_NULL, "made or kept", &native_promise),
		API_FIELD("keeps", MAYBE, "the id of the promise that it kept"),
		API_FIELD("text", MAYBE, "what was said"),
		API_FIELD("properties", API_OBJECT | API_NULL, "only match rules and dimensions read them"),
		API_END}};

static const struct api_schema native_items = {.name = "NewInteractions",
	.closed = true,
	.fields = (const struct api_field[]){{.name = "interactions",
						     .what = API_OBJECT | API_LIST | API_REQUIRED,
						     .help = "several at a time",
						     .of = &native_item},
		API_END}};

const struct api_schema body_native = {
	.either = (const struct api_schema *const[]){&native_item, &native_items, NULL}};

const struct api_schema body_hook_received = {
	.help = "what the service sends, signed as the webhook was set up",
	.content = "application/json application/x-www-form-urlencoded"};

const struct api_schema body_upload = {.help = "the file, as it is: CSV, NDJSON or XES, plain, gzip or zstd",
	.content = "application/octet-stream"};
