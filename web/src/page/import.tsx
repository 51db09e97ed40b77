// SPDX-License-Identifier: Apache-2.0
// Files in: upload, look at what the mapping makes of it, mend the mapping, take it in, see what went to quarantine.
import { useEffect, useState } from 'preact/hooks';
import { call, forget, may, Problem, useApi } from '../base/api';
import { count, many, percent, time } from '../base/format';
import { usePreview } from '../base/preview';
import { zone } from '../base/question';
import type { Interaction } from '../base/types';
import { useUnsaved } from '../base/unsaved';
import { Editor, type TextProblem } from '../ui/editor';
import { Await, Empty, Failure, Loading, PageHead, Section } from '../ui/parts';
import { Table } from '../ui/table';
import { Quarantine } from './quarantine';
import { InteractionTable } from './touchpoint';

interface Uploaded {
	file: string;
	name: string;
	bytes: number;
	format: string;
	mapping: string | null;
	columns: { name: string; samples: string[] }[];
}

interface Preview {
	problems: TextProblem[];
	rows: number;
	items: Interaction[];
	rejected: { line: number; reason: string }[];
}

interface Job {
	job: string;
	state: 'queued' | 'running' | 'done' | 'failed' | 'cancelled';
	name: string;
	who: string;
	origin: string;
	dry_run: boolean;
	at: string;
	rows: number;
	empty: number;
	taken: number;
	repeated: number;
	rejected: number;
	unmatched: number;
	reasons: { reason: string; n: number; first_line: number }[];
	bytes_read: number;
	bytes: number;
	message: string;
}

const STATES = { queued: 'Waiting for its turn', running: 'Taking it in', done: 'Done', failed: 'Failed', cancelled: 'Cancelled' };

function sizeText(bytes: number): string {
	return bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function Drop({ onFile, busy }: { onFile: (f: File) => void; busy: boolean }) {
	const [over, setOver] = useState(false);
	return (
		<label
			class={`drop ${over ? 'over' : ''}`}
			onDragOver={e => {
				e.preventDefault();
				setOver(true);
			}}
			onDragLeave={() => setOver(false)}
			onDrop={e => {
				e.preventDefault();
				setOver(false);
				const f = e.dataTransfer?.files[0];
				if (f) onFile(f);
			}}
		>
			<input
				type="file"
				class="sr"
				disabled={busy}
				onChange={e => {
					const f = e.currentTarget.files?.[0];
					if (f) onFile(f);
					e.currentTarget.value = '';
				}}
			/>
			<b>{busy ? 'Uploading…' : 'Drop a file here, or choose one'}</b>
			<span class="muted">CSV, NDJSON or XES; gzip and zstd too</span>
		</label>
	);
}

/** What became of the rows, in a sentence. */
function Outcome({ job }: { job: Job }) {
	return (
		<>
			{many(job.rows, 'row')}
			{job.empty > 0 && `, ${count(job.empty)} of them left out by the mapping`}: {many(job.taken, 'interaction')} {job.dry_run ? 'would be taken in' : 'taken in'}
			{job.repeated > 0 && `, ${count(job.repeated)} known before`}
			{job.unmatched > 0 && `, ${count(job.unmatched)} without a touch point`}
			{job.rejected > 0 ? (
				<>
					, <b class="bad">
						{many(job.rejected, 'row')} {job.dry_run ? 'not understood' : 'to quarantine'}
					</b>
				</>
			) : null}
			.
		</>
	);
}

function isGoing(job: Job): boolean {
	return job.state === 'queued' || job.state === 'running';
}

/** Cancels an import that waits or runs. */
function Cancel({ job, onDone }: { job: Job; onDone: () => void }) {
	const [said, setSaid] = useState('');
	if (!isGoing(job)) return null;
	const cancel = async (): Promise<void> => {
		if (!confirm(`Cancel the import of ${job.name}? ${job.dry_run ? '' : 'What was taken in stays; '}the same file may be imported again.`)) return;
		setSaid('Cancelling…');
		try {
			await call(`/api/import/jobs/${job.job}`, { method: 'DELETE' });
		} catch (e) {
			// It may just have ended by itself.
			setSaid((e as Problem).message);
		}
		onDone();
	};
	return (
		<span class="actions">
			<button type="button" class="button small danger" disabled={said === 'Cancelling…'} aria-label={`Cancel the import of ${job.name}`} onClick={() => void cancel()}>
				Cancel
			</button>
			<span role="status" class="muted small">
				{said}
			</span>
		</span>
	);
}

function Progress({ id, onDone }: { id: string; onDone: () => void }) {
	const [job, setJob] = useState<Job | null>(null);
	const [error, setError] = useState<Problem | null>(null);
	useEffect(() => {
		let here = true;
		const ask = async (): Promise<void> => {
			try {
				const j = await call<Job>(`/api/import/jobs/${id}`);
				if (!here) return;
				setJob(j);
				if (isGoing(j)) setTimeout(() => void ask(), 500);
				else onDone();
			} catch (e) {
				if (here) setError(e as Problem);
			}
		};
		void ask();
		return () => {
			here = false;
		};
	}, [id]);
	if (error) return <Failure error={error} />;
	if (!job) return <Loading height={80} />;
	const share = job.state === 'done' ? 1 : job.bytes ? job.bytes_read / job.bytes : 0;
	return (
		<div class="panel progress">
			<label>
				<b class={job.state === 'failed' ? 'bad' : ''}>{job.dry_run && job.state === 'done' ? 'Tried' : STATES[job.state]}</b>{' '}
				<span class="muted">
					{job.name}, {percent(share, 0)}
				</span>
				<progress max={1} value={share} />
			</label>
			<p role="status">
				<Outcome job={job} />
			</p>
			<Cancel job={job} onDone={onDone} />
			{job.reasons.length > 0 && (
				<ul class="notes">
					{job.reasons.map(r => (
						<li key={r.reason}>
							{count(r.n)} × {r.reason}, first in line {r.first_line}
						</li>
					))}
				</ul>
			)}
			{job.message && <p class="bad">{job.message}</p>}
		</div>
	);
}

const AGAIN_MS = 2000;

function Jobs() {
	const jobs = useApi<{ items: Job[] }>('/api/import/jobs?limit=20');
	useEffect(() => {
		// No answer once (the network, a restart) does not end the asking.
		if (!jobs.error && !jobs.data?.items.some(isGoing)) return;
		const timer = setTimeout(jobs.reload, AGAIN_MS);
		return () => clearTimeout(timer);
	}, [jobs.data, jobs.error]);
	return (
		<Section title="Imports" aside={<span class="muted">files sent here, put into the folder, or sent by mail</span>}>
			<Await of={jobs} height={120}>
				{p =>
					p.items.length ? (
						<Table
							caption="Imports, the newest first"
							rows={p.items}
							columns={[
								{ key: 'at', title: 'When', cell: j => time(j.at, zone.value) },
								{ key: 'name', title: 'File', head: true, cell: j => j.name },
								{ key: 'who', title: 'Who', cell: j => j.who },
								{ key: 'state', title: 'State', cell: j => <span class={j.state === 'failed' ? 'bad' : ''}>{j.state === 'done' && j.dry_run ? 'tried' : j.state}</span> },
								{ key: 'rows', title: 'What became of it', cell: j => (j.message ? j.message : <Outcome job={j} />) },
								...(p.items.some(isGoing) ? [{ key: 'do', title: '', cell: (j: Job) => <Cancel job={j} onDone={jobs.reload} /> }] : []),
							]}
						/>
					) : (
						<Empty title="Nothing has been imported yet." />
					)
				}
			</Await>
		</Section>
	);
}

function Mapping({ up, onStart }: { up: Uploaded; onStart: (mapping: string, dry: boolean) => void }) {
	const [text, setText] = useState(up.mapping ?? '');
	const { preview, error, current } = usePreview<Preview>('/api/import/preview', { file: up.file, mapping: text });
	useUnsaved(text !== (up.mapping ?? ''), `Leave this page? The mapping you changed for ${up.name} will be lost.`);
	const off = !current || !preview || preview.problems.length > 0;
	return (
		<>
			<Section title={up.name} aside={<span class="muted">{`${sizeText(up.bytes)}, ${up.format}`}</span>}>
				<Table
					caption="Columns of the file"
					compact
					rows={up.columns}
					columns={[
						{ key: 'n', title: 'Column', head: true, cell: c => c.name },
						{ key: 's', title: 'Samples', cell: c => c.samples.join(' · ') },
					]}
				/>
			</Section>
			<Section title="Mapping" aside={<span class="muted">which column is what; docs/mapping.md</span>}>
				<Editor label="Mapping" value={text} problems={preview?.problems ?? []} onInput={setText} rows={14} />
				{preview?.problems.map((p, i) => (
					<p key={i} class="bad">
						line {p.line}: {p.message}
						{p.remedy && `; ${p.remedy}`}
					</p>
				))}
			</Section>
			<Section title="What comes of it" aside={preview && preview.rows > 0 && <span class="muted">of the first {many(preview.rows, 'row')}</span>}>
				{error ? (
					<Failure error={error} />
				) : !preview ? (
					<Loading />
				) : (
					<>
						{preview.items.length ? <InteractionTable items={preview.items} caption="The first interactions" /> : <Empty title="No row becomes an interaction." />}
						{preview.rejected.length > 0 && (
							<ul class="notes">
								{preview.rejected.map(r => (
									<li key={r.line}>
										line {r.line}: {r.reason}
									</li>
								))}
							</ul>
						)}
					</>
				)}
				<div class="actions more-rows">
					<button type="button" class="button primary" disabled={off || !preview.items.length} onClick={() => onStart(text, false)}>
						Take it in
					</button>
					<button type="button" class="button" disabled={off} onClick={() => onStart(text, true)}>
						Try all rows, write nothing
					</button>
				</div>
			</Section>
		</>
	);
}

export function ImportPage() {
	const [up, setUp] = useState<Uploaded | null>(null);
	const [job, setJob] = useState<string | null>(null);
	const [busy, setBusy] = useState(false);
	const [error, setError] = useState<Problem | null>(null);
	const upload = async (f: File): Promise<void> => {
		if (busy) return; // one that is dropped while another is on its way
		setBusy(true);
		setError(null);
		setJob(null);
		try {
			setUp(await call<Uploaded>(`/api/import/files?name=${encodeURIComponent(f.name)}`, { body: f }));
		} catch (e) {
			setError(e as Problem);
		} finally {
			setBusy(false);
		}
	};
	const start = async (mapping: string, dry: boolean): Promise<void> => {
		setError(null);
		try {
			const r = await call<{ job: string }>('/api/import', { json: { file: up?.file, mapping, dry_run: dry } });
			setJob(r.job);
			if (!dry) setUp(null);
		} catch (e) {
			setError(e as Problem);
		}
	};
	return (
		<>
			<PageHead title="Import" eyebrow="Data in">
				<p class="muted">{may('import') ? 'The same row is never counted twice, so a file may be sent again.' : 'Files are imported by managers and administrators. What could not be understood is yours to look after.'}</p>
			</PageHead>
			{may('import') && <Drop onFile={f => void upload(f)} busy={busy} />}
			{error && <Failure error={error} />}
			{job && <Progress key={job} id={job} onDone={() => forget('/api/')} />}
			{up && <Mapping key={up.file} up={up} onStart={(m, dry) => void start(m, dry)} />}
			{may('import') && <Jobs />}
			{may('quarantine') && <Quarantine />}
		</>
	);
}
