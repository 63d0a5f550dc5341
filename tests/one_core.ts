/**
 * All front ends show the same data. At a thousand random positions in runs of examples, the
 * terminal, a client of the debug adapter and the records of `recording/views` must show the same
 * rows and values.
 */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { type CommandContext, runReplCommand } from "@dmalab/cli/debug";
import { nameOf } from "@dmalab/editor";
import { loadForDebugging } from "@dmalab/lang";
import { Cursor, type Recording, recordRun, runsOf } from "@dmalab/recording";
import { painter } from "@dmalab/lang/text";
import { positionView, rowTexts, tableAt, type TableView } from "@dmalab/recording/views";
import { Random } from "@dmalab/runtime";
import { type Client, startClient } from "@dmalab/editor/tests";
import { openScenario, scenariosBelow } from "./examples.ts";
import { ROOT } from "./source_text.ts";

/**
 * Number of compared positions in one run; `MAX_EVENTS`: the most events that a compared run may
 * have. Both are limited, because each position is requested many times.
 */
const POSITIONS_OF_RUN = 20;
const MAX_EVENTS = 3000;
/** Number of rows of a table that are opened one by one. */
const OPENED_ROWS = 2;

/**
 * A table as a front end shows it. Each row has the cells, by column, and the event that wrote the
 * row.
 */
type Shown = readonly (readonly string[])[];

/** A terminal that is wide enough for all columns. */
class Terminal implements CommandContext {
  readonly timeTravel = null;
  readonly paint = painter(false);
  readonly columns = 10_000;
  lastMoveSeq = 0;
  traceAlways = false;
  lines: string[] = [];

  constructor(readonly cursor: Cursor) {}

  say(line: string): void {
    this.lines.push(line);
  }

  refuse(line: string): void {
    throw new Error(line);
  }

  printEvents(): void {}

  output(command: string): readonly string[] {
    this.lines = [];
    runReplCommand(command, this);
    return this.lines;
  }

  /** The rows that `:state` prints, split at the columns of the dashed line below the header. */
  table(name: string): Shown {
    const [header, rule, ...rows] = this.output(`:state ${name}`);
    if (rule === undefined) {
      assertEquals(header, `${name} is empty`);
      return [];
    }
    const columns = [...rule.matchAll(/─+/g)].map(({ 0: { length }, index }) => [index, length]);
    return rows.filter((row) => !row.startsWith("live_mappings is ")).map((row) =>
      columns.map(([from, length]) => row.slice(from, from! + length!).trimEnd())
    );
  }
}

function shown({ rows }: TableView): Shown {
  return rows.map((
    row,
  ) => [...rowTexts(row), row.createdSeq === 0 ? "ready" : `#${row.createdSeq}`]);
}

interface Variable {
  readonly name: string;
  readonly value: string;
  readonly variablesReference: number;
}

/** The state at one position, as a client of the debug adapter sees it. */
class Seen {
  constructor(readonly client: Client, readonly scopes: readonly Variable[]) {}

  async opened(name: string, within: readonly Variable[] = this.scopes) {
    const found = within.find((each) => each.name === name);
    return found === undefined || found.variablesReference === 0
      ? []
      : (await this.client.body("variables", found)).variables as readonly Variable[];
  }

  /** The first rows of a table, each with its cells and the event that wrote it. */
  async table({ columns }: TableView, row: Variable): Promise<readonly string[]> {
    const cells = new Map(
      (await this.client.body("variables", row)).variables
        .map(({ name, value }: Variable) => [name, value]),
    );
    const written = cells.get("written by");
    return [
      ...columns.map((column) => cells.get(column) as string),
      written === "initial state" ? "ready" : written as string,
    ];
  }
}

async function seenAt(client: Client, seq: number): Promise<Seen> {
  const { threadId } = await client.move("dmalab.goto", { seq });
  const { stackFrames } = await client.body("stackTrace", { threadId });
  const { scopes } = await client.body("scopes", { frameId: stackFrames[0].id });
  return new Seen(client, scopes);
}

/** Compares one position in all three front ends; returns the number of compared rows. */
async function compare(recording: Recording, terminal: Terminal, client: Client, seq: number) {
  const position = recording.afterEvent(seq);
  terminal.cursor.goTo(position);
  const paused = await seenAt(client, seq);
  const tables = await paused.opened("Machine");
  let rows = 0;
  for (const { spec: { name } } of recording.tables) {
    const view = tableAt(recording, name, position);
    const own = shown(view);
    rows += own.length;
    assertEquals(terminal.table(name), own, `${name} in the terminal`);
    const listed = await paused.opened(name, tables);
    assertEquals(listed.length, Math.min(own.length, 1000), `${name} in the adapter`);
    for (const [index, row] of listed.slice(0, OPENED_ROWS).entries()) {
      assertEquals(await paused.table(view, row), own[index], `${name} in the adapter`);
    }
  }
  const locals = (await paused.opened("Locals")).map(({ name, value }) => `${name} ${value}`);
  const variables = terminal.cursor.variables().map(({ name, text }) => `${name} ${text}`);
  assertEquals(locals, variables);
  if (seq > 0) {
    const event = await paused.opened("Event");
    assertEquals(event.find(({ name }) => name === "number")?.value, `${seq}`);
    const { device, name, request } = recording.event(seq);
    const valueOf = (field: string) => event.find((each) => each.name === field)?.value;
    assertEquals(
      [valueOf("event"), valueOf("device"), valueOf("request")],
      [name, device ?? "none", `${request ?? "none"}`],
    );
    assertEquals(positionView(recording, position).seq, seq);
  }
  return rows;
}

/** Compares the front ends at `wanted` positions. */
export async function compareFrontEnds(wanted: number, seed: number): Promise<void> {
  const draws = new Random(seed);
  let positions = 0;
  let rows = 0;
  const paths = scenariosBelow("examples");
  for (let turn = 0; positions < wanted; turn++) {
    const path = paths[(seed + turn) % paths.length]!;
    const { entry, loader } = openScenario(path);
    const { program } = loadForDebugging(entry, loader);
    const runs = runsOf(program!).filter(({ name: { kind }, skip }) => !skip && kind === "test");
    if (runs.length === 0) continue;
    const run = runs[draws.below(runs.length)]!;
    const recording = recordRun(program!, run);
    if (recording.log.count === 0 || recording.log.count > MAX_EVENTS) continue;
    const terminal = new Terminal(new Cursor(recording));
    await using client = await startClient();
    const launch = { program: join(ROOT, path), run: nameOf(run), stopOnEntry: true };
    await client.body("launch", launch);
    await client.event("initialized");
    await client.body("setExceptionBreakpoints", { filters: [] });
    await client.move("configurationDone");
    // The adapter must first execute the run to its end. Only then does it know the whole run.
    await client.move("continue");
    for (let each = 0; each < POSITIONS_OF_RUN && positions < wanted; each++) {
      const seq = draws.below(recording.log.count + 1);
      rows += await compare(recording, terminal, client, seq);
      positions++;
    }
  }
  assert(rows > 20 * wanted, `only ${rows} rows`);
}
