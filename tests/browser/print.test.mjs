// SPDX-License-Identifier: Apache-2.0
// On paper everything is light, whatever theme was chosen on the screen; charts that are drawn on canvas too.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { close, settled, signedIn, skip, visit } from './house.mjs';

after(close);

/** How light the labels at a chart's left edge are drawn, at their most opaque: 0 black to 255 white. */
function labels() {
	const canvas = document.querySelector('.line-chart canvas');
	const { data } = canvas.getContext('2d').getImageData(0, 0, Math.round(canvas.width * 0.025), canvas.height);
	let at = 0;
	for (let i = 0; i < data.length; i += 4) if (data[i + 3] > data[at + 3]) at = i;
	return data[at + 3] ? Math.max(data[at], data[at + 1], data[at + 2]) : -1;
}

test('the dark theme stays on the screen', { skip }, async () => {
	const context = await signedIn({ viewport: { width: 1440, height: 900 } });
	await context.addInitScript(() => localStorage.setItem('theme', 'dark'));
	const page = await visit(context, '/journeys/scores?by=month&score=csat&period=all', '.line-chart canvas');
	const look = () =>
		page.evaluate(() => {
			const probe = document.body.appendChild(document.createElement('i'));
			const seen = name => {
				probe.style.color = `var(${name})`;
				return getComputedStyle(probe).color;
			};
			const colors = Object.fromEntries(['--ink', '--card', '--accent-soft', '--kept-soft', '--series-1'].map(n => [n, seen(n)]));
			probe.remove();
			return colors;
		});
	const dark = await look();
	assert.ok((await page.evaluate(labels)) > 120, 'labels are pale on the screen');

	await page.emulateMedia({ media: 'print' });
	await settled(page);
	const paper = await look();
	for (const [name, color] of Object.entries(dark)) assert.notEqual(paper[name], color, name);
	const onPaper = await page.evaluate(labels);
	assert.ok(onPaper >= 0 && onPaper < 120, 'labels are dark on paper');

	const wide = await page.evaluate(() => document.querySelector('.chart-panel').clientWidth / innerWidth);
	assert.ok(wide > 0.9, `the chart takes ${wide} of the paper`);

	await page.emulateMedia({ media: null });
	await settled(page);
	assert.deepEqual(await look(), dark);
	assert.ok((await page.evaluate(labels)) > 120, 'labels are pale again');

	// The print command tells before it takes the picture.
	assert.ok(await page.evaluate(`dispatchEvent(new Event('beforeprint')); new Promise(done => setTimeout(() => done((${labels})())))`) < 120);
	await page.evaluate(() => dispatchEvent(new Event('afterprint')));
	assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
	await context.close();
});
