/** What other members use of `tools/vscode`. */
export { buildExtension } from "./build_extension.ts";
