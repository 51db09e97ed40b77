// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { before, bucketFor, isPeriod, lengthDays, localDay, periodOf, periodText, wrongWith } from '../src/base/period';

const ANCHOR = '2026-03-31';

describe('periodOf', () => {
	it('counts whole days back, the anchor included', () => {
		expect(periodOf('7d', ANCHOR)).toEqual({ from: '2026-03-25', to: ANCHOR });
		expect(periodOf('1d', ANCHOR)).toEqual({ from: ANCHOR, to: ANCHOR });
	});
	it('counts months back, the running one included, over the turn of the year', () => {
		expect(periodOf('12m', ANCHOR)).toEqual({ from: '2025-04', to: ANCHOR });
		expect(periodOf('3m', '2026-01-15')).toEqual({ from: '2025-11', to: '2026-01-15' });
	});
	it('reads years, months, days and ranges, open ones too', () => {
		expect(periodOf('2026-03', ANCHOR)).toEqual({ from: '2026-03', to: '2026-03' });
		expect(periodOf('2026-01..2026-03-15', ANCHOR)).toEqual({ from: '2026-01', to: '2026-03-15' });
		expect(periodOf('2026-01..', ANCHOR)).toEqual({ from: '2026-01', to: null });
		expect(periodOf('..2026', ANCHOR)).toEqual({ from: null, to: '2026' });
		expect(periodOf('all', ANCHOR)).toEqual({ from: null, to: null });
	});
	it('knows what is none', () => {
		for (const t of ['7d', '12m', 'all', '2026', '2026-03', '2026-03-01', '2026-01..', '..2026', '2026-01..2026-03-15']) expect(isPeriod(t), t).toBe(true);
		for (const t of ['', 'x', '2026-3', '1..2..3', '..', 'garbage', '7w', '2026-01-01T00']) expect(isPeriod(t), t).toBe(false);
	});
	it('knows what the calendar has', () => {
		for (const t of ['2024-02-29', '2026-12', '0001', '9999-12-31', '2026-03..2026-03', '2026-03-15..2026-03', '2026..2026-02', '1d', '0030d']) expect(isPeriod(t), t).toBe(true);
		for (const t of ['2026-13', '2026-00', '2026-13..2026-14', '2026-02-31', '2025-02-29', '2026-04-31..', '..2026-02-30', '2026-01-00', '0000', '0d', '0m', '000d', '2026-05..2026-03', '2026-03-02..2026-03-01', '2026..2025']) expect(isPeriod(t), t).toBe(false);
	});
	it('says what is wrong', () => {
		expect(wrongWith('7w')).toMatch(/^is no period such as 7d/);
		expect(wrongWith('2026-13..2026-02-31')).toBe('is no period: the calendar has no 2026-13 and no 2026-02-31');
		expect(wrongWith('2026-05..2026-03')).toBe('is no period: it ends before it begins');
		expect(wrongWith('12m')).toBeNull();
	});
	it('takes nonsense for the default', () => {
		for (const t of ['', 'x', '2026-3', '1..2..3', '..', '2026-01-01T00', '2026-13', '2026-02-31', '2026-05..2026-03', '0d']) expect(periodOf(t, ANCHOR)).toEqual(periodOf(null, ANCHOR));
	});
});

describe('lengths', () => {
	it('knows months and leap years', () => {
		expect(lengthDays({ from: '2024-02', to: '2024-02' })).toBe(29);
		expect(lengthDays({ from: '2026', to: '2026' })).toBe(365);
		expect(lengthDays({ from: '2026-03-01', to: null })).toBeNull();
	});
	it('chooses buckets by length', () => {
		expect(bucketFor(periodOf('30d', ANCHOR))).toBe('day');
		expect(bucketFor(periodOf('90d', ANCHOR))).toBe('week');
		expect(bucketFor(periodOf('12m', ANCHOR))).toBe('month');
		expect(bucketFor(periodOf('all', ANCHOR))).toBe('month');
	});
});

describe('before', () => {
	it('gives the days just before, as many', () => {
		expect(before({ from: '2026-03-25', to: '2026-03-31' }, 'previous')).toEqual({ from: '2026-03-18', to: '2026-03-24' });
		expect(before({ from: '2026-03', to: '2026-03' }, 'previous')).toEqual({ from: '2026-01-29', to: '2026-02-28' });
	});
	it('gives the year before, 29 February becoming the 28th', () => {
		expect(before({ from: '2024-02-01', to: '2024-02-29' }, 'year')).toEqual({ from: '2023-02-01', to: '2023-02-28' });
	});
	it('has nothing before the first year', () => {
		expect(before({ from: '0001-03', to: '0001-04' }, 'year')).toBeNull();
		expect(before({ from: '0001', to: '2026' }, 'previous')).toBeNull();
		expect(before({ from: '1000-03', to: '1000-03' }, 'year')).toEqual({ from: '0999-03-01', to: '0999-03-31' });
	});
	it('has nothing before an open period', () => expect(before({ from: null, to: '2026' }, 'previous')).toBeNull());
});

describe('in words', () => {
	it('names periods', () => {
		expect(periodText({ from: '2026-03-01', to: '2026-03-31' })).toBe('1 Mar 2026 – 31 Mar 2026');
		expect(periodText({ from: '2026-03', to: '2026-03' })).toBe('Mar 2026');
		expect(periodText({ from: null, to: null })).toBe('all time');
	});
	it('takes the day of the zone, not of UTC', () => {
		expect(localDay(new Date('2026-03-28T23:30:00Z'), 'Europe/Berlin')).toBe('2026-03-29');
		expect(localDay(new Date('2026-03-28T23:30:00Z'), 'America/New_York')).toBe('2026-03-28');
	});
});
