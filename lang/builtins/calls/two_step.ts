/** The two-step API: reserve addresses once, link buffers one by one, sync once, destroy. */
import { raiseErrno, toAttributes, toDirection, toSize, toThing } from "../arguments.ts";
import type { FunctionSpec } from "../../values/spec.ts";
import { DEVICE } from "../things/device.ts";
import { IOVA_STATE } from "../things/dma/iova_state.ts";
import { ATTRS, DEV, DIR, OFFSET, PHYS, SIZE, STATE, TRANSLATED_MACHINE } from "./parameters.ts";
import { physOfValue } from "./memory.ts";
import type { DmaDevice } from "../../../runtime/dma/device/device.ts";
import type { DmaIovaState } from "../../../runtime/dma/iova_state.ts";
import type { Value } from "../../values/value.ts";

const RANGE_EXAMPLE = `${TRANSLATED_MACHINE}let state = iova_state()
assert dma_iova_try_alloc(ssd, state, phys: 0x10_0000, size: 8KiB)
`;
const LINK_EXAMPLE =
  `${RANGE_EXAMPLE}dma_iova_link(ssd, state, phys: 0x10_0000, offset: 0, size: 4KiB, dir: to_device)
`;

/** The device and the state of a call; the state remembers whom it was given to. */
function deviceAndState(
  dev: Value | undefined,
  state: Value | undefined,
): { readonly device: DmaDevice; readonly state: DmaIovaState } {
  const device = toThing(dev, DEVICE, "dev").dma;
  const target = toThing(state, IOVA_STATE, "state");
  target.device = device;
  return { device, state: target.state };
}

export const TWO_STEP_CALLS: readonly FunctionSpec[] = [
  {
    name: "dma_iova_try_alloc",
    parameters: [DEV, STATE, PHYS, { ...SIZE, doc: "Bytes of all buffers together." }],
    result: "bool",
    doc: "Reserves IO addresses for buffers that are linked later. False, with the state all " +
      "zero, where devices are not translated or no range is free: map each buffer by itself.",
    example: `${RANGE_EXAMPLE}assert state.size == 8KiB\ndma_iova_free(ssd, state)`,
    run(run, [dev, stateArg, phys, length]) {
      const { device, state } = deviceAndState(dev, stateArg);
      return run.lab.machine.dma.dmaIovaTryAlloc(
        device,
        state,
        physOfValue(phys, "phys"),
        toSize(length, "size"),
      );
    },
  },
  {
    name: "dma_iova_link",
    parameters: [DEV, STATE, PHYS, OFFSET, SIZE, DIR, ATTRS],
    result: "nothing",
    doc: "Maps a buffer at an offset of a reserved range. The device must not use it before " +
      "dma_iova_sync. Every link but the first must start on a granule, every one but the last " +
      "end on one.",
    example: `${LINK_EXAMPLE}assert state.linked == 4KiB\n` +
      `dma_iova_link(ssd, state, phys: 0x20_0800, offset: 4KiB, size: 2KiB, dir: to_device) fails EIO\n` +
      `dma_iova_destroy(ssd, state, 4KiB, to_device)`,
    raises: ["EIO", "EINVAL", "ENXIO", "EADDRINUSE", "ENOMEM", "EPERM", "EOPNOTSUPP", "EFAULT"],
    run(run, [dev, stateArg, phys, offset, length, dir, attrs]) {
      const { device, state } = deviceAndState(dev, stateArg);
      const result = run.lab.machine.dma.dmaIovaLink(
        device,
        state,
        physOfValue(phys, "phys"),
        toSize(offset, "offset"),
        toSize(length, "size"),
        toDirection(dir),
        toAttributes(attrs),
      );
      return raiseErrno(result, "dma_iova_link() refused the buffer");
    },
  },
  {
    name: "dma_iova_sync",
    parameters: [DEV, STATE, OFFSET, SIZE],
    result: "nothing",
    doc: "Makes what was linked in a part of the range visible to the device.",
    example: `${LINK_EXAMPLE}dma_iova_sync(ssd, state, offset: 0, size: 4KiB)\n` +
      `assert counters.iommu.sync_map == 1\ndma_iova_destroy(ssd, state, 4KiB, to_device)`,
    raises: ["EFAULT"],
    run(run, [dev, stateArg, offset, length]) {
      const { device, state } = deviceAndState(dev, stateArg);
      const result = run.lab.machine.dma.dmaIovaSync(
        device,
        state,
        toSize(offset, "offset"),
        toSize(length, "size"),
      );
      return raiseErrno(result, "dma_iova_sync() failed");
    },
  },
  {
    name: "dma_iova_unlink",
    parameters: [DEV, STATE, OFFSET, SIZE, DIR, ATTRS],
    result: "nothing",
    doc: "Ends the mappings of a part of the range and invalidates at once, in lazy mode too. " +
      "The addresses stay reserved.",
    example: `${LINK_EXAMPLE}dma_iova_unlink(ssd, state, 0, 4KiB, to_device)\n` +
      `assert state.linked == 0B\nassert state.use_iova\ndma_iova_free(ssd, state)`,
    raises: ["EFAULT"],
    run(run, [dev, stateArg, offset, length, dir, attrs]) {
      const { device, state } = deviceAndState(dev, stateArg);
      run.lab.machine.dma.dmaIovaUnlink(
        device,
        state,
        toSize(offset, "offset"),
        toSize(length, "size"),
        toDirection(dir),
        toAttributes(attrs),
      );
      return null;
    },
  },
  {
    name: "dma_iova_destroy",
    parameters: [
      DEV,
      STATE,
      { name: "mapped", kind: "size", doc: "How many bytes are linked; 0 only frees the range." },
      DIR,
      ATTRS,
    ],
    result: "nothing",
    doc: "Ends the mappings of the first bytes of the range and gives the range back.",
    example: `${LINK_EXAMPLE}dma_iova_destroy(ssd, state, mapped: 4KiB, dir: to_device)\n` +
      `assert iommu.live_mappings == 0`,
    raises: ["EFAULT"],
    run(run, [dev, stateArg, mapped, dir, attrs]) {
      const { device, state } = deviceAndState(dev, stateArg);
      run.lab.machine.dma.dmaIovaDestroy(
        device,
        state,
        toSize(mapped, "mapped"),
        toDirection(dir),
        toAttributes(attrs),
      );
      return null;
    },
  },
  {
    name: "dma_iova_free",
    parameters: [DEV, STATE],
    result: "nothing",
    doc: "Gives a range back at once. Nothing may be linked in it; nobody looks.",
    example: `${RANGE_EXAMPLE}dma_iova_free(ssd, state)\nassert counters.iova.free == 1`,
    raises: ["EFAULT"],
    run(run, [dev, stateArg]) {
      const { device, state } = deviceAndState(dev, stateArg);
      run.lab.machine.dma.dmaIovaFree(device, state);
      return null;
    },
  },
  {
    name: "dma_use_iova",
    parameters: [STATE],
    result: "bool",
    doc: "True when a range was reserved. Still true after free and destroy: only the size counts.",
    example: `let state = iova_state()\nassert not dma_use_iova(state)`,
    run: (run, [state]) =>
      run.lab.machine.dma.dmaUseIova(toThing(state, IOVA_STATE, "state").state),
  },
];
