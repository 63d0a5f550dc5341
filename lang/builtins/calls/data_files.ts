/** Data files, which are constants of a run. */
import { readCsv } from "../../data/read_csv.ts";
import { readJson } from "../../data/read_json.ts";
import { ScriptError } from "../../values/script_error.ts";
import type { DataProblem, FunctionSpec } from "../../values/spec.ts";
import { builtin } from "../describe/builtin.ts";
import { param } from "../describe/parameters.ts";
import { DATA_VALUES } from "../../values/limits.ts";
import { ListValue, type Value } from "../../values/value.ts";

const PATH = param.string(
  "path",
  "Path of the file, relative to the folder of the calling file: a string without `{…}`.",
);

const ONCE =
  "The file is read once, before the scenario runs. It must be in the folder of the scenario, or " +
  "below the nearest parent folder with a `deno.json` or `package.json`, and have at most 16 " +
  "MiB. The result is a constant: `forall`, `with` and the machine block can use it.";

/**
 * The error of a call that would read a data file during a run. Calls that read data files are
 * evaluated before the run.
 */
function tooLate(): never {
  throw new ScriptError("E0707", "A data file is read before the run");
}

export const DATA_CALLS: readonly FunctionSpec[] = [
  builtin({
    name: "read_json",
    pure: true,
    parameters: [PATH],
    result: "any",
    doc:
      `The content of a JSON file: records, lists, texts, ints, ratios, true, false, none. ${ONCE}`,
    example: `for c in read_json("sizes.json") {
  let m = alloc_pages(c.pages)
  assert m.size == c.pages * 4KiB
}`,
    exampleFiles: { "sizes.json": '[{ "pages": 1 }, { "pages": 16 }]\n' },
    reads: readJson,
    run: tooLate,
  }),
  builtin({
    name: "read_csv",
    pure: true,
    parameters: [PATH],
    result: "list",
    doc: "The rows of a table in comma-separated values, as records with the names of its first " +
      "row. Cells that are numbers, sizes or durations of the language (`4096`, `0x1000`, `4KiB`, " +
      "`10us`), `true` or `false` become such values, an empty cell none, any other a string. " +
      ONCE,
    example: `for c in read_csv("cases.csv") {
  assert alloc_pages(c.pages).size == c.bytes
}`,
    exampleFiles: { "cases.csv": "pages,bytes\n1,4KiB\n16,64KiB\n" },
    reads: readCsv,
    run: tooLate,
  }),
  builtin({
    name: "read_lines",
    pure: true,
    parameters: [PATH],
    result: ["string"],
    doc: `The lines of a text file, without line ends. ${ONCE}`,
    example: `let lines = read_lines("log.txt")
assert lines.filter(line => line.contains("fault")).length == 1`,
    exampleFiles: { "log.txt": "all is well\nDMAR: a fault\n" },
    reads: readLines,
    run: tooLate,
  }),
];

/** The lines of a text, or the problem that there are too many. */
export function readLines(text: string): { readonly value: Value } | DataProblem {
  const lines = text.replace(/^\ufeff/, "").split(/\r\n|\r|\n/);
  if (lines.at(-1) === "") lines.pop();
  return lines.length > DATA_VALUES
    ? { message: `There are more than ${DATA_VALUES} lines`, start: 0, end: 0 }
    : { value: new ListValue(lines) };
}
