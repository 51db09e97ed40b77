// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { bandsOf } from '../src/base/bands';

const stages: Record<string, string[]> = { digital: ['buy', 'use'], centre: ['use'], person: ['find', 'use'], partner: ['get'], public: ['buy'] };
const bands = (lanes: string[]) => bandsOf(lanes.map(key => ({ key, name: key })), key => new Set(stages[key])).map(b => b.lanes.map(l => l.key));

describe('bands', () => {
	it('put a lane where none of its stages is taken, in the order of lanes', () => expect(bands(Object.keys(stages))).toEqual([['digital', 'partner'], ['centre', 'public'], ['person']]));
	it('keep lanes apart that share a stage', () => expect(bands(['digital', 'centre', 'person'])).toEqual([['digital'], ['centre'], ['person']]));
});
