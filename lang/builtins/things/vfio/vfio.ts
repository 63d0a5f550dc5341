/** Devices whose state can be migrated. */
import type { VfioDevice } from "../../../../devices/vfio/vfio_device.ts";
import type { MigrationBuffer } from "../../../../devices/vfio/driver/migration_buffer.ts";
import type { DmaDirection } from "../../../../runtime/dma/attributes.ts";
import { formatCount, formatSize } from "../../../text/numbers.ts";
import { ScriptError } from "../../../values/script_error.ts";
import { BytesValue, type Value } from "../../../values/value.ts";
import { list, size, thing, toDirection, toDma, toInt, toSize, toThing } from "../../arguments.ts";
import type { Run } from "../../../values/run.ts";
import type { Arguments, ParameterSpec, TypeSpec } from "../../../values/spec.ts";
import { DEVICE, deviceLines } from "../device.ts";
import { DIRTY_TRACKER, usableBuffer, VFIO_BUFFER, VFIO_MACHINE } from "./vfio_buffer.ts";

export { DIRTY_TRACKER, VFIO_BUFFER } from "./vfio_buffer.ts";

/** More pages than this, 4 GiB of them, are a slip of the pen. */
const MOST_PAGES = 2 ** 20;

/** What `alloc_buffer` and `vfio_dma_pages` take. */
export const PAGES: ParameterSpec = { name: "pages", kind: "int", doc: "How many pages." };

export const DIR: ParameterSpec = {
  name: "dir",
  kind: ["word", "nothing"],
  doc: "from_device for a save, to_device for a load; none for headers, which are never mapped.",
};

export const CONTIGUOUS: ParameterSpec = {
  name: "contiguous",
  kind: "bool",
  optional: true,
  named: true,
  doc: "The pages lie side by side, as memory is when nobody has used it yet; false: no two do.",
};

const BUFFER: ParameterSpec = {
  name: "buffer",
  kind: "@vfio_buffer",
  doc: "What alloc_buffer() or get_buffer() gave.",
};

function toBufferDirection(value: Value | undefined): DmaDirection | null {
  return value === null ? null : toDirection(value);
}

/** Allocates a migration buffer, as `[pages, dir, contiguous]` say. */
export function allocBuffer(
  run: Run,
  device: VfioDevice,
  [pages, dir, contiguous]: Arguments,
): Value {
  const count = toInt(pages, "pages", 0, MOST_PAGES);
  const direction = toBufferDirection(dir);
  run.chargeMemory(32 * count);
  const { driver } = device;
  const buffer = driver.allocBuffer(count, direction, contiguous === false);
  return thing(VFIO_BUFFER, { buffer, driver });
}

function buffersValue({ driver }: VfioDevice, buffers: Iterable<MigrationBuffer>): Value {
  return list([...buffers].map((buffer) => thing(VFIO_BUFFER, { buffer, driver })));
}

export const VFIO: TypeSpec<VfioDevice> = {
  name: "vfio",
  doc: "A function whose state can be saved to memory, and loaded into another one.",
  extends: DEVICE,
  fields: [
    {
      name: "state",
      kind: "bytes",
      doc: "What the device is: all that a migration has to carry.",
      get(device, run) {
        const { state } = device.migration;
        run.chargeMemory(state.length);
        return new BytesValue(state.slice());
      },
    },
    {
      name: "state_size",
      kind: "size",
      doc: "How long that is.",
      get: (device) => size(device.migration.stateBytes),
    },
    {
      name: "buffers",
      kind: "list",
      doc: "Migration buffers that are in use.",
      get: (device) => buffersValue(device, device.driver.buffers),
    },
    {
      name: "spare_buffers",
      kind: "list",
      doc: "Buffers that were put back, the first to come first.",
      get: (device) => buffersValue(device, device.driver.spare),
    },
    {
      name: "keys",
      kind: "int",
      doc: "How many keys the device knows.",
      get: (device) => device.migration.keyCount,
    },
    {
      name: "detached",
      kind: "bool",
      doc: "It cannot be reached for now.",
      get: (device) => device.driver.detached,
    },
  ],
  methods: [
    {
      name: "alloc_buffer",
      parameters: [PAGES, DIR, CONTIGUOUS],
      result: "@vfio_buffer",
      doc: "Allocates a buffer: takes pages in bulk, maps them unless it is for headers, and has " +
        "the device make a key to them. What fails on the way is undone.",
      example: `${VFIO_MACHINE}let b = vf.alloc_buffer(1024, from_device)
assert counters.dma_iova_link == 1024 and counters.dma_iova_sync == 1
assert b.table[1023] == b.table[0] + 4092KiB
vf.free_buffer(b)`,
      raises: ["ENOMEM", "ENOTCONN", "EINVAL", "EIO", "EFAULT"],
      run: (run, device, args) => allocBuffer(run, device, args),
    },
    {
      name: "get_buffer",
      parameters: [PAGES, DIR, CONTIGUOUS],
      result: "@vfio_buffer",
      doc:
        "The first spare buffer of that direction that is large enough, as it is; smaller ones " +
        "that are met on the way are freed. A new one when there is none.",
      example: `${VFIO_MACHINE}let b = vf.get_buffer(8, from_device)\nvf.put_buffer(b)\n` +
        `assert vf.get_buffer(4, from_device) == b and b.npages == 8\nvf.free_buffer(b)`,
      raises: ["ENOMEM", "ENOTCONN", "EINVAL", "EIO", "EFAULT"],
      run(run, device, [pages, dir, contiguous]) {
        const count = toInt(pages, "pages", 0, MOST_PAGES);
        const direction = toBufferDirection(dir);
        run.chargeMemory(32 * count);
        const { driver } = device;
        const buffer = driver.getBuffer(count, direction, contiguous === false);
        return thing(VFIO_BUFFER, { buffer, driver });
      },
    },
    {
      name: "put_buffer",
      parameters: [BUFFER],
      result: "nothing",
      doc: "Keeps a buffer for the next get_buffer(), mapped as it is.",
      example: `${VFIO_MACHINE}let b = vf.alloc_buffer(2, to_device)\nvf.put_buffer(b)\n` +
        `assert vf.spare_buffers == [b] and iommu.live_mappings == 1`,
      run(_run, device, [buffer]) {
        const { driver } = device;
        driver.putBuffer(usableBuffer(toThing(buffer, VFIO_BUFFER, "buffer"), driver));
        return null;
      },
    },
    {
      name: "free_buffer",
      parameters: [BUFFER],
      result: "nothing",
      doc: "Frees a buffer: the key first, then the mappings, the table, and the pages.",
      example: `${VFIO_MACHINE}let b = vf.alloc_buffer(1024, to_device)\nvf.free_buffer(b)\n` +
        `assert counters.iommu.unmap == 1 and iommu.live_mappings == 0`,
      run(_run, device, [buffer]) {
        const { driver } = device;
        driver.freeBuffer(usableBuffer(toThing(buffer, VFIO_BUFFER, "buffer"), driver));
        return null;
      },
    },
    {
      name: "save",
      parameters: [BUFFER],
      result: "size",
      doc: "The device writes its state to the pages behind the buffer's key, through the IOMMU " +
        "if there is one.",
      example: `${VFIO_MACHINE}let b = vf.alloc_buffer(16, from_device)\n` +
        `assert vf.save(b) == 64KiB and b.content == vf.state\nvf.free_buffer(b)`,
      raises: ["EIO", "EINVAL", "ENOSPC", "ENOTCONN"],
      run(_run, device, [buffer]) {
        const { driver } = device;
        return size(driver.save(usableBuffer(toThing(buffer, VFIO_BUFFER, "buffer"), driver)));
      },
    },
    {
      name: "load",
      parameters: [
        BUFFER,
        {
          name: "size",
          kind: "size",
          optional: true,
          doc: "How many bytes; as much as the device's state when left out.",
        },
      ],
      result: "nothing",
      doc: "The device takes its state out of the pages behind the buffer's key.",
      example: `${VFIO_MACHINE}let b = vf.alloc_buffer(16, to_device)\nb.content.fill(counting)\n` +
        `vf.load(b)\nassert b.content == vf.state\nvf.free_buffer(b)`,
      raises: ["EIO", "EINVAL", "ENOTCONN"],
      run(_run, device, [buffer, length]) {
        const { driver } = device;
        const target = usableBuffer(toThing(buffer, VFIO_BUFFER, "buffer"), driver);
        const sizeBytes = length === undefined ? driver.port.stateBytes : toSize(length, "size");
        driver.load(target, sizeBytes);
        return null;
      },
    },
    {
      name: "change_state",
      parameters: [{
        name: "bytes",
        kind: "bytes",
        doc: "What its state begins with from now on.",
      }],
      result: "nothing",
      doc: "The device has worked: its state is another than before.",
      example: `${VFIO_MACHINE}vf.change_state(bytes"01 02")\nassert vf.state[1] == 2`,
      run(_run, device, [content]) {
        const { bytes } = content as BytesValue;
        const { migration: migrating } = device;
        if (bytes.length > migrating.stateBytes) {
          throw new ScriptError(
            "E0919",
            `${formatSize(bytes.length)} are more than ${
              formatSize(migrating.stateBytes)
            } of state`,
          );
        }
        migrating.changeState(bytes);
        return null;
      },
    },
    {
      name: "track",
      parameters: [
        { name: "start", kind: "dma", doc: "First address of the range, on a page." },
        { name: "size", kind: "size", doc: "How long it is." },
        {
          name: "page_size",
          kind: "size",
          optional: true,
          named: true,
          doc: "What is told apart; 4 KiB when left out.",
        },
        {
          name: "pages",
          kind: "int",
          optional: true,
          named: true,
          doc: "Pages of the buffer for reports; 1 when left out.",
        },
      ],
      result: "@dirty_tracker",
      doc: "Begins to follow which pages of a range the device writes by dma_write().",
      example: `${VFIO_MACHINE}let tracker = vf.track(0, 1MiB)\n` +
        `vf.track(0, 1MiB) fails EBUSY\ntracker.stop()`,
      raises: ["EBUSY", "ENOMEM", "ENOTCONN", "EIO", "EFAULT"],
      run(run, device, [start, length, pageSize, pages]) {
        const { driver } = device;
        const first = toDma(start, "start");
        const sizeBytes = toSize(length, "size");
        const pageBytes = pageSize === undefined ? 4096 : toSize(pageSize, "page_size");
        const npages = pages === undefined ? 1 : toInt(pages, "pages", 1, MOST_PAGES);
        if (pageBytes === 0 || first % pageBytes !== 0) {
          throw new ScriptError(
            "E0919",
            `The range begins inside a page of ${formatSize(pageBytes)}`,
          );
        }
        run.chargeMemory(32 * npages);
        return thing(DIRTY_TRACKER, driver.track(first, sizeBytes, pageBytes, npages));
      },
    },
    {
      name: "detach",
      parameters: [],
      result: "nothing",
      doc: "The device is reset and cannot be reached: it forgets all keys, and nothing can be " +
        "mapped for it.",
      example: `${VFIO_MACHINE}vf.detach()\nvf.alloc_buffer(2, from_device) fails ENOTCONN`,
      run(_run, device) {
        device.driver.detach();
        return null;
      },
    },
    {
      name: "attach",
      parameters: [],
      result: "nothing",
      doc: "It can be reached again. Keys from before stay forgotten.",
      example: `${VFIO_MACHINE}vf.detach()\nvf.attach()\n` +
        `vf.free_buffer(vf.alloc_buffer(2, from_device))`,
      run(_run, device) {
        device.driver.detached = false;
        return null;
      },
    },
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
