/** The result of a boot of `kernel trace`, from the guest's report. */
import { LOG_FILE, TRACE_FILE } from "../plan/guest_plan.ts";
import type { GuestReport } from "../trace/guest_report.ts";
import { type AskedTrace, traceProblem, workOf } from "./driver_records.ts";
import { judgeDriver, ModuleSymbols } from "./driver_verdict.ts";
import { SYMBOLS_FILE } from "./trace_plan.ts";
import type { DriverResult } from "./trace_text.ts";
import { DOMAIN_OF } from "./traced_devices.ts";

/** @param report Text of a stranger: what it lacks is a problem, or work that was not done. */
export async function judgedBoot(
  report: GuestReport,
  about: DriverResult["about"],
  asked: AskedTrace,
): Promise<DriverResult> {
  const problem = traceProblem(report, asked);
  if (problem !== null) return unjudged(about, problem, []);
  const { files, refusedProbes } = report;
  const judged = await judgeDriver(
    files.get(TRACE_FILE) ?? "",
    files.get(LOG_FILE) ?? "",
    new ModuleSymbols(files.get(SYMBOLS_FILE) ?? ""),
    DOMAIN_OF[asked.mode],
    asked.doorbellPhys,
    asked.phases,
  );
  return { about, judged, work: workOf(report, asked), notRead: refusedProbes, console: [] };
}

/** The result of a boot that cannot be judged. */
export function unjudged(
  about: DriverResult["about"],
  problem: string,
  console: readonly string[],
): DriverResult {
  return { about, judged: problem, work: { done: [], notDone: [] }, notRead: [], console };
}
