// SPDX-License-Identifier: Apache-2.0
// SQL over interactions, promises and people: read-only, the statement in the URL, the answer as table, CSV or bars.
import { useEffect, useRef, useState } from 'preact/hooks';
import { call, Problem } from '../base/api';
import { count, decimalsOf, exact, many, number } from '../base/format';
import { params, path, setParams } from '../base/router';
import { Bars } from '../chart/bars';
import { Empty, Failure, Loading, PageHead, Section } from '../ui/parts';
import { Table } from '../ui/table';

interface Answer {
	columns: { name: string; type: string }[];
	rows: (string | number | null)[][];
	truncated: boolean;
	elapsed_ms: number;
}

const EXAMPLES: [string, string][] = [
	['Volume and satisfaction by channel', 'SELECT channel, count(*) AS n, round(avg(csat), 2) AS csat\nFROM interactions\nGROUP BY channel ORDER BY csat NULLS LAST'],
	['Promises by status', 'SELECT touchpoint, status, count(*) AS n\nFROM promises\nGROUP BY 1, 2 ORDER BY n DESC'],
	['The most frequent customers', 'SELECT identities, n, first, last\nFROM people\nORDER BY n DESC LIMIT 20'],
	['Words of the unhappy', "SELECT at, touchpoint, csat, text\nFROM interactions\nWHERE csat <= 2 AND text IS NOT NULL\nORDER BY at DESC LIMIT 50"],
	['What there is', "SELECT m.name AS 'table', p.name AS 'column', p.type\nFROM pragma_module_list m JOIN pragma_table_info(m.name) p\nWHERE m.name IN ('interactions', 'promises', 'people')"],
];

function csv(a: Answer): string {
	const cell = (v: string | number | null): string => {
		const t = v === null ? '' : String(v);
		return /[",\r\n]/.test(t) ? `"${t.replace(/"/g, '""')}"` : t;
	};
	return [a.columns.map(c => cell(c.name)), ...a.rows.map(r => r.map(cell))].map(r => r.join(',')).join('\r\n') + '\r\n';
}

function download(text: string): void {
	const url = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
	const a = document.createElement('a');
	a.href = url;
	a.download = 'answer.csv';
	a.click();
	URL.revokeObjectURL(url);
}

export function SqlPage() {
	const [text, setText] = useState(params.value.get('sql') ?? (EXAMPLES[0] as [string, string])[1]);
	const [state, setState] = useState<{ answer?: Answer; error?: Problem; busy?: boolean }>({});
	const turn = useRef(0);
	const asked = useRef<string | null>(null);
	const run = async (sql: string): Promise<void> => {
		const mine = ++turn.current;
		const first = asked.current === null;
		asked.current = sql;
		setParams({ sql }, { replace: first });
		setState({ busy: true });
		const put = (now: typeof state): void => {
			if (mine === turn.current) setState(now); // a slow statement does not take the place of a later one
		};
		try {
			put({ answer: await call<Answer>('/api/sql', { json: { sql, limit: 1000 } }) });
		} catch (error) {
			put({ error: error as Problem });
		}
	};
	// A link to a statement shows its answer, and so do the ways back and forward.
	const given = params.value.get('sql');
	useEffect(() => {
		if (asked.current !== null && given === asked.current) return;
		if (asked.current !== null && given === null) {
			if (path.value === '/sql') setParams({ sql: asked.current }, { replace: true });
			return;
		}
		if (given !== null) setText(given);
		void run(given ?? text);
	}, [given]);
	const a = state.answer;
	const numeric = a ? a.columns.map((_, i) => a.rows.some(r => r[i] !== null) && a.rows.every(r => r[i] === null || typeof r[i] === 'number')) : [];
	// Numbers below each other have the same decimals; whole ones stay as they are: they may be years or ids.
	const forms = (a?.columns ?? []).map((_, i) => (numeric[i] ? exact((a?.rows ?? []).map(r => r[i] as number | null)) : String));
	const label = numeric.indexOf(false);
	const value = numeric.lastIndexOf(true);
	return (
		<>
			<PageHead title="SQL" eyebrow="Ask in your own words">
				<p class="muted">SQLite, read-only, over the tables interactions, promises and people. Times are UTC.</p>
			</PageHead>
			<form
				class="form sql"
				onSubmit={e => {
					e.preventDefault();
					void run(text);
				}}
			>
				<label class="field wide">
					<span class="sr">SQL</span>
					<textarea
						class="code"
						rows={Math.max(6, text.split('\n').length + 1)}
						value={text}
						spellcheck={false}
						onInput={e => setText(e.currentTarget.value)}
						onKeyDown={e => {
							if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) {
								e.preventDefault();
								void run(text);
							}
						}}
					/>
				</label>
				<div class="actions">
					<button type="submit" class="button primary" disabled={state.busy || !text.trim()}>
						Run
					</button>
					<span class="muted small">Ctrl + Enter</span>
					<label class="pill-select">
						<span class="sr">Examples</span>
						<select
							value=""
							onChange={e => {
								const found = EXAMPLES.find(([n]) => n === e.currentTarget.value);
								if (found) {
									setText(found[1]);
									void run(found[1]);
								}
								e.currentTarget.value = '';
							}}
						>
							<option value="">Examples…</option>
							{EXAMPLES.map(([n]) => (
								<option key={n} value={n}>
									{n}
								</option>
							))}
						</select>
					</label>
				</div>
			</form>
			<Section
				title="Answer"
				aside={
					a && (
						<>
							<span class="muted" role="status">
								{many(a.rows.length, 'row')} in {count(a.elapsed_ms)} ms{a.truncated && '; there are more, add LIMIT and OFFSET'}
							</span>
							<button type="button" class="button small end" onClick={() => download(csv(a))}>
								CSV
							</button>
						</>
					)
				}
			>
				{state.busy ? (
					<Loading height={200} />
				) : state.error ? (
					<Failure error={state.error} />
				) : !a ? (
					<Empty title="Nothing asked yet." />
				) : a.rows.length === 0 ? (
					<Empty title="No rows." />
				) : (
					<div class="answer">
						{label >= 0 && value >= 0 && a.rows.length > 1 && a.rows.length <= 40 && (
							<div class="panel">
								<Bars label={a.columns[value]?.name ?? ''} format={v => number(v, decimalsOf(a.rows.map(r => r[value] as number | null)))} bars={a.rows.map(r => ({ label: String(r[label] ?? '–'), value: r[value] as number | null, low: null, high: null }))} />
							</div>
						)}
						<Table<(string | number | null)[]>
							caption="Rows of the answer"
							compact
							rows={a.rows}
							columns={a.columns.map((c, i) => ({ key: `${i}`, title: c.name, numeric: numeric[i] ?? false, sort: r => r[i] ?? null, cell: r => (r[i] === null || r[i] === undefined ? '–' : (forms[i] ?? String)(r[i] as number)) }))}
						/>
					</div>
				)}
			</Section>
		</>
	);
}
