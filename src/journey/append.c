// SPDX-License-Identifier: Apache-2.0
// Appending: batches become inbox rows in one transaction, each interaction once.
//
// An interaction is looked for in (a) the active head, which also gets the ids of this call, (b) the head being sealed,
// (c) every segment of the catalogue (duplicates.c). All three are looked at while append_mu keeps others from adding; sealing only
// moves ids from (b) to (c) and never out of both, merging only within (c).
#include "base/mem.h"
#include "journey/overlay.h"
#include "journey/segment.h"
#include "journey/store_internal.h"

// A batch on its way in.
struct arrival {
	struct batch_view *view;
	uint64_t *dropped; // NULL: no duplicates
	uint32_t n_dropped, n_rows, packed_bytes;
	int64_t seq; // 0: not stored, because it was all duplicates
};

struct naming {
	struct store *store;
	struct err e;
};

static uint32_t give_code(void *context, enum name_kind kind, struct sv name)
{
	struct naming *n = context;
	uint32_t code;
	return names_code(n->store->names, kind, name, &code, &n->e) == RC_OK ? code : NAME_NONE;
}

static enum rc open_view(struct store *s, struct batch *b, struct batch_view **out, struct err *e)
{
	struct sv packed;
	struct naming naming = {s, ERR_NONE};
	struct err failed = ERR_NONE;
	enum rc rc = batch_packed(b, &packed, e);
	if (rc != RC_OK)
		return rc;
	size_t bytes;
	uint8_t *image = batch_image_take(b, &bytes);
	rc = image ? batch_view_adopt(image, bytes, give_code, &naming, out, &failed)
		   : batch_view_open(packed, give_code, &naming, out, &failed);
	if (rc == RC_OK)
		return rc;
	return err_take(e, naming.e.rc != RC_OK ? &naming.e : &failed);
}

static void find_in_heads(struct store *s, const uint64_t *keys, uint32_t n, uint64_t *bits)
{
	enum { AHEAD = 16 };
	for (uint32_t i = 0; i < n; i++) {
		if (i + AHEAD < n) {
			id_set_prefetch(&s->active->ids, keys[i + AHEAD]);
			if (s->sealing)
				id_set_prefetch(&s->sealing->ids, keys[i + AHEAD]);
		}
		uint64_t bit = UINT64_C(1) << (i % 64);
		if (bits[i / 64] & bit)
			continue;
		if ((s->sealing && id_set_has(&s->sealing->ids, keys[i])) ||
			!id_set_add(&s->active->ids, keys[i]))
			bits[i / 64] |= bit;
	}
}

// What links ever brought together: merging put rows under whoever was linked to at that moment, and undoing a link
// waits for the next merge.
static const uint64_t *stored_under(void *overlays, uint64_t person, uint32_t *n)
{
	const struct overlays *o = overlays;
	const struct linked_person *l = o && o->n_linked ? overlays_find(o, person) : NULL;
	*n = l ? o->groups[l->group].n : 0;
	return l ? o->group_persons + o->groups[l->group].first : NULL;
}

static enum rc find_duplicates(
	struct store *s, const struct segment_list *segments, struct arrival *a, uint64_t *bits, struct err *e)
{
	uint32_t n = batch_view_count(a->view), words = (n + 63) / 64;
	const uint64_t *keys = batch_view_id_keys(a->view);
	memset(bits, 0, words * sizeof(*bits));
	struct overlays *overlays = store_overlays(s);
	const struct person_links links = {stored_under, overlays};
	enum rc rc = id_set_reserve(&s->active->ids, n, e);
	if (rc == RC_OK)
		rc = duplicates_find(segments, a->view, &links, bits, e);
	overlays_unref(&overlays);
	if (rc != RC_OK)
		return rc;
	find_in_heads(s, keys, n, bits);
	for (uint32_t i = 0; i < words; i++)
		a->n_dropped += (uint32_t)__builtin_popcountll(bits[i]);
	if (a->n_dropped) {
		a->dropped = mem_alloc(words * sizeof(*bits));
		if (!a->dropped)
			return err_set(e, RC_NOMEM, "out of memory for the head");
		memcpy(a->dropped, bits, words * sizeof(*bits));
	}
	return RC_OK;
}

// Looking for duplicates brings pages of all segments into the process, the more the larger the store is. Beyond a bound
// they are given back; what is read again comes from the page cache.
static void keep_small(const struct segment_list *segments)
{
	const uint64_t resident_max = UINT64_C(192) << 20;
	if (mem_file_resident() > resident_max)
		for (size_t i = 0; i < segments->n; i++)
			segment_forget(segments->items[i]->segment, 0, UINT64_MAX);
}

static enum rc resolve(struct store *s, struct batch **batches, uint32_t n, struct arrival *arrivals,
	struct append_result *results, struct err *e)
{
	struct segment_list segments;
	enum rc rc = catalogue_copy(s, &segments, e);
	for (uint32_t i = 0; rc == RC_OK && i < n; i++) {
		struct arrival *a = &arrivals[i];
		rc = open_view(s, batches[i], &a->view, e);
		if (rc == RC_OK)
			rc = find_duplicates(s, &segments, a, batches[i]->duplicate_bits, e);
		if (rc == RC_OK)
			results[i] = (struct append_result){
				.n_added = batch_view_count(a->view) - a->n_dropped,
				.n_duplicates = a->n_dropped,
				.duplicate_bits = batches[i]->duplicate_bits,
			};
	}
	keep_small(&segments);
	segment_list_release(s, &segments);
	return rc;
}

static enum rc store_rows(
	struct store *s, struct batch **batches, uint32_t n, struct arrival *arrivals, struct err *e)
{
	enum rc rc = names_save(s->db, s->names, s->names_saved, e);
	for (uint32_t i = 0; rc == RC_OK && i < n; i++) {
		struct arrival *a = &arrivals[i];
		struct sv packed;
		a->n_rows = batch_view_count(a->view) - a->n_dropped;
		if (a->n_rows == 0)
			continue;
		rc = batch_packed(batches[i], &packed, e);
		if (rc == RC_OK)
			a->packed_bytes = (uint32_t)packed.len;
		if (rc == RC_OK)
			rc = inbox_insert(
				s->db, batch_view_count(a->view), packed, a->dropped, a->n_dropped, &a->seq, e);
	}
	return rc;
}

static enum rc check_designs(struct store *s, struct batch **batches, uint32_t n, struct err *e)
{
	for (uint32_t i = 0; i < n; i++)
		if (batches[i]->design->hash != s->current->design->hash)
			return err_set(e, RC_USAGE,
				"a batch was made with another design than the store's current one");
	return RC_OK;
}

// What goes into the transaction beside the batches.
struct also {
	enum rc (*call)(void *context, struct db *db, const struct append_result *results, struct err *e);
	void *context;
	const struct linking *linking;
	struct overlay_entry *entries; // the links to be made
	size_t n_entries;
};

static enum rc commit_arrivals(struct store *s, struct batch **batches, uint32_t n, struct arrival *arrivals,
	const struct append_result *results, const struct also *also, struct err *e)
{
	pthread_mutex_lock(&s->mu);
	enum rc rc = head_reserve(s->active, n, e);
	pthread_mutex_unlock(&s->mu);
	if (rc == RC_OK)
		rc = db_begin(s->db, e);
	if (rc != RC_OK)
		return rc;
	rc = store_rows(s, batches, n, arrivals, e);
	if (rc == RC_OK)
		rc = seal_purge_along(s, n, e);
	for (size_t i = 0; rc == RC_OK && i < also->n_entries; i++)
		rc = overlay_insert(s->db, &also->entries[i], e);
	if (rc == RC_OK && also->call)
		rc = also->call(also->context, s->db, results, e);
	if (rc == RC_OK)
		rc = db_commit(s->db, e);
	if (rc != RC_OK) {
		db_rollback(s->db);
		atomic_store(&s->purge_due, true);
	}
	return rc;
}

// From here on nothing can fail: the batches are durable.
static void take_in(struct store *s, uint32_t n, struct arrival *arrivals)
{
	uint64_t n_rows = 0;
	names_counts(s->names, s->names_saved);
	pthread_mutex_lock(&s->mu);
	for (uint32_t i = 0; i < n; i++) {
		struct arrival *a = &arrivals[i];
		if (a->seq == 0)
			continue;
		n_rows += a->n_rows;
		head_push(s->active,
			&(struct head_view){a->view, a->dropped, a->seq, a->n_rows, a->packed_bytes});
		a->view = NULL;
		a->dropped = NULL;
	}
	pthread_mutex_unlock(&s->mu);
	fresh_appended(s, n_rows);
}

static enum rc decide_links(struct store *s, struct also *also, struct err *e)
{
	if (!also->linking || also->linking->n == 0)
		return RC_OK;
	struct overlays *o = store_overlays(s);
	enum rc rc =
		links_decide(o, also->linking, s->clock->now_ms(s->clock), &also->entries, &also->n_entries, e);
	overlays_unref(&o);
	return rc;
}

// The links are durable: they hold from here on. Without memory for that, the next call reads the
// journal.
static void take_links(struct store *s, const struct also *also)
{
	if (also->n_entries == 0)
		return;
	if (store_overlays_extend(s, also->entries, also->n_entries, NULL) != RC_OK)
		s->stale = true;
	compact_wake(s);
}

static enum rc append(struct store *s, struct batch **batches, uint32_t n, struct append_result *results,
	struct also *also, struct err *e)
{
	struct arrival *arrivals = mem_calloc(n, sizeof(*arrivals));
	if (!arrivals)
		return err_set(e, RC_NOMEM, "out of memory appending %u batches", n);
	enum rc rc = decide_links(s, also, e);
	if (rc == RC_OK)
		rc = resolve(s, batches, n, arrivals, results, e);
	if (rc == RC_OK)
		rc = commit_arrivals(s, batches, n, arrivals, results, also, e);
	if (rc == RC_OK) {
		take_in(s, n, arrivals);
		take_links(s, also);
	} else {
		s->stale = true; // names and ids of this call are in memory: forget them
	}
	for (uint32_t i = 0; i < n; i++) {
		batch_view_close(&arrivals[i].view);
		mem_free(arrivals[i].dropped);
	}
	mem_free(arrivals);
	mem_free(also->entries);
	return rc;
}

enum rc store_append_linking(struct store *s, struct batch **batches, uint32_t n, struct append_result *results,
	const struct linking *linking,
	enum rc (*also)(void *context, struct db *db, const struct append_result *results, struct err *e),
	void *context, struct err *e)
{
	enum rc rc = store_must_write(s, e);
	if (rc != RC_OK)
		return rc;
	struct also extra = {.call = also, .context = context, .linking = linking};
	pthread_mutex_lock(&s->append_mu);
	rc = check_designs(s, batches, n, e);
	if (rc == RC_OK)
		rc = store_reload(s, e);
	if (rc == RC_OK)
		rc = seal_rotate(s, false, e);
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < n; i++)
		bytes += batch_bytes(batches[i]);
	if (rc == RC_OK && n > 0)
		rc = space_for_append(s, bytes, e);
	if (rc == RC_OK)
		rc = append(s, batches, n, results, &extra, e);
	// What fails here does not undo the append: it is remembered (stale) and told to the next call.
	if (rc == RC_OK)
		seal_rotate(s, false, NULL);
	seal_behind(s);
	pthread_mutex_unlock(&s->append_mu);
	return rc;
}

enum rc store_append(struct store *s, struct batch **batches, uint32_t n, struct append_result *results,
	enum rc (*also)(void *context, struct db *db, const struct append_result *results, struct err *e),
	void *context, struct err *e)
{
	return store_append_linking(s, batches, n, results, NULL, also, context, e);
}

enum rc store_alone(struct store *s, enum rc (*act)(void *context, struct db *db, struct err *e), void *context,
	struct err *e)
{
	pthread_mutex_lock(&s->append_mu);
	enum rc rc = act(context, s->db, e);
	pthread_mutex_unlock(&s->append_mu);
	return rc;
}
