/** A client with an adapter in the same process, at the two ends of a pipe. */
import { PassThrough } from "node:stream";
import { serveClient } from "../../dap/serve.ts";
import { Client } from "./client.ts";

/** Lets a client talk to an adapter, and sees to it that both end. */
export async function withClient(work: (client: Client) => Promise<void>): Promise<void> {
  const input = new PassThrough();
  const output = new PassThrough();
  const client = new Client((bytes) => input.write(bytes));
  output.on("data", (bytes: Uint8Array) => client.receive(bytes));
  const served = serveClient(input, output);
  try {
    await client.body("initialize", { adapterID: "dmalab" });
    await work(client);
  } finally {
    await client.ask("disconnect");
    await served;
    input.destroy();
    output.destroy();
  }
}
