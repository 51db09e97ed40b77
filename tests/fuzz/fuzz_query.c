// SPDX-License-Identifier: Apache-2.0
// Fuzzes questions: the first line is the analysis, each further one a word as "by=channel", "where=wait > 2min",
// "from=2026-03", "to=…", "limit=3", or a parameter NAME=VALUE. Asked on a small store that is made once.
// Held: a refused question is the asker's mistake with a message; an answer can be written; and a filter and its
// complement share out all interactions.
#include "journey/journey.h"
#include "measure/measure.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#define WORDS_MAX 24

static const char corridor[] =
	"corridor: 1\nbrand: F\ntimezone: Europe/Berlin\ncurrency: EUR\nstages: [buy, use]\n"
	"channels: {web: digital, phone: contact-centre, dealer: partner}\n"
	"measures: {speed: {unit: Mbit/s}}\ndimensions: [product]\n"
	"touchpoints:\n"
	"  order: {stage: buy, match: [{event: E0}], expect: {easy: {measure: ces, at least: 5}}}\n"
	"  call: {stage: use, match: [{event: E1}], expect: {soon: {measure: wait, at most: 2min, for: "
	"80%}}}\n";

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
	static const char *const channels[] = {"web", "phone", "dealer", NULL};
	char text[5][32];
	for (uint32_t i = 0; i < 200; i++) {
		struct interaction x = {.at_ms = INT64_C(1772323200000) + (int64_t)i * 7000000,
			.due_ms = TIME_NONE,
			.n_identities = 1};
		x.received_ms = x.at_ms;
		for (uint32_t k = 0; k < 5; k++)
			snprintf(text[k], 32, k == 1 ? "E%u" : "x-%u",
				k == 0   ? i
				: k == 1 ? i % 3
					 : i % (7 + k));
		x.id = sv_from(text[0]);
		x.event = sv_from(text[1]);
		x.agent = sv_from(text[2]);
		x.identities[0] = (struct identity){SV("user"), sv_from(text[3])};
		x.channel = sv_from(channels[i % 4]);
		x.source = SV("fuzz");
		if (i % 3 == 0)
			x.promise = sv_from(text[4]);
		else if (i % 3 == 1)
			x.keeps = sv_from(text[4]);
		x.measures[0] =
			(struct measure_value){design_measure_find(d, i % 2 ? SV("wait") : SV("ces")), i % 7};
		x.n_measures = i % 5 != 0;
		design_resolve(d, &x);
		must(batch_add(b, &x, NULL) == RC_OK);
	}
}

static struct snapshot *open_store(void)
{
	static struct store *s;
	struct snapshot *sn = NULL;
	struct append_result result;
	must(mkdtemp(dir) != NULL);
	atexit(clean);
	must(store_create(dir, sv_from(corridor), "fuzz", SV("fuzz"), NULL) == RC_OK);
	must(store_open(dir, NULL, &s, NULL) == RC_OK);
	struct batch *b = batch_new(store_design(s));
	must(b != NULL);
	fill(store_design(s), b);
	must(store_append(s, &b, 1, &result, NULL, NULL, NULL) == RC_OK);
	batch_free(&b);
	must(snapshot_open(s, &sn, NULL) == RC_OK);
	return sn;
}

struct words {
	struct query q;
	struct sv where[WORDS_MAX];
	struct query_param params[WORDS_MAX];
};

static void read_words(struct words *w, struct sv text)
{
	struct sv rest = text;
	*w = (struct words){.q = {.analysis = sv_cut(text, '\n', &rest),
				    .where = w->where,
				    .params = w->params,
				    .threads = 1}};
	while (rest.ptr && w->q.n_where < WORDS_MAX && w->q.n_params < WORDS_MAX) {
		struct sv value, name = sv_cut(sv_cut(rest, '\n', &rest), '=', &value);
		int64_t number;
		if (sv_equal(name, SV("where")))
			w->where[w->q.n_where++] = value;
		else if (sv_equal(name, SV("from")))
			w->q.from = value;
		else if (sv_equal(name, SV("to")))
			w->q.to = value;
		else if (sv_equal(name, SV("limit")))
			w->q.limit = sv_to_i64(value, &number) && number >= 0 ? (uint32_t)number : 0;
		else if (sv_equal(name, SV("by")) && w->q.n_by < BY_MAX)
			w->q.by[w->q.n_by++] = value;
		else if (name.len)
			w->params[w->q.n_params++] = (struct query_param){name, value};
	}
}

static bool ask(struct snapshot *sn, const struct query *q, uint64_t *n)
{
	struct result *r = NULL;
	struct err e = ERR_NONE;
	enum rc rc = query_run(sn, q, &r, &e);
	if (rc != RC_OK) {
		must((rc == RC_USAGE || rc == RC_LIMIT) && e.message[0] && !r);
		return false;
	}
	struct buf out = buf_new(1 << 26);
	must(result_write_json(r, &out, &e) == RC_OK);
	must(result_write_csv(r, &out, &e) == RC_OK);
	must(result_write_markdown(r, &out, &e) == RC_OK);
	buf_free(&out);
	*n = r->n;
	result_free(&r);
	return true;
}

static void check_complement(struct snapshot *sn, struct sv where)
{
	struct buf text = buf_new(1 << 16);
	uint64_t n, n_not;
	struct query q = {.analysis = SV("volume"), .where = &where, .n_where = 1, .threads = 1};
	bool has = ask(sn, &q, &n);
	buf_str(&text, "not (");
	buf_sv(&text, where);
	buf_char(&text, ')');
	if (has && text.rc == RC_OK) {
		struct sv complement = buf_view(&text);
		q.where = &complement;
		if (ask(sn, &q, &n_not))
			must(n + n_not == 200);
	}
	buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct snapshot *sn; // made once: questions do not change it
	struct words w;
	uint64_t n;
	if (!sn)
		sn = open_store();
	read_words(&w, (struct sv){(const char *)data, size});
	ask(sn, &w.q, &n);
	for (uint32_t i = 0; i < w.q.n_where; i++)
		check_complement(sn, w.where[i]);
	return 0;
}
