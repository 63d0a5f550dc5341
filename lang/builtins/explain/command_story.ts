/** The meaning of a command's 64 bytes, and the decisions that determined its content. */
import type { NvmeCommandView, NvmeRequest } from "@dmalab/devices";
import { clip, spread, tableLines } from "../../text/columns.ts";
import { formatAddress, formatCount, formatHexBytes, formatSize } from "../../text/numbers.ts";
import type { ExecutionContext } from "../../values/execution_context.ts";
import { decisionList } from "./decision_list.ts";
import { requestEventsOf } from "./request_story.ts";

/** The size of the controller's page. @see rules/nvme.md 1 */
const CONTROLLER_PAGE_BYTES = 4096;

/** Decisions that determine a command's content. */
const WRITTEN: ReadonlySet<string> = new Set(["nvme.choose", "nvme.metadata", "mem.alloc"]);

/** The command field by field, then the decisions that led to its data pointer. */
export function commandStory(
  command: NvmeCommandView,
  request: NvmeRequest,
  title: string,
  context: ExecutionContext,
): string[] {
  const decisions = requestEventsOf(request, context).filter(({ name, why }) =>
    why !== null && WRITTEN.has(name)
  );
  return [
    spread(title, "nvme.5.2", context.columns),
    ...tableLines(
      ["byte", "bytes", "what they say"],
      fieldRows(command, request),
      [],
      context.columns,
    ),
    ...decisions.length === 0 ? [] : ["", ...decisionList(decisions, context.columns)],
  ].map((line) => clip(line, context.columns));
}

type Row = readonly [offset: string, bytes: string, meaning: string];

/** The meaning of the upper two bits of the flags. */
const FLAGS = ["PRP entries", "SGL, metadata by pointer", "SGL, metadata by SGL", "reserved"];

function fieldRows(command: NvmeCommandView, request: NvmeRequest): Row[] {
  const { bytes } = command;
  const at = (offset: number, length: number) =>
    formatHexBytes(bytes.subarray(offset, offset + length));
  return [
    ["0", at(0, 1), `opcode, ${request.op}`],
    ["1", at(1, 1), `flags: ${FLAGS[bytes[1]! >> 6]}`],
    [
      "2",
      at(2, 2),
      `command id ${command.cid}: tag ${command.cid & 0xfff}, use ${command.cid >> 12}`,
    ],
    ["16", at(16, 8), metadataText(command, request)],
    ...command.format === "prp" ? prpRows(command, at) : sglRows(command, at),
    ...request.op === "read" || request.op === "write" ? blockRows(command, request, at) : [],
  ];
}

function blockRows(
  command: NvmeCommandView,
  request: NvmeRequest,
  at: (offset: number, length: number) => string,
): Row[] {
  const blocks = 1 + command.bytes[48]! + 256 * command.bytes[49]!;
  return [
    ["40", at(40, 8), `first block ${request.lba}`],
    ["48", at(48, 2), `${formatCount(blocks, "block")}, less one`],
  ];
}

function metadataText(command: NvmeCommandView, request: NvmeRequest): string {
  if (!request.hasMetadata) return "MPTR: no metadata";
  return `MPTR: ${command.bytes[1]! >> 6 === 2 ? "descriptors" : "metadata"} at ${
    formatAddress(command.mptr)
  }`;
}

function prpRows(
  command: NvmeCommandView,
  at: (offset: number, length: number) => string,
): Row[] {
  const { prp1, prp2, prpLists } = command;
  const first = CONTROLLER_PAGE_BYTES - prp1 % CONTROLLER_PAGE_BYTES;
  const second = prp2 === 0
    ? "PRP2: not used, PRP1 reaches all data"
    : prpLists.length > 0
    ? `PRP2: list of ${command.prpList.length} entries at ${formatAddress(prp2)}`
    : `PRP2: ${formatAddress(prp2)}, the second page`;
  return [
    ["24", at(24, 8), `PRP1: ${formatAddress(prp1)}, up to ${formatSize(first)} of its page`],
    ["32", at(32, 8), second],
  ];
}

function sglRows(
  command: NvmeCommandView,
  at: (offset: number, length: number) => string,
): Row[] {
  const head = command.sglOfCommand;
  const leadsToList = head.type === 0x20 || head.type === 0x30;
  const count = command.sglList.length;
  return [
    [
      "24",
      at(24, 8),
      leadsToList
        ? `a list at ${formatAddress(head.address)}`
        : `data at ${formatAddress(head.address)}`,
    ],
    [
      "32",
      at(32, 4),
      count === 0
        ? `length ${formatSize(head.sizeBytes)}`
        : `length of the list, ${formatSize(head.sizeBytes)}: ${count} descriptors`,
    ],
    ["39", at(39, 1), `type: ${sglTypeName(head.type)?.replaceAll("_", " ") ?? "reserved"}`],
  ];
}

/** Names of the SGL descriptor types. @see NVM Express Base Specification, SGL descriptors */
const SGL_TYPES: ReadonlyMap<number, string> = new Map([
  [0x00, "data_block"],
  [0x20, "segment"],
  [0x30, "last_segment"],
]);

/** A descriptor type's name; null for a type without a name. */
export function sglTypeName(type: number): string | null {
  return SGL_TYPES.get(type) ?? null;
}
