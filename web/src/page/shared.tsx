// SPDX-License-Identifier: Apache-2.0
// What a read-only link shows: one view without the house around it. The server decides what may be read.
import { useEffect, useState } from 'preact/hooks';
import { call, loadSession, Problem, session, useApi } from '../base/api';
import { time } from '../base/format';
import { zone } from '../base/question';
import { match } from '../base/router';
import type { Dashboard } from '../base/types';
import { Await, Empty, Failure, Loading, PageHead } from '../ui/parts';
import { WhyDrawer } from '../ui/why';
import { Board } from './dashboards';
import { MapPage } from './map';

interface Opened {
	path: string;
	title: string;
	expires: string;
}

function SharedBoard({ id }: { id: string }) {
	const list = useApi<{ items: Dashboard[] }>('/api/dashboards');
	return <Await of={list}>{l => { const d = l.items.find(x => x.id === id); return d ? <><PageHead title={d.title} /><Board board={d} edit={false} /></> : <Empty title="It is no longer there." />; }}</Await>;
}

export function SharedPage({ token = '' }: { token?: string }) {
	const [state, setState] = useState<{ opened?: Opened; error?: Problem }>({});
	useEffect(() => {
		call<Opened>('/api/shares/open', { json: { token } })
			.then(async opened => {
				await loadSession();
				setState({ opened });
			})
			.catch((e: unknown) => setState({ error: e as Problem }));
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
