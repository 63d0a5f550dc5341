/**
 * Checks vectors with the controller's walk of PRPs and SGLs. The walk shares no code with the
 * driver that made the vectors. The memory contains only the lists of a vector.
 */
import { type HostBus, Media, NvmeController } from "@dmalab/devices";
import { ActivityQueue, EventStream, HostBudget, VirtualClock } from "@dmalab/runtime";
import { DmaDevice } from "@dmalab/runtime/dma";
import type { Range, Vector, VectorRequest } from "./vector.ts";

const PAGE = 4096;
const PRP_BYTES = 8;
const DESCRIPTOR_BYTES = 16;

/** Memory in which only the lists of one command exist. */
class ListMemory implements HostBus {
  readonly #pages = new Map<number, DataView>();

  putU64(at: number, value: number): void {
    this.#view(at).setBigUint64(at % PAGE, BigInt(value), true);
  }

  putDescriptor(at: number, [type, address, sizeBytes]: readonly number[]): void {
    this.putU64(at, address!);
    this.#view(at).setUint32(at % PAGE + 8, sizeBytes!, true);
    this.#view(at).setUint8(at % PAGE + 15, type!);
  }

  read(_dev: DmaDevice, dma: number, into: Uint8Array, offset: number, size: number): boolean {
    const page = this.#pages.get(Math.floor(dma / PAGE));
    if (page === undefined || dma % PAGE + size > PAGE) return false;
    into.set(new Uint8Array(page.buffer, dma % PAGE, size), offset);
    return true;
  }

  write = refuse;
  readWords = refuse;
  writeWords = refuse;
  writePage = refuse;
  faultWide = refuse;

  #view(at: number): DataView {
    const made = () => new DataView(new ArrayBuffer(PAGE));
    return this.#pages.getOrInsertComputed(Math.floor(at / PAGE), made);
  }
}

function refuse(): never {
  throw new Error("A walk only reads lists");
}

/**
 * Walks the lists of a request's command.
 * @returns The status of the command, and the memory in the order in which the controller uses it.
 */
export function walkRequest(
  vector: Vector,
  request: VectorRequest,
): { readonly status: number; readonly memory: readonly Range[] } {
  const bus = new ListMemory();
  const { controller } = vector;
  const clock = new VirtualClock();
  const nvme = new NvmeController({
    machine: {
      events: new EventStream(clock),
      activities: new ActivityQueue(clock),
      faults: null,
      bus,
    },
    dev: new DmaDevice("walker"),
    media: new Media({
      capacityBytes: 2 ** 40,
      blockSizeBytes: controller.block_bytes,
      metadataBytes: 0,
      budget: new HostBudget(),
    }),
    settings: {
      mdtsExponent: controller.mdts_bytes === null ? 0 : Math.log2(controller.mdts_bytes / PAGE),
      sgl: controller.sgl,
      metadataSgl: false,
      shadowDoorbells: false,
      doorbellStride: 0,
      maxQueues: 1,
      depth: 64,
    },
  });
  putLists(bus, request);
  const { ranges, status } = nvme.resolve(commandBytes(vector, request));
  return { status, memory: joined(ranges.flatMap((range) => translated(request, range))) };
}

/** Ranges in their order, with adjacent ones joined. */
export function joined(ranges: readonly Range[]): Range[] {
  const found: [number, number][] = [];
  for (const [start, sizeBytes] of ranges) {
    const last = found.at(-1);
    if (last !== undefined && last[0] + last[1] === start) last[1] += sizeBytes;
    else found.push([start, sizeBytes]);
  }
  return found;
}

function putLists(bus: ListMemory, { command, lists }: VectorRequest): void {
  if (command.format === "sgl") {
    command.entries.forEach((entry, index) =>
      bus.putDescriptor(lists[0]! + index * DESCRIPTOR_BYTES, entry)
    );
    return;
  }
  command.entries.forEach((entries, list) =>
    entries.forEach((entry, index) => bus.putU64(lists[list]! + index * PRP_BYTES, entry))
  );
}

function commandBytes({ controller, op }: Vector, { bytes, command, lba }: VectorRequest) {
  const sqe = new Uint8Array(64);
  const view = new DataView(sqe.buffer);
  sqe[0] = op === "read" ? 2 : 1;
  view.setUint32(4, 1, true);
  view.setBigUint64(40, BigInt(lba), true);
  view.setUint16(48, bytes / controller.block_bytes - 1, true);
  if (command.format === "prp") {
    view.setBigUint64(24, BigInt(command.prp1), true);
    view.setBigUint64(32, BigInt(command.prp2), true);
  } else {
    const [type, address, sizeBytes] = command.sgl;
    sqe[1] = 0x40;
    view.setBigUint64(24, BigInt(address), true);
    view.setUint32(32, sizeBytes, true);
    sqe[39] = type;
  }
  return sqe;
}

/** The memory that a range is translated to; an unmapped part is an error. */
function translated({ translations }: VectorRequest, [start, sizeBytes]: Range): Range[] {
  const found: Range[] = [];
  for (let done = 0; done < sizeBytes;) {
    const at = start + done;
    const home = translations.find(([dma, , bytes]) => at >= dma && at < dma + bytes);
    if (home === undefined) throw new Error(`0x${at.toString(16)} is mapped nowhere`);
    const [dma, phys, homeBytes] = home;
    const bytes = Math.min(sizeBytes - done, dma + homeBytes - at);
    found.push([phys + at - dma, bytes]);
    done += bytes;
  }
  return found;
}
