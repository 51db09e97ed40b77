// SPDX-License-Identifier: Apache-2.0
// npm_locked.mjs LOCK INSTALLED: is every package that npm installed the one that the lock names, by version and checksum?
// INSTALLED is npm's own list, node_modules/.package-lock.json.
import { readFileSync } from 'node:fs';

const [locked, installed] = process.argv.slice(2).map(name => JSON.parse(readFileSync(name, 'utf8')).packages);
let wrong = 0;
for (const [place, it] of Object.entries(installed)) {
	const wanted = locked[place];
	if (place === '' || (wanted?.version === it.version && wanted.integrity === it.integrity)) continue;
	console.error(`${place} is ${it.version}, and not ${wanted ? `${wanted.version} with the checksum of the lock` : 'in the lock'}`);
	wrong++;
}
// Only packages for other systems may be missing.
for (const [place, it] of Object.entries(locked))
	if (place !== '' && !installed[place] && !it.optional) {
		console.error(`${place} ${it.version} is not installed`);
		wrong++;
	}
if (wrong) console.error('remove the folder node_modules and install again');
process.exit(wrong ? 1 : 0);
