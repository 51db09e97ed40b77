// SPDX-License-Identifier: Apache-2.0
// What stands around every page: skip link, navigation, search, live badge, theme, help.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { lacking } from '../base/access';
import { may, session, signOut } from '../base/api';
import { helpOpen, shortcuts } from '../base/keys';
import { go, path, to } from '../base/router';
import { theme, toggleTheme } from '../base/theme';
import { Dialog } from './dialog';
import { Icon } from './icon';
import { LiveBadge } from './live';
import { Logo } from './parts';
import { WhyDrawer } from './why';

const PAGES: { at: string; name: string; group: string }[] = [
	{ at: '/', name: 'Map', group: '/' },
	{ at: '/journeys/funnel', name: 'Journeys', group: '/journeys' },
	{ at: '/customers', name: 'Customers', group: '/customers' },
	{ at: '/interactions', name: 'Interactions', group: '/interactions' },
	{ at: '/dashboards', name: 'Dashboards', group: '/dashboards' },
	{ at: '/sql', name: 'SQL', group: '/sql' },
	{ at: '/import', name: 'Import', group: '/import' },
	{ at: '/design', name: 'Design', group: '/design' },
	{ at: '/settings', name: 'Settings', group: '/settings' },
];

/** Pages that one may see; the settings when more is there than the own account, which is in the menu with one's name. */
function shown(at: string): boolean {
	return at === '/settings' ? ['users', 'keys', 'settings', 'share', 'audit'].some(may) : !lacking(at);
}

function Search() {
	const [text, setText] = useState('');
	return (
		<form
			class="search"
			role="search"
			onSubmit={e => {
				e.preventDefault();
				const q = text.trim();
				if (!q) return;
				if (/^[\w.-]+:.+/.test(q) || /^[0-9a-f]{16}$/.test(q)) go(to(`/customers/${encodeURIComponent(q)}`));
				else go(to('/customers', { q }));
			}}
		>
			<Icon name="search" />
			<input id="search" type="search" aria-label="Search for a customer" placeholder="Customer" value={text} onInput={e => setText(e.currentTarget.value)} spellcheck={false} />
			<kbd aria-hidden="true">/</kbd>
		</form>
	);
}

function HelpSheet() {
	return (
		<Dialog open={helpOpen.value} title="Keyboard" onClose={() => (helpOpen.value = false)}>
			<dl class="keys">
				{shortcuts().map(s => (
					<div key={s.keys}>
						<dt>
							{s.keys.split(' ').map(k => (
								<kbd key={k}>{k}</kbd>
							))}
						</dt>
						<dd>{s.does}</dd>
					</div>
				))}
				<div>
					<dt>
						<kbd>←</kbd>
						<kbd>↑</kbd>
						<kbd>↓</kbd>
						<kbd>→</kbd>
					</dt>
					<dd>On the map: from touch point to touch point; Enter opens it</dd>
				</div>
				<div>
					<dt>
						<kbd>Esc</kbd>
					</dt>
					<dd>Close what is open</dd>
				</div>
			</dl>
		</Dialog>
	);
}

export function Shell({ children }: { children: ComponentChildren }) {
	const [open, setOpen] = useState(false);
	const user = session.value?.user;
	const at = path.value;
	return (
		<>
			<a
				class="skip"
				href="#main"
				onClick={e => {
					e.preventDefault();
					document.getElementById('main')?.focus();
				}}
			>
				Skip to the content
			</a>
			<header class="top">
				<a class="logo" href={to('/')} aria-label="Corridor, the map">
					<Logo />
				</a>
				<button type="button" class="icon-button menu-button" aria-expanded={open} aria-controls="nav" aria-label="Menu" onClick={() => setOpen(!open)}>
					<Icon name={open ? 'close' : 'menu'} />
				</button>
				<nav id="nav" class={open ? 'open' : ''} aria-label="Pages" onClick={e => (e.target as Element).closest('a') && setOpen(false)}>
					{PAGES.filter(p => shown(p.at)).map(p => (
						<a key={p.at} href={to(p.at)} aria-current={(p.group === '/' ? at === '/' || at.startsWith('/touchpoint') : at.startsWith(p.group)) ? 'page' : undefined}>
							{p.name}
						</a>
					))}
				</nav>
				<div class="top-tools">
					{!lacking('/customers') && <Search />}
					<LiveBadge />
					<button type="button" class="icon-button" onClick={toggleTheme} aria-label={theme.value === 'dark' ? 'Light theme' : 'Dark theme'} title="Light or dark (t)">
						<Icon name={theme.value === 'dark' ? 'sun' : 'moon'} />
					</button>
					<button type="button" class="icon-button" onClick={() => (helpOpen.value = true)} aria-label="Keyboard shortcuts" title="Keyboard (?)">
						<Icon name="help" />
					</button>
					{user && (
						<details class="user-menu">
							<summary class="icon-button" aria-label={`Signed in as ${user.name}`} title={user.name}>
								<Icon name="user" />
							</summary>
							<div class="user-card">
								<p>
									<b>{user.name}</b>
									<br />
									<span class="muted">{user.email}</span>
									<br />
									<span class="muted">{user.role}</span>
								</p>
								<a class="button" href="/settings/account" onClick={e => e.currentTarget.closest('details')?.removeAttribute('open')}>
									Account
								</a>
								<button type="button" class="button" onClick={() => void signOut()}>
									Sign out
								</button>
							</div>
						</details>
					)}
				</div>
			</header>
			<main id="main" tabIndex={-1}>
				{children}
			</main>
			<footer class="foot muted">
				Corridor {session.value?.version} · times are those of {session.value?.timezone} · intervals are 95 % ·{" "}
				<a href="/licences.txt" target="_blank">licences</a>
			</footer>
			<WhyDrawer />
			<HelpSheet />
		</>
	);
}
