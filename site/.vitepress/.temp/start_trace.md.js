import { ssrRenderAttrs } from "vue/server-renderer";
import { useSSRContext } from "vue";
import { _ as _export_sfc } from "./plugin-vue_export-helper.1tPrXgE0.js";
const __pageData = JSON.parse('{"title":"A trace of mine","description":"","frontmatter":{},"headers":[],"relativePath":"start/trace.md","filePath":"start/trace.md"}');
const _sfc_main = { name: "start/trace.md" };
function _sfc_ssrRender(_ctx, _push, _parent, _attrs, $props, $setup, $data, $options) {
  _push(`<div${ssrRenderAttrs(_attrs)}><h1 id="a-trace-of-mine" tabindex="-1">A trace of mine <a class="header-anchor" href="#a-trace-of-mine" aria-label="Permalink to &quot;A trace of mine&quot;">​</a></h1><ul><li>Find leaks, double unmaps and size mismatches in an ftrace or perf capture, and the call responsible for an IOMMU fault: <code>dmalab trace check</code>, <a href="/traces.html">docs/traces.md</a>.</li><li>Decode the fault lines of a kernel log (VT-d, AMD, Arm SMMUv3): <code>dmesg | dmalab explain -</code>.</li><li>See from <code>lspci</code> output which devices can do peer-to-peer DMA, and why not: <code>dmalab topology</code>, <a href="/topology.html">docs/topology.md</a>.</li></ul></div>`);
}
const _sfc_setup = _sfc_main.setup;
_sfc_main.setup = (props, ctx) => {
  const ssrContext = useSSRContext();
  (ssrContext.modules || (ssrContext.modules = /* @__PURE__ */ new Set())).add("start/trace.md");
  return _sfc_setup ? _sfc_setup(props, ctx) : void 0;
};
const trace = /* @__PURE__ */ _export_sfc(_sfc_main, [["ssrRender", _sfc_ssrRender]]);
export {
  __pageData,
  trace as default
};
