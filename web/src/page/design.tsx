// SPDX-License-Identifier: Apache-2.0
// The corridor file: written here with its mistakes shown as one types, compared, published, and its history.
import { useEffect, useRef, useState } from 'preact/hooks';
import { call, design, forget, may, Problem, useApi } from '../base/api';
import { type Effect, effect } from '../base/effect';
import { many, time } from '../base/format';
import { zone } from '../base/question';
import { params, setParams } from '../base/router';
import { useUnsaved } from '../base/unsaved';
import type { Design } from '../base/types';
import { Dialog } from '../ui/dialog';
import { Editor, jump, type TextProblem } from '../ui/editor';
import { Await, Empty, Failure, Loading, Mark, PageHead, Section } from '../ui/parts';
import { Table } from '../ui/table';

interface Version {
	version: number;
	at: string;
	who: string;
	hash: string;
}

interface Source {
	version: number;
	text: string;
	etag: string;
}

interface Diff {
	lines: string[];
	changes: ({ sign: string; text: string } & Effect)[];
}

const PAUSE_MS = 350;

export function DesignPage() {
	const version = params.value.get('version');
	const source = useApi<Source>(`/api/design/text${version ? `?version=${encodeURIComponent(version)}` : ''}`);
	const versions = useApi<{ items: Version[] }>('/api/design/versions');
	const [text, setText] = useState<string | null>(null);
	const [problems, setProblems] = useState<TextProblem[]>([]);
	const [checking, setChecking] = useState(false);
	const [diff, setDiff] = useState<Diff | null>(null);
	const [error, setError] = useState<Problem | null>(null);
	const [said, setSaid] = useState('');
	const turn = useRef(0);
	const base = useRef<string | undefined>(undefined); // the etag of what is edited, if that is in force
	const now = text ?? source.data?.text ?? '';
	const changed = text !== null && source.data !== null && text !== source.data.text;
	const mayWrite = may('design');
	const mistakes = problems.filter(p => !p.warning).length;

	useEffect(() => setText(null), [version]);

	// Only the newest text's answer counts; what is published has no mistakes.
	useEffect(() => {
		const mine = ++turn.current;
		if (text === null) {
			setProblems([]);
			setChecking(false);
			return;
		}
		setChecking(true);
		const timer = setTimeout(() => {
			call<{ problems: TextProblem[] }>('/api/design/check', { json: { text } })
				.then(r => {
					if (mine === turn.current) setProblems(r.problems);
				})
				.catch((e: unknown) => mine === turn.current && setError(e as Problem))
				.finally(() => mine === turn.current && setChecking(false));
		}, PAUSE_MS);
		return () => clearTimeout(timer);
	}, [text]);

	useUnsaved(changed, 'Leave this page? What you changed in the corridor file is not published and will be lost.', to => {
		const [page, query] = to.split('?');
		return page === '/design' && new URLSearchParams(query).get('version') === version;
	});

	const edit = (v: string): void => {
		if (!mayWrite) return;
		if (text === null) base.current = version ? undefined : source.data?.etag;
		setText(v);
	};
	const compare = async (): Promise<void> => {
		setError(null);
		try {
			setDiff(await call<Diff>('/api/design/diff', { json: { text: now } }));
		} catch (e) {
			setError(e as Problem);
		}
	};
	const publish = async (): Promise<void> => {
		try {
			const r = await call<{ version: number }>('/api/design', { json: { text: now }, ifMatch: base.current });
			design.value = await call<Design>('/api/design');
			forget('/api/');
			setDiff(null);
			setText(null);
			setSaid(`Version ${r.version} is in force; the past is judged by it.`);
		} catch (e) {
			setDiff(null);
			setError(e as Problem);
			// The next comparison is with what somebody else has published meanwhile.
			if ((e as Problem).status === 412) base.current = (await call<Source>('/api/design/text').catch(() => undefined))?.etag;
		}
	};
	const state = checking ? 'checking…' : mistakes ? `${mistakes} ${mistakes === 1 ? 'mistake' : 'mistakes'}` : changed ? 'valid, not published' : 'as published';
	return (
		<>
			<PageHead
				title="The corridor file"
				eyebrow="Design"
				aside={
					<div class="actions">
						<span class="with-mark" role="status" id="design-state">
							<Mark verdict={mistakes ? 'broken' : changed ? 'no detectable difference' : 'kept'} label={false} /> {said && !changed ? said : state}
						</span>
						{changed && (
							<button type="button" class="button" onClick={() => setText(null)}>
								Discard
							</button>
						)}
						{mayWrite && (
							<button type="button" class="button primary" disabled={!changed || mistakes > 0 || checking} onClick={() => void compare()}>
								Compare and publish…
							</button>
						)}
					</div>
				}
			>
				<p class="muted">
					{design.value?.brand}: {many(design.value?.stages.length ?? 0, 'stage')}, {many(design.value?.touchpoints.length ?? 0, 'touch point')}, {many(design.value?.touchpoints.reduce((s, t) => s + t.expect.length, 0) ?? 0, 'expectation')}
					{version ? ` · looking at version ${version}` : source.data ? ` · version ${source.data.version}` : ''}
					{!mayWrite && ' · to read only: managers and administrators publish'}
				</p>
			</PageHead>
			{error && <Failure error={error} />}
			<div class="design-grid">
				<Await of={source} height={500}>
					{() => <Editor label="Corridor file" value={now} problems={problems} onInput={edit} describedBy="design-state" readOnly={!mayWrite} />}
				</Await>
				<div class="design-side">
					<Section title="Problems">
						{problems.length ? (
							<ol class="problems">
								{problems.map((p, i) => (
									<li key={i} class={p.warning ? 'warning' : ''}>
										<button type="button" class="link" onClick={() => jump(p.line, p.column)}>
											line {p.line}, column {p.column}
										</button>
										<p>
											{p.warning && <b>To look at: </b>}
											{p.message}
										</p>
										{p.remedy && <p class="muted">{p.remedy}</p>}
									</li>
								))}
							</ol>
						) : (
							<p class="calm">
								<Mark verdict="kept" label={false} /> No mistakes.
							</p>
						)}
					</Section>
					<Section title="History">
						<Await of={versions} height={100}>
							{v => (
								<Table
									caption="Versions"
									compact
									rows={v.items}
									columns={[
										{ key: 'v', title: 'Version', head: true, cell: x => <button type="button" class="link" onClick={() => setParams({ version: String(x.version) })}>{x.version}</button> },
										{ key: 'at', title: 'Since', cell: x => time(x.at, zone.value) },
										{ key: 'who', title: 'By', cell: x => x.who },
									]}
								/>
							)}
						</Await>
					</Section>
				</div>
			</div>
			<Dialog open={diff !== null} title="What publishing changes" onClose={() => setDiff(null)}>
				{diff ? (
					<>
						{diff.changes.length > 0 && (
							<ul class="diff">
								{diff.changes.map((c, i) => (
									<li key={i} class={c.sign === '+' ? 'plus' : c.sign === '-' ? 'minus' : 'tilde'}>
										<b aria-hidden="true">{c.sign}</b> {c.text}
										{effect(c) && <div class="muted small">{effect(c)}</div>}
									</li>
								))}
							</ul>
						)}
						{diff.lines.length > 0 ? <pre class="diff-text">{diff.lines.join('\n')}</pre> : diff.changes.length === 0 && <Empty title="Nothing that matters changes." />}
						<div class="actions">
							<button type="button" class="button primary" onClick={() => void publish()}>
								Publish
							</button>
							<button type="button" class="button" onClick={() => setDiff(null)}>
								Not yet
							</button>
						</div>
					</>
				) : (
					<Loading />
				)}
			</Dialog>
		</>
	);
}
