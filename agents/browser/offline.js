// Keeps every file of the page at its first use, and gives what is kept: the page works without a
// network. VERSION changes with the files; then all of them are fetched anew.
const VERSION = "lcr-0";

const SHELL = ["./", "look.css", "page.css", "page.js", "sound.js", "picture.js", "player.js", "files.json"];

addEventListener("install", (event) => event.waitUntil((async () => {
  await (await caches.open(VERSION)).addAll(SHELL);
  await skipWaiting();
})()));
addEventListener("activate", (event) => event.waitUntil((async () => {
  for (const name of await caches.keys()) if (name.startsWith("lcr-") && name !== VERSION) await caches.delete(name);
  await clients.claim();
})()));
addEventListener("fetch", (event) => {
  if (event.request.method !== "GET" || new URL(event.request.url).origin !== location.origin) return;
  event.respondWith((async () => {
    const kept = await caches.open(VERSION);
    const found = await kept.match(event.request, { ignoreSearch: true });
    if (found) return found;
    const answer = await fetch(event.request);
    if (answer.ok && answer.status === 200) await kept.put(event.request, answer.clone());
    return answer;
  })());
});
