/** `deno task script [NAME [WORDS]]`: starts a program of `SCRIPTS`, or lists them. */
import { fileURLToPath } from "node:url";
import { endAtSignals } from "./ending.ts";
import { SCRIPTS } from "./scripts.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const [name, ...words] = Deno.args;

if (name === undefined) {
  const usages = Object.entries(SCRIPTS).map(([each, { brief, usage = "" }]) =>
    `${each} ${usage}`.trimEnd() + `\n    ${brief}`
  );
  console.log(["usage: deno task script NAME [WORDS]", ...usages].join("\n"));
  Deno.exit(0);
}

const script = Object.hasOwn(SCRIPTS, name) ? SCRIPTS[name] : undefined;
if (script === undefined) {
  console.error(
    `error: no script is called ${JSON.stringify(name)}: ${Object.keys(SCRIPTS).join(", ")}`,
  );
  Deno.exit(2);
}

const child = new Deno.Command(Deno.execPath(), {
  args: ["run", ...script.deno, script.module, ...script.words ?? [], ...words],
  cwd: ROOT,
}).spawn();
// Ctrl-C also reaches the script, which decides how to end.
Deno.addSignalListener("SIGINT", () => {});
endAtSignals(() => {}, ["SIGHUP", "SIGTERM"]);
Deno.exit((await child.status).code);
