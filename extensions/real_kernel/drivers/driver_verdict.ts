/** Judges the trace of a driver: findings of `trace check`, calls for each request, what is left. */
import {
  checkJson,
  checkLines,
  isSure,
  judgementOf,
  LineBuffer,
  LogPass,
  TraceCheck,
  type TracedMapping,
  TraceLine,
} from "@dmalab/traces";
import { formatCount } from "@dmalab/lang/text";
import { DRIVER_FILES } from "./driver_files.ts";
import { PHASE_MARK, type TracePhase } from "./trace_plan.ts";
import { DEVICE_ADDRESS } from "./traced_devices.ts";

/** Calls of a phase of work, by their rows. */
export interface PhaseCalls {
  readonly name: string;
  readonly requests: number;
  readonly calls: ReadonlyMap<CallRow, number>;
}

/** Mappings that are alike: of one phase, kind, direction and caller. */
export interface MappingGroup {
  readonly phase: string;
  readonly kind: string;
  readonly dir: string;
  readonly count: number;
  readonly sizeBytes: number;
  /** Line of the trace with the oldest one's map, and its age at the moment that is looked at. */
  readonly line: number;
  readonly oldestSeconds: number;
  /** Functions that made the call, the innermost first; empty if the kernel printed no stack. */
  readonly callers: readonly string[];
  /** Whether these mappings may not outlive the driver: without translation, an unmap may be left out. */
  readonly isDriverBound: boolean;
}

export interface DriverJudgement {
  readonly works: readonly PhaseCalls[];
  /** Number of the device's mappings in the whole trace. */
  readonly mappings: number;
  /** Mappings that were live before the driver was unbound. */
  readonly live: readonly MappingGroup[];
  /** Mappings that are live after the driver was unbound and unloaded. */
  readonly left: readonly MappingGroup[];
  /**
   * Mappings that may be left, but that the check only counts, because several of one address or of
   * one buffer cannot be told apart.
   */
  readonly uncertain: number;
  /** Lines of the page table whose ranges are still mapped, and that no map of the device covers. */
  readonly leftRanges: readonly number[];
  /** Callers of the lines that findings name. */
  readonly callers: ReadonlyMap<number, readonly string[]>;
  /** The result of `trace check`, as text and as JSON. */
  readonly check: { readonly lines: readonly string[]; readonly json: unknown };
  readonly isClean: boolean;
}

/** Events that are counted, by the rows of the table of calls. */
const CALL_ROWS = {
  "dma map": ["dma_map_page", "dma_map_phys", "dma_map_resource"],
  "dma unmap": ["dma_unmap_page", "dma_unmap_phys", "dma_unmap_resource"],
  "dma map_sg": ["dma_map_sg"],
  "dma unmap_sg": ["dma_unmap_sg"],
  "dma alloc": ["dma_alloc", "dma_alloc_pages", "dma_alloc_sgt"],
  "dma free": ["dma_free", "dma_free_pages", "dma_free_sgt"],
  "dma sync": [
    "dma_sync_single_for_cpu",
    "dma_sync_single_for_device",
    "dma_sync_sg_for_cpu",
    "dma_sync_sg_for_device",
  ],
  "iommu map": ["map"],
  "iommu unmap": ["unmap"],
  bounced: ["swiotlb_bounced"],
  dma_iova_try_alloc: ["try_alloc"],
  dma_iova_link: ["link"],
  dma_iova_sync: ["sync"],
  dma_iova_unlink: ["unlink"],
  dma_iova_destroy: ["destroy"],
} as const;
export type CallRow = keyof typeof CALL_ROWS;
export const CALL_ROW_NAMES = Object.keys(CALL_ROWS) as readonly CallRow[];
const ROW_OF: ReadonlyMap<string, CallRow> = new Map(
  CALL_ROW_NAMES.flatMap((row) => CALL_ROWS[row].map((event) => [event, row] as const)),
);

const MAX_LINE_BYTES = 2 ** 16;
const MAX_CALLERS = 3;
/** Kernels for arm64 with pages of 4 KiB map one page for the register of message interrupts. */
const DOORBELL_BYTES = 4096;
/** A line of a stack, with the function's name. */
const FRAME = /^ => ([\w.]{1,128})/;
/** A line of the kernel's list of symbols. */
const SYMBOL = /^([0-9a-f]{16}) [tTwW] ([\w.]{1,128})\t/;
/** Functions that are on a stack between a driver's call and the event. */
const INNER = /^_*(?:trace|event_trigger|stacktrace|dma_|dmam_|iommu_dma|blk_dma|blk_rq_dma)/;

/** The functions of a module that was unloaded before the kernel wrote the text of the trace. */
export class ModuleSymbols {
  readonly #list: readonly (readonly [address: bigint, name: string])[];

  /** @param text Lines of `/proc/kallsyms`. */
  constructor(text: string) {
    this.#list = text.split("\n").flatMap((line) => {
      const [, address, name] = SYMBOL.exec(line) ?? [];
      return address === undefined ? [] : [[BigInt(`0x${address}`), name!] as const];
    }).sort(([one], [other]) => one < other ? -1 : one > other ? 1 : 0);
  }

  /** The function at an address as a stack has it; the text itself if it is no address of the module. */
  nameOf(text: string): string {
    if (!/^0x[0-9a-f]{16}$/.test(text)) return text;
    const address = BigInt(text);
    const next = this.#list.findIndex(([start]) => start > address);
    const [start, name] = this.#list.at(next < 0 ? -1 : next - 1) ?? [];
    const isInside = next !== 0 && start !== undefined && address - start < MAX_FUNCTION_BYTES;
    return isInside ? name! : text;
  }
}

const MAX_FUNCTION_BYTES = 1n << 16n;

interface CallPlace {
  readonly phase: number;
  readonly callers: string[];
}

/**
 * @param trace The guest's trace, with the marks of the phases.
 * @param log The guest's kernel log.
 * @param domain Type of the domain of the device's group.
 * @param doorbellPhys Physical address where devices write for interrupts, if such writes are translated;
 *   else null. Its page stays mapped.
 * @returns Why the trace cannot be judged, as a sentence, or the judgement.
 */
export async function judgeDriver(
  trace: string,
  log: string,
  symbols: ModuleSymbols,
  domain: string,
  doorbellPhys: number | null,
  phases: readonly TracePhase[],
): Promise<DriverJudgement | string> {
  const pass = new LogPass();
  eachLine(
    `group 0 type ${domain} devs ${DEVICE_ADDRESS}\n${log}`,
    (line, number) => pass.push(line, number - 1),
  );
  if (pass.isWaiting) await pass.readWaiting();
  pass.end();
  const reader = new DriverReader(pass, symbols, phases);
  if (doorbellPhys !== null) reader.expectDoorbell(doorbellPhys);
  eachLine(trace, (line, number) => reader.push(line, number));
  return reader.end();
}

function eachLine(text: string, take: (line: TraceLine, number: number) => void): void {
  const buffer = new LineBuffer(MAX_LINE_BYTES);
  const line = new TraceLine();
  let number = 0;
  const each = () => take(line, ++number);
  buffer.push(new TextEncoder().encode(text)).each(line, each);
  buffer.end().each(line, each);
}

/** Reads the trace once: for `trace check`, and for phases, callers and counts beside it. */
class DriverReader {
  readonly #check: TraceCheck;
  readonly #mappings = new Map<TracedMapping, CallPlace>();
  readonly #callersOf = new Map<number, string[]>();
  readonly #calls: Map<CallRow, number>[];
  /** Lines and times of the phases that have begun. */
  readonly #begun: { readonly line: number; readonly seconds: number }[] = [];
  #marks: string[] = [];
  /** Callers of the newest event, which its stack fills. */
  #callers: string[] = [];

  constructor(
    private readonly log: LogPass,
    private readonly symbols: ModuleSymbols,
    private readonly phases: readonly TracePhase[],
  ) {
    this.#check = new TraceCheck(log);
    this.#calls = phases.map(() => new Map());
    this.#check.ledger.recorder = (step) => {
      if (step.op !== "map" || step.mapping.device?.name !== DEVICE_ADDRESS) return;
      this.#mappings.set(step.mapping, { phase: this.#phase, callers: this.#callers });
    };
  }

  expectDoorbell(phys: number): void {
    this.#check.ledger.table.doorbellPage = phys - phys % DOORBELL_BYTES;
  }

  get #phase(): number {
    return this.#begun.length - 1;
  }

  push(line: TraceLine, number: number): void {
    if (line.kind === "event") this.#event(line, number);
    else {
      const name = FRAME.exec(line.text)?.[1];
      if (name !== undefined && this.#callers.length < MAX_CALLERS && !INNER.test(name)) {
        this.#callers.push(this.symbols.nameOf(name));
      }
    }
    this.#check.push(line, number);
  }

  #event(line: TraceLine, number: number): void {
    const { event, payload, seconds } = line;
    if (event === "tracing_mark_write") {
      const [word, name = ""] = payload.split(" ");
      if (word !== PHASE_MARK) return;
      this.#marks.push(name);
      this.#begun.push({ line: number, seconds });
      return;
    }
    const row = ROW_OF.get(event);
    if (row === undefined) return;
    this.#callers = [];
    this.#callersOf.set(number, this.#callers);
    if (row.startsWith("dma ") && line.fields.firstWord !== DEVICE_ADDRESS) return;
    const calls = this.#calls[this.#phase];
    calls?.set(row, (calls.get(row) ?? 0) + 1);
  }

  end(): DriverJudgement | string {
    const names = this.phases.map(({ name }) => name);
    if (this.#marks.join(" ") !== names.join(" ")) {
      return "The guest's trace does not have the begin of each phase, in their order";
    }
    const result = this.#check.end();
    const judgement = judgementOf(this.#check, this.log, result);
    const json = checkJson(this.#check, this.log, result);
    // Others were only counted: without translation many mappings can have one address.
    const open = new Set(result.live);
    const all = [...this.#mappings].filter(([each]) => each.unmappedAt !== null || open.has(each));
    const at = (name: string) => this.#begun[names.indexOf(name)]!;
    const liveAt = (moment: { readonly line: number }) =>
      all.filter(([{ mappedAt, unmappedAt }]) =>
        mappedAt.line < moment.line && (unmappedAt === null || unmappedAt.line > moment.line)
      );
    const left = liveAt({ line: Infinity });
    const counted = json.balance.devices[DEVICE_ADDRESS];
    if ((counted?.births ?? 0) === 0) {
      return `The trace has no mapping of ${DEVICE_ADDRESS}: there is nothing to judge`;
    }
    const ofDevice = ({ device }: TracedMapping) => device?.name === DEVICE_ADDRESS;
    const sure = result.findings.filter(isSure);
    const named = sure.flatMap(({ line, otherLine }) => [line, otherLine]);
    return {
      works: this.phases.flatMap(({ ios, name, work }, phase) =>
        work === null ? [] : [{ name, requests: ios.length, calls: this.#calls[phase]! }]
      ),
      mappings: counted!.births,
      live: this.#groups(liveAt(at("unbind")), at("unbind").seconds),
      left: this.#groups(left, at("end").seconds),
      uncertain: (counted?.alive ?? 0) - left.length + result.uncertain.filter(ofDevice).length,
      leftRanges: json.balance.two_step.links_never_unmapped,
      callers: new Map(
        named.flatMap((line) => {
          const callers = line === null ? undefined : this.#callersOf.get(line);
          return callers === undefined || callers.length === 0 ? [] : [[line!, callers] as const];
        }),
      ),
      check: { lines: checkLines(this.#check, this.log, result, DRIVER_FILES), json },
      isClean: judgement.isClean,
    };
  }

  get #isTranslated(): boolean {
    return this.log.facts.isTranslated(DEVICE_ADDRESS) === true;
  }

  #groups(
    mappings: readonly (readonly [TracedMapping, CallPlace])[],
    seconds: number,
  ): MappingGroup[] {
    const alike = Map.groupBy(
      mappings,
      ([{ dir, kind }, { callers, phase }]) => JSON.stringify([phase, kind, dir, callers]),
    );
    return [...alike.values()].map((group) => {
      const [[first, { callers, phase }]] = group as [(typeof group)[number]];
      return {
        phase: this.phases[phase]?.name ?? "before",
        kind: first.kind,
        dir: first.dir ?? "",
        count: group.length,
        sizeBytes: group.reduce((sum, [{ sizeBytes }]) => sum + sizeBytes, 0),
        line: first.mappedAt.line,
        oldestSeconds: seconds - first.mappedAt.seconds,
        callers,
        isDriverBound: this.#isTranslated || first.kind === "alloc",
      };
    });
  }
}

/** Whether something is proved or likely to be wrong. */
export function isWrong({ isClean, left, leftRanges }: DriverJudgement): boolean {
  return !isClean || leftRanges.length > 0 || left.some(({ isDriverBound }) => isDriverBound);
}

export function callersText(callers: readonly string[]): string {
  return callers.length === 0 ? "the kernel printed no stack" : callers.join(" < ");
}

export function groupText(
  { callers, count, dir, kind, line, oldestSeconds, phase, sizeBytes }: MappingGroup,
): string {
  return `${formatCount(count, "mapping")} (${kind}, ${dir}) of ${
    formatCount(sizeBytes, "byte")
  }, ` +
    `since ${phase}, ${oldestSeconds.toFixed(3)} s, first at ${DRIVER_FILES.trace}:${line}: ${
      callersText(callers)
    }`;
}
