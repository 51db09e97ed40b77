// SPDX-License-Identifier: Apache-2.0
// What is live, as server-sent events: `counts` every second, `interaction` for some of those that come in.
#include "api/internal.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdatomic.h>
#include <stdio.h>

enum { LISTENERS_MAX = 4096, SAMPLES = 16, SAMPLE_BYTES = 2048, TEXT_SHOWN = 200, COUNT_EVERY_MS = 1000 };
#define LISTENS_MS                                                                                             \
	((int64_t)12 * 3600 * 1000) // as long as a session lasts without a request; then it is asked anew

struct listener {
	struct live *live;
	struct http_stream *stream;
	bool gone;              // it may not listen any more; to be ended
	enum told told;         // may it see who it was
	struct sv *departments; // TOLD_OWN: of the reader, in one piece with this
	uint32_t n_departments;
	// Who it is, to see whether he still is: as of the beginning.
	int64_t user, session, password_ms, until_ms;
	enum role role;
	struct sv key; // of a program (user 0)
	uint32_t rights;
};

// Told with and without who it was, for those who may not see that.
struct told_sample {
	size_t owner_len;
	char owner[ACCESS_NAME_MAX]; // the department of its touch point; none: ""
	size_t len[2];
	char text[2][SAMPLE_BYTES];
};

struct live {
	struct api *api;
	pthread_mutex_t mu;
	struct listener *listeners[LISTENERS_MAX];
	size_t n;
	struct told_sample samples[SAMPLES]; // since the last tick
	unsigned n_samples;
	uint64_t added_before;
	int64_t counted_ms;          // when the counts were told, monotonic
	atomic_uint_fast64_t added;  // since the start
	atomic_uint_fast64_t erased; // since the start
	uint64_t at_start;           // in the store when it was opened
};

enum rc live_open(struct api *a, struct live **out, struct err *e)
{
	struct live *l = *out = mem_calloc(1, sizeof(*l));
	struct snapshot *sn;
	if (!l)
		return err_set(e, RC_NOMEM, "out of memory for the server");
	l->api = a;
	pthread_mutex_init(&l->mu, NULL);
	enum rc rc = snapshot_open(a->store, &sn, e);
	if (rc != RC_OK)
		return rc;
	struct snapshot_stats stats;
	snapshot_stats(sn, &stats);
	snapshot_close(&sn);
	l->at_start = stats.n_interactions;
	return RC_OK;
}

void live_close(struct live **live)
{
	struct live *l = *live;
	*live = NULL;
	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++) {
		http_stream_end(l->listeners[i]->stream);
		mem_free(l->listeners[i]);
	}
	pthread_mutex_destroy(&l->mu);
	mem_free(l);
}

void live_committed(void *api, uint32_t n_added)
{
	struct live *l = ((struct api *)api)->live;
	atomic_fetch_add(&l->added, n_added);
}

void live_erased(struct api *a, uint64_t n)
{
	atomic_fetch_add(&a->live->erased, n);
}

// --- interactions ---

static struct sv cut_text(struct sv text)
{
	if (text.len <= TEXT_SHOWN)
		return text;
	size_t len = TEXT_SHOWN;
	while (len > 0 && ((unsigned char)text.ptr[len] & 0xc0) == 0x80)
		len--;
	return (struct sv){text.ptr, len};
}

void live_members(struct json *j, const struct interaction *x, const struct design *d)
{
	const struct design_touchpoint *t =
		x->touchpoint == TOUCHPOINT_NONE ? NULL : &d->touchpoints[x->touchpoint];
	tz_key(j, "at", d->tz, x->at_ms);
	json_key_string(j, "touchpoint", t ? t->name : SV_NONE);
	json_key_string(j, "stage", t ? d->stages[t->stage] : SV_NONE);
	json_key_string(j, "channel", x->channel.len ? x->channel : SV_NONE);
	json_key_string(j, "event", x->event);
	json_key_string(j, "source", x->source);
	json_key_string(j, "agent", x->agent.len ? x->agent : SV_NONE);
	interaction_measures_put(j, d, x);
}

static void write_interaction(
	struct buf *out, const struct interaction *x, const struct design *d, bool with_person)
{
	struct json j = json_new(out);
	char key[17];
	json_object(&j);
	live_members(&j, x, d);
	if (with_person) {
		snprintf(key, sizeof(key), "%016llx",
			(unsigned long long)person_of(x->identities[0].type, x->identities[0].value));
		json_key_text(&j, "person", key);
		json_key_string(&j, "text", cut_text(x->text));
	}
	json_object_end(&j);
}

static struct sv owner_of(const struct interaction *x, const struct design *d)
{
	uint32_t owner = x->touchpoint == TOUCHPOINT_NONE ? DESIGN_NONE : d->touchpoints[x->touchpoint].owner;
	return owner == DESIGN_NONE ? SV_NONE : d->departments[owner];
}

void live_sample(void *api, const struct interaction *x, const struct design *d)
{
	struct live *l = ((struct api *)api)->live;
	struct buf out[2] = {buf_new(SAMPLE_BYTES), buf_new(SAMPLE_BYTES)};
	pthread_mutex_lock(&l->mu);
	if (l->n > 0 && l->n_samples < SAMPLES) {
		struct told_sample *s = &l->samples[l->n_samples];
		for (unsigned i = 0; i < 2; i++) {
			write_interaction(&out[i], x, d, i == 1);
			s->len[i] = out[i].rc == RC_OK ? out[i].len : 0;
			if (s->len[i])
				memcpy(s->text[i], out[i].data, s->len[i]);
		}
		struct sv owner = owner_of(x, d);
		s->owner_len = owner.len <= sizeof(s->owner) ? owner.len : 0;
		memcpy(s->owner, owner.ptr ? owner.ptr : "", s->owner_len);
		l->n_samples += s->len[0] > 0 && s->len[1] > 0;
	}
	pthread_mutex_unlock(&l->mu);
	buf_free(&out[0]);
	buf_free(&out[1]);
}

// --- telling ---

static void write_counts(struct live *l, struct buf *out)
{
	uint64_t added = atomic_load(&l->added);
	struct json j = json_new(out);
	char at[40];
	tz_format(store_design(l->api->store)->tz, l->api->clock->now_ms(l->api->clock), at);
	buf_str(out, "event: counts\ndata: ");
	json_object(&j);
	json_key_u64(&j, "interactions", l->at_start + added - atomic_load(&l->erased));
	json_key_u64(&j, "per_second", added - l->added_before);
	json_key_text(&j, "at", at);
	json_object_end(&j);
	buf_str(out, "\n\n");
	l->added_before = added;
}

// Does the reader see who it was?
static bool sees(const struct listener *x, const struct told_sample *s)
{
	return x->told == TOLD_ALL ||
	       (x->told == TOLD_OWN && s->owner_len > 0 &&
		       owns_department(x->departments, x->n_departments, (struct sv){s->owner, s->owner_len}));
}

static void write_samples(const struct live *l, struct buf *out, const struct listener *x)
{
	for (unsigned i = 0; i < l->n_samples; i++) {
		const struct told_sample *s = &l->samples[i];
		bool persons = sees(x, s);
		buf_str(out, "event: interaction\ndata: ");
		buf_put(out, s->text[persons], s->len[persons]);
		buf_str(out, "\n\n");
	}
}

// What was allowed when the stream began may have been taken away since; whoever still may comes again.
static bool may_listen(const struct listener *x, const struct access_view *view, int64_t now_ms)
{
	if (now_ms >= x->until_ms)
		return false;
	if (x->user == 0) {
		const struct access_key *key =
			access_view_key(view, x->key, x->live->api->clock->now_ms(x->live->api->clock));
		return key && key->rights == x->rights;
	}
	const struct access_user *u = access_view_user(view, x->user);
	bool same = u && u->role == x->role && u->password_ms == x->password_ms &&
		    u->n_departments == x->n_departments;
	for (uint32_t i = 0; same && i < x->n_departments; i++)
		same = owns_department(u->departments, u->n_departments, x->departments[i]);
	return same;
}

static void dismiss(struct live *l, int64_t now_ms)
{
	const struct access_view *view = access_view_get(l->api->access);
	for (size_t i = 0; i < l->n; i++)
		l->listeners[i]->gone |= !may_listen(l->listeners[i], view, now_ms);
	access_view_release(l->api->access, &view);
}

void live_session_ended(struct live *l, int64_t session)
{
	pthread_mutex_lock(&l->mu);
	for (size_t i = 0; i < l->n; i++)
		l->listeners[i]->gone |= l->listeners[i]->user && l->listeners[i]->session == session;
	pthread_mutex_unlock(&l->mu);
}

void live_others_ended(struct live *l, int64_t user, int64_t keep_session)
{
	pthread_mutex_lock(&l->mu);
	for (size_t i = 0; i < l->n; i++)
		l->listeners[i]->gone |=
			l->listeners[i]->user == user && l->listeners[i]->session != keep_session;
	pthread_mutex_unlock(&l->mu);
}

void live_tick(struct live *l)
{
	struct buf counts = buf_new(1 << 12), out[TOLD_ALL + 1];
	for (unsigned i = 0; i <= TOLD_ALL; i++)
		out[i] = buf_new(1 << 17);
	pthread_mutex_lock(&l->mu);
	int64_t now_ms = l->api->clock->monotonic_ns(l->api->clock) / 1000000;
	if (now_ms - l->counted_ms >= COUNT_EVERY_MS) {
		l->counted_ms = now_ms;
		write_counts(l, &counts);
		dismiss(l, now_ms);
	}
	for (size_t i = 0; i < l->n;) {
		struct listener *x = l->listeners[i];
		// All readers of a kind are told the same, heads of departments each their own.
		struct buf *to = &out[x->told];
		if (to->len == 0 || x->told == TOLD_OWN) {
			buf_clear(to);
			buf_sv(to, buf_view(&counts));
			write_samples(l, to, x);
		}
		struct sv bytes = buf_view(to);
		if (!x->gone &&
			http_stream_write(x->stream, bytes) == RC_OK) { // nothing is written, too: is it read?
			i++;
			continue;
		}
		http_stream_end(x->stream);
		mem_free(x);
		l->listeners[i] = l->listeners[--l->n];
	}
	l->n_samples = 0;
	pthread_mutex_unlock(&l->mu);
	buf_free(&counts);
	for (unsigned i = 0; i <= TOLD_ALL; i++)
		buf_free(&out[i]);
}

// With copies of the departments' names and of a program's key behind it.
static struct listener *listener_new(struct api_call *c)
{
	struct sv key = c->user ? SV("") : bearer_of(c->x);
	size_t bytes = sizeof(struct listener) + c->n_departments * sizeof(struct sv) + key.len;
	for (uint32_t i = 0; i < c->n_departments; i++)
		bytes += c->departments[i].len;
	struct listener *x = mem_calloc(1, bytes);
	if (!x)
		return NULL;
	*x = (struct listener){.live = c->api->live,
		.told = persons_told(c),
		.departments = (struct sv *)(x + 1),
		.n_departments = c->n_departments,
		.user = c->user,
		.session = c->session,
		.password_ms = c->password_ms,
		.until_ms = c->api->clock->monotonic_ns(c->api->clock) / 1000000 + LISTENS_MS,
		.role = c->role,
		.rights = c->actor.rights};
	char *to = (char *)(x->departments + x->n_departments);
	for (uint32_t i = 0; i < c->n_departments; i++) {
		memcpy(to, c->departments[i].ptr, c->departments[i].len);
		x->departments[i] = (struct sv){to, c->departments[i].len};
		to += c->departments[i].len;
	}
	memcpy(to, key.ptr, key.len);
	x->key = (struct sv){to, key.len};
	return x;
}

enum rc live_stream(struct api_call *c, struct err *e)
{
	struct live *l = c->api->live;
	struct listener *x = listener_new(c);
	if (!x)
		return err_set(e, RC_NOMEM, "out of memory for a listener");
	pthread_mutex_lock(&l->mu);
	enum rc rc = l->n < LISTENERS_MAX ? RC_OK : err_set(e, RC_BUSY, "too many pages are open already");
	if (rc == RC_OK) {
		http_header_add(c->x, "Cache-Control", SV("no-store"));
		x->stream = http_stream_begin(c->x, "text/event-stream");
		if (!x->stream)
			rc = err_set(e, RC_NOMEM, "out of memory for a listener");
	}
	if (rc == RC_OK) {
		l->listeners[l->n++] = x;
		http_stream_write(x->stream, SV("retry: 2000\n\n"));
	} else {
		mem_free(x);
	}
	pthread_mutex_unlock(&l->mu);
	return rc == RC_OK ? API_ANSWERED : rc;
}
