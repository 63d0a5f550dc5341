/** Migration buffers by the function that a driver of one has. */
import type { FunctionSpec } from "../../values/spec.ts";
import { toThing } from "../arguments.ts";
import { allocBuffer, CONTIGUOUS, DIR, PAGES, VFIO } from "../things/vfio/vfio.ts";
import { VFIO_MACHINE } from "../things/vfio/vfio_buffer.ts";

export const VFIO_CALLS: readonly FunctionSpec[] = [
  {
    name: "vfio_dma_pages",
    parameters: [
      { name: "dev", kind: "@vfio", doc: "The function that is to be migrated." },
      PAGES,
      DIR,
      CONTIGUOUS,
    ],
    result: "@vfio_buffer",
    doc: "Takes pages and registers them with a device, as `dev.alloc_buffer` does: one range, a " +
      "link for each page, one sync, and a key.",
    example: `${VFIO_MACHINE}let b = vfio_dma_pages(vf, 16, to_device)
assert counters.dma_iova_link == 16 and counters.iommu.sync_map == 1
vf.free_buffer(b)`,
    raises: ["ENOMEM", "ENOTCONN", "EINVAL", "EIO", "EFAULT"],
    run: (run, [dev, ...args]) => allocBuffer(run, toThing(dev, VFIO, "dev"), args),
  },
];
