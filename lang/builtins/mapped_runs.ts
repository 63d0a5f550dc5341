/** The contents of a page table, as runs of consecutive addresses. */
import { type IommuDomain, PTE_MMIO, PTE_READ, PTE_WRITE } from "@dmalab/runtime";

/** Consecutive IOVAs that translate to consecutive physical addresses. */
export interface MappedRun {
  readonly iova: number;
  readonly phys: number;
  readonly sizeBytes: number;
  /** `read`, `write` or `read_write`. */
  readonly access: string;
  readonly mmio: boolean;
  /** Sizes of the leaf entries in the run, each size once. */
  readonly leafSizesBytes: readonly number[];
}

/** The runs of a domain that touch `[first, last]`; none without a translation. */
export function mappedRuns(
  domain: IommuDomain | null,
  first: number = 0,
  last: number = Number.MAX_SAFE_INTEGER,
): MappedRun[] {
  const runs: { -readonly [K in keyof MappedRun]: MappedRun[K] }[] = [];
  domain?.table.forEachLeaf(
    first,
    Math.min(last, domain.table.lastAddress),
    (iova, phys, sizeBytes, flags) => {
      const access = accessWord(flags);
      const mmio = (flags & PTE_MMIO) !== 0;
      const run = runs.at(-1);
      if (
        run !== undefined && run.iova + run.sizeBytes === iova &&
        run.phys + run.sizeBytes === phys && run.access === access && run.mmio === mmio
      ) {
        run.sizeBytes += sizeBytes;
        if (!run.leafSizesBytes.includes(sizeBytes)) {
          run.leafSizesBytes = [...run.leafSizesBytes, sizeBytes];
        }
      } else runs.push({ iova, phys, sizeBytes, access, mmio, leafSizesBytes: [sizeBytes] });
    },
  );
  return runs;
}

function accessWord(flags: number): string {
  if ((flags & PTE_READ) === 0) return "write";
  return (flags & PTE_WRITE) === 0 ? "read" : "read_write";
}
