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

/** What `oracle/rounds.c` defines: counts the rounds of loops. */
const ROUND = "lab_round";
const FUNCTION = /^define [^@]*@([\w.$]+|"[^"]+")\([^]*?^}$/gm;
const LABEL = /^([\w.$]+|"[^"]+"):/;
const TERMINATOR = /^ {2}(?:br|switch) /;
const TARGET = /\blabel %([\w.$]+|"[^"]+")/g;

/** Counts each branch to where control may have been before: every loop has one. */
export function withRounds(ir: string): string {
  if (new RegExp(`^define .*@${ROUND}\\(`, "m").test(ir)) return ir;
  return `${ir.replace(FUNCTION, countedFunction)}\ndeclare void @${ROUND}()\n`;
}

function countedFunction(text: string): string {
  const labels = new Set<string>();
  const lines: string[] = [];
  let terminator = 0;
  for (const line of text.split("\n")) {
    const label = LABEL.exec(line)?.[1];
    if (label !== undefined) labels.add(label);
    if (TERMINATOR.test(line)) terminator = lines.length;
    lines.push(line);
    const isBack = [...line.matchAll(TARGET)].some(([, target]) => labels.has(target!));
    if (isBack && !lines[terminator - 1]!.includes(`@${ROUND}()`)) {
      lines.splice(terminator++, 0, `  call void @${ROUND}()`);
    }
  }
  return lines.join("\n");
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
