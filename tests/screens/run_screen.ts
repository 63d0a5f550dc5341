/** Runs a row of the table of screens as an installed command, and writes down what its user sees. */
import { assertEquals } from "@std/assert";
import { LEFT_MAPPED } from "@dmalab/cli/debug";
import { cpSync } from "node:fs";
import { dirname, join } from "node:path";
import { Pty } from "../pty.ts";
import { ROOT } from "../source_text.ts";
import type { ScreenRow } from "./screens.ts";

/** A place where output goes. `columns` is null for a pipe. */
interface View {
  readonly name: string;
  readonly size: { readonly columns: number; readonly rows: number } | null;
  readonly env: Readonly<Record<string, string>>;
}

const VIEWS: readonly View[] = [
  { name: "80x24", size: { columns: 80, rows: 24 }, env: {} },
  { name: "120x40", size: { columns: 120, rows: 40 }, env: {} },
  { name: "80x24, NO_COLOR", size: { columns: 80, rows: 24 }, env: { NO_COLOR: "1" } },
  { name: "pipe", size: null, env: {} },
];

const MINI = "extensions/kernel_tree/tests/tree/mini";
/** Inputs of the commands, by their names in the folder of a run. */
const COPIES: Readonly<Record<string, string>> = {
  "bench.dma": "examples/bench/01-strict-over-lazy.dma",
  "driver.dma": "examples/drivers/01-hunted-driver.dma",
  "failures.md": "docs/course/09-failures.md",
  "first-look.dma": "examples/start/01-first-look.dma",
  "gap-bit.dma": "examples/museum/11-gap-bit.dma",
  "gaps.dma": "docs/tutorial/gaps.dma",
  "inject.dma": "tests/screens/inject.dma",
  "kernel.log": "examples/traces/data/early-unmap.log.txt",
  "race.dma": "tests/screens/race.dma",
  "server.txt": "extensions/topology/tests/lspci/pi_switch.txt",
  "trace.txt": "examples/traces/data/leaky-driver.trace.txt",
  "module/ring.c": "extensions/c_drivers/tests/c/removal/ring.c",
  old: MINI,
  new: MINI,
};
const TEXTS: Readonly<Record<string, string>> = {
  "crooked.dma": 'test "holds"   {\n assert 1==1\n}\n',
  "good.dma": 'test "holds" {\n  assert 1 == 1\n}\n',
  "left.dma": LEFT_MAPPED,
  "module/Makefile": "obj-m := ring.o\n",
  "wrong.dma": "machine { iommu { mood = strict } }\nlet page = alloc_page(1)\nprint page.sise\n",
};

/** Fills a folder with the inputs of all rows. */
export function putInputs(folder: string): void {
  for (const [name, path] of Object.entries(COPIES)) {
    cpSync(join(ROOT, path), join(folder, name), { recursive: true });
  }
  Deno.mkdirSync(join(folder, "module"), { recursive: true });
  for (const [name, text] of Object.entries(TEXTS)) {
    Deno.writeTextFileSync(join(folder, name), text);
  }
  const changed = join(folder, "new/drivers/toy/toy.c");
  const toy = Deno.readTextFileSync(changed);
  Deno.writeTextFileSync(changed, toy.replaceAll("return 0;", "return 0 + 0;"));
  const trace = Deno.readTextFileSync(join(folder, "trace.txt")).split("\n");
  Deno.writeTextFileSync(join(folder, "short.txt"), trace.slice(0, -6).join("\n"));
}

/** Stands for the folder of a run. */
const WORK = "/home/user/work";

/** What a row shows in one view: screens before keys, and the last one with the exit code. */
interface Seen {
  readonly parts: readonly string[];
  readonly isStyled: boolean;
}

async function seenAt(
  { size, env }: View,
  { line, talk = [], piped = "" }: Pick<ScreenRow, "piped" | "talk"> & { readonly line: string },
  folder: string,
  given: Readonly<Record<string, string>>,
): Promise<Seen> {
  const all = { ...given, ...env };
  if (size === null) return await seenInPipe(line, piped ?? "", folder, all);
  await using pty = new Pty(folder, { env: all, program: { ...size, line } });
  const parts: string[] = [];
  let isStyled = false;
  for (const [wanted, keys] of talk) {
    await pty.seeText(wanted);
    parts.push(`-- before ${JSON.stringify(keys)}`, ...pty.allLines);
    isStyled ||= pty.isStyled;
    await pty.press(keys);
  }
  const code = await pty.end();
  assertEquals(CODE_AS_TEXT.exec(pty.written)?.[0], undefined, "a code for the terminal as text");
  return {
    parts: [...parts, `-- exit ${code}`, ...pty.allLines],
    isStyled: isStyled || pty.isStyled,
  };
}

/** Symbols that are printed in place of the characters that begin codes: escape and carriage return. */
const CODE_AS_TEXT = /[␛␍].{0,20}/;

/** Both streams of a command whose input and output are pipes. */
async function seenInPipe(
  line: string,
  piped: string,
  folder: string,
  env: Readonly<Record<string, string>>,
): Promise<Seen> {
  const child = new Deno.Command("sh", {
    args: ["-c", `{ ${line}; echo; echo "-- exit $?"; } 2>&1`],
    cwd: folder,
    clearEnv: true,
    env,
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(piped));
  await writer.close();
  const lines = new TextDecoder().decode((await child.output()).stdout).trimEnd().split("\n");
  const end = lines.pop()!;
  while (lines.at(-1)?.trim() === "") lines.pop();
  // deno-lint-ignore no-control-regex
  const isStyled = lines.some((each) => /\x1b|\r./.test(each));
  return { parts: [end, ...lines.map((each) => each.trimEnd())], isStyled };
}

/** Processor time, which differs from run to run. */
const HOST_TIME = /\b[\d.]+( s of processor time)/g;

/** Lines in a pipe about the work of the compiler: which of them come, and when, depends on the host's speed. */
const COMPILER_LINES = /^(?:starting the C compiler.*|compiling \S+ \(\d+ of \d+\))\n/gm;

/**
 * The text of a row: what it shows in each view. A view that shows what an earlier one shows is one line.
 * @param folder A folder for each view, with the inputs.
 * @param program The installed command, as a word of the shell.
 */
export async function screensOf(
  row: ScreenRow,
  folder: () => string,
  program: string,
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const line = `${program} ${row.command} ${row.words}`.trimEnd();
  const views = VIEWS.filter(({ size }) => size !== null || row.piped !== null);
  const tried = await Promise.allSettled(views.map(async (view) => {
    const place = folder();
    // What one view has compiled is not kept for the others, which run beside it.
    const own = { ...env, XDG_CACHE_HOME: join(dirname(place), "cache") };
    const { isStyled, parts } = await seenAt(view, { ...row, line }, place, own);
    const body = parts.join("\n").replaceAll(place, WORK).replace(HOST_TIME, "…$1")
      .replaceAll(COMPILER_LINES, "");
    return { body, isStyled };
  }));
  // A mistake in one view is reported when the others have ended.
  const seen = await Promise.all(
    tried.map((each) => each.status === "fulfilled" ? each.value : Promise.reject(each.reason)),
  );
  const text = [`$ dmalab ${row.command} ${row.words}`.trimEnd()];
  const known = new Map<string, string>();
  views.forEach(({ env: { NO_COLOR }, name, size }, index) => {
    const { body, isStyled } = seen[index]!;
    assertEquals(
      isStyled && (NO_COLOR !== undefined || size === null),
      false,
      `${name} has colours`,
    );
    const head = `==== ${name}${isStyled ? ", in colour" : ""}`;
    const same = known.get(body);
    if (same === undefined) {
      known.set(body, name);
      text.push(head, body);
    } else text.push(`${head}: as ${same}`);
  });
  return `${text.join("\n")}\n`;
}
