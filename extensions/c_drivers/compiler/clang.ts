/**
 * The C compiler: clang as a WebAssembly module, in a separate process. This file has its arguments and
 * starts the process.
 */
import { fileURLToPath } from "node:url";
import {
  BLOCKS_AT,
  CALL_AT,
  CALL_DEPTH_AT,
  CALLS_AT,
  FUEL_AT,
  KERNEL_STACK_BYTES,
  MAX_CALLS,
  NULL_BYTES,
  SHADOW_AT,
  STACK_BYTES,
} from "../c_addresses.ts";
import { formatSize } from "@dmalab/lang/text";
import type { NotCompiled } from "@dmalab/lang/values";
import {
  areHeadersReadable,
  COMPILER_CONFIG,
  compilerProgram,
  currentFolder,
  host,
} from "@dmalab/cli";
import { shellWord, shortPath } from "@dmalab/cli/extend";

/** By the clock no driver takes so long, with the download of the compiler. */
export const MAX_MS = 300_000;
export const LATE = `The C compiler was stopped after ${MAX_MS / 1000} s`;
/** The most memory that the compiler's process takes, in bytes. */
export const COMPILER_BYTES = 2 ** 30;
/**
 * The part of these bytes that the process takes besides clang's own memory: by measurement up to
 * 350 MiB.
 */
const PROCESS_BYTES = 384 * 2 ** 20;
const WASM_PAGE_BYTES = 2 ** 16;

export interface Compiled {
  /** Null when the text is wrong. */
  readonly module: Uint8Array<ArrayBuffer> | null;
  readonly said: string;
}

/** Loops count with the variables of the source, so that a debugger sees them. */
export const KEEP_COUNTERS: readonly string[] = ["-mllvm", "-disable-lsr"];

/**
 * Accesses that the sanitizer would check by a shadow that does not exist; the lab's own code
 * checks them.
 */
const ACCESSES = ["reads", "writes", "atomics", "byval"];

/**
 * Arguments for the checks of the compiled code: they need places, guarded stacks, and room behind
 * static variables.
 */
export const CHECKABLE: readonly string[] = [
  // Lines, types and variables, which are kept to the ends of their scopes.
  "-gdwarf-4",
  "-fextend-variable-liveness",
  ...KEEP_COUNTERS,
  "-fvisibility=default",
  // Behind the arrays of a function lies a word that is compared when it returns.
  "-fstack-protector-all",
  // Behind each static variable lies room that must not be touched.
  "-Xclang",
  "-fsanitize=kernel-address",
  // The package's clang has assertions, and checks its own intermediate code after each stage.
  "-Xclang",
  "-disable-llvm-verifier",
  ...["globals=1", "stack=0", ...ACCESSES.map((what) => `instrument-${what}=0`)]
    .flatMap((option) => ["-mllvm", `-asan-${option}`]),
];

/** The machine that drivers are compiled for. */
export const TARGET: readonly string[] = [
  "--target=wasm64",
  "-mbulk-memory",
  "-O1",
  "-ffreestanding",
  "-nostdlib",
];
const SAID = ["-fno-caret-diagnostics", "-fno-color-diagnostics", "-ferror-limit=50"];

/** Arguments that compile a C file to an object. */
export const COMPILING: readonly string[] = [
  ...TARGET,
  ...SAID,
  "-std=gnu11",
  "-fno-inline",
  "-fno-strict-aliasing",
  "-fno-delete-null-pointer-checks",
  "-fwrapv",
  "-Wall",
  "-Wno-unused-function",
  "-Werror=implicit-function-declaration",
  // The host's clock.
  "-Werror=date-time",
  "-isystem",
  "include",
  // A header that is included by two paths is compiled by the first one.
  "-iquote",
  ".",
  ...CHECKABLE,
  // Addresses by which the support file checks accesses.
  `-DDMALAB_SHADOW_AT=${SHADOW_AT}UL`,
  `-DDMALAB_FUEL_AT=${FUEL_AT}UL`,
  `-DDMALAB_CALL_AT=${CALL_AT}UL`,
  `-DDMALAB_CALL_DEPTH_AT=${CALL_DEPTH_AT}UL`,
  `-DDMALAB_CALLS_AT=${CALLS_AT}UL`,
  `-DDMALAB_MAX_CALLS=${MAX_CALLS}`,
  `-DDMALAB_BLOCKS_AT=${BLOCKS_AT}UL`,
  `-DDMALAB_STACK_END=${NULL_BYTES}UL`,
  `-DDMALAB_STACK_TOP=${STACK_BYTES}UL`,
  // A frame that no stack of a kernel has room for.
  `-Wframe-larger-than=${KERNEL_STACK_BYTES}`,
];

/** Arguments that link objects into a module. */
export const LINKING: readonly string[] = [
  ...TARGET,
  ...SAID,
  "-Wl,--no-entry",
  "-Wl,--import-memory",
  "-Wl,--stack-first",
  `-Wl,-z,stack-size=${STACK_BYTES}`,
  "-Wl,--export-dynamic",
  "-Wl,--export=__stack_pointer",
  "-Wl,--export=__wasm_call_ctors",
  // Handlers of interrupts are called by their pointers.
  "-Wl,--export-table",
  "-Wl,--error-limit=50",
  // A name of two types is one: the linker would choose between them.
  "-Wl,--fatal-warnings",
];

/** What all drivers are compiled with: a part of their keys. */
export const ARGUMENTS: readonly (readonly string[])[] = [COMPILING, LINKING];

export interface CompileJob {
  /** Path of its source. */
  readonly source: string;
  /** Path of the support file that is linked with it. */
  readonly support: string;
  /** Further arguments for this driver. */
  readonly more?: readonly string[];
  /** All texts by their paths; the headers lie in `extensions/c_drivers/include/`. */
  readonly files: Readonly<Record<string, string>>;
}

/** Why the compiler could not be started, and what to do. */
export type NoCompiler = Omit<NotCompiled, "module">;

/** Why nothing in C can be run here, compiled or not; null where it can. */
export function noDrivers(): NoCompiler | null {
  if (areHeadersReadable()) return null;
  return {
    code: "E0710",
    problem: "Reading the headers of C drivers is not permitted",
    hint: startAgain(),
  };
}

/** Why the compiler's process may not be started; null where it may. */
export function noProcess(): NoCompiler | null {
  const { state } = host.permissions.querySync({ name: "run", command: host.execPath() });
  if (state === "granted") return null;
  return {
    code: "E0710",
    problem: "Compiling C starts a process, which is not permitted",
    hint: startAgain(),
  };
}

/** Files that `deno test` takes for tests without being named. */
const TEST_FILE = /(?:^|[/._])test\.m?[jt]sx?$/;

/** The command line of this process, with what compiling needs, and what keeps what was compiled. */
function startAgain(): string {
  const { args, mainModule } = host;
  const path = mainModule.startsWith("file:")
    ? shortPath(fileURLToPath(mainModule), currentFolder())
    : mainModule;
  const [verb, words] = TEST_FILE.test(path) ? ["test", [path]] : ["run", [path, ...args]];
  return `type \`deno ${verb} -R -W --allow-env --allow-run ${words.map(shellWord).join(" ")}\``;
}

/**
 * A compiler that runs for a second or two ends before optimised code of it pays; and then nothing has to
 * count its calls, which optimising needs, and which takes a tenth of the time. After some forty files of a
 * tree it does pay: 88 files take 129 s of processor time instead of 151 s.
 */
const FOR_FEW = "--liftoff-only";
const V8_FLAGS = [
  "--no-wasm-inlining",
  "--no-wasm-inlining-call-indirect",
  `--wasm-max-mem-pages=${(COMPILER_BYTES - PROCESS_BYTES) / WASM_PAGE_BYTES}`,
  "--expose-gc",
];

/** Starts the compiler's process. @param forMany It will compile dozens of files. */
export function startCompiler(forMany = false): Deno.ChildProcess {
  return new host.Command(host.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--quiet",
      "--frozen",
      `--v8-flags=${[...forMany ? [] : [FOR_FEW], ...V8_FLAGS].join(",")}`,
      `--config=${COMPILER_CONFIG}`,
      "-R",
      compilerProgram(),
      String(COMPILER_BYTES),
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

export const DOWNLOAD = "the first use downloads it: 27 MB from the npm registry";
export const LARGE = "the file may be very large, or the host short of memory";
export const KEPT = `${LARGE}; files that were compiled before stay in the cache`;

/** The limit at which the process ended a job. */
export type Stopped = "time" | "memory";

/** As a sentence without its end. */
export function stoppedText(stopped: Stopped, timeMs: number): string {
  return stopped === "time"
    ? `The C compiler was stopped after ${
      timeMs / 1000
    } s of processor time, the limit of \`--max-time\``
    : `The C compiler was stopped at ${formatSize(COMPILER_BYTES)} of memory`;
}

/** Between two lines of progress without a terminal. */
const PROGRESS_MS = 2000;

/** Prints lines for a user who waits: each one at a terminal, and elsewhere one every two seconds, the first at once. */
export function printProgress(): (line: string) => void {
  let nextMs = 0;
  return (line) => {
    if (!host.stderr.isTerminal() && performance.now() < nextMs) return;
    nextMs = performance.now() + PROGRESS_MS;
    host.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
  };
}

/** Prints a line for a user who waits at a terminal. */
export function printAtTerminal(line: string): void {
  if (host.stderr.isTerminal()) host.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** Complete lines of a stream. */
export async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const parts: string[] = [];
  const decoder = new TextDecoder();
  for await (const bytes of stream) {
    const [rest, ...lines] = decoder.decode(bytes, { stream: true }).split("\n");
    parts.push(rest!);
    for (const line of lines) {
      yield parts.splice(0).join("");
      parts.push(line);
    }
  }
}
