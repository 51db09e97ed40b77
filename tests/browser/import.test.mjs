// SPDX-License-Identifier: Apache-2.0
// The list of imports is asked for again while one of them goes on, also after an answer that failed, and no longer when
// all have ended.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { close, signedIn, skip, visit } from './house.mjs';

after(close);

const JOB = { job: '1', name: 'calls.csv', who: 'me', origin: 'web', dry_run: false, at: '2025-12-30T10:00:00Z', rows: 5, empty: 0, taken: 5, repeated: 0, rejected: 0, unmatched: 0, reasons: [], bytes_read: 10, bytes: 10, message: '' };

test('an answer that fails does not end the asking, the end of the import does', { skip }, async () => {
	const context = await signedIn({ viewport: { width: 1440, height: 900 } });
	const answers = ['running', null, null, 'done'];
	let asked = 0;
	await context.route('**/api/import/jobs?*', route => {
		const state = answers[Math.min(asked++, answers.length - 1)];
		return state ? route.fulfill({ json: { items: [{ ...JOB, state }] } }) : route.fulfill({ status: 503, json: { title: 'Not now' } });
	});
	const page = await visit(context, '/import');
	const row = page.locator('tr', { hasText: 'calls.csv' });
	await row.getByText('running', { exact: true }).waitFor();
	await page.getByText('Not now').waitFor({ timeout: 10_000 });
	await row.getByText('done', { exact: true }).waitFor({ timeout: 15_000 });
	assert.equal(asked, answers.length);
	await page.waitForTimeout(2500); // longer than between two questions
	assert.equal(asked, answers.length);
	await context.close();
});

test('a mapping that was changed is not lost without a question', { skip }, async () => {
	const context = await signedIn({ viewport: { width: 1440, height: 900 } });
	const page = await visit(context, '/import');
	const asked = [];
	let stay = true;
	page.on('dialog', d => {
		asked.push(d.message());
		return stay ? d.dismiss() : d.accept();
	});
	await page.setInputFiles('input[type=file]', { name: 'kept.csv', mimeType: 'text/csv', buffer: Buffer.from('customer,at,event\nc1,2025-12-30T10:00:00Z,Call Ended\n') });
	const text = page.getByRole('textbox', { name: 'Mapping' });
	await text.waitFor();
	const map = page.locator('nav[aria-label="Pages"] a', { hasText: 'Map' });
	await text.press('Control+End');
	await page.keyboard.type('# mine');
	await map.click();
	assert.match(asked.join(), /kept\.csv/);
	assert.match(await text.inputValue(), /# mine$/);
	stay = false;
	await map.click();
	await page.waitForFunction(() => location.pathname === '/');
	assert.equal(asked.length, 2);
	await context.close();
});
