/**
 * The variables that a client sees at a position: names of the script, the event, the event's
 * request, tables, counters.
 */
import type { DebugProtocol } from "@vscode/debugprotocol";
import { formatInput } from "@dmalab/lang/explain";
import { formatFieldValue } from "@dmalab/lang/render";
import { formatAddress, formatCount, formatDuration } from "@dmalab/lang/text";
import { keyText, rowsByKey, rowView } from "@dmalab/recording/views";
import {
  coveringCell,
  evaluate,
  EvaluationError,
  type OpenValue,
  partsOf,
  type Position,
  type Recording,
  type RowField,
  spanOfEvent,
  variablesAt,
} from "@dmalab/recording";
import { spanPlace } from "@dmalab/lang";
import { readWholeNumber } from "@dmalab/cli";
import { dataId, type WatchedTrigger } from "./breakpoints.ts";
import type { ShownFrame } from "./stack.ts";
import { evaluationProblem } from "./request_error.ts";

type Variable = DebugProtocol.Variable;

interface Container {
  readonly count: number;
  /** Whether the container's elements have numbers instead of names. */
  readonly isIndexed: boolean;
  list(first: number, count: number): readonly Variable[];
  /** The cell of an element by its name; null if its changes cannot be watched. */
  cell?(name: string): RowField | null;
}

/** Largest number of variables that are listed for a client that does not request pages. */
const DISPLAYED_VARIABLES = 1000;

type Table = Recording["tables"][number];

export class Variables {
  /** Opened containers; their numbers follow those of earlier positions. */
  #containers: Container[] = [];
  #numbers = 0;

  constructor(private readonly recording: Recording) {}

  /** Forgets the containers opened at another position. */
  clear(): void {
    this.#numbers += this.#containers.length;
    this.#containers = [];
  }

  #container(reference: number): Container | undefined {
    return this.#containers[reference - this.#numbers - 1];
  }

  scopes({ position, call }: ShownFrame): DebugProtocol.Scope[] {
    const scopes: DebugProtocol.Scope[] = [];
    const add = (
      name: string,
      container: Container,
      more: Partial<DebugProtocol.Scope> = {},
    ) => scopes.push({ name, expensive: false, ...this.#reference(container), ...more });
    if (call !== null) {
      add("Locals", this.#names(position, call, "locals"), { presentationHint: "locals" });
      const globals = this.#names(position, call, "globals");
      if (globals.count > 0) add("Globals", globals, { presentationHint: "globals" });
    }
    if (position.seq > 0) {
      add("Event", this.#event(position.seq));
      const request = this.recording.log.requestAt(position.seq);
      if (request !== null) add(`Request ${request}`, this.#request(position, request));
    }
    add("Machine", this.#tables(position, this.recording.tables));
    return scopes;
  }

  /** The content of a container that was shown. */
  list({ count, filter, start = 0, variablesReference }: {
    readonly count?: number | undefined;
    readonly filter?: string | undefined;
    readonly start?: number | undefined;
    readonly variablesReference: number;
  }) {
    const container = this.#container(variablesReference);
    if (container === undefined) return [];
    const isOther = filter !== undefined && (filter === "indexed") !== container.isIndexed;
    if (isOther) return [];
    return container.list(start, count === undefined || count === 0 ? DISPLAYED_VARIABLES : count);
  }

  /**
   * The trigger for watching a variable that was shown inside a container; null if the variable
   * cannot be watched.
   */
  watchedIn(reference: number, name: string): WatchedTrigger | null {
    const container = this.#container(reference);
    const cell = container?.cell?.(name) ?? null;
    if (cell !== null) return { kind: "data", cell };
    const shown = container?.list(0, DISPLAYED_VARIABLES).find((each) => each.name === name);
    const expression = shown?.evaluateName;
    return expression === undefined ? null : { kind: "change", expression };
  }

  /**
   * The trigger for an address, or for an expression that has a value at this position. For an
   * expression without a value, the reason why it has none.
   */
  watchedBy(position: Position, text: string): WatchedTrigger | string {
    const address = readWholeNumber(text.trim());
    const cell = address === null ? null : coveringCell(this.recording, "page_table", address);
    if (cell !== null) return { kind: "data", cell };
    try {
      evaluate(this.recording, position, text);
      return { kind: "change", expression: text };
    } catch (error) {
      if (error instanceof EvaluationError) return evaluationProblem(error);
      throw error;
    }
  }

  /** The value of an expression, which can be opened further. */
  evaluate(position: Position, call: number, expression: string) {
    const value = evaluate(this.recording, position, expression, call);
    const { value: result, ...rest } = this.#value(position, call, expression, value);
    return { result, ...rest };
  }

  #reference(container: Container) {
    const variablesReference = this.#numbers + this.#containers.push(container);
    const { count, isIndexed } = container;
    return isIndexed
      ? { variablesReference, indexedVariables: count }
      : { variablesReference, namedVariables: count };
  }

  #value(position: Position, call: number, expression: string | null, open: OpenValue) {
    const { isList, kind, partCount, phys, text } = open;
    return {
      value: text,
      type: kind,
      ...partCount === 0 || expression === null ? { variablesReference: 0 } : this.#reference({
        count: partCount,
        isIndexed: isList,
        list: (first, count) => {
          const parts = partsOf(this.recording, position, expression, call, { first, count });
          return this.#named(position, call, parts);
        },
      }),
      ...phys === null ? {} : { memoryReference: `0x${phys.toString(16)}` },
    };
  }

  #names(position: Position, call: number, scope: "locals" | "globals"): Container {
    const variables = variablesAt(this.recording, position, call, scope);
    return {
      count: variables.length,
      isIndexed: false,
      list: (first, count) => this.#named(position, call, variables.slice(first, first + count)),
    };
  }

  #named(position: Position, call: number, parts: ReturnType<typeof variablesAt>): Variable[] {
    return parts.map(({ expression, name, ...open }) => ({
      name,
      ...this.#value(position, call, expression, open),
      ...expression === null ? {} : { evaluateName: expression },
    }));
  }

  #event(seq: number): Container {
    const recording = this.recording;
    const event = recording.event(seq);
    const kinds = recording.evaluator.registry.eventFields(event.name);
    const span = spanOfEvent(recording, seq);
    const fields = Object.entries<unknown>(event.fields)
      .map(([name, value]) => plain(name, formatFieldValue(kinds[name]!, value)));
    const why = event.why;
    const all: Variable[] = [
      plain("event", event.name),
      plain("number", String(seq)),
      plain("time", formatDuration(event.at_ns)),
      plain("cpu", String(event.cpu)),
      plain("device", event.device ?? "none"),
      plain("request", event.request === null ? "none" : String(event.request)),
      ...span === null ? [] : [plain("from", spanPlace(span))],
      ...fields,
      ...why === null ? [] : [{
        name: "why",
        value: why.rule,
        ...this.#reference(fixed(
          Object.entries(why.inputs).map(([name, input]) => plain(name, formatInput(name, input))),
        )),
      }],
    ];
    return fixed(all);
  }

  #request(position: Position, request: number): Container {
    const tables = this.recording.tables.filter(({ spec }) => "request" in spec.fields);
    const own = tables.map((table) => {
      const rows = table.rowsAt(position.seq).filter((row) =>
        table.value(row, "request") === request
      );
      return [table, new Set(rows)] as const;
    });
    return fixed(
      own.filter(([, rows]) => rows.size > 0)
        .map(([table, rows]) => this.#table(position, table, rows.size, (row) => rows.has(row))),
    );
  }

  #tables(position: Position, tables: readonly Table[]): Container {
    return fixed(
      tables.map((table) => this.#table(position, table, table.rowsAt(position.seq).length)),
    );
  }

  /** A table, with rows that are formatted when it is opened. */
  #table(
    position: Position,
    table: Table,
    count: number,
    isMeant: (row: number) => boolean = () => true,
  ): Variable {
    const { doc, key, name } = table.spec;
    let opened: readonly number[] | null = null;
    const rows = () => opened ??= rowsByKey(table, position).filter(isMeant);
    const container: Container = {
      count,
      isIndexed: true,
      list: (first, most) => rows().slice(first, first + most).map((row) => this.#row(table, row)),
      cell: (text) => {
        const found = rows().find((row) => keyText(table, row) === text);
        if (found === undefined) return null;
        const equal = key.map((field) => [field, table.value(found, field)]);
        return { table: name, equal: Object.fromEntries(equal), covers: null };
      },
    };
    return {
      name,
      value: formatCount(count, "row"),
      type: doc,
      ...count === 0 ? { variablesReference: 0 } : this.#reference(container),
    };
  }

  #row(table: Table, row: number): Variable {
    const { key } = table.spec;
    const { createdSeq, cells, endedSeq } = rowView(table, row);
    const named = cells.map(({ name, text }) => plain(name, text));
    return {
      name: keyText(table, row),
      value: named.filter(({ name }) => !key.includes(name))
        .map(({ name, value }) => `${name} ${value}`).join("  "),
      ...this.#reference(fixed([
        ...named,
        plain("written by", createdSeq === 0 ? "initial state" : `#${createdSeq}`),
        plain("ended by", endedSeq === null ? "not within this recording" : `#${endedSeq}`),
      ])),
    };
  }
}

function plain(name: string, value: string): Variable {
  return { name, value, variablesReference: 0 };
}

function fixed(all: readonly Variable[]): Container {
  return {
    count: all.length,
    isIndexed: false,
    list: (first, count) => all.slice(first, first + count),
  };
}

/**
 * The response about a data breakpoint. @param watched The breakpoint's trigger, or why there can
 * be none.
 */
export function dataBreakpointInfo(
  watched: WatchedTrigger | string,
): DebugProtocol.DataBreakpointInfoResponse["body"] {
  if (typeof watched === "string") return { dataId: null, description: watched };
  if (watched.kind === "change") {
    const { expression } = watched;
    return { dataId: dataId(watched), description: expression, accessTypes: ["write"] };
  }
  const { covers, equal, table } = watched.cell;
  const where = covers === null
    ? Object.values(equal).join(" ")
    : `${covers.field} ${formatAddress(covers.address)}`;
  return { dataId: dataId(watched), description: `${table} ${where}`, accessTypes: ["write"] };
}
