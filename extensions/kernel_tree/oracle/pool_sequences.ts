/** Random sequences of operations on a pool of bounce buffers. */
import type { DmaDirection } from "@dmalab/runtime/dma";
import { Random, SET_SLOTS, SLOT_BYTES } from "@dmalab/runtime";
import type { Operation, OperationResult } from "./compare.ts";
import { BUFFER_PAGES } from "./mapping_operations.ts";
import type { PoolOperation } from "./pool_operations.ts";

type PoolStep = Operation<PoolOperation>;

const SLOTS = [128, 256, 512, 512, 1024, 2048];
const AREAS = [1, 1, 2, 3, 4, 8];
const MIN_ALIGN_MASKS = [0, 0, 511, 4095, 4095, 2 ** 16 - 1];
const BOUNDARY_MASKS = [null, null, 2 ** 16 - 1, 2 ** 18 - 1, 2 ** 32 - 1];
const ALLOC_ALIGN_MASKS = [0, 0, 0, 4095, 4095, 2 ** 16 - 1];
const MAX_BYTES = [600, 4096, 20_000, 100_000, 270_000];
const LENGTHS = [60, 200, 800];
const LOOK_EVERY = 25;
/**
 * One unmap in this many contains a mistake of the driver: it passes the address of another slot of
 * the buffer.
 */
const MISTAKEN = 16;

export function poolSequence(seed: number): readonly PoolStep[] {
  const random = new Random(seed);
  const steps: PoolStep[] = [];
  const live: { readonly id: number; readonly size: number; readonly dir: DmaDirection }[] = [];
  const put = (operation: PoolOperation) => steps.push({ id: steps.length, operation });
  const device = () => ({
    min_align_mask: random.pick(MIN_ALIGN_MASKS),
    seg_boundary_mask: random.pick(BOUNDARY_MASKS),
  });
  const mostBytes = random.pick(MAX_BYTES);
  const map = () => {
    const dir = random.below(3) as DmaDirection;
    const size = 1 + random.below(random.below(4) === 0 ? mostBytes : Math.ceil(mostBytes / 4));
    const orig = random.below(20) === 0
      ? 0
      : random.below(BUFFER_PAGES) * 4096 + random.below(4096);
    const alloc_align_mask = random.pick(ALLOC_ALIGN_MASKS);
    live.push({ id: steps.length, size, dir });
    put({ op: "map", cpu: random.below(16), orig, size, alloc_align_mask, dir });
  };
  const [slots, areas_asked] = [random.pick(SLOTS), random.pick(AREAS)];
  const start = random.pick([0x7000_0000, 0x7000_0000, 0x7000_1000, 0x7001_0000]);
  put({ op: "init", slots, areas_asked, start, ...device() });
  const frees = 20 + random.below(35);
  for (const length = random.pick(LENGTHS); steps.length < length;) {
    const what = random.below(100);
    const at = random.below(Math.max(1, live.length));
    if (steps.length % LOOK_EVERY === 0) put({ op: "state" });
    else if (live.length === 0 && random.below(4) === 0) put({ op: "device", ...device() });
    else if (live.length === 0 || what < 45) map();
    else if (what < 45 + frees) {
      const [{ dir, id, size }] = live.splice(at, 1) as [typeof live[number]];
      const skip_sync = random.below(4) === 0;
      const other = random.below(MISTAKEN) === 0 ? random.below(SET_SLOTS) : null;
      steps.push(onBuffer(steps.length, id, (data, { first_slot, slots }) => {
        const slot = (first_slot as number) + (other ?? 0) % (slots as number);
        const tlb = other === null ? data : start + slot * SLOT_BYTES;
        return { op: "unmap", tlb, size, dir, skip_sync };
      }));
    } else {
      const { dir, id, size } = live[at]!;
      const from = random.below(2) === 0 ? 0 : random.below(size);
      const op = random.pick(["sync_for_cpu", "sync_for_device"] as const);
      const part = 1 + random.below(size - from);
      steps.push(
        onBuffer(steps.length, id, (tlb) => ({ op, tlb: tlb + from, size: part, dir })),
      );
    }
  }
  put({ op: "state" });
  return steps;
}

/** A step with an operation on a buffer. If the buffer was not mapped, the step is skipped. */
function onBuffer(
  id: number,
  of: number,
  make: (tlb: number, mapped: OperationResult) => PoolOperation,
): PoolStep {
  return {
    id,
    then: (earlier) => {
      const mapped = earlier.get(of)?.[1];
      const tlb = mapped?.["tlb"] ?? null;
      return mapped === undefined || tlb === null ? null : make(tlb as number, mapped);
    },
  };
}
