// SPDX-License-Identifier: Apache-2.0
// Which page needs which right: what navigation, shortcuts and the way to a page ask first. The server decides for itself.
import { may } from './api';

/** Of several rights one is enough. Pages that are not here are for everybody who is signed in. */
const NEEDED: [string, string[]][] = [
	['/customers', ['persons']],
	['/sql', ['sql']],
	['/import', ['import', 'quarantine']],
	['/settings/users', ['users']],
	['/settings/keys', ['keys']],
	['/settings/hooks', ['settings']],
	['/settings/sources', ['settings']],
	['/settings/shares', ['share']],
	['/settings/audit', ['audit']],
];

/** The rights of which one is missing to whoever is signed in; null when the page is theirs. */
export function lacking(path: string): string[] | null {
	const rights = NEEDED.find(([at]) => path === at || path.startsWith(`${at}/`))?.[1];
	return rights && !rights.some(may) ? rights : null;
}
