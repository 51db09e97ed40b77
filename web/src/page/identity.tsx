// SPDX-License-Identifier: Apache-2.0
// For whoever may erase and link: who this customer is linked with, linking, unlinking, erasing, and the receipt of that.
import { useLayoutEffect, useState } from 'preact/hooks';
import { call, Problem, useApi } from '../base/api';
import { count, many, time } from '../base/format';
import { zone } from '../base/question';
import { to } from '../base/router';
import type { JournalEntry, Page, PersonStory, Receipt } from '../base/types';
import { FormDialog } from '../ui/dialog';
import { Await, Failure, Field, PageHead, Section } from '../ui/parts';
import { Table } from '../ui/table';
import { useAction } from './settings-parts';

const EXAMPLE = 'user:u-17';
const LINKS = 500; // as many as the API tells at a time

/** Somebody whose name was erased is told by the key, which undoes nothing. */
const isIdentity = (text: string): boolean => text.includes(':');

function LinkDialog({ name, onClose, onDone }: { name: string; onClose: () => void; onDone: (text: string) => void }) {
	const { error, run } = useAction('/api/');
	const [other, setOther] = useState('');
	const link = async (): Promise<void> => {
		const from = other.trim();
		const r = await run(() => call<Receipt>('/api/link', { json: { from, to: name } }));
		if (!r) return;
		onDone(r.entry === 0 ? `${from} was linked before.` : r.interactions === 0 ? `${from} is linked. Nothing is stored of it so far; what arrives becomes part of this story.` : `${from} is linked: ${many(r.interactions, 'interaction')} became part of this story.`);
		onClose();
	};
	return (
		<FormDialog open title="Link with another identity" onClose={onClose} act="Link" onSubmit={() => void link()} error={error}>
			<p>
				The other identity is the same person as <strong class="break">{name}</strong>: its interactions, those that arrive later too, become part of this story. Unlinking gives both their own history back.
			</p>
			<Field label="Other identity" help={`As type:value, for example ${EXAMPLE}`} wide>
				<input required pattern="[^:]+:.+" title={`type:value, for example ${EXAMPLE}`} value={other} onInput={e => setOther(e.currentTarget.value)} autocomplete="off" spellcheck={false} />
			</Field>
		</FormDialog>
	);
}

function EraseDialog({ story, name, onClose, onErased }: { story: PersonStory; name: string; onClose: () => void; onErased: (r: Receipt) => void }) {
	const [typed, setTyped] = useState('');
	const [error, setError] = useState<Problem | null>(null);
	const [busy, setBusy] = useState(false);
	const erase = async (): Promise<void> => {
		setBusy(true);
		try {
			onErased(await call<Receipt>('/api/erase', { json: { customer: name } }));
		} catch (e) {
			setError(e as Problem);
			setBusy(false);
		}
	};
	return (
		<FormDialog open title="Erase this customer" onClose={onClose} act="Erase for good" danger disabled={typed !== name || busy} onSubmit={() => void erase()} error={error}>
			<p>
				This erases {many(story.n, 'interaction')} of the customer and of all linked identities, and the rows in quarantine that name them. <strong>This cannot be undone.</strong> Backups are not touched.
			</p>
			<Field label={`Type ${name} to confirm`} wide>
				<input required value={typed} onInput={e => setTyped(e.currentTarget.value)} autocomplete="off" spellcheck={false} />
			</Field>
		</FormDialog>
	);
}

export function Identity({ story, onErased }: { story: PersonStory; onErased: (r: Receipt) => void }) {
	const journal = useApi<Page<JournalEntry>>(`/api/journal?${new URLSearchParams({ customer: story.key, limit: String(LINKS) })}`);
	const { error, run } = useAction('/api/');
	const [open, setOpen] = useState<'link' | 'erase' | null>(null);
	const [told, setTold] = useState('');
	const name = story.identities[0] ?? '';
	const close = (): void => setOpen(null);
	const unlink = async (identity: string): Promise<void> => {
		if (!confirm(`Unlink ${identity}? Its interactions are its own again.`)) return;
		const r = await run(() => call<Receipt>('/api/unlink', { json: { customer: identity } }));
		setTold(r ? `${identity} is a customer of its own again, with ${many(r.interactions, 'interaction')}.` : '');
	};
	return (
		<Section title="Identity and data" class="no-print">
			{error && <Failure error={error} />}
			<Await of={journal} height={60}>
				{j => {
					const links = j.items.filter(x => x.in_force && x.belongs_to === story.key);
					return (
						<>
							{links.length === 0 ? (
								<p class="muted">Not linked with another identity.</p>
							) : (
								<Table
									caption="Links of this customer"
									rows={links}
									columns={[
										{ key: 'person', title: 'Identity', head: true, cell: x => <span class="break">{x.person}</span> },
										{ key: 'target', title: 'Linked to', cell: x => <span class="break">{x.target}</span> },
										{ key: 'at', title: 'Since', sort: x => x.at, cell: x => time(x.at, zone.value) },
										{ key: 'who', title: 'By', cell: x => <span class="break">{x.who}</span> },
										{ key: 'n', title: 'Interactions then', numeric: true, sort: x => x.interactions, cell: x => (x.interactions === null ? '–' : count(x.interactions)) },
										{
											key: 'do',
											title: '',
											cell: x =>
												isIdentity(x.person) && (
													<button type="button" class="button small" aria-label={`Unlink ${x.person}`} onClick={() => void unlink(x.person)}>
														Unlink
													</button>
												),
										},
									]}
								/>
							)}
							{j.next && <p class="muted">Only links among the newest {LINKS} entries of the journal are shown; corridor journal lists all.</p>}
						</>
					);
				}}
			</Await>
			<p class="actions identity-actions">
				<button type="button" class="button" onClick={() => setOpen('link')}>
					Link with another identity…
				</button>
				<button type="button" class="button danger" onClick={() => setOpen('erase')}>
					Erase this customer…
				</button>
			</p>
			<p role="status">{told}</p>
			{open === 'link' && <LinkDialog name={name} onClose={close} onDone={setTold} />}
			{open === 'erase' && <EraseDialog story={story} name={name} onClose={close} onErased={onErased} />}
		</Section>
	);
}

/** In the place of the customer's page: what was erased. */
export function Erased({ receipt }: { receipt: Receipt }) {
	useLayoutEffect(() => document.querySelector<HTMLElement>('h1')?.focus(), []);
	return (
		<>
			<PageHead title="The customer was erased" eyebrow={<a href={to('/customers')}>Customers</a>}>
				<p class="muted">Pages and queries no longer show it. The stored bytes go when segments are merged next, within the hour while something is writing.</p>
			</PageHead>
			<Section title="Receipt">
				<dl class="facts panel">
					<dt>Journal entry</dt>
					<dd>{receipt.entry}</dd>
					<dt>Persons</dt>
					<dd>{count(receipt.persons)}</dd>
					<dt>Interactions</dt>
					<dd>{count(receipt.interactions)}</dd>
					<dt>Segments</dt>
					<dd class="break">{receipt.segments.map(s => `${s.segment}${s.was_inbox ? ' (the inbox until now)' : ''}: ${count(s.interactions)}`).join(', ') || '–'}</dd>
					<dt>Removed from quarantine</dt>
					<dd>{count(receipt.quarantine?.removed ?? 0)}</dd>
				</dl>
				{(receipt.quarantine?.unsure ?? 0) > 0 && <p>In quarantine there may be more: {many(receipt.quarantine?.unsure ?? 0, 'row')} with a value of less than 4 characters.</p>}
			</Section>
		</>
	);
}
