"use strict";
const DATA = JSON.parse(document.getElementById("data").textContent);
const HUES = ["#332288", "#DDAA33", "#117733", "#CC6677", "#66BBDD", "#882255", "#44AA99", "#999933", "#AA4499",
  "#0077BB", "#EE7733", "#7F5539"];
const INK = "#1f2328", SOFT = "#59636e", LINE = "#d5d9de", OUT = "#D55E00", IN = "#0072B2", BOTH = "#7B2D8B";
const AXES = { AP: 0, DV: 1, ML: 2 };
const NULLS = Object.fromEntries(DATA.regions.flatMap((r) => r.nulls.map((n) => [n.null, n.name])));
const PLANES = [["ML-DV", "coronal, from the front"], ["AP-DV", "sagittal, from the side"],
  ["AP-ML", "horizontal, from above"]];
const state = { region: 0, neuron: -1, pinned: -1, measure: "z", wanted: "z", near: "", plane: "ML-DV" };
const at = (id) => document.getElementById(id);
let here = null;  // the region that is shown, unpacked
let views = [];  // how each canvas maps µm or places to pixels

function unpack(text, kind) {
  if (!text) return null;
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new kind(bytes.buffer);
}

function element(name, attributes = {}, text = "") {
  const space = ["svg", "g", "line", "circle", "rect", "path", "text", "title"].includes(name);
  const made = space ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== "") made.textContent = text;
  return made;
}

function missing(reason) {
  return element("p", { class: "missing" }, `Not available, ${reason}.`);
}

const minus = (text) => String(text).replace("-", "−");

// Choosing

function opened(k) {
  const region = DATA.regions[k];
  const { sketch, graph, neurons } = region;
  const points = sketch && unpack(sketch.points, Int16Array), parents = sketch && unpack(sketch.parents, Int16Array);
  const arbors = [];
  let start = 0;
  for (const [j, [neuron, n]] of (sketch ? sketch.counts : []).entries()) {
    arbors.push({ neuron, kind: j % 2 ? "dendrite" : "axon", start, n });
    start += n;
  }
  return { ...region, points, parents, arbors, soma: unpack(neurons.soma, Int16Array),
    ratio: unpack(neurons.ratio, Float32Array), source: DATA.sources.find((s) => s.name === region.source),
    pre: graph && unpack(graph.pre, Uint16Array), post: graph && unpack(graph.post, Uint16Array),
    p: graph && Float32Array.from(unpack(graph.p, Uint16Array), (v) => v / DATA.steps) };
}

function choose(k, neuron = -1) {
  state.region = k;
  state.neuron = state.pinned = -1;
  const before = here && here.source.name;
  here = opened(k);
  if (here.source.name !== before) state.near = runsFar() ? "" : "yes";
  at("source").value = here.source.name;
  const own = DATA.regions.map((region, j) => [region, j]).filter(([region]) => region.source === here.source.name);
  at("region").replaceChildren(...own.map(([region, j]) => element("option", { value: j }, region.region)));
  at("region").value = k;
  const { ids } = here.neurons;
  at("neuron").replaceChildren(element("option", { value: -1 }, ids.length ? "choose" : "none"),
    ...ids.map((id, j) => element("option", { value: j }, id)));
  at("neuron").disabled = !ids.length;
  at("tag").replaceChildren(here.simulated ? element("span", { class: "tag" }, "simulated") : "");
  at("facts").replaceChildren(...here.facts.map(([name, value]) => {
    const fact = element("li", { class: "small" }, name);
    fact.prepend(element("b", {}, value));
    return fact;
  }));
  at("summary").textContent = here.summary;
  const usable = { z: here.nulls.some((n) => n.z[0].some((v) => v !== null)),
    enrichment: here.nulls.some((n) => n.enrichment[0].some((v) => v !== null)),
    frequency: here.frequency.some((v) => v !== null) };
  for (const button of document.querySelectorAll("[data-measure]")) button.disabled = !usable[button.dataset.measure];
  state.measure = [state.wanted, "z", "enrichment", "frequency"].find((name) => usable[name]) || "z";
  const placed = here.soma !== null;
  for (const button of document.querySelectorAll("[data-plane]")) {
    button.disabled = !placed && button.dataset.plane !== "circle";
  }
  if (!placed) state.plane = "circle";
  else if (state.plane === "circle") state.plane = "ML-DV";
  if (here.p) {
    const sorted = Float32Array.from(here.p).sort();
    const least = sorted[Math.max(0, sorted.length - 6 * Math.max(ids.length, 1))] || 0;
    at("least").value = Math.min(0.5, Math.floor(least * 50) / 50);
  }
  history.replaceState(null, "", `#${encodeURIComponent(here.source.name)}/${encodeURIComponent(here.region)}`);
  everything();
  if (neuron >= 0) pin(neuron);
}

function everything() {
  for (const name of ["measure", "near", "plane"]) {
    for (const button of document.querySelectorAll(`[data-${name}]`)) {
      button.setAttribute("aria-pressed", String(button.dataset[name] === state[name]));
    }
  }
  drawProfile();
  drawVerdicts();
  makeBrain();
  makeGraph();
  again();
}

function again() {
  for (const view of views) view.draw();
  drawCard();
}

function light(neuron) {
  if (neuron === state.neuron) return;
  state.neuron = neuron;
  at("neuron").value = neuron;
  document.body.dataset.neuron = neuron;
  again();
}

function pin(neuron) {
  state.pinned = neuron;
  state.neuron = -2;
  light(neuron);
}

// Whether arbors take up a good part of the brain, so that it is worth showing whole.
function runsFar() {
  const brain = here.source.outlines.filter((ring) => ring.structure === "brain" && ring.view === "AP-ML");
  if (!here.points || !brain.length) return true;
  const span = (values) => values.reduce((most, v) => Math.max(most, v), -Infinity)
    - values.reduce((least, v) => Math.min(least, v), Infinity);
  const along = (values, n) => Array.from(values).filter((_, j) => j % n === 0);
  return span(along(here.points, 3)) > 2.5 * span(brain.flatMap((ring) => along(ring.points, 2)));
}
