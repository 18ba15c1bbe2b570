// Writes the built files as a C table: node embed.mjs DIST OUTPUT. See server/http/api_console.h.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";

const types = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

const [dist, output] = process.argv.slice(2);
const assets = readdirSync(join(dist, "assets")).sort();
const files = [["", join(dist, "index.html")], ...assets.map((name) => [name, join(dist, "assets", name)])];

function entry([name, path], index) {
  const bytes = readFileSync(path);
  const type = types[extname(path)];
  if (!type) throw new Error(`${path}: its type is not in embed.mjs`);
  const etag = createHash("sha256").update(bytes).digest("hex").slice(0, 32);
  const lines = [...bytes].map((byte, at) => `${byte},${at % 24 === 23 ? "\n" : ""}`).join("");
  return {
    array: `static const unsigned char file_${index}[] = {\n${lines}\n};\n`,
    row: `    {"${name}", "${type}", "\\"${etag}\\"", file_${index}, sizeof file_${index}},\n`,
  };
}

const entries = files.map(entry);
writeFileSync(
  output,
  `#include "api_console.h"\n\n${entries.map((e) => e.array).join("\n")}
static const struct api_console_file files[] = {\n${entries.map((e) => e.row).join("")}};
const struct api_console_file *const api_console_files = files;
const size_t api_console_files_count = sizeof files / sizeof files[0];\n`,
);
