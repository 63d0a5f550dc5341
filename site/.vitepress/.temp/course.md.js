import { ssrRenderAttrs } from "vue/server-renderer";
import { useSSRContext } from "vue";
import { _ as _export_sfc } from "./plugin-vue_export-helper.1tPrXgE0.js";
const __pageData = JSON.parse('{"title":"The course","description":"","frontmatter":{},"headers":[],"relativePath":"course.md","filePath":"course.md"}');
const _sfc_main = { name: "course.md" };
function _sfc_ssrRender(_ctx, _push, _parent, _attrs, $props, $setup, $data, $options) {
  _push(`<div${ssrRenderAttrs(_attrs)}><h1 id="the-course" tabindex="-1">The course <a class="header-anchor" href="#the-course" aria-label="Permalink to &quot;The course&quot;">​</a></h1><p>Ten lessons from &quot;what is an IOVA&quot; to a bug that a released kernel had. Each takes ten to twenty minutes: some text, a scenario to run and change, and questions to answer before you see what the simulation does. You need to read C-like code and to know what a page is. <a href="/language.html">language.md</a> is the reference.</p><table tabindex="0"><thead><tr><th>lesson</th><th>afterwards you can</th></tr></thead><tbody><tr><td><a href="/course/01-addresses.html">1. What an IOVA is</a></td><td>tell three kinds of addresses apart</td></tr><tr><td><a href="/course/02-directions.html">2. Who may read, who may write</a></td><td>predict which accesses of a device fault</td></tr><tr><td><a href="/course/03-lists.html">3. Many buffers, few ranges</a></td><td>map a scatterlist, and count its ranges</td></tr><tr><td><a href="/course/04-reach.html">4. Memory that a device cannot reach</a></td><td>say when and how much is copied</td></tr><tr><td><a href="/course/05-two-step.html">5. Reserve once, link many</a></td><td>use the two-step API</td></tr><tr><td><a href="/course/06-invalidation.html">6. When an address is really gone</a></td><td>weigh strict mode against lazy mode</td></tr><tr><td><a href="/course/07-requests.html">7. From a read to requests</a></td><td>explain why a read was split</td></tr><tr><td><a href="/course/08-descriptors.html">8. How the device learns the addresses</a></td><td>count PRP entries</td></tr><tr><td><a href="/course/09-failures.html">9. Every call can fail</a></td><td>write an error path, and test it</td></tr><tr><td><a href="/course/10-a-released-bug.html">10. A bug that a released kernel had</a></td><td>find a defect by its symptom</td></tr></tbody></table><p><code>dmalab quiz</code> asks the questions of a lesson in the terminal. A wrong answer gets a hint with the rule that it overlooks; <code>dmalab explain</code> prints the rule. Another <code>--seed</code> asks the same questions with other values:</p><div class="language-text vp-adaptive-theme"><button title="Copy Code" class="copy"></button><span class="lang">text</span><pre class="shiki shiki-themes github-light github-dark vp-code" tabindex="0"><code><span class="line"><span>$ dmalab quiz course/09-failures --answers --seed 3</span></span>
<span class="line"><span>1. A driver maps 10 pages one by one. Map number 9 finds no IOVA. How many mappings must the error path unmap?</span></span>
<span class="line"><span>   a) 0</span></span>
<span class="line"><span>   b) 8</span></span>
<span class="line"><span>   c) 9</span></span>
<span class="line"><span>   d) 10</span></span>
<span class="line"><span>   not 9: the failed map left no mapping (<a href="/rules/dma.html#dma.1.8">dma.1.8</a>)</span></span>
<span class="line"><span>   not 10: later pages were never mapped (<a href="/rules/dma.html#dma.1.8">dma.1.8</a>)</span></span>
<span class="line"><span>   not 0: each dma_map_phys is independent: earlier mappings stay (<a href="/rules/dma.html#dma.1.8">dma.1.8</a>)</span></span>
<span class="line"><span>   answer: 8</span></span>
<span class="line"><span></span></span>
<span class="line"><span>2. A range of 40KiB is reserved, and pages are linked into it. Link number 9 fails. How many bytes must the error path unlink?</span></span>
<span class="line"><span>   a) 0B</span></span>
<span class="line"><span>   b) 32KiB</span></span>
<span class="line"><span>   c) 36KiB</span></span>
<span class="line"><span>   d) 40KiB</span></span>
<span class="line"><span>   not 36KiB: nothing of the failing link stays mapped (<a href="/rules/dma.html#dma.3.3">dma.3.3</a>)</span></span>
<span class="line"><span>   not 40KiB: the reserved range is freed; only linked bytes are unlinked (<a href="/rules/dma.html#dma.3.5">dma.3.5</a>)</span></span>
<span class="line"><span>   not 0B: the links before the failing one stay (<a href="/rules/dma.html#dma.3.3">dma.3.3</a>)</span></span>
<span class="line"><span>   answer: 32KiB</span></span>
<span class="line"><span></span></span>
<span class="line"><span>other questions of the same kind: --seed 4</span></span></code></pre></div><p>With <code>--answers</code> it prints questions, hints and answers without asking. The simulation computes each answer from these values. <a href="/course/teacher.html">For teachers</a> says how to write your own questions.</p></div>`);
}
const _sfc_setup = _sfc_main.setup;
_sfc_main.setup = (props, ctx) => {
  const ssrContext = useSSRContext();
  (ssrContext.modules || (ssrContext.modules = /* @__PURE__ */ new Set())).add("course.md");
  return _sfc_setup ? _sfc_setup(props, ctx) : void 0;
};
const course = /* @__PURE__ */ _export_sfc(_sfc_main, [["ssrRender", _sfc_ssrRender]]);
export {
  __pageData,
  course as default
};
