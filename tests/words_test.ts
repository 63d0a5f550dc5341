/** Words of the command line that other programs have, and the words that completion offers. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { TempFolder } from "@dmalab/tools";
import { EXAMPLES } from "@dmalab/cli";
import { dmalab, programWords, runProgram } from "./dmalab_program.ts";

Deno.test("help, help COMMAND and version are words, too, and no word at all is help", async () => {
  const all = (await dmalab("--help")).output;
  assertEquals(await dmalab(), { code: 0, output: all, errors: "" });
  assertEquals(await dmalab("help"), { code: 0, output: all, errors: "" });
  assertEquals((await dmalab("help", "run")).output, (await dmalab("run", "--help")).output);
  assertEquals(
    (await dmalab("help", "trace", "check")).output,
    (await dmalab("trace", "check", "--help")).output,
  );
  assertEquals((await dmalab("version")).output, (await dmalab("--version")).output);
  const wrong = await dmalab("help", "rnu");
  assertEquals(wrong.code, 2);
  assertStringIncludes(wrong.errors, 'There is no command "rnu"; did you mean "run"?');
});

Deno.test("the names that other programs give to --match lead to it", async () => {
  for (
    const [command, ...options] of [
      ["test", "--grep", "-k", "-t"],
      ["bench", "--grep", "-k"],
      ["debug", "--filter", "--grep"],
    ]
  ) {
    for (const option of options) {
      const { code, errors } = await dmalab(command!, option, "x");
      assertEquals([code, errors], [
        2,
        `error: ${command} has no option "${option}"; did you mean "--match"?\n`,
      ]);
    }
  }
  for (const command of ["test", "bench"]) {
    const { errors } = await dmalab(command, "--filter", "x", "examples/start");
    assertStringIncludes(errors, 'not "x"; --match takes a name');
  }
});

Deno.test("completion offers names after explain, and the values of options that take a word", async () => {
  const of = async (...words: string[]) =>
    (await dmalab("completions", "bash", ...words)).output.trimEnd().split("\n");
  assertEquals((await of("explain", "iova.al")).slice(0, 1), ["iova.alloc"]);
  assertEquals((await of("explain", "")).at(-1), ":files");
  assertEquals(await of("test", "--reporter", ""), ["pretty", "dot", "tap", "junit", "json"]);
  assertEquals(await of("test", "--reporter=t"), ["--reporter=tap"]);
  assertEquals(await of("test", "--snapshot", "u"), ["update"]);
  assertEquals(await of("hunt", "--kernel", "7.2."), ["7.2.6", "7.2.12", "7.2.13"]);
});

Deno.test("run of a file that has benches alone says what runs them", async () => {
  using folder = new TempFolder({
    "bench.dma": `machine { pci { root_port rp0 { endpoint nic { } } } }
bench "a" { loop { alloc_pages(1).free() } }
`,
  });
  const path = folder.at("bench.dma");
  const { code, output } = await dmalab("run", path);
  assertEquals([code, output], [0, `1 bench, not run: \`dmalab bench ${path}\`\n`]);
  assertMatch((await dmalab("test", path)).errors, /`dmalab bench` runs a `bench`\n/);
});

Deno.test("an example that help names is found in the package from any folder", async () => {
  using folder = new TempFolder();
  const scenario = "start/02-hello-map.dma";
  const commands = [
    "run",
    "test",
    "bench",
    "releases",
    "check",
    "hunt",
    "debug",
    "repl",
    "report",
    "fmt",
  ];
  for (
    const [words, name] of [
      ...commands.map((command) => [[command], scenario] as const),
      [["topology"], "traces/data/gpu-server.lspci.txt"] as const,
      [["trace", "check"], "traces/data/early-unmap.log.txt"] as const,
      [["explain"], "traces/data/early-unmap.log.txt"] as const,
      // A folder, too.
      [["test"], "start"] as const,
    ]
  ) {
    const { code, output } = await runProgram(
      [...words, `examples/${name}`],
      { folder: folder.path },
      "-R",
    );
    assertEquals(code, 2, output);
    assertStringIncludes(output, `there is no such file; dmalab's own is "${EXAMPLES}/${name}"`);
  }
});

Deno.test("max and min of other languages lead to a list's", async () => {
  using folder = new TempFolder({ "a.dma": "print max(1, 2)\n", "b.dma": "print min(1, 2)\n" });
  for (const [name, hint] of [["a", "`[a, b].max()`"], ["b", "`[a, b].min()`"]]) {
    assertStringIncludes((await dmalab("check", folder.at(`${name}.dma`))).errors, hint!);
  }
});

Deno.test("the key of the pool's size says how it is rounded", async () => {
  const { output } = await dmalab("explain", "swiotlb.size");
  assertStringIncludes(output.replace(/\s+/g, " "), "rounded up to a power of two and to 256KiB");
});

Deno.test("the language server's process ends at exit, while its input stays open", async () => {
  const [command, ...args] = programWords("-R", "--allow-env");
  const server = new Deno.Command(command, {
    args: [...args, "lsp"],
    stdin: "piped",
    stdout: "piped",
  })
    .spawn();
  const writer = server.stdin.getWriter();
  const send = (message: object) => {
    const text = JSON.stringify({ jsonrpc: "2.0", ...message });
    return writer.write(new TextEncoder().encode(`Content-Length: ${text.length}\r\n\r\n${text}`));
  };
  const output = new Response(server.stdout).text();
  await send({ id: 1, method: "initialize", params: { processId: null, capabilities: {} } });
  await send({ id: 2, method: "shutdown" });
  await send({ method: "exit" });
  const timer = setTimeout(() => server.kill("SIGKILL"), 30_000);
  assertEquals(await server.status, { success: true, code: 0, signal: null });
  clearTimeout(timer);
  assertStringIncludes(await output, '"id":2,"result":null');
  await writer.close().catch(() => {});
});

Deno.test("a missing tree that the command line names is told so, without an option that permits nothing more", async () => {
  using folder = new TempFolder();
  const { code, output } = await runProgram(
    ["review", "/nowhere/tree", "a..b"],
    { folder: folder.path },
    `-R=${Deno.cwd()},${folder.path}`,
    `-W=${folder.path},/tmp`,
    "--allow-env",
    "--allow-run",
  );
  assertEquals(code, 2, output);
  assertStringIncludes(output, "hint: name a folder that is there; if it is, start Deno with");
  assert(!output.includes("dmalab -R="), output);
});
