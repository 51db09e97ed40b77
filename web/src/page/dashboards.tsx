// SPDX-License-Identifier: Apache-2.0
// Dashboards: views pinned from elsewhere. A tile is nothing but the address of a view, so it stays what it was.
import { useState } from 'preact/hooks';
import { call, forget, may, Problem, useApi } from '../base/api';
import { many, time } from '../base/format';
import { periodOf, periodText } from '../base/period';
import { anchor, period, where, zone } from '../base/question';
import { go, params, to } from '../base/router';
import type { Analysis, Dashboard } from '../base/types';
import { AskBar } from '../ui/askbar';
import { Copy } from '../ui/copy';
import { Dialog, FormDialog } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { Await, Empty, Failure, Field, PageHead } from '../ui/parts';
import { Answer } from './journeys';

export function DashboardsPage() {
	const list = useApi<{ items: Dashboard[] }>('/api/dashboards');
	const [error, setError] = useState<Problem | null>(null);
	const create = async (): Promise<void> => {
		try {
			const d = await call<Dashboard>('/api/dashboards', { json: { title: 'New dashboard', tiles: [] } });
			forget('/api/dashboards');
			go(to(`/dashboards/${d.id}`));
		} catch (e) {
			setError(e as Problem);
		}
	};
	return (
		<>
			<PageHead
				title="Dashboards"
				eyebrow="Pinned"
				aside={
					may('share') && (
						<button type="button" class="button primary" onClick={() => void create()}>
							<Icon name="plus" /> Dashboard
						</button>
					)
				}
			>
				<p class="muted">Questions that are asked again and again, side by side.</p>
			</PageHead>
			{error && <Failure error={error} />}
			<Await of={list}>
				{l =>
					l.items.length ? (
						<ul class="boards">
							{l.items.map(d => (
								<li key={d.id} class="panel">
									<h2>
										<a href={to(`/dashboards/${d.id}`)}>{d.title}</a>
									</h2>
									<p class="muted">{d.tiles.map(t => t.title).join(' · ') || 'empty'}</p>
								</li>
							))}
						</ul>
					) : (
						<Empty title="No dashboards yet.">
							<p>{may('share') ? <>Ask something under <a href={to('/journeys/funnel')}>Journeys</a> and pin it.</> : 'Owners, managers and administrators pin views here.'}</p>
						</Empty>
					)
				}
			</Await>
		</>
	);
}

/** A pinned view: its own period and filters unless the page says otherwise. */
function Tile({ view, title, analyses, actions }: { view: string; title: string; analyses: Analysis[]; actions: preact.ComponentChildren }) {
	const [path, query] = view.split('?');
	const url = new URLSearchParams(query ?? '');
	const a = analyses.find(x => `/journeys/${x.name}` === path);
	const at = params.value.has('period') ? period.value : periodOf(url.get('period'), anchor.value);
	const filters = [...url.getAll('where'), ...where.value];
	return (
		<article class="board-tile" aria-label={title}>
			<header>
				<h2>
					<a href={view}>{title}</a>
				</h2>
				{actions}
			</header>
			{a ? <Answer analysis={a} url={url} at={at} filters={filters} embedded /> : <Empty title="This view cannot be shown here."><a href={view}>Open it</a></Empty>}
		</article>
	);
}

function Share({ path, title }: { path: string; title: string }) {
	const [open, setOpen] = useState(false);
	const [days, setDays] = useState('30');
	const [made, setMade] = useState<{ url: string; expires: string } | null>(null);
	const [error, setError] = useState<Problem | null>(null);
	const make = async (): Promise<void> => {
		try {
			setMade(await call('/api/shares', { json: { path, title, days: Number(days) } }));
			setError(null);
		} catch (e) {
			setError(e as Problem);
		}
	};
	const url = made ? new URL(made.url, location.origin).href : '';
	const frame = `<iframe src="${url}" width="100%" height="900"></iframe>`;
	return (
		<>
			<button type="button" class="button" onClick={() => setOpen(true)}>
				<Icon name="share" /> Share
			</button>
			<Dialog open={open} title="Share a read-only link" onClose={() => { setOpen(false); setMade(null); }}>
				{made ? (
					<div class="form">
						<p>Whoever has this link sees this dashboard, and nothing else, until {time(made.expires, zone.value)}.</p>
						<div class="once">
							<code>{url}</code>
							<Copy text={url} />
						</div>
						<p class="small muted">To embed it:</p>
						<div class="once">
							<code>{frame}</code>
							<Copy text={frame} what="what embeds it" />
						</div>
					</div>
				) : (
					<form
						class="form"
						onSubmit={e => {
							e.preventDefault();
							void make();
						}}
					>
						{error && <Failure error={error} />}
						<Field label="Ends after">
							<select value={days} onChange={e => setDays(e.currentTarget.value)}>
								<option value="1">1 day</option>
								<option value="7">7 days</option>
								<option value="30">30 days</option>
								<option value="90">90 days</option>
							</select>
						</Field>
						<div class="actions">
							<button type="submit" class="button primary">
								Make the link
							</button>
						</div>
					</form>
				)}
			</Dialog>
		</>
	);
}

export function Board({ board, edit }: { board: Dashboard; edit: boolean }) {
	const analyses = useApi<Analysis[]>('/api/analyses');
	const [error, setError] = useState<Problem | null>(null);
	const save = async (next: Dashboard): Promise<void> => {
		try {
			await call(`/api/dashboards/${board.id}`, { method: 'PUT', json: next, ifMatch: board.etag });
			setError(null);
		} catch (e) {
			setError(e as Problem);
		} finally {
			forget('/api/dashboards');
		}
	};
	const move = (i: number, by: number): void => {
		const tiles = [...board.tiles];
		const [t] = tiles.splice(i, 1);
		if (t) tiles.splice(Math.max(0, i + by), 0, t);
		void save({ ...board, tiles });
	};
	return (
		<>
			{error && <Failure error={error} />}
			<Await of={analyses} height={300}>
				{list =>
					board.tiles.length ? (
						<div class="board">
							{board.tiles.map((t, i) => (
								<Tile
									key={`${t.view}${i}`}
									view={t.view}
									title={t.title}
									analyses={list}
									actions={
										edit && (
											<span class="actions no-print">
												<button type="button" class="icon-button" disabled={i === 0} aria-label={`Move ${t.title} forward`} onClick={() => move(i, -1)}>
													<Icon name="back" />
												</button>
												<button type="button" class="icon-button" aria-label={`Take ${t.title} off`} onClick={() => void save({ ...board, tiles: board.tiles.filter((_, k) => k !== i) })}>
													<Icon name="close" />
												</button>
											</span>
										)
									}
								/>
							))}
						</div>
					) : (
						<Empty title="Nothing is pinned here.">
							<p>{may('share') ? <>Ask something under <a href={to('/journeys/funnel')}>Journeys</a> and pin it.</> : 'Owners, managers and administrators pin views here.'}</p>
						</Empty>
					)
				}
			</Await>
		</>
	);
}

export function DashboardPage({ id = '' }: { id?: string }) {
	const list = useApi<{ items: Dashboard[] }>('/api/dashboards');
	const [name, setName] = useState<string | null>(null);
	const [error, setError] = useState<Problem | null>(null);
	const [failed, setFailed] = useState<Problem | null>(null);
	return (
		<Await of={list} height={400}>
			{l => {
				const d = l.items.find(x => x.id === id);
				if (!d)
					return (
						<>
							<PageHead title="Not found" eyebrow={<a href={to('/dashboards')}>Dashboards</a>} />
							<Empty title="There is no such dashboard." />
						</>
					);
				const rename = async (): Promise<void> => {
					try {
						if (name && name !== d.title) await call(`/api/dashboards/${d.id}`, { method: 'PUT', json: { ...d, title: name }, ifMatch: d.etag });
						setError(null);
						setName(null);
					} catch (e) {
						setError(e as Problem);
					} finally {
						forget('/api/dashboards');
					}
				};
				const remove = async (): Promise<void> => {
					if (!confirm(`Delete “${d.title}”?`)) return;
					try {
						await call(`/api/dashboards/${d.id}`, { method: 'DELETE' });
					} catch (e) {
						setFailed(e as Problem);
						return;
					}
					go(to('/dashboards'));
					forget('/api/dashboards');
				};
				return (
					<>
						<PageHead
							title={d.title}
							eyebrow={<a href={to('/dashboards')}>Dashboards</a>}
							aside={
								<div class="actions no-print">
									{may('share') && (
										<>
											<button type="button" class="button" onClick={() => setName(d.title)}>
												Rename
											</button>
											<Share path={`/dashboards/${d.id}`} title={d.title} />
										</>
									)}
									<button type="button" class="button" onClick={() => print()}>
										<Icon name="print" /> Print
									</button>
									{may('share') && (
										<button type="button" class="button danger" onClick={() => void remove()}>
											Delete
										</button>
									)}
								</div>
							}
						>
							<p class="muted">
								{many(d.tiles.length, 'view')}{params.value.has('period') ? ` · ${periodText(period.value)}` : d.tiles.length === 1 ? ' with its own period' : d.tiles.length ? ', each with its own period' : ''}
							</p>
						</PageHead>
						{failed && <Failure error={failed} />}
						<AskBar compare={false} />
						<Board board={d} edit={may('share')} />
						<FormDialog open={name !== null} title="Rename" onClose={() => setName(null)} act="Save" disabled={!name?.trim()} onSubmit={() => void rename()} error={error}>
							<Field label="Title" wide>
								<input value={name ?? ''} onInput={e => setName(e.currentTarget.value)} />
							</Field>
						</FormDialog>
					</>
				);
			}}
		</Await>
	);
}
