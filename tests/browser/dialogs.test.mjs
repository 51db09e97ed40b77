// SPDX-License-Identifier: Apache-2.0
// Dialogs: they begin with what is there, and close only when one means it.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { close, signedIn, skip, visit } from './house.mjs';

after(close);

test('the dates of a period begin and end as it does', { skip }, async () => {
	const context = await signedIn({ viewport: { width: 1440, height: 900 } });
	const page = await visit(context, '/?period=2025-03..2025-05', '.card');
	const dates = async () => [await page.getByLabel('From', { exact: true }).inputValue(), await page.getByLabel('To, that day included').inputValue()];
	await page.getByRole('button', { name: 'Change dates' }).click();
	assert.deepEqual(await dates(), ['2025-03-01', '2025-05-31']);
	await page.getByRole('button', { name: 'Cancel' }).click();
	assert.equal(new URL(page.url()).searchParams.get('period'), '2025-03..2025-05');
	const period = page.locator('.askbar select').first();
	await period.selectOption('90d');
	await period.selectOption('custom');
	assert.deepEqual(await dates(), ['2025-10-03', '2025-12-31']);
	await page.keyboard.press('Escape');
	await page.locator('dialog').waitFor({ state: 'detached' });
	assert.equal(await period.inputValue(), '90d', 'nothing else was chosen');
	await context.close();
});

test('a dialog has the keys as soon as it is there', { skip }, async () => {
	const context = await signedIn({ viewport: { width: 1440, height: 900 } });
	const page = await visit(context, '/?period=2025-03..2025-05', '.card');
	const first = await page.evaluate(
		() =>
			new Promise(resolve => {
				new MutationObserver((_, observer) => {
					const dialog = document.querySelector('dialog');
					if (!dialog) return;
					observer.disconnect();
					resolve({ modal: dialog.matches(':modal'), focus: dialog.contains(document.activeElement) });
				}).observe(document.body, { childList: true, subtree: true });
				const button = [...document.querySelectorAll('.askbar button')].find(b => b.textContent === 'Change dates');
				button.focus();
				button.click();
			})
	);
	assert.deepEqual(first, { modal: true, focus: true });
	await page.keyboard.press('Escape');
	await page.locator('dialog').waitFor({ state: 'detached' });
	assert.ok(await page.getByRole('button', { name: 'Change dates' }).evaluate(e => e === document.activeElement), 'the focus is back');
	await context.close();
});

test('text that is marked over the edge of a dialog does not close it, a click beside it does', { skip }, async () => {
	const context = await signedIn({ viewport: { width: 1440, height: 900 } });
	const page = await visit(context, '/', '.card');
	await page.getByRole('button', { name: 'Filter', exact: true }).click();
	await page.getByRole('button', { name: 'Write' }).click();
	const box = page.getByLabel('Expression');
	await box.fill('channel = phone');
	const at = await box.boundingBox();
	await page.mouse.move(at.x + 60, at.y + 12);
	await page.mouse.down();
	await page.mouse.move(20, at.y + 12);
	await page.mouse.up();
	assert.equal(await box.inputValue(), 'channel = phone');
	await page.mouse.click(20, 400);
	await page.locator('dialog').waitFor({ state: 'detached' });
	await context.close();
});

test('who may not change dashboards is not offered to', { skip }, async () => {
	const context = await signedIn({ viewport: { width: 1440, height: 900 } });
	await context.route('**/api/session', async route => {
		const session = await (await route.fetch()).json();
		session.user.rights = session.user.rights.filter(r => r !== 'share');
		await route.fulfill({ json: session });
	});
	const page = await visit(context, '/dashboards/1', '.board-tile');
	assert.deepEqual(await page.locator('.page-head-aside button').allInnerTexts(), ['Print']);
	await context.close();
});

test('a dashboard that cannot be deleted says why', { skip }, async () => {
	const context = await signedIn({ viewport: { width: 1440, height: 900 } });
	const page = await visit(context, '/dashboards/1', '.board-tile');
	await page.route('**/api/dashboards/1', route => (route.request().method() === 'DELETE' ? route.fulfill({ status: 403, contentType: 'application/problem+json', json: { title: 'Not allowed', detail: 'It is in use.' } }) : route.continue()));
	page.on('dialog', d => d.accept());
	await page.getByRole('button', { name: 'Delete' }).click();
	assert.match(await page.locator('.failure').textContent(), /It is in use/);
	await context.close();
});
