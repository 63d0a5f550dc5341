/** A client with an adapter in a separate process. */
import { programWords, ROOT } from "@dmalab/tests";
import { Client } from "./client.ts";

/** Runs `dmalab dap` with read permission only. @returns Its exit code. */
export async function withProcess(work: (client: Client) => Promise<void>): Promise<number> {
  const [command, ...args] = programWords("-R");
  const child = new Deno.Command(command, {
    args: [...args, "dap"],
    cwd: ROOT,
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const input = child.stdin.getWriter();
  const client = new Client((bytes) => void input.write(bytes).catch(() => {}));
  const read = (async () => {
    for await (const bytes of child.stdout) client.receive(bytes);
  })();
  try {
    await work(client);
  } finally {
    await input.close().catch(() => {});
  }
  await read;
  return (await child.status).code;
}
