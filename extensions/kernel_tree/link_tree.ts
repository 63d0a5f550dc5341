/** Links files of a tree to a WebAssembly module that runs beside the model. */
import {
  type BlockMarks,
  IR,
  layoutError,
  layoutSource,
  type LayoutWanted,
  ModuleLines,
  TREE_ARGUMENTS,
  TreeLayout,
  withMarks,
  withRounds,
  withStorage,
} from "@dmalab/c_drivers/tree";
import { TreeError } from "@dmalab/runtime/kernels";
import { readTreeHeaders } from "@dmalab/cli";
import { firstError, moduleFlag, type TreeBuild } from "@dmalab/c_drivers";
import { TreeCoverage } from "./tree_coverage.ts";
import type { LinkedTree } from "./tree_module.ts";

/** The inputs of a module. */
export interface Parts {
  /** The files under test; the module is named after them. */
  readonly subjects: readonly string[];
  /** Files of the tree that are compiled unchanged. */
  readonly files: readonly string[];
  /**
   * C code of dmalab that is compiled together with the tree. This code may include a source of the
   * tree.
   */
  readonly texts: () => readonly string[];
  /** Functions that older releases do not have, with the headers that declare them. */
  readonly functions?: Readonly<Record<string, string>>;
  /** Configuration symbols of an architecture, in addition to the symbols of every machine. */
  readonly symbols?: readonly string[];
  readonly layout: LayoutWanted;
}

const OWN = "lab/layout.c";
const TARGET: readonly string[] = ["--target=wasm64", "-mbulk-memory", "-O1"];
/** Options for the assembler. Its input is optimised already, so no passes run again. */
const ASSEMBLING: readonly string[] = [
  ...TARGET,
  "-Xclang",
  "-disable-llvm-passes",
  "-Wno-override-module",
];
const LINKING: readonly string[] = [
  ...TARGET,
  "-nostdlib",
  ...["--no-entry", "--allow-undefined", "--export-all", "--export-table", "--stack-first"]
    .map((option) => `-Wl,${option}`),
  "-Wl,-z,stack-size=1048576",
];

/**
 * Limit of loop rounds for each sequence; `MORE_ROUNDS`: further rounds for the tries of a
 * minimisation. A sequence of `dma-iommu.c` takes 1.3 million rounds on average. The limit leaves
 * room for a change that makes each call longer. With the limit, a change that makes a call endless
 * also gets a verdict soon.
 */
const ROUNDS_EACH_SEQUENCE = 2 ** 24;
const MORE_ROUNDS = 2 ** 30;

/** Options of a module. */
interface LinkOptions {
  /** Whether the module records which lines run. */
  readonly isCovered?: boolean;
  /** Number of sequences that will run on the module. */
  readonly sequences: number;
}

/** @throws {TreeError} */
export async function linkTree(
  build: TreeBuild,
  parts: Parts,
  { isCovered = false, sequences }: LinkOptions,
): Promise<LinkedTree> {
  const texts = [readTreeHeaders()["oracle/rounds.c"]!, ...parts.texts()];
  const sources = texts.flatMap((text) => build.units.sourcesIn(text));
  const asked = build.settings([...parts.files, ...sources]);
  const added = (parts.symbols ?? []).map((name) => [name, "1"] as const);
  const settings = { ...asked, values: new Map([...asked.values, ...added]) };
  await build.checkSettings(settings);
  const lines = isCovered ? ["-gline-tables-only"] : [];
  const args = [...TREE_ARGUMENTS, ...lines, ...moduleFlag(settings), ...IR];
  const irs: string[] = [];
  const marks: BlockMarks[] = [];
  const compile = async (path: string, own: Readonly<Record<string, string>> = {}) => {
    const made = await build.compile(await build.unit(path, settings, own), args);
    const ir = made.module === null ? null : new TextDecoder().decode(made.module);
    if (ir === null) return { ir, said: made.said };
    const marked = isCovered ? withMarks(ir, `lab_marks${marks.length}`) : { ir, marks: null };
    if (marked.marks !== null) marks.push(marked.marks);
    irs.push(withRounds(withStorage(marked.ir)));
    return { ir, said: made.said };
  };
  for (const path of parts.files) {
    const { ir, said } = await compile(path);
    if (ir === null) throw new TreeError(`${path} does not compile`, firstError(said));
  }
  for (const [at, text] of texts.entries()) {
    const path = `lab/own${at}.c`;
    const { ir, said } = await compile(path, { [path]: text });
    if (ir === null) {
      throw new TreeError(`${sources[0] ?? path} does not compile`, firstError(said));
    }
  }
  const table = await compile(OWN, { [OWN]: layoutSource(parts.layout) });
  if (table.ir === null) throw layoutError(build.version.name, table.said);
  const linked = await build.link(irs, ASSEMBLING, LINKING);
  if (linked.module === null) {
    throw new TreeError(`${parts.subjects[0]} does not link`, firstError(linked.said));
  }
  const module = new WebAssembly.Module(linked.module);
  return {
    module,
    layout: new TreeLayout(parts.layout, table.ir),
    coverage: new TreeCoverage(marks),
    lines: new ModuleLines(linked.module),
    work: { roundsLeft: MORE_ROUNDS + sequences * ROUNDS_EACH_SEQUENCE },
  };
}
