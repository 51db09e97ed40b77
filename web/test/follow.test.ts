// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

vi.mock('../src/base/live', () => ({ arrivals: { value: 0, peek: () => 0 } }));
vi.mock('../src/base/api', () => ({ renew: () => Promise.resolve() }));

const { Pacer, REST_MS, REST_TIMES } = await import('../src/base/follow');

let asked: number[];
let begin: number;
const after = (ms: number) => () => {
	asked.push(Date.now() - begin);
	return new Promise<void>(done => setTimeout(done, ms));
};

beforeEach(() => {
	vi.useFakeTimers();
	begin = Date.now();
	asked = [];
});
afterEach(() => vi.useRealTimers());

describe('what follows the live feed', () => {
	it('asks at once after quiet', async () => {
		const p = new Pacer(after(10));
		await vi.advanceTimersByTimeAsync(60_000);
		p.want();
		await vi.advanceTimersByTimeAsync(1);
		expect(asked).toEqual([60_000]);
	});
	it('rests after each answer, and asks once for all that came meanwhile', async () => {
		const p = new Pacer(after(10));
		for (let t = 0; t < 5000; t += 100) {
			p.want();
			await vi.advanceTimersByTimeAsync(100);
		}
		expect(asked).toEqual([0, REST_MS + 10, 2 * (REST_MS + 10)]);
		await vi.advanceTimersByTimeAsync(60_000);
		expect(asked.length).toBe(4);
	});
	it('rests longer after slow answers', async () => {
		const p = new Pacer(after(1000));
		p.want();
		await vi.advanceTimersByTimeAsync(500);
		p.want();
		await vi.advanceTimersByTimeAsync(20_000);
		expect(asked).toEqual([0, 1000 + 1000 * REST_TIMES]);
	});
	it('asks nothing while nobody looks, and what was wanted when somebody does', async () => {
		const p = new Pacer(after(10));
		p.want();
		p.hold(true);
		p.want();
		await vi.advanceTimersByTimeAsync(60_000);
		expect(asked).toEqual([]);
		p.hold(false);
		await vi.advanceTimersByTimeAsync(60_000);
		expect(asked).toEqual([60_000]);
	});
});
