// Fits the floor to the screen: the largest text at which every queue, agent and urgent call has a place.
// Reads the box that the style sheet gives and how many tiles there are; knows no call and no connection.
(function () {
  "use strict";

  const root = document.documentElement;
  const fitted = window.matchMedia("(orientation: landscape) and (min-width: 900px) and (min-height: 500px)");

  // All sizes below are in the floor's own unit (its text size), which itself is measured in rem,
  // one per cent of a 16:9 screen's height.
  const LARGEST = 2.9;
  const WANTED = 2.05; // readable from six metres
  const SMALLEST = 0.7;
  const GAP = 0.4;
  const TITLE = 1.9;
  const BETWEEN = 0.8;
  const STRETCH = 1.25;
  const VISIT = { roomy: [10.6, 7.1], compact: [11.4, 5.3], dense: [8.6, 1.75] };
  const AGENT = { roomy: [10.6, 3.2], compact: [10.2, 1.8], dense: [6.6, 1.5] };
  const DENSITIES = [ // of visits, of agents, and the unit at which the next is not tried
    ["roomy", "roomy", WANTED],
    ["compact", "roomy", WANTED],
    ["roomy", "compact", WANTED],
    ["compact", "compact", 1.7],
    ["dense", "compact", 1.6],
    ["compact", "dense", 1.5],
    ["dense", "dense", SMALLEST],
  ];
  const CALL_UNITS = [2.7, 2.5, 2.3, 2.1]; // rem; what follows is in this unit
  const ROW = [2.9, 1.6]; // a call on two lines or on one, its gap included
  const CALL_TITLE = 2;
  const KEPT_ROWS = 3; // of each less urgent panel, however many are urgent
  const WANTED_CALLS = 2.1;

  // The morph would take away what is set below, as the server's HTML has no such attribute.
  Idiomorph.defaults.callbacks.beforeAttributeUpdated = function (name) {
    return name !== "style" && name !== "data-lines";
  };

  function count(panels) {
    let sum = 0;
    for (let i = 0; i < panels.length; i++) sum += Math.max(1, panels[i].querySelectorAll(".tiles > li").length);
    return sum;
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

  function plan(panels, size, width, unit) {
    const columns = Math.max(panels.length, Math.floor((width / unit + GAP) / (size[0] + GAP)));
    const needed = Math.min(columns, Math.max(count(panels), 3));
    const shares = share(needed, panels);
    const rows = rowsOf(panels, shares);
    const height = panels.length ? TITLE + rows * (size[1] + GAP) : 0;
    return { columns: shares, rows: rows, height: height, fits: panels.length * (size[0] + GAP) <= width / unit + GAP };
  }

  // The largest unit at which this density fits, and its plan.
  function best(density, visits, people, width, height) {
    for (let unit = LARGEST; unit >= SMALLEST; unit -= 0.05) {
      const upper = plan(visits, VISIT[density[0]], width, unit);
      const lower = plan(people, AGENT[density[1]], width, unit);
      const total = upper.height + lower.height + (visits.length && people.length ? BETWEEN : 0);
      if (total * unit <= height && upper.fits) {
        return { unit: unit, density: density, upper: upper, lower: lower, spare: height / unit - total };
      }
    }
    return null;
  }

  function choose(visits, people, width, height) {
    for (let i = 0; i < DENSITIES.length; i++) {
      const option = best(DENSITIES[i], visits, people, width, height);
      if (option && option.unit >= DENSITIES[i][2]) return option;
    }
    return { unit: SMALLEST, density: ["dense", "dense"], upper: plan(visits, VISIT.dense, width, SMALLEST), lower: plan(people, AGENT.dense, width, SMALLEST), spare: 0 };
  }

  function set(element, name, value) {
    if (element.style.getPropertyValue(name) !== String(value)) element.style.setProperty(name, value);
  }

  function apply(choice, visits, people) {
    const visit = VISIT[choice.density[0]][1];
    const agent = AGENT[choice.density[1]][1];
    const body = choice.upper.rows * visit + choice.lower.rows * agent;
    const stretch = Math.min(STRETCH, 1 + choice.spare / Math.max(1, body));
    set(root, "--unit", choice.unit.toFixed(2) + "rem");
    set(root, "--visit-height", (visit * stretch).toFixed(2) + "em");
    set(root, "--agent-height", (agent * stretch).toFixed(2) + "em");
    root.dataset.visits = choice.density[0];
    root.dataset.agents = choice.density[1];
    visits.forEach(function (panel, index) {
      set(panel, "--columns", choice.upper.columns[index]);
      set(panel, "flex-grow", choice.upper.columns[index]);
    });
    people.forEach(function (panel, index) {
      set(panel, "--columns", choice.lower.columns[index]);
      set(panel, "flex-grow", choice.lower.columns[index]);
    });
  }

  function roomFor(rows, lines) {
    return rows.reduce(function (sum, number, index) {
      return sum + CALL_TITLE + Math.max(1, number) * ROW[2 - lines[index]];
    }, 0);
  }

  // The panels stand in order of urgency: the last is put on single lines first, and cut first.
  function fitCalls(panels, height) {
    const rows = panels.map(function (panel) {
      return panel.querySelectorAll(".tiles > li").length;
    });
    const lines = rows.map(function () {
      return 2;
    });
    const unit = CALL_UNITS.find(function (size) {
      return roomFor(rows, lines) * size <= height;
    });
    const room = height / (unit || WANTED_CALLS);
    set(root, "--calls-unit", (unit || WANTED_CALLS) + "rem");
    for (let i = panels.length - 1; i >= 0 && roomFor(rows, lines) > room; i--) lines[i] = 1;
    let left = room - panels.length * CALL_TITLE;
    panels.forEach(function (panel, index) {
      const row = ROW[2 - lines[index]];
      const kept = (panels.length - index - 1) * KEPT_ROWS * ROW[1];
      const shown = Math.max(0, Math.floor((left - kept) / row));
      left -= Math.max(1, Math.min(rows[index], shown)) * row;
      cut(panel, rows[index], shown, lines[index]);
    });
  }

  function cut(panel, rows, shown, lines) {
    const list = panel.querySelector(".tiles");
    panel.dataset.lines = lines;
    if (list) set(list, "max-height", (shown * ROW[2 - lines]).toFixed(2) + "em");
    more(panel, Math.max(0, rows - shown));
  }

  function more(panel, cutHere) {
    const hidden = Number(panel.dataset.hidden) + cutHere;
    const text = hidden ? "+" + hidden + " more" : "";
    const place = panel.querySelector(".more");
    if (place.textContent !== text) place.textContent = text;
  }

  function all(selector) {
    return Array.prototype.slice.call(document.querySelectorAll(selector));
  }

  function loosen() {
    root.removeAttribute("style");
    delete root.dataset.visits;
    delete root.dataset.agents;
    all(".panel, .panel .tiles").forEach(function (element) {
      element.removeAttribute("style");
      delete element.dataset.lines;
    });
    all('.panel[data-kind="calls"]').forEach(function (panel) {
      more(panel, 0);
    });
  }

  function fit() {
    if (!fitted.matches) return loosen();
    const rem = parseFloat(getComputedStyle(root).fontSize);
    const floor = document.getElementById("board-floor");
    const calls = floor.querySelector(".calls");
    const width = (floor.clientWidth - calls.offsetWidth) / rem - 1.6;
    const height = floor.clientHeight / rem;
    const visits = all(".visits .panel");
    const people = all(".people .panel");
    apply(choose(visits, people, width, height), visits, people);
    fitCalls(all(".calls .panel"), height);
  }

  document.addEventListener("wallboard:swapped", fit);
  window.addEventListener("resize", fit);
  fit();
})();
