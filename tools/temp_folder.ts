/** A temporary folder, removed at the end of the block that declares it. */
import { dirname, join } from "node:path";

const ENCODER = new TextEncoder();

/**
 * A folder in the host's folder for temporary files; it is removed when the block that declares it
 * ends.
 */
export class TempFolder implements Disposable {
  readonly path: string = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "dmalab-" }));

  /** @param files Texts by their paths in the folder. */
  constructor(files: Readonly<Record<string, string>> = {}) {
    for (const [name, text] of Object.entries(files)) this.write(name, text);
  }

  /** A path in the folder. */
  at(...names: readonly string[]): string {
    return join(this.path, ...names);
  }

  /** Writes a file, and creates the folders around it. @returns Its path. */
  write(name: string, content: string | Uint8Array): string {
    const path = this.at(name);
    Deno.mkdirSync(dirname(path), { recursive: true });
    Deno.writeFileSync(path, typeof content === "string" ? ENCODER.encode(content) : content);
    return path;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}
