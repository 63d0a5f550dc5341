/** What is read of and changed in a file of a tree when it is LLVM's own language. */

/** What the compiler writes it by. */
export const IR: readonly string[] = ["-S", "-emit-llvm"];

const EXTERNAL =
  /^(@(?:"[^"]+"|[\w.$]+) = )external ((?:\w+ )*?)(global|constant) (.*?)(, (?:align|section) .*)?$/gm;
const NUMBERS = /^@lab_layout = .*?\[\d+ x i64\] \[([^\]]*)\]/m;
const NUMBERED = /i64 (\d+)/g;
/** A function that other files see. */
const GLOBAL = /^define (?!internal |private |weak |linkonce|available_externally )/gm;
/** A name without `llvm.` before it: those are the compiler's own. */
const USED = /^(?:declare [^@\n]*@|@(?=[\w$]+ = external ))([\w$]+)(?=\(| = )/gm;
const DEFINED = /^(?:define [^@\n]*@|@(?=[\w$]+ = (?!external )))([\w$]+)(?=\(| = )/gm;
/** What stands for an array of which the tree does not say how long it is. */
const UNSIZED_LENGTH = 512;
const OPAQUE_BYTES = 8192;

/**
 * Gives data that a file only declares zeroed storage of its true size. Where another file defines
 * it, that definition counts.
 */
export function withStorage(ir: string): string {
  const opaque = new Set([...ir.matchAll(/^(%[\w."]+) = type opaque$/gm)].map(([, name]) => name!));
  return ir.replace(EXTERNAL, (_all, name, words, _kind, type, rest = "") => {
    const linkage = (words as string).replace(/\b(?:local_)?unnamed_addr /g, "")
      .replace("extern_weak ", "");
    const sized = opaque.has(type)
      ? `[${OPAQUE_BYTES} x i8]`
      : (type as string).replace(/^\[0 x /, `[${UNSIZED_LENGTH} x `);
    return `${name}weak ${linkage}global ${sized} zeroinitializer${rest}`;
  });
}

/** Functions of a library: what another file defines counts instead. */
export function asLibrary(ir: string): string {
  return withStorage(ir).replace(GLOBAL, "define weak ");
}

/** Names that text calls or reads and does not define. */
export function missingIn(irs: readonly string[]): ReadonlySet<string> {
  const named = (pattern: RegExp) =>
    new Set(irs.flatMap((ir) => [...ir.matchAll(pattern)].map(([, name]) => name!)));
  return named(USED).difference(named(DEFINED));
}

/** The numbers of the table that `layoutSource` makes. */
export function layoutNumbers(ir: string): readonly number[] {
  const [, text = ""] = NUMBERS.exec(ir) ?? [];
  return [...text.matchAll(NUMBERED)].map(([, number]) => Number(number));
}
