/** Tells commands in the form of the recorded defects. */
import { BLK_STS, blkStatusErrno, blkStatusName, ERRNO } from "@dmalab/runtime";
import type { Json } from "../difference.ts";
import type { DefectStep } from "./defect_data.ts";
import type { DeviceView } from "./device_view.ts";
import { linesOf, type PreparedCommand } from "./transcript.ts";

/** Of a request that is tried again and again, so many tries are listed. */
const LISTED_TRIES = 3;

/** The model's commands, without the later tries that the record leaves out. */
export function commandForms(commands: readonly PreparedCommand[], step: DefectStep): Json {
  const listed = step.attempts === undefined ? commands : commands.slice(0, LISTED_TRIES);
  const devices = recordedDevices(listed, step);
  return listed.map((command, index) => {
    const { request, status } = command;
    const outcome = outcomeOf(command);
    const errno = ERRNO[blkStatusErrno(blkStatusName(status))];
    const form: Record<string, Json> = {
      bytes: request.bytes,
      sector: request.userCommand ? null : request.sector,
      segments: request.nrPhysSegments,
      integrity_segments: request.nrIntegritySegments,
      gap_bit: request.gapBit,
      calls: linesOf(command, outcome, errno),
      outcome,
    };
    if (command.device !== null) {
      form.command = command.device.command;
      form.status = request.nvmeStatus;
      form.device = devices[index]!;
    }
    return form;
  });
}

/** The record's commands without their tags, which are given. */
export function expectedCommands({ commands }: DefectStep): Json {
  return commands.map(({ tag: _, ...command }) => command as unknown as Json);
}

function outcomeOf({ status, released, completed }: PreparedCommand): string {
  if (status === BLK_STS.OK) return completed ? "completed" : "pending";
  if (!released) return "prepared again";
  return status === BLK_STS.RESOURCE ? "resource" : "ioerr";
}

/**
 * What the recorder saw the controller do. It noted everything under the command that was fetched
 * last, and metadata is looked at only when a command's data has moved: that of several commands in
 * flight is all noted under the last one, in the order in which their data ended.
 */
function recordedDevices(commands: readonly PreparedCommand[], step: DefectStep): Json[] {
  const sent = commands.filter(({ device }) => device !== null);
  const last = sent.at(-1);
  const ended = sent.filter(({ device }) => device!.metadataRanges.length > 0)
    .toSorted((a, b) => endOf(a, step) - endOf(b, step));
  return commands.map((command) => {
    const { device } = command;
    if (device === null) return null;
    const noted = sent.length > 1 ? (command === last ? ended : []) : ended;
    const descriptors = [
      ...device.dataDescriptors,
      ...noted.flatMap((each) => each.device!.metadataDescriptors),
    ];
    return {
      ...device.prps,
      ...(descriptors.length === 0 ? {} : { sgl_descriptors: descriptors as unknown as Json }),
      ranges: [
        ...device.ranges,
        ...noted.flatMap((each) => each.device!.metadataRanges),
      ],
      ...refusal(device),
    };
  });
}

/** When a command's data ended, as the results of the step's I/Os tell: they are in that order. */
function endOf({ request }: PreparedCommand, step: DefectStep): number {
  const { res } = step.result;
  if (!Array.isArray(res)) return 0;
  const offset = (request.sector - (step.commands[0]?.sector ?? 0)) * 512;
  const pieces = step.request.pieces ?? [];
  let index = 0;
  for (let at = 0; index < pieces.length && at < offset; index++) at += pieces[index]![1];
  return res.findIndex((entry) => Array.isArray(entry) && entry[0] === index);
}

function refusal({ status }: DeviceView): { readonly [field: string]: Json } {
  return status === 0 ? {} : { rejected_with: status };
}
