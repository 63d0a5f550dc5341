/**
 * Runs that are counted, most of them cases of the table of random checks. Each run has a name: the same name gives the same run as long as the
 * behaviour of the code that the run reaches does not change. The results are stored in a text file,
 * with a section for each run below the run's name.
 */
import { LAB_TABLES } from "@dmalab/devices";
import { printable } from "@dmalab/lang/diagnostics";
import { IOMMU_MODEL_NAMES } from "@dmalab/runtime";
import { decodeFaultLog, printFaultLog } from "@dmalab/runtime/fault_log";
import { FAULT_REASON, wordsOf } from "@dmalab/runtime/vocabulary";
import { makeNegativeFile } from "@dmalab/vectors/negative";
import { join } from "node:path";
import { type Check, Tally } from "../checks/check.ts";
import { CHECKS, SEED } from "../checks/checks.ts";
import { ROOT } from "../source_text.ts";
import { EventSums } from "./event_sums.ts";

type DrawnRun = (sums: EventSums) => void;

/** The cases of a check that has sums. */
function casesOf(check: Check): (readonly [string, DrawnRun])[] {
  const [cases, steps] = check.budget.sums ?? [0, 0];
  return Array.from({ length: cases }, (_, number) => [
    `${check.name} ${number}`,
    (sums: EventSums) => runCase(check, number, steps, sums),
  ]);
}

function runCase(check: Check, number: number, steps: number, sums: EventSums): void {
  let end = () => {};
  check.run(SEED, number, steps, {
    tally: new Tally(),
    onMachine: (machine) => end = sums.watch(machine),
    onResult: (text) => sums.say(text),
  });
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

/** Each run by its name: a function that runs it and adds the results to sums. */
export const DRAWN_RUNS: ReadonlyMap<string, DrawnRun> = new Map([
  ["fault lines", allFaultLines],
  ["negative vectors", tellNegativeVectors],
  ["tables", tellTables],
  ...CHECKS.flatMap(casesOf),
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
