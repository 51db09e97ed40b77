// SPDX-License-Identifier: Apache-2.0
// The first view: under 100 kB over the wire, no host but ours, no script or style inline, and links that work when they
// are opened directly.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { close, open, signedIn, skip, url, visit } from './house.mjs';

after(close);

test('the program and the typeface come in under 100 kB, from here alone', { skip }, async () => {
	const context = await signedIn({ viewport: { width: 1440, height: 900 } });
	const page = await context.newPage();
	const client = await context.newCDPSession(page);
	await client.send('Network.enable');
	const urls = new Map();
	let bytes = 0;
	client.on('Network.responseReceived', e => urls.set(e.requestId, e.response.url));
	client.on('Network.loadingFinished', e => {
		const from = urls.get(e.requestId) ?? '';
		if (!from.includes('/api/')) bytes += e.encodedDataLength;
	});
	await page.goto(`${url}/`);
	await page.waitForSelector('.card');
	assert.ok(bytes > 10_000 && bytes < 100_000, `${bytes} bytes`);
	for (const u of urls.values()) assert.equal(new URL(u).origin, new URL(url).origin);
	assert.equal(await page.locator('script:not([src]), style, [onclick]').count(), 0);
	await context.close();
});

test('the policy allows nothing inline', { skip }, async () => {
	const context = await signedIn();
	const response = await context.request.get(`${url}/`, { headers: { Accept: 'text/html' } });
	const policy = response.headers()['content-security-policy'] ?? '';
	assert.match(policy, /default-src 'self'/);
	assert.doesNotMatch(policy, /unsafe/);
	await context.close();
});

test('a deep link opens where it points', { skip }, async () => {
	const context = await signedIn({ viewport: { width: 1440, height: 900 } });
	const page = await visit(context, '/journeys/retention?bucket=month&show=curve&period=all');
	assert.equal(await page.locator('h1').textContent(), 'Retention');
	assert.equal(await page.locator('.line-chart').count(), 1);
	await page.goBack().catch(() => undefined);
	await context.close();
});

test('without a session there is the way in, and afterwards the page that was asked for', { skip }, async () => {
	const context = await (await open()).newContext();
	const page = await context.newPage();
	await page.goto(`${url}/design`);
	await page.waitForSelector('h1');
	const signed = (await (await context.request.get(`${url}/api/session`)).json()).user !== null;
	if (!signed) assert.equal(new URL(page.url()).pathname + new URL(page.url()).search, '/sign-in?next=%2Fdesign');
	await context.close();
});

test('a link to one touch point shows it to whoever has it, with what customers state', { skip }, async () => {
	const context = await signedIn();
	const get = async path => (await context.request.get(url + path)).json();
	const made = await context.request.post(`${url}/api/shares`, {
		headers: { 'X-CSRF-Token': (await get('/api/session')).csrf },
		data: { path: '/touchpoint/survey?period=2025-04..2025-09', title: 'Survey', days: 1 },
	});
	const scores = await get(`/api/query/scores?score=servqual&from=2025-04&to=2025-09&where=${encodeURIComponent('touchpoint = survey')}`);
	const { url: link } = await made.json();
	await context.close();
	const guest = await (await open()).newContext();
	const page = await visit(guest, link, '.from-to');
	assert.equal(await page.locator('h1').textContent(), 'Relationship survey');
	const shown = await page.locator('figure[aria-label="Perceived less expected, by dimension"] li').allTextContents();
	assert.equal(shown.length, 2);
	for (const [i, row] of scores.rows.entries()) {
		const number = v => v.toFixed(2).replace('-', '−');
		assert.match(shown[i], new RegExp(row.score.slice('servqual:'.length), 'i'));
		for (const v of [row.value, row.low, row.high]) assert.ok(shown[i].replaceAll('-', '−').includes(number(v)), `${shown[i]}: ${v}`);
	}
	// Nothing to ask with, nothing that leads to where a guest may not go, and no question was refused.
	assert.equal(await page.locator('.askbar, main a').count(), 0);
	assert.equal(await page.locator('.failure').count(), 0);
	assert.deepEqual(page.said, []);
	await guest.close();
});

test('of a long table a screenful is drawn at once, the rest when there is time, all of it on paper', { skip }, async () => {
	const context = await signedIn();
	const n = (await (await context.request.get(`${url}/api/query/stickiness`)).json()).rows.length;
	assert.ok(n > 80 && n <= 200, `${n} rows`);
	const page = await context.newPage();
	await page.addInitScript(() => (globalThis.requestIdleCallback = () => 0)); // there never is
	await page.goto(`${url}/journeys/stickiness?period=all`);
	await page.waitForSelector('tbody tr');
	const rows = () => page.locator('tbody tr').count();
	assert.equal(await rows(), 40);
	await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
	assert.equal(await rows(), n);
	await page.close();
	const other = await visit(context, '/journeys/stickiness?period=all');
	await other.waitForFunction(n => document.querySelectorAll('tbody tr').length === n, n);
	await context.close();
});
