// SPDX-License-Identifier: Apache-2.0
// Two segments side by side: the second stands instead of the first, what says where holds for both, and what cannot be asked
// says so.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { axe, close, open, signedIn, skip, url, visit } from './house.mjs';

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

/** The answers of both sides to one expectation, as the API tells them. */
async function both(context, touchpoint, key, here, there) {
	const get = async query => (await context.request.get(`${url}/api/overview?${query}`)).json();
	const find = o => o.touchpoints.find(t => t.key === touchpoint).expectations.find(e => e.key === key);
	return [find(await get(here)), find(await get(there))];
}

const bare = text => text.replace(/\u00a0/g, ' ').replace(/\s+/g, ' ').trim();
const sign = (v, digits) => `${v > 0 ? '+' : '−'}${Math.abs(v).toFixed(digits)}`;
const QUARTERS = ['from=2025-07&to=2025-09', 'from=2025-04&to=2025-06'];

test('a change on the map is that of the number beside it, for the eye, for screen readers and in the table', { skip }, async () => {
	const context = await signedIn({ viewport: { width: 1280, height: 900 } });
	const page = await visit(context, '/?period=2025-07..2025-09&vs=period:2025-04..2025-06', '.card .change');
	const table = await visit(context, '/?period=2025-07..2025-09&vs=period:2025-04..2025-06&show=table', 'td .change');
	assert.ok((await table.locator('thead').textContent()).includes('Apr 2025 – Jun 2025'));
	const design = await (await context.request.get(`${url}/api/design`)).json();
	let [shares, means] = [0, 0];
	for (const t of design.touchpoints)
		for (const e of t.expect) {
			const [now, then] = await both(context, t.key, e.key, ...QUARTERS);
			const row = bare((await table.locator('tbody tr', { has: table.locator(`a[href^="/touchpoint/${t.key}?"]`) }).nth(t.expect.indexOf(e)).textContent()) ?? '');
			if (!now.n || !then.n) continue;
			const isShare = e.share !== null || e.measure === 'resolved';
			if (!isShare && e.unit !== '1') continue;
			const [was, is] = e.share !== null ? [then.share_kept, now.share_kept] : [then.experience, now.experience];
			if (Math.abs(is - was) < 0.01) continue;
			const by = isShare ? `${sign((is - was) * 100, 1)} pp` : sign(is - was, 2);
			assert.ok(row.includes(by), `${t.key} ${e.key}: ${by} in ${row}`);
			if (isShare) assert.ok(row.includes(`${(was * 100).toFixed(1)} %`), `${t.key} ${e.key}: ${was} in ${row}`);
			const card = page.locator(`.card[data-key="${t.key}"]`);
			if (!(await card.locator('.card-demand').textContent()).startsWith(`${e.measure} `)) continue;
			assert.ok(bare(await card.locator('.change').textContent()).startsWith(by), `${t.key}: ${by}`);
			const heard = bare(await card.locator('.sr').first().textContent());
			assert.ok(heard.includes('Apr 2025 – Jun 2025: ') && heard.includes(`: ${by}.`), heard);
			if (isShare) shares++;
			else means++;
		}
	assert.ok(shares > 3 && means > 1, `${shares} shares and ${means} means were looked at`);
	assert.deepEqual(page.said, []);
	assert.deepEqual(await axe(table), []);
	await context.close();
});

test('of two segments neither is “now”', { skip }, async () => {
	const context = await signedIn({ viewport: { width: 1280, height: 900 } });
	const page = await visit(context, at('/touchpoint/invoice', [MOBILE], `where:${FIBRE}`), '.expectation');
	const [now, then] = await both(context, 'invoice', 'as-agreed', `from=2025-01&to=2025-12-31&where=${encodeURIComponent(MOBILE)}`, `from=2025-01&to=2025-12-31&where=${encodeURIComponent(FIBRE)}`);
	const by = sign((now.share_kept - then.share_kept) * 100, 1);
	assert.ok(bare(await page.locator('.expectation', { hasText: 'As agreed' }).textContent()).includes(`${FIBRE}: ${(then.share_kept * 100).toFixed(1)} %, ${MOBILE} better: ${by} pp`));
	await page.goto(url + at('/touchpoint/invoice', [], `where:${FIBRE}`));
	await page.getByText('all of it better').first().waitFor();
	assert.doesNotMatch(await page.locator('main').innerText(), /\bnow\b/);
	// A period that comes later is not the one before now either.
	await page.goto(`${url}/touchpoint/invoice?period=2025-04&vs=period:2025-07`);
	await page.getByText('this period better').first().waitFor();
	await page.goto(`${url}/touchpoint/invoice?period=2025-07&vs=period:2025-04`);
	await page.getByText('now worse').first().waitFor();
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
