/** Submitting to a disk: the arguments of an operation, and waiting for its end. */
import { type Decoded, named, optional, param, type Parameter } from "../../describe/parameters.ts";
import type { DiskOp, Io, NvmeDevice, NvmeDisk, SubmitOptions } from "@dmalab/devices";
import { type ErrnoName, type HostBuffer, KernelError, SECTOR_SIZE_BYTES } from "@dmalab/runtime";
import type { ExecutionContext } from "../../../values/execution_context.ts";
import { ScriptError, ValueError } from "../../../values/script_error.ts";
import { formatDuration } from "../../../text/numbers.ts";
import type { Value } from "../../../values/value.ts";
import { refusing, toInt, toWord } from "../../arguments.ts";
import { runUntilDone } from "../../run_until_done.ts";
import type { MethodSpec } from "../../../values/spec.ts";
import { DIRECT_MACHINE } from "../../calls/example_machines.ts";
import { BUFFER } from "../buffer.ts";
import { IO } from "./io.ts";
import { methodsOf } from "../../describe/builtin.ts";
import { DWORDS } from "../../calls/nvme_bytes.ts";

/** Bytes of a command in a submission queue. */
const SQE_BYTES = 64;

/** Memory charged for a request, with its command and its later events. */
const REQUEST_BYTES = 8192;

export const OP = param.of(
  "op",
  "word",
  "read, write, flush, write_zeroes or discard.",
  toDiskOp,
);
export const LBA = optional(param.int("lba", "First logical block; 0 when left out."), 0);
const INTO = named(param.handle("into", BUFFER, "Where the data goes."));
const FROM = named(param.handle("from", BUFFER, "Where the data comes from."));
/**
 * The memory that holds the data. This argument is for scripts that choose the operation at run
 * time.
 */
export const DATA = named(
  param.handle("data", BUFFER, "The memory, whichever way the operation moves the data."),
);
export const BYTES = named(
  param.size("bytes", "Length on the disk; the buffer's size when left out."),
);
const METADATA = named(
  param.handle(
    "metadata",
    BUFFER,
    "Memory for the blocks' metadata; the disk generates it when left out.",
  ),
);
const QUEUE = named(
  param.int("queue", "The queue to use, from 1; the CPU's own when left out."),
);

/** The parameters of every submission. */
const SUBMITTED = [LBA, INTO, FROM, DATA, BYTES, METADATA, QUEUE] as const;

const method = methodsOf<NvmeDevice>();

/** Operations that carry data, and the argument that names the data's memory. */
const DATA_ARGUMENT: Readonly<Partial<Record<DiskOp, "into" | "from">>> = {
  read: "into",
  write: "from",
};

const OPERATIONS: ReadonlySet<string> = new Set<DiskOp>([
  "read",
  "write",
  "flush",
  "write_zeroes",
  "discard",
]);

/** The operation that a word names. */
function toDiskOp(value: Value): DiskOp {
  const name = toWord(value, "op");
  if (OPERATIONS.has(name)) return name as DiskOp;
  throw new ValueError(
    `A disk has no operation ${name}`,
    `write one of ${[...OPERATIONS].join(", ")}`,
  );
}

/** Memory arguments: for one direction, or for either. */
type GivenMemory = Readonly<Record<"into" | "from" | "data", HostBuffer | undefined>>;

/**
 * The only buffer among the arguments.
 *
 * @throws {ScriptError} E0917 for more than one.
 */
export function onlyMemory(what: string, memory: GivenMemory): HostBuffer | undefined {
  const given = Object.values(memory).filter((each) => each !== undefined);
  if (given.length <= 1) return given[0];
  throw new ScriptError(
    "E0917",
    `${what} moves data one way: it takes one of \`into\`, \`from\` and \`data\``,
  );
}

/** The buffer of an operation, cut to the requested size; null for operations without data. */
function dataOf(op: DiskOp, memory: GivenMemory, sizeBytes: number | undefined): HostBuffer | null {
  const wanted = DATA_ARGUMENT[op];
  const given = onlyMemory(op, memory);
  if (wanted === undefined) {
    if (given === undefined) return null;
    throw new ScriptError("E0917", `${op} carries no data: it takes no memory`);
  }
  if (given === undefined || given !== memory[wanted] && given !== memory.data) {
    throw new ScriptError(
      "E0917",
      `${op} needs memory: write \`${wanted}: buffer\``,
      "`data: buffer` is memory for whichever way the operation moves data",
    );
  }
  if (sizeBytes === undefined || sizeBytes === given.sizeBytes) return given;
  return refusing(() => given.slice(0, sizeBytes));
}

function askedQueue(disk: NvmeDisk, queue: number | undefined): { readonly queue?: number } {
  return queue === undefined ? {} : { queue: toInt(queue, "queue", 1, disk.queueCount) };
}

function submit(
  context: ExecutionContext,
  disk: NvmeDisk,
  op: DiskOp,
  [lba, into, from, data, sizeBytes, metadata, queue]: Decoded<typeof SUBMITTED>,
): Io {
  const buffer = dataOf(op, { into, from, data }, sizeBytes);
  if (buffer === null && op !== "flush" && sizeBytes === undefined) {
    throw new ScriptError("E0917", `${op} needs a length: write \`bytes: size\``);
  }
  const options: SubmitOptions = {
    lba,
    ...buffer === null ? {} : { buffer },
    ...buffer === null && sizeBytes !== undefined ? { sizeBytes } : {},
    ...metadata === undefined ? {} : { metadata },
    ...askedQueue(disk, queue),
  };
  const lengthBytes = buffer?.sizeBytes ?? sizeBytes ?? 0;
  // An operation without memory may be cut into any number of requests.
  const mostBytes = disk.limits.maxHwSectors * SECTOR_SIZE_BYTES;
  context.chargeMemory(REQUEST_BYTES * Math.ceil(lengthBytes / mostBytes));
  return disk.submit(op, options);
}

function waitUntilDone(context: ExecutionContext, io: Io, what: string): Io {
  const { nextTimerNs, nowNs } = context.lab.machine.clock;
  const until = nextTimerNs === Infinity ? "10ms" : formatDuration(nextTimerNs - nowNs);
  const hint = `timers fire when time moves: \`submit\` it, \`advance ${until}\`, and \`wait\``;
  runUntilDone(context, io, what, { hint });
  return io;
}

/** Waits until an io is done, and raises its error status. */
function waitAndRaise(context: ExecutionContext, io: Io, what: string): Io {
  waitUntilDone(context, io, what);
  if (io.error !== null) {
    throw new KernelError(io.error, `${what} ended with ${io.status}`, io.status, io.deviceStatus);
  }
  return io;
}

/** Parameters for a raw command that is written into a queue. */
const RAW = [
  param.bytes("command", "Its 64 bytes, as `nvme_command` makes them."),
  named(param.bool("admin", "For the admin queue."), false),
  QUEUE,
] as const;

function submitRaw(disk: NvmeDisk, [command, admin, queue]: Decoded<typeof RAW>): Io {
  if (command.length !== SQE_BYTES) {
    throw new ValueError(
      `A command has ${SQE_BYTES} bytes, and this has ${command.length}`,
      "`nvme_command(opcode, …)` makes one",
    );
  }
  return disk.submitRaw(command, { admin, ...askedQueue(disk, queue) });
}

/** `read`, `write` and their like: submit, wait, raise. */
function waiting(
  op: DiskOp,
  parameters: readonly Parameter<unknown>[],
  doc: string,
  example: string,
  raises: readonly ErrnoName[],
): MethodSpec<NvmeDevice> {
  // The position of each argument of `submit` among this operation's arguments; -1 if the operation
  // does not have the argument.
  const places = SUBMITTED.map((parameter) => parameters.indexOf(parameter));
  return method({
    name: op,
    parameters,
    result: IO,
    doc: `${doc} Waits for completion, and raises the errno of a failed status.`,
    example,
    raises,
    context: "sleeps",
    run(context, { disk, name }, args) {
      const submitted = places.map((place, index) =>
        place < 0 ? SUBMITTED[index]!.otherwise : args[place]
      ) as unknown as Decoded<typeof SUBMITTED>;
      return waitAndRaise(context, submit(context, disk, op, submitted), `${op} on ${name}`);
    },
  });
}

/**
 * Errors of operations when nothing is defective. If the device itself reports an error, the call
 * raises the errno of the device's status.
 */
const DATA_ERRORS: readonly ErrnoName[] = ["EIO", "EINVAL", "ENOMEM"];

/** Methods that submit a command. */
export const SUBMIT_METHODS: readonly MethodSpec<NvmeDevice>[] = [
  method({
    name: "submit",
    parameters: [
      OP,
      ...SUBMITTED,
    ],
    result: IO,
    doc: "Submits one bio: the block layer splits it at once and queues its requests. A failure " +
      "raises nothing: `wait` for the io and check its .status.",
    example: `${DIRECT_MACHINE}let buf = alloc_pages(1)
let io = ssd.submit(read, lba: 0, into: buf)
assert not io.done
wait io
assert io.status == OK
for op in [write, read] { wait ssd.submit(op, lba: 8, data: buf) }`,
    run: (context, { disk }, [op, ...submitted]) => submit(context, disk, op, submitted),
  }),
  waiting(
    "read",
    [LBA, INTO, BYTES, METADATA, QUEUE],
    "Reads blocks into memory.",
    `${DIRECT_MACHINE}let buf = alloc_pages(1)\nssd.read(lba: 8, into: buf)\n` +
      `assert buf == ssd.media(lba: 8, bytes: 4KiB)`,
    DATA_ERRORS,
  ),
  waiting(
    "write",
    [LBA, FROM, BYTES, METADATA, QUEUE],
    "Writes memory to blocks.",
    `${DIRECT_MACHINE}let buf = buffer(size: 4KiB, fill: counting)\n` +
      `ssd.write(lba: 0, from: buf)\nassert buf == ssd.media(lba: 0, blocks: 8)`,
    DATA_ERRORS,
  ),
  waiting(
    "flush",
    [QUEUE],
    "Makes written data durable (Flush).",
    `${DIRECT_MACHINE}assert ssd.flush().status == OK`,
    [],
  ),
  waiting(
    "write_zeroes",
    [LBA, BYTES, QUEUE],
    "Fills blocks with zeroes without a data transfer (Write Zeroes).",
    `${DIRECT_MACHINE}ssd.write_zeroes(lba: 0, bytes: 4KiB)\n` +
      `assert ssd.media(lba: 0, bytes: 4KiB) == buffer(size: 4KiB, fill: 0)`,
    ["EIO", "EINVAL"],
  ),
  waiting(
    "discard",
    [LBA, BYTES, QUEUE],
    "Deallocates blocks (Dataset Management).",
    `${DIRECT_MACHINE}assert ssd.discard(lba: 0, bytes: 4KiB).status == OK`,
    ["EIO", "EINVAL"],
  ),
  method({
    name: "passthrough",
    parameters: [
      param.int("opcode", "The opcode.", 0, 255),
      { ...INTO, doc: "Memory the device writes." },
      { ...FROM, doc: "Memory the device reads." },
      DATA,
      DWORDS,
      named(param.bool("admin", "For the admin queue."), false),
      { ...METADATA, doc: "Memory for metadata." },
      QUEUE,
      named(param.bool("fixed", "The memory was registered as a fixed buffer (io_uring)."), false),
    ],
    result: IO,
    doc: "Submits a user's passthrough command. It is never split: a command that exceeds the " +
      "queue's limits is rejected. Memory that the queue cannot take as it lies is copied into " +
      "pages of the kernel: where an address or a length is not DMA-aligned, or segments do not " +
      "meet on the virtual boundary.",
    example: `${DIRECT_MACHINE}let buf = alloc_pages(1)
let io = ssd.passthrough(0x02, into: buf, dwords: { cdw10: 0, cdw12: 7 })
wait io
assert io.status == OK
assert buf == ssd.media(lba: 0, blocks: 8)
let odd = buf.slice(1..513)
let copied = ssd.passthrough(0x02, into: odd, dwords: { cdw12: 0 })
wait copied
assert copied.requests[0].segments[0].phys % 4KiB == 0`,
    run(_run, { disk }, [opcode, into, from, data, dwords, admin, metadata, queue, fixed]) {
      const buffer = onlyMemory("passthrough", { into, from, data });
      return disk.passthrough({
        opcode,
        dwords,
        admin,
        fixed,
        ...buffer === undefined ? {} : { buffer },
        ...metadata === undefined ? {} : { metadata },
        ...askedQueue(disk, queue),
      });
    },
  }),
  method({
    name: "submit_raw",
    parameters: RAW,
    result: IO,
    doc: "Writes the 64 bytes of a command to a submission queue, and changes only the command " +
      "identifier. The driver maps and validates nothing. `wait` for it: `.status_type` and " +
      "`.status_code` are those of its completion.",
    example: `${DIRECT_MACHINE}let io = ssd.submit_raw(nvme_command(0x7f))
wait io
assert io.status_code == invalid_command_opcode
assert io.status_type == generic`,
    run: (_run, { disk }, raw) => submitRaw(disk, raw),
  }),
  method({
    name: "raw",
    parameters: RAW,
    result: IO,
    doc: "Like submit_raw(), and waits for the completion. A failed status raises nothing.",
    example: `${DIRECT_MACHINE}let buf = alloc_pages(1)
let m = dma_map_phys(ssd, buf, 4KiB, from_device)
let odd = nvme_command(2, prp1: m.addr + 1B)
assert ssd.raw(odd).status_code == prp_offset_invalid
let even = nvme_command(2, prp1: m.addr)
assert ssd.raw(even).status_code == successful_completion
dma_unmap_phys(ssd, m, 4KiB, from_device)`,
    context: "sleeps",
    run: (context, { disk, name }, raw) =>
      waitUntilDone(context, submitRaw(disk, raw), `a raw command on ${name}`),
  }),
];
