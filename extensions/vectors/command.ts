import { command, flag, integer, refuse, SEED, text } from "@dmalab/cli/extend";
import { HELD, WRONG } from "@dmalab/cli/exit_code";

/** Default number of random vectors. */
const DEFAULT_COUNT = 100;
/** The whole text is built in memory: 1,000 requests take 12 MB. */
const MAX_COUNT = 10_000;
const DEFAULT_SEED = 1;

export const VECTORS = command({
  name: "vectors",
  brief: "Write test vectors for NVMe command builders or controllers.",
  description:
    "Writes JSON: memory segments and limits, and the expected requests, IOVA ranges, PRP lists, " +
    "SGLs and statuses with scatterlists and with two-step mapping, in every IOMMU mode. " +
    "Edge cases come first and are the same in every file, then random requests. With --negative: malformed 64-byte " +
    "commands and the status that the NVMe specification requires. docs/vectors.md describes each " +
    "field.",
  argument: null,
  options: {
    out: text("FILE", "output file (default: standard output)"),
    count: integer("NUMBER", `random requests (default: ${DEFAULT_COUNT}, at most ${MAX_COUNT})`),
    negative: flag("malformed commands for controllers, each with the status it must get"),
    seed: { ...SEED, doc: `random seed (default: ${DEFAULT_SEED})` },
  },
  examples: [
    { line: "vectors --out vectors.json", doc: "the edge cases and 100 random requests" },
    { line: "vectors --negative --out negative.json", doc: "malformed commands for a controller" },
    { line: "vectors --count 1000 --seed 7", doc: "1000 random requests, to standard output" },
  ],
  may: { files: ["--out"] },
  async run({ options, screen }) {
    const { makeVectorFile, vectorFileText } = await import(
      "./vector_file.ts"
    );
    const { makeNegativeFile } = await import("./negative.ts");
    if (options.negative && (options.count !== null || options.seed !== null)) {
      return refuse("`--negative` takes no count and no seed: nothing about it is random", screen);
    }
    if ((options.count ?? 0) > MAX_COUNT) {
      return refuse(
        `\`--count\` is at most ${MAX_COUNT}; another \`--seed\` makes others`,
        screen,
      );
    }
    const file = options.negative
      ? makeNegativeFile()
      : makeVectorFile(options.count ?? DEFAULT_COUNT, options.seed ?? DEFAULT_SEED);
    const text = vectorFileText(file);
    if (options.out === null || options.out === "-") {
      screen.out(text);
      return HELD;
    }
    const { writeOrSay } = await import("@dmalab/cli");
    if (!writeOrSay(options.out, text, screen)) return WRONG;
    screen.out(`Wrote ${file.vectors.length} vectors to ${options.out}.\n`);
    return HELD;
  },
});
