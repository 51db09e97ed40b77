// SPDX-License-Identifier: Apache-2.0
// Lines over time with their intervals as bands, drawn by uPlot; a chunk of its own. Lines differ in dash as well as in
// colour. The table beside it is the alternative for those who do not see it.
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { bucketLabel, marked, plain } from '../base/format';
import { TIMES } from './bars';
import { pageScale } from './width';
import type { Line } from '../base/result';
import { onPrint, theme, token } from '../base/theme';

const DASHES: number[][] = [[], [6, 3], [2, 3], [9, 3, 2, 3], [12, 4], [4, 2]];

export interface LineChartProps {
	label: string;
	labels: string[];
	lines: Line[];
	format: (v: number) => string;
	target?: number | null;
	height?: number;
	tones?: string[];
	zero?: boolean;
	/** The values are seconds. */
	time?: boolean;
}

/** So many buckets from label to label: quarters and years of months, weeks and years of days, days and years of hours. */
const BUCKET_STEPS = [1, 2, 3, 4, 6, 12, 13, 24, 26, 52, 104, 168, 365, 730, 1460, 2920, 8760, 17_520, 43_800];

/** Steps of an axis of seconds: parts of one as of other numbers, then those of clocks and calendars. */
const TIME_STEPS = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, ...TIMES];

/** Values without a neighbour: no line leads there. */
function alone(values: (number | null)[]): number[] {
	return values.flatMap((v, i) => (v !== null && values[i - 1] == null && values[i + 1] == null ? [i] : []));
}

function colorOf(i: number, tones?: string[]): string {
	return token(tones?.[i] ?? `--series-${(i % 6) + 1}`);
}

export default function LineChart({ label, labels, lines, format, target, height: usual = 220, tones, zero, time }: LineChartProps) {
	const height = Math.round(usual * pageScale());
	const box = useRef<HTMLDivElement>(null);
	const [at, setAt] = useState<number | null>(null);
	const dark = theme.value;

	useEffect(() => {
		const el = box.current;
		if (!el) return;
		const draw = (): uPlot => {
			const data: (number | null)[][] = [labels.map((_, i) => i)];
			const series: uPlot.Series[] = [{}];
			const bands: uPlot.Band[] = [];
			lines.forEach((l, i) => {
				const stroke = colorOf(i, tones);
				data.push(l.values);
				const dots = l.values.filter(v => v !== null).length < 60;
				series.push({ stroke, width: 2, dash: DASHES[i % 6] ?? [], spanGaps: false, points: { show: dots, size: 5, fill: stroke, filter: () => (dots ? null : alone(l.values)) } });
				if (l.low && l.high) {
					const k = data.length;
					data.push(l.high, l.low);
					series.push({ width: 0, points: { show: false } }, { width: 0, points: { show: false } });
					bands.push({ series: [k, k + 1], fill: `color-mix(in srgb, ${stroke} ${lines.length > 2 ? 9 : 16}%, transparent)` });
				}
			});
			if (target != null) {
				data.push(labels.map(() => target));
				series.push({ stroke: token('--ink'), width: 1.2, dash: [3, 3], points: { show: false } });
			}
			let low = zero ? 0 : Infinity;
			let high = zero ? 0 : -Infinity;
			for (const v of data.slice(1).flat()) {
				if (v === null) continue;
				low = Math.min(low, v);
				high = Math.max(high, v);
			}
			const room = (high - low || Math.abs(high) || 1) * 0.08;
			low = low >= 0 && low - room < 0 ? 0 : low - room;
			high += room;
			const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
			const font = `${Math.round(rem * 0.72)}px ${getComputedStyle(document.body).fontFamily}`;
			const widest = Math.max(...[low, high, (low + high) / 2].map(v => plain(format(v)).length));
			const years = labels[0]?.slice(0, 4) !== labels[labels.length - 1]?.slice(0, 4);
			const longest = Math.max(...[labels[0], labels[labels.length - 1]].map(l => bucketLabel(l ?? '', years).length));
			const axis = { stroke: token('--muted'), font, ticks: { show: false } };
			const grid = { stroke: token('--line'), width: 1 };
			return new uPlot(
				{
					width: Math.max(200, el.clientWidth),
					height,
					legend: { show: false },
					cursor: { y: false, points: { size: 8 }, drag: { x: false, y: false } },
					scales: { x: { time: false, range: [-0.3, Math.max(0.3, labels.length - 0.7)] }, y: { range: [low, high] } },
					axes: [
						{ ...axis, grid: { show: false }, incrs: BUCKET_STEPS, values: (_u, splits) => splits.map(s => (Number.isInteger(s) && labels[s] !== undefined ? bucketLabel(labels[s], years) : '')), space: rem * Math.max(4.4, 0.45 * longest + 0.6), size: rem * 1.8 },
						{ ...axis, grid, ...(time && high - low > 0 && high - low < 1e9 ? { incrs: TIME_STEPS } : {}), values: (_u, splits) => marked(splits, format), size: rem * (0.46 * widest + 0.9), space: rem * (usual < 200 ? 1.6 : 2.4) },
					],
					series,
					bands,
					hooks: { setCursor: [u => setAt(u.cursor.idx ?? null)] },
				},
				data as uPlot.AlignedData,
				el,
			);
		};
		let plot = draw();
		const again = onPrint(() => {
			plot.destroy();
			plot = draw();
		});
		const watch = new ResizeObserver(() => plot.setSize({ width: Math.max(200, el.clientWidth), height }));
		watch.observe(el);
		return () => {
			again();
			watch.disconnect();
			plot.destroy();
		};
	}, [labels, lines, target, height, dark, format, tones, zero, time]);

	const shown = at !== null && labels[at] !== undefined ? at : null;
	return (
		<figure class="line-chart">
			<div ref={box} class="plot" role="img" aria-label={label} style={{ minHeight: `${height}px` }} />
			<figcaption class="readout">
				{shown !== null && <b>{bucketLabel(labels[shown] as string, true)}</b>}
				{lines.map((l, i) => (
					<span key={l.name}>
						<svg viewBox="0 0 24 6" aria-hidden="true">
							<path d="M1 3H23" style={{ stroke: `var(${tones?.[i] ?? `--series-${(i % 6) + 1}`})`, strokeDasharray: (DASHES[i % 6] ?? []).join(' ') }} />
						</svg>
						{l.name}
						{shown !== null && (
							<>
								{' '}
								<b>{l.values[shown] != null ? format(l.values[shown]) : '–'}</b>
								{l.low?.[shown] != null && l.high?.[shown] != null && (
									<span class="muted">
										{' '}
										{format(l.low[shown])} – {format(l.high[shown])}
									</span>
								)}
							</>
						)}
					</span>
				))}
				{target != null && <span class="muted">dotted: expected {plain(format(target))}</span>}
			</figcaption>
		</figure>
	);
}
