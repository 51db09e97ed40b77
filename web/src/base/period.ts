// SPDX-License-Identifier: Apache-2.0
// Periods as the URL carries them: "90d", "12m", "all", "2026-03", "2026-03..2026-05". Relative ones count whole days or
// months of the brand's zone back from the newest interaction, so an old data set does not look empty.

export interface Period {
	from: string | null;
	to: string | null;
}

export const PERIODS: [string, string][] = [
	['7d', 'Last 7 days'],
	['30d', 'Last 30 days'],
	['90d', 'Last 90 days'],
	['12m', 'Last 12 months'],
	['all', 'All time'],
];

export const PERIOD_DEFAULT = '12m';

/** "2026-03-29" of an instant in a zone. */
export function localDay(at: Date, zone: string): string {
	return new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(at);
}

function addDays(day: string, n: number): string {
	const d = new Date(`${day}T00:00:00Z`);
	d.setUTCDate(d.getUTCDate() + n);
	return d.toISOString().slice(0, 10);
}

function addMonths(month: string, n: number): string {
	const [y, m] = month.split('-').map(Number) as [number, number];
	const d = new Date(Date.UTC(y, m - 1 + n, 1));
	return d.toISOString().slice(0, 7);
}

const PART = /^\d{4}(-\d{2}(-\d{2})?)?$/;
const RELATIVE = /^(\d{1,4})([dm])$/;

/** A year, month or day that the calendar has; years begin at 1. */
function isDate(part: string): boolean {
	const day = firstDay(part);
	const at = new Date(`${day}T00:00:00Z`);
	return day >= '0001' && !Number.isNaN(at.getTime()) && at.toISOString().startsWith(day);
}

/** What is wrong with a period of an address, to be read after it: "is …"; null when nothing is. */
export function wrongWith(text: string): string | null {
	if (text === 'all' || Number(RELATIVE.exec(text)?.[1]) > 0) return null;
	const ends = text.split('..');
	const parts = ends.filter(Boolean);
	if (ends.length > 2 || !parts.length || !parts.every(p => PART.test(p))) return 'is no period such as 7d, 12m, all, 2026-03 or 2026-03..2026-05';
	const never = parts.filter(p => !isDate(p));
	if (never.length) return `is no period: the calendar has no ${never.join(' and no ')}`;
	return parts.length === 2 && firstDay(parts[0] as string) > lastDay(parts[1] as string) ? 'is no period: it ends before it begins' : null;
}

/** Is this a period as the URL carries them? */
export function isPeriod(text: string): boolean {
	return wrongWith(text) === null;
}

/** The anchor is the day up to which relative periods go. Text that is no period counts as the default. */
export function periodOf(text: string | null, anchor: string): Period {
	const t = text ?? PERIOD_DEFAULT;
	if (!isPeriod(t)) return periodOf(PERIOD_DEFAULT, anchor);
	if (t === 'all') return { from: null, to: null };
	const relative = RELATIVE.exec(t);
	if (relative) {
		const n = Number(relative[1]);
		if (relative[2] === 'd') return { from: addDays(anchor, 1 - n), to: anchor };
		return { from: addMonths(anchor.slice(0, 7), 1 - n), to: anchor };
	}
	const [from = '', to = from] = t.split('..');
	return { from: from || null, to: to || null };
}

/** The first day of a year, a month or a day. */
export function firstDay(part: string): string {
	return part.length === 4 ? `${part}-01-01` : part.length === 7 ? `${part}-01` : part;
}

/** And the last. */
export function lastDay(part: string): string {
	if (part.length === 4) return `${part}-12-31`;
	return part.length === 7 ? addDays(`${addMonths(part, 1)}-01`, -1) : part;
}

/** Days of a period, both ends included; null when it is open. */
export function lengthDays(p: Period): number | null {
	if (!p.from || !p.to) return null;
	return Math.round((Date.parse(lastDay(p.to)) - Date.parse(firstDay(p.from))) / 86_400_000) + 1;
}

/** The period just before, as long; or the same one a year earlier. Null when there is none. */
export function before(p: Period, how: 'previous' | 'year'): Period | null {
	if (!p.from || !p.to) return null;
	const first = firstDay(p.from);
	const last = lastDay(p.to);
	if (how === 'year') {
		const back = (day: string): string => {
			const d = `${String(Number(day.slice(0, 4)) - 1).padStart(4, '0')}${day.slice(4)}`;
			return d.endsWith('02-29') ? `${d.slice(0, 8)}28` : d;
		};
		return first < '0002' ? null : { from: back(first), to: back(last) };
	}
	const days = lengthDays(p) as number;
	if (Date.parse(first) - days * 86_400_000 < Date.parse('0001-01-01')) return null;
	return { from: addDays(first, -days), to: addDays(first, -1) };
}

/** The calendar bucket that shows the shape of a period: days, weeks or months. */
export function bucketFor(p: Period): 'day' | 'week' | 'month' {
	const days = lengthDays(p);
	if (days === null) return 'month';
	return days <= 45 ? 'day' : days <= 200 ? 'week' : 'month';
}

function dayText(part: string): string {
	if (part.length === 4) return part;
	const d = new Date(`${firstDay(part)}T00:00:00Z`);
	const month = d.toLocaleString('en-GB', { month: 'short', year: 'numeric', timeZone: 'UTC' });
	return part.length === 7 ? month : `${d.getUTCDate()} ${month}`;
}

export function periodText(p: Period): string {
	if (!p.from && !p.to) return 'all time';
	if (p.from && p.to) return p.from === p.to ? dayText(p.from) : `${dayText(p.from)} – ${dayText(p.to)}`;
	return p.from ? `since ${dayText(p.from)}` : `until ${dayText(p.to as string)}`;
}
