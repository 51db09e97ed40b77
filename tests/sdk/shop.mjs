// SPDX-License-Identifier: Apache-2.0
// A web shop of another origin than the server, whose pages load the SDKs of browsers as npm has them, and a Chromium to
// look at it.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { packageFile, sdk } from "./kit.mjs";

export const chromium = process.env.CHROMIUM ?? "/usr/bin/chromium";

const scripts = {
	segment: "@segment/analytics-next/dist/umd/",
	rudder: "@rudderstack/analytics-js/dist/npm/modern/bundled/umd/",
	jitsu: "@jitsu/js/dist/",
};

// What a page of a shop does to load each; window.more: options of the SDK. docs/tracking.md shows the same.
const heads = {
	segment: (key, origin) => `<script src="/segment/index.js"></script><script>
		AnalyticsNext.AnalyticsBrowser.load({ writeKey: "${key}", cdnURL: "${origin}" },
			window.more).then(([a]) => window.analytics = a);
		</script>`,
	rudder: (key, origin) => `<script src="/rudder/index.js"></script><script>
		const r = window.rudder = new rudderanalytics.RudderAnalytics();
		r.load("${key}", "${origin}", { configUrl: "${origin}", ...window.more });
		r.ready(() => window.analytics = r);
		</script>`,
	jitsu: (key, origin) => `<script type="module">
		import { jitsuAnalytics } from "/jitsu/jitsu.es.js";
		window.analytics = jitsuAnalytics({ host: "${origin}", writeKey: "${key}:browser" });
		</script>`,
};

/**
 * Opens both. /NAME/… is a page with that SDK, all else one without. `key` and `server` (where to send to) are to be set
 * before a page is opened.
 */
export async function openShop() {
	const shop = { key: "", server: "" };
	const pages = createServer(async (request, response) => {
		const [, name, file] = request.url.split("?")[0].split("/");
		if (file?.endsWith(".js")) {
			response.setHeader("content-type", "text/javascript");
			response.end(await readFile(packageFile(scripts[name] + file)).catch(() => ""));
			return;
		}
		response.setHeader("content-type", "text/html");
		response.end(`<!doctype html><title>Shop</title>${heads[name]?.(shop.key, shop.server) ?? "<p>Good-bye"}`);
	});
	await new Promise((done) => pages.listen(0, "127.0.0.1", done));
	shop.origin = `http://127.0.0.1:${pages.address().port}`;
	shop.browser = await sdk("playwright-core").chromium.launch({ executablePath: chromium, args: ["--no-sandbox",
		"--disable-gpu", "--disable-background-timer-throttling", "--disable-renderer-backgrounding"] });
	shop.close = async () => {
		await shop.browser.close();
		pages.closeAllConnections();
		pages.close();
	};
	return shop;
}

/** Waits until the page's SDK is there as window.analytics. */
export async function loaded(page) {
	await page.waitForFunction(() => !!window.analytics, null, { timeout: 30000, polling: 100 });
}
