// SPDX-License-Identifier: Apache-2.0
// What follows what: places stand at their stage of the corridor, arrows are transitions, as thick as they are frequent.
// Forward above the row of nodes, backward below, so direction is seen without colour.
import { useState } from 'preact/hooks';
import { count, many, percent, seconds } from '../base/format';
import type { Design, Result } from '../base/types';
import { ScrollX } from '../ui/scroll';
import { useWidth } from './width';

const LETTER = 6.9; // as wide as the letters of names are, with some to spare
const WIDE = 104; // from one column to the next
const NARROW = 82; // where there is less room: names take a line more
const END = 62; // beside the first column and the last

interface Node {
	key: string;
	name: string;
	x: number;
	y: number;
	n: number;
}

interface Edge {
	from: string;
	to: string;
	n: number;
	share: number | null;
	mean: number | null;
}

function edgesOf(r: Result): Edge[] {
	return r.rows
		.filter(row => typeof row.from === 'string' && typeof row.to === 'string' && row.from !== '(other)')
		.map(row => ({ from: String(row.from), to: String(row.to), n: Number(row.n), share: typeof row.share === 'number' ? row.share : null, mean: typeof row.mean === 'number' ? row.mean : null }));
}

/** A name in at most two lines, or three short ones, that fit between two columns. */
export function nameLines(name: string, column: number): string[] {
	const letters = Math.floor(Math.min(column, WIDE) / LETTER);
	const most = column < WIDE ? 3 : 2;
	const out = [''];
	for (const word of name.split(' ')) {
		const line = out[out.length - 1] as string;
		if (line === '' || (line + word).length < letters || out.length === most) out[out.length - 1] = line ? `${line} ${word}` : word;
		else out.push(word);
	}
	return out.map(l => (l.length > letters + 2 ? `${l.slice(0, letters + 1)}…` : l));
}

function stageOf(k: string, d: Design): number {
	if (k === '(start)') return -1;
	const t = d.touchpoints.find(x => x.key === k);
	const i = d.stages.findIndex(x => x.key === (t ? t.stage : k));
	return i >= 0 ? i : d.stages.length;
}

function place(keys: string[], d: Design, width: number, sums: Map<string, number>, name: (k: string) => string): { nodes: Map<string, Node>; height: number } {
	const columns = [...new Set(keys.map(k => stageOf(k, d)))].sort((a, b) => a - b);
	const nodes = new Map<string, Node>();
	const deepest = Math.max(...columns.map(c => keys.filter(k => stageOf(k, d) === c).length));
	const rowHeight = 104;
	columns.forEach((c, i) => {
		const here = keys.filter(k => stageOf(k, d) === c);
		here.forEach((k, j) => {
			const x = columns.length === 1 ? width / 2 : END + (i / (columns.length - 1)) * (width - 2 * END);
			const shift = ((i % 2) * rowHeight) / 2.4;
			nodes.set(k, { key: k, name: name(k), x, y: 70 + (j + (deepest - here.length) / 2) * rowHeight + shift, n: sums.get(k) ?? 0 });
		});
	});
	return { nodes, height: 70 + deepest * rowHeight + 30 };
}

export function FlowGraph({ result, design, name }: { result: Result; design: Design; name: (k: string) => string }) {
	const [box, width, unit] = useWidth<HTMLDivElement>(1000);
	const [at, setAt] = useState<string | null>(null);
	const [most, setMost] = useState(30);
	const all = edgesOf(result);
	const edges = all
		.filter(e => e.from !== e.to)
		.sort((a, b) => b.n - a.n)
		.slice(0, most);
	const loops = new Map(all.filter(e => e.from === e.to).map(e => [e.from, e.n]));
	const sums = new Map<string, number>();
	for (const e of all) for (const k of e.to === '(end)' ? [e.from, e.to] : [e.from]) sums.set(k, (sums.get(k) ?? 0) + e.n);
	const keys = [...new Set(edges.flatMap(e => [e.from, e.to]))];
	if (!keys.length) return null;
	const gaps = new Set(keys.map(k => stageOf(k, design))).size - 1;
	const inner = Math.max(width, Math.min(760, 2 * END + WIDE * gaps), 2 * END + NARROW * gaps);
	const column = gaps ? (inner - 2 * END) / gaps : WIDE;
	const { nodes, height } = place(keys, design, inner, sums, name);
	const widest = Math.max(...edges.map(e => e.n));
	const biggest = Math.max(...[...nodes.values()].map(n => n.n), 1);
	return (
		<figure class="flow">
			<div class="slider no-print">
				<label for="transitions">Transitions shown</label>
				<output for="transitions">{Math.min(most, all.length)}</output>
				<input id="transitions" type="range" min="5" max={Math.max(10, Math.min(120, all.length))} value={most} onInput={e => setMost(Number(e.currentTarget.value))} />
			</div>
			<ScrollX box={box} label="Flow graph">
				<svg width={inner * unit} height={height * unit} viewBox={`0 0 ${inner} ${height}`} role="group" aria-label="Flow graph; every place can be focused, the table below has all numbers">
					<defs>
						<marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">
							<path d="M0 0.5L8 4L0 7.5z" class="arrow-head" />
						</marker>
					</defs>
					{edges.map(e => {
						const a = nodes.get(e.from) as Node;
						const b = nodes.get(e.to) as Node;
						const back = b.x < a.x;
						const dx = b.x - a.x;
						const dy = b.y - a.y;
						const length = Math.hypot(dx, dy) || 1;
						// Arrows bend to their left, so there and back do not cover each other.
						const bend = Math.min(60, length * 0.22);
						const mx = (a.x + b.x) / 2 + (dy / length) * bend;
						const my = (a.y + b.y) / 2 - (dx / length) * bend;
						const r = 15;
						const out = (x: number, y: number, tx: number, ty: number): [number, number] => {
							const l = Math.hypot(tx - x, ty - y) || 1;
							return [x + ((tx - x) / l) * r, y + ((ty - y) / l) * r];
						};
						const [x1, y1] = out(a.x, a.y, mx, my);
						const [x2, y2] = out(b.x, b.y, mx, my);
						const on = at === null || e.from === at || e.to === at;
						return (
							<path key={`${e.from}>${e.to}`} class={`flow-edge ${back ? 'back' : ''} ${on ? '' : 'off'}`} marker-end="url(#arrow)" d={`M${x1} ${y1}Q${mx} ${my} ${x2} ${y2}`} style={{ strokeWidth: 1 + 7 * Math.sqrt(e.n / widest) }}>
								<title>{`${name(e.from)} → ${name(e.to)}: ${count(e.n)}${e.share !== null ? `, ${percent(e.share)} of those there` : ''}${e.mean !== null ? `, on average ${seconds(e.mean)} later` : ''}`}</title>
							</path>
						);
					})}
					{[...nodes.values()].map(n => (
						<g key={n.key} class="flow-place" tabIndex={0} role="img" aria-label={`${n.name}: ${many(n.n, 'interaction')}${loops.has(n.key) ? `, ${many(loops.get(n.key) ?? 0, 'time')} again at once` : ''}; goes to ${edges.filter(e => e.from === n.key).slice(0, 3).map(e => `${name(e.to)} ${count(e.n)}`).join(', ') || 'none of those shown'}`} onFocus={() => setAt(n.key)} onBlur={() => setAt(null)} onMouseEnter={() => setAt(n.key)} onMouseLeave={() => setAt(null)}>
							<circle cx={n.x} cy={n.y} r={6 + 8 * Math.sqrt(n.n / biggest)} class={n.key.startsWith('(') ? 'ending' : ''} />
							{loops.has(n.key) && <path class="loop" d={`M${n.x - 6} ${n.y - 15}a8 8 0 1 1 12 0`} marker-end="url(#arrow)" />}
							{nameLines(n.name, column).map((line, k) => (
								<text key={k} x={n.x} y={n.y + 28 + k * 13}>
									{line}
								</text>
							))}
							<text x={n.x} y={n.y + 28 + nameLines(n.name, column).length * 13} class="n">
								{count(n.n)}
							</text>
						</g>
					))}
				</svg>
			</ScrollX>
			<figcaption class="muted small">Thickness: how often. Dashed: back to an earlier stage. Arrows bend to their left. Point at a place, or focus it, to see only its own.</figcaption>
		</figure>
	);
}

export function FlowMatrix({ result, name }: { result: Result; name: (k: string) => string }) {
	const edges = edgesOf(result);
	const rows = [...new Set(edges.map(e => e.from))];
	const columns = [...new Set(edges.map(e => e.to))];
	const find = new Map(edges.map(e => [`${e.from}\n${e.to}`, e]));
	return (
		<div class="table-frame" tabIndex={0} role="region" aria-label="Matrix of transitions">
			<table class="table heat">
				<caption class="sr">Share of the interactions at a place (rows) that are followed by another (columns)</caption>
				<thead>
					<tr>
						<th scope="col">from ↓ to →</th>
						{columns.map(c => (
							<th key={c} scope="col" class="turned">
								<span>{name(c)}</span>
							</th>
						))}
					</tr>
				</thead>
				<tbody>
					{rows.map(r => (
						<tr key={r}>
							<th scope="row">{name(r)}</th>
							{columns.map(c => {
								const e = find.get(`${r}\n${c}`);
								const s = e?.share ?? 0;
								return (
									<td key={c} class="num" style={e ? { '--heat': String(Math.round(Math.sqrt(s) * 100)) } : {}} title={e ? `${name(r)} → ${name(c)}: ${count(e.n)}` : ''}>
										{e ? percent(s, s < 0.0995 ? 1 : 0).replace(/\u00a0%/, '') : ''}
									</td>
								);
							})}
						</tr>
					))}
				</tbody>
			</table>
		</div>
	);
}
