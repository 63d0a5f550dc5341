/** Input on the debug adapter's streams or port that does not come from a client. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { connect } from "node:net";
import { PassThrough } from "node:stream";
import { serveClient } from "@dmalab/editor";
import { startClient } from "@dmalab/editor/tests";
import { runDeno } from "../deno_process.ts";
import { ROOT } from "../source_text.ts";

const LAUNCH = JSON.stringify({
  seq: 1,
  type: "request",
  command: "launch",
  arguments: { program: "examples/start/01-first-look.dma" },
});
const FRAME = `Content-Length: ${LAUNCH.length}\r\n\r\n${LAUNCH}`;

/** The first bytes sent, and the adapter's message about them. */
const NO_CLIENTS: Readonly<Record<string, readonly [sent: string, said: RegExp]>> = {
  "a form of a web page": [
    `POST / HTTP/1.1\r\nHost: 127.0.0.1:4711\r\nOrigin: http://a.test\r\n${FRAME}`,
    /"POST \/ HTTP\/1\.1" is not a header/,
  ],
  "a web socket": [`GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n${FRAME}`, /"GET \/ HTTP/],
  "a header that only HTTP has behind one of the protocol": [
    `Content-Length: 4\r\nHost: 127.0.0.1\r\n\r\n${FRAME}`,
    /"Host: 127\.0\.0\.1" is not a header/,
  ],
  "a form's own content type in front": [
    `Content-Disposition: form-data\r\n\r\n${FRAME}`,
    /"Content-Disposition: form-data" is not a header/,
  ],
  "TLS": ["\x16\x03\x01\x02\x00\x01", /is not a header/],
  "a header that ends with LF": [
    FRAME.replaceAll("\r\n", "\n"),
    /"Content-Length: \d+" ends with LF; a header line ends with CR LF/,
  ],
  "no length": [`Content-Type: application/json\r\n\r\n${FRAME}`, /has no Content-Length/],
  "a length that is no number": [`Content-Length: much\r\n\r\n${FRAME}`, /"Content-Length: much"/],
  "a length below zero": [`Content-Length: -1\r\n\r\n${FRAME}`, /"Content-Length: -1"/],
  "a message without an end": [`Content-Length: 99999999999\r\n\r\n{`, /99999999999 bytes is too/],
  "a header without an end": [`Content-Length: ${"0".repeat(2000)}`, /more than 1024 bytes/],
  "headers without an end": ["Content-Type: x\r\n".repeat(100), /more than 1024 bytes/],
  "a line that would clear the terminal": ["\x1b[2J\x1b[H\r\n\r\n", /"␛\[2J␛\[H" is not a header/],
};

/** Sends bytes in pieces. @returns The session's message, and all of its answers. */
async function sent(text: string, pieceBytes: number) {
  const input = new PassThrough();
  const output = new PassThrough();
  let answer = "";
  output.on("data", (bytes: Uint8Array) => answer += new TextDecoder().decode(bytes));
  const served = serveClient(input, output);
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    input.write(bytes.subarray(at, at + pieceBytes));
  }
  const problem = await served;
  input.destroy();
  return { answer, problem };
}

Deno.test("what is no client is dropped at its first line that is not a header, in pieces of any size", async () => {
  for (const [name, [text, said]] of Object.entries(NO_CLIENTS)) {
    for (const pieceBytes of [text.length, 7, 1]) {
      const { answer, problem } = await sent(text, pieceBytes);
      // If a line has not arrived completely, only the part that has arrived is quoted.
      const expected = pieceBytes === text.length
        ? said
        : /is not a header|too long|LF|more|has no/;
      assertMatch(problem ?? "nothing was wrong", expected, name);
      assertStringIncludes(answer, "Malformed message", name);
      assert(!answer.includes('"command":"launch"'), `${name}: it was obeyed`);
    }
  }
});

Deno.test("100,000 breakpoints are set and searched as fast as their answers are written", async () => {
  const program = join(ROOT, "examples/start/01-first-look.dma");
  const breakpoints = Array.from({ length: 100_000 }, () => ({ line: 12 }));
  await using client = await startClient();
  const source = { path: program };
  const early = await client.ask("setBreakpoints", { source, breakpoints });
  assertMatch(early.message!, /No run is launched \(launch first;/);
  await client.body("launch", { program });
  const set = await client.body("setBreakpoints", { source, breakpoints });
  assert(set.breakpoints.every(({ verified }: { verified: boolean }) => verified));
  assertEquals((await client.move("configurationDone")).hitBreakpointIds, [1]);
});

Deno.test("a header in any spelling that the protocol allows is read", async () => {
  const disconnect = '{"seq":1,"type":"request","command":"disconnect"}';
  const header = "content-length:  49\r\nContent-Type: application/vscode-jsonrpc; charset=utf-8";
  for (const pieceBytes of [1, 10, 1000]) {
    const { answer, problem } = await sent(`${header}\r\n\r\n${disconnect}`, pieceBytes);
    assertEquals(problem, null);
    assertStringIncludes(answer, '"success":true');
  }
});

Deno.test("a web page's request on the port is dropped and named, and launches nothing", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-prompt", "-R", "--allow-net=127.0.0.1"],
      ...["bin/main.ts", "dap", `--port=${freePort()}`],
    ],
    cwd: ROOT,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const said = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  try {
    const listening = (await said.read()).value ?? "";
    const port = Number(/listening on 127\.0\.0\.1:(\d+)/.exec(listening)![1]);
    const [request] = NO_CLIENTS["a form of a web page"]!;
    const answer = await new Promise<string>((resolve, reject) => {
      let text = "";
      const socket = connect(port, "127.0.0.1", () => socket.write(request));
      socket.on("data", (bytes) => text += bytes.toString());
      socket.on("close", () => resolve(text));
      socket.on("error", reject);
    });
    assert(!answer.includes('"response"'));
    const dropped = (await said.read()).value ?? "";
    assertMatch(dropped, /^A client was dropped: "POST \/ HTTP\/1\.1" is not a header/);
  } finally {
    child.kill();
    await child.status;
    await said.cancel();
  }
});

/** A port that was free a moment ago. */
function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return port;
}

Deno.test("a field that is null is a field that is left out", async () => {
  await using client = await startClient();
  const program = join(ROOT, "examples/start/01-first-look.dma");
  await client.body("launch", { program, run: null, limits: null });
  await client.event("initialized");
  const nothing = { condition: null, hitCondition: null, logMessage: null };
  const { breakpoints } = await client.body("setBreakpoints", {
    source: { path: program, name: null },
    breakpoints: [{ line: 20, column: null, ...nothing }],
  });
  assertEquals(breakpoints[0].verified, true);
  await client.body("setFunctionBreakpoints", {
    breakpoints: [{ name: "iommu.map", ...nothing }],
  });
  await client.body("setExceptionBreakpoints", { filters: ["fault"], filterOptions: null });
  await client.body("setBreakpoints", { source: { path: program }, breakpoints: null });
});

Deno.test("a port that cannot be one is a sentence and exit code 2", async () => {
  const args = ["run", "--no-prompt", "-R", "bin/main.ts", "dap", "--port", "70000"];
  const { code, output } = await runDeno(args, { folder: ROOT });
  assertEquals([code, output], [2, "error: --port: it takes at most 65535, not 70000\n"]);
});

Deno.test("bytes that are no messages on the standard input end the adapter with exit code 2", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "-R", "bin/main.ts", "dap"],
    cwd: ROOT,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  // The input stays open. Therefore it is the error that ends the adapter, and not the end of the
  // input.
  const input = child.stdin.getWriter();
  await input.write(new TextEncoder().encode(FRAME.replaceAll("\r\n", "\n")));
  const { code, stderr } = await child.output();
  await input.close().catch(() => {});
  assertEquals(code, 2);
  assertMatch(new TextDecoder().decode(stderr), /^error: "Content-Length: \d+" ends with LF/m);
});
