/** Other workspace members use these exports of `cli/files`. */
export { FileError, FullDiskError } from "./file_error.ts";
export { READ_LIMITS } from "./file_limits.ts";
export { gunzipText, gzipText } from "./gzip.ts";
export {
  hashOf,
  keepBytes,
  keepFile,
  keptBytes,
  keptFile,
  keptValue,
  removeOldest,
} from "./user_cache.ts";
export {
  appendFile,
  beside,
  checkPlace,
  doOrSay,
  isTaken,
  makeNamedFolder,
  makeOwnFolder,
  type OutputTarget,
  rewriteFile,
  Spool,
  withTempFolder,
  writeFile,
  writeNamed,
  writeOrSay,
} from "./write_file.ts";
