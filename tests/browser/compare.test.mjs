// SPDX-License-Identifier: Apache-2.0
// Two segments side by side: the second stands instead of the first, what says where holds for both, and what cannot be asked
// says so.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { close, open, signedIn, skip, url, visit } from './house.mjs';

after(close);

const FIBRE = 'product = fibre';
const MOBILE = 'product = mobile';
const at = (path, where, vs) => `${path}?${new URLSearchParams([...where.map(w => ['where', w]), ['vs', vs]])}`;

test('a segment is compared with another, not with a part of itself', { skip }, async () => {
	const context = await signedIn({ viewport: { width: 1440, height: 900 } });
	const asked = [];
	const page = await visit(context, `/?where=${encodeURIComponent(FIBRE)}&where=${encodeURIComponent('channel = phone')}`);
	page.on('request', r => r.url().includes('/api/overview') && asked.push(new URL(r.url()).searchParams.getAll('where')));
	await page.locator('select', { hasText: 'Compare with' }).selectOption('where');
	await page.locator('dialog input').fill(MOBILE);
	assert.match(await page.locator('dialog').textContent(), /instead of product = fibre.*For both sides: channel = phone/);
	await page.locator('dialog').getByRole('button', { name: 'Compare' }).click();
	await page.locator('.card .change').first().waitFor();
	assert.deepEqual(asked, [['channel = phone', MOBILE]]);
	assert.match(await page.locator('.compared').textContent(), /product = fibre compared with product = mobile.*for both: channel = phone/);
	await context.close();
});

test('both sides of an analysis say what they are', { skip }, async () => {
	const context = await signedIn({ viewport: { width: 1440, height: 900 } });
	const page = await visit(context, `${at('/journeys/scores', [FIBRE], `where:${MOBILE}`)}&score=csat&by=channel`, '.compare .answer');
	assert.deepEqual(await page.locator('.compare h2').allTextContents(), [FIBRE, MOBILE]);
	const n = (await page.locator('.compare .answer-head').allTextContents()).map(t => Number(/n ([\d,]+)/.exec(t)[1].replaceAll(',', '')));
	assert.ok(n[0] > 0 && n[1] > 0, n.join());
	await context.close();
});

test('a segment that cannot be read says why, and the page is there without it', { skip }, async () => {
	const context = await signedIn({ viewport: { width: 1440, height: 900 } });
	for (const path of ['/', '/touchpoint/complaint']) {
		const page = await visit(context, at(path, [], 'where:foo'), '.failure');
		assert.match(await page.locator('.failure').textContent(), /Nothing to compare with.*foo/s);
		assert.ok(await page.locator('.card, .expectation').count());
		await page.close();
	}
	await context.close();
});

test('a shared link compares what its page compares', { skip }, async () => {
	const context = await signedIn();
	const csrf = (await (await context.request.get(`${url}/api/session`)).json()).csrf;
	const made = await context.request.post(`${url}/api/shares`, { headers: { 'X-CSRF-Token': csrf }, data: { path: at('/', [FIBRE], `where:${MOBILE}`), title: 'x', days: 1 } });
	const { url: link } = await made.json();
	await context.close();
	const guest = await (await open()).newContext();
	const page = await visit(guest, link, '.card');
	await page.locator('.card .change').first().waitFor();
	assert.deepEqual(page.said, []);
	await guest.close();
});
