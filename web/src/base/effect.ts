// SPDX-License-Identifier: Apache-2.0
// What a change of the corridor file means for what has happened, in words; the numbers are the server's.
import { many } from './format';

export interface Effect {
	rescored?: number;
	unscored?: number;
	carried?: number;
}

/** "scores 34,866 past interactions anew"; null: the change scores nothing. */
export function effect(e: Effect): string | null {
	const past = 'past interaction';
	if (e.rescored !== undefined) return `scores ${many(e.rescored, past)} anew`;
	if (e.unscored !== undefined) return `no longer scores ${many(e.unscored, past)}`;
	if (e.carried !== undefined) return `${many(e.carried, past)} ${e.carried === 1 ? 'carries' : 'carry'} it`;
	return null;
}
