// SPDX-License-Identifier: Apache-2.0
// Copies a text, and says whether it did.
import { useState } from 'preact/hooks';
import { Icon } from './icon';

/** Browsers give the clipboard to pages that came by HTTPS (or from this machine) only; others have the old way. */
async function copy(text: string, beside: Element): Promise<boolean> {
	try {
		await navigator.clipboard.writeText(text);
		return true;
	} catch {
		const area = document.createElement('textarea');
		area.value = text;
		area.className = 'sr';
		beside.parentElement?.append(area); // within the dialog: all else is inert
		area.select();
		const done = document.execCommand('copy');
		area.remove();
		return done;
	}
}

export function Copy({ text, what }: { text: string; what?: string }) {
	const [done, setDone] = useState<{ text: string; ok: boolean } | null>(null);
	const said = done?.text === text ? (done.ok ? 'Copied' : 'Mark it and copy') : 'Copy';
	return (
		<button type="button" class="button" aria-label={what && said === 'Copy' ? `Copy ${what}` : undefined} onClick={e => void copy(text, e.currentTarget).then(ok => setDone({ text, ok }))}>
			<Icon name="copy" /> {said}
		</button>
	);
}
