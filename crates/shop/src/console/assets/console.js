"use strict";

// Every text from the shop becomes a text node, so that it cannot become markup.
const canWrite = document.querySelector('meta[name="mode"]').content === "write";
const ACTIONS = { Placed: ["cancel"], Confirmed: ["ship", "cancel"], Shipped: ["deliver"] };
const MANY = 20;
const INTERVAL_MS = 50;

const byId = (id) => document.getElementById(id);

/** Returns an element with attributes and children, which are elements or texts. */
function element(name, attributes = {}, ...children) {
  const created = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) created.addEventListener(key.slice(2), value);
    else created.setAttribute(key, value);
  }
  created.append(...children);
  return created;
}

async function send(path, body) {
  const request = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body ?? null) };
  const response = await fetch(path, request);
  const answer = await response.json().catch(() => ({}));
  return { ok: response.ok, status: response.status, answer };
}

function tell(text) {
  byId("answer").textContent = text;
}

/** Describes a problem (RFC 9457) with its violations. */
function describe({ status, answer }) {
  const details = (answer.errors ?? []).map((error) => `${error.pointer}: ${error.detail}`);
  return `${status} ${[answer.title, answer.detail, ...details].filter(Boolean).join(" – ")}`;
}

async function placeOrder() {
  const form = new FormData(byId("place"));
  const order = { customer: form.get("customer"), product: form.get("product"), quantity: Number(form.get("quantity")) };
  const result = await send("/orders", order);
  tell(result.ok ? `Placed order ${result.answer.orderId}, total ${result.answer.totalAmount}` : describe(result));
  return result.ok;
}

async function placeMany() {
  const results = [];
  for (let n = 0; n < MANY; n += 1) {
    results.push(placeOrder());
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
  }
  const placed = (await Promise.all(results)).filter(Boolean).length;
  tell(`Placed ${placed} of ${MANY} orders`);
}

async function changeOrder(order, action) {
  const result = await send(`/orders/${encodeURIComponent(order)}/${action}`);
  tell(result.ok ? `Order ${order}: ${result.answer.orderStatus}` : describe(result));
}

async function restock(product) {
  const result = await send(`/products/${encodeURIComponent(product)}/restock`, { units: 10 });
  tell(result.ok ? `Restocked 10 units of product ${product}` : describe(result));
}

/** Shows a count, and marks its step of the flow if it changed. */
function showCount(name, value) {
  const shown = document.querySelector(`[data-count="${name}"]`);
  const text = value === null ? "–" : String(value);
  if (shown.textContent === text) return;
  shown.textContent = text;
  const step = shown.closest("li");
  step.classList.remove("changed");
  requestAnimationFrame(() => step.classList.add("changed"));
}

function showFlow({ byStatus, stockChanges, adjustments, medianDecisionMs }) {
  const counts = Object.values(byStatus);
  showCount("placed", byStatus.Placed ?? 0);
  showCount("changes", counts.reduce((sum, count) => sum + count, 0));
  showCount("decided", (byStatus.Confirmed ?? 0) + (byStatus.Rejected ?? 0));
  showCount("median", medianDecisionMs);
  showCount("stock", stockChanges);
  showCount("adjustments", adjustments);
}

function showMeter({ recorded, onHand, held, inFlight }) {
  const meter = byId("meter");
  meter.className = inFlight === 0 ? "balanced" : "in-flight";
  const end = inFlight === 0 ? "✓ balanced" : `${Math.abs(inFlight)} in flight`;
  meter.textContent = `ledger ${recorded} = on hand ${onHand} + held and shipped ${held} ${end}`;
}

function stockRow(product) {
  const parts = ["on-hand", "held", "sold"].map((kind) => element("i", { class: kind }));
  const button = element("button", { onclick: () => restock(product), "aria-label": `+10 units of product ${product}` }, "+10");
  const bar = element("div", { class: "bar", "aria-hidden": "true" }, ...parts);
  return element("li", { "data-product": product }, element("span"), ...(canWrite ? [button] : []), bar);
}

/** Shows the stock. A row keeps its elements, so that no click and no focus is lost. */
function showStock(products) {
  const list = byId("stock");
  const most = Math.max(1, ...products.map(({ onHand, held, sold }) => onHand + held + sold));
  const rows = new Map([...list.children].map((row) => [row.dataset.product, row]));
  for (const { product, name, onHand, held, sold, reorderPoint } of products) {
    const row = rows.get(product) ?? list.appendChild(stockRow(product));
    const limit = reorderPoint === null ? "" : `, reorder at ${reorderPoint}`;
    row.querySelector("span").textContent = `${product} ${name}: ${onHand} on hand, ${held} held, ${sold} shipped${limit}`;
    [onHand, held, sold].forEach((units, index) => {
      row.querySelectorAll("i")[index].style.width = `${(100 * units) / most}%`;
    });
  }
}

function card(order, status) {
  const lines = order.lines.map(([product, quantity]) => `${quantity}× ${product}`).join(", ");
  const total = order.total === null ? "" : `, total ${order.total}`;
  const names = canWrite ? ACTIONS[status] ?? [] : [];
  const buttons = names.map((action) => element(
    "button",
    { onclick: () => changeOrder(order.id, action), "aria-label": `${action} order ${order.id}` },
    action,
  ));
  const time = new Date(order.updatedAt).toLocaleTimeString();
  return element(
    "li", { "data-order": order.id },
    element("code", {}, order.id),
    element("p", {}, `${lines}${total}`),
    element("p", {}, `customer ${order.customer}, ${time}`),
    ...buttons,
  );
}

/** Shows the lanes. A card that stays keeps its element, and with it the focus of the keyboard. */
function showLanes(lanes) {
  for (const { status, count, orders } of lanes) {
    const id = `lane-${status}`;
    let lane = byId(id);
    if (!lane) {
      lane = element("div", { class: "lane", id }, element("h3", {}, status, element("span")), element("ul", { "aria-label": `${status} orders` }));
      byId("lanes").append(lane);
    }
    lane.querySelector("span").textContent = count;
    const list = lane.querySelector("ul");
    const present = new Map([...list.children].map((item) => [item.dataset.order, item]));
    const wanted = orders.map((order) => present.get(order.id) ?? card(order, status));
    const kept = new Set(wanted);
    for (const item of [...list.children]) if (!kept.has(item)) item.remove();
    wanted.forEach((item, index) => {
      if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
    });
  }
}

function showChanges(changes) {
  byId("changes").replaceChildren(...changes.map((change) => element(
    "tr", {},
    element("td", {}, new Date(change.time).toLocaleTimeString()),
    element("td", {}, element("code", {}, change.orderId)),
    element("td", {}, change.from ?? "new"),
    element("td", {}, change.to),
    element("td", {}, change.from ? `${change.ageMs} ms` : ""),
  )));
}

/** Fills the choices once, so that they stay as they were chosen. */
function fillChoices(customers, products) {
  const fill = (name, values) => {
    const select = document.querySelector(`select[name="${name}"]`);
    const present = new Set([...select.options].map((option) => option.value));
    for (const [value, text] of values) if (!present.has(value)) select.append(new Option(text, value));
  };
  fill("customer", customers.map((customer) => [customer, customer]));
  fill("product", products.map(({ product, name }) => [product, `${product} ${name}`]));
}

function show(view) {
  showFlow(view.flow);
  showMeter(view.meter);
  showStock(view.stock);
  showLanes(view.lanes);
  showChanges(view.changes);
  fillChoices(view.customers, view.stock);
}

byId("place-section").hidden = !canWrite;
byId("place").addEventListener("submit", (event) => {
  event.preventDefault();
  placeOrder();
});
byId("many").addEventListener("click", placeMany);

const events = new EventSource("/events");
events.addEventListener("open", () => { byId("connection").textContent = "live"; });
events.addEventListener("error", () => { byId("connection").textContent = "disconnected, reconnecting"; });
events.addEventListener("message", (event) => show(JSON.parse(event.data)));
