/** Converts the compiler's messages to diagnostics. */
import { C_CALLS, type CCall } from "../calls.ts";
import type { CTarget } from "../header_text.ts";
import { spanOfName, STATIC_HINT } from "../code_checks.ts";
import type { Diagnostic } from "@dmalab/lang/diagnostics";
import type { SourceFile, Span } from "@dmalab/lang";
import type { LoadError } from "@dmalab/lang/syntax";
import { formatSize } from "@dmalab/lang/text";
import { MIB } from "@dmalab/runtime";
import { type Compiled, COMPILER_BYTES } from "./clang.ts";
import { KERNEL_NAMES, resolveKernel } from "@dmalab/runtime/kernels";

interface Compilation {
  /** The requested source: messages without a place are reported there. */
  readonly main: SourceFile;
  /** All sources, by their names for the compiler. */
  readonly sources: ReadonlyMap<string, SourceFile>;
  /** Headers that could not be loaded, by their names in the include lines. */
  readonly refused: ReadonlyMap<string, LoadError>;
  readonly target: CTarget;
  /** Whether the headers are dmalab's rather than a kernel tree's. */
  readonly hasOwnHeaders?: boolean;
}

const NO_HEADER_HINT =
  'dmalab\'s own headers do not have it: compile with those of a kernel tree, `c "FILE" { tree = "../linux" }`';

const PLACED = /^(.+?):(\d+):(\d+): (fatal error|error|warning|note): (.*)$/;
/**
 * The prefix `./`, which the compiler writes before the name of a file beside a source if the
 * source's name has no folder.
 */
const HERE = /^\.\//;
/** An error of the linker about a symbol. */
const LINKED =
  /^wasm-ld: error: .*?((?:undefined symbol|duplicate symbol|function signature mismatch): (\w+).*)$/;
/** The message for too large static data: the total size, and the largest variable. */
const LARGE = /^dmalab: static data: (\d+) bytes, (\d+) of them in (\w+)$/;
/** An error without a place. */
const UNPLACED = /^(?:[\w.-]+: )?(?:fatal )?error: (.*)$/;
/** The hint if memory runs out. Assembly code can request sections of any size. */
const MEMORY_HINT = "a smaller section, or several files";
const NO_MEMORY = /^LLVM ERROR: out of memory$/;
/**
 * Messages of a failed clang. It is a WebAssembly module, and deep nesting in the source can
 * exhaust its stack.
 */
const TRAP = /^(?:memory access out of bounds|unreachable|Maximum call stack size exceeded)$/;
/** Largest number of errors without a place that are reported: any further ones repeat the same. */
const MAX_WITHOUT_LOCATION = 5;
/** The name of the option that controls a warning. */
const OPTION = / \[-W[^\]]*\]$/;
const NO_HEADER = /^'(.+)' file not found/;
/** The note that the compiler adds to an error about a macro's arguments. */
const MISUSED = /^macro '(\w+)' defined here$/;
const UNDECLARED = /^(?:call to undeclared function|use of undeclared identifier) '(\w+)'/;

/** Converts the lines that clang and the linker have written. */
export function saidDiagnostics(
  { module, said }: Compiled,
  compilation: Compilation,
): readonly Diagnostic[] {
  const found: Diagnostic[] = [];
  const unplaced: Diagnostic[] = [];
  const misused = new Set<string>();
  for (const text of said.split("\n")) {
    const line = text.replace(HERE, "");
    const placed = PLACED.exec(line);
    if (placed === null) {
      const other = unplacedIn(line, compilation);
      if (other !== null) unplaced.push(other);
      continue;
    }
    const [, file, row, column, kind, what] = placed;
    const span = spanAt(compilation, file!, Number(row), Number(column));
    const last = found.at(-1);
    const macro = kind === "note" ? MISUSED.exec(what!)?.[1] : undefined;
    if (macro !== undefined) misused.add(macro);
    // The compiler reports the macro as undeclared only because of its wrong arguments, which have
    // been reported.
    if (misused.has(UNDECLARED.exec(what!)?.[1] ?? "")) continue;
    if (kind !== "note") found.push(diagnosticOf(kind!, what!, span, compilation));
    else if (last !== undefined && compilation.sources.has(file!)) {
      const related = [...last.related ?? [], { span, message: what! }];
      found[found.length - 1] = { ...last, related };
    }
  }
  // After an error with a place, the errors without a place only follow from it.
  if (module !== null || found.some(({ severity }) => severity === "error")) return found;
  if (unplaced.length > 0) return [...found, ...unplaced.slice(0, MAX_WITHOUT_LOCATION)];
  const output = said.trim();
  const message = `Compilation failed ${
    output === "" ? "without an error message" : `with this output: ${output}`
  }`;
  return [...found, errorAt({ source: compilation.main, start: 0, end: 0 }, message)];
}

function errorAt(span: Span, message: string): Diagnostic {
  return { code: "E0711", severity: "error", span, message };
}

/**
 * The error without a place in a line of the compiler's output; null if the line is not such an
 * error.
 */
function unplacedIn(line: string, compilation: Compilation): Diagnostic | null {
  const linked = LINKED.exec(line);
  if (linked !== null) {
    const [, what, name] = linked;
    const which = what!.startsWith("undefined") ? "last" : "first";
    return errorAt(locationOfName(name!, compilation, which), what!);
  }
  const large = LARGE.exec(line);
  if (large !== null) {
    const [, all, bytes, name] = large;
    const message = `The static data take ${roughly(all!)}, ${name} alone ${roughly(bytes!)}`;
    return { ...errorAt(locationOfName(name!, compilation), message), hint: STATIC_HINT };
  }
  if (NO_MEMORY.test(line)) {
    const message = `The compiler needs more than ${formatSize(COMPILER_BYTES)} of memory`;
    return { ...errorAt(locationOfName("", compilation), message), hint: MEMORY_HINT };
  }
  const other = UNPLACED.exec(line);
  if (other === null) return null;
  const [, what = ""] = other;
  const message = TRAP.test(what) ? `The compiler itself failed: ${what}` : what;
  return errorAt(locationOfName("", compilation), message);
}

/** A size without the gap that the compiler adds to a variable. */
function roughly(bytes: string): string {
  return formatSize(Math.floor(Number(bytes) / MIB) * MIB);
}

/** The span of a name; the beginning of the source if the sources do not contain it. */
function locationOfName(
  name: string,
  { main, sources }: Compilation,
  which: "first" | "last" = "first",
): Span {
  const found = name === "" ? null : spanOfName(name, sources, which);
  return found ?? { source: main, start: 0, end: 0 };
}

function diagnosticOf(
  kind: string,
  text: string,
  span: Span,
  { hasOwnHeaders = false, refused, target }: Compilation,
): Diagnostic {
  const message = text.replace(OPTION, "");
  const severity = kind === "warning" ? "warning" : "error";
  const code = kind === "warning" ? "W0308" : "E0711";
  const header = NO_HEADER.exec(message)?.[1];
  const missing = refused.get(header ?? "");
  if (missing !== undefined) {
    const hint = missing.hint === undefined ? {} : { hint: missing.hint };
    return { code, severity, span, message: missing.message, ...hint };
  }
  if (header !== undefined && hasOwnHeaders) {
    return { code, severity, span, message, hint: NO_HEADER_HINT };
  }
  const unknown = UNDECLARED.exec(message)?.[1];
  const call = unknown === undefined ? undefined : callNamed(unknown);
  if (call?.isIn === undefined || call.isIn(target.behaviour)) {
    return { code, severity, span, message };
  }
  return {
    code: "E0711",
    severity: "error",
    span,
    message: `There is no ${unknown}() in ${target.kernel}`,
    hint: `modelled releases that have it: ${releasesWith(call)}`,
  };
}

function callNamed(name: string): CCall | undefined {
  return C_CALLS.find(({ prototype }) => prototype.name === name);
}

/** The modelled releases that have the function. */
function releasesWith({ isIn }: CCall): string {
  return KERNEL_NAMES.filter((name) => isIn?.(resolveKernel({ kernel: name, quirks: null }))).join(
    ", ",
  );
}

function spanAt({ main, sources }: Compilation, file: string, line: number, column: number): Span {
  const source = sources.get(file);
  // A message in a header of dmalab is attributed to the driver's own text, which caused it.
  if (source === undefined) return { source: main, start: 0, end: 0 };
  const start = (source.lineStarts[line - 1] ?? 0) + column - 1;
  const [word] = /^\w+/.exec(source.text.slice(start)) ?? [" "];
  return { source, start, end: Math.min(source.text.length, start + word.length) };
}
