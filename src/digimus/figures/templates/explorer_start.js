// Starting

at("source").replaceChildren(...DATA.sources.filter((s) => DATA.regions.some((r) => r.source === s.name))
  .map((s) => element("option", { value: s.name }, s.name)));
at("source").addEventListener("change", (event) => choose(DATA.regions.findIndex((r) => r.source === event.target.value)));
at("region").addEventListener("change", (event) => choose(Number(event.target.value)));
at("neuron").addEventListener("change", (event) => pin(Number(event.target.value)));
for (const [id, step] of [["before", -1], ["after", 1]]) {
  at(id).addEventListener("click", () => choose((state.region + step + DATA.regions.length) % DATA.regions.length));
}
for (const name of ["measure", "near", "plane"]) {
  for (const button of document.querySelectorAll(`[data-${name}]`)) {
    button.addEventListener("click", () => {
      state[name] = button.dataset[name];
      if (name === "measure") state.wanted = state.measure;
      everything();
    });
  }
}
for (const id of ["axons", "dendrites", "least"]) at(id).addEventListener("input", again);
window.addEventListener("resize", again);
at("explorer").hidden = false;
const asked = location.hash.slice(1).split("/").map(decodeURIComponent);
choose(Math.max(0, DATA.regions.findIndex((r) => r.source === asked[0] && r.region === asked[1])));
