// SPDX-License-Identifier: MIT
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// While one works on the page (npm run dev) the service is that of ./dev up.
const service = 'http://127.0.0.1:8080';

export default defineConfig({
  base: '/ops/',
  plugins: [react()],
  server: { port: 5174, proxy: { '/api': service } },
  build: {
    emptyOutDir: true,
    // The Content-Security-Policy takes files of our own, and no data: URL.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        // What changes with the packages, and what changes with the page.
        codeSplitting: {
          groups: [{ name: 'vendor', test: /node_modules/ }],
        },
      },
    },
  },
});
