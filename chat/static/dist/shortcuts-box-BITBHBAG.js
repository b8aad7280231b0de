var c=class{#s;constructor(s){this.#s=s,s.addEventListener("click",({target:e})=>{(e===s||e.closest("[data-close]"))&&s.close()})}open(){this.#s.open||this.#s.showModal()}};export{c as ShortcutsBox};
