// SPDX-License-Identifier: Apache-2.0
// The map while nothing at all has arrived: how something can, as far as one may see to it. It goes by itself with the first
// interaction.
import { may, session } from '../base/api';
import { connected, failed } from '../base/live';
import { to } from '../base/router';
import { Copy } from '../ui/copy';

export function FirstSteps() {
	const call = `curl -u KEY: ${location.origin}/v1/track \\\n  -H 'Content-Type: application/json' \\\n  -d '{"event": "Order Placed", "userId": "u-1"}'`;
	const [send, load, report, design] = ['keys', 'import', 'settings', 'design'].map(may);
	const any = send || load || report;
	return (
		<section class="first panel" aria-label="First steps">
			<header>
				<h2>Nothing has arrived yet</h2>
				<p>
					{any
						? 'Below is the corridor as it is designed, still without customers. There are several ways to let them in.'
						: 'Below is the corridor as it is designed, still without customers. Managers import files, administrators make the keys that pages and systems send with; there is nothing for you to do.'}
				</p>
				<p class="first-listens muted" role="status">
					<i class={`first-live ${connected.value ? 'on' : ''}`} aria-hidden="true" />
					{connected.value ? 'This page listens: the first interaction appears here by itself.' : failed.value ? 'Not connected: what arrives is seen when the server can be reached again.' : 'Connecting…'}
				</p>
			</header>
			{any && (
				<ol class="first-ways">
					{send && (
						<li class="wide">
							<h3>Pages, apps and servers send</h3>
							<p>
								Make a write key, and point the SDK that you have already at <code>{location.origin}</code>: Segment, RudderStack, Jitsu, PostHog, Snowplow or CloudEvents (docs/tracking.md). Or try by hand:
							</p>
							<div class="once">
								<code>{call}</code>
								<Copy text={call} what="the command" />
							</div>
							<a class="button primary" href={to('/settings/keys')}>
								Make a write key
							</a>
						</li>
					)}
					{load && (
						<li>
							<h3>A file is imported</h3>
							<p>CSV, NDJSON or XES of what has happened so far. What the columns are is guessed, shown and yours to mend before anything is stored.</p>
							<a class="button" href={to('/import')}>
								Import a file
							</a>
						</li>
					)}
					{report && (
						<li>
							<h3>Systems report</h3>
							<p>Help desks, shops, couriers and telephone systems call a webhook; a mapping makes interactions of what they say.</p>
							<a class="button" href={to('/settings/hooks')}>
								Make a webhook
							</a>
						</li>
					)}
					{design && (
						<li>
							<h3>The corridor is yours</h3>
							<p>Stages, touch points and what customers may expect of them are in one file, version by version. Changed later, it judges the past anew.</p>
							<a class="button" href={to('/design')}>
								Open the corridor file
							</a>
						</li>
					)}
					<li class="wide">
						<h3>Only look around</h3>
						<p>On the command line a simulated year of {session.value?.brand === 'Tidewater Telecom' ? 'Tidewater Telecom' : 'a telephone company'} is made in a data directory of its own:</p>
						<div class="once">
							<code>{'corridor simulate --data try\ncorridor serve --data try --listen 127.0.0.1:8090'}</code>
							<Copy text={'corridor simulate --data try && corridor serve --data try --listen 127.0.0.1:8090'} what="the commands" />
						</div>
					</li>
				</ol>
			)}
		</section>
	);
}
