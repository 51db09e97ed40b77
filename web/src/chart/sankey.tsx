// SPDX-License-Identifier: Apache-2.0
// Paths as a Sankey diagram: columns are steps, a node is a place at a step. Nodes take the focus and show their part.
import { sankey, sankeyLinkHorizontal, type SankeyGraph } from 'd3-sankey';
import { useMemo, useState } from 'preact/hooks';
import { compact, count, percent } from '../base/format';
import { sankeyOf, type SankeyLink, type SankeyNode } from '../base/result';
import type { Result } from '../base/types';
import { useWidth } from './width';

type Placed = SankeyGraph<SankeyNode, SankeyLink>;

export function SankeyChart({ result, name, tone }: { result: Result; name: (key: string) => string; tone: (key: string) => string }) {
	const [box, width, unit] = useWidth<HTMLDivElement>(900);
	const [at, setAt] = useState<string | null>(null);
	const graph = useMemo(() => sankeyOf(result), [result]);
	const steps = new Set(graph.nodes.map(n => n.step));
	const inner = Math.max(width, steps.size * 150);
	const most = Math.max(1, ...[...steps].map(s => graph.nodes.filter(n => n.step === s).length));
	const height = Math.max(260, Math.min(760, most * 46));
	const first = Math.min(...steps);
	const placed = useMemo((): Placed | null => {
		if (!graph.links.length) return null;
		const layout = sankey<SankeyNode, SankeyLink>()
			.nodeId(n => n.id)
			.nodeAlign(n => (n as SankeyNode).step - first)
			.nodeWidth(10)
			.nodePadding(18)
			.extent([
				[1, 14],
				[inner - 140, height - 26],
			]);
		return layout({ nodes: graph.nodes.map(n => ({ ...n })), links: graph.links.map(l => ({ ...l })) });
	}, [graph, inner, height, first]);
	if (!placed) return null;
	const path = sankeyLinkHorizontal<SankeyNode, SankeyLink>();
	const idOf = (end: unknown): string => (end as SankeyNode).id;
	return (
		<div class="scroll-x" ref={box} tabIndex={0} role="region" aria-label="Paths">
			<svg class="sankey" width={inner * unit} height={height * unit} viewBox={`0 0 ${inner} ${height}`} role="group" aria-label="Paths; every node can be focused, the table below has all numbers">
				<g fill="none">
					{placed.links.map(l => {
						const on = at === null || idOf(l.source) === at || idOf(l.target) === at;
						const to = l.target as unknown as SankeyNode;
						return (
							<path key={`${idOf(l.source)}>${idOf(l.target)}`} class={`flow-link ${on ? '' : 'off'} ${to.name === '(end)' || to.name === '(start)' ? 'ending' : ''}`} d={path(l) ?? ''} style={{ strokeWidth: Math.max(1, l.width ?? 1), stroke: `var(${tone((l.source as unknown as SankeyNode).name)})` }}>
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
							<rect x={x} y={y} width="10" height={h} rx="2" style={{ fill: `var(${tone(n.name)})` }} />
							<text x={x + 15} y={middle} dy={low ? '0.35em' : '0.1em'}>
								{name(n.name)}
								<tspan class="n" {...(low ? { dx: '0.5em' } : { x: x + 15, dy: '1.2em' })}>
									{compact(n.value ?? 0)}
								</tspan>
							</text>
						</g>
					);
				})}
			</svg>
		</div>
	);
}
