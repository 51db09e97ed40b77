// SPDX-License-Identifier: Apache-2.0
// What the parts of the settings share: acts on things of a list, and texts that are shown once.
import { useState } from 'preact/hooks';
import { forget, Problem } from '../base/api';
import { Copy } from '../ui/copy';
import { Dialog } from '../ui/dialog';

/** Something that is shown once: the link of a new user, the text of a new key. */
export function Once({ title, text, help, onClose }: { title: string; text: string | null; help: string; onClose: () => void }) {
	return (
		<Dialog open={text !== null} title={title} onClose={onClose}>
			<div class="form">
				<p>{help}</p>
				<div class="once">
					<code>{text}</code>
					<Copy text={text ?? ''} />
				</div>
			</div>
		</Dialog>
	);
}

export function useAction(prefix: string): { error: Problem | null; run: <T>(f: () => Promise<T>) => Promise<T | null> } {
	const [error, setError] = useState<Problem | null>(null);
	return {
		error,
		run: async f => {
			try {
				const r = await f();
				setError(null);
				forget(prefix);
				return r;
			} catch (e) {
				setError(e as Problem);
				if ((e as Problem).status === 412) forget(prefix);
				return null;
			}
		},
	};
}

export function absolute(path: string): string {
	return new URL(path, location.origin).href;
}
