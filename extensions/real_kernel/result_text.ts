/** The output of `dmalab kernel run`. */
import { printable, renderFinding } from "@dmalab/lang/diagnostics";
import { displayName } from "@dmalab/lang/run";
import { formatCount } from "@dmalab/lang/text";
import { type Span, spanPlace } from "@dmalab/lang";
import type { Step } from "./compare/steps.ts";
import { stepRow } from "./compare/steps.ts";
import type { TestDifference } from "./compare/compare_test_runs.ts";
import { LIMITS_RULE } from "./compare/compare_limits.ts";
import type { JudgedAssertions } from "./compare/judged_assertions.ts";
import type { TestVerdict } from "./compare/compare_boot.ts";
import type { KernelRunReport } from "./kernel_run.ts";

const LABEL_WIDTH = 9;
/** Number of lines of the kernel's trace that are shown for a difference. */
const MAX_LINES = 24;

export function runText(report: KernelRunReport): string {
  const { release, verdicts } = report;
  const lines = [
    ...headLines(report),
    "",
    ...verdicts.flatMap((verdict) => verdictLines(verdict, release)),
    "",
    summary(verdicts),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

/** Facts about all boots. */
export function headLines(
  { accelerator, boots, failures, isSameSeries, profile, qemu, release }: KernelRunReport,
): string[] {
  const by = accelerator === "kvm" ? "by KVM" : "by emulation";
  return [
    `Linux ${release} in QEMU ${qemu} ${by}; the nearest modelled release is ${profile}` +
    (isSameSeries ? "" : ", of another series"),
    ...unique(boots.flatMap(({ changes }) => changes)).map((text) => `  on both sides: ${text}`),
    ...notObserved(unique(boots.flatMap(({ refusedProbes }) => refusedProbes))),
    ...unique(boots.flatMap(({ problems }) => problems)).map((text) => `  in the guest: ${text}`),
    ...unique(
      boots.flatMap(({ limits }) =>
        limits.map(({ disk, limit, ofKernel, ofModel }) =>
          `  differs: the limit ${limit} of ${disk} is ${ofKernel}, and ${ofModel} on the model (${LIMITS_RULE})`
        )
      ),
    ),
    ...failures.flatMap(({ console, problem }) => [
      `  a boot failed: ${printable(problem)}`,
      ...console.map((line) => `    ${printable(line)}`),
    ]),
  ];
}

function notObserved(names: readonly string[]): string[] {
  return names.length === 0
    ? []
    : [`  not observed, the kernel has no such function: ${names.join(", ")}`];
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}

export function verdictLines({ problem, result, test }: TestVerdict, release: string): string[] {
  const head = (verdict: string, more: string) =>
    `${verdict.padEnd(LABEL_WIDTH)}${printable(displayName(test))}${more}`;
  switch (result.verdict) {
    case "same": {
      const { accesses, blocked, calls, requests, steps } = result.counts;
      const parts = [
        formatCount(calls, "call"),
        formatCount(requests, "request"),
        formatCount(steps, "step"),
        formatCount(accesses, "access", "accesses"),
        ...blocked === 0
          ? []
          : [`${formatCount(blocked, "request")} only up to an access that the IOMMU blocks`],
      ];
      return [
        head("same", `: ${parts.join(", ")}`),
        ...problem === null ? [] : indented([printable(problem)]),
        ...indented(assertionLines(result.assertions)),
      ];
    }
    case "not run":
      return [
        head("not run", ""),
        ...indented(unique(result.reasons)),
      ];
    case "differs":
      return [
        head("differs", ""),
        ...problem === null ? [] : indented([printable(problem)]),
        ...indented(
          result.difference === null
            ? []
            : differenceLines(result.difference, result.asRelease, release),
        ),
        ...indented(assertionLines(result.assertions)),
      ];
  }
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `${" ".repeat(LABEL_WIDTH)}${line}`);
}

/** The results of the scenario's assertions, judged by the kernel's facts. */
function assertionLines({ differs, notJudged, same }: JudgedAssertions): string[] {
  if (same + differs.length + notJudged.length === 0) return [];
  const byReason = Map.groupBy(notJudged, ({ reason }) => reason);
  return [
    ...differs.flatMap(({ notes, span, text }) => [
      ...renderFinding({
        word: "assertion",
        severity: "error",
        tag: "kernel",
        message: text,
        span,
      }),
      ...notes.map((note) => `  ${note}`),
    ]),
    `assertions: ${same} as on the model, ${differs.length} not, ${notJudged.length} not judged`,
    ...[...byReason].map(([reason, list]) =>
      `  not judged, ${reason}: ${list.map(({ span }) => lineOf(span)).join(", ")}`
    ),
  ];
}

/** The line of an assertion, such as `line 12`; its file is that of the test. */
function lineOf(span: Span): string {
  return `line ${spanPlace(span).split(":").at(-2)}`;
}

function differenceLines(
  { lines, ofKernel, ofModel, profile, request, rule, submission, text }: TestDifference,
  asRelease: string | null,
  release: string,
): string[] {
  return [
    ...renderFinding({
      word: "difference",
      severity: "error",
      tag: request === null ? "call" : `request ${request.events[0]?.request ?? "?"}`,
      message: text,
      span: submission.span,
    }),
    // A difference of whole requests has no step on either side.
    ...ofModel === null && ofKernel === null ? [] : [
      `model   ${stepText(ofModel)}   (${profile})`,
      `kernel  ${stepText(ofKernel)}   (${release})`,
    ],
    `rule    ${rule} (dmalab explain ${rule})`,
    asRelease === null
      ? "no other modelled release does what the kernel did"
      : `as ${asRelease}: the model of that release does what ${release} did`,
    ...lines.length === 0 ? [] : ["the kernel's lines of the request:"],
    ...lines.slice(0, MAX_LINES).map((line) => `  ${printable(line)}`),
    ...lines.length > MAX_LINES ? [`  … ${lines.length - MAX_LINES} more`] : [],
  ];
}

export function stepText(step: Step | null): string {
  if (step === null) return "-";
  const { fields, title } = stepRow(step.kind);
  const values = Object.entries(step.values).map(([name, value]) => {
    const isAddress = fields[name] === "phys" || fields[name] === "dma";
    return `${name}=${isAddress && typeof value === "number" ? `0x${value.toString(16)}` : value}`;
  });
  return [title, ...values].join(" ");
}

export function summary(verdicts: readonly TestVerdict[]): string {
  const count = (verdict: string) =>
    verdicts.filter(({ result }) => result.verdict === verdict).length;
  return `${count("same")} same, ${count("differs")} differ, ${count("not run")} not run`;
}

export function runJson(
  { accelerator, boots, failures, profile, qemu, release, verdicts }: KernelRunReport,
) {
  return {
    kernel: release,
    model: profile,
    accelerator,
    qemu,
    boots,
    failures: failures.map(({ console, problem }) => ({ problem, console })),
    tests: verdicts.map(({ file, problem, result, test }) => ({
      file,
      name: displayName(test),
      verdict: result.verdict,
      problem,
      ...result.verdict === "same" ? { counts: result.counts } : {},
      ...result.verdict === "not run" ? { reasons: result.reasons } : {},
      ...result.verdict === "differs" && result.difference !== null
        ? differenceJson(result.difference, result.asRelease)
        : {},
      ...result.verdict === "not run" ? {} : { assertions: assertionsJson(result.assertions) },
    })),
  };
}

function assertionsJson({ differs, notJudged, same }: JudgedAssertions) {
  return {
    same,
    differs: differs.map(({ notes, span, text }) => ({ place: spanPlace(span), text, notes })),
    not_judged: notJudged.map(({ reason, span }) => ({ place: spanPlace(span), reason })),
  };
}

function differenceJson(
  { lines, ofKernel, ofModel, request, rule, submission: { span }, text }: TestDifference,
  asRelease: string | null,
) {
  return {
    difference: text,
    place: span === null ? null : spanPlace(span),
    request: request?.events[0]?.request ?? null,
    model: ofModel,
    kernel: ofKernel,
    rule,
    as_release: asRelease,
    kernel_lines: lines,
  };
}
