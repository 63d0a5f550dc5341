/** Names of the files with a driver's records, in the folder of `--keep` and in messages. */
export const DRIVER_FILES = { trace: "trace.txt", log: "log.txt" } as const;
