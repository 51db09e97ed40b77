// SPDX-License-Identifier: Apache-2.0
// Every page, light and dark, narrow and wide: no word on the console, no serious finding of axe-core, nothing wider
// than the screen, one h1, a title, the landmarks.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { axe, close, pages, signedIn, skip, visit } from './house.mjs';

after(close);

const LOOKS = [
	{ name: 'light 1440', viewport: { width: 1440, height: 900 }, colorScheme: 'light' },
	{ name: 'dark 360', viewport: { width: 360, height: 740 }, colorScheme: 'dark' },
	{ name: 'light 360', viewport: { width: 360, height: 740 }, colorScheme: 'light' },
	{ name: 'dark 2560', viewport: { width: 2560, height: 1440 }, colorScheme: 'dark' },
].filter(l => !process.env.LOOK || l.name.includes(process.env.LOOK));

for (const { name, ...look } of LOOKS) {
	test(name, { skip }, async t => {
		const context = await signedIn(look);
		for (const [title, path] of await pages(context)) {
			await t.test(title, async () => {
				const page = await visit(context, path);
				try {
					const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
					assert.ok(wide <= 0, `${wide} px wider than the screen`);
					assert.equal(await page.locator('h1').count(), 1);
					assert.match(await page.title(), /. · Corridor$/);
					assert.equal(await page.locator('main').count(), 1);
					assert.deepEqual(await axe(page), []);
					assert.deepEqual(page.said, []);
				} finally {
					await page.close();
				}
			});
		}
		await context.close();
	});
}
