/** The two-step API: reserve addresses once, link buffers one by one, sync once, destroy. */
import type { FunctionSpec } from "../../values/spec.ts";
import { kernelCall, mappingCall, mappingCallOf } from "./kernel_call.ts";
import { STATE } from "./parameters.ts";
import { Quantity } from "../../values/value.ts";
import { builtin } from "../describe/builtin.ts";
import { TRANSLATED_MACHINE } from "./example_machines.ts";

const RANGE_EXAMPLE = `${TRANSLATED_MACHINE}let state = iova_state()
assert dma_iova_try_alloc(ssd, state, phys: 0x10_0000, size: 8KiB)
`;
const LINK_EXAMPLE =
  `${RANGE_EXAMPLE}dma_iova_link(ssd, state, 0x10_0000, offset: 0, size: 4KiB, dir: to_device)
`;

const UNLINK_AND_FREE = `dma_iova_unlink(ssd, state, 0, 4KiB, to_device)
dma_iova_free(ssd, state)`;

const link = mappingCallOf("dma_iova_link");

export const TWO_STEP_CALLS: readonly FunctionSpec[] = [
  mappingCall("dma_iova_try_alloc", {
    doc:
      "Allocates an IOVA range for buffers that are linked later. Returns false, with the state " +
      "zeroed, if the device is not translated or no range is free: then map each buffer with " +
      "dma_map_phys().",
    example: `${RANGE_EXAMPLE}assert state.size == 8KiB\ndma_iova_free(ssd, state)`,
  }),
  kernelCall("dma_iova_link", {
    result: "any",
    doc: "Maps a buffer at an offset in the IOVA range. The device must not access it before " +
      "dma_iova_sync(). Every link but the first must start on a granule boundary, every link " +
      "but the last must end on one. Returns none; with the switch `link_returns_address`, the " +
      "device address.",
    example: `${LINK_EXAMPLE}assert state.linked == 4KiB\n` +
      `dma_iova_link(ssd, state, 0x20_0800, 4KiB, 2KiB, to_device) fails EIO\n` +
      UNLINK_AND_FREE,
    raises: ["EIO", "EINVAL", "ENXIO", "EADDRINUSE", "ENOMEM", "EPERM", "EOPNOTSUPP", "EFAULT"],
    run(context, args) {
      link(context, args);
      if (!context.lab.machine.kernel.link_returns_address) return null;
      const [, { state }, , offset] = args;
      return new Quantity("dma", state.singles.at(-1)?.dma ?? state.addr + offset);
    },
  }),
  mappingCall("dma_iova_sync", {
    doc:
      "Syncs the IOTLB for the links in a part of the range; call it after dma_iova_link() and " +
      "before the device accesses them.",
    example: `${LINK_EXAMPLE}dma_iova_sync(ssd, state, offset: 0, size: 4KiB)\n` +
      `assert counters.iommu.sync_map == 1\n${UNLINK_AND_FREE}`,
    raises: ["EFAULT"],
  }),
  mappingCall("dma_iova_unlink", {
    doc: "Unlinks a part of the range and invalidates the IOTLB at once, in lazy mode too. The " +
      "range stays allocated.",
    example: `${LINK_EXAMPLE}dma_iova_unlink(ssd, state, 0, 4KiB, to_device)\n` +
      `assert state.linked == 0B\nassert state.use_iova\ndma_iova_free(ssd, state)`,
    raises: ["EFAULT"],
  }),
  mappingCall("dma_iova_destroy", {
    doc: "Unlinks the first `mapped` bytes of the range and frees the range.",
    example: `${RANGE_EXAMPLE}dma_iova_link(ssd, state, 0x10_0000, 0, 8KiB, to_device)\n` +
      `dma_iova_destroy(ssd, state, mapped: 8KiB, dir: to_device)\n` +
      `assert iommu.live_mappings == 0`,
    raises: ["EFAULT"],
  }),
  mappingCall("dma_iova_free", {
    doc: "Frees the range. It must contain no links; as in the kernel, this is not checked.",
    example: `${RANGE_EXAMPLE}dma_iova_free(ssd, state)\nassert counters.iova.free == 1`,
    raises: ["EFAULT"],
  }),
  builtin({
    name: "dma_use_iova",
    pure: true,
    parameters: [STATE],
    result: "bool",
    doc: "True if the state holds a range. It stays true after dma_iova_free() and " +
      "dma_iova_destroy(): only the state's size is tested, and they do not clear it.",
    example: `let state = iova_state()\nassert not dma_use_iova(state)`,
    needs: "two_step",
    run: (context, [state]) => context.lab.machine.dma.dmaUseIova(state.state),
  }),
];
