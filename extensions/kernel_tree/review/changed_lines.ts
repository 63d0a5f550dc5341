/** Which lines of C a change touches, and which of them ran: a line counts only where its own code is known to have run. */
import type { LinesRun } from "@dmalab/lang/values";

/** A file that two trees have differently. */
export interface ChangedFile {
  readonly path: string;
  /** Numbers of the lines that only the old file has. */
  readonly removed: readonly number[];
  /** Numbers of the lines that only the new file has. */
  readonly added: readonly number[];
}

const HUNK = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/;

/**
 * Reads `git diff --no-prefix`.
 * @param folders What the paths of both sides begin with.
 */
export function changedFilesIn(
  diff: string,
  folders: readonly [string, string],
): readonly ChangedFile[] {
  const files: ChangedFile[] = [];
  const lines = diff.split("\n");
  let [path, removed, added]: [string, number[], number[]] = ["", [], []];
  const end = () => {
    if (path !== "") files.push({ path, removed, added });
    [path, removed, added] = ["", [], []];
  };
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!;
    if (line.startsWith("diff --git ")) end();
    for (const [side, mark] of ["--- ", "+++ "].entries()) {
      if (line.startsWith(mark)) path = pathBelow(line.slice(4), folders[side]!) ?? path;
    }
    const hunk = HUNK.exec(line);
    if (hunk === null) continue;
    const count = (text: string | undefined) => text === undefined ? 1 : Number(text);
    let [old, now] = [Number(hunk[1]), Number(hunk[3])];
    const [oldEnd, newEnd] = [old + count(hunk[2]), now + count(hunk[4])];
    while ((old < oldEnd || now < newEnd) && at + 1 < lines.length) {
      const sign = lines[++at]![0];
      if (sign === "-") removed.push(old++);
      else if (sign === "+") added.push(now++);
      else if (sign !== "\\") [old, now] = [old + 1, now + 1];
    }
  }
  end();
  return files;
}

/** Without its first slash too: git leaves it out. */
function pathBelow(name: string, folder: string): string | null {
  const from = name.replace(/\t$/, "");
  for (const start of [`${folder}/`, `${folder.replace(/^\//, "")}/`]) {
    if (from.startsWith(start)) return from.slice(start.length);
  }
  return null;
}

/** A function of C, by the lines of its braces, counted from 1. */
export interface FunctionLines {
  readonly name: string;
  readonly begin: number;
  readonly end: number;
}

/** The functions of a text that is laid out as the kernel's is: their braces stand in the first column. */
export function functionsIn(lines: readonly string[]): readonly FunctionLines[] {
  const functions: FunctionLines[] = [];
  for (const [at, line] of lines.entries()) {
    if (line !== "{") continue;
    let head = at - 1;
    while (/^\s/.test(lines[head] ?? "")) head--;
    const end = lines.findIndex((each, index) => index > at && each.startsWith("}"));
    const [, name = "?"] = /(\w+)\(/.exec(lines[head] ?? "") ?? [];
    functions.push({ name, begin: at + 1, end: (end < 0 ? lines.length : end) + 1 });
  }
  return functions;
}

const COMMENT = /\/\*[^]*?\*\/|\/\/.*/g;

/** A text of as many lines. */
export function withoutComments(text: string): string {
  return text.replace(COMMENT, (comment) => comment.replace(/[^\n]/g, " "));
}

/** Without code of its own, whatever runs around it. */
const PUNCTUATION = /^\s*(?:[{}\s]|else\b|do\b|\w+:|default:|;)*\s*$/;
/** Variables that get no value. */
const DECLARATION =
  /^\s*(?:(?:const|static|struct|union|enum|unsigned|signed|long|short|int|char|bool|void|[us](?:8|16|32|64)|__[bl]e\d+|\w+_t)\b\s*)+(?:\w+\s+)?[*\s]*\w+(?:\[[^\]=]*\])?(?:,\s*\**\w+(?:\[[^\]=]*\])?)*;\s*$/;
const STATEMENT_END = /[;{}:]\s*$/;

/** Why a line that was changed is not known to have run. */
export type UnreachedReason =
  /** It has code, and no scenario executed it. */
  | "not executed"
  /** It is part of a function, and the compiler gave it no code. */
  | "no code of its own"
  /** It is a macro, a declaration or data. */
  | "outside of functions"
  /** No scenario compiles the file, or it is a header, whose code lies in the files that include it. */
  | "not compiled";

/** A changed line that is not known to have run. */
export interface UnreachedLine {
  readonly path: string;
  readonly side: "old" | "new";
  readonly line: number;
  readonly text: string;
  readonly reason: UnreachedReason;
}

/**
 * The lines of these that are not known to have run. Comments, blank lines, braces and declarations without
 * a value are left out.
 *
 * @param run What is known of the file; null where no scenario has code of it.
 */
export function unreachedLines(
  text: string,
  changed: readonly number[],
  run: LinesRun | null,
): readonly Omit<UnreachedLine, "path" | "side">[] {
  const lines = withoutComments(text).split("\n");
  const functions = functionsIn(lines);
  const [all, executed] = [new Set(run?.all), new Set(run?.run)];
  return changed.flatMap((line) => {
    const code = lines[line - 1] ?? "";
    const reason = reasonAt(line);
    const isSilent = reason === null || PUNCTUATION.test(code) ||
      (reason !== "outside of functions" && DECLARATION.test(code));
    return isSilent ? [] : [{ line, text: code.trim(), reason }];
  });

  function reasonAt(line: number): UnreachedReason | null {
    if (executed.has(line)) return null;
    if (all.has(line)) return "not executed";
    if (run === null) return "not compiled";
    const own = functions.find(({ begin, end }) => line > begin && line < end);
    if (own === undefined || /^\s*#/.test(lines[line - 1]!)) return "outside of functions";
    // A constant argument on a line of its own belongs to the call above it.
    let [first, last] = [line, line];
    while (first - 1 > own.begin && !endsStatement(first - 1)) first--;
    while (last < own.end - 1 && !endsStatement(last)) last++;
    for (let at = line - 1; at >= first; at--) if (all.has(at)) return ofStatement(at);
    for (let at = line + 1; at <= last; at++) if (all.has(at)) return ofStatement(at);
    return "no code of its own";
  }

  function ofStatement(line: number): UnreachedReason | null {
    return executed.has(line) ? null : "not executed";
  }

  function endsStatement(line: number): boolean {
    const code = lines[line - 1]!;
    return code.trim() === "" || STATEMENT_END.test(code) || /^\s*(?:else\b|#)/.test(code) ||
      // The condition of a statement without braces.
      /^\s*(?:if|while|for|switch)\b.*\)\s*$/.test(code);
  }
}
