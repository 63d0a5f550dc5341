/**
 * Recordings as bytes: events, statements, tables, source, output and the outcomes of the runs.
 * They can be read without the language and without a machine.
 */
import {
  BUILT_IN,
  readLabMachine,
  type RecordedWith,
  SourceFile,
  type Span,
  writeMachine,
} from "@dmalab/lang";
import {
  type ChildRun,
  type KeptVariables,
  type RecordedCode,
  RecordedRun,
  type RunName,
} from "../recorded_run.ts";
import type { FailureReport, TestOutcome } from "@dmalab/lang/run";

/** The version of the format: a reader refuses any other. */
export const SERIALISED_VERSION = 4;

/** A run, with the test runner's verdict if it is wanted. */
export interface RunAndOutcome {
  /** The run. */
  readonly run: RecordedRun;
  /** The runner's verdict. */
  readonly outcome?: TestOutcome | null;
}

/** A run that was read, but without its events: `open` reads the events. */
export interface SerialisedRun {
  /** The identity of the run. */
  readonly name: RunName;
  /** Number of the run's events. */
  readonly events: number;
  /** The failure that ended the run; null when the run passed. */
  readonly failure: FailureReport | null;
  /** The runner's verdict; null without a runner. */
  readonly outcome: TestOutcome | null;
  /**
   * Reads the run's events and fills the run's tables.
   * @throws {RangeError} When the bytes are cut off.
   */
  open(): RecordedRun;
}

/** A source location: the index of a source, start, end. */
type SpanNumbers = readonly [source: number, start: number, end: number];

interface WrittenCode {
  readonly statements:
    readonly (readonly [SpanNumbers, foreign: string | null, aside: string | null])[];
  readonly sites: readonly SpanNumbers[];
  readonly functions: readonly (readonly [SpanNumbers, name: string, role: string])[];
}

interface WrittenRun {
  readonly name: RunName;
  readonly code: number;
  readonly events: number;
  readonly bytes: number;
  readonly output: readonly (readonly [text: string, seq: number, statement: number])[];
  readonly asides: readonly (readonly [statement: number, word: string])[];
  /** The child runs of this run, by their indices among all runs. */
  readonly sides: readonly (readonly [
    statement: number,
    word: string,
    label: string,
    run: number,
  ])[];
  readonly failure: FailureReport | null;
  readonly outcome: TestOutcome | null;
  readonly variables: KeptVariables | null;
}

interface Written {
  readonly dmalab: "recording";
  readonly version: number;
  readonly sources: readonly { readonly name: string; readonly text: string }[];
  readonly codes: readonly WrittenCode[];
  /** Number of the given runs; their child runs follow in the list. */
  readonly own: number;
  readonly runs: readonly WrittenRun[];
}

/** Number of bytes of the file's head, which contains the length of the JSON part. */
const LENGTH_BYTES = 4;
/** Maximum number of child runs written with a run: each takes as much space as a run. */
const MAX_CHILD_RUNS = 16;

/** Optional parts of the runs to write. */
export interface SerialiseOptions {
  /** Whether to write the lines that the runs printed. Default true. */
  readonly output?: boolean;
}

/** Writes runs as bytes; parts that several runs share, such as their source, are written once. */
export function serialise(
  runs: readonly RunAndOutcome[],
  { output = true }: SerialiseOptions = {},
): Uint8Array<ArrayBuffer> {
  const sources: SourceFile[] = [];
  const codes: RecordedCode[] = [];
  const beside = runs.map(({ run }) =>
    run.childRuns.slice(0, MAX_CHILD_RUNS).map((child) => ({ child, run: child.open() }))
  );
  const all: RunAndOutcome[] = [...runs, ...beside.flat()];
  const machines = all.map(({ run }) => writeMachine(run.machine));
  let next = runs.length;
  const writtenRuns = all.map(({ outcome = null, run }, index): WrittenRun => ({
    name: run.name,
    code: placeIn(codes, run.code),
    events: run.log.count,
    bytes: machines[index]!.length,
    output: output
      ? run.output.map(({ position, text }) => [text, position.seq, position.statement])
      : [],
    asides: [...run.forks],
    sides: (beside[index] ?? []).map(({ child: { label, statement, word } }) =>
      [statement, word, label, next++] as const
    ),
    failure: run.failure,
    outcome,
    variables: run.variables,
  }));
  const written: Written = {
    dmalab: "recording",
    version: SERIALISED_VERSION,
    own: runs.length,
    codes: codes.map((code) => writeCode(code, sources)),
    sources: sources.map(({ name, text }) => ({ name, text })),
    runs: writtenRuns,
  };
  const head = new TextEncoder().encode(JSON.stringify(written));
  const length = new Uint8Array(LENGTH_BYTES);
  new DataView(length.buffer).setUint32(0, head.length);
  return joined([length, head, ...machines]);
}

/**
 * Reads the output of `serialise`.
 * @param options `devices` is the laboratory of the runs; default: the laboratory without
 *   additions.
 * @throws {RangeError} When the bytes are not such an output, are of another version, or are
 *   incomplete.
 */
export function readSerialised(
  bytes: Uint8Array,
  { devices }: { readonly devices: RecordedWith } = { devices: BUILT_IN },
): readonly SerialisedRun[] {
  const { codes, own, runs, sources } = readHead(bytes);
  const files = sources.map(({ name, text }) => new SourceFile(name, text));
  const read = codes.map((code) => readCode(code, files));
  let next = bytes.length - runs.reduce((sum, run) => sum + run.bytes, 0);
  const all = runs.map((written): SerialisedRun => {
    const { bytes: length, code, events, failure, name, outcome } = written;
    const machine = bytes.subarray(next, next += length);
    const open = () => {
      const run = new RecordedRun({
        name,
        code: read[code]!,
        machine: readLabMachine(machine, devices),
        output: written.output.map(([text, seq, statement]) => ({
          text,
          position: { seq, statement },
        })),
        forks: new Map(written.asides) as RecordedRun["forks"],
        childRuns: written.sides.map(([statement, word, label, side]) => ({
          statement,
          word: word as ChildRun["word"],
          label,
          open: () => all[side]!.open(),
        })),
      });
      run.failure = failure;
      run.variables = written.variables;
      return run;
    };
    return { name, events, failure, outcome, open };
  });
  return all.slice(0, own);
}

function readHead(bytes: Uint8Array): Written {
  const end = bytes.length < LENGTH_BYTES
    ? 0
    : LENGTH_BYTES + new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  let head: Written | null = null;
  try {
    head = JSON.parse(new TextDecoder().decode(bytes.subarray(LENGTH_BYTES, end))) as Written;
  } catch {
    // The file does not begin with JSON; its actual form is unknown.
  }
  if (head?.dmalab !== "recording") throw new RangeError("This is not a recording of dmalab");
  if (head.version !== SERIALISED_VERSION) {
    throw new RangeError(
      `A recording of version ${head.version} was written by another release: this one reads version ${SERIALISED_VERSION}`,
    );
  }
  const whole = head.runs.reduce((sum, run) => sum + run.bytes, end);
  if (whole !== bytes.length) throw new RangeError("The recording is cut off");
  return head;
}

function writeCode(
  { functions, sites, statements }: RecordedCode,
  sources: SourceFile[],
): WrittenCode {
  const numbers = ({ end, source, start }: Span): SpanNumbers => [
    placeIn(sources, source),
    start,
    end,
  ];
  return {
    statements: statements.map(({ forkKeyword = null, native = null, span }) => [
      numbers(span),
      native,
      forkKeyword,
    ]),
    sites: sites.map(({ span }) => numbers(span)),
    functions: functions.map(({ name, role, span }) => [numbers(span), name, role]),
  };
}

function readCode(code: WrittenCode, sources: readonly SourceFile[]): RecordedCode {
  const span = ([source, start, end]: SpanNumbers): Span => ({
    source: sources[source]!,
    start,
    end,
  });
  type Statement = RecordedCode["statements"][number];
  return {
    statements: code.statements.map(([at, foreign, aside]) => ({
      span: span(at),
      ...foreign === null ? {} : { native: foreign },
      ...aside === null ? {} : { forkKeyword: aside as NonNullable<Statement["forkKeyword"]> },
    })),
    sites: code.sites.map((at) => ({ span: span(at) })),
    functions: code.functions.map(([at, name, role]) => ({
      span: span(at),
      name,
      role: role as RecordedCode["functions"][number]["role"],
    })),
  };
}

/** The index of an item in a list; a new item is appended. */
function placeIn<T>(list: T[], item: T): number {
  const known = list.indexOf(item);
  return known >= 0 ? known : list.push(item) - 1;
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Bytes as a short text that can be put in any page: compressed, as base64. */
export async function packText(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return base64(await through(bytes, new CompressionStream("deflate")));
}

export function base64(bytes: Uint8Array): string {
  // Without toBase64(), which Node 22 lacks.
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

/** The bytes of a text that `packText` returned. @throws {Error} For any other text. */
export async function unpackText(text: string): Promise<Uint8Array> {
  const packed = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  return await through(packed, new DecompressionStream("deflate"));
}

async function through(
  bytes: Uint8Array<ArrayBuffer>,
  stream: CompressionStream | DecompressionStream,
): Promise<Uint8Array> {
  const changed = new Blob([bytes]).stream().pipeThrough(stream);
  return new Uint8Array(await new Response(changed).arrayBuffer());
}
