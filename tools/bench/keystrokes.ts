/** Time from a key in an editor to the diagnostics, and to completion. */
import { PassThrough } from "node:stream";
import * as Lsp from "vscode-languageserver-protocol/node";
import { Server } from "@dmalab/editor";
import { type Benchmark, benchResult } from "./benchmark.ts";
import { median } from "@dmalab/cli/bench";

const URI = "file:///nowhere/long.dma";
const LINES = 1000;
const ROUNDS = 15;
const WARM_UPS = 5;

/** A text of a thousand lines: tests of ten lines each, with calls, records and events. */
function longText(): string {
  const head = "machine { iommu { mode = strict }\n  pci { root_port rp0 { nvme ssd { } } } }\n";
  const tests = Array.from({ length: LINES / 10 }, (_, number) =>
    `test "read ${number}" {
  let buf = alloc_pages(4, contiguous: false)
  let io = ssd.submit(read, lba: ${number}, into: buf)
  step until io.mapped
  let request = io.requests[0]
  assert request.iova.size == 16KiB
  wait io
  expect events [ iova.alloc, iommu.map{4} ] in request
  assert io.status == OK
}
`);
  return head + tests.join("");
}

/** Types a character and measures the time until both results have arrived, repeatedly. */
async function measure(): Promise<{ readonly wrong: number; readonly completion: number }> {
  const [toServer, toClient] = [new PassThrough(), new PassThrough()];
  const served = new Server(toServer, toClient).serve();
  const client = Lsp.createProtocolConnection(
    new Lsp.StreamMessageReader(toClient),
    new Lsp.StreamMessageWriter(toServer),
  );
  let published = (_version: number) => {};
  client.onNotification(
    Lsp.PublishDiagnosticsNotification.type,
    ({ version }) => published(version ?? -1),
  );
  client.listen();
  await client.sendRequest(Lsp.InitializeRequest.type, {
    processId: null,
    rootUri: null,
    capabilities: {},
  });
  const text = longText();
  await client.sendNotification(Lsp.DidOpenTextDocumentNotification.type, {
    textDocument: { uri: URI, languageId: "dma", version: 0, text },
  });
  const position = { line: LINES / 2 + 3, character: 0 };
  const times = { wrong: [] as number[], completion: [] as number[] };
  for (let version = 1; version <= 2 * (ROUNDS + WARM_UPS); version++) {
    const asksForWords = version % 2 === 0;
    const isWrong = new Promise<void>((resolve) => {
      published = (known) => known === version && resolve();
    });
    const start = performance.now();
    await client.sendNotification(Lsp.DidChangeTextDocumentNotification.type, {
      textDocument: { uri: URI, version },
      contentChanges: [{ range: { start: position, end: position }, text: " " }],
    });
    if (asksForWords) {
      await client.sendRequest(Lsp.CompletionRequest.type, {
        textDocument: { uri: URI },
        position,
      });
    } else await isWrong;
    const kind = asksForWords ? "completion" : "wrong";
    if (version > 2 * WARM_UPS) times[kind].push(performance.now() - start);
    if (asksForWords) await isWrong;
  }
  client.end();
  client.dispose();
  toServer.end();
  await served;
  return { wrong: median(times.wrong), completion: median(times.completion) };
}

export const KEYSTROKES: Benchmark = {
  name: "lsp",
  doc:
    "an editor's wait after a key in a file of 1,000 lines: diagnostics, the pause of 25 ms among it, and completion",
  async run() {
    const { completion, wrong } = await measure();
    return [
      benchResult("lsp.keystroke", wrong, "ms"),
      benchResult("lsp.completion", completion, "ms"),
    ];
  },
};
