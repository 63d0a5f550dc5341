/** Clang of the system, which compiles the files of a tree sooner than the WebAssembly module. */
import type { Compiled } from "../../cli/c/clang.ts";
import type { TreeClang } from "../../cli/c/tree_clang.ts";

/** A clang of the system's, on files in a folder: faster, for those who make dmalab, and not confined to the tree. */
export class SystemClang implements TreeClang {
  readonly #folder = Deno.makeTempDirSync();
  readonly #sent = new Map<string, string>();

  constructor(readonly program: string) {}

  async run(
    args: readonly string[],
    files: Readonly<Record<string, string>>,
    output: string,
  ): Promise<Compiled> {
    for (const [path, text] of Object.entries(files)) {
      if (this.#sent.get(path) === text) continue;
      this.#sent.set(path, text);
      const at = `${this.#folder}/${path}`;
      Deno.mkdirSync(at.slice(0, at.lastIndexOf("/")), { recursive: true });
      Deno.writeTextFileSync(at, text);
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
    return { module, said };
  }

  close(): Promise<void> {
    Deno.removeSync(this.#folder, { recursive: true });
    return Promise.resolve();
  }
}
