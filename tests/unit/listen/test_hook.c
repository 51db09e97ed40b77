// SPDX-License-Identifier: Apache-2.0
// Webhooks: the examples in examples/hooks, and what is done with bodies that are not as they should be.
#include "wire_test.h"

#include "base/io.h"
#include "base/mem.h"
#include "listen/hook_line.h"

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
		"event is longer than the 512 bytes allowed: 600; shorten it in the mapping or at the source");
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

// All or nothing: one object that is wrong takes the whole body with it, as it was received.
static void whole(void **state)
{
	(void)state;
	static struct hooked h;
	hooked_open(&h, sv_from(two));
	struct kept *k = &h.kept;
	const struct wire_sink sink = {k, keep_interaction, keep_link, keep_reject};
	const struct sv received = SV("as received");
	static const struct {
		const char *body;
		uint32_t n_interactions, n_messages, n_rejected;
		const char *reason;
	} cases[] = {
		{"[{\"u\":1,\"at\":\"2026-03-29\",\"e\":\"x\"},{\"u\":2,\"at\":\"2026-03-29\",\"e\":\"y\"}]", 4,
			2, 0, NULL},
		{"[{\"u\":1,\"at\":\"2026-03-29\",\"e\":\"x\"},{\"u\":2}]", 0, 1, 1,
			"at is required but column \"at\" is empty"},
		{"[{\"u\":2},{\"u\":1,\"at\":\"2026-03-29\",\"e\":\"x\"}]", 0, 1, 1,
			"at is required but column \"at\" is empty"},
		{"[]", 0, 0, 0, NULL},
		{"[7]", 0, 1, 1, "the body is JSON but no object"},
		{"{", 0, 1, 1, NULL},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		k->n = k->n_rejects = 0;
		k->err = ERR_NONE;
		assert_int_equal(hook_decode_whole(h.hook, sv_from(cases[i].body), received, 6, 0, RECEIVED,
					 &sink, &h.result, &k->err),
			RC_OK);
		assert_int_equal(k->n, cases[i].n_interactions);
		assert_int_equal(h.result.n_interactions, cases[i].n_interactions);
		assert_int_equal(h.result.n_messages, cases[i].n_messages);
		assert_int_equal(h.result.n_rejected, cases[i].n_rejected);
		assert_int_equal(k->n_rejects, cases[i].n_rejected);
		if (cases[i].n_rejected)
			assert_text(k->rejects[0].raw, "as received");
		if (cases[i].reason)
			assert_true(sv_starts(k->rejects[0].text, sv_from(cases[i].reason)));
		if (cases[i].n_interactions) // rows are counted on from the one that is given
			assert_text(k->x[3].id, "test-hook/8");
	}
	hooked_close(&h);
}

// --- lines ---

struct line_kit {
	struct hook_lines *lines;
	struct kept kept;
};

static enum rc line_decode(struct line_kit *t, struct hook_line *line, uint32_t version, const char *body,
	struct hook_result *result)
{
	struct kept *k = &t->kept;
	const struct wire_sink sink = {k, keep_interaction, keep_link, keep_reject};
	k->n = k->n_rejects = 0;
	const struct hook_body b = {.received = sv_from(body), .received_ms = RECEIVED};
	return hook_line_decode(line, k->design, version, &b, &sink, result, &k->err);
}

static void lines(void **state)
{
	(void)state;
	static struct line_kit t;
	struct kept *k = &t.kept;
	struct hook_line *old, *fresh, *same;
	struct hook_result r;
	const char *body = "{\"u\":1,\"at\":\"2026-03-29\",\"e\":\"x\"}";
	struct hook_settings s = {1, 1, SV("shop"), sv_from(two), SV("")};
	memset(&t, 0, sizeof(t));
	assert_int_equal(design_parse(sv_from(wire_corridor), "c", &k->design, NULL, &k->err), RC_OK);
	k->arena = arena_new(0);
	t.lines = hook_lines_new();
	assert_non_null(t.lines);
	assert_int_equal(hook_lines_take(t.lines, &s, &old, &k->err), RC_OK);
	assert_int_equal(hook_lines_take(t.lines, &s, &same, &k->err), RC_OK);
	assert_ptr_equal(old, same);
	hook_line_release(t.lines, &same);
	assert_null(same);
	assert_int_equal(line_decode(&t, old, 1, body, &r), RC_OK);
	assert_int_equal(k->n, 2);
	assert_text(k->x[1].id, "shop/1");
	// Another revision is another line; who has the old one goes on with it.
	s.revision = 2;
	s.mapping = SV("mapping: 1\nsource: s\nformat: ndjson\ninteractions:\n"
		       "  - {event: B, customer: {user: \"{u}\"}, at: \"{at}\", channel: phone}\n");
	assert_int_equal(hook_lines_take(t.lines, &s, &fresh, &k->err), RC_OK);
	assert_true(fresh != old);
	assert_int_equal(line_decode(&t, fresh, 1, body, &r), RC_OK);
	assert_int_equal(k->n, 1);
	assert_text(k->x[0].event, "B");
	assert_int_equal(line_decode(&t, old, 1, body, &r), RC_OK);
	assert_int_equal(k->n, 2);
	hook_line_release(t.lines, &old);
	// What a program made counts as a whole; when it made nothing, the body is kept with the reason.
	const struct wire_sink sink = {k, keep_interaction, keep_link, keep_reject};
	struct hook_body made = {.received = SV("as received"),
		.made = SV("[{\"u\":1,\"at\":\"2026-03-29\"},{\"u\":2,\"at\":\"2026-03-29\"}]"),
		.received_ms = RECEIVED};
	k->n = k->n_rejects = 0;
	assert_int_equal(hook_line_decode(fresh, k->design, 1, &made, &sink, &r, &k->err), RC_OK);
	assert_int_equal(k->n, 2);
	made.made = SV("[{\"u\":1,\"at\":\"2026-03-29\"},{\"u\":2}]");
	k->n = k->n_rejects = 0;
	assert_int_equal(hook_line_decode(fresh, k->design, 1, &made, &sink, &r, &k->err), RC_OK);
	assert_int_equal(k->n, 0);
	assert_int_equal(k->n_rejects, 1);
	assert_text(k->rejects[0].raw, "as received");
	made.refused = "so";
	k->n = k->n_rejects = 0;
	assert_int_equal(hook_line_decode(fresh, k->design, 1, &made, &sink, &r, &k->err), RC_OK);
	assert_int_equal(r.n_rejected, 1);
	assert_text(k->rejects[0].text, "so");
	// Another corridor file that the mapping does not fit, and then one that it fits again.
	struct design *before = k->design;
	static const char without[] = "corridor: 1\nbrand: T\ntimezone: UTC\ncurrency: EUR\nstages: [use]\n"
				      "channels: {web: digital}\ntouchpoints:\n"
				      "  visit: {stage: use, match: [{event: B}]}\n";
	assert_int_equal(design_parse(sv_from(without), "c", &k->design, NULL, &k->err), RC_OK);
	assert_int_equal(line_decode(&t, fresh, 2, body, &r), RC_OK);
	assert_int_equal(r.n_rejected, 1);
	assert_int_equal(k->n, 0);
	assert_text(k->rejects[0].raw, body);
	assert_true(sv_starts(k->rejects[0].text, SV("the mapping does not fit the corridor file: mapping:")));
	design_free(&k->design);
	k->design = before;
	assert_int_equal(line_decode(&t, fresh, 3, body, &r), RC_OK);
	assert_int_equal(k->n, 1);
	hook_line_release(t.lines, &fresh);
	hook_lines_free(&t.lines);
	arena_free(&k->arena);
	design_free(&k->design);
}

// Whatever allocation fails, it is said, and nothing is left behind (the sanitizers look).
static void out_of_memory(void **state)
{
	(void)state;
	static struct line_kit t;
	struct kept *k = &t.kept;
	const struct hook_settings s = {1, 1, SV("shop"), sv_from(two), SV("")};
	const struct sv body = SV("[{\"u\":1,\"at\":\"2026-03-29\",\"e\":\"x\"},{\"u\":2}]"),
			form = SV("u=1&at=2026-03-29");
	memset(&t, 0, sizeof(t));
	assert_int_equal(design_parse(sv_from(wire_corridor), "c", &k->design, NULL, &k->err), RC_OK);
	const struct sv bodies[] = {body, form};
	for (unsigned b = 0; b < 2; b++) {
		enum rc rc = RC_NOMEM;
		uint64_t nth = 0;
		while (rc != RC_OK) {
			struct err e = ERR_NONE;
			struct buf out = buf_new(1 << 20);
			assert_true(++nth < 10000);
			mem_fail_at(nth);
			rc = hook_try(&s, NULL, k->design, bodies[b], 0, RECEIVED, &out, &e);
			mem_fail_at(0);
			assert_true(rc == RC_OK || rc == RC_NOMEM);
			assert_true(rc == RC_OK || e.message[0]);
			buf_free(&out);
		}
		assert_true(nth > 10);
	}
	struct hook_lines *l = hook_lines_new();
	struct hook_line *line = NULL;
	for (uint64_t nth = 1; !line; nth++) {
		struct err e = ERR_NONE;
		mem_fail_at(nth);
		enum rc rc = hook_lines_take(l, &s, &line, &e);
		mem_fail_at(0);
		assert_int_equal(rc, line ? RC_OK : RC_NOMEM);
	}
	hook_line_release(l, &line);
	hook_lines_free(&l);
	design_free(&k->design);
}

static void origins(void **state)
{
	(void)state;
	struct arena *a = arena_new(0);
	struct buf text = buf_new(1000);
	struct sv name;
	hook_origin_write(&text, SV("shop-2_x"));
	assert_text(buf_view(&text), "{\"hook\":\"shop-2_x\"}");
	assert_true(hook_origin_read(buf_view(&text), a, &name));
	assert_text(name, "shop-2_x");
	assert_false(hook_origin_read(SV("{\"wire\":\"native\"}"), a, &name));
	assert_false(hook_origin_read(SV("mapping: 1"), a, &name));
	assert_false(hook_origin_read(SV_NONE, a, &name));
	buf_free(&text);
	arena_free(&a);
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
		cmocka_unit_test(whole),
		cmocka_unit_test(lines),
		cmocka_unit_test(out_of_memory),
		cmocka_unit_test(origins),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
