/** The client at the other end of the standard streams. */
import process from "node:process";
import { Server } from "./server.ts";

/** Serves it until it is gone. @returns Why it was dropped; null where it left. */
export async function serveStreams(): Promise<string | null> {
  const problem = await new Server(process.stdin, process.stdout).serve();
  process.stdin.destroy();
  return problem;
}
