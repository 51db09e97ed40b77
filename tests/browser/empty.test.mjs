// SPDX-License-Identifier: Apache-2.0
// A corridor to which nothing has come yet: its stages and touch points, and what to do, as far as one may. On a server of its own.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { axe, close, open, settled, skip } from './house.mjs';
import { corridor, House, SHOP } from './server.mjs';

const PASSWORD = 'nine quiet corridors';

const house = new House();
before(async () => {
	if (skip) return;
	await house.openEmpty(SHOP);
	const file = join(house.dir, 'other');
	writeFileSync(file, `${PASSWORD}\n`);
	for (const role of ['manager', 'viewer']) execFileSync(corridor, ['user', 'add', '--data', join(house.dir, 'data'), '--quiet', '--name', role, '--role', role, '--password-file', file, `${role}@shop.example`]);
});

after(async () => {
	await close();
	await house.close();
});

async function see(role, options = {}) {
	const context = await (await open()).newContext({ reducedMotion: 'reduce', viewport: { width: 1280, height: 900 }, ...options });
	if (!role) await house.signIn(context);
	const page = await context.newPage();
	page.said = [];
	page.on('console', m => ['error', 'warning'].includes(m.type()) && page.said.push(m.text()));
	page.on('pageerror', e => page.said.push(String(e)));
	await page.goto(`${house.url}/`);
	if (role) {
		await page.getByLabel('E-mail').fill(`${role}@shop.example`);
		await page.getByLabel('Password').fill(PASSWORD);
		await page.keyboard.press('Enter');
	}
	await page.waitForSelector('.first');
	await settled(page);
	return page;
}

const ways = page => page.locator('.first h3').allTextContents();

test('the corridor is there, and first steps that lead where they say', { skip }, async () => {
	for (const look of [{ viewport: { width: 360, height: 740 } }, { viewport: { width: 1280, height: 900 }, colorScheme: 'dark' }]) {
		const page = await see(null, look);
		assert.deepEqual(await ways(page), ['Pages, apps and servers send', 'A file is imported', 'Systems report', 'The corridor is yours', 'Only look around']);
		assert.deepEqual(await page.locator('.card').evaluateAll(all => all.map(c => c.dataset.key)), ['website', 'checkout']);
		assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0);
		assert.deepEqual(await axe(page), []);
		for (const [link, at] of [['Make a write key', '/settings/keys'], ['Import a file', '/import'], ['Make a webhook', '/settings/hooks'], ['Open the corridor file', '/design']]) {
			await page.locator('.first').getByRole('link', { name: link }).click();
			await page.waitForFunction(to => location.pathname === to && document.querySelector('h1'), at);
			await page.goBack();
			await page.waitForSelector('.first');
		}
		assert.deepEqual(page.said, []);
		await page.context().close();
	}
});

test('nobody is sent to do what he may not', { skip }, async () => {
	const manager = await see('manager');
	assert.deepEqual(await ways(manager), ['A file is imported', 'The corridor is yours', 'Only look around']);
	const viewer = await see('viewer');
	assert.deepEqual(await ways(viewer), []);
	assert.equal(await viewer.locator('.first a').count(), 0);
	assert.match(await viewer.locator('.first').textContent(), /there is nothing for you to do/);
	assert.equal(await viewer.locator('.card').count(), 2);
	assert.deepEqual([...manager.said, ...viewer.said], []);
	await manager.context().close();
	await viewer.context().close();
});

test('the command that is shown works, and what it sends appears by itself, however long ago it was', { skip }, async () => {
	const page = await see(null);
	await page.waitForFunction(() => document.querySelector('.live.on'));
	assert.match(await page.locator('.first [role=status]').textContent(), /the first interaction appears here by itself/);
	const command = await page.locator('.first code', { hasText: 'curl' }).textContent();
	const [, address] = /(http\S+)/.exec(command);
	const body = JSON.parse(/-d '(.*)'/.exec(command)[1]);
	assert.match(command, /-u KEY: /);
	const headers = { Authorization: `Basic ${Buffer.from(`${house.key}:`).toString('base64')}`, 'Content-Type': 'application/json' };
	const sent = await fetch(address, { method: 'POST', headers, body: JSON.stringify({ ...body, event: 'Page Viewed', timestamp: '2019-03-02T10:00:00Z' }) });
	assert.equal(sent.status, 200);
	await page.locator('.card[data-key=website] .card-foot').getByText('n 1', { exact: true }).waitFor({ timeout: 8000 });
	assert.equal(await page.locator('.first').count(), 0);
	assert.deepEqual(page.said, []);
	// A period without interactions is another thing.
	await page.goto(`${house.url}/?period=2001`);
	await page.getByText('No interactions in this period.').waitFor();
	assert.equal(await page.locator('.first').count(), 0);
	await page.context().close();
});
