// SPDX-License-Identifier: Apache-2.0
// Pages that follow what comes in: their numbers are asked anew at once when it was quiet before, and no faster than the server
// answers well when much comes.
import { effect } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { renew } from './api';
import { arrivals } from './live';

/** Least time between an answer and the next question. */
export const REST_MS = 2000;
/** After a slow answer that many times as long: a page takes at most a fifth of one of the server's processors. */
export const REST_TIMES = 4;

/** Asks when something is wanted: one question at a time, with a rest after each, none while it is held. What is wanted
 *  meanwhile is asked once, afterwards. */
export class Pacer {
	private timer: ReturnType<typeof setTimeout> | null = null;
	private wanted = false;
	private asking = false;
	private held = false;
	private restUntil = 0;

	constructor(private readonly ask: () => Promise<void>) {}

	want(): void {
		this.wanted = true;
		this.plan();
	}

	/** While the page is not seen nothing is asked; what was wanted is asked when it is let go. */
	hold(on: boolean): void {
		this.held = on;
		if (on && this.timer) {
			clearTimeout(this.timer);
			this.timer = null;
		}
		this.plan();
	}

	private plan(): void {
		if (!this.wanted || this.asking || this.held || this.timer) return;
		this.timer = setTimeout(() => void this.run(), Math.max(0, this.restUntil - Date.now()));
	}

	private async run(): Promise<void> {
		this.timer = null;
		this.wanted = false;
		this.asking = true;
		const began = Date.now();
		await this.ask();
		this.restUntil = Date.now() + Math.max(REST_MS, REST_TIMES * (Date.now() - began));
		this.asking = false;
		this.plan();
	}
}

/** Asks anew for what the page shows of these addresses (how they begin) as interactions come in. The list stays the same. */
export function useFollowing(prefixes: string[]): void {
	useEffect(() => {
		const pacer = new Pacer(() => renew(prefixes));
		const seen = (): void => pacer.hold(document.visibilityState !== 'visible');
		seen();
		document.addEventListener('visibilitychange', seen);
		let at = arrivals.peek();
		const stop = effect(() => {
			if (arrivals.value !== at) pacer.want();
			at = arrivals.value;
		});
		return () => {
			stop();
			document.removeEventListener('visibilitychange', seen);
			pacer.hold(true);
		};
	}, [prefixes]);
}
