/**
 * examples/traces/data/collect-trace.sh, run by every installed POSIX shell. A folder with 256 CPUs
 * stands in for the tracer. The script must record in a separate instance, keep the data collected
 * so far when a signal comes, and pack no names except those that are needed, such as names of
 * devices.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { loadLogReader, LogPass, TraceCheck, TraceLine } from "@dmalab/traces";
import {
  changedSettings,
  collected,
  collector,
  machine,
  overrunOf,
  SECRETS,
  shells,
} from "./collector_machine.ts";

// The log reader must be loaded before the tests use it.
await loadLogReader();

const decoder = new TextDecoder();
const CPUS = 256;
const FILES = ["dmesg.txt", "facts.txt", "lspci.txt", "trace.txt"];

Deno.test("the collector records in an instance of its own, and packs what is read and no name", async (t) => {
  for (const shell of shells()) {
    await t.step(shell.join(" "), async () => {
      const box = machine(0, CPUS);
      const args = ["-y", "-d", "0000:00:05.0", "-e", "dma iommu nvme", "-m", "128", "0"];
      const { code, stderr, stdout } = await collector(shell, box, args).output();
      const said = decoder.decode(stderr);
      assertEquals(code, 0, said);
      assertStringIncludes(said, "no events of nvme");
      assertStringIncludes(said, `${overrunOf(CPUS)} events were overwritten`);
      assertEquals(changedSettings(box), []);
      const files = collected(box);
      assertEquals(Object.keys(files).sort(), FILES);
      for (const text of [...Object.values(files), decoder.decode(stdout), said]) {
        assertEquals(SECRETS.filter((secret) => text.includes(secret)), [], text);
      }
      holdContent(files);
      Deno.removeSync(box.folder, { recursive: true });
    });
  }
});

/** Checks that the packed files have all the data that the readers need. */
function holdContent(files: Readonly<Record<string, string>>): void {
  const log = new LogPass();
  [files["dmesg.txt"]!, files["facts.txt"]!].join("").split("\n")
    .forEach((line, index) => log.push(TraceLine.of(line), index + 1));
  log.end();
  assertEquals(log.boots.newest?.version, "7.2.13");
  assertEquals(log.facts.model, "vtd_scalable");
  assertEquals(log.facts.poolBytes, 65536 * 2048);
  assertEquals(log.facts.overrun, overrunOf(CPUS));
  assertEquals(log.facts.groupTypes.get("0000:00:05.0"), "DMA-FQ");
  assertEquals(log.facts.limits.get("nvme0n1"), { max_segments: 128 });
  assertEquals(log.entries.map(({ kind }) => kind), ["unmap_warning", "nvme_timeout"]);
  assertEquals(log.marks.size, 0, "the fake's marks have no time");
  const check = new TraceCheck(log);
  files["trace.txt"]!.split("\n").forEach((line, index) =>
    check.push(TraceLine.of(line), index + 1)
  );
  assertEquals(check.events, {
    dma_map_phys: 1,
    map: 1,
    block_rq_issue: 1,
    block_rq_complete: 1,
  });
  for (const kept of ["IOMMU group: 4", "[15b3:1017]", "Kernel driver in use: mlx5_core"]) {
    assertStringIncludes(files["lspci.txt"]!, kept);
  }
}

/** Whether the log contains the first mark. */
function isMarked(kmsg: string): boolean {
  return /^dmalab-mark/m.test(Deno.readTextFileSync(kmsg));
}

Deno.test("the instance has its share of memory and its filter, and a signal keeps what there is", async (t) => {
  for (const shell of shells().slice(0, 1)) {
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
      await t.step(`${shell.join(" ")} ${signal}`, async () => {
        const box = machine(0);
        const args = ["-d", "0000:00:05.0", "-m", "1", "600"];
        const child = collector(shell, box, args).spawn();
        while (!isMarked(box.env.DMALAB_KMSG!)) await new Promise((go) => setTimeout(go, 5));
        const [{ name }] = [...Deno.readDirSync(join(box.tracing, "instances"))] as [Deno.DirEntry];
        const setting = (file: string) =>
          Deno.readTextFileSync(join(box.tracing, "instances", name, file));
        assertEquals(setting("buffer_size_kb"), "512\n");
        assertEquals(setting("events/dma/filter"), 'device == "0000:00:05.0"\n');
        assertEquals(setting("tracing_on"), "1\n");
        child.kill(signal);
        const { code } = await child.output();
        assertEquals(code, { SIGTERM: 143, SIGINT: 130, SIGHUP: 129 }[signal]);
        assertEquals(changedSettings(box), []);
        assertEquals(Object.keys(collected(box)).sort(), FILES);
        Deno.removeSync(box.folder, { recursive: true });
      });
    }
  }
});

Deno.test("the flight recorder ends at the first fault", async () => {
  const box = machine(0);
  const child = collector(shells()[0]!, box, ["-f", "-y"]).spawn();
  while (!isMarked(box.env.DMALAB_KMSG!)) await new Promise((go) => setTimeout(go, 5));
  Deno.writeTextFileSync(
    box.env.DMALAB_KMSG!,
    "[ 9.0] DMAR: [DMA Write NO_PASID] Request device [00:05.0] fault addr 0xfffff000 [fault reason 0x05] PTE Write access is not set\n",
    { append: true },
  );
  const { code, stderr } = await child.output();
  assertEquals(code, 0, decoder.decode(stderr));
  assertStringIncludes(decoder.decode(stderr), "a fault: the recording ends");
  assertStringIncludes(collected(box)["dmesg.txt"]!, "fault addr 0xfffff000");
  Deno.removeSync(box.folder, { recursive: true });
});

Deno.test("no link is followed, and without root or a number nothing is touched", async () => {
  const [shell] = shells() as [string[]];
  const cases = [
    { user: 1000, args: ["1"], said: "only root" },
    { user: 0, args: ["ten"], said: "are numbers" },
    { user: 0, args: ["-d", "$(reboot)", "1"], said: "DEVICE is a name" },
    {
      user: 0,
      args: ["-y", "0"],
      said: "dmalab-trace.tar is here already",
      link: "dmalab-trace.tar",
    },
    { user: 0, args: ["-y", "0"], said: "is a symbolic link", link: "fresh/buffer_size_kb" },
    { user: 0, args: ["-y", "0"], said: "is a symbolic link", link: "fresh/trace_marker" },
  ];
  for (const { args, link, said, user } of cases) {
    const box = machine(user);
    const victim = join(box.folder, "victim");
    Deno.writeTextFileSync(victim, "untouched");
    if (link !== undefined) Deno.symlinkSync(victim, join(box.folder, link));
    const { code, stderr } = await collector(shell, box, args).output();
    assertEquals(code, 2);
    assertStringIncludes(decoder.decode(stderr), said);
    assertEquals(changedSettings(box), []);
    assertEquals(Deno.readTextFileSync(victim), "untouched");
    assert(link === "dmalab-trace.tar" || Object.keys(collected(box)).length === 0);
    Deno.removeSync(box.folder, { recursive: true });
  }
});
