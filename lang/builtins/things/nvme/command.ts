/** The NVMe command that a request became. */
import type {
  NvmeCommandView,
  SglDescriptor,
} from "../../../../devices/nvme/driver/command/command_view.ts";
import type { NvmeRequest } from "../../../../devices/nvme/driver/command/nvme_request.ts";
import { formatAddress, formatHexBytes, formatSize } from "../../../text/numbers.ts";
import { BytesValue, type Value } from "../../../values/value.ts";
import { dma, isThing, list, record, size, word } from "../../arguments.ts";
import { commandStory } from "../../explain/command_story.ts";
import type { TypeSpec } from "../../../values/spec.ts";

/** Names of the SGL descriptor types. @see NVM Express Base Specification, SGL descriptors */
const SGL_TYPES: ReadonlyMap<number, string> = new Map([
  [0x00, "data_block"],
  [0x20, "segment"],
  [0x30, "last_segment"],
]);

/** A descriptor type's name; an int for one that has none. */
export function sglTypeName(type: number): string | null {
  return SGL_TYPES.get(type) ?? null;
}

function descriptorValue(descriptor: SglDescriptor): Value {
  const name = sglTypeName(descriptor.type);
  return record({
    type: name === null ? descriptor.type : word(name),
    address: dma(descriptor.address),
    size: size(descriptor.sizeBytes),
  });
}

/** What the sixteen-byte rows of a command hold. */
const ROWS = ["opcode, flags, id, nsid", "MPTR, data pointer", "data pointer, LBA", "length"];

/** The 64 bytes in four rows. */
export function commandByteLines(bytes: Uint8Array): string[] {
  return ROWS.map((what, row) =>
    `  ${row.toString(16)}0  ${formatHexBytes(bytes.subarray(16 * row, 16 * row + 16))}  ${what}`
  );
}

/** A command, and the request that it serves. */
export interface CommandTarget {
  readonly command: NvmeCommandView;
  readonly request: NvmeRequest;
}

export const COMMAND: TypeSpec<CommandTarget> = {
  name: "command",
  doc: "The 64 bytes that the controller fetches, and the lists they lead to.",
  fields: [
    {
      name: "format",
      kind: "word",
      doc: "How it describes the data: prp or sgl.",
      get: ({ command }) => word(command.format),
    },
    { name: "opcode", kind: "int", doc: "What it asks for.", get: ({ command }) => command.opcode },
    { name: "cid", kind: "int", doc: "The command's id.", get: ({ command }) => command.cid },
    {
      name: "prp1",
      kind: "dma",
      doc: "The first PRP entry; none in an SGL command.",
      get: ({ command }) => command.format === "prp" ? dma(command.prp1) : null,
    },
    {
      name: "prp2",
      kind: "dma",
      doc: "The second PRP entry, or where the list is; none in an SGL command.",
      get: ({ command }) => command.format === "prp" ? dma(command.prp2) : null,
    },
    {
      name: "prp_list",
      kind: "list",
      of: "dma",
      doc: "The data entries of the PRP list, without the links between its pages.",
      get: ({ command }) => list(command.prpList.map(dma)),
    },
    {
      name: "prp_lists",
      kind: "list",
      doc: "The pages of the PRP list: { dma, entries }, with the links between them.",
      get: ({ command }) =>
        list(
          command.prpLists.map((page) =>
            record({ dma: dma(page.dma), entries: list(page.entries.map(dma)) })
          ),
        ),
    },
    {
      name: "sgl",
      kind: "list",
      of: { type: "any", address: "dma", size: "size" },
      doc: "The data descriptors: { type, address, size }.",
      get: ({ command }) => list(command.sgl.map(descriptorValue)),
    },
    {
      name: "sgl_head",
      kind: "record",
      doc: "The descriptor in the command itself; none in a PRP command.",
      get: ({ command }) => command.format === "sgl" ? descriptorValue(command.sglOfCommand) : null,
    },
    {
      name: "metadata_sgl",
      kind: "list",
      doc:
        "The descriptors that MPTR leads to: { type, address, size }; none when it leads to the " +
        "metadata itself.",
      get: ({ command }) => list(command.metadataSgl.map(descriptorValue)),
    },
    {
      name: "mptr",
      kind: "dma",
      doc: "Where the metadata is.",
      get: ({ command }) => dma(command.mptr),
    },
    {
      name: "bytes",
      kind: "bytes",
      doc: "The 64 bytes.",
      get: ({ command }) => new BytesValue(command.bytes.slice()),
    },
  ],
  methods: [],
  format: ({ command }) =>
    command.format === "prp"
      ? `PRP command, PRP1 ${formatAddress(command.prp1)}, PRP2 ${formatAddress(command.prp2)}`
      : `SGL command, ${sglText(command.sglOfCommand)}`,
  show: ({ command }) => [
    COMMAND_TITLES[command.format],
    ...commandByteLines(command.bytes),
  ],
  explain: ({ command, request }, run) =>
    commandStory(command, request, COMMAND_TITLES[command.format], run),
  equals: ({ command }, other) =>
    isThing(other, COMMAND) &&
    other.target.command.bytes.every((byte, index) => byte === command.bytes[index]),
};

const COMMAND_TITLES = {
  prp: "command with PRP entries",
  sgl: "command with an SGL descriptor",
} as const;

function sglText(descriptor: SglDescriptor): string {
  const name = sglTypeName(descriptor.type) ?? `type ${descriptor.type}`;
  return `${name} ${formatAddress(descriptor.address)} ${formatSize(descriptor.sizeBytes)}`;
}
