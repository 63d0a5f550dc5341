import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals } from "@std/assert";
import { COMMANDS, PERMISSIONS } from "@dmalab/bin/all_commands";
import { denoOptions, LAZY_IMPORTS, permissionsOf } from "@dmalab/cli/extend";

const OWN = "/opt/dmalab";
const DENO = "/opt/deno";

/** The permissions of a command line that is started in an empty folder with a few files around it. */
function flagsOf(
  line: string,
  env: Readonly<Record<string, string>> = {},
  clangs: readonly string[] = [],
): string[] {
  return [...permissionsOf(PERMISSIONS, line.split(" "), OWN, DENO, env, clangs).flags];
}

/** Runs `work` with two folders: `here`, the current one, and `there`, which contains a scenario. */
function withFolders(work: (base: string) => void): void {
  const before = Deno.cwd();
  using base = new TempFolder();
  try {
    for (const name of ["here", "there"]) Deno.mkdirSync(base.at(name));
    base.write("there/x.dma", "");
    base.write("here/y.dma", "");
    Deno.symlinkSync(base.at("there"), base.at("link"));
    Deno.chdir(base.at("here"));
    work(base.path);
  } finally {
    Deno.chdir(before);
  }
}

Deno.test("every command has its permissions", () => {
  for (const { actions = [], name, options } of COMMANDS) {
    const { files = [], folders = [], inputs = [], named, port } = PERMISSIONS[name]!;
    const all = Object.assign(
      {},
      options,
      ...actions.map((each) => each.options),
    ) as typeof options;
    const marks = Object.entries(all).flatMap(([option, spec]) =>
      spec.kind === "text" && spec.also !== undefined ? [`--${option}`, spec.also] : [`--${option}`]
    );
    for (const option of [...files, ...folders, ...inputs, named, port]) {
      if (option === undefined || option === "always") continue;
      assert(marks.includes(option), `${name} has no ${option}`);
    }
  }
});

Deno.test("a command may not write what an option names that it only reads", () =>
  withFolders((base) => {
    const found: string[] = [];
    for (const { name, options } of COMMANDS) {
      const { files = [], folders = [], inputs = [], named } = PERMISSIONS[name]!;
      if (named === undefined) continue;
      const isWritten = new Set([...files, ...folders, named]);
      for (const [option, spec] of Object.entries(options)) {
        if (spec.kind === "flag" || isWritten.has(`--${option}`)) continue;
        const marks = [`--${option}`, ...spec.kind === "text" && spec.also ? [spec.also] : []];
        for (const mark of marks) {
          const when = named === "always" ? "" : `${named} update `;
          const flags = flagsOf(`${name} ${when}${mark} ../there y.dma`);
          const writes = flags.find((flag) => flag.startsWith("-W"))!;
          if (writes.includes(`${base}/there`)) found.push(`${name} ${mark}`);
        }
      }
      for (const input of inputs) assert(Object.hasOwn(options, input.slice(2)), input);
    }
    assertEquals(found, []);
  }));

Deno.test("a command reads below the current folder and beside what is named, and no more", () =>
  withFolders((base) => {
    assertEquals(flagsOf("check y.dma"), [`-R=.,${OWN}`]);
    assertEquals(flagsOf("check ../there/x.dma"), [`-R=.,${OWN},${base}/there`]);
    assertEquals(flagsOf(`check --format=${base}/there/x.dma`), [`-R=.,${OWN},${base}/there`]);
    // For a symlink, the permissions also name its target.
    assertEquals(flagsOf("check ../link/x.dma"), [`-R=.,${OWN},${base}/link,${base}/there`]);
    assertEquals(flagsOf("check ../none.dma"), [`-R=.,${OWN}`]);
    assertEquals(flagsOf("unknown"), [`-R=.,${OWN}`]);
    const isLazy = (own: string) => denoOptions(own).includes(LAZY_IMPORTS);
    assertEquals([isLazy(OWN), isLazy("/opt/a,b")], [true, false]);
  }));

Deno.test("a command writes what its options name, and runs only the compiler and an editor", () =>
  withFolders((base) => {
    const home = { HOME: `${base}/home`, EDITOR: "vi -n" };
    const cache = `${base}/home/.cache/dmalab`;
    const compiles = ["--allow-env=XDG_CACHE_HOME,HOME,DMALAB_TREE", `--allow-run=${DENO}`];
    assertEquals(flagsOf("run y.dma", home), [`-R=.,${OWN},${cache}`, `-W=${cache}`, ...compiles]);
    assertEquals(
      flagsOf("run y.dma --export ../there/t.json", home),
      [`-R=.,${OWN},${base}/there,${cache}`, `-W=${base}/there,${cache}`, ...compiles],
    );
    assertEquals(flagsOf("run y.dma", {})[1], "--allow-env=XDG_CACHE_HOME,HOME,DMALAB_TREE");
    assertEquals(flagsOf("test --report out", {})[1], `-W=${base}/here/out,.dmalab`);
    assertEquals(flagsOf("test --report", {})[1], `-W=${base}/here,.dmalab`);
    // The folders of a driver and of a kernel are only read.
    for (
      const line of ["init new --driver ../there", "init new --driver=../there --kernel ../there"]
    ) {
      const flags = flagsOf(line, {});
      assertEquals(flags.find((flag) => flag.startsWith("-W=")), `-W=${base}/here/new`, line);
      assert(flags[0]!.includes(`${base}/there`), flags[0]);
    }
    assert(flagsOf("repl", home).includes(`--allow-run=${DENO},vi`));
    assert(flagsOf("repl", { EDITOR: "vi 'a'" }).includes(`--allow-run=${DENO},sh`));
    assertEquals(flagsOf("check y.dma", home), [`-R=.,${OWN}`]);
    assertEquals(flagsOf("fmt")[1], `-W=${base}/here`);
    assertEquals(flagsOf("fmt ../there/x.dma")[1], `-W=${base}/there`);
    const server = { port: "--port", readsAll: true } as const;
    const flags = (line: string) =>
      permissionsOf({ serve: server }, line.split(" "), OWN, DENO, {}).flags;
    assertEquals(flags("serve --port 4711").at(-1), "--allow-net=127.0.0.1:4711");
    assertEquals(flags("serve").filter((flag) => flag.startsWith("--allow-net")), []);
    assertEquals(flags("serve")[0], "-R");
  }));

Deno.test("a tree that the environment names is read, and permissions before the command are added", () =>
  withFolders((base) => {
    const [reads] = flagsOf("run y.dma", { DMALAB_TREE: "../there" });
    assertEquals(reads, `-R=.,${OWN},${base}/there`);
    const { flags, words } = permissionsOf(
      PERMISSIONS,
      ["-R=../there", "check", "y.dma"],
      OWN,
      DENO,
      {},
    );
    assertEquals([flags, words], [
      [`-R=.,${OWN}`, "--allow-env=DMALAB_PERMISSIONS", "-R=../there"],
      ["check", "y.dma"],
    ]);
  }));

Deno.test("of a clang of the system's only its file and the linker beside it are read, and Deno alone is started", () =>
  withFolders((base) => {
    const clang = `${base}/there/clang-22`;
    Deno.writeTextFileSync(clang, "");
    const clangs = [clang, `${base}/none/clang`];
    const [reads, ...others] = flagsOf("run y.dma", {}, clangs);
    assertEquals(reads, `-R=.,${OWN},${clang}`);
    assert(others.includes(`--allow-run=${DENO}`));
    Deno.writeTextFileSync(`${base}/there/wasm-ld-22`, "");
    const linker = `${base}/there/wasm-ld-22`;
    assertEquals(flagsOf("run y.dma", {}, clangs)[0], `-R=.,${OWN},${clang},${linker}`);
    assertEquals(flagsOf("check y.dma", {}, clangs), [`-R=.,${OWN}`]);
  }));

Deno.test("a path with a comma permits no other path", () =>
  withFolders((base) => {
    Deno.mkdirSync(`${base}/a,b`);
    assertEquals(flagsOf("check ../a,b"), [`-R=.,${OWN}`]);
  }));
