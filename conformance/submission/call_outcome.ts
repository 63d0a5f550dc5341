/** What a captured system call returns, as it follows from its requests' ends. */
import { BLK_STS, blkStatusErrno, blkStatusName, ERRNO } from "../../runtime/errno.ts";
import { blockStatusOf } from "../../devices/nvme/driver/command/status.ts";
import type { Outcome } from "../kernel/kernel_replay.ts";
import type { CapturedCall } from "./submission_data.ts";

/** A call's `result` and `errno`, as the captures have them. */
export type CallResult = Pick<CapturedCall, "result" | "errno">;

/** The errno of a call that was refused before it made a request. */
export const REFUSED: number = ERRNO.EINVAL;

/**
 * What a call is told.
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
  const isPassthrough = call.how === "passthru" || call.how === "passthru_vec";
  // A user's own command that the controller refused returns what the controller said.
  if (isPassthrough && errno === 0 && failed !== undefined && failed.nvmeStatus !== 0) {
    return { result: failed.nvmeStatus, errno: 0 };
  }
  const failure = errno !== 0 || failed === undefined ? errno : errnoOf(failed);
  if (failure !== 0) return { result: call.how === "aio" ? -failure : -1, errno: failure };
  const movesBytes = call.how === "preadv" || call.how === "aio";
  return { result: movesBytes ? call.bytes : 0, errno: 0 };
}

function errnoOf({ nvmeStatus, status }: Outcome): number {
  const blockStatus = status === BLK_STS.OK ? blockStatusOf(nvmeStatus) : status;
  return ERRNO[blkStatusErrno(blkStatusName(blockStatus))];
}
