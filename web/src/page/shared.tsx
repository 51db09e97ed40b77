// SPDX-License-Identifier: Apache-2.0
// What a read-only link shows: one view without the house around it. The server decides what may be read.
import { useEffect, useState } from 'preact/hooks';
import { call, design, loadSession, Problem, session, useApi } from '../base/api';
import { time } from '../base/format';
import { period, where, zone } from '../base/question';
import { go, match, params, search } from '../base/router';
import type { Analysis, Dashboard, Design } from '../base/types';
import { Await, Empty, Failure, Loading, Logo, PageHead } from '../ui/parts';
import { WhyDrawer } from '../ui/why';
import { Board } from './dashboards';
import { Answer } from './journeys';
import { MapPage } from './map';
import { TouchPointPage } from './touchpoint';

interface Opened {
	path: string;
	title: string;
	expires: string;
	/** Of the newest interaction: what relative periods count back from. */
	last: string;
}

const AGAIN_MS = 600_000;

/** Opens the link; the page that it is for gets its own period and filters. */
async function open(token: string): Promise<Opened> {
	const opened = await call<Opened>('/api/shares/open', { json: { token } });
	if (!session.value) await loadSession();
	if (session.value) session.value = { ...session.value, data: { first: null, last: opened.last, n: 0 } };
	design.value ??= await call<Design>('/api/design');
	const query = opened.path.split('?')[1];
	if (query && !search.value) go(`/shared/${token}?${query}`, { replace: true, quiet: true });
	return opened;
}

function SharedBoard({ id }: { id: string }) {
	const list = useApi<{ items: Dashboard[] }>('/api/dashboards');
	return <Await of={list}>{l => { const d = l.items.find(x => x.id === id); return d ? <><PageHead title={d.title} /><Board board={d} edit={false} /></> : <Empty title="It is no longer there." />; }}</Await>;
}

function SharedAnswer({ name, title }: { name: string; title: string }) {
	const all = useApi<Analysis[]>('/api/analyses');
	return (
		<>
			<PageHead title={title} />
			<Await of={all} height={300}>
				{list => {
					const analysis = list.find(x => x.name === name);
					return analysis ? <Answer analysis={analysis} url={params.value} at={period.value} filters={where.value} /> : <Empty title={`There is no analysis “${name}”.`} />;
				}}
			</Await>
		</>
	);
}

/** The page that the path stands for. */
function SharedView({ path, title }: { path: string; title: string }) {
	const at = path.split('?')[0] ?? '';
	const board = match('/dashboards/{id}', at);
	const analysis = match('/journeys/{analysis}', at);
	const touchpoint = match('/touchpoint/{touchpoint}', at);
	if (board) return <SharedBoard id={board.id ?? ''} />;
	if (analysis) return <SharedAnswer name={analysis.analysis ?? ''} title={title} />;
	return touchpoint ? <TouchPointPage touchpoint={touchpoint.touchpoint ?? ''} /> : <MapPage />;
}

export function SharedPage({ token = '' }: { token?: string }) {
	const [state, setState] = useState<{ opened?: Opened; error?: Problem }>({});
	useEffect(() => {
		const load = (): Promise<void> => open(token).then(opened => setState({ opened }), (e: unknown) => setState({ error: e as Problem }));
		void load();
		// A page on the wall goes on with the days.
		const timer = setInterval(() => void load(), AGAIN_MS);
		return () => clearInterval(timer);
	}, [token]);
	return (
		<main id="main" class="shared">
			{state.error ? (
				<Failure error={{ title: 'This link does not work', detail: state.error.detail || 'It may have ended.' }} />
			) : !state.opened ? (
				<Loading height={400} />
			) : (
				<>
					<p class="logo shared-brand">
						<Logo />
						<span class="muted">{session.value?.brand}</span>
					</p>
					<SharedView path={state.opened.path} title={state.opened.title} />
					<footer class="foot muted">
						Read-only until {time(state.opened.expires, zone.value, 'day')}
					</footer>
					<WhyDrawer />
				</>
			)}
		</main>
	);
}
