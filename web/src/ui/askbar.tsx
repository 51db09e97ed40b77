// SPDX-License-Identifier: Apache-2.0
// The bar that asks: period, filters, comparison. Everything it does is a change of the URL.
import { useState } from 'preact/hooks';
import { design, queryUrl, session, useApi } from '../base/api';
import { beside, conditionText, parseCondition, quote, type Condition } from '../base/filter';
import { count, title } from '../base/format';
import { firstDay, isPeriod, lastDay, PERIODS, PERIOD_DEFAULT, periodText } from '../base/period';
import { asked, misread, other, period, touchpointName, where } from '../base/question';
import { params, setParams } from '../base/router';
import type { Result } from '../base/types';
import { FormDialog } from './dialog';
import { Icon } from './icon';
import { Field } from './parts';

function fieldsToFilter(): string[] {
	return ['touchpoint', 'stage', 'owner', 'channel', 'channel-kind', ...(design.value?.dimensions ?? []), 'agent', 'event', 'source', 'location', 'first.channel', 'ladder'];
}

function ValuePicker({ field, values, onChange }: { field: string; values: string[]; onChange: (v: string[]) => void }) {
	const found = useApi<Result>(queryUrl('volume', [['by', field], ['limit', '60']]));
	const [text, setText] = useState('');
	const rows = (found.data?.rows ?? []).filter(r => r[field] !== '(other)');
	const shown = rows.filter(r => String(r[field]).toLowerCase().includes(text.toLowerCase()));
	const toggle = (v: string): void => onChange(values.includes(v) ? values.filter(x => x !== v) : [...values, v]);
	return (
		<fieldset class="picker">
			<legend class="sr">Values of {field}</legend>
			<input type="search" aria-label={`Search values of ${field}`} placeholder="Search" value={text} onInput={e => setText(e.currentTarget.value)} />
			{found.error && <p class="muted">{found.error.detail}</p>}
			<div class="picker-list">
				{shown.map(r => {
					const v = String(r[field]);
					return (
						<label key={v} class="check">
							<input type="checkbox" checked={values.includes(v)} onChange={() => toggle(v)} />
							<span>{field === 'touchpoint' ? touchpointName(v) : v}</span>
							<span class="muted num">{count(Number(r.interactions ?? 0))}</span>
						</label>
					);
				})}
				{text && !rows.some(r => r[field] === text) && (
					<button type="button" class="link" onClick={() => toggle(text)}>
						Use “{text}”
					</button>
				)}
			</div>
		</fieldset>
	);
}

function FilterDialog({ onClose, start }: { onClose: () => void; start: string | null }) {
	const parsed = start === null ? null : parseCondition(start);
	const [field, setField] = useState(parsed?.field ?? 'channel');
	const [op, setOp] = useState<Condition['op']>(parsed?.op === '!=' ? '!=' : '=');
	const [values, setValues] = useState<string[]>(parsed?.values ?? []);
	const [raw, setRaw] = useState(start !== null && !parsed ? start : '');
	const [free, setFree] = useState(start !== null && !(parsed && fieldsToFilter().includes(parsed.field)));
	const text = free ? raw.trim() : values.length ? conditionText({ field, op, values }) : '';
	const done = (): void => {
		const rest = where.value.filter(w => w !== start);
		setParams({ where: text ? [...rest, text] : rest });
		onClose();
	};
	return (
		<FormDialog open title={start === null ? 'Add a filter' : 'Change the filter'} onClose={onClose} act="Apply" disabled={!text} onSubmit={done}>
			<div class="tabs" role="group" aria-label="How to filter">
				<button type="button" aria-pressed={!free} onClick={() => setFree(false)}>
					Choose
				</button>
				<button type="button" aria-pressed={free} onClick={() => { setFree(true); if (!raw && text) setRaw(text); }}>
					Write
				</button>
			</div>
			{free ? (
				<Field label="Expression" help="For example: channel = phone, chat · csat < 3 · wait > 2min and not resolved = 1" wide>
					<textarea rows={3} value={raw} onInput={e => setRaw(e.currentTarget.value)} spellcheck={false} />
				</Field>
			) : (
				<>
					<div class="row">
						<Field label="Field">
							<select value={field} onChange={e => { setField(e.currentTarget.value); setValues([]); }}>
								{fieldsToFilter().map(f => (
									<option key={f} value={f}>
										{title(f)}
									</option>
								))}
							</select>
						</Field>
						<Field label="is">
							<select value={op} onChange={e => setOp(e.currentTarget.value as Condition['op'])}>
								<option value="=">any of</option>
								<option value="!=">none of</option>
							</select>
						</Field>
					</div>
					<ValuePicker key={field} field={field} values={values} onChange={setValues} />
				</>
			)}
		</FormDialog>
	);
}

function chipText(expression: string): string {
	const c = parseCondition(expression);
	if (!c || c.op !== '=' || c.values.length > 3) return expression;
	return `${title(c.field)}: ${c.values.map(v => (c.field === 'touchpoint' ? touchpointName(v) : v)).join(', ')}`;
}

function Days({ from, until, onFrom, onUntil }: { from: string; until: string; onFrom: (day: string) => void; onUntil: (day: string) => void }) {
	return (
		<div class="row">
			<Field label="From">
				<input type="date" value={from} {...(until ? { max: until } : {})} onInput={e => onFrom(e.currentTarget.value)} />
			</Field>
			<Field label="To, that day included">
				<input type="date" value={until} {...(from ? { min: from } : {})} onInput={e => onUntil(e.currentTarget.value)} />
			</Field>
		</div>
	);
}

function PeriodSelect() {
	const given = params.value.get('period');
	const value = given && isPeriod(given) ? given : PERIOD_DEFAULT;
	const known = PERIODS.some(([v]) => v === value);
	const [custom, setCustom] = useState(false);
	const [from, setFrom] = useState('');
	const [until, setUntil] = useState('');
	const choose = (): void => {
		const p = period.value;
		setFrom(p.from ? firstDay(p.from) : '');
		setUntil(p.to ? lastDay(p.to) : '');
		setCustom(true);
	};
	return (
		<>
			<label class="pill-select">
				<span class="sr">Period</span>
				<select
					value={known ? value : 'custom'}
					onChange={e => {
						if (e.currentTarget.value === 'custom') {
							choose();
							e.currentTarget.value = known ? value : 'custom'; // it is not chosen yet
						} else setParams({ period: e.currentTarget.value === PERIOD_DEFAULT ? null : e.currentTarget.value });
					}}
				>
					{PERIODS.map(([v, text]) => (
						<option key={v} value={v}>
							{text}
						</option>
					))}
					<option value="custom">{known ? 'Other…' : periodText(period.value)}</option>
				</select>
			</label>
			{!known && (
				<button type="button" class="chip" onClick={choose}>
					Change dates
				</button>
			)}
			<FormDialog
				open={custom}
				title="Period"
				onClose={() => setCustom(false)}
				act="Apply"
				onSubmit={() => {
					setParams({ period: from || until ? `${from}..${until}` : 'all' });
					setCustom(false);
				}}
			>
				<Days from={from} until={until} onFrom={setFrom} onUntil={setUntil} />
			</FormDialog>
		</>
	);
}

/** What comparing with a segment does to the filters that are there. */
function besideText(segment: string): string {
	const { where: all, instead } = beside(where.value, segment);
	const both = all.slice(0, -1);
	return [instead.length ? `It stands instead of ${instead.join(' · ')}.` : '', both.length ? `For both sides: ${both.join(' · ')}.` : ''].join(' ').trim();
}

function CompareSelect() {
	const vs = params.value.get('vs');
	const kind = vs === null || (!other.value && !['previous', 'year'].includes(vs)) ? '' : vs.startsWith('period:') ? 'period' : vs.startsWith('where:') ? 'where' : vs;
	const [open, setOpen] = useState<'period' | 'where' | null>(null);
	const [from, setFrom] = useState('');
	const [until, setUntil] = useState('');
	const [text, setText] = useState('');
	return (
		<>
			<label class="pill-select">
				<span class="sr">Compare with</span>
				<select
					value={kind}
					onChange={e => {
						const v = e.currentTarget.value;
						if (v === 'period' || v === 'where') {
							setOpen(v);
							e.currentTarget.value = kind;
						} else setParams({ vs: v || null });
					}}
				>
					<option value="">Compare with…</option>
					<option value="previous">vs the period before</option>
					<option value="year">vs a year earlier</option>
					<option value="period">{kind === 'period' && other.value ? `vs ${other.value.label}` : 'vs another period…'}</option>
					<option value="where">{kind === 'where' && other.value ? `vs ${other.value.label}` : 'vs a segment…'}</option>
				</select>
			</label>
			<FormDialog
				open={open !== null}
				title={open === 'where' ? 'Compare with a segment' : 'Compare with a period'}
				onClose={() => setOpen(null)}
				act="Compare"
				disabled={open === 'period' ? !from && !until : !text.trim()}
				onSubmit={() => {
					setParams({ vs: open === 'period' ? `period:${from}..${until}` : `where:${text.trim()}` });
					setOpen(null);
				}}
			>
				{open === 'period' ? (
					<Days from={from} until={until} onFrom={setFrom} onUntil={setUntil} />
				) : (
					<>
						<Field label="Segment" help="A filter, for example: product = fibre, or tenure > 90d" wide>
							<input value={text} onInput={e => setText(e.currentTarget.value)} spellcheck={false} placeholder={`${design.value?.dimensions[0] ?? 'channel'} = …`} />
						</Field>
						{text.trim() && where.value.length > 0 && <p class="muted small">{besideText(text.trim())}</p>}
					</>
				)}
			</FormDialog>
		</>
	);
}

/** Quick choice of one value of a field: owners, channels. */
function QuickSelect({ field, label, options }: { field: string; label: string; options: string[] }) {
	const now = where.value.find(w => parseCondition(w)?.field === field && parseCondition(w)?.op === '=');
	const values = now ? (parseCondition(now)?.values ?? []) : [];
	return (
		<label class="pill-select">
			<span class="sr">{label}</span>
			<select
				value={values.length === 1 ? values[0] : ''}
				onChange={e => {
					const v = e.currentTarget.value;
					const rest = where.value.filter(w => w !== now);
					setParams({ where: v ? [...rest, `${field} = ${quote(v)}`] : rest });
				}}
			>
				<option value="">{values.length > 1 ? `${values.length} of ${label.toLowerCase()}` : `Every ${field}`}</option>
				{options.map(o => (
					<option key={o} value={o}>
						{title(o)}
					</option>
				))}
			</select>
		</label>
	);
}

export function AskBar({ compare = true, quick = true }: { compare?: boolean; quick?: boolean }) {
	const [edit, setEdit] = useState<string | null | undefined>(undefined);
	const d = design.value;
	void asked.value;
	// Whoever came by a read-only link may ask nothing else; the map and analyses tell their period themselves.
	if (!session.value?.user) {
		const fixed = [...(quick || !compare ? [] : [periodText(period.value)]), ...where.value.map(chipText), ...(other.value ? [`compared with ${other.value.label}`] : [])];
		return fixed.length ? <p class="muted asked">{fixed.join(' · ')}</p> : null;
	}
	return (
		<div class="askbar" role="group" aria-label="Period and filters">
			<PeriodSelect />
			{quick && d && <QuickSelect field="channel" label="Channels" options={d.channels.map(c => c.key)} />}
			{quick && d && <QuickSelect field="owner" label="Owners" options={d.departments} />}
			{compare && <CompareSelect />}
			{where.value.map(w => (
				<span key={w} class="chip filled">
					<button type="button" class="chip-text" onClick={() => setEdit(w)} title="Change this filter">
						{chipText(w)}
					</button>
					<button type="button" class="chip-close" aria-label={`Remove the filter ${w}`} onClick={() => setParams({ where: where.value.filter(x => x !== w) })}>
						<Icon name="close" />
					</button>
				</span>
			))}
			{other.value?.instead && (
				<span class="muted compared">
					{other.value.here} compared with {other.value.label}
					{other.value.where.length > 1 && `; for both: ${other.value.where.slice(0, -1).join(' · ')}`}
				</span>
			)}
			<button type="button" class="chip add" id="filter-add" onClick={() => setEdit(null)}>
				<Icon name="plus" /> Filter
			</button>
			{misread.value.map(text => (
				<p key={text} class="misread" role="alert">
					<Icon name="warn" /> {text}
				</p>
			))}
			{edit !== undefined && <FilterDialog key={String(edit)} start={edit} onClose={() => setEdit(undefined)} />}
		</div>
	);
}
