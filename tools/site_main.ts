/** `deno task site [DIR]`: builds the docs site, by default in `dist/site/`. */
import { rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { PROJECT as ROOT } from "./project.ts";
import { checkSite, incompletePages, unlinkedRules } from "./site/check_site.ts";
import { ruleCitations } from "./site/rules.ts";
import { sitePages } from "./site/site_pages.ts";

const SITE = join(ROOT, "extensions/page/site");
const PAGES = join(SITE, "pages");
/** Maximum number of dead links in the output. */
const SHOWN = 20;

const folder = resolve(Deno.args[0] ?? join(ROOT, "dist", "site"));
const { files, pages, sidebar } = await sitePages(ROOT);
write(pages);
run(ROOT, ["run", "-R", "-W", "--allow-run", "tools/web_main.ts", join(PAGES, "public")]);
// Vite stores files next to the nearest package.json, so the site has its own.
run(SITE, ["run", "-A", "--config", "deno.json", "build.mjs", folder]);

const { dead, links, pages: built } = checkSite(folder);
const incomplete = incompletePages(folder, pages);
const unlinked = unlinkedRules(folder);
for (const page of unlinked) console.error(`error: ${page} names a rule without a link`);
for (const page of incomplete) console.error(`error: ${page} needs a script to be read`);
for (const link of dead.slice(0, SHOWN)) console.error(`error: dead link in ${link}`);
console.log(`${folder}: ${built} pages, ${links} links, ${dead.length} of them dead`);
if (dead.length + incomplete.length + unlinked.length > 0) Deno.exit(1);

function write(all: ReadonlyMap<string, string>): void {
  rmSync(PAGES, { recursive: true, force: true });
  const put = (path: string, text: string | Uint8Array) => {
    Deno.mkdirSync(dirname(join(PAGES, path)), { recursive: true });
    Deno.writeFileSync(
      join(PAGES, path),
      typeof text === "string" ? new TextEncoder().encode(text) : text,
    );
  };
  for (const [path, text] of all) put(path, text);
  for (const file of files) put(`public/files/${file}`, Deno.readFileSync(join(ROOT, file)));
  put("sidebar.json", JSON.stringify(sidebar));
  put("citations.json", JSON.stringify(ruleCitations()));
}

function run(cwd: string, args: readonly string[]): void {
  const { code } = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd,
    stdout: "inherit",
    stderr: "inherit",
  }).outputSync();
  if (code !== 0) Deno.exit(code);
}
