/**
 * NVMe: `driver/` is the host's side, `controller/` the device's. They share no code, only registers and memory.
 *
 * State: the driver has queues, tags and descriptors of requests; the controller has registers, queues and media.
 * Hot: a read from submit to completion: `deno task bench nvme.read4k`. Proof: captured commands with their PRP
 * and SGL entries; `tests/members_test.ts` checks that the two sides share no code.
 *
 * Other workspace members use these exports:
 */
export { commandBytes, type CommandFields, sglDescriptorBytes, u64Bytes } from "./command_bytes.ts";
export type { HostBus } from "./controller/host_port.ts";
export { Media } from "./controller/media.ts";
export { type ControllerSettings, NvmeController } from "./controller/nvme_controller.ts";
export type { ControllerRings } from "./controller/queues.ts";
export { NvmeCommandView, type SglDescriptor } from "./driver/request.ts";
export { Iod } from "./driver/request.ts";
export { NvmeRequest } from "./driver/request.ts";
export { blockStatusOf } from "./driver/request.ts";
export { NvmeDriver } from "./driver/nvme_driver.ts";
export { SGL_TYPE } from "./driver/protocol.ts";
export { type HostRings, QueuePair } from "./driver/queues.ts";
export { scheduledRequests } from "./driver/queues.ts";
export { Io } from "./io.ts";
export { NVME, type NvmeDevice } from "./nvme_device.ts";
export {
  type DiskBuffer,
  type DiskOp,
  NvmeDisk,
  type PassthroughOptions,
  type RawOptions,
  type Submission,
  type SubmitOptions,
} from "./nvme_disk.ts";
export { NVME_TABLES } from "./recording/nvme_tables.ts";
export {
  ADDRESS_TITLES,
  type AddressTitle,
  addressTitle,
  addressTitleAt,
  type BouncedPart,
  describedMemory,
  mappedAt,
  type MappedPart,
  mappedParts,
  readRequest,
  type RequestEntry,
  type RequestListPage,
  type RequestMemory,
  type RequestPicture,
  type RequestSegment,
  writtenPointer,
} from "./recording/request_picture.ts";
export { readStatus, STATUS_CODE_MASK, STATUS_CODES, STATUS_TYPES } from "./status_codes.ts";
export { unplugNvme } from "./unplug.ts";
