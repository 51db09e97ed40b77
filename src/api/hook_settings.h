// SPDX-License-Identifier: Apache-2.0
// Setting up webhooks: what the API and the command line have in common. access/ keeps the texts, here they are checked
// for what they mean.
#ifndef CORRIDOR_API_HOOK_SETTINGS_H
#define CORRIDOR_API_HOOK_SETTINGS_H

#include "access/hooks.h"
#include "design/design.h"
#include "listen/hook_line.h"
#include "listen/signature.h"

struct hook_settings_change {
	struct access_hook_change set;
	bool new_secret; // make one
};

// Adds a webhook; without set.secret one is made. made: the secret that was made, else empty. Errors of access_hook_add;
// RC_INPUT: the mapping does not fit (with its line), the program is none, there is no such style.
enum rc hook_settings_add(struct access *a, const struct access_actor *by, const struct design *d,
	struct sandbox *sandbox, struct sv name, const struct hook_settings_change *h,
	char made[SIGNATURE_SECRET_BYTES], struct err *e);
// Changes one. Errors likewise, and of access_hook_set.
enum rc hook_settings_set(struct access *a, const struct access_actor *by, const struct design *d,
	struct sandbox *sandbox, struct sv name, const struct hook_settings_change *h,
	char made[SIGNATURE_SECRET_BYTES], struct err *e);

// A webhook as listen/ needs it; views into h.
struct hook_settings hook_settings_of(const struct access_hook *h);
// For import_options.hook_find; context: the struct access.
enum rc hook_settings_find(
	void *context, struct sv name, struct arena *a, struct hook_settings *out, struct err *e);

#endif
