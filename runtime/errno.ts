/**
 * The kernel's two kinds of error codes, errno and block status, and the error classes of the
 * project.
 *
 * Inside the runtime, functions return 0 or a negative errno exactly as the kernel functions of the
 * same name do, so the hot path throws nothing. `KernelError` is such an error as an exception, for
 * callers that want an exception: the language's calls throw it. `InvariantError` means a bug in
 * the simulator itself; a script can never expect it.
 */

/** Errno names with their numbers (asm-generic), which are positive. */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  EIO: 5,
  ENXIO: 6,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  ENOSPC: 28,
  ERANGE: 34,
  ENODATA: 61,
  ENOLINK: 67,
  EOVERFLOW: 75,
  EILSEQ: 84,
  EOPNOTSUPP: 95,
  EADDRINUSE: 98,
  ENOTCONN: 107,
  ETIMEDOUT: 110,
  EREMOTEIO: 121,
} as const;

/** The name of an error: `ENOMEM`. */
export type ErrnoName = keyof typeof ERRNO;

const ERRNO_NAMES = new Map<number, ErrnoName>(
  Object.entries(ERRNO).map(([name, value]) => [value, name as ErrnoName]),
);

/**
 * Names an errno, which may have either sign: `-22`, as kernel functions return it, and `22` are
 * `EINVAL`.
 */
export function errnoName(errno: number): ErrnoName {
  const name = ERRNO_NAMES.get(Math.abs(errno));
  if (name === undefined) throw new InvariantError(`Unknown errno ${errno}`);
  return name;
}

/**
 * Block status codes with the numbers the captures use.
 * @see rules/block.md 2.3, rules/nvme.md 4.2
 */
export const BLK_STS = {
  OK: 0,
  NOTSUPP: 1,
  TIMEOUT: 2,
  NOSPC: 3,
  TRANSPORT: 4,
  TARGET: 5,
  RESV_CONFLICT: 6,
  MEDIUM: 7,
  PROTECTION: 8,
  RESOURCE: 9,
  IOERR: 10,
  AGAIN: 12,
  /** A resource of this device is in use; a completion of the device will release the resource. */
  DEV_RESOURCE: 13,
  ZONE_OPEN_RESOURCE: 14,
  ZONE_ACTIVE_RESOURCE: 15,
  OFFLINE: 16,
  INVAL: 19,
  /** For peer memory that cannot be reached. Only in a first proposal of 2021, in no release. */
  P2PDMA: 20,
} as const;

/** The name of a block status: `RESOURCE`. */
export type BlkStatusName = keyof typeof BLK_STS;
/** The number of a block status. */
export type BlkStatus = (typeof BLK_STS)[BlkStatusName];

/** Block status names by number, with holes. */
const BLK_STATUS_NAMES: (BlkStatusName | undefined)[] = [];
for (const [name, value] of Object.entries(BLK_STS)) {
  BLK_STATUS_NAMES[value] = name as BlkStatusName;
}

/** Names a block status: `9` is `RESOURCE`. */
export function blkStatusName(status: number): BlkStatusName {
  const name = BLK_STATUS_NAMES[status];
  if (name === undefined) throw new InvariantError(`Unknown block status ${status}`);
  return name;
}

/**
 * Converts a mapping function's errno into the status the block iterator reports.
 *
 * @param errno Negative or positive errno; 0 is OK.
 * @see rules/block.md 2.3, row 4e
 */
export function errnoToBlkStatus(errno: number): BlkStatus {
  return errno === 0 ? BLK_STS.OK : STATUS_OF_ERRNO.get(Math.abs(errno)) ?? BLK_STS.IOERR;
}

const STATUS_ERRNO: Readonly<Partial<Record<BlkStatusName, ErrnoName>>> = {
  NOTSUPP: "EOPNOTSUPP",
  TIMEOUT: "ETIMEDOUT",
  NOSPC: "ENOSPC",
  TRANSPORT: "ENOLINK",
  // Where two statuses have the same errno, the last row gives that errno's status.
  P2PDMA: "EREMOTEIO",
  TARGET: "EREMOTEIO",
  MEDIUM: "ENODATA",
  PROTECTION: "EILSEQ",
  RESOURCE: "ENOMEM",
  AGAIN: "EAGAIN",
  DEV_RESOURCE: "EBUSY",
  OFFLINE: "ENODEV",
  INVAL: "EINVAL",
};
const STATUS_OF_ERRNO: ReadonlyMap<number, BlkStatus> = new Map(
  Object.entries(STATUS_ERRNO).map(([status, errno]) => [
    ERRNO[errno],
    BLK_STS[status as BlkStatusName],
  ]),
);

/** The errno a synchronous read or write raises for a block status (docs/language/declarations.md). */
export function blkStatusErrno(status: BlkStatusName): ErrnoName {
  return STATUS_ERRNO[status] ?? "EIO";
}

/** A kernel call failed, with the kernel's own error code. A script can expect and catch it. */
export class KernelError extends Error {
  /** The error name in a stack trace. */
  override readonly name = "KernelError";

  /**
   * Creates the error of a failed call.
   * @param errno The errno's name.
   * @param what The attempted action, as a sentence without a final period.
   * @param blkStatus The block status, if the failure was reported as one.
   * @param deviceStatus The device's own status code, if that was the failure.
   */
  constructor(
    readonly errno: ErrnoName,
    readonly what: string,
    readonly blkStatus: BlkStatusName | null = null,
    readonly deviceStatus: number | null = null,
  ) {
    super(`${what}: ${errno}`);
  }
}

/** A rule of the simulator itself is broken: a bug in dmalab, reported as such. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

/** Stops the run with a bug report when a rule of the simulator itself does not hold. */
export function invariant(condition: boolean, what: string): asserts condition {
  if (!condition) throw new InvariantError(what);
}
