/** A review as text. */
import { formatCount } from "@dmalab/lang/text";
import { shellWord } from "@dmalab/cli/scenario";
import type { UnreachedLine } from "./changed_lines.ts";
import type { DifferingSide, ReviewDifference } from "./differences.ts";
import { scenarioName } from "./own_scenarios.ts";
import type { ReviewedStep } from "./review.ts";

/** What a change comes to, in the order of what a reviewer reads first. */
export type ReviewVerdict = "defect" | "not reached" | "differs" | "no difference";

export function verdictOf(
  { broken, differences, uncompiled, unreached }: ReviewedStep,
): ReviewVerdict {
  if (broken.length > 0 || differences.some(({ defect }) => defect !== null)) return "defect";
  if (uncompiled.length + unreached.length > 0) return "not reached";
  return differences.length > 0 ? "differs" : "no difference";
}

/** @param words The command line that repeats it, without its options. */
export function reviewText(
  reviewed: ReviewedStep,
  number: string,
  words: readonly string[],
): string {
  const { broken, differences, lines, scenarios, step, unreached } = reviewed;
  const ran = scenarios.filter(({ compared }) => compared !== null);
  const compared = ran.reduce((sum, each) => sum + each.compared!, 0);
  const count = formatCount(step.files.length, "file");
  return [
    `${number} | ${step.subject} | ${count}, ${formatCount(lines, "changed line")} of C`,
    ...broken.flatMap((said) => ["", "  defect | it does not compile", ...indented(said, 4)]),
    ...differences.toSorted(defectsFirst).flatMap((each) => ["", ...differenceLines(each, words)]),
    ...unreachedText(unreached),
    "",
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

function verdictText(reviewed: ReviewedStep): string {
  const { broken, differences, lines, scenarios, uncompiled, unreached } = reviewed;
  const defects = broken.length + differences.filter(({ defect }) => defect !== null).length;
  const others = differences.length + broken.length - defects;
  return [
    ...defects > 0 ? [formatCount(defects, "defect")] : [],
    ...others > 0 ? [`${formatCount(others, "difference")} without a report`] : [],
    ...unreached.length > 0
      ? [`${formatCount(unreached.length, "changed line")} not known to have run`]
      : [],
    ...uncompiled.length > 0 ? [`${formatCount(uncompiled.length, "scenario")} not compiled`] : [],
    ...defects + others + uncompiled.length + unreached.length > 0
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
  { call, defect, device, operations, others, scenario, sides, test }: ReviewDifference,
  words: readonly string[],
): readonly string[] {
  const [old, changed] = sides;
  const name = scenarioName(scenario);
  const [testName = ""] = test.split(" [");
  const isSequence = operations.length > 0;
  const match = isSequence ? [] : ["--match", testName];
  const again = ["dmalab", "review", ...words, "--scenario", name, ...match];
  const also = others === 0 ? "" : ` (and ${formatCount(others, "other test")})`;
  return [
    `  ${defect === null ? "differs" : "defect"} | ${name} | ${test}${also}`,
    ...defect === null ? [] : [`    checker ${defect}`],
    ...operations.map((each) => `    ${each}`),
    ...call === null ? [] : [`    call    ${call}`],
    ...sideLines("OLD", old),
    ...sideLines("NEW", changed),
    ...isSequence ? [] : device === null ? ["    device  sees no difference"] : [
      `    device  OLD ${device[0] ?? "nothing more"}`,
      `            NEW ${device[1] ?? "nothing more"}`,
    ],
    `    again   ${again.map(shellWord).join(" ")}`,
  ];
}

function sideLines(side: string, { code, place, text }: DifferingSide): readonly string[] {
  return [
    `    ${side}     ${text ?? "ends here"}`,
    ...place === null ? [] : [`            ${place}  ${code ?? ""}`.trimEnd()],
  ];
}

function unreachedText(unreached: readonly UnreachedLine[]): readonly string[] {
  const files = Map.groupBy(unreached, ({ path }) => path);
  return [...files].flatMap(([path, lines]) => {
    const width = Math.max(...lines.map(({ line }) => String(line).length));
    return [
      "",
      `  not known to have run | ${path}`,
      ...lines.map(({ line, reason, side, text }) =>
        `    ${side} ${String(line).padStart(width)}  ${reason.padEnd(20)}  ${text}`
      ),
    ];
  });
}

function indented(text: string, width: number): readonly string[] {
  return text.split("\n").map((line) => `${" ".repeat(width)}${line}`);
}
