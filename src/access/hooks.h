// SPDX-License-Identifier: Apache-2.0
// Webhooks as they are set up: a name, the mapping of its bodies, how they are signed and with which secrets. What the
// texts mean is known to listen/; here they are kept.
//
// Unlike all other secrets those of webhooks are stored as they are: a signature can only be checked with the secret
// itself. The file is its owner's alone (mode 0600).
#ifndef CORRIDOR_ACCESS_HOOKS_H
#define CORRIDOR_ACCESS_HOOKS_H

#include "access/access.h"

#define HOOKS_MAX 200u
#define HOOK_NAME_MAX 64u // bytes
#define HOOK_MAPPING_BYTES_MAX (128u << 10)
#define HOOK_PROGRAM_BYTES_MAX (64u << 10)
#define HOOK_STYLE_MAX 64u
#define HOOK_HEADER_MAX 128u
#define HOOK_SECRET_MIN 8u // bytes
#define HOOK_SECRET_MAX 512u
#define HOOK_SECRETS_MAX 2u // the new and the old one while they are changed
#define HOOK_WINDOW_MAX_S 86400u

struct access_hook {
	int64_t id, revision; // revision: another one with every change, of all webhooks together
	struct sv name, mapping, style;
	struct sv program; // that makes objects of a body, before the mapping; empty: there is none
	struct sv header;  // instead of the style's; empty: that one
	struct sv secrets[HOOK_SECRETS_MAX];
	uint32_t n_secrets; // the newest first
	uint32_t window_s;  // how far a signed time may be off; 0: as listen/signature.h has it
	bool enabled;
	int64_t made_ms, changed_ms;
	struct sv made_by;
};

// What is to be made or set; members that are absent (ptr NULL, has_… false) stay.
struct access_hook_change {
	struct sv mapping, style, header;
	struct sv program;  // empty: it goes
	struct sv secret;   // becomes the first one; the one before stays as the second
	bool forget_secret; // the second one goes
	bool has_window, has_enabled, enabled;
	uint32_t window_s;
};

// Makes a webhook: mapping, style and secret must be given. The name has 1 to 64 of a-z, 0-9, - and _ and begins with a
// letter or digit. RC_INPUT: a text breaks a limit; RC_EXISTS: the name is taken; RC_LIMIT: there are HOOKS_MAX.
enum rc access_hook_add(struct access *a, const struct access_actor *by, struct sv name,
	const struct access_hook_change *h, struct err *e);
// RC_NOT_FOUND, RC_INPUT.
enum rc access_hook_set(struct access *a, const struct access_actor *by, struct sv name,
	const struct access_hook_change *change, struct err *e);
// RC_NOT_FOUND.
enum rc access_hook_remove(struct access *a, const struct access_actor *by, struct sv name, struct err *e);
// All by name, in the arena.
enum rc access_hook_list(
	struct access *a, struct arena *arena, struct access_hook **out, uint32_t *n, struct err *e);
// One of them. RC_NOT_FOUND.
enum rc access_hook_get(
	struct access *a, struct sv name, struct arena *arena, struct access_hook *out, struct err *e);

// The webhook of that name, whether it is enabled or not. NULL: there is none. Valid as long as the view.
const struct access_hook *access_view_hook(const struct access_view *view, struct sv name);

// An entry of the audit trail about a delivery that was refused ("hook.refused"); a flood of them is counted, not listed
// one by one. Waits for the disk.
void access_hook_refused(struct access *a, struct sv name, struct sv address, const char *why);

#endif
