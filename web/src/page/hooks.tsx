// SPDX-License-Identifier: Apache-2.0
// Settings: webhooks of systems without an SDK. Each has a mapping, which can be tried on a body before it counts.
import { useState } from 'preact/hooks';
import { call, Problem, useApi } from '../base/api';
import { time } from '../base/format';
import { zone } from '../base/question';
import { Dialog } from '../ui/dialog';
import { Editor } from '../ui/editor';
import { Icon } from '../ui/icon';
import { Await, Empty, Failure, Field } from '../ui/parts';
import { Table } from '../ui/table';
import { absolute, Once, useAction } from './settings-parts';

interface Hook {
	name: string;
	path: string;
	mapping: string;
	program: string;
	style: string;
	header: string;
	window: number;
	secrets: number;
	enabled: boolean;
	verify_token?: string;
	created: string;
	changed: string;
	made_by: string;
	etag: string;
	/** Only in the answer that made it. */
	secret?: string;
}

interface Style {
	name: string;
	header: string;
	services: string;
}

interface Trial {
	interactions: { at: string; event: string; touchpoint: string | null; customer: { type: string; value: string }[]; measures: Record<string, number> }[];
	rejected: { index: number; reason: string }[];
	empty: number;
}

const FIRST = `mapping: 1
source: shop
format: ndjson

interactions:
  event: Order Placed
  id: "{id}"
  customer: {user: "{customer.id}"}
  at: "{created_at}"
  channel: web
`;

/** What a pasted body would become with the mapping as it stands in the editor. */
function Test({ name, mapping, program }: { name: string; mapping: string; program: string }) {
	const [body, setBody] = useState('');
	const [trial, setTrial] = useState<Trial | null>(null);
	const [error, setError] = useState<Problem | null>(null);
	const run = async (): Promise<void> => {
		try {
			setTrial(await call<Trial>(`/api/hooks/${encodeURIComponent(name || 'new')}/test`, { json: { body, mapping, program } }));
			setError(null);
		} catch (e) {
			setTrial(null);
			setError(e as Problem);
		}
	};
	return (
		<>
			<Field label="Try it" help="Paste a body as the system sends it; nothing is stored" wide>
				<textarea class="code" rows={6} value={body} spellcheck={false} onInput={e => setBody(e.currentTarget.value)} />
			</Field>
			<p class="actions">
				<button type="button" class="button" disabled={!body.trim()} onClick={() => void run()}>
					Try
				</button>
			</p>
			{error && <Failure error={error} />}
			{trial && (
				<div role="status" class="field wide">
					{trial.interactions.length > 0 && (
						<Table
							caption="What comes of it"
							compact
							rows={trial.interactions}
							columns={[
								{ key: 'at', title: 'When', cell: i => time(i.at, zone.value) },
								{ key: 'event', title: 'Event', head: true, cell: i => i.event },
								{ key: 'touchpoint', title: 'Touch point', cell: i => i.touchpoint ?? 'none matches' },
								{ key: 'customer', title: 'Customer', cell: i => i.customer.map(c => `${c.type}:${c.value}`).join(', ') },
								{
									key: 'measures',
									title: 'Measures',
									cell: i =>
										Object.entries(i.measures)
											.map(([k, v]) => `${k} ${v}`)
											.join(', ') || '–',
								},
							]}
						/>
					)}
					{trial.rejected.map(r => (
						<p key={r.index} class="bad">
							object {r.index + 1}: {r.reason}
						</p>
					))}
					{trial.interactions.length === 0 && trial.rejected.length === 0 && <p class="muted">The mapping’s conditions make nothing of it.</p>}
				</div>
			)}
		</>
	);
}

interface Form {
	name: string;
	mapping: string;
	program: string;
	style: string;
	header: string;
	secret: string;
}

function formOf(hook: Hook | null): Form {
	return hook ? { name: hook.name, mapping: hook.mapping, program: hook.program, style: hook.style, header: hook.header, secret: '' } : { name: '', mapping: FIRST, program: '', style: 'hmac-sha256', header: '', secret: '' };
}

function Edit({ hook, styles, onClose, onSecret }: { hook: Hook | null; styles: Style[]; onClose: () => void; onSecret: (text: string) => void }) {
	const { error, run } = useAction('/api/hooks');
	const [form, setForm] = useState(formOf(hook));
	const style = styles.find(s => s.name === form.style);
	const save = async (): Promise<void> => {
		const { name, secret, ...rest } = form;
		const json = { ...rest, ...(secret ? { secret } : {}), ...(hook ? {} : { name }) };
		const r = await run(() => call<Hook>(hook ? `/api/hooks/${hook.name}` : '/api/hooks', hook ? { method: 'PATCH', json, ifMatch: hook.etag } : { json }));
		if (!r) return;
		onClose();
		if (r.secret) onSecret(r.secret);
	};
	return (
		<Dialog open kind="drawer" title={hook ? `Webhook ${hook.name}` : 'New webhook'} onClose={onClose}>
			<form
				class="form"
				onSubmit={e => {
					e.preventDefault();
					void save();
				}}
			>
				{hook ? (
					<p>
						<span class="muted">Address</span> <code>{absolute(hook.path)}</code>
					</p>
				) : (
					<Field label="Name" help="Stands in the address: a-z, 0-9, - and _" wide>
						<input required pattern="[a-z0-9][a-z0-9_\-]*" maxLength={64} value={form.name} onInput={e => setForm({ ...form, name: e.currentTarget.value })} autocomplete="off" />
					</Field>
				)}
				<Field label="Signatures" help={style?.services ?? ''} wide>
					<select value={form.style} onChange={e => setForm({ ...form, style: e.currentTarget.value })}>
						{styles.map(s => (
							<option key={s.name} value={s.name}>
								{s.name}
							</option>
						))}
					</select>
				</Field>
				<Field label="Header" help="Where the service calls it otherwise" wide>
					<input value={form.header} placeholder={style?.header} onInput={e => setForm({ ...form, header: e.currentTarget.value })} autocomplete="off" />
				</Field>
				<Field label="Secret" help={hook ? 'A new one; the one before counts too until it is forgotten' : 'The one that the service gave you; left empty, one is made'} wide>
					<input type="password" minLength={8} maxLength={512} value={form.secret} onInput={e => setForm({ ...form, secret: e.currentTarget.value })} autocomplete="new-password" />
				</Field>
				{hook?.verify_token && (
					<p>
						<span class="muted">Verify token</span> <code>{hook.verify_token}</code>
					</p>
				)}
				<div class="field wide">
					<h3 class="field-label">Mapping</h3>
					<Editor label="Mapping" value={form.mapping} problems={[]} onInput={mapping => setForm({ ...form, mapping })} rows={14} />
				</div>
				<Field label="Program" help="jq, only where the mapping does not reach: makes the objects that the mapping sees" wide>
					<textarea class="code" rows={3} value={form.program} spellcheck={false} onInput={e => setForm({ ...form, program: e.currentTarget.value })} />
				</Field>
				<Test name={form.name} mapping={form.mapping} program={form.program} />
				{error && <Failure error={error} />}
				<div class="actions">
					<button type="submit" class="button primary">
						{hook ? 'Save' : 'Create'}
					</button>
				</div>
			</form>
		</Dialog>
	);
}

export function Hooks() {
	const list = useApi<{ items: Hook[]; styles: Style[] }>('/api/hooks');
	const { error, run } = useAction('/api/hooks');
	const [open, setOpen] = useState<Hook | 'new' | null>(null);
	const [once, setOnce] = useState<string | null>(null);
	const change = (h: Hook, json: object): void => void run(() => call<Hook>(`/api/hooks/${h.name}`, { method: 'PATCH', json })).then(r => r?.secret && setOnce(r.secret));
	return (
		<>
			{error && <Failure error={error} />}
			<p class="actions">
				<button type="button" class="button primary" onClick={() => setOpen('new')}>
					<Icon name="plus" /> Webhook
				</button>
				<span class="muted">A system without an SDK sends its events here, signed; a mapping makes interactions of them.</span>
			</p>
			<Await of={list}>
				{d => (
					<>
						{d.items.length ? (
							<Table
								caption="Webhooks"
								rows={d.items}
								columns={[
									{
										key: 'name',
										title: 'Name',
										head: true,
										sort: h => h.name,
										cell: h => (
											<button type="button" class="link" onClick={() => setOpen(h)}>
												{h.name}
											</button>
										),
									},
									{ key: 'path', title: 'Address', cell: h => <code>{h.path}</code> },
									{ key: 'style', title: 'Signatures', cell: h => h.style },
									{
										key: 'secrets',
										title: 'Secrets',
										cell: h =>
											h.secrets > 1 ? (
												<>
													new and old{' '}
													<button type="button" class="button small" onClick={() => change(h, { forget_secret: true })} aria-label={`Forget old secret of ${h.name}`}>
														Forget old
													</button>
												</>
											) : (
												'one'
											),
									},
									{ key: 'changed', title: 'Changed', sort: h => h.changed, cell: h => (h.enabled ? time(h.changed, zone.value) : 'disabled') },
									{
										key: 'do',
										title: '',
										cell: h => (
											<span class="actions">
												<button type="button" class="button small" aria-label={`New secret of ${h.name}`} onClick={() => change(h, { new_secret: true })}>
													New secret
												</button>
												<button type="button" class="button small" aria-label={`${h.enabled ? 'Disable' : 'Enable'} ${h.name}`} onClick={() => change(h, { enabled: !h.enabled })}>
													{h.enabled ? 'Disable' : 'Enable'}
												</button>
												<button type="button" class="button small danger" aria-label={`Remove ${h.name}`} onClick={() => confirm(`Remove the webhook “${h.name}”? What it brought stays.`) && void run(() => call(`/api/hooks/${h.name}`, { method: 'DELETE' }))}>
													Remove
												</button>
											</span>
										),
									},
								]}
							/>
						) : (
							<Empty title="No webhooks yet.">
								<p>Help desks, shops, couriers and telephone systems report by webhook.</p>
							</Empty>
						)}
						{open && <Edit key={open === 'new' ? '' : open.name} hook={open === 'new' ? null : open} styles={d.styles} onClose={() => setOpen(null)} onSecret={setOnce} />}
					</>
				)}
			</Await>
			<Once title="The secret" text={once} help="Give it to the service that sends. It is not shown again." onClose={() => setOnce(null)} />
		</>
	);
}
