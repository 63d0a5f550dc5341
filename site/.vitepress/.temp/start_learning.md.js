import { ssrRenderAttrs } from "vue/server-renderer";
import { useSSRContext } from "vue";
import { _ as _export_sfc } from "./plugin-vue_export-helper.1tPrXgE0.js";
const __pageData = JSON.parse('{"title":"Learning","description":"","frontmatter":{},"headers":[],"relativePath":"start/learning.md","filePath":"start/learning.md"}');
const _sfc_main = { name: "start/learning.md" };
function _sfc_ssrRender(_ctx, _push, _parent, _attrs, $props, $setup, $data, $options) {
  _push(`<div${ssrRenderAttrs(_attrs)}><h1 id="learning" tabindex="-1">Learning <a class="header-anchor" href="#learning" aria-label="Permalink to &quot;Learning&quot;">​</a></h1><ul><li><a href="/tutorial.html">docs/tutorial.md</a>: ten steps from an empty file to a bug that a released kernel had.</li><li><a href="/course.html">docs/course.md</a>: ten lessons, each with questions to answer before you run it; <code>dmalab quiz LESSON</code> asks them in the terminal.</li><li><a href="/examples/">examples/</a>: scenarios by subject, <code>start/</code> first, in each folder in the order of their numbers.</li><li><code>dmalab repl</code> and <code>dmalab debug FILE</code> step through a run, forwards and backwards (<a href="/terminal.html">docs/terminal.md</a>); <code>dmalab dap</code> does it in an editor (<a href="/debugging.html">docs/debugging.md</a>).</li><li><code>dmalab lsp</code> and the extension for VS Code check, complete, explain and rename as you type: <a href="/editors.html">docs/editors.md</a>.</li></ul><p><code>deno task site</code> builds all pages as a site, with search, an address for each rule, and a playground at each example.</p></div>`);
}
const _sfc_setup = _sfc_main.setup;
_sfc_main.setup = (props, ctx) => {
  const ssrContext = useSSRContext();
  (ssrContext.modules || (ssrContext.modules = /* @__PURE__ */ new Set())).add("start/learning.md");
  return _sfc_setup ? _sfc_setup(props, ctx) : void 0;
};
const learning = /* @__PURE__ */ _export_sfc(_sfc_main, [["ssrRender", _sfc_ssrRender]]);
export {
  __pageData,
  learning as default
};
