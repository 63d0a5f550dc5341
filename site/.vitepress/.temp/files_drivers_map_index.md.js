import { ssrRenderAttrs } from "vue/server-renderer";
import { useSSRContext } from "vue";
import { _ as _export_sfc } from "./plugin-vue_export-helper.1tPrXgE0.js";
const __pageData = JSON.parse('{"title":"drivers/map","description":"","frontmatter":{},"headers":[],"relativePath":"files/drivers/map/index.md","filePath":"files/drivers/map/index.md"}');
const _sfc_main = { name: "files/drivers/map/index.md" };
function _sfc_ssrRender(_ctx, _push, _parent, _attrs, $props, $setup, $data, $options) {
  _push(`<div${ssrRenderAttrs(_attrs)}><h1 id="driversmap" tabindex="-1">drivers/map <a class="header-anchor" href="#driversmap" aria-label="Permalink to &quot;drivers/map&quot;">​</a></h1><ul><li><a href="../../../files/drivers/map/map.c" target="_self">map.c</a></li><li><a href="../../../files/drivers/map/map.dma" target="_self">map.dma</a></li></ul></div>`);
}
const _sfc_setup = _sfc_main.setup;
_sfc_main.setup = (props, ctx) => {
  const ssrContext = useSSRContext();
  (ssrContext.modules || (ssrContext.modules = /* @__PURE__ */ new Set())).add("files/drivers/map/index.md");
  return _sfc_setup ? _sfc_setup(props, ctx) : void 0;
};
const index = /* @__PURE__ */ _export_sfc(_sfc_main, [["ssrRender", _sfc_ssrRender]]);
export {
  __pageData,
  index as default
};
