/** What the compiler made, as a driver of the language; or why its code must not run. */
import type { OfTree } from "../../c_drivers/tree/of_tree.ts";
import { makeCModule } from "../../c_drivers/c_module.ts";
import { RefusedCode, spanOfName } from "../../c_drivers/code_checks.ts";
import type { Diagnostic } from "../../lang/diagnostics/diagnostic.ts";
import type { SourceFile } from "../../lang/source.ts";
import type { CompiledC } from "../../lang/values/c_module.ts";
import type { Compiled } from "./clang.ts";

/**
 * The linker found a name with two types, of which it keeps one: which one is for the driver to
 * choose. Files of a tree may name each other's functions so, but not those that check their code.
 */
const TWO_TYPES = /^wasm-ld: warning: function signature mismatch: (\w+)$/gm;
const CHECKING = /^dmalab_/;

/** @param ofTree Of a driver that was compiled with a kernel tree. */
export function moduleOf(
  { module, said }: Compiled,
  source: SourceFile,
  sources: ReadonlyMap<string, SourceFile>,
  diagnostics: readonly Diagnostic[],
  ofTree: OfTree | null = null,
): CompiledC {
  if (module === null) return { module, diagnostics };
  try {
    for (const [, name] of said.matchAll(TWO_TYPES)) {
      if (ofTree !== null && !CHECKING.test(name!)) continue;
      const text = `${name}() has another type here than where the lab defines it`;
      throw new RefusedCode(text, "choose another name", spanOfName(name!, sources));
    }
    return { module: makeCModule(source.name, module, sources, ofTree), diagnostics };
  } catch (error) {
    if (!(error instanceof RefusedCode)) throw error;
    const { hint, message } = error;
    const span = error.span ?? { source, start: 0, end: 0 };
    const refused = { code: "E0711", severity: "error", span, message, hint } as const;
    return { module: null, diagnostics: [...diagnostics, refused] };
  }
}
