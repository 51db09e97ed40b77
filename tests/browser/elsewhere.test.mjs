// SPDX-License-Identifier: Apache-2.0
// What pages of other sites can do with a Corridor server: show a shared page in a frame and send interactions. They can
// neither sign anybody in nor show any other page.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, test } from 'node:test';
import { close, open, settled, signedIn, skip, url } from './house.mjs';

const sites = []; // also of tests that failed: nothing ends while one of them listens

after(async () => {
	await close();
	for (const site of sites) site.close();
});

/** A page of another site: "localhost" is one to a browser, the server is at 127.0.0.1. */
async function visitElsewhere(context, html) {
	const site = createServer((_request, response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end(`<!doctype html><title>Elsewhere</title>${html}`));
	sites.push(site);
	await new Promise(done => site.listen(0, 'localhost', done));
	const page = await context.newPage();
	page.said = [];
	page.on('console', m => m.type() === 'error' && page.said.push(m.text()));
	await page.goto(`http://localhost:${site.address().port}/`);
	return page;
}

const sharedUrl = () => new URL(process.env.CORRIDOR_SHARED_PAGE, url).href;

async function inFrame(context) {
	const page = await visitElsewhere(context, `<iframe src="${sharedUrl()}" width="1200" height="900"></iframe>`);
	const frame = await (await page.waitForSelector('iframe')).contentFrame();
	await frame.waitForSelector('h1');
	await settled(frame);
	return { page, frame };
}

test('a shared dashboard is shown in a frame of another site, with its numbers', { skip }, async () => {
	const context = await (await open()).newContext();
	const { page, frame } = await inFrame(context);
	assert.equal(await frame.locator('h1').textContent(), 'Monday round');
	assert.equal(await frame.locator('.board-tile').count(), 4);
	assert.ok((await frame.locator('.board-tile svg, .board-tile canvas').count()) > 0);
	assert.equal(await frame.locator('.failure').count(), 0);
	assert.deepEqual(page.said, []);
	assert.deepEqual(await context.cookies(url), []);
	await page.close();
	await context.close();
});

test('who is signed in is nobody in such a frame, and what it links to opens beside it', { skip }, async () => {
	// Cookies as they come where both sites belong to one: shop.example and corridor.shop.example.
	const context = await signedIn();
	const page = await context.newPage();
	const asked = [];
	page.on('request', r => r.url().includes('/api/') && asked.push(r));
	await page.goto(sharedUrl());
	await page.waitForSelector('.board-tile');
	await settled(page);
	assert.ok(asked.length > 3);
	for (const r of asked) assert.equal((await r.allHeaders())['x-share'], sharedUrl().split('/').pop(), r.url());
	assert.equal(await page.locator('nav[aria-label="Pages"]').count(), 0);
	await page.close();
	const { page: outer, frame } = await inFrame(context);
	const [beside] = await Promise.all([context.waitForEvent('page'), frame.locator('.board-tile h2 a').first().click()]);
	await beside.waitForSelector('nav[aria-label="Pages"]', { state: 'attached' });
	assert.match(new URL(beside.url()).pathname, /^\/journeys\//);
	assert.match(frame.url(), /\/shared\//);
	await outer.close();
	await context.close();
});

test('no other page is shown in a frame', { skip }, async () => {
	const context = await signedIn();
	for (const path of ['/', '/sign-in', '/settings/users', '/set-up/x']) {
		const page = await visitElsewhere(context, `<iframe src="${url}${path}"></iframe>`);
		await page.waitForFunction(() => document.readyState === 'complete');
		await page.waitForTimeout(300);
		assert.match(page.said.join('\n'), /frame-ancestors/, path);
		await page.close();
	}
	await context.close();
});

test('a form of another site signs nobody in', { skip }, async () => {
	const context = await (await open()).newContext();
	const cut = JSON.stringify({ email: process.env.CORRIDOR_EMAIL, password: process.env.CORRIDOR_PASSWORD, x: '' }).slice(0, -2).replaceAll('"', '&quot;');
	const page = await visitElsewhere(context, `<form method="post" enctype="text/plain" action="${url}/api/session"><input name="${cut}" value="&quot;}"></form>`);
	const [answer] = await Promise.all([page.waitForNavigation(), page.evaluate(() => document.forms[0].submit())]);
	assert.equal(answer.status(), 403);
	assert.deepEqual(await context.cookies(url), []);
	await page.close();
	await context.close();
});

test('beacons with JSON arrive, from a page whose visitor is signed in here as well', { skip }, async () => {
	const context = await signedIn();
	const csrf = (await (await context.request.get(`${url}/api/session`)).json()).csrf;
	const made = await context.request.post(`${url}/api/keys`, { headers: { 'X-CSRF-Token': csrf }, data: { kind: 'write', name: 'Beacons', source: 'beacons', origins: [] } });
	const { key } = await made.json();
	const page = await visitElsewhere(context, '');
	const send = () => page.evaluate(
		([to, writeKey]) => {
			const message = { writeKey, type: 'page', name: 'Home', anonymousId: 'visitor-1', messageId: 'beacon-1', timestamp: '2025-12-30T10:00:00Z' }; // within the year, as all data here
			navigator.sendBeacon(`${to}/v1/page`, new Blob([JSON.stringify(message)], { type: 'application/json' }));
			navigator.sendBeacon(`${to}/v1/batch`, new Blob([JSON.stringify({ writeKey, batch: [{ ...message, messageId: 'beacon-2' }] })], { type: 'text/plain' }));
		},
		[url, key],
	);
	const arrived = async () => {
		const { items } = await (await context.request.get(`${url}/api/sources`)).json();
		const s = items.find(i => i.name === 'beacons');
		return (s?.n ?? 0) + (s?.rejected ?? 0);
	};
	// A beacon is not told when it is to come again, as while another test publishes a corridor file.
	for (let i = 0; i < 100 && (await arrived()) < 2; i++) {
		if (i % 20 === 0) await send();
		await page.waitForTimeout(100);
	}
	assert.ok((await arrived()) >= 2, page.said.join('\n'));
	await page.close();
	await context.close();
});
