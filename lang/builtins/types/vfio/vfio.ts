/** Devices with a state that can be migrated. */
import type { MigrationBuffer, VfioDevice } from "@dmalab/devices";
import { formatCount, formatSize } from "../../../text/numbers.ts";
import { ValueError } from "../../../values/script_error.ts";
import { toDirection } from "../../arguments.ts";
import type { ExecutionContext } from "../../../values/execution_context.ts";
import type { HandleType } from "../../../values/spec.ts";
import { DEVICE, deviceLines } from "../device.ts";
import {
  DIRTY_TRACKER,
  usableBuffer,
  VFIO_BUFFER,
  VFIO_MACHINE,
  type VfioBufferTarget,
} from "./vfio_buffer.ts";
import { methodsOf } from "../../describe/builtin.ts";
import { fieldsOf } from "../../describe/fields.ts";
import { type Decoded, named, optional, param } from "../../describe/parameters.ts";

export { DIRTY_TRACKER, VFIO_BUFFER } from "./vfio_buffer.ts";

/** 4 GiB of pages: a larger number is taken for a typing error. */
const MAX_PAGES = 2 ** 20;

const PAGES = param.int("pages", "How many pages.", 0, MAX_PAGES);

const DIR = param.of(
  "dir",
  ["word", "nothing"],
  "from_device for a save, to_device for a load; none for headers, which are never mapped.",
  (value) => value === null ? null : toDirection(value),
);

const CONTIGUOUS = named(
  param.bool(
    "contiguous",
    "The pages are contiguous, as in fresh memory; false: no two are.",
  ),
  true,
);

const BUFFER = param.handle("buffer", VFIO_BUFFER, "The result of alloc_buffer() or get_buffer().");

/** The parameters that describe a wanted buffer. */
export const WANTED = [PAGES, DIR, CONTIGUOUS] as const;

/** A buffer for the arguments in `WANTED`, a new one or a spare one. */
export function obtainBuffer(
  context: ExecutionContext,
  { driver }: VfioDevice,
  [pages, dir, contiguous]: Decoded<typeof WANTED>,
  method: "allocBuffer" | "getBuffer",
): VfioBufferTarget {
  context.chargeMemory(32 * pages);
  return { buffer: driver[method](pages, dir, !contiguous), driver };
}

function buffersOf({ driver }: VfioDevice, buffers: Iterable<MigrationBuffer>): VfioBufferTarget[] {
  return [...buffers].map((buffer) => ({ buffer, driver }));
}

const method = methodsOf<VfioDevice>();

export const VFIO: HandleType<VfioDevice> = {
  name: "vfio",
  doc: "A PCI function that can be migrated: its state can be saved to memory and loaded into " +
    "another function.",
  extends: DEVICE,
  fields: fieldsOf<VfioDevice>((f) => ({
    state: f.bytes("The device state that a migration transfers.", (device, context) => {
      const { state } = device.migration;
      context.chargeMemory(state.length);
      return state.slice();
    }),
    state_size: f.size("Its size.", (device) => device.migration.stateBytes),
    buffers: f.list(
      VFIO_BUFFER,
      "Migration buffers that are in use.",
      (device) => buffersOf(device, device.driver.buffers),
    ),
    spare_buffers: f.list(
      VFIO_BUFFER,
      "Buffers put back for reuse, oldest first.",
      (device) => buffersOf(device, device.driver.spare),
    ),
    keys: f.int("How many keys the device has.", (device) => device.migration.keyCount),
    detached: f.bool("It is detached: it cannot be reached.", (device) => device.driver.detached),
  })),
  methods: [
    method({
      name: "alloc_buffer",
      parameters: WANTED,
      result: VFIO_BUFFER,
      doc: "Allocates a buffer: allocates pages in bulk, maps them unless it is for headers, and " +
        "has the device create a key for them. A failure undoes the earlier steps.",
      example: `${VFIO_MACHINE}let b = vf.alloc_buffer(1024, from_device)
assert counters.dma_iova_link == 1024 and counters.dma_iova_sync == 1
assert b.table[1023] == b.table[0] + 4092KiB
vf.free_buffer(b)`,
      raises: ["ENOMEM", "ENOTCONN", "EINVAL", "EIO", "EFAULT"],
      run: (context, device, wanted) => obtainBuffer(context, device, wanted, "allocBuffer"),
    }),
    method({
      name: "get_buffer",
      parameters: WANTED,
      result: VFIO_BUFFER,
      doc: "Reuses the first spare buffer of that direction that is large enough, and frees the " +
        "smaller ones before it; allocates a buffer if there is none.",
      example: `${VFIO_MACHINE}let b = vf.get_buffer(8, from_device)\nvf.put_buffer(b)\n` +
        `assert vf.get_buffer(4, from_device) == b and b.npages == 8\nvf.free_buffer(b)`,
      raises: ["ENOMEM", "ENOTCONN", "EINVAL", "EIO", "EFAULT"],
      run: (context, device, wanted) => obtainBuffer(context, device, wanted, "getBuffer"),
    }),
    method({
      name: "put_buffer",
      parameters: [BUFFER],
      doc: "Keeps a buffer for the next get_buffer(), still mapped.",
      example: `${VFIO_MACHINE}let b = vf.alloc_buffer(2, to_device)\nvf.put_buffer(b)\n` +
        `assert vf.spare_buffers == [b] and iommu.live_mappings == 1\n` +
        `vf.free_buffer(vf.get_buffer(2, to_device))`,
      run: (_run, { driver }, [buffer]) => driver.putBuffer(usableBuffer(buffer, driver)),
    }),
    method({
      name: "free_buffer",
      parameters: [BUFFER],
      doc: "Frees a buffer: the key first, then the mappings, the table, and the pages.",
      example: `${VFIO_MACHINE}let b = vf.alloc_buffer(1024, to_device)\nvf.free_buffer(b)\n` +
        `assert counters.iommu.unmap == 1 and iommu.live_mappings == 0`,
      run: (_run, { driver }, [buffer]) => driver.freeBuffer(usableBuffer(buffer, driver)),
    }),
    method({
      name: "save",
      parameters: [BUFFER],
      result: "size",
      doc: "The device writes its state to the pages behind the buffer's key, through the IOMMU " +
        "if there is one.",
      example: `${VFIO_MACHINE}let b = vf.alloc_buffer(16, from_device)\n` +
        `assert vf.save(b) == 64KiB and b.content == vf.state\nvf.free_buffer(b)`,
      raises: ["EIO", "EINVAL", "ENOSPC", "ENOTCONN"],
      run: (_run, { driver }, [buffer]) => driver.save(usableBuffer(buffer, driver)),
    }),
    method({
      name: "load",
      parameters: [
        BUFFER,
        optional(
          param.size("size", "How many bytes; as much as the device's state when left out."),
        ),
      ],
      doc: "The device reads its state from the pages behind the buffer's key.",
      example: `${VFIO_MACHINE}let b = vf.alloc_buffer(16, to_device)\nb.content.fill(counting)\n` +
        `vf.load(b)\nassert b.content == vf.state\nvf.free_buffer(b)`,
      raises: ["EIO", "EINVAL", "ENOTCONN"],
      run: (_run, { driver }, [buffer, sizeBytes = driver.port.stateBytes]) =>
        driver.load(usableBuffer(buffer, driver), sizeBytes),
    }),
    method({
      name: "change_state",
      parameters: [param.bytes("bytes", "The new first bytes of its state.")],
      doc: "Changes the device's state, as work of the device does.",
      example: `${VFIO_MACHINE}vf.change_state(bytes"01 02")\nassert vf.state[1] == 2`,
      run(_run, { migration }, [bytes]) {
        if (bytes.length > migration.stateBytes) {
          throw new ValueError(
            `${formatSize(bytes.length)} are more than ${
              formatSize(migration.stateBytes)
            } of state`,
          );
        }
        migration.changeState(bytes);
      },
    }),
    method({
      name: "track",
      parameters: [
        param.dma("start", "First address of the range, on a page."),
        param.size("size", "Its size."),
        named(param.size("page_size", "The granularity of the bitmap; 4 KiB when left out."), 4096),
        named(
          param.int("pages", "Pages of the buffer for reports; 1 when left out.", 1, MAX_PAGES),
          1,
        ),
      ],
      result: DIRTY_TRACKER,
      doc: "Starts dirty tracking: which pages of a range the device writes by dma_write().",
      example: `${VFIO_MACHINE}let tracker = vf.track(0, 1MiB)\n` +
        `vf.track(0, 1MiB) fails EBUSY\ntracker.stop()`,
      raises: ["EBUSY", "ENOMEM", "ENOTCONN", "EIO", "EFAULT"],
      run(context, { driver }, [first, sizeBytes, pageBytes, npages]) {
        if (pageBytes === 0 || first % pageBytes !== 0) {
          throw new ValueError(`The range begins inside a page of ${formatSize(pageBytes)}`);
        }
        if (sizeBytes === 0) {
          throw new ValueError("A range of 0 bytes has no page to track");
        }
        context.chargeMemory(32 * npages);
        return driver.track(first, sizeBytes, pageBytes, npages);
      },
    }),
    method({
      name: "detach",
      doc: "Resets and detaches the device: its keys are lost, and nothing can be mapped for it.",
      example: `${VFIO_MACHINE}vf.detach()\nvf.alloc_buffer(2, from_device) fails ENOTCONN`,
      run: (_run, { driver }) => driver.detach(),
    }),
    method({
      name: "attach",
      doc: "Attaches the device again. Its earlier keys stay lost.",
      example: `${VFIO_MACHINE}vf.detach()\nvf.attach()\n` +
        `vf.free_buffer(vf.alloc_buffer(2, from_device))`,
      run(_run, device) {
        device.driver.detached = false;
      },
    }),
  ],
  format: (device) => `vfio ${device.name}`,
  show(device) {
    const { driver, migration: migrating } = device;
    return deviceLines(device, [
      ["state", formatSize(migrating.stateBytes)],
      [
        "buffers",
        `${formatCount(driver.buffers.size, "buffer")}, ${driver.spare.length} spare, ` +
        formatCount(migrating.keyCount, "key"),
      ],
      ...driver.detached ? [["detached", "yes"] as const] : [],
    ]);
  },
};
