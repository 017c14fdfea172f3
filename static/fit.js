// Fits the floor to the screen: the largest text at which every queue, agent and call has a place, and pages where
// there is no such text. Reads the boxes that the style sheet gives and how many tiles there are; knows no call.
(function () {
  "use strict";

  const root = document.documentElement;
  const fitted = window.matchMedia("(min-width: 900px) and (min-height: 500px)");
  const onItsSide = window.matchMedia("(max-aspect-ratio: 4/5)");

  // Lengths below are in the floor's own unit (its text size), which itself is measured in rem, one per cent of
  // the shorter side of a 16:9 screen.
  const LARGEST = 3.2;
  const WANTED = 2.5; // readable from six metres
  const SMALLEST = 1.6;
  const STEP = 0.05;
  const GAP = 0.4;
  const ROW_GAP = 0.28;
  const TITLE = 1.65;
  const BETWEEN = 0.4;
  const STRETCH = 1.3;
  const CHARACTER = 0.54;
  const VISIT_HEIGHT = { wide: 7.0, roomy: 8.2, medium: 7.0, compact: 5.75, dense: 1.75 };
  const AGENT_HEIGHT = { roomy: 2.9, compact: 1.62, dense: 1.5 };
  const DENSITIES = [ // of visits, of agents, and the unit at which the next is not tried
    ["wide", "roomy", WANTED],
    ["roomy", "roomy", WANTED],
    ["medium", "roomy", WANTED],
    ["compact", "roomy", WANTED],
    ["medium", "compact", WANTED],
    ["compact", "compact", 2.1],
    ["dense", "compact", 1.9],
    ["dense", "dense", SMALLEST],
  ];
  const VISITS_AT_MOST = 0.45; // of the height, where not everything has a place

  const CALL_UNITS = [3.1, 2.8, 2.65, 2.5];
  const SMALL_CALL_UNITS = [2.5, 2.2, 1.9, 1.7];
  const TWO_LINES = 3.05; // a call's row, its gap included
  const ONE_LINE = 1.65;
  const CALLS_AT_MOST = 0.5; // of the height of a screen on its side
  const CALLS_AT_LEAST = 0.27;
  const KEPT_ROWS = 3; // of each less urgent panel, as long as every waiting caller has a place

  const OURS = /^(style|data-lines|data-off|data-first|data-paged|data-page)$/;
  const turns = window.wallboard.turns;

  let box = null; // what was measured last
  let shape = "";
  let mainCounts = "";
  let callCounts = "";
  let paged = [];

  // The morph would take away what is set below, as the server's HTML has no such attribute.
  Idiomorph.defaults.callbacks.beforeAttributeUpdated = function (name) {
    return !OURS.test(name);
  };

  function all(selector) {
    return Array.prototype.slice.call(document.querySelectorAll(selector));
  }

  function tilesOf(panel) {
    const list = panel.querySelector(".tiles");
    return list ? list.children : [];
  }

  function set(element, name, value) {
    if (element.style.getPropertyValue(name) !== String(value)) element.style.setProperty(name, value);
  }

  // --- queues and people ---------------------------------------------------------------------------------

  // What nineteen in twenty names need.
  function nameWidth(panels, least, most) {
    const lengths = [];
    panels.forEach(function (panel) {
      const names = panel.querySelectorAll("h3");
      for (let i = 0; i < names.length; i++) lengths.push(names[i].textContent.length);
    });
    lengths.sort(function (a, b) {
      return a - b;
    });
    const length = lengths.length ? lengths[Math.floor((lengths.length - 1) * 0.95)] : 0;
    return Math.max(least, Math.min(most, length * CHARACTER));
  }

  function sizesOf(visits, people) {
    const queue = nameWidth(visits, 5, 9);
    const name = nameWidth(people, 5, 10);
    return {
      visit: { wide: 13.8, roomy: Math.max(8.9, queue + 1.2), medium: Math.max(8.9, queue + 1.2), compact: 8.9, dense: queue + 5.4 },
      agent: { roomy: Math.max(8.4, name + 1.4), compact: name + 5, dense: name + 1.9 },
    };
  }

  function count(panels) {
    return panels.reduce(function (sum, panel) {
      return sum + Math.max(1, tilesOf(panel).length);
    }, 0);
  }

  // How many columns each panel of one row gets, in proportion to its tiles and at least one.
  function share(columns, panels) {
    let left = columns;
    let tiles = count(panels);
    return panels.map(function (panel, index) {
      const mine = count([panel]);
      const others = panels.length - index - 1;
      const given = Math.max(1, Math.min(left - others, Math.round((left * mine) / tiles)));
      left -= given;
      tiles -= mine;
      return given;
    });
  }

  function rowsOf(panels, columns) {
    return panels.reduce(function (most, panel, index) {
      return Math.max(most, Math.ceil(count([panel]) / columns[index]));
    }, 0);
  }

  function heightOf(rows, each) {
    return rows ? TITLE + rows * (each + ROW_GAP) : 0;
  }

  function plan(panels, tileWidth, tileHeight, width) {
    const columns = Math.max(panels.length, Math.floor((width + GAP) / (tileWidth + GAP)));
    const shares = share(Math.min(columns, Math.max(count(panels), 3)), panels);
    const rows = panels.length ? rowsOf(panels, shares) : 0;
    if (rows > 1 && panels.length > 1) shares.forEach(function (given, index) {
      shares[index] = Math.min(given, Math.ceil(count([panels[index]]) / rows));
    });
    return { columns: shares, rows: rows, height: heightOf(rows, tileHeight), fits: panels.length * (tileWidth + GAP) <= width + GAP };
  }

  function at(unit, density, visits, people, sizes) {
    const width = box.width / unit;
    const upper = plan(visits, sizes.visit[density[0]], VISIT_HEIGHT[density[0]], width);
    const lower = plan(people, sizes.agent[density[1]], AGENT_HEIGHT[density[1]], width);
    const between = visits.length && people.length ? BETWEEN : 0;
    return { unit: unit, density: density, upper: upper, lower: lower, spare: box.height / unit - upper.height - lower.height - between };
  }

  // The largest unit at which this density fits.
  function best(density, visits, people, sizes) {
    for (let unit = LARGEST; unit >= density[2] - STEP / 2; unit -= STEP) {
      const option = at(unit, density, visits, people, sizes);
      if (option.spare >= 0 && option.upper.fits && option.lower.fits) return option;
    }
    return null;
  }

  function choose(visits, people) {
    const sizes = sizesOf(visits, people);
    for (let i = 0; i < DENSITIES.length; i++) {
      const option = best(DENSITIES[i], visits, people, sizes);
      if (option) return option;
    }
    return cramped(at(SMALLEST, DENSITIES[DENSITIES.length - 1], visits, people, sizes), people);
  }

  // Not everything has a place: as many rows of each as there is room for, the rest on other pages.
  function cramped(option, people) {
    const height = box.height / option.unit;
    const visit = VISIT_HEIGHT.dense + ROW_GAP;
    const agent = AGENT_HEIGHT.dense + ROW_GAP;
    const kept = people.length ? Math.min(option.lower.height, height * (1 - VISITS_AT_MOST)) + BETWEEN : 0;
    option.upper.rows = Math.min(option.upper.rows, Math.max(1, Math.floor((height - kept - TITLE) / visit)));
    const left = height - heightOf(option.upper.rows, VISIT_HEIGHT.dense) - BETWEEN - TITLE;
    option.lower.rows = Math.min(option.lower.rows, Math.max(1, Math.floor(left / agent)));
    option.spare = 0;
    return option;
  }

  function apply(choice, visits, people) {
    const visit = VISIT_HEIGHT[choice.density[0]];
    const agent = AGENT_HEIGHT[choice.density[1]];
    const body = choice.upper.rows * visit + choice.lower.rows * agent;
    const stretch = Math.min(STRETCH, 1 + choice.spare / Math.max(1, body));
    set(root, "--unit", choice.unit.toFixed(2) + "rem");
    set(root, "--visit-height", (visit * stretch).toFixed(3) + "em");
    set(root, "--agent-height", (agent * stretch).toFixed(3) + "em");
    root.dataset.visits = choice.density[0];
    root.dataset.agents = choice.density[1];
    paged = divide(visits, choice.upper).concat(divide(people, choice.lower));
    root.dataset.tally = tallyFits(choice, people) ? "yes" : "no";
  }

  function tallyFits(choice, people) {
    const columns = choice.lower.columns[0] || 1;
    const cell = box.width / choice.unit / columns - GAP;
    return choice.density[1] === "roomy" && cell > nameWidth(people, 5, 20) + 4.6;
  }

  function divide(panels, plan) {
    panels.forEach(function (panel, index) {
      set(panel, "--columns", plan.columns[index]);
      set(panel, "flex-grow", plan.columns[index]);
    });
    return panels.map(function (panel, index) {
      return { id: panel.id, places: plan.rows * plan.columns[index] };
    });
  }

  // --- calls ---------------------------------------------------------------------------------------------

  // Whoever waits longest has two lines always; and so have the words that nobody is there.
  function roomFor(each) {
    if (each.lines === 2 || !each.rows) return TITLE + Math.max(1, each.shown) * TWO_LINES;
    return TITLE + each.shown * ONE_LINE + (each.led && each.shown ? TWO_LINES - ONE_LINE : 0);
  }

  function roomForAll(column) {
    return column.reduce(function (sum, each) {
      return sum + roomFor(each);
    }, 0);
  }

  function fill(column, unit, lines) {
    column.forEach(function (each) {
      each.shown = each.rows;
      each.lines = lines;
      each.unit = unit;
    });
  }

  // The panels stand in order of urgency: the last is put on single lines first, and cut first.
  function fitColumn(column, height) {
    for (let i = 0; i < CALL_UNITS.length; i++) {
      fill(column, CALL_UNITS[i], 2);
      if (roomForAll(column) * CALL_UNITS[i] <= height) return;
    }
    for (let i = 0; i < SMALL_CALL_UNITS.length; i++) {
      fill(column, SMALL_CALL_UNITS[i], 2);
      if (squeeze(column, height / SMALL_CALL_UNITS[i])) return;
    }
  }

  // Whether every caller who waits has a place then.
  function squeeze(column, room) {
    for (let i = column.length - 1; i >= 0 && roomForAll(column) > room; i--) column[i].lines = 1;
    [KEPT_ROWS, 1, 0].forEach(function (kept) {
      for (let i = column.length - 1; i >= 0; i--) {
        while (!column[i].led && column[i].shown > kept && roomForAll(column) > room) column[i].shown -= 1;
      }
    });
    const first = column[0];
    while (first.led && first.shown > 1 && roomForAll(column) > room) first.shown -= 1;
    return !first.led || first.shown === first.rows;
  }

  function columnsOf(panels) {
    const side = onItsSide.matches || !box.width;
    if (!side || panels.length < 2) return [panels];
    return [panels.slice(0, 1), panels.slice(1)];
  }

  function fitCalls(panels) {
    columnsOf(panels).forEach(function (group) {
      const column = group.map(function (panel) {
        return { panel: panel, rows: tilesOf(panel).length, led: panel.dataset.kind === "waiting", shown: 0, lines: 2, unit: WANTED };
      });
      if (column.length) fitColumn(column, box.callsHeight);
      column.forEach(dressCalls);
    });
  }

  function dressCalls(each) {
    const rows = tilesOf(each.panel);
    set(each.panel, "--calls-unit", each.unit + "rem");
    each.panel.dataset.lines = each.lines;
    for (let i = 0; i < rows.length; i++) turns.mark(rows[i], "data-off", i >= each.shown);
  }

  // On its side the calls lie below the floor, and take from it what the waiting callers need.
  function giveCalls(panels) {
    if (!onItsSide.matches || !panels.length || !document.querySelector(".main")) return;
    const floor = document.getElementById("board-floor").clientHeight;
    const waiting = panels[0].dataset.kind === "waiting" ? tilesOf(panels[0]).length : 0;
    const wanted = (TITLE + TWO_LINES + waiting * ONE_LINE) * WANTED * remOf();
    const given = Math.min(floor * CALLS_AT_MOST, Math.max(floor * CALLS_AT_LEAST, wanted));
    set(root, "--calls-height", Math.round(given) + "px");
  }

  // --- when ----------------------------------------------------------------------------------------------

  function remOf() {
    return parseFloat(getComputedStyle(root).fontSize);
  }

  function measure() {
    const rem = remOf();
    const main = document.querySelector(".main");
    const calls = document.querySelector(".calls");
    box = {
      width: main ? main.clientWidth / rem : 0,
      height: main ? main.clientHeight / rem : 0,
      callsHeight: calls ? calls.clientHeight / rem : 0,
    };
  }

  function countsOf(panels) {
    let counts = "";
    for (let i = 0; i < panels.length; i++) counts += panels[i].id + " " + tilesOf(panels[i]).length + " ";
    return counts;
  }

  function fit() {
    if (!fitted.matches) return loosen();
    const visits = all(".visits .panel");
    const people = all(".people .panel");
    const calls = all(".calls .panel");
    const callsNow = countsOf(calls);
    const shapeNow = [visits.length, people.length, calls.length, onItsSide.matches && callsNow].join();
    const again = box === null || shapeNow !== shape;
    if (again) giveCalls(calls);
    if (again) measure();
    shape = shapeNow;
    const mainNow = countsOf(visits.concat(people));
    if (again || mainNow !== mainCounts) apply(choose(visits, people), visits, people);
    mainCounts = mainNow;
    if (again || callsNow !== callCounts) fitCalls(calls);
    callCounts = callsNow;
    turns.show(paged);
  }

  function refit() {
    box = null;
    fit();
  }

  function loosen() {
    box = null;
    paged = [];
    root.removeAttribute("style");
    ["visits", "agents", "tally"].forEach(function (name) {
      delete root.dataset[name];
    });
    all(".panel, .tiles, .tiles > li, .title").forEach(function (element) {
      ["style", "data-lines", "data-off", "data-first", "data-paged", "data-page"].forEach(function (name) {
        if (element.hasAttribute(name)) element.removeAttribute(name);
      });
    });
    turns.show(paged);
  }

  // What hangs on the whole page, and stands in the footer because only that is swapped.
  function dress() {
    const footer = document.getElementById("board-footer");
    if (root.dataset.theme !== footer.dataset.theme) root.dataset.theme = footer.dataset.theme;
    const name = footer.querySelector("h1").textContent;
    if (name && document.title !== name) document.title = name;
  }

  function swapped() {
    dress();
    fit();
  }

  document.addEventListener("wallboard:swapped", swapped);
  window.addEventListener("resize", refit);
  new ResizeObserver(refit).observe(document.getElementById("board-floor"));
  fit();
})();
