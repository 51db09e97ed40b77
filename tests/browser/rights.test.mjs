// SPDX-License-Identifier: Apache-2.0
// Pages for which one lacks the right, opened by a link: they say which right that is and who has it, ask the server nothing and
// offer nothing that would be refused. And what somebody sees with a part of the rights.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { axe, close, open, settled, signedIn, skip, url, visit } from './house.mjs';

after(close);

const ONLY_OTHERS = [
	['/settings/users', 'users', /Administrators have it/],
	['/settings/keys', 'keys', /Administrators have it/],
	['/settings/hooks', 'settings', /Administrators have it/],
	['/settings/sources', 'settings', /Administrators have it/],
	['/settings/shares', 'share', /Owners, managers and administrators have it/],
	['/settings/audit', 'audit', /Managers and administrators have it/],
	['/sql', 'sql', /Managers and administrators have it/],
	['/sql?sql=SELECT+1', 'sql', /Managers and administrators have it/],
	['/customers', 'persons', /Agents, owners, managers and administrators have it/],
	['/customers/user:u-1', 'persons', /Agents, owners, managers and administrators have it/],
	['/import', 'import', /Owners, managers and administrators have it/],
];

let people = 0;

async function asAdministrator(method, path, data) {
	const context = await signedIn();
	const { csrf } = await (await context.request.get(`${url}/api/session`)).json();
	const answer = await context.request.fetch(url + path, { method, data, headers: { 'X-CSRF-Token': csrf } });
	const text = await answer.text();
	await context.close();
	assert.ok(answer.ok(), text);
	return text ? JSON.parse(text) : null;
}

/** Somebody new with this role, signed in in a context of its own. */
async function somebody(role, departments = [], options = {}) {
	const user = await asAdministrator('POST', '/api/users', { name: 'Lou Santos', email: `lou-${process.pid}-${++people}@tidewater.example`, role, departments });
	const context = await (await open()).newContext({ reducedMotion: 'reduce', viewport: { width: 1280, height: 800 }, ...options });
	const page = await context.newPage();
	await page.goto(url + user.link);
	await page.getByLabel('New password', { exact: true }).fill('nine quiet corridors');
	await page.keyboard.press('Enter');
	await page.waitForSelector('nav[aria-label="Pages"]', { state: 'attached' });
	await page.close();
	return { context, user };
}

test('a page without the right to it says which, who has it and who gives it, and asks nothing', { skip }, async () => {
	const { context } = await somebody('viewer');
	const refused = [];
	context.on('response', r => r.status() >= 400 && refused.push(`${r.status()} ${r.url()}`));
	for (const [path, right, who] of ONLY_OTHERS) {
		const page = await visit(context, path, '.lacking');
		const text = await page.locator('.lacking').innerText();
		assert.ok(text.includes(`“${right}”`), `${path}: ${text}`);
		assert.match(text, who, path);
		assert.match(text, /Lou Santos with the role viewer.*An administrator can give you another role/s);
		assert.equal(await page.locator('main').locator('input, textarea, select').count(), 0, path);
		assert.deepEqual(await page.locator('main .button').allTextContents(), ['To the corridor map', 'Ask again'], path);
		assert.equal(await page.locator('h1').count(), 1);
		assert.deepEqual(page.said, [], path);
		if (path === '/import') {
			for (const look of [{ width: 360, height: 740 }, { width: 1280, height: 800 }]) {
				await page.setViewportSize(look);
				assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0);
				assert.deepEqual(await axe(page), []);
			}
			await page.emulateMedia({ colorScheme: 'dark' });
			assert.deepEqual(await axe(page, ['color-contrast']), []);
		}
		await page.close();
	}
	assert.deepEqual(refused, []);
	await context.close();
});

test('nothing leads a viewer to where nothing is to be seen', { skip }, async () => {
	const { context } = await somebody('viewer');
	const page = await visit(context, '/design');
	assert.deepEqual(await page.locator('nav[aria-label="Pages"] a').allTextContents(), ['Map', 'Journeys', 'Interactions', 'Dashboards', 'Design']);
	assert.equal(await page.locator('#search').count(), 0);
	// The corridor file is there to be read.
	assert.equal(await page.locator('.editor textarea').evaluate(e => e.readOnly), true);
	assert.match(await page.locator('.page-head').textContent(), /to read only: managers and administrators publish/);
	await page.locator('h1').click();
	await page.keyboard.press('g');
	await page.keyboard.press('s');
	await page.keyboard.press('?');
	await page.locator('dialog[open] .keys').waitFor();
	assert.doesNotMatch(await page.locator('dialog[open]').textContent(), /SQL|customer/i);
	assert.equal(new URL(page.url()).pathname, '/design');
	// Who went no further is told by number; nobody leads to names.
	const funnel = await visit(context, '/journeys/funnel', '.funnel');
	assert.equal(await funnel.locator('.answer a', { hasText: 'went no further' }).count(), 0);
	const names = await visit(context, '/journeys/funnel?step=invoice&step=complaint&persons=dropped:2', '.empty');
	assert.match(await names.locator('.empty').textContent(), /about single customers.*the right “persons”/s);
	assert.deepEqual([...page.said, ...funnel.said, ...names.said], []);
	await context.close();
});

test('the head of a department finds the quarantine without the right to import', { skip }, async () => {
	const { context } = await somebody('owner', ['logistics']);
	const page = await visit(context, '/');
	await page.locator('nav[aria-label="Pages"]').getByText('Import').click();
	await page.waitForSelector('section[aria-label="Quarantine"]');
	await settled(page);
	assert.equal(await page.locator('.drop').count(), 0);
	assert.equal(await page.getByRole('button', { name: /^Drop/ }).count(), 0);
	assert.match(await page.locator('.page-head').textContent(), /imported by managers and administrators/);
	assert.deepEqual(page.said, []);
	await context.close();
});

test('whoever is given the role meanwhile asks again and is let in', { skip }, async () => {
	const { context, user } = await somebody('viewer');
	const page = await visit(context, '/sql', '.lacking');
	const again = page.getByRole('button', { name: 'Ask again' });
	await again.click();
	await page.getByText('Your role is what it was.').waitFor();
	await asAdministrator('PATCH', `/api/users/${user.id}`, { role: 'manager' });
	await again.click();
	await page.locator('textarea.code').waitFor();
	await settled(page);
	assert.ok(await page.locator('nav[aria-label="Pages"]').getByText('SQL').count());
	assert.deepEqual(page.said, []);
	await context.close();
});
