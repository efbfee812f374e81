"use strict";
(function () {
  const select = document.getElementById("task-filter");
  const count = document.getElementById("task-count");
  const examples = Array.from(document.querySelectorAll(".example"));
  if (select && count) {
    document.getElementById("filter").hidden = false;
    const apply = function () {
      let shown = 0;
      for (const example of examples) {
        example.hidden = select.value !== "" && example.dataset.task !== select.value;
        shown += example.hidden ? 0 : 1;
      }
      count.textContent = shown + " of " + examples.length + " examples";
    };
    select.addEventListener("change", apply);
    apply();
  }
  // One player at a time, so that versions can be compared by ear.
  const players = Array.from(document.querySelectorAll("audio"));
  for (const player of players) {
    player.addEventListener("play", function () {
      for (const other of players) {
        if (other !== player) { other.pause(); }
      }
    });
  }
})();
