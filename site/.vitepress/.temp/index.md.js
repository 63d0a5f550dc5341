import { ssrRenderAttrs } from "vue/server-renderer";
import { useSSRContext } from "vue";
import { _ as _export_sfc } from "./plugin-vue_export-helper.1tPrXgE0.js";
const __pageData = JSON.parse('{"title":"dmalab","description":"","frontmatter":{},"headers":[],"relativePath":"index.md","filePath":"index.md"}');
const _sfc_main = { name: "index.md" };
function _sfc_ssrRender(_ctx, _push, _parent, _attrs, $props, $setup, $data, $options) {
  _push(`<div${ssrRenderAttrs(_attrs)}><h1 id="dmalab" tabindex="-1">dmalab <a class="header-anchor" href="#dmalab" aria-label="Permalink to &quot;dmalab&quot;">​</a></h1><p>A laboratory for DMA mapping: a simulation of the Linux DMA-mapping code and of NVMe, in user space, in TypeScript. Describe a machine in a few lines, run mapping calls or whole disk requests on it step by step, and assert the result. Bios are split, IOVAs allocated, page-table entries written, PRP lists and SGLs built, walked by a simulated controller, and unmapped, as Linux 6.12, 7.2 and 7.3 do it; captures from real kernels verify each of these steps. Bounce buffers, peer-to-peer DMA, on-demand paging of RDMA memory and device migration use the same code. Every run is deterministic, every decision names the rule behind it, and a recorded run can be stepped forwards and backwards.</p><p>It is for authors and reviewers of drivers and block-layer patches, for engineers with an IOMMU fault to explain, and for those who teach or learn how DMA mapping works.</p><ul><li><strong><a href="/start/driver.html">A driver of mine</a></strong></li><li><strong><a href="/start/trace.html">A trace of mine</a></strong></li><li><strong><a href="/start/learning.html">Learning</a></strong></li></ul><p><a href="/course.html">The course</a> has ten lessons, <a href="/rules/">the rules</a> say what the kernel does, <a href="/about.html">about</a> has a first look and how to install.</p></div>`);
}
const _sfc_setup = _sfc_main.setup;
_sfc_main.setup = (props, ctx) => {
  const ssrContext = useSSRContext();
  (ssrContext.modules || (ssrContext.modules = /* @__PURE__ */ new Set())).add("index.md");
  return _sfc_setup ? _sfc_setup(props, ctx) : void 0;
};
const index = /* @__PURE__ */ _export_sfc(_sfc_main, [["ssrRender", _sfc_ssrRender]]);
export {
  __pageData,
  index as default
};
