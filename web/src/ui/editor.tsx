// SPDX-License-Identifier: Apache-2.0
// A text editor for YAML: a plain textarea (so that everything a keyboard and a screen reader know works) over a
// highlighted copy, with line numbers and marks at problems. Tab leaves it, as in any form.
import { useMemo, useRef } from 'preact/hooks';

export interface TextProblem {
	line: number;
	column: number;
	message: string;
	remedy?: string;
	/** Worth a look, but may be published. */
	warning?: boolean;
}

type Token = [string, string];

const PIECES = /(#.*$)|("(?:[^"\\]|\\.)*"|'(?:[^']|'')*')|([\w.-]+(?:\s[\w.-]+)*)(?=\s*:(?:\s|$))|(-?\b\d[\d_.:]*(?:%|[a-z]{1,3}\b)?)|([{}[\],])/g;

/** A line of YAML in pieces: comments, texts, keys, numbers, signs. */
export function tokens(line: string): Token[] {
	const out: Token[] = [];
	let at = 0;
	for (const m of line.matchAll(PIECES)) {
		const i = m.index;
		if (m[1] && i > 0 && !/\s/.test(line[i - 1] as string)) continue; // "#" within a word is no comment
		if (i > at) out.push(['', line.slice(at, i)]);
		out.push([m[1] ? 'comment' : m[2] ? 'text' : m[3] ? 'key' : m[4] ? 'number' : 'sign', m[0]]);
		at = i + m[0].length;
		if (m[1]) return out;
	}
	if (at < line.length) out.push(['', line.slice(at)]);
	return out;
}

export function Editor({ label, value, onInput, problems, rows = 30, describedBy, readOnly = false }: { label: string; value: string; onInput: (v: string) => void; problems: TextProblem[]; rows?: number; describedBy?: string; readOnly?: boolean }) {
	const back = useRef<HTMLDivElement>(null);
	const lines = useMemo(() => value.split('\n').map(tokens), [value]);
	const bad = new Map(problems.map(p => [p.line, p]));
	return (
		<div class="editor" style={{ '--rows': String(rows) }}>
			<div class="editor-back" ref={back} aria-hidden="true">
				{lines.map((l, i) => (
					<div key={i} class={bad.has(i + 1) ? 'bad-line' : ''}>
						<span class="line-number">{i + 1}</span>
						{l.map(([kind, text], k) => (
							<span key={k} class={kind ? `y-${kind}` : undefined}>
								{text}
							</span>
						))}
						{'\u200b'}
					</div>
				))}
			</div>
			<textarea
				aria-label={label}
				aria-invalid={problems.length > 0}
				aria-describedby={describedBy}
				value={value}
				readOnly={readOnly}
				spellcheck={false}
				wrap="off"
				autocapitalize="off"
				onInput={e => onInput(e.currentTarget.value)}
				onScroll={e => {
					if (back.current) {
						back.current.scrollTop = e.currentTarget.scrollTop;
						back.current.scrollLeft = e.currentTarget.scrollLeft;
					}
				}}
			/>
		</div>
	);
}

/** Puts the cursor at a line and column and brings it into view. */
export function jump(line: number, column: number): void {
	const area = document.querySelector<HTMLTextAreaElement>('.editor textarea');
	if (!area) return;
	const before = area.value.split('\n').slice(0, line - 1);
	const at = before.reduce((s, l) => s + l.length + 1, 0) + Math.max(0, column - 1);
	area.focus();
	area.setSelectionRange(at, at);
	const height = parseFloat(getComputedStyle(area).lineHeight) || 20;
	area.scrollTop = Math.max(0, (line - 6) * height);
}
