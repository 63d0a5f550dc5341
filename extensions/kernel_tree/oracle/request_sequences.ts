/** Random sequences of requests that one device maps. */
import { JoinGaps, PAGE_SIZE_BYTES, Random } from "@dmalab/runtime";
import type { Earlier, Operation } from "./compare.ts";
import { BUFFER_PAGES, type MappingOperation } from "./mapping_operations.ts";
import { randomDevice, randomPeers } from "./mapping_sequences.ts";
import { PEER_PAGES, PEER_START } from "./peers.ts";
import {
  type BioFields,
  bioOf,
  type QueueFields,
  type RequestFields,
  segmentsOf,
} from "./request_operations.ts";

const LENGTHS = [20, 60, 60, 200];
const TAGS = 6;
const LOOK_EVERY = 16;
const MAX_BIOS = 4;
const MAX_VECS = 6;
const BLOCK_BYTES = 512;
const METADATA_BYTES = 8;
const MAX_SEGMENTS = [2 ** 32 - 1, 2 ** 16, 2 ** 12, 2 ** 13];
const BOUNDARY_MASKS = [2 ** 32 - 1, 2 ** 40 - 1, 2 ** 16 - 1, 2 ** 12 - 1];

export function requestSequence(seed: number): readonly Operation<MappingOperation>[] {
  const random = new Random(seed);
  const steps: Operation<MappingOperation>[] = [];
  const queue: QueueFields = {
    max_segment_size: random.pick(MAX_SEGMENTS),
    seg_boundary_mask: random.pick(BOUNDARY_MASKS),
    block_bytes: BLOCK_BYTES,
    metadata_bytes: METADATA_BYTES,
  };
  const device = randomDevice(random);
  const put = (operation: MappingOperation) => steps.push({ id: steps.length, operation });
  put({ ...device, queue, peers: randomPeers(random) });
  /** For each tag, a function that adds the operation that ends the tag's request. */
  const live = new Map<number, () => void>();
  for (const length = random.pick(LENGTHS); steps.length < length;) {
    const tag = random.below(TAGS);
    const end = live.get(tag);
    if (steps.length % LOOK_EVERY === 0) put({ op: "state" });
    else if (end !== undefined) {
      live.delete(tag);
      end();
    } else if (random.below(8) === 0) {
      const request = randomRequest(random, queue);
      const metadata = hasMetadata(request) && random.below(2) === 0;
      put({ op: "rq_list", metadata, ...request });
    } else {
      const request = randomRequest(random, queue);
      const { write } = request;
      const cpu = random.below(device.cpus);
      const metadata = hasMetadata(request) && random.below(4) === 0;
      const id = steps.length;
      put({ op: "rq_map", cpu, tag, metadata, ...request });
      const unmap = (earlier: Earlier<MappingOperation>) => {
        const { kind, pieces = [] } = earlier.get(id)?.[1] ?? {};
        return (pieces as unknown[]).length === 0
          ? null
          : { op: "rq_unmap", cpu, tag, write, kind, pieces };
      };
      live.set(tag, () => steps.push({ id: steps.length, then: unmap }));
    }
  }
  for (const end of live.values()) end();
  put({ op: "advance", ms: 1200 });
  put({ op: "state" });
  return steps;
}

function randomRequest(random: Random, queue: QueueFields): RequestFields {
  const isPeer = random.below(6) === 0;
  const phys = () =>
    (isPeer
      ? PEER_START / PAGE_SIZE_BYTES + random.below(PEER_PAGES / 2)
      : 1 + random.below(BUFFER_PAGES)) *
    PAGE_SIZE_BYTES;
  const isAligned = random.below(5) > 0;
  const bios: BioFields[] = [];
  let end = 0;
  for (let left = random.below(MAX_BIOS + 1); left > 0; left--) {
    const vecs: [number, number][] = [];
    for (let more = 1 + random.below(MAX_VECS); more > 0; more--) {
      const isNext = end > 0 && random.below(3) === 0;
      const start = isNext ? end : phys() + (isAligned ? 0 : BLOCK_BYTES * random.below(8));
      const bytes = isAligned
        ? PAGE_SIZE_BYTES * (1 + random.below(3))
        : BLOCK_BYTES * (1 + random.below(20));
      vecs.push([start, bytes]);
      end = start + bytes;
    }
    const [first, last] = [vecs[0]!, vecs.at(-1)!];
    // A bio can begin within its first vector, and end within its last.
    const skipped = partOf(random, first[1]);
    const cut = vecs.length > 1 ? partOf(random, last[1]) : 0;
    end -= cut;
    const bytes = vecs.reduce((sum, [, each]) => sum + each, 0) - skipped - cut;
    bios.push({ vecs, skipped, bytes, metadata: randomMetadata(random, bytes) });
  }
  // A request with metadata has it in all of its bios.
  const isProtected = random.below(2) === 0;
  const kept = bios.map((bio) => isProtected ? bio : { ...bio, metadata: [] });
  const special = random.below(10) === 0
    ? [phys(), BLOCK_BYTES * (1 + random.below(8))] as const
    : null;
  const segments = special === null ? segmentsOf(bios, queue) : 1;
  // With a wrong gap bit, links fail after the first ones.
  const gap_bit = random.below(12) === 0 ? 0 : gapOf(kept);
  return { write: random.below(2) === 0, segments, gap_bit, bios: kept, special };
}

function hasMetadata({ bios }: RequestFields): boolean {
  return bios.some(({ metadata }) => metadata.length > 0);
}

function partOf(random: Random, bytes: number): number {
  return random.below(6) === 0 ? BLOCK_BYTES * random.below(bytes / BLOCK_BYTES) : 0;
}

function randomMetadata(random: Random, bytes: number): readonly (readonly [number, number])[] {
  const all = bytes / BLOCK_BYTES * METADATA_BYTES;
  const start = (1 + random.below(BUFFER_PAGES)) * PAGE_SIZE_BYTES;
  const first = random.below(3) === 0 ? METADATA_BYTES * random.below(all / METADATA_BYTES) : 0;
  if (first === 0) return [[start, all]];
  const next = random.below(2) === 0
    ? start + first
    : (1 + random.below(BUFFER_PAGES)) * PAGE_SIZE_BYTES;
  return [[start, first], [next, all - first]];
}

/** The gap bit of a request. The block layer computes it in the same way when it joins the bios. */
function gapOf(bios: readonly BioFields[]): number {
  const joins = new JoinGaps();
  for (const fields of bios) {
    bioOf(fields, "read").eachPart((_phys, offset, sizeBytes) => joins.add(offset, sizeBytes));
  }
  return joins.bit;
}
