// SPDX-License-Identifier: Apache-2.0
// The form of any analysis, made from what it declares. Every change goes into the URL; the answer follows.
import { useEffect, useState } from 'preact/hooks';
import { design } from '../base/api';
import { inForm, title } from '../base/format';
import { BUCKETS, FIELDS, isMain, paramKey } from '../base/result';
import { params, setParams } from '../base/router';
import type { Analysis, Param } from '../base/types';
import { Icon } from './icon';
import { Field } from './parts';

/** A text that is sent when one is done with it (Enter or leaving), not with every key. */
export function LazyInput({ value, onDone, ...rest }: { value: string; onDone: (v: string) => void; list?: string; placeholder?: string; type?: string; min?: number; max?: number; 'aria-label'?: string; id?: string }) {
	const [text, setText] = useState(value);
	useEffect(() => setText(value), [value]);
	return (
		<input
			{...rest}
			value={text}
			spellcheck={false}
			autocomplete="off"
			onInput={e => setText(e.currentTarget.value)}
			onBlur={() => text !== value && onDone(text)}
			onKeyDown={e => {
				if (e.key === 'Enter') {
					e.preventDefault();
					onDone(text);
				}
			}}
		/>
	);
}

function Repeated({ param, values, set }: { param: Param; values: string[]; set: (v: string[]) => void }) {
	const list = values.length ? values : ['', ''].slice(0, param.required ? 2 : 1);
	const put = (i: number, v: string): void => set(list.map((x, k) => (k === i ? v : x)));
	const swap = (i: number, j: number): void => {
		const next = [...list];
		[next[i], next[j]] = [next[j] as string, next[i] as string];
		set(next);
	};
	return (
		<fieldset class="field repeated">
			<legend class="field-label">{title(param.name)}s</legend>
			<ol>
				{list.map((v, i) => (
					<li key={i}>
						<span class="muted num">{i + 1}</span>
						<LazyInput value={v} list={param.type === 'filter' ? 'touchpoints' : ''} onDone={x => put(i, x)} aria-label={`${title(param.name)} ${i + 1}`} placeholder={param.type === 'filter' ? 'touch point or filter' : ''} />
						<button type="button" class="icon-button" disabled={i === 0} onClick={() => swap(i, i - 1)} aria-label={`Move ${i + 1} up`}>
							<span class="turn-up">
								<Icon name="down" />
							</span>
						</button>
						<button type="button" class="icon-button" onClick={() => set(list.filter((_, k) => k !== i))} aria-label={`Remove ${i + 1}`}>
							<Icon name="close" />
						</button>
					</li>
				))}
			</ol>
			<AddValue param={param} onAdd={v => set([...list.filter(Boolean), v])} />
		</fieldset>
	);
}

function AddValue({ param, onAdd }: { param: Param; onAdd: (v: string) => void }) {
	if (param.type !== 'filter')
		return (
			<button type="button" class="chip add" onClick={() => onAdd(' ')}>
				<Icon name="plus" /> {title(param.name)}
			</button>
		);
	return (
		<label class="pill-select">
			<span class="sr">Add a {param.name}</span>
			<select
				value=""
				onChange={e => {
					if (e.currentTarget.value) onAdd(e.currentTarget.value);
					e.currentTarget.value = '';
				}}
			>
				<option value="">Add a {param.name}…</option>
				{(design.value?.touchpoints ?? []).map(t => (
					<option key={t.key} value={t.key}>
						{t.name}
					</option>
				))}
			</select>
		</label>
	);
}

const HINTS: Partial<Record<Param['type'], string>> = { duration: '7d, 30min, 2h …', time: '2026-03, 2026-03-29 …', filter: 'touch point or filter' };

function ParamField({ param }: { param: Param }) {
	const key = paramKey(param.name);
	const values = params.value.getAll(key);
	const value = values[0] ?? '';
	const set = (v: string): void => setParams({ [key]: v.trim() === '' || v === param.default ? null : v });
	if (param.repeated) return <Repeated param={param} values={values} set={v => setParams({ [key]: v.filter(x => x !== '') })} />;
	if (param.type === 'flag')
		return (
			<label class="check" title={inForm(param.help)}>
				<input type="checkbox" checked={value === 'true'} onChange={e => setParams({ [key]: e.currentTarget.checked ? 'true' : null })} /> {title(param.name)}
			</label>
		);
	return (
		<Field label={title(param.name)} help={inForm(param.help)}>
			{param.type === 'choice' ? (
				<select value={value || (param.default ?? '')} onChange={e => set(e.currentTarget.value)}>
					{param.default === null && <option value="">–</option>}
					{param.choices.map(c => (
						<option key={c} value={c}>
							{c}
						</option>
					))}
				</select>
			) : (
				<LazyInput
					value={value}
					onDone={set}
					list={param.type === 'filter' ? 'touchpoints' : ''}
					placeholder={param.default ?? HINTS[param.type] ?? ''}
					{...(param.type === 'integer' || param.type === 'number' ? { type: 'number', ...(param.min !== null ? { min: param.min } : {}), ...(param.max !== null ? { max: param.max } : {}) } : {})}
				/>
			)}
		</Field>
	);
}

const BY_MOST = 4;

function GroupBy() {
	const now = (params.value.get('by') ?? '').split(',').filter(Boolean);
	const all = [...FIELDS, ...(design.value?.dimensions ?? []), ...BUCKETS, 'ladder', 'tenure', 'index', 'first.channel'];
	const set = (list: string[]): void => setParams({ by: list.join(',') || null });
	return (
		<div class="field">
			<span class="field-label" id="by-label">
				Group by
			</span>
			<div class="chips" role="group" aria-labelledby="by-label">
				{now.map(b => (
					<span key={b} class="chip filled">
						<span class="chip-text plain">{title(b)}</span>
						<button type="button" class="chip-close" aria-label={`Do not group by ${b}`} onClick={() => set(now.filter(x => x !== b))}>
							<Icon name="close" />
						</button>
					</span>
				))}
				{now.length < BY_MOST && (
					<label class="pill-select">
						<span class="sr">Add a group</span>
						<select
							value=""
							onChange={e => {
								if (e.currentTarget.value) set([...now.filter(b => !(BUCKETS.includes(b) && BUCKETS.includes(e.currentTarget.value))), e.currentTarget.value]);
								e.currentTarget.value = '';
							}}
						>
							<option value="">{now.length ? '+' : 'nothing'}</option>
							{all
								.filter(b => !now.includes(b))
								.map(b => (
									<option key={b} value={b}>
										{title(b)}
									</option>
								))}
						</select>
					</label>
				)}
			</div>
		</div>
	);
}

export function QuestionForm({ analysis }: { analysis: Analysis }) {
	const main = analysis.params.filter(isMain);
	const more = analysis.params.filter(p => !isMain(p));
	const used = more.filter(p => params.value.has(paramKey(p.name))).length;
	return (
		<div class="question panel no-print" role="group" aria-label="The question">
			<datalist id="touchpoints">
				{(design.value?.touchpoints ?? []).map(t => (
					<option key={t.key} value={t.key}>
						{t.name}
					</option>
				))}
			</datalist>
			<div class="fields">
				{main.map(p => (
					<ParamField key={p.name} param={p} />
				))}
				<GroupBy />
			</div>
			{more.length > 0 && (
				<details class="more">
					<summary>More options{used ? `, ${used} set` : ''}</summary>
					<div class="fields">
						{more.map(p => (
							<ParamField key={p.name} param={p} />
						))}
						<Field label="Rows at most" help="The rest is summed as other">
							<LazyInput type="number" min={0} value={params.value.get('limit') ?? ''} onDone={v => setParams({ limit: v || null })} />
						</Field>
					</div>
				</details>
			)}
		</div>
	);
}
