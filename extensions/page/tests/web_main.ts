/**
 * `deno task test-web [NAME…]`: tests the pages in a real browser, with measurements. The task
 * needs the output of `deno task web`, and Chromium; it is not part of any suite.
 *
 * The library that controls the browser reads system files. Deno permits this only with all
 * permissions, so the library runs in a separate process.
 */
import { endAtSignals, TempFolder } from "@dmalab/tools";
import { fileURLToPath } from "node:url";

const checks = fileURLToPath(new URL("./web/checks_main.ts", import.meta.url));
// The browser's own files; a killed browser does not remove them.
const folder = new TempFolder();
endAtSignals(() => folder[Symbol.dispose]());
const { code } = await new Deno.Command(Deno.execPath(), {
  args: ["run", "-A", "--quiet", checks, ...Deno.args],
  env: { TMPDIR: folder.path },
  stdin: "null",
}).spawn().status;
folder[Symbol.dispose]();
Deno.exit(code);
