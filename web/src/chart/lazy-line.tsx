// SPDX-License-Identifier: Apache-2.0
// The line chart, a chunk of its own that is on its way as soon as a page with charts is: it arrives before the answers.
import { useEffect, useState } from 'preact/hooks';
import type { ComponentType } from 'preact';
import type { LineChartProps } from './line';

let loaded: ComponentType<LineChartProps> | null = null;
let arriving: Promise<void> | null = null;

function fetchChart(): Promise<void> {
	return import('./line').then(m => {
		loaded = m.default;
	});
}

arriving = fetchChart().catch(() => {
	arriving = null; // tried again when it is needed
});

export function LineChart(props: LineChartProps) {
	const [there, setThere] = useState(loaded !== null);
	useEffect(() => {
		if (there) return;
		let here = true;
		void (arriving ?? fetchChart()).then(() => here && setThere(loaded !== null));
		return () => {
			here = false;
		};
	}, []);
	const C = loaded;
	return C ? <C {...props} /> : <div class="plot" style={{ minHeight: `${props.height ?? 220}px` }} />;
}
