/** What every `*.dma` resolves to: `deno run -R=. scenario.dma`. */
import "../../../cli/run_main.ts";
