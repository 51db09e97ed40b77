// SPDX-License-Identifier: Apache-2.0
// node tests/sdk/storm.mjs [EVENTS [KILLS]]: so many events through each of Segment's and RudderStack's SDKs for servers,
// unmodified, while the server is killed and started again; see storm_run.mjs.
import { sdk, skipWithout, until } from "./kit.mjs";
import { sender, storm } from "./storm_run.mjs";

skipWithout();
const events = Number(process.argv[2] ?? 100000);
const kills = Number(process.argv[3] ?? 20);

/** Sends all; `acknowledged` and `failed` hold the ids of which the SDK said so. Segment's SDK makes the ids itself. */
async function pour(to, send) {
	let waiting = 0;
	let wake = () => {};
	for (let i = 0; i < events; i++) {
		const id = `${to.name}-${i}`;
		waiting++;
		send({ userId: `${to.name}-${i % 1000}`, event: "Storm", messageId: id, properties: { i } }, (err, done) => {
			(err ? to.failed : to.acknowledged).add(done?.event?.messageId ?? id);
			waiting--;
			wake();
		});
		if (waiting >= to.inFlight) await new Promise((done) => (wake = () => waiting <= to.goOn && done()));
	}
}

// RudderStack's SDK writes out its whole queue with each event: several of them with short queues are quicker than one.
const RUDDERS = 4;
const segment = sender("segment", { inFlight: 1000, goOn: 500 });
const rudder = sender("rudder", { inFlight: RUDDERS * 100, goOn: RUDDERS * 50 });
const senders = [segment, rudder];

async function start(server, key) {
	const { Analytics } = sdk("@segment/analytics-node");
	const analytics = new Analytics({ writeKey: key, host: server.origin, flushAt: 100, flushInterval: 500,
		maxRetries: 20 });
	analytics.on("error", () => {});
	const Rudder = sdk("@rudderstack/rudder-sdk-node").default ?? sdk("@rudderstack/rudder-sdk-node");
	const rudders = Array.from({ length: RUDDERS }, () => new Rudder(key, { dataPlaneUrl: server.origin, flushAt: 50,
		flushInterval: 200, maxQueueSize: 1e6, maxInternalQueueSize: 1e6, retryCount: 10, logLevel: "none",
		errorHandler: () => {} }));
	let turn = 0;
	await Promise.all([
		pour(segment, (m, done) => analytics.track(m, done)),
		pour(rudder, (m, done) => rudders[Math.floor(turn++ / 50) % RUDDERS].track(m, done)),
	]);
	await analytics.closeAndFlush({ timeout: 600000 });
	for (const r of rudders) r.flush(() => {});
	const told = () => senders.reduce((n, s) => n + s.acknowledged.size + s.failed.size, 0);
	await until(() => told() >= 2 * events, "the last callbacks", 600);
}

await storm({ senders, events, kills, start });
process.exit(0);
