/**
 * `deno task test-web [NAME…]`: tests the pages in a real browser, with measurements. The task
 * needs the output of `deno task web`, and Chromium; it is not part of any suite.
 *
 * The library that controls the browser reads system files. Deno permits this only with all
 * permissions, so the library runs in a separate process.
 */
import { fileURLToPath } from "node:url";

const checks = fileURLToPath(new URL("./web/checks_main.ts", import.meta.url));
const { code } = await new Deno.Command(Deno.execPath(), {
  args: ["run", "-A", "--quiet", checks, ...Deno.args],
  stdin: "null",
}).spawn().status;
Deno.exit(code);
