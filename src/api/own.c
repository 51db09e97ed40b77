// SPDX-License-Identifier: Apache-2.0
// What the head of departments sees of single customers: what happened at the touch points of these departments, and
// nothing of elsewhere. All others who may see persons see everything of them.
#include "api/internal.h"

enum told persons_told(const struct api_call *c)
{
	if (!(c->actor.rights & RIGHT_BIT(RIGHT_PERSONS)))
		return TOLD_NONE;
	return c->user && c->role == ROLE_OWNER ? TOLD_OWN : TOLD_ALL;
}

bool owns_department(const struct sv *departments, uint32_t n, struct sv name)
{
	for (uint32_t i = 0; i < n; i++)
		if (sv_equal(departments[i], name))
			return true;
	return false;
}

bool owns_touchpoint(const struct api_call *c, const struct design *d, uint32_t touchpoint)
{
	if (touchpoint == DESIGN_NONE || d->touchpoints[touchpoint].owner == DESIGN_NONE)
		return false;
	return owns_department(
		c->departments, c->n_departments, d->departments[d->touchpoints[touchpoint].owner]);
}

// One filter: "touchpoint = 'a', 'b'"; when there are none, one that nothing passes.
static struct sv filter_text(const struct api_call *c, const struct design *d)
{
	struct buf text = buf_new(1u << 20);
	for (uint32_t t = 0; t < d->n_touchpoints; t++) {
		if (!owns_touchpoint(c, d, t))
			continue;
		struct sv name = d->touchpoints[t].name;
		buf_str(&text, text.len ? ", '" : "touchpoint = '");
		for (size_t i = 0; i < name.len; i++) {
			if (name.ptr[i] == '\'')
				buf_char(&text, '\'');
			buf_char(&text, name.ptr[i]);
		}
		buf_char(&text, '\'');
	}
	if (text.len == 0)
		buf_str(&text, "touchpoint exists and touchpoint missing");
	struct sv copy = text.rc == RC_OK ? arena_copy(http_arena(c->x), buf_view(&text)) : SV_NONE;
	buf_free(&text);
	return copy;
}

enum rc own_narrow(struct api_call *c, const struct design *d, struct query *q, struct err *e)
{
	struct sv *where = arena_array(http_arena(c->x), (size_t)q->n_where + 1, sizeof(*where));
	struct sv text = where ? filter_text(c, d) : SV_NONE;
	if (!text.ptr)
		return err_set(e, RC_NOMEM, "out of memory for a question");
	for (uint32_t i = 0; i < q->n_where; i++)
		where[i] = q->where[i];
	where[q->n_where++] = text;
	q->where = where;
	return RC_OK;
}

enum rc own_predicate(struct api_call *c, const struct snapshot *sn, struct predicate *out, struct err *e)
{
	const struct design *d = snapshot_design(sn);
	const struct names *names = snapshot_names(sn);
	uint32_t n = names_count(names, NAME_TOUCHPOINT);
	uint8_t *wanted = arena_alloc(http_arena(c->x), (size_t)n + 1);
	if (!wanted)
		return err_set(e, RC_NOMEM, "out of memory for a question");
	for (uint32_t t = 0; t < d->n_touchpoints; t++) {
		uint32_t code = names_find(names, NAME_TOUCHPOINT, d->touchpoints[t].name);
		if (code < n)
			wanted[code] |= owns_touchpoint(c, d, t);
	}
	*out = (struct predicate){
		.kind = PREDICATE_CODES, .column = CODE_TOUCHPOINT, .code_wanted = wanted, .n_codes = n};
	return RC_OK;
}

enum rc persons_denied(struct err *e)
{
	return err_set(e, RC_DENIED, "the answer is about single customers: this needs the right “%s”",
		right_info(RIGHT_PERSONS)->name);
}
