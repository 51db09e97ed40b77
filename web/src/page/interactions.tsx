// SPDX-License-Identifier: Apache-2.0
// The explorer: interactions as they are, newest first, page by page.
import { may, queryUrl, useApi } from '../base/api';
import { count } from '../base/format';
import { usePages } from '../base/pages';
import { asked, where } from '../base/question';
import type { Interaction, Result } from '../base/types';
import { AskBar } from '../ui/askbar';
import { Bars } from '../chart/bars';
import { Await, Empty, Failure, PageHead, Section, Segmented } from '../ui/parts';
import { InteractionTable } from './touchpoint';
import { params, setParams } from '../base/router';
import { nameOf } from '../ui/result';

const PAGE = 50;

function Counts() {
	const by = params.value.get('by') ?? 'touchpoint';
	const data = useApi<Result>(queryUrl('volume', [['by', by], ['limit', '12'], ...asked.value]));
	return (
		<Section title="How many" aside={<Segmented label="Count by" value={by} options={[['touchpoint', 'Touch point'], ['channel', 'Channel'], ['event', 'Event'], ['source', 'Source']]} onChange={v => setParams({ by: v === 'touchpoint' ? null : v })} />}>
			<Await of={data} height={200}>
				{r => (
					<div class="panel">
						{r.rows.length === 0 && <p class="muted">None in this period.</p>}
						<Bars label={`Interactions by ${by}`} format={count} bars={r.rows.map(x => ({ label: nameOf(String(x[by] ?? '')), value: Number(x.interactions ?? 0), low: null, high: null }))} />
					</div>
				)}
			</Await>
		</Section>
	);
}

const SAID = 'text exists';

export function InteractionsPage() {
	const said = where.value.includes(SAID);
	const list = usePages<Interaction>('/api/interactions', new URLSearchParams([...asked.value, ['limit', String(PAGE)]]).toString());
	return (
		<>
			<PageHead title="Interactions" eyebrow="Explorer">
				<p class="muted">Every contact as it was received, the newest first.</p>
			</PageHead>
			<AskBar compare={false} />
			{may('persons') && (
				<p class="actions above-table">
					<button type="button" class="chip" aria-pressed={said} onClick={() => setParams({ where: said ? where.value.filter(w => w !== SAID) : [...where.value, SAID] })}>
						Only what customers said
					</button>
				</p>
			)}
			<Await of={list.first} height={420}>
				{() =>
					list.items.length ? (
						<>
							<InteractionTable items={list.items} caption="Interactions" />
							{list.failed && <Failure error={list.failed} />}
							<p class="actions more-rows">
								{list.more ? (
									<button type="button" class="button" disabled={list.busy} onClick={list.ask}>
										{list.busy ? 'Loading…' : `${PAGE} more`}
									</button>
								) : (
									<span class="muted">That is all of them.</span>
								)}
								<span class="muted" role="status">
									{count(list.items.length)} shown
								</span>
							</p>
						</>
					) : (
						<Empty title="No interactions fit.">
							<p>Choose a longer period or take a filter away.</p>
						</Empty>
					)
				}
			</Await>
			<Counts />
		</>
	);
}
