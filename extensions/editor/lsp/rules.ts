/**
 * Citations of rules from docs/rules in a text, such as `dma.3.3`: links to the rules, and their
 * texts.
 */
import { pathToFileURL } from "node:url";
import type * as Lsp from "vscode-languageserver-protocol/node";
import { RULE_PAGES } from "@dmalab/lang/editor";
import type { SourceFile } from "@dmalab/lang";
import { explain, RulePage } from "@dmalab/cli/scenario";
import { DOCS, readRulePage } from "@dmalab/cli";
import { offsetOf, rangeOf, type Understood } from "./documents.ts";

interface Citation {
  readonly page: string;
  readonly key: string;
  readonly start: number;
  readonly end: number;
}

const PAGES = RULE_PAGES.map((page) => page.replaceAll(".", "\\.")).join("|");

/** The citations in comments: elsewhere such a word is a member access. */
function* citationsIn({ text }: SourceFile): Generator<Citation> {
  const cited = new RegExp(`\\b(${PAGES})\\.(\\w+(?:\\.\\w+)*)`, "g");
  for (const comment of text.matchAll(/#.*/g)) {
    for (const { 0: whole, 1: page, 2: key, index } of comment[0].matchAll(cited)) {
      const start = comment.index + index;
      yield { page: page!, key: key!, start, end: start + whole.length };
    }
  }
}

export function ruleLinks({ analysis: { source } }: Understood): Lsp.DocumentLink[] {
  return [...citationsIn(source)].flatMap(({ end, key, page, start }) => {
    const text = readRulePage(page);
    const rule = new RulePage(page, text).find(key);
    if (rule === null) return [];
    const line = text.split("\n").indexOf(rule.lines[0]!) + 1;
    const target = `${pathToFileURL(`${DOCS}/rules/${page}.md`)}#L${line}`;
    return [{ range: rangeOf({ source, start, end }), target, tooltip: `${page}.${key}` }];
  });
}

/** The text of the rule cited at a position; null without a citation. */
export function ruleHover(of: Understood, position: Lsp.Position): Lsp.Hover | null {
  const { source } = of.analysis;
  const offset = offsetOf(of, position);
  for (const { end, key, page, start } of citationsIn(source)) {
    if (offset < start || offset > end) continue;
    const rule = explain(`${page}.${key}`, readRulePage);
    if (!rule.found) return null;
    return {
      range: rangeOf({ source, start, end }),
      contents: { kind: "markdown", value: rule.lines.join("\n") },
    };
  }
  return null;
}
