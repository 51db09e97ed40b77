// SPDX-License-Identifier: Apache-2.0
// The one table of the keys of mapping files: the parser and the JSON Schema come from it.
#include "base/json.h"
#include "listen/mapping_compile.h"

#define ANY_VALUE (IN_VALUE | IN_TIME | IN_NUMBER)
#define ANY_RULE (IN_RULE | IN_COMMON)
#define TEXT "{\"type\":[\"string\",\"number\",\"boolean\"]}"
#define TEXTS                                                                                                  \
	"{\"anyOf\":[{\"type\":[\"string\",\"number\",\"boolean\"]},"                                          \
	"{\"type\":\"array\",\"items\":{\"type\":[\"string\",\"number\",\"boolean\"]}}]}"
#define BOOL "{\"type\":\"boolean\"}"
#define NUMBER "{\"type\":\"number\"}"
#define TABLE "{\"type\":\"object\",\"additionalProperties\":" TEXT "}"
#define REF(name) "{\"$ref\":\"#/$defs/" name "\"}"
#define NAMED(name) "{\"type\":\"object\",\"minProperties\":1,\"additionalProperties\":" REF(name) "}"

const struct key_info mapping_keys[KEY_COUNT] = {
	[KEY_MAPPING] = {"mapping", IN_FILE, true, "{\"const\":1}", "version of the format: 1"},
	[KEY_ABOUT] = {"about", IN_FILE, false, "{\"type\":\"string\"}", "what the mapping is for; not used"},
	[KEY_SOURCE] = {"source", IN_FILE, true, "{\"type\":\"string\"}",
		"where the interactions come from; message ids are unique within it"},
	[KEY_FORMAT] = {"format", IN_FILE, false, "{\"enum\":[\"csv\",\"ndjson\",\"xes\"]}",
		"of the files; default csv"},
	[KEY_CSV] = {"csv", IN_FILE, false, REF("csv"), "how CSV files are written"},
	[KEY_TIMEZONE] = {"timezone", IN_FILE, false, "{\"type\":\"string\"}",
		"IANA zone of times that carry none; default: the brand's"},
	[KEY_TIMES] = {"times", IN_FILE, false, TEXTS, "formats of times, tried in turn; default ISO"},
	[KEY_EMPTY] = {"empty", IN_FILE, false, TEXTS, "texts that count as absent, besides the empty one"},
	[KEY_TABLES] = {"tables", IN_FILE, false, "{\"type\":\"object\",\"additionalProperties\":" TABLE "}",
		"named tables of values for `map:`"},
	[KEY_COMMON] = {"common", IN_FILE, false, REF("common"),
		"fields for all interactions that do not set them"},
	[KEY_INTERACTIONS] = {"interactions", IN_FILE, false,
		"{\"anyOf\":[" REF("interaction") ",{\"type\":\"array\",\"minItems\":1,\"items\":" REF(
			"interaction") "}]}",
		"what one row becomes: each entry gives an interaction when its condition holds; needed unless "
		"the format "
		"is xes"},
	[KEY_RULE_SOURCE] = {"source", ANY_RULE, false, REF("value"),
		"where this interaction comes from; absent: the mapping's source"},

	[KEY_DELIMITER] = {"delimiter", IN_CSV, false, "{\"type\":\"string\"}",
		"one character or the word tab; default: found out"},
	[KEY_QUOTE] = {"quote", IN_CSV, false, "{\"type\":\"string\",\"maxLength\":1}",
		"one character; default: found out"},
	[KEY_HEADER] = {"header", IN_CSV, false, BOOL, "the first line names the columns; default true"},
	[KEY_COLUMNS] = {"columns", IN_CSV, false, TEXTS, "names of the columns when there is no header"},
	[KEY_SKIP_LINES] = {"skip lines", IN_CSV, false, "{\"type\":\"integer\",\"minimum\":0}",
		"lines before the header; default: junk is found out"},
	[KEY_ENCODING] = {"encoding", IN_CSV, false, "{\"enum\":[\"utf-8\",\"windows-1252\",\"iso-8859-1\"]}",
		"default utf-8"},
	[KEY_CSV_TRIM] = {"trim", IN_CSV, false, BOOL,
		"white space around unquoted fields is dropped; default false"},

	[KEY_WHEN] = {"when", IN_RULE, false, REF("condition"), "condition; without it every row gives one"},
	[KEY_EACH] = {"each", IN_RULE, false, "{\"type\":\"string\"}",
		"NDJSON: path of a list, one interaction per element; {.field} is of the element"},
	[KEY_EVENT] = {"event", ANY_RULE, false, REF("value"), "name of the event; needed"},
	[KEY_CUSTOMER] = {"customer", ANY_RULE, false, "{\"anyOf\":[" TEXTS "," NAMED("value") "]}",
		"identity type → value, or values like type:value; the first present one decides who it was; "
		"needed"},
	[KEY_AT] = {"at", ANY_RULE, false, REF("time"), "when it happened; needed"},
	[KEY_ID] = {"id", ANY_RULE, false, REF("value"), "message id; default: made from the content"},
	[KEY_CHANNEL] = {"channel", ANY_RULE, false, REF("value"), "a channel of the corridor file"},
	[KEY_AGENT] = {"agent", ANY_RULE, false, REF("value"), "who represented the brand"},
	[KEY_LOCATION] = {"location", ANY_RULE, false, REF("value"), "where"},
	[KEY_TEXT] = {"text", ANY_RULE, false, REF("value"), "verbatim"},
	[KEY_PROMISE] = {"promise", ANY_RULE, false, "{\"anyOf\":[{\"type\":\"string\"}," REF("promise") "]}",
		"promise that is made here"},
	[KEY_KEEPS] = {"keeps", ANY_RULE, false, REF("value"), "id of the promise that is kept here"},
	[KEY_MEASURES] = {"measures", ANY_RULE, false, NAMED("number"), "measure → number"},
	[KEY_PROPERTIES] = {"properties", ANY_RULE, false,
		"{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"array\",\"items\":{\"anyOf\":[{\"type\":"
		"\"string\"}," NAMED("value") "]}}," NAMED("value") "]}",
		"all, a list of columns, name → value, or (NDJSON) the path of an object"},
	[KEY_PROPERTIES_EXCEPT] = {"properties except", ANY_RULE, false, TEXTS,
		"columns that `all` leaves out"},
	[KEY_PROPERTIES_JSON] = {"properties json", ANY_RULE, false, "{\"type\":\"string\"}",
		"a column that holds the properties as the text of a JSON object"},
	[KEY_DIMENSIONS] = {"dimensions", ANY_RULE, false, NAMED("value"),
		"dimension → value, for those that the properties do not give"},

	[KEY_COLUMN] = {"column", ANY_VALUE, false, TEXT, "name of a column; NDJSON: path"},
	[KEY_TEMPLATE] = {"template", ANY_VALUE, false, TEXT, "text with {Column}s in it"},
	[KEY_JOIN] = {"join", ANY_VALUE, false, "{\"type\":\"array\",\"items\":" REF("value") "}",
		"values put together; absent ones are left out"},
	[KEY_SEPARATOR] = {"separator", ANY_VALUE, false, TEXT, "between the values of join; default a blank"},
	[KEY_FIRST] = {"first", ANY_VALUE, false, "{\"type\":\"array\",\"items\":" REF("value") "}",
		"the first of these values that is present"},
	[KEY_TRIM] = {"trim", ANY_VALUE, false, BOOL, "drops white space at both ends"},
	[KEY_SPLIT] = {"split", ANY_VALUE, false, REF("split"), "takes one part"},
	[KEY_REPLACE] = {"replace", ANY_VALUE, false, TABLE, "replaces texts inside, in the order given"},
	[KEY_CASE] = {"case", ANY_VALUE, false, "{\"enum\":[\"lower\",\"upper\"]}", "of the letters A to Z"},
	[KEY_MAP] = {"map", ANY_VALUE, false, "{\"anyOf\":[{\"type\":\"string\"}," TABLE "]}",
		"name of a table, or the table itself"},
	[KEY_UNLISTED] = {"unlisted", ANY_VALUE, false, "{\"enum\":[\"reject\",\"keep\",\"absent\"]}",
		"what to do with a value that the table does not list; default reject, or the default"},
	[KEY_DEFAULT] = {"default", ANY_VALUE, false, TEXT, "value when there is none"},
	[KEY_REQUIRED] = {"required", ANY_VALUE, false, BOOL, "a row without it goes to quarantine"},
	[KEY_OPTIONAL] = {"optional", ANY_VALUE, false, BOOL, "the file may lack the column"},
	[KEY_TIME_FORMAT] = {"format", IN_TIME, false, TEXTS,
		"ISO, unix, unix-ms or like dd/MM/yyyy HH:mm; tried in turn"},
	[KEY_TIME_ZONE] = {"timezone", IN_TIME, false, "{\"type\":\"string\"}", "IANA zone of this time"},
	[KEY_PLUS] = {"plus", IN_TIME, false, TEXT, "added: 15d (calendar days), 2h, -30min"},
	[KEY_DECIMAL] = {"decimal", IN_NUMBER, false, "{\"enum\":[\".\",\",\"]}",
		"sign before the fraction; default ."},
	[KEY_THOUSANDS] = {"thousands", IN_NUMBER, false, "{\"type\":\"string\",\"maxLength\":1}",
		"sign between groups of digits; default none"},
	[KEY_UNIT] = {"unit", IN_NUMBER, false, "{\"type\":\"string\"}",
		"of the column, converted to the measure's"},
	[KEY_SECONDS_BETWEEN] = {"seconds between", IN_NUMBER, false,
		"{\"type\":\"array\",\"minItems\":2,\"maxItems\":2,\"items\":" REF("time") "}",
		"[from, to]: negative when `to` is earlier"},

	[KEY_BY] = {"by", IN_SPLIT, true, TEXT, "separator"},
	[KEY_PART] = {"part", IN_SPLIT, false, "{\"type\":\"integer\"}", "1 = first (default), -1 = last"},
	[KEY_PROMISE_ID] = {"id", IN_PROMISE, true, REF("value"), "name of the promise, for whoever keeps it"},
	[KEY_DUE] = {"due", IN_PROMISE, false, REF("time"), "until when; absent: no due time"},

	[KEY_IS] = {"is", IN_TEST, false, TEXTS, "is one of these texts"},
	[KEY_NOT] = {"not", IN_TEST, false, REF("test"), "the test does not hold"},
	[KEY_AT_LEAST] = {"at least", IN_TEST, false, NUMBER, "number"},
	[KEY_AT_MOST] = {"at most", IN_TEST, false, NUMBER, "number"},
	[KEY_ABOVE] = {"above", IN_TEST, false, NUMBER, "number"},
	[KEY_BELOW] = {"below", IN_TEST, false, NUMBER, "number"},
	[KEY_STARTS] = {"starts", IN_TEST, false, TEXTS, "starts with one of these texts"},
	[KEY_ENDS] = {"ends", IN_TEST, false, TEXTS, "ends with one of these texts"},
	[KEY_CONTAINS] = {"contains", IN_TEST, false, TEXTS, "contains one of these texts"},
};

// Name in $defs per context bit; a scalar is allowed as well where short forms are.
static const struct {
	const char *name;
	const char *short_form; // schema of the short form, NULL = none
} contexts[IN_CONTEXTS] = {
	{"file", NULL},
	{"csv", NULL},
	{"interaction", NULL},
	{"common", NULL},
	{"value", TEXT},
	{"time", TEXT},
	{"number", TEXT},
	{"split", NULL},
	{"promise", NULL},
	{"test", TEXTS},
};

static void write_object(struct json *j, unsigned bit)
{
	json_key_text(j, "type", "object");
	json_key_bool(j, "additionalProperties", false);
	json_key(j, "properties");
	json_object(j);
	for (int i = 0; i < KEY_COUNT; i++) {
		const struct key_info *k = &mapping_keys[i];
		if (!(k->contexts & bit))
			continue;
		json_key(j, k->name);
		json_object(j);
		json_key_text(j, "description", k->about);
		json_key(j, "allOf");
		json_array(j);
		json_raw(j, sv_from(k->schema));
		json_array_end(j);
		json_object_end(j);
	}
	json_object_end(j);
	json_key(j, "required");
	json_array(j);
	for (int i = 0; i < KEY_COUNT; i++) {
		if (mapping_keys[i].required && (mapping_keys[i].contexts & bit))
			json_string(j, sv_from(mapping_keys[i].name));
	}
	json_array_end(j);
}

static void write_definition(struct json *j, uint32_t context)
{
	json_key(j, contexts[context].name);
	json_object(j);
	if (contexts[context].short_form) {
		json_key(j, "anyOf");
		json_array(j);
		json_raw(j, sv_from(contexts[context].short_form));
		json_object(j);
		write_object(j, 1u << context);
		json_object_end(j);
		json_array_end(j);
	} else {
		write_object(j, 1u << context);
	}
	json_object_end(j);
}

// A list of conditions, or a map of all:, any:, not: and columns with their tests.
// clang-format off
static const char condition_schema[] =
	"{\"anyOf\":["
		"{\"type\":\"array\",\"minItems\":1,\"items\":" REF("condition") "},"
		"{\"type\":\"object\",\"minProperties\":1,\"properties\":{"
			"\"all\":{\"type\":\"array\",\"items\":" REF("condition") "},"
			"\"any\":{\"type\":\"array\",\"items\":" REF("condition") "},"
			"\"not\":" REF("condition") "},"
		"\"additionalProperties\":" REF("test") "}]}";
// clang-format on

void mapping_schema_write(struct buf *out)
{
	struct json j = json_new(out);
	json_object(&j);
	json_key_text(&j, "$schema", "https://json-schema.org/draft/2020-12/schema");
	json_key_text(&j, "title", "Corridor mapping file");
	write_object(&j, IN_FILE);
	json_key(&j, "$defs");
	json_object(&j);
	for (uint32_t i = 1; i < IN_CONTEXTS; i++)
		write_definition(&j, i);
	json_key(&j, "condition");
	json_raw(&j, sv_from(condition_schema));
	json_object_end(&j);
	json_object_end(&j);
}
