/** NVMe status codes and what they are to the block layer. @see rules/nvme.md 4.2 */
import { BLK_STS, type BlkStatus } from "@dmalab/runtime";

/** Do not retry. */
const DNR = 0x4000;
/** Status code type and status code. */
const CODE_MASK = 0x7ff;

const STATUSES = new Map<number, BlkStatus>([
  [0x000, BLK_STS.OK],
  [0x081, BLK_STS.NOSPC],
  [0x080, BLK_STS.TARGET],
  [0x021, BLK_STS.TARGET],
  [0x082, BLK_STS.TARGET],
  [0x180, BLK_STS.NOTSUPP],
  [0x001, BLK_STS.NOTSUPP],
  [0x002, BLK_STS.NOTSUPP],
  [0x00b, BLK_STS.NOTSUPP],
  [0x280, BLK_STS.MEDIUM],
  [0x281, BLK_STS.MEDIUM],
  [0x285, BLK_STS.MEDIUM],
  [0x286, BLK_STS.MEDIUM],
  [0x287, BLK_STS.MEDIUM],
  [0x182, BLK_STS.MEDIUM],
  [0x282, BLK_STS.PROTECTION],
  [0x283, BLK_STS.PROTECTION],
  [0x284, BLK_STS.PROTECTION],
  [0x181, BLK_STS.PROTECTION],
  [0x083, BLK_STS.RESV_CONFLICT],
  [0x370, BLK_STS.TRANSPORT],
  [0x1bd, BLK_STS.ZONE_ACTIVE_RESOURCE],
  [0x1be, BLK_STS.ZONE_OPEN_RESOURCE],
]);

/**
 * The block status of a completion.
 * @param status The 15-bit status field, phase bit shifted out.
 */
export function blockStatusOf(status: number): BlkStatus {
  if (status === 0) return BLK_STS.OK;
  return STATUSES.get(status & CODE_MASK) ?? BLK_STS.IOERR;
}

/** The controller says that trying again is useless. */
export function doNotRetry(status: number): boolean {
  return (status & DNR) !== 0;
}
