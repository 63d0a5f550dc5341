/** `dmalab trace devices`: what each device of a trace maps. */
import { TraceCheck } from "../ledger/trace_check.ts";
import { TracedUse } from "../usage/traced_use.ts";
import { restLines, traceJson, useLines } from "../usage/use_report.ts";
import { printableJson } from "@dmalab/lang/diagnostics";
import { foldLine } from "@dmalab/lang/text";
import type { Screen } from "@dmalab/cli/extend";
import { type ExitCode, HELD } from "@dmalab/cli/exit_code";
import { openTrace } from "./check.ts";
import { lineSource, UnreadableFile } from "./read_lines.ts";

/** Collects the mappings of a trace, and its duration. @throws {UnreadableFile} */
export async function useOf(paths: readonly string[]) {
  const { log, trace } = await openTrace(paths.map((path) => lineSource(path)));
  const check = new TraceCheck(log);
  const use = new TracedUse();
  use.devices.facts = log.facts;
  const { ledger } = check;
  ledger.recorder = (step) => use.take(step, ledger.now.seconds);
  await trace.each((line, number) => {
    if (line.kind === "event") use.event(line, number);
    else use.other(line.text);
    check.push(line, number);
  });
  check.end();
  use.end();
  if (use.devices.devices.size === 0 && use.bounces.devices.size === 0) {
    throw new UnreadableFile(
      `"${trace.name}" has no mapping of a device: expected dma:* events, or iommu:* beside nvme:*, ` +
        "or swiotlb:*",
    );
  }
  const { firstSeconds, lastSeconds } = ledger.edges;
  return { use, seconds: firstSeconds === null ? 0 : lastSeconds - firstSeconds, trace };
}

export async function runDevices(
  paths: readonly string[],
  asJson: boolean,
  screen: Screen,
): Promise<ExitCode> {
  const { seconds, use } = await useOf(paths);
  if (asJson) screen.out(`${printableJson(traceJson(use, seconds), 0)}\n`);
  else {
    const { columns } = screen;
    for (const line of [...useLines(use.devices, seconds), ...restLines(use)]) {
      for (const part of columns === null ? [line] : foldLine(line, columns)) {
        screen.out(`${part}\n`);
      }
    }
  }
  return HELD;
}
