// SPDX-License-Identifier: Apache-2.0
// A drawing that may be wider than its place: scrolled by pointer and keyboard, it fades where there is more and says so.
import type { ComponentChildren, RefObject } from 'preact';
import { useEffect, useState } from 'preact/hooks';

export function ScrollX({ box, label, class: cls = '', children }: { box: RefObject<HTMLDivElement>; label: string; class?: string; children: ComponentChildren }) {
	const [more, setMore] = useState({ left: false, right: false });
	useEffect(() => {
		const el = box.current;
		if (!el) return;
		const look = (): void => {
			const left = el.scrollLeft > 1;
			const right = el.scrollLeft + el.clientWidth < el.scrollWidth - 1;
			setMore(old => (old.left === left && old.right === right ? old : { left, right }));
		};
		look();
		const watch = new ResizeObserver(look);
		watch.observe(el);
		for (const child of el.children) watch.observe(child);
		el.addEventListener('scroll', look, { passive: true });
		return () => {
			watch.disconnect();
			el.removeEventListener('scroll', look);
		};
	}, []);
	return (
		<>
			<div class={`scroll-x ${cls} ${more.left ? 'more-left' : ''} ${more.right ? 'more-right' : ''}`} ref={box} tabIndex={0} role="region" aria-label={label}>
				{children}
			</div>
			{(more.left || more.right) && (
				<p class="scroll-hint muted small no-print">
					<span aria-hidden="true">{more.left ? '←' : ''}</span> Wider than the page: scroll it, or use the arrow keys when it has the focus <span aria-hidden="true">{more.right ? '→' : ''}</span>
				</p>
			)}
		</>
	);
}
