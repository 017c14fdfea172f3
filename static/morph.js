// How htmx brings a fragment into the page: what is there stays, and only what differs is touched. Knows no tile.
// A frame of a big floor holds hundreds of tiles of which one differs; a general morph takes far longer to see that.
(function () {
  "use strict";

  const OURS = /^(style|data-lines|data-off|data-first|data-paged|data-page)$/; // set by fit.js and turns.js
  const TICKING = ["data-since", "data-last-event", "data-utc-offset"]; // filled by timers.js
  const known = new WeakMap(); // what the server last said of a tile

  function match(old, fresh) {
    if (fresh.nodeType !== Node.ELEMENT_NODE) {
      if (old.data !== fresh.data) old.data = fresh.data;
      return;
    }
    if (ticksOn(old, fresh) || fresh.hasAttribute("data-same")) return;
    const keyed = fresh.querySelector("[id]") !== null;
    if (fresh.id && !keyed && isKnown(old, fresh)) return;
    takeAttributes(old, fresh);
    if (keyed) takeElements(old, fresh);
    else takeNodes(old, fresh);
  }

  function isKnown(old, fresh) {
    const html = fresh.outerHTML;
    if (known.get(old) === html) return true;
    known.set(old, html);
    return false;
  }

  function ticksOn(old, fresh) {
    return TICKING.some(function (name) {
      return fresh.hasAttribute(name) && old.getAttribute(name) === fresh.getAttribute(name);
    });
  }

  function takeAttributes(old, fresh) {
    const there = fresh.attributes;
    for (let i = 0; i < there.length; i++) {
      if (old.getAttribute(there[i].name) !== there[i].value) old.setAttribute(there[i].name, there[i].value);
    }
    if (old.attributes.length === there.length) return;
    for (let i = old.attributes.length - 1; i >= 0; i--) {
      const name = old.attributes[i].name;
      if (!fresh.hasAttribute(name) && !OURS.test(name)) old.removeAttribute(name);
    }
  }

  function alike(old, fresh) {
    if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) return false;
    return old.nodeType !== Node.ELEMENT_NODE || old.getAttribute("class") === fresh.getAttribute("class");
  }

  // Within a tile: node by node, in their order.
  function takeNodes(old, fresh) {
    let at = old.firstChild;
    let node = fresh.firstChild;
    while (node) {
      const next = node.nextSibling;
      if (at && alike(at, node)) {
        if (!at.isEqualNode(node)) match(at, node);
        at = at.nextSibling;
      } else {
        old.insertBefore(node, at);
      }
      node = next;
    }
    removeFrom(at, "nextSibling");
  }

  // Around the tiles: by their ids, and the white space between them does not matter.
  function takeElements(old, fresh) {
    const there = {};
    for (let node = fresh.firstElementChild; node; node = node.nextElementSibling) there[node.id] = true;
    for (let node = old.firstElementChild; node; ) {
      const next = node.nextElementSibling;
      if (node.id && !there[node.id]) old.removeChild(node);
      node = next;
    }
    let at = old.firstElementChild;
    for (let node = fresh.firstElementChild; node; ) {
      const next = node.nextElementSibling;
      const same = counterpart(old, at, node);
      if (!same && node.hasAttribute("data-same")) disagree();
      if (same && same === at) at = at.nextElementSibling;
      else old.insertBefore(same || node, at);
      if (same) match(same, node);
      node = next;
    }
    removeFrom(at, "nextElementSibling");
  }

  // A tile that should have stayed is not there: keeper.js asks for everything anew.
  function disagree() {
    document.body.dispatchEvent(new Event("htmx:oobErrorNoTarget"));
  }

  function counterpart(old, at, fresh) {
    if (!fresh.id) return at && !at.id && alike(at, fresh) ? at : null;
    const found = document.getElementById(fresh.id);
    return found && found.parentNode === old ? found : null;
  }

  function removeFrom(node, next) {
    while (node) {
      const after = node[next];
      node.parentNode.removeChild(node);
      node = after;
    }
  }

  // Brings a frame of the stream in: what htmx would do with its out-of-band fragments, by the shortest way. htmx
  // parses each answer as a document of its own, which costs an old television more than all the rest.
  function swap(html) {
    const frame = document.createElement("template");
    frame.innerHTML = html;
    for (let fresh = frame.content.firstElementChild; fresh; fresh = fresh.nextElementSibling) {
      const old = document.getElementById(fresh.id);
      if (old) match(old, fresh);
      else disagree();
    }
  }

  window.wallboard.swap = swap;
  htmx.defineExtension("morph", {
    isInlineSwap: function (style) {
      return style === "morph";
    },
    handleSwap: function (style, target, fragment) {
      if (style !== "morph") return false;
      match(target, fragment.firstElementChild);
      return [];
    },
  });
})();
