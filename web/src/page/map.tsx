// SPDX-License-Identifier: Apache-2.0
// The corridor map: stages from left to right, touch points in lanes by kind of channel, the worst standing out.
import type { ComponentType } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { design, loadSession, may, session, useApi } from '../base/api';
import { compact, count, many, percent, range, recentTime, signed, time, title } from '../base/format';
import { conditionText } from '../base/filter';
import { useFollowing } from '../base/follow';
import { bandsOf } from '../base/bands';
import { pageShortcuts } from '../base/keys';
import { connected, counts, failed, onInteraction, recent } from '../base/live';
import { bucketFor, periodText } from '../base/period';
import { currency, isShare, other, pairs, period, touchpointName, where, zone } from '../base/question';
import { params, setParams, to } from '../base/router';
import { answer, changeOf, demand, intervalsMeet, marginScale, repairs, verdictOf, VERDICT_WORDS, type Change, type Repair } from '../base/score';
import type { Design, Interaction, Overview, Page, Score, TouchPoint, Verdict } from '../base/types';
import { Bullet } from '../chart/bullet';
import { Ways } from '../chart/connect';
import { AskBar } from '../ui/askbar';
import { Await, ComparisonFailure, Empty, Loading, Mark, PageHead, Section, Segmented, Tile, WhyButton } from '../ui/parts';
import { Table, type TableColumn } from '../ui/table';
import { why } from '../ui/why';
import { Card, cardOf, explain, type CardData } from './map-card';
import { Rate } from '../ui/live';

const KIND_ORDER = ['digital', 'contact-centre', 'in-person', 'partner', 'public'];
const KIND_NAMES: Record<string, string> = { digital: 'Digital', 'contact-centre': 'Contact centre', 'in-person': 'In person', partner: 'Partners', public: 'In public' };

type Lanes = 'kind' | 'owner' | 'none';

function laneOf(d: Design, t: TouchPoint, lanes: Lanes): string {
	if (lanes === 'none') return '';
	if (lanes === 'owner') return t.owner || '(no owner)';
	return d.channels.find(c => c.key === t.channels[0])?.kind ?? 'digital';
}

function laneList(d: Design, touchpoints: TouchPoint[], lanes: Lanes): { key: string; name: string }[] {
	const used = new Set(touchpoints.map(t => laneOf(d, t, lanes)));
	if (lanes === 'none') return [{ key: '', name: '' }];
	if (lanes === 'kind') return KIND_ORDER.filter(k => used.has(k)).map(k => ({ key: k, name: KIND_NAMES[k] ?? title(k) }));
	return [...d.departments, '(no owner)'].filter(k => used.has(k)).map(k => ({ key: k, name: k.charAt(0).toUpperCase() + k.slice(1) }));
}

/** Seconds since the last interaction make a card glow once. */
function usePulses(): Map<string, number> {
	const [pulses, setPulses] = useState<Map<string, number>>(new Map());
	useEffect(
		() =>
			onInteraction(i => {
				const key = i.touchpoint;
				if (key) setPulses(old => new Map(old).set(key, (old.get(key) ?? 0) + 1));
			}),
		[],
	);
	return pulses;
}

/** How many expectations of a stage are broken. */
function Broken({ cards }: { cards: CardData[] }) {
	const n = cards.flatMap(c => c.now.expectations).filter(e => verdictOf(e) === 'broken').length;
	return n ? (
		<span class="stage-broken" title={`${n} broken`}>
			<Mark verdict="broken" label={false} />
			{n}
			<span class="sr"> broken</span>
		</span>
	) : null;
}

function Grid({ d, cards, scale, lanes }: { d: Design; cards: CardData[]; scale: number; lanes: Lanes }) {
	const grid = useRef<HTMLDivElement>(null);
	const [at, setAt] = useState<string | null>(null);
	const pulses = usePulses();
	const list = laneList(d, cards.map(c => c.touchpoint), lanes);
	const stages = d.stages.filter(s => cards.some(c => c.touchpoint.stage === s.key));
	const bands = bandsOf(list, lane => new Set(cards.filter(c => laneOf(d, c.touchpoint, lanes) === lane).map(c => c.touchpoint.stage)));
	const rows = bands.flatMap((b, row) => b.lanes.map((lane, i) => ({ ...lane, row, guest: i > 0 })));
	const cells = stages.map(s => rows.map(l => cards.filter(c => c.touchpoint.stage === s.key && laneOf(d, c.touchpoint, lanes) === l.key)));
	const shown = useMemo(() => cards.map(c => c.touchpoint), [cards]);
	const current = cards.some(c => c.touchpoint.key === at) ? at : (cells.flat(2)[0]?.touchpoint.key ?? null);

	const move = (event: KeyboardEvent): void => {
		const columns = cells.map(c => c.flat());
		const x = columns.findIndex(c => c.some(y => y.touchpoint.key === current));
		const y = columns[x]?.findIndex(c => c.touchpoint.key === current) ?? 0;
		let next: CardData | undefined;
		if (event.key === 'ArrowDown') next = columns[x]?.[y + 1];
		else if (event.key === 'ArrowUp') next = columns[x]?.[y - 1];
		else if (event.key === 'ArrowRight' || event.key === 'ArrowLeft') {
			const step = event.key === 'ArrowRight' ? 1 : -1;
			const column = columns[x + step];
			const lane = laneOf(d, (columns[x] as CardData[])[y]?.touchpoint as TouchPoint, lanes);
			next = column?.find(c => laneOf(d, c.touchpoint, lanes) === lane) ?? column?.[Math.min(y, column.length - 1)];
		} else if (event.key === 'Home') next = columns[0]?.[0];
		else if (event.key === 'End') next = columns[columns.length - 1]?.[0];
		else return;
		event.preventDefault();
		if (next) grid.current?.querySelector<HTMLElement>(`[data-key="${CSS.escape(next.touchpoint.key)}"]`)?.focus();
	};

	return (
		<div class={`map lanes-${lanes}`} ref={grid} onKeyDown={move} style={{ '--stages': String(stages.length), '--lanes': String(bands.length) }} role="group" aria-label="Corridor map; arrow keys go from touch point to touch point">
			<Ways grid={grid} touchpoints={shown} layout={`${lanes} ${bands.length} ${stages.length}`} />
			{lanes !== 'none' &&
				bands.map((b, i) => (
					<div key={b.lanes[0]?.key} class="lane" style={{ gridRow: i + 2 }} aria-hidden="true">
						<span>{b.lanes[0]?.name}</span>
					</div>
				))}
			{stages.map((s, x) => (
				<section key={s.key} class="stage" aria-label={s.name} style={{ '--cards': String(cells[x]?.flat().length ?? 1) }}>
					<h2 class="stage-name" style={{ gridColumn: x + 2 }}>
						<span>{s.name}</span>
						<Broken cards={cells[x]?.flat() ?? []} />
					</h2>
					{rows.map((l, y) => {
						const here = cells[x]?.[y] ?? [];
						return here.length ? (
							<div key={l.key} class={`cell ${l.guest ? 'guest' : ''}`} style={{ gridColumn: x + 2, gridRow: l.row + 2 }}>
								{lanes !== 'none' && <span class="cell-lane">{l.name}</span>}
								{here.map(c => (
									<Card key={c.touchpoint.key} data={c} scale={scale} tabIndex={c.touchpoint.key === current ? 0 : -1} onFocus={() => setAt(c.touchpoint.key)} pulse={pulses.get(c.touchpoint.key) ?? 0} />
								))}
							</div>
						) : null;
					})}
				</section>
			))}
		</div>
	);
}

function Legend({ scale, compare }: { scale: number; compare: string | null }) {
	const sample = { share_target: 0, share_kept: -scale / 2, share_kept_low: -scale * 0.65, share_kept_high: -scale * 0.35, n: 1, verdict: 'broken' } as unknown as Score;
	return (
		<ul class="legend" aria-label="Legend">
			{(['kept', 'broken', 'no detectable difference', 'no data'] as Verdict[]).map(v => (
				<li key={v}>
					<Mark verdict={v} label={false} /> {VERDICT_WORDS[v]}
				</li>
			))}
			<li class="legend-way">
				<svg viewBox="0 0 24 8" aria-hidden="true">
					<path d="M1 4H22" />
				</svg>{' '}
				the designed way
			</li>
			<li>
				<Bullet score={sample} scale={scale} /> the line is the expectation, right is better
			</li>
			{compare && <li>▾ above the bar, the change below: against {compare}</li>}
		</ul>
	);
}

function MapTable({ cards, overview, then, compare }: { cards: CardData[]; overview: Overview; then: Overview | null; compare: string | null }) {
	type Line = { c: CardData; e: CardData['now']['expectations'][number] | null; change: Change | null };
	const lineOf = (c: CardData, e: Line['e']): Line => {
		const d = c.touchpoint.expect.find(x => x.key === e?.key);
		const before = then?.touchpoints.find(t => t.key === c.touchpoint.key)?.expectations.find(x => x.key === e?.key);
		return { c, e, change: e && before ? changeOf(e, before, currency.value, d ? isShare(d.measure) : false) : null };
	};
	const lines = cards.flatMap(c => (c.now.expectations.length ? c.now.expectations.map(e => lineOf(c, e)) : [lineOf(c, null)]));
	const columns: TableColumn<Line>[] = [
		{ key: 'tp', title: 'Touch point', head: true, sort: l => l.c.touchpoint.name, cell: l => <a href={to(`/touchpoint/${l.c.touchpoint.key}`)}>{l.c.touchpoint.name}</a> },
		{ key: 'owner', title: 'Owner', sort: l => l.c.touchpoint.owner, cell: l => l.c.touchpoint.owner },
		{
			key: 'e',
			title: 'Expected',
			cell: l => {
				const e = l.c.touchpoint.expect.find(x => x.key === l.e?.key);
				return e ? demand(e, currency.value, isShare(e.measure)) : '–';
			},
		},
		{
			key: 'v',
			title: 'Verdict',
			sort: l => (l.e ? verdictOf(l.e) : ''),
			cell: l => {
				const v: Verdict = l.e ? verdictOf(l.e) : 'no data';
				return (
					<span class="with-mark">
						<Mark verdict={v} label={false} /> {VERDICT_WORDS[v]}
					</span>
				);
			},
		},
		{
			key: 'x',
			title: 'Experience',
			numeric: true,
			cell: l => {
				if (!l.e || l.e.experience === null) return '–';
				const d = l.c.touchpoint.expect.find(x => x.key === l.e?.key);
				return answer({ ...l.e, share_target: null }, currency.value, d ? isShare(d.measure) : false).text;
			},
		},
		{
			key: 'k',
			title: 'Kept',
			numeric: true,
			sort: l => l.e?.share_kept ?? null,
			cell: l => (l.e?.share_kept != null ? percent(l.e.share_kept) : '–'),
		},
		{ key: 'ki', title: '95 % interval', numeric: true, cell: l => (l.e?.share_kept_low != null && l.e.share_kept_high != null ? range(l.e.share_kept_low, l.e.share_kept_high, percent) : '–') },
		{ key: 'g', title: 'Gap', numeric: true, sort: l => l.e?.gap ?? null, cell: l => (l.e?.gap != null ? signed(l.e.gap, 3) : '–') },
		...(compare
			? [
					{ key: 'then', title: compare, numeric: true, cell: (l: Line) => l.change?.was ?? '–' },
					{ key: 'change', title: 'Change', numeric: true, cell: (l: Line) => (l.change ? <span class={`change ${l.change.verdict ?? ''}`}>{l.change.by} {l.change.verdict}</span> : '–') },
				]
			: []),
		{ key: 'n', title: 'n', numeric: true, sort: l => l.e?.n ?? null, cell: l => (l.e ? count(l.e.n) : '–') },
		{ key: 'w', title: '', cell: l => (l.e ? <WhyButton what={`${l.c.touchpoint.name}, ${l.e.key}`} onClick={() => l.e && explain(l.c.touchpoint, l.e.key, l.e, overview.definition, overview.notes)} /> : '') },
	];
	return (
		<>
			{compare && <p class="muted">Compared with {compare}: the share where one is expected, else the mean; a change is called better or worse only where the intervals have no point in common.</p>}
			<Table caption="Every expectation of the corridor" columns={columns} rows={lines} />
		</>
	);
}

function RepairList({ list, scale, overview, measured, kept }: { list: Repair[]; scale: number; overview: Overview; measured: number; kept: number }) {
	if (!measured) return <p class="muted">Nothing that is expected was measured in this period, so nothing is known to be kept or broken.</p>;
	if (!list.length && kept < measured)
		return (
			<p class="calm">
				<Mark verdict="no detectable difference" label={false} /> Nothing is surely broken in this period; of {many(measured, 'expectation')} that {measured === 1 ? 'was' : 'were'} measured, {count(measured - kept)} {measured - kept === 1 ? 'is' : 'are'} neither kept nor broken: too little was measured, or it is as expected.
			</p>
		);
	if (!list.length) return <p class="calm"><Mark verdict="kept" label={false} /> Nothing is broken in this period.</p>;
	return (
		<ol class="repairs">
			{list.slice(0, 6).map((r, i) => {
				const d = r.touchpoint.expect.find(e => e.key === r.expectation.key);
				const share = d ? isShare(d.measure) : false;
				const a = answer(r.expectation, currency.value, share);
				return (
					<li key={r.touchpoint.key}>
						<span class="rank big">{i + 1}</span>
						<div class="repair-words">
							<h3>
								<a href={to(`/touchpoint/${r.touchpoint.key}`)}>{r.touchpoint.name}</a> <span class="muted">{r.touchpoint.owner}</span>
							</h3>
							<p>
								<b class="bad">{a.text}</b> against {d ? demand(d, currency.value, share) : r.expectation.key}
							</p>
							<p class="muted small">
								{a.interval && `95 % interval ${a.interval} · `}n {count(r.expectation.n)}
							</p>
						</div>
						<div class="repair-bullet">
							<Bullet score={r.expectation} scale={scale} />
						</div>
						<WhyButton what={r.touchpoint.name} onClick={() => explain(r.touchpoint, r.expectation.key, r.expectation, overview.definition, overview.notes)} />
					</li>
				);
			})}
		</ol>
	);
}

const NEWEST = 8;

/** What has arrived since the page was opened; until then, the newest there is. */
function Ticker() {
	const before = useApi<Page<Interaction>>(session.value?.user ? `/api/interactions?limit=${NEWEST}` : null);
	const same = (i: Interaction): string => `${i.at} ${i.touchpoint} ${i.event}`;
	const arrived = new Set(recent.value.map(same));
	const list = [...recent.value, ...(before.data?.items ?? []).filter(i => !arrived.has(same(i)))].slice(0, NEWEST);
	if (!list.length) return <p class="muted">Waiting for the next interaction.</p>;
	const today = time(Date.now(), zone.value, 'day');
	return (
		<ol class="ticker" aria-live="off">
			{list.map((i, k) => (
				<li key={`${i.person ?? ""}${i.at}${k}`}>
					<time dateTime={i.at}>{time(i.at, zone.value, 'day') === today ? time(i.at, zone.value, 'second').split(', ')[1] : recentTime(i.at, zone.value)}</time>
					{i.touchpoint ? <a href={to(`/touchpoint/${i.touchpoint}`)}>{touchpointName(i.touchpoint)}</a> : <span class="muted">{touchpointName(null)}</span>}
					<span class="muted">{[i.channel, i.text ? `“${i.text}”` : i.event].filter(Boolean).join(' · ')}</span>
				</li>
			))}
		</ol>
	);
}

/** Most never see them: they come when they are wanted. */
function Steps() {
	const [page, setPage] = useState<ComponentType | null>(null);
	useEffect(() => void import('./first-steps').then(m => setPage(() => m.FirstSteps), () => undefined), []);
	const P = page;
	return P ? <P /> : <Loading height={300} />;
}

const FOLLOWED = ['/api/overview'];

export function MapPage() {
	const d = design.value as Design;
	const bucket = bucketFor(period.value);
	const o = other.value;
	const now = useApi<Overview>(`/api/overview?${new URLSearchParams([...pairs(period.value, where.value), ['bucket', bucket]])}`);
	const then = useApi<Overview>(o ? `/api/overview?${new URLSearchParams([...pairs(o.period, o.where), ['bucket', bucket]])}` : null);
	const lanes = (['kind', 'owner', 'none'].find(l => l === params.value.get('lanes')) ?? 'kind') as Lanes;
	const asTable = params.value.get('show') === 'table';
	const arrivedN = counts.value?.interactions ?? 0;
	const wasEmpty = session.value?.user != null && session.value.data?.n === 0;
	const isNew = wasEmpty && arrivedN === 0 && now.data?.n === 0;

	useFollowing(FOLLOWED);
	// With the first interactions it is known what time they are of, to which periods go back.
	const began = wasEmpty && arrivedN > 0;
	useEffect(() => {
		if (began) void loadSession().catch(() => undefined);
	}, [began]);
	useEffect(
		() =>
			pageShortcuts([
				{ keys: 'v', does: 'Map or table', run: () => setParams({ show: params.value.get('show') === 'table' ? null : 'table' }) },
				{ keys: 'l', does: 'Lanes: kind of channel, owner, none', run: () => setParams({ lanes: lanes === 'kind' ? 'owner' : lanes === 'owner' ? 'none' : null }) },
			]),
		[lanes],
	);

	const view = useMemo(() => {
		if (!now.data) return null;
		const list = repairs(d.touchpoints, now.data);
		// An owner or touch point that is filtered for takes the others off the map.
		const filtered = where.value.length > 0 && !isNew;
		const shown = d.touchpoints.filter(t => !filtered || (now.data?.touchpoints.find(x => x.key === t.key)?.n ?? 0) > 0);
		const cards = shown.map(t => {
			const rank = list.findIndex(r => r.touchpoint.key === t.key);
			return cardOf(t, now.data as Overview, then.data, rank >= 0 ? rank + 1 : null);
		});
		const scores = now.data.touchpoints.flatMap(t => t.expectations);
		const measured = scores.filter(s => verdictOf(s) !== 'no data');
		return { list, cards, scale: marginScale(cards.flatMap(c => (c.worst ? [c.worst] : []))), measured, kept: measured.filter(s => verdictOf(s) === 'kept').length, broken: measured.filter(s => verdictOf(s) === 'broken').length };
	}, [now.data, then.data, d, where.value, isNew]);

	const corridor = (data: Overview) => view && (asTable ? <MapTable cards={view.cards} overview={data} then={then.data} compare={o?.label ?? null} /> : <Grid d={d} cards={view.cards} scale={view.scale} lanes={lanes} />);
	const head = now.data;
	const moved = view && o && then.data ? view.cards.filter(c => c.worst && c.before && !intervalsMeet(c.worst, c.before)).length : null;
	return (
		<>
			<PageHead
				title={d.brand}
				eyebrow="The corridor"
				aside={
					head &&
					view && (
						<dl class="tiles">
							<Tile
								label="Interactions"
								value={count(head.n)}
								note={head.customers !== null ? `of ${many(head.customers, 'customer')}` : null}
							/>
							<Tile label="Expectations kept" value={<>{view.kept} <small>of {view.measured.length}</small></>} note={<><b class={view.broken ? 'bad' : ''}>{view.broken} broken</b>{moved !== null ? ` · ${moved} changed` : ''}</>} />
							{head.promises && head.promises.share_kept !== null && (
								<Tile
									label="Promises kept in time"
									value={percent(head.promises.share_kept)}
									note={head.promises.share_kept_low !== null && head.promises.share_kept_high !== null ? `${range(head.promises.share_kept_low, head.promises.share_kept_high, percent)}` : null}
									onWhy={() => {
										const p = head.promises as NonNullable<Overview['promises']>;
										const makers = head.touchpoints.filter(t => (t.promises?.made ?? 0) > 0).map(t => t.key);
										why.value = {
											title: 'Promises kept in time',
											says: `${count(p.kept)} of ${count(p.kept + p.broken + p.overdue)} promises that were due were kept in time: ${percent(p.share_kept ?? 0)}. ${count(p.open)} are not due yet.`,
											definition: 'kept / (kept + broken + overdue), 95 % Wilson interval (1927). A promise is made by one interaction and kept by another of the same customer with the same promise id; the first that answers counts.',
											n: p.made,
											period: period.value,
											where: [...where.value, ...(makers.length ? [conditionText({ field: 'touchpoint', op: '=', values: makers })] : [])],
											view: to('/journeys/promises'),
										};
									}}
								/>
							)}
							<Tile label="Now" value={<Rate />} note={!connected.value ? (failed.value ? 'not connected' : 'connecting') : arrivedN ? `${compact(arrivedN)} in all` : 'listening'} tone="now" />
						</dl>
					)
				}
			>
				<p class="muted">
					{periodText(period.value)} · {zone.value}
				</p>
			</PageHead>
			<AskBar />
			<div class="map-tools">
				{view && <Legend scale={view.scale} compare={o?.label ?? null} />}
				<div class="map-switches">
					<Segmented label="Lanes" value={lanes} options={[['kind', 'Channels'], ['owner', 'Owners'], ['none', 'Compact']]} onChange={v => setParams({ lanes: v === 'kind' ? null : v })} />
					<Segmented label="Show as" value={asTable ? 'table' : 'map'} options={[['map', 'Map'], ['table', 'Table']]} onChange={v => setParams({ show: v === 'map' ? null : v })} />
				</div>
			</div>
			<ComparisonFailure of={then} />
			<Await of={now} height={520} what="Loading the corridor">
				{data =>
					isNew ? (
						<>
							<Steps />
							{corridor(data)}
						</>
					) : data.n === 0 ? (
						<Empty title="No interactions in this period.">
							{session.value?.user && (
								<p>
									{where.value.length ? 'Choose a longer period or take a filter away' : 'Choose a longer period'}
									{may('import') && (
										<>
											, or <a href={to('/import')}>import some</a>
										</>
									)}
									.
								</p>
							)}
						</Empty>
					) : (
						corridor(data)
					)
				}
			</Await>
			{head && view && head.n > 0 && (
				<div class="split">
					<Section title="Repair first" aside={<span class="muted">by importance × interactions × shortfall</span>}>
						<RepairList measured={view.measured.length} kept={view.kept} list={view.list} scale={view.scale} overview={head} />
					</Section>
					<Section title="Right now">
						<Ticker />
					</Section>
				</div>
			)}
			{head && head.unmatched > 0 && (
				<p class="note">
					{many(head.unmatched, 'interaction')} {head.unmatched === 1 ? 'is' : 'are'} at no touch point. <a href={to('/interactions', { where: [...where.value, 'touchpoint = (unmatched)'] })}>See which</a>.
				</p>
			)}
			{view && <span class="sr" role="status">{`${many(view.broken, 'expectation')} broken, ${view.kept} kept.`}</span>}
		</>
	);
}
