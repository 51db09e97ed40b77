// SPDX-License-Identifier: Apache-2.0
// From the address to the page.
import { effect } from '@preact/signals';
import { Component, type ComponentChildren, type ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { lacking } from './base/access';
import { design, session } from './base/api';
import { followLive } from './base/live';
import { CHOOSE_PASSWORD, go, match, path } from './base/router';
import { MapPage } from './page/map';
import { Empty, Failure, Loading, PageHead } from './ui/parts';
import { Shell } from './ui/shell';

type Page = ComponentType<Record<string, string>>;
type Load = () => Promise<Page>;

const ROUTES: [string, Load][] = [
	['/touchpoint/{touchpoint}', async () => (await import('./page/touchpoint')).TouchPointPage as unknown as Page],
	['/journeys/{analysis}', async () => (await import('./page/journeys')).JourneysPage as unknown as Page],
	['/journeys', async () => (await import('./page/journeys')).JourneysPage as unknown as Page],
	['/customers', async () => (await import('./page/customers')).CustomersPage as unknown as Page],
	['/customers/{customer}', async () => (await import('./page/customers')).CustomerPage as unknown as Page],
	['/interactions', async () => (await import('./page/interactions')).InteractionsPage as unknown as Page],
	['/sql', async () => (await import('./page/sql')).SqlPage as unknown as Page],
	['/import', async () => (await import('./page/import')).ImportPage as unknown as Page],
	['/design', async () => (await import('./page/design')).DesignPage as unknown as Page],
	['/dashboards', async () => (await import('./page/dashboards')).DashboardsPage as unknown as Page],
	['/dashboards/{id}', async () => (await import('./page/dashboards')).DashboardPage as unknown as Page],
	['/settings', async () => (await import('./page/settings')).SettingsPage as unknown as Page],
	['/settings/{part}', async () => (await import('./page/settings')).SettingsPage as unknown as Page],
];

const LACKING: Load = async () => (await import('./page/lacking')).LackingPage as unknown as Page;

const OUTSIDE: [string, Load][] = [
	['/sign-in', async () => (await import('./page/sign-in')).SignInPage as unknown as Page],
	['/sign-in/{token}', async () => (await import('./page/sign-in')).LinkPage as unknown as Page],
	[CHOOSE_PASSWORD, async () => (await import('./page/password')).ChoosePasswordPage as unknown as Page],
	['/set-up', async () => (await import('./page/sign-in')).SetUpPage as unknown as Page],
	['/set-up/{token}', async () => (await import('./page/sign-in')).SetUpPage as unknown as Page],
	['/shared/{token}', async () => (await import('./page/shared')).SharedPage as unknown as Page],
];

const loaded = new Map<Load, Page>();

function Lazy({ load, args }: { load: Load; args: Record<string, string> }) {
	const [page, setPage] = useState<Page | null>(() => loaded.get(load) ?? null);
	const [failed, setFailed] = useState(false);
	const [said, setSaid] = useState<string | null>(null);
	useEffect(() => {
		let here = true;
		load().then(
			p => {
				loaded.set(load, p);
				if (here) setPage(() => p);
			},
			// The program was replaced by a newer one meanwhile: its pages have other names.
			() => here && setFailed(true),
		);
		return () => {
			here = false;
		};
	}, [load]);
	// The browser keeps that a module could not be had, so the document is loaded anew; without a server there would be none.
	const again = async (): Promise<void> => {
		setSaid('Asking…');
		const there = await fetch('/healthz', { cache: 'no-store' }).then(r => r.ok, () => false);
		if (there) location.reload();
		else setSaid('The server still cannot be reached.');
	};
	if (failed) return <Failure error={{ title: 'This page cannot be loaded', detail: said ?? 'The server cannot be reached, or a newer version is running.' }} retry={() => void again()} />;
	if (!page) return <Loading height={400} />;
	const P = page;
	return <P {...args} />;
}

/** A mistake in one page must not take the rest away. */
class Guard extends Component<{ children: ComponentChildren; at: string }, { error: Error | null }> {
	override state = { error: null as Error | null };
	override componentDidCatch(error: Error): void {
		this.setState({ error });
	}
	override componentDidUpdate(old: { at: string }): void {
		if (old.at !== this.props.at && this.state.error) this.setState({ error: null });
	}
	render() {
		return this.state.error ? <Failure error={{ title: 'This page failed', detail: this.state.error.message }} retry={() => this.setState({ error: null })} /> : this.props.children;
	}
}

function find(routes: [string, Load][], at: string): { load: Load; args: Record<string, string> } | null {
	for (const [pattern, load] of routes) {
		const args = match(pattern, at);
		if (args) return { load, args };
	}
	return null;
}

/** The program of the page one comes to arrives while it is asked who one is. */
export function expectPage(): void {
	const page = find(OUTSIDE, path.value) ?? find(ROUTES, path.value);
	if (page)
		page.load().then(
			p => loaded.set(page.load, p),
			() => undefined, // told where the page is drawn
		);
}

effect(() => followLive(session.value?.user != null));

const here = (): string => encodeURIComponent(location.pathname + location.search);

// Without a session there is only the way in, without a password the page to choose one; the address is kept for afterwards.
effect(() => {
	const s = session.value;
	if (!s) return;
	const outside = find(OUTSIDE, path.value) !== null;
	if (s.setup && !path.value.startsWith('/set-up')) go('/set-up', { replace: true });
	else if (!s.setup && !s.user && !outside) go(`/sign-in?next=${here()}`, { replace: true });
	else if (s.user?.password === 'wanted' && !outside) go(`${CHOOSE_PASSWORD}?next=${here()}`, { replace: true });
});

export function App() {
	const at = path.value;
	const outside = find(OUTSIDE, at);
	if (outside) return <Lazy key={at} {...outside} />;
	if (!session.value?.user) return null;
	const rights = lacking(at);
	const inside = rights ? { load: LACKING, args: { rights: rights.join(' ') } } : find(ROUTES, at);
	return (
		<Shell>
			<Guard at={at}>
				{at === '/' ? (
					design.value ? <MapPage /> : <Failure error={{ title: 'There is no corridor yet', detail: 'The design could not be read.' }} retry={() => location.reload()} />
				) : inside ? (
					<Lazy key={inside.load.toString()} {...inside} />
				) : (
					<>
						<PageHead title="Not found" />
						<Empty title="There is no such page.">
							<p>
								<a href="/">To the corridor map</a>
							</p>
						</Empty>
					</>
				)}
			</Guard>
		</Shell>
	);
}
