/**
 * Runs when npm has unpacked the package: `bin.js` is started by the shell instead of Node, which saves Node's own start. Where
 * scripts of packages are not run, and on Windows, Node starts it.
 */
import { chmodSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const SHELL = "/bin/sh";
const BIN = join(dirname(fileURLToPath(import.meta.url)), "bin.js");
const DRAFT = `${BIN}.draft`;

if (process.platform !== "win32" && existsSync(SHELL)) {
  try {
    // A new file: a package manager may share the old one between projects by a hard link.
    writeFileSync(DRAFT, readFileSync(BIN, "utf8").replace(/^#!.*/, `#!${SHELL}`));
    chmodSync(DRAFT, 0o755);
    renameSync(DRAFT, BIN);
  } catch {
    // The command works without it: an installation does not fail for it.
    rmSync(DRAFT, { force: true });
  }
}
