/** `deno task script vscode [FILE]`: builds the VS Code extension, by default as `dist/dmalab.vsix`. */
import { dirname } from "node:path";
import { buildExtension } from "./vscode/build_extension.ts";

const [path = "dist/dmalab.vsix"] = Deno.args;
Deno.mkdirSync(dirname(path), { recursive: true });
const problem = buildExtension(path);
console.log(problem === null ? `Wrote ${path}` : `error: ${problem}`);
Deno.exit(problem === null ? 0 : 1);
