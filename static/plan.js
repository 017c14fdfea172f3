// What size of text a screen has room for: the largest at which every queue, agent and call has a place, and how many
// have one where there is no such text. Knows numbers only, and no page: fit.js measures and dresses that.
(function () {
  "use strict";

  // Lengths are in the floor's own unit (its text size), which itself is measured in rem, one per cent of
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
  const CALLS_AT_MOST = 0.53; // of the height of a screen on its side
  const CALLS_AT_LEAST = 0.27;
  const KEPT_ROWS = 3; // of each less urgent panel, as long as every waiting caller has a place

  // --- queues and people ---------------------------------------------------------------------------------
  // Of each panel only how many tiles it has matters: `visits` and `people` are such numbers, one for each panel.

  // What nineteen in twenty names need.
  function nameWidth(lengths, least, most) {
    const ranked = lengths.slice().sort(function (a, b) {
      return a - b;
    });
    const length = ranked.length ? ranked[Math.floor((ranked.length - 1) * 0.95)] : 0;
    return Math.max(least, Math.min(most, length * CHARACTER));
  }

  function sizesOf(floor) {
    const queue = nameWidth(floor.visitNames, 5, 9);
    const name = nameWidth(floor.peopleNames, 5, 10);
    return {
      visit: { wide: 13.8, roomy: Math.max(8.9, queue + 1.2), medium: Math.max(8.9, queue + 1.2), compact: 8.9, dense: queue + 5.4 },
      agent: { roomy: Math.max(8.4, name + 1.4), compact: name + 5, dense: name + 1.9 },
    };
  }

  function sum(counts) {
    return counts.reduce(function (all, count) {
      return all + count;
    }, 0);
  }

  // How many columns each panel of one row gets, in proportion to its tiles and at least one.
  function share(columns, counts) {
    let left = columns;
    let tiles = sum(counts);
    return counts.map(function (mine, index) {
      const others = counts.length - index - 1;
      const given = Math.max(1, Math.min(left - others, Math.round((left * mine) / tiles)));
      left -= given;
      tiles -= mine;
      return given;
    });
  }

  function rowsOf(counts, columns) {
    return counts.reduce(function (most, mine, index) {
      return Math.max(most, Math.ceil(mine / columns[index]));
    }, 0);
  }

  function heightOf(rows, each) {
    return rows ? TITLE + rows * (each + ROW_GAP) : 0;
  }

  function plan(counts, tileWidth, tileHeight, width) {
    const columns = Math.max(counts.length, Math.floor((width + GAP) / (tileWidth + GAP)));
    const shares = share(Math.min(columns, Math.max(sum(counts), 3)), counts);
    const rows = counts.length ? rowsOf(counts, shares) : 0;
    if (rows > 1 && counts.length > 1) shares.forEach(function (given, index) {
      shares[index] = Math.min(given, Math.ceil(counts[index] / rows));
    });
    return { columns: shares, rows: rows, height: heightOf(rows, tileHeight), fits: counts.length * (tileWidth + GAP) <= width + GAP };
  }

  function at(unit, density, floor, sizes) {
    const width = floor.width / unit;
    const upper = plan(floor.visits, sizes.visit[density[0]], VISIT_HEIGHT[density[0]], width);
    const lower = plan(floor.people, sizes.agent[density[1]], AGENT_HEIGHT[density[1]], width);
    const between = floor.visits.length && floor.people.length ? BETWEEN : 0;
    return { unit: unit, density: density, upper: upper, lower: lower, spare: floor.height / unit - upper.height - lower.height - between };
  }

  // The largest unit at which this density fits.
  function best(density, floor, sizes) {
    for (let unit = LARGEST; unit >= density[2] - STEP / 2; unit -= STEP) {
      const option = at(unit, density, floor, sizes);
      if (option.spare >= 0 && option.upper.fits && option.lower.fits) return option;
    }
    return null;
  }

  function choose(floor) {
    const sizes = sizesOf(floor);
    for (let i = 0; i < DENSITIES.length; i++) {
      const option = best(DENSITIES[i], floor, sizes);
      if (option) return option;
    }
    return cramped(at(SMALLEST, DENSITIES[DENSITIES.length - 1], floor, sizes), floor);
  }

  // Not everything has a place: as many rows of each as there is room for, the rest on other pages.
  function cramped(option, floor) {
    const height = floor.height / option.unit;
    const visit = VISIT_HEIGHT.dense + ROW_GAP;
    const agent = AGENT_HEIGHT.dense + ROW_GAP;
    const kept = floor.people.length ? Math.min(option.lower.height, height * (1 - VISITS_AT_MOST)) + BETWEEN : 0;
    option.upper.rows = Math.min(option.upper.rows, Math.max(1, Math.floor((height - kept - TITLE) / visit)));
    const left = height - heightOf(option.upper.rows, VISIT_HEIGHT.dense) - BETWEEN - TITLE;
    option.lower.rows = Math.min(option.lower.rows, Math.max(1, Math.floor(left / agent)));
    option.spare = 0;
    return option;
  }

  // `floor`: width and height of the box in rem, visits and people, and how long the names of each are.
  function floorPlan(floor) {
    const choice = choose(floor);
    const visit = VISIT_HEIGHT[choice.density[0]];
    const agent = AGENT_HEIGHT[choice.density[1]];
    const body = choice.upper.rows * visit + choice.lower.rows * agent;
    const stretch = Math.min(STRETCH, 1 + choice.spare / Math.max(1, body));
    const cell = floor.width / choice.unit / (choice.lower.columns[0] || 1) - GAP;
    return {
      unit: choice.unit,
      density: choice.density,
      visitHeight: visit * stretch,
      agentHeight: agent * stretch,
      visits: choice.upper,
      people: choice.lower,
      tally: choice.density[1] === "roomy" && cell > nameWidth(floor.peopleNames, 5, 20) + 4.6,
    };
  }

  // --- calls ---------------------------------------------------------------------------------------------
  // A column of panels: each has `rows` and whether it is `led` by who waits longest; it gets `unit`, `lines` of each
  // row, and how many rows are `shown`.

  // Whoever waits longest has two lines always; and so have the words that nobody is there.
  function roomFor(each) {
    if (each.lines === 2 || !each.rows) return TITLE + Math.max(1, each.shown) * TWO_LINES;
    return TITLE + each.shown * ONE_LINE + (each.led && each.shown ? TWO_LINES - ONE_LINE : 0);
  }

  function roomForAll(column) {
    return column.reduce(function (room, each) {
      return room + roomFor(each);
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
  function callsPlan(column, height) {
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

  // On a screen on its side the calls lie below the floor, and take of its height what the waiting callers need.
  function callsHeight(waiting, height) {
    const wanted = (TITLE + TWO_LINES + waiting * ONE_LINE) * WANTED;
    return Math.min(height * CALLS_AT_MOST, Math.max(height * CALLS_AT_LEAST, wanted));
  }

  window.wallboard.plan = { floor: floorPlan, calls: callsPlan, callsHeight: callsHeight };
})();
