/**
 * How many bytes or characters of each kind of file are read. For data of scripts, see
 * `lang/values/limits.ts`.
 */
export const READ_LIMITS = {
  /** Scenarios, snapshots, listings, logs: bytes. */
  text: 2 ** 25,
  /** A file in `.dmalab`: bytes. */
  own: 2 ** 22,
  /** A trace from the standard input, which is read twice: bytes that are kept in memory. */
  traceInput: 2 ** 24,
  /** The same trace: bytes that are kept in the folder of temporary files. */
  traceSpool: 2 ** 34,
  /** A line of a trace: characters; the rest of the line is dropped. */
  traceLine: 2 ** 20,
  /** Limit of a file after unpacking: bytes. */
  unpacked: 2 ** 26,
  /**
   * The same file: limit as a multiple of its packed size; traces pack to a tenth or a twentieth.
   */
  unpackedTimes: 100,
} as const;
