/** The 4096-byte structures that Identify returns (Base Specification 1.4, section 5.15). */
import { type Bytes, hashText, viewOf, zeros } from "@dmalab/runtime";
import type { HostMemoryNeeds } from "./host_memory_buffer.ts";

export const IDENTIFY_BYTES = 4096;

export interface ControllerIdentity {
  /** Serial number, also used in the NQN: unique among the machine's controllers. */
  readonly serial: string;
  readonly version: number;
  /** The largest transfer is 2^mdtsExponent pages; an exponent of 0 means no limit. */
  readonly mdtsExponent: number;
  readonly sgl: boolean;
  readonly metadataSgl: boolean;
  /** Whether the controller supports Doorbell Buffer Config. */
  readonly shadowDoorbells: boolean;
  /** The host memory that the controller requests. */
  readonly hostMemory?: HostMemoryNeeds;
}

export interface NamespaceIdentity {
  readonly blockCount: number;
  readonly blockSizeBytes: Bytes;
  readonly metadataBytes: Bytes;
  /** The namespace's identifier of eight bytes, unique in the machine. */
  readonly eui64: Uint8Array;
}

/** Offsets of the fields in Identify Controller. */
const CONTROLLER = {
  SERIAL: 4,
  MODEL: 24,
  FIRMWARE: 64,
  MDTS: 77, // Maximum Data Transfer Size
  VERSION: 80,
  TYPE: 111, // Controller Type: 1 is an I/O controller
  OPTIONAL_ADMIN: 256, // OACS
  ABORT_LIMIT: 258,
  EVENT_LIMIT: 259,
  FIRMWARE_UPDATES: 260,
  HOST_MEMORY_PREFERRED: 272, // HMPRE
  HOST_MEMORY_MINIMUM: 276, // HMMIN
  HOST_MEMORY_CHUNK: 332, // HMMINDS
  HOST_MEMORY_CHUNKS: 336, // HMMAXD
  SUBMISSION_SIZES: 512, // SQES
  COMPLETION_SIZES: 513, // CQES
  NAMESPACES: 516, // NN
  OPTIONAL_COMMANDS: 520, // ONCS
  WRITE_CACHE: 525, // VWC
  SGL_SUPPORT: 536, // SGLS
  NQN: 768,
} as const;

/** Limits are zero-based. */
export const ASYNC_EVENT_LIMIT = 3;
const ABORT_LIMIT = 3;

/** ONCS: Compare, Dataset Management, Write Zeroes. */
const OPTIONAL_COMMANDS = 0b1101;
/** Unit of host memory sizes. */
const UNIT_BYTES = 4096;
/** OACS: Doorbell Buffer Config. */
const OPTIONAL_ADMIN_DOORBELLS = 2 ** 8;
/**
 * Bits of SGLS: the first says that SGLs need no alignment, the second that MPTR may point at an
 * SGL segment.
 */
const SGL_BYTE_ALIGNED = 0x1;
const SGL_METADATA_SEGMENT = 2 ** 19;

const NAMESPACE = {
  SIZE: 0,
  CAPACITY: 8,
  UTILIZATION: 16,
  METADATA_CAPABILITIES: 27,
  DEALLOCATION: 33, // DLFEAT
  EUI64: 120,
  FORMATS: 128,
} as const;

const METADATA_SEPARATE = 0x2;
/** DLFEAT: deallocated blocks read as zeros, and Write Zeroes may deallocate. */
const DEALLOCATED_READS_ZEROS = 0x9;

function putText(page: Uint8Array, at: number, length: number, text: string): void {
  for (let index = 0; index < length; index++) {
    page[at + index] = index < text.length ? text.charCodeAt(index) & 0x7f : 0x20;
  }
}

/** Identify Controller, CNS 01h. */
export function identifyController(identity: ControllerIdentity): Uint8Array {
  const page = zeros(Uint8Array, IDENTIFY_BYTES);
  const view = viewOf(page);
  putText(page, CONTROLLER.SERIAL, 20, identity.serial);
  putText(page, CONTROLLER.MODEL, 40, "dmalab NVMe controller");
  putText(page, CONTROLLER.FIRMWARE, 8, "1");
  page[CONTROLLER.MDTS] = identity.mdtsExponent;
  view.setUint32(CONTROLLER.VERSION, identity.version, true);
  page[CONTROLLER.TYPE] = 1;
  const admin = identity.shadowDoorbells ? OPTIONAL_ADMIN_DOORBELLS : 0;
  view.setUint16(CONTROLLER.OPTIONAL_ADMIN, admin, true);
  page[CONTROLLER.ABORT_LIMIT] = ABORT_LIMIT;
  page[CONTROLLER.EVENT_LIMIT] = ASYNC_EVENT_LIMIT;
  page[CONTROLLER.FIRMWARE_UPDATES] = 0x3; // one slot, read only
  const { hostMemory } = identity;
  if (hostMemory !== undefined) {
    view.setUint32(CONTROLLER.HOST_MEMORY_PREFERRED, hostMemory.preferredBytes / UNIT_BYTES, true);
    view.setUint32(CONTROLLER.HOST_MEMORY_MINIMUM, hostMemory.minimumBytes / UNIT_BYTES, true);
    view.setUint32(CONTROLLER.HOST_MEMORY_CHUNK, hostMemory.smallestChunkBytes / UNIT_BYTES, true);
    view.setUint16(CONTROLLER.HOST_MEMORY_CHUNKS, hostMemory.mostChunks, true);
  }
  page[CONTROLLER.SUBMISSION_SIZES] = 0x66;
  page[CONTROLLER.COMPLETION_SIZES] = 0x44;
  view.setUint32(CONTROLLER.NAMESPACES, 1, true);
  view.setUint16(CONTROLLER.OPTIONAL_COMMANDS, OPTIONAL_COMMANDS, true);
  page[CONTROLLER.WRITE_CACHE] = 1;
  const sgls = (identity.sgl ? SGL_BYTE_ALIGNED : 0) +
    (identity.metadataSgl ? SGL_METADATA_SEGMENT : 0);
  view.setUint32(CONTROLLER.SGL_SUPPORT, sgls, true);
  const nqn = `nqn.2014.08.org.nvmexpress:dmalab:${identity.serial}`;
  putText(page, CONTROLLER.NQN, Math.min(nqn.length, 223), nqn);
  return page;
}

/** Identify Namespace, CNS 00h. */
export function identifyNamespace(identity: NamespaceIdentity): Uint8Array {
  const page = zeros(Uint8Array, IDENTIFY_BYTES);
  const view = viewOf(page);
  for (const at of [NAMESPACE.SIZE, NAMESPACE.CAPACITY, NAMESPACE.UTILIZATION]) {
    view.setUint32(at, identity.blockCount, true);
    view.setUint32(at + 4, Math.floor(identity.blockCount / 2 ** 32), true);
  }
  if (identity.metadataBytes > 0) page[NAMESPACE.METADATA_CAPABILITIES] = METADATA_SEPARATE;
  page[NAMESPACE.DEALLOCATION] = DEALLOCATED_READS_ZEROS;
  page.set(identity.eui64, NAMESPACE.EUI64);
  view.setUint16(NAMESPACE.FORMATS, identity.metadataBytes, true);
  page[NAMESPACE.FORMATS + 2] = Math.log2(identity.blockSizeBytes);
  return page;
}

/** Active Namespace ID list, CNS 02h: the only namespace, 1, if it is above `above`. */
export function activeNamespaces(above: number): Uint8Array {
  const page = zeros(Uint8Array, IDENTIFY_BYTES);
  if (above < 1) page[0] = 1;
  return page;
}

/** Namespace Identification Descriptor list, CNS 03h. */
export function namespaceDescriptors(identity: NamespaceIdentity): Uint8Array {
  const page = zeros(Uint8Array, IDENTIFY_BYTES);
  page[0] = 1; // an EUI64
  page[1] = 8;
  page.set(identity.eui64, 4);
  return page;
}

/**
 * Derives eight bytes from a name (FNV-1a), so that each controller's namespace has a different
 * identifier.
 */
export function nameAsEui64(name: string): Uint8Array {
  const bytes = zeros(Uint8Array, 8);
  const view = viewOf(bytes);
  const low = hashText(name);
  view.setUint32(0, low, true);
  view.setUint32(4, hashText(name, low), true);
  return bytes;
}
