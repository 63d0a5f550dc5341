/** What every `*.dma` resolves to: `deno run -R=. scenario.dma`. */
import "@dmalab/cli/run_main";
