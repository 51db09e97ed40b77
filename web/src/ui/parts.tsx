// SPDX-License-Identifier: Apache-2.0
// Small pieces that every page is made of.
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import type { Loaded } from '../base/api';
import { arrived } from '../base/router';
import type { Verdict } from '../base/types';
import { VERDICT_WORDS, verdictClass } from '../base/score';
import { Icon } from './icon';

/** The verdict as a shape of its own: disc with tick, diamond with mark, square with bar, dashed ring. */
export function Mark({ verdict, label = true }: { verdict: Verdict; label?: boolean }) {
	const c = verdictClass(verdict);
	return (
		<svg class={`mark mark-${c}`} viewBox="0 0 16 16" role={label ? 'img' : undefined} aria-label={label ? VERDICT_WORDS[verdict] : undefined} aria-hidden={label ? undefined : 'true'}>
			{c === 'kept' && <path class="fill" d="M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1" />}
			{c === 'kept' && <path class="glyph" d="M4.7 8.3l2.3 2.3 4.3-4.8" />}
			{c === 'broken' && <path class="fill" d="M8 .4L15.6 8 8 15.6.4 8z" />}
			{c === 'broken' && <path class="glyph" d="M8 4.5v4.2M8 11.2v.2" />}
			{c === 'unclear' && <path class="ring" d="M2.5 2.5h11v11h-11z" />}
			{c === 'unclear' && <path class="bar" d="M5 8h6" />}
			{c === 'none' && <circle class="ring dashed" cx="8" cy="8" r="5.8" />}
		</svg>
	);
}

export function Logo() {
	return (
		<>
			<svg viewBox="0 0 34 24" aria-hidden="true">
				<path class="a" d="M1 3h10l6 9-6 9H1l6-9z" />
				<path class="b" d="M17 3h10l6 9-6 9H17l6-9z" />
			</svg>
			<span>Corridor</span>
		</>
	);
}

const SHORT = 26; // letters that stay on one line

export function Short({ text }: { text: string }) {
	return text.length <= SHORT ? <span class="nowrap">{text}</span> : <>{text}</>;
}

/** The heading of a page; takes the focus when one gets here by a link, so that a screen reader says where one is. */
export function PageHead({ title, eyebrow, children, aside }: { title: string; eyebrow?: ComponentChildren; children?: ComponentChildren; aside?: ComponentChildren }) {
	const ref = useRef<HTMLHeadingElement>(null);
	const n = arrived.value;
	useEffect(() => {
		document.title = `${title} · Corridor`;
	}, [title]);
	useLayoutEffect(() => {
		if (n > 0) ref.current?.focus({ preventScroll: true });
	}, [n]);
	return (
		<header class="page-head">
			<div class="page-head-words">
				{eyebrow && <p class="eyebrow">{eyebrow}</p>}
				<h1 ref={ref} tabIndex={-1}>
					{title}
				</h1>
				{children}
			</div>
			{aside && <div class="page-head-aside">{aside}</div>}
		</header>
	);
}

export function Section({ title, aside, children, class: cls, id }: { title: string; aside?: ComponentChildren; children: ComponentChildren; class?: string; id?: string }) {
	return (
		<section class={`section ${cls ?? ''}`} aria-label={title} id={id}>
			<div class="section-head">
				<h2>{title}</h2>
				{aside}
			</div>
			{children}
		</section>
	);
}

export function Loading({ what = 'Loading', height = 160 }: { what?: string; height?: number }) {
	return (
		<div class="loading" role="status" style={{ minHeight: `${height}px` }}>
			<span class="sr">{what}…</span>
			<i />
			<i />
			<i />
		</div>
	);
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
	return (
		<div class="empty">
			<svg viewBox="0 0 64 32" aria-hidden="true">
				<path d="M2 4h17l9 12-9 12H2l9-12z" />
				<path d="M34 4h17l9 12-9 12H34l9-12z" class="dashed" />
			</svg>
			<p class="empty-title">{title}</p>
			{children && <div class="empty-text">{children}</div>}
		</div>
	);
}

export function Failure({ error, retry }: { error: { title: string; detail: string }; retry?: () => void }) {
	return (
		<div class="failure" role="alert">
			<Icon name="warn" />
			<div>
				<p class="failure-title">{error.title}</p>
				{error.detail && <p>{error.detail}</p>}
				{retry && (
					<button type="button" class="button small" onClick={retry}>
						Try again
					</button>
				)}
			</div>
		</div>
	);
}

/** Links in a row that is wider than a phone: that of the page one is on is in sight. */
export function SubNav({ label, at, children }: { label: string; at: string; children: ComponentChildren }) {
	const ref = useRef<HTMLElement>(null);
	useEffect(() => {
		const row = ref.current;
		const current = row?.querySelector('[aria-current]');
		if (!row || !current || row.scrollWidth <= row.clientWidth) return;
		const [a, b] = [row.getBoundingClientRect(), current.getBoundingClientRect()];
		row.scrollLeft += b.left + b.width / 2 - a.left - a.width / 2;
	}, [at]);
	return (
		<nav class="subnav" aria-label={label} ref={ref}>
			{children}
		</nav>
	);
}

/** The page is there without what it is compared with; why that could not be had is said. */
export function ComparisonFailure({ of }: { of: Loaded<unknown> }) {
	return of.error ? <Failure error={{ title: 'Nothing to compare with', detail: of.error.message }} retry={of.reload} /> : null;
}

/** Loading, failed, or there: the three states of everything that is asked for. */
export function Await<T>({ of, children, height, what }: { of: Loaded<T>; children: (data: T) => ComponentChildren; height?: number; what?: string }) {
	if (of.error) return <Failure error={of.error} retry={of.reload} />;
	if (of.data === null) return <Loading {...(height ? { height } : {})} {...(what ? { what } : {})} />;
	return (
		<div class={of.busy ? 'stale' : ''} aria-busy={of.busy}>
			{children(of.data)}
		</div>
	);
}

export function Segmented<T extends string>({ label, value, options, onChange }: { label: string; value: T; options: [T, string][]; onChange: (v: T) => void }) {
	return (
		<div class="segmented" role="group" aria-label={label}>
			{options.map(([v, text]) => (
				<button key={v} type="button" aria-pressed={v === value} onClick={() => onChange(v)}>
					{text}
				</button>
			))}
		</div>
	);
}

export function Field({ label, help, children, wide }: { label: string; help?: string; children: ComponentChildren; wide?: boolean }) {
	return (
		<label class={`field ${wide ? 'wide' : ''}`}>
			<span class="field-label">{label}</span>
			{children}
			{help && <span class="field-help">{help}</span>}
		</label>
	);
}

export function Tile({ label, value, note, tone, onWhy }: { label: string; value: ComponentChildren; note?: ComponentChildren; tone?: string; onWhy?: (() => void) | undefined }) {
	return (
		<div class={`tile ${tone ?? ''}`}>
			<dt>
				{label}
				{onWhy && <WhyButton what={label} onClick={onWhy} />}
			</dt>
			<dd class="tile-value">{value}</dd>
			{note && <dd class="tile-note">{note}</dd>}
		</div>
	);
}

export function WhyButton({ what, onClick }: { what: string; onClick: () => void }) {
	return (
		<button type="button" class="why" onClick={onClick} aria-label={`Why this number: ${what}`} title="Why this number">
			<Icon name="help" />
		</button>
	);
}
