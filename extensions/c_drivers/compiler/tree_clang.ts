/**
 * A compiler for many files of a tree. Its process is kept, and each text is sent to the process
 * once.
 */
import { TreeError } from "@dmalab/runtime/kernels";
import { DEFAULT_LIMITS, type NotCompiled } from "@dmalab/lang/values";
import { type Compiled, DOWNLOAD, LARGE, LATE, stoppedText } from "./clang.ts";
import { readCompilerLock } from "@dmalab/cli";
import { compilerService } from "./compiler_service.ts";
import type { PrecompiledHeaders } from "./precompiled.ts";

/** Texts, and objects of earlier runs, by their paths. */
export type ClangFiles = Readonly<Record<string, string | Uint8Array<ArrayBuffer>>>;

/** The compiler has failed, for a reason other than the tree. */
export class CompilerError extends TreeError {
  constructor(readonly code: NotCompiled["code"], message: string, hint: string) {
    super(message, hint);
  }
}

/** A compiler that runs clang on files of a tree. */
export interface TreeClang {
  /** Headers that this compiler has precompiled. */
  readonly precompiled: PrecompiledHeaders;
  /** The compiler and its version: part of the cache keys. */
  identity(): Promise<string>;
  run(
    args: readonly string[],
    files: ClangFiles,
    output: string,
  ): Promise<Compiled>;
  /** Announces that dozens of files follow. */
  expectMany?(): void;
  close(): Promise<void>;
}

/** Clang as a WebAssembly module, in the process that all compilations share. */
export class SessionClang implements TreeClang {
  /**
   * @param timeMs Processor time limit for each file.
   * @param service Manages the process.
   */
  constructor(
    readonly timeMs: number = DEFAULT_LIMITS.timeMs,
    private readonly service = compilerService,
  ) {}

  get precompiled(): PrecompiledHeaders {
    return this.service.precompiled;
  }

  identity(): Promise<string> {
    return Promise.resolve(readCompilerLock());
  }

  /** @throws {CompilerError} If the process cannot be started, or ends. */
  async run(args: readonly string[], files: ClangFiles, output: string): Promise<Compiled> {
    const { timeMs } = this;
    const body = (sent: Map<string, string | Uint8Array>) => {
      const put: Record<string, string> = {};
      const objects: Record<string, string> = {};
      for (const [path, content] of Object.entries(files)) {
        if (sent.get(path) === content) continue;
        sent.set(path, content);
        if (typeof content === "string") put[path] = content;
        else objects[path] = content.toBase64();
      }
      return { args, put, objects, names: Object.keys(files), output };
    };
    const made = await this.service.request({ timeMs, body });
    if ("problem" in made) throw new CompilerError(made.code, made.problem, made.hint);
    if (!("isBegun" in made)) return made;
    if (made.stopped !== null) {
      throw new CompilerError("E0714", stoppedText(made.stopped, timeMs), LARGE);
    }
    if (made.isLate) throw new CompilerError("E0714", LATE, LARGE);
    const problem = `The C compiler ended: ${made.line ?? "it printed no error"}`;
    throw new CompilerError("E0714", problem, DOWNLOAD);
  }

  expectMany(): void {
    this.service.expectMany();
  }

  close(): Promise<void> {
    return this.service.close();
  }
}
