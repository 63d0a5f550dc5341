import { ssrRenderAttrs } from "vue/server-renderer";
import { useSSRContext } from "vue";
import { _ as _export_sfc } from "./plugin-vue_export-helper.1tPrXgE0.js";
const __pageData = JSON.parse('{"title":"drivers/nic","description":"","frontmatter":{},"headers":[],"relativePath":"files/drivers/nic/index.md","filePath":"files/drivers/nic/index.md"}');
const _sfc_main = { name: "files/drivers/nic/index.md" };
function _sfc_ssrRender(_ctx, _push, _parent, _attrs, $props, $setup, $data, $options) {
  _push(`<div${ssrRenderAttrs(_attrs)}><h1 id="driversnic" tabindex="-1">drivers/nic <a class="header-anchor" href="#driversnic" aria-label="Permalink to &quot;drivers/nic&quot;">​</a></h1><ul><li><a href="../../../files/drivers/nic/ring_many.dma" target="_self">ring_many.dma</a></li><li><a href="../../../files/drivers/nic/ring_nic.c" target="_self">ring_nic.c</a></li><li><a href="../../../files/drivers/nic/ring_nic.dma" target="_self">ring_nic.dma</a></li><li><a href="../../../files/drivers/nic/ring_nic.h" target="_self">ring_nic.h</a></li></ul></div>`);
}
const _sfc_setup = _sfc_main.setup;
_sfc_main.setup = (props, ctx) => {
  const ssrContext = useSSRContext();
  (ssrContext.modules || (ssrContext.modules = /* @__PURE__ */ new Set())).add("files/drivers/nic/index.md");
  return _sfc_setup ? _sfc_setup(props, ctx) : void 0;
};
const index = /* @__PURE__ */ _export_sfc(_sfc_main, [["ssrRender", _sfc_ssrRender]]);
export {
  __pageData,
  index as default
};
