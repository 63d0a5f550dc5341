/**
 * NVMe commands, parsed from trace lines.
 *
 * @see rules/traces.md T.34, T.35, T.37
 */
import type { NvmeCommand } from "../script/recorder.ts";
import { KnownTexts } from "./known_texts.ts";
import { type PayloadFields, payloadKey } from "./payload.ts";

const CMD = new TextEncoder().encode(" cmd=(");
const CMDID = payloadKey("cmdid");
const DISK = payloadKey("disk");
const LEN = payloadKey("len");
const QID = payloadKey("qid");
const SLBA = payloadKey("slba");
/**
 * The controller in the first word of a payload. The same controller always gives the same string
 * object. Null for a word that is no controller.
 */
const CONTROLLERS = new KnownTexts((word) => /^(nvme\d+):$/.exec(word)?.[1] ?? null);
const HAS_BLOCKS = /^nvme_cmd_(?:read|write|write_zeroes)$/;
const VERBS: Readonly<Record<string, string>> = { nvme_cmd_read: "read", nvme_cmd_write: "write" };

/** The command in a `nvme_setup_cmd` line, or null if the line is damaged. */
export function readSetup(fields: PayloadFields): NvmeCommand | null {
  const controller = controllerOf(fields);
  if (controller === null) return null;
  const disk = fields.word(DISK);
  const name = nameOf(controller, fields);
  if (name === null) return null;
  const command = fields.indexOf(CMD);
  const opcode = command < 0 ? "" : fields.valueAt(command + CMD.length);
  const lba = fields.decimal(SLBA);
  const last = fields.decimal(LEN);
  const isWhole = lba !== null && last !== null;
  const unsaid = isWhole || HAS_BLOCKS.test(opcode) ? null : 0;
  return {
    name,
    controller,
    disk,
    verb: VERBS[opcode] ?? opcode,
    lba: isWhole ? lba : unsaid,
    // The length in the line is zero-based.
    blocks: isWhole ? last + 1 : unsaid,
  };
}

/**
 * The name of the completed command, which is equal to the command's name at its setup. Null for a
 * damaged line.
 */
export function readCompletion(fields: PayloadFields): string | null {
  const controller = controllerOf(fields);
  return controller === null ? null : nameOf(controller, fields);
}

/** The `nvme0` in `nvme0: …`. */
function controllerOf(fields: PayloadFields): string | null {
  return fields.firstWordAs(CONTROLLERS);
}

function nameOf(controller: string, fields: PayloadFields): string | null {
  const qid = fields.decimal(QID);
  const cmdid = fields.decimal(CMDID);
  return qid === null || cmdid === null ? null : `${controller} qid ${qid} cmdid ${cmdid}`;
}
