// SPDX-License-Identifier: Apache-2.0
// The retention triangle: a table, so it needs no other. Depth of colour is the share; each cell tells its interval.
import { bucketLabel, count, percent, range } from '../base/format';
import type { Result, Row } from '../base/types';

function num(row: Row | undefined, name: string): number | null {
	const v = row?.[name];
	return typeof v === 'number' ? v : null;
}

export function Cohorts({ result, bucket }: { result: Result; bucket: string }) {
	const cohorts = [...new Set(result.rows.map(r => String(r.cohort)))];
	const last = Math.max(0, ...result.rows.map(r => Number(r.offset)));
	const shown = Math.min(last, 30);
	const find = new Map(result.rows.map(r => [`${r.cohort} ${r.offset}`, r]));
	const top = Math.max(0.01, ...result.rows.filter(r => Number(r.offset) > 0).map(r => num(r, 'share') ?? 0));
	return (
		<div class="table-frame" tabIndex={0} role="region" aria-label="Retention">
			<table class="table heat cohorts">
				<caption class="sr">Share of each cohort that came back, by {bucket}s after the start</caption>
				<thead>
					<tr>
						<th scope="col">Started</th>
						<th scope="col" class="num">
							persons
						</th>
						{Array.from({ length: shown + 1 }, (_, k) => (
							<th key={k} scope="col" class="num">
								{k === 0 ? bucket : `+${k}`}
							</th>
						))}
					</tr>
				</thead>
				<tbody>
					{cohorts.map(c => (
						<tr key={c}>
							<th scope="row">{bucketLabel(c)}</th>
							<td class="num plain">{count(num(find.get(`${c} 0`), 'cohort_size') ?? 0)}</td>
							{Array.from({ length: shown + 1 }, (_, k) => {
								const r = find.get(`${c} ${k}`);
								const s = num(r, 'share');
								const low = num(r, 'share_low');
								const high = num(r, 'share_high');
								if (s === null) return <td key={k} class="none" />;
								return (
									<td key={k} class="num" style={{ '--heat': String(Math.round(Math.min(1, s / top) * 100)) }} title={`${count(num(r, 'returned') ?? 0)} of ${count(num(r, 'observed') ?? 0)}${low !== null && high !== null ? `, 95 % interval ${range(low, high, percent)}` : ''}`}>
										{(s * 100).toFixed(s < 0.0995 && s > 0 ? 1 : 0)}
									</td>
								);
							})}
						</tr>
					))}
				</tbody>
			</table>
			{last > shown && <p class="table-more">Offsets up to {shown}; all {last} are in the table of numbers.</p>}
		</div>
	);
}
