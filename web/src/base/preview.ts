// SPDX-License-Identifier: Apache-2.0
// What a text that is being written comes to: asked when nobody has typed for a moment.
import { useEffect, useState } from 'preact/hooks';
import { call, type Problem } from './api';

const PAUSE_MS = 400;

export interface Previewed<T> {
	/** The newest answer; stays while the next is on its way. Null: none yet, or it failed. */
	preview: T | null;
	error: Problem | null;
	/** Is that about what is written now? */
	current: boolean;
}

/** Sends the body (null: nothing) to the address whenever it has changed. Only the answer to the newest counts. */
export function usePreview<T>(url: string, body: object | null): Previewed<T> {
	const text = body === null ? null : JSON.stringify(body);
	const [state, setState] = useState<{ of: string | null; preview: T | null; error: Problem | null }>({ of: null, preview: null, error: null });
	useEffect(() => {
		if (text === null) {
			setState({ of: null, preview: null, error: null });
			return;
		}
		const abort = new AbortController();
		const timer = setTimeout(() => {
			call<T>(url, { json: JSON.parse(text) as unknown, signal: abort.signal }).then(
				preview => setState({ of: text, preview, error: null }),
				(e: unknown) => abort.signal.aborted || setState({ of: text, preview: null, error: e as Problem }),
			);
		}, PAUSE_MS);
		return () => {
			clearTimeout(timer);
			abort.abort();
		};
	}, [url, text]);
	return { preview: state.preview, error: state.error, current: state.of === text };
}
