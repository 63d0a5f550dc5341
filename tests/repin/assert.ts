/**
 * Assertions that accept a differing text as the new expected text, and write the new text into the test. `deno
 * task script repin` makes tests load them in place of the usual assertions. All other differences fail as
 * usual.
 */
import * as std from "../assert.ts";
import ts from "typescript";
import { fileURLToPath } from "node:url";

export * from "../assert.ts";

/** A pinned text, the new text, and the stack of the assertion. */
export interface Pin {
  readonly pinned: string;
  readonly got: string;
  readonly stack: string;
}

const pins: Pin[] = [];
globalThis.addEventListener("unload", () => writePins(pins));

function take(pinned: string, got: string): void {
  pins.push({ pinned, got, stack: new Error().stack ?? "" });
}

/** `wanted` with each text replaced by the text in `got`; records the texts that differ. */
function repinned(got: unknown, wanted: unknown): unknown {
  if (typeof got === "string" && typeof wanted === "string") {
    if (got !== wanted) take(wanted, got);
    return got;
  }
  if (Array.isArray(got) && Array.isArray(wanted)) {
    return wanted.map((each, index) => index < got.length ? repinned(got[index], each) : each);
  }
  if (!isRecord(got) || !isRecord(wanted)) return wanted;
  return Object.fromEntries(
    Object.entries(wanted).map(([key, each]) => [key, repinned(got[key], each)]),
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null &&
    Object.getPrototypeOf(value) === Object.prototype;
}

export function assertEquals(got: unknown, wanted: unknown, message?: string): void {
  try {
    std.assertEquals(got, wanted, message);
  } catch {
    std.assertEquals(got, repinned(got, wanted), message);
  }
}

export function assertStringIncludes(got: string, wanted: string, message?: string): void {
  const part = got.includes(wanted) ? wanted : nearestPart(got, wanted);
  if (part === null) std.assertStringIncludes(got, wanted, message);
  else if (part !== wanted) take(wanted, part);
}

/** A constant text in a source, possibly joined from several literals. */
interface Constant {
  readonly value: string;
  readonly start: number;
  readonly end: number;
  readonly line: number;
}

const FRAME = /(file:\/\/[^\s)]+\.ts):(\d+):\d+/g;

/**
 * Writes the new texts into the tests. If no constant in the test's files matches a text, the text
 * is printed.
 */
function writePins(pins: readonly Pin[]): void {
  const edits = new Map<string, Map<Constant, string>>();
  const sources = new Map<string, readonly Constant[]>();
  for (const { got, pinned, stack } of pins) {
    const frames = [...stack.matchAll(FRAME)].filter(([, url]) => !/\/(?:std|repin)\//.test(url!));
    const places = frames.flatMap(([, url, line]) => {
      const path = fileURLToPath(url!);
      const constants = sources.get(path) ?? constantsOf(Deno.readTextFileSync(path));
      sources.set(path, constants);
      return constants.filter(({ value }) => value === pinned)
        .map((constant) => ({ path, constant, far: Math.abs(constant.line - Number(line)) }));
    });
    const [nearest] = places.toSorted((a, b) => a.far - b.far);
    if (nearest === undefined) {
      console.error(`not pinned anew, ${frames[0]?.[0]}: ${JSON.stringify(got)}`);
      continue;
    }
    const own = edits.get(nearest.path) ?? new Map<Constant, string>();
    edits.set(nearest.path, own.set(nearest.constant, got));
  }
  for (const [path, own] of edits) {
    let text = Deno.readTextFileSync(path);
    for (const [{ end, start }, got] of [...own].toSorted(([a], [b]) => b.start - a.start)) {
      text = text.slice(0, start) + JSON.stringify(got) + text.slice(end);
    }
    Deno.writeTextFileSync(path, text);
    console.log(`${path}: ${own.size} texts pinned anew`);
  }
}

function constantsOf(text: string): Constant[] {
  const tree = ts.createSourceFile("test.ts", text, ts.ScriptTarget.Latest, true);
  const found: Constant[] = [];
  const visit = (node: ts.Node): void => {
    const value = valueOf(node);
    if (value === null) return ts.forEachChild(node, visit);
    const start = node.getStart(tree);
    const line = tree.getLineAndCharacterOfPosition(start).line + 1;
    found.push({ value, start, end: node.end, line });
  };
  visit(tree);
  return found;
}

function valueOf(node: ts.Node): string | null {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return node.text;
  if (!ts.isBinaryExpression(node) || node.operatorToken.kind !== ts.SyntaxKind.PlusToken) {
    return null;
  }
  const [left, right] = [valueOf(node.left), valueOf(node.right)];
  return left === null || right === null ? null : left + right;
}

/**
 * The part of a text that is most like the wanted text; null if fewer than half of the wanted words
 * match.
 */
export function nearestPart(text: string, wanted: string): string | null {
  const words = [...text.matchAll(/\S+/g)];
  const parts = wanted.trim().split(/\s+/);
  // A row of the table of edit distances. For each position in the text, it has the best part of
  // the text that ends at this position: the number of changes between that part and the wanted
  // words so far, and the position where the part begins.
  let row = Array.from({ length: words.length + 1 }, (_, at) => ({ changes: 0, from: at }));
  for (const [done, part] of parts.entries()) {
    const next = [{ changes: done + 1, from: 0 }];
    for (const [index, [word]] of words.entries()) {
      const same = { ...row[index]!, changes: row[index]!.changes + (word === part ? 0 : 1) };
      const missing = { ...row[index + 1]!, changes: row[index + 1]!.changes + 1 };
      const more = { ...next[index]!, changes: next[index]!.changes + 1 };
      next.push([same, missing, more].toSorted((a, b) => a.changes - b.changes)[0]!);
    }
    row = next;
  }
  const fewest = Math.min(...row.map(({ changes }) => changes));
  const end = row.findLastIndex(({ changes }) => changes === fewest);
  const { from } = row[end]!;
  if (fewest * 2 > parts.length || end <= from) return null;
  const last = words[end - 1]!;
  return text.slice(words[from]!.index, last.index + last[0].length);
}
