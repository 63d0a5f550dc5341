/**
 * The grammar, and nothing but the grammar.
 *
 * What arrives here has balanced brackets (`brackets.ts`), newlines only where statements end
 * (`line_joining.ts`) and words with their meaning (`words.ts`), so every decision needs one token
 * of lookahead. Where people write something else out of habit (`!x`, `=` in a condition, `a = 1`
 * in a record) the grammar takes it and the builder explains it: that gives one error instead of a
 * trail. What is due at each place is named by its key (`ERR_MSG`): `expectations.ts` has the rows.
 *
 * Children are labelled by role: `item` and `part` keep things of different kinds in their order.
 * The file is long because a grammar is one thing: its rules call each other in both directions.
 */
import type { IOrAlt, OrMethodOpts } from "chevrotain";
import type { ExpectationKey } from "./recovery/expectations.ts";
import { expectedProvider } from "./recovery/messages.ts";
import { RecoveringParser } from "./recovery/recovering_parser.ts";
import * as t from "./tokens.ts";

const { Hard, Soft } = t;

/** What is expected at a place. */
const due = (key: ExpectationKey) => ({ ERR_MSG: key });

// Options are made once: the parser passes here for every token.
const ITEM = { LABEL: "item" };
const PART = { LABEL: "part" };
const PREFIX = { LABEL: "prefix" };
const SUFFIX = { LABEL: "suffix" };
const FIELD = { LABEL: "suffix", ...due("fieldName") };
const CAST = { LABEL: "suffix", ...due("cast") };
const FIRST = { LABEL: "first" };
const BRANCH = { LABEL: "branch" };
const named = (key: ExpectationKey) => ({ LABEL: "name", ...due(key) });
const BLOCK_START = due("block");
const NAME = named("name");

export interface DmaParserOptions {
  /** Have Chevrotain check the grammar: a test does. */
  readonly validate?: boolean;
  /** Go on after an error. */
  readonly recover?: boolean;
}

export class DmaParser extends RecoveringParser {
  constructor({ validate = false, recover = true }: DmaParserOptions = {}) {
    super(t.VOCABULARY, {
      recoveryEnabled: recover,
      skipValidations: !validate,
      maxLookahead: 1,
      nodeLocationTracking: "onlyOffset",
      errorMessageProvider: expectedProvider,
    });
    this.performSelfAnalysis();
  }

  // -- Files and blocks -------------------------------------------------------------------------

  readonly file = this.RULE("file", () => {
    this.OPTION(() => this.SUBRULE(this.statement));
    this.MANY(() => {
      this.CONSUME(t.End);
      this.OPTION2(() => this.SUBRULE2(this.statement));
    });
  });

  readonly block = this.RULE("block", () => {
    this.CONSUME(t.LBrace, BLOCK_START);
    this.OPTION(() => this.SUBRULE(this.statement));
    this.MANY(() => {
      this.CONSUME(t.End);
      this.OPTION2(() => this.SUBRULE2(this.statement));
    });
    this.CONSUME(t.RBrace);
  });

  /** The expression between the braces of `{expr}` in a string. */
  readonly insertion = this.RULE("insertion", () => {
    this.SUBRULE(this.expression);
  });

  // The alternatives of the two busiest choices are made once, not for every token.
  #statements: OrMethodOpts<unknown> | null = null;

  readonly statement = this.RULE("statement", () => {
    this.OR(
      this.#statements ??= {
        DEF: [
          { ALT: () => this.SUBRULE(this.letStatement) },
          { ALT: () => this.SUBRULE(this.assertStatement) },
          { ALT: () => this.SUBRULE(this.ifStatement), IGNORE_AMBIGUITIES: true },
          { ALT: () => this.SUBRULE(this.whileStatement) },
          { ALT: () => this.SUBRULE(this.forStatement) },
          { ALT: () => this.SUBRULE(this.matchStatement), IGNORE_AMBIGUITIES: true },
          { ALT: () => this.SUBRULE(this.returnStatement) },
          { ALT: () => this.SUBRULE(this.expectStatement) },
          { ALT: () => this.SUBRULE(this.outputStatement), IGNORE_AMBIGUITIES: true },
          { ALT: () => this.SUBRULE(this.stepStatement), IGNORE_AMBIGUITIES: true },
          { ALT: () => this.SUBRULE(this.waitStatement), IGNORE_AMBIGUITIES: true },
          { ALT: () => this.SUBRULE(this.advanceStatement), IGNORE_AMBIGUITIES: true },
          { ALT: () => this.SUBRULE(this.onStatement), IGNORE_AMBIGUITIES: true },
          { ALT: () => this.SUBRULE(this.failStatement), IGNORE_AMBIGUITIES: true },
          { ALT: () => this.SUBRULE(this.repeatStatement), IGNORE_AMBIGUITIES: true },
          { ALT: () => this.SUBRULE(this.invariantStatement), IGNORE_AMBIGUITIES: true },
          { ALT: () => this.CONSUME(Soft.break), IGNORE_AMBIGUITIES: true },
          { ALT: () => this.CONSUME(Soft.continue), IGNORE_AMBIGUITIES: true },
          { ALT: () => this.SUBRULE(this.useDeclaration) },
          { ALT: () => this.SUBRULE(this.machineDeclaration) },
          { ALT: () => this.SUBRULE(this.constDeclaration) },
          { ALT: () => this.SUBRULE(this.functionDeclaration) },
          { ALT: () => this.SUBRULE(this.caseDeclaration), IGNORE_AMBIGUITIES: true },
          { ALT: () => this.SUBRULE(this.driverDeclaration), IGNORE_AMBIGUITIES: true },
          { ALT: () => this.SUBRULE(this.unknownStatement), IGNORE_AMBIGUITIES: true },
          { ALT: () => this.SUBRULE(this.misplacedRecord), IGNORE_AMBIGUITIES: true },
          { ALT: () => this.SUBRULE(this.strayBraces), IGNORE_AMBIGUITIES: true },
          { ALT: () => this.SUBRULE(this.expressionStatement) },
        ],
        ...due("aStatement"),
      },
    );
  });

  // -- Declarations -----------------------------------------------------------------------------

  readonly useDeclaration = this.RULE("useDeclaration", () => {
    this.CONSUME(Hard.use);
    this.CONSUME(t.Text, named("path"));
  });

  readonly constDeclaration = this.RULE("constDeclaration", () => {
    this.CONSUME(Hard.const);
    this.CONSUME(t.Name, NAME);
    this.CONSUME(t.Assign);
    this.SUBRULE(this.expression);
  });

  readonly functionDeclaration = this.RULE("functionDeclaration", () => {
    this.CONSUME(Hard.fn);
    this.CONSUME(t.Name, named("functionName"));
    this.SUBRULE(this.parameters);
    this.SUBRULE(this.block);
  });

  readonly parameters = this.RULE("parameters", () => {
    this.CONSUME(t.LParen, due("parameters"));
    this.OPTION(() => this.CONSUME(t.Name, ITEM));
    this.MANY(() => {
      this.CONSUME(t.Comma, ITEM);
      this.OPTION2(() => this.CONSUME2(t.Name, ITEM));
    });
    this.CONSUME(t.RParen);
  });

  /** `test`, `property` and `bench`. */
  readonly caseDeclaration = this.RULE("caseDeclaration", () => {
    this.OPTION(() => this.CONSUME(Soft.skip));
    this.OR({
      DEF: [
        {
          ALT: () => {
            this.CONSUME(Hard.test);
            this.CONSUME(t.Text, named("testName"));
            this.MANY(() => this.SUBRULE(this.modifier));
            this.OPTION2(() => {
              this.CONSUME(Hard.for);
              this.SUBRULE(this.binding);
              this.MANY4(() => this.SUBRULE4(this.modifier));
            });
            this.SUBRULE(this.block);
          },
        },
        {
          ALT: () => {
            this.CONSUME(Hard.property);
            this.CONSUME2(t.Text, named("propertyName"));
            this.MANY2(() => this.SUBRULE2(this.modifier));
            this.CONSUME(Soft.forall);
            this.SUBRULE(this.bindings);
            this.SUBRULE2(this.block);
          },
        },
        {
          ALT: () => {
            this.CONSUME(Hard.bench);
            this.CONSUME3(t.Text, named("benchName"));
            this.MANY3(() => this.SUBRULE3(this.modifier));
            this.SUBRULE(this.benchBody);
          },
        },
      ],
      ...due("aCase"),
    });
  });

  readonly driverDeclaration = this.RULE("driverDeclaration", () => {
    this.CONSUME(Soft.driver);
    this.OR({
      DEF: [
        { ALT: () => this.SUBRULE(this.compiledDriver) },
        {
          ALT: () => {
            this.CONSUME(t.Text, named("driverName"));
            this.SUBRULE(this.pathEntries);
          },
        },
      ],
      ...due("driverName"),
    });
  });

  /** `name = c "file.c"`, with `{ tree = "folder" }` behind it where it is compiled with a kernel's. */
  readonly compiledDriver = this.RULE("compiledDriver", () => {
    this.CONSUME(t.Name, NAME);
    this.CONSUME(t.Assign, due("compiledDriver"));
    this.CONSUME2(t.Name, { LABEL: "language" });
    this.CONSUME(t.Text, { LABEL: "path" });
    this.OPTION(() => this.SUBRULE(this.pathEntries));
  });

  readonly modifier = this.RULE("modifier", () => {
    this.OR([
      { ALT: () => this.CONSUME(Soft.with) },
      { ALT: () => this.CONSUME(Soft.matrix) },
    ]);
    this.SUBRULE(this.pathEntries);
  });

  readonly pathEntries = this.RULE("pathEntries", () => {
    this.CONSUME(t.LBrace);
    this.MANY(() => {
      this.OR([
        { ALT: () => this.CONSUME(t.Separator, ITEM) },
        { ALT: () => this.SUBRULE(this.pathEntry, ITEM) },
      ]);
    });
    this.CONSUME(t.RBrace);
  });

  readonly pathEntry = this.RULE("pathEntry", () => {
    this.CONSUME(t.Name, NAME);
    this.MANY(() => {
      this.CONSUME(t.Dot);
      this.CONSUME2(t.Name, NAME);
    });
    this.OR({
      DEF: [
        { ALT: () => this.CONSUME(t.Assign) },
        { ALT: () => this.CONSUME(t.Colon) },
      ],
      ...due("pathValue"),
    });
    this.SUBRULE(this.expression);
  });

  readonly bindings = this.RULE("bindings", () => {
    this.SUBRULE(this.binding);
    this.MANY(() => {
      this.CONSUME(t.Comma);
      this.SUBRULE2(this.binding);
    });
  });

  readonly binding = this.RULE("binding", () => {
    this.CONSUME(t.Name, NAME);
    this.CONSUME(Hard.in);
    this.SUBRULE(this.expression);
  });

  readonly benchBody = this.RULE("benchBody", () => {
    this.CONSUME(t.LBrace);
    this.MANY(() => {
      this.OR([
        { ALT: () => this.CONSUME(t.End) },
        { ALT: () => this.SUBRULE(this.setup, ITEM), IGNORE_AMBIGUITIES: true },
        { ALT: () => this.SUBRULE(this.loop, ITEM), IGNORE_AMBIGUITIES: true },
        { ALT: () => this.SUBRULE(this.budget, ITEM), IGNORE_AMBIGUITIES: true },
        { ALT: () => this.SUBRULE(this.statement, ITEM) },
      ]);
    });
    this.CONSUME(t.RBrace);
  });

  readonly setup = this.RULE("setup", () => {
    this.CONSUME(Soft.setup);
    this.SUBRULE(this.block);
  });

  readonly loop = this.RULE("loop", () => {
    this.CONSUME(Soft.loop);
    this.SUBRULE(this.block);
  });

  readonly budget = this.RULE("budget", () => {
    this.CONSUME(Soft.budget);
    this.SUBRULE(this.expression);
    this.OPTION(() => {
      this.CONSUME(Soft.per);
      this.CONSUME(Soft.iteration);
    });
  });

  // -- Machine ----------------------------------------------------------------------------------

  readonly machineDeclaration = this.RULE("machineDeclaration", () => {
    this.CONSUME(Hard.machine);
    this.SUBRULE(this.machineBody);
  });

  readonly machineBody = this.RULE("machineBody", () => {
    this.CONSUME(t.LBrace, BLOCK_START);
    this.MANY(() => {
      this.OR([
        { ALT: () => this.CONSUME(t.Separator, ITEM) },
        { ALT: () => this.SUBRULE(this.registerEntry, ITEM), IGNORE_AMBIGUITIES: true },
        { ALT: () => this.SUBRULE(this.letStatement, ITEM) },
        { ALT: () => this.SUBRULE(this.machineEntry, ITEM) },
      ]);
    });
    this.CONSUME(t.RBrace);
  });

  /** `on write 0x10 { … }`, `on read 0x14 { … }`. */
  readonly registerEntry = this.RULE("registerEntry", () => {
    this.CONSUME(Soft.on);
    this.OR({
      DEF: [
        { ALT: () => this.CONSUME(Soft.write), IGNORE_AMBIGUITIES: true },
        { ALT: () => this.CONSUME(Soft.read), IGNORE_AMBIGUITIES: true },
      ],
      ...due("registerAccess"),
    });
    this.SUBRULE(this.expression);
    this.SUBRULE(this.block);
  });

  readonly machineEntry = this.RULE("machineEntry", () => {
    this.CONSUME(t.Name, { LABEL: "key" });
    this.MANY(() => {
      this.CONSUME(t.Dot);
      this.CONSUME2(t.Name, { LABEL: "key", ...due("name") });
    });
    this.OR({
      DEF: [
        {
          ALT: () => {
            this.CONSUME(t.Assign);
            this.SUBRULE(this.expression);
          },
        },
        {
          ALT: () => {
            this.CONSUME(t.Colon);
            this.SUBRULE2(this.expression);
          },
        },
        {
          ALT: () => {
            this.OPTION(() => this.CONSUME3(t.Name, NAME));
            this.SUBRULE(this.machineBody);
          },
        },
      ],
      ...due("machineValue"),
    });
  });

  // -- Statements -------------------------------------------------------------------------------

  readonly letStatement = this.RULE("letStatement", () => {
    this.CONSUME(Hard.let);
    this.CONSUME(t.Name, NAME);
    this.CONSUME(t.Assign);
    this.SUBRULE(this.expression);
  });

  readonly assertStatement = this.RULE("assertStatement", () => {
    this.CONSUME(Hard.assert);
    this.SUBRULE(this.expression);
    this.OPTION(() => {
      this.CONSUME(t.MessageComma);
      this.CONSUME(t.Literal);
    });
  });

  readonly ifStatement = this.RULE("ifStatement", () => {
    this.CONSUME(Hard.if);
    this.SUBRULE(this.expression, BRANCH);
    this.SUBRULE(this.block, BRANCH);
    this.MANY(() => {
      this.CONSUME(Hard.else, BRANCH);
      this.OPTION(() => {
        this.CONSUME2(Hard.if);
        this.SUBRULE2(this.expression, BRANCH);
      });
      this.SUBRULE2(this.block, BRANCH);
    });
  });

  readonly whileStatement = this.RULE("whileStatement", () => {
    this.CONSUME(Hard.while);
    this.SUBRULE(this.expression);
    this.SUBRULE(this.block);
  });

  readonly forStatement = this.RULE("forStatement", () => {
    this.CONSUME(Hard.for);
    this.CONSUME(t.Name, NAME);
    this.CONSUME(Hard.in);
    this.SUBRULE(this.expression);
    this.SUBRULE(this.block);
  });

  readonly repeatStatement = this.RULE("repeatStatement", () => {
    this.CONSUME(Soft.repeat);
    this.SUBRULE(this.expression);
    this.SUBRULE(this.block);
  });

  readonly matchStatement = this.RULE("matchStatement", () => {
    this.CONSUME(Hard.match);
    this.SUBRULE(this.expression);
    this.SUBRULE(this.matchBody);
  });

  readonly matchBody = this.RULE("matchBody", () => {
    this.CONSUME(t.LBrace);
    this.MANY(() => {
      this.OR([
        { ALT: () => this.CONSUME(t.Separator, ITEM) },
        { ALT: () => this.SUBRULE(this.matchArm, ITEM) },
      ]);
    });
    this.CONSUME(t.RBrace);
  });

  readonly matchArm = this.RULE("matchArm", () => {
    this.SUBRULE(this.matchPattern);
    this.CONSUME(t.FatArrow);
    this.OR([
      { ALT: () => this.SUBRULE(this.block), IGNORE_AMBIGUITIES: true },
      { ALT: () => this.SUBRULE(this.statement) },
    ]);
  });

  readonly matchPattern = this.RULE("matchPattern", () => {
    this.SUBRULE(this.matchValue);
    this.OPTION(() => {
      this.CONSUME(t.Range);
      this.SUBRULE2(this.matchValue);
    });
  });

  readonly matchValue = this.RULE("matchValue", () => {
    this.OPTION(() => this.CONSUME(t.Minus));
    this.OR({
      DEF: [
        { ALT: () => this.CONSUME(t.Literal, FIRST) },
        { ALT: () => this.CONSUME(t.Name, FIRST) },
      ],
      ...due("arm"),
    });
  });

  readonly returnStatement = this.RULE("returnStatement", () => {
    this.CONSUME(Hard.return);
    this.OPTION(() => this.SUBRULE(this.expression));
  });

  readonly expectStatement = this.RULE("expectStatement", () => {
    this.CONSUME(Hard.expect);
    this.OR({
      DEF: [
        {
          ALT: () => {
            this.CONSUME(t.OutcomeNoun);
            this.CONSUME(t.OutcomeCode, named("outcomeName"));
            this.SUBRULE(this.block);
          },
        },
        {
          ALT: () => {
            this.CONSUME(Soft.events);
            this.SUBRULE(this.eventPattern);
            this.CONSUME(Hard.in);
            this.SUBRULE(this.expression);
          },
        },
      ],
      ...due("outcome"),
    });
  });

  readonly outputStatement = this.RULE("outputStatement", () => {
    this.CONSUME(t.OutputVerb);
    this.SUBRULE(this.expression);
  });

  readonly stepStatement = this.RULE("stepStatement", () => {
    this.CONSUME(Soft.step);
    this.OPTION(() => {
      this.OR([
        {
          ALT: () => {
            this.CONSUME(Soft.until);
            this.SUBRULE(this.expression);
          },
          IGNORE_AMBIGUITIES: true,
        },
        { ALT: () => this.SUBRULE2(this.expression) },
      ]);
    });
  });

  readonly waitStatement = this.RULE("waitStatement", () => {
    this.CONSUME(Soft.wait);
    this.SUBRULE(this.expression);
  });

  readonly advanceStatement = this.RULE("advanceStatement", () => {
    this.CONSUME(Soft.advance);
    this.SUBRULE(this.expression);
  });

  readonly onStatement = this.RULE("onStatement", () => {
    this.CONSUME(Soft.on);
    this.CONSUME(Soft.cpu, due("onCpu"));
    this.SUBRULE(this.expression);
    this.SUBRULE(this.block);
  });

  readonly failStatement = this.RULE("failStatement", () => {
    this.CONSUME(Soft.inject);
    this.OR({
      DEF: [
        { ALT: () => this.CONSUME(Soft.each), IGNORE_AMBIGUITIES: true },
        {
          ALT: () => {
            this.CONSUME(t.Name, { LABEL: "point" });
            this.MANY(() => {
              this.CONSUME(t.Dot);
              this.CONSUME2(t.Name, { LABEL: "point", ...due("name") });
            });
          },
        },
      ],
      ...due("failPoint"),
    });
    this.OPTION(() => {
      this.CONSUME(Soft.nth);
      this.SUBRULE(this.expression);
    });
    this.OPTION2(() => {
      this.CONSUME(Soft.with);
      this.CONSUME3(t.Name, named("errorName"));
    });
    this.SUBRULE(this.block);
  });

  readonly invariantStatement = this.RULE("invariantStatement", () => {
    this.CONSUME(Soft.invariant);
    this.CONSUME(t.Text, named("invariantName"));
    this.CONSUME(t.LBrace);
    this.SUBRULE(this.expression);
    this.CONSUME(t.RBrace);
  });

  /** Also an assignment: `=` and `+=` arrive as operators, and the builder looks at them. */
  readonly expressionStatement = this.RULE("expressionStatement", () => {
    this.OPTION(() => this.CONSUME(t.LeadingOperator));
    this.SUBRULE(this.expression);
    this.OPTION2(() => {
      this.CONSUME(t.OutcomeVerb);
      this.CONSUME(t.OutcomeCode, named("outcomeName"));
    });
  });

  /** A line that begins with an unknown word: all of it, its block too, is one mistake. */
  readonly unknownStatement = this.RULE("unknownStatement", () => {
    this.CONSUME(t.UnknownWord);
    this.MANY(() => this.CONSUME(t.Inline, ITEM));
    this.MANY2(() => {
      this.SUBRULE(this.anyBraces);
      this.MANY3(() => this.CONSUME2(t.Inline));
    });
  });

  /** Braces where a statement is due. */
  readonly strayBraces = this.RULE("strayBraces", () => {
    this.AT_LEAST_ONE(() => {
      this.SUBRULE(this.anyBraces);
      this.MANY(() => this.CONSUME(t.Inline));
    });
  });

  readonly anyBraces = this.RULE("anyBraces", () => {
    this.CONSUME(t.LBrace);
    this.MANY(() => {
      this.OR([
        { ALT: () => this.CONSUME(t.Inline) },
        { ALT: () => this.CONSUME(t.End), IGNORE_AMBIGUITIES: true },
        { ALT: () => this.SUBRULE(this.anyBraces) },
      ]);
    });
    this.CONSUME(t.RBrace);
  });

  /** `name: value` where a block was opened. */
  readonly misplacedRecord = this.RULE("misplacedRecord", () => {
    this.CONSUME(t.Label);
    this.MANY(() => this.CONSUME(t.Inline));
  });

  // -- Event patterns ---------------------------------------------------------------------------

  readonly eventPattern = this.RULE("eventPattern", () => {
    this.CONSUME(t.LBracket, due("eventPattern"));
    this.OPTION(() => this.SUBRULE(this.eventChoice, ITEM));
    this.MANY(() => {
      this.CONSUME(t.Comma, ITEM);
      this.OPTION2(() => this.SUBRULE2(this.eventChoice, ITEM));
    });
    this.CONSUME(t.RBracket);
  });

  readonly eventChoice = this.RULE("eventChoice", () => {
    this.SUBRULE(this.eventTerm);
    this.MANY(() => {
      this.CONSUME(t.Pipe);
      this.SUBRULE2(this.eventTerm);
    });
  });

  readonly eventTerm = this.RULE("eventTerm", () => {
    this.OPTION(() => this.CONSUME(t.Bang));
    this.OR({
      DEF: [
        { ALT: () => this.CONSUME(t.Gap) },
        { ALT: () => this.SUBRULE(this.eventGroup) },
        { ALT: () => this.SUBRULE(this.eventName) },
      ],
      ...due("event"),
    });
    this.OPTION2(() => {
      this.OR2([
        { ALT: () => this.CONSUME(t.Star, SUFFIX) },
        { ALT: () => this.CONSUME(t.Plus, SUFFIX) },
        { ALT: () => this.CONSUME(t.Question, SUFFIX) },
        { ALT: () => this.SUBRULE(this.eventCount, SUFFIX) },
      ]);
    });
  });

  readonly eventGroup = this.RULE("eventGroup", () => {
    this.CONSUME(t.LParen);
    this.OPTION(() => this.SUBRULE(this.eventChoice, ITEM));
    this.MANY(() => {
      this.CONSUME(t.Comma, ITEM);
      this.OPTION2(() => this.SUBRULE2(this.eventChoice, ITEM));
    });
    this.CONSUME(t.RParen);
  });

  readonly eventName = this.RULE("eventName", () => {
    this.CONSUME(t.Name, ITEM);
    this.MANY(() => {
      this.CONSUME(t.Dot, ITEM);
      this.OR({
        DEF: [
          { ALT: () => this.CONSUME2(t.Name, ITEM) },
          { ALT: () => this.CONSUME(t.Star, ITEM) },
        ],
        ...due("eventRest"),
      });
    });
    this.OPTION(() => this.SUBRULE(this.callArguments));
  });

  readonly eventCount = this.RULE("eventCount", () => {
    this.CONSUME(t.LBrace);
    this.CONSUME(t.NumberToken, { LABEL: "item", ...due("count") });
    this.OPTION(() => {
      this.CONSUME(t.Comma);
      this.CONSUME2(t.NumberToken, { LABEL: "item", ...due("countAtMost") });
    });
    this.CONSUME(t.RBrace);
  });

  // -- Expressions ------------------------------------------------------------------------------

  /** Operands and operators in a row; the builder knows the precedences. */
  readonly expression = this.RULE("expression", () => {
    this.SUBRULE(this.operand, PART);
    this.MANY(() => {
      this.CONSUME(t.InfixOperator, PART);
      this.SUBRULE2(this.operand, PART);
    });
  });

  #primaries: OrMethodOpts<unknown> | null = null;
  #suffixes: IOrAlt<unknown>[] | null = null;

  readonly operand = this.RULE("operand", () => {
    this.MANY(() => this.CONSUME(t.PrefixOperator, PREFIX));
    this.OR(
      this.#primaries ??= {
        DEF: [
          { ALT: () => this.CONSUME(t.Literal, FIRST) },
          {
            ALT: () => {
              this.CONSUME(Soft.trace);
              this.SUBRULE(this.block);
            },
            IGNORE_AMBIGUITIES: true,
          },
          { ALT: () => this.SUBRULE(this.branches), IGNORE_AMBIGUITIES: true },
          { ALT: () => this.SUBRULE(this.comparison), IGNORE_AMBIGUITIES: true },
          { ALT: () => this.SUBRULE(this.ifValue) },
          { ALT: () => this.SUBRULE(this.matchValues) },
          { ALT: () => this.CONSUME(t.Name, FIRST) },
          { ALT: () => this.SUBRULE(this.parentheses) },
          { ALT: () => this.SUBRULE(this.list) },
          { ALT: () => this.SUBRULE(this.record) },
        ],
        ...due("value"),
      },
    );
    this.MANY2(() => {
      this.OR2(
        this.#suffixes ??= [
          {
            ALT: () => {
              this.CONSUME(t.Dot, SUFFIX);
              this.CONSUME2(t.Name, FIELD);
            },
          },
          { ALT: () => this.SUBRULE(this.callArguments, SUFFIX) },
          { ALT: () => this.SUBRULE(this.index, SUFFIX) },
          {
            ALT: () => {
              this.CONSUME(Soft.as, SUFFIX);
              this.CONSUME3(t.Name, CAST);
            },
          },
          {
            ALT: () => {
              this.CONSUME(t.CopyWith, SUFFIX);
              this.SUBRULE2(this.record, SUFFIX);
            },
          },
        ],
      );
    });
    this.OPTION(() => {
      this.CONSUME(t.FatArrow);
      this.SUBRULE(this.expression);
    });
  });

  /** `if` where a value is due: each of its blocks is one expression. */
  readonly ifValue = this.RULE("ifValue", () => {
    this.CONSUME(Hard.if);
    this.SUBRULE(this.expression, BRANCH);
    this.SUBRULE(this.valueBlock, BRANCH);
    this.MANY(() => {
      this.CONSUME(Hard.else, BRANCH);
      this.OPTION(() => {
        this.CONSUME2(Hard.if);
        this.SUBRULE2(this.expression, BRANCH);
      });
      this.SUBRULE2(this.valueBlock, BRANCH);
    });
  });

  readonly valueBlock = this.RULE("valueBlock", () => {
    this.CONSUME(t.LBrace, BLOCK_START);
    this.SUBRULE(this.expression);
    this.CONSUME(t.RBrace, due("valueEnd"));
  });

  /** `match` where a value is due. */
  readonly matchValues = this.RULE("matchValues", () => {
    this.CONSUME(Hard.match);
    this.SUBRULE(this.expression);
    this.CONSUME(t.LBrace);
    this.MANY(() => {
      this.OR([
        { ALT: () => this.CONSUME(t.Separator, ITEM) },
        { ALT: () => this.SUBRULE(this.valueArm, ITEM) },
      ]);
    });
    this.CONSUME(t.RBrace);
  });

  readonly valueArm = this.RULE("valueArm", () => {
    this.SUBRULE(this.matchPattern);
    this.CONSUME(t.FatArrow);
    this.SUBRULE(this.expression);
  });

  /** `(e)`, or the parameters of a lambda. */
  readonly parentheses = this.RULE("parentheses", () => {
    this.CONSUME(t.LParen);
    this.OPTION(() => this.SUBRULE(this.expression, ITEM));
    this.MANY(() => {
      this.CONSUME(t.Comma, ITEM);
      this.OPTION2(() => this.SUBRULE2(this.expression, ITEM));
    });
    this.CONSUME(t.RParen);
  });

  readonly list = this.RULE("list", () => {
    this.CONSUME(t.LBracket);
    this.OPTION(() => this.SUBRULE(this.expression, ITEM));
    this.MANY(() => {
      this.CONSUME(t.Comma, ITEM);
      this.OPTION2(() => this.SUBRULE2(this.expression, ITEM));
    });
    this.CONSUME(t.RBracket);
  });

  readonly index = this.RULE("index", () => {
    this.CONSUME(t.LBracket);
    this.SUBRULE(this.expression);
    this.CONSUME(t.RBracket);
  });

  readonly callArguments = this.RULE("callArguments", () => {
    this.CONSUME(t.LParen);
    this.OPTION(() => this.SUBRULE(this.argument, ITEM));
    this.MANY(() => {
      this.CONSUME(t.Comma, ITEM);
      this.OPTION2(() => this.SUBRULE2(this.argument, ITEM));
    });
    this.CONSUME(t.RParen);
  });

  readonly argument = this.RULE("argument", () => {
    this.OPTION(() => {
      this.CONSUME(t.Label);
      this.CONSUME(t.Colon);
    });
    this.SUBRULE(this.expression);
  });

  readonly record = this.RULE("record", () => {
    this.CONSUME(t.LBrace);
    this.MANY(() => {
      this.OR([
        { ALT: () => this.CONSUME(t.Separator, ITEM) },
        { ALT: () => this.SUBRULE(this.recordEntry, ITEM) },
      ]);
    });
    this.CONSUME(t.RBrace);
  });

  readonly recordEntry = this.RULE("recordEntry", () => {
    this.CONSUME(t.Name, NAME);
    this.OR({
      DEF: [
        { ALT: () => this.CONSUME(t.Colon) },
        { ALT: () => this.CONSUME(t.Assign) },
      ],
      ...due("entryValue"),
    });
    this.SUBRULE(this.expression);
  });

  readonly branches = this.RULE("branches", () => {
    this.CONSUME(t.BranchingWord);
    this.SUBRULE(this.block);
    this.AT_LEAST_ONE({
      DEF: () => {
        this.CONSUME(t.AndThen);
        this.SUBRULE2(this.block);
      },
      ...due("otherBlock"),
    });
  });

  readonly comparison = this.RULE("comparison", () => {
    this.CONSUME(Soft.compare);
    this.SUBRULE(this.pathEntries);
    this.SUBRULE(this.block);
  });
}
