// SPDX-License-Identifier: Apache-2.0
// Pages follow what comes in, on a server of their own that has nothing at first: the first interaction is on the map without
// a reload, and so is the next; what had the focus keeps it.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { close, open, settled, skip } from './house.mjs';
import { House, SHOP } from './server.mjs';

const house = new House();
after(async () => {
	await close();
	await house.close();
});

async function send(kind, body) {
	const sent = await fetch(`${house.url}/v1/${kind}`, { method: 'POST', headers: { Authorization: `Basic ${Buffer.from(`${house.key}:`).toString('base64')}` }, body: JSON.stringify(body) });
	assert.equal(sent.status, 200);
}

test('what comes in is on the map and on the touch point’s page without a reload', { skip }, async () => {
	await house.openEmpty(SHOP);
	const context = await house.signIn(await (await open()).newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce' }));
	const page = await context.newPage();
	await page.goto(`${house.url}/`);
	await page.getByText('Nothing has arrived yet').waitFor();
	await page.waitForFunction(() => document.querySelector('.live.on'));

	await send('page', { anonymousId: 'a-1', name: 'Home' });
	const card = page.locator('.card[data-key=website] .card-foot');
	await card.getByText('n 1', { exact: true }).waitFor({ timeout: 8000 }); // at once; a busy machine takes longer
	assert.equal(await page.locator('.first').count(), 0);

	await page.locator('.card[data-key=website]').focus();
	await send('page', { anonymousId: 'a-2', name: 'Home' });
	await card.getByText('n 2', { exact: true }).waitFor({ timeout: 8000 });
	assert.equal(await page.evaluate(() => document.activeElement.dataset.key), 'website');

	// Filters hold: what does not fit them changes nothing.
	const filtered = await context.newPage();
	await filtered.goto(`${house.url}/?where=${encodeURIComponent('touchpoint = checkout')}`);
	await filtered.getByText('No interactions in this period').waitFor();
	await filtered.close();

	const other = await context.newPage();
	await other.goto(`${house.url}/touchpoint/website`);
	await settled(other);
	const tile = other.locator('.tile', { hasText: 'Interactions' }).locator('.tile-value');
	assert.equal(await tile.textContent(), '2');
	await other.waitForFunction(() => document.querySelector('.live.on'));
	await send('page', { anonymousId: 'a-3', name: 'Home' });
	await tile.getByText('3', { exact: true }).waitFor({ timeout: 8000 });
	await other.locator('tbody tr').nth(2).waitFor({ timeout: 8000 });
	await context.close();
});

test('what has nothing to show says so', { skip }, async () => {
	const context = await house.signIn(await (await open()).newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce' }));
	const page = await context.newPage();
	await page.goto(`${house.url}/`);
	await page.locator('.card').first().waitFor();
	assert.match(await page.locator('main').textContent(), /Nothing that is expected was measured/);
	assert.doesNotMatch(await page.locator('main').textContent(), /Nothing is broken/);
	await page.goto(`${house.url}/journeys/funnel?step=checkout&step=website`);
	await page.getByText('Nobody took the first step').waitFor();
	assert.equal(await page.locator('.funnel').count(), 0);
	await page.goto(`${house.url}/journeys/gap`); // expectations, and n is 0 for each
	await page.getByText('Nothing was measured').waitFor();
	assert.equal(await page.locator('.bars').count(), 0);
	await page.goto(`${house.url}/journeys/scores`);
	await page.getByText(/None of the \d interactions has what is asked for/).waitFor();
	await context.close();
});
