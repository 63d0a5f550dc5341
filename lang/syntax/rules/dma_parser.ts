/**
 * The parser: each rule of the grammar makes its part of the typed tree.
 *
 * The tokens have balanced brackets (`brackets.ts`), newlines only where statements end
 * (`line_joining.ts`) and words with their meaning (`words.ts`), so every decision needs one token
 * of lookahead. For common habits from other languages (`!x`, `=` in a condition, `a = 1` in a
 * record) the grammar accepts the text and the rule reports it. This gives one error instead of
 * several. A key names the expected token at each place; the rows for the keys are in
 * `expectations.ts`.
 *
 * The rules are in classes by subject, each based on the classes that it needs: `rule_tools.ts`,
 * `expression_rules.ts`, `pattern_rules.ts`, `declaration_rules.ts`. The rules for files, blocks
 * and statements are in this file. Chevrotain runs each rule once when a parser is made, to learn
 * the grammar.
 */
import {
  type ILookaheadStrategy,
  type IOrAlt,
  type IToken,
  LLkLookaheadStrategy,
  type OrMethodOpts,
  type TokenType,
} from "chevrotain";
import type { Span } from "../../source.ts";
import { expectedProvider } from "../recovery/messages.ts";
import {
  explainNoStatement,
  explainUnknownWord,
  suspectCalledWord,
} from "../recovery/statement_hints.ts";
import * as t from "../tokens.ts";
import type * as ast from "../tree/ast.ts";
import { HEADED, NO_SPAN, NO_VALUE, PARTS, STATEMENTS } from "../tree/nodes.ts";
import type { Operand } from "../tree/group_operands.ts";
import { reportRecord } from "../words.ts";
import { DeclarationRules } from "./declaration_rules.ts";
import {
  isAssignment,
  ITEMS,
  itemsOf,
  MAY_ASSIGN,
  type OperandRow,
  pushed,
} from "./expression_rules.ts";
import { due, FIRST_WINS } from "./rule_tools.ts";

type Options<M extends "buildLookaheadForAlternation" | "buildLookaheadForOptional"> = Parameters<
  ILookaheadStrategy[M]
>[0];

/**
 * Computes the lookahead of a place in the grammar at its first use, because most texts use few of
 * the places.
 */
class LazyLookahead implements ILookaheadStrategy {
  readonly #eager: ILookaheadStrategy = new LLkLookaheadStrategy({ maxLookahead: 1 });

  validate(options: Parameters<ILookaheadStrategy["validate"]>[0]) {
    return this.#eager.validate(options);
  }

  buildLookaheadForAlternation(options: Options<"buildLookaheadForAlternation">) {
    let found: ((alternatives?: IOrAlt<unknown>[]) => number | undefined) | null = null;
    const eager = this.#eager;
    return function (this: unknown, alternatives?: IOrAlt<unknown>[]) {
      return (found ??= eager.buildLookaheadForAlternation(options)).call(this, alternatives);
    };
  }

  buildLookaheadForOptional(options: Options<"buildLookaheadForOptional">) {
    let found: (() => boolean) | null = null;
    const eager = this.#eager;
    return function (this: unknown) {
      return (found ??= eager.buildLookaheadForOptional(options)).call(this);
    };
  }
}

const { Hard, Soft } = t;
const OUTCOME_NAME = due("outcomeName");

const OUTCOMES: ReadonlyMap<TokenType, ast.OutcomeKind> = new Map([
  [Soft.error, "error"],
  [Soft.fault, "fault"],
  [Soft.warning, "warning"],
  [Soft.fails, "error"],
  [Soft.faults, "fault"],
  [Soft.warns, "warning"],
]);

/** Expressions that have an effect and so can be statements. */
const ACTIONS: ReadonlySet<ast.Expression["kind"]> = new Set([
  "Call",
  "Trace",
  "Fork",
  "Race",
  "Compare",
  "ErrorExpression",
]);

interface ExpressionLine {
  readonly leading: IToken | null;
  readonly value: ast.Expression;
  readonly expected: ast.ExpectedOutcome | null;
  readonly span: Span;
}

interface OutcomeParts {
  readonly expected: ast.ExpectedOutcome | null;
  readonly body: ast.Block;
  readonly span: Span;
}

interface UnknownLine {
  readonly word: IToken | null;
  readonly next: IToken | null;
  readonly hasBraces: boolean;
  readonly span: Span;
}

// What a rule collects before it makes a node, with its initial parts.
const OUTCOME = (): OutcomeParts => ({ expected: null, ...HEADED });
const LINE = (): ExpressionLine => ({
  leading: null,
  value: NO_VALUE,
  expected: null,
  span: NO_SPAN,
});
const UNKNOWN = (): UnknownLine => ({ word: null, next: null, hasBraces: false, span: NO_SPAN });

export class DmaParser extends DeclarationRules {
  #statementWays: OrMethodOpts<ast.Statement> | null = null;

  /** @param options `validate` makes Chevrotain check the grammar, which a test does. */
  constructor({ validate = false }: { readonly validate?: boolean } = {}) {
    super(t.VOCABULARY, {
      recoveryEnabled: true,
      skipValidations: !validate,
      maxLookahead: 1,
      errorMessageProvider: expectedProvider,
      lookaheadStrategy: new LazyLookahead(),
    });
    this.performSelfAnalysis();
  }

  // -- Files and blocks -------------------------------------------------------------------------

  readonly file = this.node("file", ITEMS<ast.Statement>, (node) => {
    this.#statements(node.items = []);
  }, ({ items }, torn): readonly ast.Statement[] => {
    // The last statement is incomplete: too many errors ended the parsing.
    return torn == null ? items : [...items, torn as ast.Statement];
  });

  override readonly block = this.node("block", PARTS.Block, (node) => {
    const statements: ast.Statement[] = node.statements = [];
    this.CONSUME(t.LBrace, due("block"));
    this.#inside(() => this.#statements(statements));
    this.CONSUME(t.RBrace);
  });

  #statements(statements: ast.Statement[]): void {
    this.OPTION(() => statements.push(this.SUBRULE(this.statement)));
    this.MANY(() => {
      this.CONSUME(t.End);
      this.OPTION2(() => statements.push(this.SUBRULE2(this.statement)));
    });
  }

  #inside<T>(read: () => T): T {
    this.depth++;
    try {
      return read();
    } finally {
      this.depth--;
    }
  }

  override readonly statement = this.rule(
    "statement",
    (): ast.Statement => this.OR(this.#statementWays ??= this.#makeStatementWays()),
    this.statementOr,
  );

  #makeStatementWays(): OrMethodOpts<ast.Statement> {
    return {
      DEF: [
        { ALT: () => this.SUBRULE(this.letStatement) },
        { ALT: () => this.SUBRULE(this.assertStatement) },
        { ALT: () => this.SUBRULE(this.ifStatement), ...FIRST_WINS },
        { ALT: () => this.SUBRULE(this.whileStatement) },
        { ALT: () => this.SUBRULE(this.forStatement) },
        { ALT: () => this.SUBRULE(this.matchStatement), ...FIRST_WINS },
        { ALT: () => this.SUBRULE(this.returnStatement) },
        { ALT: () => this.SUBRULE(this.expectStatement) },
        { ALT: () => this.SUBRULE(this.outputStatement), ...FIRST_WINS },
        { ALT: () => this.SUBRULE(this.stepStatement), ...FIRST_WINS },
        { ALT: () => this.SUBRULE(this.waitStatement), ...FIRST_WINS },
        { ALT: () => this.SUBRULE(this.advanceStatement), ...FIRST_WINS },
        { ALT: () => this.SUBRULE(this.onStatement), ...FIRST_WINS },
        { ALT: () => this.SUBRULE(this.failStatement), ...FIRST_WINS },
        { ALT: () => this.SUBRULE(this.removalStatement), ...FIRST_WINS },
        { ALT: () => this.SUBRULE(this.repeatStatement), ...FIRST_WINS },
        { ALT: () => this.SUBRULE(this.invariantStatement), ...FIRST_WINS },
        { ALT: () => this.#lone("Break", this.CONSUME(Soft.break)), ...FIRST_WINS },
        { ALT: () => this.#lone("Continue", this.CONSUME(Soft.continue)), ...FIRST_WINS },
        ...this.#declarationWays(),
        { ALT: () => this.SUBRULE(this.unknownStatement), ...FIRST_WINS },
        { ALT: () => this.SUBRULE(this.misplacedRecord), ...FIRST_WINS },
        { ALT: () => this.SUBRULE(this.strayBraces), ...FIRST_WINS },
        { ALT: () => this.SUBRULE(this.expressionStatement) },
      ],
      ...due("aStatement"),
    };
  }

  /** Alternatives for declarations; reports a declaration below the top level. */
  #declarationWays(): IOrAlt<ast.Statement>[] {
    const top = (read: () => ast.Statement) => () => {
      if (this.depth > 0 && !this.RECORDING_PHASE) this.#reportNested(this.LA(1));
      return read();
    };
    return [
      { ALT: top(() => this.SUBRULE(this.useDeclaration)) },
      { ALT: top(() => this.SUBRULE(this.machineDeclaration)) },
      { ALT: top(() => this.SUBRULE(this.constDeclaration)) },
      { ALT: top(() => this.SUBRULE(this.functionDeclaration)) },
      { ALT: top(() => this.SUBRULE(this.caseDeclaration)), ...FIRST_WINS },
      { ALT: top(() => this.SUBRULE(this.driverDeclaration)), ...FIRST_WINS },
    ];
  }

  #reportNested(word: IToken): void {
    this.errorOn(
      "E0213",
      word,
      `\`${word.image}\` belongs at the top level of a file, not in a block`,
      word.tokenType === Hard.const
        ? "in a block write `let`"
        : word.tokenType === Hard.fn
        ? "move it out, or write a function as a value: `let f = x => …`"
        : undefined,
    );
  }

  #lone(kind: "Break" | "Continue", word: IToken): ast.Statement {
    return { kind, span: this.context.tokenSpan(word) };
  }

  // -- Statements -------------------------------------------------------------------------------

  override readonly letStatement = this.node("letStatement", STATEMENTS.Let.empty, (node) => {
    this.CONSUME(Hard.let);
    node.name = this.declare(this.CONSUME(t.Name));
    this.CONSUME(t.Assign);
    node.value = this.SUBRULE(this.expression);
  });

  readonly assertStatement = this.node("assertStatement", STATEMENTS.Assert.empty, (node) => {
    this.CONSUME(Hard.assert);
    node.condition = this.SUBRULE(this.expression);
    this.OPTION(() => {
      this.CONSUME(t.MessageComma);
      node.message = this.literal(this.CONSUME(t.Literal));
    });
  });

  /** `if`, `else if` and `else` are parsed in a loop, so that a long chain needs no stack. */
  readonly ifStatement = this.node("ifStatement", STATEMENTS.If.empty, (node) => {
    this.CONSUME(Hard.if);
    node.condition = this.#condition(this.SUBRULE(this.expression));
    node.then = this.SUBRULE(this.block);
    const chain = [node];
    let hasElse = false;
    this.MANY(() => {
      const word = this.CONSUME(Hard.else);
      if (hasElse) this.reportSecondElse(this.context.tokenSpan(word));
      const head = this.OPTION(() => {
        const { startOffset } = this.CONSUME2(Hard.if);
        return { startOffset, condition: this.#condition(this.SUBRULE2(this.expression)) };
      });
      const block = this.SUBRULE2(this.block);
      if (hasElse) return;
      const last = chain.at(-1)!;
      if (head === undefined) {
        hasElse = true;
        last.otherwise = block;
        return;
      }
      const { condition, startOffset } = head;
      const span = this.span(startOffset);
      last.otherwise = pushed(chain, {
        kind: "If",
        condition,
        then: block,
        otherwise: null,
        span,
      });
    });
    const { end } = this.span(0);
    for (const part of chain) part.span = this.context.span(part.span.start, end);
  });

  #condition(condition: ast.Expression): ast.Expression {
    if (condition.kind === "Lambda") {
      this.error("E0220", condition.span, "A function cannot be a condition", {
        hint: "`=>` makes a function; the comparison is `>=`",
      });
    }
    return condition;
  }

  readonly whileStatement = this.node("whileStatement", STATEMENTS.While.empty, (node) => {
    this.CONSUME(Hard.while);
    node.condition = this.SUBRULE(this.expression);
    node.body = this.SUBRULE(this.block);
  });

  readonly forStatement = this.node("forStatement", STATEMENTS.For.empty, (node) => {
    this.CONSUME(Hard.for);
    node.name = this.declare(this.CONSUME(t.Name));
    this.CONSUME(Hard.in);
    node.values = this.SUBRULE(this.expression);
    node.body = this.SUBRULE(this.block);
  });

  readonly repeatStatement = this.node("repeatStatement", STATEMENTS.Repeat.empty, (node) => {
    this.CONSUME(Soft.repeat);
    node.count = this.SUBRULE(this.expression);
    node.body = this.SUBRULE(this.block);
  });

  readonly matchStatement = this.node("matchStatement", STATEMENTS.Match.empty, (node) => {
    this.CONSUME(Hard.match);
    node.subject = this.SUBRULE(this.expression);
    node.arms = this.SUBRULE(this.matchBody);
  });

  readonly matchBody = this.node("matchBody", ITEMS<ast.MatchArm>, (node) => {
    const arms: ast.MatchArm[] = node.items = [];
    this.CONSUME(t.LBrace);
    this.separated(() => pushed(arms, this.SUBRULE(this.matchArm)));
    this.CONSUME(t.RBrace);
  }, itemsOf);

  readonly matchArm = this.node("matchArm", PARTS.MatchArm, (node) => {
    node.pattern = this.SUBRULE(this.matchPattern);
    this.CONSUME(t.FatArrow);
    node.body = this.OR([
      { ALT: () => this.SUBRULE(this.block), ...FIRST_WINS },
      {
        ALT: () => {
          const statement = this.#inside(() => this.SUBRULE(this.statement));
          return { statements: [statement], span: statement.span };
        },
      },
    ]);
  });

  readonly returnStatement = this.node("returnStatement", STATEMENTS.Return.empty, (node) => {
    this.CONSUME(Hard.return);
    this.OPTION(() => {
      node.value = NO_VALUE;
      node.value = this.SUBRULE(this.expression);
    });
  });

  readonly expectStatement = this.rule("expectStatement", (): ast.Statement => {
    const { startOffset } = this.CONSUME(Hard.expect);
    const start = { ARGS: [startOffset] as [number] };
    return this.OR({
      DEF: [
        { ALT: () => this.SUBRULE(this.expectedOutcome, start) },
        { ALT: () => this.SUBRULE(this.expectedEvents, start) },
      ],
      ...due("outcome"),
    });
  }, this.statementOr);

  readonly expectedOutcome = this.node("expectedOutcome", OUTCOME, (node) => {
    node.expected = this.#outcome(
      this.CONSUME(t.OutcomeNoun),
      this.CONSUME(t.OutcomeCode, OUTCOME_NAME),
    );
    node.body = this.SUBRULE(this.block);
  }, ({ body, expected, span: { end } }, _, start: number): ast.Statement => {
    const span = this.context.span(start, end);
    return expected === null
      ? { kind: "ErrorStatement", span }
      : { kind: "ExpectOutcome", expected, body, span };
  });

  readonly expectedEvents = this.node(
    "expectedEvents",
    STATEMENTS.ExpectEvents.empty,
    (node, _start: number) => {
      this.CONSUME(Soft.events);
      node.pattern = this.SUBRULE(this.eventPattern);
      this.CONSUME(Hard.in);
      node.subject = this.SUBRULE(this.expression);
    },
    this.from,
  );

  #outcome(word: IToken, code: IToken): ast.ExpectedOutcome {
    const name = this.name(code);
    return {
      outcome: OUTCOMES.get(word.tokenType) ?? "error",
      code: name,
      span: this.context.spanBetween(this.context.tokenSpan(word), name.span),
    };
  }

  readonly outputStatement = this.node("outputStatement", STATEMENTS.Output.empty, (node) => {
    node.verb = this.CONSUME(t.OutputVerb).image as ast.OutputStatement["verb"];
    node.value = this.SUBRULE(this.expression);
  });

  readonly stepStatement = this.node("stepStatement", STATEMENTS.Step.empty, (node) => {
    this.CONSUME(Soft.step);
    this.OPTION(() => {
      this.OR([
        {
          ALT: () => {
            this.CONSUME(Soft.until);
            node.until = NO_VALUE;
            node.until = this.SUBRULE(this.expression);
          },
          ...FIRST_WINS,
        },
        {
          ALT: () => {
            node.count = NO_VALUE;
            node.count = this.SUBRULE2(this.expression);
          },
        },
      ]);
    });
  });

  readonly waitStatement = this.node("waitStatement", STATEMENTS.Wait.empty, (node) => {
    this.CONSUME(Soft.wait);
    node.subject = this.SUBRULE(this.expression);
  });

  readonly advanceStatement = this.node("advanceStatement", STATEMENTS.Advance.empty, (node) => {
    this.CONSUME(Soft.advance);
    node.duration = this.SUBRULE(this.expression);
  });

  readonly onStatement = this.node("onStatement", STATEMENTS.OnCpu.empty, (node) => {
    this.CONSUME(Soft.on);
    this.CONSUME(Soft.cpu, due("onCpu"));
    node.cpu = this.SUBRULE(this.expression);
    node.body = this.SUBRULE(this.block);
  });

  readonly failStatement = this.node("failStatement", STATEMENTS.Fail.empty, (node) => {
    this.CONSUME(Soft.inject);
    this.OR({
      DEF: [
        { ALT: () => this.CONSUME(Soft.each), ...FIRST_WINS },
        {
          ALT: () => {
            const words: ast.Name[] = [];
            this.words(words);
            node.point = this.dotted(words);
          },
        },
      ],
      ...due("failPoint"),
    });
    this.OPTION(() => {
      this.CONSUME(Soft.nth);
      node.nth = NO_VALUE;
      node.nth = this.SUBRULE(this.expression);
    });
    this.OPTION2(() => {
      this.CONSUME(Soft.with);
      node.error = this.name(this.CONSUME3(t.Name, due("errorName")));
    });
    node.body = this.SUBRULE(this.block);
  });

  readonly removalStatement = this.node("removalStatement", STATEMENTS.Fail.empty, (node) => {
    const { tokenType } = this.CONSUME(t.RemovalWord);
    node.verb = tokenType === Soft.unplug ? "unplug" : "remove";
    this.CONSUME(Soft.each, due("removalEach"));
    node.body = this.SUBRULE(this.block);
    this.OPTION(() => {
      this.CONSUME(t.AndThen);
      node.meanwhile = this.SUBRULE2(this.block);
    });
  });

  readonly invariantStatement = this.node(
    "invariantStatement",
    STATEMENTS.Invariant.empty,
    (node) => {
      this.CONSUME(Soft.invariant);
      const text = this.CONSUME(t.Text, due("invariantName"));
      node.name = this.plainText(text, "The name of an invariant");
      this.CONSUME(t.LBrace);
      node.condition = this.SUBRULE(this.expression);
      this.CONSUME(t.RBrace);
    },
  );

  // -- Expressions as statements ----------------------------------------------------------------

  /** An expression or an assignment: `=` and `+=` are parsed as operators. */
  readonly expressionStatement = this.node("expressionStatement", LINE, (node) => {
    this.OPTION(() => {
      node.leading = this.CONSUME(t.LeadingOperator);
    });
    node.value = this.SUBRULE(this.expression, MAY_ASSIGN);
    this.OPTION2(() => {
      node.expected = this.#outcome(
        this.CONSUME(t.OutcomeVerb),
        this.CONSUME(t.OutcomeCode, OUTCOME_NAME),
      );
    });
  }, (line, torn): ast.Statement => this.#line(line, torn));

  #line({ expected, leading, span, value }: ExpressionLine, torn: unknown): ast.Statement {
    const { row } = this;
    if (leading !== null) {
      const message = `Line that begins with \`${leading.image}\``;
      const hint = "a statement ends at the end of its line: put the operator on the line before";
      this.errorOn("E0207", leading, message, hint);
      return { kind: "ErrorStatement", span };
    }
    const operator = row?.operators[0];
    if (isAssignment(operator)) {
      if (expected !== null) this.#reportOutcome(expected);
      return this.#assignment(row!, operator!, value);
    }
    const isCalledWord = row !== null &&
      suspectCalledWord(row.operands[0]!.value, operator === undefined, this.context);
    if (expected !== null) {
      if (value.kind !== "Call" && value.kind !== "ErrorExpression") this.#reportOutcome(expected);
    } else if (torn === null && !ACTIONS.has(value.kind) && !isCalledWord && !this.#isRepl) {
      this.#refuseValue(value);
    }
    return { kind: "Expression", expression: value, expected, span };
  }

  /** Only at the top level of the REPL is any expression a statement. */
  get #isRepl(): boolean {
    return this.context.mode === "repl" && this.depth === 0;
  }

  /** Reports a value that is not a statement, unless it contains another error. */
  #refuseValue(value: ast.Expression): void {
    const { context } = this;
    const { end, start } = value.span;
    this.later(() => {
      const isIn = ({ span }: { readonly span: Span }) => span.start >= start && span.start <= end;
      if (!context.reporter.diagnostics.some(isIn)) explainNoStatement(value, context);
    });
  }

  #assignment(
    { operands, span }: OperandRow,
    operator: IToken,
    value: ast.Expression,
  ): ast.Statement {
    const { context } = this;
    const { isLambda, prefixes, value: place }: Operand = operands[0]!;
    const sign = operator.tokenType === t.PlusAssign ? "+=" : "=";
    const isPlain = prefixes.length === 0 && !isLambda;
    const target = isPlain ? this.plainName(place) : null;
    if (target !== null) return { kind: "Assign", target, operator: sign, value, span };
    if (isPlain && (place.kind === "Field" || place.kind === "Index")) {
      const operatorSpan = context.tokenSpan(operator);
      return { kind: "Change", place, operator: sign, operatorSpan, value, span };
    }
    const what = context.source.text.slice(span.start, operator.startOffset).trim();
    const hint = "only names, entries of records and items of lists can be assigned; `==` compares";
    this.errorOn("E0210", operator, `Cannot assign to \`${what}\``, hint);
    return { kind: "ErrorStatement", span };
  }

  #reportOutcome({ span, outcome }: ast.ExpectedOutcome): void {
    const [word] = this.context.source.text.slice(span.start, span.end).split(/\s/);
    const message = `\`${word}\` must follow a call that is a statement by itself`;
    this.error("E0219", span, message, {
      hint: outcome === "error" ? "`try f(…)` is a value with `.ok` and `.error`" : undefined,
    });
  }

  // -- Lines that are no statement --------------------------------------------------------------

  /** A line that begins with an unknown word. The whole line, with its block, counts as one mistake. */
  readonly unknownStatement = this.node("unknownStatement", UNKNOWN, (node) => {
    node.word = this.CONSUME(t.UnknownWord);
    this.MANY(() => {
      const token = this.CONSUME(t.Inline);
      node.next ??= token;
    });
    this.MANY2(() => {
      this.SUBRULE(this.anyBraces);
      node.hasBraces = true;
      this.MANY3(() => this.CONSUME2(t.Inline));
    });
  }, ({ hasBraces, next, span, word }): ast.Statement => {
    if (word !== null) explainUnknownWord(word, next, hasBraces, this.context);
    return { kind: "ErrorStatement", span };
  });

  /** Braces where a statement is expected. */
  readonly strayBraces = this.node("strayBraces", STATEMENTS.ErrorStatement.empty, () => {
    this.AT_LEAST_ONE(() => {
      this.SUBRULE(this.anyBraces);
      this.MANY(() => this.CONSUME(t.Inline));
    });
  }, (node) => {
    const { start } = node.span;
    this.error("E0206", this.context.span(start, start + 1), "No statement begins with `{`", {
      hint: "a block follows a keyword such as `test`, `if` or `repeat`; " +
        "a record is a value and goes after `=`, `:`, `(` or `,`",
    });
    return node as ast.Statement;
  });

  readonly anyBraces = this.rule("anyBraces", (): void => {
    this.CONSUME(t.LBrace);
    this.MANY(() => {
      this.OR([
        { ALT: () => this.CONSUME(t.Inline) },
        { ALT: () => this.CONSUME(t.End), ...FIRST_WINS },
        { ALT: () => this.SUBRULE(this.anyBraces) },
      ]);
    });
    this.CONSUME(t.RBrace);
  }, () => {});

  /** `name: value` where a block was opened. */
  readonly misplacedRecord = this.node("misplacedRecord", STATEMENTS.ErrorStatement.empty, () => {
    const label = this.CONSUME(t.Label);
    this.ACTION(() => reportRecord(label, this.context.reporter));
    this.MANY(() => this.CONSUME(t.Inline));
  });
}
