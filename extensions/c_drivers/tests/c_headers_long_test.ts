import "@dmalab/bin/provide";
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import type { Compiled, CompileJob } from "../compiler/clang.ts";
import { compileC } from "../compiler/compile_drivers.ts";
import { compilerService } from "../compiler/compiler_service.ts";
import { readHeaders, SUPPORT } from "@dmalab/cli";
import { openScenario } from "@dmalab/cli/scenario";
import { C_CALLS } from "../calls.ts";
import { derivedHeaders } from "../header_text.ts";
import { runProgramWith } from "@dmalab/lang/run";
import { resolveKernel } from "@dmalab/runtime/kernels";
import { ROOT } from "@dmalab/tests";

/**
 * A folder that is not a system folder, because the compiler hides warnings about system headers.
 */
const FOLDER = "plain";
const LOUD = ["-Wextra", "-Wshadow", `-I${FOLDER}`];

function jobFor(
  file: string,
  text: string,
  kernel: "6.12.117" | "7.2.12",
  standard: string,
): CompileJob {
  const behaviour = resolveKernel({ kernel, quirks: null });
  const target = { kernel, behaviour, pageSizeBytes: 4096 };
  const headers = { ...readHeaders(), ...derivedHeaders(target) };
  const files: Record<string, string> = { [file]: text };
  for (const [name, content] of Object.entries(headers)) files[`${FOLDER}/${name}`] = content;
  const first = Deno.readTextFileSync(join(ROOT, "extensions/c_drivers/tests/c/first.h"));
  return {
    source: file,
    support: `${FOLDER}/${SUPPORT}`,
    // Drivers cannot be compiled as pedantic standard C: they use `%pad`, and arithmetic with null
    // pointers.
    more: [...LOUD, `-std=${standard}`, ...file.startsWith("all") ? ["-Wpedantic"] : []],
    files: { ...files, "first.h": first },
  };
}

Deno.test("the headers and what they make of a driver draw no warning, as C11 and as C++17", async () => {
  const includes = Object.keys(readHeaders()).filter((name) => /^(?:linux|asm)\//.test(name))
    .map((name) => `#include <${name}>\n`);
  assert(includes.length >= 25, `${includes.length}`);
  const all = includes.join("");
  const driver = Deno.readTextFileSync(join(ROOT, "extensions/c_drivers/tests/c/first.c"));
  // Drivers that use the headers. Most warnings would be in macros, which only such a driver
  // expands.
  const drivers = ["requests", "helpers", "lists", "waits", "managed"].map((name) => {
    const text = Deno.readTextFileSync(join(ROOT, `extensions/c_drivers/tests/c/${name}.c`));
    return jobFor(`${name}.c`, text, "7.2.12", "gnu11");
  });
  const jobs = [
    jobFor("all.c", all, "7.2.12", "c11"),
    jobFor("all.c", includes.toReversed().join(""), "6.12.117", "gnu11"),
    jobFor("driver.c", driver, "7.2.12", "gnu11"),
    ...drivers,
    jobFor("all.cpp", all, "7.2.12", "c++17"),
  ];
  const made: Compiled[] = [];
  assertEquals(await compileC(jobs, (job, each) => void (made[job] = each)), null);
  await compilerService.close();
  // Expected messages: one of the drivers has, on purpose, a frame larger than the stack.
  const meant = /^(?:wasm-ld: .*|driver\.c:\d+:\d+: warning: stack frame size .*)\n/gm;
  assertEquals(made.map(({ said }) => said.replace(meant, "")), jobs.map(() => ""));
});

/** The system's clang, if it is installed and has the drivers' target. */
function systemClang(): string | null {
  try {
    const { stdout } = new Deno.Command("clang", { args: ["--print-targets"] }).outputSync();
    return new TextDecoder().decode(stdout).includes("wasm64") ? "clang" : null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

const SYSTEM = systemClang();

Deno.test({
  name: "the headers draw no warning of the system's own clang, as C11, GNU C11 and C++17",
  // Reported as ignored if no such clang is installed, because then nothing was tested.
  ignore: SYSTEM === null,
  fn: () => {
    for (const kernel of ["6.12.117", "7.2.12"] as const) {
      const behaviour = resolveKernel({ kernel, quirks: null });
      const target = { kernel, behaviour, pageSizeBytes: 4096 };
      const headers = { ...readHeaders(), ...derivedHeaders(target) };
      using folder = new TempFolder(headers);
      const names = Object.keys(headers).filter((name) => /^(?:linux|asm)\//.test(name));
      assert(names.length >= 35, `${names.length}`);
      const text = names.map((name) => `#include <${name}>\n`).join("");
      for (const [file, standard] of [["c", "c11"], ["c", "gnu11"], ["cpp", "c++17"]] as const) {
        const source = folder.write(`all.${file}`, text);
        const { code, stderr } = new Deno.Command(SYSTEM!, {
          args: [
            "--target=wasm64",
            "-ffreestanding",
            "-fsyntax-only",
            "-Wall",
            "-Wpedantic",
            ...LOUD.filter((option) => !option.startsWith("-I")),
            `-std=${standard}`,
            `-I${folder.path}`,
            source,
          ],
        }).outputSync();
        assertEquals([standard, code, new TextDecoder().decode(stderr)], [standard, 0, ""]);
      }
    }
  },
});

Deno.test("a header in a folder above is found, and one that is refused says why", async () => {
  using folder = new TempFolder();
  const write = (name: string, text: string) => Deno.writeTextFileSync(folder.at(name), text);
  const load = async () => {
    const opened = await openScenario(folder.at("own/d.dma"));
    assert(!("problem" in opened));
    const { diagnostics, program } = opened;
    return {
      said: diagnostics.map(({ message, span: { source, start } }) =>
        `${source.name.split("/").pop()}:${source.position(start).line} ${message}`
      ),
      failures: program === null
        ? null
        : runProgramWith(null, program, {}).outcomes.map(({ failure }) => failure),
    };
  };
  Deno.mkdirSync(folder.at("own/deep"), { recursive: true });
  write("own/d.dma", 'machine { }\ndriver d = c "d.c"\ntest "one" { assert d.one() == 8 }\n');
  write(
    "own/d.c",
    '#include "../h.h"\n#include "deep/x.h"\nint one(void) { return h() + x(); }\n',
  );
  // Includes the same file by another path.
  write("own/deep/x.h", '#include "../../h.h"\nstatic int x(void) { return 1; }\n');
  write("h.h", "#pragma once\nstatic int h(void) { return 7; }\n");
  assertEquals((await load()).said, [
    'd.c:1 Cannot use "../h.h": it lies outside "' + folder.at('own"'),
  ]);
  write("deno.json", "{}");
  assertEquals(await load(), { said: [], failures: [null] });
  write("h.h", "#pragma once\nstatic int h(void) { return wrong; }\n");
  assertEquals((await load()).said, ["h.h:2 use of undeclared identifier 'wrong'"]);
});

Deno.test("every call of the record is one line of C, and says once what it is", () => {
  const names = C_CALLS.map(({ prototype }) => prototype.name);
  assertEquals(names.length, new Set(names).size);
  assert(names.length >= 50, `${names.length}`);
  for (const { c, prototype: { name, parameters, result } } of C_CALLS) {
    const written = parameters.map((each) => `${each.type.text} ${each.name}`).join(", ");
    const plain = (text: string) => text.replaceAll("* ", "*").replace("(void)", "()");
    assertEquals(plain(`${result.text} ${name}(${written})`), plain(c));
  }
});
