import { ssrRenderAttrs } from "vue/server-renderer";
import { useSSRContext } from "vue";
import { _ as _export_sfc } from "./plugin-vue_export-helper.1tPrXgE0.js";
const __pageData = JSON.parse('{"title":"Rules of the kernel","description":"","frontmatter":{},"headers":[],"relativePath":"rules/index.md","filePath":"rules/index.md"}');
const _sfc_main = { name: "rules/index.md" };
function _sfc_ssrRender(_ctx, _push, _parent, _attrs, $props, $setup, $data, $options) {
  _push(`<div${ssrRenderAttrs(_attrs)}><h1 id="rules-of-the-kernel" tabindex="-1">Rules of the kernel <a class="header-anchor" href="#rules-of-the-kernel" aria-label="Permalink to &quot;Rules of the kernel&quot;">​</a></h1><ul><li><a href="/rules/block.html">Block layer: limits, splitting, merging, DMA mapping</a></li><li><a href="/rules/c-api.html">C interface facts for driver mapping code</a></li><li><a href="/rules/captured.html">What the captured kernels do (7.2.12 and 6.12.117)</a></li><li><a href="/rules/defects.html">Defects of real releases, as switches</a></li><li><a href="/rules/dma.html">DMA mapping behaviour specification (Linux 7.2)</a></li><li><a href="/rules/hmm-rdma-vfio.html">HMM DMA maps, RDMA on-demand paging, VFIO mlx5 migration buffers</a></li><li><a href="/rules/nvme.html">NVMe PCI host driver: mapping, descriptors, queues, bring-up</a></li><li><a href="/rules/p2p.html">PCI peer-to-peer DMA behaviour specification (Linux 7.2, 6.12 differences in §9.9)</a></li><li><a href="/rules/traces.html">Traces and logs of real machines: formats, traps, what may be concluded</a></li><li><a href="/rules/v7.3.html">Linux 7.3 against 7.2: what differs for a caller</a></li></ul></div>`);
}
const _sfc_setup = _sfc_main.setup;
_sfc_main.setup = (props, ctx) => {
  const ssrContext = useSSRContext();
  (ssrContext.modules || (ssrContext.modules = /* @__PURE__ */ new Set())).add("rules/index.md");
  return _sfc_setup ? _sfc_setup(props, ctx) : void 0;
};
const index = /* @__PURE__ */ _export_sfc(_sfc_main, [["ssrRender", _sfc_ssrRender]]);
export {
  __pageData,
  index as default
};
