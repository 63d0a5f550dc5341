/**
 * Runs every command as installed. The launcher starts the command with the command's permissions, once in an almost
 * empty environment and once in the environment of a desktop session. This finds libraries that read an environment
 * variable when they are imported: a command without permission to read that variable fails.
 */
import { assertEquals, assertMatch } from "@std/assert";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { COMMANDS, PERMISSIONS } from "@dmalab/bin/all_commands";
import { variablesOf } from "@dmalab/cli/extend";
import { giveDeno, ownCaches, shell, withPackage } from "./package_shell.ts";
import { ROOT } from "./source_text.ts";

/** The variables of a desktop session, with files in `base`. Terminals and editors pass them on. */
const desktop = (base: string) => ({
  COLORTERM: "truecolor",
  DBUS_SESSION_BUS_ADDRESS: "unix:path=/run/user/1000/bus",
  DESKTOP_SESSION: "gnome",
  DISPLAY: ":0",
  EDITOR: "vi",
  GDK_BACKEND: "wayland",
  HOME: join(base, "home"),
  LANG: "de_DE.UTF-8",
  LC_ALL: "de_DE.UTF-8",
  LC_TIME: "en_GB.UTF-8",
  LD_LIBRARY_PATH: join(base, "lib"),
  LESS: "-R",
  LOGNAME: "user",
  MAIL: "/var/mail/user",
  NODE_ENV: "development",
  PAGER: "less",
  SHELL: "/bin/bash",
  SSH_AUTH_SOCK: "/run/user/1000/keyring/ssh",
  TERM: "xterm-256color",
  TERM_PROGRAM: "vscode",
  TMPDIR: join(base, "tmp"),
  USER: "user",
  VSCODE_PID: "1",
  WAYLAND_DISPLAY: "wayland-0",
  XAUTHORITY: join(base, "home/.Xauthority"),
  XDG_CACHE_HOME: join(base, "home/.cache"),
  XDG_CONFIG_DIRS: "/etc/xdg",
  XDG_CONFIG_HOME: join(base, "home/.config"),
  XDG_CURRENT_DESKTOP: "GNOME",
  XDG_DATA_DIRS: "/usr/local/share:/usr/share",
  XDG_DATA_HOME: join(base, "home/.local/share"),
  XDG_RUNTIME_DIR: join(base, "run"),
  XDG_SESSION_TYPE: "wayland",
  XDG_STATE_HOME: join(base, "home/.local/state"),
});

/** Messages of the two protocols for editors, one after the other. */
function messages(...bodies: readonly object[]): string {
  return bodies.map((body) => {
    const text = JSON.stringify(body);
    return `Content-Length: ${text.length}\r\n\r\n${text}`;
  }).join("");
}

const FILES = {
  "bench.dma": Deno.readTextFileSync(join(ROOT, "examples/bench/01-strict-over-lazy.dma")),
  "dap.txt": messages(
    { seq: 1, type: "request", command: "initialize", arguments: { adapterID: "dma" } },
    { seq: 2, type: "request", command: "disconnect" },
  ),
  "debug.txt": "6 * 7\n",
  "good.dma": 'test "holds" {\n  assert 1 == 1\n}\n',
  // Longer than the time after which workers start.
  "long.dma": 'test "counts" { let n = 0; while n < 15_000_000 { n += 1 } }\n',
  "lsp.txt": messages(
    {
      jsonrpc: "2.0",
      id: 1,
      method: "initialize",
      params: { processId: null, rootUri: null, capabilities: {} },
    },
    { jsonrpc: "2.0", method: "initialized", params: {} },
    { jsonrpc: "2.0", id: 2, method: "shutdown" },
    { jsonrpc: "2.0", method: "exit" },
  ),
  "repl.txt": "print 6 * 7\n",
  "server.txt": Deno.readTextFileSync(join(ROOT, "extensions/topology/tests/lspci/full.txt")),
  "trace.txt": Deno.readTextFileSync(join(ROOT, "examples/traces/data/leaky-driver.trace.txt")),
};

/**
 * For each command, a command line with its exit code and a part of its output. The command line is
 * run in a folder with the files above.
 */
const LINES: Readonly<Record<string, readonly [line: string, code: number, output: RegExp]>> = {
  run: ["run good.dma", 0, /^ok \| 1 passed/m],
  test: ["test --jobs 2 long.dma long.dma good.dma", 0, /^ok \| 2 files \| 3 passed/m],
  check: ["check good.dma", 0, /^ok \| 1 file \| 0 errors/m],
  fmt: ["fmt --check good.dma", 0, /^ok \| 1 file/m],
  bench: ["bench bench.dma", 0, /^expect .* ok \(3 groups\)$/m],
  repl: ["repl < repl.txt", 0, /^42$/m],
  debug: ["debug good.dma --run 1 < debug.txt", 0, /^42$/m],
  explain: ["explain dma.3.3", 0, /Alignment invariant/],
  releases: ["releases good.dma", 0, /^good\.dma: 1 test, the same on /m],
  init: ["init lab", 0, /^ {2}npx dmalab test$/m],
  dap: ["dap < dap.txt", 0, /"command":"initialize","success":true/],
  lsp: ["lsp < lsp.txt", 0, /"id":1,"result":\{"capabilities"/],
  hunt: ["hunt --cases 20 --quirks none", 0, /20 cases/],
  tree: ["tree compile new drivers/toy/toy.c", 0, /^7\.2\.99 \| 1 of 1$/m],
  review: ["review old new", 2, /2 changed lines not known to have run/],
  report: ["report good.dma", 0, /^Wrote good\.dma\.html\.$/m],
  topology: ["topology server.txt", 0, /^server\.txt: 2 host bridges, 20 functions/m],
  trace: ["trace check - < trace.txt", 1, /^Undetermined: 0/m],
  // Only a refused kernel is tested here. Booting is tested on machines that have QEMU and a
  // kernel.
  kernel: ["kernel run good.dma --kernel good.dma", 2, /It is no kernel image/],
  vectors: ["vectors --count 1", 0, /^\{"id":1,/m],
};

/** Writes a kernel tree before and after a change. */
function putTrees(base: string): void {
  for (const name of ["old", "new"]) {
    cpSync(join(ROOT, "extensions/kernel_tree/tests/tree/mini"), join(base, name), {
      recursive: true,
    });
  }
  const file = join(base, "new/drivers/toy/toy.c");
  const text = Deno.readTextFileSync(file);
  Deno.writeTextFileSync(file, text.replaceAll("return 0;", "return 0 + 0;"));
}

/** Variables as assignments in a shell line. */
function asWords(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables).map(([name, value]) => `${name}='${value}'`).join(" ");
}

Deno.test("every command works as installed, in a clean environment and in that of a desktop (long)", (t) =>
  withPackage(async (base, dist) => {
    giveDeno(dist);
    assertEquals(Object.keys(LINES).sort(), COMMANDS.map(({ name }) => name).sort());
    for (const variables of [{}, desktop(base)]) {
      const isClean = Object.keys(variables).length === 0;
      const work = join(base, isClean ? "clean" : "desktop");
      for (const folder of [work, join(base, "run"), join(base, "tmp")]) {
        Deno.mkdirSync(folder, { recursive: true });
      }
      for (const [name, text] of Object.entries(FILES)) {
        Deno.writeTextFileSync(join(work, name), text);
      }
      putTrees(work);
      for (const [name, [line, code, output]] of Object.entries(LINES)) {
        await t.step(`${name}, ${isClean ? "clean" : "desktop"}`, () => {
          const start = `${ownCaches()} exec env -i PATH="$PATH" DENO_DIR="$DENO_DIR"`;
          const bin = `node '${join(dist, "lib/bin.js")}'`;
          const outcome = shell(base, work, `${start} ${asWords(variables)} ${bin} ${line}`);
          assertEquals(outcome.code, code, outcome.output);
          assertMatch(outcome.output, output);
        });
      }
    }
  }));

Deno.test("the installation by Deno and the task `dmalab` permit all variables that commands read", () => {
  const read = new Set(Object.values(PERMISSIONS).flatMap(variablesOf));
  for (const page of ["docs/install.md", "deno.json"]) {
    const lines = Deno.readTextFileSync(join(ROOT, page)).split("\n").filter((line) =>
      /-n dmalab|"command": "deno run .* bin\/main.ts"/.test(line)
    );
    assertEquals(lines.length, 1, page);
    const [, names = ""] = lines[0]!.match(/--allow-env=(\S+)/) ?? [];
    assertEquals(new Set(names.split(",")), read, page);
  }
});
