"use strict";
document.documentElement.classList.add("script");

// Claims by verdict
const verdicts = document.querySelectorAll(".filter button");
for (const button of verdicts) {
  button.addEventListener("click", () => {
    for (const other of verdicts) other.setAttribute("aria-pressed", String(other === button));
    const wanted = button.dataset.verdict;
    let shown = 0;
    for (const row of document.querySelectorAll("tr[data-verdict]")) {
      row.hidden = wanted !== "" && row.dataset.verdict !== wanted;
      shown += row.hidden ? 0 : 1;
    }
    for (const group of document.querySelectorAll(".claim-group")) {
      group.hidden = !group.querySelector("tr[data-verdict]:not([hidden])");
    }
    document.getElementById("claims-shown").textContent = `${shown} shown`;
  });
}

// Figures at full size
const large = document.getElementById("large");
for (const picture of document.querySelectorAll("figure img")) {
  const open = () => {
    large.querySelector("img").src = picture.src;
    large.querySelector("img").alt = picture.alt;
    large.querySelector("strong").textContent = picture.closest("figure").dataset.title;
    large.showModal();
  };
  picture.tabIndex = 0;
  picture.setAttribute("role", "button");
  picture.addEventListener("click", open);
  picture.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      open();
    }
  });
}
large.querySelector("[data-do=size]").addEventListener("click", () => large.classList.toggle("whole"));
large.querySelector("[data-do=close]").addEventListener("click", () => large.close());
large.addEventListener("click", (event) => {
  if (event.target === large) large.close();
});

// A rule with what it needs and what it feeds
for (const box of document.querySelectorAll(".rules g[data-rule]")) {
  const light = (on) => {
    const rule = box.dataset.rule;
    box.classList.toggle("chosen", on);
    for (const line of document.querySelectorAll(".rules path")) {
      if (line.dataset.start !== rule && line.dataset.end !== rule) continue;
      line.classList.toggle("on", on);
      const other = line.dataset.start === rule ? line.dataset.end : line.dataset.start;
      document.querySelector(`.rules g[data-rule="${other}"]`).classList.toggle("on", on);
    }
  };
  for (const name of ["mouseenter", "focus"]) box.addEventListener(name, () => light(true));
  for (const name of ["mouseleave", "blur"]) box.addEventListener(name, () => light(false));
}

// The section that is being read
const places = [...document.querySelectorAll("nav a[href^='#']")]
  .map((link) => [document.getElementById(link.hash.slice(1)), link])
  .filter(([target]) => target)
  .sort(([a], [b]) => (a.compareDocumentPosition(b) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1));
let waiting = false;
const mark = () => {
  waiting = false;
  const read = places.filter(([target]) => target.getBoundingClientRect().top < 80).pop() || places[0];
  for (const [, link] of places) link.classList.toggle("here", read && link === read[1]);
};
window.addEventListener("scroll", () => {
  if (!waiting) requestAnimationFrame(mark);
  waiting = true;
}, { passive: true });
mark();
