// SPDX-License-Identifier: Apache-2.0
// Who it was, where that may be seen: everybody with the right, heads of departments at their own touch points.
import { may, session } from '../base/api';
import { touchpointOf } from '../base/question';
import { to } from '../base/router';
import type { Interaction } from '../base/types';

export function CustomerLink({ of }: { of: Interaction }) {
	const name = of.customer ?? of.person;
	return name ? <a href={to(`/customers/${encodeURIComponent(name)}`)}>{name}</a> : <span class="muted">–</span>;
}

/** May texts and customers of this touch point be seen? The server decides for itself. */
export function seesPersons(touchpoint: string): boolean {
	const user = session.value?.user;
	if (!may('persons')) return false;
	return user?.role !== 'owner' || (user.departments ?? []).includes(touchpointOf(touchpoint)?.owner ?? '');
}
