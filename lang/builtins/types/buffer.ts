/** Host memory of a script: `alloc_pages`, `buffer`, `page`. */
import type { PlainOf } from "../describe/form.ts";
import { plainSegment, SEGMENT } from "./segment.ts";
import { type FillPattern, type HostBuffer, PAGE_SIZE_BYTES, type PhysAddr } from "@dmalab/runtime";
import { tableLines } from "../../text/columns.ts";
import { formatAddress, formatCount, formatSize } from "../../text/numbers.ts";
import { STEP_BYTES } from "../../values/limits.ts";
import type { ExecutionContext } from "../../values/execution_context.ts";
import { bytesEqual } from "../../values/equality.ts";
import { ValueError } from "../../values/script_error.ts";
import { BytesValue, EnumValue, Handle, type Quantity, type Value } from "../../values/value.ts";
import { isHandle, refusing, wrongType } from "../arguments.ts";
import type { HandleType } from "../../values/spec.ts";
import { checkedIndex } from "../values/list.ts";
import { dumpLines } from "../values/text.ts";
import { methodsOf } from "../describe/builtin.ts";
import { fieldsOf } from "../describe/fields.ts";
import { addressOf, param } from "../describe/parameters.ts";

/** Memory charged for an item of a list of addresses or segments. */
const ITEM_BYTES = 64;
/** Limit of the segments that a picture shows; the rest is only counted. */
const DISPLAYED_SEGMENTS = 12;
/** Bytes of the content that a picture shows. */
const DISPLAYED_BYTES = 64;

/** The physical address of the first byte of an argument, which is a buffer or an address. */
export function physOf(value: Value): PhysAddr {
  return value instanceof Handle
    ? (value.target as HostBuffer).phys
    : addressOf(value as Quantity) as PhysAddr;
}

/** The pattern in a `fill` argument: a byte, `counting` or `random`. */
export function toFillPattern(value: Value): FillPattern {
  if (typeof value === "number") {
    if (value >= 0 && value <= 255) return value;
    throw new ValueError(`Cannot fill with ${value}: a byte is from 0 to 255`);
  }
  if (value instanceof EnumValue && (value.name === "counting" || value.name === "random")) {
    return value.name;
  }
  throw wrongType(value, "fill", "a byte, `counting` or `random`");
}

/** Limit of the content that is read at once; a script can read larger contents in parts. */
const MAX_READ_BYTES = 64 * 2 ** 20;

/** A copy of a buffer's content, for immediate use only. */
function read(buffer: HostBuffer, context: ExecutionContext): Uint8Array {
  if (buffer.sizeBytes > MAX_READ_BYTES) {
    throw new ValueError(
      `Cannot look at ${formatSize(buffer.sizeBytes)} at once: the most is ${
        formatSize(MAX_READ_BYTES)
      }`,
      "take a part of it: `.slice(0..64KiB)`",
    );
  }
  context.work(buffer.sizeBytes / STEP_BYTES);
  return buffer.readAll();
}

/** The bytes of a buffer or of a bytes value, for comparing contents; null for any other value. */
export function contentOf(value: Value, context: ExecutionContext): Uint8Array | null {
  if (value instanceof BytesValue) return value.bytes;
  return isHandle(value, BUFFER) ? read(value.target, context) : null;
}

/** The size of the result of `contentOf`, or -1. */
function contentSize(value: Value): number {
  if (value instanceof BytesValue) return value.bytes.length;
  return isHandle(value, BUFFER) ? value.target.sizeBytes : -1;
}

/** The steps charged for a page in which every byte may be a separate run. */
const DIFFERENT_PAGE_STEPS = 2 * PAGE_SIZE_BYTES;

/** An entry in the list of differences between contents: offset and size of one differing run. */
const RUN_OF_BYTES = { offset: "size", size: "size" } as const;

/** The other side of a comparison with a buffer: another buffer, or bytes. */
const CONTENT = param.of(
  "other",
  ["@buffer", "bytes"],
  "What its content should be.",
  (value) => value,
);

function differences(
  left: Uint8Array,
  right: Uint8Array,
  context: ExecutionContext,
): PlainOf<typeof RUN_OF_BYTES>[] {
  const found: PlainOf<typeof RUN_OF_BYTES>[] = [];
  const length = Math.max(left.length, right.length);
  let start = -1;
  let at = 0;
  for (let page = 0; page <= length; page += PAGE_SIZE_BYTES) {
    context.work(DIFFERENT_PAGE_STEPS);
    const end = Math.min(page + PAGE_SIZE_BYTES, length);
    while (at < end) {
      // Two loops, one that skips equal bytes and one that skips different bytes. This is fast
      // because a byte mostly has the same result as the previous byte.
      if (start < 0) {
        while (at < end && left[at] === right[at]) at++;
        if (at < end) start = at;
      } else {
        while (at < end && left[at] !== right[at]) at++;
        if (at === end) break;
        found.push({ offset: start, size: at - start });
        start = -1;
      }
    }
  }
  if (start >= 0) found.push({ offset: start, size: length - start });
  return found;
}

function formatBuffer(buffer: HostBuffer): string {
  const pieces = buffer.segments.length;
  const shape = pieces === 1 ? "" : ` in ${formatCount(pieces, "segment")}`;
  return `buffer of ${formatSize(buffer.sizeBytes)} at ${formatAddress(buffer.phys)}${shape}`;
}

const method = methodsOf<HostBuffer>();

export const BUFFER: HandleType<HostBuffer> = {
  name: "buffer",
  doc: "Host memory: bytes in one or several segments of physical memory.",
  fields: fieldsOf<HostBuffer>((f) => ({
    phys: f.phys("Physical address of the first byte.", (buffer) => buffer.phys),
    size: f.size("Its length.", (buffer) => buffer.sizeBytes),
    pages: f.list(
      "phys",
      "Physical addresses of its pages, in order.",
      (buffer, context) => {
        context.chargeMemory(ITEM_BYTES * Math.ceil(buffer.sizeBytes / PAGE_SIZE_BYTES));
        return buffer.pages;
      },
    ),
    segments: f.list(
      SEGMENT,
      "Its segments of physical memory: a list of { phys, size }.",
      (buffer, context) => {
        context.chargeMemory(ITEM_BYTES * buffer.segments.length);
        return buffer.segments.map(plainSegment);
      },
    ),
    bytes: f.bytes("A copy of its content.", (buffer, context) => {
      context.chargeMemory(buffer.sizeBytes);
      return buffer.readAll();
    }),
  })),
  methods: [
    method({
      name: "fill",
      parameters: [
        param.of(
          "pattern",
          ["int", "word", "bytes"],
          "A byte, `counting`, `random`, or bytes that replace the beginning.",
          (value) => value instanceof BytesValue ? value.bytes : toFillPattern(value),
        ),
      ],
      doc: "Sets its content.",
      example: `let buf = alloc_pages(1)\nbuf.fill(0xab)\nassert buf[4095] == 0xab`,
      run(_run, buffer, [pattern]) {
        if (pattern instanceof Uint8Array) refusing(() => buffer.writeAll(pattern));
        else buffer.fill(pattern);
      },
    }),
    method({
      name: "slice",
      pure: true,
      parameters: [param.range("range", "Offsets in its content, end excluded.")],
      result: "@buffer",
      doc: "A part of it: the same memory, no copy.",
      example: `let buf = alloc_pages(2)\nassert buf.slice(512B..4KiB).size == 3584B`,
      run: (_run, buffer, [{ first, end }]) =>
        new Handle(BUFFER, refusing(() => buffer.slice(first, end))),
    }),
    method({
      name: "differences",
      pure: true,
      parameters: [CONTENT],
      result: [RUN_OF_BYTES],
      doc: "The runs of bytes in which both differ: a list of { offset, size }.",
      example: `let a = buffer(size: 4KiB, fill: 0)\nlet b = buffer(size: 4KiB, fill: 0)\n` +
        `b.slice(16..24).fill(1)\nassert a.differences(b) == [{ offset: 16B, size: 8B }]`,
      run: (context, buffer, [other]) =>
        differences(read(buffer, context), contentOf(other, context)!, context),
    }),
    method({
      name: "free",
      doc: "Frees its pages. Any use after that is a use after free.",
      example: `let buf = alloc_pages(1)\nbuf.free()\nassert alloc_pages(1).phys == buf.phys`,
      run: (_run, buffer) => buffer.free(),
    }),
  ],
  format: formatBuffer,
  show(buffer) {
    let offset = 0;
    const rows = buffer.segments.slice(0, DISPLAYED_SEGMENTS).map(({ phys, sizeBytes }) => {
      const row = [formatSize(offset), formatAddress(phys), formatSize(sizeBytes)];
      offset += sizeBytes;
      return row;
    });
    const rest = buffer.segments.length - rows.length;
    return [
      formatBuffer(buffer),
      ...tableLines(["offset", "phys", "size"], rows, ["right", "right", "right"]),
      ...rest > 0 ? [`… ${formatCount(rest, "segment")} more`] : [],
      ...dumpLines(buffer.slice(0, Math.min(DISPLAYED_BYTES, buffer.sizeBytes)).look()),
    ];
  },
  equals(buffer, other, context) {
    if (isHandle(other, BUFFER) && other.target === buffer) return true;
    return contentSize(other) === buffer.sizeBytes &&
      bytesEqual(read(buffer, context), contentOf(other, context)!, context);
  },
  index: (buffer, index) => {
    const at = checkedIndex(index, buffer.sizeBytes, "a buffer");
    return buffer.slice(at, at + 1).readAll()[0]!;
  },
};
