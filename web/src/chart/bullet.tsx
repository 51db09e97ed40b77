// SPDX-License-Identifier: Apache-2.0
// The gap bullet: the middle line is the expectation, the bar the experience (right is better), the whisker its 95 %
// interval. All bullets of a page share one scale.
import { margin, verdictClass, verdictOf } from '../base/score';
import type { Score } from '../base/types';

const W = 120;
const H = 14;

export function Bullet({ score, scale, before }: { score: Score; scale: number; before?: Score | null }) {
	const m = margin(score);
	const x = (v: number): number => Math.max(1, Math.min(W - 1, W / 2 + (v / scale) * (W / 2 - 4)));
	const c = verdictClass(verdictOf(score));
	const b = before ? margin(before) : null;
	return (
		<span class="bullet-box" aria-hidden="true">
			<svg class="bullet" viewBox={`0 0 ${W} ${H}`} preserveAspectRatio="none">
				<rect class="track" x="0" y="4" width={W} height="6" rx="3" />
				{m && <rect class={`fill-${c}`} x={Math.min(x(0), x(m.value))} y="4" width={Math.max(0.8, Math.abs(x(m.value) - x(0)))} height="6" />}
				{m && m.high > m.low && (
					<g class="whisker">
						<path d={`M${x(m.low)} 7H${x(m.high)}`} />
						<path d={`M${x(m.low)} 4.5v5M${x(m.high)} 4.5v5`} />
					</g>
				)}
				<path class="expected" d={`M${W / 2} 1V13`} />
			</svg>
			{b && <i class="bullet-before" style={{ left: `${(x(b.value) / W) * 100}%` }} />}
		</span>
	);
}
