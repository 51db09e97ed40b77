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

const redrawn = new Set<() => void>();
let printing = false;
let chosen: string | undefined;

/** Paper is light. What is drawn from colour tokens is drawn anew at once: the picture of the page is taken right afterwards. */
function onPaper(on: boolean): void {
	if (on === printing) return;
	printing = on;
	const root = document.documentElement;
	if (on) {
		chosen = root.dataset.theme;
		root.dataset.theme = 'light';
	} else if (chosen) root.dataset.theme = chosen;
	else delete root.dataset.theme;
	for (const draw of redrawn) draw();
}

addEventListener('beforeprint', () => onPaper(true));
addEventListener('afterprint', () => onPaper(false));
const paper = matchMedia('print');
paper.addEventListener('change', () => onPaper(paper.matches));

/** Calls when the page goes to paper and when it comes back; ends with what is returned. */
export function onPrint(draw: () => void): () => void {
	redrawn.add(draw);
	return () => redrawn.delete(draw);
}

/** A colour token as it is now, for canvas: of the two that it holds, the one that is seen. */
export function token(name: string): string {
	const probe = document.createElement('i');
	probe.hidden = true;
	probe.style.color = `var(${name})`;
	document.documentElement.append(probe);
	const color = getComputedStyle(probe).color;
	probe.remove();
	return color;
}
