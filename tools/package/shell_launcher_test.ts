/**
 * The shell starts Deno with the flags that `permissionsOf` returns. It passes all lines that it
 * cannot handle to Node.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { PERMISSIONS } from "@dmalab/bin/all_commands";
import { denoOptions, permissionsOf, V8_OPTION, VERSION } from "@dmalab/cli/extend";
import { TempFolder } from "../temp_folder.ts";
import { BIN_TEXT, shellLauncher } from "./shell_launcher.ts";

const TO_NODE = "node";

/** The folder of the npm package with Deno for this system. */
const SYSTEM = `${Deno.build.os}-${Deno.build.arch === "x86_64" ? "x64" : "arm64"}` +
  (Deno.build.os === "linux" ? "-glibc" : "");

/** An installed package with a fake Deno and Node that print their arguments. */
class Installed {
  readonly folder = new TempFolder();
  readonly modules: string;
  readonly own: string;
  readonly deno: string;
  readonly env: Record<string, string> = {
    HOME: `${this.folder.path}/home`,
    PATH: `${this.folder.path}/bin:/usr/bin:/bin`,
  };

  /** @param modules The name of the folder with the packages. */
  constructor(modules = "node_modules") {
    const { folder } = this;
    this.modules = folder.at(`lab/${modules}`);
    this.own = `${this.modules}/dmalab`;
    this.deno = `${this.modules}/@deno/${SYSTEM}/deno`;
    const program = (path: string, text: string) => {
      folder.write(path, `#!/bin/sh\n${text}\n`);
      Deno.chmodSync(folder.at(path), 0o755);
    };
    program("bin/node", `echo ${TO_NODE}`);
    program(
      `lab/${modules}/@deno/${SYSTEM}/deno`,
      `printf '%s\\n' "$@" "$DMALAB_PERMISSIONS$NODE_OPTIONS"`,
    );
    folder.write(`lab/${modules}/deno/package.json`, "{}");
    folder.write(`lab/${modules}/dmalab/lib/bin.js`, BIN_TEXT.replace(/^#!.*/, "#!/bin/sh"));
    folder.write(`lab/${modules}/dmalab/lib/launch.sh`, shellLauncher(PERMISSIONS, VERSION));
    Deno.chmodSync(`${this.own}/lib/bin.js`, 0o755);
    folder.write("home/.cache/x", "");
    folder.write("there/x.dma", "");
    folder.write("linked/.cache/x", "");
    Deno.symlinkSync(folder.at("there"), folder.at("linked/.cache/dmalab"));
    folder.write("work/x.dma", "");
    Deno.mkdirSync(`${this.modules}/.bin`);
    Deno.symlinkSync("../dmalab/lib/bin.js", `${this.modules}/.bin/dmalab`);
    Deno.symlinkSync(folder.at("there"), folder.at("work/link"));
  }

  /** The lines that the started program prints. */
  start(
    words: readonly string[],
    more: Readonly<Record<string, string>> = {},
    cwd = this.folder.at("work"),
  ): readonly string[] {
    const { code, stderr, stdout } = new Deno.Command(
      `${this.modules}/.bin/dmalab`,
      { args: [...words], clearEnv: true, cwd, env: { ...this.env, ...more } },
    ).outputSync();
    assertEquals([code, new TextDecoder().decode(stderr)], [0, ""], words.join(" "));
    return new TextDecoder().decode(stdout).split("\n").slice(0, -1);
  }

  /** The flags with which Node would start Deno. */
  expected(words: readonly string[], more: Readonly<Record<string, string>> = {}) {
    const before = Deno.cwd();
    Deno.chdir(this.folder.at("work"));
    try {
      const env = { ...this.env, ...more };
      const { flags } = permissionsOf(PERMISSIONS, words, this.own, this.deno, env);
      const options = [...denoOptions(this.own), V8_OPTION, ...flags];
      return ["run", ...options, `${this.own}/lib/main.js`, ...words, ""];
    } finally {
      Deno.chdir(before);
    }
  }

  [Symbol.dispose](): void {
    this.folder[Symbol.dispose]();
  }
}

/** Sorted, as the order and repetition of paths in a flag do not matter. */
function sorted(lines: readonly string[]): readonly (string | readonly string[])[] {
  return lines.map((line) =>
    /^-(?:[RW]|-allow-run)=/.test(line) ? [...new Set(line.split(/[=,]/))].sort() : line
  );
}

const OF_FILES = ["fmt", "init", "kernel", "review", "trace"];

Deno.test("the shell starts each command with the permissions that Node would give", () => {
  using installed = new Installed();
  for (const name of Object.keys(PERMISSIONS)) {
    for (const more of [{}, { EDITOR: "vi" }, { VISUAL: "/usr/bin/ed", EDITOR: "vi" }]) {
      for (const words of [[name], [name, "x.dma", "--match", "a b", "$(echo x)", "link/x.dma"]]) {
        const started = installed.start(words, more);
        if (OF_FILES.includes(name)) assertEquals(started, [TO_NODE], name);
        else assertEquals(sorted(started), sorted(installed.expected(words, more)), name);
      }
    }
  }
});

Deno.test("a line with a path outside the folder, or one to write, goes to Node", () => {
  using installed = new Installed();
  const { path } = installed.folder;
  for (
    const line of [
      "",
      "--help",
      "-R=.. run x.dma",
      "unknown",
      "run ../there/x.dma",
      "run link/../x.dma",
      `run ${path}/there/x.dma`,
      `run --driver=${path}/there/x.dma`,
      "run x.dma --export r.json",
      "run x.dma --export=r.json",
      "report -o r.html",
      "test --snapshot",
      "dap --port 4711",
    ]
  ) {
    assertEquals(installed.start(line.split(" ").filter((word) => word !== "")), [TO_NODE], line);
  }
  for (
    const more of [
      { DMALAB_TREE: "../there" },
      { NODE_CHANNEL_FD: "3" },
      { LD_BIND_NOW: "1" },
      { XDG_CACHE_HOME: "" },
      { XDG_CACHE_HOME: "relative" },
      { XDG_CACHE_HOME: "/" },
      { XDG_CACHE_HOME: `${path}//home/.cache` },
      { HOME: `${path}/none` },
      { HOME: "" },
      { HOME: `${path}/linked` },
    ]
  ) {
    assertEquals(installed.start(["run", "x.dma"], more), [TO_NODE], JSON.stringify(more));
  }
  assertEquals(installed.start(["repl"], { EDITOR: "vi -n" }), [TO_NODE]);
  const second = "lab/node_modules/@deno/there/deno";
  installed.folder.write(second, "");
  assertEquals(installed.start(["run", "x.dma"]), [TO_NODE]);
});

Deno.test("the shell uses only a Deno that Node would find and that this system can start", () => {
  using beside = new Installed("unpacked");
  assertEquals(beside.start(["check", "x.dma"]), [TO_NODE]);
  using foreign = new Installed();
  Deno.renameSync(`${foreign.modules}/@deno/${SYSTEM}`, `${foreign.modules}/@deno/plan9-x64`);
  assertEquals(foreign.start(["check", "x.dma"]), [TO_NODE]);
  using linked = new Installed();
  Deno.renameSync(`${linked.modules}/deno`, linked.folder.at("deno"));
  Deno.symlinkSync(linked.folder.at("deno"), `${linked.modules}/deno`);
  assertEquals(linked.start(["check", "x.dma"]), [TO_NODE]);
});

Deno.test("a newline at the end of the folder's name does not permit another folder", () => {
  using installed = new Installed();
  const cwd = installed.folder.at("work\n");
  Deno.mkdirSync(cwd);
  const write = installed.start(["report"], {}, cwd).join("\n").match(/^-W=([^,]*),/m);
  assertEquals(write?.[1], Deno.realPathSync(cwd));
});

Deno.test("the shell does not run a readlink of the PATH", () => {
  using installed = new Installed();
  const readlink = installed.folder.at("bin/readlink");
  installed.folder.write("bin/readlink", "#!/bin/sh\necho /\necho failed >&2\nexit 1\n");
  Deno.chmodSync(readlink, 0o755);
  assertEquals(
    sorted(installed.start(["check", "x.dma"])),
    sorted(installed.expected(["check", "x.dma"])),
  );
});

Deno.test({
  name: "a prompt within another program's process group goes to Node, which stops all on Ctrl-Z",
  ignore: Deno.build.os !== "linux",
  fn() {
    using installed = new Installed();
    const first = (line: string) => {
      const { stdout } = new Deno.Command("script", {
        args: ["-qec", line, "/dev/null"],
        clearEnv: true,
        env: { ...installed.env, DMALAB: `${installed.own}/lib/bin.js`, SHELL: "/bin/sh" },
      }).outputSync();
      return new TextDecoder().decode(stdout).split("\r\n")[0];
    };
    assertEquals(first('exec "$DMALAB" repl'), "run");
    assertEquals(first('"$DMALAB" repl; true'), TO_NODE);
  },
});

Deno.test("permissions and modules that somebody else's environment names are not passed on", () => {
  using installed = new Installed();
  const more = { DMALAB_PERMISSIONS: "-R", NODE_OPTIONS: "--require ./x.cjs" };
  const started = installed.start(["check", "x.dma"], more);
  assertEquals(started, installed.expected(["check", "x.dma"]));
});

Deno.test("the version is printed without Deno", () => {
  using installed = new Installed();
  Deno.removeSync(installed.deno);
  for (const word of ["--version", "-V"]) {
    assertEquals(installed.start([word]), [`dmalab ${VERSION}`]);
  }
  const closed = new Deno.Command("sh", {
    args: ["-c", '"$0" --version >&-', `${installed.own}/lib/bin.js`],
    env: installed.env,
  }).outputSync();
  assertEquals(new TextDecoder().decode(closed.stderr).includes("printf"), false);
  assertEquals(installed.start(["check", "x.dma"]), [TO_NODE]);
});

Deno.test("the command is JavaScript too, for package managers that give its file to Node", () => {
  assertMatch(BIN_TEXT, /^#!\/usr\/bin\/env node\n/);
  using folder = new TempFolder();
  folder.write("bin.js", BIN_TEXT);
  folder.write("package.json", '{"type": "module"}');
  folder.write("launch.js", "console.log('launched')");
  for (const first of ["#!/usr/bin/env node", "#!/bin/sh"]) {
    folder.write("bin.js", BIN_TEXT.replace(/^#!.*/, first));
    const { stdout } = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-config", "-R", folder.at("bin.js")],
    }).outputSync();
    assertEquals(new TextDecoder().decode(stdout), "launched\n");
  }
  assert(!BIN_TEXT.slice(BIN_TEXT.indexOf("\n") + 1).includes("#!"));
});
