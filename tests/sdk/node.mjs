// SPDX-License-Identifier: Apache-2.0
// The SDKs of servers, as npm has them: every kind of message, batches, people who become known, wrong clocks, refusals,
// restarts and answers that get lost. What an SDK said to be delivered is there once, as it was meant.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fates, sdk, shiftClock, skipWithout, sleep, troubledWay, until, withServer } from "./kit.mjs";

skipWithout();
const HOUR = 3600000;
const ORDERED = new Date("2026-03-29T12:30:00.000Z");
const near = (ms, expected) => assert.ok(Math.abs(ms - expected) < 300000, `${new Date(ms).toISOString()}`);
const of = (rows, event) => {
	const found = rows.filter((r) => r.event === event);
	assert.equal(found.length, 1, `${event} is there ${found.length} times`);
	return found[0];
};
const properties = { revenue: 39.95, currency: "EUR", product: "fibre", nested: { list: [1, "Ä🙂"] } };

function checkOrder(row, source, at = ORDERED.getTime()) {
	assert.equal(row.at_ms, at);
	assert.equal(row.amount, 3995);
	assert.equal(row.product, "fibre");
	assert.equal(row.touchpoint, "order");
	assert.equal(row.channel, "api");
	assert.equal(row.source, source);
	assert.deepEqual(row.properties.nested, properties.nested);
}

/** Six kinds of messages of a visitor who signs in, in Segment's form; send(kind, message) delivers. */
async function life(send, { screen = true } = {}) {
	await send("page", { anonymousId: "visitor-1", name: "Start", properties: { path: "/start" } });
	if (screen) await send("screen", { anonymousId: "visitor-1", name: "Tariffs", properties: {} });
	await send("identify", { anonymousId: "visitor-1", userId: "u-1", traits: { email: "Ann@Example.com" } });
	await send("track", { userId: "u-1", event: "Order Completed", timestamp: ORDERED, properties });
	await send("group", { userId: "u-1", groupId: "house-9", traits: { size: 4 } });
	await send("alias", { previousId: "old-1", userId: "u-1" });
	await send("track", { userId: "old-1", event: "Long Ago", properties: {} });
}

/** What life() must have left. */
async function checkLife(server, source, { screen = true } = {}) {
	const rows = await server.interactions();
	const kinds = ["Page Viewed", "User Identified", "Order Completed", "Group Identified", "Alias Made", "Long Ago"];
	if (screen) kinds.push("Screen Viewed");
	assert.deepEqual(rows.map((r) => r.event).sort(), kinds.sort());
	checkOrder(of(rows, "Order Completed"), source);
	assert.equal(of(rows, "Page Viewed").properties.name, "Start");
	assert.equal(of(rows, "User Identified").properties.traits.email, "Ann@Example.com");
	assert.equal(of(rows, "Group Identified").properties.groupId, "house-9");
	for (const row of rows.filter((r) => r.event !== "Order Completed")) near(row.at_ms, Date.now());
	assert.equal(await server.command("quarantine", "list"), "The quarantine is empty.\n");
	// The visitor, the user and who it was before are one: the story shows all of it.
	for (const identity of ["user:u-1", "anonymous:visitor-1", "user:old-1"])
		await until(async () => (await server.story(identity)).length === rows.length, `the story of ${identity}`, 15);
	assert.equal((await server.sql("select count(distinct person) as n from interactions"))[0].n, 1);
}

/** send(name, done): sends an event with that name; done(err) when the SDK knows. Through refusals and restarts. */
async function troubles(server, way, start) {
	const names = [], told = [];
	let pending = 0;
	const send = start(way.origin);
	const one = (name) => {
		names.push(name);
		pending++;
		send(name, (err) => {
			pending--;
			told.push([name, err ?? null]);
		});
	};
	const settled = () => until(() => pending === 0, "the SDK's word", 90);
	for (const name of ["lost", "refused", "too much", "usual"]) {
		one(name);
		await settled();
	}
	await server.refuse(true); // now the server itself says 503
	one("full disk");
	await sleep(600);
	await server.refuse(false);
	await settled();
	assert.equal(await server.stop(), 0, server.errors);
	one("stopped");
	await sleep(400);
	await server.start();
	await settled();
	assert.equal(await server.stop("SIGKILL"), "SIGKILL");
	one("killed");
	await server.start();
	await settled();
	assert.deepEqual(told.filter(([, err]) => err), []);
	for (const what of ["lose", 503, 429, "503"]) assert.ok(way.met.has(what), `${what} was met`);
	const rows = await server.interactions();
	assert.deepEqual(rows.map((r) => r.event).sort(), names.sort());
	assert.equal(await server.stop(), 0);
	await server.command("verify");
}

// --- Segment ---

function segment(origin, key, more = {}) {
	const { Analytics } = sdk("@segment/analytics-node");
	const analytics = new Analytics({ writeKey: key, host: origin, flushAt: 1, ...more });
	analytics.on("error", () => {});
	return analytics;
}
const promised = (call) => new Promise((done, fail) => call((err, what) => (err ? fail(err) : done(what))));

test("Segment for Node.js: every kind of message", () => withServer(async (server) => {
	const key = await server.key("shop");
	await server.start();
	const analytics = segment(server.origin, key);
	await life((kind, m) => promised((done) => analytics[kind](m, done)));
	await checkLife(server, "shop");
}));

test("Segment for Node.js: batches, a clock that is two hours fast", () => withServer(async (server) => {
	const key = await server.key("shop");
	await server.start();
	const back = shiftClock(2 * HOUR);
	const analytics = segment(server.origin, key, { flushAt: 50 });
	const ids = new Set();
	for (let i = 0; i < 230; i++)
		analytics.track({ userId: `u-${i % 7}`, event: "Tick", properties: { i } }, (err, c) => err || ids.add(c.event.messageId));
	await analytics.closeAndFlush();
	back();
	const rows = await server.interactions();
	assert.equal(ids.size, 230);
	assert.deepEqual(new Set(rows.map((r) => r.id)), ids);
	assert.deepEqual(rows.map((r) => r.properties.i).sort((a, b) => a - b), [...Array(230).keys()]);
	assert.equal(new Set(rows.map((r) => r.person)).size, 7);
	for (const row of rows) near(row.at_ms, Date.now());
}));

test("Segment for Node.js: lost answers, refusals, restarts", () => withServer(async (server) => {
	const key = await server.key("shop");
	await server.start();
	const way = await troubledWay(server, fates("lose", 503, 429));
	await troubles(server, way, (origin) => {
		const analytics = segment(origin, key);
		return (event, done) => analytics.track({ userId: "u-1", event }, done);
	});
	way.close();
}));

// --- RudderStack ---

function rudder(origin, key, more = {}) {
	const Rudder = sdk("@rudderstack/rudder-sdk-node");
	return new (Rudder.default ?? Rudder)(key, { dataPlaneUrl: origin, flushAt: 1, logLevel: "none",
		errorHandler: () => {}, ...more });
}

test("RudderStack for Node.js: every kind of message", () => withServer(async (server) => {
	const key = await server.key("shop");
	await server.start();
	const client = rudder(server.origin, key);
	await life((kind, m) => promised((done) => client[kind](m, done)));
	await checkLife(server, "shop");
}));

test("RudderStack for Node.js: batches, a clock that is two hours slow", () => withServer(async (server) => {
	const key = await server.key("shop");
	await server.start();
	const back = shiftClock(-2 * HOUR);
	const client = rudder(server.origin, key, { flushAt: 20, flushInterval: 100 });
	let told = 0;
	for (let i = 0; i < 90; i++)
		client.track({ userId: `u-${i % 7}`, event: "Tick", messageId: `tick-${i}`, properties: { i } }, (err) => (told += !err));
	await until(() => told === 90, "all callbacks");
	back();
	const rows = await server.interactions();
	assert.deepEqual(rows.map((r) => r.id).sort(), [...Array(90).keys()].map((i) => `tick-${i}`).sort());
	for (const row of rows) near(row.at_ms, Date.now());
}));

test("RudderStack for Node.js: lost answers, refusals, restarts", () => withServer(async (server) => {
	const key = await server.key("shop");
	await server.start();
	const way = await troubledWay(server, fates("lose", 503, 429));
	await troubles(server, way, (origin) => {
		const client = rudder(origin, key, { retryCount: 10 });
		return (event, done) => client.track({ userId: "u-1", event }, done);
	});
	way.close();
}));

// --- Jitsu ---

test("Jitsu for Node.js: every kind of message", () => withServer(async (server) => {
	const key = await server.key("shop");
	await server.start();
	const { jitsuAnalytics } = sdk("@jitsu/js");
	for (const s2s of [true, false]) {
		const jitsu = jitsuAnalytics({ host: server.origin, writeKey: `${key}:server`, s2s, fetch });
		const user = `u-${s2s}`;
		await jitsu.page("Start", { path: "/start" });
		await jitsu.identify(user, { email: `${user}@example.com` });
		await jitsu.group(`house-${s2s}`, { size: 4 });
		await jitsu.track("Order Completed", { ...properties, s2s });
		jitsu.reset(); // who it was is kept for the whole process
		await until(async () => (await server.story(`user:${user}`).catch(() => [])).length === 4, `the story of ${user}`, 15);
	}
	const rows = await server.interactions();
	assert.deepEqual(rows.map((r) => r.event).sort(), ["Group Identified", "Order Completed", "Page Viewed", "User Identified"]
		.flatMap((name) => [name, name]));
	const order = rows.find((r) => r.event === "Order Completed" && r.properties.s2s);
	near(order.at_ms, Date.now());
	checkOrder(order, "shop", order.at_ms);
}));

// --- PostHog ---

function posthog(origin, key, more = {}) {
	const { PostHog } = sdk("posthog-node");
	return new PostHog(key, { host: origin, flushAt: 1, fetchRetryDelay: 100, fetchRetryCount: 20, ...more });
}

test("PostHog for Node.js: capture, identify, alias, group", () => withServer(async (server) => {
	const key = await server.key("shop");
	await server.start();
	const client = posthog(server.origin, key, { flushAt: 20 });
	client.capture({ distinctId: "visitor-1", event: "$pageview", properties: { $current_url: "https://shop.example/start" } });
	client.alias({ distinctId: "u-1", alias: "visitor-1" });
	client.identify({ distinctId: "u-1", properties: { email: "ann@example.com" } });
	client.capture({ distinctId: "u-1", event: "Order Completed", timestamp: ORDERED, properties, groups: { house: "9" } });
	client.groupIdentify({ groupType: "house", groupKey: "9", properties: { size: 4 } });
	await client.shutdown();
	const rows = await server.interactions();
	assert.deepEqual(rows.map((r) => r.event).sort(),
		["Alias Made", "Group Identified", "Order Completed", "Page Viewed", "User Identified"]);
	checkOrder(of(rows, "Order Completed"), "shop");
	await until(async () => (await server.story("user:u-1")).includes("Page Viewed"), "the visitor in the user's story", 15);
}));

test("PostHog for Node.js: lost answers, refusals, restarts", () => withServer(async (server) => {
	const key = await server.key("shop");
	await server.start();
	const way = await troubledWay(server, fates("lose", 503, 429));
	await troubles(server, way, (origin) => {
		const client = posthog(origin, key);
		return (event, done) => {
			client.capture({ distinctId: "u-1", event, properties: {} });
			client.flush().then(() => done(), done);
		};
	});
	way.close();
}));

// --- Snowplow ---

function snowplow(origin, key, more = {}) {
	const { newTracker } = sdk("@snowplow/node-tracker");
	return newTracker({ namespace: "shop", appId: "shop", encodeBase64: false },
		{ endpoint: origin, bufferSize: 1, customHeaders: { "X-Write-Key": key }, ...more });
}

test("Snowplow for Node.js: page views, structured and self-describing events, POST and GET", () => withServer(async (server) => {
	const key = await server.key("shop");
	await server.start();
	const { buildPageView, buildScreenView, buildSelfDescribingEvent, buildStructEvent } = sdk("@snowplow/node-tracker");
	for (const eventMethod of ["post", "get"]) {
		let delivered = 0;
		const tracker = snowplow(server.origin, key, { eventMethod, onRequestSuccess: (events) => (delivered += events.length) });
		tracker.setUserId(`u-${eventMethod}`);
		tracker.track(buildPageView({ pageUrl: "https://shop.example/start", pageTitle: "Start" }));
		tracker.track(buildScreenView({ id: "s1", name: "Tariffs" }));
		tracker.track(buildStructEvent({ category: "shop", action: "Basket Filled", label: "l", value: 3 }));
		tracker.track(buildSelfDescribingEvent({ event: { schema: "iglu:com.example/order/jsonschema/1-0-0", data: properties } }),
			undefined, { type: "dtm", value: Date.now() - HOUR });
		await until(() => delivered === 4, "all four delivered");
		const story = await server.story(`user:u-${eventMethod}`);
		assert.deepEqual(story.sort(), ["Basket Filled", "Page Viewed", "Screen Viewed", "order"]);
	}
	const rows = (await server.interactions()).filter((r) => r.event === "order");
	assert.equal(rows.length, 2);
	for (const row of rows) {
		near(row.at_ms, Date.now() - HOUR);
		checkOrder(row, "shop", row.at_ms);
	}
}));

test("Snowplow for Node.js: what was refused comes with the next events", () => withServer(async (server) => {
	const key = await server.key("shop");
	await server.start();
	const way = await troubledWay(server, fates("lose", 503));
	const { buildStructEvent } = sdk("@snowplow/node-tracker");
	const delivered = [];
	const tracker = snowplow(way.origin, key, {
		onRequestSuccess: (events) => delivered.push(...events.map((e) => e.eid ?? e.evt?.eid)) });
	tracker.setUserId("u-1");
	for (let i = 0; i < 5; i++) {
		tracker.track(buildStructEvent({ category: "shop", action: `Step ${i}` }));
		await sleep(400);
	}
	await until(() => delivered.length >= 5, "all delivered");
	const rows = await server.interactions();
	assert.deepEqual(rows.map((r) => r.event), [0, 1, 2, 3, 4].map((i) => `Step ${i}`));
	assert.ok(way.met.has("lose") && way.met.has(503));
	way.close();
}));

// --- CloudEvents ---

test("CloudEvents for Node.js: binary, structured, and a batch", () => withServer(async (server) => {
	const key = await server.key("shop");
	await server.start();
	const { CloudEvent, HTTP, httpTransport, emitterFor, Mode } = sdk("cloudevents");
	const event = (id) => new CloudEvent({ id, type: "Order Completed", source: "/shop", subject: "u-1", time: ORDERED.toISOString(),
		data: properties });
	const headers = { Authorization: `Bearer ${key}` };
	for (const mode of [Mode.BINARY, Mode.STRUCTURED]) {
		const emit = emitterFor(httpTransport(`${server.origin}/events`), { mode });
		await emit(event(`1-${mode}`), { headers });
		await emit(event(`1-${mode}`), { headers }); // again
	}
	const batch = [event("1-batch"), event("2-batch")];
	const answer = await fetch(`${server.origin}/events`, { method: "POST", body: JSON.stringify(batch),
		headers: { ...headers, "content-type": "application/cloudevents-batch+json" } });
	assert.equal(answer.status, 200);
	assert.ok(HTTP);
	const rows = await server.interactions();
	assert.deepEqual(rows.map((r) => r.id).sort(), ["/shop#1-batch", "/shop#1-binary", "/shop#1-structured", "/shop#2-batch"]);
	for (const row of rows) {
		assert.equal(row.at_ms, ORDERED.getTime());
		assert.equal(row.amount, 3995);
		assert.deepEqual(row.properties.nested, properties.nested);
	}
	assert.deepEqual(await server.story("user:u-1"), rows.map(() => "Order Completed"));
}));

test("a key that is unknown is refused and nothing is stored", () => withServer(async (server) => {
	await server.start();
	const analytics = segment(server.origin, "cw_nobody");
	await assert.rejects(promised((done) => analytics.track({ userId: "u-1", event: "Tick" }, done)));
	assert.deepEqual(await server.interactions(), []);
}));
