/** Path functions of the Deno standard library, typed (see `assert.ts` for why this file exists). */
// @ts-types="./path.d.ts"
export {
  basename,
  dirname,
  extname,
  fromFileUrl,
  isAbsolute,
  join,
  normalize,
  relative,
  resolve,
  SEPARATOR,
  toFileUrl,
} from "deno-std/path/mod.js";
