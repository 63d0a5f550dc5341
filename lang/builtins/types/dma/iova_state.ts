/** The caller's state of the two-step API. */
import { type DmaDevice, DmaIovaState, rangeObjects } from "@dmalab/runtime/dma";
import type { BouncedBuffer } from "@dmalab/runtime";
import type { PeerMapType } from "@dmalab/runtime/vocabulary";
import { formatAddress, formatCount, formatSize } from "../../../text/numbers.ts";
import { iovaStatePicture, type LinkedRun } from "../../../render/pictures/iova_state_picture.ts";
import type { ExecutionContext } from "../../../values/execution_context.ts";
import { isHandle } from "../../arguments.ts";
import { refusalLines } from "../../explain/error_story.ts";
import { explainAddress, readLedger } from "../../ledger.ts";
import { mappedRuns } from "../../mapped_runs.ts";
import type { HandleType } from "../../../values/spec.ts";
import { fieldsOf } from "../../describe/fields.ts";

/**
 * The state, and the device with which it was last passed to a call. The addresses of the state are
 * meaningful only for that device.
 */
export interface IovaStateTarget {
  readonly state: DmaIovaState;
  device: DmaDevice | null;
  /** The kind of memory that the block iterator mapped with this state, needed for the unmap. */
  kind: PeerMapType;
}

/** The target of a script's handle for a two-step state that a driver stores. */
export function stateOf(state: DmaIovaState, device: DmaDevice | null): IovaStateTarget {
  return { state, device, kind: "none" };
}

/** A newly declared state: all zero. */
export function newIovaState(): IovaStateTarget {
  return stateOf(new DmaIovaState(), null);
}

/** The page-table entries of a range, with the bounce buffers among their targets. */
function linkedRuns(
  device: DmaDevice,
  state: DmaIovaState,
  { lab }: ExecutionContext,
): LinkedRun[] {
  const { swiotlb } = lab.machine;
  const buffers: BouncedBuffer[] = [];
  if (state.bounced) swiotlb.forEachBuffer((buffer) => buffers.push(buffer));
  return mappedRuns(device.domain, state.addr, state.addr + state.sizeBytes - 1).map((run) => ({
    ...run,
    bounceFor:
      buffers.find(({ tlbPhys }) => tlbPhys >= run.phys && tlbPhys < run.phys + run.sizeBytes)
        ?.origPhys ?? null,
  }));
}

/**
 * The links of a state. Once its range is free, another owner may have mapped there: the entries are
 * the state's as long as they are as many bytes as it has linked.
 */
function runsOf(
  device: DmaDevice,
  state: DmaIovaState,
  context: ExecutionContext,
): readonly LinkedRun[] {
  const runs = linkedRuns(device, state, context);
  const bytes = runs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return state.held || bytes === state.linkedBytes ? runs : [];
}

/** Why the device's last allocation failed; empty if it did not fail. */
function lastRefusal(device: DmaDevice | null, context: ExecutionContext): string[] {
  const { events } = context.recorder;
  const last = events.findLastIndex((event) =>
    event.name === "ret.dma_iova_try_alloc" && event.device === device?.name
  );
  return last < 0 || events[last]!.why === null
    ? ["  nothing was allocated with it, or it was freed"]
    : refusalLines(last, context);
}

/** Links of a range that are explained; others are only counted. */
const EXPLAINED_LINKS = 4;

/** The story of a range: of its only link, or of each link, ended ones too. */
function explainRange(
  { addr, sizeBytes }: DmaIovaState,
  device: string | null,
  context: ExecutionContext,
): string[] {
  const links = readLedger(context.recorder.events, context).filter((entry) =>
    entry.device === device && entry.dma >= addr && entry.dma < addr + sizeBytes
  );
  const sizes = new Map(links.map((link) => [link.dma, link.sizeBytes]));
  if (sizes.size < 2) return explainAddress("dma", addr, context, { device, sizeBytes });
  const starts = [...sizes].toSorted(([one], [other]) => one - other);
  const rest = starts.slice(EXPLAINED_LINKS);
  return [
    ...starts.slice(0, EXPLAINED_LINKS).flatMap(([start, size]) =>
      explainAddress("dma", start, context, { device, sizeBytes: size })
    ),
    ...rest.length === 0
      ? []
      : [`… ${formatCount(rest.length, "more link")}, the next at ${formatAddress(rest[0]![0])}`],
  ];
}

export const IOVA_STATE: HandleType<IovaStateTarget> = {
  name: "iova_state",
  doc: "The state of the two-step API (struct dma_iova_state, 16 bytes): address and size of its " +
    "IOVA range.",
  fields: fieldsOf<IovaStateTarget>((f) => ({
    addr: f.dma("First address of the range.", ({ state }) => state.addr),
    size: f.size("Bytes requested; 0 without a range.", ({ state }) => state.sizeBytes),
    bounced: f.bool(
      "Part of the range was bounced (bit 63 of the kernel's size field).",
      ({ state }) => state.bounced,
    ),
    use_iova: f.bool(
      "The result of dma_use_iova().",
      ({ state }) => state.sizeBytes !== 0,
    ),
    objects: f.int(
      "How many objects a driver keeps per range on this release.",
      ({ state }, { lab }) => rangeObjects(lab.machine.kernel, state).count,
    ),
    stored: f.size(
      "Their total size.",
      ({ state }, { lab }) => rangeObjects(lab.machine.kernel, state).sizeBytes,
    ),
    written_by: f.int(
      "The number of the request that it was last written for; none outside of requests.",
      ({ state }) => state.writtenBy,
    ),
    linked: f.size(
      "Bytes of the page-table entries that links wrote and no unlink has cleared.",
      ({ state }) => state.linkedBytes,
    ),
  })),
  format: ({ state }) =>
    state.sizeBytes === 0
      ? "iova_state without a range"
      : `iova_state ${formatAddress(state.addr)} ${formatSize(state.sizeBytes)}, ` +
        `${formatSize(state.linkedBytes)} linked`,
  show: ({ state, device }, context) =>
    iovaStatePicture(
      state,
      device?.name ?? null,
      device === null ? [] : runsOf(device, state, context),
    ),
  explain: ({ state, device }, context) => [
    ...state.writtenBy === null
      ? []
      : [`written for request ${state.writtenBy}: ${formatSize(state.sizeBytes)}`],
    ...state.sizeBytes === 0
      ? ["the state has no range", ...lastRefusal(device, context)]
      : explainRange(state, device?.name ?? null, context),
  ],
  equals: ({ state }, other) => isHandle(other, IOVA_STATE) && other.target.state === state,
};
