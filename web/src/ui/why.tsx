// SPDX-License-Identifier: Apache-2.0
// "Why this number": what it means, how many interactions it rests on, what was asked, and the interactions themselves.
import { signal } from '@preact/signals';
import { design, session, useApi } from '../base/api';
import { many, quantity, seconds, secondsOf, time } from '../base/format';
import { periodText, type Period } from '../base/period';
import { currency, isShare, pairs, touchpointName, zone } from '../base/question';
import type { Interaction, Page } from '../base/types';
import { CustomerLink } from './customer';
import { Dialog } from './dialog';
import { Await, Empty } from './parts';

export interface Why {
	title: string;
	/** The number in a sentence: "78.6 % of 46,459 interactions; the 95 % interval is 78.2–79.0 %." */
	says: string;
	definition: string;
	n: number | null;
	period: Period;
	where: string[];
	notes?: string[];
	/** The analysis to open for more, as a path. */
	view?: string;
}

export const why = signal<Why | null>(null);

/** One interaction's measure in words. */
function measureText(key: string, value: number): string {
	if (key === 'resolved' && (value === 0 || value === 1)) return value ? 'resolved' : 'not resolved';
	const unit = design.value?.measures.find(m => m.key === key)?.unit ?? '1';
	const money = key === 'amount' || unit === currency.value || unit === 'minor';
	return `${key} ${quantity(value, money ? 'minor' : unit, currency.value, isShare(key) && value !== 0 && value !== 1)}`;
}

/** The same as the story of a customer has it: "csat 2, delay -85838s", every value exactly. */
export function storyValues(text: string): string {
	return text
		.split(', ')
		.map(part => {
			const at = part.indexOf(' ');
			const [key, value] = [part.slice(0, at), part.slice(at + 1)];
			const time = secondsOf(value);
			if (time !== null) return `${key} ${seconds(time)}`;
			return value !== '' && Number.isFinite(Number(value)) ? measureText(key, Number(value)) : part;
		})
		.join(', ');
}

/** One interaction's measures in words. */
export function measuresText(i: Interaction): string {
	return Object.entries(i.measures)
		.map(([k, v]) => measureText(k, v))
		.join(', ');
}

export function InteractionList({ items }: { items: Interaction[] }) {
	return (
		<ol class="interaction-list">
			{items.map((i, k) => (
				<li key={`${i.person}${i.at}${k}`}>
					<p class="interaction-head">
						<time dateTime={i.at}>{time(i.at, zone.value)}</time>
						<CustomerLink of={i} />
					</p>
					<p>
						<b>{touchpointName(i.touchpoint)}</b> <span class="muted">{[i.channel, i.event, i.agent].filter(Boolean).join(' · ')}</span>
					</p>
					{Object.keys(i.measures).length > 0 && <p class="muted">{measuresText(i)}</p>}
					{i.text && <blockquote>{i.text}</blockquote>}
				</li>
			))}
		</ol>
	);
}

function Behind({ of }: { of: Why }) {
	const query = pairs(of.period, of.where);
	const page = useApi<Page<Interaction>>(`/api/interactions?${new URLSearchParams([...query, ['limit', '12']])}`);
	const all = new URLSearchParams();
	for (const w of of.where) all.append('where', w);
	if (of.period.from || of.period.to) all.set('period', `${of.period.from ?? ''}..${of.period.to ?? ''}`);
	else all.set('period', 'all');
	return (
		<>
			<h3>The interactions behind it</h3>
			<Await of={page} height={120}>
				{p => (p.items.length ? <InteractionList items={p.items} /> : <Empty title="No interaction fits." />)}
			</Await>
			<p>
				<a class="button" href={`/interactions?${all}`} onClick={() => (why.value = null)}>
					Open them all
				</a>
			</p>
		</>
	);
}

export function WhyDrawer() {
	const w = why.value;
	return (
		<Dialog open={w !== null} title="Why this number" kind="drawer" onClose={() => (why.value = null)}>
			{w && (
				<div class="why-body">
					<p class="eyebrow">{w.title}</p>
					<p class="why-says">{w.says}</p>
					<dl class="facts">
						{w.n !== null && (
							<>
								<dt>n</dt>
								<dd>{many(w.n, 'interaction')}</dd>
							</>
						)}
						<dt>Period</dt>
						<dd>{periodText(w.period)}</dd>
						<dt>Filters</dt>
						<dd>{w.where.length ? w.where.map(x => <code key={x}>{x}</code>) : 'none'}</dd>
					</dl>
					<h3>Definition</h3>
					<p class="definition">{w.definition}</p>
					{w.notes && w.notes.length > 0 && (
						<ul class="notes">
							{w.notes.map(x => (
								<li key={x}>{x}</li>
							))}
						</ul>
					)}
					{w.view && session.value?.user && (
						<p>
							<a href={w.view} onClick={() => (why.value = null)}>
								Ask this analysis yourself
							</a>
						</p>
					)}
					{session.value?.user && <Behind of={w} />}
				</div>
			)}
		</Dialog>
	);
}
