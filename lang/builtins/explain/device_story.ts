/** How a device maps: each fact about it, with its rule. */
import type { DeviceBase } from "@dmalab/devices";
import { mappingSizeInputs, UNLIMITED_BYTES } from "@dmalab/runtime/dma";
import { bitsOfLastAddress, type MachineEvent } from "@dmalab/runtime";
import { tableLines } from "../../text/columns.ts";
import { formatAddress, formatCount, formatSize } from "../../text/numbers.ts";
import type { ExecutionContext } from "../../values/execution_context.ts";
import { type Explanation, factLines } from "./explanation.ts";

/** Limit of the rules that are listed; the other rules are only counted. */
const DISPLAYED_RULES = 12;

/** The facts, then for each rule the number of its decisions for the device. */
export function deviceStory(
  device: DeviceBase,
  title: string,
  context: ExecutionContext,
): string[] {
  return [
    title,
    ...factLines(explainTranslation(device, context), "dma.1.3", context.columns),
    ...factLines(reach(device), "dma.1.2", context.columns),
    ...factLines(unmaps(device, context), "dma.1.7", context.columns),
    ...factLines(sizes(device, context), "dma.1.7", context.columns),
    ...ruleTable(context.recorder.events.filter((event) => event.device === device.name)),
  ];
}

export function explainTranslation({ dma }: DeviceBase, context: ExecutionContext): Explanation {
  const { iommu, config } = context.lab.machine;
  const mode = iommu.modeOf(dma);
  const asked = config.iommu.mode;
  const title = `translation: ${mode}`;
  if (dma.domain?.isUsers === true) {
    return { title, why: "a user has its IOMMU group: it reaches only what the user maps" };
  }
  if (mode === "off") return { title, why: "the machine has no IOMMU" };
  if (mode === "passthrough") return { title, why: "iommu.mode is passthrough" };
  if (dma.untrusted) {
    return { title, why: `untrusted device: strict, although iommu.mode is ${asked}` };
  }
  return {
    title,
    why: mode === asked
      ? `iommu.mode is ${asked}`
      : `iommu.mode is ${asked}; the device was changed, or deferred flushes are not possible`,
  };
}

function reach({ dma }: DeviceBase): Explanation {
  const { addressBits, busLimitBits, lastAddress, maskBits, rangeMap } = dma;
  const translated = dma.domain !== null;
  const bus = busLimitBits === 0 ? "no bus limit" : `a bus limit of ${busLimitBits} bits`;
  return {
    title: `addresses up to ${formatAddress(Math.min(lastAddress, rangeMap?.lastDma ?? Infinity))}`,
    why: [
      `a mask of ${maskBits} bits, ${bus}`,
      ...rangeMap === null ? [] : [
        translated
          ? `its bus (dma-ranges) has the addresses ${rangeMap.addressText} only`
          : `its bus (dma-ranges) has the memory ${rangeMap.memoryText} only`,
      ],
      ...addressBits < bitsOfLastAddress(lastAddress)
        ? [`the hardware drives ${addressBits} bits only: it accesses the low bits of an address`]
        : [],
    ].join("; "),
  };
}

function unmaps({ dma }: DeviceBase, context: ExecutionContext): Explanation {
  const needed = context.lab.machine.dma.dmaNeedUnmap(dma);
  const why = dma.domain !== null
    ? "it is translated"
    : dma.ownOps
    ? "it has its own dma_map_ops"
    : !dma.coherent
    ? "it is not coherent"
    : !dma.skipSync
    ? "it has bounced once"
    : needed
    ? "the kernel is built with DMA debugging"
    : "it is coherent, not translated, and has not bounced";
  return { title: `dma_need_unmap() is ${needed}`, why };
}

function sizes({ dma }: DeviceBase, context: ExecutionContext): Explanation {
  const { machine } = context.lab;
  const inputs = mappingSizeInputs(machine, dma);
  const boundary = machine.dma.dmaGetMergeBoundary(dma);
  const largest = machine.dma.dmaMaxMappingSize(dma);
  const best = machine.dma.dmaOptMappingSize(dma);
  const any = largest === UNLIMITED_BYTES ? "any size" : `up to ${formatSize(largest)}`;
  return {
    title: `mappings of ${any}${best === largest ? "" : `, best up to ${formatSize(best)}`}`,
    why: boundary === 0
      ? "merge boundary 0: no translation, segments are not merged"
      : `segments merge at ${formatSize(boundary + 1)} boundaries; IOVA ranges of up to ${
        String(inputs.cached_pages)
      } pages of ${formatSize(Number(inputs.page_bytes))} fit the rcaches`,
  };
}

/** How often each rule applied. */
function ruleTable(events: readonly MachineEvent[]): string[] {
  const times = new Map<string, { readonly event: string; count: number }>();
  for (const { name, why } of events) {
    if (why === null) continue;
    const known = times.get(why.rule);
    if (known === undefined) times.set(why.rule, { event: name, count: 1 });
    else known.count++;
  }
  if (times.size === 0) return ["  no decisions recorded for it yet"];
  const rows = [...times].sort(([, a], [, b]) => b.count - a.count);
  const rest = rows.length - DISPLAYED_RULES;
  return [
    "",
    ...tableLines(
      ["rule", "times", "first seen in"],
      rows.slice(0, DISPLAYED_RULES).map((
        [rule, { count, event }],
      ) => [rule, String(count), event]),
      ["left", "right"],
    ),
    ...rest > 0 ? [`… ${formatCount(rest, "more rule")}`] : [],
  ];
}
