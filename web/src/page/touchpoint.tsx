// SPDX-License-Identifier: Apache-2.0
// One touch point: what is expected of it and what customers get, by time, channel, agent and dimension; where they come
// from and go to; what they say.
import { createContext } from 'preact';
import { useContext, useMemo } from 'preact/hooks';
import { design, queryUrl, session, useApi, type Loaded } from '../base/api';
import { count, decimalsOf, percent, quantity, range, recentTime, seconds, signed, time, title } from '../base/format';
import { useFollowing } from '../base/follow';
import { quote } from '../base/filter';
import { before as periodBefore, bucketFor, periodText } from '../base/period';
import { asked, currency, isShare, other, pairs, period, touchpointName, touchpointOf, where, zone } from '../base/question';
import { params, setParams, to } from '../base/router';
import { answer, changeOf, demand, marginScale, margin, verdictClass, verdictOf, VERDICT_WORDS } from '../base/score';
import type { Line } from '../base/result';
import type { Expectation, Interaction, Overview, OverviewTouchPoint, Page, Result, Row, Score, TouchPoint, Verdict } from '../base/types';
import { Bars } from '../chart/bars';
import { Bullet } from '../chart/bullet';
import { LineChart } from '../chart/lazy-line';
import { AlertList } from '../ui/alerts';
import { AskBar } from '../ui/askbar';
import { CustomerLink, seesPersons } from '../ui/customer';
import { Await, ComparisonFailure, Empty, Failure, Loading, Mark, PageHead, Section, Segmented, Short, Tile, WhyButton } from '../ui/parts';
import { Table } from '../ui/table';
import { measuresText, why } from '../ui/why';
import { explain } from './map-card';

/** Whether what the page is about has been answered: the details are asked then, so that it is drawn before them. */
const Answered = createContext(false);

function useDetail<T>(url: string | null): Loaded<T> {
	return useApi<T>(useContext(Answered) ? url : null);
}

type Scored = OverviewTouchPoint['expectations'][number];

function trendLine(s: Scored, share: boolean, name: string): { line: Line; target: number | null; format: (v: number) => string } {
	const format = (v: number): string => (s.share_target !== null ? percent(v) : quantity(v, s.unit, currency.value, share));
	const values = s.share_target !== null ? s.trend.share_kept : s.trend.experience;
	return { line: { name, values, low: null, high: null, n: 0 }, target: s.share_target ?? s.target, format };
}

/** What customers are used to: the measure here in as much time before. */
function Learned({ t, d, share }: { t: TouchPoint; d: Expectation; share: boolean }) {
	const was = periodBefore(period.value, 'previous');
	const data = useApi<Result>(was ? queryUrl('spread', [['measure', d.measure], ...pairs(was, [...where.value, `touchpoint = ${t.key}`])]) : null);
	const r = data.data?.rows[0];
	const n = Number(r?.n ?? 0);
	if (!was || data.error || (data.data && n === 0)) return null;
	const form = (v: number): string => quantity(v, d.unit, currency.value, share);
	const [middle, low, high] = [num(r, 'p50'), num(r, 'p20'), num(r, 'p80')];
	// Of yes and no the share is what one gets used to; a median says nothing.
	const mean = num(r, 'mean');
	return (
		<>
			<dt>Learned</dt>
			<dd title={`What customers got here ${periodText(was)}, n ${count(n)}`}>
				{!r ? '…' : share && mean !== null ? `${percent(mean)} of the time` : middle !== null && low !== null && high !== null ? (low === high ? form(middle) : `${form(middle)}, mostly ${range(low, high, form)}`) : '–'}
			</dd>
		</>
	);
}

function ExpectationCard({ t, s, before, overview, scale }: { t: TouchPoint; s: Scored; before: Scored | null; overview: Overview; scale: number }) {
	const o = other.value;
	const d = t.expect.find(e => e.key === s.key);
	const share = d ? isShare(d.measure) : false;
	const a = answer(s, currency.value, share);
	const v = verdictOf(s);
	const tone = v === 'kept' ? '--kept' : v === 'broken' ? '--broken' : '--unclear';
	const { line, target, format } = useMemo(() => trendLine(s, share, title(s.key)), [s, share]);
	const tones = useMemo(() => [tone], [tone]);
	const list = useMemo(() => [line], [line]);
	const change = before && before.n > 0 ? changeOf(s, before, currency.value, share) : null;
	return (
		<article class={`expectation panel ${verdictClass(v)}`} aria-label={`${s.key}: ${VERDICT_WORDS[v]}`}>
			<header>
				<h3>
					<Mark verdict={v} label={false} /> {title(s.key)}
				</h3>
				<WhyButton what={s.key} onClick={() => explain(t, s.key, s, overview.definition, overview.notes)} />
			</header>
			<dl class="demands">
				<dt>Designed</dt>
				<dd>{d ? demand(d, currency.value, share) : '–'}</dd>
				{d && <Learned t={t} d={d} share={share} />}
			</dl>
			{s.n > 0 ? (
				<>
					<p class="big-answer">
						<b>{a.text}</b> <span class="muted">{a.interval}</span>
					</p>
					<Bullet score={s} scale={scale} before={before} />
					<p class="small muted">
						{VERDICT_WORDS[v]} · n {count(s.n)}
						{s.share_target !== null && s.experience !== null && ` · mean ${quantity(s.experience, s.unit, currency.value, share)}`}
					</p>
					{o && change && (
						<p class="small">
							{o.label}: {change.was}
							{change.verdict ? (
								<>
									, {o.here} <b class={change.verdict === 'worse' ? 'bad' : 'good'}>{change.verdict}: {change.by}</b>
								</>
							) : (
								<span class="muted">, no detectable difference: {change.by}</span>
							)}
						</p>
					)}
					<LineChart label={`${s.key} over time`} labels={overview.labels} lines={list} format={format} target={target} time={s.share_target === null && s.unit === 's'} height={130} tones={tones} />
				</>
			) : (
				<p class="muted">Nothing was measured in this period.</p>
			)}
		</article>
	);
}

function num(r: Row | undefined, name: string): number | null {
	const v = r?.[name];
	return typeof v === 'number' ? v : null;
}

function scoreOf(r: Row): Score {
	return r as unknown as Score;
}

const MOST_SPLITS = 8;
const SURE = 10;

/** The better end of a row's margin: how bad it is at least. Fewer than SURE values are sure of nothing. */
function surely(r: Row): number {
	const m = margin(scoreOf(r));
	return m && Number(r.n) >= SURE ? Math.max(m.low, m.high) : 1e9 - Number(r.n);
}

/** One expectation split by channel, agent or a dimension. */
function Split({ t, by }: { t: TouchPoint; by: string }) {
	const query = queryUrl('gap', [['by', by], ...pairs(period.value, [...where.value, `touchpoint = ${t.key}`])]);
	const data = useDetail<Result>(query);
	return (
		<Await of={data} height={140}>
			{r => {
				const keys = [...new Set(r.rows.map(x => String(x.expectation)))];
				const groups = new Set(r.rows.map(x => String(x[by])));
				if (groups.size === 0 || (groups.size === 1 && groups.has('(none)'))) return <p class="muted">No measured interaction here has {/^[aeio]/.test(by) ? 'an' : 'a'} {by}.</p>;
				if (groups.size === 1) return <p class="muted">All of them: {[...groups][0]}.</p>;
				return (
					<div class="splits">
						{keys.map(k => {
							const e = t.expect.find(x => x.key === k);
							const share = e ? isShare(e.measure) : false;
							const rows = r.rows.filter(x => x.expectation === k && Number(x.n) > 0);
							if (!rows.length) return null;
							const isKept = rows.some(x => x.share_target !== null);
							const unit = String(rows[0]?.unit ?? '1');
							const value = isKept ? 'share_kept' : 'experience';
							// Of many those that are surely bad: a single bad answer says nothing.
							const sorted = [...rows].sort((a, b) => surely(a) - surely(b)).slice(0, MOST_SPLITS).sort((a, b) => (margin(scoreOf(a))?.value ?? 0) - (margin(scoreOf(b))?.value ?? 0));
							const decimals = decimalsOf(sorted.flatMap(x => [num(x, value), num(x, `${value}_low`), num(x, `${value}_high`)]));
							const format = (v: number): string => (isKept ? percent(v, 1) : quantity(v, unit, currency.value, share, decimals));
							return (
								<div key={k} class="split-one">
									<h3>
										{title(k)} <span class="muted small">{e ? demand(e, currency.value, share) : ''}</span>
									</h3>
									<Bars
										label={`${k} by ${by}`}
										format={format}
										zero={isKept || share}
										time={!isKept && unit === 's'}
										bars={sorted.map(x => ({
											label: session.value?.user ? <a href={to(`/touchpoint/${t.key}`, { where: [...where.value, `${by} = ${quote(String(x[by]))}`] })}>{String(x[by])}</a> : String(x[by]),
											value: num(x, value),
											low: num(x, `${value}_low`),
											high: num(x, `${value}_high`),
											target: isKept ? num(x, 'share_target') : num(x, 'target'),
											tone: verdictClass((x.verdict as Verdict) ?? 'no data'),
											n: `n ${count(Number(x.n))}`,
										}))}
									/>
									{rows.length > sorted.length && <p class="muted small">{sorted.length} of {count(rows.length)}: {rows.some(x => Number(x.n) >= SURE) ? 'those that are most surely bad, by the better end of the interval.' : `those with the most answers; fewer than ${SURE} are sure of nothing.`}</p>}
								</div>
							);
						})}
					</div>
				);
			}}
		</Await>
	);
}

/** What customers said in surveys they expect (the corridor file's SERVQUAL pairs), against what they say they got. */
function Stated({ t }: { t: TouchPoint }) {
	const data = useDetail<Result>(queryUrl('scores', [['score', 'servqual'], ...pairs(period.value, [...where.value, `touchpoint = ${t.key}`])]));
	const rows = (data.data?.rows ?? []).filter(r => Number(r.n) > 0);
	if (!rows.length) return null;
	return (
		<Section title="Stated" aside={<span class="muted">what customers say they got less what they say they expect</span>}>
			<div class="panel">
				<Bars
					label="Perceived less expected, by dimension"
					format={v => signed(v)}
					zero={false}
					bars={rows.map(r => {
						const [value, low, high] = [num(r, 'value'), num(r, 'low'), num(r, 'high')];
						return { label: title(String(r.score).replace(/^servqual:/, '')), value, low, high, target: 0, tone: high !== null && high < 0 ? 'broken' : low !== null && low > 0 ? 'kept' : 'unclear', n: `n ${count(Number(r.n))}` };
					})}
				/>
			</div>
		</Section>
	);
}

/** Where people come from and where they go, with the time between. */
function FromTo({ t }: { t: TouchPoint }) {
	const flow = useDetail<Result>(queryUrl('flow', [['ends', 'true'], ['top', '0'], ...asked.value]));
	const side = (r: Result, here: 'from' | 'to'): Row[] =>
		r.rows
			.filter(x => x[here] === t.key)
			.sort((a, b) => Number(b.n) - Number(a.n))
			.slice(0, 7);
	return (
		<Await of={flow} height={180}>
			{r => {
				const come = side(r, 'to');
				const goes = side(r, 'from');
				const sum = r.rows.filter(x => x.to === t.key).reduce((s, x) => s + Number(x.n), 0);
				const total = r.rows.filter(x => x.from === t.key).reduce((s, x) => s + Number(x.n), 0);
				const line = (x: Row, there: 'from' | 'to', all: number) => {
					const k = String(x[there]);
					const name = k === '(start)' ? 'first of the journey' : k === '(end)' ? 'last of the journey' : touchpointName(k);
					const n = Number(x.n);
					const mean = num(x, 'mean');
					const low = num(x, 'mean_low');
					const high = num(x, 'mean_high');
					return (
						<li key={k} style={{ '--part': `${all ? (n / all) * 100 : 0}%` }}>
							{touchpointOf(k) && session.value?.user ? <a href={to(`/touchpoint/${k}`)}>{name}</a> : <span>{name}</span>}
							<span class="num">{all ? percent(n / all) : ''}</span>
							<span class="muted small">
								{count(n)}
								{mean !== null && ` · on average ${seconds(mean)} ${there === 'from' ? 'before' : 'later'}`}
								{low !== null && high !== null && ` (${seconds(low)} – ${seconds(high)})`}
							</span>
						</li>
					);
				};
				return (
					<div class="from-to">
						<div>
							<h3>They come from</h3>
							{come.length ? <ol class="from-list">{come.map(x => line(x, 'from', sum))}</ol> : <p class="muted">nowhere in this period</p>}
						</div>
						<div class="from-to-here" aria-hidden="true">
							<span>{t.name}</span>
						</div>
						<div>
							<h3>They go to</h3>
							{goes.length ? <ol class="from-list">{goes.map(x => line(x, 'to', total))}</ol> : <p class="muted">nowhere in this period</p>}
						</div>
					</div>
				);
			}}
		</Await>
	);
}

/** A low answer to any of the scores that customers give. */
export const LOW = 'csat < 3 or nps < 7 or ces < 4 or rating < 3 or sentiment < 0';
const SHOWN = 6;

/** What was said: the newest with low scores first, then the newest others. */
function Verbatims({ t }: { t: TouchPoint }) {
	const only = params.value.get('said') === 'low';
	const url = (score: string): string => `/api/interactions?${new URLSearchParams([...pairs(period.value, [...where.value, `touchpoint = ${t.key}`, 'text exists', score]), ['limit', String(SHOWN)]])}`;
	const low = useDetail<Page<Interaction>>(url(LOW));
	const others = useDetail<Page<Interaction>>(only ? null : url(`not (${LOW})`));
	if (low.error) return <Failure error={low.error} retry={low.reload} />;
	if (!low.data || (!only && !others.data && !others.error)) return <Loading height={160} />;
	const items: [Interaction, boolean][] = [...low.data.items.map((i): [Interaction, boolean] => [i, true]), ...(others.data?.items ?? []).map((i): [Interaction, boolean] => [i, false])];
	if (!items.length) return <p class="muted">Nobody {only ? 'who gave a low score ' : ''}wrote or said anything here in this period.</p>;
	return (
		<ul class="verbatims">
			{items.map(([i, isLow], k) => (
				<li key={`${i.person}${i.at}${k}`} class={`verbatim panel ${isLow ? 'low' : ''}`}>
					<blockquote>{i.text}</blockquote>
					<p class="muted small">
						{isLow && <Mark verdict="broken" />} {time(i.at, zone.value, 'day')} · {[i.channel, measuresText(i)].filter(Boolean).join(' · ')} · <CustomerLink of={i} />
					</p>
				</li>
			))}
			<li class="verbatim-more no-print">
				<a href={to('/interactions', { where: [...where.value, `touchpoint = ${t.key}`, 'text exists'] })}>Everything they said here</a>
			</li>
		</ul>
	);
}

export function InteractionTable({ items, caption, at = true }: { items: Interaction[]; caption: string; at?: boolean }) {
	return (
		<Table
			caption={caption}
			rows={items}
			compact
			columns={[
				{ key: 'at', title: 'Time', cell: i => <time class="nowrap" dateTime={i.at}>{recentTime(i.at, zone.value)}</time> },
				// In a preview there is no person yet to lead to.
				...(items.some(i => i.person || i.customer) ? [{ key: 'customer', title: 'Customer', cell: (i: Interaction) => (i.person || !i.customer ? <CustomerLink of={i} /> : i.customer) }] : []),
				...(at ? [{ key: 'tp', title: 'Touch point', cell: (i: Interaction) => (i.touchpoint ? <a href={to(`/touchpoint/${i.touchpoint}`)}><Short text={touchpointName(i.touchpoint)} /></a> : <span class="muted">unmatched</span>) }] : []),
				{ key: 'channel', title: 'Channel', cell: i => i.channel ?? '–' },
				{ key: 'event', title: 'Event', cell: i => (i.event ? <Short text={i.event} /> : '–') },
				{ key: 'agent', title: 'Agent', cell: i => (i.agent ? <Short text={i.agent} /> : '–') },
				{ key: 'measures', title: 'Measured', cell: i => measuresText(i) || '–' },
				...(items.some(i => i.text) ? [{ key: 'text', title: 'Said', cell: (i: Interaction) => (i.text ? <span class="said">{i.text}</span> : '') }] : []),
			]}
		/>
	);
}

function Recent({ t }: { t: TouchPoint }) {
	const page = useDetail<Page<Interaction>>(`/api/interactions?${new URLSearchParams([...pairs(period.value, [...where.value, `touchpoint = ${t.key}`]), ['limit', '15']])}`);
	return <Await of={page}>{p => (p.items.length ? <InteractionTable items={p.items} caption={`Newest interactions at ${t.name}`} at={false} /> : <Empty title="No interactions here in this period." />)}</Await>;
}

const FOLLOWED = ['/api/overview', '/api/query/', '/api/interactions'];

export function TouchPointPage({ touchpoint: key = '' }: { touchpoint?: string }) {
	const d = design.value;
	const t = touchpointOf(key);
	const o = other.value;
	useFollowing(FOLLOWED);
	const bucket = bucketFor(period.value);
	const now = useApi<Overview>(`/api/overview?${new URLSearchParams([...pairs(period.value, where.value), ['bucket', bucket]])}`);
	const then = useApi<Overview>(o ? `/api/overview?${new URLSearchParams([...pairs(o.period, o.where), ['bucket', bucket]])}` : null);
	if (!t || !d)
		return (
			<>
				<PageHead title="Not found" />
				<Empty title={`The corridor has no touch point “${key}”.`}>
					<a href={to('/')}>To the map</a>
				</Empty>
			</>
		);
	const stage = d.stages.find(s => s.key === t.stage)?.name ?? t.stage;
	const at = d.touchpoints.indexOf(t);
	const prev = d.touchpoints[at - 1];
	const next = d.touchpoints[at + 1];
	const splits = ['channel', 'agent', ...d.dimensions];
	const guest = !session.value?.user; // by a read-only link, which leads nowhere else
	return (
		<>
			<PageHead
				title={t.name}
				eyebrow={
					<>
						{guest ? 'Corridor' : <a href={to('/')}>Corridor</a>} › {stage}
					</>
				}
				aside={
					!guest && (
						<nav class="actions no-print" aria-label="Neighbours">
							{prev && (
								<a class="button" href={to(`/touchpoint/${prev.key}`)}>
									← {prev.name}
								</a>
							)}
							{next && (
								<a class="button" href={to(`/touchpoint/${next.key}`)}>
									{next.name} →
								</a>
							)}
						</nav>
					)
				}
			>
				<p class="muted">
					Owner <b>{t.owner || 'nobody'}</b> · channels {t.channels.join(', ') || 'any'}
					{t.systems.length > 0 && ` · systems ${t.systems.join(', ')}`} · importance {t.importance}
					{t.required && ' · required'}
				</p>
			</PageHead>
			<AskBar quick={false} />
			<ComparisonFailure of={then} />
			<Await of={now} height={420}>
				{data => {
					const here = data.touchpoints.find(x => x.key === t.key);
					const before = then.data?.touchpoints.find(x => x.key === t.key) ?? null;
					if (!here || here.n === 0) return <Empty title="No interactions here in this period." />;
					const scale = marginScale(here.expectations);
					const p = here.promises;
					return (
						<>
							<dl class="tiles">
								<Tile label="Interactions" value={count(here.n)} note={`${percent(here.n / Math.max(1, data.n))} of all${before && o ? ` · ${o.label}: ${count(before.n)}` : ''}`} />
								<Tile label="Expectations kept" value={<>{here.expectations.filter(e => verdictOf(e) === 'kept').length} <small>of {here.expectations.filter(e => verdictOf(e) !== 'no data').length}</small></>} note={periodText(period.value)} />
								{p && p.share_kept !== null && (
									<Tile
										label="Promises made here"
										value={percent(p.share_kept)}
										note={`kept of ${count(p.kept + p.broken + p.overdue)} due${p.share_kept_low !== null && p.share_kept_high !== null ? `, ${range(p.share_kept_low, p.share_kept_high, percent)}` : ''}`}
										onWhy={() =>
											(why.value = {
												title: `${t.name}: promises made here`,
												says: `${count(p.kept)} kept, ${count(p.broken)} broken, ${count(p.overdue)} overdue, ${count(p.open)} still open of ${count(p.made)} made.`,
												definition: 'kept / (kept + broken + overdue), 95 % Wilson interval (1927).',
												n: p.made,
												period: period.value,
												where: [...where.value, `touchpoint = ${t.key}`],
												view: to('/journeys/promises', { where: [...where.value, `touchpoint = ${t.key}`], by: 'month' }),
											})
										}
									/>
								)}
							</dl>
							{here.alerts.length > 0 && (
								<Section title={here.alerts.length === 1 ? 'One open alert' : `${here.alerts.length} open alerts`}>
									<AlertList alerts={here.alerts} of={t} />
								</Section>
							)}
							<Section title="Expected and experienced">
								{here.expectations.length ? (
									<div class="expectations">
										{here.expectations.map(s => (
											<ExpectationCard key={s.key} t={t} s={s} before={before?.expectations.find(e => e.key === s.key) ?? null} overview={data} scale={scale} />
										))}
									</div>
								) : (
									<Empty title="The corridor expects nothing here.">
										<a href="/design">Say what should happen</a>
									</Empty>
								)}
							</Section>
						</>
					);
				}}
			</Await>
			<Answered.Provider value={now.data !== null || now.error !== null}>
				<Stated t={t} />
				<Section title="Before and after">
					<FromTo t={t} />
					{!guest && (
						<p class="section-links no-print">
							<a href={to('/journeys/paths', { form: 'edges', around: t.key, gap: '30d', depth: '3', top: '8' })}>Paths around it</a>
							<a href={to('/journeys/paths', { form: 'edges', end: t.key, gap: '30d', depth: '4', top: '8' })}>What led to it</a>
							<a href={to('/journeys/retention', { start: t.key, bucket: 'month' })}>Who comes back after it</a>
						</p>
					)}
				</Section>
				{splits.map(by => (
					<Section key={by} title={`By ${by}`} aside={<span class="muted">the worst first</span>}>
						<Split t={t} by={by} />
					</Section>
				))}
				{seesPersons(t.key) ? (
					<Section
						title="What they say"
						aside={
							<span class="end">
								<Segmented label="Which texts" value={params.value.get('said') === 'low' ? 'low' : 'all'} options={[['all', 'Low scores first'], ['low', 'Only low scores']]} onChange={v => setParams({ said: v === 'low' ? 'low' : null })} />
							</span>
						}
					>
						<Verbatims t={t} />
					</Section>
				) : (
					!guest && <p class="note">Texts and customers of this touch point are shown to those who look after it.</p>
				)}
				{seesPersons(t.key) && (
					<Section title="Newest interactions" aside={<a class="end small" href={to('/interactions', { where: [...where.value, `touchpoint = ${t.key}`] })}>All of them</a>}>
						<Recent t={t} />
					</Section>
				)}
			</Answered.Provider>
		</>
	);
}
