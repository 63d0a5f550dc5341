/** Finds the statements that an assertion depends on, by the names in it. */
import type { Span } from "@dmalab/lang";
import type { Program } from "@dmalab/lang/run";
import {
  type Expression,
  expressionBlocks,
  innerBlocks,
  isDeclaration,
  parse,
  someExpression,
  type Statement,
  statementExpressions,
} from "@dmalab/lang/syntax";

/** A statement that sets or changes the value of a name. */
interface Binding {
  readonly places: readonly Span[];
  /** Names in the statement's expressions. */
  readonly uses: ReadonlySet<string>;
}

/** The bindings of names in one scope: a test, a function, or the top of a file. */
interface Scope {
  readonly span: Span | null;
  readonly bindings: Map<string, Binding[]>;
}

/** An `assert` or `expect events` statement. */
export interface Assertion {
  readonly span: Span;
  /** Names in the statement. */
  readonly uses: ReadonlySet<string>;
}

export class AssertionReads {
  /** All assertions of a program. */
  readonly assertions: Assertion[] = [];
  readonly #scopes: Scope[] = [];
  readonly #top: Scope = { span: null, bindings: new Map() };

  constructor({ files }: Pick<Program, "files">) {
    for (const source of files) {
      for (const statement of parse(source).file.items) this.#collectTop(statement);
    }
  }

  /**
   * Places of all reads that an assertion depends on: reads in the assertion, and in the statements
   * that set the names that it uses.
   */
  placesOf({ span: assertion, uses }: Assertion): readonly Span[] {
    const scope = this.#scopes.find(({ span }) => span !== null && isInside(assertion, span));
    const places = [assertion];
    const seen = new Set<string>();
    const left = [...uses];
    for (let name = left.pop(); name !== undefined; name = left.pop()) {
      if (seen.has(name)) continue;
      seen.add(name);
      for (const { bindings } of scope === undefined ? [this.#top] : [scope, this.#top]) {
        for (const binding of bindings.get(name) ?? []) {
          places.push(...binding.places);
          left.push(...binding.uses);
        }
      }
    }
    return places;
  }

  #collectTop(statement: Statement): void {
    if (statement.kind === "Function") {
      // A call of the function can read everything that its body reads.
      const uses = new Set<string>();
      eachStatement(statement.body.statements, (inner) => addNames(inner, uses));
      bind(this.#top, statement.name.text, { places: [statement.span], uses });
    }
    const isScope = isDeclaration(statement) && statement.kind !== "Const";
    const scope: Scope = isScope ? { span: statement.span, bindings: new Map() } : this.#top;
    if (isScope) this.#scopes.push(scope);
    this.#collect(statement, scope);
  }

  #collect(statement: Statement, scope: Scope): void {
    eachStatement([statement], (each) => {
      const uses = new Set<string>();
      addNames(each, uses);
      if (each.kind === "Assert" || each.kind === "ExpectEvents") {
        this.assertions.push({ span: each.span, uses });
      }
      const name = boundName(each);
      if (name !== null) {
        bind(scope, name, { places: statementExpressions(each).map(({ span }) => span), uses });
      }
    });
  }
}

function bind({ bindings }: Scope, name: string, binding: Binding): void {
  bindings.getOrInsertComputed(name, () => []).push(binding);
}

/** The name that a statement sets or changes; null for other statements. */
function boundName(statement: Statement): string | null {
  switch (statement.kind) {
    case "Let":
    case "Const":
      return statement.name.text;
    case "Assign":
      return statement.target.text;
    case "For":
      return statement.name.text;
    case "Change": {
      let place: Expression = statement.place;
      while (place.kind === "Field" || place.kind === "Index") place = place.object;
      return place.kind === "Name" ? place.name : null;
    }
    default:
      return null;
  }
}

function addNames(statement: Statement, names: Set<string>): void {
  for (const expression of statementExpressions(statement)) {
    someExpression(expression, (inner) => {
      if (inner.kind === "Name") names.add(inner.name);
      return false;
    });
  }
}

/** Visits statements and the statements in their blocks, at any depth. */
function eachStatement(
  statements: readonly Statement[],
  visit: (statement: Statement) => void,
): void {
  for (const statement of statements) {
    visit(statement);
    for (const block of [...innerBlocks(statement), ...expressionBlocks(statement)]) {
      eachStatement(block.statements, visit);
    }
  }
}

export function isInside(inner: Span, outer: Span): boolean {
  return inner.source.name === outer.source.name && outer.start <= inner.start &&
    inner.end <= outer.end;
}
