// SPDX-License-Identifier: Apache-2.0
// What all browser tests share: the address, one Chromium, a signed-in context, and the pages there are.
//   CORRIDOR_URL       address of a running server, http://127.0.0.1:8080 …; without it the tests are skipped
//   CORRIDOR_LINK      a one-time sign-in link (its path), or
//   CORRIDOR_EMAIL, CORRIDOR_PASSWORD
//   CHROMIUM           path of the browser, /usr/bin/chromium when left out
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const here = dirname(fileURLToPath(import.meta.url));
export const packages = resolve(process.env.CORRIDOR_BROWSER_PACKAGES ?? join(here, '../../build/browser'));
export const chromiumPath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const need = createRequire(join(packages, 'package.json'));

export const url = process.env.CORRIDOR_URL?.replace(/\/$/, '');
export const skip = url ? false : 'skipped: CORRIDOR_URL is not set';

let axeSource = null;
let browser = null;
let state = null;

export async function open() {
	// Chromium's own sandbox cannot be had inside another one.
	browser ??= await need('playwright-core').chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox', '--disable-gpu'] });
	return browser;
}

export async function close() {
	await browser?.close();
	browser = null;
}

/** A context of its own, signed in; options as Playwright's. Animations are off. */
export async function signedIn(options = {}) {
	const b = await open();
	if (!state) {
		const first = await b.newContext({ reducedMotion: 'reduce' });
		const page = await first.newPage();
		if (process.env.CORRIDOR_LINK) await page.goto(url + new URL(process.env.CORRIDOR_LINK, url).pathname);
		else {
			await page.goto(`${url}/`);
			await page.waitForSelector('h1');
			if (new URL(page.url()).pathname === '/sign-in') {
				await page.getByLabel('E-mail').fill(process.env.CORRIDOR_EMAIL ?? '');
				await page.getByLabel('Password').fill(process.env.CORRIDOR_PASSWORD ?? '');
				await page.keyboard.press('Enter');
			}
		}
		await page.waitForSelector('nav[aria-label="Pages"]', { timeout: 30_000, state: 'attached' });
		state = await first.storageState();
		await first.close();
	}
	return b.newContext({ reducedMotion: 'reduce', ...options, storageState: state });
}

/** Opens a page of the site and collects what the console says against it. */
export async function visit(context, path, ready = 'h1') {
	const page = await context.newPage();
	page.said = [];
	page.on('console', m => ['error', 'warning'].includes(m.type()) && page.said.push(m.text()));
	page.on('pageerror', e => page.said.push(String(e)));
	await page.goto(url + path);
	await page.waitForSelector(ready, { timeout: 30_000 });
	await settled(page);
	return page;
}

/** Nothing is loading any more. */
export async function settled(page) {
	await page.waitForFunction(() => !document.querySelector('.loading, [aria-busy="true"], .boot, .plot:empty'), null, { timeout: 60_000 });
	await page.waitForTimeout(150);
}

/** Findings of axe-core (WCAG 2.2 A and AA, best practices) that are serious or critical; or all of only these rules. */
export async function axe(page, rules = null) {
	// The page's policy allows no inline script; the test's own goes in beside it.
	axeSource ??= readFileSync(need.resolve('axe-core/axe.min.js'), 'utf8');
	if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axeSource);
	const found = await page.evaluate(async only => {
		const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
		const r = await globalThis.axe.run(document, { runOnly: only ? { type: 'rule', values: only } : { type: 'tag', values: tags }, resultTypes: ['violations'] });
		return r.violations.filter(v => only || ['serious', 'critical'].includes(v.impact)).map(v => `${v.id}: ${v.nodes.slice(0, 3).map(n => `${n.target} ${n.any.concat(n.all).map(x => x.message).join('; ').slice(0, 160)}`).join(' | ')}`);
	}, rules);
	return found;
}

export const PAGES = [
	['map', '/'],
	['map as a table', '/?show=table'],
	['map compared', '/?vs=previous&period=90d'],
	['touch point', null], // the first of the corridor
	['funnel', '/journeys/funnel'],
	['paths', '/journeys/paths'],
	['flow', '/journeys/flow'],
	['matrix', '/journeys/flow?view=matrix&ends=true'],
	['retention', '/journeys/retention'],
	['conformance', '/journeys/conformance'],
	['attribution', '/journeys/attribution'],
	['gap', '/journeys/gap'],
	['over time', '/journeys/scores?by=month&score=csat'],
	['lifecycle', '/journeys/lifecycle'],
	['customers', '/customers'],
	['customer', null], // the first that is found
	['interactions', '/interactions'],
	['SQL', '/sql'],
	['import', '/import'],
	['design', '/design'],
	['dashboards', '/dashboards'],
	['dashboard', '/dashboards/1'],
	['users', '/settings/users'],
	['keys', '/settings/keys'],
	['hooks', '/settings/hooks'],
	['sources', '/settings/sources'],
	['shares', '/settings/shares'],
	['audit', '/settings/audit'],
	['account', '/settings/account'],
	['not found', '/no/such/page'],
	['shared', null], // a link without an account, in a context of its own
	['sign in', '/sign-in'],
	['set up', '/set-up/a-token'],
];

/** Are these pages for those who are not signed in? */
export const isOutside = title => ['shared', 'sign in', 'set up'].includes(title);

/** The paths of all pages, with those filled in that depend on the data. */
export async function pages(context) {
	const get = async path => (await context.request.get(url + path)).json();
	const design = await get('/api/design');
	// Somebody who complained has a story worth reading.
	const some = await get(`/api/interactions?limit=1&where=${encodeURIComponent('touchpoint = complaint')}`);
	const customer = some.items?.[0]?.customer ?? some.items?.[0]?.person ?? 'user:nobody';
	const paths = {
		customer: `/customers/${encodeURIComponent(customer)}`,
		'touch point': `/touchpoint/${(design.touchpoints.find(t => t.key === 'complaint') ?? design.touchpoints[0]).key}`,
		shared: process.env.CORRIDOR_SHARED_PAGE,
	};
	return PAGES.map(([name, path]) => [name, path ?? paths[name]]).filter(([, path]) => path);
}
