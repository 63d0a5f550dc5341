/** The values in the last recorded run of a text. A text is recorded when it is opened or saved. */
import type * as Lsp from "vscode-languageserver-protocol/node";
import { literalValue, type Span, spanText } from "@dmalab/lang";
import {
  Cancelled,
  comparePositions,
  EvaluationError,
  openRun,
  type PausedRun,
  type Position,
  type Recording,
  runsOf,
} from "@dmalab/recording";
import { type Program, runTitle } from "@dmalab/lang/run";
import {
  type AssertStatement,
  type AssignStatement,
  type FileNode,
  type LetStatement,
  parse,
} from "@dmalab/lang/syntax";
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import { loadCompiled } from "@dmalab/cli";
import { rangeOf, type Understood } from "./documents.ts";
import { everyNode } from "@dmalab/lang/editor";

/** A value, and the statement after which it is shown. */
interface ValueHint {
  readonly span: Span;
  /** `= 8KiB`, or `page.size = 8KiB`. */
  readonly text: string;
}

type Shown = AssertStatement | AssignStatement | LetStatement;

interface HintExpression {
  readonly position: Position;
  readonly span: Span;
  /**
   * @returns The text to show; null if the value is obvious from the source. @throws
   *   {EvaluationError}
   */
  ask(paused: PausedRun): string | null;
}

const MAX_TEXT = 80;

/**
 * The values of a file's statements, in the order of the text. Each value is that of the
 * statement's last execution.
 */
export function valueHints(recording: Recording, file: FileNode): readonly ValueHint[] {
  const questions = questionsOf(recording, file)
    .sort((one, other) => comparePositions(one.position, other.position));
  const hints: ValueHint[] = [];
  let next = 0;
  if (questions.length > 0) {
    recording.timeline.from(questions[0]!.position, (paused) => {
      const { span } = questions[next]!;
      const text = answerTo(questions[next++]!, paused);
      if (text !== null) hints.push({ span, text });
      return questions[next]?.position ?? null;
    });
  }
  return hints.sort((one, other) => one.span.start - other.span.start);
}

function answerTo(question: HintExpression, paused: PausedRun): string | null {
  try {
    const text = question.ask(paused)?.replaceAll(/\s+/g, " ") ?? null;
    return text !== null && text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
  } catch (error) {
    // An expression that would change the machine is not evaluated.
    if (error instanceof EvaluationError) return null;
    throw error;
  }
}

function questionsOf(recording: Recording, file: FileNode): HintExpression[] {
  const { code, name, statements } = recording;
  const shown = new Map<number, Shown>();
  for (const node of everyNode(file)) {
    if (node.kind === "Assert" || node.kind === "Assign" || node.kind === "Let") {
      shown.set(node.span.start, node as Shown);
    }
  }
  const lastStarts = new Map<number, number>();
  for (let started = 1; started <= statements.count; started++) {
    lastStarts.set(statements.numberAt(started), started);
  }
  return [...lastStarts].flatMap(([number, started]) => {
    const { native, span } = code.statements[number]!;
    const statement = shown.get(span.start);
    if (statement === undefined || native !== undefined || span.source.name !== name.file) {
      return [];
    }
    return statement.kind === "Assert"
      ? operandQuestion(recording, statement, started)
      : variableQuestion(recording, statement, started);
  });
}

/** The left operand of a comparison, evaluated before the statement. */
function operandQuestion(
  recording: Recording,
  { condition, span }: AssertStatement,
  started: number,
): HintExpression[] {
  if (condition.kind !== "Binary" || !/^(?:[=!]=|[<>]=?)$/.test(condition.operator)) return [];
  const left = spanText(condition.left.span);
  const right = spanText(condition.right.span);
  return [{
    position: recording.atStatement(started),
    span,
    ask(paused) {
      const { evaluator } = recording;
      const { text } = evaluator.question(left).evaluate(paused);
      const isSaid = text === left || text === right ||
        literalValue(condition.right) !== undefined &&
          evaluator.question(right).evaluate(paused).text === text;
      return isSaid ? null : `${left} = ${text}`;
    },
  }];
}

/** A variable, evaluated at the next statement of the same call. */
function variableQuestion(
  recording: Recording,
  { kind, ...statement }: AssignStatement | LetStatement,
  started: number,
): HintExpression[] {
  const { code, statements } = recording;
  const { span, variables: bound } = code.statements[statements.numberAt(started)]!;
  const name = "target" in statement ? statement.target.text : statement.name.text;
  const place = kind === "Let" ? bound.length : bound.findLastIndex((each) => each.name === name);
  const depth = statements.depthAt(started);
  let next = started + 1;
  while (next <= statements.count && statements.depthAt(next) > depth) next++;
  if (next > statements.count || statements.depthAt(next) < depth) return [];
  const after = code.statements[statements.numberAt(next)]!;
  const variable = after.variables[place];
  const isSameCall = recording.functionAt(after.span) === recording.functionAt(span);
  if (variable?.name !== name || !isSameCall) return [];
  return [{
    position: recording.atStatement(next),
    span,
    ask(paused) {
      const value = paused.vm.stack[paused.innermost()!.fp + variable.slot] ?? null;
      return `= ${recording.evaluator.answer(value, paused).text}`;
    },
  }];
}

/** The time limits for all runs of a file together, and for a single run. */
const FILE_MS = 1000;
const RUN_LIMITS = {
  ...DEFAULT_LIMITS,
  steps: 5_000_000,
  events: 100_000,
  memoryBytes: 2 ** 27,
};

interface Recorded {
  readonly lines: readonly string[];
  readonly hints: readonly Lsp.InlayHint[];
}

export class RecordedValues {
  readonly #recorded = new Map<string, Recorded>();
  /** By URI, the text that is being recorded or was recorded last. */
  readonly #wanted = new Map<string, string>();

  /**
   * Records the runs of a text, unless the text is already recorded.
   * @returns Whether there are new values.
   */
  async record({ analysis, loader, uri }: Understood): Promise<boolean> {
    const { source } = analysis;
    if (this.#wanted.get(uri) === source.text) return false;
    this.#wanted.set(uri, source.text);
    const isWanted = () => this.#wanted.get(uri) === source.text;
    const { program } = await loadCompiled(source, loader);
    // A text with errors cannot run, so its old values stay.
    if (program === null) return false;
    // The text is parsed again, because a later version may reuse the tree of the analysis in the
    // meantime.
    const { file } = parse(source);
    const found = new Map<number, Lsp.InlayHint>();
    for await (const { hint: { span, text }, run } of hintsOf(program, file, isWanted)) {
      const position = rangeOf(span).end;
      found.set(span.start, { position, label: text, paddingLeft: true, tooltip: `In ${run}` });
    }
    if (!isWanted()) return false;
    this.#recorded.set(uri, { lines: source.text.split("\n"), hints: [...found.values()] });
    return true;
  }

  forget(uri: string): void {
    this.#recorded.delete(uri);
    this.#wanted.delete(uri);
  }

  /** Forgets every text, and ends the current recording. */
  forgetAll(): void {
    this.#recorded.clear();
    this.#wanted.clear();
  }

  /**
   * The hints of a text. If the text has changed since it was recorded, only the hints of the lines
   * before and after the changed part.
   */
  of({ analysis: { source }, uri }: Understood, within: Lsp.Range): Lsp.InlayHint[] {
    const recorded = this.#recorded.get(uri);
    if (recorded === undefined) return [];
    const { hints, lines: before } = recorded;
    const now = source.text.split("\n");
    const shorter = Math.min(before.length, now.length);
    let head = 0;
    while (head < shorter && before[head] === now[head]) head++;
    let tail = 0;
    while (tail < shorter - head && before.at(-1 - tail) === now.at(-1 - tail)) tail++;
    return hints.flatMap((hint) => {
      const { character, line } = hint.position;
      const isBelow = line >= before.length - tail;
      if (line >= head && !isBelow) return [];
      const moved = isBelow && line >= head ? line + now.length - before.length : line;
      const isWithin = moved >= within.start.line && moved <= within.end.line;
      return isWithin ? [{ ...hint, position: { line: moved, character } }] : [];
    });
  }
}

/**
 * The values of each test on its first machine. The generator yields regularly, so that the host
 * can handle other events in between.
 */
async function* hintsOf(
  program: Program,
  file: FileNode,
  isWanted: () => boolean,
): AsyncGenerator<{ readonly hint: ValueHint; readonly run: string }> {
  const end = performance.now() + FILE_MS;
  const watch = {
    nowMs: () => performance.now(),
    interrupted: () => performance.now() > end || !isWanted(),
  };
  const tests = new Set<string>();
  for (const choice of runsOf(program)) {
    if (choice.skip || tests.has(choice.name.place)) continue;
    tests.add(choice.name.place);
    const open = openRun(program, choice, { limits: RUN_LIMITS, watch });
    await open.growToEnd(() => new Promise((resolve) => setTimeout(resolve)));
    if (watch.interrupted()) return;
    const { recording } = open;
    recording.timeline.interruptedBy = watch;
    try {
      const run = runTitle(recording.name);
      for (const hint of valueHints(recording, file)) yield { hint, run };
    } catch (error) {
      if (!(error instanceof Cancelled)) throw error;
      return;
    }
  }
}
