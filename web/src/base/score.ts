// SPDX-License-Identifier: Apache-2.0
// How a score reads: its answer in words, how far it is from what was expected, and which one stands for a touch point.
import { difference, percent, quantity, range, wanted } from './format';
import type { Expectation, Overview, OverviewTouchPoint, Score, TouchPoint, Verdict } from './types';

/** Distance from what is expected, above 0 better, with its interval; what the verdict is about. */
export interface Margin {
	value: number;
	low: number;
	high: number;
}

export function margin(s: Score): Margin | null {
	if (s.share_target !== null && s.share_kept !== null) {
		const t = s.share_target;
		return { value: s.share_kept - t, low: (s.share_kept_low ?? s.share_kept) - t, high: (s.share_kept_high ?? s.share_kept) - t };
	}
	// Not clamped as the gap is, so that its sign is that of mean less target.
	if (s.scale && s.target !== null && s.experience !== null) {
		const d = (s.direction === 'at most' ? -1 : 1) / s.scale;
		const t = s.target;
		const ends = [s.experience_low ?? s.experience, s.experience_high ?? s.experience].map(v => d * (v - t));
		return { value: d * (s.experience - t), low: Math.min(...ends), high: Math.max(...ends) };
	}
	if (s.gap === null) return null;
	return { value: s.gap, low: s.gap_low ?? s.gap, high: s.gap_high ?? s.gap };
}

/** What stands against the demand: the share kept where a share is expected, else the mean. */
export function answer(s: Score, currency: string, share: boolean): { text: string; interval: string } {
	const form = (v: number): string => quantity(v, s.unit, currency, share);
	if (s.share_target !== null) {
		if (s.share_kept === null) return { text: '–', interval: '' };
		const interval = s.share_kept_low !== null && s.share_kept_high !== null ? range(s.share_kept_low, s.share_kept_high, percent) : '';
		return { text: percent(s.share_kept), interval };
	}
	if (s.experience === null) return { text: '–', interval: '' };
	const interval = s.experience_low !== null && s.experience_high !== null ? range(s.experience_low, s.experience_high, form) : '';
	return { text: form(s.experience), interval };
}

/** Whether two scores' intervals have a point in common: then nothing is said about a change. */
export function intervalsMeet(a: Score, b: Score): boolean {
	const x = margin(a);
	const y = margin(b);
	return !x || !y || (x.low <= y.high && y.low <= x.high);
}

/** From another period or segment to what the page is about. */
export interface Change {
	/** What the answer was there. */
	was: string;
	/** How far the answer is from it, in its own unit; + is a greater number, which "at most" makes a worse one. */
	by: string;
	/** As the expectation goes; null where the intervals have a point in common. */
	verdict: 'better' | 'worse' | null;
}

export function changeOf(now: Score, then: Score, currency: string, share: boolean): Change | null {
	const asShare = now.share_target !== null;
	const [from, to] = asShare ? [then.share_kept, now.share_kept] : [then.experience, now.experience];
	if (from === null || to === null) return null;
	const better = (margin(now)?.value ?? 0) > (margin(then)?.value ?? 0);
	return {
		was: answer({ ...then, share_target: now.share_target }, currency, share).text,
		by: difference(from, to, now.unit, currency, share || asShare),
		verdict: intervalsMeet(now, then) ? null : better ? 'better' : 'worse',
	};
}

/** "86.0 %, now worse: −20.2 pp" */
export function changeText(c: Change, here: string): string {
	return `${c.was}, ${c.verdict ? `${here} ${c.verdict}` : 'no detectable difference'}: ${c.by}`;
}

/** "75.0 %" becomes "75 %", "0.00 EUR" "0 EUR": a demand is a round number. */
function plain(text: string): string {
	return text.replace(/\.0+(?=\D|$)/, '');
}

/** "wait at most 2 min for 80 %" */
export function demand(e: Expectation, currency: string, share: boolean): string {
	const target = e.target === null ? '' : ` ${plain(quantity(e.target, e.unit, currency, share))}`;
	return `${e.measure} ${e.direction}${target}${e.share !== null ? ` for ${wanted(e.share)}` : ''}`;
}

/** The same in signs: "wait ≤ 2 min" */
export function demandShort(e: Expectation, currency: string, share: boolean): string {
	const target = e.target === null ? '' : ` ${plain(quantity(e.target, e.unit, currency, share))}`;
	return `${e.measure} ${e.direction === 'at most' ? '≤' : '≥'}${target}`;
}

const BADNESS: Record<Verdict, number> = { broken: 3, 'no detectable difference': 2, kept: 1, 'no data': 0 };

export function verdictOf(s: Score): Verdict {
	return s.n === 0 || s.verdict === null ? 'no data' : s.verdict;
}

/** Broken is worse than unclear, unclear than kept; then the lower margin. */
export function worst<T extends Score>(scores: T[]): T | null {
	let found: T | null = null;
	for (const s of scores) {
		if (verdictOf(s) === 'no data') continue;
		if (!found) {
			found = s;
			continue;
		}
		const d = BADNESS[verdictOf(s)] - BADNESS[verdictOf(found)];
		if (d > 0 || (d === 0 && (margin(s)?.value ?? 0) < (margin(found)?.value ?? 0))) found = s;
	}
	return found;
}

/** What to repair first: importance × interactions × shortfall of every broken expectation, the worst of a touch point. */
export interface Repair {
	touchpoint: TouchPoint;
	expectation: OverviewTouchPoint['expectations'][number];
	urgency: number;
}

export function repairs(touchpoints: TouchPoint[], overview: Overview): Repair[] {
	const list: Repair[] = [];
	for (const t of touchpoints) {
		const o = overview.touchpoints.find(x => x.key === t.key);
		if (!o) continue;
		let top: Repair | null = null;
		for (const e of o.expectations) {
			if (verdictOf(e) !== 'broken') continue;
			const urgency = t.importance * e.n * Math.max(0, -(margin(e)?.value ?? 0));
			if (!top || urgency > top.urgency) top = { touchpoint: t, expectation: e, urgency };
		}
		if (top) list.push(top);
	}
	return list.sort((a, b) => b.urgency - a.urgency);
}

/** The widest distance of a margin from the expectation, so that all bullets share one scale; at most 1, as gaps are cut there: one
 * that is beyond goes to the edge and leaves the others to be seen. */
export function marginScale(scores: Score[]): number {
	let widest = 0.05;
	for (const s of scores) {
		const m = margin(s);
		if (m) widest = Math.max(widest, Math.min(1, Math.abs(m.value)));
	}
	return widest;
}

/** The trend of what the verdict is about, less what is expected: 0 is as expected. */
export function marginTrend(s: OverviewTouchPoint['expectations'][number]): (number | null)[] {
	if (s.share_target !== null) {
		const t = s.share_target;
		return s.trend.share_kept.map(v => (v === null ? null : v - t));
	}
	if (s.scale && s.target !== null) {
		const d = (s.direction === 'at most' ? -1 : 1) / s.scale;
		const target = s.target;
		return s.trend.experience.map(v => (v === null ? null : d * (v - target)));
	}
	return s.trend.gap;
}

export function verdictClass(v: Verdict): 'kept' | 'broken' | 'unclear' | 'none' {
	return v === 'kept' ? 'kept' : v === 'broken' ? 'broken' : v === 'no data' ? 'none' : 'unclear';
}

export const VERDICT_WORDS: Record<Verdict, string> = {
	kept: 'kept',
	broken: 'broken',
	'no detectable difference': 'no detectable difference',
	'no data': 'nothing measured',
};
