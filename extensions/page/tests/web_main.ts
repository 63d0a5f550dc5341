/**
 * `deno task test-web [NAME…]`: the pages in a real browser, measured. Needs what `deno task web`
 * builds, and Chromium; it belongs to no suite.
 *
 * The library that drives the browser looks at files of the system that Deno shows only to a
 * program with every permission: it runs in a separate process.
 */
import { fileURLToPath } from "node:url";

const checks = fileURLToPath(new URL("./web/checks_main.ts", import.meta.url));
const { code } = await new Deno.Command(Deno.execPath(), {
  args: ["run", "-A", "--quiet", checks, ...Deno.args],
  stdin: "null",
}).spawn().status;
Deno.exit(code);
