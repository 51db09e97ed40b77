// SPDX-License-Identifier: Apache-2.0
// The program as a server: the routes for tracking, for the pages and for other programs, on one data directory.
#ifndef CORRIDOR_API_API_H
#define CORRIDOR_API_API_H

#include "access/access.h"
#include "http/http.h"
#include "journey/journey.h"

struct api;

#define API_UPLOAD_BYTES ((uint64_t)1 << 30)

// What one sender may take. 0: the default of http_options, wire_context or intake_options, API_UPLOAD_BYTES.
struct api_limits {
	uint64_t message_bytes, batch_bytes, unpacked_bytes, header_bytes, waiting_bytes, upload_bytes;
	uint64_t connections, connections_per_address, header_ms, body_ms, idle_ms, write_ms, rate_bytes;
};

struct api_options {
	struct store *store; // open for writing; the API appends to it until api_close
	struct access *access;
	const struct clock *clock;            // NULL: the system's
	const struct http_address *addresses; // as in http_options
	size_t n_addresses;
	const char *tls_certificate, *tls_key;
	const char *const *trusted_proxies;
	size_t n_trusted_proxies;
	struct api_limits limits;
	unsigned threads; // that ask questions; 0: the processors
	bool access_log;  // one line of JSON on standard output for each request
	// So many simulated interactions a minute come in by themselves, for data made by simulate_run; 0: none.
	unsigned simulated_per_minute;
	const char *const *drop_dirs; // folders whose files are imported, see listen/drop.h
	size_t n_drop_dirs;
	int64_t drop_settle_ms;  // 0: DROP_SETTLE_MS
	const char *mailbox;     // a mailbox file, see listen/mailbox.h; NULL: none
	int64_t no_password_for; // the user who need not choose a password after coming with a link; 0: all must
};

// Opens everything and starts to listen. Errors of http_open and intake_open.
enum rc api_open(const struct api_options *options, struct api **out, struct err *e);
uint16_t api_port(const struct api *a, size_t address);
// Takes no more requests and ends those under way (at most timeout_ms), makes durable what came in, and frees. NULL is
// allowed.
void api_close(struct api **a, uint32_t timeout_ms);
// Certificates and the like anew. The server goes on with the old ones when that fails.
enum rc api_reload(struct api *a, struct err *e);

// OpenAPI 3.1 of all routes, as JSON.
enum rc api_openapi_write(struct buf *out, struct err *e);

#endif
