// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { drawable, everyBucket, figures, labelColumns, lines, missing, paramKey, questionOf, sankeyOf } from '../src/base/result';
import type { Analysis, Column, Result, Row } from '../src/base/types';

const column = (name: string, type: Column['type'] = 'number', unit = '1'): Column => ({ name, title: name, type, unit, help: '' });
const result = (columns: Column[], rows: Row[]): Result => ({ analysis: 'x', columns, rows, n: 1, definition: '', period: { from: null, to: null }, where: [], timezone: 'UTC', currency: 'EUR', notes: [] });

describe('figures', () => {
	it('joins a value with its interval', () => {
		const f = figures([column('n', 'count'), column('gap'), column('gap_low'), column('gap_high'), column('value'), column('low'), column('high')]);
		expect(f.map(x => [x.column.name, x.low, x.high])).toEqual([['n', null, null], ['gap', 'gap_low', 'gap_high'], ['value', 'low', 'high']]);
	});
	it('offers those with an interval first and leaves out empty columns', () => {
		const r = result([column('count', 'count'), column('empty'), column('share', 'ratio'), column('share_low', 'ratio'), column('share_high', 'ratio')], [{ count: 3, empty: null, share: 0.5, share_low: 0.4, share_high: 0.6 }]);
		expect(drawable(r).map(f => f.column.name)).toEqual(['share', 'count']);
	});
});

describe('labels', () => {
	const text = (name: string): Column => column(name, 'text', '');
	const rows = (...scores: string[]): Row[] => scores.map((score, i) => ({ channel: `c${i}`, score }));
	it('leave out what is the same in every row', () => {
		expect(labelColumns(result([text('channel'), text('score')], rows('csat', 'csat'))).map(c => c.name)).toEqual(['channel']);
		expect(labelColumns(result([text('channel'), text('score')], rows('csat', 'nps'))).map(c => c.name)).toEqual(['channel', 'score']);
	});
	it('keep it when there is nothing else', () => expect(labelColumns(result([text('channel'), text('score')], rows('csat', 'csat')), 'channel').map(c => c.name)).toEqual(['score']));
});

describe('lines', () => {
	it('puts rows over their bucket and leaves gaps as gaps', () => {
		const r = result([column('channel', 'text'), column('month', 'text'), column('n', 'count'), column('gap')], [
			{ channel: 'web', month: '2026-01', n: 5, gap: 0.1 },
			{ channel: 'web', month: '2026-03', n: 5, gap: 0.3 },
			{ channel: 'app', month: '2026-02', n: 50, gap: 0.2 },
		]);
		const l = lines(r, { column: column('gap'), low: null, high: null }, (_c, v) => v);
		expect(l.labels).toEqual(['2026-01', '2026-02', '2026-03']);
		expect(l.lines.map(x => [x.name, x.values])).toEqual([['app', [null, 0.2, null]], ['web', [0.1, null, 0.3]]]);
	});
});

describe('questions', () => {
	const param = (name: string, more: object = {}) => ({ name, type: 'string', default: null, choices: [], min: null, max: null, help: '', required: false, repeated: false, ...more });
	const a = { name: 'funnel', summary: '', definition: '', chart: '', columns: [], params: [param('step', { required: true, repeated: true }), param('times', { type: 'flag' }), param('period')] } as unknown as Analysis;
	it('take what the URL says and nothing else', () => {
		const url = new URLSearchParams('step=order&step=delivery&step=&times=true&period=90d&of-period=week&by=channel&other=1');
		expect(questionOf(a, url)).toEqual([['by', 'channel'], ['step', 'order'], ['step', 'delivery'], ['times', 'true'], ['period', 'week']]);
		expect(missing(a, url)).toEqual([]);
		expect(missing(a, new URLSearchParams('step=')).map(p => p.name)).toEqual(['step']);
	});
	it('keep clear of the names of the pages', () => expect(paramKey('period')).toBe('of-period'));
});

describe('sankeyOf', () => {
	it('makes a node of each place at each step, so there is no cycle', () => {
		const r = result([], [
			{ step: 1, from: 'a', to: 'b', n: 5, share: 0.5 },
			{ step: 2, from: 'b', to: 'a', n: 4, share: 1 },
			{ step: 2, from: '(other)', to: '(other)', n: 9, share: null },
		]);
		const g = sankeyOf(r);
		expect(g.nodes.map(n => n.id)).toEqual(['1 a', '2 b', '3 a']);
		expect(g.links.map(l => [l.source, l.target, l.value])).toEqual([['1 a', '2 b', 5], ['2 b', '3 a', 4]]);
	});
});

describe('buckets', () => {
	it('without a row are there all the same', () => {
		expect(everyBucket(['2011', '2014'], 'UTC')).toEqual(['2011', '2012', '2013', '2014']);
		expect(everyBucket(['2011-Q4', '2012-Q2'], 'UTC')).toEqual(['2011-Q4', '2012-Q1', '2012-Q2']);
		expect(everyBucket(['2012-02', '2011-11'], 'UTC')).toEqual(['2011-11', '2011-12', '2012-01', '2012-02']);
		expect(everyBucket(['2012-02-28', '2012-03-01'], 'UTC')).toEqual(['2012-02-28', '2012-02-29', '2012-03-01']);
		expect(everyBucket(['2020-W52', '2021-W02'], 'UTC')).toEqual(['2020-W52', '2020-W53', '2021-W01', '2021-W02']);
		expect(everyBucket(['2025-W51', '2026-W02'], 'UTC')).toEqual(['2025-W51', '2025-W52', '2026-W01', '2026-W02']);
		expect(everyBucket(['1968-W52', '1969-W02'], 'UTC')).toEqual(['1968-W52', '1969-W01', '1969-W02']);
	});
	it('are the hours of the zone, in the order in which they were', () => {
		expect(everyBucket(['2026-03-29 01:00 +01:00', '2026-03-29 04:00 +02:00'], 'Europe/Berlin')).toEqual(['2026-03-29 01:00 +01:00', '2026-03-29 03:00 +02:00', '2026-03-29 04:00 +02:00']);
		expect(everyBucket(['2026-10-25 02:00 +01:00', '2026-10-25 01:00 +02:00'], 'Europe/Berlin')).toEqual(['2026-10-25 01:00 +02:00', '2026-10-25 02:00 +02:00', '2026-10-25 02:00 +01:00']);
		expect(everyBucket(['2026-01-01 23:00 -03:30', '2026-01-02 01:00 -03:30'], 'America/St_Johns')).toEqual(['2026-01-01 23:00 -03:30', '2026-01-02 00:00 -03:30', '2026-01-02 01:00 -03:30']);
	});
	it('are told by the ends of the gaps where they are too many', () => {
		expect(everyBucket(['1901-01-01', '1901-01-02', '1980-01-01'], 'UTC')).toEqual(['1901-01-01', '1901-01-02', '1901-01-03', '1979-12-31', '1980-01-01']);
	});
	const counted = (rows: Row[]) => lines(result([column('month', 'text'), column('interactions', 'count')], rows), { column: column('interactions', 'count'), low: null, high: null }, (_c, v) => v);
	it('in which nothing was counted have 0', () => {
		const l = counted([{ month: '2026-01', interactions: 5 }, { month: '2026-04', interactions: 7 }]);
		expect(l.labels).toEqual(['2026-01', '2026-02', '2026-03', '2026-04']);
		expect(l.lines[0]?.values).toEqual([5, 0, 0, 7]);
	});
	it('that were cut off are not known', () => {
		const l = counted([{ month: '2026-01', interactions: 5 }, { month: '2026-03', interactions: 7 }, { month: '(other)', interactions: 90 }]);
		expect(l.labels).toEqual(['2026-01', '2026-02', '2026-03']);
		expect(l.lines[0]?.values).toEqual([5, null, 7]);
	});
});
