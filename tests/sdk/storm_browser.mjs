// SPDX-License-Identifier: Apache-2.0
// node tests/sdk/storm_browser.mjs [EVENTS [KILLS]]: the same as storm.mjs through Segment's and RudderStack's SDKs for
// browsers, in pages of Chromium. These SDKs tell nobody what was delivered: what they learn is noted where they learn
// it, at the answers of fetch and XMLHttpRequest.
import { skipWithout } from "./kit.mjs";
import { chromium, loaded, openShop } from "./shop.mjs";
import { sender, storm } from "./storm_run.mjs";

skipWithout(chromium);
const events = Number(process.argv[2] ?? 100000);
const kills = Number(process.argv[3] ?? 20);
const PAGES = 2; // of each SDK, at a time
const CHUNK = Math.ceil(Math.min(5000, events / 4)); // a page sends so many events and is closed
const STORED = 20; // every so manieth page keeps its things where SDKs do, in cookies and storage: slow; the others in memory
const PATIENCE = 180; // seconds without an answer, after which what a page still waits for counts as given up

// Both SDKs do more with each event the longer what waits is: short batches and queues are quicker.
const senders = [
	sender("segment", { inFlight: 100, sent: new Set(), inMemory: { disableClientPersistence: true }, more: {
		integrations: { "Segment.io": { deliveryStrategy: { strategy: "batching", config: { size: 25, timeout: 300 } } } } } }),
	sender("rudder", { inFlight: 100, sent: new Set(), inMemory: { storage: { type: "memoryStorage" } }, more: {
		queueOptions: { maxItems: 1000, minRetryDelay: 500, maxRetryDelay: 4000,
			batch: { enabled: true, maxItems: 25, flushInterval: 300 } } } }),
];

/** In the page, before the SDK is there: notes the messages that it gives away, and those that were answered with 200. */
function listen(more) {
	window.more = more;
	window.waiting = new Set();
	window.answered = Date.now();
	const messages = (body) => {
		if (typeof body !== "string" || !body.includes('"Storm"')) return [];
		const parsed = JSON.parse(body);
		return (parsed.batch ?? [parsed]).filter((m) => m.event === "Storm");
	};
	const ids = (list) => list.map((m) => m.messageId);
	const settle = (list, status) => {
		if (list.length === 0 || status !== 200) return;
		window.answered = Date.now();
		for (const m of list) window.waiting.delete(m.properties.i);
		window.tell("acknowledged", ids(list));
	};
	const begin = (body) => {
		const list = messages(body);
		if (list.length) window.tell("sent", ids(list));
		return list;
	};
	const fetchAs = window.fetch;
	window.fetch = async (...given) => {
		const list = begin(given[1]?.body);
		const answer = await fetchAs(...given);
		settle(list, answer.status);
		return answer;
	};
	const sendAs = XMLHttpRequest.prototype.send;
	XMLHttpRequest.prototype.send = function (body) {
		const list = begin(body);
		this.addEventListener("load", () => settle(list, this.status));
		return sendAs.call(this, body);
	};
}

/** In the page: sends events `from` to `to`, and waits for the answers. */
async function pour([from, to, inFlight, patience]) {
	const patient = () => Date.now() - window.answered < patience * 1000;
	const room = async (most) => {
		while (window.waiting.size > most && patient()) await new Promise((done) => setTimeout(done, 5));
		if (!patient()) window.waiting.clear();
	};
	for (let i = from; i < to; i++) {
		if (window.waiting.size >= inFlight) await room(inFlight / 2);
		window.waiting.add(i);
		window.analytics.track("Storm", { i });
	}
	await room(0);
}

const opened = (page, url) => page.goto(url).then(() => loaded(page)).then(() => true, () => false);

/** Opens a page with the SDK of s, from which the k-th chunk of events is sent. */
async function sendChunk(shop, s, k) {
	const context = await shop.browser.newContext();
	const page = await context.newPage();
	await page.exposeFunction("tell", (what, ids) => ids.forEach((id) => s[what].add(id)));
	await page.addInitScript(listen, k % STORED ? { ...s.more, ...s.inMemory } : s.more);
	while (!(await opened(page, `${shop.origin}/${s.name}/start`))); // the SDK may load while the server is killed
	await page.evaluate(pour, [k * CHUNK, Math.min(events, (k + 1) * CHUNK), s.inFlight, PATIENCE]);
	await context.close();
}

async function start(server, key) {
	const shop = await openShop();
	shop.key = key;
	shop.server = server.origin;
	await Promise.all(senders.flatMap((s) => {
		let next = 0;
		return Array.from({ length: PAGES }, async () => {
			while (next * CHUNK < events) await sendChunk(shop, s, next++);
		});
	}));
	await shop.close();
}

await storm({ senders, events, kills, start });
process.exit(0);
