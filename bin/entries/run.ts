/** The module that every `*.dma` resolves to: `deno run -R=. scenario.dma`. */
import "../run_main.ts";
