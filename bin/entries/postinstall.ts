/**
 * Runs after npm has unpacked the package. It makes the shell, in place of Node, start `bin.js`, to
 * save Node's start time. If scripts of packages are not run, and on Windows, Node starts `bin.js`.
 */
import { chmodSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const SHELL = "/bin/sh";
const LIB = dirname(fileURLToPath(import.meta.url));
const BIN = join(LIB, "bin.js");
const DRAFT = `${BIN}.draft`;
/**
 * A linked folder, such as `dist` of a checkout, may be packed again. Therefore its `bin.js`, which
 * must be usable on all systems, is not changed.
 */
const isUnpacked = basename(dirname(dirname(LIB))) === "node_modules";

if (process.platform !== "win32" && isUnpacked && existsSync(SHELL)) {
  try {
    // The text is written as a new file. A package manager may share the old file between projects
    // by a hard link, so the old file must not change.
    writeFileSync(DRAFT, readFileSync(BIN, "utf8").replace(/^#!.*/, `#!${SHELL}`));
    chmodSync(DRAFT, 0o755);
    renameSync(DRAFT, BIN);
  } catch {
    // The command works without this change, so an error must not fail the installation.
    rmSync(DRAFT, { force: true });
  }
}
