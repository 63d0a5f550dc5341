/** NVMe disks: settings, contents, queues. */
import { type NvmeDevice, unplugNvme } from "@dmalab/devices";
import { formatCount, formatSize } from "../../../text/numbers.ts";
import { ValueError } from "../../../values/script_error.ts";
import { toInt } from "../../arguments.ts";
import type { HandleType, MethodSpec } from "../../../values/spec.ts";
import { DIRECT_MACHINE } from "../../calls/example_machines.ts";
import { DEVICE, deviceLines } from "../device.ts";
import { BYTES, LBA, SUBMIT_METHODS } from "./nvme_submit.ts";
import { QUEUE } from "./queue.ts";
import { methodsOf } from "../../describe/builtin.ts";
import { fieldsOf } from "../../describe/fields.ts";
import { named, param } from "../../describe/parameters.ts";

/** The number of blocks, from the argument `blocks:` or `bytes:`; 1 if both are left out. */
function mediaBlocks(
  { media: { blockSizeBytes: blockBytes } }: NvmeDevice,
  sizeBytes: number | undefined,
  blocks: number | undefined,
): number {
  if (blocks !== undefined) return blocks;
  if (sizeBytes === undefined) return 1;
  if (sizeBytes % blockBytes === 0) return sizeBytes / blockBytes;
  throw new ValueError(
    `${formatSize(sizeBytes)} is not a multiple of the block size, ${formatSize(blockBytes)}`,
  );
}

const method = methodsOf<NvmeDevice>();

/** A method that uses the kernel's driver, which has to be bound to the disk. */
function throughDriver(spec: MethodSpec<NvmeDevice>): MethodSpec<NvmeDevice> {
  return {
    ...spec,
    run(context, device, args) {
      if (device.isBound) return spec.run(context, device, args);
      throw new ValueError(
        `No driver of the kernel is bound to ${device.name}: it takes no requests`,
        "a driver in C drives it; without `driver = none` the kernel's does",
      );
    },
  };
}

const METHODS: readonly MethodSpec<NvmeDevice>[] = [
  ...SUBMIT_METHODS.map(throughDriver),
  method({
    name: "media",
    pure: true,
    parameters: [
      LBA,
      { ...BYTES, doc: "How many bytes; one block when left out." },
      named(param.int("blocks", "The same in logical blocks.")),
      named(param.bool("metadata", "The metadata of these blocks instead of their data."), false),
    ],
    result: "bytes",
    doc:
      "Reads the disk's content directly, without a command. On a fresh disk the 8 bytes at byte " +
      "x hold the little-endian number 0x5A00_0000_0000_0000 + x.",
    example:
      `${DIRECT_MACHINE}assert ssd.media(lba: 0).slice(0..8) == bytes"00 00 00 00 00 00 00 5a"`,
    run(context, device, [first, sizeBytes, blocks, metadata]) {
      const media = device.media;
      const count = mediaBlocks(device, sizeBytes, blocks);
      if (first + count > media.blockCount) {
        throw new ValueError(
          `${device.name} has ${
            formatCount(media.blockCount, "block")
          }: there are none at ${first}`,
        );
      }
      const unit = metadata ? media.metadataBytes : media.blockSizeBytes;
      context.chargeMemory(count * unit);
      const store = metadata ? media.metadata : media.data;
      return store.bytes(first * unit, count * unit);
    },
  }),
  method({
    name: "queue",
    pure: true,
    parameters: [param.int("n", "Its number, from 1.")],
    result: QUEUE,
    doc: "One of its queues.",
    example: `${DIRECT_MACHINE}assert ssd.queue(1).depth == 1024`,
    run(_run, { disk, name }, [n]) {
      const id = toInt(n, "n", 1, disk.queueCount);
      return { queue: disk.driver.queues.io[id - 1]!, device: name };
    },
  }),
  method({
    name: "reset",
    doc: "Resets the controller: disables it, cancels and unmaps its uncompleted commands, and " +
      "enables it again. Then requests that may be retried and those queued meanwhile are " +
      "submitted.",
    example: `${DIRECT_MACHINE}let io = ssd.submit(read, lba: 0, into: alloc_pages(1))
step until io.mapped
ssd.reset()
assert not io.done
wait io
assert io.status == OK and io.requests[0].retries == 1`,
    raises: ["ENODEV", "EIO"],
    run: (_run, { disk }) => disk.driver.life.reset(),
  }),
  method({
    name: "remove",
    doc: "Removes the device while it is in use (surprise removal). From then on each of its " +
      "accesses faults and each request ends with TRANSPORT; its driver frees its resources. Its " +
      "peer memory is no longer reachable.",
    example: `${DIRECT_MACHINE}let io = ssd.submit(read, lba: 0, into: alloc_pages(1))
step until io.mapped
ssd.remove()
wait io
assert io.status == TRANSPORT and ssd.state == removed
ssd.dma_read(0x10_0000 as dma, 16B) faults device_gone`,
    raises: ["ENODEV"],
    run: (context, device) => unplugNvme(device, context.lab),
  }),
];

export const NVME: HandleType<NvmeDevice> = {
  name: "nvme",
  doc: "An NVMe controller with one disk.",
  extends: DEVICE,
  fields: fieldsOf<NvmeDevice>((f) => ({
    queues: f.int("Number of I/O queues.", (device) => device.disk.queueCount),
    state: f.word(
      "State of the controller as its driver sees it: live, resetting, dead or removed.",
      (device) => device.disk.driver.life.state,
    ),
    hmb: f.list(
      { addr: "dma", size: "size" },
      "The host memory buffer (HMB) of the controller: its segments, { addr, size }.",
      ({ disk: { driver: { life: { hostMemory } } } }) =>
        (hostMemory?.chunks ?? []).map(({ dma, sizeBytes }) => ({ addr: dma, size: sizeBytes })),
    ),
    block_size: f.size("Size of its logical block.", (device) => device.disk.blockSizeBytes),
    capacity: f.size("Its capacity.", (device) => device.disk.capacityBytes),
  })),
  methods: METHODS,
  format: (device) => `nvme ${device.name}`,
  show: (device) => {
    const disk = device.disk;
    const { controller } = disk.driver;
    return deviceLines(device, [
      ["disk", `${formatSize(disk.capacityBytes)} in blocks of ${formatSize(disk.blockSizeBytes)}`],
      ["queues", formatCount(disk.queueCount, "queue")],
      ["formats", controller.sgl ? "PRP and SGL" : "PRP only"],
      ["MDTS", controller.mdtsBytes === 0 ? "none" : formatSize(controller.mdtsBytes)],
    ], disk.driver.life.state);
  },
};
