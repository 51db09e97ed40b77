// SPDX-License-Identifier: Apache-2.0
// What the tests of SDKs share: where the packages are, a server in a data directory of its own that can be stopped,
// killed, made to refuse and started again on its port, a way to the server on which answers get lost, and questions.
import { spawn, execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, request } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const here = dirname(fileURLToPath(import.meta.url));

export const packages = resolve(process.env.CORRIDOR_SDK_PACKAGES ?? join(here, "../../build/sdk"));
export const corridor = resolve(process.env.CORRIDOR ?? join(here, "../../build/corridor"));

/** Ends the process, as passed, when what the test needs is not installed. */
export function skipWithout(...paths) {
	for (const path of [join(packages, "node_modules"), ...paths]) {
		if (existsSync(path)) continue;
		console.log(`skipped: ${path} is not there; ./dev sdk installs it`);
		process.exit(0);
	}
}

const need = createRequire(join(packages, "package.json"));
/** An SDK as its package exports it to CommonJS. */
export const sdk = (name) => need(name);
export const packageFile = (path) => join(packages, "node_modules", path);

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Waits until `what` gives something; fails with `name` after `seconds`. */
export async function until(what, name, seconds = 60) {
	for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(50)) {
		const found = await what();
		if (found) return found;
	}
	throw new Error(`waited ${seconds} s for ${name}`);
}

/** From now on everybody in this process thinks it is `ms` later; the function given back ends that. */
export function shiftClock(ms) {
	const RealDate = globalThis.Date;
	globalThis.Date = class extends RealDate {
		constructor(...given) {
			if (given.length) super(...given);
			else super(RealDate.now() + ms);
		}
		static now() {
			return RealDate.now() + ms;
		}
	};
	return () => (globalThis.Date = RealDate);
}

export class Server {
	constructor() {
		this.dir = mkdtempSync(join(process.env.CORRIDOR_SDK_TMP ?? tmpdir(), "corridor-sdk-"));
		this.port = 0;
		this.errors = "";
	}

	async init() {
		await run(corridor, ["init", "--data", this.dir, "--design", join(here, "corridor.yaml")]);
	}

	async key(source, ...more) {
		const { stdout } = await run(corridor, [
			"key", "add", source, "--source", source, ...more, "--data", this.dir, "--format", "json"]);
		return JSON.parse(stdout).key;
	}

	get origin() {
		return `http://127.0.0.1:${this.port}`;
	}

	/** The shell's trap makes a file that is too large an error of the write, as a full disk is, see refuse(). */
	async start(...more) {
		const args = ["serve", "--data", this.dir, "--listen", `127.0.0.1:${this.port}`, ...more];
		this.child = spawn("/bin/sh", ["-c", 'trap "" XFSZ; exec "$0" "$@"', corridor, ...args],
			{ stdio: ["ignore", "pipe", "pipe"] });
		const child = this.child;
		this.ended = new Promise((done) => child.once("exit", (code, signal) => done(signal ?? code)));
		child.stderr.on("data", (text) => (this.errors += text));
		let out = "";
		await new Promise((done, fail) => {
			child.stdout.on("data", (text) => {
				const found = /http:\/\/127\.0\.0\.1:(\d+)\n/.exec((out += text));
				if (!found) return;
				this.port = Number(found[1]);
				done();
			});
			child.once("exit", (code) => fail(new Error(`the server ended (${code}): ${this.errors}`)));
		});
	}

	/** How it ended: 0, or the name of a signal. */
	async stop(signal = "SIGTERM") {
		this.child.kill(signal);
		return this.ended;
	}

	/** The disk is "full" until refuse(false): the server answers 503 to what it cannot make durable. */
	async refuse(on) {
		await run("prlimit", [`--fsize=${on ? 0 : "unlimited"}:unlimited`, "--pid", String(this.child.pid)]);
	}

	async command(...args) {
		const { stdout } = await run(corridor, [...args, "--data", this.dir], { maxBuffer: 1 << 30 });
		return stdout;
	}

	/** Rows as objects. */
	async sql(text) {
		return JSON.parse(await this.command("sql", "--format", "json", text)).rows;
	}

	async interactions(where = "1") {
		const rows = await this.sql(`select * from interactions where ${where} order by at_ms, id`);
		return rows.map((row) => ({ ...row, properties: row.properties ? JSON.parse(row.properties) : {} }));
	}

	/** The events of one customer's story, in order. */
	async story(identity) {
		const answer = await this.command("query", "journey", "--customer", identity, "--format", "json");
		return JSON.parse(answer).rows.map((row) => row.event);
	}

	remove() {
		rmSync(this.dir, { recursive: true, force: true });
	}
}

/** Runs `body` with a server; cleans up whatever happens. */
export async function withServer(body) {
	const server = new Server();
	try {
		await server.init();
		await body(server);
		if (server.errors.includes("Sanitizer")) throw new Error(server.errors);
	} finally {
		if (server.child?.exitCode === null && server.child.signalCode === null) await server.stop("SIGKILL");
		server.remove();
	}
}

/**
 * A way to the server on which things happen to POSTs: `fate()` says for each what becomes of it: "pass"; "lose" (the
 * server takes it, its answer never arrives); or a status with which it is answered instead.
 */
export async function troubledWay(server, fate) {
	const met = new Set(); // fates, and statuses of the server's own answers as texts
	const proxy = createServer((incoming, outgoing) => {
		const what = incoming.method === "POST" ? fate() : "pass";
		met.add(what);
		if (typeof what === "number") {
			incoming.resume();
			outgoing.writeHead(what, { "Retry-After": "1", "Access-Control-Allow-Origin": "*",
				"Access-Control-Expose-Headers": "Retry-After" });
			outgoing.end();
			return;
		}
		const forwarded = request({ host: "127.0.0.1", port: server.port, method: incoming.method,
			path: incoming.url, headers: incoming.headers }, (answer) => {
			met.add(String(answer.statusCode));
			if (what === "lose") {
				answer.resume();
				answer.on("end", () => outgoing.socket.destroy());
				return;
			}
			outgoing.writeHead(answer.statusCode, answer.rawHeaders);
			answer.pipe(outgoing);
		});
		forwarded.on("error", () => outgoing.socket?.destroy());
		incoming.pipe(forwarded);
	});
	await new Promise((done) => proxy.listen(0, "127.0.0.1", done));
	return {
		met,
		origin: `http://127.0.0.1:${proxy.address().port}`,
		close: () => {
			proxy.closeAllConnections();
			proxy.close();
		},
	};
}

/** A fate for troubledWay: what is listed, one after the other, then everything passes. */
export const fates = (...list) => () => list.shift() ?? "pass";
