// SPDX-License-Identifier: Apache-2.0
// Start: session first, then the page of the address. Pages other than the map come in chunks of their own.
import './style/tokens.css';
import './style/base.css';
import './style/parts.css';
import './style/controls.css';
import './style/tables.css';
import './style/states.css';
import './style/map.css';
import './style/charts.css';
import './style/pages.css';
import './style/print.css';
import { render } from 'preact';
import { App, expectPage } from './app';
import { loadSession, session } from './base/api';
import { listenKeys } from './base/keys';
import { catchLinks } from './base/router';

catchLinks();
listenKeys();
expectPage();

const root = document.getElementById('app') as HTMLElement;
loadSession()
	.catch(() => (session.value = { user: null, csrf: '', setup: false, brand: 'Corridor', timezone: 'UTC', currency: 'EUR', version: '' }))
	.finally(() => {
		root.textContent = '';
		render(<App />, root);
	});
