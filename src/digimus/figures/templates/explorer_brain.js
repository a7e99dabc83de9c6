// Canvases

function canvas(label, ratio, draw, nearest) {
  const made = element("canvas", { role: "img", "aria-label": label });
  const view = { made, hits: [], draw() {
    const width = made.clientWidth || 300, dots = window.devicePixelRatio || 1;
    const height = width * ratio;
    made.style.height = `${height}px`;
    made.width = Math.round(width * dots);
    made.height = Math.round(height * dots);
    const pen = made.getContext("2d");
    pen.scale(dots, dots);
    pen.lineJoin = pen.lineCap = "round";
    made.dataset.drawn = draw(pen, width, height, view);
  } };
  const found = (event) => {
    const box = made.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let best = -1, least = nearest;
    for (const [k, px, py] of view.hits) {
      const away = Math.hypot(px - x, py - y);
      if (away < least) [best, least] = [k, away];
    }
    return best;
  };
  made.addEventListener("mousemove", (event) => {
    const k = found(event);
    light(k >= 0 ? k : state.pinned);
  });
  made.addEventListener("mouseleave", () => light(state.pinned));
  made.addEventListener("click", (event) => pin(found(event)));
  return view;
}

function spans() {
  const low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity];
  const grow = (axis, value) => {
    low[axis] = Math.min(low[axis], value);
    high[axis] = Math.max(high[axis], value);
  };
  const wanted = here.source.outlines.filter((ring) => ring.structure === (state.near ? here.region : "brain"));
  if (!state.near || !here.soma) {
    for (const ring of wanted) {
      const axes = ring.view.split("-").map((name) => AXES[name]);
      ring.points.forEach((value, j) => grow(axes[j % 2], 10 * value));
    }
  }
  if (state.near && here.soma) here.soma.forEach((value, j) => grow(j % 3, value));
  if (low[0] === Infinity) {
    (here.points || here.soma).forEach((value, j) => grow(j % 3, value));
  }
  const margin = state.near ? 400 : 200;
  return low.map((value, axis) => [value - margin, high[axis] + margin]);
}

function makeBrain() {
  views = [];
  at("brain-legend").replaceChildren();
  at("brain-tools").hidden = !here.soma;
  if (!here.soma) {
    at("brain").replaceChildren(missing(here.missing.brain || "because the places of its neurons are not known"));
    return;
  }
  const span = spans();
  const size = (name) => span[AXES[name]][1] - span[AXES[name]][0];
  at("brain").replaceChildren(...PLANES.map(([plane, words]) => {
    const [x, y] = plane.split("-");
    const view = canvas(`${here.region}, ${words}`, size(y) / size(x),
      (pen, width, height, own) => drawBrain(pen, width, own, plane, span), 14);
    views.push(view);
    const figure = element("figure", { style: `flex: ${size(x)} 1 0` });
    figure.append(view.made, element("figcaption", {}, `${words}; ${x} →, ${y} ↓, ${(size(x) / 1000).toFixed(1)} mm wide`));
    return figure;
  }));
  const outline = here.source.outlines.length ? "Outlines: the brain, and this region in black. "
    : "No outline, because the source has no annotation volume. ";
  const n = here.neurons.ids.length;
  const somas = n < here.n ? `${n} of ${here.n} neurons, at even steps. ` : "";
  const drawn = here.drawn ? here.drawn < n ? `Arbors of ${here.drawn} of them. ` : "" : "No arbor is reconstructed. ";
  at("brain-legend").textContent = outline + somas + drawn + "Dots: somas; a colour is a neuron. Lines join the middles "
    + "of voxels that an arbor runs through by the shortest tree: they show where it runs, not how it branches.";
}

function drawBrain(pen, width, view, plane, span) {
  const [x, y] = plane.split("-").map((name) => AXES[name]);
  const scale = width / (span[x][1] - span[x][0]);
  const px = (value) => (value - span[x][0]) * scale, py = (value) => (value - span[y][0]) * scale;
  let n = 0;
  for (const ring of here.source.outlines) {
    if (ring.view !== plane || !["brain", here.region].includes(ring.structure)) continue;
    pen.beginPath();
    for (let j = 0; j < ring.points.length; j += 2) pen.lineTo(px(10 * ring.points[j]), py(10 * ring.points[j + 1]));
    pen.closePath();
    pen.strokeStyle = ring.structure === "brain" ? "#aab1b9" : INK;
    pen.lineWidth = ring.structure === "brain" ? 1 : 1.4;
    pen.stroke();
  }
  const lit = state.neuron;
  const drawArbor = (arbor, strong) => {
    if (!at(`${arbor.kind}s`).checked) return;
    pen.beginPath();
    for (let j = arbor.start; j < arbor.start + arbor.n; j++) {
      if (here.parents[j] < 0) continue;
      const up = 3 * (arbor.start + here.parents[j]);
      pen.moveTo(px(here.points[up + x]), py(here.points[up + y]));
      pen.lineTo(px(here.points[3 * j + x]), py(here.points[3 * j + y]));
      n += 1;
    }
    pen.globalAlpha = strong ? 1 : lit >= 0 ? 0.16 : 0.45;
    pen.strokeStyle = HUES[arbor.neuron % HUES.length];
    pen.lineWidth = (strong ? 1.8 : 0.7) * (arbor.kind === "dendrite" ? 1.4 : 1);
    pen.stroke();
  };
  for (const arbor of here.arbors) if (arbor.neuron !== lit) drawArbor(arbor, false);
  for (const arbor of here.arbors) if (arbor.neuron === lit) drawArbor(arbor, true);
  view.hits = [];
  const count = here.soma.length / 3;
  for (const k of [...Array(count).keys(), ...(lit >= 0 ? [lit] : [])]) {
    const place = [px(here.soma[3 * k + x]), py(here.soma[3 * k + y])];
    view.hits.push([k, ...place]);
    pen.globalAlpha = k === lit || lit < 0 ? 1 : 0.35;
    disc(pen, place, k === lit ? 5 : 2.6, HUES[k % HUES.length], k === lit);
  }
  pen.globalAlpha = 1;
  return n + count;
}

function disc(pen, [x, y], r, fill, strong) {
  pen.beginPath();
  pen.arc(x, y, r, 0, 2 * Math.PI);
  pen.fillStyle = fill;
  pen.fill();
  pen.strokeStyle = strong ? INK : "#fff";
  pen.lineWidth = strong ? 1.6 : 0.6;
  pen.stroke();
}
