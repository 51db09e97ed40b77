// SPDX-License-Identifier: Apache-2.0
// Numbers, units and times in words. One place, so that a number looks the same on every page.
import type { Column, Row } from './types';

const MINUS = '−';
const NBSP = '\u00a0';

const HUGE = 1e15; // from here on digits are no longer read one by one

function fixed(value: number, decimals: number): string {
	if (Math.abs(value) >= HUGE) return value.toExponential(2).replace(/\.?0*e\+/, 'e').replace('-', MINUS);
	const text = Math.abs(value).toLocaleString('en-GB', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
	return value < 0 && Number(text.replace(/,/g, '')) !== 0 ? MINUS + text : text;
}

function trim(text: string): string {
	return text.includes('.') && !text.includes('e') ? text.replace(/\.?0+$/, '') : text;
}

/** "178,976" */
export function count(n: number): string {
	return fixed(n, 0);
}

/** "1 row", "178,976 rows" */
export function many(n: number, one: string): string {
	return `${count(n)} ${one}${n === 1 ? '' : 's'}`;
}

/** "179k", "1.2M": where there is no room. */
export function compact(n: number): string {
	const size = Math.abs(n);
	if (size < 10_000) return count(n);
	if (size < 999_500) return `${fixed(n / 1e3, size < 99_950 ? 1 : 0).replace(/\.0$/, '')}k`;
	if (size < 999_500_000) return `${fixed(n / 1e6, size < 99_950_000 ? 1 : 0).replace(/\.0$/, '')}M`;
	return `${fixed(n / 1e9, 1)}G`;
}

const NOISE = 1e-12; // what sums of fractions leave where 0 is meant

/** Decimals with which a number close to 0 still has two digits: 0.000001 is not 0. */
function small(size: number): number {
	return size < NOISE ? 0 : Math.min(13, 1 - Math.floor(Math.log10(size) + 1e-9));
}

/** A ratio as "92.5 %"; more decimals close to 0 and 1, where one would not tell values apart. */
export function percent(ratio: number, decimals = 1): string {
	const rest = Math.min(ratio, 1 - ratio);
	const d = rest > 1e-9 && rest < 0.0005 ? Math.max(decimals, 2, -Math.floor(Math.log10(rest) + 1e-9) - 2) : decimals;
	return `${fixed(ratio * 100, d)}${NBSP}%`;
}

/** A share that is expected, as it was written: "95 %", "99.9 %". */
export function wanted(ratio: number): string {
	return plain(percent(ratio, 3));
}

export function number(value: number, decimals?: number): string {
	const size = Math.abs(value);
	// Beside numbers that need no decimals a small one would be 0.
	if (decimals !== undefined && !(decimals === 0 && size < 0.5)) return fixed(value, decimals);
	return trim(fixed(value, size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.01 ? 2 : small(size)));
}

/** "−0.12", "+0.03": a signed gap. */
export function signed(value: number, decimals = 2): string {
	const text = fixed(value, decimals);
	return value > 0 && Number(text) !== 0 ? `+${text}` : text;
}

const STEPS: [number, string][] = [
	[86_400, 'd'],
	[3_600, 'h'],
	[60, 'min'],
	[1, 's'],
];

/** Seconds in words, two units at most: "2 min", "3 d 4 h", "0.74 s", "4 ms". */
export function seconds(value: number): string {
	const size = Math.abs(value);
	const sign = value < 0 ? MINUS : '';
	if (size >= NOISE && size < 0.01) return `${sign}${number(size * 1000)}${NBSP}ms`;
	if (size < 60) return `${sign}${trim(fixed(size, size < 10 ? 2 : 1))}${NBSP}s`;
	for (let i = 0; i < STEPS.length - 1; i++) {
		const [unit, name] = STEPS[i] as [number, string];
		const [minor, minorName] = STEPS[i + 1] as [number, string];
		const all = Math.round(size / minor); // in the smaller unit, so that 59.9 min are 1 h
		const per = unit / minor;
		if (all < per) continue;
		const big = Math.floor(all / per);
		const small = all - big * per;
		return big < 10 ? `${sign}${big}${NBSP}${name}${small ? `${NBSP}${small}${NBSP}${minorName}` : ''}` : `${sign}${count(Math.round(size / unit))}${NBSP}${name}`;
	}
	return `${sign}1${NBSP}min`;
}

const TIMES: Record<string, number> = { w: 604_800, d: 86_400, h: 3_600, min: 60, s: 1, ms: 0.001 };

/** Seconds of a time as analyses write it in a text, exactly ("-85838s", "2min 10s"); null when it is none. */
export function secondsOf(text: string): number | null {
	const parts = /^(-?)((?:\d+(?:\.\d+)?(?:ms|min|[wdhs]) ?)+)$/.exec(text);
	if (!parts) return null;
	let sum = 0;
	for (const [, n, unit] of (parts[2] as string).matchAll(/([\d.]+)(ms|min|[wdhs])/g)) sum += Number(n) * (TIMES[unit as string] ?? 0);
	return parts[1] ? -sum : sum;
}

/** An amount in minor units: "14.20 EUR". */
export function money(minor: number, currency: string): string {
	const digits = new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2;
	return `${fixed(minor / 10 ** digits, digits)}${NBSP}${currency}`;
}

/** Decimals with which numbers that stand below each other can be compared. */
export function decimalsOf(values: (number | null)[]): number {
	const known = values.filter((v): v is number => v !== null && Number.isFinite(v));
	if (known.every(Number.isInteger)) return 0;
	const most = known.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
	if (most < 0.01) return small(most);
	const span = known.reduce((m, v) => Math.max(m, v), -most) - known.reduce((m, v) => Math.min(m, v), most);
	const apart = span < NOISE ? 0 : Math.min(12, -Math.floor(Math.log10(span))); // a digit of what they differ by
	return Math.max(apart, most >= 100 ? 0 : most >= 10 ? 1 : 2);
}

const PADDED = 4;

/** How numbers that stand below each other are written so that no digit is lost: padded to the same decimals where they have few. */
export function exact(values: (number | null)[]): (v: number) => string {
	const decimals = (v: number): number => (String(v).includes('e') ? Infinity : (String(v).split('.')[1]?.length ?? 0));
	const most = values.reduce<number>((m, v) => (v === null ? m : Math.max(m, decimals(v))), 0);
	if (most === 0 || most > PADDED) return String;
	return v => `${v}${decimals(v) ? '' : '.'}${'0'.repeat(most - decimals(v))}`;
}

/** Some analyses tell the scale of answers ("1-7", "perceived - expected") where others have a unit: that does not follow a value. */
export function isScale(unit: string): boolean {
	return unit !== '1' && /^-?\d| - /.test(unit);
}

/** A value with its unit, as analyses tell it. A measure from 0 to 1 (resolved) is a share. Decimals: of plain numbers. */
export function quantity(value: number, unit: string, currency = 'EUR', share = false, decimals?: number): string {
	if (share) return percent(value);
	if (unit === 's') return seconds(value);
	if (unit === 'minor') return money(value, currency);
	if (unit === 'ratio' || unit === 'share') return percent(value);
	const text = number(value, decimals);
	return unit === '' || unit === '1' || isScale(unit) ? text : `${text}${NBSP}${unit}`;
}

/** From one number to another in their own unit: "−20.2 pp" of shares, "+1 min", "−0.15"; as many decimals as the two are told with. */
export function difference(from: number, to: number, unit: string, currency = 'EUR', share = false): string {
	const d = to - from;
	if (share || unit === 'ratio' || unit === 'share') {
		const told = [from, to].map(v => /\.(\d+)/.exec(percent(v))?.[1]?.length ?? 0);
		return `${signed(d * 100, Math.max(1, ...told))}${NBSP}pp`;
	}
	const most = Math.max(Math.abs(from), Math.abs(to));
	const decimals = most >= 100 ? 0 : most >= 10 ? 1 : most >= 0.01 ? 2 : small(most);
	const text = Math.abs(d) >= 10_000 && !['s', 'minor'].includes(unit) ? compact(d) : quantity(d, unit, currency, false, decimals);
	return d > 0 && /[1-9]/.test(text) ? `+${text}` : text;
}

/** "60.0 %" as "60 %": the ends of an axis are round. */
export function plain(text: string): string {
	return text.replace(/(\.\d*?)0+(?=\D|$)/, '$1').replace(/\.(?=\D|$)/, '');
}

/** The number that a label tells: "−1,250" is −1250, "1 h 30 min" 5400, "25 %" 25; null when it tells none. */
function toldBy(label: string): number | null {
	const text = label.replace(/\u00a0/g, '').replace(/,/g, '').replace(MINUS, '-');
	const time = secondsOf(text);
	if (time !== null) return time;
	const n = /^[-+]?[\d.]+(e-?\d+)?/.exec(text);
	return n ? Number(n[0]) * (/^[kMG]$/.test(text.slice(n[0].length)) ? { k: 1e3, M: 1e6, G: 1e9 }[text.slice(-1) as 'k' | 'M' | 'G'] : 1) : null;
}

/** Labels for the marks of an axis: each is where it says. Marks whose label is rounded (0.5 where whole things are counted, 2.5
 * of what has no decimals, 36 h as "2 d") have none. */
export function marked(marks: number[], format: (v: number) => string): string[] {
	const labels = marks.map(m => plain(format(m)));
	const told = labels.map(toldBy);
	const step = Math.min(...marks.slice(1).map((m, i) => Math.abs(m - (marks[i] as number))));
	const biggest = marks.reduce((best, m, i) => (Math.abs(m) > Math.abs(marks[best] as number) && told[i] ? i : best), 0);
	const ratio = (told[biggest] as number) / (marks[biggest] as number);
	const factor = Number.isFinite(ratio) && ratio > 0 ? 10 ** Math.round(Math.log10(ratio)) : 1; // of shares in %, of money in minor units
	return labels.map((label, i) => {
		const t = told[i];
		return t == null || labels.length < 2 || Math.abs(t - (marks[i] as number) * factor) <= step * factor * 0.02 ? label : '';
	});
}

/** What is told in the words of the command line ("--each person") in those of a form (“Each” person). */
export function inForm(text: string): string {
	return text.replace(/ as for --where/g, '').replace(/--([a-z][a-z-]*)/g, (_, name: string) => `“${title(name)}”`);
}

/** Two ends of one form with the unit once: "67.1–71.9 %"; beside a sign no dash: "−0.07 … −0.04". */
export function between(a: string, b: string): string {
	const dash = /^[−+]/.test(a) || /^[−+]/.test(b) ? ' … ' : '–';
	const unit = /\u00a0([^\d\u00a0][^\u00a0]*)$/.exec(b);
	return unit && a.endsWith(unit[0]) && a.split(NBSP).length === 2 && b.split(NBSP).length === 2 ? `${a.slice(0, -unit[0].length)}${dash}${b}` : `${a}${dash.length > 1 ? dash : ' – '}${b}`;
}

export function range(low: number, high: number, form: (v: number) => string): string {
	return between(form(low), form(high));
}

const DAY = new Map<string, Intl.DateTimeFormat>();

function formatter(zone: string, style: 'day' | 'minute' | 'second'): Intl.DateTimeFormat {
	const key = `${zone} ${style}`;
	let f = DAY.get(key);
	if (!f) {
		const time = style === 'day' ? {} : ({ hour: '2-digit', minute: '2-digit', ...(style === 'second' ? { second: '2-digit' } : {}) } as const);
		f = new Intl.DateTimeFormat('en-GB', { timeZone: zone, day: 'numeric', month: 'short', year: 'numeric', hourCycle: 'h23', ...time });
		DAY.set(key, f);
	}
	return f;
}

/** All months have three letters. */
function sep(text: string): string {
	return text.replace('Sept', 'Sep');
}

/** An instant in the brand's zone: "29 Mar 2026, 14:00". */
export function time(iso: string | number, zone: string, style: 'day' | 'minute' | 'second' = 'minute'): string {
	const at = new Date(iso);
	return Number.isNaN(at.getTime()) ? String(iso) : sep(formatter(zone, style).format(at));
}

/** The same in a list: the year only where it is not this one. */
export function recentTime(iso: string | number, zone: string, now: number = Date.now()): string {
	const text = time(iso, zone);
	const year = / (\d+),/.exec(text)?.[1];
	return year === / (\d+),/.exec(time(now, zone))?.[1] ? text.replace(/ \d+,/, ',') : text;
}

/** "3 min ago"; the exact time belongs beside it. */
export function ago(iso: string, now = Date.now()): string {
	const s = Math.max(0, (now - new Date(iso).getTime()) / 1000);
	if (s < 45) return 'just now';
	if (s < 90 * 60) return `${Math.round(s / 60)} min ago`;
	if (s < 36 * 3600) return `${Math.round(s / 3600)} h ago`;
	return `${Math.round(s / 86_400)} d ago`;
}

/** "support-call" → "Support call", for names that have no name of their own. */
export function title(key: string): string {
	const words = key.replace(/[-_]/g, ' ').replace(/^touchpoint$/, 'touch point').trim();
	return words.charAt(0).toUpperCase() + words.slice(1);
}

/** The head of a column: as analyses call it, with a capital; signs as they are. */
export function heading(column: Column): string {
	return column.title.length > 1 ? title(column.title) : column.title || title(column.name);
}

/** What an analysis notes, in the words of the pages: options as fields of the form, times in the brand's zone. */
export function noteText(text: string, zone: string): string {
	const words = inForm(text).replace(/\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(\.\d+)?([+-]\d\d:\d\d|Z)/g, iso => time(iso, zone));
	const counted = words.replace(/(^|[^-\d.:,])(\d{4,})(?= [a-z])/g, (all, before: string, n: string) => (/^(19|20)\d\d$/.test(n) ? all : before + count(Number(n))));
	return counted.charAt(0).toUpperCase() + counted.slice(1);
}

/** A calendar bucket's label as analyses print it ("2026-03", "2026-W14", "2026-03-29") in few words; days with their year where
 * others are of another. */
export function bucketLabel(label: string, years = false): string {
	const month = /^(\d{4})-(\d{2})$/.exec(label);
	if (month) return sep(new Date(Date.UTC(Number(month[1]), Number(month[2]) - 1, 1)).toLocaleString('en-GB', { month: 'short', year: '2-digit', timeZone: 'UTC' }));
	const day = /^(\d{4})-(\d{2})-(\d{2})(?: (\d\d:\d\d) [+-]\d\d:\d\d)?$/.exec(label);
	if (day) {
		const words = sep(new Date(`${label.slice(0, 10)}T00:00:00Z`).toLocaleString('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' }));
		return `${words}${years ? ` ’${label.slice(2, 4)}` : ''}${day[4] ? `, ${day[4]}` : ''}`;
	}
	const week = /^(\d{4})-W(\d{2})$/.exec(label);
	if (week) return `w${Number(week[2])} ’${(week[1] as string).slice(2)}`;
	return label;
}

/** A cell of a result in words; null is a dash. */
export function cell(row: Row, column: Column, currency: string, zone: string): string {
	const v = row[column.name];
	if (v === null || v === undefined) return '–';
	if (typeof v === 'string') return column.type === 'time' ? time(v, zone) : v;
	switch (column.type) {
		case 'count':
			return count(v);
		case 'ratio':
			return percent(v);
		case 'seconds':
			return seconds(v);
		case 'time':
			return time(v, zone);
		default: {
			if (column.unit === 'unit') return quantity(v, String(row.unit ?? ''), currency, false, column.decimals);
			return ['s', 'minor', 'share'].includes(column.unit) ? quantity(v, column.unit, currency) : number(v, column.decimals);
		}
	}
}
