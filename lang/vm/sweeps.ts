/**
 * Points that are made to fail, and moments at which a driver is removed. `inject POINT` makes one point fail;
 * `inject each` makes all points fail, one in each run. `remove each` and `unplug each` try all moments, one in
 * each run.
 */
import { addAll, groupBy } from "@dmalab/runtime/basics";
import { type IncidentEvent, incidentKind, incidentName } from "../values/incident.ts";
import type { Leak } from "@dmalab/runtime";
import { formatEventText } from "../render/event_line.ts";
import type {
  HitCount,
  InjectionHitName,
  InjectionPlace,
  ResourceWatch,
} from "../values/simulated_machine.ts";
import { formatCount, formatOrdinal } from "../text/numbers.ts";
import { headOf, type Span, spanPlace } from "../source.ts";
import { type FailEachInfo, type FailInfo, SWEEPS, type SweepWord } from "./code.ts";
import { ExpectationError, type LeakingPlace, ScriptFailure } from "./failure.ts";
import { ATTRIBUTION_STEPS, attributionText, causingDefects } from "../values/causing_defects.ts";
import { MACHINE_STEPS } from "../values/limits.ts";
import type { QuirkName } from "@dmalab/runtime/kernels";
import { describeValue } from "../values/operators.ts";
import { ValueError } from "../values/script_error.ts";
import { remembered } from "../values/remembered.ts";
import { type Closure, RangeValue, type Value } from "../values/value.ts";
import { type BranchChoice, formatBranch, goesOn, isPlace, placeOf } from "./branch_choice.ts";
import { type Branches, failureOf, withNote } from "./branches.ts";
import { relatedTo } from "./report_places.ts";
import { BranchEnded, type Control, type RunScope } from "./control.ts";
import type { Vm } from "./vm.ts";

/**
 * A mistake that the checker reported, or a fault. It occurred only because something failed or was
 * removed.
 */
export interface SweepIncident {
  readonly event: IncidentEvent;
  /** The statement that tried the places. */
  readonly word: SweepWord;
  /** The run in which the incident happened. */
  readonly context: Vm;
  /** The failed call and its place, as a clause. */
  readonly when: string;
  /** The number of places, out of `tried`, at which the incident was reported. */
  places: number;
  readonly tried: number;
}

/** The run to which an event's site belongs: the calls at its sites, and its removals. */
type Taking = Pick<Vm, "siteCall" | "removals">;

/** A place where an injected failure leads to a leak, and the run with that failure. */
interface LeakingRun {
  readonly place: InjectionPlace;
  readonly leaks: readonly Leak[];
  readonly run: Vm;
}

/** The scope of an `inject each` that counts the places of its block. */
class EachScope implements RunScope {
  constructor(
    readonly info: FailEachInfo,
    readonly branching: number,
    /**
     * True if the parent of this run tries the places. This run only has to reach a point with a
     * choice inside the block.
     */
    readonly passing: boolean,
    readonly count: HitCount,
    readonly watch: ResourceWatch,
    readonly close: () => void,
  ) {}

  leave(): void {
    this.count.stop();
    this.watch.stop();
    this.close();
  }
}

/**
 * The scope of a block in which one place fails. It exists in a run that was started for that
 * place.
 */
class PlaceScope implements RunScope {
  /** Stops listening for the removal. */
  close: () => void = () => {};

  constructor(
    readonly info: FailEachInfo,
    readonly place: InjectionHitName,
    readonly count: HitCount,
    /** The number of calls that were active when the block began. */
    readonly depth: number,
    readonly disarm: () => void,
  ) {}

  leave(): void {
    this.count.stop();
    this.disarm();
    this.close();
  }
}

/** The scope of a block with places that were all tried before. */
const KNOWN: RunScope = { leave: () => {} };
/** Limit of the leaks, and of the places, that a failure lists. */
const LISTED = 6;

export class Sweeps {
  /** Unexpected incidents that sweeps found. */
  readonly incidents: SweepIncident[] = [];
  /** How many places were tried. */
  placesTried = 0;

  constructor(readonly vm: Control, readonly branches: Branches) {}

  start(info: FailInfo, nth: Value): void {
    const [first, last] = hitRange(info.hasNth ? nth : null);
    const disarm = this.vm.machine.armInjection({
      point: info.point,
      first,
      last,
      error: info.error,
    });
    const isRemoval = Object.values(SWEEPS).some((removal) => removal === info.point);
    const close = isRemoval
      ? this.#watchRemoval(null, () => this.vm.machine.removedError())
      : () => {};
    const branchEnded = () => {
      if (disarm() > 0) this.vm.expecting(info.expectation);
    };
    const leave = () => {
      close();
      branchEnded();
    };
    this.vm.scopes.push({ leave, branchEnded });
  }

  #watchRemoval(meanwhile: Closure | null, ended: () => unknown): () => void {
    return this.vm.removals.open({ meanwhile, ended, seq: this.vm.machine.stream.seq });
  }

  /** @param meanwhile The device's actions during a removal. */
  startEach(info: FailEachInfo, meanwhile: Closure | null): void {
    const branching = this.branches.nextChoicePoint();
    const choice = this.branches.takeChoice(branching);
    const isRemoval = SWEEPS[info.word] !== null;
    if (choice !== null) {
      const place = placeOf(choice, info.word);
      const { nth, point } = place;
      const disarm = this.vm.machine.armInjection({ point, first: nth, last: nth, error: null });
      const { depth, machine } = this.vm;
      const scope = new PlaceScope(info, place, machine.countHits(), depth, disarm);
      if (isRemoval) scope.close = this.#watchRemoval(meanwhile, () => this.#endOfPlace(scope));
      this.vm.scopes.push(scope);
      return;
    }
    if (this.branches.resolvedChoices.has(branching)) {
      this.vm.scopes.push(KNOWN);
      return;
    }
    this.branches.requireRuns(info.word);
    const { isReplaying } = this.branches;
    const { machine } = this.vm;
    const close = isRemoval
      ? this.#watchRemoval(null, () => this.vm.machine.removedError())
      : () => {};
    const watch = machine.watchResources();
    this.vm.scopes.push(
      new EachScope(info, branching, isReplaying, machine.countHits(), watch, close),
    );
  }

  endEach(): void {
    const scope = this.vm.scopes.pop()!;
    scope.leave();
    if (scope === KNOWN) return;
    if (scope instanceof PlaceScope) throw this.#endOfPlace(scope);
    if (!(scope instanceof EachScope)) throw new Error("Not a scope of a sweep");
    const { branching: choicePoint, info } = scope;
    this.vm.expecting(info.expectation);
    const left = scope.watch.leaks();
    if (left.length > 0) throw this.#leaked(info, null, left, this.vm, undefined);
    if (scope.passing) return;
    const places = scope.count.places(SWEEPS[info.word]);
    // A driver that causes no event while it is bound has no moment at which it could be removed.
    const { wasBound } = this.vm.removals;
    const isIdle = SWEEPS[info.word] !== null && wasBound;
    if (places.length > 0 || isIdle) this.vm.reached.add(info.hit);
    this.placesTried += places.length;
    const leaking: LeakingRun[] = [];
    const reported = new Map<string, SweepIncident>();
    const printReports = () => addAll(this.incidents, reported.values());
    const help = this.branches.helpWith(info.word, choicePoint, places);
    try {
      for (const [index, place] of places.entries()) {
        this.vm.expecting(info.expectation);
        if (this.branches.adopted(help, index)) continue;
        const child = this.branches.replay({ choicePoint, taken: place }, false);
        this.#addReports(reported, child, place, places.length, info.word);
        if (child.failure !== null) {
          printReports();
          const failure = failureOf(child, this.vm.machine.stream.seq);
          const when = SWEEPS[info.word] === null ? "while" : "when";
          const notes = [
            ...storyOf(child),
            `${when} ${placeText(place, this.vm)} (\`${info.word}\`)`,
            ...stackLines(child),
          ];
          throw new ScriptFailure({
            ...notes.reduceRight(withNote, failure),
            remedies: this.#remedies(choicePoint, [[place]], () => true),
            leaking: leaking.length === 0 ? undefined : this.#leakingPlaces(leaking),
          });
        }
        const leaks = child.branches.branch!.watch.leaks();
        if (leaks.length > 0) leaking.push({ place, leaks, run: child });
        else if (![...reported.values()].some(({ context }) => context === child)) {
          this.branches.requireRuns(info.word).drop(child);
        }
      }
    } finally {
      help?.stop();
    }
    this.branches.resolvedChoices.set(choicePoint, null);
    if (leaking.length === 0) this.#judgeReports(info, reported);
    printReports();
    if (leaking.length > 0) throw this.#leakedAt(info, choicePoint, leaking, places.length);
  }

  /**
   * Judges a block that an error has ended, in a run that was started for one of its places. The
   * result is null if nothing is wrong, and in other runs; else it has the number of calls that
   * were active when the block began.
   */
  judgeEnded(): { readonly depth: number; readonly wrong: ExpectationError } | null {
    const last = this.branches.choices.findLast((choice) => !goesOn(choice));
    if (last === undefined || !isPlace(last)) return null;
    const scope = this.vm.scopes.findLast((each) => each instanceof PlaceScope);
    const wrong = scope === undefined ? null : this.#endOfPlace(scope);
    return wrong instanceof ExpectationError ? { depth: scope!.depth, wrong } : null;
  }

  /** Ends a run that was started for one place. */
  #endOfPlace({ count, info, place }: PlaceScope): ExpectationError | BranchEnded {
    const { branch, judgesBranch } = this.branches;
    if (!judgesBranch) return new BranchEnded();
    const hits = count.places(SWEEPS[info.word]).filter(({ point }) => point === place.point);
    const hit = hits[place.nth - 1];
    if (hit === undefined) return noSuchPlace(info, place, hits.length);
    const leaks = branch!.watch.leaks();
    if (leaks.length === 0) return new BranchEnded();
    const error = this.#leaked(info, placeText(hit, this.vm), leaks, this.vm, undefined);
    const { notes } = error.details;
    return new ExpectationError(error.code, error.message, {
      ...error.details,
      notes: [...notes ?? [], ...stackLines(this.vm)],
    });
  }

  /**
   * Finds the known defects that cause the failures at places, and returns them as lines. For that,
   * each place is tried again on machines without one of the defects.
   *
   * @param groups Places that went wrong in the same way. The defect that causes the failure of the
   *   first place is tried first for the others.
   * @param holds Given a run that did not fail: whether everything in it was right.
   * @returns Undefined in a run that does not search for defects.
   */
  #remedies(
    choicePoint: number,
    groups: readonly (readonly InjectionHitName[])[],
    holds: (child: Vm) => boolean,
  ): readonly string[] | undefined {
    if (!this.branches.looksForDefects) return undefined;
    const { quirks } = this.vm.machine.lab.machine;
    let steps = ATTRIBUTION_STEPS;
    let untried = 0;
    const isGone = (taken: InjectionHitName, off: readonly QuirkName[]) => {
      steps -= MACHINE_STEPS;
      if (steps <= 0) return false;
      const child = this.branches.withoutDefects({ choicePoint, taken }, off, steps);
      steps = Math.min(steps, Math.max(0, child.steps));
      const isRight = child.failure === null && child.branches.arrived && holds(child);
      this.branches.requireRuns("explain").drop(child);
      return isRight;
    };
    const counts = new Map<string, number>();
    for (const group of groups) {
      let known: readonly (readonly QuirkName[])[] = [];
      for (const place of group) {
        let fixing = known.filter((off) => isGone(place, off));
        if (fixing.length === 0) {
          fixing = [...causingDefects(quirks, (off) => isGone(place, off))];
          // Several defects may cause the failure together: try without all of them.
          if (fixing.length === 0 && isGone(place, [...quirks])) fixing = [[...quirks]];
        }
        if (steps <= 0) untried++;
        known = fixing;
        const text = fixing[0]?.length === quirks.size && quirks.size > 1
          ? "fixed by `quirks = [none]`"
          : attributionText(fixing);
        if (text !== null) counts.set(text, (counts.get(text) ?? 0) + 1);
      }
    }
    const all = groups.flat().length;
    return [
      ...[...counts].map(([text, count]) => count === all ? text : `${count} of ${all} ${text}`),
      ...untried === 0
        ? []
        : [`${untried} of ${all} not tried without known defects: that takes too long`],
    ];
  }

  /** Counts the reports that occur only with a failure. */
  #addReports(
    reported: Map<string, SweepIncident>,
    child: Vm,
    place: InjectionPlace,
    tried: number,
    word: SweepWord,
  ): void {
    const usual = this.vm.machine.incidents.map(incidentName);
    for (const [key, event] of sweepIncidents(child, usual, word)) {
      const when = placeText(place, this.vm);
      const first = { event, word, context: child, when, places: 0, tried };
      remembered(reported, key, () => first).places++;
    }
  }

  #judgeReports(info: FailEachInfo, reported: ReadonlyMap<string, SweepIncident>): void {
    const { machine } = this.vm;
    const first = [...reported.values()].find(({ event }) => machine.fails(incidentKind(event)));
    if (first === undefined) return;
    const { event, places, context, tried, when } = first;
    const isReport = event.name === "dma.report";
    const name = incidentName(event);
    const site = (isReport ? event.fields.second_site : null) ?? event.site;
    const drawn = site === null ? null : context.siteCall(site);
    throw new ExpectationError("E0908", `Unexpected ${incidentKind(event)} ${name} when ${when}`, {
      span: headOf(info.span),
      related: [
        ...drawn === null ? [] : [{ span: drawn, message: "drawn here" }],
        ...relatedTo(event, context),
      ],
      notes: [
        isReport ? event.fields.text : formatEventText(event),
        ...storyOf(context),
        `${places} of ${tried} places cause it`,
        ...stackLines(context),
      ],
      branch: context.branches.choices,
      hint: isReport
        ? `if it is intended, write \`warns ${name}\` after the call`
        : "stop the device, or clear bus mastering, before the mapping ends",
    });
  }

  #leaked(
    info: FailEachInfo,
    where: string | null,
    leaks: readonly Leak[],
    run: Taking,
    branch: readonly BranchChoice[] | undefined,
  ): ExpectationError {
    const taken = takenAt(leaks[0]!, run);
    return new ExpectationError(
      "E0921",
      where === null ? "The block leaks without an injected failure" : `Leak when ${where}`,
      {
        span: headOf(info.span),
        notes: where === null ? leakLines(leaks, run) : [...leakLines(leaks, run), ...storyOf(run)],
        branch,
        related: taken === null ? [] : [{ span: taken, message: "allocated here" }],
        hint: where === null
          ? "what the block allocates or maps it must also free or unmap"
          : undefined,
        leaking: [leakingPlace(where ?? "nothing fails", leaks, run)],
      },
    );
  }

  #leakingPlaces(leaking: readonly LeakingRun[]): readonly LeakingPlace[] {
    return leaking.map(({ leaks, place, run }) =>
      leakingPlace(placeText(place, this.vm), leaks, run)
    );
  }

  #leakedAt(
    info: FailEachInfo,
    branching: number,
    leaking: readonly LeakingRun[],
    tried: number,
  ): ExpectationError {
    const groups = leakGroups(leaking, this.vm);
    const [{ leaks, place, run }] = groups[0] as [LeakingRun];
    const error = this.#leaked(info, placeText(place, this.vm), leaks, run, run.branches.choices);
    const notes = groups.slice(0, LISTED)
      .flatMap((group, index) => groupLines(group, index === 0, this.vm));
    const rest = groups.slice(LISTED).flat().length;
    return new ExpectationError(error.code, error.message, {
      ...error.details,
      notes: [
        ...notes,
        ...rest > 0 ? [`and at ${formatCount(rest, "more place")}`] : [],
        ...storyOf(run),
        `${leaking.length} of ${tried} places leak`,
        ...stackLines(run),
        `the first one alone: \`inject ${place.point} nth ${place.nth}\` in place of \`${info.word}\``,
      ],
      leaking: this.#leakingPlaces(leaking),
      remedies: this.#remedies(
        branching,
        groups.map((group) => group.map(({ place }) => place)),
        ({ branches: { branch } }) => branch!.watch.leaks().length === 0,
      ),
    });
  }
}

/**
 * Lines for the leaks of several places that have similar leaks.
 *
 * @param isNamed Whether the message already names the first place.
 * @param counted The run in which the places were counted.
 */
function groupLines(
  [first, ...alike]: readonly LeakingRun[],
  isNamed: boolean,
  counted: Taking,
): string[] {
  const listed = alike.slice(0, LISTED).map((each) =>
    `${leaksText(each) === leaksText(first!) ? "the same" : "more of the same calls"} when ` +
    placeText(each.place, counted)
  );
  const rest = alike.length - listed.length;
  return [
    ...isNamed ? [] : [
      `and when ${placeText(first!.place, counted)} ` +
      `(--branch ${formatBranch(first!.run.branches.choices)}):`,
    ],
    ...leakLines(first!.leaks, first!.run),
    ...listed.map((line) => `  ${line}`),
    ...rest > 0 ? [`  and at ${formatCount(rest, "more place")}`] : [],
  ];
}

/**
 * The incidents of a place that occur only with its failure or removal: the first of each location and class.
 *
 * @param usual Names of the incidents that the block causes without a failure.
 */
export function sweepIncidents(
  child: Vm,
  usual: readonly string[],
  word: SweepWord,
): ReadonlyMap<string, IncidentEvent> {
  const found = new Map<string, IncidentEvent>();
  for (const event of child.machine.incidents) {
    const name = incidentName(event);
    // Faults of devices are caused by `inject each` itself, so they count only for a removal.
    const isJudged = event.name === "dma.report" || SWEEPS[word] !== null;
    if (!isJudged || usual.includes(name) || child.expectedIncidents.has(event)) continue;
    if (event.seq <= (child.branches.branch?.seq ?? Infinity)) continue;
    remembered(found, `${name} ${event.site}`, () => event);
  }
  return found;
}

function noSuchPlace(
  { span }: FailEachInfo,
  { nth, point }: InjectionHitName,
  hits: number,
): ExpectationError {
  return new ExpectationError(
    "E0934",
    `The block never passes \`${point}\` the ${formatOrdinal(nth)} time`,
    { span: headOf(span), hint: `it passes it ${formatCount(hits, "time")}` },
  );
}

/** The occurrences that fail: those of a range, or a single one; without a number, all. */
function hitRange(nth: Value): readonly [first: number, last: number] {
  if (nth === null) return [1, Infinity];
  const [first, last] = nth instanceof RangeValue && nth.kind === "int"
    ? [nth.first, nth.end - 1]
    : [nth, nth];
  if (typeof first !== "number" || typeof last !== "number" || first < 1 || last < first) {
    throw new ValueError(
      typeof first !== "number" || typeof last !== "number"
        ? `Cannot count hits by ${describeValue(nth)}`
        : last < first
        ? `There are no hits ${first}..=${last}`
        : `There is no hit number ${first}`,
      "`nth` counts from 1: an int, or a range such as `2..=4`",
    );
  }
  return [first, last];
}

/**
 * A clause about the failure: the call of the script or of the driver, then the point that the call
 * reaches.
 *
 * @param counted The run in which the place was counted.
 */
function placeText(place: InjectionPlace, counted: Taking): string {
  const { does, nth, point, removal, site } = place;
  const span = site === null ? null : counted.siteCall(site);
  if (removal !== null) {
    const after = span === null ? "" : ` after ${callText(span)}`;
    return `${removal}${after} (\`${point}\` nth ${nth})`;
  }
  if (span === null) return `\`${point}\` ${does} the ${formatOrdinal(nth)} time`;
  const { source, start, end } = span;
  const [, call = point] = /^([\w.]+)(?:\(|$)/.exec(source.text.slice(start, end)) ?? [];
  const where = `${source.name}:${source.position(start).line}`;
  const time = `the ${formatOrdinal(nth)} time`;
  // Two calls do not fail themselves, so the text says that the point fails in them. One is
  // `submit` of a disk, if a call fails that the kernel's driver makes inside it. The other is a
  // write of a register, if an access fails that the device makes after it.
  const isBehind = call.includes(".") || /^(?:device|queue)\./.test(point);
  if (isBehind) return `\`${point}\` ${does} ${time}, in \`${call}\` at ${where}`;
  return call === point
    ? `\`${call}\` at ${where} ${does} ${time}`
    : `\`${call}\` at ${where} ${does} (\`${point}\` nth ${nth})`;
}

/** A call with its place. */
function callText({ end, source, start }: Span): string {
  const [, call = ""] = /^([\w.]+)(?:\(|$)/.exec(source.text.slice(start, end)) ?? [];
  const where = `${source.name}:${source.position(start).line}`;
  return call === "" ? where : `\`${call}\` at ${where}`;
}

/** The summary of a removal, as lines; empty in a run without one. */
export function storyOf({ removals: { story } }: Pick<Vm, "removals">): readonly string[] {
  return story === null ? [] : story.lines();
}

/** Limit of the functions of a call stack that are listed. */
const LISTED_FRAMES = 12;

/**
 * The call stack of compiled code at the failure, as lines; empty if the script itself made the
 * call.
 */
function stackLines(run: Pick<Vm, "machine" | "siteSpan">): string[] {
  const frames = run.machine.failedStack().slice(0, LISTED_FRAMES).map(({ name, site }) => {
    const span = run.siteSpan(site);
    return `  ${name}()${span === null ? "" : ` at ${spanPlace(span)}`}`;
  });
  return frames.length === 0 ? [] : ["call stack of the failing call:", ...frames];
}

/** The call that allocated the leaked resource; null if it was not a single call. */
function takenAt({ site }: Leak, run: Taking): Span | null {
  return site === null ? null : run.siteCall(site);
}

/**
 * Groups runs with similar leaks: by the failing call, and by the calls that allocated the leaked
 * resources. A loop that fails one iteration later leaks one mapping more, which is the same
 * mistake. Another failing call with the same leaks is the same mistake, too.
 *
 * @param counted The run in which the places were counted.
 */
function leakGroups(leaking: readonly LeakingRun[], counted: Taking): LeakingRun[][] {
  const byCalls = groupBy(leaking, ({ leaks, place, run }) => {
    const failing = place.site === null ? null : counted.siteCall(place.site);
    const taken = leaks.map((leak) => {
      const span = takenAt(leak, run);
      return span === null ? leak.text : spanPlace(span);
    });
    return [
      failing === null ? place.point : spanPlace(failing),
      ...new Set(taken.toSorted()),
    ].join("\n");
  });
  const byLeaks = groupBy(byCalls.values(), ([first]) => leaksText(first!));
  return [...byLeaks.values()].map((groups) => groups.flat());
}

function leaksText({ leaks, run }: LeakingRun): string {
  return leakLines(leaks, run).join("\n");
}

function leakingPlace(when: string, leaks: readonly Leak[], run: Taking): LeakingPlace {
  return {
    when,
    leaks: leaks.map((leak) => {
      const span = takenAt(leak, run);
      return {
        text: leakText(leak) + (span === null ? "" : `, allocated at ${spanPlace(span)}`),
        place: span === null ? null : spanPlace(span),
        count: leak.kind === "mapping" ? leak.amount : 1,
      };
    }),
  };
}

function leakText({ device, text }: Leak): string {
  return `${device === null || device === "" ? "" : `${device}: `}${text}`;
}

/** The leaked resources, by the calls that allocated them. */
function leakLines(leaks: readonly Leak[], run: Taking): string[] {
  const groups = groupBy(leaks.slice(0, LISTED), (leak) => {
    const span = takenAt(leak, run);
    return span === null ? null : spanPlace(span);
  });
  const lines = [...groups].flatMap(([place, group]) => [
    ...group.map((leak) => `  ${leakText(leak)}`),
    ...place === null ? [] : [`    allocated at ${place}`],
  ]);
  return leaks.length > LISTED ? [...lines, `  and ${leaks.length - LISTED} more`] : lines;
}
