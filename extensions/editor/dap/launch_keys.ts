/** What a launch may say, besides what the protocol has: for the reader, and for editors to complete. */
import { LIMIT_OPTIONS } from "@dmalab/cli/scenario";

interface LaunchKey {
  readonly type: "string" | "number" | "integer" | "boolean" | "object";
  readonly description: string;
  readonly default?: string | boolean;
  readonly properties?: Readonly<Record<string, { readonly type: "integer" }>>;
}

export const LAUNCH_KEYS = {
  program: { type: "string", description: "The scenario's path.", default: "${file}" },
  run: {
    type: "string",
    description:
      "The name of a test as in the file, or with its machine settings: copies [iommu.mode = " +
      "lazy].",
  },
  combination: { type: "string", description: "Only the machine part of the name." },
  line: { type: "integer", description: "Instead of run: a line inside the test." },
  stopOnEntry: { type: "boolean", description: "Stop at the first statement." },
  stopAtEnd: {
    type: "boolean",
    description: "Stop again at the end of the run, to step back from there.",
    default: true,
  },
  seed: { type: "integer", description: "Random seed, instead of the file's." },
  lenient: {
    type: "boolean",
    description: "Unexpected checker reports, IOMMU faults and leaks do not fail the run.",
  },
  limits: {
    type: "object",
    description: "Limits, by the names of the command line.",
    properties: Object.fromEntries(
      Object.keys(LIMIT_OPTIONS).map((name) => [name, { type: "integer" }]),
    ),
  },
} as const satisfies Readonly<Record<string, LaunchKey>>;
