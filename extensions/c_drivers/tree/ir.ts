/** Reads and changes a file of a tree in LLVM IR. */

import { exitOf, initOf } from "./module_names.ts";

/** The compiler's arguments for output in LLVM IR. */
export const IR: readonly string[] = ["-S", "-emit-llvm"];

/** Declared external data, except the bounds of a section, which the linker defines. */
const EXTERNAL =
  /^(@(?!__(?:start|stop)_)(?:"[^"]+"|[\w.$]+) = )external ((?:\w+ )*?)(global|constant) (.*?)(, (?:align|section) .*)?$/gm;
const NUMBERS = /^@lab_layout = .*?\[\d+ x i64\] \[([^\]]*)\]/m;
const NUMBERED = /i64 (\d+)/g;
/** The definition of a function that is visible to other files. */
const GLOBAL = /^define (?!internal |private |weak |linkonce|available_externally )/gm;
/** A name that is used; names that begin with `llvm.`, the compiler's own, do not match. */
const USED = /^(?:declare [^@\n]*@|@(?=[\w$]+ = external ))([\w$]+)(?=\(| = )/gm;
const DEFINED = /^(?:define [^@\n]*@|@(?=[\w$]+ = (?!external )))([\w$]+)(?=\(| = )/gm;
const VISIBLE =
  /^(?:define (?!internal |private )[^@\n]*@|@(?=[\w$]+ = (?!external |internal |private |extern_weak )))([\w$]+)(?=\(| = )/gm;
const POINTER = /^declare (?:[!\w()]+ )*?ptr @([\w$]+)\(/gm;
/** The assumed length of an array that is declared without a length. */
const UNSIZED_LENGTH = 512;
const OPAQUE_BYTES = 8192;

/**
 * Defines zeroed storage of the right size for data that a file only declares. If another file
 * defines the data, that definition is used.
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

/**
 * Changes a further file of a driver. If the file belongs to a separate module, it has an init
 * function too; the change makes the linker use the init function of the first file.
 */
export function asFurther(ir: string): string {
  return withStorage(ir).replace(/^@((?:init|cleanup)_module) = /gm, "@$1 = weak ");
}

/**
 * Changes a library file so that a definition of the same function in another file is used instead.
 */
export function asLibrary(ir: string): string {
  return withStorage(ir).replace(GLOBAL, "define weak ");
}

/**
 * Changes a file of another module, so that the module's init function runs before the driver's.
 *
 * @param number Number of the module in the table that `modulesSource` makes.
 * @param clashing Names that are local to this module, and that another file defines as well.
 */
export function asOtherModule(ir: string, number: number, clashing: readonly string[]): string {
  const renamed = [
    ["init_module", initOf(number)],
    ["cleanup_module", exitOf(number)],
    ...clashing.map((name) => [name, `${name}.lab${number}`]),
  ] as const;
  return renamed.reduce(
    (text, [name, other]) =>
      text.replace(new RegExp(`@${name!.replaceAll("$", "\\$")}(?![\\w$.])`, "g"), `@${other}`),
    ir,
  );
}

/** The pointer to an init function of a file that is built into the kernel, with its level. */
const INITCALL = /^@[\w.$"]+ = internal global ptr @([\w$]+), section "\.initcall(\w+)\.init"/gm;
/** The levels before the numbered ones, and the one after 5. */
const NAMED_LEVELS: Readonly<Record<string, number>> = { early: 0, rootfs: 5.5 };

/** A file with an init function, and when it runs: a smaller level runs earlier. */
export interface StartingFile {
  readonly ir: string;
  readonly level: number;
}

/**
 * Gives a file that is built into the kernel an init function as a module has one. It calls the file's own init
 * functions in the order of their levels.
 *
 * @returns Null if the file has none.
 */
export function withInitFunction(ir: string): StartingFile | null {
  const calls = [...ir.matchAll(INITCALL)].map(([, name, level]) => ({
    name: name!,
    level: NAMED_LEVELS[level!] ?? Number.parseInt(level!, 10) + Number(level!.endsWith("s")) / 4,
  })).filter(({ level }) => Number.isFinite(level)).toSorted((a, b) => a.level - b.level);
  const [first] = calls;
  if (first === undefined) return null;
  const lines = calls.flatMap(({ name }, at) => [
    `  %result${at} = call i32 @${name}()`,
    `  %error${at} = or i32 %result${at}, ${at === 0 ? "0" : `%error${at - 1}`}`,
  ]);
  const body = [...lines, `  ret i32 %error${calls.length - 1}`].join("\n");
  return { ir: `${ir}\ndefine i32 @init_module() {\n${body}\n}\n`, level: first.level };
}

/** Whether a file has the init function of a module. */
export function hasInitFunction(ir: string): boolean {
  return /^(?:define [^@\n]*@init_module\(|@init_module = )/m.test(ir);
}

/** Names that a file defines and that are visible to others. */
export function definedIn(ir: string): readonly string[] {
  return [...ir.matchAll(VISIBLE)].map(([, name]) => name!)
    .filter((name) => !["init_module", "cleanup_module"].includes(name));
}

/** The function in `oracle/rounds.c` that counts iterations of loops. */
const ROUND = "lab_round";
const FUNCTION = /^define [^@]*@([\w.$]+|"[^"]+")\([^]*?^}$/gm;
const LABEL = /^([\w.$]+|"[^"]+"):/;
const TERMINATOR = /^ {2}(?:br|switch) /;
const TARGET = /\blabel %([\w.$]+|"[^"]+")/g;

/**
 * Inserts a counter at each branch to an earlier block, because every loop contains such a branch.
 */
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

/** The source lines of each block of a file's code. Each block has a byte that is set when it runs. */
export interface BlockMarks {
  /** Name of the array of these bytes. The module exports the array. */
  readonly symbol: string;
  /**
   * For each block, by the index of its byte: the source lines, with the compiler's names of the
   * files.
   */
  readonly blocks: readonly (readonly (readonly [file: string, line: number])[])[];
}

const DEBUG_FILE = /^(!\d+) = !DIFile\(filename: "([^"]*)"/gm;
const DEBUG_SCOPE =
  /^(!\d+) = (?:distinct )?!DI(?:Subprogram|LexicalBlock|LexicalBlockFile)\(.*?\bfile: (!\d+)/gm;
const DEBUG_LINE =
  /^(!\d+) = (?:distinct )?!DILocation\(line: (\d+),.*?scope: (!\d+)(?:, inlinedAt: (!\d+))?/gm;
const DEBUG_USE = /, !dbg (!\d+)/;

/**
 * Inserts a marker into each block of code, if the block's code belongs to source lines.
 * @param symbol A unique name for the bytes of the markers.
 */
export function withMarks(
  ir: string,
  symbol: string,
): { readonly ir: string; readonly marks: BlockMarks } {
  const files = new Map([...ir.matchAll(DEBUG_FILE)].map(([, id, name]) => [id!, name!]));
  const scopes = new Map([...ir.matchAll(DEBUG_SCOPE)].map(([, id, file]) => [id!, file!]));
  const known = new Map([...ir.matchAll(DEBUG_LINE)].map((match) => [match[1]!, match]));
  // Code of an inlined function also belongs to the line that calls the function.
  const placesOf = (id: string | undefined): readonly (readonly [string, number])[] => {
    const found = id === undefined ? undefined : known.get(id);
    if (found === undefined) return [];
    const [, , line, scope, caller] = found;
    const file = files.get(scopes.get(scope!) ?? "");
    const own = file === undefined || line === "0" ? [] : [[file, Number(line)] as const];
    return [...own, ...placesOf(caller)];
  };
  const blocks: (readonly (readonly [string, number])[])[] = [];
  const marked = ir.replace(FUNCTION, (text: string) => {
    const lines = text.split("\n");
    const starts = lines.flatMap((line, at) => at === 0 || LABEL.test(line) ? [at] : []);
    // Backwards, because each insertion moves the following lines.
    for (let index = starts.length - 1; index >= 0; index--) {
      const own = lines.slice(starts[index], starts[index + 1])
        .flatMap((line) => placesOf(DEBUG_USE.exec(line)?.[1]));
      if (own.length === 0) continue;
      let at = starts[index]! + 1;
      while (/^ {2}\S+ = phi /.test(lines[at]!)) at++;
      lines.splice(
        at,
        0,
        `  store i8 1, ptr getelementptr (i8, ptr @${symbol}, i64 ${blocks.length})`,
      );
      blocks.push(own);
    }
    return lines.join("\n");
  });
  const bytes = `@${symbol} = global [${Math.max(1, blocks.length)} x i8] zeroinitializer\n`;
  return { ir: `${marked}\n${bytes}`, marks: { symbol, blocks } };
}

/** Names that the texts use and do not define. */
export function missingIn(irs: readonly string[]): ReadonlySet<string> {
  const named = (pattern: RegExp) =>
    new Set(irs.flatMap((ir) => [...ir.matchAll(pattern)].map(([, name]) => name!)));
  return named(USED).difference(named(DEFINED));
}

/** Undefined functions that the texts call and that return a pointer. */
export function pointersIn(irs: readonly string[]): ReadonlySet<string> {
  return new Set(irs.flatMap((ir) => [...ir.matchAll(POINTER)].map(([, name]) => name!)));
}

/** The numbers in the table of `layoutSource`. */
export function layoutNumbers(ir: string): readonly number[] {
  const [, text = ""] = NUMBERS.exec(ir) ?? [];
  return [...text.matchAll(NUMBERED)].map(([, number]) => Number(number));
}
