/** Compiles drivers that do not use a kernel tree, by {@linkcode CompilerService}. */
import { keepBytes, keptBytes } from "@dmalab/cli";
import { progressLine } from "@dmalab/cli/extend";
import { STATIC_BYTES } from "../c_addresses.ts";
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import {
  type Compiled,
  type CompileJob,
  COMPILING,
  DOWNLOAD,
  KEPT,
  LARGE,
  LATE,
  LINKING,
  type NoCompiler,
  printProgress,
  stoppedText,
} from "./clang.ts";
import { type CompilerEnd, compilerService } from "./compiler_service.ts";

/**
 * Cache key that is set once the compiler has begun a file. The compiler has then been downloaded.
 */
const BEGUN = "compiler-begun";

/** If the compiler takes longer than this to start, a message says so. */
const START_MS = 3000;

/** Called for each driver when it is compiled, in the order of the jobs. */
export type Take = (job: number, made: Compiled) => void | Promise<void>;

/**
 * Compiles some drivers.
 *
 * @param timeMs Processor time limit for each driver.
 * @returns Why not all drivers could be compiled; null if all were compiled.
 */
export async function compileC(
  jobs: readonly CompileJob[],
  take: Take,
  timeMs: number = DEFAULT_LIMITS.timeMs,
  service = compilerService,
): Promise<NoCompiler | null> {
  const print = printProgress();
  // That the compiler is slow to start says nothing of its files: their first line is printed, too.
  const printStart = printProgress();
  for (const [index, job] of jobs.entries()) {
    // Only a download can take this long before the first file begins.
    const starting = service.pid === null
      ? setTimeout(async () => {
        const isKnown = await keptBytes("c", BEGUN) !== null;
        printStart(isKnown ? "starting the C compiler" : `starting the C compiler; ${DOWNLOAD}`);
      }, START_MS)
      : undefined;
    const made = await service.request({
      timeMs,
      body: () => ({ compiling: COMPILING, linking: LINKING, staticBytes: STATIC_BYTES, job }),
      onBegin: () => {
        clearTimeout(starting);
        const source = job.source.replace(/^root\//, "/");
        print(`compiling ${source} (${index + 1} of ${jobs.length})`);
      },
    });
    clearTimeout(starting);
    progressLine.clear();
    if ("problem" in made) return made;
    if ("isBegun" in made) return problemOf(made, timeMs, job);
    if (starting !== undefined) await keepBytes("c", BEGUN, new Uint8Array());
    await take(index, made);
  }
  return null;
}

function problemOf(ended: CompilerEnd, timeMs: number, { source }: CompileJob): NoCompiler {
  const { end, isBegun, isLate, line, stopped } = ended;
  const at = isBegun ? `in ${source}` : "before it read a file";
  const code = "E0714";
  if (stopped !== null) {
    return { code, problem: `${stoppedText(stopped, timeMs)}, ${at}`, hint: KEPT };
  }
  if (isLate) return { code, problem: `${LATE}, ${at}`, hint: KEPT };
  return {
    code,
    problem: `The C compiler ${end}, ${at}: ${line ?? "it printed no error"}`,
    hint: isBegun ? LARGE : DOWNLOAD,
  };
}
