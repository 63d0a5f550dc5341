/** The rules of declarations, at the top level of a file. */
import type { IToken, ParserMethod } from "chevrotain";
import { MAX_REPEATED } from "../../diagnostics/clip.ts";
import { type Span, spanText } from "../../source.ts";
import type { Draft } from "../recovery/recovering_parser.ts";
import * as t from "../tokens.ts";
import type * as ast from "../tree/ast.ts";
import { readString } from "../tree/literals.ts";
import {
  BENCH_PARTS,
  HEADED,
  NO_BLOCK,
  NO_SPAN,
  NO_VALUE,
  NONE,
  PARTS,
  STATEMENTS,
} from "../tree/nodes.ts";
import { BRACKETED, ITEMS, itemsOf, pushed } from "./expression_rules.ts";
import { PatternRules } from "./pattern_rules.ts";
import { BLOCK_START, due, FIRST_WINS } from "./rule_tools.ts";

const { Hard, Soft } = t;

const BENCH_HINT =
  "a bench has one `loop` to measure; `setup`, `teardown`, `baseline`, `budget` and " +
  "`expect` stand beside it, each on its own line";

/** A test, a property or a bench after its name has been parsed. */
interface NamedCase {
  readonly node: Draft<Pick<ast.TestDeclaration, "modifiers" | "name" | "nameSpan" | "table">>;
  readonly name: IToken;
  readonly what: string;
}

/** The parts before the keyword of a declaration. */
interface Head {
  readonly start: number;
  readonly skip: boolean;
}

interface RegisterParts {
  readonly access: ast.RegisterAccess | null;
  readonly wordsSpan: Span | null;
  readonly bar: ast.Expression | null;
  readonly offset: ast.Expression;
  readonly body: ast.Block;
  readonly span: Span;
}

interface MachineEntryParts {
  readonly words: readonly ast.Name[];
  readonly value: ast.Expression | null;
  readonly name: ast.Name | null;
  readonly entries: readonly ast.MachineEntry[];
  readonly span: Span;
}

type BenchState = Omit<
  ast.BenchDeclaration,
  "kind" | "name" | "nameSpan" | "skip" | "modifiers" | "table" | "loop" | "span"
>;

interface BenchParts extends BenchState {
  readonly loop: ast.Block | null;
  readonly hasStrays: boolean;
  readonly span: Span;
}

interface BenchBlock {
  readonly count: ast.Expression | null;
  readonly value: ast.Block;
  readonly span: Span;
}

// What a rule collects before it makes a node, with its initial parts.
const BENCH_BODY = (): BenchParts => ({
  ...BENCH_PARTS,
  loop: null,
  hasStrays: false,
  span: NO_SPAN,
});
const BENCH_BLOCK = (): BenchBlock => ({ count: null, value: NO_BLOCK, span: NO_SPAN });
const ENTRY = (): MachineEntryParts => ({
  words: NONE,
  value: null,
  name: null,
  entries: NONE,
  span: NO_SPAN,
});
const REGISTER = (): RegisterParts => ({
  access: null,
  wordsSpan: null,
  bar: null,
  offset: NO_VALUE,
  ...HEADED,
});

export abstract class DeclarationRules extends PatternRules {
  abstract readonly statement: ParserMethod<[], ast.Statement>;
  abstract readonly letStatement: ParserMethod<[], ast.LetStatement>;

  readonly useDeclaration = this.node("useDeclaration", STATEMENTS.Use.empty, (node) => {
    this.CONSUME(Hard.use);
    this.context.noteUse();
    const path = this.CONSUME(t.Text, due("path"));
    node.path = this.plainText(path, "The path of `use`");
    node.pathSpan = this.context.tokenSpan(path);
  });

  readonly constDeclaration = this.node("constDeclaration", STATEMENTS.Const.empty, (node) => {
    this.CONSUME(Hard.const);
    node.name = this.declare(this.CONSUME(t.Name));
    this.CONSUME(t.Assign);
    node.value = this.SUBRULE(this.expression);
  });

  readonly functionDeclaration = this.node(
    "functionDeclaration",
    STATEMENTS.Function.empty,
    (node) => {
      this.CONSUME(Hard.fn);
      node.name = this.declare(this.CONSUME(t.Name, due("functionName")));
      node.parameters = this.SUBRULE(this.parameters);
      node.body = this.SUBRULE(this.block);
    },
  );

  readonly parameters = this.node("parameters", ITEMS<ast.Name>, (node) => {
    const names: ast.Name[] = node.items = [];
    let isBare = true;
    const parameter = (token: IToken) => {
      names.push(this.declare(token));
      isBare = false;
    };
    this.CONSUME(t.LParen, due("parameters"));
    this.OPTION(() => parameter(this.CONSUME(t.Name)));
    this.MANY(() => {
      const comma = this.CONSUME(t.Comma);
      if (isBare) this.errorOn("E0201", comma, "Expected a parameter's name before `,`");
      isBare = true;
      this.OPTION2(() => parameter(this.CONSUME2(t.Name)));
    });
    this.CONSUME(t.RParen);
  }, itemsOf);

  /** The text of a name or path: a string without `{expr}`. */
  protected plainText(token: IToken, what: string): string {
    if (token.tokenType !== t.Text) return "";
    const texts = readString(token.image).parts.map((part) => {
      if ("text" in part) return part.text;
      const start = token.startOffset + part.start - 1;
      const span = this.context.span(start, token.startOffset + part.end + 1);
      this.error("E0109", span, `${what} takes no \`{…}\``, {
        hint: what === "The name of a test"
          ? "write a brace as `\\{`; a test with `for c in cases` can insert fields of `c` in its name"
          : "write a brace as `\\{`",
      });
      return "";
    });
    const name = texts.join("");
    if (name.length > MAX_REPEATED) {
      const length = `${what} is too long: ${name.length} characters`;
      this.errorOn("E0116", token, length, `it has at most ${MAX_REPEATED} characters`);
    }
    return name;
  }

  // -- Drivers ----------------------------------------------------------------------------------

  readonly driverDeclaration = this.rule("driverDeclaration", (): ast.Statement => {
    const { startOffset } = this.CONSUME(Soft.driver);
    const head = { ARGS: [startOffset] as [number] };
    return this.OR({
      DEF: [
        { ALT: () => this.SUBRULE(this.compiledDriver, head) },
        { ALT: () => this.SUBRULE(this.defectDriver, head) },
      ],
      ...due("driverName"),
    });
  }, this.statementOr);

  /** `"name" { … }` after `driver`: functions of this program that form a driver. */
  readonly defectDriver = this.node(
    "defectDriver",
    STATEMENTS.Driver.empty,
    (node, _start: number) => {
      const name = this.CONSUME(t.Text, due("driverName"));
      node.name = this.plainText(name, "The name of a driver");
      node.nameSpan = this.context.tokenSpan(name);
      node.entries = this.SUBRULE(this.pathEntries);
    },
    this.from,
  );

  /**
   * `name = c "file.c"`, followed by `{ tree = "folder" }` if it is compiled with a kernel tree.
   */
  readonly compiledDriver = this.node(
    "compiledDriver",
    STATEMENTS.CDriver.empty,
    (node, _start: number) => {
      node.name = this.declare(this.CONSUME(t.Name));
      this.CONSUME(t.Assign, due("compiledDriver"));
      const language = this.CONSUME2(t.Name);
      const path = this.CONSUME(t.Text);
      if (language.image !== "c") {
        const message = `A driver is written in \`c\`, not in \`${language.image}\``;
        this.errorOn("E0201", language, message, 'write `driver name = c "file.c"`');
      }
      node.path = this.plainText(path, "The path of a driver");
      node.pathSpan = this.context.tokenSpan(path);
      this.OPTION(() => {
        node.entries = this.SUBRULE(this.pathEntries);
      });
    },
    this.from,
  );

  // -- Tests, properties, benches ---------------------------------------------------------------

  readonly caseDeclaration = this.rule("caseDeclaration", (): ast.Statement => {
    const { start } = this;
    const skip = this.OPTION(() => this.CONSUME(Soft.skip)) !== undefined;
    const head = { ARGS: [{ start, skip }] as [Head] };
    return this.OR({
      DEF: [
        { ALT: () => this.SUBRULE(this.testCase, head) },
        { ALT: () => this.SUBRULE(this.propertyCase, head) },
        { ALT: () => this.SUBRULE(this.benchCase, head) },
      ],
      ...due("aCase"),
    });
  }, this.statementOr);

  /**
   * Completes a declaration with the parts before its keyword: sets `skip`, and begins the span of
   * the declaration at these parts.
   */
  readonly #whole = <T extends { skip: boolean; span: Span }>(
    node: T,
    _: unknown,
    head: Head,
  ): T => {
    node.skip = head.skip;
    return this.from(node, _, head.start);
  };

  readonly testCase = this.node("testCase", STATEMENTS.Test.empty, (node, _head: Head) => {
    this.CONSUME(Hard.test);
    const name = this.CONSUME(t.Text, due("testName"));
    this.SUBRULE(this.caseHead, { ARGS: [{ node, name, what: "test" }] });
    node.body = this.SUBRULE(this.block);
  }, (node, torn, head) => this.#whole(node, torn, head));

  readonly propertyCase = this.node(
    "propertyCase",
    STATEMENTS.Property.empty,
    (node, _head: Head) => {
      this.CONSUME(Hard.property);
      const name = this.CONSUME(t.Text, due("propertyName"));
      this.SUBRULE(this.caseHead, { ARGS: [{ node, name, what: "property" }] });
      this.CONSUME(Soft.forall);
      node.forall = this.SUBRULE(this.bindings);
      node.body = this.SUBRULE(this.block);
    },
    (node, torn, head) => this.#whole(node, torn, head),
  );

  readonly benchCase = this.node("benchCase", STATEMENTS.Bench.empty, (node, _head: Head) => {
    this.CONSUME(Hard.bench);
    const name = this.CONSUME(t.Text, due("benchName"));
    this.SUBRULE(this.caseHead, { ARGS: [{ node, name, what: "bench" }] });
    const { hasStrays: _strays, loop, span: _span, ...parts } = this.SUBRULE(this.benchBody);
    Object.assign(node, parts);
    node.loop = loop ?? { statements: [], span: this.behind() };
  }, (node, torn, head) => this.#whole(node, torn, head));

  /** The parts between a name and its block: settings of the machine, and a table of cases. */
  readonly caseHead = this.rule("caseHead", (head?: NamedCase): void => {
    const modifiers: ast.MachineModifier[] = [];
    this.ACTION(() => {
      head!.node.modifiers = modifiers;
      head!.node.name = head!.name.image.slice(1, -1);
      head!.node.nameSpan = this.context.tokenSpan(head!.name);
    });
    this.MANY(() => modifiers.push(this.SUBRULE(this.modifier)));
    const table = this.OPTION(() => {
      const { startOffset } = this.CONSUME(Hard.for);
      const axes = this.SUBRULE(this.bindings);
      const span = this.span(startOffset);
      this.MANY2(() => modifiers.push(this.SUBRULE2(this.modifier)));
      return { axes, span };
    });
    this.ACTION(() => {
      const { name, node, what } = head!;
      if (table === undefined) node.name = this.plainText(name, `The name of a ${what}`);
      else {
        const literal = this.literal(name);
        node.table = { ...table, nameParts: literal.kind === "String" ? literal.parts : NONE };
      }
    });
  }, () => {});

  readonly modifier = this.node("modifier", PARTS.Modifier, (node) => {
    node.kind = this.OR([
      { ALT: () => this.#as("With", this.CONSUME(Soft.with)) },
      { ALT: () => this.#as("Matrix", this.CONSUME(Soft.matrix)) },
    ]);
    node.entries = this.SUBRULE(this.pathEntries);
  });

  /** The value that represents a keyword in the tree. */
  #as<const K>(meaning: K, _word: IToken): K {
    return meaning;
  }

  readonly bindings = this.node("bindings", ITEMS<ast.ForallBinding>, (node) => {
    const all: ast.ForallBinding[] = node.items = [];
    all.push(this.SUBRULE(this.binding));
    this.MANY(() => {
      this.CONSUME(t.Comma);
      all.push(this.SUBRULE2(this.binding));
    });
  }, itemsOf);

  readonly binding = this.node("binding", PARTS.Binding, (node) => {
    node.name = this.declare(this.CONSUME(t.Name));
    this.CONSUME(Hard.in);
    node.values = this.SUBRULE(this.expression);
  });

  readonly benchBody = this.node("benchBody", BENCH_BODY, (parts) => {
    const reported = () => this.context.reporter.diagnostics;
    const budgets: ast.BenchBudget[] = parts.budgets = [];
    const expectations: ast.BenchExpectation[] = parts.expectations = [];
    this.CONSUME(t.LBrace);
    this.MANY(() => {
      this.OR([
        { ALT: () => this.CONSUME(t.End) },
        { ALT: () => this.#once(parts, "setup", this.SUBRULE(this.setup)), ...FIRST_WINS },
        { ALT: () => this.#loop(parts, this.SUBRULE(this.loop)), ...FIRST_WINS },
        { ALT: () => this.#once(parts, "teardown", this.SUBRULE(this.teardown)), ...FIRST_WINS },
        { ALT: () => this.#once(parts, "baseline", this.SUBRULE(this.baseline)), ...FIRST_WINS },
        { ALT: () => budgets.push(this.SUBRULE(this.budget)), ...FIRST_WINS },
        { ALT: () => expectations.push(this.SUBRULE(this.benchExpectation)), ...FIRST_WINS },
        { ALT: () => this.#stray(parts, reported().length, this.SUBRULE(this.statement)) },
      ]);
    });
    this.CONSUME(t.RBrace);
  }, (parts, torn) => {
    const { hasStrays, loop, span: { start } } = parts;
    if (loop === null && !hasStrays && torn === null) {
      this.error("E0218", this.context.span(start, start + 1), "Bench without `loop { … }`", {
        hint: "put the code to measure into `loop { … }`",
      });
    }
    return parts;
  });

  readonly setup = this.node("setup", BENCH_BLOCK, (node) => {
    this.CONSUME(Soft.setup);
    node.value = this.SUBRULE(this.block);
  });

  readonly loop = this.node("loop", BENCH_BLOCK, (node) => {
    this.CONSUME(Soft.loop);
    this.OPTION({
      GATE: () => this.LA(1).tokenType !== t.LBrace,
      DEF: () => {
        node.count = this.SUBRULE(this.expression);
      },
    });
    node.value = this.SUBRULE(this.block);
  });

  readonly teardown = this.node("teardown", BENCH_BLOCK, (node) => {
    this.CONSUME(Soft.teardown);
    node.value = this.SUBRULE(this.block);
  });

  readonly baseline = this.node("baseline", BRACKETED, (node) => {
    this.CONSUME(Soft.baseline);
    this.CONSUME(t.Assign);
    node.value = this.SUBRULE(this.expression);
  });

  readonly benchExpectation = this.node("benchExpectation", PARTS.Expectation, (node) => {
    this.CONSUME(Hard.expect);
    node.condition = this.SUBRULE(this.expression);
  });

  readonly budget = this.node("budget", PARTS.Budget, (node) => {
    this.CONSUME(Soft.budget);
    node.condition = this.SUBRULE(this.expression);
    this.OPTION(() => {
      this.CONSUME(Soft.per);
      this.CONSUME(Soft.iteration);
      node.perIteration = true;
    });
  });

  #loop(parts: Draft<BenchParts>, loop: BenchBlock): void {
    this.#once(parts, "loop", loop);
    parts.count = loop.count;
  }

  /**
   * Sets a part of a bench. Reports a second one of the same kind, and a `setup` after `loop` or a
   * `loop` after `teardown`.
   */
  #once<P extends "setup" | "loop" | "teardown" | "baseline">(
    parts: Draft<BenchParts>,
    word: P,
    { span, value }: { readonly span: Span; readonly value: Draft<BenchParts>[P] },
  ): void {
    const behind = word === "setup" ? "loop" : word === "loop" ? "teardown" : word;
    if (parts[word] !== null) this.#reportBench(span, `Second \`${word}\``);
    else if (parts[behind] !== null) this.#reportBench(span, `\`${word}\` after \`${behind}\``);
    parts[word] = value;
  }

  /** Reports a statement that does not belong here, and drops the errors inside it. */
  #stray(parts: Draft<BenchParts>, errors: number, { span }: ast.Statement): void {
    if (this.RECORDING_PHASE) return;
    this.context.reporter.diagnostics.splice(errors);
    if (!parts.hasStrays) this.#reportBench(span, "Statement outside `setup` and `loop`");
    parts.hasStrays = true;
  }

  #reportBench(span: Span, message: string): void {
    if (!this.RECORDING_PHASE) this.error("E0218", span, message, { hint: BENCH_HINT });
  }

  // -- Machines ---------------------------------------------------------------------------------

  readonly machineDeclaration = this.node(
    "machineDeclaration",
    STATEMENTS.Machine.empty,
    (node) => {
      this.CONSUME(Hard.machine);
      node.entries = this.SUBRULE(this.machineBody);
    },
  );

  readonly machineBody = this.node("machineBody", ITEMS<ast.MachineEntry>, (node) => {
    const entries: ast.MachineEntry[] = node.items = [];
    this.CONSUME(t.LBrace, BLOCK_START);
    this.separated(() => {
      const entry = this.OR2([
        { ALT: () => this.SUBRULE(this.registerEntry), ...FIRST_WINS },
        { ALT: () => this.SUBRULE(this.letStatement) },
        { ALT: () => this.SUBRULE(this.machineEntry) },
      ]);
      return entry === null ? { span: this.behind() } : pushed(entries, entry);
    });
    this.CONSUME(t.RBrace);
  }, itemsOf);

  /**
   * `on write 0x10 { … }` or `on write bar 2 0x10 { … }`: the block is a function. For a write, the
   * function has the parameter `value`.
   */
  readonly registerEntry = this.node("registerEntry", REGISTER, (node) => {
    const { startOffset } = this.CONSUME(Soft.on);
    node.access = this.OR({
      DEF: [
        { ALT: () => this.#as("write", this.CONSUME(Soft.write)), ...FIRST_WINS },
        { ALT: () => this.#as("read", this.CONSUME(Soft.read)), ...FIRST_WINS },
      ],
      ...due("registerAccess"),
    });
    this.OPTION(() => {
      this.CONSUME(Soft.bar);
      node.bar = this.literal(this.CONSUME(t.NumberToken));
    });
    node.wordsSpan = this.span(startOffset);
    node.offset = this.SUBRULE(this.expression);
    node.body = this.SUBRULE(this.block);
  }, ({ access, bar, body, offset, span, wordsSpan }): ast.MachineEntry | null => {
    if (access === null || wordsSpan === null) return null;
    // Spaces and comments in the offset are removed, so that the name depends only on the syntax
    // tree.
    const where = spanText(offset.span).replace(/#.*|\s+/g, "");
    const name = {
      text: `on ${access}${bar === null ? "" : ` bar ${spanText(bar.span)}`} ${where}`,
      span: wordsSpan,
    };
    const parameters = access === "write" ? [{ text: "value", span: wordsSpan }] : [];
    const handler = { kind: "Function", name, parameters, body, span } as const;
    return { kind: "Register", access, wordsSpan, bar, offset, handler, span };
  });

  readonly machineEntry = this.node("machineEntry", ENTRY, (node) => {
    this.words(node.words = []);
    this.OR({
      DEF: [
        {
          ALT: () => {
            this.assign();
            node.value = NO_VALUE;
            node.value = this.SUBRULE(this.expression);
          },
        },
        {
          ALT: () => {
            this.OPTION(() => {
              node.name = this.declare(this.CONSUME3(t.Name));
            });
            node.entries = this.SUBRULE(this.machineBody);
          },
        },
      ],
      ...due("machineValue"),
    });
  }, ({ entries, name, span, value, words }): ast.MachineEntry => {
    const key = this.dotted(words);
    return value === null
      ? { kind: "Block", keyword: key, name, entries, span }
      : { kind: "Setting", key, value, span };
  });

  /** The entries of `with`, `matrix`, `compare` and drivers. */
  readonly pathEntries = this.node("pathEntries", ITEMS<ast.PathEntry>, (node) => {
    const entries: ast.PathEntry[] = node.items = [];
    const seen = new Map<string, ast.Name>();
    this.CONSUME(t.LBrace, due("pathBlock"));
    this.separated(() => {
      const entry = pushed(entries, this.SUBRULE(this.pathEntry));
      this.ACTION(() => this.noteKey(this.dotted(entry.path), seen));
      return entry;
    });
    this.CONSUME(t.RBrace);
  }, itemsOf);

  readonly pathEntry = this.node("pathEntry", PARTS.PathEntry, (node) => {
    this.words(node.path = []);
    this.assign();
    node.value = this.SUBRULE(this.expression);
  });
}
