/** The HMM DMA map, and the peer-to-peer state for one batch of its entries. */
import type { PlainOf } from "../../describe/form.ts";
import {
  type DmaAddr,
  flagWords,
  HMM_PFN,
  type HmmDmaMap,
  type HmmPfnList,
  type MachineEvent,
  pfnToPhys,
} from "@dmalab/runtime";
import type { DmaDevice, PeerMemo } from "@dmalab/runtime/dma";
import { clip, PICTURE_COLUMNS, tableLines } from "../../../text/columns.ts";
import { formatAddress, formatCount, formatSize } from "../../../text/numbers.ts";
import { shownParts } from "../../../text/repeats.ts";
import type { ExecutionContext } from "../../../values/execution_context.ts";
import { isHandle, toInt } from "../../arguments.ts";
import { decisionList } from "../../explain/decision_list.ts";
import type { HandleType } from "../../../values/spec.ts";
import { IOVA_STATE, stateOf } from "../dma/iova_state.ts";
import { methodsOf } from "../../describe/builtin.ts";
import { fieldsOf } from "../../describe/fields.ts";
import { param } from "../../describe/parameters.ts";
import { afterColon } from "../../../diagnostics/render.ts";
import { HMM_MODES } from "./hmm_modes.ts";

/** Largest number of entries that a picture examines; further ones are only counted. */
export const PICTURED_ENTRIES = 16_384;
/** Hexadecimal digits of 32 bits. */
const HALF_DIGITS = 8;

/** The map, and the device it was made for; null for a device implemented in software. */
export interface HmmMapTarget {
  readonly map: HmmDmaMap;
  readonly device: DmaDevice | null;
}

/** The device address of an entry; null while it is not mapped. */
export function addressOf({ map }: Pick<HmmMapTarget, "map">, index: number): DmaAddr | null {
  const { pfns } = map;
  if (!pfns.has(index, HMM_PFN.DMA_MAPPED) || pfns.has(index, HMM_PFN.P2PDMA_BUS)) return null;
  if (map.mode === "iova") return map.state.addr + index * map.entrySizeBytes as DmaAddr;
  const at = map.dmaList?.[index] ?? pfnToPhys(pfns.pfn(index));
  return at as number as DmaAddr;
}

/** An entry as a record of the language. */
export const ENTRY = {
  flags: ["word"],
  pfn: "int",
  phys: "phys",
  order: "int",
  dma: "dma",
  word: "string",
} as const;

/** @param dma The entry's device address, or null. */
export function plainEntry(
  pfns: HmmPfnList,
  index: number,
  dma: DmaAddr | null,
): PlainOf<typeof ENTRY> {
  const [high, low] = pfns.word(index);
  const half = (value: number) => value.toString(16).padStart(HALF_DIGITS, "0");
  const pfn = pfns.pfn(index);
  return {
    flags: flagWords(pfns.flags(index)),
    pfn,
    phys: pfn === 0 ? null : pfnToPhys(pfn),
    order: pfns.order(index),
    dma,
    word: `0x${half(high)}_${half(low)}`,
  };
}

/** Number of entries with all of these flags. */
function count({ map: { pfns } }: HmmMapTarget, flags: number): number {
  let found = 0;
  for (let index = 0; index < pfns.length; index++) if (pfns.has(index, flags)) found++;
  return found;
}

/** The entries as rows; repetitions of similar entries are only counted. */
function entryRows(target: HmmMapTarget): string[][] {
  const { pfns } = target.map;
  const row = (index: number) => {
    const flags = flagWords(pfns.flags(index));
    const at = addressOf(target, index);
    return [
      String(index),
      flags.length === 0 ? "–" : flags.join(" "),
      pfns.has(index, HMM_PFN.VALID) ? formatAddress(pfnToPhys(pfns.pfn(index))) : "",
      pfns.order(index) === 0 ? "" : String(pfns.order(index)),
      at === null ? "" : formatAddress(at),
    ];
  };
  const same = (a: number, b: number) => pfns.flags(a) === pfns.flags(b);
  const looked = Math.min(pfns.length, PICTURED_ENTRIES);
  const rows = shownParts(looked, same).flatMap(({ end, hiddenTimes, start }) => [
    ...Array.from({ length: end - start }, (_, offset) => row(start + offset)),
    ...hiddenTimes > 0 ? [["…", `${hiddenTimes * (end - start)} more`, "", "", ""]] : [],
  ]);
  return looked === pfns.length
    ? rows
    : [...rows, ["…", `${pfns.length - looked} not shown`, "", "", ""]];
}

function formatMap({ device, map }: HmmMapTarget): string {
  const pages = formatCount(map.pfns.length, "page");
  if (!map.held) return `hmm_map of ${pages}, freed`;
  return device === null
    ? `list of ${pages} for a device of software`
    : `hmm_map of ${pages} for ${device.name}, ${afterColon(HMM_MODES[map.mode]).slice(0, -1)}`;
}

const NAMES: ReadonlySet<string> = new Set([
  "ret.hmm_dma_map_alloc",
  "ret.hmm_dma_map_pfn",
  "ret.hmm_dma_unmap_pfn",
]);

/**
 * Whether an event belongs to the calls of a map. An event with a range belongs to the map if its
 * range is the range of the map.
 */
export function isOfMap(event: MachineEvent, { device, map }: HmmMapTarget): boolean {
  return NAMES.has(event.name) && event.device === (device?.name ?? null) &&
    event.why?.inputs.range === map.firstDma;
}

/** The decisions for the map's pages, in order. */
function explainMap(target: HmmMapTarget, context: ExecutionContext): string[] {
  return decisionList(
    context.recorder.events.filter((event) => isOfMap(event, target)),
    context.columns,
  );
}

const method = methodsOf<HmmMapTarget>();

export const HMM_MAP: HandleType<HmmMapTarget> = {
  name: "hmm_map",
  doc: "Pages of a process, mapped for a device one by one: a list of page frames, and one IOVA " +
    "range if the device is translated.",
  fields: fieldsOf<HmmMapTarget>((f) => ({
    mode: f.word(
      "How it reaches memory: iova, one IOVA range; list, the stored DMA address of each page; or " +
        "stateless, no DMA address is stored.",
      ({ map }) => map.mode,
    ),
    pages: f.int("How many pages of 4 KiB it has entries for.", ({ map }) => map.pfns.length),
    entry_size: f.size(
      "Memory covered by one entry of the device's table.",
      ({ map }) => map.entrySizeBytes,
    ),
    memory: f.size(
      "Host memory of its lists: 8 or 16 bytes per page.",
      ({ map }) => map.memoryBytes,
    ),
    state: f.of(
      IOVA_STATE,
      "Its range.",
      ({ device, map }) => stateOf(map.state, device),
    ),
    valid: f.int("How many entries have a page.", (target) => count(target, HMM_PFN.VALID)),
    mapped: f.int(
      "How many entries the device can reach.",
      (target) => count(target, HMM_PFN.DMA_MAPPED),
    ),
  })),
  methods: [
    method({
      name: "entry",
      pure: true,
      parameters: [param.int("index", "The number of the page, from 0.")],
      result: ENTRY,
      doc:
        "One entry: { flags, pfn, phys, order, dma, word }. The flags are valid, write, error, " +
        "dma_mapped, p2pdma and p2pdma_bus; `word` is the 64 bits as text.",
      example: `machine { pci { root_port rp0 { endpoint nic { } } } }
let map = hmm_dma_map_alloc(nic, 4)
let mm = address_space()
hmm_range_fault(mm, map, mm.mmap(16KiB), 4)
assert map.entry(0).flags == [valid]
hmm_dma_map_free(nic, map)`,
      run(_run, target, [index]) {
        const { pfns } = target.map;
        const number = toInt(index, "index", 0, pfns.length - 1);
        return plainEntry(pfns, number, addressOf(target, number));
      },
    }),
  ],
  format: formatMap,
  show: (target) => [
    clip(`${formatMap(target)}, ${formatSize(target.map.memoryBytes)}`, PICTURE_COLUMNS),
    ...tableLines(["page", "flags", "memory", "order", "device address"], entryRows(target), [
      "right",
    ]),
  ],
  explain: explainMap,
  equals: ({ map }, other) => isHandle(other, HMM_MAP) && other.target.map === map,
};

export const P2PDMA_STATE: HandleType<PeerMemo> = {
  name: "p2pdma_state",
  doc:
    "The last lookup of a peer while pages are mapped one after the other: for the same provider " +
    "it is not repeated.",
  fields: fieldsOf<PeerMemo>((f) => ({
    kind: f.word(
      "How the last provider is reached: bus_addr, thru_host_bridge or not_supported; none " +
        "before the first lookup.",
      ({ kind, provider }) => provider === null ? null : kind,
    ),
  })),
  format: ({ kind, provider }) =>
    provider === null ? "p2pdma_state that knows no peer" : `p2pdma_state: ${kind}`,
};
