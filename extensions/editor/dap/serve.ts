/** Where clients come from: the standard streams, or a port of this host. */
import { createServer } from "node:net";
import process from "node:process";
import { refuse, type Screen } from "@dmalab/cli/extend";
import { type ExitCode, HELD } from "@dmalab/cli/exit_code";
import { host, hostReason } from "@dmalab/cli";
import { StdinWorker } from "./stdin_worker.ts";
import { DapSession } from "./session.ts";

/** Only programs of this host may connect: a launch reads files. */
const HOST = "127.0.0.1";

/** Serves the client at the other end of the standard streams, until it is gone. */
export async function serveStreams(screen: Screen): Promise<ExitCode> {
  const heard = new StdinWorker();
  const problem = await new DapSession(heard).serve(heard.stream, process.stdout);
  heard.close();
  // The last answer is written before the process ends.
  await new Promise<void>((resolve) => {
    process.stdout.on("error", () => resolve());
    process.stdout.write("", () => resolve());
  });
  return problem === null ? HELD : refuse(problem, screen);
}

/** Serves the clients of a port, each in a session of its own, until the process ends. */
export function servePort(port: number, screen: Screen): Promise<ExitCode> {
  const { state } = host.permissions.querySync({ name: "net", host: `${HOST}:${port}` });
  if (state !== "granted") {
    const problem = `Deno was not permitted to listen; \`--allow-net=${HOST}\` permits it`;
    return Promise.resolve(refuse(problem, screen));
  }
  return new Promise((resolve) => {
    const server = createServer((socket) => {
      socket.setNoDelay(true);
      new DapSession().serve(socket, socket).then((problem) => {
        if (problem !== null) screen.err(`A client was dropped: ${problem}\n`);
      }).finally(() => socket.destroySoon());
    });
    server.on("error", (error) => {
      resolve(refuse(`Cannot listen on port ${port}: ${hostReason(error)}`, screen));
    });
    server.listen(port, HOST, () => screen.err(`listening on ${HOST}:${port}\n`));
  });
}
