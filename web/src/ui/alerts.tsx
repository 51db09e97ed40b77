// SPDX-License-Identifier: Apache-2.0
// What somebody should look at now at a touch point: the server's alerts, each in words.
import { design } from '../base/api';
import { title } from '../base/format';
import type { Alert, TouchPoint } from '../base/types';
import { Icon } from './icon';

const KINDS: Record<Alert['kind'], string> = { missed: 'Missed', share: 'Too few', worse: 'Worse', overdue: 'Overdue' };

export function alertTitle(a: Alert): string {
	return a.expectation ? `${KINDS[a.kind]}: ${title(a.expectation)}` : KINDS[a.kind];
}

/** On a card: how many, with the reasons for those who point at it. */
export function AlertCount({ alerts }: { alerts: Alert[] }) {
	if (!alerts.length) return null;
	return (
		<span class="alert-count" title={alerts.map(a => `${alertTitle(a)}: ${a.text}`).join('\n')}>
			<Icon name="warn" /> {alerts.length}
		</span>
	);
}

export function AlertList({ alerts, of }: { alerts: Alert[]; of: TouchPoint }) {
	const owner = design.value?.departments.includes(of.owner) ? of.owner : '';
	return (
		<ol class="alerts">
			{alerts.map(a => (
				<li key={`${a.kind}${a.expectation}`} class={`alert alert-${a.kind}`}>
					<Icon name="warn" />
					<p>
						<b>{alertTitle(a)}</b> <span>{a.text}.</span>
					</p>
					{owner && <span class="muted small alert-owner">{title(owner)}</span>}
				</li>
			))}
		</ol>
	);
}
