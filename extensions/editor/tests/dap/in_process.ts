/** A client with an adapter in the same process, at the two ends of a pipe. */
import { PassThrough } from "node:stream";
import { serveClient } from "../../dap/serve.ts";
import { Client } from "./client.ts";

/** A client that talks to an adapter; both end with its block. */
export async function startClient(): Promise<Client & AsyncDisposable> {
  const input = new PassThrough();
  const output = new PassThrough();
  const client = new Client((bytes) => input.write(bytes));
  output.on("data", (bytes: Uint8Array) => client.receive(bytes));
  const served = serveClient(input, output);
  await client.body("initialize", { adapterID: "dmalab" });
  return Object.assign(client, {
    async [Symbol.asyncDispose]() {
      await client.ask("disconnect");
      await served;
      input.destroy();
      output.destroy();
    },
  });
}
