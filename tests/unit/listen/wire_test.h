// SPDX-License-Identifier: Apache-2.0
// What the tests of wire protocols share: a small corridor, a sink that keeps copies, and looking at them.
#ifndef CORRIDOR_TESTS_WIRE_TEST_H
#define CORRIDOR_TESTS_WIRE_TEST_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/arena.h"
#include "listen/wire.h"

#define KEPT_MAX 128
#define RECEIVED INT64_C(1774792800000) // 2026-03-29T14:00:00Z

static const char wire_corridor[] =
	"corridor: 1\nbrand: Tidewater\ntimezone: Europe/Berlin\ncurrency: EUR\n"
	"stages: [discovery, purchase, support]\n"
	"channels: {web: digital, app: digital, api: digital, phone: contact-centre}\n"
	"measures: {speed: {unit: Mbit/s}, shipping: {unit: minor}}\n"
	"dimensions: {product: {from: properties.product}, plan: {from: properties.traits.plan},\n"
	"  landing: {from: properties.context.page.path}, city: {from: properties.address.city}}\n"
	"touchpoints:\n"
	"  order: {stage: purchase, match: [{event: Order Completed}]}\n"
	"  start: {stage: discovery, match: [{event: Page Viewed, properties.path: /start}]}\n"
	"  call: {stage: support, match: [{event: Call Ended, channel: phone}]}\n";

struct kept_text {
	uint32_t index;
	struct sv raw, text;
};

struct kept {
	struct design *design;
	struct wire_decoder *decoder;
	struct wire_context c;
	struct arena *arena;
	struct interaction x[KEPT_MAX];
	uint32_t index[KEPT_MAX];
	struct wire_link links[KEPT_MAX];
	struct kept_text rejects[KEPT_MAX];
	uint32_t n, n_links, n_rejects;
	struct wire_result result;
	struct err err;
};

static inline struct sv keep(struct kept *k, struct sv s)
{
	return s.ptr ? arena_copy(k->arena, s) : SV_NONE;
}

static inline enum rc keep_interaction(
	void *context, uint32_t index, const struct interaction *x, struct err *e)
{
	struct kept *k = context;
	(void)e;
	assert_true(k->n < KEPT_MAX);
	struct interaction *c = &k->x[k->n];
	k->index[k->n++] = index;
	*c = *x;
	struct sv *all[] = {&c->id, &c->source, &c->event, &c->channel, &c->agent, &c->location, &c->promise,
		&c->keeps, &c->text, &c->properties};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		*all[i] = keep(k, *all[i]);
	for (uint32_t i = 0; i < c->n_identities; i++) {
		c->identities[i].type = keep(k, c->identities[i].type);
		c->identities[i].value = keep(k, c->identities[i].value);
	}
	for (uint32_t i = 0; i < k->design->n_dimensions; i++)
		c->dimensions[i] = keep(k, c->dimensions[i]);
	return RC_OK;
}

static inline enum rc keep_link(void *context, const struct wire_link *l, struct err *e)
{
	struct kept *k = context;
	(void)e;
	assert_true(k->n_links < KEPT_MAX);
	k->links[k->n_links++] = (struct wire_link){{keep(k, l->from.type), keep(k, l->from.value)},
		{keep(k, l->to.type), keep(k, l->to.value)}, l->at_ms};
	return RC_OK;
}

static inline enum rc keep_reject(void *context, uint32_t index, struct sv raw, struct sv reason, struct err *e)
{
	struct kept *k = context;
	(void)e;
	assert_true(k->n_rejects < KEPT_MAX);
	k->rejects[k->n_rejects++] = (struct kept_text){index, keep(k, raw), keep(k, reason)};
	return RC_OK;
}

static inline void kept_open(struct kept *k)
{
	memset(k, 0, sizeof(*k));
	if (design_parse(sv_from(wire_corridor), "corridor.yaml", &k->design, NULL, &k->err) != RC_OK)
		fail_msg("%s", k->err.message);
	k->decoder = wire_decoder_new();
	k->arena = arena_new(0);
	assert_non_null(k->decoder);
	k->c = (struct wire_context){.design = k->design, .source = SV("shop"), .received_ms = RECEIVED};
}

static inline void kept_close(struct kept *k)
{
	wire_decoder_free(&k->decoder);
	arena_free(&k->arena);
	design_free(&k->design);
}

static inline enum rc kept_decode(struct kept *k, enum wire_kind kind, struct sv body)
{
	const struct wire_sink sink = {k, keep_interaction, keep_link, keep_reject};
	k->n = k->n_links = k->n_rejects = 0;
	k->err = ERR_NONE;
	arena_reset(k->arena);
	enum rc rc = wire_decode(k->decoder, kind, body, &k->c, &sink, &k->result, &k->err);
	if (rc == RC_OK) {
		assert_int_equal(k->result.n_interactions, k->n);
		assert_int_equal(k->result.n_rejected, k->n_rejects);
		assert_int_equal(k->result.n_links, k->n_links);
		assert_int_equal(k->result.n_messages, k->n + k->n_rejects);
	}
	return rc;
}

static inline void assert_text(struct sv got, const char *want)
{
	if (!want) {
		if (got.len)
			fail_msg("got \"%.*s\", wanted nothing", SV_ARG(got));
		return;
	}
	if (!sv_equal(got, sv_from(want)) || !got.ptr)
		fail_msg("got \"%.*s\", wanted \"%s\"", SV_ARG(got), want);
}

// One message, understood.
static inline const struct interaction *one(struct kept *k, enum wire_kind kind, const char *body)
{
	enum rc rc = kept_decode(k, kind, sv_from(body));
	if (rc != RC_OK)
		fail_msg("%s", k->err.message);
	if (k->n_rejects)
		fail_msg("%.*s", SV_ARG(k->rejects[0].text));
	assert_int_equal(k->n, 1);
	return &k->x[0];
}

// One message, refused for this reason.
static inline void refused(struct kept *k, enum wire_kind kind, const char *body, const char *reason)
{
	enum rc rc = kept_decode(k, kind, sv_from(body));
	if (rc != RC_OK)
		fail_msg("%s", k->err.message);
	if (k->n_rejects != 1)
		fail_msg("not refused: %s", body);
	assert_int_equal(k->n, 0);
	assert_text(k->rejects[0].text, reason);
	assert_text(k->rejects[0].raw, body);
}

// "user:u1 email:a@b" in order.
static inline void assert_identities(const struct interaction *x, const char *want)
{
	char got[1024] = "";
	size_t n = 0;
	for (uint32_t i = 0; i < x->n_identities; i++)
		n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%.*s:%.*s", i ? " " : "",
			SV_ARG(x->identities[i].type), SV_ARG(x->identities[i].value));
	assert_string_equal(got, want);
}

// "anonymous:a>user:u", in order, separated by blanks.
static inline void assert_links(const struct kept *k, const char *want)
{
	char got[1024] = "";
	size_t n = 0;
	for (uint32_t i = 0; i < k->n_links; i++)
		n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%.*s:%.*s>%.*s:%.*s", i ? " " : "",
			SV_ARG(k->links[i].from.type), SV_ARG(k->links[i].from.value),
			SV_ARG(k->links[i].to.type), SV_ARG(k->links[i].to.value));
	assert_string_equal(got, want);
}

// NAN when it is not there.
static inline double measure_of(const struct kept *k, const struct interaction *x, const char *name)
{
	uint32_t measure = design_measure_find(k->design, sv_from(name));
	assert_int_not_equal(measure, DESIGN_NONE);
	for (uint32_t i = 0; i < x->n_measures; i++) {
		if (x->measures[i].measure == measure)
			return x->measures[i].value;
	}
	return (double)NAN;
}

static inline void assert_measure(
	const struct kept *k, const struct interaction *x, const char *name, double want)
{
	double got = measure_of(k, x, name);
	if (isnan(want) ? !isnan(got) : !(got == want))
		fail_msg("%s is %g, wanted %g", name, got, want);
}

static inline struct sv dimension_of(const struct kept *k, const struct interaction *x, const char *name)
{
	uint32_t d = design_dimension_find(k->design, sv_from(name));
	assert_int_not_equal(d, DESIGN_NONE);
	return x->dimensions[d];
}

static inline void assert_touchpoint(const struct kept *k, const struct interaction *x, const char *name)
{
	if (!name) {
		assert_int_equal(x->touchpoint, TOUCHPOINT_NONE);
		return;
	}
	assert_int_not_equal(x->touchpoint, TOUCHPOINT_NONE);
	assert_text(k->design->touchpoints[x->touchpoint].name, name);
}

#endif
