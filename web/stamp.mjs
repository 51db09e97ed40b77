// SPDX-License-Identifier: Apache-2.0
// Writes dist.sum: the checksum of the sources that dist/ was built from. tools/web_assets.py check computes the same without
// Node.js, so a stale dist/ is found by the tests of every build.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const files = ['index.html', 'package-lock.json', 'package.json', 'tsconfig.json', 'vite.config.ts'];
for (const folder of ['src', 'public']) {
	for (const f of readdirSync(folder, { recursive: true, withFileTypes: true })) {
		if (f.isFile()) files.push(`${f.parentPath ?? f.path}/${f.name}`);
	}
}
const all = createHash('sha256');
for (const f of files.sort()) all.update(`${createHash('sha256').update(readFileSync(f)).digest('hex')}  ${f}\n`);
writeFileSync('dist.sum', `${all.digest('hex')}\n`);
