// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { answer, changeOf, changeText, demand, demandShort, margin, marginScale, repairs, worst } from '../src/base/score';
import type { Expectation, Overview, Score, TouchPoint } from '../src/base/types';

const base: Score = {
	n: 100, gap: 0.1, gap_low: 0.05, gap_high: 0.15, experience: 0.66, experience_low: 0.6, experience_high: 0.72, target: 0.75, direction: 'at least',
	unit: '1', share_kept: 0.8, share_kept_low: 0.71, share_kept_high: 0.87, share_target: null, verdict: 'broken', scale: 0.5,
};
const plain = (s: string): string => s.replace(/\u00a0/g, ' ');

describe('margin', () => {
	it('is the share less the share that is expected, where one is', () => {
		const m = margin({ ...base, share_target: 0.9 });
		expect(m?.value).toBeCloseTo(-0.1);
		expect(m?.low).toBeCloseTo(-0.19);
		expect(m?.high).toBeCloseTo(-0.03);
	});
	it('has the sign of mean less target even where the clamped gap has the other', () => expect(margin(base)?.value).toBeCloseTo(-0.18));
	it('turns round for at most', () => {
		const m = margin({ ...base, direction: 'at most', target: 0.5, scale: 1 });
		expect(m?.value).toBeCloseTo(-0.16);
		expect(m?.low).toBeCloseTo(-0.22);
	});
	it('falls back on the gap, and is nothing without one', () => {
		expect(margin({ ...base, scale: null })?.value).toBe(0.1);
		expect(margin({ ...base, scale: null, gap: null })).toBeNull();
	});
});

describe('a change', () => {
	const share = (v: number, half = 0.02): Score => ({ ...base, share_target: 0.9, share_kept: v, share_kept_low: v - half, share_kept_high: v + half });
	const mean = (v: number, direction: string, unit = '1'): Score => ({ ...base, share_target: null, experience: v, experience_low: v * 0.99, experience_high: v * 1.01, direction, unit, target: 1, scale: 10 });
	const told = (now: Score, then: Score, yes = false): string => plain(changeText(changeOf(now, then, 'EUR', yes) as never, 'now'));
	it('is that of the number that is shown: points of a share', () => expect(told(share(0.658), share(0.86))).toBe('86.0 %, now worse: −20.2 pp'));
	it('of a measure between 0 and 1, too', () => expect(told(mean(0.658, 'at least'), mean(0.86, 'at least'), true)).toBe('86.0 %, now worse: −20.2 pp'));
	it('and the unit of a mean', () => {
		expect(told(mean(4.35, 'at least'), mean(4.5, 'at least'))).toBe('4.5, now worse: −0.15');
		expect(told(mean(180, 'at most', 's'), mean(120, 'at most', 's'))).toBe('2 min, now worse: +1 min');
		expect(told(mean(1000, 'at most', 'minor'), mean(1420, 'at most', 'minor'))).toBe('14.20 EUR, now better: −4.20 EUR');
	});
	it('is called neither where the intervals meet', () => expect(told(share(0.86), share(0.85))).toBe('85.0 %, no detectable difference: +1.0 pp'));
	it('is none where one side has no number', () => expect(changeOf(share(0.8), { ...base, share_kept: null }, 'EUR', false)).toBeNull());
});

describe('the scale of bullets', () => {
	const far = { ...base, target: 10, experience: 4e9, scale: 10 };
	it('is that of the widest', () => expect(marginScale([base, { ...base, experience: 0.4 }])).toBeCloseTo(0.7));
	it('leaves the others to be seen beside one that is beyond all', () => expect(marginScale([base, far])).toBe(1));
});

describe('worst', () => {
	it('puts broken before undecided before kept, then the lower margin; what has no data does not count', () => {
		const kept = { ...base, verdict: 'kept' as const, experience: 0.1 };
		const unclear = { ...base, verdict: 'no detectable difference' as const };
		const lower = { ...base, experience: 0.5 };
		expect(worst([kept, unclear])).toBe(unclear);
		expect(worst([kept, unclear, base, lower])).toBe(lower);
		expect(worst([{ ...base, n: 0, verdict: 'no data' as const }])).toBeNull();
	});
});

describe('words', () => {
	const e: Expectation = { key: 'fast', measure: 'wait', unit: 's', direction: 'at most', target: 120, scale: 120, share: 0.8 };
	it('state the demand', () => {
		expect(plain(demand(e, 'EUR', false))).toBe('wait at most 2 min for 80 %');
		expect(plain(demandShort({ ...e, measure: 'overcharge', unit: 'minor', target: 0 }, 'EUR', false))).toBe('overcharge ≤ 0 EUR');
		expect(plain(demand({ ...e, measure: 'resolved', unit: '1', direction: 'at least', target: 0.75, share: null }, 'EUR', true))).toBe('resolved at least 75 %');
	});
	it('answer it with the interval', () => {
		const a = answer({ ...base, share_target: 0.9 }, 'EUR', false);
		expect(plain(a.text)).toBe('80.0 %');
		expect(plain(a.interval)).toBe('71.0–87.0 %');
	});
});

describe('repairs', () => {
	it('orders by importance × n × shortfall, one line a touch point', () => {
		const t = (key: string, importance: number): TouchPoint => ({ key, name: key, stage: 's', owner: '', systems: [], channels: [], importance, required: false, after: [], expect: [] });
		const trend = { n: [], gap: [], experience: [], share_kept: [], verdict: [] };
		const o = (key: string, ...scores: Score[]) => ({ key, n: 1, volume: [], promises: null, expectations: scores.map((s, i) => ({ ...s, key: `e${i}`, trend })) });
		const overview = { touchpoints: [o('a', base), o('b', { ...base, n: 300 }, base), o('c', { ...base, verdict: 'kept' })] } as unknown as Overview;
		expect(repairs([t('a', 4), t('b', 1), t('c', 9)], overview).map(r => r.touchpoint.key)).toEqual(['a', 'b']);
		expect(repairs([t('a', 2), t('b', 1)], overview).map(r => r.touchpoint.key)).toEqual(['b', 'a']);
	});
});
