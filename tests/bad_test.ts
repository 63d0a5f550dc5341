/**
 * Scripts with mistakes, and the exact output for each.
 *
 * Each `tests/bad/NAME.dma` has a `NAME.txt`. It contains all diagnostics about the file before it is run. If the file may be
 * run, it also contains the failure that ends the run. `deno task script repin tests/bad_test.ts` writes the texts again;
 * read them afterwards.
 */
import { assert, assertEquals } from "@std/assert";
import { dirname, join } from "node:path";
import { explain } from "@dmalab/cli/scenario";
import { BUILTINS } from "@dmalab/lang/builtins";
import type { Registry } from "@dmalab/lang/values";
import { renderDiagnostics } from "@dmalab/lang/diagnostics";
import { DIAGNOSTIC_CODES } from "@dmalab/lang/explain";
import { LoadError, MAX_TEXT_LENGTH } from "@dmalab/lang/syntax";
import { type HostWatch, loadProgram, type Program } from "@dmalab/lang/run";
import { benchReports, runBench, runProgram } from "@dmalab/lang/program";
import { SourceFile } from "@dmalab/lang";
import { InvariantError } from "@dmalab/runtime";

const FOLDER = "tests/bad";
const UPDATE = Deno.args.includes("--update");

/**
 * The builtins, and one more, which breaks an invariant of the simulator. A call of it reports a
 * bug of dmalab.
 */
const REGISTRY: Registry = {
  ...BUILTINS,
  functions: new Map([...BUILTINS.functions, ["break_an_invariant", {
    name: "break_an_invariant",
    parameters: [],
    result: "nothing",
    doc: "Fails as a rule of the simulator that does not hold.",
    example: "break_an_invariant()",
    run() {
      throw new InvariantError("a range stands in the tree twice");
    },
  }]]),
};

/** Small limits, so that reaching one takes no time. */
const LIMITS = {
  steps: 2_000_000,
  memoryBytes: 2 ** 22,
  depth: 100,
  events: 3_000,
  outputLines: 50,
  outputBytes: 2 ** 20,
  timeMs: 60_000,
};

/**
 * Functions that make a text as long as its test needs. Such long texts are generated, because storing
 * them would have no use.
 */
const GROWN = new Map<string, (text: string) => string>([
  ["lexical-too-long.dma", (text) => text.padEnd(MAX_TEXT_LENGTH + 1, text)],
  ["machine-too-large.dma", (text) => text.replace("[none]", `[${"none, ".repeat(10_000)}none]`)],
]);

/** Loads a script as `dmalab run` does; files that it uses are looked up in its folder. */
function answer(name: string): string {
  const path = `${FOLDER}/${name}`;
  const text = Deno.readTextFileSync(path);
  const entry = new SourceFile(path, GROWN.get(name)?.(text) ?? text);
  const { program, diagnostics } = loadProgram(entry, { load }, REGISTRY);
  const lines = diagnostics.length === 0 ? [] : [renderDiagnostics(diagnostics)];
  if (program !== null && name.startsWith("run-")) lines.push(...failures(name, program));
  return `${lines.join("\n\n")}\n`;
}

function failures(name: string, program: Program): string[] {
  const { outcomes } = runProgram(program, { limits: LIMITS, watch: watchOf(name) });
  const benches = program.tests.filter(({ kind }) => kind === "bench")
    .map((bench) => runBench(program, bench, { iterations: 10 }));
  const expected = benchReports(program, benches).flatMap(({ expectations }) => expectations);
  return [...outcomes, ...benches, ...expected].flatMap(({ failure }) =>
    failure === null ? [] : [failure.lines.join("\n").replace(FOUND_AT, "$1 FILE:LINE")]
  );
}

/** The place in dmalab where a bug was found: here, a line of this test. */
const FOUND_AT = /(it was found at) \S+:\d+/g;

/**
 * A clock for the script with this name. For `run-time.dma` each call adds a second; for
 * `run-interrupted.dma` Ctrl-C is pressed after some calls.
 */
function watchOf(name: string): HostWatch {
  let looks = 0;
  return {
    nowMs: () => name === "run-time.dma" ? 1000 * looks++ : 0,
    interrupted: () => name === "run-interrupted.dma" && looks++ > 3,
  };
}

function load(path: string, from: SourceFile | null): SourceFile | LoadError {
  const file = join(from === null ? "." : dirname(from.name), path);
  const [, number] = path.match(/^use-next-(\d+)\.dma$/) ?? [];
  if (number !== undefined) {
    return new SourceFile(file, `use "use-next-${Number(number) + 1}.dma"\n`);
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(Deno.readFileSync(file));
    return new SourceFile(file, text);
  } catch (error) {
    if (error instanceof TypeError) {
      return new LoadError("unreadable", `Cannot read "${path}": it is not UTF-8 text`);
    }
    return new LoadError("not_found", `Cannot find the file "${path}"`);
  }
}

const names = [...Deno.readDirSync(FOLDER)]
  .map((entry) => entry.name)
  .filter((name) => name.endsWith(".dma"))
  .sort();

Deno.test("tests/bad holds scripts, and each has its answer", () => {
  assert(names.length >= 120, `only ${names.length} scripts`);
});

for (const name of names) {
  Deno.test(`tests/bad/${name} is answered as written`, () => {
    const path = join(FOLDER, name.replace(/\.dma$/, ".txt"));
    const said = answer(name);
    if (UPDATE) Deno.writeTextFileSync(path, said);
    assertEquals(said, Deno.readTextFileSync(path));
    assert(/^(?:error|warning)\[/.test(said), "no diagnostic at all");
  });
}

/** The expected texts of all scripts. */
function answers(): string[] {
  return names.map((name) => Deno.readTextFileSync(join(FOLDER, name.replace(/\.dma$/, ".txt"))));
}

/**
 * Codes that other tests test (`c_driver_test.ts`, `tree_errors_test.ts`, `repeat_test.ts`): they come from a C compiler, a kernel tree or
 * an option.
 */
const SHOWN_ELSEWHERE = ["E0711", "E0712", "E0713", "E0714", "W0308", "E0934"];

Deno.test("every code has a script that shows it", () => {
  const said = answers().join("\n");
  const missing = Object.keys(DIAGNOSTIC_CODES)
    .filter((code) => !said.includes(`[${code}]`) && !SHOWN_ELSEWHERE.includes(code));
  assertEquals(missing, []);
});

Deno.test("dmalab explain says of every code what it means, with an example", () => {
  for (const [code, entry] of Object.entries(DIAGNOSTIC_CODES)) {
    const explained = explain(code.toLowerCase(), () => "");
    assert(explained.found, code);
    const text = explained.lines.join("\n");
    assert(text.includes(entry.title) && entry.explanation.length > 40, code);
    assert(text.includes(entry.explanation) && text.includes(entry.example), code);
    assert(entry.example.length > 10 || code === "E0999", code);
  }
});

Deno.test("no two scripts say the same: each has an answer that no other has", () => {
  // Messages that differ only in numbers count as the same.
  const heads = answers().map((said) =>
    new Set(
      said.split("\n\n").map((part) => {
        const [, code, message] = part.match(/^(?:error|warning)\[(\w+)\]: (.*)$/m) ?? [];
        const hint = part.match(/^ +\S+ hint: (.*)$/m)?.[1] ?? "";
        return `${code} ${`${message} ${hint}`.replaceAll(/\d[\w.]*/g, "…")}`;
      }),
    )
  );
  const own = heads.map((mine, index) =>
    [...mine].filter((head) => heads.every((other, at) => at === index || !other.has(head)))
  );
  assertEquals(names.filter((_, index) => own[index]!.length === 0), []);
});
