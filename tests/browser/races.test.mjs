// SPDX-License-Identifier: Apache-2.0
// Answers that come late: what was asked before does not take the place of what was asked afterwards, and nothing is done with
// a text whose preview is not there yet.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { close, settled, signedIn, skip, visit } from './house.mjs';

after(close);

/** Holds the first request that fits until it is let go; ends when its answer has been read. */
async function hold(page, fits) {
	let let_go;
	const held = new Promise(go => (let_go = go));
	let mine = null;
	await page.route(fits, async route => {
		if (mine) return route.continue();
		mine = route.request();
		await held;
		return route.continue();
	});
	return async () => {
		const answered = page.waitForEvent('requestfinished', r => r === mine);
		let_go();
		await answered;
		await settled(page);
	};
}

const desk = { viewport: { width: 1440, height: 900 } };

test('more interactions that were asked for before the filter was changed are left out', { skip }, async () => {
	const context = await signedIn(desk);
	const page = await visit(context, '/interactions', 'tbody tr');
	const letGo = await hold(page, url => url.searchParams.has('before'));
	const shown = page.locator('.more-rows [role=status]');
	await page.getByRole('button', { name: '50 more' }).click();
	await page.getByRole('button', { name: 'Only what customers said' }).click();
	await page.waitForFunction(() => location.search.includes('text') && !document.querySelector('[aria-busy=true]'));
	await letGo();
	assert.equal(await shown.textContent(), '50 shown');
	await page.getByRole('button', { name: '50 more' }).click();
	await page.waitForFunction(() => /100 shown/.test(document.querySelector('.more-rows').textContent));
	const silent = await page.evaluate(() => [...document.querySelectorAll('td[data-title=Said]')].filter(td => !td.textContent.trim()).length);
	assert.equal(silent, 0);
	await context.close();
});

test('a slow statement does not take the place of a later one; the way back leads to the one before', { skip }, async () => {
	const context = await signedIn(desk);
	const page = await visit(context, `/sql?sql=${encodeURIComponent('SELECT 1 AS one')}`, '.answer th');
	const letGo = await hold(page, url => url.pathname === '/api/sql');
	const box = page.locator('textarea');
	const head = name => page.waitForFunction(n => document.querySelector('.answer th')?.textContent === n, name);
	await box.fill('SELECT 2 AS two');
	await page.keyboard.press('Control+Enter');
	await box.fill('SELECT 3 AS three');
	await page.keyboard.press('Control+Enter');
	await head('three');
	await letGo();
	assert.equal(await page.locator('.answer th').first().textContent(), 'three');
	await page.goBack();
	await head('two');
	assert.equal(await box.inputValue(), 'SELECT 2 AS two');
	await page.goForward();
	await head('three');
	await page.locator('nav[aria-label="Pages"] a', { hasText: 'SQL' }).click();
	await page.waitForFunction(() => new URLSearchParams(location.search).get('sql') === 'SELECT 3 AS three');
	await page.locator('nav[aria-label="Pages"] a', { hasText: 'Import' }).click();
	await page.waitForFunction(() => document.querySelector('h1')?.textContent === 'Import' && location.search === '');
	await context.close();
});

test('a file is not taken in by a mapping that was not looked at', { skip }, async () => {
	const context = await signedIn(desk);
	const page = await visit(context, '/import');
	await page.setInputFiles('input[type=file]', { name: 'a.csv', mimeType: 'text/csv', buffer: Buffer.from('customer,at,event\nc1,2025-12-30T10:00:00Z,Call Ended\n') });
	const take = page.getByRole('button', { name: 'Take it in' });
	const mapping = page.locator('textarea').first();
	await page.waitForFunction(() => [...document.querySelectorAll('button')].some(b => b.textContent === 'Take it in' && !b.disabled));
	const letGo = await hold(page, url => url.pathname === '/api/import/preview');
	const asked = page.waitForRequest('**/api/import/preview');
	await mapping.fill(`${await mapping.inputValue()}# changed\n`);
	assert.equal(await take.isDisabled(), true);
	await asked;
	assert.equal(await take.isDisabled(), true);
	await letGo();
	await page.waitForFunction(() => [...document.querySelectorAll('button')].some(b => b.textContent === 'Take it in' && !b.disabled));
	await context.close();
});

test('what is looked at of one customer is not looked at of the next', { skip }, async () => {
	const context = await signedIn(desk);
	const page = await visit(context, '/customers/customer%3Ac0000001', '.story-dot');
	await page.locator('.story-dot').first().focus();
	await page.waitForSelector('.story-dot.on');
	const search = page.locator('header input');
	await search.fill('customer:c0000002');
	await search.press('Enter');
	await page.waitForFunction(() => /c0000002/.test(document.querySelector('h1')?.textContent) && document.querySelector('.story-dot'));
	assert.equal(await page.locator('.story-dot.on').count(), 0);
	await context.close();
});

test('a page that cannot be had is asked for again without leaving the document', { skip }, async () => {
	const context = await signedIn(desk);
	const page = await visit(context, '/');
	await page.evaluate(() => (globalThis.same = true));
	await context.route(/\/assets\/sql|\/healthz/, route => route.abort());
	await page.locator('nav[aria-label="Pages"] a', { hasText: 'SQL' }).click();
	const again = page.getByRole('button', { name: 'Try again' });
	await again.click();
	await page.waitForFunction(() => /still cannot be reached/.test(document.querySelector('.failure')?.textContent));
	assert.equal(await page.evaluate(() => globalThis.same), true);
	await context.unroute(/\/assets\/sql|\/healthz/);
	await again.click();
	await page.waitForFunction(() => document.querySelector('h1')?.textContent === 'SQL');
	await context.close();
});
