/** `dmalab trace devices`: what each device of a trace maps. */
import { TraceCheck } from "../../instruments/traces/ledger/trace_check.ts";
import { TraceLine } from "../../instruments/traces/line/trace_line.ts";
import { requestsJson, TracedUse } from "../../instruments/traces/usage/trace_compare.ts";
import { useLines, usesJson } from "../../instruments/traces/usage/use_report.ts";
import { printableJson } from "../../lang/diagnostics/display_width.ts";
import { type ExitCode, HELD } from "../exit_code.ts";
import { refuse, type Screen } from "../screen.ts";
import { openTrace } from "./check.ts";
import { UnreadableFile } from "./read_lines.ts";

/** What a trace maps, and how long it is. @throws {UnreadableFile} */
export async function useOf(paths: readonly string[]) {
  const { log, trace } = await openTrace(paths);
  const check = new TraceCheck(log);
  const use = new TracedUse();
  const line = new TraceLine();
  let seconds = 0;
  check.ledger.recorder = (step) => use.take(step, seconds);
  await trace.each((text, number) => {
    if (line.read(text) === "event") seconds = line.seconds;
    check.push(text, number);
  });
  check.end();
  if (use.devices.devices.size === 0) {
    throw new UnreadableFile(
      `"${trace.name}" has no mapping of a device: expected dma:* events, or iommu:* beside nvme:*`,
    );
  }
  const { firstSeconds, lastSeconds } = check.ledger.edges;
  return { use, seconds: firstSeconds === null ? 0 : lastSeconds - firstSeconds, name: trace.name };
}

export async function runDevices(
  paths: readonly string[],
  asJson: boolean,
  screen: Screen,
): Promise<ExitCode> {
  try {
    const { seconds, use } = await useOf(paths);
    if (asJson) {
      const devices = usesJson(use.devices, seconds);
      screen.out(`${printableJson({ seconds, devices, requests: requestsJson(use) }, 0)}\n`);
    } else for (const text of useLines(use.devices, seconds)) screen.out(`${text}\n`);
    return HELD;
  } catch (error) {
    if (error instanceof UnreadableFile) return refuse(error.message, screen);
    throw error;
  }
}
