/** The client at the other end of the standard streams. */
import process from "node:process";
import { Server } from "./server.ts";

/** Serves it until it is gone. */
export async function serveStreams(): Promise<void> {
  await new Server(process.stdin, process.stdout).serve();
  process.stdin.destroy();
}
