// SPDX-License-Identifier: Apache-2.0
// The server that the browser tests look at: the simulated year 2025 of the built-in corridor, and what people leave behind
// (users, keys, a dashboard, a link, what could not be understood), so that no page is empty. The data are the same each
// time, and none are newer than the year, so that pages look the same whenever they are looked at.
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const here = dirname(fileURLToPath(import.meta.url));
export const corridor = resolve(process.env.CORRIDOR ?? join(here, '../../build/corridor'));

const EMAIL = 'ada@tidewater.example';
const PASSWORD = 'a quiet corridor by night';

const PEOPLE = [
	['Ben Okafor', 'ben@tidewater.example', 'manager', []],
	['Chiara Rossi', 'chiara@tidewater.example', 'owner', ['logistics']],
	['Dov Lindqvist', 'dov@tidewater.example', 'owner', ['billing', 'retention']],
	['Esra Yıldız', 'esra@tidewater.example', 'agent', []],
	['Finn Murphy', 'finn@tidewater.example', 'viewer', []],
];

const BOARDS = [
	['Monday round', [
		['Kept and broken', '/journeys/gap?period=90d'],
		['From invoice to complaint', '/journeys/funnel?step=invoice&step=support-call&step=complaint&window=60d&period=12m'],
		['Who comes back', '/journeys/retention?bucket=month&show=curve&period=12m'],
		['Promises by channel', '/journeys/promises?by=channel&period=12m'],
	]],
	['Billing', [['Invoice by month', '/journeys/scores?by=month&score=csat&where=touchpoint%20%3D%20invoice']]],
];

const HOOK = `mapping: 1
source: desk
format: ndjson
interactions:
  event: "{type}"
  id: "{id}"
  customer: {user: "{user}"}
  at: "{time}"
  channel: email
`;

/** A small corridor, for servers that have nothing at first. */
export const SHOP = `corridor: 1
brand: Bright Shop
timezone: UTC
touchpoints:
  website:
    stage: discovery
    match: [{event: Page Viewed}]
  checkout:
    stage: purchase
    match: [{event: Order Completed}]
    expect: {happy: {measure: csat, at least: 4}}
`;

export class House {
	dir = mkdtempSync(join(tmpdir(), 'corridor-browser-'));
	child = null;

	/** Environment of the tests. */
	async open() {
		const data = join(this.dir, 'data');
		const password = join(this.dir, 'password');
		writeFileSync(password, `${PASSWORD}\n`);
		await run(corridor, ['simulate', '--data', data, '--persons', process.env.PERSONS ?? '4000', '--seed', '7', '--start', '2025-01-01', '--quiet']);
		await run(corridor, ['user', 'add', '--data', data, '--quiet', '--name', 'Ada Brandt', '--role', 'administrator', '--password-file', password, EMAIL]);
		this.url = await this.start(data);
		await this.furnish();
		return { CORRIDOR_URL: this.url, CORRIDOR_EMAIL: EMAIL, CORRIDOR_PASSWORD: PASSWORD, CORRIDOR_SHARED_PAGE: this.shared, CORRIDOR_WRITE_KEY: this.key };
	}

	/** A server that has nothing yet but this corridor, an administrator and a key to send with. */
	async openEmpty(design) {
		const data = join(this.dir, 'data');
		const file = join(this.dir, 'corridor.yaml');
		const password = join(this.dir, 'password');
		writeFileSync(file, design);
		writeFileSync(password, `${PASSWORD}\n`);
		await run(corridor, ['init', '--data', data, '--design', file, '--quiet']);
		await run(corridor, ['user', 'add', '--data', data, '--quiet', '--name', 'Ada Brandt', '--role', 'administrator', '--password-file', password, EMAIL]);
		this.url = await this.start(data);
		this.csrf = (await this.ask('POST', '/api/session', { email: EMAIL, password: PASSWORD })).csrf;
		this.key = (await this.ask('POST', '/api/keys', { kind: 'write', name: 'Shop', source: 'shop', origins: [] })).key;
	}

	/** The administrator's session in a browser's context. */
	async signIn(context) {
		const [name, value] = this.cookie.split('=');
		await context.addCookies([{ name, value, url: this.url }]);
		return context;
	}

	start(data) {
		return new Promise((done, fail) => {
			const child = spawn(corridor, ['serve', '--data', data, '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'inherit'] });
			this.child = child;
			this.ended = new Promise(over => child.once('exit', (code, signal) => over(signal ?? code)));
			let out = '';
			child.stdout.on('data', text => {
				const found = /http:\/\/127\.0\.0\.1:\d+/.exec((out += text));
				if (found) done(found[0]);
			});
			child.once('exit', code => fail(new Error(`the server ended (${code}) before it listened`)));
		});
	}

	async ask(method, path, body) {
		const answer = await fetch(this.url + path, {
			method,
			headers: { 'Content-Type': 'application/json', ...(this.cookie ? { Cookie: this.cookie, 'X-CSRF-Token': this.csrf } : {}) },
			body: body === undefined ? undefined : JSON.stringify(body),
		});
		const text = await answer.text();
		if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
		this.cookie ??= answer.headers.get('set-cookie')?.split(';')[0];
		return text ? JSON.parse(text) : null;
	}

	async furnish() {
		this.csrf = (await this.ask('POST', '/api/session', { email: EMAIL, password: PASSWORD })).csrf;
		for (const [name, email, role, departments] of PEOPLE) await this.ask('POST', '/api/users', { name, email, role, departments });
		await this.import();
		const boards = [];
		for (const [title, tiles] of BOARDS) boards.push(await this.ask('POST', '/api/dashboards', { title, tiles: tiles.map(([t, view]) => ({ title: t, view })) }));
		this.shared = (await this.ask('POST', '/api/shares', { path: `/dashboards/${boards[0].id}`, title: boards[0].title, days: 30 })).url;
		await this.ask('POST', '/api/keys', { kind: 'write', name: 'App, Android', source: 'app', origins: [] });
		await this.ask('POST', '/api/keys', { kind: 'api', name: 'Nightly figures', rights: 'look,ask' });
		this.key = (await this.ask('POST', '/api/keys', { kind: 'write', name: 'Shop, web', source: 'shop', origins: ['https://shop.tidewater.example'] })).key;
		for (const [name, style] of [['helpdesk', 'zendesk'], ['parcels', 'standard']]) await this.ask('POST', '/api/hooks', { name, style, mapping: HOOK });
		// One that the corridor file does not fit and one without anybody in it: both end in quarantine.
		const events = [{ specversion: '1.0', id: 'q-1', source: '/desk', type: 'Ticket', subject: 'u-17', channel: 'fax', time: '2025-12-30T09:12:00Z', data: {} }];
		const head = { Authorization: `Basic ${Buffer.from(`${this.key}:`).toString('base64')}` };
		await fetch(`${this.url}/events`, { method: 'POST', headers: { ...head, 'Content-Type': 'application/cloudevents-batch+json' }, body: JSON.stringify(events) });
		await fetch(`${this.url}/v1/batch`, { method: 'POST', headers: { ...head, 'Content-Type': 'application/json' }, body: JSON.stringify({ batch: [{ type: 'track', event: 'Basket Left', messageId: 'q-2' }] }) });
	}

	/** A file, with one row that is not understood. */
	async import() {
		const rows = [1, 2, 3, 4, 5].map(i => `s-${i},c000000${i},2025-12-3${i % 2}T10:0${i}:00Z,Survey Answered,${i}`);
		const sent = await fetch(`${this.url}/api/import/files?name=answers.csv`, {
			method: 'POST',
			headers: { Cookie: this.cookie, 'X-CSRF-Token': this.csrf },
			body: ['id,customer,at,event,csat', ...rows, 's-6,c0000006,soon,Survey Answered,4', ''].join('\n'),
		});
		const measures = 'measures: {csat: "{csat}"}';
		const mapping = `mapping: 1\nsource: survey\nformat: csv\ninteractions:\n  event: "{event}"\n  id: "{id}"\n  customer: {customer: "{customer}"}\n  at: "{at}"\n  channel: email\n  ${measures}\n`;
		const { job } = await this.ask('POST', '/api/import', { file: (await sent.json()).file, mapping });
		while (['queued', 'running'].includes((await this.ask('GET', `/api/import/jobs/${job}`)).state)) await new Promise(done => setTimeout(done, 50));
	}

	async close() {
		if (this.child && this.child.exitCode === null) {
			this.child.kill('SIGTERM');
			await this.ended;
		}
		rmSync(this.dir, { recursive: true, force: true });
	}
}
