/** What a captured system call returns, as it follows from its requests' ends. */
import { BLK_STS, blkStatusErrno, blkStatusName, ERRNO } from "@dmalab/runtime";
import { blockStatusOf } from "@dmalab/devices/nvme";
import type { Outcome } from "../kernel/kernel_replay.ts";
import type { CapturedCall } from "./submission_data.ts";

/** A call's `result` and `errno`, as the captures have them. */
export type CallResult = Pick<CapturedCall, "result" | "errno">;

/** The errno of a call that was refused before it made a request. */
export const REFUSED: number = ERRNO.EINVAL;

/** Whether a call hands a command of its own to the driver, past the block device. */
export function isPassthrough({ how }: CapturedCall): boolean {
  return how === "passthru" || how === "passthru_vec";
}

/**
 * What a call returns that goes to a block device without blocks: the kernel makes one of 0 bytes for
 * a disk whose metadata lies among its data, and every place is behind its end.
 */
export function resultBehindTheEnd(call: CapturedCall): CallResult {
  const errno = call.how === "ioctl" ? ERRNO.EINVAL : call.op === "write" ? ERRNO.ENOSPC : 0;
  return resultOf(call, errno, 0);
}

/**
 * What a call returns.
 *
 * @param errno Why it was refused before it made all its requests; 0 when it was not.
 * @param outcomes Of the requests that hold parts of it.
 */
export function callResult(
  call: CapturedCall,
  errno: number,
  outcomes: readonly Outcome[],
): CallResult {
  const failed = outcomes.find(({ nvmeStatus, status }) =>
    status !== BLK_STS.OK || nvmeStatus !== 0
  );
  // A user's own command that the controller refused returns what the controller said.
  if (isPassthrough(call) && errno === 0 && failed !== undefined && failed.nvmeStatus !== 0) {
    return { result: failed.nvmeStatus, errno: 0 };
  }
  const failure = errno !== 0 || failed === undefined ? errno : errnoOf(failed);
  const movesBytes = call.how === "preadv" || call.how === "aio";
  return resultOf(call, failure, movesBytes ? call.bytes : 0);
}

function resultOf({ how }: CapturedCall, errno: number, bytes: number): CallResult {
  if (errno === 0) return { result: bytes, errno };
  return { result: how === "aio" ? -errno : -1, errno };
}

function errnoOf({ nvmeStatus, status }: Outcome): number {
  const blockStatus = status === BLK_STS.OK ? blockStatusOf(nvmeStatus) : status;
  return ERRNO[blkStatusErrno(blkStatusName(blockStatus))];
}
