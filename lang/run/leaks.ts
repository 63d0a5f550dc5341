/** Leaks of a run: as findings to print, and as the failure of the test. */
import type { TestLeak } from "@dmalab/runtime";
import { renderFinding, type RenderOptions } from "../diagnostics/render.ts";
import { formatTimeRounded } from "../text/numbers.ts";
import { type Span, spanPlace } from "../source.ts";
import { failed, type Failure } from "../vm/failure.ts";
import type { Incident } from "./report.ts";
import type { Vm } from "../vm/vm.ts";

const HINT =
  "unmap or free it; if it is intended, write `with { leaks = allow }` after the test's " +
  "name, or `leaks = allow` in `machine`";

/**
 * The resources that are still allocated at the end of a run. A failed run is examined, too,
 * because these resources may be the cause. If a child run failed, the result is the resources of
 * the child run. A run that was stopped by a limit or a bug is not examined.
 */
export function leftoversOf(vm: Vm): readonly TestLeak[] {
  if (vm.failure === null) return vm.machine.leftovers();
  const { held, kind } = vm.failure;
  return kind === "failed" ? held ?? vm.machine.leftovers() : [];
}

/**
 * A leak, or a resource that was still allocated when a run failed, as plain data.
 *
 * @param kind `held`: the run failed; statements that did not run may free the resource.
 * @param facts Further facts about the resource, each with a label.
 */
export function describeLeak(
  leak: TestLeak,
  kind: "leak" | "held",
  vm: Vm,
  options: RenderOptions = {},
  facts: readonly (readonly [label: string, text: string])[] = [],
): Incident {
  const span = spanOf(leak.site, vm);
  return {
    kind,
    name: leak.kind,
    text: [leak.kind, ...leak.rule === null ? [] : [leak.rule]].join(", ") + `: ${leak.text}`,
    place: span === null ? null : spanPlace(span),
    resource: { text: leak.text, more: leak.more, with: leak.with, eventSeqs: leak.eventSeqs },
    lines: renderFinding({
      word: kind === "leak" ? "leak" : "unreleased",
      severity: "warning",
      tag: leak.kind,
      message: leak.text,
      span,
      facts: [...factsOf(leak), ...facts],
      ...kind === "leak" ? { hint: HINT } : {},
    }, options),
  };
}

/** A leak fails a run that reached its end, unless its machine says otherwise. */
export function judgeLeaks(vm: Vm, leaks: readonly TestLeak[]): Failure | null {
  const [first] = leaks;
  if (first === undefined || !vm.machine.fails("leak")) return null;
  const span = spanOf(first.site, vm) ?? vm.span;
  return failed({ code: "E0926", span, message: first.text, hint: HINT }, {
    finding: first,
    notes: factsOf(first).map(([label, text]) => `${label}: ${text.replaceAll("\n", "; ")}`),
  });
}

function factsOf({ event, more, rule, with: others }: TestLeak): [label: string, text: string][] {
  const facts: [string, string][] = [];
  if (event !== null) {
    facts.push([
      "created by",
      `event #${event.seq}, ${formatTimeRounded(event.at_ns)}: ${event.name}`,
    ]);
  }
  if (more > 0) {
    facts.push(["and", `${more} more created by the same statement`]);
  }
  if (others.length > 0) facts.push(["also held", others.join("\n")]);
  if (rule !== null) facts.push(["rule", rule]);
  return facts;
}

export function spanOf(site: number | null, vm: Vm): Span | null {
  return site === null ? null : vm.siteSpan(site);
}
