/**
 * Walks every captured command as the controller does, on lists rebuilt from the capture, and
 * compares the resulting ranges with those of the captured controller (`device` in
 * tests/golden/kernel).
 */
import { assert, assertEquals } from "@std/assert";
import { ActivityQueue, EventStream, HostBudget, VirtualClock } from "@dmalab/runtime";
import { DmaDevice } from "@dmalab/runtime/dma";
import type { HostBus } from "./host_port.ts";
import { Media } from "./media.ts";
import { NvmeController } from "./nvme_controller.ts";

const GOLDEN = new URL("../../../tests/golden/", import.meta.url);
const PAGE = 4096;
/** Number of ranges at which the captured controller gives up; ours has no such limit. */
const CAPTURED_RANGE_LIMIT = 1024;

type Ranges = [number, number][];

interface Descriptor {
  readonly addr: number;
  readonly len: number;
  readonly type: number;
}

interface Case {
  readonly id: string;
  readonly config: {
    readonly device_sgl: boolean;
    readonly metadata_sgl?: boolean;
    readonly logical_block_size?: number;
  };
  readonly request: { readonly op: string; readonly bytes: number; readonly integrity?: Ranges };
  readonly command: {
    readonly sqe: string;
    readonly psdt: number;
    readonly mptr: number;
    readonly sgl1?: Descriptor;
    readonly prp_lists?: readonly { readonly dma: number; readonly entries: readonly number[] }[];
    readonly sgl_list?: readonly Descriptor[];
    readonly meta_sgl?: readonly Descriptor[];
  } | null;
  readonly status: number;
  readonly device?: { readonly accesses: Ranges };
}

/** Memory that contains only the lists of one command. */
class ListMemory implements HostBus {
  readonly #pages = new Map<number, DataView>();

  clear(): void {
    this.#pages.clear();
  }

  putU64(at: number, value: number): void {
    this.#view(at).setBigUint64(at % PAGE, BigInt(value), true);
  }

  putDescriptor(at: number, { addr, len, type }: Descriptor): void {
    this.putU64(at, addr);
    this.#view(at).setUint32((at % PAGE) + 8, len, true);
    this.#view(at).setUint8((at % PAGE) + 15, type);
  }

  read(_dev: DmaDevice, dma: number, into: Uint8Array, offset: number, size: number): boolean {
    const page = this.#pages.get(Math.floor(dma / PAGE));
    if (page === undefined || dma % PAGE + size > PAGE) return false;
    into.set(new Uint8Array(page.buffer, dma % PAGE, size), offset);
    return true;
  }

  write(): boolean {
    throw new Error("resolve() wrote to memory");
  }

  readWords(): boolean {
    throw new Error("resolve() read a queue");
  }

  writeWords(): boolean {
    throw new Error("resolve() wrote to a queue");
  }

  writePage(): boolean {
    throw new Error("resolve() wrote to memory");
  }

  faultWide(): void {}

  #view(at: number): DataView {
    const number = Math.floor(at / PAGE);
    let view = this.#pages.get(number);
    if (view === undefined) {
      view = new DataView(new ArrayBuffer(PAGE));
      this.#pages.set(number, view);
    }
    return view;
  }
}

class Walker {
  readonly memory = new ListMemory();
  readonly #controllers = new Map<string, NvmeController>();

  resolve(sqe: Uint8Array, config: Case["config"], metadataBytes: number) {
    const { device_sgl: sgl, logical_block_size: blockSizeBytes = 512 } = config;
    const metadataSgl = config.metadata_sgl ?? false;
    const key = `${sgl} ${metadataSgl} ${metadataBytes} ${blockSizeBytes}`;
    let controller = this.#controllers.get(key);
    if (controller === undefined) {
      const clock = new VirtualClock();
      controller = new NvmeController({
        machine: {
          events: new EventStream(clock),
          activities: new ActivityQueue(clock),
          bus: this.memory,
          faults: null,
        },
        dev: new DmaDevice("captured"),
        media: new Media({
          blockSizeBytes,
          capacityBytes: 2 ** 42,
          metadataBytes,
          budget: new HostBudget(0),
        }),
        settings: {
          mdtsExponent: 0,
          sgl,
          metadataSgl,
          maxQueues: 1,
          depth: 1024,
          shadowDoorbells: false,
          doorbellStride: 0,
        },
      });
      this.#controllers.set(key, controller);
    }
    return controller.resolve(sqe);
  }
}

function putLists(memory: ListMemory, command: NonNullable<Case["command"]>): void {
  memory.clear();
  for (const { dma, entries } of command.prp_lists ?? []) {
    entries.forEach((entry, index) => memory.putU64(dma + index * 8, entry));
  }
  command.sgl_list?.forEach((descriptor, index) =>
    memory.putDescriptor(command.sgl1!.addr + index * 16, descriptor)
  );
  command.meta_sgl?.forEach((descriptor, index) =>
    memory.putDescriptor(command.mptr + index * 16, descriptor)
  );
}

/** The ranges of a command's metadata according to its captured fields. */
function expectedMetadata(command: NonNullable<Case["command"]>, bytes: number): Ranges {
  if (command.meta_sgl === undefined) return [[command.mptr, bytes]];
  return command.meta_sgl.filter(({ type }) => type === 0).map(({ addr, len }) => [addr, len]);
}

async function* lines(path: string): AsyncGenerator<Case> {
  const file = await Deno.open(new URL(path, GOLDEN));
  const text = await new Response(
    path.endsWith(".gz")
      ? file.readable.pipeThrough(new DecompressionStream("gzip"))
      : file.readable,
  ).text();
  for (const line of text.split("\n")) if (line !== "") yield JSON.parse(line);
}

/** The short suite takes one capture in sixteen, sorted by name. */
const WITNESS_STEP = 16;

Deno.test("resolve() finds the ranges that the captured controller found, in each sixteenth capture", () =>
  holdCaptures((index) => index % WITNESS_STEP === 0, 2_000));
Deno.test("resolve() finds the ranges that the captured controller found, in all other captures (long)", () =>
  holdCaptures((index) => index % WITNESS_STEP !== 0, 28_000));

async function holdCaptures(isWanted: (index: number) => boolean, least: number): Promise<void> {
  const walker = new Walker();
  let walked = 0;
  let truncated = 0;
  const captures = [...Deno.readDirSync(new URL("kernel/", GOLDEN))].map(({ name }) => name)
    .filter((name) => name.endsWith(".jsonl.gz")).sort();
  for (const name of captures.filter((_, index) => isWanted(index))) {
    for await (const { id, config, command, request, device, status } of lines(`kernel/${name}`)) {
      if (command === null || device?.accesses === undefined) continue;
      putLists(walker.memory, command);
      const metadataBytes = request.integrity === undefined ? 0 : 8;
      const found = walker.resolve(Uint8Array.fromHex(command.sqe), config, metadataBytes);
      assertEquals(found.status, 0, id);
      if (status === 0) assertEquals<Ranges>(found.ranges, device.accesses, id);
      else {
        // The captured controller reached its limit. Up to this limit, it found the same ranges as
        // `resolve()`.
        assertEquals(device.accesses.length <= CAPTURED_RANGE_LIMIT + 1, true, id);
        assertEquals<Ranges>(found.ranges.slice(0, device.accesses.length), device.accesses, id);
        truncated++;
      }
      if (metadataBytes > 0) {
        const bytes = (request.bytes / (config.logical_block_size ?? 512)) * metadataBytes;
        assertEquals<Ranges>(found.metadataRanges, expectedMetadata(command, bytes), id);
      }
      walked++;
    }
  }
  assert(walked > least, `only ${walked} commands were walked`);
  assert(truncated < 50, `${truncated} commands were cut short`);
}

Deno.test("resolve() refuses what the captured controller refused as too short, with 0x400F", async () => {
  const walker = new Walker();
  let refused = 0;
  for await (const { id, config, command, status, device } of lines("kernel/anomalies.jsonl")) {
    if (command === null || device === undefined) continue;
    putLists(walker.memory, command);
    const found = walker.resolve(Uint8Array.fromHex(command.sqe), config, 0);
    assertEquals(found.status, status, id);
    assertEquals<Ranges>(found.ranges, device.accesses, id);
    refused++;
  }
  assert(refused > 0);
});
