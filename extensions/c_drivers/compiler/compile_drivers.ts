/** Drivers with the headers of the lab: each is compiled, measured, and linked with what supports it. */
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import { STATIC_BYTES } from "../c_addresses.ts";
import { ByteReader, HEADER_BYTES, SECTION } from "../wasm/wasm_reader.ts";
import {
  type Compiled,
  COMPILING,
  DOWNLOAD,
  LARGE,
  LINKING,
  type NoCompiler,
  noProcess,
  printAtTerminal,
} from "./clang.ts";
import { CompilerEnded, SessionClang } from "./tree_clang.ts";

const KEPT = `${LARGE}; files that were compiled before stay in the cache`;
/** Has clang write to a stream: each piece of a file in its own file system copies the file. */
const STREAM = "-";
/** A size in assembler: of a static variable, where it is a number. */
const SIZE = /^\t\.size\t(\S+), (\d+)$/gm;
const LINKING_VERSION = 2;
const SYMBOL_TABLE = 8;
const SYMBOL = { DATA: 1, SECTION: 3 } as const;
const SYMBOL_FLAG = { UNDEFINED: 0x10, EXPLICIT_NAME: 0x40 } as const;

export interface CompileJob {
  /** Path of its source. */
  readonly source: string;
  /** Path of what is linked with it. */
  readonly support: string;
  /** Further arguments for this driver. */
  readonly more?: readonly string[];
  /** All texts by their paths; the headers lie in `extensions/c_drivers/include/`. */
  readonly files: Readonly<Record<string, string>>;
}

/** Called for each driver when it is compiled, in the order of the jobs. */
export type Take = (job: number, made: Compiled) => void | Promise<void>;

/**
 * Compiles some drivers in one process: starting the compiler takes longer than most of them.
 *
 * @param timeMs Processor time of each run of clang.
 * @returns Why no more of them could be compiled; null where all were.
 */
export async function compileC(
  jobs: readonly CompileJob[],
  take: Take,
  timeMs: number = DEFAULT_LIMITS.timeMs,
): Promise<NoCompiler | null> {
  const problem = noProcess();
  if (problem !== null) return problem;
  const clang = new SessionClang(timeMs);
  const supports = new Map<string, Uint8Array>();
  try {
    for (const [index, job] of jobs.entries()) {
      printAtTerminal(`compiling ${job.source} (${index + 1} of ${jobs.length})`);
      const made = await compileDriver(job, clang, supports).catch((error) => whyEnded(error, job));
      if ("problem" in made) return made;
      await take(index, made);
    }
  } finally {
    await clang.close();
  }
  return null;
}

/** @throws What is no end of the compiler. */
function whyEnded(error: unknown, { source }: CompileJob): NoCompiler {
  if (!(error instanceof CompilerEnded)) throw error;
  const { hasBegun, how, line, stopped } = error;
  const at = hasBegun ? `in ${source}` : "before it read a file";
  if (stopped !== null) return { problem: `${stopped}, ${at}`, hint: KEPT };
  return {
    problem: `The C compiler ${how}, ${at}: ${line}`,
    hint: hasBegun ? LARGE : DOWNLOAD,
  };
}

/** @param supports What is linked with every driver, by its text: compiled once. */
async function compileDriver(
  { files, more = [], source, support }: CompileJob,
  clang: SessionClang,
  supports: Map<string, Uint8Array>,
): Promise<Compiled> {
  const run = (args: readonly string[]) => clang.run([...COMPILING, ...args], files, STREAM);
  const { module: object, said } = await run(["-c", ...more, source]);
  // Without an object clang's own message is that it is out of memory.
  const sizes = object === null
    ? sizesInAssembler((await run(["-S", ...more, source])).module)
    : sizesIn(object);
  const large = tooLarge(sizes);
  if (large !== "") return { module: null, said: object === null ? large : said + large };
  if (object === null) return { module: null, said };
  let supporting = supports.get(files[support]!);
  if (supporting === undefined) {
    const made = await run(["-c", support]);
    if (made.module === null) return { module: null, said: said + made.said };
    supports.set(files[support]!, supporting = made.module);
  }
  const objects = { "driver.o": object, "support.o": supporting };
  const linked = await clang.run([...LINKING, ...Object.keys(objects)], objects, "driver.wasm");
  return { module: linked.module, said: said + linked.said };
}

/** Sizes in bytes of static variables, by their names. */
type Sizes = ReadonlyMap<string, number>;

/** Sizes where no object can be made; none where the C has a mistake. */
function sizesInAssembler(written: Uint8Array | null): Sizes {
  const text = new TextDecoder().decode(written ?? new Uint8Array());
  return new Map([...text.matchAll(SIZE)].map(([, name, size]) => [name!, Number(size)]));
}

/**
 * Sizes by the symbol table of an object. Its data segments do not show them: for a variable of 4 GiB and
 * more the compiler writes the size modulo 4 GiB.
 *
 * @see WebAssembly tool conventions, Linking
 */
function sizesIn(object: Uint8Array): Sizes {
  const sizes = new Map<string, number>();
  const places = new Set<string>();
  const reader = new ByteReader(object, HEADER_BYTES);
  const symbol = () => {
    const kind = reader.byte();
    const flags = reader.unsigned();
    const isDefined = (flags & SYMBOL_FLAG.UNDEFINED) === 0;
    if (kind !== SYMBOL.DATA) reader.unsigned();
    const isNamed = isDefined || (flags & SYMBOL_FLAG.EXPLICIT_NAME) !== 0;
    const name = kind === SYMBOL.DATA || (kind !== SYMBOL.SECTION && isNamed) ? reader.name() : "";
    if (kind !== SYMBOL.DATA || !isDefined) return;
    const place = `${reader.unsigned()}:${reader.unsigned()}`;
    const bytes = reader.unsigned();
    // A variable may have several names.
    if (!places.has(place)) sizes.set(name, bytes);
    places.add(place);
  };
  for (const { part: section, to } of reader.parts(object.length)) {
    if (section !== SECTION.CUSTOM || reader.name() !== "linking") continue;
    if (reader.unsigned() !== LINKING_VERSION) continue;
    for (const { part, to: end } of reader.parts(to)) {
      if (part !== SYMBOL_TABLE) continue;
      // Assembler can write a section of this name, with any number.
      for (let left = reader.unsigned(); left > 0 && reader.at < end; left--) symbol();
    }
  }
  return sizes;
}

/** The message for static data that is too large; "" otherwise. */
function tooLarge(sizes: Sizes): string {
  const sum = [...sizes.values()].reduce((all, bytes) => all + bytes, 0);
  if (sum <= STATIC_BYTES) return "";
  const [name, bytes] = [...sizes].reduce((a, b) => a[1] >= b[1] ? a : b);
  return `dmalab: static data: ${sum} bytes, ${bytes} of them in ${name.split(".").pop()}\n`;
}
