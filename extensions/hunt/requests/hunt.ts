/**
 * The hunt: random cases on random machines, checked against one property. If a case violates the
 * property, the hunt shrinks the case, attributes it to the switch without which it passes, and
 * writes it as a scenario. From then on, cases with the same cause are excluded.
 */
import fc, { type Arbitrary } from "fast-check";
import { huntMachines } from "../cases/machines.ts";
import { huntCases } from "../cases/requests.ts";
import { CaseRun, runCase } from "./case_run.ts";
import {
  causingDefectsOf,
  endsOf,
  hiddenDefect,
  lastRule,
  neededBy,
  signatureOf,
  violationsOf,
  without,
} from "./diagnose.ts";
import type { SourceLoader } from "@dmalab/lang/syntax";
import { wrapText } from "@dmalab/lang/text";
import type { HuntCase, HuntMachine, HuntRelease, HuntStep, PieceRun } from "./hunt_case.ts";
import { hitPoints } from "./hit_points.ts";
import { runScenarioText } from "./scenario_check.ts";
import { scenarioText } from "./scenario_text.ts";
import { quirkList } from "./scenario_machine.ts";
import type { Violation } from "./violation.ts";
import { DEFAULT_KERNEL, type QuirkName } from "@dmalab/runtime/kernels";
import type { InjectionPointName, IommuMode } from "@dmalab/runtime";
import { reduce } from "../reduce.ts";

/**
 * Number of machines of one turn of the generator. A finding is excluded only from the next turn
 * on.
 */
const MACHINES_A_BATCH = 40;
/** Maximum number of attempts to reduce a case. */
const MAX_TRIES = 1500;
/**
 * Once a defect has been found, every tenth turn looks for defects that show only together with
 * known defects.
 */
const HIDDEN_EVERY = 10;
/** Maximum width of a comment line, without `#`. */
const COMMENT_COLUMNS = 88;
/**
 * Distance between the seeds of two hunts. The turns of one hunt use consecutive seeds, which must
 * not overlap with the seeds of the other hunt.
 */
const SEED_STRIDE = 7_368_787;

export interface HuntOptions {
  readonly release: HuntRelease;
  readonly seed: number;
  /** Maximum number of steps of all cases; time or turns may end the hunt earlier. */
  readonly cases: number;
  /** The IOMMU mode of random machines; default: drawn at random. */
  readonly mode?: IommuMode | undefined;
  /** Injection points that may fail, from `hitPoints()`; determined automatically if omitted. */
  readonly points?: readonly InjectionPointName[] | undefined;
  /** The only machine to hunt on, and the loader of its file; default: random machines. */
  readonly where?: { readonly machine: HuntMachine; readonly loader: SourceLoader } | undefined;
  /** Returns whether there is time left. */
  readonly mayGoOn: () => boolean;
  /** Called with each finding as soon as its scenario is written. */
  readonly onFinding?: (finding: HuntFinding) => void;
  /** Called with the steps and machines tried so far, before each machine. */
  readonly onProgress?: ((cases: number, machines: number) => void) | undefined;
}

export interface HuntFinding {
  /** The smallest case that shows the violation. */
  readonly case: HuntCase;
  /** The release, without the defects found before. */
  readonly release: HuntRelease;
  readonly violation: Violation;
  /**
   * The violation of an earlier step, if that step left something behind that makes the last step
   * fail. Null if the violation of the last step has no such cause.
   */
  readonly after: Violation | null;
  /**
   * The switch without which the case passes, or two switches that are needed together. Empty if no
   * known defect causes the violation.
   */
  readonly switches: readonly QuirkName[];
  /** Switches that were found earlier and must be on for the violation to show. */
  readonly needs: readonly QuirkName[];
  /** Other switches without which the case passes, too. */
  readonly others: readonly (readonly QuirkName[])[];
  /** The last rule that was applied before the violation. */
  readonly rule: string | null;
  /** Number of steps tried until the finding. */
  readonly cases: number;
  /** Number of attempts to reduce the case. */
  readonly tries: number;
  /** A failing test. */
  readonly scenario: string;
  /** The scenario's message when it is run; null when it does not fail. */
  readonly proof: string | null;
}

/** A finding without its scenario. */
type Found = Omit<HuntFinding, "scenario" | "proof">;

export interface HuntResult {
  readonly findings: readonly HuntFinding[];
  /** Number of steps tried; `machines`: number of machines tried. */
  readonly cases: number;
  readonly machines: number;
}

/** The findings before a turn: all that a turn depends on besides its number. Plain data. */
export interface HuntState {
  /** Switches found so far. */
  readonly named: readonly QuirkName[];
  /** Signatures of violations that no switch explains. */
  readonly known: readonly string[];
}

export const NOTHING_FOUND: HuntState = { named: [], known: [] };

export interface TurnEnd {
  /** Number of steps tried; `machines`: number of machines tried. */
  readonly cases: number;
  readonly machines: number;
  /** The finding of the turn. Its `cases` are counted from the turn's start. */
  readonly finding: HuntFinding | null;
  readonly state: HuntState;
}

/** Callbacks for a turn that runs in parallel with others. */
export interface BatchWatch {
  /** Called with the likely state after the turn, long before the case has been reduced. */
  readonly onGuess: (state: HuntState) => void;
  /** Whether the turn's result is no longer needed. */
  readonly isAbandoned: () => boolean;
}

/** Hunts until the cases or the time are used up. */
export function hunt(options: HuntOptions): HuntResult {
  let before = { cases: 0, machines: 0 };
  const { onProgress } = options;
  const turns = new HuntTurns({
    ...options,
    onProgress: onProgress &&
      ((cases, machines) => onProgress(before.cases + cases, before.machines + machines)),
  });
  const findings: HuntFinding[] = [];
  let { cases, machines, state } = { cases: 0, machines: 0, state: NOTHING_FOUND };
  for (let number = 0; cases < options.cases && options.mayGoOn(); number++) {
    before = { cases, machines };
    const end = turns.run(number, state, options.cases - cases);
    if (end.finding !== null) {
      const finding = { ...end.finding, cases: cases + end.finding.cases };
      findings.push(finding);
      options.onFinding?.(finding);
    }
    cases += end.cases;
    machines += end.machines;
    state = end.state;
  }
  return { findings, cases, machines };
}

/**
 * The turns of a hunt. The turns can run in any order and anywhere, because each has its own
 * initial state.
 */
export class HuntTurns {
  readonly #arbitrary: Arbitrary<HuntCase>;

  constructor(private readonly options: Omit<HuntOptions, "cases">) {
    const machines = options.where === undefined
      ? huntMachines(options.mode)
      : fc.constant(options.where.machine);
    const points = options.points ?? hitPoints(options.release, machines);
    this.#arbitrary = huntCases(points, machines);
  }

  /**
   * Tries some machines, and ends with the first finding.
   * @param number The number of the turn, from 0.
   * @param cases Maximum number of steps.
   */
  run(
    number: number,
    state: HuntState,
    cases: number,
    watch: BatchWatch | null = null,
  ): TurnEnd {
    const search = new CaseBatch({ ...this.options, cases }, this.#arbitrary, state, watch);
    const isHidden = (number + 1) % HIDDEN_EVERY === 0 &&
      state.named.length + state.known.length > 0;
    return search.run(this.options.seed * SEED_STRIDE + number, isHidden);
  }
}

class CaseBatch {
  #cases = 0;
  #machines = 0;
  #finding: HuntFinding | null = null;
  readonly #known: Set<string>;
  readonly #named: Set<QuirkName>;
  #release: HuntRelease;
  #tries = 0;
  #shrinking = false;
  /**
   * Results of cases that were tried while shrinking. They are kept, because many cases are drawn
   * repeatedly.
   */
  readonly #tried = new Map<string, boolean>();

  constructor(
    private readonly options: HuntOptions,
    private readonly arbitrary: Arbitrary<HuntCase>,
    { known, named }: HuntState,
    private readonly watch: BatchWatch | null,
  ) {
    this.#known = new Set(known);
    this.#named = new Set(named);
    this.#release = without(options.release, named);
  }

  run(seed: number, isHidden: boolean): TurnEnd {
    if (isHidden) this.#turnForHidden(seed);
    else this.#turn(seed);
    return {
      cases: this.#cases,
      machines: this.#machines,
      finding: this.#finding,
      state: { named: [...this.#named], known: [...this.#known] },
    };
  }

  /**
   * Reports the likely result of a turn before the case is shrunk. The case as it was drawn usually
   * has the same cause as the smallest case.
   */
  #guess(each: HuntCase, violation: Violation): void {
    if (this.watch === null) return;
    const [switches = []] = causingDefectsOf(each, this.#release);
    const [name] = switches;
    this.watch.onGuess({
      named: [...this.#named, ...name === undefined ? [] : [name]],
      known: [...this.#known, ...name === undefined ? [signatureOf(violation)] : []],
    });
  }

  #turn(seed: number): void {
    const found = this.#search(seed, (each) => this.#holds(each));
    if (found !== null) this.#found(this.#smallest(found, (each) => this.#fails(each)));
  }

  /**
   * A turn that looks for a hidden defect: one that shows only if the defects found before are
   * switched on again.
   */
  #turnForHidden(seed: number): void {
    const found = this.#search(seed, (each) => this.#hidesNothing(each));
    if (found === null) return;
    this.#foundHidden(this.#smallest(found, (each) => this.#hides(each)));
  }

  #search(seed: number, holds: (each: HuntCase) => boolean): HuntCase | null {
    const { counterexample } = fc.check(fc.property(this.arbitrary, holds), {
      // The generator uses the seed as a signed 32-bit number.
      seed: seed | 0,
      numRuns: MACHINES_A_BATCH,
    });
    return counterexample === null || this.#isAbandoned() ? null : counterexample[0];
  }

  #smallest(shrunk: HuntCase, shows: (each: HuntCase) => boolean): HuntCase {
    return simplify(shrunk, (each) => {
      this.#tries++;
      return !this.#isAbandoned() && shows(each);
    });
  }

  #hidden(each: HuntCase) {
    return hiddenDefect(each, this.options.release, this.#named);
  }

  /** Whether another machine may be tried. */
  #mayTry(): boolean {
    this.options.onProgress?.(this.#cases, this.#machines);
    return this.#cases < this.options.cases && this.options.mayGoOn();
  }

  #hidesNothing(each: HuntCase): boolean {
    if (this.#shrinking) return this.#isEnough() || !this.#hides(each);
    if (!this.#mayTry()) return true;
    this.#machines++;
    const steps = this.#stepsLeftOf(each);
    this.#cases += steps.length;
    const hidden = this.#hidden({ ...each, steps });
    this.#shrinking = hidden !== null;
    if (hidden !== null) {
      this.watch?.onGuess({ named: [...this.#named, hidden.name], known: [...this.#known] });
    }
    return hidden === null;
  }

  #foundHidden(small: HuntCase): void {
    const { name, step } = this.#hidden(small)!;
    const each: HuntCase = { ...small, steps: small.steps.slice(0, step + 1) };
    const release = { ...this.options.release, quirks: new Set([...this.#named, name]) };
    this.#report({
      case: each,
      release,
      violation: violationsOf(each, release)[step]!,
      after: null,
      switches: [name],
      needs: neededBy(each, release, name),
      others: [],
    });
    this.#named.add(name);
    this.#release = without(this.#release, [name]);
  }

  #holds(each: HuntCase): boolean {
    if (this.#shrinking) return this.#isEnough() || !this.#fails(each);
    if (!this.#mayTry()) return true;
    this.#machines++;
    const run = new CaseRun(each.machine, this.#release);
    for (const [index, step] of this.#stepsLeftOf(each).entries()) {
      this.#cases++;
      const violation = run.step(step);
      if (violation === null) continue;
      this.#shrinking = !this.#known.has(signatureOf(violation));
      if (this.#shrinking) {
        this.#guess({ ...each, steps: each.steps.slice(0, index + 1) }, violation);
      }
      break;
    }
    return !this.#shrinking;
  }

  #isEnough(): boolean {
    return ++this.#tries > MAX_TRIES || this.#isAbandoned();
  }

  #isAbandoned(): boolean {
    return this.watch?.isAbandoned() === true;
  }

  /** A case's steps, without the steps beyond the limit on cases. */
  #stepsLeftOf({ steps }: HuntCase): HuntCase["steps"] {
    return steps.slice(0, this.options.cases - this.#cases);
  }

  #fails(each: HuntCase): boolean {
    return this.#once(each, () => {
      const violation = runCase(each, this.#release);
      return violation !== null && !this.#known.has(signatureOf(violation));
    });
  }

  #hides(each: HuntCase): boolean {
    return this.#once(each, () => this.#hidden(each) !== null);
  }

  /**
   * Caches results of trials by their case. This is possible because all trials of a case within a
   * turn use the same check and release.
   */
  #once({ machine, steps }: HuntCase, trial: () => boolean): boolean {
    const key = JSON.stringify([{ ...machine, given: null }, steps]);
    return this.#tried.getOrInsertComputed(key, trial);
  }

  #found(small: HuntCase): void {
    const release = this.#release;
    const violation = runCase(small, release)!;
    const [switches = [], ...others] = causingDefectsOf(small, release);
    const next = violation.kind === "left" ? aftermathOf(small, release) : null;
    this.#report({
      case: next?.case ?? small,
      release,
      violation: next?.violation ?? violation,
      after: next === null ? null : violation,
      switches,
      needs: [],
      others,
    });
    if (switches.length === 0) this.#known.add(signatureOf(violation));
    else {
      this.#named.add(switches[0]!);
      this.#release = without(release, switches.slice(0, 1));
    }
  }

  #report(what: Omit<Found, "rule" | "cases" | "tries">): void {
    const rule = lastRule(what.case, what.release);
    const found = { ...what, rule, cases: this.#cases, tries: this.#tries };
    this.#finding = written(found, this.options);
  }
}

/** Forms of a scenario, the most readable first. */
const FORMS = [
  { explicit: false, lenient: false },
  { explicit: true, lenient: false },
  { explicit: false, lenient: true },
] as const;

/** Adds the scenario: the most readable one that fails with the defect and passes without it. */
function written(found: Found, options: HuntOptions): HuntFinding {
  const { release: plain, where } = options;
  const { case: each, release, switches } = found;
  const known = switches.length > 0;
  const ends = known
    ? endsOf(each, without(release, switches))
    : each.steps.at(-1)!.ios.map(() => "OK");
  // Releases to try: the release itself; the release with this defect alone; the release without
  // the defects found before.
  const alone: HuntRelease = { ...plain, quirks: new Set(switches) };
  let scenario = "";
  for (const shown of known ? [plain, alone, release] : [plain, release]) {
    const violation = violationsOf(each, shown).findLast((wrong) => wrong !== null) ?? null;
    if (violation === null) continue;
    for (const form of FORMS) {
      const text = (at: HuntRelease, incidents: readonly string[] = []) =>
        scenarioText(each, at, violation, {
          comment: commentOf(found, options, incidents),
          ends,
          ...form,
        });
      const run = (scenario: string) => runScenarioText(scenario, where?.loader);
      scenario ||= text(shown);
      const end = run(text(shown));
      if (end.end !== "failed") continue;
      const holds = !known || run(text(without(shown, switches))).end === "held";
      if (!holds) continue;
      const told = text(shown, end.incidents);
      // The lines of the failure are counted below the comment.
      const proof = run(told);
      if (proof.end === "failed") return { ...found, scenario: told, proof: proof.text };
    }
  }
  return { ...found, scenario, proof: null };
}

/** @param incidents What a run of the scenario says of its faults, reports and leaks. */
function commentOf(
  { after, needs, rule, switches, violation }: Found,
  options: HuntOptions,
  incidents: readonly string[],
): string[] {
  const cause = switches.length === 0
    ? "It fails with any one or two of the switches off."
    : `Passes with quirks = [${switches.map((name) => `not ${name}`).join(", ")}].`;
  return [
    ...wrapText(`Found by: ${commandOf(options)}`, COMMENT_COLUMNS),
    ...wrapText(
      whatHappened(asInScenario(violation, incidents), after && asInScenario(after, incidents)),
      COMMENT_COLUMNS,
    ),
    cause,
    ...needs.length === 0 ? [] : [`It reproduces only together with ${needs.join(" and ")}.`],
    ...rule === null ? [] : [`Last rule applied: dmalab explain ${rule}`],
  ];
}

/** Describes the leak first, if there is one, and then the violation. */
function whatHappened(violation: Violation, after: Violation | null): string {
  if (after === null) return `${beginning(violation)}.`;
  return `${
    beginning(after)
  }. Then the same is repeated without an injected failure: ${violation.text}.`;
}

const ADDRESS = /\b0x[\da-f_]+/g;

/**
 * A violation with the addresses of the scenario. The hunt leaves room between its buffers, so that
 * its own run has others.
 */
function asInScenario(violation: Violation, incidents: readonly string[]): Violation {
  const { text } = violation;
  const all = incidents.join("\n");
  if ((text.match(ADDRESS) ?? []).every((address) => all.includes(address))) return violation;
  const [prefix = "", sentence = text] = /^(\w+: )(.*)$/s.exec(text)?.slice(1) ?? [];
  const blind = (words: string) => words.replaceAll(ADDRESS, "0x").toLowerCase();
  for (const incident of incidents) {
    const said = incident.replace(/^(?:\w+, [\w.]+|Device "[^"]*"): /, "");
    if (blind(said) === blind(sentence)) return { ...violation, text: prefix + said };
  }
  return { ...violation, text: `${text} (at an address of the hunt's own run)` };
}

/** The text starts with a capital, except a report's class, which is written as in `warns`. */
function beginning({ kind, text }: Violation): string {
  return kind === "report" ? text : text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** The command line that reproduces the finding. */
function commandOf({ mode, release, seed, where }: HuntOptions): string {
  const quirks = quirkList(release);
  return [
    "dmalab hunt",
    ...where?.machine.given == null ? [] : [where.machine.given.file],
    ...release.kernel === DEFAULT_KERNEL && where === undefined
      ? []
      : [`--kernel ${release.kernel}`],
    ...quirks === null ? [] : [`--quirks "${quirks}"`],
    ...mode === undefined ? [] : [`--mode ${mode}`],
    `--seed ${seed}`,
  ].join(" ");
}

/**
 * Repeats the last step of a case without injected failures. The state left behind by the step may
 * be harmless, like leaked memory, or may make the repetition fail.
 *
 * @returns Null if the repetition passes, or only leaks again.
 */
function aftermathOf(
  each: HuntCase,
  release: HuntRelease,
): Pick<HuntFinding, "case" | "violation"> | null {
  const again: HuntCase = {
    ...each,
    steps: [...each.steps, { ...each.steps.at(-1)!, fault: null }],
  };
  const violation = violationsOf(again, release).at(-1)!;
  const spoilt = violation !== null && violation.kind !== "left" && violation.kind !== "report";
  return spoilt ? { case: again, violation } : null;
}

/**
 * Piece runs with many pieces, more than fit into most requests. Each of them is tried as a
 * replacement for several piece runs.
 */
const MANY_PIECES: readonly PieceRun[] = [4, 16, 40].map((count) => ({
  count,
  sizeBytes: 512,
  offsetBytes: 0,
  touching: false,
  high: false,
}));

/**
 * @param fails Whether a case still shows the same violation.
 * @returns A case that still shows the violation, and of which no part can be left out.
 */
export function simplify(start: HuntCase, fails: (each: HuntCase) => boolean): HuntCase {
  return reduce(start, smallerCases, (each) => fails(each) ? each : null);
}

function* smallerCases({ machine, steps }: HuntCase): Generator<HuntCase> {
  // The last step shows the violation, so earlier steps are removed first.
  if (steps.length > 2) yield { machine, steps: steps.slice(-1) };
  for (let index = 0; index < steps.length && steps.length > 1; index++) {
    yield { machine, steps: steps.toSpliced(index, 1) };
  }
  for (const [index, step] of steps.entries()) {
    for (const smaller of smallerSteps(step)) {
      yield { machine, steps: steps.with(index, smaller) };
    }
  }
}

function* smallerSteps(step: HuntStep): Generator<HuntStep> {
  const { ios } = step;
  if (step.fault !== null) yield { ...step, fault: null };
  if (step.plugged) yield { ...step, plugged: false };
  for (let index = 0; index < ios.length && ios.length > 1; index++) {
    yield { ...step, ios: ios.toSpliced(index, 1) };
  }
  for (const [index, io] of ios.entries()) {
    if (io.metadata !== null) yield { ...step, ios: ios.with(index, { ...io, metadata: null }) };
    for (let at = 0; at < io.runs.length && io.runs.length > 1; at++) {
      yield { ...step, ios: ios.with(index, { ...io, runs: io.runs.toSpliced(at, 1) }) };
    }
    for (const run of io.runs.length > 1 ? MANY_PIECES : fewerPieces(io.runs[0]!)) {
      yield { ...step, ios: ios.with(index, { ...io, runs: [run] }) };
    }
  }
}

/** The same run with fewer pieces: without half of them, without five, without one. */
function fewerPieces(run: PieceRun): readonly PieceRun[] {
  return [Math.ceil(run.count / 2), 5, 1].filter((less) => less < run.count)
    .map((less) => ({ ...run, count: run.count - less }));
}
