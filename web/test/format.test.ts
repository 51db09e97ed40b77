// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { between, bucketLabel, cell, compact, count, decimalsOf, difference, exact, heading, inForm, marked, money, noteText, number, percent, quantity, range, recentTime, seconds, signed, time, title, secondsOf, wanted } from '../src/base/format';

const plain = (s: string): string => s.replace(/\u00a0/g, ' ');

describe('numbers', () => {
	it('groups thousands', () => expect(count(178976)).toBe('178,976'));
	it('shortens without losing what matters', () => {
		expect(compact(9999)).toBe('9,999');
		expect(compact(46470)).toBe('46.5k');
		expect(compact(178976)).toBe('179k');
		expect(compact(999_499)).toBe('999k');
		expect(compact(999_600)).toBe('1M');
		expect(compact(1_250_000)).toBe('1.3M');
	});
	it('has a real minus, and none before zero', () => {
		expect(number(-1.5)).toBe('−1.5');
		expect(signed(-0.001)).toBe('0.00');
		expect(signed(0.031)).toBe('+0.03');
		expect(signed(-0.031)).toBe('−0.03');
	});
	it('tell small ones', () => {
		expect(number(0.000001)).toBe('0.000001');
		expect(number(-0.0083)).toBe('−0.0083');
		expect(number(0.0125)).toBe('0.01');
		expect(number(0.0000005, 0)).toBe('0.0000005'); // in a column of thousands
		expect(number(3e-17)).toBe('0'); // what a sum of fractions leaves
		expect(plain(quantity(1.5e-6, 'Mbit/s'))).toBe('0.0000015 Mbit/s');
		expect(plain(seconds(0.004))).toBe('4 ms');
		expect(plain(seconds(-0.00025))).toBe('−0.25 ms');
	});
	it('tell huge ones', () => {
		expect(number(1e12)).toBe('1,000,000,000,000');
		expect(number(-1.5e20)).toBe('−1.5e20');
		expect(number(1e300, 2)).toBe('1e300');
	});
	it('has shares that are expected as they were written', () => {
		expect([0.95, 0.995, 0.9995, 1, 0.8].map(v => plain(wanted(v)))).toEqual(['95 %', '99.5 %', '99.95 %', '100 %', '80 %']);
		expect(plain(percent(0.99999))).toBe('99.999 %');
		expect(plain(percent(1 - 1e-16))).toBe('100.0 %');
	});
	it('keeps shares apart near the ends', () => {
		expect(plain(percent(0.925))).toBe('92.5 %');
		expect(plain(percent(0.9998))).toBe('99.98 %');
		expect(plain(percent(1))).toBe('100.0 %');
	});
});

describe('differences', () => {
	const told = (from: number, to: number, unit: string, share = false): string => plain(difference(from, to, unit, 'EUR', share));
	it('have the unit of what they lie between', () => {
		expect(told(0.86, 0.658, '1', true)).toBe('−20.2 pp');
		expect(told(0.1, 0.2, 'ratio')).toBe('+10.0 pp');
		expect(told(120, 180, 's')).toBe('+1 min');
		expect(told(1420, 1000, 'minor')).toBe('−4.20 EUR');
		expect(told(90, 131, 'Mbit/s')).toBe('+41 Mbit/s');
		expect(told(1e12, 2e12, '1')).toBe('+1,000.0G');
	});
	it('have as many decimals as what they lie between', () => {
		expect(told(4.5, 4.35, '1')).toBe('−0.15');
		expect(told(12.5, 12.25, '1')).toBe('−0.3');
		expect(told(0.9995, 0.9998, '1', true)).toBe('+0.03 pp');
		expect(told(4.351, 4.352, '1')).toBe('0.00');
	});
});

describe('marks of an axis', () => {
	it('are at what they say', () => {
		expect(marked([0, 0.5, 1, 1.5, 2], count)).toEqual(['0', '', '1', '', '2']);
		expect(marked([0, 0.2, 0.4, 0.6, 0.8, 1], count)).toEqual(['0', '', '', '', '', '1']);
		expect(marked([0, 20, 40], count)).toEqual(['0', '20', '40']);
		expect(marked([0.4, 0.6, 0.8], count)).toEqual(['', '', '']); // 0 is not at 0.4
		expect(marked([100, 102.5, 105, 107.5], count)).toEqual(['100', '', '105', '']);
		expect(marked([-50_000, -45_000, -43_200], seconds).map(plain)).toEqual(['', '', '−12 h']);
		expect(marked([0, 5400, 10_800], seconds).map(plain)).toEqual(['0 s', '1 h 30 min', '3 h']);
		expect(marked([0, 250, 500], v => money(v, 'EUR')).map(plain)).toEqual(['0 EUR', '2.5 EUR', '5 EUR']);
		expect(marked([-0.05, 0, 0.05], v => signed(v))).toEqual(['−0.05', '0', '+0.05']);
		expect(marked([3], number)).toEqual(['3']);
		expect(marked([0.9, 0.95, 1], percent).map(plain)).toEqual(['90 %', '95 %', '100 %']);
	});
});

describe('numbers below each other', () => {
	it('have the same decimals', () => {
		expect(decimalsOf([1, 20, null, 300])).toBe(0);
		expect(decimalsOf([0.6, -0.62])).toBe(2);
		expect(decimalsOf([0.6, -12])).toBe(1);
		expect(decimalsOf([0.6, 312])).toBe(0);
		expect(decimalsOf([0.02, 0])).toBe(2);
		expect(decimalsOf([0.00012, 0])).toBe(5);
		expect(decimalsOf([100.1, 100.4])).toBe(1); // told apart
		expect(decimalsOf([3e-17, 0.1])).toBe(2);
	});
	it('lose no digit where they are told exactly', () => {
		const told = (...values: (number | null)[]) => values.filter(v => v !== null).map(exact(values));
		expect(told(1.5, null, 2, -0.25)).toEqual(['1.50', '2.00', '-0.25']);
		expect(told(2019, 17)).toEqual(['2019', '17']);
		expect(told(0.00001, 1)).toEqual(['0.00001', '1']);
		expect(told(0.123456, 0.5)).toEqual(['0.123456', '0.5']);
		expect(told(1e-7, 0.5)).toEqual(['1e-7', '0.5']);
		expect(told(1234567890123.12, 0.0625)).toEqual(['1234567890123.1200', '0.0625']);
	});
	it('have their unit once when they are the ends of an interval', () => {
		expect(plain(between(percent(0.671), percent(0.719)))).toBe('67.1–71.9 %');
		expect(plain(between(seconds(59), seconds(61)))).toBe('59 s – 1 min 1 s');
		expect(plain(between(percent(-0.07), percent(0.04)))).toBe('−7.0 … 4.0 %');
		expect(between('−0.07', '−0.04')).toBe('−0.07 … −0.04');
	});
});

describe('words of the command line', () => {
	it('become those of the form', () => {
		expect(inForm('paths end here, or those from --start to it')).toBe('paths end here, or those from “Start” to it');
		expect(inForm('a touch point, or a filter as for --where (default: any)')).toBe('a touch point, or a filter (default: any)');
	});
});

describe('quantities', () => {
	it('tells durations in two units', () => {
		expect(plain(seconds(0.744921))).toBe('0.74 s');
		expect(plain(seconds(120))).toBe('2 min');
		expect(plain(seconds(3599.9))).toBe('1 h');
		expect(plain(seconds(-126536))).toBe('−1 d 11 h');
		expect(plain(seconds(14105.3))).toBe('3 h 55 min');
		expect(plain(seconds(86400 * 40))).toBe('40 d');
	});
	it('knows minor units of currencies', () => {
		expect(plain(money(387, 'EUR'))).toBe('3.87 EUR');
		expect(plain(money(387, 'JPY'))).toBe('387 JPY');
	});
	it('writes a unit once in an interval', () => {
		expect(plain(range(0.912, 0.936, percent))).toBe('91.2–93.6 %');
		expect(plain(range(60, 3700, seconds))).toBe('1 min – 1 h 2 min');
		expect(range(4.12, 4.43, v => number(v))).toBe('4.12 – 4.43');
	});
	it('shows the unit of a row, whatever the corridor calls it, but no scale of answers', () => {
		const shown = (unit: string | null) => plain(cell({ value: 4.2, unit }, { name: 'value', title: 'value', type: 'number', unit: 'unit', help: '' }, 'EUR', 'UTC'));
		expect(['%', '°C', 'µg/m³', 'kg CO2', '€/kWh', 'Mbit/s'].map(shown)).toEqual(['4.2 %', '4.2 °C', '4.2 µg/m³', '4.2 kg CO2', '4.2 €/kWh', '4.2 Mbit/s']);
		expect(['', '1', null, '1-7', '-2-2', 'perceived - expected'].map(shown)).toEqual(Array(6).fill('4.2'));
		expect(['s', 'share'].map(shown)).toEqual(['4.2 s', '420.0 %']);
		expect(plain(range(4.12, 5.5, v => quantity(v, 'kg CO2')))).toBe('4.12–5.5 kg CO2');
	});
	it('shows a measure of 0 or 1 as a share', () => expect(plain(quantity(0.6622, '1', 'EUR', true))).toBe('66.2 %'));
});

describe('names', () => {
	it('makes titles of keys, whose digits stay together', () => expect(['support-call', 'line-4711-support'].map(title)).toEqual(['Support call', 'Line 4711 support']));
	it('heads columns with a capital, but leaves signs', () => {
		const head = (text: string, name = 'x') => heading({ name, title: text, type: 'number', unit: '1', help: '' });
		expect([head('share kept'), head('touchpoint'), head('n'), head('', 'agent')]).toEqual(['Share kept', 'Touch point', 'n', 'Agent']);
	});
	it('tells notes with the times of the brand', () => expect(noteText('as of 2025-12-31T23:48:00.001+01:00, see --by', 'Europe/Berlin')).toBe('As of 31 Dec 2025, 23:48, see “By”'));
	it('groups the digits of counts in notes, not those of years', () => expect(noteText('14689 paths since 2025 and 1468 calls within 2025-12', 'UTC')).toBe('14,689 paths since 2025 and 1,468 calls within 2025-12'));
	it('groups counts that follow each other, not parts of other numbers', () => expect(noteText('of 12345 persons (23456 calls) 1.23456 each, 34567 twice', 'UTC')).toBe('Of 12,345 persons (23,456 calls) 1.23456 each, 34,567 twice'));
	it('gives every month three letters', () => expect([bucketLabel('2025-09'), bucketLabel('2025-09-03'), time('2025-09-03T10:00:00Z', 'UTC', 'day')]).toEqual(['Sep 25', '3 Sep', '3 Sep 2025']));
	it('shortens buckets', () => {
		expect(bucketLabel('2026-03')).toBe('Mar 26');
		expect(bucketLabel('2026-W05')).toBe('w5 ’26');
		expect(bucketLabel('2026-03-29')).toBe('29 Mar');
		expect(bucketLabel('web')).toBe('web');
	});
	it('tells times in the zone asked for', () => expect(time('2026-03-29T01:30:00Z', 'Europe/Berlin')).toBe('29 Mar 2026, 03:30'));
});

describe('times in texts of analyses', () => {
	it('are read back', () => expect(['2min 10s', '-85838s', '1300ms', '1d 4h', '1.5h', '-2min 10s'].map(secondsOf)).toEqual([130, -85838, 1.3, 100_800, 5400, -130]));
	it('are nothing else', () => expect(['4.5', '12.30 EUR', '', '3 stars', 's', '5m'].map(secondsOf)).toEqual([null, null, null, null, null, null]));
});

describe('times in lists', () => {
	it('have their year where it is not this one', () => {
		const now = Date.parse('2026-06-01T00:00:00Z');
		expect(recentTime('2026-03-29T10:00:00Z', 'Europe/Berlin', now)).toBe('29 Mar, 12:00');
		expect(recentTime('2099-01-01T00:00:00Z', 'Europe/Berlin', now)).toBe('1 Jan 2099, 01:00');
		expect(recentTime('2025-12-31T23:30:00Z', 'Europe/Berlin', now)).toBe('1 Jan, 00:30'); // of the brand's zone
	});
});

describe('buckets', () => {
	it('are short, with the year of days where it is needed', () => {
		expect(bucketLabel('2026-03-29')).toBe('29 Mar');
		expect(bucketLabel('2012-03-29', true)).toBe('29 Mar ’12');
		expect(bucketLabel('2026-03-29 14:00 +02:00')).toBe('29 Mar, 14:00');
		expect(bucketLabel('2026-03-29 14:00 +02:00', true)).toBe('29 Mar ’26, 14:00');
	});
});
