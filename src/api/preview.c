// SPDX-License-Identifier: Apache-2.0
#include "api/preview.h"

#include "api/internal.h"

#include <stdio.h>

static enum rc show_interaction(void *context, uint64_t line, const struct interaction *x, struct err *e)
{
	struct preview *p = context;
	char customer[600];
	(void)line;
	if (p->n_interactions++ >= p->most)
		return RC_OK;
	snprintf(customer, sizeof(customer), "%.*s:%.*s", SV_ARG(x->identities[0].type),
		SV_ARG(x->identities[0].value));
	struct json *j = &p->items_json;
	json_object(j);
	live_members(j, x, p->design);
	json_key_text(j, "customer", customer);
	json_key_string(j, "location", x->location.len ? x->location : SV_NONE);
	json_key_string(j, "text", x->text.len ? x->text : SV_NONE);
	json_key_string(j, "id", x->id.len ? x->id : SV_NONE);
	if (x->properties.len > 2) {
		json_key(j, "properties");
		json_raw(j, x->properties);
	}
	json_object_end(j);
	return buf_check(&p->items, e, "the preview");
}

static enum rc show_reject(void *context, uint64_t line, struct sv reason, struct err *e)
{
	struct preview *p = context;
	struct json *j = &p->rejected_json;
	if (p->n_rejected++ >= p->most)
		return RC_OK;
	json_object(j);
	json_key_u64(j, p->row_key, line);
	json_key_string(j, "reason", reason);
	json_object_end(j);
	return buf_check(&p->rejected, e, "the preview");
}

struct preview_sink preview_begin(struct preview *p, const struct design *d, uint32_t most, const char *row_key)
{
	*p = (struct preview){.design = d,
		.row_key = row_key,
		.most = most,
		.items = buf_new((size_t)64 << 20),
		.rejected = buf_new((size_t)1 << 20)};
	p->items_json = json_new(&p->items);
	p->rejected_json = json_new(&p->rejected);
	json_array(&p->items_json);
	json_array(&p->rejected_json);
	return (struct preview_sink){p, show_interaction, show_reject};
}

static void write_problem(struct json *j, const struct err *e)
{
	json_object(j);
	json_key_u64(j, "line", e->line);
	json_key_u64(j, "column", e->column);
	json_key_text(j, "message", e->message);
	json_key_text(j, "remedy", e->remedy);
	json_object_end(j);
}

void preview_write(struct json *j, struct preview *p, const struct err *problem)
{
	bool fine = problem->rc == RC_OK;
	json_array_end(&p->items_json);
	json_array_end(&p->rejected_json);
	json_key(j, "problems");
	json_array(j);
	if (!fine)
		write_problem(j, problem);
	json_array_end(j);
	json_key(j, "items");
	json_raw(j, fine ? buf_view(&p->items) : SV("[]"));
	json_key(j, "rejected");
	json_raw(j, fine ? buf_view(&p->rejected) : SV("[]"));
}

void preview_end(struct preview *p)
{
	buf_free(&p->items);
	buf_free(&p->rejected);
}
