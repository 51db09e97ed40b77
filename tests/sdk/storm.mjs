// SPDX-License-Identifier: Apache-2.0
// node tests/sdk/storm.mjs [EVENTS [KILLS]]: so many events through each of the Segment and the RudderStack SDK, unmodified,
// while the server is killed with SIGKILL and started again. Every event of which an SDK said that it was delivered
// must be there, once; none may be there twice or that nobody sent.
import assert from "node:assert/strict";
import { sdk, skipWithout, sleep, until, withServer } from "./kit.mjs";

skipWithout();
const events = Number(process.argv[2] ?? 100000);
const kills = Number(process.argv[3] ?? 20);

/** Sends all; `acknowledged` and `failed` hold the ids of which the SDK said so. Segment's SDK makes the ids itself. */
async function pour(sender, send) {
	let waiting = 0;
	let wake = () => {};
	for (let i = 0; i < events; i++) {
		const id = `${sender.name}-${i}`;
		waiting++;
		send({ userId: `${sender.name}-${i % 1000}`, event: "Storm", messageId: id, properties: { i } }, (err, done) => {
			(err ? sender.failed : sender.acknowledged).add(done?.event?.messageId ?? id);
			waiting--;
			wake();
		});
		if (waiting >= sender.inFlight) await new Promise((done) => (wake = () => waiting <= sender.goOn && done()));
	}
}

const sender = (name, inFlight, goOn) => ({ name, inFlight, goOn, acknowledged: new Set(), failed: new Set() });
// RudderStack's SDK writes out its whole queue with each event: several of them with short queues are quicker than one.
const RUDDERS = 4;
const segment = sender("segment", 1000, 500), rudder = sender("rudder", RUDDERS * 100, RUDDERS * 50);
const senders = [segment, rudder];
const told = () => senders.reduce((n, s) => n + s.acknowledged.size + s.failed.size, 0);

await withServer(async (server) => {
	const key = await server.key("storm");
	await server.start();
	const { Analytics } = sdk("@segment/analytics-node");
	const analytics = new Analytics({ writeKey: key, host: server.origin, flushAt: 100, flushInterval: 500,
		maxRetries: 20 });
	analytics.on("error", () => {});
	const Rudder = sdk("@rudderstack/rudder-sdk-node").default ?? sdk("@rudderstack/rudder-sdk-node");
	const rudders = Array.from({ length: RUDDERS }, () => new Rudder(key, { dataPlaneUrl: server.origin, flushAt: 50,
		flushInterval: 200, maxQueueSize: 1e6, maxInternalQueueSize: 1e6, retryCount: 10, logLevel: "none",
		errorHandler: () => {} }));
	let turn = 0;

	const started = Date.now();
	const pouring = Promise.all([
		pour(segment, (m, done) => analytics.track(m, done)),
		pour(rudder, (m, done) => rudders[Math.floor(turn++ / 50) % RUDDERS].track(m, done)),
	]);
	for (let k = 1; k <= kills; k++) {
		const mark = (2 * events * k) / (kills + 1);
		await until(() => told() >= mark, `${mark} events`, 600);
		await sleep(Math.random() * 200);
		assert.equal(await server.stop("SIGKILL"), "SIGKILL");
		await sleep(Math.random() * 400);
		await server.start();
	}
	await pouring;
	await analytics.closeAndFlush({ timeout: 600000 });
	for (const r of rudders) r.flush(() => {});
	await until(() => told() >= 2 * events, "the last callbacks", 600);
	const seconds = (Date.now() - started) / 1000;
	assert.equal(await server.stop(), 0, server.errors);

	const answer = await server.command("sql", "--format", "csv", "select id from interactions");
	const there = new Set();
	let twice = 0;
	for (const id of answer.trim().split(/\r?\n/).slice(1)) {
		if (there.has(id)) twice++;
		there.add(id);
	}
	for (const s of senders) {
		const missing = [...s.acknowledged].filter((id) => !there.has(id));
		console.log(`${s.name}: ${events} sent, ${s.acknowledged.size} acknowledged, ${s.failed.size} given up, ` +
			`${missing.length} acknowledged and missing`);
		assert.deepEqual(missing.slice(0, 5), []);
		assert.ok(s.acknowledged.size >= events * 0.99, `${s.name} delivered nearly all`);
	}
	assert.equal(twice, 0, "an event is there twice");
	const sent = (id) => senders.some((s) => s.acknowledged.has(id) || s.failed.has(id));
	assert.equal([...there].filter((id) => !sent(id)).length, 0, "an event that nobody sent is there");
	await server.command("verify");
	console.log(`${kills} kills in ${seconds.toFixed(1)} s, ${there.size} stored, each once; verify is clean`);
});
process.exit(0);
