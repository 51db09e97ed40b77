// SPDX-License-Identifier: Apache-2.0
// Users, keys, webhooks, sources, shares, the audit trail, and for everybody the own account.
import { useState } from 'preact/hooks';
import { lacking } from '../base/access';
import { call, design, session, useApi } from '../base/api';
import { quote } from '../base/filter';
import { ago, count, time } from '../base/format';
import { zone } from '../base/question';
import { to } from '../base/router';
import { Dialog } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { Await, Empty, Failure, Field, PageHead, SubNav } from '../ui/parts';
import { Table } from '../ui/table';
import { Account } from './account';
import { Hooks } from './hooks';
import { absolute, Once, useAction } from './settings-parts';

interface SettingsUser {
	id: string;
	name: string;
	email: string;
	role: string;
	departments?: string[];
	disabled: boolean;
	last_seen?: string | null;
}

interface Key {
	id: string;
	name: string;
	kind: 'write' | 'api';
	prefix: string;
	source: string;
	origins?: string[];
	rights?: string[];
	created: string;
	last_used?: string | null;
	expires?: string | null;
	revoked?: string | null;
}

const ROLES: [string, string][] = [
	['viewer', 'sees the corridor and its numbers, no single customer'],
	['agent', 'front-line staff: customers and their stories too'],
	['owner', 'head of departments: looks after what arrives, shares dashboards'],
	['manager', 'head of customer experience, analysts: design, import, SQL'],
	['administrator', 'everything: users, keys, settings, erasing'],
];

function Users() {
	const list = useApi<{ items: SettingsUser[] }>('/api/users');
	const { error, run } = useAction('/api/users');
	const [open, setOpen] = useState(false);
	const [once, setOnce] = useState<string | null>(null);
	const [form, setForm] = useState({ name: '', email: '', role: 'viewer', departments: [] as string[] });
	return (
		<>
			{error && <Failure error={error} />}
			<p class="actions">
				<button type="button" class="button primary" onClick={() => setOpen(true)}>
					<Icon name="plus" /> User
				</button>
			</p>
			<Await of={list}>
				{d => (
					<Table
						caption="Users"
						rows={d.items}
						columns={[
							{ key: 'name', title: 'Name', head: true, sort: u => u.name, cell: u => <span class={u.disabled ? 'muted' : ''}>{u.name}</span> },
							{ key: 'email', title: 'E-mail', sort: u => u.email, cell: u => u.email },
							{
								key: 'role',
								title: 'Role',
								cell: u => (
									<label class="pill-select">
										<span class="sr">Role of {u.name}</span>
										<select value={u.role} onChange={e => void run(() => call(`/api/users/${u.id}`, { method: 'PATCH', json: { role: e.currentTarget.value } }))}>
											{ROLES.map(([r]) => (
												<option key={r} value={r}>
													{r}
												</option>
											))}
										</select>
									</label>
								),
							},
							{ key: 'dep', title: 'Departments', cell: u => u.departments?.join(', ') || '–' },
							{ key: 'seen', title: 'Last seen', sort: u => u.last_seen ?? null, cell: u => (u.disabled ? 'disabled' : u.last_seen ? <time dateTime={u.last_seen} title={time(u.last_seen, zone.value)}>{ago(u.last_seen)}</time> : 'never') },
							{
								key: 'do',
								title: '',
								cell: u => (
									<span class="actions">
										<button type="button" class="button small" onClick={() => void run(() => call<{ link: string }>(`/api/users/${u.id}/link`, { json: {} })).then(r => r && setOnce(absolute(r.link)))} aria-label={`Sign-in link for ${u.name}`}>
											Link
										</button>
										<button type="button" class="button small" onClick={() => void run(() => call(`/api/users/${u.id}`, { method: 'PATCH', json: { disabled: !u.disabled } }))} aria-label={`${u.disabled ? 'Enable' : 'Disable'} ${u.name}`}>
											{u.disabled ? 'Enable' : 'Disable'}
										</button>
									</span>
								),
							},
						]}
					/>
				)}
			</Await>
			<Dialog open={open} title="New user" onClose={() => setOpen(false)}>
				<form
					class="form"
					onSubmit={e => {
						e.preventDefault();
						void run(() => call<{ link: string }>('/api/users', { json: form })).then(r => {
							setOpen(false);
							if (r) setOnce(absolute(r.link));
						});
					}}
				>
					<Field label="Name" wide>
						<input required value={form.name} onInput={e => setForm({ ...form, name: e.currentTarget.value })} autocomplete="off" />
					</Field>
					<Field label="E-mail" wide>
						<input required type="email" value={form.email} onInput={e => setForm({ ...form, email: e.currentTarget.value })} autocomplete="off" />
					</Field>
					<Field label="Role" help={ROLES.find(([r]) => r === form.role)?.[1] ?? ''} wide>
						<select value={form.role} onChange={e => setForm({ ...form, role: e.currentTarget.value })}>
							{ROLES.map(([r]) => (
								<option key={r} value={r}>
									{r}
								</option>
							))}
						</select>
					</Field>
					{form.role === 'owner' && (
						<fieldset class="picker">
							<legend class="field-label">Departments</legend>
							<div class="picker-list">
								{(design.value?.departments ?? []).map(x => (
									<label key={x} class="check">
										<input type="checkbox" checked={form.departments.includes(x)} onChange={e => setForm({ ...form, departments: e.currentTarget.checked ? [...form.departments, x] : form.departments.filter(y => y !== x) })} /> {x}
									</label>
								))}
							</div>
						</fieldset>
					)}
					<div class="actions">
						<button type="submit" class="button primary">
							Create
						</button>
					</div>
				</form>
			</Dialog>
			<Once title="Sign-in link" text={once} help="Send it to them: it works once, within a day, and lets them choose a password. It is not shown again." onClose={() => setOnce(null)} />
		</>
	);
}

function Keys() {
	const list = useApi<{ items: Key[] }>('/api/keys');
	const sources = useApi<{ items: { name: string }[] }>('/api/sources');
	const { error, run } = useAction('/api/keys');
	const [open, setOpen] = useState(false);
	const [once, setOnce] = useState<string | null>(null);
	const [form, setForm] = useState({ name: '', kind: 'write', source: '', origins: '', links_email: false, days: '', rights: ['look', 'ask'] });
	// What kinds of keys do not have is not sent.
	const asSent = (): object => {
		const { name, kind, source, origins, rights } = form;
		const days = form.days ? Number(form.days) : null;
		if (kind === 'api') return { name, kind, days, rights: rights.join(',') };
		return { name, kind, days, source, links_email: form.links_email && origins.trim() === '', origins: origins.split(/[\s,]+/).filter(Boolean) };
	};
	return (
		<>
			{error && <Failure error={error} />}
			<p class="actions">
				<button type="button" class="button primary" onClick={() => setOpen(true)}>
					<Icon name="plus" /> Key
				</button>
				<span class="muted">Write keys are for tracking SDKs and may be seen by anybody; API keys have rights of their own and are secret.</span>
			</p>
			<Await of={list}>
				{d =>
					d.items.length ? (
						<Table
							caption="Keys"
							rows={d.items}
							columns={[
								{ key: 'name', title: 'Name', head: true, cell: k => <span class={k.revoked ? 'muted' : ''}>{k.name}</span> },
								{ key: 'kind', title: 'Kind', cell: k => k.kind },
								{ key: 'prefix', title: 'Begins', cell: k => <code>{k.prefix}…</code> },
								{ key: 'source', title: 'Source', cell: k => k.source || '–' },
								{ key: 'origins', title: 'Allowed pages', cell: k => k.origins?.join(', ') || (k.kind === 'write' ? 'any' : '–') },
								{ key: 'rights', title: 'Rights', cell: k => k.rights?.join(', ') || '–' },
								...(d.items.some(k => k.expires) ? [{ key: 'until', title: 'Ends', cell: (k: Key) => (k.expires ? time(k.expires, zone.value, 'day') : 'when revoked') }] : []),
								{ key: 'used', title: 'Last used', cell: k => (k.revoked ? `revoked ${time(k.revoked, zone.value, 'day')}` : k.last_used ? time(k.last_used, zone.value) : 'never') },
								{
									key: 'do',
									title: '',
									cell: k =>
										k.revoked ? (
											''
										) : (
											<button type="button" class="button small danger" aria-label={`Revoke ${k.name}`} onClick={() => confirm(`Revoke “${k.name}”? What uses it is refused at once.`) && void run(() => call(`/api/keys/${k.id}`, { method: 'DELETE' }))}>
												Revoke
											</button>
										),
								},
							]}
						/>
					) : (
						<Empty title="No keys yet.">
							<p>A write key lets a web page or an app send interactions.</p>
						</Empty>
					)
				}
			</Await>
			<Dialog open={open} title="New key" onClose={() => setOpen(false)}>
				<form
					class="form"
					onSubmit={e => {
						e.preventDefault();
						void run(() => call<{ key: string }>('/api/keys', { json: asSent() })).then(r => {
							setOpen(false);
							if (r) setOnce(r.key);
						});
					}}
				>
					<Field label="Name" wide>
						<input required value={form.name} onInput={e => setForm({ ...form, name: e.currentTarget.value })} autocomplete="off" />
					</Field>
					<Field label="Kind" wide>
						<select value={form.kind} onChange={e => setForm({ ...form, kind: e.currentTarget.value })}>
							<option value="write">write: sends interactions</option>
							<option value="api">api: asks and manages</option>
						</select>
					</Field>
					{form.kind === 'write' && (
						<>
							<Field label="Source" help="The name under which its interactions are found" wide>
								<input required list="sources" value={form.source} onInput={e => setForm({ ...form, source: e.currentTarget.value })} autocomplete="off" />
							</Field>
							<datalist id="sources">
								{(sources.data?.items ?? []).filter(s => s.name).map(s => (
									<option key={s.name} value={s.name} />
								))}
							</datalist>
							<Field label="Allowed pages" help="Origins such as https://shop.example; none means any" wide>
								<input value={form.origins} onInput={e => setForm({ ...form, origins: e.currentTarget.value })} autocomplete="off" />
							</Field>
							<label class="check">
								<input type="checkbox" disabled={form.origins.trim() !== ''} checked={form.links_email && form.origins.trim() === ''} onChange={e => setForm({ ...form, links_email: e.currentTarget.checked })} /> For your own servers, kept secret: it is believed whose an e-mail address is
							</label>
						</>
					)}
					{form.kind === 'api' && (
						<fieldset class="picker">
							<legend class="field-label">Rights</legend>
							<div class="picker-list">
								{(session.value?.user?.rights ?? []).map(x => (
									<label key={x} class="check">
										<input type="checkbox" checked={form.rights.includes(x)} onChange={e => setForm({ ...form, rights: e.currentTarget.checked ? [...form.rights, x] : form.rights.filter(y => y !== x) })} /> {x}
									</label>
								))}
							</div>
						</fieldset>
					)}
					<Field label="Ends" wide>
						<select value={form.days} onChange={e => setForm({ ...form, days: e.currentTarget.value })}>
							<option value="">when it is revoked</option>
							<option value="7">after 7 days</option>
							<option value="30">after 30 days</option>
							<option value="90">after 90 days</option>
							<option value="365">after a year</option>
						</select>
					</Field>
					<div class="actions">
						<button type="submit" class="button primary">
							Create
						</button>
					</div>
				</form>
			</Dialog>
			<Once title="The new key" text={once} help="Copy it now: only its hash is kept, so it cannot be shown again." onClose={() => setOnce(null)} />
		</>
	);
}

function Sources() {
	const list = useApi<{ items: { name: string; kind: string; n: number; rejected: number; first: string | null; last: string | null }[] }>('/api/sources');
	return (
		<Await of={list}>
			{d =>
				d.items.length ? (
					<Table
						caption="Sources"
						rows={d.items}
						columns={[
							{ key: 'name', title: 'Source', head: true, sort: s => s.name, cell: s => (s.name ? <a href={to('/interactions', { where: [`source = ${quote(s.name)}`] })}>{s.name}</a> : <span class="muted">not told</span>) },
							{ key: 'kind', title: 'Kind', cell: s => s.kind },
							{ key: 'n', title: 'Interactions', numeric: true, sort: s => s.n, cell: s => count(s.n) },
							{ key: 'rejected', title: 'Quarantined', numeric: true, sort: s => s.rejected, cell: s => count(s.rejected) },
							{ key: 'last', title: 'Newest', sort: s => s.last, cell: s => (s.last ? time(s.last, zone.value) : '–') },
						]}
					/>
				) : (
					<Empty title="Nothing has sent anything yet." />
				)
			}
		</Await>
	);
}

function Shares() {
	const list = useApi<{ items: { id: string; path: string; title: string; expires: string; who: string }[] }>('/api/shares');
	const { error, run } = useAction('/api/shares');
	return (
		<>
			{error && <Failure error={error} />}
			<Await of={list}>
				{d =>
					d.items.length ? (
						<Table
							caption="Shared links"
							rows={d.items}
							columns={[
								{ key: 't', title: 'Title', head: true, cell: s => s.title },
								{ key: 'p', title: 'View', cell: s => <a href={s.path}>{s.path}</a> },
								{ key: 'e', title: 'Ends', cell: s => time(s.expires, zone.value) },
								{ key: 'w', title: 'By', cell: s => s.who },
								{
									key: 'd',
									title: '',
									cell: s => (
										<button type="button" class="button small danger" aria-label={`End ${s.title}`} onClick={() => void run(() => call(`/api/shares/${s.id}`, { method: 'DELETE' }))}>
											End
										</button>
									),
								},
							]}
						/>
					) : (
						<Empty title="Nothing is shared.">
							<p>A dashboard can be shared by a read-only link that ends by itself.</p>
						</Empty>
					)
				}
			</Await>
		</>
	);
}

function Audit() {
	const list = useApi<{ items: { at: string; who: string; from: string; what: string; on: string; detail: string }[] }>('/api/audit');
	return (
		<Await of={list}>
			{d => (
				<Table
					caption="Audit trail"
					rows={d.items}
					columns={[
						{ key: 'at', title: 'When', cell: a => time(a.at, zone.value, 'second') },
						{ key: 'who', title: 'Who', cell: a => a.who },
						{ key: 'from', title: 'From', cell: a => a.from },
						{ key: 'what', title: 'What', cell: a => [a.what, a.on].filter(Boolean).join(' ') },
						{ key: 'detail', title: 'Detail', cell: a => a.detail || '–' },
					]}
				/>
			)}
		</Await>
	);
}

const PARTS: { key: string; name: string; page: () => preact.JSX.Element; about: string }[] = [
	{ key: 'users', name: 'Users', page: Users, about: 'Who may do what.' },
	{ key: 'keys', name: 'Keys', page: Keys, about: 'How systems get in.' },
	{ key: 'hooks', name: 'Webhooks', page: Hooks, about: 'How systems without an SDK report.' },
	{ key: 'sources', name: 'Sources', page: Sources, about: 'Where interactions come from.' },
	{ key: 'shares', name: 'Shared links', page: Shares, about: 'What can be seen without signing in.' },
	{ key: 'audit', name: 'Audit trail', page: Audit, about: 'Who did what, when, from where.' },
	{ key: 'account', name: 'Account', page: Account, about: 'Your password, and where you are signed in.' },
];

const isOpen = (p: { key: string }): boolean => !lacking(`/settings/${p.key}`);

/** Without a part: the first that one may see. */
export function SettingsPage({ part }: { part?: string }) {
	const found = PARTS.find(p => (part ? p.key === part : isOpen(p)));
	const Page = found?.page;
	return (
		<div class="with-sub">
			<SubNav label="Settings" at={found?.key ?? ''}>
				<div>
					<h2 class="eyebrow">Settings</h2>
					<ul>
						{PARTS.filter(isOpen).map(p => (
							<li key={p.key}>
								<a href={`/settings/${p.key}`} aria-current={p.key === found?.key ? 'page' : undefined}>
									{p.name}
								</a>
							</li>
						))}
					</ul>
				</div>
			</SubNav>
			<div class="sub-main">
				<PageHead title={found?.name ?? 'Settings'} eyebrow="Settings">
					<p class="muted">{found?.about}</p>
				</PageHead>
				{Page ? <Page /> : <Empty title="There is no such part." />}
			</div>
		</div>
	);
}
