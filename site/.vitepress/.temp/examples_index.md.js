import { ssrRenderAttrs } from "vue/server-renderer";
import { useSSRContext } from "vue";
import { _ as _export_sfc } from "./plugin-vue_export-helper.1tPrXgE0.js";
const __pageData = JSON.parse('{"title":"Examples","description":"","frontmatter":{},"headers":[],"relativePath":"examples/index.md","filePath":"examples/index.md"}');
const _sfc_main = { name: "examples/index.md" };
function _sfc_ssrRender(_ctx, _push, _parent, _attrs, $props, $setup, $data, $options) {
  _push(`<div${ssrRenderAttrs(_attrs)}><h1 id="examples" tabindex="-1">Examples <a class="header-anchor" href="#examples" aria-label="Permalink to &quot;Examples&quot;">​</a></h1><ul><li><a href="/examples/api.html">Examples: api</a></li><li><a href="/examples/block.html">Examples: block</a></li><li><a href="/examples/drivers.html">Examples: drivers</a></li><li><a href="/examples/iova.html">Examples: iova</a></li><li><a href="/examples/museum.html">Examples: museum</a></li><li><a href="/examples/nvme.html">Examples: nvme</a></li><li><a href="/examples/p2p.html">Examples: p2p</a></li><li><a href="/examples/processes.html">Examples: processes</a></li><li><a href="/examples/start.html">Examples: start</a></li><li><a href="/examples/swiotlb.html">Examples: swiotlb</a></li><li><a href="/examples/traces.html">Examples: traces</a></li></ul></div>`);
}
const _sfc_setup = _sfc_main.setup;
_sfc_main.setup = (props, ctx) => {
  const ssrContext = useSSRContext();
  (ssrContext.modules || (ssrContext.modules = /* @__PURE__ */ new Set())).add("examples/index.md");
  return _sfc_setup ? _sfc_setup(props, ctx) : void 0;
};
const index = /* @__PURE__ */ _export_sfc(_sfc_main, [["ssrRender", _sfc_ssrRender]]);
export {
  __pageData,
  index as default
};
