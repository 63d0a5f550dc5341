/**
 * Records what the passing tests of one file exercise.
 *
 * A rule counts as *decided* if an event of a passing test names the rule as its reason
 * (`why.rule`), or if the checker reported a breach of the rule. A rule counts as *cited* if the
 * text of a passing test, or the comment above the test, names the rule. A citation at the head of a
 * file or in its functions counts if all tests of the file pass. An error exit counts if an event of
 * a passing test shows that the exit was taken.
 */
import type { ListenersOf } from "@dmalab/cli/testing";
import type { Program, RunReport, TestOutcome } from "@dmalab/lang/run";
import { parse } from "@dmalab/lang/syntax";
import { isReturn, type MachineEvent } from "@dmalab/runtime";
import { RULE_PAGES } from "@dmalab/lang/editor";

/** `CITATION` finds `dma.md 3.3 row 1`, `rules/nvme.md 2.6`, `dma.3.3`, `block.md 1.3, 1.6`. */
const NUMBER = /\d+(?:\.\d+)*(?:\.[A-Za-z]\b)?/;
const PAGE = RULE_PAGES.map((page) => page.replaceAll(".", "\\.")).join("|");
const CITATION = new RegExp(
  `(?<![\\w-])(${PAGE})(?:\\.md,? (?:ch\\. |chapter )?|\\.|\\.md\\.)` +
    `(${NUMBER.source})((?:(?:,| and| or|;) ${NUMBER.source})*)`,
  "g",
);

/** The cited rules, as `page.number`; a row of a table follows its rule, as `dma.3.6.2`. */
export function citedRules(text: string): string[] {
  const found: string[] = [];
  for (const [, page, first, more] of text.matchAll(CITATION)) {
    const others = more!.match(new RegExp(NUMBER, "g")) ?? [];
    for (const number of [first!, ...others]) found.push(`${page}.${number}`);
  }
  return found;
}

/** The exercised rules and exits, as events and texts name them, for any number of files. */
export interface RuleRecord {
  readonly decided: readonly string[];
  readonly cited: readonly string[];
  readonly exits: readonly string[];
}

export class RuleRecorder {
  readonly #decided = new Set<string>();
  readonly #exits = new Set<string>();
  #pendingDecided = new Set<string>();
  #pendingExits = new Set<string>();

  constructor(readonly program: Program) {}

  /** The listeners of the program's runs. */
  get listeners(): ReturnType<ListenersOf> {
    const onEvent = (event: MachineEvent) => this.#event(event);
    return {
      onRun: () => {},
      onEvent,
      onChildEvent: onEvent,
      onOutcome: (outcome) => this.#outcome(outcome),
    };
  }

  #event(event: MachineEvent): void {
    if (event.why !== null) this.#pendingDecided.add(event.why.rule);
    if (isReturn(event)) {
      const { error } = event.fields;
      if (error !== null) this.#pendingExits.add(`${event.name.slice("ret.".length)} ${error}`);
      return;
    }
    switch (event.name) {
      case "block.status":
        this.#pendingExits.add(`status ${event.fields.status}`);
        return;
      case "iommu.fault":
        this.#pendingExits.add(`fault ${event.fields.reason}`);
        return;
      case "dma.report":
        this.#pendingExits.add(`report ${event.fields.class}`);
        this.#pendingDecided.add(event.fields.rule);
        return;
      case "kernel.warn":
        // A call that never returns has no return event. The error of the call is recorded in the
        // event of the kernel's warning.
        if (event.fields.error !== null) {
          this.#pendingExits.add(`${event.fields.at} ${event.fields.error}`);
        }
        return;
      case "inject":
        this.#pendingExits.add(`point ${event.fields.point}`);
        return;
    }
  }

  /** Called at the end of a test. Rules and exits count only if the test passed. */
  #outcome({ outcome }: Pick<TestOutcome, "outcome">): void {
    if (outcome === "passed") {
      for (const rule of this.#pendingDecided) this.#decided.add(rule);
      for (const exit of this.#pendingExits) this.#exits.add(exit);
    }
    this.#pendingDecided = new Set();
    this.#pendingExits = new Set();
  }

  record({ outcomes }: RunReport): RuleRecord {
    const passed = new Set(
      outcomes.filter(({ outcome }) => outcome === "passed").map(({ name }) => name),
    );
    const complete = outcomes.length > 0 && outcomes.every(({ outcome }) => outcome === "passed");
    return {
      decided: [...this.#decided],
      cited: citationsOf(this.program, passed, complete),
      exits: [...this.#exits],
    };
  }
}

function citationsOf(
  { source }: Program,
  passed: ReadonlySet<string>,
  complete: boolean,
): string[] {
  const cited = new Set<string>();
  let from = 0;
  for (const item of parse(source).file.items) {
    const isTest = item.kind === "Test" || item.kind === "Property";
    if (isTest ? passed.has(item.name) : complete) {
      // The text begins at the end of the previous item, so it includes the comment above the test.
      for (const rule of citedRules(source.text.slice(from, item.span.end))) cited.add(rule);
    }
    from = item.span.end;
  }
  return [...cited];
}

export function joinRecords(records: readonly RuleRecord[]): RuleRecord {
  const all = (of: (record: RuleRecord) => readonly string[]) => [
    ...new Set(records.flatMap(of)),
  ];
  return {
    decided: all(({ decided }) => decided),
    cited: all(({ cited }) => cited),
    exits: all(({ exits }) => exits),
  };
}
