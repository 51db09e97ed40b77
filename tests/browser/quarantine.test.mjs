// SPDX-License-Identifier: Apache-2.0
// The quarantine: counted by source and reason, seen page by page, long rows cut; a mapping mended, looked at and used for
// what waits; a group dropped.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { axe, close, signedIn, skip, url, visit } from './house.mjs';

after(close);

const MAPPING = `mapping: 1
source: desk
format: csv
interactions:
  event: "{event}"
  id: "{id}"
  customer: {customer: "{customer}"}
  at: "{at}"
  channel: email
`;
const LONG = 40_000;

let context = null;

async function post(path, body) {
	const { csrf } = await (await context.request.get(`${url}/api/session`)).json();
	const raw = typeof body === 'string';
	const answer = await context.request.post(url + path, { data: body, headers: { 'X-CSRF-Token': csrf, 'Content-Type': raw ? 'text/csv' : 'application/json' } });
	assert.ok(answer.ok(), `${path}: ${answer.status()} ${await answer.text()}`);
	return answer.json();
}

async function take(name, rows) {
	const { file } = await post(`/api/import/files?name=${name}`, ['id,customer,at,event,note', ...rows, ''].join('\n'));
	const { job } = await post('/api/import', { file, mapping: MAPPING });
	while (['queued', 'running'].includes((await (await context.request.get(`${url}/api/import/jobs/${job}`)).json()).state)) await new Promise(done => setTimeout(done, 50));
}

before(async () => {
	if (skip) return;
	context = await signedIn({ viewport: { width: 1280, height: 800 } });
	// Dates as Germans write them, and one row nobody can read, which is long.
	await take('desk.csv', [...Array.from({ length: 60 }, (_, i) => `d-${i},c${i},${String(1 + (i % 28)).padStart(2, '0')}.12.2025 10:00,Desk Visited,n`), `d-long,,01.12.2025 10:00,Desk Visited,${'long '.repeat(LONG / 5)}`]);
	await take('gone.csv', ['g-1,c1,soon,Desk Visited,n', 'g-2,c2,soon,Desk Visited,n']);
});

function group(page, file, n) {
	return page.getByRole('region', { name: 'Quarantine by source and reason' }).getByRole('row').filter({ hasText: file }).filter({ has: page.getByRole('cell', { name: String(n), exact: true }) });
}

function shown(page) {
	return page.getByRole('region', { name: 'Rows in quarantine' }).locator('tbody tr');
}

test('rows are seen page by page, long ones by their beginning', { skip }, async () => {
	const page = await visit(context, '/import');
	await group(page, 'desk.csv', 60).getByRole('button', { name: /^Look at desk.csv/ }).click();
	await page.getByText('50 of 60 shown').waitFor();
	await page.getByRole('button', { name: 'Show more' }).click();
	await page.getByText('60 of 60 shown').waitFor();
	await group(page, 'desk.csv', 1).getByRole('button', { name: /^Look at/ }).click();
	await page.getByText('1 of 1 shown').waitFor();
	const low = await page.evaluate(() => document.documentElement.scrollHeight);
	assert.ok(low < 5000, `the page is ${low} px high`);
	const row = shown(page).first();
	assert.ok((await row.innerText()).length < 1000);
	await row.getByRole('button', { name: /^Show all of row/ }).click();
	const box = row.getByRole('region', { name: /as received$/ });
	assert.ok((await box.innerText()).length > LONG);
	const size = await box.evaluate(b => [b.clientHeight, b.scrollHeight]);
	assert.ok(size[0] < 400 && size[1] > size[0], `the box is ${size[0]} px high, its text ${size[1]}`);
	assert.deepEqual(await axe(page), []);
	await page.close();
});

test('a mapping is mended, looked at, and takes in what waited', { skip }, async () => {
	const page = await visit(context, '/import');
	await group(page, 'desk.csv', 60).getByRole('button', { name: /^Look at desk.csv/ }).click();
	const editor = page.getByLabel('Mapping of these rows');
	await editor.waitFor();
	assert.equal(await editor.inputValue(), MAPPING);
	await page.getByText('id,customer,at,event,note', { exact: true }).waitFor();
	await page.getByText('0 would be understood').waitFor();
	const replay = page.getByRole('button', { name: 'Replay 60 with this mapping' });
	assert.ok(await replay.isDisabled());
	// A mistake is told with its line.
	await editor.fill(MAPPING.replace('{customer}', '{custmer}'));
	await page.getByText(/^line 7: .*did you mean "customer"/).waitFor();
	assert.ok(await replay.isDisabled());
	await editor.fill(MAPPING.replace('at: "{at}"', 'at: {column: at, format: dd.MM.yyyy HH:mm}'));
	await page.getByText('60 would be understood').waitFor();
	const made = page.getByRole('region', { name: 'What the rows would become' });
	await made.getByText('Desk Visited').first().waitFor();
	await made.getByText('customer:c0', { exact: true }).waitFor();
	await page.getByRole('button', { name: 'Try all rows, write nothing' }).click();
	await page.getByText('60 rows would be understood: 60 interactions would be taken in.').waitFor();
	assert.equal((await (await context.request.get(`${url}/api/quarantine?source=desk.csv`)).json()).total, 61);
	await replay.click();
	await page.getByText('60 rows understood: 60 interactions taken in.').waitFor();
	// The row that is left comes into sight, and what was typed stays.
	await page.getByText('1 of 1 shown').waitFor();
	assert.match(await editor.inputValue(), /dd\.MM\.yyyy/);
	assert.equal((await (await context.request.get(`${url}/api/quarantine?source=desk.csv`)).json()).total, 1);
	await page.close();
});

test('a group is dropped when one is sure', { skip }, async () => {
	const page = await visit(context, '/import');
	const asked = [];
	let sure = false;
	page.on('dialog', d => {
		asked.push(d.message());
		void (sure ? d.accept() : d.dismiss());
	});
	const drop = group(page, 'gone.csv', 2).getByRole('button', { name: /^Drop gone.csv/ });
	await drop.click();
	assert.match(asked[0], /2 rows of gone\.csv/);
	assert.equal((await (await context.request.get(`${url}/api/quarantine?source=gone.csv`)).json()).total, 2);
	sure = true;
	await drop.click();
	await page.getByText('2 rows dropped.').waitFor();
	await drop.waitFor({ state: 'detached' });
	assert.equal((await (await context.request.get(`${url}/api/quarantine?source=gone.csv`)).json()).total, 0);
	await context.close();
});
