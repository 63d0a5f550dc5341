/**
 * IO addresses as they were recorded.
 *
 * Which ranges the caches hold depends on all that ran since the driver was loaded, which the data
 * does not tell, so addresses are given to the model (tests/golden/defects/README.md, "What a
 * replay must bring along"). How many are asked for, and how large, must come out.
 */
import type { IommuDomain } from "../../runtime/iommu/domain.ts";
import type { CallLine } from "./defect_data.ts";

/** Where ranges come from that no record knows of: far below all recorded ones. */
const SPARE_FROM_PFN = 0x1000;

export class GivenIovas {
  #coming: number[] = [];
  #sparePfn = SPARE_FROM_PFN;

  /** Takes over the domain's allocator; what was given out before stays so. */
  constructor(domain: IommuDomain) {
    const { iova, granuleBytes } = domain;
    iova.allocFast = (_cpu, pfns, _limitPfn) => {
      iova.lastSource = "tree";
      const given = this.#coming.shift();
      if (given !== undefined) return given / granuleBytes;
      const pfn = Math.ceil(this.#sparePfn / pfns) * pfns;
      this.#sparePfn = pfn + pfns;
      return pfn;
    };
    iova.freeFast = () => {};
  }

  /** Sets the answers for the next step: the calls of its commands, in order. */
  expect(lines: readonly CallLine[]): void {
    this.#coming = lines.filter(([name]) => name === "iova.reserve")
      .map((line) => line[2] as number);
  }
}
