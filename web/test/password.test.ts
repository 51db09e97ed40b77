// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { agentName, passwordTrouble } from '../src/base/password';

describe('passwords', () => {
	const kim = { email: 'kimberley.okafor@example.com', name: 'Kim Okafor-Lindqvist' };
	it('takes what the server takes', () => {
		expect(passwordTrouble('seven wet umbrellas', kim)).toBeNull();
		expect(passwordTrouble('ÄÖÜßäöüéèñ', kim)).toBeNull();
	});
	it('counts characters, not their parts', () => {
		expect(passwordTrouble('short', kim)).toMatch(/has 5 characters/);
		expect(passwordTrouble('a', kim)).toMatch(/has 1 character;/);
		expect(passwordTrouble('🌂'.repeat(4) + '🌧️', kim)).toMatch(/has 6 characters/);
		expect(passwordTrouble('e\u0301e\u0301e\u0301e\u0301e\u0301', kim)).toMatch(/has 5 characters/);
	});
	it('refuses what can be guessed', () => {
		expect(passwordTrouble('aaaaaaaaaaaa', kim)).toMatch(/again and again/);
		expect(passwordTrouble('KIMBERLEY.OKAFOR', kim)).toMatch(/e-mail address/);
		expect(passwordTrouble('kimberley.okafor@EXAMPLE.com', kim)).toMatch(/e-mail address/);
		expect(passwordTrouble('kim okafor-lindqvist', kim)).toMatch(/name/);
		expect(passwordTrouble('', kim)).toMatch(/Choose/);
		expect(passwordTrouble('x'.repeat(1024) + 'y', kim)).toMatch(/1024 bytes/);
	});
});

describe('browsers', () => {
	it('are told in two words', () => {
		expect(agentName('Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0')).toBe('Firefox on Linux');
		expect(agentName('Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0 Safari/537.36 Edg/138.0')).toBe('Edge on Windows');
		expect(agentName('Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1')).toBe('Safari on iOS');
		expect(agentName('curl/8.5.0')).toBe('curl/8.5.0');
		expect(agentName('')).toBe('not told');
	});
});
