// SPDX-License-Identifier: Apache-2.0
import { defineConfig } from 'vite';

// The page is served under Content-Security-Policy: default-src 'self'. So nothing is inlined, and no asset is a data: URI.
export default defineConfig({
	esbuild: { jsx: 'automatic', jsxImportSource: 'preact', legalComments: 'none' },
	build: {
		target: 'es2022',
		assetsInlineLimit: 0,
		modulePreload: { polyfill: false },
		cssCodeSplit: true,
		reportCompressedSize: false,
		rollupOptions: {
			output: {
				entryFileNames: 'assets/[name]-[hash].js',
				chunkFileNames: 'assets/[name]-[hash].js',
				assetFileNames: 'assets/[name]-[hash][extname]',
			},
		},
	},
	server: { proxy: { '/api': process.env.CORRIDOR_URL ?? 'http://127.0.0.1:8080' } },
});
