/** Reads the files of calls such as `read_json("sizes.json")`, each call once, before anything runs. */
import type { DiagnosticBag } from "../../diagnostics/diagnostic.ts";
import type { SourceFile, Span } from "../../source.ts";
import { loadNamedFile, type SourceLoader } from "../../syntax/load_files.ts";
import type { CallExpression } from "../../syntax/tree/ast.ts";
import { DATA_FILE_BYTES } from "../../values/limits.ts";
import type { FunctionSpec } from "../../values/spec.ts";
import type { Value } from "../../values/value.ts";

type Reads = NonNullable<FunctionSpec["reads"]>;

/** The contents of a file as a value, which may be `none`. */
export interface ReadData {
  readonly value: Value;
}

/** The data of a call; null if the data is not available. The cause has been reported, or will be. */
type Known = ReadData | null;

/** Reads each file once for each function that reads it, however many calls name it. */
export class DataFiles {
  readonly #calls = new Map<CallExpression, Known>();
  readonly #files = new Map<Reads, Map<SourceFile, Known>>();

  constructor(readonly loader: SourceLoader, readonly bag: DiagnosticBag) {}

  /** The result of a call; null if it is not available, which is reported once. */
  read(call: CallExpression, reads: Reads): Known {
    const known = this.#calls.get(call);
    if (known !== undefined) return known;
    const read = this.#readCall(call, reads);
    this.#calls.set(call, read);
    return read;
  }

  #readCall({ arguments: given, span }: CallExpression, reads: Reads): Known {
    const [argument] = given;
    // Mistakes in the arguments that are not reported here are reported by the check of kinds.
    if (argument === undefined) return null;
    const { value } = argument;
    const path = value.kind === "String" && value.parts.length <= 1 ? value.parts[0] ?? "" : null;
    if (typeof path !== "string") {
      if (value.kind === "Integer" || value.kind === "Size") return null;
      this.bag.error(
        "E0707",
        value.span,
        "The file name must be a string literal here: data files are read before the run",
        'write `read_json("sizes.json")`, with a path from this file\'s folder',
      );
      return null;
    }
    const source = loadNamedFile(path, value.span, this.loader, this.bag, {
      limitBytes: DATA_FILE_BYTES,
    });
    return source === null ? null : this.#readFile(source, reads, span);
  }

  #readFile(source: SourceFile, reads: Reads, called: Span): Known {
    const files = this.#files.get(reads) ?? new Map<SourceFile, Known>();
    this.#files.set(reads, files);
    const known = files.get(source);
    if (known !== undefined) return known;
    const read = reads(source.text);
    const isRight = "value" in read;
    if (!isRight) {
      const { end, message, start } = read;
      this.bag.error("E0708", { source, start, end }, message, undefined, [
        { span: called, message: "read here" },
      ]);
    }
    const kept = isRight ? read : null;
    files.set(source, kept);
    return kept;
  }
}
