import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { type LoadResult, type RunOptions, runProgramWith } from "@dmalab/lang/run";
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import { SourceFile } from "@dmalab/lang";
import { HostCompileCache, type WantingLoader } from "@dmalab/cli";
import { type OpenedScenario, openPatched } from "../compiler/patched.ts";
import { LoadError } from "@dmalab/lang/syntax";
import { programOf } from "./c_together.ts";
import { HOSTILE_KERNEL, type HostileFile } from "./c_hostile_files.ts";
import { ROOT } from "@dmalab/tests";

const MACHINE = `machine {
  kernel = "${HOSTILE_KERNEL}"
  iommu { mode = strict }
  region window { at = 0xe000_0000, size = 4KiB, type = mmio }
  pci { root_port rp0 { endpoint nic { } } }
}`;
/**
 * Number of files that are compiled as one module, because starting the compiler for each file
 * would take minutes.
 */
const FILES_OF_MODULE = 50;

/** Options for tests that are all expected to fail. Known defects are not searched for as causes. */
function unheard(steps: number): RunOptions {
  return { only: "tests", limits: { ...DEFAULT_LIMITS, steps }, attributeDefects: false };
}

/** A loader for generated sources without a folder. */
class MadeFiles implements WantingLoader {
  readonly shelf = new HostCompileCache();
  readonly #sources = new Map<string, SourceFile>();

  add(name: string, text: string): void {
    this.#sources.set(name, new SourceFile(name, text));
  }

  load(path: string): SourceFile | LoadError {
    return this.#sources.get(path) ?? new LoadError("not_found", `There is no ${path}`);
  }
}

/** A scenario with one test for each file. */
export function openHostileFiles(files: readonly HostileFile[]): OpenedScenario {
  const loader = new MadeFiles();
  for (const { name, text } of files) loader.add(name, text);
  const drivers: string[] = [];
  for (let first = 0; first < files.length; first += FILES_OF_MODULE) {
    const own = files.slice(first, first + FILES_OF_MODULE);
    loader.add(`bad${first}.c`, own.map(({ name }) => `#include "${name}"\n`).join(""));
    drivers.push(`driver bad${first} = c "bad${first}.c"`);
  }
  const tests = files.map(({ name }, index) => {
    const module = `bad${index - index % FILES_OF_MODULE}`;
    const call = `${module}.${name.replace(".c", "")}`;
    return `test "${name}" with { leaks = allow } { ${call}(nic, window, block_request(nic, read, into: alloc_pages(1))) }`;
  });
  const entry = new SourceFile("hostile.dma", [MACHINE, ...drivers, ...tests].join("\n"));
  return { entry, loader };
}

/**
 * Asserts that each hostile C file ends in an error of dmalab. The error must be in the line that
 * causes it.
 */
export function holdHostileFiles(files: readonly HostileFile[], loaded: LoadResult): void {
  const program = programOf(loaded);
  const options = unheard(300_000);
  // Each test is run separately, because in a common run a limit of output would end all tests.
  const outcomes = files.flatMap((_file, index) => {
    const select = (number: number) => number === index;
    return runProgramWith(null, program, { ...options, select }).outcomes;
  });
  assertEquals(outcomes.length, files.length);
  const wrong = outcomes.flatMap(({ failure, name }, index) => {
    const { kind, line } = files[index]!;
    const seen = failure === null ? "holds" : `${failure.code} ${failure.message}`;
    const place = `${name}:${line ?? "\\d+"}:\\d+`;
    const isPlaced = failure !== null && failure.kind !== "bug" && new RegExp(place).test(seen);
    return isPlaced ? [] : [
      `${name} (${kind}, line ${line}): ${seen} ${
        failure?.kind === "bug" ? failure.lines.join(" | ") : ""
      }`,
    ];
  });
  assertEquals(wrong, []);
}

/** Number of hostile actions in extensions/c_drivers/tests/c/hostile.c. */
const KINDS = 50;

/** A scenario in which a driver performs each hostile action with some seeds. */
export function openHostileCalls(seeds: readonly number[]): OpenedScenario {
  const [{ entry, loader }] = openPatched(join(ROOT, "extensions/c_drivers/tests/c/hostile.dma"), [
    null,
  ]) as [OpenedScenario];
  const cases = Array.from({ length: KINDS * seeds.length }, (_, index) => {
    const kind = Math.floor(index / seeds.length);
    return `test "${index}" with { leaks = allow } { bad.hostile(nic, ${kind}, ${
      seeds[index % seeds.length]
    }) }`;
  });
  return { entry: new SourceFile(entry.name, `${entry.text}${cases.join("\n")}\n`), loader };
}

/**
 * Asserts that each attack on the host by a driver in C ends in an error of dmalab, and that the
 * error has the place of the attack.
 */
export function holdHostileCalls(seeds: readonly number[], loaded: LoadResult): void {
  const { outcomes } = runProgramWith(null, programOf(loaded), unheard(500_000));
  const wrong = outcomes.filter(({ failure }) => failure === null || failure.kind === "bug");
  const lines = wrong.map(({ failure, name }) =>
    `${Math.floor(Number(name) / seeds.length)} ${failure?.lines.slice(0, 1) ?? "holds"} ${
      failure?.lines.at(-1) ?? ""
    }`
  );
  assertEquals([...new Set(lines)], []);
  const placed = outcomes.filter(({ failure }) => /hostile\.c:\d+:\d+/.test(failure!.message));
  assertEquals(outcomes.length, KINDS * seeds.length);
  assertEquals(placed.length, outcomes.length);
}
