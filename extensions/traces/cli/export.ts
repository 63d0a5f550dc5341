/** `dmalab trace export`: a trace as events of the lab. */
import { type LineTime, writeEventFile } from "../export/event_file.ts";
import { isUndecided } from "../ledger/device_mode.ts";
import type { CheckResult } from "../ledger/trace_check.ts";
import { isSure, type TraceFinding } from "../ledger/traced_mapping.ts";
import type { ScriptedCall } from "../script/recorder.ts";
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
  writeEventFile(steps, shownOf(result), name, `dmalab ${VERSION}`, (text) => screen.data(text));
  return HELD;
}

/** The findings to export with a trace: the certain ones, and each fault of the log. */
function shownOf({ findings }: CheckResult): readonly TraceFinding[] {
  return findings.filter((finding) => isSure(finding) || finding.logLine !== null);
}
