/** Declarations: what stands at the top level of a file. */
import type { CstNode, IToken } from "chevrotain";
import type {
  BenchBudget,
  Block,
  Expression,
  ForallBinding,
  MachineEntry,
  MachineModifier,
  Name,
  PathEntry,
  Statement,
  TestTable,
} from "./ast.ts";
import { spanText } from "../../source.ts";
import type { DmaParser } from "../parser.ts";
import type { BuildContext } from "./build_context.ts";
import type { BlockBuilder, ExpressionBuilder } from "./build_expression.ts";
import { childNode, childNodes, children, childToken, childTokens, isToken } from "./cst.ts";
import { readString } from "./literals.ts";
import { MAX_REPEATED } from "../../diagnostics/clip.ts";
import type { Span } from "../../source.ts";
import { Text, tokenEnd } from "../tokens.ts";

/** The grammar's rules for declarations. */
type DeclarationRule = Extract<keyof DmaParser, `${string}Declaration`>;

export function isDeclarationRule(name: string): name is DeclarationRule {
  return name.endsWith("Declaration");
}

/** Builds what declarations are made of. */
interface PartBuilder extends Pick<BlockBuilder, "block"> {
  readonly expressions: ExpressionBuilder;
  value(node: CstNode): Expression;
  declaredName(node: CstNode): Name;
}

const BENCH_PARTS =
  "a bench has at most one `setup`, one `loop` to measure, and budgets, each on its own line";
const LOOP_COUNT =
  "the bench decides how often it runs `loop { … }`; to repeat within one iteration, write " +
  "`loop { repeat 100 { … } }`";

export class DeclarationBuilder {
  constructor(readonly context: BuildContext, readonly builder: PartBuilder) {}

  declaration(node: CstNode, rule: DeclarationRule): Statement {
    const span = this.context.nodeSpan(node);
    switch (rule) {
      case "useDeclaration": {
        this.context.noteUse();
        const path = childToken(node, "name");
        if (path === undefined) return { kind: "ErrorStatement", span };
        return {
          kind: "Use",
          path: this.plainText(path, "The path of `use`"),
          pathSpan: this.context.tokenSpan(path),
          span,
        };
      }
      case "machineDeclaration":
        return { kind: "Machine", entries: this.#machine(childNode(node, "machineBody")), span };
      case "constDeclaration": {
        const value = this.builder.value(node);
        return { kind: "Const", name: this.builder.declaredName(node), value, span };
      }
      case "functionDeclaration": {
        const name = this.builder.declaredName(node);
        const parameters = this.#parameters(childNode(node, "parameters"));
        return { kind: "Function", name, parameters, body: this.#body(node), span };
      }
      case "caseDeclaration":
        return this.#case(node);
      case "driverDeclaration": {
        const compiled = childNode(node, "compiledDriver");
        if (compiled !== undefined) return this.#compiledDriver(compiled, span);
        const token = childToken(node, "name");
        if (token === undefined) return { kind: "ErrorStatement", span };
        return {
          kind: "Driver",
          name: this.plainText(token, "The name of a driver"),
          nameSpan: this.context.tokenSpan(token),
          entries: this.pathEntries(childNode(node, "pathEntries")),
          span,
        };
      }
    }
  }

  /** The text of a name or path: a string without `{expr}`. */
  plainText(token: IToken | undefined, what: string): string {
    if (token === undefined || token.tokenType !== Text) return "";
    const { parts } = readString(token.image);
    const texts = parts.map((part) => {
      if ("text" in part) return part.text;
      const start = token.startOffset + part.start - 1;
      this.context.reporter.error(
        "E0109",
        start,
        token.startOffset + part.end + 1,
        `${what} takes no \`{…}\``,
        {
          hint: what === "The name of a test"
            ? "write a brace as `\\{`; a test with `for c in cases` can insert fields of `c` in its name"
            : "write a brace as `\\{`",
        },
      );
      return "";
    });
    const name = texts.join("");
    if (name.length > MAX_REPEATED) {
      const length = `${what} is too long: ${name.length} characters`;
      this.context.errorOn("E0116", token, length, `it has at most ${MAX_REPEATED} characters`);
    }
    return name;
  }

  /** `driver name = c "file.c"`. */
  #compiledDriver(node: CstNode, span: Span): Statement {
    const path = childToken(node, "path");
    const language = childToken(node, "language");
    if (path === undefined || language === undefined) return { kind: "ErrorStatement", span };
    if (language.image !== "c") {
      const said = `A driver is written in \`c\`, not in \`${language.image}\``;
      this.context.errorOn("E0201", language, said, 'write `driver name = c "file.c"`');
    }
    return {
      kind: "CDriver",
      name: this.builder.declaredName(node),
      path: this.plainText(path, "The path of a driver"),
      pathSpan: this.context.tokenSpan(path),
      entries: this.pathEntries(childNode(node, "pathEntries")),
      span,
    };
  }

  #body(node: CstNode): Block {
    return this.builder.block(childNode(node, "block"));
  }

  #parameters(node: CstNode | undefined): readonly Name[] {
    if (node === undefined) return [];
    const names: Name[] = [];
    let previousIsName = false;
    for (const token of children(node, "item").filter(isToken)) {
      const isName = token.image !== ",";
      if (isName) names.push(this.context.declare(token));
      else if (!previousIsName) {
        this.context.errorOn("E0201", token, "Expected a parameter's name before `,`");
      }
      previousIsName = isName;
    }
    return names;
  }

  // -- Machine ----------------------------------------------------------------------------------

  #machine(node: CstNode | undefined): readonly MachineEntry[] {
    if (node === undefined) return [];
    return this.context.separated(children(node, "item")).flatMap((entry) => {
      const built = entry.name === "registerEntry"
        ? this.#register(entry)
        : entry.name === "letStatement"
        ? this.#machineLet(entry)
        : this.#machineEntry(entry);
      return built === null ? [] : [built];
    });
  }

  #machineEntry(node: CstNode): MachineEntry | null {
    const span = this.context.nodeSpan(node);
    const key = this.#dotted(childTokens(node, "key"));
    if (key === null) return null;
    const value = childNode(node, "expression");
    const colon = childToken(node, "Colon");
    if (value !== undefined || colon !== undefined || childToken(node, "Assign") !== undefined) {
      this.#refuseColon(colon);
      return { kind: "Setting", key, value: this.builder.value(node), span };
    }
    const name = childToken(node, "name");
    return {
      kind: "Block",
      keyword: key,
      name: name === undefined ? null : this.context.declare(name),
      entries: this.#machine(childNode(node, "machineBody")),
      span,
    };
  }

  /** A variable of the machine: each machine has its own. */
  #machineLet(node: CstNode): MachineEntry {
    const value = this.builder.value(node);
    const span = this.context.nodeSpan(node);
    return { kind: "Let", name: this.builder.declaredName(node), value, span };
  }

  /** `on write 0x10 { … }`: its block is a function, of `value` where something is written. */
  #register(node: CstNode): MachineEntry | null {
    const span = this.context.nodeSpan(node);
    const on = childToken(node, "On");
    const write = childToken(node, "Write");
    const word = write ?? childToken(node, "Read");
    if (on === undefined || word === undefined) return null;
    const access = write === undefined ? "read" : "write";
    const wordsSpan = this.context.span(on.startOffset, tokenEnd(word));
    const offset = this.builder.value(node);
    // The same name for the same tree, however its offset is laid out.
    const where = spanText(offset.span).replace(/#.*|\s+/g, "");
    const name = { text: `on ${access} ${where}`, span: wordsSpan };
    const parameters = access === "write" ? [{ text: "value", span: wordsSpan }] : [];
    const body = this.#body(node);
    const handler = { kind: "Function", name, parameters, body, span } as const;
    return { kind: "Register", access, wordsSpan, offset, handler, span };
  }

  /** A key that is an event's name has dots in it: `iotlb.sync`. */
  #dotted(words: readonly IToken[]): Name | null {
    const first = words[0];
    const last = words.at(-1);
    if (first === undefined || last === undefined) return null;
    return {
      text: words.map((word) => word.image).join("."),
      span: this.context.span(first.startOffset, tokenEnd(last)),
    };
  }

  #refuseColon(colon: IToken | undefined): void {
    if (colon === undefined) return;
    this.context.errorOn(
      "E0201",
      colon,
      "Expected `=` between a key and its value, found `:`",
      "keys of the machine take `=`; `:` belongs in records and arguments",
    );
  }

  /** The entries of `with`, `matrix` and `compare`. */
  pathEntries(node: CstNode | undefined): readonly PathEntry[] {
    if (node === undefined) return [];
    const seen = new Map<string, Name>();
    return this.context.separated(children(node, "item")).map((entry) => {
      this.#refuseColon(childToken(entry, "Colon"));
      const words = childTokens(entry, "name");
      const whole = this.#dotted(words);
      if (whole !== null) {
        const first = seen.get(whole.text);
        if (first !== undefined) this.builder.expressions.reportTwice(whole, first);
        else seen.set(whole.text, whole);
      }
      return {
        path: words.map((word) => this.context.name(word)),
        value: this.builder.value(entry),
        span: this.context.nodeSpan(entry),
      };
    });
  }

  // -- Tests, properties, benches ---------------------------------------------------------------

  #case(node: CstNode): Statement {
    const { context } = this;
    const span = context.nodeSpan(node);
    const kind = childToken(node, "Test") !== undefined
      ? "Test"
      : childToken(node, "Property") !== undefined
      ? "Property"
      : "Bench";
    const token = childToken(node, "name");
    if (token === undefined) return { kind: "ErrorStatement", span };
    const table = this.#table(node, token);
    const common = {
      name: table === null
        ? this.plainText(token, `The name of a ${kind.toLowerCase()}`)
        : spanText(context.tokenSpan(token)).slice(1, -1),
      nameSpan: context.tokenSpan(token),
      skip: childToken(node, "Skip") !== undefined,
      modifiers: childNodes(node, "modifier").map((modifier) => this.#modifier(modifier)),
      span,
    };
    switch (kind) {
      case "Test":
        return { kind, ...common, table, body: this.#body(node) };
      case "Property": {
        const forall = this.#bindings(childNode(node, "bindings"));
        return { kind, ...common, forall, body: this.#body(node) };
      }
      case "Bench":
        return { kind, ...common, ...this.#bench(childNode(node, "benchBody"), span.end) };
    }
  }

  /** `for row in rows` behind a test's name, which may then hold parts of the row. */
  #table(node: CstNode, name: IToken): TestTable | null {
    const binding = childNode(node, "binding");
    if (binding === undefined) return null;
    const literal = this.builder.expressions.literal(name);
    return {
      name: this.builder.declaredName(binding),
      values: this.builder.value(binding),
      nameParts: literal.kind === "String" ? literal.parts : [],
      span: this.context.nodeSpan(binding),
    };
  }

  #modifier(node: CstNode): MachineModifier {
    return {
      kind: childToken(node, "Matrix") !== undefined ? "Matrix" : "With",
      entries: this.pathEntries(childNode(node, "pathEntries")),
      span: this.context.nodeSpan(node),
    };
  }

  #bindings(node: CstNode | undefined): readonly ForallBinding[] {
    if (node === undefined) return [];
    return childNodes(node, "binding").map((binding) => ({
      name: this.builder.declaredName(binding),
      values: this.builder.value(binding),
      span: this.context.nodeSpan(binding),
    }));
  }

  #bench(
    node: CstNode | undefined,
    end: number,
  ): { setup: Block | null; loop: Block; budgets: readonly BenchBudget[] } {
    const { context } = this;
    let setup: Block | null = null;
    let loop: Block | null = null;
    let hasStrays = false;
    const budgets: BenchBudget[] = [];
    for (const item of node === undefined ? [] : childNodes(node, "item")) {
      const span = context.nodeSpan(item);
      if (item.name === "budget") {
        const condition: Expression = this.builder.value(item);
        budgets.push({ condition, perIteration: childToken(item, "Per") !== undefined, span });
      } else if (item.name === "setup") {
        if (setup !== null || loop !== null) {
          this.#reportBench(item, setup !== null ? "Second `setup`" : "`setup` after `loop`");
        }
        setup = this.#body(item);
      } else if (item.name === "loop") {
        if (loop !== null) this.#reportBench(item, "Second `loop`");
        loop = this.#body(item);
      } else {
        // A loop with something between its word and its block.
        if (context.source.text.startsWith("loop ", span.start)) {
          this.#reportBench(item, "`loop` takes no count", LOOP_COUNT);
        } else if (!hasStrays) this.#reportBench(item, "Statement outside `setup` and `loop`");
        hasStrays = true;
      }
    }
    if (loop === null && !hasStrays && node !== undefined && node.recoveredNode !== true) {
      const at = context.nodeSpan(node).start;
      context.reporter.error("E0218", at, at + 1, "Bench without `loop { … }`", {
        hint: "put the code to measure into `loop { … }`",
      });
    }
    return { setup, loop: loop ?? { statements: [], span: context.span(end, end) }, budgets };
  }

  #reportBench(item: CstNode, message: string, hint = BENCH_PARTS): void {
    const { start, end } = this.context.nodeSpan(item);
    this.context.reporter.error("E0218", start, end, message, { hint });
  }
}
