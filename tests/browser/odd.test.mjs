// SPDX-License-Identifier: Apache-2.0
// Data as nobody would make them up: months of which nothing is known, numbers next to nothing and beyond counting, fifteen years
// in one picture. What is drawn is what there is. On a server of its own that has nothing else.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { close, open, settled, skip } from './house.mjs';
import { House } from './server.mjs';

const DESIGN = `corridor: 1
brand: Odd
timezone: Europe/Berlin
currency: EUR
measures: {tiny: {}, huge: {}}
touchpoints:
  delivery:
    stage: fulfilment
    match: [{event: Delivered}]
    expect:
      on-time: {measure: delay, at most: 0, for: 99.9%}
      small: {measure: tiny, at most: 0.000001}
      solved: {measure: resolved, at least: 75%}
  order:
    stage: purchase
    match: [{event: Order}]
    expect: {big: {measure: huge, at least: 1, scale: 1}}
`;

const house = new House();
let page;

before(async () => {
	if (skip) return;
	await house.openEmpty(DESIGN);
	const delivered = (id, at, measures) => ({ id, customer: { user: `u${id}` }, at, event: 'Delivered', channel: 'web', measures });
	const things = [delivered('first', '2011-06-04T08:00:00Z', { delay: 86400 * 700 }), delivered('second', '2011-12-24T08:00:00Z', { delay: -86400 * 300 })];
	for (let i = 0; i < 12; i++) things.push(delivered(`n${i}`, `2026-02-01T${String(8 + i).padStart(2, '0')}:30:00Z`, { delay: 60, tiny: 2e-6, resolved: 0, nps: i % 11, csat: 4 }));
	for (let i = 0; i < 12; i++) things.push({ id: `h${i}`, customer: { user: 'h' }, at: '2026-02-01T12:00:00Z', event: 'Order', channel: 'web', measures: { huge: 1e12 + i } });
	const headers = { 'Content-Type': 'application/json', Authorization: `Basic ${Buffer.from(`${house.key}:`).toString('base64')}` };
	const sent = await fetch(`${house.url}/api/interactions`, { method: 'POST', headers, body: JSON.stringify({ interactions: things }) });
	assert.equal(sent.status, 200, await sent.text());
	const context = await house.signIn(await (await open()).newContext({ reducedMotion: 'reduce', viewport: { width: 1280, height: 900 } }));
	page = await context.newPage();
	page.said = [];
	page.on('console', m => ['error', 'warning'].includes(m.type()) && page.said.push(m.text()));
	page.on('pageerror', e => page.said.push(String(e)));
});

after(async () => {
	await close();
	await house.close();
});

async function see(path) {
	await page.goto(house.url + path);
	await page.waitForSelector('h1');
	await settled(page);
}

/** The words of an axis are drawn, not written: what is written on the canvas, as the page draws again. */
async function written(path) {
	await page.addInitScript(() => {
		globalThis.written = [];
		const draw = CanvasRenderingContext2D.prototype.fillText;
		CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
			globalThis.written.push(String(text).replaceAll('\u00a0', ' '));
			return draw.call(this, text, ...rest);
		};
	});
	await see(path);
	return page.evaluate(() => globalThis.written.filter(Boolean));
}

test('months without interactions have their place on the axis', { skip }, async () => {
	const marks = await written('/journeys/volume?period=all&by=month');
	// Of months that have something there are three; an axis of three would have no 2016.
	assert.ok(marks.some(m => /16$/.test(m)), marks.join(', '));
	for (const by of ['hour', 'day', 'week', 'quarter', 'year']) {
		await see(`/journeys/volume?period=all&by=${by}`);
		assert.equal(await page.locator('.line-chart canvas').count(), 1, by);
		assert.equal(await page.locator('.failure').count(), 0, by);
	}
	assert.deepEqual(page.said, []);
});

test('an axis of time has marks at whole days', { skip }, async () => {
	const marks = await written('/journeys/spread?period=all&measure=delay&by=month');
	const days = marks.flatMap(m => (/^−?([\d,]+) d$/.exec(m) ? [Number(m.replace(/[^\d]/g, ''))] : []));
	assert.ok(days.length > 1 && days.every(d => d % 50 === 0), marks.join(', '));
});

test('what lies many years back makes no page wider than the screen', { skip }, async () => {
	for (const width of [360, 1280]) {
		await page.setViewportSize({ width, height: 900 });
		await see('/journeys/lifecycle?period=all&bucket=day');
		const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
		assert.ok(wide <= 0, `${wide} px wider than ${width} px`);
		assert.match(await page.locator('.stacked').textContent(), /The last 180 of [\d,]+ rows/);
	}
});

test('scores of different scales have an axis each', { skip }, async () => {
	await see('/journeys/scores?period=all&by=channel&score=all');
	const charts = await page.locator('.chart-panel .bars').allTextContents();
	assert.equal(charts.length, 2);
	assert.ok(charts.some(c => /points/.test(c) && !/%/.test(c)) && charts.some(c => /%/.test(c) && !/points/.test(c)), charts.join(' | '));
});

test('small numbers and shares near 100 % are not rounded away', { skip }, async () => {
	await see('/touchpoint/delivery?period=all');
	const text = (await page.locator('main').innerText()).replaceAll('\u00a0', ' ');
	assert.match(text, /tiny at most 0\.000001/);
	assert.match(text, /0\.000002/);
	assert.match(text, /delay at most 0 s for 99\.9 %/);
});

test('one expectation beyond all scales leaves the bullets of the others to be seen', { skip }, async () => {
	await see('/?period=all');
	const width = await page.locator('[data-key="delivery"] .bullet rect:not(.track)').evaluate(e => Number(e.getAttribute('width')));
	assert.ok(width > 10, `${width}`);
});

test('a comparison with what there is nothing of says so', { skip }, async () => {
	await see('/?period=all&vs=previous');
	assert.match(await page.locator('.misread').textContent(), /no period before “all time”: nothing is compared/);
});

test('nothing has no axis, but a word', { skip }, async () => {
	await see('/interactions?period=2001');
	assert.equal(await page.locator('.bars-axis').count(), 0);
	assert.match(await page.locator('section[aria-label="How many"]').textContent(), /None in this period/);
});
