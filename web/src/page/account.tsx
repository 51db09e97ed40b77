// SPDX-License-Identifier: Apache-2.0
// One's own account: another password, and where one is signed in.
import { useState } from 'preact/hooks';
import { call, forget, loadSession, Problem, session, useApi } from '../base/api';
import { ago, time } from '../base/format';
import { agentName, PASSWORD_RULES, passwordTrouble } from '../base/password';
import { zone } from '../base/question';
import { Await, Failure, Section } from '../ui/parts';
import { PasswordField } from '../ui/password';
import { Table } from '../ui/table';
import { useAction } from './settings-parts';

interface OwnSession {
	id: number;
	current: boolean;
	way: 'password' | 'link' | 'set-up';
	began: string;
	last_used: string;
	address: string;
	agent: string;
}

const NONE = { old: null as string | null, fresh: null as string | null, other: null as Problem | null, done: false };

function Password() {
	const user = session.value?.user;
	const [old, setOld] = useState('');
	const [fresh, setFresh] = useState('');
	const [said, setSaid] = useState(NONE);
	const [busy, setBusy] = useState(false);
	if (!user) return null;
	const present = user.password === 'set';
	const submit = async (): Promise<void> => {
		const wrong = passwordTrouble(fresh, user);
		if (present && !old) return setSaid({ ...NONE, old: 'Type the password that you have now.' });
		if (wrong) return setSaid({ ...NONE, fresh: wrong });
		setBusy(true);
		setSaid(NONE);
		try {
			await call('/api/password', { json: { ...(present ? { old } : {}), password: fresh } });
			setOld('');
			setFresh('');
			setSaid({ ...NONE, done: true });
			forget('/api/sessions');
			await loadSession();
		} catch (e) {
			const p = e as Problem;
			if (p.status === 403 && present) setSaid({ ...NONE, old: 'This is not your present password.' });
			else if (p.status === 400) setSaid({ ...NONE, fresh: p.detail || p.title });
			else setSaid({ ...NONE, other: p });
		} finally {
			setBusy(false);
		}
	};
	return (
		<Section title="Password">
			<form
				class="form panel account"
				noValidate
				onSubmit={e => {
					e.preventDefault();
					void submit();
				}}
			>
				{said.other && <Failure error={said.other} />}
				<input type="email" class="sr" tabIndex={-1} aria-hidden="true" readOnly autocomplete="username" value={user.email} />
				{present && (
					<PasswordField
						label="Present password"
						autocomplete="current-password"
						trouble={said.old}
						value={old}
						onInput={v => {
							setOld(v);
							setSaid(NONE);
						}}
					/>
				)}
				<PasswordField
					label="New password"
					autocomplete="new-password"
					help={PASSWORD_RULES}
					trouble={said.fresh}
					value={fresh}
					onInput={v => {
						setFresh(v);
						setSaid(NONE);
					}}
				/>
				<p class="actions">
					<button type="submit" class="button primary" disabled={busy}>
						{busy ? 'Saving…' : 'Change password'}
					</button>
					<span role="status">{said.done ? 'Changed. You are signed out everywhere else.' : ''}</span>
				</p>
			</form>
		</Section>
	);
}

const WAYS = { password: 'password', link: 'link', 'set-up': 'first start' };

function Sessions() {
	const list = useApi<{ items: OwnSession[] }>('/api/sessions');
	const { error, run } = useAction('/api/sessions');
	return (
		<Section title="Where you are signed in">
			{error && <Failure error={error} />}
			<Await of={list}>
				{d => (
					<>
						<Table
							caption="Sessions"
							rows={d.items}
							columns={[
								{ key: 'agent', title: 'Browser', head: true, cell: s => <span title={s.agent}>{agentName(s.agent)}</span> },
								{ key: 'address', title: 'From', cell: s => s.address || '–' },
								{ key: 'way', title: 'By', cell: s => WAYS[s.way] },
								{ key: 'began', title: 'Since', cell: s => time(s.began, zone.value) },
								{ key: 'used', title: 'Last used', cell: s => <time dateTime={s.last_used} title={time(s.last_used, zone.value)}>{ago(s.last_used)}</time> },
								{
									key: 'do',
									title: '',
									cell: s =>
										s.current ? (
											<b>this one</b>
										) : (
											<button type="button" class="button small" aria-label={`End the session of ${agentName(s.agent)}, since ${time(s.began, zone.value)}`} onClick={() => void run(() => call(`/api/sessions/${s.id}`, { method: 'DELETE' }))}>
												End
											</button>
										),
								},
							]}
						/>
						{d.items.length > 1 && (
							<p class="actions more-rows">
								<button type="button" class="button" onClick={() => void run(() => call('/api/sessions', { method: 'DELETE' }))}>
									End all others
								</button>
							</p>
						)}
					</>
				)}
			</Await>
		</Section>
	);
}

export function Account() {
	return (
		<>
			<Password />
			<Sessions />
		</>
	);
}
