// SPDX-License-Identifier: Apache-2.0
// Pictures of the pages for the manual: node pictures.mjs [FOLDER] [NAME…]; the address as for the tests.
import { mkdirSync } from 'node:fs';
import { close, pages, signedIn, visit } from './house.mjs';

const folder = process.argv[2] ?? '../../docs/pictures';
const only = process.argv.slice(3);
const look = { viewport: { width: 1440, height: 900 } };
const light = { ...look, colorScheme: 'light' };
const dark = { ...look, colorScheme: 'dark' };

const context = await signedIn(light);
const all = new Map(await pages(context));
await context.close();
const touchpoint = all.get('touch point').replace(/[^/]+$/, process.env.TOUCHPOINT ?? 'support-call');

const PICTURES = [
	['web-map', '/', light],
	['web-map-dark', '/', dark],
	['web-map-compared', '/?period=90d&vs=previous&lanes=none', light],
	['web-map-phone', '/', { viewport: { width: 390, height: 844 }, colorScheme: 'light' }],
	['web-wall', '/', { viewport: { width: 2560, height: 1440 }, colorScheme: 'dark' }],
	['web-touchpoint', touchpoint, light],
	['web-funnel', '/journeys/funnel', light],
	['web-paths', '/journeys/paths', light],
	['web-flow', '/journeys/flow', dark],
	['web-retention', '/journeys/retention', light],
	['web-gap', '/journeys/gap', light],
	['web-attribution', '/journeys/attribution', light],
	['web-customer', process.env.CUSTOMER ? `/customers/${encodeURIComponent(process.env.CUSTOMER)}` : all.get('customer'), dark],
	['web-interactions', '/interactions', light],
	['web-sql', '/sql', light],
	['web-import', '/import', light],
	['web-design', '/design', light],
	['web-dashboards', '/dashboards', light],
	['web-users', '/settings/users', light],
].filter(([name]) => !only.length || only.includes(name));

mkdirSync(folder, { recursive: true });
for (const [name, path, options] of PICTURES) {
	const c = await signedIn(options);
	const page = await visit(c, path);
	await page.screenshot({ path: `${folder}/${name}.png` });
	console.log(`${name}.png`);
	await c.close();
}
await close();
