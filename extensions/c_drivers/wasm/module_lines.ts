/** Finds lines of C for the offsets in a compiled module that appear in the host's stack traces. */
import { type CompiledLine, LineTable } from "./line_table.ts";
import { shapeOf } from "./wasm_reader.ts";

/** A frame of compiled code in the host's stack trace: its function, and its offset in the module. */
export const STACK_FRAME = /at (?:(\S+) \()?wasm:\/\/[^)\s]*?:0x([0-9a-f]+)\)?/g;

export class ModuleLines {
  #known: { readonly codeAt: number; readonly table: LineTable } | null = null;

  /** @param bytes The module, possibly with the compiler's line table. */
  constructor(readonly bytes: Uint8Array) {}

  /** The lines of the compiled functions in a stack trace, the innermost first. */
  inStack(stack: string): readonly CompiledLine[] {
    const { codeAt, table } = this.#read();
    return [...stack.matchAll(STACK_FRAME)].flatMap(([, , offset]) => {
      const line = table.find(parseInt(offset!, 16) - codeAt);
      return line === null ? [] : [line];
    });
  }

  #read() {
    if (this.#known === null) {
      const { codeAt, custom } = shapeOf(this.bytes);
      const table = new LineTable(custom.get(".debug_line") ?? new Uint8Array());
      this.#known = { codeAt, table };
    }
    return this.#known;
  }
}
