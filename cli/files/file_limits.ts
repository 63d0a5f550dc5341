/** How much is read of each kind of file; data of scripts has its limit in `lang/values/limits.ts`. */
export const READ_LIMITS = {
  /** Scenarios, snapshots, listings, logs: bytes. */
  text: 2 ** 25,
  /** A file in `.dmalab`: bytes. */
  own: 2 ** 22,
  /** For a trace from the standard input, which is read twice: bytes that are kept in memory, */
  traceInput: 2 ** 24,
  /** and bytes that are kept in the folder of temporary files. */
  traceSpool: 2 ** 34,
  /** What `trace watch` keeps to write it at a fault: bytes. */
  keptTrace: 2 ** 25,
  /** A line of a trace: characters; the rest of the line is dropped. */
  traceLine: 2 ** 20,
  /** A packed file unpacks to so many bytes, */
  unpacked: 2 ** 26,
  /** and to so many times its own size: traces pack to a tenth or a twentieth. */
  unpackedTimes: 100,
} as const;
