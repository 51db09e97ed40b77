// SPDX-License-Identifier: Apache-2.0
// Talking to the server: one way to ask, one way to fail (RFC 9457), answers kept until they are stale.
import { signal, type Signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { shareToken } from './router';
import type { Design, Session } from './types';

export const session = signal<Session | null>(null);
export const design = signal<Design | null>(null);

/** Something the server refused, with its reason in words. */
export class Problem extends Error {
	constructor(
		readonly status: number,
		readonly title: string,
		readonly detail: string,
	) {
		super(detail || title);
	}
}

async function problemOf(response: Response): Promise<Problem> {
	try {
		const p = (await response.json()) as { title?: string; detail?: string };
		return new Problem(response.status, p.title ?? response.statusText, p.detail ?? '');
	} catch {
		return new Problem(response.status, response.statusText || `HTTP ${response.status}`, '');
	}
}

export interface CallOptions {
	method?: string;
	json?: unknown;
	/** The “etag” of what is edited, as it was read: refused (412) when somebody else has changed it since. */
	ifMatch?: string | undefined;
	body?: Blob;
	signal?: AbortSignal;
}

export async function call<T>(url: string, options: CallOptions = {}): Promise<T> {
	const method = options.method ?? (options.json !== undefined || options.body ? 'POST' : 'GET');
	const headers: Record<string, string> = { Accept: 'application/json' };
	if (options.json !== undefined) headers['Content-Type'] = 'application/json';
	if (options.ifMatch) headers['If-Match'] = options.ifMatch;
	// No cookie: a frame of another site has none of ours.
	if (shareToken) headers['X-Share'] = shareToken;
	if (method !== 'GET' && session.value?.csrf) headers['X-CSRF-Token'] = session.value.csrf;
	let response: Response;
	try {
		response = await fetch(url, {
			method,
			headers,
			credentials: 'same-origin',
			...(options.signal ? { signal: options.signal } : {}),
			...(options.json !== undefined ? { body: JSON.stringify(options.json) } : options.body ? { body: options.body } : {}),
		});
	} catch (error) {
		if ((error as Error).name === 'AbortError') throw error;
		throw new Problem(0, 'The server cannot be reached', 'Check the connection; this page tries again when you do.');
	}
	if (response.status === 401 && session.value?.user && url !== '/api/session') session.value = { ...session.value, user: null };
	if (!response.ok) throw await problemOf(response);
	if (response.status === 204) return undefined as T;
	const text = await response.text();
	return (text ? JSON.parse(text) : undefined) as T;
}

/** May the one who is signed in do this? Only what is shown depends on it; the server decides for itself. */
export function may(right: string): boolean {
	return session.value?.user?.rights.includes(right) ?? false;
}

const BEEN_HERE = 'signed-in';

/** Whether somebody was signed in here the last time; private windows may not remember. */
function wasSignedIn(now?: boolean): boolean {
	try {
		if (now !== undefined) localStorage.setItem(BEEN_HERE, now ? 'yes' : 'no');
		return localStorage.getItem(BEEN_HERE) === 'yes';
	} catch {
		return now ?? false;
	}
}

export async function loadSession(): Promise<void> {
	// Both at once where they will most likely be granted; a stranger's console stays clean.
	const ask = (): Promise<Design | null> => call<Design>('/api/design').catch(() => null);
	const early = !shareToken && wasSignedIn() ? ask() : null;
	const s = await call<Session>('/api/session');
	// Whoever has yet to choose a password is told nothing else; then the session is loaded again.
	if (s.user && s.user.password !== 'wanted') design.value = await (early ?? ask());
	if (!shareToken) wasSignedIn(s.user !== null);
	session.value = s;
}

export async function signOut(): Promise<void> {
	await call('/api/session', { method: 'DELETE' }).catch(() => undefined);
	location.assign('/sign-in');
}

export interface Loaded<T> {
	/** Stays while the next answer is on its way, so nothing flickers. */
	data: T | null;
	error: Problem | null;
	busy: boolean;
	reload: () => void;
}

interface Entry {
	state: Signal<{ data: unknown; error: Problem | null; busy: boolean }>;
	at: number;
	users: number;
	abort: AbortController | null;
}

const FRESH_MS = 20_000;
const KEPT = 60;
const entries = new Map<string, Entry>();

function entryOf(url: string): Entry {
	let entry = entries.get(url);
	if (entry) {
		entries.delete(url); // to the end: the least recently used goes first
	} else {
		entry = { state: signal({ data: null, error: null, busy: false }), at: 0, users: 0, abort: null };
	}
	entries.set(url, entry);
	for (const [old, e] of entries) {
		if (entries.size <= KEPT) break;
		if (e.users === 0) entries.delete(old);
	}
	return entry;
}

async function load(url: string, entry: Entry): Promise<void> {
	entry.abort?.abort();
	const abort = new AbortController();
	entry.abort = abort;
	entry.state.value = { ...entry.state.value, busy: true };
	try {
		const data = await call<unknown>(url, { signal: abort.signal });
		entry.at = Date.now();
		entry.state.value = { data, error: null, busy: false };
	} catch (error) {
		if (abort.signal.aborted) return;
		const problem = error instanceof Problem ? error : new Problem(0, 'The answer cannot be read', String(error));
		entry.state.value = { data: null, error: problem, busy: false };
	} finally {
		if (entry.abort === abort) entry.abort = null;
	}
}

function refresh(url: string, entry: Entry): void {
	if (Date.now() - entry.at > FRESH_MS && !entry.abort) void load(url, entry);
}

/** Asks as soon as the page is made, from the outside in, so that what a page is about is answered before its details. */
function asked(url: string): Entry {
	const entry = entryOf(url);
	queueMicrotask(() => refresh(url, entry));
	return entry;
}

const none = signal({ data: null as unknown, error: null as Problem | null, busy: false });

/** The answer to a GET; null asks nothing. Asked once for all who want it, again when older than 20 seconds. */
export function useApi<T>(url: string | null): Loaded<T> {
	const entry = useMemo(() => (url === null ? null : asked(url)), [url]);
	const state = (entry?.state ?? none).value;
	useEffect(() => {
		if (!entry || url === null) return;
		entry.users++;
		refresh(url, entry);
		return () => {
			entry.users--;
			if (entry.users === 0 && entry.abort) {
				entry.abort.abort();
				entry.abort = null;
				entry.state.value = { ...entry.state.value, busy: false };
			}
		};
	}, [entry, url]);
	return {
		data: state.data as T | null,
		error: state.error,
		busy: state.busy || (entry !== null && state.data === null && state.error === null),
		reload: () => {
			if (entry && url !== null) void load(url, entry);
		},
	};
}

/** What was answered is no longer true (something was written). */
export function forget(prefix: string): void {
	for (const [url, entry] of entries) {
		if (!url.startsWith(prefix)) continue;
		entry.at = 0;
		if (entry.users > 0) void load(url, entry);
		else entries.delete(url);
	}
}

/** The question is wrong or not allowed: asking again changes nothing. */
function isRefused(error: Problem | null): boolean {
	return error !== null && error.status >= 400 && error.status < 500;
}

async function renewOne(url: string, entry: Entry): Promise<void> {
	const abort = new AbortController();
	entry.abort = abort;
	try {
		const data = await call<unknown>(url, { signal: abort.signal });
		entry.at = Date.now();
		entry.state.value = { data, error: null, busy: false };
	} catch {
		// What is shown is the last that is known; who asks for it next is told why.
		if (!abort.signal.aborted) entry.at = 0;
	} finally {
		if (entry.abort === abort) entry.abort = null;
	}
}

/** Asks again for what is on the page, without a sign of it: what is shown stays until the answer is there. What is being
 *  asked already is left to that. Ends when all is answered. */
export async function renew(prefixes: string[]): Promise<void> {
	const asked: Promise<void>[] = [];
	for (const [url, entry] of entries) {
		if (!prefixes.some(p => url.startsWith(p))) continue;
		if (entry.users === 0) entry.at = 0;
		else if (!entry.abort && !isRefused(entry.state.value.error)) asked.push(renewOne(url, entry));
	}
	await Promise.all(asked);
}

export function queryUrl(analysis: string, pairs: [string, string][]): string {
	const p = new URLSearchParams(pairs);
	const text = p.toString();
	return `/api/query/${analysis}${text ? `?${text}` : ''}`;
}
