/** What every `*.dma` resolves to: `deno run -R=. scenario.dma`. */
import "@dmalab/bin/run_main";
