/**
 * Runs that are drawn by a seed. Each run has a name: the same name gives the same run as long as the
 * behaviour of the code that the run reaches does not change. The results are stored in a text file,
 * with a section for each run below the run's name.
 */
import fc from "fast-check";
import { LAB_TABLES } from "@dmalab/devices";
import { CaseRun, HUNT_MACHINES, huntCases, type HuntRelease } from "@dmalab/hunt";
import {
  AddressSpace,
  ArmedInjection,
  type DmaAddr,
  INJECTION_POINTS,
  type InjectionPointName,
  IOMMU_MODEL_NAMES,
  type Machine,
  Random,
} from "@dmalab/runtime";
import { KERNEL_NAMES, KERNELS, QUIRK_NAMES } from "@dmalab/runtime/kernels";
import { makeNegativeFile } from "@dmalab/vectors/negative";
import { runSeed } from "../property/mapping_world.ts";
import { type Blow, SoakMachine } from "../soak/soak_machine.ts";
import { EventSums } from "./event_sums.ts";
import { printable } from "@dmalab/lang/diagnostics";
import { join } from "node:path";
import { ROOT } from "../source_text.ts";
import { MigrationBench, PAGE, rig, START, virt } from "@dmalab/devices/testing";
import type { DmaDirection } from "@dmalab/runtime/dma";
import { decodeFaultLog, printFaultLog } from "@dmalab/runtime/fault_log";
import { FAULT_REASON, wordsOf } from "@dmalab/runtime/vocabulary";

type DrawnRun = (sums: EventSums) => void;

/** Number of steps of a hunted case: further steps reach little new behaviour. */
const HUNT_STEPS = 6;
const OPERATIONS = 120;
const POINTS = INJECTION_POINTS.map(({ name }) => name) as InjectionPointName[];
const BLOWS: readonly Blow[] = ["none", "failure", "none", "reset", "failure", "removal"];

/** A release with its own defects, without any, or with all known ones. */
function releaseOf(seed: number): HuntRelease {
  const kernel = KERNEL_NAMES[seed % KERNEL_NAMES.length]!;
  const quirks = [KERNELS[kernel].quirks, new Set<never>(), new Set(QUIRK_NAMES)];
  return { kernel, quirks: quirks[Math.floor(seed / KERNEL_NAMES.length) % 3]! };
}

/** Requests of the hunt, with failures, on any machine. */
function runRequests(seed: number, sums: EventSums): void {
  const [found] = fc.sample(huntCases(POINTS), { seed, numRuns: 1 });
  const { machine, steps } = found!;
  const run = new CaseRun(machine, releaseOf(seed));
  const end = sums.watch(run.machine);
  for (const step of steps.slice(0, HUNT_STEPS)) {
    const violation = run.step(step);
    sums.say(`${run.ends.join(" ")} ${violation?.text}`);
    if (violation?.kind === "crash" || violation?.kind === "hang") break;
  }
  end();
}

/**
 * Requests of every kind in parallel, with failures, a reset and a removal while requests are under
 * way.
 */
function runSoak(seed: number, sums: EventSums): void {
  const [spec] = fc.sample(HUNT_MACHINES, { seed: -seed, numRuns: 1 });
  const release = { ...releaseOf(seed), quirks: new Set<never>() };
  const each = new SoakMachine(spec!, release, new Random(seed));
  const end = sums.watch(each.machine);
  for (const blow of BLOWS) {
    const ends = each.batch(blow).map(({ statusCode }) => statusCode);
    sums.add(`after ${blow}`, { ends: ends.join(" "), ...each.held });
    if (!each.isLive) break;
  }
  end();
}

/** Every call that maps, from one device, in any order. */
function runMappings(seed: number, sums: EventSums): void {
  let end = () => {};
  runSeed(seed, OPERATIONS, ({ machine }) => end = sums.watch(machine));
  end();
}

/** Commands that a controller must refuse, each with its status. */
function tellNegativeVectors(sums: EventSums): void {
  for (const { id, about, ...vector } of makeNegativeFile().vectors) {
    sums.add(`${id} ${about}`, { vector: JSON.stringify(vector) });
  }
}

/** The tables of a recording, with the descriptions of their columns. */
function tellTables(sums: EventSums): void {
  for (const { name, ...table } of LAB_TABLES) sums.add(name, { table: JSON.stringify(table) });
}

function drawn(
  count: number,
  kind: string,
  run: (seed: number, sums: EventSums) => void,
): (readonly [string, DrawnRun])[] {
  return Array.from({ length: count }, (_, index) => [
    `${kind} ${index + 1}`,
    (sums: EventSums) => run(index + 1, sums),
  ]);
}

/** Each run by its name: a function that runs it and adds the results to sums. */
export const DRAWN_RUNS: ReadonlyMap<string, DrawnRun> = new Map([
  ["fault lines", allFaultLines],
  ["negative vectors", tellNegativeVectors],
  ["tables", tellTables],
  ...drawn(60, "requests", runRequests),
  ...drawn(24, "soak", runSoak),
  ...drawn(24, "mappings", runMappings),
  ...drawn(24, "regions", runRegions),
  ...drawn(24, "migrations", runMigration),
]);

const KEPT = join(ROOT, "tests/sums/drawn.txt");
const HEAD = "# ";

/** The lines of sums that a run gives now. */
export function sumLines(run: DrawnRun): string[] {
  const sums = new EventSums();
  run(sums);
  return sums.lines.map((line) => printable(line));
}

/** The kept lines of each run, by its name. */
export function readSums(): Map<string, string[]> {
  const sections = Deno.readTextFileSync(KEPT).split(`\n${HEAD}`).slice(1);
  return new Map(sections.map((section) => {
    const [name, ...lines] = section.trimEnd().split("\n");
    return [name!, lines];
  }));
}

/** Keeps the present results of all runs. */
export function writeSums(): void {
  const sections = [...DRAWN_RUNS].map(([name, run]) =>
    `\n${HEAD}${name}\n${sumLines(run).join("\n")}\n`
  );
  Deno.writeTextFileSync(KEPT, sections.join(""));
}

const PAGES = 24;
const STEPS = 60;
const MODES = ["strict", "lazy", "off", "passthrough"] as const;

type Act = () => unknown;

/** Does actions one after another; now and then one of the machine's injection points fails. */
function act(machine: Machine, random: Random, sums: EventSums, acts: readonly Act[]): void {
  const nth = 1 + random.below(3);
  const injection = random.below(6) === 0
    ? new ArmedInjection(random.below(INJECTION_POINTS.length), nth, nth)
    : null;
  if (injection !== null) machine.armInjection(injection);
  try {
    const result = random.pick(acts)();
    sums.say(typeof result === "object" && result !== null ? "a thing" : String(result));
  } catch (error) {
    sums.say(String(error));
  } finally {
    if (injection !== null) machine.disarmFault(injection);
  }
}

/** A process that maps and unmaps memory below an RDMA region. */
function runRegions(seed: number, sums: EventSums): void {
  const random = new Random(seed);
  const pick = <T>(...from: readonly T[]): T => random.pick(from);
  const bench = rig({
    pages: PAGES,
    software: random.below(6) === 0,
    updateBytes: pick(64, 128, 65536),
    iommu: { mode: pick(...MODES) },
    machine: { kernel: random.pick(KERNEL_NAMES), quirks: new Set() },
  });
  const { adapter, machine, mm } = bench;
  const end = sums.watch(machine);
  const child = new AddressSpace(machine);
  child.map({ start: START, sizeBytes: 4 * PAGE, writable: true, order: 0 });
  const at = () => random.below(PAGES);
  const span = (): [typeof START, typeof START] => {
    const first = at();
    const start = virt(START + first * PAGE);
    return [start, virt(start + (1 + random.below(PAGES - first)) * PAGE)];
  };
  const register = () =>
    bench.register({ writable: pick(true, true, false), onDemand: pick(true, true, true, false) });
  let region = register();
  const held = <T>(use: (of: Exclude<typeof region, number>) => T) =>
    typeof region === "number" ? region : use(region);
  const acts: readonly Act[] = [
    () => held((of) => bench.access(of, at(), 1 + random.below(3 * PAGE))),
    () => held((of) => bench.access(of, at(), 512, true)),
    () => held((of) => bench.fault(of, at(), 1 + random.below(4))),
    () =>
      held((of) => {
        const [start, behind] = span();
        return adapter.prefetch(of, start, behind - start, pick(true, false), pick(true, false));
      }),
    () => bench.run(1 + random.below(8)),
    () => bench.run(),
    () => mm.discard(...span(), pick(true, false)),
    () => bench.discard(at()),
    () => mm.protect(...span(), pick("none", "read", "write")),
    () => mm.faultIn(START + at() * PAGE, pick(true, false)),
    () => mm.migrate(virt(START + at() * PAGE)),
    () => mm.free(...span()),
    () => mm.pageOut(...span()),
    () => mm.fork(),
    () => mm.remap(START, virt(START + 2 * PAGE)),
    () => mm.unmap(virt(START + 20 * PAGE), virt(START + 22 * PAGE)),
    () => child.faultIn(START + at() % 4 * PAGE, true),
    () =>
      random.below(6) === 0 && held((of) => {
        adapter.deregister(of);
        region = register();
      }),
    () => machine.advance(1000 * random.below(2000)),
  ];
  for (let left = STEPS; left > 0; left--) act(machine, random, sums, acts);
  act(machine, random, sums, [() => bench.run()]);
  act(machine, random, sums, [() => mm.exit()]);
  end();
}

/** The state of a device function that is saved, loaded and tracked. */
function runMigration(seed: number, sums: EventSums): void {
  const random = new Random(seed);
  const pick = <T>(...from: readonly T[]): T => random.pick(from);
  const bench = new MigrationBench({
    kernel: random.pick(KERNEL_NAMES),
    quirks: pick([], ["vfio_page_array_crash", "vfio_partial_destroy"]),
    iommu: { mode: pick(...MODES) },
  });
  const { driver, machine, peer } = bench;
  const end = sums.watch(machine);
  const direction = () => pick<DmaDirection | null>(0, 1, 2, null);
  const any = () => random.pick([...driver.buffers]);
  const some = (use: Act) => () => driver.buffers.size > 0 && use();
  const acts: readonly Act[] = [
    () => driver.allocBuffer(1 + random.below(40), direction(), pick(true, false)),
    () => driver.allocBuffer(pick(1, 16, 511, 512, 513, 700), direction(), pick(true, false)),
    () => driver.getBuffer(1 + random.below(40), direction(), pick(true, false)),
    some(() => driver.putBuffer(any())),
    some(() => driver.freeBuffer(any())),
    some(() => driver.mapBuffer(any())),
    some(() => driver.save(any())),
    some(() => driver.load(any(), pick(0, 100, 65536, 65537))),
    () => peer.driver.allocBuffer(17, 2, false),
    () => driver.tracker === null && driver.track(0 as DmaAddr, 2 ** 20, 4096, 1),
    () => driver.tracker !== null && driver.stopTracking(driver.tracker),
    () => bench.function.noteWrite(random.below(2 ** 20), 1 + random.below(9000)),
    () => bench.function.changeState(new Uint8Array([random.below(256)])),
    () => random.below(8) === 0 && driver.detach(),
    () => machine.runNextActivity(),
  ];
  for (let left = STEPS; left > 0; left--) act(machine, random, sums, acts);
  for (const buffer of driver.buffers) {
    act(machine, random, sums, [() => driver.freeBuffer(buffer)]);
  }
  end();
}

const FAULT_REASONS = wordsOf(FAULT_REASON);

const hex = (value: number, digits: number) => value.toString(16).padStart(digits, "0");

const AMD_EVENTS = [
  ...["ILLEGAL_DEV_TABLE_ENTRY", "DEV_TAB_HARDWARE_ERROR", "PAGE_TAB_HARDWARE_ERROR"],
  ...["ILLEGAL_COMMAND_ERROR", "COMMAND_HARDWARE_ERROR", "IOTLB_INV_TIMEOUT", "RMP_HW_ERROR"],
  ...["INVALID_DEVICE_REQUEST", "INVALID_PPR_REQUEST", "RMP_PAGE_FAULT"],
];
const SMMU_EVENTS = [
  "F_UUT",
  "C_BAD_STREAMID",
  "F_STE_FETCH",
  "F_TRANSLATION",
  "F_PERMISSION",
  "UNKNOWN",
];

/**
 * Lines of other forms: dumps of page tables, PASIDs, records without a name, and the text that newer
 * SMMU drivers print.
 */
const OTHER_FORMS: Readonly<Record<string, readonly string[]>> = {
  "vtd dump": ["Read", "Write"].flatMap((access) =>
    [0, 1, 2, 3, 0x81, 0x83].flatMap((bits) =>
      [1, 2, 3, 4].map((level) =>
        `DMAR: [DMA ${access} NO_PASID] Request device [02:1f.7] fault addr 0x1000 [fault reason 0x06] x\n` +
        "DMAR: Dump dmar0 table entries for IOVA 0x1000\n" +
        `DMAR: pte level: ${level}, pte value: 0x${
          bits === 0 ? 0 : `8fffffffffffff${hex(bits, 2)}`
        }`
      )
    )
  ),
  "vtd PASID": [0, 1, 0xf_ffff, 0x10_0000].flatMap((pasid) => [
    `DMAR: [DMA Read PASID ${
      hex(pasid, 1)
    }] Request device [02:00.1] fault addr 1000 [fault reason 20]`,
    `DMAR:[DMA Write] Request device [02:00.1] PASID ${
      hex(pasid, 1)
    } fault addr 0x1000 [fault reason 06]`,
  ]),
  "amd events": AMD_EVENTS.flatMap((name) => [
    `AMD-Vi: Event logged [${name} device=0001:02:00.1 pasid=0x12 gpa=0x1000 flags=0x0010 tag=0x3]`,
    `nvme 0001:02:00.1: AMD-Vi: Event logged [${name} address=0x1234567812345678 flags=0x130]`,
  ]),
  "amd without names": [
    "AMD-Vi: Event logged [Device not attached to domain properly] device=02:00.1 domain=0x12",
    "AMD-Vi: Event logged [UNKNOWN event[0]=0x12340201 event[1]=0x5 event[2]=0x6 event[3]=0x7",
  ],
  "smmu in words": SMMU_EVENTS.flatMap((name) =>
    ["unpriv data write s1", "priv inst read s2", "priv data read s1"].flatMap((how) =>
      ["iova: 0x1000", "fetch_addr: 0x2000"].map((where) =>
        `arm-smmu-v3 s.auto: event: ${name} client: 0002:21:00.1 sid: 0x2101 ssid: 0x1 ${where} ipa: 0x0\n` +
        `arm-smmu-v3 s.auto: ${how} "Input address caused fault" stag: 0x0`
      )
    )
  ),
  "smmu of 2, blocked": ["arm-smmu 5.iommu: Blocked unknown Stream ID 0x402; boot with x"],
};

function allFaultLines(sums: EventSums): void {
  const decode = (kind: string, text: string) =>
    sums.add(kind, { as: textOf(decodeFaultLog(text)) });
  for (let code = 0; code < 256; code++) {
    const access = code % 2 === 0 ? "Read" : "Write";
    const reason = `[fault reason 0x${hex(code, 2)}] text`;
    const source = "Request device [02:00.0]";
    decode("vtd", `DMAR: [DMA ${access} NO_PASID] ${source} fault addr 0x1000 ${reason}`);
    decode("vtd interrupt", `DMAR: [INTR-REMAP] ${source} fault index 0x3 ${reason}`);
  }
  for (let flags = 0; flags < 512; flags++) {
    const fields = `device=02:00.0 domain=0x0001 address=0x1000 flags=0x${hex(flags, 4)}`;
    decode("amd", `AMD-Vi: Event logged [IO_PAGE_FAULT ${fields}]`);
  }
  for (let code = 0; code < 0x40; code++) {
    for (const high of [0x000, 0x008, 0x20a, 0x602, 0xff_ffff]) {
      const words = [`00000008${hex(code, 8)}`, `${hex(high, 8)}00000000`, hex(0x1234_5678, 16)];
      const lines = [...words, hex(0x9000, 16)].map((word) => `arm-smmu-v3 s.auto: \t0x${word}`);
      const head = `arm-smmu-v3 s.auto: event 0x${hex(code, 2)} received:`;
      decode(`smmu ${hex(high, 6)}`, [head, ...lines].join("\n"));
    }
  }
  for (let bit = 0; bit < 32; bit++) {
    for (const syndrome of [0, 0x10, 0x40, 0x50]) {
      const status = `fsr=0x${(2 ** bit).toString(16)}, iova=0x1000, fsynr=0x${hex(syndrome, 6)}`;
      const where = "cbfrsynra=0x1ffff, cb=1";
      decode("smmu of 2", `arm-smmu 5000000.iommu: Unhandled context fault: ${status}, ${where}`);
    }
  }
  for (const [kind, texts] of Object.entries(OTHER_FORMS)) {
    for (const text of texts) decode(kind, text);
  }
  for (const model of IOMMU_MODEL_NAMES) {
    for (const reason of FAULT_REASONS) {
      for (const access of ["read", "write"] as const) {
        for (const dma of [-1, 0, 0x1234, 2 ** 32, 2 ** 53 - 1]) {
          for (const namesSegment of [false, true]) {
            const where = { pciDomain: 0x1_0000 - dma % 3, requesterId: 0x2fa, domainId: 3 };
            const line = printFaultLog(model, { dma, access, reason, namesSegment, ...where });
            sums.add(`printed of ${model}`, { line });
          }
        }
      }
    }
  }
}

function textOf(decoded: unknown): string {
  return JSON.stringify(decoded, (_, value) => typeof value === "bigint" ? `${value}n` : value);
}
