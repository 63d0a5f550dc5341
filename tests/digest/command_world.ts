/** Commands as if written by hand, most of them nearly right, for a controller alone. */
import { type CommandFields, MALFORMED_COMMANDS } from "@dmalab/devices/nvme";
import { ControllerRig } from "@dmalab/devices/nvme/controller/_rig";
import { Random } from "@dmalab/runtime";
import type { Sink } from "./digest.ts";

const COMMANDS = 60;
const BUFFER = 0x10_0000;
const LIST = 0x9000;
const LIST_BYTES = 4096;
const FIRST_DATA = 0x10_0000;
const DATA_PAGES = 64;

const IO_OPCODES = [0x00, 0x01, 0x01, 0x02, 0x02, 0x04, 0x05, 0x08, 0x09, 0x0c];
const ADMIN_OPCODES = [
  0x00,
  0x01,
  0x02,
  0x04,
  0x05,
  0x06,
  0x06,
  0x06,
  0x08,
  0x09,
  0x0a,
  0x0c,
  0x7c,
];
const CNS = [0, 1, 2, 3, 5, 6, 0x10];
/** Registers that a host reads. */
const REGISTERS = [0x00, 0x04, 0x08, 0x0c, 0x10, 0x14, 0x1c, 0x20, 0x24, 0x28, 0x2c, 0x30, 0x34];

type Pick = <T>(...from: readonly T[]) => T;

/** One controller, and commands for it; what it answers, reads and writes. */
export function runCommands(seed: number, sink: Sink): void {
  const random = new Random(seed);
  const pick: Pick = (...from) => from[random.below(from.length)]!;
  const rig = new ControllerRig(
    {
      mdtsExponent: pick(0, 0, 2, 5),
      sgl: pick(true, false),
      metadataSgl: pick(true, false),
      maxQueues: pick(1, 2, 7),
      depth: pick(2, 5, 64, 64),
      doorbellStride: pick(0, 0, 1, 3),
      shadowDoorbells: pick(true, false),
      metadataBytes: pick(0, 0, 8, 64),
      blockSizeBytes: pick(512, 512, 4096),
      capacityBytes: pick(2 ** 20, 2 ** 40),
      ...pick({}, {
        hostMemory: { preferredBytes: 2 ** 20, minimumBytes: 2 ** 16, mostChunks: 4 },
      }),
    } as ConstructorParameters<typeof ControllerRig>[0],
  );
  rig.events.listen((event) => sink(JSON.stringify(event)));
  for (const at of REGISTERS) sink(`register ${at}: ${rig.controller.read32(at)}`);
  for (let left = COMMANDS; left > 0; left--) {
    layOut(rig, random, pick);
    const admin = random.below(3) === 0;
    const fields = admin ? adminCommand(random, pick) : ioCommand(random, pick);
    // An answer that does not come is one too.
    try {
      sink(JSON.stringify(admin ? rig.admin(fields) : rig.io(fields)));
    } catch (error) {
      sink(String(error));
    }
    const { faults, reads, writes } = rig.memory;
    sink(`reads ${reads.splice(0).join(" ")} faults ${faults.splice(0).join(" ")}`);
    for (const [at, size] of writes.splice(0)) {
      sink(`writes ${at} ${rig.memory.bytes.subarray(at, Math.min(at + size, at + 4096))}`);
    }
  }
  sink(`interrupts ${rig.interrupts}`);
}

/** Data, and lists of PRPs or of descriptors where commands look for them. */
function layOut({ memory }: ControllerRig, random: Random, pick: Pick): void {
  memory.holes.clear();
  if (random.below(6) === 0) memory.holes.add(FIRST_DATA / 4096 + random.below(DATA_PAGES));
  const byPrp = random.below(2) === 0;
  for (let at = LIST; at < LIST + LIST_BYTES; at += byPrp ? 8 : 16) {
    const page = FIRST_DATA + random.below(DATA_PAGES) * 4096;
    if (byPrp) memory.putU64(at, page + pick(0, 0, 0, 0, 0, 0, 0, 8));
    else memory.putSgl(at, page, pick(512, 512, 4096, 1024, 0), pick(0, 0, 0, 0, 0x10, 0x30));
  }
}

function ioCommand(random: Random, pick: Pick): CommandFields {
  if (random.below(8) === 0) {
    const row = pick(...MALFORMED_COMMANDS);
    if (!row.admin) return row.fields;
  }
  const blocks = pick(1, 1, 2, 8, 16, 48, 256);
  const opcode = pick(...IO_OPCODES);
  const data = pick<CommandFields>(
    { prp1: BUFFER, prp2: BUFFER + 4096 },
    { prp1: BUFFER + pick(512, 4, 2, 2048), prp2: LIST },
    { prp1: BUFFER, prp2: LIST + pick(0, 8, 0xff0, 4) },
    { flags: 0x40, sgl: [BUFFER, blocks * 512, pick(0, 0, 0x10, 0x40)] },
    { flags: 0x40, sgl: [LIST, pick(16, 32, 48, 24), pick(0x20, 0x30)] },
    { flags: pick(0x80, 0xc0, 0x41), sgl: [BUFFER, blocks * 4096, 0] },
  );
  return {
    opcode,
    nsid: pick(1, 1, 1, 1, 1, 0, 2, 0xffff_ffff),
    lba: pick(0, 1, 7, 1000, 2 ** 11 - 1, 2 ** 31),
    mptr: pick(0, 0x30_0000, 0x30_0002),
    blocks,
    ...data,
    ...opcode === 0x09 ? { dwords: { 10: pick(0, 1, 3), 11: pick(4, 4, 0, 1) } } : {},
    ...random.below(6) === 0 ? { dwords: { 14: random.below(9), 15: random.below(9) } } : {},
  };
}

function adminCommand(random: Random, pick: Pick): CommandFields {
  if (random.below(8) === 0) {
    const row = pick(...MALFORMED_COMMANDS);
    if (row.admin) return row.fields;
  }
  const opcode = pick(...ADMIN_OPCODES);
  const first = opcode === 0x06
    ? pick(...CNS)
    : opcode === 0x09 || opcode === 0x0a
    ? pick(1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 13, 0x20, 0x107, 0x207, 0x307)
    : opcode === 0x02
    ? pick(1, 2, 3, 4) + pick(0x3f, 0x7f, 0x1ff) * 2 ** 16
    : pick(1, 2, 3, 0, 9) + pick(1, 7, 63, 0) * 2 ** 16;
  return {
    opcode,
    nsid: pick(0, 1, 1, 2, 0xffff_ffff),
    prp1: pick(BUFFER, BUFFER, 0x20_0000, BUFFER + 8, LIST),
    prp2: pick(0, BUFFER + 0x1000, LIST),
    dwords: {
      10: first,
      11: pick(0, 1, 3, 0x1_0001, 0x1_0003, 0x2_0001, 0xffff),
      12: pick(0, 1, 16, 256),
      13: pick(0, LIST),
      14: 0,
      15: pick(0, 1, 2, 4),
    },
  };
}
