// Which television this is: an id of its own that outlives the page where the browser keeps anything, and a name
// that is given in the supervisor's list. `?tv=reception` in the address is an id for boxes that keep nothing, and
// tells two windows of one machine apart.
(function () {
  "use strict";

  const NAME_KEY = "wallboard.tv.name";
  const ID_KEY = "wallboard.tv.id";
  const memory = {};

  function keep(key, value) {
    memory[key] = value;
    try {
      localStorage.setItem(key, value);
    } catch (error) {} // forbidden or full: the page's own memory must do
  }

  function kept(key) {
    try {
      return localStorage.getItem(key) || memory[key] || "";
    } catch (error) {
      return memory[key] || "";
    }
  }

  function random() {
    const bytes = new Uint8Array(8);
    if (window.crypto) crypto.getRandomValues(bytes);
    return Array.prototype.map
      .call(bytes, function (byte) {
        const chance = window.crypto ? byte : Math.floor(Math.random() * 256);
        return (chance < 16 ? "0" : "") + chance.toString(16);
      })
      .join("");
  }

  const isDraft = (document.documentElement.getAttribute("data-slug") || "").indexOf("draft-") === 0;
  const given = /[?&]tv=([a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?)(?:&|$)/.exec(location.search);
  const id = given ? given[1] : kept(ID_KEY) || random();
  const nameKey = given ? NAME_KEY + "." + id : NAME_KEY;
  if (!given) keep(ID_KEY, id);

  window.wallboard.identity = {
    id: id,
    page: random(), // this load of the page
    isPreview: isDraft && window.top !== window, // in the supervisor's editor: no television, and silent
    name: function () {
      return kept(nameKey);
    },
    rename: function (name) {
      if (name !== kept(nameKey)) keep(nameKey, name);
    },
  };
})();
