// SPDX-License-Identifier: Apache-2.0
// What is happening now, by server-sent events: counts every second and a sample of the interactions.
import { signal } from '@preact/signals';
import { session } from './api';
import type { Interaction } from './types';

export interface Counts {
	interactions: number;
	per_second: number;
	at: string;
}

export const counts = signal<Counts | null>(null);
/** Grows whenever something came in: told at once for some, with the counts for all. */
export const arrivals = signal(0);
/** When the latest that was told came in; null while nothing was. */
export const newest = signal<string | null>(null);
export const recent = signal<Interaction[]>([]);
export const connected = signal(false);
/** The last attempt to connect did not succeed; at first nothing is known. */
export const failed = signal(false);
/** The last minute, one number a second. */
export const rate = signal<number[]>([]);

const RECENT = 30;
const SECONDS = 60;
const listeners = new Set<(i: Interaction) => void>();
let source: EventSource | null = null;

export function onInteraction(f: (i: Interaction) => void): () => void {
	listeners.add(f);
	return () => listeners.delete(f);
}

function open(): void {
	if (source) return;
	source = new EventSource('/api/live');
	source.addEventListener('open', () => {
		connected.value = true;
		failed.value = false;
	});
	source.addEventListener('error', () => {
		connected.value = false;
		failed.value = true;
		// The browser tries again by itself unless the server refused for good.
		if (source?.readyState === EventSource.CLOSED) {
			source = null;
			setTimeout(sync, 5000);
		}
	});
	source.addEventListener('counts', event => {
		const c = JSON.parse((event as MessageEvent<string>).data) as Counts;
		// The first tells what the page's own answers may have missed, or what came while it was not connected.
		if (c.interactions !== (counts.value?.interactions ?? session.value?.data?.n ?? 0)) arrivals.value++;
		counts.value = c;
		rate.value = [...rate.value.slice(1 - SECONDS), c.per_second];
	});
	source.addEventListener('interaction', event => {
		const i = JSON.parse((event as MessageEvent<string>).data) as Interaction;
		if (newest.value === null || Date.parse(i.at) > Date.parse(newest.value)) newest.value = i.at;
		arrivals.value++;
		recent.value = [i, ...recent.value.slice(0, RECENT - 1)];
		for (const f of listeners) f(i);
	});
}

let wanted = false;

/** Connected while somebody is signed in and can see the page. */
function sync(): void {
	if (wanted && document.visibilityState === 'visible') open();
	else if (source) {
		source.close();
		source = null;
		connected.value = false;
	}
}

document.addEventListener('visibilitychange', sync);

export function followLive(on: boolean): void {
	wanted = on;
	sync();
}
