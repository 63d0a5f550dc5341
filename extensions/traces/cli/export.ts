/** `dmalab trace export`: a trace as events of the lab. */
import { type ExportedFault, type LineTime, writeEventFile } from "../export/event_file.ts";
import type { KernelLogEntry } from "../kernel_log/entry.ts";
import { refusedAccess } from "../kernel_log/refused_access.ts";
import { FAULT_RULE } from "../ledger/classify_log.ts";
import { isUndecided } from "../ledger/device_mode.ts";
import type { CheckResult } from "../ledger/trace_check.ts";
import { isSure, type TraceFinding } from "../ledger/traced_mapping.ts";
import type { ScriptedCall } from "../script/recorder.ts";
import { FAULT_REASONS } from "@dmalab/runtime/vocabulary";
import { type Screen, VERSION } from "@dmalab/cli/extend";
import { type ExitCode, HELD } from "@dmalab/cli/exit_code";
import { checkTrace, openTrace } from "./check.ts";
import { lineSource } from "./read_lines.ts";

export async function runExport(paths: readonly string[], screen: Screen): Promise<ExitCode> {
  const opened = await openTrace(paths.map((path) => lineSource(path)));
  const steps: (readonly [ScriptedCall, LineTime])[] = [];
  const { check, result } = await checkTrace(opened, (step, time) => {
    const mappedAt = step.op === "range" ? step.mapping.mappedAt : time;
    steps.push([step, mappedAt]);
  });
  const { name } = opened.trace;
  const unknown = [...check.ledger.devices.values()].filter(isUndecided);
  if (unknown.length > 0) {
    const names = unknown.map((device) => device.name).join(", ");
    screen.err(
      `warning: nothing says whether an IOMMU translates ${names} or data is bounced: ` +
        "written as translated\n",
    );
  }
  const logged = { name: opened.logName, faults: faultsOf(opened.log.entries, result) };
  const write = (text: string) => screen.data(text);
  writeEventFile(steps, logged, shownOf(result), name, `dmalab ${VERSION}`, write);
  return HELD;
}

/** The faults of the log whose access and time are known. */
function faultsOf(
  entries: readonly KernelLogEntry[],
  { classified, findings }: CheckResult,
): readonly ExportedFault[] {
  if (classified.offset === null) return [];
  const byLine = new Map(entries.map((entry) => [entry.line, entry]));
  return findings.flatMap(({ logLine, rule, seconds }): ExportedFault[] => {
    const entry = logLine === null || rule !== FAULT_RULE ? undefined : byLine.get(logLine);
    const refused = entry === undefined ? null : refusedAccess(entry);
    if (refused === null || seconds === null) return [];
    const { access, address, device, reason } = refused;
    if (access === null || address === null || device === null) return [];
    if (reason === null || !Object.hasOwn(FAULT_REASONS, reason)) return [];
    const fields = { dma: address, access, reason } as ExportedFault["fields"];
    return [{ seconds, line: logLine!, device, fields }];
  });
}

/** The findings to export with a trace: the certain ones, and each fault of the log. */
function shownOf({ findings }: CheckResult): readonly TraceFinding[] {
  return findings.filter((finding) => isSure(finding) || finding.logLine !== null);
}
