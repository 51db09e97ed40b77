// SPDX-License-Identifier: Apache-2.0
// Loading in bulk: interactions that come in order of person and time go straight into segments, without inbox, sorting
// and a second encoding. Any number of runs are written side by side, each by a thread of its own; a finished run is
// one segment and one transaction (its catalogue row and the names that are new), crash-safe as sealing is.
//
// Invariants:
//  1. The store held nothing when loading began, and append_mu and compact_mu are held until it ends: what the runs
//     write is all there is.
//  2. Runs have ranges of persons without overlap, so content that comes twice comes twice in one run, next to rows of
//     the same person and time; message ids are held against all finished runs.
#include "base/hash.h"
#include "base/mem.h"
#include "journey/store_internal.h"

#define CACHE_NAMES (1u << 20)

struct store_load {
	struct store *store;
	int64_t first_id, first_ordinal; // of run 0
	pthread_mutex_t mu;              // over names, the database and the catalogue's order
};

// Codes of names that the run has asked for, so that it need not ask for them again.
struct code_cache {
	struct dict *names;
	uint32_t *codes;
	size_t capacity;
};

// A name at a place in the caller's memory, where the same name often is again.
struct recent_name {
	const char *at;
	struct sv name; // owned by the cache of its kind
	enum name_kind kind;
	uint32_t code;
};
enum { RECENT_NAMES = 256 };

struct load_run {
	struct store_load *load;
	const struct design *design;
	struct segment_draft draft;
	int64_t ordinal;
	struct code_cache caches[NAME_KINDS];
	struct recent_name recent[RECENT_NAMES];
	uint32_t touchpoint_code[1 + UINT16_MAX]; // + 1; 0: not asked for yet
	uint32_t measure_code[DESIGN_MEASURES_MAX], dimension_code[DESIGN_DIMENSIONS_MAX];
	struct row row;
	struct buf identity, list; // list: of the row's identities
	uint32_t n_listed;         // 0: not those of a row
	size_t type_len[INTERACTION_IDENTITIES_MAX];
	uint64_t identities_key; // hash of the list
	uint64_t n_rows;
	uint64_t *same; // hashes of the contents at the row's person and time
	size_t n_same, same_capacity;
	uint64_t *ids;
	size_t n_ids, ids_capacity;
};

enum rc store_load_begin(struct store *s, struct store_load **out, struct err *e)
{
	*out = NULL;
	enum rc rc = store_must_write(s, e);
	if (rc != RC_OK)
		return rc;
	struct store_load *l = mem_calloc(1, sizeof(*l));
	if (!l)
		return err_set(e, RC_NOMEM, "out of memory for loading");
	l->store = s;
	pthread_mutex_init(&l->mu, NULL);
	pthread_mutex_lock(&s->append_mu);
	rc = store_reload(
		s, e); // takes compact_mu itself; what a merge does after that leaves an empty store empty
	compact_lock(s);
	if (rc == RC_OK && (s->catalogue.n > 0 || s->active->n_views > 0 || s->sealing)) {
		rc = err_set(e, RC_EXISTS, "only an empty data directory can be loaded in bulk");
		err_remedy(e, "append to it, or load into a new one");
	}
	*out = l;
	if (rc != RC_OK)
		store_load_end(out);
	else {
		l->first_id = s->next_id;
		l->first_ordinal = s->next_ordinal;
	}
	return rc;
}

void store_load_end(struct store_load **load)
{
	struct store_load *l = *load;
	if (!l)
		return;
	l->store->stale = true; // runs finished in any order: the next writer reads them in theirs
	pthread_mutex_unlock(&l->store->compact_mu);
	pthread_mutex_unlock(&l->store->append_mu);
	pthread_mutex_destroy(&l->mu);
	mem_free(l);
	*load = NULL;
}

// Ids and ordinals follow the runs' numbers.
static enum rc draft_open(struct load_run *r, uint32_t number, struct err *e)
{
	struct store *s = r->load->store;
	char path[STORE_PATH_BYTES];
	r->draft = (struct segment_draft){.id = r->load->first_id + number};
	r->ordinal = r->load->first_ordinal + number;
	pthread_mutex_lock(&s->mu);
	s->next_id = s->next_id > r->draft.id ? s->next_id : r->draft.id + 1;
	pthread_mutex_unlock(&s->mu);
	enum rc rc = segment_path(s->dir, r->draft.id, ".tmp", path, e);
	return rc == RC_OK ? segment_writer_new(s->io, path, &r->draft.writer, e) : rc;
}

enum rc load_run_new(struct store_load *l, uint32_t number, struct load_run **out, struct err *e)
{
	struct load_run *r = mem_calloc(1, sizeof(*r));
	*out = r;
	if (!r)
		return err_set(e, RC_NOMEM, "out of memory for loading");
	r->load = l;
	r->design = store_design(l->store);
	r->identity = buf_new(1u << 20);
	r->list = buf_new(1u << 20);
	enum rc rc = draft_open(r, number, e);
	if (rc != RC_OK)
		load_run_free(out);
	return rc;
}

static void run_release(struct load_run *r)
{
	for (unsigned k = 0; k < NAME_KINDS; k++) {
		dict_free(&r->caches[k].names);
		mem_free(r->caches[k].codes);
	}
	buf_free(&r->identity);
	buf_free(&r->list);
	mem_free(r->same);
	mem_free(r->ids);
	mem_free(r);
}

void load_run_free(struct load_run **run)
{
	struct load_run *r = *run;
	if (!r)
		return;
	draft_drop(r->load->store, &r->draft, true);
	run_release(r);
	*run = NULL;
}

// --- names ---

static enum rc code_of_store(
	struct load_run *r, enum name_kind kind, struct sv name, uint32_t *code, struct err *e)
{
	pthread_mutex_lock(&r->load->mu);
	enum rc rc = names_code(r->load->store->names, kind, name, code, e);
	pthread_mutex_unlock(&r->load->mu);
	return rc;
}

static enum rc code_of_run(
	struct load_run *r, enum name_kind kind, struct sv name, struct recent_name *found, struct err *e)
{
	struct code_cache *c = &r->caches[kind];
	*found = (struct recent_name){.code = NAME_NONE};
	if (!c->names && !(c->names = dict_new(CACHE_NAMES)))
		return err_set(e, RC_NOMEM, "out of memory for names");
	uint32_t at = dict_find(c->names, name);
	if (at == DICT_NONE) {
		size_t bad;
		if (!sv_utf8_valid(name, &bad))
			return err_set(e, RC_INPUT, "a name is not UTF-8: byte %zu of %zu", bad + 1, name.len);
		enum rc rc = code_of_store(r, kind, name, &found->code, e);
		if (rc != RC_OK)
			return rc;
		at = dict_add(c->names, name);
		if (at == DICT_NONE) // full: asked for again next time
			return RC_OK;
		if (mem_grow((void **)&c->codes, &c->capacity, at + 1u, sizeof(*c->codes)) != 0)
			return err_set(e, RC_NOMEM, "out of memory for names");
		c->codes[at] = found->code;
	}
	*found = (struct recent_name){name.ptr, dict_at(c->names, at), kind, c->codes[at]};
	return RC_OK;
}

static enum rc code_of(struct load_run *r, enum name_kind kind, struct sv name, uint32_t *code, struct err *e)
{
	*code = NAME_NONE;
	if (name.len == 0)
		return RC_OK;
	struct recent_name *m = &r->recent[((uintptr_t)name.ptr >> 2 ^ kind * 37u) % RECENT_NAMES];
	enum rc rc = RC_OK;
	if (m->at != name.ptr || m->kind != kind || !sv_equal(m->name, name))
		rc = code_of_run(r, kind, name, m, e);
	*code = m->code;
	return rc;
}

enum rc store_load_name(
	struct store_load *l, enum name_kind kind, struct sv name, uint32_t *code, struct err *e)
{
	pthread_mutex_lock(&l->mu);
	enum rc rc = names_code(l->store->names, kind, name, code, e);
	pthread_mutex_unlock(&l->mu);
	return rc;
}

// The code of something that the design lists, by its index there.
static enum rc listed_code(struct load_run *r, enum name_kind kind, struct sv name, uint32_t *cached,
	uint32_t *code, struct err *e)
{
	enum rc rc = *cached ? RC_OK : code_of_store(r, kind, name, cached, e);
	*code = *cached;
	return rc;
}

// --- rows ---

static enum rc row_names(struct load_run *r, const struct interaction *x, struct err *e)
{
	const struct {
		enum code_column column;
		enum name_kind kind;
		struct sv name;
	} plain[] = {{CODE_CHANNEL, NAME_CHANNEL, x->channel}, {CODE_EVENT, NAME_EVENT, x->event},
		{CODE_SOURCE, NAME_SOURCE, x->source}, {CODE_AGENT, NAME_AGENT, x->agent},
		{CODE_LOCATION, NAME_LOCATION, x->location}};
	struct row *row = &r->row;
	enum rc rc = RC_OK;
	memset(row->code, 0, sizeof(row->code));
	for (size_t i = 0; rc == RC_OK && i < sizeof(plain) / sizeof(plain[0]); i++)
		rc = code_of(r, plain[i].kind, plain[i].name, &row->code[plain[i].column], e);
	if (rc == RC_OK && x->touchpoint != TOUCHPOINT_NONE) {
		struct sv name = r->design->touchpoints[x->touchpoint].name;
		if (x->touchpoint > UINT16_MAX)
			rc = code_of(r, NAME_TOUCHPOINT, name, &row->code[CODE_TOUCHPOINT], e);
		else
			rc = listed_code(r, NAME_TOUCHPOINT, name, &r->touchpoint_code[x->touchpoint],
				&row->code[CODE_TOUCHPOINT], e);
	}
	for (uint32_t i = 0; rc == RC_OK && i < r->design->n_dimensions; i++) {
		uint32_t slot;
		if (x->dimensions[i].len == 0)
			continue;
		rc = listed_code(r, NAME_DIMENSION, r->design->dimensions[i], &r->dimension_code[i], &slot, e);
		if (rc == RC_OK)
			rc = code_of(r, (enum name_kind)(NAME_DIMENSION0 + slot - 1), x->dimensions[i],
				&row->code[CODE_DIMENSION0 + slot - 1], e);
	}
	return rc;
}

static enum rc row_measures(struct load_run *r, const struct interaction *x, struct err *e)
{
	struct row *row = &r->row;
	row->n_measures = x->n_measures;
	for (uint32_t i = 0; i < x->n_measures; i++) {
		uint32_t m = x->measures[i].measure, code;
		enum rc rc = listed_code(
			r, NAME_MEASURE, r->design->measures[m].name, &r->measure_code[m], &code, e);
		if (rc != RC_OK)
			return rc;
		row->measures[i] = (struct row_measure){code - 1, x->measures[i].value};
	}
	return RC_OK;
}

static struct sv present(struct sv s)
{
	return s.len ? s : SV_NONE;
}

// Interactions of one person mostly have the same identities.
static bool identities_same(const struct load_run *r, const struct interaction *x)
{
	struct rd in = rd_new(buf_view(&r->list));
	if (r->n_listed == 0 || r->n_listed != x->n_identities)
		return false;
	for (uint32_t i = 0; i < r->n_listed; i++) {
		struct sv known = rd_blob(&in), type = x->identities[i].type, value = x->identities[i].value;
		if (type.len != r->type_len[i] || known.len != type.len + 1 + value.len ||
			memcmp(known.ptr, type.ptr, type.len) != 0 ||
			(value.len && memcmp(known.ptr + type.len + 1, value.ptr, value.len) != 0))
			return false;
	}
	return true;
}

static enum rc identities_list(struct load_run *r, const struct interaction *x, struct err *e)
{
	r->n_listed = 0;
	buf_clear(&r->list);
	buf_clear(&r->identity);
	for (uint32_t i = 0; r->identity.rc == RC_OK && i < x->n_identities; i++) {
		buf_clear(&r->identity);
		buf_sv(&r->identity, x->identities[i].type);
		buf_char(&r->identity, ':');
		buf_sv(&r->identity, x->identities[i].value);
		buf_blob(&r->list, buf_view(&r->identity));
		r->type_len[i] = x->identities[i].type.len;
	}
	enum rc rc = buf_check(&r->identity, e, "an identity");
	if (rc == RC_OK)
		rc = buf_check(&r->list, e, "identities");
	r->n_listed = rc == RC_OK ? x->n_identities : 0;
	r->identities_key = hash64(r->list.data, r->list.len);
	return rc;
}

static void row_texts(struct load_run *r, const struct interaction *x)
{
	struct row *row = &r->row;
	row->promise = x->promise.len ? batch_promise_hash(x->promise) : 0;
	row->keeps = x->keeps.len ? batch_promise_hash(x->keeps) : 0;
	row->cold[COLD_ID] = present(x->id);
	row->cold[COLD_PROMISE] = present(x->promise);
	row->cold[COLD_KEEPS] = present(x->keeps);
	row->cold[COLD_TEXT] = present(x->text);
	row->cold[COLD_PROPERTIES] = present(x->properties);
	row->identities = buf_view(&r->list);
}

static uint64_t chain(uint64_t h, struct sv s)
{
	return s.len ? hash64_seed(s.ptr, s.len, h + 1) : h * 31;
}

// A hash of all that the row holds but the time of receipt, for telling rows of one person and time apart. Measures are
// summed, because their order is the design's and not the content's.
static uint64_t content_key(const struct row *row, uint64_t identities_key)
{
	uint64_t h = hash64_seed(row->code, sizeof(row->code), identities_key), sum = 0;
	for (unsigned i = 0; i < COLD_COLUMNS; i++)
		h = chain(h, row->cold[i]);
	for (uint32_t i = 0; i < row->n_measures; i++)
		sum += hash64_seed(&row->measures[i].value, sizeof(double), row->measures[i].slot);
	const uint64_t rest[3] = {sum, (uint64_t)row->at_ms, (uint64_t)row->due_ms};
	return hash64_seed(rest, sizeof(rest), h);
}

// Remembers the row's content; *known: it has been at this person and time.
static enum rc content_note(struct load_run *r, bool tie, bool *known, struct err *e)
{
	uint64_t key = content_key(&r->row, r->identities_key);
	*known = false;
	r->n_same = tie ? r->n_same : 0;
	for (size_t i = 0; i < r->n_same; i++)
		*known |= r->same[i] == key;
	if (*known)
		return RC_OK;
	if (mem_grow((void **)&r->same, &r->same_capacity, r->n_same + 1, sizeof(*r->same)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for loading");
	r->same[r->n_same++] = key;
	return RC_OK;
}

static enum rc id_note(struct load_run *r, const struct interaction *x, struct err *e)
{
	if (mem_grow((void **)&r->ids, &r->ids_capacity, r->n_ids + 1, sizeof(*r->ids)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for loading");
	r->ids[r->n_ids++] = batch_id_key(r->design, x);
	return RC_OK;
}

enum rc load_run_add(struct load_run *r, const struct interaction *x, bool *added, struct err *e)
{
	*added = false;
	enum rc rc = interaction_check(r->design, x, e);
	if (rc != RC_OK)
		return rc;
	struct row *row = &r->row;
	uint64_t person = row->person;
	if (!identities_same(r, x)) {
		person = person_of(x->identities[0].type, x->identities[0].value);
		rc = identities_list(r, x, e);
		if (rc != RC_OK)
			return rc;
	}
	bool tie = r->n_rows > 0 && person == row->person && x->at_ms == row->at_ms, known = false;
	if (r->n_rows > 0 && (person < row->person || (person == row->person && x->at_ms < row->at_ms))) {
		r->n_listed = 0;
		return err_set(e, RC_USAGE, "interactions to be loaded are not in order of person and time");
	}
	row->person = person;
	row->at_ms = x->at_ms;
	row->received_ms = x->received_ms == TIME_NONE ? x->at_ms : x->received_ms;
	row->due_ms = x->promise.len ? x->due_ms : TIME_NONE;
	rc = row_names(r, x, e);
	if (rc == RC_OK)
		rc = row_measures(r, x, e);
	row_texts(r, x);
	if (rc == RC_OK)
		rc = x->id.len ? id_note(r, x, e) : content_note(r, tie, &known, e);
	if (rc == RC_OK && !known)
		rc = segment_writer_add(r->draft.writer, row, e);
	if (rc == RC_OK && !known) {
		r->n_rows++;
		*added = true;
	}
	return rc;
}

// --- finishing ---

static enum rc ids_write(struct load_run *r, struct err *e)
{
	enum rc rc = id_keys_sort(r->ids, r->n_ids, e);
	for (size_t i = 1; rc == RC_OK && i < r->n_ids; i++)
		if (r->ids[i - 1] == r->ids[i])
			rc = err_set(e, RC_EXISTS, "a message id comes twice in what is loaded");
	if (rc == RC_OK)
		rc = segment_writer_rows_end(r->draft.writer, r->n_ids, e);
	return rc == RC_OK ? segment_writer_ids(r->draft.writer, r->ids, r->n_ids, e) : rc;
}

// Against the runs finished before: persons apart, no message id of theirs.
static enum rc run_fits(const struct load_run *r, struct err *e)
{
	const struct segment_list *c = &r->load->store->catalogue;
	const struct segment_info *mine = &r->draft.ref->entry.info;
	uint64_t *bits = mem_calloc(r->n_ids / 64 + 1, sizeof(*bits));
	enum rc rc = bits ? RC_OK : err_set(e, RC_NOMEM, "out of memory for loading");
	for (size_t i = 0; rc == RC_OK && i < c->n; i++) {
		const struct segment_info *other = &c->items[i]->entry.info;
		if (mine->first_person <= other->last_person && other->first_person <= mine->last_person)
			rc = err_set(e, RC_USAGE, "runs to be loaded share persons");
		if (rc == RC_OK)
			rc = segment_ids_lookup(c->items[i]->segment, r->ids, r->n_ids, bits);
	}
	for (size_t i = 0; rc == RC_OK && i < r->n_ids / 64 + 1; i++)
		if (bits[i])
			rc = err_set(e, RC_EXISTS, "a message id comes twice in what is loaded");
	mem_free(bits);
	return rc;
}

static enum rc run_commit(struct load_run *r, bool *committing, struct err *e)
{
	struct store *s = r->load->store;
	enum rc rc = run_fits(r, e);
	if (rc == RC_OK)
		rc = catalogue_reserve(s, e);
	if (rc == RC_OK)
		rc = db_begin(s->db, e);
	if (rc != RC_OK)
		return rc;
	rc = names_save(s->db, s->names, s->names_saved, e);
	if (rc == RC_OK)
		rc = catalogue_insert(s->db, &r->draft.ref->entry, e);
	if (rc == RC_OK) {
		*committing = true;
		rc = db_commit(s->db, e);
	}
	if (rc != RC_OK) {
		db_rollback(s->db);
		s->stale = true;
		return rc;
	}
	names_counts(s->names, s->names_saved);
	s->next_ordinal = s->next_ordinal > r->ordinal ? s->next_ordinal : r->ordinal + 1;
	catalogue_swap(s, 0, 0, r->draft.ref);
	return RC_OK;
}

enum rc load_run_finish(struct load_run **run, struct err *e)
{
	struct load_run *r = *run;
	bool committing = false;
	if (r->n_rows == 0) {
		load_run_free(run);
		return RC_OK;
	}
	enum rc rc = ids_write(r, e);
	if (rc == RC_OK)
		rc = draft_finish(r->load->store, &r->draft, r->ordinal, e);
	if (rc == RC_OK) {
		pthread_mutex_lock(&r->load->mu);
		rc = run_commit(r, &committing, e);
		pthread_mutex_unlock(&r->load->mu);
	}
	if (rc != RC_OK)
		draft_drop(r->load->store, &r->draft, !committing);
	run_release(r);
	*run = NULL;
	return rc;
}
