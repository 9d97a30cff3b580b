import { defineConfig } from "vite";

// The server renders the pages; Vite only builds what they load. Go reads dist/.vite/manifest.json for the hashed names.
export default defineConfig({
  appType: "custom",
  build: {
    target: "es2022",
    manifest: true,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rolldownOptions: { input: "src/main.ts" },
  },
  server: { cors: true, strictPort: true },
});
