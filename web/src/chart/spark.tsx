// SPDX-License-Identifier: Apache-2.0
// A trend without axes: the dotted line is the expectation, the dot the newest value; gaps in the data stay gaps.

export function Spark({ values, tone, scale, zero = true, label }: { values: (number | null)[]; tone: string; scale?: number; zero?: boolean; label?: string }) {
	const W = 120;
	const H = 26;
	const there = values.filter((v): v is number => v !== null);
	if (there.length < 2) return <svg class="spark" viewBox={`0 0 ${W} ${H}`} aria-hidden="true" />;
	let low = Math.min(...there, zero ? 0 : Infinity);
	let high = Math.max(...there, zero ? 0 : -Infinity);
	if (scale) {
		low = Math.min(low, -scale / 4);
		high = Math.max(high, scale / 4);
	}
	const span = high - low || 1;
	const x = (i: number): number => 2 + (i / (values.length - 1)) * (W - 6);
	const y = (v: number): number => H - 3 - ((v - low) / span) * (H - 6);
	let d = '';
	let pen = false;
	values.forEach((v, i) => {
		if (v === null) {
			pen = false;
			return;
		}
		d += `${pen ? 'L' : 'M'}${x(i).toFixed(1)} ${y(v).toFixed(1)}`;
		pen = true;
	});
	let last = values.length - 1;
	while (values[last] === null) last--;
	return (
		<svg class="spark" viewBox={`0 0 ${W} ${H}`} preserveAspectRatio="none" role={label ? 'img' : undefined} aria-label={label} aria-hidden={label ? undefined : 'true'}>
			{zero && <path class="zero" d={`M0 ${y(0).toFixed(1)}H${W}`} />}
			<path class={`line line-${tone}`} d={d} />
			<path class={`line line-${tone} newest`} d={`M${x(last)} ${y(values[last] as number)}h0.01`} />
		</svg>
	);
}
