/**
 * Makes a driver for scripts from the compiler's output. If the compiled code must not run, gives
 * the reason instead.
 */
import type { OfTree } from "../tree/of_tree.ts";
import { makeCModule } from "../c_module.ts";
import { RefusedCode } from "../code_checks.ts";
import type { Diagnostic } from "@dmalab/lang/diagnostics";
import type { SourceFile } from "@dmalab/lang";
import type { CompiledC } from "@dmalab/lang/values";
import type { Compiled } from "./clang.ts";

/**
 * @param ofTree Facts about the kernel tree with which the driver was compiled; null without a
 *   tree.
 */
export function moduleOf(
  { module }: Compiled,
  source: SourceFile,
  sources: ReadonlyMap<string, SourceFile>,
  diagnostics: readonly Diagnostic[],
  ofTree: OfTree | null = null,
): CompiledC {
  if (module === null) return { module, diagnostics };
  try {
    return { module: makeCModule(source.name, module, sources, ofTree), diagnostics };
  } catch (error) {
    if (!(error instanceof RefusedCode)) throw error;
    const { hint, message } = error;
    const span = error.span ?? { source, start: 0, end: 0 };
    const refused = { code: "E0711", severity: "error", span, message, hint } as const;
    return { module: null, diagnostics: [...diagnostics, refused] };
  }
}
