/// <reference lib="dom" />
/** The playground: one script, which is the page if there is a document, and the engine in a worker. */
import { Engine } from "./engine/engine.ts";
import { startPlayground } from "./page/playground.ts";

if ("document" in globalThis) startPlayground();
else {
  const engine = new Engine((answer) => postMessage(answer));
  onmessage = ({ data }) => engine.handle(data);
  postMessage({ kind: "ready" });
}
