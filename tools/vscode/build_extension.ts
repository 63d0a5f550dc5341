/** Builds the VS Code extension as a `.vsix`, with VS Code's own `vsce`. */
import { TempFolder } from "../temp_folder.ts";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { runProjectDeno } from "../package/bundle.ts";
import { PROJECT } from "../project.ts";
import { manifest } from "./manifest.ts";

const FOLDER = new URL("../../extensions/editor/vscode/", import.meta.url);

/** Files of the folder that are copied unchanged. */
const AS_THEY_ARE = [
  "README.md",
  "language-configuration.json",
  "snippets.json",
  "syntaxes/dma.tmLanguage.json",
];

/**
 * Command that packs the current folder. The dependencies of vsce, the packing tool, are not
 * locked, because none of them is in the packed files.
 */
const PACKER = [
  ...["run", "-A", "--no-config", "--no-lock", "npm:@vscode/vsce@3.6.2", "package"],
  ...["--no-dependencies", "--allow-missing-repository", "--no-rewrite-relative-links", "--out"],
];

/** Writes the extension into a file. @returns The error message; null on success. */
export function buildExtension(path: string): string | null {
  using folder = new TempFolder();
  const bundle = folder.at("extension.js");
  const entry = fileURLToPath(new URL("extension.ts", FOLDER));
  const options = ["--format", "cjs", "--external", "vscode", "--minify", "--output", bundle];
  const problem = runProjectDeno("bundle", [...options, entry]);
  if (problem !== null) return `The extension cannot be built: ${problem}`;
  folder.write("package.json", JSON.stringify(manifest(), null, 2));
  Deno.copyFileSync(join(PROJECT, "LICENSE"), folder.at("LICENSE.txt"));
  Deno.mkdirSync(folder.at("syntaxes"));
  for (const name of AS_THEY_ARE) Deno.copyFileSync(new URL(name, FOLDER), folder.at(name));
  const packed = new Deno.Command(Deno.execPath(), {
    args: [...PACKER, resolve(path)],
    cwd: folder.path,
  }).outputSync();
  if (!packed.success) {
    return `The extension cannot be packed: ${new TextDecoder().decode(packed.stderr)}`;
  }
  return null;
}
