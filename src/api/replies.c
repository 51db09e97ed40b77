// SPDX-License-Identifier: Apache-2.0
// What is answered: the fields of every answer of the management API. Nothing is checked by these here; tests/serve holds the
// server's answers to them, so that they stay true.
#include "api/internal.h"

enum {
	TEXT = API_STRING | API_REQUIRED,
	TEXT_OR_NULL = TEXT | API_NULL,
	TEXTS = TEXT | API_LIST,
	WHOLE = API_INTEGER | API_REQUIRED,
	NUMBER = API_NUMBER | API_REQUIRED,
	NUMBER_OR_NULL = NUMBER | API_NULL,
	NUMBERS = NUMBER_OR_NULL | API_LIST,
	TRUTH = API_BOOLEAN | API_REQUIRED,
	ONE = API_OBJECT | API_REQUIRED,
	ONE_OR_NULL = ONE | API_NULL,
	SOME = ONE | API_LIST
};

#define F API_FIELD
#define OF API_FIELD_OF
#define AT(name, help) API_FIELD(name, TEXT, help ": a time in the brand's zone, with its offset")
#define AT_OR_NULL(name, help) API_FIELD(name, TEXT_OR_NULL, help ": a time in the brand's zone; null: never")
#define ETAG F("etag", TEXT, "what it is now, for If-Match")
#define FIELDS(...)                                                                                            \
	(const struct api_field[])                                                                             \
	{                                                                                                      \
		__VA_ARGS__, API_END                                                                           \
	}

// A page, or all, of something.
#define LIST_OF(variable, title, item)                                                                         \
	const struct api_schema variable = {.name = title, .fields = FIELDS(OF("items", SOME, NULL, &(item)))}

// --- of all kinds ---

static const struct api_schema mistake = {.name = "Mistake",
	.fields = FIELDS(F("pointer", TEXT, "where in the body: a JSON pointer (RFC 6901)"),
		F("detail", TEXT, "what is wrong there"), F("remedy", TEXT, "what would be right"))};

const struct api_schema reply_problem = {.name = "Problem",
	.help = "a problem document (RFC 9457)",
	.content = "application/problem+json",
	.fields = FIELDS(F("type", TEXT, NULL), F("title", TEXT, "the status in words"),
		F("status", WHOLE, NULL), F("detail", API_STRING, "what is wrong, and what to do about it"),
		OF("errors", API_OBJECT | API_LIST, "of a body: every field that is wrong", &mistake))};

const struct api_schema reply_nothing = {.help = "done", .fields = (const struct api_field[]){API_END}};

const struct api_schema reply_plain = {.help = "text", .content = "text/plain"};
const struct api_schema reply_stream = {.help = "server-sent events", .content = "text/event-stream"};
const struct api_schema reply_page = {.help = "a page", .content = "text/html"};
const struct api_schema reply_tracked = {.help = "it is durable"};
const struct api_schema reply_settings = {.help = "what the SDK is set up with"};
const struct api_schema reply_document = {.help = "OpenAPI 3.1"};

const struct api_schema reply_segment = {
	.help = "it is durable", .fields = FIELDS(F("success", TRUTH, "true when it is durable"))};

static const struct api_schema native_problem = {
	.fields = FIELDS(F("index", WHOLE, "which one, from 0"), F("reason", TEXT, "why"))};

#define RECEIPT                                                                                                \
	F("accepted", WHOLE, NULL), F("rejected", WHOLE, NULL),                                                \
		OF("problems", SOME, "of those that were refused", &native_problem)

const struct api_schema reply_native = {.name = "NativeReceipt",
	.help = "it is durable; 207 when some were refused, 422 when all were",
	.fields = FIELDS(RECEIPT)};

const struct api_schema reply_native_refused = {.name = "NativeRefusal",
	.content = "application/problem+json",
	.help = "a problem (RFC 9457) that is a receipt as well",
	.fields = FIELDS(F("type", TEXT, "a URI, or about:blank"), F("title", TEXT, NULL),
		F("status", WHOLE, NULL), F("detail", TEXT, NULL), RECEIPT)};

const struct api_schema reply_hook_received = {.name = "HookReceipt",
	.help = "it is durable",
	.fields = FIELDS(F("interactions", WHOLE, "that it became"), F("rejected", WHOLE, "in quarantine"))};

// --- who is signed in ---

static const struct api_schema session_user = {
	.fields = FIELDS(F("id", WHOLE, NULL), F("name", TEXT, NULL), F("email", TEXT, NULL),
		API_FIELD_ONE("role", TEXT, NULL, api_role_at),
		F("password", TEXT, "wanted, optional, set, or reset: the present one need not be known"),
		F("rights", TEXTS, "what the user may do"), F("departments", TEXTS, "that the user owns"))};

static const struct api_schema session_data = {
	.fields = FIELDS(AT_OR_NULL("first", "the oldest interaction"), AT_OR_NULL("last", "the newest"),
		F("n", WHOLE, "interactions"))};

const struct api_schema reply_session = {.name = "Session",
	.help = "who is signed in, and where",
	.fields = FIELDS(OF("user", ONE_OR_NULL, NULL, &session_user),
		F("csrf", TEXT_OR_NULL, "for X-CSRF-Token"), F("setup", TRUTH, "there are no users yet"),
		F("brand", TEXT, NULL), F("timezone", TEXT, "IANA"), F("currency", TEXT, "ISO 4217"),
		F("version", TEXT, "of the program"),
		OF("data", API_OBJECT, "what there is; not told to strangers", &session_data))};

const struct api_schema reply_signed_in = {.name = "SignedIn",
	.help = "signed in: the answer sets the cookie",
	.fields = FIELDS(F("csrf", TEXT, "for X-CSRF-Token"))};

static const struct api_schema own_session = {.name = "OwnSession",
	.fields = FIELDS(F("id", WHOLE, NULL), F("current", TRUTH, "the one that asks"),
		F("way", TEXT, "password, link or set-up"), AT("began", "when one signed in"),
		AT("last_used", "when it was used last"), AT("expires", "when it ends"),
		F("address", TEXT_OR_NULL, NULL), F("agent", TEXT_OR_NULL, "the browser"))};
LIST_OF(reply_sessions, "OwnSessions", own_session);

// --- the corridor ---

static const struct api_schema stage = {.fields = FIELDS(F("key", TEXT, NULL), F("name", TEXT, NULL))};

static const struct api_schema expectation = {.name = "Expectation",
	.fields = FIELDS(F("key", TEXT, NULL), F("measure", TEXT, NULL), F("unit", TEXT, NULL),
		F("direction", TEXT, "at least, or at most"), F("target", NUMBER_OR_NULL, NULL),
		F("share", NUMBER_OR_NULL, "of interactions that meet it; null: the mean does"),
		F("scale", NUMBER_OR_NULL, "what a distance from the target is measured in"))};

static const struct api_schema touchpoint = {.name = "TouchPoint",
	.fields = FIELDS(F("key", TEXT, NULL), F("name", TEXT, NULL), F("stage", TEXT, NULL),
		F("owner", TEXT, "a department; empty: none"), F("systems", TEXTS, NULL),
		F("channels", TEXTS, NULL), F("importance", NUMBER, NULL), F("required", TRUTH, NULL),
		F("after", TEXTS, "touch points"), OF("expect", SOME, NULL, &expectation))};

static const struct api_schema channel = {
	.fields = FIELDS(F("key", TEXT, NULL),
		F("kind", TEXT, "digital, contact-centre, in-person, partner or public"))};

static const struct api_schema measure = {
	.fields = FIELDS(F("key", TEXT, NULL), F("unit", TEXT, NULL), F("min", NUMBER_OR_NULL, "null: open"),
		F("max", NUMBER_OR_NULL, "null: open"))};

const struct api_schema reply_design = {.name = "Corridor",
	.help = "the corridor as designed",
	.fields = FIELDS(F("version", WHOLE, NULL), F("brand", TEXT, NULL), F("timezone", TEXT, NULL),
		F("currency", TEXT, NULL), OF("stages", SOME, NULL, &stage),
		OF("touchpoints", SOME, NULL, &touchpoint), OF("channels", SOME, NULL, &channel),
		F("departments", TEXTS, NULL), OF("measures", SOME, NULL, &measure),
		F("dimensions", TEXTS, NULL))};

const struct api_schema reply_design_text = {.name = "DesignText",
	.help = "the corridor file",
	.fields = FIELDS(F("version", WHOLE, NULL), F("text", TEXT, "YAML"), ETAG)};

static const struct api_schema design_version = {.name = "DesignVersion",
	.fields = FIELDS(F("version", WHOLE, NULL), AT("at", "when it was published"),
		F("who", TEXT_OR_NULL, "who did"), F("hash", TEXT, "of its meaning"))};
LIST_OF(reply_design_versions, "DesignVersions", design_version);

static const struct api_schema design_problem = {.name = "TextProblem",
	.fields = FIELDS(F("line", WHOLE, "from 1; 0: none"), F("column", WHOLE, "from 1; 0: none"),
		F("message", TEXT, NULL), F("remedy", TEXT_OR_NULL, NULL),
		F("warning", API_BOOLEAN, "it can be published all the same"))};

const struct api_schema reply_design_check = {.name = "DesignCheck",
	.help = "every mistake",
	.fields = FIELDS(F("valid", TRUTH, NULL), OF("problems", SOME, NULL, &design_problem))};

static const struct api_schema design_change = {
	.fields = FIELDS(F("sign", TEXT, "+, - or ~"), F("text", TEXT, NULL),
		F("rescored", API_INTEGER, "past interactions held against another target"),
		F("unscored", API_INTEGER, "that are held against it no longer"),
		F("carried", API_INTEGER, "that it now holds for"))};

const struct api_schema reply_design_diff = {.name = "DesignDiff",
	.help = "what publishing would change",
	.fields = FIELDS(F("lines", TEXTS, "in words"), OF("changes", SOME, NULL, &design_change),
		F("moved", WHOLE, "past interactions"), F("interactions", WHOLE, "of so many"))};

const struct api_schema reply_published = {.name = "Published",
	.help = "it is in force",
	.fields = FIELDS(F("version", WHOLE, NULL), F("moved", WHOLE, "past interactions"))};

// --- questions ---

static const struct api_schema column = {.name = "Column",
	.fields = FIELDS(F("name", TEXT, "the member of the rows"), F("title", TEXT, "heading of a table"),
		F("type", TEXT, "text, count, number, ratio, time or seconds"),
		F("unit", TEXT, "“unit”: the row's column of that name tells it"),
		F("help", TEXT_OR_NULL, NULL), F("decimals", API_INTEGER, "in tables"))};

static const struct api_schema param = {.name = "Parameter",
	.fields = FIELDS(F("name", TEXT, NULL),
		F("type", TEXT, "text, number, integer, flag, choice, duration, time or filter"),
		F("default", TEXT_OR_NULL, NULL), F("choices", TEXTS, NULL), F("min", NUMBER_OR_NULL, NULL),
		F("max", NUMBER_OR_NULL, NULL), F("help", TEXT, NULL), F("required", TRUTH, NULL),
		F("repeated", TRUTH, "may be given several times"))};

const struct api_schema reply_analyses = {.name = "Analysis",
	.help = "all analyses",
	.array = true,
	.fields = FIELDS(F("name", TEXT, NULL), F("summary", TEXT, NULL), F("definition", TEXT, NULL),
		F("chart", TEXT_OR_NULL, "its picture"), F("example", TEXT_OR_NULL, NULL),
		F("by_touchpoint", TRUTH, "its rows are of touch points"), OF("params", SOME, NULL, &param),
		OF("columns", SOME, NULL, &column))};

static const struct api_schema period = {.name = "Period",
	.fields = FIELDS(F("from", TEXT_OR_NULL, "from this time on; null: open"),
		F("to", TEXT_OR_NULL, "before this time; null: open"))};

#define FRAME                                                                                                  \
	OF("period", ONE, NULL, &period), F("where", TEXTS, "filters"), F("timezone", TEXT, NULL),             \
		F("currency", TEXT, NULL), F("definition", TEXT, "how the numbers are made, with the source"), \
		F("notes", TEXTS, "what to know when reading them")

static const struct api_schema row_of_cells = {
	.name = "Row", .help = "a cell for each column", .map = API_STRING | API_NUMBER | API_NULL};

const struct api_schema reply_query = {.name = "Answer",
	.help = "the answer of an analysis",
	.content = "application/json text/csv",
	.fields = FIELDS(F("analysis", TEXT, NULL), OF("columns", SOME, NULL, &column),
		OF("rows", SOME, "by the columns' names", &row_of_cells),
		F("n", WHOLE, "interactions that it is made of"), FRAME)};

#define PERSON                                                                                                 \
	F("key", TEXT, "16 digits"), F("identities", TEXTS, "the first names the customer"),                   \
		AT_OR_NULL("first", "the first interaction"), AT_OR_NULL("last", "the last"),                  \
		F("n", WHOLE, "interactions")

const struct api_schema reply_person = {.name = "Story",
	.help = "a customer's story",
	.fields = FIELDS(PERSON, F("definition", TEXT, NULL),
		OF("story", ONE, "of the analysis journey", &reply_query))};

static const struct api_schema found_person = {.name = "Person", .fields = FIELDS(PERSON)};

const struct api_schema reply_search = {.name = "Found",
	.fields = FIELDS(OF("items", SOME, NULL, &found_person), F("truncated", TRUTH, "there may be more"),
		F("next", TEXT_OR_NULL, "“after” of the next page; null: there is none"))};

static const struct api_schema interaction = {.name = "Interaction",
	.fields = FIELDS(AT("at", "when it happened"), F("touchpoint", TEXT_OR_NULL, "null: unmatched"),
		F("stage", TEXT_OR_NULL, NULL), F("channel", TEXT_OR_NULL, NULL),
		F("event", TEXT_OR_NULL, NULL), F("source", TEXT_OR_NULL, NULL), F("agent", TEXT_OR_NULL, NULL),
		F("location", TEXT_OR_NULL, NULL),
		F("measures", API_NUMBER | API_NULL | API_MAP | API_REQUIRED, "by name, in the measure's unit"),
		F("id", TEXT_OR_NULL, "unique within the source"),
		F("person", API_STRING, "the customer's key; for those who may see it, as what follows"),
		F("customer", API_STRING | API_NULL, "an identity"),
		F("text", API_STRING | API_NULL, "what was said"),
		F("properties", API_OBJECT, "as they were received"))};

const struct api_schema reply_interactions = {.name = "Interactions",
	.help = "newest first",
	.fields = FIELDS(OF("items", SOME, NULL, &interaction),
		F("next", TEXT_OR_NULL, "“before” of the next page; null: there is none"))};

static const struct api_schema sql_column = {
	.fields = FIELDS(F("name", TEXT, NULL),
		F("type", TEXT, "of its values: integer, number, text; null: there are none"))};

const struct api_schema reply_sql = {.name = "Table",
	.help = "the rows",
	.fields = FIELDS(F("rows", API_ARRAY | API_LIST | API_REQUIRED, "a list of cells each"),
		OF("columns", SOME, NULL, &sql_column), F("truncated", TRUTH, "there are more"),
		F("elapsed_ms", WHOLE, NULL))};

// --- the corridor map ---

static const struct api_schema trend = {
	.fields = FIELDS(F("n", NUMBERS, NULL), F("gap", NUMBERS, NULL), F("experience", NUMBERS, NULL),
		F("share_kept", NUMBERS, NULL), F("verdict", TEXT_OR_NULL | API_LIST, NULL))};

static const struct api_schema map_expectation = {.name = "Experience",
	.fields = FIELDS(F("key", TEXT, NULL), F("measure", TEXT, NULL), F("unit", TEXT, NULL),
		F("n", NUMBER, NULL), F("gap", NUMBER_OR_NULL, NULL), F("gap_low", NUMBER_OR_NULL, NULL),
		F("gap_high", NUMBER_OR_NULL, NULL), F("experience", NUMBER_OR_NULL, NULL),
		F("experience_low", NUMBER_OR_NULL, NULL), F("experience_high", NUMBER_OR_NULL, NULL),
		F("share_kept", NUMBER_OR_NULL, NULL), F("share_kept_low", NUMBER_OR_NULL, NULL),
		F("share_kept_high", NUMBER_OR_NULL, NULL), F("target", NUMBER_OR_NULL, NULL),
		F("direction", TEXT, "at least, or at most"), F("scale", NUMBER_OR_NULL, NULL),
		F("share_target", NUMBER_OR_NULL, NULL),
		F("verdict", TEXT, "kept, broken, no detectable difference, or no data"),
		OF("trend", ONE, "a value for each of the map's “labels”", &trend))};

static const struct api_schema promises = {.name = "Promises",
	.fields = FIELDS(F("made", NUMBER_OR_NULL, NULL), F("kept", NUMBER_OR_NULL, NULL),
		F("broken", NUMBER_OR_NULL, NULL), F("overdue", NUMBER_OR_NULL, NULL),
		F("open", NUMBER_OR_NULL, NULL), F("share_kept", NUMBER_OR_NULL, NULL),
		F("share_kept_low", NUMBER_OR_NULL, NULL), F("share_kept_high", NUMBER_OR_NULL, NULL))};

static const struct api_schema score = {
	.fields = FIELDS(F("n", NUMBER, NULL), F("value", NUMBER_OR_NULL, NULL), F("low", NUMBER_OR_NULL, NULL),
		F("high", NUMBER_OR_NULL, NULL))};

static const struct api_schema alert = {.name = "Alert",
	.fields = FIELDS(F("kind", TEXT, "share, missed, worse or overdue; docs/web.md says when"),
		F("expectation", TEXT_OR_NULL, "which one"), F("text", TEXT, "in words, with the numbers"),
		OF("now", API_OBJECT, NULL, &score), OF("before", API_OBJECT, "in as much time before", &score),
		F("expected", API_NUMBER, NULL), F("overdue", API_NUMBER, "promises"),
		F("made", API_NUMBER, "promises"))};

static const struct api_schema map_touchpoint = {.name = "MapTouchPoint",
	.fields = FIELDS(F("key", TEXT, NULL), F("volume", NUMBERS, "interactions, for each of “labels”"),
		F("n", NUMBER, "interactions"), OF("expectations", SOME, NULL, &map_expectation),
		OF("promises", ONE_OR_NULL, "made here; null: none", &promises),
		OF("alerts", SOME, NULL, &alert))};

const struct api_schema reply_overview = {.name = "Map",
	.help = "the corridor map",
	.fields = FIELDS(FRAME, F("bucket", TEXT, "day, week, month, quarter or year"),
		F("labels", TEXTS, "of the buckets"), F("n", WHOLE, "interactions"),
		F("customers", API_NUMBER, NULL), F("unmatched", API_INTEGER, "interactions of no touch point"),
		OF("touchpoints", SOME, NULL, &map_touchpoint),
		OF("promises", ONE_OR_NULL, "all; null: none", &promises))};

// --- erasing and linking ---

static const struct api_schema receipt_segment = {
	.fields = FIELDS(F("segment", TEXT, "its id, or “inbox”"), F("interactions", WHOLE, NULL),
		F("was_inbox", TRUTH, NULL))};

static const struct api_schema receipt_quarantine = {
	.fields = FIELDS(F("removed", WHOLE, "rows that named them"), F("unsure", WHOLE, "rows that may"))};

const struct api_schema reply_receipt = {.name = "Receipt",
	.help = "the receipt; entry 0: it was so already",
	.fields = FIELDS(F("act", TEXT, "erased, linked or unlinked"), F("entry", WHOLE, "of the journal"),
		F("persons", WHOLE, NULL), F("interactions", WHOLE, NULL),
		OF("segments", SOME, "that they are in", &receipt_segment),
		F("physical", TRUTH, "they are no longer in the bytes"),
		OF("quarantine", API_OBJECT, "of persons that were erased", &receipt_quarantine))};

static const struct api_schema journal_entry = {.name = "JournalEntry",
	.fields = FIELDS(F("entry", WHOLE, NULL), AT("at", "when"), F("act", TEXT, NULL),
		F("who", TEXT_OR_NULL, NULL), F("person", TEXT, "an identity, or the person's key"),
		F("target", API_STRING, "of a link: whom it belongs to"),
		F("belongs_to", TEXT, "a person's key"),
		F("interactions", API_INTEGER | API_NULL | API_REQUIRED, "null: not counted"),
		F("physical", TRUTH, "it is in the bytes"),
		F("in_force", TRUTH, "of a link: it is not undone"))};

const struct api_schema reply_journal = {.name = "Journal",
	.fields = FIELDS(OF("items", SOME, NULL, &journal_entry),
		F("next", TEXT_OR_NULL, "“before” of the next page; null: there is none"))};

// --- files ---

static const struct api_schema upload_column = {
	.fields = FIELDS(F("name", TEXT, NULL), F("samples", TEXTS, "values"))};

const struct api_schema reply_upload = {.name = "Upload",
	.help = "it is here",
	.fields = FIELDS(F("file", TEXT, "what it is called from now on"), F("name", TEXT, NULL),
		F("bytes", WHOLE, NULL), F("format", TEXT, NULL), F("mapping", TEXT_OR_NULL, "a guess"),
		OF("columns", SOME, NULL, &upload_column))};

static const struct api_schema previewed = {.name = "PreviewedInteraction",
	.fields = FIELDS(AT("at", "when it happened"), F("touchpoint", TEXT_OR_NULL, NULL),
		F("stage", TEXT_OR_NULL, NULL), F("channel", TEXT_OR_NULL, NULL), F("event", TEXT, NULL),
		F("source", TEXT, NULL), F("agent", TEXT_OR_NULL, NULL),
		F("measures", API_NUMBER | API_NULL | API_MAP, NULL), F("customer", TEXT, "an identity"),
		F("location", TEXT_OR_NULL, NULL), F("text", TEXT_OR_NULL, NULL), F("id", TEXT_OR_NULL, NULL),
		F("properties", API_OBJECT, NULL))};

static const struct api_schema preview_line = {
	.fields = FIELDS(F("line", WHOLE, "of the file"), F("reason", TEXT, "why not"))};

static const struct api_schema preview_row = {
	.fields = FIELDS(F("id", WHOLE, "of the row"), F("reason", TEXT, "why not"))};

#define PREVIEW(rejected_row)                                                                                  \
	OF("problems", SOME, "of the mapping", &design_problem),                                               \
		OF("items", SOME, "the first of them", &previewed),                                            \
		OF("rejected", SOME, "the first of them", &(rejected_row))

const struct api_schema reply_import_preview = {.name = "FilePreview",
	.help = "what would come of it",
	.fields = FIELDS(F("rows", WHOLE, "that were read"), PREVIEW(preview_line))};

const struct api_schema reply_job_begun = {.name = "ImportBegun",
	.help = "it waits for its turn",
	.fields = FIELDS(F("job", TEXT, "the number of the import"))};

static const struct api_schema job_reason = {
	.fields = FIELDS(F("reason", TEXT, NULL), F("n", WHOLE, "rows"), F("first_line", WHOLE, NULL))};

const struct api_schema reply_job = {.name = "ImportJob",
	.help = "the import as it is now",
	.fields = FIELDS(F("job", TEXT, "its number"),
		F("state", TEXT, "queued, running, done, failed or cancelled"), F("name", TEXT, "of the file"),
		F("origin", TEXT_OR_NULL, "upload or folder"), F("who", TEXT_OR_NULL, NULL),
		F("dry_run", TRUTH, "nothing is stored"), AT_OR_NULL("at", "when it was asked for"),
		AT_OR_NULL("began", "when it began"), AT_OR_NULL("ended", "when it ended"),
		F("rows", WHOLE, NULL), F("mapped", WHOLE, "rows that became interactions"),
		F("empty", WHOLE, "rows that were to be left out"), F("rejected", WHOLE, "rows in quarantine"),
		F("taken", WHOLE, "interactions"), F("repeated", WHOLE, "interactions that were known"),
		F("unmatched", WHOLE, "interactions of no touch point"), F("bytes_read", WHOLE, NULL),
		OF("reasons", SOME, "of the rows in quarantine", &job_reason), F("bytes", WHOLE, "of the file"),
		F("message", TEXT, "why it failed; empty: it did not"))};

const struct api_schema reply_jobs = {.name = "ImportJobs",
	.help = "newest first",
	.fields = FIELDS(OF("items", SOME, NULL, &reply_job),
		F("next", TEXT_OR_NULL, "“before” of the next page; null: there is none"))};

// --- the quarantine ---

static const struct api_schema quarantine_row = {.name = "QuarantineRow",
	.fields = FIELDS(F("id", WHOLE, NULL), AT("at", "when it came"), F("source", TEXT_OR_NULL, NULL),
		F("mapping", TEXT_OR_NULL, "that it was read with"), F("line", WHOLE, "of the file"),
		F("reason", TEXT, "why it was not understood"),
		F("raw", TEXT_OR_NULL, "as it came; null: not for those who may not see persons"))};

const struct api_schema reply_quarantine = {.name = "QuarantineRows",
	.help = "newest first",
	.fields = FIELDS(OF("items", SOME, NULL, &quarantine_row),
		F("next", TEXT_OR_NULL, "“before” of the next page; null: there is none"),
		F("total", WHOLE, "of all pages"))};

static const struct api_schema quarantine_group = {.name = "QuarantineGroup",
	.fields =
		FIELDS(F("source", TEXT_OR_NULL, NULL), F("mapping", TEXT_OR_NULL, "that they were read with"),
			F("reason", TEXT, NULL), F("n", WHOLE, "rows"), F("first_id", WHOLE, NULL),
			F("last_id", WHOLE, NULL), AT("at", "when the last one came"))};

const struct api_schema reply_quarantine_groups = {.name = "QuarantineGroups",
	.help = "newest first",
	.fields = FIELDS(OF("items", SOME, NULL, &quarantine_group), F("groups", WHOLE, "also those left out"),
		F("total", WHOLE, "rows"))};

const struct api_schema reply_quarantine_mapping = {.name = "QuarantineMapping",
	.help = "what they were read with",
	.fields = FIELDS(F("kind", TEXT, "file, webhook or tracking"), F("name", TEXT_OR_NULL, NULL),
		F("mapping", TEXT_OR_NULL, "its text"), F("guessed", TRUTH, NULL),
		F("header", TEXT_OR_NULL, "of a CSV file"))};

const struct api_schema reply_quarantine_preview = {.name = "RowsPreview",
	.help = "what would come of them",
	.fields = FIELDS(F("rows", WHOLE, "that were read"), F("understood", WHOLE, NULL),
		F("empty", WHOLE, NULL), F("interactions", WHOLE, NULL), PREVIEW(preview_row))};

static const struct api_schema outcome_reason = {
	.fields = FIELDS(F("reason", TEXT, NULL), F("n", WHOLE, "rows"))};

const struct api_schema reply_outcome = {.name = "ReplayOutcome",
	.help = "what became of them",
	.fields = FIELDS(F("taken", WHOLE, "rows"), F("empty", WHOLE, "of these, that become nothing"),
		F("rejected", WHOLE, "rows that stay"), F("interactions", WHOLE, NULL),
		F("repeated", WHOLE, "interactions that were known"),
		OF("reasons", SOME, "of the rows that stay", &outcome_reason))};

const struct api_schema reply_dropped = {
	.name = "Dropped", .help = "they are gone", .fields = FIELDS(F("dropped", WHOLE, "rows"))};

// --- dashboards and shares ---

static const struct api_schema tile = {
	.name = "Tile", .fields = FIELDS(F("title", TEXT, NULL), F("view", TEXT, "the path of a page"))};

const struct api_schema reply_board = {.name = "Dashboard",
	.help = "the dashboard",
	.fields = FIELDS(F("id", TEXT, NULL), F("title", TEXT, NULL), OF("tiles", SOME, NULL, &tile),
		F("who", TEXT, "who made it"), ETAG)};
LIST_OF(reply_boards, "Dashboards", reply_board);

static const struct api_schema share = {.name = "Share",
	.fields = FIELDS(F("id", TEXT, NULL), F("path", TEXT, "of the page"), F("title", TEXT, NULL),
		AT("expires", "when it ends"), F("who", TEXT, "who made it"))};
LIST_OF(reply_shares, "Shares", share);

const struct api_schema reply_share_made = {.name = "ShareMade",
	.help = "the link, which is told once",
	.fields = FIELDS(F("url", TEXT, "its path at this server"), AT("expires", "when it ends"))};

const struct api_schema reply_share_opened = {.name = "ShareOpened",
	.help = "what it is for",
	.fields = FIELDS(F("path", TEXT, "of the page"), F("title", TEXT, NULL),
		AT("last", "the newest interaction, that periods count back from"),
		AT("expires", "when it ends"))};

// --- who may do what ---

const struct api_schema reply_user = {.name = "User",
	.help = "the user",
	.fields = FIELDS(F("id", WHOLE, NULL), F("name", TEXT, NULL), F("email", TEXT, NULL),
		API_FIELD_ONE("role", TEXT, NULL, api_role_at), F("departments", TEXTS, "that the user owns"),
		F("disabled", TRUTH, NULL), F("has_password", TRUTH, NULL), AT("created", "when"),
		AT_OR_NULL("last_seen", "when the user signed in last"), ETAG)};
LIST_OF(reply_users, "Users", reply_user);

const struct api_schema reply_user_made = {.name = "UserMade",
	.help = "the user, with a one-time sign-in link",
	.fields = FIELDS(F("id", WHOLE, NULL), F("link", TEXT, "its path at this server"))};

const struct api_schema reply_user_link = {.name = "SignInLink",
	.help = "it is good for a day",
	.fields = FIELDS(F("link", TEXT, "its path at this server"))};

static const struct api_schema key = {.name = "Key",
	.fields = FIELDS(F("id", WHOLE, NULL), API_FIELD_ONE("kind", TEXT, NULL, api_key_kind_at),
		F("name", TEXT, NULL), F("prefix", TEXT, "how its text begins"),
		F("source", TEXT_OR_NULL, "of what a write key sends"),
		F("origins", TEXTS, "whose pages may use it; none: all"), F("links_email", TRUTH, NULL),
		F("rights", TEXTS, "of an API key"), AT("created", "when"),
		AT_OR_NULL("expires", "when it ends"), AT_OR_NULL("revoked", "when it was"),
		AT_OR_NULL("last_used", "when"), F("made_by", TEXT_OR_NULL, NULL))};
LIST_OF(reply_keys, "Keys", key);

const struct api_schema reply_key_made = {.name = "KeyMade",
	.help = "the key, which is told once",
	.fields = FIELDS(F("id", WHOLE, NULL), F("key", TEXT, "its text"))};

#define HOOK                                                                                                   \
	F("name", TEXT, NULL), F("path", TEXT, "where the service sends to"), F("mapping", TEXT, "its text"),  \
		F("program", TEXT_OR_NULL, "jq"), F("style", TEXT, "of signatures"),                           \
		F("header", TEXT_OR_NULL, "that holds the signature, if not the style's own"),                 \
		F("window", WHOLE, "seconds that a signature is good for"),                                    \
		F("secrets", WHOLE, "that count: 2 while the one before does"), F("enabled", TRUTH, NULL),     \
		F("verify_token", API_STRING, "that the service is to be told"), AT("created", "when"),        \
		AT("changed", "when"), F("made_by", TEXT_OR_NULL, NULL), ETAG

static const struct api_schema hook = {.name = "Hook", .fields = FIELDS(HOOK)};

const struct api_schema reply_hook = {.name = "HookNow",
	.help = "the webhook, with a secret that was made",
	.fields = FIELDS(HOOK, F("secret", API_STRING, "told once, when it was made here"))};

static const struct api_schema style = {.name = "SignatureStyle",
	.fields = FIELDS(F("name", TEXT, NULL), F("header", TEXT_OR_NULL, NULL),
		F("services", TEXT_OR_NULL, "that sign like this"))};

const struct api_schema reply_hooks = {
	.name = "Hooks", .fields = FIELDS(OF("items", SOME, NULL, &hook), OF("styles", SOME, NULL, &style))};

static const struct api_schema identity = {.fields = FIELDS(F("type", TEXT, NULL), F("value", TEXT, NULL))};

static const struct api_schema tried = {.name = "TriedInteraction",
	.fields = FIELDS(F("index", WHOLE, "of what it was made of"), F("id", API_STRING, NULL),
		F("source", TEXT, NULL), OF("customer", SOME, "identities", &identity),
		AT("at", "when it happened"), F("event", TEXT, NULL), F("touchpoint", TEXT_OR_NULL, NULL),
		F("channel", API_STRING, NULL), F("agent", API_STRING, NULL), F("location", API_STRING, NULL),
		F("measures", API_NUMBER | API_NULL | API_MAP, NULL), F("promise", API_STRING, NULL),
		F("due", API_STRING, NULL), F("keeps", API_STRING, NULL), F("text", API_STRING, NULL),
		F("properties", API_OBJECT, NULL))};

const struct api_schema reply_hook_tried = {.name = "HookTried",
	.help = "what would come of it",
	.fields = FIELDS(OF("interactions", SOME, NULL, &tried), OF("rejected", SOME, NULL, &native_problem),
		F("empty", WHOLE, "that the mapping leaves out"))};

static const struct api_schema source = {.name = "Source",
	.fields = FIELDS(F("name", TEXT, NULL), F("kind", TEXT, "tracking, webhook, file or unknown"),
		F("n", WHOLE, "interactions"), F("rejected", WHOLE, "rows in quarantine"),
		AT_OR_NULL("first", "the oldest interaction"), AT_OR_NULL("last", "the newest"))};
LIST_OF(reply_sources, "Sources", source);

static const struct api_schema audit_entry = {.name = "AuditEntry",
	.fields = FIELDS(F("id", WHOLE, NULL), AT("at", "when"), F("who", TEXT_OR_NULL, NULL),
		F("from", TEXT_OR_NULL, "an address"), F("what", TEXT, "the act"), F("on", TEXT_OR_NULL, NULL),
		F("detail", TEXT_OR_NULL, NULL))};

const struct api_schema reply_audit = {.name = "Audit",
	.help = "newest first",
	.fields = FIELDS(OF("items", SOME, NULL, &audit_entry),
		F("next", API_INTEGER | API_NULL | API_REQUIRED,
			"“before” of the next page; null: there is none"))};
