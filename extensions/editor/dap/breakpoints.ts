/** Converts the kinds of breakpoints that clients set to the core's breakpoints. */
import type { DebugProtocol } from "@vscode/debugprotocol";
import { quoted } from "@dmalab/lang/render";
import {
  type Breakpoint,
  type BreakpointTrigger,
  causeNamed,
  checkBreakpoint,
  EvaluationError,
  neverReached,
  type Recording,
  type RowField,
  type SetBreakpoint,
  statementsOnLine,
} from "@dmalab/recording";
import type { Debuggee } from "./debuggee.ts";
import { evaluationProblem } from "./request_error.ts";
import type { Sources } from "./sources.ts";

/**
 * Events that may stop a run, with the names that clients show. Errors of the script itself are not
 * among them.
 */
export const EXCEPTION_FILTERS: readonly DebugProtocol.ExceptionBreakpointsFilter[] = [
  {
    filter: "fault",
    label: "IOMMU faults",
    description: "IOMMU fault: unmapped address or insufficient permission",
    default: false,
    supportsCondition: true,
  },
  {
    filter: "report",
    label: "Checker reports",
    description: "A driver broke a rule of the DMA API",
    default: false,
    supportsCondition: true,
  },
  {
    filter: "warning",
    label: "Kernel warnings",
    description: "WARN or BUG in kernel code",
    default: false,
    supportsCondition: true,
  },
  {
    filter: "failure",
    label: "Run failure",
    description: "A failed assertion, an error or an exceeded limit",
    default: true,
  },
];

const INCIDENTS = ["fault", "report", "warning"] as const;
type Incident = typeof INCIDENTS[number];

type BreakpointResponse = DebugProtocol.Breakpoint;

interface BreakpointConditions {
  readonly condition?: string | undefined;
  readonly hitCondition?: string | undefined;
  readonly logMessage?: string | undefined;
}

export class Breakpoints {
  /** The breakpoints by kind of request: each request replaces all breakpoints of its kind. */
  readonly #groups = new Map<string, SetBreakpoint[]>();
  /** Numbers of breakpoints on lines that this run never reaches, as last reported to the client. */
  readonly #unreached = new Set<number>();

  constructor(
    /** Replaced when the run is restarted; the new debuggee has the same breakpoints. */
    public debuggee: Debuggee,
    private readonly sources: Sources,
  ) {}

  get #recording(): Recording {
    return this.debuggee.recording;
  }

  /** Sets the breakpoints on lines of a file, replacing earlier ones. */
  setLines({ breakpoints = [], source }: {
    readonly breakpoints: readonly (BreakpointConditions & { readonly line: number })[] | undefined;
    readonly source: { readonly path: string | undefined };
  }): BreakpointResponse[] {
    const file = this.sources.fileOf(source);
    const key = `line ${file}`;
    this.#clear(key);
    return breakpoints.map((wanted) => {
      if (file === null) return refused("No such file");
      const line = this.sources.ownLine(wanted.line);
      const cause = { kind: "line", file, line } as const;
      const found = statementsOnLine(this.#recording, cause);
      const [number] = found.numbers;
      const place = number === undefined
        ? {}
        : this.sources.place(this.#recording.code.statements[number]!.span);
      const answer = this.#add(key, cause, wanted, place);
      const reason = neverReached(this.debuggee.whole, found.numbers);
      if (reason === null || answer.id === undefined) return answer;
      this.#unreached.add(answer.id);
      return { ...answer, ...refused(reason) };
    });
  }

  /**
   * Line breakpoints with a changed state: the run has turned out to reach the line, or never to
   * reach it.
   */
  changed(): BreakpointResponse[] {
    return this.debuggee.breakpoints.all.flatMap(({ cause, id }) => {
      if (cause.kind !== "line") return [];
      const { whole } = this.debuggee;
      const reason = neverReached(whole, statementsOnLine(whole, cause).numbers);
      if ((reason !== null) === this.#unreached.has(id)) return [];
      if (reason === null) this.#unreached.delete(id);
      else this.#unreached.add(id);
      return [{ id, ...reason === null ? { verified: true } : refused(reason) }];
    });
  }

  /** Sets breakpoints on events, on kernel calls, and on functions of the script. */
  setFunctions(
    wanted: readonly (BreakpointConditions & { readonly name: string })[],
  ): BreakpointResponse[] {
    this.#clear("function");
    return wanted.map((each) => {
      const cause = causeNamed(this.#recording, each.name.trim());
      if (cause === null) {
        return refused(`Not an event, a kernel call or a function of the script or of C`);
      }
      return this.#add("function", cause, each);
    });
  }

  /** Sets which errors stop the run, replacing the earlier choice. */
  setExceptions({ filterOptions = [], filters }: {
    readonly filterOptions:
      | readonly (BreakpointConditions & { readonly filterId: string })[]
      | undefined;
    readonly filters: readonly string[];
  }): BreakpointResponse[] {
    this.#clear("exception");
    const wanted = [...filters.map((filterId) => ({ filterId })), ...filterOptions];
    this.debuggee.stopsAtFailure = wanted.some(({ filterId }) => filterId === "failure");
    return wanted.map((each: BreakpointConditions & { readonly filterId: string }) => {
      const of = each.filterId as Incident;
      if (each.filterId === "failure") return { verified: true };
      if (!INCIDENTS.includes(of)) return refused("Unknown filter");
      return this.#add("exception", { kind: "incident", of: [of] }, each);
    });
  }

  /** Sets breakpoints on rows, addresses and expressions, identified by {@linkcode dataId}. */
  setData(
    wanted: readonly (BreakpointConditions & {
      readonly accessType?: string | undefined;
      readonly dataId: string;
    })[],
  ): BreakpointResponse[] {
    this.#clear("data");
    return wanted.map((each) => {
      if (each.accessType === "read" || each.accessType === "readWrite") {
        return refused("Only writes can be watched: tables do not record reads");
      }
      const cause = watchedOf(each.dataId, this.#recording);
      if (cause === null) return refused("No such row");
      return this.#add("data", cause, each);
    });
  }

  /** The reason of a stop in the protocol's terms. */
  reasonOf(stop: SetBreakpoint): DebugProtocol.StoppedEvent["body"]["reason"] {
    const names: Readonly<Record<string, string>> = {
      function: "function breakpoint",
      exception: "exception",
      data: "data breakpoint",
    };
    for (const [key, stops] of this.#groups) {
      if (stops.some(({ id }) => id === stop.id)) return names[key] ?? "breakpoint";
    }
    return "breakpoint";
  }

  #clear(key: string): void {
    for (const { id } of this.#groups.get(key) ?? []) this.debuggee.breakpoints.delete(id);
    this.#groups.set(key, []);
  }

  #add(
    key: string,
    cause: BreakpointTrigger,
    wishes: BreakpointConditions,
    place: Partial<BreakpointResponse> = {},
  ): BreakpointResponse {
    const spec = this.#specOf(cause, wishes);
    if (typeof spec === "string") return { ...refused(spec), ...place };
    const stop = this.debuggee.breakpoints.add(spec);
    this.#groups.get(key)!.push(stop);
    return { id: stop.id, verified: true, ...place };
  }

  #specOf(
    cause: BreakpointTrigger,
    { condition, hitCondition, logMessage }: BreakpointConditions,
  ): Breakpoint | string {
    const hits = hitsOf(hitCondition);
    if (hits === null) return `"${hitCondition}" is not a hit count, such as 3 or >= 3`;
    const log = logMessage === undefined ? undefined : messageExpression(logMessage);
    const spec = {
      cause,
      ...condition === undefined ? {} : { condition },
      ...hits === undefined ? {} : { hits },
      ...log === undefined ? {} : { log },
    };
    try {
      checkBreakpoint(this.#recording, spec);
      return spec;
    } catch (error) {
      if (error instanceof EvaluationError) return evaluationProblem(error);
      throw error;
    }
  }
}

function refused(message: string): BreakpointResponse {
  return { verified: false, message };
}

/**
 * The number of the first hit that stops the run; undefined without a condition, null for an
 * invalid condition.
 */
function hitsOf(text: string | undefined): number | null | undefined {
  if (text === undefined || text.trim() === "") return undefined;
  const match = /^\s*(>=|>)?\s*(\d{1,9})\s*$/.exec(text);
  if (match === null) return null;
  return Math.max(1, Number(match[2]) + (match[1] === ">" ? 1 : 0));
}

/**
 * Converts the message of a log point: text with expressions in braces. The language uses the same
 * syntax in its strings.
 */
function messageExpression(message: string): string {
  const parts = message.split(/(\{[^{}]*\})/);
  const inner = parts.map((part) => /^\{.+\}$/.test(part) ? part : quoted(part).slice(1, -1));
  return `"${inner.join("")}"`;
}

/** A trigger for data breakpoints: a row or an address, or an expression. */
export type WatchedTrigger = Extract<BreakpointTrigger, { readonly kind: "data" | "change" }>;

/** The identifier of a data breakpoint's target; clients return it when they set the breakpoint. */
export function dataId(watched: WatchedTrigger): string {
  return JSON.stringify(
    watched.kind === "data" ? watched.cell : { expression: watched.expression },
  );
}

/** The trigger of an identifier; null if this run has no such target. */
function watchedOf(id: string, recording: Recording): WatchedTrigger | null {
  try {
    const parts = JSON.parse(id) as Partial<RowField> & { readonly expression?: unknown };
    const { covers, equal, expression, table } = parts;
    if (typeof expression === "string") return { kind: "change", expression };
    const { spec: { fields } } = recording.table(String(table));
    const names = [...Object.keys(equal ?? {}), ...covers ? [covers.field] : []];
    if (!names.every((name) => name in fields)) return null;
    const cell = { table: String(table), equal: equal ?? {}, covers: covers ?? null };
    return { kind: "data", cell };
  } catch {
    return null;
  }
}
