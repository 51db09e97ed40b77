// SPDX-License-Identifier: Apache-2.0
// Starts a server on a simulated year, in a data directory of its own, and runs the browser tests against it:
//   node run.mjs                     all tests; ends with "N passed, N failed"
//   node run.mjs pages keyboard      these
//   node run.mjs --pictures [NAME…]  the manual's pictures instead, into docs/pictures
//   node run.mjs --speed [PAGE…]     how long each page takes with five million interactions
//   node run.mjs --keep              only the server, until Ctrl-C; how to get in is printed
// CORRIDOR: the binary; CORRIDOR_BROWSER_PACKAGES: the folder with node_modules; CHROMIUM: the browser. Without one of
// them it says "skipped: …" and ends well. ./dev browser installs them.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromiumPath, here, packages } from './house.mjs';
import { corridor, House } from './server.mjs';

for (const path of [join(packages, 'node_modules', '.installed.json'), chromiumPath, corridor]) {
	if (existsSync(path)) continue;
	console.log(`skipped: ${path} is not there; ./dev browser installs what browser tests need`);
	process.exit(0);
}

if (Number(process.versions.node.split('.')[0]) < 20) {
	console.log(`skipped: browser tests need Node.js 20 or newer, this is ${process.version}`);
	process.exit(0);
}

const words = process.argv.slice(2);
const pictures = words[0] === '--pictures';
const keep = words[0] === '--keep';
const speed = words[0] === '--speed';
if (speed) process.env.PERSONS ??= '142700';
const named = words.filter(w => !w.startsWith('--'));
const files = pictures ? [] : readdirSync(here).filter(f => f.endsWith('.test.mjs') && (!named.length || named.some(n => f.startsWith(n))));

// Without the server that is tested everything fails, some of it after waiting: then all ends at once.
function node(args, env) {
	return new Promise(done => {
		const child = spawn(process.execPath, args, { cwd: here, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
		let out = '';
		child.stdout.on('data', text => {
			out += text;
			process.stdout.write(text);
		});
		child.on('exit', code => done({ code: code ?? 1, out }));
		void house.ended.then(how => {
			if (child.exitCode !== null || child.signalCode !== null) return;
			console.log(`the server ended by itself (${how})`);
			child.kill('SIGTERM');
		});
	});
}

const house = new House();
let failed = 1;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => void house.close().then(() => process.exit(1)));
try {
	const env = await house.open();
	if (keep) {
		console.log(`${env.CORRIDOR_URL} ${env.CORRIDOR_EMAIL} ${env.CORRIDOR_PASSWORD}`);
		await new Promise(() => undefined);
	} else if (speed) {
		failed = (await node(['speed.mjs', ...named], env)).code;
	} else if (pictures) {
		failed = (await node(['pictures.mjs', join(here, '../../docs/pictures'), ...named], env)).code;
	} else {
		const { code, out } = await node(['--test', '--test-concurrency=2', '--test-reporter=spec', ...files], env);
		const of = what => Number(new RegExp(`^ℹ ${what} (\\d+)$`, 'm').exec(out)?.[1] ?? 0);
		failed = of('fail') + of('cancelled') || code;
		if (of('pass') === 0) failed ||= 1;
		console.log(`${of('pass')} passed, ${failed} failed`);
	}
} catch (error) {
	console.error(error);
	console.log('0 passed, 1 failed');
} finally {
	await house.close();
}
process.exit(failed ? 1 : 0);
