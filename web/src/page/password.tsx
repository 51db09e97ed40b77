// SPDX-License-Identifier: Apache-2.0
// Whoever comes with a link chooses a password first: without one the way in ends with the session.
import { useEffect, useState } from 'preact/hooks';
import { call, loadSession, Problem, session, signOut } from '../base/api';
import { PASSWORD_RULES, passwordTrouble } from '../base/password';
import { go, nextOf } from '../base/router';
import { Gate } from '../ui/gate';
import { Failure } from '../ui/parts';
import { PasswordField } from '../ui/password';

export function ChoosePasswordPage() {
	const user = session.value?.user;
	const [password, setPassword] = useState('');
	const [trouble, setTrouble] = useState<string | null>(null);
	const [error, setError] = useState<Problem | null>(null);
	const [busy, setBusy] = useState(false);
	const needed = user?.password === 'wanted';
	const here = needed || user?.password === 'reset';
	useEffect(() => {
		if (!here) go(user ? nextOf() : '/sign-in', { replace: true });
	}, [here]);
	const submit = async (): Promise<void> => {
		const wrong = user ? passwordTrouble(password, user) : null;
		setTrouble(wrong);
		setError(null);
		if (wrong) return;
		setBusy(true);
		try {
			await call('/api/password', { json: { password } });
			const next = nextOf();
			await loadSession();
			go(next, { replace: true });
		} catch (e) {
			const p = e as Problem;
			if (p.status === 400) setTrouble(p.detail || p.title);
			else setError(p);
			setBusy(false);
		}
	};
	if (!user || !here) return null;
	return (
		<Gate title="Choose a password">
			<p>
				{needed ? `Welcome, ${user.name}. ` : ''}From now on you sign in as <b class="breaks">{user.email}</b> with this password; the link that brought you here works no second time.
			</p>
			<form
				class="form"
				noValidate
				onSubmit={e => {
					e.preventDefault();
					void submit();
				}}
			>
				{error && <Failure error={error} />}
				<input type="email" class="sr" tabIndex={-1} aria-hidden="true" readOnly autocomplete="username" value={user.email} />
				<PasswordField
					label="New password"
					autocomplete="new-password"
					help={PASSWORD_RULES}
					trouble={trouble}
					value={password}
					onInput={v => {
						setPassword(v);
						setTrouble(null);
					}}
				/>
				<button type="submit" class="button primary wide" disabled={busy}>
					{busy ? 'Saving…' : 'Save and go on'}
				</button>
			</form>
			<p class="muted">
				{needed ? (
					<button type="button" class="button small" onClick={() => void signOut()}>
						Not you? Sign out
					</button>
				) : (
					<a href={nextOf()}>Keep the present one</a>
				)}
			</p>
		</Gate>
	);
}
