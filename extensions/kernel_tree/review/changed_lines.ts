/**
 * The lines of C that a change touches, and which of these lines ran. A line counts only if the code of the line itself
 * is known to have run.
 */
import type { LinesRun } from "@dmalab/lang/values";

/** A file that differs between two trees. */
export interface ChangedFile {
  readonly path: string;
  /** Numbers of the lines that only the old file has. */
  readonly removed: readonly number[];
  /** Numbers of the lines that only the new file has. */
  readonly added: readonly number[];
  /**
   * The kind of the change, if the change has no lines that show it: a symbolic link, a submodule,
   * or a file that is no text.
   */
  readonly special?: string;
}

const HUNK = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/;

/**
 * Reads the output of `git diff --no-prefix`.
 * @param folders The folders with which the paths of the two sides begin.
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

/** The path without the folder. Git omits the folder's first slash, so both forms are tried. */
function pathBelow(name: string, folder: string): string | null {
  const from = name.replace(/\t$/, "");
  for (const start of [`${folder}/`, `${folder.replace(/^\//, "")}/`]) {
    if (from.startsWith(start)) return from.slice(start.length);
  }
  return null;
}

/** A function in C; its begin and end are the lines of its braces, counted from 1. */
export interface FunctionLines {
  readonly name: string;
  readonly begin: number;
  readonly end: number;
}

/**
 * Number of characters, from the beginning of a line, in which a function's name or a declaration
 * is searched for.
 */
const MOST_CHARACTERS = 500;

/**
 * The functions of a text in the kernel's style: their braces are in the first column. This
 * function and the functions below take a time that is proportional to the length of the text.
 */
export function functionsIn(lines: readonly string[]): readonly FunctionLines[] {
  const functions: FunctionLines[] = [];
  /** Number of functions that have no closing brace yet; they are the last ones in the list. */
  let open = 0;
  /** The last line that begins in the first column. */
  let head = "";
  const close = (end: number) => {
    for (; open > 0; open--) {
      const at = functions.length - open;
      functions[at] = { ...functions[at]!, end };
    }
  };
  for (const [at, line] of lines.entries()) {
    if (line.startsWith("}")) close(at + 1);
    if (line === "{") {
      const [, name = "?"] = /(\w+)\(/.exec(head.slice(0, MOST_CHARACTERS)) ?? [];
      functions.push({ name, begin: at + 1, end: lines.length });
      open++;
    }
    if (!/^\s/.test(line)) head = line;
  }
  close(lines.length);
  return functions;
}

/** The function around each line, by line number; the lines of the braces are not inside. */
export function functionOfLines(
  functions: readonly FunctionLines[],
): ReadonlyMap<number, FunctionLines> {
  const found = new Map<number, FunctionLines>();
  let from = 0;
  for (const each of functions) {
    for (let line = Math.max(from, each.begin + 1); line < each.end; line++) found.set(line, each);
    from = Math.max(from, each.end);
  }
  return found;
}

/**
 * The text with blanks in place of comments. Line numbers stay the same. Strings are kept, even if
 * they contain comment marks.
 */
export function withoutComments(text: string): string {
  const parts: string[] = [];
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const sign = text[at]!;
    if (sign === '"' || sign === "'") at = stringEnd(text, at);
    else if (sign === "/" && (text[at + 1] === "*" || text[at + 1] === "/")) {
      const end = text[at + 1] === "*" ? commentEnd(text, at) : lineEnd(text, at);
      parts.push(text.slice(from, at), text.slice(at, end).replace(/[^\n]/g, " "));
      from = end;
      at = end - 1;
    }
  }
  return [...parts, text.slice(from)].join("");
}

/** Index of a string's last character; the string ends at the latest with its line. */
function stringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === text[start] || text[at] === "\n") return at;
  }
  return text.length;
}

function commentEnd(text: string, start: number): number {
  const end = text.indexOf("*/", start + 2);
  return end < 0 ? text.length : end + 2;
}

function lineEnd(text: string, start: number): number {
  for (let at = start; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === "\n") return at;
  }
  return text.length;
}

/** Whether a line has no separate code: braces, labels, `else`. */
function isPunctuation(code: string): boolean {
  for (const [token] of code.matchAll(/\w+:?|[^\s\w]/g)) {
    if (!/^[{};]$|^(?:else|do)$|:$/.test(token) || token === ":") return false;
  }
  return true;
}

/** Declarations of variables without a value. Blanks must be single. */
const DECLARATION =
  /^(?:(?:const|static|struct|union|enum|unsigned|signed|long|short|int|char|bool|void|[us](?:8|16|32|64)|__[bl]e\d+|\w+_t)\b ?)+(?:\w+ )?[* ]*\w+(?:\[[^\]=]*\])?(?:, ?\**\w+(?:\[[^\]=]*\])?)*; ?$/;

function isDeclaration(code: string): boolean {
  const plain = code.replace(/\s+/g, " ").trim();
  return plain.length <= MOST_CHARACTERS && DECLARATION.test(plain);
}

/** Why a changed line is not known to have run. */
export type UnreachedReason =
  /** The line has code, and no scenario executed it. */
  | "not executed"
  /** The line is inside a function, and the compiler generated no code for it. */
  | "no code of its own"
  /** The line is a macro, a declaration or data. */
  | "outside of functions"
  /**
   * No scenario compiles the file; or the file is a header: its code belongs to the files that
   * include it.
   */
  | "not compiled"
  /** The line says how files are compiled. */
  | "a build setting";

/** A changed line that is not known to have run. */
export interface UnreachedLine {
  readonly path: string;
  readonly side: "old" | "new";
  readonly line: number;
  readonly text: string;
  readonly reason: UnreachedReason;
}

/**
 * The changed lines that are not known to have run. Comments, blank lines, braces and declarations without
 * a value are left out.
 *
 * @param run The line coverage of the file; null if no scenario compiles it.
 */
export function unreachedLines(
  text: string,
  changed: readonly number[],
  run: LinesRun | null,
): readonly Omit<UnreachedLine, "path" | "side">[] {
  const lines = withoutComments(text).split("\n");
  const functions = functionOfLines(functionsIn(lines));
  const [all, executed] = [new Set(run?.all), new Set(run?.run)];
  const [before, behind] = codeAround();
  return changed.flatMap((line) => {
    const code = lines[line - 1] ?? "";
    const reason = reasonAt(line);
    // A declaration outside of functions can be a member of a structure that a device reads.
    const isSilent = reason === null || isPunctuation(code) ||
      (functions.has(line) && isDeclaration(code));
    return isSilent ? [] : [{ line, text: code.trim(), reason }];
  });

  function reasonAt(line: number): UnreachedReason | null {
    if (executed.has(line)) return null;
    if (all.has(line)) return "not executed";
    if (run === null) return "not compiled";
    if (!functions.has(line) || /^\s*#/.test(lines[line - 1]!)) return "outside of functions";
    // A line without code, such as a constant argument, belongs to another line of the same
    // statement, such as the call above it.
    const own = before.get(line) ?? behind.get(line);
    if (own === undefined) return "no code of its own";
    return executed.has(own) ? null : "not executed";
  }

  /**
   * Two maps: for each line of a function, the nearest line above it and the nearest line below it that
   * have code and belong to the same statement.
   */
  function codeAround(): readonly [Map<number, number>, Map<number, number>] {
    const [above, below] = [new Map<number, number>(), new Map<number, number>()];
    if (run === null) return [above, below];
    let last: number | undefined;
    for (let line = 1; line <= lines.length; line++) {
      if (last !== undefined) above.set(line, last);
      if (all.has(line)) last = line;
      if (endsStatement(line) || !functions.has(line)) last = undefined;
    }
    last = undefined;
    for (let line = lines.length; line >= 1; line--) {
      // A statement that ends at this line does not continue below it.
      if (endsStatement(line) || !functions.has(line)) last = undefined;
      if (last !== undefined) below.set(line, last);
      if (all.has(line)) last = line;
    }
    return [above, below];
  }

  function endsStatement(line: number): boolean {
    const code = lines[line - 1]!.trim();
    return code === "" || ";{}:".includes(code.at(-1)!) || /^(?:else\b|#)/.test(code) ||
      // A condition without braces ends here; its body is another statement.
      (/^(?:if|while|for|switch)\b/.test(code) && code.endsWith(")"));
  }
}

/** Changed lines of a makefile or of Kconfig that are more than blanks and comments. */
export function changedSettings(
  text: string,
  changed: readonly number[],
): readonly Omit<UnreachedLine, "path" | "side">[] {
  const lines = text.split("\n");
  return changed.flatMap((line) => {
    const code = (lines[line - 1] ?? "").trim();
    return code === "" || code.startsWith("#")
      ? []
      : [{ line, text: code, reason: "a build setting" as const }];
  });
}
