// SPDX-License-Identifier: Apache-2.0
// What pages without the navigation stand in: the ways in.
import { useEffect } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import { Logo } from './parts';

export function Gate({ title, children }: { title: string; children: ComponentChildren }) {
	useEffect(() => {
		document.title = `${title} · Corridor`;
	}, [title]);
	return (
		<main class="gate" id="main">
			<div class="gate-card">
				<p class="logo">
					<Logo />
				</p>
				<h1>{title}</h1>
				{children}
			</div>
			<svg class="gate-art" viewBox="0 0 600 120" preserveAspectRatio="xMidYMid slice" aria-hidden="true">
				{Array.from({ length: 10 }, (_, i) => (
					<path key={i} class={i === 6 ? 'hot' : ''} d={`M${i * 60 - 6} 20h46l20 40-20 40h-46l20-40z`} />
				))}
			</svg>
		</main>
	);
}
