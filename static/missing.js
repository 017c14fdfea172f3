// A television that stands before a board that is not there: looks again and again, and shows it when it is back.
(function () {
  "use strict";

  const LOOK_EVERY = 5000; // milliseconds

  function look() {
    fetch(location.href, { cache: "no-store", credentials: "same-origin", redirect: "error" })
      .then(function (response) {
        if (response.status === 200) location.reload();
      })
      .catch(function () {});
  }

  setInterval(look, LOOK_EVERY);
})();
