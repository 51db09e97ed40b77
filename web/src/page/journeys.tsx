// SPDX-License-Identifier: Apache-2.0
// Journeys: every analysis with its form, its picture and its table. A question with no parameters starts from one that
// the corridor itself suggests.
import { useEffect } from 'preact/hooks';
import { call, design, forget, may, type Problem, queryUrl, useApi } from '../base/api';
import { inForm, many, noteText, title } from '../base/format';
import { periodText, type Period } from '../base/period';
import { asked, other, pairs, period, where, zone } from '../base/question';
import { missing, paramKey, questionOf } from '../base/result';
import { go, href, params, to, withParams } from '../base/router';
import type { Analysis, Dashboard, Design, Result } from '../base/types';
import { AskBar } from '../ui/askbar';
import { Icon } from '../ui/icon';
import { Await, Empty, Failure, Field, Loading, PageHead, SubNav, WhyButton } from '../ui/parts';
import { QuestionForm } from '../ui/question-form';
import { isPersons, ResultChart, ResultTable } from '../ui/result';
import { why } from '../ui/why';
import { useState } from 'preact/hooks';
import { FormDialog } from '../ui/dialog';

const GROUPS: [string, string[]][] = [
	['Journeys', ['funnel', 'paths', 'flow', 'sequence', 'conformance', 'interval']],
	['Coming back', ['retention', 'lifecycle', 'stickiness', 'frequency']],
	['Why', ['attribution', 'effect']],
	['Experience', ['gap', 'scores', 'promises', 'spread']],
	['Data', ['volume', 'quality']],
];

/** The designed order from the first touch point that others come after: what a funnel would ask first. */
function chain(d: Design): string[] {
	const out: string[] = [];
	let next = d.touchpoints.find(t => t.after.length > 0 && d.touchpoints.some(u => u.after.includes(t.key) && t.stage !== u.stage));
	while (next && out.length < 6) {
		out.push(next.key);
		const here: string = next.key;
		next = d.touchpoints.find(t => t.after.includes(here) && !out.includes(t.key) && t.stage !== d.touchpoints.find(x => x.key === here)?.stage) ?? d.touchpoints.find(t => t.after.includes(here) && !out.includes(t.key));
	}
	return out.length >= 2 ? out : d.touchpoints.slice(0, 3).map(t => t.key);
}

/** Parameters to start from, so that nobody begins at an empty page. */
export function suggestion(name: string, d: Design): Record<string, string | string[]> {
	const steps = chain(d);
	const goal = steps[1] ?? steps[0] ?? '';
	switch (name) {
		case 'funnel':
			return { step: steps, times: 'true' };
		case 'paths':
			return { form: 'edges', start: goal, gap: '30d', depth: '4', top: '8' };
		case 'flow':
			return { ends: 'true' };
		case 'interval':
			return { start: steps[0] ?? '', end: goal };
		case 'retention':
			return { bucket: 'month' };
		case 'attribution':
			return { conversion: goal };
		case 'sequence':
			return { pattern: steps.slice(0, 2).join(' ') };
		case 'effect':
			return { after: 'csat <= 2', then: steps[steps.length - 1] ?? goal, against: 'csat >= 4' };
		case 'lifecycle':
			return { bucket: 'month' };
		case 'gap':
			return { by: 'touchpoint' };
		case 'scores':
			return { by: 'channel', score: 'csat' };
		case 'volume':
			return { by: 'touchpoint' };
		case 'promises':
			return { by: 'touchpoint' };
		default:
			return {};
	}
}

export function Answer({ analysis, url, at, filters, embedded = false }: { analysis: Analysis; url: URLSearchParams; at: Period; filters: string[]; embedded?: boolean }) {
	const question = [...pairs(at, filters), ...questionOf(analysis, url)];
	const lacking = missing(analysis, url);
	const denied = !may('persons') && (url.has('persons') || analysis.name === 'journey');
	const answer = useApi<Result>(lacking.length || denied ? null : queryUrl(analysis.name, question));
	if (lacking.length)
		return (
			<Empty title={`Give ${lacking.map(p => `“${title(p.name)}”`).join(' and ')} to ask this.`}>
				<p>{inForm(lacking[0]?.help ?? '')}</p>
			</Empty>
		);
	if (denied)
		return (
			<Empty title="The answer is about single customers.">
				<p>
					It needs the right “persons”, which agents, owners, managers and administrators have.{' '}
					{url.has('persons') && <a href={withParams({ persons: null })}>All of the {title(analysis.name).toLowerCase()} again</a>}
				</p>
			</Empty>
		);
	if (answer.error) return <Failure error={{ title: answer.error.title, detail: inForm(answer.error.detail) }} retry={answer.reload} />;
	return (
		<Await of={answer} height={320} what={`Asking ${analysis.name}`}>
			{r => (
				<div class="answer">
					<p class="answer-head muted">
						n {many(r.n, 'interaction')} · {periodText(at)}
						{filters.length > 0 && ` · ${filters.join(' · ')}`}
						<WhyButton
							what={analysis.name}
							onClick={() =>
								(why.value = {
									title: title(analysis.name),
									says: analysis.summary + '.',
									definition: r.definition,
									n: r.n,
									period: at,
									where: filters,
									notes: r.notes,
								})
							}
						/>
					</p>
					{r.n === 0 && r.rows.length === 0 ? (
						<Empty title="No interactions fit.">
							<p>Choose a longer period or take a filter away.</p>
						</Empty>
					) : (
						<>
							{!embedded && isPersons(r, url) && (
								<p class="section-links no-print">
									<a href={withParams({ persons: null })}>All of the {title(analysis.name).toLowerCase()} again</a>
								</p>
							)}
							<div class="chart-panel panel">
								<ResultChart result={r} analysis={analysis} url={url} embedded={embedded} />
							</div>
							{r.notes.length > 0 && (
								<ul class="notes">
									{r.notes.map(n => (
										<li key={n}>{noteText(n, zone.value)}</li>
									))}
								</ul>
							)}
							{embedded ? (
								<details class="more">
									<summary>Table</summary>
									<ResultTable result={r} />
								</details>
							) : (
								<ResultTable result={r} caption={`${title(analysis.name)}, all numbers`} />
							)}
						</>
					)}
				</div>
			)}
		</Await>
	);
}

type BoardTile = Dashboard['tiles'][number];

/** Puts a tile at the end of a dashboard, also when somebody else has changed that since it was read. */
async function addTile(to: Dashboard, tile: BoardTile): Promise<void> {
	const put = (b: Dashboard): Promise<void> => call(`/api/dashboards/${b.id}`, { method: 'PUT', json: { ...b, tiles: [...b.tiles, tile] }, ifMatch: b.etag });
	try {
		await put(to);
	} catch (e) {
		if ((e as Problem).status !== 412) throw e;
		const now = (await call<{ items: Dashboard[] }>('/api/dashboards')).items.find(b => b.id === to.id);
		if (!now) throw e;
		await put(now);
	}
}

function Pin({ analysis }: { analysis: Analysis }) {
	const [open, setOpen] = useState(false);
	const [name, setName] = useState(title(analysis.name));
	const [target, setTarget] = useState('');
	const [board, setBoard] = useState('');
	const [error, setError] = useState<Problem | null>(null);
	const list = useApi<{ items: Dashboard[] }>(open ? '/api/dashboards' : null);
	const [done, setDone] = useState('');
	const into = target === 'new' ? undefined : (list.data?.items.find(b => b.id === target) ?? list.data?.items[0]);
	const save = async (): Promise<void> => {
		const tile = { title: name, view: href.value };
		try {
			if (into) await addTile(into, tile);
			else await call('/api/dashboards', { json: { title: board.trim() || name, tiles: [tile] } });
		} catch (e) {
			setError(e as Problem);
			return;
		}
		forget('/api/dashboards');
		setDone('Pinned.');
		setError(null);
		setOpen(false);
	};
	return (
		<>
			<button type="button" class="button" onClick={() => setOpen(true)}>
				<Icon name="pin" /> Pin
			</button>
			<span role="status" class="sr">
				{done}
			</span>
			<FormDialog open={open} title="Pin to a dashboard" onClose={() => setOpen(false)} act="Pin" disabled={!list.data} onSubmit={() => void save()} error={error ?? list.error}>
				<Field label="Title" wide>
					<input value={name} onInput={e => setName(e.currentTarget.value)} />
				</Field>
				<Field label="Dashboard" wide>
					<select value={into?.id ?? 'new'} onChange={e => setTarget(e.currentTarget.value)}>
						{(list.data?.items ?? []).map(b => (
							<option key={b.id} value={b.id}>
								{b.title}
							</option>
						))}
						<option value="new">A new one</option>
					</select>
				</Field>
				{list.data && !into && (
					<Field label="Its name" wide>
						<input value={board} onInput={e => setBoard(e.currentTarget.value)} placeholder={name} />
					</Field>
				)}
			</FormDialog>
		</>
	);
}

export function JourneysPage({ analysis: name = 'funnel' }: { analysis?: string }) {
	const all = useApi<Analysis[]>('/api/analyses');
	const a = all.data?.find(x => x.name === name) ?? null;
	const d = design.value;
	const url = params.value;
	// Nothing asked yet: start from the suggestion, in the URL like everything else.
	const bare = a !== null && !url.has('by') && !url.has('limit') && !a.params.some(p => url.has(paramKey(p.name)));
	const start = a && d && bare ? Object.entries(suggestion(a.name, d)).map(([k, v]) => [k === 'by' ? k : paramKey(k), v] as const) : [];
	useEffect(() => {
		if (start.length) go(withParams(Object.fromEntries(start)), { replace: true, quiet: true });
	}, [a?.name, bare, d]);
	void asked.value;
	const grouped = new Set(GROUPS.flatMap(([, list]) => list));
	const rest = (all.data ?? []).filter(x => !grouped.has(x.name) && x.name !== 'journey').map(x => x.name);
	const groups: [string, string[]][] = rest.length ? [...GROUPS, ['Other', rest]] : GROUPS;
	const o = other.value;
	const csv = a ? queryUrl(a.name, [...asked.value, ...questionOf(a, url), ['format', 'csv']]) : '';
	return (
		<div class="with-sub">
			<SubNav label="Analyses" at={name}>
				{groups.map(([group, list]) => (
					<div key={group}>
						<h2 class="eyebrow">{group}</h2>
						<ul>
							{list
								.filter(n => !all.data || all.data.some(x => x.name === n))
								.map(n => (
									<li key={n}>
										<a href={to(`/journeys/${n}`)} aria-current={n === name ? 'page' : undefined}>
											{title(n)}
										</a>
									</li>
								))}
						</ul>
					</div>
				))}
			</SubNav>
			<div class="sub-main">
				<PageHead
					title={title(name)}
					eyebrow="Journeys"
					aside={
						a && (
							<div class="actions">
								<a class="button" href={csv} download={`${a.name}.csv`}>
									CSV
								</a>
								{may('share') && <Pin analysis={a} />}
							</div>
						)
					}
				>
					<p class="muted">{a?.summary}</p>
				</PageHead>
				<AskBar />
				<Await of={all} height={300}>
					{() =>
						start.length ? (
							<Loading height={320} />
						) : a ? (
							<>
								<QuestionForm key={a.name} analysis={a} />
								{o ? (
									<div class="compare">
										<section aria-label={o.instead ? o.instead.join(' · ') || 'All' : periodText(period.value)}>
											<h2>{o.instead ? o.instead.join(' · ') || 'All' : periodText(period.value)}</h2>
											<Answer analysis={a} url={url} at={period.value} filters={where.value} />
										</section>
										<section aria-label={o.label}>
											<h2>{o.label}</h2>
											<Answer analysis={a} url={url} at={o.period} filters={o.where} />
										</section>
									</div>
								) : (
									<Answer analysis={a} url={url} at={period.value} filters={where.value} />
								)}
							</>
						) : (
							<Empty title={`There is no analysis “${name}”.`} />
						)
					}
				</Await>
			</div>
		</div>
	);
}
