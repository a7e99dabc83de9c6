// The graph

function makeGraph() {
  at("graph-tools").hidden = !here.p;
  at("graph-legend").replaceChildren();
  if (!here.p) {
    at("graph").replaceChildren(missing(here.missing.graph || "because this region has no graph"));
    return;
  }
  const view = canvas(`Graph of ${here.region}: ${here.neurons.ids.length} neurons`, 0.72, drawGraph, 14);
  views.push(view);
  at("graph").replaceChildren(view.made);
}

function places(width, height) {
  const n = here.neurons.ids.length, room = 16;
  if (state.plane === "circle") {
    return Array.from({ length: n }, (_, k) => {
      const angle = 2 * Math.PI * k / n - Math.PI / 2;
      return [width / 2 + (width / 2 - room) * Math.cos(angle), height / 2 + (height / 2 - room) * Math.sin(angle)];
    });
  }
  const axes = state.plane.split("-").map((name) => AXES[name]);
  const column = (axis) => Array.from({ length: n }, (_, k) => here.soma[3 * k + axis]);
  const ends = axes.map((axis) => [Math.min(...column(axis)), Math.max(...column(axis))]);
  const scale = Math.min((width - 2 * room) / Math.max(ends[0][1] - ends[0][0], 1),
    (height - 2 * room) / Math.max(ends[1][1] - ends[1][0], 1));
  const offset = ends.map(([low, high], j) => ([width, height][j] - (high - low) * scale) / 2);
  return Array.from({ length: n }, (_, k) => axes.map((axis, j) => offset[j] + (here.soma[3 * k + axis] - ends[j][0]) * scale));
}

function drawGraph(pen, width, height, view) {
  const least = Number(at("least").value), lit = state.neuron, where = places(width, height);
  at("least-shown").textContent = least.toFixed(2);
  const returned = new Set();
  const sent = new Set();
  const n = where.length;
  for (let e = 0; e < here.p.length; e++) if (here.p[e] >= least) sent.add(here.pre[e] * n + here.post[e]);
  for (const key of sent) if (sent.has((key % n) * n + Math.floor(key / n))) returned.add(key);
  let drawn = 0;
  const edge = (e, hue, alpha, thick) => {
    const [a, b] = [where[here.pre[e]], where[here.post[e]]];
    const length = Math.hypot(b[0] - a[0], b[1] - a[1]) || 1;
    const [dx, dy] = [(b[0] - a[0]) / length, (b[1] - a[1]) / length];
    const bend = 0.08 * length, end = [b[0] - 5 * dx, b[1] - 5 * dy];
    pen.globalAlpha = alpha;
    pen.strokeStyle = pen.fillStyle = hue;
    pen.lineWidth = thick;
    pen.beginPath();
    pen.moveTo(...a);
    pen.quadraticCurveTo((a[0] + b[0]) / 2 - dy * bend, (a[1] + b[1]) / 2 + dx * bend, ...end);
    pen.stroke();
    const [ux, uy] = [dx + 0.16 * dy, dy - 0.16 * dx];
    pen.beginPath();
    pen.moveTo(...end);
    pen.lineTo(end[0] - 6 * ux - 2.4 * uy, end[1] - 6 * uy + 2.4 * ux);
    pen.lineTo(end[0] - 6 * ux + 2.4 * uy, end[1] - 6 * uy - 2.4 * ux);
    pen.fill();
    drawn += 1;
  };
  for (let e = 0; e < here.p.length; e++) {
    if (here.p[e] < least || here.pre[e] === lit || here.post[e] === lit) continue;
    edge(e, SOFT, lit >= 0 ? 0.1 : 0.12 + 0.4 * here.p[e], 0.8);
  }
  let out = 0, into = 0;
  for (let e = 0; e < here.p.length; e++) {
    if (here.p[e] < least || (here.pre[e] !== lit && here.post[e] !== lit)) continue;
    const both = returned.has(here.pre[e] * n + here.post[e]), sends = here.pre[e] === lit;
    edge(e, both ? BOTH : sends ? OUT : IN, 0.35 + 0.65 * here.p[e], 1.5);
    if (sends) out += 1;
    else into += 1;
  }
  pen.globalAlpha = 1;
  view.hits = where.map((place, k) => [k, ...place]);
  where.forEach((place, k) => disc(pen, place, k === lit ? 6.5 : 4, HUES[k % HUES.length], k === lit));
  graphLegend(drawn, lit, out, into);
  return drawn;
}

function graphLegend(drawn, lit, out, into) {
  const { graph } = here;
  const parts = [];
  if (lit >= 0) {
    for (const [hue, words] of [[OUT, `sends to (${out} edges)`], [IN, `receives from (${into})`], [BOTH, "both ways"]]) {
      parts.push(element("i", { style: `background: ${hue}` }), words);
    }
    parts.push(". ");
  }
  const left = graph.share < 0.9995 ? ` The page holds those that carry ${(100 * graph.share).toFixed(1)} % of the sum.` : "";
  parts.push(`${drawn} of ${graph.n} possible edges drawn; the darker, the more probable. Places: ${
    state.plane === "circle" ? "on a circle, in the order of the table" : "somas"}.${left}`);
  at("graph-legend").replaceChildren(...parts);
}

// One neuron

function drawCard() {
  const card = at("card"), k = state.neuron, { ids, words } = here.neurons;
  at("card-title").textContent = k >= 0 ? `Neuron ${ids[k]}` : "Neuron";
  if (k < 0) {
    card.replaceChildren(ids.length
      ? element("p", { class: "small" }, "Point at a neuron in the brain or in the graph, or choose one above. A click keeps it.")
      : missing(here.missing.graph || "because this region has no neurons"));
    return;
  }
  const [brain, hemisphere, axon, dendrite, targets, flags] = words[k];
  let sends = 0, receives = 0;
  for (let e = 0; e < here.p.length; e++) {
    if (here.pre[e] === k) sends += here.p[e];
    if (here.post[e] === k) receives += here.p[e];
  }
  const list = element("dl");
  for (const [name, value] of [["brain", brain], ["hemisphere", hemisphere], ["axon", axon], ["dendrite", dendrite],
    ["axon lies in", targets], ["flags", flags], ["expected targets", sends.toFixed(1)],
    ["expected inputs", receives.toFixed(1)]]) {
    if (value) list.append(element("dt", {}, name), element("dd", {}, value));
  }
  card.replaceChildren(list, participation(k));
}

function participation(k) {
  const rows = here.ratio && Array.from(here.ratio.slice(13 * k, 13 * k + 13));
  if (!rows || rows.every(Number.isNaN)) return missing("because its part in motifs was not counted");
  const wide = 34, high = 120, left = 44, top = 36;
  const svg = element("svg", { viewBox: `0 0 ${left + 13 * wide} ${top + high + 8}`, role: "img", id: "participation",
    "aria-label": "its part in each triad against the mean of the region" });
  const y = (v) => top + high / 2 - Math.max(-3, Math.min(3, v)) * high / 6;
  for (const [mark, words] of [[-3, "⅛"], [-2, "¼"], [-1, "½"], [0, "1"], [1, "2"], [2, "4"], [3, "8"]]) {
    svg.append(element("line", { x1: left, x2: left + 13 * wide, y1: y(mark), y2: y(mark), class: mark ? "axis" : "axis zero" }),
      element("text", { x: left - 8, y: y(mark) + 4, "text-anchor": "end", class: "soft" }, words));
  }
  DATA.triads.forEach((one, j) => {
    const x = left + wide * (j + 0.5), group = element("g");
    group.append(triad(x - 8, 6, one.edges, 16));
    if (Number.isNaN(rows[j])) {
      group.append(element("text", { x, y: y(0) - 4, "text-anchor": "middle", class: "soft" }, "n/a"));
    } else {
      const v = Math.log2(Math.max(rows[j], 1e-9)), [a, b] = [y(Math.max(v, 0)), y(Math.min(v, 0))];
      group.append(element("rect", { x: x - 9, width: 18, y: a, height: Math.max(b - a, 0.8), fill: v > 0 ? OUT : IN }));
    }
    group.append(element("title", {}, `${one.name}: ${Number.isNaN(rows[j]) ? "no neuron is in one" : rows[j].toPrecision(3)}`));
    svg.append(group);
  });
  const box = element("div");
  box.append(element("p", { class: "small" }, "Its part in each triad over the mean of the region's neurons (cut off at ⅛ and 8):"), svg);
  return box;
}
