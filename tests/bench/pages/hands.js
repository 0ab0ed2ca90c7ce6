// Run in the page of the desk by bench_execution.py: makes a vault, gives it a key, arms, presses orders. Waits for what the page shows.
window.hands = (() => {
  const by = (id, more = "") => document.querySelector(`[data-testid="${id}"]${more}`);
  const shown = (node) => node && node.getClientRects().length > 0;
  const until = (look, seconds = 60) =>
    new Promise((resolve, reject) => {
      const late = setTimeout(() => (observer.disconnect(), reject(new Error(`waited in vain: ${look}`))), seconds * 1000);
      const again = () => {
        const found = look();
        if (!found) return;
        clearTimeout(late);
        observer.disconnect();
        resolve(found);
      };
      const observer = new MutationObserver(again);
      observer.observe(document.documentElement, { subtree: true, childList: true, attributes: true });
      again();
    });
  const write = (node, text) => {
    node.value = text;
    node.dispatchEvent(new Event("input", { bubbles: true }));
    node.dispatchEvent(new Event("change", { bubbles: true }));
  };
  const go = (route) => (location.hash = `#/${route}`);
  const visible = (id, more) => until(() => shown(by(id, more)) && by(id, more));
  let asked = 7e12;
  const ask = (request) =>
    new Promise((resolve, reject) => {
      const id = ++asked;
      const hear = ({ data }) => {
        if (typeof data !== "string" || !data.includes(`"id":${id}`)) return;
        kontor.desk.removeEventListener("message", hear);
        const reply = JSON.parse(data);
        reply.ok ? resolve(reply.result) : reject(new Error(JSON.stringify(reply.error)));
      };
      kontor.desk.addEventListener("message", hear);
      kontor.desk.postMessage(JSON.stringify({ ...request, id }));
    });
  const arm = async ([passphrase, kind, apiKey, secret]) => {
    await until(() => document.documentElement.dataset.desk === "ready");
    go("vault");
    write(await visible("vault-passphrase"), passphrase);
    write(by("vault-passphrase-repeat"), passphrase);
    by("vault-create").click();
    await visible("vault-lock");
    const choice = await visible("real-kind");
    write(choice, [...choice.options].find((option) => option.textContent.includes(kind) || option.value === kind).value);
    write(by("real-api-key"), apiKey);
    write(by("real-secret"), secret);
    by("real-key-keep").click();
    await visible("real-state", '[data-state="ready"]');
    by("real-arm").click();
    (await visible("real-arm-confirm")).click();
    await visible("real-state", '[data-armed="true"]');
    go("desk");
    await visible("ticket-submit");
  };
  // `count` limit orders to buy, so far below the bid; [ms from press to the answer, epoch ms of each press]
  const orders = async (count, below) => {
    const [took, pressed] = [[], []];
    let more = () => {};
    new PerformanceObserver((list) => {
      for (const measure of list.getEntries()) {
        if (measure.name !== "kontor:order-to-ack") continue;
        took.push(measure.duration);
        pressed.push(performance.timeOrigin + measure.startTime);
        more();
      }
    }).observe({ type: "measure", buffered: false });
    const { bid } = await ask({ do: "quote", symbol: "BTCUSDT" });
    by("ticket-side-buy").click();
    write(by("ticket-type"), "limit");
    for (let number = 0; number < count; number++) {
      write(by("ticket-qty"), "0.001");
      write(by("ticket-price"), (Number(bid) - below).toFixed(2));
      await until(() => !by("ticket-submit").disabled);
      await new Promise((resolve) => setTimeout(resolve, 60 + 80 * Math.random())); // a press at any moment of a frame
      const answered = new Promise((resolve) => (more = resolve));
      by("ticket-submit").click();
      await answered;
    }
    return [took, pressed];
  };
  return { arm, ask, orders };
})();
undefined;
