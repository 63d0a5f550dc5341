/** What the compiler has said, as diagnostics of ours. */
import { C_CALLS, type CCall } from "../../lang/builtins/c/calls.ts";
import type { CTarget } from "../../lang/builtins/c/header_text.ts";
import type { Diagnostic } from "../../lang/diagnostics/diagnostic.ts";
import type { SourceFile, Span } from "../../lang/source.ts";
import { KERNEL_NAMES, KERNELS } from "../../runtime/kernels/kernels.ts";

/** What is known of a compilation. */
interface Compilation {
  /** The source that was asked for: what belongs to no place is told there. */
  readonly main: SourceFile;
  /** All of them, by the names that the compiler knows. */
  readonly sources: ReadonlyMap<string, SourceFile>;
  readonly target: CTarget;
}

const PLACED = /^(.+?):(\d+):(\d+): (fatal error|error|warning|note): (.*)$/;
/** How the compiler names what lies beside a source of no folder. */
const HERE = /^\.\//;
/** The linker has no place in a source. */
const LINKED = /^wasm-ld: error: .*?(undefined symbol: .*)$/;
/** The name of the option that a warning came by. */
const OPTION = / \[-W[^\]]*\]$/;
const UNDECLARED = /^(?:call to undeclared function|use of undeclared identifier) '(\w+)'/;

/** Reads the lines that clang and the linker have written. */
export function saidDiagnostics(said: string, compilation: Compilation): readonly Diagnostic[] {
  const found: Diagnostic[] = [];
  for (const line of said.split("\n")) {
    const placed = PLACED.exec(line.replace(HERE, ""));
    if (placed !== null) {
      const [, file, row, column, kind, text] = placed;
      const span = spanAt(compilation, file!, Number(row), Number(column));
      const last = found.at(-1);
      if (kind !== "note") found.push(diagnosticOf(kind!, text!, span, compilation));
      else if (last !== undefined && compilation.sources.has(file!)) {
        const related = [...last.related ?? [], { span, message: text! }];
        found[found.length - 1] = { ...last, related };
      }
      continue;
    }
    const linked = LINKED.exec(line);
    if (linked !== null) {
      const span = { source: compilation.main, start: 0, end: 0 };
      found.push({ code: "E0711", severity: "error", span, message: linked[1]! });
    }
  }
  return found;
}

function diagnosticOf(
  kind: string,
  text: string,
  span: Span,
  { target }: Compilation,
): Diagnostic {
  const message = text.replace(OPTION, "");
  const severity = kind === "warning" ? "warning" : "error";
  const code = kind === "warning" ? "W0308" : "E0711";
  const unknown = UNDECLARED.exec(message)?.[1];
  const call = unknown === undefined ? undefined : callNamed(unknown);
  if (call?.isIn === undefined || call.isIn(target.strategies)) {
    return { code, severity, span, message };
  }
  return {
    code: "E0711",
    severity: "error",
    span,
    message: `There is no ${unknown}() in ${target.kernel}`,
    hint: `it exists ${whenItIs(call)}, of the releases that are modelled`,
  };
}

function callNamed(name: string): CCall | undefined {
  return C_CALLS.find(({ prototype }) => prototype.name === name);
}

/** Since which release, or until which one. */
function whenItIs({ isIn }: CCall): string {
  const releases = KERNEL_NAMES.filter((name) => isIn?.(KERNELS[name].strategies));
  if (!releases.includes(KERNEL_NAMES.at(-1)!)) return `until ${releases.at(-1)}`;
  // Of releases with a third number there is an earlier one with two.
  return `since ${releases.toSorted((a, b) => a.length - b.length)[0]}`;
}

function spanAt({ main, sources }: Compilation, file: string, line: number, column: number): Span {
  const source = sources.get(file);
  // In a header of ours: the driver's own text has led there.
  if (source === undefined) return { source: main, start: 0, end: 0 };
  const start = (source.lineStarts[line - 1] ?? 0) + column - 1;
  const [word] = /^\w+/.exec(source.text.slice(start)) ?? [" "];
  return { source, start, end: Math.min(source.text.length, start + word.length) };
}
