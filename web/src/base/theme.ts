// SPDX-License-Identifier: Apache-2.0
// Light and dark: as the system says unless the visitor chose; the choice is kept in this browser.
import { signal } from '@preact/signals';

const system = matchMedia('(prefers-color-scheme: dark)');

function current(): 'light' | 'dark' {
	const chosen = document.documentElement.dataset.theme;
	return chosen === 'light' || chosen === 'dark' ? chosen : system.matches ? 'dark' : 'light';
}

export const theme = signal<'light' | 'dark'>(current());

system.addEventListener('change', () => (theme.value = current()));

export function toggleTheme(): void {
	const next = theme.value === 'dark' ? 'light' : 'dark';
	document.documentElement.dataset.theme = next;
	try {
		localStorage.setItem('theme', next);
	} catch {
		// private windows may refuse; the choice then lasts as long as the page
	}
	theme.value = next;
}

/** The value of a colour token, for canvas. */
export function token(name: string): string {
	return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
