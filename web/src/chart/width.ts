// SPDX-License-Identifier: Apache-2.0
import type { RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

/** The width of an element in pixels, followed as it changes. */
export function useWidth<T extends HTMLElement>(initial: number): [RefObject<T>, number] {
	const ref = useRef<T>(null);
	const [width, setWidth] = useState(initial);
	useEffect(() => {
		const el = ref.current;
		if (!el) return;
		setWidth(el.clientWidth);
		const watch = new ResizeObserver(() => setWidth(el.clientWidth));
		watch.observe(el);
		return () => watch.disconnect();
	}, []);
	return [ref, width];
}
