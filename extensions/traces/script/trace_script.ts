/**
 * Converts the run of a real machine into a scenario: the same mappings in the same order, and for
 * each finding the same error. Facts that a trace does not record are guessed, and a comment states
 * each guess.
 */
import { aboutKind } from "../ledger/finding_kinds.ts";
import { INDENT_WIDTH, LINE_WIDTH } from "@dmalab/lang/editor";
import { formatDuration } from "@dmalab/lang/text";
import { PER_CPU_TIMEOUT_NS } from "@dmalab/runtime";
import type { MachineFacts } from "../ledger/machine_facts.ts";
import {
  type Device,
  isSure,
  type TracedMapping,
  type TraceFinding,
} from "../ledger/traced_mapping.ts";
import { PAGE_BYTES, pageOf } from "../owner/pages.ts";
import { modeOf } from "../ledger/device_mode.ts";
import { isMappingStep, type MappingStep, type ScriptedCall } from "./recorder.ts";
import { RequestLines } from "./request_lines.ts";
import { machineLines, mapsPhysical, type ScriptedIommuMode, scriptMode } from "./machine_lines.ts";

export interface ScriptOptions {
  /**
   * A line number. Only mappings of this line, or of a finding at this line, are written. Null
   * writes all mappings.
   */
  readonly around: number | null;
  /** Whether only mappings with a finding are written. */
  readonly shrink: boolean;
}

/** Physical address of the scenario's first buffer. The scenario's machine has 4 GiB of memory. */
const FIRST_PHYS = 0x1000_0000;
/** Largest number of devices of a scenario; `MAX_STEPS`: largest number of its steps. */
const MAX_DEVICES = 16;
const MAX_STEPS = 50_000;

/** Name for a device that the trace does not name. */
const NO_DEVICE = "unnamed";

export interface TracedMachine {
  readonly facts: MachineFacts;
  /** The kernel's release from the first lines of its log, or null. */
  readonly version: string | null;
}

export interface TraceScript {
  readonly text: string;
  /** Whether the scenario contains no call and no access. */
  readonly isEmpty: boolean;
  /** The proved and likely findings that the scenario should reproduce. */
  readonly findings: readonly TraceFinding[];
  /** The findings in `findings` that the scenario does not reproduce: `line 272: unmap_size`. */
  readonly missing: readonly string[];
}

export function traceScript(
  steps: readonly ScriptedCall[],
  findings: readonly TraceFinding[],
  machine: TracedMachine,
  source: string,
  options: ScriptOptions,
): TraceScript {
  return new ScriptWriter(findings, machine, options).write(steps, source);
}

class ScriptWriter {
  readonly #findings: readonly TraceFinding[];
  readonly #names = new Map<TracedMapping, string>();
  readonly #devices = new Map<string, string>();
  readonly #disks = new Set<string>();
  readonly #guesses = new Set<string>();
  readonly #body: string[] = [];
  /** Size of each device's longest segment, by the device's name in the scenario. */
  readonly #longest = new Map<string, number>();
  readonly #reproduced = new Set<TraceFinding>();
  /**
   * Whether single mappings are made by physical address or by page. On 6.12 they are made by page,
   * because it has no calls by physical address.
   */
  readonly #call: "phys" | "page";
  /** Findings by the trace lines that they are about. */
  readonly #about = new Map<number, TraceFinding[]>();
  #mode: ScriptedIommuMode = "strict";
  #isBounced = false;
  /** Whether the scenario ends with live mappings, like the trace. */
  #leaks = false;
  #nextPhys = FIRST_PHYS;

  constructor(
    findings: readonly TraceFinding[],
    private readonly machine: TracedMachine,
    private readonly options: ScriptOptions,
  ) {
    this.#findings = findings.filter(isSure);
    this.#call = mapsPhysical(machine.version) ? "phys" : "page";
    for (const finding of this.#findings) {
      for (const line of new Set([finding.line, finding.otherLine])) {
        if (line === null) continue;
        this.#about.getOrInsertComputed(line, () => []).push(finding);
      }
    }
  }

  /** Findings about a line: findings at this line, and findings that compare another line with it. */
  #at(line: number): readonly TraceFinding[] {
    return this.#about.get(line) ?? [];
  }

  write(unsorted: readonly ScriptedCall[], source: string): TraceScript {
    // The ledger reports the map of a two-step range only when the range is unmapped. Therefore the
    // steps are not in the order of lines.
    const steps = [...unsorted].sort((a, b) => a.line - b.line);
    const { around, shrink } = this.options;
    const isWhole = around === null && !shrink;
    const requests = new RequestLines(isWhole ? steps : [], (mapping) => this.#isWrong(mapping));
    for (const device of requests.disks) this.#disks.add(device.name);
    const wanted = isWhole ? steps : steps.filter((step) => this.#isWanted(step));
    const devices = devicesOf(wanted);
    this.#mode = scriptMode(devices, this.machine.facts, this.#guesses);
    this.#isBounced = [...devices].some((device) => modeOf(device) === "bounced");
    const live = new Set<TracedMapping>();
    if (wanted.length > MAX_STEPS) {
      this.#guesses.add(`everything after the first ${MAX_STEPS} lines, which is left out`);
    }
    for (const step of wanted.slice(0, MAX_STEPS)) {
      if (isMappingStep(step)) {
        const isBegin = step.op === "map" || step.op === "range";
        if (isBegin && requests.covers(step.mapping)) continue;
        if (!this.#hasDevice(step.mapping.device?.name ?? NO_DEVICE)) continue;
        this.#step(step, live);
        this.#accessesAt(step);
      } else if (step.op === "completion") this.#say(...requests.complete(step.name));
      else {
        const device = requests.deviceAt(step.line);
        if (device === null || !this.#hasDevice(device.name)) continue;
        this.#guesses.add("blocks of 512 bytes, and where in memory the data of requests is");
        this.#say(...requests.begin(step, this.#devices.get(device.name)!));
      }
    }
    this.#accessesAnywhere();
    for (const mapping of live) {
      const leak = this.#leakOf(mapping);
      if (leak !== undefined) {
        this.#leaks = true;
        this.#say(`# never unmapped: line ${mapping.mappedAt.line}`);
        this.#reproduced.add(leak);
        continue;
      }
      this.#guesses.add("mappings live at the end of the trace are unmapped at the end");
      this.#end(mapping, mapping.sizeBytes, mapping.dir!, mapping.entries, []);
    }
    const about = this.#findings.filter((finding) => around === null || isAround(finding, around));
    const missing = about.filter((finding) => !this.#reproduced.has(finding))
      .map((finding) => `${formatLocation(finding)}: ${finding.kind}`);
    return {
      text: this.#text(source, missing),
      isEmpty: this.#body.length === 0,
      findings: about,
      missing,
    };
  }

  /** Gives a device its name in the scenario. @returns False if there are too many devices. */
  #hasDevice(name: string): boolean {
    if (this.#devices.has(name)) return true;
    if (this.#devices.size === MAX_DEVICES) return false;
    this.#devices.set(name, `dev_${name.replace(/^0000:/, "").replace(/\W/g, "_")}`);
    return true;
  }

  /** Whether a finding is about a mapping. */
  #isWrong({ mappedAt, unmappedAt }: TracedMapping): boolean {
    return [mappedAt.line, unmappedAt?.line ?? -1].some((line) => this.#at(line).length > 0);
  }

  /** The finding that reports a mapping as leaked. */
  #leakOf(mapping: TracedMapping): TraceFinding | undefined {
    const { line } = mapping.mappedAt;
    return this.#at(line).find((finding) => finding.kind === "leak" && finding.line === line);
  }

  #isWanted(step: ScriptedCall): boolean {
    if (!isMappingStep(step)) return false;
    const { mapping, line } = step;
    const { around } = this.options;
    const lines = [mapping.mappedAt.line, mapping.unmappedAt?.line ?? -1, line];
    const isFound = lines.some((each) =>
      this.#at(each).some((finding) => around === null || isAround(finding, around))
    );
    return isFound || around !== null && lines.includes(around);
  }

  #step(step: MappingStep, live: Set<TracedMapping>): void {
    const { mapping } = step;
    if (step.op === "map") {
      this.#map(mapping);
      live.add(mapping);
      return;
    }
    if (step.op === "range") {
      this.#range(step);
      return;
    }
    // The mapping's map call is not part of the scenario.
    if (!this.#names.has(mapping)) return;
    const warned = this.#at(step.line).filter(({ kind, line }) =>
      line === step.line && aboutKind(kind).warns !== undefined
    );
    const warns = warned.map(({ kind }) => aboutKind(kind).warns!);
    const isWritten = step.op === "again" ? mapping.kind === "map" : mapping.kind !== "alloc";
    if (isWritten) warned.forEach((finding) => this.#reproduced.add(finding));
    switch (step.op) {
      case "unmap":
        live.delete(mapping);
        this.#end(mapping, step.sizeBytes, step.dir, step.entries, warns);
        return;
      case "destroy":
        this.#destroy(step);
        return;
      case "again":
        if (mapping.kind === "map") {
          this.#end(mapping, mapping.sizeBytes, mapping.dir!, mapping.entries, warns);
        }
        return;
      case "sync": {
        const at = step.offsetBytes === 0 ? "" : ` + ${step.offsetBytes}B`;
        const { device, name } = this.#nameOf(mapping);
        const call = `dma_sync_single_for_cpu(${device}, ${name}.addr${at}, ${step.sizeBytes}B, ${
          word(step.dir)
        })`;
        // The checker tells a sync for the CPU of a buffer that the device only reads, too.
        const isReadOnly = mapping.dir === "TO_DEVICE" && step.dir !== "TO_DEVICE";
        this.#say(warning(call, [...isReadOnly ? ["sync_for_cpu_read_only"] : [], ...warns]));
      }
    }
  }

  #shortAt(line: number): TraceFinding | undefined {
    return this.#at(line).find(({ kind, otherLine }) =>
      kind === "destroy_short" && otherLine === line
    );
  }

  #range({ destroyedBytes, mapping, linksBytes }: Extract<MappingStep, { op: "range" }>): void {
    const name = `r${mapping.mappedAt.line}`;
    this.#names.set(mapping, name);
    const isShort = this.#shortAt(mapping.unmappedAt!.line) !== undefined;
    const { device } = this.#nameOf(mapping);
    if (mapping.device === null) {
      this.#guesses.add("a device of their own for two-step ranges, which name none");
    }
    let end = 0;
    const links: string[] = [];
    const start = this.#nextPhys;
    const dir = rangeDirection(mapping);
    if (mapping.dir === null) this.#guesses.add("the direction of two-step ranges: both ways");
    for (const bytes of linksBytes) {
      if (!isShort && end + bytes > destroyedBytes) break;
      const phys = hex(this.#memory(0, bytes));
      this.#hasSegment(device, bytes);
      links.push(
        `dma_iova_link(${device}, ${name}, ${phys}, offset: ${end}B, size: ${bytes}B, dir: ${dir})`,
      );
      end += bytes;
    }
    this.#say(
      `let ${name} = iova_state()`,
      `assert dma_iova_try_alloc(${device}, ${name}, phys: ${hex(start)}, size: ${end}B)`,
      ...links,
      `dma_iova_sync(${device}, ${name}, offset: 0, size: ${end}B)`,
    );
  }

  #destroy({ destroyedBytes, mapping, line }: Extract<MappingStep, { op: "destroy" }>): void {
    const { device, name } = this.#nameOf(mapping);
    const short = this.#shortAt(line);
    if (short !== undefined) {
      this.#reproduced.add(short);
      this.#leaks = true;
    }
    const warns = short === undefined ? [] : [short.kind];
    const late = this.#findings.filter((finding) =>
      finding.kind === "use_after_unmap" && finding.logLine !== null &&
      (finding.line === line || finding.line === mapping.mappedAt.line)
    );
    if (late.length > 0) this.#say(`let ${name}_at = ${name}.addr`);
    const dir = rangeDirection(mapping);
    const call = `dma_iova_destroy(${device}, ${name}, mapped: ${destroyedBytes}B, dir: ${dir})`;
    this.#say(warning(call, warns));
    for (const finding of late) {
      this.#access(
        device,
        `${name}_at + ${finding.address! - mapping.addr}B`,
        finding,
        "not_present",
      );
    }
  }

  #nameOf(mapping: TracedMapping): { readonly name: string; readonly device: string } {
    return {
      name: this.#names.get(mapping)!,
      device: this.#devices.get(mapping.device?.name ?? NO_DEVICE)!,
    };
  }

  #map(mapping: TracedMapping): void {
    // The language requires an underscore in front of names that are never used.
    const name = `${this.#leakOf(mapping) === undefined ? "" : "_"}m${mapping.mappedAt.line}`;
    this.#names.set(mapping, name);
    const device = this.#devices.get(mapping.device!.name)!;
    if (mapping.kind === "alloc") {
      this.#say(`let ${name} = dma_alloc_coherent(${device}, ${mapping.sizeBytes}B)`);
      return;
    }
    if (mapping.kind === "sg") {
      this.#guesses.add("lengths of a list's entries: a trace has only those of its ranges");
      this.#say(...listLines(name, this.#entries(mapping, device)));
      this.#say(`dma_map_sg(${device}, ${name}, ${word(mapping.dir!)})`);
      return;
    }
    const phys = this.#memory(mapping.phys ?? mapping.addr, mapping.sizeBytes);
    const offset = phys % PAGE_BYTES;
    const [size, dir] = [`${mapping.sizeBytes}B`, word(mapping.dir!)];
    const where = this.#call === "phys"
      ? `${hex(phys)}, ${size}, ${dir}`
      : `${hex(phys - offset)}, offset: ${offset}B, size: ${size}, dir: ${dir}`;
    this.#say(`let ${name} = dma_map_${this.#call}(${device}, ${where})`);
  }

  /** Allocates separate memory that has the same offset in its page as `phys` has. */
  #memory(phys: number, sizeBytes: number): number {
    const start = this.#nextPhys + phys % PAGE_BYTES;
    this.#nextPhys = pageOf(start + sizeBytes - 1) + 2 * PAGE_BYTES;
    return start;
  }

  #hasSegment(device: string, bytes: number): void {
    this.#longest.set(device, Math.max(this.#longest.get(device) ?? 0, bytes));
  }

  #entries({ entries, phys, physAddrs, sizeBytes }: TracedMapping, device: string): string[] {
    const offset = (phys ?? 0) % PAGE_BYTES;
    let left = sizeBytes;
    return Array.from({ length: entries }, (_, index) => {
      const rest = entries - index - 1;
      const most = PAGE_BYTES - (index === 0 ? offset : 0);
      const size = rest === 0 ? Math.max(left, 1) : Math.max(1, Math.min(most, left - rest));
      left -= size;
      this.#hasSegment(device, size);
      const start = this.#memory(physAddrs[index] ?? 0, size);
      return `{ phys: ${hex(start)}, size: ${size}B }`;
    });
  }

  #end(
    mapping: TracedMapping,
    sizeBytes: number,
    dir: string,
    entries: number,
    warns: readonly string[],
  ): void {
    const { device, name } = this.#nameOf(mapping);
    switch (mapping.kind) {
      case "alloc":
        if (warns.length > 0) {
          this.#guesses.add("a wrong size of dma_free_coherent cannot be written");
        }
        this.#say(`dma_free_coherent(${device}, ${name})`);
        return;
      case "sg": {
        const nents = entries === mapping.entries ? "" : `, nents: ${entries}`;
        this.#say(warning(`dma_unmap_sg(${device}, ${name}, ${word(dir)}${nents})`, warns));
        return;
      }
      default: {
        const call = `dma_unmap_${this.#call}`;
        const range = `${name}.addr, ${sizeBytes}B`;
        this.#say(warning(`${call}(${device}, ${range}, ${word(dir)})`, warns));
      }
    }
  }

  /**
   * Writes the device's accesses that are reported by fault lines of the log, each at the point
   * where the access became possible.
   */
  #accessesAt(step: MappingStep): void {
    for (const finding of this.#at(step.line)) {
      if (finding.line !== step.line || finding.logLine === null) continue;
      if (step.mapping.kind === "two_step") continue;
      if (!this.#names.has(step.mapping)) continue;
      const { device, name } = this.#nameOf(step.mapping);
      const at = step.mapping.kind === "sg" ? `${name}.mapped[0].addr` : `${name}.addr`;
      const past = `${at} + ${step.mapping.sizeBytes}B`;
      if (finding.kind === "use_after_unmap" && step.mapping.kind !== "sg") {
        this.#access(device, at, finding, "not_present");
      } else if (finding.kind === "past_end") this.#access(device, past, finding, "not_present");
      else if (finding.kind === "wrong_direction") {
        const reason = finding.more.access === "read" ? "not_readable" : "not_writable";
        this.#access(device, at, finding, reason);
      }
    }
  }

  /** Writes accesses to addresses that were never mapped. */
  #accessesAnywhere(): void {
    const { around } = this.options;
    for (const finding of this.#findings) {
      const device = this.#devices.get(finding.device ?? "");
      if (finding.kind !== "never_mapped" || finding.address === null || device === undefined) {
        continue;
      }
      if (around !== null && around !== finding.logLine) continue;
      this.#access(device, hex(finding.address), finding, "not_present");
    }
  }

  /** Writes an access that faults. Faults need an IOMMU: without one the finding is not reproduced. */
  #access(device: string, at: string, finding: TraceFinding, reason: string): void {
    if (this.#mode !== "strict" && this.#mode !== "lazy") return;
    const { kind, logLine, more } = finding;
    if (this.#mode === "lazy" && kind === "use_after_unmap") {
      this.#say(`advance ${formatDuration(PER_CPU_TIMEOUT_NS)}   # the flush queue is emptied`);
    }
    this.#reproduced.add(finding);
    this.#guesses.add("how many bytes a device moved: a fault line has none");
    const call = more.access === "read" ? `dma_read(${at}, 1B)` : `dma_write(${at}, bytes"00")`;
    this.#say(`${device}.${call} faults ${reason}   # log line ${logLine}`);
  }

  #say(...lines: readonly string[]): void {
    for (const line of lines) this.#body.push(`  ${line}`);
  }

  #text(source: string, missing: readonly string[]): string {
    const devices = [...this.#devices].map(([device, name]) => ({
      name,
      isDisk: this.#disks.has(device),
      longestBytes: this.#longest.get(name) ?? 0,
    }));
    const { facts, version } = this.machine;
    const machine = machineLines(
      devices,
      this.#mode,
      this.#isBounced,
      facts,
      version,
      this.#guesses,
    );
    return [
      `# Made from ${source}.`,
      ...missing.length === 0 ? [] : ["# Not reproduced:"],
      ...missing.map((each) => `# - ${each}`),
      "# Guessed:",
      "# - physical addresses, but not where in the page they begin",
      ...[...this.#guesses].map((guess) => `# - ${guess}`),
      "",
      ...machine,
      "",
      `test "as the trace has it"${this.#leaks ? " with { leaks = allow }" : ""} {`,
      ...this.#body.length === 0 ? ["  # no mapping is left of it"] : this.#body,
      "}",
      "",
    ].join("\n");
  }
}

function devicesOf(steps: readonly ScriptedCall[]): ReadonlySet<Device> {
  return new Set(
    steps.flatMap((step) =>
      isMappingStep(step) && step.mapping.device !== null ? [step.mapping.device] : []
    ),
  );
}

function isAround({ line, logLine, otherLine }: TraceFinding, around: number): boolean {
  return around === line || around === otherLine || around === logLine;
}

function formatLocation({ line, logLine }: TraceFinding): string {
  return line === null ? `log line ${logLine}` : `line ${line}`;
}

function hex(address: number): string {
  return `0x${address.toString(16)}`;
}

function rangeDirection({ dir }: TracedMapping): string {
  return dir === null ? "bidirectional" : word(dir);
}

function word(dir: string): string {
  return dir.toLowerCase();
}

/**
 * Formats a list in the style of `dmalab fmt`: on one line if it fits, else on several lines
 * between the brackets.
 */
function listLines(name: string, entries: readonly string[]): string[] {
  // A single line and the brackets are indented by one step, rows by two.
  const line = `let ${name} = scatterlist([${entries.join(", ")}])`;
  if (INDENT_WIDTH + line.length <= LINE_WIDTH) return [line];
  const rows: string[] = [];
  let row = "";
  for (const entry of entries) {
    const longer = row === "" ? entry : `${row}, ${entry}`;
    if (row !== "" && 2 * INDENT_WIDTH + longer.length + 1 > LINE_WIDTH) {
      rows.push(`${row},`);
      row = entry;
    } else row = longer;
  }
  rows.push(`${row},`);
  const inwards = " ".repeat(INDENT_WIDTH);
  return [`let ${name} = scatterlist([`, ...rows.map((each) => inwards + each), "])"];
}

/** A call with the reports that it causes: one after it, others around it. */
function warning(call: string, reports: readonly string[]): string {
  const [last, ...others] = reports.toReversed();
  const said = last === undefined ? call : `${call} warns ${last}`;
  return [...new Set(others)].filter((each) => each !== last)
    .reduce((inner, each) => `expect warning ${each} { ${inner} }`, said);
}
