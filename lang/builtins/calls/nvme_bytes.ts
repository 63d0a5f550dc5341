/**
 * The bytes of disk commands, of SGL descriptors and of PRP entries. Scripts may make them correct
 * or incorrect.
 */
import { commandBytes, sglDescriptorBytes, u64Bytes } from "@dmalab/devices";
import { describeValue } from "../../values/operators.ts";
import { ValueError } from "../../values/script_error.ts";
import type { FunctionSpec } from "../../values/spec.ts";
import {
  BytesValue,
  EnumValue,
  Quantity,
  type RecordValue,
  type Value,
} from "../../values/value.ts";
import { toInt } from "../arguments.ts";
import { builtin } from "../describe/builtin.ts";
import { addressOf, named, param } from "../describe/parameters.ts";
import type { U64 } from "../wide.ts";

function toWide(value: Value, what: string): U64 {
  if (typeof value === "number") return toInt(value, what, 0);
  if (value instanceof Quantity && value.kind === "dma") return addressOf(value);
  if (value instanceof BytesValue && value.bytes.length === 8) return value.bytes;
  throw new ValueError(
    `Cannot take ${describeValue(value)} as ${what}`,
    "an address of the device, or its 8 bytes, the lowest first",
  );
}

const wideBytes = (value: U64) => typeof value === "number" ? u64Bytes(value) : value;

const wide = (name: string, doc: string) =>
  named(
    param.of(name, ["dma", "bytes"], `${doc} An address, or 8 bytes.`, (value) =>
      toWide(value, name)),
  );

const SGL_TYPE_BYTES: Readonly<Record<string, number>> = {
  data_block: 0x00,
  segment: 0x20,
  last_segment: 0x30,
};

function toTypeByte(value: Value): number {
  if (typeof value === "number") return toInt(value, "type", 0, 255);
  const byte = value instanceof EnumValue ? SGL_TYPE_BYTES[value.name] : undefined;
  if (byte !== undefined) return byte;
  throw new ValueError(
    `Cannot take ${describeValue(value)} as the type of an SGL descriptor`,
    `${Object.keys(SGL_TYPE_BYTES).join(", ")}, or the byte itself`,
  );
}

/** Command dwords by number, from a record { cdw10: …, cdw11: … }. */
function dwordsOf({ entries }: RecordValue): Readonly<Record<number, number>> {
  const dwords: Record<number, number> = {};
  for (const [key, dword] of entries) {
    const number = Number(/^cdw(\d+)$/.exec(key)?.[1]);
    if (![2, 3, 10, 11, 12, 13, 14, 15].includes(number)) {
      throw new ValueError(`There is no command dword "${key}"`, "write cdw10: … to cdw15");
    }
    dwords[number] = toInt(dword, key, 0, 2 ** 32 - 1);
  }
  return dwords;
}

export const DWORDS = named(
  param.of(
    "dwords",
    "record",
    "Command dwords: { cdw10: …, cdw12: … }.",
    (value) => dwordsOf(value as RecordValue),
  ),
  {},
);

export const NVME_BYTE_CALLS: readonly FunctionSpec[] = [
  builtin({
    name: "nvme_command",
    pure: true,
    parameters: [
      param.int("opcode", "The opcode: 1 is Write, 2 is Read.", 0, 255),
      named(param.int("flags", "Byte 1 of the command: 0x40 selects an SGL.", 0, 255), 0),
      named(param.int("nsid", "The namespace.", 0, 2 ** 32 - 1), 1),
      wide("mptr", "Where the metadata is."),
      wide("prp1", "The first PRP entry."),
      wide("prp2", "The second PRP entry, or the address of the PRP list."),
      named(param.bytes("sgl", "An SGL descriptor instead of prp1 and prp2.")),
      DWORDS,
    ],
    result: "bytes",
    doc: "The 64 bytes of a command for `raw`: fields left out are zero. Nothing is validated.",
    example: `let command = nvme_command(2, prp1: 0x10_0000 as dma, dwords: { cdw12: 7 })
assert command.length == 64 and command[0] == 2 and command[26] == 0x10
assert nvme_command(2, prp1: bytes"01 00 00 00 00 00 00 ff")[31] == 0xff`,
    run(_run, [opcode, flags, nsid, mptr = 0, prp1 = 0, prp2 = 0, sgl, dwords]) {
      // The given dwords replace the dwords that `commandBytes` fills for reads and writes.
      const bytes = commandBytes({ opcode, flags, nsid, blocks: 1, dwords });
      bytes.set(wideBytes(mptr), 16);
      bytes.set(wideBytes(prp1), 24);
      bytes.set(wideBytes(prp2), 32);
      if (sgl === undefined) return bytes;
      if (sgl.length !== 16) {
        throw new ValueError(
          `An SGL descriptor has 16 bytes, and this has ${sgl.length}`,
          "`sgl_descriptor(data_block, addr, size)` makes one",
        );
      }
      bytes.set(sgl, 24);
      return bytes;
    },
  }),
  builtin({
    name: "sgl_descriptor",
    pure: true,
    parameters: [
      param.of(
        "type",
        ["word", "int"],
        "data_block, segment or last_segment, or any byte: the type above, the subtype below.",
        toTypeByte,
      ),
      param.of(
        "addr",
        ["dma", "bytes"],
        "The address that it points to, or 8 bytes.",
        (value) => toWide(value, "addr"),
      ),
      param.size("size", "How many bytes are there, up to 4 GiB."),
    ],
    result: "bytes",
    doc: "The 16 bytes of an SGL descriptor. Nothing is validated.",
    example: `assert sgl_descriptor(last_segment, 0x9000 as dma, 32B) ==
  bytes"00 90 00 00 00 00 00 00 20 00 00 00 00 00 00 30"`,
    run(_run, [type, addr, sizeBytes]) {
      if (sizeBytes >= 2 ** 32) {
        throw new ValueError(`A descriptor has 32 bits for its length: ${sizeBytes}`);
      }
      const bytes = sglDescriptorBytes(0, sizeBytes, type);
      bytes.set(wideBytes(addr));
      return bytes;
    },
  }),
  builtin({
    name: "prp_entries",
    pure: true,
    parameters: [
      param.list("entries", "Addresses, or 8 bytes each."),
    ],
    result: "bytes",
    doc: "A PRP list as bytes: eight per entry. Nothing is validated.",
    example: `assert prp_entries([0x1000 as dma, bytes"08 00 00 00 00 00 00 00"]) ==
  bytes"00 10 00 00 00 00 00 00 08 00 00 00 00 00 00 00"`,
    run(context, [items]) {
      context.chargeMemory(8 * items.length);
      const bytes = new Uint8Array(8 * items.length);
      items.forEach((item, index) => bytes.set(wideBytes(toWide(item, "an entry")), 8 * index));
      return bytes;
    },
  }),
];
