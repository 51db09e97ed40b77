// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { beside, conditionText, parseCondition, quote, setCondition, valuesOf } from '../src/base/filter';

describe('quote', () => {
	it('leaves what the grammar reads bare', () => {
		for (const v of ['web', 'support-call', 'Order Delivered', 'user:u-17', '(none)', '(unmatched)', 'Köln']) expect(quote(v)).toBe(v);
	});
	it('quotes signs, words of the grammar and blanks at the ends', () => {
		expect(quote('a, b')).toBe("'a, b'");
		expect(quote('bed and breakfast')).toBe("'bed and breakfast'");
		expect(quote('not in')).toBe("'not in'");
		expect(quote(' x')).toBe("' x'");
		expect(quote("O'Neill")).toBe("'O''Neill'");
		expect(quote('a (b)')).toBe("'a (b)'");
	});
});

describe('conditions', () => {
	it('are read back as they were written', () => {
		for (const values of [['web'], ['web', 'app'], ["O'Neill", 'a, b'], ['(none)', 'x y'], ['bed and breakfast']]) {
			const c = { field: 'channel', op: '=' as const, values };
			expect(parseCondition(conditionText(c))).toEqual(c);
		}
	});
	it('are only the simple ones', () => {
		for (const t of ['channel = web or csat < 3', 'not channel = web', '(csat < 3)', 'csat exists', 'channel in (a, b)', '', 'channel =', "channel = 'a"]) expect(parseCondition(t)).toBeNull();
	});
	it('read comparisons', () => expect(parseCondition('wait >= 2min')).toEqual({ field: 'wait', op: '>=', values: ['2min'] }));
});

describe('a list of filters', () => {
	const list = ['csat < 3 or nps < 5', 'channel = web', 'channel != app'];
	it('replaces the one condition of a field', () => {
		expect(setCondition(list, 'channel', ['phone', 'chat'])).toEqual(['csat < 3 or nps < 5', 'channel != app', 'channel = phone, chat']);
		expect(setCondition(list, 'channel', [])).toEqual(['csat < 3 or nps < 5', 'channel != app']);
	});
	it('knows the values of a field', () => {
		expect(valuesOf(list, 'channel')).toEqual(['web']);
		expect(valuesOf(list, 'owner')).toEqual([]);
	});
});

describe('a segment beside the page', () => {
	it('stands instead of the segment that is there', () => expect(beside(['product = fibre'], 'product = mobile')).toEqual({ where: ['product = mobile'], instead: ['product = fibre'] }));
	it('is somewhere the page is: channel, owner and the like hold for both', () =>
		expect(beside(['channel = phone', 'product = fibre', 'owner = billing', 'tenure < 90d'], 'product = mobile')).toEqual({ where: ['channel = phone', 'owner = billing', 'product = mobile'], instead: ['product = fibre', 'tenure < 90d'] }));
	it('may say where itself', () => expect(beside(['channel = phone', 'product = fibre', 'owner = billing'], 'channel = chat')).toEqual({ where: ['product = fibre', 'owner = billing', 'channel = chat'], instead: ['channel = phone'] }));
	it('stands beside all of it when nothing is filtered', () => expect(beside([], 'product = mobile')).toEqual({ where: ['product = mobile'], instead: [] }));
});
