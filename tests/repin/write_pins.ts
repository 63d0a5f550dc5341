/** Writes texts that have changed into the tests that pin them. */
import ts from "typescript";
import { fileURLToPath } from "node:url";
import type { Pin } from "./assert.ts";

/** A constant text of a source, however many parts it is written in. */
interface Constant {
  readonly value: string;
  readonly start: number;
  readonly end: number;
  readonly line: number;
}

const FRAME = /(file:\/\/[^\s)]+\.ts):(\d+):\d+/g;

/** Those that no constant of a test's files has are named on the standard error. */
export function writePins(pins: readonly Pin[]): void {
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
