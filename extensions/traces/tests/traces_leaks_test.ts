/**
 * Leaks among mappings that live long by design: rings of receive buffers with queues that are busy,
 * slow, idle, or refilled in batches, and a disk with requests that complete in any order. If at
 * least two leaks are of the same kind, they are found. No buffer of a ring is called a leak.
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { isSure } from "../ledger/traced_mapping.ts";
import { checkedTrace } from "./checked_trace.ts";
import { Random } from "@dmalab/runtime";

/** First and last seed of each suite: both suites try every number of leaks. */
const SHORT = [1, 10] as const;
const REST = [11, 40] as const;
const NIC = "0000:00:06.0";
const DISK = "0000:00:04.0";

/** A trace that is being written. */
class Workload {
  readonly lines: string[] = [];
  /** Numbers of the lines of maps that leak. */
  readonly leaks: number[] = [];
  #address = 0x4000_0000;
  #micros = 0;

  constructor(readonly random: Random, readonly isDirect: boolean) {}

  below(count: number): number {
    return this.random.below(count);
  }

  pause(micros: number): void {
    this.#micros += micros;
  }

  #write(cpu: number, event: string): number {
    this.#micros += 1 + this.below(300);
    const time = (this.#micros / 1e6).toFixed(6);
    this.lines.push(`  task-${cpu + 7}  [00${cpu}] ..s1.  ${time}: ${event}`);
    return this.lines.length;
  }

  /** @returns The event of the matching unmap. */
  map(device: string, cpu: number, dir: string, bytes: number, leaks = false): string {
    this.#address += 0x2000;
    const phys = this.isDirect ? this.#address : this.#address + 0x1_0000_0000;
    const address = this.#address.toString(16);
    const line = this.#write(
      cpu,
      `dma_map_phys: ${device} dir=${dir} dma_addr=${address} size=${bytes} phys_addr=${
        phys.toString(16)
      } attrs=`,
    );
    if (leaks) this.leaks.push(line);
    return `dma_unmap_phys: ${device} dir=${dir} dma_addr=${address} size=${bytes} attrs=`;
  }

  /** Writes a request of one segment. @returns The event of its unmap. */
  request(leaks: boolean): string {
    const mapping = this.map(DISK, 0, "TO_DEVICE", 4096, leaks);
    this.#write(0, "block_rq_issue: 259,0 W 4096 () 8 + 8 none,0,0 [task]");
    return mapping;
  }

  unmap(cpu: number, mapping: string): void {
    this.#write(cpu, mapping);
  }
}

/** A receive queue, with buffers that are used in order. */
class Ring {
  readonly #buffers: string[] = [];
  /** How many buffers of the next refill are leaked. */
  leaks = 0;
  #missing = 0;

  constructor(
    readonly load: Workload,
    readonly cpu: number,
    size: number,
    readonly batch: number,
  ) {
    for (let index = 0; index < size; index++) this.#refill(false);
  }

  #refill(leaks: boolean): void {
    const mapping = this.load.map(NIC, this.cpu, "FROM_DEVICE", 1522, leaks);
    // A new buffer takes the place of the leaked one in the ring.
    if (leaks) this.#refill(false);
    else this.#buffers.push(mapping);
  }

  receive(): void {
    this.load.unmap(this.cpu, this.#buffers.shift()!);
    if (++this.#missing < this.batch) return;
    for (; this.#missing > 0; this.#missing--) this.#refill(this.leaks-- > 0);
    this.leaks = Math.max(this.leaks, 0);
  }
}

/** @param leaks How many buffers and how many requests are never unmapped. */
function workload(seed: number, leaks: number): Workload {
  const random = new Random(seed);
  const load = new Workload(random, seed % 2 === 1);
  const size = 16 << load.below(4);
  const rings = Array.from(
    { length: 1 + load.below(4) },
    (_, cpu) => new Ring(load, cpu, size, 1 << load.below(4)),
  );
  /** Weight of each queue in the random choice: some are idle, others slow. */
  const weights = rings.map((_, queue) => queue === 0 ? 100 : [0, 1, 10, 100][load.below(4)]!);
  const requests: string[] = [];
  const depth = 1 + load.below(32);
  const steps = 1500 + 3 * leaks;
  const leakSteps = new Set<number>();
  while (leakSteps.size < leaks) leakSteps.add(load.below(steps * 0.6 | 0));
  for (let step = 0; step < steps; step++) {
    let at = load.below(weights.reduce((sum, weight) => sum + weight, 0));
    const queue = weights.findIndex((weight) => (at -= weight) < 0);
    if (leakSteps.has(step)) {
      rings[0]!.leaks++;
      load.request(true);
    }
    rings[queue]!.receive();
    if (requests.length < depth) requests.push(load.request(false));
    if (requests.length >= depth || load.below(2) === 0) {
      load.unmap(1, requests.splice(load.below(requests.length), 1)[0]!);
    }
  }
  return load;
}

function leaksFound({ lines }: Pick<Workload, "lines">) {
  return checkedTrace(lines).findings.filter(isSure);
}

function holdClean(first: number, last: number): void {
  for (let seed = first; seed <= last; seed++) {
    assertEquals(leaksFound(workload(seed, 0)), [], `seed ${seed}`);
  }
}

Deno.test("no buffer of a ring and no request in flight is called a leak", () =>
  holdClean(...SHORT));
Deno.test("no buffer of thirty rings more is called a leak (long)", () => holdClean(...REST));

Deno.test("from the second of a kind on leaks are found, and nothing beside them", () =>
  holdLeaks(...SHORT));
Deno.test("leaks of thirty workloads more are found, and nothing beside them (long)", () =>
  holdLeaks(...REST));

function holdLeaks(first: number, last: number): void {
  for (let seed = first; seed <= last; seed++) {
    const load = workload(seed, [2, 3, 10, 100, 1000][seed % 5]!);
    const found = leaksFound(load);
    const wrong = found.filter(({ kind, line }) => kind !== "leak" || !load.leaks.includes(line!));
    assertEquals(wrong, [], `seed ${seed}`);
    for (const device of [NIC, DISK]) {
      assert(found.some((each) => each.device === device), `seed ${seed}: none of ${device}`);
    }
  }
}

Deno.test("what the last burst leaves is in flight at first, and a leak once others run for long", () => {
  for (let seed = 1; seed <= 8; seed++) {
    const load = new Workload(new Random(seed), seed % 2 === 1);
    const count = 12 + load.below(20);
    const left = seed % 4;
    for (let burst = 0; burst < 6; burst++) {
      const kept = burst === 5 ? count - left : count;
      const mappings = Array.from(
        { length: count },
        (_, index) => load.map(DISK, 0, "TO_DEVICE", 4096, index >= kept),
      ).slice(0, kept);
      while (mappings.length > 0) {
        load.unmap(1, mappings.splice(load.below(mappings.length), 1)[0]!);
      }
      load.pause(20_000);
    }
    assertEquals(leaksFound(load), [], `seed ${seed}`);
    for (let step = 0; step < 1000; step++) {
      load.unmap(1, load.map(NIC, 1, "FROM_DEVICE", 2048));
    }
    assertEquals(leaksFound(load).map(({ line }) => line), load.leaks, `seed ${seed}`);
  }
});

/** Requests of two links each, in sequence; the ranges of the `leaked` ones are never destroyed. */
function twoStepRequests(count: number, leaked: readonly number[]): string[] {
  const lines: string[] = [];
  const write = (event: string) => {
    const time = (1 + lines.length / 1e4).toFixed(6);
    lines.push(`     fio-42      [000] .....  ${time}: ${event}`);
  };
  const hex = (address: number) => `0x${address.toString(16).padStart(16, "0")}`;
  for (let index = 0; index < count; index++) {
    const start = 0xfff0_0000 - index * 0x4000;
    const name = `nvme0: disk=nvme0n1, qid=1, cmdid=${index}`;
    write(
      `nvme_setup_cmd: ${name}, nsid=1, flags=0x0, meta=0x0, ` +
        `cmd=(nvme_cmd_write slba=0, len=15, ctrl=0x0, dsmgmt=0, reftag=0)`,
    );
    for (const at of [start, start + 0x1000]) {
      const paddr = hex(0x1_0000_0000 + index * 0x8000 + (at - start) * 4);
      write(`map: IOMMU: iova=${hex(at)} - ${hex(at + 0x1000)} paddr=${paddr} size=4096`);
    }
    write("block_rq_issue: 259,0 W 8192 () 0 + 16 be,0,4 [fio]");
    if (!leaked.includes(index)) {
      write(
        `unmap: IOMMU: iova=${hex(start)} - ${hex(start + 0x2000)} size=8192 unmapped_size=8192`,
      );
    }
    write(`nvme_complete_rq: ${name}, res=0x0, retries=0, flags=0x0, status=0x0`);
  }
  return lines;
}

Deno.test("a two-step range that is never destroyed is a leak, with its lines", () => {
  assertEquals(leaksFound({ lines: twoStepRequests(20, []) }), []);
  const found = leaksFound({ lines: twoStepRequests(20, [4, 9]) });
  assertEquals(found.map(({ kind, line }) => [kind, line]), [["leak", 26], ["leak", 55]]);
  // A range of one of the last requests is not called a leak: the request may be in flight, or may
  // hang.
  const last = twoStepRequests(20, [18]);
  assertEquals(leaksFound({ lines: last }), []);
  const later = new Workload(new Random(1), false);
  later.pause(1_012_000);
  for (let step = 0; step < 100; step++) later.unmap(1, later.map(NIC, 1, "FROM_DEVICE", 2048));
  const [left] = checkedTrace([...last, ...later.lines]).findings;
  assertEquals([left!.kind, left!.certainty, left!.line], ["leak", "possible", 110]);
  assertStringIncludes(left!.text, "or the request hangs");
});

Deno.test("leaks that are alike are printed as one, with how many and how often", () => {
  const load = workload(5, 100);
  const words = checkedTrace(load.lines).text().replaceAll(/\s+/g, " ");
  assertMatch(
    words,
    /100 of 1900 of 4_096 bytes, TO_DEVICE, by task, are never unmapped/,
  );
  assertMatch(words, /also lines (\d+, ){9}\d+\s+and 89 more/);
});

Deno.test("a hundred thousand leaks are found as a few are (long)", () => {
  const lines = Array.from({ length: 260_000 }, (_, index) => {
    const address = (0x1_0000_0000 + index * 0x1000).toString(16);
    const call = `${NIC} dir=TO_DEVICE dma_addr=${address} size=64`;
    const time = (1 + index / 1e5).toFixed(6);
    const map = ` x-1 [000] ..... ${time}: dma_map_phys: ${call} phys_addr=2${address} attrs=`;
    return index % 2 === 0
      ? [map]
      : [map, ` x-1 [000] ..... ${time}: dma_unmap_phys: ${call} attrs=`];
  }).flat();
  const [leak] = leaksFound({ lines });
  // The last two mappings without an unmap are not called leaks, because too few mappings after
  // them were unmapped.
  assertStringIncludes(leak!.text, "129998 of 260000 of 64 bytes");
});
