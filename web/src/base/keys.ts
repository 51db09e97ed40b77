// SPDX-License-Identifier: Apache-2.0
// Keyboard shortcuts: one table, from which the help sheet is made. None has a modifier key, none works while typing.
import { signal } from '@preact/signals';
import { lacking } from './access';
import { go, to } from './router';
import { toggleTheme } from './theme';

export interface Shortcut {
	keys: string;
	does: string;
	/** The page that it is about: without the right to that there is no such shortcut. */
	page?: string;
	run: () => void;
}

export const helpOpen = signal(false);
let pages: Shortcut[] = [];

const general: Shortcut[] = [
	{ keys: '?', does: 'Show or hide this sheet', run: () => (helpOpen.value = !helpOpen.value) },
	{ keys: 'g m', does: 'Go to the corridor map', run: () => go(to('/')) },
	{ keys: 'g j', does: 'Go to journeys', run: () => go(to('/journeys/funnel')) },
	{ keys: 'g c', does: 'Go to customers', page: '/customers', run: () => go(to('/customers')) },
	{ keys: 'g i', does: 'Go to interactions', run: () => go(to('/interactions')) },
	{ keys: 'g s', does: 'Go to SQL', page: '/sql', run: () => go(to('/sql')) },
	{ keys: 'g d', does: 'Go to the corridor file', run: () => go(to('/design')) },
	{ keys: 'g b', does: 'Go to dashboards', run: () => go(to('/dashboards')) },
	{ keys: '/', does: 'Search for a customer', page: '/customers', run: () => document.getElementById('search')?.focus() },
	{ keys: 'f', does: 'Add a filter', run: () => document.getElementById('filter-add')?.click() },
	{ keys: 't', does: 'Light or dark', run: toggleTheme },
];

export function shortcuts(): Shortcut[] {
	return [...general, ...pages].filter(s => !s.page || !lacking(s.page));
}

/** A page's own shortcuts; called again with [] when it goes. */
export function pageShortcuts(list: Shortcut[]): () => void {
	pages = list;
	return () => {
		if (pages === list) pages = [];
	};
}

const PAUSE_MS = 900;

export function listenKeys(): void {
	let first = '';
	let at = 0;
	document.addEventListener('keydown', event => {
		if (event.metaKey || event.ctrlKey || event.altKey || event.defaultPrevented) return;
		const el = event.target as HTMLElement;
		if (el.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName)) return;
		if (document.querySelector('dialog[open]') && event.key !== '?') return;
		const both = Date.now() - at < PAUSE_MS ? `${first} ${event.key}` : '';
		const found = shortcuts().find(s => s.keys === both) ?? shortcuts().find(s => s.keys === event.key);
		first = event.key;
		at = Date.now();
		if (!found) return;
		event.preventDefault();
		first = '';
		found.run();
	});
}
