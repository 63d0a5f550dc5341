/**
 * Ends of commands that nobody plans: signals, readers that leave, full disks and missing folders. None leaves a
 * process or a file, and none says that all is well.
 */
import { processesBelow, runningProcesses, TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { programLine, programWords } from "./dmalab_program.ts";
import { ROOT } from "./source_text.ts";

const SIGNALS = [["SIGTERM", 143], ["SIGINT", 130], ["SIGHUP", 129]] as const;
/** Time in which a command has begun its work, by the clock and of a processor. */
const WORK_MS = 2500;
const WORK_CPU_MS = 1500;
/** No command is waited for longer: some of them wait themselves. */
const MOST_WORK_MS = 20_000;
const PATIENCE_MS = 10_000;

const FILES = {
  "endless.dma": 'test "endless" { let n = 0; while true { n += 1 } }\n',
  "good.dma": 'test "holds" { assert 1 == 1 }\n',
  "more.dma": 'test "endless, too" { let n = 0; while true { n += 1 } }\n',
};
const LIMITS = `--limit steps=${10 ** 14} --limit time-seconds=300`;

const LONG = [
  `run endless.dma ${LIMITS} --export t.perfetto.json`,
  `test --jobs 2 endless.dma more.dma ${LIMITS} --junit-path r.xml`,
  `report endless.dma ${LIMITS} -o page.html`,
  "hunt --cases 100000000 --jobs 2",
  `hunt ${ROOT}/examples/drivers/01-hunted-driver.dma --seconds 200`,
  `releases endless.dma`,
];

/** Files that an interrupted command completes with what it has so far: the user has asked for them. */
const COMPLETED: Readonly<Record<string, readonly string[]>> = {
  run: ["t.perfetto.json"],
  test: [".dmalab", "r.xml"],
};

/** Waits until a command has begun its work, however busy the machine is. */
async function untilAtWork(pid: number): Promise<void> {
  const start = performance.now();
  const tookMs = () => performance.now() - start;
  const isAtWork = () => tookMs() >= WORK_MS && processorMsOf(pid) >= WORK_CPU_MS;
  while (!isAtWork() && tookMs() < MOST_WORK_MS) {
    await new Promise((done) => setTimeout(done, 100));
  }
}

/** Processor time of a process, in milliseconds; 0 if it has ended. Deno itself may not read this file. */
function processorMsOf(pid: number): number {
  const { stdout } = new Deno.Command("cat", { args: [`/proc/${pid}/stat`], stderr: "null" })
    .outputSync();
  // The system counts in hundredths of a second, in fields 14 and 15; the name in field 2 may have blanks.
  const fields = new TextDecoder().decode(stdout).split(") ").at(-1)!.split(" ");
  return 10 * (Number(fields[11] ?? 0) + Number(fields[12] ?? 0));
}

for (const words of LONG) {
  for (const [signal, expected] of SIGNALS) {
    Deno.test(`${words}: ${signal} ends all of it`, async () => {
      using folder = new TempFolder(FILES);
      using temporary = new TempFolder();
      const [command, ...args] = programWords("-A");
      const child = new Deno.Command(command, {
        args: [...args, ...words.split(" ")],
        cwd: folder.path,
        env: { TMPDIR: temporary.path },
        stdin: "null",
        stdout: "null",
        stderr: "null",
      }).spawn();
      await untilAtWork(child.pid);
      const below = processesBelow(child.pid);
      const start = performance.now();
      child.kill(signal);
      const late = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
      const { code } = await child.status;
      clearTimeout(late);
      assert(performance.now() - start < PATIENCE_MS, "it goes on");
      await new Promise((done) => setTimeout(done, 300));
      const running = runningProcesses();
      const more = signal === "SIGINT" ? COMPLETED[words.split(" ")[0]!] ?? [] : [];
      const files = [...Object.keys(FILES), ...more].sort();
      const names = (path: string) => [...Deno.readDirSync(path)].map(({ name }) => name).sort();
      assertEquals({
        code,
        processes: below.filter((pid) => running.has(pid)),
        files: names(folder.path),
        temporary: names(temporary.path),
      }, { code: expected, processes: [], files, temporary: [] });
      if (files.includes("r.xml")) {
        assertMatch(Deno.readTextFileSync(folder.at("r.xml")), /tests="[1-9]\d*" failures="[1-9]/);
      }
    });
  }
}

/** Runs a shell line in a folder. @returns What it prints, and its exit code. */
function shell(line: string) {
  using folder = new TempFolder(FILES);
  const { code, stdout, stderr } = new Deno.Command("bash", {
    args: ["-c", line],
    cwd: folder.path,
    stdin: "null",
  }).outputSync();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const files = [...Deno.readDirSync(folder.path)].map(({ name }) => name).sort();
  return { code, files, text: text(stdout) + text(stderr) };
}

const DMALAB = programLine("-A");

for (const words of ["vectors --count 2000", "vectors --negative", "completions bash"]) {
  Deno.test(`${words}: a reader that leaves ends it`, () => {
    const { files, text } = shell(
      `${DMALAB} ${words} | head -c 1 > /dev/null; echo "\${PIPESTATUS[0]}"`,
    );
    assertMatch(text.trim(), /^(?:141|0)$/);
    assertEquals(files, Object.keys(FILES).sort());
  });
}

for (
  const words of [
    "run good.dma",
    "test good.dma",
    "vectors --count 1",
    "hunt --cases 10 --quirks none",
  ]
) {
  Deno.test({
    name: `${words}: a full disk is no success`,
    ignore: Deno.build.os !== "linux",
    fn() {
      const { code, text } = shell(`${DMALAB} ${words} > /dev/full`);
      assert(code !== 0, text);
      assertMatch(text, /no space|full|not written/i);
    },
  });
}

/** Commands that write more than a kibibyte into a file. */
const WRITERS = [
  "hunt --cases 300 --out out",
  "vectors --count 9 --out out",
  "init out",
];

for (const words of WRITERS) {
  Deno.test({
    name: `${words}: a file that cannot grow is no success, and is not left half written`,
    ignore: Deno.build.os !== "linux",
    fn() {
      // A kibibyte a file, and an error in place of the signal. A shard that was cut goes on there.
      const { code, text } = shell(
        `trap '' XFSZ; ulimit -f 1; ${DMALAB} ${words}; code=$?; find . -size 1024c ! -name "shard-*"; exit $code`,
      );
      assertEquals(code, 4, text);
      assertMatch(text, /^error: Cannot write "[^"]+": file too large\n$/m);
      assert(!/^\.\//m.test(text), text);
    },
  });
}

const ELSEWHERE = [
  "test good.dma --junit-path nowhere/r.xml",
  "run good.dma --export nowhere/t.perfetto.json",
  "vectors --count 1 --out nowhere/v.json",
  "fmt nowhere/a.dma",
];

for (const words of ELSEWHERE) {
  Deno.test(`${words}: a missing folder is said`, () => {
    const { code, files, text } = shell(`${DMALAB} ${words}`);
    assertEquals(code, 2, text);
    assertMatch(text, /there is no (?:such )?(?:folder|file)/);
    assertEquals(files, Object.keys(FILES).sort());
  });
}
