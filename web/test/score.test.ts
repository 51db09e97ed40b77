// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { answer, demand, demandShort, margin, marginScale, repairs, worst } from '../src/base/score';
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
