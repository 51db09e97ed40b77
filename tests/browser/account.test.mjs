// SPDX-License-Identifier: Apache-2.0
// One's own account: an invitation is followed by a password, which can be changed; links that are void say so.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { axe, close, open, settled, signedIn, skip, url } from './house.mjs';
import { corridor } from './server.mjs';

const FIRST = 'seven wet umbrellas';
const SECOND = 'eleven dry umbrellas';
const LOOKS = [
	{ viewport: { width: 360, height: 740 }, colorScheme: 'light' },
	{ viewport: { width: 1280, height: 800 }, colorScheme: 'dark' },
];
let people = 0;

after(close);

/** A new user and the link that invites it. */
async function invite(role = 'viewer') {
	const email = `new-${process.pid}-${++people}@tidewater.example`;
	const context = await signedIn();
	const { csrf } = await (await context.request.get(`${url}/api/session`)).json();
	const answer = await context.request.post(`${url}/api/users`, { data: { name: 'Kim Nowak', email, role }, headers: { 'X-CSRF-Token': csrf } });
	assert.equal(answer.status(), 201);
	const { link } = await answer.json();
	await context.close();
	return { email, link: url + link };
}

const heading = (page, text) => page.waitForFunction(t => document.querySelector('h1')?.textContent === t, text);

async function fresh(options = LOOKS[1]) {
	const context = await (await open()).newContext({ reducedMotion: 'reduce', ...options });
	return { context, page: await context.newPage() };
}

async function looksRight(page) {
	await settled(page);
	assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0, 'wider than the screen');
	assert.deepEqual(await axe(page), []);
	for (const colorScheme of ['dark', 'light']) {
		await page.emulateMedia({ colorScheme });
		assert.deepEqual(await axe(page, ['color-contrast']), [], colorScheme);
	}
}

async function signIn(page, email, password) {
	await page.goto(`${url}/sign-in`);
	await page.getByLabel('E-mail').fill(email);
	await page.getByLabel('Password').fill(password);
	await page.keyboard.press('Enter');
}

async function signOut(page) {
	await page.locator('.user-menu summary').click();
	await page.getByRole('button', { name: 'Sign out' }).click();
	await heading(page, 'Sign in');
}

for (const look of LOOKS) {
	test(`invited, a password is chosen by keyboard, and opens the way in (${look.viewport.width} px)`, { skip }, async () => {
		const { email, link } = await invite();
		const { context, page } = await fresh(look);
		await page.goto(link);
		await heading(page, 'Choose a password');
		await looksRight(page);
		// There is no way around it.
		await page.goto(`${url}/interactions`);
		await heading(page, 'Choose a password');
		assert.equal(await page.locator('nav').count(), 0);
		const field = page.getByLabel('New password', { exact: true });
		await page.keyboard.press('Tab');
		assert.ok(await field.evaluate(e => e === document.activeElement), 'the field is the first to be reached');
		await page.keyboard.type('short');
		await page.keyboard.press('Enter');
		const trouble = page.locator('.field-trouble');
		assert.match(await trouble.textContent(), /has 5 characters; at least 10/);
		assert.equal(await field.getAttribute('aria-invalid'), 'true');
		assert.ok(await field.evaluate(e => e === document.activeElement), 'what is wrong has the focus');
		await looksRight(page);
		await field.fill('Kim Nowak!');
		await page.keyboard.press('Tab');
		assert.equal(await field.getAttribute('type'), 'password');
		await page.keyboard.press('Enter');
		assert.equal(await field.getAttribute('type'), 'text');
		await field.fill(FIRST);
		await page.keyboard.press('Enter');
		await heading(page, 'Interactions');
		await signOut(page);
		await signIn(page, email, FIRST);
		await page.waitForSelector('nav[aria-label="Pages"]', { state: 'attached' });
		await context.close();
		const other = await fresh(look);
		await other.page.goto(link);
		await heading(other.page, 'This link is used or expired');
		assert.match(await other.page.locator('main').textContent(), /asks an administrator for a new link/);
		await looksRight(other.page);
		await other.context.close();
	});

	test(`the account: another password, the present one being needed, and sessions (${look.viewport.width} px)`, { skip }, async () => {
		const { email, link } = await invite();
		const { context, page } = await fresh(look);
		await page.goto(link);
		await page.getByLabel('New password', { exact: true }).fill(FIRST);
		await page.keyboard.press('Enter');
		await page.waitForSelector('nav[aria-label="Pages"]', { state: 'attached' });
		const elsewhere = await fresh(look);
		await signIn(elsewhere.page, email, FIRST);
		await elsewhere.page.waitForSelector('nav[aria-label="Pages"]', { state: 'attached' });
		await page.locator('.user-menu summary').focus();
		await page.keyboard.press('Enter');
		await page.keyboard.press('Tab');
		await page.keyboard.press('Enter');
		await heading(page, 'Account');
		assert.equal(await page.locator('.user-menu[open]').count(), 0);
		await looksRight(page);
		assert.deepEqual(await page.locator('.subnav a').allTextContents(), ['Account']);
		const old = page.getByLabel('Present password', { exact: true });
		const field = page.getByLabel('New password', { exact: true });
		await old.fill('not this one');
		await field.fill(SECOND);
		await page.getByRole('button', { name: 'Change password' }).click();
		await page.waitForSelector('.field-trouble');
		assert.match(await page.locator('.field-trouble').textContent(), /not your present password/);
		assert.ok(await old.evaluate(e => e === document.activeElement));
		await looksRight(page);
		assert.equal(await page.getByRole('button', { name: 'End all others' }).count(), 1);
		await old.fill(FIRST);
		await page.getByRole('button', { name: 'Change password' }).click();
		await page.getByText('Changed. You are signed out everywhere else.').waitFor();
		await page.waitForFunction(() => document.querySelectorAll('main tbody tr').length === 1);
		await elsewhere.page.reload();
		await heading(elsewhere.page, 'Sign in');
		await signIn(elsewhere.page, email, SECOND);
		await elsewhere.page.waitForSelector('nav[aria-label="Pages"]', { state: 'attached' });
		await page.reload();
		await page.getByRole('button', { name: 'End all others' }).click();
		await page.waitForFunction(() => document.querySelectorAll('main tbody tr').length === 1);
		await elsewhere.page.reload();
		await heading(elsewhere.page, 'Sign in');
		await elsewhere.context.close();
		await context.close();
	});
}

test('an API key is made with its rights, and sends', { skip }, async () => {
	const context = await signedIn(LOOKS[1]);
	const page = await context.newPage();
	await page.goto(`${url}/settings/keys`);
	await heading(page, 'Keys');
	await page.getByRole('button', { name: 'Key', exact: true }).click();
	const dialog = page.locator('dialog[open]');
	await dialog.getByRole('textbox', { name: 'Name' }).fill('Billing run');
	await dialog.getByLabel('Kind').selectOption('api');
	await dialog.getByLabel('send', { exact: true }).check();
	assert.deepEqual(await axe(page), []);
	await dialog.getByRole('button', { name: 'Create' }).click();
	const key = await page.locator('.once code').textContent();
	assert.match(key, /^ca_/);
	const body = { id: 'b-1', customer: { user: 'u-1' }, at: '2025-12-30T09:12:00Z', event: 'Call Ended', channel: 'phone' };
	const answer = await fetch(`${url}/api/interactions`, { method: 'POST', headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
	assert.equal(answer.status, 200);
	await context.close();
});

test('the first start: a good link, a void one, a used one', { skip }, async () => {
	const dir = mkdtempSync(join(tmpdir(), 'corridor-first-'));
	const data = join(dir, 'data');
	execFileSync(corridor, ['init', '--data', data]);
	const child = spawn(corridor, ['serve', '--data', data, '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'inherit'] });
	const ended = new Promise(over => child.once('exit', over));
	const link = await new Promise((done, fail) => {
		let out = '';
		child.stdout.on('data', text => {
			const found = /http:\S+\/set-up\/\S+/.exec((out += text));
			if (found) done(found[0]);
		});
		child.once('exit', () => fail(new Error('the server ended before it listened')));
	});
	try {
		const { context, page } = await fresh(LOOKS[0]);
		await page.goto(link.replace(/.{3}$/, 'xxx'));
		await heading(page, 'This link is used or expired');
		assert.equal(await page.locator('form').count(), 0);
		assert.match(await page.locator('main').textContent(), /Start the server again/);
		await looksRight(page);
		await page.goto(link);
		await page.getByLabel('Your name').fill('Ada');
		await page.getByLabel('E-mail').fill('ada@example.com');
		await page.getByLabel('Password', { exact: true }).fill('ada@example.com');
		await looksRight(page);
		await page.keyboard.press('Enter');
		assert.match(await page.locator('.field-trouble').textContent(), /e-mail address/);
		await page.getByLabel('Password', { exact: true }).fill(FIRST);
		await page.keyboard.press('Enter');
		await page.waitForSelector('nav[aria-label="Pages"]', { state: 'attached' });
		await context.clearCookies();
		await page.goto(link);
		await heading(page, 'Corridor is set up already');
		assert.equal(await page.locator('form').count(), 0);
		await looksRight(page);
		await context.close();
	} finally {
		child.kill('SIGTERM');
		await ended;
		rmSync(dir, { recursive: true, force: true });
	}
});
