// SPDX-License-Identifier: Apache-2.0
// Webhooks: the examples in examples/hooks, and what is done with bodies that are not as they should be.
#include "wire_test.h"

#include "base/io.h"
#include "base/mem.h"
#include "listen/hook.h"

#define FILE_MAX (1u << 20)

struct hooked {
	struct kept kept;
	struct mapping *mapping;
	struct hook *hook;
	struct hook_result result;
};

static char *file_read(const char *name, struct sv *text)
{
	char path[512], *bytes;
	size_t n;
	struct err e = ERR_NONE;
	snprintf(path, sizeof(path), "%s/hooks/%s", EXAMPLES_DIR, name);
	if (io_read_file(io_system(), path, FILE_MAX, &bytes, &n, &e) != RC_OK)
		fail_msg("%s", e.message);
	*text = (struct sv){bytes, n};
	return bytes;
}

static void hooked_open(struct hooked *h, struct sv mapping)
{
	struct sv text;
	char *corridor = file_read("corridor.yaml", &text);
	struct kept *k = &h->kept;
	memset(h, 0, sizeof(*h));
	if (design_parse(text, "corridor.yaml", &k->design, NULL, &k->err) != RC_OK ||
		mapping_parse(mapping, "mapping.yaml", k->design, &h->mapping, &k->err) != RC_OK ||
		hook_open(h->mapping, k->design, SV("test-hook"), &h->hook, &k->err) != RC_OK)
		fail_msg("%u: %s", k->err.line, k->err.message);
	k->arena = arena_new(0);
	mem_free(corridor);
}

static void hooked_close(struct hooked *h)
{
	hook_close(&h->hook);
	mapping_free(&h->mapping);
	arena_free(&h->kept.arena);
	design_free(&h->kept.design);
}

static enum rc hooked_decode(struct hooked *h, struct sv body)
{
	struct kept *k = &h->kept;
	const struct wire_sink sink = {k, keep_interaction, keep_link, keep_reject};
	k->n = k->n_rejects = 0;
	k->err = ERR_NONE;
	arena_reset(k->arena);
	enum rc rc = hook_decode(h->hook, body, 0, RECEIVED, &sink, &h->result, &k->err);
	if (rc == RC_OK) {
		assert_int_equal(h->result.n_interactions, k->n);
		assert_int_equal(h->result.n_rejected, k->n_rejects);
	}
	return rc;
}

// The example of that name, without a rejection.
static const struct interaction *example(struct hooked *h, const char *name, const char *body)
{
	char file[64];
	struct sv text;
	snprintf(file, sizeof(file), "%s.yaml", name);
	char *mapping = file_read(file, &text);
	hooked_open(h, text);
	mem_free(mapping);
	char *bytes = file_read(body, &text);
	enum rc rc = hooked_decode(h, text);
	if (rc != RC_OK)
		fail_msg("%s", h->kept.err.message);
	if (h->kept.n_rejects)
		fail_msg("%.*s", SV_ARG(h->kept.rejects[0].text));
	mem_free(bytes);
	return h->kept.x;
}

static void helpdesk(void **state)
{
	(void)state;
	static struct hooked h;
	const struct interaction *x = example(&h, "helpdesk", "helpdesk.json");
	assert_int_equal(h.result.n_messages, 4);
	assert_int_equal(h.result.n_empty, 1);
	assert_int_equal(h.kept.n, 3);
	assert_text(x[0].event, "Ticket Opened");
	assert_identities(&x[0], "user:9917 email:ann@example.com");
	assert_text(x[0].channel, "chat");
	assert_text(x[0].text, "The box was open and a cup is missing.");
	assert_text(dimension_of(&h.kept, &x[0], "priority"), "high");
	assert_text(x[0].properties,
		"{\"priority\":\"high\",\"subject\":\"Parcel is damaged\",\"tags\":[\"delivery\",\"damage\"]}");
	assert_text(x[1].agent, "Kim Otto");
	assert_measure(&h.kept, &x[1], "wait", 5400);
	assert_measure(&h.kept, &x[1], "duration", 12 * 3600);
	assert_measure(&h.kept, &x[2], "csat", 4);
	for (uint32_t i = 0; i < 3; i++)
		assert_touchpoint(&h.kept, &x[i], "help");
	assert_int_equal(h.kept.index[2], 2);
	hooked_close(&h);
}

static void shop_and_courier(void **state)
{
	(void)state;
	static struct hooked h;
	const struct interaction *x = example(&h, "shop", "shop.json");
	assert_int_equal(h.kept.n, 1);
	assert_touchpoint(&h.kept, x, "order");
	assert_text(x->id, "820982911946154508");
	assert_identities(x, "user:9917 email:ann@example.com");
	assert_measure(&h.kept, x, "amount", 5980);
	assert_text(x->promise, "#1042");
	assert_int_equal(x->due_ms, INT64_C(1774738800000)); // 2026-03-29T00:00+01:00, when the 28th is over
	assert_int_equal(x->at_ms, INT64_C(1774433647000));
	assert_text(dimension_of(&h.kept, x, "product"), "CUP-BLUE");
	hooked_close(&h);
	x = example(&h, "courier", "courier.json");
	assert_int_equal(h.kept.n, 1);
	assert_touchpoint(&h.kept, x, "delivery");
	assert_text(x->keeps, "#1042");
	assert_identities(x, "email:ann@example.com");
	assert_measure(&h.kept, x, "resolved", 1);
	assert_text(x->agent, "tour 12");
	hooked_close(&h);
}

static void reviews(void **state)
{
	(void)state;
	static struct hooked h;
	const struct interaction *x = example(&h, "reviews", "reviews.json");
	assert_int_equal(h.kept.n, 2);
	assert_identities(&x[0], "email:ann@example.com reviewer:a-31");
	assert_text(x[0].text, "Broken on arrival. The box was open.");
	assert_measure(&h.kept, &x[0], "rating", 2);
	assert_identities(&x[1], "reviewer:a-32");
	assert_text(x[1].text, "Sch\xC3\xB6ne Tassen!");
	assert_touchpoint(&h.kept, &x[1], "review");
	hooked_close(&h);
}

static void telephony(void **state)
{
	(void)state;
	static struct hooked h;
	const struct interaction *x = example(&h, "telephony", "telephony.form");
	assert_int_equal(h.kept.n, 1);
	assert_touchpoint(&h.kept, x, "call");
	assert_identities(x, "phone:+49431555010");
	assert_text(x->agent, "Kim Otto");
	assert_measure(&h.kept, x, "wait", 95);
	assert_measure(&h.kept, x, "duration", 312);
	assert_int_equal(x->at_ms, INT64_C(1774700040000));
	assert_text(x->properties, "{\"Queue\":\"after sales\",\"product\":\"CUP-BLUE\"}");
	hooked_close(&h);
}

static const char two[] =
	"mapping: 1\nsource: s\nformat: ndjson\ninteractions:\n"
	"  - {event: A, customer: {user: \"{u}\"}, at: \"{at}\", properties: [u]}\n"
	"  - {event: \"{e}\", customer: {user: \"{u}\"}, at: \"{at}\", id: \"{_file}/{_row}\"}\n";

static void refusals(void **state)
{
	(void)state;
	static struct hooked h;
	struct kept *k = &h.kept;
	hooked_open(&h, sv_from(two));
	// A name that the store refuses rejects the whole object, not half of it.
	char body[2000];
	snprintf(body, sizeof(body),
		"[{\"u\":1,\"at\":\"2026-03-29\",\"e\":\"%0*d\"},{\"u\":1,\"at\":\"2026-03-29\",\"e\":\"x\"}]",
		600, 7);
	assert_int_equal(hooked_decode(&h, sv_from(body)), RC_OK);
	assert_int_equal(k->n, 2);
	assert_text(k->x[1].id, "test-hook/2");
	assert_text(k->rejects[0].text,
		"event is 600 bytes long; at most 512 are allowed; shorten it in the mapping or at the source");
	assert_true(sv_starts(k->rejects[0].raw, SV("{\"u\":1")));
	const struct {
		const char *body, *reason;
	} cases[] = {
		{"{\"u\":1}", "at is required but column \"at\" is empty"},
		{"7", "the body is JSON but no object"},
		{"{", NULL},
		{"\xff", NULL},
		{"", NULL},
		{"u=%FF&at=x&e=y", NULL},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(hooked_decode(&h, sv_from(cases[i].body)), RC_OK);
		assert_int_equal(k->n, 0);
		assert_int_equal(k->n_rejects, 1);
		assert_text(k->rejects[0].raw, *cases[i].body ? cases[i].body : NULL);
		if (cases[i].reason)
			assert_text(k->rejects[0].text, cases[i].reason);
	}
	assert_int_equal(hooked_decode(&h, (struct sv){body, (size_t)600 << 10}), RC_LIMIT);
	hooked_close(&h);
}

static void wrong_format(void **state)
{
	(void)state;
	static struct hooked h;
	struct hook *hook;
	struct mapping *csv;
	struct err e = ERR_NONE;
	hooked_open(&h, sv_from(two));
	assert_int_equal(
		mapping_parse(
			SV("mapping: 1\nsource: s\ninteractions: {event: A, customer: {user: \"{u}\"}, at: "
			   "\"{at}\"}\n"),
			"m", h.kept.design, &csv, &e),
		RC_OK);
	assert_int_equal(hook_open(csv, h.kept.design, SV("x"), &hook, &e), RC_INPUT);
	assert_string_equal(e.remedy, "write format: ndjson");
	mapping_free(&csv);
	hooked_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(helpdesk),
		cmocka_unit_test(shop_and_courier),
		cmocka_unit_test(reviews),
		cmocka_unit_test(telephony),
		cmocka_unit_test(refusals),
		cmocka_unit_test(wrong_format),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
