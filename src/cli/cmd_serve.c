// SPDX-License-Identifier: Apache-2.0
// corridor serve: the data directory over HTTP, until it is told to stop.
//
// Signals are read from a descriptor, so that nothing happens inside a handler: TERM and INT stop (what came in is made
// durable and sealed), HUP reads certificates again.
#include "api/api.h"
#include "base/log.h"
#include "cli/commands.h"
#include "listen/drop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { ADDRESSES_MAX = 16, PROXIES_MAX = 64, STOP_MS = 20000, LINK_LIFETIME_MS = 24 * 3600 * 1000 };

struct serving {
	struct store *store;
	struct access *access;
	struct api *api;
	struct http_address addresses[ADDRESSES_MAX];
	size_t n_addresses;
	const char *proxies[PROXIES_MAX];
	size_t n_proxies;
	const char *drops[DROP_DIRS_MAX];
	size_t n_drops;
	int64_t linked; // the user of --link-for; 0: none
	int signals;
};

static enum rc read_addresses(const struct cli *cli, struct serving *s, struct err *e)
{
	const struct args *args = &cli->args;
	struct sv given[ADDRESSES_MAX];
	int fds[ADDRESSES_MAX];
	bool tls = args_text(args, "certificate") != NULL;
	if (tls != (args_text(args, "key") != NULL)) {
		err_set(e, RC_USAGE, "--certificate and --key go together: there is only --%s",
			tls ? "certificate" : "key");
		err_remedy(e, "add --%s FILE, a PEM file", tls ? "key" : "certificate");
		return RC_USAGE;
	}
	size_t inherited = http_inherited(fds, ADDRESSES_MAX);
	for (size_t i = 0; i < inherited; i++)
		s->addresses[s->n_addresses++] = (struct http_address){.fd = fds[i], .tls = tls};
	uint32_t n = args_list(args, "listen", given, ADDRESSES_MAX);
	if (n + inherited > ADDRESSES_MAX)
		return err_set(e, RC_USAGE, "at most %d addresses can be listened to", ADDRESSES_MAX);
	for (uint32_t i = 0; i < n; i++)
		s->addresses[s->n_addresses++] = (struct http_address){.address = given[i].ptr, .tls = tls};
	if (s->n_addresses == 0)
		s->addresses[s->n_addresses++] = (struct http_address){.address = "127.0.0.1:8080", .tls = tls};
	struct sv proxies[PROXIES_MAX];
	s->n_proxies = args_list(args, "trust", proxies, PROXIES_MAX);
	for (size_t i = 0; i < s->n_proxies; i++)
		s->proxies[i] = proxies[i].ptr;
	struct sv drops[DROP_DIRS_MAX];
	s->n_drops = args_list(args, "drop", drops, DROP_DIRS_MAX);
	for (size_t i = 0; i < s->n_drops; i++)
		s->drops[i] = drops[i].ptr;
	return RC_OK;
}

// Before any thread is started, so that all have the signals blocked.
static enum rc catch_signals(struct serving *s, struct err *e)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	s->signals = signalfd(-1, &set, SFD_CLOEXEC);
	return s->signals >= 0 ? RC_OK : err_errno(e, RC_IO, errno, "cannot wait for signals");
}

// The user of --link-for, who may come in by links as long as the server runs. 0: there is none.
static enum rc find_linked(struct cli *cli, const struct serving *s, int64_t *out, struct err *e)
{
	const char *email = args_text(&cli->args, "link-for");
	struct access_user user;
	*out = 0;
	enum rc rc = email ? access_user_find(s->access, sv_from(email), cli->arena, &user, e) : RC_OK;
	if (rc == RC_OK && email)
		*out = user.id;
	return rc;
}

static enum rc open_all(struct cli *cli, struct serving *s, struct err *e)
{
	const struct args *args = &cli->args;
	const char *dir;
	const struct store_options how = {.seal_rows = (uint32_t)args_integer(args, "seal-rows"),
		.compact_in_background = true,
		.gives_way = true};
	struct api_limits limits;
	enum rc rc = cli_limits(cli, &limits, e);
	if (rc == RC_OK)
		rc = cli_data_dir(cli, &dir, e);
	if (rc == RC_OK)
		rc = store_open(dir, &how, &s->store, e);
	if (rc == RC_OK)
		rc = access_open(dir, NULL, &s->access, e);
	if (rc == RC_OK)
		rc = find_linked(cli, s, &s->linked, e);
	const struct api_options o = {
		.store = s->store,
		.access = s->access,
		.addresses = s->addresses,
		.n_addresses = s->n_addresses,
		.tls_certificate = args_text(args, "certificate"),
		.tls_key = args_text(args, "key"),
		.trusted_proxies = s->proxies,
		.n_trusted_proxies = s->n_proxies,
		.limits = limits,
		.threads = (unsigned)args_integer(args, "threads"),
		.access_log = args_flag(args, "access-log"),
		.simulated_per_minute = (unsigned)args_integer(args, "simulate"),
		.drop_dirs = s->drops,
		.n_drop_dirs = s->n_drops,
		.drop_settle_ms = 1000 * args_integer(args, "settle"),
		.mailbox = args_text(args, "mailbox"),
		.no_password_for = s->linked,
	};
	return rc == RC_OK ? api_open(&o, &s->api, e) : rc;
}

// "http://127.0.0.1:8080" of an address; all addresses of the machine are shown as localhost.
static struct sv origin_of(struct cli *cli, const struct serving *s, size_t i)
{
	const struct http_address *a = &s->addresses[i];
	struct sv host = a->address ? sv_from(a->address) : SV("localhost:");
	while (host.len > 0 && host.ptr[host.len - 1] != ':')
		host.len--;
	if (host.len > 0)
		host.len--;
	if (host.len == 0 || sv_equal(host, SV("*")) || sv_equal(host, SV("0.0.0.0")) ||
		sv_equal(host, SV("[::]")))
		host = SV("localhost");
	return arena_printf(
		cli->arena, "%s://%.*s:%u", a->tls ? "https" : "http", SV_ARG(host), api_port(s->api, i));
}

// A one-time link for the user of --link-for.
static enum rc tell_link(struct cli *cli, const struct serving *s, struct buf *out, struct err *e)
{
	const struct access_actor self = {.who = SV("corridor serve"), .rights = RIGHTS_ALL};
	char token[ACCESS_TOKEN_BYTES];
	if (!s->linked)
		return RC_OK;
	enum rc rc = access_link_new(s->access, &self, s->linked, LINK_LIFETIME_MS, token, e);
	if (rc == RC_OK)
		buf_printf(out, "Sign in as %s (this link works once, for a day):\n%.*s/sign-in/%s\n",
			args_text(&cli->args, "link-for"), SV_ARG(origin_of(cli, s, 0)), token);
	return rc;
}

// Where it is, and how to get in when nobody can yet.
static enum rc tell(struct cli *cli, const struct serving *s, struct err *e)
{
	struct buf out = buf_new(1 << 16);
	const struct access_view *view = access_view_get(s->access);
	bool is_new = access_view_is_new(view);
	char token[ACCESS_TOKEN_BYTES];
	access_view_release(s->access, &view);
	enum rc rc = is_new ? access_setup_token(s->access, token, e) : RC_OK;
	for (size_t i = 0; rc == RC_OK && i < s->n_addresses; i++)
		buf_printf(&out, "%.*s\n", SV_ARG(origin_of(cli, s, i)));
	if (rc == RC_OK && is_new)
		buf_printf(&out,
			"Nobody can sign in yet. Make the first administrator (this link works once, for a "
			"day):\n%.*s/set-up/%s\n",
			SV_ARG(origin_of(cli, s, 0)), token);
	if (rc == RC_OK)
		rc = tell_link(cli, s, &out, e);
	if (rc == RC_OK)
		rc = cli_write_buf(cli, &out, e);
	fflush(cli->env->out);
	buf_free(&out);
	return rc;
}

static void reload(const struct serving *s)
{
	struct err e = ERR_NONE;
	if (api_reload(s->api, &e) != RC_OK)
		log_err("serve", &e);
	else
		log_write(LOG_INFO, "serve", "reloaded");
}

static void serve(const struct cli *cli, const struct serving *s)
{
	struct pollfd wait = {.fd = s->signals, .events = POLLIN};
	while (!*cli->env->interrupted) {
		struct signalfd_siginfo info;
		if (poll(&wait, 1, 1000) <= 0)
			continue;
		if (read(s->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
			continue;
		if (info.ssi_signo != SIGHUP)
			return;
		reload(s);
	}
}

// Each connection is a descriptor: as many as the system lets us have.
static void raise_descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static enum rc run(struct cli *cli, struct err *e)
{
	struct serving s = {.signals = -1};
	raise_descriptors();
	enum rc rc = read_addresses(cli, &s, e);
	if (rc == RC_OK)
		rc = catch_signals(&s, e);
	if (rc == RC_OK)
		rc = open_all(cli, &s, e);
	if (rc == RC_OK)
		rc = tell(cli, &s, e);
	if (rc == RC_OK)
		serve(cli, &s);
	api_close(&s.api, STOP_MS);
	if (rc == RC_OK)
		rc = store_seal(s.store, e);
	access_close(&s.access);
	store_close(&s.store);
	if (s.signals >= 0)
		close(s.signals);
	return rc;
}

static const struct option options[] = {
	{.name = "listen",
		.letter = 'l',
		.type = OPTION_TEXT,
		.repeated = true,
		.value = "ADDRESS",
		.help = "address and port, for example 127.0.0.1:8080 (the default), [::]:443 or *:80; 0 is a "
			"free port"},
	{.name = "certificate",
		.type = OPTION_FILE,
		.value = "FILE",
		.help = "serve HTTPS with this certificate chain (PEM)"},
	{.name = "key", .type = OPTION_FILE, .value = "FILE", .help = "the certificate's private key (PEM)"},
	{.name = "trust",
		.type = OPTION_TEXT,
		.repeated = true,
		.value = "RANGE",
		.help = "believe the X-Forwarded headers of proxies in this range, for example 10.0.0.0/8"},
	{.name = "limit",
		.type = OPTION_TEXT,
		.repeated = true,
		.value = "NAME=NUMBER",
		.help = "what one sender may take, for example message-bytes=65536; docs/serve.md lists them"},
	OPTION_THREADS,
	{.name = "access-log",
		.type = OPTION_FLAG,
		.help = "one line of JSON for each request, on standard output"},
	{.name = "link-for",
		.type = OPTION_TEXT,
		.value = "EMAIL",
		.help = "print a link with which this user can sign in once; the pages ask this user for no "
			"password "
			"of its own"},
	{.name = "drop",
		.type = OPTION_DIR,
		.repeated = true,
		.value = "DIR",
		.help = "import the files that are put into this folder, with the mapping beside them"},
	{.name = "settle",
		.type = OPTION_INTEGER,
		.value = "SECONDS",
		.fallback = "5",
		.min = 1,
		.max = 3600,
		.help = "a file that is written into a watched folder is whole when it has not changed for so "
			"long"},
	{.name = "mailbox",
		.type = OPTION_FILE,
		.value = "FILE",
		.help = "import attachments out of the mailbox that this file describes (docs/serve.md)"},
	{.name = "simulate",
		.type = OPTION_INTEGER,
		.value = "N",
		.fallback = "0",
		.min = 0,
		.max = 60000,
		.help = "let N simulated interactions a minute come in, to look at data made by corridor "
			"simulate"},
	{.name = "seal-rows",
		.type = OPTION_INTEGER,
		.value = "N",
		.fallback = "0",
		.min = 0,
		.max = 16777216,
		.help = "interactions that wait in the inbox before they become a segment; 0 = 1,048,576"},
};

const struct command command_serve = {
	.name = "serve",
	.group = "Care",
	.summary = "serve the web pages, the API and the tracking protocol",
	.about = "Listens until it is told to stop (TERM or INT): then it answers what it has begun, makes "
		 "durable and seals "
		 "what came in, and leaves with 0. HUP reads the certificate again. Sockets that systemd hands "
		 "over are "
		 "used as well. The first start prints a link with which the first administrator is made.",
	.options = options,
	.n_options = sizeof options / sizeof options[0],
	.examples = "corridor serve --data tidewater\n"
		    "corridor serve --data tidewater --listen '*:443' --certificate chain.pem --key key.pem\n"
		    "corridor serve --data tidewater --drop /srv/corridor/calls",
	.run = run,
	.stops_by_itself = true,
};
