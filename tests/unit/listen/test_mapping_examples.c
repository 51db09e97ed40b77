// SPDX-License-Identifier: Apache-2.0
// The corridor and mapping files in examples/ on rows of the data that they are for (City of Boston and CFPB open
// data, public domain; retentioneering's ecom, Apache-2.0). Elapsed hours were computed with Python's zoneinfo.
#include "mapping_test.h"

#include "base/io.h"
#include "base/mem.h"

#include <math.h>

#define FILE_MAX (1u << 20)

static void open_example(struct bench *b, const char *name, const char *header)
{
	char path[512], *corridor, *mapping;
	size_t n;
	struct err e = ERR_NONE;
	snprintf(path, sizeof(path), "%s/%s/corridor.yaml", EXAMPLES_DIR, name);
	if (io_read_file(io_system(), path, FILE_MAX, &corridor, &n, &e) != RC_OK)
		fail_msg("%s", e.message);
	snprintf(path, sizeof(path), "%s/%s/mapping.yaml", EXAMPLES_DIR, name);
	if (io_read_file(io_system(), path, FILE_MAX, &mapping, &n, &e) != RC_OK)
		fail_msg("%s", e.message);
	bench_open(b, corridor, mapping, header);
	mem_free(corridor);
	mem_free(mapping);
}

static void assert_touchpoint(const struct bench *b, uint32_t i, const char *name)
{
	assert_int_not_equal(b->seen.x[i].touchpoint, TOUCHPOINT_NONE);
	assert_text(b->design->touchpoints[b->seen.x[i].touchpoint].name, name);
}

static void assert_dimension(const struct bench *b, uint32_t i, const char *name, const char *value)
{
	uint32_t d = design_dimension_find(b->design, sv_from(name));
	assert_int_not_equal(d, DESIGN_NONE);
	assert_text(b->seen.x[i].dimensions[d], value);
}

static void boston(void **state)
{
	struct bench b;
	(void)state;
	open_example(&b, "boston311",
		"CASE_ENQUIRY_ID,OPEN_DT,TARGET_DT,CLOSED_DT,OnTime_Status,CASE_STATUS,CASE_TITLE,SUBJECT,"
		"REASON,TYPE,"
		"QUEUE,Department,neighborhood,Source");
	assert_mapped(&b,
		bench_row(&b,
			"101001399360|2015-06-01T00:28:00|2015-06-04T08:30:00|2015-06-09T15:31:21|OVERDUE|"
			"Closed|Building Inspection Request|Inspectional Services|Building|Building "
			"Inspection Request|ISD_Building (INTERNAL)|ISD|Dorchester|Constituent Call"),
		2);
	struct interaction *x = b.seen.x;
	assert_text(x[0].source, "boston311");
	assert_text(x[0].id, "101001399360/open");
	assert_text(x[1].id, "101001399360/close");
	assert_text(x[0].identities[0].type, "case");
	assert_text(x[0].promise, "101001399360");
	assert_text(x[1].keeps, "101001399360");
	assert_true(x[0].at_ms == INT64_C(1433132880000));  // 2015-06-01 00:28 -04:00
	assert_true(x[0].due_ms == INT64_C(1433421000000)); // 2015-06-04 08:30 -04:00
	assert_true(measure_of(&b, 1, "delay") == 457281);  // 5 d 7 h 1 min 21 s
	assert_true(measure_of(&b, 1, "open-time") == 745401);
	assert_true(isnan(measure_of(&b, 0, "delay")));
	assert_touchpoint(&b, 0, "request");
	assert_touchpoint(&b, 1, "isd-closing");
	assert_text(x[0].channel, "phone");
	assert_dimension(&b, 1, "department", "ISD");
	assert_dimension(&b, 1, "intake", "Constituent Call");
	assert_dimension(&b, 0, "neighborhood", "Dorchester");
	assert_text(b.design->departments[b.design->touchpoints[x[1].touchpoint].owner], "isd");

	// Open, without a target: one interaction, a promise without a due time.
	assert_mapped(
		&b, bench_row(&b, "101001399361|2015-06-01T00:30:00|||ONTIME|Open|T|S|R|Y|Q|No Q||Twitter"), 1);
	assert_int_equal(x[0].due_ms, TIME_NONE);
	assert_text(x[0].channel, "social");
	assert_dimension(&b, 0, "neighborhood", NULL);

	// Closed before it was opened, over the change to winter time: kept, 25 elapsed hours of which the clocks
	// show 24.
	assert_mapped(&b,
		bench_row(&b,
			"1|2015-11-01T12:00:00|2015-10-31T12:00:00|2015-10-31T12:00:00|ONTIME|Closed|T|S|R|Y|"
			"Q|New one||Self Service"),
		2);
	assert_true(x[1].at_ms - x[0].at_ms == -25 * INT64_C(3600000));
	assert_true(measure_of(&b, 1, "open-time") == -86400);
	assert_true(measure_of(&b, 1, "delay") == 0);
	assert_touchpoint(&b, 1, "other-closing");
	assert_rejected(&b, bench_row(&b, "2|2015-11-01T12:00:00|||ONTIME|Open|T|S|R|Y|Q|ISD||Fax"),
		"column \"Source\" holds a value that its table channels does not list: \"Fax\"");
	bench_close(&b);
}

static void cfpb(void **state)
{
	struct bench b;
	(void)state;
	open_example(&b, "cfpb",
		"Date received,Product,Sub-product,Issue,Sub-issue,Consumer complaint narrative,Company public "
		"response,Company,State,ZIP code,Tags,Consumer consent provided?,Submitted via,Date sent to "
		"company,Company response to consumer,Timely response?,Consumer disputed?,Complaint ID");
	assert_mapped(&b,
		bench_row(&b,
			"2019-09-24|Debt collection|I do not know|Attempts to collect debt not owed|Debt is "
			"not "
			"yours|a debt that is not mine||TRANSWORLD SYSTEMS INC|FL|335XX||Consent provided|"
			"Web|2019-09-26|Closed with explanation|Yes|N/A|3384392"),
		2);
	struct interaction *x = b.seen.x;
	assert_text(x[0].text, "a debt that is not mine");
	assert_text(x[1].text, NULL);
	assert_text(x[0].agent, "TRANSWORLD SYSTEMS INC");
	assert_true(x[0].at_ms == INT64_C(1569297600000));  // 2019-09-24 -04:00
	assert_true(x[0].due_ms == INT64_C(1570766400000)); // 2019-10-11 -04:00
	assert_true(x[1].at_ms == x[0].due_ms);
	assert_true(measure_of(&b, 0, "forwarding") == 172800);
	assert_true(measure_of(&b, 1, "timely") == 1);
	assert_text(x[1].keeps, "3384392");
	assert_touchpoint(&b, 0, "complaint");
	assert_touchpoint(&b, 1, "response");
	assert_dimension(&b, 0, "disputed", NULL);
	assert_dimension(&b, 0, "response", "Closed with explanation");
	assert_mapped(&b,
		bench_row(&b,
			"2019-09-24|Mortgage||I||||ACME|FL|||Other|Postal mail|2019-09-26|Untimely response|No|"
			"N/A|9"),
		2);
	assert_text(x[0].channel, "post");
	assert_true(measure_of(&b, 1, "timely") == 0);
	assert_true(x[1].at_ms > x[0].due_ms);
	bench_close(&b);
}

static void ecom(void **state)
{
	struct bench b;
	(void)state;
	open_example(&b, "ecom",
		"user_id,session_id,event,timestamp,platform,acquisition_channel,user_cohort,user_lifecycle");
	assert_mapped(&b,
		bench_row(&b, "user_0000|sess_000001|home|2024-03-13 10:21:14|desktop|email|2024-01|returning"),
		1);
	assert_text(b.seen.x[0].id, "rows.csv#7");
	assert_text(b.seen.x[0].identities[0].value, "user_0000");
	assert_true(b.seen.x[0].at_ms == INT64_C(1710325274000));
	assert_touchpoint(&b, 0, "home");
	assert_dimension(&b, 0, "acquisition", "email");
	assert_int_equal(b.seen.x[0].n_measures, 0);
	assert_mapped(&b, bench_row(&b, "user_0000|s|payment_error|2024-03-13 10:21:14|mobile|email|c|new"), 1);
	assert_touchpoint(&b, 0, "payment-error");
	assert_true(measure_of(&b, 0, "trouble") == 1);
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(boston),
		cmocka_unit_test(cfpb),
		cmocka_unit_test(ecom),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
