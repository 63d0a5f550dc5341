/**
 * Guests and QEMUs that give other records than a boot does: `kernel run` ends with a reason, leaves nothing
 * behind, and calls nothing the same.
 *
 * A script stands in for QEMU. It copies the records of a recorded boot, each time with another change.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { processesBelow, runningProcesses, TempFolder } from "@dmalab/tools";
import { readGoldenText, ROOT } from "@dmalab/tests";
import { kernelImage } from "./kernel_image.ts";

const BOOTS = new URL("./boots/", import.meta.url).pathname;
const RELEASE = "7.3.4+deb13-amd64";

/** Finds the files of the boot in QEMU's arguments, and runs the guest. */
const QEMU = `#!/bin/sh
[ "$1" = --version ] && echo "QEMU emulator version 7.2.22" && exit
for word; do
  case "$word" in memory-backend-file*) report=\${word#*mem-path=}; report=\${report%%,size=*} ;; esac
  [ "$last" = -D ] && log=$word
  last=$word
done
. ./guest.sh
`;

/** Both records as they are. */
const COPY = 'cat report.bin > "$report"; cat controller.txt > "$log"';

interface Records {
  /** The guest's report. */
  report: string;
  /** QEMU's log. */
  log: string;
  /** Length that the report says of itself; null for the true one. */
  lengthBytes: bigint | null;
  /** What stands in for QEMU does this. */
  script: string;
}

interface Hostile {
  readonly name: string;
  readonly change: (records: Records) => Partial<Records>;
  /** A part of the reason that is printed. */
  readonly says: string;
}

const MIB = 2 ** 20;

/** Replaces a text that has to be there. */
function swap(text: string, from: RegExp | string, to: string): string {
  const changed = text.replace(from, () => to);
  assert(changed !== text, `nothing to change: ${from}`);
  return changed;
}

const inReport = (name: string, from: RegExp | string, to: string, says: string): Hostile => ({
  name,
  change: ({ report }) => ({ report: swap(report, from, to) }),
  says,
});

const inLog = (name: string, change: (log: string) => string, says: string): Hostile => ({
  name,
  change: ({ log }) => ({ log: change(log) }),
  says,
});

const acting = (name: string, script: string, says: string): Hostile => ({
  name,
  change: () => ({ script }),
  says,
});

const NO_PROGRAM = "The guest's program did not run";

const GUESTS: readonly Hostile[] = [
  { name: "a guest that does nothing", change: () => ({ script: "true" }), says: NO_PROGRAM },
  {
    name: "a report that is cut",
    change: ({ report }) => ({ report: report.slice(0, 4000) }),
    says: "ended before its plan",
  },
  {
    name: "a report of random bytes",
    change: () => ({ report: "\u0001\ufffd\n\u0000".repeat(50_000) }),
    says: NO_PROGRAM,
  },
  {
    name: "a report that says that it is endless",
    change: () => ({ lengthBytes: 2n ** 64n - 1n }),
    says: NO_PROGRAM,
  },
  {
    name: "a report of blanks",
    change: ({ report }) => ({ report: " ".repeat(30 * MIB) + report }),
    says: NO_PROGRAM,
  },
  {
    name: "two million files",
    change: ({ report }) => ({ report: "file a 0\nend a\n".repeat(2_000_000) + report }),
    says: '"file a" more than once',
  },
  {
    name: "a million disks",
    change: ({ report }) => ({ report: "disk 0 a b c\n".repeat(1_000_000) + report }),
    says: '"disk 0" more than once',
  },
  inReport("no disk", /^disk .*\n/m, "", "no disk 0, which is ssd"),
  inReport(
    "a disk without an address",
    /^disk 0 nvme0 \S+/m,
    "disk 0 nvme0 here",
    "no address of ssd",
  ),
  inReport(
    "a domain without an IOMMU",
    /^disk 0 (.*) none$/m,
    "disk 0 nvme0 0000:01:00.0 DMA",
    'the domain "DMA" of ssd',
  ),
  inReport(
    "a limit that is no number",
    /^limit 0 max_sectors_kb .*$/m,
    "limit 0 max_sectors_kb 1e400",
    "no limit max_sectors_kb of ssd",
  ),
  inReport("no limits", /^limit .*\n/gm, "", "no limit logical_block_size of ssd"),
  inReport("memory that is missing", /^island 3 .*\n/m, "", "no place of 1 of 20 pieces"),
  inReport(
    "memory at a negative address",
    /^island 3 .*$/m,
    "island 3 -4096 0",
    "no place of 1 of 20 pieces",
  ),
  inReport(
    "memory that begins in a page",
    /^island 3 .*$/m,
    "island 3 73539585 0",
    "no place of 1 of 20 pieces",
  ),
  inReport(
    "memory at two places",
    /^island 3 .*$/m,
    "island 3 4096 0\nisland 3 8192 0",
    '"island 3" more than once',
  ),
  inReport("memory at another's place", /^island 3 .*$/m, "island 3 73400320 0", "phys differs"),
  inReport(
    "a result beyond all numbers",
    /^io 3 ends .*$/m,
    "io 3 ends 1e308",
    "no result of 1 of 15 calls",
  ),
  inReport(
    "a result that is too long",
    /^io 3 ends .*$/m,
    "io 3 ends 999999999",
    "the call returns 999999999",
  ),
  inReport(
    "two results of a call",
    /^io 3 ends .*$/m,
    "io 3 ends -5\nio 3 ends 131072",
    '"io 3" more than once',
  ),
  inReport(
    "a result of no call",
    /^file trace/m,
    "io 99 ends 4096\nfile trace",
    "a result of call 99",
  ),
  inReport("another release", /^kernel .*$/m, "kernel 7.2.12 x86_64", "The guest runs 7.2.12"),
  inReport(
    "a release with a control character",
    /^kernel .*$/m,
    `kernel ${RELEASE}\u001b[2J x`,
    "The guest runs",
  ),
  inReport("two releases", /^kernel/m, "kernel 6.1.0 x\nkernel", '"kernel" more than once'),
  inReport(
    "a plan that was not read",
    /^huge/m,
    `bad ${"x".repeat(MIB)}\nhuge`,
    "In the guest: bad xxx",
  ),
  inReport("a call that did not end", /^huge/m, "timeout 0\nhuge", "In the guest: timeout 0"),
  inReport("no end", /^done\n?/m, "", "ended before its plan"),
  inReport(
    "a probe that the kernel refuses",
    /^huge/m,
    "refused probe 22 p:lab/map_one x\nhuge",
    "cannot show calls of dma_map_phys",
  ),
  inReport("times that go back", / 7\.39/g, " 3.39", "go back at event"),
  inReport("a time that is no number", / 7\.389\d+:/g, " nan:", "its head says 364 events"),
  inReport(
    "a trace that is cut",
    /(\n.*){60}\nend trace\n/,
    "\nend trace\n",
    "its head says 364 events",
  ),
  inReport(
    "a trace without its calls' begins",
    /^.*tracing_mark_write.*\n/gm,
    "",
    "its head says 364 events",
  ),
  inReport("a head of other numbers", "364/364", "5/5", "its head says 5 events"),
  inReport("a head that lost events", "364/364", "364/5000", "The trace lost events"),
  inReport("a head of endless numbers", "364/364", `${"9".repeat(4000)}/1`, "has no head"),
  inReport(
    "the begins of two calls exchanged",
    /dmalab-io 3$/m,
    "dmalab-io 4",
    "the begin of each call",
  ),
  inReport(
    "addresses beyond all numbers",
    /phys=0x\w+/g,
    `phys=0x${"f".repeat(40)}`,
    "phys differs",
  ),
  inReport("ids of other commands", /cmdid=387/g, "cmdid=388", "no access of 1 completed request"),
  inLog("an empty log", () => "", "no access of 15 completed requests"),
  inLog(
    "a log that is cut",
    (log) => log.slice(0, log.length / 2),
    "no access of 15 completed requests",
  ),
  inLog(
    "a log without numbers",
    (log) => log.replaceAll(/0x[0-9a-f]+/g, "0xzz"),
    "no access of 15 completed requests",
  ),
  inLog(
    "a log of numbers beyond all",
    (log) => log.replaceAll(/0x[0-9a-f]+/g, `0x${"f".repeat(40)}`),
    "access 1 is missing on the kernel",
  ),
  inLog(
    "a log with a command that nobody sent",
    (log) =>
      `${log}${log.slice(log.lastIndexOf("pci_nvme_io_cmd"))}`.replace(
        /cid \d+(?!.*cid)/s,
        "cid 9",
      ),
    "that the trace does not have",
  ),
  inLog(
    "accesses of a byte less",
    (log) => log.replaceAll(/len 4096$/gm, "len 4095"),
    "is 4095 bytes",
  ),
  acting(
    "a log that is too long",
    `${COPY}; truncate -s 600M "$log"`,
    "log of the controller is too long",
  ),
  acting("no log", `${COPY}; rm "$log"`, "no access of 15 completed requests"),
  acting(
    "a folder for a log",
    `${COPY}; rm "$log"; mkdir "$log"`,
    "no access of 15 completed requests",
  ),
  acting("a pipe for a report", `${COPY}; rm "$report"; mkfifo "$report"`, NO_PROGRAM),
  acting("no report", `${COPY}; rm "$report"`, NO_PROGRAM),
  acting("an endless console", `${COPY}; exec yes`, "prints without end"),
  acting("endless errors", `${COPY}; exec yes >&2`, "prints without end"),
  acting(
    "a panic",
    `${COPY}; printf 'Kernel panic - not syncing: \\033[2Jx\\n'`,
    "The kernel panicked: ␛[2Jx",
  ),
  acting("a QEMU that fails", `${COPY}; echo oops >&2; exit 1`, "exit code 1: oops"),
  acting("a QEMU that is killed", `${COPY}; kill -9 $$`, "ended with SIGKILL"),
  acting("a guest that does not end", `${COPY}; exec sleep 60`, "did not end within 3 s"),
  acting(
    "a guest that closes its streams and stays",
    `${COPY}; exec sleep 60 >&- 2>&-`,
    "did not end within 3 s",
  ),
  acting(
    "a QEMU that ignores signals",
    `trap "" TERM HUP INT; while :; do sleep 1; done`,
    "did not end within 3 s",
  ),
];

function reportFile({ lengthBytes, report }: Records): Uint8Array {
  const text = new TextEncoder().encode(report);
  const bytes = new Uint8Array(8 + text.length);
  new DataView(bytes.buffer).setBigUint64(0, lengthBytes ?? BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

/** The first test of the recorded boots' scenario, without an IOMMU. */
function scenario(): string {
  const text = Deno.readTextFileSync(`${BOOTS}edges.dma`);
  return swap(text.slice(0, text.indexOf('test "a chained list"')), "[off, strict, lazy]", "[off]");
}

interface Ended {
  readonly code: number;
  readonly output: string;
  /** What the command left: files in the folder for temporary ones, and processes. */
  readonly left: readonly string[];
}

/** Runs the command with a guest in a folder. */
async function run(folder: TempFolder, records: Records): Promise<Ended> {
  folder.write("report.bin", reportFile(records));
  folder.write("controller.txt", records.log);
  folder.write("guest.sh", `${records.script}\n`);
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--no-check", `${ROOT}/bin/main.ts`, "kernel", "run", "x.dma"],
      ...["--kernel", "vmlinuz", "--accel", "tcg", "--timeout", "3"],
    ],
    cwd: folder.path,
    env: {
      TMPDIR: folder.at("tmp"),
      PATH: `${folder.at("bin")}:${Deno.env.get("PATH")}`,
      NO_COLOR: "1",
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const late = setTimeout(() => child.kill("SIGKILL"), 60_000);
  let below: readonly number[] = [];
  const look = setInterval(() => {
    const now = processesBelow(child.pid);
    if (now.length > 0) below = now;
  }, 100);
  const { code, stderr, stdout } = await child.output();
  clearTimeout(late);
  clearInterval(look);
  const running = runningProcesses();
  const decoder = new TextDecoder();
  return {
    code,
    output: decoder.decode(stdout) + decoder.decode(stderr),
    left: [
      ...[...Deno.readDirSync(folder.at("tmp"))].map(({ name }) => name),
      ...below.filter((pid) => running.has(pid)).map(String),
    ],
  };
}

Deno.test({
  name: "no hostile guest is the same, hangs, or leaves anything",
  ignore: Deno.build.os === "windows",
  async fn(t) {
    using folder = new TempFolder({ "x.dma": scenario() });
    folder.write("vmlinuz", kernelImage({ release: `${RELEASE} (a@b) #1` }));
    Deno.mkdirSync(folder.at("tmp"));
    Deno.chmodSync(folder.write("bin/qemu-system-x86_64", QEMU), 0o755);
    const whole: Records = {
      report: await readGoldenText(`${BOOTS}7.3.4.1.report.txt.gz`),
      log: await readGoldenText(`${BOOTS}7.3.4.1.controller.txt.gz`),
      lengthBytes: null,
      script: COPY,
    };
    await t.step("the boot itself", async () => {
      const { code, left, output } = await run(folder, whole);
      assertEquals([code, left], [0, []], output);
      assertStringIncludes(output, "1 same, 0 differ, 0 not run");
    });
    for (const { change, name, says } of GUESTS) {
      await t.step(name, async () => {
        const { code, left, output } = await run(folder, { ...whole, ...change(whole) });
        const ofDefect = /E0999|file:\/\//.exec(output)?.[0] ?? null;
        assertEquals({ left, ofDefect, isFine: code === 0 || output.includes("1 same") }, {
          left: [],
          ofDefect: null,
          isFine: false,
        }, output);
        assert(code === 1 || code === 2, `exit code ${code}`);
        assertStringIncludes(output, says);
      });
    }
  },
});
