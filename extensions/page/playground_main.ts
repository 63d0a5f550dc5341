/// <reference lib="dom" />
/**
 * The playground in one script. If there is a document, the script is the page. In a worker, it is the
 * engine.
 */
import { Engine } from "./engine/engine.ts";
import { startPlayground } from "./page/playground.ts";

if ("document" in globalThis) startPlayground();
else {
  const engine = new Engine((answer) => postMessage(answer));
  onmessage = ({ data }) => engine.handle(data);
  postMessage({ kind: "ready" });
}
