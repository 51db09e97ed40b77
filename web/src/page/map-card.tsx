// SPDX-License-Identifier: Apache-2.0
// One touch point on the map: what was expected, what customers got, how sure that is, and where it goes.
import { compact, many, wanted } from '../base/format';
import { currency, isShare, other, period, where } from '../base/question';
import { to } from '../base/router';
import { answer, changeOf, changeText, demand, demandShort, marginTrend, verdictClass, verdictOf, VERDICT_WORDS, worst, type Change } from '../base/score';
import type { Overview, OverviewTouchPoint, Score, TouchPoint } from '../base/types';
import { Bullet } from '../chart/bullet';
import { Spark } from '../chart/spark';
import { Mark } from '../ui/parts';
import { AlertCount, alertTitle } from '../ui/alerts';
import { why } from '../ui/why';

export type WorstScore = OverviewTouchPoint['expectations'][number];

export interface CardData {
	touchpoint: TouchPoint;
	now: OverviewTouchPoint;
	worst: WorstScore | null;
	before: WorstScore | null;
	rank: number | null;
}

export function cardOf(t: TouchPoint, overview: Overview, other: Overview | null, rank: number | null): CardData {
	const now = overview.touchpoints.find(o => o.key === t.key) ?? { key: t.key, n: 0, alerts: [], volume: [], expectations: [], promises: null };
	const w = worst(now.expectations);
	const before = w && other ? (other.touchpoints.find(o => o.key === t.key)?.expectations.find(e => e.key === w.key) ?? null) : null;
	return { touchpoint: t, now, worst: w, before: before && before.n > 0 ? before : null, rank };
}

/** What has become of the card's number, where something is compared with. */
function changeHere(c: CardData): Change | null {
	const e = c.touchpoint.expect.find(x => x.key === c.worst?.key);
	return c.worst && c.before ? changeOf(c.worst, c.before, currency.value, e ? isShare(e.measure) : false) : null;
}

/** Everything on the card in a sentence, for those who do not see it. */
function sentence(c: CardData): string {
	const t = c.touchpoint;
	if (!c.worst) return `${t.name}: ${c.now.n ? 'nothing measured' : 'no interactions'}, ${many(c.now.n, 'interaction')}${t.owner ? `, ${t.owner}` : ''}`;
	const e = t.expect.find(x => x.key === c.worst?.key);
	const share = e ? isShare(e.measure) : false;
	const a = answer(c.worst, currency.value, share);
	const change = changeHere(c);
	const o = other.value;
	const compared = change && o ? ` ${o.label}: ${changeText(change, o.here)}.` : '';
	return `${t.name}: ${VERDICT_WORDS[verdictOf(c.worst)]}. ${a.text}${a.interval ? `, interval ${a.interval}` : ''}; expected ${e ? demand(e, currency.value, share) : ''}.${compared} ${many(c.now.n, 'interaction')}${t.owner ? `, owner ${t.owner}` : ''}.`;
}

export function explain(t: TouchPoint, key: string, s: Score, definition: string, notes: string[]): void {
	const e = t.expect.find(x => x.key === key);
	const share = e ? isShare(e.measure) : false;
	const a = answer(s, currency.value, share);
	const verdict = verdictOf(s);
	why.value = {
		title: `${t.name}: ${key}`,
		says:
			s.n === 0
				? `Nothing was measured in this period. Expected: ${e ? demand(e, currency.value, share) : key}.`
				: `${a.text}${s.share_target !== null ? ` of ${many(s.n, 'interaction')} ${s.n === 1 ? 'meets' : 'meet'} the target` : ` on average over ${many(s.n, 'interaction')}`}${a.interval ? `; the 95 % interval is ${a.interval}` : ''}. Expected: ${e ? demand(e, currency.value, share) : key}. So the expectation is ${verdict === 'no detectable difference' ? 'neither kept nor broken: the interval contains what is expected' : VERDICT_WORDS[verdict]}.`,
		definition,
		n: s.n,
		period: period.value,
		where: [...where.value, `touchpoint = ${t.key}`, ...(e ? [`${e.measure} exists`] : [])],
		notes,
		view: to('/journeys/gap', { where: [...where.value, `touchpoint = ${t.key}`] }),
	};
}

export function Card({ data, scale, tabIndex, onFocus, pulse }: { data: CardData; scale: number; tabIndex: number; onFocus: () => void; pulse: number }) {
	const t = data.touchpoint;
	const w = data.worst;
	const verdict = w ? verdictOf(w) : 'no data';
	const c = verdictClass(verdict);
	const e = w ? t.expect.find(x => x.key === w.key) : undefined;
	const share = e ? isShare(e.measure) : false;
	const a = w ? answer(w, currency.value, share) : null;
	const change = changeHere(data);
	return (
		<a
			class={`card ${c}`}
			href={to(`/touchpoint/${encodeURIComponent(t.key)}`)}
			data-key={t.key}
			tabIndex={tabIndex}
			onFocus={onFocus}
		>
			<span class="sr">
				{sentence(data)}
				{data.rank ? ` Number ${data.rank} of what to repair first.` : ''}
				{data.now.alerts.length ? ` Alerts: ${data.now.alerts.map(alertTitle).join(', ')}.` : ''}
			</span>
			{pulse > 0 && <i key={pulse} class="pulse" />}
			<span class="card-name" aria-hidden="true">
				<span>{t.name}</span>
				{data.rank && (
					<span class="rank" title={`Number ${data.rank} of what to repair first`}>
						{data.rank}
					</span>
				)}
			</span>
			<span class="card-owner" aria-hidden="true">{t.owner || 'no owner'}</span>
			{w && a ? (
				<>
					<span class="card-answer" aria-hidden="true">
						<Mark verdict={verdict} label={false} />
						<b title={a.text}>{a.text}</b>
						{w.share_target !== null && <small>/ {wanted(w.share_target)}</small>}
					</span>
					<span class="card-demand" aria-hidden="true" title={e ? demand(e, currency.value, share) : ''}>
						{e ? demandShort(e, currency.value, share) : w.key}
					</span>
					<Bullet score={w} scale={scale} before={data.before} />
					<Spark values={marginTrend(w)} tone={c} scale={scale} />
				</>
			) : (
				<span class="card-demand" aria-hidden="true">{data.now.n ? 'nothing measured' : 'no interactions'}</span>
			)}
			<span class="card-foot" aria-hidden="true">
				<span>n {compact(data.now.n)}</span>
				<AlertCount alerts={data.now.alerts} />
				{change && other.value && (
					<span class={`change ${change.verdict ?? ''}`} title={`${other.value.label}: ${changeText(change, other.value.here)}`}>
						{change.by} {change.verdict}
					</span>
				)}
			</span>
		</a>
	);
}
