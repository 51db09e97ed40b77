// SPDX-License-Identifier: Apache-2.0
// By keyboard alone: skip link, map, drawer, dialogs, shortcuts, filters, time line; the URL follows, the focus is seen.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { close, pages, settled, signedIn, skip, visit } from './house.mjs';

let context;
before(async () => {
	if (!skip) context = await signedIn({ viewport: { width: 1440, height: 900 } });
});
after(close);

const active = page => page.evaluate(() => ({ tag: document.activeElement.tagName, label: document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent.trim(), key: document.activeElement.dataset?.key ?? null, id: document.activeElement.id }));

test('the first Tab is the skip link, and it leads to the content', { skip }, async () => {
	const page = await visit(context, '/', '.card');
	await page.keyboard.press('Tab');
	assert.match((await active(page)).label, /^Skip/);
	const box = await page.locator('.skip').boundingBox();
	assert.ok(box.y >= 0, 'it is seen when it has the focus');
	await page.keyboard.press('Enter');
	assert.equal((await active(page)).id, 'main');
	await page.close();
});

test('the map is one stop; arrows go from card to card, Enter opens', { skip }, async () => {
	const page = await visit(context, '/', '.card');
	assert.equal(await page.locator('.card[tabindex="0"]').count(), 1);
	await page.locator('.card[tabindex="0"]').focus();
	const first = (await active(page)).key;
	await page.keyboard.press('ArrowRight');
	const second = (await active(page)).key;
	assert.notEqual(second, first);
	assert.ok(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle !== 'none'), 'the focus is seen');
	await page.keyboard.press('ArrowLeft');
	assert.equal((await active(page)).key, first);
	await page.keyboard.press('End');
	assert.notEqual((await active(page)).key, first);
	await page.keyboard.press('Home');
	await page.keyboard.press('Enter');
	await page.waitForURL(/\/touchpoint\//);
	await page.waitForSelector('.page-head h1');
	assert.equal((await active(page)).tag, 'H1', 'a new page takes the focus at its heading');
	await page.close();
});

test('why this number: opens, holds the focus, closes by Escape, gives the focus back', { skip }, async () => {
	const page = await visit(context, '/', '.card');
	const button = page.locator('.why').first();
	await button.focus();
	await page.keyboard.press('Enter');
	await page.waitForSelector('dialog[open].drawer');
	for (let i = 0; i < 12; i++) await page.keyboard.press('Tab');
	assert.ok(await page.evaluate(() => document.querySelector('dialog[open]').contains(document.activeElement) || document.activeElement === document.body));
	await page.keyboard.press('Escape');
	assert.equal(await page.locator('dialog[open]').count(), 0);
	assert.match((await active(page)).label, /^Why this number/);
	await page.close();
});

test('shortcuts: the sheet, going places, the theme', { skip }, async () => {
	const page = await visit(context, '/', '.card');
	await page.keyboard.press('?');
	await page.waitForSelector('dialog[open] .keys');
	await page.keyboard.press('Escape');
	await page.keyboard.press('g');
	await page.keyboard.press('j');
	await page.waitForURL(/\/journeys\/funnel/);
	await page.keyboard.press('g');
	await page.keyboard.press('m');
	await page.waitForURL(/\/(\?.*)?$/);
	const was = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
	await page.keyboard.press('t');
	assert.notEqual(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), was);
	await page.keyboard.press('t');
	await page.keyboard.press('/');
	assert.equal((await active(page)).id, 'search');
	await page.keyboard.type('gm?');
	assert.equal(await page.inputValue('#search'), 'gm?', 'shortcuts rest while one types');
	await page.close();
});

test('a filter is added, is in the URL, survives a reload and going on, and is removed', { skip }, async () => {
	const page = await visit(context, '/', '.card');
	await page.keyboard.press('f');
	await page.waitForSelector('dialog[open] .picker-list input');
	await page.locator('dialog[open] .picker-list input').first().focus();
	await page.keyboard.press('Space');
	await page.locator('dialog[open] button[type="submit"]').focus();
	await page.keyboard.press('Enter');
	await page.waitForURL(/where=/);
	await settled(page);
	await page.reload();
	await page.waitForSelector('.chip.filled');
	await settled(page);
	await page.locator('.card').first().focus();
	await page.keyboard.press('Enter');
	await page.waitForURL(/\/touchpoint\/.*where=/);
	await page.locator('.chip.filled .chip-close').focus();
	await page.keyboard.press('Enter');
	await page.waitForFunction(() => !location.search.includes('where='));
	await page.close();
});

test('the time line of a customer: arrows go from interaction to interaction', { skip }, async () => {
	const path = (await pages(context)).find(([name]) => name === 'customer')[1];
	const page = await visit(context, path, '.story-dot');
	await page.locator('.story-dot[tabindex="0"]').focus();
	const first = (await active(page)).label;
	if ((await page.locator('.story-dot').count()) > 1) {
		await page.keyboard.press('ArrowRight');
		assert.notEqual((await active(page)).label, first);
	}
	assert.equal(await page.locator('.story-dot[tabindex="0"]').count(), 1);
	await page.close();
});

test('every page can be walked with Tab, never trapped, every stop with a name', { skip }, async t => {
	for (const [title, path] of await pages(context)) {
		await t.test(title, async () => {
			const page = await visit(context, path);
			const nameless = [];
			let left = false;
			for (let i = 0; i < 400 && !left; i++) {
				await page.keyboard.press('Tab');
				const at = await page.evaluate(() => {
					const e = document.activeElement;
					if (!e || e === document.body) return null;
					const name = e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent || e.getAttribute('title') || '';
					return { name: name.trim(), html: e.outerHTML.slice(0, 90) };
				});
				left = at === null;
				if (at && !at.name) nameless.push(at.html);
			}
			assert.deepEqual(nameless, []);
			assert.ok(left, 'Tab leaves the page at its end');
			await page.close();
		});
	}
});
