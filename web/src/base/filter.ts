// SPDX-License-Identifier: Apache-2.0
// Filters as the analyses read them (docs/queries.md). The pages build the simple ones, "field = a, b"; any other
// expression is kept and shown as it is.

export interface Condition {
	field: string;
	op: '=' | '!=' | '<' | '<=' | '>' | '>=';
	values: string[];
}

const BARE = /^[\p{L}\p{N}_:.@+/*-][\p{L}\p{N}_:.@+/* -]*$/u;
const WORDS = /(^|\s)(and|or|not|in|exists|missing)(\s|$)/i;

/** A value as the grammar wants it: bare when it can be, else in single quotes. */
export function quote(value: string): string {
	if (value === '(none)' || value === '(unmatched)') return value;
	return BARE.test(value) && !WORDS.test(value) && value.trim() === value ? value : `'${value.replace(/'/g, "''")}'`;
}

export function conditionText(c: Condition): string {
	return `${c.field} ${c.op} ${c.values.map(quote).join(', ')}`;
}

/** Reads back what conditionText writes; null for anything richer. */
export function parseCondition(text: string): Condition | null {
	const head = /^\s*([\p{L}_][\p{L}\p{N}_.-]*)\s*(!=|<=|>=|=|<|>)\s*/u.exec(text);
	if (!head) return null;
	const values: string[] = [];
	let rest = text.slice(head[0].length);
	for (;;) {
		const quoted = /^'((?:[^']|'')*)'\s*/.exec(rest);
		const bare = quoted ? null : /^(\((?:none|unmatched)\)|[^,()'"]+)/.exec(rest);
		const found = quoted ?? bare;
		if (!found) return null;
		const value = quoted ? (quoted[1] as string).replace(/''/g, "'") : (found[0] as string).trim();
		if (!value || (bare && WORDS.test(value))) return null;
		values.push(value);
		rest = rest.slice(found[0].length).trimStart();
		if (rest === '') break;
		if (!rest.startsWith(',')) return null;
		rest = rest.slice(1).trimStart();
	}
	return { field: head[1] as string, op: head[2] as Condition['op'], values };
}

/** The list with this field's condition replaced (or taken away when there are no values). */
export function setCondition(where: string[], field: string, values: string[]): string[] {
	const others = where.filter(w => {
		const c = parseCondition(w);
		return !(c && c.field === field && c.op === '=');
	});
	return values.length ? [...others, conditionText({ field, op: '=', values })] : others;
}

/** Filters about where something happens: they hold for both sides of a comparison of segments. */
const PLACES = ['channel', 'channel-kind', 'owner', 'stage', 'touchpoint'];

function leading(expression: string): string {
	return /^\s*([\w.-]*)/.exec(expression)?.[1] ?? '';
}

/** What a segment is filtered by when it stands beside what these filters let through, and which of them it stands instead of:
 *  those that begin with its own field, and, unless it says where, all that do not say where. The server lets read-only links
 *  ask by the same rule (gives_way in src/api/boards.c). */
export function beside(filters: string[], segment: string): { where: string[]; instead: string[] } {
	const own = leading(segment);
	const holds = (f: string): boolean => leading(f) !== own && (PLACES.includes(own) || PLACES.includes(leading(f)));
	return { where: [...filters.filter(holds), segment], instead: filters.filter(f => !holds(f)) };
}

export function valuesOf(where: string[], field: string): string[] {
	for (const w of where) {
		const c = parseCondition(w);
		if (c && c.field === field && c.op === '=') return c.values;
	}
	return [];
}
