/** Text for people: which tests change their outcomes between releases, and the causes. */
import { maxOf } from "@dmalab/runtime/basics";
import type { OutcomeCause, OutcomeChange, TestOutcomeChanges } from "./outcome_changes.ts";
import { clip, formatCount, pad, type Paint, PICTURE_COLUMNS, wrapText } from "@dmalab/lang/text";
import {
  type BehaviourName,
  hasBehaviour,
  KERNEL_NAMES,
  type KernelProfile,
  NOT_SIMULATED,
} from "@dmalab/runtime/kernels";
import { CHANGE_WORDS } from "./change_words.ts";

/** Between two columns. */
const GAP = "  ";
const INDENT = "    ";
/** At least this many columns of a name are shown, on any screen. */
const LEAST_NAME_COLUMNS = 8;

/** Colours and width of the text. */
interface Reader {
  readonly paint: Paint;
  readonly columns: number;
}

/**
 * Which tests change outcome at which release, and the causes.
 *
 * @param file The file's name as the user typed it.
 * @param columns Width of the screen; the default is the width of a picture.
 */
export function releasesText(
  file: string,
  tests: readonly TestOutcomeChanges[],
  paint: Paint,
  columns: number = PICTURE_COLUMNS,
): string {
  const reader = { paint, columns };
  const turning = tests.filter(({ turns }) => turns.length > 0);
  const count = formatCount(tests.length, "test");
  if (turning.length === 0) {
    const failing = tests.filter(({ ends }) => ends[KERNEL_NAMES[0]!].message !== null).length;
    const failed = failing === 0 ? "" : `, where ${failing} ${failing === 1 ? "fails" : "fail"}`;
    const unseen = formatCount(NOT_SIMULATED.length, "change");
    return `${file}: ${count}, the same on ${inWords(KERNEL_NAMES)}${failed}\n` +
      `${unseen} between them are not simulated: dmalab explain releases\n`;
  }
  const heading = `${file}: ${turning.length} of ${count} ${
    turning.length === 1 ? "changes" : "change"
  } outcome`;
  const lines = [
    heading,
    "",
    ...table(turning, reader),
    ...notes(turning, reader),
    ...reasons(turning, reader),
  ];
  return `${lines.join("\n")}\n`;
}

/** Neighbouring releases on which every test has the same outcome. */
interface ReleaseRun {
  readonly first: KernelProfile;
  last: KernelProfile;
}

function releaseRuns(tests: readonly TestOutcomeChanges[]): readonly ReleaseRun[] {
  const runs: ReleaseRun[] = [];
  for (const kernel of KERNEL_NAMES) {
    const run = runs.at(-1);
    const goesOn = run !== undefined &&
      tests.every(({ ends }) => cellOf(ends[run.last].end) === cellOf(ends[kernel].end));
    if (goesOn) run.last = kernel;
    else runs.push({ first: kernel, last: kernel });
  }
  return runs;
}

/**
 * A table with a row for each test with a changed outcome, and a column for each group of
 * neighbouring releases with equal outcomes. Each row begins with a number, by which the list of
 * causes refers to the test.
 */
function table(tests: readonly TestOutcomeChanges[], { columns, paint }: Reader): string[] {
  const numberWidth = String(tests.length).length;
  const runs = releaseRuns(tests);
  const lasts = runs.map(({ first, last }) => first === last ? "" : `to ${last}`);
  const widths = runs.map(({ first }, index) =>
    Math.max(
      first.length,
      lasts[index]!.length,
      ...tests.map(({ ends }) => cellOf(ends[first].end).length),
    )
  );
  const used = numberWidth + GAP.length +
    widths.reduce((sum, width) => sum + GAP.length + width, 0);
  const longest = maxOf(tests.map(({ name }) => name.length));
  const nameWidth = Math.min(longest, Math.max(LEAST_NAME_COLUMNS, columns - used));
  const row = (number: string, name: string, cells: readonly string[]) =>
    [pad(number, numberWidth, "right"), pad(clip(name, nameWidth), nameWidth), ...cells]
      .join(GAP).trimEnd();
  const head = (words: readonly string[]) =>
    row("", "", words.map((word, index) => pad(word, widths[index]!)));
  return [
    head(runs.map(({ first }) => first)),
    ...lasts.every((last) => last === "") ? [] : [head(lasts)],
    "─".repeat(used + nameWidth),
    ...tests.map(({ ends, name }, index) =>
      row(
        String(index + 1),
        name,
        runs.map(({ first }, column) => {
          const cell = cellOf(ends[first].end);
          return paint(cell.startsWith("ok") ? "good" : "bad", cell) +
            " ".repeat(widths[column]! - cell.length);
        }),
      )
    ),
  ];
}

/** The outcome of a test; a star marks unexpected reports, faults or leaks. */
function cellOf(end: string): string {
  const [first, ...seen] = end.split(", ");
  return seen.length === 0 ? first! : `${first}*`;
}

function notes(tests: readonly TestOutcomeChanges[], { columns }: Reader): string[] {
  const seen = tests.flatMap(({ ends }) =>
    KERNEL_NAMES.flatMap((kernel) => ends[kernel].end.split(", ").slice(1))
  );
  if (seen.length === 0) return [];
  return wrapText(
    `* not expected by the test: ${[...new Set(seen)].toSorted().join(", ")}`,
    columns,
  );
}

/**
 * One cause of changed outcomes between two releases, and the numbers of the tests with these
 * outcomes.
 */
interface Reason {
  readonly cause: OutcomeCause;
  readonly turn: OutcomeChange;
  readonly numbers: number[];
}

function reasons(tests: readonly TestOutcomeChanges[], { columns, paint }: Reader): string[] {
  return KERNEL_NAMES.flatMap((kernel) => {
    const found = reasonsAt(kernel, tests);
    if (found.length === 0) return [];
    const { from } = found[0]!.turn;
    return [
      "",
      paint("strong", `changes between ${from} and ${kernel}`),
      ...found.flatMap((reason) => reasonLines(reason, columns)),
    ];
  });
}

function reasonsAt(kernel: KernelProfile, tests: readonly TestOutcomeChanges[]): readonly Reason[] {
  const reasons = new Map<string, Reason>();
  for (const [index, { turns }] of tests.entries()) {
    for (const turn of turns.filter(({ at }) => at === kernel)) {
      for (const cause of shown(turn.causes)) {
        const key = `${cause.seenIn} ${namesOf(cause)}`;
        const reason = reasons.get(key) ?? { cause, turn, numbers: [] };
        reason.numbers.push(index + 1);
        reasons.set(key, reason);
      }
    }
  }
  return [...reasons.values()];
}

/**
 * Selects the causes to print. If the removal of some causes restores the old outcome, only these
 * causes are printed. Otherwise the less certain causes are printed, which reproduce the new
 * outcome on the older release.
 */
function shown(causes: readonly OutcomeCause[]): readonly OutcomeCause[] {
  const undoing = causes.filter(({ seenIn }) => seenIn === "newer");
  return undoing.length > 0 ? undoing : causes;
}

function namesOf({ differences }: OutcomeCause): string {
  return differences.map(({ name }) => name).join(", ");
}

function reasonLines({ cause, numbers, turn }: Reason, columns: number): string[] {
  const { differences, seenIn } = cause;
  const alone = differences.length === 1;
  const given = seenIn === "newer" ? "" : `, reproduced by enabling it on ${turn.from}`;
  return [
    ...wrapText(
      `${alone ? "" : "together: "}${namesOf(cause)} (${inWords(numbers.map(String))})${given}`,
      columns - 2,
    ).map((line) => `  ${line}`),
    ...(alone ? differences : []).flatMap(({ change, doc, name, rule }) => [
      ...wrapText(`${CHANGE_WORDS[change]}: ${doc}`, columns - INDENT.length),
      ...wrapText(reproducesOn(name), columns - INDENT.length),
      `dmalab explain ${rule}`,
    ]).map((line) => `${INDENT}${line}`),
  ];
}

/**
 * A sentence that lists the releases that have a defect or older behaviour, and the releases that
 * do not.
 */
function reproducesOn(name: BehaviourName): string {
  const [having, others] = [true, false].map((has) =>
    KERNEL_NAMES.filter((kernel) => hasBehaviour(kernel, name) === has)
  );
  return `reproduces on ${inWords(having!)}, not on ${inWords(others!, "or")}`;
}

/** Joins words: `1, 2 and 3`. */
function inWords(words: readonly string[], last: "and" | "or" = "and"): string {
  return words.length < 2
    ? words.join("")
    : `${words.slice(0, -1).join(", ")} ${last} ${words.at(-1)}`;
}
