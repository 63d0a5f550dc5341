/**
 * `deno task script look [DIR [NAME…]]`: builds the package and the site, runs every kind of example, and takes
 * pictures of the pages and terminals in Chromium. DIR (default: `dist/look/`) gets the pictures, and a page
 * with all of them.
 */
import { endAtSignals, TempFolder } from "@dmalab/tools";
import { ROOT } from "@dmalab/tests";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const [folder = join(ROOT, "dist/look"), ...names] = Deno.args;
const site = join(ROOT, "dist/site");
// The browser's own files; a killed browser does not remove them.
const temporary = new TempFolder();
endAtSignals(() => temporary[Symbol.dispose]());

async function run(...words: string[]): Promise<void> {
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["run", ...words],
    cwd: ROOT,
    env: { TMPDIR: temporary.path },
    stdin: "null",
  }).spawn().status;
  if (code === 0) return;
  temporary[Symbol.dispose]();
  Deno.exit(code);
}

await run("-R", "-W", "--allow-run", "tools/site_main.ts", site);
const sheet = fileURLToPath(new URL("./web/look_sheet.ts", import.meta.url));
await run("-A", "--quiet", sheet, resolve(folder), site, ...names);
console.log(`Look at ${join(resolve(folder), "index.html")}`);
temporary[Symbol.dispose]();
