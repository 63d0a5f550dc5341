import { command } from "../command.ts";
import { HELD, WRONG } from "../exit_code.ts";
import { writeHostFile } from "../host_file.ts";
import { refuse } from "../screen.ts";
import { SEED } from "./scenario_options.ts";

/** Random vectors when nobody says how many. */
const DEFAULT_COUNT = 100;
const DEFAULT_SEED = 1;

export const VECTORS = command({
  name: "vectors",
  brief: "Write test vectors for other builders of NVMe commands, or for controllers.",
  description:
    "Writes JSON: memory segments and limits, and what must come of them: requests, mapped " +
    "ranges, PRP lists, SGLs, IO addresses, statuses, for both releases in every mode. The edges " +
    "come first and are the same in every file, then random requests. With --negative: commands " +
    "that make no sense, byte by byte, and the status that the NVMe specification has for each. " +
    "docs/vectors.md says what each field is.",
  argument: null,
  options: {
    out: { kind: "text", placeholder: "FILE", doc: "where to write; - is the standard output (-)" },
    count: { kind: "integer", placeholder: "NUMBER", doc: `random requests (${DEFAULT_COUNT})` },
    negative: {
      kind: "flag",
      doc: "for controllers instead: malformed commands, with the status that each must have",
    },
    seed: { ...SEED, doc: `where the random choices begin (${DEFAULT_SEED})` },
  },
  examples: [
    { line: "vectors --out vectors.json", doc: "the edges and 100 random requests" },
    { line: "vectors --negative --out negative.json", doc: "malformed commands for a controller" },
    { line: "vectors --count 1000 --seed 7", doc: "more, to the standard output" },
  ],
  async run({ options, screen }) {
    const { makeVectorFile, vectorFileText } = await import(
      "../../instruments/vectors/vector_file.ts"
    );
    const { makeNegativeFile } = await import("../../instruments/vectors/negative.ts");
    if (options.negative && (options.count !== null || options.seed !== null)) {
      return refuse("`--negative` takes no count and no seed: nothing about it is random", screen);
    }
    const file = options.negative
      ? makeNegativeFile()
      : makeVectorFile(options.count ?? DEFAULT_COUNT, options.seed ?? DEFAULT_SEED);
    const text = vectorFileText(file);
    if (options.out === null || options.out === "-") {
      screen.out(text);
      return HELD;
    }
    if (!writeHostFile(options.out, text, screen)) return WRONG;
    screen.out(`Wrote ${file.vectors.length} vectors to ${options.out}.\n`);
    return HELD;
  },
});
