/**
 * The C compiler: clang as a WebAssembly module, in a separate process. This file contains clang's
 * arguments and starts the process.
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
  NOTES_AT,
  NOTES_LEFT_AT,
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
  isCompilingAllowed,
} from "@dmalab/cli";
import { progressLine, shellWord, shortPath } from "@dmalab/cli/extend";

/**
 * Wall-clock limit for each order to the compiler's process, including the download of the
 * compiler.
 */
export const MAX_MS = 300_000;
export const LATE = `The C compiler was stopped after ${MAX_MS / 1000} s`;
/** Memory limit of the compiler's process, in bytes. */
export const COMPILER_BYTES = 2 ** 30;
/**
 * The part of `COMPILER_BYTES` that the process needs in addition to clang's own memory. Measured:
 * up to 350 MiB.
 */
const PROCESS_BYTES = 384 * 2 ** 20;
const WASM_PAGE_BYTES = 2 ** 16;

export interface Compiled {
  /** The compiled module; null if the C text has errors. */
  readonly module: Uint8Array<ArrayBuffer> | null;
  readonly said: string;
}

/** Keeps loop variables as in the source, so that a debugger can show them. */
export const KEEP_COUNTERS: readonly string[] = ["-mllvm", "-disable-lsr"];

/**
 * Accesses that the sanitizer must not instrument. The sanitizer's shadow memory does not exist
 * here, and the lab's own code checks these accesses.
 */
const ACCESSES = ["reads", "writes", "atomics", "byval"];

/**
 * Arguments for the checks of compiled code. The checks need line information, guarded stacks, and
 * gaps after static variables.
 */
export const CHECKABLE: readonly string[] = [
  // Lines, types and variables. Variables are kept alive up to the ends of their scopes.
  "-gdwarf-4",
  "-fextend-variable-liveness",
  ...KEEP_COUNTERS,
  "-fvisibility=default",
  // Puts a canary after the arrays of a function. The canary is compared when the function returns.
  "-fstack-protector-all",
  // Puts an inaccessible gap after each static variable.
  "-Xclang",
  "-fsanitize=kernel-address",
  // Skips the verifier. The package's clang is built with assertions, and would otherwise verify
  // its intermediate code after each stage.
  "-Xclang",
  "-disable-llvm-verifier",
  ...["globals=1", "stack=0", ...ACCESSES.map((what) => `instrument-${what}=0`)]
    .flatMap((option) => ["-mllvm", `-asan-${option}`]),
];

/** The target for which drivers are compiled. */
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
  // Makes it an error if a text uses the host's clock.
  "-Werror=date-time",
  "-isystem",
  "include",
  // If a header is included by two paths, the file at the second path contains only an include of
  // the first path, which begins in this folder.
  "-iquote",
  ".",
  ...CHECKABLE,
  // Addresses that the support file needs for the checks.
  `-DDMALAB_SHADOW_AT=${SHADOW_AT}UL`,
  `-DDMALAB_FUEL_AT=${FUEL_AT}UL`,
  `-DDMALAB_CALL_AT=${CALL_AT}UL`,
  `-DDMALAB_CALL_DEPTH_AT=${CALL_DEPTH_AT}UL`,
  `-DDMALAB_CALLS_AT=${CALLS_AT}UL`,
  `-DDMALAB_MAX_CALLS=${MAX_CALLS}`,
  `-DDMALAB_NOTES_LEFT_AT=${NOTES_LEFT_AT}UL`,
  `-DDMALAB_NOTES_AT=${NOTES_AT}UL`,
  `-DDMALAB_BLOCKS_AT=${BLOCKS_AT}UL`,
  `-DDMALAB_STACK_END=${NULL_BYTES}UL`,
  `-DDMALAB_STACK_TOP=${STACK_BYTES}UL`,
  // Warns of a stack frame larger than a kernel stack.
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
  // Needed for calls by pointer, such as of interrupt handlers.
  "-Wl,--export-table",
  "-Wl,--error-limit=50",
  // Makes it an error if a symbol is declared with two types. Otherwise the linker would choose one
  // of the types.
  "-Wl,--fatal-warnings",
];

/** The arguments for all drivers: they are part of the cache keys. */
export const ARGUMENTS: readonly (readonly string[])[] = [COMPILING, LINKING];

export interface CompileJob {
  /** Path of the driver's source. */
  readonly source: string;
  /** Path of the support file, which is linked with the driver. */
  readonly support: string;
  /** Further arguments for this driver. */
  readonly more?: readonly string[];
  /** All texts by their paths, including headers of `extensions/c_drivers/include/`. */
  readonly files: Readonly<Record<string, string>>;
}

/** Why the compiler could not be started, and what to do. */
export type NoCompiler = Omit<NotCompiled, "module">;

/** Why C code cannot run here at all, compiled or not; null if it can. */
export function noDrivers(): NoCompiler | null {
  if (areHeadersReadable()) return null;
  return {
    code: "E0710",
    problem: "Reading the headers of C drivers is not permitted",
    hint: startAgain(),
  };
}

/** Why the compiler's process may not be started; null if it may. */
export function noProcess(): NoCompiler | null {
  if (!isCompilingAllowed()) {
    return { code: "E0710", problem: "This thread does not compile C", hint: startAgain() };
  }
  const { state } = host.permissions.querySync({ name: "run", command: host.execPath() });
  if (state === "granted") return null;
  return {
    code: "E0710",
    problem: "Compiling C starts a process, which is not permitted",
    hint: startAgain(),
  };
}

/** Files that `deno test` recognises as tests by their name. */
const TEST_FILE = /(?:^|[/._])test\.m?[jt]sx?$/;

/** The command line of this process with the permissions needed for compiling and for the cache. */
function startAgain(): string {
  const { args, mainModule } = host;
  const path = mainModule.startsWith("file:")
    ? shortPath(fileURLToPath(mainModule), currentFolder())
    : mainModule;
  const [verb, words] = TEST_FILE.test(path) ? ["test", [path]] : ["run", [path, ...args]];
  return `type \`deno ${verb} -R -W --allow-env --allow-run ${words.map(shellWord).join(" ")}\``;
}

/**
 * Turns optimisation off if few files are compiled. The compiler's process usually runs for a
 * second or two. That is too short for optimised code to pay off. Without optimisation V8 also need
 * not count calls; counting takes a tenth of the time. For a tree's files, optimisation pays off if
 * there are some forty or more: 88 files take 129 s of processor time instead of 151 s.
 */
const FOR_FEW = "--liftoff-only";
const V8_FLAGS = [
  "--no-wasm-inlining",
  "--no-wasm-inlining-call-indirect",
  `--wasm-max-mem-pages=${(COMPILER_BYTES - PROCESS_BYTES) / WASM_PAGE_BYTES}`,
  "--expose-gc",
];

/** Starts the compiler's process. @param forMany Whether dozens of files will be compiled. */
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
    // Its messages are printed as part of others.
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

export const DOWNLOAD = "the first use downloads it: 27 MB from the npm registry";
export const LARGE = "the file may be very large, or the host short of memory";
export const KEPT = `${LARGE}; files that were compiled before stay in the cache`;

/** The limit that ended a job. */
export type Stopped = "time" | "memory";

/** The message for a limit that ended a job, without its full stop. */
export function stoppedText(stopped: Stopped, timeMs: number): string {
  return stopped === "time"
    ? `The C compiler was stopped after ${
      timeMs / 1000
    } s of processor time, the limit of \`--limit time-seconds\``
    : `The C compiler was stopped at ${formatSize(COMPILER_BYTES)} of memory`;
}

/** Least time between two progress lines, if the output is no terminal. */
const PROGRESS_MS = 2000;

/**
 * Returns a function that prints progress lines. At a terminal each line replaces the one before. Elsewhere it
 * prints one line every two seconds, beginning with the first.
 */
export function printProgress(): (line: string) => void {
  let nextMs = 0;
  return (line) => {
    if (progressLine.hasTerminal) return progressLine.show(line);
    if (performance.now() < nextMs) return;
    nextMs = performance.now() + PROGRESS_MS;
    host.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
  };
}

/** Prints a line if the standard error is a terminal. */
export function printAtTerminal(line: string): void {
  if (host.stderr.isTerminal()) host.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** The complete lines of a stream. */
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
