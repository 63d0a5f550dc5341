/**
 * Numbers in bytes, in both byte orders, under the names that drivers and specifications use: `le32` is
 * 32 bits, the lowest byte first.
 */
import { describeValue } from "../../values/operators.ts";
import { RECORD_BYTES } from "../../values/limits.ts";
import { ValueError } from "../../values/script_error.ts";
import type { FunctionSpec, MethodSpec } from "../../values/spec.ts";
import {
  BytesValue,
  EnumValue,
  Quantity,
  type RecordValue,
  type Value,
} from "../../values/value.ts";
import { toInt } from "../arguments.ts";
import { builtin, methodsOf } from "../describe/builtin.ts";
import { addressOf, param } from "../describe/parameters.ts";
import { type ByteNumber, NUMBERS, orderText } from "../number_forms.ts";
import { wideValue } from "../wide.ts";

const NAMES = NUMBERS.map(({ name }) => name).join(", ");

/** A number for an example, and its bytes as a script writes them. */
function exampleOf(number: ByteNumber): readonly [value: string, bytes: string] {
  const value = number.sizeBytes === 1 ? 0x34 : 0x1234;
  const pairs = [...bytesOfNumber(value, number)].map((byte) => byte.toString(16).padStart(2, "0"));
  return [`0x${value.toString(16)}`, pairs.join(" ")];
}

/** A value that an int cannot represent exactly is returned as bytes. */
function readNumber(bytes: Uint8Array, at: number, { littleEndian, sizeBytes }: ByteNumber): Value {
  let bits = 0n;
  for (let index = 0; index < sizeBytes; index++) {
    const place = littleEndian ? sizeBytes - 1 - index : index;
    bits = (bits << 8n) | BigInt(bytes[at + place]!);
  }
  return wideValue(bits);
}

function bytesOfNumber(value: Value, { littleEndian, name, sizeBytes }: ByteNumber): Uint8Array {
  const number = value instanceof Quantity && value.kind === "dma"
    ? addressOf(value)
    : toInt(value, `the number of ${name}`, 0);
  let rest = BigInt(number);
  if (rest >> BigInt(8 * sizeBytes) !== 0n) {
    throw new ValueError(
      `${describeValue(value)} does not fit ${name}: it has ${8 * sizeBytes} bits`,
    );
  }
  const bytes = new Uint8Array(sizeBytes);
  for (let index = 0; index < sizeBytes; index++) {
    bytes[littleEndian ? index : sizeBytes - 1 - index] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

function requireInside(
  bytes: Uint8Array,
  at: number,
  { name, sizeBytes }: Pick<ByteNumber, "name" | "sizeBytes">,
): void {
  if (at + sizeBytes <= bytes.length) return;
  throw new ValueError(
    `${name} at ${at} takes bytes ${at}..${at + sizeBytes}, and there are ${bytes.length}`,
  );
}

const bytesMethod = methodsOf<BytesValue>();

/** `b.le32(at)`, and methods that read all numbers of a structure at once. */
export const BYTE_NUMBER_METHODS: readonly MethodSpec<BytesValue>[] = [
  ...NUMBERS.map((number) => {
    const [example, exampleBytes] = exampleOf(number);
    return bytesMethod({
      name: number.name,
      pure: true,
      parameters: [param.int("at", "The offset of its first byte.")],
      result: "any",
      doc: `The number at an offset: ${orderText(number)}.${
        number.sizeBytes === 8
          ? " What an int cannot hold exactly stays 8 bytes, the lowest first."
          : ""
      }`,
      example: `assert bytes"ff ${exampleBytes}".${number.name}(1) == ${example}`,
      run(_context, { bytes }, [at]) {
        requireInside(bytes, at, number);
        return readNumber(bytes, at, number);
      },
    });
  }),
  bytesMethod({
    name: "unpack",
    pure: true,
    parameters: [
      param.record(
        "fields",
        `The fields in their order: { addr: le64, length: le32 }. Each is ${NAMES}, or a number of ` +
          "bytes, which stay bytes.",
      ),
    ],
    result: "record",
    doc:
      "The fields of a structure without holes, from its first byte on: a descriptor, a completion.",
    example: 'let desc = bytes"00 10 00 00 00 00 00 00 00 02 00 00 80"\n' +
      "let fields = desc.unpack({ addr: le64, length: le32, flags: u8 })\n" +
      "assert fields == { addr: 0x1000, length: 512, flags: 0x80 }",
    run(context, { bytes }, [fields]) {
      context.chargeMemory(RECORD_BYTES + bytes.length);
      return unpacked(bytes, fields);
    },
  }),
];

function unpacked(bytes: Uint8Array, fields: RecordValue): Record<string, Value> {
  const found: Record<string, Value> = {};
  let at = 0;
  for (const [name, form] of fields.entries) {
    const number = numberOf(form);
    if (number !== null) {
      requireInside(bytes, at, number);
      found[name] = readNumber(bytes, at, number);
      at += number.sizeBytes;
      continue;
    }
    const sizeBytes = sizeOf(form, name);
    requireInside(bytes, at, { name, sizeBytes });
    found[name] = new BytesValue(bytes.slice(at, at + sizeBytes));
    at += sizeBytes;
  }
  return found;
}

function numberOf(form: Value): ByteNumber | null {
  if (!(form instanceof EnumValue)) return null;
  return NUMBERS.find(({ name }) => name === form.name) ?? null;
}

function sizeOf(form: Value, name: string): number {
  const size = form instanceof Quantity && form.kind === "size" ? form.value : form;
  if (typeof size === "number" && Number.isSafeInteger(size) && size > 0) return size;
  throw new ValueError(
    `Cannot take ${describeValue(form)} as the form of ${name}`,
    `${NAMES}, or how many bytes it has`,
  );
}

/** `le32(n)`: a number as bytes. */
export const BYTE_NUMBER_CALLS: readonly FunctionSpec[] = NUMBERS.map((number) => {
  const [example, exampleBytes] = exampleOf(number);
  return builtin({
    name: number.name,
    pure: true,
    parameters: [
      param.of(
        "value",
        ["int", "dma"],
        "An int that is not negative, or an address of the device.",
        (value) => value,
      ),
    ],
    result: "bytes",
    doc: `The bytes of a number: ${orderText(number)}.`,
    example: `assert ${number.name}(${example}) == bytes"${exampleBytes}"`,
    run: (_context, [value]) => bytesOfNumber(value, number),
  });
});
