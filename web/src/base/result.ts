// SPDX-License-Identifier: Apache-2.0
// Reading an analysis' answer: which columns belong together (value and interval), what a row is about, what can be
// drawn. Nothing here knows a single analysis.
import type { Analysis, Column, Param, Result, Row } from './types';

export const BUCKETS = ['hour', 'day', 'week', 'month', 'quarter', 'year'];
export const FIELDS = ['touchpoint', 'stage', 'owner', 'channel', 'channel-kind', 'event', 'source', 'agent', 'location'];

/** A column with the two that hold its interval, if it has one. */
export interface Figure {
	column: Column;
	low: string | null;
	high: string | null;
}

/** Columns as figures: x, x_low, x_high are one; so are value, low, high. */
export function figures(columns: Column[]): Figure[] {
	const names = new Set(columns.map(c => c.name));
	const inside = new Set<string>();
	const out: Figure[] = [];
	for (const column of columns) {
		let ends: [string, string] | null = null;
		if (names.has(`${column.name}_low`) && names.has(`${column.name}_high`)) ends = [`${column.name}_low`, `${column.name}_high`];
		else if (column.name === 'value' && names.has('low') && names.has('high')) ends = ['low', 'high'];
		if (ends) ends.forEach(e => inside.add(e));
		out.push({ column, low: ends?.[0] ?? null, high: ends?.[1] ?? null });
	}
	return out.filter(f => !inside.has(f.column.name));
}

export function isText(c: Column): boolean {
	return c.type === 'text' || c.type === 'time';
}

/** Columns that are empty in all rows say nothing. */
export function usedColumns(r: Result): Column[] {
	return r.columns.filter(c => r.rows.some(row => row[c.name] !== null && row[c.name] !== undefined && row[c.name] !== ''));
}

/** Columns that say where a row stands, or what is expected of it; as lengths they mean nothing. */
const POSITIONS = new Set(['target', 'share_target', 'step', 'steps', 'offset', 'buckets', 'bin_from', 'bin_to', 'cohort_size']);

/** Where several figures have equal right to be drawn first. */
const PREFERRED: Record<string, string> = { attribution: 'markov', scores: 'value', stickiness: 'dau_mau' };

/** What could be drawn as length: numbers with an interval first, then shares, then the rest. */
export function drawable(r: Result): Figure[] {
	const list = figures(usedColumns(r)).filter(f => !isText(f.column) && !POSITIONS.has(f.column.name));
	const rank = (f: Figure): number => (f.column.name === PREFERRED[r.analysis] ? 0 : f.low ? 1 : f.column.name === 'n' ? (f.column.type === 'count' && list.some(x => x.low) ? 4 : 2) : 3);
	return [...list].sort((a, b) => rank(a) - rank(b));
}

/** The text columns that say what a row is about; unit, verdict and the like do not, nor what is the same in every row. */
export function labelColumns(r: Result, bucket?: string): Column[] {
	const skip = new Set(['unit', 'direction', 'verdict', 'filter', 'advice', 'text', 'values', bucket]);
	const list = usedColumns(r).filter(c => c.type === 'text' && !skip.has(c.name));
	const telling = list.filter(c => r.rows.some(row => row[c.name] !== r.rows[0]?.[c.name]));
	return telling.length ? telling : list;
}

export function bucketColumn(r: Result): Column | null {
	return r.columns.find(c => BUCKETS.includes(c.name) && c.type === 'text') ?? null;
}

export interface Line {
	name: string;
	values: (number | null)[];
	low: (number | null)[] | null;
	high: (number | null)[] | null;
	n: number;
}

function num(row: Row, name: string | null): number | null {
	const v = name === null ? null : row[name];
	return typeof v === 'number' ? v : null;
}

const STEPS: { form: RegExp; at: (m: string[]) => number; label: (k: number, zone: string) => string }[] = [
	{ form: /^(\d{4})$/, at: m => Number(m[1]), label: k => four(k) },
	{ form: /^(\d{4})-Q([1-4])$/, at: m => Number(m[1]) * 4 + Number(m[2]) - 1, label: k => `${four(Math.floor(k / 4))}-Q${(k % 4) + 1}` },
	{ form: /^(\d{4})-(\d\d)$/, at: m => Number(m[1]) * 12 + Number(m[2]) - 1, label: k => `${four(Math.floor(k / 12))}-${two((k % 12) + 1)}` },
	{ form: /^(\d{4})-(\d\d)-(\d\d)$/, at: m => Date.parse(m[0] as string) / DAY, label: k => new Date(k * DAY).toISOString().slice(0, 10) },
	{ form: /^(\d{4})-W(\d\d)$/, at: m => mondays(Number(m[1])) + Number(m[2]) - 1, label: week },
	{ form: /^(\d{4}-\d\d-\d\d) (\d\d:\d\d) ([+-]\d\d:\d\d)$/, at: m => Date.parse(`${m[1]}T${m[2]}${m[3]}`) / HOUR, label: hour },
];

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const MOST_BUCKETS = 20_000; // hours of two years

const two = (n: number): string => String(n).padStart(2, '0');
const four = (n: number): string => String(n).padStart(4, '0');

/** Weeks from that of 29 December 1969 to the first of a year (ISO 8601: the one with 4 January). */
function mondays(year: number): number {
	return Math.floor((Date.UTC(year, 0, 4) / DAY + 3) / 7);
}

function week(k: number): string {
	const year = new Date(k * 7 * DAY).getUTCFullYear(); // of its Thursday
	return `${four(year)}-W${two(k - mondays(year) + 1)}`;
}

const clocks = new Map<string, Intl.DateTimeFormat>();
const offsets = new Map<string, string>();

/** "+02:00" at an instant; asked once a day, but for days on which clocks change. */
function offsetAt(ms: number, zone: string): string {
	let form = clocks.get(zone);
	if (!form) clocks.set(zone, (form = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' })));
	const ask = (at: number): string => {
		const key = `${zone} ${at}`;
		let found = offsets.get(key);
		if (found === undefined) {
			const name = form.formatToParts(at).find(p => p.type === 'timeZoneName')?.value ?? '';
			offsets.set(key, (found = name.slice(3) || '+00:00'));
		}
		return found;
	};
	const day = Math.floor(ms / DAY) * DAY;
	const begins = ask(day);
	return begins === ask(day + DAY) ? begins : ask(ms);
}

function hour(k: number, zone: string): string {
	const offset = offsetAt(k * HOUR, zone);
	const minutes = Number(offset.slice(1, 3)) * 60 + Number(offset.slice(4, 6));
	const local = new Date(k * HOUR + (offset[0] === '-' ? -minutes : minutes) * 60_000).toISOString();
	return `${local.slice(0, 10)} ${local.slice(11, 16)} ${offset}`;
}

/** All calendar buckets from the first to the last: analyses have no rows for those without interactions, and a line would go
 * through them as if they were not there. */
export function everyBucket(labels: string[], zone: string): string[] {
	const step = STEPS.find(s => labels[0] !== undefined && s.form.test(labels[0]));
	if (!step) return [...labels].sort();
	const at = new Map<number, string>();
	for (const l of labels) {
		const m = step.form.exec(l);
		if (m) at.set(step.at(m), l);
	}
	const known = [...at.keys()].sort((a, b) => a - b);
	const [first = 0, last = 0] = [known[0], known[known.length - 1]];
	// Hours of a zone that changed by less than one do not follow each other evenly.
	if (at.size !== labels.length || known.some(k => !Number.isInteger(k - first))) return known.map(k => at.get(k) as string);
	if (last - first < MOST_BUCKETS) return Array.from({ length: last - first + 1 }, (_, i) => at.get(first + i) ?? step.label(first + i, zone));
	// Of too many the ends of every gap.
	return known.flatMap((k, i) => {
		const before = known[i - 1] ?? k - 1;
		const ends = before === k - 1 ? [] : [...new Set([before + 1, k - 1])];
		return [...ends.map(e => step.label(e, zone)), at.get(k) as string];
	});
}

/** Rows with a calendar bucket as lines over it, the biggest first. What was cut off ("(other)") has no time. */
export function lines(r: Result, figure: Figure, name: (column: string, value: string) => string): { labels: string[]; lines: Line[] } {
	const bucket = bucketColumn(r);
	if (!bucket) return { labels: [], lines: [] };
	const labels = everyBucket([...new Set(r.rows.map(row => String(row[bucket.name] ?? '')))].filter(l => l && !l.startsWith('(')), r.timezone);
	// Where nothing was counted the count is 0, unless it is only not told.
	const empty = figure.column.type === 'count' && !r.rows.some(row => Object.values(row).includes('(other)')) ? 0 : null;
	const at = new Map(labels.map((l, i) => [l, i]));
	const others = labelColumns(r, bucket.name);
	const found = new Map<string, Line>();
	for (const row of r.rows) {
		const i = at.get(String(row[bucket.name] ?? ''));
		if (i === undefined) continue;
		const label = others.map(c => name(c.name, String(row[c.name] ?? ''))).join(' · ') || r.analysis;
		let line = found.get(label);
		if (!line) {
			const none = (): null[] => labels.map(() => null);
			line = { name: label, values: labels.map(() => empty), low: figure.low ? none() : null, high: figure.high ? none() : null, n: 0 };
			found.set(label, line);
		}
		line.values[i] = num(row, figure.column.name);
		if (line.low) line.low[i] = num(row, figure.low);
		if (line.high) line.high[i] = num(row, figure.high);
		line.n += num(row, 'n') ?? num(row, figure.column.name) ?? 0;
	}
	return { labels, lines: [...found.values()].sort((a, b) => b.n - a.n) };
}

// --- parameters in the URL ---

const TAKEN = new Set(['period', 'vs', 'where', 'by', 'limit', 'y', 'view', 'from', 'to']);

/** A parameter's name in the URL: its own, unless the pages use that for themselves. */
export function paramKey(name: string): string {
	return TAKEN.has(name) ? `of-${name}` : name;
}

/** What the URL says, as the API takes it; parameters that the analysis does not have are left out. */
export function questionOf(a: Analysis, url: URLSearchParams): [string, string][] {
	const out: [string, string][] = [];
	for (const name of ['by', 'limit']) {
		const v = url.get(name);
		if (v) out.push([name, v]);
	}
	for (const p of a.params) {
		for (const v of url.getAll(paramKey(p.name))) {
			if (p.type === 'flag' ? v === 'true' : v.trim() !== '') out.push([p.name, v]);
			if (!p.repeated) break;
		}
	}
	return out;
}

/** Which required parameters are not given. */
export function missing(a: Analysis, url: URLSearchParams): Param[] {
	return a.params.filter(p => p.required && !url.getAll(paramKey(p.name)).some(v => v.trim() !== ''));
}

/** Parameters that matter to most questions come first; the others wait under "More". */
export function isMain(p: Param): boolean {
	return p.required || (p.type === 'filter' && !p.repeated && p.name !== 'touch' && p.name !== 'without') || ['show', 'form', 'bucket', 'window', 'of', 'gap', 'depth', 'score', 'model', 'within', 'period'].includes(p.name);
}

// --- Sankey ---

export interface SankeyNode {
	id: string;
	name: string;
	step: number;
}

export interface SankeyLink {
	source: string;
	target: string;
	value: number;
	share: number | null;
}

/** Edges of the analysis `paths` as a graph without cycles: a node is a place at a step. */
export function sankeyOf(r: Result): { nodes: SankeyNode[]; links: SankeyLink[] } {
	const nodes = new Map<string, SankeyNode>();
	const links: SankeyLink[] = [];
	const node = (step: number, name: string): string => {
		const id = `${step} ${name}`;
		if (!nodes.has(id)) nodes.set(id, { id, name, step });
		return id;
	};
	for (const row of r.rows) {
		const step = num(row, 'step');
		const n = num(row, 'n');
		if (step === null || n === null || n <= 0 || row.from == null || row.to == null) continue;
		if (row.from === '(other)' && row.to === '(other)') continue;
		links.push({ source: node(step, String(row.from)), target: node(step + 1, String(row.to)), value: n, share: num(row, 'share') });
	}
	return { nodes: [...nodes.values()], links };
}
