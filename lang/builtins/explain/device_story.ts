/** Why a device maps as it does: each fact about it, with the rule it follows from. */
import type { LabDevice } from "../../../devices/lab.ts";
import { mappingSizeInputs, UNLIMITED_BYTES } from "../../../runtime/dma/calls/mapping_queries.ts";
import type { MachineEvent } from "../../../runtime/events.ts";
import { tableLines } from "../../text/columns.ts";
import { formatAddress, formatCount, formatSize } from "../../text/numbers.ts";
import type { Run } from "../../values/run.ts";
import { factLines, type Told } from "./told.ts";

/** Rules that are listed before the rest is only counted. */
const SHOWN_RULES = 12;

/** The facts, then how often each rule decided something for the device. */
export function deviceStory(device: LabDevice, title: string, run: Run): string[] {
  return [
    title,
    ...factLines(translationTold(device, run), "dma.1.3", run.columns),
    ...factLines(reach(device), "dma.1.2", run.columns),
    ...factLines(unmaps(device, run), "dma.1.7", run.columns),
    ...factLines(sizes(device, run), "dma.1.7", run.columns),
    ...ruleTable(run.recorder.events.filter((event) => event.device === device.name)),
  ];
}

/** How a device is translated, and why not otherwise. */
export function translationTold({ dma }: LabDevice, run: Run): Told {
  const { iommu, config } = run.lab.machine;
  const mode = iommu.modeOf(dma);
  const asked = config.iommu.mode;
  const title = `translation: ${mode}`;
  if (mode === "off") return { title, why: "the machine has no IOMMU" };
  if (mode === "passthrough") return { title, why: "the machine asks for passthrough" };
  if (dma.untrusted) {
    return { title, why: `the device is not trusted: strict, whatever is asked for (${asked})` };
  }
  return {
    title,
    why: mode === asked
      ? `the machine asks for ${asked}`
      : `the machine asks for ${asked}; the device was changed, or flushes cannot be put off`,
  };
}

function reach({ dma }: LabDevice): Told {
  const bus = dma.busLimitBits === 0 ? "no bus limit" : `a bus limit of ${dma.busLimitBits} bits`;
  return {
    title: `addresses up to ${formatAddress(dma.lastAddress)}`,
    why: `a mask of ${dma.maskBits} bits, ${bus}`,
  };
}

function unmaps({ dma }: LabDevice, run: Run): Told {
  const needed = run.lab.machine.dma.dmaNeedUnmap(dma);
  const why = dma.domain !== null
    ? "it is translated"
    : !dma.coherent
    ? "it does not see the CPU's caches"
    : !dma.skipSync
    ? "it has bounced once"
    : needed
    ? "the kernel is built with DMA debugging"
    : "it is coherent, sees physical addresses, and has not bounced";
  return { title: `unmaps ${needed ? "have work to do" : "do nothing"}`, why };
}

function sizes({ dma }: LabDevice, run: Run): Told {
  const { machine } = run.lab;
  const inputs = mappingSizeInputs(machine, dma);
  const boundary = machine.dma.dmaGetMergeBoundary(dma);
  const largest = machine.dma.dmaMaxMappingSize(dma);
  const best = machine.dma.dmaOptMappingSize(dma);
  const any = largest === UNLIMITED_BYTES ? "any size" : `up to ${formatSize(largest)}`;
  return {
    title: `mappings of ${any}${best === largest ? "" : `, best up to ${formatSize(best)}`}`,
    why: boundary === 0
      ? "pieces are never joined: nothing is translated"
      : `pieces are joined on pages of ${formatSize(boundary + 1)}; ranges of up to ${
        String(inputs.cached_pages)
      } pages of ${formatSize(Number(inputs.page_bytes))} are cached`,
  };
}

/** How often each rule decided. */
function ruleTable(events: readonly MachineEvent[]): string[] {
  const times = new Map<string, { readonly event: string; count: number }>();
  for (const { name, why } of events) {
    if (why === null) continue;
    const known = times.get(why.rule);
    if (known === undefined) times.set(why.rule, { event: name, count: 1 });
    else known.count++;
  }
  if (times.size === 0) return ["  nothing was decided for it yet"];
  const rows = [...times].sort(([, a], [, b]) => b.count - a.count);
  const rest = rows.length - SHOWN_RULES;
  return [
    "",
    ...tableLines(
      ["rule", "times", "first seen in"],
      rows.slice(0, SHOWN_RULES).map(([rule, { count, event }]) => [rule, String(count), event]),
      ["left", "right"],
    ),
    ...rest > 0 ? [`⋮ ${formatCount(rest, "more rule")}`] : [],
  ];
}
