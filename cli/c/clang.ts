/**
 * The compiler of C: clang as a WebAssembly module, in a process of its own, which is started when
 * something is to be compiled that has not been before.
 */
import { STACK_BYTES } from "../../lang/builtins/c/c_addresses.ts";
import { host } from "../host.ts";
import { areHeadersReadable, COMPILER_CONFIG, compilerProgram } from "../package/places.ts";

/** No driver takes so long: first the package is downloaded. */
const MOST_MS = 300_000;

/** What came of a compilation. */
export interface Compiled {
  /** Null when the text is wrong. */
  readonly module: Uint8Array<ArrayBuffer> | null;
  /** What the compiler has said. */
  readonly said: string;
}

const OUTPUT = "driver.wasm";

/** What the text is compiled with; all of it is a part of the key. */
export const ARGUMENTS: readonly string[] = [
  "--target=wasm64",
  "-mbulk-memory",
  "-std=gnu11",
  "-O1",
  "-fno-inline",
  "-fno-strict-aliasing",
  "-fno-delete-null-pointer-checks",
  "-fwrapv",
  "-ffreestanding",
  "-fvisibility=default",
  "-nostdlib",
  "-gline-tables-only",
  "-gdwarf-4",
  "-Wall",
  "-Wno-unused-function",
  "-Werror=implicit-function-declaration",
  "-isystem",
  "include",
  // Each turn of a loop and each call of a function is counted.
  "-fsanitize-coverage=trace-pc-guard",
  "-mllvm",
  "-sanitizer-coverage-prune-blocks=0",
  // Each function has a frame: so many fit into the stack wherever the code runs.
  "-fstack-protector-all",
  // Each load and store is announced by a call.
  "-Xclang",
  "-fsanitize=kernel-address",
  "-mllvm",
  "-asan-instrumentation-with-call-threshold=0",
  "-mllvm",
  "-asan-stack=0",
  "-mllvm",
  "-asan-globals=1",
  "-fno-caret-diagnostics",
  "-fno-color-diagnostics",
  "-ferror-limit=50",
  "-Wl,--no-entry",
  "-Wl,--import-memory",
  "-Wl,--stack-first",
  `-Wl,-z,stack-size=${STACK_BYTES}`,
  "-Wl,--export-dynamic",
  "-Wl,--export=__stack_pointer",
  // Handlers of interrupts are called by their pointers.
  "-Wl,--export-table",
  "-Wl,--error-limit=50",
];

/** Sources that make one driver. */
export interface CompileJob {
  /** Paths of what is compiled. */
  readonly sources: readonly string[];
  /** What else the compiler is told. */
  readonly more?: readonly string[];
  /** All texts by their paths; the headers lie in `include/`. */
  readonly files: Readonly<Record<string, string>>;
}

/** Why the compiler could not be started, and what to do. */
export interface NoCompiler {
  readonly problem: string;
  readonly hint: string;
}

const WITH_DENO =
  "install dmalab for Deno, as its README says: `npx -y deno` is one for whom Node is all there is";

/** Why nothing in C can be run here, compiled or not; null where it can. */
export function noDrivers(): NoCompiler | null {
  if (!("Deno" in globalThis)) {
    return { problem: "Drivers in C are compiled and run by Deno, not by Node", hint: WITH_DENO };
  }
  if (areHeadersReadable()) return null;
  const problem = "The headers that C is compiled with may not be read here";
  return { problem, hint: "start with `-R -W --allow-run`: `deno task dmalab` does" };
}

/**
 * Compiles some drivers, each by itself: starting the compiler takes longer than that.
 *
 * @returns What the compiler made of each, or why it could not be started.
 */
export async function compileC(
  jobs: readonly CompileJob[],
): Promise<readonly Compiled[] | NoCompiler> {
  if (host.permissions.querySync({ name: "run", command: host.execPath() }).state !== "granted") {
    return {
      problem: "Compiling C takes a process, which is not allowed here",
      hint:
        "start with `--allow-run`, and with `-W` to compile it once only: `deno task dmalab` does",
    };
  }
  const child = new host.Command(host.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--quiet",
      "--frozen",
      `--config=${COMPILER_CONFIG}`,
      "-R",
      "--allow-env",
      compilerProgram(),
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const late = setTimeout(() => child.kill("SIGKILL"), MOST_MS);
  const writer = child.stdin.getWriter();
  const orders = jobs.map(({ files, more = [], sources }) => ({
    arguments: [...ARGUMENTS, ...more, ...sources, "-o", OUTPUT],
    files,
    output: OUTPUT,
  }));
  const written = writer.write(new TextEncoder().encode(JSON.stringify(orders)))
    // One that ends before it has read all says why itself.
    .then(() => writer.close(), () => {});
  const { code, stderr, stdout } = await child.output();
  await written;
  clearTimeout(late);
  if (code !== 0) {
    const problem = `The compiler of C ends with ${code}: ${firstLine(stderr)}`;
    return { problem, hint: "it is downloaded the first time: 27 MB, from where npm packages are" };
  }
  const made = JSON.parse(new TextDecoder().decode(stdout)) as readonly {
    readonly module: string | null;
    readonly said: string;
  }[];
  return made.map(({ module, said }) => ({
    module: module === null ? null : Uint8Array.fromBase64(module),
    said,
  }));
}

function firstLine(bytes: Uint8Array): string {
  const lines = new TextDecoder().decode(bytes).split("\n").filter((line) => line.trim() !== "");
  return lines[0] ?? "it says nothing";
}
