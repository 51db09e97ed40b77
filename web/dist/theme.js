// SPDX-License-Identifier: Apache-2.0
// Before the first paint: the theme that the visitor chose here, if any. A file of its own because the page allows no
// inline script.
try {
	const theme = localStorage.getItem('theme');
	if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {}
