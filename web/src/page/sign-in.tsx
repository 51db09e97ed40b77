// SPDX-License-Identifier: Apache-2.0
// The ways in: password, one-time link, and the first run's set-up.
import { useEffect, useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import { call, loadSession, Problem, session } from '../base/api';
import { go, params } from '../base/router';
import { Failure, Field, Loading, Logo } from '../ui/parts';

function Gate({ title, children }: { title: string; children: ComponentChildren }) {
	useEffect(() => {
		document.title = `${title} · Corridor`;
	}, [title]);
	return (
		<main class="gate" id="main">
			<div class="gate-card">
				<p class="logo">
					<Logo />
				</p>
				<h1>{title}</h1>
				{children}
			</div>
			<svg class="gate-art" viewBox="0 0 600 120" preserveAspectRatio="xMidYMid slice" aria-hidden="true">
				{Array.from({ length: 10 }, (_, i) => (
					<path key={i} class={i === 6 ? 'hot' : ''} d={`M${i * 60 - 6} 20h46l20 40-20 40h-46l20-40z`} />
				))}
			</svg>
		</main>
	);
}

/** Only addresses of this site, so that a link cannot lead elsewhere. */
function nextOf(): string {
	const next = params.value.get('next') ?? '/';
	return next.startsWith('/') && !next.startsWith('//') && !next.includes('\\') && !next.startsWith('/sign-in') ? next : '/';
}

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

export function LinkPage({ token = '' }: { token?: string }) {
	const [error, setError] = useState<Problem | null>(null);
	useEffect(() => {
		call('/api/sign-in-link', { json: { token } })
			.then(loadSession)
			.then(() => go('/', { replace: true }))
			.catch((e: unknown) => setError(e as Problem));
	}, [token]);
	return <Gate title="Signing in">{error ? <><Failure error={{ title: 'This link does not work', detail: error.detail || 'It may have been used already.' }} /><p><a href="/sign-in">Sign in with a password</a></p></> : <Loading height={80} />}</Gate>;
}

const SHORTEST = 10;

export function SetUpPage({ token: given = '' }: { token?: string }) {
	const [form, setForm] = useState({ token: given, name: '', email: '', password: '' });
	const [error, setError] = useState<Problem | null>(null);
	const [busy, setBusy] = useState(false);
	const submit = async (): Promise<void> => {
		setBusy(true);
		setError(null);
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
				<Field label="Password" help={`At least ${SHORTEST} characters; longer is better than stranger.`} wide>
					<input required type="password" minLength={SHORTEST} autocomplete="new-password" value={form.password} onInput={e => setForm({ ...form, password: e.currentTarget.value })} />
				</Field>
				<button type="submit" class="button primary wide" disabled={busy}>
					{busy ? 'Setting up…' : 'Create administrator'}
				</button>
			</form>
		</Gate>
	);
}
