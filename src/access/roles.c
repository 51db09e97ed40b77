// SPDX-License-Identifier: Apache-2.0
// Rights and roles. A new right is a value of the enum, a row of `rights` and its bit in the roles that have it;
// docs/access.md shows the same table and a test compares them.
#include "access/internal.h"

#include "base/buf.h"

#include <assert.h>

#define BIT(name) RIGHT_BIT(RIGHT_##name)

static const struct right_info rights[RIGHT_COUNT] = {
	[RIGHT_LOOK] = {"look", "see the corridor, dashboards and what arrives, without persons"},
	[RIGHT_ASK] = {"ask", "run analyses with filters of one's own"},
	[RIGHT_PERSONS] = {"persons", "see single customers: their stories, texts and identities"},
	[RIGHT_SQL] = {"sql", "ask in SQL, which sees everything stored about customers"},
	[RIGHT_SHARE] = {"share", "make dashboards, and links to them for people without an account"},
	[RIGHT_QUARANTINE] = {"quarantine", "see and replay what could not be understood"},
	[RIGHT_SEND] = {"send", "send interactions over the API, with an API key"},
	[RIGHT_IMPORT] = {"import",
		"import files; read the quarantine with a mended mapping, and drop what is in it"},
	[RIGHT_DESIGN] = {"design", "publish a new corridor file"},
	[RIGHT_ERASE] = {"erase", "erase persons and link identities"},
	[RIGHT_SETTINGS] = {"settings", "change sources, webhooks and settings"},
	[RIGHT_KEYS] = {"keys", "make and revoke keys"},
	[RIGHT_USERS] = {"users", "add, change and remove users"},
	[RIGHT_AUDIT] = {"audit", "read the audit trail"},
};

#define VIEWER (BIT(LOOK) | BIT(ASK))
#define AGENT (VIEWER | BIT(PERSONS))
#define OWNER (AGENT | BIT(SHARE) | BIT(QUARANTINE))
#define MANAGER (OWNER | BIT(SQL) | BIT(SEND) | BIT(IMPORT) | BIT(DESIGN) | BIT(AUDIT))

static const struct role_info roles[ROLE_COUNT] = {
	[ROLE_VIEWER] = {"viewer", "sees the corridor and its numbers, no single customer", VIEWER},
	[ROLE_AGENT] = {"agent", "front-line staff: customers and their stories too", AGENT},
	[ROLE_OWNER] = {"owner", "head of departments: looks after what arrives, shares dashboards", OWNER},
	[ROLE_MANAGER] = {"manager", "head of customer experience, analysts: design, import, SQL", MANAGER},
	[ROLE_ADMINISTRATOR] = {"administrator", "everything: users, keys, settings, erasing", RIGHTS_ALL},
};

const struct right_info *right_info(enum right right)
{
	assert((unsigned)right < RIGHT_COUNT);
	return &rights[right];
}

const struct role_info *role_info(enum role role)
{
	assert((unsigned)role < ROLE_COUNT);
	return &roles[role];
}

enum rc role_find(struct sv name, enum role *out, struct err *e)
{
	for (unsigned r = 0; r < ROLE_COUNT; r++)
		if (sv_equal(name, sv_from(roles[r].name))) {
			*out = (enum role)r;
			return RC_OK;
		}
	err_set(e, RC_USAGE, "there is no role '%.*s'", (int)(name.len < 60 ? name.len : 60),
		name.ptr ? name.ptr : "");
	err_remedy(e, "one of viewer, agent, owner, manager, administrator");
	return RC_USAGE;
}

static bool right_find(struct sv name, enum right *out)
{
	for (unsigned r = 0; r < RIGHT_COUNT; r++)
		if (sv_equal(name, sv_from(rights[r].name))) {
			*out = (enum right)r;
			return true;
		}
	return false;
}

static void put_rights(uint32_t mask, struct buf *out)
{
	for (unsigned r = 0; r < RIGHT_COUNT; r++) {
		if (!(mask & RIGHT_BIT(r)))
			continue;
		if (out->len)
			buf_char(out, ',');
		buf_str(out, rights[r].name);
	}
}

enum rc rights_parse(struct sv names, uint32_t *out, struct err *e)
{
	*out = 0;
	for (size_t at = 0; at < names.len;) {
		size_t end = at;
		while (end < names.len && names.ptr[end] != ',' && names.ptr[end] != ' ')
			end++;
		struct sv name = {names.ptr + at, end - at};
		enum right right;
		at = end + 1;
		if (name.len == 0)
			continue;
		if (!right_find(name, &right)) {
			struct buf all = buf_new(4096);
			put_rights(RIGHTS_ALL, &all);
			err_set(e, RC_USAGE, "there is no right '%.*s'", (int)(name.len < 60 ? name.len : 60),
				name.ptr);
			err_remedy(e, "some of %.*s", SV_ARG(buf_view(&all)));
			buf_free(&all);
			return RC_USAGE;
		}
		*out |= RIGHT_BIT(right);
	}
	return RC_OK;
}

uint32_t rights_known(struct sv names)
{
	uint32_t mask = 0;
	enum right right;
	for (struct sv rest = names; rest.ptr;)
		if (right_find(sv_trim(sv_cut(rest, ',', &rest)), &right))
			mask |= RIGHT_BIT(right);
	return mask;
}

struct sv rights_text(uint32_t mask, struct arena *arena)
{
	struct buf text = buf_new(4096);
	put_rights(mask, &text);
	struct sv view = buf_view(&text);
	struct sv copy = text.rc == RC_OK ? arena_copy(arena, view.ptr ? view : SV("")) : SV_NONE;
	buf_free(&text);
	return copy;
}
