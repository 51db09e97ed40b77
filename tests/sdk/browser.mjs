// SPDX-License-Identifier: Apache-2.0
// The SDKs of browsers, as npm has them, in Chromium: a page of another origin loads the SDK, which loads its settings
// from the server. Every kind of message, visitors who become known, pages that are left, refusals and restarts,
// a wrong clock, an origin that may not.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { skipWithout, sleep, until, withServer } from "./kit.mjs";
import { chromium, loaded, openShop } from "./shop.mjs";

skipWithout(chromium);
const HOUR = 3600000;
const near = (ms, expected) => assert.ok(Math.abs(ms - expected) < 300000, `${new Date(ms).toISOString()}`);
const properties = { revenue: 39.95, currency: "EUR", product: "fibre", nested: { list: [1, "Ä🙂"] } };

let shop, page;

before(async () => (shop = await openShop()));
after(() => shop?.close());

/** A visitor's browser with a page that has the SDK; more: the SDK's options. */
async function visit(server, name, { more, clock = 0, options = [] } = {}) {
	shop.key = await server.key("shop", ...options);
	await server.start();
	shop.server = server.origin;
	await page?.context().close();
	const problems = [];
	page = await (await shop.browser.newContext()).newPage();
	page.problems = problems;
	page.on("console", (m) => m.type() === "error" && problems.push(m.text()));
	page.on("requestfailed", (r) => problems.push(`${r.url()}: ${r.failure()?.errorText}`));
	page.on("pageerror", (e) => problems.push(String(e)));
	if (process.env.CORRIDOR_SDK_SHOW)
		page.on("response", (r) => console.error(r.request().method(), r.url(), r.status(), r.request().postData() ?? ""));
	await page.addInitScript(({ more, clock }) => {
		window.more = more;
		const RealDate = Date;
		if (clock)
			window.Date = class extends RealDate {
				constructor(...given) {
					if (given.length) super(...given);
					else super(RealDate.now() + clock);
				}
				static now() {
					return RealDate.now() + clock;
				}
			};
	}, { more, clock });
	await open(name);
}

async function open(name) {
	await page.goto(`${shop.origin}/${name}/start?utm_source=mail&utm_campaign=autumn`);
	await loaded(page).catch((err) => {
		throw new Error(`${err.message}\n${page.problems.join("\n")}`);
	});
}

const call = (kind, ...given) => page.evaluate(([kind, given]) => void window.analytics[kind](...given), [kind, given]);
const stored = async (server, n) => {
	await until(async () => (await server.sql("select count(*) as n from interactions"))[0].n >= n, `${n} interactions`, 60);
	await sleep(300); // nothing more may come
	return server.interactions();
};
const events = (rows) => rows.map((r) => r.event).sort();

/** A visitor looks, signs in and orders; the story of the user must begin with the visitor's page. */
async function life(server, { alias = true } = {}) {
	await call("page", "Shop", "Start", { step: 1 });
	await stored(server, 1);
	await call("identify", "u-1", { email: "ann@example.com" });
	await call("track", "Order Completed", properties);
	await call("group", "house-9", { size: 4 });
	if (alias) await call("alias", "u-1", "old-1");
	const expected = ["Group Identified", "Order Completed", "Page Viewed", "User Identified"];
	if (alias) expected.push("Alias Made");
	const rows = await stored(server, expected.length);
	assert.deepEqual(events(rows), expected.sort());
	for (const row of rows) {
		near(row.at_ms, Date.now());
		assert.equal(row.channel, "web");
		assert.equal(row.source, "shop");
		assert.equal(row.properties.context?.campaign?.source ?? "mail", "mail");
	}
	const order = rows.find((r) => r.event === "Order Completed");
	assert.equal(order.amount, 3995);
	assert.equal(order.product, "fibre");
	assert.deepEqual(order.properties.nested, properties.nested);
	await until(async () => (await server.story("user:u-1")).length === rows.length, "one story", 15);
	assert.equal((await server.story("user:u-1"))[0], "Page Viewed");
	assert.equal(await server.command("quarantine", "list"), "The quarantine is empty.\n");
	assert.deepEqual(page.problems, []);
}

/** Events while the server refuses (its disk is full), is stopped, and is killed: all arrive, once. */
async function troubles(server) {
	await server.refuse(true);
	await call("track", "full disk", {});
	await sleep(1000);
	await server.refuse(false);
	await stored(server, 1);
	assert.equal(await server.stop(), 0, server.errors);
	await call("track", "stopped", {});
	await sleep(700);
	await server.start();
	await stored(server, 2);
	await server.stop("SIGKILL");
	await call("track", "killed", {});
	await sleep(300);
	await server.start();
	assert.deepEqual(events(await stored(server, 3)), ["full disk", "killed", "stopped"]);
}

test("Segment in Chromium: every kind of message", () => withServer(async (server) => {
	await visit(server, "segment");
	await life(server);
	await call("screen", "Tariffs", {});
	assert.ok(events(await stored(server, 6)).includes("Screen Viewed"));
}));

test("Segment in Chromium: batches, a page that is left, a clock that is two hours fast", () => withServer(async (server) => {
	await visit(server, "segment", { clock: 2 * HOUR,
		more: { integrations: { "Segment.io": { deliveryStrategy: { strategy: "batching", config: { size: 10, timeout: 60000 } } } } } });
	await page.evaluate(() => { for (let i = 0; i < 34; i++) window.analytics.track("Tick", { i }); });
	await stored(server, 10); // what is left is sent when the page is left
	await page.goto(`${shop.origin}/bye`);
	const rows = await stored(server, 34);
	assert.deepEqual(rows.map((r) => r.properties.i).sort((a, b) => a - b), [...Array(34).keys()]);
	for (const row of rows) near(row.at_ms, Date.now());
}));

test("Segment in Chromium: refusals and restarts", () => withServer(async (server) => {
	await visit(server, "segment");
	await troubles(server);
}));

test("RudderStack in Chromium: every kind of message", () => withServer(async (server) => {
	await visit(server, "rudder");
	await life(server);
}));

test("RudderStack in Chromium: a beacon when the page is left, a clock that is two hours slow", () => withServer(async (server) => {
	await visit(server, "rudder", { clock: -2 * HOUR,
		more: { useBeacon: true, beaconQueueOptions: { maxItems: 100, flushQueueInterval: 600000 } } });
	await page.evaluate(() => { for (let i = 0; i < 7; i++) window.analytics.track("Tick", { i }); });
	await sleep(500);
	await page.goto(`${shop.origin}/bye`);
	const rows = await stored(server, 7);
	assert.deepEqual(rows.map((r) => r.properties.i).sort(), [0, 1, 2, 3, 4, 5, 6]);
	for (const row of rows) near(row.at_ms, Date.now());
}));

test("RudderStack in Chromium: refusals and restarts", () => withServer(async (server) => {
	await visit(server, "rudder");
	await troubles(server);
}));

test("Jitsu in Chromium: every kind of message", () => withServer(async (server) => {
	await visit(server, "jitsu");
	await life(server, { alias: false });
}));

test("a page of an origin that the key does not name is refused", () => withServer(async (server) => {
	await visit(server, "segment", { options: ["--origin", "https://shop.example"] });
	await call("track", "Tick", {});
	await sleep(2000);
	assert.deepEqual(await server.interactions(), []);
	assert.ok(page.problems.some((p) => p.includes("401")), page.problems.join("\n"));
}));
