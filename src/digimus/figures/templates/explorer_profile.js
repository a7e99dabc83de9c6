// The profile

function triad(x, y, edges, size = 22) {
  const places = { A: [x, y + size], B: [x + size / 2, y], C: [x + size, y + size] };
  const group = element("g");
  for (const pair of ["AB", "BC", "AC"]) {
    const back = pair[1] + pair[0], there = edges.includes(pair), returned = edges.includes(back);
    if (!there && !returned) continue;
    const [start, stop] = (there ? pair : back).split("").map((node) => places[node]);
    const length = Math.hypot(stop[0] - start[0], stop[1] - start[1]);
    const [dx, dy] = [(stop[0] - start[0]) / length, (stop[1] - start[1]) / length];
    const ends = [[start[0] + 4 * dx, start[1] + 4 * dy], [stop[0] - 4 * dx, stop[1] - 4 * dy]];
    group.append(element("line", { x1: ends[0][0], y1: ends[0][1], x2: ends[1][0], y2: ends[1][1], stroke: INK }));
    for (const [end, sign] of there && returned ? [[1, 1], [0, -1]] : [[1, 1]]) {
      const [tx, ty] = ends[end], [ux, uy] = [dx * sign, dy * sign];
      group.append(element("path", { fill: INK, d: `M${tx},${ty} L${tx - 5 * ux - 2.4 * uy},${ty - 5 * uy + 2.4 * ux} ` +
        `L${tx - 5 * ux + 2.4 * uy},${ty - 5 * uy - 2.4 * ux} Z` }));
    }
  }
  for (const [px, py] of Object.values(places)) group.append(element("circle", { cx: px, cy: py, r: 2.6, fill: INK }));
  return group;
}

const squeezed = (v) => Math.sign(v) * Math.log10(1 + Math.abs(v) / 2);

function drawProfile() {
  const place = at("profile");
  const { measure } = state;
  at("profile-legend").textContent = "";
  const rows = measure === "frequency"
    ? [{ name: "share of the thirteen connected triads", values: [here.frequency], p: [], expected: [] }]
    : here.nulls.map((n) => ({ ...n, values: n[measure] })).filter((n) => n.values[0].some((v) => v !== null));
  const known = rows.some((row) => row.values[0].some((v) => v !== null));
  if (!known) {
    place.replaceChildren(missing(here.missing.profile || "because no null graphs were sampled (motifs.nulls)"));
    return;
  }
  const left = 222, wide = 62, high = measure === "frequency" ? 150 : 96, top = 56;
  const height = top + rows.length * (high + 14) + 8, width = left + wide * 13 + 12;
  const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `${measure} of thirteen triads in ${here.region} against ${rows.length} null models` });
  DATA.triads.forEach((one, k) => {
    const x = left + wide * (k + 0.5);
    svg.append(triad(x - 11, 4, one.edges), element("text", { x, y: 44, "text-anchor": "middle" }, one.name));
  });
  const f = measure === "z" ? squeezed : (v) => v;
  const all = rows.flatMap((row) => [...row.values.flat(), ...(measure === "z" ? [] : row.expected)])
    .filter((v) => v !== null);
  const low = Math.min(0, ...all.map(f)), tall = Math.max(f(measure === "z" ? 2 : 1e-6), ...all.map(f));
  const margin = 0.06 * (tall - low);
  rows.forEach((row, r) => {
    const base = top + r * (high + 14);
    const y = (v) => base + high * (1 - (f(v) - low + margin) / (tall - low + 2 * margin));
    drawRow(svg, row, base, high, y, measure, { left, wide, width });
  });
  place.replaceChildren(svg);
  at("profile-legend").textContent = measure === "frequency"
    ? "Shares add up to one. No null model: shares of sparse graphs differ from those of dense ones by themselves."
    : "Point and line: estimate and its 95 % interval" + (measure === "z" ? " (over drawn graphs)" : " (over neurons)") +
      "; filled: corrected p < .05. " + (measure === "z" ? "The scale is linear below 2 and logarithmic above. " +
      "Excess: the sum of squared z over the classes, median over drawn graphs."
      : "Grey tick: what the null model itself has over density and reciprocity.");
}

function drawRow(svg, row, base, high, y, measure, { left, wide, width }) {
  svg.append(element("rect", { x: left, y: base, width: width - left - 12, height: high, fill: "#f6f8fa" }));
  svg.append(element("text", { x: 0, y: base + 14 }, row.null ? "against" : ""),
    element("text", { x: 0, y: base + (row.null ? 28 : 14), "font-weight": 600 }, row.name));
  const marks = measure === "z" ? [-100, -10, -2, 0, 2, 10, 100]
    : measure === "frequency" ? [0, 0.1, 0.2, 0.4, 0.6, 0.8] : [-4, -2, -1, -0.5, 0, 0.5, 1, 2, 4];
  let last = Infinity;
  for (const mark of marks) {
    const at_ = y(mark);
    if (at_ < base || at_ > base + high || last - at_ < 12) continue;
    last = at_;
    svg.append(element("line", { x1: left, x2: width - 12, y1: at_, y2: at_, class: mark ? "axis" : "axis zero" }),
      element("text", { x: left - 6, y: at_ + 4, "text-anchor": "end", class: "soft" }, minus(mark)));
  }
  DATA.triads.forEach((one, k) => {
    const [value, lower, upper] = row.values.map((column) => column[k]);
    const x = left + wide * (k + 0.5);
    const said = `${one.name}: ${value === null ? "not available" : minus(value)}` +
      (lower == null ? "" : ` (${minus(lower)} to ${minus(upper)})`) +
      (row.p[k] == null ? "" : `, corrected p ${row.p[k]}`);
    const group = element("g", { class: "point" });
    group.append(element("title", {}, said));
    if (value === null) {
      group.append(element("text", { x, y: base + high / 2, "text-anchor": "middle", class: "soft" }, "n/a"));
      svg.append(group);
      return;
    }
    const hue = measure === "frequency" ? INK : value > 0 ? OUT : IN;
    if (measure === "enrichment" && row.expected[k] != null) {
      const tick = y(row.expected[k]);
      group.append(element("line", { x1: x - 14, x2: x + 14, y1: tick, y2: tick, stroke: "#8b949e", "stroke-width": 2 }));
    }
    if (measure === "frequency") {
      group.append(element("rect", { x: x - 16, width: 32, y: y(value), height: Math.max(y(0) - y(value), 0.5), fill: hue }));
    } else {
      if (lower != null) {
        group.append(element("line", { x1: x, x2: x, y1: y(lower), y2: y(upper), stroke: hue, "stroke-width": 2 }));
      }
      group.append(element("circle", { cx: x, cy: y(value), r: 4.5, stroke: hue, "stroke-width": 1.6,
        fill: row.p[k] !== null && row.p[k] < 0.05 ? hue : "#fff" }));
    }
    svg.append(group);
  });
}

function drawVerdicts() {
  if (!here.verdicts.length) {
    at("verdicts").replaceChildren();
    return;
  }
  const table = element("table"), head = element("tr");
  for (const name of ["null model", "excess of the whole profile", "corrected p", "verdict"]) {
    head.append(element("th", {}, name));
  }
  table.append(head);
  for (const row of here.verdicts) {
    const line = element("tr");
    for (const [k, cell] of row.entries()) line.append(element("td", {}, k ? cell : NULLS[cell] || cell));
    table.append(line);
  }
  at("verdicts").replaceChildren(table);
}
