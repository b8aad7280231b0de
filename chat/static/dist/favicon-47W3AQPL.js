var i=`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<path fill="#0f6c78" d="M5 1h22a4 4 0 0 1 4 4v16a4 4 0 0 1-4 4H14l-6.700 5.800A1 1 0 0 1 5.600 30v-5A4 4 0 0 1 1 21V5a4 4 0 0 1 4-4Z"/>
<text x="16" y="20.500" text-anchor="middle" fill="#fff" font-family="system-ui,sans-serif" font-weight="700" font-size="SIZE">NUMBER</text>
</svg>`,e=class{#t;#s;constructor(t){this.#t=t,this.#s=t.href}show(t){this.#t.href=t>0?a(t):this.#s}};function a(s){let t=s>99?"99+":`${s}`,o=[21,19,14][t.length-1],n=i.replace("SIZE",o).replace("NUMBER",t);return`data:image/svg+xml,${encodeURIComponent(n)}`}export{e as Favicon,a as drawn};
