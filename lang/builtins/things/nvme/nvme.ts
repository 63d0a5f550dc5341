/** NVMe disks: what they are, what they hold, their queues. */
import type { NvmeDevice } from "../../../../devices/nvme/nvme_device.ts";
import { unplugNvme } from "../../../../devices/nvme/unplug.ts";
import { formatCount, formatSize } from "../../../text/numbers.ts";
import { ScriptError } from "../../../values/script_error.ts";
import { BytesValue, type Value } from "../../../values/value.ts";
import { dma, list, record, size, thing, toInt, toSize, word } from "../../arguments.ts";
import type { MethodSpec, TypeSpec } from "../../../values/spec.ts";
import { DIRECT_MACHINE } from "../../calls/example_machines.ts";
import { DEVICE, deviceLines } from "../device.ts";
import { BYTES_PARAMETER, LBA, SUBMIT_METHODS } from "./nvme_submit.ts";
import { QUEUE } from "./queue.ts";

/** The number of blocks in `blocks:` or `bytes:`. */
function mediaBlocks(
  device: NvmeDevice,
  bytes: Value | undefined,
  blocks: Value | undefined,
): number {
  const blockBytes = device.media.blockSizeBytes;
  if (blocks !== undefined) return toInt(blocks, "blocks");
  if (bytes === undefined) return 1;
  const sizeBytes = toSize(bytes, "bytes");
  if (sizeBytes % blockBytes === 0) return sizeBytes / blockBytes;
  throw new ScriptError(
    "E0919",
    `${formatSize(sizeBytes)} are no whole blocks of ${formatSize(blockBytes)}`,
  );
}

const METHODS: readonly MethodSpec<NvmeDevice>[] = [
  ...SUBMIT_METHODS,
  {
    name: "media",
    parameters: [
      LBA,
      { ...BYTES_PARAMETER, doc: "How many bytes; one block when left out." },
      {
        name: "blocks",
        kind: "int",
        optional: true,
        named: true,
        doc: "The same in logical blocks.",
      },
      {
        name: "metadata",
        kind: "bool",
        optional: true,
        named: true,
        doc: "The metadata of these blocks instead of their data.",
      },
    ],
    result: "bytes",
    doc: "What the disk holds, read behind everybody's back. On a fresh disk the 8 bytes at byte " +
      "x hold the little-endian number 0x5A00_0000_0000_0000 + x.",
    example:
      `${DIRECT_MACHINE}assert ssd.media(lba: 0).slice(0..8) == bytes"00 00 00 00 00 00 00 5a"`,
    run(run, device, [lba, bytes, blocks, metadata]) {
      const media = device.media;
      const first = lba === undefined ? 0 : toInt(lba, "lba");
      const count = mediaBlocks(device, bytes, blocks);
      if (first + count > media.blockCount) {
        throw new ScriptError(
          "E0919",
          `${device.name} has ${
            formatCount(media.blockCount, "block")
          }: there are none at ${first}`,
        );
      }
      const unit = metadata === true ? media.metadataBytes : media.blockSizeBytes;
      run.chargeMemory(count * unit);
      const store = metadata === true ? media.metadata : media.data;
      return new BytesValue(store.bytes(first * unit, count * unit));
    },
  },
  {
    name: "queue",
    parameters: [{ name: "n", kind: "int", doc: "Its number, from 1." }],
    result: "@queue",
    doc: "One of its queues.",
    example: `${DIRECT_MACHINE}assert ssd.queue(1).depth == 1024`,
    run(_run, device, [number]) {
      const disk = device.disk;
      const id = toInt(number, "n", 1, disk.queueCount);
      return thing(QUEUE, { queue: disk.driver.ioQueues[id - 1]!, device: device.name });
    },
  },
  {
    name: "reset",
    parameters: [],
    result: "nothing",
    doc: "Stops the controller, cancels and unmaps what it has not completed, and brings it up " +
      "again. Requests that may be tried again follow, and those that came meanwhile.",
    example: `${DIRECT_MACHINE}let io = ssd.submit(read, lba: 0, into: alloc_pages(1))
step until io.mapped
ssd.reset()
assert not io.done
wait io
assert io.status == OK and io.requests[0].retries == 1`,
    raises: ["ENODEV", "EIO"],
    run(_run, device) {
      device.disk.driver.reset();
      return null;
    },
  },
  {
    name: "remove",
    parameters: [],
    result: "nothing",
    doc: "Pulls the device out of its slot while it is in use. Every access of it faults from " +
      "then on, every request ends with TRANSPORT, and its driver gives back what it holds. " +
      "Memory that it lent to peers answers no more.",
    example: `${DIRECT_MACHINE}let io = ssd.submit(read, lba: 0, into: alloc_pages(1))
step until io.mapped
ssd.remove()
wait io
assert io.status == TRANSPORT and ssd.state == removed
ssd.dma_read(0x10_0000 as dma, 16B) faults blocked`,
    raises: ["ENODEV"],
    run(run, device) {
      unplugNvme(device, run.lab.topology);
      return null;
    },
  },
];

export const NVME: TypeSpec<NvmeDevice> = {
  name: "nvme",
  doc: "An NVMe controller with one disk.",
  extends: DEVICE,
  fields: [
    {
      name: "queues",
      kind: "int",
      doc: "How many queues take reads and writes.",
      get: (device) => device.disk.queueCount,
    },
    {
      name: "state",
      kind: "word",
      doc: "What the controller is for its driver: live, resetting, dead or removed.",
      get: (device) => word(device.disk.driver.state),
    },
    {
      name: "hmb",
      kind: "list",
      of: { addr: "dma", size: "size" },
      doc: "The memory that the controller has borrowed from the host: its pieces, { addr, size }.",
      get: (device) => {
        const chunks = device.disk.driver.hostMemory?.chunks ?? [];
        return list(
          chunks.map((chunk) => record({ addr: dma(chunk.dma), size: size(chunk.sizeBytes) })),
        );
      },
    },
    {
      name: "block_size",
      kind: "size",
      doc: "Its logical block.",
      get: (device) => size(device.disk.blockSizeBytes),
    },
    {
      name: "capacity",
      kind: "size",
      doc: "How much it holds.",
      get: (device) => size(device.disk.capacityBytes),
    },
  ],
  methods: METHODS,
  format: (device) => `nvme ${device.name}`,
  show: (device) => {
    const disk = device.disk;
    const { controller } = disk.driver;
    return deviceLines(device, [
      ["disk", `${formatSize(disk.capacityBytes)} in blocks of ${formatSize(disk.blockSizeBytes)}`],
      ["queues", formatCount(disk.queueCount, "queue")],
      ["formats", controller.sgl ? "PRP and SGL" : "PRP only"],
      ["transfer", controller.mdtsBytes === 0 ? "no limit" : formatSize(controller.mdtsBytes)],
    ]);
  },
};
