/**
 * Converts records into the kernel's own text, if the user-space library (libtraceevent) could not
 * format them.
 *
 *     [FAILED TO PARSE] device=0000:00:05.0 addrs=ARRAY[00, 70, …] dir=1 attrs=0x0
 *
 * @see rules/traces.md T.12
 */
import { DIRECTIONS } from "./dma_event.ts";

/** Names of attributes from bit 1 up. @see rules/traces.md T.17 */
const ATTRIBUTES = [
  "WEAK_ORDERING",
  "WRITE_COMBINE",
  "",
  "NO_KERNEL_MAPPING",
  "SKIP_CPU_SYNC",
  "FORCE_CONTIGUOUS",
  "ALLOC_SINGLE_PAGES",
  "NO_WARN",
  "PRIVILEGED",
  "MMIO",
  "CACHELINES_OVERLAP",
  "REQUIRE_COHERENT",
  "CC_SHARED",
] as const;
/**
 * Opcodes of NVM and admin commands that occur in drivers' traces, with their names in the kernel's
 * text.
 */
const IO_OPCODES: Readonly<Record<number, string>> = {
  0: "nvme_cmd_flush",
  1: "nvme_cmd_write",
  2: "nvme_cmd_read",
  8: "nvme_cmd_write_zeroes",
  9: "nvme_cmd_dsm",
};
const ADMIN_OPCODES: Readonly<Record<number, string>> = {
  0: "nvme_admin_delete_sq",
  1: "nvme_admin_create_sq",
  2: "nvme_admin_get_log_page",
  4: "nvme_admin_delete_cq",
  5: "nvme_admin_create_cq",
  6: "nvme_admin_identify",
  8: "nvme_admin_abort_cmd",
  9: "nvme_admin_set_features",
  10: "nvme_admin_get_features",
  12: "nvme_admin_async_event",
};
const ADDRESS_BYTES = 8;
const LENGTH_BYTES = 4;

type Fields = ReadonlyMap<string, string>;

/** The kernel's text for a record, or null for an unknown event or a truncated record. */
export function kernelPayload(event: string, payload: string): string | null {
  const fields = fieldsOf(payload);
  if (event.startsWith("dma_")) return dmaPayload(event, fields);
  if (event.startsWith("nvme_")) return nvmePayload(event, fields);
  return null;
}

/** Splits `name=value` pairs; an array is one value. */
function fieldsOf(payload: string): Fields {
  const fields = new Map<string, string>();
  for (const [, name, array, word] of payload.matchAll(/(\w+)=(?:ARRAY\[([^\]]*)\]|(\S*))/g)) {
    fields.set(name!, array ?? word ?? "");
  }
  return fields;
}

/** Splits bytes into little-endian numbers of `width` bytes. */
function numbers(bytes: string | undefined, width: number): string[] | null {
  if (bytes === undefined) return null;
  const list = bytes.split(/[,\s]+/).filter((byte) => byte !== "");
  if (list.length % width !== 0 || list.some((byte) => !/^[0-9a-f]{2}$/i.test(byte))) return null;
  const found: string[] = [];
  for (let at = 0; at < list.length; at += width) {
    const digits = list.slice(at, at + width).reverse().join("").replace(/^0+(?=.)/, "");
    found.push(`0x${digits.toLowerCase()}`);
  }
  return found;
}

function dmaPayload(event: string, fields: Fields): string | null {
  const device = fields.get("device");
  const direction = DIRECTIONS[Number(fields.get("dir"))];
  if (device === undefined || direction === undefined) return null;
  const head = `${device} dir=${direction}`;
  const attrs = `attrs=${attributes(Number(fields.get("attrs") ?? 0))}`;
  const phys = numbers(fields.get("phys_addrs") ?? fields.get("addrs"), ADDRESS_BYTES);
  const dma = numbers(fields.get("dma_addrs"), ADDRESS_BYTES);
  const lengths = numbers(fields.get("lengths"), LENGTH_BYTES);
  const list = (values: readonly string[]) => `{${values.join(",")}}`;
  switch (event) {
    case "dma_map_sg": {
      if (phys === null || dma === null || lengths === null) return null;
      const nents = Number(fields.get("full_nents") ?? phys.length);
      const ents = Number(fields.get("full_ents") ?? dma.length);
      const cut = fields.get("truncated") === "1" ? " [TRUNCATED]" : "";
      return `${head} nents=${phys.length}/${nents} ents=${dma.length}/${ents}${cut} ` +
        `dma_addrs=${list(dma)} sizes=${list(lengths)} phys_addrs=${list(phys)} ${attrs}`;
    }
    case "dma_unmap_sg":
      return phys === null ? null : `${head} phys_addrs=${list(phys)} ${attrs}`;
    case "dma_map_sg_err":
      return phys === null
        ? null
        : `${head} dma_addrs=${list(phys)} err=${fields.get("err") ?? 0} ${attrs}`;
    case "dma_sync_sg_for_cpu":
    case "dma_sync_sg_for_device":
      return dma === null || lengths === null
        ? null
        : `${head} dma_addrs=${list(dma)} sizes=${list(lengths)}`;
  }
  return null;
}

function attributes(bits: number): string {
  const names: string[] = [];
  let rest = bits;
  ATTRIBUTES.forEach((name, index) => {
    const bit = 2 ** (index + 1);
    if (name === "" || Math.floor(rest / bit) % 2 === 0) return;
    names.push(name);
    rest -= bit;
  });
  if (rest > 0) names.push(`0x${rest.toString(16)}`);
  return names.join("|");
}

function nvmePayload(event: string, fields: Fields): string | null {
  const number = (name: string) => Number(fields.get(name) ?? Number.NaN);
  const disk = fields.get("disk") ?? "";
  const head = `nvme${number("ctrl_id")}: ${disk === "" ? "" : `disk=${disk}, `}qid=${
    number("qid")
  }`;
  const hex = (name: string) => `0x${number(name).toString(16)}`;
  if (Number.isNaN(number("ctrl_id")) || Number.isNaN(number("qid"))) return null;
  switch (event) {
    case "nvme_setup_cmd":
      return `${head}, cmdid=${number("cid")}, nsid=${number("nsid")}, flags=${hex("flags")}, ` +
        `meta=${hex("metadata")}, cmd=(${commandText(fields)})`;
    case "nvme_complete_rq":
      return `${head}, cmdid=${number("cid")}, res=${hex("result")}, retries=${
        number("retries")
      }, flags=${hex("flags")}, status=${hex("status")}`;
    case "nvme_sq":
      return `${head}, head=${number("sq_head")}, tail=${number("sq_tail")}`;
  }
  return null;
}

/** Number of bytes in command words 10 to 15. */
const COMMAND_BYTES = 24;

/**
 * Formats command words 10 to 15: the first LBA, the zero-based length, the rest. In a file, the
 * library prints these bytes as text (up to the first 0) until it reaches a record with bytes that
 * are not text. Bytes printed as text are left unchanged, and give no information about the blocks.
 */
function commandText(fields: Fields): string {
  const opcode = Number(fields.get("opcode"));
  const names = fields.get("qid") === "0" ? ADMIN_OPCODES : IO_OPCODES;
  const name = names[opcode] ?? `0x${opcode.toString(16)}`;
  const words = fields.get("cdw10") ?? "";
  const bytes = numbers(words, 1);
  const hasBlocks = /^nvme_cmd_(?:read|write|write_zeroes)$/.test(name);
  if (!hasBlocks || bytes === null || bytes.length !== COMMAND_BYTES) {
    return `${name} cdw10=${words.replaceAll(",", "")}`;
  }
  const number = (from: number, width: number) =>
    bytes.slice(from, from + width).reduceRight((sum, byte) => 256 * sum + Number(byte), 0);
  const control = number(10, 2).toString(16);
  return `${name} slba=${number(0, 8)}, len=${number(8, 2)}, ctrl=0x${control}, ` +
    `dsmgmt=${number(12, 4)}, reftag=${number(16, 4)}`;
}
