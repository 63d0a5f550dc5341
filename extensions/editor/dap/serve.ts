/** Accepts clients: on the standard streams, or on a port of this host. */
import { createServer } from "node:net";
import process from "node:process";
import type { Readable, Writable } from "node:stream";
import { host, hostReason } from "@dmalab/cli";
import { refuse, type Screen, startJob } from "@dmalab/cli/extend";
import { type ExitCode, HELD } from "@dmalab/cli/exit_code";
import { framed } from "../message_frames.ts";
import { Cancellation } from "./cancellation.ts";
import { type Arrival, ClientReader, type StdinJob } from "./client_reader.ts";

/** Only local programs may connect, because a client's launch makes this process read files. */
const HOST = "127.0.0.1";

/** Serves the client on the standard streams until it disconnects. */
export async function serveStreams(screen: Screen): Promise<ExitCode> {
  const cancellation = new Cancellation();
  const job: StdinJob = { kind: "dap_stdin", path: null, shared: cancellation.shared };
  // The worker loads at the same time as this thread. Messages that it reads before this thread is
  // ready are delivered later.
  const worker = startJob(job);
  const session = openSession(process.stdout, cancellation);
  worker.onmessage = ({ data }: MessageEvent<Arrival>) =>
    void session.then((each) => each.receive(data));
  const problem = await (await session).closed;
  worker.terminate();
  // Waits until the last answer is written, before the process ends.
  await new Promise<void>((resolve) => {
    process.stdout.on("error", () => resolve());
    process.stdout.write("", () => resolve());
  });
  return problem === null ? HELD : refuse(problem, screen);
}

/**
 * Serves a client over streams that this thread reads, until the client disconnects.
 *
 * @returns Null if the client's input followed the protocol; otherwise the reason why it did not.
 */
export async function serveClient(input: Readable, output: Writable): Promise<string | null> {
  const cancellation = new Cancellation();
  const session = await openSession(output, cancellation);
  const reader = new ClientReader(cancellation, (arrival) => session.receive(arrival));
  input.on("data", (chunk: Uint8Array) => reader.take(chunk));
  for (const ending of ["end", "close", "error"]) input.on(ending, () => reader.end());
  const problem = await session.closed;
  // Otherwise the rest of the input would keep the process alive.
  input.pause();
  return problem;
}

async function openSession(output: Writable, cancellation: Cancellation) {
  const { DapSession } = await import("./session.ts");
  let isGone = false;
  const session = new DapSession((message) => {
    // A write to a disconnected client fails, and the failure would cause further writes.
    if (!isGone) output.write(framed(message));
  }, cancellation);
  output.on("error", () => {
    isGone = true;
    session.receive({ kind: "end", problem: null });
  });
  return session;
}

/** Serves the clients of a port, each in a separate session, until the process ends. */
export function servePort(port: number, screen: Screen): Promise<ExitCode> {
  const { state } = host.permissions.querySync({ name: "net", host: `${HOST}:${port}` });
  if (state !== "granted") {
    const problem = `Deno was not permitted to listen; \`--allow-net=${HOST}\` permits it`;
    return Promise.resolve(refuse(problem, screen));
  }
  return new Promise((resolve) => {
    const server = createServer((socket) => {
      socket.setNoDelay(true);
      serveClient(socket, socket).then((problem) => {
        if (problem !== null) screen.err(`A client was dropped: ${problem}\n`);
      }).finally(() => socket.destroySoon());
    });
    server.on("error", (error) => {
      resolve(refuse(`Cannot listen on port ${port}: ${hostReason(error)}`, screen));
    });
    server.listen(port, HOST, () => screen.err(`listening on ${HOST}:${port}\n`));
  });
}
