/** Options that all commands that run scenarios have. */
import { CLANG_MAJOR, PACKAGED } from "../system_clang.ts";
import { nearestNames } from "@dmalab/lang/diagnostics";
import { type LimitName, LIMITS, type LimitSpec } from "@dmalab/lang/values";
import { type ArgumentSpec, flag, integer, type OptionSpec, text, texts } from "../command.ts";
import { TRACE_FORMS } from "../scenario/trace_form.ts";
import { printError } from "../print_error.ts";
import type { Screen } from "../screen.ts";

export const SCENARIOS = {
  placeholder: "FILE",
  doc: "scenarios, or folders that contain them",
  completes: "scenarios",
  count: "some",
} as const satisfies ArgumentSpec;

export const TRACE_FORM = {
  kind: "form",
  placeholder: "FORM",
  forms: TRACE_FORMS,
  doc: "print every event: text (one line each) or json (lines of docs/trace-files.md)",
} as const satisfies OptionSpec;

/** How unexpected reports, faults and leaks change the verdict. */
export const VERDICT = {
  lenient: flag("list unexpected checker reports, IOMMU faults and leaks; they fail nothing"),
} as const satisfies Record<string, OptionSpec>;

export const TREE_FOLDER = text(
  "DIR",
  "kernel tree for C drivers that are built from one (default: the driver's `tree`, else " +
    "$DMALAB_TREE)",
);

/** Which C compiler compiles files of a kernel tree (see `cli/system_clang.ts`). */
export const COMPILER = text(
  "NAME",
  `C compiler for files of a tree: ${PACKAGED}, or the path of a clang (default: the system's clang ` +
    `${CLANG_MAJOR}, else ${PACKAGED})`,
);

export const MATCH = matching("tests");
export const MATCH_BENCHES = matching("benches");

/** Selects runs by the values of their axes. */
export const FILTER = texts(
  "AXIS=VALUE",
  "run only what has this value on an axis of its `for` or `matrix`; repeatable",
);

function matching(runs: string) {
  return texts(
    "TEXT",
    `run only ${runs} whose name or machine settings contain TEXT, or match /TEXT/; repeatable`,
  );
}

export const SEED = integer("NUMBER", "random seed (default: the file's)");

export const BRANCH = text(
  "BRANCH",
  "run one run of a `fork`, a `race` or an `inject each`, as a failure prints it: 1:alloc_pages@4",
);

export const JOBS = integer(
  "N",
  "jobs at a time (default: one for each processor that is free, where that saves time); the report does not depend on N",
  { least: 1, most: 256 },
);

/** The script's limits. Reaching one is a separate error, with exit code 3. */
const SPECS: readonly LimitSpec[] = Object.values(LIMITS);
export const LIMIT = {
  kind: "numbers",
  placeholder: "NAME=VALUE",
  keys: Object.fromEntries(SPECS.map(({ brief, name }) => [name, brief])) as Readonly<
    Record<LimitName, string>
  >,
  doc: `set a limit; repeatable. Names, with their defaults: ${
    SPECS.map(({ factor = 1, name, value }) => `${name}=${value / factor}`).join(", ")
  }`,
} as const satisfies OptionSpec;

/**
 * The value of an option that accepts a few words. An option that was not given has the first of
 * these words. Returns null after reporting a wrong word.
 */
export function oneOf<const W extends string>(
  name: string,
  words: readonly [W, ...W[]],
  value: string | null,
  screen: Screen,
): W | null {
  const found = words.find((word) => word === (value ?? words[0]));
  if (found !== undefined) return found;
  const [nearest] = nearestNames(value!, words, 1);
  const hint = nearest === undefined
    ? `it takes ${words.join(", ")}`
    : `did you mean "${nearest}"?`;
  printError(`--${name} has no "${value}"; ${hint}`, screen);
  return null;
}
