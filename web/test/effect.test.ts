// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { effect } from '../src/base/effect';

it('says what a change of the corridor file means for the past', () => {
	expect(effect({ rescored: 34866 })).toBe('scores 34,866 past interactions anew');
	expect(effect({ rescored: 0 })).toBe('scores 0 past interactions anew');
	expect(effect({ unscored: 1 })).toBe('no longer scores 1 past interaction');
	expect(effect({ carried: 1 })).toBe('1 past interaction carries it');
	expect(effect({ carried: 2 })).toBe('2 past interactions carry it');
	expect(effect({})).toBeNull();
});
