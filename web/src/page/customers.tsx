// SPDX-License-Identifier: Apache-2.0
// A customer's story on one time line: all channels as lanes, gaps as marks of their own shape, the running experience
// index above.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { design, forget, may, useApi } from '../base/api';
import { bucketLabel, count, number, percent, seconds, signed, time, title } from '../base/format';
import { touchpointName, zone } from '../base/question';
import { go, params, setParams, to } from '../base/router';
import type { Interaction, Page, PersonStory, Receipt, Row, Verdict } from '../base/types';
import { Erased, Identity } from './identity';
import { InteractionTable, LOW } from './touchpoint';
import { Await, Empty, Failure, Mark, PageHead, Section, Segmented, Tile } from '../ui/parts';
import { ResultTable } from '../ui/result';
import { ScrollX } from '../ui/scroll';
import { Table } from '../ui/table';
import { LazyInput } from '../ui/question-form';
import { storyValues, why } from '../ui/why';
import { useWidth } from '../chart/width';

interface Found {
	key: string;
	identities: string[];
	first: string;
	last: string;
	n: number;
}

export function CustomersPage() {
	const q = params.value.get('q') ?? '';
	const found = useApi<{ items: Found[] }>(q ? `/api/search?${new URLSearchParams({ q })}` : null);
	return (
		<>
			<PageHead title="Customers" eyebrow="People">
				<p class="muted">One customer’s whole story, over every channel.</p>
			</PageHead>
			<form class="form panel search-form" role="search" onSubmit={e => e.preventDefault()}>
				<label class="field wide">
					<span class="field-label">Search</span>
					<LazyInput value={q} onDone={v => (/^[\w.-]+:.+/.test(v) ? go(to(`/customers/${encodeURIComponent(v)}`)) : setParams({ q: v || null }))} placeholder="part of an identity, or user:u-17" />
					<span class="field-help">An identity as type:value opens the story at once.</span>
				</label>
			</form>
			{q ? (
				<Section title={`“${q}”`}>
					<Await of={found}>
						{f =>
							f.items.length ? (
								<Table
									caption="Customers found"
									rows={f.items}
									columns={[
										{ key: 'id', title: 'Identities', head: true, cell: p => <a href={to(`/customers/${encodeURIComponent(p.identities[0] ?? p.key)}`)}>{p.identities.join(', ')}</a> },
										{ key: 'n', title: 'Interactions', numeric: true, sort: p => p.n, cell: p => count(p.n) },
										{ key: 'first', title: 'First', sort: p => p.first, cell: p => time(p.first, zone.value, 'day') },
										{ key: 'last', title: 'Last', sort: p => p.last, cell: p => time(p.last, zone.value, 'day') },
									]}
								/>
							) : (
								<Empty title="Nobody by that name.">
									<p>Try another part of the identity.</p>
								</Empty>
							)
						}
					</Await>
				</Section>
			) : (
				<LetDown />
			)}
		</>
	);
}

/** Somewhere to begin: those who said lately that they were not content. */
function LetDown() {
	const list = useApi<Page<Interaction>>(`/api/interactions?${new URLSearchParams({ where: LOW, limit: '15' })}`);
	return (
		<Section title="Lately let down">
			<Await of={list}>{l => (l.items.length ? <InteractionTable items={l.items} caption="Customers who gave a low score lately" /> : <Empty title="No low score was found." />)}</Await>
			<p class="section-links no-print">
				<a href={to('/interactions', { where: [LOW] })}>Everybody with a low score</a>
				<a href={to('/interactions', { where: ['index < 20'] })}>Low experience index</a>
				<a href={to('/interactions', { where: ['text exists'] })}>Whoever said something</a>
			</p>
		</Section>
	);
}

function verdictOfGap(gap: number | null): Verdict {
	return gap === null ? 'no data' : gap < 0 ? 'broken' : 'kept';
}

const LANE = 34;
const TOP = 108;
const LEFT = 92;

function Story({ story, at, setAt }: { story: PersonStory; at: number | null; setAt: (i: number | null) => void }) {
	const [box, width, unit] = useWidth<HTMLDivElement>(1000);
	const svg = useRef<SVGSVGElement>(null);
	const rows = story.story.rows;
	const d = design.value;
	const channels = useMemo(() => {
		const used = [...new Set(rows.map(r => String(r.channel ?? '(none)')))];
		const order = d?.channels.map(c => c.key) ?? [];
		return used.sort((a, b) => (order.indexOf(a) + 99) % 99 - ((order.indexOf(b) + 99) % 99));
	}, [rows, d]);
	const times = rows.map(r => new Date(String(r.at)).getTime());
	const first = Math.min(...times);
	const last = Math.max(...times, first + 1);
	const inner = Math.max(width, 640);
	const even = params.value.get('scale') === 'even';
	const x = (i: number): number => LEFT + 14 + (even ? i / Math.max(1, rows.length - 1) : ((times[i] as number) - first) / (last - first)) * (inner - LEFT - 34);
	const y = (v: number): number => 14 + (1 - v / 100) * (TOP - 34);
	const height = TOP + channels.length * LANE + 26;
	const index = rows.map((r, i) => (typeof r.index === 'number' ? ([x(i), y(r.index)] as const) : null)).filter(p => p !== null);
	let line = '';
	index.forEach(([px, py], i) => (line += i === 0 ? `M${px} ${py}` : `H${px}V${py}`));
	const months: [number, string][] = [];
	if (!even) {
		const m = new Date(first);
		for (let t = Date.UTC(m.getUTCFullYear(), m.getUTCMonth() + 1, 1); t < last; t = Date.UTC(new Date(t).getUTCFullYear(), new Date(t).getUTCMonth() + 1, 1)) months.push([LEFT + 14 + ((t - first) / (last - first)) * (inner - LEFT - 34), bucketLabel(new Date(t).toISOString().slice(0, 7))]);
	}
	const step = Math.max(1, Math.ceil(months.length / (inner / 80)));
	const focus = (i: number): void => {
		setAt(i);
		svg.current?.querySelector<SVGGElement>(`[data-i="${i}"]`)?.focus();
	};
	return (
		<ScrollX box={box} class="panel story" label="Time line of the customer">
			<svg
				ref={svg}
				width={inner * unit}
				height={height * unit}
				viewBox={`0 0 ${inner} ${height}`}
				role="group"
				aria-label="Time line; arrow keys go from interaction to interaction"
				onKeyDown={e => {
					const to = e.key === 'ArrowRight' ? (at ?? -1) + 1 : e.key === 'ArrowLeft' ? (at ?? 1) - 1 : e.key === 'Home' ? 0 : e.key === 'End' ? rows.length - 1 : null;
					if (to === null || to < 0 || to >= rows.length) return;
					e.preventDefault();
					focus(to);
				}}
			>
				{months.map(([px, label], i) => (
					<g key={label} class="story-month">
						<path d={`M${px} 10V${height - 20}`} />
						{i % step === 0 && (
							<text x={px} y={height - 6}>
								{label}
							</text>
						)}
					</g>
				))}
				<text class="story-lane" x="0" y={y(50) + 4}>
					Experience
				</text>
				<text class="story-axis" x={LEFT} y={y(100) + 4}>
					100
				</text>
				<text class="story-axis" x={LEFT} y={y(50) + 4}>
					50
				</text>
				<text class="story-axis" x={LEFT} y={y(0) + 4}>
					0
				</text>
				<path class="story-zero" d={`M${LEFT + 6} ${y(50)}H${inner - 10}`} />
				<path class="story-index" d={line} />
				{channels.map((c, k) => (
					<g key={c}>
						<path class="story-rail" d={`M${LEFT + 6} ${TOP + k * LANE + LANE / 2}H${inner - 10}`} />
						<text class="story-lane" x="0" y={TOP + k * LANE + LANE / 2 + 4}>
							{title(c)}
						</text>
					</g>
				))}
				{rows.map((r, i) => {
					const gap = typeof r.gap === 'number' ? r.gap : null;
					const v = verdictOfGap(gap);
					const cx = x(i);
					const cy = TOP + channels.indexOf(String(r.channel ?? '(none)')) * LANE + LANE / 2;
					const size = 5 + Math.min(5, Math.abs(gap ?? 0) * 5);
					const on = at === i;
					return (
						<g key={i} data-i={i} class={`story-dot ${on ? 'on' : ''}`} tabIndex={on || (at === null && i === 0) ? 0 : -1} role="img" aria-label={`${time(String(r.at), zone.value)}: ${touchpointName(r.touchpoint as string | null)}, ${r.channel ?? 'no channel'}${gap !== null ? `, gap ${signed(gap)}` : ''}${typeof r.index === 'number' ? `, index ${number(r.index, 0)}` : ''}`} onFocus={() => setAt(i)} onClick={() => focus(i)} onMouseEnter={() => setAt(i)}>
							{on && <path class="story-at" d={`M${cx} 8V${height - 20}`} />}
							{v === 'broken' ? <path class="fill-broken" d={`M${cx} ${cy - size}l${size} ${size}-${size} ${size}-${size}-${size}z`} /> : <circle class={v === 'kept' ? 'fill-kept' : 'story-none'} cx={cx} cy={cy} r={v === 'kept' ? size - 1 : 4} />}
							{r.text != null && <path class="story-said" d={`M${cx - 4} ${cy - 15}h8v6h-3l-2 3v-3h-3z`} />}
							{typeof r.promise === 'string' && /broken|overdue/.test(r.promise) && <path class="story-promise" d={`M${cx + 5} ${cy + 5}l6 6m0-6l-6 6`} />}
						</g>
					);
				})}
			</svg>
		</ScrollX>
	);
}

function Detail({ row }: { row: Row }) {
	const gap = typeof row.gap === 'number' ? row.gap : null;
	return (
		<div class="story-detail panel" aria-live="polite">
			<p class="eyebrow">{time(String(row.at), zone.value)}</p>
			<h3>
				<Mark verdict={verdictOfGap(gap)} label={false} /> {row.touchpoint ? <a href={to(`/touchpoint/${row.touchpoint}`)}>{touchpointName(String(row.touchpoint))}</a> : 'no touch point'} <span class="muted">{[row.channel, row.event, row.agent].filter(Boolean).join(' · ')}</span>
			</h3>
			<dl class="facts">
				{row.values && (
					<>
						<dt>Measured</dt>
						<dd>{storyValues(String(row.values))}</dd>
					</>
				)}
				{gap !== null && (
					<>
						<dt>Gap</dt>
						<dd>
							{signed(gap)} {gap < 0 ? 'worse than expected' : gap > 0 ? 'better than expected' : 'as expected'}
						</dd>
					</>
				)}
				{typeof row.index === 'number' && (
					<>
						<dt>Experience index after it</dt>
						<dd>{number(row.index, 1)}</dd>
					</>
				)}
				{row.promise && (
					<>
						<dt>Promise</dt>
						<dd>
							{String(row.promise)}
							{row.due && `, due ${time(String(row.due), zone.value)}`}
							{typeof row.delay === 'number' && `, ${row.delay <= 0 ? `${seconds(-row.delay)} early` : `${seconds(row.delay)} late`}`}
						</dd>
					</>
				)}
			</dl>
			{row.text && <blockquote>{String(row.text)}</blockquote>}
		</div>
	);
}

export function CustomerPage({ customer = '' }: { customer?: string }) {
	const [erased, setErased] = useState<{ customer: string; receipt: Receipt } | null>(null);
	const gone = erased?.customer === customer ? erased.receipt : null;
	const data = useApi<PersonStory>(gone ? null : `/api/persons/${encodeURIComponent(customer)}`);
	const [seen, setSeen] = useState<{ customer: string; i: number | null }>({ customer, i: null });
	const at = seen.customer === customer ? seen.i : null;
	const setAt = (i: number | null): void => setSeen({ customer, i });
	const table = useMemo(() => data.data && { ...data.data.story, rows: data.data.story.rows.map(r => (typeof r.values === 'string' ? { ...r, values: storyValues(r.values) } : r)) }, [data.data]);
	// After the question about the customer is given up: it would be asked again.
	useEffect(() => {
		if (gone) forget('/api/');
	}, [gone]);
	if (gone) return <Erased receipt={gone} />;
	if (data.error)
		return (
			<>
				<PageHead title={customer} eyebrow={<a href={to('/customers')}>Customers</a>} />
				<Failure error={data.error} retry={data.reload} />
			</>
		);
	return (
		<Await of={data} height={420}>
			{p => {
				const rows = p.story.rows;
				const last = rows[rows.length - 1];
				const index = [...rows].reverse().find(r => typeof r.index === 'number')?.index as number | undefined;
				const broken = rows.filter(r => typeof r.gap === 'number' && r.gap < 0).length;
				const scored = rows.filter(r => typeof r.gap === 'number').length;
				const standing = p.story.notes.find(n => n.startsWith('now:'))?.slice(5);
				const told = /^experience index ([\d.]+), /.exec(standing ?? '');
				const now = told ? Number(told[1]) : undefined;
				const after = index !== undefined ? number(index, 1) : '–';
				const isSame = now === undefined || number(now, 1) === after;
				const row = rows[at ?? -1] ?? last;
				return (
					<>
						<PageHead title={p.identities[0] ?? customer} eyebrow={<a href={to('/customers')}>Customers</a>}>
							<p class="muted">
								{p.identities.slice(1).join(' · ')}
								{standing && `${p.identities.length > 1 ? ' · ' : ''}Now: ${told ? standing.slice(told[0].length) : standing}`}
							</p>
						</PageHead>
						{rows.length === 0 ? (
							<Empty title="Nothing is known of this customer." />
						) : (
							<>
								<dl class="tiles">
									<Tile
										label="Experience index now"
										value={now !== undefined ? number(now, 1) : after}
										note={`${isSame ? '' : `${after} after the newest interaction; `}50 is as expected`}
										onWhy={() =>
											(why.value = {
												title: 'Experience index',
												says: `The index of this customer stands at ${now !== undefined ? number(now, 1) : after} of 100 now; 50 is as expected. ${isSame ? '' : `After the newest interaction that is shown it was ${after}: with time it goes back to 50.`}`,
												definition: p.story.definition,
												n: rows.length,
												period: { from: null, to: null },
												where: [`customer = ${p.identities[0] ?? customer}`],
												notes: p.story.notes,
											})
										}
									/>
									<Tile label="Interactions" value={count(p.n || rows.length)} note={p.first && p.last ? `${time(p.first, zone.value, 'day')} – ${time(p.last, zone.value, 'day')}` : null} />
									<Tile label="Worse than expected" value={<>{broken} <small>of {scored}</small></>} note={scored ? percent(broken / scored) : null} />
									<Tile label="Channels" value={String(new Set(rows.map(r => r.channel)).size)} note={[...new Set(rows.map(r => r.channel).filter(Boolean))].slice(0, 4).join(', ')} />
								</dl>
								<Section
									title="The story"
									aside={
										<span class="end">
											<Segmented label="Distances" value={params.value.get('scale') === 'even' ? 'even' : 'time'} options={[['time', 'By time'], ['even', 'Evenly']]} onChange={v => setParams({ scale: v === 'time' ? null : v })} />
										</span>
									}
								>
									<Story story={p} at={at} setAt={setAt} />
									<ul class="legend story-legend">
										<li>
											<Mark verdict="kept" label={false} /> as expected or better
										</li>
										<li>
											<Mark verdict="broken" label={false} /> worse than expected
										</li>
										<li>
											<Mark verdict="no data" label={false} /> nothing measured
										</li>
										<li>× a promise broken or overdue</li>
									</ul>
									{row && <Detail row={row} />}
								</Section>
								<Section title="All of it">
									<ResultTable result={table ?? p.story} caption="The story as a table" />
								</Section>
								{may('erase') && <Identity story={p} onErased={receipt => setErased({ customer, receipt })} />}
							</>
						)}
					</>
				);
			}}
		</Await>
	);
}
