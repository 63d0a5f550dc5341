/** Prints the results of `kernel trace`. */
import { printable } from "@dmalab/lang/diagnostics";
import { formatCount } from "@dmalab/lang/text";
import type { Accelerator } from "../boot/boot_guest.ts";
import type { DriverWork } from "./driver_records.ts";
import { DRIVER_FILES } from "./driver_files.ts";
import {
  CALL_ROW_NAMES,
  callersText,
  type CallRow,
  type DriverJudgement,
  groupText,
  isWrong,
  type PhaseCalls,
} from "./driver_verdict.ts";

/** The result of one boot. */
export interface DriverResult {
  readonly about: {
    readonly release: string;
    readonly qemu: string;
    readonly accelerator: Accelerator;
    readonly device: string;
    /** `vtd, strict`. */
    readonly iommu: string;
    /** The module that was loaded and unloaded; null for a built-in driver. */
    readonly module: string | null;
    /** Whether a module of the user was loaded. */
    readonly isOwn: boolean;
  };
  /** The judgement, or why there is none, as a sentence. */
  readonly judged: DriverJudgement | string;
  readonly work: DriverWork;
  /** Probes of the two-step API that the kernel refused. */
  readonly notRead: readonly string[];
  /** Last lines of the console of a guest that failed. */
  readonly console: readonly string[];
}

/** Number of groups of mappings that are printed; all are in `--json`. */
const MAX_GROUPS = 16;
/** Width of the first column. */
const LABEL = 22;

export function traceText(results: readonly DriverResult[]): string {
  const judged = results.flatMap(({ about, judged }) =>
    typeof judged === "string" ? [] : [{ release: about.release, works: judged.works }]
  );
  const lines = [
    ...results.flatMap((result, index) => [...index === 0 ? [] : [""], ...resultLines(result)]),
    "",
    ...callsLines(judged),
    ...verdictLines(results),
  ];
  return lines.map((line) => `${printable(line)}\n`).join("");
}

function labelled(label: string, texts: readonly string[]): string[] {
  return texts.map((text, index) => `${(index === 0 ? label : "").padEnd(LABEL)}${text}`);
}

function resultLines({ about, console, judged, notRead, work }: DriverResult): string[] {
  const { accelerator, device, iommu, isOwn, module, qemu, release } = about;
  const by = accelerator === "kvm" ? "KVM" : "emulation";
  const driver = module === null
    ? "no module of the driver is loaded"
    : `module ${module}${isOwn ? ", yours" : ", the kernel's own"}`;
  const head = `Linux ${release} in QEMU ${qemu} by ${by}: ${device}, ${iommu}; ${driver}`;
  if (typeof judged === "string") {
    return [head, ...labelled("not judged", [judged]), ...console.map((line) => `  ${line}`)];
  }
  const { callers, check, left, leftRanges, live, mappings, uncertain } = judged;
  const total = live.reduce((sum, { count }) => sum + count, 0);
  return [
    head,
    ...labelled("done", [work.done.join("; ")]),
    ...labelled("not done", work.notDone),
    ...labelled(
      "not observed",
      notRead.length === 0 ? [] : [`${notRead.join(", ")}: the kernel has no such function`],
    ),
    ...labelled("live before unbind", [
      total === 0 ? "no mapping" : formatCount(total, "mapping"),
      ...shown(live.map((group) => `  ${groupText(group)}`)),
    ]),
    ...labelled("left after unbind", [
      left.length + leftRanges.length + uncertain > 0
        ? leftSentence(judged)
        : `nothing, of ${formatCount(mappings, "mapping")}`,
      ...shown(
        left.map((group) => `  ${group.isDriverBound ? "proved: " : ""}${groupText(group)}`),
      ),
      ...leftRanges.slice(0, MAX_GROUPS).map((line) =>
        `  likely: a range of the page table, mapped at ${DRIVER_FILES.trace}:${line}`
      ),
    ]),
    ...labelled("calls of findings", callersLines(callers)),
    "",
    `trace check of ${DRIVER_FILES.trace} and ${DRIVER_FILES.log}:`,
    ...check.lines.map((line) => line === "" ? line : `  ${line}`),
  ];
}

/** Calls of the lines that findings name, each once. */
function callersLines(callers: DriverJudgement["callers"]): string[] {
  const alike = Map.groupBy(callers, ([, names]) => callersText(names));
  return [...alike].map(([text, lines]) =>
    `${DRIVER_FILES.trace}:${lines.map(([line]) => line).sort((a, b) => a - b).join(", ")}: ${text}`
  );
}

function leftSentence({ left, leftRanges, uncertain }: DriverJudgement): string {
  const count = left.reduce((sum, { count }) => sum + count, 0);
  const kept = left.every(({ isDriverBound }) => !isDriverBound) && leftRanges.length === 0
    ? ": nothing translates them, so that an unmap has no effect and may be left out"
    : "";
  return `${formatCount(count, "mapping")}, ${
    formatCount(leftRanges.length, "range")
  } of the page table${kept}${
    uncertain === 0 ? "" : `; and ${formatCount(uncertain, "mapping")} that may have been unmapped`
  }`;
}

function shown(lines: readonly string[]): readonly string[] {
  return lines.length <= MAX_GROUPS ? lines : [
    ...lines.slice(0, MAX_GROUPS),
    `  … and ${lines.length - MAX_GROUPS} more, listed by --json`,
  ];
}

type Judged = readonly { readonly release: string; readonly works: readonly PhaseCalls[] }[];

/** A table with a column for each kernel, and a part for each work. */
function callsLines(judged: Judged): string[] {
  const [first] = judged;
  if (first === undefined) return [];
  return first.works.flatMap(({ name, requests }, index) => {
    const columns = judged.map(({ works }) => works[index]!.calls);
    const rows = CALL_ROW_NAMES.filter((row) => columns.some((calls) => calls.has(row)));
    if (rows.length === 0) return [];
    const divisor = Math.max(1, requests);
    const unit = requests === 0 ? "in all" : `for each of ${formatCount(requests, "request")}`;
    return [
      `calls of ${name}, ${unit}`.padEnd(44) +
      judged.map(({ release }) => ` ${release.padStart(22)}`).join(""),
      ...rows.map((row) =>
        `  ${row.padEnd(42)}${
          columns.map((calls) => ` ${perRequest(calls, row, divisor).padStart(22)}`).join("")
        }`
      ),
      "",
    ];
  });
}

function perRequest(calls: ReadonlyMap<CallRow, number>, row: CallRow, requests: number): string {
  const count = calls.get(row) ?? 0;
  return requests === 1 ? String(count) : (count / requests).toFixed(2);
}

function verdictLines(results: readonly DriverResult[]): string[] {
  return results.map(({ about: { device, iommu, release }, judged, work }) =>
    `${device} on ${release}, ${iommu}: ${verdictOf(judged, work)}`
  );
}

function verdictOf(judged: DriverResult["judged"], { notDone }: DriverWork): string {
  if (typeof judged === "string") return "not judged";
  const { isClean, left, leftRanges } = judged;
  const bound = left.filter(({ isDriverBound }) => isDriverBound);
  const count = bound.reduce((sum, { count }) => sum + count, leftRanges.length);
  const wrong = [
    ...count > 0 ? [`${formatCount(count, "mapping")} left after the driver was unbound`] : [],
    ...isClean ? [] : ["findings of trace check"],
  ];
  if (wrong.length > 0) return `wrong: ${wrong.join("; ")}`;
  return notDone.length > 0
    ? "nothing is proved or likely to be wrong, and not all work was done"
    : "nothing is proved or likely to be wrong";
}

export function traceJson(results: readonly DriverResult[]) {
  return results.map(({ about, console, judged, notRead, work }) => ({
    kernel: about.release,
    qemu: about.qemu,
    accelerator: about.accelerator,
    device: about.device,
    iommu: about.iommu,
    module: about.module,
    own_module: about.isOwn,
    done: work.done,
    not_done: work.notDone,
    not_observed: notRead,
    ...typeof judged === "string" ? { problem: judged, console } : judgementJson(judged),
  }));
}

function judgementJson(judged: DriverJudgement) {
  const { callers, check, left, leftRanges, live, mappings, uncertain, works } = judged;
  const groupJson = (group: DriverJudgement["live"][number]) => ({
    phase: group.phase,
    kind: group.kind,
    dir: group.dir,
    count: group.count,
    bytes: group.sizeBytes,
    line: group.line,
    oldest_seconds: group.oldestSeconds,
    callers: group.callers,
    may_not_outlive_driver: group.isDriverBound,
  });
  return {
    wrong: isWrong(judged),
    mappings,
    works: works.map(({ calls, name, requests }) => ({
      name,
      requests,
      calls: Object.fromEntries(calls),
    })),
    live_before_unbind: live.map(groupJson),
    left_after_unbind: left.map(groupJson),
    left_ranges: leftRanges,
    maybe_left: uncertain,
    callers: Object.fromEntries(callers),
    check: check.json,
  };
}
