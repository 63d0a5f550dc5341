/**
 * Names in frames of C. The values of C cannot be read, so a name that C has must not be answered with
 * the script's value of that name.
 */
import type { SourceFile } from "../source.ts";
import type { Code } from "../vm/code.ts";
import { LookError, type Question } from "./look.ts";

const NOT_CODE = /\/\*[^]*?\*\/|\/\/[^\n]*|"(?:[^"\\\n]|\\.)*"/g;
const IDENTIFIERS = /[A-Za-z_]\w*/g;

const identifiers = new WeakMap<SourceFile, ReadonlySet<string>>();

function identifiersOf(source: SourceFile): ReadonlySet<string> {
  const known = identifiers.get(source);
  if (known !== undefined) return known;
  const found = new Set(source.text.replaceAll(NOT_CODE, " ").match(IDENTIFIERS));
  identifiers.set(source, found);
  return found;
}

/**
 * Refuses an expression in a frame of C that uses a name of that C file.
 *
 * @param statement Where the frame is, in `Code.statements`.
 * @throws {LookError} With the first such name.
 */
export function refuseNamesOfC(
  { statements }: Code,
  statement: number,
  { names }: Pick<Question, "names">,
): void {
  const { foreign, span: { source } } = statements[statement]!;
  if (foreign === undefined) return;
  const known = identifiersOf(source);
  for (const name of names) {
    if (!known.has(name)) continue;
    throw new LookError(
      `\`${name}\` is a name in ${source.name}, and values of C cannot be read`,
      `in a frame of the script \`${name}\` has the script's value`,
    );
  }
}
