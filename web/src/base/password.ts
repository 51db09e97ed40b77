// SPDX-License-Identifier: Apache-2.0
// What the server asks of a password, told before it is sent. The server decides; it takes the same characters composed.
export const SHORTEST = 10;
const LONGEST_BYTES = 1024;

export const PASSWORD_RULES = `At least ${SHORTEST} characters of any kind; not the e-mail address or the name, not one character again and again. A few words that do not belong together are best.`;

/** What is wrong with it, in words; null: nothing. */
export function passwordTrouble(password: string, who: { email: string; name: string }): string | null {
	const letters = [...password.normalize('NFC')];
	const low = password.toLowerCase();
	if (letters.length === 0) return 'Choose a password.';
	if (letters.length < SHORTEST) return `It has ${letters.length} character${letters.length === 1 ? '' : 's'}; at least ${SHORTEST} are needed.`;
	if (new TextEncoder().encode(password).length > LONGEST_BYTES) return `It is longer than ${LONGEST_BYTES} bytes.`;
	if (letters.every(c => c === letters[0])) return 'It is one character again and again.';
	if ([who.email, who.email.split('@')[0], who.name].some(x => x && x.toLowerCase() === low)) return 'It is the e-mail address or the name.';
	return null;
}

const BROWSERS: [RegExp, string][] = [
	[/\bEdg(?:e|A|iOS)?\//, 'Edge'],
	[/\bOPR\//, 'Opera'],
	[/\b(?:Firefox|FxiOS)\//, 'Firefox'],
	[/(?:Chrome|Chromium|CriOS)\//, 'Chrome'],
	[/\bSafari\//, 'Safari'],
];
const SYSTEMS: [RegExp, string][] = [
	[/\bAndroid\b/, 'Android'],
	[/\b(?:iPhone|iPad)\b/, 'iOS'],
	[/\bWindows\b/, 'Windows'],
	[/\bMac OS X\b/, 'macOS'],
	[/\bLinux\b/, 'Linux'],
];

/** "Firefox on Linux" of a User-Agent; what is no browser is told as it is. */
export function agentName(agent: string): string {
	const browser = BROWSERS.find(([like]) => like.test(agent))?.[1];
	const system = SYSTEMS.find(([like]) => like.test(agent))?.[1];
	if (browser) return system ? `${browser} on ${system}` : browser;
	return agent.split(' ')[0] || 'not told';
}
