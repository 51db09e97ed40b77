// SPDX-License-Identifier: Apache-2.0
// The few pictograms, drawn on a 20 × 20 grid with one stroke width; they never stand alone without a name.

const PATHS: Record<string, string> = {
	sun: 'M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7M10 1.8v1.7M10 16.5v1.7M1.8 10h1.7M16.5 10h1.7M4.2 4.2l1.2 1.2M14.6 14.6l1.2 1.2M15.8 4.2l-1.2 1.2M5.4 14.6l-1.2 1.2',
	moon: 'M16.5 12.2A7 7 0 0 1 7.8 3.5a7 7 0 1 0 8.7 8.7z',
	help: 'M7.4 7.6A2.7 2.7 0 0 1 10 5.2c1.6 0 2.7 1 2.7 2.4 0 2-2.6 2.2-2.7 4.1M10 14.6v.2',
	search: 'M8.8 3.5a5.3 5.3 0 1 0 0 10.6 5.3 5.3 0 0 0 0-10.6M12.8 12.8l4 4',
	close: 'M5 5l10 10M15 5L5 15',
	plus: 'M10 4v12M4 10h12',
	menu: 'M3 5.5h14M3 10h14M3 14.5h14',
	right: 'M8 4.5l5.5 5.5L8 15.5',
	down: 'M4.5 7.5L10 13l5.5-5.5',
	pin: 'M7 3h6l-.8 5 2.8 2.6H5L7.8 8zM10 11v6',
	share: 'M10 12V3M6.5 6L10 2.8 13.5 6M4 10.5V16.5H16V10.5',
	table: 'M3 4h14v12H3zM3 8h14M3 12h14M8 8v8',
	chart: 'M3.5 16.5h13M5.5 13.5V9M10 13.5V4.5M14.5 13.5V7.5',
	print: 'M6 8V3h8v5M6 14H3.5V8h13v6H14M6 12h8v5H6z',
	user: 'M10 3.5a3 3 0 1 0 0 6 3 3 0 0 0 0-6M4 16.8c.5-3 3-4.5 6-4.5s5.5 1.5 6 4.5',
	back: 'M12 4.5L6.5 10l5.5 5.5',
	warn: 'M10 3l7.5 13.5h-15zM10 8.5v3.8M10 14.4v.2',
	file: 'M5 2.5h6.5L15 6v11.5H5zM11.5 2.5V6H15',
	lock: 'M5 9h10v8H5zM7 9V6.2a3 3 0 0 1 6 0V9M10 12.2v1.8',
	copy: 'M7 7h9.5v9.5H7zM13 7V3.5H3.5V13H7',
};

export function Icon({ name }: { name: keyof typeof PATHS | string }) {
	return (
		<svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
			<path d={PATHS[name]} />
		</svg>
	);
}
