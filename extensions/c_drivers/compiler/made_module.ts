/**
 * Makes a driver of the language from the compiler's output. If its code must not run, gives the
 * reason instead.
 */
import type { OfTree } from "../tree/of_tree.ts";
import { makeCModule } from "../c_module.ts";
import { RefusedCode } from "../code_checks.ts";
import type { Diagnostic } from "@dmalab/lang/diagnostics";
import type { SourceFile } from "@dmalab/lang";
import type { CompiledC } from "@dmalab/lang/values";
import type { Compiled } from "./clang.ts";

/** @param ofTree For a driver that was compiled with a kernel tree. */
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
