// SPDX-License-Identifier: Apache-2.0
// Lists that come page by page: the first like any answer, the others when one asks for more.
import { useState } from 'preact/hooks';
import { call, type Loaded, type Problem, useApi } from './api';
import type { Page } from './types';

interface Later<T> {
	/** The first page that these rows follow: after another one they would leave rows out or tell them twice. */
	after: Page<T>;
	items: T[];
	next: string | null;
	busy: boolean;
	failed: Problem | null;
}

export interface Pages<T> {
	first: Loaded<Page<T>>;
	/** The rows of all pages so far. */
	items: T[];
	/** Are there more? */
	more: boolean;
	busy: boolean;
	/** Why more could not be had. */
	failed: Problem | null;
	ask: () => void;
}

export function usePages<T>(path: string, query: string): Pages<T> {
	const address = (before?: string): string => `${path}?${new URLSearchParams([...new URLSearchParams(query), ...(before ? [['before', before]] : [])] as [string, string][])}`;
	const first = useApi<Page<T>>(address());
	const [kept, setKept] = useState<Later<T> | null>(null);
	const page = first.data;
	const later = kept && kept.after === page ? kept : null;
	const next = later ? later.next : (page?.next ?? null);
	const ask = async (): Promise<void> => {
		if (!page || !next || later?.busy) return;
		const items = later?.items ?? [];
		// What was on its way when something else was asked comes too late.
		const put = (now: Omit<Later<T>, 'after'>): void => setKept(old => (old?.after === page ? { after: page, ...now } : old));
		setKept({ after: page, items, next, busy: true, failed: null });
		try {
			const p = await call<Page<T>>(address(next));
			put({ items: [...items, ...p.items], next: p.next, busy: false, failed: null });
		} catch (e) {
			put({ items, next, busy: false, failed: e as Problem });
		}
	};
	return { first, items: [...(page?.items ?? []), ...(later?.items ?? [])], more: next !== null, busy: later?.busy ?? false, failed: later?.failed ?? null, ask: () => void ask() };
}
