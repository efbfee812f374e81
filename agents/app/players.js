() => {
  // Players of one data-place share their place in time, across what Gradio renders anew, so that
  // switching between A and B goes on where the other was; one plays at a time.
  const places = new Map();
  const player = (event) =>
    event.target instanceof HTMLAudioElement && event.target.dataset.place ? event.target : null;
  const on = (name, act) =>
    document.addEventListener(name, (event) => {
      const one = player(event);
      if (one) act(one, one.dataset.place);
    }, true);
  on("timeupdate", (one, group) => {
    if (!one.paused) places.set(group, { at: one.currentTime, playing: true });
  });
  on("pause", (one, group) => {
    const place = places.get(group);
    if (place && one.isConnected) place.playing = false;
  });
  on("ended", (one, group) => places.set(group, { at: 0, playing: false }));
  on("loadedmetadata", (one, group) => {
    const place = places.get(group);
    if (!place || !group.startsWith("turns")) return;
    one.currentTime = Math.min(place.at, Math.max(0, one.duration - 0.05));
    if (place.playing) one.play().catch(() => {});
  });
  on("play", (one) => {
    for (const other of document.querySelectorAll("audio")) {
      if (other === one || other.paused) continue;
      if (other.dataset.place === one.dataset.place) one.currentTime = other.currentTime;
      other.pause();
    }
  });
  // X switches between two systems that are heard side by side, else between the original and the
  // turn heard last.
  let turn = 0;
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("textarea, input:not([type=radio], [type=checkbox])");
    if (event.key.toLowerCase() !== "x" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const pair = [...document.querySelectorAll("#compared audio")];
    const playing = pair.findIndex((one) => !one.paused);
    if (playing >= 0) return pair[1 - playing]?.play();
    const sides = [...document.querySelectorAll("#choice input")];
    const on = sides.findIndex((one) => one.checked);
    if (on > 0) turn = on;
    sides[on > 0 ? 0 : turn || sides.length - 1]?.click();
  });
  const live = () => {
    const status = document.getElementById("status");
    const talk = document.getElementById("talk");
    if (!status || !talk) return setTimeout(live, 100);
    status.setAttribute("role", "status");
    talk.setAttribute("role", "log");
    talk.setAttribute("aria-label", "Conversation");
    talk.setAttribute("tabindex", "0");
    // What was said last is in sight, after every turn and at every width.
    const last = () => {
      for (const one of [talk, ...talk.querySelectorAll("*")]) one.scrollTop = one.scrollHeight;
    };
    new MutationObserver(last).observe(talk, { childList: true, subtree: true });
    new ResizeObserver(last).observe(talk);
  };
  live();
}
