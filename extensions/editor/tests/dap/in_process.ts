/** A client and an adapter in the same process, connected by pipes. */
import { PassThrough } from "node:stream";
import { serveClient } from "../../dap/serve.ts";
import { TempFolder } from "@dmalab/tools";
import { Client } from "./client.ts";

type StartedClient = Client & AsyncDisposable & { readonly program: string };

/**
 * A client that is connected to an adapter, and a file with a scenario's text. The two are disposed
 * at the end of the block.
 */
export async function startClient(text = ""): Promise<StartedClient> {
  const folder = new TempFolder();
  const input = new PassThrough();
  const output = new PassThrough();
  const client = new Client((bytes) => input.write(bytes));
  output.on("data", (bytes: Uint8Array) => client.receive(bytes));
  const served = serveClient(input, output);
  await client.body("initialize", { adapterID: "dmalab" });
  return Object.assign(client, {
    program: folder.write("lab.dma", text),
    async [Symbol.asyncDispose]() {
      await client.ask("disconnect");
      await served;
      input.destroy();
      output.destroy();
      folder[Symbol.dispose]();
    },
  });
}
