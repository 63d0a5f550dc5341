/** `deno task reference`: writes the pages of `docs/` that are made from the sources. */
import { fileURLToPath } from "node:url";
import { writeBuiltinsPages } from "./reference/builtins_page.ts";
import { withCommandTable, withPermissionTable } from "./reference/command_table.ts";
import { withDebuggerKeys } from "./reference/debugger_keys.ts";
import { withEventTables } from "./reference/events_page.ts";
import { withFindingTables } from "./reference/findings_page.ts";
import { withMachineKeys } from "./reference/machine_keys.ts";
import { withProfiles, withReleaseTables } from "./reference/releases.ts";
import { GRAMMARS } from "./grammar/mod.ts";

const DOCS = new URL("../docs/", import.meta.url);
const EVENTS = new URL("../docs/events.md", import.meta.url);
const FINDINGS = new URL("../docs/what-fails-a-test.md", import.meta.url);
const TERMINAL = new URL("../docs/terminal.md", import.meta.url);
const INSTALL = new URL("../docs/install.md", import.meta.url);
const README = new URL("../README.md", import.meta.url);
const LANGUAGE = new URL("../docs/language.md", import.meta.url);
const DEFECTS = new URL("../docs/rules/defects.md", import.meta.url);

writeBuiltinsPages(fileURLToPath(DOCS));
Deno.writeTextFileSync(EVENTS, withEventTables(Deno.readTextFileSync(EVENTS)));
Deno.writeTextFileSync(FINDINGS, withFindingTables(Deno.readTextFileSync(FINDINGS)));
Deno.writeTextFileSync(LANGUAGE, withProfiles(withMachineKeys(Deno.readTextFileSync(LANGUAGE))));
Deno.writeTextFileSync(DEFECTS, withReleaseTables(Deno.readTextFileSync(DEFECTS)));
Deno.writeTextFileSync(README, withCommandTable(Deno.readTextFileSync(README)));
Deno.writeTextFileSync(INSTALL, withPermissionTable(Deno.readTextFileSync(INSTALL)));
Deno.writeTextFileSync(TERMINAL, withDebuggerKeys(Deno.readTextFileSync(TERMINAL)));
for (const { file, text } of GRAMMARS) {
  Deno.writeTextFileSync(new URL(`../${file}`, import.meta.url), text());
}
console.log(
  "docs/builtins.md, docs/builtins/, docs/events.md, the tables of docs/what-fails-a-test.md, the keys and profiles in docs/language.md, the releases in " +
    "docs/rules/defects.md, the keys in docs/terminal.md, the permissions in docs/install.md, the commands in README.md and the grammars of extensions/editor/ are written",
);
