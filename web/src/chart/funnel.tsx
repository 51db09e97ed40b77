// SPDX-License-Identifier: Apache-2.0
// A funnel as columns: what got there is filled, what was lost since the step before is hatched; the ways between
// them are as high as those who go on. Under each step the share of the one before, with its interval. Groups stand beside
// each other within a step.
import { compact, count, percent, range, seconds } from '../base/format';
import type { Result, Row } from '../base/types';

function num(row: Row, name: string): number | null {
	const v = row[name];
	return typeof v === 'number' ? v : null;
}

export function FunnelChart({ result, name, personsLink }: { result: Result; name: (step: string) => string; personsLink: ((what: string) => string) | null }) {
	const groups = result.columns.slice(0, result.columns.findIndex(c => c.name === 'step')).map(c => c.name);
	const key = (r: Row): string => groups.map(g => String(r[g])).join(' · ');
	const labels = [...new Set(result.rows.map(key))];
	const steps = [...new Set(result.rows.map(r => Number(r.step)))].sort((a, b) => a - b);
	const shown = labels.slice(0, 6);
	const one = shown.length === 1;
	const shareOf = (s: number | undefined): number => num(result.rows.find(r => Number(r.step) === s) ?? {}, 'share') ?? 0;
	return (
		<figure class={`funnel ${one ? 'one' : ''}`}>
			<ol tabIndex={0} aria-label="Steps">
				{steps.map((s, i) => {
					const first = result.rows.find(r => Number(r.step) === s);
					const next = one && i + 1 < steps.length ? result.rows.find(r => Number(r.step) === steps[i + 1]) : undefined;
					const pass = next ? num(next, 'share_previous') : null;
					return (
						<li key={s}>
							<div class="funnel-columns">
								{shown.map((g, k) => {
									const r = result.rows.find(x => Number(x.step) === s && key(x) === g);
									const before = result.rows.find(x => Number(x.step) === s - 1 && key(x) === g);
									const share = r ? (num(r, 'share') ?? 0) : 0;
									const beforeShare = before ? (num(before, 'share') ?? 0) : share;
									const low = r ? num(r, 'share_low') : null;
									const high = r ? num(r, 'share_high') : null;
									return (
										<div key={g} class="funnel-column" title={`${g ? `${g}: ` : ''}${percent(share)} of the first step`}>
											<i class="lost" style={{ height: `${beforeShare * 100}%` }} />
											<i class={`got series-${k + 1}`} style={{ height: `${share * 100}%` }} />
											{i > 0 && low !== null && high !== null && <i class="whisk" style={{ bottom: `${low * 100}%`, height: `${(high - low) * 100}%` }} />}
										</div>
									);
								})}
								{next && <i class="funnel-way" aria-hidden="true" style={{ clipPath: `polygon(0 ${(1 - shareOf(s)) * 100}%, 100% ${(1 - shareOf(steps[i + 1])) * 100}%, 100% 100%, 0 100%)` }} />}
								{pass !== null && <b class="funnel-pass" aria-hidden="true">{percent(pass)}</b>}
							</div>
							<div class="funnel-words">
								<p class="funnel-name">
									<span class="muted">{s}</span> <b>{name(String(first?.filter ?? first?.step ?? ''))}</b>
								</p>
								{shown.map((g, k) => {
									const r = result.rows.find(x => Number(x.step) === s && key(x) === g);
									if (!r) return null;
									const p = num(r, 'share_previous');
									const low = num(r, 'share_previous_low');
									const high = num(r, 'share_previous_high');
									const p50 = num(r, 'previous_p50');
									const dropped = num(r, 'dropped');
									return (
										<div key={g} class="funnel-group">
											{g && (
												<p class="funnel-key">
													<i class={`series-${k + 1}`} aria-hidden="true" /> {g}
												</p>
											)}
											<p class="funnel-n">
												<b>{count(num(r, 'n') ?? 0)}</b> <span class="muted">{percent(num(r, 'share') ?? 0)} of all</span>
											</p>
											{i > 0 && p !== null && (
												<p class="small">
													{percent(p)} of the step before
													{low !== null && high !== null && (
														<>
															{' '}
															<span class="muted nowrap">{range(low, high, percent)}</span>
														</>
													)}
												</p>
											)}
											{p50 !== null && i > 0 && <p class="small muted">half within {seconds(p50)}</p>}
											{i > 0 && !g && dropped !== null && dropped > 0 && (
												<p class="small">
													{personsLink ? <a href={personsLink(`dropped:${s}`)}>{compact(dropped)} went no further</a> : <span class="muted">{compact(dropped)} went no further</span>}
												</p>
											)}
										</div>
									);
								})}
							</div>
						</li>
					);
				})}
			</ol>
			{labels.length > shown.length && <figcaption class="muted">The first {shown.length} of {labels.length} groups; all are in the table.</figcaption>}
		</figure>
	);
}
