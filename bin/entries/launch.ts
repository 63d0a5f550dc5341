/**
 * The command `dmalab` when Node starts it, or when `launch.sh` passes a command line on to this
 * program. It runs `main.js` with Deno, with the permissions of the command. It uses the Deno of
 * the npm package `deno`. If that package has no Deno for the platform, it uses the Deno on the
 * PATH.
 */
import { spawn, spawnSync } from "node:child_process";
import { readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import {
  DENO_VERSION,
  denoOptions,
  GIVEN_PERMISSIONS,
  LOADER_VARIABLES,
  NODE_OPTIONS_VARIABLE,
  type Permissions,
  permissionsOf,
  V8_OPTION,
} from "@dmalab/cli/extend";

const LIB = dirname(fileURLToPath(import.meta.url));
/** The folder of the package. */
const OWN = dirname(LIB);
const CANNOT_START = 2;
/** The permissions of the commands, written when the package was built. */
const PERMISSIONS: Permissions = JSON.parse(
  readFileSync(join(LIB, "permissions.json"), "utf8"),
);

/** The executable of the package `deno`; null if the package has none for this platform. */
function packaged(): string | null {
  const [file, library] = process.platform === "win32"
    ? ["deno.exe", ""]
    : ["deno", process.platform === "linux" ? "-glibc" : ""];
  const name = `@deno/${process.platform}-${process.arch}${library}/package.json`;
  try {
    const brought = createRequire(createRequire(import.meta.url).resolve("deno/package.json"));
    // The resolved path, as in `Deno.execPath()`: the permission to start the compiler contains it.
    return realpathSync(join(dirname(brought.resolve(name)), file));
  } catch {
    return null;
  }
}

/**
 * The Deno on the PATH. Null unless it has the same major version as the Deno used in tests and is
 * not older than that Deno.
 */
function installed(): string | null {
  const print = "console.log(JSON.stringify([Deno.version.deno, Deno.execPath()]))";
  const { status, stdout } = spawnSync("deno", ["eval", print], { encoding: "utf8" });
  if (status !== 0) return null;
  const [version, path] = JSON.parse(stdout) as [string, string];
  const parts = (text: string) => text.split(".").map(Number) as [number, number];
  const [[major, minor], [wanted, least]] = [parts(version), parts(DENO_VERSION)];
  return major === wanted && minor >= least ? path : null;
}

/** @param options Options for this executable, in addition to `denoOptions`, which every Deno gets. */
function start(deno: string, options: readonly string[]): void {
  const { added, flags, words } = permissionsOf(
    PERMISSIONS,
    process.argv.slice(2),
    OWN,
    deno,
    process.env,
  );
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) =>
      name !== NODE_OPTIONS_VARIABLE && !LOADER_VARIABLES.some((each) => name.startsWith(each))
    ),
  );
  // Whether a command at a terminal can ask this process to stop the whole process group, as Ctrl-Z
  // does. The command sends a message for this.
  const stops = PERMISSIONS[words[0] ?? ""]?.edits && process.platform !== "win32";
  const child = spawn(
    deno,
    ["run", ...denoOptions(OWN), ...options, ...flags, join(LIB, "main.js"), ...words],
    {
      env: { ...env, DENO_NO_UPDATE_CHECK: "1", [GIVEN_PERMISSIONS]: added.join("\n") },
      stdio: ["inherit", "inherit", "inherit", ...stops ? ["ipc" as const] : []],
    },
  );
  const isAtTerminal = [process.stdin, process.stdout, process.stderr].some(({ isTTY }) => isTTY);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const) {
    // A terminal sends Ctrl-C to both processes. If this process passed it on, the program would
    // get it twice, and the second one would end the interrupted run.
    process.on(signal, () => signal === "SIGINT" && isAtTerminal || child.kill(signal));
  }
  child.on("message", () => process.kill(0, "SIGSTOP"));
  child.on("error", (error) => {
    console.error(`error: Cannot start ${deno}: ${error.message}`);
    process.exitCode = CANNOT_START;
  });
  child.on("exit", (code, signal) => {
    if (signal === null) process.exitCode = code!;
    else {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    }
  });
}

const ofPackage = packaged();
const deno = ofPackage ?? installed();
if (deno !== null) start(deno, ofPackage === null ? [] : [V8_OPTION]);
else {
  console.error(
    `error: There is no Deno: the npm package "deno" is not installed beside dmalab, or has none ` +
      `for this system; put Deno ${DENO_VERSION} on the PATH`,
  );
  process.exitCode = CANNOT_START;
}
