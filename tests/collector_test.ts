/**
 * examples/traces/data/collect-trace.sh, run by every POSIX shell that is at hand, with a folder in the tracer's
 * place: it sets what it says, and leaves every setting as it was, interrupted or not.
 */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { ROOT } from "./source_text.ts";

const SCRIPT = join(ROOT, "examples/traces/data/collect-trace.sh");

/** Commands that start a shell: those that are installed. */
function shells(): string[][] {
  const known = [["sh"], ["dash"], ["busybox", "sh"], ["bash", "--posix"], ["ash"], ["mksh"]];
  return known.filter(([command, ...options]) => {
    try {
      const { success } = new Deno.Command(command!, { args: [...options, "-c", "exit 0"] })
        .outputSync();
      return success;
    } catch {
      return false;
    }
  });
}

/** What the tracer's files say before. */
const BEFORE: Readonly<Record<string, string>> = {
  tracing_on: "1\n",
  current_tracer: "function\n",
  trace_clock: "local [global] counter uptime perf mono mono_raw boot\n",
  buffer_size_kb: "7 (expanded: 1408)\n",
  set_event: "sched:sched_switch\nirq:irq_handler_entry\n",
  trace: "# tracer: nop\n",
  trace_marker: "",
};
/** What must be set when it is over, as the kernel would take it. */
const AFTER: Readonly<Record<string, string>> = {
  tracing_on: "1\n",
  current_tracer: "function\n",
  trace_clock: "global\n",
  buffer_size_kb: "1408\n",
  set_event: BEFORE.set_event!,
};

interface Machine {
  readonly folder: string;
  readonly tracing: string;
  readonly functions: string;
  readonly env: { readonly DMALAB_TRACING: string; readonly DMALAB_KMSG: string };
}

/** A machine whose user has this number. Functions stand for programs: busybox has its own of each. */
function machine(uid: number): Machine {
  const folder = Deno.makeTempDirSync();
  const tracing = join(folder, "tracing");
  for (const each of ["events/dma", "events/iommu", "per_cpu/cpu0"]) {
    Deno.mkdirSync(join(tracing, each), { recursive: true });
  }
  for (const [name, text] of Object.entries(BEFORE)) {
    Deno.writeTextFileSync(join(tracing, name), text);
  }
  Deno.writeTextFileSync(join(tracing, "per_cpu/cpu0/stats"), "entries: 12\noverrun: 3\n");
  const functions = [
    `id() { echo ${uid}; }`,
    "dmesg() {",
    "  echo '[    0.000000] Linux version 7.2.13 (someone@somewhere) (gcc 14) #1'",
    "  echo '[    1.000000] systemd[1]: Hostname set to <secret>.'",
    `  cat "${join(folder, "kmsg")}"`,
    "}",
  ];
  const env = { DMALAB_TRACING: tracing, DMALAB_KMSG: join(folder, "kmsg") };
  return { folder, tracing, functions: functions.join("\n"), env };
}

function start(
  shell: readonly string[],
  { env, folder, functions }: Machine,
  args: readonly string[],
) {
  const [command, ...options] = shell;
  return new Deno.Command(command!, {
    args: [...options, "-c", `${functions}\n. "${SCRIPT}"`, "collect-trace", ...args],
    cwd: folder,
    env,
    stdout: "piped",
    stderr: "piped",
  });
}

function settings({ tracing }: Machine): Record<string, string> {
  return Object.fromEntries(
    Object.keys(AFTER).map((name) => [name, Deno.readTextFileSync(join(tracing, name))]),
  );
}

/** Whether the first mark stands in both: in the log it is written last. */
function isMarked({ env }: Machine): boolean {
  try {
    return Deno.statSync(env.DMALAB_KMSG).size > 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

const decoder = new TextDecoder();

Deno.test("the collector records, and leaves every setting of the tracer as it was", async (t) => {
  const all = shells();
  assert(all.length > 0);
  for (const shell of all) {
    await t.step(shell.join(" "), async () => {
      const box = machine(0);
      const run = await start(shell, box, ["0", "dma iommu nvme"]).output();
      assertEquals(run.code, 0, decoder.decode(run.stderr));
      assert(decoder.decode(run.stderr).includes("no events of nvme"));
      assertEquals(settings(box), AFTER);
      const tar = new Deno.Command("tar", {
        args: ["-xOf", join(box.folder, "dmalab-trace.tar"), "dmalab-trace/dmesg.txt"],
      });
      const log = decoder.decode((await tar.output()).stdout);
      assert(!/someone|secret/.test(log), log);
      // A file keeps the last of what a device would have taken one by one.
      const mark = Deno.readTextFileSync(join(box.tracing, "trace_marker"));
      assert(/^dmalab-mark \d+2\n$/.test(mark) && log.includes(mark), mark);
      Deno.removeSync(box.folder, { recursive: true });
    });
  }
});

Deno.test("an interrupt ends the collector at once, and every setting is as it was", async (t) => {
  for (const shell of shells()) {
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
      await t.step(`${shell.join(" ")} ${signal}`, async () => {
        const box = machine(0);
        const child = start(shell, box, ["600"]).spawn();
        while (!isMarked(box)) await new Promise((go) => setTimeout(go, 5));
        assertEquals(Deno.readTextFileSync(join(box.tracing, "set_event")), "dma:*\niommu:*\n");
        assertEquals(Deno.readTextFileSync(join(box.tracing, "trace_clock")), "mono\n");
        child.kill(signal);
        const { code } = await child.output();
        assertEquals(code, { SIGTERM: 143, SIGINT: 130, SIGHUP: 129 }[signal]);
        assertEquals(settings(box), AFTER);
        assertEquals([...Deno.readDirSync(box.folder)].map(({ name }) => name).sort(), [
          "kmsg",
          "tracing",
        ]);
        Deno.removeSync(box.folder, { recursive: true });
      });
    }
  }
});

Deno.test("without root, or without a number, the collector says so and touches nothing", async () => {
  for (const shell of shells()) {
    for (
      const [uid, seconds, said] of [[1000, "1", "only root"], [0, "ten", "is a number"]] as const
    ) {
      const box = machine(uid);
      const { code, stderr } = await start(shell, box, [seconds]).output();
      assertEquals(code, 2);
      assert(decoder.decode(stderr).includes(said), decoder.decode(stderr));
      for (const [name, text] of Object.entries(BEFORE)) {
        assertEquals(Deno.readTextFileSync(join(box.tracing, name)), text);
      }
      Deno.removeSync(box.folder, { recursive: true });
    }
  }
});
