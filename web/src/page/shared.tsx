// SPDX-License-Identifier: Apache-2.0
// What a read-only link shows: one view without the house around it. The server decides what may be read.
import { useEffect, useState } from 'preact/hooks';
import { call, design, loadSession, Problem, session, useApi } from '../base/api';
import { time } from '../base/format';
import { zone } from '../base/question';
import { go, match, search } from '../base/router';
import type { Dashboard, Design } from '../base/types';
import { Await, Empty, Failure, Loading, PageHead } from '../ui/parts';
import { WhyDrawer } from '../ui/why';
import { Board } from './dashboards';
import { MapPage } from './map';

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

export function SharedPage({ token = '' }: { token?: string }) {
	const [state, setState] = useState<{ opened?: Opened; error?: Problem }>({});
	useEffect(() => {
		const load = (): Promise<void> => open(token).then(opened => setState({ opened }), (e: unknown) => setState({ error: e as Problem }));
		void load();
		// A page on the wall goes on with the days.
		const timer = setInterval(() => void load(), AGAIN_MS);
		return () => clearInterval(timer);
	}, [token]);
	const board = state.opened ? match('/dashboards/{id}', state.opened.path.split('?')[0] ?? '') : null;
	return (
		<main id="main" class="shared">
			{state.error ? (
				<Failure error={{ title: 'This link does not work', detail: state.error.detail || 'It may have ended.' }} />
			) : !state.opened ? (
				<Loading height={400} />
			) : (
				<>
					{board ? <SharedBoard id={board.id ?? ''} /> : <MapPage />}
					<footer class="foot muted">
						{session.value?.brand} · read-only until {time(state.opened.expires, zone.value, 'day')}
					</footer>
					<WhyDrawer />
				</>
			)}
		</main>
	);
}
