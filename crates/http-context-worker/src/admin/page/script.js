"use strict";
// Text goes to the page by textContent alone: names come from jobs, and may look like markup.
const EVERY_MS = 1000, ROWS = 50, POINTS = 60, SAY_EVERY_MS = 15000, SURE_MS = 5000;
const at = id => document.getElementById(id);
const show = (id, text) => { const node = at(id); if (node.textContent !== text) node.textContent = text; };
const count = n => Math.round(n).toLocaleString("en");

// Prometheus' text format, as the worker writes it.
function parse(text) {
  const series = new Map();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const brace = line.indexOf("{"), cut = line.lastIndexOf(" ");
    const name = line.slice(0, brace < 0 ? cut : brace), labels = {};
    if (brace >= 0) {
      for (const [, label, value] of line.slice(brace, cut).matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g)) {
        labels[label] = value.replace(/\\(.)/g, (_, c) => c === "n" ? "\n" : c);
      }
    }
    if (!series.has(name)) series.set(name, []);
    series.get(name).push({ labels, value: Number(line.slice(cut + 1)) });
  }
  return series;
}
// With labels: only the series that have these values for them, or, with null, those without.
function sum(series, name, wanted = {}) {
  let total = 0;
  for (const one of series.get(name) ?? []) if (has(one, wanted)) total += one.value;
  return total;
}
const has = (one, wanted) => Object.entries(wanted).every(([label, value]) => (one.labels[label] ?? null) === value);
// As PromQL's histogram_quantile does it, over all series together.
function quantile(series, name, q, wanted = {}) {
  const sums = new Map();
  for (const one of series.get(name + "_bucket") ?? []) {
    if (!has(one, wanted)) continue;
    const bound = one.labels.le === "+Inf" ? Infinity : Number(one.labels.le);
    sums.set(bound, (sums.get(bound) ?? 0) + one.value);
  }
  const buckets = [...sums].sort((a, b) => a[0] - b[0]);
  const all = buckets.length ? buckets[buckets.length - 1][1] : 0;
  if (all === 0) return NaN;
  const rank = q * all;
  let lower = 0, below = 0;
  for (const [bound, n] of buckets) {
    if (n >= rank) return bound === Infinity ? lower : lower + (bound - lower) * (rank - below) / (n - below);
    lower = bound;
    below = n;
  }
  return lower;
}
function time(seconds) {
  if (Number.isNaN(seconds)) return "–";
  if (seconds < 1) return (seconds * 1000).toFixed(1) + " ms";
  if (seconds < 120) return seconds.toFixed(1) + " s";
  if (seconds < 7200) return Math.round(seconds / 60) + " min";
  return Math.round(seconds / 3600) + " h";
}
function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (bytes >= 1000 && unit < units.length - 1) { bytes /= 1000; unit++; }
  return (unit ? bytes.toFixed(1) : count(bytes)) + " " + units[unit];
}

// A row stays the same element for as long as its item is there, so that a button keeps the focus and never
// becomes that of another job.
function rows(id, list, cells, none, key = (_, index) => index) {
  const body = at(id), names = [...body.parentNode.rows[0].cells].map(cell => cell.textContent);
  const before = new Map([...body.rows].map(row => [row.dataset.key, row]));
  const items = list.slice(0, ROWS).map((item, index) => [String(key(item, index)), cells(item)]);
  const rest = list.length === 0 ? none : list.length > ROWS ? count(list.length - ROWS) + " more" : "";
  if (rest) items.push(["rest", [[rest, "none"]]]);
  const wanted = items.map(([of, texts]) => {
    const row = before.get(of) ?? made(of, texts.length, names);
    before.delete(of);
    texts.forEach((text, index) => fill(row.cells[index], text));
    return row;
  });
  for (const row of before.values()) row.remove();
  wanted.forEach((row, index) => { if (body.rows[index] !== row) body.insertBefore(row, body.rows[index] ?? null); });
}
function made(key, columns, names) {
  const row = document.createElement("tr");
  row.dataset.key = key;
  row.setAttribute("role", "row");
  for (let index = 0; index < columns; index++) {
    const cell = row.insertCell();
    cell.setAttribute("role", "cell");
    if (key === "rest") cell.colSpan = names.length; else cell.dataset.name = names[index];
  }
  return row;
}
function fill(cell, [content, kind]) {
  if (kind && cell.className !== kind) cell.className = kind;
  if (!Array.isArray(content)) {
    const text = content ?? "unknown";
    if (cell.textContent !== text) cell.textContent = text;
    return;
  }
  // Buttons: made once, and again only when other ones are wanted.
  const wanted = content.map(one => one.path + one.name).join();
  if (cell.dataset.acts === wanted) return;
  cell.dataset.acts = wanted;
  const span = document.createElement("span");
  span.append(...content.map(button));
  cell.replaceChildren(span);
}

// What can be done to a job: by a button that has to be pressed twice where it cannot be undone.
let canControl = false, token = "";
function button({ path, name, number, id, isFinal }) {
  const node = document.createElement("button");
  node.type = "button";
  const reset = () => {
    node.textContent = name;
    node.className = "";
    node.setAttribute("aria-label", name + " job " + id);
  };
  let sure = 0;
  reset();
  node.addEventListener("click", () => {
    if (token === "") {
      tell("first give the token of this endpoint", "bad");
      at("token").focus();
      return;
    }
    if (isFinal && performance.now() > sure) {
      sure = performance.now() + SURE_MS;
      node.textContent = "Really " + name.toLowerCase() + "?";
      node.className = "sure";
      node.setAttribute("aria-label", node.textContent + " Job " + id);
      setTimeout(() => { if (performance.now() >= sure) reset(); }, SURE_MS + 50);
      return;
    }
    sure = 0;
    reset();
    command(path, number, id);
  });
  return node;
}
async function command(path, number, id) {
  tell("asking …", "");
  try {
    const answer = await fetch(path, {
      method: "POST", cache: "no-store", signal: AbortSignal.timeout(15000),
      headers: { "authorization": "Bearer " + token, "content-type": "application/json" },
      body: JSON.stringify({ number }),
    });
    if (answer.ok) {
      const said = await answer.json();
      tell("job " + id + ": " + said.did + (said.id ? ", as " + said.id : ""), "good");
    } else {
      tell("job " + id + ": " + (await answer.text()).trim(), "bad");
    }
  } catch {
    tell("job " + id + ": there was no answer", "bad");
  }
}
function tell(text, kind) {
  show("told", text);
  at("told").className = kind;
}
at("control").addEventListener("submit", event => {
  event.preventDefault();
  token = at("token").value.trim();
  tell(token ? "the token is kept until this page is closed" : "no token is kept", "");
});
const cancel = one => ({ path: "jobs/cancel", name: "Cancel", number: one.number, id: one.id, isFinal: true });
const acts = list => canControl && list.length ? [list, "acts"] : ["", "acts"];

let before = null;
const rates = [];
function metrics(series) {
  const answered = sum(series, "http_context_request_connections_total");
  const requests = sum(series, "http_client_request_duration_seconds_count");
  const reused = sum(series, "http_context_request_connections_total", { source: "reused" });
  const now = performance.now();
  if (before !== null && now > before.now) {
    rates.push(Math.max(0, requests - before.requests) * 1000 / (now - before.now));
    if (rates.length > POINTS) rates.shift();
    const last = rates[rates.length - 1], most = Math.max(...rates, 1);
    show("throughput", last < 10 ? last.toFixed(1) : count(last));
    at("spark").setAttribute("d", rates.map((rate, i) =>
      (i ? "L" : "M") + (POINTS - rates.length + i) + " " + (19 - 18 * rate / most).toFixed(2)).join(""));
  }
  before = { requests, now };
  show("requests", count(requests));
  for (const [id, q] of [["p50", 0.5], ["p90", 0.9], ["p99", 0.99]]) {
    show(id, time(quantile(series, "http_client_request_duration_seconds", q)));
  }
  const open = "http_client_open_connections", state = "http_connection_state";
  show("open", count(sum(series, open)));
  show("active", count(sum(series, open, { [state]: "active" })));
  show("idle", count(sum(series, open, { [state]: "idle" })));
  show("opened", count(sum(series, "http_context_connection_create_duration_seconds_count", { error_type: null })));
  show("reuse", answered ? (100 * reused / answered).toFixed(1) + " %" : "–");
  show("reused", count(reused));
  show("answered", count(answered));
  for (const status of ["ok", "failed", "retried"]) {
    show("jobs-" + status, count(sum(series, "http_context_worker_jobs_total", { status })));
  }
  show("queue-states", ["running", "settling", "waiting", "delayed"].map(state =>
    count(sum(series, "http_context_worker_queue_jobs", { state })) + " " + state).join(", "));
  show("contexts", count(sum(series, "http_context_contexts_active")));
  show("contexts-closed", count(sum(series, "http_context_contexts_total")));
  show("in-flight", count(sum(series, "http_client_active_requests")));
  show("leaks", count(sum(series, "http_context_leaks_total")));
  show("leaks-open", count(sum(series, "http_context_leaks_open")));
  show("nested", count(sum(series, "http_context_nested_opens_total")));
}
// Each kind of job, by what its attempts were: from both, since neither knows all of it.
function kinds(series, running) {
  const duration = "http_context_worker_job_duration_seconds";
  const names = new Set(Object.keys(running));
  for (const one of series.get(duration + "_count") ?? []) names.add(one.labels.kind);
  rows("kinds-rows", [...names].sort(), kind => [
    [kind, "text"], [count(running[kind]?.running ?? 0)],
    ...["ok", "failed", "retried"].map(status => [count(sum(series, duration + "_count", { kind, status }))]),
    [time(quantile(series, duration, 0.5, { kind }))], [time(quantile(series, duration, 0.99, { kind }))],
  ], "none so far", kind => kind);
}
function contexts(debug) {
  const ago = ms => time(ms / 1000) + " ago";
  const plain = of => of.plain_requests ? " and " + count(of.plain_requests) + " of plain clients" : "";
  canControl = debug.can_control;
  at("control").hidden = !canControl || !debug.queue;
  rows("contexts-rows", debug.contexts, one => [
    [one.name ?? String(one.id), "text"],
    [time(one.age_ms / 1000) + (one.is_overdue ? ", overdue" : "") + (one.is_closing ? ", closing" : "")],
    [count(one.requests_in_flight)], [count(one.requests) + plain(one)], [count(one.children)],
    [one.callers.map(of => of.caller + " " + count(of.requests) + plain(of)).join(", "), "text"], [one.opened_at, "site"],
  ], "none is open", one => one.id);
  const by = caller => caller ? ", by " + caller : "";
  const carried = (bytes, messages) =>
    size(bytes) + (messages === null ? "" : messages === 1 ? ", 1 message" : ", " + count(messages) + " messages");
  rows("upgraded-rows", debug.upgraded, one => [
    [one.server, "text"], [one.protocol], [one.state], [time(one.age_ms / 1000)], [time(one.quiet_ms / 1000)],
    [carried(one.bytes_sent, one.messages_sent)], [carried(one.bytes_received, one.messages_received)],
    [(one.name ?? String(one.context)) + by(one.caller), "text"], [one.acquired_at, "site"],
  ], "none is open");
  rows("leaks-rows", debug.leaks, one => [
    [one.kind + (one.detail ? " (" + one.detail + ")" : "") + by(one.caller), "text"],
    [count(one.count) + (one.resolved ? ", " + count(one.resolved) + " let go" : "")],
    [ago(one.last_seen_ms)], [one.acquired_at, "site"], [one.opened_at, "site"], [one.remedy, "text"],
  ], "none so far");
  rows("nested-rows", debug.nested_opens, one => [
    [one.policy, "text"], [count(one.count)], [ago(one.first_seen_ms)],
    [one.called_at, "site"], [one.outer_opened_at, "site"],
  ], "none so far");
  const queue = debug.queue;
  at("of-queue").hidden = !queue;
  const done = of => of === null ? "–" :
    count(of.done) + " of " + count(of.all) + (of.all ? ", " + Math.floor(100 * of.done / of.all) + " %" : "");
  rows("under-way-rows", debug.jobs, one => [
    [one.id, "text"], [one.kind, "text"], [count(one.attempt)], [time(one.age_ms / 1000)], [done(one.progress)],
    acts([cancel(one)]),
  ], "none", one => one.number);
  rows("failures-rows", debug.failures, one => [
    [one.id, "text"], [one.kind, "text"], [count(one.attempt)], [ago(one.ago_ms)], [time(one.took_ms / 1000)],
    [one.retry_in_ms === null ? "none" : left(one) > 0 ? "in " + time(left(one) / 1000) : "was due"],
    [one.request ?? "–", "site"], [one.error, "text"], acts(chances(one, debug.failures)),
  ], "none so far", one => one.number + " " + one.attempt);
  show("unfinished", queue ? count(queue.unfinished) : "–");
  show("queue-more", queue ? count(queue.finished) + " finished, " + count(queue.rejected) + " rejected" : "not open yet");
  if (!queue) return "starting";
  if (!queue.draining) return "ready";
  return queue.read_all && queue.unfinished === 0 ? "finished" : "draining";
}
// How long its job waits still.
const left = one => one.retry_in_ms - one.ago_ms;
// Only of a job's last failure there is something to be done.
function chances(one, all) {
  if (!one.can_retry || all.find(other => other.number === one.number) !== one) return [];
  const retry = { path: "jobs/retry", number: one.number, id: one.id, isFinal: false };
  if (one.retry_in_ms === null) return [{ ...retry, name: "Queue again" }];
  return left(one) > 0 ? [{ ...retry, name: "Run now" }, cancel(one)] : [];
}

// Quantiles over time, each ten seconds a point. The scale is by decades: the median and the slowest
// hundredth are both to be seen.
const HEIGHT = 144, LEFT = 52, BOTTOM = 18;
function plots(latency) {
  let shown = 0;
  for (const of of ["requests", "jobs"]) {
    const points = latency.points.filter(point => point[of]);
    at("figure-" + of).hidden = points.length === 0 && of === "jobs";
    shown += at("figure-" + of).hidden ? 0 : 1;
    plot(of, points, latency);
  }
  at("plots").classList.toggle("both", shown > 1);
}
function plot(of, points, latency) {
  const svg = at("plot-" + of), width = Math.max(200, svg.clientWidth);
  svg.setAttribute("viewBox", "0 0 " + width + " " + HEIGHT);
  const last = points[points.length - 1];
  show("last-" + of, last ? "last: median " + time(last[of].p50_ms / 1000) + ", 99 % " + time(last[of].p99_ms / 1000) +
    ", of " + count(last[of].count) + " in " + latency.every_ms / 1000 + " s" : "the first point comes after " +
    latency.every_ms / 1000 + " s with " + of);
  if (!last) { svg.replaceChildren(); return; }
  const values = points.flatMap(point => [point[of].p50_ms, point[of].p99_ms]).filter(value => value > 0);
  const low = Math.floor(Math.log10(Math.min(...values, 1000))), high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values, 0.001))));
  const oldest = latency.points[0].ago_ms;
  const span = [5, 15, 30, 60].map(minutes => minutes * 60000).find(span => span >= oldest) ?? 3600000;
  const x = ago => LEFT + (width - LEFT - 6) * (1 - ago / span);
  const y = ms => 8 + (HEIGHT - BOTTOM - 8) * (high - Math.log10(Math.max(ms, 10 ** low))) / (high - low);
  const parts = [];
  const add = (name, attributes, text) => {
    const node = document.createElementNS(svg.namespaceURI, name);
    for (const [attribute, value] of Object.entries(attributes)) node.setAttribute(attribute, value);
    if (text) node.textContent = text;
    parts.push(node);
  };
  for (let decade = low; decade <= high; decade++) {
    const ms = 10 ** decade, line = y(ms).toFixed(1);
    add("path", { class: "grid", d: "M" + LEFT + " " + line + "H" + (width - 6) });
    add("text", { x: LEFT - 6, y: y(ms) + 4, "text-anchor": "end" }, ms >= 1000 ? ms / 1000 + " s" : Number(ms.toPrecision(1)) + " ms");
  }
  const minutes = span / 60000;
  for (const [part, anchor] of [[1, "start"], [0.5, "middle"], [0, "end"]]) {
    add("text", { x: x(span * part), y: HEIGHT - 4, "text-anchor": anchor }, part ? minutes * part + " min ago" : "now");
  }
  for (const q of ["p50", "p99"]) {
    let path = "", end = null;
    for (const point of points) {
      const joins = end !== null && end - point.ago_ms < 1.5 * latency.every_ms;
      path += (joins ? "L" : "M") + x(point.ago_ms).toFixed(1) + " " + y(point[of][q + "_ms"]).toFixed(1) + (joins ? "" : "h0.01");
      end = point.ago_ms;
    }
    add("path", { class: q, d: path });
  }
  svg.replaceChildren(...parts);
}

function say(text, kind) {
  show("state", text);
  at("state").className = kind;
}
// What a screen reader hears: not each number each second.
let summary = "", said = -Infinity;
function sum_up(state) {
  const of = id => at(id).textContent;
  const now = state + ": " + of("unfinished") + " jobs left, " + of("jobs-failed") + " failed, " + of("leaks") + " leaks";
  if (now === summary || performance.now() - said < SAY_EVERY_MS) return;
  summary = now;
  said = performance.now();
  show("summary", now);
}
async function get(path) {
  const response = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(5000) });
  if (!response.ok) throw new Error(path + " answered " + response.status);
  return response;
}
let polls = 0, latency = null;
async function poll() {
  try {
    const [text, debug, points] = await Promise.all([
      get("metrics").then(response => response.text()),
      get("debug/contexts").then(response => response.json()),
      // A tenth as often: it has a point each ten seconds.
      polls++ % 10 ? null : get("debug/latency").then(response => response.json()),
    ]);
    const series = parse(text);
    metrics(series);
    kinds(series, debug.kinds);
    const state = contexts(debug);
    if (points) { latency = points; plots(latency); }
    say(state, state === "ready" ? "good" : "");
    sum_up(state);
  } catch {
    say("the worker does not answer", "bad");
  }
  setTimeout(poll, EVERY_MS);
}
addEventListener("resize", () => { if (latency) plots(latency); });
poll();
