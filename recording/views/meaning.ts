/** The meaning of an event, with its colours and signs. A meaning has the same hue in every view. */
import type { EventName } from "@dmalab/runtime";
import type { RecordedRun } from "../recorded_run.ts";

/** The meaning of an event; `call` has no colour. */
export type Meaning = "map" | "unmap" | "translate" | "data" | "fault" | "decision" | "call";

/** A word for each meaning in legends, and a sign that shows it without a colour. */
export const MEANINGS: Readonly<Record<Meaning, { readonly word: string; readonly sign: string }>> =
  {
    map: { word: "map", sign: "■" },
    unmap: { word: "unmap", sign: "□" },
    translate: { word: "translate", sign: "→" },
    data: { word: "data", sign: "●" },
    fault: { word: "fault", sign: "▲" },
    decision: { word: "decision", sign: "◆" },
    call: { word: "call, command", sign: "·" },
  };

type PlainName = Exclude<EventName, `call.${string}` | `ret.${string}`>;

const OF: Readonly<Record<PlainName, Meaning>> = {
  "block.split": "call",
  "block.merge": "call",
  "block.segment": "map",
  "block.status": "call",
  "nvme.choose": "decision",
  "nvme.metadata": "decision",
  "nvme.prp": "call",
  "nvme.sgl": "call",
  "nvme.submit": "call",
  "nvme.doorbell": "call",
  "nvme.shadow_doorbell": "call",
  "nvme.fetch": "call",
  "nvme.walk": "translate",
  "nvme.data": "data",
  "nvme.host_memory": "call",
  "nvme.complete": "call",
  "nvme.unmap": "unmap",
  "nvme.timeout": "call",
  "nvme.cancel": "call",
  "nvme.state": "call",
  "iova.alloc": "map",
  "iova.alloc_failed": "fault",
  "iova.free": "unmap",
  "iommu.map": "map",
  "iommu.map_failed": "fault",
  "iommu.unmap": "unmap",
  "iommu.sync_map": "map",
  "iotlb.sync": "unmap",
  "viommu.request": "unmap",
  "viommu.wait": "unmap",
  "device_tlb.sync": "unmap",
  "device_tlb.request": "translate",
  "device_tlb.answer": "unmap",
  "device_tlb.wait": "unmap",
  "device_tlb.timeout": "fault",
  "flush_queue.add": "unmap",
  "flush_queue.flush": "unmap",
  "iommu.translate": "translate",
  "iommu.fault": "fault",
  "swiotlb.map": "map",
  "swiotlb.unmap": "unmap",
  "swiotlb.copy": "data",
  "swiotlb.grow": "call",
  "swiotlb.full": "fault",
  "dma.map": "map",
  "dma.unmap": "unmap",
  "dma.sync": "call",
  "dma_buf.map": "map",
  "dma_buf.unmap": "unmap",
  "dma_buf.revoke": "call",
  "dma.ops": "call",
  "cache.clean": "call",
  "cache.invalidate": "call",
  "dma.report": "fault",
  "kernel.warn": "fault",
  "driver.alloc": "call",
  "driver.free": "call",
  "driver.request_irq": "call",
  "driver.free_irq": "call",
  "driver.bus_master": "call",
  "mem.alloc": "call",
  "mem.free": "call",
  "vfio.buffer": "call",
  "vfio.add_pages": "call",
  "vfio.free_pages": "call",
  "vfio.register": "map",
  "vfio.unwind": "unmap",
  "vfio.unregister": "unmap",
  "vfio.key": "call",
  "vfio.data": "data",
  "vfio.dirty": "call",
  "vfio.container": "call",
  "vfio.refused": "call",
  "vfio.map_dma": "map",
  "vfio.dirty_pages": "call",
  "vfio.unmap_dma": "unmap",
  "odp.fault": "call",
  "odp.handled": "call",
  "odp.retry": "call",
  "odp.region": "map",
  "odp.table": "map",
  "odp.invalidate": "unmap",
  "odp.dirty": "call",
  "p2p.route": "decision",
  "p2p.provider": "call",
  "p2p.choose": "decision",
  "pci.tlp": "translate",
  "hmm.fault": "call",
  "hmm.invalidate": "unmap",
  irq: "call",
  inject: "fault",
};

/** Events that belong to a mapping or to its end. */
const BOTH: ReadonlySet<string> = new Set(["iotlb.sync", "viommu.request", "viommu.wait"]);

export function meaningAt(run: RecordedRun, seq: number): Meaning {
  const name = run.log.nameAt(seq);
  const meaning = OF[name as PlainName] ?? "call";
  // Where the hardware caches not-present entries, an invalidation belongs to a new mapping. A driver of
  // virtio-iommu requests and waits for both.
  if (!BOTH.has(name)) return meaning;
  const event = run.event(seq);
  const { kind, reason, type } = event.fields as Readonly<Record<string, unknown>>;
  return [kind, reason, type].includes("map") ? "map" : meaning;
}

/** Colours of the views: first on a light background, then on a dark one. */
const COLOURS: Readonly<Record<string, readonly [light: string, dark: string]>> = {
  bg: ["#fff", "#0e1217"],
  panel: ["#f5f6f8", "#151a21"],
  raise: ["#fff", "#1b212a"],
  line: ["#d3d9e0", "#323a45"],
  text: ["#1a1f26", "#e6ebf1"],
  dim: ["#545d68", "#9da8b5"],
  focus: ["#0b57b8", "#7db4ff"],
  map: ["#0b57b8", "#82b6ff"],
  "map-fill": ["#d9e7fb", "#173357"],
  unmap: ["#8f4a00", "#f2aa6b"],
  "unmap-fill": ["#fbe5cd", "#43290f"],
  translate: ["#0b6773", "#62cfdc"],
  "translate-fill": ["#cdebef", "#0f3b43"],
  data: ["#1a6b35", "#74d291"],
  "data-fill": ["#c9ebd3", "#143c22"],
  moved: ["#1f7a3d", "#57b877"],
  "on-moved": ["#fff", "#06140b"],
  fault: ["#b3201a", "#ff938a"],
  "fault-fill": ["#fde2df", "#541f1c"],
  decision: ["#6f35b5", "#cfaeff"],
  "decision-fill": ["#eadffa", "#36245a"],
  call: ["#5b6672", "#a3aebb"],
  "call-fill": ["#e9ecf0", "#262d37"],
  current: ["#fff4c7", "#3d3510"],
};

export function colourProperties(ground: "light" | "dark"): string {
  return Object.entries(COLOURS)
    .map(([name, [light, dark]]) => `--${name}:${ground === "light" ? light : dark}`).join(";");
}

/** What did not happen to a leaked resource before the run ended, by the event that made it. */
export function neverText(run: RecordedRun, seq: number): string {
  const { name } = run.event(seq);
  if (name === "dma.map") return "never unmapped";
  return name === "iommu.map" ? "never cleared" : "never freed";
}
