// SPDX-License-Identifier: Apache-2.0
// What stands where a page would that one has not the right to see: which right, what it allows, who has it and who gives it.
import { useState } from 'preact/hooks';
import { loadSession, session } from '../base/api';
import { title } from '../base/format';
import { path, to } from '../base/router';
import { Icon } from '../ui/icon';
import { PageHead } from '../ui/parts';

/** As docs/access.md has them. */
const RIGHTS: Record<string, { may: string; roles: string[] }> = {
	persons: { may: 'see single customers: their stories, texts and identities', roles: ['agents', 'owners', 'managers'] },
	sql: { may: 'ask in SQL, which sees everything that is stored about customers', roles: ['managers'] },
	share: { may: 'make dashboards, and links to them for people without an account', roles: ['owners', 'managers'] },
	quarantine: { may: 'see, replay and drop what could not be understood', roles: ['owners', 'managers'] },
	import: { may: 'import files', roles: ['managers'] },
	settings: { may: 'change sources, webhooks and settings', roles: [] },
	keys: { may: 'make and revoke keys', roles: [] },
	users: { may: 'add, change and remove users', roles: [] },
	audit: { may: 'read the audit trail', roles: ['managers'] },
};

const NAMES: Record<string, string> = { '/sql': 'SQL', '/settings/hooks': 'Webhooks', '/settings/shares': 'Shared links', '/settings/audit': 'Audit trail' };

function list(words: string[], and: string): string {
	return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} ${and} ${words[words.length - 1]}`;
}

export function LackingPage({ rights = '' }: { rights?: string }) {
	const [said, setSaid] = useState('');
	const user = session.value?.user;
	const at = path.value;
	const inSettings = at.startsWith('/settings/');
	const wanted = rights.split(' ');
	// Whoever has one of several rights may do the least of them.
	const who = RIGHTS[wanted[wanted.length - 1] as string]?.roles ?? [];
	const again = async (): Promise<void> => {
		setSaid('Asking…');
		await loadSession().then(() => setSaid('Your role is what it was.'), () => setSaid('The server cannot be reached.'));
	};
	return (
		<>
			<PageHead title={NAMES[at] ?? title(at.split('/')[inSettings ? 2 : 1] ?? '')} eyebrow={inSettings ? 'Settings' : 'Not for your role'} />
			<div class="empty lacking">
				<Icon name="lock" />
				<p class="empty-title">This needs the right {list(wanted.map(r => `“${r}”`), 'or')}.</p>
				<div class="empty-text">
					<p>
						Whoever has it may {list(wanted.map(r => RIGHTS[r]?.may ?? r), 'or')}. You are signed in as {user?.name} with the role {user?.role}, which does not have it.
					</p>
					<p>
						{who.length ? `${title(list([...who, 'administrators'], 'and'))} have it.` : 'Administrators have it.'} An administrator can give you another role: Settings, Users.
					</p>
				</div>
				<p class="actions">
					<a class="button primary" href={to('/')}>
						To the corridor map
					</a>
					<button type="button" class="button" onClick={() => void again()}>
						Ask again
					</button>
					<span class="muted" role="status">
						{said}
					</span>
				</p>
			</div>
		</>
	);
}
