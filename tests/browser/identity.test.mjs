// SPDX-License-Identifier: Apache-2.0
// Who may erase and link does it on the customer's page: linking, unlinking, erasing with the name typed, the receipt.
// Nobody else sees any of it.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { axe, close, settled, signedIn, skip, url, visit } from './house.mjs';

after(close);

const at = name => `/customers/${encodeURIComponent(`user:${name}`)}`;

/** Customers of this test alone, n interactions each. */
async function arrive(context, people) {
	const batch = Object.entries(people).flatMap(([userId, n]) => Array.from({ length: n }, (_, i) => ({ type: 'track', event: 'Order Placed', userId, messageId: `${userId}-${i}`, timestamp: `2025-06-0${i + 1}T10:00:00Z` })));
	const a = await context.request.post(`${url}/v1/batch`, { data: { batch }, headers: { Authorization: `Basic ${btoa(`${process.env.CORRIDOR_WRITE_KEY}:`)}` } });
	assert.equal(a.status(), 200, await a.text());
}

test('link, unlink and erase on the page of a customer', { skip }, async () => {
	const context = await signedIn({ viewport: { width: 1440, height: 900 } });
	await arrive(context, { 'web-ann': 2, 'web-bob': 1 });
	const page = await visit(context, at('web-bob'));
	const part = page.getByRole('region', { name: 'Identity and data' });
	await part.getByText('Not linked with another identity.').waitFor();

	// By keyboard alone; what is not possible is said in the dialog, which stays.
	await part.getByRole('button', { name: 'Link with another identity…' }).focus();
	await page.keyboard.press('Enter');
	const dialog = page.getByRole('dialog');
	const other = dialog.getByLabel('Other identity');
	await other.fill('user:web-bob');
	await page.keyboard.press('Enter');
	await dialog.getByRole('alert').getByText('user:web-bob is user:web-bob already').waitFor();
	assert.deepEqual(await axe(page), []);
	await other.fill('user:web-ann');
	await page.keyboard.press('Enter');
	await part.getByText('user:web-ann is linked: 2 interactions became part of this story.').waitFor();
	const row = part.getByRole('row', { name: /user:web-ann/ });
	await row.getByText(process.env.CORRIDOR_EMAIL).waitFor();
	await page.locator('.tile', { hasText: 'Interactions' }).getByText('3', { exact: true }).waitFor();
	assert.deepEqual(await axe(page), []);

	page.once('dialog', d => void d.accept());
	await row.getByRole('button', { name: 'Unlink user:web-ann' }).click();
	await part.getByText('user:web-ann is a customer of its own again, with 2 interactions.').waitFor();
	await part.getByText('Not linked with another identity.').waitFor();
	await page.locator('.tile', { hasText: 'Interactions' }).getByText('1', { exact: true }).waitFor();

	// Erasing needs the name; Escape leaves everything as it is.
	const begin = part.getByRole('button', { name: 'Erase this customer…' });
	await begin.click();
	const erase = dialog.getByRole('button', { name: 'Erase for good' });
	assert.equal(await erase.isDisabled(), true);
	await dialog.getByLabel('Type user:web-bob to confirm').fill('user:web-ann');
	await page.keyboard.press('Enter');
	assert.equal(await erase.isDisabled(), true);
	await page.keyboard.press('Escape');
	await dialog.waitFor({ state: 'detached' });
	await begin.click();
	await dialog.getByLabel('Type user:web-bob to confirm').fill('user:web-bob');
	assert.deepEqual(await axe(page), []);
	await page.keyboard.press('Enter');
	await page.getByRole('heading', { level: 1, name: 'The customer was erased' }).waitFor();
	assert.equal(await page.evaluate(() => document.activeElement.tagName), 'H1');
	const receipt = page.getByRole('region', { name: 'Receipt' });
	assert.match(await receipt.innerText(), /Persons\s+1\s+Interactions\s+1\s/);
	assert.deepEqual(await axe(page), []);
	assert.deepEqual(page.said.filter(s => !s.includes('400')), []); // the browser tells of the refused link

	await page.reload();
	await page.getByText('nobody is known as “user:web-bob”').waitFor();
	await page.close();
	const left = await visit(context, at('web-ann'));
	await left.getByRole('region', { name: 'Identity and data' }).waitFor();
	await context.close();
});

test('identity and data fit from a phone to a wall, and are not for everybody', { skip }, async () => {
	const context = await signedIn();
	const long = `web-${'a'.repeat(60)}`;
	await arrive(context, { [long]: 1, 'web-eve': 1 });
	const csrf = (await (await context.request.get(`${url}/api/session`)).json()).csrf;
	const post = (path, data) => context.request.post(url + path, { data, headers: { 'X-CSRF-Token': csrf } });
	assert.equal((await post('/api/link', { from: `user:${long}`, to: 'user:web-eve' })).status(), 200);
	for (const width of [360, 768, 1440, 2560]) {
		const page = await visit(context, at('web-eve'));
		await page.setViewportSize({ width, height: 900 });
		await page.getByRole('button', { name: 'Erase this customer…' }).click();
		await settled(page);
		const over = () => page.evaluate(() => [document.documentElement, document.querySelector('dialog')].some(x => x && x.scrollWidth > x.clientWidth + 1));
		assert.equal(await over(), false, `${width} px, dialog`);
		await page.keyboard.press('Escape');
		await settled(page);
		assert.equal(await over(), false, `${width} px`);
		await page.evaluate(() => scrollTo(0, 0)); // nothing lies under the bar
		assert.deepEqual(await axe(page), [], `${width} px`);
		await page.close();
	}

	// Without the right: the same session, told fewer rights.
	await context.route('**/api/session', async route => {
		const answer = await route.fetch();
		const told = await answer.json();
		if (told.user) told.user.rights = told.user.rights.filter(r => r !== 'erase');
		await route.fulfill({ response: answer, json: told });
	});
	const asked = [];
	const page = await context.newPage();
	page.on('request', r => asked.push(new URL(r.url()).pathname));
	await page.goto(url + at('web-eve'));
	await page.getByRole('region', { name: 'All of it' }).waitFor();
	await settled(page);
	assert.equal(await page.getByRole('region', { name: 'Identity and data' }).count(), 0);
	assert.ok(!asked.includes('/api/journal'));
	assert.equal((await post('/api/erase', { customer: 'user:web-eve' })).status(), 200);
	await context.close();
});
