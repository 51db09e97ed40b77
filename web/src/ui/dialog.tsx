// SPDX-License-Identifier: Apache-2.0
// Dialogs and the drawer are native <dialog> elements: focus is kept inside, Escape closes, the rest is inert.
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { Icon } from './icon';
import { Failure } from './parts';

export interface DialogProps {
	open: boolean;
	title: string;
	onClose: () => void;
	kind?: 'center' | 'drawer';
	children: ComponentChildren;
}

export function Dialog({ open, title, onClose, kind = 'center', children }: DialogProps) {
	const ref = useRef<HTMLDialogElement>(null);
	const pressed = useRef(false);
	// Before the page is painted: a key pressed as soon as it is seen is the dialog's already.
	useLayoutEffect(() => {
		const d = ref.current;
		if (!d || !open) return;
		const back = document.activeElement as HTMLElement | null;
		d.showModal();
		return () => {
			d.close();
			back?.focus?.();
		};
	}, [open]);
	if (!open) return null;
	return (
		<dialog
			ref={ref}
			class={`dialog ${kind}`}
			aria-label={title}
			onCancel={event => {
				event.preventDefault();
				onClose();
			}}
			onPointerDown={event => {
				pressed.current = event.target === ref.current;
			}}
			onClick={event => {
				// Not where text was marked and the pointer let go outside.
				if (pressed.current && event.target === ref.current) onClose();
			}}
		>
			<div class="dialog-body">
				<header class="dialog-head">
					<h2>{title}</h2>
					<button type="button" class="icon-button" onClick={onClose} aria-label="Close">
						<Icon name="close" />
					</button>
				</header>
				{children}
			</div>
		</dialog>
	);
}

export interface FormDialogProps extends Omit<DialogProps, 'kind'> {
	/** What the button says that does it. */
	act: string;
	onSubmit: () => void;
	danger?: boolean;
	disabled?: boolean;
	error?: { title: string; detail: string } | null;
}

/** A dialog that asks for something and does it: its fields, what went wrong, the button that does it and the one that does not. */
export function FormDialog({ act, onSubmit, danger = false, disabled = false, error = null, children, ...dialog }: FormDialogProps) {
	return (
		<Dialog {...dialog}>
			<form
				class="form"
				onSubmit={e => {
					e.preventDefault();
					if (!disabled) onSubmit();
				}}
			>
				{children}
				{error && <Failure error={error} />}
				<div class="actions">
					<button type="submit" class={`button ${danger ? 'danger' : 'primary'}`} disabled={disabled}>
						{act}
					</button>
					<button type="button" class="button" onClick={dialog.onClose}>
						Cancel
					</button>
				</div>
			</form>
		</Dialog>
	);
}
