// SPDX-License-Identifier: Apache-2.0
// The line chart, fetched when the first one is drawn.
import { useEffect, useState } from 'preact/hooks';
import type { ComponentType } from 'preact';
import type { LineChartProps } from './line';

let loaded: ComponentType<LineChartProps> | null = null;

export function LineChart(props: LineChartProps) {
	const [chart, setChart] = useState<ComponentType<LineChartProps> | null>(() => loaded);
	useEffect(() => {
		if (chart) return;
		let here = true;
		void import('./line').then(m => {
			loaded = m.default;
			if (here) setChart(() => m.default);
		});
		return () => {
			here = false;
		};
	}, []);
	const C = chart;
	return C ? <C {...props} /> : <div class="plot" style={{ minHeight: `${props.height ?? 220}px` }} />;
}
