/**
 * Path functions of Node's own library, which Deno and Node bring along: nothing is downloaded for
 * them. Where the original registry of Deno's library is at hand, point `@std/path` at it.
 */
export {
  basename,
  dirname,
  extname,
  isAbsolute,
  join,
  normalize,
  relative,
  resolve,
  sep,
} from "node:path";
export { fileURLToPath as fromFileUrl, pathToFileURL as toFileUrl } from "node:url";
