// SPDX-License-Identifier: Apache-2.0
import type { RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

/** How much larger than usual the page's letters are: on a wall drawings grow with them. */
export function pageScale(): number {
	return parseFloat(getComputedStyle(document.documentElement).fontSize) / 16 || 1;
}

/** The width inside an element's padding, followed as it changes, and the pixels that one of its units has. */
export function useWidth<T extends HTMLElement>(initial: number): [RefObject<T>, number, number] {
	const ref = useRef<T>(null);
	const [width, setWidth] = useState(initial);
	const [unit, setUnit] = useState(1);
	useEffect(() => {
		const el = ref.current;
		if (!el) return;
		const take = (): void => {
			const style = getComputedStyle(el);
			const scale = pageScale();
			setUnit(scale);
			setWidth(Math.floor((el.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight)) / scale));
		};
		take();
		const watch = new ResizeObserver(take);
		watch.observe(el);
		return () => watch.disconnect();
	}, []);
	return [ref, width, unit];
}
