// SPDX-License-Identifier: Apache-2.0
// What could not be understood: how much of what, the rows as they came, a mended mapping for them with a look at what it
// makes of them, and taking them in or dropping them.
import { useEffect, useState } from 'preact/hooks';
import { call, forget, may, Problem, useApi } from '../base/api';
import { count, many, time } from '../base/format';
import { usePages } from '../base/pages';
import { usePreview } from '../base/preview';
import { zone } from '../base/question';
import type { Interaction } from '../base/types';
import { useUnsaved } from '../base/unsaved';
import { Editor, type TextProblem } from '../ui/editor';
import { Await, Empty, Failure, Loading, Section } from '../ui/parts';
import { Table, type TableColumn } from '../ui/table';
import { InteractionTable } from './touchpoint';

/** Rows of one file or way in that wait for the same reason. */
interface Group {
	source: string;
	mapping: string;
	reason: string;
	n: number;
	first_id: number;
	last_id: number;
	at: string;
}

interface Held {
	id: number;
	at: string;
	source: string;
	line: number;
	reason: string;
	/** null: it is not for whoever asks. */
	raw: string | null;
}

interface Reading {
	kind: 'file' | 'webhook' | 'tracking';
	name: string;
	mapping: string | null;
	/** The one they were read with is no longer there. */
	guessed: boolean;
	header: string | null;
}

interface Preview {
	rows: number;
	understood: number;
	empty: number;
	interactions: number;
	problems: TextProblem[];
	items: Interaction[];
	rejected: { id: number; reason: string }[];
}

interface Outcome {
	taken: number;
	empty: number;
	rejected: number;
	interactions: number;
	repeated: number;
	reasons: { reason: string; n: number }[];
}

/** Which rows, as the API takes it. */
type Chosen = Record<string, string | number[] | boolean>;

const CUT = 300; // letters of a row that are shown at first
const REASONS = 5;

function chosenOf(g: Group | null): Record<string, string> {
	return g ? { source: g.source, reason: g.reason, ...(g.mapping ? { read_with: g.mapping } : {}) } : {};
}

function sameSource(a: Group, b: Group): boolean {
	return a.source === b.source && a.mapping === b.mapping;
}

/** A row as it was received: its beginning, or all of it in a box of its own. */
function Raw({ of: h }: { of: Held }) {
	const [whole, setWhole] = useState(false);
	if (h.raw === null) return <span class="muted">not shown to you</span>;
	if (h.raw.length <= CUT) return <code class="raw">{h.raw}</code>;
	return (
		<>
			{whole ? (
				<pre class="raw raw-whole" tabIndex={0} role="region" aria-label={`Row ${h.id} as received`}>
					{h.raw}
				</pre>
			) : (
				<code class="raw">{h.raw.slice(0, CUT)}…</code>
			)}{' '}
			<button type="button" class="link" aria-expanded={whole} aria-label={`${whole ? 'Show less' : 'Show all'} of row ${h.id}`} onClick={() => setWhole(!whole)}>
				{whole ? 'Show less' : `Show all ${count(h.raw.length)} characters`}
			</button>
		</>
	);
}

/** The chosen rows, newest first, page by page. */
function Rows({ query, act }: { query: string; act: (what: 'replay' | 'drop', chosen: Chosen, name: string) => void }) {
	const list = usePages<Held>('/api/quarantine', query);
	const columns: TableColumn<Held>[] = [
		{ key: 'at', title: 'Received', cell: h => time(h.at, zone.value) },
		{ key: 'source', title: 'Source', cell: h => (h.line > 0 ? `${h.source}, line ${h.line}` : h.source) },
		{ key: 'reason', title: 'Reason', cell: h => h.reason },
		{ key: 'raw', title: 'As received', cell: h => <Raw key={h.id} of={h} /> },
		{
			key: 'do',
			title: '',
			cell: h => (
				<span class="actions">
					<button type="button" class="button small" onClick={() => act('replay', { ids: [h.id] }, 'this row')} aria-label={`Replay ${h.id}`}>
						Replay
					</button>
					{may('import') && (
						<button type="button" class="button small danger" onClick={() => act('drop', { ids: [h.id] }, 'this row')} aria-label={`Drop ${h.id}`}>
							Drop
						</button>
					)}
				</span>
			),
		},
	];
	return (
		<Await of={list.first} height={120}>
			{p => (
				<>
					<Table caption="Rows in quarantine" rows={list.items} columns={columns} />
					{list.failed && <Failure error={list.failed} />}
					<p class="actions more-rows">
						{list.more && (
							<button type="button" class="button" disabled={list.busy} onClick={list.ask}>
								{list.busy ? 'Loading…' : 'Show more'}
							</button>
						)}
						<span class="muted" role="status">
							{count(list.items.length)} of {count(p.total ?? list.items.length)} shown
						</span>
					</p>
				</>
			)}
		</Await>
	);
}

function outcomeText(r: Outcome, dry: boolean): string {
	const known = r.repeated ? `, ${count(r.repeated)} known before` : '';
	const empty = r.empty ? `, ${count(r.empty)} left out by the mapping` : '';
	const why = r.reasons.slice(0, 2).map(x => `${count(x.n)} × ${x.reason}`);
	return (
		`${many(r.taken, 'row')} ${dry ? 'would be understood' : 'understood'}: ${many(r.interactions, 'interaction')} ${dry ? 'would be taken in' : 'taken in'}${known}${empty}. ` +
		`${count(r.rejected)} ${dry ? 'would still not be understood' : 'still not understood'}${why.length ? ` (${why.join('; ')})` : ''}.`
	);
}

function Made({ preview }: { preview: Preview }) {
	return (
		<>
			<p role="status">
				{preview.problems.length ? (
					<b class="bad">The mapping has a mistake.</b>
				) : (
					<>
						Of the first {many(preview.rows, 'row')}{' '}
						<b class={preview.understood < preview.rows ? 'bad' : ''}>{count(preview.understood)} would be understood</b> and give {many(preview.interactions, 'interaction')}
						{preview.empty > 0 && `; ${count(preview.empty)} of them the mapping leaves out`}.
					</>
				)}
			</p>
			{preview.items.length > 0 && <InteractionTable items={preview.items} caption="What the rows would become" />}
			{preview.rejected.length > 0 && (
				<ul class="notes">
					{preview.rejected.slice(0, REASONS).map(r => (
						<li key={r.id}>
							row {r.id}: {r.reason}
						</li>
					))}
				</ul>
			)}
		</>
	);
}

/** The mapping of a group's rows, to be mended. Its text stays while the rows of the same file change their reasons. */
function Mend({ group, reading, said, onDone }: { group: Group; reading: Reading; said: string; onDone: (said: string) => void }) {
	const [text, setText] = useState(reading.mapping ?? '');
	const [used, setUsed] = useState(text);
	useUnsaved(text !== used, 'Leave this page? The mapping you mended has not been used and will be lost.');
	const [busy, setBusy] = useState(false);
	const chosen = chosenOf(group);
	const { preview, error, current } = usePreview<Preview>('/api/quarantine/preview', text.trim() ? { ...chosen, mapping: text } : null);
	const [failed, setFailed] = useState<Problem | null>(null);
	const start = async (dry: boolean): Promise<void> => {
		setBusy(true);
		setFailed(null);
		try {
			onDone(outcomeText(await call<Outcome>('/api/quarantine/replay', { json: { ...chosen, mapping: text, dry_run: dry } }), dry));
			if (!dry) setUsed(text);
		} catch (e) {
			setFailed(e as Problem);
		} finally {
			setBusy(false);
		}
	};
	const off = busy || !current || !preview || preview.problems.length > 0;
	return (
		<div class="panel mend">
			<h3>Mend the mapping</h3>
			<p class="muted">
				{reading.kind === 'webhook'
					? `It reads these rows only: what the webhook ${reading.name} receives from now on needs its own mapping mended, under Settings.`
					: 'It reads these rows only: the next file needs the mended mapping, too.'}
				{reading.guessed && ` The mapping they were read with is no longer there${reading.mapping ? '; this one is guessed from the rows.' : '.'}`}
			</p>
			{reading.header && (
				<p>
					<span class="muted">Header of the file</span> <code class="raw">{reading.header.trim()}</code>
				</p>
			)}
			<Editor label="Mapping of these rows" value={text} problems={preview?.problems ?? []} onInput={setText} rows={14} />
			{preview?.problems.map((p, i) => (
				<p key={i} class="bad">
					{p.line > 0 && `line ${p.line}: `}
					{p.message}
					{p.remedy && `; ${p.remedy}`}
				</p>
			))}
			{error ? <Failure error={error} /> : preview ? <Made preview={preview} /> : text.trim() ? <Loading height={80} /> : null}
			{failed && <Failure error={failed} />}
			<div class="actions more-rows">
				<button type="button" class="button primary" disabled={off || preview.understood === 0} onClick={() => void start(false)}>
					{busy ? 'Reading…' : `Replay ${count(group.n)} with this mapping`}
				</button>
				<button type="button" class="button" disabled={off} onClick={() => void start(true)}>
					Try all rows, write nothing
				</button>
				<span role="status" class="muted">
					{said}
				</span>
			</div>
		</div>
	);
}

function Mending({ group, said, onDone }: { group: Group; said: string; onDone: (said: string) => void }) {
	// The text that is being edited is not to be lost when it is asked for again.
	const [first] = useState(`/api/quarantine/mapping?${new URLSearchParams(chosenOf(group))}`);
	const reading = useApi<Reading>(first);
	const [was, setWas] = useState<Reading | null>(null);
	useEffect(() => {
		if (reading.data && !was) setWas(reading.data);
	}, [reading.data]);
	if (was && was.kind !== 'tracking') return <Mend group={group} reading={was} said={said} onDone={onDone} />;
	if (was)
		return (
			<p class="muted" role="status">
				{said || 'Tracking messages need no mapping: mend what sends them, or the corridor file, and replay.'}
			</p>
		);
	return <Await of={reading} height={120}>{() => null}</Await>;
}

function Groups({ groups, at, onChoose, act }: { groups: Group[]; at: Group | null; onChoose: (g: Group | null) => void; act: (what: 'replay' | 'drop', chosen: Chosen, name: string) => void }) {
	return (
		<Table
			caption="Quarantine by source and reason"
			rows={groups}
			columns={[
				{ key: 'n', title: 'Rows', numeric: true, cell: g => count(g.n) },
				{ key: 'source', title: 'Source', head: true, cell: g => g.source },
				{ key: 'reason', title: 'Reason', cell: g => g.reason },
				{ key: 'mapping', title: 'Mapping', cell: g => g.mapping || '–' },
				{ key: 'at', title: 'Last', cell: g => time(g.at, zone.value) },
				{
					key: 'do',
					title: '',
					cell: g => (
						<span class="actions">
							<button type="button" class="button small" aria-pressed={g === at} onClick={() => onChoose(g === at ? null : g)} aria-label={`Look at ${g.source}: ${g.reason}`}>
								{may('import') && !g.source.startsWith('tracking/') ? 'Look, mend' : 'Look'}
							</button>
							<button type="button" class="button small" onClick={() => act('replay', chosenOf(g), many(g.n, 'row'))} aria-label={`Replay ${g.source}: ${g.reason}`}>
								Replay
							</button>
							{may('import') && (
								<button type="button" class="button small danger" onClick={() => act('drop', chosenOf(g), `${many(g.n, 'row')} of ${g.source}`)} aria-label={`Drop ${g.source}: ${g.reason}`}>
									Drop
								</button>
							)}
						</span>
					),
				},
			]}
		/>
	);
}

function Inside({ groups, total, n, said, onSaid }: { groups: Group[]; total: number; n: number; said: string; onSaid: (text: string) => void }) {
	const [wanted, setWanted] = useState<Group | null>(null);
	// Rows that were read again wait for another reason: the same file stays in sight.
	const at = wanted && (groups.find(g => sameSource(g, wanted) && g.reason === wanted.reason) ?? groups.find(g => sameSource(g, wanted)) ?? null);
	const mending = at !== null && may('import'); // what is said stands beside its buttons then
	const choose = (g: Group | null): void => {
		onSaid('');
		setWanted(g);
	};
	const act = async (what: 'replay' | 'drop', chosen: Chosen, name: string): Promise<void> => {
		if (what === 'drop' && !confirm(`Drop ${name} for good? What was received is then gone.`)) return;
		onSaid(what === 'drop' ? 'Dropping…' : 'Reading again…');
		try {
			const r = await call<Outcome & { dropped: number }>(`/api/quarantine/${what}`, { json: chosen });
			onSaid(what === 'replay' ? outcomeText(r, false) : `${many(r.dropped, 'row')} dropped.`);
		} catch (e) {
			onSaid((e as Problem).message);
		}
		forget('/api/');
	};
	const run = (what: 'replay' | 'drop', chosen: Chosen, name: string): void => void act(what, chosen, name);
	return (
		<>
			<Groups groups={groups} at={at} onChoose={choose} act={run} />
			{n > groups.length && (
				<p class="muted">
					{count(groups.length)} of {count(n)} kinds are shown, the newest.
				</p>
			)}
			<p class="actions more-rows">
				<button type="button" class="button" onClick={() => run('replay', { all: true }, 'all')}>
					Replay all {count(total)}
				</button>
				{may('import') && (
					<button type="button" class="button danger" onClick={() => run('drop', { all: true }, `all ${many(total, 'row')} of the quarantine`)}>
						Drop all {count(total)}
					</button>
				)}
				{!mending && (
					<span role="status" class="muted">
						{said}
					</span>
				)}
			</p>
			{mending && (
				<Mending
					key={`${at.source} ${at.mapping}`}
					group={at}
					said={said}
					onDone={text => {
						onSaid(text);
						forget('/api/');
					}}
				/>
			)}
			<div class="section-head more-rows">
				<h3>{at ? `${at.source}: ${at.reason}` : 'Rows, the newest first'}</h3>
				{at && (
					<button type="button" class="link" onClick={() => choose(null)}>
						Show all sources
					</button>
				)}
			</div>
			<Rows query={new URLSearchParams(chosenOf(at)).toString()} act={run} />
		</>
	);
}

export function Quarantine() {
	const held = useApi<{ items: Group[]; groups: number; total: number }>('/api/quarantine/groups');
	const [said, setSaid] = useState('');
	return (
		<Section title="Quarantine" aside={<span class="muted">what could not be understood, with the reason</span>}>
			<Await of={held} height={120}>
				{p =>
					p.total ? (
						<Inside groups={p.items} total={p.total} n={p.groups} said={said} onSaid={setSaid} />
					) : (
						<Empty title="Quarantine is empty.">
							<p role="status">{said || 'Everything that arrived was understood.'}</p>
						</Empty>
					)
				}
			</Await>
		</Section>
	);
}
