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
  // One player at a time; versions of one example share their place in it, so that they can be
  // compared by ear, and X switches between the two that were heard last.
  const players = Array.from(document.querySelectorAll("audio"));
  let now = null, before = null;
  for (const player of players) {
    player.addEventListener("play", function () {
      if (now && now !== player) {
        before = now.closest(".example") === player.closest(".example") ? now : null;
        if (before && !before.paused) { player.currentTime = before.currentTime; }
        now.pause();
      }
      now = player;
    });
  }
  document.addEventListener("keydown", function (event) {
    if (event.key.toLowerCase() !== "x" || event.ctrlKey || event.metaKey || event.altKey || !now) { return; }
    const all = now.closest(".example").querySelectorAll("audio");
    const other = before || (now === all[0] ? all[all.length - 1] : all[0]);
    if (now.paused) { other.currentTime = now.currentTime; }
    other.play().catch(function () {});
  });
})();
