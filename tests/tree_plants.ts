/**
 * `deno task tree-plants DIR FILE COUNT SEED --clang PROGRAM`: changes one line at random in a copy of a
 * file of mapping code, in memory, and prints which changes `dmalab tree diff` finds. A function whose
 * body is not run by the comparison is not changed; that is tested by a trap at its begin.
 */
import { HostTree } from "../cli/c/host_tree.ts";
import { TreeBuild } from "../cli/c/tree_build.ts";
import { ORACLES } from "../cli/tree/oracles.ts";
import { readWholeNumber } from "../cli/numbers.ts";
import { STOPPED } from "../instruments/oracle/compare.ts";
import { Random } from "../runtime/random.ts";
import { SystemClang } from "./tree/system_clang.ts";

/** What one change makes of a line. */
const CHANGES: readonly (readonly [RegExp, string])[] = [
  [/ < /, " <= "],
  [/ > /, " >= "],
  [/ <= /, " < "],
  [/ >= /, " > "],
  [/ == /, " != "],
  [/ != /, " == "],
  [/ \+ 1\b/, ""],
  [/ - 1\b/, ""],
  [/ \+ /, " - "],
  [/ - /, " + "],
  [/ && /, " || "],
  [/ \|\| /, " && "],
  [/ \|= /, " = "],
  [/ \+= /, " -= "],
  [/ -= /, " += "],
  [/\bif \(!/, "if ("],
  [/\bif \((?=\w)/, "if (0 && "],
  [/\((\w+), (\w+)\)/, "($2, $1)"],
];
/** Lines that only report. */
const REPORTS = /WARN|BUG|pr_|dev_|printk|trace_/;
/** What a comparison may take, once it has begun. */
const MOST_MS = 120_000;
const CASES = { count: 120, seed: 1 };

const [folder = "", path = "", count = "10", seed = "1", option, program = "", one] = Deno.args;
if (option !== "--clang" || program === "") {
  console.error("usage: deno task tree-plants DIR FILE COUNT SEED --clang PROGRAM");
  Deno.exit(2);
}

/** The tree with one file changed. */
class PlantedTree extends HostTree {
  constructor(folder: string, readonly changed: string) {
    super(folder);
  }

  override text(name: string): string | null {
    return name === path ? this.changed : super.text(name);
  }
}

if (one === undefined) await plantAll();
else await compareOne(Deno.readTextFileSync(one));

/** In a process of its own: a change can make a loop endless. */
async function compareOne(changed: string): Promise<void> {
  const oracle = ORACLES.find(({ paths }) => paths.includes(path));
  if (oracle === undefined) throw new Error(`cannot compare ${path}`);
  const clang = new SystemClang(program);
  try {
    const [old, planted] = [new HostTree(folder), new PlantedTree(folder, changed)]
      .map((tree) => new TreeBuild(tree, clang, false));
    const { difference } = await oracle.compare(old!, planted!, CASES);
    const stopped = difference?.other[STOPPED];
    const last = JSON.stringify(difference?.operations.at(-1));
    console.log(
      difference === null
        ? "missed"
        : `found | ${difference.operations.length} operations | ${stopped ?? last}`,
    );
  } finally {
    await clang.close();
  }
}

async function plantAll(): Promise<void> {
  const text = Deno.readTextFileSync(`${folder}/${path}`);
  const lines = text.split("\n");
  const random = new Random(readWholeNumber(seed) ?? 1);
  const places = placesIn(lines);
  const reached = new Map<number, boolean>();
  let [found, planted] = [0, 0];
  while (planted < Number(count) && places.length > 0) {
    const [{ at, begin, change }] = places.splice(random.below(places.length), 1) as [Place];
    if (!reached.has(begin)) {
      const trapped = lines.with(begin, "{ __builtin_trap();");
      reached.set(begin, (await outcomeOf(trapped)).startsWith("found"));
    }
    if (!reached.get(begin)) continue;
    const [pattern, by] = CHANGES[change]!;
    const outcome = await outcomeOf(lines.with(at, lines[at]!.replace(pattern, by)));
    // A change that does not compile is none.
    if (outcome.startsWith("wrong")) continue;
    planted++;
    if (!outcome.startsWith("missed")) found++;
    console.log(`${path}:${at + 1} | ${pattern.source} | ${outcome.slice(0, 160)}`);
  }
  console.log(`${path}: ${found} of ${planted} changes found (seed ${seed})`);
}

interface Place {
  readonly at: number;
  /** The line of the function's opening brace. */
  readonly begin: number;
  readonly change: number;
}

function placesIn(lines: readonly string[]): Place[] {
  const places: Place[] = [];
  let begin = -1;
  for (const [at, line] of lines.entries()) {
    if (line === "{") begin = at;
    else if (line.startsWith("}")) begin = -1;
    if (begin < 0 || !/^\t+\w/.test(line) || REPORTS.test(line)) continue;
    for (const [change, [pattern]] of CHANGES.entries()) {
      if (pattern.test(line)) places.push({ at, begin, change });
    }
  }
  return places;
}

async function outcomeOf(lines: readonly string[]): Promise<string> {
  const file = Deno.makeTempFileSync();
  try {
    Deno.writeTextFileSync(file, lines.join("\n"));
    const args = ["run", "-A", "--no-check", import.meta.filename!, folder, path, count, seed];
    const { code, stderr, stdout } = await new Deno.Command(Deno.execPath(), {
      args: [...args, "--clang", program, file],
      signal: AbortSignal.timeout(MOST_MS),
    }).output();
    const [said, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes).trim());
    if (code === 0) return said!;
    return code > 128 ? "found | endless" : `wrong | ${error!.slice(0, 200)}`;
  } finally {
    Deno.removeSync(file);
  }
}
