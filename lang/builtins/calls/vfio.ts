/** Allocates migration buffers for a VFIO function. */
import type { FunctionSpec } from "../../values/spec.ts";
import { obtainBuffer, VFIO, VFIO_BUFFER, WANTED } from "../types/vfio/vfio.ts";
import { VFIO_MACHINE } from "../types/vfio/vfio_buffer.ts";
import { builtin } from "../describe/builtin.ts";
import { param } from "../describe/parameters.ts";

export const VFIO_CALLS: readonly FunctionSpec[] = [
  builtin({
    name: "vfio_dma_pages",
    pure: true,
    parameters: [
      param.handle("dev", VFIO, "The function that is to be migrated."),
      ...WANTED,
    ],
    result: VFIO_BUFFER,
    doc: "Allocates pages and registers them with a device, as `dev.alloc_buffer` does: one IOVA " +
      "range, one link per page, one sync, and a key.",
    example: `${VFIO_MACHINE}let b = vfio_dma_pages(vf, 16, to_device)
assert counters.dma_iova_link == 16 and counters.iommu.sync_map == 1
vf.free_buffer(b)`,
    raises: ["ENOMEM", "ENOTCONN", "EINVAL", "EIO", "EFAULT"],
    run: (context, [dev, ...wanted]) => obtainBuffer(context, dev, wanted, "allocBuffer"),
  }),
];
