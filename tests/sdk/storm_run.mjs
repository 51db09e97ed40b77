// SPDX-License-Identifier: Apache-2.0
// A storm of events through SDKs while the server is killed with SIGKILL and started again. Every event of which an SDK
// learned that it was delivered must be there, once; none may be there twice, or that nobody sent.
import assert from "node:assert/strict";
import { sleep, until, withServer } from "./kit.mjs";

/** Ids of messages as a sender learned of them; `sent`: those it gave away, where it does not tell which it gave up. */
export const sender = (name, more) => ({ name, acknowledged: new Set(), failed: new Set(), ...more });
const tried = (s, id) => s.acknowledged.has(id) || s.failed.has(id) || !!s.sent?.has(id);

/**
 * `start(server, key)` begins to send `events` of each sender and gives the promise that all is sent and the SDKs are
 * through with it. The kills are spread evenly over the acknowledged events.
 */
export async function storm({ senders, events, kills, start }) {
	const told = () => senders.reduce((n, s) => n + s.acknowledged.size + s.failed.size, 0);
	await withServer(async (server) => {
		const key = await server.key("storm");
		await server.start();
		const started = Date.now();
		let over = false;
		const pouring = start(server, key).finally(() => (over = true));
		pouring.catch(() => {}); // it is awaited below
		for (let k = 1; k <= kills && !over; k++) {
			const mark = (senders.length * events * k) / (kills + 1);
			await until(() => over || told() >= mark, `${mark} events`, 1800);
			await sleep(Math.random() * 200);
			assert.equal(await server.stop("SIGKILL"), "SIGKILL");
			await sleep(Math.random() * 400);
			await server.start();
		}
		await pouring;
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
			console.log(`${s.name}: ${events} sent, ${s.acknowledged.size} acknowledged, ` +
				`${events - s.acknowledged.size} given up, ${missing.length} acknowledged and missing`);
			assert.deepEqual(missing.slice(0, 5), []);
			assert.ok(s.acknowledged.size >= events * 0.99, `${s.name} delivered nearly all`);
		}
		assert.equal(twice, 0, "an event is there twice");
		assert.equal([...there].filter((id) => !senders.some((s) => tried(s, id))).length, 0,
			"an event that nobody sent is there");
		await server.command("verify");
		console.log(`${kills} kills in ${seconds.toFixed(1)} s, ${there.size} stored, each once; verify is clean`);
	});
}
