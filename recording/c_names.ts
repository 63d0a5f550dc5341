/**
 * Names in frames of C. The values of C cannot be read, so a name that C has must not be answered with
 * the script's value of that name.
 */
import type { Code } from "@dmalab/lang/vm";
import { type CompiledExpression, EvaluationError } from "./evaluator.ts";

const NOT_CODE = /\/\*[^]*?\*\/|\/\/[^\n]*|"(?:[^"\\\n]|\\.)*"/g;
const IDENTIFIERS = /[A-Za-z_]\w*/g;

/**
 * Refuses an expression in a frame of C that uses a name of that C file.
 *
 * @param statement Where the frame is, in `Code.statements`.
 * @throws {EvaluationError} With the first such name.
 */
export function refuseNamesOfC(
  { statements }: Code,
  statement: number,
  { names }: Pick<CompiledExpression, "names">,
): void {
  const { native, span: { source } } = statements[statement]!;
  if (native === undefined) return;
  const known = new Set(source.text.replaceAll(NOT_CODE, " ").match(IDENTIFIERS));
  for (const name of names) {
    if (!known.has(name)) continue;
    throw new EvaluationError(
      `\`${name}\` is a name in ${source.name}, and values of C cannot be read`,
      `in a frame of the script \`${name}\` has the script's value`,
    );
  }
}
