// Fits the floor to the screen: measures the boxes that the style sheet gives, counts the tiles, and dresses them as
// plan.js says. It does so when a box or the number of tiles changes, and not at every update. Knows no call.
(function () {
  "use strict";

  const root = document.documentElement;
  const fitted = window.matchMedia("(min-width: 900px) and (min-height: 500px)");
  const onItsSide = window.matchMedia("(max-aspect-ratio: 4/5)");
  const plan = window.wallboard.plan;
  const turns = window.wallboard.turns;

  let floor = null; // what was measured last, in rem, and the panels by what they hold
  let mainCounts = "";
  let callCounts = "";
  let dressed = new WeakMap(); // by panel of calls: the size and lines that it has
  let loose = false;

  function panelsIn(selector) {
    return Array.prototype.slice.call(document.querySelectorAll(selector + " .panel"));
  }

  function tilesOf(panel) {
    const list = panel.lastElementChild;
    return list.className === "tiles" ? list.children : [];
  }

  function set(element, name, value) {
    if (element.style.getPropertyValue(name) !== String(value)) element.style.setProperty(name, value);
  }

  // --- queues and people ---------------------------------------------------------------------------------

  function countOf(panel) {
    return Math.max(1, tilesOf(panel).length);
  }

  function nameLengths(panels) {
    const lengths = [];
    panels.forEach(function (panel) {
      const names = panel.querySelectorAll("h3");
      for (let i = 0; i < names.length; i++) lengths.push(names[i].textContent.length);
    });
    return lengths;
  }

  function fitMain() {
    const wanted = plan.floor({
      width: floor.width,
      height: floor.height,
      visits: floor.visits.map(countOf),
      people: floor.people.map(countOf),
      visitNames: nameLengths(floor.visits),
      peopleNames: nameLengths(floor.people),
    });
    set(root, "--unit", wanted.unit.toFixed(2) + "rem");
    set(root, "--visit-height", wanted.visitHeight.toFixed(3) + "em");
    set(root, "--agent-height", wanted.agentHeight.toFixed(3) + "em");
    root.dataset.visits = wanted.density[0];
    root.dataset.agents = wanted.density[1] === "tight" ? "compact" : wanted.density[1];
    root.dataset.tally = wanted.tally ? "yes" : "no";
    turns.page(divide(floor.visits, wanted.visits).concat(divide(floor.people, wanted.people)));
  }

  function divide(panels, wanted) {
    return panels.map(function (panel, index) {
      set(panel, "--columns", wanted.columns[index]);
      set(panel, "flex-grow", wanted.columns[index]);
      return { panel: panel, places: wanted.rows * wanted.columns[index] };
    });
  }

  // --- calls ---------------------------------------------------------------------------------------------

  function columnsOf(panels) {
    const apart = floor.onItsSide || !floor.width;
    if (!apart || panels.length < 2) return [panels];
    return [panels.slice(0, 1), panels.slice(1)];
  }

  function fitCalls() {
    columnsOf(floor.calls).forEach(function (panels) {
      const column = panels.map(function (panel) {
        return { panel: panel, rows: tilesOf(panel).length, led: panel.getAttribute("data-kind") === "waiting", shown: 0, lines: 2, unit: 0 };
      });
      if (column.length) plan.calls(column, floor.callsHeight);
      column.forEach(dressCalls);
    });
  }

  function dressCalls(each) {
    const looks = each.unit + " " + each.lines;
    const cut = each.rows - each.shown;
    if (dressed.get(each.panel) !== looks) {
      each.panel.style.setProperty("--calls-unit", each.unit + "rem");
      each.panel.dataset.lines = each.lines;
      dressed.set(each.panel, looks);
    }
    if (!cut && !turns.cutOf(each.panel)) return; // none has a mark, and what has come has none
    const rows = tilesOf(each.panel);
    for (let i = 0; i < rows.length; i++) turns.mark(rows[i], "data-off", i >= each.shown);
    turns.countCut(each.panel, cut);
  }

  // True if the calls get another height than they had.
  function giveCalls() {
    const calls = floor.calls;
    if (!floor.onItsSide || !calls.length || !floor.width) return false;
    const waiting = calls[0].dataset.kind === "waiting" ? tilesOf(calls[0]).length : 0;
    const given = Math.round(plan.callsHeight(waiting, floor.wholeHeight) * floor.rem) + "px";
    if (root.style.getPropertyValue("--calls-height") === given) return false;
    root.style.setProperty("--calls-height", given);
    return true;
  }

  // --- when ----------------------------------------------------------------------------------------------

  function measure() {
    const rem = parseFloat(getComputedStyle(root).fontSize);
    const main = document.querySelector(".main");
    const calls = document.querySelector(".calls");
    floor = {
      rem: rem,
      onItsSide: onItsSide.matches,
      wholeHeight: document.getElementById("board-floor").clientHeight / rem,
      width: main ? main.clientWidth / rem : 0,
      height: main ? main.clientHeight / rem : 0,
      callsHeight: calls ? calls.clientHeight / rem : 0,
      visits: panelsIn(".visits"),
      people: panelsIn(".people"),
      calls: panelsIn(".calls"),
    };
    mainCounts = callCounts = "";
  }

  function countsOf(panels) {
    let counts = "";
    for (let i = 0; i < panels.length; i++) counts += tilesOf(panels[i]).length + " ";
    return counts;
  }

  function fit() {
    if (floor === null && !fitted.matches) return loosen();
    loose = false;
    if (floor === null) measure();
    if (giveCalls()) measure();
    const main = countsOf(floor.visits) + countsOf(floor.people);
    const calls = countsOf(floor.calls);
    if (main !== mainCounts) fitMain();
    if (calls !== callCounts) fitCalls();
    mainCounts = main;
    callCounts = calls;
    if (!root.hasAttribute("data-fitted")) root.setAttribute("data-fitted", "");
  }

  function refit() {
    floor = null;
    fit();
    document.dispatchEvent(new Event("wallboard:turned"));
  }

  // On a telephone the page scrolls, and the style sheet alone says how.
  function loosen() {
    if (loose) return;
    loose = true;
    turns.forget();
    dressed = new WeakMap();
    root.removeAttribute("style");
    ["visits", "agents", "tally"].forEach(function (name) {
      delete root.dataset[name];
    });
    const all = document.querySelectorAll(".panel, .tiles, .tiles > li, .title");
    for (let i = 0; i < all.length; i++) {
      ["style", "data-lines", "data-off", "data-first", "data-paged", "data-page"].forEach(function (name) {
        if (all[i].hasAttribute(name)) all[i].removeAttribute(name);
      });
    }
    const titles = document.querySelectorAll(".title");
    for (let i = 0; i < titles.length; i++) {
      const hidden = Number(titles[i].dataset.hidden);
      titles[i].lastElementChild.textContent = hidden ? "+" + hidden + " more" : "";
    }
  }

  // What hangs on the whole page, and stands in the footer because only that is swapped.
  function dress() {
    const name = document.getElementById("board-name");
    if (root.dataset.theme !== name.dataset.theme) root.dataset.theme = name.dataset.theme;
    if (name.textContent && document.title !== name.textContent) document.title = name.textContent;
  }

  function isPanels(list) {
    return !list.closest(".panel");
  }

  // Tiles came, went or changed places; or only something in them is new.
  function swapped(event) {
    const changed = event.detail;
    if (changed.tiles.indexOf(document.getElementById("board-name")) >= 0) dress();
    if (changed.lists.some(isPanels)) floor = null;
    if (floor === null || changed.lists.length) fit();
    turns.show(changed);
  }

  document.addEventListener("wallboard:swapped", swapped);
  window.addEventListener("resize", refit);
  new ResizeObserver(refit).observe(document.getElementById("board-floor"));
  refit();
})();
