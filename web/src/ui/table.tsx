// SPDX-License-Identifier: Apache-2.0
// One table for everything: caption, sortable heads, a keyboard-scrollable frame; numbers to the right in equal figures. On a
// phone each row is a card of its own; the roles say that it is a table all the same, and as cells are left out there, each
// says its column. The rows that fill a screen are drawn at once, so that what stands above them need not wait; the others
// follow when the browser has nothing else to do.
import { options, type ComponentChildren } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';

export interface TableColumn<T> {
	key: string;
	title: string;
	help?: string;
	numeric?: boolean;
	/** What to sort by; without it the column cannot be sorted. */
	sort?: (row: T) => string | number | null;
	cell: (row: T, i: number) => ComponentChildren;
	head?: boolean;
}

const FEW = 8; // rows that one sees at a glance: nobody sorts them on a phone
const STEP = 200;
const AT_ONCE = 40;
const IDLE_MS = 300; // at the latest

/** How many of the wanted rows are drawn by now: twice as many each time the browser is idle, all before it prints. */
function useDrawn(wanted: number): number {
	const [drawn, setDrawn] = useState(AT_ONCE);
	useEffect(() => {
		if (drawn >= wanted) return;
		const more = (): void => setDrawn(drawn * 2);
		const all = (): void => {
			const usual = options.debounceRendering;
			options.debounceRendering = now => now();
			setDrawn(wanted);
			if (usual) options.debounceRendering = usual;
			else delete options.debounceRendering;
		};
		const idle = 'requestIdleCallback' in window; // not in Safari
		const id = idle ? requestIdleCallback(more, { timeout: IDLE_MS }) : setTimeout(more, IDLE_MS);
		addEventListener('beforeprint', all);
		return () => {
			if (idle) cancelIdleCallback(id as number);
			else clearTimeout(id);
			removeEventListener('beforeprint', all);
		};
	}, [drawn, wanted]);
	return Math.min(drawn, wanted);
}

export function Table<T>({ caption, columns, rows, sorted, compact }: { caption: string; columns: TableColumn<T>[]; rows: T[]; sorted?: string; compact?: boolean }) {
	const [by, setBy] = useState<{ key: string; down: boolean } | null>(sorted ? { key: sorted, down: true } : null);
	const [shown, setShown] = useState(STEP);
	const drawn = useDrawn(Math.min(shown, rows.length));
	const list = useMemo(() => {
		const sort = columns.find(c => c.key === by?.key)?.sort;
		if (!by || !sort) return rows;
		const sign = by.down ? -1 : 1;
		return [...rows].sort((a, b) => {
			const x = sort(a);
			const y = sort(b);
			if (x === null || y === null) return x === y ? 0 : x === null ? 1 : -1;
			return x < y ? -sign : x > y ? sign : 0;
		});
	}, [rows, columns, by]);
	return (
		<div class="table-frame" tabIndex={0} role="region" aria-label={caption}>
			<table class={`table ${compact ? 'compact' : ''} ${columns.length > 2 ? 'stack' : ''} ${rows.length <= FEW ? 'few' : ''}`} role="table" aria-colcount={columns.length}>
				<caption class="sr">{caption}</caption>
				<thead role="rowgroup">
					<tr role="row">
						{columns.map((c, k) => (
							<th key={c.key} scope="col" role="columnheader" aria-colindex={k + 1} class={c.numeric ? 'num' : ''} title={c.help} aria-sort={by?.key === c.key ? (by.down ? 'descending' : 'ascending') : undefined}>
								{c.sort ? (
									<button type="button" onClick={() => setBy(by?.key === c.key ? { key: c.key, down: !by.down } : { key: c.key, down: c.numeric ?? false })}>
										{c.title}
										<span class="arrow" aria-hidden="true">
											{by?.key === c.key ? (by.down ? '▾' : '▴') : ''}
										</span>
									</button>
								) : (
									c.title || <span class="sr">Actions</span>
								)}
							</th>
						))}
					</tr>
				</thead>
				<tbody role="rowgroup">
					{list.slice(0, drawn).map((row, i) => (
						<tr key={i} role="row">
							{columns.map((c, k) => {
								const body = c.cell(row, i);
								return c.head ? (
									<th key={c.key} scope="row" role="rowheader" aria-colindex={k + 1}>
										{body}
									</th>
								) : (
									<td key={c.key} role="cell" aria-colindex={k + 1} data-title={c.title} class={`${c.numeric ? 'num' : ''} ${body === '–' ? 'nothing' : ''}`}>
										<div class="cell-body">{body}</div>
									</td>
								);
							})}
						</tr>
					))}
				</tbody>
			</table>
			{list.length > shown && (
				<p class="table-more">
					{shown} of {list.length} rows.{' '}
					<button type="button" class="link" onClick={() => setShown(list.length)}>
						Show all
					</button>
				</p>
			)}
		</div>
	);
}
