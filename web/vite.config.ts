import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const client = (file: string) => fileURLToPath(new URL(`../packages/client/src/${file}`, import.meta.url));

// biome-ignore lint/style/noDefaultExport: Vite reads the default export.
export default defineConfig({
  // The pages may lie below a path of their host, and all of them are in one folder.
  base: './',
  publicDir: false,
  resolve: {
    alias: {
      '@latchkey/client/passkeys': client('passkeys.ts'),
      '@latchkey/client': client('client.ts'),
    },
  },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: 'es2022',
    // The policy of the pages forbids scripts and pictures in the text of a page.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  logLevel: 'warn',
});
