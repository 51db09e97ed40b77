// SPDX-License-Identifier: Apache-2.0
// Pictures of the pages for the manual: node run.mjs --pictures [NAME…]. ALL=FOLDER takes every page of the tests in four looks
// into a folder instead, to be looked at.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { close, isOutside, open, pages, settled, signedIn, url, visit } from './house.mjs';

const folder = process.env.ALL ?? process.argv[2];
const only = process.argv.slice(3);
const desk = { viewport: { width: 1440, height: 900 } };
const light = { ...desk, colorScheme: 'light' };
const dark = { ...desk, colorScheme: 'dark' };
const phone = { viewport: { width: 390, height: 844 }, colorScheme: 'light' };
const wall = { viewport: { width: 2560, height: 1440 }, colorScheme: 'dark' };

const context = await signedIn(light);
const at = new Map(await pages(context));
const full = { whole: true };

// [name, path, look, what else]
const PICTURES = [
	['map', '/', light, { live: true }],
	['map-dark', '/', dark, { live: true }],
	['map-compared', '/?period=90d&vs=previous&lanes=none', light],
	['map-table', '/?show=table', light],
	['map-phone', '/', phone],
	['wall', '/', wall, { live: true }],
	['why', '/', light, { press: '.why' }],
	['touchpoint', at.get('touch point'), light],
	['touchpoint-whole', at.get('touch point'), light, full],
	['touchpoint-phone', at.get('touch point'), { ...phone, colorScheme: 'dark' }],
	['funnel', '/journeys/funnel?step=invoice&step=support-call&step=complaint&window=60d&times=true', light],
	['paths', '/journeys/paths', light],
	['flow', '/journeys/flow', dark],
	['retention', '/journeys/retention', light],
	['conformance', '/journeys/conformance', light],
	['attribution', '/journeys/attribution', light],
	['gap', '/journeys/gap', light],
	['over-time', '/journeys/scores?by=month&score=csat', light],
	['lifecycle', '/journeys/lifecycle', dark],
	['customers', '/customers?q=1234', light],
	['customer', at.get('customer'), dark],
	['interactions', '/interactions', light],
	['sql', '/sql', light, { press: 'button.primary' }],
	['import', '/import', light],
	['design', '/design', light],
	['dashboards', '/dashboards', light],
	['dashboard', '/dashboards/1', light],
	['shared', at.get('shared'), light],
	['users', '/settings/users', light],
	['keys', '/settings/keys', light],
	['hooks', '/settings/hooks', light],
	['sources', '/settings/sources', light],
	['shares', '/settings/shares', light],
	['audit', '/settings/audit', light],
	['account', '/settings/account', light],
	['sign-in', '/sign-in', light],
	['set-up', '/set-up/a-token', dark, { first: true }],
].filter(([name]) => !only.length || only.includes(name));

const LIVE = [
	['App Session Ended', 'app'], ['Payment Made', 'web'], ['Call Ended', 'phone'], ['App Session Ended', 'app'], ['Page Viewed', 'web'],
	['Chat Ended', 'chat'], ['Order Placed', 'app'], ['Page Viewed', 'web'],
];
let sent = 0;

/** Some interactions arrive while the page is open. */
async function arrive() {
	for (const [event, channel] of LIVE) {
		const at = new Date(Date.UTC(2025, 11, 31, 16, 30, ++sent)).toISOString();
		await fetch(`${url}/api/interactions`, {
			method: 'POST',
			headers: { 'Content-Type': 'application/json', Authorization: `Basic ${Buffer.from(`${process.env.CORRIDOR_WRITE_KEY}:`).toString('base64')}` },
			body: JSON.stringify({ id: `live-${sent}`, customer: { user: `u-${100 + sent}` }, at, event, channel }),
		});
		await new Promise(done => setTimeout(done, 250));
	}
}

async function shoot(name, path, look, { whole = false, live = false, press = null, first = false } = {}) {
	const c = isOutside(name.slice(4).replace('-', ' ')) ? await (await open()).newContext({ ...look, reducedMotion: 'reduce' }) : await signedIn(look);
	if (first) {
		// As on a server that nobody has set up.
		await c.route('**/api/session', async route => route.fulfill({ json: { ...(await (await route.fetch()).json()), setup: true } }));
		await c.route('**/api/setup/check', route => route.fulfill({ json: {} }));
	}
	const page = await visit(c, path);
	if (path.split('?')[0] === '/') await page.waitForTimeout(1500); // the first counts
	if (live) await arrive();
	if (press) {
		await page.locator(press).first().click();
		await settled(page);
	}
	const file = `${folder}/${name}.png`;
	await page.screenshot({ path: file, fullPage: whole });
	await c.close();
	return file;
}

/** Fewer colours: a third of the bytes. */
function pack(file) {
	try {
		execFileSync('pngquant', ['--force', '--skip-if-larger', '--speed', '1', '--quality', '80-100', '--output', file, file]);
	} catch (error) {
		if (error.code !== 'ENOENT' && error.status !== 98 && error.status !== 99) throw error;
	}
}

mkdirSync(folder, { recursive: true });
if (process.env.ALL) {
	for (const [title, path] of at) {
		if (only.length && !only.includes(title.replaceAll(' ', '-'))) continue;
		for (const [name, look] of [['360', { viewport: { width: 360, height: 740 } }], ['2560', { viewport: { width: 2560, height: 1440 } }]])
			for (const colorScheme of ['light', 'dark']) {
				const c = isOutside(title) ? await (await open()).newContext({ ...look, colorScheme, reducedMotion: 'reduce' }) : await signedIn({ ...look, colorScheme });
				const page = await visit(c, path);
				await page.screenshot({ path: `${folder}/${title.replaceAll(' ', '-')}-${name}-${colorScheme}.png`, fullPage: true });
				await c.close();
			}
		console.log(title);
	}
} else {
	for (const [name, path, look, more] of PICTURES) {
		pack(await shoot(`web-${name}`, path, look, more));
		console.log(`web-${name}.png`);
	}
}
await context.close();
await close();
