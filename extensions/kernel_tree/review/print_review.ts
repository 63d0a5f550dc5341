/** A review as text. */
import { formatCount } from "@dmalab/lang/text";
import { type ExitCode, FAILED, HELD, WRONG } from "@dmalab/cli/exit_code";
import type { PageOutcome } from "@dmalab/cli/presentation";
import { shellWord } from "@dmalab/cli/extend";
import type { UnreachedLine } from "./changed_lines.ts";
import type { DifferingSide, ReviewDifference } from "./differences.ts";
import { scenarioName } from "./own_scenarios.ts";
import type { ReviewedStep } from "./review.ts";

/** The verdicts on a change, the most serious first. */
export type ReviewVerdict =
  | "defect"
  | "seen"
  | "not run"
  | "not reached"
  | "differs"
  | "no difference";

/**
 * The exit code of each verdict. It is FAILED if a test fails, and WRONG if the review is
 * incomplete because changed code did not run.
 */
const EXIT_CODES: Readonly<Record<ReviewVerdict, ExitCode>> = {
  defect: FAILED,
  seen: FAILED,
  "not run": WRONG,
  "not reached": WRONG,
  differs: HELD,
  "no difference": HELD,
};

/** The outcome that gives each verdict its colour on the page. */
export const OUTCOMES: Readonly<Record<ReviewVerdict, PageOutcome>> = {
  defect: "failed",
  seen: "failed",
  "not run": "warned",
  "not reached": "warned",
  differs: "warned",
  "no difference": "passed",
};

export function verdictOf(
  { broken, differences, notRun, uncompiled, unexamined, unreached }: ReviewedStep,
): ReviewVerdict {
  if (broken.length > 0 || differences.some(({ defect }) => defect !== null)) return "defect";
  if (differences.some(({ isSeen }) => isSeen)) return "seen";
  if (notRun.length > 0) return "not run";
  if (uncompiled.length + unexamined.length + unreached.length > 0) return "not reached";
  return differences.length > 0 ? "differs" : "no difference";
}

/** The verdict on a series: that of its worst patch. */
export function worstVerdict(steps: readonly ReviewedStep[]): ReviewVerdict {
  const found = steps.map(verdictOf);
  const order = Object.keys(OUTCOMES) as ReviewVerdict[];
  return order.find((each) => found.includes(each)) ?? "no difference";
}

/** @param allowsUnreached Whether to succeed although changed lines did not run. */
export function exitCodeOf(steps: readonly ReviewedStep[], allowsUnreached: boolean): ExitCode {
  const verdict = worstVerdict(steps);
  return verdict === "not reached" && allowsUnreached ? HELD : EXIT_CODES[verdict];
}

/** @param words The arguments of the command line that repeats the review, without its options. */
export function reviewText(
  reviewed: ReviewedStep,
  number: string,
  words: readonly string[],
): string {
  const { broken, differences, lines, scenarios, step, unexamined, unreached } = reviewed;
  const ran = scenarios.filter(({ compared }) => compared !== null);
  const compared = ran.reduce((sum, each) => sum + each.compared!, 0);
  const count = formatCount(step.files.length, "file");
  return [
    `${number} | ${step.subject} | ${count}, ${formatCount(lines, "changed line")} of C`,
    ...broken.flatMap((said) => ["", "  defect | it does not compile", ...indented(said, 4)]),
    ...differences.toSorted(defectsFirst).flatMap((each) => ["", ...differenceLines(each, words)]),
    ...unreachedText(unreached),
    "",
    ...unexamined.map(({ path, reason }) => `  not examined | ${path} | ${reason}`),
    ...scenarios.filter(({ problem }) => problem !== null).map(({ path, problem }) =>
      `  not run | ${scenarioName(path)} | ${problem!.split("\n")[0]}`
    ),
    `  ran | ${
      ran.length === 0
        ? "no scenario reaches the change"
        : `${ran.map(({ path }) => scenarioName(path)).join(", ")} | ${
          formatCount(compared, "event, line or operation", "events, lines and operations")
        }`
    }`,
    `  verdict | ${verdictText(reviewed)}`,
    "",
    "",
  ].join("\n");
}

/** A verdict in words: `1 defect, 2 changed lines not known to have run`. */
export function verdictText(reviewed: ReviewedStep): string {
  const { broken, differences, lines, notRun, scenarios, uncompiled, unexamined, unreached } =
    reviewed;
  const defects = broken.length + differences.filter(({ defect }) => defect !== null).length;
  const silent = differences.filter(({ defect }) => defect === null);
  const seen = silent.filter(({ isSeen }) => isSeen).length;
  const others = silent.length - seen;
  return [
    ...defects > 0 ? [formatCount(defects, "defect")] : [],
    ...seen > 0
      ? [`${formatCount(seen, "difference")} in data, lengths, addresses or commands`]
      : [],
    ...others > 0 ? [`${formatCount(others, "difference")} without a report`] : [],
    ...unreached.length > 0
      ? [`${formatCount(unreached.length, "changed line")} not known to have run`]
      : [],
    ...uncompiled.length > 0 ? [`${formatCount(uncompiled.length, "scenario")} not compiled`] : [],
    ...notRun.length > 0 ? [`not run: ${notRun.map(scenarioName).join(", ")}`] : [],
    ...unexamined.length > 0 ? [`${formatCount(unexamined.length, "file")} not examined`] : [],
    ...defects + seen + others + notRun.length + uncompiled.length + unexamined.length +
          unreached.length > 0
      ? []
      : lines === 0 || scenarios.length === 0
      ? ["no line of C with code changes"]
      : ["no difference, and every changed line with code ran"],
  ].join(", ");
}

function defectsFirst(one: ReviewDifference, other: ReviewDifference): number {
  return Number(one.defect === null) - Number(other.defect === null);
}

function differenceLines(
  difference: ReviewDifference,
  words: readonly string[],
): readonly string[] {
  const { call, defect, foundBy, operations, others, scenario, sides, test } = difference;
  const [old, changed] = sides;
  const name = scenarioName(scenario);
  const [testName = ""] = test.split(" [");
  const isSequence = operations.length > 0;
  const match = isSequence ? [] : ["--match", testName];
  const again = ["dmalab", "review", ...words, "--scenario", name, ...match];
  const also = others === 0 ? "" : ` (and ${formatCount(others, "other test")})`;
  return [
    `  ${defect === null ? "differs" : "defect"} | ${name} | ${test}${also}`,
    ...defect === null ? [] : [
      `    ${foundBy.padEnd(7)} ${defect.split("\n")[0]}`,
      ...defect.split("\n").slice(1).map((line) => `          ${line.trimEnd()}`),
    ],
    ...operations.map((each) => `    ${each}`),
    ...call === null ? [] : [`    call    ${call}`],
    ...sideLines("OLD", old),
    ...sideLines("NEW", changed),
    ...isSequence ? [] : deviceText(difference),
    `    again   ${again.map(shellWord).join(" ")}`,
  ];
}

function deviceText({ device, reordered }: ReviewDifference): readonly string[] {
  const differing = device ?? reordered;
  if (differing === null) return ["    device  sees no difference"];
  const [old, changed] = differing.map((each) => each ?? "nothing more");
  return device === null
    ? [
      "    device  has the same actions and stores, in another order",
      `            OLD ${old}`,
      `            NEW ${changed}`,
    ]
    : [`    device  OLD ${old}`, `            NEW ${changed}`];
}

function sideLines(side: string, { code, place, text }: DifferingSide): readonly string[] {
  return [
    `    ${side}     ${text ?? "ends here"}`,
    ...place === null ? [] : [`            ${place}  ${shortened(code ?? "")}`.trimEnd()],
  ];
}

function unreachedText(unreached: readonly UnreachedLine[]): readonly string[] {
  const files = Map.groupBy(unreached, ({ path }) => path);
  return [...files].flatMap(([path, lines]) => {
    const shown = lines.slice(0, MOST_LINES);
    const width = lines.reduce((most, { line }) => Math.max(most, String(line).length), 0);
    const more = lines.length - shown.length;
    return [
      "",
      `  not known to have run | ${path}`,
      ...shown.map(({ line, reason, side, text }) =>
        `    ${side} ${String(line).padStart(width)}  ${reason.padEnd(20)}  ${shortened(text)}`
      ),
      ...more > 0 ? [`    and ${formatCount(more, "more line")}`] : [],
    ];
  });
}

/**
 * Number of lines of one file that are printed; `MOST_CHARACTERS`: number of characters of each
 * line.
 */
const MOST_LINES = 500;
const MOST_CHARACTERS = 200;

function shortened(text: string): string {
  return text.length <= MOST_CHARACTERS ? text : `${text.slice(0, MOST_CHARACTERS)}…`;
}

function indented(text: string, width: number): readonly string[] {
  return text.split("\n").map((line) => `${" ".repeat(width)}${line}`);
}
