// SPDX-License-Identifier: Apache-2.0
// Fields for passwords: what is typed can be shown, and what is wrong is said at the field.
import { useId, useLayoutEffect, useRef, useState } from 'preact/hooks';

interface Props {
	label: string;
	value: string;
	onInput: (value: string) => void;
	autocomplete: 'new-password' | 'current-password';
	help?: string;
	/** What is wrong with it; the field takes the focus when that is said. */
	trouble?: string | null;
}

export function PasswordField({ label, value, onInput, autocomplete, help, trouble }: Props) {
	const [shown, setShown] = useState(false);
	const input = useRef<HTMLInputElement>(null);
	const id = useId();
	useLayoutEffect(() => {
		if (trouble) input.current?.focus();
	}, [trouble]);
	const described = [trouble ? `${id}-trouble` : '', help ? `${id}-help` : ''].filter(Boolean).join(' ');
	return (
		<div class="field wide">
			<label class="field-label" for={id}>
				{label}
			</label>
			<div class="password">
				<input
					ref={input}
					id={id}
					type={shown ? 'text' : 'password'}
					autocomplete={autocomplete}
					autocapitalize="off"
					spellcheck={false}
					value={value}
					aria-invalid={trouble ? 'true' : undefined}
					aria-describedby={described || undefined}
					onInput={e => onInput(e.currentTarget.value)}
				/>
				<button type="button" class="button" aria-label={`${shown ? 'Hide' : 'Show'}: ${label}`} onClick={() => setShown(!shown)}>
					{shown ? 'Hide' : 'Show'}
				</button>
			</div>
			{trouble && (
				<span class="field-trouble" id={`${id}-trouble`} role="alert">
					{trouble}
				</span>
			)}
			{help && (
				<span class="field-help" id={`${id}-help`}>
					{help}
				</span>
			)}
		</div>
	);
}
