/**
 * `deno task digest --update [NAME…]`: writes the digests of all runs anew, or of those that are named,
 * after a change that was meant.
 *
 * `deno task digest NAME`: the lines of one run. `deno task digest NAME --against FOLDER`: the first of
 * them that differs in another checkout of the project, and what came before it.
 */
import { EXAMPLE_WORLDS } from "./examples_world.ts";
import { digestOf, TABLE } from "./table.ts";
import { WORLDS } from "./worlds.ts";

const BEFORE = 5;
const ALL = [...WORLDS, ...EXAMPLE_WORLDS];

function fail(message: string): never {
  console.error(`error: ${message}`);
  Deno.exit(2);
}

function linesOf(name: string): string[] {
  const machine = ALL.find((each) => each.name === name) ?? fail(`no run is called "${name}"`);
  const lines: string[] = [];
  machine.run((line) => lines.push(line));
  return lines;
}

/** The same run's lines in another checkout. */
function otherLinesOf(folder: string, name: string): string[] {
  const { code, stdout } = new Deno.Command(Deno.execPath(), {
    args: ["run", "-R", "tests/digest/digest_main.ts", name],
    cwd: folder,
    stdout: "piped",
    stderr: "inherit",
  }).outputSync();
  if (code !== 0) fail(`the checkout in ${folder} does not have that run`);
  return new TextDecoder().decode(stdout).replace(/\n$/, "").split("\n");
}

const [first, option, folder] = Deno.args;
if (first === undefined) {
  fail('say --update, or the name of a run, such as "requests 1"');
} else if (first === "--update") {
  const names = Deno.args.slice(1);
  const unknown = names.find((name) => !ALL.some((machine) => machine.name === name));
  if (unknown !== undefined) fail(`no run is called "${unknown}"`);
  const known = JSON.parse(Deno.readTextFileSync(TABLE)) as Record<string, string>;
  const isMeant = (name: string) => names.length === 0 || names.includes(name);
  const table = Object.fromEntries(
    ALL.map((machine) => [
      machine.name,
      isMeant(machine.name) ? digestOf(machine) : known[machine.name] ?? digestOf(machine),
    ]),
  );
  Deno.writeTextFileSync(TABLE, `${JSON.stringify(table, null, 2)}\n`);
  console.log(`${names.length > 0 ? names.length : ALL.length} runs`);
} else if (option === "--against" && folder !== undefined) {
  const here = linesOf(first).join("\n").split("\n");
  const there = otherLinesOf(folder, first);
  const at = here.findIndex((line, index) => line !== there[index]);
  if (at < 0 && here.length === there.length) console.log("no line differs");
  else {
    const place = at < 0 ? here.length : at;
    for (const line of here.slice(Math.max(0, place - BEFORE), place)) console.log(`  ${line}`);
    console.log(`- ${there[place] ?? "(nothing more)"}\n+ ${here[place] ?? "(nothing more)"}`);
  }
} else for (const line of linesOf(first)) console.log(line);
