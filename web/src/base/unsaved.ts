// SPDX-License-Identifier: Apache-2.0
// What is written and not yet taken: asks before it is lost by going to another page.
import { useEffect } from 'preact/hooks';
import { askBeforeLeaving, path } from './router';

/** `stays`: is nothing lost by going to this address? Left out: it is another view of the same page. */
export function useUnsaved(changed: boolean, question: string, stays?: (to: string) => boolean): void {
	useEffect(() => {
		if (!changed) return;
		const here = path.value;
		return askBeforeLeaving(to => ((stays ?? (t => t.split('?')[0] === here))(to) ? null : question));
	});
}
