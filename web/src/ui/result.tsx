// SPDX-License-Identifier: Apache-2.0
// The answer of any analysis: its picture, chosen by what it declares and what the answer has, and always its table.
import type { ComponentChildren } from 'preact';
import { useMemo } from 'preact/hooks';
import { design, may } from '../base/api';
import { between, bucketLabel, cell, compact, count, decimalsOf, heading, isScale, many, number, percent, quantity, seconds } from '../base/format';
import { currency, touchpointName, touchpointOf, zone } from '../base/question';
import { bucketColumn, drawable, figures, labelColumns, lines, usedColumns, type Figure } from '../base/result';
import { setParams, to, withParams } from '../base/router';
import { verdictClass, VERDICT_WORDS } from '../base/score';
import type { Analysis, Column, Design, Result, Row, Verdict } from '../base/types';
import { Bars, type Bar } from '../chart/bars';
import { Cohorts } from '../chart/cohorts';
import { FlowGraph, FlowMatrix } from '../chart/flow';
import { FunnelChart } from '../chart/funnel';
import { LineChart } from '../chart/lazy-line';
import { SankeyChart } from '../chart/sankey';
import { Empty, Mark, Segmented, Short } from './parts';
import { Table, type TableColumn } from './table';

/** Touch points under their names; everything else as it is. */
export function nameOf(value: string): string {
	return touchpointOf(value)?.name ?? (value === '(end)' ? 'end' : value === '(start)' ? 'start' : value);
}

const NAMED = ['touchpoint', 'from', 'to', 'at', 'key', 'step', 'filter'];

/** Names of touch points, in columns that have nothing else: a channel may be called like one of them. */
function naming(result: Result): (column: string, value: string) => string {
	const named = new Set(NAMED.filter(c => ['touchpoint', 'step', 'filter'].includes(c) || result.rows.every(r => r[c] == null || String(r[c]).startsWith('(') || touchpointOf(String(r[c])))));
	return (column, value) => (named.has(column) || value.startsWith('(') ? nameOf(value) : value);
}

function customerLink(value: string): ComponentChildren {
	return <a href={to(`/customers/${encodeURIComponent(value)}`)}>{value}</a>;
}

/** One column in words, for axes and read-outs. */
export function formOf(f: Figure, rows: Row[]): (v: number) => string {
	const c = f.column;
	if (c.type === 'ratio') return percent;
	if (c.type === 'seconds' || c.unit === 's') return seconds;
	if (c.type === 'count') return v => (Number.isInteger(v) ? count(v) : number(v));
	const units = new Set(rows.map(r => String(r.unit ?? '')));
	const decimals = decimalsOf(rows.flatMap(r => [c.name, f.low, f.high].map(name => (name !== null && typeof r[name] === 'number' ? (r[name] as number) : null))));
	if (c.unit === 'unit' && units.size === 1) {
		const unit = [...units][0] as string;
		return v => quantity(v, unit, currency.value, false, decimals);
	}
	if (c.unit === 'minor') return v => quantity(v, 'minor', currency.value);
	return v => number(v, decimals);
}

export function ResultTable({ result, caption }: { result: Result; caption?: string }) {
	const columns = useMemo(() => {
		const nameIn = naming(result);
		const used = usedColumns(result);
		const units = new Set(result.rows.map(r => String(r.unit ?? '')));
		const withUnit = used.some(c => c.unit === 'unit'); // values bring theirs, but for scales of answers
		return figures(used.filter(c => !(withUnit && c.name === 'unit' && ![...units].some(isScale)))).map(({ column: declared, low, high }: Figure): TableColumn<Row> => {
			// What stands below each other has the same decimals, unless it is of different units.
			const same = declared.type === 'number' && (declared.unit !== 'unit' || units.size === 1);
			const values = same ? result.rows.flatMap(r => [declared.name, low, high].map(n => (n !== null && typeof r[n] === 'number' ? (r[n] as number) : null))) : [];
			const column = same ? { ...declared, decimals: decimalsOf(values) } : declared;
			const numeric = column.type !== 'text' && column.type !== 'time';
			const asColumn = (name: string): Column => ({ ...column, name });
			return {
				key: column.name,
				title: withUnit && column.name === 'unit' ? 'Scale' : heading(column),
				help: column.help,
				numeric,
				sort: row => row[column.name] ?? null,
				cell: row => {
					const v = row[column.name];
					if (v === null || v === undefined) return '–';
					if (column.name === 'unit' && withUnit) return isScale(String(v)) ? String(v) : '–';
					if (column.name === 'unit') return v === 'minor' ? currency.value : v === '1' ? '' : v;
					if (column.name === 'verdict' && typeof v === 'string' && v in VERDICT_WORDS)
						return (
							<span class="with-mark">
								<Mark verdict={v as Verdict} label={false} /> {v}
							</span>
						);
					if (column.name === 'customer' && typeof v === 'string') return customerLink(v);
					if (typeof v === 'string') {
						const text = column.type === 'time' ? cell(row, column, currency.value, zone.value) : nameIn(column.name, v);
						return <Short text={text} />;
					}
					const text = cell(row, column, currency.value, zone.value);
					const ratio = column.type === 'ratio' && typeof v === 'number' ? v : null;
					return (
						<span class={ratio !== null ? 'with-bar' : ''} style={ratio !== null ? { '--part': `${Math.max(0, Math.min(1, ratio)) * 100}%` } : {}}>
							{text}
							{low && high && row[low] != null && row[high] != null && (
								<span class="low">
									{between(cell(row, asColumn(low), currency.value, zone.value), cell(row, asColumn(high), currency.value, zone.value))}
								</span>
							)}
						</span>
					);
				},
			};
		});
	}, [result]);
	return <Table caption={caption ?? `Result of ${result.analysis}`} columns={columns} rows={result.rows} />;
}

function barLabel(result: Result, row: Row, nameIn: (column: string, value: string) => string): string {
	return labelColumns(result)
		.map(c => (row[c.name] == null ? null : nameIn(c.name, String(row[c.name]))))
		.filter((t): t is string => t !== null)
		.join(' · ');
}

/** Colours belong to what is drawn: those of a gap are told by its own interval, those of a verdict only stand where it is about. */
function toneOfRow(row: Row, figure: Figure): string {
	if (typeof row.verdict !== 'string') return '';
	const [low, high] = [row[figure.low ?? ''], row[figure.high ?? '']];
	if (figure.column.name === 'gap') return typeof low !== 'number' || typeof high !== 'number' ? 'unclear' : low > 0 ? 'kept' : high < 0 ? 'broken' : 'unclear';
	const about = row.share_target == null ? 'experience' : 'share_kept';
	return !('gap' in row) || figure.column.name === about ? verdictClass(row.verdict as Verdict) : '';
}

/** The verdict in words where the colour of the gap says something else. */
function otherVerdict(row: Row, figure: Figure): string | null {
	if (figure.column.name !== 'gap' || (row.verdict !== 'kept' && row.verdict !== 'broken')) return null;
	return toneOfRow(row, figure) === verdictClass(row.verdict) ? null : VERDICT_WORDS[row.verdict];
}

const GAP_WORDS: [Verdict, string][] = [
	['kept', 'better than expected on average'],
	['broken', 'worse'],
	['no detectable difference', 'the interval holds 0'],
];
const VERDICTS: [Verdict, string][] = (['kept', 'broken', 'no detectable difference'] as Verdict[]).map(v => [v, VERDICT_WORDS[v]]);

function ToneLegend({ gap, bars, shares }: { gap: boolean; bars: Bar[]; shares: boolean }) {
	const used = (gap ? GAP_WORDS : VERDICTS).filter(([v]) => bars.some(b => b.tone === verdictClass(v)));
	if (!used.length) return null;
	return (
		<ul class="legend" aria-label="Legend">
			{used.map(([v, text]) => (
				<li key={v}>
					<i class={`swatch bars-swatch ${verdictClass(v)}`} aria-hidden="true" /> {text}
				</li>
			))}
			{gap && <li>A gap counts each interaction from −1 to 1. Whether an expectation is kept, the mean itself decides{shares && ' or, where one is expected, the share'}; it is named where it differs.</li>}
		</ul>
	);
}

const MOST_BARS = 40;
const MOST_LINES = 6;

function FigureSelect({ list, value }: { list: Figure[]; value: Figure }) {
	if (list.length < 2) return null;
	return (
		<label class="pill-select no-print">
			<span class="sr">Drawn</span>
			<select value={value.column.name} onChange={e => setParams({ y: e.currentTarget.value === list[0]?.column.name ? null : e.currentTarget.value })}>
				{list.map(f => (
					<option key={f.column.name} value={f.column.name}>
						{heading(f.column)}
					</option>
				))}
			</select>
		</label>
	);
}

const MOST_STACKED = 180; // bars that can be told apart

function stacked(whole: Result): ComponentChildren {
	const result = { ...whole, rows: whole.rows.slice(-MOST_STACKED) };
	const years = String(result.rows[0]?.bucket).slice(0, 4) !== String(result.rows[result.rows.length - 1]?.bucket).slice(0, 4);
	const parts = ['new', 'returning', 'resurrecting'];
	const top = Math.max(1, ...result.rows.map(r => parts.reduce((s, p) => s + Number(r[p] ?? 0), 0)));
	const below = Math.max(0, ...result.rows.map(r => Number(r.dormant ?? 0)));
	const all = top * 1.08 + below; // room for the numbers
	const numbered = result.rows.length <= 16;
	const step = Math.ceil(result.rows.length / 16);
	const labelled = (i: number): boolean => i % step === 0 && i + step / 2 < result.rows.length; // the last has room
	return (
		<figure class="stacked" style={{ '--bars': String(result.rows.length) }} aria-label="Persons per bucket: new, returning, resurrecting above the line, dormant below">
			<div class="stacked-bars" aria-hidden="true">
				{result.rows.map((r, i) => (
					<div key={i} title={`${r.bucket}: ${parts.map(p => `${p} ${count(Number(r[p] ?? 0))}`).join(', ')}, dormant ${count(Number(r.dormant ?? 0))}`}>
						<span class="up" style={{ height: `${((top * 1.08) / all) * 100}%` }}>
							{numbered && <b class="num">{compact(parts.reduce((s, p) => s + Number(r[p] ?? 0), 0))}</b>}
							{[...parts].reverse().map(p => (
								<i key={p} class={`part-${p}`} style={{ height: `${(Number(r[p] ?? 0) / (top * 1.08)) * 100}%` }} />
							))}
						</span>
						<span class="under" style={{ height: `${(below / all) * 100}%` }}>
							<i class="part-dormant" style={{ height: `${below ? (Number(r.dormant ?? 0) / below) * 100 : 0}%` }} />
						</span>
					</div>
				))}
			</div>
			<div class="stacked-labels" aria-hidden="true">
				{result.rows.map((r, i) => (
					<span key={i} class={(i / step) % 4 ? 'wide-only' : ''}>{labelled(i) ? bucketLabel(String(r.bucket), years) : ''}</span>
				))}
			</div>
			<figcaption class="readout">
				{[...parts, 'dormant'].map(p => (
					<span key={p}>
						<i class={`swatch part-${p}`} aria-hidden="true" /> {p}
					</span>
				))}
				{!numbered && <span class="muted">the highest bar: {many(top, 'person')}</span>}
			</figcaption>
			{whole.rows.length > MOST_STACKED && <p class="muted small">The last {MOST_STACKED} of {count(whole.rows.length)} rows; all are in the table.</p>}
		</figure>
	);
}

function generic(result: Result, url: URLSearchParams, embedded: boolean): ComponentChildren {
	const list = drawable(result);
	const figure = list.find(f => f.column.name === url.get('y')) ?? list[0];
	if (!figure) return null;
	// Values of different units have no common axis: each unit has its own.
	const units = figure.column.unit === 'unit' ? [...new Set(result.rows.map(unitOf))] : [];
	const parts = units.map(u => ({ ...result, rows: result.rows.filter(r => unitOf(r) === u) })).filter(part => part.rows.some(r => r[figure.column.name] != null));
	return (
		<>
			{!embedded && <FigureSelect list={list} value={figure} />}
			{parts.length > 1 ? parts.map(part => <div key={unitOf(part.rows[0] as Row)}>{oneAxis(part, figure, embedded || parts.length > 2)}</div>) : oneAxis(result, figure, embedded)}
		</>
	);
}

function unitOf(row: Row): string {
	return String(row.unit ?? '');
}

/** One figure, its values of one unit, as lines over time or as bars. */
function oneAxis(result: Result, figure: Figure, low: boolean): ComponentChildren {
	const form = formOf(figure, result.rows);
	const nameIn = naming(result);
	const time = figure.column.type === 'seconds' || figure.column.unit === 's' || (figure.column.unit === 'unit' && result.rows.every(r => unitOf(r) === 's'));
	if (bucketColumn(result)) {
		const { labels, lines: found } = lines(result, figure, nameIn);
		if (labels.length > 1)
			return (
				<>
					<LineChart label={`${heading(figure.column)} over time`} labels={labels} lines={found.slice(0, MOST_LINES)} format={form} time={time} height={low ? 200 : 300} />
					{result.rows.some(r => String(r[(bucketColumn(result) as Column).name]).startsWith('(')) && <p class="muted small">What is beyond the limit of rows is not drawn; the table has it as “(other)”.</p>}
					{found.length > MOST_LINES && <p class="muted small">The {MOST_LINES} biggest of {found.length} lines; all are in the table.</p>}
				</>
			);
	}
	const n = (row: Row): number | null => (typeof row.n === 'number' ? row.n : typeof row.interactions === 'number' ? row.interactions : null);
	const value = (row: Row, name: string | null): number | null => (name !== null && typeof row[name] === 'number' ? (row[name] as number) : null);
	const bars: Bar[] = result.rows.slice(0, MOST_BARS).map(row => ({
		label: barLabel(result, row, nameIn) || result.analysis,
		value: value(row, figure.column.name),
		low: value(row, figure.low),
		high: value(row, figure.high),
		target: figure.column.name === 'share_kept' ? value(row, 'share_target') : null,
		tone: toneOfRow(row, figure),
		...(figure.column.name !== 'interactions' && n(row) !== null ? { n: [`n ${compact(n(row) as number)}`, otherVerdict(row, figure)].filter(Boolean).join(', ') } : {}),
	}));
	// Plain numbers begin at 0 when that is among them or near them, as counts and shares always do.
	const values = bars.flatMap(b => (b.value === null ? [] : [b.value]));
	const zero = figure.column.type !== 'number' || Math.min(...values) < Math.max(1, 0.3 * Math.max(...values));
	return (
		<>
			<Bars label={heading(figure.column)} bars={bars} format={form} zero={zero} time={time} />
			<ToneLegend gap={figure.column.name === 'gap'} bars={bars} shares={result.rows.some(r => r.share_target != null)} />
			{result.rows.length > MOST_BARS && <p class="muted small">The first {MOST_BARS} of {result.rows.length} rows; all are in the table.</p>}
		</>
	);
}

const TONES = ['--series-1', '--series-3', '--series-4', '--series-5', '--series-6', '--series-2'];

function toneOf(d: Design | null): (key: string) => string {
	return key => {
		if (key.startsWith('(')) return '--line-strong';
		const t = d?.touchpoints.find(x => x.key === key);
		const i = t ? d?.stages.findIndex(s => s.key === t.stage) : [...key].reduce((s, c) => s + c.charCodeAt(0), 0);
		return TONES[(i ?? 0) % TONES.length] as string;
	};
}

function FlowViews({ result, url }: { result: Result; url: URLSearchParams }) {
	const view = url.get('view') === 'matrix' ? 'matrix' : 'graph';
	return (
		<>
			<Segmented label="Drawn as" value={view} options={[['graph', 'Graph'], ['matrix', 'Matrix']]} onChange={v => setParams({ view: v === 'graph' ? null : v })} />
			{view === 'matrix' || !design.value ? <FlowMatrix result={result} name={nameOf} /> : <FlowGraph result={result} design={design.value} name={nameOf} />}
		</>
	);
}

/** One row: its figures as numbers one can read across the room. */
function Figures({ result }: { result: Result }) {
	const row = result.rows[0] as Row;
	return (
		<dl class="tiles flat">
			{figures(usedColumns(result))
				.filter(f => f.column.type !== 'text' && f.column.type !== 'time')
				.slice(0, 12)
				.map(f => (
					<div key={f.column.name} class="tile">
						<dt title={f.column.help}>{heading(f.column)}</dt>
						<dd class="tile-value">{cell(row, f.column, currency.value, zone.value)}</dd>
						{f.low && f.high && row[f.low] != null && row[f.high] != null && (
							<dd class="tile-note">
								{between(cell(row, { ...f.column, name: f.low }, currency.value, zone.value), cell(row, { ...f.column, name: f.high }, currency.value, zone.value))}
							</dd>
						)}
					</div>
				))}
		</dl>
	);
}

/** Shares of active persons over periods. */
function Activity({ result }: { result: Result }) {
	const first = new Map<string, Row>();
	for (const r of result.rows) if (!first.has(String(r.period))) first.set(String(r.period), r);
	const rows = [...first.values()];
	const names: [string, string][] = [
		['dau_wau', 'DAU / WAU'],
		['dau_mau', 'DAU / MAU'],
		['wau_mau', 'WAU / MAU'],
	];
	const all = names.map(([name, label]) => ({ name: label, values: rows.map(r => (typeof r[name] === 'number' ? (r[name] as number) : null)), low: null, high: null, n: 0 }));
	return <LineChart label="Ratios of active persons over time" labels={[...first.keys()]} lines={all} format={percent} height={280} zero />;
}

/** Tables are drawn too when they have something with an interval to compare. */
function isDrawn(result: Result, analysis: Analysis): boolean {
	if (analysis.chart === 'timeline') return false;
	return analysis.chart !== 'table' || (result.rows.length > 2 && drawable(result).some(f => f.low));
}

/** A list of persons behind a number: who they are is all there is to it. */
export function isPersons(result: Result, url: URLSearchParams): boolean {
	return url.has('persons') && result.columns[0]?.name === 'customer';
}

function NoRows({ result }: { result: Result }) {
	if (result.analysis === 'quality') return <Empty title="Nothing is wrong.">{many(result.n, 'interaction')} looked at.</Empty>;
	return <Empty title="No rows.">{result.n === 1 ? 'The one interaction has not' : `None of the ${count(result.n)} interactions has`} what is asked for.</Empty>;
}

/** The picture alone; null when there is nothing to draw. */
export function ResultChart({ result, analysis, url, embedded = false }: { result: Result; analysis: Analysis; url: URLSearchParams; embedded?: boolean }) {
	const has = (name: string): boolean => result.columns.some(c => c.name === name) && result.rows.some(r => r[name] != null);
	if (!result.rows.length) return <NoRows result={result} />;
	if (isPersons(result, url)) return null;
	if (analysis.chart === 'funnel' && result.rows.every(r => r.n === 0)) return <Empty title="Nobody took the first step.">Choose a longer period, take a filter away, or begin with another step.</Empty>;
	if (analysis.chart === 'funnel' && has('step') && has('share')) return <FunnelChart result={result} name={nameOf} personsLink={may('persons') ? what => withParams({ persons: what }) : null} />;
	if (analysis.chart === 'sankey' && has('from') && has('to')) return <SankeyChart result={result} name={nameOf} tone={toneOf(design.value)} />;
	if (analysis.chart === 'matrix' && has('from') && has('to') && result.columns[0]?.name === 'from') return <FlowViews result={result} url={url} />;
	if (analysis.chart === 'cohorts' && has('cohort') && result.columns[0]?.name === 'cohort') {
		if (result.rows.every(r => r.cohort === '(all)')) return <Curve result={result} />;
		return <Cohorts result={result} bucket={url.get('bucket') ?? 'week'} />;
	}
	if (result.columns[0]?.name === 'bucket' && has('resurrecting')) return <>{stacked(result)}</>;
	if (has('dau_mau') && result.columns[0]?.name === 'period') return <Activity result={result} />;
	if (!isDrawn(result, analysis)) return null;
	if (result.rows.every(r => r.n === 0)) return <Empty title="Nothing was measured.">n is 0 everywhere: no interaction in this period carries what is asked for.</Empty>;
	if (result.rows.length === 1 && !url.has('y')) return <Figures result={result} />;
	return <>{generic(result, url, embedded)}</>;
}

function Curve({ result }: { result: Result }) {
	const figure: Figure = { column: result.columns.find(c => c.name === 'share') as Column, low: 'share_low', high: 'share_high' };
	const get = (row: Row, name: string): number | null => (typeof row[name] === 'number' ? (row[name] as number) : null);
	const line = { name: 'came back', values: result.rows.map(r => get(r, 'share')), low: result.rows.map(r => get(r, 'share_low')), high: result.rows.map(r => get(r, 'share_high')), n: 0 };
	return <LineChart label="Share that came back" labels={result.rows.map(r => `+${r.offset}`)} lines={[line]} format={formOf(figure, result.rows)} height={300} zero />;
}

export function touchpointsList(): { key: string; name: string }[] {
	return (design.value?.touchpoints ?? []).map(t => ({ key: t.key, name: touchpointName(t.key) }));
}
