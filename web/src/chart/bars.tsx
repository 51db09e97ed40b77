// SPDX-License-Identifier: Apache-2.0
// One value a row with its interval, on a common axis. Rows are a list, so a screen reader reads name, value, interval.
import { marked, plain, range } from '../base/format';
import type { ComponentChildren } from 'preact';

export interface Bar {
	label: ComponentChildren;
	value: number | null;
	low: number | null;
	high: number | null;
	target?: number | null;
	tone?: string;
	n?: string;
}

const DAYS = [1, 10, 100, 1000, 10_000].flatMap(ten => [1, 2, 5].map(n => n * ten * 86_400));

/** Seconds, minutes, hours and days that one counts in. */
export const TIMES = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, ...DAYS];

/** Round steps for an axis: 1, 2 or 5 times a power of ten; of times those that clocks have. */
export function ticks(low: number, high: number, most = 6, time = false): number[] {
	const span = high - low;
	if (!(span > 0)) return [low];
	const power = 10 ** Math.floor(Math.log10(span / most));
	const round = ([1, 2, 5, 10].find(m => span / (m * power) <= most) ?? 10) * power;
	const step = (time && span > 5 && TIMES.find(t => span / t <= most)) || round;
	const out: number[] = [];
	for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) out.push(Number((k * step).toPrecision(12)));
	return out;
}

/** Bars where the axis begins at 0, else dots: the length of a bar from nowhere would mean nothing. */
export function Bars({ label, bars, format, zero = true, time = false }: { label: string; bars: Bar[]; format: (v: number) => string; zero?: boolean; time?: boolean }) {
	if (!bars.length) return null; // an axis of nothing says 0
	const all = bars.flatMap(b => [b.value, b.low, b.high, b.target ?? null]).filter((v): v is number => v !== null && Number.isFinite(v));
	let low = Math.min(...all, zero ? 0 : Infinity);
	let high = Math.max(...all, zero ? 0 : -Infinity);
	if (!zero) {
		const room = (high - low || Math.abs(high) || 1) * 0.06;
		low -= room;
		high += room;
	}
	const span = high - low || 1;
	const widest = Math.max(...[low, high].map(v => plain(format(v)).length));
	const marks = ticks(low, high, widest > 14 ? 2 : widest > 9 ? 4 : 6, time);
	const at = (v: number): string => `${(((v - low) / span) * 100).toFixed(2)}%`;
	const length = (a: number, b: number): string => `${((Math.abs(b - a) / span) * 100).toFixed(2)}%`;
	return (
		<figure class="bars" aria-label={label}>
			<ul>
				{bars.map((b, i) => (
					<li key={i}>
						<span class="bars-label">{b.label}</span>
						<span class="bars-track" aria-hidden="true">
							{b.value !== null && zero && <i class={`bars-bar ${b.tone ?? ''}`} style={{ left: at(Math.min(0 > high ? high : 0 < low ? low : 0, b.value)), width: length(Math.max(low, Math.min(high, 0)), b.value) }} />}
							{b.low !== null && b.high !== null && <i class="bars-interval" style={{ left: at(b.low), width: length(b.low, b.high) }} />}
							{b.value !== null && !zero && <i class={`bars-dot ${b.tone ?? ''}`} style={{ left: at(b.value) }} />}
							{b.target != null && <i class="bars-target" style={{ left: at(b.target) }} />}
						</span>
						<span class="bars-value num">
							<span>{b.value === null ? '–' : format(b.value)}</span>
							{b.low !== null && b.high !== null && <span class="low">{range(b.low, b.high, format)}</span>}
						</span>
						{b.n !== undefined && <span class="bars-n num muted">{b.n}</span>}
					</li>
				))}
			</ul>
			<div class="bars-axis" aria-hidden="true">
				<span />
				<span class="bars-track">
					{marked(marks, format).map(
						(text, i) =>
							text && (
								<i key={text} style={{ left: at(marks[i] as number) }}>
									{text}
								</i>
							),
					)}
				</span>
			</div>
		</figure>
	);
}
