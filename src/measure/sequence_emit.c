// SPDX-License-Identifier: Apache-2.0
// From the tree of a pattern to its program (Thompson 1968, with instructions for times and for what must not come), and
// what can be known of all its matches beforehand.
#include "measure/sequence.h"

#include <assert.h>

struct emitter {
	struct sequence_program *p;
	struct sequence_condition conditions[SEQUENCE_CONDITIONS_MAX];
	uint32_t n_conditions;
	bool earlier[SEQUENCE_SLOTS_MAX], later[SEQUENCE_SLOTS_MAX];
	struct err *e;
};

static uint32_t put(struct emitter *m, struct sequence_instruction x)
{
	if (m->p->n == SEQUENCE_PROGRAM_MAX) {
		err_set(m->e, RC_USAGE,
			"--pattern is too large: more than %u parts when repetitions are written out",
			SEQUENCE_PROGRAM_MAX);
		err_remedy(m->e, "use smaller numbers in {m,n}, or + and *");
		return SEQUENCE_PROGRAM_MAX - 1;
	}
	m->p->code[m->p->n] = x;
	return m->p->n++;
}

static void emit(struct emitter *m, const struct sequence_node *n);

static void emit_repeat(struct emitter *m, const struct sequence_node *n)
{
	uint32_t ends[SEQUENCE_REPEAT_MAX], n_ends = 0, last = m->p->n;
	for (uint32_t i = 0, before = UINT32_MAX; i < n->min && m->p->n != before && m->e->rc == RC_OK; i++) {
		before = last = m->p->n; // what is empty is so any number of times
		emit(m, n->a);
	}
	if (n->max == UINT32_MAX &&
		n->min > 0) { // the last again, and not once more: (x+)+ would double at every level
		uint32_t loop = put(m, (struct sequence_instruction){.op = OP_SPLIT});
		m->p->code[loop].a = last;
		m->p->code[loop].b = m->p->n;
		return;
	}
	if (n->max == UINT32_MAX) {
		uint32_t loop = put(m, (struct sequence_instruction){.op = OP_SPLIT});
		emit(m, n->a);
		put(m, (struct sequence_instruction){.op = OP_JUMP, .a = loop});
		m->p->code[loop].a = loop + 1;
		m->p->code[loop].b = m->p->n;
		return;
	}
	for (uint32_t i = n->min; i < n->max && m->e->rc == RC_OK; i++) {
		ends[n_ends] = put(m, (struct sequence_instruction){.op = OP_SPLIT});
		m->p->code[ends[n_ends]].a = ends[n_ends] + 1;
		n_ends++;
		emit(m, n->a);
	}
	while (n_ends)
		m->p->code[ends[--n_ends]].b = m->p->n;
}

static void emit_either(struct emitter *m, const struct sequence_node *n)
{
	uint32_t split = put(m, (struct sequence_instruction){.op = OP_SPLIT});
	emit(m, n->a);
	uint32_t jump = put(m, (struct sequence_instruction){.op = OP_JUMP});
	m->p->code[split].a = split + 1;
	m->p->code[split].b = m->p->n;
	emit(m, n->b);
	m->p->code[jump].a = m->p->n;
}

static void emit_row(struct emitter *m, const struct sequence_node *n)
{
	struct sequence_instruction x = {.op = OP_ROW, .mask = n->mask, .n_conditions = m->n_conditions};
	for (uint32_t i = 0; i < m->n_conditions; i++) {
		const struct sequence_condition *c = &m->conditions[i];
		x.conditions[i] = *c;
		m->earlier[c->slot] |= c->min_ms > 0;
		m->later[c->slot] |= c->max_ms != SEQUENCE_NO_TIME;
	}
	put(m, x);
}

static void emit_timed(struct emitter *m, const struct sequence_node *n)
{
	if (m->n_conditions == SEQUENCE_CONDITIONS_MAX) {
		err_set(m->e, RC_USAGE, "--pattern has more than %u time conditions within each other",
			SEQUENCE_CONDITIONS_MAX);
		err_remedy(m->e, "take some of them away");
		return;
	}
	if (n->slot != SEQUENCE_SLOT_START)
		put(m, (struct sequence_instruction){.op = OP_SAVE, .a = n->slot});
	m->conditions[m->n_conditions++] = (struct sequence_condition){n->slot, n->min_ms, n->max_ms};
	emit(m, n->a);
	m->n_conditions--;
}

static void emit(struct emitter *m, const struct sequence_node *n)
{
	if (m->e->rc != RC_OK)
		return;
	switch (n->kind) {
	case SEQUENCE_EMPTY:
		return;
	case SEQUENCE_ROW:
		emit_row(m, n);
		return;
	case SEQUENCE_CHAIN:
		emit(m, n->a);
		emit(m, n->b);
		return;
	case SEQUENCE_EITHER:
		emit_either(m, n);
		return;
	case SEQUENCE_REPEAT:
		emit_repeat(m, n);
		return;
	case SEQUENCE_TIMED:
		emit_timed(m, n);
		return;
	case SEQUENCE_NOT:
		put(m, (struct sequence_instruction){.op = OP_NOT, .mask = n->mask, .max_ms = n->max_ms});
		return;
	case SEQUENCE_GAP:
		put(m, (struct sequence_instruction){.op = OP_GAP, .skip = n->skip});
		return;
	case SEQUENCE_FIRST:
	case SEQUENCE_LAST:
		put(m, (struct sequence_instruction){.op = n->kind == SEQUENCE_FIRST ? OP_FIRST : OP_LAST});
		return;
	}
}

// Masks that every match has an interaction of; those that do not fit are left out.
static void require(struct sequence_program *p, const struct sequence_node *n)
{
	switch (n->kind) {
	case SEQUENCE_ROW:
		if (n->mask != SEQUENCE_ANY && p->n_required < CLASSES_MAX)
			p->required[p->n_required++] = n->mask;
		return;
	case SEQUENCE_CHAIN:
		require(p, n->a);
		require(p, n->b);
		return;
	case SEQUENCE_REPEAT:
		if (n->min > 0)
			require(p, n->a);
		return;
	case SEQUENCE_TIMED:
		require(p, n->a);
		return;
	case SEQUENCE_EMPTY:
	case SEQUENCE_EITHER:
	case SEQUENCE_NOT:
	case SEQUENCE_GAP:
	case SEQUENCE_FIRST:
	case SEQUENCE_LAST:
		return;
	}
}

// What a match can start with: everything that is reached before an interaction is taken.
static enum rc find_starts(struct run *run, struct sequence_program *p, struct err *e)
{
	uint32_t *stack = arena_array(run->scratch, 2 * (size_t)p->n + 1, sizeof(*stack)), n = 0;
	bool *seen = arena_array(run->scratch, p->n, sizeof(*seen));
	if (!stack || !seen)
		return err_set(e, RC_NOMEM, "out of memory for a pattern");
	stack[n++] = 0;
	while (n) {
		uint32_t pc = stack[--n];
		const struct sequence_instruction *x = &p->code[pc];
		if (seen[pc])
			continue;
		seen[pc] = true;
		if (x->op == OP_ROW) {
			p->starts |= x->mask;
		} else if (x->op == OP_MATCH) {
			p->nullable = true;
		} else if (x->op == OP_NOT) {
			err_set(e, RC_USAGE, "--pattern can begin with `not`, and nothing comes before it");
			err_remedy(e, "begin with the interaction after which it must not come: order not "
				      "{csat < 3}");
			return RC_USAGE;
		} else if (x->op == OP_JUMP) {
			stack[n++] = x->a;
		} else if (x->op == OP_SPLIT) {
			stack[n++] = x->a;
			stack[n++] = x->b;
		} else {
			stack[n++] = pc + 1;
		}
	}
	return RC_OK;
}

// Which slots are looked at from each instruction on, before they are saved anew: backwards until nothing changes.
static void find_live(struct sequence_program *p)
{
	bool changed = true;
	while (changed) {
		changed = false;
		for (uint32_t pc = p->n; pc-- > 0;) {
			struct sequence_instruction *x = &p->code[pc];
			unsigned live = x->op == OP_MATCH                       ? 0u
					: x->op == OP_JUMP || x->op == OP_SPLIT ? p->code[x->a].live
										: p->code[pc + 1].live;
			if (x->op == OP_SPLIT)
				live |= p->code[x->b].live;
			if (x->op == OP_SAVE)
				live &= ~(1u << x->a);
			for (uint32_t i = 0; i < x->n_conditions; i++)
				live |= 1u << x->conditions[i].slot;
			changed |= x->live != live;
			x->live = (uint8_t)live;
		}
	}
}

enum rc sequence_emit(struct run *run, const struct sequence_node *tree, uint32_t n_slots, bool skip,
	struct sequence_program **out, struct err *e)
{
	struct err local = ERR_NONE;
	struct sequence_program *p = arena_alloc(run->scratch, sizeof(*p));
	struct emitter m = {.p = p, .e = &local};
	*out = p;
	if (p)
		p->code = arena_array(run->scratch, SEQUENCE_PROGRAM_MAX, sizeof(*p->code));
	if (!p || !p->code)
		return err_set(e, RC_NOMEM, "out of memory for a pattern");
	p->n_slots = n_slots;
	p->skip = skip;
	p->needs_all = !skip;
	emit(&m, tree);
	put(&m, (struct sequence_instruction){.op = OP_MATCH});
	if (local.rc != RC_OK)
		return err_take(e, &local);
	for (uint32_t i = 0; i < p->n; i++)
		p->needs_all |= (p->code[i].op == OP_ROW && p->code[i].mask == SEQUENCE_ANY) ||
				(p->code[i].op == OP_NOT && p->code[i].mask == SEQUENCE_ANY) ||
				(p->code[i].op == OP_GAP && !p->code[i].skip);
	for (uint32_t i = 0; i < n_slots; i++)
		p->better[i] = m.earlier[i] && m.later[i] ? 0 : m.earlier[i] ? -1 : 1;
	require(p, tree);
	find_live(p);
	return find_starts(run, p, e);
}
