// SPDX-License-Identifier: Apache-2.0
// Fuzzes the patterns of the analysis sequence: the first byte chooses what lies between elements, the extent, what is
// counted, and whether the pattern is ours or ClickHouse's; the rest is the pattern. Asked on a small store that is made
// once. Held: a refused pattern has a message; a pattern that is too much ends as a limit; an answer has no more persons
// than matches, nor more persons than there are.
#include "journey/journey.h"
#include "measure/measure.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#define CUSTOMERS 5u

static const char corridor[] =
	"corridor: 1\nbrand: F\ntimezone: Europe/Berlin\ncurrency: EUR\nstages: [buy, use]\n"
	"channels: {web: digital, phone: contact-centre}\ntouchpoints:\n"
	"  order: {stage: buy, match: [{event: E0}]}\n"
	"  call: {stage: use, match: [{event: E1}]}\n"
	"  visit: {stage: use, match: [{event: E2}]}\n";

static char dir[] = "/tmp/corridor-fuzz-XXXXXX";

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
	(void)info;
	(void)type;
	(void)walk;
	return remove(path);
}

static void clean(void)
{
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void must(bool fact)
{
	if (!fact)
		abort();
}

static void fill(const struct design *d, struct batch *b)
{
	char text[3][32];
	for (uint32_t i = 0; i < 100; i++) {
		uint32_t mixed = i * 2654435761u >> 16;
		struct interaction x = {.at_ms = INT64_C(1772323200000) + (int64_t)(i / 3) * 5400000,
			.due_ms = TIME_NONE,
			.n_identities = 1};
		x.received_ms = x.at_ms;
		snprintf(text[0], 32, "m-%u", i);
		snprintf(text[1], 32, "E%u", mixed % 4);
		snprintf(text[2], 32, "c-%u", mixed / 8 % CUSTOMERS);
		x.id = sv_from(text[0]);
		x.event = sv_from(text[1]);
		x.channel = mixed & 4 ? SV("web") : SV("phone");
		x.identities[0] = (struct identity){SV("user"), sv_from(text[2])};
		design_resolve(d, &x);
		struct err e = ERR_NONE;
		must(batch_add(b, &x, &e) == RC_OK);
	}
}

static struct snapshot *open_store(void)
{
	static struct store *store; // lives as long as the process
	struct err e = ERR_NONE;
	struct snapshot *sn;
	must(mkdtemp(dir) != NULL);
	atexit(clean);
	must(store_create(dir, sv_from(corridor), "fuzz.yaml", SV("fuzz"), &e) == RC_OK);
	must(store_open(dir, NULL, &store, &e) == RC_OK);
	struct batch *b = batch_new(store_design(store));
	must(b != NULL);
	fill(store_design(store), b);
	struct append_result result;
	must(store_append(store, &b, 1, &result, NULL, NULL, &e) == RC_OK);
	batch_free(&b);
	must(snapshot_open(store, &sn, &e) == RC_OK);
	return sn;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct snapshot *sn; // made once: questions do not change it
	if (!sn)
		sn = open_store();
	if (size == 0)
		return 0;
	uint8_t how = data[0];
	struct query_param params[8] = {{SV("pattern"), {(const char *)data + 1, size - 1}},
		{SV("between"), how & 1 ? SV("any") : SV("none")},
		{SV("extent"), how & 2 ? SV("longest") : SV("shortest")},
		{SV("count"), how & 4 ? SV("matches") : SV("persons")},
		{SV("among"), how & 8 ? SV("pattern") : SV("all")}, {SV("event"), SV("order")},
		{SV("event"), SV("channel = web")}, {SV("event"), SV("visit")}};
	struct query q = {
		.analysis = SV("sequence"), .params = params, .n_params = how & 16 ? 8 : 5, .threads = 1};
	struct result *r = NULL;
	struct err e = ERR_NONE;
	enum rc rc = query_run(sn, &q, &r, &e);
	must(rc == RC_OK || rc == RC_USAGE || rc == RC_LIMIT);
	must(rc == RC_OK ? r != NULL : r == NULL && e.message[0]);
	if (rc == RC_OK) {
		double persons = r->cells[0].number, matches = r->cells[1].number;
		must(r->n_rows == 1 && persons <= CUSTOMERS && persons <= matches);
		must(how & 4 || persons == matches);
	}
	result_free(&r);
	return 0;
}
