// SPDX-License-Identifier: Apache-2.0
// How long each page takes from the click to the drawn answer, on a corridor of about five million interactions:
//   ./dev browser --speed [PAGE…]     PERSONS=28500 for a million
// Each page is opened ROUNDS times in a browser that has the program already; the medians count: until nothing in the window
// waits for an answer, and until nothing on the whole page does. This is for looking at, on a machine that does nothing else;
// no test fails by it.
import { close, isOutside, pages, signedIn, url } from './house.mjs';

const ROUNDS = 5;

/** Analyses that do not answer before they are told something, and those that no page of the others shows. */
const MORE = [
	['funnel of three steps', '/journeys/funnel?step=invoice&step=support-call&step=complaint&window=60d&period=all'],
	['interval', '/journeys/interval?pair=promise&period=all'],
	['spread', '/journeys/spread?measure=wait&by=channel&period=all'],
	['sequence', `/journeys/sequence?pattern=${encodeURIComponent('invoice (support-call)+ within 30d complaint')}&period=all`],
	['effect', `/journeys/effect?after=${encodeURIComponent('csat <= 2')}&then=complaint&period=all`],
	['attribution of an order', '/journeys/attribution?conversion=order&period=all'],
	['gap, everything', '/journeys/gap?period=all'],
	['promises', '/journeys/promises?by=channel&period=all'],
	['volume', '/journeys/volume?period=all'],
	['frequency', '/journeys/frequency?period=all'],
	['stickiness', '/journeys/stickiness?period=all'],
	['quality', '/journeys/quality?period=all'],
	['retention, everything', '/journeys/retention?period=all'],
	['map, everything', '/?period=all'],
];

/** Has everything been drawn that is in the window, or on the whole page? */
const drawn = whole =>
	document.querySelector('h1') &&
	[...document.querySelectorAll('.loading, [aria-busy="true"], .boot, .plot:empty')].every(e => !whole && e.getBoundingClientRect().top >= innerHeight);

const middle = list => list.sort((a, b) => a - b)[list.length >> 1];
const only = process.argv.slice(2);

const context = await signedIn({ viewport: { width: 1440, height: 900 } });
const page = await context.newPage();
const facts = await (await context.request.get(`${url}/api/session`)).json();
console.log(`${facts.data.n.toLocaleString('en')} interactions; milliseconds, medians of ${ROUNDS}\n\n| page | window | whole page | longest |\n|---|---:|---:|---:|`);
let slow = 0;
for (const [title, path] of [...(await pages(context)).filter(([title]) => !isOutside(title)), ...MORE]) {
	if (only.length && !only.includes(title)) continue;
	const seen = [];
	const took = [];
	for (let i = 0; i <= ROUNDS; i++) {
		const start = performance.now();
		await page.goto(url + path, { waitUntil: 'commit' });
		await page.waitForFunction(drawn, false, { polling: 'raf', timeout: 60_000 });
		const first = performance.now() - start;
		await page.waitForFunction(drawn, true, { polling: 'raf', timeout: 60_000 });
		if (i === 0) continue; // the first round fetches the program
		seen.push(first);
		took.push(performance.now() - start);
	}
	const failure = await page.locator('.failure').count();
	const median = middle(took);
	slow += median >= 1000;
	console.log(`| ${title} | ${middle(seen).toFixed(0)} | ${median.toFixed(0)} | ${took.at(-1).toFixed(0)} |${failure ? ' FAILED' : ''}`);
}
console.log(`\n${slow} of them take a second or more`);
await close();
