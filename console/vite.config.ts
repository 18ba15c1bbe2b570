import { defineConfig } from "vite";

// Everything is one script, one style sheet and one icon; a hash of the content is in each name.
export default defineConfig({
  base: "/",
  logLevel: "warn",
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: false,
    rollupOptions: { output: { hashCharacters: "hex" } },
  },
  server: { proxy: { "/api": "http://127.0.0.1:8081" } },
});
