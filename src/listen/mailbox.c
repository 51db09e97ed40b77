// SPDX-License-Identifier: Apache-2.0
// The thread that looks into a mailbox. A message goes through: unseen → fetched (which marks nothing) → each fitting
// attachment written to DIR/VALIDITY-UID-I/NAME and imported (a job) → marked as seen, or moved.
//
// The mark is set when all imports are durable. A process that dies before it, and a connection that is lost, leave the
// message unseen, and the next look imports it again: nothing comes in twice. An attachment that cannot be imported
// stays in DIR/failed with a report, and its message is flagged as well; so is a message that cannot be taken apart. A
// message without a fitting attachment is left as it is, for people.
#include "listen/mailbox_internal.h"

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "listen/imap.h"
#include "listen/mail.h"

#include <errno.h>
#include <fnmatch.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { MESSAGES_AT_ONCE = 1000, PATH_BYTES = 4096, RETRY_MAX_MS = 3600000 };
#define MESSAGE_BYTES_MAX ((size_t)64 << 20)

struct mailbox {
	struct mailbox_options o;
	const struct mailbox_config *c;
	const struct clock *clock;
	char dir[PATH_BYTES];
	int wake;
	atomic_bool closing;
	struct thread *thread;
	// Messages up to this number were looked at by this process; numbers mean something under one validity.
	uint32_t validity, after;
};

// One message.
struct message {
	struct mailbox *m;
	uint32_t uid, n_parts;
	bool unwanted, failed; // failed: an attachment could not be imported, or the message not be taken apart
};

// --- attachments ---

static const struct mailbox_rule *rule_of(const struct mailbox_config *c, const char *name)
{
	for (uint32_t i = 0; i < c->n_rules; i++)
		if (fnmatch(c->rules[i].pattern, name, FNM_CASEFOLD) == 0)
			return &c->rules[i];
	return NULL;
}

static enum rc make_folder(const char *path, struct err *e)
{
	const struct io *io = io_system();
	return io->mkdir(io, path) == 0 || errno == EEXIST ? RC_OK
							   : err_errno(e, RC_IO, errno, "cannot make %s", path);
}

// Failures of ours, and not of the file: the message stays unseen and comes again.
static bool is_passing(enum rc rc)
{
	return rc == RC_BUSY || rc == RC_NOMEM || rc == RC_DB || rc == RC_IO || rc == RC_CANCELLED;
}

// To failed/ with its report. What was there under that name from an earlier attempt is replaced.
static enum rc keep_failed(struct mailbox *m, const char *folder, const char *place, const char *name,
	const struct import_report *r, const struct err *why, struct err *e)
{
	const struct io *io = io_system();
	char failed[PATH_BYTES], to[PATH_BYTES + MAIL_NAME_BYTES_MAX + 2],
		from[PATH_BYTES + MAIL_NAME_BYTES_MAX + 2];
	if (snprintf(failed, sizeof(failed), "%s/failed/%s", m->dir, place) >= (int)sizeof(failed))
		return err_set(e, RC_IO, "the path %s is too long", m->dir);
	enum rc rc = make_folder(failed, e);
	snprintf(to, sizeof(to), "%s/%s", failed, name);
	snprintf(from, sizeof(from), "%s/%s", folder, name);
	if (rc == RC_OK)
		rc = job_report_save(to, name, r, why, m->o.tz, m->clock->now_ms(m->clock), e);
	if (rc == RC_OK && io->rename(io, from, to) != 0)
		rc = err_errno(e, RC_IO, errno, "cannot move %s to %s", from, to);
	if (rc == RC_OK)
		rc = io_sync_dir(io, failed, e);
	rmdir(folder);
	return rc;
}

static enum rc import_part(
	struct message *x, const struct mailbox_rule *rule, const char *name, struct sv bytes, struct err *e)
{
	struct mailbox *m = x->m;
	char place[64], folder[PATH_BYTES], path[PATH_BYTES + MAIL_NAME_BYTES_MAX + 2], who[600];
	struct import_report report = {0};
	struct err why = ERR_NONE;
	snprintf(place, sizeof(place), "%u-%u-%u", m->validity, x->uid, ++x->n_parts);
	if (snprintf(folder, sizeof(folder), "%s/%s", m->dir, place) >= (int)sizeof(folder))
		return err_set(e, RC_IO, "the path %s is too long", m->dir);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	snprintf(who, sizeof(who), "mailbox %s", m->c->user);
	enum rc rc = make_folder(folder, e);
	if (rc == RC_OK)
		rc = io_write_file(io_system(), path, bytes, e);
	if (rc != RC_OK)
		return rc;
	const struct job_order order = {.origin = JOB_FOLDER,
		.who = sv_from(who),
		.name = sv_from(name),
		.path = sv_from(path),
		.map_name = rule->map_name,
		.map_text = rule->map_text};
	rc = jobs_run(m->o.jobs, &order, &report, &why);
	if (is_passing(rc))
		return err_take(e, &why);
	if (rc != RC_OK) {
		x->failed = true;
		return keep_failed(m, folder, place, name, &report, &why, e);
	}
	unlink(path);
	rmdir(folder);
	return RC_OK;
}

static enum rc take_part(void *context, struct sv name, struct sv bytes, struct err *e)
{
	struct message *x = context;
	char clean[MAIL_NAME_BYTES_MAX + 1];
	const struct mailbox_rule *rule = mail_file_name(name, clean) ? rule_of(x->m->c, clean) : NULL;
	return rule ? import_part(x, rule, clean, bytes, e) : RC_OK;
}

static bool take_from(void *context, struct sv address)
{
	struct message *x = context;
	const struct mailbox_config *c = x->m->c;
	char text[400];
	snprintf(text, sizeof(text), "%.*s", SV_ARG(address));
	x->unwanted = c->n_from > 0;
	for (uint32_t i = 0; i < c->n_from && x->unwanted; i++)
		x->unwanted = fnmatch(c->from[i], text, FNM_CASEFOLD) != 0;
	return !x->unwanted;
}

// --- messages ---

static enum rc settle(struct imap *i, const struct message *x, struct err *e)
{
	const struct mailbox_config *c = x->m->c;
	return c->move_to.ptr && !x->failed ? imap_move(i, x->uid, c->move_to, e)
					    : imap_mark(i, x->uid, x->failed, e);
}

static enum rc take_message(struct mailbox *m, struct imap *i, uint32_t uid, struct err *e)
{
	struct message x = {.m = m, .uid = uid};
	const struct mail_sink sink = {&x, take_from, take_part};
	struct buf bytes = buf_new(MESSAGE_BYTES_MAX);
	struct err why = ERR_NONE;
	enum rc rc = imap_fetch(i, uid, &bytes, &why);
	x.failed = rc == RC_LIMIT;
	if (rc == RC_OK) {
		rc = mail_read(buf_view(&bytes), &sink, &why);
		x.failed |= rc == RC_LIMIT || rc == RC_INPUT;
	}
	buf_free(&bytes);
	if (rc == RC_LIMIT || rc == RC_INPUT) {
		if (x.failed)
			err_remedy(&why, "message %u of %.*s is flagged: take its files out by hand", uid,
				SV_ARG(m->c->folder));
		log_err("listen", &why);
	} else if (rc != RC_OK && rc != RC_NOT_FOUND) {
		return err_take(e, &why);
	}
	return x.failed || (rc == RC_OK && x.n_parts > 0) ? settle(i, &x, e) : RC_OK; // else left as it is
}

static enum rc look(struct mailbox *m, struct err *e)
{
	const struct imap_options o = {.url = m->c->server,
		.user = m->c->user,
		.password = m->c->password,
		.ca_file = m->c->ca_file,
		.plain = m->c->plain,
		.message_bytes_max = MESSAGE_BYTES_MAX,
		.stop = &m->closing};
	struct imap *i = NULL;
	uint32_t *uids = mem_calloc(MESSAGES_AT_ONCE, sizeof(*uids)), n = 0, validity;
	if (!uids)
		return err_set(e, RC_NOMEM, "out of memory for the mailbox");
	enum rc rc = imap_open(&o, &i, e);
	if (rc == RC_OK)
		rc = imap_select(i, m->c->folder, &validity, e);
	if (rc == RC_OK && validity != m->validity) {
		m->validity = validity;
		m->after = 0;
	}
	if (rc == RC_OK)
		rc = imap_unseen(i, m->after, uids, MESSAGES_AT_ONCE, &n, e);
	for (uint32_t k = 0; rc == RC_OK && k < n && !atomic_load(&m->closing); k++) {
		rc = take_message(m, i, uids[k], e);
		if (rc == RC_OK)
			m->after = uids[k];
	}
	imap_close(&i);
	mem_free(uids);
	return rc;
}

static void watch(void *context)
{
	struct mailbox *m = context;
	int64_t wait_ms = m->c->every_ms;
	while (!atomic_load(&m->closing)) {
		struct err e = ERR_NONE;
		struct pollfd p = {.fd = m->wake, .events = POLLIN};
		enum rc rc = look(m, &e);
		if (rc != RC_OK && rc != RC_CANCELLED)
			log_err("listen", &e);
		wait_ms = rc == RC_OK ? m->c->every_ms : 2 * wait_ms;
		if (wait_ms > RETRY_MAX_MS && wait_ms > m->c->every_ms)
			wait_ms = m->c->every_ms > RETRY_MAX_MS ? m->c->every_ms : RETRY_MAX_MS;
		poll(&p, 1, (int)wait_ms);
	}
}

// --- opening ---

// Mistakes in mappings are told at the start, and not when the first mail comes.
static enum rc check_rules(const struct mailbox_config *c, const struct design *d, struct err *e)
{
	enum rc rc = RC_OK;
	for (uint32_t i = 0; rc == RC_OK && i < c->n_rules; i++) {
		struct mapping *mapping = NULL;
		rc = mapping_parse(c->rules[i].map_text, c->rules[i].map_name.ptr, d, &mapping, e);
		mapping_free(&mapping);
	}
	return rc;
}

static enum rc make_folders(const char *dir, struct err *e)
{
	char failed[PATH_BYTES];
	if (snprintf(failed, sizeof(failed), "%s/failed", dir) >= (int)sizeof(failed))
		return err_set(e, RC_IO, "the path %s is too long", dir);
	enum rc rc = io_make_dir(io_system(), dir, e);
	return rc == RC_OK ? io_make_dir(io_system(), failed, e) : rc;
}

enum rc mailbox_open(const struct mailbox_config *config, const struct mailbox_options *options,
	struct mailbox **out, struct err *e)
{
	struct mailbox *m = *out = mem_calloc(1, sizeof(*m));
	if (!m)
		return err_set(e, RC_NOMEM, "out of memory for the mailbox");
	m->o = *options;
	m->c = config;
	snprintf(m->dir, sizeof(m->dir), "%s", options->dir);
	m->clock = options->clock ? options->clock : clock_system();
	m->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	enum rc rc = m->wake >= 0 ? RC_OK : err_errno(e, RC_IO, errno, "cannot look after the mailbox");
	if (rc == RC_OK)
		rc = imap_available(e);
	if (rc == RC_OK)
		rc = mail_available(e);
	if (rc == RC_OK)
		rc = check_rules(m->c, options->design, e);
	if (rc == RC_OK)
		rc = make_folders(m->dir, e);
	if (rc == RC_OK && !(m->thread = thread_start(watch, m)))
		rc = err_set(e, RC_NOMEM, "no thread could be started for the mailbox");
	if (rc != RC_OK)
		mailbox_close(out);
	return rc;
}

void mailbox_close(struct mailbox **mailbox)
{
	struct mailbox *m = *mailbox;
	uint64_t one = 1;
	*mailbox = NULL;
	if (!m)
		return;
	atomic_store(&m->closing, true);
	if (m->thread && write(m->wake, &one, sizeof(one)) != (ssize_t)sizeof(one))
		log_write(LOG_WARN, "listen", "the mailbox ends late");
	if (m->thread)
		thread_join(&m->thread);
	if (m->wake >= 0)
		close(m->wake);
	mem_free(m);
}
