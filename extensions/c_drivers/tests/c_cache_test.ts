/** Compiled drivers in the user's cache folder. */
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { cacheModule, keptModule } from "../compiler/c_cache.ts";
import { hashOf, host, removeOldest } from "@dmalab/cli";
import type { CompileJob } from "../compiler/clang.ts";
import { compileRequested } from "../compiler/compile_requested.ts";
import { loadTogether, openPatched } from "../compiler/patched.ts";
import { hasPty, ROOT, runDeno } from "@dmalab/tests";

const SCENARIO = 'machine { }\ndriver d = c "d.c"\ntest "one" { assert d.one() == 1 }\n';
const ONE = "int one(void) { return 1; }\n";
const MODULE_KEY = /^[0-9a-f]{64}$/;

/** Deno's folder of packages; with another folder Deno would download them. */
function denoFolder(): string {
  const { DENO_DIR, HOME, XDG_CACHE_HOME } = Deno.env.toObject();
  return DENO_DIR ?? `${XDG_CACHE_HOME ?? `${HOME}/.cache`}/deno`;
}

/** The keys of the modules in a cache folder, sorted: the folder holds notes of the compiler, too. */
function keptModules(cache: TempFolder): readonly string[] {
  return [...Deno.readDirSync(cache.at("dmalab/c"))].map(({ name }) => name)
    .filter((name) => MODULE_KEY.test(name)).toSorted();
}

/** Runs a folder's scenario with a separate cache folder; returns whether its test passes. */
async function run(folder: string, cache: string): Promise<boolean> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `${ROOT}/bin/main.ts`, "run", `${folder}/d.dma`],
    env: { XDG_CACHE_HOME: cache, DENO_DIR: denoFolder() },
    stdout: "null",
    stderr: "null",
  }).output();
  return success;
}

Deno.test("a driver is kept in the cache folder, bound to its text and its own bytes, never in the project (long)", async () => {
  using folder = new TempFolder({ "d.dma": SCENARIO, "d.c": ONE });
  using cache = new TempFolder();
  assert(await run(folder.path, cache.path));
  const [right] = keptModules(cache);
  assertEquals([...Deno.readDirSync(folder.path)].length, 2);
  folder.write("d.c", "int one(void) { return 2; }\n");
  assert(!await run(folder.path, cache.path));
  const wrong = keptModules(cache).find((name) => name !== right)!;
  // A damaged module under the key of another text, as after an error of the disk.
  const bytes = Deno.readFileSync(cache.at(`dmalab/c/${right}`));
  bytes[bytes.length - 1]! ^= 1;
  Deno.writeFileSync(cache.at(`dmalab/c/${wrong}`), bytes);
  assert(!await run(folder.path, cache.path));
  // A cache folder that a cloned repository contains is not read.
  Deno.mkdirSync(folder.at(".dmalab/c"), { recursive: true });
  for (const ending of ["wasm", "txt"]) {
    Deno.copyFileSync(cache.at(`dmalab/c/${right}`), folder.at(`.dmalab/c/${wrong}.${ending}`));
  }
  assert(!await run(folder.path, cache.path));
});

Deno.test("a kept file with the right hash and the content of something else is made again", async () => {
  using folder = new TempFolder({ "d.dma": SCENARIO, "d.c": ONE });
  using cache = new TempFolder();
  assert(await run(folder.path, cache.path));
  const [key] = keptModules(cache);
  const path = cache.at(`dmalab/c/${key}`);
  const right = Deno.readFileSync(path);
  for (
    const content of ["", "junk", "5\n", '"said"\n', '"said"\njunk', '"said"\n\0asm\x01\0\0\0junk']
  ) {
    const bytes = new TextEncoder().encode(content);
    const hash = await hashOf(bytes);
    Deno.writeFileSync(path, new Uint8Array([...new TextEncoder().encode(`${hash}\n`), ...bytes]));
    assert(await run(folder.path, cache.path), content);
    assertEquals(Deno.readFileSync(path), right, content);
  }
});

Deno.test("a driver that may not be compiled is an error in its line, with a command that compiles it", async () => {
  using folder = new TempFolder({ "d e.dma": SCENARIO, "d.c": ONE });
  const main = `${ROOT}/bin/main.ts`;
  const refused = await runDeno(["run", "--no-prompt", "-R", main, "run", "d e.dma"], {
    folder: folder.path,
  });
  const [said, line, command] =
    /^error\[E0710\][^]*--> d e\.dma:(2:14)\n[^]*= hint: type `deno (.*)`\n/m.exec(
      refused.output,
    )!;
  assertEquals([refused.code, line], [2, "2:14"], said);
  const typed = ["-c", `"$0" ${command}`, Deno.execPath()];
  const { code, output } = await runDeno(typed, { folder: folder.path, command: "sh" });
  assertEquals(code, 0, output);
});

Deno.test({
  name: "a driver runs where it cannot be kept, and a terminal shows that (long)",
  ignore: !hasPty(),
  fn: () => {
    using folder = new TempFolder({ "d.dma": SCENARIO, "d.c": ONE });
    const places: readonly [env: Record<string, string>, why: string][] = [
      [{}, "`HOME` is not set, or `--allow-env=XDG_CACHE_HOME,HOME` is missing"],
      [
        { XDG_CACHE_HOME: folder.at("d.c") },
        `Cannot write "${folder.path}/d.c/dmalab/c": there is no folder "${folder.path}/d.c/dmalab"`,
      ],
    ];
    for (const [env, why] of places) {
      const command = `${Deno.execPath()} run -A ${ROOT}/bin/main.ts run ${folder.path}/d.dma`;
      const { code, stdout } = new Deno.Command("script", {
        args: ["-qec", command, "/dev/null"],
        clearEnv: true,
        env: { ...env, PATH: Deno.env.get("PATH")!, DENO_DIR: denoFolder(), NO_COLOR: "1" },
        stdin: "null",
      }).outputSync();
      const text = new TextDecoder().decode(stdout);
      assertStringIncludes(text, `compiled drivers are not kept for the next run: ${why}\r\n`);
      assertStringIncludes(text, "ok | 1 passed");
      assertEquals(code, 0);
    }
  },
});

Deno.test("what is kept under a key is found again unless its bytes have changed", async () => {
  using cache = new TempFolder();
  const [variable, before] = ["XDG_CACHE_HOME", Deno.env.get("XDG_CACHE_HOME")];
  try {
    Deno.env.set(variable, cache.path);
    const module = new TextEncoder().encode("\0asm\n\x01");
    assertEquals(await cacheModule("right", module, "said"), null);
    assertEquals(await keptModule("right"), { module, said: "said" });
    assertEquals(await keptModule("wrong"), null);
    const text = new TextEncoder().encode("; ModuleID = 'd.c'\n");
    await cacheModule("text", text, "");
    assertEquals(await keptModule("text", "ir"), { module: text, said: "" });
    assertEquals([await keptModule("text"), await keptModule("right", "ir")], [null, null]);
    const bytes = Deno.readFileSync(cache.at("dmalab/c/right"));
    bytes[bytes.length - 1]! ^= 1;
    Deno.writeFileSync(cache.at("dmalab/c/wrong"), bytes);
    assertEquals(await keptModule("wrong"), null);
    // A pipe in the cache would block its reader. A file that is too large was not written by the
    // cache. Neither of them is read.
    new Deno.Command("mkfifo", { args: [cache.at("dmalab/c/pipe")] }).outputSync();
    assertEquals(await keptModule("pipe"), null);
    Deno.truncateSync(cache.at("dmalab/c/wrong"), 2 ** 40);
    assertEquals(await keptModule("wrong"), null);
    Deno.env.set(variable, cache.at("dmalab/c/right"));
    assertStringIncludes(await cacheModule("right", module, "") ?? "", "there is no folder");
  } finally {
    if (before === undefined) Deno.env.delete(variable);
    else Deno.env.set(variable, before);
  }
});

Deno.test("a driver that several scenarios want is compiled once", async () => {
  const { Command } = host;
  using cache = new TempFolder();
  const [variable, before] = ["XDG_CACHE_HOME", Deno.env.get("XDG_CACHE_HOME")];
  const sources: string[] = [];
  // A compiler that records the sources it receives, and reports an error for each.
  class NotingCompiler {
    spawn() {
      const compiler = new TransformStream<Uint8Array, Uint8Array>({
        transform(bytes, answers) {
          const { job: { source } }: { job: CompileJob } = JSON.parse(
            new TextDecoder().decode(bytes),
          );
          sources.push(source);
          const made = { module: null, said: `${source}:1:1: error: no` };
          answers.enqueue(new TextEncoder().encode(`${JSON.stringify({ made })}\n`));
        },
      });
      return {
        ref() {},
        unref() {},
        stdin: compiler.writable,
        stdout: compiler.readable,
        stderr: new Blob([]).stream(),
        status: Promise.resolve({ code: 0, signal: null }),
      };
    }
  }
  try {
    Deno.env.set(variable, cache.path);
    Object.assign(host, { Command: NotingCompiler });
    const opened = ["wire", "wire_left", "two_step"].flatMap((name) =>
      openPatched(`${ROOT}/extensions/c_drivers/tests/c/${name}.dma`, [null])
    );
    const loaded = await loadTogether(opened, compileRequested);
    assertEquals(sources, [
      "extensions/c_drivers/tests/c/wire.c",
      "extensions/c_drivers/tests/c/two_step.c",
    ]);
    assertEquals(loaded.map(({ diagnostics: [first] }) => first?.message), ["no", "no", "no"]);
  } finally {
    Object.assign(host, { Command });
    if (before === undefined) Deno.env.delete(variable);
    else Deno.env.set(variable, before);
  }
});

Deno.test("removeOldest() removes what was not used for longest, down to the limit", () => {
  const { statSync } = Deno;
  using folder = new TempFolder();
  try {
    for (const [index, name] of ["c", "a", "b"].entries()) {
      Deno.writeFileSync(folder.at(name), new Uint8Array(100));
      Deno.utimeSync(folder.at(name), index + 1, index + 1);
    }
    removeOldest(folder.path, 250);
    assertEquals([...Deno.readDirSync(folder.path)].map(({ name }) => name).toSorted(), ["a", "b"]);
    removeOldest(folder.path, 250);
    assertEquals([...Deno.readDirSync(folder.path)].length, 2);
    // A full folder is reduced below its limit; one that is not full is left alone.
    Deno.writeFileSync(folder.at("c"), new Uint8Array(100));
    removeOldest(folder.path, 300, 100);
    assertEquals([...Deno.readDirSync(folder.path)].length, 3);
    removeOldest(folder.path, 299, 250);
    assertEquals([...Deno.readDirSync(folder.path)].length, 2);
    Deno.writeFileSync(folder.at("a"), new Uint8Array(100));
    // Another process removes a file while `removeOldest` runs.
    Deno.statSync = (path) => {
      if (`${path}`.endsWith("/a")) Deno.removeSync(path);
      return statSync(path);
    };
    removeOldest(folder.path, 50);
    assertEquals([...Deno.readDirSync(folder.path)].length, 0);
  } finally {
    Deno.statSync = statSync;
  }
});
