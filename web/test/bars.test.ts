// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { ticks } from '../src/chart/bars';

const DAY = 86_400;

describe('marks', () => {
	it('are round', () => {
		expect(ticks(0, 10)).toEqual([0, 2, 4, 6, 8, 10]);
		expect(ticks(-0.9, 0.2)).toEqual([-0.8, -0.6, -0.4, -0.2, 0, 0.2]);
		expect(ticks(0, 3e-6)).toEqual([0, 5e-7, 1e-6, 1.5e-6, 2e-6, 2.5e-6, 3e-6]);
		expect(ticks(5, 5)).toEqual([5]);
	});
	it('of times are hours and days, however many', () => {
		expect(ticks(0, 7200, 6, true)).toEqual([0, 1800, 3600, 5400, 7200]);
		expect(ticks(0, 300 * DAY, 6, true)).toEqual([0, 50, 100, 150, 200, 250, 300].map(d => d * DAY));
		expect(ticks(-4000 * DAY, 0, 6, true)).toEqual([-4000, -3000, -2000, -1000, 0].map(d => d * DAY));
	});
});
