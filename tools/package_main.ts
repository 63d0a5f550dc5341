/** `deno task package [FOLDER]`: builds the npm package, by default in `dist/`. */
import { buildPackage } from "./package/build_package.ts";

const [folder = "dist"] = Deno.args;
if (folder.startsWith("-")) {
  console.error(`error: ${JSON.stringify(folder)} is no folder: deno task package [FOLDER]`);
  Deno.exit(2);
}
const problem = buildPackage(folder);
console.log(problem === null ? `Wrote ${folder}/` : `error: ${problem}`);
Deno.exit(problem === null ? 0 : 1);
