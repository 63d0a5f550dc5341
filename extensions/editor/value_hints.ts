/** What variables and assertions of a file were in a run: the values that an editor shows behind them. */
import { literalValue } from "@dmalab/lang/check";
import {
  comparePositions,
  LookError,
  type Position,
  type Recording,
  type Seen,
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

interface Question {
  readonly at: Position;
  readonly span: Span;
  /** @returns Null where the value says nothing new. @throws {LookError} */
  ask(seen: Seen): string | null;
}

const LONGEST_TEXT = 80;

/** The values that statements of a file had when they ran last, in the order of the text. */
export function valueHints(recording: Recording, file: FileNode): readonly ValueHint[] {
  const questions = questionsOf(recording, file)
    .sort((one, other) => comparePositions(one.at, other.at));
  const hints: ValueHint[] = [];
  let next = 0;
  if (questions.length > 0) {
    recording.reruns.visit(questions[0]!.at, (seen) => {
      const { span } = questions[next]!;
      const text = answerTo(questions[next++]!, seen);
      if (text !== null) hints.push({ span, text });
      return questions[next]?.at ?? null;
    });
  }
  return hints.sort((one, other) => one.span.start - other.span.start);
}

function answerTo(question: Question, seen: Seen): string | null {
  try {
    const text = question.ask(seen)?.replaceAll(/\s+/g, " ") ?? null;
    return text !== null && text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
  } catch (error) {
    // What would change the machine is not asked.
    if (error instanceof LookError) return null;
    throw error;
  }
}

function questionsOf(recording: Recording, file: FileNode): Question[] {
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
    const { foreign, span } = code.statements[number]!;
    const statement = shown.get(span.start);
    if (statement === undefined || foreign !== undefined || span.source.name !== name.file) {
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
): Question[] {
  if (condition.kind !== "Binary" || !/^(?:[=!]=|[<>]=?)$/.test(condition.operator)) return [];
  const left = spanText(condition.left.span);
  const right = spanText(condition.right.span);
  return [{
    at: recording.atStatement(started),
    span,
    ask(seen) {
      const { looker } = recording;
      const { text } = looker.question(left).ask(seen);
      const isSaid = text === left || text === right ||
        literalValue(condition.right) !== undefined &&
          looker.question(right).ask(seen).text === text;
      return isSaid ? null : `${left} = ${text}`;
    },
  }];
}

/** A variable, where the next statement of the same call starts. */
function variableQuestion(
  recording: Recording,
  { kind, ...statement }: AssignStatement | LetStatement,
  started: number,
): Question[] {
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
    at: recording.atStatement(next),
    span,
    ask(seen) {
      const value = seen.vm.stack[seen.innermost()!.fp + variable.slot] ?? null;
      return `= ${recording.looker.answer(value, seen).text}`;
    },
  }];
}
