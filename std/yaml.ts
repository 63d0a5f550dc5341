/** YAML of the Deno standard library, typed; see `assert.ts`. */
// @ts-types="./yaml.d.ts"
export { parse } from "deno-std/yaml/parse.js";
