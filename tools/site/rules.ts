/** The rules of the kernel with permanent addresses: `rules/dma#dma.3.3`. */
import { RulePage } from "@dmalab/cli/scenario";
import { RULE_PAGES } from "@dmalab/lang/editor";
import { readRulePage } from "@dmalab/cli";

const BOOKS = RULE_PAGES.map((name) => new RulePage(name, readRulePage(name)));

/** The page of each rule, by the names with which it is cited, in lower case. */
const RULES: ReadonlyMap<string, { readonly name: string; readonly page: string }> = new Map(
  BOOKS.flatMap((book) =>
    book.names.map((name) => [name.toLowerCase(), { name, page: book.name }] as const)
  ),
);

const RULE = `(${RULE_PAGES.map((page) => page.replaceAll(".", "\\.")).join("|")})` +
  "(?:\\.md |\\.)((?:[A-Z]\\.)?\\d+(?:\\.\\w+)*)";
const CITATION = new RegExp(`(?<![\\w./#"-])${RULE}`, "g");

/**
 * The address of a rule. For a citation of a row or assertion, the address of the rule that
 * contains it. Null for a text that is not a rule.
 */
export function addressOfRule(citation: string): string | null {
  for (let name = citation.toLowerCase(); name !== ""; name = name.replace(/\.?[^.]*$/, "")) {
    const rule = RULES.get(name);
    if (rule !== undefined) {
      return rule.name === rule.page ? null : `/rules/${rule.page}.md#${rule.name}`;
    }
  }
  return null;
}

/**
 * Turns the rules that a text cites into links: Markdown links, unless `link` makes other links.
 */
export function linkRules(
  text: string,
  link = (cited: string, address: string) => `[${cited}](${address})`,
): string {
  return text.replace(CITATION, (cited, page: string, number: string) => {
    const address = addressOfRule(`${page}.${number}`);
    return address === null ? cited : link(cited, address);
  });
}

/** A pattern for citations of rules in code, and the address of each rule on the built site. */
export function ruleCitations(): {
  readonly pattern: string;
  readonly addresses: Readonly<Record<string, string>>;
} {
  const addresses = [...RULES.keys()].flatMap((name) => {
    const address = addressOfRule(name);
    return address === null ? [] : [[name, address.replace(".md#", ".html#")] as const];
  });
  // In code, a text in quotes is a string and not an HTML attribute. Therefore quotes are allowed
  // before a rule.
  return { pattern: `(?<![\\w./#-])${RULE}`, addresses: Object.fromEntries(addresses) };
}

/** The pages of rules by name. Each heading has the name and the address of its rule. */
export function rulePages(): Map<string, string> {
  return new Map(BOOKS.map((book) => [book.name, withAddresses(book)]));
}

function withAddresses(book: RulePage): string {
  const subjects = book.subjects();
  let next = 0;
  return readRulePage(book.name).split("\n").map((line) => {
    const [, marks] = line.match(/^(#{2,}) /) ?? [];
    if (marks === undefined && !/^\*\*[A-Z]\.\d+\*\* /.test(line)) return line;
    const { name, title } = subjects[next++]!;
    if (marks === undefined) return `<a id="${name}"></a>**${name}** ${title}`;
    const isNumbered = /\.(?:\d|assertions$)/.test(name.slice(book.name.length));
    return `${marks} ${isNumbered ? `${name} ` : ""}${title} {#${name}}`;
  }).join("\n");
}
