// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { bandsOf } from '../src/base/bands';

const stages: Record<string, string[]> = { digital: ['buy', 'use'], centre: ['use'], person: ['find', 'get'], partner: ['get'], public: ['find'], street: ['leave'] };
const bands = (lanes: string[]) => bandsOf(lanes.map(key => ({ key, name: key })), key => new Set(stages[key])).map(b => b.lanes.map(l => l.key));

describe('bands', () => {
	it('put a lane of one stage where that is free, in the order of lanes', () => expect(bands(['digital', 'centre', 'partner'])).toEqual([['digital', 'partner'], ['centre']]));
	it('keep lanes apart that share a stage', () => expect(bands(['person', 'partner'])).toEqual([['person'], ['partner']]));
	it('give a lane of several stages a band of its own', () => expect(bands(['digital', 'person'])).toEqual([['digital'], ['person']]));
	it('have no more guests than stages of their own', () => expect(bands(['digital', 'partner', 'public', 'street'])).toEqual([['digital', 'partner', 'public'], ['street']]));
});
