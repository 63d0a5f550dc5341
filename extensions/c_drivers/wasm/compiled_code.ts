/** The code of a compiled driver, as the readers of its module use it. */
import type { SourceFile } from "@dmalab/lang";
import type { DebugInfo } from "./debug_info.ts";
import type { LineTable } from "./line_table.ts";
import type { LocalSets } from "./wasm_code.ts";
import type { CodeSpan, ModuleShape } from "./wasm_reader.ts";

export interface CompiledCode {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly shape: ModuleShape;
  readonly lines: LineTable;
  readonly debugInfo: DebugInfo;
  /** Facts about the kernel tree that it was compiled with; null without a tree. */
  readonly ofTree: object | null;
  source(file: string): SourceFile | undefined;
  localSets(body: CodeSpan): LocalSets;
}
