/** `deno task reference`: writes the pages of `docs/` that are made from the sources. */
import { fileURLToPath } from "node:url";
import { writeBuiltinsPages } from "./reference/builtins_page.ts";
import { withCommandTable, withPermissionTable } from "./reference/command_table.ts";
import { withDebuggerKeys } from "./reference/debugger_keys.ts";
import { withEventTables } from "./reference/events_page.ts";
import { withFindingTables } from "./reference/findings_page.ts";
import { withLimitTable } from "./reference/limits_table.ts";
import { withMachineKeys } from "./reference/machine_keys.ts";
import { withMessageAreas, withMessages } from "./reference/messages_page.ts";
import { withScriptTable } from "./reference/scripts_table.ts";
import { withProfiles, withReleaseTables } from "./reference/releases.ts";
import { tsconfigText } from "./reference/tsconfig.ts";
import { GRAMMARS } from "./grammar/mod.ts";

/** For each page, the function that replaces its generated part. */
const PAGES: Readonly<Record<string, (page: string) => string>> = {
  "docs/events.md": withEventTables,
  "docs/what-fails-a-test.md": withFindingTables,
  "docs/language/declarations.md": (page) => withProfiles(withMachineKeys(page)),
  "docs/language/running.md": withLimitTable,
  "docs/rules/defects.md": withReleaseTables,
  "README.md": withCommandTable,
  "docs/dev/commands.md": withScriptTable,
  "docs/install.md": withPermissionTable,
  "docs/terminal.md": withDebuggerKeys,
  "docs/traces.md": withMessageAreas,
  "docs/kernel-messages.md": withMessages,
};

const urlOf = (file: string) => new URL(`../${file}`, import.meta.url);

writeBuiltinsPages(fileURLToPath(urlOf("docs/")));
for (const [file, made] of Object.entries(PAGES)) {
  Deno.writeTextFileSync(urlOf(file), made(Deno.readTextFileSync(urlOf(file))));
}
for (const { file, text } of GRAMMARS) {
  Deno.writeTextFileSync(urlOf(file), text());
}
Deno.writeTextFileSync(urlOf("tsconfig.json"), tsconfigText());
console.log(
  "docs/builtins.md, docs/builtins/, docs/events.md, the tables of docs/what-fails-a-test.md, the keys and profiles in docs/language/declarations.md, the limits in docs/language/running.md, the releases in " +
    "docs/rules/defects.md, the keys in docs/terminal.md, the messages in docs/traces.md and docs/kernel-messages.md, the permissions in docs/install.md, the commands in README.md, the scripts in docs/dev/commands.md, tsconfig.json and the grammars of extensions/editor/ are written",
);
