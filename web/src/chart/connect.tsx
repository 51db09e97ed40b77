// SPDX-License-Identifier: Apache-2.0
// The designed way through the corridor, as thin lines behind the cards: from each touch point to those that come `after`
// it. Only where cards stand in a grid; positions are measured, so the lines follow every layout.
import type { RefObject } from 'preact';
import { useLayoutEffect, useState } from 'preact/hooks';
import type { TouchPoint } from '../base/types';

interface Way {
	d: string;
	x: number;
	y: number;
}

function waysOf(grid: HTMLElement, touchpoints: TouchPoint[]): Way[] {
	const base = grid.getBoundingClientRect();
	const boxes = new Map<string, DOMRect>();
	for (const el of grid.querySelectorAll<HTMLElement>('[data-key]')) boxes.set(el.dataset.key as string, el.getBoundingClientRect());
	const out: Way[] = [];
	for (const t of touchpoints) {
		const b = boxes.get(t.key);
		if (!b) continue;
		for (const key of t.after) {
			const a = boxes.get(key);
			if (!a) continue;
			if (b.left >= a.right - 2) {
				const x1 = a.right - base.left;
				const y1 = a.top + a.height / 2 - base.top;
				const x2 = b.left - base.left;
				const y2 = b.top + b.height / 2 - base.top;
				const bend = Math.max(10, Math.min(60, (x2 - x1) / 2));
				out.push({ d: `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`, x: x2, y: y2 });
			} else if (b.top >= a.bottom - 2 && Math.abs(b.left - a.left) < a.width) {
				const x = a.left + a.width / 2 - base.left;
				out.push({ d: `M${x} ${a.bottom - base.top}V${b.top - base.top}`, x, y: b.top - base.top });
			}
		}
	}
	return out;
}

export function Ways({ grid, touchpoints, layout }: { grid: RefObject<HTMLElement>; touchpoints: TouchPoint[]; layout: string }) {
	const [ways, setWays] = useState<Way[]>([]);
	const [size, setSize] = useState<[number, number]>([0, 0]);
	useLayoutEffect(() => {
		const el = grid.current;
		if (!el) return;
		const measure = (): void => {
			const shown = getComputedStyle(el).display === 'grid';
			setWays(shown ? waysOf(el, touchpoints) : []);
			setSize([el.clientWidth, el.clientHeight]);
		};
		measure();
		const watch = new ResizeObserver(measure);
		watch.observe(el);
		return () => watch.disconnect();
	}, [touchpoints, layout]);
	if (!ways.length) return null;
	return (
		<svg class="ways no-print" width={size[0]} height={size[1]} aria-hidden="true">
			{ways.map((w, i) => (
				<path key={i} d={w.d} />
			))}
			{ways.map((w, i) => (
				<circle key={i} cx={w.x} cy={w.y} r="2.5" />
			))}
		</svg>
	);
}
