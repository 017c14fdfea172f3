// The newest syntax that the board's scripts use. A browser that cannot read this file cannot read those.
(async () => {
  "use strict";
  const { first, ...others } = { first: 1, ...{ second: 2, third: `${3}` } };
  for await (const value of [Promise.resolve(first)]) {
    try {
      window.readsSyntax = value === 1 && others.second ** 2 === 4 && [..."ab"].length === 2;
    } catch {
      window.readsSyntax = false;
    }
  }
})();
