/** Commands that show the state at a position of a run, and which event wrote it. */
import { explainAddress, mappingsAt, readLedger } from "@dmalab/lang/builtins";
import { explanationLines } from "@dmalab/lang/explain";
import { formatEventText } from "@dmalab/lang/render";
import {
  coveringCell,
  evaluate,
  EvaluationError,
  type LastWrite,
  lastWrite,
  lastWritesOf,
  readMemory,
  readWriteTarget,
  spanOfEvent,
  variablesAt,
  WRITE_TARGET_FORMS,
  writesOf,
  type WriteTarget,
} from "@dmalab/recording";
import {
  clip,
  foldLine,
  formatAddress,
  formatCount,
  formatSize,
  formatTimeRounded,
  pairLines,
  PICTURE_COLUMNS,
  tableLines,
  wrappedPairs,
} from "@dmalab/lang/text";
import { isAddress, typeText } from "@dmalab/lang/values";
import {
  bytesView,
  firstLine,
  incidentView,
  type LastByteWrite,
  lastDecisionView,
  lineLocation,
  positionView,
  rowTexts,
  tableAt,
  tableSizes,
} from "@dmalab/recording/views";
import type { Span } from "@dmalab/lang";
import { readWholeNumber } from "../numbers.ts";
import { type CommandContext, countOf, type ReplCommand } from "./command_target.ts";
import { EVENT_FILTER_FORMS, readEventFilter } from "./event_filter.ts";
import { eventWords } from "@dmalab/lang/editor";
import { addressesInSight, subjectsInSight, tableWords } from "./words_in_sight.ts";

/** Bytes in a line of `:bytes`, and the number of bytes shown by default. */
const LINE_BYTES = 16;
const DISPLAYED_BYTES = 64;
/** Number of rows of a table that are shown at once. */
const DISPLAYED_ROWS = 1000;
/** Number of changes that `:writes` lists, and number of bytes shown of each. */
const DISPLAYED_WRITES = 20;
const WRITTEN_BYTES = 4;
/**
 * Limit of the bytes that are watched. There is a limit because the bytes are compared at every
 * event.
 */
const MAX_WATCHED_BYTES = 4096;

export const ASK_COMMANDS: readonly ReplCommand[] = [
  {
    name: "state",
    takes: "[TABLE] [N]",
    doc: "print a summary of machine and variables, or up to 1000 rows of a table, from row N",
    words: ({ cursor }) => tableWords(cursor),
    run: state,
  },
  {
    name: "bt",
    takes: "[N]",
    doc:
      "list what runs here: the event, calls of the kernel API, C and the script, innermost first; " +
      "or what call N of C or the script sees (0: the innermost)",
    run: backtrace,
  },
  {
    name: "who",
    takes: "[WHAT]",
    doc: `list live mappings; or show the last writer of ${WRITE_TARGET_FORMS}`,
    words: ({ cursor }, before) =>
      before === "" ? subjectsInSight(cursor) : addressesInSight(cursor),
    expression: true,
    run: whoChanged,
  },
  {
    name: "why",
    takes: "[N]",
    doc: "explain this event or event N: its decision, the rule and the inputs",
    run: why,
  },
  {
    name: "eval",
    takes: "EXPR",
    doc: "print the value of an expression here; changes nothing",
    expression: true,
    run: evalHere,
  },
  {
    name: "bytes",
    takes: "ADDRESS [N]",
    doc: "print N bytes of memory at a physical address (default: 64), and who wrote them",
    expression: true,
    run: bytes,
  },
  {
    name: "writes",
    takes: "ADDRESS [N]",
    doc: "list the last 20 writes to N bytes at a physical address",
    expression: true,
    run: writes,
  },
  {
    name: "trace",
    takes: `[N] [${EVENT_FILTER_FORMS}] | on | off`,
    doc:
      "print events: of the last command, the last N, or the matching ones; on: after every input",
    words: eventWords,
    run: trace,
  },
  { name: "seed", takes: "", doc: "print the seed of this machine", run: seed },
];

function state(repl: CommandContext, argument: string): void {
  if (argument === "") return glance(repl);
  const { position, recording } = repl.cursor;
  const [, wanted = argument, from = "1"] = argument.match(/^(\S+)\s+(\d+)$/) ?? [];
  const names = recording.tables.map(({ spec }) => spec.name);
  const meant = names.includes(wanted) ? wanted : names.find((name) => name.startsWith(wanted));
  if (meant === undefined) {
    return repl.refuse(`No table is called "${wanted}": ${names.join(", ")}`);
  }
  const first = Math.max(0, Number(from) - 1);
  const { columns, count, rows } = tableAt(recording, meant, position, {
    first,
    count: DISPLAYED_ROWS,
  });
  if (count === 0) repl.say(`${meant} is empty`);
  else if (rows.length === 0) repl.say(`${meant} has ${formatCount(count, "row")}`);
  else {
    const cells = rows.map((
      row,
    ) => [...rowTexts(row), row.createdSeq === 0 ? "ready" : `#${row.createdSeq}`]);
    printTable(repl, [...columns, "by"], cells);
    const next = first + rows.length + 1;
    if (next <= count) {
      repl.say(
        `rows ${first + 1} to ${next - 1} of ${count}; \`:state ${meant} ${next}\` shows more`,
      );
    }
    if (meant === "mappings") {
      const live = recording.timeline.at(position, ({ vm }) => vm.lab.machine.iommu.liveMappings);
      if (live !== count) {
        repl.say(
          `live_mappings is ${live}: it counts a range once with its links, each a row here`,
        );
      }
    }
  }
}

function backtrace(repl: CommandContext, argument: string): void {
  const { position, recording } = repl.cursor;
  if (argument !== "") return namesSeen(repl, Number(argument));
  const calls = recording.kernelFrames(position)
    .map(({ name, seq }) => ({ name: `${name}()`, span: spanOfEvent(recording, seq) }));
  const frames = [...calls, ...recording.frames(position)];
  const pairs = frames.map(({ name, span }) =>
    [span === null ? "" : lineLocation(span), name === "" ? firstLine(span!) : name] as const
  );
  // The event may belong to another statement than the current one.
  const { event, place } = positionView(recording, position);
  if (event !== null) {
    pairs.unshift([place ?? "", `event ${position.seq}: ${recording.event(position.seq).name}`]);
  }
  if (pairs.length === 0) repl.say("No statement runs here");
  for (const line of pairLines(pairs, { columns: repl.columns, indent: 0 })) repl.say(line);
}

/**
 * @param call Index of an active call of a function, in C or in the script; 0 for the innermost.
 */
function namesSeen(repl: CommandContext, call: number): void {
  const { position, recording } = repl.cursor;
  const calls = recording.frames(position);
  if (calls[call] === undefined) {
    return repl.refuse(`No call ${call} runs here: there are ${calls.length}, from 0`);
  }
  const pairs = variablesAt(recording, position, call)
    .map(({ kind, name, text }) => [name, `${text}  ${kind}`] as const);
  if (pairs.length === 0) repl.say(`${calls[call].name} sees no names of its own here`);
  for (const line of wrappedPairs(pairs, repl.columns, 0)) repl.say(line);
}

function glance(repl: CommandContext): void {
  const { cursor } = repl;
  const { position, recording } = cursor;
  const counts = recording.table("incidents").rowsAt(position.seq)
    .map((row) => recording.table("incidents").value(row, "kind"));
  const count = (kind: string) => counts.filter((each) => each === kind).length;
  const mappings = recording.table("mappings");
  const live = mappings.rowsAt(position.seq);
  const mapped = live.reduce((sum, row) => sum + Number(mappings.value(row, "size_bytes")), 0);
  const machine = recording.timeline.at(position, ({ vm }) => {
    const { cpus, iommu, kernel } = vm.lab.machine.config;
    return {
      text: `kernel ${kernel}, iommu ${iommu.mode}, ${formatCount(cpus, "CPU")}`,
      toDo: vm.machine.pendingActivities(),
      cpu: vm.machine.stream.context.cpu,
      liveMappings: vm.lab.machine.iommu.liveMappings,
    };
  });
  const pairs: (readonly [string, string])[] = [
    ["machine", machine.text],
    [
      "time",
      `${
        formatTimeRounded(recording.nowNs(position))
      }, event ${position.seq}, on CPU ${machine.cpu}`,
    ],
    ["pending", formatCount(machine.toDo, "activity", "activities")],
    [
      "mapped",
      [
        `${formatCount(live.length, "mapping")}, ${formatSize(mapped)}`,
        ...machine.liveMappings === live.length ? [] : [`live_mappings ${machine.liveMappings}`],
      ].join(", "),
    ],
    ["found", `${formatCount(count("fault"), "fault")}, ${formatCount(count("report"), "report")}`],
    [
      "tables",
      tableSizes(recording, position).filter(({ rows }) => rows > 0)
        .map(({ name, rows }) => `${name} ${rows}`).join(", "),
    ],
  ];
  const summary = repl.timeTravel?.session.summary();
  if (summary !== undefined) {
    pairs.push(["names", summary.machineNames.join(", ")]);
    if (summary.declared.length > 0) pairs.push(["declared", summary.declared.join(", ")]);
  }
  for (const line of wrappedPairs(pairs, repl.columns, 0)) repl.say(line);
  const variables = cursor.variables();
  if (variables.length > 0) repl.say("");
  const values = variables.map(({ name, text }) => [name, text] as const);
  for (const line of wrappedPairs(values, repl.columns, 0)) repl.say(line);
}

function whoChanged(repl: CommandContext, argument: string): void {
  if (argument === "") return listMappings(repl);
  const [, text = argument, all] = argument.match(/^(.*?)(\s+--all)?$/)!;
  const { position, recording } = repl.cursor;
  const address = addressOf(repl, text);
  if (address !== null) return storyOf(repl, address);
  const subject = readWriteTarget(recording, position, text);
  if (all !== undefined && subject.kind === "cell") {
    const writers = lastWritesOf(recording, position, subject.cell);
    for (const writer of writers) printWriter(repl, writer);
    if (writers.length > 0) return;
  }
  printFound(repl, text, subject);
}

function printFound(repl: CommandContext, text: string, subject: WriteTarget): void {
  const { position, recording } = repl.cursor;
  const writer = lastWrite(recording, position, subject);
  if (writer === null) repl.say(`${text}: never changed`);
  else printWriter(repl, writer);
}

function printWriter(
  repl: CommandContext,
  { after, position, before, change, span }: LastWrite,
): void {
  const what = after === null
    ? `ended: ${before}`
    : before === null
    ? after
    : `${before} → ${after}`;
  const event = change === null || position.seq === 0
    ? ""
    : `  ${repl.cursor.recording.event(position.seq).name}`;
  const where = span === null
    ? change?.seq === 0 ? "since the machine was ready" : "before the first statement"
    : placeText(span);
  for (const line of [`event ${position.seq}${event}: ${what}`, `  ${where}`]) {
    for (const part of foldLine(line, repl.columns)) repl.say(part);
  }
}

/** `file:line  statement`. */
function placeText(span: Span): string {
  return `${lineLocation(span)}  ${firstLine(span)}`;
}

/** The address that a number or an expression denotes; null if it denotes no address. */
function addressOf(repl: CommandContext, text: string): number | null {
  const plain = readWholeNumber(text);
  if (plain !== null || /^\w+ /.test(text)) return plain;
  const { position, recording } = repl.cursor;
  const { text: shown, type } = evaluate(recording, position, text);
  return isAddress(type) ? readWholeNumber(shown) : null;
}

/** Prints the mappings of an address; without a mapping, the last writer of its page-table entry. */
function storyOf(repl: CommandContext, address: number): void {
  const { position, recording } = repl.cursor;
  const lines = recording.timeline.at(position, ({ vm }) => {
    const ledger = readLedger(vm.recorder.events, vm);
    return (["dma", "phys"] as const).flatMap((space) =>
      mappingsAt(ledger, space, address).length > 0 ? explainAddress(space, address, vm) : []
    );
  });
  if (lines.length === 0) {
    // Memory that devices share with their drivers has page-table entries, but no traced mapping.
    const cell = coveringCell(recording, "page_table", address);
    const writer = lastWrite(recording, position, { kind: "cell", cell });
    if (writer !== null) return printWriter(repl, writer);
    repl.say(`${formatAddress(address)}: never mapped`);
  }
  for (const line of lines) repl.say(line);
}

function listMappings(repl: CommandContext): void {
  const { position, recording } = repl.cursor;
  const mappings = recording.table("mappings");
  const rows = mappings.rowsAt(position.seq).map((row) => mappings.row(row));
  if (rows.length === 0) return repl.say("No live mappings");
  const cells = rows.map(({ api, createdSeq, device, dir, dma, path, phys, size_bytes }) => {
    const request = recording.log.requestAt(createdSeq);
    return [
      String(device),
      request === null ? "" : `#${request}`,
      formatAddress(Number(dma)),
      formatSize(Number(size_bytes)),
      formatAddress(Number(phys)),
      String(dir),
      String(path),
      `${api} #${createdSeq}`,
    ];
  });
  const header = ["device", "req", "device sees", "size", "physical", "direction", "path", "by"];
  printTable(repl, header, cells);
}

/**
 * Prints a table without its empty columns. If it is wider than the screen, the last cell of each
 * row is on a separate line, and lines that are still wider are folded.
 */
function printTable(
  repl: CommandContext,
  header: readonly string[],
  rows: readonly (readonly string[])[],
): void {
  const used = header.keys().filter((column) => rows.some((row) => row[column] !== "")).toArray();
  const titles = used.map((column) => header[column]!);
  const cells = rows.map((row) => used.map((column) => row[column]!));
  const whole = tableLines(titles, cells, [], Infinity);
  const isWide = titles.length > 1 && whole.some(({ length }) => length > repl.columns);
  const [head, line, ...body] = isWide
    ? tableLines(titles.slice(0, -1), cells.map((row) => row.slice(0, -1)), [], Infinity)
    : whole;
  const below = (last: string) => isWide ? [`  ${last}`] : [];
  const lines = [
    head!,
    ...below(titles.at(-1)!),
    line!,
    ...body.flatMap((text, row) => [text, ...below(cells[row]!.at(-1)!)]),
  ];
  for (const text of lines) {
    for (const part of foldLine(text, repl.columns)) repl.say(part);
  }
}

function why(repl: CommandContext, argument: string): void {
  const { position, recording } = repl.cursor;
  const seq = argument === "" ? null : countOf(argument.replace(/^#/, ""), repl);
  if (argument !== "" && seq === null) return;
  if (seq !== null && seq > recording.log.count) {
    return repl.refuse(`There is no event ${seq}: the last is ${recording.log.count}`);
  }
  const event = seq ?? (recording.isStatementStart(position) ? 0 : position.seq);
  // The width is limited, because wider text is no easier to read, and clients of the debug adapter
  // do not tell their width.
  const columns = Math.min(repl.columns, PICTURE_COLUMNS);
  if (event > 0 && !recording.log.hasWhy(event)) {
    if (printIncident(repl, event, columns)) return;
    const text = formatEventText(recording.event(event));
    repl.say(clip(`event ${event} has no decision: ${text}`, repl.columns));
  }
  const view = lastDecisionView(recording, event === 0 ? position : recording.afterEvent(event));
  if (view === null) return repl.say("No decision so far");
  if (event > 0 && view.seq !== event) repl.say(`the last decision before it: event ${view.seq}`);
  for (const line of explanationLines(view, view.seq, view.rule, columns)) repl.say(line);
  const inputs = view.inputs.map(({ name, text }) => `${name} ${text}`).join(", ");
  if (inputs !== "") {
    for (const line of foldLine(`  inputs: ${inputs}`, columns)) repl.say(line);
  }
  if (view.span !== null) repl.say(clip(`  ${placeText(view.span)}`, repl.columns));
}

/** Prints the cause of a fault, a report or a warning. @returns False for other events. */
function printIncident(repl: CommandContext, seq: number, columns: number): boolean {
  const incident = incidentView(repl.cursor.recording, seq);
  if (incident === null) return false;
  const { title, why } = incident;
  for (const line of [`event ${seq}  ${title}`, `  ${why}`]) {
    if (line.trim() !== "") { for (const part of foldLine(line, columns)) repl.say(part); }
  }
  return true;
}

function evalHere(repl: CommandContext, argument: string): void {
  repl.say(evaluate(repl.cursor.recording, repl.cursor.position, argument).text);
}

function bytes(repl: CommandContext, argument: string): void {
  const { phys, sizeBytes } = rangeOf(repl, argument);
  const { position, recording } = repl.cursor;
  const read = readMemory(recording, position, phys, sizeBytes);
  const { bytes, writers } = bytesView(recording, position, phys, sizeBytes);
  for (let from = 0; from < read.length; from += LINE_BYTES) {
    const line = read.subarray(from, from + LINE_BYTES);
    const hex = hexOf(line);
    const by = new Set(bytes.slice(from, from + LINE_BYTES).map(({ writer }) => writer));
    const said = [...by].flatMap((index) => index === null ? [] : [writerText(writers[index]!)]);
    const hexWidth = 3 * Math.min(LINE_BYTES, read.length) - 1;
    const text = `${formatAddress(phys + from)}  ${hex.padEnd(hexWidth)}  ${said.join(", ")}`;
    repl.say(clip(text.trimEnd(), repl.columns));
  }
}

/** The last writer of some bytes, and the number of its event. */
function writerText({ by: { name }, seq }: LastByteWrite): string {
  return seq === null ? name : `${name} #${seq}`;
}

/**
 * Reads a range of memory: an address or an expression, followed by the number of bytes.
 * @throws {EvaluationError}
 */
function rangeOf(repl: CommandContext, argument: string) {
  const [, where = "", count] = argument.match(/^(.*?)(?:\s+(\d+))?$/)!;
  const phys = readWholeNumber(where) ?? physOf(repl, where);
  return { phys, sizeBytes: count === undefined ? DISPLAYED_BYTES : Number(count) };
}

/**
 * The CPU address that an expression denotes: the address itself, or the address of an object's
 * memory.
 * @throws {EvaluationError}
 */
function physOf({ cursor: { position, recording } }: CommandContext, where: string): number {
  const { text, type } = evaluate(recording, position, where);
  if (isAddress(type) && type !== "phys") {
    throw new EvaluationError(
      `${where} is ${typeText(type)}`,
      "bytes have the CPU's address, such as `iommu.translate(device, address)`",
    );
  }
  return readWholeNumber(text) ??
    readWholeNumber(evaluate(recording, position, `phys_of(${where})`).text)!;
}

function writes(repl: CommandContext, argument: string): void {
  const { phys, sizeBytes } = rangeOf(repl, argument);
  if (sizeBytes < 1 || sizeBytes > MAX_WATCHED_BYTES) {
    throw new EvaluationError(`${sizeBytes} bytes`, `1 to ${MAX_WATCHED_BYTES} can be watched`);
  }
  const { position, recording } = repl.cursor;
  const { left, writes } = writesOf(recording, position, phys, sizeBytes, DISPLAYED_WRITES);
  if (writes.length === 0) {
    repl.say(
      `${formatCount(sizeBytes, "byte")} at ${formatAddress(phys)}: never changed`,
    );
  }
  if (left > 0) repl.say(`${formatCount(left, "change")} before these`);
  for (const { after, position, before, phys, span } of writes) {
    const what = `${formatAddress(phys)} ${hexOf(before, WRITTEN_BYTES)} → ${
      hexOf(after, WRITTEN_BYTES)
    }`;
    repl.say(
      clip(
        `event ${position.seq}: ${formatCount(after.length, "byte")} at ${what}`,
        repl.columns,
      ),
    );
    const where = span === null ? "before the first statement" : placeText(span);
    repl.say(clip(`  ${where}`, repl.columns));
  }
}

/** @param most Number of bytes shown, from the first. */
function hexOf(bytes: Uint8Array, most = Infinity): string {
  const shown = [...bytes.subarray(0, most)].map((byte) => byte.toString(16).padStart(2, "0"));
  return [...shown, ...bytes.length > most ? ["…"] : []].join(" ");
}

function trace(repl: CommandContext, argument: string): void {
  if (argument === "on" || argument === "off") {
    repl.traceAlways = argument === "on";
    return;
  }
  const { position, recording } = repl.cursor;
  const [, many = "", filterText = ""] = argument.match(/^(\d+\b)?\s*(.*)$/)!;
  const count = many === "" ? null : countOf(many, repl);
  if (many !== "" && count === null) return;
  const filter = readEventFilter(recording, filterText);
  if (typeof filter === "string") return repl.refuse(filter);
  // A filter without a count selects from all events so far. Without a filter and a count, only the
  // events of the last move are shown.
  const least = filterText === "" && count === null ? repl.lastMoveSeq : 0;
  const found: number[] = [];
  for (let seq = position.seq; seq > least && found.length < (count ?? Infinity); seq--) {
    if (filter(seq)) found.push(seq);
  }
  if (found.length === 0) repl.say("No events");
  repl.printEvents(found.reverse().map((seq) => recording.event(seq)));
}

function seed(repl: CommandContext): void {
  repl.say(`seed 0x${repl.cursor.recording.name.seed.toString(16)}`);
}
