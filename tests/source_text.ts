/** Reading the project's own sources, for the tests that check how they are built. */
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** The project's folder. */
export const ROOT: string = fileURLToPath(new URL("../", import.meta.url));

/** The core: what is read, tested and released without the extensions. */
export const CORE_FOLDERS: readonly string[] = ["runtime", "devices", "lang", "recording", "cli"];

/** Where sources stand, with what serves their making (`tools/`) and without what tests them all (`tests/`). */
export const SOURCE_FOLDERS: readonly string[] = [...CORE_FOLDERS, "extensions", "tools"];

/** One TypeScript file of the project: its path from the root, with `/`, and its text. */
export interface SourceText {
  readonly path: string;
  readonly text: string;
}

/** Every `.ts` file below the given folders or files, in the order of their names. */
export function readSources(places: readonly string[]): SourceText[] {
  const sources: SourceText[] = [];
  for (const place of places) {
    for (const path of filesBelow(join(ROOT, place))) {
      if (!path.endsWith(".ts") || path.endsWith(".d.ts")) continue;
      sources.push({
        path: relative(ROOT, path).replaceAll("\\", "/"),
        text: Deno.readTextFileSync(path),
      });
    }
  }
  return sources;
}

/** Folders that tasks fill: packages, and the pages of the docs site. */
const NOT_OURS = /\/node_modules$|\/extensions\/page\/site\/pages$/;

/** A file itself, or every file of ours below a folder, sorted; nothing for a place that is not there. */
export function filesBelow(place: string): string[] {
  let info: Deno.FileInfo;
  try {
    info = Deno.statSync(place);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  if (info.isFile) return [place];
  if (NOT_OURS.test(place)) return [];
  const entries = [...Deno.readDirSync(place)].sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => filesBelow(join(place, entry.name)));
}

/**
 * The text with comments, and on request the insides of strings, replaced by blanks; line breaks
 * stay, so that a place in the result is the same place in the source.
 */
export function blankOut(text: string, what: { readonly strings: boolean }): string {
  const out = text.split("");
  const blank = (start: number, end: number) => {
    for (let index = start; index < end; index++) if (out[index] !== "\n") out[index] = " ";
  };
  let index = 0;
  /** For each `${` that is open: how many braces are open inside it. */
  const holes: number[] = [];
  const skipTemplate = (start: number): number => {
    let end = start;
    while (end < text.length && text[end] !== "`") {
      if (text[end] === "\\") end++;
      else if (text[end] === "$" && text[end + 1] === "{") {
        if (what.strings) blank(start, end);
        holes.push(0);
        return end + 2;
      }
      end++;
    }
    if (what.strings) blank(start, end);
    return end + 1;
  };
  while (index < text.length) {
    const two = text.slice(index, index + 2);
    const char = text[index]!;
    if (two === "//" || two === "/*") {
      const close = two === "//" ? text.indexOf("\n", index) : text.indexOf("*/", index + 2) + 2;
      const end = close <= 1 ? text.length : close;
      blank(index, end);
      index = end;
    } else if (char === '"' || char === "'") {
      let end = index + 1;
      while (end < text.length && text[end] !== char && text[end] !== "\n") {
        end += text[end] === "\\" ? 2 : 1;
      }
      if (what.strings) blank(index + 1, end);
      index = end + 1;
    } else if (char === "`") {
      index = skipTemplate(index + 1);
    } else if (char === "/" && startsRegExp(text, index)) {
      index = regExpEnd(text, index);
    } else {
      const depth = holes.length - 1;
      if (char === "{" && depth >= 0) holes[depth]!++;
      if (char === "}" && depth >= 0) {
        if (holes[depth] === 0) {
          holes.pop();
          index = skipTemplate(index + 1);
          continue;
        }
        holes[depth]!--;
      }
      index++;
    }
  }
  return out.join("");
}

/** A slash divides after a value and opens a pattern anywhere else. */
function startsRegExp(text: string, slash: number): boolean {
  const before = text.slice(Math.max(0, slash - 40), slash).trimEnd();
  if (before === "") return true;
  if (/\b(return|typeof|case|of|in)$/.test(before)) return true;
  return /[(,=:[!&|?{};<>+\-*%~^]$/.test(before);
}

function regExpEnd(text: string, slash: number): number {
  let inClass = false;
  for (let index = slash + 1; index < text.length; index++) {
    const char = text[index];
    if (char === "\\") index++;
    else if (char === "\n") return index;
    else if (char === "[") inClass = true;
    else if (char === "]") inClass = false;
    else if (char === "/" && !inClass) return index + 1;
  }
  return text.length;
}

/** The line, from 1, of an offset. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}
