// SPDX-License-Identifier: Apache-2.0
// The data directory of the fault tests. See world.h.
#include "operations.h"

#include "base/log.h"
#include "cli/cli.h"
#include "listen/listen.h"

#include "../unit/journey/store_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

enum { PRINTED_MAX = 1 << 18, FIRST_IN_INBOX = 2 * WORLD_SEALED };

// The first design with another touch point.
const char world_second_design[] = "corridor: 1\n"
				   "brand: Test\n"
				   "timezone: Europe/Berlin\n"
				   "currency: EUR\n"
				   "stages: [purchase, use]\n"
				   "channels: {web: digital, phone: contact-centre}\n"
				   "dimensions: [product]\n"
				   "touchpoints:\n"
				   "  delivery:\n"
				   "    stage: purchase\n"
				   "    match: [{event: Delivered}]\n"
				   "  support:\n"
				   "    stage: use\n"
				   "    match: [{event: Call}, {event: Other}]\n";

uint64_t world_setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);
	return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

uint64_t world_step(uint64_t otherwise)
{
	if (world_setting("CORRIDOR_FAULT_ALL", 0))
		return 1;
	return otherwise * world_setting("CORRIDOR_FAULT_SPARSE", 1);
}

void world_remove_tree(const char *path)
{
	kit_remove_tree(path);
}

static void copy_file(const char *from, const char *to)
{
	static char bytes[1 << 16];
	int in = open(from, O_RDONLY), out = open(to, O_CREAT | O_WRONLY | O_TRUNC, 0640);
	assert_true(in >= 0 && out >= 0);
	uint64_t at = 0;
	for (ssize_t n; (n = pread(in, bytes, sizeof(bytes), (off_t)at)) > 0; at += (uint64_t)n)
		assert_int_equal(pwrite(out, bytes, (size_t)n, (off_t)at), n);
	close(in);
	close(out);
}

void world_copy_tree(const char *from, const char *to)
{
	kit_remove_tree(to);
	assert_int_equal(mkdir(to, 0750), 0);
	DIR *d = opendir(from);
	assert_non_null(d);
	for (struct dirent *entry; (entry = readdir(d));) {
		char a[1024], b[1024];
		struct stat st;
		if (entry->d_name[0] == '.')
			continue;
		snprintf(a, sizeof(a), "%s/%s", from, entry->d_name);
		snprintf(b, sizeof(b), "%s/%s", to, entry->d_name);
		assert_int_equal(stat(a, &st), 0);
		if (S_ISDIR(st.st_mode))
			world_copy_tree(a, b);
		else
			copy_file(a, b);
	}
	closedir(d);
}

// Beside the root, with a buffer of its own: nothing of it is watched, and it never allocates.
static FILE *stream_new(const struct world *w, const char *ending)
{
	static char buffers[2][1 << 16];
	char path[100];
	snprintf(path, sizeof(path), "%s%s", w->root, ending);
	FILE *f = fopen(path, "w+");
	assert_non_null(f);
	setvbuf(f, buffers[ending[1] == 't'], _IOFBF, sizeof(buffers[0]));
	unlink(path);
	return f;
}

void world_new(struct world *w)
{
	struct err e = ERR_NONE;
	char made[64];
	memset(w, 0, sizeof(*w));
	log_level_set((enum log_level)(LOG_ERROR + 1)); // what fails in the background is expected here
	snprintf(made, sizeof(made), "%s/corridor-fault-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(made));
	char *real = realpath(made, NULL);
	snprintf(w->root, sizeof(w->root), "%s", real);
	free(real);
	snprintf(w->dir, sizeof(w->dir), "%s/data", w->root);
	snprintf(w->copy, sizeof(w->copy), "%s/copy", w->root);
	snprintf(w->input, sizeof(w->input), "%s/input.csv", w->root);
	snprintf(w->file, sizeof(w->file), "%s/export.csv", w->root);
	w->out = stream_new(w, ".out");
	w->told = stream_new(w, ".told");
	kit_ok(design_parse(sv_from(kit_design_text), "test.yaml", &w->designs[0], NULL, &e), &e);
	kit_ok(design_parse(sv_from(world_second_design), "second.yaml", &w->designs[1], NULL, &e), &e);
}

void world_free(struct world *w)
{
	kit_remove_tree(w->root);
	fclose(w->out);
	fclose(w->told);
	for (int i = 0; i < 2; i++)
		design_free(&w->designs[i]);
}

void world_clear(const struct world *w)
{
	char part[200];
	snprintf(part, sizeof(part), "%s.part", w->file);
	kit_remove_tree(w->copy);
	unlink(w->file);
	unlink(part);
}

// --- commands ---

static size_t read_stream(FILE *f, char *out, size_t size)
{
	fflush(f);
	rewind(f);
	size_t n = fread(out, 1, size - 1, f);
	out[n] = '\0';
	return n;
}

static void empty_stream(FILE *f)
{
	fflush(f);
	rewind(f);
	clearerr(f);
	assert_int_equal(ftruncate(fileno(f), 0), 0);
}

enum rc world_command(struct world *w, const char *const *words, struct err *e)
{
	const char *argv[16] = {"corridor"};
	char told[1000];
	const struct cli_env env = {stdin, w->out, w->told, NULL};
	int n = 1;
	for (; words[n - 1]; n++)
		argv[n] = words[n - 1];
	argv[n++] = "--data";
	argv[n++] = w->dir;
	empty_stream(w->out);
	empty_stream(w->told);
	int code = cli_run(&env, n, argv);
	if (code == 0)
		return RC_OK;
	read_stream(w->told, told, sizeof(told));
	for (unsigned rc = 0; rc < RC_COUNT; rc++)
		if (rc_info((enum rc)rc)->exit_code == code)
			return err_set(e, (enum rc)rc, "%s", told);
	fail_msg("exit code %d: %s", code, told);
	return RC_IO;
}

size_t world_printed(const struct world *w, char *out, size_t size)
{
	return read_stream(w->out, out, size);
}

size_t world_file(const char *path, char *out, size_t size)
{
	FILE *f = fopen(path, "r");
	if (!f)
		return SIZE_MAX;
	size_t n = fread(out, 1, size, f);
	fclose(f);
	return n;
}

static char expected[PRINTED_MAX], expected_file[PRINTED_MAX];
static size_t n_expected, n_expected_file;

void world_remember(const struct world *w)
{
	n_expected = world_printed(w, expected, sizeof(expected));
	n_expected_file = world_file(w->file, expected_file, sizeof(expected_file));
}

void world_expect(struct world *w, const struct operation *o, const char *base)
{
	struct err e = ERR_NONE;
	if (!o->check)
		return;
	world_clear(w);
	empty_stream(w->out);
	kit_ok(world_run(w, o, &e), &e);
	world_remember(w);
	world_clear(w);
	world_copy_tree(base, w->dir);
}

const char *world_same(const struct world *w, const char *file)
{
	static char found[PRINTED_MAX];
	size_t n = file ? world_file(file, found, sizeof(found)) : world_printed(w, found, sizeof(found));
	if (n != (file ? n_expected_file : n_expected))
		return "the answer is not as long as it should be";
	return memcmp(found, file ? expected_file : expected, n) ? "another answer" : NULL;
}

// --- doing ---

void world_interaction(uint32_t number, struct interaction *x, struct kit_texts *t)
{
	kit_interaction(number, x, t);
	if (number >= IMPORT_FIRST && number < IMPORT_FIRST + IMPORT_ROWS)
		x->received_ms = IMPORT_RECEIVED_MS;
}

static enum rc append(struct world *w, struct store *s, uint32_t first, uint32_t n,
	const struct linking *linking, struct err *e)
{
	struct batch *batches[2] = {0};
	struct append_result results[2];
	struct interaction *x = mem_calloc(1, sizeof(*x));
	const struct design *d = s ? store_design(s) : w->designs[0];
	enum rc rc = x ? RC_OK : err_set(e, RC_NOMEM, "out of memory");
	for (uint32_t b = 0; rc == RC_OK && b < 2; b++) {
		batches[b] = batch_new(d);
		if (!batches[b])
			rc = err_set(e, RC_NOMEM, "out of memory");
		for (uint32_t i = b * n / 2; rc == RC_OK && i < (b + 1) * n / 2; i++) {
			struct kit_texts t;
			world_interaction(first + i, x, &t);
			if (sv_equal(x->event, SV("Other")) && d->n_touchpoints == 2 &&
				sv_equal(d->touchpoints[1].name, SV("support")))
				x->touchpoint = 1;
			rc = batch_add(batches[b], x, e);
		}
	}
	if (rc == RC_OK)
		rc = store_append_linking(s, batches, 2, results, linking, NULL, NULL, e);
	batch_free(&batches[0]);
	batch_free(&batches[1]);
	mem_free(x);
	return rc;
}

enum rc world_append(struct world *w, struct store *s, uint32_t first, uint32_t n, struct err *e)
{
	return append(w, s, first, n, NULL, e);
}

static enum rc do_create(struct world *w, struct err *e)
{
	return store_create(w->dir, sv_from(kit_design_text), "test.yaml", SV("tester"), e);
}

static void expect_create(struct world_state *state)
{
	state->made = true;
}

// Where there is one already.
static enum rc do_create_again(struct world *w, struct err *e)
{
	struct err refused = ERR_NONE;
	enum rc rc = do_create(w, &refused);
	if (rc == RC_EXISTS)
		return RC_OK;
	return rc == RC_OK ? err_set(e, RC_EXISTS, "made where there is one") : err_take(e, &refused);
}

// 40 of 70 are known: from a segment, and from the inbox.
static enum rc do_append(struct world *w, struct store *s, struct err *e)
{
	return world_append(w, s, N_FIRST - 40, 70, e);
}

static void expect_append(struct world_state *state)
{
	for (uint32_t i = N_FIRST; i < N_FIRST + 30; i++)
		state->there[i] = true;
}

// The same with a link in the transaction: both or neither.
static enum rc do_append_linking(struct world *w, struct store *s, struct err *e)
{
	const struct person_link link = {SV("user:u1"), SV("user:u2")};
	enum link_outcome outcome;
	const struct linking linking = {&link, 1, SV("tester"), &outcome};
	return append(w, s, N_FIRST - 40, 70, &linking, e);
}

static void expect_append_linking(struct world_state *state)
{
	expect_append(state);
	state->linked = true;
}

static enum rc do_seal(struct world *w, struct store *s, struct err *e)
{
	(void)w;
	return store_seal(s, e);
}

// Merges the piece that a question has read, and makes one of what came after it, which is less.
enum { N_UNSEEN = 6 };
static enum rc do_seal_seen(struct world *w, struct store *s, struct err *e)
{
	struct snapshot *sn;
	enum rc rc = snapshot_open(s, &sn, e);
	snapshot_close(&sn);
	if (rc == RC_OK)
		rc = world_append(w, s, N_FIRST - 40, 40 + N_UNSEEN, e);
	return rc == RC_OK ? store_seal(s, e) : rc;
}

static void expect_seal_seen(struct world_state *state)
{
	for (uint32_t i = N_FIRST; i < N_FIRST + N_UNSEEN; i++)
		state->there[i] = true;
}

// Seals and merges what was sealed.
static enum rc do_compact(struct world *w, struct store *s, struct err *e)
{
	(void)w;
	return store_compact(s, 1, NULL, e);
}

static enum rc do_adopt(struct world *w, struct store *s, struct err *e)
{
	(void)w;
	uint64_t n;
	return store_design_adopt(s, sv_from(world_second_design), "second.yaml", SV("tester"), &n, NULL, e);
}

static void expect_adopt(struct world_state *state)
{
	state->design = 1;
}

static enum rc do_dry_run(struct world *w, struct store *s, struct err *e)
{
	struct restate_count count;
	struct arena *a = arena_new(0);
	if (!a)
		return err_set(e, RC_NOMEM, "out of memory for the comparison");
	enum rc rc = store_design_dry_run(s, store_design(s), w->designs[1], a, &count, e);
	arena_free(&a);
	return rc;
}

static bool is_of(uint32_t number, unsigned person)
{
	return kit_mix(number) % KIT_PERSONS == person;
}

static enum rc with_receipt(struct world *w, struct store *s, struct err *e,
	enum rc (*act)(struct world *, struct store *, struct arena *, struct overlay_receipt *, struct err *))
{
	struct arena *arena = arena_new(1u << 20);
	struct overlay_receipt receipt;
	if (!arena)
		return err_set(e, RC_NOMEM, "out of memory");
	enum rc rc = act(w, s, arena, &receipt, e);
	arena_free(&arena);
	return rc;
}

static enum rc erase_two(
	struct world *w, struct store *s, struct arena *arena, struct overlay_receipt *receipt, struct err *e)
{
	(void)w;
	const uint64_t persons[] = {person_of(SV("user"), SV("u3")), person_of(SV("user"), SV("u4"))};
	return store_erase_persons(s, persons, 2, SV("tester"), arena, receipt, e);
}

static enum rc do_erase(struct world *w, struct store *s, struct err *e)
{
	return with_receipt(w, s, e, erase_two);
}

static void expect_erase(struct world_state *state)
{
	for (uint32_t i = 0; i < WORLD_NUMBERS; i++)
		if (is_of(i, 3) || is_of(i, 4))
			state->there[i] = false;
}

// The first number from `number` on that has a message id.
static uint32_t with_id(uint32_t number)
{
	struct interaction x;
	struct kit_texts t;
	for (;; number++) {
		world_interaction(number, &x, &t);
		if (x.id.ptr)
			return number;
	}
}

// One from a segment, one from the inbox.
static enum rc erase_single(
	struct world *w, struct store *s, struct arena *arena, struct overlay_receipt *receipt, struct err *e)
{
	(void)w;
	struct kit_texts texts[2];
	struct interaction_name names[2];
	for (uint32_t i = 0; i < 2; i++) {
		struct interaction x;
		world_interaction(with_id(i ? FIRST_IN_INBOX : 0), &x, &texts[i]);
		names[i] = (struct interaction_name){x.source, x.id};
	}
	return store_erase_interactions(s, names, 2, SV("tester"), arena, receipt, e);
}

static enum rc do_erase_single(struct world *w, struct store *s, struct err *e)
{
	return with_receipt(w, s, e, erase_single);
}

static void expect_erase_single(struct world_state *state)
{
	state->there[with_id(0)] = state->there[with_id(FIRST_IN_INBOX)] = false;
}

static enum rc link_two(
	struct world *w, struct store *s, struct arena *arena, struct overlay_receipt *receipt, struct err *e)
{
	(void)w;
	return store_link(s, SV("user:u1"), SV("user:u2"), SV("tester"), arena, receipt, e);
}

static enum rc do_link(struct world *w, struct store *s, struct err *e)
{
	return with_receipt(w, s, e, link_two);
}

static void expect_link(struct world_state *state)
{
	state->linked = true;
}

static enum rc unlink_two(
	struct world *w, struct store *s, struct arena *arena, struct overlay_receipt *receipt, struct err *e)
{
	(void)w;
	return store_unlink(s, SV("user:u1"), SV("tester"), arena, receipt, e);
}

static enum rc do_unlink(struct world *w, struct store *s, struct err *e)
{
	return with_receipt(w, s, e, unlink_two);
}

static void expect_unlink(struct world_state *state)
{
	state->linked = false;
}

static void setup_linked(struct world *w, struct world_state *state)
{
	struct err e = ERR_NONE;
	struct store *s = world_open(w, &e);
	kit_ok(do_link(w, s, &e), &e);
	store_close(&s);
	expect_link(state);
}

// Erased and linked, so that merging has something to make physical.
static void setup_overlays(struct world *w, struct world_state *state)
{
	struct err e = ERR_NONE;
	setup_linked(w, state);
	struct store *s = world_open(w, &e);
	kit_ok(do_erase(w, s, &e), &e);
	store_close(&s);
	expect_erase(state);
}

static enum rc do_backup(struct world *w, struct store *s, struct err *e)
{
	return store_backup(s, w->copy, false, NULL, e);
}

static enum rc do_backup_links(struct world *w, struct store *s, struct err *e)
{
	return store_backup(s, w->copy, true, NULL, e);
}

static enum rc do_verify(struct world *w, struct err *e)
{
	struct verify_report report;
	return store_verify(w->dir, &report, NULL, e);
}

// Reads every row and value through a connection that only reads.
static enum rc read_rows(struct snapshot *sn, struct err *e)
{
	struct scan_request r = {
		.ordered = true, .columns = {.received = true, .touchpoint = true, .measures = 3}};
	struct cursor *c = NULL;
	struct arena *arena = arena_new(1u << 24);
	const struct span *span = NULL;
	enum rc rc = arena ? cursor_open(sn, &r, 0, UINT64_MAX, &c, e) : err_set(e, RC_NOMEM, "out of memory");
	if (rc == RC_OK)
		cursor_want_rows(c);
	while (rc == RC_OK && (rc = cursor_next(c, &span, e)) == RC_OK && span)
		for (uint32_t i = 0; rc == RC_OK && i < span->n; i++) {
			struct sv value;
			rc = snapshot_cold(sn, span->locator[i], COLD_ID, arena, &value, e);
		}
	cursor_close(&c);
	arena_free(&arena);
	return rc;
}

static enum rc do_read(struct world *w, struct err *e)
{
	const struct store_options options = {.read_only = true};
	struct store *s = NULL;
	struct snapshot *sn = NULL;
	enum rc rc = store_open(w->dir, &options, &s, e);
	if (rc == RC_OK)
		rc = snapshot_open(s, &sn, e);
	if (rc == RC_OK)
		rc = read_rows(sn, e);
	snapshot_close(&sn);
	store_close(&s);
	return rc;
}

static enum rc do_open(struct world *w, struct err *e)
{
	struct store *s = world_open(w, e);
	if (!s)
		return e->rc;
	store_close(&s);
	return RC_OK;
}

const struct operation world_operations[] = {
	{.name = "create",
		.whole = do_create,
		.expect = expect_create,
		.again = RC_EXISTS,
		.from_nothing = true},
	{.name = "create again", .whole = do_create_again},
	{.name = "open", .whole = do_open},
	{.name = "open over overlays", .whole = do_open, .setup = setup_overlays},
	{.name = "open with quarantine", .whole = do_open, .setup = setup_quarantine},
	{.name = "append", .act = do_append, .expect = expect_append},
	{.name = "append with links", .act = do_append_linking, .expect = expect_append_linking},
	{.name = "seal", .act = do_seal},
	{.name = "seal what was seen",
		.act = do_seal_seen,
		.expect = expect_seal_seen,
		.partly = expect_seal_seen},
	{.name = "compact", .act = do_compact},
	{.name = "adopt", .act = do_adopt, .expect = expect_adopt},
	{.name = "dry run", .act = do_dry_run},
	{.name = "erase", .act = do_erase, .expect = expect_erase},
	{.name = "erase single", .act = do_erase_single, .expect = expect_erase_single, .again = RC_NOT_FOUND},
	{.name = "link", .act = do_link, .expect = expect_link},
	{.name = "unlink",
		.act = do_unlink,
		.expect = expect_unlink,
		.again = RC_NOT_FOUND,
		.setup = setup_linked},
	{.name = "compact overlays", .act = do_compact, .setup = setup_overlays},
	{.name = "adopt over overlays", .act = do_adopt, .expect = expect_adopt, .setup = setup_overlays},
	{.name = "backup", .act = do_backup, .again = RC_EXISTS},
	{.name = "backup by links", .act = do_backup_links, .again = RC_EXISTS},
	{.name = "verify", .whole = do_verify},
	{.name = "read", .whole = do_read},
	{.name = "import", .act = do_import, .expect = expect_import, .setup = setup_input},
	{.name = "replay", .act = do_replay, .expect = expect_replay, .setup = setup_quarantine},
	{.name = "drop", .act = do_drop, .expect = expect_drop, .setup = setup_quarantine},
	{.name = "erase person",
		.act = do_erase_person,
		.expect = expect_erase_person,
		.again = RC_NOT_FOUND,
		.setup = setup_quarantine},
	{.name = "list quarantine", .whole = do_list, .check = check_printed, .setup = setup_quarantine},
	{.name = "show quarantine", .whole = do_show, .check = check_printed, .setup = setup_quarantine},
	{.name = "load", .act = do_load, .expect = expect_load, .partly = expect_load_partly, .empty = true},
	{.name = "repair keys",
		.whole = do_repair,
		.expect = expect_repair,
		.check = check_repair,
		.setup = setup_damaged_keys},
	{.name = "repair chunk",
		.whole = do_repair,
		.expect = expect_repair_lost,
		.check = check_repair,
		.setup = setup_damaged_chunk},
	{.name = "repair footer",
		.whole = do_repair,
		.expect = expect_repair_lost,
		.check = check_repair,
		.setup = setup_damaged_footer},
	{.name = "repair trailer",
		.whole = do_repair,
		.expect = expect_repair,
		.check = check_repair,
		.setup = setup_damaged_trailer},
	{.name = "repair header",
		.whole = do_repair,
		.expect = expect_repair,
		.check = check_repair,
		.setup = setup_damaged_header},
	{.name = "export file", .whole = do_export_csv, .check = check_export},
	{.name = "export", .whole = do_export_xes, .check = check_printed},
};
const uint32_t n_world_operations = sizeof(world_operations) / sizeof(world_operations[0]);

const struct operation *world_find(const char *name)
{
	for (uint32_t i = 0; i < n_world_operations; i++)
		if (strcmp(world_operations[i].name, name) == 0)
			return &world_operations[i];
	fail_msg("there is no operation %s", name);
	return &world_operations[0];
}

struct store *world_open(struct world *w, struct err *e)
{
	struct store *s = NULL;
	const struct store_options options = {.seal_rows = 1000};
	if (store_open(w->dir, &options, &s, e) == RC_OK)
		s->foreground = true;
	return s;
}

enum rc world_run(struct world *w, const struct operation *o, struct err *e)
{
	if (o->whole)
		return o->whole(w, e);
	struct store *s = world_open(w, e);
	if (!s)
		return e->rc;
	if (w->opened)
		w->opened(w->context);
	enum rc rc = o->act(w, s, e);
	store_close(&s);
	return rc;
}

// Two segments and an inbox.
void world_prepare(struct world *w, const struct operation *o, struct world_state *state)
{
	struct err e = ERR_NONE;
	kit_remove_tree(w->dir);
	world_clear(w);
	memset(state, 0, sizeof(*state));
	if (o && o->from_nothing)
		return;
	kit_ok(do_create(w, &e), &e);
	state->made = true;
	if (o && o->empty)
		return;
	struct store *s = world_open(w, &e);
	assert_non_null(s);
	for (uint32_t first = 0; first < N_FIRST; first += WORLD_SEALED) {
		bool last = first == FIRST_IN_INBOX;
		kit_ok(world_append(w, s, first, last ? N_FIRST - first : WORLD_SEALED, &e), &e);
		if (!last)
			kit_ok(store_seal(s, &e), &e);
	}
	for (uint32_t i = 0; i < N_FIRST; i++)
		state->there[i] = true;
	store_close(&s);
	if (o && o->setup)
		o->setup(w, state);
}

void world_prepare_all(struct world *w, struct world_state *state)
{
	static const char *const names[] = {"repair keys", "import", "link", "erase single", "erase"};
	struct err e = ERR_NONE;
	world_prepare(w, NULL, state);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct operation *o = world_find(names[i]);
		if (o->setup)
			o->setup(w, state);
		kit_ok(world_run(w, o, &e), &e);
		if (o->expect)
			o->expect(state);
	}
	struct store *s = world_open(w, &e);
	assert_non_null(s);
	kit_ok(world_append(w, s, 250, 12, &e), &e);
	store_close(&s);
	for (uint32_t i = 250; i < 262; i++)
		state->there[i] = true;
}

// --- comparing ---

static char complaint[400];

__attribute__((format(printf, 1, 2))) static const char *complain(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(complaint, sizeof(complaint), format, args);
	va_end(args);
	return complaint;
}

struct comparing {
	const struct world_state *state;
	struct snapshot *sn;
	const struct names *names;
	struct arena *arena;
	uint32_t csat, product; // slots
	bool seen[WORLD_NUMBERS];
};

// The number of a row, from its message id or its text.
static bool number_of_row(struct comparing *c, uint64_t locator, uint32_t *number)
{
	struct err e = ERR_NONE;
	struct sv id, text;
	char digits[16];
	if (snapshot_cold(c->sn, locator, COLD_ID, c->arena, &id, &e) != RC_OK ||
		snapshot_cold(c->sn, locator, COLD_TEXT, c->arena, &text, &e) != RC_OK)
		return false;
	struct sv from = id.ptr ? id : text;
	size_t skip = id.ptr ? sizeof("m-") - 1 : sizeof("text of ") - 1;
	if (from.len <= skip || from.len - skip >= sizeof(digits))
		return false;
	memcpy(digits, from.ptr + skip, from.len - skip);
	digits[from.len - skip] = '\0';
	*number = (uint32_t)strtoul(digits, NULL, 10);
	return *number < WORLD_NUMBERS;
}

static struct sv expected_touchpoint(const struct interaction *x, uint32_t design)
{
	if (sv_equal(x->event, SV("Delivered")))
		return SV("delivery");
	if (design == 1)
		return SV("support");
	return sv_equal(x->event, SV("Call")) ? SV("call") : SV_NONE;
}

static bool has_measure(
	const struct comparing *c, const struct span *span, uint32_t row, const struct interaction *x)
{
	double wanted = x->n_measures ? x->measures[0].value : (double)NAN, found = (double)NAN;
	if (c->csat != UINT32_MAX) {
		const struct sparse_values *v = &span->measures[c->csat];
		for (uint32_t i = 0; i < v->n; i++)
			if (v->row[i] == row)
				found = v->value[i];
	}
	return isnan(wanted) ? isnan(found) : found == wanted;
}

static const char *compare_row(struct comparing *c, const struct span *span, uint32_t row, uint64_t person)
{
	uint32_t n;
	struct interaction x;
	struct kit_texts t;
	struct err e = ERR_NONE;
	struct sv id;
	if (snapshot_cold(c->sn, span->locator[row], COLD_ID, c->arena, &id, &e) != RC_OK ||
		snapshot_cold(c->sn, span->locator[row], COLD_TEXT, c->arena, &id, &e) != RC_OK)
		return complain("cannot be read: %s", e.message);
	if (!number_of_row(c, span->locator[row], &n))
		return complain("a row that nobody wrote");
	if (!c->state->there[n])
		return complain("number %u is there", n);
	if (c->seen[n])
		return complain("number %u is there twice", n);
	c->seen[n] = true;
	world_interaction(n, &x, &t);
	struct sv who = c->state->linked && is_of(n, 1) ? SV("u2") : x.identities[0].value;
	bool same = span->at[row] == x.at_ms && span->received[row] == x.received_ms &&
		    person == person_of(SV("user"), who) &&
		    sv_equal(names_at(c->names, NAME_EVENT, span->code[CODE_EVENT][row]), x.event) &&
		    sv_equal(names_at(c->names, NAME_CHANNEL, span->code[CODE_CHANNEL][row]), x.channel) &&
		    sv_equal(names_at(c->names, (enum name_kind)(NAME_DIMENSION0 + c->product),
				     span->code[CODE_DIMENSION0 + c->product][row]),
			    x.dimensions[0]) &&
		    has_measure(c, span, row, &x);
	if (!same)
		return complain("number %u is not what was written", n);
	struct sv touchpoint = names_at(c->names, NAME_TOUCHPOINT, span->code[CODE_TOUCHPOINT][row]);
	if (!sv_equal(touchpoint, expected_touchpoint(&x, c->state->design)))
		return complain("number %u is at the touch point '%.*s'", n, SV_ARG(touchpoint));
	return NULL;
}

static const char *compare_rows(struct comparing *c, struct cursor *cursor)
{
	struct err e = ERR_NONE;
	const struct span *span;
	const char *wrong = NULL;
	for (;;) {
		if (cursor_next(cursor, &span, &e) != RC_OK)
			return complain("cannot be read: %s", e.message);
		if (!span)
			return NULL;
		for (uint32_t p = 0; p < span->n_persons; p++)
			for (uint32_t i = span->person_start[p]; !wrong && i < span->person_start[p + 1]; i++)
				wrong = compare_row(c, span, i, span->person[p]);
		if (wrong)
			return wrong;
	}
}

const char *world_compare_snapshot(const struct world *w, const struct world_state *state, struct snapshot *sn)
{
	struct err e = ERR_NONE;
	struct comparing c = {.state = state, .sn = sn, .names = snapshot_names(sn)};
	const struct design *d = snapshot_design(sn);
	if (d->hash != w->designs[state->design]->hash)
		return complain("the other design holds");
	c.csat = names_find(c.names, NAME_MEASURE, SV("csat")) - 1;
	c.product = names_find(c.names, NAME_DIMENSION, SV("product"));
	c.product = c.product ? c.product - 1 : 0;
	struct scan_request r = {.ordered = true,
		.columns = {.received = true,
			.touchpoint = true,
			.channel = true,
			.event = true,
			.dimensions = 1u << c.product,
			.measures = c.csat < 64 ? UINT64_C(1) << c.csat : 0}};
	struct cursor *cursor = NULL;
	c.arena = arena_new(1u << 24);
	if (cursor_open(sn, &r, 0, UINT64_MAX, &cursor, &e) != RC_OK)
		return complain("cannot be scanned: %s", e.message);
	cursor_want_rows(cursor);
	const char *wrong = compare_rows(&c, cursor);
	cursor_close(&cursor);
	arena_free(&c.arena);
	for (uint32_t i = 0; !wrong && i < WORLD_NUMBERS; i++)
		if (state->there[i] && !c.seen[i])
			wrong = complain("number %u is lost", i);
	return wrong;
}

static const char *compare_quarantine(const struct world_state *state, struct store *s)
{
	struct err e = ERR_NONE;
	struct arena *arena = arena_new(1u << 20);
	struct quarantine_group *groups = NULL;
	uint32_t n_groups;
	uint64_t n = 0;
	if (quarantine_groups(s, arena, &groups, &n_groups, &e) != RC_OK)
		return complain("no quarantine: %s", e.message);
	for (uint32_t i = 0; groups && i < n_groups; i++)
		n += groups[i].n;
	arena_free(&arena);
	return n == state->n_quarantined ? NULL
					 : complain("%llu rows in the quarantine", (unsigned long long)n);
}

// With the damaged byte put right for the time being.
static const char *compare_damaged(const struct world *w, const char *dir, const struct world_state *state)
{
	struct err e = ERR_NONE;
	struct verify_report report;
	struct world_state sound = *state;
	sound.damaged = false;
	if (store_verify(dir, &report, NULL, &e) != RC_CORRUPT)
		return complain("the damage is gone");
	damage_toggle(w, dir);
	const char *wrong = world_compare(w, dir, &sound);
	damage_toggle(w, dir);
	return wrong;
}

const char *world_compare(const struct world *w, const char *dir, const struct world_state *state)
{
	if (state->damaged)
		return compare_damaged(w, dir, state);
	struct err e = ERR_NONE;
	struct verify_report report;
	const struct store_options options = {.read_only = true};
	struct store *s = NULL;
	struct snapshot *sn = NULL;
	enum rc rc = store_open(dir, &options, &s, &e);
	if (rc == RC_NOT_FOUND && !state->made)
		return NULL;
	if (rc != RC_OK)
		return complain("cannot be opened: %s", e.message);
	const char *wrong = state->made ? NULL : complain("there is a data directory");
	if (!wrong && snapshot_open(s, &sn, &e) != RC_OK)
		wrong = complain("no snapshot: %s", e.message);
	if (!wrong)
		wrong = world_compare_snapshot(w, state, sn);
	snapshot_close(&sn);
	if (!wrong)
		wrong = compare_quarantine(state, s);
	store_close(&s);
	if (!wrong && store_verify(dir, &report, NULL, &e) != RC_OK)
		wrong = complain("does not verify: %s", e.message);
	return wrong;
}
