/**
 * Writes a case as a scenario to paste: a machine, one test, and an assertion. The assertion is
 * true on a machine without the defect.
 */
import { addAll } from "@dmalab/runtime/basics";
import { formatAddress, formatSize } from "@dmalab/lang/text";
import { type BioVec, GIB } from "@dmalab/runtime";
import { metadataBytesOf } from "./case_machine.ts";
import {
  type HuntCase,
  type HuntOp,
  type HuntRelease,
  isUserCommand,
  readsDisk,
} from "./hunt_case.ts";
import { type IoMemory, MemoryLayout } from "./memory_layout.ts";
import { layoutFactsOf } from "./case_run.ts";
import { changeText, machineLines } from "./scenario_machine.ts";
import { bufferText, scenarioPhys } from "./scenario_memory.ts";
import type { Violation, ViolationKind } from "./violation.ts";

export interface ScenarioTextOptions {
  /** The correct statuses of the failing step's requests. */
  readonly ends: readonly (string | null)[];
  /** Lines above the machine, without `#`. */
  readonly comment: readonly string[];
  /** True if earlier reports do not fail the test. */
  readonly lenient: boolean;
  /**
   * Whether every buffer is allocated at the addresses of the case, and the memory after it is
   * checked.
   */
  readonly explicit: boolean;
}

/** A request in the scenario. */
interface WrittenIo {
  /** The names of the variables for the request's buffers and its io: `buf`, `meta`, `io`. */
  readonly data: string;
  readonly metadata: string | null;
  readonly io: string;
  readonly op: HuntOp;
  /** Whether the request's data lies in a peer's memory. */
  readonly peer: boolean;
  readonly lba: number;
  readonly memory: IoMemory;
}

export function scenarioText(
  each: HuntCase,
  release: HuntRelease,
  violation: Violation,
  { comment, ends, explicit, lenient }: ScenarioTextOptions,
): string {
  const writer = new ScenarioWriter(each, release, violation, ends, explicit);
  const body = writer.body();
  const strictChecker = !lenient &&
    ["fault", "report", "outside", "list"].includes(violation.kind);
  const { given } = each.machine;
  const machine = given === null
    ? machineLines(each.machine, release, { high: writer.usesHigh, strictChecker })
    : [`use "${given.file}"`];
  const changes = given === null
    ? ""
    : changeText(release, { strictChecker, strictLeaks: violation.kind === "left" });
  return [
    ...comment.map((line) => `# ${line}`.trimEnd()),
    ...comment.length === 0 ? [] : [""],
    ...machine,
    "",
    `test "${title(each, violation)}"${changes} {`,
    ...body.map((line) => line === "" ? "" : `  ${line.replaceAll("\n", "\n  ")}`),
    "}",
    "",
  ].join("\n");
}

const NAMES: Readonly<Record<HuntOp, string>> = {
  read: "a read",
  write: "a write",
  user_read: "a user's read",
  user_write: "a user's write",
};

/** The end of the test's title, by the kind of violation. */
const CLAIMS: Readonly<Record<ViolationKind, string>> = {
  status: "completes with the right status",
  bytes: "moves the right bytes",
  fault: "causes no fault",
  outside: "accesses only its own memory",
  list: "finds its list where it was written",
  left: "leaks nothing",
  hang: "completes",
  report: "is mapped and unmapped correctly",
  crash: "does not crash",
};

function title({ steps }: HuntCase, { io, kind, step }: Violation): string {
  return `${NAMES[steps[step]!.ios[io ?? 0]!.op]} ${CLAIMS[kind]}`;
}

class ScenarioWriter {
  usesHigh = false;
  readonly #disk: string;
  readonly #peer: string;
  readonly #many: boolean;
  #written = 0;
  #peerBytes = 0;

  constructor(
    private readonly each: HuntCase,
    private readonly release: HuntRelease,
    private readonly violation: Violation,
    private readonly ends: readonly (string | null)[],
    private readonly explicit: boolean,
  ) {
    this.#disk = each.machine.given?.disk ?? "ssd";
    this.#peer = each.machine.given?.peer ?? "peer";
    this.#many = each.steps.reduce((sum, { ios }) => sum + ios.length, 0) > 1;
  }

  body(): string[] {
    const lines = this.each.steps.flatMap((_, index) => this.#step(index));
    if (this.#peerBytes === 0) return lines;
    return [`let lent = pci_alloc_p2pmem(${this.#peer}, ${formatSize(this.#peerBytes)})`, ...lines];
  }

  #step(index: number): string[] {
    const step = this.each.steps[index]!;
    // Peer memory is written as an offset from its first byte, so its base is 0 here.
    const layout = new MemoryLayout(layoutFactsOf(this.each.machine, this.release.kernel, 0));
    const checked = this.violation.step === index;
    let lba = 0;
    const ios = step.ios.map((io): WrittenIo => {
      const memory = layout.place(io);
      const number = this.#many ? String(++this.#written) : "";
      const written: WrittenIo = {
        data: `buf${number}`,
        metadata: memory.metadata.length === 0 ? null : `meta${number}`,
        io: `io${number}`,
        op: io.op,
        peer: io.peer && this.each.machine.peer !== "none",
        lba,
        memory,
      };
      lba += memory.dataBytes / this.each.machine.blockSizeBytes;
      return written;
    });
    const buffers = ios.flatMap((io) => this.#bufferLines(index, io));
    const guards = checked ? this.#guards(index) : [];
    const run = [
      ...this.#submitLines(step.plugged, ios),
      // What is left is reported at the end of the test.
      ...checked && this.violation.kind !== "left" ? this.#assertLines(ios) : [],
    ];
    const { fault } = step;
    const tried = fault === null
      ? run
      : [`inject ${fault.point} nth ${fault.nth} {`, ...indent(run), "}"];
    return [
      ...buffers,
      ...guards.map(({ before }) => before),
      ...tried,
      ...guards.map(({ after }) => after),
    ];
  }

  #bufferLines(step: number, { data, memory, metadata, op, peer }: WrittenIo): string[] {
    const fill = readsDisk(op) ? "0xaa" : "random";
    const lines: string[] = [];
    if (peer) {
      for (const { phys, sizeBytes } of memory.data) {
        this.#peerBytes = Math.max(this.#peerBytes, phys + sizeBytes);
      }
      if (memory.data.length === 1) {
        lines.push(`let ${data} = ${slice(memory.data[0]!)}`);
        lines.push(`${data}.fill(${fill})`);
      }
    } else lines.push(`let ${data} = ${this.#buffer(memory.data, fill, step)}`);
    if (metadata !== null) {
      lines.push(`let ${metadata} = ${this.#buffer(memory.metadata, fill, step)}`);
    }
    return lines;
  }

  #buffer(vecs: readonly BioVec[], fill: string, step: number): string {
    if (vecs.some(({ phys }) => phys >= 4 * GIB)) this.usesHigh = true;
    return bufferText(vecs, fill, step, this.explicit);
  }

  #submitLines(plug: boolean, ios: readonly WrittenIo[]): string[] {
    const lines: string[] = [];
    const plugged: WrittenIo[] = [];
    for (const written of ios) {
      const bio = written.io.replace("io", "bio");
      if (isUserCommand(written.op)) lines.push(this.#userLine(written));
      else if (plug) {
        addAll(lines, this.#bioLines(written, bio));
        plugged.push(written);
      } else if (isScattered(written)) {
        lines.push(...this.#bioLines(written, bio), `let ${written.io} = submit_bio(${bio})`);
      } else {
        const { io, lba, op } = written;
        lines.push(`let ${io} = ${this.#disk}.submit(${op}, lba: ${lba}, ${buffersOf(written)})`);
      }
    }
    if (plugged.length > 0) {
      const names = plugged.map(({ io }) => io);
      const bios = names.map((name) => name.replace("io", "bio"));
      lines.push(`let ${names[0]}s = submit_bios(${bios.join(", ")})`);
      names.forEach((name, at) => lines.push(`let ${name} = ${names[0]}s[${at}]`));
    }
    const names = ios.map(({ io }) => io);
    lines.push(names.length === 1 ? `wait ${names[0]}` : `wait [${names.join(", ")}]`);
    return lines;
  }

  #userLine(written: WrittenIo): string {
    const { io, lba, memory, op } = written;
    const blocks = memory.dataBytes / this.each.machine.blockSizeBytes;
    const opcode = readsDisk(op) ? "0x02" : "0x01";
    return `let ${io} = ${this.#disk}.passthrough(${opcode}, ${buffersOf(written)}` +
      `, dwords: { cdw10: ${lba}, cdw12: ${blocks - 1} })`;
  }

  #bioLines(written: WrittenIo, name: string): string[] {
    const { lba, memory, op } = written;
    const [first, ...others] = isScattered(written) ? memory.data.map(slice) : [written.data];
    return [
      `let ${name} = bio(${op}, lba: ${lba}, ${buffersOf(written, first)}, dev: ${this.#disk})`,
      ...others.map((piece) => `bio_add(${name}, ${piece})`),
    ];
  }

  /** Assertions about the status of the failing request, or of all requests. */
  #assertLines(ios: readonly WrittenIo[]): string[] {
    const { io: wrong } = this.violation;
    return ios.flatMap((written, place) => {
      if (wrong !== null && place !== wrong) return [];
      const end = this.ends[place] ?? "OK";
      return [
        `assert ${written.io}.status == ${end}`,
        ...end === "OK" ? this.#byteLines(written) : [],
      ];
    });
  }

  #byteLines(written: WrittenIo): string[] {
    const { data, lba, memory, metadata } = written;
    const { machine } = this.each;
    const lines: string[] = [];
    if (isScattered(written)) {
      let at = lba;
      for (const piece of memory.data) {
        if (piece.sizeBytes % machine.blockSizeBytes !== 0) break;
        const blocks = piece.sizeBytes / machine.blockSizeBytes;
        lines.push(`assert ${slice(piece)} == ${this.#disk}.media(lba: ${at}, blocks: ${blocks})`);
        at += blocks;
      }
    } else lines.push(`assert ${data} == ${this.#disk}.media(lba: ${lba}, bytes: ${data}.size)`);
    if (metadata !== null) {
      const blocks = memory.dataBytes / machine.blockSizeBytes;
      const formatBytes = blocks * metadataBytesOf(machine);
      const whole = formatBytes === memory.metadataBytes;
      const part = whole ? metadata : `${metadata}.slice(0B..${formatSize(formatBytes)})`;
      if (formatBytes <= memory.metadataBytes) {
        lines.push(
          `assert ${part} == ${this.#disk}.media(lba: ${lba}, blocks: ${blocks}, metadata: true)`,
        );
      }
    }
    return lines;
  }

  /**
   * Lines that check the bytes that the device wrote outside every buffer: one line to put before
   * the request, and one to put after it.
   */
  #guards(step: number): { before: string; after: string }[] {
    const { outside } = this.violation;
    if (!this.explicit || outside === null) return [];
    const at = `${formatAddress(scenarioPhys(outside.phys, step))} as phys`;
    const look = `peek(${at}, ${formatSize(outside.sizeBytes)})`;
    return [{ before: `let behind = ${look}`, after: `assert ${look} == behind` }];
  }
}

/**
 * Whether a request's data lies in several pieces of peer memory, which have no separate variables.
 */
function isScattered({ memory, peer }: WrittenIo): boolean {
  return peer && memory.data.length > 1;
}

/** `into: buf, metadata: meta`, or `from:` for a write. */
function buffersOf({ data, metadata, op }: WrittenIo, buffer: string = data): string {
  const own = metadata === null ? "" : `, metadata: ${metadata}`;
  return `${readsDisk(op) ? "into" : "from"}: ${buffer}${own}`;
}

function slice({ phys, sizeBytes }: BioVec): string {
  return `lent.slice(${formatSize(phys)}..${formatSize(phys + sizeBytes)})`;
}

export function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line.replaceAll("\n", "\n  ")}`);
}
