/** Proposes what a device does by itself: words that it writes into memory, and interrupts. */
import type { Wanted } from "./decisions.ts";
import { registersOf, type Rules, type Work, type WorkRule } from "./rules.ts";
import type { SearchedDevice, TriedAccess } from "./searched_device.ts";

/** Number of registers, those written last, that may start the device's work. */
const DOORBELLS = 3;
/** Units in which a register may have an address: bytes, 256 bytes, pages. */
const UNITS = [1, 256, 4096];
/** Largest distance of a word from the address in a register. */
const MOST_OFFSET = 2 ** 20;

/** Rules by which the device writes a word that the driver reads from coherent memory. */
export function* memoryWorks(
  rules: Rules,
  run: SearchedDevice,
  { access, value }: Wanted,
  reason: string,
): Generator<Rules> {
  const { dma, sizeBytes } = run.accesses[access]!;
  const writes = run.accesses.slice(0, access).filter(({ isWrite }) => isWrite);
  const base = baseOf(writes, dma!);
  if (base === null) return;
  for (const { phys } of lastWritten(writes)) {
    const work: Work = { kind: "memory", ...base, sizeBytes, value };
    yield* withWork(rules, run, { doorbell: phys, work, reason });
  }
}

/** Rules by which the device raises an interrupt after a register was written. */
export function* raises(rules: Rules, run: SearchedDevice): Generator<Rules> {
  const writes = run.accesses.filter(({ isWrite }) => isWrite);
  for (const { phys, vectors } of lastWritten(writes)) {
    for (const vector of vectors) {
      const work: Work = { kind: "raise", vector };
      const reason = "an interrupt after this write leads further";
      yield* withWork(rules, run, { doorbell: phys, work, reason });
    }
  }
}

/** The last write of each of the registers that were written last. */
function lastWritten(writes: readonly TriedAccess[]): readonly TriedAccess[] {
  const found = new Map<number, TriedAccess>();
  for (const write of writes.toReversed()) {
    if (found.size === DOORBELLS && !found.has(write.phys)) break;
    if (!found.has(write.phys)) found.set(write.phys, write);
  }
  return [...found.values()];
}

/** The register that has an address at or before a word of memory; the nearest address counts. */
function baseOf(
  writes: readonly TriedAccess[],
  dma: number,
): { readonly base: number; readonly unit: number; readonly offset: number } | null {
  let best: { base: number; unit: number; offset: number } | null = null;
  for (const { phys, value } of writes) {
    for (const unit of UNITS) {
      const offset = dma - value * unit;
      if (value === 0 || offset < 0 || offset >= (best?.offset ?? MOST_OFFSET)) continue;
      best = { base: phys, unit, offset };
    }
  }
  return best;
}

function* withWork(rules: Rules, run: SearchedDevice, made: WorkRule): Generator<Rules> {
  // A later value of the same word replaces the earlier one.
  const others = rules.works.filter(({ doorbell, work }) =>
    doorbell !== made.doorbell || !isSame(work, made.work)
  );
  // Memory is written before the interrupt is raised.
  const isRaised = ({ work }: WorkRule) => work.kind === "raise";
  const all = [...others, made];
  const works = [...all.filter((each) => !isRaised(each)), ...all.filter(isRaised)];
  const next = { ...rules, works };
  if (registersOf(next).every((phys) => run.barOf(phys) !== null)) yield next;
}

function isSame(one: Work, other: Work): boolean {
  if (one.kind === "raise" || other.kind === "raise") {
    return one.kind === "raise" && other.kind === "raise" && one.vector === other.vector;
  }
  return one.base === other.base && one.offset === other.offset;
}
