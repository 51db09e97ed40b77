// SPDX-License-Identifier: Apache-2.0
// What is being asked on every page: the period, the filters and what to compare with, all read from the URL.
import { computed } from '@preact/signals';
import { design, session } from './api';
import { newest } from './live';
import { beside } from './filter';
import { before, isPeriod, lastDay, localDay, periodOf, periodText, wrongWith, type Period } from './period';
import { params } from './router';

export const zone = computed(() => session.value?.timezone ?? 'UTC');
export const currency = computed(() => session.value?.currency ?? 'EUR');

/** The day up to which "last 90 days" goes: today, or that of the newest interaction when that is earlier. */
export const anchor = computed(() => {
	const last = session.value?.data?.last;
	const now = new Date();
	// Where there was nothing when the page was opened, what came since tells.
	const known = new Date(last ?? newest.value ?? now);
	const at = newest.value && new Date(newest.value) > known ? new Date(newest.value) : known;
	return localDay(at < now ? at : now, zone.value);
});

export const period = computed(() => periodOf(params.value.get('period'), anchor.value));
export const where = computed(() => params.value.getAll('where'));

export interface Other {
	label: string;
	/** What the page's own side is beside it: "now", "this period", "product = mobile". */
	here: string;
	period: Period;
	where: string[];
	/** Filters of the page that a segment stands instead of. */
	instead?: string[];
}

/** What a segment is compared with that stands instead of no filter. */
const ALL = 'all of it';

/** The other side of a comparison: "vs=previous", "vs=year", "vs=period:2026-01..2026-03", "vs=where:product = fibre". */
export function otherOf(vs: string | null, p: Period, filters: string[]): Other | null {
	if (!vs) return null;
	if (vs === 'previous' || vs === 'year') {
		const b = before(p, vs);
		return b && { label: periodText(b), here: 'now', period: b, where: filters };
	}
	if (vs.startsWith('period:')) {
		if (!isPeriod(vs.slice(7))) return null;
		const b = periodOf(vs.slice(7), anchor.value);
		const earlier = b.to !== null && lastDay(b.to) < (p.to === null ? '9999-12-31' : lastDay(p.to));
		return { label: periodText(b), here: earlier ? 'now' : 'this period', period: b, where: filters };
	}
	if (vs.startsWith('where:') && vs.length > 6) {
		const sides = beside(filters, vs.slice(6));
		return { label: vs.slice(6), here: sides.instead.join(' · ') || ALL, period: p, ...sides };
	}
	return null;
}

/** What the address asks for that is no period or comparison, in words; what is shown instead stands beside it. */
export const misread = computed(() => {
	const wrong: string[] = [];
	const p = params.value.get('period');
	const vs = params.value.get('vs');
	if (p && !isPeriod(p)) wrong.push(`“${p}” ${wrongWith(p)}; this is ${periodText(period.value)}.`);
	if (vs?.startsWith('period:') && !isPeriod(vs.slice(7))) wrong.push(`“${vs.slice(7)}” ${wrongWith(vs.slice(7))}; nothing is compared.`);
	else if (vs && !otherOf(vs, period.value, []) && ['previous', 'year'].includes(vs)) wrong.push(`There is no period before “${periodText(period.value)}”: nothing is compared. Choose one that begins and ends.`);
	else if (vs && !otherOf(vs, period.value, [])) wrong.push(`“vs=${vs}” is no comparison such as previous, year, period:2026-03 or where:channel = web: nothing is compared.`);
	return wrong;
});

export const other = computed(() => otherOf(params.value.get('vs'), period.value, where.value));

/** from, to and where as the API takes them. */
export function pairs(p: Period, filters: string[]): [string, string][] {
	const out: [string, string][] = [];
	if (p.from) out.push(['from', p.from]);
	if (p.to) out.push(['to', p.to]);
	for (const w of filters) out.push(['where', w]);
	return out;
}

export const asked = computed(() => pairs(period.value, where.value));

const touchpoints = computed(() => new Map((design.value?.touchpoints ?? []).map(t => [t.key, t])));

export function touchpointOf(key: string | null | undefined) {
	return key ? touchpoints.value.get(key) : undefined;
}

/** The name of a touch point as the corridor file gives it. */
export function touchpointName(key: string | null): string {
	return key === null ? 'no touch point' : (touchpoints.value.get(key)?.name ?? key);
}

/** A measure between 0 and 1 is shown as a share. */
export function isShare(measure: string): boolean {
	if (measure === 'resolved') return true;
	const m = design.value?.measures.find(x => x.key === measure);
	return m?.min === 0 && m.max === 1;
}
