// SPDX-License-Identifier: Apache-2.0
// The ways in: password, one-time link, and the first run's set-up.
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { call, loadSession, Problem, session } from '../base/api';
import { PASSWORD_RULES, passwordTrouble } from '../base/password';
import { CHOOSE_PASSWORD, go, nextOf } from '../base/router';
import { Gate } from '../ui/gate';
import { Failure, Field, Loading } from '../ui/parts';
import { PasswordField } from '../ui/password';

export function SignInPage() {
	const [email, setEmail] = useState('');
	const [password, setPassword] = useState('');
	const [error, setError] = useState<Problem | null>(null);
	const [busy, setBusy] = useState(false);
	useEffect(() => {
		if (session.value?.user) go(nextOf(), { replace: true });
	}, []);
	const submit = async (): Promise<void> => {
		setBusy(true);
		setError(null);
		try {
			await call('/api/session', { json: { email, password } });
			const next = nextOf();
			await loadSession();
			go(next, { replace: true });
		} catch (e) {
			setError(e as Problem);
			setBusy(false);
		}
	};
	return (
		<Gate title="Sign in">
			<form
				class="form"
				onSubmit={e => {
					e.preventDefault();
					void submit();
				}}
			>
				{error && <Failure error={error.status === 401 ? { title: 'E-mail address or password is not right.', detail: '' } : error} />}
				<Field label="E-mail" wide>
					<input type="email" required autocomplete="username" value={email} onInput={e => setEmail(e.currentTarget.value)} />
				</Field>
				<Field label="Password" wide>
					<input type="password" required autocomplete="current-password" value={password} onInput={e => setPassword(e.currentTarget.value)} />
				</Field>
				<button type="submit" class="button primary wide" disabled={busy}>
					{busy ? 'Signing in…' : 'Sign in'}
				</button>
			</form>
		</Gate>
	);
}

/** Of a link that is void already: why, and what to do. */
function Void({ title, error, children }: { title: string; error: { title: string; detail: string }; children: ComponentChildren }) {
	return (
		<Gate title={title}>
			<Failure error={error} />
			{children}
		</Gate>
	);
}

export function LinkPage({ token = '' }: { token?: string }) {
	const [error, setError] = useState<Problem | null>(null);
	useEffect(() => {
		call('/api/sign-in-link', { json: { token } })
			.then(loadSession)
			.then(() => go(session.value?.user?.password === 'reset' ? CHOOSE_PASSWORD : '/', { replace: true }))
			.catch((e: unknown) => setError(e as Problem));
	}, [token]);
	if (!error) {
		return (
			<Gate title="Signing in">
				<Loading height={80} />
			</Gate>
		);
	}
	if (error.status !== 403) return <Void title="Signing in" error={error}><p><a href={`/sign-in/${encodeURIComponent(token)}`} target="_self">Try again</a></p></Void>;
	return (
		<Void title="This link is used or expired" error={{ title: 'It signs nobody in any more.', detail: 'A link works once, and for a limited time.' }}>
			<p>Who has a password signs in with it. Everybody else asks an administrator for a new link: Settings, Users, “Link” beside the name.</p>
			<p class="actions">
				<a class="button primary" href="/sign-in">
					Sign in with a password
				</a>
				{session.value?.user && <a href="/">Go on as {session.value.user.name}</a>}
			</p>
		</Void>
	);
}

function SetUpDone() {
	return (
		<Gate title="Corridor is set up already">
			<p>The first administrator has been made; a set-up link works once.</p>
			<p>Sign in with your password, or ask an administrator for a link of your own.</p>
			<p class="actions">
				<a class="button primary" href="/sign-in">
					Sign in
				</a>
			</p>
		</Gate>
	);
}

function SetUpVoid() {
	return (
		<Void title="This link is used or expired" error={{ title: 'It sets nothing up any more.', detail: 'A set-up link works once, for a day, and until the server starts again.' }}>
			<p>Start the server again: it prints a new link. Or make the administrator where the server runs:</p>
			<div class="once">
				<code>corridor user add EMAIL --name NAME --role administrator --data FOLDER</code>
			</div>
		</Void>
	);
}

/** With a token from the address: is it good still? */
function useToken(token: string): 'asking' | 'good' | 'void' {
	const [state, setState] = useState<'asking' | 'good' | 'void'>(token ? 'asking' : 'good');
	useEffect(() => {
		if (!token || !session.value?.setup) return;
		call('/api/setup/check', { json: { token } }).then(
			() => setState('good'),
			(e: unknown) => setState((e as Problem).status === 403 ? 'void' : 'good'), // the form says what else is wrong
		);
	}, [token]);
	return state;
}

export function SetUpPage({ token = '' }: { token?: string }) {
	const state = useToken(token);
	if (!session.value?.setup) return <SetUpDone />;
	if (state === 'void') return <SetUpVoid />;
	if (state === 'good') return <SetUpForm given={token} />;
	return (
		<Gate title="Set up Corridor">
			<Loading height={80} />
		</Gate>
	);
}

function SetUpForm({ given }: { given: string }) {
	const [form, setForm] = useState({ token: given, name: '', email: '', password: '' });
	const [error, setError] = useState<Problem | null>(null);
	const [trouble, setTrouble] = useState<string | null>(null);
	const [busy, setBusy] = useState(false);
	const submit = async (): Promise<void> => {
		const wrong = passwordTrouble(form.password, form);
		setTrouble(wrong);
		setError(null);
		if (wrong) return;
		setBusy(true);
		try {
			await call('/api/setup', { json: form });
			await loadSession();
			go('/', { replace: true });
		} catch (e) {
			setError(e as Problem);
			setBusy(false);
		}
	};
	return (
		<Gate title="Set up Corridor">
			<p class="muted">This creates the administrator. It can be done once, with the token that the server printed when it started.</p>
			<form
				class="form"
				onSubmit={e => {
					e.preventDefault();
					void submit();
				}}
			>
				{error && <Failure error={error} />}
				{!given && (
					<Field label="Set-up token" wide>
						<input required autocomplete="off" value={form.token} onInput={e => setForm({ ...form, token: e.currentTarget.value })} />
					</Field>
				)}
				<Field label="Your name" wide>
					<input required autocomplete="name" value={form.name} onInput={e => setForm({ ...form, name: e.currentTarget.value })} />
				</Field>
				<Field label="E-mail" wide>
					<input required type="email" autocomplete="username" value={form.email} onInput={e => setForm({ ...form, email: e.currentTarget.value })} />
				</Field>
				<PasswordField
					label="Password"
					autocomplete="new-password"
					help={PASSWORD_RULES}
					trouble={trouble}
					value={form.password}
					onInput={v => {
						setForm({ ...form, password: v });
						setTrouble(null);
					}}
				/>
				<button type="submit" class="button primary wide" disabled={busy}>
					{busy ? 'Setting up…' : 'Create administrator'}
				</button>
			</form>
		</Gate>
	);
}
