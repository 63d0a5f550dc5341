/** What variables and assertions of a file were in a run: the values that an editor shows behind them. */
import { literalValue } from "@dmalab/lang/compile";
import {
  comparePositions,
  EvaluationError,
  type PausedRun,
  type Position,
  type Recording,
} from "@dmalab/recording";
import { type Span, spanText } from "@dmalab/lang";
import type {
  AssertStatement,
  AssignStatement,
  FileNode,
  LetStatement,
} from "@dmalab/lang/syntax/tree";
import { everyNode } from "@dmalab/lang/editor";

/** A value, and the statement behind which it is shown. */
export interface ValueHint {
  readonly span: Span;
  /** `= 8KiB`, or `page.size = 8KiB`. */
  readonly text: string;
}

type Shown = AssertStatement | AssignStatement | LetStatement;

interface HintExpression {
  readonly position: Position;
  readonly span: Span;
  /** @returns Null where the value says nothing new. @throws {EvaluationError} */
  ask(paused: PausedRun): string | null;
}

const MAX_TEXT = 80;

/** The values that statements of a file had when they ran last, in the order of the text. */
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
    // What would change the machine is not asked.
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

/** The left side of a comparison, where it starts. */
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

/** A variable, where the next statement of the same call starts. */
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
