// SPDX-License-Identifier: Apache-2.0
// Dialogs and the drawer are native <dialog> elements: focus is kept inside, Escape closes, the rest is inert.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Icon } from './icon';

export interface DialogProps {
	open: boolean;
	title: string;
	onClose: () => void;
	kind?: 'center' | 'drawer';
	children: ComponentChildren;
}

export function Dialog({ open, title, onClose, kind = 'center', children }: DialogProps) {
	const ref = useRef<HTMLDialogElement>(null);
	useEffect(() => {
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
			onClick={event => {
				if (event.target === ref.current) onClose();
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
