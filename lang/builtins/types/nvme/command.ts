/** The NVMe command of a request. */
import { wordValue } from "../../words.ts";
import type { NvmeCommandView, NvmeRequest, SglDescriptor } from "@dmalab/devices";
import { formatAddress, formatHexBytes, formatSize } from "../../../text/numbers.ts";
import { isHandle } from "../../arguments.ts";
import { commandStory, sglTypeName } from "../../explain/command_story.ts";
import type { HandleType } from "../../../values/spec.ts";
import { fieldsOf } from "../../describe/fields.ts";

const DESCRIPTOR = { type: "any", address: "dma", size: "size" } as const;

function plainDescriptor({ address, sizeBytes: size, type }: SglDescriptor) {
  const name = sglTypeName(type);
  return { type: name === null ? type : wordValue(name), address, size };
}

/** The contents of a command's sixteen-byte rows. */
const ROWS = ["opcode, flags, id, nsid", "MPTR, data pointer", "data pointer, LBA", "length"];

/** The 64 bytes in four rows. */
export function commandByteLines(bytes: Uint8Array): string[] {
  return ROWS.map((what, row) =>
    `  ${row.toString(16)}0  ${formatHexBytes(bytes.subarray(16 * row, 16 * row + 16))}  ${what}`
  );
}

export interface CommandOfRequest {
  readonly command: NvmeCommandView;
  readonly request: NvmeRequest;
}

export const COMMAND: HandleType<CommandOfRequest> = {
  name: "command",
  doc: "The 64 bytes that the controller fetches, and the lists they point to.",
  fields: fieldsOf<CommandOfRequest>((f) => ({
    format: f.word("How it describes the data: prp or sgl.", ({ command }) => command.format),
    opcode: f.int("Its opcode.", ({ command }) => command.opcode),
    cid: f.int("The command's id.", ({ command }) => command.cid),
    prp1: f.dma(
      "The first PRP entry; none in an SGL command.",
      ({ command }) => command.format === "prp" ? command.prp1 : null,
    ),
    prp2: f.dma(
      "The second PRP entry, or where the list is; none in an SGL command.",
      ({ command }) => command.format === "prp" ? command.prp2 : null,
    ),
    prp_list: f.list(
      "dma",
      "The data entries of the PRP list, without the links between its pages.",
      ({ command }) => command.prpList,
    ),
    prp_lists: f.list(
      { dma: "dma", entries: ["dma"] },
      "The pages of the PRP list: { dma, entries }, with the links between them.",
      ({ command }) => command.prpLists,
    ),
    sgl: f.list(
      DESCRIPTOR,
      "The data descriptors: { type, address, size }.",
      ({ command }) => command.sgl.map(plainDescriptor),
    ),
    sgl_head: f.of(
      DESCRIPTOR,
      "The descriptor in the command itself; none in a PRP command.",
      ({ command }) => command.format === "sgl" ? plainDescriptor(command.sglOfCommand) : null,
    ),
    metadata_sgl: f.list(
      DESCRIPTOR,
      "The descriptors that MPTR points to: { type, address, size }; none if it points to the " +
        "metadata itself.",
      ({ command }) => command.metadataSgl.map(plainDescriptor),
    ),
    mptr: f.dma("Where the metadata is.", ({ command }) => command.mptr),
    bytes: f.bytes("The 64 bytes.", ({ command }) => command.bytes.slice()),
  })),
  format: ({ command }) =>
    command.format === "prp"
      ? `PRP command, PRP1 ${formatAddress(command.prp1)}, PRP2 ${formatAddress(command.prp2)}`
      : `SGL command, ${sglText(command.sglOfCommand)}`,
  show: ({ command }) => [
    COMMAND_TITLES[command.format],
    ...commandByteLines(command.bytes),
  ],
  explain: ({ command, request }, context) =>
    commandStory(command, request, COMMAND_TITLES[command.format], context),
  equals: ({ command }, other) =>
    isHandle(other, COMMAND) &&
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
