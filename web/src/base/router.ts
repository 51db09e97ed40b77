// SPDX-License-Identifier: Apache-2.0
// The address is the state: filters, period, comparison and parameters live in the URL, so every view is a link.
import { computed, signal } from '@preact/signals';

export const href = signal(location.pathname + location.search);
export const path = computed(() => href.value.split('?')[0] ?? '/');
export const search = computed(() => href.value.split('?')[1] ?? '');
export const params = computed(() => new URLSearchParams(search.value));

/** Parameters that belong to the question, not to one page: they go along from page to page. */
export const SHARED = ['period', 'where', 'vs'];

/** What a document under this path is: a shared page may stand in a frame of any site and is nobody's, all others are not. */
const isShared = (at: string): boolean => at.startsWith('/shared/');

/** The token of the link that this document was opened with. */
export const shareToken = /^\/shared\/([^/]+)/.exec(location.pathname)?.[1] ?? null;

export interface GoOptions {
	replace?: boolean;
	/** Stays on the page: focus and scrolling are left alone. */
	quiet?: boolean;
}

/** Where to go after signing in; only addresses of this site, so that a link cannot lead elsewhere. */
export function nextOf(): string {
	const next = params.value.get('next') ?? '/';
	const away = !next.startsWith('/') || next.startsWith('//') || next.includes('\\');
	return away || next.startsWith('/sign-in') || next.startsWith(CHOOSE_PASSWORD) ? '/' : next;
}

export const CHOOSE_PASSWORD = '/choose-password';

export const arrived = signal(0);

type Question = (to: string) => string | null;

const unsaved = new Set<Question>();

/** Asks before something is lost: the question for an address one is about to go to, null when nothing is lost by it. Gives back
 *  what takes it back. Leaving the site asks by itself. */
export function askBeforeLeaving(question: Question): () => void {
	unsaved.add(question);
	return () => void unsaved.delete(question);
}

function mayLeave(to: string): boolean {
	for (const ask of [...unsaved]) {
		const question = ask(to);
		if (question === null) continue;
		if (!confirm(question)) return false;
		unsaved.delete(ask);
	}
	return true;
}

addEventListener('beforeunload', event => {
	if ([...unsaved].some(ask => ask('') !== null)) event.preventDefault();
});

export function go(to: string, options: GoOptions = {}): void {
	if (to === href.value || (!options.replace && !mayLeave(to))) return;
	if (isShared(to) !== isShared(location.pathname)) {
		// A document of its own: out of a frame into a window.
		if (top === self) location[options.replace ? 'replace' : 'assign'](to);
		else open(to, '_blank', 'noopener');
		return;
	}
	history[options.replace ? 'replaceState' : 'pushState'](null, '', to);
	const moved = to.split('?')[0] !== path.value;
	href.value = to;
	if (moved && !options.quiet) {
		scrollTo(0, 0);
		arrived.value++;
	}
}

/** The same page with some parameters changed; null takes one away, a list gives it several times. */
export function withParams(changes: Record<string, string | string[] | null>, base = href.value): string {
	const [where, query] = base.split('?');
	const p = new URLSearchParams(query ?? '');
	for (const [name, value] of Object.entries(changes)) {
		p.delete(name);
		if (Array.isArray(value)) for (const v of value) p.append(name, v);
		else if (value !== null && value !== '') p.set(name, value);
	}
	const text = p.toString();
	return (where ?? '/') + (text ? `?${text}` : '');
}

export function setParams(changes: Record<string, string | string[] | null>, options: GoOptions = {}): void {
	go(withParams(changes), { quiet: true, ...options });
}

/** A link to another page that keeps the period, the filters and the comparison. */
export function to(target: string, extra: Record<string, string | string[] | null> = {}): string {
	const kept: Record<string, string[]> = {};
	for (const name of SHARED) {
		const values = params.value.getAll(name);
		if (values.length) kept[name] = values;
	}
	return withParams({ ...kept, ...extra }, target);
}

function decoded(part: string): string | null {
	try {
		return decodeURIComponent(part);
	} catch {
		return null; // a % that begins nothing
	}
}

/** "/touchpoint/{key}" against the address; null when it does not fit. */
export function match(pattern: string, address: string): Record<string, string> | null {
	const a = pattern.split('/').filter(Boolean);
	const b = address.split('/').filter(Boolean);
	if (a.length !== b.length) return null;
	const found: Record<string, string> = {};
	for (let i = 0; i < a.length; i++) {
		const want = a[i] as string;
		const have = b[i] as string;
		const value = decoded(have);
		if (value === null || (!want.startsWith('{') && want !== have)) return null;
		if (want.startsWith('{')) found[want.slice(1, -1)] = value;
	}
	return found;
}

/** Makes plain links of this site change the view without loading the page. */
export function catchLinks(): void {
	addEventListener('popstate', () => {
		if (!mayLeave(location.pathname + location.search)) {
			history.pushState(null, '', href.value);
			return;
		}
		const moved = location.pathname !== path.value;
		href.value = location.pathname + location.search;
		if (moved) arrived.value++;
	});
	document.addEventListener('click', event => {
		if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
		const a = (event.target as Element | null)?.closest?.('a');
		if (!a || a.target || a.hasAttribute('download') || a.origin !== location.origin || a.getAttribute('href')?.startsWith('#')) return;
		if (a.pathname.startsWith('/api/')) return;
		event.preventDefault();
		go(a.pathname + a.search);
	});
}
