// <kontor-sheet>: what stands in for <style> where a library writes its own rules (tools/xterm.py). Its text becomes an adopted
// style sheet while it is part of the page: the policy allows those, and forbids text in a <style>.

class Sheet extends HTMLElement {
  #sheet = new CSSStyleSheet();

  get textContent() {
    return "";
  }

  set textContent(rules) {
    this.#sheet.replaceSync(rules);
  }

  connectedCallback() {
    document.adoptedStyleSheets.push(this.#sheet);
  }

  disconnectedCallback() {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((sheet) => sheet !== this.#sheet);
  }
}

customElements.define("kontor-sheet", Sheet);
