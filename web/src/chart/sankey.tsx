// SPDX-License-Identifier: Apache-2.0
// Paths as a Sankey diagram: columns are steps, a node is a place at a step. Nodes take the focus and show their part.
import { sankey, sankeyLinkHorizontal, type SankeyGraph } from 'd3-sankey';
import { useId, useMemo, useState } from 'preact/hooks';
import { compact, count, percent } from '../base/format';
import { sankeyOf, type SankeyLink, type SankeyNode } from '../base/result';
import type { Result } from '../base/types';
import { ScrollX } from '../ui/scroll';
import { useWidth } from './width';

type Placed = SankeyGraph<SankeyNode, SankeyLink>;

const THICK = 12; // of a node
const LETTER = 6.7; // as wide as the letters of names are on average, with some to spare
const LEAST = 120;
const MOST = 260;

/** Room for the names and numbers right of the last nodes. */
function roomOf(nodes: SankeyNode[], name: (key: string) => string): number {
	const last = Math.max(...nodes.map(n => n.step));
	const letters = nodes.filter(n => n.step === last).map(n => name(n.name).length + 6);
	return Math.max(LEAST, Math.min(MOST, THICK + 10 + LETTER * Math.max(0, ...letters)));
}

export function SankeyChart({ result, name, tone }: { result: Result; name: (key: string) => string; tone: (key: string) => string }) {
	const [box, width, unit] = useWidth<HTMLDivElement>(900);
	const [at, setAt] = useState<string | null>(null);
	const id = useId();
	const graph = useMemo(() => sankeyOf(result), [result]);
	const steps = new Set(graph.nodes.map(n => n.step));
	const room = roomOf(graph.nodes, name);
	const inner = Math.max(width, (steps.size - 1) * 150 + room);
	const most = Math.max(1, ...[...steps].map(s => graph.nodes.filter(n => n.step === s).length));
	const height = Math.max(330, Math.min(760, most * 50));
	const first = Math.min(...steps);
	const placed = useMemo((): Placed | null => {
		if (!graph.links.length) return null;
		const layout = sankey<SankeyNode, SankeyLink>()
			.nodeId(n => n.id)
			.nodeAlign(n => (n as SankeyNode).step - first)
			.nodeWidth(THICK)
			.nodePadding(20)
			.extent([
				[1, 14],
				[inner - room, height - 26],
			]);
		return layout({ nodes: graph.nodes.map(n => ({ ...n })), links: graph.links.map(l => ({ ...l })) });
	}, [graph, inner, room, height, first]);
	if (!placed) return null;
	const path = sankeyLinkHorizontal<SankeyNode, SankeyLink>();
	const idOf = (end: unknown): string => (end as SankeyNode).id;
	return (
		<ScrollX box={box} label="Paths">
			<svg class="sankey" width={inner * unit} height={height * unit} viewBox={`0 0 ${inner} ${height}`} role="group" aria-label="Paths; every node can be focused, the table below has all numbers">
				<defs>
					{placed.links.map((l, i) => {
						const [a, b] = [l.source as unknown as SankeyNode & { x1: number }, l.target as unknown as SankeyNode & { x0: number }];
						return (
							<linearGradient key={i} id={`${id}-${i}`} gradientUnits="userSpaceOnUse" x1={a.x1} x2={b.x0}>
								<stop style={{ stopColor: `var(${tone(a.name)})` }} />
								<stop offset="1" style={{ stopColor: `var(${tone(b.name)})` }} />
							</linearGradient>
						);
					})}
				</defs>
				<g fill="none">
					{placed.links.map((l, i) => {
						const on = at === null || idOf(l.source) === at || idOf(l.target) === at;
						const to = l.target as unknown as SankeyNode;
						return (
							<path key={`${idOf(l.source)}>${idOf(l.target)}`} class={`flow-link ${on ? '' : 'off'} ${to.name === '(end)' || to.name === '(start)' ? 'ending' : ''}`} d={path(l) ?? ''} style={{ strokeWidth: Math.max(1, l.width ?? 1), stroke: `url("#${id}-${i}")` }}>
								<title>{`${name((l.source as unknown as SankeyNode).name)} → ${name(to.name)}: ${count(l.value)}${l.share !== null ? `, ${percent(l.share)}` : ''}`}</title>
							</path>
						);
					})}
				</g>
				{placed.nodes.map(n => {
					const x = n.x0 ?? 0;
					const y = n.y0 ?? 0;
					const h = Math.max(2, (n.y1 ?? 0) - y);
					// A low one has its number beside the name, where it does not run into the next.
					const low = h < 30;
					const middle = y + (low ? h / 2 : 12);
					return (
						<g key={n.id} class="flow-node" tabIndex={0} role="img" aria-label={`Step ${n.step}: ${name(n.name)}, ${count(n.value ?? 0)}`} onFocus={() => setAt(n.id)} onBlur={() => setAt(null)} onMouseEnter={() => setAt(n.id)} onMouseLeave={() => setAt(null)}>
							<rect x={x} y={y} width={THICK} height={h} rx="3" style={{ fill: `var(${tone(n.name)})` }} />
							<text class="name" x={x + THICK + 5} y={middle} dy={low ? '0.35em' : '0.1em'}>
								{name(n.name)}
								<tspan class="n" {...(low ? { dx: '0.5em' } : { x: x + THICK + 5, dy: '1.2em' })}>
									{compact(n.value ?? 0)}
								</tspan>
							</text>
						</g>
					);
				})}
			</svg>
		</ScrollX>
	);
}
