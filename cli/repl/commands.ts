/** The commands of the REPL: `:step`, `:back`, `:state`, `:who` … One entry each. */
import { explainAddress, mappingsAt, readLedger } from "../../lang/builtins/ledger.ts";
import { nearestNames } from "../../lang/diagnostics/suggest.ts";
import { pairLines, tableLines } from "../../lang/text/columns.ts";
import {
  formatAddress,
  formatCount,
  formatSize,
  formatTimeRounded,
} from "../../lang/text/numbers.ts";
import type { Paint } from "../../lang/render/paint.ts";
import type { Session } from "../../lang/run/session.ts";
import type { MachineEvent } from "../../runtime/events.ts";
import { readWholeNumber } from "../numbers.ts";

/** What commands know of the REPL. */
export interface CommandTarget {
  readonly session: Session;
  readonly paint: Paint;
  /** How wide the screen is. */
  readonly columns: number;
  /** The number of the last event before the last input or step: `:trace` begins after it. */
  lastMoveSeq: number;
  /** Show the events of every input. */
  traceAlways: boolean;
  /** One line of output. */
  say(line: string): void;
  /** One line that says what is wrong with the input. */
  refuse(line: string): void;
  /** Events as a table; nothing for none. */
  sayEvents(events: readonly MachineEvent[]): void;
}

export interface ReplCommand {
  readonly name: string;
  /** What may follow, for the help. */
  readonly takes: string;
  readonly doc: string;
  /** Does it; false ends the REPL. */
  run(repl: CommandTarget, argument: string): boolean;
}

export const REPL_COMMANDS: readonly ReplCommand[] = [
  {
    name: "step",
    takes: "[N]",
    doc: "run activities until N more events have happened (1), and show them",
    run: step,
  },
  { name: "back", takes: "[N]", doc: "undo the last N inputs and steps (1)", run: back },
  { name: "state", takes: "", doc: "the machine and the variables at a glance", run: state },
  {
    name: "who",
    takes: "[ADDRESS]",
    doc: "what is mapped, by whom and where; or the story of one address",
    run: who,
  },
  {
    name: "trace",
    takes: "[N|on|off]",
    doc: "events of the last input; the last N; of every input from now on",
    run: trace,
  },
  { name: "help", takes: "", doc: "this list", run: help },
  { name: "quit", takes: "", doc: "end (also Ctrl-D)", run: () => false },
];

/**
 * Does one command.
 *
 * @param line The line with its colon. A beginning of a name will do where only one has it.
 * @returns False when the REPL is to end.
 */
export function runReplCommand(line: string, repl: CommandTarget): boolean {
  const [, name, argument] = line.match(/^:(\S*)\s*(.*)$/s)!;
  const command = findCommand(name!);
  if (command !== null) return command.run(repl, argument!.trim());
  const [nearest] = nearestNames(name!, REPL_COMMANDS.map((each) => each.name), 1);
  const hint = nearest === undefined ? ":help lists the commands" : `did you mean :${nearest}?`;
  repl.refuse(`There is no command :${name}; ${hint}`);
  return true;
}

/** Whether a line is a command, its name written in full. */
export function isReplCommand(line: string): boolean {
  const name = line.match(/^:(\w+)(?:\s|$)/)?.[1];
  return REPL_COMMANDS.some((command) => command.name === name);
}

function findCommand(name: string): ReplCommand | null {
  const exact = REPL_COMMANDS.find((command) => command.name === name);
  if (exact !== undefined) return exact;
  const begun = REPL_COMMANDS.filter((command) => name !== "" && command.name.startsWith(name));
  return begun.length === 1 ? begun[0]! : null;
}

/** The count a command was given, 1 for none; null, after saying so, for something else. */
function countOf(argument: string, repl: CommandTarget): number | null {
  const count = argument === "" ? 1 : readWholeNumber(argument);
  if (count !== null && count > 0) return count;
  repl.refuse(`"${argument}" is no count`);
  return null;
}

function step(repl: CommandTarget, argument: string): true {
  const count = countOf(argument, repl);
  if (count === null) return true;
  const { pendingActivities, seq } = repl.session.summary();
  if (pendingActivities === 0) {
    repl.say("Nothing is left to do");
    return true;
  }
  repl.lastMoveSeq = seq;
  repl.sayEvents(repl.session.step(count));
  return true;
}

function back(repl: CommandTarget, argument: string): true {
  const count = countOf(argument, repl);
  if (count === null) return true;
  const undone = repl.session.inputs.slice(-count);
  if (undone.length === 0) repl.say("This is the beginning");
  repl.session.back(count);
  repl.lastMoveSeq = repl.session.summary().seq;
  for (const input of undone.reverse()) {
    const [first, ...rest] = input.trim().split("\n");
    repl.say(repl.paint("dim", `undone: ${first}${rest.length > 0 ? " …" : ""}`));
  }
  return true;
}

function state(repl: CommandTarget): true {
  const { session } = repl;
  const { variables, ...summary } = session.summary();
  const { cpus, iommu, kernel } = session.world.lab.machine.config;
  const live = liveMappings(repl);
  const bytes = live.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
  const pairs: (readonly [string, string])[] = [
    ["machine", `kernel ${kernel}, iommu ${iommu.mode}, ${formatCount(cpus, "CPU")}`],
    ["time", `${formatTimeRounded(summary.nowNs)}, event ${summary.seq}, on CPU ${summary.cpu}`],
    ["to do", formatCount(summary.pendingActivities, "activity", "activities")],
    ["mapped", `${formatCount(live.length, "mapping")}, ${formatSize(bytes)}`],
    ["found", `${formatCount(summary.faults, "fault")}, ${formatCount(summary.reports, "report")}`],
    ["names", summary.machineNames.join(", ")],
  ];
  if (summary.declared.length > 0) pairs.push(["declared", summary.declared.join(", ")]);
  for (const line of pairLines(pairs, { columns: repl.columns, indent: 0 })) repl.say(line);
  if (variables.length > 0) repl.say("");
  for (
    const line of pairLines(variables.map(({ name, text }) => [name, text] as const), {
      columns: repl.columns,
      indent: 0,
    })
  ) {
    repl.say(line);
  }
  return true;
}

function who(repl: CommandTarget, argument: string): true {
  if (argument === "") listMappings(repl);
  else tellOfAddress(repl, argument);
  return true;
}

function listMappings(repl: CommandTarget): void {
  const live = liveMappings(repl);
  if (live.length === 0) {
    repl.say("Nothing is mapped");
    return;
  }
  const rows = live.map(({ born, ...entry }) => [
    entry.device,
    born.request === null ? "" : `#${born.request}`,
    formatAddress(entry.dma),
    formatSize(entry.sizeBytes),
    formatAddress(entry.phys),
    entry.dir,
    entry.path,
    `${entry.api} #${born.seq}`,
  ]);
  const header = ["device", "req", "device sees", "size", "physical", "direction", "path", "by"];
  for (const line of tableLines(header, rows, [], repl.columns)) repl.say(line);
}

function tellOfAddress(repl: CommandTarget, text: string): void {
  const { session } = repl;
  const variable = session.summary().variables.find(({ name }) => name === text);
  const address = readWholeNumber(variable?.text ?? text);
  if (address === null) {
    repl.refuse(`"${text}" is no address: write one, or a variable that holds one`);
    return;
  }
  const ledger = readLedger(session.world.recorder.events);
  const spaces = (["dma", "phys"] as const).filter((space) =>
    mappingsAt(ledger, space, address).length > 0
  );
  if (spaces.length === 0) repl.say(`${formatAddress(address)}: no mapping ever covered it`);
  for (const space of spaces) {
    for (const line of explainAddress(space, address, session.vm)) repl.say(line);
  }
}

function liveMappings(repl: CommandTarget) {
  return readLedger(repl.session.world.recorder.events).filter(({ died }) => died === null);
}

function trace(repl: CommandTarget, argument: string): true {
  if (argument === "on" || argument === "off") {
    repl.traceAlways = argument === "on";
    return true;
  }
  const { recorder } = repl.session.world;
  const count = argument === "" ? null : countOf(argument, repl);
  if (argument !== "" && count === null) return true;
  const events = count === null ? recorder.after(repl.lastMoveSeq) : recorder.events.slice(-count);
  if (events.length === 0) repl.say("No events");
  repl.sayEvents(events);
  return true;
}

function help(repl: CommandTarget): true {
  const commands = REPL_COMMANDS.map(({ name, takes, doc }) => [`:${name} ${takes}`, doc] as const);
  const pairs = [...commands, ["?NAME", "what a name of the language means"] as const];
  for (const line of pairLines(pairs, { columns: repl.columns, indent: 0 })) repl.say(line);
  return true;
}
