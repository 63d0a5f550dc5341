/** Tests requests on texts with marked positions. */
import type * as Lsp from "vscode-languageserver-protocol/node";
import { TextDocument } from "vscode-languageserver-textdocument";
import { marked } from "@dmalab/lang/testing";
import { type Client, open, withClient } from "./_client.ts";

/** Opens a text, with its marks converted to positions of the protocol. */
export async function opened(client: Client, text: string, number: number) {
  const { analysis: { source }, cursor, ranges } = marked(text);
  const uri = `file:///nowhere/${number}.dma`;
  const document = TextDocument.create(uri, "dma", 1, source.text);
  await open(client, source.text, uri);
  return {
    textDocument: { uri },
    position: document.positionAt(Math.max(cursor, 0)),
    ranges: ranges.map(({ end, start }) => ({
      start: document.positionAt(start),
      end: document.positionAt(end),
    })),
    textOf: (range: Lsp.Range) => document.getText(range),
  };
}

export type OpenedDocument = Awaited<ReturnType<typeof opened>>;

/** Tests one request with several texts. */
export function each<E>(
  name: string,
  cases: readonly (readonly [text: string, expected: E])[],
  check: (client: Client, asked: OpenedDocument, expected: E, text: string) => Promise<void>,
): void {
  Deno.test(name, () =>
    withClient(async (client) => {
      for (const [number, [text, expected]] of cases.entries()) {
        await check(client, await opened(client, text, number), expected, text);
      }
    }));
}
