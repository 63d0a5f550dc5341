/** Invalidation commands of VT-d as the kernel's tracing prints them: `iotlb_inv dmar0: 0x… 0x…`. */
import type { IommuModel } from "@dmalab/runtime/iommu";
import type { Machine } from "@dmalab/runtime";
import type { Json } from "../difference.ts";

/** The number that the captured kernels gave the tester's domain, in bits 31 to 16. */
const DOMAIN = 0x4_0000;
/** Types of commands, and how much of a domain they are for (VT-d specification, 6.5.2). */
const IOTLB = 0x2;
const PASID_IOTLB = 0x6;
const PAGES = 0x30;
const WHOLE = 0x20;
/** Second stage: reads and writes that the hardware still has under way are waited for. */
const DRAINS = 0xc0;
/** No table has gone. */
const LEAF_ONLY = 0x40;
const PAGE_SHIFT = 12;

/** Collects what is flushed. */
export class InvalidationLines {
  #lines: string[] = [];

  constructor(machine: Machine, model: IommuModel) {
    const firstStage = model === "vtd_first_stage";
    const [name, type] = firstStage ? ["p_iotlb_inv", PASID_IOTLB] : ["iotlb_inv", IOTLB + DRAINS];
    machine.events.listen(({ fields, why }) => {
      const whole = fields.kind === "all" || why?.inputs.whole_domain === true;
      const order = Math.log2(fields.hw_size_bytes) - PAGE_SHIFT;
      const hint = fields.kind !== "map" && why?.inputs.leaf_only === true ? LEAF_ONLY : 0;
      const place = whole ? 0 : fields.hw_start + hint + order;
      const command = DOMAIN + type + (whole ? WHOLE : PAGES);
      this.#lines.push(`${name} dmar0: 0x${command.toString(16)} 0x${place.toString(16)} 0x0 0x0`);
    }, ["iotlb.sync"]);
  }

  /** The commands since the last call of this; where there were none, no field. */
  field(): { readonly invalidations?: Json } {
    const invalidations = this.take();
    return invalidations.length === 0 ? {} : { invalidations };
  }

  take(): string[] {
    const lines = this.#lines;
    this.#lines = [];
    return lines;
  }
}
