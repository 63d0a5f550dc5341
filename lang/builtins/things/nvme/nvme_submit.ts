/** Submitting to a disk: what an operation carries, and waiting for its end. */
import { optional, param } from "../../describe/parameters.ts";
import type { NvmeDevice } from "../../../../devices/nvme/nvme_device.ts";
import type { Io } from "../../../../devices/nvme/io.ts";
import type { DiskOp, NvmeDisk, SubmitOptions } from "../../../../devices/nvme/nvme_disk.ts";
import { SECTOR_SIZE_BYTES } from "../../../../runtime/address.ts";
import { type ErrnoName, KernelError } from "../../../../runtime/errno.ts";
import type { HostBuffer } from "../../../../runtime/memory/host_buffer.ts";
import type { Run } from "../../../values/run.ts";
import { LimitError, ScriptError } from "../../../values/script_error.ts";
import { RecordValue, type Value } from "../../../values/value.ts";
import { isThing, refusing, thing, toInt, toSize, toWord } from "../../arguments.ts";
import type { Arguments, MethodSpec, ParameterSpec } from "../../../values/spec.ts";
import { DIRECT_MACHINE } from "../../calls/example_machines.ts";
import { BUFFER } from "../buffer.ts";
import { IO } from "./io.ts";

/** Activities that one waiting call may run before the script is stopped. */
const MOST_ACTIVITIES = 1_000_000;
/** What a request is charged, with its command and the events that it will cause. */
const REQUEST_BYTES = 8192;

export const OP = param.of(
  "op",
  "word",
  "read, write, flush, write_zeroes or discard.",
  toDiskOp,
);
export const LBA = optional(param.int("lba", "First logical block; 0 when left out."), 0);
const INTO: ParameterSpec = {
  name: "into",
  kind: "@buffer",
  optional: true,
  named: true,
  doc: "Where the data goes.",
};
const FROM: ParameterSpec = {
  name: "from",
  kind: "@buffer",
  optional: true,
  named: true,
  doc: "Where the data comes from.",
};
export const BYTES_PARAMETER: ParameterSpec = {
  name: "bytes",
  kind: "size",
  optional: true,
  named: true,
  doc: "How much of the disk; as much as the buffer holds when left out.",
};
const METADATA: ParameterSpec = {
  name: "metadata",
  kind: "@buffer",
  optional: true,
  named: true,
  doc: "Memory for the blocks' metadata; the disk makes its own up when left out.",
};
const QUEUE_PARAMETER: ParameterSpec = {
  name: "queue",
  kind: "int",
  optional: true,
  named: true,
  doc: "The queue to use, from 1; the CPU's own when left out.",
};

/** Operations that carry data, and the argument that names its memory. */
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

/** The operation a word names. */
export function toDiskOp(value: Value | undefined): DiskOp {
  const name = toWord(value, "op");
  if (OPERATIONS.has(name)) return name as DiskOp;
  throw new ScriptError(
    "E0919",
    `A disk does not know the operation ${name}`,
    `write one of ${[...OPERATIONS].join(", ")}`,
  );
}

/** The buffer of an operation, cut to what is asked for; none for those without data. */
function dataOf(
  op: DiskOp,
  into: Value | undefined,
  from: Value | undefined,
  sizeBytes: number | null,
): HostBuffer | null {
  const wanted = DATA_ARGUMENT[op];
  const [given, other] = wanted === "into" ? [into, from] : [from, into];
  if (wanted === undefined) {
    if (into === undefined && from === undefined) return null;
    throw new ScriptError("E0917", `${op} carries no data: it takes neither into nor from`);
  }
  if (given !== undefined && other !== undefined) {
    throw new ScriptError("E0917", `${op} moves data one way: it takes \`${wanted}: buffer\` only`);
  }
  if (!isThing(given, BUFFER)) {
    throw new ScriptError("E0917", `${op} needs memory: write \`${wanted}: buffer\``);
  }
  const buffer = given.target;
  if (sizeBytes === null || sizeBytes === buffer.sizeBytes) return buffer;
  return refusing(() => buffer.slice(0, sizeBytes));
}

function submit(
  run: Run,
  disk: NvmeDisk,
  op: DiskOp,
  [lba, into, from, bytes, metadata, queue]: Arguments,
): Io {
  const sizeBytes = bytes === undefined ? null : toSize(bytes, "bytes");
  const buffer = dataOf(op, into, from, sizeBytes);
  if (buffer === null && op !== "flush" && sizeBytes === null) {
    throw new ScriptError("E0917", `${op} needs a length: write \`bytes: size\``);
  }
  const first = lba === undefined ? 0 : toInt(lba, "lba");
  const options: SubmitOptions = {
    lba: first,
    ...buffer === null ? {} : { buffer },
    ...buffer === null && sizeBytes !== null ? { sizeBytes } : {},
    ...isThing(metadata, BUFFER) ? { metadata: metadata.target } : {},
    ...queue === undefined ? {} : { queue: toInt(queue, "queue", 1, disk.queueCount) },
  };
  const lengthBytes = buffer?.sizeBytes ?? sizeBytes ?? 0;
  // An operation without memory may be cut into any number of requests.
  const mostBytes = disk.limits.maxHwSectors * SECTOR_SIZE_BYTES;
  run.chargeMemory(REQUEST_BYTES * Math.ceil(lengthBytes / mostBytes));
  return disk.submit(op, options);
}

/** Runs the machine until an io is done, and raises its status. */
export function waitAndRaise(run: Run, io: Io, what: string): Value {
  const { machine } = run.lab;
  for (let activities = 0; !io.done; activities++) {
    if (activities === MOST_ACTIVITIES) {
      throw new LimitError("E0801", `${what} ran ${activities} activities and was not done`);
    }
    if (machine.runNextActivity()) continue;
    throw new ScriptError(
      "E0907",
      `Nothing is left to do, and ${what} is not done`,
      "timers fire when time moves: `submit` it, `advance 10ms`, and `wait`",
    );
  }
  if (io.error !== null) {
    throw new KernelError(io.error, `${what} ended with ${io.status}`, io.status);
  }
  return thing(IO, io);
}

/** `read`, `write` and their like: submit, wait, raise. */
function waiting(
  op: DiskOp,
  parameters: readonly ParameterSpec[],
  doc: string,
  example: string,
  raises: readonly ErrnoName[],
): MethodSpec<NvmeDevice> {
  // Where each argument of `submit` stands among this operation's own; -1 for one it lacks.
  const places = [LBA, INTO, FROM, BYTES_PARAMETER, METADATA, QUEUE_PARAMETER].map((parameter) =>
    parameters.indexOf(parameter)
  );
  return {
    name: op,
    parameters,
    result: "@io",
    doc: `${doc} Waits until it is done, and raises the errno of its status.`,
    example,
    raises,
    run(run, device, args) {
      const io = submit(run, device.disk, op, places.map((place) => args[place]));
      return waitAndRaise(run, io, `${op} on ${device.name}`);
    },
  };
}

/** What operations end in when nothing is broken. A device's own errors are its status's errno. */
const DATA_ERRORS: readonly ErrnoName[] = ["EIO", "EINVAL", "ENOMEM"];

/** Command dwords by number, out of a record { cdw10: …, cdw11: … }. */
function dwordsOf(value: Value | undefined): Readonly<Record<number, number>> {
  if (!(value instanceof RecordValue)) return {};
  const dwords: Record<number, number> = {};
  for (const [key, dword] of value.entries) {
    const number = Number(/^cdw(\d+)$/.exec(key)?.[1]);
    if (![2, 3, 10, 11, 12, 13, 14, 15].includes(number)) {
      throw new ScriptError(
        "E0919",
        `There is no command dword "${key}"`,
        "write cdw10: … to cdw15",
      );
    }
    dwords[number] = toInt(dword, key, 0, 2 ** 32 - 1);
  }
  return dwords;
}

/** Everything that puts a command on its way. */
export const SUBMIT_METHODS: readonly MethodSpec<NvmeDevice>[] = [
  {
    name: "submit",
    parameters: [
      { name: "op", kind: "word", doc: "read, write, flush, write_zeroes or discard." },
      LBA,
      INTO,
      FROM,
      BYTES_PARAMETER,
      METADATA,
      QUEUE_PARAMETER,
    ],
    result: "@io",
    doc: "Submits one bio: it is cut at once, its requests are queued. Never raises what happens " +
      "to it; `wait` for it and look at .status.",
    example: `${DIRECT_MACHINE}let buf = alloc_pages(1)
let io = ssd.submit(read, lba: 0, into: buf)
assert not io.done
wait io
assert io.status == OK`,
    run: (run, device, [op, ...rest]) => thing(IO, submit(run, device.disk, toDiskOp(op), rest)),
  },
  waiting(
    "read",
    [LBA, INTO, BYTES_PARAMETER, METADATA, QUEUE_PARAMETER],
    "Reads blocks into memory.",
    `${DIRECT_MACHINE}let buf = alloc_pages(1)\nssd.read(lba: 8, into: buf)\n` +
      `assert buf == ssd.media(lba: 8, bytes: 4KiB)`,
    DATA_ERRORS,
  ),
  waiting(
    "write",
    [LBA, FROM, BYTES_PARAMETER, METADATA, QUEUE_PARAMETER],
    "Writes memory to blocks.",
    `${DIRECT_MACHINE}let buf = buffer(size: 4KiB, fill: counting)\n` +
      `ssd.write(lba: 0, from: buf)\nassert buf == ssd.media(lba: 0, blocks: 8)`,
    DATA_ERRORS,
  ),
  waiting(
    "flush",
    [QUEUE_PARAMETER],
    "Makes what was written durable.",
    `${DIRECT_MACHINE}assert ssd.flush().status == OK`,
    [],
  ),
  waiting(
    "write_zeroes",
    [LBA, BYTES_PARAMETER, QUEUE_PARAMETER],
    "Makes blocks read as zeroes, without carrying them.",
    `${DIRECT_MACHINE}ssd.write_zeroes(lba: 0, bytes: 4KiB)\n` +
      `assert ssd.media(lba: 0, bytes: 4KiB) == buffer(size: 4KiB, fill: 0)`,
    ["EIO", "EINVAL"],
  ),
  waiting(
    "discard",
    [LBA, BYTES_PARAMETER, QUEUE_PARAMETER],
    "Tells the disk that blocks are not needed any more.",
    `${DIRECT_MACHINE}assert ssd.discard(lba: 0, bytes: 4KiB).status == OK`,
    ["EIO", "EINVAL"],
  ),
  {
    name: "passthrough",
    parameters: [
      { name: "opcode", kind: "int", doc: "What the command asks for." },
      { ...INTO, doc: "Memory the device writes." },
      { ...FROM, doc: "Memory the device reads." },
      {
        name: "dwords",
        kind: "record",
        optional: true,
        named: true,
        doc: "Command dwords: { cdw10: …, cdw12: … }.",
      },
      {
        name: "admin",
        kind: "bool",
        optional: true,
        named: true,
        doc: "For the admin queue.",
      },
      { ...METADATA, doc: "Memory for metadata." },
      QUEUE_PARAMETER,
    ],
    result: "@io",
    doc: "Submits a user's own command. It is never cut: one that would have to be is refused.",
    example: `${DIRECT_MACHINE}let buf = alloc_pages(1)
let io = ssd.passthrough(0x02, into: buf, dwords: { cdw10: 0, cdw12: 7 })
wait io
assert io.status == OK
assert buf == ssd.media(lba: 0, blocks: 8)`,
    run(_run, device, [opcode, into, from, dwords, admin, metadata, queue]) {
      const disk = device.disk;
      if (into !== undefined && from !== undefined) {
        throw new ScriptError("E0917", "passthrough moves data one way: give `into` or `from`");
      }
      const memory = isThing(into, BUFFER) ? into : isThing(from, BUFFER) ? from : null;
      return thing(
        IO,
        disk.passthrough({
          opcode: toInt(opcode, "opcode", 0, 255),
          dwords: dwordsOf(dwords),
          admin: admin === true,
          ...memory === null ? {} : { buffer: memory.target },
          ...isThing(metadata, BUFFER) ? { metadata: metadata.target } : {},
          ...queue === undefined ? {} : { queue: toInt(queue, "queue", 1, disk.queueCount) },
        }),
      );
    },
  },
];
