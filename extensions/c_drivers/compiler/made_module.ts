/** What the compiler made, as a driver of the language; or why its code must not run. */
import type { OfTree } from "../../c_drivers/tree/of_tree.ts";
import { makeCModule } from "../../c_drivers/c_module.ts";
import { RefusedCode } from "../../c_drivers/code_checks.ts";
import type { Diagnostic } from "../../lang/diagnostics/diagnostic.ts";
import type { SourceFile } from "../../lang/source.ts";
import type { CompiledC } from "../../lang/values/c_module.ts";
import type { Compiled } from "./clang.ts";

/** @param ofTree Of a driver that was compiled with a kernel tree. */
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
