/**
 * Commands of NVMe, as a trace line has them.
 *
 * @see rules/traces.md T.34, T.35, T.37
 */
import type { NvmeCommand } from "../script/recorder.ts";

const SETUP = /^(nvme\d+): .*?qid=(\d+), cmdid=(\d+)(?:,.*?cmd=\((\w+))?/;
const DISK = / disk=([^,\s]+)/;
const EXTENT = / slba=(\d+), len=(\d+)/;
const COMPLETE = /^(nvme\d+): .*?qid=(\d+), cmdid=(\d+)/;
const VERBS: Readonly<Record<string, string>> = { nvme_cmd_read: "read", nvme_cmd_write: "write" };

/** The command of `nvme_setup_cmd`, or null when the line is damaged. */
export function readSetup(payload: string): NvmeCommand | null {
  const match = SETUP.exec(payload);
  if (match === null) return null;
  const [, controller, qid, cmdid, opcode] = match;
  const extent = EXTENT.exec(payload);
  return {
    name: nameOf(controller!, qid!, cmdid!),
    controller: controller!,
    disk: DISK.exec(payload)?.[1] ?? null,
    verb: VERBS[opcode ?? ""] ?? opcode ?? "",
    lba: extent === null ? 0 : Number(extent[1]),
    // The length is zero-based.
    blocks: extent === null ? 0 : Number(extent[2]) + 1,
  };
}

/** Whose completion a line is, by the name that its setup has, or null. */
export function readCompletion(payload: string): string | null {
  const match = COMPLETE.exec(payload);
  return match === null ? null : nameOf(match[1]!, match[2]!, match[3]!);
}

function nameOf(controller: string, qid: string, cmdid: string): string {
  return `${controller} qid ${qid} cmdid ${cmdid}`;
}
