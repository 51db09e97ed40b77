// SPDX-License-Identifier: Apache-2.0
// The pulse of the house: interactions a second, averaged over ten, or a minute where few come, with the last minute as bars.
import { connected, counts, failed, rate } from '../base/live';
import { compact } from '../base/format';

function mean(list: number[]): number {
	return list.length ? list.reduce((a, b) => a + b, 0) / list.length : 0;
}

export function Rate() {
	if (!connected.value || !counts.value) return <span class="muted">–</span>;
	const second = mean(rate.value.slice(-10));
	const many = second >= 2 || rate.value.length < 10;
	return (
		<>
			{!many ? Math.round(60 * mean(rate.value)) : second >= 100 ? compact(Math.round(second)) : second.toFixed(1)} <small>{many ? '/ s' : '/ min'}</small>
		</>
	);
}

export function LiveBadge() {
	const on = connected.value;
	const list = rate.value.slice(-24);
	const top = Math.max(1, ...list);
	return (
		<span class={`live ${on ? 'on' : ''}`} title={on ? 'Connected: this page follows what arrives' : failed.value ? 'Not connected' : 'Connecting'}>
			<i aria-hidden="true" />
			<span>{on || !failed.value ? 'Live' : 'Offline'}</span>
			<svg viewBox="0 0 72 16" aria-hidden="true">
				<path d="M0 15.5H72" />
				{list.map((v, i) => v > 0 && (
					<rect key={i} x={(24 - list.length + i) * 3} y={16 - Math.max(1, (v / top) * 16)} width="2" height={Math.max(1, (v / top) * 16)} />
				))}
			</svg>
		</span>
	);
}
