/**
 * A clang of the system, which compiles the files of a tree faster than the WebAssembly build of
 * clang.
 */
import {
  type ClangFiles,
  type Compiled,
  PrecompiledHeaders,
  type TreeClang,
} from "@dmalab/c_drivers";

/**
 * Runs a clang of the system on files in a folder. It is faster, and is for developers of dmalab
 * only, because its file access is not confined to the tree.
 */
export class SystemClang implements TreeClang {
  readonly precompiled = new PrecompiledHeaders();
  readonly #folder = Deno.makeTempDirSync();
  readonly #sent = new Map<string, ClangFiles[string]>();
  /** A number for each text, used in cache keys. `#made`: the compiled results by these keys. */
  readonly #texts = new Map<ClangFiles[string], number>();
  readonly #made = new Map<string, Compiled>();

  constructor(readonly program: string) {}

  identity(): Promise<string> {
    return Promise.resolve(this.program);
  }

  async run(
    args: readonly string[],
    files: ClangFiles,
    output: string,
  ): Promise<Compiled> {
    const numbers = Object.entries(files).map(([path, text]) => {
      const number = this.#texts.get(text) ?? this.#texts.size;
      this.#texts.set(text, number);
      return [path, number];
    });
    const key = JSON.stringify([args, numbers.toSorted(), output]);
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    for (const [path, text] of Object.entries(files)) {
      if (this.#sent.get(path) === text) continue;
      this.#sent.set(path, text);
      const at = `${this.#folder}/${path}`;
      Deno.mkdirSync(at.slice(0, at.lastIndexOf("/")), { recursive: true });
      if (typeof text === "string") Deno.writeTextFileSync(at, text);
      else Deno.writeFileSync(at, text);
    }
    const { code, stderr, stdout } = await new Deno.Command(this.program, {
      args: [...args, "-o", output],
      cwd: this.#folder,
      stderr: "piped",
      stdout: "piped",
    }).output();
    const said = new TextDecoder().decode(stderr);
    const module = code !== 0
      ? null
      : output === "-"
      ? new Uint8Array(stdout)
      : Deno.readFileSync(`${this.#folder}/${output}`);
    const made = { module, said };
    this.#made.set(key, made);
    return made;
  }

  close(): Promise<void> {
    Deno.removeSync(this.#folder, { recursive: true });
    return Promise.resolve();
  }
}
