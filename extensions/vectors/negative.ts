/** Test vectors for controllers: invalid commands, and the status that each must get. */
import {
  commandBytes,
  MALFORMED_CAPACITY_BYTES,
  MALFORMED_COMMANDS,
  type MalformedCommand,
  type MalformedTarget,
  readStatus,
  STATUS_CODES,
  STATUS_TYPES,
  UNREACHABLE_AT,
} from "@dmalab/devices";
import { MIB, PAGE_SIZE_BYTES } from "@dmalab/runtime";
import type { Range } from "./vector.ts";

const BLOCK_BYTES = 512;
/** Number of queues that a controller grants, and of entries in each. */
const QUEUES = 2;
const QUEUE_ENTRIES = 64;
const MEMORY_BYTES = 16 * MIB;

export interface NegativeFile {
  readonly format: "dmalab-negative-vectors";
  readonly version: 1;
  /**
   * Size of the host's memory, which begins at address 0. Every access beyond the memory fails.
   * Bytes of the memory that a vector does not give are arbitrary.
   */
  readonly memory_bytes: number;
  readonly vectors: readonly NegativeVector[];
}

/** One command and the status that it must return. The command must not move a byte. */
export interface NegativeVector {
  /** Counted from 1, in the order of the file. */
  readonly id: number;
  readonly about: string;
  readonly controller: NegativeController;
  readonly queue: "admin" | "io";
  /** The 64 bytes as hex digits; the host sets bytes 2 and 3, the identifier. */
  readonly command: string;
  /** `[address, bytes as hex digits]` */
  readonly memory: readonly (readonly [address: number, bytes: string])[];
  /** Ranges of memory in which every access fails. */
  readonly unreachable: readonly Range[];
  readonly status: NegativeStatus;
  /** The section of the specification that defines the error. */
  readonly section: string;
}

export interface NegativeController {
  readonly sgl: boolean;
  readonly metadata_sgl: boolean;
  /**
   * The largest transfer, as in Identify Controller. The value is an exponent: 2 to this power is
   * the number of pages. 0 means no limit.
   */
  readonly mdts: number;
  readonly shadow_doorbells: boolean;
  /** Preferred and minimum size of the controller's host memory buffer, in bytes; null: none. */
  readonly host_memory: null | { readonly preferred: number; readonly minimum: number };
  /** Number of descriptors of host memory that the controller can use. */
  readonly host_memory_descriptors: number;
  readonly queues: number;
  readonly queue_entries: number;
  readonly block_bytes: number;
  readonly blocks: number;
  readonly metadata_bytes: number;
}

export interface NegativeStatus {
  /** Status code type, status code, and the bit "do not retry". */
  readonly type: number;
  readonly code: number;
  readonly do_not_retry: boolean;
  /** The name of the code in the specification. */
  readonly name: string;
  /** The section of the specification that lists the status code. */
  readonly section: string;
}

/** All negative vectors: nothing in them is random. */
export function makeNegativeFile(): NegativeFile {
  return {
    format: "dmalab-negative-vectors",
    version: 1,
    memory_bytes: MEMORY_BYTES,
    vectors: MALFORMED_COMMANDS.map((malformed, index) => makeNegative(malformed, index + 1)),
  };
}

function makeNegative(malformed: MalformedCommand, id: number): NegativeVector {
  const { admin, fields, memory, on, section, status, text } = malformed;
  return {
    id,
    about: text,
    controller: controllerOf(on),
    queue: admin ? "admin" : "io",
    command: hex(commandBytes(admin ? { nsid: 0, ...fields } : fields)),
    memory: memory.map(({ at, bytes }) => [at, hex(bytes)] as const),
    unreachable: [[UNREACHABLE_AT, PAGE_SIZE_BYTES]],
    status: statusOf(status),
    section,
  };
}

function controllerOf(on: MalformedTarget): NegativeController {
  const { hostMemory } = on;
  return {
    sgl: on.sgl ?? false,
    metadata_sgl: on.metadataSgl ?? false,
    mdts: on.mdtsExponent ?? 0,
    shadow_doorbells: on.shadowDoorbells ?? false,
    host_memory: hostMemory === undefined
      ? null
      : { preferred: hostMemory.preferredBytes, minimum: hostMemory.minimumBytes },
    host_memory_descriptors: hostMemory?.mostChunks ?? 0,
    queues: QUEUES,
    queue_entries: QUEUE_ENTRIES,
    block_bytes: BLOCK_BYTES,
    blocks: (on.capacityBytes ?? MALFORMED_CAPACITY_BYTES) / BLOCK_BYTES,
    metadata_bytes: on.metadataBytes ?? 0,
  };
}

function statusOf(status: number): NegativeStatus {
  const { code, doNotRetry, type } = readStatus(status);
  if (code === null || type === null) {
    throw new Error(`Status 0x${status.toString(16)} has no name`);
  }
  const { number, section } = STATUS_TYPES[type];
  return {
    type: number,
    code: status & 0xff,
    do_not_retry: doNotRetry,
    name: STATUS_CODES[code][1],
    section,
  };
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
