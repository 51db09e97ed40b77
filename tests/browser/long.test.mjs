// SPDX-License-Identifier: Apache-2.0
// Names longer than any line, addresses within what customers say, numbers of any size: nothing runs over its edge. On a server
// of its own that has nothing else.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { close, open, settled, skip } from './house.mjs';
import { House } from './server.mjs';

const LONG = 'Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz, and how customers are told of it';
const DESIGN = `corridor: 1
brand: Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft
timezone: UTC
stages: [awareness-of-everything-that-could-be-bought-here, use]
measures: {throughput: {unit: Mbit/s}}
touchpoints:
  told:
    name: ${LONG}
    stage: awareness-of-everything-that-could-be-bought-here
    match: [{event: Told}]
  used:
    stage: use
    after: [told]
    match: [{event: Used}]
    expect: {quick: {measure: throughput, at least: 1000000}}
`;

const house = new House();
after(async () => {
	await close();
	await house.close();
});

test('long names, words and numbers keep within their boxes', { skip }, async () => {
	await house.openEmpty(DESIGN);
	const customer = { user: `somebody-${'with-a-very-long-name-'.repeat(4)}` };
	const at = new Date().toISOString();
	const things = [
		{ id: '1', customer, at, event: 'Told', channel: 'web', text: `https://shop.example/${'a'.repeat(300)}` },
		{ id: '2', customer, at, event: 'Used', channel: 'app', measures: { throughput: 123456789012345 } },
		{ id: '3', customer, at, event: 'Used', channel: 'app', measures: { throughput: 123456789012347 } },
	];
	const headers = { 'Content-Type': 'application/json', Authorization: `Basic ${Buffer.from(`${house.key}:`).toString('base64')}` };
	const sent = await fetch(`${house.url}/api/interactions`, { method: 'POST', headers, body: JSON.stringify({ interactions: things }) });
	assert.equal(sent.status, 200, await sent.text());
	const context = await house.signIn(await (await open()).newContext({ reducedMotion: 'reduce' }));
	const page = await context.newPage();
	for (const path of ['/', '/touchpoint/told', '/touchpoint/used', '/interactions', '/journeys/funnel'])
		for (const width of [360, 768, 1280]) {
			await page.setViewportSize({ width, height: 800 });
			await page.goto(house.url + path);
			await page.waitForSelector('h1');
			await settled(page);
			const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
			assert.ok(wide <= 0, `${path} is ${wide} px wider than ${width} px`);
			const over = await page.evaluate(() => [...document.querySelectorAll('.card-answer')].filter(e => [...e.children].some(c => c.getBoundingClientRect().right > e.getBoundingClientRect().right + 1)).map(e => e.textContent));
			assert.deepEqual(over, [], `${path} at ${width} px`);
		}
	await context.close();
});
