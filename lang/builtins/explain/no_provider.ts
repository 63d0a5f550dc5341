/** Why a function provides no memory to peers. */
import { PAGES_UNIT_BYTES, type PciFunction } from "@dmalab/devices";
import { formatSize } from "../../text/numbers.ts";

/**
 * The reason why a function is not a provider, as a sentence without its full stop, and a hint.
 *
 * @param func A function that is not a provider.
 * @see rules/p2p.md 9.3
 */
export function noProvider(
  func: PciFunction,
): { readonly message: string; readonly hint: string } {
  const message = `${func.name} provides no memory to peers`;
  const bar = func.bars.find(({ peerBytes }) => peerBytes % PAGES_UNIT_BYTES !== 0);
  if (bar === undefined) {
    return { message, hint: "give it `p2pmem` in the machine, or call pcim_p2pdma_init" };
  }
  const unit = formatSize(PAGES_UNIT_BYTES);
  return {
    message: `${message}: its \`p2pmem\` of ${
      formatSize(bar.peerBytes)
    } is not a multiple of ${unit}`,
    hint: `pages of device memory are made for multiples of ${unit}: \`dmalab explain p2p.9.3\``,
  };
}
