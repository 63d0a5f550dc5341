/**
 * Terminal colours of the Deno standard library, typed (see `assert.ts` for why this file exists).
 * `setColorEnabled(false)` makes every function return its argument unchanged.
 */
// @ts-types="./colors.d.ts"
export {
  blue,
  bold,
  brightBlack,
  cyan,
  dim,
  getColorEnabled,
  green,
  magenta,
  red,
  setColorEnabled,
  stripAnsiCode,
  yellow,
} from "deno-std/fmt/colors.js";
