// SPDX-License-Identifier: Apache-2.0
// Setting up webhooks: mappings are compiled and styles looked up before anything is stored.
#include "api/hook_settings.h"

#include "base/buf.h"

static enum rc style_of(struct sv name, const struct signature_style **out, struct err *e)
{
	uint32_t n;
	const struct signature_style *styles = signature_styles(&n);
	*out = signature_style_find(name);
	if (*out)
		return RC_OK;
	struct buf names = buf_new(1024);
	for (uint32_t i = 0; i < n; i++)
		buf_printf(&names, "%s%s", i ? ", " : "", styles[i].name);
	err_set(e, RC_INPUT, "there is no style of signatures “%.*s”", SV_ARG(name));
	err_remedy(e, "one of %.*s", SV_ARG(buf_view(&names)));
	buf_free(&names);
	return RC_INPUT;
}

// What is given is checked; a secret is made by the style, which is the given one or `before`.
static enum rc prepare(const struct design *d, struct sandbox *sandbox, struct sv name, struct sv before,
	struct hook_settings_change *h, char made[SIGNATURE_SECRET_BYTES], struct err *e)
{
	const struct signature_style *style = NULL;
	struct access_hook_change *set = &h->set;
	made[0] = '\0';
	if (h->new_secret && set->secret.ptr)
		return err_set(e, RC_USAGE, "either a secret is given or a new one is made");
	enum rc rc = style_of(set->style.ptr ? set->style : before, &style, e);
	if (rc == RC_OK && set->mapping.ptr)
		rc = hook_check(set->mapping, name, d, e);
	if (rc == RC_OK && set->program.len)
		rc = sandbox_check(sandbox, set->program, e);
	if (rc == RC_OK && h->new_secret) {
		rc = signature_secret_make(style, made, e);
		set->secret = sv_from(made);
	}
	return rc;
}

enum rc hook_settings_add(struct access *a, const struct access_actor *by, const struct design *d,
	struct sandbox *sandbox, struct sv name, const struct hook_settings_change *h,
	char made[SIGNATURE_SECRET_BYTES], struct err *e)
{
	struct hook_settings_change change = *h;
	change.new_secret |= !change.set.secret.ptr;
	if (!change.set.mapping.ptr)
		return err_set(e, RC_INPUT, "a webhook needs a mapping");
	enum rc rc = prepare(d, sandbox, name, SV(""), &change, made, e);
	return rc == RC_OK ? access_hook_add(a, by, name, &change.set, e) : rc;
}

enum rc hook_settings_set(struct access *a, const struct access_actor *by, const struct design *d,
	struct sandbox *sandbox, struct sv name, const struct hook_settings_change *h,
	char made[SIGNATURE_SECRET_BYTES], struct err *e)
{
	struct hook_settings_change change = *h;
	struct access_hook before;
	struct arena *arena = arena_new(1u << 20);
	enum rc rc = arena ? access_hook_get(a, name, arena, &before, e)
			   : err_set(e, RC_NOMEM, "out of memory for a webhook");
	if (rc == RC_OK)
		rc = prepare(d, sandbox, name, before.style, &change, made, e);
	if (rc == RC_OK)
		rc = access_hook_set(a, by, name, &change.set, e);
	arena_free(&arena);
	return rc;
}

struct hook_settings hook_settings_of(const struct access_hook *h)
{
	return (struct hook_settings){h->id, h->revision, h->name, h->mapping, h->program};
}

enum rc hook_settings_find(
	void *context, struct sv name, struct arena *a, struct hook_settings *out, struct err *e)
{
	struct access_hook h;
	enum rc rc = access_hook_get(context, name, a, &h, e);
	if (rc == RC_OK)
		*out = hook_settings_of(&h);
	return rc;
}
