// SPDX-License-Identifier: Apache-2.0
// Every page, narrow and wide, light and dark: no word on the console, no serious finding of axe-core, nothing wider than
// the screen, nothing cut off, one h1, a title, the landmarks. The dark look is the same page after the system's
// theme has changed, as it does in the evening.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { axe, close, isOutside, open, pages, settled, signedIn, skip, url, visit } from './house.mjs';

after(close);

const WIDTHS = [
	[360, { viewport: { width: 360, height: 740 } }],
	[2560, { viewport: { width: 2560, height: 1440 } }],
].filter(([w]) => !process.env.WIDTH || process.env.WIDTH === String(w));

/** Controls and headings whose text does not fit: there is an ellipsis for data only. */
function clipped() {
	return [...document.querySelectorAll('button, h1, h2, h3, th, label, .tile-value')]
		.filter(e => e.offsetParent && e.clientWidth > 1 && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX === 'hidden' && !e.closest('.sr, .stage-name'))
		.map(e => `${e.tagName} ${e.textContent.trim().slice(0, 40)}`);
}

/** What runs over the edge of the box that it lies in, unless something between the two scrolls or cuts it. */
function spilled() {
	const boxes = '.card, .panel, .tile, .repairs li, .stage-name, .field, fieldset, dialog';
	const over = [];
	for (const box of document.querySelectorAll(boxes)) {
		const edge = box.getBoundingClientRect();
		if (edge.width < 2 || getComputedStyle(box).overflowX !== 'visible') continue;
		for (const e of box.querySelectorAll('*')) {
			const own = e.getBoundingClientRect();
			if (own.width < 2 || own.height < 2 || !e.checkVisibility() || e.closest('.sr, .pulse')) continue;
			if (own.right <= edge.right + 1 && own.left >= edge.left - 1) continue;
			let up = e.parentElement;
			while (up !== box && getComputedStyle(up).overflowX === 'visible' && getComputedStyle(up).position !== 'fixed') up = up.parentElement;
			if (up === box) over.push(`${box.className || box.tagName}: ${e.tagName.toLowerCase()}.${e.getAttribute('class') ?? ''} ${e.textContent.trim().slice(0, 30)} by ${Math.round(Math.max(own.right - edge.right, edge.left - own.left))}`);
		}
	}
	return over;
}

/** With CORRIDOR_BROWSER_SOME every other page is looked at narrow and the others wide: half the time, and no page left out. */
const chosen = turn => (_page, i) => !process.env.CORRIDOR_BROWSER_SOME || i % 2 === turn;

test('on a phone every value has its head, where cells are left out and heads are not seen too', { skip }, async () => {
	const context = await signedIn({ viewport: { width: 360, height: 740 } });
	const page = await visit(context, `/sql?sql=${encodeURIComponent("SELECT 'a' AS x, NULL AS y, 3 AS z")}`, '.answer td');
	// As a screen reader has it: without what is not displayed, by the numbers of columns.
	const told = await page.evaluate(() => {
		const heard = selector => [...document.querySelectorAll(selector)].filter(e => e.checkVisibility());
		const heads = new Map(heard('.answer thead [role=columnheader]').map(h => [h.ariaColIndex, h.textContent]));
		return heard('.answer tbody [role=cell]').map(c => [heads.get(c.ariaColIndex), c.textContent]);
	});
	assert.deepEqual(told, [['x', 'a'], ['z', '3']]);
	const height = () => page.locator('.answer thead').evaluate(e => e.getBoundingClientRect().height);
	assert.ok((await height()) <= 1);
	await page.locator('.answer .table-frame').focus();
	await page.keyboard.press('Tab');
	assert.ok((await height()) > 20, 'what has the focus is seen');
	await context.close();
});

test('addresses typed by hand: a group without its part, and what is no address', { skip }, async () => {
	const context = await signedIn({ viewport: { width: 1440, height: 900 } });
	const page = await visit(context, '/settings');
	assert.equal(await page.locator('h1').textContent(), 'Users');
	assert.equal(await page.locator('.subnav [aria-current=page]').textContent(), 'Users');
	assert.deepEqual(page.said, []);
	for (const [address, says] of [
		['/settings/nothing', /There is no such part/],
		['/touchpoint', /There is no such page/],
		['/touchpoint/%25zz', /%zz/],
		['/customers/%25', /%/],
		['/dashboards/99', /There is no such dashboard/],
	]) {
		const other = await visit(context, address);
		assert.match(await other.locator('main').textContent(), says, address);
		await other.close();
	}
	// Within the page: the server does not take it as an address at all.
	await page.evaluate(() => {
		history.pushState(null, '', '/customers/%zz');
		dispatchEvent(new PopStateEvent('popstate'));
	});
	await page.waitForFunction(() => document.querySelector('h1')?.textContent === 'Not found');
	await context.close();
});

test('an address that asks for no period says so, and what is shown instead', { skip }, async () => {
	const context = await signedIn({ viewport: { width: 1440, height: 900 } });
	const page = await visit(context, '/?period=garbage&vs=period:soon', '.card');
	const [period, compared, ...more] = await page.locator('.misread').allTextContents();
	assert.match(period, /“garbage” is no period such as 7d.*; this is Jan 2025 – 31 Dec 2025/);
	assert.match(compared, /“soon” is no period.*nothing is compared/);
	assert.deepEqual(more, []);
	await page.locator('.askbar select').first().selectOption('90d');
	await page.waitForFunction(() => document.querySelectorAll('.misread').length === 1);
	await context.close();
});

test('a period that the calendar does not have is none: nothing is asked with it', { skip }, async () => {
	const context = await signedIn({ viewport: { width: 1440, height: 900 } });
	for (const period of ['2026-13', '2026-13..2026-14', '2026-02-31', '2026-05..2026-03', '0d', '0000']) {
		const page = await visit(context, `/?period=${period}&vs=period:${period}`, '.card');
		const [read, compared, ...more] = await page.locator('.misread').allTextContents();
		assert.match(read, /is no period.*; this is Jan 2025 – 31 Dec 2025/, period);
		assert.match(compared, /is no period.*nothing is compared/, period);
		assert.deepEqual(more, [], period);
		assert.doesNotMatch(await page.locator('main').innerText(), /Invalid|Mar 2026/, period);
		assert.deepEqual(page.said, [], period);
		await page.close();
	}
	await context.close();
});

test('the flow fits a page of 1280 pixels without names that cover each other; what is wider says so and follows the keys', { skip }, async () => {
	const context = await signedIn({ viewport: { width: 1280, height: 800 } });
	const page = await visit(context, '/journeys/flow', '.flow svg');
	const wide = () => page.locator('.flow .scroll-x').evaluate(e => e.scrollWidth - e.clientWidth);
	const end = page.locator('.flow-place[aria-label^="end:"]');
	const [box, frame] = [await end.boundingBox(), await page.locator('.flow .scroll-x').boundingBox()];
	assert.ok((await wide()) <= 0 && box.x + box.width <= frame.x + frame.width + 1, `${await wide()} px wider`);
	assert.deepEqual(await covered(page), []);
	assert.equal(await page.locator('.scroll-hint').count(), 0);
	await page.setViewportSize({ width: 360, height: 740 });
	await page.locator('.scroll-x.more-right:not(.more-left)').waitFor();
	assert.ok((await wide()) > 100);
	assert.match(await page.locator('.scroll-hint').textContent(), /Wider than the page.*→/);
	await page.locator('.flow .scroll-x').focus();
	await page.keyboard.press('ArrowRight');
	await page.locator('.scroll-x.more-right.more-left').waitFor();
	await page.locator('.flow .scroll-x').evaluate(e => (e.scrollLeft = e.scrollWidth));
	await page.locator('.scroll-x.more-left:not(.more-right)').waitFor();
	await context.close();
});

test('the experience index of a customer is told as it is now, and as it was after the newest interaction', { skip }, async () => {
	const context = await signedIn();
	const at = (await pages(context)).find(([name]) => name === 'customer')[1];
	const { story } = await (await context.request.get(`${url}/api/persons/${at.split('/').pop()}`)).json();
	const now = /^now: experience index ([\d.]+)/m.exec(story.notes.join('\n'))[1];
	const after = story.rows.findLast(r => typeof r.index === 'number').index.toFixed(1);
	const page = await visit(context, at, '.tile');
	const tile = page.locator('.tile', { hasText: 'Experience index now' });
	assert.equal(await tile.locator('.tile-value').textContent(), now);
	assert.equal(await tile.locator('.tile-note').textContent(), now === after ? '50 is as expected' : `${after} after the newest interaction; 50 is as expected`);
	assert.doesNotMatch(await page.locator('.page-head').textContent(), /index/);
	await context.close();
});

test('one view is one view', { skip }, async () => {
	const context = await signedIn();
	for (const [at, words] of [['/dashboards/1', '4 views, each with its own period'], ['/dashboards/2', '1 view with its own period']]) {
		const page = await visit(context, at);
		assert.equal((await page.locator('.page-head .muted').textContent()).trim(), words);
		await page.close();
	}
	await context.close();
});

/** Names in the flow that run into each other. */
function covered(page) {
	return page.evaluate(() => {
		const texts = [...document.querySelectorAll('.flow text')].map(e => [e.textContent, e.getBoundingClientRect()]);
		const over = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4;
		return texts.flatMap(([a, x], i) => texts.slice(i + 1).filter(([, y]) => over(x, y)).map(([b]) => `${a} / ${b}`));
	});
}

test('in a row of links that is wider than a phone the current one is seen; names in the flow do not cover each other', { skip }, async () => {
	const context = await signedIn({ viewport: { width: 360, height: 740 } });
	for (const path of ['/settings/audit', '/journeys/quality', '/journeys/flow']) {
		const page = await visit(context, path, '.subnav [aria-current]');
		const { left, right } = await page.locator('.subnav [aria-current]').evaluate(e => e.getBoundingClientRect());
		assert.ok(left >= 0 && right <= 360, `${path}: ${left} to ${right}`);
		assert.deepEqual(await covered(page), []);
		await page.close();
	}
	await context.close();
});

test('a share and its target stand on one line of a card where there is room', { skip }, async () => {
	for (const width of [1280, 1440]) {
		const context = await signedIn({ viewport: { width, height: 900 } });
		const page = await visit(context, '/', '.card');
		const broken = await page.evaluate(() => [...document.querySelectorAll('.card-answer')].filter(a => a.querySelector('small')?.getBoundingClientRect().top > a.querySelector('b').getBoundingClientRect().bottom - 4).map(a => a.textContent));
		assert.deepEqual(broken, [], `${width} px`);
		await context.close();
	}
});

test('who went no further is a list, and leads back', { skip }, async () => {
	const context = await signedIn({ viewport: { width: 1440, height: 900 } });
	const page = await visit(context, '/journeys/funnel?step=invoice&step=complaint&window=60d', '.funnel');
	await page.getByRole('link', { name: 'went no further' }).first().click();
	await page.waitForFunction(() => /^customer:/.test(document.querySelector('.answer tbody')?.textContent));
	assert.equal(await page.locator('.answer .bars, .answer svg.mark').count(), 0);
	await page.getByRole('link', { name: 'All of the funnel again' }).click();
	await page.waitForSelector('.funnel');
	await context.close();
});

test('behind the share of promises kept are interactions that make promises', { skip }, async () => {
	const context = await signedIn({ viewport: { width: 1440, height: 900 } });
	const page = await visit(context, '/', '.card');
	await page.getByRole('button', { name: 'Why this number: Promises kept in time' }).click();
	await page.waitForSelector('.interaction-list');
	const made = (await (await context.request.get(`${url}/api/query/promises?by=touchpoint`)).json()).rows.filter(r => r.made > 0).map(r => r.touchpoint);
	const design = await (await context.request.get(`${url}/api/design`)).json();
	const names = made.map(k => design.touchpoints.find(t => t.key === k)?.name);
	for (const name of await page.locator('.interaction-list b').allTextContents()) assert.ok(names.includes(name), `${name} is none of ${names}`);
	await context.close();
});

test('a card in the box of another lane is as wide as the others', { skip }, async () => {
	for (const width of [1280, 1440, 2560]) {
		const context = await signedIn({ viewport: { width, height: 900 } });
		const page = await visit(context, '/', '.cell.guest .card');
		const widths = await page.evaluate(() => ['.cell:not(.guest) > .card', '.stage:not(:last-of-type) .cell.guest > .card'].map(s => Math.round(document.querySelector(s).getBoundingClientRect().width)));
		assert.ok(widths[1] >= widths[0], `${widths} at ${width} px`);
		await context.close();
	}
});

test('on a tablet short stages stand beside each other', { skip }, async () => {
	const context = await signedIn({ viewport: { width: 768, height: 1024 } });
	const page = await visit(context, '/', '.card');
	const tops = await page.evaluate(() => [...document.querySelectorAll('.stage')].map(s => Math.round(s.getBoundingClientRect().top)));
	assert.ok(new Set(tops).size <= tops.length / 2, `${tops}`);
	await context.close();
});

test('no name or number of a Sankey diagram is cut off', { skip }, async () => {
	const context = await signedIn({ viewport: { width: 1440, height: 900 } });
	for (const width of [1440, 360]) {
		const page = await visit(context, '/journeys/paths', '.sankey');
		await page.setViewportSize({ width, height: 900 });
		await settled(page);
		const cut = await page.evaluate(() => [...document.querySelectorAll('.sankey text')].filter(t => t.getBoundingClientRect().right > t.ownerSVGElement.getBoundingClientRect().right).map(t => t.textContent));
		assert.deepEqual(cut, [], `${width} px`);
		await page.close();
	}
	await context.close();
});

test('a view is pinned to a new dashboard under its name', { skip }, async () => {
	const context = await signedIn({ viewport: { width: 1440, height: 900 } });
	const page = await visit(context, '/journeys/volume', '.answer');
	await page.getByRole('button', { name: 'Pin', exact: true }).click();
	const form = page.locator('dialog form');
	assert.equal(await form.getByLabel('Its name').count(), 0);
	await form.getByLabel('Dashboard').selectOption('new');
	await form.getByLabel('Its name').fill('Where it is busy');
	await form.getByRole('button', { name: 'Pin' }).click();
	await page.locator('dialog').waitFor({ state: 'detached' });
	const csrf = (await (await context.request.get(`${url}/api/session`)).json()).csrf;
	const board = (await (await context.request.get(`${url}/api/dashboards`)).json()).items.find(b => b.title === 'Where it is busy');
	assert.deepEqual(board.tiles.map(t => t.title), ['Volume']);
	await context.request.delete(`${url}/api/dashboards/${board.id}`, { headers: { 'X-CSRF-Token': csrf }, data: {} });
	await context.close();
});

test('a customer’s story tells values as other pages do', { skip }, async () => {
	const context = await signedIn({ viewport: { width: 1440, height: 900 } });
	const delayed = await (await context.request.get(`${url}/api/interactions?limit=1&where=${encodeURIComponent('delay exists and resolved exists or delay exists')}`)).json();
	const page = await visit(context, `/customers/${encodeURIComponent(delayed.items[0].customer ?? delayed.items[0].person)}`, 'tbody tr');
	const values = (await page.locator('td[data-title=Values]').allTextContents()).join('; ');
	assert.match(values, /delay −?[\d.]+\u00a0(s|min|h|d)/);
	assert.doesNotMatch(values, /\d(ms|s|min|h|d|w)\b|resolved [01]/);
	await context.close();
});

test('who may not see the users finds in Settings what is theirs', { skip }, async () => {
	const context = await signedIn({ viewport: { width: 1440, height: 900 } });
	const users = await visit(context, '/settings/users');
	await users.getByRole('button', { name: 'Sign-in link for Chiara Rossi' }).click();
	const link = await users.locator('.once code').textContent();
	await context.close();
	const theirs = await (await open()).newContext({ viewport: { width: 1440, height: 900 } });
	const page = await theirs.newPage();
	await page.goto(link);
	await page.getByLabel('New password', { exact: true }).fill('seven wet umbrellas');
	await page.keyboard.press('Enter');
	await page.locator('nav[aria-label="Pages"] a', { hasText: 'Settings' }).click();
	await page.waitForFunction(() => document.querySelector('h1')?.textContent === 'Shared links');
	await settled(page);
	assert.deepEqual(await page.locator('.subnav a').allTextContents(), ['Shared links', 'Account']);
	await theirs.close();
});

test('between phone and wall nothing runs over its box', { skip }, async () => {
	const context = await signedIn({ viewport: { width: 1280, height: 800 } });
	for (const [title, path] of (await pages(context)).filter(chosen(0)).filter(([t]) => !isOutside(t))) {
		const page = await visit(context, path);
		for (const width of [1280, 1090, 768]) {
			await page.setViewportSize({ width, height: 800 });
			await settled(page);
			assert.deepEqual(await page.evaluate(spilled), [], `${title} at ${width} px`);
			const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
			assert.ok(wide <= 0, `${title} is ${wide} px wider than ${width} px`);
		}
		await page.close();
	}
	await context.close();
});

for (const [turn, [width, look]] of WIDTHS.entries()) {
	test(`${width} px`, { skip }, async t => {
		const options = { ...look, colorScheme: 'light', reducedMotion: 'reduce' };
		const inside = await signedIn(options);
		const outside = await (await open()).newContext(options);
		for (const [title, path] of (await pages(inside)).filter(chosen(turn))) {
			let page;
			await t.test(`${title}, light`, async () => {
				page = await visit(isOutside(title) ? outside : inside, path);
				const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
				assert.ok(wide <= 0, `${wide} px wider than the screen`);
				assert.equal(await page.locator('h1').count(), 1);
				assert.match(await page.title(), /. · Corridor$/);
				assert.equal(await page.locator('main').count(), 1);
				assert.deepEqual(await page.evaluate(clipped), []);
				assert.deepEqual(await page.evaluate(spilled), []);
				assert.deepEqual(await axe(page), []);
				assert.deepEqual(await axe(page, ['heading-order', 'empty-table-header', 'landmark-unique']), []);
				assert.deepEqual(page.said, []);
			});
			await t.test(`${title}, dark`, async () => {
				assert.ok(page, 'the page did not open');
				const light = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
				await page.emulateMedia({ colorScheme: 'dark' });
				await settled(page);
				assert.notEqual(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), light);
				assert.deepEqual(await axe(page, ['color-contrast']), []);
				assert.deepEqual(page.said, []);
			});
			await page?.close();
		}
		await inside.close();
		await outside.close();
	});
}
