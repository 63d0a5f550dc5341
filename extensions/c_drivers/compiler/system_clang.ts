/**
 * Uses a system's clang for files of a tree, if a suitable clang is installed. `system_main.ts` runs this
 * clang.
 */
import {
  chosenCompiler,
  CLANG_MAJOR,
  hashOf,
  host,
  keepBytes,
  keptValue,
  linkerBeside,
  PACKAGED,
  readCompilerLock,
  SYSTEM_CLANGS,
  systemClangProgram,
} from "@dmalab/cli";
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import { IR } from "../tree/ir.ts";
import { TREE_ARGUMENTS } from "../tree/unit.ts";
import { CHECKABLE, type Compiled, COMPILER_BYTES } from "./clang.ts";
import { CompilerService, printLine } from "./compiler_service.ts";
import type { PrecompiledHeaders } from "./precompiled.ts";
import { type ClangFiles, CompilerError, SessionClang, type TreeClang } from "./tree_clang.ts";

/** The only folder that the process may read and write: it holds copies of the compiled texts. */
const TEMPORARY = "/tmp";
const CHECK = "lab/check.c";
/**
 * Source that checks that no file of the host is visible to the compiler. Files of the host could
 * be visible by their path or among the compiler's own headers.
 */
const CHECK_TEXT = `
#if __has_include("/bin/sh") || __has_include("/etc/passwd") || __has_include(<stddef.h>)
#error files of the host are visible
#endif
int lab_check(int x) { return x; }
`;
/** All arguments of the check: a compiler may know some of them and not others, so the kept result depends on them. */
const CHECK_ARGUMENTS: readonly string[] = [...TREE_ARGUMENTS, ...CHECKABLE, ...IR, CHECK];
const VERSION = /\bclang version (\d+)\.\S*/;
/**
 * Inline assembler that names no file, so that the compiler reads no file for it: an empty barrier,
 * and the assembler of the lab's own support file.
 */
const HARMLESS = new Set([
  "",
  ".globaltype __stack_pointer, i64",
  "local.get $0\\0A\\09global.set __stack_pointer",
]);
const ASSEMBLER = /\basm (?:(?:sideeffect|alignstack|inteldialect|unwind) )*"([^"]*)"/g;
const STRING = /"[^"]*"/g;
const WORD = /(?<![\w.@%$!])asm\b/;
/** Name of a file that dmalab itself made, rather than of a file of a tree. */
const OURS = /^[^/]+\.ll$/;
/**
 * The compiler's name and version in LLVM IR. They are removed, so that versions that make the same code also
 * make the same text.
 */
const NAMED =
  /(?<=^!\d+ = (?:!\{|distinct !DICompileUnit\(.*?\bproducer: )!?")[^"]*clang version [^"]*(?=")/gm;

/** An installed clang and its linker. */
interface InstalledClang {
  readonly path: string;
  readonly linker: string;
}

interface Checked {
  /** The compiler's own version text; null if the compiler cannot be used. */
  readonly version: string | null;
  readonly problem: string;
}

/** Reads the stored result of a check. @throws {Error} If it is something else. */
function readChecked(bytes: Uint8Array): Checked {
  const { problem, version } = JSON.parse(new TextDecoder().decode(bytes)) as Partial<Checked>;
  if (typeof problem !== "string" || version !== null && typeof version !== "string") {
    throw new TypeError("this is no result of a check");
  }
  return { problem, version };
}

/**
 * The name under which the result of a check is kept. It depends on all that decides the check: a clang may lack
 * one of the arguments.
 */
export async function checkKey(
  path: string,
  { mtime, size }: Pick<Deno.FileInfo, "mtime" | "size">,
  args: readonly string[] = CHECK_ARGUMENTS,
): Promise<string> {
  const known = [path, size, mtime?.getTime(), chosenCompiler(), readCompilerLock(), args];
  return `clang-${await hashOf(new TextEncoder().encode(JSON.stringify([...known, CHECK_TEXT])))}`;
}

function isThere(path: string): boolean {
  if (host.permissions.querySync({ name: "read", path }).state !== "granted") return false;
  try {
    return host.statSync(path).isFile;
  } catch {
    return false;
  }
}

/**
 * The installed clang that may be used; it is not checked yet. Null if dmalab's own clang is to be
 * used.
 */
function installedClang(): InstalledClang | null {
  const chosen = chosenCompiler();
  // Only Linux can limit the address space of a process.
  if (chosen === PACKAGED || host.build.os !== "linux") return null;
  const path = chosen ?? SYSTEM_CLANGS.find(isThere);
  return path === undefined ? null : { path, linker: linkerBeside(path) };
}

/** Starts the process that runs the system's clang. */
function startSystemClang(): Deno.ChildProcess {
  const { linker, path } = installedClang()!;
  return new host.Command(host.execPath(), {
    args: [
      ...["run", "--no-prompt", "--quiet", "--no-config", "--no-lock", "--no-npm", "--no-remote"],
      ...[`-R=${TEMPORARY}`, `-W=${TEMPORARY}`, "--allow-run=/bin/sh"],
      ...[systemClangProgram(), path, linker, TEMPORARY, String(COMPILER_BYTES)],
    ],
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Manages this thread's process that runs the system's clang. */
const systemClangService = new CompilerService(startSystemClang);

/**
 * Uses the system's clang if a suitable clang is installed, else dmalab's own clang. The user can
 * choose.
 */
export class TreeCompiler implements TreeClang {
  readonly #packaged: SessionClang;
  #system: Promise<SystemClang | null> | null = null;
  #used: TreeClang;

  /**
   * @param timeMs Processor time limit for each file.
   * @param tell Receives a line if a system's clang is not used.
   */
  constructor(timeMs: number = DEFAULT_LIMITS.timeMs, private readonly tell = printLine) {
    this.#used = this.#packaged = new SessionClang(timeMs);
  }

  get precompiled(): PrecompiledHeaders {
    return this.#used.precompiled;
  }

  async identity(): Promise<string> {
    const system = await (this.#system ??= this.#checked());
    this.#used = system ?? this.#packaged;
    return this.#used.identity();
  }

  async run(args: readonly string[], files: ClangFiles, output: string): Promise<Compiled> {
    await this.identity();
    const made = await this.#used.run(args, files, output);
    if (made.module === null || !args.includes("-emit-llvm")) return made;
    return { ...made, module: withoutName(made.module) };
  }

  expectMany(): void {
    this.#used.expectMany?.();
  }

  async close(): Promise<void> {
    await systemClangService.close();
    await this.#packaged.close();
  }

  /**
   * The system's clang, if it passes the checks. The result is cached by the path and the modification time
   * of this clang.
   */
  async #checked(): Promise<SystemClang | null> {
    const installed = installedClang();
    if (installed === null) return null;
    const { linker, path } = installed;
    const system = new SystemClang(this.#packaged, isThere(linker));
    const problem = (why: string) => {
      this.tell(`${path} is not used, but dmalab's own C compiler: ${why}`);
      return null;
    };
    if (!isThere(path)) return problem("there is no such file, or it may not be read");
    const key = await checkKey(path, host.statSync(path));
    const kept = await keptValue("c", key, readChecked);
    const checked = kept ?? await system.check();
    if (kept === null) {
      await keepBytes("c", key, new TextEncoder().encode(JSON.stringify(checked)));
    }
    if (checked.version === null) {
      // The problem was already reported in the run that made the check.
      if (kept !== null && chosenCompiler() === null) return null;
      return problem(checked.problem);
    }
    system.version = checked.version;
    return system;
  }
}

/** A system's clang. Compilations that are not safe with it are passed to dmalab's own clang. */
class SystemClang implements TreeClang {
  readonly precompiled = systemClangService.precompiled;
  readonly #session: SessionClang;
  version = "";

  constructor(readonly packaged: SessionClang, readonly links: boolean) {
    this.#session = new SessionClang(packaged.timeMs, systemClangService);
  }

  identity(): Promise<string> {
    return Promise.resolve(`${this.version} ${readCompilerLock()}`);
  }

  run(args: readonly string[], files: ClangFiles, output: string): Promise<Compiled> {
    const isLinked = output !== "-";
    const source = args.at(-1)!;
    const isOurs = OURS.test(source) && !hasAssembler(String(files[source]));
    const isSafe = isLinked ? this.links : !args.includes("-c") || isOurs;
    if (!isSafe) return this.packaged.run(args, files, output);
    return this.#session.run(args, files, output);
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  /** The compiler's version, or the reason why the compiler cannot be used. */
  async check(): Promise<Checked> {
    let version: string | null = null;
    const cannot = (problem: string) => ({
      version: null,
      problem: version === null ? problem : `it is ${version}: ${problem}`,
    });
    try {
      const { module } = await this.#session.run(["--version"], {}, "-");
      const [named = null, major] = VERSION.exec(new TextDecoder().decode(module ?? undefined)) ??
        [];
      version = named;
      if (version === null) return cannot("it does not name its version");
      if (Number(major) !== CLANG_MAJOR && chosenCompiler() === null) {
        return cannot(`only version ${CLANG_MAJOR} makes the same code`);
      }
      const { module: made, said } = await this.#session.run(CHECK_ARGUMENTS, {
        [CHECK]: CHECK_TEXT,
      }, "-");
      if (made === null) return cannot(said.trim().split("\n")[0]!);
      return { version, problem: "" };
    } catch (error) {
      if (!(error instanceof CompilerError)) throw error;
      return cannot(error.message);
    }
  }
}

/** Whether a text in LLVM IR contains assembler that could name a file. */
export function hasAssembler(text: string): boolean {
  let isHarmless = true;
  const rest = text.replace(ASSEMBLER, (_all, assembler: string) => {
    isHarmless &&= HARMLESS.has(assembler);
    return "";
  });
  return !isHarmless || WORD.test(rest.replace(STRING, '""'));
}

/** Removes the compiler's name from code. */
function withoutName(ir: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const text = new TextDecoder().decode(ir);
  return new TextEncoder().encode(text.replace(NAMED, `clang version ${CLANG_MAJOR}`));
}
